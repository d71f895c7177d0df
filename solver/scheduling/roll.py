"""Time passes in a schedule: it rolls with the clock, and what breaks a rule makes way, sequences kept.

A state is copied on write: readers work on the one that was current when they began, a writer builds the next aside.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from heapq import heapify, heappop, heappush
from threading import RLock

from solver.scheduling.book import ANY_TIME, Fixed, Held, Lack, NoRoom, Occupied
from solver.scheduling.calendar import Calendar
from solver.scheduling.check import FACTS, Rule, Violation
from solver.scheduling.problem import (
    Fixing,
    InvalidProblem,
    LineId,
    MaterialId,
    Operation,
    OperationId,
    Placement,
    Running,
    SchedulingProblem,
    Second,
    WorkOrder,
    WorkOrderId,
)
from solver.scheduling.schedule import Schedule
from solver.scheduling.slots import Slots
from solver.scheduling.stock import Stock


class HorizonTooShort(Exception):
    """Operations that must move have no working time left on the line: the problem's windows end too early."""

    def __init__(self, line: LineId, operation: OperationId) -> None:
        super().__init__(f"{line} has no working time left for {operation}.")
        self.line = line
        self.operation = operation


class State:
    """One version of the book. A fork shares everything and copies what it changes; only its maker changes it."""

    __slots__ = ("_own_lines", "_own_stocks", "fixed", "held", "lines", "now", "stocks")

    def __init__(self, problem: SchedulingProblem) -> None:
        matrices = {matrix.id: matrix.seconds for matrix in problem.setups}
        shortest: dict[LineId, int] = {}
        for order in problem.orders:
            for operation in order.operations:
                for mode in operation.modes:
                    shortest[mode.line] = min(shortest.get(mode.line, mode.duration), mode.duration)
        self.lines: dict[LineId, Slots] = {}
        for line in problem.lines:
            setups = matrices[line.setups] if line.setups is not None else None
            slots = Slots(line.id, Calendar(line), setups or None, line.initial_family, shortest.get(line.id, 60))
            slots.rebuild()
            self.lines[line.id] = slots
        self.stocks = {material.id: Stock(material) for material in problem.materials}
        self.held: dict[WorkOrderId, Held] = {}
        self.fixed: Fixed = dict(problem.fixed)
        self.now = problem.now
        self._own_lines = set(self.lines)
        self._own_stocks = set(self.stocks)

    def fork(self) -> State:
        """A state that starts equal and can be changed alone."""
        other = State.__new__(State)
        other.lines, other.stocks, other.held = self.lines.copy(), self.stocks.copy(), self.held.copy()
        other.fixed, other.now = self.fixed, self.now
        other._own_lines, other._own_stocks = set(), set()
        self._own_lines, self._own_stocks = set(), set()  # what was this state's alone is shared from now on
        return other

    def line(self, line: LineId) -> Slots:
        """The line's slots, to be changed."""
        if line not in self._own_lines:
            self.lines[line] = self.lines[line].copy()
            self._own_lines.add(line)
        return self.lines[line]

    def stock(self, material: MaterialId) -> Stock:
        """The material's stock, to be changed."""
        if material not in self._own_stocks:
            self.stocks[material] = self.stocks[material].copy()
            self._own_stocks.add(material)
        return self.stocks[material]

    def is_fact(self, operation: OperationId) -> bool:
        """Whether the operation is started or finished."""
        entry = self.fixed.get(operation)
        return entry is not None and entry[0] in FACTS

    def put(self, order: WorkOrder, placements: Mapping[OperationId, Placement]) -> None:
        """Add placements of an order, whether they fit or not."""
        for operation in order.operations:
            placement = placements.get(operation.id)
            if placement is None:
                continue
            slots = self.line(placement.line)
            begin, finish = slots.calendar.work(placement.start), slots.calendar.work(placement.end)
            slots.insert(begin, finish, operation.family, operation.id)
            for need in operation.materials:
                self.stock(need.material).take(placement.start, need.quantity)
        old = self.held.get(order.id)
        self.held[order.id] = Held(order, {**old.placements, **placements} if old else dict(placements))

    def lift(self, order_id: WorkOrderId, operations: Collection[OperationId] | None = None) -> list[Placement]:
        """Take an order (or only some of its operations) out; returns where they stood."""
        held = self.held[order_id]
        lifted: list[Placement] = []
        for operation in held.order.operations:
            placement = held.placements.get(operation.id)
            if placement is None or (operations is not None and operation.id not in operations):
                continue
            slots = self.line(placement.line)
            slots.remove(operation.id, slots.calendar.work(placement.start))
            for need in operation.materials:
                self.stock(need.material).take(placement.start, -need.quantity)
            lifted.append(placement)
        gone = {placement.operation for placement in lifted}
        rest = {key: placement for key, placement in held.placements.items() if key not in gone}
        if rest:
            self.held[order_id] = Held(held.order, rest)
        else:
            del self.held[order_id]
        return lifted

    def search(
        self, order: WorkOrder, not_before: int, kept: Mapping[OperationId, Placement]
    ) -> tuple[Placement, ...] | NoRoom:
        """The earliest end of each operation in turn, over all its modes; `kept` ones are in the book already."""
        floor = max(self.now, order.release, not_before)
        lines, stocks = self._overlay(order)
        last_use = {mode.line: i for i, o in enumerate(order.operations) for mode in o.modes}
        last_take = {need.material: i for i, o in enumerate(order.operations) for need in o.materials}
        ends: dict[OperationId, int] = {}
        found: list[Placement] = []
        for i, operation in enumerate(order.operations):
            if operation.id in kept:
                placement = kept[operation.id]
                late = any(ends[b.operation] + b.minimum_wait > placement.start for b in operation.predecessors)
                if late and not self.is_fact(operation.id):
                    return NoRoom(order.id, operation.id, Lack.CAPACITY)
                found.append(placement)
                ends[operation.id] = placement.end
                continue
            ready: int = max(floor, operation.release)
            for before in operation.predecessors:
                ready = max(ready, ends[before.operation] + before.minimum_wait)
            for need in operation.materials:
                instant = (stocks.get(need.material) or self.stocks[need.material]).earliest(ready, need.quantity)
                if instant is None:
                    return NoRoom(order.id, operation.id, Lack.MATERIAL, need.material)
                ready = instant
            best: tuple[Second, int, int, LineId] | None = None  # end, begin, finish, line
            for mode in operation.modes:
                slots = lines.get(mode.line) or self.lines[mode.line]
                calendar = slots.calendar
                begin = slots.earliest(
                    calendar.work(ready), mode.duration, operation.family, operation.running is not Running.PAUSES
                )
                if begin >= 0:
                    finish = begin + mode.duration
                    done = calendar.end(finish)
                    if best is None or done < best[0]:
                        best = (done, begin, finish, mode.line)
            if best is None:
                return NoRoom(order.id, operation.id, Lack.CAPACITY)
            end, begin, finish, line = best
            slots = lines.get(line) or self.lines[line]
            start = slots.calendar.start(begin)
            found.append(Placement(operation.id, line, start, end))
            ends[operation.id] = end
            if last_use[line] > i:  # a later operation of this order may come to the same line
                lines[line] = slots = slots.gaps_only()
                slots.fill(begin, finish, operation.family)
            for need in operation.materials:
                if last_take[need.material] > i:
                    stocks[need.material] = stock = (stocks.get(need.material) or self.stocks[need.material]).copy()
                    stock.take(start, need.quantity)
        return tuple(found)

    def _overlay(self, order: WorkOrder) -> tuple[dict[LineId, Slots], dict[MaterialId, Stock]]:
        """Lines whose list of gaps leaves out some that this order is short enough for, listed anew."""
        shorter: dict[LineId, int] = {}
        for operation in order.operations:
            for mode in operation.modes:
                slots = self.lines.get(mode.line)
                if slots is None:
                    raise InvalidProblem(f"{operation.id}: unknown line {mode.line}.")
                if mode.duration < slots.shortest:
                    shorter[mode.line] = min(shorter.get(mode.line, mode.duration), mode.duration)
            for need in operation.materials:
                if need.material not in self.stocks:
                    raise InvalidProblem(f"{operation.id}: unknown material {need.material}.")
        return {line: self.lines[line].relisted(least) for line, least in shorter.items()}, {}

    def placement(self, operation: Operation, line: LineId, begin: int, duration: int) -> Placement:
        """The placement that begins at `begin` of the line's own clock."""
        calendar = self.lines[line].calendar
        return Placement(operation.id, line, calendar.start(begin), calendar.end(begin + duration))


