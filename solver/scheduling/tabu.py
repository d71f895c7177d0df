"""Shorter schedules at any size: tabu search on a critical path, and ruin and recreate, whichever gets further.

A tabu step moves one operation of a critical path to the place and line where the longest path over it becomes
shortest. A step of the other kind takes out a few operations that are near each other, and puts each where the longest
path over it is shortest; that can be undone. Phases of both start from the best schedules so far and from what lies
between two of them; the kinds that find better ones get more time.
Sources: Mastrolilli and Gambardella, Effective neighbourhood functions for the flexible job shop problem (2000), for
the moves and for what is tabu; Schrimpf et al., Record breaking optimization results using the ruin and recreate
principle (2000); Peng, Lue and Cheng, A tabu search/path relinking algorithm to solve the job shop scheduling problem
(2015), for the phases.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from typing import Any

import numpy as np

from solver.native import kernel
from solver.scheduling.anneal import Annealed, Untimed
from solver.scheduling.arrays import (
    BESIDE,
    LINE_AT,
    LINE_FAMILIES,
    LINE_FAMILY,
    LINE_PLANT,
    LINE_UNLIMITED,
    LINES,
    MODE_AT,
    MODE_FAMILY,
    MODE_LINE,
    MODE_TIME,
    OP_FIXED,
    OP_ORDER,
    OPERATIONS,
    ORDER_AT,
    PRED_AT,
    PRED_OP,
    SUCC_AT,
    SUCC_OP,
    Arrays,
    Columns,
)
from solver.scheduling.chance import below, seeded
from solver.scheduling.critical import (
    AT,
    FIRST,
    HIGH,
    LAST,
    LOG_SIZE,
    LOW,
    MAKESPAN,
    MARK,
    ORDER,
    PATH,
    TAIL,
    arranged,
    critical_path,
    critical_words,
    drop,
    flow,
    lift,
    opened,
    place_in,
    tail_in,
    undone,
)
from solver.scheduling.problem import NEVER
from solver.scheduling.sequences import ready_at, settle, work_of
from solver.scheduling.state import AFTER, BEFORE, END, FAMILY, LENGTH, MODE, ROW, START
from solver.scheduling.timing import setup_of

# --- more of the header of t ---
(
    STEP,  # of the phase
    WORK,  # of the phase: moves looked at and words changed, a measure of time that does not depend on the machine
    BEST,  # the least makespan of the phase
    BETTERED,  # WORK when it was found
    OP, OP_MODE, OP_PLACE, ESTIMATE, SCORE, TIES,  # the best move that is not tabu; how many are as good
    LIMIT,  # of the estimates, where not the shortest path alone counts
    BY_PATH,  # what a second of the longest path counts in a score, where one of time on lines counts 1
    TABU, TABU_MODE, TABU_PLACE, TABU_TIES,  # any move that is
    BARRED,  # of each mode: the step up to which it may not be taken up again
    KEPT,  # mode, start and end of each operation in the best schedule of the phase
    OUT,  # what is taken out
) = range(HIGH + 1, HIGH + 20)  # fmt: skip
MOST_OUT = 64
FARTHEST = 1 << 62
PATH_ALONE = 1 << 20  # seconds on lines then only decide between paths of one length
LONGEST = 128  # operations of a path that a tabu step looks at

HEATS = (0.0, 0.05, 0.2)  # of phases: the first temperature in mean durations; 0: tabu search
WINDOW = 1000  # operations that move in a phase when there are many
POOL = 6  # schedules that phases start from
WANTED = 8  # operations or orders that a step takes out at most
WORK_AT_FIRST = 3e6  # of a phase
GROWTH = 1.5  # of the work when a phase with all operations found nothing better



@kernel("void(int64[::1], uint64[::1], int64, int64, int64, int64, int64)")
def _offer(t: Any, r: Any, op: int, mode: int, place: int, estimate: int, extra: int) -> None:
    """Keep a move if none so far has a lower score: the longest path and `extra` seconds on lines, weighed."""
    t[WORK] += 1
    if estimate > t[LIMIT]:
        return
    if t[t[BARRED] + mode] > t[STEP] and estimate >= t[BEST]:
        t[TABU_TIES] += 1
        if below(r, t[TABU_TIES]) == 0:
            t[TABU], t[TABU_MODE], t[TABU_PLACE] = op, mode, place
        return
    score = estimate * t[BY_PATH] + extra
    if score > t[SCORE]:
        return
    t[TIES] = 1 if score < t[SCORE] else t[TIES] + 1
    if t[TIES] == 1 or below(r, t[TIES]) == 0:
        t[OP], t[OP_MODE], t[OP_PLACE], t[ESTIMATE], t[SCORE] = op, mode, place, estimate, score
        if t[BY_PATH] == PATH_ALONE:
            t[LIMIT] = estimate


@kernel("void(int64[::1], int64, int64)")
def ask(t: Any, limit: int, by_path: int) -> None:
    """Forget the moves: the next ones are offered."""
    t[LIMIT], t[SCORE], t[TIES], t[TABU_TIES] = limit, FARTHEST, 0, 0
    t[BY_PATH] = by_path


@kernel("int64(int64[::1], int64[::1], int64, int64)")
def _ready(s: Any, w: Any, op: int, plant: int) -> int:
    """When an operation may start in a plant."""
    ready, _ = ready_at(s, w, op, plant)
    return int(ready)


@kernel("UniTuple(int64, 2)(int64[::1], int64[::1], int64[::1], int64, int64)")
def _between(s: Any, w: Any, t: Any, op: int, line: int) -> tuple[int, int]:
    """An operation makes no cycle on a line ahead of what starts from the first instant on, behind what starts before
    the second one.

    It comes before nothing that its predecessors may wait for, and after nothing that may wait for its successors.
    """
    floor, roof = 0, NEVER
    for i in range(s[s[PRED_AT] + op], s[s[PRED_AT] + op + 1]):
        floor = max(floor, w[w[START] + s[s[PRED_OP] + i]] + 1)
    for i in range(s[s[SUCC_AT] + op], s[s[SUCC_AT] + op + 1]):
        after = s[s[SUCC_OP] + i]
        if t[t[AT] + after] < t[LAST]:
            on = s[s[MODE_LINE] + w[w[MODE] + after]] == line
            roof = min(roof, w[w[START] + after] if on else w[w[END] + after])
    return floor, roof


@kernel("int64(int64[::1], int64[::1], int64[::1], int64)")
def _way(s: Any, w: Any, t: Any, op: int) -> int:
    """From the start of an operation to the end of all."""
    return int(s[s[MODE_TIME] + w[w[MODE] + op]] + t[t[TAIL] + op])


@kernel("void(int64[::1], int64[::1], int64[::1], uint64[::1], int64, int64, int64)")
def elsewhere(s: Any, w: Any, t: Any, r: Any, op: int, mode: int, least: int) -> None:
    """Offer the places of a mode on whose line an operation is not now; no path becomes shorter than `least`.

    Where it waits neither for the one before it nor the one after it for it, no place further on has a shorter path.
    What it may stand behind without a cycle is also whatever has a longer way to the end than its own successors, and
    ahead of what ends after it is ready.
    """
    line = s[s[MODE_LINE] + mode]
    plant, family, duration = s[s[LINE_PLANT] + line], s[s[MODE_FAMILY] + mode], s[s[MODE_TIME] + mode]
    ready, tail = _ready(s, w, op, plant), tail_in(s, w, t, op, plant)
    if s[s[LINE_UNLIMITED] + line]:
        _offer(t, r, op, mode, -1, max(least, ready + duration + tail), duration)
        return
    row, length = w[ROW] + s[s[LINE_AT] + line], w[w[LENGTH] + line]
    floor, roof = _between(s, w, t, op, line)
    high = place_in(s, w, t, line, roof)
    place = place_in(s, w, t, line, floor)
    if place > t[t[LOW] + line] and w[w[END] + w[row + place - 1]] > ready:
        place -= 1
    place = max(place, place_in(s, w, t, line, ready) - 2, t[t[LOW] + line])
    while high < t[t[HIGH] + line] and _way(s, w, t, w[row + high]) > tail:
        high += 1
    while place <= high:
        rest = tail
        before, known = -1, s[s[LINE_FAMILY] + line]
        if place:
            before = w[row + place - 1]
            known = w[w[FAMILY] + before]
        setup = setup_of(s, line, known, family)
        start = max(ready, setup + (w[w[END] + before] if before >= 0 else 0))
        extra, done, room = duration + setup, True, True
        if place < length:
            after = w[row + place]
            setup = setup_of(s, line, family, w[w[FAMILY] + after])
            way = setup + _way(s, w, t, after)
            done, rest = way <= tail, max(tail, way)
            extra += setup - setup_of(s, line, known, w[w[FAMILY] + after])
            room = not (s[s[OP_FIXED] + after] and start + duration + setup > w[w[START] + after])
        if room:
            _offer(t, r, op, mode, place, max(least, start + duration + rest), extra)
        if (done and start > ready and t[BY_PATH] == PATH_ALONE) or start + duration + tail > t[LIMIT]:
            break
        place += 1


@kernel("void(int64[::1], int64[::1], int64[::1], uint64[::1], int64, int64)")
def _later(s: Any, w: Any, t: Any, r: Any, op: int, place: int) -> None:
    """Offer later places on its line; what stands between moves up."""
    mode = w[w[MODE] + op]
    line = s[s[MODE_LINE] + mode]
    plant, family, duration = s[s[LINE_PLANT] + line], s[s[MODE_FAMILY] + mode], s[s[MODE_TIME] + mode]
    row, length, high = w[ROW] + s[s[LINE_AT] + line], w[w[LENGTH] + line], t[t[HIGH] + line]
    ready, tail = _ready(s, w, op, plant), tail_in(s, w, t, op, plant)
    _, roof = _between(s, w, t, op, line)
    left, end, last = w[w[BEFORE] + op], 0, s[s[LINE_FAMILY] + line]
    if left >= 0:
        end, last = w[w[END] + left], w[w[FAMILY] + left]
    while place + 1 < high:
        before = w[row + place + 1]
        if w[w[START] + before] >= roof or s[s[OP_FIXED] + before]:
            break
        start = max(_ready(s, w, before, plant), end + setup_of(s, line, last, w[w[FAMILY] + before]))
        end, last = start + s[s[MODE_TIME] + w[w[MODE] + before]], w[w[FAMILY] + before]
        place += 1
        start, rest = max(ready, end + setup_of(s, line, last, family)), tail
        if place + 1 < length:
            after = w[row + place + 1]
            rest = max(rest, setup_of(s, line, family, w[w[FAMILY] + after]) + _way(s, w, t, after))
        _offer(t, r, op, mode, place, start + duration + rest, duration)
        if start + duration + tail > t[LIMIT]:
            break


@kernel("void(int64[::1], int64[::1], int64[::1], uint64[::1], int64, int64)")
def _sooner(s: Any, w: Any, t: Any, r: Any, op: int, place: int) -> None:
    """Offer sooner places on its line; what stands between moves back."""
    mode = w[w[MODE] + op]
    line = s[s[MODE_LINE] + mode]
    plant, family, duration = s[s[LINE_PLANT] + line], s[s[MODE_FAMILY] + mode], s[s[MODE_TIME] + mode]
    row = w[ROW] + s[s[LINE_AT] + line]
    ready, tail = _ready(s, w, op, plant), tail_in(s, w, t, op, plant)
    floor, _ = _between(s, w, t, op, line)
    right, way, last = w[w[AFTER] + op], -NEVER, 0
    if right >= 0:
        way, last = _way(s, w, t, right), w[w[FAMILY] + right]
    while place > t[t[LOW] + line]:
        after = w[row + place - 1]
        if w[w[START] + after] < floor or s[s[OP_FIXED] + after]:
            break
        rest = max(tail_in(s, w, t, after, plant), way + setup_of(s, line, w[w[FAMILY] + after], last))
        way, last = s[s[MODE_TIME] + w[w[MODE] + after]] + rest, w[w[FAMILY] + after]
        place -= 1
        before, end, known = -1, 0, s[s[LINE_FAMILY] + line]
        if place:
            before = w[row + place - 1]
            end, known = w[w[END] + before], w[w[FAMILY] + before]
        start = max(ready, end + setup_of(s, line, known, family))
        rest = max(tail, way + setup_of(s, line, family, last))
        _offer(t, r, op, mode, place, start + duration + rest, duration)
        if ready + duration + rest > t[LIMIT]:
            break


@kernel("int64(int64[::1], int64[::1], int64[::1], int64)")
def _without(s: Any, w: Any, t: Any, op: int) -> int:
    """The longest path over the neighbours of an operation on its line when it is gone."""
    before, after = w[w[BEFORE] + op], w[w[AFTER] + op]
    if before < 0 or after < 0:
        return 0
    line = s[s[MODE_LINE] + w[w[MODE] + op]]
    setup = setup_of(s, line, w[w[FAMILY] + before], w[w[FAMILY] + after])
    ready = max(_ready(s, w, after, s[s[LINE_PLANT] + line]), w[w[END] + before] + setup)
    return int(ready + _way(s, w, t, after))


@kernel("void(int64[::1], int64[::1], int64[::1], uint64[::1], int64)")
def neighbours(s: Any, w: Any, t: Any, r: Any, op: int) -> None:
    """Offer all moves of an operation that make no cycle."""
    now, least = w[w[MODE] + op], 0
    if not s[s[LINE_UNLIMITED] + s[s[MODE_LINE] + now]]:
        place = place_in(s, w, t, s[s[MODE_LINE] + now], w[w[START] + op])
        _later(s, w, t, r, op, place)
        _sooner(s, w, t, r, op, place)
        least = _without(s, w, t, op)
    for mode in range(s[s[MODE_AT] + op], s[s[MODE_AT] + op + 1]):
        if mode != now:
            elsewhere(s, w, t, r, op, mode, least)


@kernel("void(int64[::1], int64[::1], int64[::1])")
def keep(s: Any, w: Any, t: Any) -> None:
    """Keep the present state as the best of the phase."""
    n, kept = s[OPERATIONS], t[KEPT]
    for i in range(n):
        t[kept + i], t[kept + n + i], t[kept + 2 * n + i] = w[w[MODE] + i], w[w[START] + i], w[w[END] + i]
    t[BEST], t[BETTERED] = t[MAKESPAN], t[WORK]


@kernel("void(int64[::1], int64[::1], int64[::1])")
def _laid(s: Any, w: Any, t: Any) -> None:
    """Put the operations on the lines of the modes in KEPT, in the sequence that is in ORDER."""
    n, before = s[OPERATIONS], w[BEFORE]
    for line in range(s[LINES]):
        w[w[LENGTH] + line] = 0
    for i in range(n):
        op = t[t[ORDER] + i]
        mode = t[t[KEPT] + op]
        line = s[s[MODE_LINE] + mode]
        w[w[MODE] + op], w[w[FAMILY] + op] = mode, s[s[MODE_FAMILY] + mode]
        w[before + op] = w[w[AFTER] + op] = -1
        if s[s[LINE_UNLIMITED] + line]:
            continue
        row, length = w[ROW] + s[s[LINE_AT] + line], w[LENGTH] + line
        if w[length]:
            w[before + op] = w[row + w[length] - 1]
            w[w[AFTER] + w[before + op]] = op
        w[row + w[length]] = op
        w[length] += 1


@kernel("int64(int64[::1], int64[::1], int64[::1], uint64[::1], int64, int64)")
def tabu_steps(s: Any, w: Any, t: Any, r: Any, steps: int, patience: int) -> int:
    """So many steps from a settled, arranged state; less when `patience` WORK brings nothing better. How many."""
    for step in range(steps):
        if t[WORK] - t[BETTERED] >= patience or t[WORK] >= 5 * patience:
            return step
        t[STEP] += 1
        size = critical_path(s, w, t, r)
        t[WORK] += size + 1
        ask(t, NEVER, PATH_ALONE)
        for i in range(min(size, LONGEST)):
            neighbours(s, w, t, r, t[t[PATH] + (i if size <= LONGEST else below(r, size))])
        op, mode, place = t[OP], t[OP_MODE], t[OP_PLACE]
        if t[TIES] == 0:
            if t[TABU_TIES] == 0:
                t[WORK] += 5 * patience
                return step
            op, mode, place = t[TABU], t[TABU_MODE], t[TABU_PLACE]
        old = w[w[MODE] + op]
        t[LOG_SIZE] = 0
        lift(s, w, t, op)
        if drop(s, w, t, op, mode, place) and flow(s, w, t):
            t[WORK] += t[LOG_SIZE]
            t[t[BARRED] + old] = t[STEP] + size + s[s[MODE_AT] + op + 1] - s[s[MODE_AT] + op]
            if t[MAKESPAN] < t[BEST]:
                keep(s, w, t)
        else:
            undone(s, w, t)
            t[t[BARRED] + mode] = t[STEP] + size
    return steps


@kernel("int64(int64[::1], uint64[::1])")
def _any(t: Any, r: Any) -> int:
    """Any operation of the window."""
    return int(t[t[ORDER] + t[FIRST] + below(r, t[LAST] - t[FIRST])])


@kernel("int64(int64[::1], int64[::1], int64[::1], uint64[::1], int64, int64)")
def _near(s: Any, w: Any, t: Any, r: Any, op: int, elsewhere: int) -> int:
    """An operation made at about the same time as another one, on its line or on any line that could make it."""
    mode = w[w[MODE] + op]
    if elsewhere:
        first = s[s[MODE_AT] + op]
        mode = first + below(r, s[s[MODE_AT] + op + 1] - first)
    line = s[s[MODE_LINE] + mode]
    low, high = t[t[LOW] + line], t[t[HIGH] + line]
    if low == high:
        return _any(t, r)
    place = place_in(s, w, t, line, w[w[START] + op]) + below(r, 5) - 2
    return int(w[w[ROW] + s[s[LINE_AT] + line] + max(low, min(high - 1, place))])


@kernel("int64(int64[::1], int64[::1], int64[::1], uint64[::1], int64)")
def _chosen(s: Any, w: Any, t: Any, r: Any, most: int) -> int:
    """Fill OUT: some orders, or what is near one operation, of a critical path most often. How many."""
    size, mark, number = critical_path(s, w, t, r), t[MARK], 0
    op = t[t[PATH] + below(r, size)] if size and below(r, 4) else _any(t, r)
    wanted, way = 1 + below(r, most), below(r, 3)
    for _ in range(4 * wanted):
        if number >= wanted:
            break
        first, last = op, op + 1
        if way == 0:
            order = s[s[OP_ORDER] + op]
            first, last = s[s[ORDER_AT] + order], s[s[ORDER_AT] + order + 1]
        for other in range(first, min(last, first + MOST_OUT - number)):
            inside = t[FIRST] <= t[t[AT] + other] < t[LAST]
            if inside and not t[mark + other] and not s[s[OP_FIXED] + other]:
                t[mark + other] = 1
                t[t[OUT] + number] = other
                number += 1
        op = _any(t, r) if way == 0 else _near(s, w, t, r, op, way - 1)
    for i in range(number):
        t[mark + t[t[OUT] + i]] = 0
        k = below(r, i + 1)
        t[t[OUT] + i], t[t[OUT] + k] = t[t[OUT] + k], t[t[OUT] + i]
    return number


@kernel("int64(int64[::1], int64[::1], int64[::1], uint64[::1], int64, int64, int64)")
def _put_in(s: Any, w: Any, t: Any, r: Any, op: int, limit: int, by_path: int) -> int:
    """Put an operation where the score is lowest; 0 if no longest path over it is within `limit`."""
    ask(t, limit, by_path)
    for mode in range(s[s[MODE_AT] + op], s[s[MODE_AT] + op + 1]):
        elsewhere(s, w, t, r, op, mode, 0)
    if t[TIES] == 0 or not drop(s, w, t, op, t[OP_MODE], t[OP_PLACE]) or not flow(s, w, t):
        return 0
    return 1 if t[MAKESPAN] <= limit else 0


@kernel("int64(int64[::1], int64[::1], int64)")
def _load(s: Any, w: Any, op: int) -> int:
    """The time that an operation takes on its line, with the change of setups."""
    mode = w[w[MODE] + op]
    line = s[s[MODE_LINE] + mode]
    load = s[s[MODE_TIME] + mode]
    if s[s[LINE_FAMILIES] + line] == 1:
        return int(load)
    before, after = w[w[BEFORE] + op], w[w[AFTER] + op]
    known = w[w[FAMILY] + before] if before >= 0 else s[s[LINE_FAMILY] + line]
    load += setup_of(s, line, known, w[w[FAMILY] + op])
    if after >= 0:
        family = w[w[FAMILY] + after]
        load += setup_of(s, line, w[w[FAMILY] + op], family) - setup_of(s, line, known, family)
    return int(load)


@kernel("UniTuple(int64, 2)(int64[::1], int64[::1], int64[::1], uint64[::1], int64, int64, float64, int64)")
def recreate_steps(
    s: Any, w: Any, t: Any, r: Any, steps: int, length: int, temperature: float, most: int
) -> tuple[int, int]:
    """So many steps from a settled, arranged state; less when `length` WORK is done. How many, and how many were kept.

    What makes the schedule longer is kept as in annealing; the temperature (seconds) falls to a tenth over `length`.
    The mean load of the lines counts as much as the longest path: less of it will shorten the path in the end.
    """
    taken = 0
    for step in range(steps):
        if t[WORK] >= length:
            return step, taken
        t[STEP] += 1
        hot = temperature * 0.1 ** (t[WORK] / length)
        limit = t[MAKESPAN] + int(-hot * np.log((below(r, 1 << 30) + 1) / (1 << 30)))
        number = _chosen(s, w, t, r, most)
        t[LOG_SIZE] = 0
        load = 0
        for i in range(number):
            load -= _load(s, w, t[t[OUT] + i])
            lift(s, w, t, t[t[OUT] + i])
        ok = flow(s, w, t)
        way = below(r, 3)
        by_path = PATH_ALONE if way == 0 else 2 - way  # or as much as time on lines, or not at all within the limit
        for i in range(number):
            ok = ok and _put_in(s, w, t, r, t[t[OUT] + i], limit, by_path)
            load += _load(s, w, t[t[OUT] + i])
        t[WORK] += t[LOG_SIZE] + 10
        if not ok or t[MAKESPAN] + load // s[LINES] > limit:
            undone(s, w, t)
            continue
        taken += 1
        if t[MAKESPAN] < t[BEST] and t[LAST] - t[FIRST] == s[OPERATIONS]:
            keep(s, w, t)
    return steps, taken


@dataclass(slots=True)
class _Kind:
    """A kind of phase: its heat, what it starts from, what moves, its WORK, how well it did lately."""

    heat: float
    new: bool  # from between two schedules or from a shaken one, not from the best
    size: int  # operations that move
    last: bool = False  # the last ones, instead of any that follow each other
    work: float = WORK_AT_FIRST
    success: float = 1.0


class Search:
    """The state of the kernels, and the best schedules so far, the newest last."""

    def __init__(self, arrays: Arrays, columns: Columns, seed: int) -> None:
        self.arrays, self.s = arrays, arrays.words
        self.n, modes = len(arrays.operations), len(arrays.modes)
        self.mean = float(arrays.column(MODE_TIME, modes).mean()) if modes else 0.0
        self.t = critical_words(arrays, modes + 3 * self.n + MOST_OUT)
        self.t[BARRED] = len(self.t) - modes - 3 * self.n - MOST_OUT
        self.t[KEPT] = self.t[BARRED] + modes
        self.t[OUT] = self.t[KEPT] + 3 * self.n
        self.r = seeded(seed)
        self.random = np.random.default_rng(seed)
        self.elites: list[tuple[int, Columns]] = []
        self.accepted = 0
        self.w = work_of(arrays, *columns)
        self.fixed, self.stood = arrays.column(OP_FIXED, self.n) == 1, columns[1:]

    def begin(self, columns: Columns) -> bool:
        """Start a phase with all operations; False if the sequences cannot be timed."""
        s, w, t, n = self.s, self.w, self.t, self.n
        mode, start, end = columns
        t[t[ORDER] : t[ORDER] + n] = np.lexsort((end, start))
        t[t[KEPT] : t[KEPT] + n] = mode
        for section, found, stood in ((START, start, self.stood[0]), (END, end, self.stood[1])):
            w[w[section] : w[section] + n] = np.where(self.fixed, stood, found)
        _laid(s, w, t)
        if not settle(s, w):
            return False
        arranged(s, w, t)
        t[t[BARRED] : t[KEPT]] = 0
        t[STEP] = t[WORK] = 0
        keep(s, w, t)
        return True

    def steps(self, kind: _Kind, steps: int) -> int:
        """Go on with a phase; how many steps were made, fewer when it is over."""
        if not kind.heat:
            made = int(tabu_steps(self.s, self.w, self.t, self.r, steps, int(kind.work)))
            self.accepted += made
            return made
        made, taken = recreate_steps(
            self.s, self.w, self.t, self.r, steps, int(kind.work), kind.heat * self.mean, WANTED
        )
        self.accepted += taken
        return int(made)

    def end(self) -> bool:
        """Take the best of the phase among the elites, unless it is worse or like a better one; is it the best?"""
        s, w, t, n = self.s, self.w, self.t, self.n
        if t[LAST] - t[FIRST] < n:  # what is behind the window moves up now
            if not settle(s, w):
                return False
            if arranged(s, w, t) <= t[BEST]:
                keep(s, w, t)
        mode, start, end = t[t[KEPT] : t[KEPT] + 3 * n].reshape(3, -1).copy()
        found = int(t[BEST]), (mode, start, end)
        better = not self.elites or found[0] < self.best[0]
        alike = [i for i, (_, other) in enumerate(self.elites) if _apart(found[1], other) < 0.1]
        if alike or len(self.elites) == POOL:
            worst = max(alike or range(POOL), key=lambda i: self.elites[i][0])
            if found[0] > self.elites[worst][0]:
                return False
            del self.elites[worst]
        self.elites.append(found)
        return better

    @property
    def best(self) -> tuple[int, Columns]:
        """The best schedule so far, the newest of several."""
        return min(reversed(self.elites), key=lambda elite: elite[0])

    def draw(self, kinds: list[_Kind]) -> _Kind:
        """A kind of phase, more often one that has done well."""
        shares = np.array([max(0.3, kind.success) for kind in kinds])
        return kinds[int(self.random.choice(len(kinds), p=shares / shares.sum()))]

    def again(self, kind: _Kind) -> None:
        """Start another phase."""
        if not (kind.new and self.begin(self.child())):  # what is fixed may stand in the way of the new
            self.begin(self.best[1])
        if kind.size < self.n:
            first = int(self.random.integers(-kind.size // 2, self.n - kind.size // 2))
            if kind.last:
                first = self.n - kind.size
            opened(self.s, self.w, self.t, max(0, first), min(self.n, first + kind.size))

    def child(self) -> Columns:
        """Between two of the best schedules, or the best shaken while there are few."""
        if len(self.elites) < POOL:
            return self.shaken(self.best[1])
        one, other = self.random.choice(POOL, 2, replace=False)
        return self.between(self.elites[one][1], self.elites[other][1])

    def between(self, one: Columns, other: Columns) -> Columns:
        """A schedule between two: each operation on a line of one of them, in the sequence of starts between theirs.

        Along an order both starts rise, so what is between them rises too: there are no cycles.
        """
        share = int(self.random.integers(300, 701))
        start = one[1] * (1000 - share) + other[1] * share
        mode = np.where(self.random.random(self.n) * 1000 < share, other[0], one[0])
        return mode, start, start + 1

    def shaken(self, one: Columns) -> Columns:
        """A schedule with random lines for half of the operations, and orders that are hurried or held up at random."""
        first = self.arrays.column(MODE_AT, self.n + 1)
        mode = first[:-1] + (self.random.random(self.n) * np.diff(first)).astype(np.int64)
        mode = np.where((self.random.random(self.n) < 0.5) & ~self.fixed, mode, one[0])
        hurry = 1 + (1000 * np.exp(0.5 * self.random.standard_normal(len(self.arrays.problem.orders)))).astype(np.int64)
        start = one[1] * np.where(self.fixed, 1000, hurry[self.arrays.column(OP_ORDER, self.n)])
        return mode, start, start + 1


def _apart(one: Columns, other: Columns) -> float:
    """How different two schedules are: shares of operations in other modes and with other starts, summed."""
    return float((one[0] != other[0]).mean() + (one[1] != other[1]).mean())


def knows(arrays: Arrays) -> bool:
    """Whether the problem is one of sequences on lines alone."""
    return not arrays.words[BESIDE]


def tabu(
    arrays: Arrays,
    columns: Columns,
    *,
    seconds: float | None = None,
    moves: int | None = None,
    seed: int = 0,
    stop: Callable[[], bool] = lambda: False,
    report: Callable[[int], None] = lambda moves: None,
    bound: int = 0,
) -> Annealed:
    """The shortest schedule found (least makespan) from a complete one; never longer than that timed anew.

    `bound`: no schedule is shorter, so the search ends with one of that length. With `moves` the result depends on the
    seed only. `report` gets the moves so far. What is fixed stays. Raises Untimed.
    """
    search = Search(arrays, columns, seed)
    if not search.begin(columns):
        raise Untimed
    n = len(arrays.operations)
    kinds = [_Kind(heat, new, n) for heat in HEATS for new in (False, True)]
    if n > 2 * WINDOW:
        windows = [_Kind(heat, False, WINDOW, last, success=3.0) for heat in HEATS if heat for last in (True, False)]
        kinds = windows + kinds
    kind, began, made, chunk = kinds[0], monotonic(), 0, 100
    search.end()
    search.again(kind)
    while True:
        report(made)
        now = monotonic()
        over = stop() or search.t[BEST] <= bound or (moves is not None and made >= moves)
        if over or (seconds is not None and now - began >= seconds):
            break
        asked = chunk if moves is None else min(chunk, moves - made)
        done = search.steps(kind, asked)
        made += max(1, done)
        took = monotonic() - now
        chunk = max(1, chunk // 2 if took > 0.04 else chunk * 2 if took < 0.015 else chunk)
        if done < asked:
            better = search.end()
            kind.success = 0.9 * kind.success + better
            if not better:
                kind.work *= GROWTH ** (kind.size / n)
            kind = search.draw(kinds)
            search.again(kind)
    search.end()
    cost, best = search.best
    return Annealed(*best, cost, made, search.accepted)
