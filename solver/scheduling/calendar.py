"""A line's windows as a clock of its own: *work* is the working time since the first window opened.

On that clock a line never closes, so overlap and setups are plain sums; only what may not pause looks at windows.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from itertools import accumulate

from solver.scheduling.check import merged
from solver.scheduling.problem import NEVER, Line, Running, Second


class Calendar:
    """Translates between instants and work in O(log n).

    Parallel lists over the windows (those that touch are one): `opens`, `closes`, the work `before` and `after` each,
    and `shift`, the last window of its shift.
    """

    __slots__ = ("after", "before", "closes", "longest", "longest_shift", "opens", "shift", "total")

    def __init__(self, line: Line) -> None:
        windows = merged(line)
        self.opens = [opens for opens, _ in windows]
        self.closes = [closes for _, closes in windows]
        self.after = list(accumulate(closes - opens for opens, closes in windows))
        self.before = [0, *self.after[:-1]]
        self.total = self.after[-1]
        self.shift = list(range(len(windows)))
        for i in range(len(windows) - 2, -1, -1):
            if self.opens[i + 1] - self.closes[i] <= line.longest_break:
                self.shift[i] = self.shift[i + 1]
        self.longest = max(closes - opens for opens, closes in windows)  # window
        self.longest_shift = max(self.after[last] - self.before[i] for i, last in enumerate(self.shift))

    def work(self, instant: int) -> int:
        """Work done until `instant`."""
        i = bisect_right(self.opens, instant) - 1
        if i < 0:
            return 0
        return self.before[i] + min(instant, self.closes[i]) - self.opens[i]

    def start(self, work: int) -> Second:
        """The instant at which the second after `work` (< total) begins; always inside a window."""
        i = bisect_right(self.before, work) - 1
        return Second(self.opens[i] + work - self.before[i])

    def end(self, work: int) -> Second:
        """The earliest instant at which `work` (0 < work <= total) is done."""
        i = bisect_left(self.before, work) - 1
        return Second(self.opens[i] + work - self.before[i])

    def whole(self, work: int, duration: int) -> int:
        """The first work >= `work` from which `duration` fits into one window; -1 when there is none."""
        after = self.after
        i = bisect_right(self.before, work) - 1
        if work + duration <= after[i]:
            return work
        for j in range(i + 1, len(after)):
            if after[j] - self.before[j] >= duration:
                return self.before[j]
        return -1

    # --- by instants, for every way of running ---

    def is_open(self, low: int, high: int) -> bool:
        """Whether one window spans [low, high]."""
        i = bisect_right(self.opens, low) - 1
        return i >= 0 and high <= self.closes[i]

    def room(self, running: Running) -> int:
        """The longest duration that the line takes at all."""
        match running:
            case Running.WHOLE:
                return self.longest
            case Running.BREAKS:
                return self.longest_shift
            case Running.PAUSES:
                return self.total
            case Running.UNATTENDED:
                return NEVER

    def last_start(self, window: int, running: Running, duration: int) -> int:
        """The last start in a window from which `duration` can be done; before it opens when there is none."""
        opens, last = self.opens[window], self.closes[window] - 1
        match running:
            case Running.WHOLE:
                return self.closes[window] - duration
            case Running.BREAKS:
                return min(last, opens + self.after[self.shift[window]] - self.before[window] - duration)
            case Running.PAUSES:
                return min(last, opens + self.total - self.before[window] - duration)
            case Running.UNATTENDED:
                return last

    def starts(self, low: int, high: int, running: Running, duration: int) -> list[tuple[int, int]]:
        """The starts within [low, high] from which `duration` can be done, as closed intervals."""
        found = []
        for i in range(max(0, bisect_right(self.opens, low) - 1), len(self.opens)):
            if self.opens[i] > high:
                break
            first, last = max(low, self.opens[i]), min(high, self.last_start(i, running, duration))
            if first <= last:
                found.append((first, last))
        return found

    def finish(self, start: int, running: Running, duration: int) -> int:
        """When what starts inside a window is done; NEVER when the windows end before."""
        if running in (Running.UNATTENDED, Running.WHOLE):
            return start + duration
        done = self.work(start) + duration
        return self.end(done) if done <= self.total else NEVER

    def earliest(self, ready: int, running: Running, duration: int) -> tuple[int, int]:
        """The first start at `ready` or later from which it can be done, and its end; NEVER when there is none."""
        if len(self.opens) == 1:
            start = max(ready, self.opens[0])
            end = start + duration
            if start < self.closes[0] and (end <= self.closes[0] or running is Running.UNATTENDED):
                return start, end
            return NEVER, NEVER
        if duration <= self.room(running):
            for i in range(bisect_right(self.closes, ready), len(self.opens)):
                start = max(ready, self.opens[i])
                if start <= self.last_start(i, running, duration):
                    return start, self.finish(start, running, duration)
        return NEVER, NEVER
