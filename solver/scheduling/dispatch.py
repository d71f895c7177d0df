"""A first schedule at once: list scheduling by several rules on the compiled arrays; of all passes the best.

Time goes by; whenever a line is free and open, the operation with the greatest index of those that wait for it begins
there, of several lines and operations the best pair. The index is that of ATCS, its logarithm:
    worth * log(weight / duration) - slack / (look-ahead * mean duration) - setup / (share * mean setup)
Source: Lee, Bhaskaran and Pinedo, A heuristic to minimize the total weighted tardiness with sequence-dependent setups,
IIE Transactions 29 (1997).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, log
from typing import Any

import numpy as np

from solver.native import kernel
from solver.scheduling import state
from solver.scheduling.arrays import (
    LINE_BATCH,
    LINE_FAMILIES,
    LINE_PLANT,
    LINE_SETUPS,
    LINE_UNLIMITED,
    LINES,
    LONGEST,
    MODE_AT,
    MODE_FAMILY,
    MODE_LINE,
    MODE_TIME,
    NEED_AT,
    NEED_RESOURCE,
    OP_EARLIEST,
    OP_FAMILY,
    OP_FIXED,
    OP_ORDER,
    OP_RUNNING,
    OP_SIZE,
    OPERATIONS,
    ORDER_AT,
    ORDER_DUE,
    ORDER_PROMISE,
    ORDER_WEIGHT,
    ORDERS,
    PLANTS,
    PRED_AT,
    PRED_OP,
    PRED_WAIT,
    RESOURCES,
    SUCC_AT,
    SUCC_OP,
    UNIT_AT,
    WINDOW_AT,
    WINDOW_BEFORE,
    WINDOW_CLOSES,
    WINDOW_OPENS,
    WINDOW_UNTIL,
    Arrays,
    Words,
    arrays_of,
    earliest_of,
)
from solver.scheduling.arrays import SETUPS as SETUP_TABLES
from solver.scheduling.campaigns import campaigns, has_families
from solver.scheduling.check import violations
from solver.scheduling.conveyor import FAILED as FAILED_ORDER
from solver.scheduling.conveyor import TOO_MUCH, Conveyor
from solver.scheduling.problem import (
    NEVER,
    LineId,
    OperationId,
    RouteId,
    SchedulingProblem,
    WorkOrderId,
)
from solver.scheduling.queues import (
    ACTIVE,
    ACTIVE_COUNT,
    ASLEEP,
    BUCKET_AT,
    CHOICE,
    CHOICE_END,
    CHOICE_INDEX,
    CHOICE_START,
    END,
    EVENT_TIME,
    EVENTS,
    FAILED,
    FAMILY,
    FREE,
    IS_ACTIVE,
    LATEST,
    LOOK_AHEAD,
    MISSING,
    MODE,
    MODE_OP,
    NONE,
    OPEN,
    PER_SETUP,
    PER_SLACK,
    RESERVED,
    RESERVED_AT,
    SATURATES,
    SETUP_WEIGHT,
    SETUPS,
    START,
    TRIES,
    UNIT_FREE,
    UNKNOWN,
    WALL,
    WALL_AT,
    WALLS,
    WORTH,
    WORTH_WEIGHT,
    Reals,
    expect,
    most_urgent,
    next_event,
    offer,
    open_from,
    queues_of,
    top_of,
    withdraw,
)
from solver.scheduling.schedule import PROMISES_FIRST, Objective, Part, Schedule, evaluate
from solver.scheduling.sequences import settle, work_of
from solver.scheduling.timing import after_setup, arrival, fit, setup_of, together

PROMISED = 4.0  # how much dearer lateness is for an order whose date was promised
PINNED = 100.0  # and for what a fixed operation waits for


@dataclass(frozen=True, slots=True)
class Rule:
    """What a pass goes by: the index's `worth`, look-ahead and share (inf: the term does not count).

    `saturates`: an operation without slack does not become more urgent when it is later still.
    """

    worth: float
    look_ahead: float
    share: float
    saturates: bool = True


ATCS = tuple(Rule(1.0, k1, k2) for k1 in (0.5, 1.0, 2.0, 4.0, 8.0) for k2 in (0.05, 0.1, 0.2, 0.4, 0.8))
BY_DATE = tuple(Rule(0.0, 1.0, share, saturates=False) for share in (inf, 0.4, 0.05))
RULES = ATCS + BY_DATE
# Where a pass takes long: the settings that were best on shops and planted optima of 1,000 to 10,000 orders, and one by
# date. What the others would take is better spent on searching.
LARGE = 20_000  # operations
RULES_OF_LARGE = (*(Rule(1.0, k1, k2) for k1 in (2.0, 4.0, 8.0) for k2 in (0.2, 0.4)), BY_DATE[1])
BATCH_TRIES = 32  # so many are asked whether they fit into a batch
TRIED = 16  # ways to lay campaigns where nothing but the end of all counts
FEW = 5  # rules that are tried again when materials are reserved in another order


class Unplaceable(Exception):
    """An order cannot be made before the lines' windows end, or its material never comes."""

    def __init__(self, order: WorkOrderId, operation: OperationId) -> None:
        super().__init__(f"{order}: no room for {operation} before the windows end.")
        self.order = order
        self.operation = operation


