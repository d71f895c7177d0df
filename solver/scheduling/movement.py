"""What moved for nothing goes back: an operation that can wait starts where it stood in the reference.

A search starts everything as soon as it can. What is not needed sooner is held back, as long as no order gets later
than it has to be; whoever reads the schedule then sees only what really changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import pairwise

from solver.scheduling.problem import LineId, OperationId, SchedulingProblem, WorkOrder
from solver.scheduling.repair import resettled
from solver.scheduling.schedule import Objective, Schedule, evaluate

ROUNDS = 100  # then nothing more is held back


def held_back(problem: SchedulingProblem, schedule: Schedule, objective: Objective) -> Schedule:
    """The schedule with the same sequences and fewer operations that differ from the objective's reference.

    No order's promise or due date is missed by more than in `schedule`. The schedule itself where nothing is gained.
    """
    reference = objective.reference
    if reference is None:
        return schedule
    placed = schedule.placements
    floors = {
        key: before.start for key, before in reference.placements.items()
        if key in placed and key not in problem.fixed and placed[key].line == before.line
        and placed[key].start < before.start
    }  # fmt: skip
    behind = _behind(problem, schedule)
    for _ in range(ROUNDS):
        if not floors:
            break
        later = resettled(problem, placed, floors)
        if later is None:
            break
        late = [order for order in problem.orders if _lateness(order, later) > _lateness(order, schedule)]
        if not late:
            better = objective.value(evaluate(problem, later, reference))
            return later if better < objective.value(evaluate(problem, schedule, reference)) else schedule
        culprits = _culprits(late, schedule, later, floors, behind)
        if not culprits:
            break
        for key in culprits:
            del floors[key]
    return schedule


def _lateness(order: WorkOrder, schedule: Schedule) -> tuple[int, int]:
    """Seconds over the promise and after due."""
    done = max(schedule.placements[o.id].end for o in order.operations if o.id in schedule.placements)
    return max(0, done - order.promise) if order.promise is not None else 0, max(0, done - order.due)


def _behind(problem: SchedulingProblem, schedule: Schedule) -> dict[OperationId, list[OperationId]]:
    """What each operation comes behind: in its order, and on its line."""
    behind = {o.id: [b.operation for b in o.predecessors] for order in problem.orders for o in order.operations}
    rows: dict[LineId, list[tuple[int, int, OperationId]]] = {}
    for placement in schedule.placements.values():
        rows.setdefault(placement.line, []).append((placement.start, placement.end, placement.operation))
    for row in rows.values():
        for (_, _, before), (_, _, after) in pairwise(sorted(row)):
            behind[after].append(before)
    return behind


def _culprits(
    late: Iterable[WorkOrder],
    before: Schedule,
    after: Schedule,
    floors: Mapping[OperationId, int],
    behind: Mapping[OperationId, list[OperationId]],
) -> set[OperationId]:
    """What was held back so far that these orders are late now."""
    def delayed(key: OperationId) -> bool:
        return key in after.placements and after.placements[key].start > before.placements[key].start

    seen = {o.id for order in late for o in order.operations if delayed(o.id)}
    found: set[OperationId] = set()
    stack = list(seen)
    while stack:
        key = stack.pop()
        if after.placements[key].start == floors.get(key):
            found.add(key)
            continue
        fresh = {other for other in behind[key] if delayed(other)} - seen
        seen |= fresh
        stack.extend(fresh)
    return found
