"""A plant's free capacity: all that a promise asks of a book, and nothing of the orders that are in it.

It is what a plant shows to partners: lines with their calendars and free intervals, what a line is set up for around
each, what an oven can still take, units of resources and quantities of materials that are free from when on. No order,
customer, date or operation of the owner is in it. A promise by it is the one by the full book if no other order moves.

Who reads it may have orders of its own in the plant. Where the owner has taken them into account, their places are not
free, and yet the reader's: `problem_of` leaves them out of what is taken, and the reader's orders stand in them. Where
the owner has not, they stand in what is free, or `refit` finds them other room: nothing is sold twice or lost.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import groupby, pairwise
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from solver.scheduling.book import ANY_TIME, Book, NoRoom, Occupied
from solver.scheduling.calendar import Calendar
from solver.scheduling.check import FACTS
from solver.scheduling.problem import (
    NEVER,
    FamilyId,
    Fixing,
    InvalidProblem,
    Line,
    LineId,
    Material,
    MaterialId,
    MatrixId,
    Mode,
    Operation,
    OperationId,
    Placement,
    PlantId,
    Resource,
    ResourceId,
    ResourceNeed,
    Running,
    SchedulingProblem,
    Second,
    SetupMatrix,
    Transport,
    Window,
    WorkOrder,
    WorkOrderId,
)

FORMAT: Final = "free-capacity/1"
HIDDEN = "\0"  # what stands for somebody's work begins with it
Instant = Annotated[int, Field(ge=0, le=NEVER)]
Number = Annotated[int, Field(ge=0, le=NEVER)]
Name = Annotated[str, Field(min_length=1, max_length=200)]
Family = Name | None


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class FreeInterval(_Part):
    """[start, end) in which a line makes nothing; `end` None: for good. The families that it makes before and after."""

    start: Instant
    end: Instant | None
    before: Family
    after: Family


class OpenBatch(_Part):
    """What an oven makes together in [start, end), with room for more: `taken` of a batch, for so many `seconds`."""

    start: Instant
    end: Instant
    family: Name
    running: Annotated[Running, Field(strict=False)]
    taken: Annotated[int, Field(gt=0, le=NEVER)]
    seconds: Annotated[int, Field(gt=0, lt=NEVER)]


class FreeLine(_Part):
    """A line as `problem.Line` has it, its free intervals in order, and the batches that it can add to."""

    id: Name
    plant: Name
    windows: tuple[tuple[Instant, Instant], ...]
    setups: Name | None
    initial_family: Family
    longest_break: Number
    setup_any_time: bool
    batch: Number
    unlimited: bool
    free: tuple[FreeInterval, ...]
    batches: tuple[OpenBatch, ...] = ()


class FreeSetups(_Part):
    """Seconds between two families, as (before, after, seconds); a pair that is not listed takes 0."""

    id: Name
    seconds: tuple[tuple[str, str, Number], ...]


class FreeResource(_Part):
    """Units of a resource, and how many of them are free from an instant on, until the next one."""

    id: Name
    number: Annotated[int, Field(gt=0, le=1000)]
    free: tuple[tuple[Instant, Number], ...]


class FreeMaterial(_Part):
    """So much can be taken at any time without starving what is promised, and so much more from an instant on."""

    id: Name
    stock: Number
    arrivals: tuple[tuple[Instant, Annotated[int, Field(gt=0, le=NEVER)]], ...]


class FreeTransport(_Part):
    """As `problem.Transport`."""

    origin: Name
    destination: Name
    seconds: Number
    departures: tuple[Instant, ...] | None


class FreeCapacity(_Part):
    """The document. Instants are whole seconds since `epoch`; nothing is placed before `now`."""

    format: Literal["free-capacity/1"] = FORMAT
    epoch: datetime
    now: Instant
    lines: tuple[FreeLine, ...]
    setups: tuple[FreeSetups, ...] = ()
    resources: tuple[FreeResource, ...] = ()
    materials: tuple[FreeMaterial, ...] = ()
    transports: tuple[FreeTransport, ...] = ()

    def to_json(self) -> str:
        """The document as text."""
        return self.model_dump_json()


def read_capacity(text: str | bytes) -> FreeCapacity:
    """The document out of its JSON. Raises InvalidProblem with the place of what is broken."""
    try:
        capacity = FreeCapacity.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise InvalidProblem(f"{'.'.join(map(str, first['loc'])) or FORMAT}: {first['msg']}.") from None
    book_of(capacity)
    return capacity


# --- out of a book ----------------------------------------------------------------------------------------------------


def free_capacity(book: Book, *, at: Second = ANY_TIME) -> FreeCapacity:
    """What is free in a book from now (or from a later instant) on; changes nothing."""
    problem, placements, now = book.problem, book.placements, max(book.now, at)
    made = {o.id: o for order in problem.orders for o in order.operations}
    standing: dict[LineId, list[tuple[Placement, Operation]]] = {line.id: [] for line in problem.lines}
    for placement in placements.values():
        standing[placement.line].append((placement, made[placement.operation]))
    return FreeCapacity(
        epoch=problem.epoch, now=now,
        lines=tuple(_free_line(line, standing[line.id], now) for line in problem.lines),
        setups=tuple(
            FreeSetups(id=m.id, seconds=tuple((a, z, took) for (a, z), took in sorted(m.seconds.items())))
            for m in problem.setups
        ),
        resources=tuple(_free_units(resource, standing, now) for resource in problem.resources),
        materials=tuple(_free_quantity(key, book.levels(key)) for key in (m.id for m in problem.materials)),
        transports=tuple(
            FreeTransport(origin=t.origin, destination=t.destination, seconds=t.seconds, departures=t.departures)
            for t in problem.transports
        ),
    )  # fmt: skip


def _free_line(line: Line, standing: Sequence[tuple[Placement, Operation]], now: int) -> FreeLine:
    batches = [
        list(group) for _, group in groupby(
            sorted(standing, key=lambda one: (one[0].start, one[0].end)), lambda one: (one[0].start, one[0].end)
        )
    ]  # fmt: skip
    free = [] if line.unlimited else _intervals(line, batches, now)
    begins = free[0].start if free else 0
    windows = [(int(w.start), int(w.end)) for w in line.windows if w.end > begins] or [
        (int(line.windows[-1].start), int(line.windows[-1].end))
    ]
    return FreeLine(
        id=line.id, plant=line.plant, windows=tuple(windows), setups=line.setups,
        initial_family=None if begins else line.initial_family, longest_break=line.longest_break,
        setup_any_time=line.setup_any_time, batch=line.batch, unlimited=line.unlimited, free=tuple(free),
        batches=tuple(_open_batches(line, batches, now)),
    )  # fmt: skip


def _intervals(line: Line, batches: Sequence[Sequence[tuple[Placement, Operation]]], now: int) -> list[FreeInterval]:
    """The free intervals that end after `now`; one without working time is none."""
    clock, found = Calendar(line), []
    opens, before = 0, line.initial_family
    for batch in batches:
        placement, operation = batch[0]
        if placement.start > now and clock.work(opens) < clock.work(placement.start):
            found.append(FreeInterval(start=opens, end=placement.start, before=before, after=operation.family))
        opens, before = max(opens, placement.end), batch[-1][1].family
    found.append(FreeInterval(start=opens, end=None, before=before, after=None))
    return found


def _open_batches(
    line: Line, batches: Sequence[Sequence[tuple[Placement, Operation]]], now: int
) -> Iterator[OpenBatch]:
    for batch in batches:
        placement, operation = batch[0]
        taken = sum(one.size for _, one in batch)
        alike = {(one.family, one.running) for _, one in batch}
        if placement.start >= now and taken < line.batch and len(alike) == 1 and operation.family is not None:
            seconds = max(next(m.duration for m in one.modes if m.line == line.id) for _, one in batch)
            yield OpenBatch(
                start=placement.start, end=placement.end, family=operation.family, running=operation.running,
                taken=taken, seconds=seconds,
            )  # fmt: skip


def _free_units(
    resource: Resource, standing: Mapping[LineId, Sequence[tuple[Placement, Operation]]], now: int
) -> FreeResource:
    changes: dict[int, int] = defaultdict(int)
    for line, there in standing.items():
        for placement, operation in there:
            mode = next(mode for mode in operation.modes if mode.line == line)
            for need in mode.needs:
                if need.resource == resource.id and placement.end > now:
                    changes[max(now, placement.start)] -= need.number
                    changes[placement.end] += need.number
    free, steps = resource.number, [(0, resource.number)]
    for instant, change in sorted(changes.items()):
        free += change
        if change:
            steps.append((instant, max(0, free)))
    return FreeResource(id=resource.id, number=resource.number, free=tuple(dict(steps).items()))


def _free_quantity(material: MaterialId, levels: Sequence[tuple[int, int]]) -> FreeMaterial:
    """`levels`: what is there from each instant on; free of it is the least that is there from then on."""
    free: list[tuple[int, int]] = []
    least = levels[-1][1]
    for instant, level in reversed(levels):
        least = min(least, level)
        free.append((instant, max(0, least)))
    free.reverse()
    return FreeMaterial(
        id=material, stock=free[0][1],
        arrivals=tuple((max(0, at), now - before) for (_, before), (at, now) in pairwise(free) if now > before),
    )  # fmt: skip


# --- into a book ------------------------------------------------------------------------------------------------------


Ours = Mapping[str, Sequence[tuple[int, int]]]  # line -> intervals that are not free and yet the reader's


def book_of(capacity: FreeCapacity) -> Book:
    """A book in which orders can be promised into what is free; what is not free is taken by nobody's orders.

    Nothing in it ever moves. Raises InvalidProblem, by the name of what contradicts itself.
    """
    problem, placements = problem_of(capacity)
    return Book(problem, placements, frozen_seconds=NEVER)


def problem_of(
    capacity: FreeCapacity, ours: Ours | None = None
) -> tuple[SchedulingProblem, dict[OperationId, Placement]]:
    """What is not free as facts, each an order of nobody's, and where they stand. Raises InvalidProblem.

    `ours`: line -> intervals [start, end) that the owner has taken into account for the reader's own orders. They are
    left out, for these to stand in. An interval that would be free anyhow contradicts itself, unless it is over.
    """
    if not capacity.lines:
        raise InvalidProblem("lines: a plant has at least one.")
    lines = [_line(line) for line in capacity.lines]
    taken = [one for line in capacity.lines for one in _taken(line, capacity.now, (ours or {}).get(line.id, ()))]
    for resource in capacity.resources:
        lines.append(
            Line(_hidden(resource), PlantId(capacity.lines[0].plant), (Window(Second(0), Second(NEVER)),))
        )  # fmt: skip
        taken += _in_use(resource)
    orders, placements = [], {}
    for number, (operation, placement) in enumerate(taken):
        key = OperationId(f"{HIDDEN}{number}")
        named = Operation(
            key, operation.modes, family=operation.family, running=operation.running, size=operation.size
        )
        orders.append(WorkOrder(WorkOrderId(key), (named,), Second(0), Second(NEVER)))
        placements[key] = Placement(key, placement.line, placement.start, placement.end)
    problem = SchedulingProblem(
        tuple(lines), tuple(orders),
        tuple(
            SetupMatrix(MatrixId(m.id), {(FamilyId(a), FamilyId(z)): took for a, z, took in m.seconds})
            for m in capacity.setups
        ),
        tuple(
            Material(MaterialId(m.id), m.stock, tuple((Second(at), quantity) for at, quantity in m.arrivals))
            for m in capacity.materials
        ),
        {key: (Fixing.FINISHED, placement) for key, placement in placements.items()},
        now=Second(capacity.now), epoch=capacity.epoch,
        resources=tuple(Resource(ResourceId(r.id), r.number) for r in capacity.resources),
        transports=tuple(
            Transport(
                PlantId(t.origin), PlantId(t.destination), t.seconds,
                None if t.departures is None else tuple(Second(at) for at in t.departures),
            )
            for t in capacity.transports
        ),
    )  # fmt: skip
    return problem, placements


def _line(line: FreeLine) -> Line:
    return Line(
        LineId(line.id), PlantId(line.plant), tuple(Window(Second(a), Second(z)) for a, z in line.windows),
        MatrixId(line.setups) if line.setups is not None else None,
        FamilyId(line.initial_family) if line.initial_family is not None else None,
        line.longest_break, line.setup_any_time, line.batch, line.unlimited,
    )  # fmt: skip


_Taken = tuple[Operation, Placement]
_Block = tuple[int, int, str | None, str | None]  # start, end, the families that it begins and ends with


def _taken(line: FreeLine, now: int, ours: Sequence[tuple[int, int]]) -> Iterator[_Taken]:
    """What stands between a line's free intervals: the open batches, and the rest as if it were one thing."""
    batches = sorted(line.batches, key=lambda batch: batch.start)
    for start, end, first, last in _without(line, now, list(_blocks(line, now)), ours):
        at = start
        while batches and batches[0].start < end:
            batch = batches.pop(0)
            if not at <= batch.start < batch.end <= end or batch.taken >= line.batch:
                raise InvalidProblem(f"{line.id}: the batch at {batch.start} is full, or not between free intervals.")
            yield from _pieces(line, at, batch.start, first if at == start else None, None)
            yield _batch(line, batch)
            at = batch.end
        yield from _pieces(line, at, end, first if at == start else None, last)
    if batches:
        raise InvalidProblem(f"{line.id}: the batch at {batches[0].start} is not between free intervals.")


