"""What cannot be made whatever the schedule: each fault of a problem by name, before anything is searched.

Every fault is a proof; a problem without faults may still have no schedule. An operation's *earliest end* ignores the
other orders: it follows from release, predecessors, transports, material and the calendars of its lines alone.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from itertools import accumulate

import numpy as np

from solver.scheduling.arrays import OP_EARLIEST, OP_ORDER, Arrays, earliest_of
from solver.scheduling.calendar import Calendar
from solver.scheduling.check import FACTS, Rule, Violation, violations
from solver.scheduling.heads import heads_and_ends
from solver.scheduling.problem import (
    NEVER,
    InvalidProblem,
    Line,
    LineId,
    MaterialId,
    Operation,
    OperationId,
    Placement,
    PlantId,
    Precedence,
    RouteId,
    Running,
    SchedulingProblem,
    Transport,
    WorkOrder,
    WorkOrderId,
)
from solver.scheduling.schedule import Schedule

LARGEST = 1 << 62  # no figure of a schedule may exceed it: the compiled search counts in 64 bits
NAMED = 5  # so many faults are named in the words of a refusal
# What pins break among themselves is broken in every schedule; the other rules depend on what comes between them.
PROOFS = frozenset(
    {Rule.CALENDAR, Rule.OVERLAP, Rule.BATCH, Rule.SETUP, Rule.PRECEDENCE, Rule.TRANSPORT, Rule.WAIT, Rule.RELEASE,
     Rule.RESOURCE, Rule.MATERIAL}
)  # fmt: skip


class Cause(StrEnum):
    """Why something cannot be made."""

    TOO_LONG = "too long"  # an operation that may not pause is longer than any window (shift) of its lines
    CLOSED = "closed"  # too little working time is left on all of its lines once it could start
    UNCONNECTED = "unconnected"  # nothing goes from where its predecessor can be made to where it can
    MATERIAL = "material"  # more is needed than ever comes
    WAIT = "wait"  # it can only start when it has waited too long
    PIN = "pin"  # what is fixed contradicts the rules, or what is before it
    ROUTE = "route"  # none of an order's routes can be taken, or two must be
    OVERLOAD = "overload"  # more work can only be made on a line than it has time
    OVERFLOW = "overflow"  # the figures of a schedule could exceed 64 bits


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that cannot be: an operation, an order, a line or a material (`subject`), why, and that in words."""

    subject: str
    code: Cause
    words: str = field(compare=False)


def faults(problem: SchedulingProblem, arrays: Callable[[], Arrays] | None = None) -> tuple[Fault, ...]:
    """Everything that makes a schedule of `problem` impossible; empty when nothing of the kind is found.

    `arrays`: gives those of the problem, if somebody else needs them too: with them it takes less time. They are asked
    for if nothing overflows.
    """
    shop = _Shop(problem)
    found = [*_overflows(problem)]
    clear: Collection[WorkOrderId] = ()
    if not found and arrays is not None:
        clear = _clear(shop, arrays())
    found += _pins(problem)
    for order in problem.orders:
        if order.id not in clear:
            found += _Chain(shop, order).faults()
    found += _materials(shop)
    found += _overloads(shop)
    return tuple(dict.fromkeys(found))


def refuse(problem: SchedulingProblem) -> None:
    """Raises InvalidProblem that names the faults of `problem`, if there are any."""
    found = faults(problem)
    if found:
        more = f" And {len(found) - NAMED} more." if len(found) > NAMED else ""
        raise InvalidProblem(" ".join(fault.words for fault in found[:NAMED]) + more)


