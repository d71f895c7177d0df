"""Better schedules, any time: one loop for every problem and every objective.

A first schedule (given, repaired or dispatched) is made better by local search in compiled code; small problems and, at
the end, the neighbourhoods of what is dear go to CP-SAT; what moved for nothing is put back. Whatever is found is
judged, and counts only if it is better and breaks no promise that was kept.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from random import Random
from threading import Event, Thread
from time import monotonic
from typing import Any

import numpy as np

from solver.cp import Limits, Stop
from solver.scheduling import exact
from solver.scheduling.anneal import PARTS, Untimed, annealed, reference_columns, weights_of
from solver.scheduling.arrays import ORDER_DUE, Arrays, Words, arrays_of, earliest_of
from solver.scheduling.bound import Bound, bounds
from solver.scheduling.campaigns import campaigns, cost_of, has_families
from solver.scheduling.check import violations
from solver.scheduling.conveyor import conveyed
from solver.scheduling.dispatch import Unplaceable, dispatch, fixed_columns
from solver.scheduling.encode import Index
from solver.scheduling.impossible import Cause, faults
from solver.scheduling.movement import held_back
from solver.scheduling.problem import InvalidProblem, OperationId, SchedulingProblem, WorkOrderId
from solver.scheduling.repair import repaired
from solver.scheduling.schedule import PROMISES_FIRST, Evaluation, Objective, Part, Schedule, evaluate
from solver.scheduling.tabu import knows, tabu

BROKEN = 10_000_000  # for the local search one broken promise weighs so many seconds of the dearest weighted part
OVER = 20  # and every second over it so many
WHOLE = 60  # up to so many free operations CP-SAT gets the whole problem
MANY = 2_000  # of more operations CP-SAT's windows are too small a share to gain what local search gains meanwhile
WHOLE_PLAIN = 400  # if nothing but the makespan counts
SECONDS_AN_OPERATION = 0.01  # of local search before that
WINDOW = 24  # operations that CP-SAT moves at once
WINDOW_EFFORT = 0.5  # deterministic seconds for one window
MOVES_OF_A_WINDOW = 20_000  # what a window counts under a limit of moves
LAYING = 0.15  # the share of the time up to which campaigns are laid in other ways
REPORT_SECONDS = 0.5
LAST, LEAST_LAST = 0.98, 0.8  # shares of the time: the search ends at the latest, its local search at the soonest
OFFERS = 1.2  # times as long as judging the first schedule took are kept for what comes of it
ROUNDS = 4  # of the local search, between which the cores take over each other's best


class Phase(StrEnum):
    """What a search is doing."""

    FIRST = "first"  # a first schedule that keeps the rules
    SEQUENCES = "sequences"  # local search
    WHOLE = "whole"  # CP-SAT on all of it
    WINDOWS = "windows"  # CP-SAT on neighbourhoods
    MOVEMENT = "movement"  # putting back what moved for nothing


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a search is: `share` of its time or moves, and the figures of the best schedule so far."""

    phase: Phase
    share: float
    seconds: float
    moves: int
    evaluation: Evaluation
    bound: Bound | None = None

    @property
    def moves_per_second(self) -> float:
        """Of local search."""
        return self.moves / self.seconds if self.seconds else 0.0


@dataclass(frozen=True, slots=True)
class Result:
    """A judged schedule. `bound`: no schedule is better than that; `proved`: none is better than this one."""

    schedule: Schedule
    evaluation: Evaluation
    value: tuple[int, ...]
    bound: Bound
    proved: bool
    moves: int
    seconds: float

    def gap(self, part: Part) -> float:
        """How much of a part may be too much, as a share of what it is: 0 is proved to be the least."""
        found = self.evaluation.part(part)
        return (found - self.bound.parts.get(part, 0)) / found if found else 0.0


class UnsoundSearch(RuntimeError):
    """The judge refuses what the search found; the schedule before it stays."""


