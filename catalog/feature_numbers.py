"""The numbers of a feature model: how many decimals they have, and what range a typed number has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor
from typing import Final

from catalog.feature_kinds import resolve
from catalog.feature_model import (
    COMPARING,
    TURNED,
    Feature,
    FeatureModel,
    FeatureType,
    NumberTerm,
    Operation,
    Operator,
    Reference,
    Term,
    terms_in,
)

DEFAULT_LIMIT: Final = 100_000  # a number without bounds lies within plus and minus this, or twice any number in sight
REAL_DECIMALS: Final = 2  # of a real number that is typed, or as many as its file has
MAXIMUM_DECIMALS: Final = 4
MAXIMUM_NUMBER: Final = 10**9


@dataclass(frozen=True, slots=True)
class NumberRange:
    """The numbers that a feature may have, times `scale`: low, low + step, ... up to high.

    `assumed_low`, `assumed_high`: nothing in the file says that end.
    """

    scale: int
    low: int
    high: int
    step: int = 1
    assumed_low: bool = False
    assumed_high: bool = False

    @property
    def asked(self) -> range:
        """All of them."""
        return range(self.low, self.high + 1, self.step)


@dataclass(frozen=True, slots=True)
class _Compared:
    """A feature's number compared with a constant."""

    feature: str
    operator: Operator
    number: Fraction


def number_ranges(model: FeatureModel) -> dict[str, NumberRange]:
    """The range of each Integer and Real feature.

    It is cut by the attributes min and max, by what constraints say of the number wherever its feature is chosen, and
    thinned by the attribute step (counted from min). It loses nothing that the constraints allow.
    """
    every = list(numbers_in(model))
    limit = max(DEFAULT_LIMIT, ceil(2 * max((abs(number) for number in every), default=Fraction(0))))
    decimals = min(max(REAL_DECIMALS, *(places(number) for number in every), 0), MAXIMUM_DECIMALS)
    cuts: dict[str, list[tuple[Operator, Fraction]]] = {}
    for constraint in model.constraints:
        for part in _unconditional(model, constraint.term):
            cuts.setdefault(part.feature, []).append((part.operator, part.number))
    return {
        feature.name: _range(feature, 10**decimals if feature.type is FeatureType.REAL else 1, limit, cuts)
        for feature in model.features.values()
        if feature.type in (FeatureType.INTEGER, FeatureType.REAL)
    }


def numbers_in(model: FeatureModel) -> Iterator[Fraction]:
    """Every number that a constraint or an attribute states."""
    for constraint in model.constraints:
        yield from (term.value for term in terms_in(constraint.term) if isinstance(term, NumberTerm))
    for feature in model.features.values():
        yield from (value for value in feature.attributes.values() if isinstance(value, Fraction))


