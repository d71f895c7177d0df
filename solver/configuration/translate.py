"""Problem -> network: every rule as clauses, counts, tables or sums where it is one of them, else as a formula."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import product
from math import ceil, floor, lcm, prod
from typing import Final

import numpy as np

from solver.configuration.network import OWN, Clause, Count, Formula, Network, Sum, Table, Variable
from solver.configuration.problem import (
    ConfigurationProblem,
    ExpressionRule,
    GroupId,
    IntegerParameter,
    OptionGroup,
    OptionId,
    ParameterId,
    TableRule,
    Variant,
)
from solver.configuration.question import Assignment
from solver.configuration.rules import (
    And,
    Answers,
    Comparator,
    Comparison,
    DividedByZero,
    Exact,
    Expression,
    Implies,
    Member,
    Negative,
    Not,
    Number,
    Or,
    Parameter,
    Product,
    holds,
    walk,
)
from solver.configuration.rules import Sum as SumExpression

MAXIMUM_VALUES: Final = 512  # of a parameter that is a variable; others are numbers
MAXIMUM_COMBINATIONS: Final = 4_096  # of one tabulated rule
MAXIMUM_CLAUSES: Final = 64  # of one rule by distribution, before parts of it get a variable of their own
MAXIMUM_TERMS: Final = 20_000  # of one sum
MAXIMUM_AMOUNT: Final = 2**53  # that a sum can come to
_FEW: Final = 12  # forbidden rows of a small table that are better said as clauses

Signed = int  # literal + 1, or -(literal + 1)


class Names:
    """Where the questions of a problem are in its network."""

    def __init__(self, problem: ConfigurationProblem) -> None:
        self.problem = problem
        self.variables: list[Variable] = []
        self.starts: list[int] = [0]
        self.owner: list[int] = []  # the variable of each literal
        self.numbers: list[IntegerParameter] = []
        self.of_group: dict[GroupId, tuple[int, ...]] = {}
        self.of_parameter: dict[ParameterId, int] = {}
        self.number: dict[ParameterId, int] = {}
        self.derived: Mapping[str, Expression] = {one.id: one.expression for one in problem.derived}
        self.places: dict[GroupId, dict[OptionId, int]] = {
            group.id: {option: place for place, option in enumerate(group.options)} for group in problem.groups
        }
        for group in problem.groups:
            self._add_group(group)
        for parameter in problem.parameters:
            if len(parameter.values) <= MAXIMUM_VALUES:
                self.of_parameter[parameter.id] = self.add(Variable(len(parameter.values), parameter=parameter.id))
            else:
                self.number[parameter.id] = len(self.numbers)
                self.numbers.append(parameter)

    def add(self, variable: Variable) -> int:
        """A new variable; its position."""
        self.variables.append(variable)
        self.starts.append(self.starts[-1] + variable.size)
        self.owner.extend([len(self.variables) - 1] * variable.size)
        return len(self.variables) - 1

    def _add_group(self, group: OptionGroup) -> None:
        if is_one_variable(group):
            self.of_group[group.id] = (self.add(Variable(values_of(group), group=group.id)),)
        else:
            self.of_group[group.id] = tuple(
                self.add(Variable(2, group=group.id, option=option)) for option in group.options
            )

    def value(self, group: GroupId, option: OptionId) -> tuple[int, int]:
        """The variable, and its value in which the option is chosen."""
        variables = self.of_group[group]
        place = self.places[group][option]
        return (variables[0], place) if is_one_variable(self.problem.group_by_id[group]) else (variables[place], 1)

    def literal(self, variable: int, value: int) -> Signed:
        """The literal that says that the variable has the value."""
        if self.variables[variable].size == 2:
            name = self.starts[variable] + 2
            return name if value else -name
        return self.starts[variable] + value + 1

    def scope_of(self, expression: Expression) -> tuple[set[int], set[int]]:
        """The variables and the large numbers that the value depends on."""
        variables: set[int] = set()
        numbers: set[int] = set()
        waiting, known = [expression], set[str]()
        while waiting:
            for part in walk(waiting.pop()):
                if isinstance(part, Member):
                    variables.update(self._asked(part))
                elif isinstance(part, Parameter):
                    place = self.of_parameter.get(ParameterId(part.name))
                    if place is not None:
                        variables.add(place)
                    elif part.name in self.derived:
                        if part.name not in known:
                            known.add(part.name)
                            waiting.append(self.derived[part.name])
                    else:
                        numbers.add(self.number[ParameterId(part.name)])
        return variables, numbers

    def _asked(self, part: Member) -> Iterator[int]:
        group = self.problem.group_by_id[GroupId(part.group)]
        variables = self.of_group[group.id]
        if is_one_variable(group):
            yield variables[0]
        elif part.name in self.places[group.id]:
            yield variables[self.places[group.id][OptionId(part.name)]]
        else:
            numbers = group.numbers[part.name]
            yield from (v for v, option in zip(variables, group.options, strict=True) if numbers.get(option))


def conjuncts(expression: Expression) -> Iterator[Expression]:
    """What must hold, each by itself, for the expression to hold."""
    waiting = [expression]
    while waiting:
        part = waiting.pop()
        if isinstance(part, And):
            waiting.extend(reversed(part.operands))
        else:
            yield part


def is_one_variable(group: OptionGroup) -> bool:
    """Whether the group is one variable with a value for each option, and not one of two values for each."""
    return group.maximum == 1 and (len(group.options) > 1 or not group.may_be_empty)


def values_of(group: OptionGroup) -> int:
    """How many values the variable of a group has that is one."""
    return len(group.options) + group.may_be_empty


def variant_of(names: Names, whole: Assignment) -> Variant:
    """An assignment of the network as a variant, without texts."""
    values = whole.values.tolist()
    chosen: dict[GroupId, frozenset[OptionId]] = {}
    for group in names.problem.groups:
        variables = names.of_group[group.id]
        if is_one_variable(group):
            place = values[variables[0]]
            chosen[group.id] = frozenset(group.options[place : place + 1])
        else:
            pairs = zip(group.options, variables, strict=True)
            chosen[group.id] = frozenset(option for option, variable in pairs if values[variable] == 1)
    entered: dict[ParameterId, int] = {}
    for parameter in names.problem.parameters:
        variable = names.of_parameter.get(parameter.id)
        if variable is None:
            entered[parameter.id] = whole.numbers[names.number[parameter.id]]
        else:
            entered[parameter.id] = parameter.values[values[variable]]
    return Variant(chosen, entered)


def translate(problem: ConfigurationProblem) -> tuple[Network, Names]:
    """The network, and where the problem's questions are in it. Its rules are `problem.constraints`, in their order."""
    names = Names(problem)
    builder = _Builder(names)
    for group in problem.groups:
        builder.add_limits(group)
    for position, rule in enumerate(problem.constraints):
        if isinstance(rule, TableRule):
            builder.add_table(position, rule)
        else:
            builder.add_rule(position, rule)
    network = Network(
        variables=tuple(names.variables),
        first=np.array(names.starts, dtype=np.int64),
        numbers=tuple(names.numbers),
        rules=tuple(rule.id for rule in problem.constraints),
        clauses=tuple(builder.clauses),
        counts=tuple(builder.counts),
        tables=tuple(builder.tables),
        sums=tuple(builder.sums),
        formulas=tuple(builder.formulas),
    )
    return network, names