@dataclass(frozen=True, slots=True)
class Dispatched:
    """The best pass: columns by operation, the figure of each part, and the rules, those that did best first."""

    mode: Words
    start: Words
    end: Words
    figures: tuple[int, ...]  # in the order of FIGURES
    rules: tuple[Rule, ...]


FIGURES = (Part.BROKEN, Part.OVER, Part.TARDINESS, Part.MAKESPAN, Part.SETUP, Part.FLOW)


# --- what the index is made of ----------------------------------------------------------------------------------------


@kernel("float64(int64[::1], int64)")
def _stretch(s: Any, line: int) -> float:
    """Seconds of any time for a second of the line's working time."""
    first, last = s[s[WINDOW_AT] + line], s[s[WINDOW_UNTIL] + line] - 1
    closes, opens, before = s[WINDOW_CLOSES], s[WINDOW_OPENS], s[WINDOW_BEFORE]
    work = s[before + last] + s[closes + last] - s[opens + last]
    return float((s[closes + last] - s[opens + first]) / work)


@kernel("void(int64[::1], float64[::1], int64[::1])")
def _means(s: Any, f: Any, modes: Any) -> None:
    """One over the mean duration and over the mean of the setups that are not 0, of each line."""
    for line in range(s[LINES]):
        table, size = s[SETUP_TABLES] + s[s[LINE_SETUPS] + line], s[s[LINE_FAMILIES] + line]
        total, count = 0.0, 0
        for i in range(size * size):
            if s[table + i] > 0:
                total += s[table + i]
                count += 1
        f[int(f[PER_SETUP]) + line] = count / total if count else 0.0
        f[int(f[PER_SLACK]) + line] = 0.0
        modes[line] = 0
    for mode in range(s[s[MODE_AT] + s[OPERATIONS]]):
        line = s[s[MODE_LINE] + mode]
        modes[line] += 1
        f[int(f[PER_SLACK]) + line] += s[s[MODE_TIME] + mode]
    for line in range(s[LINES]):
        if modes[line]:
            f[int(f[PER_SLACK]) + line] = modes[line] / (f[int(f[PER_SLACK]) + line] * _stretch(s, line))


@kernel("int64(int64[::1], int64[::1], int64)")
def _left_out(s: Any, d: Any, op: int) -> int:
    """Whether an operation is on a route that is not taken: it counts as placed, in no mode."""
    return 1 if d[d[MODE] + op] < 0 and d[d[START] + op] >= 0 else 0


@kernel("int64(int64[::1], int64[::1], float64[::1], int64, int64)")
def _leads_on(s: Any, d: Any, f: Any, op: int, mode: int) -> int:
    """Whether all that comes after an operation can be reached from the plant of this mode."""
    plant = s[s[LINE_PLANT] + s[s[MODE_LINE] + mode]]
    for i in range(s[s[SUCC_AT] + op], s[s[SUCC_AT] + op + 1]):
        after, reached = s[s[SUCC_OP] + i], 0
        if _left_out(s, d, after):
            continue
        first, last = s[s[MODE_AT] + after], s[s[MODE_AT] + after + 1]
        if s[s[OP_FIXED] + after]:
            first = d[d[MODE] + after]
            last = first + 1
        for other in range(first, last):
            there = s[s[LINE_PLANT] + s[s[MODE_LINE] + other]]
            if f[int(f[WORTH]) + other] > -inf and arrival(s, plant, there, 0) < NEVER:
                reached = 1
                break
        if not reached:
            return 0
    return 1


