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
    OP_ORDER,
    OPERATIONS,
    ORDER_AT,
    ORDER_DUE,
    ORDER_WEIGHT,
    ORDERS,
    PRED_AT,
    PRED_OP,
    RESOURCES,
    SUCC_AT,
    SUCC_OP,
    Arrays,
    Columns,
    Words,
)
from solver.scheduling.chance import below, seeded
from solver.scheduling.guide import (
    BY_START,
    EXTRA,
    SECTIONS,
    W_BROKEN,
    W_FLOW,
    W_FOCUS,
    W_MAKESPAN,
    W_OVER,
    W_SETUP,
    W_TARDINESS,
    estimate,
    keep_promises,
    look,
    sort,
)
from solver.scheduling.lifting import SIZE, move_order, ways
from solver.scheduling.moves import (
    DEAREST,
    GIVEN_UP,
    latest_end,
    make_room,
    may_join,
    may_move,
    moved_cost,
    place_now,
    put_back,
    put_in,
    set_mode,
    take_out,
    total_cost,
)
from solver.scheduling.pools import user_before
from solver.scheduling.problem import NEVER
from solver.scheduling.rows import (
    NOWHERE,
    lengthen,
    place_of,
    place_on_line,
    places_on,
    shorten,
)
from solver.scheduling.schedule import Part, Schedule
from solver.scheduling.sequences import (
    ready_at,
    settle,
    work_of,
)
from solver.scheduling.state import (
    BEFORE,
    DONE,
    END,
    FAMILY,
    HEAD,
    MODE,
    RING,
    ROW,
    SHORT,
    START,
    TRAIL_SIZE,
    WEIGHTS,
)

# what can be weighed, in the order of the words from WEIGHTS on
PARTS = (Part.BROKEN, Part.OVER, Part.TARDINESS, Part.MAKESPAN, Part.SETUP, Part.MOVED, Part.FLOW)
NEAR = 6_000  # so many operations are looked at together: what a core keeps at hand
STALE, STALE_OF = 60, 60  # so many accepted moves, and one more for so many operations: then the guide looks again
STEPS = 24  # so far back from the end of a late order at most
HOTTEST, WARM, WARMEST = 4.5, 3.0, 1.5  # of what an order costs: the first temperature with much time, with little
COLDEST, LEAST_COOLING = 0.1, 12.0  # of what a late order costs that is later by an operation: the last; at least
COOLING, LITTLE_COOLING = 800.0, 100.0  # the first over the last where the makespan counts, or a few orders most
MUCH, PACE = 300, 100_000  # so many moves an operation are much; a second counts as so many
PACE_BESIDE = 37_000  # and where there are units, ovens or longest waits, which take that much longer
ORDERS_IN = 6  # one in so many moves is that of an order
GOLDEN = 648_056  # of 2^20: so the looks at parts of a large schedule are spread evenly over all that is late
CHUNK_SECONDS = 0.06  # so long one part is looked at
TIGHTENED = 9  # times as long as it takes to time everything anew it is not done again


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


