"""Compiled: what waits for which line, by priority - the state of a list scheduling pass, and its clock.

One array `d` of whole numbers and one array `f` of reals, whose headers are the constants below. A *bucket* holds what
waits for one line in one setup family, in two skew heaps: what has slack left, whose priority rises as time goes by at
the pace of the line, and what has none left, whose priority stays. So the most urgent of a bucket is on top of one of
the two at any time. Source: Sleator and Tarjan, Self-adjusting heaps (1986).
"""

from __future__ import annotations

from math import inf
from typing import Any

import numpy as np
from numpy.typing import NDArray

from solver.native import kernel
from solver.scheduling.arrays import (
    LINE_ANY_TIME,
    LINE_FAMILIES,
    LINE_FAMILY,
    LINE_SETUPS,
    LINES,
    MODE_AT,
    MODE_FAMILY,
    MODE_LINE,
    NEED_AT,
    NEED_RESOURCE,
    OP_FIXED,
    OPERATIONS,
    RESOURCES,
    UNIT_AT,
    WINDOW_AT,
    WINDOW_OPENS,
    WINDOW_UNTIL,
    Arrays,
    Words,
)
from solver.scheduling.arrays import SETUPS as SETUP_TABLES
from solver.scheduling.problem import NEVER
from solver.scheduling.timing import window_at

Reals = NDArray[np.float64]

# --- the header of d ---
MODE = 0  # of each operation: where it is placed
START = 1  # -1: not placed yet
END = 2
MISSING = 3  # of each operation: predecessors that are not placed yet
OPEN = 4  # of each operation: modes in which it can still be placed
MODE_OP = 5  # of each mode
FREE = 6  # of each line: when it is free
FAMILY = 7  # of each line: what it is set up for
WALL = 8  # of each line: the next of its fixed operations
WALL_AT = 9  # of each line, into WALLS
WALLS = 10  # the fixed operations of each line by start
ASLEEP = 11  # of each line: until when it is not asked again
ACTIVE = 12  # the lines that are asked now
IS_ACTIVE = 13
CHOICE = 14  # of each line that is asked: the mode that it would begin; NONE, or UNKNOWN
CHOICE_START = 15
CHOICE_END = 16
BUCKET_AT = 17  # of each line; a bucket for each family
EARLY = 18  # of each bucket: the top of each heap, or -1
LATE = 19
FILLED = 20  # of each line, from BUCKET_AT on: its buckets that are not empty
FILLED_COUNT = 21
IS_FILLED = 22
LEFT = 23  # of each mode, in its heap
RIGHT = 24
EVENT_TIME = 25  # a binary heap
EVENT = 26  # a mode that can begin from then on, or -1 - line: it is free
EVENTS = 27
ACTIVE_COUNT = 28
FAILED = 29  # an operation that cannot be placed, or -1
SETUPS = 30  # seconds of setup so far
UNIT_FREE = 31  # of each unit of a resource: when what was placed so far gives it back
RESERVED_AT = 32  # of each resource: the fixed operations that need it, with start, end and number
RESERVED = 33
QUEUE_HEADER = 34

# --- the header of f; after it come the keys of the heaps, one a mode ---
WORTH_WEIGHT, LOOK_AHEAD, SETUP_WEIGHT, SATURATES = 0, 1, 2, 3
KEY, WORTH, LATEST, PER_SLACK, PER_SETUP, CHOICE_INDEX = 4, 5, 6, 7, 8, 9
REAL_HEADER = 10

NONE, UNKNOWN = -1, -2
TRIES = 8  # so many that do not fit in before a wall or closing time, then the line waits for what comes after


