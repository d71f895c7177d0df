"""The answer: where and when every operation is made, how good that is, and what "good" means."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from solver.scheduling.problem import (
    NEVER,
    FamilyId,
    InvalidProblem,
    Line,
    LineId,
    Operation,
    OperationId,
    Placement,
    SchedulingProblem,
    Second,
    SetupMatrix,
    WorkOrderId,
)


@dataclass(frozen=True, slots=True)
class Schedule:
    """One placement for every operation that is made."""

    placements: Mapping[OperationId, Placement]

    @staticmethod
    def of(placements: Iterable[Placement]) -> Schedule:
        """The schedule that consists of these placements."""
        return Schedule({placement.operation: placement for placement in placements})


class Part(StrEnum):
    """What an objective is made of; of each part less is better."""

    BROKEN = "broken"  # promises broken, a number of orders
    OVER = "over"  # seconds over the promises, each times its order's weight
    TARDINESS = "tardiness"  # seconds after due, each times its order's weight
    MAKESPAN = "makespan"  # the latest end, seconds since the epoch
    SETUP = "setup"  # seconds of setup on all lines
    MOVED = "moved"  # operations that are placed otherwise than in the reference
    FLOW = "flow"  # work in progress: completion - first start, summed over the orders


@dataclass(frozen=True, slots=True)
class Evaluation:
    """How good a schedule is, part by part; `key` orders schedules by promises first, smaller is better.

    `broken_promises`: orders that complete after their promise, with the seconds over (not weighted).
    `setup_seconds`: what the setups between neighbours on all lines take. The other figures are those of `Part`.
    """

    tardiness: int
    broken_promises: tuple[tuple[WorkOrderId, int], ...]
    makespan: Second
    setup_seconds: int
    completion: Mapping[WorkOrderId, Second]
    over: int = 0
    moved: int = 0
    flow: int = 0

    @property
    def key(self) -> tuple[int, int, int, int, int]:
        """Broken promises, seconds over them, weighted tardiness, setups, makespan: compared in this order."""
        over = sum(seconds for _, seconds in self.broken_promises)
        return (len(self.broken_promises), over, self.tardiness, self.setup_seconds, self.makespan)

    def part(self, part: Part) -> int:
        """The figure of one part."""
        match part:
            case Part.BROKEN:
                return len(self.broken_promises)
            case Part.OVER:
                return self.over
            case Part.TARDINESS:
                return self.tardiness
            case Part.MAKESPAN:
                return self.makespan
            case Part.SETUP:
                return self.setup_seconds
            case Part.MOVED:
                return self.moved
            case Part.FLOW:
                return self.flow


@dataclass(frozen=True, slots=True)
class Objective:
    """What is minimised: the parts of `lexicographic` one after another, then the weighted sum of parts.

    A part without a weight counts 0. `reference` is the schedule that MOVED compares with.
    """

    weights: Mapping[Part, int]
    lexicographic: tuple[Part, ...] = ()
    reference: Schedule | None = None

    def __post_init__(self) -> None:
        if any(not 0 <= weight < NEVER for weight in self.weights.values()):
            raise InvalidProblem("A weight of the objective is negative or too large.")
        if len(set(self.lexicographic)) != len(self.lexicographic):
            raise InvalidProblem("The objective compares a part twice.")
        if not self.lexicographic and not any(self.weights.values()):
            raise InvalidProblem("The objective has no part.")
        if self.reference is None and (Part.MOVED in self.lexicographic or self.weights.get(Part.MOVED)):
            raise InvalidProblem("The objective counts what has moved: it needs the reference schedule.")

    @property
    def parts(self) -> tuple[Part, ...]:
        """The parts that count, in the order of `Part`."""
        return tuple(part for part in Part if part in self.lexicographic or self.weights.get(part))

    def value(self, evaluation: Evaluation) -> tuple[int, ...]:
        """The lexicographic parts and the weighted sum; smaller is better."""
        total = sum(weight * evaluation.part(part) for part, weight in self.weights.items() if weight)
        return (*(evaluation.part(part) for part in self.lexicographic), total)


PROMISES_FIRST = Objective({Part.TARDINESS: 100, Part.SETUP: 10, Part.MAKESPAN: 1}, (Part.BROKEN, Part.OVER))
MAKESPAN_ONLY = Objective({Part.MAKESPAN: 1})
TARDINESS_ONLY = Objective({Part.TARDINESS: 1})


def evaluate(problem: SchedulingProblem, schedule: Schedule, reference: Schedule | None = None) -> Evaluation:
    """The figures of `schedule`; an order none of whose operations is placed counts as if it did not exist.

    An operation has moved when it stood in `reference` and stands on another line, at another time, or nowhere.
    """
    placed = schedule.placements
    completion: dict[WorkOrderId, Second] = {}
    broken: list[tuple[WorkOrderId, int]] = []
    tardiness = over = moved = flow = 0
    for order in problem.orders:
        standing = [placed[operation.id] for operation in order.operations if operation.id in placed]
        if reference is not None:
            moved += sum(_moved(placed, reference, operation.id) for operation in order.operations)
        if not standing:
            continue
        completion[order.id] = done = max(placement.end for placement in standing)
        flow += done - min(placement.start for placement in standing)
        tardiness += order.weight * max(0, done - order.due)
        if order.promise is not None and done > order.promise:
            broken.append((order.id, done - order.promise))
            over += order.weight * (done - order.promise)
    makespan = max(completion.values(), default=Second(0))
    setups = _setup_seconds(problem, schedule)
    return Evaluation(tardiness, tuple(broken), makespan, setups, completion, over, moved, flow)


def _moved(placed: Mapping[OperationId, Placement], reference: Schedule, operation: OperationId) -> bool:
    before = reference.placements.get(operation)
    return before is not None and has_moved(before, placed.get(operation))


def has_moved(before: Placement, now: Placement | None) -> bool:
    """Whether an operation is on another line, at another time, or nowhere."""
    return now is None or (now.line, now.start) != (before.line, before.start)


def _setup_seconds(problem: SchedulingProblem, schedule: Schedule) -> int:
    operations: dict[OperationId, Operation] = {o.id: o for order in problem.orders for o in order.operations}
    on_line: dict[LineId, list[Placement]] = {line.id: [] for line in problem.lines if line.setups is not None}
    for placement in schedule.placements.values():
        if placement.line in on_line:
            on_line[placement.line].append(placement)
    matrices = {matrix.id: matrix for matrix in problem.setups}
    total = 0
    for line in problem.lines:
        if line.setups is None:
            continue
        standing = [(p.start, p.end, operations[p.operation].family) for p in on_line[line.id]]
        total += setups_on(line, matrices[line.setups], standing)
    return total


def setups_on(line: Line, matrix: SetupMatrix, standing: Iterable[tuple[int, int, FamilyId | None]]) -> int:
    """Seconds of setup on a line for what stands there (start, end, family), in any order; a batch counts once."""
    total, before = 0, line.initial_family
    last: tuple[int, int, FamilyId | None] | None = None
    for this in sorted(standing, key=lambda one: one[:2]):
        family = this[2]
        if line.batch and family is not None and this == last:
            continue
        total += matrix.between(before, family)
        before, last = family, this
    return total
