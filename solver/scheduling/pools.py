"""Compiled: units of resources, all of one resource alike, so that they are counted: how many are in use, and when.

A *share* is a resource and an operation that may need units of it. A resource's row holds the shares of all that stands
somewhere, sorted by start; what is on no line, or in a mode that does not need the resource, has 0 of it. Which unit an
operation gets is nobody's question: where no more are in use at any instant than there are, they can always be handed
on by start. What is timed takes the first room that all others leave it, but for what waits to be timed after it: so
nobody else is moved on. Source: the earliest feasible start of serial schedule generation, Kolisch and Hartmann,
Heuristic algorithms for the resource-constrained project scheduling problem (1999).
"""

from __future__ import annotations

from typing import Any

from solver.native import kernel
from solver.scheduling.arrays import (
    MODE_LINE,
    MODE_TIME,
    NEED_AT,
    NEED_RESOURCE,
    OP_FIXED,
    OP_ORDER,
    OP_RUNNING,
    RESOURCES,
    SHARE_AT,
    SHARE_OP,
    SHARE_RESOURCE,
    SHARE_ROW,
    SUCC_AT,
    SUCC_OP,
    UNIT_AT,
)
from solver.scheduling.problem import NEVER
from solver.scheduling.state import (
    END,
    HEAD,
    IN_USE,
    MODE,
    RING,
    SHARE_ENDS,
    SHARE_PLACES,
    SHARE_STARTS,
    SHARES,
    SHARES_LENGTH,
    SHARES_LONGEST,
    START,
    UNITS,
    WAITS,
)
from solver.scheduling.timing import fit

STRIDE = 24  # so many places from its own are gone through one by one


@kernel("int64(int64[::1], int64, int64)", into_callers=True)
def _needed(s: Any, mode: int, resource: int) -> int:
    """How many units of a resource a mode needs."""
    number = 0
    for need in range(s[s[NEED_AT] + mode], s[s[NEED_AT] + mode + 1]):
        number += s[s[NEED_RESOURCE] + need] == resource
    return number


@kernel("void(int64[::1], int64[::1], int64)")
def take_units(s: Any, w: Any, op: int) -> None:
    """An operation has the units that its mode needs from now on."""
    for share in range(s[s[SHARE_AT] + op], s[s[SHARE_AT] + op + 1]):
        w[w[UNITS] + share] = _needed(s, w[w[MODE] + op], s[s[SHARE_RESOURCE] + share])


@kernel("void(int64[::1], int64[::1], int64)")
def give_units(s: Any, w: Any, op: int) -> None:
    """An operation has no units from now on."""
    for share in range(s[s[SHARE_AT] + op], s[s[SHARE_AT] + op + 1]):
        w[w[UNITS] + share] = 0


@kernel("void(int64[::1], int64[::1])")
def clear_shares(s: Any, w: Any) -> None:
    """Nothing stands anywhere."""
    for resource in range(s[RESOURCES]):
        w[w[SHARES_LENGTH] + resource] = w[w[SHARES_LONGEST] + resource] = 0


@kernel("int64(int64[::1], int64[::1], int64, int64)")
def shares_before(s: Any, w: Any, share: int, instant: int) -> int:
    """How many in a share's row start before `instant`: most often that is near the share's own place."""
    resource = s[s[SHARE_RESOURCE] + share]
    starts, high = w[SHARE_STARTS] + s[s[SHARE_ROW] + resource], w[w[SHARES_LENGTH] + resource]
    place = min(high, w[w[SHARE_PLACES] + share])
    low, least, most = 0, max(0, place - STRIDE), min(high, place + STRIDE)
    if place and w[starts + place - 1] >= instant:
        while place > least and w[starts + place - 1] >= instant:
            place -= 1
        if place == 0 or w[starts + place - 1] < instant:
            return int(place)
        high = place
    else:
        while place < most and w[starts + place] < instant:
            place += 1
        if place == high or w[starts + place] >= instant:
            return int(place)
        low = place
    while low < high:
        middle = (low + high) >> 1
        if w[starts + middle] < instant:
            low = middle + 1
        else:
            high = middle
    return int(low)


