"""Compiled: orders that all pass the same lines in one sequence, one more of them tried at many places at once.

The places are looked at in blocks: what follows is timed for a whole block together, line after line, which processors
do for many numbers in one go. Times are words of 32 bits, so that twice as many fit. Steps take neighbours out of the
sequence and put each back where it costs least, and what is dearer is kept by the temperature.
Source: Ruiz and Stuetzle, A simple and effective iterated greedy algorithm for the permutation flowshop scheduling
problem (2007); Pan and Ruiz, Local search methods for the flowshop scheduling problem with flowtime minimization
(2012), for neighbours taken out together.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from solver.native import kernel
from solver.scheduling.arrays import (
    LINE_FAMILY,
    MODE_FAMILY,
    MODE_LINE,
    MODE_TIME,
    OP_EARLIEST,
    ORDER_AT,
    ORDER_DUE,
    ORDER_PROMISE,
    ORDER_WEIGHT,
    ORDERS,
    PRED_WAIT,
    SETUPS,
    TRANSPORT,
    Arrays,
    Words,
)
from solver.scheduling.chance import below
from solver.scheduling.schedule import Part
from solver.scheduling.timing import setup_of

Shorts = NDArray[np.int32]

PARTS = (Part.BROKEN, Part.OVER, Part.TARDINESS, Part.MAKESPAN, Part.SETUP, Part.FLOW)
BLOCK = 32  # places that are timed together
MOST_OUT = 4  # orders that a step takes out, two at least
APART = 4  # in one step of so many they are taken from anywhere, else they are neighbours
LONGEST = 1 << 30  # no time may be beyond it
NO_LIMIT = 1 << 62

# --- sections of t, each of orders x lines: what is known of an operation ---
DURATION, EARLIEST, WAIT, FAMILY = range(4)
# --- sections of v ---
SEQUENCE, FORMER, LEAST = 0, 1, 2  # orders
TOTAL, GAPS = 3, 4  # what so many orders of the sequence cost; setup seconds before the one at a place
DUE, PROMISE, WORTH = 5, 6, 7  # of each order
LINE, WEIGHTS, FIGURES = 8, 9, 10
COST, LEAST_COST, BARE = range(3)  # of FIGURES; BARE: 1 if there are neither setups, releases nor waits


@kernel("int64(int64[:, ::1], int64, int64, int64)", into_callers=True)
def _order_cost(v: Any, order: int, begun: int, done: int) -> int:
    """What an order costs that begins and is done then."""
    cost = v[WEIGHTS, 2] * v[WORTH, order] * max(0, done - v[DUE, order]) + v[WEIGHTS, 5] * (done - begun)
    over = done - v[PROMISE, order]
    if over > 0:
        cost += v[WEIGHTS, 0] + v[WEIGHTS, 1] * v[WORTH, order] * over
    return int(cost)


@kernel("int64(int64[::1], int32[:, :, ::1], int64[:, ::1], int64, int64, int64)", into_callers=True)
def _setup(s: Any, t: Any, v: Any, before: int, order: int, j: int) -> int:
    """Seconds of setup on the line `j` between two orders (before: -1: none yet)."""
    line = v[LINE, j]
    family = t[FAMILY, before, j] if before >= 0 else s[s[LINE_FAMILY] + line]
    return int(setup_of(s, line, family, t[FAMILY, order, j]))


@kernel("int64(int64[::1], int32[:, :, ::1], int64[:, ::1], int32[:, ::1], int32[:, ::1], int64, int64)")
def rows_from(s: Any, t: Any, v: Any, rows: Any, gaps: Any, first: int, count: int) -> int:
    """Time the orders of the sequence from a place on, a row of lines after each; what the first `count` cost."""
    lines = t.shape[2]
    for i in range(first, count):
        order, done, setups = v[SEQUENCE, i], 0, 0
        for j in range(lines):
            gap = 0 if v[FIGURES, BARE] else _setup(s, t, v, v[SEQUENCE, i - 1] if i else -1, order, j)
            done = max(done + t[WAIT, order, j], rows[i, j] + gap, t[EARLIEST, order, j]) + t[DURATION, order, j]
            rows[i + 1, j], gaps[i, j], setups = done, gap, setups + gap
        v[GAPS, i] = setups
        begun = rows[i + 1, 0] - t[DURATION, order, 0]
        v[TOTAL, i + 1] = v[TOTAL, i] + _order_cost(v, order, begun, done) + v[WEIGHTS, 4] * setups
    return int(v[TOTAL, count] + v[WEIGHTS, 3] * rows[count, lines - 1])


@kernel(
    "int64(int64[::1], int32[:, :, ::1], int64[:, ::1], int32[:, ::1], int32[::1], int64, int64, int64)",
    into_callers=True,
)
def _run(s: Any, t: Any, v: Any, free: Any, done: Any, lane: int, before: int, order: int) -> int:
    """Time an order on the lines that a lane of the block knows, behind another order; its setup seconds."""
    setups = 0
    for j in range(t.shape[2]):
        gap = 0 if v[FIGURES, BARE] else _setup(s, t, v, before, order, j)
        ready = max(done[lane] + t[WAIT, order, j], free[j, lane] + gap, t[EARLIEST, order, j])
        done[lane] = free[j, lane] = ready + t[DURATION, order, j]
        setups += gap
    return int(setups)


@kernel(
    "void(int32[:, :, ::1], int32[:, ::1], int32[::1], int32[:, ::1], int64, int64, int64, int64)", into_callers=True
)
def _all_follow(t: Any, free: Any, done: Any, gaps: Any, place: int, order: int, lanes: int, bare: int) -> None:
    """Time the order that stands at a place of the sequence in the first `lanes` of the block."""
    for lane in range(lanes):
        done[lane] = 0
    for j in range(t.shape[2]):
        duration, earliest, wait, gap = t[DURATION, order, j], t[EARLIEST, order, j], t[WAIT, order, j], gaps[place, j]
        if bare:
            for lane in range(lanes):
                now, other = done[lane], free[j, lane]
                now = (other if other > now else now) + duration
                done[lane] = now
                free[j, lane] = now
        else:
            for lane in range(lanes):
                now, other = done[lane] + wait, free[j, lane] + gap
                now = other if other > now else now
                now = (earliest if earliest > now else now) + duration
                done[lane] = now
                free[j, lane] = now


@kernel(
    "UniTuple(int64, 2)(int64[::1], int32[:, :, ::1], int64[:, ::1], int32[:, ::1], int32[:, ::1], int32[:, ::1],"
    " int32[::1], int64[::1], uint64[::1], int64, int64)"
)
def best_place(
    s: Any, t: Any, v: Any, rows: Any, gaps: Any, free: Any, done: Any, cost: Any, r: Any, order: int, count: int
) -> tuple[int, int]:
    """Where an order costs least among the first `count` of the sequence, and what all of them then cost.

    A block is given up when it would cost too much even if all that follows was as soon as without the order.
    """
    lines, bare, best, least, ties = t.shape[2], v[FIGURES, BARE], -1, NO_LIMIT, 0
    plain = v[WEIGHTS, 0] + v[WEIGHTS, 1] + v[WEIGHTS, 5] == 0
    rest = v[TOTAL, count] + v[WEIGHTS, 3] * rows[count, lines - 1]
    for first in range(count // BLOCK * BLOCK, -1, -BLOCK):
        lanes, given_up = min(BLOCK, count + 1 - first), 0
        for lane in range(lanes):
            place = first + lane
            for j in range(lines):
                free[j, lane] = rows[place, j]
            done[lane] = 0
            setups = _run(s, t, v, free, done, lane, v[SEQUENCE, place - 1] if place else -1, order)
            begun = free[0, lane] - t[DURATION, order, 0]
            cost[lane] = v[TOTAL, place] + _order_cost(v, order, begun, done[lane]) + v[WEIGHTS, 4] * setups
        for i in range(first, count):
            other, behind = v[SEQUENCE, i], min(lanes, i - first + bare)
            _all_follow(t, free, done, gaps, i, other, behind, bare)
            for lane in range(behind):
                cost[lane] += v[WEIGHTS, 4] * v[GAPS, i]
            if not bare and i - first < lanes:  # the order itself is what comes before it
                done[behind] = 0
                cost[behind] += v[WEIGHTS, 4] * _run(s, t, v, free, done, behind, order, other)
                behind += 1
            low, due, worth = NO_LIMIT, v[DUE, other], v[WEIGHTS, 2] * v[WORTH, other]
            if plain:
                for lane in range(behind):
                    late = done[lane] - due
                    cost[lane] += worth * late if late > 0 else 0
            else:
                for lane in range(behind):
                    cost[lane] += _order_cost(v, other, free[0, lane] - t[DURATION, other, 0], done[lane])
            for lane in range(behind):
                low = min(low, cost[lane])
            if i - first >= lanes - 1 and low - v[TOTAL, i + 1] + rest > least:
                given_up = 1
                break
        for lane in range(0 if given_up else lanes):
            cost[lane] += v[WEIGHTS, 3] * done[lane]
            ties = 1 if cost[lane] < least else ties + (cost[lane] == least)
            if cost[lane] < least or (cost[lane] == least and below(r, ties) == 0):
                best, least = first + lane, cost[lane]
    return best, least


@kernel(
    "int64(int64[::1], int32[:, :, ::1], int64[:, ::1], int32[:, ::1], int32[:, ::1], int32[:, ::1], int32[::1],"
    " int64[::1], uint64[::1], int64, int64)"
)
def put_best(
    s: Any, t: Any, v: Any, rows: Any, gaps: Any, free: Any, done: Any, cost: Any, r: Any, order: int, count: int
) -> int:
    """Put an order where it costs least among the first `count` of the sequence; what all of them then cost."""
    place, _ = best_place(s, t, v, rows, gaps, free, done, cost, r, order, count)
    for i in range(count, place, -1):
        v[SEQUENCE, i] = v[SEQUENCE, i - 1]
    v[SEQUENCE, place] = order
    return int(rows_from(s, t, v, rows, gaps, place, count + 1))


@kernel("int64(int64[:, ::1], int64[::1], uint64[::1], int64, int64)")
def _taken_out(v: Any, out: Any, r: Any, count: int, number: int) -> int:
    """Take so many of `count` orders out of the sequence: neighbours, most often. The first place that has changed."""
    first = count
    apart, place = below(r, APART) == 0, 0
    for i in range(number):
        near = max(0, min(count - 1, place + below(r, 3) - 1))
        place = below(r, count) if i == 0 or apart else near
        out[i], first, count = v[SEQUENCE, place], min(first, place), count - 1
        for k in range(place, count):
            v[SEQUENCE, k] = v[SEQUENCE, k + 1]
    return int(first)


@kernel(
    "int64(int64[::1], int32[:, :, ::1], int64[:, ::1], int32[:, ::1], int32[:, ::1], int32[:, ::1], int32[::1],"
    " int64[::1], int64[::1], uint64[::1], int64, float64)"
)
def steps(
    s: Any, t: Any, v: Any, rows: Any, gaps: Any, free: Any, done: Any, cost: Any, out: Any, r: Any,
    number: int, temperature: float,
) -> int:  # fmt: skip
    """So many steps from the present sequence; how many were kept."""
    orders, taken = s[ORDERS], 0
    for _ in range(number):
        for i in range(orders):
            v[FORMER, i] = v[SEQUENCE, i]
        outside = min(orders, 2 + below(r, MOST_OUT - 1))
        now = rows_from(s, t, v, rows, gaps, _taken_out(v, out, r, orders, outside), orders - outside)
        for i in range(outside):
            now = put_best(s, t, v, rows, gaps, free, done, cost, r, out[i], orders - outside + i)
        if now - v[FIGURES, COST] <= -temperature * np.log((below(r, 1 << 30) + 1) / (1 << 30)):
            taken += 1
            v[FIGURES, COST] = now
            if now < v[FIGURES, LEAST_COST]:
                v[FIGURES, LEAST_COST] = now
                for i in range(orders):
                    v[LEAST, i] = v[SEQUENCE, i]
            continue
        first = orders
        for i in range(orders - 1, -1, -1):
            if v[SEQUENCE, i] != v[FORMER, i]:
                v[SEQUENCE, i], first = v[FORMER, i], i
        rows_from(s, t, v, rows, gaps, first, orders)
    return taken


@dataclass(frozen=True, slots=True)
class FlowShop:
    """A sequence of orders that all pass the same lines one after another, and the best one so far."""

    s: Words
    t: Shorts
    v: Words
    rows: Shorts
    gaps: Shorts
    free: Shorts
    done: Shorts
    cost: Words
    out: Words
    r: NDArray[np.uint64]

    @property
    def room(self) -> tuple[Words, Shorts, Words, Shorts, Shorts, Shorts, Shorts, Words]:
        """What the kernels share."""
        return self.s, self.t, self.v, self.rows, self.gaps, self.free, self.done, self.cost

    @property
    def least_cost(self) -> int:
        """What the best sequence so far costs."""
        return int(self.v[FIGURES, LEAST_COST])

    def best_sequence(self) -> Words:
        """The best sequence so far."""
        return self.v[LEAST, : self.orders].copy()

    def sequence(self) -> Words:
        """The present sequence."""
        return self.v[SEQUENCE, : self.orders].copy()

    @property
    def orders(self) -> int:
        """How many there are."""
        return int(self.s[ORDERS])

    def place(self, sequence: Words) -> int:
        """Take a sequence; what it costs."""
        self.v[SEQUENCE, : self.orders] = sequence
        return self._taken(rows_from(self.s, self.t, self.v, self.rows, self.gaps, 0, self.orders))

    def build(self, sequence: Words, stop: Callable[[], bool]) -> int:
        """Take the orders in a sequence, each to where it costs least then; when it stops, the rest to the end."""
        placed = 0
        while placed < self.orders and not stop():
            put_best(*self.room, self.r, int(sequence[placed]), placed)
            placed += 1
        self.v[SEQUENCE, placed : self.orders] = sequence[placed:]
        return self._taken(rows_from(self.s, self.t, self.v, self.rows, self.gaps, placed, self.orders))

    def go_on(self, number: int, temperature: float) -> int:
        """So many steps; how many were kept."""
        return int(steps(*self.room, self.out, self.r, number, temperature))

    def _taken(self, cost: int) -> int:
        figures = self.v[FIGURES]
        figures[COST] = cost
        if cost < figures[LEAST_COST]:
            figures[LEAST_COST] = cost
            self.v[LEAST] = self.v[SEQUENCE]
        return cost


def flow_shop(arrays: Arrays, weights: Mapping[Part, int], r: NDArray[np.uint64]) -> FlowShop | None:
    """The orders of a problem in which each operation has one mode and follows the one before it, on lines that never
    close and need no more; None if they do not all pass the same lines, or times may be too long.

    `weights`: what each of PARTS costs. `r`: the random numbers.
    """
    s, n, orders = arrays.words, len(arrays.operations), len(arrays.problem.orders)
    lines, line = n // orders, arrays.column(MODE_LINE, n)
    regular = bool((arrays.column(ORDER_AT, orders + 1) == np.arange(orders + 1) * lines).all())
    if not regular or (line.reshape(orders, lines) != line[:lines]).any() or len(set(line[:lines].tolist())) < lines:
        return None
    wait = np.zeros((orders, lines), dtype=np.int64)
    wait[:, 1:] = arrays.column(PRED_WAIT, n - orders).reshape(orders, lines - 1)
    columns = arrays.column(MODE_TIME, n), arrays.column(OP_EARLIEST, n), wait, arrays.column(MODE_FAMILY, n)
    setups = s[s[SETUPS] : s[TRANSPORT]]
    if int(columns[0].sum() + columns[1].max() + wait.sum() + n * setups.max()) >= LONGEST:
        return None
    v = np.zeros((FIGURES + 1, max(orders, lines, len(PARTS)) + 1), dtype=np.int64)
    for section, known in ((DUE, ORDER_DUE), (PROMISE, ORDER_PROMISE), (WORTH, ORDER_WEIGHT)):
        v[section, :orders] = arrays.column(known, orders)
    v[LINE, :lines], v[WEIGHTS, : len(PARTS)] = line[:lines], [weights.get(part, 0) for part in PARTS]
    v[FIGURES, LEAST_COST] = NO_LIMIT
    v[FIGURES, BARE] = not (setups.any() or columns[1].any() or wait.any())
    t = np.stack([column.reshape(orders, lines) for column in columns]).astype(np.int32)
    rows, gaps, free, done = (
        np.zeros(shape, dtype=np.int32) for shape in ((orders + 1, lines), (orders, lines), (lines, BLOCK), (BLOCK,))
    )
    cost, out = np.zeros(BLOCK, dtype=np.int64), np.zeros(MOST_OUT, dtype=np.int64)
    return FlowShop(s, t, v, rows, gaps, free, done, cost, out, r)
