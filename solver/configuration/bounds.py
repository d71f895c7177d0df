"""Between what the value of an expression always lies: interval arithmetic over exact rationals."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor, lcm, prod
from typing import Any, Final

from solver.configuration.rules import (
    And,
    Cases,
    Ceil,
    Comparator,
    Comparison,
    Exact,
    Expression,
    Floor,
    Implies,
    Max,
    Member,
    Min,
    Modulo,
    Negative,
    Not,
    Number,
    Or,
    Parameter,
    Product,
    Quotient,
    Sum,
    When,
    print_expression,
)

Span = tuple[Exact, Exact]  # from the least to the greatest value that is possible

NEVER: Final[Span] = (0, 0)
ALWAYS: Final[Span] = (1, 1)
EITHER: Final[Span] = (0, 1)
_SHOWN: Final = 80  # characters of an expression in a message
_DIVISORS: Final = 1_000  # up to which all are taken into account


class TooLarge(ArithmeticError):
    """A value may leave the limit. `part` is the text of the expression, `low` and `high` what it may come to."""

    def __init__(self, part: str, low: Exact, high: Exact) -> None:
        shown = part if len(part) <= _SHOWN else f"{part[:_SHOWN]}..."
        super().__init__(f"{shown} may come to anything from {_round(low)} to {_round(high)}")
        self.part, self.low, self.high = part, low, high


@dataclass(frozen=True, slots=True)
class Bound:
    """The value lies in [low, high]. Times `denominator` it is whole; it is 0 or at least `nearest` away from 0.

    None: not known.
    """

    low: Exact
    high: Exact
    denominator: int | None = 1
    nearest: Fraction | None = Fraction(1)

    @property
    def span(self) -> Span:
        """Low and high."""
        return self.low, self.high


def bound(expression: Expression, asked: Callable[[Member | Parameter], Bound], limit: int | None = None) -> Bound:
    """The bound of an expression's value whenever it has one. `asked` gives that of what the expression names.

    With a `limit` every part has to stay within it, whatever the answers are: raises TooLarge, for the innermost part
    that does not, or that divides by what may be as near to 0 as nobody can tell.
    """
    if isinstance(expression, Member | Parameter):
        found = asked(expression)
    elif isinstance(expression, Number):
        exact = expression.value
        found = Bound(exact, exact, exact.denominator, Fraction(1, exact.denominator))
    else:
        below = [bound(child, asked, limit) for child in expression.children()]
        if isinstance(expression, Quotient):
            found = _quotient(expression, *below)
        else:
            low, high = COMBINE[type(expression)](expression, [part.span for part in below])
            denominator = _denominator(expression, [part.denominator for part in below])
            found = Bound(low, high, denominator, _nearest(expression, denominator, below))
    if limit is not None and (found.low < -limit or found.high > limit):
        raise TooLarge(print_expression(expression), found.low, found.high)
    return found


def truth(found: Span) -> Span:
    """Whether what lies there holds: NEVER, ALWAYS or EITHER."""
    if found == (0, 0):
        return NEVER
    return ALWAYS if found[0] > 0 or found[1] < 0 else EITHER


def _round(number: Exact) -> str:
    if -(10**300) < number < 10**300:
        return f"{float(number):.3g}"
    return "less than -1e+300" if number < 0 else "more than 1e+300"


def _denominator(expression: Expression, below: Sequence[int | None]) -> int | None:
    if isinstance(expression, Product):
        found = 1
        for part in below:
            if part is None:
                return None
            found *= part
        return found
    if isinstance(expression, Sum | Min | Max | Negative | Modulo):
        return None if None in below else lcm(*(part for part in below if part is not None))
    if isinstance(expression, When | Cases):
        values = [below[1], below[2]] if isinstance(expression, When) else [*below[1:-1:2], below[-1]]
        return None if None in values else lcm(*(part for part in values if part is not None))
    return 1  # a truth, a whole number


def _nearest(expression: Expression, denominator: int | None, below: Sequence[Bound]) -> Fraction | None:
    if denominator is not None:
        return Fraction(1, denominator)
    parts = [part.nearest for part in below]
    if isinstance(expression, Sum | Modulo) or any(part is None for part in parts):
        return None
    known = [part for part in parts if part is not None]
    if isinstance(expression, Product):
        return prod(known, start=Fraction(1))
    return min(known)


def _quotient(expression: Quotient, left: Bound, right: Bound) -> Bound:
    if right.low == right.high == 0:
        return Bound(0, 0)  # it never has a value
    ends = [right.low, right.high]
    if right.low <= 0 <= right.high:
        if right.nearest is None:
            raise TooLarge(print_expression(expression), -(10**400), 10**400)
        near = (right.low, -right.nearest, right.nearest, right.high)
        ends = [end for end in near if end and right.low <= end <= right.high]
    corners = [Fraction(a) / b for a in left.span for b in ends]
    farthest = Fraction(max(-right.low, right.high))
    denominator = None
    if left.denominator is not None and right.low == right.high:
        denominator = left.denominator * abs(Fraction(right.low).numerator)
    elif left.denominator is not None and right.denominator is not None and farthest * right.denominator <= _DIVISORS:
        denominator = left.denominator * lcm(*range(1, int(farthest * right.denominator) + 1))
    nearest = None if left.nearest is None else left.nearest / farthest
    return Bound(min(corners), max(corners), denominator, nearest)


# --- what the spans of the parts make of the whole -----------------------------------------------------------------


def _all(truths: Sequence[Span]) -> Span:
    return min(low for low, _ in truths), min(high for _, high in truths)


def _any(truths: Sequence[Span]) -> Span:
    return max(low for low, _ in truths), max(high for _, high in truths)


def _negated(found: Span) -> Span:
    return 1 - found[1], 1 - found[0]


def _product(_: Any, parts: list[Span]) -> Span:
    low, high = parts[0]
    for c, d in parts[1:]:
        corners = [low * c, low * d, high * c, high * d]
        low, high = min(corners), max(corners)
    return low, high


def _modulo(_: Any, parts: list[Span]) -> Span:
    """The sign of the divisor, and nearer to 0 than it; the left itself where that stays between 0 and the divisor."""
    (a, b), (c, d) = parts
    if c == d and c != 0 and Fraction(a) // c == Fraction(b) // c:
        return a % c, b % c
    low, high = min(c, 0), max(d, 0)
    if c > 0 and a >= 0:
        high = min(high, b)
    return low, high


def _compare(comparison: Any, parts: list[Span]) -> Span:
    (a, b), (c, d) = parts
    less = (int(b < c), int(a < d))
    at_most = (int(b <= c), int(a <= d))
    equal = (int(a == b == c == d), int(a <= d and c <= b))
    return {
        Comparator.LESS: less,
        Comparator.LESS_OR_EQUAL: at_most,
        Comparator.GREATER: _negated(at_most),
        Comparator.GREATER_OR_EQUAL: _negated(less),
        Comparator.EQUAL: equal,
        Comparator.UNEQUAL: _negated(equal),
    }[comparison.comparator]


def _cases(_: Any, parts: list[Span]) -> Span:
    """The values of the cases that may be the first to hold (also of `when`: one case)."""
    values: list[Span] = []
    for condition, value in zip(parts[:-1:2], parts[1:-1:2], strict=True):
        held = truth(condition)
        if held != NEVER:
            values.append(value)
        if held == ALWAYS:
            break
    else:
        values.append(parts[-1])
    return min(low for low, _ in values), max(high for _, high in values)


COMBINE: Final[dict[type, Callable[[Any, list[Span]], Span]]] = {
    Not: lambda _, p: _negated(truth(p[0])),
    Negative: lambda _, p: (-p[0][1], -p[0][0]),
    Ceil: lambda _, p: (ceil(p[0][0]), ceil(p[0][1])),
    Floor: lambda _, p: (floor(p[0][0]), floor(p[0][1])),
    And: lambda _, p: _all([truth(x) for x in p]),
    Or: lambda _, p: _any([truth(x) for x in p]),
    Implies: lambda _, p: _any([_negated(truth(p[0])), truth(p[1])]),
    Sum: lambda _, p: (sum(x[0] for x in p), sum(x[1] for x in p)),
    Min: lambda _, p: (min(x[0] for x in p), min(x[1] for x in p)),
    Max: lambda _, p: (max(x[0] for x in p), max(x[1] for x in p)),
    Product: _product,
    Modulo: _modulo,
    Comparison: _compare,
    When: _cases,
    Cases: _cases,
}
