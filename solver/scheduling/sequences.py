"""Compiled: the state that a search changes - which operation stands where on which line - and moves with undo.

One array `w`, whose header says where each section begins. Operations on a line are linked both ways; a line's row
holds them sorted by start for looking places up. START and END follow from the order: each operation starts as soon as
its predecessors, the one before it on the line, the setup and the calendar allow.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from solver.native import kernel
from solver.scheduling.arrays import (
    LINE_ANY_TIME,
    LINE_AT,
    LINE_FAMILY,
    LINE_PLANT,
    LINE_UNLIMITED,
    LINES,
    MODE_FAMILY,
    MODE_LINE,
    MODE_TIME,
    OP_EARLIEST,
    OP_FIXED,
    OP_RUNNING,
    OPERATIONS,
    ORDER_AT,
    ORDERS,
    PRED_AT,
    PRED_OP,
    PRED_WAIT,
    SUCC_AT,
    SUCC_OP,
    WINDOW_AT,
    WINDOW_OPENS,
    Arrays,
    Words,
)
from solver.scheduling.problem import NEVER
from solver.scheduling.timing import after_setup, arrival, fit, setup_of

# --- the header of w ---
MODE = 0  # of each operation
START = 1
END = 2
BEFORE = 3  # on its line; -1
AFTER = 4
DONE = 5  # of each order: the end of its last operation
ROW = 6  # each line's operations by start, from LINE_AT on
LENGTH = 7  # of each line's row
HEAP = 8  # operations to time anew, the one with the earliest old start first
WAITS = 9  # of each operation: whether it is in the heap
TRAIL = 10  # operation, start and end before, for each change
HEAP_SIZE = 11
TRAIL_SIZE = 12
FAMILY = 13  # of each operation: where it is on its line, to be read without its mode
WEIGHTS = 14  # eight words for the search that changes the state
WORK_HEADER = 22


def work_of(arrays: Arrays, mode: Words, start: Words, end: Words) -> Words:
    """The state of a complete schedule (columns by operation); its sequences count, `settle` times it."""
    s = arrays.words
    n, lines, orders = (int(s[i]) for i in (OPERATIONS, LINES, ORDERS))
    places = int(arrays.column(LINE_AT, lines + 1)[-1])
    sizes = {
        MODE: n, START: n, END: n, BEFORE: n, AFTER: n, DONE: orders, ROW: places, LENGTH: lines, HEAP: n + 1, WAITS: n,
        TRAIL: 3 * (8 * n + 64), FAMILY: n,
    }  # fmt: skip
    w = np.zeros(WORK_HEADER + sum(sizes.values()), dtype=np.int64)
    at = WORK_HEADER
    for section, size in sizes.items():
        w[section] = at
        at += size
    w[w[MODE] : w[MODE] + n], w[w[START] : w[START] + n], w[w[END] : w[END] + n] = mode, start, end
    w[w[BEFORE] : w[BEFORE] + n] = w[w[AFTER] : w[AFTER] + n] = -1
    line_of = arrays.column(MODE_LINE, len(arrays.modes))[mode]
    w[w[FAMILY] : w[FAMILY] + n] = arrays.column(MODE_FAMILY, len(arrays.modes))[mode]
    for i in np.lexsort((end, start)):
        line = int(line_of[i])
        if s[s[LINE_UNLIMITED] + line]:
            continue
        row, length = w[ROW] + s[s[LINE_AT] + line], w[LENGTH] + line
        if w[length]:
            last = w[row + w[length] - 1]
            w[w[AFTER] + last], w[w[BEFORE] + i] = i, last
        w[row + w[length]] = i
        w[length] += 1
    return w


@kernel("UniTuple(int64, 2)(int64[::1], int64[::1], int64, int64)", into_callers=True)
def ready_at(s: Any, w: Any, op: int, plant: int) -> tuple[int, int]:
    """When release, materials and predecessors let an operation start in a plant; and the last predecessor, or -1.

    What is fixed is not asked whether it can be there beside other fixed ones.
    """
    fixed = s[s[OP_FIXED] + op]
    ready, last = 0 if fixed else s[s[OP_EARLIEST] + op], -1
    for i in range(s[s[PRED_AT] + op], s[s[PRED_AT] + op + 1]):
        before = s[s[PRED_OP] + i]
        if fixed and s[s[OP_FIXED] + before]:
            continue
        origin = s[s[LINE_PLANT] + s[s[MODE_LINE] + w[w[MODE] + before]]]
        came = w[w[END] + before] + s[s[PRED_WAIT] + i]
        if origin != plant:  # most often it stays, and a call costs as much as the rest
            came = arrival(s, origin, plant, came)
        if came >= ready:
            ready, last = came, before
    return int(ready), int(last)


@kernel("int64(int64[::1], int64[::1], int64)", into_callers=True)
def setup_at(s: Any, w: Any, op: int) -> int:
    """Seconds of setup before an operation on its line."""
    line = s[s[MODE_LINE] + w[w[MODE] + op]]
    before = w[w[BEFORE] + op]
    family = w[w[FAMILY] + before] if before >= 0 else s[s[LINE_FAMILY] + line]
    return setup_of(s, line, family, w[w[FAMILY] + op])


@kernel("UniTuple(int64, 2)(int64[::1], int64[::1], int64)", into_callers=True)
def timed(s: Any, w: Any, op: int) -> tuple[int, int]:
    """The start and end of an operation by what it waits for; (NEVER, NEVER) where there is no room for it.

    What is fixed stays where it is: what it waits for must be over by then.
    """
    fixed = s[s[OP_FIXED] + op]
    mode = w[w[MODE] + op]
    line = s[s[MODE_LINE] + mode]
    ready, _ = ready_at(s, w, op, s[s[LINE_PLANT] + line])
    if not s[s[LINE_UNLIMITED] + line]:
        before = w[w[BEFORE] + op]
        if before >= 0:
            if not (fixed and s[s[OP_FIXED] + before]):
                ready = max(ready, after_setup(s, line, w[w[END] + before], setup_at(s, w, op)))
        elif not fixed:
            setup = setup_at(s, w, op)
            if setup:  # the initial family is there since the first window opened
                since = 0 if s[s[LINE_ANY_TIME] + line] else s[s[WINDOW_OPENS] + s[s[WINDOW_AT] + line]]
                ready = max(ready, after_setup(s, line, since, setup))
    if fixed and ready <= w[w[START] + op]:
        return int(w[w[START] + op]), int(w[w[END] + op])
    if fixed or ready >= NEVER:
        return NEVER, NEVER
    return fit(s, line, s[s[OP_RUNNING] + op], s[s[MODE_TIME] + mode], ready)


@kernel("void(int64[::1], int64)")
def enqueue(w: Any, op: int) -> None:
    """Put an operation into the heap."""
    if w[w[WAITS] + op]:
        return
    w[w[WAITS] + op] = 1
    heap, start = w[HEAP], w[START]
    i = w[HEAP_SIZE]
    w[HEAP_SIZE] += 1
    key = w[start + op]
    while i:
        up = (i - 1) >> 1
        other = w[heap + up]
        if w[start + other] <= key:
            break
        w[heap + i] = other
        i = up
    w[heap + i] = op


@kernel("int64(int64[::1])", into_callers=True)
def take_next(w: Any) -> int:
    """Take the operation with the earliest old start out of the heap."""
    heap, start = w[HEAP], w[START]
    top = w[heap]
    w[HEAP_SIZE] -= 1
    size = w[HEAP_SIZE]
    if size:
        op = w[heap + size]
        key, i = w[start + op], 0
        while True:
            child = 2 * i + 1
            if child >= size:
                break
            if child + 1 < size and w[start + w[heap + child + 1]] < w[start + w[heap + child]]:
                child += 1
            if w[start + w[heap + child]] >= key:
                break
            w[heap + i] = w[heap + child]
            i = child
        w[heap + i] = op
    w[w[WAITS] + top] = 0
    return int(top)


@kernel("void(int64[::1])")
def forget_queue(w: Any) -> None:
    """Empty the heap."""
    for i in range(w[HEAP_SIZE]):
        w[w[WAITS] + w[w[HEAP] + i]] = 0
    w[HEAP_SIZE] = 0


@kernel("int64(int64[::1], int64[::1], int64)", into_callers=True)
def done_of(s: Any, w: Any, order: int) -> int:
    """The end of an order's last operation."""
    done = 0
    for op in range(s[s[ORDER_AT] + order], s[s[ORDER_AT] + order + 1]):
        done = max(done, w[w[END] + op])
    return int(done)


