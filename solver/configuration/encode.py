"""A configuration problem as one CP-SAT model, built once: a 0/1 variable for each option, a number for each parameter.

Every rule is in force only if its switch is 1, so that an explanation can leave rules out without a new model. Sums are
exact: a form is an integer linear expression over a positive denominator. What CP-SAT cannot say exactly (division by
something that varies, products that leave 2^50) is tabulated by asking the rule itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import product
from math import gcd, lcm, prod
from typing import Any, Final

from ortools.sat.python import cp_model

from solver.configuration.kernel import MAXIMUM_COMBINATIONS, Kernel
from solver.configuration.problem import (
    ConfigurationProblem,
    ExpressionRule,
    GroupId,
    InvalidProblem,
    OptionId,
    ParameterId,
    RuleId,
    TableRule,
)
from solver.configuration.rules import (
    And,
    Ceil,
    Comparator,
    Comparison,
    DividedByZero,
    Expression,
    Floor,
    Implies,
    Max,
    Member,
    Min,
    Negative,
    Not,
    Number,
    Or,
    Parameter,
    Product,
    Quotient,
    Sum,
    When,
    walk,
)

_LARGEST: Final = 2**50  # CP-SAT wants every sum to stay well inside 64 bits


class _Inexact(Exception):
    """CP-SAT cannot say this exactly. A way out of the encoder, not an error."""


@dataclass(frozen=True, slots=True)
class _Form:
    """(sum of coefficient * variable + constant) / denominator, with bounds of the numerator."""

    terms: Mapping[int, int]
    constant: int
    denominator: int
    low: int
    high: int

    def __post_init__(self) -> None:
        if max(abs(self.low), abs(self.high), self.denominator) > _LARGEST:
            raise _Inexact

    @property
    def fixed(self) -> bool:
        return not self.terms

    def times(self, factor: int) -> _Form:
        """The same with its numerator times `factor`, its denominator unchanged."""
        low, high = sorted((self.low * factor, self.high * factor))
        terms = {variable: factor * coefficient for variable, coefficient in self.terms.items()} if factor else {}
        return _Form(terms, factor * self.constant, self.denominator, low, high)

    def over(self, denominator: int) -> _Form:
        """The same value over a multiple of its denominator."""
        scaled = self.times(denominator // self.denominator)
        return _Form(scaled.terms, scaled.constant, denominator, scaled.low, scaled.high)


class Encoding:
    """The model and where to find things in it."""

    def __init__(self, problem: ConfigurationProblem, kernel: Kernel) -> None:
        self.problem = problem
        self.model = cp_model.CpModel()
        self.linear = False  # whether there are sums, which want another tuning
        self.kernel = kernel
        self._bounds: list[tuple[int, int]] = []
        self._literals: dict[Expression, int] = {}
        self._nothing: dict[GroupId, int] = {}
        self._equal: dict[tuple[int, int], int] = {}
        self._forms: dict[Expression, _Form] = {}
        self.option: dict[tuple[GroupId, OptionId], int] = {}
        self.parameter: dict[ParameterId, int] = {}
        self.switch: dict[RuleId, int] = {}
        self._handles: list[cp_model.IntVar] = []
        self.true = self._integer(1, 1)
        for group in problem.groups:
            for option in group.options:
                self.option[group.id, option] = self._integer(0, 1)
            self._add_cardinality(group.id)
        for parameter in problem.parameters:
            self.parameter[parameter.id] = self._stepped(parameter.id)
        for rule in problem.rules:
            self.switch[rule.id] = self._integer(1, 1)
            if isinstance(rule, TableRule):
                self._add_table(rule)
            else:
                self._add_rule(rule)
        # At least one of these literals: what a call asks for. Its literals are exchanged for every call.
        self._wanted = self.model.add_bool_or([self._handle(self.true)]).proto

    # --- editing between calls ---

    def want(self, literals: Sequence[int]) -> None:
        """Ask for at least one of these literals (none: ask for nothing)."""
        wanted = self._wanted.bool_or.literals
        wanted.clear()
        wanted.extend(list(literals) or [self.true])

    def restrict(self, variable: int, domain: Iterable[int]) -> None:
        """Set a variable's domain: low, high, low, high, ..."""
        proto = self.model.proto.variables[variable].domain
        proto.clear()
        proto.extend(list(domain))

    def hint(self, values: Mapping[int, int]) -> None:
        """Where the search looks first."""
        hint = self.model.proto.solution_hint
        hint.vars.clear()
        hint.values.clear()
        hint.vars.extend(list(values))
        hint.values.extend(list(values.values()))

    def minimize(self, terms: Sequence[tuple[int, int]], wishes: Sequence[int], weight: int) -> None:
        """Minimise the sum of coefficient * variable, plus the weight for each wish (a literal) that is not met."""
        total = sum(coefficient * self._handles[variable] for variable, coefficient in terms)
        self.model.minimize(total + sum(weight * self._handle(-wish - 1) for wish in wishes))

    def bounds(self, variable: int) -> tuple[int, int]:
        """The domain with which the variable was built."""
        return self._bounds[variable]

    def nothing(self, group_id: GroupId) -> int:
        """A literal that is true exactly if nothing is chosen in the group."""
        if group_id not in self._nothing:
            options = self.problem.group_by_id[group_id].options
            self._nothing[group_id] = -self._any([self.option[group_id, option] for option in options]) - 1
        return self._nothing[group_id]

    # --- variables ---

    def _integer(self, low: int, high: int) -> int:
        handle = self.model.new_int_var(low, high, "")
        assert handle.index == len(self._handles)
        self._handles.append(handle)
        self._bounds.append((low, high))
        return int(handle.index)

    def _stepped(self, parameter: ParameterId) -> int:
        """A parameter is minimum + step * k, so that its domain stays one interval; the variable is k."""
        values = self.problem.parameter_by_id[parameter].values
        return self._integer(0, len(values) - 1)

    def _handle(self, literal: int) -> Any:
        return self._handles[literal] if literal >= 0 else self._handles[-literal - 1].negated()

    def _expression(self, form: _Form) -> Any:
        handles = [self._handles[variable] for variable in form.terms]
        return cp_model.LinearExpr.weighted_sum(handles, list(form.terms.values())) + form.constant

    # --- constraints ---

    def _add_cardinality(self, group_id: GroupId) -> None:
        group = self.problem.group_by_id[group_id]
        options = [self._handle(self.option[group_id, option]) for option in group.options]
        if group.exactly_one:
            self.model.add_exactly_one(options)
        elif group.maximum == 1:
            self.model.add_at_most_one(options)
        else:
            self.model.add_linear_constraint(sum(options), group.minimum, group.maximum)

    def _clause(self, literals: Sequence[int], switch: int) -> None:
        """Under the switch, at least one literal."""
        self.model.add_bool_or([self._handle(-switch - 1), *(self._handle(literal) for literal in literals)])

    def _add_rule(self, rule: ExpressionRule) -> None:
        switch = self.switch[rule.id]
        try:
            if any(isinstance(part, Quotient) and not _constant(part.right) for part in walk(rule.expression)):
                raise _Inexact  # dividing by 0 makes the whole rule fail, wherever it stands
            self._require(rule.expression, switch)
        except _Inexact:
            self._tabulate(rule)

    def _require(self, expression: Expression, switch: int) -> None:
        """Under the switch, the expression holds."""
        if isinstance(expression, And):
            for operand in expression.operands:
                self._require(operand, switch)
        elif isinstance(expression, Or):
            self._clause([self._literal(operand) for operand in expression.operands], switch)
        elif isinstance(expression, Implies):
            self._clause([-self._literal(expression.left) - 1, self._literal(expression.right)], switch)
        elif isinstance(expression, Comparison):
            self._compare(expression, [switch], negated=False)
        else:
            self._clause([self._literal(expression)], switch)

    def _compare(self, comparison: Comparison, when: Sequence[int], negated: bool) -> None:
        """Where all of `when` hold: the comparison, or its opposite."""
        left, right = self._form(comparison.left), self._form(comparison.right)
        form = self._added([left, right.times(-1)])
        comparator = _OPPOSITE[comparison.comparator] if negated else comparison.comparator
        low, high = form.low, form.high
        domain = {
            Comparator.EQUAL: [[0, 0]],
            Comparator.UNEQUAL: [[low, -1], [1, high]],
            Comparator.LESS: [[low, -1]],
            Comparator.LESS_OR_EQUAL: [[low, 0]],
            Comparator.GREATER: [[1, high]],
            Comparator.GREATER_OR_EQUAL: [[0, high]],
        }[comparator]
        possible = [[a, b] for a, b in domain if a <= b and b >= low and a <= high]
        if not possible:
            self.model.add_bool_or([self._handle(-literal - 1) for literal in when])
            return
        if form.fixed:
            return  # it holds: `possible` is judged on the constant itself
        self.linear = True
        constraint = self.model.add_linear_expression_in_domain(
            self._expression(form), cp_model.Domain.from_intervals(possible)
        )
        constraint.only_enforce_if([self._handle(literal) for literal in when])

    def _add_table(self, rule: TableRule) -> None:
        switch = self.switch[rule.id]
        rows = [
            [self.option[group, option] for group, option in zip(rule.groups, row, strict=True)] for row in rule.rows
        ]
        if not rule.allowed:
            for row in rows:
                self._clause([-literal - 1 for literal in row], switch)
            return
        self._rows([[(literal, None) for literal in row] for row in rows], switch)
        for column, group in enumerate(rule.groups):
            unused = set(self.problem.group_by_id[group].options) - {row[column] for row in rule.rows}
            for option in sorted(unused):
                self._clause([-self.option[group, option] - 1], switch)

    def _rows(self, rows: Sequence[Sequence[tuple[int, int | None]]], switch: int) -> None:
        """Under the switch, one of the rows; an entry is a literal, or a variable and its value."""
        chosen = [self._integer(0, 1) for _ in rows]
        self._clause(chosen, switch)
        for row, literal in zip(rows, chosen, strict=True):
            for variable, entry in row:
                if entry is None:
                    self.model.add_implication(self._handle(literal), self._handle(variable))
                else:
                    held = self.model.add_linear_constraint(self._handles[variable], entry, entry)
                    held.only_enforce_if(self._handle(literal))
        # Each option needs a row of its own: what CP-SAT's propagation would otherwise see late.
        used: dict[int, list[int]] = {}
        for row, literal in zip(rows, chosen, strict=True):
            for variable, entry in row:
                if entry is None:
                    used.setdefault(variable, []).append(literal)
        for option, literals in used.items():
            self._clause([-option - 1, *literals], switch)

    def _tabulate(self, rule: ExpressionRule) -> None:
        """The rule as the combinations in which it holds, each judged by the rule itself."""
        scope = self.kernel.scope_of(rule.expression)
        variables = [self.kernel.variables[number] for number in scope or ()]
        if scope is None or prod(variable.size for variable in variables) > MAXIMUM_COMBINATIONS:
            raise InvalidProblem(f"{rule.id}: too many combinations for a rule that divides or multiplies.")
        allowed = set(self.kernel.allowed_rows(rule.expression, scope))
        for row in product(*(range(variable.size) for variable in variables)):
            if row not in allowed:
                # Not this combination: some question is answered otherwise.
                others = [self._differs(number, entry) for number, entry in zip(scope, row, strict=True)]
                self._clause([literal for literals in others for literal in literals], self.switch[rule.id])

    def _differs(self, number: int, entry: int) -> list[int]:
        """Literals of which one is true if the kernel's variable has another value."""
        variable = self.kernel.variables[number]
        if variable.parameter is not None:
            return [-self.equal(self.parameter[variable.parameter], entry) - 1]
        assert variable.group is not None
        options = self.problem.group_by_id[variable.group].options
        if variable.option is not None:
            literal = self.option[variable.group, variable.option]
            return [-literal - 1 if entry == 1 else literal]
        if entry < len(options):
            return [-self.option[variable.group, options[entry]] - 1]
        return [self.option[variable.group, option] for option in options]

    def equal(self, variable: int, value: int) -> int:
        """A literal that is true exactly if the variable has the value."""
        if (variable, value) not in self._equal:
            literal = self._equal[variable, value] = self._integer(0, 1)
            low, high = self._bounds[variable]
            same = self.model.add_linear_constraint(self._handles[variable], value, value)
            same.only_enforce_if(self._handle(literal))
            others = [[a, b] for a, b in ((low, value - 1), (value + 1, high)) if a <= b]
            if others:
                outside = cp_model.Domain.from_intervals(others)
                other = self.model.add_linear_expression_in_domain(self._handles[variable], outside)
                other.only_enforce_if(self._handle(-literal - 1))
            else:
                self.model.add_bool_or([self._handle(literal)])
        return self._equal[variable, value]

    # --- expressions as literals ---

    def _literal(self, expression: Expression) -> int:
        """A literal that is true exactly if the expression holds."""
        found = self._literals.get(expression)
        if found is None:
            found = self._literals[expression] = self._new_literal(expression)
        return found

    def _new_literal(self, expression: Expression) -> int:
        match expression:
            case Member(group=group, name=name):
                option = self.option.get((GroupId(group), OptionId(name)))
                if option is not None:
                    return option
            case Not(operand=operand):
                return -self._literal(operand) - 1
            case And(operands=operands):
                return -self._any([-self._literal(operand) - 1 for operand in operands]) - 1
            case Or(operands=operands):
                return self._any([self._literal(operand) for operand in operands])
            case Implies(left=left, right=right):
                return self._any([-self._literal(left) - 1, self._literal(right)])
            case Comparison():
                literal = self._integer(0, 1)
                self._compare(expression, [literal], negated=False)
                self._compare(expression, [-literal - 1], negated=True)
                return literal
        unequal = Comparison(expression, Comparator.UNEQUAL, Number(Fraction(0)))
        return self._literal(unequal)

    def _any(self, literals: Sequence[int]) -> int:
        """A literal that is true exactly if one of these is."""
        found = self._integer(0, 1)
        self.model.add_bool_or([self._handle(-found - 1), *(self._handle(literal) for literal in literals)])
        for literal in literals:
            self.model.add_implication(self._handle(literal), self._handle(found))
        return found

    # --- expressions as forms ---

    def _form(self, expression: Expression) -> _Form:
        """The exact value; raises _Inexact."""
        found = self._forms.get(expression)
        if found is None:
            found = self._forms[expression] = self._new_form(expression)
        return found

    def _new_form(self, expression: Expression) -> _Form:
        match expression:
            case Number(value=value):
                return _constant_form(value.numerator, value.denominator)
            case Parameter(name=name):
                parameter = self.problem.parameter_by_id[ParameterId(name)]
                step = self._variable(self.parameter[parameter.id]).times(parameter.step)
                return self._added([step, _constant_form(parameter.minimum)])
            case Member():
                return self._member(expression)
            case Negative(operand=operand):
                return self._form(operand).times(-1)
            case Sum(operands=operands):
                return self._added([self._form(operand) for operand in operands])
            case Product(operands=operands):
                forms = [self._form(operand) for operand in operands]
                found = forms[0]
                for form in forms[1:]:
                    found = self._multiplied(found, form)
                return found
            case Quotient(left=left, right=right):
                return self._divided(self._form(left), self._form(right))
            case Ceil(operand=operand):
                return self._floored(self._form(operand).times(-1)).times(-1)
            case Floor(operand=operand):
                return self._floored(self._form(operand))
            case Min(operands=operands):
                negated = [self._form(operand).times(-1) for operand in operands]
                return self._greatest(negated).times(-1)
            case Max(operands=operands):
                return self._greatest([self._form(operand) for operand in operands])
            case When(condition=condition, yes=yes, no=no):
                return self._chosen(self._literal(condition), self._form(yes), self._form(no))
        return self._truth(self._literal(expression))

    def _variable(self, variable: int) -> _Form:
        low, high = self._bounds[variable]
        return _Form({variable: 1}, 0, 1, low, high)

    def _truth(self, literal: int) -> _Form:
        if literal >= 0:
            return self._variable(literal)
        return self._added([_constant_form(1), self._variable(-literal - 1).times(-1)])

    def _member(self, member: Member) -> _Form:
        group = self.problem.group_by_id[GroupId(member.group)]
        if member.name in group.options:
            return self._variable(self.option[group.id, OptionId(member.name)])
        numbers = group.numbers[member.name]
        terms = {self.option[group.id, option]: number for option, number in numbers.items() if number}
        counts = sorted(numbers.get(option, 0) for option in group.options)
        if group.exactly_one:
            return _Form(terms, 0, 1, counts[0], counts[-1])
        low = sum(number for number in counts if number < 0)
        high = sum(number for number in counts if number > 0)
        return _Form(terms, 0, 1, low, high)

    def _added(self, forms: Sequence[_Form]) -> _Form:
        denominator = lcm(*(form.denominator for form in forms))
        terms: dict[int, int] = {}
        scaled = [form.over(denominator) for form in forms]
        for form in scaled:
            for variable, coefficient in form.terms.items():
                terms[variable] = terms.get(variable, 0) + coefficient
        terms = {variable: coefficient for variable, coefficient in terms.items() if coefficient}
        constant = sum(form.constant for form in scaled)
        if not terms:
            return _Form({}, constant, denominator, constant, constant)
        low, high = sum(form.low for form in scaled), sum(form.high for form in scaled)
        return _Form(terms, constant, denominator, low, high)

    def _multiplied(self, left: _Form, right: _Form) -> _Form:
        if left.fixed:
            left, right = right, left
        if right.fixed:
            form = left.times(right.constant)
            return _Form(form.terms, form.constant, left.denominator * right.denominator, form.low, form.high)
        corners = [a * b for a in (left.low, left.high) for b in (right.low, right.high)]
        low, high = min(corners), max(corners)
        _Form({}, 0, 1, low, high)  # refuses what is too large before CP-SAT is told
        self.linear = True
        product_ = self._integer(low, high)
        self.model.add_multiplication_equality(self._handles[product_], [self._named(left), self._named(right)])
        return _Form({product_: 1}, 0, left.denominator * right.denominator, low, high)

    def _named(self, form: _Form) -> cp_model.IntVar:
        """A variable equal to the numerator."""
        if form.constant == 0 and len(form.terms) == 1 and next(iter(form.terms.values())) == 1:
            return self._handles[next(iter(form.terms))]
        variable = self._integer(form.low, form.high)
        self.linear = True
        self.model.add(self._handles[variable] == self._expression(form))
        return self._handles[variable]

    def _divided(self, left: _Form, right: _Form) -> _Form:
        if not right.fixed or right.constant == 0:
            raise _Inexact
        form = left.times(right.denominator if right.constant > 0 else -right.denominator)
        denominator = left.denominator * abs(right.constant)
        return _reduced(_Form(form.terms, form.constant, denominator, form.low, form.high))

    def _floored(self, form: _Form) -> _Form:
        """denominator * whole <= numerator < denominator * (whole + 1)."""
        if form.denominator == 1:
            return form
        if form.fixed:
            return _constant_form(form.constant // form.denominator)
        low, high = form.low // form.denominator, form.high // form.denominator
        whole = self._integer(low, high)
        self.linear = True
        rest = self._expression(form) - form.denominator * self._handles[whole]
        self.model.add_linear_constraint(rest, 0, form.denominator - 1)
        return _Form({whole: 1}, 0, 1, low, high)

    def _greatest(self, forms: Sequence[_Form]) -> _Form:
        denominator = lcm(*(form.denominator for form in forms))
        scaled = [form.over(denominator) for form in forms]
        low, high = max(form.low for form in scaled), max(form.high for form in scaled)
        greatest = self._integer(low, high)
        self.linear = True
        self.model.add_max_equality(self._handles[greatest], [self._named(form) for form in scaled])
        return _Form({greatest: 1}, 0, denominator, low, high)

    def _chosen(self, condition: int, yes: _Form, no: _Form) -> _Form:
        denominator = lcm(yes.denominator, no.denominator)
        yes, no = yes.over(denominator), no.over(denominator)
        low, high = min(yes.low, no.low), max(yes.high, no.high)
        found = self._integer(low, high)
        self.linear = True
        for literal, form in ((condition, yes), (-condition - 1, no)):
            equal = self.model.add(self._handles[found] == self._expression(form))
            equal.only_enforce_if(self._handle(literal))
        return _Form({found: 1}, 0, denominator, low, high)


_OPPOSITE: Final = {
    Comparator.EQUAL: Comparator.UNEQUAL,
    Comparator.UNEQUAL: Comparator.EQUAL,
    Comparator.LESS: Comparator.GREATER_OR_EQUAL,
    Comparator.GREATER_OR_EQUAL: Comparator.LESS,
    Comparator.GREATER: Comparator.LESS_OR_EQUAL,
    Comparator.LESS_OR_EQUAL: Comparator.GREATER,
}


def _constant_form(numerator: int, denominator: int = 1) -> _Form:
    return _Form({}, numerator, denominator, numerator, numerator)


def _reduced(form: _Form) -> _Form:
    divisor = gcd(form.denominator, form.constant, form.low, form.high, *form.terms.values())
    terms = {variable: coefficient // divisor for variable, coefficient in form.terms.items()}
    return _Form(
        terms, form.constant // divisor, form.denominator // divisor, form.low // divisor, form.high // divisor
    )


def _constant(expression: Expression) -> bool:
    """Whether the expression is a number that is not 0, whatever the configuration."""
    if any(isinstance(part, Member | Parameter) for part in walk(expression)):
        return False
    try:
        return expression.evaluate(_NoAnswers()) != 0
    except DividedByZero:
        return False


class _NoAnswers:
    def member(self, group: str, name: str) -> bool | int:
        raise KeyError(group)

    def parameter(self, name: str) -> int:
        raise KeyError(name)

    def text(self, name: str) -> str:
        raise KeyError(name)
