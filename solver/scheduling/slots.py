"""What stands on one line, and the gaps between: the part of the book that is searched most."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence

from solver.scheduling.calendar import Calendar
from solver.scheduling.problem import FamilyId, LineId, OperationId

Setups = Mapping[tuple[FamilyId, FamilyId], int]


class Slots:
    """One line's operations in order, on its own clock (see `calendar`), and the gaps that are worth a look.

    `begin`, `finish`, `family` and `operation` are parallel and sorted by (begin, finish). Only facts may overlap; then
    the line is *tangled* and its gaps are found anew after every change.
    """

    __slots__ = (
        "_gap_after",
        "_gap_before",
        "_gap_from",
        "_gap_to",
        "begin",
        "calendar",
        "family",
        "finish",
        "initial",
        "line",
        "operation",
        "setups",
        "shortest",
        "tangled",
    )

    def __init__(
        self, line: LineId, calendar: Calendar, setups: Setups | None, initial: FamilyId | None, shortest: int
    ) -> None:
        self.line = line
        self.calendar = calendar
        self.setups = setups
        self.initial = initial
        self.shortest = shortest  # gaps shorter than this are not listed
        self.begin: list[int] = []
        self.finish: list[int] = []
        self.family: list[FamilyId | None] = []
        self.operation: list[OperationId] = []
        self.tangled = False
        self._gap_from: list[int] = []
        self._gap_to: list[int] = []
        self._gap_before: list[FamilyId | None] = []
        self._gap_after: list[FamilyId | None] = []

    def copy(self) -> Slots:
        """An independent copy."""
        other = Slots.__new__(Slots)
        other.line, other.calendar, other.setups = self.line, self.calendar, self.setups
        other.initial = self.initial
        other.shortest, other.tangled = self.shortest, self.tangled
        other.begin, other.finish = self.begin[:], self.finish[:]
        other.family, other.operation = self.family[:], self.operation[:]
        other._gap_from, other._gap_to = self._gap_from[:], self._gap_to[:]
        other._gap_before, other._gap_after = self._gap_before[:], self._gap_after[:]
        return other

    def gaps_only(self) -> Slots:
        """A copy that can be searched and filled, but has no list of operations: for one quote."""
        other = Slots.__new__(Slots)
        other.line, other.calendar, other.setups = self.line, self.calendar, self.setups
        other.initial = self.initial
        other.shortest, other.tangled = self.shortest, False
        other._gap_from, other._gap_to = self._gap_from[:], self._gap_to[:]
        other._gap_before, other._gap_after = self._gap_before[:], self._gap_after[:]
        return other

    def relisted(self, shortest: int) -> Slots:
        """A copy that also lists gaps down to `shortest`."""
        other = self.copy()
        other.shortest = shortest
        other.rebuild()
        return other

    def setup(self, before: FamilyId | None, after: FamilyId | None) -> int:
        """Working seconds between two families on this line."""
        if self.setups is None or before is None or after is None:
            return 0
        return self.setups.get((before, after), 0)

    def earliest(self, work: int, duration: int, family: FamilyId | None, whole: bool) -> int:
        """The first start >= `work` at which an operation fits between its neighbours and their setups; -1 for none."""
        ends, starts = self._gap_to, self._gap_from
        setups = self.setups if family is not None else None
        first = bisect_left(ends, work + duration)
        for i in range(first, len(ends)):
            start = starts[i]
            room = ends[i]
            if setups:
                before, after = self._gap_before[i], self._gap_after[i]
                if before is not None:
                    start += setups.get((before, family), 0)  # type: ignore[arg-type]
                if after is not None:
                    room -= setups.get((family, after), 0)  # type: ignore[arg-type]
            if start < work:
                start = work
            if start + duration > room:
                continue
            if not whole:
                return start
            start = self.calendar.whole(start, duration)
            if start < 0:
                return -1
            if start + duration <= room:
                return start
        return -1

    def last_before(self, work: int) -> int:
        """The position of the last operation that begins at `work` or before; -1 when there is none."""
        return bisect_right(self.begin, work) - 1

    def find(self, operation: OperationId, begin: int) -> int:
        """The position of an operation that begins at `begin`."""
        i = bisect_left(self.begin, begin)
        while self.operation[i] != operation:
            i += 1
        return i

    def fill(self, begin: int, finish: int, family: FamilyId | None) -> bool:
        """Take [begin, finish) out of its gap; False when no single gap has the room."""
        i = bisect_right(self._gap_from, begin) - 1
        if i < 0 or self._gap_to[i] < finish:
            return False
        opens, closes = self._gap_from[i], self._gap_to[i]
        after = self._gap_after[i]
        left, right = begin - opens >= self.shortest, closes - finish >= self.shortest
        if left and right:
            self._gap_to[i], self._gap_after[i] = begin, family
            self._gap_from.insert(i + 1, finish)
            self._gap_to.insert(i + 1, closes)
            self._gap_before.insert(i + 1, family)
            self._gap_after.insert(i + 1, after)
        elif left:
            self._gap_to[i], self._gap_after[i] = begin, family
        elif right:
            self._gap_from[i], self._gap_before[i] = finish, family
        else:
            del self._gap_from[i], self._gap_to[i], self._gap_before[i], self._gap_after[i]
        return True

    def insert(self, begin: int, finish: int, family: FamilyId | None, operation: OperationId) -> int:
        """Put an operation on the line, whether it fits or not; returns its position."""
        i = bisect_left(self.begin, begin)
        while i < len(self.begin) and self.begin[i] == begin and self.finish[i] <= finish:
            i += 1
        self.begin.insert(i, begin)
        self.finish.insert(i, finish)
        self.family.insert(i, family)
        self.operation.insert(i, operation)
        if finish - begin < self.shortest and finish > begin:
            self.shortest = finish - begin
            self.rebuild()
        elif self.tangled or begin == finish or not self.fill(begin, finish, family):
            self.rebuild()
        return i

    def remove(self, operation: OperationId, begin: int) -> int:
        """Take an operation off the line; returns the position at which it stood."""
        i = self.find(operation, begin)
        finish = self.finish[i]
        del self.begin[i], self.finish[i], self.family[i], self.operation[i]
        if self.tangled or begin == finish:
            self.rebuild()
            return i
        opens = self.finish[i - 1] if i else 0
        before = self.family[i - 1] if i else self.initial
        last = i == len(self.begin)
        closes = self.calendar.total if last else self.begin[i]
        after = None if last else self.family[i]
        a = bisect_left(self._gap_from, opens)  # gaps of this stretch, 0 to 2 of them
        b = bisect_right(self._gap_to, closes, lo=a)
        self._gap_from[a:b] = [opens]
        self._gap_to[a:b] = [closes]
        self._gap_before[a:b] = [before]
        self._gap_after[a:b] = [after]
        return i

    def reorder(self, positions: Sequence[int]) -> None:
        """Put the operations in another order; their times are then for the caller to set, and the gaps to rebuild."""
        self.begin = [self.begin[i] for i in positions]
        self.finish = [self.finish[i] for i in positions]
        self.family = [self.family[i] for i in positions]
        self.operation = [self.operation[i] for i in positions]

    def rebuild(self) -> None:
        """Find all gaps anew."""
        self._gap_from, self._gap_to, self._gap_before, self._gap_after = [], [], [], []
        opens, before, tangled = 0, self.initial, False
        for begin, finish, family in zip(self.begin, self.finish, self.family, strict=True):
            if begin - opens >= self.shortest:
                self._gap(opens, begin, before, family)
            tangled = tangled or begin < opens
            opens, before = max(opens, finish), family
        if self.calendar.total - opens >= self.shortest:
            self._gap(opens, self.calendar.total, before, None)
        self.tangled = tangled

    def _gap(self, opens: int, closes: int, before: FamilyId | None, after: FamilyId | None) -> None:
        self._gap_from.append(opens)
        self._gap_to.append(closes)
        self._gap_before.append(before)
        self._gap_after.append(after)
