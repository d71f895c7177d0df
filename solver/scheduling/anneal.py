"""Better sequences at any size, annealed: an operation that makes an order late goes elsewhere, or all of its order.

Two kinds of moves. *One operation* is taken out and put back at another place or line, if the guide does not say
beforehand that this is too dear. *An order* is taken out and put back, one operation after another, each where the
guide says that it costs least: so what follows an earlier start is drawn earlier, too. A move first gives back
what was taken (times only fall), then makes room (times only rise), and is given up as soon as it costs more than the
temperature allows. Source: van Laarhoven, Aarts, Lenstra, Job shop scheduling by simulated annealing (1992);
Mastrolilli and Gambardella, Effective neighbourhood functions for the flexible job shop problem (2000), for the places
where a move cannot make a cycle; Schrimpf et al., Record breaking optimization results using the ruin and recreate
principle (2000).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import exp, log
from time import monotonic
from typing import Any

import numpy as np
from numpy.typing import NDArray

from solver.native import kernel
from solver.scheduling.arrays import (
    BESIDE,
    LINE_AT,
    LINE_BATCH,
    LINE_PLANT,
    LINE_UNLIMITED,
    LONGEST,
    MODE_AT,
    MODE_FAMILY,
    MODE_LINE,
    MODE_TIME,
    OP_FIXED,
    OP_ORDER,
    OP_RUNNING,
    OPERATIONS,
    ORDER_AT,
    ORDER_DUE,
    ORDERS,
    PRED_AT,
    PRED_OP,
    RESOURCES,
    SLOT_AT,
    SLOT_OP,
    SUCC_AT,
    SUCC_OP,
    Arrays,
    Words,
)
from solver.scheduling.chance import below
from solver.scheduling.guide import (
    BY_START,
    EXTRA,
    FAR,
    GAIN,
    LATEST,
    SECTIONS,
    SLOPE,
    W_BROKEN,
    W_FLOW,
    W_FOCUS,
    W_MAKESPAN,
    W_MOVED,
    W_OVER,
    W_SETUP,
    estimate,
    keep_promises,
    left_by,
    look,
    order_cost,
)
from solver.scheduling.problem import NEVER
from solver.scheduling.rows import (
    NOWHERE,
    fits_into,
    into_row,
    out_of_row,
    place_of,
    place_on_line,
    share_units,
)
from solver.scheduling.schedule import Part, Schedule
from solver.scheduling.sequences import (
    done_of,
    enqueue,
    enqueue_beside,
    link,
    ready_at,
    settle,
    setup_at,
    take_next,
    timed,
    timed_beside,
    undo,
    unlink,
    work_of,
)
from solver.scheduling.state import (
    AFTER,
    BEFORE,
    DONE,
    END,
    FAMILY,
    HEAD,
    HEAP_SIZE,
    LENGTH,
    MODE,
    RIGID,
    RING,
    ROW,
    START,
    TRAIL,
    TRAIL_SIZE,
    UNIT_BEFORE,
    WEIGHTS,
)
from solver.scheduling.timing import after_setup, fit, setup_of

Columns = tuple[Words, Words, Words]  # mode, start and end of each operation
# what can be weighed, in the order of the words from WEIGHTS on
PARTS = (Part.BROKEN, Part.OVER, Part.TARDINESS, Part.MAKESPAN, Part.SETUP, Part.MOVED, Part.FLOW)
DEAREST = 1 << 60  # no limit is as high
GIVEN_UP = 1 << 61
NEAR = 6_000  # so many operations are looked at together: what a core keeps at hand
STALE = 60  # so many accepted moves, then the guide looks again
MOST = 8  # operations of one order that are taken out together
STEPS = 24  # so far back from the end of a late order at most
COOLING = 400.0  # the first temperature over the last
ORDERS_IN = 6  # one move in so many takes out the operations of an order: more than half of the time


@kernel("int64(int64[::1], int64[::1])")
def _latest(s: Any, w: Any) -> int:
    """The makespan."""
    latest = 0
    for order in range(s[ORDERS]):
        latest = max(latest, w[w[DONE] + order])
    return int(latest)


@kernel("int64(int64[::1], int64[::1], int64)")
def _begun(s: Any, w: Any, order: int) -> int:
    """When an order starts."""
    begun = NEVER
    for op in range(s[s[ORDER_AT] + order], s[s[ORDER_AT] + order + 1]):
        if w[w[MODE] + op] >= 0:
            begun = min(begun, w[w[START] + op])
    return int(begun)


@kernel("int64(int64[::1], int64, int64, int64, int64)", into_callers=True)
def _moved(w: Any, n: int, op: int, start: int, mode: int) -> int:
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
    total = w[W_MAKESPAN] * _latest(s, w)
    for order in range(s[ORDERS]):
        total += order_cost(s, w, order, w[w[DONE] + order]) - w[W_FLOW] * _begun(s, w, order)
    for op in range(s[OPERATIONS]):
        total += _moved(w, s[OPERATIONS], op, w[w[START] + op], w[w[MODE] + op])
        made = w[w[MODE] + op] >= 0
        if made and not s[s[LINE_UNLIMITED] + s[s[MODE_LINE] + w[w[MODE] + op]]]:
            total += w[W_SETUP] * setup_at(s, w, op)
    return int(total)


@kernel("int64(int64[::1], int64[::1], int64, int64, int64)")
def _retime(s: Any, w: Any, op: int, start: int, end: int) -> int:
    """Give an operation other times, on the trail, and its successors into the heap; the change of the costs."""
    at = w[TRAIL] + 3 * w[TRAIL_SIZE]
    w[at], w[at + 1], w[at + 2] = op, w[w[START] + op], w[w[END] + op]
    w[TRAIL_SIZE] += 1
    mode = w[w[MODE] + op]
    change = _moved(w, s[OPERATIONS], op, start, mode) - _moved(w, s[OPERATIONS], op, w[w[START] + op], mode)
    if w[W_FLOW]:
        change += w[W_FLOW] * _begun(s, w, s[s[OP_ORDER] + op])
    w[w[START] + op], w[w[END] + op] = start, end
    if w[W_FLOW]:
        change -= w[W_FLOW] * _begun(s, w, s[s[OP_ORDER] + op])
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
def _retime_beside(s: Any, w: Any, head: int, start: int, end: int) -> int:
    """`_retime` for all of a batch; what has their units next goes into the heap, too."""
    delta, op = 0, head
    while True:
        delta += _retime(s, w, op, start, end)
        enqueue_beside(s, w, op)
        op = w[w[RING] + op]
        if op == head:
            return delta


@kernel("int64(int64[::1], int64[::1], int64, int64, int64)")
def _propagate(s: Any, w: Any, delta: int, limit: int, latest: int) -> int:
    """Time what waits in the heap and all that follows: `delta` and the costs' change, or GIVEN_UP above `limit`.

    `latest`: the greatest end that is allowed. What waits for itself comes up again and again: that is given up, too.
    """
    # Where units change hands, what waits for itself is too frequent to go through so many.
    steps, most = 0, min(4 * s[OPERATIONS] + 100, 600 if s[RESOURCES] or s[LONGEST] else NEVER)
    while w[HEAP_SIZE]:
        op = take_next(w)
        steps += 1
        start, end = timed(s, w, op)
        if start == w[w[START] + op] and end == w[w[END] + op]:
            continue
        if start >= NEVER or end > latest or steps > most or w[TRAIL_SIZE] + 2 > 8 * s[OPERATIONS]:
            return GIVEN_UP
        change = _retime_beside(s, w, op, start, end) if s[BESIDE] else _retime(s, w, op, start, end)
        delta += change
        if change and delta > limit:
            return GIVEN_UP
        after = w[w[AFTER] + op]
        if after >= 0:
            enqueue(w, after)
    return delta


@kernel("int64(int64[::1], int64[::1], uint64[::1], int64)")
def _costly(s: Any, w: Any, r: Any, latest: int) -> int:
    """An order that makes the schedule dear: a late one, or one that ends last; -1 if none was met."""
    orders = s[ORDERS]
    if w[W_FOCUS] and below(r, 2):
        order = below(r, w[W_FOCUS])
        if w[w[DONE] + order] > s[s[ORDER_DUE] + order]:
            return order
    for _ in range(12):
        order = below(r, orders)
        done = w[w[DONE] + order]
        if done == latest if w[W_MAKESPAN] else done > s[s[ORDER_DUE] + order]:
            return order
    if w[W_MAKESPAN]:
        first = below(r, orders)
        for i in range(orders):
            order = (first + i) % orders
            if w[w[DONE] + order] == latest:
                return int(order)
    return -1


@kernel("int64(int64[::1], int64[::1], int64)")
def _member(s: Any, w: Any, op: int) -> int:
    """Of what is in a batch the one that is ready last."""
    latest, last, member = -1, op, op
    while w[w[RING] + op] != op:
        ready, _ = ready_at(s, w, member, s[s[LINE_PLANT] + s[s[MODE_LINE] + w[w[MODE] + member]]])
        if ready > latest:
            latest, last = ready, member
        member = w[w[RING] + member]
        if member == op:
            break
    return last


@kernel("int64(int64[::1], int64[::1], int64, int64)")
def _last_before(s: Any, w: Any, op: int, before: int) -> int:
    """Which of those before an operation on its line (`before`) and on its units ends last."""
    for slot in range(s[s[SLOT_AT] + op], s[s[SLOT_AT] + op + 1]):
        if w[w[UNIT_BEFORE] + slot] >= 0:
            other = s[s[SLOT_OP] + w[w[UNIT_BEFORE] + slot]]
            if before < 0 or w[w[END] + other] > w[w[END] + before]:
                before = other
    return before


@kernel("int64(int64[::1], int64[::1], uint64[::1], int64)")
def _chosen(s: Any, w: Any, r: Any, latest: int) -> int:
    """An operation of a critical path, a few steps before the end of a costly order; sometimes any operation."""
    n, orders = s[OPERATIONS], s[ORDERS]
    order = _costly(s, w, r, latest) if below(r, 8) else -1
    if order < 0:
        return below(r, n)
    op = s[s[ORDER_AT] + order]
    for other in range(s[s[ORDER_AT] + order], s[s[ORDER_AT] + order + 1]):
        if w[w[END] + other] == w[w[DONE] + order]:
            op = other
    for _ in range(below(r, 4 + n // max(1, orders) * 4 if w[W_MAKESPAN] else 8)):
        if s[BESIDE]:
            op = _member(s, w, op)
        ready, cause = ready_at(s, w, op, s[s[LINE_PLANT] + s[s[MODE_LINE] + w[w[MODE] + op]]])
        before = w[w[BEFORE] + (w[w[HEAD] + op] if s[BESIDE] else op)]
        if s[RESOURCES] and w[w[START] + op] > ready:
            before = _last_before(s, w, op, before)
        if before >= 0 and (w[w[START] + op] > ready or (w[w[END] + before] == ready and below(r, 2))):
            cause = before
        if cause < 0:
            break
        op = cause
    return int(op)


@kernel("int64(int64[::1], int64[::1], int64, int64)")
def _may_join(s: Any, w: Any, op: int, head: int) -> int:
    """Whether an operation may go into a batch: it fits, nothing in it is fixed, and it need not wait for itself."""
    if not fits_into(s, w, op, head):
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


@kernel("int64(int64[::1], int64[::1], uint64[::1], int64, int64)")
def _place(s: Any, w: Any, r: Any, op: int, line: int) -> int:
    """Where an operation, which is on no line now, may go on a line: so many before it; -1 where there is no place.

    It must not wait for itself: it comes after nothing that its successors end before, and before nothing that its
    predecessors start after.
    """
    ready, _ = ready_at(s, w, op, s[s[LINE_PLANT] + line])
    floor, roof = 0, NEVER
    for i in range(s[s[PRED_AT] + op], s[s[PRED_AT] + op + 1]):
        floor = max(floor, w[w[START] + s[s[PRED_OP] + i]])
    for i in range(s[s[SUCC_AT] + op], s[s[SUCC_AT] + op + 1]):
        if w[w[MODE] + s[s[SUCC_OP] + i]] >= 0:
            roof = min(roof, w[w[END] + s[s[SUCC_OP] + i]])
    low, high = place_of(s, w, line, floor), place_of(s, w, line, roof)
    length, row = w[w[LENGTH] + line], w[ROW] + s[s[LINE_AT] + line]
    near = below(r, 4)
    if near == 0:  # as soon as it may
        place = place_of(s, w, line, ready) + below(r, 4) - 1
    else:  # about where it was, or later by what its order can spare
        order = s[s[OP_ORDER] + op]
        spare = max(0, s[s[ORDER_DUE] + order] - w[w[DONE] + order])
        now = w[w[START] + op] + (below(r, spare + 1) if near == 1 else 0)
        at = place_of(s, w, line, max(ready, now)) + below(r, 9) - 5
        place = at
        if near == 3:  # beside its own family
            for step in range(24):
                i = at + (step >> 1 if step & 1 else -(step >> 1))
                if 0 <= i < length and w[w[FAMILY] + w[row + i]] == w[w[FAMILY] + op]:
                    place = i + below(r, 2)
                    break
    place = max(low, min(high, place, length))
    if s[s[LINE_BATCH] + line] and below(r, 3):
        for i in (place, place - 1):
            if 0 <= i < length and _may_join(s, w, op, w[row + i]):
                return int(-2 - 2 * w[row + i])
    return int(place) if place <= high else NOWHERE


@kernel("int64(int64[::1], int64[::1], int64, int64)")
def _take_out(s: Any, w: Any, op: int, place: int) -> int:
    """Take an operation off its line and time what was behind it; the change of the costs, or GIVEN_UP.

    Its own times stay. One setup may be longer than the two that it replaces: then times rise, which is fine too.
    """
    setups = 0
    if place < NOWHERE:  # its batch may start sooner without it
        after = w[w[RING] + op]
        unlink(s, w, op, place)
    else:
        after = w[w[AFTER] + op]
        setups = -setup_at(s, w, op)
        if after >= 0:
            setups -= setup_at(s, w, after)
        unlink(s, w, op, place)
        if after >= 0:
            setups += setup_at(s, w, after)
    if after >= 0:
        enqueue(w, w[w[HEAD] + after])
    return _propagate(s, w, w[W_SETUP] * setups, DEAREST, NEVER)


@kernel("int64(int64[::1], int64[::1], int64, int64, int64)")
def _put_in(s: Any, w: Any, op: int, mode: int, place: int) -> int:
    """Put an operation at a place; what the change of setups costs, or GIVEN_UP. Nothing is timed yet."""
    setups = 0
    if NOWHERE < place < w[w[LENGTH] + s[s[MODE_LINE] + mode]]:
        setups -= setup_at(s, w, w[w[ROW] + s[s[LINE_AT] + s[s[MODE_LINE] + mode]] + place])
    if not link(s, w, op, mode, place):
        return GIVEN_UP
    after = w[w[AFTER] + op]
    if after >= 0:
        setups += setup_at(s, w, after)
    return int(w[W_SETUP] * (setups + setup_at(s, w, op)))


@kernel("int64(int64[::1], int64[::1], int64, int64, int64, int64)")
def _make_room(s: Any, w: Any, op: int, delta: int, limit: int, ceiling: int) -> int:
    """Time an operation that has a new place, and all that this moves: `delta` and the costs' change, or GIVEN_UP."""
    start, end = timed_beside(s, w, w[w[HEAD] + op], 0) if s[BESIDE] else timed(s, w, op)
    if start >= NEVER or end > ceiling:
        return GIVEN_UP
    sooner = end < w[w[END] + op]
    if s[BESIDE]:
        delta += _retime_beside(s, w, op, start, end)
        op = w[w[HEAD] + op]
    else:
        delta += _retime(s, w, op, start, end)
    if sooner:  # what falls first, so that what rises afterwards only costs
        w[RIGID] = 1  # what comes after it here does not know yet
        delta = _propagate(s, w, delta, DEAREST, NEVER)
        w[RIGID] = 0
    after = w[w[AFTER] + op]
    if after >= 0:
        enqueue(w, after)
    return _propagate(s, w, delta, limit, ceiling)