@kernel("void(int64[::1], int64[::1], float64[::1], float64[::1], float64[::1])", allocates=True)
def _weigh(s: Any, d: Any, f: Any, deadline: Any, weight: Any) -> None:
    """Latest start and log(weight / duration) of everything, from each order's deadline and weight.

    A latest start leaves room for the shortest way to the end. Where its plant leads nowhere a mode's worth is -inf.
    """
    latest, urgent = int(f[LATEST]), np.zeros(s[OPERATIONS])
    for op in range(s[OPERATIONS] - 1, -1, -1):
        order = s[s[OP_ORDER] + op]
        limit, urgent[op] = deadline[order], 1.0
        for i in range(s[s[SUCC_AT] + op], s[s[SUCC_AT] + op + 1]):
            after = s[s[SUCC_OP] + i]
            if _left_out(s, d, after):
                continue
            wait = 0
            for k in range(s[s[PRED_AT] + after], s[s[PRED_AT] + after + 1]):
                if s[s[PRED_OP] + k] == op:
                    wait = max(wait, s[s[PRED_WAIT] + k])
            limit = min(limit, f[latest + after] - wait)
            urgent[op] = max(urgent[op], PINNED if s[s[OP_FIXED] + after] else urgent[after])
        shortest = inf
        for mode in range(s[s[MODE_AT] + op], s[s[MODE_AT] + op + 1]):
            duration = s[s[MODE_TIME] + mode] * _stretch(s, s[s[MODE_LINE] + mode])
            shortest = min(shortest, duration)
            f[int(f[WORTH]) + mode] = log(max(weight[order], 1e-3) * urgent[op] / s[s[MODE_TIME] + mode])
            if s[PLANTS] > 1 and not _leads_on(s, d, f, op, mode):
                f[int(f[WORTH]) + mode] = -inf
        f[latest + op] = d[d[START] + op] if s[s[OP_FIXED] + op] else limit - shortest


# --- a pass -----------------------------------------------------------------------------------------------------------


@kernel("void(int64[::1], int64[::1], int64)")
def _activate(s: Any, d: Any, line: int) -> None:
    """The line is to be asked what it begins now."""
    d[d[CHOICE] + line] = UNKNOWN
    if not d[d[IS_ACTIVE] + line]:
        d[d[IS_ACTIVE] + line] = 1
        d[d[ACTIVE] + d[ACTIVE_COUNT]] = line
        d[ACTIVE_COUNT] += 1


@kernel("void(int64[::1], float64[::1], int64)")
def _drop(d: Any, f: Any, mode: int) -> None:
    """An operation cannot be placed in this mode any more."""
    op = d[d[MODE_OP] + mode]
    d[d[OPEN] + op] -= 1
    if d[d[OPEN] + op] == 0 and d[d[START] + op] < 0:
        d[FAILED] = op


@kernel("void(int64[::1], int64[::1], float64[::1], int64)")
def _release(s: Any, d: Any, f: Any, op: int) -> None:
    """All that an operation waits for is placed: its modes are expected."""
    first, last = s[s[MODE_AT] + op], s[s[MODE_AT] + op + 1]
    d[d[OPEN] + op] = last - first
    for mode in range(first, last):
        plant, ready = s[s[LINE_PLANT] + s[s[MODE_LINE] + mode]], s[s[OP_EARLIEST] + op]
        for i in range(s[s[PRED_AT] + op], s[s[PRED_AT] + op + 1]):
            before = s[s[PRED_OP] + i]
            if _left_out(s, d, before):
                continue
            origin = s[s[LINE_PLANT] + s[s[MODE_LINE] + d[d[MODE] + before]]]
            ready = max(ready, arrival(s, origin, plant, d[d[END] + before] + s[s[PRED_WAIT] + i]))
        if ready < NEVER and f[int(f[WORTH]) + mode] > -inf:
            expect(d, ready, mode)
        else:
            _drop(d, f, mode)


@kernel("int64(int64[::1], int64[::1], int64, int64)")
def _free_from(s: Any, d: Any, line: int, now: int) -> int:
    """When the line is free, now that what is fixed on it has begun by then."""
    while d[d[WALL] + line] < d[d[WALL_AT] + line + 1]:
        op = d[d[WALLS] + d[d[WALL] + line]]
        if d[d[START] + op] > now:
            break
        family = s[s[MODE_FAMILY] + d[d[MODE] + op]]
        d[SETUPS] += setup_of(s, line, d[d[FAMILY] + line], family)
        d[d[FREE] + line] = max(d[d[FREE] + line], d[d[END] + op])
        d[d[FAMILY] + line] = family
        d[d[WALL] + line] += 1
    return int(d[d[FREE] + line])


