"""Compiled: the times that follow from which operation stands where in which row, and moves with undo.

Each operation starts as soon as its predecessors, the one before it on the line, the setup, the calendar and the units
that it needs allow; what an oven takes together starts and ends together.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from solver.native import kernel
from solver.scheduling.arrays import (
    BESIDE,
    LINE_ANY_TIME,
    LINE_AT,
    LINE_BATCH,
    LINE_FAMILY,
    LINE_PLANT,
    LINE_UNLIMITED,
    LINES,
    LONGEST,
    MODE_FAMILY,
    MODE_LINE,
    MODE_TIME,
    OP_EARLIEST,
    OP_FAMILY,
    OP_FIXED,
    OP_RUNNING,
    OPERATIONS,
    ORDER_AT,
    ORDERS,
    PRED_AT,
    PRED_MOST,
    PRED_OP,
    PRED_WAIT,
    RESOURCES,
    SHARE_AT,
    SUCC_AT,
    SUCC_MOST,
    SUCC_OP,
    WINDOW_AT,
    WINDOW_OPENS,
    Arrays,
    Words,
)
from solver.scheduling.pools import clear_shares, enter_shares, move_shares, with_units
from solver.scheduling.problem import NEVER
from solver.scheduling.rows import fits_into, into_row
from solver.scheduling.state import (
    AFTER,
    BEFORE,
    DONE,
    END,
    FAMILY,
    HEAD,
    HEAP,
    HEAP_SIZE,
    IN_USE,
    LENGTH,
    MODE,
    RING,
    ROW,
    SHARE_ENDS,
    SHARE_PLACES,
    SHARE_STARTS,
    SHARES,
    SHARES_LENGTH,
    SHARES_LONGEST,
    START,
    TRAIL,
    TRAIL_SIZE,
    UNITS,
    WAITS,
    WAYS,
    WORK_HEADER,
)
from solver.scheduling.timing import after_setup, arrival, fit, setup_of, together


def work_of(arrays: Arrays, mode: Words, start: Words, end: Words) -> Words:
    """The state of a complete schedule (columns by operation); its sequences count, `settle` times it."""
    s = arrays.words
    n, lines, orders = (int(s[i]) for i in (OPERATIONS, LINES, ORDERS))
    places = int(arrays.column(LINE_AT, lines + 1)[-1])
    shares, resources = int(arrays.column(SHARE_AT, n + 1)[-1]), int(s[RESOURCES])
    sizes = {
        MODE: n, START: n, END: n, BEFORE: n, AFTER: n, DONE: orders, ROW: places, LENGTH: lines, HEAP: n + 1, WAITS: n,
        TRAIL: 3 * (10 * n + 64), FAMILY: n, HEAD: n, RING: n,
        UNITS: shares, SHARES: shares, SHARE_PLACES: shares, SHARE_STARTS: shares, SHARE_ENDS: shares,
        IN_USE: 2 * shares,
        SHARES_LENGTH: resources, SHARES_LONGEST: resources, WAYS: len(arrays.modes),
    }  # fmt: skip
    w = np.zeros(WORK_HEADER + sum(sizes.values()), dtype=np.int64)
    at = WORK_HEADER
    for section, size in sizes.items():
        w[section] = at
        at += size
    w[w[MODE] : w[MODE] + n], w[w[START] : w[START] + n], w[w[END] : w[END] + n] = mode, start, end
    w[w[BEFORE] : w[BEFORE] + n] = w[w[AFTER] : w[AFTER] + n] = -1
    w[w[HEAD] : w[HEAD] + n] = w[w[RING] : w[RING] + n] = np.arange(n)
    made = mode >= 0
    w[w[FAMILY] : w[FAMILY] + n][made] = arrays.column(MODE_FAMILY, len(arrays.modes))[mode[made]]
    sequence = np.lexsort((arrays.column(OP_FAMILY, n), end, start)).astype(np.int64)
    _fill_rows(s, w, sequence)
    return w


@kernel("void(int64[::1], int64[::1], int64[::1])")
def _fill_rows(s: Any, w: Any, sequence: Any) -> None:
    """Put all operations, sorted by start, end and family, behind each other into the rows of their lines."""
    for i in range(len(sequence)):
        op = sequence[i]
        mode = w[w[MODE] + op]
        if mode < 0 or s[s[LINE_UNLIMITED] + s[s[MODE_LINE] + mode]]:
            continue
        line = s[s[MODE_LINE] + mode]
        length = w[w[LENGTH] + line]
        if s[s[LINE_BATCH] + line] and length:
            last = w[w[ROW] + s[s[LINE_AT] + line] + length - 1]
            same = w[w[START] + last] == w[w[START] + op] and w[w[END] + last] == w[w[END] + op]
            if same and fits_into(s, w, op, last):
                into_row(s, w, op, mode, -2 - 2 * last)
                continue
        into_row(s, w, op, mode, length)


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


@kernel("UniTuple(int64, 2)(int64[::1], int64[::1], int64, int64)", into_callers=True)
def ready_at(s: Any, w: Any, op: int, plant: int) -> tuple[int, int]:
    """When release, materials and predecessors let an operation start in a plant; and the last predecessor, or -1.

    What is fixed is not asked whether it can be there beside other fixed ones.
    """
    fixed = s[s[OP_FIXED] + op]
    ready, last = 0 if fixed else s[s[OP_EARLIEST] + op], -1
    for i in range(s[s[PRED_AT] + op], s[s[PRED_AT] + op + 1]):
        before = s[s[PRED_OP] + i]
        mode = w[w[MODE] + before]
        if mode < 0 or (fixed and s[s[OP_FIXED] + before]):
            continue
        origin = s[s[LINE_PLANT] + s[s[MODE_LINE] + mode]]
        came = w[w[END] + before] + s[s[PRED_WAIT] + i]
        if origin != plant:  # most often it stays, and a call costs as much as the rest
            came = arrival(s, origin, plant, came)
        if came >= ready:
            ready, last = came, before
    return int(ready), int(last)


@kernel("int64(int64[::1], int64[::1], int64)", into_callers=True)
def setup_at(s: Any, w: Any, op: int) -> int:
    """Seconds of setup before an operation on its line; none within a batch."""
    if s[BESIDE] and w[w[HEAD] + op] != op:
        return 0
    line = s[s[MODE_LINE] + w[w[MODE] + op]]
    before = w[w[BEFORE] + op]
    family = w[w[FAMILY] + before] if before >= 0 else s[s[LINE_FAMILY] + line]
    return setup_of(s, line, family, w[w[FAMILY] + op])


@kernel("int64(int64[::1], int64[::1], int64, int64)")
def free_line(s: Any, w: Any, op: int, line: int) -> int:
    """When the line is free and set up for the head of a batch, or an operation alone."""
    before, fixed = w[w[BEFORE] + op], s[s[OP_FIXED] + op]
    if before >= 0:
        if fixed and s[s[OP_FIXED] + before]:
            return 0
        return after_setup(s, line, w[w[END] + before], setup_at(s, w, op))
    if fixed:
        return 0
    setup = setup_at(s, w, op)
    if not setup:
        return 0
    # The initial family is there since the first window opened.
    since = 0 if s[s[LINE_ANY_TIME] + line] else s[s[WINDOW_OPENS] + s[s[WINDOW_AT] + line]]
    return after_setup(s, line, since, setup)


@kernel("int64(int64[::1], int64[::1], int64)")
def _not_sooner(s: Any, w: Any, head: int) -> int:
    """The earliest end of a batch after which nothing waits too long."""
    end, op = 0, head
    while True:
        for i in range(s[s[SUCC_AT] + op], s[s[SUCC_AT] + op + 1]):
            after = s[s[SUCC_OP] + i]
            if s[s[SUCC_MOST] + i] < NEVER and w[w[MODE] + after] >= 0:
                end = max(end, w[w[START] + after] - s[s[SUCC_MOST] + i])
        op = w[w[RING] + op]
        if op == head:
            return int(end)


@kernel("int64(int64[::1], int64, int64, int64, int64, int64)")
def _ending_by(s: Any, line: int, running: int, duration: int, ready: int, until: int) -> int:
    """The first instant from `ready` on at which what starts then ends at `until` or later."""
    start, end = fit(s, line, running, duration, ready)
    if end >= until:
        return ready
    low, high = start, until  # the first start that ends late enough lies in (low, high]
    while low + 1 < high:
        middle = (low + high) >> 1
        if fit(s, line, running, duration, middle)[1] < until:
            low = middle
        else:
            high = middle
    return int(high)


@kernel("UniTuple(int64, 2)(int64[::1], int64[::1], int64, int64)")
def timed_beside(s: Any, w: Any, head: int, alone: int) -> tuple[int, int]:
    """As `timed`, for a head and all that is in its batch, with the units that they need.

    `alone`: what comes after it is not timed yet.
    """
    mode = w[w[MODE] + head]
    if mode < 0:
        return int(w[w[START] + head]), int(w[w[END] + head])
    line = s[s[MODE_LINE] + mode]
    plant = s[s[LINE_PLANT] + line]
    free = 0 if s[s[LINE_UNLIMITED] + line] else free_line(s, w, head, line)
    running, duration, fixed, op = -1, 0, -1, head
    while True:
        ready, _ = ready_at(s, w, op, plant)
        free = max(free, ready)
        duration = max(duration, s[s[MODE_TIME] + w[w[MODE] + op]])
        running = together(s[s[OP_RUNNING] + op], running)
        if s[s[OP_FIXED] + op]:
            fixed = op
        op = w[w[RING] + op]
        if op == head:
            break
    until = _not_sooner(s, w, head) if s[LONGEST] and not alone else 0
    if fixed >= 0:
        start, end = w[w[START] + fixed], w[w[END] + fixed]
        return (start, end) if free <= start and end >= until else (NEVER, NEVER)
    if free >= NEVER:
        return NEVER, NEVER
    if until:
        free = _ending_by(s, line, running, duration, free, until)
    if not s[RESOURCES]:
        return fit(s, line, running, duration, free)
    return with_units(s, w, head, mode, w[w[AFTER] + head], running, duration, free)


@kernel("UniTuple(int64, 2)(int64[::1], int64[::1], int64)", into_callers=True)
def timed(s: Any, w: Any, op: int) -> tuple[int, int]:
    """The start and end of an operation by what it waits for; (NEVER, NEVER) where there is no room for it.

    What is fixed stays where it is: what it waits for must be over by then.
    """
    if s[BESIDE]:
        return timed_beside(s, w, w[w[HEAD] + op], 0)
    fixed = s[s[OP_FIXED] + op]
    mode = w[w[MODE] + op]
    line = s[s[MODE_LINE] + mode]
    ready, _ = ready_at(s, w, op, s[s[LINE_PLANT] + line])
    if not s[s[LINE_UNLIMITED] + line]:
        before = w[w[BEFORE] + op]
        if before < 0:
            ready = max(ready, free_line(s, w, op, line))
        elif not (fixed and s[s[OP_FIXED] + before]):
            ready = max(ready, after_setup(s, line, w[w[END] + before], setup_at(s, w, op)))
    if fixed and ready <= w[w[START] + op]:
        return int(w[w[START] + op]), int(w[w[END] + op])
    if fixed or ready >= NEVER:
        return NEVER, NEVER
    return fit(s, line, s[s[OP_RUNNING] + op], s[s[MODE_TIME] + mode], ready)


@kernel("int64(int64[::1], int64[::1], int64)", into_callers=True)
def done_of(s: Any, w: Any, order: int) -> int:
    """The end of an order's last operation."""
    done = 0
    for op in range(s[s[ORDER_AT] + order], s[s[ORDER_AT] + order + 1]):
        done = max(done, w[w[END] + op])
    return int(done)


