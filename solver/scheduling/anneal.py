"""Better sequences at any size: an operation that makes an order late is taken out and put back elsewhere, annealed.

A move first gives back what the operation took (times only fall), then makes room for it at its new place (times only
rise), and is given up as soon as it costs more than the temperature allows. Source: van Laarhoven, Aarts, Lenstra, Job
shop scheduling by simulated annealing (1992); Mastrolilli and Gambardella, Effective neighbourhood functions for the
flexible job shop problem (2000), for the places where a move cannot make a cycle.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import exp, log
from time import monotonic
from typing import Any

import numpy as np

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
    OP_FIXED,
    OP_ORDER,
    OPERATIONS,
    ORDER_AT,
    ORDER_DUE,
    ORDER_PROMISE,
    ORDER_WEIGHT,
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
    arrays_of,
    beyond_kernels,
)
from solver.scheduling.problem import NEVER, InvalidProblem, SchedulingProblem
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

PARTS = (Part.BROKEN, Part.OVER, Part.TARDINESS, Part.MAKESPAN, Part.SETUP)  # what can be weighed
# What one of each costs stands in w, from WEIGHTS on.
W_BROKEN, W_OVER, W_TARDINESS, W_MAKESPAN, W_SETUP = (WEIGHTS + i for i in range(len(PARTS)))
DEAREST = NEVER * 100  # no change of the costs reaches it
GIVEN_UP = NEVER * 1000


@kernel("int64(int64[::1], int64[::1], int64, int64)", into_callers=True)
def _cost(s: Any, w: Any, order: int, done: int) -> int:
    """What an order costs that is done then."""
    weight = s[s[ORDER_WEIGHT] + order]
    cost = w[W_TARDINESS] * weight * max(0, done - s[s[ORDER_DUE] + order])
    over = done - s[s[ORDER_PROMISE] + order]
    if over > 0:
        cost += w[W_BROKEN] + w[W_OVER] * weight * over
    return int(cost)


@kernel("int64(int64[::1], int64[::1])")
def _latest(s: Any, w: Any) -> int:
    """The makespan."""
    latest = 0
    for order in range(s[ORDERS]):
        latest = max(latest, w[w[DONE] + order])
    return int(latest)


@kernel("int64(int64[::1], int64[::1])")
def total_cost(s: Any, w: Any) -> int:
    """What the settled state costs."""
    total = w[W_MAKESPAN] * _latest(s, w)
    for order in range(s[ORDERS]):
        total += _cost(s, w, order, w[w[DONE] + order])
    for op in range(s[OPERATIONS]):
        made = w[w[MODE] + op] >= 0
        if made and not s[s[LINE_UNLIMITED] + s[s[MODE_LINE] + w[w[MODE] + op]]]:
            total += w[W_SETUP] * setup_at(s, w, op)
    return int(total)


@kernel("int64(int64[::1], int64[::1], int64, int64, int64)", into_callers=True)
def _retime(s: Any, w: Any, op: int, start: int, end: int) -> int:
    """Give an operation other times, on the trail, and its successors into the heap; the change of the costs."""
    at = w[TRAIL] + 3 * w[TRAIL_SIZE]
    w[at], w[at + 1], w[at + 2] = op, w[w[START] + op], w[w[END] + op]
    w[TRAIL_SIZE] += 1
    w[w[START] + op], w[w[END] + op] = start, end
    first, last = s[s[SUCC_AT] + op], s[s[SUCC_AT] + op + 1]
    for i in range(first, last):
        after = s[s[SUCC_OP] + i]
        enqueue(w, w[w[HEAD] + after] if s[BESIDE] else after)
    if first < last:
        return 0
    order = s[s[OP_ORDER] + op]
    done, was = done_of(s, w, order), w[w[DONE] + order]
    if done == was:
        return 0
    at += 3
    w[at], w[at + 1] = -1 - order, was
    w[TRAIL_SIZE] += 1
    w[w[DONE] + order] = done
    return _cost(s, w, order, done) - _cost(s, w, order, was)


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


@kernel("int64(uint64[::1], int64)")
def _below(r: Any, size: int) -> int:
    """A random number from 0 to size - 1 (xorshift, Marsaglia 2003)."""
    x = r[0]
    x ^= x << np.uint64(13)
    x ^= x >> np.uint64(7)
    x ^= x << np.uint64(17)
    r[0] = x
    return int((x >> np.uint64(33)) % np.uint64(size))


@kernel("int64(int64[::1], int64[::1], uint64[::1], int64)")
def _costly(s: Any, w: Any, r: Any, latest: int) -> int:
    """An order that makes the schedule dear: a late one, or one that ends last; -1 if none was met."""
    orders = s[ORDERS]
    for _ in range(12):
        order = _below(r, orders)
        done = w[w[DONE] + order]
        if done == latest if w[W_MAKESPAN] else done > s[s[ORDER_DUE] + order]:
            return order
    if w[W_MAKESPAN]:
        first = _below(r, orders)
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
    order = _costly(s, w, r, latest) if _below(r, 8) else -1
    if order < 0:
        return _below(r, n)
    op = s[s[ORDER_AT] + order]
    for other in range(s[s[ORDER_AT] + order], s[s[ORDER_AT] + order + 1]):
        if w[w[END] + other] == w[w[DONE] + order]:
            op = other
    for _ in range(_below(r, 4 + n // max(1, orders) * 4 if w[W_MAKESPAN] else 8)):
        if s[BESIDE]:
            op = _member(s, w, op)
        ready, cause = ready_at(s, w, op, s[s[LINE_PLANT] + s[s[MODE_LINE] + w[w[MODE] + op]]])
        before = w[w[BEFORE] + (w[w[HEAD] + op] if s[BESIDE] else op)]
        if s[RESOURCES] and w[w[START] + op] > ready:
            before = _last_before(s, w, op, before)
        if before >= 0 and (w[w[START] + op] > ready or (w[w[END] + before] == ready and _below(r, 2))):
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
    near = _below(r, 4)
    if near == 0:  # as soon as it may
        place = place_of(s, w, line, ready) + _below(r, 4) - 1
    else:  # about where it was, or later by what its order can spare
        order = s[s[OP_ORDER] + op]
        spare = max(0, s[s[ORDER_DUE] + order] - w[w[DONE] + order])
        now = w[w[START] + op] + (_below(r, spare + 1) if near == 1 else 0)
        at = place_of(s, w, line, max(ready, now)) + _below(r, 9) - 5
        place = at
        if near == 3:  # beside its own family
            for step in range(24):
                i = at + (step >> 1 if step & 1 else -(step >> 1))
                if 0 <= i < length and w[w[FAMILY] + w[row + i]] == w[w[FAMILY] + op]:
                    place = i + _below(r, 2)
                    break
    place = max(low, min(high, place, length))
    if s[s[LINE_BATCH] + line] and _below(r, 3):
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


@kernel("int64(int64[::1], int64[::1], uint64[::1], int64[::1], int64, float64)")
def anneal(s: Any, w: Any, r: Any, cost: Any, moves: int, temperature: float) -> int:
    """So many moves at this temperature from the settled state; `cost[0]` is kept true; how many were accepted."""
    accepted, latest = 0, _latest(s, w)
    for _ in range(moves):
        op = _chosen(s, w, r, latest)
        if s[s[OP_FIXED] + op] or (s[BESIDE] and not _may_move(s, w, op)):
            continue
        limit = int(-temperature * np.log((_below(r, 1 << 30) + 1) / (1 << 30)))
        # With a weight on the makespan what costs more may be paid for by an earlier end of all.
        most, ceiling = limit, NEVER
        if w[W_MAKESPAN]:
            most, ceiling = DEAREST, latest + limit // w[W_MAKESPAN]
        first = s[s[MODE_AT] + op]
        mode, old_mode = first + _below(r, s[s[MODE_AT] + op + 1] - first), w[w[MODE] + op]
        line, old_line = s[s[MODE_LINE] + mode], s[s[MODE_LINE] + old_mode]
        old_start, old_end, old_place = w[w[START] + op], w[w[END] + op], NOWHERE
        delta, top, place = 0, latest, NOWHERE
        w[TRAIL_SIZE] = 0
        if s[RESOURCES] or not s[s[LINE_UNLIMITED] + old_line]:
            old_place = place_on_line(s, w, op)
            delta = _take_out(s, w, op, old_place)
        ok = delta < DEAREST
        w[w[MODE] + op], w[w[FAMILY] + op] = mode, s[s[MODE_FAMILY] + mode]
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
        undo(s, w)
        if place != NOWHERE:
            out_of_row(s, w, op, place)
        w[w[MODE] + op], w[w[FAMILY] + op] = old_mode, s[s[MODE_FAMILY] + old_mode]
        w[w[START] + op], w[w[END] + op] = old_start, old_end
        if old_place != NOWHERE:
            into_row(s, w, op, old_mode, old_place)
    return accepted


def weights_of(weights: Mapping[Part, int]) -> Words:
    """What a second (or a broken promise) costs, for the kernels. Raises InvalidProblem for what they cannot weigh."""
    if unknown := [part for part, weight in weights.items() if weight and part not in PARTS]:
        raise InvalidProblem(f"The annealing cannot weigh {unknown[0]}.")
    return np.array([weights.get(part, 0) for part in PARTS], dtype=np.int64)


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


def annealed(
    arrays: Arrays,
    columns: tuple[Words, Words, Words],
    weights: Words,
    *,
    seconds: float | None = None,
    moves: int | None = None,
    seed: int = 0,
    stop: Callable[[], bool] = lambda: False,
    report: Callable[[int], None] = lambda moves: None,
) -> Annealed:
    """Anneal a complete schedule; never worse than it is when its sequences are timed anew.

    The first temperature follows from what an order of the schedule costs. With `moves` the result depends on the seed
    only. `report` gets the moves so far. Raises Untimed.
    """
    s = arrays.words
    w = work_of(arrays, *columns)
    w[WEIGHTS : WEIGHTS + len(weights)] = weights
    n = len(arrays.operations)
    if not settle(s, w):
        raise Untimed
    state = np.array([seed * 2_654_435_769 + 88_172_645_463_325_252], dtype=np.uint64)
    cost = np.array([total_cost(s, w)], dtype=np.int64)

    def snapshot() -> tuple[Words, Words, Words]:
        return tuple(w[w[k] : w[k] + n].copy() for k in (MODE, START, END))  # type: ignore[return-value]

    best, best_cost = snapshot(), int(cost[0])
    first = max(1.0, best_cost / max(1, len(arrays.problem.orders)) / 2)
    last = first / 200
    began, made, accepted = monotonic(), 0, 0
    chunk = 200
    while not stop():
        report(made)
        share = (monotonic() - began) / seconds if seconds is not None else made / (moves or 1)
        if share >= 1:
            break
        now = monotonic()
        size = chunk if moves is None else min(2000, moves - made)
        accepted += anneal(s, w, state, cost, size, first * exp(share * log(last / first)))
        made += size
        if s[RESOURCES] or s[LONGEST]:  # what could start sooner does so now, with other units
            kept = w.copy()
            share_units(s, w, np.lexsort((w[w[END] : w[END] + n], w[w[START] : w[START] + n])).astype(np.int64))
            if settle(s, w):
                cost[0] = total_cost(s, w)
            else:
                w[:] = kept
        if moves is None and monotonic() - now < 0.02:
            chunk = min(200_000, chunk * 2)
        if cost[0] < best_cost:
            best, best_cost = snapshot(), int(cost[0])
    return Annealed(*best, best_cost, made, accepted)


def resequenced(
    problem: SchedulingProblem,
    schedule: Schedule,
    weights: Mapping[Part, int],
    *,
    seconds: float | None = None,
    moves: int | None = None,
    seed: int = 0,
    stop: Callable[[], bool] = lambda: False,
    report: Callable[[int], None] = lambda moves: None,
) -> Schedule:
    """The schedule annealed, or itself where that is not possible.

    It is not for what `beyond_kernels` names, and not where its sequences cannot be timed (facts that overlap).
    """
    if beyond_kernels(problem) is not None or not problem.orders:
        return schedule
    arrays = arrays_of(problem, {key: placement.start for key, placement in schedule.placements.items()})
    try:
        found = annealed(
            arrays, arrays.columns(schedule), weights_of(weights),
            seconds=seconds, moves=moves, seed=seed, stop=stop, report=report,
        )  # fmt: skip
    except Untimed:
        return schedule
    return arrays.schedule(found.mode, found.start, found.end)
