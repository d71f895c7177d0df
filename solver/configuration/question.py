"""What an engine is asked about a part of a problem, and what it answers. Literals are those of the part's network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from time import monotonic

import numpy as np
from numpy.typing import NDArray

Flags = NDArray[np.uint8]
Interval = tuple[int, int, int]  # from, to (both included), step

STRICT = 1  # bit: with all decisions
RELEASED = 2  # bit: with all decisions but those about the literal's own variable


class OutOfTime(TimeoutError):
    """The question was not settled within its limit."""


@dataclass(frozen=True, slots=True)
class Clock:
    """A moment in the monotonic clock by which an answer is due."""

    due: float

    @classmethod
    def of(cls, seconds: float) -> Clock:
        """The moment in so many seconds from now."""
        return cls(monotonic() + seconds)

    @property
    def left(self) -> float:
        """Seconds until then, not below 0."""
        return max(0.0, self.due - monotonic())


def nearest_in(span: Interval, value: int) -> int:
    """The value of an interval that is nearest to a number; of two, the lower."""
    low, high, step = span
    if value <= low or value >= high:
        return low if value <= low else high
    below = low + (value - low) // step * step
    return below if value - below <= step - (value - below) else below + step


@dataclass(frozen=True, slots=True)
class Question:
    """Decisions as literals. `allowed`: 1 for a literal that all decisions allow. `asked`: 1 for a literal that all
    decisions but those about its own variable allow (so `asked >= allowed`). `numbers`: large numbers that were
    entered, by position.
    """

    allowed: Flags
    asked: Flags
    numbers: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Answer:
    """`valid`: bits STRICT and RELEASED of each literal that some variant has; `open`: the same bits where time did not
    settle it. `numbers`: the valid values of each large number (its own entry released), what is open included.
    """

    valid: Flags
    open: Flags
    numbers: tuple[tuple[Interval, ...], ...] = ()
    open_numbers: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Assignment:
    """A value for each variable and a number for each large number."""

    values: NDArray[np.int32]
    numbers: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Costs:
    """What a literal, or one more of a large number, costs (integers; below 0 too)."""

    literals: NDArray[np.int64]
    numbers: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Least:
    """An assignment, its cost, and a bound that no assignment is below (equal to the cost where that is proved)."""

    assignment: Assignment
    cost: int
    bound: int


@dataclass(frozen=True, slots=True)
class Spans:
    """Lowest and highest cost of an assignment that has the literal; low > high where there is none.

    `exact`: bit 1 for the lowest, bit 2 for the highest; otherwise they are bounds: never above the lowest, never below
    the highest.
    """

    low: NDArray[np.int64]
    high: NDArray[np.int64]
    exact: Flags