def search(
    problem: SchedulingProblem,
    objective: Objective = PROMISES_FIRST,
    *,
    schedule: Schedule | None = None,
    seconds: float | None = None,
    moves: int | None = None,
    seed: int = 0,
    cores: int = 1,
    cp_sat: bool = True,
    stop: Callable[[], bool] = lambda: False,
    report: Callable[[Progress], None] = lambda progress: None,
) -> Result:
    """The best schedule by `objective` that the time allows, from `schedule` on or from nothing; fixed operations stay.

    A `schedule` that breaks rules (a line broke, a supply is late, an operation is missing) is repaired first; no
    promise that the repaired one keeps is broken afterwards. To go on later, give the result's schedule. Without
    `cp_sat` only local search takes part. With `moves` instead of `seconds` the result depends on the seed only. `stop`
    ends it at any moment with the best so far. A fixed operation that cannot be where it is stays there, and the judge
    names it. Raises InvalidProblem with the names of what no schedule can make, Unplaceable when none is found within
    the windows, and UnsoundSearch when the judge finds anything that was not wrong before.
    """
    if (seconds is None) == (moves is None):
        raise ValueError("Give either seconds or moves.")
    clock = _Clock(seconds, moves, stop)
    arrays = cache(lambda: arrays_of(problem))
    with _uncollected():
        found = faults(problem, arrays)
        if hopeless := [fault for fault in found if schedule is None or fault.code is not Cause.PIN]:
            raise InvalidProblem(" ".join(fault.words for fault in hopeless[:3]))
        run = _Run(problem, arrays(), objective, schedule, clock, Random(seed), cores, report)  # noqa: S311 - no secrets
    run.all_phases(cp_sat)
    run.report(over=True)
    return run.result()


class _Clock:
    """The one limit of a search, of time or of moves."""

    def __init__(self, seconds: float | None, moves: int | None, stop: Callable[[], bool]) -> None:
        self.limit, self.most, self.stop = seconds, moves, stop
        self.began, self.moves = monotonic(), 0
        self.stopped = False

    @property
    def seconds(self) -> float:
        return monotonic() - self.began

    @property
    def share(self) -> float:
        if self.limit is not None:
            return min(1.0, self.seconds / self.limit) if self.limit > 0 else 1.0
        return min(1.0, self.moves / self.most) if self.most else 1.0

    def over(self, share: float = 1.0) -> bool:
        """Whether so much of it is used up, or somebody wants it to end."""
        self.stopped = self.stopped or self.stop()
        return self.stopped or self.share >= share

    def early(self, share: float, seconds: float) -> float:
        """This share, or the one that comes after so many more seconds if that is sooner."""
        if not self.limit:
            return share
        return min(share, self.share + seconds / self.limit)

    def leaving(self, seconds: float) -> float:
        """The share after which so many seconds are left: at most `LAST`, but no less than `LEAST_LAST`."""
        if not self.limit:
            return LAST
        return max(LEAST_LAST, LAST - seconds / self.limit)

    def until(self, share: float) -> tuple[float | None, int | None]:
        """Seconds or moves that are left until so much is used up."""
        if self.limit is not None:
            return max(0.0, share * self.limit - self.seconds), None
        return None, max(0, int(share * (self.most or 0)) - self.moves)


