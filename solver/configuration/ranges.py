"""Which values of one large parameter keep the rules, everything else being fixed: interval arithmetic and halving."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor
from typing import Any

from solver.configuration.problem import IntegerParameter
from solver.configuration.rules import (
    And,
    Answers,
    Ceil,
    Comparator,
    Comparison,
    DividedByZero,
    Exact,
    Expression,
    Floor,
    Implies,
    Max,
    Min,
    Negative,
    Not,
    Or,
    Parameter,
    Product,
    Quotient,
    Sum,
    When,
    holds,
)

Span = tuple[Exact, Exact]  # from the least to the greatest value that is possible
Places = tuple[int, int]  # positions in a parameter's values, both included

_EVALUATIONS = 4_000  # of one call, before what is left is given up
_FALSE, _TRUE, _EITHER = (0, 0), (1, 1), (0, 1)


@dataclass(frozen=True, slots=True)
class _With:
    """Other answers, with one parameter replaced."""

    others: Answers
    name: str
    number: int

    def member(self, group: str, name: str) -> bool | int:
        return self.others.member(group, name)

    def parameter(self, name: str) -> int:
        return self.number if name == self.name else self.others.parameter(name)

    def text(self, name: str) -> str:
        return self.others.text(name)


def places_that_hold(rules: Sequence[Expression], parameter: IntegerParameter, others: Answers) -> tuple[Places, ...]:
    """Intervals of positions in the parameter's values at which all rules hold; sorted, disjoint, none missed.

    Gives up on what is not settled after some thousand evaluations: such positions are left out.
    """
    values = parameter.values
    left = _EVALUATIONS
    found: list[Places] = []
    waiting: list[Places] = [(0, len(values) - 1)]
    while waiting and left > 0:
        first, last = waiting.pop()
        left -= 1
        if first == last:
            asked = _With(others, parameter.id, values[first])
            held: Span = _TRUE if all(_holds(rule, asked) for rule in rules) else _FALSE
        else:
            held = _all([_truth(span(rule, others, parameter.id, values[first], values[last])) for rule in rules])
        if held == _TRUE:
            if found and found[-1][1] == first - 1:
                found[-1] = (found[-1][0], last)
            else:
                found.append((first, last))
        elif held == _EITHER:
            middle = (first + last) // 2
            waiting += [(middle + 1, last), (first, middle)]
    return tuple(found)


def span(expression: Expression, others: Answers, name: str, low: int, high: int) -> Span | None:
    """Bounds of the value while the parameter is within [low, high]; None if it may divide by 0."""
    try:
        return _span(expression, others, name, (low, high))
    except DividedByZero:
        return None


def _holds(rule: Expression, asked: Answers) -> bool:
    try:
        return holds(rule, asked)
    except DividedByZero:
        return False


def _truth(found: Span | None) -> Span:
    if found is None:
        return _EITHER
    if found == (0, 0):
        return _FALSE
    return _TRUE if found[0] > 0 or found[1] < 0 else _EITHER


def _all(truths: Sequence[Span]) -> Span:
    return min(low for low, _ in truths), min(high for _, high in truths)


def _any(truths: Sequence[Span]) -> Span:
    return max(low for low, _ in truths), max(high for _, high in truths)


def _negated(found: Span) -> Span:
    return 1 - found[1], 1 - found[0]


def _span(expression: Expression, others: Answers, name: str, inside: Span) -> Span:
    if isinstance(expression, Parameter) and expression.name == name:
        return inside
    below = [_span(child, others, name, inside) for child in expression.children()]
    if not below:
        fixed = expression.evaluate(others)
        return fixed, fixed
    return _COMBINE[type(expression)](expression, below)


def _quotient(_: Any, parts: list[Span]) -> Span:
    (a, b), (c, d) = parts
    if c <= 0 <= d:
        raise DividedByZero
    corners = [Fraction(x) / y for x in (a, b) for y in (c, d)]
    return min(corners), max(corners)


def _product(_: Any, parts: list[Span]) -> Span:
    low, high = parts[0]
    for c, d in parts[1:]:
        corners = [low * c, low * d, high * c, high * d]
        low, high = min(corners), max(corners)
    return low, high


def _compare(comparison: Any, parts: list[Span]) -> Span:
    (a, b), (c, d) = parts
    less = (int(b < c), int(a < d))
    at_most = (int(b <= c), int(a <= d))
    equal = (int(a == b == c == d), int(a <= d and c <= b))
    found = {
        Comparator.LESS: less,
        Comparator.LESS_OR_EQUAL: at_most,
        Comparator.GREATER: _negated(at_most),
        Comparator.GREATER_OR_EQUAL: _negated(less),
        Comparator.EQUAL: equal,
        Comparator.UNEQUAL: _negated(equal),
    }[comparison.comparator]
    return found


def _when(_: Any, parts: list[Span]) -> Span:
    condition = _truth(parts[0])
    if condition == _TRUE:
        return parts[1]
    if condition == _FALSE:
        return parts[2]
    return min(parts[1][0], parts[2][0]), max(parts[1][1], parts[2][1])


_COMBINE: dict[type, Callable[[Any, list[Span]], Span]] = {
    Not: lambda _, p: _negated(_truth(p[0])),
    Negative: lambda _, p: (-p[0][1], -p[0][0]),
    Ceil: lambda _, p: (ceil(p[0][0]), ceil(p[0][1])),
    Floor: lambda _, p: (floor(p[0][0]), floor(p[0][1])),
    And: lambda _, p: _all([_truth(x) for x in p]),
    Or: lambda _, p: _any([_truth(x) for x in p]),
    Implies: lambda _, p: _any([_negated(_truth(p[0])), _truth(p[1])]),
    Sum: lambda _, p: (sum(x[0] for x in p), sum(x[1] for x in p)),
    Min: lambda _, p: (min(x[0] for x in p), min(x[1] for x in p)),
    Max: lambda _, p: (max(x[0] for x in p), max(x[1] for x in p)),
    Product: _product,
    Quotient: _quotient,
    Comparison: _compare,
    When: _when,
}