@kernel("int64(int64[::1], int64[::1])", allocates=True)
def settle(s: Any, w: Any) -> int:
    """Time everything by the sequences; 0 if they contradict the routings or what is fixed, or leave the calendar."""
    n = s[OPERATIONS]
    missing = np.zeros(n, np.int64)
    stack = np.zeros(n, np.int64)
    size, timed_so_far = 0, 0
    for op in range(n):
        missing[op] = s[s[PRED_AT] + op + 1] - s[s[PRED_AT] + op] + (1 if w[w[BEFORE] + op] >= 0 else 0)
        if missing[op] == 0:
            stack[size] = op
            size += 1
    while size:
        size -= 1
        op = stack[size]
        timed_so_far += 1
        start, end = timed(s, w, op)
        if start >= NEVER:
            return 0
        w[w[START] + op], w[w[END] + op] = start, end
        after = w[w[AFTER] + op]
        if after >= 0:
            missing[after] -= 1
            if missing[after] == 0:
                stack[size] = after
                size += 1
        for i in range(s[s[SUCC_AT] + op], s[s[SUCC_AT] + op + 1]):
            after = s[s[SUCC_OP] + i]
            missing[after] -= 1
            if missing[after] == 0:
                stack[size] = after
                size += 1
    for order in range(s[ORDERS]):
        w[w[DONE] + order] = done_of(s, w, order)
    return 1 if timed_so_far == n else 0


