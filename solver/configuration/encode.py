"""A configuration problem as one CP-SAT model, built once: a 0/1 variable for each option, a number for each parameter.

Every rule is in force only if its switch is 1, so that an explanation can leave rules out without a new model. Sums are
exact: a form is an integer linear expression over a positive denominator. Division by something that varies is said by
cases, by a product (where it is rounded) or by clearing the fraction (where it is compared); what CP-SAT cannot say
exactly is tabulated by asking the rule itself. Every part has some value in every variant; that a rule which divides by
0 does not hold is said apart, and only where it may happen.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import product
from math import gcd, lcm, prod
from typing import Any, Final

from ortools.sat.python import cp_model

from solver.configuration.check import VariantAnswers
from solver.configuration.problem import (
    ConfigurationProblem,
    ExpressionRule,
    GroupId,
    InvalidProblem,
    OptionId,
    ParameterId,
    RuleId,
    Stepped,
    TableRule,
    Variant,
)
from solver.configuration.rules import (
    And,
    Cases,
    Ceil,
    Comparator,
    Comparison,
    DividedByZero,
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
    holds,
    walk,
)

MAXIMUM_COMBINATIONS: Final = 4_096  # of one tabulated rule
_LARGEST: Final = 2**55  # CP-SAT wants every sum to stay well inside 64 bits
_FEW: Final = 32  # values of a divisor that are told apart


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

    def divided(self, by: Fraction) -> _Form:
        """The same value divided by a number that is not 0."""
        form = self.times(by.denominator if by > 0 else -by.denominator)
        denominator = self.denominator * abs(by.numerator)
        return _reduced(_Form(form.terms, form.constant, denominator, form.low, form.high))

    def within(self, low: int, high: int) -> _Form:
        """The same, known to lie within these limits of the numerator too."""
        return _Form(self.terms, self.constant, self.denominator, max(self.low, low), min(self.high, high))

    def over(self, denominator: int) -> _Form:
        """The same value over a multiple of its denominator."""
        scaled = self.times(denominator // self.denominator)
        return _Form(scaled.terms, scaled.constant, denominator, scaled.low, scaled.high)


@dataclass(frozen=True, slots=True)
class _Question:
    """What a row of a tabulated rule answers: a group of at most one, an option of another group, or a parameter.

    An answer is an option's place (the number of options: nothing), 0 or 1, or a position in the parameter's values.
    """

    size: int
    group: GroupId | None = None
    option: OptionId | None = None
    parameter: ParameterId | None = None


class Encoding:
    """The model and where to find things in it."""

    def __init__(self, problem: ConfigurationProblem) -> None:
        self.problem = problem
        self.model = cp_model.CpModel()
        self.linear = False  # whether there are sums, which want another tuning
        self._bounds: list[tuple[int, int]] = []
        self._literals: dict[Expression, int] = {}
        self._nothing: dict[GroupId, int] = {}
        self._equal: dict[tuple[int, int], int] = {}
        self._forms: dict[Expression, _Form] = {}
        self._defined: dict[Expression, int] = {}
        self._dividing: dict[str, bool] = {}
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
        for rule in problem.constraints:
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
        """Set a variable's domain: low, high, low, high, ... in order; intervals may touch each other."""
        ends: list[int] = []
        for low, high in zip(*[iter(domain)] * 2, strict=True):
            if ends and low <= ends[-1] + 1:
                ends[-1] = max(ends[-1], high)
            else:
                ends += (low, high)
        proto = self.model.proto.variables[variable].domain
        proto.clear()
        proto.extend(ends)

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

    def limit(self, terms: Sequence[tuple[int, int]], most: int) -> None:
        """The sum of coefficient * variable is at most so much. For models of one question: it stays."""
        self.linear = True
        self.model.add(sum(coefficient * self._handles[variable] for variable, coefficient in terms) <= most)

    def amount(self, parameter: ParameterId) -> tuple[Mapping[int, int], int]:
        """The parameter's number: a coefficient for each variable, and a constant."""
        form = self._form(Parameter(parameter))
        return form.terms, form.constant

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
        """The variable is the position in the parameter's values, so that its domain stays one interval."""
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
            least = 0 if group.when is not None else group.minimum  # what `when` asks is a rule
            self.model.add_linear_constraint(sum(options), least, group.maximum)

    def _clause(self, literals: Sequence[int], switch: int) -> None:
        """Under the switch, at least one literal."""
        self.model.add_bool_or([self._handle(-switch - 1), *(self._handle(literal) for literal in literals)])

    def _add_rule(self, rule: ExpressionRule) -> None:
        switch = self.switch[rule.id]
        try:
            if self._may_divide(rule.expression):
                self._clause([self._is_defined(rule.expression)], switch)
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
        elif isinstance(expression, Comparison) and not self._wants_clearing(expression):
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
        scope = self._scope(rule.expression)
        if prod(question.size for question in scope) > MAXIMUM_COMBINATIONS:
            raise InvalidProblem(f"{rule.id}: too many combinations for a rule that divides or multiplies.")
        for row in product(*(range(question.size) for question in scope)):
            try:
                if holds(rule.expression, self._answers(scope, row)):
                    continue
            except DividedByZero:
                pass
            # Not this combination: some question is answered otherwise.
            others = [self._differs(question, answer) for question, answer in zip(scope, row, strict=True)]
            self._clause([literal for literals in others for literal in literals], self.switch[rule.id])

    def _scope(self, expression: Expression) -> list[_Question]:
        """What the value depends on."""
        found: dict[_Question, None] = {}
        waiting, seen = [expression], set[str]()
        while waiting:
            for part in walk(waiting.pop()):
                if isinstance(part, Member):
                    found.update(dict.fromkeys(self._asked(part)))
                elif isinstance(part, Parameter) and part.name in self.problem.derived_by_id:
                    if part.name not in seen:
                        seen.add(part.name)
                        waiting.append(self.problem.derived_by_id[part.name].expression)
                elif isinstance(part, Parameter):
                    parameter = self.problem.parameter_by_id[ParameterId(part.name)]
                    found[_Question(len(parameter.values), parameter=parameter.id)] = None
        return list(found)

    def _asked(self, part: Member) -> list[_Question]:
        group = self.problem.group_by_id[GroupId(part.group)]
        if group.single:
            return [_Question(len(group.options) + group.may_be_empty, group=group.id)]
        numbers = group.numbers.get(part.name)
        if numbers is None:
            return [_Question(2, group.id, OptionId(part.name))]
        return [_Question(2, group.id, option) for option in group.options if numbers.get(option)]

    def _answers(self, scope: Sequence[_Question], row: Sequence[int]) -> VariantAnswers:
        """What an expression asks, where only the questions in its scope are answered."""
        chosen: dict[GroupId, frozenset[OptionId]] = {}
        numbers: dict[ParameterId, int] = {}
        for question, answer in zip(scope, row, strict=True):
            if question.parameter is not None:
                numbers[question.parameter] = self.problem.parameter_by_id[question.parameter].values[answer]
            elif question.group is not None:
                before = chosen.setdefault(question.group, frozenset())
                if question.option is None:
                    options = self.problem.group_by_id[question.group].options
                    chosen[question.group] = frozenset(options[answer : answer + 1])
                elif answer:
                    chosen[question.group] = before | {question.option}
        return VariantAnswers(self.problem, Variant(chosen, numbers))

    def _differs(self, question: _Question, answer: int) -> list[int]:
        """Literals of which one is true if the question is answered otherwise."""
        if question.parameter is not None:
            return [-self.equal(self.parameter[question.parameter], answer) - 1]
        assert question.group is not None
        if question.option is not None:
            literal = self.option[question.group, question.option]
            return [-literal - 1 if answer == 1 else literal]
        options = self.problem.group_by_id[question.group].options
        if answer < len(options):
            return [-self.option[question.group, options[answer]] - 1]
        return [self.option[question.group, option] for option in options]

    # --- division by 0 ---

    def _may_divide(self, expression: Expression) -> bool:
        """Whether evaluating it divides by something that varies."""
        for part in walk(expression):
            if isinstance(part, Quotient | Modulo) and not _constant(part.right):
                return True
            if isinstance(part, Parameter) and part.name in self.problem.derived_by_id:
                if part.name not in self._dividing:
                    self._dividing[part.name] = self._may_divide(self.problem.derived_by_id[part.name].expression)
                if self._dividing[part.name]:
                    return True
        return False

    def _is_defined(self, expression: Expression) -> int:
        """A literal that is true exactly if evaluating the expression divides by nothing that is 0."""
        if not self._may_divide(expression):
            return self.true
        found = self._defined.get(expression)
        if found is None:
            found = self._defined[expression] = self._new_defined(expression)
        return found

    def _new_defined(self, expression: Expression) -> int:
        match expression:
            case Parameter(name=name):
                return self._is_defined(self.problem.derived_by_id[name].expression)
            case Quotient(left=left, right=right) | Modulo(left=left, right=right):
                return self._all([self._is_defined(left), self._is_defined(right), self._literal(right)])
            case And(operands=operands):
                return self._all(self._one_by_one([-self._literal(part) - 1 for part in operands], operands))
            case Or(operands=operands):
                return self._all(self._one_by_one([self._literal(part) for part in operands], operands))
            case Implies(left=left, right=right):
                settled = [-self._literal(left) - 1, self._literal(right)]
                return self._all(self._one_by_one(settled, (left, right)))
            case When(condition=condition, yes=yes, no=no):
                return self._all(self._defined_cases([(condition, yes)], no))
            case Cases(cases=cases, otherwise=otherwise):
                return self._all(self._defined_cases(cases, otherwise))
        return self._all([self._is_defined(child) for child in expression.children()])

    def _one_by_one(self, settled: Sequence[int], operands: Sequence[Expression]) -> list[int]:
        """Each operand is defined, or one before it has settled the answer."""
        return [self._any([*settled[:k], self._is_defined(part)]) for k, part in enumerate(operands)]

    def _defined_cases(self, cases: Sequence[tuple[Expression, Expression]], otherwise: Expression) -> list[int]:
        found: list[int] = []
        held: list[int] = []
        for condition, value in cases:
            literal = self._literal(condition)
            found.append(self._any([*held, self._is_defined(condition)]))
            found.append(self._any([*held, -literal - 1, self._is_defined(value)]))
            held.append(literal)
        return [*found, self._any([*held, self._is_defined(otherwise)])]

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
                if self._wants_clearing(expression):
                    return self._literal(_cleared(expression))
                literal = self._integer(0, 1)
                self._compare(expression, [literal], negated=False)
                self._compare(expression, [-literal - 1], negated=True)
                return literal
        unequal = Comparison(expression, Comparator.UNEQUAL, Number(Fraction(0)))
        return self._literal(unequal)

    def _any(self, literals: Sequence[int]) -> int:
        """A literal that is true exactly if one of these is."""
        kept = [literal for literal in dict.fromkeys(literals) if literal != -self.true - 1]
        if self.true in kept:
            return self.true
        if len(kept) < 2:
            return kept[0] if kept else -self.true - 1
        found = self._integer(0, 1)
        self.model.add_bool_or([self._handle(-found - 1), *(self._handle(literal) for literal in kept)])
        for literal in kept:
            self.model.add_implication(self._handle(literal), self._handle(found))
        return found

    def _all(self, literals: Sequence[int]) -> int:
        """A literal that is true exactly if all of these are."""
        return -self._any([-literal - 1 for literal in literals]) - 1

    def _wants_clearing(self, comparison: Comparison) -> bool:
        """Whether a side is a fraction that is no form, so that it has to be multiplied by its divisor."""
        for side in (comparison.left, comparison.right):
            if isinstance(side, Quotient):
                try:
                    self._form(side)
                except _Inexact:
                    return True
        return False

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
                derived = self.problem.derived_by_id.get(name)
                return self._number(ParameterId(name)) if derived is None else self._form(derived.expression)
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
                return self._divided(self._form(left), right)
            case Modulo(left=left, right=right):
                return self._remainder(self._form(left), self._form(right))
            case Ceil(operand=operand):
                return self._rounded(operand, -1)
            case Floor(operand=operand):
                return self._rounded(operand, 1)
            case Min(operands=operands):
                negated = [self._form(operand).times(-1) for operand in operands]
                return self._greatest(negated).times(-1)
            case Max(operands=operands):
                return self._greatest([self._form(operand) for operand in operands])
            case When(condition=condition, yes=yes, no=no):
                return self._chosen([(self._literal(condition), self._form(yes))], self._form(no))
            case Cases(cases=cases, otherwise=otherwise):
                pairs = [(self._literal(condition), self._form(value)) for condition, value in cases]
                return self._chosen(pairs, self._form(otherwise))
        return self._truth(self._literal(expression))

    def _number(self, name: ParameterId) -> _Form:
        """What a parameter is at its position: a line, with a step aside where `otherwise` lies beside it."""
        parameter = self.problem.parameter_by_id[name]
        values, position = parameter.values, self.parameter[name]
        asked = parameter.asked
        step = self._variable(position).times(parameter.step)
        line = self._added([step, _constant_form(asked[0])])
        if not isinstance(values, Stepped):
            return line
        aside = values.extra - (asked[0] + parameter.step * values.place)
        form = self._added([line, self._variable(self.equal(position, values.place)).times(aside)])
        if values.place < len(asked):  # all after it are one position further on
            after = self._literal_from(position, values.place + 1)
            form = self._added([form, self._variable(after).times(-parameter.step)])
        return _Form(form.terms, form.constant, 1, values[0], values[-1])

    def _literal_from(self, variable: int, least: int) -> int:
        """A literal that is true exactly if the variable is at least that."""
        literal = self._integer(0, 1)
        low, high = self._bounds[variable]
        above = self.model.add_linear_constraint(self._handles[variable], least, high)
        above.only_enforce_if(self._handle(literal))
        below = self.model.add_linear_constraint(self._handles[variable], low, least - 1)
        below.only_enforce_if(self._handle(-literal - 1))
        return literal

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

    def _divided(self, left: _Form, right: Expression) -> _Form:
        """The quotient; by cases where the divisor has few values. Divided by 0: 0."""
        by = self._form(right)
        if by.fixed:
            return left.divided(Fraction(by.constant, by.denominator)) if by.constant else _constant_form(0)
        values = self._values(right)
        quotients = [(divisor, left.divided(Fraction(divisor))) for divisor in values if divisor]
        zero = [(divisor, _constant_form(0)) for divisor in values if not divisor]
        return self._by_cases([(self._is(right, divisor), form) for divisor, form in (*quotients, *zero)])

    def _is(self, expression: Expression, number: Exact) -> int:
        stated = Number(Fraction(number)) if number >= 0 else Negative(Number(Fraction(-number)))
        return self._literal(Comparison(expression, Comparator.EQUAL, stated))

    def _values(self, expression: Expression) -> list[Exact]:
        """Every value that it may have, if these are few."""
        scope = self._scope(expression)
        if prod(question.size for question in scope) > MAXIMUM_COMBINATIONS:
            raise _Inexact
        found: set[Exact] = set()
        for row in product(*(range(question.size) for question in scope)):
            try:
                found.add(expression.evaluate(self._answers(scope, row)))
            except DividedByZero:
                found.add(0)  # as _divided has it
            if len(found) > _FEW:
                raise _Inexact
        return sorted(found)

    def _by_cases(self, cases: Sequence[tuple[int, _Form]]) -> _Form:
        """The form of the literal that is true (exactly one is)."""
        denominator = lcm(*(form.denominator for _, form in cases))
        scaled = [(literal, form.over(denominator)) for literal, form in cases]
        found = self._integer(min(form.low for _, form in scaled), max(form.high for _, form in scaled))
        self.linear = True
        for literal, form in scaled:
            equal = self.model.add(self._handles[found] == self._expression(form))
            equal.only_enforce_if(self._handle(literal))
        low, high = self._bounds[found]
        return _Form({found: 1}, 0, denominator, low, high)

    def _rounded(self, operand: Expression, sign: int) -> _Form:
        """Rounded down (sign 1) or up (-1)."""
        try:
            return self._floored(self._form(operand).times(sign)).times(sign)
        except _Inexact:
            if not isinstance(operand, Quotient):
                raise
        left, right = self._form(operand.left).times(sign), self._form(operand.right)
        return self._floor_divided(left, right)[0].times(sign)

    def _remainder(self, left: _Form, right: _Form) -> _Form:
        """left - right * floor(left / right)."""
        if right.fixed and not right.constant:
            return left
        if right.fixed:
            whole = self._floored(left.divided(Fraction(right.constant, right.denominator)))
            taken = self._multiplied(whole, right)
        else:
            taken = self._floor_divided(left, right)[1]
        denominator = lcm(left.denominator, right.denominator)
        found = self._added([left, taken.times(-1)]).over(denominator)
        if found.fixed or right.low <= 0 <= right.high:
            return found
        scale = denominator // right.denominator
        return found.within(min(right.low, 0) * scale, max(right.high, 0) * scale)

    def _floor_divided(self, left: _Form, right: _Form) -> tuple[_Form, _Form]:
        """floor(left / right), and right times that. Where right is 0, both are 0.

        whole * by <= of < whole * by + by where by > 0, and the other way round where by < 0.
        """
        denominator = lcm(left.denominator, right.denominator)
        of, by = left.over(denominator), right.over(denominator)
        nearest = [end for end in (by.low, -1, 1, by.high) if end and by.low <= end <= by.high]
        corners = [end // divisor for end in (of.low, of.high) for divisor in nearest]
        if by.low <= 0 <= by.high:
            corners.append(0)
        low, high = min(corners, default=0), max(corners, default=0)
        farthest = max(-by.low, by.high)
        if max(-low, high) * farthest > _LARGEST:
            raise _Inexact
        whole = self._integer(low, high)
        taken = self._integer(min(of.low - farthest, 0), max(of.high + farthest, 0))
        self.linear = True
        self.model.add_multiplication_equality(self._handles[taken], [self._handles[whole], self._named(by)])
        rest = self._expression(of) - self._handles[taken]
        divisor = self._expression(by)
        for sign, possible, always in ((1, by.high > 0, by.low > 0), (-1, by.low < 0, by.high < 0)):
            if not possible:
                continue
            limits = [self.model.add(sign * rest >= 0), self.model.add(sign * (rest - divisor) <= -1)]
            if not always:
                literal = self._integer(0, 1)
                self._split(by, literal, sign)
                for limit in limits:
                    limit.only_enforce_if(self._handle(literal))
        if by.low <= 0 <= by.high:
            zero = self._integer(0, 1)
            self._reified_zero(by, zero)
            self.model.add(self._handles[whole] == 0).only_enforce_if(self._handle(zero))
        taken_form = _Form({taken: 1}, 0, denominator, *self._bounds[taken])
        return _Form({whole: 1}, 0, 1, low, high), taken_form

    def _split(self, form: _Form, literal: int, sign: int) -> None:
        """The literal is true exactly if sign * form > 0."""
        self.model.add(sign * self._expression(form) >= 1).only_enforce_if(self._handle(literal))
        self.model.add(sign * self._expression(form) <= 0).only_enforce_if(self._handle(-literal - 1))

    def _reified_zero(self, form: _Form, literal: int) -> None:
        """The literal is true exactly if the form is 0."""
        inside = cp_model.Domain.from_intervals([[0, 0]])
        outside = [[a, b] for a, b in ((form.low, -1), (1, form.high)) if a <= b]
        expression = self._expression(form)
        self.model.add_linear_expression_in_domain(expression, inside).only_enforce_if(self._handle(literal))
        if outside:
            beside = cp_model.Domain.from_intervals(outside)
            other = self.model.add_linear_expression_in_domain(expression, beside)
            other.only_enforce_if(self._handle(-literal - 1))
        else:
            self.model.add_bool_or([self._handle(literal)])

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

    def _chosen(self, cases: Sequence[tuple[int, _Form]], otherwise: _Form) -> _Form:
        """The form of the first literal that is true, or the other one."""
        exclusive: list[tuple[int, _Form]] = []
        before: list[int] = []
        for literal, form in cases:
            exclusive.append((self._all([literal, *(-earlier - 1 for earlier in before)]), form))
            before.append(literal)
        return self._by_cases([*exclusive, (-self._any(before) - 1, otherwise)])


_OPPOSITE: Final = {
    Comparator.EQUAL: Comparator.UNEQUAL,
    Comparator.UNEQUAL: Comparator.EQUAL,
    Comparator.LESS: Comparator.GREATER_OR_EQUAL,
    Comparator.GREATER_OR_EQUAL: Comparator.LESS,
    Comparator.GREATER: Comparator.LESS_OR_EQUAL,
    Comparator.LESS_OR_EQUAL: Comparator.GREATER,
}


_MIRRORED: Final = {
    Comparator.EQUAL: Comparator.EQUAL,
    Comparator.UNEQUAL: Comparator.UNEQUAL,
    Comparator.LESS: Comparator.GREATER,
    Comparator.GREATER: Comparator.LESS,
    Comparator.LESS_OR_EQUAL: Comparator.GREATER_OR_EQUAL,
    Comparator.GREATER_OR_EQUAL: Comparator.LESS_OR_EQUAL,
}


def _constant_form(numerator: int, denominator: int = 1) -> _Form:
    return _Form({}, numerator, denominator, numerator, numerator)


def _reduced(form: _Form) -> _Form:
    divisor = gcd(form.denominator, form.constant, form.low, form.high, *form.terms.values())
    terms = {variable: coefficient // divisor for variable, coefficient in form.terms.items()}
    return _Form(
        terms, form.constant // divisor, form.denominator // divisor, form.low // divisor, form.high // divisor
    )


def _cleared(comparison: Comparison) -> Expression:
    """a / b <= c as (b > 0 and a <= c * b) or (b < 0 and a >= c * b)."""
    left, comparator, right = comparison.left, comparison.comparator, comparison.right
    if not isinstance(left, Quotient):
        left, comparator, right = right, _MIRRORED[comparator], left
    assert isinstance(left, Quotient)
    divisor, other = left.right, Product((right, left.right))
    zero = Number(Fraction(0))
    upright = And((Comparison(divisor, Comparator.GREATER, zero), Comparison(left.left, comparator, other)))
    turned = And((Comparison(divisor, Comparator.LESS, zero), Comparison(left.left, _MIRRORED[comparator], other)))
    return Or((upright, turned))


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