def _blocks(line: FreeLine, now: int) -> Iterator[_Block]:
    """What is not free, from now on."""
    if line.unlimited:
        if line.free:
            raise InvalidProblem(f"{line.id}: an unlimited line is always free.")
        return
    if not line.free or line.free[-1].end is not None:
        raise InvalidProblem(f"{line.id}: the last free interval has no end.")
    begins = line.free[0]
    if begins.start:
        yield min(now, begins.start - 1), begins.start, None, begins.before
    elif begins.before != line.initial_family:
        raise InvalidProblem(f"{line.id}: is free from the beginning, but not after its initial family.")
    for before, after in pairwise(line.free):
        if before.end is None or not before.start < before.end < after.start:
            raise InvalidProblem(f"{line.id}: free intervals must be disjoint and sorted, with something between.")
        yield before.end, after.start, before.after, after.before


def _without(
    line: FreeLine, now: int, blocks: Iterable[_Block], ours: Sequence[tuple[int, int]]
) -> Iterable[_Block]:
    """The blocks without what is the reader's; what the line is set up for beside that is not known."""
    for start, end in ours:
        for free in line.free:
            begins = max(start, free.start, now)
            if begins < min(end, NEVER if free.end is None else free.end):
                said = f"[{start}, {end}) is taken into account, and yet free from {begins} on."
                raise InvalidProblem(f"{line.id}: {said}")
        blocks = [part for block in blocks for part in _cut(block, start, end)]
    return blocks