class _Run:
    def __init__(
        self,
        problem: SchedulingProblem,
        arrays: Arrays,
        objective: Objective,
        schedule: Schedule | None,
        clock: _Clock,
        random: Random,
        cores: int,
        report: Callable[[Progress], None],
    ) -> None:
        self.problem, self.objective, self.clock, self.random, self.cores = problem, objective, clock, random, cores
        self.told = report
        self.reported = clock.began
        self.phase = Phase.FIRST
        self.laid = False  # whether campaigns were tried
        self.free = [o.id for order in problem.orders for o in order.operations if o.id not in problem.fixed]
        self.given = schedule is not None
        self.plain = objective.parts == (Part.MAKESPAN,)
        self.arrays = arrays
        if schedule is None:
            self.best = dispatch(problem, objective, self.arrays)
            judged = monotonic()
            self.known = frozenset(violations(problem, self.best))
        else:
            judged = monotonic()
            self.best, wrong = repaired(problem, schedule, objective)
            self.known = frozenset(wrong)
        self.evaluation = evaluate(problem, self.best, objective.reference)
        self.judging = monotonic() - judged  # seconds, about as long as an offer takes
        self.value = objective.value(self.evaluation)
        self.broken = {key for key, _ in self.evaluation.broken_promises}
        self.least: Bound | None = None
        self.report(force=True)

    # --- what is known ------------------------------------------------------------------------------------------------

    def result(self) -> Result:
        """The best schedule, how good it is, and how good it could be at best."""
        least = self.least or bounds(self.problem, self.objective, self.arrays)
        clock = self.clock
        return Result(
            self.best, self.evaluation, self.value, least, self.value == least.value, clock.moves, clock.seconds
        )

    def report(self, *, force: bool = False, over: bool = False) -> None:
        now = monotonic()
        if force or over or now - self.reported >= REPORT_SECONDS:
            self.reported = now
            clock = self.clock
            share = 1.0 if over else clock.share
            self.told(Progress(self.phase, share, clock.seconds, clock.moves, self.evaluation, self.least))

    def offer(self, schedule: Schedule) -> bool:
        """Take a schedule if it is better, breaks no promise that is kept, and the judge has nothing new to say."""
        found = evaluate(self.problem, schedule, self.objective.reference)
        value = self.objective.value(found)
        if value >= self.value or {key for key, _ in found.broken_promises} - self.broken:
            return False
        wrong = set(violations(self.problem, schedule)) - self.known
        if any(v.subject not in self.problem.fixed for v in wrong):
            raise UnsoundSearch("; ".join(sorted(f"{v.subject}: {v.what}" for v in wrong)[:5]))
        if wrong:  # what is fixed would be disturbed by what comes before it
            return False
        self.best, self.evaluation, self.value = schedule, found, value
        return True

    def offer_still(self, schedule: Schedule) -> None:
        """Take a schedule in which nothing has moved that need not, where movement counts."""
        counts = Part.MOVED in self.objective.parts
        with _uncollected():
            self.offer(held_back(self.problem, schedule, self.objective) if counts else schedule)

    def ideal(self) -> bool:
        """Whether nothing can be better any more."""
        return self.least is not None and self.value == self.least.value

    # --- phases -------------------------------------------------------------------------------------------------------

    def all_phases(self, cp_sat: bool) -> None:
        """One after the other until the time is over or the best is proved to be the best."""
        if not self.free:
            return
        if not self.clock.over(0.9):
            with _uncollected():
                self.least = bounds(self.problem, self.objective, self.arrays)
        if self.given and not self.ideal():
            self.anew()
        small = cp_sat and len(self.free) <= (WHOLE_PLAIN if self.plain else WHOLE)
        early = self.clock.early(0.3, SECONDS_AN_OPERATION * len(self.free))
        windows = cp_sat and len(self.free) <= MANY
        self.sequences(early if small else 0.85 if windows else self.clock.leaving(OFFERS * self.judging))
        if small:
            self.whole(0.7)
            self.sequences(0.85)
        if windows or (cp_sat and not self.clock.over(0.5)):  # or local search came to no schedule
            self.windows(LAST)
        self.movement()

    def anew(self) -> None:
        """A new first schedule may be better than the one that was given."""
        try:
            fresh = dispatch(self.problem, self.objective, self.arrays)
        except Unplaceable:
            return
        self.offer_still(fresh)

    def sequences(self, until: float) -> None:
        """Local search, on as many cores as there are."""
        weights = kernel_weights(self.objective)
        if weights is None:
            return
        self.phase = Phase.SEQUENCES
        rounds = ROUNDS if self.cores > 1 else 1
        began = self.clock.share
        for i in range(1, rounds + 1):
            end = began + (until - began) * i / rounds
            if self.ideal() or self.clock.over(end):
                return
            for made, schedule in self._side_by_side(weights, end):
                self.clock.moves += made
                if schedule is not None:
                    self.offer_still(schedule)
            self.report(force=True)

    def _side_by_side(self, weights: Mapping[Part, int], until: float) -> list[tuple[int, Schedule | None]]:
        arrays = self.arrays
        if self.problem.materials:  # reserved in the sequence of the best schedule
            starts = {key: placement.start for key, placement in self.best.placements.items()}
            arrays = arrays.with_earliest(earliest_of(self.problem, starts))
        if self.least is not None:  # what nobody can help costs the same whatever is done: it leads nowhere
            due = arrays.column(ORDER_DUE, len(self.problem.orders))
            arrays = arrays.with_due(np.maximum(due, self.least.completion))
        seeds = [self.random.randrange(1 << 30) for _ in range(self.cores)]
        columns = self._beginning(arrays, seeds[0])

        def run(core: int) -> tuple[int, Schedule | None]:
            return self._searched(arrays, columns, weights, seeds[core], until, first=core == 0)

        if self.cores == 1:
            return [run(0)]
        with ThreadPoolExecutor(self.cores) as pool:
            return list(pool.map(run, range(self.cores)))

    def _beginning(self, arrays: Arrays, seed: int) -> tuple[Words, Words, Words]:
        """What local search begins with: the best schedule or, the first time, campaigns with more room to improve."""
        columns = arrays.columns(self.best)
        if self.laid or not self.plain or self.problem.same_sequence or not has_families(arrays):
            return columns
        self.laid = True
        laid = campaigns(arrays, fixed_columns(arrays), seed=seed, stop=lambda: self.clock.over(LAYING))
        if laid is None or laid.cost >= cost_of(arrays, columns):
            return columns
        return columns if self.given and laid.makespan > self.evaluation.makespan else laid.columns

    def _searched(
        self, arrays: Arrays, columns: tuple[Words, Words, Words], weights: Mapping[Part, int], seed: int,
        until: float, *, first: bool,
    ) -> tuple[int, Schedule | None]:  # fmt: skip
        """How many moves were made, and what came of them; only the first of several speaks."""
        seconds, moves = self.clock.until(until)
        if moves == 0:
            return 0, None
        so_far = self.clock.moves

        def tell(made: int, _cost: int = 0) -> None:
            if first:
                self.clock.moves = so_far + made
                self.report()

        limits: dict[str, Any] = {"seconds": seconds, "moves": moves, "seed": seed, "report": tell}
        limits["stop"] = lambda: self.clock.over(until)
        try:
            if self.problem.same_sequence:
                in_one = conveyed(arrays, columns, fixed_columns(arrays), weights, **limits)
                if in_one is None or self._disturbs(arrays.schedule(in_one.mode, in_one.start, in_one.end)):
                    return 0, None
                found = in_one
            elif self.plain and knows(arrays):
                bound = self.least.parts[Part.MAKESPAN] if self.least is not None else 0
                found = tabu(arrays, columns, bound=bound, **limits)
            else:
                reference = self.objective.reference
                before = reference_columns(arrays, reference) if reference is not None else None
                found = annealed(arrays, columns, weights_of(weights), reference=before, **limits)
        except Untimed:  # facts that overlap
            return 0, None
        finally:
            if first:
                self.clock.moves = so_far
        with _uncollected():
            return found.moves, arrays.schedule(found.mode, found.start, found.end)

    def _disturbs(self, schedule: Schedule) -> bool:
        """Whether a schedule of orders in one sequence cannot be because of what is fixed."""
        fixed = self.problem.fixed
        return bool(fixed) and any(v.subject not in fixed for v in violations(self.problem, schedule))

    def whole(self, until: float) -> None:
        """CP-SAT on the whole problem, from the best schedule on; it may end with a proof."""
        if self.ideal() or self.clock.over(until):
            return
        self.phase = Phase.WHOLE
        seconds, moves = self.clock.until(until)
        effort = None if moves is None else WINDOW_EFFORT * moves / MOVES_OF_A_WINDOW
        limits = Limits(
            seconds=3600.0 if seconds is None else seconds, effort=effort, seed=self.random.randrange(1 << 20),
            workers=self.cores,
        )  # fmt: skip
        with _watching(self.clock) as asked:
            solved = exact.solve(self.problem, self.objective, limits, hint=self.best, stop=asked)
        if moves is not None:
            self.clock.moves += moves
        if solved.schedule is not None:
            self.offer(solved.schedule)
        if self.least is not None and solved.bound > self.least.value:
            self.least = self.least.raised(self.objective, solved.bound, "CP-SAT")
        self.report(force=True)

    def windows(self, until: float) -> None:
        """CP-SAT on what stands around the dearest operations, again and again."""
        if self.ideal() or self.clock.over(until):
            return
        self.phase = Phase.WINDOWS
        index = Index.of(self.problem)
        with _watching(self.clock) as asked:
            for chosen in _neighbourhoods(self.problem, self, self.random):
                if self.ideal() or self.clock.over(until):
                    return
                seconds, _ = self.clock.until(until)
                limits = Limits(
                    seconds=60.0 if seconds is None else max(0.01, seconds), effort=WINDOW_EFFORT,
                    seed=self.random.randrange(1 << 20), workers=self.cores,
                )  # fmt: skip
                solved = exact.improve(
                    self.problem, self.objective, self.best, chosen, limits, index=index, stop=asked, judged=False
                )
                self.clock.moves += MOVES_OF_A_WINDOW if self.clock.most is not None else 1
                if solved.schedule is not None:
                    self.offer(solved.schedule)
                self.report()

    def movement(self) -> None:
        """Put back what moved for nothing."""
        if Part.MOVED in self.objective.parts:
            self.phase = Phase.MOVEMENT
            self.offer_still(self.best)
            self.report(force=True)