class RollingBook:
    """A plant's schedule that rolls on. Any number of threads may read while one writes."""

    def __init__(self, problem: SchedulingProblem, placements: Mapping[OperationId, Placement] | None = None) -> None:
        """The book of `problem.orders` as far as they are placed; it need not be free of violations."""
        self._lines, self._setups, self._materials = problem.lines, problem.setups, problem.materials
        self._epoch = problem.epoch
        self._lock = RLock()
        placed = placements or {}
        state = State(problem)
        known = 0
        for order in problem.orders:
            own = {o.id: placed[o.id] for o in order.operations if o.id in placed}
            known += len(own)
            if own:
                state.put(order, own)
        if known != len(placed):
            raise InvalidProblem("A placement names an operation that no order has.")
        self._state = state

    # --- reading ----------------------------------------------------------------------------------------------------

    @property
    def state(self) -> State:
        """The present version, for the search and the dispatcher; fork it before changing anything."""
        return self._state

    @property
    def now(self) -> Second:
        """Nothing that is free is placed before it."""
        return self._state.now

    @property
    def orders(self) -> Mapping[WorkOrderId, WorkOrder]:
        """The orders that the book holds."""
        return {key: held.order for key, held in self._state.held.items()}

    @property
    def placements(self) -> Mapping[OperationId, Placement]:
        """Where every operation stands."""
        return {key: p for held in self._state.held.values() for key, p in held.placements.items()}

    @property
    def fixed(self) -> Fixed:
        """The operations that may not move, and why."""
        return self._state.fixed

    @property
    def problem(self) -> SchedulingProblem:
        """The problem that `placements` solves, for the judge and the search."""
        return _problem(self, self._state)

    @property
    def schedule(self) -> Schedule:
        """The placements as a schedule."""
        return Schedule(self.placements)

    def holds(self, order_id: WorkOrderId) -> bool:
        """Whether the order is in the book."""
        return order_id in self._state.held

    def held(self, order_id: WorkOrderId) -> Held:
        """The order and its placements; KeyError when the book does not hold it."""
        return self._state.held[order_id]

    def completion(self, order_id: WorkOrderId) -> Second:
        """When the last operation of a held order ends."""
        return max(placement.end for placement in self._state.held[order_id].placements.values())

    def copy(self) -> RollingBook:
        """An independent book; costs nothing until one of the two changes."""
        other = RollingBook.__new__(RollingBook)
        other._lines, other._setups, other._materials = self._lines, self._setups, self._materials
        other._epoch = self._epoch
        other._lock = RLock()
        other._state = self._state.fork()
        return other

    def quote(
        self,
        order: WorkOrder,
        *,
        not_before: Second = ANY_TIME,
        kept: Mapping[OperationId, Placement] | None = None,
    ) -> tuple[Placement, ...] | NoRoom:
        """Where `order` would be made if it came now: each operation as early as it can end, moving nothing else.

        `kept`: operations of this order that the book holds already and that stay. Changes nothing.
        """
        return self._state.search(order, not_before, kept or {})

    def fits(self, order: WorkOrder, placements: Iterable[Placement]) -> tuple[Violation, ...]:
        """What `check.violations` would newly find if the order stood there (instead of where it stands now).

        Looks only at the lines, neighbours and materials that the order touches.
        """
        return _placed(self._state, order, placements)[1]

    # --- writing ----------------------------------------------------------------------------------------------------

    def commit(self, order: WorkOrder, placements: Iterable[Placement]) -> None:
        """Hold `order` at `placements`; raises Occupied when they do not fit or the order is held already."""
        with self._lock:
            if order.id in self._state.held:
                raise InvalidProblem(f"{order.id}: is held already; move it instead.")
            self._replace(order, placements)

    def move(self, order_id: WorkOrderId, placements: Iterable[Placement]) -> None:
        """Hold an order somewhere else; raises Occupied, or KeyError when the book does not hold it."""
        with self._lock:
            self._replace(self._state.held[order_id].order, placements)

    def amend(self, order: WorkOrder) -> None:
        """Exchange release, due, promise or weight of a held order; its operations must be the same."""
        with self._lock:
            held = self._state.held[order.id]
            if held.order.operations != order.operations:
                raise InvalidProblem(f"{order.id}: has other operations in the book.")
            state = self._state.fork()
            state.held[order.id] = Held(order, held.placements)
            self._state = state

    def remove(self, order_id: WorkOrderId) -> Mapping[OperationId, Placement]:
        """Give an order's room back; KeyError when the book does not hold it.

        Returns what had to move: nothing, unless a setup between two new neighbours is longer than all that stood
        between them.
        """
        with self._lock:
            state = self._state.fork()
            lifted = state.lift(order_id)
            gone = {placement.operation for placement in lifted}
            state.fixed = {key: entry for key, entry in state.fixed.items() if key not in gone}
            seeds = [
                state.lines[line].operation[i]
                for line, i in _joints(state, lifted)
                if _setup_missing(state, state.lines[line], i)
            ]
            changed = _push(state, seeds, retake=False) if seeds else {}
            self._state = state
            return changed

    def fix(self, operation: OperationId, fixing: Fixing, placement: Placement | None = None) -> None:
        """Say that an operation is pinned, frozen, started or finished, and where (None: where it stands).

        A started or finished operation is taken as it happened; `repair` makes room for it. Fixing.FREE unties it.
        """
        with self._lock:
            state = self._state.fork()
            held = next((h for h in state.held.values() if operation in h.placements), None)
            if held is None:
                raise KeyError(operation)
            if placement is not None and placement != held.placements[operation]:
                state.lift(held.order.id, {operation})
                state.put(held.order, {operation: placement})
            entry = (fixing, placement or held.placements[operation])
            fixed = {key: value for key, value in state.fixed.items() if key != operation}
            state.fixed = fixed if fixing is Fixing.FREE else {**fixed, operation: entry}
            self._state = state

    def set_now(self, now: Second) -> None:
        """Nothing free is placed before `now` from here on; `roll` moves what is overdue."""
        with self._lock:
            state = self._state.fork()
            state.now = now
            self._state = state

    def roll(
        self, now: Second, started: Collection[OperationId] = (), running: Collection[OperationId] = ()
    ) -> Mapping[OperationId, Placement]:
        """Set the clock: what should have started and has not moves to now, what follows it gives way.

        `started`: operations that have begun (or ended) where they stand; they become facts. `running`: those of them
        that have not ended; one that should have ended by now ends now. The order on every line is kept, except that
        what has started comes first. Pinned operations move only when they must. Returns the placements that changed;
        raises HorizonTooShort, changing nothing.
        """
        with self._lock:
            state = self._state.fork()
            state.now = now
            _start(state, started, running)
            seeds = [
                operation.id
                for held in state.held.values()
                for operation in held.order.operations
                if operation.id in held.placements
                and (
                    held.placements[operation.id].start < now
                    or any(state.is_fact(before.operation) for before in operation.predecessors)
                )
            ]
            before = self.placements
            changed = dict(_push(state, seeds + _facts_first(state), retake=False))
            self._state = state
            stretched = {key: p for key, p in self.placements.items() if key in running and p != before[key]}
            return stretched | changed

    def repair(self) -> Mapping[OperationId, Placement]:
        """Move later what breaks a rule (after a calendar, a supply or an actual time has changed), orders kept.

        Returns the placements that changed; raises HorizonTooShort, changing nothing.
        """
        with self._lock:
            state = self._state.fork()
            _facts_first(state)
            free = [key for held in state.held.values() for key in held.placements if not state.is_fact(key)]
            changed = _push(state, free, retake=True)
            self._state = state
            return changed

    def _replace(self, order: WorkOrder, placements: Iterable[Placement]) -> None:
        state, found = _placed(self._state, order, placements)
        if found:
            raise Occupied(order.id, found)
        self._state = state


