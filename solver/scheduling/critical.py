"""Compiled: how long it takes from each operation to the end of the schedule, and what makes the schedule that long.

One array `t` beside the state `w` of `sequences`. *Tails* are the counterpart of starts: the least time from the end of
an operation to the end of all, in working seconds. Both are kept true by going along a topological order of the
operations, from the first one that a move touches to the last one that it changes.

A *window* is a part of that order, and with it a run of neighbours on each line. What is outside of it stands still
while operations inside move, so that a move costs the same in a schedule of any size: starts before the window and
tails behind it stay true, and so do the lengths of all paths through it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from solver.native import kernel
from solver.scheduling.arrays import (
    LINE_AT,
    LINE_PLANT,
    LINE_UNLIMITED,
    LINES,
    MODE_FAMILY,
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
from solver.scheduling.chance import below
from solver.scheduling.problem import NEVER
from solver.scheduling.rows import into_row, out_of_row, place_between
from solver.scheduling.sequences import enqueue, ready_at, setup_at, take_next, timed
from solver.scheduling.state import AFTER, BEFORE, END, FAMILY, LENGTH, MODE, ROW, START
from solver.scheduling.timing import after_setup

# --- the header of t ---
TAIL = 0  # of each operation
ORDER = 1  # the operations in a topological order
AT = 2  # where each operation is in it
MARK = 3  # of each operation: 1 it waits to be timed, 2 its tail waits, 3 both
PATH = 4  # the operations of a critical path, the last one first
SEEDS = 5  # the operations that a change touches, before anything is timed
LOG = 6  # three words for each change since it was emptied
SEEDS_SIZE = 7
LOG_SIZE = 8
LOG_ROOM = 9
MAKESPAN = 10  # the longest path through the window
FIRST, LAST = 11, 12  # the window: places in the order, [first, last)
LOW = 13  # of each line: how many operations of its row are before the window
HIGH = 14  # of each line: how many are before its end
CRITICAL_HEADER = 40  # the rest is for the search
TO_TIME, TO_TAIL = 1, 2
# What a change in the log is: the code times the number of operations, plus the operation or its place in ORDER.
TIMED, TAILED, SHIFTED, LIFTED, DROPPED = range(5)


def critical_words(arrays: Arrays, more: int = 0) -> Words:
    """Room for the sections above, and `more` words behind them, from the second value on; `arranged` fills it."""
    n = len(arrays.operations)
    room = 8 * n + 32 * min(n, 5000) + 1000
    lines = len(arrays.problem.lines)
    sizes = {TAIL: n, ORDER: n, AT: n, MARK: n, PATH: n, SEEDS: n, LOG: 3 * room, LOW: lines, HIGH: lines}
    t = np.zeros(CRITICAL_HEADER + sum(sizes.values()) + more, dtype=np.int64)
    at = CRITICAL_HEADER
    for section, size in sizes.items():
        t[section] = at
        at += size
    t[LOG_ROOM] = room
    return t


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
def _longest(s: Any, w: Any, t: Any) -> int:
    """The longest path through the window; of all, it is the makespan."""
    longest = 0
    if t[LAST] - t[FIRST] < s[OPERATIONS]:
        for i in range(t[FIRST], t[LAST]):
            op = t[t[ORDER] + i]
            longest = max(longest, w[w[END] + op] + t[t[TAIL] + op])
    else:
        for line in range(s[LINES]):
            length = w[w[LENGTH] + line]
            if length:
                longest = max(longest, w[w[END] + w[w[ROW] + s[s[LINE_AT] + line] + length - 1]])
            elif s[s[LINE_UNLIMITED] + line]:
                for op in range(s[OPERATIONS]):
                    longest = max(longest, w[w[END] + op])
    t[MAKESPAN] = longest
    return int(longest)


@kernel("int64(int64[::1], int64[::1], int64[::1], int64, int64)")
def opened(s: Any, w: Any, t: Any, first: int, last: int) -> int:
    """Open a window in a state that is settled and arranged; the longest path through it."""
    t[FIRST], t[LAST] = first, last
    for line in range(s[LINES]):
        row, low, high = w[ROW] + s[s[LINE_AT] + line], 0, w[w[LENGTH] + line]
        while low < high and t[t[AT] + w[row + low]] < first:
            low += 1
        while low < high and t[t[AT] + w[row + high - 1]] >= last:
            high -= 1
        t[t[LOW] + line], t[t[HIGH] + line] = low, high
    return _longest(s, w, t)


@kernel("int64(int64[::1], int64[::1], int64[::1], int64, int64)")
def place_in(s: Any, w: Any, t: Any, line: int, instant: int) -> int:
    """How many operations of a line's row start before `instant`, if it is one of the places in the window."""
    return int(place_between(w, w[ROW] + s[s[LINE_AT] + line], t[t[LOW] + line], t[t[HIGH] + line], instant))


