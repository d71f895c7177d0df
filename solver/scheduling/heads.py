"""Compiled: heads, least ends and tails of operations, as if each order were alone: what bounds begin with."""

from __future__ import annotations

from typing import Any

from solver.native import kernel
from solver.scheduling.arrays import (
    LINE_PLANT,
    MODE_AT,
    MODE_LINE,
    MODE_TIME,
    OP_RUNNING,
    OPERATIONS,
    PRED_AT,
    PRED_OP,
    PRED_WAIT,
)
from solver.scheduling.problem import NEVER
from solver.scheduling.timing import arrival, fit


@kernel("int64(int64[::1], int64[::1], int64[::1], int64, int64, int64)")
def _arrives(s: Any, fixed: Any, ends: Any, before: int, wait: int, plant: int) -> int:
    """The earliest that what an operation has made in the best of its modes, and waits so long, can be in a plant."""
    first, last = s[s[MODE_AT] + before], s[s[MODE_AT] + before + 1]
    if fixed[before] >= 0:
        first, last = fixed[before], fixed[before] + 1
    least = NEVER
    for mode in range(first, last):
        if ends[mode] < NEVER:
            least = min(least, arrival(s, s[s[LINE_PLANT] + s[s[MODE_LINE] + mode]], plant, ends[mode] + wait))
    return int(least)


@kernel("void(int64[::1], int64[::1], int64[::1], int64[::1], int64[::1], int64[::1])")
def heads_and_ends(s: Any, fixed: Any, route: Any, earliest: Any, heads: Any, ends: Any) -> None:
    """Of each operation the least start and of each of its modes the least end; NEVER if there is none.

    `fixed`: the mode of what is fixed, whose head, and end in this mode, are given, else -1. `route`: a number, or -1
    for what is surely made. An operation that may not be made does not hold up what follows, other routes included.
    """
    for op in range(s[OPERATIONS]):
        if fixed[op] >= 0:
            continue
        heads[op] = NEVER
        for mode in range(s[s[MODE_AT] + op], s[s[MODE_AT] + op + 1]):
            line, ready, ends[mode] = s[s[MODE_LINE] + mode], earliest[op], NEVER
            for i in range(s[s[PRED_AT] + op], s[s[PRED_AT] + op + 1]):
                before = s[s[PRED_OP] + i]
                if route[before] < 0 or route[before] == route[op] or fixed[before] >= 0:
                    came = _arrives(s, fixed, ends, before, s[s[PRED_WAIT] + i], s[s[LINE_PLANT] + line])
                    ready = max(ready, came)
            if ready < NEVER:
                start, ends[mode] = fit(s, line, s[s[OP_RUNNING] + op], s[s[MODE_TIME] + mode], ready)
                heads[op] = min(heads[op], start)


@kernel("void(int64[::1], int64[::1], int64[::1], int64[::1], int64[::1])")
def tails_of(s: Any, fact: Any, route: Any, least: Any, tails: Any) -> None:
    """Of each operation the least seconds between its end and that of its order; `tails` is 0 before.

    `least`: its shortest duration. What is a fact has none.
    """
    for op in range(s[OPERATIONS] - 1, -1, -1):
        if fact[op]:
            continue
        for i in range(s[s[PRED_AT] + op], s[s[PRED_AT] + op + 1]):
            before = s[s[PRED_OP] + i]
            if route[op] < 0 or route[op] == route[before]:
                tails[before] = max(tails[before], tails[op] + least[op] + s[s[PRED_WAIT] + i])


@kernel("void(int64[::1], int64[::1], int64[::1], int64[::1])")
def chains_of(s: Any, counts: Any, least: Any, chains: Any) -> None:
    """Of each operation that counts the longest chain of such work and waits up to its end; else 0."""
    for op in range(s[OPERATIONS]):
        chains[op] = 0
        if not counts[op]:
            continue
        for i in range(s[s[PRED_AT] + op], s[s[PRED_AT] + op + 1]):
            before = s[s[PRED_OP] + i]
            if counts[before]:
                chains[op] = max(chains[op], chains[before] + s[s[PRED_WAIT] + i])
        chains[op] += least[op]
