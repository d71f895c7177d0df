"""Suite `price_span`: for every option the lowest and the highest price of any variant that has it.

First the bounds that are there at once ("from about"), then the exact ends within a second. Prices are random. Beside
it, `nearest`: what else changes with each other option, for all of them in one call.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.benchmarks.apart import Apart, Ended, Overdue
from tests.benchmarks.domains import Settings, asked, each_source, percentile, read
from tests.benchmarks.models import Source
from tests.benchmarks.report import Row

SUITE = "price_span"
SECONDS = 1.0  # for the exact spans
LENGTHS = (0, 1, 2, 4, 6)  # decisions before the question
CHECKED = 2  # options of each answer that CP-SAT confirms
SMALL = 1_000  # options of models that are checked: of larger ones a search for the cheapest takes minutes


def run(*, full: bool, folder: Path | None = None, only: Sequence[str] = ()) -> Iterator[Row]:
    """All models."""
    settings = Settings.of(full=full, folder=folder, only=only, peers="")
    for source, files in each_source(settings):
        yield from _measure(source, files, settings, full=full)


def _measure(source: Source, files: Path, settings: Settings, *, full: bool) -> Iterator[Row]:
    name = source.name
    bounds, exact, nearest = [], [], []
    options = settled = wrong = checked = 0
    try:
        with Apart("tests.benchmarks.ours") as process:
            model = read(process, source, files, settings.ready)
            asked(process, "publish", settings.publish + 60, seconds=settings.publish)
            small = model["choices"] <= SMALL
            for seed in range(10 if full else 2):
                for length in LENGTHS:
                    check = CHECKED if small else 0
                    more = asked(process, "spans", 300, seed=seed, length=length, seconds=SECONDS, checked=check)
                    bounds.append(more["bounds_ms"])
                    exact.append(more["exact_ms"])
                    nearest.append(more["nearest_ms"])
                    options += more["options"]
                    settled += more["exact"]
                    wrong += more["wrong"]
                    checked += check
    except (Ended, Overdue) as error:
        yield Row(SUITE, name, "ours", "bounds_ms", float("nan"), "ms", f"not measured: {error}")
        return
    note = f"median of {len(bounds)} questions, each for every option"
    yield Row(SUITE, name, "ours", "bounds_ms", percentile(bounds, 50), "ms", note)
    yield Row(SUITE, name, "ours", "bounds_max_ms", max(bounds), "ms")
    yield Row(SUITE, name, "ours", "exact_ms", percentile(exact, 50), "ms", f"within {SECONDS:.0f} s")
    yield Row(SUITE, name, "ours", "exact_max_ms", max(exact), "ms")
    yield Row(SUITE, name, "ours", "exact_share", settled / options if options else 1.0, "", f"of {options:,} spans")
    yield Row(SUITE, name, "ours", "nearest_ms", percentile(nearest, 50), "ms", "all other options in one call")
    yield Row(SUITE, name, "ours", "nearest_max_ms", max(nearest), "ms")
    yield Row(SUITE, name, "ours", "wrong", wrong, "count", f"{checked} spans confirmed by CP-SAT")
