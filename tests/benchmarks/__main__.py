"""`python -m tests.benchmarks`: the suites, one at a time."""

import time
from importlib import import_module
from pathlib import Path

import click

from tests.benchmarks.house import forget_seeded
from tests.benchmarks.report import append, show

SUITES = ("click", "checkout", "setup")


@click.command()
@click.option("--suite", "suites", multiple=True, type=click.Choice(SUITES), help="Only these; all by default.")
@click.option("--out", type=click.Path(path_type=Path), help="Append JSON lines to this file.")
@click.option("--full", is_flag=True, help="The long settings.")
def main(suites: tuple[str, ...], out: Path | None, full: bool) -> None:
    """Run the benchmark suites and print their tables."""
    try:
        for name in suites or SUITES:
            started = time.perf_counter()
            rows = list(import_module(f"tests.benchmarks.{name}").run(full=full))
            show(rows)
            click.echo(f"suite {name}: {time.perf_counter() - started:.0f} s")
            if out is not None:
                append(rows, out)
    finally:
        forget_seeded()


if __name__ == "__main__":
    main()
