"""Compiled: putting operations into the rows of lines, batches and units, taking them out, and undoing both.

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
    NEED_AT,
    NEED_RESOURCE,
    OP_FAMILY,
    OP_FIXED,
    OP_SIZE,
    ORDERS,
    RESOURCES,
    SLOT_AT,
    SLOT_OP,
    SUCC_AT,
    SUCC_OP,
    UNIT_AT,
    UNIT_ROW,
)
from solver.scheduling.problem import NEVER
from solver.scheduling.state import (
    AFTER,
    BEFORE,
    END,
    FAMILY,
    HEAD,
    LENGTH,
    MODE,
    RING,
    ROW,
    SHORT,
    START,
    TRAIL,
    TRAIL_SIZE,
    UNIT,
    UNIT_AFTER,
    UNIT_BEFORE,
    UNIT_LENGTH,
    UNIT_PLACE,
    UNIT_ROWS,
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
    """Take an operation off its line; `place` is where it stands."""
    if place < NOWHERE:
        leave(s, w, op)
        return
    line = s[s[MODE_LINE] + w[w[MODE] + op]]
    if s[BESIDE] and s[s[LINE_UNLIMITED] + line]:
        return
    _remove(w, w[ROW] + s[s[LINE_AT] + line], w[LENGTH] + line, op, place, w[BEFORE], w[AFTER])


@kernel("void(int64[::1], int64[::1], int64, int64, int64)")
def into_row(s: Any, w: Any, op: int, mode: int, place: int) -> None:
    """Put an operation on the line of `mode` at a place."""
    w[w[MODE] + op], w[w[FAMILY] + op] = mode, s[s[MODE_FAMILY] + mode]
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


# --- units of resources ---


@kernel("int64(int64[::1], int64[::1], int64, int64)")
def place_of_unit(s: Any, w: Any, unit: int, instant: int) -> int:
    """How many in a unit's row start before `instant`."""
    row, start = w[UNIT_ROWS] + s[s[UNIT_ROW] + unit], w[START]
    low, high = 0, w[w[UNIT_LENGTH] + unit]
    while low < high:
        middle = (low + high) >> 1
        if w[start + s[s[SLOT_OP] + w[row + middle]]] < instant:
            low = middle + 1
        else:
            high = middle
    return int(low)


@kernel("void(int64[::1], int64[::1], int64, int64, int64)")
def _into_unit(s: Any, w: Any, slot: int, unit: int, place: int) -> None:
    """Give a unit to a slot, with `place` others before it."""
    row, length = w[UNIT_ROWS] + s[s[UNIT_ROW] + unit], w[UNIT_LENGTH] + unit
    _insert(w, row, length, slot, place, w[UNIT_BEFORE], w[UNIT_AFTER])
    w[w[UNIT] + slot], w[w[UNIT_PLACE] + slot] = unit, place


@kernel("void(int64[::1], int64[::1], int64, int64)")
def _out_of_unit(s: Any, w: Any, slot: int, place: int) -> None:
    """Take the unit of a slot back; `place` others are before it."""
    unit = w[w[UNIT] + slot]
    row, length = w[UNIT_ROWS] + s[s[UNIT_ROW] + unit], w[UNIT_LENGTH] + unit
    _remove(w, row, length, slot, place, w[UNIT_BEFORE], w[UNIT_AFTER])
    w[w[UNIT] + slot] = -1


@kernel("int64(int64[::1], int64[::1], int64, int64)")
def _place_in_unit(s: Any, w: Any, slot: int, near: int) -> int:
    """How many are before a slot in its unit's row; about so many as `near`."""
    unit = w[w[UNIT] + slot]
    row, length = w[UNIT_ROWS] + s[s[UNIT_ROW] + unit], w[w[UNIT_LENGTH] + unit]
    low = high = near
    while True:
        if 0 <= low < length and w[row + low] == slot:
            return low
        if 0 <= high < length and w[row + high] == slot:
            return high
        low, high = low - 1, high + 1