@kernel("int64(int64[::1], int64[::1], int64)")
def _may_move(s: Any, w: Any, op: int) -> int:
    """Whether an operation is made, and nothing in its batch is fixed."""
    if w[w[MODE] + op] < 0:
        return 0
    member = op
    while True:
        if s[s[OP_FIXED] + member]:
            return 0
        member = w[w[RING] + member]
        if member == op:
            return 1


@kernel("void(int64[::1], int64[::1], int64, int64)", into_callers=True)
def _set_mode(s: Any, w: Any, op: int, mode: int) -> None:
    """Another mode for an operation that is on no row."""
    w[w[MODE] + op], w[w[FAMILY] + op] = mode, s[s[MODE_FAMILY] + mode]


@kernel("void(int64[::1], int64[::1], int64, int64, int64, int64, int64, int64)")
def _put_back(s: Any, w: Any, op: int, place: int, mode: int, old_place: int, start: int, end: int) -> None:
    """Undo a move: all is as it was before the operation, which stands at `place` or NOWHERE, was taken out."""
    undo(s, w)
    if place != NOWHERE:
        out_of_row(s, w, op, place)
    _set_mode(s, w, op, mode)
    w[w[START] + op], w[w[END] + op] = start, end
    if old_place != NOWHERE:
        into_row(s, w, op, mode, old_place)