@kernel("void(int64[::1], int64[::1], int64, int64, int64, int64)", into_callers=True)
def _place_share(s: Any, w: Any, share: int, place: int, start: int, end: int) -> None:
    """Bring a share, which stands at a place of its resource's row, to where its start belongs."""
    resource = s[s[SHARE_RESOURCE] + share]
    first, last = s[s[SHARE_ROW] + resource], w[w[SHARES_LENGTH] + resource] - 1
    row, starts, ends, places = w[SHARES] + first, w[SHARE_STARTS] + first, w[SHARE_ENDS] + first, w[SHARE_PLACES]
    while place and w[starts + place - 1] > start:
        w[row + place], w[starts + place] = w[row + place - 1], w[starts + place - 1]
        w[ends + place], w[places + w[row + place]] = w[ends + place - 1], place
        place -= 1
    while place < last and w[starts + place + 1] < start:
        w[row + place], w[starts + place] = w[row + place + 1], w[starts + place + 1]
        w[ends + place], w[places + w[row + place]] = w[ends + place + 1], place
        place += 1
    w[row + place], w[starts + place], w[ends + place], w[places + share] = share, start, end, place
    w[w[SHARES_LONGEST] + resource] = max(w[w[SHARES_LONGEST] + resource], end - start)


@kernel("void(int64[::1], int64[::1], int64, int64, int64)")
def move_shares(s: Any, w: Any, op: int, start: int, end: int) -> None:
    """Bring an operation's shares from where its start is to where it is going to be."""
    for share in range(s[s[SHARE_AT] + op], s[s[SHARE_AT] + op + 1]):
        _place_share(s, w, share, w[w[SHARE_PLACES] + share], start, end)


@kernel("void(int64[::1], int64[::1], int64)")
def enter_shares(s: Any, w: Any, op: int) -> None:
    """Put an operation that stands somewhere now into the rows of its resources."""
    for share in range(s[s[SHARE_AT] + op], s[s[SHARE_AT] + op + 1]):
        length = w[SHARES_LENGTH] + s[s[SHARE_RESOURCE] + share]
        w[length] += 1
        _place_share(s, w, share, w[length] - 1, w[w[START] + op], w[w[END] + op])


@kernel("int64(int64[::1], int64[::1], int64, int64, int64)", into_callers=True)
def _stands_aside(s: Any, w: Any, head: int, after: int, op: int) -> int:
    """Whether an operation's units are there for a batch: it is in it, or is going to be timed after it."""
    its = w[w[HEAD] + op]
    if its == head:
        return 1
    if s[s[OP_FIXED] + op]:
        return 0
    if w[w[WAITS] + its] or its == after:
        return 1
    if s[s[OP_ORDER] + op] == s[s[OP_ORDER] + head]:
        for i in range(s[s[SUCC_AT] + head], s[s[SUCC_AT] + head + 1]):
            if s[s[SUCC_OP] + i] == op:
                return 1
    return 0


@kernel("UniTuple(int64, 2)(int64[::1], int64[::1], int64, int64, int64, int64, int64, int64, int64, int64, int64)")
def _first_room(
    s: Any, w: Any, share: int, number: int, head: int, after: int, line: int, running: int, duration: int,
    start: int, end: int,
) -> tuple[int, int]:  # fmt: skip
    """Start and end, from these on, between which so many units of a share's resource are not in use."""
    resource = s[s[SHARE_RESOURCE] + share]
    most = s[s[UNIT_AT] + resource + 1] - s[s[UNIT_AT] + resource] - number
    if most < 0:
        return NEVER, NEVER
    row, length = s[s[SHARE_ROW] + resource], w[w[SHARES_LENGTH] + resource]
    starts, ends, row = w[SHARE_STARTS] + row, w[SHARE_ENDS] + row, w[SHARES] + row
    first, last, used = w[IN_USE], w[IN_USE], 0  # what is in use, the earliest end first: end and units
    place = shares_before(s, w, share, start - w[w[SHARES_LONGEST] + resource])
    while place < length:
        begun, until, other = w[starts + place], w[ends + place], w[row + place]
        if begun >= end:
            break
        place += 1
        units = w[w[UNITS] + other]
        if until <= start or units == 0 or _stands_aside(s, w, head, after, s[s[SHARE_OP] + other]):
            continue
        instant = max(begun, start)
        while first < last and w[first] <= instant:
            used -= w[first + 1]
            first += 2
        i = last
        while i > first and w[i - 2] > until:
            w[i], w[i + 1] = w[i - 2], w[i - 1]
            i -= 2
        w[i], w[i + 1] = until, units
        last += 2
        used += units
        if used > most:
            while used > most:
                start = w[first]
                used -= w[first + 1]
                first += 2
            start, end = fit(s, line, running, duration, start)
            if start >= NEVER:
                return NEVER, NEVER
    return int(start), int(end)


