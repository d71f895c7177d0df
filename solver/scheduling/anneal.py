"""Better sequences at any size: an operation that makes an order late is taken out and put back elsewhere, annealed.

A move first gives back what the operation took (times only fall), then makes room for it at its new place (times only
rise), and is given up as soon as it costs more than the temperature allows. Source: van Laarhoven, Aarts, Lenstra, Job
shop scheduling by simulated annealing (1992); Mastrolilli and Gambardella, Effective neighbourhood functions for the
flexible job shop problem (2000), for the places where a move cannot make a cycle.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import exp, log
from time import monotonic
from typing import Any

import numpy as np

from solver.native import kernel
from solver.scheduling.arrays import (
    LINE_AT,
    LINE_FAMILY,
    LINE_PLANT,
    LINE_UNLIMITED,
    MODE_AT,
    MODE_FAMILY,
    MODE_LINE,
    OP_EARLIEST,
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
    PRED_WAIT,
    SUCC_AT,
    SUCC_OP,
    Arrays,
    Words,
    arrays_of,
    beyond_kernels,
)
from solver.scheduling.problem import NEVER, SchedulingProblem
from solver.scheduling.schedule import Schedule
from solver.scheduling.sequences import (
    AFTER,
    BEFORE,
    DONE,
    END,
    FAMILY,
    HEAP_SIZE,
    LENGTH,
    MODE,
    ROW,
    START,
    STEPS,
    TRAIL,
    TRAIL_SIZE,
    enqueue,
    forget_queue,
    link,
    place_of,
    place_on_line,
    settle,
    take_next,
    timed,
    unlink,
    work_of,
)
from solver.scheduling.timing import arrival, setup_of

# --- what a second (or a broken promise) costs: places in the array of weights ---
W_BROKEN, W_OVER, W_TARDINESS, W_MAKESPAN, W_SETUP, W_FLOW = range(6)


@kernel("int64(int64[::1], int64[::1], int64, int64)")
def _cost(s: Any, weights: Any, order: int, done: int) -> int:
    """What an order costs that is done then."""
    weight = s[s[ORDER_WEIGHT] + order]
    cost = weights[W_TARDINESS] * weight * max(0, done - s[s[ORDER_DUE] + order]) + weights[W_FLOW] * done
    over = done - s[s[ORDER_PROMISE] + order]
    if over > 0:
        cost += weights[W_BROKEN] + weights[W_OVER] * weight * over
    return int(cost)


@kernel("int64(int64[::1], int64[::1], int64)")
def setup_at(s: Any, w: Any, op: int) -> int:
    """Seconds of setup before an operation."""
    line = s[s[MODE_LINE] + w[w[MODE] + op]]
    before = w[w[BEFORE] + op]
    family = w[w[FAMILY] + before] if before >= 0 else s[s[LINE_FAMILY] + line]
    return setup_of(s, line, family, w[w[FAMILY] + op])


@kernel("int64(int64[::1], int64[::1], int64[::1])")
def total_cost(s: Any, w: Any, weights: Any) -> int:
    """What the settled state costs."""
    total, latest = 0, 0
    for order in range(s[ORDERS]):
        done = w[w[DONE] + order]
        total += _cost(s, weights, order, done)
        latest = max(latest, done)
    if weights[W_SETUP]:
        for op in range(s[OPERATIONS]):
            if not s[s[LINE_UNLIMITED] + s[s[MODE_LINE] + w[w[MODE] + op]]]:
                total += weights[W_SETUP] * setup_at(s, w, op)
    return int(total + weights[W_MAKESPAN] * latest)


@kernel("int64(int64[::1], int64[::1], int64[::1], int64, int64, int64)")
def _propagate(s: Any, w: Any, weights: Any, delta: int, limit: int, latest: int) -> int:
    """Time what waits in the heap and all that follows; the costs' change, or NEVER * NEVER when it is given up.

    `latest`: with a weight on the makespan, the greatest end that is allowed.
    """
    steps = 0
    while w[HEAP_SIZE]:
        op = take_next(w)
        steps += 1
        start, end = timed(s, w, op)
        old = w[w[END] + op]
        if start == w[w[START] + op] and end == old:
            continue
        size = w[TRAIL_SIZE]
        if start >= NEVER or end > latest or steps > w[STEPS] or size + 2 > 8 * s[OPERATIONS]:
            return NEVER * 1000
        at = w[TRAIL] + 3 * size
        w[at], w[at + 1], w[at + 2] = op, w[w[START] + op], old
        w[TRAIL_SIZE] = size + 1
        w[w[START] + op], w[w[END] + op] = start, end
        first, last = s[s[SUCC_AT] + op], s[s[SUCC_AT] + op + 1]
        if first == last:
            order = s[s[OP_ORDER] + op]
            done, was = 0, w[w[DONE] + order]
            for other in range(s[s[ORDER_AT] + order], s[s[ORDER_AT] + order + 1]):
                done = max(done, w[w[END] + other])
            if done != was:
                at += 3
                w[at], w[at + 1] = -1 - order, was
                w[TRAIL_SIZE] += 1
                w[w[DONE] + order] = done
                delta += _cost(s, weights, order, done) - _cost(s, weights, order, was)
                if delta > limit:
                    return NEVER * 1000
        for i in range(first, last):
            enqueue(w, s[s[SUCC_OP] + i])
        after = w[w[AFTER] + op]
        if after >= 0:
            enqueue(w, after)
    return int(delta)


@kernel("void(int64[::1])")
def _undo(w: Any) -> None:
    """Give all times back that were changed since the trail was empty."""
    for i in range(w[TRAIL_SIZE] - 1, -1, -1):
        at = w[TRAIL] + 3 * i
        if w[at] >= 0:
            w[w[START] + w[at]], w[w[END] + w[at]] = w[at + 1], w[at + 2]
        else:
            w[w[DONE] - 1 - w[at]] = w[at + 1]
    w[TRAIL_SIZE] = 0


@kernel("int64(uint64[::1], int64)")
def _below(r: Any, size: int) -> int:
    """A random number from 0 to size - 1 (xorshift, Marsaglia 2003)."""
    x = r[0]
    x ^= x << np.uint64(13)
    x ^= x >> np.uint64(7)
    x ^= x << np.uint64(17)
    r[0] = x
    return int((x >> np.uint64(33)) % np.uint64(size))


@kernel("int64(int64[::1], int64[::1], int64[::1], uint64[::1], int64)")
def _chosen(s: Any, w: Any, weights: Any, r: Any, latest: int) -> int:
    """An operation of a critical path: of a late order, or of one that ends last; sometimes any."""
    n, orders = s[OPERATIONS], s[ORDERS]
    order = -1
    if _below(r, 8):
        for _ in range(12):
            one = _below(r, orders)
            done = w[w[DONE] + one]
            if weights[W_MAKESPAN]:
                if done == latest:
                    order = one
                    break
            elif done > s[s[ORDER_DUE] + one]:
                order = one
                break
        if order < 0 and weights[W_MAKESPAN]:
            first = _below(r, orders)
            for i in range(orders):
                one = (first + i) % orders
                if w[w[DONE] + one] == latest:
                    order = one
                    break
    if order < 0:
        return int(_below(r, n))
    op = s[s[ORDER_AT] + order]
    for other in range(s[s[ORDER_AT] + order], s[s[ORDER_AT] + order + 1]):
        if w[w[END] + other] == w[w[DONE] + order]:
            op = other
    steps = _below(r, 8) if weights[W_MAKESPAN] == 0 else _below(r, 4 + n // max(1, orders) * 4)
    for _ in range(steps):
        ready, cause = s[s[OP_EARLIEST] + op], -1
        plant = s[s[LINE_PLANT] + s[s[MODE_LINE] + w[w[MODE] + op]]]
        for i in range(s[s[PRED_AT] + op], s[s[PRED_AT] + op + 1]):
            before = s[s[PRED_OP] + i]
            origin = s[s[LINE_PLANT] + s[s[MODE_LINE] + w[w[MODE] + before]]]
            came = arrival(s, origin, plant, w[w[END] + before] + s[s[PRED_WAIT] + i])
            if came >= ready:
                ready, cause = came, before
        before = w[w[BEFORE] + op]
        if before >= 0 and (w[w[START] + op] > ready or (w[w[END] + before] == ready and _below(r, 2))):
            cause = before
        if cause < 0:
            break
        op = cause
    return int(op)


@kernel("int64(int64[::1], int64[::1], int64[::1], uint64[::1], int64[::1], int64, float64)")
def anneal(s: Any, w: Any, weights: Any, r: Any, cost: Any, moves: int, temperature: float) -> int:
    """So many moves at this temperature from the settled state; `cost[0]` is kept true; how many were accepted."""
    accepted, latest = 0, 0
    for order in range(s[ORDERS]):
        latest = max(latest, w[w[DONE] + order])
    for _ in range(moves):
        op = _chosen(s, w, weights, r, latest)
        if s[s[OP_FIXED] + op]:
            continue
        limit = int(-temperature * np.log((_below(r, 1 << 30) + 1) / (1 << 30)))
        ceiling = NEVER
        if weights[W_MAKESPAN]:
            ceiling = latest + limit // weights[W_MAKESPAN]
        old_mode = w[w[MODE] + op]
        old_line = s[s[MODE_LINE] + old_mode]
        first = s[s[MODE_AT] + op]
        mode = first + _below(r, s[s[MODE_AT] + op + 1] - first)
        line = s[s[MODE_LINE] + mode]
        old_start, old_end = w[w[START] + op], w[w[END] + op]
        old_place, delta = 0, 0
        w[TRAIL_SIZE] = 0
        if not s[s[LINE_UNLIMITED] + old_line]:
            old_place = place_on_line(s, w, op)
            after = w[w[AFTER] + op]
            if weights[W_SETUP]:
                delta -= weights[W_SETUP] * setup_at(s, w, op)
                if after >= 0:
                    delta -= weights[W_SETUP] * setup_at(s, w, after)
            unlink(s, w, op, old_place)
            if after >= 0:
                if weights[W_SETUP]:
                    delta += weights[W_SETUP] * setup_at(s, w, after)
                enqueue(w, after)
                # Another setup may be longer than both that it replaces: then times rise, which is fine too.
                delta = _propagate(s, w, weights, delta, NEVER * 100, NEVER)
        ok = delta < NEVER * 100
        place, change = 0, 0
        if ok:
            # Where can it stand without waiting for itself? After nothing that its successors come before, and so on.
            ready, floor, roof = s[s[OP_EARLIEST] + op], 0, NEVER
            plant = s[s[LINE_PLANT] + line]
            for i in range(s[s[PRED_AT] + op], s[s[PRED_AT] + op + 1]):
                before = s[s[PRED_OP] + i]
                origin = s[s[LINE_PLANT] + s[s[MODE_LINE] + w[w[MODE] + before]]]
                ready = max(ready, arrival(s, origin, plant, w[w[END] + before] + s[s[PRED_WAIT] + i]))
                floor = max(floor, w[w[START] + before])
            for i in range(s[s[SUCC_AT] + op], s[s[SUCC_AT] + op + 1]):
                roof = min(roof, w[w[END] + s[s[SUCC_OP] + i]])
            w[w[MODE] + op], w[w[FAMILY] + op] = mode, s[s[MODE_FAMILY] + mode]
            if not s[s[LINE_UNLIMITED] + line]:
                low, high = place_of(s, w, line, floor), place_of(s, w, line, roof)
                place = place_of(s, w, line, ready)
                near = _below(r, 4)
                row = w[ROW] + s[s[LINE_AT] + line]
                if near == 0:  # as soon as it may
                    place += _below(r, 4) - 1
                else:  # about where it was, or later by what its order can spare
                    order = s[s[OP_ORDER] + op]
                    spare = max(0, s[s[ORDER_DUE] + order] - w[w[DONE] + order])
                    now = old_start + (_below(r, spare + 1) if near == 1 else 0)
                    at = place_of(s, w, line, max(ready, now)) + _below(r, 9) - 5
                    place = at
                    if near == 3:  # beside its own family
                        family = w[w[FAMILY] + op]
                        for step in range(24):
                            i = at + (step >> 1 if step & 1 else -(step >> 1))
                            if 0 <= i < w[w[LENGTH] + line] and w[w[FAMILY] + w[row + i]] == family:
                                place = i + _below(r, 2)
                                break
                place = max(low, min(high, place, w[w[LENGTH] + line]))
                ok = place <= high and not (line == old_line and place == old_place)
                while ok and place < w[w[LENGTH] + line] and s[s[OP_FIXED] + w[row + place]] and place < high:
                    place += 1
        if ok:
            after = -1
            if not s[s[LINE_UNLIMITED] + line]:
                link(s, w, op, mode, place)
                after = w[w[AFTER] + op]
                if weights[W_SETUP]:
                    change += setup_at(s, w, op)
                    if after >= 0:
                        now = setup_at(s, w, after)
                        w[w[BEFORE] + after] = w[w[BEFORE] + op]
                        change += now - setup_at(s, w, after)
                        w[w[BEFORE] + after] = op
            delta += weights[W_SETUP] * change
            start, end = timed(s, w, op)
            ok = start < NEVER
            if ok:
                ok = end <= ceiling
            if ok:
                # Its own times; falling first, so that what rises afterwards only costs.
                at = w[TRAIL] + 3 * w[TRAIL_SIZE]
                w[at], w[at + 1], w[at + 2] = op, old_start, old_end
                w[TRAIL_SIZE] += 1
                w[w[START] + op], w[w[END] + op] = start, end
                for i in range(s[s[SUCC_AT] + op], s[s[SUCC_AT] + op + 1]):
                    enqueue(w, s[s[SUCC_OP] + i])
                if s[s[SUCC_AT] + op] == s[s[SUCC_AT] + op + 1]:
                    order = s[s[OP_ORDER] + op]
                    done, was = 0, w[w[DONE] + order]
                    for other in range(s[s[ORDER_AT] + order], s[s[ORDER_AT] + order + 1]):
                        done = max(done, w[w[END] + other])
                    if done != was:
                        at += 3
                        w[at], w[at + 1] = -1 - order, was
                        w[TRAIL_SIZE] += 1
                        w[w[DONE] + order] = done
                        delta += _cost(s, weights, order, done) - _cost(s, weights, order, was)
                if end < old_end:
                    delta = _propagate(s, w, weights, delta, NEVER * 100, NEVER)
                if after >= 0:
                    enqueue(w, after)
                delta = _propagate(s, w, weights, delta, limit if weights[W_MAKESPAN] == 0 else NEVER * 100, ceiling)
                ok = delta < NEVER * 100
            top = latest
            if ok and weights[W_MAKESPAN]:
                top = 0
                for order in range(s[ORDERS]):
                    top = max(top, w[w[DONE] + order])
                delta += weights[W_MAKESPAN] * (top - latest)
            if ok and delta <= limit:
                accepted += 1
                cost[0] += delta
                latest = top
                continue
            forget_queue(w)
            _undo(w)
            if not s[s[LINE_UNLIMITED] + line]:
                unlink(s, w, op, place)
        else:
            forget_queue(w)
            _undo(w)
        w[w[MODE] + op], w[w[FAMILY] + op] = old_mode, s[s[MODE_FAMILY] + old_mode]
        w[w[START] + op], w[w[END] + op] = old_start, old_end
        if not s[s[LINE_UNLIMITED] + old_line]:
            link(s, w, op, old_mode, old_place)
    return accepted


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
    hot: float = 0.0,
    stop: Callable[[], bool] = lambda: False,
    report: Callable[[int], None] = lambda moves: None,
) -> Annealed:
    """Anneal a complete schedule; never worse than it is when its sequences are timed anew.

    With `moves` the result depends on the seed only. Raises Untimed. `report` gets the moves so far. `hot`: the first
    temperature in units of cost (0: from the schedule's own figures).
    """
    s = arrays.words
    w = work_of(arrays, *columns)
    n = len(arrays.operations)
    if not settle(s, w):
        raise Untimed
    state = np.array([seed * 2_654_435_769 + 88_172_645_463_325_252], dtype=np.uint64)
    cost = np.array([total_cost(s, w, weights)], dtype=np.int64)

    def snapshot() -> tuple[Words, Words, Words]:
        return tuple(w[w[k] : w[k] + n].copy() for k in (MODE, START, END))  # type: ignore[return-value]

    best, best_cost = snapshot(), int(cost[0])
    first = hot or max(1.0, best_cost / max(1, len(arrays.problem.orders)) / 2)
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
        accepted += anneal(s, w, weights, state, cost, size, first * exp(share * log(last / first)))
        made += size
        if moves is None and monotonic() - now < 0.02:
            chunk = min(200_000, chunk * 2)
        if cost[0] < best_cost:
            best, best_cost = snapshot(), int(cost[0])
    return Annealed(*best, best_cost, made, accepted)


def resequenced(
    problem: SchedulingProblem,
    schedule: Schedule,
    weights: Words,
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
            arrays, arrays.columns(schedule), weights,
            seconds=seconds, moves=moves, seed=seed, stop=stop, report=report,
        )  # fmt: skip
    except Untimed:
        return schedule
    return arrays.schedule(found.mode, found.start, found.end)