@kernel("int64(int64[::1], int64[::1], uint64[::1], int64[::1], int64, float64)")
def anneal(s: Any, w: Any, r: Any, cost: Any, moves: int, temperature: float) -> int:
    """So many moves at this temperature from the settled state; `cost[0]` is kept true; how many were accepted."""
    accepted, latest = 0, _latest(s, w)
    for _ in range(moves):
        op = _chosen(s, w, r, latest)
        if s[s[OP_FIXED] + op] or (s[BESIDE] and not _may_move(s, w, op)):
            continue
        limit = int(-temperature * np.log((below(r, 1 << 30) + 1) / (1 << 30)))
        # With a weight on the makespan what costs more may be paid for by an earlier end of all.
        most, ceiling = limit, NEVER
        if w[W_MAKESPAN]:
            most, ceiling = DEAREST, latest + limit // w[W_MAKESPAN]
        first = s[s[MODE_AT] + op]
        mode, old_mode = first + below(r, s[s[MODE_AT] + op + 1] - first), w[w[MODE] + op]
        line, old_line = s[s[MODE_LINE] + mode], s[s[MODE_LINE] + old_mode]
        old_start, old_end, old_place = w[w[START] + op], w[w[END] + op], NOWHERE
        delta, top, place = 0, latest, NOWHERE
        w[TRAIL_SIZE] = 0
        if s[RESOURCES] or not s[s[LINE_UNLIMITED] + old_line]:
            old_place = place_on_line(s, w, op)
            delta = _take_out(s, w, op, old_place)
        ok = delta < DEAREST
        delta += _moved(w, s[OPERATIONS], op, old_start, mode) - _moved(w, s[OPERATIONS], op, old_start, old_mode)
        _set_mode(s, w, op, mode)
        if ok and (s[RESOURCES] or not s[s[LINE_UNLIMITED] + line]):
            place = 0 if s[s[LINE_UNLIMITED] + line] else _place(s, w, r, op, line)
            ok = place != NOWHERE and not (line == old_line and place == old_place)
            if ok:
                delta += _put_in(s, w, op, mode, place)
                ok = delta < DEAREST
            else:
                place = NOWHERE
        if ok:
            delta = _make_room(s, w, op, delta, most, ceiling)
            if w[W_MAKESPAN] and delta < DEAREST:
                top = _latest(s, w)
                delta += w[W_MAKESPAN] * (top - latest)
            if delta <= limit:
                accepted += 1
                cost[0] += delta
                latest = top
                continue
        _put_back(s, w, op, place, old_mode, old_place, old_start, old_end)
    return accepted


