"""Shorter schedules at any size: tabu search on the critical path."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic
from typing import Any

import numpy as np

from solver.native import kernel
from solver.scheduling.anneal import Annealed, Untimed
from solver.scheduling.arrays import (
    LINE_AT,
    LINE_FAMILY,
    LINE_PLANT,
    LINE_UNLIMITED,
    LINES,
    MODE_AT,
    MODE_FAMILY,
    MODE_LINE,
    MODE_TIME,
    OP_FIXED,
    OP_ORDER,
    OPERATIONS,
    ORDER_AT,
    PRED_AT,
    PRED_OP,
    SUCC_AT,
    SUCC_OP,
    Arrays,
    Words,
)
from solver.scheduling.critical import (
    LOG_SIZE,
    drop,
    flow,
    lift,
    undone,
    CRITICAL_HEADER,
    MAKESPAN,
    MARK,
    PATH,
    TAIL,
    arranged,
    below,
    critical_path,
    critical_words,
    tail_in,
)
from solver.scheduling.problem import NEVER
from solver.scheduling.sequences import (
    AFTER,
    BEFORE,
    END,
    FAMILY,
    LENGTH,
    MODE,
    ROW,
    START,
    link,
    place_of,
    place_on_line,
    ready_at,
    settle,
    unlink,
    work_of,
)
from solver.scheduling.timing import setup_of

# --- more of the header of t ---
STEP = MAKESPAN + 1
BEST = MAKESPAN + 2  # the least makespan since the search began
BETTERED = MAKESPAN + 3  # the step at which it was found
OP, CHOSEN, TO, ESTIMATE, EXTRA, TIES = (MAKESPAN + 4 + i for i in range(6))  # the move that is chosen
OTHER, OTHER_MODE, OTHER_TO, OTHERS = (MAKESPAN + 10 + i for i in range(4))  # one that is tabu
BARRED = MAKESPAN + 17  # of each mode: the step until which it may not be taken up again
KEPT = MAKESPAN + 19  # mode, start and end of the best
OUT = MAKESPAN + 22
SAVED = MAKESPAN + 23
MOST_OUT = 64
TIEBREAK = MAKESPAN + 24


@kernel("int64(int64[::1], int64[::1], int64, int64)")
def _ready(s: Any, w: Any, op: int, plant: int) -> int:
    ready, _ = ready_at(s, w, op, plant)
    return ready


@kernel("void(int64[::1], uint64[::1], int64, int64, int64, int64, int64)")
def _offer(t: Any, r: Any, op: int, mode: int, to: int, estimate: int, extra: int) -> None:
    """Keep a move if it is the best so far that is not tabu."""
    if t[t[BARRED] + mode] > t[STEP] and estimate >= t[BEST]:
        t[OTHERS] += 1
        if below(r, t[OTHERS]) == 0:
            t[OTHER], t[OTHER_MODE], t[OTHER_TO] = op, mode, to
        return
    if estimate < t[ESTIMATE] or (estimate == t[ESTIMATE] and extra < t[EXTRA]):
        t[TIES] = 0
    elif estimate > t[ESTIMATE] or extra > t[EXTRA]:
        return
    t[TIES] += 1
    if t[TIES] == 1 or below(r, t[TIES]) == 0:
        t[OP], t[CHOSEN], t[TO], t[ESTIMATE], t[EXTRA] = op, mode, to, estimate, extra


@kernel("int64(int64[::1], int64[::1], int64[::1], int64, int64)", into_callers=True)
def _way(s: Any, w: Any, t: Any, op: int, tail: int) -> int:
    """From the start of an operation to the end of all."""
    return s[s[MODE_TIME] + w[w[MODE] + op]] + tail


@kernel("int64(int64[::1], int64[::1], int64[::1], int64)")
def _without(s: Any, w: Any, t: Any, op: int) -> int:
    """The longest path over the operations beside this one on its line when it is gone."""
    before, after = w[w[BEFORE] + op], w[w[AFTER] + op]
    if before < 0 or after < 0:
        return 0
    line = s[s[MODE_LINE] + w[w[MODE] + op]]
    setup = setup_of(s, line, w[w[FAMILY] + before], w[w[FAMILY] + after])
    ready = max(_ready(s, w, after, s[s[LINE_PLANT] + line]), w[w[END] + before] + setup)
    return ready + _way(s, w, t, after, t[t[TAIL] + after])


@kernel("void(int64[::1], int64[::1], int64[::1], uint64[::1], int64, int64, int64, int64, int64)")
def _elsewhere(
    s: Any, w: Any, t: Any, r: Any, op: int, mode: int, floor: int, roof: int, least: int
) -> None:
    """Offer the moves of an operation to another line."""
    line = s[s[MODE_LINE] + mode]
    plant, family, duration = s[s[LINE_PLANT] + line], s[s[MODE_FAMILY] + mode], s[s[MODE_TIME] + mode]
    ready = _ready(s, w, op, plant)
    tail = tail_in(s, w, t, op, plant)
    if s[s[LINE_UNLIMITED] + line]:
        _offer(t, r, op, mode, -1, max(least, ready + duration + tail), duration)
        return
    row, length = w[ROW] + s[s[LINE_AT] + line], w[w[LENGTH] + line]
    low, high = place_of(s, w, line, floor), place_of(s, w, line, roof)
    to = place_of(s, w, line, ready) - 1
    if s[s[LINE_FAMILY] + line]:
        to -= 1
    to = max(low, to)
    while to <= high:
        before = w[row + to - 1] if to else -1
        after = w[row + to] if to < length else -1
        start, rest = ready, tail
        if before >= 0:
            start = max(start, w[w[END] + before] + setup_of(s, line, w[w[FAMILY] + before], family))
        else:
            start = max(start, setup_of(s, line, s[s[LINE_FAMILY] + line], family))
        done = True
        if after >= 0:
            way = setup_of(s, line, family, w[w[FAMILY] + after]) + _way(s, w, t, after, t[t[TAIL] + after])
            done = way <= rest
            rest = max(rest, way)
        if not (after >= 0 and s[s[OP_FIXED] + after]):
            _offer(t, r, op, mode, to, max(least, start + duration + rest), duration if t[TIEBREAK] else 0)
        if (done and start > ready) or start + duration + tail > t[ESTIMATE]:
            break
        to += 1


@kernel("void(int64[::1], int64[::1], int64[::1], uint64[::1], int64, int64, int64, int64)")
def _here(s: Any, w: Any, t: Any, r: Any, op: int, place: int, floor: int, roof: int) -> None:
    """Offer the moves of an operation on its line."""
    mode = w[w[MODE] + op]
    line = s[s[MODE_LINE] + mode]
    plant, family, duration = s[s[LINE_PLANT] + line], s[s[MODE_FAMILY] + mode], s[s[MODE_TIME] + mode]
    row, length = w[ROW] + s[s[LINE_AT] + line], w[w[LENGTH] + line]
    ready, tail = _ready(s, w, op, plant), tail_in(s, w, t, op, plant)
    left, right = w[w[BEFORE] + op], w[w[AFTER] + op]
    initial = s[s[LINE_FAMILY] + line]
    # later: what follows on the line moves up
    end, last = (w[w[END] + left], w[w[FAMILY] + left]) if left >= 0 else (0, initial)
    to = place
    while to + 1 < length:
        before = w[row + to + 1]
        if w[w[START] + before] >= roof or s[s[OP_FIXED] + before]:
            break
        there = max(_ready(s, w, before, plant), end + setup_of(s, line, last, w[w[FAMILY] + before]))
        end, last = there + s[s[MODE_TIME] + w[w[MODE] + before]], w[w[FAMILY] + before]
        to += 1
        start = max(ready, end + setup_of(s, line, last, family))
        after = w[row + to + 1] if to + 1 < length else -1
        rest = tail
        if after >= 0:
            rest = max(rest, setup_of(s, line, family, w[w[FAMILY] + after]) + _way(s, w, t, after, t[t[TAIL] + after]))
        if not (after >= 0 and s[s[OP_FIXED] + after]):
            _offer(t, r, op, mode, to, start + duration + rest, duration if t[TIEBREAK] else 0)
        if start + duration + tail > t[ESTIMATE]:
            break
    # earlier: what stands before it moves back
    way, last = -1, 0
    if right >= 0:
        way, last = _way(s, w, t, right, t[t[TAIL] + right]), w[w[FAMILY] + right]
    to = place
    while to > 0:
        after = w[row + to - 1]
        if w[w[START] + after] < floor or s[s[OP_FIXED] + after]:
            break
        rest = tail_in(s, w, t, after, plant)
        if way >= 0:
            rest = max(rest, way + setup_of(s, line, w[w[FAMILY] + after], last))
        way, last = _way(s, w, t, after, rest), w[w[FAMILY] + after]
        to -= 1
        before = w[row + to - 1] if to else -1
        start = ready
        if before >= 0:
            start = max(start, w[w[END] + before] + setup_of(s, line, w[w[FAMILY] + before], family))
        else:
            start = max(start, setup_of(s, line, initial, family))
        later = max(tail, way + setup_of(s, line, family, last))
        _offer(t, r, op, mode, to, start + duration + later, duration if t[TIEBREAK] else 0)
        if ready + duration + later > t[ESTIMATE]:
            break


@kernel("void(int64[::1], int64[::1], int64[::1], uint64[::1], int64)")
def _neighbours(s: Any, w: Any, t: Any, r: Any, op: int) -> None:
    """Offer all moves of an operation that make no cycle."""
    floor, roof = -1, NEVER
    for i in range(s[s[PRED_AT] + op], s[s[PRED_AT] + op + 1]):
        floor = max(floor, w[w[START] + s[s[PRED_OP] + i]])
    for i in range(s[s[SUCC_AT] + op], s[s[SUCC_AT] + op + 1]):
        roof = min(roof, w[w[END] + s[s[SUCC_OP] + i]])
    if not s[s[LINE_UNLIMITED] + s[s[MODE_LINE] + w[w[MODE] + op]]]:
        _here(s, w, t, r, op, place_on_line(s, w, op), floor, roof)
    least = _without(s, w, t, op)
    for mode in range(s[s[MODE_AT] + op], s[s[MODE_AT] + op + 1]):
        if mode != w[w[MODE] + op]:
            _elsewhere(s, w, t, r, op, mode, floor, roof, least)


@kernel("void(int64[::1], int64[::1], int64[::1])")
def _keep(s: Any, w: Any, t: Any) -> None:
    """Keep the present state as the best."""
    n, kept = s[OPERATIONS], t[KEPT]
    for i in range(n):
        t[kept + i], t[kept + n + i], t[kept + 2 * n + i] = w[w[MODE] + i], w[w[START] + i], w[w[END] + i]
    t[BEST], t[BETTERED] = t[MAKESPAN], t[STEP]


@kernel("int64(int64[::1], int64[::1], int64[::1], uint64[::1], int64, int64)")
def tabu_moves(s: Any, w: Any, t: Any, r: Any, moves: int, patience: int) -> int:
    """Moves from the settled, arranged state; how many; ends early after `patience` steps without a better schedule."""
    made = 0
    while made < moves and t[STEP] - t[BETTERED] < patience:
        made += 1
        t[STEP] += 1
        size = critical_path(s, w, t, r)
        t[ESTIMATE], t[EXTRA], t[TIES], t[OTHERS] = NEVER, NEVER, 0, 0
        for i in range(size):
            _neighbours(s, w, t, r, t[t[PATH] + i])
        op, mode, to = t[OP], t[CHOSEN], t[TO]
        if t[TIES] == 0:
            if t[OTHERS] == 0:
                t[BETTERED] = t[STEP] - patience
                break
            op, mode, to = t[OTHER], t[OTHER_MODE], t[OTHER_TO]
        old = w[w[MODE] + op]
        t[LOG_SIZE] = 0
        lift(s, w, t, op)
        if drop(s, w, t, op, mode, to) and flow(s, w, t):
            t[t[BARRED] + old] = t[STEP] + size + s[s[MODE_AT] + op + 1] - s[s[MODE_AT] + op]
            if t[MAKESPAN] < t[BEST]:
                _keep(s, w, t)
        else:
            undone(s, w, t)
            t[t[BARRED] + mode] = t[STEP] + size
    return made


@kernel("int64(int64[::1], int64[::1], int64[::1], uint64[::1], int64, int64)")
def _chosen(s: Any, w: Any, t: Any, r: Any, size: int, most: int) -> int:
    """Operations to take out: those of an order, neighbours on a line, or what is made at the same time; how many."""
    out, mark, number = t[OUT], t[MARK], 0
    seed = t[t[PATH] + below(r, size)] if size and below(r, 4) else below(r, s[OPERATIONS])
    want = 1 + below(r, most)
    way = below(r, 3)
    tries = 0
    while number < want and tries < 4 * want:
        tries += 1
        line = s[s[MODE_LINE] + w[w[MODE] + seed]]
        if way == 0:
            order = s[s[OP_ORDER] + seed]
            for op in range(s[s[ORDER_AT] + order], s[s[ORDER_AT] + order + 1]):
                if t[mark + op] == 0 and not s[s[OP_FIXED] + op] and number < MOST_OUT:
                    t[mark + op] = 1
                    t[out + number] = op
                    number += 1
            seed = below(r, s[OPERATIONS])
        else:
            if t[mark + seed] == 0 and not s[s[OP_FIXED] + seed]:
                t[mark + seed] = 1
                t[out + number] = seed
                number += 1
            if way == 2:
                first = s[s[MODE_AT] + seed]
                line = s[s[MODE_LINE] + first + below(r, s[s[MODE_AT] + seed + 1] - first)]
            length = w[w[LENGTH] + line]
            if length:
                place = place_of(s, w, line, w[w[START] + seed]) + below(r, 5) - 2
                seed = w[w[ROW] + s[s[LINE_AT] + line] + max(0, min(length - 1, place))]
            else:
                seed = below(r, s[OPERATIONS])
    for i in range(number):
        t[mark + t[out + i]] = 0
    return number


@kernel("int64(int64[::1], int64[::1], int64[::1], uint64[::1], int64, int64)")
def _put_in(s: Any, w: Any, t: Any, r: Any, op: int, limit: int) -> int:
    """Put an operation where the longest path over it is shortest; 0 if that is longer than `limit`."""
    t[ESTIMATE], t[EXTRA], t[TIES] = limit, NEVER, 0
    floor, roof = -1, NEVER
    for i in range(s[s[PRED_AT] + op], s[s[PRED_AT] + op + 1]):
        floor = max(floor, w[w[START] + s[s[PRED_OP] + i]])
    for i in range(s[s[SUCC_AT] + op], s[s[SUCC_AT] + op + 1]):
        roof = min(roof, w[w[END] + s[s[SUCC_OP] + i]])
    for mode in range(s[s[MODE_AT] + op], s[s[MODE_AT] + op + 1]):
        _elsewhere(s, w, t, r, op, mode, floor, roof, 0)
    if t[TIES] == 0:
        return 0
    return drop(s, w, t, op, t[CHOSEN], t[TO]) and flow(s, w, t) and t[MAKESPAN] <= limit


@kernel("int64(int64[::1], int64[::1], int64[::1], uint64[::1], int64, float64, int64)")
def recreate_moves(s: Any, w: Any, t: Any, r: Any, moves: int, temperature: float, most: int) -> int:
    """Take out and put back"""
    out, taken = t[OUT], 0
    for _ in range(moves):
        t[STEP] += 1
        size = critical_path(s, w, t, r)
        limit = t[MAKESPAN] + int(-temperature * np.log((below(r, 1 << 30) + 1) / (1 << 30)))
        number = _chosen(s, w, t, r, size, most)
        t[LOG_SIZE] = 0
        for i in range(number):
            lift(s, w, t, t[out + i])
        ok = flow(s, w, t)
        for i in range(number - 1, 0, -1):
            k = below(r, i + 1)
            t[out + i], t[out + k] = t[out + k], t[out + i]
        i = 0
        while ok and i < number:
            ok = _put_in(s, w, t, r, t[out + i], limit)
            i += 1
        if not ok:
            undone(s, w, t)
            continue
        taken += 1
        if t[MAKESPAN] < t[BEST]:
            _keep(s, w, t)
    return taken


Columns = tuple[Words, Words, Words]


def _relinked(arrays: Arrays, one: Columns, other: Columns, random: np.random.Generator) -> Columns:
    """A schedule between two: each operation on a line of one of them, in the sequence of starts between theirs.

    Along an order both starts rise, so what is between them rises too: there are no cycles.
    """
    share = int(random.integers(300, 701))
    start = one[1] * (1000 - share) + other[1] * share
    mode = np.where(random.random(len(start)) * 1000 < share, other[0], one[0])
    return mode, start, start + 1


def _shaken(arrays: Arrays, one: Columns, random: np.random.Generator, strength: float) -> Columns:
    """A schedule with random lines for some operations, and the orders hurried or held up at random."""
    n = len(arrays.operations)
    first = arrays.column(MODE_AT, n + 1)
    fixed = arrays.column(OP_FIXED, n) == 1
    order = arrays.column(OP_ORDER, n)
    any_mode = first[:-1] + (random.random(n) * np.diff(first)).astype(np.int64)
    mode = np.where((random.random(n) < strength) & ~fixed, any_mode, one[0])
    factor = (1000 * np.exp(strength * random.standard_normal(len(arrays.problem.orders)))).astype(np.int64) + 1
    start = np.where(fixed, 1000 * one[1], factor[order] * one[1])
    return mode, start, start + 1


class _Search:
    def __init__(self, arrays: Arrays, seed: int, rule: int, tenure: int) -> None:
        self.arrays = arrays
        s = self.s = arrays.words
        n, modes = len(arrays.operations), len(arrays.modes)
        self.n = n
        t = self.t = critical_words(arrays, modes + 3 * n + 2 * MOST_OUT)
        t[BARRED] = len(t) - modes - 3 * n - MOST_OUT
        t[KEPT] = t[BARRED] + modes
        t[OUT] = t[KEPT] + 3 * n
        t[TIEBREAK] = rule
        self.state = np.array([seed * 2_654_435_769 + 88_172_645_463_325_252], dtype=np.uint64)

    def begin(self, columns: Columns) -> bool:
        self.w = work_of(self.arrays, *columns)
        if not settle(self.s, self.w):
            return False
        arranged(self.s, self.w, self.t)
        t = self.t
        t[t[BARRED] : t[KEPT]] = 0
        t[STEP] = 0
        _keep(self.s, self.w, t)
        return True

    def kept(self) -> Columns:
        n, kept = self.n, self.t[KEPT]
        return tuple(self.t[kept + k * n : kept + (k + 1) * n].copy() for k in range(3))

    def go(self, chunk: int, patience: int) -> int:
        if self.recreate:
            return int(recreate_moves(self.s, self.w, self.t, self.state, chunk, self.hot, self.most)) * 0 + chunk
        return int(tabu_moves(self.s, self.w, self.t, self.state, chunk, patience))


def _apart(one: Columns, other: Columns) -> int:
    return int((one[0] != other[0]).sum() + (one[1] != other[1]).sum())


def tabu(
    arrays: Arrays,
    columns: tuple[Words, Words, Words],
    *,
    seconds: float | None = None,
    moves: int | None = None,
    seed: int = 0,
    stop: Callable[[], bool] = lambda: False,
    report: Callable[[int], None] = lambda moves: None,
    rule: int = 0,
    tenure: int = 12,
    patience: int = 10000,
    pool: int = 6,
    log: bool = False,
    recreate: int = 0,
    hot: float = 1.0,
    most: int = 6,
    alpha: float = 0.0,
) -> Annealed:
    search = _Search(arrays, seed, rule, tenure)
    random = np.random.default_rng(seed)
    search.recreate, search.hot, search.most, search.alpha = recreate, hot, most, alpha
    if not search.begin(columns):
        raise Untimed
    began, made, chunk = monotonic(), 0, 100
    elites: list[tuple[int, Columns]] = []
    best: tuple[int, Columns] | None = None
    rounds = 0
    over = False
    while True:
        while True:
            report(made)
            now = monotonic()
            if stop() or (seconds is not None and now - began >= seconds) or (moves is not None and made >= moves):
                over = True
                break
            ask = chunk if moves is None else min(chunk, moves - made)
            k = search.go(ask, patience)
            made += k
            if k < ask:
                break
            if monotonic() - now < 0.02:
                chunk *= 2
        found = int(search.t[BEST]), search.kept()
        if best is None or found[0] < best[0]:
            best = found
        if over:
            break
        rounds += 1
        if log:
            print(f"{monotonic()-began:.1f}", rounds, found[0], best[0], sorted(e[0] for e in elites))
        near = [i for i, e in enumerate(elites) if (e[1][0] != found[1][0]).mean() + (e[1][1] != found[1][1]).mean() < 0.1]
        if near:
            i = max(near, key=lambda i: elites[i][0])
            if found[0] <= elites[i][0]:
                elites[i] = found
        elif len(elites) < pool:
            elites.append(found)
        else:
            i = max(range(pool), key=lambda i: elites[i][0])
            if found[0] <= elites[i][0]:
                elites[i] = found
        ok = False
        while not ok:
            if len(elites) < pool and rounds < 2 * pool:
                child = _shaken(arrays, best[1], random, 0.5)
            else:
                a, b = random.choice(len(elites), 2, replace=False) if len(elites) > 1 else (0, 0)
                child = _relinked(arrays, elites[a][1], elites[b][1], random)
                if len(elites) < 3:
                    child = _shaken(arrays, child, random, 0.3)
            ok = search.begin(child)
    return Annealed(*best[1], best[0], made, rounds)
