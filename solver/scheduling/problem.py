"""What a scheduling problem is: plants' lines, resources, transports, materials and work orders, all frozen.

Time is whole seconds since the problem's epoch. *Working time* of a line is the time inside its windows.
"""

from __future__ import annotations

from bisect import bisect_left
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
ResourceId = NewType("ResourceId", str)
RouteId = NewType("RouteId", str)  # unique within its work order

NEVER = 1 << 40  # an instant (or a duration in seconds) that no problem reaches
UNIX_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class InvalidProblem(ValueError):
    """The problem contradicts itself or names something that it does not have."""


@dataclass(frozen=True, slots=True)
class Window:
    """Half-open interval [start, end) in which a line works."""

    start: Second
    end: Second

    def __post_init__(self) -> None:
        if not 0 <= self.start < self.end <= NEVER:
            raise InvalidProblem(f"window [{self.start}, {self.end}): need 0 <= start < end <= {NEVER}.")


@dataclass(frozen=True, slots=True)
class SetupMatrix:
    """Seconds between two setup families on a line; a pair that is not listed takes 0."""

    id: MatrixId
    seconds: Mapping[tuple[FamilyId, FamilyId], int]

    def __post_init__(self) -> None:
        if any(not 0 <= value < NEVER for value in self.seconds.values()):
            raise InvalidProblem(f"{self.id}: a setup time is negative or too long.")

    def between(self, before: FamilyId | None, after: FamilyId | None) -> int:
        """Seconds of setup when `after` follows `before` (None: no family, no setup)."""
        if before is None or after is None:
            return 0
        return self.seconds.get((before, after), 0)


@dataclass(frozen=True, slots=True)
class Line:
    """One production line of a plant; its windows are disjoint and sorted.

    `longest_break`: two windows no further apart than so many seconds are one shift with a break between.
    `setup_any_time`: setups are made in closed hours too; otherwise they take working time.
    `batch`: above 0, an oven: it takes operations of one setup family together whose sizes sum to at most this; they
    start together and end together, after the longest of them. Without families (None) each runs alone.
    `unlimited`: it takes any number of operations at a time (outside work with its own working days); it has no setups.
    """

    id: LineId
    plant: PlantId
    windows: tuple[Window, ...]
    setups: MatrixId | None = None
    initial_family: FamilyId | None = None
    longest_break: int = 0
    setup_any_time: bool = False
    batch: int = 0
    unlimited: bool = False

    def __post_init__(self) -> None:
        if not self.windows:
            raise InvalidProblem(f"{self.id}: a line without working time (calendar).")
        for before, after in zip(self.windows, self.windows[1:], strict=False):
            if before.end > after.start:
                raise InvalidProblem(f"{self.id}: windows must be disjoint and sorted.")
        if self.longest_break < 0 or self.batch < 0:
            raise InvalidProblem(f"{self.id}: the longest break and the batch must not be negative.")
        if self.unlimited and (self.batch or self.setups is not None):
            raise InvalidProblem(f"{self.id}: an unlimited line has neither batches nor setups.")


@dataclass(frozen=True, slots=True)
class Resource:
    """Something that operations need beside their line while they run, so many of it: a tool, operators."""

    id: ResourceId
    number: int

    def __post_init__(self) -> None:
        if not 0 < self.number <= 1000:
            raise InvalidProblem(f"{self.id}: a resource has 1 to 1000 units.")


@dataclass(frozen=True, slots=True)
class Transport:
    """Seconds from plant to plant. With departures it leaves with the first one at or after it is ready."""

    origin: PlantId
    destination: PlantId
    seconds: int
    departures: tuple[Second, ...] | None = None

    def __post_init__(self) -> None:
        if self.origin == self.destination or not 0 <= self.seconds < NEVER:
            raise InvalidProblem(f"transport {self.origin} to {self.destination}: two plants, seconds >= 0.")
        if self.departures is not None and (not self.departures or list(self.departures) != sorted(self.departures)):
            raise InvalidProblem(f"transport {self.origin} to {self.destination}: departures must be sorted.")

    def arrival(self, ready: int) -> int:
        """When what is ready then arrives; NEVER after the last departure."""
        if self.departures is None:
            return ready + self.seconds
        i = bisect_left(self.departures, ready)
        return self.departures[i] + self.seconds if i < len(self.departures) else NEVER


