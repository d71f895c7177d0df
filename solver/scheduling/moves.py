"""Compiled: what an annealed state costs, and moves of one operation, timed only until they cost more than they may.

A move first gives back what was taken (times only fall), then makes room (times only rise), and is given up as soon as
it costs more than its limit. All that changes is on the trail (`sequences.undo`), but for the rows (`put_back`).
"""

from __future__ import annotations

from typing import Any

from solver.native import kernel
from solver.scheduling.arrays import (
    BESIDE,
    LINE_AT,
    LINE_UNLIMITED,
    LONGEST,
    MODE_FAMILY,
    MODE_LINE,
    OP_FIXED,
    OP_ORDER,
    OPERATIONS,
    ORDER_AT,
    ORDERS,
    PRED_AT,
    PRED_OP,
    SUCC_AT,
    SUCC_OP,
)
from solver.scheduling.guide import EXTRA, W_FLOW, W_FOCUS, W_MAKESPAN, W_MOVED, W_SETUP, order_cost
from solver.scheduling.problem import NEVER
from solver.scheduling.rows import NOWHERE, fits_into, in_reach, into_row, out_of_row, place_on_line
from solver.scheduling.sequences import (
    done_of,
    enqueue,
    enqueue_before,
    set_times,
    setup_at,
    take_next,
    timed,
    undo,
)
from solver.scheduling.state import (
    AFTER,
    DONE,
    END,
    FAMILY,
    HEAD,
    HEAP_SIZE,
    LENGTH,
    MODE,
    RING,
    ROW,
    SHORT,
    START,
    TRAIL,
    TRAIL_SIZE,
)

DEAREST = 1 << 60  # no limit is as high
GIVEN_UP = 1 << 61
FALLS = 6  # so much of what falls is timed before what rises, the rest with it


@kernel("int64(int64[::1], int64[::1])")
def latest_end(s: Any, w: Any) -> int:
    """The makespan."""
    latest = 0
    for order in range(s[ORDERS]):
        latest = max(latest, w[w[DONE] + order])
    return int(latest)


@kernel("int64(int64[::1], int64[::1], int64)")
def begun_at(s: Any, w: Any, order: int) -> int:
    """When an order starts."""
    begun = NEVER
    for op in range(s[s[ORDER_AT] + order], s[s[ORDER_AT] + order + 1]):
        if w[w[MODE] + op] >= 0:
            begun = min(begun, w[w[START] + op])
    return int(begun)


@kernel("int64(int64[::1], int64, int64, int64, int64)", into_callers=True)
def moved_cost(w: Any, n: int, op: int, start: int, mode: int) -> int:
    """What it costs that an operation starts then, in this mode, if that is not so in the reference."""
    if w[W_MOVED] == 0:
        return 0
    at = w[EXTRA] + op
    if w[at + n] < 0:
        return 0
    return int(w[W_MOVED] if w[at] != start or w[at + n] != mode else 0)


@kernel("int64(int64[::1], int64[::1])")
def total_cost(s: Any, w: Any) -> int:
    """What the settled state costs."""
    total = w[W_MAKESPAN] * latest_end(s, w)
    for order in range(s[ORDERS]):
        total += order_cost(s, w, order, w[w[DONE] + order]) - w[W_FLOW] * begun_at(s, w, order)
    for op in range(s[OPERATIONS]):
        total += moved_cost(w, s[OPERATIONS], op, w[w[START] + op], w[w[MODE] + op])
        made = w[w[MODE] + op] >= 0
        if made and not s[s[LINE_UNLIMITED] + s[s[MODE_LINE] + w[w[MODE] + op]]]:
            total += w[W_SETUP] * setup_at(s, w, op)
    return int(total)


@kernel("int64(int64[::1], int64[::1], int64, int64, int64)")
def _retime_one(s: Any, w: Any, op: int, start: int, end: int) -> int:
    """Give an operation other times, on the trail, and its successors into the heap; the change of the costs."""
    at = w[TRAIL] + 3 * w[TRAIL_SIZE]
    w[at], w[at + 1], w[at + 2] = op, w[w[START] + op], w[w[END] + op]
    w[TRAIL_SIZE] += 1
    mode = w[w[MODE] + op]
    change = moved_cost(w, s[OPERATIONS], op, start, mode) - moved_cost(w, s[OPERATIONS], op, w[w[START] + op], mode)
    if w[W_FLOW]:
        change += w[W_FLOW] * begun_at(s, w, s[s[OP_ORDER] + op])
    set_times(s, w, op, start, end)
    if w[W_FLOW]:
        change -= w[W_FLOW] * begun_at(s, w, s[s[OP_ORDER] + op])
    first, last = s[s[SUCC_AT] + op], s[s[SUCC_AT] + op + 1]
    for i in range(first, last):
        after = s[s[SUCC_OP] + i]
        enqueue(w, w[w[HEAD] + after] if s[BESIDE] else after)
    if first < last:
        return int(change)
    order = s[s[OP_ORDER] + op]
    done, was = done_of(s, w, order), w[w[DONE] + order]
    if done == was:
        return int(change)
    at += 3
    w[at], w[at + 1] = -1 - order, was
    w[TRAIL_SIZE] += 1
    w[w[DONE] + order] = done
    return int(change + order_cost(s, w, order, done) - order_cost(s, w, order, was))


