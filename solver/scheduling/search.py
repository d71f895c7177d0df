"""Better schedules, any time: first the sequences are annealed (`anneal`), then ruin and recreate through the gaps.

A move lifts a few orders (late ones and what stands in their way, neighbours on a line with setups, or any) and puts
them back one after the other, each as early as it can. Materials, calendars, setups and fixed operations are the
book's business, so every state on the way is a schedule that keeps the rules.
Source: Schrimpf et al., Record breaking optimization results using the ruin and recreate principle (2000).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import log
from random import Random
from time import monotonic

from solver.scheduling.anneal import resequenced
from solver.scheduling.arrays import beyond_kernels
from solver.scheduling.book import Book, HorizonTooShort, NoRoom, State
from solver.scheduling.check import Violation, violations
from solver.scheduling.dispatch import Unplaceable, dispatch
from solver.scheduling.problem import (
    InvalidProblem,
    LineId,
    OperationId,
    Placement,
    SchedulingProblem,
    WorkOrder,
    WorkOrderId,
)
from solver.scheduling.schedule import Part, Schedule, evaluate

BROKEN = 10_000_000  # what one broken promise costs, in weighted seconds of tardiness
OVER = 20  # and every second over it
WEIGHTS = {Part.BROKEN: BROKEN, Part.OVER: OVER, Part.TARDINESS: 1, Part.SETUP: 1}  # what the annealing minimises
ANNEALED = 0.5  # the share of the time in which sequences are annealed
MOVES = 100  # so many such moves for one iteration
REPORT_SECONDS = 0.5
PATIENCE = 250  # moves without a better schedule before the order of all is tightened


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a search is: `share` of its time or moves, and the figures of the best schedule so far."""

    share: float
    seconds: float
    moves: int
    broken_promises: int
    tardiness: int
    setup_seconds: int


class UnsoundSearch(RuntimeError):
    """The judge refuses what the search found; the schedule before it stays."""


def improve(
    problem: SchedulingProblem,
    schedule: Schedule,
    *,
    seconds: float | None = None,
    iterations: int | None = None,
    seed: int = 0,
    stop: Callable[[], bool] = lambda: False,
    report: Callable[[Progress], None] = lambda progress: None,
) -> Schedule:
    """A schedule at least as good as `schedule` by `Evaluation.key`; fixed operations stay.

    A schedule that breaks rules (a line broke, a supply is late, an operation is missing) is repaired first. No promise
    that the schedule before kept is broken by a move. With `iterations` instead of `seconds` the result depends on the
    seed only. `stop` is asked before every move. A fixed operation that cannot be where it is stays there, and the
    judge names it; what comes before a fixed operation stays before it. Raises Unplaceable when there is no schedule
    within the windows, UnsoundSearch when the judge finds anything that was not wrong before, and InvalidProblem for
    what the judge knows and the search does not: ovens, resources, routes, longest waits, lines of one sequence, and
    orders that can go through several plants.
    """
    if (seconds is None) == (iterations is None):
        raise ValueError("Give either seconds or iterations.")
    if (unknown := _beyond(problem)) is not None:
        raise InvalidProblem(f"The search does not know this yet: {unknown}.")
    began = monotonic()
    sound = _sound(problem, schedule)
    annealing = _Annealing(problem, sound, seconds, iterations, report)
    start = annealing.run(seed, stop)
    search = _Search(problem, _fresher(problem, start), Random(seed))  # noqa: S311 - not for secrets
    search.moves = annealing.moves
    reported = began
    while not stop():
        now = monotonic()
        done = (search.moves - annealing.moves) / (iterations or 1)
        share = (now - began) / seconds if seconds is not None else ANNEALED + (1 - ANNEALED) * done
        if share >= 1:
            break
        if now - reported >= REPORT_SECONDS:
            reported = now
            report(search.progress(share, now - began))
        search.move(share)
    result = search.schedule()
    if evaluate(problem, result).key >= evaluate(problem, start).key:
        result = start
    if wrong := _new_faults(problem, result, sound):
        raise UnsoundSearch("; ".join(f"{v.subject}: {v.what}" for v in wrong[:5]))
    report(search.progress(1.0, monotonic() - began))
    return result


def _beyond(problem: SchedulingProblem) -> str | None:
    plants = {line.id: line.plant for line in problem.lines}
    for order in problem.orders:
        if len({plants[mode.line] for operation in order.operations for mode in operation.modes}) > 1:
            return "transport"
    return beyond_kernels(problem)


