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
SUITES = (*SHOP, *ENGINE)


@click.command()
@click.option("--suite", "suites", multiple=True, type=click.Choice(SUITES), help="Only these; all by default.")
@click.option("--out", type=click.Path(path_type=Path), help="Append JSON lines to this file.")
@click.option("--full", is_flag=True, help="The long settings.")
@click.option("--models", type=click.Path(path_type=Path), help="The folder with models for the configuration engine.")
@click.option("--only", default="", help="Only the models with these names (patterns, separated by commas).")
@click.option("--peers", default="", help="The Python that has the packages of peers.lock.")
def main(
    suites: tuple[str, ...], out: Path | None, full: bool, models: Path | None, only: str, peers: str
) -> None:
    """Run the benchmark suites and print their tables."""
    if models is not None and not models.is_dir():
        raise click.UsageError(f"{models} is not a folder.")
    patterns = tuple(part.strip() for part in only.split(",") if part.strip())
    try:
        for name in suites or SUITES:
            started = time.perf_counter()
            settings: dict[str, Any] = {"full": full}
            if name in ENGINE:
                settings |= {"folder": models, "only": patterns}
            if name == "domains":
                settings["peers"] = peers
            rows: list[Row] = []
            suite = import_module(f"tests.benchmarks.{name}")
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
