"""Suites `fjsp`, `fjsp_sdst`, `tardiness` and `flowshop`: our engine, PyJobShop and plain CP-SAT on the same instances.

Each engine gets the same seconds on the same core, in a process of its own; every answer goes through the same judge.
The gap is over the best value known, or, where there is none, over the best of the run.
"""

import json
import math
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from solver.scheduling.check import violations
from solver.scheduling.schedule import evaluate
from tests.benchmarks.apart import Apart, Ended, Overdue
from tests.benchmarks.report import Row, pivot
from tests.benchmarks.scheduling.instances import MAKESPAN, Instance, instances, scheduling_folder
from tests.benchmarks.scheduling.statement import schedule_of, statement

OURS = "tests.benchmarks.scheduling.ours"
PEERS = {"pyjobshop": "tests.benchmarks.peers.pyjobshop", "cpsat": "tests.benchmarks.peers.cpsat_shop"}
SHORT, LONG, LONGEST = 10.0, 60.0, 300.0
FEW = 3  # instances that get the longest time, those with the most operations
GRACE = 120.0  # seconds to state a model and to stop, beside the engine's time
KERNELS_SECONDS = 1200.0
COLUMNS = ("objective", "gap_percent", "seconds", "bound", "objective_300s", "gap_percent_300s")


@dataclass(frozen=True, slots=True)
class Answer:
    """What an engine found: NaN where it found nothing, and then why."""

    objective: float
    seconds: float
    bound: float = math.nan
    note: str = ""


def run(
    *, suite: str, full: bool, folder: Path | None, only: Sequence[str], peers: str, seconds: float | None
) -> Iterator[Row]:
    """Rows of every instance and engine; then the mean and the worst gap of each engine."""
    limit = seconds or (LONG if full else SHORT)
    found = list(instances(folder or scheduling_folder(), suite, only))
    longest = sorted(found, key=_size)[-FEW:] if full and seconds is None else []
    gaps: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory(prefix="bench-shops-") as made:
        for number, instance in enumerate(found):
            click.echo(f"[{number + 1}/{len(found)}] {instance.name}", err=True)
            path = Path(made, "statement.json")
            path.write_text(json.dumps(statement(instance)))
            yield from _rows(suite, instance, _race(instance, path, limit, peers), "", gaps)
            if instance in longest:
                yield from _rows(suite, instance, _race(instance, path, LONGEST, peers), "_300s", {})
    for engine, values in gaps.items():
        for name, value in (("mean", sum(values) / len(values)), ("worst", max(values))):
            yield Row(suite, name, engine, "gap_percent", value, "%", f"{len(values)} of {len(found)} instances")


def show(rows: Sequence[Row]) -> None:
    """The table."""
    pivot(rows, COLUMNS)


def _size(instance: Instance) -> int:
    return sum(len(job.steps) for job in instance.shop.jobs)


def _race(instance: Instance, path: Path, seconds: float, peers: str) -> dict[str, Answer]:
    answers = {"ours": _asked(instance, OURS, sys.executable, {"ask": "schedule", "path": str(instance.path)}, seconds)}
    for name, module in PEERS.items():
        answers[name] = _asked(instance, module, peers or sys.executable, {"statement": str(path)}, seconds)
    return answers


def _asked(instance: Instance, module: str, python: str, question: dict[str, Any], seconds: float) -> Answer:
    try:
        with Apart(module, python) as process:
            if module == OURS:
                process.ask({"ask": "ready"}, KERNELS_SECONDS)
            said = process.ask(question | {"seconds": seconds}, seconds + GRACE)
    except (Ended, Overdue) as error:
        return Answer(math.nan, math.nan, note=str(error))
    if "error" in said:
        return Answer(math.nan, math.nan, note=said["error"])
    bound = math.nan if said["bound"] is None else float(said["bound"])
    if not said["rows"]:
        return Answer(math.nan, said["seconds"], bound, "no schedule found")
    return judged(instance, said, bound)


def judged(instance: Instance, said: dict[str, Any], bound: float) -> Answer:
    """The judge's figures; a schedule that breaks a rule counts as none."""
    problem, schedule = instance.problem(), schedule_of(instance, said["rows"])
    wrong = violations(problem, schedule)
    if wrong:
        note = f"{len(wrong)} violations, first {wrong[0].subject}: {wrong[0].what}"
        return Answer(math.nan, said["seconds"], bound, note)
    found = evaluate(problem, schedule)
    objective = found.makespan if instance.goal == MAKESPAN else found.tardiness
    return Answer(float(objective), said["seconds"], bound)


def gap_percent(value: float, best: float) -> float:
    """How far above the best, in percent; of a best of 0 the value itself counts as so many whole ones."""
    return 100 * (value - best) / max(1.0, best)


def _rows(
    suite: str, instance: Instance, answers: dict[str, Answer], suffix: str, gaps: dict[str, list[float]]
) -> Iterator[Row]:
    values = [answer.objective for answer in answers.values() if not math.isnan(answer.objective)]
    best = instance.best if instance.best is not None else min(values, default=math.nan)
    over = "" if instance.best is not None else "over the best of the run"
    for engine, answer in answers.items():
        gap = gap_percent(answer.objective, best)
        if not math.isnan(gap):
            gaps.setdefault(engine, []).append(gap)
        yield Row(suite, instance.name, engine, f"objective{suffix}", answer.objective, "", answer.note)
        yield Row(suite, instance.name, engine, f"gap_percent{suffix}", gap, "%", over or answer.note)
        yield Row(suite, instance.name, engine, f"seconds{suffix}", answer.seconds, "s", answer.note)
        if not math.isnan(answer.bound):
            yield Row(suite, instance.name, engine, f"bound{suffix}", answer.bound, "")
