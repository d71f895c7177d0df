"""A network with sums, numbers and formulas -> one flat array for the compiled passes of the mixed engine.

Formulas become a graph of integer *nodes*, each with an interval, and *constraints* between nodes and variables.
Whole numbers only: a sum of rational parts is scaled by its common denominator, floor and ceil divide by it, and a
quotient is kept as what stands above and what stands below. So the passes are exact, in 64 bits, and what could
overflow is refused.

Division by 0: every part of a formula has a truth "it is defined" beside its value, which looks, as evaluation does,
only at what is evaluated. A formula holds if it is defined and its value is not 0.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor, lcm
from typing import Final

import numpy as np
from numpy.typing import NDArray

from solver.configuration import mixed_passes as passes
from solver.configuration.covering import covered
from solver.configuration.network import OWN, Count, Network, Table
from solver.configuration.network import Sum as SumConstraint
from solver.configuration.problem import (
    ConfigurationProblem,
    GroupId,
    IntegerParameter,
    OptionGroup,
    OptionId,
    ParameterId,
)
from solver.configuration.rules import (
    And,
    Cases,
    Ceil,
    Comparator,
    Comparison,
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
)
from solver.configuration.unite import Sets, united

MAXIMUM: Final = 2**53  # of a node
_WORK: Final = 2**61  # of anything that is computed on the way
_TRAIL: Final = 1 << 20  # entries
_BY_BITS: Final = 256  # words of a table's rows as bits, beyond which rows are looked at one by one

Truth = int  # 2 * node, + 1 for its opposite; or one of
TRUE: Final = -1
FALSE: Final = -2


class TooWide(ValueError):
    """A formula whose values leave 64 bits; `rule`: a position in Network.rules."""

    def __init__(self, rule: int) -> None:
        super().__init__(f"Rule {rule} has intermediate values beyond 64 bits.")
        self.rule = rule


class _Wide(Exception):
    """A value beyond MAXIMUM."""


@dataclass(frozen=True, slots=True)
class Affine:
    """constant + sum of an amount for each variable's value + sum of factor * node."""

    constant: Fraction = Fraction(0)
    terms: tuple[tuple[int, tuple[Fraction, ...]], ...] = ()
    nodes: tuple[tuple[int, Fraction], ...] = ()

    def times(self, factor: Fraction) -> Affine:
        """The form, multiplied by a number."""
        if not factor:
            return Affine()
        return Affine(
            self.constant * factor,
            tuple((variable, tuple(amount * factor for amount in amounts)) for variable, amounts in self.terms),
            tuple((node, own * factor) for node, own in self.nodes),
        )

    def plus(self, other: Affine) -> Affine:
        """The sum of two forms."""
        terms = dict(self.terms)
        for variable, amounts in other.terms:
            own = terms.get(variable)
            terms[variable] = amounts if own is None else tuple(a + b for a, b in zip(own, amounts, strict=True))
        nodes = dict(self.nodes)
        for node, factor in other.nodes:
            nodes[node] = nodes.get(node, Fraction(0)) + factor
        constant = self.constant + other.constant
        kept: list[tuple[int, tuple[Fraction, ...]]] = []
        for variable, amounts in sorted(terms.items()):
            if any(amount != amounts[0] for amount in amounts):
                kept.append((variable, amounts))
            else:
                constant += amounts[0]
        return Affine(constant, tuple(kept), tuple(sorted((n, f) for n, f in nodes.items() if f)))

    @property
    def local(self) -> bool:
        """Whether it depends on at most one variable, and on nothing else."""
        return not self.nodes and len(self.terms) <= 1

    @property
    def fixed(self) -> bool:
        """Whether it is a constant."""
        return not self.nodes and not self.terms

    @property
    def scale(self) -> int:
        """The least number that makes everything whole."""
        every = [self.constant, *(f for _, f in self.nodes), *(a for _, amounts in self.terms for a in amounts)]
        return lcm(*(amount.denominator for amount in every))


@dataclass(frozen=True, slots=True)
class _Value:
    """`top`, or top / node `under` (not below 0; what is undefined has 0 there)."""

    top: Affine
    under: int | None = None


