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
    MODE_AT,
    MODE_FAMILY,
    MODE_LINE,
    MODE_TIME,
    OP_FIXED,
    OPERATIONS,
    PRED_AT,
    PRED_OP,
    SUCC_AT,
    SUCC_OP,
    Arrays,
    Words,
)
from solver.scheduling.critical import (
    CRITICAL_HEADER,
    MAKESPAN,
    PATH,
    TAIL,
    arranged,
    below,
    critical_path,
    critical_words,
    moved,
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

TABLE = 1 << 14
# --- more of the header of t ---
STEP = MAKESPAN + 1
BEST = MAKESPAN + 2  # the least makespan since the search began
BETTERED = MAKESPAN + 3  # the step at which it was found
OP, CHOSEN, TO, FROM, ESTIMATE, TIES = (MAKESPAN + 4 + i for i in range(6))  # the move that is chosen
OTHER, OTHER_MODE, OTHER_TO, OTHER_FROM, OTHERS = (MAKESPAN + 10 + i for i in range(5))  # one that is tabu
HEADS = MAKESPAN + 15
TAILS = MAKESPAN + 16
BARRED = MAKESPAN + 17  # of each mode: the step until which it may not be taken up again
PAIRS = MAKESPAN + 18  # of pairs of neighbours, hashed: the same
KEPT = MAKESPAN + 19  # mode, start and end of the best
TENURE = MAKESPAN + 20
RULE = MAKESPAN + 21


@kernel("int64(int64[::1], int64[::1], int64, int64)")
def _ready(s: Any, w: Any, op: int, plant: int) -> int:
    ready, _ = ready_at(s, w, op, plant)
    return ready


@kernel("int64(int64[::1], int64, int64, int64)", into_callers=True)
def _pair(t: Any, line: int, before: int, after: int) -> int:
    """Where a pair of neighbours is in PAIRS."""
    key = (before + 1) * 2_654_435_761 + (after + 1) * 40_503 + line * 97
    return t[PAIRS] + ((key ^ (key >> 17)) & (TABLE - 1))


@kernel("void(int64[::1], int64[::1], int64[::1], uint64[::1], int64, int64, int64, int64, int64, int64, int64)")
def _offer(s: Any, w: Any, t: Any, r: Any, op: int, place: int, mode: int, to: int, before: int, after: int, estimate: int) -> None:
    """Keep a move if it is the best so far that is not tabu."""
    step, line = t[STEP], s[s[MODE_LINE] + mode]
    own = w[w[MODE] + op] == mode
    a, b = t[_pair(t, line, before, op)] > step, t[_pair(t, line, op, after)] > step
    if t[RULE] == 0:
        tabu = a and b
    elif t[RULE] == 1:
        tabu = a or b
    elif t[RULE] == 2:
        tabu = t[t[BARRED] + mode] > step
    elif t[RULE] == 3:
        tabu = (a or b) if own else t[t[BARRED] + mode] > step
    else:
        tabu = (a and b) if own else t[t[BARRED] + mode] > step
    if tabu and estimate >= t[BEST]:
        t[OTHERS] += 1
        if below(r, t[OTHERS]) == 0:
            t[OTHER], t[OTHER_MODE], t[OTHER_TO], t[OTHER_FROM] = op, mode, to, place
        return
    if estimate < t[ESTIMATE]:
        t[TIES] = 0
    elif estimate > t[ESTIMATE]:
        return
    t[TIES] += 1
    if t[TIES] == 1 or below(r, t[TIES]) == 0:
        t[OP], t[CHOSEN], t[TO], t[FROM], t[ESTIMATE] = op, mode, to, place, estimate


@kernel("int64(int64[::1], int64[::1], int64[::1], int64, int64)", into_callers=True)
def _way(s: Any, w: Any, t: Any, op: int, tail: int) -> int:
    """From the start of an operation to the end of all."""
    return s[s[MODE_TIME] + w[w[MODE] + op]] + tail


@kernel("void(int64[::1], int64[::1], int64[::1], uint64[::1], int64, int64, int64, int64, int64)")
def _elsewhere(s: Any, w: Any, t: Any, r: Any, op: int, place: int, mode: int, floor: int, roof: int) -> None:
    """Offer the moves of an operation to another line."""
    line = s[s[MODE_LINE] + mode]
    plant, family, duration = s[s[LINE_PLANT] + line], s[s[MODE_FAMILY] + mode], s[s[MODE_TIME] + mode]
    ready = _ready(s, w, op, plant)
    tail = tail_in(s, w, t, op, plant)
    if s[s[LINE_UNLIMITED] + line]:
        _offer(s, w, t, r, op, place, mode, -1, -1, -1, ready + duration + tail)
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
            _offer(s, w, t, r, op, place, mode, to, before, after, start + duration + rest)
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
            _offer(s, w, t, r, op, place, mode, to, before, after, start + duration + rest)
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
        _offer(s, w, t, r, op, place, mode, to, before, after, start + duration + later)
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
    place = -1
    if not s[s[LINE_UNLIMITED] + s[s[MODE_LINE] + w[w[MODE] + op]]]:
        place = place_on_line(s, w, op)
        _here(s, w, t, r, op, place, floor, roof)
    for mode in range(s[s[MODE_AT] + op], s[s[MODE_AT] + op + 1]):
        if mode != w[w[MODE] + op]:
            _elsewhere(s, w, t, r, op, place, mode, floor, roof)


@kernel("void(int64[::1], int64[::1], int64[::1])")
def _keep(s: Any, w: Any, t: Any) -> None:
    """Keep the present state as the best."""
    n, kept = s[OPERATIONS], t[KEPT]
    for i in range(n):
        t[kept + i], t[kept + n + i], t[kept + 2 * n + i] = w[w[MODE] + i], w[w[START] + i], w[w[END] + i]
    t[BEST], t[BETTERED] = t[MAKESPAN], t[STEP]


@kernel("void(int64[::1], int64[::1], int64[::1], uint64[::1], int64, int64, int64)")
def _bar(s: Any, w: Any, t: Any, r: Any, op: int, mode: int, size: int) -> None:
    """Make what a move gives up tabu."""
    line, old = s[s[MODE_LINE] + mode], s[s[MODE_LINE] + w[w[MODE] + op]]
    until = t[STEP] + t[TENURE] + below(r, max(1, t[TENURE] >> 1))
    before, after = w[w[BEFORE] + op], w[w[AFTER] + op]
    t[_pair(t, old, before, op)] = until
    t[_pair(t, old, op, after)] = until
    t[t[BARRED] + w[w[MODE] + op]] = t[STEP] + size + s[s[MODE_AT] + op + 1] - s[s[MODE_AT] + op]


@kernel("int64(int64[::1], int64[::1], int64[::1], uint64[::1], int64, int64)")
def tabu_moves(s: Any, w: Any, t: Any, r: Any, moves: int, patience: int) -> int:
    """Moves from the settled, arranged state; how many; ends early after `patience` steps without a better schedule."""
    made = 0
    while made < moves and t[STEP] - t[BETTERED] < patience:
        made += 1
        t[STEP] += 1
        size = critical_path(s, w, t, r)
        t[ESTIMATE], t[TIES], t[OTHERS] = NEVER, 0, 0
        for i in range(size):
            _neighbours(s, w, t, r, t[t[PATH] + i])
        op, mode, to, place = t[OP], t[CHOSEN], t[TO], t[FROM]
        if t[TIES] == 0:
            if t[OTHERS] == 0:
                t[BETTERED] = t[STEP] - patience
                break
            op, mode, to, place = t[OTHER], t[OTHER_MODE], t[OTHER_TO], t[OTHER_FROM]
        old = w[w[MODE] + op]
        _bar(s, w, t, r, op, mode, size)
        if not moved(s, w, t, op, place, mode, to):
            if to >= 0:
                unlink(s, w, op, to)
            w[w[MODE] + op], w[w[FAMILY] + op] = old, s[s[MODE_FAMILY] + old]
            if place >= 0:
                link(s, w, op, old, place)
            settle(s, w)
            arranged(s, w, t)
            t[_pair(t, s[s[MODE_LINE] + mode], w[w[BEFORE] + op], op)] = 0
            t[t[BARRED] + mode] = t[STEP] + 20
        elif t[MAKESPAN] < t[BEST]:
            _keep(s, w, t)
    return made


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
    patience: int = 1 << 40,
) -> Annealed:
    s = arrays.words
    n, modes = len(arrays.operations), len(arrays.modes)
    w = work_of(arrays, *columns)
    if not settle(s, w):
        raise Untimed
    t = critical_words(arrays, modes + TABLE + 3 * n)
    t[BARRED] = CRITICAL_HEADER + 5 * n
    t[PAIRS] = t[BARRED] + modes
    t[KEPT] = t[PAIRS] + TABLE
    t[RULE], t[TENURE] = rule, tenure
    state = np.array([seed * 2_654_435_769 + 88_172_645_463_325_252], dtype=np.uint64)
    arranged(s, w, t)
    t[BEST] = NEVER
    from solver.scheduling.tabu import _keep
    _keep(s, w, t)
    began, made, chunk = monotonic(), 0, 100
    while not stop():
        report(made)
        now = monotonic()
        if (seconds is not None and now - began >= seconds) or (moves is not None and made >= moves):
            break
        k = tabu_moves(s, w, t, state, chunk, patience)
        made += k
        if k < chunk:
            break
        if monotonic() - now < 0.02: chunk *= 2
    kept = t[KEPT]
    return Annealed(*(t[kept + k * n : kept + (k + 1) * n].copy() for k in range(3)), int(t[BEST]), made, made)