@dataclass(frozen=True, slots=True)
class ResourceNeed:
    """So many units of a resource from the start to the end of the operation, pauses included."""

    resource: ResourceId
    number: int = 1


@dataclass(frozen=True, slots=True)
class Mode:
    """One line that can do an operation, the working seconds that it takes there, and what it needs beside."""

    line: LineId
    duration: int
    needs: tuple[ResourceNeed, ...] = ()


@dataclass(frozen=True, slots=True)
class Precedence:
    """When the operation may start after another one of its order has ended, in seconds of any time.

    After `minimum_wait` (curing) it is ready; if it goes on in another plant, it is transported from then on. At most
    `maximum_wait` seconds may pass between end and start (None: any number; 0: no wait).
    """

    operation: OperationId
    minimum_wait: int = 0
    maximum_wait: int | None = None


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


class Running(StrEnum):
    """What an operation does when its line closes."""

    PAUSES = "pauses"  # it waits while the line is closed and goes on when it opens
    BREAKS = "breaks"  # it waits through breaks only: it starts and ends in one shift
    WHOLE = "whole"  # it fits into one window
    UNATTENDED = "unattended"  # it begins while the line is open and then runs on by itself, closed hours included


@dataclass(frozen=True, slots=True)
class Operation:
    """One step of a work order, made on exactly one of its modes.

    `family`: its setup family on lines with a setup matrix, and what an oven takes together. `size`: what it fills of
    a batch. `route`: it is made only if its order takes this route (None: always). `release`: it starts at that or
    later, as its order does at its own: when something that it needs arrives from outside of the problem.
    """

    id: OperationId
    modes: tuple[Mode, ...]
    predecessors: tuple[Precedence, ...] = ()
    family: FamilyId | None = None
    running: Running = Running.PAUSES
    materials: tuple[MaterialNeed, ...] = ()
    size: int = 1
    route: RouteId | None = None
    release: Second = Second(0)

    def __post_init__(self) -> None:
        if not self.modes or len({m.line for m in self.modes}) != len(self.modes):
            raise InvalidProblem(f"{self.id}: needs at least one mode, each line once.")
        if any(not 0 < mode.duration < NEVER for mode in self.modes):
            raise InvalidProblem(f"{self.id}: durations must be positive (and no longer than {NEVER} s).")
        if self.size <= 0:
            raise InvalidProblem(f"{self.id}: its size must be positive.")
        if not 0 <= self.release < NEVER:
            raise InvalidProblem(f"{self.id}: needs release >= 0.")