class _Annealing:
    """The first part of a search: sequences are annealed in compiled code."""

    def __init__(
        self,
        problem: SchedulingProblem,
        schedule: Schedule,
        seconds: float | None,
        iterations: int | None,
        report: Callable[[Progress], None],
    ) -> None:
        self.problem, self.schedule, self.report = problem, schedule, report
        self.seconds = seconds * ANNEALED if seconds is not None else None
        self.most = MOVES * iterations if iterations is not None else None
        self.before = evaluate(problem, schedule)
        self.moves = 0
        self.began = self.reported = monotonic()

    def run(self, seed: int, stop: Callable[[], bool]) -> Schedule:
        """The schedule annealed, if that is better, keeps the rules and breaks no promise that was kept."""
        found = resequenced(
            self.problem, self.schedule, WEIGHTS,
            seconds=self.seconds, moves=self.most, seed=seed, stop=stop, report=self._told,
        )  # fmt: skip
        after = evaluate(self.problem, found)
        anew = {key for key, _ in after.broken_promises} - {key for key, _ in self.before.broken_promises}
        if after.key >= self.before.key or anew or _new_faults(self.problem, found, self.schedule):
            return self.schedule
        return found

    def _told(self, moves: int) -> None:
        self.moves = moves
        now = monotonic()
        if now - self.reported < REPORT_SECONDS:
            return
        self.reported = now
        share = moves / self.most if self.most else (now - self.began) / (self.seconds or 1.0)
        broken, tardiness = len(self.before.broken_promises), self.before.tardiness
        self.report(
            Progress(
                ANNEALED * min(1.0, share), now - self.began, moves, broken, tardiness, self.before.setup_seconds
            )
        )


def _avoidable(problem: SchedulingProblem, schedule: Schedule) -> list[Violation]:
    """What is wrong with a schedule, but for what is fixed where it cannot be."""
    return [violation for violation in violations(problem, schedule) if violation.subject not in problem.fixed]


def _new_faults(problem: SchedulingProblem, schedule: Schedule, before: Schedule) -> list[Violation]:
    """What is wrong with a schedule, but for what is fixed where it could not be before either."""
    known = set(violations(problem, before))
    return [v for v in violations(problem, schedule) if v.subject not in problem.fixed or v not in known]


def _sound(problem: SchedulingProblem, schedule: Schedule) -> Schedule:
    """The schedule itself, or the best of three repairs.

    Lifting what is wrong and putting it back moves least; moving everything later works where a supply is late; a new
    schedule always works, if there is one.
    """
    can = {o.id: {mode.line for mode in o.modes} for order in problem.orders for o in order.operations}
    fixed = {key: placement for key, (_, placement) in problem.fixed.items()}
    known = {key: p for key, p in schedule.placements.items() if key in can and p.line in can[key]} | fixed
    if not violations(problem, Schedule(known)) and len(known) == len(can):
        return Schedule(known)
    found = [Schedule(known), *_put_back(problem, known), *_pushed(problem, known)]
    try:
        found.append(dispatch(problem))
    except Unplaceable:
        if all(_avoidable(problem, candidate) for candidate in found):
            raise
    return min(
        found, key=lambda s: (len(_avoidable(problem, s)), len(violations(problem, s)), evaluate(problem, s).key)
    )


def _fresher(problem: SchedulingProblem, start: Schedule) -> Schedule:
    """Where to search from: a new schedule, if it is less late and breaks no promise that `start` keeps."""
    present = evaluate(problem, start)
    if not present.key[2] and not present.key[0]:
        return start
    try:
        fresh = dispatch(problem)
    except Unplaceable:
        return start
    found = evaluate(problem, fresh)
    broken = {order for order, _ in found.broken_promises} - {order for order, _ in present.broken_promises}
    if broken or found.key[:3] >= present.key[:3] or _new_faults(problem, fresh, start):
        return start
    return fresh


def _put_back(problem: SchedulingProblem, known: Mapping[OperationId, Placement]) -> Iterator[Schedule]:
    """Lift the orders that break a rule or miss an operation, and put them back by promise and due date."""
    home = {o.id: order for order in problem.orders for o in order.operations}
    placements = dict(known)
    for _ in range(4):
        state = Book(problem, placements).state.fork()
        wrong: set[WorkOrderId] = set()
        for violation in violations(problem, Schedule(placements)):
            key = OperationId(violation.subject)
            if key not in home:
                return  # a material: who gives way is decided by moving later
            wrong.add(home[key].id)
            if key in problem.fixed:  # it stays, so its neighbour has to go
                slots = state.lines[placements[key].line]
                i = slots.find(key, slots.calendar.work(placements[key].start))
                wrong.update(home[name].id for name in slots.operation[max(0, i - 1) : i + 2])
        if not wrong:
            break
        for order_id in sorted(wrong & state.held.keys()):
            if loose := state.held[order_id].placements.keys() - problem.fixed.keys():
                state.lift(order_id, loose)
        orders = [order for order in problem.orders if order.id in wrong]
        for order in sorted(orders, key=lambda o: (o.promise is None, o.promise or o.due, o.id)):
            kept = {o.id: problem.fixed[o.id][1] for o in order.operations if o.id in problem.fixed}
            found = state.search(order, 0, kept)
            if isinstance(found, NoRoom):
                return
            state.put(order, {p.operation: p for p in found if p.operation not in kept})
        placements = _placements(state)
    yield Schedule(placements)