def _cut(block: _Block, start: int, end: int) -> Iterator[_Block]:
    opens, closes, first, last = block
    if end <= opens or closes <= start:
        yield block
        return
    if opens < start:
        yield opens, start, first, None
    if end < closes:
        yield end, closes, None, last


def _pieces(line: FreeLine, start: int, end: int, first: str | None, last: str | None) -> Iterator[_Taken]:
    """[start, end) as one thing that begins with a family, and another one that ends with a family."""
    if start < end - 1 and first != last:
        yield _work(line, start, start + 1, first)
        start, first = start + 1, last
    if start < end:
        yield _work(line, start, end, first if last is None else last)


def _work(line: FreeLine, start: int, end: int, family: str | None) -> _Taken:
    """Somebody's work, which fills a batch where the line is an oven."""
    return _anything(LineId(line.id), start, end, (), family, Running.PAUSES, max(1, line.batch), end - start)


def _batch(line: FreeLine, batch: OpenBatch) -> _Taken:
    return _anything(
        LineId(line.id), batch.start, batch.end, (), batch.family, batch.running, batch.taken, batch.seconds
    )  # fmt: skip


def _in_use(resource: FreeResource) -> Iterable[_Taken]:
    """Units that are not free, on a line of their own."""
    instants = [instant for instant, _ in resource.free]
    if not instants or instants[0] != 0 or instants != sorted(set(instants)):
        raise InvalidProblem(f"{resource.id}: what is free is stated from 0 on, with instants that rise.")
    if resource.free[-1][1] != resource.number or any(free > resource.number for _, free in resource.free):
        raise InvalidProblem(f"{resource.id}: no more is free than there is, and all of it in the end.")
    for (start, free), (end, _) in pairwise(resource.free):
        if free < resource.number:
            needs = (ResourceNeed(ResourceId(resource.id), resource.number - free),)
            yield _anything(_hidden(resource), start, end, needs, None, Running.PAUSES, 1, end - start)


