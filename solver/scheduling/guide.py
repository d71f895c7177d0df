"""Compiled: what a change of times would cost, known beforehand - so that most moves are refused without being made.

For each operation `g` holds, as sections of n words: the latest start from which nothing that follows becomes dearer
(LATEST), what a second beyond it costs (SLOPE), what a second less at its start gains (GAIN: the late orders on whose
critical path it stands), the operation that it waits for (CAUSE, or -1), and the operations by start (BY_START).
They are true for the sequences at the time of `look`; moves made since then make them a good guess.
Source: heads and tails as in Mastrolilli and Gambardella, Effective neighbourhood functions for the flexible job shop
problem (2000), with due dates instead of the makespan.
"""

from __future__ import annotations

from typing import Any

from solver.native import kernel
from solver.scheduling.arrays import (
    BESIDE,
    LINE_AT,
    LINE_FAMILY,
    LINE_PLANT,
    LINE_UNLIMITED,
    MODE_FAMILY,
    MODE_LINE,
    MODE_TIME,
    OP_FIXED,
    OP_ORDER,
    OP_RUNNING,
    OPERATIONS,
    ORDER_DUE,
    ORDER_PROMISE,
    ORDER_WEIGHT,
    ORDERS,
    PRED_AT,
    PRED_OP,
    PRED_WAIT,
    RESOURCES,
    SUCC_AT,
    SUCC_OP,
)
from solver.scheduling.pools import fit_alone, user_before
from solver.scheduling.problem import NEVER
from solver.scheduling.sequences import ready_at, setup_at
from solver.scheduling.state import (
    AFTER,
    BEFORE,
    DONE,
    END,
    FAMILY,
    HEAD,
    LENGTH,
    MODE,
    ROW,
    START,
    WEIGHTS,
)
from solver.scheduling.timing import after_setup, arrival, fit, ready_by, setup_of

LATEST, SLOPE, GAIN, CAUSE, BY_START = 0, 1, 2, 3, 4  # times n: where each section of g begins
SECTIONS = 5
STANDS = 1 << 20  # what a second costs by which something fixed would have to move
FAR = 1 << 32  # no delay counts as longer than so many seconds
LONGEST_WALK = 30  # a move over more operations than that on its line is tried, not estimated

W_BROKEN, W_OVER, W_TARDINESS, W_MAKESPAN, W_SETUP, W_MOVED, W_FLOW = range(WEIGHTS, WEIGHTS + 7)
W_FOCUS = WEIGHTS + 8  # every second time one of the first so many orders is chosen, while it is late
EXTRA = WEIGHTS + 7  # where starts and modes of the reference begin, then whether each order's promise is to be kept
KEPT = 1 << 50  # what it costs to break a promise that is to be kept: no temperature allows it


@kernel("int64(int64[::1], int64[::1], int64, int64)", into_callers=True)
def order_cost(s: Any, w: Any, order: int, done: int) -> int:
    """What an order costs that is done then."""
    weight = s[s[ORDER_WEIGHT] + order]
    cost = w[W_TARDINESS] * weight * max(0, done - s[s[ORDER_DUE] + order]) + w[W_FLOW] * done
    over = done - s[s[ORDER_PROMISE] + order]
    if over > 0:
        cost += w[W_BROKEN] + w[W_OVER] * weight * over + w[w[EXTRA] + 2 * s[OPERATIONS] + order] * KEPT
    return int(cost)


@kernel("void(int64[::1], int64[::1])")
def keep_promises(s: Any, w: Any) -> None:
    """From now on no promise is broken that is kept by the present times."""
    for order in range(s[ORDERS]):
        kept = w[w[DONE] + order] <= s[s[ORDER_PROMISE] + order] < NEVER
        w[w[EXTRA] + 2 * s[OPERATIONS] + order] = 1 if kept else 0


@kernel("void(int64[::1], int64[::1], int64[::1], int64, int64)")
def sort(s: Any, w: Any, g: Any, low: int, high: int) -> None:
    """BY_START again from place `low` to `high`; it was nearly so before."""
    start, begin = w[START], BY_START * s[OPERATIONS] + low
    for i in range(1, high - low):
        op = g[begin + i]
        key, k = w[start + op], begin + i
        while k > begin and w[start + g[k - 1]] > key:
            g[k] = g[k - 1]
            k -= 1
        g[k] = op


@kernel("UniTuple(int64, 2)(int64[::1], int64[::1], int64)", into_callers=True)
def _of_order(s: Any, w: Any, op: int) -> tuple[int, int]:
    """By when an order's last operation is to end, and what a second more costs."""
    order = s[s[OP_ORDER] + op]
    done, promise = w[w[DONE] + order], s[s[ORDER_PROMISE] + order]
    weight = s[s[ORDER_WEIGHT] + order]
    limit, slope = max(s[s[ORDER_DUE] + order], done), w[W_TARDINESS] * weight
    if done > promise:
        slope += w[W_OVER] * weight
    elif promise <= limit and w[W_OVER] + w[W_BROKEN]:
        limit, slope = promise, STANDS
    return int(limit), int(slope)