class _Shop:
    """What all orders share."""

    def __init__(self, problem: SchedulingProblem) -> None:
        self.problem = problem
        self.hours = {line.id: Calendar(line) for line in problem.lines}
        self.lines = {line.id: line for line in problem.lines}
        self.plants = {line.id: line.plant for line in problem.lines}
        self.transports = {(t.origin, t.destination): t for t in problem.transports}
        self.facts = {key for key, (fixing, _) in problem.fixed.items() if fixing in FACTS}
        self.come: dict[MaterialId, tuple[list[int], list[int]]] = {}  # instants, and what has come by then
        for material in problem.materials:
            arrivals = sorted(material.arrivals)
            amounts = accumulate((quantity for _, quantity in arrivals), initial=material.stock)
            self.come[material.id] = ([0, *(at for at, _ in arrivals)], list(accumulate(amounts, max)))
        self.starts: dict[OperationId, int] = {}  # the earliest of every operation

    def there(self, material: MaterialId, quantity: int) -> int:
        """When so much of the material has come at first."""
        instants, amounts = self.come[material]
        i = bisect_left(amounts, quantity)
        return instants[i] if i < len(instants) else NEVER

    def arrival(self, ends: Mapping[PlantId, int], wait: int, plant: PlantId) -> int:
        """When what ends so early in these plants, and then waits, can be in `plant` at first."""
        first = NEVER
        for origin, end in ends.items():
            if end >= NEVER:
                continue
            if origin == plant:
                first = min(first, end + wait)
            else:
                transport: Transport | None = self.transports.get((origin, plant))
                if transport is not None:
                    first = min(first, transport.arrival(end + wait))
        return first

    def necessary(self, order: WorkOrder) -> RouteId | None:
        """The route that the order has to take because something on it is fixed."""
        fixed = self.problem.fixed
        return next((o.route for o in order.operations if o.route is not None and o.id in fixed), None)


def _clear(shop: _Shop, arrays: Arrays) -> set[WorkOrderId]:
    """The orders without routes and fixed operations of which all can be made, by the same rules as `_Chain`."""
    problem, n, orders = shop.problem, len(arrays.operations), len(shop.problem.orders)
    earliest = earliest_of(problem, materials=False) if problem.materials else arrays.column(OP_EARLIEST, n)
    for i, operation in enumerate(arrays.operations) if problem.materials else ():
        for need in operation.materials:
            earliest[i] = max(earliest[i], shop.there(need.material, need.quantity))
    heads, ends, nothing = np.zeros(n, np.int64), np.zeros(len(arrays.modes), np.int64), np.full(n, -1, np.int64)
    heads_and_ends(arrays.words, nothing, nothing, np.ascontiguousarray(earliest), heads, ends)
    never = np.bincount(arrays.column(OP_ORDER, n), weights=heads >= NEVER, minlength=orders)
    by_chain = {o.id for o in arrays.operations if o.route is not None} | problem.fixed.keys()
    clear: set[WorkOrderId] = set()
    for order, wrong in zip(problem.orders, never.tolist(), strict=True):
        if not wrong and (not by_chain or all(o.id not in by_chain for o in order.operations)):
            clear.add(order.id)
    shop.starts.update(zip((o.id for o in arrays.operations), heads.tolist(), strict=True))
    return clear