@kernel("void(int64[::1], int64[::1], int64)")
def enqueue_before(s: Any, w: Any, op: int) -> None:
    """Put those into the heap after which an operation waits too long."""
    start = w[w[START] + op]
    for i in range(s[s[PRED_AT] + op], s[s[PRED_AT] + op + 1]):
        before = s[s[PRED_OP] + i]
        if w[w[MODE] + before] >= 0 and start > w[w[END] + before] + s[s[PRED_MOST] + i]:
            enqueue(w, w[w[HEAD] + before])


@kernel("void(int64[::1], int64[::1], int64, int64, int64)", into_callers=True)
def set_times(s: Any, w: Any, op: int, start: int, end: int) -> None:
    """Give an operation other times."""
    if s[RESOURCES]:
        move_shares(s, w, op, start, end)
    w[w[START] + op], w[w[END] + op] = start, end


@kernel("int64(int64[::1], int64[::1])")
def _pull_later(s: Any, w: Any) -> int:
    """From the earliest times on, what ends too early for what follows ends later; 0 if that comes to no end."""
    forget_queue(w)
    for op in range(s[OPERATIONS]):
        if w[w[MODE] + op] >= 0:
            enqueue_before(s, w, op)
    steps = 0
    while w[HEAP_SIZE]:
        head = take_next(w)
        start, end = timed_beside(s, w, head, 0)
        steps += 1
        if start >= NEVER or steps > 50 * s[OPERATIONS] + 1000:
            forget_queue(w)
            return 0
        if (start == w[w[START] + head] and end == w[w[END] + head]) or w[w[MODE] + head] < 0:
            continue
        if w[w[AFTER] + head] >= 0:
            enqueue(w, w[w[AFTER] + head])
        op = head
        while True:
            set_times(s, w, op, start, end)
            enqueue_before(s, w, op)
            for i in range(s[s[SUCC_AT] + op], s[s[SUCC_AT] + op + 1]):
                enqueue(w, w[w[HEAD] + s[s[SUCC_OP] + i]])
            op = w[w[RING] + op]
            if op == head:
                break
    return 1


