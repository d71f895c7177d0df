"""Compiled: room for an operation in the book's words, others giving way as far as their owners were promised.

LATE of an operation is the latest instant at which it may become ready without it, or anything that waits for it on its
line or in its order, ending after its order's limit. Starts follow from sequences by maxima and monotone steps
(calendar, setup, transport), so an operation can be put between two others if and only if the second one's LATE allows
it: a look at a place takes no propagation. Every word that is changed is on the trail, so that `undo` gives it back.
"""

from __future__ import annotations

from typing import Any

from solver.native import kernel
from solver.scheduling.arrays import (
    LINE_ANY_TIME,
    LINE_FAMILIES,
    LINE_FAMILY,
    LINE_PLANT,
    LINE_SETUPS,
    LINE_UNLIMITED,
    LINES,
    SETUPS,
    WINDOW_AT,
    WINDOW_CLOSES,
    WINDOW_OPENS,
    WINDOW_UNTIL,
)
from solver.scheduling.book_words import (
    AFTER,
    BATCH,
    BEFORE,
    EARLIEST,
    END,
    FAMILY,
    FIRM,
    FLOOR,
    FREEZE,
    FRESH,
    HARD,
    HEAP,
    HEAP_CAPACITY,
    HEAP_SIZE,
    KIND,
    LATE,
    LENGTH,
    LIMIT,
    LINE,
    M_END,
    M_FAMILY,
    M_LINE,
    M_NEEDS,
    M_TIME,
    MOST,
    NEEDS,
    NOW,
    ORDER,
    PREDS,
    PUSHED,
    QUEUED,
    RESOURCE,
    ROW_CAPACITY,
    ROWS,
    RUNNING,
    SIZE,
    START,
    SUCCS,
    TIME,
    TRAIL_CAPACITY,
    TRAIL_SIZE,
    USERS,
    WALL,
)
from solver.scheduling.problem import NEVER
from solver.scheduling.timing import after_setup, arrival, fit, setup_of
from solver.scheduling.trail import (
    enqueue,
    place_from,
    place_of,
    put,
    row_in,
    row_out,
    take_next,
)

BACK = 8  # so many operations that end before an instant may be passed for the sake of a setup

# --- how early, how late ----------------------------------------------------------------------------------------------


@kernel("boolean(int64[::1], int64)", into_callers=True)
def stays(b: Any, op: int) -> bool:
    """Whether an operation may not move."""
    return bool(b[op + WALL] != 0 or (0 <= b[op + START] < b[FREEZE] and b[op + FRESH] == 0))


@kernel("int64(int64[::1], int64)", into_callers=True)
def give(b: Any, op: int) -> int:
    """The latest instant at which an operation may become ready."""
    return int(b[op + START] if stays(b, op) else b[op + LATE])


@kernel("int64(int64[::1], int64[::1], int64, int64, int64)")
def line_ready(s: Any, b: Any, line: int, before: int, family: int) -> int:
    """When a line is set up for a family after the operation `before` (0: what the line began with)."""
    if before:
        return after_setup(s, line, b[before + END], setup_of(s, line, b[before + FAMILY], family))
    setup = setup_of(s, line, s[s[LINE_FAMILY] + line], family)
    if setup == 0:
        return 0
    return after_setup(s, line, 0 if s[s[LINE_ANY_TIME] + line] else s[s[WINDOW_OPENS] + s[s[WINDOW_AT] + line]], setup)


@kernel("int64(int64[::1], int64[::1], int64, int64)")
def order_ready(s: Any, b: Any, op: int, plant: int) -> int:
    """When release, materials, now and what it waits for in its order let an operation start in a plant."""
    solid = stays(b, op)  # what stays is not asked whether it can be there beside others that stay
    ready = 0 if solid else max(b[op + EARLIEST], b[NOW])
    preds = b[op + PREDS]
    for i in range(preds + 1, preds + 1 + 2 * b[preds], 2):
        before = b[i]
        if b[before + START] >= 0 and not (solid and stays(b, before)):
            ready = max(ready, arrival(s, s[s[LINE_PLANT] + b[before + LINE]], plant, b[before + END] + b[i + 1]))
    return int(ready)


