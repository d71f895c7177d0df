"""Compiled: placements are written into a book as a whole and judged there, and what moved is read back."""

from __future__ import annotations

from typing import Any

from solver.native import kernel
from solver.scheduling.arrays import LINE_PLANT, LINE_UNLIMITED
from solver.scheduling.book_words import (
    AFTER,
    BATCH,
    BEFORE,
    COUNT,
    EARLIEST,
    END,
    FAMILY,
    FRESH,
    HEAP_CAPACITY,
    HEAP_SIZE,
    KIND,
    LATE,
    LENGTH,
    LIMIT,
    LINE,
    M_FAMILY,
    M_LINE,
    M_NEEDS,
    M_TIME,
    MODE_SIZE,
    MODES,
    MOVES_FOR,
    NEEDS,
    NOW,
    OPERATION_SIZE,
    ORDER,
    ORDER_HEAD,
    PROMISED,
    QUESTION,
    QUEUED,
    ROW_CAPACITY,
    ROWS,
    RUNNING,
    SIZE,
    START,
    SUCCS,
    TIME,
    TRAIL,
    TRAIL_CAPACITY,
    TRAIL_SIZE,
    WALL,
)
from solver.scheduling.placing import completion
from solver.scheduling.problem import NEVER
from solver.scheduling.room import (
    enqueue_behind,
    late_of,
    line_ready,
    order_ready,
    postpone,
    push,
    ready_of,
    relate,
    stays,
    units_free_from,
)
from solver.scheduling.timing import fit
from solver.scheduling.trail import enqueue, insert_into_row, place_of, put, row_in, row_out, take_next, undo

NOT_KNOWN = -2  # LATE of what was put or lifted, until it is found anew


@kernel("void(int64[::1], int64[::1], int64[::1])")
def relate_all(s: Any, b: Any, latest_first: Any) -> None:
    """LATE of all operations, given by the last start first."""
    while b[HEAP_SIZE]:
        take_next(b)
    for op in latest_first:
        b[op + LATE] = late_of(s, b, op)


@kernel("void(int64[::1], int64[::1], int64[::1])")
def line_up(s: Any, b: Any, earliest_first: Any) -> None:
    """Put operations, given by the first start first, behind each other on their lines, as they stand."""
    for op in earliest_first:
        if not s[s[LINE_UNLIMITED] + b[op + LINE]] or b[op + NEEDS]:
            insert_into_row(b, op, b[b[LENGTH] + b[op + LINE]])


@kernel("boolean(int64[::1], int64, int64)", into_callers=True)
def _is_first(b: Any, one: int, other: int) -> bool:
    """Whether an operation belongs before another one on a line."""
    start, its = b[one + START], b[other + START]
    return bool(start < its or (start == its and b[one + END] < b[other + END]))


@kernel("void(int64[::1], int64[::1], int64, int64, int64, int64)")
def stand(s: Any, b: Any, op: int, mode: int, start: int, end: int) -> None:
    """Put an operation that is on no line there, whether it fits or not."""
    line = b[mode + M_LINE]
    put(b, op + LINE, line)
    put(b, op + TIME, b[mode + M_TIME])
    put(b, op + FAMILY, b[mode + M_FAMILY])
    put(b, op + NEEDS, b[mode + M_NEEDS])
    put(b, op + START, start)
    put(b, op + END, end)
    put(b, op + LATE, NOT_KNOWN)
    if not s[s[LINE_UNLIMITED] + line] or b[op + NEEDS]:
        row, place, high = b[ROWS] + line * b[ROW_CAPACITY], 0, b[b[LENGTH] + line]
        while place < high:
            middle = (place + high) >> 1
            other = b[row + middle]
            if _is_first(b, op, other):
                high = middle
            else:
                place = middle + 1
        row_in(b, op, place)


@kernel("void(int64[::1], int64[::1], int64)")
def lift(s: Any, b: Any, op: int) -> None:
    """Take an operation off its line; all else stays as it is. LATE is then to be found anew."""
    behind = b[op + BEFORE]
    if not s[s[LINE_UNLIMITED] + b[op + LINE]] or b[op + NEEDS]:
        row_out(b, op, place_of(b, op))
    put(b, op + START, -1)
    put(b, op + LATE, NOT_KNOWN)
    if behind:
        enqueue(b, behind, -b[behind + START])


