"""The answer: where and when every operation is made, and how good that is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from solver.scheduling.problem import (
    LineId,
    Operation,
    OperationId,
    Placement,
    SchedulingProblem,
    Second,
    WorkOrderId,
)


@dataclass(frozen=True, slots=True)
class Schedule:
    """One placement an operation."""

    placements: Mapping[OperationId, Placement]

    @staticmethod
    def of(placements: Iterable[Placement]) -> Schedule:
        """The schedule that consists of these placements."""
        return Schedule({placement.operation: placement for placement in placements})


@dataclass(frozen=True, slots=True)
class Evaluation:
    """How good a schedule is; `key` orders schedules, smaller is better.

    `tardiness`: sum of weight * max(0, completion - due) in seconds. `broken_promises`: orders that complete after
    their promise, with the seconds over. `setup_seconds`: working time spent on setups.
    """

    tardiness: int
    broken_promises: tuple[tuple[WorkOrderId, int], ...]
    makespan: Second
    setup_seconds: int
    completion: Mapping[WorkOrderId, Second]

    @property
    def key(self) -> tuple[int, int, int, int, int]:
        """Broken promises, seconds over them, weighted tardiness, setups, makespan: compared in this order."""
        over = sum(seconds for _, seconds in self.broken_promises)
        return (len(self.broken_promises), over, self.tardiness, self.setup_seconds, self.makespan)


def evaluate(problem: SchedulingProblem, schedule: Schedule) -> Evaluation:
    """The figures of `schedule`; an order none of whose operations is placed counts as if it did not exist."""
    placed = schedule.placements
    completion: dict[WorkOrderId, Second] = {}
    broken: list[tuple[WorkOrderId, int]] = []
    tardiness = 0
    for order in problem.orders:
        ends = [placed[operation.id].end for operation in order.operations if operation.id in placed]
        if not ends:
            continue
        completion[order.id] = done = max(ends)
        tardiness += order.weight * max(0, done - order.due)
        if order.promise is not None and done > order.promise:
            broken.append((order.id, done - order.promise))
    makespan = max(completion.values(), default=Second(0))
    return Evaluation(tardiness, tuple(broken), makespan, _setup_seconds(problem, schedule), completion)


def _setup_seconds(problem: SchedulingProblem, schedule: Schedule) -> int:
    operations: dict[OperationId, Operation] = {o.id: o for order in problem.orders for o in order.operations}
    on_line: dict[LineId, list[Placement]] = {}
    for placement in schedule.placements.values():
        on_line.setdefault(placement.line, []).append(placement)
    matrices = {matrix.id: matrix for matrix in problem.setups}
    total = 0
    for line in problem.lines:
        if line.setups is None:
            continue
        before = line.initial_family
        for placement in sorted(on_line.get(line.id, ()), key=lambda p: (p.start, p.end)):
            after = operations[placement.operation].family
            total += matrices[line.setups].between(before, after)
            before = after
    return total
