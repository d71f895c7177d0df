"""The judge: every rule of a schedule in plain Python, without a solver and without the book's data structures.

It is the specification. *Facts* are operations that are started or finished: they happened as they happened, so they
are not judged by themselves or against each other, only what is still open is judged against them.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from math import inf

from solver.scheduling.problem import (
    Fixing,
    Line,
    MatrixId,
    Operation,
    OperationId,
    Placement,
    SchedulingProblem,
    SetupMatrix,
    WorkOrder,
)
from solver.scheduling.schedule import Schedule

FACTS = frozenset({Fixing.STARTED, Fixing.FINISHED})


class Rule(StrEnum):
    """The rules of a schedule."""

    UNKNOWN = "unknown"  # a placement of nothing, or on a line that cannot make it
    MISSING = "missing"  # an operation without a placement
    CALENDAR = "calendar"  # start outside the windows, wrong end, or an operation in two windows that may not pause
    OVERLAP = "overlap"  # a line makes two things at once
    SETUP = "setup"  # too little working time since the operation before it on the line
    PRECEDENCE = "precedence"  # starts before what it waits for
    RELEASE = "release"  # starts before its order's release
    NOW = "now"  # is free and starts in the past
    MATERIAL = "material"  # takes what is not there, or what a later operation needs
    FIXED = "fixed"  # is not where it is fixed


@dataclass(frozen=True, slots=True)
class Violation:
    """One rule broken by one subject (an operation, or a material); `what` says it in words."""

    kind: Rule
    subject: str
    what: str = field(compare=False)


def violations(problem: SchedulingProblem, schedule: Schedule) -> tuple[Violation, ...]:
    """Everything that is wrong with `schedule`, sorted; empty means that it can be made."""
    operations = {o.id: o for order in problem.orders for o in order.operations}
    facts = {operation for operation, (fixing, _) in problem.fixed.items() if fixing in FACTS}
    known = {
        key: placement
        for key, placement in schedule.placements.items()
        if key in operations
        and placement.operation == key
        and any(mode.line == placement.line for mode in operations[key].modes)
    }
    found = {
        Violation(Rule.UNKNOWN, key, f"{key} cannot be made on {placement.line}.")
        for key, placement in schedule.placements.items()
        if key not in known
    }
    found.update(_missing(problem, schedule))
    found.update(_moved(problem, known))
    for order in problem.orders:
        found.update(_order(problem, order, known, facts))
    for line in problem.lines:
        found.update(_calendar(line, operations, known, facts))
        found.update(_line(problem, line, operations, known, facts))
    found.update(_materials(problem, operations, known, facts))
    return tuple(sorted(found, key=lambda v: (v.kind, v.subject)))


def merged(line: Line) -> list[tuple[int, int]]:
    """The line's windows, those that touch made one."""
    windows: list[tuple[int, int]] = []
    for window in line.windows:
        if windows and windows[-1][1] == window.start:
            windows[-1] = (windows[-1][0], window.end)
        else:
            windows.append((window.start, window.end))
    return windows


def working_time(windows: Sequence[tuple[int, int]], start: int, end: int) -> int:
    """Seconds of [start, end) inside merged windows."""
    total = 0
    for opens, closes in windows[max(0, bisect_right(windows, (start, start)) - 1) :]:
        if opens >= end:
            break
        total += max(0, min(end, closes) - max(start, opens))
    return total


def _missing(problem: SchedulingProblem, schedule: Schedule) -> Iterator[Violation]:
    for order in problem.orders:
        for operation in order.operations:
            if operation.id not in schedule.placements:
                yield Violation(Rule.MISSING, operation.id, f"{operation.id} is not placed.")


def _moved(problem: SchedulingProblem, known: Mapping[OperationId, Placement]) -> Iterator[Violation]:
    for operation, (fixing, where) in problem.fixed.items():
        if operation in known and known[operation] != where:
            yield Violation(Rule.FIXED, operation, f"{operation} is {fixing} on {where.line} at {where.start}.")


