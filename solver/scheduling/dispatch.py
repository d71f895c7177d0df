"""A first schedule at once: list scheduling by apparent tardiness cost with setups; of a few settings the best."""

from __future__ import annotations

from collections.abc import Mapping
from heapq import heappop, heappush
from math import inf, log

from solver.scheduling.book import Book, State
from solver.scheduling.problem import (
    LineId,
    Operation,
    OperationId,
    Placement,
    Running,
    SchedulingProblem,
    WorkOrder,
    WorkOrderId,
)
from solver.scheduling.schedule import Schedule, evaluate

# (k1, k2): look-ahead in mean durations of an order, weight of setups in mean setups. A wide net costs little.
SETTINGS = ((0.3, 0.5), (2.0, 0.2), (8.0, 1.0))
PROMISED = 4  # how much dearer lateness is for an order whose date was promised


class Unplaceable(Exception):
    """An order cannot be made before the lines' windows end, or its material never comes."""

    def __init__(self, order: WorkOrderId, operation: OperationId) -> None:
        super().__init__(f"{order}: no room for {operation} before the windows end.")
        self.order = order
        self.operation = operation


def dispatch(problem: SchedulingProblem) -> Schedule:
    """A schedule that keeps every rule, with the fixed operations where they are; raises Unplaceable.

    Lines choose when they become free: the operation with the highest weight / duration * exp(-slack / (k1 * p)) *
    exp(-setup / (k2 * s)) of those that are ready. Source: Lee, Bhaskaran and Pinedo, A heuristic to minimize the total
    weighted tardiness with sequence-dependent setups (ATCS), IIE Transactions 29 (1997).
    """
    fixed = {key: placement for key, (_, placement) in problem.fixed.items()}
    book = Book(problem, fixed)
    best: tuple[tuple[int, ...], Schedule] | None = None
    failure: Unplaceable | None = None
    for k1, k2 in SETTINGS:
        try:
            schedule = Schedule(fixed | _Run(problem, book.copy().state, fixed, k1, k2).placements())
        except Unplaceable as nothing:
            failure = nothing
            continue
        key = evaluate(problem, schedule).key
        if best is None or key < best[0]:
            best = (key, schedule)
    if best is None:
        assert failure is not None
        raise failure
    return best[1]