def kernel_weights(objective: Objective) -> Mapping[Part, int] | None:
    """What the local search minimises: parts that are compared first weigh more than those after; None for nothing."""
    dearest = max([1, *objective.weights.values()])
    weights = {part: weight for part, weight in objective.weights.items() if part in PARTS and weight}
    for part in objective.lexicographic:
        if part in PARTS:
            weights[part] = weights.get(part, 0) + dearest * (BROKEN if part is Part.BROKEN else OVER)
    if weights.keys() & {Part.BROKEN, Part.OVER, Part.TARDINESS}:
        weights.pop(Part.MAKESPAN, None)  # it only breaks ties then, and looking for it would lead away from the dates
    return weights or None


@contextmanager
def _uncollected() -> Iterator[None]:
    """Many small things that stay are made now: the collector need not walk through a large problem for them."""
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


@contextmanager
def _watching(clock: _Clock) -> Iterator[Stop]:
    """Something that stops CP-SAT as soon as somebody wants the search to end."""
    asked, done = Stop(), Event()

    def watch() -> None:
        while not done.wait(0.05):
            if clock.stop():
                clock.stopped = True
                asked.ask()
                return

    thread = Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield asked
    finally:
        done.set()
        thread.join()


def _neighbourhoods(problem: SchedulingProblem, run: _Run, random: Random) -> Iterator[Collection[OperationId]]:
    """Operations to free together: around one of a dear order, those nearest in time on the lines it can go to."""
    orders = {order.id: order for order in problem.orders}
    lines_of = {o.id: {mode.line for mode in o.modes} for order in problem.orders for o in order.operations}
    movable = [order.id for order in problem.orders if any(o.id not in problem.fixed for o in order.operations)]
    while True:
        placed = run.best.placements
        done = run.evaluation.completion
        late = [key for key in movable if key in done and done[key] > orders[key].due]
        last = [key for key in movable if key in done and done[key] == run.evaluation.makespan]
        pool: Sequence[WorkOrderId] = movable
        if random.random() < 0.8:
            pool = (last if Part.MAKESPAN in run.objective.parts[:1] else late) or movable
        order = orders[random.choice(pool)]
        around = [o.id for o in order.operations if o.id in placed and o.id not in problem.fixed]
        if not around:
            continue
        centre = random.choice(around)
        lines = set(lines_of[centre])
        for before in around:
            if random.random() < 0.5:
                lines |= lines_of[before]
        middle = placed[centre].start
        free = (p for key, p in placed.items() if p.line in lines and key not in problem.fixed)
        near = sorted((abs(p.start - middle), p.operation) for p in free)[:WINDOW]
        yield {key for _, key in near} | {key for key in around if abs(placed[key].start - middle) <= near[-1][0]}