class _Chain:
    """The earliest ends of one order's operations."""

    def __init__(self, shop: _Shop, order: WorkOrder) -> None:
        self.shop, self.order = shop, order
        self.ends: dict[OperationId, dict[PlantId, int]] = {}
        self.found: list[Fault] = []
        self.on_route: dict[RouteId, list[Fault]] = {}  # the faults that close a route
        self.routes = {operation.id: operation.route for operation in order.operations}

    def faults(self) -> list[Fault]:
        """What is wrong with the order."""
        order, fixed = self.order, self.shop.problem.fixed
        routes = order.routes
        taken = {o.route for o in order.operations if o.route is not None and o.id in fixed} if routes else set()
        if len(taken) > 1:
            names = ", ".join(sorted(str(route) for route in taken))
            self.found.append(Fault(order.id, Cause.ROUTE, f"{order.id}: operations on two routes are fixed: {names}."))
        for operation in order.operations:
            if operation.id in fixed:
                self._fixed(operation, fixed[operation.id][1])
            else:
                self._free(operation)
        open_ = taken or set(routes)
        if routes and all(route in self.on_route for route in open_ if route is not None):
            reasons = [fault for route in routes if route in open_ for fault in self.on_route.get(route, ())[:1]]
            words = f"{order.id}: none of its routes can be taken: " + " ".join(fault.words for fault in reasons)
            self.found.append(Fault(order.id, Cause.ROUTE, words))
        return self.found

    def _fault(self, operation: Operation, code: Cause, words: str) -> None:
        fault = Fault(operation.id, code, words)
        if operation.route is None:
            self.found.append(fault)
        else:
            self.on_route.setdefault(operation.route, []).append(fault)

    def _ready(self, operation: Operation, plant: PlantId) -> int:
        """When its predecessors let it start in `plant`; of predecessors on several routes the fastest route's."""
        shop, ready = self.shop, 0
        by_route: dict[RouteId, int] | None = None
        for before in operation.predecessors:
            route = self.routes[before.operation]
            at = shop.arrival(self.ends[before.operation], before.minimum_wait, plant)
            if route is None or route == operation.route:
                ready = max(ready, at)
            else:
                if by_route is None:
                    by_route = dict.fromkeys(self.order.routes, 0)
                by_route[route] = max(by_route[route], at)
        return ready if by_route is None else max(ready, min(by_route.values()))

    def _fixed(self, operation: Operation, where: Placement) -> None:
        """Where it stands; an open one has to be possible there for those before it."""
        shop = self.shop
        plant = shop.plants[where.line]
        self.ends[operation.id] = {plant: where.end}
        shop.starts[operation.id] = where.start
        if operation.id in shop.facts or not operation.predecessors:
            return
        if all(before.operation in shop.problem.fixed for before in operation.predecessors):
            return  # judged with the other pins
        ready = self._ready(operation, plant)
        if where.start < ready < NEVER:
            words = f"{operation.id} is fixed at {where.start}, what is before it is not ready before {ready}."
            self._fault(operation, Cause.PIN, words)
        elif ready >= NEVER:
            self._unconnected(operation, (plant,))

    def _free(self, operation: Operation) -> None:
        shop, order = self.shop, self.order
        begin: int = max(order.released(operation), shop.problem.now)
        for need in operation.materials:
            begin = max(begin, shop.there(need.material, need.quantity))
        ends: dict[PlantId, int] = {}
        first = NEVER
        ready: dict[PlantId, int] = {}
        if begin < NEVER:
            for mode in operation.modes:
                plant = shop.plants[mode.line]
                if plant not in ready:
                    ready[plant] = self._ready(operation, plant) if operation.predecessors else 0
                at = max(begin, ready[plant])
                if at < NEVER:
                    start, end = shop.hours[mode.line].earliest(at, operation.running, mode.duration)
                    first = min(first, start)
                    ends[plant] = min(ends.get(plant, NEVER), end)
        self.ends[operation.id] = ends
        shop.starts[operation.id] = first
        if first >= NEVER:
            self._never(operation, begin, ready)
            return
        for before in operation.predecessors:
            where = shop.problem.fixed.get(before.operation)
            if before.maximum_wait is not None and where is not None and first > where[1].end + before.maximum_wait:
                self._waited(operation, before, where[1], first)

    def _waited(self, operation: Operation, before: Precedence, where: Placement, first: int) -> None:
        words = f"{operation.id} may wait {before.maximum_wait} s after {before.operation}, which ends at {where.end}; "
        self._fault(operation, Cause.WAIT, f"{words}it cannot start before {first}.")

    def _unconnected(self, operation: Operation, plants: Iterable[PlantId]) -> None:
        """Says that it cannot be brought there, unless a predecessor cannot be made at all."""
        closed: set[RouteId | None] = {
            self.routes[before.operation]
            for before in operation.predecessors
            if min(self.ends[before.operation].values(), default=NEVER) >= NEVER
        }
        if None in closed or operation.route in closed or (closed and closed >= set(self.order.routes)):
            return
        origins = sorted({p for before in operation.predecessors for p in self.ends[before.operation]})
        words = f"{operation.id}: nothing goes from {', '.join(origins)} to {', '.join(sorted(plants))} in time."
        self._fault(operation, Cause.UNCONNECTED, words)

    def _never(self, operation: Operation, begin: int, ready: Mapping[PlantId, int]) -> None:
        """Says why it can never start, unless that follows from a predecessor."""
        shop, key = self.shop, operation.id
        for need in operation.materials:
            if shop.there(need.material, need.quantity) >= NEVER:
                all_ = shop.come[need.material][1][-1]
                words = f"{key} needs {need.quantity} {need.material}, {all_} is all that ever comes."
                self._fault(operation, Cause.MATERIAL, words)
                return
        long = [mode for mode in operation.modes if mode.duration > shop.hours[mode.line].room(operation.running)]
        if len(long) == len(operation.modes):
            kind = "shift" if operation.running is Running.BREAKS else "window"
            if operation.running is Running.PAUSES:
                kind = "calendar"
            rooms = [shop.hours[mode.line].room(operation.running) for mode in long]
            told = "; ".join(
                f"{mode.duration} s on {mode.line}, {room} s" for mode, room in zip(long, rooms, strict=True)
            )
            self._fault(operation, Cause.TOO_LONG, f"{key} is longer than any {kind} of its lines: {told}.")
            return
        if ready and min(ready.values()) >= NEVER:
            self._unconnected(operation, ready)
            return
        lines = ", ".join(mode.line for mode in operation.modes)
        at = max(begin, min(ready.values(), default=0))
        words = f"{key} cannot start before {at}, and then {lines} has too little time left."
        self._fault(operation, Cause.CLOSED, words)