@kernel("int64(int64[::1], int64[::1], int64[::1])", allocates=True)
def arranged(s: Any, w: Any, t: Any) -> int:
    """Topological order (by start) and tails of a settled state from scratch, and a window of all; the makespan."""
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
    return opened(s, w, t, 0, n)


@kernel("void(int64[::1], int64, int64, int64)", into_callers=True)
def _note(t: Any, what: int, one: int, other: int) -> None:
    """Note a change, with two words that were there before."""
    i = t[LOG] + 3 * t[LOG_SIZE]
    t[i], t[i + 1], t[i + 2] = what, one, other
    t[LOG_SIZE] += 1


@kernel("void(int64[::1], int64, int64)", into_callers=True)
def _touch(t: Any, op: int, what: int) -> None:
    """Let an operation in the window be timed, or get a new tail, or both, by the next `flow`."""
    if op >= 0 and t[FIRST] <= t[t[AT] + op] < t[LAST]:
        if t[t[MARK] + op] == 0:
            t[t[SEEDS] + t[SEEDS_SIZE]] = op
            t[SEEDS_SIZE] += 1
        t[t[MARK] + op] |= what


@kernel("void(int64[::1], int64[::1], int64[::1], int64)")
def lift(s: Any, w: Any, t: Any, op: int) -> None:
    """Take an operation off its line; nothing is timed yet."""
    place = -1
    if not s[s[LINE_UNLIMITED] + s[s[MODE_LINE] + w[w[MODE] + op]]]:
        line = s[s[MODE_LINE] + w[w[MODE] + op]]
        place = place_in(s, w, t, line, w[w[START] + op])
        _touch(t, w[w[BEFORE] + op], TO_TAIL)
        _touch(t, w[w[AFTER] + op], TO_TIME)
        out_of_row(s, w, op, place)
        t[t[HIGH] + line] -= 1
    _touch(t, op, TO_TIME | TO_TAIL)
    _note(t, LIFTED * s[OPERATIONS] + op, w[w[MODE] + op], place)


@kernel("void(int64[::1], int64, int64, int64)", into_callers=True)
def _shift(t: Any, n: int, place: int, op: int) -> None:
    """Give an operation a place in the topological order."""
    _note(t, SHIFTED * n + place, t[t[ORDER] + place], 0)
    t[t[ORDER] + place], t[t[AT] + op] = op, place


@kernel("int64(int64[::1], int64[::1], int64[::1], int64)", allocates=True)
def _ordered_before(s: Any, w: Any, t: Any, op: int) -> int:
    """Bring an operation, with all that follow it, behind the one before it on its line; 0 if that makes a cycle.

    Source: Pearce and Kelly, A dynamic topological sort algorithm for directed acyclic graphs (2006).
    """
    order, at, before = t[ORDER], t[AT], w[w[BEFORE] + op]
    first = t[at + op]
    if before < 0 or t[at + before] < first:
        return 1
    last = t[at + before]
    follows = np.zeros(last - first + 1, np.int8)
    held = np.empty(last - first + 1, np.int64)
    size, place = 0, first
    for i in range(first, last + 1):
        this = t[order + i]
        behind = i == first
        other = w[w[BEFORE] + this]
        if other >= 0 and first <= t[at + other] < i:
            behind = behind or follows[t[at + other] - first] == 1
        for k in range(s[s[PRED_AT] + this], s[s[PRED_AT] + this + 1]):
            other = t[at + s[s[PRED_OP] + k]]
            if first <= other < i:
                behind = behind or follows[other - first] == 1
        if behind:
            follows[i - first] = 1
    if follows[last - first]:
        return 0
    for i in range(first, last + 1):
        this = t[order + i]
        if follows[i - first]:
            held[size] = this
            size += 1
        else:
            _shift(t, s[OPERATIONS], place, this)
            place += 1
    for i in range(size):
        _shift(t, s[OPERATIONS], place + i, held[i])
    return 1