@kernel("int64(int64[::1], int64[::1], int64)")
def lift_order(s: Any, b: Any, order: int) -> int:
    """Take an order's last operations off their lines, as many as may move; how many stay."""
    k = b[order + COUNT]
    while k and not stays(b, order + ORDER_HEAD + (k - 1) * OPERATION_SIZE):
        k -= 1
        op = order + ORDER_HEAD + k * OPERATION_SIZE
        put(b, op + END, b[op + END])
        lift(s, b, op)
    return int(k)


@kernel("boolean(int64[::1], int64[::1])")
def tightened(b: Any, ops: Any) -> bool:
    """Whether an order of these operations, that ends later than promised or has no promise, may end less late now."""
    found = False
    for op in ops:
        order = b[op + ORDER]
        limit = max(b[order + PROMISED], completion(b, order))
        if b[order + PROMISED] < b[order + LIMIT] < NEVER and limit < b[order + LIMIT]:
            b[order + LIMIT], found = limit, True
    return found


OVERLAPS, LACKS_SETUP, TOO_SOON, UNRELEASED, PAST, CLOSED, SHORT_OF, CROWDED, PAST_LIMIT = 1, 2, 3, 4, 5, 6, 7, 8, 9


@kernel("int64(int64[::1], int64[::1], int64)")
def fault_of(s: Any, b: Any, op: int) -> int:
    """The rule that an operation breaks where it stands (0: none), as far as it may move or is new."""
    start, end, line = b[op + START], b[op + END], b[op + LINE]
    before, oven = b[op + BEFORE], b[b[BATCH] + line]
    together, longest = 0, b[op + TIME]
    if oven:
        row, filled = b[ROWS] + line * b[ROW_CAPACITY], 0
        for i in range(b[b[LENGTH] + line]):
            other = b[row + i]
            if b[other + START] == start and b[other + END] == end:
                if other != op and (b[op + KIND] == 0 or b[other + KIND] != b[op + KIND]):
                    return OVERLAPS
                filled += b[other + SIZE]
                longest = max(longest, b[other + TIME])
                if other == before:
                    together = 1
        if filled > oven:
            return CROWDED
    if stays(b, op) and b[op + FRESH] == 0 and (before == 0 or stays(b, before)):
        return 0
    if not together and not s[s[LINE_UNLIMITED] + line]:
        if before and b[before + END] > start:
            return OVERLAPS
        if line_ready(s, b, line, before, b[op + FAMILY]) > start:
            return LACKS_SETUP
    if b[op + WALL] and b[op + FRESH] == 0:
        return 0
    if b[op + EARLIEST] > start:
        return UNRELEASED
    if b[NOW] > start:
        return PAST
    if order_ready(s, b, op, s[s[LINE_PLANT] + line]) > start:
        return TOO_SOON
    first, last = fit(s, line, b[op + RUNNING], longest, start)
    if first != start or last != end:
        return CLOSED
    if end > b[b[op + ORDER] + LIMIT]:
        return PAST_LIMIT
    needs = b[op + NEEDS]
    if needs:
        for i in range(needs + 1, needs + 1 + 2 * b[needs], 2):
            if units_free_from(s, b, b[i], 0, start, end) != start:
                return SHORT_OF
    return 0


@kernel("int64(int64[::1], int64[::1], int64[::1], int64)")
def settled(s: Any, b: Any, ops: Any, checked: int) -> int:
    """Bring LATE up to date around operations that were put or lifted; the first one's rule broken if it is checked.

    LATE follows from what comes after, not from the start: it is found anew where it is NOT_KNOWN, and from there on.
    The answer is 16 * place in `ops` + rule, 0 if all is well, and -1 if LATE must be found anew as a whole.
    """
    if checked:
        b[QUESTION] += 1
        for op in ops:
            b[op + MOVES_FOR] = b[QUESTION]  # they have a turn of their own
        for i in range(len(ops)):
            op = ops[i]
            if b[op + START] < 0:
                continue
            fault = fault_of(s, b, op)
            after = b[op + AFTER]
            if fault == 0 and after and b[after + MOVES_FOR] != b[QUESTION]:
                fault = fault_of(s, b, after)
            succs = b[op + SUCCS]
            for k in range(succs + 1, succs + 1 + 2 * b[succs], 2):
                if fault == 0 and b[b[k] + START] >= 0 and b[b[k] + MOVES_FOR] != b[QUESTION]:
                    fault = fault_of(s, b, b[k])
            if fault:
                return 16 * i + fault
    for op in ops:
        if b[op + START] >= 0 and b[op + LATE] == NOT_KNOWN:
            put(b, op + LATE, late_of(s, b, op))
            enqueue_behind(b, op)
            if b[HEAP_SIZE] + 512 > b[HEAP_CAPACITY] or b[TRAIL_SIZE] + 512 > b[TRAIL_CAPACITY]:
                return -1
    return 0 if relate(s, b, 0) else -1


