"""What helps an order that is late: the least remedy of each kind, solved again, judged, and ranked by cost.

The candidates come from the order's chain (`why`). Each is a changed problem. It is first solved with only this order
moving, then, if that is not enough, with its neighbours. Of a kind that can be more or less (overtime, an earlier
delivery) the least that is enough is found by bisection.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import pairwise
from time import monotonic

from solver.scheduling.check import FACTS, merged, violations
from solver.scheduling.dispatch import Unplaceable
from solver.scheduling.problem import (
    Fixing,
    InvalidProblem,
    Line,
    LineId,
    Material,
    MaterialId,
    OperationId,
    SchedulingProblem,
    Second,
    Window,
    WorkOrder,
    WorkOrderId,
)
from solver.scheduling.repair import repaired
from solver.scheduling.schedule import Objective, Part, Schedule, evaluate, has_moved
from solver.scheduling.search import Progress as Searching
from solver.scheduling.search import search
from solver.scheduling.why import Chain, Reason, chain

HOURS = (1, 2, 4, 8)  # of overtime
STEPS = 16  # by so many parts of the wait a delivery can come earlier
NEIGHBOURS = 50  # operations that may move with those of the order
SHARE = 10  # an attempt takes at most this part of the time
FIRST = 1000  # so much heavier than itself the order is for the search
LINES = frozenset({Reason.LINE, Reason.SETUP, Reason.CLOSED, Reason.PAUSED, Reason.BATCH})  # more hours may help
RIVALS = frozenset({Reason.LINE, Reason.SETUP, Reason.RESOURCE, Reason.SEQUENCE})  # others are in the way


class Kind(StrEnum):
    """What is done."""

    MOVE = "move"  # nothing but moving operations; no promise is broken by it
    PRECEDENCE = "precedence"  # orders in the way give up their promise
    OVERTIME = "overtime"  # lines work in closed time
    EXPEDITE = "expedite"  # a delivery comes earlier
    UNPIN = "unpin"  # pinned operations may move
    ELSEWHERE = "elsewhere"  # the order is made in another way: another plant, another routing


@dataclass(frozen=True, slots=True)
class Action:
    """What is to be done, of one kind; the fields that the kind does not need are empty.

    `overtime`: line and window. `arrival`: when the delivery of `material` would come, instead of at `instead`.
    `orders`: whose promise is given up. `operations`: which are unpinned. `alternative`: the order as made elsewhere.
    """

    kind: Kind
    overtime: tuple[tuple[LineId, Window], ...] = ()
    material: MaterialId | None = None
    arrival: Second | None = None
    instead: Second | None = None
    orders: tuple[WorkOrderId, ...] = ()
    operations: tuple[OperationId, ...] = ()
    alternative: WorkOrder | None = None


@dataclass(frozen=True, slots=True)
class Rates:
    """What things cost, all in one currency; the defaults are assumptions that a planner replaces.

    `overtime` an hour and line, `expedite` a day earlier, `unpin` an operation, `elsewhere` an order, `moved` an
    operation of another order, `promise` one more broken, `tardiness` an hour of others after due, times their weight.
    """

    overtime: float = 60.0
    expedite: float = 120.0
    unpin: float = 10.0
    elsewhere: float = 50.0
    moved: float = 2.0
    promise: float = 500.0
    tardiness: float = 5.0


@dataclass(frozen=True, slots=True)
class Alternative:
    """The order as it could be made elsewhere: its work order there, and that place's problem and schedule."""

    order: WorkOrder
    problem: SchedulingProblem
    schedule: Schedule


@dataclass(frozen=True, slots=True)
class Remedy:
    """An action with the schedule that it allows; the judge has nothing against it.

    `problem`: as changed by the action. `enough`: the order completes by the wanted instant. `gained`: seconds by
    which it completes earlier. `broken`: other orders' promises that are broken only now. `later`: other orders that
    complete later, by so many seconds. `moved`: operations of the order and of others that stand otherwise.
    `tardiness`: by how much the others' weighted tardiness grows (negative: shrinks), seconds.
    """

    action: Action
    problem: SchedulingProblem
    schedule: Schedule
    completion: Second
    enough: bool
    gained: int
    broken: tuple[WorkOrderId, ...]
    later: tuple[tuple[WorkOrderId, int], ...]
    moved: tuple[OperationId, ...]
    tardiness: int
    cost: float


