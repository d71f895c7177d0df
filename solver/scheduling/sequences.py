"""Compiled: the times that follow from which operation stands where in which row, and moves with undo.

Each operation starts as soon as its predecessors, the one before it on the line, the setup, the calendar and the units
that it needs allow; what an oven takes together starts and ends together. Source for units as rows of their own:
Artigues, Michelon, Reusser, Insertion techniques for static and dynamic resource-constrained project scheduling (2003).
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
    NEED_AT,
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
    SLOT_AT,
    SLOT_OP,
    SUCC_AT,
    SUCC_MOST,
    SUCC_OP,
    UNIT_AT,
    UNIT_ROW,
    WINDOW_AT,
    WINDOW_OPENS,
    Arrays,
    Words,
)
from solver.scheduling.problem import NEVER
from solver.scheduling.rows import (
    exchange_back,
    find_gap,
    fits_into,
    give_units,
    into_row,
    join,
    out_of_row,
    share_units,
    take_units,
    units_free,
)
from solver.scheduling.state import (
    AFTER,
    BEFORE,
    DONE,
    END,
    FAMILY,
    HEAD,
    HEAP,
    HEAP_SIZE,
    LENGTH,
    MODE,
    RIGID,
    RING,
    ROW,
    START,
    TRAIL,
    TRAIL_SIZE,
    UNIT,
    UNIT_AFTER,
    UNIT_BEFORE,
    UNIT_LENGTH,
    UNIT_PLACE,
    UNIT_ROWS,
    WAITS,
    WORK_HEADER,
)
from solver.scheduling.timing import after_setup, arrival, fit, setup_of, together


def work_of(arrays: Arrays, mode: Words, start: Words, end: Words) -> Words:
    """The state of a complete schedule (columns by operation); its sequences count, `settle` times it."""
    s = arrays.words
    n, lines, orders = (int(s[i]) for i in (OPERATIONS, LINES, ORDERS))
    places = int(arrays.column(LINE_AT, lines + 1)[-1])
    slots = int(arrays.column(SLOT_AT, n + 1)[-1])
    units = int(arrays.column(UNIT_AT, int(s[RESOURCES]) + 1)[-1])
    unit_places = int(arrays.column(UNIT_ROW, units + 1)[-1])
    sizes = {
        MODE: n, START: n, END: n, BEFORE: n, AFTER: n, DONE: orders, ROW: places, LENGTH: lines, HEAP: n + 1, WAITS: n,
        TRAIL: 3 * (10 * n + 2 * slots + 64), FAMILY: n, HEAD: n, RING: n,
        UNIT: slots, UNIT_BEFORE: slots, UNIT_AFTER: slots, UNIT_PLACE: slots,
        UNIT_ROWS: unit_places, UNIT_LENGTH: units,
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
    if s[RESOURCES]:
        share_units(s, w, sequence)
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
                join(s, w, op, -2 - 2 * last)
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


@kernel("int64(int64[::1], int64[::1], int64, int64, int64)")
def _other_units(s: Any, w: Any, head: int, start: int, end: int) -> int:
    """Give a batch other units for those that it would wait for; when those that it has then are free."""
    op, free = head, 0
    while True:
        for slot in range(s[s[SLOT_AT] + op], s[s[SLOT_AT] + op + 1]):
            before, after = w[w[UNIT_BEFORE] + slot], w[w[UNIT_AFTER] + slot]
            if before < 0 or w[w[END] + s[s[SLOT_OP] + before]] <= start:
                continue
            if not find_gap(s, w, slot, start, end):
                free = max(free, w[w[END] + s[s[SLOT_OP] + before]])
            elif after >= 0 and w[w[START] + s[s[SLOT_OP] + after]] < w[w[END] + s[s[SLOT_OP] + before]]:
                enqueue(w, w[w[HEAD] + s[s[SLOT_OP] + after]])
        op = w[w[RING] + op]
        if op == head:
            break
    while free:  # it waits even so: what follows on the units that it did get may be too early now
        for slot in range(s[s[SLOT_AT] + op], s[s[SLOT_AT] + op + 1]):
            after = w[w[UNIT_AFTER] + slot]
            if after >= 0 and w[w[START] + s[s[SLOT_OP] + after]] < w[w[END] + op]:
                enqueue(w, w[w[HEAD] + s[s[SLOT_OP] + after]])
        op = w[w[RING] + op]
        if op == head:
            break
    return int(free)


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


@kernel("UniTuple(int64, 2)(int64[::1], int64[::1], int64, int64)")
def _soonest(s: Any, w: Any, head: int, change: int) -> tuple[int, int]:
    """Start and end by what comes before."""
    mode = w[w[MODE] + head]
    if mode < 0:
        return int(w[w[START] + head]), int(w[w[END] + head])
    line = s[s[MODE_LINE] + mode]
    plant = s[s[LINE_PLANT] + line]
    free = 0 if s[s[LINE_UNLIMITED] + line] else free_line(s, w, head, line)
    duration, running, fixed, op, units = 0, -1, -1, head, 0
    while True:
        ready, _ = ready_at(s, w, op, plant)
        free = max(free, ready)
        if s[RESOURCES]:
            units = max(units, units_free(s, w, op))
        duration = max(duration, s[s[MODE_TIME] + w[w[MODE] + op]])
        running = together(s[s[OP_RUNNING] + op], running)
        if s[s[OP_FIXED] + op]:
            fixed = op
        op = w[w[RING] + op]
        if op == head:
            break
    if fixed >= 0:
        if max(free, units) > w[w[START] + fixed]:
            return NEVER, NEVER
        return int(w[w[START] + fixed]), int(w[w[END] + fixed])
    if free >= NEVER or units >= NEVER:
        return NEVER, NEVER
    start, end = fit(s, line, running, duration, free)
    if units <= start or start >= NEVER:
        return start, end
    if change > 0 and not w[RIGID] and w[TRAIL_SIZE] < 8 * s[OPERATIONS]:
        units = _other_units(s, w, head, start, end)
        if units <= start:
            return start, end
    return fit(s, line, running, duration, units)


@kernel("UniTuple(int64, 2)(int64[::1], int64[::1], int64, int64)")
def timed_beside(s: Any, w: Any, head: int, change: int) -> tuple[int, int]:
    """As `timed`, for a head and all that is in its batch, with the units that they need.

    `change`: 1: it may take other units; -1: what comes after it is not timed yet.
    """
    start, end = _soonest(s, w, head, change)
    if not s[LONGEST] or change < 0 or start >= NEVER or w[w[MODE] + head] < 0:
        return start, end
    until = _not_sooner(s, w, head)
    if end >= until:
        return start, end
    line, duration, running, op = s[s[MODE_LINE] + w[w[MODE] + head]], 0, -1, head
    while True:
        if s[s[OP_FIXED] + op]:
            return NEVER, NEVER
        duration = max(duration, s[s[MODE_TIME] + w[w[MODE] + op]])
        running = together(s[s[OP_RUNNING] + op], running)
        op = w[w[RING] + op]
        if op == head:
            break
    low, high = start, until  # the first start that ends late enough lies in (low, high]
    while low + 1 < high:
        middle = (low + high) >> 1
        _, end = fit(s, line, running, duration, middle)
        if end < until:
            low = middle
        else:
            high = middle
    return fit(s, line, running, duration, high)


@kernel("UniTuple(int64, 2)(int64[::1], int64[::1], int64)", into_callers=True)
def timed(s: Any, w: Any, op: int) -> tuple[int, int]:
    """The start and end of an operation by what it waits for; (NEVER, NEVER) where there is no room for it.

    What is fixed stays where it is: what it waits for must be over by then.
    """
    if s[BESIDE]:
        return timed_beside(s, w, w[w[HEAD] + op], 1)
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


@kernel("int64(int64[::1], int64[::1], int64, int64)", into_callers=True)
def _one_less(missing: Any, stack: Any, size: int, op: int) -> int:
    """One thing less for an operation to wait for: with none left it goes onto the stack. The stack's size."""
    missing[op] -= 1
    if missing[op] == 0:
        stack[size] = op
        size += 1
    return size


