"""What helps an order that is late: the least remedy of each kind, solved again, judged, and ranked by cost.

The candidates come from the order's chain (`why`). Each is a changed problem. It is first solved with only this order
moving, then, if that is not enough, with its neighbours. Of a kind that can be more or less (overtime, an earlier
delivery) the least that is enough is found by bisection.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
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
from solver.scheduling.repair import repaired, resettled
from solver.scheduling.schedule import Objective, Part, Schedule, evaluate, has_moved
from solver.scheduling.search import Progress as Searching
from solver.scheduling.search import search
from solver.scheduling.why import Chain, Link, Reason, chain, deliveries

BREAK = 3600  # closed times up to so long are breaks: people work through one only if there is nothing else
HOURS = (1, 2, 4, 8)  # of overtime
STEPS = 16  # by so many parts of the wait a delivery can come earlier
NEIGHBOURS = 50  # operations that may move with those of the order
ALONE = 0.5  # seconds for the order's own operations
PUT_BACK = 1.5  # seconds for putting back what moved for nothing
SHARE = 12  # an attempt takes at most this part of the time
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
class Delivery:
    """So much of what comes at `instead` comes at `arrival` already."""

    material: MaterialId
    quantity: int
    instead: Second
    arrival: Second


@dataclass(frozen=True, slots=True)
class Action:
    """What is to be done, of one kind; the fields that the kind does not need are empty.

    `overtime`: line and window. `orders`: whose promise is given up. `operations`: which are unpinned. `alternative`:
    the order as made elsewhere.
    """

    kind: Kind
    overtime: tuple[tuple[LineId, Window], ...] = ()
    deliveries: tuple[Delivery, ...] = ()
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
        """What is enough by cost, then what gains more than all that is cheaper, by gain."""
        enough = sorted((r for r in self.found if r.enough), key=lambda r: (r.cost, r.completion))
        rest: list[Remedy] = []
        for remedy in sorted((r for r in self.found if not r.enough), key=lambda r: (r.cost, r.completion)):
            if all(remedy.completion < other.completion for other in rest):
                rest.append(remedy)
        return (*enough, *reversed(rest))

    def keep(self, remedy: Remedy | None) -> bool:
        """Take it if it helps, without what moved for nothing; whether it is enough."""
        if remedy is None or remedy.gained <= 0:
            return False
        remedy = self.trimmed(self.put_back(remedy))
        if remedy.action.kind is Kind.PRECEDENCE and not remedy.broken:  # nobody had to give up anything
            remedy = replace(remedy, action=Action(Kind.MOVE))
        rivals = [other for other in self.found if other.action.kind is remedy.action.kind]
        if not any(self.better(other, remedy) for other in rivals):
            self.found = [other for other in self.found if other not in rivals] + [remedy]
        return remedy.enough

    def trimmed(self, remedy: Remedy) -> Remedy:
        """Without the overtime that nobody works in."""
        windows = []
        lines = {line.id: line for line in self.problem.lines}
        for key, window in remedy.action.overtime:
            inside = [
                place for place in remedy.schedule.placements.values()
                if place.line == key and place.start < window.end and window.start < place.end
            ]  # fmt: skip
            if not inside:
                continue
            early = any(shift.start == window.end for shift in lines[key].windows)  # it is before a shift
            first, last = min(place.start for place in inside), min(window.end, max(place.end for place in inside))
            used = window.end - first if early else last - window.start
            span = next((hours * 3600 for hours in HOURS if hours * 3600 >= used), used)
            if span < window.end - window.start:
                start = window.end - span if early else window.start
                window = Window(Second(start), Second(start + span))
            windows.append((key, window))
        if windows == list(remedy.action.overtime):
            return remedy
        action = Action(Kind.OVERTIME, tuple(windows)) if windows else Action(Kind.MOVE)
        changed = _changed(self.problem, action, self.order)
        return remedy if violations(changed, remedy.schedule) else self.remedy(action, None, changed, remedy.schedule)

    def put_back(self, remedy: Remedy) -> Remedy:
        """The same with as many other orders as possible where they stood; the order is not later, or still in time."""
        if remedy.action.kind is Kind.ELSEWHERE:
            return remedy
        limit, end = max(self.target, remedy.completion), monotonic() + PUT_BACK
        present = self.schedule.placements
        moved: dict[WorkOrderId, list[OperationId]] = {}
        for key in remedy.moved:
            if self.home[key] != self.order.id:
                moved.setdefault(self.home[key], []).append(key)
        groups = [sorted(moved, key=lambda name: max(present[key].start for key in moved[name]), reverse=True)]
        while groups and monotonic() < end:
            group = groups.pop(0)
            back = {key: present[key] for name in group for key in moved[name]}
            schedule = Schedule({**remedy.schedule.placements, **back})
            if not violations(remedy.problem, schedule):
                found = self.remedy(remedy.action, None, remedy.problem, schedule)
                if found.completion <= limit and set(found.broken) <= set(remedy.broken):
                    remedy = found
                    continue
            if len(group) > 1:
                half = len(group) // 2
                groups += [group[:half], group[half:]]
        return remedy

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
        return one.enough or (not other.enough and (one.completion, one.cost) < (other.completion, other.cost))

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
        """What the order needs of all deliveries that are too late for it, earlier and earlier."""
        latest = self.latest_starts()
        bound = {(link.operation, link.material) for link in self.chain.links if link.reason is Reason.MATERIAL}
        late: dict[MaterialId, Link] = {}
        for link in deliveries(self.problem, self.schedule, self.order.id):
            assert link.material is not None
            needed = link.end > latest[link.operation] or (link.operation, link.material) in bound
            if needed and (link.material not in late or link.end > late[link.material].end):
                late[link.material] = link
        if late:
            yield [self.sooner_by(late, steps) for steps in range(1, STEPS + 1)]

    def latest_starts(self) -> dict[OperationId, int]:
        """When the order's operations have to start so that it can complete in time, whatever the calendars say."""
        latest: dict[OperationId, int] = {}
        ends: dict[OperationId, int] = {}
        for operation in reversed(self.order.operations):
            least = min(mode.duration for mode in operation.modes)
            latest[operation.id] = start = ends.get(operation.id, self.target) - least
            for before in operation.predecessors:
                end = start - before.minimum_wait
                ends[before.operation] = min(end, ends.get(before.operation, end))
        return latest

    def sooner_by(self, late: Mapping[MaterialId, Link], steps: int) -> Action:
        """Every delivery earlier by so many parts of the wait for it."""
        found = []
        for material, link in late.items():
            at = link.end - (link.end - link.start) * steps // STEPS
            needs = (n.quantity for o in self.order.operations for n in o.materials if n.material == material)
            found.append(Delivery(material, sum(needs), link.end, Second(at)))
        return Action(Kind.EXPEDITE, deliveries=tuple(found))

    def overtime(self) -> Iterator[Sequence[Action]]:
        """Longer and longer in the last closed time before the need, of all lines that bind, then of each.

        Where one line is done sooner the lines after it have to be open too.
        """
        bound: dict[LineId, int] = {}
        after: dict[LineId, int] = {}
        for link in self.chain.links:
            if link.reason in LINES:
                bound[link.line] = bound.get(link.line, 0) + link.seconds
            elif bound:
                after[link.line] = 0
        lines = {line.id: line for line in self.problem.lines}
        gaps = {key: self.closed(lines[key]) for key in {**after, **bound}}
        together = [(key, self.stretches(found[0])) for key, found in gaps.items() if found]
        if len(together) > 1:
            longest = max(len(windows) for _, windows in together)
            yield [
                Action(Kind.OVERTIME, tuple((key, windows[min(i, len(windows) - 1)]) for key, windows in together))
                for i in range(longest)
            ]
        for key in sorted(bound, key=lambda key: -bound[key])[:3]:
            if gaps[key]:
                yield [Action(Kind.OVERTIME, ((key, window),)) for window in self.stretches(gaps[key][0])]

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
        nights = [gap for gap in usable if gap[1] - gap[0] > max(line.longest_break, BREAK)]
        return list(reversed(nights or usable))

    def stretches(self, gap: tuple[int, int]) -> list[Window]:
        """Overtime of 1, 2, 4 and 8 hours: after the shift, or before the next one if it is already under way."""
        start, end = gap
        spans = dict.fromkeys(min(hours * 3600, end - start) for hours in HOURS)
        if start <= max(self.problem.now, self.order.release):
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
            start, wrong = repaired(changed, present, objective)
            if wrong:
                return None
            best = self.remedy(action, place, changed, start)
            if best.broken:
                return None
            for neighbours in (0, NEIGHBOURS) if wide else (0,):
                if best.enough or self.over():
                    break
                if neighbours and action.kind is Kind.OVERTIME:
                    for lines in ({line for line, _ in action.overtime}, None):
                        pulled = None if best.enough else _pulled(changed, start, self.order, best.completion, lines)
                        if pulled is not None:
                            start = pulled
                            best = self.sooner(best, action, place, changed, pulled)
                    if best.enough:
                        break
                free = _free(asked, start, action, self.order.id, neighbours)
                stay = {key: (Fixing.FROZEN, p) for key, p in start.placements.items() if key not in free}
                found = search(
                    replace(asked, fixed={**stay, **asked.fixed}), objective, schedule=start,
                    seconds=self.slice() if neighbours else min(ALONE, self.slice()), seed=self.seed,
                    stop=self._met(), report=self._watch,
                ).schedule  # fmt: skip
                best = self.sooner(best, action, place, changed, found)
        except (InvalidProblem, Unplaceable):
            return None
        return best

    def sooner(
        self, best: Remedy, action: Action, place: Alternative | None, changed: SchedulingProblem, found: Schedule
    ) -> Remedy:
        """The better of the best and what was found, if the judge lets it pass."""
        if violations(changed, found):
            return best
        other = self.remedy(action, place, changed, found)
        if set(other.broken) - set(action.orders):
            return best
        return min(best, other, key=lambda remedy: (remedy.completion, remedy.cost))

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
                return rates.expedite * sum(each.instead - each.arrival for each in action.deliveries) / 86_400
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
            materials = tuple(_sooner(material, action.deliveries) for material in problem.materials)
            return replace(problem, materials=materials)
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


