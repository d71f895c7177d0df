"""Suite `explain`: why a decision is refused (a minimal conflict), and what to change (the best repair).

Refused decisions are drawn at random after random sessions. `conflict`: from the question to the conflict, proved
minimal. `repair`: from the question to the best repair, which includes its conflict. CP-SAT confirms some of each.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tests.benchmarks.apart import Apart, Ended, Overdue
from tests.benchmarks.domains import LENGTH, Settings, asked, each_source, percentile, read
from tests.benchmarks.models import Source
from tests.benchmarks.report import Row

SUITE = "explain"
EACH = 10  # refused decisions after a session
CHECKED_SECONDS = 10.0  # a model, for what CP-SAT confirms
LIMIT = 30.0  # seconds of explaining a model


def run(*, full: bool, folder: Path | None = None, only: Sequence[str] = ()) -> Iterator[Row]:
    """All models."""
    settings = Settings.of(full=full, folder=folder, only=only, peers="")
    for source, files in each_source(settings):
        yield from _measure(source, files, settings)


def _measure(source: Source, files: Path, settings: Settings) -> Iterator[Row]:
    conflicts: list[float] = []
    repairs: list[float] = []
    wrong: list[str] = []
    checked = 0
    note = ""
    try:
        with Apart("tests.benchmarks.ours") as process:
            read(process, source, files, settings.ready)
            asked(process, "publish", settings.publish + 60, seconds=settings.publish)
            left = CHECKED_SECONDS
            for number in range(settings.sessions + 1):
                more: dict[str, Any] = asked(
                    process, "conflicts", 600, seed=number, length=LENGTH, count=EACH if number else 1, seconds=left,
                )
                checked += more["checked"]
                wrong.extend(more["wrong"])
                told = int(not note and bool(more["conflicts"]))
                note = note or _first(more)  # what it takes to get ready is told apart
                if number:
                    left = max(0.0, left - CHECKED_SECONDS / 5)
                conflicts.extend(more["conflicts"][told:])
                repairs.extend(more["repairs"][told:])
                if sum(conflicts) + sum(repairs) > LIMIT * 1000:
                    note += f"; stopped at its limit after {number} of {settings.sessions} sessions"
                    break
    except (Ended, Overdue) as error:
        yield Row(SUITE, source.name, "ours", "conflict_p99_ms", float("nan"), "ms", f"not measured: {error}")
        return
    note = f"{len(conflicts)} refused decisions{note}"
    for name, values in (("conflict", conflicts), ("repair", repairs)):
        for percent in (50, 99):
            row_note = note if name == "conflict" and percent == 50 else ""
            yield Row(SUITE, source.name, "ours", f"{name}_p{percent}_ms", percentile(values, percent), "ms", row_note)
    faults = "; ".join(sorted(set(wrong)))
    yield Row(SUITE, source.name, "ours", "wrong", len(wrong), "count", faults or f"{checked} confirmed by CP-SAT")


def _first(more: dict[str, Any]) -> str:
    if not more["conflicts"]:
        return ""
    return f"; the very first conflict {more['conflicts'][0]:.0f} ms, its repair {more['repairs'][0]:.0f} ms"
