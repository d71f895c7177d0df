"""One material over time: what is there after every arrival and every take, and what is still free to promise."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from solver.scheduling.arrays import Words
from solver.scheduling.problem import NEVER, Material


class Stock:
    """Takes are reserved at an instant and never taken twice; what is free is the least level from an instant on."""

    __slots__ = ("_free", "_quantity", "_time")

    def __init__(self, material: Material, takes: Iterable[tuple[int, int]] = ()) -> None:
        """The stock after takes (instant, quantity)."""
        changes = [(-1, material.stock), *material.arrivals, *((instant, -quantity) for instant, quantity in takes)]
        changes.sort()
        self._time: Words = np.array([instant for instant, _ in changes], dtype=np.int64)
        self._quantity: Words = np.array([quantity for _, quantity in changes], dtype=np.int64)
        self._free: Words | None = None

    def copy(self) -> Stock:
        """An independent copy; the arrays are replaced, never changed."""
        other = Stock.__new__(Stock)
        other._time, other._quantity, other._free = self._time, self._quantity, self._free
        return other

    def take(self, instant: int, quantity: int) -> None:
        """Take (or, below zero, give back) at `instant`, whether it is there or not."""
        i = int(np.searchsorted(self._time, instant, side="right"))
        self._time = np.insert(self._time, i, instant)
        self._quantity = np.insert(self._quantity, i, -quantity)
        self._free = None

    def first(self, quantity: int) -> int:
        """The first instant from which so much can be taken without starving what is reserved later; NEVER."""
        free = self._free
        if free is None:
            level = np.cumsum(self._quantity)
            # what comes and goes at one instant counts together
            last = np.append(self._time[1:] != self._time[:-1], True)
            level = np.where(last, level, np.iinfo(np.int64).max)
            self._free = free = np.minimum.accumulate(level[::-1])[::-1]
        i = int(np.searchsorted(free, quantity))
        return int(self._time[i]) if i < len(free) else NEVER