# --- moves by the guide -----------------------------------------------------------------------------------------------


@kernel("int64(int64[::1], int64[::1], int64[::1], uint64[::1], int64, int64)")
def _costly_near(s: Any, w: Any, g: Any, r: Any, low: int, high: int) -> int:
    """An order of what stands from place `low` to `high` by start: a late one, if one is met soon."""
    begin, order = BY_START * s[OPERATIONS], 0
    if w[W_FOCUS] and below(r, 2):
        order = below(r, w[W_FOCUS])
        if w[w[DONE] + order] > s[s[ORDER_DUE] + order]:
            return int(order)
    for _ in range(12):
        order = s[s[OP_ORDER] + g[begin + low + below(r, high - low)]]
        if w[w[DONE] + order] > s[s[ORDER_DUE] + order]:
            break
    return int(order)


@kernel("int64(int64[::1], int64[::1], int64[::1], uint64[::1], int64, int64)")
def _chosen_near(s: Any, w: Any, g: Any, r: Any, low: int, high: int) -> int:
    """An operation of a critical path, a few steps before the end of a late order; sometimes any operation."""
    n = s[OPERATIONS]
    if below(r, 8) == 0:
        return int(g[BY_START * n + low + below(r, high - low)])
    order = _costly_near(s, w, g, r, low, high)
    op = s[s[ORDER_AT] + order]
    for other in range(s[s[ORDER_AT] + order], s[s[ORDER_AT] + order + 1]):
        if w[w[END] + other] == w[w[DONE] + order]:
            op = other
    for _ in range(below(r, STEPS)):
        ready, cause = ready_at(s, w, op, s[s[LINE_PLANT] + s[s[MODE_LINE] + w[w[MODE] + op]]])
        before = w[w[BEFORE] + op]
        if before >= 0 and (w[w[START] + op] > ready or (w[w[END] + before] == ready and below(r, 2))):
            cause = before
        if cause < 0:
            break
        op = cause
    return int(op)