def _overflows(problem: SchedulingProblem) -> Iterator[Fault]:
    """weights * longest lateness, orders * latest end, setups, durations and quantities each stay below 2^62."""
    operations = [operation for order in problem.orders for operation in order.operations]
    durations = [max(mode.duration for mode in operation.modes) for operation in operations]
    latest = max((line.windows[-1].end for line in problem.lines), default=0) + max(durations, default=0)
    latest = max(latest, max((where.end for _, where in problem.fixed.values()), default=0))
    wanted = min((min(o.due, o.due if o.promise is None else o.promise) for o in problem.orders), default=0)
    figures = {
        "the weighted tardiness": sum(order.weight for order in problem.orders) * (latest - min(wanted, 0)),
        "the work in progress": len(problem.orders) * latest,
        "the durations": sum(durations),
        "the setups": len(operations) * max((s for m in problem.setups for s in m.seconds.values()), default=0),
    }
    taken: dict[MaterialId, int] = defaultdict(int)
    for operation in operations:
        for need in operation.materials:
            taken[need.material] += need.quantity
    for material in problem.materials:
        comes = abs(material.stock) + sum(abs(quantity) for _, quantity in material.arrivals)
        figures[f"the quantities of {material.id}"] = comes + taken[material.id]
    for name, figure in figures.items():
        if figure > LARGEST:
            yield Fault("problem", Cause.OVERFLOW, f"Overflow: {name} can reach {figure}, more than {LARGEST}.")


def _pins(problem: SchedulingProblem) -> Iterator[Fault]:
    """What the fixed operations break by themselves, says the judge."""
    if not problem.fixed:
        return
    orders = tuple(o for o in problem.orders if any(operation.id in problem.fixed for operation in o.operations))
    alone = replace(problem, orders=orders, same_sequence=())
    lines = {line.id: line for line in problem.lines}
    gaps: _Between | None = None
    for violation in violations(alone, Schedule({key: where for key, (_, where) in problem.fixed.items()})):
        if violation.kind not in PROOFS:
            continue
        pin = problem.fixed.get(OperationId(violation.subject))
        if pin is not None:
            line = lines[pin[1].line]
            if violation.kind is Rule.CALENDAR and line.batch and _open(line, pin[1].start):
                continue  # a longer operation that joins the batch may explain its end
            if violation.kind is Rule.SETUP:
                gaps = gaps or _Between(problem)
                if gaps.possible(line, pin[1]):
                    continue
        yield Fault(violation.subject, Cause.PIN, _pinned(problem, violation))


def _pinned(problem: SchedulingProblem, violation: Violation) -> str:
    pin = problem.fixed.get(OperationId(violation.subject))
    return f"{violation.subject}, as {pin[0] if pin else 'fixed operations need it'}: {violation.what}"


def _open(line: Line, instant: int) -> bool:
    return any(window.start <= instant < window.end for window in line.windows)