class _Run:
    """One pass of one setting over all operations."""

    def __init__(
        self,
        problem: SchedulingProblem,
        state: State,
        fixed: Mapping[OperationId, Placement],
        k1: float,
        k2: float,
    ) -> None:
        self.problem, self.state = problem, state
        self.placed: dict[OperationId, Placement] = dict(fixed)
        self.home: dict[OperationId, tuple[WorkOrder, Operation]] = {}
        self.after: dict[OperationId, list[OperationId]] = {}
        self.ready: dict[LineId, dict[OperationId, int]] = {line.id: {} for line in problem.lines}
        self.pushed: dict[LineId, Placement] = {}  # placed later than the instant at which it was chosen
        self.wake: list[tuple[int, int, LineId]] = []  # instant, tie, line
        self.place_of = {line.id: i for i, line in enumerate(problem.lines)}
        # What does not change while time goes by: log(weight / duration) and the latest start that is in time.
        self.worth: dict[OperationId, float] = {}
        self.latest: dict[OperationId, float] = {}
        self._weigh()
        setups = [seconds for matrix in problem.setups for seconds in matrix.seconds.values() if seconds]
        self.per_setup = 1 / (k2 * sum(setups) / len(setups)) if setups else 0.0
        self.per_slack = 1 / (k1 * self.flow)

    def _weigh(self) -> None:
        """Latest starts: the deadline minus the shortest way from the operation to the end of its order."""
        state = self.state
        stretch = {}
        for line in self.problem.lines:
            span = line.windows[-1].end - line.windows[0].start
            stretch[line.id] = span / state.lines[line.id].calendar.total
        flows: list[float] = []
        for order in self.problem.orders:
            tail: dict[OperationId, float] = {}
            for operation in reversed(order.operations):
                least = min(mode.duration * stretch[mode.line] for mode in operation.modes)
                tail[operation.id] = way = tail.get(operation.id, 0.0) + least
                for before in operation.predecessors:
                    known = tail.get(before.operation, 0.0)
                    tail[before.operation] = max(known, way + before.minimum_wait)
            deadline = order.due if order.promise is None else min(order.due, order.promise)
            weight = order.weight * (1 if order.promise is None else PROMISED)
            for operation in order.operations:
                self.home[operation.id] = (order, operation)
                shortest = min(mode.duration for mode in operation.modes)
                self.worth[operation.id] = log(max(weight, 1e-3) / shortest)
                self.latest[operation.id] = deadline - tail[operation.id]
                for before in operation.predecessors:
                    self.after.setdefault(before.operation, []).append(operation.id)
            flows.append(max(tail.values()))
        self.flow = sum(flows) / len(flows) if flows else 1.0

    def placements(self) -> dict[OperationId, Placement]:
        """Place everything that is not fixed."""
        for key in self.home:
            self._offer(key)
        left = len(self.home) - len(self.placed)
        while left:
            if not self.wake:
                raise self._stuck()
            instant, _, line = heappop(self.wake)
            left -= self._choose(line, instant)
        return self.placed

    def _offer(self, key: OperationId) -> None:
        """Tell the lines about an operation as soon as all that it waits for is placed."""
        if key in self.placed:
            return
        order, operation = self.home[key]
        ready: int = max(order.release, self.problem.now)
        for before in operation.predecessors:
            earlier = self.placed.get(before.operation)
            if earlier is None:
                return
            ready = max(ready, earlier.end + before.minimum_wait)
        self._wait(key, operation, ready)

    def _wait(self, key: OperationId, operation: Operation, ready: int) -> None:
        for need in operation.materials:
            instant = self.state.stocks[need.material].earliest(ready, need.quantity)
            if instant is None:
                raise Unplaceable(self.home[key][0].id, key)
            ready = instant
        for mode in operation.modes:
            self.ready[mode.line][key] = ready
            heappush(self.wake, (ready, self.place_of[mode.line], mode.line))

    def _choose(self, line: LineId, instant: int) -> int:
        """Start the best operation that is ready on a free line; returns how many were placed (0 or 1)."""
        slots, offers = self.state.lines[line], self.ready[line]
        calendar = slots.calendar
        work = calendar.work(instant)
        if work >= calendar.total or not offers:
            return 0
        i = slots.last_before(work)
        if i >= 0 and slots.finish[i] > work:  # the line is busy: come back when it is free
            heappush(self.wake, (calendar.end(slots.finish[i]), self.place_of[line], line))
            return 0
        start = calendar.start(work)
        family = slots.family[i] if i >= 0 else slots.initial
        best, score = None, -inf
        for key, ready in offers.items():
            if ready > start:
                continue
            value = self.worth[key] - max(0.0, self.latest[key] - start) * self.per_slack
            if slots.setups:
                value -= slots.setup(family, self.home[key][1].family) * self.per_setup
            if value > score:
                best, score = key, value
        if best is None:
            return 0
        order, operation = self.home[best]
        for need in operation.materials:
            there = self.state.stocks[need.material].earliest(start, need.quantity)
            if there != start:  # taken by others meanwhile
                self._wait(best, operation, start)
                heappush(self.wake, (instant, self.place_of[line], line))
                return 0
        duration = next(mode.duration for mode in operation.modes if mode.line == line)
        begin = slots.earliest(work, duration, operation.family, operation.running is not Running.PAUSES)
        if begin < 0:
            del offers[best]
            if not any(best in self.ready[mode.line] for mode in operation.modes):
                raise Unplaceable(order.id, best)
            heappush(self.wake, (instant, self.place_of[line], line))
            return 0
        placement = self.state.placement(operation, line, begin, duration)
        pushed = self.pushed.pop(line, None)
        if pushed is not None and start < pushed.start < placement.start:
            heappush(self.wake, (pushed.end, self.place_of[line], line))
            return 0
        self.state.put(order, {best: placement})
        self.placed[best] = placement
        for mode in operation.modes:
            self.ready[mode.line].pop(best, None)
        if begin > work + slots.setup(family, operation.family):
            # A wall or closing time pushed it away from here: something shorter may still fit in before it.
            self.pushed[line] = placement
            heappush(self.wake, (start, self.place_of[line], line))
        else:
            heappush(self.wake, (placement.end, self.place_of[line], line))
        for name in self.after.get(best, ()):
            self._offer(name)
        return 1

    def _stuck(self) -> Unplaceable:
        key = next(key for key in self.home if key not in self.placed)
        return Unplaceable(self.home[key][0].id, key)
