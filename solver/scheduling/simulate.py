"""Weeks of a factory, played: orders arrive and are promised, things go wrong, the book is improved, the day goes on.

Every policy meets the same orders and the same mishaps, so what differs is the policy. An operation's true duration is
known when it starts, a breakdown when it happens; what that moves is moved as little as possible at once, and put
right by the next search.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from heapq import heapify, heappop, heappush
from random import Random
from statistics import quantiles

from solver.scheduling.book import Book, NoRoom
from solver.scheduling.calendar import Calendar
from solver.scheduling.check import FACTS
from solver.scheduling.problem import (
    NEVER,
    Fixing,
    Line,
    LineId,
    Operation,
    OperationId,
    Placement,
    SchedulingProblem,
    Second,
    Window,
    WorkOrder,
    WorkOrderId,
)
from solver.scheduling.repair import pushed, repaired
from solver.scheduling.schedule import PROMISES_FIRST, Schedule, evaluate
from solver.scheduling.search import search

DAY = 86_400
STEP = 3600  # the clock goes on by at most so many seconds at once
KEPT = 2 * DAY  # finished orders stay in the problem for so long


@dataclass(frozen=True, slots=True)
class Arrival:
    """An order, and when it becomes known: it is promised then, to be made from its release on.

    `due_as_told`: it is wanted by its planned completion and the buffer, whatever its own due date is.
    """

    known: Second
    order: WorkOrder
    due_as_told: bool = False


@dataclass(frozen=True, slots=True)
class Policy:
    """How a factory promises and plans. `buffer`: seconds between planned completion and promise.

    `moving`: for a new order others may move within what was promised. `improve_every`: seconds between searches for a
    better schedule where something is late (None: none), each of `improve_moves`; what starts within `frozen` seconds
    stays then.
    """

    name: str
    buffer: int = 3600
    moving: bool = True
    improve_every: int | None = 4 * 3600
    improve_moves: int = 20_000
    frozen: int = 2 * 3600


@dataclass(frozen=True, slots=True)
class Mishaps:
    """What goes wrong. `spread`: durations vary by up to this share either way; `breakdowns`: a line and week, each
    of `breakdown_seconds`."""

    spread: float = 0.0
    breakdowns: float = 0.0
    breakdown_seconds: int = 4 * 3600
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Told:
    """An order's dates: when it was known, what was promised (None: refused), when it was done (None: still open).

    `standing`: it was in the factory's book from the beginning.
    """

    order: WorkOrderId
    known: Second
    due: Second
    promise: Second | None
    completion: Second | None
    standing: bool = False

    @property
    def kept(self) -> bool | None:
        """Whether the promise was kept; None while that is open."""
        if self.promise is None or self.completion is None:
            return None
        return self.completion <= self.promise


@dataclass(frozen=True, slots=True)
class Day:
    """A day in seconds: working time of all lines, work that began, its setups; orders promised and finished."""

    start: Second
    open: int
    work: int
    setup: int
    promised: int
    finished: int


@dataclass(frozen=True, slots=True)
class Played:
    """What came of a policy."""

    policy: Policy
    told: tuple[Told, ...]
    days: tuple[Day, ...]

    @property
    def refused(self) -> int:
        """Orders for which there was no room."""
        return sum(one.promise is None for one in self.told if not one.standing)

    @property
    def broken(self) -> int:
        """Promises that were not kept: of what is finished, and of what is open past its promise at the end."""
        end = self.days[-1].start + DAY if self.days else 0
        return sum(
            one.promise is not None and (one.completion if one.completion is not None else end) > one.promise
            for one in self.told
        )

    @property
    def kept_share(self) -> float:
        """Of the orders that were promised and are finished, the share that was in time."""
        judged = [one.kept for one in self.told if one.kept is not None]
        return sum(judged) / len(judged) if judged else 1.0

    def lead(self, percent: int) -> float:
        """Seconds from being known to the promised instant: what the buyers are told."""
        return _percentile([
            one.promise - one.known for one in self.told if one.promise is not None and not one.standing
        ], percent)  # fmt: skip

    def flow(self, percent: int) -> float:
        """Seconds from being known to being done."""
        return _percentile([
            one.completion - one.known for one in self.told if one.completion is not None and not one.standing
        ], percent)  # fmt: skip

    @property
    def load(self) -> float:
        """Work and setups over working time."""
        return sum(day.work + day.setup for day in self.days) / max(1, sum(day.open for day in self.days))

    @property
    def setup_share(self) -> float:
        """Setups over working time."""
        return sum(day.setup for day in self.days) / max(1, sum(day.open for day in self.days))


def play(
    factory: SchedulingProblem,
    arrivals: Sequence[Arrival],
    policy: Policy,
    *,
    until: Second,
    mishaps: Mishaps | None = None,
    standing: Mapping[OperationId, Placement] | None = None,
    leaves: Callable[[Second], Second] = lambda ready: ready,
    stop: Callable[[], bool] = lambda: False,
    report: Callable[[float], None] = lambda share: None,
) -> Played:
    """Play a policy from the factory's `now` on until an instant.

    The lines' windows must reach far enough beyond it for what arrives last. Deterministic.

    Parameters
    ----------
    standing: where the factory's own orders stand; those that have no place, and all without it, are not looked at
    leaves: when a carrier takes what is ready then; an order that is done by that instant keeps its promise
    report: gets the share of the time that has been played
    stop: ends it early with what has been played
    """
    game = _Game(factory, policy, mishaps or Mishaps(), until, standing or {}, leaves)
    begin = factory.now
    for instant, arrival in _moments(factory.now, until, arrivals, policy):
        if stop():
            break
        game.go_on(instant)
        if arrival is None:
            game.improve()
        else:
            game.promise(arrival)
        report((instant - begin) / max(1, until - begin))
    else:
        game.go_on(until)
    return game.played()


def _moments(
    begin: int, until: int, arrivals: Sequence[Arrival], policy: Policy
) -> Iterator[tuple[int, Arrival | None]]:
    """Arrivals and searches (None), one after the other."""
    following = begin + policy.improve_every if policy.improve_every else until
    for arrival in sorted(arrivals, key=lambda one: (one.known, one.order.id)):
        if arrival.known >= until:
            break
        while following <= arrival.known and policy.improve_every:
            yield following, None
            following += policy.improve_every
        yield max(begin, arrival.known), arrival
    while following < until and policy.improve_every:
        yield following, None
        following += policy.improve_every


class _Game:
    def __init__(
        self, factory: SchedulingProblem, policy: Policy, mishaps: Mishaps, until: int,
        standing: Mapping[OperationId, Placement], leaves: Callable[[Second], Second],
    ) -> None:
        self.policy, self.mishaps, self.leaves = policy, mishaps, leaves
        orders = tuple(order for order in factory.orders if all(o.id in standing for o in order.operations))
        self.placements = {o.id: standing[o.id] for order in orders for o in order.operations}
        self.fixed = {
            key: entry for key, entry in factory.fixed.items() if entry[0] in FACTS and key in self.placements
        }
        self.problem = replace(factory, orders=orders, fixed=self.fixed)
        self.told = {order.id: self._standing(order) for order in orders}
        self.begin, self.until = int(factory.now), until
        days = -(-(until - self.begin) // DAY)
        self.work, self.setup = [0] * days, [0] * days
        self.new, self.done = [0] * days, [0] * days
        self.open = [self._open(factory.lines, day) for day in range(days)]
        self.family = {line.id: line.initial_family for line in factory.lines}
        self.breakdowns = _breakdowns(factory, mishaps, until)
        self.matrix = {matrix.id: matrix for matrix in factory.setups}
        self.free: dict[LineId, int] = {}  # when a line is done with what it has begun
        self.plain, self.tidy = _is_plain(factory), True
        self.clocks: tuple[tuple[Line, ...], dict[LineId, Calendar]] = ((), {})
        self._look_at_facts()

    def _standing(self, order: WorkOrder) -> Told:
        """What is known of an order that is in the book already; one that is made is judged no more."""
        done = max(self.placements[o.id].end for o in order.operations)
        made = all(self.fixed.get(o.id, (None,))[0] is Fixing.FINISHED for o in order.operations)
        promise, completion = (None, Second(done)) if made else (order.promise, None)
        return Told(order.id, order.release, order.due, promise, completion, standing=True)

    def _look_at_facts(self) -> None:
        """What each line has begun last, and until when."""
        family = {o.id: o.family for order in self.problem.orders for o in order.operations}
        for key, (_, placement) in sorted(self.fixed.items(), key=lambda item: item[1][1].end):
            self.free[placement.line], self.family[placement.line] = placement.end, family[key]

    # --- what happens -------------------------------------------------------------------------------------------------

    def go_on(self, instant: int) -> None:
        """Time passes: operations start and end, lines break."""
        while self.problem.now < instant:
            step = min(instant, self.problem.now + STEP)
            while self.breakdowns and self.breakdowns[0][0] < step:
                at, line = heappop(self.breakdowns)
                self._run(at)
                self._break(line, at)
            self._run(step)
            self.problem = replace(self.problem, now=Second(step), fixed=self.fixed)
        self._forget(instant)

    def promise(self, arrival: Arrival) -> None:
        """An order becomes known and gets a date."""
        self._tidy_up()
        order = arrival.order
        standing = self.fixed if self.policy.moving else self._frozen(NEVER)
        found = Book(replace(self.problem, fixed=standing), self.placements).quote(order)
        if isinstance(found, NoRoom):
            self.told[order.id] = Told(order.id, arrival.known, order.due, None, None)
            return
        ready = Second(found.completion + self.policy.buffer)
        promise, due = self.leaves(ready), ready if arrival.due_as_told else order.due
        self.problem = replace(self.problem, orders=(*self.problem.orders, replace(order, promise=promise, due=due)))
        self.placements |= {placement.operation: placement for placement in (*found.moved, *found.placements)}
        self.told[order.id] = Told(order.id, arrival.known, due, promise, None)
        self.new[self._day(arrival.known)] += 1

    def improve(self) -> None:
        """A search for a better schedule, if anything is late."""
        self._tidy_up()
        present = evaluate(self.problem, Schedule(self.placements))
        if not present.tardiness and not present.broken_promises:
            return
        problem = replace(self.problem, fixed=self._frozen(self.problem.now + self.policy.frozen))
        found = search(problem, schedule=Schedule(self.placements), moves=self.policy.improve_moves, cp_sat=False)
        self.placements = dict(found.schedule.placements)

    def _frozen(self, until: int) -> dict[OperationId, tuple[Fixing, Placement]]:
        """What is fixed when nothing that starts before an instant may move."""
        soon = (p for p in self.placements.values() if p.operation not in self.fixed and p.start < until)
        return {placement.operation: (Fixing.FROZEN, placement) for placement in soon} | self.fixed

    # --- the shop floor -----------------------------------------------------------------------------------------------

    def _run(self, instant: int) -> None:
        """What starts before an instant becomes a fact, in the order of the starts, with its true end."""
        clocks, lines = self._clocks(), {line.id: line for line in self.problem.lines}
        home = {o.id: o for order in self.problem.orders for o in order.operations}
        soon = self._starting(instant)
        crowded = 0  # until then something may stand where it cannot
        while soon:
            if crowded > soon[0][0]:
                self._push()
                crowded, soon = 0, self._starting(instant)
                continue
            placement = self.placements[heappop(soon)[1]]
            key, line, clock = placement.operation, lines[placement.line], clocks[placement.line]
            operation = home[key]
            duration = next(mode.duration for mode in operation.modes if mode.line == line.id)
            if self.plain and (ready := self._ready(operation, line, clock)) > placement.start:
                start, end = clock.earliest(ready, operation.running, duration)
                if start < NEVER:
                    self.placements[key], self.tidy = replace(placement, start=Second(start), end=Second(end)), False
                    if start < instant:
                        heappush(soon, (start, key))
                continue
            end = clock.finish(placement.start, operation.running, self._true(key, duration))
            if end > placement.end and self.plain:
                self.tidy = False
            elif end > placement.end:
                crowded = max(crowded, end)
            made = replace(placement, end=Second(min(end, clock.closes[-1])))
            self.placements[key], self.fixed[key] = made, (Fixing.STARTED, made)
            self._count(line, operation, placement, duration)
            self.free[line.id] = made.end
        if crowded:
            self._push()
        for key, (fixing, placement) in self.fixed.items():
            if fixing is Fixing.STARTED and placement.end <= instant:
                self.fixed[key] = (Fixing.FINISHED, placement)
        self._finish(instant)

    def _ready(self, operation: Operation, line: Line, clock: Calendar) -> int:
        """When an operation may start, by what its line has made and what it follows: what is late holds it up."""
        ready = 0
        for before in operation.predecessors:
            if (place := self.placements.get(before.operation)) is not None:
                ready = max(ready, place.end + before.minimum_wait)
        if line.unlimited:
            return ready
        free, setup = self.free.get(line.id, 0), 0
        if line.setups is not None:
            setup = self.matrix[line.setups].between(self.family[line.id], operation.family)
        if setup and not line.setup_any_time:
            return max(ready, clock.end(min(clock.total, clock.work(free) + setup)))
        return max(ready, free + setup)

    def _clocks(self) -> dict[LineId, Calendar]:
        """The lines' calendars, found anew where windows have changed."""
        if self.clocks[0] is not self.problem.lines:
            self.clocks = (self.problem.lines, {line.id: Calendar(line) for line in self.problem.lines})
        return self.clocks[1]

    def _starting(self, instant: int) -> list[tuple[int, OperationId]]:
        """What is no fact yet and starts before an instant: a heap by start."""
        soon = [
            (int(p.start), key) for key, p in self.placements.items() if p.start < instant and key not in self.fixed
        ]
        heapify(soon)
        return soon

    def _true(self, key: OperationId, duration: int) -> int:
        spread = self.mishaps.spread
        if not spread:
            return duration
        return max(1, round(duration * (1 + Random(f"{self.mishaps.seed} {key}").uniform(-spread, spread))))  # noqa: S311

    def _break(self, line_id: LineId, at: int) -> None:
        """A line stands still for a while; what runs there goes on afterwards."""
        until = at + self.mishaps.breakdown_seconds
        lines = []
        for line in self.problem.lines:
            if line.id != line_id:
                lines.append(line)
                continue
            windows = [
                Window(Second(low), Second(high))
                for window in line.windows
                for low, high in ((window.start, min(window.end, at)), (max(window.start, until), window.end))
                if low < high
            ]
            lines.append(replace(line, windows=tuple(windows)) if windows else line)
        self.problem = replace(self.problem, lines=tuple(lines))
        for key, (fixing, placement) in list(self.fixed.items()):
            if fixing is Fixing.STARTED and placement.line == line_id and placement.end > at:
                later = replace(placement, end=Second(placement.end + self.mishaps.breakdown_seconds))
                self.placements[key], self.fixed[key] = later, (Fixing.STARTED, later)
        self._push()

    def _tidy_up(self) -> None:
        """What is late on the floor moves what is still to come."""
        if not self.tidy:
            self._push()

    def _push(self) -> None:
        """What stands where it cannot goes later, in the same sequence."""
        self.tidy = True
        problem = replace(self.problem, fixed=self.fixed)
        later = pushed(problem, self.placements)
        if later is None:
            later, _ = repaired(problem, Schedule(self.placements), PROMISES_FIRST)
        self.placements = dict(later.placements)

    # --- the books ----------------------------------------------------------------------------------------------------

    def _day(self, instant: int) -> int:
        return min(len(self.open) - 1, max(0, (instant - self.begin) // DAY))

    def _open(self, lines: Sequence[Line], day: int) -> int:
        low = self.begin + day * DAY
        high = min(self.until, low + DAY)
        return sum(
            max(0, min(window.end, high) - max(window.start, low))
            for line in lines if not line.unlimited for window in line.windows
        )  # fmt: skip

    def _count(self, line: Line, operation: Operation, placement: Placement, duration: int) -> None:
        if line.unlimited:
            return
        day = self._day(placement.start)
        self.work[day] += duration
        if line.setups is not None:
            self.setup[day] += self.matrix[line.setups].between(self.family[line.id], operation.family)
        self.family[line.id] = operation.family

    def _finish(self, instant: int) -> None:
        """Orders that are done are noted."""
        for order in self.problem.orders:
            told = self.told[order.id]
            if told.completion is not None:
                continue
            ends = [self.placements[o.id].end for o in order.operations if o.id in self.placements]
            started = all(o.id in self.fixed for o in order.operations if o.id in self.placements)
            if started and max(ends) <= instant:
                self.told[order.id] = replace(told, completion=Second(max(ends)))
                self.done[self._day(max(ends))] += 1

    def _forget(self, instant: int) -> None:
        """Orders that were done long ago leave the problem; their lines keep the state that they were left in."""
        gone = {
            order.id for order in self.problem.orders
            if (done := self.told[order.id].completion) is not None and done < instant - KEPT
        }  # fmt: skip
        if not gone:
            return
        last: dict[LineId, tuple[int, OperationId]] = {}
        family = {o.id: o.family for order in self.problem.orders for o in order.operations}
        for order in self.problem.orders:
            if order.id in gone:
                for operation in order.operations:
                    placement = self.placements.pop(operation.id, None)
                    self.fixed.pop(operation.id, None)
                    if placement is not None:
                        here = (placement.end, operation.id)
                        last[placement.line] = max(here, last.get(placement.line, here))
        remaining: dict[LineId, int] = {}
        for placement in self.placements.values():
            remaining[placement.line] = min(placement.start, remaining.get(placement.line, placement.start))
        lines = []
        for line in self.problem.lines:
            end, key = last.get(line.id, (0, None))
            if key is None or line.unlimited or remaining.get(line.id, end) < end:
                lines.append(line)
                continue
            windows = tuple(Window(Second(max(w.start, end)), w.end) for w in line.windows if w.end > end)
            initial = family[key] if line.setups is not None else None
            lines.append(replace(line, windows=windows, initial_family=initial) if windows else line)
        orders = tuple(order for order in self.problem.orders if order.id not in gone)
        self.problem = replace(self.problem, orders=orders, lines=tuple(lines), fixed=self.fixed)

    def played(self) -> Played:
        """What has come of it so far."""
        days = zip(self.open, self.work, self.setup, self.new, self.done, strict=True)
        return Played(
            self.policy, tuple(self.told.values()),
            tuple(Day(Second(self.begin + i * DAY), *figures) for i, figures in enumerate(days)),
        )  # fmt: skip


def _is_plain(factory: SchedulingProblem) -> bool:
    """Whether what holds an operation up is its line and what it follows, and nothing else."""
    return not (
        factory.resources or factory.transports or factory.same_sequence or any(line.batch for line in factory.lines)
    )


def _breakdowns(factory: SchedulingProblem, mishaps: Mishaps, until: int) -> list[tuple[int, LineId]]:
    """When which line breaks: exponential times between, from the seed alone."""
    found: list[tuple[int, LineId]] = []
    if not mishaps.breakdowns:
        return found
    for line in factory.lines:
        random = Random(f"{mishaps.seed} {line.id}")  # noqa: S311 - not for secrets
        at = float(factory.now)
        while True:
            at += random.expovariate(mishaps.breakdowns / (7 * DAY))
            if at >= until:
                break
            heappush(found, (int(at), line.id))
            at += mishaps.breakdown_seconds
    return found


def _percentile(values: Sequence[int], percent: int) -> float:
    if len(values) < 2:
        return float(values[0]) if values else 0.0
    return quantiles(values, n=100, method="inclusive")[percent - 1]