def _order(
    problem: SchedulingProblem,
    order: WorkOrder,
    known: Mapping[OperationId, Placement],
    facts: set[OperationId],
) -> Iterator[Violation]:
    """start >= release; start >= now when free; start >= end(predecessor) + minimum_wait."""
    for operation in order.operations:
        placement = known.get(operation.id)
        if placement is None or operation.id in facts:
            continue
        if placement.start < order.release:
            yield Violation(Rule.RELEASE, operation.id, f"starts at {placement.start}, released at {order.release}.")
        if operation.id not in problem.fixed and placement.start < problem.now:
            yield Violation(Rule.NOW, operation.id, f"starts at {placement.start}, it is {problem.now}.")
        for before in operation.predecessors:
            earlier = known.get(before.operation)
            if earlier is not None and placement.start < earlier.end + before.minimum_wait:
                what = f"starts at {placement.start}, {before.operation} ends at {earlier.end}."
                yield Violation(Rule.PRECEDENCE, operation.id, what)


def _calendar(
    line: Line,
    operations: Mapping[OperationId, Operation],
    known: Mapping[OperationId, Placement],
    facts: set[OperationId],
) -> Iterator[Violation]:
    """start in a window; end = the instant at which `duration` seconds of working time are done."""
    windows = merged(line)
    for key, placement in known.items():
        if placement.line != line.id or key in facts:
            continue
        operation = operations[key]
        (duration,) = (mode.duration for mode in operation.modes if mode.line == line.id)
        home = windows[max(0, bisect_right(windows, (placement.start, inf)) - 1)]
        if not home[0] <= placement.start < home[1]:
            yield Violation(Rule.CALENDAR, key, f"starts at {placement.start}, when {line.id} is closed.")
        elif not operation.interruptible and placement.end > home[1]:
            yield Violation(Rule.CALENDAR, key, f"may not pause, but {line.id} closes at {home[1]}.")
        elif (
            working_time(windows, placement.start, placement.end) != duration
            or working_time(windows, placement.start, placement.end - 1) >= duration
        ):
            yield Violation(Rule.CALENDAR, key, f"[{placement.start}, {placement.end}) is not {duration} s of work.")


def _line(
    problem: SchedulingProblem,
    line: Line,
    operations: Mapping[OperationId, Operation],
    known: Mapping[OperationId, Placement],
    facts: set[OperationId],
) -> Iterator[Violation]:
    """One thing at a time, and setup(before, after) seconds of working time between neighbours.

    The first one's neighbour is the line's initial family, there since the first window opened.
    """
    matrix = next((m for m in problem.setups if m.id == line.setups), SetupMatrix(MatrixId("none"), {}))
    windows = merged(line)
    before: Placement | None = None
    longest: Placement | None = None  # the one that ends last so far: facts may overlap each other
    for placement in sorted((p for p in known.values() if p.line == line.id), key=lambda p: (p.start, p.end)):
        key = placement.operation
        settled = key in facts
        if longest is not None and placement.start < longest.end and not (settled and longest.operation in facts):
            yield Violation(Rule.OVERLAP, key, f"starts on {line.id} before {longest.operation} has ended.")
        family = operations[key].family
        if before is None:
            setup, since, judged = matrix.between(line.initial_family, family), line.windows[0].start, not settled
        else:
            setup = matrix.between(operations[before.operation].family, family)
            since, judged = before.end, not (settled and before.operation in facts)
        if judged and working_time(windows, since, placement.start) < setup:
            yield Violation(Rule.SETUP, key, f"needs {setup} s of setup on {line.id} after {since}.")
        before = placement
        longest = placement if longest is None or placement.end >= longest.end else longest


def _materials(
    problem: SchedulingProblem,
    operations: Mapping[OperationId, Operation],
    known: Mapping[OperationId, Placement],
    facts: set[OperationId],
) -> Iterator[Violation]:
    """At no instant is more taken (at starts) than stock and arrivals so far; the first shortage is reported.

    A shortage that facts alone have made is no violation: it is over and done.
    """
    for material in problem.materials:
        takes = [
            (placement.start, need.quantity, key)
            for key, placement in known.items()
            for need in operations[key].materials
            if need.material == material.id
        ]
        if sum(quantity for _, quantity, _ in takes) <= material.stock:
            continue
        for instant in sorted({start for start, _, _ in takes}):
            come = material.stock + sum(quantity for at, quantity in material.arrivals if at <= instant)
            gone = sum(quantity for start, quantity, _ in takes if start <= instant)
            if gone > come and any(start <= instant and key not in facts for start, _, key in takes):
                yield Violation(Rule.MATERIAL, material.id, f"{gone} taken until {instant}, {come} have come.")
                break