@kernel("int64(int64[::1], int64, int64, int64, int64)")
def _latest_ready(s: Any, line: int, running: int, duration: int, limit: int) -> int:
    if limit >= NEVER:
        return NEVER
    high = limit - duration
    if high < 0:
        return -1
    if fit(s, line, running, duration, high)[1] <= limit:
        return high
    low, step = high - 1, 1024
    while low >= 0 and fit(s, line, running, duration, low)[1] > limit:
        high, low, step = low, low - step, 2 * step
    low = max(low, -1)
    while low + 1 < high:
        middle = (low + high) >> 1
        if fit(s, line, running, duration, middle)[1] <= limit:
            low = middle
        else:
            high = middle
    return int(low)


@kernel("int64(int64[::1], int64, int64, int64, int64)", into_callers=True)
def latest_ready(s: Any, line: int, running: int, duration: int, limit: int) -> int:
    """The latest instant from which it is done by `limit`; -1 if there is none."""
    window, high = s[s[WINDOW_AT] + line], limit - duration
    alone = window + 1 == s[s[WINDOW_UNTIL] + line] and limit < NEVER
    if alone and s[s[WINDOW_OPENS] + window] <= high and limit <= s[s[WINDOW_CLOSES] + window]:
        return high  # most often: it is open all the time
    return int(_latest_ready(s, line, running, duration, limit))


@kernel("int64(int64[::1], int64, int64, int64)")
def _latest_end(s: Any, line: int, setup: int, limit: int) -> int:
    high = limit - setup
    if setup == 0 or limit >= NEVER or high < 0 or after_setup(s, line, high, setup) <= limit:
        return high if high >= 0 else -1
    low, step = high - 1, 1024
    while low >= 0 and after_setup(s, line, low, setup) > limit:
        high, low, step = low, low - step, 2 * step
    low = max(low, -1)
    while low + 1 < high:
        middle = (low + high) >> 1
        if after_setup(s, line, middle, setup) <= limit:
            low = middle
        else:
            high = middle
    return int(low)


@kernel("int64(int64[::1], int64, int64, int64)", into_callers=True)
def latest_end(s: Any, line: int, setup: int, limit: int) -> int:
    """The latest end after which so many seconds of setup are done by `limit`; -1 if there is none."""
    if setup == 0 or s[s[LINE_ANY_TIME] + line]:
        return int(max(-1, limit - setup))
    return int(_latest_end(s, line, setup, limit))


@kernel("int64(int64[::1], int64, int64, int64)")
def _latest_leave(s: Any, origin: int, destination: int, limit: int) -> int:
    if limit >= NEVER:
        return limit
    if arrival(s, origin, destination, limit) <= limit:
        return limit
    high, low, step = limit, limit - 1, 1
    while low >= 0 and arrival(s, origin, destination, low) > limit:
        high, low, step = low, low - step, 2 * step
    low = max(low, -1)
    while low + 1 < high:
        middle = (low + high) >> 1
        if arrival(s, origin, destination, middle) <= limit:
            low = middle
        else:
            high = middle
    return int(low)


@kernel("int64(int64[::1], int64, int64, int64)", into_callers=True)
def latest_leave(s: Any, origin: int, destination: int, limit: int) -> int:
    """The latest instant to be ready in one plant and in another one by `limit`; -1 if there is none."""
    if origin == destination:
        return limit
    return int(_latest_leave(s, origin, destination, limit))


