"""One material over time: what is there after every arrival and every take, and what is still free to promise."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from solver.scheduling.arrays import Words
from solver.scheduling.problem import Material


class Stock:
    """Takes are reserved at an instant and never taken twice; what is free is the least level from an instant on."""

    __slots__ = ("_free", "_least", "_quantity", "_time")

    def __init__(self, material: Material, takes: Iterable[tuple[int, int]] = ()) -> None:
        """The stock after takes (instant, quantity)."""
        changes = [(-1, material.stock), *material.arrivals, *((instant, -quantity) for instant, quantity in takes)]
        changes.sort()
        self._time: Words = np.array([instant for instant, _ in changes], dtype=np.int64)
        self._quantity: Words = np.array([quantity for _, quantity in changes], dtype=np.int64)
        self._free: Words | None = None
        self._least = 0  # of what is free, once that is known

    def copy(self) -> Stock:
        """An independent copy; the arrays are replaced, never changed."""
        other = Stock.__new__(Stock)
        other._time, other._quantity, other._free, other._least = self._time, self._quantity, self._free, self._least
        return other

    def take(self, instant: int, quantity: int) -> None:
        """Take (or, below zero, give back) at `instant`, whether it is there or not."""
        i = int(np.searchsorted(self._time, instant, side="right"))
        self._time = np.insert(self._time, i, instant)
        self._quantity = np.insert(self._quantity, i, -quantity)
        self._free = None

    def levels(self) -> list[tuple[int, int]]:
        """Instants, and how much is there from each of them on."""
        last = self._last()
        return list(zip(self._time[last].tolist(), np.cumsum(self._quantity)[last].tolist(), strict=True))

    def _last(self) -> NDArray[np.bool_]:
        """Whether a change is the last one at its instant: what comes and goes at one instant counts together."""
        return np.append(self._time[1:] != self._time[:-1], True)

    def earliest(self, instant: int, quantity: int) -> int | None:
        """The first instant from `instant` (>= -1) on at which so much can be taken without starving a later take."""
        free = self._free
        if free is None:
            level = np.where(self._last(), np.cumsum(self._quantity), np.iinfo(np.int64).max)
            self._free = free = np.minimum.accumulate(level[::-1])[::-1]
            self._least = int(free[0])
        if self._least >= quantity or free[self._time.searchsorted(instant, side="right") - 1] >= quantity:
            return instant
        i = int(free.searchsorted(quantity))
        return int(self._time[i]) if i < len(free) else None
