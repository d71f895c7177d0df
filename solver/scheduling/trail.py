"""Compiled: the words of a book are changed on a trail and given back; rows of operations, and a heap of them."""

from __future__ import annotations

from typing import Any

from solver.native import kernel
from solver.scheduling.book_words import (
    AFTER,
    BEFORE,
    END,
    HEAP,
    HEAP_SIZE,
    LENGTH,
    LINE,
    QUEUED,
    ROW_CAPACITY,
    ROWS,
    START,
    TRAIL,
    TRAIL_SIZE,
)


@kernel("void(int64[::1], int64, int64)")
def put(b: Any, at: int, value: int) -> None:
    """Write a word, what stood there on the trail."""
    t = b[TRAIL] + 2 * b[TRAIL_SIZE]
    b[t], b[t + 1] = at, b[at]
    b[TRAIL_SIZE] += 1
    b[at] = value


@kernel("int64(int64[::1], int64, int64)")
def place_from(b: Any, line: int, instant: int) -> int:
    """How many operations of the line's row end at or before `instant`."""
    row = b[ROWS] + line * b[ROW_CAPACITY]
    low, high = 0, b[b[LENGTH] + line]
    while low < high:
        middle = (low + high) >> 1
        if b[b[row + middle] + END] <= instant:
            low = middle + 1
        else:
            high = middle
    return int(low)


@kernel("int64(int64[::1], int64)")
def place_of(b: Any, op: int) -> int:
    """How many operations are before this one on its line."""
    line = b[op + LINE]
    row, length = b[ROWS] + line * b[ROW_CAPACITY], b[b[LENGTH] + line]
    low, high = 0, length
    while low < high:
        middle = (low + high) >> 1
        if b[b[row + middle] + START] < b[op + START]:
            low = middle + 1
        else:
            high = middle
    if low < length and b[row + low] == op:
        return int(low)
    step = 1  # facts may overlap, and the starts in a row need not be sorted while times are propagated
    while low - step >= 0 or low + step < length:
        if low - step >= 0 and b[row + low - step] == op:
            return int(low - step)
        if low + step < length and b[row + low + step] == op:
            return int(low + step)
        step += 1
    return -1


@kernel("void(int64[::1], int64, int64)")
def insert_into_row(b: Any, op: int, place: int) -> None:
    """Put an operation on its line with so many before it, not on the trail."""
    line = b[op + LINE]
    row, length = b[ROWS] + line * b[ROW_CAPACITY], b[b[LENGTH] + line]
    for i in range(length, place, -1):
        b[row + i] = b[row + i - 1]
    b[row + place] = op
    b[b[LENGTH] + line] = length + 1
    before = b[row + place - 1] if place else 0
    after = b[row + place + 1] if place < length else 0
    b[op + BEFORE], b[op + AFTER] = before, after
    if before:
        b[before + AFTER] = op
    if after:
        b[after + BEFORE] = op


@kernel("void(int64[::1], int64, int64)")
def remove_from_row(b: Any, op: int, place: int) -> None:
    """Take an operation off its line, not on the trail."""
    line = b[op + LINE]
    row, last = b[ROWS] + line * b[ROW_CAPACITY], b[b[LENGTH] + line] - 1
    for i in range(place, last):
        b[row + i] = b[row + i + 1]
    b[b[LENGTH] + line] = last
    before, after = b[op + BEFORE], b[op + AFTER]
    if before:
        b[before + AFTER] = after
    if after:
        b[after + BEFORE] = before
    b[op + BEFORE] = b[op + AFTER] = 0


@kernel("void(int64[::1], int64, int64)")
def row_in(b: Any, op: int, place: int) -> None:
    """Put an operation on its line with so many before it."""
    insert_into_row(b, op, place)
    t = b[TRAIL] + 2 * b[TRAIL_SIZE]
    b[t], b[t + 1] = -op, place
    b[TRAIL_SIZE] += 1


@kernel("void(int64[::1], int64, int64)")
def row_out(b: Any, op: int, place: int) -> None:
    """Take an operation, before which so many are, off its line."""
    remove_from_row(b, op, place)
    t = b[TRAIL] + 2 * b[TRAIL_SIZE]
    b[t], b[t + 1] = -op, -1 - place
    b[TRAIL_SIZE] += 1


@kernel("void(int64[::1], int64)")
def undo(b: Any, size: int) -> None:
    """Give everything back that was changed since the trail had this size."""
    for i in range(b[HEAP_SIZE]):
        b[b[b[HEAP] + 2 * i + 1] + QUEUED] = 0
    b[HEAP_SIZE] = 0
    for i in range(b[TRAIL_SIZE] - 1, size - 1, -1):
        t = b[TRAIL] + 2 * i
        if b[t] > 0:
            b[b[t]] = b[t + 1]
        elif b[t + 1] >= 0:
            remove_from_row(b, -b[t], b[t + 1])
        else:
            insert_into_row(b, -b[t], -1 - b[t + 1])
    b[TRAIL_SIZE] = size


# --- the heap ---------------------------------------------------------------------------------------------------------


@kernel("void(int64[::1], int64, int64)")
def enqueue(b: Any, op: int, key: int) -> None:
    """Put an operation into the heap, the least key first; the key of one that is in it stays."""
    if b[op + QUEUED]:
        return
    b[op + QUEUED] = 1
    heap, i = b[HEAP], b[HEAP_SIZE]
    b[HEAP_SIZE] += 1
    while i:
        up = (i - 1) >> 1
        if b[heap + 2 * up] <= key:
            break
        b[heap + 2 * i], b[heap + 2 * i + 1] = b[heap + 2 * up], b[heap + 2 * up + 1]
        i = up
    b[heap + 2 * i], b[heap + 2 * i + 1] = key, op


@kernel("int64(int64[::1])")
def take_next(b: Any) -> int:
    """Take the operation with the least key out of the heap."""
    heap = b[HEAP]
    top = b[heap + 1]
    b[HEAP_SIZE] -= 1
    size = b[HEAP_SIZE]
    if size:
        key, op, i = b[heap + 2 * size], b[heap + 2 * size + 1], 0
        while True:
            child = 2 * i + 1
            if child >= size:
                break
            if child + 1 < size and b[heap + 2 * child + 2] < b[heap + 2 * child]:
                child += 1
            if b[heap + 2 * child] >= key:
                break
            b[heap + 2 * i], b[heap + 2 * i + 1] = b[heap + 2 * child], b[heap + 2 * child + 1]
            i = child
        b[heap + 2 * i], b[heap + 2 * i + 1] = key, op
    b[top + QUEUED] = 0
    return int(top)