def _sooner(material: Material, deliveries: Sequence[Delivery]) -> Material:
    arrivals = list(material.arrivals)
    for each in deliveries:
        if each.material == material.id:
            arrivals = [(at, much - each.quantity * (at == each.instead)) for at, much in arrivals]
            arrivals.append((each.arrival, each.quantity))
    return replace(material, arrivals=tuple(sorted(arrivals)))


def _asked(problem: SchedulingProblem, action: Action, order: WorkOrderId, target: Second) -> SchedulingProblem:
    """The same problem as the search shall see it: the order is promised for the wanted instant and comes first."""

    def seen(other: WorkOrder) -> WorkOrder:
        if other.id == order:
            return replace(other, promise=target, due=min(other.due, target), weight=max(1, other.weight) * FIRST)
        return replace(other, promise=None) if other.id in action.orders else other

    return replace(problem, orders=tuple(seen(other) for other in problem.orders))


def _pulled(
    problem: SchedulingProblem, schedule: Schedule, order: WorkOrder, until: int, lines: Collection[LineId] | None
) -> Schedule | None:
    """The order and what starts before `until` on the lines (None: on all) as early as the sequences allow.

    None where the kernels cannot tell.
    """
    placed, mine = schedule.placements, {operation.id for operation in order.operations}
    stay = {
        key: (Fixing.FROZEN, place)
        for key, place in placed.items()
        if key not in mine and (place.start >= until or (lines is not None and place.line not in lines))
    }
    return resettled(replace(problem, fixed={**stay, **problem.fixed}), placed, {})


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
    others = (other for other in problem.orders if other.id != order)
    ranked = ((other.id not in given_up, distance(other), other) for other in others)
    for _, far, other in sorted(ranked, key=lambda row: row[:2]):
        movable = {o.id for o in other.operations if o.id not in problem.fixed}
        if far == float("inf") or len(free) + len(movable) > neighbours:
            continue
        free |= movable
    return free
