"""What a scheduling problem is: lines with open windows, setup matrices, materials and work orders, all frozen.

Time is whole seconds since the problem's epoch. *Working time* of a line is the time inside its windows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import NewType

Second = NewType("Second", int)  # since SchedulingProblem.epoch
PlantId = NewType("PlantId", str)
LineId = NewType("LineId", str)
WorkOrderId = NewType("WorkOrderId", str)
OperationId = NewType("OperationId", str)  # unique in the whole problem
FamilyId = NewType("FamilyId", str)
MatrixId = NewType("MatrixId", str)
MaterialId = NewType("MaterialId", str)

UNIX_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class InvalidProblem(ValueError):
    """The problem contradicts itself or names something that it does not have."""


@dataclass(frozen=True, slots=True)
class Window:
    """Half-open interval [start, end) in which a line works."""

    start: Second
    end: Second

    def __post_init__(self) -> None:
        if not 0 <= self.start < self.end:
            raise InvalidProblem(f"window [{self.start}, {self.end}): need 0 <= start < end.")


@dataclass(frozen=True, slots=True)
class SetupMatrix:
    """Seconds of working time between two setup families on a line; a pair that is not listed takes 0."""

    id: MatrixId
    seconds: Mapping[tuple[FamilyId, FamilyId], int]

    def __post_init__(self) -> None:
        if any(value < 0 for value in self.seconds.values()):
            raise InvalidProblem(f"{self.id}: a setup time is negative.")

    def between(self, before: FamilyId | None, after: FamilyId | None) -> int:
        """Seconds of setup when `after` follows `before` (None: no family, no setup)."""
        if before is None or after is None:
            return 0
        return self.seconds.get((before, after), 0)


@dataclass(frozen=True, slots=True)
class Line:
    """One production line of a plant; its windows are disjoint and sorted."""

    id: LineId
    plant: PlantId
    windows: tuple[Window, ...]
    setups: MatrixId | None = None
    initial_family: FamilyId | None = None

    def __post_init__(self) -> None:
        if not self.windows:
            raise InvalidProblem(f"{self.id}: a line without working time (calendar).")
        for before, after in zip(self.windows, self.windows[1:], strict=False):
            if before.end > after.start:
                raise InvalidProblem(f"{self.id}: windows must be disjoint and sorted.")


@dataclass(frozen=True, slots=True)
class Mode:
    """One line that can do an operation, and the working seconds it takes there."""

    line: LineId
    duration: int


@dataclass(frozen=True, slots=True)
class Precedence:
    """The operation starts at least `minimum_wait` seconds (of any time, e.g. curing) after `operation` ended."""

    operation: OperationId
    minimum_wait: int = 0


@dataclass(frozen=True, slots=True)
class MaterialNeed:
    """Taken from stock at the start of the operation."""

    material: MaterialId
    quantity: int


class Fixing(StrEnum):
    """Why an operation may not move: it is started, finished, frozen or pinned; `free` may move."""

    FREE = "free"
    PINNED = "pinned"
    FROZEN = "frozen"
    STARTED = "started"
    FINISHED = "finished"


@dataclass(frozen=True, slots=True)
class Operation:
    """One step of a work order, made on exactly one of its modes.

    `interruptible`: it may pause while its line is closed; otherwise it fits into one window.
    `family`: its setup family on lines with a setup matrix.
    """

    id: OperationId
    modes: tuple[Mode, ...]
    predecessors: tuple[Precedence, ...] = ()
    family: FamilyId | None = None
    interruptible: bool = True
    materials: tuple[MaterialNeed, ...] = ()

    def __post_init__(self) -> None:
        if not self.modes or len({m.line for m in self.modes}) != len(self.modes):
            raise InvalidProblem(f"{self.id}: needs at least one mode, each line once.")
        if any(mode.duration <= 0 for mode in self.modes):
            raise InvalidProblem(f"{self.id}: durations must be positive.")


@dataclass(frozen=True, slots=True)
class WorkOrder:
    """The solver's job: operations in topological order, to start at `release` or later.

    `due`: wanted by; `promise`: told to the buyer (completion of the last operation); `weight`: cost of a second late.
    """

    id: WorkOrderId
    operations: tuple[Operation, ...]
    release: Second
    due: Second
    promise: Second | None = None
    weight: int = 1

    def __post_init__(self) -> None:
        seen: set[OperationId] = set()
        for operation in self.operations:
            if operation.id in seen:
                raise InvalidProblem(f"{self.id}: operation {operation.id} is listed twice.")
            for before in operation.predecessors:
                if before.operation not in seen or before.minimum_wait < 0:
                    raise InvalidProblem(f"{operation.id}: {before.operation} must come earlier, wait >= 0.")
            seen.add(operation.id)
        if not self.operations or self.release < 0:
            raise InvalidProblem(f"{self.id}: needs operations and release >= 0.")


@dataclass(frozen=True, slots=True)
class Material:
    """Stock at the epoch and arrivals (instant, quantity). At no time may more be taken than has come."""

    id: MaterialId
    stock: int
    arrivals: tuple[tuple[Second, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Placement:
    """Where and when an operation is made. `end` follows from start, duration and the line's windows."""

    operation: OperationId
    line: LineId
    start: Second
    end: Second


@dataclass(frozen=True, slots=True)
class SchedulingProblem:
    """One plant's (or several plants') lines, materials and work orders.

    `fixed`: operations that may not move, with their placement. `now`: nothing that is free starts earlier.
    """

    lines: tuple[Line, ...]
    orders: tuple[WorkOrder, ...]
    setups: tuple[SetupMatrix, ...] = ()
    materials: tuple[Material, ...] = ()
    fixed: Mapping[OperationId, tuple[Fixing, Placement]] = field(default_factory=dict)
    now: Second = Second(0)
    epoch: datetime = UNIX_EPOCH

    def __post_init__(self) -> None:
        lines = {line.id for line in self.lines}
        matrices = {matrix.id for matrix in self.setups}
        materials = {material.id for material in self.materials}
        if len(lines) != len(self.lines):
            raise InvalidProblem("Two lines share an id.")
        for line in self.lines:
            if line.setups is not None and line.setups not in matrices:
                raise InvalidProblem(f"{line.id}: unknown setup matrix {line.setups}.")
        operations: dict[OperationId, Operation] = {}
        for order in self.orders:
            for operation in order.operations:
                if operation.id in operations:
                    raise InvalidProblem(f"{operation.id}: is in two work orders.")
                operations[operation.id] = operation
                for mode in operation.modes:
                    if mode.line not in lines:
                        raise InvalidProblem(f"{operation.id}: unknown line {mode.line}.")
                for need in operation.materials:
                    if need.material not in materials or need.quantity <= 0:
                        raise InvalidProblem(f"{operation.id}: material {need.material}: unknown or quantity <= 0.")
        for operation_id, (_, placement) in self.fixed.items():
            known = operations.get(operation_id)
            if known is None or placement.operation != operation_id:
                raise InvalidProblem(f"{operation_id}: is fixed but not part of the problem.")
            if placement.line not in {mode.line for mode in known.modes}:
                raise InvalidProblem(f"{operation_id}: is fixed on {placement.line}, which cannot make it.")
