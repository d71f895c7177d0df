"""Compiled: the operations of an order taken out together and put back one after another, each where it costs least.

So what follows an earlier start is drawn earlier, too. While they are placed only what is near is timed anew: what is
farther away waits until all of them stand. Source: Schrimpf et al., Record breaking optimization results using the ruin
and recreate principle (2000).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from solver.native import kernel
from solver.scheduling.arrays import (
    BESIDE,
    DEPARTURE_AT,
    DEPARTURES,
    LINE_AT,
    LINE_BATCH,
    LINE_PLANT,
    LINE_UNLIMITED,
    MODE_AT,
    MODE_FAMILY,
    MODE_LINE,
    MODE_TIME,
    OP_ORDER,
    OP_RUNNING,
    OPERATIONS,
    ORDER_AT,
    PLANTS,
    PRED_AT,
    PRED_OP,
    RESOURCES,
    SUCC_AT,
    SUCC_OP,
    TRANSPORT,
)
from solver.scheduling.chance import below
from solver.scheduling.guide import FAR, GAIN, LATEST, SLOPE, W_FOCUS, W_SETUP, left_by, order_cost
from solver.scheduling.moves import (
    DEAREST,
    GIVEN_UP,
    lift_off,
    may_join,
    may_move,
    moved_cost,
    place_now,
    propagate,
    put_in,
    set_mode,
    time_there,
)
from solver.scheduling.pools import with_units
from solver.scheduling.problem import NEVER
from solver.scheduling.rows import NOWHERE, into_row, out_of_row, place_of, places_on
from solver.scheduling.sequences import enqueue, ready_at, undo
from solver.scheduling.state import (
    AFTER,
    DONE,
    END,
    FAMILY,
    HEAD,
    LENGTH,
    MODE,
    RING,
    ROW,
    START,
    WAYS,
)
from solver.scheduling.timing import after_setup, fit, setup_of

MOST = 8  # operations of one order that are taken out together
LIFTED = 4  # words for each of them: operation, mode and place before, place now
SETUPS = LIFTED * MOST  # behind them: the change of setup seconds
SIZE = SETUPS + 1
NEAR, NEAR_BESIDE = 24, 12  # so much is timed anew before the next one is placed; where that takes longer
PLACES = 12  # so many places from where it is ready are tried on each line


@kernel("int64(int64[::1], int64[::1], int64[::1], int64, int64)", into_callers=True)
def _delayed(s: Any, w: Any, g: Any, op: int, start: int) -> int:
    """About what it costs that an operation cannot start before then."""
    n = s[OPERATIONS]
    late = min(FAR, start - g[LATEST * n + op])
    return int(max(g[SLOPE * n + op], g[GAIN * n + op]) * late) if late > 0 else 0


@kernel("int64(int64[::1], int64[::1], int64[::1], int64, int64, int64, int64, int64)")
def _joined(s: Any, w: Any, g: Any, op: int, mode: int, head: int, ready: int, rest: int) -> int:
    """About what it costs that an operation joins a batch; DEAREST if it may not."""
    if not may_join(s, w, op, head):
        return DEAREST
    begin, running = max(ready, w[w[START] + head]), s[s[OP_RUNNING] + op]
    duration = max(s[s[MODE_TIME] + mode], s[s[MODE_TIME] + w[w[MODE] + head]])
    _, end = fit(s, s[s[MODE_LINE] + mode], running, duration, begin)
    value, member = order_cost(s, w, s[s[OP_ORDER] + op], end + rest), head
    while True:
        value += _delayed(s, w, g, member, begin)
        member = w[w[RING] + member]
        if member == head:
            return int(min(value, DEAREST))


@kernel("int64(int64[::1], int64, int64)", into_callers=True)
def _way(s: Any, origin: int, destination: int) -> int:
    """About the seconds between plants: the wait for a departure is half of what lies between two in the mean."""
    if origin == destination:
        return 0
    pair = origin * s[PLANTS] + destination
    low, last = s[s[DEPARTURE_AT] + pair], s[s[DEPARTURE_AT] + pair + 1] - 1
    between = (s[s[DEPARTURES] + last] - s[s[DEPARTURES] + low]) // (last - low) if last > low else 0
    return int(s[s[TRANSPORT] + pair] + between // 2)


@kernel("void(int64[::1], int64[::1])")
def ways(s: Any, w: Any) -> None:
    """WAYS of all modes, whatever the calendars, of all routes the longest."""
    for op in range(s[OPERATIONS] - 1, -1, -1):
        for mode in range(s[s[MODE_AT] + op], s[s[MODE_AT] + op + 1]):
            plant, longest = s[s[LINE_PLANT] + s[s[MODE_LINE] + mode]], 0
            for i in range(s[s[SUCC_AT] + op], s[s[SUCC_AT] + op + 1]):
                after, least = s[s[SUCC_OP] + i], NEVER
                for other in range(s[s[MODE_AT] + after], s[s[MODE_AT] + after + 1]):
                    there = s[s[LINE_PLANT] + s[s[MODE_LINE] + other]]
                    least = min(least, _way(s, plant, there) + s[s[MODE_TIME] + other] + w[w[WAYS] + other])
                longest = max(longest, least)
            w[w[WAYS] + mode] = longest


@kernel("int64(uint64[::1], int64, int64)", into_callers=True)
def _warmed(r: Any, value: int, heat: int) -> int:
    """A cost with something random added, by the heat."""
    return int(value - int(heat * np.log((below(r, 1 << 30) + 1) / (1 << 30))))


@kernel("UniTuple(int64, 2)(int64[::1], int64[::1], int64[::1], uint64[::1], int64, int64, int64)")
def _least(s: Any, w: Any, g: Any, r: Any, op: int, roof: int, heat: int) -> tuple[int, int]:
    """Mode and place where an operation that is on no row costs least; (-1, NOWHERE): there is none.

    What it costs is what it does to the operation behind it and, if all else of its order takes the shortest way or
    some longer one, to its order; something random is added, by the heat.
    """
    order = s[s[OP_ORDER] + op]
    so_far = w[w[DONE] + order] - w[w[END] + op]
    so_far += so_far * below(r, 256) // 128 - w[w[WAYS] + w[w[MODE] + op]]
    floor, running = 0, s[s[OP_RUNNING] + op]
    for i in range(s[s[PRED_AT] + op], s[s[PRED_AT] + op + 1]):
        floor = max(floor, w[w[START] + s[s[PRED_OP] + i]])
    best_mode, best_place, least = -1, NOWHERE, DEAREST
    for mode in range(s[s[MODE_AT] + op], s[s[MODE_AT] + op + 1]):
        line, family, duration = s[s[MODE_LINE] + mode], s[s[MODE_FAMILY] + mode], s[s[MODE_TIME] + mode]
        ready, _ = ready_at(s, w, op, s[s[LINE_PLANT] + line])
        if ready >= NEVER:
            continue
        rest = w[w[WAYS] + mode] + max(0, so_far)
        limited, row = not s[s[LINE_UNLIMITED] + line], w[ROW] + s[s[LINE_AT] + line]
        place = last = 0
        if limited:
            at = place_of(s, w, line, ready)
            place = max(place_of(s, w, line, floor), at - 2)
            last = min(at + PLACES, place_of(s, w, line, roof), places_on(s, w, line))
        while place <= last:
            begin, setup = ready, 0
            if limited:
                end, before = left_by(s, w, line, w[row + place - 1] if place else -1)
                setup = setup_of(s, line, before, family)
                begin = max(ready, after_setup(s, line, end, setup))
            after = w[row + place] if limited and place < w[w[LENGTH] + line] else -1
            _, end = fit(s, line, running, duration, begin)
            value = order_cost(s, w, order, end + rest)
            if end >= NEVER or value > least:
                break
            behind = 0
            if after >= 0:
                if s[s[LINE_BATCH] + line]:
                    joined = _joined(s, w, g, op, mode, after, ready, rest)
                    if joined < least:
                        joined = _warmed(r, joined, heat)
                    if joined < least:
                        best_mode, best_place, least = mode, -2 - 2 * after, joined
                behind = setup_of(s, line, family, w[w[FAMILY] + after])
                value += _delayed(s, w, g, after, after_setup(s, line, end, behind))
                setup += behind - setup_of(s, line, before, w[w[FAMILY] + after])
            value += w[W_SETUP] * setup
            if s[RESOURCES] and value < least:  # units make it later or not, but no cheaper
                _, end = with_units(s, w, op, mode, after, running, duration, begin)
                value = order_cost(s, w, order, end + rest) + w[W_SETUP] * setup if end < NEVER else DEAREST
                if after >= 0 and end < NEVER:
                    value += _delayed(s, w, g, after, after_setup(s, line, end, behind))
            if value < least:
                value = _warmed(r, value, heat)
            if value < least:
                best_mode, best_place, least = mode, place if limited or s[BESIDE] else NOWHERE, value
            place += 1
    return best_mode, best_place


@kernel("int64(int64[::1], int64[::1], int64[::1], int64, int64)")
def _lift(s: Any, w: Any, out: Any, first: int, last: int) -> int:
    """Take what may move of these operations off their lines, into `out`: how many. What that moves waits."""
    count, setups = 0, 0
    for op in range(first, last):
        if not may_move(s, w, op):
            continue
        place, at = place_now(s, w, op), LIFTED * count
        out[at], out[at + 1], out[at + 2] = op, w[w[MODE] + op], place
        count += 1
        if place != NOWHERE:
            setups += lift_off(s, w, op, place)
    out[SETUPS] = setups
    for i in range(count):
        enqueue(w, out[LIFTED * i])
    return count


@kernel("void(int64[::1], int64[::1], int64[::1], int64, int64)")
def _lay_back(s: Any, w: Any, out: Any, count: int, linked: int) -> None:
    """Put the lifted operations back, of which so many stand elsewhere: all is as it was."""
    undo(s, w)
    for i in range(linked - 1, -1, -1):
        if out[LIFTED * i + 3] != NOWHERE:
            out_of_row(s, w, out[LIFTED * i], out[LIFTED * i + 3])
    for i in range(count - 1, -1, -1):
        op, mode, place = out[LIFTED * i], out[LIFTED * i + 1], out[LIFTED * i + 2]
        if place != NOWHERE:
            into_row(s, w, op, mode, place)
        else:
            set_mode(s, w, op, mode)


@kernel("int64(int64[::1], int64[::1], int64[::1], int64, int64, int64)")
def _roof(s: Any, w: Any, out: Any, count: int, first: int, last: int) -> int:
    """The earliest end of what comes after the lifted operations and stands: nothing of them may go behind it."""
    roof = NEVER
    for i in range(count):
        op = out[LIFTED * i]
        for k in range(s[s[SUCC_AT] + op], s[s[SUCC_AT] + op + 1]):
            after = s[s[SUCC_OP] + k]
            if w[w[MODE] + after] < 0:
                continue
            if after < first or after >= last or not may_move(s, w, after):
                roof = min(roof, w[w[END] + after])
    return int(roof)


@kernel("int64(int64[::1], int64[::1], int64, int64, int64, int64)")
def _laid(s: Any, w: Any, op: int, mode: int, place: int, delta: int) -> int:
    """Put an operation at a place, with its times there: `delta` and the costs' change, or GIVEN_UP."""
    n, start = s[OPERATIONS], w[w[START] + op]
    delta += moved_cost(w, n, op, start, mode) - moved_cost(w, n, op, start, w[w[MODE] + op])
    if place != NOWHERE:
        delta += put_in(s, w, op, mode, place)
    else:
        set_mode(s, w, op, mode)
    delta += time_there(s, w, op, NEVER)
    if delta >= DEAREST:
        return GIVEN_UP
    head = w[w[HEAD] + op] if s[BESIDE] else op
    if w[w[AFTER] + head] >= 0:
        enqueue(w, w[w[AFTER] + head])
    return int(delta)