@kernel("void(int64[::1], int64[::1], int64)", into_callers=True)
def _one_less(w: Any, missing: Any, head: int) -> None:
    """One thing less for a batch to wait for: with none left it goes into the heap."""
    missing[head] -= 1
    if missing[head] == 0:
        enqueue(w, head)


@kernel("int64(int64[::1], int64[::1])", allocates=True)
def settle(s: Any, w: Any) -> int:
    """Time everything by the sequences; 0 if they contradict the routings or what is fixed, or leave the calendar.

    Units go to what started first, of what can start: nothing is later than it was if all was as the rules want it.
    Source: the forward pass of Valls, Ballestin and Quintanilla, Justification and RCPSP (2005).
    """
    n = s[OPERATIONS]
    missing = np.zeros(n, np.int64)  # of each head: what it and its batch wait for
    left = 0
    forget_queue(w)
    clear_shares(s, w)
    for op in range(n):
        if w[w[MODE] + op] < 0:
            continue
        if s[s[OP_FIXED] + op]:
            enter_shares(s, w, op)
        left += 1
        waits = 1 if w[w[BEFORE] + op] >= 0 else 0
        for i in range(s[s[PRED_AT] + op], s[s[PRED_AT] + op + 1]):
            waits += w[w[MODE] + s[s[PRED_OP] + i]] >= 0
        missing[w[w[HEAD] + op]] += waits
    for op in range(n):
        if w[w[MODE] + op] >= 0 and w[w[HEAD] + op] == op and missing[op] == 0:
            enqueue(w, op)
    while w[HEAP_SIZE]:
        head = take_next(w)
        start, end = timed_beside(s, w, head, 1) if s[BESIDE] else timed(s, w, head)
        if start >= NEVER:
            forget_queue(w)
            return 0
        op = head
        while True:
            left -= 1
            w[w[START] + op], w[w[END] + op] = start, end
            if not s[s[OP_FIXED] + op]:
                enter_shares(s, w, op)
            for i in range(s[s[SUCC_AT] + op], s[s[SUCC_AT] + op + 1]):
                after = s[s[SUCC_OP] + i]
                if w[w[MODE] + after] >= 0:
                    _one_less(w, missing, w[w[HEAD] + after])
            op = w[w[RING] + op]
            if op == head:
                break
        if w[w[AFTER] + head] >= 0:
            _one_less(w, missing, w[w[AFTER] + head])
    if left or (s[LONGEST] and not _pull_later(s, w)):
        return 0
    for order in range(s[ORDERS]):
        w[w[DONE] + order] = done_of(s, w, order)
    return 1


@kernel("void(int64[::1], int64[::1])")
def undo(s: Any, w: Any) -> None:
    """Give all back that was changed since the trail was empty: times and completions."""
    forget_queue(w)
    for i in range(w[TRAIL_SIZE] - 1, -1, -1):
        at = w[TRAIL] + 3 * i
        what = w[at]
        if what >= 0:
            set_times(s, w, what, w[at + 1], w[at + 2])
        else:
            w[w[DONE] - 1 - what] = w[at + 1]
    w[TRAIL_SIZE] = 0