@kernel("void(int64[::1], int64[::1], int64, int64, int64)")
def exchange(s: Any, w: Any, slot: int, unit: int, place: int) -> None:
    """Give a slot another unit (-1: none) at a place in its row, on the trail."""
    at = w[TRAIL] + 3 * w[TRAIL_SIZE]
    w[TRAIL_SIZE] += 1
    w[at], w[at + 1], w[at + 2] = -1 - s[ORDERS] - slot, w[w[UNIT] + slot], 0
    if w[w[UNIT] + slot] >= 0:
        near = place_of_unit(s, w, w[w[UNIT] + slot], w[w[START] + s[s[SLOT_OP] + slot]])
        w[at + 2] = _place_in_unit(s, w, slot, near)
        _out_of_unit(s, w, slot, w[at + 2])
    if unit >= 0:
        _into_unit(s, w, slot, unit, place)


@kernel("void(int64[::1], int64[::1], int64, int64, int64)")
def exchange_back(s: Any, w: Any, slot: int, unit: int, place: int) -> None:
    """Undo the last `exchange` in these rows: the slot had this unit (-1: none) at this place."""
    if w[w[UNIT] + slot] >= 0:
        _out_of_unit(s, w, slot, _place_in_unit(s, w, slot, w[w[UNIT_PLACE] + slot]))
    if unit >= 0:
        _into_unit(s, w, slot, unit, place)


@kernel("void(int64[::1], int64[::1], int64)")
def give_units(s: Any, w: Any, op: int) -> None:
    """Take an operation's units back."""
    for slot in range(s[s[SLOT_AT] + op], s[s[SLOT_AT] + op + 1]):
        if w[w[UNIT] + slot] >= 0:
            exchange(s, w, slot, -1, 0)


@kernel("int64(int64[::1], int64[::1], int64, int64)")
def _has_unit(s: Any, w: Any, op: int, unit: int) -> int:
    """Whether an operation has this unit."""
    for slot in range(s[s[SLOT_AT] + op], s[s[SLOT_AT] + op + 1]):
        if w[w[UNIT] + slot] == unit:
            return 1
    return 0


@kernel("int64(int64[::1], int64[::1], int64, int64, int64)")
def find_gap(s: Any, w: Any, slot: int, start: int, end: int) -> int:
    """Give a slot another unit of its resource that nothing has from start to end, if there is one; whether there is.

    Of several the one with most time to spare before and after.
    """
    op, resource = s[s[SLOT_OP] + slot], 0
    while s[s[UNIT_AT] + resource + 1] <= w[w[UNIT] + slot]:
        resource += 1
    chosen, chosen_place, most, head = -1, 0, -1, w[w[HEAD] + op]
    for unit in range(s[s[UNIT_AT] + resource], s[s[UNIT_AT] + resource + 1]):
        place, row = place_of_unit(s, w, unit, end), w[UNIT_ROWS] + s[s[UNIT_ROW] + unit]
        spare = start
        if place:
            before = s[s[SLOT_OP] + w[row + place - 1]]
            spare = start - w[w[END] + before]
            if w[w[HEAD] + before] == head or w[w[START] + before] >= w[w[END] + op]:
                continue  # the latter may wait for this one and not be timed anew yet
        if place < w[w[UNIT_LENGTH] + unit]:
            after = s[s[SLOT_OP] + w[row + place]]
            spare = min(spare, w[w[START] + after] - end)
            if w[w[HEAD] + after] == head:
                continue
        if spare > most and not _has_unit(s, w, op, unit):
            chosen, chosen_place, most = unit, place, spare
    if chosen < 0:
        return 0
    exchange(s, w, slot, chosen, chosen_place)
    return 1


@kernel("int64(int64[::1], int64[::1], int64, int64)")
def _follows(s: Any, w: Any, op: int, other: int) -> int:
    """Whether another one waits for the operation already, as the next on its line or as a successor."""
    met = w[w[HEAD] + other]
    if met == w[w[AFTER] + w[w[HEAD] + op]]:
        return 1
    for i in range(s[s[SUCC_AT] + op], s[s[SUCC_AT] + op + 1]):
        if w[w[HEAD] + s[s[SUCC_OP] + i]] == met:
            return 1
    return 0


