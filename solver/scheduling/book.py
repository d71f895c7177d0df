"""The live schedule: the earliest end of one more order, others moving within what was promised; commit and remove.

An order's operations may move as long as it ends by its *limit*: its promise, or, where it has none or it is broken
already, the end that it has now. What is fixed, what starts in the frozen horizon, batches in ovens and what needs
resources stay where they are. A query changes the words and gives everything back (`room.undo`), so a book has a lock;
a copy is independent. A *hold* is in the book until an instant: whoever asks later finds its room free.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from threading import RLock
from typing import overload

import numpy as np
from numpy.typing import NDArray

from solver.scheduling.arrays import Words
from solver.scheduling.book_words import (
    AFTER,
    COUNT,
    EARLIEST,
    END,
    FIRM,
    FLOOR,
    FREEZE,
    FRESH,
    HARD,
    LATE,
    LENGTH,
    LIMIT,
    LINE,
    LOOKS,
    MOST,
    NAME,
    NO_ROOM,
    NOW,
    OPERATION_SIZE,
    ORDER,
    ORDER_HEAD,
    PUSHED,
    QUESTION,
    RECALL,
    ROW_CAPACITY,
    START,
    SUCCS,
    TOP,
    TRAIL_SIZE,
    TRIES,
    USERS,
    WALL,
    Record,
    empty_words,
    factory_of,
    record_of,
)
from solver.scheduling.check import Rule, Violation
from solver.scheduling.placing import place_early, place_order
from solver.scheduling.problem import (
    NEVER,
    Fixing,
    InvalidProblem,
    Line,
    LineId,
    MaterialId,
    Operation,
    OperationId,
    Placement,
    SchedulingProblem,
    Second,
    SetupMatrix,
    WorkOrder,
    WorkOrderId,
)
from solver.scheduling.room import take_out
from solver.scheduling.schedule import Schedule
from solver.scheduling.settle import (
    CLOSED,
    CROWDED,
    LACKS_SETUP,
    NOT_KNOWN,
    OVERLAPS,
    PAST,
    PAST_LIMIT,
    SHORT_OF,
    TOO_SOON,
    UNRELEASED,
    follow,
    lift_order,
    line_up,
    relate_all,
    rewrite,
    settled,
    taken_back,
    tightened,
)
from solver.scheduling.stock import Stock
from solver.scheduling.trail import undo

ANY_TIME = Second(0)
MOST_MOVED = 300  # operations, so that an answer can be looked over
MOST_OUT, MOST_LOOKS = 12, 200  # of them may be tried in other places, and looked at before
AGAIN = 200  # times, for what may not wait long
MOST_AGAIN, MOST_TURNS = 30, 6  # orders that are put in anew when many others were put elsewhere, and tries of it
SPARE_WORDS = 1 << 16  # of records, at least, beyond what a book begins with
SPARE_ROWS = 1 << 12  # of what a query changes
Fixed = Mapping[OperationId, tuple[Fixing, Placement]]
Names = NDArray[np.object_]  # operations' ids
RULES = {
    OVERLAPS: Rule.OVERLAP, LACKS_SETUP: Rule.SETUP, TOO_SOON: Rule.PRECEDENCE, UNRELEASED: Rule.RELEASE,
    PAST: Rule.NOW, CLOSED: Rule.CALENDAR, SHORT_OF: Rule.RESOURCE, CROWDED: Rule.BATCH, PAST_LIMIT: Rule.FIXED,
}  # fmt: skip


class Lack(StrEnum):
    """What a work order finds no room for want of."""

    CAPACITY = "capacity"  # no line has enough time left before its windows end
    MATERIAL = "material"  # a material is not there and none that would do is on its way


@dataclass(frozen=True, slots=True)
class NoRoom:
    """No placement within the lines' windows; `operation` is the first that found none."""

    order: WorkOrderId
    operation: OperationId
    lack: Lack
    material: MaterialId | None = None


class Occupied(Exception):
    """The placements do not fit into the book (any more)."""

    def __init__(self, order: WorkOrderId, violations: tuple[Violation, ...]) -> None:
        super().__init__(f"{order}: " + " ".join(f"{v.subject}: {v.what}" for v in violations[:3]))
        self.order = order
        self.violations = violations


