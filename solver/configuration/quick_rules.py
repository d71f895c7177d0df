"""An expression as one Python function of whole numbers: what `evaluate` says, without walking the tree each time.

Most of what a formula comes to is a whole number of some fraction that is known beforehand (a length in mm / 1000): it
is counted in that fraction, so that nothing but whole numbers is added, multiplied and compared, and it stays exact.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from math import ceil, floor, lcm
from typing import Any, Final, Protocol

from solver.configuration.problem import ConfigurationProblem, GroupId, OptionGroup, OptionId, ParameterId
from solver.configuration.rules import (
    And,
    Answers,
    Cases,
    Ceil,
    Comparison,
    Exact,
    Expression,
    Floor,
    Implies,
    Length,
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
    divided,
    left_over,
)

Chosen = Mapping[GroupId, frozenset[OptionId]]
Numbers = Mapping[ParameterId, int]
FINEST: Final = 10**18  # no finer fraction is counted in
_CALLED: Final[dict[type[Expression], str]] = {Min: "min", Max: "max"}
_LOGICAL: Final[dict[type[Expression], str]] = {And: "and", Or: "or"}


class QuickAnswers(Answers, Protocol):
    """What a function asks besides what is chosen and entered."""

    def count(self, quick: Quick) -> Exact:
        """What a derived quantity comes to, times its denominator. May raise DividedByZero."""


class Quick:
    """An expression as a function.

    `function`: (answers, what is chosen, what is entered) -> the value times `denominator`; raises DividedByZero as
    `evaluate` does. `asked`: the groups, parameters and texts that it asks, also through derived quantities. Of a sum,
    `operands` are these and how often each of them counts, `operands_asking` their places by what they ask.
    """

    __slots__ = ("asked", "denominator", "expression", "function", "operands", "operands_asking")

    def __init__(
        self, expression: Expression, asked: frozenset[str], function: Callable[[QuickAnswers, Chosen, Numbers], Exact],
        denominator: int, operands: Sequence[tuple[Quick, int]] = (),
    ) -> None:
        self.expression = expression
        self.asked = asked
        self.function = function
        self.denominator = denominator
        self.operands = operands
        places: dict[str, list[int]] = {}
        for place, (operand, _factor) in enumerate(operands):
            for name in operand.asked:
                places.setdefault(name, []).append(place)
        self.operands_asking: Mapping[str, Sequence[int]] = places


def exact(count: Exact, denominator: int) -> Exact:
    """The value of so many of a fraction, whole where it can be."""
    if denominator == 1:
        return count
    value, rest = divmod(count, denominator)
    return Fraction(count, denominator) if rest else value


def quick(
    problem: ConfigurationProblem, expression: Expression, asked: frozenset[str], derived: Callable[[str], Quick],
    operands: Sequence[Quick] = (),
) -> Quick:
    """The expression as a function of answers to this problem. `operands`: of a sum, if it is to be told by them."""
    if operands:
        most = _common(*(one.denominator for one in operands))
        if most is not None:
            return Quick(expression, asked, _total, most, [(one, most // one.denominator) for one in operands])
    writer = _Writer(problem, derived)
    try:
        source, denominator = writer.of(expression)
        function = eval(f"lambda a, c, n: {source}", writer.names)  # noqa: S307 - of names and numbers, see _Writer
    except (KeyError, MemoryError, SyntaxError):  # what has no value of its own, or is nested too deeply for Python
        return Quick(expression, asked, lambda answers, _chosen, _numbers: expression.evaluate(answers), 1)
    return Quick(expression, asked, function, denominator)


def _total(_answers: QuickAnswers, _chosen: Chosen, _numbers: Numbers) -> Exact:
    raise TypeError("A sum is told by its operands.")


def _common(*denominators: int) -> int | None:
    """The fraction in which all of them can be counted, None if that is too fine."""
    found = lcm(*denominators)
    return found if found <= FINEST else None


_Counted = tuple[str, int]  # Python for a number of fractions, and one over which


class _Writer:
    """Python for expressions. Whatever somebody has typed is a constant in `names`, never part of the text."""

    def __init__(self, problem: ConfigurationProblem, derived: Callable[[str], Quick]) -> None:
        self.problem = problem
        self.derived = derived
        self.names: dict[str, Any] = {
            "__builtins__": {}, "min": min, "max": max, "ceil": ceil, "floor": floor, "len": len, "sum": sum,
            "map": map, "divided": divided, "left_over": left_over, "exact": exact,
        }

    def of(self, node: Expression) -> _Counted:
        """Raises KeyError for a kind of node that has no value."""
        match node:
            case Number(value):
                return self._constant(value.numerator), value.denominator
            case Member(group, name):
                return self._member(group, name), 1
            case Parameter(name):
                return self._parameter(name)
            case Length(name):
                return f"len(a.text({self._constant(name)}))", 1
            case Not(operand):
                return f"(0 if {self._holds(operand)} else 1)", 1
            case Negative(operand):
                source, denominator = self.of(operand)
                return f"(-{source})", denominator
            case Implies(left, right):
                return f"(0 if {self._holds(left)} and not {self._holds(right)} else 1)", 1
            case Comparison(left, comparator, right):
                sign = "==" if comparator == "=" else str(comparator)
                (one, other), _denominator = self._alike([left, right])
                return f"(1 if {one} {sign} {other} else 0)", 1
            case Quotient(left, right):
                return self._quotient(node, left, right)
            case Modulo(left, right):
                (one, other), denominator = self._alike([left, right])
                return f"left_over({one}, {other}, {self._constant(node)})", denominator
            case When(condition, yes, no):
                return self._cases([(condition, yes)], no)
            case Cases(cases, otherwise):
                return self._cases(cases, otherwise)
            case Ceil(operand):
                source, denominator = self.of(operand)
                return (f"ceil({source})" if denominator == 1 else f"(-(-{source} // {denominator}))"), 1
            case Floor(operand):
                source, denominator = self.of(operand)
                return (f"floor({source})" if denominator == 1 else f"({source} // {denominator})"), 1
            case Sum(operands):
                parts, denominator = self._alike(operands)
                return f"({' + '.join(parts)})", denominator
            case Product(operands):
                return self._product(operands)
        kind = type(node)
        if kind in _LOGICAL:
            return f"(1 if {f' {_LOGICAL[kind]} '.join(map(self._holds, node.children()))} else 0)", 1
        parts, denominator = self._alike(node.children())
        return f"{_CALLED[kind]}({', '.join(parts)})", denominator

    def _holds(self, node: Expression) -> str:
        return self.of(node)[0]

    def _exact(self, node: Expression) -> str:
        source, denominator = self.of(node)
        return source if denominator == 1 else f"exact({source}, {denominator})"

    def _alike(self, nodes: Sequence[Expression]) -> tuple[list[str], int]:
        """All of them counted in one fraction."""
        counted = [self.of(node) for node in nodes]
        common = _common(*(denominator for _source, denominator in counted))
        if common is None:
            return [self._exact(node) for node in nodes], 1
        return [
            source if denominator == common else f"{source} * {common // denominator}"
            for source, denominator in counted
        ], common

    def _product(self, nodes: Sequence[Expression]) -> _Counted:
        counted = [self.of(node) for node in nodes]
        denominator = 1
        for _source, one in counted:
            denominator *= one
        if denominator > FINEST:
            return f"({' * '.join(map(self._exact, nodes))})", 1
        return f"({' * '.join(source for source, _denominator in counted)})", denominator

    def _quotient(self, node: Quotient, left: Expression, right: Expression) -> _Counted:
        source, denominator = self.of(left)
        if isinstance(right, Number) and right.value:
            finer = denominator * right.value.numerator
            if finer <= FINEST:
                factor = right.value.denominator
                return source if factor == 1 else f"({source} * {factor})", finer
        return f"divided({self._exact(left)}, {self._exact(right)}, {self._constant(node)})", 1

    def _cases(self, cases: Sequence[tuple[Expression, Expression]], otherwise: Expression) -> _Counted:
        parts, denominator = self._alike([*(value for _condition, value in cases), otherwise])
        tried = "".join(
            f"{part} if {self._holds(condition)} else "
            for part, (condition, _value) in zip(parts, cases, strict=False)
        )
        return f"({tried}{parts[-1]})", denominator

    def _parameter(self, name: str) -> _Counted:
        if name in self.problem.derived_by_id:
            made = self.derived(name)
            return f"a.count({self._constant(made)})", made.denominator
        return f"n[{self._constant(name)}]", 1

    def _member(self, name: str, member: str) -> str:
        group = self.problem.group_by_id[GroupId(name)]
        chosen = f"c[{self._constant(name)}]"
        if member not in group.numbers:
            return f"(1 if {self._constant(member)} in {chosen} else 0)"
        if member in group.options:
            return f"(+a.member({self._constant(name)}, {self._constant(member)}))"
        if group.maximum <= 1:
            return f"{self._constant(_table(group, member))}[{chosen}]"
        numbers = {option: group.numbers[member].get(option, 0) for option in group.options}
        return f"sum(map({self._constant(numbers.__getitem__)}, {chosen}))"

    def _constant(self, value: Any) -> str:
        name = f"k{len(self.names)}"
        self.names[name] = value
        return name


def _table(group: OptionGroup, member: str) -> Mapping[frozenset[OptionId], int]:
    """What a number of a group of at most one option comes to."""
    numbers = group.numbers[member]
    return {frozenset(): 0, **{frozenset((option,)): numbers.get(option, 0) for option in group.options}}