@kernel("int64(int64[::1], int64[::1], uint64[::1], int64, int64)")
def _some_back(s: Any, w: Any, r: Any, op: int, steps: int) -> int:
    """What an operation waits for, and what that waits for, so many steps back at most."""
    for _ in range(steps):
        if w[w[MODE] + op] < 0:
            break
        if s[BESIDE]:
            op = _member(s, w, op)
        ready, cause = ready_at(s, w, op, s[s[LINE_PLANT] + s[s[MODE_LINE] + w[w[MODE] + op]]])
        before = w[w[BEFORE] + (w[w[HEAD] + op] if s[BESIDE] else op)]
        if s[RESOURCES] and w[w[START] + op] > ready:
            before = user_before(s, w, op, before)
        if before >= 0 and (w[w[START] + op] > ready or (w[w[END] + before] == ready and below(r, 2))):
            cause = before
        if cause < 0:
            break
        op = cause
    return int(op)


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
    return _some_back(s, w, r, op, below(r, 4 + n // max(1, orders) * 4 if w[W_MAKESPAN] else 8))


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
    length, row = places_on(s, w, line), w[ROW] + s[s[LINE_AT] + line]
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
            if 0 <= i < length and may_join(s, w, op, w[row + i]):
                return int(-2 - 2 * w[row + i])
    return int(place) if place <= min(high, length) else NOWHERE


@kernel("int64(int64[::1], int64[::1], uint64[::1], int64[::1], int64, float64)")
def anneal(s: Any, w: Any, r: Any, cost: Any, moves: int, temperature: float) -> int:
    """So many moves at this temperature from the settled state; `cost[0]` is kept true; how many were accepted."""
    n, accepted, latest = s[OPERATIONS], 0, latest_end(s, w)
    for _ in range(moves):
        op = _chosen(s, w, r, latest)
        if not may_move(s, w, op):
            continue
        limit = int(-temperature * np.log((below(r, 1 << 30) + 1) / (1 << 30)))
        # With a weight on the makespan what costs more may be paid for by an earlier end of all.
        most, ceiling = limit, NEVER
        if w[W_MAKESPAN]:
            most, ceiling = DEAREST, latest + limit // w[W_MAKESPAN]
        first = s[s[MODE_AT] + op]
        mode, old_mode = first + below(r, s[s[MODE_AT] + op + 1] - first), w[w[MODE] + op]
        line, old_line = s[s[MODE_LINE] + mode], s[s[MODE_LINE] + old_mode]
        old_start, old_place = w[w[START] + op], NOWHERE
        delta, top, place = 0, latest, NOWHERE
        w[TRAIL_SIZE] = 0
        if s[RESOURCES] or not s[s[LINE_UNLIMITED] + old_line]:
            old_place = place_on_line(s, w, op)
            delta = take_out(s, w, op, old_place)
        ok = delta < DEAREST
        delta += moved_cost(w, n, op, old_start, mode) - moved_cost(w, n, op, old_start, old_mode)
        set_mode(s, w, op, mode)
        if ok and (s[RESOURCES] or not s[s[LINE_UNLIMITED] + line]):
            place = 0 if s[s[LINE_UNLIMITED] + line] else _place(s, w, r, op, line)
            ok = place != NOWHERE and not (line == old_line and place == old_place)
            if ok:
                delta += put_in(s, w, op, mode, place)
            else:
                place = NOWHERE
        if ok:
            delta = make_room(s, w, op, delta, most, ceiling)
            if w[W_MAKESPAN] and delta < DEAREST:
                top = latest_end(s, w)
                delta += w[W_MAKESPAN] * (top - latest)
            if delta <= limit:
                accepted += 1
                cost[0] += delta
                latest = top
                continue
        put_back(s, w, op, place, old_mode, old_place)
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
    return _some_back(s, w, r, op, below(r, STEPS))


# --- a move of one operation ------------------------------------------------------------------------------------------


@kernel("int64(int64[::1], int64[::1], int64, int64, int64, int64, int64)")
def _relocate(s: Any, w: Any, op: int, mode: int, place: int, old_place: int, limit: int) -> int:
    """Make a move: what it changes of the costs, or GIVEN_UP, with all as it was, if that is more than `limit`."""
    old_mode, old_start = w[w[MODE] + op], w[w[START] + op]
    delta = take_out(s, w, op, old_place) if old_place != NOWHERE else 0
    set_mode(s, w, op, mode)
    n = s[OPERATIONS]
    delta += moved_cost(w, n, op, old_start, mode) - moved_cost(w, n, op, old_start, old_mode)
    linked = delta < DEAREST and place != NOWHERE
    if linked:
        delta += put_in(s, w, op, mode, place)
    if delta < DEAREST:
        delta = make_room(s, w, op, delta, limit, NEVER)
    if delta <= limit:
        return int(delta)
    put_back(s, w, op, place if linked else NOWHERE, old_mode, old_place)
    return GIVEN_UP


@kernel("int64(int64[::1], int64[::1], int64[::1], uint64[::1], int64, int64)")
def _move_one(s: Any, w: Any, g: Any, r: Any, op: int, limit: int) -> int:
    """Propose a place for an operation and go there: the change of the costs, or GIVEN_UP."""
    old_mode, first = w[w[MODE] + op], s[s[MODE_AT] + op]
    mode = first + below(r, s[s[MODE_AT] + op + 1] - first)
    line, old_place, place = s[s[MODE_LINE] + mode], place_now(s, w, op), 0 if s[BESIDE] else NOWHERE
    if not s[s[LINE_UNLIMITED] + line]:
        family = w[w[FAMILY] + op]
        w[w[FAMILY] + op] = s[s[MODE_FAMILY] + mode]
        place = _place(s, w, r, op, line)
        w[w[FAMILY] + op] = family
        if place == NOWHERE:
            return GIVEN_UP
        if mode == old_mode and place > old_place > NOWHERE:
            place -= 1
    if mode == old_mode and place == old_place:
        return GIVEN_UP
    if min(place, old_place) >= NOWHERE and estimate(s, w, g, op, mode, place, old_place) > limit:
        return GIVEN_UP
    return int(_relocate(s, w, op, mode, place, old_place, limit))


# --- annealing --------------------------------------------------------------------------------------------------------


@kernel("int64(int64[::1], int64[::1], int64)")
def _late_order(s: Any, w: Any, share: int) -> int:
    """The late order, or any if none is late, before which `share` / 2^20 of all such stand."""
    late = 0
    for order in range(s[ORDERS]):
        late += w[w[DONE] + order] > s[s[ORDER_DUE] + order]
    if late == 0:
        return int(s[ORDERS] * share >> 20)
    left = late * share >> 20
    for order in range(s[ORDERS]):
        if w[w[DONE] + order] > s[s[ORDER_DUE] + order]:
            if left == 0:
                return order
            left -= 1
    return -1


@kernel("int64(int64[::1], int64[::1], int64[::1], int64, int64)")
def _near(s: Any, w: Any, g: Any, order: int, size: int) -> int:
    """The first of so many places by start around the end of an order."""
    n, low, high = s[OPERATIONS], 0, s[OPERATIONS]
    while low < high:
        middle = (low + high) >> 1
        if w[w[START] + g[BY_START * n + middle]] < w[w[DONE] + order]:
            low = middle + 1
        else:
            high = middle
    return int(max(0, min(low - size // 2, n - size)))


@kernel(
    "int64(int64[::1], int64[::1], int64[::1], uint64[::1], int64[::1], int64, int64, int64, float64)", allocates=True
)
def anneal_guided(
    s: Any, w: Any, g: Any, r: Any, cost: Any, moves: int, near: int, share: int, temperature: float
) -> int:
    """As `anneal`, with a guide and both kinds of moves: where the makespan counts for nothing.

    If there are more than twice `near` operations, so many around a late order are looked at (see `_late_order`).
    """
    accepted, stale, n = 0, 0, s[OPERATIONS]
    out, low, high = np.zeros(SIZE, np.int64), 0, n
    sort(s, w, g, 0, n)
    order = -1 if n <= 2 * near else _late_order(s, w, share)
    if order >= 0:
        low = _near(s, w, g, order, near)
        high = low + near
        shorten(s, w, w[w[START] + g[BY_START * n + high - 1]], 1 + near // 256)
    look(s, w, g, low, high)
    for _ in range(moves):
        if stale >= STALE + (high - low) // STALE_OF:
            look(s, w, g, low, high)
            stale = 0
        op = _chosen_near(s, w, g, r, low, high)
        if not may_move(s, w, op):
            continue
        limit = int(-temperature * np.log((below(r, 1 << 30) + 1) / (1 << 30)))
        w[TRAIL_SIZE] = 0
        if below(r, ORDERS_IN) == 0:
            delta = move_order(s, w, g, r, out, op, limit, int(temperature))
        else:
            delta = _move_one(s, w, g, r, op, limit)
        if delta < DEAREST:
            accepted += 1
            stale += 1
            cost[0] += delta
    if w[SHORT]:
        lengthen(s, w)
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
        """Time everything again, units given by the present starts, if that is possible."""
        kept = self.w.copy()
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
    look(s, w, g, 0, n)
    ways(s, w)
    r = seeded(seed)
    return State(w, g, r, np.array([total_cost(s, w)], dtype=np.int64))


def _heat(arrays: Arrays, state: State, moves: float) -> tuple[float, float]:
    """The first temperature, by what an order costs, and how many times as high as the last one it is.

    Broken promises, a step and not a slope, are left out.
    """
    w = state.w
    broken = w[W_BROKEN]
    w[W_BROKEN] = 0
    cost = total_cost(arrays.words, w) / max(1, len(arrays.problem.orders))
    w[W_BROKEN] = broken
    if w[W_MAKESPAN]:
        return float(max(1.0, 0.5 * cost)), COOLING
    share = min(1.0, moves / MUCH / max(1, len(arrays.operations)))
    if w[W_FOCUS]:
        heat, cooling = WARM + share * (HOTTEST - WARM), LITTLE_COOLING * (COOLING / LITTLE_COOLING) ** share
        return float(max(1.0, heat * cost)), cooling
    first = max(1.0, (WARMEST + share * (HOTTEST - WARMEST)) * cost)
    return float(first), float(max(LEAST_COOLING, first / (COLDEST * _later_by_one(arrays, w))))


def _later_by_one(arrays: Arrays, w: Words) -> float:
    """About what it costs that a late order is later by the time of an operation; at least 1."""
    weight = arrays.column(ORDER_WEIGHT, len(arrays.problem.orders)).mean()
    late = (w[W_TARDINESS] or w[W_OVER]) * weight or w[W_FLOW] or w[W_SETUP]
    return float(max(1.0, late * arrays.column(MODE_TIME, len(arrays.modes)).mean()))


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
    pace = PACE_BESIDE if s[BESIDE] else PACE
    first, cooling = _heat(arrays, state, pace * (seconds or 0.0) if moves is None else moves)
    guided = not state.w[W_MAKESPAN]
    began, made, accepted = monotonic(), 0, 0
    chunk, part, due = 200, 0, 0.0
    while not stop():
        report(made, best_cost)
        share = (monotonic() - began) / seconds if seconds is not None else made / (moves or 1)
        if share >= 1:
            break
        now = monotonic()
        size = chunk if moves is None else min(2000, moves - made)
        heat = first * exp(-share * log(cooling))
        if guided:
            at, part = part, (part + GOLDEN) % (1 << 20)
            accepted += anneal_guided(arrays.words, state.w, state.g, state.r, state.cost, size, NEAR, at, heat)
        else:
            accepted += anneal(arrays.words, state.w, state.r, state.cost, size, heat)
        made += size
        if (s[RESOURCES] or s[LONGEST]) and (moves is not None or monotonic() >= due):
            since = monotonic()  # what could start sooner does so now, with other units
            state.tightened(s)
            due = monotonic() + TIGHTENED * (monotonic() - since)
        if moves is None and monotonic() - now < CHUNK_SECONDS:
            chunk = min(200_000, chunk * 2)
        if state.cost[0] < best_cost:
            best, best_cost = state.columns(), int(state.cost[0])
    return Annealed(*best, best_cost, made, accepted)