@dataclass(frozen=True, slots=True)
class WorkOrder:
    """The solver's job: operations in topological order, to start at `release` or later.

    `due`: wanted by; `promise`: told to the buyer (completion of the last operation); `weight`: cost of a second late.
    If some operations name routes, exactly one of these routes is taken, and the operations of the others are not
    made; a precedence from an operation that is not made does not bind.
    """

    id: WorkOrderId
    operations: tuple[Operation, ...]
    release: Second
    due: Second
    promise: Second | None = None
    weight: int = 1

    def __post_init__(self) -> None:
        seen: dict[OperationId, RouteId | None] = {}
        for operation in self.operations:
            if operation.id in seen:
                raise InvalidProblem(f"{self.id}: operation {operation.id} is listed twice.")
            for before in operation.predecessors:
                if before.operation not in seen or before.minimum_wait < 0:
                    raise InvalidProblem(f"{operation.id}: {before.operation} must come earlier, wait >= 0.")
                if before.maximum_wait is not None and before.maximum_wait < before.minimum_wait:
                    raise InvalidProblem(f"{operation.id}: waits at least {before.minimum_wait} s and at most less.")
                if operation.route is not None and seen[before.operation] not in (None, operation.route):
                    raise InvalidProblem(f"{operation.id}: {before.operation} is on another route.")
            seen[operation.id] = operation.route
        if not self.operations or not 0 <= self.release < NEVER or self.weight < 0:
            raise InvalidProblem(f"{self.id}: needs operations, release >= 0 and weight >= 0.")
        if not abs(self.due) <= NEVER or (self.promise is not None and not abs(self.promise) <= NEVER):
            raise InvalidProblem(f"{self.id}: due or promise is out of range.")

    def released(self, operation: Operation) -> Second:
        """The instant before which one of its operations does not start."""
        return max(self.release, operation.release)

    @property
    def routes(self) -> tuple[RouteId, ...]:
        """The routes of which one is taken, in the order in which operations name them."""
        return tuple(dict.fromkeys(o.route for o in self.operations if o.route is not None))


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
    `transports`: a pair of plants without one is not connected. `same_sequence`: groups of lines (a conveyor) that the
    orders pass in one sequence: an order that is before another on one line of a group is so on all.
    """

    lines: tuple[Line, ...]
    orders: tuple[WorkOrder, ...]
    setups: tuple[SetupMatrix, ...] = ()
    materials: tuple[Material, ...] = ()
    fixed: Mapping[OperationId, tuple[Fixing, Placement]] = field(default_factory=dict)
    now: Second = Second(0)
    epoch: datetime = UNIX_EPOCH
    resources: tuple[Resource, ...] = ()
    transports: tuple[Transport, ...] = ()
    same_sequence: tuple[tuple[LineId, ...], ...] = ()

    def __post_init__(self) -> None:
        lines = {line.id for line in self.lines}
        matrices = {matrix.id for matrix in self.setups}
        materials = {material.id for material in self.materials}
        if len(lines) != len(self.lines):
            raise InvalidProblem("Two lines share an id.")
        numbers = {resource.id: resource.number for resource in self.resources}
        if len(numbers) != len(self.resources):
            raise InvalidProblem("Two resources share an id.")
        if len(matrices) != len(self.setups) or len(materials) != len(self.materials):
            raise InvalidProblem("Two setup matrices or two materials share an id.")
        if len({(t.origin, t.destination) for t in self.transports}) != len(self.transports):
            raise InvalidProblem("A transport is stated twice.")
        if len({order.id for order in self.orders}) != len(self.orders):
            raise InvalidProblem("Two work orders share an id.")
        grouped = [line for group in self.same_sequence for line in group]
        if len(set(grouped)) != len(grouped) or not set(grouped) <= lines:
            raise InvalidProblem("same_sequence names an unknown line, or a line twice.")
        batches = {line.id: line.batch for line in self.lines}
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
                    if 0 < batches[mode.line] < operation.size:
                        raise InvalidProblem(f"{operation.id}: is larger than a batch of {mode.line}.")
                    if len({need.resource for need in mode.needs}) != len(mode.needs):
                        raise InvalidProblem(f"{operation.id}: needs a resource twice on {mode.line}.")
                    for wanted in mode.needs:
                        if not 0 < wanted.number <= numbers.get(wanted.resource, 0):
                            raise InvalidProblem(
                                f"{operation.id}: needs {wanted.number} of {wanted.resource}, "
                                f"there are {numbers.get(wanted.resource, 0)}."
                            )
                for need in operation.materials:
                    if need.material not in materials or need.quantity <= 0:
                        raise InvalidProblem(f"{operation.id}: material {need.material}: unknown or quantity <= 0.")
        for operation_id, (_, placement) in self.fixed.items():
            known = operations.get(operation_id)
            if known is None or placement.operation != operation_id:
                raise InvalidProblem(f"{operation_id}: is fixed but not part of the problem.")
            if placement.line not in {mode.line for mode in known.modes}:
                raise InvalidProblem(f"{operation_id}: is fixed on {placement.line}, which cannot make it.")
            if not 0 <= placement.start <= placement.end <= NEVER:
                raise InvalidProblem(f"{operation_id}: is fixed in [{placement.start}, {placement.end}).")
