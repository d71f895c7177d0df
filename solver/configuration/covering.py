"""Which value of a variable every constraint allows wherever it allows another one.

Source: Freuder, Eliminating interchangeable values in constraint satisfaction problems, 1991 (neighbourhood
substitutability).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from solver.configuration import mixed_passes as passes

_WIDEST: Final = 62  # values of a variable: the answer for one is a word

_Words = NDArray[np.int64]


def covered(first: Sequence[int], constraints: Iterable[tuple[int, Sequence[int]]]) -> _Words:
    """For each literal the values of its variable that cover it, a bit each (its own among them).

    `first`: literal of each variable's value 0, and how many literals. `constraints`: kinds with arguments, as the
    passes have them. Of variables with too many values nothing is said.
    """
    rigid: list[list[object]] = [[] for _ in range(first[-1])]  # must be the same
    allowed: list[set[object]] = [set() for _ in range(first[-1])]  # must be among the other's
    for place, (kind, arguments) in enumerate(constraints):
        if kind == passes.CLAUSE:
            _read_clause(first, place, arguments, allowed)
        elif kind == passes.COUNT:
            for literal in arguments[2:]:
                rigid[literal].append(place)
        elif kind == passes.TABLE:
            _read_table(first, place, arguments, allowed)
        elif kind in (passes.LINEAR, passes.AFFINE):
            at = 4
            for _ in range(arguments[2]):
                start, stop = first[arguments[at]], first[arguments[at] + 1]
                for literal in range(start, stop):
                    rigid[literal].append((place, arguments[at + 1 + literal - start]))
                at += 1 + stop - start
    found = np.zeros(first[-1], dtype=np.int64)
    for start, stop in pairwise(first):
        if stop - start > _WIDEST:
            continue
        for literal in range(start, stop):
            found[literal] = sum(
                1 << (other - start)
                for other in range(start, stop)
                if rigid[other] == rigid[literal] and allowed[other] >= allowed[literal]
            )
    return found


def _read_clause(first: Sequence[int], place: int, arguments: Sequence[int], allowed: Sequence[set[object]]) -> None:
    for item in arguments:
        if item & 1:
            variable = int(np.searchsorted(first, item >> 1, side="right")) - 1
            for literal in range(first[variable], first[variable + 1]):
                if literal != item >> 1:
                    allowed[literal].add(place)
        else:
            allowed[item >> 1].add(place)


def _read_table(first: Sequence[int], place: int, arguments: Sequence[int], allowed: Sequence[set[object]]) -> None:
    columns = arguments[1]
    rows = np.array(arguments[3 + columns :], dtype=np.int64).reshape(-1, columns)
    for column, variable in enumerate(arguments[3 : 3 + columns]):
        if first[variable + 1] - first[variable] <= _WIDEST:
            others = np.delete(rows, column, axis=1)
            for literal, other in zip(rows[:, column].tolist(), others, strict=True):
                allowed[literal].add((place, column, other.tobytes()))
