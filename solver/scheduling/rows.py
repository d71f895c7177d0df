"""Compiled: putting operations into the rows of lines and batches, taking them out, and undoing both.

A *place* says where on a line: so many are before it in the row (0 or more), or, coded below -1, in which batch: behind
which member of the ring, and whether as its head. On an unlimited line it is 0. A row must be sorted by start when
something is looked up in it.
"""

from __future__ import annotations

from typing import Any

from solver.native import kernel
from solver.scheduling.arrays import (
    BESIDE,
    LINE_AT,
    LINE_BATCH,
    LINE_UNLIMITED,
    LINES,
    MODE_FAMILY,
    MODE_LINE,
    OP_FAMILY,
    OP_SIZE,
    RESOURCES,
)
from solver.scheduling.pools import give_units, take_units
from solver.scheduling.state import (
    AFTER,
    BEFORE,
    FAMILY,
    HEAD,
    LENGTH,
    MODE,
    RING,
    ROW,
    SHORT,
    START,
)

NOWHERE = -1  # no place

# --- lines ---


@kernel("void(int64[::1], int64, int64, int64, int64, int64, int64)", into_callers=True)
def _insert(w: Any, row: int, length: int, what: int, place: int, before_of: int, after_of: int) -> None:
    """Put something into a row (`length`: where its length stands), linked by the words from these two on."""
    i = w[length]
    while i > place:
        w[row + i] = w[row + i - 1]
        i -= 1
    w[row + place] = what
    w[length] += 1
    before = w[row + place - 1] if place else -1
    after = w[row + place + 1] if place + 1 < w[length] else -1
    w[before_of + what], w[after_of + what] = before, after
    if before >= 0:
        w[after_of + before] = what
    if after >= 0:
        w[before_of + after] = what


@kernel("void(int64[::1], int64, int64, int64, int64, int64, int64)", into_callers=True)
def _remove(w: Any, row: int, length: int, what: int, place: int, before_of: int, after_of: int) -> None:
    """Take something out of a row, as `_insert` put it in."""
    last = w[length] - 1
    for i in range(place, last):
        w[row + i] = w[row + i + 1]
    w[length] = last
    before, after = w[before_of + what], w[after_of + what]
    if before >= 0:
        w[after_of + before] = after
    if after >= 0:
        w[before_of + after] = before
    w[before_of + what] = w[after_of + what] = -1


@kernel("int64(int64[::1], int64, int64, int64, int64)", into_callers=True)
def place_between(w: Any, row: int, low: int, high: int, instant: int) -> int:
    """The first of these places of a line's row at which an operation does not start before `instant`."""
    start = w[START]
    while low < high:
        middle = (low + high) >> 1
        if w[start + w[row + middle]] < instant:
            low = middle + 1
        else:
            high = middle
    return low


@kernel("int64(int64[::1], int64[::1], int64, int64)")
def place_of(s: Any, w: Any, line: int, instant: int) -> int:
    """How many of the line's row start before `instant`."""
    return int(place_between(w, w[ROW] + s[s[LINE_AT] + line], 0, w[w[LENGTH] + line], instant))


@kernel("void(int64[::1], int64[::1], int64, int64)")
def shorten(s: Any, w: Any, instant: int, more: int) -> None:
    """Let each line's row end so many operations behind `instant`: then less is shifted by what comes and goes.

    The last one of a row that is shorter stays where it is, and nothing comes behind it, until the row is whole again.
    """
    w[SHORT] = 1
    for line in range(s[LINES]):
        length = w[w[LENGTH] + line]
        w[w[LENGTH] + line] = min(length, place_of(s, w, line, instant) + more)


@kernel("void(int64[::1], int64[::1])")
def lengthen(s: Any, w: Any) -> None:
    """Make the rows whole again, by the links."""
    w[SHORT] = 0
    for line in range(s[LINES]):
        row, length = w[ROW] + s[s[LINE_AT] + line], w[w[LENGTH] + line]
        after = w[w[AFTER] + w[row + length - 1]] if length else -1
        while after >= 0:
            w[row + length] = after
            length += 1
            after = w[w[AFTER] + after]
        w[w[LENGTH] + line] = length


@kernel("int64(int64[::1], int64[::1], int64)", into_callers=True)
def places_on(s: Any, w: Any, line: int) -> int:
    """The last place at which something may be put on a line."""
    length = w[w[LENGTH] + line]
    if w[SHORT] and length and w[w[AFTER] + w[w[ROW] + s[s[LINE_AT] + line] + length - 1]] >= 0:
        length -= 1
    return int(length)


@kernel("int64(int64[::1], int64[::1], int64)")
def in_reach(s: Any, w: Any, op: int) -> int:
    """Whether an operation stands in its line's row, and not as the last one of a row that is short."""
    line, head = s[s[MODE_LINE] + w[w[MODE] + op]], w[w[HEAD] + op]
    if s[s[LINE_UNLIMITED] + line]:
        return 1
    last = w[w[ROW] + s[s[LINE_AT] + line] + w[w[LENGTH] + line] - 1]
    return 1 if w[w[AFTER] + last] < 0 or w[w[START] + head] < w[w[START] + last] else 0