def _problem(book: RollingBook, state: State) -> SchedulingProblem:
    placed = {key for held in state.held.values() for key in held.placements}
    return SchedulingProblem(
        lines=book._lines,
        orders=tuple(held.order for held in state.held.values()),
        setups=book._setups,
        materials=book._materials,
        fixed={key: entry for key, entry in state.fixed.items() if key in placed},
        now=state.now,
        epoch=book._epoch,
    )


# --- does it fit ----------------------------------------------------------------------------------------------------


def _placed(state: State, order: WorkOrder, placements: Iterable[Placement]) -> tuple[State, tuple[Violation, ...]]:
    """The state with the order at `placements`, and what that breaks."""
    next_state = state.fork()
    lifted = next_state.lift(order.id) if order.id in state.held else []
    given = {placement.operation: placement for placement in placements}
    found: set[Violation] = set()
    good: dict[OperationId, Placement] = {}
    for operation in order.operations:
        placement = given.pop(operation.id, None)
        if placement is None:
            found.add(Violation(Rule.MISSING, operation.id, f"{operation.id} is not placed."))
        elif not any(mode.line == placement.line for mode in operation.modes) or placement.line not in state.lines:
            given[operation.id] = placement
        else:
            good[operation.id] = placement
    for key, placement in given.items():
        found.add(Violation(Rule.UNKNOWN, key, f"{key} cannot be made on {placement.line}."))
    next_state.put(order, good)
    for operation in order.operations:
        if operation.id in good:
            found.update(_operation_breaks(next_state, order, operation, good))
    for key, placement in good.items():
        slots = next_state.lines[placement.line]
        found.update(_line_breaks(next_state, slots, slots.find(key, slots.calendar.work(placement.start))))
    for line, i in _joints(next_state, lifted):
        if i and _setup_missing(next_state, next_state.lines[line], i):
            key = next_state.lines[line].operation[i]
            found.add(Violation(Rule.SETUP, key, f"has a new neighbour on {line} that asks for more setup."))
    for material in {need.material for operation in order.operations for need in operation.materials}:
        if _is_short(next_state, material) and not _is_short(state, material):
            found.add(Violation(Rule.MATERIAL, material, "is not there, or is promised to a later operation."))
    return next_state, tuple(sorted(found, key=lambda v: (v.kind, v.subject)))