class _Builder:
    def __init__(self, names: Names) -> None:
        self.names = names
        self.problem = names.problem
        self.clauses: list[Clause] = []
        self.counts: list[Count] = []
        self.tables: list[Table] = []
        self.sums: list[Sum] = []
        self.formulas: list[Formula] = []

    def add_limits(self, group: OptionGroup) -> None:
        """The minimum and maximum of a group of several; what `when` says of them is a rule of the problem."""
        variables = self.names.of_group[group.id]
        if is_one_variable(group):
            return
        low = 0 if group.when is not None else group.minimum
        if low > 0 or group.maximum < len(group.options):
            literals = tuple(self.names.starts[variable] + 1 for variable in variables)
            self.counts.append(Count(OWN, literals, low, min(group.maximum, len(literals))))

    def add_table(self, rule: int, table: TableRule) -> None:
        scope = [self.names.of_group[group][0] for group in table.groups]
        places = [self.names.places[group] for group in table.groups]
        sizes = [self.names.variables[variable].size for variable in scope]
        rows = {tuple(place[option] for place, option in zip(places, row, strict=True)) for row in table.rows}
        if len(set(scope)) != len(scope):  # the same group twice: only rows that agree with themselves
            kept = sorted(set(scope))
            rows = {
                tuple(dict(zip(scope, row, strict=True))[variable] for variable in kept)
                for row in rows
                if all(row[scope.index(variable)] == entry for variable, entry in zip(scope, row, strict=True))
            }
            scope, sizes = kept, [self.names.variables[variable].size for variable in kept]
        if table.allowed:
            self._add_rows(rule, scope, rows)
        elif prod(sizes) <= MAXIMUM_COMBINATIONS and len(rows) > _FEW:
            every = product(*(range(size) for size in sizes))
            self._add_rows(rule, scope, (row for row in every if row not in rows))
        else:
            for row in sorted(rows):
                self._add_clause(rule, [-self.names.literal(v, d) for v, d in zip(scope, row, strict=True)])

    def add_rule(self, position: int, rule: ExpressionRule) -> None:
        for expression in conjuncts(rule.expression):
            self._add_expression(position, expression)

    def _add_expression(self, rule: int, expression: Expression) -> None:
        if self._is_logical(expression):
            self._add_logical(rule, expression)
            return
        variables, numbers = self.names.scope_of(expression)
        scope = sorted(variables)
        sizes = [self.names.variables[variable].size for variable in scope]
        small = not numbers and prod(sizes) <= MAXIMUM_COMBINATIONS
        if isinstance(expression, Comparison) and not (small and len(scope) <= 2) and self._add_sums(rule, expression):
            return
        if small:
            self._add_rows(rule, scope, self._allowed_rows(expression, scope))
        else:
            self.formulas.append(Formula(rule, expression))

    # --- clauses ---

    def _add_clause(self, rule: int, literals: Iterable[Signed]) -> None:
        kept = tuple(dict.fromkeys(literals))
        if not any(-literal in kept for literal in kept):
            self.clauses.append(Clause(rule, kept))

    def _is_logical(self, expression: Expression) -> bool:
        for part in walk(expression):
            if isinstance(part, Member):
                if OptionId(part.name) not in self.names.places[GroupId(part.group)]:
                    return False
            elif not isinstance(part, Not | And | Or | Implies):
                return False
        return True

    def _add_logical(self, rule: int, expression: Expression) -> None:
        for clause in self._clauses(rule, expression, positive=True):
            self._add_clause(rule, clause)

    def _clauses(self, rule: int, expression: Expression, *, positive: bool) -> list[tuple[Signed, ...]]:
        """The expression (or its opposite) as clauses; parts that would make too many get a variable of their own."""
        if isinstance(expression, Not):
            return self._clauses(rule, expression.operand, positive=not positive)
        if isinstance(expression, Member):
            found = self.names.literal(*self.names.value(GroupId(expression.group), OptionId(expression.name)))
            return [(found if positive else -found,)]
        if isinstance(expression, Implies):
            parts = [
                self._clauses(rule, expression.left, positive=not positive),
                self._clauses(rule, expression.right, positive=positive),
            ]
            return self._either(rule, parts) if positive else [clause for part in parts for clause in part]
        assert isinstance(expression, And | Or)
        parts = [self._clauses(rule, operand, positive=positive) for operand in expression.operands]
        if isinstance(expression, And) == positive:
            return [clause for part in parts for clause in part]
        return self._either(rule, parts)

    def _either(self, rule: int, parts: list[list[tuple[Signed, ...]]]) -> list[tuple[Signed, ...]]:
        if prod(len(part) for part in parts) > MAXIMUM_CLAUSES:
            parts = [part if len(part) == 1 else [(self._named(rule, part),)] for part in parts]
        return [tuple(literal for clause in row for literal in clause) for row in product(*parts)]

    def _named(self, rule: int, part: list[tuple[Signed, ...]]) -> Signed:
        """A literal that is true exactly if all clauses hold: both ways, so that it adds no variants."""
        inner: list[Signed] = []
        for clause in part:
            if len(clause) == 1:
                inner.append(clause[0])
                continue
            one = self.names.starts[self.names.add(Variable(2))] + 2
            self.clauses.append(Clause(OWN, (-one, *clause)))
            self.clauses.extend(Clause(OWN, (one, -literal)) for literal in clause)
            inner.append(one)
        if len(inner) == 1:
            return inner[0]
        all_of = self.names.starts[self.names.add(Variable(2))] + 2
        self.clauses.extend(Clause(OWN, (-all_of, literal)) for literal in inner)
        self.clauses.append(Clause(OWN, (all_of, *(-literal for literal in inner))))
        return all_of

    # --- tables ---

    def _add_rows(self, rule: int, scope: Sequence[int], rows: Iterable[tuple[int, ...]]) -> None:
        kept = sorted(set(rows))
        sizes = [self.names.variables[variable].size for variable in scope]
        if not kept:
            self.clauses.append(Clause(rule, ()))
        elif prod(sizes) <= MAXIMUM_COMBINATIONS and prod(sizes) - len(kept) <= _FEW:
            known = set(kept)
            for row in product(*(range(size) for size in sizes)):
                if row not in known:
                    self._add_clause(rule, [-self.names.literal(v, d) for v, d in zip(scope, row, strict=True)])
        else:
            self.tables.append(Table(rule, tuple(scope), np.array(kept, dtype=np.int32)))

    def _allowed_rows(self, expression: Expression, scope: Sequence[int]) -> list[tuple[int, ...]]:
        asked = RowAnswers(self.names)
        rows: list[tuple[int, ...]] = []
        for row in product(*(range(self.names.variables[variable].size) for variable in scope)):
            asked.values = dict(zip(scope, row, strict=True))
            if _holds(expression, asked):
                rows.append(row)
        return rows

    # --- sums ---

    def _add_sums(self, rule: int, comparison: Comparison) -> bool:
        """Add a comparison of sums as a count or a sum; False if a term depends on several things at once."""
        if comparison.comparator is Comparator.UNEQUAL:
            return False
        terms: dict[int, list[Fraction]] = {}
        numbers: dict[int, Fraction] = {}
        constant = Fraction(0)
        for part, factor in ((comparison.left, Fraction(1)), (comparison.right, Fraction(-1))):
            added = self._add_terms(part, factor, terms, numbers)
            if added is None or len(terms) > MAXIMUM_TERMS:
                return False
            constant += added
        for variable, amounts in terms.items():  # so that one value of each variable adds nothing
            least = amounts[0] if self.names.variables[variable].size == 2 else min(amounts)
            constant += least
            terms[variable] = [amount - least for amount in amounts]
        every = [amount for amounts in terms.values() for amount in amounts]
        scale = lcm(*(amount.denominator for amount in (*every, *numbers.values())), 1)
        limits = _limits(comparison.comparator, -constant * scale)
        literals = tuple(
            (self.names.starts[variable] + value, int(amount * scale))
            for variable, amounts in terms.items()
            for value, amount in enumerate(amounts)
            if amount
        )
        large = tuple((number, int(factor * scale)) for number, factor in numbers.items() if factor)
        low, high = self._bounds(literals, large)
        if max(abs(low), abs(high)) > MAXIMUM_AMOUNT:
            return False
        least_, most = (low if limits[0] is None else limits[0]), (high if limits[1] is None else limits[1])
        if least_ > high or most < low or least_ > most:
            self.clauses.append(Clause(rule, ()))
        elif least_ <= low and high <= most:
            pass  # it always holds
        elif not large and self._is_count(literals):
            unit = literals[0][1]
            least_, most = (least_, most) if unit > 0 else (-most, -least_)
            names = tuple(literal for literal, _ in literals)
            size = abs(unit)
            self._add_count(rule, names, ceil(Fraction(least_, size)), floor(Fraction(most, size)))
        else:
            self.sums.append(Sum(rule, literals, large, max(least_, low), min(most, high)))
        return True

    def _add_count(self, rule: int, literals: tuple[int, ...], low: int, high: int) -> None:
        if low > high:
            self.clauses.append(Clause(rule, ()))
        elif low <= 1 and high >= len(literals):
            if low == 1:
                self.clauses.append(Clause(rule, tuple(literal + 1 for literal in literals)))
        else:
            self.counts.append(Count(rule, literals, max(0, low), min(high, len(literals))))

    def _is_count(self, literals: Sequence[tuple[int, int]]) -> bool:
        """Whether all coefficients are the same, each of another variable of two values."""
        if not literals or any(size != literals[0][1] for _, size in literals):
            return False
        owner, variables = self.names.owner, self.names.variables
        return all(variables[owner[literal]].size == 2 for literal, _ in literals)

    def _bounds(self, literals: Sequence[tuple[int, int]], large: Sequence[tuple[int, int]]) -> tuple[int, int]:
        by_variable: dict[int, tuple[int, int]] = {}
        for literal, size in literals:
            a, b = by_variable.get(self.names.owner[literal], (0, 0))
            by_variable[self.names.owner[literal]] = (min(a, size), max(b, size))
        low = sum(a for a, _ in by_variable.values())
        high = sum(b for _, b in by_variable.values())
        for number, factor in large:
            values = self.names.numbers[number].values
            ends = sorted((factor * values[0], factor * values[-1]))
            low, high = low + ends[0], high + ends[1]
        return low, high

    def _add_terms(
        self, expression: Expression, factor: Fraction, terms: dict[int, list[Fraction]], numbers: dict[int, Fraction]
    ) -> Fraction | None:
        """Add factor * expression to the terms and give back its constant part; None if that cannot be done."""
        names = self.names
        if isinstance(expression, SumExpression):
            constant = Fraction(0)
            for operand in expression.operands:
                added = self._add_terms(operand, factor, terms, numbers)
                if added is None:
                    return None
                constant += added
            return constant
        if isinstance(expression, Negative):
            return self._add_terms(expression.operand, -factor, terms, numbers)
        if isinstance(expression, Parameter) and expression.name in names.derived:
            return self._add_terms(names.derived[expression.name], factor, terms, numbers)
        if isinstance(expression, Parameter) and ParameterId(expression.name) in names.number:
            number = names.number[ParameterId(expression.name)]
            numbers[number] = numbers.get(number, Fraction(0)) + factor
            return Fraction(0)
        if isinstance(expression, Product):
            constants = [part for part in expression.operands if isinstance(part, Number)]
            others = [part for part in expression.operands if not isinstance(part, Number)]
            if constants and len(others) == 1:
                for part in constants:
                    factor *= part.value
                return self._add_terms(others[0], factor, terms, numbers)
        variables, large = names.scope_of(expression)
        if large or (len(variables) > 1 and not isinstance(expression, Member)):
            return None
        asked = RowAnswers(names)
        try:
            if not variables:
                return factor * Fraction(expression.evaluate(asked))
            for variable in sorted(variables):  # several only for a number of a group of many: each option adds its own
                amounts = terms.setdefault(variable, [Fraction(0)] * names.variables[variable].size)
                for entry in range(len(amounts)):
                    asked.values = {variable: entry}
                    amounts[entry] += factor * Fraction(expression.evaluate(asked))
        except DividedByZero:
            return None
        return Fraction(0)