@kernel("int64(int64[::1], int64[::1], int64[::1])")
def follow(s: Any, b: Any, ops: Any) -> int:
    """Push what follows operations that were put; 0 if something may not give way."""
    for op in ops:
        after = b[op + AFTER]
        if after and not postpone(b, after, ready_of(s, b, after)):
            return 0
        succs = b[op + SUCCS]
        for i in range(succs + 1, succs + 1 + 2 * b[succs], 2):
            if b[b[i] + START] >= 0 and not postpone(b, b[i], ready_of(s, b, b[i])):
                return 0
        if b[HEAP_SIZE] + 512 > b[HEAP_CAPACITY]:
            return 0
    return push(s, b)


@kernel("int64(int64[::1], int64)")
def _out_of_line(b: Any, op: int) -> int:
    """Whether an operation starts before the one before it on its line, or after the one behind it."""
    before, after = b[op + BEFORE], b[op + AFTER]
    return int((before and _is_first(b, op, before)) or (after and _is_first(b, after, op)))


@kernel("int64(int64[::1], int64[::1], int64[::1], int64[:, ::1])")
def rewrite(s: Any, b: Any, ops: Any, places: Any) -> int:
    """Let operations stand at (line, start, end), whether they fit or not; 1 + the first for which a line has no room.

    Most keep their line and their neighbours: the others are lifted first, and then put. A line has no room for what it
    cannot make, and when its row is full.
    """
    for i in range(len(ops)):
        op = ops[i]
        if b[op + START] >= 0 and b[op + LINE] == places[i, 0]:
            stayed = stays(b, op)
            put(b, op + START, places[i, 1])
            put(b, op + END, places[i, 2])
            if stayed or stays(b, op):
                put(b, op + LATE, NOT_KNOWN)
        elif b[op + START] >= 0:
            lift(s, b, op)
    again = 1
    while again:
        again = 0
        for op in ops:
            if b[op + START] >= 0 and _out_of_line(b, op):
                lift(s, b, op)
                again = 1
    for i in range(len(ops)):
        op, mode = ops[i], 0
        if b[op + START] >= 0:
            continue
        modes = b[op + MODES]
        for at in range(modes + 1, modes + 1 + MODE_SIZE * b[modes], MODE_SIZE):
            if b[at + M_LINE] == places[i, 0]:
                mode = at
                break
        if mode == 0 or b[b[LENGTH] + b[mode + M_LINE]] + 1 >= b[ROW_CAPACITY]:
            return i + 1
        stand(s, b, op, mode, places[i, 1], places[i, 2])
    return 0


@kernel("int64(int64[::1], int64[::1], int64, int64[:, ::1])")
def taken_back(b: Any, addresses: Any, below: int, found: Any) -> int:
    """Give back all that is on the trail; so many operations stood elsewhere: handle, line, start (-1: nowhere), end.

    Only of the records at these addresses, in order, that lie below.
    """
    while b[HEAP_SIZE]:
        take_next(b)
    count = 0
    for i in range(b[TRAIL_SIZE] if len(addresses) else 0):
        word = b[b[TRAIL] + 2 * i]
        if word < addresses[0] or word >= below:
            continue
        low, high = 0, len(addresses)
        while low + 1 < high:
            middle = (low + high) >> 1
            if addresses[middle] <= word:
                low = middle
            else:
                high = middle
        within = word - addresses[low] - ORDER_HEAD
        op = word - within % OPERATION_SIZE
        if within >= 0 and within % OPERATION_SIZE <= END and b[op + QUEUED] == 0:
            b[op + QUEUED] = 1
            found[count, 0], found[count, 1] = op, b[op + LINE]
            found[count, 2], found[count, 3] = b[op + START], b[op + END]
            count += 1
    undo(b, 0)
    kept = 0
    for i in range(count):
        op = found[i, 0]
        b[op + QUEUED] = 0
        if b[op + LINE] != found[i, 1] or b[op + START] != found[i, 2] or b[op + END] != found[i, 3]:
            for k in range(4):
                found[kept, k] = found[i, k]
            kept += 1
    return kept
