"""Compiled: how long it takes from each operation to the end of the schedule, and what makes the schedule that long.

One array `t` beside the state `w` of `sequences`. *Tails* are the counterpart of starts: the least time from the end of
an operation to the end of all, in working seconds. Both are kept true by going along a topological order of the
operations, from the first one that a move touches to the last one that it changes.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from solver.native import kernel
from solver.scheduling.arrays import (
    LINE_PLANT,
    LINE_UNLIMITED,
    LINES,
    MODE_LINE,
    MODE_TIME,
    OP_FIXED,
    OPERATIONS,
    PLANTS,
    PRED_AT,
    PRED_OP,
    PRED_WAIT,
    SUCC_AT,
    SUCC_OP,
    TRANSPORT,
    Arrays,
    Words,
)
from solver.scheduling.arrays import LINE_AT as LINE_ROW
from solver.scheduling.problem import NEVER
from solver.scheduling.sequences import (
    AFTER,
    BEFORE,
    END,
    LENGTH,
    MODE,
    ROW,
    START,
    enqueue,
    link,
    ready_at,
    setup_at,
    take_next,
    timed,
    unlink,
)
from solver.scheduling.timing import after_setup

# --- the header of t ---
TAIL = 0  # of each operation
ORDER = 1  # the operations in a topological order
AT = 2  # where each operation is in it
MARK = 3  # of each operation: it waits to be looked at
PATH = 4  # the operations of a critical path, the last one first
MAKESPAN = 5
CRITICAL_HEADER = 32  # the rest is for the search


def critical_words(arrays: Arrays, more: int = 0) -> Words:
    """Room for the sections above, and `more` words behind them; `arranged` fills it."""
    n = len(arrays.operations)
    t = np.zeros(CRITICAL_HEADER + 5 * n + more, dtype=np.int64)
    t[:MAKESPAN] = CRITICAL_HEADER + n * np.arange(MAKESPAN)
    return t


@kernel("int64(uint64[::1], int64)")
def below(r: Any, size: int) -> int:
    """A random number from 0 to size - 1 (xorshift, Marsaglia 2003)."""
    x = r[0]
    x ^= x << np.uint64(13)
    x ^= x >> np.uint64(7)
    x ^= x << np.uint64(17)
    r[0] = x
    return int((x >> np.uint64(33)) % np.uint64(size))


@kernel("int64(int64[::1], int64[::1], int64[::1], int64, int64)")
def tail_in(s: Any, w: Any, t: Any, op: int, plant: int) -> int:
    """The least time from the end of an operation in a plant to the end of all, by what comes after it in its order."""
    tail = 0
    for i in range(s[s[SUCC_AT] + op], s[s[SUCC_AT] + op + 1]):
        after = s[s[SUCC_OP] + i]
        mode = w[w[MODE] + after]
        way = t[t[TAIL] + after] + s[s[MODE_TIME] + mode]
        for k in range(s[s[PRED_AT] + after], s[s[PRED_AT] + after + 1]):
            if s[s[PRED_OP] + k] == op:
                way += s[s[PRED_WAIT] + k]
        there = s[s[LINE_PLANT] + s[s[MODE_LINE] + mode]]
        if there != plant:
            way += s[s[TRANSPORT] + plant * s[PLANTS] + there]
        tail = max(tail, way)
    return int(tail)


@kernel("int64(int64[::1], int64[::1], int64[::1], int64)")
def _tail(s: Any, w: Any, t: Any, op: int) -> int:
    """The least time from the end of an operation to the end of all."""
    tail = tail_in(s, w, t, op, s[s[LINE_PLANT] + s[s[MODE_LINE] + w[w[MODE] + op]]])
    after = w[w[AFTER] + op]
    if after >= 0:
        tail = max(tail, setup_at(s, w, after) + s[s[MODE_TIME] + w[w[MODE] + after]] + t[t[TAIL] + after])
    return int(tail)


@kernel("int64(int64[::1], int64[::1], int64[::1])")
def latest_end(s: Any, w: Any, t: Any) -> int:
    """The makespan of a settled state."""
    latest = 0
    for line in range(s[LINES]):
        length = w[w[LENGTH] + line]
        if length:
            latest = max(latest, w[w[END] + w[w[ROW] + s[s[LINE_ROW] + line] + length - 1]])
        elif s[s[LINE_UNLIMITED] + line]:
            for op in range(s[OPERATIONS]):
                latest = max(latest, w[w[END] + op])
    t[MAKESPAN] = latest
    return int(latest)


@kernel("int64(int64[::1], int64[::1], int64[::1])")
def arranged(s: Any, w: Any, t: Any) -> int:
    """Topological order (by start) and tails of a settled state from scratch; the makespan."""
    n = s[OPERATIONS]
    missing = np.zeros(n, np.int64)
    for op in range(n):
        t[t[MARK] + op] = 0
        missing[op] = s[s[PRED_AT] + op + 1] - s[s[PRED_AT] + op] + (1 if w[w[BEFORE] + op] >= 0 else 0)
        if missing[op] == 0:
            enqueue(w, op)
    for i in range(n):
        op = take_next(w)
        t[t[ORDER] + i], t[t[AT] + op] = op, i
        after = w[w[AFTER] + op]
        if after >= 0:
            missing[after] -= 1
            if missing[after] == 0:
                enqueue(w, after)
        for k in range(s[s[SUCC_AT] + op], s[s[SUCC_AT] + op + 1]):
            after = s[s[SUCC_OP] + k]
            missing[after] -= 1
            if missing[after] == 0:
                enqueue(w, after)
    for i in range(n - 1, -1, -1):
        op = t[t[ORDER] + i]
        t[t[TAIL] + op] = _tail(s, w, t, op)
    return latest_end(s, w, t)


@kernel("int64(int64[::1], int64[::1], int64[::1], int64)")
def _reordered(s: Any, w: Any, t: Any, op: int) -> int:
    """Repair the topological order after an operation came to a new place on a line; 0 if there is none.

    What must follow it is shifted behind the operation before it on the line, or what must precede it ahead of the one
    after it. Source: Pearce and Kelly, A dynamic topological sort algorithm for directed acyclic graphs (2006).
    """
    order, at, mark = t[ORDER], t[AT], t[MARK]
    before, after = w[w[BEFORE] + op], w[w[AFTER] + op]
    first = t[at + op]
    if before >= 0 and t[at + before] > first:
        last = t[at + before]
        moved = np.empty(last - first + 1, np.int64)
        size, place = 0, first
        for i in range(first, last + 1):
            this = t[order + i]
            behind = this == op
            if not behind:
                other = w[w[BEFORE] + this]
                behind = other >= 0 and t[mark + other] == 1
                for k in range(s[s[PRED_AT] + this], s[s[PRED_AT] + this + 1]):
                    behind = behind or t[mark + s[s[PRED_OP] + k]] == 1
            if behind:
                moved[size] = this
                size += 1
                t[mark + this] = 1
            else:
                t[order + place], t[at + this] = this, place
                place += 1
        for i in range(size):
            t[order + place + i], t[at + moved[i]] = moved[i], place + i
            t[mark + moved[i]] = 0
        if t[at + before] > t[at + op]:
            return 0
    elif after >= 0 and t[at + after] < first:
        last = t[at + after]
        moved = np.empty(first - last + 1, np.int64)
        size, place = 0, first
        for i in range(first, last - 1, -1):
            this = t[order + i]
            ahead = this == op
            if not ahead:
                other = w[w[AFTER] + this]
                ahead = other >= 0 and t[mark + other] == 1
                for k in range(s[s[SUCC_AT] + this], s[s[SUCC_AT] + this + 1]):
                    ahead = ahead or t[mark + s[s[SUCC_OP] + k]] == 1
            if ahead:
                moved[size] = this
                size += 1
                t[mark + this] = 1
            else:
                t[order + place], t[at + this] = this, place
                place -= 1
        for i in range(size):
            t[order + place - i], t[at + moved[i]] = moved[i], place - i
            t[mark + moved[i]] = 0
        if t[at + after] < t[at + op]:
            return 0
    return 1


@kernel("int64(int64[::1], int64[::1], int64[::1], int64, int64)")
def _retimed(s: Any, w: Any, t: Any, first: int, waiting: int) -> int:
    """Time the marked operations, the first one at `first` in the order, and all that they change; 0: no room."""
    order, mark, i, room = t[ORDER], t[MARK], first, 1
    while waiting:
        op = t[order + i]
        i += 1
        if t[mark + op] == 0:
            continue
        t[mark + op] = 0
        waiting -= 1
        if not room:
            continue
        start, end = timed(s, w, op)
        if start >= NEVER:
            room = 0
            continue
        if start == w[w[START] + op] and end == w[w[END] + op]:
            continue
        w[w[START] + op], w[w[END] + op] = start, end
        after = w[w[AFTER] + op]
        if after >= 0 and t[mark + after] == 0:
            t[mark + after] = 1
            waiting += 1
        for k in range(s[s[SUCC_AT] + op], s[s[SUCC_AT] + op + 1]):
            after = s[s[SUCC_OP] + k]
            if t[mark + after] == 0:
                t[mark + after] = 1
                waiting += 1
    return room


@kernel("void(int64[::1], int64[::1], int64[::1], int64, int64)")
def _retailed(s: Any, w: Any, t: Any, last: int, waiting: int) -> None:
    """The tails of the marked operations, the last one at `last` in the order, and of all that they change."""
    order, mark, i = t[ORDER], t[MARK], last
    while waiting:
        op = t[order + i]
        i -= 1
        if t[mark + op] == 0:
            continue
        again = t[mark + op] == 2
        t[mark + op] = 0
        waiting -= 1
        tail = _tail(s, w, t, op)
        if tail == t[t[TAIL] + op] and not again:
            continue
        t[t[TAIL] + op] = tail
        before = w[w[BEFORE] + op]
        if before >= 0 and t[mark + before] == 0:
            t[mark + before] = 1
            waiting += 1
        for k in range(s[s[PRED_AT] + op], s[s[PRED_AT] + op + 1]):
            before = s[s[PRED_OP] + k]
            if t[mark + before] == 0:
                t[mark + before] = 1
                waiting += 1


@kernel("int64(int64[::1], int64[::1], int64[::1], int64, int64, int64, int64)")
def moved(s: Any, w: Any, t: Any, op: int, place: int, mode: int, to: int) -> int:
    """Move an operation from its place on its line to another one (-1: it has none on an unlimited line).

    Everything is then timed. 0 if the move makes a cycle or leaves no room for what is fixed or in the calendar: the
    state is then broken until the way back is linked, and it is settled and arranged anew.
    """
    mark = t[MARK]
    behind, ahead = w[w[AFTER] + op], w[w[BEFORE] + op]
    if place >= 0:
        unlink(s, w, op, place)
    if to >= 0:
        link(s, w, op, mode, to)
    else:
        w[w[MODE] + op] = mode
    if to >= 0 and not _reordered(s, w, t, op):
        return 0
    first, waiting = t[t[AT] + op], 1
    t[mark + op] = 1
    after = w[w[AFTER] + op]
    for other in (behind, after):
        if other >= 0 and t[mark + other] == 0:
            t[mark + other] = 1
            waiting += 1
            first = min(first, t[t[AT] + other])
    for k in range(s[s[SUCC_AT] + op], s[s[SUCC_AT] + op + 1]):
        other = s[s[SUCC_OP] + k]
        if t[mark + other] == 0:
            t[mark + other] = 1
            waiting += 1
    if not _retimed(s, w, t, first, waiting):
        return 0
    last, waiting = t[t[AT] + op], 1
    t[mark + op] = 2
    before = w[w[BEFORE] + op]
    for other in (ahead, before):
        if other >= 0 and t[mark + other] == 0:
            t[mark + other] = 1
            waiting += 1
            last = max(last, t[t[AT] + other])
    _retailed(s, w, t, last, waiting)
    latest_end(s, w, t)
    return 1


@kernel("int64(int64[::1], int64[::1], int64[::1], uint64[::1])")
def critical_path(s: Any, w: Any, t: Any, r: Any) -> int:
    """A path whose operations wait for each other up to the makespan, where there are several a random one.

    Its length; the operations are in PATH, the last one first. It ends at a release, at what is fixed or at the start.
    """
    op, ties = -1, 0
    for line in range(s[LINES]):
        length = w[w[LENGTH] + line]
        first = w[ROW] + s[s[LINE_ROW] + line]
        if length and w[w[END] + w[first + length - 1]] == t[MAKESPAN]:
            ties += 1
            if below(r, ties) == 0:
                op = w[first + length - 1]
    if op < 0:
        for other in range(s[OPERATIONS]):
            if w[w[END] + other] == t[MAKESPAN]:
                op = other
    size = 0
    while op >= 0 and not s[s[OP_FIXED] + op]:
        t[t[PATH] + size] = op
        size += 1
        line = s[s[MODE_LINE] + w[w[MODE] + op]]
        ready, cause = ready_at(s, w, op, s[s[LINE_PLANT] + line])
        before = w[w[BEFORE] + op]
        if before >= 0:
            free = after_setup(s, line, w[w[END] + before], setup_at(s, w, op))
            if free > ready or (free == ready and (cause < 0 or below(r, 2))):
                cause = before
        op = cause
    return int(size)