@kernel("int64(int64[::1], int64[::1], int64, int64)")
def order_limit(s: Any, b: Any, op: int, plant: int) -> int:
    """The latest end of an operation made in a plant, by its order's limit and what waits for it in its order."""
    limit = b[b[op + ORDER] + LIMIT]
    succs = b[op + SUCCS]
    for i in range(succs + 1, succs + 1 + 2 * b[succs], 2):
        after = b[i]
        if b[after + START] >= 0:
            limit = min(limit, latest_leave(s, plant, s[s[LINE_PLANT] + b[after + LINE]], give(b, after)) - b[i + 1])
    return int(limit)


@kernel("int64(int64[::1], int64[::1], int64)")
def late_of(s: Any, b: Any, op: int) -> int:
    """LATE of an operation, by what comes after it."""
    if stays(b, op):
        return int(b[op + START])
    line = b[op + LINE]
    limit = order_limit(s, b, op, s[s[LINE_PLANT] + line])
    after = b[op + AFTER]
    if after and not s[s[LINE_UNLIMITED] + line]:
        setup = setup_of(s, line, b[op + FAMILY], b[after + FAMILY])
        limit = min(limit, latest_end(s, line, setup, give(b, after)))
    return latest_ready(s, line, b[op + RUNNING], b[op + TIME], limit)


@kernel("void(int64[::1], int64)")
def enqueue_behind(b: Any, op: int) -> None:
    """What an operation waits for, into the heap, the last one first: LATE of it is to be found anew."""
    before = b[op + BEFORE]
    if before:
        enqueue(b, before, -b[before + START])
        b[before + QUEUED] = 1
    preds = b[op + PREDS]
    for i in range(preds + 1, preds + 1 + 2 * b[preds], 2):
        before = b[i]
        if b[before + START] >= 0:
            enqueue(b, before, -b[before + START])
            b[before + QUEUED] = 1


@kernel("void(int64[::1], int64[::1], int64, int64, int64)")
def _restrict(s: Any, b: Any, op: int, limit: int, floor: int) -> None:
    """Into the heap with it if it has to end by a limit, and must become ready sooner for it than by its LATE."""
    if b[op + END] <= floor:
        return
    late = b[op + START] if stays(b, op) else latest_ready(s, b[op + LINE], b[op + RUNNING], b[op + TIME], limit)
    if late >= b[op + LATE]:
        return
    if b[op + QUEUED] == 0:
        enqueue(b, op, -b[op + START])
        b[op + QUEUED] = late + 2
    else:
        b[op + QUEUED] = min(b[op + QUEUED], late + 2)


@kernel("void(int64[::1], int64[::1], int64, int64)")
def _restrict_behind(s: Any, b: Any, op: int, floor: int) -> None:
    """`_restrict` what an operation waits for, by its LATE."""
    line, late, before = b[op + LINE], give(b, op), b[op + BEFORE]
    if before and not s[s[LINE_UNLIMITED] + line]:
        setup = setup_of(s, line, b[before + FAMILY], b[op + FAMILY])
        _restrict(s, b, before, latest_end(s, line, setup, late), floor)
    preds, plant = b[op + PREDS], s[s[LINE_PLANT] + line]
    for i in range(preds + 1, preds + 1 + 2 * b[preds], 2):
        before = b[i]
        if b[before + START] >= 0:
            leave = latest_leave(s, s[s[LINE_PLANT] + b[before + LINE]], plant, late)
            _restrict(s, b, before, leave - b[i + 1], floor)


@kernel("int64(int64[::1], int64[::1], int64)")
def relate(s: Any, b: Any, floor: int) -> int:
    """Bring LATE up to date for what is in the heap and all before it; 0 if that became too much.

    What ends by `floor` is left out: nothing will be put before it.
    """
    while b[HEAP_SIZE]:
        known = b[b[b[HEAP] + 1] + QUEUED] - 2
        op = take_next(b)
        if b[op + END] <= floor:
            continue
        late = late_of(s, b, op) if known < 0 else known
        was = b[op + LATE]
        if late == was:
            continue
        put(b, op + LATE, late)
        if late < was:
            _restrict_behind(s, b, op, floor)
        else:
            enqueue_behind(b, op)
        if b[TRAIL_SIZE] + 512 > b[TRAIL_CAPACITY] or b[HEAP_SIZE] + 512 > b[HEAP_CAPACITY]:
            return 0
    return 1