def queues_of(arrays: Arrays, mode: Words, start: Words, end: Words) -> tuple[Words, Reals]:
    """Empty queues; of the columns only what is fixed counts, and what is left out (mode -1, from 0 to 0)."""
    s = arrays.words
    n, lines, modes = int(s[OPERATIONS]), int(s[LINES]), len(arrays.modes)
    fixed = np.flatnonzero(arrays.column(OP_FIXED, n))
    line_of = arrays.column(MODE_LINE, modes)
    on = line_of[mode[fixed]]
    by_line = np.lexsort((end[fixed], start[fixed], on))
    bucket_at = np.concatenate(([0], np.cumsum(arrays.column(LINE_FAMILIES, lines))))
    events = modes + 2 * lines + 8
    opens = arrays.words[s[WINDOW_OPENS] + arrays.column(WINDOW_AT, lines)]
    reserved_at, reserved = _reserved(arrays, mode, start, end)
    sections: dict[int, Any] = {
        MODE: np.where(arrays.column(OP_FIXED, n) == 1, mode, -1),
        START: np.where((arrays.column(OP_FIXED, n) == 1) | (mode < 0), start, -1),
        END: np.where((arrays.column(OP_FIXED, n) == 1) | (mode < 0), end, -1),
        MISSING: n, OPEN: n,
        MODE_OP: np.repeat(np.arange(n), np.diff(arrays.column(MODE_AT, n + 1))),
        FREE: np.where(arrays.column(LINE_ANY_TIME, lines) == 1, 0, opens),
        FAMILY: arrays.column(LINE_FAMILY, lines),
        WALL: np.concatenate(([0], np.cumsum(np.bincount(on, minlength=lines))))[:-1],
        WALL_AT: np.concatenate(([0], np.cumsum(np.bincount(on, minlength=lines)))),
        WALLS: fixed[by_line],
        ASLEEP: lines, ACTIVE: lines, IS_ACTIVE: lines, CHOICE: lines, CHOICE_START: lines, CHOICE_END: lines,
        BUCKET_AT: bucket_at,
        EARLY: np.full(bucket_at[-1], -1), LATE: np.full(bucket_at[-1], -1),
        FILLED: int(bucket_at[-1]), FILLED_COUNT: lines, IS_FILLED: int(bucket_at[-1]),
        LEFT: np.full(modes, -1), RIGHT: np.full(modes, -1), EVENT_TIME: events, EVENT: events,
        UNIT_FREE: int(arrays.column(UNIT_AT, int(s[RESOURCES]) + 1)[-1]), RESERVED_AT: reserved_at, RESERVED: reserved,
    }  # fmt: skip
    words = [np.zeros(QUEUE_HEADER, dtype=np.int64)]
    at = QUEUE_HEADER
    for section, filling in sections.items():
        words[0][section] = at
        words.append(np.zeros(filling, dtype=np.int64) if isinstance(filling, int) else filling)
        at += len(words[-1])
    words[0][FAILED] = -1
    sizes = {KEY: modes, WORTH: modes, LATEST: n, PER_SLACK: lines, PER_SETUP: lines, CHOICE_INDEX: lines}
    f = np.zeros(REAL_HEADER + sum(sizes.values()))
    at = REAL_HEADER
    for section, size in sizes.items():
        f[section] = at
        at += size
    return np.concatenate(words).astype(np.int64), f


def _reserved(arrays: Arrays, mode: Words, start: Words, end: Words) -> tuple[Words, Words]:
    """What fixed operations need of each resource: offsets, and start, end and number of each."""
    s = arrays.words
    rows: list[list[int]] = [[] for _ in range(int(s[RESOURCES]))]
    needs_at = arrays.column(NEED_AT, len(arrays.modes) + 1)
    needs = arrays.column(NEED_RESOURCE, int(needs_at[-1]))
    for op in np.flatnonzero(arrays.column(OP_FIXED, int(s[OPERATIONS]))) if rows else ():
        number = np.bincount(needs[needs_at[mode[op]] : needs_at[mode[op] + 1]], minlength=len(rows))
        for resource in np.flatnonzero(number):
            rows[resource] += [int(start[op]), int(end[op]), int(number[resource])]
    at = np.concatenate(([0], np.cumsum([len(row) for row in rows]))).astype(np.int64)
    return at, np.array([value for row in rows for value in row], dtype=np.int64)


# --- the clock --------------------------------------------------------------------------------------------------------


@kernel("int64(int64[::1], int64, int64)")
def open_from(s: Any, line: int, instant: int) -> int:
    """The first instant from then on at which the line works; NEVER if it does not any more."""
    i = window_at(s, line, instant)
    if i == s[s[WINDOW_UNTIL] + line]:
        return NEVER
    return int(max(instant, s[s[WINDOW_OPENS] + i]))


@kernel("void(int64[::1], int64, int64)")
def expect(d: Any, instant: int, what: int) -> None:
    """Put an event into the clock."""
    times, events = d[EVENT_TIME], d[EVENT]
    i = d[EVENTS]
    d[EVENTS] += 1
    while i:
        up = (i - 1) >> 1
        if d[times + up] <= instant:
            break
        d[times + i], d[events + i] = d[times + up], d[events + up]
        i = up
    d[times + i], d[events + i] = instant, what


@kernel("int64(int64[::1])")
def next_event(d: Any) -> int:
    """Take the earliest event."""
    times, events = d[EVENT_TIME], d[EVENT]
    what = d[events]
    d[EVENTS] -= 1
    size = d[EVENTS]
    instant, last, i = d[times + size], d[events + size], 0
    while True:
        child = 2 * i + 1
        if child >= size:
            break
        if child + 1 < size and d[times + child + 1] < d[times + child]:
            child += 1
        if d[times + child] >= instant:
            break
        d[times + i], d[events + i] = d[times + child], d[events + child]
        i = child
    d[times + i], d[events + i] = instant, last
    return int(what)


# --- buckets ----------------------------------------------------------------------------------------------------------