def _pushed(problem: SchedulingProblem, known: Mapping[OperationId, Placement]) -> Iterator[Schedule]:
    """Keep the order on every line and move later what breaks a rule; fixed operations then stand where they must."""
    book = Book(problem, known)
    try:
        book.repair()
    except HorizonTooShort:
        return
    fixed = {key: placement for key, (_, placement) in problem.fixed.items()}
    pushed = {**book.placements, **fixed}
    if len(pushed) == len(known):
        yield Schedule(pushed)


def _placements(state: State) -> dict[OperationId, Placement]:
    return {key: p for held in state.held.values() for key, p in held.placements.items()}


@dataclass(frozen=True, slots=True)
class _Cost:
    """What one order adds: whether its promise is broken, seconds over it, weighted tardiness."""

    broken: int
    over: int
    tardiness: int

    @property
    def value(self) -> int:
        return self.broken * BROKEN + self.over * OVER + self.tardiness


class _Search:
    def __init__(self, problem: SchedulingProblem, schedule: Schedule, random: Random) -> None:
        self.random = random
        self.moves = 0
        self.orders: dict[WorkOrderId, WorkOrder] = {order.id: order for order in problem.orders}
        self.home = {o.id: order.id for order in problem.orders for o in order.operations}
        self.free: dict[WorkOrderId, frozenset[OperationId]] = {
            order.id: frozenset(o.id for o in order.operations if o.id not in problem.fixed) for order in problem.orders
        }
        self.kept: dict[WorkOrderId, dict[OperationId, Placement]] = {
            order.id: {o.id: problem.fixed[o.id][1] for o in order.operations if o.id in problem.fixed}
            for order in problem.orders
        }
        self.movable = [order.id for order in problem.orders if self.free[order.id]]
        self.state = Book(problem, schedule.placements).state.fork()
        self.cost = {key: self._cost_of(key, self.state) for key in self.orders}
        self.protected = {key for key, cost in self.cost.items() if not cost.broken}
        self.too_late = {key: self._too_late(key, self.state.held[key].placements.values()) for key in self.movable}
        self.with_setups = [line.id for line in problem.lines if self.state.lines[line.id].setups]
        measured = {line: _setups(self.state, line) for line in self.with_setups}
        self.setup = {line: seconds for line, (seconds, _) in measured.items()}
        self.tight = {line: tight for line, (_, tight) in measured.items()}
        self.best, self.best_key = self.state.fork(), self._key(self.cost, self.setup)
        self.unit = max(60.0, sum(c.tardiness for c in self.cost.values()) / max(1, len(self.cost)) / 4)
        self.since_better = 0

    # --- figures ----------------------------------------------------------------------------------------------------

    def _cost_of(self, key: WorkOrderId, state: State) -> _Cost:
        return self._cost(self.orders[key], state.held[key].placements.values())

    @staticmethod
    def _cost(order: WorkOrder, placements: Collection[Placement]) -> _Cost:
        done = max(placement.end for placement in placements)
        over = max(0, done - order.promise) if order.promise is not None else 0
        return _Cost(int(over > 0), over, order.weight * max(0, done - order.due))

    def _too_late(self, key: WorkOrderId, placements: Collection[Placement]) -> int:
        """How many operations end too late for a fixed one after them."""
        ends = {placement.operation: placement.end for placement in placements}
        return sum(
            ends[before.operation] + before.minimum_wait > self.kept[key][operation.id].start
            for operation in self.orders[key].operations
            if operation.id in self.kept[key]
            for before in operation.predecessors
        )

    @staticmethod
    def _key(cost: Mapping[WorkOrderId, _Cost], setup: Mapping[LineId, int]) -> tuple[int, int, int, int]:
        costs = cost.values()
        return (
            sum(c.broken for c in costs),
            sum(c.over for c in costs),
            sum(c.tardiness for c in costs),
            sum(setup.values()),
        )

    def schedule(self) -> Schedule:
        """The best schedule so far."""
        return Schedule(_placements(self.best))

    def progress(self, share: float, seconds: float) -> Progress:
        broken, _, tardiness, setups = self.best_key
        return Progress(min(1.0, share), seconds, self.moves, broken, tardiness, setups)

    # --- moves ------------------------------------------------------------------------------------------------------

    def move(self, share: float) -> None:
        """One ruin and recreate, accepted or not; now and then everything is tightened."""
        self.moves += 1
        self.since_better += 1
        if not self.movable:
            return
        if self.since_better % PATIENCE == 0:
            self._tighten()
            return
        ruined = self._ruin()
        heat = self.unit * (1 - share) ** 2
        limit = -heat * log(1 - self.random.random())  # Metropolis: the loss that this draw accepts
        self._recreate(self._sequence(ruined), limit)

    def _ruin(self) -> list[WorkOrderId]:
        random = self.random
        late = [key for key in self.movable if self.cost[key].value]
        draw = random.random()
        size = random.randint(2, 8)
        if late and draw < 0.6:
            return self._in_the_way(random.choice(late), size)
        if self.with_setups and draw < 0.85:
            return self._neighbours(random.choice(self.with_setups), size)
        return random.sample(self.movable, min(size, len(self.movable)))

    def _in_the_way(self, late: WorkOrderId, size: int) -> list[WorkOrderId]:
        """A late order, and orders that stand before its operations on their lines."""
        chosen = {late}
        placements = list(self.state.held[late].placements.values())
        for _ in range(4 * size):
            placement = self.random.choice(placements)
            slots = self.state.lines[placement.line]
            i = slots.find(placement.operation, slots.calendar.work(placement.start))
            j = i - int(self.random.expovariate(1 / (2 * size))) - 1
            if j >= 0 and self.free[self.home[slots.operation[j]]]:
                chosen.add(self.home[slots.operation[j]])
            if len(chosen) >= size:
                break
        return sorted(chosen)

    def _neighbours(self, line: LineId, size: int) -> list[WorkOrderId]:
        """Orders that follow each other on a line."""
        operations = self.state.lines[line].operation
        if not operations:
            return self.random.sample(self.movable, min(size, len(self.movable)))
        first = self.random.randrange(len(operations))
        orders = {self.home[operation] for operation in operations[first : first + size]}
        return sorted(order for order in orders if self.free[order])

    def _sequence(self, ruined: list[WorkOrderId]) -> list[WorkOrderId]:
        """The order in which the lifted ones come back."""
        random, orders = self.random, self.orders
        random.shuffle(ruined)
        match random.randrange(4):
            case 0:
                ruined.sort(key=lambda key: orders[key].due)
            case 1:
                ruined.sort(key=lambda key: -self.cost[key].value)
            case 2:
                ruined.sort(key=self._family)
        return ruined

    def _family(self, key: WorkOrderId) -> str:
        for operation in self.orders[key].operations:
            if operation.family is not None:
                return operation.family
        return ""

    def _recreate(self, sequence: Sequence[WorkOrderId], limit: float) -> bool:
        """Lift the orders and put them back in this order; keep the result when it costs at most `limit` more."""
        state = self.state.fork()
        allowed = limit + sum(self.cost[key].value for key in sequence)
        lines = {p.line for key in sequence for p in state.held[key].placements.values()}
        for key in sequence:
            state.lift(key, self.free[key])
        costs: dict[WorkOrderId, _Cost] = {}
        spent = 0
        for key in sequence:
            order = self.orders[key]
            found = state.search(order, 0, self.kept[key])
            if isinstance(found, NoRoom):
                return False
            costs[key] = cost = self._cost(order, found)
            spent += cost.value
            if spent > allowed or (cost.broken and key in self.protected):
                return False
            if self.kept[key] and self._too_late(key, found) > self.too_late[key]:
                return False
            state.put(order, {p.operation: p for p in found if p.operation in self.free[key]})
            lines.update(p.line for p in found)
        setup = dict(self.setup)
        for line in self.with_setups:
            if line in lines:
                setup[line], tight = _setups(state, line)
                if tight > self.tight[line]:
                    return False
        gain = sum(setup.values()) - sum(self.setup.values())
        if spent + gain > allowed:
            return False
        self.state, self.setup = state, setup
        self.cost = {**self.cost, **costs}
        key_now = self._key(self.cost, setup)
        if key_now < self.best_key:
            self.best, self.best_key, self.since_better = state.fork(), key_now, 0
        return True

    def _tighten(self) -> None:
        """Put every order back once, alone, in the order of completion: what others left free is used."""
        done = {key: max(p.end for p in self.state.held[key].placements.values()) for key in self.movable}
        for key in sorted(self.movable, key=lambda key: (done[key], key)):
            self._recreate([key], 0.0)


def _setups(state: State, line: LineId) -> tuple[int, int]:
    """Working seconds of setup on a line, and how many neighbours are too close for theirs.

    Lifting can bring such a pair together when a setup is longer than all that stood between; pins can be one.
    """
    slots = state.lines[line]
    total, tight, before, finish = 0, 0, slots.initial, 0
    for begin, end, family, operation in zip(slots.begin, slots.finish, slots.family, slots.operation, strict=True):
        seconds = slots.setup(before, family)
        if begin - finish < seconds and not state.is_fact(operation):
            tight += 1
        total += seconds
        before, finish = family, end
    return total, tight