@kernel("int64(int64[::1], int64[::1], int64, int64, int64, int64)")
def take_units(s: Any, w: Any, op: int, cut: int, start: int, end: int) -> int:
    """Give an operation the units that its mode needs; 0 if so many could not be found.

    It comes behind what starts before `cut` and does not wait for it. Of all units those are taken that cost the least
    time if it ran from `start` to `end`, and of these the one that was in use last.
    """
    mode, head = w[w[MODE] + op], w[w[HEAD] + op]
    slot = s[s[SLOT_AT] + op]
    for need in range(s[s[NEED_AT] + mode], s[s[NEED_AT] + mode + 1]):
        resource = s[s[NEED_RESOURCE] + need]
        chosen, chosen_place, least, most = -1, 0, NEVER * 4, 0
        for unit in range(s[s[UNIT_AT] + resource], s[s[UNIT_AT] + resource + 1]):
            if _has_unit(s, w, op, unit):
                continue
            place, row = place_of_unit(s, w, unit, cut), w[UNIT_ROWS] + s[s[UNIT_ROW] + unit]
            free, wanted = 0, NEVER
            while place:
                before = s[s[SLOT_OP] + w[row + place - 1]]
                if not _follows(s, w, op, before):
                    free = w[w[END] + before]
                    break
                place -= 1
            if place < w[w[UNIT_LENGTH] + unit]:
                after = s[s[SLOT_OP] + w[row + place]]
                wanted = w[w[START] + after]
                if w[w[HEAD] + after] == head:  # one of its batch has it
                    continue
            loss = max(0, free - start) + max(0, end - wanted)
            spare = min(start - free, wanted - end)
            if loss < least or (loss == least and spare > most):
                chosen, chosen_place, least, most = unit, place, loss, spare
        if chosen < 0:
            return 0
        exchange(s, w, slot, chosen, chosen_place)
        slot += 1
    return 1


@kernel("int64(int64[::1], int64[::1], int64)")
def units_free(s: Any, w: Any, op: int) -> int:
    """When the units of an operation are free for it. What is fixed is not asked about other fixed ones."""
    free, fixed = 0, s[s[OP_FIXED] + op]
    for slot in range(s[s[SLOT_AT] + op], s[s[SLOT_AT] + op + 1]):
        before = w[w[UNIT_BEFORE] + slot]
        if before >= 0:
            other = s[s[SLOT_OP] + before]
            if not (fixed and s[s[OP_FIXED] + other]):
                free = max(free, w[w[END] + other])
    return int(free)


@kernel("void(int64[::1], int64[::1], int64[::1])")
def share_units(s: Any, w: Any, sequence: Any) -> None:
    """Give all units anew, to one operation after another, always those that are free first.

    `sequence`: the operations by start.
    """
    for unit in range(s[s[UNIT_AT] + s[RESOURCES]]):
        w[w[UNIT_LENGTH] + unit] = 0
    for i in range(len(sequence)):
        op = sequence[i]
        mode = w[w[MODE] + op]
        for slot in range(s[s[SLOT_AT] + op], s[s[SLOT_AT] + op + 1]):
            w[w[UNIT] + slot] = w[w[UNIT_BEFORE] + slot] = w[w[UNIT_AFTER] + slot] = -1
        if mode < 0:
            continue
        slot = s[s[SLOT_AT] + op]
        for need in range(s[s[NEED_AT] + mode], s[s[NEED_AT] + mode + 1]):
            resource = s[s[NEED_RESOURCE] + need]
            chosen, soonest = -1, NEVER
            for unit in range(s[s[UNIT_AT] + resource], s[s[UNIT_AT] + resource + 1]):
                if _has_unit(s, w, op, unit):
                    continue
                length, free = w[w[UNIT_LENGTH] + unit], 0
                if length:
                    last = w[w[UNIT_ROWS] + s[s[UNIT_ROW] + unit] + length - 1]
                    free = w[w[END] + s[s[SLOT_OP] + last]]
                if chosen < 0 or free < soonest:
                    chosen, soonest = unit, free
            place = w[w[UNIT_LENGTH] + chosen]
            row = w[UNIT_ROWS] + s[s[UNIT_ROW] + chosen]
            while place and s[s[OP_FIXED] + op]:  # facts may overlap: the one that ends last counts
                other = s[s[SLOT_OP] + w[row + place - 1]]
                if not s[s[OP_FIXED] + other] or w[w[END] + other] <= w[w[END] + op]:
                    break
                place -= 1
            _into_unit(s, w, slot, chosen, place)
            slot += 1