@kernel("int64(int64[::1], int64[::1], int64)")
def ready_of(s: Any, b: Any, op: int) -> int:
    """When an operation may start where it stands in the sequences."""
    line = b[op + LINE]
    ready = order_ready(s, b, op, s[s[LINE_PLANT] + line])
    before = b[op + BEFORE]
    if not s[s[LINE_UNLIMITED] + line] and not (stays(b, op) and (before == 0 or stays(b, before))):
        ready = max(ready, line_ready(s, b, line, before, b[op + FAMILY]))
    return int(ready)


@kernel("boolean(int64[::1], int64, int64)")
def postpone(b: Any, op: int, ready: int) -> bool:
    """Into the heap with it, the first one first, if it starts before it is ready; whether it may start as late."""
    if ready <= b[op + START]:
        return True
    if stays(b, op) or (ready > b[op + LATE] and b[HARD] == 0):
        return False
    if b[op + QUEUED] == 0:
        enqueue(b, op, b[op + START])
    b[op + QUEUED] = max(b[op + QUEUED], ready)
    return True


@kernel("boolean(int64[::1], int64[::1], int64)")
def postpone_next(s: Any, b: Any, op: int) -> bool:
    """`postpone` what waits for an operation, by its end."""
    line, end, solid = b[op + LINE], b[op + END], stays(b, op)
    after, plant = b[op + AFTER], s[s[LINE_PLANT] + line]
    if (
        after and not s[s[LINE_UNLIMITED] + line] and not (solid and stays(b, after))
        and not postpone(b, after, line_ready(s, b, line, op, b[after + FAMILY]))
    ):  # fmt: skip
        return False
    succs = b[op + SUCCS]
    for i in range(succs + 1, succs + 1 + 2 * b[succs], 2):
        after = b[i]
        if b[after + START] >= 0 and not (solid and stays(b, after)):
            ready = arrival(s, plant, s[s[LINE_PLANT] + b[after + LINE]], end + b[i + 1])
            if not postpone(b, after, ready):
                return False
    return True


@kernel("int64(int64[::1], int64[::1])")
def push(s: Any, b: Any) -> int:
    """Start what is in the heap, and what follows, later as it must; 0 if something may not, or too much would."""
    while b[HEAP_SIZE]:
        if b[PUSHED] + b[HEAP_SIZE] > b[MOST]:
            return 0
        ready = b[b[b[HEAP] + 1] + QUEUED]
        op = take_next(b)
        start, end = fit(s, b[op + LINE], b[op + RUNNING], b[op + TIME], ready)
        if start >= NEVER:
            return 0
        put(b, op + START, start)
        put(b, op + END, end)
        b[PUSHED] += 1
        if not postpone_next(s, b, op):
            return 0
        if b[TRAIL_SIZE] + 512 > b[TRAIL_CAPACITY] or b[HEAP_SIZE] + 512 > b[HEAP_CAPACITY]:
            return 0
    return 1


# --- places -----------------------------------------------------------------------------------------------------------


@kernel("int64(int64[::1], int64[::1], int64, int64)")
def _first_running(s: Any, b: Any, line: int, instant: int) -> int:
    """Where in the row what still runs after an instant may begin."""
    return 0 if s[s[LINE_UNLIMITED] + line] else place_from(b, line, instant)


@kernel("int64(int64[::1], int64, int64)")
def _units(b: Any, op: int, resource: int) -> int:
    """So many units of a resource an operation needs where it is."""
    needs = b[op + NEEDS]
    if needs:
        for i in range(needs + 1, needs + 1 + 2 * b[needs], 2):
            if b[i] == resource:
                return int(b[i + 1])
    return 0