@kernel("int64(int64[::1], int64[::1], int64, int64, int64)")
def _wall_after(s: Any, d: Any, line: int, family: int, end: int) -> int:
    """The fixed operation that comes next on a line if this end is too late for it, or -1."""
    wall = d[d[WALL] + line]
    if wall == d[d[WALL_AT] + line + 1]:
        return -1
    op = d[d[WALLS] + wall]
    setup = setup_of(s, line, family, s[s[MODE_FAMILY] + d[d[MODE] + op]])
    return int(op) if after_setup(s, line, end, setup) > d[d[START] + op] else -1


@kernel("int64(int64[::1], int64[::1], int64, int64, int64)")
def _missing_units(s: Any, d: Any, mode: int, start: int, end: int) -> int:
    """0 if there are the units that a mode needs from start to end; otherwise the next instant (> start) to ask again.

    All that is fixed in this time counts, as if it was at once.
    """
    need, last = s[s[NEED_AT] + mode], s[s[NEED_AT] + mode + 1]
    while need < last:
        resource, free, again = s[s[NEED_RESOURCE] + need], 0, NEVER
        for unit in range(s[s[UNIT_AT] + resource], s[s[UNIT_AT] + resource + 1]):
            if d[d[UNIT_FREE] + unit] <= start:
                free += 1
            else:
                again = min(again, d[d[UNIT_FREE] + unit])
        for i in range(d[RESERVED] + d[d[RESERVED_AT] + resource], d[RESERVED] + d[d[RESERVED_AT] + resource + 1], 3):
            if d[i] < end and d[i + 1] > start:
                free -= d[i + 2]
                again = min(again, d[i + 1])
        while need < last and s[s[NEED_RESOURCE] + need] == resource:
            free -= 1
            need += 1
        if free < 0:
            return int(again)
    return 0


@kernel("void(int64[::1], int64[::1], int64, int64, int64)")
def _take_units(s: Any, d: Any, mode: int, start: int, end: int) -> None:
    """Take the units that a mode needs until its end, of those that are free those that are so last."""
    for need in range(s[s[NEED_AT] + mode], s[s[NEED_AT] + mode + 1]):
        resource, chosen = s[s[NEED_RESOURCE] + need], -1
        for unit in range(s[s[UNIT_AT] + resource], s[s[UNIT_AT] + resource + 1]):
            free = d[d[UNIT_FREE] + unit]
            if free <= start and (chosen < 0 or free > d[d[UNIT_FREE] + chosen]):
                chosen = unit
        d[d[UNIT_FREE] + chosen] = end


@kernel("UniTuple(int64, 2)(int64[::1], int64[::1], int64, int64)")
def _times(s: Any, d: Any, mode: int, now: int) -> tuple[int, int]:
    """Start and end of a mode that begins on its free line now; (-1, when to ask again) if it has to wait."""
    line, family = s[s[MODE_LINE] + mode], s[s[MODE_FAMILY] + mode]
    running, duration = s[s[OP_RUNNING] + d[d[MODE_OP] + mode]], s[s[MODE_TIME] + mode]
    if s[s[LINE_UNLIMITED] + line]:
        start, end = fit(s, line, running, duration, now)
        if start == now and s[RESOURCES]:
            again = _missing_units(s, d, mode, start, end)
            if again:
                return -1, again
        return (start, end) if start == now else (-1, start)
    ready = after_setup(s, line, d[d[FREE] + line], setup_of(s, line, d[d[FAMILY] + line], family))
    ready = max(ready, now)
    start, end = fit(s, line, running, duration, ready)
    if start > ready or start >= NEVER:  # something shorter may fit in before
        return -1, start
    wall = _wall_after(s, d, line, family, end)
    if wall >= 0:
        return -1, max(now + 1, d[d[END] + wall])
    if s[RESOURCES]:
        again = _missing_units(s, d, mode, start, end)
        if again:
            return -1, again
    return start, end


@kernel("void(int64[::1], int64[::1], float64[::1], int64, int64)")
def _choose(s: Any, d: Any, f: Any, line: int, now: int) -> None:
    """What a line would begin now: CHOICE and its times and index."""
    d[d[CHOICE] + line] = NONE
    wake = NEVER
    if not s[s[LINE_UNLIMITED] + line]:
        free = _free_from(s, d, line, now)
        if free > now:
            expect(d, free, -1 - line)
            return
    for _ in range(TRIES):
        mode, top = most_urgent(s, d, f, line, now)
        if mode < 0:
            return
        start, end = _times(s, d, mode, now)
        if start >= 0:
            d[d[CHOICE] + line] = mode
            d[d[CHOICE_START] + line], d[d[CHOICE_END] + line] = start, end
            return
        withdraw(d, f, top)
        if end >= NEVER:
            _drop(d, f, mode)
        else:
            expect(d, end, mode)
            wake = min(wake, end)
    if wake < NEVER:
        d[d[ASLEEP] + line] = wake
        expect(d, wake, -1 - line)
    else:
        d[d[CHOICE] + line] = UNKNOWN  # all that was tried is too late for this line: go on