@kernel("int64(int64[::1], int64[::1], int64)", into_callers=True)
def _row_place(s: Any, w: Any, op: int) -> int:
    """How many are before an operation on its line; -1 on a line without limit."""
    if s[s[LINE_UNLIMITED] + s[s[MODE_LINE] + w[w[MODE] + op]]]:
        return -1
    return int(place_on_line(s, w, op))


# --- a move of one operation ------------------------------------------------------------------------------------------


@kernel("int64(int64[::1], int64[::1], int64, int64, int64, int64, int64)")
def _relocate(s: Any, w: Any, op: int, mode: int, place: int, old_place: int, limit: int) -> int:
    """Make a move: what it changes of the costs, or GIVEN_UP, with all as it was, if that is more than `limit`."""
    old_mode, old_start, old_end = w[w[MODE] + op], w[w[START] + op], w[w[END] + op]
    delta = _take_out(s, w, op, old_place) if old_place != NOWHERE else 0
    _set_mode(s, w, op, mode)
    delta += _moved(w, s[OPERATIONS], op, old_start, mode) - _moved(w, s[OPERATIONS], op, old_start, old_mode)
    linked = delta < DEAREST and place != NOWHERE
    if linked:
        delta += _put_in(s, w, op, mode, place)
    if delta < DEAREST:
        delta = _make_room(s, w, op, delta, limit, NEVER)
    if delta <= limit:
        return int(delta)
    _put_back(s, w, op, place if linked else NOWHERE, old_mode, old_place, old_start, old_end)
    return GIVEN_UP


@kernel("int64(int64[::1], int64[::1], int64[::1], uint64[::1], int64, int64)")
def _move_one(s: Any, w: Any, g: Any, r: Any, op: int, limit: int) -> int:
    """Propose a place for an operation and go there: the change of the costs, or GIVEN_UP."""
    old_mode, first = w[w[MODE] + op], s[s[MODE_AT] + op]
    mode = first + below(r, s[s[MODE_AT] + op + 1] - first)
    line, old_place, place = s[s[MODE_LINE] + mode], _row_place(s, w, op), NOWHERE
    if not s[s[LINE_UNLIMITED] + line]:
        family = w[w[FAMILY] + op]
        w[w[FAMILY] + op] = s[s[MODE_FAMILY] + mode]
        place = _place(s, w, r, op, line)
        w[w[FAMILY] + op] = family
        if place == NOWHERE:
            return GIVEN_UP
        if mode == old_mode and place > old_place:
            place -= 1
    if mode == old_mode and place == old_place:
        return GIVEN_UP
    if estimate(s, w, g, op, mode, place, old_place) > limit:
        return GIVEN_UP
    return int(_relocate(s, w, op, mode, place, old_place, limit))


# --- a move of an order ----------------------------------------------------------------------------------------------