def _operation_breaks(
    state: State, order: WorkOrder, operation: Operation, good: Mapping[OperationId, Placement]
) -> Iterable[Violation]:
    key, placement = operation.id, good[operation.id]
    entry = state.fixed.get(key)
    if entry is not None and entry[1] != placement:
        yield Violation(Rule.FIXED, key, f"is {entry[0]} on {entry[1].line} at {entry[1].start}.")
    if state.is_fact(key):
        return
    if placement.start < order.released(operation):
        yield Violation(Rule.RELEASE, key, f"starts at {placement.start}, released at {order.released(operation)}.")
    if entry is None and placement.start < state.now:
        yield Violation(Rule.NOW, key, f"starts at {placement.start}, it is {state.now}.")
    for before in operation.predecessors:
        earlier = good.get(before.operation)
        if earlier is not None and placement.start < earlier.end + before.minimum_wait:
            yield Violation(Rule.PRECEDENCE, key, f"starts at {placement.start}, before {before.operation} is ready.")
    calendar = state.lines[placement.line].calendar
    begin, duration = calendar.work(placement.start), _duration(operation, placement.line)
    if (
        begin + duration > calendar.total
        or calendar.start(begin) != placement.start
        or calendar.end(begin + duration) != placement.end
        or (operation.running is not Running.PAUSES and calendar.whole(begin, duration) != begin)
    ):
        yield Violation(Rule.CALENDAR, key, f"cannot be made on {placement.line} from {placement.start}.")