@kernel("int64(int64[::1], int64[::1], int64, int64)", into_callers=True)
def _done_then(s: Any, w: Any, order: int, done: int) -> int:
    """What it changes of an order's costs that it is done then, and not when it is by the present times."""
    return int(order_cost(s, w, order, done) - order_cost(s, w, order, w[w[DONE] + order]))


@kernel("int64(int64[::1], int64[::1], int64[::1], uint64[::1], int64[::1], int64, int64, int64)")
def move_order(s: Any, w: Any, g: Any, r: Any, out: Any, op: int, limit: int, heat: int) -> int:
    """Put an operation's order, or up to MOST operations of it, elsewhere: the change of the costs, or GIVEN_UP.

    `out`: SIZE words of room. With GIVEN_UP all is as it was.
    """
    order = s[s[OP_ORDER] + op]
    first, last = s[s[ORDER_AT] + order], s[s[ORDER_AT] + order + 1]
    if below(r, 4) == 0:
        first, last = op, min(last, op + 1 + below(r, 2))
    elif last - first > MOST:
        first = max(first, op - below(r, MOST))
        last = min(last, first + MOST)
    count = _lift(s, w, out, first, last)
    roof, linked, same, delta = _roof(s, w, out, count, first, last), 0, 1, w[W_SETUP] * out[SETUPS]
    near = NEAR_BESIDE if s[BESIDE] and not w[W_FOCUS] else NEAR
    while linked < count and delta < DEAREST:
        delta = propagate(s, w, delta, DEAREST, NEVER, near)
        if delta >= DEAREST:
            break
        at = LIFTED * linked
        mode, place = _least(s, w, g, r, out[at], roof, heat)
        if mode < 0:
            break
        if mode != out[at + 1] or place != out[at + 2]:
            same = 0
        delta = _laid(s, w, out[at], mode, place, delta)
        out[at + 3] = place
        linked += 1
        soonest = w[w[END] + out[at]] + w[w[WAYS] + mode]
        if delta < DEAREST and delta + _done_then(s, w, order, soonest) > limit + heat:
            delta = GIVEN_UP  # what it would do to the others is not going to pay for that
    if linked == count and delta < DEAREST and not same:
        delta = propagate(s, w, delta, limit, NEVER, NEVER)
        if delta <= limit:
            return int(delta)
    _lay_back(s, w, out, count, linked)
    return GIVEN_UP