class RowAnswers:
    """Answers in which only some variables have a value."""

    def __init__(self, names: Names) -> None:
        self._names = names
        self._values: Mapping[int, int] = {}
        self._derived: dict[str, Exact] = {}

    @property
    def values(self) -> Mapping[int, int]:
        """The value of each variable that has one."""
        return self._values

    @values.setter
    def values(self, values: Mapping[int, int]) -> None:
        self._values = values
        self._derived.clear()

    def member(self, group: str, name: str) -> bool | int:
        """Whether the option is chosen, or the sum of that number over the chosen options."""
        found = self._names.problem.group_by_id[GroupId(group)]
        variables = self._names.of_group[found.id]
        numbers = found.numbers.get(name)
        if is_one_variable(found):
            place = self.values[variables[0]]
            if place == len(found.options):
                return 0
            option = found.options[place]
            return option == name if numbers is None else numbers.get(option, 0)
        if numbers is None:
            return self.values[variables[self._names.places[found.id][OptionId(name)]]] == 1
        chosen = zip(variables, found.options, strict=True)
        return sum(numbers.get(option, 0) for variable, option in chosen if self.values.get(variable))

    def parameter(self, name: str) -> Exact:
        """The number that was entered, or the value of the derived quantity."""
        if name in self._names.derived:
            if name not in self._derived:
                self._derived[name] = self._names.derived[name].evaluate(self)
            return self._derived[name]
        parameter = self._names.problem.parameter_by_id[ParameterId(name)]
        return parameter.values[self.values[self._names.of_parameter[parameter.id]]]

    def text(self, name: str) -> str:
        """No rule of a problem asks a text."""
        raise KeyError(name)


def _limits(comparator: Comparator, bound: Fraction) -> tuple[int | None, int | None]:
    """What a whole sum lies between if it compares so with the bound."""
    below, above = ceil(bound) - 1, floor(bound) + 1
    return {
        Comparator.LESS_OR_EQUAL: (None, floor(bound)),
        Comparator.LESS: (None, below),
        Comparator.GREATER_OR_EQUAL: (ceil(bound), None),
        Comparator.GREATER: (above, None),
        Comparator.EQUAL: (ceil(bound), floor(bound)),
    }[comparator]


def _holds(expression: Expression, asked: Answers) -> bool:
    try:
        return holds(expression, asked)
    except DividedByZero:
        return False
