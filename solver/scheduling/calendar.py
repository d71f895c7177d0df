"""A line's windows as a clock of its own: *work* is the working time since the first window opened.

On that clock a line never closes, so overlap and setups are plain sums; only what may not pause looks at windows.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right

from solver.scheduling.problem import Line, Second


class Calendar:
    """Translates between instants and work in O(log n)."""

    __slots__ = ("_after", "_before", "_closes", "_opens", "total")

    def __init__(self, line: Line) -> None:
        self._opens: list[int] = []
        self._closes: list[int] = []
        for window in line.windows:
            if self._closes and self._closes[-1] == window.start:
                self._closes[-1] = window.end
            else:
                self._opens.append(window.start)
                self._closes.append(window.end)
        self._before: list[int] = []  # work when the window opens
        self._after: list[int] = []  # work when it closes
        self.total = 0
        for opens, closes in zip(self._opens, self._closes, strict=True):
            self._before.append(self.total)
            self.total += closes - opens
            self._after.append(self.total)

    def work(self, instant: int) -> int:
        """Work done until `instant`."""
        i = bisect_right(self._opens, instant) - 1
        if i < 0:
            return 0
        return self._before[i] + min(instant, self._closes[i]) - self._opens[i]

    def start(self, work: int) -> Second:
        """The instant at which the second after `work` (< total) begins; always inside a window."""
        i = bisect_right(self._before, work) - 1
        return Second(self._opens[i] + work - self._before[i])

    def end(self, work: int) -> Second:
        """The earliest instant at which `work` (0 < work <= total) is done."""
        i = bisect_left(self._before, work) - 1
        return Second(self._opens[i] + work - self._before[i])

    def whole(self, work: int, duration: int) -> int:
        """The first work >= `work` from which `duration` fits into one window; -1 when there is none."""
        after = self._after
        i = bisect_right(self._before, work) - 1
        if work + duration <= after[i]:
            return work
        for j in range(i + 1, len(after)):
            if after[j] - self._before[j] >= duration:
                return self._before[j]
        return -1