@kernel("UniTuple(int64, 2)(int64[::1], int64[::1], int64[::1], int64, int64)")
def _limit(s: Any, w: Any, g: Any, op: int, plant: int) -> tuple[int, int]:
    """The latest end of an operation from which nothing that follows becomes dearer, and what a second more costs."""
    n = s[OPERATIONS]
    first, last = s[s[SUCC_AT] + op], s[s[SUCC_AT] + op + 1]
    limit, slope = NEVER, 0
    if first == last:
        limit, slope = _of_order(s, w, op)
    for i in range(first, last):
        after = s[s[SUCC_OP] + i]
        if w[w[MODE] + after] < 0:
            continue
        wait = 0
        for k in range(s[s[PRED_AT] + after], s[s[PRED_AT] + after + 1]):
            if s[s[PRED_OP] + k] == op:
                wait = s[s[PRED_WAIT] + k]
        there = s[s[LINE_PLANT] + s[s[MODE_LINE] + w[w[MODE] + after]]]
        end = ready_by(s, plant, there, g[LATEST * n + after]) - wait
        if end < limit:
            limit, slope = end, g[SLOPE * n + after]
    after = w[w[AFTER] + (w[w[HEAD] + op] if s[BESIDE] else op)]
    if after >= 0:
        end = g[LATEST * n + after] - setup_at(s, w, after)
        if end < limit:
            limit, slope = end, g[SLOPE * n + after]
    return int(limit), int(slope)


@kernel("void(int64[::1], int64[::1], int64[::1], int64, int64)")
def look(s: Any, w: Any, g: Any, low: int, high: int) -> None:
    """The guide anew for the operations from place `low` to `high` by start."""
    n = s[OPERATIONS]
    sort(s, w, g, low, high)
    for i in range(low, high):
        g[GAIN * n + g[BY_START * n + i]] = 0
    for i in range(high - 1, low - 1, -1):
        op = g[BY_START * n + i]
        if w[w[MODE] + op] < 0:
            g[LATEST * n + op], g[SLOPE * n + op], g[CAUSE * n + op] = NEVER, 0, -1
            continue
        plant = s[s[LINE_PLANT] + s[s[MODE_LINE] + w[w[MODE] + op]]]
        start, end = w[w[START] + op], w[w[END] + op]
        if s[s[OP_FIXED] + op]:
            g[LATEST * n + op], g[SLOPE * n + op], g[GAIN * n + op], g[CAUSE * n + op] = start, STANDS, 0, -1
            continue
        limit, slope = _limit(s, w, g, op, plant)
        g[LATEST * n + op], g[SLOPE * n + op] = limit - (end - start), slope
        order = s[s[OP_ORDER] + op]
        if s[s[SUCC_AT] + op] == s[s[SUCC_AT] + op + 1] and end == w[w[DONE] + order] > s[s[ORDER_DUE] + order]:
            g[GAIN * n + op] += slope
        ready, cause = ready_at(s, w, op, plant)
        before = w[w[BEFORE] + (w[w[HEAD] + op] if s[BESIDE] else op)]
        if before >= 0 and w[w[END] + before] + setup_at(s, w, op) > ready:
            ready, cause = w[w[END] + before] + setup_at(s, w, op), before
        if s[RESOURCES] and start > ready:
            cause = user_before(s, w, op, cause)
        g[CAUSE * n + op] = cause
        if cause >= 0:
            g[GAIN * n + cause] += g[GAIN * n + op]


@kernel("int64(int64[::1], int64[::1], int64[::1], int64, int64)", into_callers=True)
def at_start(s: Any, w: Any, g: Any, op: int, start: int) -> int:
    """About what it costs that an operation starts then; a gain is negative."""
    n, delay = s[OPERATIONS], start - w[w[START] + op]
    if delay <= 0:
        return int(g[GAIN * n + op] * delay)
    beyond = min(FAR, start - g[LATEST * n + op])
    return int(max(g[GAIN * n + op] * min(FAR, delay), g[SLOPE * n + op] * beyond))


@kernel("int64(int64[::1], int64[::1], int64[::1], int64, int64, int64)")
def at_end(s: Any, w: Any, g: Any, op: int, plant: int, end: int) -> int:
    """About what it costs in its own order that an operation, in this plant, ends then."""
    n, was = s[OPERATIONS], w[w[END] + op]
    first, last = s[s[SUCC_AT] + op], s[s[SUCC_AT] + op + 1]
    if first == last:
        order = s[s[OP_ORDER] + op]
        done = w[w[DONE] + order]
        if done == was or end > done:
            return int(order_cost(s, w, order, end) - order_cost(s, w, order, done))
        return 0
    total = 0
    for i in range(first, last):
        after = s[s[SUCC_OP] + i]
        if w[w[MODE] + after] < 0:
            continue
        if end > was:
            there = s[s[LINE_PLANT] + s[s[MODE_LINE] + w[w[MODE] + after]]]
            ready = arrival(s, plant, there, end)
            if ready > w[w[START] + after]:
                total += at_start(s, w, g, after, ready)
        elif g[CAUSE * n + after] == op:
            sooner, before = was - end, w[w[BEFORE] + after]
            if before >= 0:
                sooner = min(sooner, w[w[START] + after] - w[w[END] + before])
            total -= g[GAIN * n + after] * sooner
    return int(total)