@kernel("void(int64[::1], int64[::1], float64[::1], int64)")
def _followed(s: Any, d: Any, f: Any, op: int) -> None:
    """An operation is placed: what waited for it alone is released."""
    for i in range(s[s[SUCC_AT] + op], s[s[SUCC_AT] + op + 1]):
        after = s[s[SUCC_OP] + i]
        if not s[s[OP_FIXED] + after]:
            d[d[MISSING] + after] -= 1
            if d[d[MISSING] + after] == 0:
                _release(s, d, f, after)


@kernel("void(int64[::1], int64[::1], float64[::1], int64, int64)", allocates=True)
def _fill_batch(s: Any, d: Any, f: Any, line: int, now: int) -> None:
    """Take into the oven, with what begins there, what else waits for it and fits in; the longest says when it ends."""
    mode = d[d[CHOICE] + line]
    op = d[d[MODE_OP] + mode]
    start, end = d[d[START] + op], d[d[END] + op]
    family, room = s[s[OP_FAMILY] + op], s[s[LINE_BATCH] + line] - s[s[OP_SIZE] + op]
    running, duration = s[s[OP_RUNNING] + op], s[s[MODE_TIME] + mode]
    needs = s[s[NEED_AT] + mode + 1] > s[s[NEED_AT] + mode]
    bucket, pace = d[d[BUCKET_AT] + line] + s[s[MODE_FAMILY] + mode], f[LOOK_AHEAD] * f[int(f[PER_SLACK]) + line]
    members, refused = np.empty(BATCH_TRIES + 1, np.int64), np.empty(BATCH_TRIES, np.int64)
    members[0] = op
    size, refusals = 1, 0
    while room > 0 and family > 0 and size + refusals < BATCH_TRIES:
        mode, top = top_of(d, f, bucket, pace, now)
        if mode < 0:
            break
        withdraw(d, f, top)
        op = d[d[MODE_OP] + mode]
        runs, longest = together(s[s[OP_RUNNING] + op], running), max(duration, s[s[MODE_TIME] + mode])
        begins, ends = fit(s, line, runs, longest, start)
        needs = needs or s[s[NEED_AT] + mode + 1] > s[s[NEED_AT] + mode]
        fits = s[s[OP_FAMILY] + op] == family and s[s[OP_SIZE] + op] <= room and begins == start
        if fits and ends != end:
            fits = not needs and _wall_after(s, d, line, s[s[MODE_FAMILY] + mode], ends) < 0
        if fits and s[RESOURCES]:
            fits = _missing_units(s, d, mode, start, ends) == 0
        if not fits:
            refused[refusals] = mode
            refusals += 1
            continue
        members[size] = op
        size, room, running, duration, end = size + 1, room - s[s[OP_SIZE] + op], runs, longest, ends
        d[d[MODE] + op], d[d[START] + op] = mode, start
        _take_units(s, d, mode, start, end)
    for i in range(refusals):
        offer(s, d, f, refused[i])
    d[d[FREE] + line] = end
    for i in range(size):
        d[d[END] + members[i]] = end
    for i in range(1, size):
        _followed(s, d, f, members[i])


@kernel("void(int64[::1], int64[::1], float64[::1], int64, int64)")
def _begin(s: Any, d: Any, f: Any, line: int, now: int) -> None:
    """The line begins its choice."""
    mode = d[d[CHOICE] + line]
    op = d[d[MODE_OP] + mode]
    start, end = d[d[CHOICE_START] + line], d[d[CHOICE_END] + line]
    if s[RESOURCES]:
        if _missing_units(s, d, mode, start, end):  # another line took them since
            d[d[CHOICE] + line] = UNKNOWN
            return
        _take_units(s, d, mode, start, end)
    d[d[MODE] + op], d[d[START] + op], d[d[END] + op] = mode, start, end
    if not s[s[LINE_UNLIMITED] + line]:
        family = s[s[MODE_FAMILY] + mode]
        d[SETUPS] += setup_of(s, line, d[d[FAMILY] + line], family)
        d[d[FREE] + line], d[d[FAMILY] + line] = end, family
        if s[s[LINE_BATCH] + line]:
            _fill_batch(s, d, f, line, now)
        d[d[CHOICE] + line] = NONE
        expect(d, d[d[FREE] + line], -1 - line)
    else:
        d[d[CHOICE] + line] = UNKNOWN
    _followed(s, d, f, op)


