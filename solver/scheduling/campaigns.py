"""Short schedules with few setups: families are laid on lines campaign by campaign, in several ways, of which the best
is kept.

A *campaign* is what a line makes of one setup family without another between. In one way to lay them, the operations of
a family are cut into campaigns where they come too far apart; each goes, in the sequence of when they come, to the line
where it takes least time, or ends soonest. Then everything is timed, and the next way takes over when operations
really come. Which way suits a shop is found out by trying: what a line does in which sequence is decided for a few
hundred campaigns instead of many thousand operations, so a try is as fast as dispatching by one rule.
Source: Potts and Kovalyov, Scheduling with batching: a review (2000), for families that are scheduled as wholes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import inf
from random import Random
from typing import Any

import numpy as np

from solver.native import kernel
from solver.scheduling import state
from solver.scheduling.arrays import (
    BESIDE,
    LINE_FAMILIES,
    LINE_FAMILY,
    LINE_PLANT,
    LINE_SETUPS,
    LINE_UNLIMITED,
    LINES,
    MODE_AT,
    MODE_FAMILY,
    MODE_LINE,
    MODE_TIME,
    OP_EARLIEST,
    OP_FIXED,
    OPERATIONS,
    PLANTS,
    PRED_AT,
    PRED_OP,
    PRED_WAIT,
    TRANSPORT,
    WINDOW_AT,
    WINDOW_OPENS,
    Arrays,
    Columns,
    Words,
)
from solver.scheduling.problem import NEVER
from solver.scheduling.sequences import ready_at, settle, setup_at, work_of
from solver.scheduling.timing import setup_of

FACTORS = (0.3, 0.6, 0.8, 1.2, 1.6, inf)  # by which a share changes
LEAST_SHARE = 0.005
ANY = 0.3  # the chance of a way that is not like the best one
WEIGHTS = (0.0, 0.1, 0.3, 1.0)
IDLE_TRIES = 80  # so many that bring nothing better, then it is enough


@dataclass(frozen=True, slots=True)
class Way:
    """How campaigns are made and laid.

    `share`: of the time until the last operation comes, that a campaign may last, and its operations may come in.
    `soon`: what a second of waiting for a line counts where one of work on it counts 1. `tail`: what a second that
    follows counts in the sequence, where one of coming sooner counts 1. `heard`: how far operations are expected when
    they came in the best schedule so far (1), not when they could come if nothing waited (0).
    """

    share: float = inf
    soon: float = 0.0
    tail: float = 0.0
    heard: float = 0.0


FIRST_WAYS = (Way(), Way(heard=0.5), Way(0.03, heard=0.3), Way(0.2, 0.1), Way(0.02, 0.3), Way(soon=1.0), Way(0.05, 1.0))


@dataclass(frozen=True, slots=True)
class Laid:
    """A schedule as columns by operation; `cost`: its makespan and the mean time that a line is busy, setups included.

    Of two schedules that are about as long the one with less work on the lines has more room to become shorter.
    """

    columns: Columns
    cost: int

    @property
    def makespan(self) -> int:
        """The end of all."""
        return int(self.columns[2].max(initial=0))


# --- when operations come ---------------------------------------------------------------------------------------------


@kernel("void(int64[::1], int64[::1], int64[::1], int64[::1])")
def _expected(s: Any, mode: Any, time: Any, come: Any) -> None:
    """When each operation could come if nothing waited for lines; without transport where a mode is not known (-1)."""
    for op in range(s[OPERATIONS]):
        come[op] = s[s[OP_EARLIEST] + op]
        for i in range(s[s[PRED_AT] + op], s[s[PRED_AT] + op + 1]):
            before = s[s[PRED_OP] + i]
            there = come[before] + time[before] + s[s[PRED_WAIT] + i]
            if mode[op] >= 0 and mode[before] >= 0:
                plant = s[s[LINE_PLANT] + s[s[MODE_LINE] + mode[before]]]
                there += s[s[TRANSPORT] + plant * s[PLANTS] + s[s[LINE_PLANT] + s[s[MODE_LINE] + mode[op]]]]
            come[op] = min(NEVER, max(come[op], there))


@kernel("void(int64[::1], int64[::1], int64[::1])")
def _came(s: Any, w: Any, come: Any) -> None:
    """When each operation did come in a schedule."""
    for op in range(s[OPERATIONS]):
        line = s[s[MODE_LINE] + w[w[state.MODE] + op]]
        come[op], _ = ready_at(s, w, op, s[s[LINE_PLANT] + line])


@kernel("void(int64[::1], int64[::1], int64[::1])")
def _follows(s: Any, time: Any, tail: Any) -> None:
    """What at least follows each operation in its order."""
    for op in range(s[OPERATIONS] - 1, -1, -1):
        for i in range(s[s[PRED_AT] + op], s[s[PRED_AT] + op + 1]):
            before = s[s[PRED_OP] + i]
            tail[before] = max(tail[before], tail[op] + time[op] + s[s[PRED_WAIT] + i])


# --- a way to lay campaigns -------------------------------------------------------------------------------------------


@kernel("int64(int64[::1], int64[::1], int64[::1], int64[::1], int64, int64[::1])")
def _cut(sorted_ops: Any, group: Any, come: Any, time: Any, most: int, first: Any) -> int:
    """Cut operations that are sorted by group and by when they come into campaigns: where each begins; how many."""
    count, begun, work = 0, 0, 0
    for i in range(len(sorted_ops)):
        op = sorted_ops[i]
        work += time[op]
        if i == 0 or group[op] != group[sorted_ops[i - 1]] or come[op] - begun > most or work > most:
            first[count] = i
            count, begun, work = count + 1, come[op], time[op]
    first[count] = len(sorted_ops)
    return count


@kernel(
    "void(int64[::1], int64[::1], int64[::1], int64[::1], int64[::1], int64[::1], float64, int64[::1])", allocates=True
)
def _lay(s: Any, sorted_ops: Any, first: Any, sequence: Any, come: Any, time: Any, soon: float, mode: Any) -> None:
    """Give each campaign, one after the other, to a line; the members that it cannot make go elsewhere together.

    A mode that is there already (not -1) stays. `come`: of each campaign. What a line cannot make counts twice.
    """
    free, family = np.zeros(s[LINES], np.int64), np.zeros(s[LINES], np.int64)
    work, after, able = np.zeros(s[LINES], np.int64), np.zeros(s[LINES], np.int64), np.zeros(s[LINES], np.int64)
    left, asked = np.empty(len(sorted_ops), np.int64), np.empty(s[LINES], np.int64)
    for line in range(s[LINES]):
        free[line], family[line] = s[s[WINDOW_OPENS] + s[s[WINDOW_AT] + line]], s[s[LINE_FAMILY] + line]
    for campaign in sequence:
        size = 0
        for i in range(first[campaign], first[campaign + 1]):
            left[size] = sorted_ops[i]
            size += 1
        while size:
            lines = 0
            for i in range(size):
                op = left[i]
                for m in range(s[s[MODE_AT] + op], s[s[MODE_AT] + op + 1]):
                    if mode[op] < 0 or mode[op] == m:
                        line = s[s[MODE_LINE] + m]
                        if not able[line]:
                            asked[lines], work[line] = line, 0
                            lines += 1
                        able[line] += 1
                        work[line] += s[s[MODE_TIME] + m] - 2 * time[op]
                        after[line] = s[s[MODE_FAMILY] + m]
            best, least, setup = -1, inf, 0
            for i in range(lines):
                line = asked[i]
                change = setup_of(s, line, family[line], after[line])
                score = work[line] + change + soon * max(0, free[line] + change - come[campaign])
                if score < least:
                    best, least, setup = line, score, change
                able[line] = 0
            made, others = 0, 0
            for i in range(size):
                op = left[i]
                found = -1
                for m in range(s[s[MODE_AT] + op], s[s[MODE_AT] + op + 1]):
                    if s[s[MODE_LINE] + m] == best and (mode[op] < 0 or mode[op] == m):
                        found = m
                if found < 0:
                    left[others] = op
                    others += 1
                else:
                    mode[op] = found
                    made += s[s[MODE_TIME] + found]
            size = others
            if not s[s[LINE_UNLIMITED] + best]:
                free[best], family[best] = max(free[best] + setup, come[campaign]) + made, after[best]


@kernel("void(int64[::1], int64[::1])")
def _risen(s: Any, rank: Any) -> None:
    """Raise ranks to at least one above all that comes before in the order: then sequences by rank make no cycle."""
    for op in range(s[OPERATIONS]):
        for i in range(s[s[PRED_AT] + op], s[s[PRED_AT] + op + 1]):
            rank[op] = max(rank[op], rank[s[s[PRED_OP] + i]] + 1)


@kernel("int64(int64[::1], int64[::1])")
def _busy(s: Any, w: Any) -> int:
    """The mean time that a line with a sequence is busy, setups included."""
    total, lines = 0, 0
    for line in range(s[LINES]):
        lines += not s[s[LINE_UNLIMITED] + line]
    for op in range(s[OPERATIONS]):
        mode = w[w[state.MODE] + op]
        if not s[s[LINE_UNLIMITED] + s[s[MODE_LINE] + mode]]:
            total += s[s[MODE_TIME] + mode] + setup_at(s, w, op)
    return int(total // max(1, lines))


class _Layer:
    """A problem for which campaigns are laid, and what is the same in all ways."""

    def __init__(self, arrays: Arrays, fixed: Columns) -> None:
        self.arrays, self.s = arrays, arrays.words
        self.n, modes = len(arrays.operations), len(arrays.modes)
        self.fixed, self.free = fixed, arrays.column(OP_FIXED, self.n) == 0
        first = arrays.column(MODE_AT, self.n + 1)
        self.time = np.minimum.reduceat(arrays.column(MODE_TIME, modes), first[:-1])
        line, family = arrays.column(MODE_LINE, modes)[first[:-1]], arrays.column(MODE_FAMILY, modes)[first[:-1]]
        table = arrays.column(LINE_SETUPS, int(self.s[LINES]))[line]
        known = self.free & (family > 0)
        self.group = np.where(known, table + family, -1 - np.arange(self.n))
        self.tail = np.zeros(self.n, dtype=np.int64)
        _follows(self.s, self.time, self.tail)

    def come(self, way: Way, best: Laid | None) -> Words:
        """When operations are expected."""
        come = np.empty(self.n, dtype=np.int64)
        mode = self.fixed[0] if best is None else best.columns[0]
        _expected(self.s, mode, self.time, come)
        if best is not None and way.heard:
            did = np.empty(self.n, dtype=np.int64)
            _came(self.s, work_of(self.arrays, *best.columns), did)
            come = (come * (1 - way.heard) + did * way.heard).astype(np.int64)
        return np.where(self.free, come, self.fixed[1])

    def laid(self, way: Way, best: Laid | None) -> Laid | None:
        """The campaigns laid in one way; None if that cannot be timed."""
        come = self.come(way, best)
        whole = int(come.max(initial=0)) + int(self.time.max(initial=0))
        most = NEVER if way.share == inf else int(way.share * whole)
        sorted_ops = np.lexsort((come, self.group)).astype(np.int64)
        first = np.empty(self.n + 1, dtype=np.int64)
        count = int(_cut(sorted_ops, self.group, come, self.time, most, first))
        first = first[: count + 1]
        sizes = np.diff(first)
        comes, tails = (np.add.reduceat(column[sorted_ops], first[:-1]) / sizes for column in (come, self.tail))
        sequence = np.argsort(comes - way.tail * tails, kind="stable").astype(np.int64)
        mode = self.fixed[0].copy()
        _lay(self.s, sorted_ops, first, sequence, comes.astype(np.int64), self.time, way.soon, mode)
        place = np.empty(count, dtype=np.int64)
        place[sequence] = np.arange(count)
        rank = np.empty(self.n, dtype=np.int64)
        rank[sorted_ops[np.lexsort((come[sorted_ops], np.repeat(place, sizes)))]] = np.arange(self.n)
        return self.timed(mode, rank)

    def timed(self, mode: Words, rank: Words) -> Laid | None:
        """The schedule of these modes and sequences; if they make a cycle, of sequences that are like them."""
        for _ in range(2):
            w = work_of(self.arrays, mode, rank, rank + 1)
            for section, stood in ((state.START, self.fixed[1]), (state.END, self.fixed[2])):
                w[w[section] : w[section] + self.n][~self.free] = stood[~self.free]
            if settle(self.s, w):
                start, end = (w[w[k] : w[k] + self.n].copy() for k in (state.START, state.END))
                return Laid((mode, start, end), int(end.max(initial=0)) + int(_busy(self.s, w)))
            _risen(self.s, rank)
        return None


def has_families(arrays: Arrays) -> bool:
    """Whether campaigns can be laid and make sense: sequences on lines alone, and setups between families."""
    return not arrays.words[BESIDE] and bool((arrays.column(LINE_FAMILIES, int(arrays.words[LINES])) > 1).any())


def cost_of(arrays: Arrays, columns: Columns) -> int:
    """What a schedule costs (see Laid)."""
    return int(columns[2].max(initial=0)) + int(_busy(arrays.words, work_of(arrays, *columns)))


def campaigns(
    arrays: Arrays, fixed: Columns, *, tries: int | None = None, seed: int = 0, stop: Callable[[], bool] = lambda: False
) -> Laid | None:
    """The best of several ways to lay campaigns: at most so many `tries`, or until many in a row are no better.

    `fixed`: mode, start and end of fixed operations; -1 for the others. None if none can be timed.
    """
    layer, random = _Layer(arrays, fixed), Random(seed)  # noqa: S311 - not for secrets
    best: Laid | None = None
    way, idle, tried = FIRST_WAYS[0], 0, 0
    while (tries is None or tried < tries) and idle < IDLE_TRIES and not (tried and stop()):
        asked = FIRST_WAYS[tried] if tried < len(FIRST_WAYS) else _another(way, random)
        found = layer.laid(asked, best)
        tried, idle = tried + 1, idle + 1
        if found is not None and (best is None or found.cost < best.cost):
            best, way, idle = found, asked, 0
    return best


def _another(way: Way, random: Random) -> Way:
    """Any way, or one that differs from a good one in one or two things."""
    if random.random() < ANY:
        share = random.choice((inf, LEAST_SHARE ** random.random()))
        return Way(share, random.choice(WEIGHTS), random.choice(WEIGHTS), random.random())
    for _ in range(1 + random.randrange(2)):
        match random.randrange(4):
            case 0:
                way = replace(way, share=random.choice(FACTORS) * (1.0 if way.share == inf else way.share))
            case 1:
                way = replace(way, soon=random.choice(WEIGHTS))
            case 2:
                way = replace(way, tail=random.choice(WEIGHTS))
            case _:
                way = replace(way, heard=random.random())
    return way
