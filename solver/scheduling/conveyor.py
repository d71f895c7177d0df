"""Schedules in which orders pass lines in one sequence (`same_sequence`): a sequence of orders says everything.

Orders are placed one after another, each behind those before it on every line: so none overtakes another anywhere. An
operation takes the mode in which it ends first, an order the route on which it is done first. Better sequences are
found by taking a few orders out and putting each back where it costs least (`flowshop` does it where all pass the same
lines and need no more).
Source: Nawaz, Enscore and Ham, A heuristic algorithm for the m-machine, n-job flow-shop sequencing problem (1983);
Ruiz and Stuetzle, A simple and effective iterated greedy algorithm for the permutation flowshop scheduling problem
(2007).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from time import monotonic
from typing import Any

import numpy as np

from solver.native import kernel
from solver.scheduling.anneal import Annealed
from solver.scheduling.arrays import (
    BESIDE,
    LINE_ANY_TIME,
    LINE_FAMILIES,
    LINE_FAMILY,
    LINE_PLANT,
    LINE_UNLIMITED,
    LINES,
    LONGEST,
    MODE_AT,
    MODE_FAMILY,
    MODE_LINE,
    MODE_TIME,
    NEED_AT,
    NEED_RESOURCE,
    OP_EARLIEST,
    OP_FIXED,
    OP_ORDER,
    OP_RUNNING,
    OPERATIONS,
    ORDER_AT,
    ORDER_DUE,
    ORDER_PROMISE,
    ORDER_WEIGHT,
    ORDERS,
    PLANTS,
    PRED_AT,
    PRED_MOST,
    PRED_OP,
    PRED_WAIT,
    RESOURCES,
    SUCC_AT,
    SUCC_OP,
    UNIT_AT,
    WINDOW_AT,
    WINDOW_OPENS,
    Arrays,
    Columns,
    Words,
)
from solver.scheduling.chance import below, seeded
from solver.scheduling.flowshop import PARTS, flow_shop
from solver.scheduling.problem import NEVER, RouteId, SchedulingProblem, WorkOrder
from solver.scheduling.schedule import Part
from solver.scheduling.timing import after_setup, arrival, fit, setup_of

# --- the header of x: sizes, then where each section begins ---
(
    ROUTE,  # of each operation, or -1: it is made on all
    ROUTES,  # of each order: how many it can take
    MODE, START, END,  # of each operation, as the sequence in hand has it; fixed ones stand there from the beginning
    LOW,  # of each operation: not before, so that what follows need not wait too long
    GROUPED,  # of each line: whether it belongs to a group
    SIZE,  # words of a row
    ROWS,  # the state of lines and units after so many orders of the sequence, a row for each number of them
    NOW,  # a row in hand
    TRIAL,  # another
    SEQUENCE,  # the orders
    FORMER,  # the sequence before a step
    LEAST,  # the best sequence so far
    OUT,  # what is taken out
    WEIGHTS,  # what each of PARTS costs
    HELD,  # so many orders stand at the beginning: something of them is fixed
    COST,  # of the sequence
    LEAST_COST,
    FAILED,  # an order that could not be placed
    PLAIN,  # 1: each operation has one mode and follows the one before it, on lines that never close and need no more
) = range(21)  # fmt: skip
HEADER = 21
# A row: when each line is free, its family, the last start on it; when each unit is free; then
TOTAL, MAKESPAN, SETUP, ROW_END = 0, 1, 2, 3
MOST_OUT = 4  # orders that a step takes out
PLACES = 120  # at most so many are looked at for an order
WARMTH = 0.04  # the temperature of the makespan, in mean durations,
HOTTEST, COOLING = 1.25, 50.0  # and of what every order adds to, at first: in what an order costs; over the last
REPAIRS = 400  # so often an order is timed anew because something would wait too long
TOO_MUCH = 1 << 62


@kernel("UniTuple(int64, 3)(int64[::1], int64[::1], int64, int64, int64)", into_callers=True)
def _timed(s: Any, x: Any, row: int, op: int, mode: int) -> tuple[int, int, int]:
    """Start, end and setup of an operation in a mode behind all that a row knows; (NEVER, NEVER, 0) if it cannot be."""
    line, lines = s[s[MODE_LINE] + mode], s[LINES]
    plant, ready, setup = s[s[LINE_PLANT] + line], max(s[s[OP_EARLIEST] + op], x[x[LOW] + op]), 0
    for i in range(s[s[PRED_AT] + op], s[s[PRED_AT] + op + 1]):
        before = s[s[PRED_OP] + i]
        if x[x[MODE] + before] >= 0:
            origin = s[s[LINE_PLANT] + s[s[MODE_LINE] + x[x[MODE] + before]]]
            came = x[x[END] + before] + s[s[PRED_WAIT] + i]
            if origin != plant:
                came = arrival(s, origin, plant, came)
            ready = max(ready, came)
    if not s[s[LINE_UNLIMITED] + line]:
        free = x[row + line]
        if s[s[LINE_FAMILIES] + line] > 1:
            setup = setup_of(s, line, x[row + lines + line], s[s[MODE_FAMILY] + mode])
            free = after_setup(s, line, free, setup)
        ready = max(ready, free)
    elif x[x[GROUPED] + line]:
        ready = max(ready, x[row + 2 * lines + line])
    need, last = s[s[NEED_AT] + mode], s[s[NEED_AT] + mode + 1]
    while need < last:
        resource, number = s[s[NEED_RESOURCE] + need], 0
        while need < last and s[s[NEED_RESOURCE] + need] == resource:
            need, number = need + 1, number + 1
        first, beyond = row + 3 * lines + s[s[UNIT_AT] + resource], row + 3 * lines + s[s[UNIT_AT] + resource + 1]
        soonest = NEVER
        for unit in range(first, beyond):  # the least instant at which so many are free
            count = 0
            for other in range(first, beyond):
                count += x[other] <= x[unit]
            if count >= number:
                soonest = min(soonest, x[unit])
        ready = max(ready, soonest)
    if ready >= NEVER:
        return NEVER, NEVER, 0
    start, end = fit(s, line, s[s[OP_RUNNING] + op], s[s[MODE_TIME] + mode], ready)
    return start, end, setup


@kernel("void(int64[::1], int64[::1], int64, int64, int64)", into_callers=True)
def _put(s: Any, x: Any, row: int, op: int, setup: int) -> None:
    """Put a timed operation into a row: what comes later comes behind it."""
    mode, lines = x[x[MODE] + op], s[LINES]
    line, start, end = s[s[MODE_LINE] + mode], x[x[START] + op], x[x[END] + op]
    x[row + line], x[row + lines + line] = max(x[row + line], end), s[s[MODE_FAMILY] + mode]
    x[row + 2 * lines + line] = max(x[row + 2 * lines + line], start)
    x[row + x[SIZE] - ROW_END + SETUP] += setup
    for need in range(s[s[NEED_AT] + mode], s[s[NEED_AT] + mode + 1]):
        resource, chosen = s[s[NEED_RESOURCE] + need], -1
        for unit in range(s[s[UNIT_AT] + resource], s[s[UNIT_AT] + resource + 1]):
            if chosen < 0 or x[row + 3 * lines + unit] < x[row + 3 * lines + chosen]:
                chosen = unit
        x[row + 3 * lines + chosen] = max(x[row + 3 * lines + chosen], end)


@kernel("void(int64[::1], int64[::1], int64[::1])")
def _put_fixed(s: Any, x: Any, fixed: Any) -> None:
    """Put what is fixed, sorted by start, into the first row: all that is free comes behind it."""
    for op in fixed:
        _put(s, x, x[ROWS], op, 0)


@kernel("int64(int64[::1], int64[::1], int64, int64)")
def _leads_on(s: Any, x: Any, op: int, mode: int) -> int:
    """Whether all that comes next can be reached from the plant of a mode."""
    plant = s[s[LINE_PLANT] + s[s[MODE_LINE] + mode]]
    for i in range(s[s[SUCC_AT] + op], s[s[SUCC_AT] + op + 1]):
        after, reached = s[s[SUCC_OP] + i], 0
        for other in range(s[s[MODE_AT] + after], s[s[MODE_AT] + after + 1]):
            if s[s[OP_FIXED] + after] == 0 or x[x[MODE] + after] == other:
                reached |= arrival(s, plant, s[s[LINE_PLANT] + s[s[MODE_LINE] + other]], 0) < NEVER
        if not reached:
            return 0
    return 1


@kernel("int64(int64[::1], int64[::1], int64, int64, int64)")
def _along(s: Any, x: Any, row: int, order: int, route: int) -> int:
    """Place an order behind all that a row knows; when it is done, or NEVER."""
    done = 0
    for op in range(s[s[ORDER_AT] + order], s[s[ORDER_AT] + order + 1]):
        if x[x[ROUTE] + op] >= 0 and x[x[ROUTE] + op] != route:
            x[x[MODE] + op], x[x[START] + op], x[x[END] + op] = -1, 0, 0
            continue
        change = 0
        if not s[s[OP_FIXED] + op]:
            best, soonest = -1, NEVER
            for mode in range(s[s[MODE_AT] + op], s[s[MODE_AT] + op + 1]):
                start, end, setup = _timed(s, x, row, op, mode)
                if end < soonest and (s[PLANTS] == 1 or _leads_on(s, x, op, mode)):
                    best, soonest, change = mode, end, setup
                    x[x[START] + op] = start
            x[x[MODE] + op], x[x[END] + op] = best, soonest
            if best < 0:
                return NEVER
            _put(s, x, row, op, change)
        done = max(done, x[x[END] + op])
    return int(done)


@kernel("int64(int64[::1], int64[::1], int64, int64)", into_callers=True)
def _plainly(s: Any, x: Any, row: int, order: int) -> int:
    """As `_along` where all is PLAIN: ten times as fast."""
    lines, done, first = s[LINES], 0, s[s[ORDER_AT] + order]
    earliest, line_of, time, families = s[OP_EARLIEST], s[MODE_LINE], s[MODE_TIME], s[LINE_FAMILIES]
    mode_of, start_of, end_of, change, wait = x[MODE], x[START], x[END], 0, s[PRED_WAIT] - order
    for op in range(first, s[s[ORDER_AT] + order + 1]):
        mode = s[s[MODE_AT] + op]
        line, start = s[line_of + mode], s[earliest + op]
        if op > first:  # an order has one precedence less than operations
            start = max(start, done + s[wait + op - 1])
        free = x[row + line]
        if s[families + line] > 1:
            family = s[s[MODE_FAMILY] + mode]
            setup = setup_of(s, line, x[row + lines + line], family)
            free, change = free + setup, change + setup
            x[row + lines + line] = family
        start = max(start, free)
        done = start + s[time + mode]
        x[row + line] = done
        x[mode_of + op], x[start_of + op], x[end_of + op] = mode, start, done
    x[row + x[SIZE] - ROW_END + SETUP] += change
    return int(done)


@kernel("int64(int64[::1], int64[::1], int64)")
def _hurried(s: Any, x: Any, order: int) -> int:
    """Let begin later what would be waited for too long; whether there was anything."""
    found = 0
    for op in range(s[s[ORDER_AT] + order], s[s[ORDER_AT] + order + 1]):
        for i in range(s[s[PRED_AT] + op], s[s[PRED_AT] + op + 1]):
            before = s[s[PRED_OP] + i]
            if x[x[MODE] + op] < 0 or x[x[MODE] + before] < 0 or s[s[OP_FIXED] + before]:
                continue
            late = x[x[START] + op] - x[x[END] + before] - s[s[PRED_MOST] + i]
            if late > 0:
                x[x[LOW] + before] = x[x[START] + before] + late
                found = 1
    return found


@kernel("int64(int64[::1], int64[::1], int64, int64, int64)")
def _in_time(s: Any, x: Any, row: int, order: int, route: int) -> int:
    """As `_along`, and nothing waits too long; the row is written from its copy in TRIAL again and again."""
    if x[PLAIN]:
        return _plainly(s, x, row, order)
    if not s[LONGEST]:
        return int(_along(s, x, row, order, route))
    size, trial = x[SIZE], x[TRIAL]
    for i in range(size):
        x[trial + i] = x[row + i]
    for op in range(s[s[ORDER_AT] + order], s[s[ORDER_AT] + order + 1]):
        x[x[LOW] + op] = 0
    for _ in range(REPAIRS):
        done = _along(s, x, row, order, route)
        if done >= NEVER or not _hurried(s, x, order):
            return int(done)
        for i in range(size):
            x[row + i] = x[trial + i]
    return NEVER


@kernel("int64(int64[::1], int64[::1], int64, int64)")
def _follow(s: Any, x: Any, row: int, order: int) -> int:
    """Place an order behind all that a row knows, on its best route, and count its cost; 0 if it cannot be placed."""
    size, route = x[SIZE], 0
    if x[x[ROUTES] + order] > 1:
        soonest, spare = NEVER, x[TRIAL] + size
        for i in range(size):
            x[spare + i] = x[row + i]
        for other in range(x[x[ROUTES] + order]):
            done = _in_time(s, x, row, order, other)
            if done < soonest:
                route, soonest = other, done
            for i in range(size):
                x[row + i] = x[spare + i]
    done = _in_time(s, x, row, order, route)
    if done >= NEVER:
        return 0
    begun = NEVER
    for op in range(s[s[ORDER_AT] + order], s[s[ORDER_AT] + order + 1]):
        if x[x[MODE] + op] >= 0:
            begun = min(begun, x[x[START] + op])
    weight, sums, over = s[s[ORDER_WEIGHT] + order], row + size - ROW_END, done - s[s[ORDER_PROMISE] + order]
    cost = x[x[WEIGHTS] + 2] * weight * max(0, done - s[s[ORDER_DUE] + order]) + x[x[WEIGHTS] + 5] * (done - begun)
    if over > 0:
        cost += x[x[WEIGHTS]] + x[x[WEIGHTS] + 1] * weight * over
    x[sums + TOTAL] += cost
    x[sums + MAKESPAN] = max(x[sums + MAKESPAN], done)
    return 1


@kernel("int64(int64[::1], int64)")
def _cost(x: Any, row: int) -> int:
    """What a row costs; with more orders behind it it costs no less."""
    sums = row + x[SIZE] - ROW_END
    return int(x[sums + TOTAL] + x[x[WEIGHTS] + 3] * x[sums + MAKESPAN] + x[x[WEIGHTS] + 4] * x[sums + SETUP])


@kernel("int64(int64[::1], int64[::1], int64, int64)")
def _rows_from(s: Any, x: Any, first: int, count: int) -> int:
    """Place the orders of the sequence from the place `first` on, a row after each; their cost, or TOO_MUCH."""
    size = x[SIZE]
    for i in range(first, count):
        row = x[ROWS] + (i + 1) * size
        for k in range(size):
            x[row + k] = x[row - size + k]
        if not _follow(s, x, row, x[x[SEQUENCE] + i]):
            x[FAILED] = x[x[SEQUENCE] + i]
            return TOO_MUCH
    return _cost(x, x[ROWS] + count * size)


@kernel("int64(int64[::1], int64[::1], int64, int64, int64, int64)")
def _with(s: Any, x: Any, order: int, place: int, count: int, limit: int) -> int:
    """What the first `count` of the sequence cost with one more order at a place; TOO_MUCH from `limit` on.

    It is given up when it would cost too much even if all that follows was as soon as without the order.
    """
    size, now = x[SIZE], x[NOW]
    total = x[ROWS] + size - ROW_END + TOTAL
    for k in range(size):
        x[now + k] = x[x[ROWS] + place * size + k]
    for i in range(place - 1, count):
        if not _follow(s, x, now, order if i < place else x[x[SEQUENCE] + i]):
            return TOO_MUCH
        if _cost(x, now) + x[total + count * size] - x[total + (i + 1) * size] >= limit:
            return TOO_MUCH
    return _cost(x, now)


@kernel("int64(int64[::1], int64[::1], uint64[::1], int64, int64)")
def insert(s: Any, x: Any, r: Any, order: int, count: int) -> int:
    """Put an order where it costs least among the first `count` of the sequence; the cost of all.

    Where there are many places, some at random are looked at.
    """
    best, least, ties = -1, TOO_MUCH, 0
    places = count - x[HELD] + 1
    for i in range(min(places, PLACES)):
        place = x[HELD] + (i if places <= PLACES else below(r, places))
        cost = _with(s, x, order, place, count, TOO_MUCH if least == TOO_MUCH else least + 1)
        if cost == TOO_MUCH:
            continue
        ties = 1 if cost < least else ties + 1
        if ties == 1 or below(r, ties) == 0:
            best, least = place, cost
    if best < 0:
        best = count
    for i in range(count, best, -1):
        x[x[SEQUENCE] + i] = x[x[SEQUENCE] + i - 1]
    x[x[SEQUENCE] + best] = order
    return _rows_from(s, x, best, count + 1)


@kernel("int64(int64[::1], int64[::1], uint64[::1], int64, float64)")
def steps(s: Any, x: Any, r: Any, number: int, temperature: float) -> int:
    """So many steps: some orders are taken out and each is put back where it costs least. How many were kept."""
    orders, taken, sequence = s[ORDERS], 0, x[SEQUENCE]
    free = orders - x[HELD]
    for _ in range(number):
        for i in range(orders):
            x[x[FORMER] + i] = x[sequence + i]
        out, first, count = min(free, 1 + below(r, MOST_OUT)), orders, orders
        if x[COST] == TOO_MUCH:  # the rows behind what did not fit say nothing
            first = 0
        for i in range(out):
            place = x[HELD] + below(r, count - x[HELD])
            x[x[OUT] + i] = x[sequence + place]
            first, count = min(first, place), count - 1
            for k in range(place, count):
                x[sequence + k] = x[sequence + k + 1]
        cost = _rows_from(s, x, first, count)
        for i in range(out):
            if cost < TOO_MUCH:
                cost = insert(s, x, r, x[x[OUT] + i], count + i)
        if cost < TOO_MUCH and cost - x[COST] <= -temperature * np.log((below(r, 1 << 30) + 1) / (1 << 30)):
            taken += 1
            x[COST] = cost
            if cost < x[LEAST_COST]:
                x[LEAST_COST] = cost
                for i in range(orders):
                    x[x[LEAST] + i] = x[sequence + i]
            continue
        first = 0 if x[COST] == TOO_MUCH else orders
        for i in range(orders - 1, -1, -1):
            if x[sequence + i] != x[x[FORMER] + i]:
                x[sequence + i], first = x[x[FORMER] + i], min(first, i)
        x[COST] = _rows_from(s, x, first, orders)
    return taken


class Conveyor:
    """The orders in a sequence, and the best sequence so far.

    Orders of which something is fixed stand at the beginning, and all that is free comes behind what is fixed on its
    line: so two of these orders may overtake each other, as the judge says then.
    """

    def __init__(self, arrays: Arrays, fixed: Columns, weights: Mapping[Part, int], seed: int = 0) -> None:
        self.arrays, self.s = arrays, arrays.words
        self.n, self.orders = int(self.s[OPERATIONS]), int(self.s[ORDERS])
        self.r = seeded(seed)
        self.x = self._words(fixed, weights)
        self.x[LEAST_COST], self.x[PLAIN] = TOO_MUCH, self._is_plain()
        is_fixed = arrays.column(OP_FIXED, self.n) == 1
        begun = np.full(self.orders, NEVER)
        np.minimum.at(begun, arrays.column(OP_ORDER, self.n), np.where(is_fixed, fixed[1], NEVER))
        self.held = [order for order in np.argsort(begun, kind="stable").tolist() if begun[order] < NEVER]
        self.x[HELD] = len(self.held)
        stand = np.flatnonzero(is_fixed)
        _put_fixed(self.s, self.x, stand[np.argsort(fixed[1][stand], kind="stable")].astype(np.int64))
        self.shop = flow_shop(arrays, weights, self.r) if self.x[PLAIN] else None
        self.weights = weights
        self.mean = float(arrays.column(MODE_TIME, len(arrays.modes)).mean()) if arrays.modes else 0.0

    def _words(self, fixed: Columns, weights: Mapping[Part, int]) -> Words:
        arrays, s, problem = self.arrays, self.s, self.arrays.problem
        orders, lines = self.orders, int(s[LINES])
        grouped = {line for group in problem.same_sequence for line in group}
        opens = self.s[self.s[WINDOW_OPENS] + arrays.column(WINDOW_AT, lines)]
        since = np.where(arrays.column(LINE_ANY_TIME, lines), 0, opens)
        units = int(arrays.column(UNIT_AT, int(s[RESOURCES]) + 1)[-1])
        row = np.concatenate((since, arrays.column(LINE_FAMILY, lines), np.zeros(lines + units + ROW_END))).astype(int)
        routes = [_routes(problem, order) for order in problem.orders]
        taken = zip(arrays.column(OP_ORDER, self.n).tolist(), arrays.operations, strict=True)
        sections = {
            ROUTE: [
                -1 if o.route is None else routes[k].index(o.route) if o.route in routes[k] else NEVER for k, o in taken
            ],
            ROUTES: [len(found) for found in routes],
            MODE: fixed[0], START: fixed[1], END: fixed[2], LOW: np.zeros(self.n),
            GROUPED: [line.id in grouped for line in problem.lines],
            ROWS: np.tile(row, orders + 1), NOW: row, TRIAL: np.tile(row, 2),
            SEQUENCE: np.zeros(orders), FORMER: np.zeros(orders), LEAST: np.zeros(orders), OUT: np.zeros(MOST_OUT),
            WEIGHTS: [weights.get(part, 0) for part in PARTS],
        }  # fmt: skip
        words, at = [np.zeros(HEADER, dtype=np.int64)], HEADER
        words[0][SIZE] = len(row)
        for section, filling in sections.items():
            words[0][section] = at
            words.append(np.asarray(filling, dtype=np.int64))
            at += len(words[-1])
        return np.concatenate(words)

    def _is_plain(self) -> bool:
        arrays, problem = self.arrays, self.arrays.problem
        windows = [line.windows for line in problem.lines]
        return (
            not arrays.words[BESIDE]
            and not problem.fixed
            and len(arrays.modes) == self.n
            and len({line.plant for line in problem.lines}) == 1
            and all(not line.unlimited for line in problem.lines)
            and all(len(open_) == 1 and (open_[0].start, open_[0].end) == (0, NEVER) for open_ in windows)
            and all(
                tuple(before.operation for before in after.predecessors) == (one.id,)
                for order in problem.orders
                for one, after in pairwise(order.operations)
            )
            and not any(order.operations[0].predecessors for order in problem.orders)
        )

    def sequences(self) -> Iterator[Words]:
        """The orders by release, by date, by both, and those with much or little work first."""
        arrays, n = self.arrays, self.n
        column = {k: arrays.column(k, self.orders) for k in (ORDER_DUE, ORDER_PROMISE, ORDER_WEIGHT)}
        least = np.minimum.reduceat(arrays.column(MODE_TIME, len(arrays.modes)), arrays.column(MODE_AT, n + 1)[:-1])
        order_of, work, come = arrays.column(OP_ORDER, n), np.zeros(self.orders), np.full(self.orders, NEVER)
        np.add.at(work, order_of, least)
        np.minimum.at(come, order_of, arrays.column(OP_EARLIEST, n))
        due = np.minimum(column[ORDER_DUE], column[ORDER_PROMISE])
        for key in (-work, come, due, np.maximum(come, due - work), work / np.maximum(1, column[ORDER_WEIGHT])):
            yield np.argsort(key, kind="stable")

    def of_schedule(self, columns: Columns) -> Words:
        """The orders by when they begin in a schedule."""
        begun = np.full(self.orders, NEVER)
        made = np.where(columns[0] >= 0, columns[1], NEVER)
        np.minimum.at(begun, self.arrays.column(OP_ORDER, self.n), made)
        return np.argsort(begun, kind="stable")

    def place(self, sequence: Words) -> int:
        """Place the orders in a sequence; what it costs, TOO_MUCH if one cannot be placed."""
        return self._taken(self._with_held(sequence), self.orders, 0)

    def build(self, sequence: Words, stop: Callable[[], bool]) -> int:
        """Take the orders in a sequence, each to where it costs least then; when it stops, the rest to the end."""
        if self.shop is not None:
            self.shop.build(sequence, stop)
            return self._brought()
        ahead, held = self._with_held(sequence), len(self.held)
        self._taken(ahead[:held], held, 0)
        for i in range(held, self.orders):
            if stop():
                return self._taken(ahead[i:], self.orders, i)
            insert(self.s, self.x, self.r, int(ahead[i]), i)
        return self._taken(ahead[:0], self.orders, self.orders)

    def go_on(self, number: int, temperature: float = 0.0) -> int:
        """So many steps; how many were kept."""
        if self.shop is None:
            return int(steps(self.s, self.x, self.r, number, temperature))
        kept = self.shop.go_on(number, temperature)
        self._brought()
        return kept

    def temperatures(self) -> tuple[float, float]:
        """By the sequence that was placed last: the first temperature of what every order adds to, broken promises (a
        step, not a slope) left out, and the one of the makespan, which stays."""
        mode, start, end = self.columns()
        order_of, worth = self.arrays.column(OP_ORDER, self.n), self.arrays.column(ORDER_WEIGHT, self.orders)
        done, begun = np.zeros(self.orders, dtype=np.int64), np.full(self.orders, NEVER)
        np.maximum.at(done, order_of, end)
        np.minimum.at(begun, order_of, np.where(mode >= 0, start, NEVER))
        cost = self.weights.get(Part.FLOW, 0) * (done - begun)
        for part, limit in ((Part.TARDINESS, ORDER_DUE), (Part.OVER, ORDER_PROMISE)):
            late = np.maximum(0, done - self.arrays.column(limit, self.orders))
            cost = cost + self.weights.get(part, 0) * worth * late
        return HOTTEST * float(cost.mean()), WARMTH * self.weights.get(Part.MAKESPAN, 0) * self.mean

    def columns(self) -> Columns:
        """The schedule of the sequence that was placed last."""
        x, n = self.x, self.n
        return x[x[MODE] : x[MODE] + n].copy(), x[x[START] : x[START] + n].copy(), x[x[END] : x[END] + n].copy()

    def best_sequence(self) -> Words:
        """The cheapest sequence so far."""
        return self.x[self.x[LEAST] : self.x[LEAST] + self.orders].copy()

    def start_from_best(self) -> None:
        """Go on from the cheapest sequence so far."""
        self.place(self.best_sequence())
        if self.shop is not None:
            self.shop.place(self.best_sequence())

    def best(self) -> tuple[int, Columns]:
        """The least cost, and its schedule."""
        return self.place(self.best_sequence()), self.columns()

    def _brought(self) -> int:
        """Place the best and then the present sequence of the flow shop; what the latter costs."""
        assert self.shop is not None
        if self.shop.least_cost < self.x[LEAST_COST]:
            self.place(self.shop.best_sequence())
        return self.place(self.shop.sequence())

    def _with_held(self, sequence: Words) -> Words:
        held = set(self.held)
        return np.array([*self.held, *(k for k in sequence.tolist() if k not in held)], dtype=np.int64)

    def _taken(self, orders: Words, count: int, first: int) -> int:
        x = self.x
        sequence = x[x[SEQUENCE] : x[SEQUENCE] + self.orders]
        sequence[first : first + len(orders)] = orders
        x[COST] = _rows_from(self.s, x, 0, count)
        if count == self.orders and x[COST] < x[LEAST_COST]:
            x[LEAST_COST] = x[COST]
            x[x[LEAST] : x[LEAST] + self.orders] = sequence
        return int(x[COST])


def _routes(problem: SchedulingProblem, order: WorkOrder) -> tuple[RouteId, ...]:
    """The routes that an order can take: that of what is fixed, or all."""
    fixed = {o.route for o in order.operations if o.route is not None and o.id in problem.fixed}
    return tuple(route for route in order.routes if not fixed or route in fixed)


def conveyed(
    arrays: Arrays,
    columns: Columns,
    fixed: Columns,
    weights: Mapping[Part, int],
    *,
    seconds: float | None = None,
    moves: int | None = None,
    seed: int = 0,
    stop: Callable[[], bool] = lambda: False,
    report: Callable[[int], None] = lambda moves: None,
) -> Annealed | None:
    """The cheapest schedule found, by weighted parts, from the sequence of a schedule on; None if none can be placed.

    `fixed`: mode, start and end of what is fixed. With `moves` (steps, and orders that are put in one by one before
    that) the result depends on the seed only.
    """
    conveyor, began, made, kept = Conveyor(arrays, fixed, weights, seed), monotonic(), 0, 0
    chunk = 1 if moves is None else max(1, moves // 100)  # between two looks at the temperature

    def over(share: float = 1.0) -> bool:
        report(made)
        late = seconds is not None and monotonic() - began >= share * seconds
        return late or (moves is not None and made >= share * moves) or stop()

    def built() -> bool:
        nonlocal made
        made += 1
        return over(0.5)

    conveyor.place(conveyor.of_schedule(columns))
    for sequence in conveyor.sequences():
        conveyor.place(sequence)
    if conveyor.x[LEAST_COST] == TOO_MUCH:
        return None
    conveyor.build(conveyor.best_sequence(), built)
    conveyor.start_from_best()
    first, last = conveyor.temperatures()
    while not over():
        now = monotonic()
        number = chunk if moves is None else min(chunk, moves - made)
        share = made / moves if moves else (now - began) / (seconds or 1.0)
        kept += conveyor.go_on(number, max(first * COOLING**-share, last))
        made += number
        took = monotonic() - now
        if moves is None:
            chunk = max(1, chunk // 2 if took > 0.04 else chunk * 2 if took < 0.015 else chunk)
    cost, found = conveyor.best()
    return Annealed(*found, cost, made, kept)