@kernel("int64(int64[::1], int64[::1], float64[::1], int64)")
def _best_line(s: Any, d: Any, f: Any, now: int) -> int:
    """The line whose choice goes first now, or -1; ties by the earlier end."""
    best, greatest, soonest, i = -1, -inf, NEVER, 0
    while i < d[ACTIVE_COUNT]:
        line = d[d[ACTIVE] + i]
        choice = d[d[CHOICE] + line]
        while choice == UNKNOWN or (choice >= 0 and d[d[START] + d[d[MODE_OP] + choice]] >= 0):
            _choose(s, d, f, line, now)
            choice = d[d[CHOICE] + line]
            if d[FAILED] >= 0:
                return -1
        if choice == NONE:
            d[ACTIVE_COUNT] -= 1
            d[d[ACTIVE] + i] = d[d[ACTIVE] + d[ACTIVE_COUNT]]
            d[d[IS_ACTIVE] + line] = 0
            continue
        index, end = f[int(f[CHOICE_INDEX]) + line], d[d[CHOICE_END] + line]
        if index > greatest or (index == greatest and end < soonest):
            best, greatest, soonest = line, index, end
        i += 1
    return int(best)


@kernel("void(int64[::1], int64[::1], float64[::1], int64)")
def _happens(s: Any, d: Any, f: Any, now: int) -> None:
    """Take the events of this instant: modes join their queues, lines are asked."""
    while d[EVENTS] and d[d[EVENT_TIME]] == now:
        what = next_event(d)
        if what >= 0 and d[d[START] + d[d[MODE_OP] + what]] >= 0:
            continue  # another line has it
        line = s[s[MODE_LINE] + what] if what >= 0 else -1 - what
        if what < 0 and d[d[FREE] + line] > now:
            continue
        opens = open_from(s, line, now)
        if opens >= NEVER:
            if what >= 0:
                _drop(d, f, what)
        elif opens > now:
            expect(d, opens, what)
        else:
            if what >= 0:
                offer(s, d, f, what)
            if d[d[FREE] + line] <= now and d[d[ASLEEP] + line] <= now:
                _activate(s, d, line)


@kernel("int64(int64[::1], int64[::1], float64[::1])")
def _pass(s: Any, d: Any, f: Any) -> int:
    """Place everything; an operation that cannot be placed, or -1."""
    for op in range(s[OPERATIONS]):
        if d[d[START] + op] >= 0:  # fixed, or left out
            continue
        missing = 0
        for i in range(s[s[PRED_AT] + op], s[s[PRED_AT] + op + 1]):
            missing += d[d[START] + s[s[PRED_OP] + i]] < 0
        d[d[MISSING] + op] = missing
        if missing == 0:
            _release(s, d, f, op)
    while d[EVENTS] and d[FAILED] < 0:
        now = d[d[EVENT_TIME]]
        _happens(s, d, f, now)
        while d[FAILED] < 0:
            line = _best_line(s, d, f, now)
            if line < 0:
                break
            _begin(s, d, f, line, now)
    for op in range(s[OPERATIONS]):
        if d[FAILED] < 0 and d[d[START] + op] < 0 and d[d[MISSING] + op] == 0:
            d[FAILED] = op  # its lines do not open any more
    for line in range(s[LINES]):
        _free_from(s, d, line, NEVER)
    return int(d[FAILED])


@kernel("void(int64[::1], int64[::1], int64[::1])")
def _figures(s: Any, d: Any, figures: Any) -> None:
    """The figures of a pass, in the order of FIGURES."""
    for i in range(6):
        figures[i] = 0
    for order in range(s[ORDERS]):
        begun, done = NEVER, 0
        for op in range(s[s[ORDER_AT] + order], s[s[ORDER_AT] + order + 1]):
            if d[d[MODE] + op] >= 0:
                begun, done = min(begun, d[d[START] + op]), max(done, d[d[END] + op])
        weight = s[s[ORDER_WEIGHT] + order]
        over = done - s[s[ORDER_PROMISE] + order]
        if over > 0:
            figures[0] += 1
            figures[1] += weight * over
        figures[2] += weight * max(0, done - s[s[ORDER_DUE] + order])
        figures[3] = max(figures[3], done)
        figures[5] += done - begun
    figures[4] = d[SETUPS]


# --- all passes -------------------------------------------------------------------------------------------------------