@kernel("int64(int64[::1], int64[::1], int64, int64, int64)")
def retime(s: Any, w: Any, op: int, start: int, end: int) -> int:
    """Give an operation and all of its batch other times, on the trail; the change of the costs.

    Their successors go into the heap, and what may not end so long before them.
    """
    if not s[BESIDE]:
        return int(_retime_one(s, w, op, start, end))
    delta, member = 0, op
    while True:
        delta += _retime_one(s, w, member, start, end)
        if s[LONGEST]:
            enqueue_before(s, w, member)
        member = w[w[RING] + member]
        if member == op:
            return delta


@kernel("int64(int64[::1], int64[::1], int64, int64)")
def time_there(s: Any, w: Any, op: int, ceiling: int) -> int:
    """Time an operation that has a new place: the change of the costs, or GIVEN_UP if it would end after `ceiling`.

    What that moves goes into the heap, but for what comes after it on its line.
    """
    start, end = timed(s, w, op)
    if start >= NEVER or end > ceiling:
        return GIVEN_UP
    return int(retime(s, w, op, start, end))


@kernel("int64(int64[::1])", into_callers=True)
def falls(w: Any) -> int:
    """So much of what falls is timed first. All, if a few orders are looked at most: what they gain comes last."""
    return NEVER if w[W_FOCUS] else FALLS


@kernel("int64(int64[::1], int64[::1], int64, int64, int64, int64)")
def propagate(s: Any, w: Any, delta: int, limit: int, latest: int, number: int) -> int:
    """Time what waits in the heap and all that follows: `delta` and the costs' change, or GIVEN_UP above `limit`.

    `latest`: the greatest end that is allowed. `number`: when so many have other times, the rest waits on. What waits
    for itself comes up again and again: that is given up, too.
    """
    # Where there are longest waits, what waits for itself is too frequent to go through so many.
    steps, most = 0, min(4 * s[OPERATIONS] + 100, 600 if s[LONGEST] else NEVER)
    while w[HEAP_SIZE] and number:
        op = take_next(w)
        if s[BESIDE]:
            op = w[w[HEAD] + op]  # it may have joined a batch while it waited
        steps += 1
        start, end = timed(s, w, op)
        if start == w[w[START] + op] and end == w[w[END] + op]:
            continue
        if start >= NEVER or end > latest or steps > most or w[TRAIL_SIZE] + 2 > 8 * s[OPERATIONS]:
            return GIVEN_UP
        change = retime(s, w, op, start, end)
        delta += change
        if change and delta > limit:
            return GIVEN_UP
        number -= 1
        after = w[w[AFTER] + op]
        if after >= 0:
            enqueue(w, after)
    return delta


@kernel("int64(int64[::1], int64[::1], int64, int64)")
def lift_off(s: Any, w: Any, op: int, place: int) -> int:
    """Take an operation off its line; the change of setup seconds. What was behind it goes into the heap."""
    setups, after = 0, w[w[AFTER] + op]
    if place < NOWHERE:  # its batch may start sooner without it
        after = w[w[RING] + op]
    else:
        setups = -setup_at(s, w, op)
        if after >= 0:
            setups -= setup_at(s, w, after)
    out_of_row(s, w, op, place)
    if after >= 0:
        if place >= 0:
            setups += setup_at(s, w, after)
        enqueue(w, w[w[HEAD] + after])
    return int(setups)


@kernel("int64(int64[::1], int64[::1], int64, int64)")
def take_out(s: Any, w: Any, op: int, place: int) -> int:
    """Take an operation off its line and time what was behind it; the change of the costs, or GIVEN_UP.

    Its own times stay. One setup may be longer than the two that it replaces: then times rise, which is fine too.
    """
    return propagate(s, w, w[W_SETUP] * lift_off(s, w, op, place), DEAREST, NEVER, falls(w))