class Graph:
    """Builds nodes and constraints, children before parents. `arrays` gives what the passes read."""

    def __init__(self, network: Network, problem: ConfigurationProblem) -> None:
        self.network = network
        self.problem = problem
        self.sizes = [variable.size for variable in network.variables]
        self.low: list[int] = [parameter.values[0] for parameter in network.numbers]
        self.high: list[int] = [parameter.values[-1] for parameter in network.numbers]
        self.kinds: list[int] = []
        self.arguments: list[list[int]] = []
        self.rules: list[int] = []
        self._single: dict[GroupId, int] = {}
        self._option: dict[tuple[GroupId, OptionId], int] = {}
        self._parameter: dict[ParameterId, int] = {}
        for place, variable in enumerate(network.variables):
            if variable.parameter is not None:
                self._parameter[variable.parameter] = place
            elif variable.group is not None and variable.option is not None:
                self._option[variable.group, variable.option] = place
            elif variable.group is not None:
                self._single[variable.group] = place
        self._number = {parameter.id: place for place, parameter in enumerate(network.numbers)}
        self._derived: Mapping[str, Expression] = {one.id: one.expression for one in problem.derived}
        self._values: dict[Expression, _Value] = {}
        self._truths: dict[Expression, Truth] = {}
        self._defined: dict[Expression, Truth] = {}
        self._made: dict[tuple[int, ...], int] = {}
        self._nodes_of: dict[Affine, int] = {}
        self._local: dict[int, Affine] = {}

    # --- formulas ---

    def add_formula(self, rule: int, expression: Expression) -> None:
        """The expression holds and divides by nothing that is 0."""
        try:
            self._prepare(expression)
            self._assert(rule, self._is_defined(expression))
            waiting = [expression]
            while waiting:
                part = waiting.pop()
                if isinstance(part, And):
                    waiting.extend(reversed(part.operands))
                elif not isinstance(part, Comparison) or not self._add_comparison(rule, part):
                    self._assert(rule, self._truth(part))
        except _Wide:
            raise TooWide(rule) from None

    def _prepare(self, expression: Expression) -> None:
        """Derived quantities first, each after those that it names: nothing recurses over a chain of them."""
        order: list[str] = []
        known: set[str] = set()
        waiting: list[tuple[str, bool]] = [(name, False) for name in self._derived_in(expression)]
        while waiting:
            name, below_done = waiting.pop()
            if below_done:
                order.append(name)
            elif name not in known:
                known.add(name)
                waiting.append((name, True))
                waiting.extend((one, False) for one in self._derived_in(self._derived[name]))
        for name in order:
            self._value(Parameter(name))
            self._is_defined(Parameter(name))

    def _derived_in(self, expression: Expression) -> list[str]:
        found: list[str] = []
        waiting = [expression]
        while waiting:
            part = waiting.pop()
            if isinstance(part, Parameter) and part.name in self._derived:
                found.append(part.name)
            waiting.extend(part.children())
        return found

    def _add_comparison(self, rule: int, part: Comparison) -> bool:
        """A comparison of affine forms that must hold: a linear constraint without a truth of its own."""
        left, right = self._value(part.left), self._value(part.right)
        if left.under is not None or right.under is not None or part.comparator is Comparator.UNEQUAL:
            return False
        form = left.top.plus(right.top.times(Fraction(-1)))
        scale = form.scale
        form = form.times(Fraction(scale))
        low, high = self._interval(form)
        bound = -int(form.constant)
        low, high = low + bound, high + bound
        match part.comparator:
            case Comparator.EQUAL:
                low = high = bound
            case Comparator.LESS_OR_EQUAL:
                high = bound
            case Comparator.LESS:
                high = bound - 1
            case Comparator.GREATER_OR_EQUAL:
                low = bound
            case Comparator.GREATER:
                low = bound + 1
        self._add(passes.LINEAR, rule, self._linear(form, low, high))
        return True

    def _assert(self, rule: int, truth: Truth) -> None:
        if truth == FALSE:
            self._add(passes.CLAUSE, rule, [])
        elif truth != TRUE:
            self._add(passes.ASSERT, rule, [truth])

    # --- values ---

    def _value(self, expression: Expression) -> _Value:
        found = self._values.get(expression)
        if found is None:
            found = self._values[expression] = self._new_value(expression)
        return found

    def _new_value(self, expression: Expression) -> _Value:
        match expression:
            case Number(value=number):
                return _Value(Affine(number))
            case Parameter(name=name):
                return self._parameter_value(name)
            case Member(group=group, name=name):
                return _Value(self._member(self.problem.group_by_id[GroupId(group)], name))
            case Negative(operand=operand):
                inner = self._value(operand)
                return _Value(inner.top.times(Fraction(-1)), inner.under)
            case Sum(operands=operands):
                tops, under = self._alike(operands)
                return _Value(_added(tops), under)
            case Product(operands=operands):
                found = self._value(operands[0])
                for operand in operands[1:]:
                    found = self._times(found, self._value(operand))
                return found
            case Min(operands=operands) | Max(operands=operands):
                tops, under = self._alike(operands)
                return _Value(self._extreme(tops, largest=isinstance(expression, Max)), under)
            case Quotient(left=left, right=right):
                return self._divide(self._value(left), self._value(right))
            case Floor(operand=operand):
                return _Value(self._floor(self._value(operand)))
            case Ceil(operand=operand):
                inner = self._value(operand)
                return _Value(
                    self._floor(_Value(inner.top.times(Fraction(-1)), inner.under)).times(Fraction(-1))
                )
            case Modulo(left=left, right=right):
                return self._modulo(self._value(left), self._value(right))
            case When(condition=condition, yes=yes, no=no):
                (one, other), under = self._alike((yes, no))
                return _Value(self._choose(self._truth(condition), one, other), under)
            case Cases():
                return self._value(_nested(expression))
        return _Value(self._number_of(self._truth(expression)))

    def _parameter_value(self, name: str) -> _Value:
        if name in self._derived:
            return self._value(self._derived[name])
        place = self._parameter.get(ParameterId(name))
        if place is None:
            return _Value(Affine(nodes=((self._number[ParameterId(name)], Fraction(1)),)))
        values = self.problem.parameter_by_id[ParameterId(name)].values
        return _Value(_over(place, [Fraction(number) for number in values]))

    def _member(self, group: OptionGroup, name: str) -> Affine:
        amounts = group.numbers.get(name)
        single = self._single.get(group.id)
        if single is not None:
            of_option = [Fraction(o == name if amounts is None else amounts.get(o, 0)) for o in group.options]
            return _over(single, [*of_option, *([Fraction(0)] * (self.sizes[single] - len(of_option)))])
        if amounts is None:
            return _over(self._option[group.id, OptionId(name)], [Fraction(0), Fraction(1)])
        return _added(
            [
                _over(self._option[group.id, option], [Fraction(0), Fraction(amount)])
                for option in group.options
                if (amount := amounts.get(option, 0))
            ]
        )

    def _alike(self, operands: Sequence[Expression]) -> tuple[list[Affine], int | None]:
        """The operands' values over one denominator."""
        values = [self._value(operand) for operand in operands]
        unders = sorted({value.under for value in values if value.under is not None})
        if not unders:
            return [value.top for value in values], None
        tops: list[Affine] = []
        for value in values:
            top = value.top
            for under in unders:
                if under != value.under:
                    top = self._product(top, self._of_node(under))
            tops.append(top)
        common = unders[0]
        for under in unders[1:]:
            common = self._node(self._product(self._of_node(common), self._of_node(under)))[0]
        return tops, common

    @staticmethod
    def _of_node(node: int) -> Affine:
        return Affine(nodes=((node, Fraction(1)),))

    def _times(self, left: _Value, right: _Value) -> _Value:
        top = self._product(left.top, right.top)
        if left.under is None or right.under is None:
            return _Value(top, right.under if left.under is None else left.under)
        under = self._node(self._product(self._of_node(left.under), self._of_node(right.under)))[0]
        return _Value(top, under)

    def _product(self, left: Affine, right: Affine) -> Affine:
        if left.fixed or right.fixed:
            return right.times(left.constant) if left.fixed else left.times(right.constant)
        both = self._pointwise([left, right], lambda row: row[0] * row[1])
        if both is not None:
            return both
        (x, by), (y, and_by) = self._node(left), self._node(right)
        corners = [a * b for a in (self.low[x], self.high[x]) for b in (self.low[y], self.high[y])]
        low, high = (0 if x == y else min(corners)), max(corners)
        node = self._new(passes.PRODUCT, min(low, max(corners)), high, (min(x, y), max(x, y)))
        return Affine(nodes=((node, Fraction(1, by * and_by)),))

    def _extreme(self, tops: list[Affine], *, largest: bool) -> Affine:
        found = self._pointwise(tops, max if largest else min)
        if found is not None:
            return found
        scale = lcm(*(top.scale for top in tops))
        nodes = tuple(sorted({self._scaled(top, scale) for top in tops}))
        choose = max if largest else min
        low, high = choose(self.low[node] for node in nodes), choose(self.high[node] for node in nodes)
        node = self._new(passes.MAXIMUM_OF if largest else passes.MINIMUM_OF, low, high, nodes)
        return Affine(nodes=((node, Fraction(1, scale)),))

    def _divide(self, left: _Value, right: _Value) -> _Value:
        if right.under is not None:  # a / (b / c) = a * c / b
            left = self._times(left, _Value(self._of_node(right.under)))
            right = _Value(right.top)
        below = right.top
        if below.fixed:
            factor = Fraction(0) if not below.constant else 1 / below.constant
            return _Value(left.top.times(factor), left.under)
        inverse = self._pointwise([below], lambda row: 1 / row[0] if row[0] else Fraction(0))
        if inverse is not None:
            try:
                return self._times(left, _Value(inverse))
            except _Wide:
                pass  # the values have too large a common multiple
        node, scale = self._node(below)
        top = left.top.times(Fraction(scale))
        if self.high[node] < 0 or self.low[node] < 0:
            if self.high[node] <= 0:
                top = top.times(Fraction(-1))
                node = self._scaled(self._of_node(node).times(Fraction(-1)), 1)
            else:  # either sign: a / b = a * b / (b * b)
                top = self._product(top, self._of_node(node))
                node = self._node(self._product(self._of_node(node), self._of_node(node)))[0]
        return self._times(_Value(top, node), _Value(Affine(Fraction(1)), left.under))

    def _floor(self, inner: _Value) -> Affine:
        if inner.under is None:
            found = self._pointwise([inner.top], lambda row: Fraction(floor(row[0])))
            if found is not None:
                return found
            if inner.top.scale == 1:
                return inner.top
            node, scale = self._node(inner.top)
            low, high = self.low[node] // scale, self.high[node] // scale
            return self._of_node(self._new(passes.FLOOR, low, high, (node, scale)))
        node, scale = self._node(inner.top)
        under = self._scaled(self._of_node(inner.under), scale)
        least = max(1, self.low[under])
        corners = [n // d for n in (self.low[node], self.high[node]) for d in (least, max(least, self.high[under]))]
        if self.low[under] <= 0:
            corners.append(0)
        low, high = min(corners), max(corners)
        if (max(abs(low), abs(high)) + 1) * self.high[under] > _WORK:
            raise _Wide
        return self._of_node(self._new(passes.DIVIDE, low, high, (node, under)))

    def _modulo(self, left: _Value, right: _Value) -> _Value:
        """left - right * floor(left / right)."""
        if left.under is None and right.under is None:
            found = self._pointwise(
                [left.top, right.top], lambda row: row[0] - row[1] * floor(row[0] / row[1]) if row[1] else Fraction(0)
            )
            if found is not None:
                return _Value(found)
        whole = self._floor(self._divide(left, right))
        taken = self._times(_Value(whole.times(Fraction(-1))), right)
        if taken.under is None and left.under is None:
            found = left.top.plus(taken.top)
            if right.top.fixed and right.top.constant > 0:  # what the interval of a difference does not see
                node, scale = self._node(found)
                self.low[node] = max(self.low[node], 0)
                self.high[node] = min(self.high[node], ceil(right.top.constant * scale) - 1)
                found = self._of_node(node).times(Fraction(1, scale))
            return _Value(found)
        common = left.under if taken.under is None else taken.under
        if left.under is None or taken.under is None:
            assert common is not None
            tops = [
                value.top if value.under is not None else self._product(value.top, self._of_node(common))
                for value in (left, taken)
            ]
            return _Value(_added(tops), common)
        if left.under == taken.under:
            return _Value(left.top.plus(taken.top), left.under)
        one = self._product(left.top, self._of_node(taken.under))
        other = self._product(taken.top, self._of_node(left.under))
        under = self._node(self._product(self._of_node(left.under), self._of_node(taken.under)))[0]
        return _Value(one.plus(other), under)

    def _choose(self, condition: Truth, yes: Affine, no: Affine) -> Affine:
        if condition in (TRUE, FALSE) or yes == no:
            return no if condition == FALSE else yes
        truth = self._number_of(condition)
        found = self._pointwise([truth, yes, no], lambda row: row[1] if row[0] else row[2])
        if found is not None:
            return found
        if yes.fixed and no.fixed:
            return truth.times(yes.constant - no.constant).plus(no)
        scale = lcm(yes.scale, no.scale)
        x, y = self._scaled(yes, scale), self._scaled(no, scale)
        low, high = min(self.low[x], self.low[y]), max(self.high[x], self.high[y])
        node = self._new(passes.CHOOSE, low, high, (condition, x, y))
        return Affine(nodes=((node, Fraction(1, scale)),))

    def _pointwise(self, forms: list[Affine], compute: Callable[[list[Fraction]], Fraction]) -> Affine | None:
        """The function of forms that all depend on one and the same variable, value by value; None if they do not."""
        variables = {variable for form in forms for variable, _ in form.terms}
        if len(variables) > 1 or any(form.nodes for form in forms):
            return None
        if not variables:
            return Affine(Fraction(compute([form.constant for form in forms])))
        (variable,) = variables
        columns = [
            [form.constant + amount for amount in form.terms[0][1]]
            if form.terms
            else [form.constant] * self.sizes[variable]
            for form in forms
        ]
        return _over(variable, [Fraction(compute(list(row))) for row in zip(*columns, strict=True)])

    # --- truths ---

    def _truth(self, expression: Expression) -> Truth:
        found = self._truths.get(expression)
        if found is None:
            found = self._truths[expression] = self._new_truth(expression)
        return found

    def _new_truth(self, expression: Expression) -> Truth:
        match expression:
            case Not(operand=operand):
                return _opposite(self._truth(operand))
            case And(operands=operands):
                return self._all([self._truth(operand) for operand in operands])
            case Or(operands=operands):
                return self._any([self._truth(operand) for operand in operands])
            case Implies(left=left, right=right):
                return self._any([_opposite(self._truth(left)), self._truth(right)])
            case Comparison(left=left, right=right, comparator=comparator):
                (one, other), _ = self._alike((left, right))  # over one denominator, which is not below 0
                return self._compare(one.plus(other.times(Fraction(-1))), comparator)
            case When(condition=condition, yes=yes, no=no):
                return self._if(self._truth(condition), self._truth(yes), self._truth(no))
            case Cases():
                return self._truth(_nested(expression))
        return self._compare(self._value(expression).top, Comparator.UNEQUAL)

    def _compare(self, form: Affine, comparator: Comparator) -> Truth:
        """Whether the form compares so with 0."""
        match comparator:
            case Comparator.GREATER | Comparator.GREATER_OR_EQUAL:
                turned = Comparator.LESS if comparator is Comparator.GREATER else Comparator.LESS_OR_EQUAL
                return self._compare(form.times(Fraction(-1)), turned)
            case Comparator.UNEQUAL:
                return _opposite(self._compare(form, Comparator.EQUAL))
        test: Callable[[Fraction], bool] = {
            Comparator.LESS: lambda x: x < 0,
            Comparator.LESS_OR_EQUAL: lambda x: x <= 0,
            Comparator.EQUAL: lambda x: x == 0,
        }[comparator]
        if form.local:
            if not form.terms:
                return TRUE if test(form.constant) else FALSE
            variable, amounts = form.terms[0]
            return self._of_values(variable, [test(form.constant + amount) for amount in amounts])
        form = form.times(Fraction(form.scale))
        if comparator is Comparator.LESS:
            form = form.plus(Affine(Fraction(1)))
        node = self._scaled(form, 1)
        low, high = self.low[node], self.high[node]
        if comparator is Comparator.EQUAL:
            if low > 0 or high < 0:
                return FALSE
            return 2 * self._new(passes.IS_ZERO, 0, 1, (node,))
        if low > 0 or high <= 0:
            return FALSE if low > 0 else TRUE
        return 2 * self._new(passes.IS_LOW, 0, 1, (node,))

    def _of_values(self, variable: int, which: Sequence[bool]) -> Truth:
        """Whether the variable has one of these values."""
        if all(which) or not any(which):
            return TRUE if all(which) else FALSE
        if which[0]:  # one node for both
            return _opposite(self._of_values(variable, [not one for one in which]))
        return 2 * self._scaled(_over(variable, [Fraction(one) for one in which]), 1)

    def _all(self, truths: Iterable[Truth]) -> Truth:
        kept = sorted({truth for truth in truths if truth != TRUE})
        if FALSE in kept or any(truth ^ 1 in kept for truth in kept):
            return FALSE
        if len(kept) < 2:
            return kept[0] if kept else TRUE
        return 2 * self._new(passes.ALL_OF, 0, 1, tuple(kept))

    def _any(self, truths: Iterable[Truth]) -> Truth:
        return _opposite(self._all([_opposite(truth) for truth in truths]))

    def _if(self, condition: Truth, yes: Truth, no: Truth) -> Truth:
        if condition in (TRUE, FALSE) or yes == no:
            return no if condition == FALSE else yes
        return self._all([self._any([_opposite(condition), yes]), self._any([condition, no])])

    def _number_of(self, truth: Truth) -> Affine:
        if truth in (TRUE, FALSE):
            return Affine(Fraction(truth == TRUE))
        node = truth >> 1
        form = self._local.get(node) or self._of_node(node)  # what depends on one variable only says so
        return Affine(Fraction(1)).plus(form.times(Fraction(-1))) if truth & 1 else form

    # --- definedness ---

    def _is_defined(self, expression: Expression) -> Truth:
        found = self._defined.get(expression)
        if found is None:
            found = self._defined[expression] = self._new_defined(expression)
        return found

    def _new_defined(self, expression: Expression) -> Truth:
        match expression:
            case Parameter(name=name):
                return self._is_defined(self._derived[name]) if name in self._derived else TRUE
            case And(operands=operands) | Or(operands=operands):
                found = TRUE
                for operand in reversed(operands):
                    going_on = self._truth(operand)
                    if isinstance(expression, Or):
                        going_on = _opposite(going_on)
                    found = self._all([self._is_defined(operand), self._any([_opposite(going_on), found])])
                return found
            case Implies(left=left, right=right):
                after = self._any([_opposite(self._truth(left)), self._is_defined(right)])
                return self._all([self._is_defined(left), after])
            case When(condition=condition, yes=yes, no=no):
                branch = self._if(self._truth(condition), self._is_defined(yes), self._is_defined(no))
                return self._all([self._is_defined(condition), branch])
            case Cases():
                return self._is_defined(_nested(expression))
            case Quotient(left=left, right=right) | Modulo(left=left, right=right):
                divisor = self._compare(self._value(right).top, Comparator.UNEQUAL)
                return self._all([self._is_defined(left), self._is_defined(right), divisor])
        return self._all([self._is_defined(child) for child in expression.children()])

    # --- nodes ---

    def _interval(self, form: Affine) -> tuple[int, int]:
        """Bounds of a whole form; refused if too wide."""
        low = high = work = int(form.constant)
        work = abs(work)
        for _, amounts in form.terms:
            low, high = low + int(min(amounts)), high + int(max(amounts))
            work += max(abs(int(amount)) for amount in amounts)
        for node, factor in form.nodes:
            ends = (int(factor) * self.low[node], int(factor) * self.high[node])
            low, high = low + min(ends), high + max(ends)
            work += max(abs(ends[0]), abs(ends[1]))
        if max(abs(low), abs(high)) > MAXIMUM or work > _WORK:
            raise _Wide
        return low, high

    def _node(self, form: Affine) -> tuple[int, int]:
        """A node that is the form times a scale, and the scale."""
        scale = form.scale
        return self._scaled(form, scale), scale

    def _scaled(self, form: Affine, scale: int) -> int:
        """A node that is the form times the scale, which makes it whole."""
        form = form.times(Fraction(scale))
        if not form.terms and not form.constant and len(form.nodes) == 1 and form.nodes[0][1] == 1:
            return form.nodes[0][0]
        found = self._nodes_of.get(form)
        if found is None:
            low, high = self._interval(form)
            found = self._nodes_of[form] = self._fresh(low, high)
            if form.local:
                self._local[found] = form
            bound = -int(form.constant)
            defined = Affine(form.constant, form.terms, (*form.nodes, (found, Fraction(-1))))
            self._add(passes.AFFINE, OWN, self._linear(defined, bound, bound))
        return found

    def _fresh(self, low: int, high: int) -> int:
        if max(abs(low), abs(high)) > MAXIMUM:
            raise _Wide
        self.low.append(low)
        self.high.append(high)
        return len(self.low) - 1

    def _new(self, kind: int, low: int, high: int, inputs: tuple[int, ...]) -> int:
        key = (kind, *inputs)
        found = self._made.get(key)
        if found is None:
            found = self._made[key] = self._fresh(low, high)
            self._add(kind, OWN, [found, *inputs])
        return found

    def _add(self, kind: int, rule: int, arguments: list[int]) -> None:
        self.kinds.append(kind)
        self.rules.append(rule)
        self.arguments.append(arguments)

    def _linear(self, form: Affine, low: int, high: int) -> list[int]:
        """Arguments of LINEAR and AFFINE."""
        arguments = [low, high, len(form.terms), len(form.nodes)]
        for variable, amounts in form.terms:
            arguments.extend([variable, *(int(amount) for amount in amounts)])
        for node, factor in form.nodes:
            arguments.extend([node, int(factor)])
        return arguments

    # --- the network's own constraints ---

    def add_clause(self, rule: int, sets: Sets) -> None:
        """Items: 2 * literal for each value of a set; of all values but one 2 * literal + 1 for that one."""
        items: list[int] = []
        for variable, bits in sets:
            first, size = int(self.network.first[variable]), self.sizes[variable]
            others = [value for value in range(size) if not bits >> value & 1]
            if len(others) == 1 and size > 2:
                items.append(2 * (first + others[0]) + 1)
            else:
                items.extend(2 * (first + value) for value in range(size) if bits >> value & 1)
        self._add(passes.CLAUSE, rule, items)

    def _variable(self, literal: int) -> int:
        return int(np.searchsorted(self.network.first, literal, side="right")) - 1

    def add_count(self, count: Count) -> None:
        """low, high, literals."""
        self._add(passes.COUNT, count.rule, [count.low, count.high, *count.literals])

    def add_table(self, table: Table, number: int) -> None:
        """Its number, how many columns and rows, the variables, the rows as literals."""
        starts = self.network.first[list(table.scope)]
        rows = np.asarray(table.rows, dtype=np.int64) + starts[None, :]
        sizes = [number, len(table.scope), len(table.rows)]
        self._add(passes.TABLE, table.rule, [*sizes, *table.scope, *rows.ravel().tolist()])

    def add_sum(self, one: SumConstraint) -> None:
        """A linear constraint."""
        self._add(passes.LINEAR, one.rule, self._linear(self._form(one), one.low, one.high))

    def merge_sums(self) -> None:
        """Sums of the same terms become one."""
        known: dict[tuple[int, ...], list[int]] = {}
        kept: list[int] = []
        for place, (kind, arguments) in enumerate(zip(self.kinds, self.arguments, strict=True)):
            if kind == passes.LINEAR:
                other = known.setdefault(tuple(arguments[2:]), arguments)
                if other is not arguments:
                    other[:2] = [max(other[0], arguments[0]), min(other[1], arguments[1])]
                    continue
            kept.append(place)
        self.kinds = [self.kinds[place] for place in kept]
        self.arguments = [self.arguments[place] for place in kept]
        self.rules = [self.rules[place] for place in kept]

    def echo_sums(self) -> None:
        """What must hold of a sum holds of a node that is this sum (or its opposite) and a constant.

        Bounds alone never see that x < y and y < x exclude each other; as bounds of one node they do at once.
        """
        known: dict[tuple[object, object], list[tuple[int, int]]] = {}
        for form, node in self._nodes_of.items():
            known.setdefault((form.terms, form.nodes), []).append((node, int(form.constant)))
        for place, kind in enumerate(self.kinds[:]):
            if kind == passes.LINEAR and self.arguments[place][2] + self.arguments[place][3] > 1:
                low, high = self.arguments[place][:2]
                form = self._read(self.arguments[place])
                for node, constant in known.get((form.terms, form.nodes), ()):
                    self._add(passes.LINEAR, self.rules[place], [low + constant, high + constant, 0, 1, node, 1])
                form = form.times(Fraction(-1))
                for node, constant in known.get((form.terms, form.nodes), ()):
                    self._add(passes.LINEAR, self.rules[place], [constant - high, constant - low, 0, 1, node, 1])

    def _read(self, arguments: list[int]) -> Affine:
        """The form of a linear constraint."""
        at = 4
        terms: list[tuple[int, tuple[Fraction, ...]]] = []
        for _ in range(arguments[2]):
            size = self.sizes[arguments[at]]
            terms.append((arguments[at], tuple(Fraction(amount) for amount in arguments[at + 1 : at + 1 + size])))
            at += 1 + size
        pairs = zip(arguments[at::2], arguments[at + 1 :: 2], strict=True)
        return Affine(Fraction(0), tuple(terms), tuple((node, Fraction(factor)) for node, factor in pairs))

    def _form(self, one: SumConstraint) -> Affine:
        amounts: dict[int, list[Fraction]] = {}
        for literal, size in one.literals:
            variable = self._variable(literal)
            row = amounts.setdefault(variable, [Fraction(0)] * self.sizes[variable])
            row[literal - int(self.network.first[variable])] += size
        return Affine(
            Fraction(0),
            tuple((variable, tuple(row)) for variable, row in sorted(amounts.items())),
            tuple((number, Fraction(factor)) for number, factor in one.numbers),
        )

    # --- the result ---

    def arrays(self) -> NDArray[np.int64]:
        """Header and sections, as `mixed_passes` describes them."""
        sections = _Sections()
        network = self.network
        variables, literals, nodes = len(self.sizes), network.literals, len(self.low)
        constraints = len(self.kinds)
        of = np.repeat(np.arange(variables), self.sizes)
        sections.add(passes.FIRST, network.first)
        sections.add(passes.OF, of)
        sections.add(passes.KIND, self.kinds)
        sections.add(passes.RULE, self.rules)
        starts = np.concatenate([[0], np.cumsum([len(one) for one in self.arguments])]).astype(np.int64)
        flat = [entry for one in self.arguments for entry in one]
        sections.add(passes.ARGUMENTS, flat)
        begins = starts + sections.offsets[passes.ARGUMENTS]
        sections.add(passes.START, begins)
        removed: list[list[int]] = [[] for _ in range(literals)]
        fixed: list[list[int]] = [[] for _ in range(literals)]
        changed: list[list[int]] = [[] for _ in range(variables)]
        moved: list[list[int]] = [[] for _ in range(nodes)]
        items = variables + len(network.numbers)
        touched: list[list[int]] = [[] for _ in range(items)]
        touched_at: list[list[int]] = [[] for _ in range(items)]
        fed: list[list[int]] = [[] for _ in range(items)]
        plain: list[int] = []  # what defines no node and reads none but numbers
        reading: list[int] = []
        defining: list[int] = []
        pure: list[int] = []
        tables: list[int] = []
        scopes: list[list[int]] = []
        of_node: list[list[int]] = [[] for _ in range(nodes)]
        for number in range(len(network.numbers)):
            of_node[number] = [variables + number]
        widest = 1
        for place, (kind, arguments) in enumerate(zip(self.kinds, self.arguments, strict=True)):
            scope: list[int] = []
            amounts_at: dict[int, int] = {}
            defined = -1
            if kind == passes.CLAUSE:
                for item in arguments:
                    (fixed if item & 1 else removed)[item >> 1].append(place)
                    scope.append(int(of[item >> 1]))
            elif kind == passes.COUNT:
                for literal in arguments[2:]:
                    fixed[literal].append(place)
                    removed[literal].append(place)
                    scope.append(int(of[literal]))
            elif kind == passes.TABLE:
                tables.append(place)
                scope = arguments[3 : 3 + arguments[1]]
                for variable in scope:
                    changed[variable].append(place)
            elif kind in (passes.LINEAR, passes.AFFINE):
                at = 4
                for _ in range(arguments[2]):
                    scope.append(arguments[at])
                    changed[arguments[at]].append(place)
                    amounts_at[arguments[at]] = int(begins[place]) + at + 1
                    at += 1 + self.sizes[arguments[at]]
                own = arguments[at::2]
                for node in own:
                    moved[node].append(place)
                    scope.extend(of_node[node])
                    amounts_at[variables + node] = int(begins[place]) + at + 1
                    at += 2
                widest = max(widest, arguments[2] + arguments[3])
                if kind == passes.AFFINE:
                    defined = own[-1]
                elif all(node < len(network.numbers) for node in own):
                    pure.append(place)
            else:
                for node in self._inputs(kind, arguments):
                    moved[node].append(place)
                    scope.extend(of_node[node])
                if kind != passes.ASSERT:
                    defined = arguments[0]
            scope = list(dict.fromkeys(scope))
            scopes.append(scope)
            is_pure = pure[-1:] == [place]
            if defined >= 0:
                of_node[defined] = scope
                defining.append(place)
            elif is_pure or kind in (passes.CLAUSE, passes.COUNT, passes.TABLE):
                plain.append(place)
            else:
                reading.append(place)
            for item in scope:
                if defined >= 0:
                    fed[item].append(place)
                else:
                    touched[item].append(place)
                    touched_at[item].append(amounts_at[item] if is_pure else -1)
        last = set(reading)
        split: list[int] = []
        for item, found in enumerate(touched):
            order = sorted(range(len(found)), key=lambda one: found[one] in last)
            touched[item] = [found[one] for one in order]
            touched_at[item] = [touched_at[item][one] for one in order]
            split.append(sum(place not in last for place in found))
        for first, entries in (
            (passes.ON_REMOVED, removed),
            (passes.ON_FIXED, fixed),
            (passes.ON_CHANGED, changed),
            (passes.ON_NODE, moved),
            (passes.TOUCHED, touched),
            (passes.TOUCHED_AT, touched_at),
            (passes.FED, fed),
            (passes.SCOPE, scopes),
            (passes.JUDGED, [plain, defining, reading]),
        ):
            sections.add_lists(first, entries)
        begins = sections.begins[passes.TOUCHED]
        sections.add(passes.READING, begins[:-1] + np.array(split, dtype=np.int64))
        only_sums = set(pure)
        slack = [not fed[variable] and only_sums.issuperset(touched[variable]) for variable in range(variables)]
        sections.add(passes.SLACK, slack)
        sections.add(passes.ROOT_LOW, self.low)
        sections.add(passes.ROOT_HIGH, self.high)
        steps: list[int] = []
        for parameter in network.numbers:
            steps.extend(_grid(parameter))
        sections.add(passes.GRID, steps)
        sections.add(passes.PURE, pure)
        sections.add(passes.DENSE, self._amounts(pure[: passes.SUMS_MOST]).ravel())
        sections.add(passes.PURE_IS, np.isin(np.arange(constraints), pure).astype(np.int64))
        sections.add(passes.COVERED, covered(network.first.tolist(), zip(self.kinds, self.arguments, strict=True)))
        supports = [self._support(self.arguments[place]) for place in tables]
        rows = [self.arguments[place][2] for place in tables]
        states = [_words(many) if len(one) else 1 for many, one in zip(rows, supports, strict=True)]
        sections.add(passes.TABLE_STATE, np.cumsum([0, *states])[:-1])
        sections.add_apart(passes.SUPPORT, supports)
        sections.add(passes.TABLE_ROWS, np.concatenate([[0], np.cumsum(rows)]) if rows else [0])
        head = sections.head
        head[passes.VARIABLES], head[passes.LITERALS], head[passes.NODES] = variables, literals, nodes
        numbers = len(network.numbers)
        head[passes.NUMBERS], head[passes.CONSTRAINTS] = numbers, constraints
        head[passes.TABLES], head[passes.PURES], head[passes.STATES] = len(tables), len(pure), sum(states)
        depth = variables + 64 * numbers + 8
        trail = min(_TRAIL, literals + (nodes + sum(states)) * depth + 64)
        head[passes.TRAIL_SIZE], head[passes.DEPTH] = trail, depth
        at = passes.SCALARS
        for offset, size in (
            (passes.DOMAIN, literals),
            (passes.SIZE, variables),
            (passes.LOW, nodes),
            (passes.HIGH, nodes),
            (passes.QUEUE, max(1, constraints)),
            (passes.QUEUED, constraints),
            (passes.ACTIVE, constraints),
            (passes.STAMP, nodes + sum(states)),
            (passes.LIMIT, sum(states)),
            (passes.ACTIVITY, variables + numbers),
            (passes.PHASE, variables),
            (passes.NUMBER_PHASE, numbers),
            (passes.LIKED, literals),
            (passes.COPIED, 0),  # what is before this is copied for every question
            (passes.TRAIL, trail),
            (passes.TRAIL_A, trail),
            (passes.TRAIL_B, trail),
            (passes.ROWS, sum(rows)),
            (passes.ITEM_LOW, max(widest, variables + numbers)),
            (passes.ITEM_HIGH, max(widest, variables + numbers)),
            (passes.MARK, literals),
            (passes.CHANGE, literals),
            (passes.CHANGE_COST, literals),
            (passes.HIT, variables + numbers),
            (passes.BEST, variables + numbers),
            (passes.POINT, variables),
            (passes.POINT_LOW, nodes),
            (passes.POINT_HIGH, nodes),
            (passes.STACK, 4 * depth),
            (passes.AMOUNT, constraints),
            (passes.SAVED, 6 * len(defining)),
            (passes.OBJECTIVE, passes.OBJECTIVES_MOST * (literals + 2 * numbers)),
            (passes.OBJECTIVE_LIMIT, passes.OBJECTIVES_MOST),
        ):
            head[offset] = at
            at += size
        head[passes.WORK_SIZE] = at
        return sections.array()

    def _support(self, arguments: Sequence[int]) -> NDArray[np.int64]:
        """The rows of each value of each column of a table, a bit each; nothing where that would be too much."""
        columns, count = arguments[1], arguments[2]
        scope = arguments[3 : 3 + columns]
        words = _words(count)
        sizes = [self.sizes[variable] for variable in scope]
        if words > _BY_BITS or words * sum(sizes) > _BY_BITS**2 or not count:
            return np.empty(0, dtype=np.int64)
        rows = np.array(arguments[3 + columns :], dtype=np.int64).reshape(count, columns)
        found: list[NDArray[np.int64]] = []
        for column, (variable, size) in enumerate(zip(scope, sizes, strict=True)):
            has = np.zeros((size, 64 * words), dtype=np.uint8)
            has[rows[:, column] - int(self.network.first[variable]), np.arange(count)] = 1
            found.append(np.packbits(has, axis=1, bitorder="little").view("<i8").astype(np.int64).ravel())
        return np.concatenate(found)

    def _amounts(self, sums: Sequence[int]) -> NDArray[np.int64]:
        """What each literal adds to each of these sums."""
        found = np.zeros((len(sums), self.network.literals), dtype=np.int64)
        for row, place in zip(found, sums, strict=True):
            arguments = self.arguments[place]
            at = 4
            for _ in range(arguments[2]):
                first, size = int(self.network.first[arguments[at]]), self.sizes[arguments[at]]
                row[first : first + size] = arguments[at + 1 : at + 1 + size]
                at += 1 + size
        return found

    @staticmethod
    def _inputs(kind: int, arguments: list[int]) -> list[int]:
        """All nodes of a constraint between nodes, its own among them."""
        if kind == passes.ASSERT:
            return [arguments[0] >> 1]
        if kind == passes.ALL_OF:
            return [arguments[0], *(truth >> 1 for truth in arguments[1:])]
        if kind == passes.CHOOSE:
            return [arguments[0], arguments[1] >> 1, *arguments[2:]]
        if kind == passes.FLOOR:
            return arguments[:2]
        return list(dict.fromkeys(arguments))


class _Sections:
    """Sections one after another, and the header that says where each begins."""

    def __init__(self) -> None:
        self.head = [0] * passes.HEADER
        self.parts: list[NDArray[np.int64]] = []
        self.offsets: dict[int, int] = {}
        self.begins: dict[int, NDArray[np.int64]] = {}  # of lists
        self._at = passes.HEADER

    def add(self, offset: int, entries: Sequence[int] | NDArray[np.int64]) -> None:
        part = np.asarray(entries, dtype=np.int64)
        self.head[offset] = self.offsets[offset] = self._at
        self.parts.append(part)
        self._at += len(part)

    def add_lists(self, offset: int, lists: Sequence[Sequence[int]]) -> None:
        """Where each list begins (absolute), then the lists."""
        begin = self._at + len(lists) + 1
        starts = np.concatenate([[0], np.cumsum([len(one) for one in lists])]).astype(np.int64) + begin
        flat = [entry for one in lists for entry in one]
        self.begins[offset] = starts
        self.add(offset, np.concatenate([starts, np.asarray(flat, dtype=np.int64)]))

    def add_apart(self, offset: int, lists: Sequence[NDArray[np.int64]]) -> None:
        """Where each list begins (absolute; 0: it is empty), then the lists."""
        begin = self._at + len(lists)
        starts = begin + np.cumsum([0, *(len(one) for one in lists)])[:-1]
        self.add(offset, np.concatenate([np.where([len(one) > 0 for one in lists], starts, 0), *lists]))

    def array(self) -> NDArray[np.int64]:
        return np.concatenate([np.asarray(self.head, dtype=np.int64), *self.parts])


def arrays_of(network: Network, problem: ConfigurationProblem, *, merged: bool) -> NDArray[np.int64]:
    """What the passes read. Raises TooWide for the first formula that leaves 64 bits.

    `merged`: sums of the same terms are one constraint, whatever their rules; rules can then not be told apart.
    """
    graph = Graph(network, problem)
    for formula in network.formulas:
        graph.add_formula(formula.rule, formula.expression)
    for rule, sets in united(network):
        graph.add_clause(rule, sets)
    for count in network.counts:
        graph.add_count(count)
    for number, table in enumerate(network.tables):
        graph.add_table(table, number)
    for one in network.sums:
        graph.add_sum(one)
    if merged:
        graph.merge_sums()
    graph.echo_sums()
    return graph.arrays()


def _words(bits: int) -> int:
    return (bits + 63) // 64


def _nested(cases: Cases) -> Expression:
    """The same as one `when` inside another."""
    found = cases.otherwise
    for condition, value in reversed(cases.cases):
        found = When(condition, value, found)
    return found


def _over(variable: int, amounts: Sequence[Fraction]) -> Affine:
    """An amount for each value of a variable."""
    if all(amount == amounts[0] for amount in amounts):
        return Affine(amounts[0])
    base = amounts[0]  # so that equal forms are equal, however they came about
    return Affine(base, ((variable, tuple(amount - base for amount in amounts)),))


def _added(forms: Iterable[Affine]) -> Affine:
    found = Affine()
    for form in forms:
        found = found.plus(form)
    return found


def _opposite(truth: Truth) -> Truth:
    return {TRUE: FALSE, FALSE: TRUE}.get(truth, truth ^ 1)


def _grid(parameter: IntegerParameter) -> tuple[int, int, int, int, int]:
    """The first number that may be entered, how many there are, their step, whether there is another one, and that."""
    asked, other = parameter.asked, parameter.otherwise
    return asked[0], len(asked), asked.step, int(len(parameter.values) > len(asked)), other
