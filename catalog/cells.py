"""The cells of tables and look-ups: options, numbers, intervals of numbers, or whatever is there."""

from __future__ import annotations

import re
from fractions import Fraction

from solver.configuration.problem import Cell, OptionId, Within
from solver.configuration.rules import (
    Comparator,
    Comparison,
    Exact,
    Expression,
    Member,
    Parameter,
    number_of,
)

ANYTHING = "*"
_NUMBER = r"-?\d{1,12}(?:\.\d{1,6})?"
_INTERVAL = re.compile(rf"(?P<low>{_NUMBER})?\s*\.\.\s*(?P<high>{_NUMBER})?")
_ONE = re.compile(_NUMBER)


class BadCell(ValueError):
    """The text of a cell is neither a number nor an interval."""


def interval(text: str) -> Within:
    """`18`, `0..1200`, `..5` or `1201..`; both ends belong to it. Raises BadCell."""
    if _ONE.fullmatch(text):
        return Within(_exact(text), _exact(text))
    found = _INTERVAL.fullmatch(text.strip())
    if found is None or (found["low"] is None and found["high"] is None):
        raise BadCell(text)
    low, high = (None if found[end] is None else _exact(found[end]) for end in ("low", "high"))
    if low is not None and high is not None and low > high:
        raise BadCell(text)
    return Within(low, high)


def cell(text: str, *, of_group: bool) -> Cell:
    """The cell of a column about a group (an option) or a number (an interval). Raises BadCell."""
    if text == ANYTHING:
        return None
    return OptionId(text) if of_group else interval(text)


def fits(name: str, one: Cell) -> list[Expression]:
    """What must hold so that an answer fits a cell."""
    if one is None:
        return []
    if not isinstance(one, Within):
        return [Member(name, one)]
    if one.low is not None and one.low == one.high:
        return [Comparison(Parameter(name), Comparator.EQUAL, number_of(one.low))]
    limits = ((one.low, Comparator.GREATER_OR_EQUAL), (one.high, Comparator.LESS_OR_EQUAL))
    return [Comparison(Parameter(name), sign, number_of(end)) for end, sign in limits if end is not None]




def _exact(text: str) -> Exact:
    found = Fraction(text)
    return found.numerator if found.denominator == 1 else found