class Moved(Sequence[Placement]):
    """Placements that are made when they are looked at: of most answers only the date is."""

    __slots__ = ("_at", "_lines", "later", "layout", "rows")

    def __init__(
        self, rows: Words, layout: Names, at: Words, later: Mapping[int, OperationId], lines: Sequence[Line]
    ) -> None:
        """`rows`: handle in books of the same layout, number of the line, start and end of each.

        `at`: where in the layout the names are; `later`: those that are not there, by handle.
        """
        self.rows, self.layout, self.later = rows, layout, later
        self._at, self._lines = at, lines

    def __len__(self) -> int:
        return len(self.rows)

    @overload
    def __getitem__(self, place: int) -> Placement: ...

    @overload
    def __getitem__(self, place: slice) -> Sequence[Placement]: ...

    def __getitem__(self, place: int | slice) -> Placement | Sequence[Placement]:
        return tuple(self)[place]

    def __iter__(self) -> Iterator[Placement]:
        lines, later = self._lines, self.later
        names: list[OperationId] = self.layout[self._at].tolist()
        for name, (handle, line, start, end) in zip(names, self.rows.tolist(), strict=True):
            yield Placement(later.get(handle, name), lines[line].id, Second(start), Second(end))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and tuple(self) == tuple(other)

    def __hash__(self) -> int:
        return hash(tuple(self))


@dataclass(frozen=True, slots=True)
class Promise:
    """Where an order would be made, and what moves for it; `completion`: end of its last operation."""

    order: WorkOrder
    placements: tuple[Placement, ...]
    completion: Second
    moved: Sequence[Placement] = ()


@dataclass(frozen=True, slots=True)
class Held:
    """A work order in the book and where its operations stand."""

    order: WorkOrder
    placements: Mapping[OperationId, Placement]


_Words = tuple[bytes, tuple[int | None, ...]]  # an order's record and its longest waits


@dataclass(frozen=True, slots=True)
class _Room:
    """Of each operation line, start and end; and what moves."""

    completion: int
    places: list[list[int]]
    moved: Sequence[Placement]


@dataclass(frozen=True, slots=True)
class _Entry:
    order: WorkOrder
    address: int
    operations: tuple[Operation, ...]  # those that are made
    takes: tuple[tuple[MaterialId, int, int], ...]  # material, instant, quantity


