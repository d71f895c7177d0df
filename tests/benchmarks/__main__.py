"""`python -m tests.benchmarks`: the suites, one at a time."""

import time
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from tests.benchmarks.house import forget_seeded
from tests.benchmarks.report import Row, append, show

SHOP = ("click", "checkout", "setup")
ENGINE = ("domains", "explain", "publish", "price_span")  # of the configuration engine: these take models
RACES = ("fjsp", "fjsp_sdst", "tardiness", "flowshop")  # of the scheduling engine against others, on instances
MADE = ("shop", "planted", "growth", "shop_full")  # on shops that generators make
BOOKS = ("promise", "rolling", "promise_full")  # on books of orders
SCHEDULING = dict.fromkeys(RACES, "race") | dict.fromkeys(MADE, "made") | dict.fromkeys(BOOKS, "books")
SUITES = (*SHOP, *ENGINE, *SCHEDULING)


@click.command()
@click.option("--suite", "suites", multiple=True, type=click.Choice(SUITES), help="Only these; all by default.")
@click.option("--out", type=click.Path(path_type=Path), help="Append JSON lines to this file.")
@click.option("--full", is_flag=True, help="The long settings.")
@click.option("--models", type=click.Path(path_type=Path), help="The folder with models for the configuration engine.")
@click.option("--only", default="", help="Only models or instances with these names (patterns, separated by commas).")
@click.option("--instances", type=click.Path(path_type=Path), help="The folder with instances for the scheduler.")
@click.option("--seconds", type=click.FloatRange(0.1), help="Of the schedulers, instead of 10 (60 with --full).")
@click.option("--peers", default="", help="The Python that has the packages of peers.lock.")
def main(
    suites: tuple[str, ...], out: Path | None, full: bool, models: Path | None, only: str, peers: str,
    instances: Path | None, seconds: float | None,
) -> None:
    """Run the benchmark suites and print their tables."""
    for given in (models, instances):
        if given is not None and not given.is_dir():
            raise click.UsageError(f"{given} is not a folder.")
    patterns = tuple(part.strip() for part in only.split(",") if part.strip())
    try:
        for name in suites or SUITES:
            started = time.perf_counter()
            settings: dict[str, Any] = {"full": full}
            if name in ENGINE:
                settings |= {"folder": models, "only": patterns}
            if name == "domains":
                settings["peers"] = peers
            if name in SCHEDULING:
                settings |= {"suite": name, "only": patterns, "seconds": seconds}
            if name in RACES:
                settings |= {"folder": instances, "peers": peers}
            rows: list[Row] = []
            module = f"scheduling.{SCHEDULING[name]}" if name in SCHEDULING else name
            suite = import_module(f"tests.benchmarks.{module}")
            for row in suite.run(**settings):
                rows.append(row)
                if out is not None:
                    append([row], out)
            getattr(suite, "show", show)(rows)
            click.echo(f"suite {name}: {time.perf_counter() - started:.0f} s")
    finally:
        forget_seeded()


if __name__ == "__main__":
    main()