@dataclass(frozen=True, slots=True)
class Progress:
    """How far it is: the share of the time, what is being tried, and what was found so far, best first."""

    share: float
    trying: Kind | None
    found: tuple[Remedy, ...]


class InTime(ValueError):
    """The order is neither late nor over its promise: nothing needs a remedy unless an instant is wanted."""


def wanted_by(whole: Chain) -> Second | None:
    """The instant that a late order misses: its promise if that is broken, else its due date; None if in time."""
    if whole.over:
        return whole.order.promise
    return whole.order.due if whole.tardiness else None


def remedies(
    problem: SchedulingProblem,
    schedule: Schedule,
    order: WorkOrderId,
    *,
    wanted: Second | None = None,
    elsewhere: Sequence[Alternative] = (),
    rates: Rates = Rates(),
    seconds: float = 20.0,
    seed: int = 0,
    stop: Callable[[], bool] = lambda: False,
    report: Callable[[Progress], None] = lambda progress: None,
) -> tuple[Remedy, ...]:
    """Remedies for an order that misses `wanted` (`wanted_by`): those that are enough first, each by cost.

    Of those that are not enough only what gains time is told. `stop` ends it with what was found. What is not told was
    not found in the time: that is no proof. Raises KeyError for an order that is not placed and InTime.
    """
    whole = chain(problem, schedule, order)
    target = wanted if wanted is not None else wanted_by(whole)
    if target is None or whole.completion <= target:
        raise InTime(order)
    run = _Run(problem, schedule, whole, target, rates, seconds, seed, stop, report)
    run.all_kinds(elsewhere)
    run.tell(None, share=1.0)
    return run.ranked()