class Book:
    """A plant's live schedule (or several plants'). Threads may share it: a call waits for the one before it."""

    def __init__(
        self,
        problem: SchedulingProblem,
        placements: Mapping[OperationId, Placement] | None = None,
        *,
        frozen_seconds: int = 0,
    ) -> None:
        """The book of `problem.orders` as far as they are placed. What starts within `frozen_seconds` stays."""
        self._lock = RLock()
        self._factory = factory_of(problem)
        self._frozen_seconds = frozen_seconds
        self._fixed: dict[OperationId, tuple[Fixing, Placement]] = dict(problem.fixed)
        self._holds: dict[WorkOrderId, int] = {}  # when they end
        placed = placements or {}
        standing: list[tuple[WorkOrder, dict[OperationId, Placement]]] = []
        for order in problem.orders:
            own = {o.id: placed[o.id] for o in order.operations if o.id in placed}
            if own:
                standing.append((order, own))
        if sum(len(own) for _, own in standing) != len(placed):
            raise InvalidProblem("A placement names an operation that no order has.")
        self._read(problem.now, standing)

    def _read(
        self, now: int, standing: Sequence[tuple[WorkOrder, Mapping[OperationId, Placement]]], more: int = 0,
        more_words: int = 0,
    ) -> None:  # fmt: skip
        """Lay everything out anew, with room for so many more operations on a line, and words of records, at least."""
        factory = self._factory
        self._entries: dict[WorkOrderId, _Entry] = {}
        self._handle: dict[OperationId, int] = {}
        self._by_address: dict[int, _Entry] = {}
        self._later_names: dict[int, OperationId] = {}  # of the handles of what came later
        names: list[OperationId] = []
        takes: dict[MaterialId, list[tuple[int, int]]] = {m.id: [] for m in factory.problem.materials}
        on_line = np.zeros(factory.lines + 1, dtype=np.int64)
        records: list[tuple[WorkOrder, Record, tuple[tuple[MaterialId, int, int], ...]]] = []
        for _, own in standing:
            for placement in own.values():
                on_line[factory.line[placement.line]] += 1
        capacity = int(on_line.max()) * 5 // 4 + 64 + more
        address = len(empty_words(factory, 0, capacity))
        for order, own in standing:
            made = tuple(operation for operation in order.operations if operation.id in own)
            took = tuple(
                (need.material, int(own[o.id].start), need.quantity) for o in made for need in o.materials
            )  # fmt: skip
            for material, instant, quantity in took:
                takes[material].append((instant, quantity))
            done = max(placement.end for placement in own.values())
            record = record_of(
                factory, order, address, made=made,
                limit=done if order.promise is None else max(order.promise, done),
                earliest={o.id: max(order.released(o), own[o.id].start) for o in made if o.materials},
                walls=self._walls(made, own), placements=own, name=len(names),
            )  # fmt: skip
            names += (operation.id for operation in made)
            records.append((order, record, took))
            entry = _Entry(order, address, made, took)
            self._note(entry)
            address += len(record.words)
        self._addresses: Words = np.array(list(self._by_address), dtype=np.int64)
        spare = max(SPARE_WORDS, address // 4) + more_words
        b = empty_words(factory, 0, capacity)
        self._words: Words = np.concatenate(
            [b, *(np.array(record.words, dtype=np.int64) for _, record, _ in records), np.zeros(spare, dtype=np.int64)]
        )
        b = self._words
        b[TOP] = address
        self._changed: Words = np.empty((SPARE_ROWS, 4), dtype=np.int64)  # for what moved
        self._names: Names = np.array([*names, OperationId("")], dtype=object)
        for _, record, _ in records:
            self._note_uses(record)
        self._stocks = {m.id: Stock(m, takes[m.id]) for m in factory.problem.materials}
        line_up(factory.words, b, self._handles(latest_first=False))
        self._set_now(now)

    def _walls(self, made: Iterable[Operation], own: Mapping[OperationId, Placement]) -> frozenset[OperationId]:
        """What may not move: what is fixed, what is in an oven, what needs resources or may not wait long."""
        lines = self._factory.problem.lines
        found = set()
        for operation in made:
            place = own[operation.id]
            mode = next((mode for mode in operation.modes if mode.line == place.line), None)
            if mode is None:
                raise InvalidProblem(f"{operation.id}: is placed on {place.line}, which cannot make it.")
            if operation.id in self._fixed or mode.needs or lines[self._factory.line[place.line]].batch:
                found.add(operation.id)
            for before in operation.predecessors:
                if before.maximum_wait is not None:
                    found |= {operation.id, before.operation}
        return frozenset(found)

    def _note(self, entry: _Entry) -> None:
        self._entries[entry.order.id] = self._by_address[entry.address] = entry
        first = entry.address + ORDER_HEAD
        for i, operation in enumerate(entry.operations):
            self._handle[operation.id] = first + OPERATION_SIZE * i

    def _note_uses(self, record: Record) -> None:
        b, lines = self._words, self._factory.lines
        for resource, line in record.uses:
            b[b[USERS] + resource * lines + line] = 1

    def _handles(self, *, latest_first: bool) -> Words:
        """All operations' handles by start."""
        b = self._words
        parts = [
            self._operations(entry.address, len(entry.operations))
            for entry in self._entries.values()
        ]
        handles = np.concatenate(parts) if parts else np.zeros(0, dtype=np.int64)
        by_start = np.lexsort((b[handles + END], b[handles + START]))
        return np.ascontiguousarray(handles[by_start[::-1] if latest_first else by_start])

    # --- reading ----------------------------------------------------------------------------------------------------

    @property
    def now(self) -> Second:
        """Nothing that is free is placed before it."""
        return Second(int(self._words[NOW]))

    @property
    def lines(self) -> tuple[Line, ...]:
        """The lines, with the windows in which they work."""
        return self._factory.problem.lines

    @property
    def orders(self) -> Mapping[WorkOrderId, WorkOrder]:
        """The orders that the book holds."""
        return {key: entry.order for key, entry in self._entries.items()}

    @property
    def placements(self) -> Mapping[OperationId, Placement]:
        """Where every operation stands."""
        with self._lock:
            return {p.operation: p for entry in self._entries.values() for p in self._standing(entry)}

    @property
    def schedule(self) -> Schedule:
        """The placements as a schedule."""
        return Schedule(self.placements)

    @property
    def problem(self) -> SchedulingProblem:
        """The problem that `placements` solves, for the judge and the search."""
        placed = self._handle.keys()
        return replace(
            self._factory.problem, orders=tuple(self.orders.values()), now=self.now,
            fixed={key: entry for key, entry in self._fixed.items() if key in placed},
        )  # fmt: skip

    def line(self, line_id: LineId) -> Line:
        """One of its lines."""
        return self._factory.problem.lines[self._factory.line[line_id]]

    def setups(self, line_id: LineId) -> SetupMatrix | None:
        """What a line's setups take; None: it has none."""
        matrix = self.line(line_id).setups
        return next((one for one in self._factory.problem.setups if one.id == matrix), None)

    def supplied(self, order: WorkOrder, not_before: Second) -> Second | None:
        """The instant from `not_before` on at which all the materials that an order needs are free; None: never."""
        with self._lock:
            earliest, missing = self._supplied(order, order.operations, not_before)
            return None if missing is not None else Second(max(earliest.values()))

    def levels(self, material: MaterialId) -> list[tuple[int, int]]:
        """Instants, and how much of a material is there from each of them on."""
        with self._lock:
            return self._stocks[material].levels()

    def holds(self, order_id: WorkOrderId) -> bool:
        """Whether the order is in the book."""
        return order_id in self._entries

    def _staying(self) -> list[int]:
        """Handles of what stays and has not ended."""
        b, handles = self._words, self._handles(latest_first=False)
        last = {int(b[op + LINE]): int(op) for op in handles if b[op + START] < b[NOW]}
        stays = handles[((b[handles + WALL] != 0) | (b[handles + START] < b[FREEZE])) & (b[handles + END] > b[NOW])]
        return sorted({*last.values(), *stays.tolist()})

    def held(self, order_id: WorkOrderId) -> Held:
        """The order and its placements; KeyError when the book does not hold it."""
        with self._lock:
            entry = self._entries[order_id]
            return Held(entry.order, {p.operation: p for p in self._standing(entry)})

    def copy(self) -> Book:
        """An independent book."""
        with self._lock:
            other = Book.__new__(Book)
            other._lock, other._factory, other._frozen_seconds = RLock(), self._factory, self._frozen_seconds
            other._fixed, other._entries, other._holds = dict(self._fixed), dict(self._entries), dict(self._holds)
            other._by_address, other._addresses = dict(self._by_address), self._addresses
            other._handle, other._names = dict(self._handle), self._names
            other._later_names = dict(self._later_names)
            other._words, other._changed = self._words.copy(), np.empty_like(self._changed)
            other._stocks = {key: stock.copy() for key, stock in self._stocks.items()}
            return other

    def _rows(self, address: int, count: int) -> list[list[int]]:
        """Line, start and end of an order's operations."""
        first = address + ORDER_HEAD
        rows = self._words[first : first + OPERATION_SIZE * count].reshape(-1, OPERATION_SIZE)[:, :3]
        return rows.tolist()  # type: ignore[no-any-return]

    def _standing(self, entry: _Entry) -> tuple[Placement, ...]:
        lines = self._factory.problem.lines
        return tuple(
            Placement(operation.id, lines[line].id, Second(start), Second(end))
            for operation, (line, start, end)
            in zip(entry.operations, self._rows(entry.address, len(entry.operations)), strict=True)
        )  # fmt: skip

    def quote(self, order: WorkOrder, *, not_before: Second = ANY_TIME, at: Second = ANY_TIME) -> Promise | NoRoom:
        """Where `order` would be made if it came now, and what would move for it. Changes nothing.

        `at`: when it is asked; holds that have ended by then are let go first (`let_go`).
        """
        return self.quote_each((order,), not_before=not_before, at=at)[0]

    def quote_each(
        self, orders: Sequence[WorkOrder], *, not_before: Second = ANY_TIME, at: Second = ANY_TIME
    ) -> tuple[Promise | NoRoom, ...]:
        """`quote` of each order by itself, by one state of the book. What is made alike is looked for once."""
        with self._lock:
            self.let_go(at)
            alike: dict[_Words, _Room | int] = {}
            found = []
            for order in orders:
                answers = [self._quoted(order, made, not_before, alike) for made in _routes(order)]
                promises = [answer for answer in answers if isinstance(answer, Promise)]
                found.append(min(promises, key=lambda promise: promise.completion) if promises else answers[0])
            return tuple(found)

    def unlimit(self, order_id: WorkOrderId, before: Book | None = None, not_before: int = ANY_TIME) -> None:
        """Let an order end at any time, and start as soon as the stocks of the book `before` it allow."""
        with self._lock:
            entry = self._entries[order_id]
            self._words[entry.address + LIMIT] = NEVER
            if before is not None:
                earliest, _ = before._supplied(entry.order, entry.operations, not_before)
                for i, operation in enumerate(entry.operations):
                    op = entry.address + ORDER_HEAD + OPERATION_SIZE * i
                    self._words[op + EARLIEST] = earliest[operation.id]
            relate_all(self._factory.words, self._words, self._handles(latest_first=True))

    def moved_since(self, before: Book) -> Sequence[Placement]:
        """Where operations stand now that stood elsewhere in the book that this one is a copy of."""
        with self._lock, before._lock:
            known = self._handle
            handles = [(known[name], handle) for name, handle in before._handle.items() if name in known]
            mine, its = np.array(handles, dtype=np.int64).reshape(-1, 2).T
            elsewhere = (self._words[mine + START] != before._words[its + START]) | (
                self._words[mine + LINE] != before._words[its + LINE]
            )
            changed = mine[elsewhere]
            return self._placed(np.stack([changed, *(self._words[changed + at] for at in (LINE, START, END))], axis=1))

    def _quoted(
        self, order: WorkOrder, made: tuple[Operation, ...], not_before: int, alike: dict[_Words, _Room | int]
    ) -> Promise | NoRoom:
        """`alike`: what was found for an order's words (or the number of the operation without room); it grows."""
        earliest, missing = self._supplied(order, made, not_before)
        if missing is not None:
            return missing
        record = self._append(order, made, earliest)
        address = int(self._words[TOP])
        waits = tuple(before.maximum_wait for o in made for before in o.predecessors)
        key = self._words[address : address + len(record.words)].tobytes(), waits
        room = alike.get(key)
        if room is None:
            room = alike[key] = self._room_for(made, address, address + len(record.words), not_before)
        if isinstance(room, int):
            return NoRoom(order.id, made[room].id, Lack.CAPACITY)
        lines = self._factory.problem.lines
        placements = tuple(
            Placement(operation.id, lines[line].id, Second(start), Second(end))
            for operation, (line, start, end) in zip(made, room.places, strict=True)
        )
        return Promise(order, placements, Second(room.completion), room.moved)

    def _room_for(self, made: tuple[Operation, ...], address: int, top: int, not_before: int) -> _Room | int:
        """Room for the order whose words are [address, top), or the number of its operation that finds none."""
        s, b = self._factory.words, self._words
        b[TRAIL_SIZE], b[TOP], freeze = 0, top, int(b[FREEZE])
        try:
            b[FREEZE] = max(freeze, not_before + self._frozen_seconds)
            b[MOST] = MOST_MOVED
            done, bound = place_early(s, b, address, MOST_OUT, MOST_LOOKS)
            room = self._found(done, address, made)
            if room is None or room.completion > bound:  # with nothing put elsewhere it may be earlier
                within = NEVER if room is None else room.completion
                room = self._found(place_order(s, b, address, within), address, made) or room
            if room is None:  # into free room alone
                b[FREEZE], b[RECALL] = NEVER, 0
                room = self._found(place_order(s, b, address, NEVER), address, made)
            return int(b[address + NO_ROOM]) if room is None else room
        finally:
            undo(b, 0)
            b[TOP], b[FREEZE], b[MOST], b[RECALL] = address, freeze, NEVER, 0

    def _found(self, done: int, address: int, made: tuple[Operation, ...]) -> _Room | None:
        """What an order has been given (`done`: its end), waits that were too long made shorter; all is undone."""
        s, b = self._factory.words, self._words
        for _ in range(AGAIN):
            if done >= NEVER:
                break
            if not self._waited_too_long(address, made):
                places = self._rows(address, len(made))
                room = _Room(done, places, self._placed(self._taken_back(address)))
                b[PUSHED] = 0
                return room
            undo(b, 0)
            b[PUSHED] = b[RECALL] = 0
            done = int(place_order(s, b, address, NEVER))
        else:
            b[address + NO_ROOM] = 0
        undo(b, 0)
        b[PUSHED] = 0
        return None

    def _waited_too_long(self, address: int, made: tuple[Operation, ...]) -> bool:
        """Whether something starts too long after what it waits for, which is then to start later."""
        b, first = self._words, address + ORDER_HEAD
        at = {operation.id: first + OPERATION_SIZE * i for i, operation in enumerate(made)}
        found = False
        for operation in made:
            for before in operation.predecessors:
                if before.maximum_wait is not None and before.operation in at:
                    op, earlier = at[operation.id], at[before.operation]
                    over = int(b[op + START] - b[earlier + END]) - before.maximum_wait
                    if over > 0:
                        b[earlier + EARLIEST] = max(b[earlier + EARLIEST], b[earlier + START] + over)
                        found = True
        return found

    def _taken_back(self, below: int) -> Words:
        """Undo everything: handle, line, start and end of what stood elsewhere, of the records below an address."""
        b = self._words
        if b[TRAIL_SIZE] >= len(self._changed):
            self._changed = np.empty((2 * int(b[TRAIL_SIZE]) + 1, 4), dtype=np.int64)
        return self._changed[: taken_back(b, self._addresses, below, self._changed)].copy()

    def _placed(self, rows: Words) -> Moved:
        """Rows of handle, line, start and end as placements."""
        at = self._words[rows[:, 0] + NAME]
        later = {handle: self._later_names[handle] for handle in rows[at < 0, 0].tolist()}
        return Moved(rows, self._names, at, later, self._factory.problem.lines)

    def _supplied(
        self, order: WorkOrder, made: Iterable[Operation], not_before: int
    ) -> tuple[dict[OperationId, int], NoRoom | None]:
        """The earliest start of each operation by release and materials, or which material is not there."""
        taken: dict[MaterialId, int] = {}
        earliest: dict[OperationId, int] = {}
        floor = max(order.release, not_before)
        for operation in made:
            instant = max(floor, operation.release)
            for need in operation.materials:
                if need.material not in self._stocks:
                    raise InvalidProblem(f"{operation.id}: unknown material {need.material}.")
                taken[need.material] = taken.get(need.material, 0) + need.quantity
                found = self._stocks[need.material].earliest(instant, taken[need.material])
                if found is None:
                    return {}, NoRoom(order.id, operation.id, Lack.MATERIAL, need.material)
                instant = found
            earliest[operation.id] = instant
        return earliest, None

    def _append(
        self, order: WorkOrder, made: tuple[Operation, ...], earliest: Mapping[OperationId, int], moving: int = MOST_OUT
    ) -> Record:
        """Write an order's record behind all others, without keeping it; so many others may come to a line."""
        for operation in made:
            for mode in operation.modes:
                if mode.line not in self._factory.line:
                    raise InvalidProblem(f"{operation.id}: unknown line {mode.line}.")
        address = int(self._words[TOP])
        record = record_of(
            self._factory, order, address, made=made, limit=NEVER, earliest=earliest, walls=frozenset(),
            placements={},
        )  # fmt: skip
        b = self._words
        more = len(made) + moving
        full = int(b[b[LENGTH] : b[LENGTH] + self._factory.lines].max(initial=0)) + more >= b[ROW_CAPACITY]
        if full or address + len(record.words) > len(b):
            standing = [
                (entry.order, {p.operation: p for p in self._standing(entry)}) for entry in self._entries.values()
            ]
            allowed = {key: self._allowed(entry) for key, entry in self._entries.items()}
            self._read(int(b[NOW]), standing, more, len(record.words))
            for key, (limit, instants) in allowed.items():
                at = self._entries[key].address
                self._words[at + LIMIT] = limit
                self._words[self._operations(at, len(instants)) + EARLIEST] = instants
            self._relate()
            return self._append(order, made, earliest, moving)
        b[address : address + len(record.words)] = record.words
        self._note_uses(record)
        return record

    def _operations(self, address: int, count: int) -> Words:
        """Handles of an order's operations."""
        return address + ORDER_HEAD + OPERATION_SIZE * np.arange(count, dtype=np.int64)

    def _allowed(self, entry: _Entry) -> tuple[int, Words]:
        """How late an order may end, and how early each operation may start: kept when it is read anew."""
        ops = self._operations(entry.address, len(entry.operations))
        return int(self._words[entry.address + LIMIT]), self._words[ops + EARLIEST]

    # --- writing ----------------------------------------------------------------------------------------------------

    def commit(
        self, order: WorkOrder, placements: Iterable[Placement], moved: Iterable[Placement] = (), *,
        until: Second | None = None,
    ) -> None:  # fmt: skip
        """Hold `order` at `placements`, others at `moved`; raises Occupied, changing nothing, when they do not fit.

        `until`: when the hold ends; None: never.
        """
        with self._lock:
            if order.id in self._entries:
                raise InvalidProblem(f"{order.id}: is held already.")
            given = {placement.operation: placement for placement in placements}
            made = tuple(operation for operation in order.operations if operation.id in given)
            found = [
                Violation(Rule.MISSING, o.id, f"{o.id} is not placed.")
                for o in order.operations if o.id not in given and o.route is None
            ]  # fmt: skip
            earliest, missing = self._supplied(order, made, 0)
            if missing is not None:
                found.append(Violation(Rule.MATERIAL, missing.material or "", "is not there."))
            found += [
                Violation(Rule.MATERIAL, o.id, "what it takes is not there, or promised to a later operation.")
                for o in made if order.released(o) < earliest.get(o.id, 0) > given[o.id].start
            ]  # fmt: skip
            if found:
                raise Occupied(order.id, tuple(found))
            self._write(order, made, given, moved if isinstance(moved, Moved) else tuple(moved))
            self.hold_until(order.id, until)

    def hold_until(self, order_id: WorkOrderId, until: Second | None) -> None:
        """Let a hold end at another instant, or (None) be an order for good; KeyError when the book lacks it."""
        with self._lock:
            key = self._entries[order_id].order.id
            if until is None:
                self._holds.pop(key, None)
            else:
                self._holds[key] = until

    def let_go(self, at: Second) -> Mapping[OperationId, Placement]:
        """Give back the room of all holds that have ended by an instant; what had to move for it (see `remove`)."""
        with self._lock:
            moved: dict[OperationId, Placement] = {}
            for order_id in [key for key, end in self._holds.items() if end <= at]:
                moved |= self.remove(order_id)
            return {key: placement for key, placement in moved.items() if key in self._handle}

    def _write(
        self, order: WorkOrder, made: tuple[Operation, ...], given: Mapping[OperationId, Placement],
        moved: Sequence[Placement],
    ) -> None:  # fmt: skip
        earliest = {o.id: max(order.released(o), given[o.id].start) for o in made if o.materials}
        standing, layout = self._standing_at(moved), self._names
        comes = self._words[standing[:, 0] + LINE] != standing[:, 1]
        record = self._append(order, made, earliest, int(np.count_nonzero(comes)))
        if self._names is not layout:
            standing = self._standing_at(moved)
        s, b = self._factory.words, self._words
        address = int(b[TOP])
        own = self._operations(address, len(made))
        places = np.concatenate([self._places(own, [given[o.id] for o in made]), standing])
        ops, rows = np.ascontiguousarray(places[:, 0]), np.ascontiguousarray(places[:, 1:])
        done = max((given[o.id].end for o in made), default=0)
        b[address + LIMIT] = done if order.promise is None else max(order.promise, done)
        b[TRAIL_SIZE] = fault = 0
        wrong: Violation | None = None
        if unknown := rewrite(s, b, ops, rows):
            at = (*(given[o.id] for o in made), *moved)[unknown - 1]
            wrong = Violation(Rule.UNKNOWN, at.operation, f"cannot be made on {at.line}.")
        elif (fault := settled(s, b, ops, 1)) > 0:
            kind, at = RULES[fault % 16], (*(given[o.id] for o in made), *moved)[fault // 16]
            wrong = Violation(kind, at.operation, f"it, or what comes after it, breaks a rule ({kind}).")
        if wrong is not None:
            undo(b, 0)
            raise Occupied(order.id, (wrong,))
        took = tuple((need.material, int(given[o.id].start), need.quantity) for o in made for need in o.materials)
        for material, instant, quantity in took:
            self._stocks[material].take(instant, quantity)
        self._note(_Entry(order, address, made, took))
        self._later_names.update(zip(own.tolist(), (o.id for o in made), strict=True))
        self._addresses = np.append(self._addresses, address)
        walls = self._walls(made, given)
        b[TOP], b[own + FRESH], b[own + WALL] = address + len(record.words), 0, [int(o.id in walls) for o in made]
        if fault == 0 and (b[own + WALL].any() or (b[own + START] < b[FREEZE]).any()):  # they stay from here on
            b[own + LATE] = NOT_KNOWN
            fault = settled(s, b, own, 0)
        b[TRAIL_SIZE] = 0
        # What ends later than it may have been promised, or has no promise, is to end no later again.
        if tightened(b, np.ascontiguousarray(ops[len(own) :])) or fault < 0:
            relate_all(s, b, self._handles(latest_first=True))

    def _standing_at(self, moved: Sequence[Placement]) -> Words:
        """Handle, line, start and end of each; KeyError for what the book does not hold."""
        if isinstance(moved, Moved) and moved.layout is self._names:
            known = all(self._later_names.get(handle) == name for handle, name in moved.later.items())
            if known and (self._words[moved.rows[:, 0] + START] >= 0).all():
                return moved.rows
        return self._places([self._handle[at.operation] for at in moved], moved)

    def _places(self, handles: Sequence[int] | Words, at: Sequence[Placement]) -> Words:
        """Handle, line (-1: unknown), start and end of each."""
        line = self._factory.line
        rows = [(op, line.get(p.line, -1), p.start, p.end) for op, p in zip(handles, at, strict=True)]
        return np.array(rows, dtype=np.int64).reshape(-1, 4)

    def _home(self, op: int) -> _Entry:
        """The order whose operation has this handle."""
        return self._by_address[int(self._words[op + ORDER])]

    def _rewrite(self, rows: Words) -> bool:
        """Let operations (handle, line, start, end) stand elsewhere, others giving way; False if they may not.

        Orders that would pass their limits are put in anew, if they are few.
        """
        s, b = self._factory.words, self._words
        b[TRAIL_SIZE] = 0
        ops, places = rows[:, 0].copy(), rows[:, 1:].copy()
        done = rewrite(s, b, ops, places) == 0
        if done and settled(s, b, ops, 0) == 0 and follow(s, b, ops) and settled(s, b, ops, 1) == 0:
            b[TRAIL_SIZE] = 0
            return True
        undo(b, 0)
        done = done and rewrite(s, b, ops, places) == 0 and self._brought_in(ops)
        if not done:
            undo(b, 0)
        b[TRAIL_SIZE] = 0
        self._relate()
        return done

    def _brought_in(self, ops: Words) -> bool:
        """Put in anew the orders that pass their limits where `ops` were put, if that keeps all limits."""
        s, b = self._factory.words, self._words
        again: list[int] = []  # addresses
        while True:
            self._relate()
            late = self._passing()
            if not late:
                break
            again += late
            if len(again) > MOST_AGAIN or any(self._all_stay(address) for address in late):
                return False
            for address in late:
                lift_order(s, b, address)
        if not follow(s, b, ops[b[ops + START] >= 0]):
            return False
        again.sort(key=lambda address: int(b[address + LIMIT]))
        mark = int(b[TRAIL_SIZE])
        for _ in range(MOST_TURNS):
            failed = next((address for address in again if not self._put_in_anew(address)), None)
            if failed is None:
                self._relate()
                return settled(s, b, ops, 1) == 0
            undo(b, mark)
            again.remove(failed)
            again.insert(0, failed)  # what found no room comes first next time
        return False

    def _relate(self) -> None:
        """LATE of all operations anew."""
        self._words[FLOOR] = 0
        relate_all(self._factory.words, self._words, self._handles(latest_first=True))

    def _put_in_anew(self, address: int) -> bool:
        """Put in what was taken out of an order, within its limit and behind what is frozen."""
        s, b = self._factory.words, self._words
        self._relate()
        now, limit = int(b[NOW]), int(b[address + LIMIT])
        b[QUESTION] += 1
        b[NOW], b[TRIES], b[LOOKS], b[FIRM] = max(now, int(b[FREEZE])), MOST_OUT, MOST_LOOKS, 1
        done = place_order(s, b, address, limit + 1)
        b[NOW], b[TRIES], b[FIRM] = now, 0, 0
        return int(done) <= limit

    def _all_stay(self, address: int) -> bool:
        """Whether nothing of an order's end can be taken out."""
        b, last = self._words, address + ORDER_HEAD + OPERATION_SIZE * (int(self._words[address + COUNT]) - 1)
        return bool(b[last + WALL]) or 0 <= b[last + START] < b[FREEZE] or b[last + START] < 0

    def _passing(self) -> list[int]:
        """The orders whose operations start after their LATE, and nothing that follows does."""
        b, handles = self._words, self._handles(latest_first=True)
        handles = handles[(b[handles + START] > b[handles + LATE]) & (b[handles + START] >= 0)]
        late: set[int] = set(handles.tolist())
        found: dict[int, None] = {}
        for op in late:
            succs = int(b[op + SUCCS])
            following = {int(b[op + AFTER]), *b[succs + 1 : succs + 1 + 2 * int(b[succs]) : 2].tolist()}
            if late.isdisjoint(following):
                found[int(b[op + ORDER])] = None
        return list(found)

    def remove(self, order_id: WorkOrderId) -> Mapping[OperationId, Placement]:
        """Give an order's room back; KeyError when the book does not hold it.

        Returns what had to move: nothing, unless a setup between two new neighbours is longer than all that stood
        between them.
        """
        with self._lock:
            entry = self._entries[order_id]
            b = self._words
            self._without(entry)
            rows = self._taken_back(int(b[TOP]))
            rows = rows[b[rows[:, 0] + ORDER] != entry.address]
            moved = self._placed(rows)
            self._without(entry)
            for op, _, _, end in rows.tolist():
                at = int(b[op + ORDER])
                b[at + LIMIT] = max(int(b[at + LIMIT]), end)
            b[TRAIL_SIZE] = 0
            for material, instant, quantity in entry.takes:
                self._stocks[material].take(instant, -quantity)
            self._addresses = np.delete(self._addresses, np.searchsorted(self._addresses, entry.address))
            del self._by_address[entry.address], self._entries[order_id]
            self._holds.pop(order_id, None)
            for operation in entry.operations:
                self._later_names.pop(self._handle.pop(operation.id), None)
                self._fixed.pop(operation.id, None)
            return {placement.operation: placement for placement in moved}

    def _without(self, entry: _Entry) -> None:
        """Take an order's operations out; what follows gives way where a setup became longer."""
        s, b = self._factory.words, self._words
        ops = [entry.address + ORDER_HEAD + OPERATION_SIZE * i for i in range(len(entry.operations))]
        b[TRAIL_SIZE] = 0
        if not all(take_out(s, b, op, 0) for op in ops):
            undo(b, 0)
            b[HARD] = 1  # the setup has to be made, whatever was promised
            for op in ops:
                take_out(s, b, op, 0)
            b[HARD] = 0

    def set_now(self, now: Second) -> None:
        """Nothing free is placed before `now` from here on, and what starts in the frozen horizon from it stays.

        Holds that have ended by then are let go.
        """
        with self._lock:
            self.let_go(now)
            self._set_now(now)

    def _set_now(self, now: int) -> None:
        b = self._words
        b[NOW], b[FREEZE] = now, now + self._frozen_seconds
        b[TRAIL_SIZE] = 0
        relate_all(self._factory.words, b, self._handles(latest_first=True))


def _routes(order: WorkOrder) -> list[tuple[Operation, ...]]:
    """The ways to make an order: the operations without a route and those of one."""
    if not order.routes:
        return [order.operations]
    return [tuple(o for o in order.operations if o.route in (None, route)) for route in order.routes]