def _line_breaks(state: State, slots: Slots, i: int) -> Iterable[Violation]:
    """What the operation at position i does to its neighbours, and they to it."""
    key, line = slots.operation[i], slots.line
    settled = state.is_fact(key)
    if i:
        j = max(range(i), key=slots.finish.__getitem__) if slots.tangled else i - 1
        if slots.begin[i] < slots.finish[j] and not (settled and state.is_fact(slots.operation[j])):
            yield Violation(Rule.OVERLAP, key, f"starts on {line} before {slots.operation[j]} has ended.")
    j = i + 1
    while j < len(slots.begin) and slots.begin[j] < slots.finish[i]:
        if not (settled and state.is_fact(slots.operation[j])):
            yield Violation(Rule.OVERLAP, slots.operation[j], f"starts on {line} before {key} has ended.")
        j += 1
    for j in (i, i + 1):
        if j < len(slots.begin) and _setup_missing(state, slots, j):
            yield Violation(Rule.SETUP, slots.operation[j], f"has too little time for its setup on {line}.")


def _setup_missing(state: State, slots: Slots, i: int) -> bool:
    """Whether there is too little working time before the operation at position i for its setup."""
    settled = state.is_fact(slots.operation[i])
    if i == 0:
        return not settled and slots.begin[0] < slots.setup(slots.initial, slots.family[0])
    if settled and state.is_fact(slots.operation[i - 1]):
        return False
    return max(0, slots.begin[i] - slots.finish[i - 1]) < slots.setup(slots.family[i - 1], slots.family[i])