@kernel("int64(int64[::1], int64[::1], int64[::1], int64)", allocates=True)
def _ordered_after(s: Any, w: Any, t: Any, op: int) -> int:
    """Bring an operation, with all that it follows, ahead of the one after it on its line; 0 if that makes a cycle."""
    order, at, after = t[ORDER], t[AT], w[w[AFTER] + op]
    last = t[at + op]
    if after < 0 or t[at + after] > last:
        return 1
    first = t[at + after]
    leads = np.zeros(last - first + 1, np.int8)
    held = np.empty(last - first + 1, np.int64)
    size, place = 0, last
    for i in range(last, first - 1, -1):
        this = t[order + i]
        ahead = i == last
        other = w[w[AFTER] + this]
        if other >= 0 and i < t[at + other] <= last:
            ahead = ahead or leads[t[at + other] - first] == 1
        for k in range(s[s[SUCC_AT] + this], s[s[SUCC_AT] + this + 1]):
            other = t[at + s[s[SUCC_OP] + k]]
            if i < other <= last:
                ahead = ahead or leads[other - first] == 1
        if ahead:
            leads[i - first] = 1
    if leads[0]:
        return 0
    for i in range(last, first - 1, -1):
        this = t[order + i]
        if leads[i - first]:
            held[size] = this
            size += 1
        else:
            _shift(t, s[OPERATIONS], place, this)
            place -= 1
    for i in range(size):
        _shift(t, s[OPERATIONS], place - i, held[i])
    return 1


@kernel("int64(int64[::1], int64[::1], int64[::1], int64, int64, int64)")
def drop(s: Any, w: Any, t: Any, op: int, mode: int, place: int) -> int:
    """Put an operation that is on no line into a mode, with `place` others before it (-1: on an unlimited line).

    Nothing is timed yet. 0 if it makes a cycle.
    """
    _note(t, DROPPED * s[OPERATIONS] + op, 0, place)
    if place >= 0:
        into_row(s, w, op, mode, place)
        t[t[HIGH] + s[s[MODE_LINE] + mode]] += 1
    else:
        w[w[MODE] + op], w[w[FAMILY] + op] = mode, s[s[MODE_FAMILY] + mode]
    _touch(t, op, TO_TIME | TO_TAIL)
    _touch(t, w[w[BEFORE] + op], TO_TAIL)
    _touch(t, w[w[AFTER] + op], TO_TIME)
    for k in range(s[s[SUCC_AT] + op], s[s[SUCC_AT] + op + 1]):
        _touch(t, s[s[SUCC_OP] + k], TO_TIME)
    for k in range(s[s[PRED_AT] + op], s[s[PRED_AT] + op + 1]):
        _touch(t, s[s[PRED_OP] + k], TO_TAIL)
    return _ordered_before(s, w, t, op) and _ordered_after(s, w, t, op)


@kernel("int64(int64[::1], int64[::1], int64[::1], int64, int64)")
def _retimed(s: Any, w: Any, t: Any, i: int, waiting: int) -> int:
    """Time what is marked for it, the first one at `i` in the order, and all that it changes; 0: no room."""
    mark, last, room = t[MARK], t[LAST], 1
    while waiting:
        op = t[t[ORDER] + i]
        i += 1
        if not t[mark + op] & TO_TIME:
            continue
        t[mark + op] &= TO_TAIL
        waiting -= 1
        if not room:
            continue
        start, end = timed(s, w, op)
        if start >= NEVER:
            room = 0
            continue
        if start == w[w[START] + op] and end == w[w[END] + op]:
            continue
        _note(t, op, w[w[START] + op], w[w[END] + op])
        w[w[START] + op], w[w[END] + op] = start, end
        after = w[w[AFTER] + op]
        if after >= 0 and t[t[AT] + after] < last and not t[mark + after] & TO_TIME:
            t[mark + after] |= TO_TIME
            waiting += 1
        for k in range(s[s[SUCC_AT] + op], s[s[SUCC_AT] + op + 1]):
            after = s[s[SUCC_OP] + k]
            if t[t[AT] + after] < last and not t[mark + after] & TO_TIME:
                t[mark + after] |= TO_TIME
                waiting += 1
    return room