@kernel("int64(int64[::1], int64[::1], int64, int64, int64)")
def put_in(s: Any, w: Any, op: int, mode: int, place: int) -> int:
    """Put an operation at a place; what the change of setups costs. Nothing is timed yet."""
    setups = 0
    if NOWHERE < place < w[w[LENGTH] + s[s[MODE_LINE] + mode]]:
        setups -= setup_at(s, w, w[w[ROW] + s[s[LINE_AT] + s[s[MODE_LINE] + mode]] + place])
    into_row(s, w, op, mode, place)
    after = w[w[AFTER] + op]
    if after >= 0:
        setups += setup_at(s, w, after)
    return int(w[W_SETUP] * (setups + setup_at(s, w, op)))


@kernel("int64(int64[::1], int64[::1], int64, int64, int64, int64)")
def make_room(s: Any, w: Any, op: int, delta: int, limit: int, ceiling: int) -> int:
    """Time an operation that has a new place, and all that this moves: `delta` and the costs' change, or GIVEN_UP."""
    end = w[w[END] + op]
    delta += time_there(s, w, op, ceiling)
    if delta >= DEAREST:
        return GIVEN_UP
    if s[BESIDE]:
        op = w[w[HEAD] + op]
    if w[w[END] + op] < end:  # what falls first, so that what rises afterwards only costs
        delta = propagate(s, w, delta, DEAREST, NEVER, falls(w))
    after = w[w[AFTER] + op]
    if after >= 0:
        enqueue(w, after)
    return propagate(s, w, delta, limit, ceiling, NEVER)


@kernel("int64(int64[::1], int64[::1], int64)")
def _may_move_beside(s: Any, w: Any, op: int) -> int:
    """As `may_move`, where there are units, batches or routes."""
    if w[w[MODE] + op] < 0 or (w[SHORT] and not in_reach(s, w, op)):
        return 0
    member = op
    while True:
        if s[s[OP_FIXED] + member]:
            return 0
        member = w[w[RING] + member]
        if member == op:
            return 1


@kernel("int64(int64[::1], int64[::1], int64)", into_callers=True)
def may_move(s: Any, w: Any, op: int) -> int:
    """Whether an operation is made, in reach (see `rows.shorten`), and nothing in its batch is fixed."""
    if s[s[OP_FIXED] + op]:
        return 0
    if not s[BESIDE]:
        return in_reach(s, w, op) if w[SHORT] else 1
    return _may_move_beside(s, w, op)


@kernel("void(int64[::1], int64[::1], int64, int64)", into_callers=True)
def set_mode(s: Any, w: Any, op: int, mode: int) -> None:
    """Another mode for an operation that is on no row."""
    w[w[MODE] + op], w[w[FAMILY] + op] = mode, s[s[MODE_FAMILY] + mode]


@kernel("void(int64[::1], int64[::1], int64, int64, int64, int64)")
def put_back(s: Any, w: Any, op: int, place: int, mode: int, old_place: int) -> None:
    """Undo a move: all is as it was before the operation, which stands at `place` or NOWHERE, was taken out."""
    undo(s, w)
    if place != NOWHERE:
        out_of_row(s, w, op, place)
    set_mode(s, w, op, mode)
    if old_place != NOWHERE:
        into_row(s, w, op, mode, old_place)


@kernel("int64(int64[::1], int64[::1], int64, int64)")
def may_join(s: Any, w: Any, op: int, head: int) -> int:
    """Whether an operation may go into a batch: it fits, nothing in it is fixed, and it need not wait for itself."""
    if w[w[HEAD] + op] == head or not fits_into(s, w, op, head):
        return 0
    member = head
    while True:
        if s[s[OP_FIXED] + member]:
            return 0
        member = w[w[RING] + member]
        if member == head:
            break
    for i in range(s[s[PRED_AT] + op], s[s[PRED_AT] + op + 1]):
        before = s[s[PRED_OP] + i]
        if w[w[HEAD] + before] == head or w[w[START] + before] >= w[w[END] + head]:
            return 0
    for i in range(s[s[SUCC_AT] + op], s[s[SUCC_AT] + op + 1]):
        after = s[s[SUCC_OP] + i]
        late = w[w[MODE] + after] >= 0 and w[w[START] + head] >= w[w[END] + after]
        if late or w[w[HEAD] + after] == head:
            return 0
    return 1


@kernel("int64(int64[::1], int64[::1], int64)", into_callers=True)
def place_now(s: Any, w: Any, op: int) -> int:
    """The place of an operation; NOWHERE on a line that has no row."""
    if not s[BESIDE] and s[s[LINE_UNLIMITED] + s[s[MODE_LINE] + w[w[MODE] + op]]]:
        return NOWHERE
    return int(place_on_line(s, w, op))