@kernel("int64(int64[::1], int64[::1], int64, int64)")
def _in_use(s: Any, b: Any, resource: int, instant: int) -> int:
    used = 0
    for line in range(s[LINES]):
        if b[b[USERS] + resource * s[LINES] + line]:
            row = b[ROWS] + line * b[ROW_CAPACITY]
            for i in range(_first_running(s, b, line, instant), b[b[LENGTH] + line]):
                op = b[row + i]
                if b[op + START] > instant:
                    break
                if b[op + END] > instant:
                    used += _units(b, op, resource)
    return int(used)


@kernel("int64(int64[::1], int64[::1], int64, int64)")
def _gives_back(s: Any, b: Any, resource: int, instant: int) -> int:
    """The first end of what uses a resource at an instant."""
    soonest = NEVER
    for line in range(s[LINES]):
        if b[b[USERS] + resource * s[LINES] + line]:
            row = b[ROWS] + line * b[ROW_CAPACITY]
            for i in range(_first_running(s, b, line, instant), b[b[LENGTH] + line]):
                op = b[row + i]
                if b[op + START] > instant:
                    break
                if b[op + END] > instant and _units(b, op, resource):
                    soonest = min(soonest, b[op + END])
    return int(soonest)


@kernel("int64(int64[::1], int64[::1], int64, int64, int64, int64)")
def units_free_from(s: Any, b: Any, resource: int, number: int, start: int, end: int) -> int:
    """`start` if so many units are free in [start, end), else when one that is in the way gives its units back."""
    limit, soonest = b[b[RESOURCE] + resource] - number, NEVER
    for line in range(s[LINES]):
        if b[b[USERS] + resource * s[LINES] + line] == 0:
            continue
        row = b[ROWS] + line * b[ROW_CAPACITY]
        for i in range(_first_running(s, b, line, start), b[b[LENGTH] + line]):
            op = b[row + i]
            if b[op + START] >= end:
                break
            if b[op + END] <= start or _units(b, op, resource) == 0:
                continue
            at = max(start, b[op + START])  # use only rises where something starts
            if _in_use(s, b, resource, at) > limit:
                soonest = min(soonest, _gives_back(s, b, resource, at))
    return int(start if soonest == NEVER else soonest)


@kernel("UniTuple(int64, 2)(int64[::1], int64[::1], int64, int64, int64)")
def served(s: Any, b: Any, op: int, mode: int, ready: int) -> tuple[int, int]:
    """The first start at or after `ready` for which the calendar and the resources are there, and the end."""
    line, needs = b[mode + M_LINE], b[mode + M_NEEDS]
    while True:
        start, end = fit(s, line, b[op + RUNNING], b[mode + M_TIME], ready)
        if needs == 0 or start >= NEVER:
            return start, end
        ready = start
        for i in range(needs + 1, needs + 1 + 2 * b[needs], 2):
            ready = max(ready, units_free_from(s, b, b[i], b[i + 1], start, end))
        if ready == start:
            return start, end
        if ready >= NEVER:
            return NEVER, NEVER


@kernel("int64(int64[::1], int64[::1], int64, int64, int64, int64)")
def _joins(s: Any, b: Any, op: int, mode: int, place: int, ready: int) -> int:
    """Whether an operation may go into the batch that begins at a place of an oven's row: the place behind it, or 0."""
    line = b[mode + M_LINE]
    row, length = b[ROWS] + line * b[ROW_CAPACITY], b[b[LENGTH] + line]
    first = b[row + place]
    start, end = b[first + START], b[first + END]
    if start < ready or b[op + KIND] == 0:
        return 0
    filled, fits, i = b[op + SIZE], 0, place
    while i < length and b[b[row + i] + START] == start and b[b[row + i] + END] == end:
        other = b[row + i]
        filled += b[other + SIZE]
        # the end stays, so it must be right for this one too: it is no longer and runs as the others do
        if b[other + KIND] != b[op + KIND] or b[other + RUNNING] != b[op + RUNNING]:
            return 0
        fits |= b[other + TIME] >= b[mode + M_TIME]
        i += 1
    if filled > b[b[BATCH] + line] or not fits:
        return 0
    needs = b[mode + M_NEEDS]
    if needs:
        for k in range(needs + 1, needs + 1 + 2 * b[needs], 2):
            if units_free_from(s, b, b[k], b[k + 1], start, end) != start:
                return 0
    return int(i)