def _joints(state: State, lifted: Sequence[Placement]) -> list[tuple[LineId, int]]:
    """Positions of the operations that follow where something was taken out."""
    found: list[tuple[LineId, int]] = []
    for placement in lifted:
        slots = state.lines[placement.line]
        i = bisect_left(slots.begin, slots.calendar.work(placement.start))
        if i < len(slots.begin):
            found.append((placement.line, i))
    return found


def _is_short(state: State, material: MaterialId) -> bool:
    """Whether what is open takes more than there is (a shortage made by facts alone is over and done)."""
    levels = state.stocks[material].levels()
    if all(level >= 0 for _, level in levels):
        return False
    first = min(
        (
            held.placements[operation.id].start
            for held in state.held.values()
            for operation in held.order.operations
            if operation.id in held.placements and not state.is_fact(operation.id)
            for need in operation.materials
            if need.material == material
        ),
        default=None,
    )
    if first is None:
        return False
    untils = [*(instant for instant, _ in levels[1:]), first + 1]
    return any(level < 0 and until > first for (_, level), until in zip(levels, untils, strict=True))


def _duration(operation: Operation, line: LineId) -> int:
    return next(mode.duration for mode in operation.modes if mode.line == line)


# --- time passes ----------------------------------------------------------------------------------------------------


def _start(state: State, started: Collection[OperationId], running: Collection[OperationId]) -> None:
    """Make facts of what has started; what still runs ends now at the earliest."""
    begun = set(started) | set(running)
    if not begun:
        return
    fixed = dict(state.fixed)
    for held in list(state.held.values()):
        for key in held.placements.keys() & begun:
            placement = held.placements[key]
            if key in running and placement.end < state.now:
                state.lift(held.order.id, {key})
                placement = replace(placement, end=state.now)
                state.put(held.order, {key: placement})
            fixing = fixed[key][0] if key in fixed and fixed[key][0] in FACTS else Fixing.STARTED
            fixed[key] = (fixing, placement)
    state.fixed = fixed


def _facts_first(state: State) -> list[OperationId]:
    """Order every line so that facts precede what is open; returns what may have to move for it."""
    seeds: list[OperationId] = []
    for line in list(state.lines):
        slots = state.lines[line]
        settled = [state.is_fact(key) for key in slots.operation]
        if True not in settled:
            continue
        last = len(settled) - 1 - settled[::-1].index(True)
        if last + 1 < len(settled):
            seeds.append(slots.operation[last + 1])
        if all(settled[:last]):
            continue
        slots = state.line(line)
        seeds.extend(key for key, fact in zip(slots.operation, settled, strict=True) if not fact)
        slots.reorder(sorted(range(len(settled)), key=lambda i: not settled[i]))
    return seeds