def _hidden(resource: FreeResource) -> LineId:
    return LineId(f"{HIDDEN}{resource.id}")


def _anything(
    line: LineId, start: int, end: int, needs: tuple[ResourceNeed, ...], family: str | None, running: Running,
    size: int, seconds: int,
) -> _Taken:  # fmt: skip
    key = OperationId(HIDDEN)
    operation = Operation(
        key, (Mode(line, seconds, needs),), family=FamilyId(family) if family is not None else None, running=running,
        size=size,
    )  # fmt: skip
    return operation, Placement(key, line, Second(start), Second(end))


# --- the reader's orders in it ----------------------------------------------------------------------------------------


def refit(
    problem: SchedulingProblem, placements: Mapping[OperationId, Placement]
) -> Mapping[OperationId, Placement] | NoRoom:
    """Where what no longer fits goes: placements of operations that have to stand elsewhere, or what finds no room.

    `problem`: as of `problem_of`, with the reader's orders. What has begun stays; the rest of an order stays as a whole
    or is placed anew, as early as there is room, those with the earliest promise first.
    """
    begun = {key for key, (fixing, _) in problem.fixed.items() if fixing in FACTS}
    facts, rests = [], []
    for order in problem.orders:
        stays = tuple(operation for operation in order.operations if operation.id in begun)
        if stays:
            facts.append(replace(order, operations=stays))
        if len(stays) < len(order.operations):
            rests.append(_rest(order, {operation.id: placements[operation.id].end for operation in stays}))
    begins = replace(problem, orders=tuple(facts), fixed={key: problem.fixed[key] for key in begun})
    book = Book(begins, {key: placements[key] for key in begun}, frozen_seconds=NEVER)
    loose = [rest for rest in rests if not _stands(book, rest, placements)]
    moved: dict[OperationId, Placement] = {}
    for rest in sorted(loose, key=lambda order: (NEVER if order.promise is None else order.promise, order.id)):
        found = book.quote(rest, not_before=problem.now)
        if isinstance(found, NoRoom):
            return found
        book.commit(rest, found.placements)
        moved |= {place.operation: place for place in found.placements if place != placements[place.operation]}
    return moved


def _rest(order: WorkOrder, ends: Mapping[OperationId, Second]) -> WorkOrder:
    """What has not begun of an order, which waits for the rest of it until it has ended."""
    operations = []
    for operation in order.operations:
        if operation.id in ends:
            continue
        waits = [before for before in operation.predecessors if before.operation not in ends]
        ready = [ends[b.operation] + b.minimum_wait for b in operation.predecessors if b.operation in ends]
        release = Second(max(operation.release, *ready)) if ready else operation.release
        operations.append(replace(operation, predecessors=tuple(waits), release=release))
    return replace(order, id=WorkOrderId(f"{order.id}{HIDDEN}"), operations=tuple(operations))


def _stands(book: Book, rest: WorkOrder, placements: Mapping[OperationId, Placement]) -> bool:
    """Whether it fits where it stands; it is in the book then."""
    try:
        book.commit(rest, [placements[operation.id] for operation in rest.operations])
    except Occupied:
        return False
    return True
