"""From a schedule that breaks rules (a line broke, a supply is late, an operation is missing) to sound ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from solver.scheduling.arrays import OP_EARLIEST, OP_FIXED, arrays_of
from solver.scheduling.check import Rule, Violation, violations
from solver.scheduling.dispatch import Unplaceable, dispatch
from solver.scheduling.problem import Fixing, OperationId, Placement, SchedulingProblem
from solver.scheduling.schedule import Objective, Schedule, evaluate
from solver.scheduling.sequences import settle, work_of
from solver.scheduling.state import END, MODE, START

ROUNDS = 4  # so often what stands in the way is taken out as well
Placements = Mapping[OperationId, Placement]


def repaired(
    problem: SchedulingProblem, schedule: Schedule, objective: Objective
) -> tuple[Schedule, tuple[Violation, ...]]:
    """The schedule itself if it keeps the rules, or the best of its repairs and of a new one; and what is still wrong.

    Taking out what is wrong and putting it back moves least; moving everything later works where a supply is late or a
    line was down; a new schedule works always, if there is one. What is fixed where it cannot be stays there, so the
    judge may have something to say about it. Raises Unplaceable.
    """
    can = {o.id: {mode.line for mode in o.modes} for order in problem.orders for o in order.operations}
    fixed = {key: placement for key, (_, placement) in problem.fixed.items()}
    placed = {key: p for key, p in schedule.placements.items() if key in can and p.line in can[key]} | fixed
    present = Schedule(placed)
    wrong = violations(problem, present)
    if not wrong:
        return present, ()
    found = list(_put_back(problem, placed))
    found += [later for start in (present, *found) if (later := pushed(problem, start.placements)) is not None]
    judged = [(present, wrong), *((candidate, violations(problem, candidate)) for candidate in found)]
    try:
        fresh = dispatch(problem, objective)
        judged.append((fresh, violations(problem, fresh)))
    except Unplaceable:
        if all(_avoidable(problem, faults) for _, faults in judged):
            raise

    def rank(one: tuple[Schedule, tuple[Violation, ...]]) -> tuple[int, int, tuple[int, ...]]:
        candidate, faults = one
        figures = evaluate(problem, candidate, objective.reference)
        return _avoidable(problem, faults), len(faults), objective.value(figures)

    return min(judged, key=rank)


def _avoidable(problem: SchedulingProblem, faults: Sequence[Violation]) -> int:
    """How many of them are not about what is fixed where it cannot be."""
    return sum(fault.subject not in problem.fixed for fault in faults)


def _put_back(problem: SchedulingProblem, known: Placements) -> Iterator[Schedule]:
    """Take the orders out that break a rule or miss an operation, and dispatch them around all others."""
    home = {o.id: order for order in problem.orders for o in order.operations}
    loose: set[OperationId] = set()
    placed = dict(known)
    for _ in range(ROUNDS):
        wrong = violations(problem, Schedule(placed))
        if not wrong:
            break
        for violation in wrong:
            key = OperationId(violation.subject)
            if key not in home:
                return  # a material: who gives way is decided by moving later
            loose.update(o.id for o in home[key].operations)
            if violation.kind in (Rule.OVERLAP, Rule.SETUP):
                loose.update(_beside(placed, key))
        loose -= problem.fixed.keys()
        stay = {key: (Fixing.FROZEN, place) for key, place in placed.items() if key not in loose}
        try:
            placed = dict(dispatch(replace(problem, fixed=stay | dict(problem.fixed))).placements)
        except Unplaceable:
            return
    yield Schedule(placed)


def _beside(placed: Placements, key: OperationId) -> Iterator[OperationId]:
    """What stands on the same line just before and after an operation."""
    if key not in placed:
        return
    row = sorted((p.start, p.end, p.operation) for p in placed.values() if p.line == placed[key].line)
    at = row.index((placed[key].start, placed[key].end, key))
    yield from (name for _, _, name in row[max(0, at - 1) : at + 2])


def pushed(problem: SchedulingProblem, placed: Placements) -> Schedule | None:
    """Keep the order on every line and move later what must; nothing starts earlier than it stands.

    None where that is not possible.
    """
    return resettled(problem, placed, {key: placement.start for key, placement in placed.items()})


def resettled(problem: SchedulingProblem, placed: Placements, not_before: Mapping[OperationId, int]) -> Schedule | None:
    """Keep the order on every line and start each operation as soon as it can, but not before what is said for it.

    None where that is not possible.
    """
    if any(o.id not in placed for order in problem.orders for o in order.operations):
        return None
    arrays = arrays_of(problem, {key: placement.start for key, placement in placed.items()})
    n = len(arrays.operations)
    said = np.array([not_before.get(o.id, 0) for o in arrays.operations], dtype=np.int64)
    earliest = arrays.column(OP_EARLIEST, n)
    free = arrays.column(OP_FIXED, n) == 0
    earliest[free] = np.maximum(earliest[free], said[free])
    w = work_of(arrays, *arrays.columns(Schedule(placed)))
    if not settle(arrays.words, w):
        return None
    mode, start, end = (w[w[k] : w[k] + n] for k in (MODE, START, END))
    settled = arrays.schedule(mode, start, end)
    # What passed a conveyor in one sequence still does, but not on a line that makes any number at a time.
    if problem.same_sequence and any(fault.kind is Rule.SEQUENCE for fault in violations(problem, settled)):
        return None
    return settled
