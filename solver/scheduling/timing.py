"""Compiled: when may an operation start and when does it end, on the calendars, setups and transports of `arrays`."""

from __future__ import annotations

from typing import Any

from solver.native import kernel
from solver.scheduling.arrays import (
    BREAKS,
    DEPARTURE_AT,
    DEPARTURE_TABLE,
    DEPARTURES,
    LINE_ANY_TIME,
    LINE_FAMILIES,
    LINE_SETUPS,
    PAUSES,
    PLANTS,
    SETUPS,
    TABLES,
    TRANSPORT,
    WHOLE,
    WINDOW_AT,
    WINDOW_BEFORE,
    WINDOW_CLOSES,
    WINDOW_OPENS,
    WINDOW_SHIFT,
    WINDOW_TABLE,
    WINDOW_UNTIL,
)
from solver.scheduling.problem import NEVER


@kernel("int64(int64[::1], int64, int64, int64)", into_callers=True)
def first_after(s: Any, table: int, instants: int, instant: int) -> int:
    """The first of a table's instants that is after `instant`, one past the last if none is; they begin at `instants`.

    The table says between which ones it is, by the step of time in which `instant` lies; most often that is enough.
    """
    table += s[TABLES]
    place = table + 2 + min(max(0, instant >> s[table]), s[table + 1])
    low, high = s[place], s[place + 1]
    while low < high:
        middle = (low + high) >> 1
        if s[instants + middle] > instant:
            high = middle
        else:
            low = middle + 1
    return int(low)


@kernel("int64(int64[::1], int64, int64)")
def window_at(s: Any, line: int, instant: int) -> int:
    """The first window of the line that closes after `instant`; one past the last if none does."""
    return int(first_after(s, s[s[WINDOW_TABLE] + line], s[WINDOW_CLOSES], instant))


@kernel("int64(int64[::1], int64, int64, int64)")
def _done(s: Any, line: int, window: int, work: int) -> int:
    """The instant at which so much working time (> what is before `window`) is done; NEVER beyond the windows."""
    opens, closes, before = s[WINDOW_OPENS], s[WINDOW_CLOSES], s[WINDOW_BEFORE]
    low, high, until, step = window, window, s[s[WINDOW_UNTIL] + line], 1
    while high < until and s[before + high] + s[closes + high] - s[opens + high] < work:
        low = high + 1  # most often it is done in one of the next windows
        high = min(until, high + step)
        step *= 2
    while low < high:  # the first window until whose end it is done
        middle = (low + high) >> 1
        if s[before + middle] + s[closes + middle] - s[opens + middle] >= work:
            high = middle
        else:
            low = middle + 1
    if low == until:
        return NEVER
    return int(s[opens + low] + work - s[before + low])


@kernel("UniTuple(int64, 2)(int64[::1], int64, int64, int64, int64)")
def fit(s: Any, line: int, running: int, duration: int, ready: int) -> tuple[int, int]:
    """The first start at or after `ready` that the calendar allows, and the end; NEVER where there is none."""
    opens, closes = s[WINDOW_OPENS], s[WINDOW_CLOSES]
    i, beyond = s[s[WINDOW_AT] + line], s[s[WINDOW_UNTIL] + line]
    if i + 1 == beyond:
        start = max(ready, s[opens + i])
        if start + duration <= s[closes + i] or (running > WHOLE and start < s[closes + i]):
            return start, start + duration
        return NEVER, NEVER
    i = window_at(s, line, ready)
    if i == beyond:
        return NEVER, NEVER
    start = max(ready, s[opens + i])
    if start + duration <= s[closes + i]:
        return start, start + duration
    if running == PAUSES:
        end = _done(s, line, i, s[s[WINDOW_BEFORE] + i] + start - s[opens + i] + duration)
        return (start, end) if end < NEVER else (NEVER, NEVER)
    if running == WHOLE:
        i += 1
        while i < beyond and s[closes + i] - s[opens + i] < duration:
            i += 1
        return (s[opens + i], s[opens + i] + duration) if i < beyond else (NEVER, NEVER)
    if running == BREAKS:
        before = s[WINDOW_BEFORE]
        while i < beyond:
            last = s[s[WINDOW_SHIFT] + i]
            work = s[before + i] + start - s[opens + i] + duration
            if work <= s[before + last] + s[closes + last] - s[opens + last]:
                return start, _done(s, line, i, work)
            i = last + 1
            start = s[opens + i] if i < beyond else NEVER
        return NEVER, NEVER
    return start, start + duration


@kernel("int64(int64, int64)", into_callers=True)
def together(one: int, other: int) -> int:
    """How a batch runs whose members run so: what one of them may not, it may not."""
    if one == other or other < 0:
        return one
    return WHOLE if one > WHOLE or other > WHOLE else max(one, other)


@kernel("int64(int64[::1], int64, int64, int64)")
def setup_of(s: Any, line: int, before: int, after: int) -> int:
    """Seconds between two of the line's families."""
    size = s[s[LINE_FAMILIES] + line]
    if size == 1:
        return 0
    return int(s[s[SETUPS] + s[s[LINE_SETUPS] + line] + before * size + after])


@kernel("int64(int64[::1], int64, int64, int64)")
def after_setup(s: Any, line: int, end: int, setup: int) -> int:
    """The first instant at which so many seconds of setup after `end` are done."""
    if setup == 0 or s[s[LINE_ANY_TIME] + line]:
        return end + setup
    i, beyond = s[s[WINDOW_AT] + line], s[s[WINDOW_UNTIL] + line]
    if i + 1 < beyond or end >= s[s[WINDOW_CLOSES] + i]:
        i = window_at(s, line, end)
    if i == beyond:
        return NEVER
    start = max(end, s[s[WINDOW_OPENS] + i])
    if start + setup <= s[s[WINDOW_CLOSES] + i]:
        return int(start + setup)
    return _done(s, line, i, s[s[WINDOW_BEFORE] + i] + start - s[s[WINDOW_OPENS] + i] + setup)


@kernel("int64(int64[::1], int64, int64, int64)")
def arrival(s: Any, origin: int, destination: int, ready: int) -> int:
    """When what is ready in one plant then is in another one; NEVER if it cannot be."""
    if origin == destination:
        return ready
    pair = origin * s[PLANTS] + destination
    low, high = s[s[DEPARTURE_AT] + pair], s[s[DEPARTURE_AT] + pair + 1]
    if low == high:
        return int(min(NEVER, ready + s[s[TRANSPORT] + pair]))
    i = first_after(s, s[s[DEPARTURE_TABLE] + pair], s[DEPARTURES], ready - 1)
    return int(s[s[DEPARTURES] + i] + s[s[TRANSPORT] + pair]) if i < high else NEVER


@kernel("int64(int64[::1], int64, int64, int64)")
def ready_by(s: Any, origin: int, destination: int, instant: int) -> int:
    """By when something is ready in one plant that is in another one by `instant`; before time if it cannot be."""
    if origin == destination:
        return instant
    pair = origin * s[PLANTS] + destination
    low, left = s[s[DEPARTURE_AT] + pair], instant - s[s[TRANSPORT] + pair]
    if low == s[s[DEPARTURE_AT] + pair + 1]:
        return int(left)
    i = first_after(s, s[s[DEPARTURE_TABLE] + pair], s[DEPARTURES], left)
    return int(s[s[DEPARTURES] + i - 1]) if i > low else -NEVER