@kernel("UniTuple(int64, 2)(int64[::1], int64[::1], int64[::1], uint64[::1], int64, int64, int64)")
def _least(s: Any, w: Any, g: Any, r: Any, op: int, roof: int, heat: int) -> tuple[int, int]:
    """Mode and place where an operation that is on no row costs least; (-1, -1): nowhere.

    What it costs is what it does to the operation behind it and, if all else of its order takes the shortest way or
    some longer one, to its order; something random is added, by the heat.
    """
    n, order = s[OPERATIONS], s[s[OP_ORDER] + op]
    rest = w[w[DONE] + order] - w[w[END] + op]
    rest += rest * below(r, 256) // 128
    floor = 0
    for i in range(s[s[PRED_AT] + op], s[s[PRED_AT] + op + 1]):
        floor = max(floor, w[w[START] + s[s[PRED_OP] + i]])
    best_mode, best_place, least = -1, -1, DEAREST
    for mode in range(s[s[MODE_AT] + op], s[s[MODE_AT] + op + 1]):
        line, family = s[s[MODE_LINE] + mode], s[s[MODE_FAMILY] + mode]
        ready, _ = ready_at(s, w, op, s[s[LINE_PLANT] + line])
        limited, row = not s[s[LINE_UNLIMITED] + line], w[ROW] + s[s[LINE_AT] + line]
        place = last = -1
        if limited:
            at = place_of(s, w, line, ready)
            place = max(place_of(s, w, line, floor), at - 2)
            last = min(at + 12, place_of(s, w, line, roof), w[w[LENGTH] + line])
        while place <= last:
            begin, setup, value = ready, 0, 0
            if limited:
                end, before = left_by(s, w, line, w[row + place - 1] if place else -1)
                setup = setup_of(s, line, before, family)
                begin = max(ready, after_setup(s, line, end, setup))
            _, end = fit(s, line, s[s[OP_RUNNING] + op], s[s[MODE_TIME] + mode], begin)
            value = order_cost(s, w, order, end + rest)
            if end >= NEVER or value > least:
                break
            if limited and place < w[w[LENGTH] + line]:
                after = w[row + place]
                behind = setup_of(s, line, family, w[w[FAMILY] + after])
                late = min(FAR, after_setup(s, line, end, behind) - g[LATEST * n + after])
                if late > 0:
                    value += max(g[SLOPE * n + after], g[GAIN * n + after]) * late
                setup += behind - setup_of(s, line, before, w[w[FAMILY] + after])
            value += w[W_SETUP] * setup
            value -= int(heat * np.log((below(r, 1 << 30) + 1) / (1 << 30)))
            if value < least:
                best_mode, best_place, least = mode, place, value
            place += 1
    return best_mode, best_place


@kernel("int64(int64[::1], int64[::1], int64[::1], int64, int64)")
def _lift(s: Any, w: Any, out: Any, first: int, last: int) -> int:
    """Take what is not fixed of these operations off their lines, into `out` (operation, mode, place): how many.

    Behind them `out` gets the change of setup seconds.
    """
    count, setups = 0, 0
    for op in range(first, last):
        if s[s[OP_FIXED] + op]:
            continue
        place = _row_place(s, w, op)
        out[3 * count], out[3 * count + 1], out[3 * count + 2] = op, w[w[MODE] + op], place
        count += 1
        if place >= 0:
            after = w[w[AFTER] + op]
            setups -= setup_at(s, w, op)
            if after >= 0:
                setups -= setup_at(s, w, after)
            unlink(s, w, op, place)
            if after >= 0:
                setups += setup_at(s, w, after)
                enqueue(w, after)
    out[3 * MOST] = setups
    for i in range(count):
        enqueue(w, out[3 * i])
    return count


@kernel("void(int64[::1], int64[::1], int64[::1], int64, int64)")
def _lay_back(s: Any, w: Any, out: Any, count: int, linked: int) -> None:
    """Put what was lifted back where it was, the first `linked` of which stand elsewhere; times are as they were."""
    for i in range(linked):
        op = out[3 * i]
        line = s[s[MODE_LINE] + w[w[MODE] + op]]
        if not s[s[LINE_UNLIMITED] + line]:
            row, place = w[ROW] + s[s[LINE_AT] + line], 0
            while w[row + place] != op:
                place += 1
            unlink(s, w, op, place)
    for i in range(count - 1, -1, -1):
        op, mode, place = out[3 * i], out[3 * i + 1], out[3 * i + 2]
        if place >= 0:
            link(s, w, op, mode, place)
        else:
            _set_mode(s, w, op, mode)


@kernel("int64(int64[::1], int64[::1], int64[::1], int64, int64, int64)")
def _roof(s: Any, w: Any, out: Any, count: int, first: int, last: int) -> int:
    """The earliest end of what comes after the lifted operations and stands: nothing of them may go behind it."""
    roof = NEVER
    for i in range(count):
        op = out[3 * i]
        for k in range(s[s[SUCC_AT] + op], s[s[SUCC_AT] + op + 1]):
            after = s[s[SUCC_OP] + k]
            if after < first or after >= last or s[s[OP_FIXED] + after]:
                roof = min(roof, w[w[END] + after])
    return int(roof)