@kernel("UniTuple(int64, 3)(int64[::1], int64, int64, int64)")
def first_place(b: Any, op: int, line: int, ready: int) -> tuple[int, int, int]:
    """The first place in a line's row to look at, when all before it have ended, and when what waits for it starts."""
    row, oven = b[ROWS] + line * b[ROW_CAPACITY], b[b[BATCH] + line]
    roof, succs = NEVER, b[op + SUCCS]
    for i in range(succs + 1, succs + 1 + 2 * b[succs], 2):
        if b[b[i] + START] >= 0:
            roof = min(roof, b[b[i] + (START if b[b[i] + LINE] == line else END)])
    place, back, preds, floor, solid = place_from(b, line, ready), BACK, b[op + PREDS], b[FLOOR] or -1, 0
    for i in range(preds + 1, preds + 1 + 2 * b[preds], 2):
        floor = max(floor, b[b[i] + (END if b[b[i] + LINE] == line else START)])
    # Before what ends sooner, too: its setup may be the longer one. It must not be what this waits for.
    while place and back and not oven and b[b[row + place - 1] + END] > floor and not stays(b, b[row + place - 1]):
        place, back = place - 1, back - 1
    for i in range(max(0, place - 4), place):  # facts may overlap
        solid = max(solid, b[b[row + i] + END])
    return int(place), int(solid), int(roof)


@kernel("UniTuple(int64, 2)(int64[::1], int64[::1], int64, int64, int64, int64)")
def best_place(s: Any, b: Any, op: int, mode: int, ready: int, limit: int) -> tuple[int, int]:
    """The earliest end (at most `limit`) of an operation that is on no line now, and its place in the mode's row.

    What stands behind gives way as far as its LATE. It never comes behind what waits for it. NEVER where there is none.
    """
    line, time, family = b[mode + M_LINE], b[mode + M_TIME], b[mode + M_FAMILY]
    if s[s[LINE_UNLIMITED] + line]:
        end = served(s, b, op, mode, ready)[1]
        return (end, 0) if end <= limit else (NEVER, 0)
    row, length = b[ROWS] + line * b[ROW_CAPACITY], b[b[LENGTH] + line]
    best, best_at, oven = NEVER, 0, b[b[BATCH] + line]
    families, setups = s[s[LINE_FAMILIES] + line], s[SETUPS] + s[s[LINE_SETUPS] + line]
    place, solid, roof = first_place(b, op, line, ready)
    soonest, setup = max(ready, solid), 0
    while place <= length:
        before = b[row + place - 1] if place else 0
        after = b[row + place] if place < length else 0
        if before:
            soonest = max(soonest, b[before + END])
            if soonest + time >= min(best, limit + 1) or b[before + START] >= roof:
                break
        if after and not oven and soonest + time > give(b, after):
            place += 1
            continue
        free = soonest
        if families > 1:
            setup = s[setups + family * families + b[after + FAMILY]] if after else 0
            if before:
                free = max(free, b[before + END] + s[setups + b[before + FAMILY] * families + family])
        if free + time < best and (after == 0 or free + time + setup <= give(b, after)):
            free = max(soonest, line_ready(s, b, line, before, family))
            end = fit(s, line, b[op + RUNNING], time, free)[1]
            if end < best and end <= limit and (after == 0 or after_setup(s, line, end, setup) <= give(b, after)):
                if b[mode + M_NEEDS]:
                    end = served(s, b, op, mode, free)[1]
                if end < best and end <= limit and (after == 0 or after_setup(s, line, end, setup) <= give(b, after)):
                    best, best_at = end, place
        if oven and after and b[after + END] < best and b[after + END] <= limit:
            behind = _joins(s, b, op, mode, place, ready)
            if behind:
                best, best_at = b[after + END], behind
        place += 1
        while oven and 0 < place < length and b[b[row + place] + START] == b[b[row + place - 1] + START]:
            place += 1  # a batch is one thing
    return best, best_at