@kernel("int64(int64[::1], int64[::1], int64, int64)")
def place_of(s: Any, w: Any, line: int, instant: int) -> int:
    """How many operations of the line's row start before `instant`."""
    row, start = w[ROW] + s[s[LINE_AT] + line], w[START]
    low, high = 0, w[w[LENGTH] + line]
    while low < high:
        middle = (low + high) >> 1
        if w[start + w[row + middle]] < instant:
            low = middle + 1
        else:
            high = middle
    return int(low)


@kernel("int64(int64[::1], int64[::1], int64)")
def place_on_line(s: Any, w: Any, op: int) -> int:
    """How many operations are before this one on its line (START must be settled)."""
    line = s[s[MODE_LINE] + w[w[MODE] + op]]
    row = w[ROW] + s[s[LINE_AT] + line]
    i = place_of(s, w, line, w[w[START] + op])
    while w[row + i] != op:
        i += 1
    return i


@kernel("void(int64[::1], int64[::1], int64, int64)")
def unlink(s: Any, w: Any, op: int, place: int) -> None:
    """Take an operation, before which `place` others are, off its line."""
    line = s[s[MODE_LINE] + w[w[MODE] + op]]
    row, length = w[ROW] + s[s[LINE_AT] + line], w[LENGTH] + line
    last = w[length] - 1
    for i in range(place, last):
        w[row + i] = w[row + i + 1]
    w[length] = last
    before, after = w[w[BEFORE] + op], w[w[AFTER] + op]
    if before >= 0:
        w[w[AFTER] + before] = after
    if after >= 0:
        w[w[BEFORE] + after] = before
    w[w[BEFORE] + op] = w[w[AFTER] + op] = -1


@kernel("void(int64[::1], int64[::1], int64, int64, int64)")
def link(s: Any, w: Any, op: int, mode: int, place: int) -> None:
    """Put an operation on the line of `mode`, with `place` operations before it."""
    line = s[s[MODE_LINE] + mode]
    row, length = w[ROW] + s[s[LINE_AT] + line], w[LENGTH] + line
    w[w[MODE] + op], w[w[FAMILY] + op] = mode, s[s[MODE_FAMILY] + mode]
    i = w[length]
    while i > place:
        w[row + i] = w[row + i - 1]
        i -= 1
    w[row + place] = op
    w[length] += 1
    before = w[row + place - 1] if place else -1
    after = w[row + place + 1] if place + 1 < w[length] else -1
    w[w[BEFORE] + op], w[w[AFTER] + op] = before, after
    if before >= 0:
        w[w[AFTER] + before] = op
    if after >= 0:
        w[w[BEFORE] + after] = op