@kernel("int64(int64[::1], int64[::1], int64[::1], uint64[::1], int64[::1], int64, int64, int64)")
def _move_order(s: Any, w: Any, g: Any, r: Any, out: Any, op: int, limit: int, heat: int) -> int:
    """Put an operation's order, or up to MOST operations of it, elsewhere: the change of the costs, or GIVEN_UP."""
    order, n = s[s[OP_ORDER] + op], s[OPERATIONS]
    first, last = s[s[ORDER_AT] + order], s[s[ORDER_AT] + order + 1]
    if below(r, 4) == 0:
        first, last = op, min(last, op + 1 + below(r, 2))
    elif last - first > MOST:
        first = max(first, op - below(r, MOST))
        last = min(last, first + MOST)
    count = _lift(s, w, out, first, last)
    delta = _propagate(s, w, w[W_SETUP] * out[3 * MOST], DEAREST, NEVER)
    roof, linked, same = _roof(s, w, out, count, first, last), 0, 1
    while linked < count and delta < DEAREST:
        op = out[3 * linked]
        mode, place = _least(s, w, g, r, op, roof, heat)
        if mode < 0:
            break
        if mode != out[3 * linked + 1] or place != out[3 * linked + 2]:
            same = 0
        start = w[w[START] + op]
        delta += _moved(w, n, op, start, mode) - _moved(w, n, op, start, w[w[MODE] + op])
        if place >= 0:
            delta += _put_in(s, w, op, mode, place)
        else:
            _set_mode(s, w, op, mode)
        linked += 1
        delta = _make_room(s, w, op, delta, limit, NEVER)
        if delta > limit:
            break
    if linked == count and delta <= limit and not same:
        return int(delta)
    undo(s, w)
    _lay_back(s, w, out, count, linked)
    return GIVEN_UP


# --- annealing --------------------------------------------------------------------------------------------------------