@kernel("UniTuple(int64, 2)(int64[::1], int64[::1], int64, int64)", into_callers=True)
def left_by(s: Any, w: Any, line: int, before: int) -> tuple[int, int]:
    """When a line is free after an operation (-1: from the beginning), and what it is set up for."""
    if before < 0:
        return 0, s[s[LINE_FAMILY] + line]
    return w[w[END] + before], w[w[FAMILY] + before]


@kernel("int64(int64[::1], int64[::1], int64[::1], int64, int64, int64)")
def _follows(s: Any, w: Any, g: Any, op: int, before_end: int, before_family: int) -> int:
    """About what it costs that an operation comes after another end and family on its line, setup included."""
    line = s[s[MODE_LINE] + w[w[MODE] + op]]
    setup = setup_of(s, line, before_family, w[w[FAMILY] + op])
    ready, _ = ready_at(s, w, op, s[s[LINE_PLANT] + line])
    total = at_start(s, w, g, op, max(ready, after_setup(s, line, before_end, setup)))
    if w[W_SETUP]:
        total += w[W_SETUP] * (setup - setup_at(s, w, op))
    return int(total)


@kernel("int64(int64[::1], int64[::1], int64[::1], int64, int64, int64)")
def _along(s: Any, w: Any, g: Any, op: int, place: int, old_place: int) -> int:
    """About what a move on its own line costs: all between the two places is timed."""
    mode = w[w[MODE] + op]
    line = s[s[MODE_LINE] + mode]
    plant, row = s[s[LINE_PLANT] + line], w[ROW] + s[s[LINE_AT] + line]
    low, high = min(place, old_place), max(place, old_place)
    if high - low > LONGEST_WALK:
        return -NEVER
    end, family = left_by(s, w, line, w[row + low - 1] if low else -1)
    total = 0
    for i in range(low, high + 1):
        first = place < old_place
        at = low if first else high
        x = op if i == at else w[row + (i - 1 if first else i + 1)]
        setup = setup_of(s, line, family, w[w[FAMILY] + x])
        ready, _ = ready_at(s, w, x, plant)
        ready = max(ready, after_setup(s, line, end, setup))
        _, end = fit(s, line, s[s[OP_RUNNING] + x], s[s[MODE_TIME] + w[w[MODE] + x]], ready)
        if end >= NEVER:
            return NEVER
        total += at_end(s, w, g, x, plant, end)
        if w[W_SETUP]:
            total += w[W_SETUP] * (setup - setup_at(s, w, x))
        family = w[w[FAMILY] + x]
    if high + 1 < w[w[LENGTH] + line]:
        total += _follows(s, w, g, w[row + high + 1], end, family)
    return int(total)


@kernel("int64(int64[::1], int64[::1], int64[::1], int64, int64, int64)")
def entering(s: Any, w: Any, g: Any, op: int, mode: int, place: int) -> int:
    """About what it costs that an operation comes to a place of another line."""
    line, family = s[s[MODE_LINE] + mode], s[s[MODE_FAMILY] + mode]
    plant, row = s[s[LINE_PLANT] + line], w[ROW] + s[s[LINE_AT] + line]
    ready, _ = ready_at(s, w, op, plant)
    total, limited = 0, not s[s[LINE_UNLIMITED] + line]
    if limited:
        end, before = left_by(s, w, line, w[row + place - 1] if place else -1)
        setup = setup_of(s, line, before, family)
        ready = max(ready, after_setup(s, line, end, setup))
        total += w[W_SETUP] * setup
    after = w[row + place] if limited and place < w[w[LENGTH] + line] else -1
    _, end = fit_alone(s, w, op, mode, after, ready)
    if end >= NEVER:
        return NEVER
    total += at_end(s, w, g, op, plant, end)
    if after >= 0:
        setup = setup_of(s, line, family, w[w[FAMILY] + after])
        begin = after_setup(s, line, end, setup)
        if begin > w[w[START] + after]:
            total += at_start(s, w, g, after, begin)
        if w[W_SETUP]:
            total += w[W_SETUP] * (setup - setup_at(s, w, after))
    return int(total)


@kernel("int64(int64[::1], int64[::1], int64[::1], int64, int64, int64, int64)")
def estimate(s: Any, w: Any, g: Any, op: int, mode: int, place: int, old_place: int) -> int:
    """About what a move costs (places: so many others before it; -1 on a line without limit)."""
    old_line = s[s[MODE_LINE] + w[w[MODE] + op]]
    if s[s[MODE_LINE] + mode] == old_line and place >= 0:
        return _along(s, w, g, op, place, old_place)
    total = entering(s, w, g, op, mode, place)
    if old_place >= 0:
        after, before = w[w[AFTER] + op], w[w[BEFORE] + op]
        if w[W_SETUP]:
            total -= w[W_SETUP] * setup_at(s, w, op)
        if after >= 0:
            end, family = left_by(s, w, old_line, before)
            total += _follows(s, w, g, after, end, family)
    return int(total)