# --- an operation comes, an operation goes ----------------------------------------------------------------------------


@kernel("int64(int64[::1], int64[::1], int64, int64)")
def take_out(s: Any, b: Any, op: int, floor: int) -> int:
    """Take an operation off its line (its order's others stay); 0 if what was behind may not give way to a setup.

    `floor`: nothing will be put in that starts earlier, as long as this is not undone.
    """
    after, behind = b[op + AFTER], b[op + BEFORE]
    if not s[s[LINE_UNLIMITED] + b[op + LINE]] or b[op + NEEDS]:
        row_out(b, op, place_of(b, op))
    preds = b[op + PREDS]
    for i in range(preds + 1, preds + 1 + 2 * b[preds], 2):
        if b[b[i] + START] >= 0:
            enqueue(b, b[i], -b[b[i] + START])
    put(b, op + START, -1)
    if b[op + FRESH]:
        put(b, op + WALL, 0)
    if behind:
        enqueue(b, behind, -b[behind + START])
    if floor > b[FLOOR]:
        put(b, FLOOR, floor)
    if not relate(s, b, floor):
        return 0
    if after and not postpone(b, after, ready_of(s, b, after)):
        return 0
    return push(s, b)


@kernel("int64(int64[::1], int64[::1], int64, int64, int64, int64)")
def put_in(s: Any, b: Any, op: int, mode: int, place: int, floor: int) -> int:
    """Put an operation on the mode's line with so many before it, all behind giving way; 0 if they may not.

    `floor`: as in `take_out`.
    The mode's earliest end there must have been found by `best_place`.
    """
    line = b[mode + M_LINE]
    if b[b[LENGTH] + line] + 1 >= b[ROW_CAPACITY]:
        return 0
    row = b[ROWS] + line * b[ROW_CAPACITY]
    ready = order_ready(s, b, op, s[s[LINE_PLANT] + line])
    unlimited = s[s[LINE_UNLIMITED] + line]
    before = b[row + place - 1] if place else 0
    start, end = NEVER, NEVER
    beside = b[b[BATCH] + line] and before and b[before + START] >= ready and b[before + KIND] == b[op + KIND] != 0
    if beside and b[before + END] == b[mode + M_END]:
        start, end = b[before + START], b[before + END]
    if start == NEVER:
        if not unlimited:
            ready = max(ready, line_ready(s, b, line, before, b[mode + M_FAMILY]))
            for i in range(max(0, place - 4), place):
                ready = max(ready, b[b[row + i] + END])
        start, end = served(s, b, op, mode, ready)
    if start >= NEVER:
        return 0
    put(b, op + LINE, line)
    put(b, op + TIME, b[mode + M_TIME])
    put(b, op + FAMILY, b[mode + M_FAMILY])
    put(b, op + NEEDS, b[mode + M_NEEDS])
    put(b, op + START, start)
    put(b, op + END, end)
    if not unlimited:
        row_in(b, op, place)
    elif b[mode + M_NEEDS]:
        place = 0
        while place < b[b[LENGTH] + line] and b[b[row + place] + START] < start:
            place += 1
        row_in(b, op, place)
    if b[mode + M_NEEDS] or b[b[BATCH] + line] or (b[FIRM] and b[op + FRESH]):  # resources and batches do not give way
        put(b, op + WALL, 1)
    put(b, op + LATE, late_of(s, b, op))
    if ready > b[op + LATE]:
        return 0
    enqueue_behind(b, op)
    if floor > b[FLOOR]:
        put(b, FLOOR, floor)
    if not relate(s, b, floor):
        return 0
    return push(s, b) if postpone_next(s, b, op) else 0