@kernel("void(int64[::1], int64[::1], int64[::1], uint64[::1], int64[::1])")
def _near(s: Any, w: Any, g: Any, r: Any, bounds: Any) -> None:
    """The places by start between which moves are made for a while: all of them, or those around a late order."""
    n = s[OPERATIONS]
    bounds[0], bounds[1] = 0, n
    look(s, w, g, 0, n)
    if n <= 2 * NEAR:
        return
    order = _costly_near(s, w, g, r, 0, n)
    begin, low, high = BY_START * n, 0, n
    while low < high:
        middle = (low + high) >> 1
        if w[w[START] + g[begin + middle]] < w[w[DONE] + order]:
            low = middle + 1
        else:
            high = middle
    bounds[0] = max(0, min(low - NEAR // 2, n - NEAR))
    bounds[1] = bounds[0] + NEAR


@kernel("int64(int64[::1], int64[::1], int64[::1], uint64[::1], int64[::1], int64, float64)", allocates=True)
def anneal_guided(s: Any, w: Any, g: Any, r: Any, cost: Any, moves: int, temperature: float) -> int:
    """As `anneal`, with a guide and both kinds of moves: where there is nothing beside the lines and no makespan."""
    accepted, stale = 0, 0
    out, bounds = np.zeros(3 * MOST + 1, np.int64), np.zeros(2, np.int64)
    _near(s, w, g, r, bounds)
    for _ in range(moves):
        if stale >= STALE:
            look(s, w, g, bounds[0], bounds[1])
            stale = 0
        op = _chosen_near(s, w, g, r, bounds[0], bounds[1])
        if s[s[OP_FIXED] + op]:
            continue
        limit = int(-temperature * np.log((below(r, 1 << 30) + 1) / (1 << 30)))
        w[TRAIL_SIZE] = 0
        if below(r, ORDERS_IN) == 0:
            delta = _move_order(s, w, g, r, out, op, limit, int(temperature))
        else:
            delta = _move_one(s, w, g, r, op, limit)
        if delta < DEAREST:
            accepted += 1
            stale += 1
            cost[0] += delta
    return accepted


def weights_of(weights: Mapping[Part, int]) -> Words:
    """What a second (a broken promise, an operation that has moved) costs, in the order of PARTS."""
    return np.array([weights.get(part, 0) for part in PARTS], dtype=np.int64)


def reference_columns(arrays: Arrays, reference: Schedule) -> Columns:
    """Mode (-1: it was not there, or on a line that cannot make it any more), start and end in another schedule."""
    mode = np.full(len(arrays.operations), -1, dtype=np.int64)
    start, end = np.zeros_like(mode), np.zeros_like(mode)
    first = arrays.column(MODE_AT, len(arrays.operations)).tolist()
    for i, operation in enumerate(arrays.operations):
        place = reference.placements.get(operation.id)
        if place is not None:
            on = (first[i] + k for k, one in enumerate(operation.modes) if one.line == place.line)
            mode[i], start[i], end[i] = next(on, -1), place.start, place.end
    return mode, start, end


class Untimed(ValueError):
    """The sequences of a schedule contradict its routings or what is fixed: they have no times."""


@dataclass(frozen=True, slots=True)
class Annealed:
    """What a run has come to: columns by operation, what they cost, and how it went."""

    mode: Words
    start: Words
    end: Words
    cost: int
    moves: int
    accepted: int


@dataclass(frozen=True, slots=True)
class State:
    """What the kernels change: sequences and times `w`, the guide `g`, the random numbers `r` and `cost[0]`."""

    w: Words
    g: Words
    r: NDArray[np.uint64]
    cost: Words

    def columns(self) -> Columns:
        """Mode, start and end of each operation, as they are now."""
        n = len(self.g) // SECTIONS
        mode, start, end = (self.w[self.w[k] : self.w[k] + n].copy() for k in (MODE, START, END))
        return mode, start, end

    def tightened(self, s: Words) -> None:
        """Share the units anew by the present starts, and time everything again, if that is possible."""
        kept, (_, start, end) = self.w.copy(), self.columns()
        share_units(s, self.w, np.lexsort((end, start)).astype(np.int64))
        if settle(s, self.w):
            self.cost[0] = total_cost(s, self.w)
        else:
            self.w[:] = kept


def state_of(
    arrays: Arrays,
    columns: Columns,
    weights: Words,
    seed: int = 0,
    reference: Columns | None = None,
    *,
    keeping: bool = True,
) -> State:
    """The timed state of a complete schedule; `reference`: what MOVED compares with, else the schedule. Raises Untimed.

    If broken promises count and it is `keeping`, none is broken any more that the timed schedule keeps.
    """
    s, n = arrays.words, len(arrays.operations)
    mode, start, _ = reference or columns
    w = work_of(arrays, *columns)
    w[WEIGHTS : WEIGHTS + len(weights)], w[EXTRA] = weights, len(w)
    w = np.concatenate((w, start, mode, np.zeros(len(arrays.problem.orders), dtype=np.int64)))
    if not settle(s, w):
        raise Untimed
    if keeping and (w[W_BROKEN] or w[W_OVER]):
        keep_promises(s, w)
    g = np.zeros(SECTIONS * n, dtype=np.int64)
    g[BY_START * n : (BY_START + 1) * n] = np.argsort(w[w[START] : w[START] + n], kind="stable")
    r = np.array([seed * 2_654_435_769 + 88_172_645_463_325_252], dtype=np.uint64)
    return State(w, g, r, np.array([total_cost(s, w)], dtype=np.int64))


def _heat(arrays: Arrays, state: State) -> float:
    """The first temperature: by what an order costs, broken promises (a step, not a slope) left out."""
    broken = state.w[W_BROKEN]
    state.w[W_BROKEN] = 0
    cost = total_cost(arrays.words, state.w)
    state.w[W_BROKEN] = broken
    heat = cost / max(1, len(arrays.problem.orders))
    return float(max(1.0, heat / 2 if state.w[W_MAKESPAN] else heat * 1.5))


def annealed(
    arrays: Arrays,
    columns: Columns,
    weights: Words,
    *,
    seconds: float | None = None,
    moves: int | None = None,
    seed: int = 0,
    stop: Callable[[], bool] = lambda: False,
    report: Callable[[int, int], None] = lambda moves, cost: None,
    reference: Columns | None = None,
    keeping: bool = True,
    focus: int = 0,
) -> Annealed:
    """Anneal a complete schedule; never worse than it is when its sequences are timed anew.

    The first temperature follows from what an order of the schedule costs. With `moves` the result depends on the seed
    only. `report` gets the moves so far and the least cost. `reference`: what MOVED compares with.
    `keeping`: no promise that is kept is broken for another one. `focus`: the first so many orders are looked at most
    while they are late. Raises Untimed.
    """
    s, state = arrays.words, state_of(arrays, columns, weights, seed, reference, keeping=keeping)
    state.w[W_FOCUS] = focus
    best, best_cost = state.columns(), int(state.cost[0])
    first, guided = _heat(arrays, state), not state.w[W_MAKESPAN] and not arrays.words[BESIDE]
    began, made, accepted = monotonic(), 0, 0
    chunk, least = 200, 0.02 + 4e-6 * len(arrays.operations)  # each chunk begins with a look at everything
    while not stop():
        report(made, best_cost)
        share = (monotonic() - began) / seconds if seconds is not None else made / (moves or 1)
        if share >= 1:
            break
        now = monotonic()
        size = chunk if moves is None else min(2000, moves - made)
        heat = first * exp(-share * log(COOLING))
        if guided:
            accepted += anneal_guided(arrays.words, state.w, state.g, state.r, state.cost, size, heat)
        else:
            accepted += anneal(arrays.words, state.w, state.r, state.cost, size, heat)
        made += size
        if s[RESOURCES] or s[LONGEST]:  # what could start sooner does so now, with other units
            state.tightened(s)
        if moves is None and monotonic() - now < least:
            chunk = min(200_000, chunk * 2)
        if state.cost[0] < best_cost:
            best, best_cost = state.columns(), int(state.cost[0])
    return Annealed(*best, best_cost, made, accepted)