class _Between:
    """Whether something made between two pins could shorten the setup from the one to the other."""

    def __init__(self, problem: SchedulingProblem) -> None:
        self.problem = problem
        self.free: dict[LineId, list[tuple[Operation, int]]] = defaultdict(list)
        for order in problem.orders:
            for operation in order.operations:
                if operation.id not in problem.fixed:
                    for mode in operation.modes:
                        self.free[mode.line].append((operation, mode.duration))
        self.operations = {o.id: o for order in problem.orders for o in order.operations}

    def possible(self, line: Line, pin: Placement) -> bool:
        """Conservative: the cheapest setup to any free operation, its shortest one, the cheapest one back."""
        free = self.free[line.id]
        if not free:
            return False
        matrix = next(m for m in self.problem.setups if m.id == line.setups)
        earlier = [
            where
            for _, where in self.problem.fixed.values()
            if where.line == line.id and (where.start, where.end, where.operation) < (pin.start, pin.end, pin.operation)
        ]
        before = max(earlier, key=lambda p: (p.start, p.end, p.operation), default=None)
        family = line.initial_family if before is None else self.operations[before.operation].family
        first = 0 if line.setup_any_time else line.windows[0].start
        since: int = first if before is None else before.end
        hours = Calendar(line)
        there = pin.start - since if line.setup_any_time else hours.work(pin.start) - hours.work(since)
        after = self.operations[pin.operation].family
        shortest = min(1 if o.running is Running.UNATTENDED else duration for o, duration in free)
        out = min(matrix.between(family, o.family) for o, _ in free)
        back = min(matrix.between(o.family, after) for o, _ in free)
        return out + shortest + back <= there


def _necessary(shop: _Shop) -> Iterator[Sequence[Sequence[Operation]]]:
    """For each order what is made: alternatives of which one is, each a list of operations."""
    for order in shop.problem.orders:
        routes: Iterable[RouteId] = order.routes
        if not routes:
            yield (order.operations,)
            continue
        taken = shop.necessary(order)
        if taken is not None:
            routes = (taken,)
        yield [[o for o in order.operations if o.route in (None, route)] for route in routes]


def _materials(shop: _Shop) -> Iterator[Fault]:
    """No more is needed, on the thriftiest routes, than ever comes.

    What facts alone have taken is over and done: somebody who is still open has to take some of it too.
    """
    needed: dict[MaterialId, int] = defaultdict(int)
    open_: set[MaterialId] = set()
    for alternatives in _necessary(shop):
        takes: list[dict[MaterialId, int]] = []
        takers: list[set[MaterialId]] = []
        for made in alternatives:
            takes.append(defaultdict(int))
            takers.append(set())
            for operation in made:
                for need in operation.materials:
                    takes[-1][need.material] += need.quantity
                    if operation.id not in shop.facts:
                        takers[-1].add(need.material)
        for material in takes[0]:
            needed[material] += min(quantities.get(material, 0) for quantities in takes)
        open_ |= set.intersection(*takers)
    for material, (_, amounts) in shop.come.items():
        if needed[material] > amounts[-1] and material in open_:
            words = f"{material}: {needed[material]} are needed, {amounts[-1]} is all that ever comes."
            yield Fault(material, Cause.MATERIAL, words)


def _overloads(shop: _Shop) -> Iterator[Fault]:
    """What can only be made on one line fits into its time from the first of it on."""
    work: dict[LineId, int] = defaultdict(int)
    since: dict[LineId, int] = {}
    for alternatives in _necessary(shop):
        for operation in alternatives[0]:
            if len(alternatives) > 1 and operation.route is not None:
                continue
            modes = operation.modes
            fixed = shop.problem.fixed.get(operation.id)
            if operation.id in shop.facts or (fixed is None and len(modes) > 1):
                continue
            line = modes[0].line if fixed is None else fixed[1].line
            start = shop.starts[operation.id]
            if start >= NEVER:
                continue
            duration = next(mode.duration for mode in modes if mode.line == line)
            work[line] += 1 if operation.running is Running.UNATTENDED else duration
            since[line] = min(since.get(line, start), start)
    for line, seconds in work.items():
        hours = shop.hours[line]
        if shop.lines[line].batch or shop.lines[line].unlimited:
            continue
        there = hours.total - hours.work(since[line])
        if seconds > there:
            words = f"{line} has {there} s of work left from {since[line]} on, {seconds} s can only be made there."
            yield Fault(line, Cause.OVERLOAD, words)