@kernel("void(int64[::1], int64[::1], int64[::1], int64, int64)")
def _retailed(s: Any, w: Any, t: Any, i: int, waiting: int) -> None:
    """Measure the tails of what is marked for it, the last one at `i` in the order, and of all that it changes."""
    mark, first = t[MARK], t[FIRST]
    while waiting:
        op = t[t[ORDER] + i]
        i -= 1
        if not t[mark + op] & TO_TAIL:
            continue
        t[mark + op] = 0
        waiting -= 1
        tail = _tail(s, w, t, op)
        if tail == t[t[TAIL] + op]:
            continue
        _note(t, TAILED * s[OPERATIONS] + op, t[t[TAIL] + op], 0)
        t[t[TAIL] + op] = tail
        before = w[w[BEFORE] + op]
        if before >= 0 and t[t[AT] + before] >= first and not t[mark + before] & TO_TAIL:
            t[mark + before] |= TO_TAIL
            waiting += 1
        for k in range(s[s[PRED_AT] + op], s[s[PRED_AT] + op + 1]):
            before = s[s[PRED_OP] + k]
            if t[t[AT] + before] >= first and not t[mark + before] & TO_TAIL:
                t[mark + before] |= TO_TAIL
                waiting += 1


@kernel("int64(int64[::1], int64[::1], int64[::1])")
def flow(s: Any, w: Any, t: Any) -> int:
    """Time what was touched and all that it changes, and measure the tails; 0: there is no room, undo it all."""
    mark, n = t[MARK], s[OPERATIONS]
    first, last, to_time, to_tail = n, -1, 0, 0
    for i in range(t[SEEDS_SIZE]):
        op = t[t[SEEDS] + i]
        if t[mark + op] & TO_TIME:
            first, to_time = min(first, t[t[AT] + op]), to_time + 1
        if t[mark + op] & TO_TAIL:
            last, to_tail = max(last, t[t[AT] + op]), to_tail + 1
    if t[LOG_SIZE] + 4 * n > t[LOG_ROOM] or not _retimed(s, w, t, first, to_time):
        return 0
    t[SEEDS_SIZE] = 0
    _retailed(s, w, t, last, to_tail)
    _longest(s, w, t)
    return 1


@kernel("void(int64[::1], int64[::1], int64[::1])")
def undone(s: Any, w: Any, t: Any) -> None:
    """Take back every change in the log, which is empty then."""
    n = s[OPERATIONS]
    for i in range(t[SEEDS_SIZE]):
        t[t[MARK] + t[t[SEEDS] + i]] = 0
    t[SEEDS_SIZE] = 0
    for i in range(t[LOG] + 3 * (t[LOG_SIZE] - 1), t[LOG] - 1, -3):
        what, op, one, other = t[i] // n, t[i] % n, t[i + 1], t[i + 2]
        if what == TIMED:
            w[w[START] + op], w[w[END] + op] = one, other
        elif what == TAILED:
            t[t[TAIL] + op] = one
        elif what == SHIFTED:
            t[t[ORDER] + op], t[t[AT] + one] = one, op
        elif what == DROPPED:
            if other >= 0:
                t[t[HIGH] + s[s[MODE_LINE] + w[w[MODE] + op]]] -= 1
                out_of_row(s, w, op, other)
        elif other >= 0:
            t[t[HIGH] + s[s[MODE_LINE] + one]] += 1
            into_row(s, w, op, one, other)
        else:
            w[w[MODE] + op], w[w[FAMILY] + op] = one, s[s[MODE_FAMILY] + one]
    t[LOG_SIZE] = 0
    _longest(s, w, t)


@kernel("int64(int64[::1], int64[::1], int64[::1], uint64[::1])")
def critical_path(s: Any, w: Any, t: Any, r: Any) -> int:
    """A longest path through the window, where there are several a random one: its operations wait for each other.

    Its length; they are in PATH, the last one first. It begins at a release, behind what is fixed or with the window.
    """
    op, ties = -1, 0
    if t[LAST] - t[FIRST] < s[OPERATIONS]:
        for i in range(t[LAST] - 1, t[FIRST] - 1, -1):
            other = t[t[ORDER] + i]
            if w[w[END] + other] + t[t[TAIL] + other] == t[MAKESPAN]:
                op = other
                if below(r, 3) == 0:
                    break
    else:
        for line in range(s[LINES]):
            length = w[w[LENGTH] + line]
            last = w[w[ROW] + s[s[LINE_AT] + line] + length - 1] if length else -1
            if length and w[w[END] + last] == t[MAKESPAN]:
                ties += 1
                if below(r, ties) == 0:
                    op = last
        for other in range(s[OPERATIONS] if op < 0 else 0):
            if w[w[END] + other] == t[MAKESPAN]:
                op = other
    size = 0
    while op >= 0 and t[t[AT] + op] >= t[FIRST] and not s[s[OP_FIXED] + op]:
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