@kernel("void(int64[::1], int64[::1], int64)")
def enqueue_beside(s: Any, w: Any, op: int) -> None:
    """Put those into the heap that have the operation's units after it and start too early for its end, and those
    before it after which it waits too long.

    What could start sooner stays until its line or its order moves it: otherwise each move would time half the schedule
    anew. `settle` makes up for it.
    """
    end = w[w[END] + op]
    for slot in range(s[s[SLOT_AT] + op], s[s[SLOT_AT] + op + 1]):
        if w[w[UNIT_AFTER] + slot] >= 0:
            after = s[s[SLOT_OP] + w[w[UNIT_AFTER] + slot]]
            if w[w[START] + after] < end:
                enqueue(w, w[w[HEAD] + after])
    if s[LONGEST]:
        start = w[w[START] + op]
        for i in range(s[s[PRED_AT] + op], s[s[PRED_AT] + op + 1]):
            before = s[s[PRED_OP] + i]
            if w[w[MODE] + before] >= 0 and start > w[w[END] + before] + s[s[PRED_MOST] + i]:
                enqueue(w, w[w[HEAD] + before])


@kernel("int64(int64[::1], int64[::1])")
def _pull_later(s: Any, w: Any) -> int:
    """From the earliest times on, what ends too early for what follows ends later; 0 if that comes to no end."""
    forget_queue(w)
    for op in range(s[OPERATIONS]):
        if w[w[MODE] + op] >= 0:
            enqueue_beside(s, w, op)
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
        op = head
        while True:
            w[w[START] + op], w[w[END] + op] = start, end
            op = w[w[RING] + op]
            if op == head:
                break
        if w[w[AFTER] + head] >= 0:
            enqueue(w, w[w[AFTER] + head])
        while True:
            enqueue_beside(s, w, op)
            for i in range(s[s[SUCC_AT] + op], s[s[SUCC_AT] + op + 1]):
                enqueue(w, w[w[HEAD] + s[s[SUCC_OP] + i]])
            op = w[w[RING] + op]
            if op == head:
                break
    return 1