@kernel("int64(int64[::1], int64[::1], int64, int64, int64)", into_callers=True)
def _needed_together(s: Any, w: Any, head: int, mode: int, resource: int) -> int:
    """How many units of a resource a batch needs, or its head alone in a mode."""
    if w[w[RING] + head] == head:
        return _needed(s, mode, resource)
    number, op = 0, head
    while True:
        number += _needed(s, w[w[MODE] + op], resource)
        op = w[w[RING] + op]
        if op == head:
            return number


@kernel("UniTuple(int64, 2)(int64[::1], int64[::1], int64, int64, int64, int64, int64, int64)")
def with_units(
    s: Any, w: Any, head: int, mode: int, after: int, running: int, duration: int, ready: int
) -> tuple[int, int]:
    """The first start at or after `ready`, and the end, that calendar and units allow a batch; NEVER if there is none.

    `mode`: of the head, if it is alone. `after`: the head of what follows on the line; it gives way.
    """
    line = s[s[MODE_LINE] + mode]
    start, end = fit(s, line, running, duration, ready)
    again = 1
    while again and start < NEVER:
        again, op = 0, head
        while True:
            for share in range(s[s[SHARE_AT] + op], s[s[SHARE_AT] + op + 1]):
                begun, number = start, _needed_together(s, w, head, mode, s[s[SHARE_RESOURCE] + share])
                if number:
                    start, end = _first_room(s, w, share, number, head, after, line, running, duration, start, end)
                if start >= NEVER:
                    return NEVER, NEVER
                if start > begun:
                    again = 1
            op = w[w[RING] + op]
            if op == head:
                break
        if s[s[SHARE_AT] + head + 1] - s[s[SHARE_AT] + head] == 1 and w[w[RING] + head] == head:
            break
    return int(start), int(end)


@kernel("UniTuple(int64, 2)(int64[::1], int64[::1], int64, int64, int64, int64)")
def fit_alone(s: Any, w: Any, op: int, mode: int, after: int, ready: int) -> tuple[int, int]:
    """As `with_units`, for an operation that is in no batch, whether units are scarce or not."""
    if s[RESOURCES]:
        return with_units(s, w, op, mode, after, s[s[OP_RUNNING] + op], s[s[MODE_TIME] + mode], ready)
    return fit(s, s[s[MODE_LINE] + mode], s[s[OP_RUNNING] + op], s[s[MODE_TIME] + mode], ready)


@kernel("int64(int64[::1], int64[::1], int64, int64)")
def user_before(s: Any, w: Any, op: int, other: int) -> int:
    """One that has units, which an operation needs, until the instant it starts; if there is none, `other`."""
    start = w[w[START] + op]
    for share in range(s[s[SHARE_AT] + op], s[s[SHARE_AT] + op + 1]):
        resource = s[s[SHARE_RESOURCE] + share]
        row, place = s[s[SHARE_ROW] + resource], shares_before(s, w, share, start) - 1
        starts, ends, row = w[SHARE_STARTS] + row, w[SHARE_ENDS] + row, w[SHARES] + row
        soonest = start - w[w[SHARES_LONGEST] + resource] if w[w[UNITS] + share] else NEVER
        while place >= 0 and w[starts + place] >= soonest:
            if w[ends + place] == start and w[w[UNITS] + w[row + place]]:
                return int(s[s[SHARE_OP] + w[row + place]])
            place -= 1
    return other
