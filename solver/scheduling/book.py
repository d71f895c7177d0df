"""The live schedule: the earliest end of one more order, others moving within what was promised; commit and remove.

An order's operations may move as long as it ends by its *limit*: its promise, or, where it has none or it is broken
already, the end that it has now. What is fixed, what starts in the frozen horizon, batches in ovens and what needs
resources stay where they are. A query changes the words and gives everything back (`room.undo`), so a book has a lock;
a copy is independent.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import StrEnum
from threading import RLock

import numpy as np

from solver.scheduling.arrays import Words
from solver.scheduling.book_words import (
    EARLIEST,
    END,
    FREEZE,
    FRESH,
    HARD,
    LENGTH,
    LIMIT,
    LINE,
    MODE_SIZE,
    MODES,
    MOST,
    NO_ROOM,
    NOW,
    OPERATION_SIZE,
    ORDER_HEAD,
    PUSHED,
    ROW_CAPACITY,
    START,
    TOP,
    TRAIL,
    TRAIL_SIZE,
    USERS,
    WALL,
    Record,
    empty_words,
    factory_of,
    record_of,
)
from solver.scheduling.check import Rule, Violation
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
    WorkOrder,
    WorkOrderId,
)
from solver.scheduling.room import (
    CLOSED,
    CROWDED,
    LACKS_SETUP,
    OVERLAPS,
    PAST,
    PAST_LIMIT,
    SHORT_OF,
    TOO_SOON,
    UNRELEASED,
    follow,
    lift,
    line_up,
    place_order,
    relate_all,
    settled,
    stand,
    take_out,
)
from solver.scheduling.schedule import Schedule
from solver.scheduling.stock import Stock
from solver.scheduling.trail import undo

ANY_TIME = Second(0)
MOST_MOVED = 300  # operations, so that an answer can be looked over
TRIES = 200  # for what may not wait long
SPARE_WORDS = 1 << 16  # of records, at least, beyond what a book begins with
Fixed = Mapping[OperationId, tuple[Fixing, Placement]]
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


@dataclass(frozen=True, slots=True)
class Promise:
    """Where an order would be made, and what moves for it; `completion`: end of its last operation."""

    order: WorkOrder
    placements: tuple[Placement, ...]
    completion: Second
    moved: tuple[Placement, ...] = ()


@dataclass(frozen=True, slots=True)
class Held:
    """A work order in the book and where its operations stand."""

    order: WorkOrder
    placements: Mapping[OperationId, Placement]


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
        self._phantoms: frozenset[WorkOrderId] = frozenset()
        placed = placements or {}
        standing: list[tuple[WorkOrder, dict[OperationId, Placement]]] = []
        for order in problem.orders:
            own = {o.id: placed[o.id] for o in order.operations if o.id in placed}
            if own:
                standing.append((order, own))
        if sum(len(own) for _, own in standing) != len(placed):
            raise InvalidProblem("A placement names an operation that no order has.")
        self._read(problem.now, standing)

    def _read(self, now: int, standing: Sequence[tuple[WorkOrder, Mapping[OperationId, Placement]]]) -> None:
        """Lay everything out anew."""
        factory = self._factory
        self._entries: dict[WorkOrderId, _Entry] = {}
        self._handle: dict[OperationId, int] = {}
        self._addresses: list[int] = []
        self._sorted: Words | None = None
        self._by_address: dict[int, _Entry] = {}
        takes: dict[MaterialId, list[tuple[int, int]]] = {m.id: [] for m in factory.problem.materials}
        on_line = np.zeros(factory.lines + 1, dtype=np.int64)
        records: list[tuple[WorkOrder, Record, tuple[tuple[MaterialId, int, int], ...]]] = []
        for _, own in standing:
            for placement in own.values():
                on_line[factory.line[placement.line]] += 1
        capacity = int(on_line.max()) * 5 // 4 + 64
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
                factory, order, address, made=made, own=False,
                limit=NEVER if order.id in self._phantoms
                else done if order.promise is None else max(order.promise, done),
                earliest={o.id: max(order.release, own[o.id].start) for o in made if o.materials},
                walls=self._walls(made, own), placements=own,
            )  # fmt: skip
            records.append((order, record, took))
            entry = _Entry(order, address, made, took)
            self._note(entry)
            address += len(record.words)
        spare = max(SPARE_WORDS, address // 4)
        b = empty_words(factory, 0, capacity)
        self._words: Words = np.concatenate(
            [b, *(np.array(record.words, dtype=np.int64) for _, record, _ in records), np.zeros(spare, dtype=np.int64)]
        )
        b = self._words
        b[TOP] = address
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
        self._addresses.append(entry.address)
        if self._sorted is not None:
            self._sorted = np.append(self._sorted, entry.address)
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
            entry.address + ORDER_HEAD + OPERATION_SIZE * np.arange(len(entry.operations), dtype=np.int64)
            for entry in self._entries.values()
        ]
        handles = np.concatenate(parts) if parts else np.zeros(0, dtype=np.int64)
        by_start = np.lexsort((b[handles + 2], b[handles + START]))
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
        return {key: entry.order for key, entry in self._entries.items() if key not in self._phantoms}

    @property
    def placements(self) -> Mapping[OperationId, Placement]:
        """Where every operation stands."""
        with self._lock:
            return {
                p.operation: p for key, entry in self._entries.items() if key not in self._phantoms
                for p in self._standing(entry)
            }  # fmt: skip

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

    def holds(self, order_id: WorkOrderId) -> bool:
        """Whether the order is in the book."""
        return order_id in self._entries and order_id not in self._phantoms

    @property
    def phantoms(self) -> frozenset[WorkOrderId]:
        """The orders that keep room for others and are none themselves."""
        return self._phantoms

    def phantom(self, order_id: WorkOrderId) -> tuple[Placement, ...]:
        """Where a phantom stands."""
        with self._lock:
            return self._standing(self._entries[order_id])

    def is_phantom(self, order_id: WorkOrderId) -> bool:
        """Whether the order only keeps room for others."""
        return order_id in self._phantoms

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
            other._fixed, other._entries = dict(self._fixed), dict(self._entries)
            other._by_address, other._addresses = dict(self._by_address), list(self._addresses)
            other._sorted = None
            other._handle, other._phantoms = dict(self._handle), self._phantoms
            other._words = self._words.copy()
            other._stocks = {key: stock.copy() for key, stock in self._stocks.items()}
            return other

    def _standing(self, entry: _Entry) -> tuple[Placement, ...]:
        first = entry.address + ORDER_HEAD
        rows = self._words[first : first + OPERATION_SIZE * len(entry.operations)].reshape(-1, OPERATION_SIZE)
        lines = self._factory.problem.lines
        return tuple(
            Placement(operation.id, lines[line].id, Second(start), Second(end))
            for operation, (line, start, end) in zip(entry.operations, rows[:, :3].tolist(), strict=True)
        )

    def quote(
        self, order: WorkOrder, *, not_before: Second = ANY_TIME, beside_phantoms: bool = False
    ) -> Promise | NoRoom:
        """Where `order` would be made if it came now, and what would move for it. Changes nothing.

        It takes the phantoms' places, if it is not to come beside them.
        """
        with self._lock:
            answers = [self._quoted(order, made, not_before, beside_phantoms) for made in _routes(order)]
            promises = [answer for answer in answers if isinstance(answer, Promise)]
            return min(promises, key=lambda promise: promise.completion) if promises else answers[0]

    def quote_each(
        self, orders: Sequence[WorkOrder], *, not_before: Second = ANY_TIME
    ) -> tuple[Promise | NoRoom, ...]:
        """`quote` of each order by itself, by one state of the book."""
        with self._lock:
            return tuple(self.quote(order, not_before=not_before) for order in orders)

    def unlimit(self, order_id: WorkOrderId, before: Book, not_before: int) -> None:
        """Let an order end at any time, and start as soon as the stocks of the book without it allow."""
        with self._lock:
            entry = self._entries[order_id]
            self._words[entry.address + LIMIT] = NEVER
            earliest, _ = before._supplied(entry.order, entry.operations, not_before)
            for i, operation in enumerate(entry.operations):
                op = entry.address + ORDER_HEAD + OPERATION_SIZE * i
                self._words[op + EARLIEST] = earliest[operation.id]
            relate_all(self._factory.words, self._words, self._handles(latest_first=True))

    def moved_since(self, before: Book) -> tuple[Placement, ...]:
        """Where operations stand now that stood elsewhere in the book that this one is a copy of."""
        with self._lock, before._lock:
            mine, its = self._words, before._words
            handles = before._handles(latest_first=False)
            elsewhere = (mine[handles + START] != its[handles + START]) | (mine[handles + LINE] != its[handles + LINE])
            changed = handles[elsewhere]
            return before._where(changed, (mine[changed], mine[changed + START], mine[changed + END]))

    def _quoted(
        self, order: WorkOrder, made: tuple[Operation, ...], not_before: int, beside_phantoms: bool
    ) -> Promise | NoRoom:
        earliest, missing = self._supplied(order, made, not_before)
        if missing is not None:
            return missing
        record = self._append(order, made, earliest)
        s, b, address = self._factory.words, self._words, int(self._words[TOP])
        b[TRAIL_SIZE] = 0
        b[TOP] += len(record.words)
        freeze = int(b[FREEZE])
        try:
            b[FREEZE] = max(freeze, not_before + self._frozen_seconds)
            b[PUSHED], b[MOST] = 0, MOST_MOVED
            if not beside_phantoms:
                self._without_phantoms()
            mark = int(b[TRAIL_SIZE])
            done = place_order(s, b, address)
            for _ in range(TRIES):
                if done >= NEVER or not self._waited_too_long(address, made):
                    break
                undo(b, mark)
                b[PUSHED] = 0
                done = place_order(s, b, address)
            else:
                done, b[address + NO_ROOM] = NEVER, 0
            if done >= NEVER:  # into free room alone
                undo(b, mark)
                b[FREEZE], b[PUSHED] = NEVER, 0
                done = place_order(s, b, address)
                if done < NEVER and self._waited_too_long(address, made):
                    done, b[address + NO_ROOM] = NEVER, 0
            if done >= NEVER:
                return NoRoom(order.id, made[int(b[address + NO_ROOM])].id, Lack.CAPACITY)
            entry = _Entry(order, address, made, ())
            placements = self._standing(entry)
            ops = self._placed_elsewhere(address)
            after = b[ops], b[ops + START], b[ops + END]
            undo(b, 0)
            moved = self._where(ops, after, beside_phantoms)
            return Promise(order, placements, Second(int(done)), moved)
        finally:
            undo(b, 0)
            b[TOP], b[FREEZE], b[MOST] = address, freeze, NEVER

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

    def _placed_elsewhere(self, address: int) -> Words:
        """Handles of operations whose line, start or end the trail names; only of records before `address`."""
        b = self._words
        trail = b[b[TRAIL] : b[TRAIL] + 2 * b[TRAIL_SIZE] : 2]
        if not self._addresses:
            return np.zeros(0, dtype=np.int64)
        known = self._known()
        words = trail[(trail >= known[0]) & (trail < address)]
        within = words - known[np.searchsorted(known, words, side="right") - 1] - ORDER_HEAD
        field = within % OPERATION_SIZE
        return np.unique((words - field)[(field <= END) & (within >= 0)])

    def _known(self) -> Words:
        """All records' addresses."""
        if self._sorted is None or len(self._sorted) != len(self._addresses):
            self._sorted = np.array(self._addresses, dtype=np.int64)
        return self._sorted

    def _where(
        self, ops: Words, places: tuple[Words, Words, Words], phantoms: bool = False
    ) -> tuple[Placement, ...]:
        """The placements (line, start, end) of those operations that stand elsewhere now; phantoms count if wanted."""
        b, lines = self._words, self._factory.problem.lines
        line, start, end = places
        moved = (b[ops] != line) | (b[ops + START] != start) | (b[ops + END] != end)
        found = []
        for op, at, begin, finish in zip(*(column[moved].tolist() for column in (ops, line, start, end)), strict=True):
            entry = self._home(op)
            if phantoms or entry.order.id not in self._phantoms:
                operation = entry.operations[(op - entry.address - ORDER_HEAD) // OPERATION_SIZE]
                found.append(Placement(operation.id, lines[at].id, Second(begin), Second(finish)))
        return tuple(found)

    def _supplied(
        self, order: WorkOrder, made: Iterable[Operation], not_before: int
    ) -> tuple[dict[OperationId, int], NoRoom | None]:
        """The earliest start of each operation by release and materials, or which material is not there."""
        taken: dict[MaterialId, int] = {}
        earliest: dict[OperationId, int] = {}
        floor = max(order.release, not_before)
        for operation in made:
            instant = floor
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

    def _append(self, order: WorkOrder, made: tuple[Operation, ...], earliest: Mapping[OperationId, int]) -> Record:
        """Write an order's record behind all others, without keeping it."""
        for operation in made:
            for mode in operation.modes:
                if mode.line not in self._factory.line:
                    raise InvalidProblem(f"{operation.id}: unknown line {mode.line}.")
        address = int(self._words[TOP])
        record = record_of(
            self._factory, order, address, made=made, own=True, limit=NEVER, earliest=earliest, walls=frozenset(),
            placements={},
        )  # fmt: skip
        b = self._words
        full = int(b[b[LENGTH] : b[LENGTH] + self._factory.lines].max(initial=0)) + len(made) >= b[ROW_CAPACITY]
        if full or address + len(record.words) > len(b):
            self._read(int(b[NOW]), [
                (entry.order, {p.operation: p for p in self._standing(entry)}) for entry in self._entries.values()
            ])  # fmt: skip
            return self._append(order, made, earliest)
        b[address : address + len(record.words)] = record.words
        self._note_uses(record)
        return record

    # --- writing ----------------------------------------------------------------------------------------------------

    def commit(
        self, order: WorkOrder, placements: Iterable[Placement], moved: Iterable[Placement] = (), *,
        phantom: bool = False,
    ) -> None:  # fmt: skip
        """Hold `order` at `placements`, others at `moved`; raises Occupied, changing nothing, when they do not fit.

        `phantom`: it only keeps room, may end at any time, and gives its room to whoever asks.
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
                Violation(Rule.MATERIAL, key, "what it takes is not there, or promised to a later operation.")
                for key, instant in earliest.items() if order.release < instant > given[key].start
            ]  # fmt: skip
            if found:
                raise Occupied(order.id, tuple(found))
            if phantom:
                self._phantoms |= {order.id}
                self._write(order, made, given, {p.operation: p for p in moved})
                return
            stood = [(self._entries[key].order, self.phantom(key)) for key in self._phantoms]
            for each, _ in stood:
                self.remove(each.id)
            try:
                self._write(order, made, given, {p.operation: p for p in moved})
            finally:
                for each, places in stood:  # those whose room was not taken
                    with suppress(Occupied):
                        self.commit(each, places, phantom=True)

    def _write(
        self, order: WorkOrder, made: tuple[Operation, ...], given: Mapping[OperationId, Placement],
        moved: Mapping[OperationId, Placement],
    ) -> None:  # fmt: skip
        self._append(order, made, {o.id: max(order.release, given[o.id].start) for o in made if o.materials})
        s, b = self._factory.words, self._words
        address = int(b[TOP])
        took = tuple((need.material, int(given[o.id].start), need.quantity) for o in made for need in o.materials)
        entry = _Entry(order, address, made, took)
        b[TRAIL_SIZE] = 0
        others = self._moving(moved)
        for op, _, _ in others:
            lift(s, b, op)
        own = [
            (address + ORDER_HEAD + OPERATION_SIZE * i, operation, given[operation.id])
            for i, operation in enumerate(made)
        ]
        ops = np.array([op for op, _, _ in (*own, *others)], dtype=np.int64)
        wrong: list[Violation] = []
        for op, operation, placement in (*own, *others):
            mode = self._mode(op, operation, placement.line)
            if mode == 0:
                wrong.append(Violation(Rule.UNKNOWN, operation.id, f"cannot be made on {placement.line}."))
            else:
                stand(s, b, op, mode, placement.start, placement.end)
        fault = 0 if wrong else settled(s, b, ops, 1)
        if fault > 0:
            kind, key = RULES[fault % 16], (*own, *others)[fault // 16][1].id
            wrong.append(Violation(kind, key, f"it, or what comes after it, breaks a rule ({kind})."))
        if wrong:
            undo(b, 0)
            self._phantoms -= {order.id}
            raise Occupied(order.id, tuple(wrong))
        b[TOP] = address + ORDER_HEAD  # kept from here on
        self._keep(entry, given)
        if fault < 0:
            b[TRAIL_SIZE] = 0
            relate_all(s, b, self._handles(latest_first=True))

    def _keep(self, entry: _Entry, given: Mapping[OperationId, Placement]) -> None:
        b, address, order = self._words, entry.address, entry.order
        done = max(given[o.id].end for o in entry.operations)
        b[address + LIMIT] = done if order.promise is None else max(order.promise, done)
        if order.id in self._phantoms:
            b[address + LIMIT] = NEVER
        b[address + 2] = 0
        walls = self._walls(entry.operations, given)
        size = 0
        for i, operation in enumerate(entry.operations):
            op = address + ORDER_HEAD + OPERATION_SIZE * i
            b[op + FRESH], b[op + WALL] = 0, int(operation.id in walls)
            size = max(size, int(b[op + MODES]) + 1 + MODE_SIZE * len(operation.modes))
        b[TOP] = size
        self._note(entry)
        for material, instant, quantity in entry.takes:
            self._stocks[material].take(instant, quantity)
        ops = address + ORDER_HEAD + OPERATION_SIZE * np.arange(len(entry.operations), dtype=np.int64)
        b[TRAIL_SIZE] = 0
        if settled(self._factory.words, b, ops, 0) < 0:
            relate_all(self._factory.words, b, self._handles(latest_first=True))
        b[TRAIL_SIZE] = 0

    def _moving(self, moved: Mapping[OperationId, Placement]) -> list[tuple[int, Operation, Placement]]:
        """Handles of operations that are to move; KeyError for what the book does not hold."""
        found = []
        for key, placement in moved.items():
            op = self._handle[key]
            entry = self._home(op)
            found.append((op, entry.operations[(op - entry.address - ORDER_HEAD) // OPERATION_SIZE], placement))
        return found

    def _home(self, op: int) -> _Entry:
        """The order whose operation has this handle."""
        return self._by_address[self._addresses[bisect_right(self._addresses, op) - 1]]

    def _rewrite(self, rows: Sequence[tuple[int, OperationId, LineId, int, int]]) -> bool:
        """Let operations (handle, id, line, start, end) stand elsewhere, others giving way; False if they may not."""
        s, b = self._factory.words, self._words
        b[TRAIL_SIZE] = 0
        for op, *_ in rows:
            lift(s, b, op)
        for op, key, line, start, end in rows:
            entry = self._home(op)
            operation = entry.operations[(op - entry.address - ORDER_HEAD) // OPERATION_SIZE]
            assert operation.id == key
            stand(s, b, op, self._mode(op, operation, line), start, end)
        ops = np.array([row[0] for row in rows], dtype=np.int64)
        if settled(s, b, ops, 0) == 0 and follow(s, b, ops) and settled(s, b, ops, 1) == 0:
            b[TRAIL_SIZE] = 0
            return True
        undo(b, 0)
        return False

    def _mode(self, op: int, operation: Operation, line: LineId) -> int:
        for i, mode in enumerate(operation.modes):
            if mode.line == line:
                return int(self._words[op + MODES]) + 1 + MODE_SIZE * i
        return 0

    def remove(self, order_id: WorkOrderId) -> Mapping[OperationId, Placement]:
        """Give an order's room back; KeyError when the book does not hold it.

        Returns what had to move: nothing, unless a setup between two new neighbours is longer than all that stood
        between them.
        """
        with self._lock:
            entry = self._entries[order_id]
            b = self._words
            self._without(entry)
            ops = self._placed_elsewhere(int(b[TOP]))
            size = OPERATION_SIZE * len(entry.operations)
            ops = ops[(ops < entry.address) | (ops >= entry.address + ORDER_HEAD + size)]
            after = b[ops], b[ops + START], b[ops + END]
            undo(b, 0)
            moved = self._where(ops, after)
            self._without(entry)
            for op in ops.tolist():
                at = self._home(op).address
                b[at + LIMIT] = max(int(b[at + LIMIT]), int(b[op + END]))
            b[TRAIL_SIZE] = 0
            for material, instant, quantity in entry.takes:
                self._stocks[material].take(instant, -quantity)
            self._phantoms -= {order_id}
            self._addresses.remove(entry.address)
            self._sorted = None
            del self._by_address[entry.address], self._entries[order_id]
            for operation in entry.operations:
                del self._handle[operation.id]
                self._fixed.pop(operation.id, None)
            return {placement.operation: placement for placement in moved}

    def _without_phantoms(self) -> None:
        """Take the phantoms out, on the trail."""
        for key in sorted(self._phantoms):
            entry = self._entries[key]
            for i in range(len(entry.operations)):
                take_out(self._factory.words, self._words, entry.address + ORDER_HEAD + OPERATION_SIZE * i)

    def _without(self, entry: _Entry) -> None:
        """Take an order's operations out; what follows gives way where a setup became longer."""
        s, b = self._factory.words, self._words
        ops = [entry.address + ORDER_HEAD + OPERATION_SIZE * i for i in range(len(entry.operations))]
        b[TRAIL_SIZE] = 0
        if not all(take_out(s, b, op) for op in ops):
            undo(b, 0)
            b[HARD] = 1  # the setup has to be made, whatever was promised
            for op in ops:
                take_out(s, b, op)
            b[HARD] = 0

    def set_now(self, now: Second) -> None:
        """Nothing free is placed before `now` from here on, and what starts in the frozen horizon from it stays."""
        with self._lock:
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