def _range(
    feature: Feature, scale: int, limit: int, cuts: dict[str, list[tuple[Operator, Fraction]]]
) -> NumberRange:
    limit = min(limit * scale, MAXIMUM_NUMBER)
    first, last = _attribute(feature, "min", "minimum"), _attribute(feature, "max", "maximum")
    lows = [] if first is None else [ceil(first * scale)]
    highs = [] if last is None else [floor(last * scale)]
    for operator, number in cuts.get(feature.name, ()):
        scaled = number * scale
        if operator in (Operator.GREATER_OR_EQUAL, Operator.EQUAL):
            lows.append(ceil(scaled))
        if operator in (Operator.LESS_OR_EQUAL, Operator.EQUAL):
            highs.append(floor(scaled))
        if operator is Operator.GREATER:
            lows.append(floor(scaled) + 1)
        if operator is Operator.LESS:
            highs.append(ceil(scaled) - 1)
    low, high = max(lows, default=-limit), min(highs, default=limit)
    low, high = max(low, -MAXIMUM_NUMBER), min(high, MAXIMUM_NUMBER)
    step = 1
    stated = _attribute(feature, "step")
    if stated is not None and stated > 0 and (stated * scale).denominator == 1 and first is not None:
        step = int(stated * scale)
        low = lows[0] + -((lows[0] - low) // step) * step
    if low > high:  # its own constraints leave no number: they stay rules, and say so
        return NumberRange(scale, -limit, limit)
    return NumberRange(scale, low, high, step, not lows, not highs)


def _attribute(feature: Feature, *names: str) -> Fraction | None:
    found = [feature.attributes.get(name) for name in names]
    return next((value for value in found if isinstance(value, Fraction)), None)


def _compared(model: FeatureModel, term: Term) -> _Compared | None:
    """The term as a feature's number compared with a constant, if it is that."""
    if not isinstance(term, Operation) or term.operator not in COMPARING:
        return None
    operator: Operator = term.operator
    left, right = term.operands
    if isinstance(left, NumberTerm):
        operator, left, right = TURNED.get(operator, operator), right, left
    if not isinstance(left, Reference) or not isinstance(right, NumberTerm):
        return None
    found = resolve(model, left)
    if found.attribute is not None or found.feature.type not in (FeatureType.INTEGER, FeatureType.REAL):
        return None
    return _Compared(found.feature.name, operator, right.value)


def _unconditional(model: FeatureModel, term: Term) -> Iterator[_Compared]:
    """What the constraint says of a number wherever its feature is chosen."""
    waiting: list[Term] = [term]
    while waiting:
        part = waiting.pop()
        compared = _compared(model, part)
        if compared is not None:
            yield compared
        elif isinstance(part, Operation) and part.operator is Operator.AND:
            waiting.extend(part.operands)
        elif isinstance(part, Operation) and part.operator is Operator.IMPLIES:
            condition, held = part.operands
            if isinstance(condition, Reference):
                above = resolve(model, condition)
                if above.attribute is None:
                    found = _unconditional(model, held)
                    yield from (one for one in found if _is_at_or_below(model, one.feature, above.feature.name))


def _is_at_or_below(model: FeatureModel, name: str, above: str) -> bool:
    waiting: str | None = name
    while waiting is not None and waiting != above:
        waiting = model.features[waiting].parent
    return waiting is not None


def only_says_the_range(
    model: FeatureModel, term: Term, ranges: Mapping[str, NumberRange], always: frozenset[str]
) -> bool:
    """Whether the constraint follows from a number's range alone, so that it need not be a rule.

    `always`: the features that every variant has; of others the number is 0 where they are not chosen.
    """
    held, guard = term, None
    if isinstance(term, Operation) and term.operator is Operator.IMPLIES and isinstance(term.operands[0], Reference):
        found = resolve(model, term.operands[0])
        guard, held = (found.feature.name if found.attribute is None else None), term.operands[1]
    parts = held.operands if isinstance(held, Operation) and held.operator is Operator.AND else (held,)
    for part in parts:
        ways = part.operands if isinstance(part, Operation) and part.operator is Operator.OR else (part,)
        compared = [_compared(model, way) for way in ways]
        first = compared[0]
        if first is None or (guard != first.feature and first.feature not in always):
            return False
        same = [one for one in compared if one is not None and one.feature == first.feature]
        if len(same) != len(compared) or not _covers(ranges[first.feature], same):
            return False
    return True


def _covers(within: NumberRange, ways: list[_Compared]) -> bool:
    """Whether each number of the range compares in one of the ways."""
    if len(ways) == 1 and ways[0].operator is not Operator.UNEQUAL:
        return all(compares(Fraction(end, within.scale), ways[0].operator, ways[0].number) for end in _ends(within))
    if any(one.operator is not Operator.EQUAL for one in ways) or len(within.asked) > len(ways):
        return False
    numbers = {one.number * within.scale for one in ways}
    return all(number in numbers for number in within.asked)


def _ends(within: NumberRange) -> tuple[int, int]:
    return within.asked[0], within.asked[-1]


def compares(left: Fraction, operator: Operator, right: Fraction) -> bool:
    """Whether the numbers compare so."""
    return {
        Operator.EQUAL: left == right,
        Operator.UNEQUAL: left != right,
        Operator.LESS: left < right,
        Operator.LESS_OR_EQUAL: left <= right,
        Operator.GREATER: left > right,
        Operator.GREATER_OR_EQUAL: left >= right,
    }[operator]


def places(number: Fraction) -> int:
    """How many decimals a decimal has."""
    found = 0
    while number.denominator != 1:
        number, found = number * 10, found + 1
    return found


def attribute_places(model: FeatureModel) -> dict[str, int]:
    """How many decimals each attribute has."""
    found: dict[str, int] = {}
    for feature in model.features.values():
        for attribute, value in feature.attributes.items():
            if isinstance(value, Fraction):
                found[attribute] = max(found.get(attribute, 0), places(value))
    return found