def _push(state: State, seeds: Iterable[OperationId], *, retake: bool) -> Mapping[OperationId, Placement]:
    """Start every seed and all that follows as soon as it may, not before where it stands; orders on lines are kept.

    A longest-path pass in order of the old starts. With `retake` materials are given out anew in that order; without,
    they are only taken later than before, which starves nobody.
    """
    home = {
        operation.id: (held, operation)
        for held in state.held.values()
        for operation in held.order.operations
        if operation.id in held.placements
    }
    after: dict[OperationId, list[OperationId]] = {}
    for key, (_, operation) in home.items():
        for before in operation.predecessors:
            after.setdefault(before.operation, []).append(key)
    position: dict[LineId, dict[OperationId, int]] = {}
    placed = {key: held.placements[key] for key, (held, _) in home.items()}
    old = dict(placed)
    taken: dict[OperationId, int] | None = {} if retake else None
    if retake:
        for key, (_, operation) in home.items():
            if not state.is_fact(key):
                for need in operation.materials:
                    state.stock(need.material).take(placed[key].start, -need.quantity)
    heap = [(placed[key].start, key) for key in seeds if not state.is_fact(key)]
    heapify(heap)
    waiting = {key for _, key in heap}
    while heap:
        _, key = heappop(heap)
        if key not in waiting:
            continue
        waiting.discard(key)
        held, operation = home[key]
        here = placed[key]
        slots = state.line(here.line)
        if here.line not in position:
            position[here.line] = {name: i for i, name in enumerate(slots.operation)}
        i = position[here.line][key]
        calendar, duration = slots.calendar, _duration(operation, here.line)
        ready: int = max(here.start, held.order.released(operation))
        if key not in state.fixed or here.start < state.now:
            ready = max(ready, state.now)
        for before in operation.predecessors:
            if before.operation in placed:
                ready = max(ready, placed[before.operation].end + before.minimum_wait)
        if taken is not None:
            for need in operation.materials:
                stock = state.stock(need.material)
                if key in taken:
                    stock.take(taken[key], -need.quantity)
                instant = stock.earliest(ready, need.quantity)
                if instant is None:
                    raise HorizonTooShort(here.line, key)
                ready = instant
        begin = calendar.work(ready)
        if i:
            begin = max(begin, slots.finish[i - 1] + slots.setup(slots.family[i - 1], slots.family[i]))
        else:
            begin = max(begin, slots.setup(slots.initial, slots.family[i]))
        if begin < calendar.total and operation.running is not Running.PAUSES:
            begin = calendar.whole(begin, duration)
        if begin < 0 or begin + duration > calendar.total:
            raise HorizonTooShort(here.line, key)
        there = state.placement(operation, here.line, begin, duration)
        if taken is not None:
            for need in operation.materials:
                state.stock(need.material).take(there.start, need.quantity)
            taken[key] = there.start
        slots.begin[i], slots.finish[i] = begin, begin + duration
        if there == here:
            continue
        placed[key] = there
        following = after.get(key, [])
        if i + 1 < len(slots.operation):
            following = [*following, slots.operation[i + 1]]
        for name in following:
            if name not in waiting and not state.is_fact(name):
                waiting.add(name)
                heappush(heap, (placed[name].start, name))
    for line in position:
        state.line(line).rebuild()
    return _settle(state, home, old, placed, moved_takes=not retake)


def _settle(
    state: State,
    home: Mapping[OperationId, tuple[Held, Operation]],
    old: Mapping[OperationId, Placement],
    placed: Mapping[OperationId, Placement],
    *,
    moved_takes: bool,
) -> Mapping[OperationId, Placement]:
    """Write the new placements into the state; returns those that changed."""
    changed = {key: placement for key, placement in placed.items() if placement != old[key]}
    touched: dict[WorkOrderId, dict[OperationId, Placement]] = {}
    for key, placement in changed.items():
        held, operation = home[key]
        touched.setdefault(held.order.id, dict(held.placements))[key] = placement
        if moved_takes:
            for need in operation.materials:
                stock = state.stock(need.material)
                stock.take(placement.start, need.quantity)
                stock.take(old[key].start, -need.quantity)
    for order_id, placements in touched.items():
        state.held[order_id] = Held(state.held[order_id].order, placements)
    ties = {key: (state.fixed[key][0], placement) for key, placement in changed.items() if key in state.fixed}
    if ties:
        state.fixed = {**state.fixed, **ties}
    return changed