@kernel("int64(int64[::1], int64[::1], int64)")
def place_on_line(s: Any, w: Any, op: int) -> int:
    """The place of an operation (START must be settled)."""
    if s[BESIDE] and w[w[RING] + op] != op:
        before = w[w[RING] + op]
        while w[w[RING] + before] != op:
            before = w[w[RING] + before]
        return int(-2 - 2 * before - (1 if w[w[HEAD] + op] == op else 0))
    line = s[s[MODE_LINE] + w[w[MODE] + op]]
    if s[BESIDE] and s[s[LINE_UNLIMITED] + line]:
        return 0
    row = w[ROW] + s[s[LINE_AT] + line]
    i = place_of(s, w, line, w[w[START] + op])
    while w[row + i] != op:
        i += 1
    return i


@kernel("void(int64[::1], int64[::1], int64, int64)")
def promote(s: Any, w: Any, old: int, new: int) -> None:
    """Make another one the head of a batch: it stands in the row from now on."""
    line = s[s[MODE_LINE] + w[w[MODE] + old]]
    row = w[ROW] + s[s[LINE_AT] + line]
    i = place_of(s, w, line, w[w[START] + old])
    while w[row + i] != old:
        i += 1
    w[row + i] = new
    before, after = w[w[BEFORE] + old], w[w[AFTER] + old]
    w[w[BEFORE] + new], w[w[AFTER] + new] = before, after
    w[w[BEFORE] + old] = w[w[AFTER] + old] = -1
    if before >= 0:
        w[w[AFTER] + before] = new
    if after >= 0:
        w[w[BEFORE] + after] = new
    member = old
    while True:
        w[w[HEAD] + member] = new
        member = w[w[RING] + member]
        if member == old:
            break


@kernel("void(int64[::1], int64[::1], int64, int64)")
def join(s: Any, w: Any, op: int, place: int) -> None:
    """Put an operation into a batch; its start must be that of the batch when it becomes the head."""
    behind, lead = (-2 - place) >> 1, (-2 - place) & 1
    head = w[w[HEAD] + behind]
    w[w[RING] + op] = w[w[RING] + behind]
    w[w[RING] + behind] = op
    w[w[HEAD] + op] = head
    if lead:
        promote(s, w, head, op)


@kernel("void(int64[::1], int64[::1], int64)")
def leave(s: Any, w: Any, op: int) -> None:
    """Take an operation out of a batch in which there are others."""
    following = w[w[RING] + op]
    if w[w[HEAD] + op] == op:
        promote(s, w, op, following)
    before = following
    while w[w[RING] + before] != op:
        before = w[w[RING] + before]
    w[w[RING] + before] = following
    w[w[RING] + op] = w[w[HEAD] + op] = op


@kernel("void(int64[::1], int64[::1], int64, int64)")
def out_of_row(s: Any, w: Any, op: int, place: int) -> None:
    """Take an operation, with its units, off its line; `place` is where it stands."""
    if s[RESOURCES]:
        give_units(s, w, op)
    if place < NOWHERE:
        leave(s, w, op)
        return
    line = s[s[MODE_LINE] + w[w[MODE] + op]]
    if s[BESIDE] and s[s[LINE_UNLIMITED] + line]:
        return
    _remove(w, w[ROW] + s[s[LINE_AT] + line], w[LENGTH] + line, op, place, w[BEFORE], w[AFTER])


@kernel("void(int64[::1], int64[::1], int64, int64, int64)")
def into_row(s: Any, w: Any, op: int, mode: int, place: int) -> None:
    """Put an operation on the line of `mode` at a place, with the units that it needs there."""
    w[w[MODE] + op], w[w[FAMILY] + op] = mode, s[s[MODE_FAMILY] + mode]
    if s[RESOURCES]:
        take_units(s, w, op)
    if place < NOWHERE:
        join(s, w, op, place)
        return
    line = s[s[MODE_LINE] + mode]
    if s[BESIDE] and s[s[LINE_UNLIMITED] + line]:
        return
    _insert(w, w[ROW] + s[s[LINE_AT] + line], w[LENGTH] + line, op, place, w[BEFORE], w[AFTER])


@kernel("int64(int64[::1], int64[::1], int64, int64)")
def fits_into(s: Any, w: Any, op: int, head: int) -> int:
    """Whether a batch takes one more: it is of the same family, and there is room for its size."""
    family = s[s[OP_FAMILY] + op]
    if family == 0 or family != s[s[OP_FAMILY] + head]:
        return 0
    room = s[s[LINE_BATCH] + s[s[MODE_LINE] + w[w[MODE] + head]]] - s[s[OP_SIZE] + op]
    member = head
    while True:
        room -= s[s[OP_SIZE] + member]
        member = w[w[RING] + member]
        if member == head:
            return 1 if room >= 0 else 0