def dispatched(
    arrays: Arrays,
    objective: Objective = PROMISES_FIRST,
    rules: Sequence[Rule] | None = None,
    fixed: tuple[Words, Words, Words] | None = None,
) -> Dispatched:
    """The best of one pass by each rule (None: by all, or by a few for a large problem); about n log n each.

    `fixed`: mode, start and end of the fixed operations (see `fixed_columns`). What has moved does not count here.
    Raises Unplaceable when no rule finds room for everything.
    """
    s, problem = arrays.words, arrays.problem
    if rules is None:
        rules = RULES if len(arrays.operations) < LARGE else RULES_OF_LARGE
    empty, f = queues_of(arrays, *(fixed or fixed_columns(arrays)))
    _means(s, f, np.zeros(len(problem.lines), dtype=np.int64))
    _weigh(s, empty, f, *_deadlines(arrays, objective))
    figures = np.zeros(len(FIGURES), dtype=np.int64)
    found: list[tuple[tuple[int, ...], int]] = []
    best: tuple[Words, tuple[int, ...]] | None = None
    failed = -1
    for i, rule in enumerate(rules):
        d = empty.copy()
        f[WORTH_WEIGHT], f[LOOK_AHEAD], f[SETUP_WEIGHT] = rule.worth, 1 / rule.look_ahead, 1 / rule.share
        f[SATURATES] = rule.saturates
        wrong = _pass(s, d, f)
        if wrong >= 0:
            failed = wrong
            continue
        _figures(s, d, figures)
        value = _value(objective, figures)
        if not found or value < min(found)[0]:
            best = d, tuple(figures.tolist())
        found.append((value, i))
    if best is None:
        order = problem.orders[int(arrays.column(OP_ORDER, len(arrays.operations))[failed])]
        raise Unplaceable(order.id, arrays.operations[failed].id)
    d, n = best[0], len(arrays.operations)
    mode, start, end = (d[d[k] : d[k] + n].copy() for k in (MODE, START, END))
    return Dispatched(mode, start, end, best[1], tuple(rules[i] for _, i in sorted(found)))


def _value(objective: Objective, figures: Words) -> tuple[int, ...]:
    known = dict(zip(FIGURES, figures.tolist(), strict=True))
    total = sum(weight * known.get(part, 0) for part, weight in objective.weights.items())
    return (*(known.get(part, 0) for part in objective.lexicographic), total)


def _deadlines(arrays: Arrays, objective: Objective) -> tuple[Reals, Reals]:
    """By when each order is wanted and how dear it is: by promise and due date, or nobody's for an early end of all."""
    orders = len(arrays.problem.orders)
    due = arrays.column(ORDER_DUE, orders).astype(np.float64)
    weight = arrays.column(ORDER_WEIGHT, orders).astype(np.float64)
    counted = set(objective.parts)
    if not counted & {Part.BROKEN, Part.OVER, Part.TARDINESS}:
        return np.full(orders, float(NEVER)), np.ones(orders)  # so far away that slack never runs out
    promise = arrays.column(ORDER_PROMISE, orders)
    promised = promise < NEVER
    if counted & {Part.BROKEN, Part.OVER}:
        due = np.minimum(due, promise)
        weight[promised] *= PROMISED
    return due, weight


def fixed_columns(arrays: Arrays) -> tuple[Words, Words, Words]:
    """Columns in which only the fixed operations are placed, and what is left out (mode -1) from 0 to 0."""
    mode = np.full(len(arrays.operations), -1, dtype=np.int64)
    start, end = mode.copy(), mode.copy()
    for operation, (_, placement) in arrays.problem.fixed.items():
        i = arrays.number[operation]
        on = next(k for k, one in enumerate(arrays.operations[i].modes) if one.line == placement.line)
        mode[i] = arrays.words[arrays.words[MODE_AT] + i] + on
        start[i], end[i] = placement.start, placement.end
    for i in _left_out_of(arrays):
        start[i] = end[i] = 0
    return mode, start, end


def _left_out_of(arrays: Arrays) -> list[int]:
    """What is not made when each order takes the route that evens out the work on the lines, or the fixed one."""
    left: list[int] = []
    work = dict.fromkeys((line.id for line in arrays.problem.lines), 0)
    for order in arrays.problem.orders:
        if not order.routes:
            continue
        costs: dict[RouteId, list[int]] = {route: [0, 0] for route in order.routes}
        lines: dict[RouteId, list[tuple[LineId, int]]] = {route: [] for route in order.routes}
        for operation in order.operations:
            if operation.route is not None:
                mode = min(operation.modes, key=lambda m: work[m.line] + m.duration)
                costs[operation.route][0] -= operation.id in arrays.problem.fixed
                costs[operation.route][1] = max(costs[operation.route][1], work[mode.line] + mode.duration)
                lines[operation.route].append((mode.line, mode.duration))
        taken = min(order.routes, key=costs.__getitem__)
        for line, duration in lines[taken]:
            work[line] += duration
        left += [arrays.number[o.id] for o in order.operations if o.route not in (None, taken)]
    return left