class _Run:
    def __init__(
        self, problem: SchedulingProblem, schedule: Schedule, whole: Chain, target: Second, rates: Rates,
        seconds: float, seed: int, stop: Callable[[], bool], report: Callable[[Progress], None],
    ) -> None:  # fmt: skip
        self.problem, self.schedule, self.chain, self.target = problem, schedule, whole, target
        self.rates, self.seconds, self.seed, self.asked, self.report = rates, seconds, seed, stop, report
        self.order = whole.order
        self.began = monotonic()
        self.before = evaluate(problem, schedule)
        self.found: list[Remedy] = []
        self.trying: Kind | None = None
        self.home = {o.id: other.id for other in problem.orders for o in other.operations}

    # --- the frame ----------------------------------------------------------------------------------------------------

    def over(self) -> bool:
        return self.asked() or monotonic() - self.began >= self.seconds

    def tell(self, kind: Kind | None, share: float | None = None) -> None:
        self.trying = kind
        spent = (monotonic() - self.began) / self.seconds if self.seconds > 0 else 1.0
        self.report(Progress(min(1.0, spent) if share is None else share, kind, self.ranked()))

    def ranked(self) -> tuple[Remedy, ...]:
        """Enough before not enough, then the cheaper, then the sooner."""
        return tuple(sorted(self.found, key=lambda r: (not r.enough, r.cost if r.enough else 0, r.completion, r.cost)))

    def keep(self, remedy: Remedy | None) -> bool:
        """Take it if it helps; whether it is enough."""
        if remedy is not None and remedy.gained > 0:
            self.found.append(remedy)
        return remedy is not None and remedy.enough

    def all_kinds(self, elsewhere: Sequence[Alternative]) -> None:
        """Each kind that the chain suggests, the cheap ones first."""
        self.tell(Kind.MOVE)
        moving = self.keep(self.attempt(Action(Kind.MOVE), wide=True))
        for kind, candidates in (
            (Kind.UNPIN, self.pins()),
            (Kind.EXPEDITE, self.deliveries()),
            (Kind.OVERTIME, self.overtime()),
            (Kind.ELSEWHERE, ([Action(Kind.ELSEWHERE, alternative=other.order)] for other in elsewhere)),
            (Kind.PRECEDENCE, self.rivals() if not moving else iter(())),
        ):
            places = {id(other.order): other for other in elsewhere}
            best: Remedy | None = None
            for least_first in candidates:
                if self.over():
                    break
                self.tell(kind)
                place = places.get(id(least_first[-1].alternative))
                found = self.least(least_first, place, wide=not moving)
                if found is not None and found.gained > 0 and (best is None or self.better(found, best)):
                    best = found
            self.keep(best)

    def better(self, one: Remedy, other: Remedy) -> bool:
        """Enough at less cost, or else the sooner."""
        if one.enough and other.enough:
            return one.cost < other.cost
        return one.enough or (not other.enough and one.completion < other.completion)

    def least(self, actions: Sequence[Action], place: Alternative | None, *, wide: bool) -> Remedy | None:
        """The first of these actions, each more than the one before, that is enough; or what the last one gains."""
        most = self.attempt(actions[-1], place, wide=wide)
        if most is None or not most.enough:
            return most
        best, low, high = most, 0, len(actions) - 1
        while low < high and not self.over():
            middle = (low + high) // 2
            found = self.attempt(actions[middle], wide=wide)
            if found is not None and found.enough:
                best, high = found, middle
            else:
                low = middle + 1
        return best

    # --- candidates: for each a row of actions, the least first -------------------------------------------------------

    def pins(self) -> Iterator[Sequence[Action]]:
        """The order's own pins and those of others in its way; then all of them."""
        fixed = self.problem.fixed
        mine = [link.operation for link in self.chain.links if link.reason is Reason.PIN]
        others = [key for link in self.chain.links if link.reason in RIVALS for key in link.others]
        pinned = [key for key in dict.fromkeys(mine + others) if key in fixed and fixed[key][0] is Fixing.PINNED]
        for key in pinned[:3]:
            yield [Action(Kind.UNPIN, operations=(key,))]
        if len(pinned) > 1:
            yield [Action(Kind.UNPIN, operations=tuple(pinned))]

    def deliveries(self) -> Iterator[Sequence[Action]]:
        """Each delivery that was waited for, so much earlier."""
        for link in self.chain.links:
            if link.reason is not Reason.MATERIAL or link.material is None:
                continue
            first = max(link.start, self.problem.now)
            steps = [link.end - (link.end - first) * i // STEPS for i in range(1, STEPS + 1)]
            yield [
                Action(Kind.EXPEDITE, material=link.material, arrival=Second(at), instead=link.end)
                for at in dict.fromkeys(steps) if at < link.end
            ] or [Action(Kind.EXPEDITE, material=link.material, arrival=Second(first), instead=link.end)]

    def overtime(self) -> Iterator[Sequence[Action]]:
        """Longer and longer in the last closed time before the need, of one line, then of all that bind."""
        bound: dict[LineId, int] = {}
        for link in self.chain.links:
            if link.reason in LINES:
                bound[link.line] = bound.get(link.line, 0) + link.seconds
        lines = {line.id: line for line in self.problem.lines}
        gaps = {key: self.closed(lines[key]) for key in sorted(bound, key=lambda key: -bound[key])}
        for key, found in list(gaps.items())[:4]:
            for gap in found[:2]:
                yield [Action(Kind.OVERTIME, ((key, window),)) for window in self.stretches(gap)]
        together = [(key, self.stretches(found[0])) for key, found in gaps.items() if found]
        if len(together) > 1:
            for_all = max(len(windows) for _, windows in together)
            yield [
                Action(Kind.OVERTIME, tuple((key, windows[min(i, len(windows) - 1)]) for key, windows in together))
                for i in range(for_all)
            ]

    def closed(self, line: Line) -> list[tuple[int, int]]:
        """Closed times of a line that can still be used, the last one before the order's need of it first.

        Where something pinned or frozen pauses nothing is changed: it could not stay as it is.
        """
        begin = max(self.problem.now, self.order.release)
        needed = max(link.end for link in self.chain.links if link.line == line.id)
        windows = merged(line)
        gaps = [(end, start) for (_, end), (start, _) in pairwise(windows)]
        if windows[0][0] > begin:
            gaps.insert(0, (begin, windows[0][0]))
        standing = [
            place for fixing, place in self.problem.fixed.values() if place.line == line.id and fixing not in FACTS
        ]
        usable = [
            (max(start, begin), end)
            for start, end in gaps
            if end > begin and start < needed and not any(p.start < end and start < p.end for p in standing)
        ]
        return [(start, end) for start, end in reversed(usable) if end - start > line.longest_break]

    def stretches(self, gap: tuple[int, int]) -> list[Window]:
        """Overtime of 1, 2, 4 and 8 hours: after the shift, or before the next one if it is already under way."""
        start, end = gap
        spans = dict.fromkeys(min(hours * 3600, end - start) for hours in HOURS)
        if start <= self.problem.now:
            return [Window(Second(end - span), Second(end)) for span in spans]
        return [Window(Second(start), Second(start + span)) for span in spans]

    def rivals(self) -> Iterator[Sequence[Action]]:
        """Those that are in the way for longest give up their promise: each alone, then all of them."""
        seconds: dict[WorkOrderId, int] = {}
        for link in self.chain.links:
            if link.reason in RIVALS:
                for name in {self.home[key] for key in link.others} - {self.order.id}:
                    seconds[name] = seconds.get(name, 0) + link.seconds
        promised = {order.id for order in self.problem.orders if order.promise is not None}
        names = [name for name in sorted(seconds, key=lambda name: -seconds[name]) if name in promised][:3]
        for name in names:
            yield [Action(Kind.PRECEDENCE, orders=(name,))]
        if len(names) > 1:
            yield [Action(Kind.PRECEDENCE, orders=tuple(names))]

    # --- one attempt --------------------------------------------------------------------------------------------------

    def attempt(self, action: Action, place: Alternative | None = None, *, wide: bool) -> Remedy | None:
        """What comes of an action with only this order moving, or (`wide`) with its neighbours if need be."""
        base = place.problem if place is not None else self.problem
        changed = _changed(base, action, self.order)
        asked = _asked(changed, action, self.order.id, self.target)
        present = place.schedule if place is not None else self.schedule
        objective = Objective(
            {Part.TARDINESS: 100, Part.SETUP: 10, Part.MOVED: 600}, (Part.BROKEN, Part.OVER), reference=present
        )
        try:
            start = repaired(changed, present, objective)
            if violations(changed, start):
                return None
            best = self.remedy(action, place, changed, start)
            if best.broken:
                return None
            for neighbours in (0, NEIGHBOURS) if wide else (0,):
                if best.enough or self.over():
                    break
                free = _free(asked, start, action, self.order.id, neighbours)
                stay = {key: (Fixing.FROZEN, p) for key, p in start.placements.items() if key not in free}
                narrow = replace(asked, fixed={**stay, **asked.fixed})
                found = search(
                    narrow, objective, schedule=start, seconds=self.slice(), seed=self.seed, stop=self._met(),
                    report=self._watch,
                ).schedule  # fmt: skip
                if not violations(changed, found):
                    best = min(best, self.remedy(action, place, changed, found), key=lambda r: (r.completion, r.cost))
        except (InvalidProblem, Unplaceable):
            return None
        return best

    def slice(self) -> float:
        """Seconds for one search."""
        left = self.seconds - (monotonic() - self.began)
        return max(0.1, min(left, self.seconds / SHARE))

    def _met(self) -> Callable[[], bool]:
        self.completion: Mapping[WorkOrderId, Second] = {}
        return lambda: self.over() or self.completion.get(self.order.id, self.target + 1) <= self.target

    def _watch(self, progress: Searching) -> None:
        self.completion = progress.evaluation.completion
        self.tell(self.trying)

    def remedy(
        self, action: Action, place: Alternative | None, changed: SchedulingProblem, found: Schedule
    ) -> Remedy:
        """What a judged schedule of a changed problem means for the order and for all others."""
        before, present = self.before, self.schedule
        if place is not None:
            before, present = evaluate(place.problem, place.schedule), place.schedule
        after = evaluate(changed, found)
        mine = self.order.id
        broken = {key for key, _ in after.broken_promises} - {key for key, _ in before.broken_promises} - {mine}
        later = tuple(sorted(
            (key, done - before.completion[key])
            for key, done in after.completion.items()
            if key != mine and key in before.completion and done > before.completion[key]
        ))  # fmt: skip
        moved = tuple(sorted(
            key for key, stood in present.placements.items() if has_moved(stood, found.placements.get(key))
        ))  # fmt: skip
        weights = {order.id: (order.weight, order.due) for order in changed.orders if order.id != mine}
        tardiness = sum(
            weight * (max(0, after.completion[key] - due) - max(0, before.completion[key] - due))
            for key, (weight, due) in weights.items()
            if key in after.completion and key in before.completion
        )
        others = sum(1 for key in moved if self.home.get(key) != mine)
        rates = self.rates
        cost = self.price(action) + rates.moved * others + rates.promise * len(broken)
        cost += rates.tardiness * max(0, tardiness) / 3600
        completion = after.completion[mine]
        return Remedy(
            action, changed, found, completion, completion <= self.target, self.chain.completion - completion,
            tuple(sorted(broken)), later, moved, tardiness, round(cost, 2),
        )  # fmt: skip

    def price(self, action: Action) -> float:
        """What the action itself costs."""
        rates = self.rates
        match action.kind:
            case Kind.OVERTIME:
                return rates.overtime * sum(window.end - window.start for _, window in action.overtime) / 3600
            case Kind.EXPEDITE:
                assert action.instead is not None
                assert action.arrival is not None
                return rates.expedite * (action.instead - action.arrival) / 86_400
            case Kind.UNPIN:
                return rates.unpin * len(action.operations)
            case Kind.ELSEWHERE:
                return rates.elsewhere
            case Kind.MOVE | Kind.PRECEDENCE:
                return 0.0


def _changed(problem: SchedulingProblem, action: Action, order: WorkOrder) -> SchedulingProblem:
    """The problem after the action."""
    match action.kind:
        case Kind.OVERTIME:
            more = dict(action.overtime)
            return replace(problem, lines=tuple(_longer(line, more.get(line.id)) for line in problem.lines))
        case Kind.EXPEDITE:
            return replace(problem, materials=tuple(_sooner(material, action) for material in problem.materials))
        case Kind.UNPIN:
            fixed = {key: value for key, value in problem.fixed.items() if key not in action.operations}
            return replace(problem, fixed=fixed)
        case Kind.ELSEWHERE:
            assert action.alternative is not None
            gone = {operation.id for operation in order.operations}
            others = tuple(other for other in problem.orders if other.id != order.id)
            fixed = {key: value for key, value in problem.fixed.items() if key not in gone}
            return replace(problem, orders=(*others, action.alternative), fixed=fixed)
        case Kind.MOVE | Kind.PRECEDENCE:
            return problem


def _longer(line: Line, window: Window | None) -> Line:
    if window is None:
        return line
    return replace(line, windows=tuple(sorted((*line.windows, window), key=lambda one: one.start)))


def _sooner(material: Material, action: Action) -> Material:
    if material.id != action.material or action.arrival is None:
        return material
    moved = tuple((action.arrival if at == action.instead else at, much) for at, much in material.arrivals)
    return replace(material, arrivals=tuple(sorted(moved)))


def _asked(problem: SchedulingProblem, action: Action, order: WorkOrderId, target: Second) -> SchedulingProblem:
    """The same problem as the search shall see it: the order is promised for the wanted instant and comes first."""

    def seen(other: WorkOrder) -> WorkOrder:
        if other.id == order:
            return replace(other, promise=target, due=min(other.due, target), weight=max(1, other.weight) * FIRST)
        return replace(other, promise=None) if other.id in action.orders else other

    return replace(problem, orders=tuple(seen(other) for other in problem.orders))


def _free(
    problem: SchedulingProblem, schedule: Schedule, action: Action, order: WorkOrderId, neighbours: int
) -> Collection[OperationId]:
    """The operations that may move: the order's, what was unpinned, and whole orders near it on its lines."""
    free: set[OperationId] = set(action.operations)
    mine = next(other for other in problem.orders if other.id == order)
    free |= {operation.id for operation in mine.operations}
    if not neighbours:
        return free
    lines = {mode.line for operation in mine.operations for mode in operation.modes}
    around: dict[LineId, list[int]] = {line: [] for line in lines}
    for operation in mine.operations:
        if operation.id in schedule.placements:
            for mode in operation.modes:
                around[mode.line].append(schedule.placements[operation.id].start)
    end = max(schedule.placements[key].end for key in free if key in schedule.placements)

    def distance(other: WorkOrder) -> float:
        standing = [schedule.placements[o.id] for o in other.operations if o.id in schedule.placements]
        near = [
            abs(place.start - start)
            for place in standing if place.line in lines and problem.now <= place.start < end
            for start in around[place.line]
        ]  # fmt: skip
        return min(near, default=float("inf"))

    given_up = set(action.orders)
    ranked: Iterable[tuple[bool, float, WorkOrder]] = (
        (other.id not in given_up, distance(other), other) for other in problem.orders if other.id != order
    )
    for _, far, other in sorted(ranked, key=lambda row: row[:2]):
        movable = {o.id for o in other.operations if o.id not in problem.fixed}
        if far == float("inf") or len(free) + len(movable) > neighbours:
            continue
        free |= movable
    return free