@kernel("int64(int64[::1], int64[::1])", allocates=True)
def settle(s: Any, w: Any) -> int:
    """Time everything by the sequences; 0 if they contradict the routings or what is fixed, or leave the calendar."""
    n = s[OPERATIONS]
    missing = np.zeros(n, np.int64)  # of each head: what it and its batch wait for
    stack = np.zeros(n, np.int64)
    size, left = 0, 0
    for op in range(n):
        if w[w[MODE] + op] < 0:
            continue
        left += 1
        waits = 1 if w[w[BEFORE] + op] >= 0 else 0
        for i in range(s[s[PRED_AT] + op], s[s[PRED_AT] + op + 1]):
            waits += w[w[MODE] + s[s[PRED_OP] + i]] >= 0
        for slot in range(s[s[SLOT_AT] + op], s[s[SLOT_AT] + op + 1]):
            waits += w[w[UNIT_BEFORE] + slot] >= 0
        missing[w[w[HEAD] + op]] += waits
    for op in range(n):
        if w[w[MODE] + op] >= 0 and w[w[HEAD] + op] == op and missing[op] == 0:
            stack[size] = op
            size += 1
    while size:
        size -= 1
        head = stack[size]
        start, end = timed_beside(s, w, head, -1) if s[BESIDE] else timed(s, w, head)
        if start >= NEVER:
            return 0
        after = w[w[AFTER] + head]
        if after >= 0:
            size = _one_less(missing, stack, size, after)
        op = head
        while True:
            left -= 1
            w[w[START] + op], w[w[END] + op] = start, end
            for i in range(s[s[SUCC_AT] + op], s[s[SUCC_AT] + op + 1]):
                after = s[s[SUCC_OP] + i]
                if w[w[MODE] + after] >= 0:
                    size = _one_less(missing, stack, size, w[w[HEAD] + after])
            for slot in range(s[s[SLOT_AT] + op], s[s[SLOT_AT] + op + 1]):
                if w[w[UNIT_AFTER] + slot] >= 0:
                    size = _one_less(missing, stack, size, w[w[HEAD] + s[s[SLOT_OP] + w[w[UNIT_AFTER] + slot]]])
            op = w[w[RING] + op]
            if op == head:
                break
    if left or (s[LONGEST] and not _pull_later(s, w)):
        return 0
    for order in range(s[ORDERS]):
        w[w[DONE] + order] = done_of(s, w, order)
    return 1


@kernel("void(int64[::1], int64[::1], int64, int64)")
def unlink(s: Any, w: Any, op: int, place: int) -> None:
    """Take an operation from its place (START must be settled), and its units back."""
    if s[RESOURCES]:
        give_units(s, w, op)
    out_of_row(s, w, op, place)


@kernel("int64(int64[::1], int64[::1], int64, int64, int64)")
def link(s: Any, w: Any, op: int, mode: int, place: int) -> int:
    """Put an operation at a place on the line of `mode`, with the units that it needs; 0 if it cannot have them.

    It then is at the place, without all of its units. What becomes of units is on the trail. It comes behind what has
    its units before the instant at which it could start, so that nothing waits for itself.
    """
    into_row(s, w, op, mode, place)
    if not s[RESOURCES] or s[s[NEED_AT] + mode] == s[s[NEED_AT] + mode + 1]:
        return 1
    head = w[w[HEAD] + op]
    start, end = timed_beside(s, w, head, 0)
    low, high = 0, NEVER
    for i in range(s[s[PRED_AT] + op], s[s[PRED_AT] + op + 1]):
        low = max(low, w[w[START] + s[s[PRED_OP] + i]] + 1)
    cut = w[w[START] + head]
    if w[w[RING] + op] == op:
        before, after = w[w[BEFORE] + op], w[w[AFTER] + op]
        if before >= 0:
            low = max(low, w[w[START] + before] + 1)
        if after >= 0:
            high = w[w[END] + after]
        for i in range(s[s[SUCC_AT] + op], s[s[SUCC_AT] + op + 1]):
            if w[w[MODE] + s[s[SUCC_OP] + i]] >= 0:
                high = min(high, w[w[END] + s[s[SUCC_OP] + i]])
        cut = min(max(start, low), high)
    return take_units(s, w, op, cut, start, end) if cut >= low and start < NEVER else 0


@kernel("void(int64[::1], int64[::1])")
def undo(s: Any, w: Any) -> None:
    """Give all back that was changed since the trail was empty: times, completions and units."""
    forget_queue(w)
    orders = s[ORDERS]
    for i in range(w[TRAIL_SIZE] - 1, -1, -1):
        at = w[TRAIL] + 3 * i
        what = w[at]
        if what >= 0:
            w[w[START] + what], w[w[END] + what] = w[at + 1], w[at + 2]
        elif what >= -orders:
            w[w[DONE] - 1 - what] = w[at + 1]
        else:
            exchange_back(s, w, -1 - orders - what, w[at + 1], w[at + 2])
    w[TRAIL_SIZE] = 0