def dispatch(
    problem: SchedulingProblem, objective: Objective = PROMISES_FIRST, arrays: Arrays | None = None
) -> Schedule:
    """A schedule that keeps every rule, with the fixed operations where they are.

    What a fixed operation waits for is hurried, but may come too late for it: then the judge names the fixed one.
    Scarce materials are reserved in the sequence in which a schedule with plenty of them would take them, then in that
    of the best schedule so far. Where orders pass lines in one sequence, they are placed order by order. `arrays`: the
    problem's, if they are there. Raises Unplaceable.
    """
    arrays = arrays or arrays_of(problem)
    fixed = fixed_columns(arrays)
    if problem.same_sequence:
        return _in_one_sequence(arrays, fixed, objective)
    if not problem.materials:
        found = dispatched(arrays, objective, fixed=fixed)
        if objective.parts == (Part.MAKESPAN,) and has_families(arrays):
            laid = campaigns(arrays, fixed, tries=TRIED)
            if laid is not None and laid.makespan < found.end.max(initial=0):
                return arrays.schedule(*laid.columns)
        return _waited(arrays, found)
    found = dispatched(arrays.with_earliest(earliest_of(problem, materials=False)), objective, fixed=fixed)
    best: Dispatched | None = None
    while True:
        placed = zip(arrays.number, found.mode.tolist(), found.start.tolist(), strict=True)
        starts = {key: start for key, mode, start in placed if mode >= 0}
        with_materials = arrays.with_earliest(earliest_of(problem, starts))
        found = dispatched(with_materials, objective, None if best is None else found.rules[:FEW], fixed)
        if best is not None and found.figures >= best.figures:
            return _waited(with_materials, best)
        best = found


def _in_one_sequence(arrays: Arrays, fixed: tuple[Words, Words, Words], objective: Objective) -> Schedule:
    """The best of some sequences of orders in which they pass all lines. Raises Unplaceable."""
    problem, conveyor = arrays.problem, Conveyor(arrays, fixed, {})
    found = [
        arrays.schedule(*conveyor.columns())
        for sequence in conveyor.sequences()
        if conveyor.place(sequence) < TOO_MUCH
    ]
    if not found:
        order = problem.orders[int(conveyor.x[FAILED_ORDER])]
        raise Unplaceable(order.id, order.operations[0].id)
    best = min(found, key=lambda schedule: objective.value(evaluate(problem, schedule, objective.reference)))
    for wrong in violations(problem, best) if problem.fixed else ():
        for order in problem.orders:
            if any(o.id == wrong.subject and o.id not in problem.fixed for o in order.operations):
                raise Unplaceable(order.id, OperationId(wrong.subject))
    return best


def _waited(arrays: Arrays, found: Dispatched) -> Schedule:
    """The schedule of a pass, in which what may not wait so long is made later; if need be order after order.

    Raises Unplaceable when that leaves the calendar, or something fixed is in the way.
    """
    s, n = arrays.words, len(arrays.operations)
    if not s[LONGEST]:
        return arrays.schedule(found.mode, found.start, found.end)
    order_of = arrays.column(OP_ORDER, n)
    done = np.zeros(len(arrays.problem.orders), dtype=np.int64)
    np.maximum.at(done, order_of, found.end)
    rank = np.argsort(np.lexsort((np.arange(n), order_of, done[order_of]))).astype(np.int64)
    free = arrays.column(OP_FIXED, n) == 0
    latest = int(found.end.max(initial=0))
    behind = np.where(free, latest + rank, found.start), np.where(free, latest + rank + 1, found.end)
    ahead = np.where(free, rank - n, found.start), np.where(free, rank + 1 - n, found.end)
    for start, end in ((found.start, found.end), ahead, behind):
        w = work_of(arrays, found.mode, start, end)
        if settle(s, w):
            return arrays.schedule(*(w[w[k] : w[k] + n] for k in (state.MODE, state.START, state.END)))
    first = int(np.flatnonzero(free)[0])
    raise Unplaceable(arrays.problem.orders[int(order_of[first])].id, arrays.operations[first].id)
