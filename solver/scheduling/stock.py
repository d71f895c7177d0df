"""One material over time: what is there after every arrival and every take, and what is still free to promise."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from itertools import accumulate

from solver.scheduling.problem import Material


class Stock:
    """`level[i]` is there from `time[i]` on; what is free at an instant is the least level from there on."""

    __slots__ = ("_free", "arrivals", "delta", "level", "time")

    def __init__(self, material: Material) -> None:
        come: dict[int, int] = {}
        for instant, quantity in material.arrivals:
            come[instant] = come.get(instant, 0) + quantity
        self.arrivals = frozenset(come)
        self.time: list[int] = [-1, *sorted(come)]
        self.delta: list[int] = [material.stock, *(come[instant] for instant in sorted(come))]
        self.level: list[int] = list(accumulate(self.delta))
        self._free: list[int] | None = None

    def copy(self) -> Stock:
        """An independent copy."""
        other = Stock.__new__(Stock)
        other.arrivals = self.arrivals
        other.time, other.delta, other.level = self.time[:], self.delta[:], self.level[:]
        other._free = self._free  # replaced, never changed
        return other

    def take(self, instant: int, quantity: int) -> None:
        """Take (or, below zero, give back) at `instant`, whether it is there or not."""
        i = bisect_left(self.time, instant)
        if i == len(self.time) or self.time[i] != instant:
            self.time.insert(i, instant)
            self.delta.insert(i, 0)
            self.level.insert(i, self.level[i - 1])
        self.delta[i] -= quantity
        self.level[i:] = [level - quantity for level in self.level[i:]]
        if not self.delta[i] and i and instant not in self.arrivals:
            del self.time[i], self.delta[i], self.level[i]
        self._free = None

    def earliest(self, instant: int, quantity: int) -> int | None:
        """The first instant from `instant` on at which `quantity` can be taken without starving a later take."""
        free = self._free
        if free is None:
            free = list(accumulate(reversed(self.level), min))
            free.reverse()
            self._free = free
        i = bisect_right(self.time, instant) - 1
        if free[i] >= quantity:
            return instant
        i = bisect_left(free, quantity, lo=i + 1)
        return self.time[i] if i < len(free) else None