@kernel("int64(int64[::1], float64[::1], int64, int64)")
def _joined(d: Any, f: Any, one: int, other: int) -> int:
    """Two skew heaps as one; its top."""
    if one < 0 or other < 0:
        return max(one, other)
    key, left, right = int(f[KEY]), d[LEFT], d[RIGHT]
    if f[key + one] < f[key + other]:
        one, other = other, one
    top = one
    while True:
        below = d[right + one]
        d[right + one] = d[left + one]
        if below < 0:
            d[left + one] = other
            return top
        if f[key + below] < f[key + other]:
            below, other = other, below
        d[left + one] = below
        one = below


@kernel("void(int64[::1], float64[::1], int64, int64)")
def _put(d: Any, f: Any, top: int, mode: int) -> None:
    """Put a mode into the heap whose top stands at `top`."""
    d[d[LEFT] + mode] = d[d[RIGHT] + mode] = -1
    d[top] = _joined(d, f, d[top], mode)


@kernel("void(int64[::1], float64[::1], int64)")
def withdraw(d: Any, f: Any, top: int) -> None:
    """Take the top off the heap: it does not wait any more."""
    mode = d[top]
    d[top] = _joined(d, f, d[d[LEFT] + mode], d[d[RIGHT] + mode])


@kernel("void(int64[::1], int64[::1], float64[::1], int64)")
def offer(s: Any, d: Any, f: Any, mode: int) -> None:
    """From now on a mode waits for its line."""
    line = s[s[MODE_LINE] + mode]
    bucket = d[d[BUCKET_AT] + line] + s[s[MODE_FAMILY] + mode]
    latest = f[int(f[LATEST]) + d[d[MODE_OP] + mode]]
    worth = f[WORTH_WEIGHT] * f[int(f[WORTH]) + mode]
    f[int(f[KEY]) + mode] = worth - latest * f[LOOK_AHEAD] * f[int(f[PER_SLACK]) + line]
    _put(d, f, d[EARLY] + bucket, mode)
    if not d[d[IS_FILLED] + bucket]:
        d[d[IS_FILLED] + bucket] = 1
        d[d[FILLED] + d[d[BUCKET_AT] + line] + d[d[FILLED_COUNT] + line]] = bucket
        d[d[FILLED_COUNT] + line] += 1


@kernel("UniTuple(int64, 2)(int64[::1], float64[::1], int64, float64, int64)")
def top_of(d: Any, f: Any, bucket: int, pace: float, now: int) -> tuple[int, int]:
    """The most urgent mode of a bucket and where its heap's top stands; (-1, -1) when nothing waits there."""
    early, late, key = d[EARLY] + bucket, d[LATE] + bucket, int(f[KEY])
    while d[early] >= 0:
        mode = d[early]
        op = d[d[MODE_OP] + mode]
        if d[d[START] + op] < 0 and (f[SATURATES] == 0 or f[int(f[LATEST]) + op] > now):
            break
        withdraw(d, f, early)
        if d[d[START] + op] < 0:
            f[key + mode] = f[WORTH_WEIGHT] * f[int(f[WORTH]) + mode]
            _put(d, f, late, mode)
    while d[late] >= 0 and d[d[START] + d[d[MODE_OP] + d[late]]] >= 0:
        withdraw(d, f, late)
    if d[late] >= 0 and (d[early] < 0 or f[key + d[late]] >= f[key + d[early]] + now * pace):
        return int(d[late]), int(late)
    return (int(d[early]), int(early)) if d[early] >= 0 else (-1, -1)


@kernel("UniTuple(int64, 2)(int64[::1], int64[::1], float64[::1], int64, int64)")
def most_urgent(s: Any, d: Any, f: Any, line: int, now: int) -> tuple[int, int]:
    """The mode with the greatest index that waits for a line, and where its heap's top stands; (-1, -1) if none does.

    The index is left in CHOICE_INDEX.
    """
    pace = f[LOOK_AHEAD] * f[int(f[PER_SLACK]) + line]
    per_setup = f[SETUP_WEIGHT] * f[int(f[PER_SETUP]) + line]
    size, key = s[s[LINE_FAMILIES] + line], int(f[KEY])
    first, filled = d[d[BUCKET_AT] + line], d[FILLED] + d[d[BUCKET_AT] + line]
    row = s[SETUP_TABLES] + s[s[LINE_SETUPS] + line] + d[d[FAMILY] + line] * size
    best, best_top, greatest, i = -1, -1, -inf, 0
    while i < d[d[FILLED_COUNT] + line]:
        bucket = d[filled + i]
        mode, top = top_of(d, f, bucket, pace, now)
        if mode < 0:
            d[d[FILLED_COUNT] + line] -= 1
            d[d[IS_FILLED] + bucket] = 0
            d[filled + i] = d[filled + d[d[FILLED_COUNT] + line]]
            continue
        index = f[key + mode]
        if top == d[EARLY] + bucket:
            index += now * pace
        if size > 1:
            index -= per_setup * s[row + bucket - first]
        if index > greatest:
            best, best_top, greatest = mode, top, index
        i += 1
    f[int(f[CHOICE_INDEX]) + line] = greatest
    return best, best_top
