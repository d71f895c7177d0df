"""Small finite domains in plain Python: propagation and search that settle a click without a solver.

Every question is a variable with few values, and its domain is a bit mask. A group of at most one option is one
variable (a value for each option, and "none" if it may stay empty); any other group is a 0/1 variable for each option;
a parameter is a variable if it has few values. A rule over few combinations becomes a table whose rows are bits, a
wide logical rule becomes clauses, a wide sum stays a sum; what is none of these is `opaque` and is left to CP-SAT.

Propagation makes every table, clause, sum and cardinality consistent by itself (generalised arc consistency; compact
tables, Demeulenaere et al. 2016), so what it removes is proved. What a table answered to domains is remembered.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import product
from math import lcm, prod
from typing import Final

from solver.configuration.problem import (
    ConfigurationProblem,
    ExpressionRule,
    GroupId,
    OptionGroup,
    OptionId,
    ParameterId,
    RuleId,
    TableRule,
)
from solver.configuration.rules import (
    And,
    Answers,
    Comparator,
    Comparison,
    DividedByZero,
    Expression,
    Implies,
    Member,
    Negative,
    Not,
    Or,
    Parameter,
    Sum,
    holds,
    walk,
)

MAXIMUM_VALUES: Final[int] = 512  # of a parameter; others are large, and are asked for by intervals
MAXIMUM_COMBINATIONS: Final = 4_096  # of one tabulated rule
MAXIMUM_CLAUSES: Final = 256  # of one wide rule
MAXIMUM_TERMS: Final = 10_000  # of one sum
_REMEMBERED: Final = 20_000  # answers of one table

Domains = list[int]  # a bit mask for each variable
Literal = tuple[int, int]  # variable, mask of the values that make it true


@dataclass(frozen=True, slots=True)
class Variable:
    """A question: `group` and perhaps `option` (0/1), or `parameter`. `size`: how many values."""

    size: int
    group: GroupId | None = None
    option: OptionId | None = None
    parameter: ParameterId | None = None

    @property
    def full(self) -> int:
        """The mask of all values."""
        return (1 << self.size) - 1


class Table:
    """Allowed combinations; `supports[k][value]` has a bit for each row in which scope[k] has that value."""

    def __init__(self, rule: RuleId, scope: Sequence[int], sizes: Sequence[int], rows: Iterable[Sequence[int]]) -> None:
        self.rule: RuleId | None = rule
        self.scope = tuple(scope)
        kept = list(rows)
        self.rows = frozenset(tuple(row) for row in kept)
        self._all = (1 << len(kept)) - 1
        self._supports = [[0] * size for size in sizes]
        for number, row in enumerate(kept):
            for k, entry in enumerate(row):
                self._supports[k][entry] |= 1 << number
        self._known: dict[tuple[int, ...], tuple[int, ...] | None] = {}

    def revise(self, domains: Domains) -> tuple[int, ...] | None:
        """The supported part of each domain in scope; None if there is no row left."""
        key = tuple([domains[variable] for variable in self.scope])
        known = self._known
        if key in known:
            return known[key]
        if len(known) > _REMEMBERED:
            known.clear()
        answer = known[key] = self._revise(key)
        return answer

    def _revise(self, key: tuple[int, ...]) -> tuple[int, ...] | None:
        alive = self._all
        for supports, domain in zip(self._supports, key, strict=True):
            alive &= _union(supports, domain)
        if not alive:
            return None
        return tuple(
            sum(1 << entry for entry in bits(domain) if supports[entry] & alive)
            for supports, domain in zip(self._supports, key, strict=True)
        )


class Clause:
    """At least one of the literals is true."""

    def __init__(self, rule: RuleId, literals: Mapping[int, int]) -> None:
        self.rule: RuleId | None = rule
        self.scope = tuple(literals)
        self._masks = tuple(literals.values())

    def revise(self, domains: Domains) -> tuple[int, ...] | None:
        """The supported part of each domain in scope; None if no literal can be true."""
        now = tuple([domains[variable] for variable in self.scope])
        alive = -1
        for k, (domain, mask) in enumerate(zip(now, self._masks, strict=True)):
            if domain & mask:
                if alive >= 0:
                    return now
                alive = k
        if alive < 0:
            return None
        return (*now[:alive], now[alive] & self._masks[alive], *now[alive + 1 :])


class Cardinality:
    """Between minimum and maximum of the 0/1 variables are 1. Always in force: it is the group itself, not a rule."""

    def __init__(self, scope: Sequence[int], minimum: int, maximum: int) -> None:
        self.rule: RuleId | None = None
        self.scope = tuple(scope)
        self._minimum = minimum
        self._maximum = maximum

    def revise(self, domains: Domains) -> tuple[int, ...] | None:
        """The supported part of each domain in scope; None if the count cannot be met."""
        now = tuple([domains[variable] for variable in self.scope])
        sure, possible = now.count(2), len(now) - now.count(1)
        if sure > self._maximum or possible < self._minimum:
            return None
        if sure == self._maximum:
            return tuple([1 if domain == 3 else domain for domain in now])
        if possible == self._minimum:
            return tuple([2 if domain == 3 else domain for domain in now])
        return now


class Linear:
    """A sum of one number for each variable, by its value, is at most `most`: kept consistent by its bounds."""

    def __init__(self, rule: RuleId, terms: Mapping[int, Sequence[int]], most: int) -> None:
        self.rule: RuleId | None = rule
        self.scope = tuple(terms)
        self._numbers = tuple(tuple(numbers) for numbers in terms.values())
        self._most = most
        self._ends: list[dict[int, tuple[int, int]]] = [{} for _ in self.scope]  # least and greatest number by domain

    def revise(self, domains: Domains) -> tuple[int, ...] | None:
        """The supported part of each domain in scope; None if even the least sum is too much."""
        ends = [self._end(k, domains[variable]) for k, variable in enumerate(self.scope)]
        slack = self._most - sum([least for least, _ in ends])
        if slack < 0:
            return None
        revised = [domains[variable] for variable in self.scope]
        for k, (least, greatest) in enumerate(ends):
            if greatest - least > slack:
                numbers = self._numbers[k]
                revised[k] = sum(1 << entry for entry in bits(revised[k]) if numbers[entry] - least <= slack)
        return tuple(revised)

    def _end(self, k: int, domain: int) -> tuple[int, int]:
        known = self._ends[k]
        found = known.get(domain)
        if found is None:
            if len(known) > _REMEMBERED:
                known.clear()
            numbers = [self._numbers[k][entry] for entry in bits(domain)]
            found = known[domain] = (min(numbers), max(numbers))
        return found


Constraint = Table | Clause | Cardinality | Linear


class OutOfNodes(Exception):
    """The search has used its nodes; nothing is shown."""


@dataclass(slots=True)
class Nodes:
    """How many more nodes a search may visit."""

    left: int

    def spend(self) -> None:
        """One node; raises OutOfNodes."""
        self.left -= 1
        if self.left < 0:
            raise OutOfNodes


@dataclass(frozen=True, slots=True)
class Weights:
    """What each value of each variable costs; lower is better."""

    of: Sequence[Sequence[int]]
    _least: dict[tuple[int, int], int] = field(default_factory=dict)

    def least(self, variable: int, domain: int) -> int:
        """The least cost that is left in a domain."""
        key = (variable, domain)
        found = self._least.get(key)
        if found is None:
            costs = self.of[variable]
            found = self._least[key] = min(costs[entry] for entry in bits(domain))
        return found

    def bound(self, domains: Domains) -> int:
        """A cost that no assignment within the domains is below."""
        return sum([self.least(variable, domain) for variable, domain in enumerate(domains)])


class Kernel:
    """The variables of a problem and all that can be said of them by tables, clauses, sums and cardinalities."""

    def __init__(self, problem: ConfigurationProblem) -> None:
        self.problem = problem
        self.variables: list[Variable] = []
        self.of_group: dict[GroupId, tuple[int, ...]] = {}
        self.of_parameter: dict[ParameterId, int] = {}
        self.constraints: list[Constraint] = []
        self.opaque: list[RuleId] = []
        for group in problem.groups:
            self._add_group(group)
        for parameter in problem.parameters:
            if len(parameter.values) <= MAXIMUM_VALUES:
                self.of_parameter[parameter.id] = len(self.variables)
                self.variables.append(Variable(len(parameter.values), parameter=parameter.id))
        for rule in problem.rules:
            if isinstance(rule, TableRule):
                self._add_table(rule)
            else:
                self._add_rule(rule)
        asked = {
            part.name
            for rule in problem.rules
            if isinstance(rule, ExpressionRule)
            for part in walk(rule.expression)
            if isinstance(part, Parameter)
        }
        # Large parameters that no rule asks for: every value goes with everything.
        self.free = tuple(p.id for p in problem.parameters if p.id not in self.of_parameter and p.id not in asked)
        self.closed = not self.opaque  # the constraints say all that the rules say
        self.full: tuple[int, ...] = tuple(variable.full for variable in self.variables)
        self._watching: list[list[int]] = [[] for _ in self.variables]
        for number, constraint in enumerate(self.constraints):
            for variable in constraint.scope:
                self._watching[variable].append(number)

    # --- questions ---

    def literal(self, group: GroupId, option: OptionId) -> Literal:
        """The variable and the mask of values in which the option is chosen."""
        found = self.problem.group_by_id[group]
        place = found.options.index(option)
        variables = self.of_group[group]
        return (variables[0], 1 << place) if found.single else (variables[place], 2)

    def propagate(
        self, domains: Domains, changed: Iterable[int] | None = None, rules: frozenset[RuleId] | None = None
    ) -> bool:
        """Remove from `domains`, in place, what no constraint supports; False if nothing is left.

        `changed`: the variables whose domains are news (None: all). `rules`: only these are in force (None: all).
        """
        constraints, watching = self.constraints, self._watching
        if changed is None:
            waiting = list(range(len(constraints)))
        else:
            waiting = list({number for variable in changed for number in watching[variable]})
        queued = set(waiting)
        while waiting:
            number = waiting.pop()
            queued.discard(number)
            constraint = constraints[number]
            if rules is not None and constraint.rule is not None and constraint.rule not in rules:
                continue
            revised = constraint.revise(domains)
            if revised is None:
                return False
            for variable, domain in zip(constraint.scope, revised, strict=True):
                if domain != domains[variable]:
                    domains[variable] = domain
                    for other in watching[variable]:
                        if other != number and other not in queued:
                            queued.add(other)
                            waiting.append(other)
        return True

    def find(
        self, domains: Domains, wanted: Sequence[int], nodes: Nodes, rules: frozenset[RuleId] | None = None
    ) -> Domains | None:
        """An assignment within propagated domains, or None if there is none. Raises OutOfNodes.

        `wanted`: values to prefer, a mask for each variable. The assignment keeps all constraints, not opaque rules.
        """
        nodes.spend()
        branch, smallest = -1, 0
        for variable, domain in enumerate(domains):
            if domain & (domain - 1) and ((size := domain.bit_count()) < smallest or branch < 0):
                branch, smallest = variable, size
        if branch < 0:
            return domains
        domain = domains[branch]
        liked = domain & wanted[branch]
        for mask in (*masks(liked), *masks(domain & ~liked)):
            child = domains.copy()
            child[branch] = mask
            if (
                self.propagate(child, (branch,), rules)
                and (found := self.find(child, wanted, nodes, rules)) is not None
            ):
                return found
        return None

    def find_least(self, domains: Domains, weights: Weights, nodes: Nodes) -> Domains | None:
        """An assignment of least cost within propagated domains; branch and bound. Raises OutOfNodes."""
        best: tuple[int, Domains] | None = None

        def visit(domains: Domains) -> None:
            nonlocal best
            nodes.spend()
            if best is not None and weights.bound(domains) >= best[0]:
                return
            branch, choices = self._dearest(domains, weights)
            if branch < 0:
                best = (weights.bound(domains), domains)
                return
            for mask in choices:
                child = domains.copy()
                child[branch] = mask
                if self.propagate(child, (branch,)):
                    visit(child)

        visit(domains)
        return None if best is None else best[1]

    def _dearest(self, domains: Domains, weights: Weights) -> tuple[int, list[int]]:
        """The open variable whose second best value costs most, and its values from the cheapest on."""
        branch, most, order = -1, -1, list[int]()
        for variable, domain in enumerate(domains):
            if domain & (domain - 1):
                costs = weights.of[variable]
                cheapest = sorted(masks(domain), key=lambda mask: costs[mask.bit_length() - 1])
                regret = costs[cheapest[1].bit_length() - 1] - costs[cheapest[0].bit_length() - 1]
                if regret > most:
                    branch, most, order = variable, regret, cheapest
        return branch, order

    def keeps(self, assignment: Domains) -> bool:
        """Whether a complete assignment keeps every constraint."""
        return all(constraint.revise(assignment) is not None for constraint in self.constraints)

    # --- building ---

    def _add_group(self, group: OptionGroup) -> None:
        first = len(self.variables)
        if group.single:
            self.variables.append(Variable(len(group.options) + (group.minimum == 0), group=group.id))
            self.of_group[group.id] = (first,)
            return
        self.variables.extend(Variable(2, group=group.id, option=option) for option in group.options)
        self.of_group[group.id] = tuple(range(first, len(self.variables)))
        if group.minimum > 0 or group.maximum < len(group.options):
            self.constraints.append(Cardinality(self.of_group[group.id], group.minimum, group.maximum))

    def _add_table(self, rule: TableRule) -> None:
        groups = [self.problem.group_by_id[group] for group in rule.groups]
        scope = [self.of_group[group.id][0] for group in groups]
        if len(set(scope)) != len(scope):
            self.opaque.append(rule.id)  # the same group twice
            return
        places = [{option: place for place, option in enumerate(group.options)} for group in groups]
        rows = {tuple(place[option] for place, option in zip(places, row, strict=True)) for row in rule.rows}
        sizes = [self.variables[variable].size for variable in scope]
        if rule.allowed:
            self.constraints.append(Table(rule.id, scope, sizes, sorted(rows)))
        elif prod(sizes) <= MAXIMUM_COMBINATIONS:
            others = [row for row in product(*(range(size) for size in sizes)) if row not in rows]
            self.constraints.append(Table(rule.id, scope, sizes, others))
        else:
            for row in sorted(rows):
                refused = {v: self.variables[v].full ^ (1 << entry) for v, entry in zip(scope, row, strict=True)}
                self.constraints.append(Clause(rule.id, refused))

    def _add_rule(self, rule: ExpressionRule) -> None:
        waiting = [rule.expression]
        while waiting:
            expression = waiting.pop()
            if isinstance(expression, And):
                waiting.extend(expression.operands)
                continue
            scope = self.scope_of(expression)
            sizes = [self.variables[variable].size for variable in scope or ()]
            if scope is not None and prod(sizes) <= MAXIMUM_COMBINATIONS:
                rows = self.allowed_rows(expression, scope)
                self.constraints.append(Table(rule.id, scope, sizes, rows))
            elif (clauses := self._clauses(expression, positive=True)) is not None:
                self.constraints.extend(Clause(rule.id, clause) for clause in clauses)
            elif (sums := self._sums(rule.id, expression)) is not None:
                self.constraints.extend(sums)
            elif rule.id not in self.opaque:
                self.opaque.append(rule.id)

    def _sums(self, rule: RuleId, expression: Expression) -> list[Linear] | None:
        """A comparison of sums as linear constraints; None if a term depends on several variables at once."""
        if not isinstance(expression, Comparison) or expression.comparator is Comparator.UNEQUAL:
            return None
        terms: dict[int, list[Fraction]] = {}
        constant = Fraction(0)
        for part, factor in ((expression.left, Fraction(1)), (expression.right, Fraction(-1))):
            added = self._add_terms(part, factor, terms)
            if added is None or len(terms) > MAXIMUM_TERMS:
                return None
            constant += added
        scale = lcm(constant.denominator, *(n.denominator for numbers in terms.values() for n in numbers))
        upward = {variable: [int(n * scale) for n in numbers] for variable, numbers in terms.items()}
        downward = {variable: [-n for n in numbers] for variable, numbers in upward.items()}
        most = int(-constant * scale)
        return {
            Comparator.LESS_OR_EQUAL: [Linear(rule, upward, most)],
            Comparator.LESS: [Linear(rule, upward, most - 1)],
            Comparator.GREATER_OR_EQUAL: [Linear(rule, downward, -most)],
            Comparator.GREATER: [Linear(rule, downward, -most - 1)],
            Comparator.EQUAL: [Linear(rule, upward, most), Linear(rule, downward, -most)],
        }[expression.comparator]

    def _add_terms(self, expression: Expression, factor: Fraction, terms: dict[int, list[Fraction]]) -> Fraction | None:
        """Add factor * expression to the terms and give back its constant part; None if that cannot be done."""
        if isinstance(expression, Sum):
            constant = Fraction(0)
            for operand in expression.operands:
                added = self._add_terms(operand, factor, terms)
                if added is None:
                    return None
                constant += added
            return constant
        if isinstance(expression, Negative):
            return self._add_terms(expression.operand, -factor, terms)
        scope = self.scope_of(expression)
        if scope is None or (len(scope) > 1 and not isinstance(expression, Member)):
            return None
        asked = RowAnswers(self)
        try:
            if not scope:
                return factor * Fraction(expression.evaluate(asked))
            for variable in scope:  # several only for a number of a group of many: each option adds its own
                numbers = terms.setdefault(variable, [Fraction(0)] * self.variables[variable].size)
                for entry in range(len(numbers)):
                    asked.values = {variable: entry}
                    numbers[entry] += factor * Fraction(expression.evaluate(asked))
        except DividedByZero:
            return None
        return Fraction(0)

    def scope_of(self, expression: Expression) -> list[int] | None:
        """The variables that the value depends on, in order; None if a large parameter is among them."""
        found: set[int] = set()
        for part in walk(expression):
            if isinstance(part, Member):
                found.update(self._asked(part))
            elif isinstance(part, Parameter):
                variable = self.of_parameter.get(ParameterId(part.name))
                if variable is None:
                    return None
                found.add(variable)
        return sorted(found)

    def _asked(self, part: Member) -> Iterator[int]:
        group = self.problem.group_by_id[GroupId(part.group)]
        variables = self.of_group[group.id]
        if group.single:
            yield variables[0]
        elif part.name in group.options:
            yield variables[group.options.index(OptionId(part.name))]
        else:
            numbers = group.numbers[part.name]
            yield from (v for v, option in zip(variables, group.options, strict=True) if numbers.get(option))

    def allowed_rows(self, expression: Expression, scope: Sequence[int]) -> list[tuple[int, ...]]:
        """The combinations of values in which the expression holds."""
        asked = RowAnswers(self)
        rows: list[tuple[int, ...]] = []
        for row in product(*(range(self.variables[variable].size) for variable in scope)):
            asked.values = dict(zip(scope, row, strict=True))
            if _holds(expression, asked):
                rows.append(row)
        return rows

    def _clauses(self, expression: Expression, positive: bool) -> list[dict[int, int]] | None:
        """The expression as clauses over literals; None if it is not purely logical, or they would be too many."""
        if isinstance(expression, Not):
            return self._clauses(expression.operand, not positive)
        if isinstance(expression, Member):
            group = self.problem.group_by_id[GroupId(expression.group)]
            if expression.name not in group.options:
                return None
            variable, mask = self.literal(group.id, OptionId(expression.name))
            return [{variable: mask if positive else self.variables[variable].full ^ mask}]
        if isinstance(expression, Implies):
            parts = [self._clauses(expression.left, not positive), self._clauses(expression.right, positive)]
            disjoint = positive
        elif isinstance(expression, And | Or):
            parts = [self._clauses(operand, positive) for operand in expression.operands]
            disjoint = isinstance(expression, Or) == positive
        else:
            return None
        return _either(parts) if disjoint else _both(parts)


class RowAnswers:
    """Answers in which only some variables have a value."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self.values: Mapping[int, int] = {}

    def member(self, group: str, name: str) -> bool | int:
        """Whether the option is chosen, or the sum of that number over the chosen options."""
        found = self._kernel.problem.group_by_id[GroupId(group)]
        variables = self._kernel.of_group[found.id]
        numbers = found.numbers.get(name)
        if found.single:
            place = self.values[variables[0]]
            if place == len(found.options):
                return 0
            option = found.options[place]
            return option == name if numbers is None else numbers.get(option, 0)
        if numbers is None:
            return self.values[variables[found.options.index(OptionId(name))]] == 1
        chosen = zip(variables, found.options, strict=True)
        return sum(numbers.get(option, 0) for variable, option in chosen if self.values.get(variable))

    def parameter(self, name: str) -> int:
        """The number that was entered."""
        parameter = self._kernel.problem.parameter_by_id[ParameterId(name)]
        return parameter.values[self.values[self._kernel.of_parameter[parameter.id]]]

    def text(self, name: str) -> str:
        """No rule of a problem asks a text."""
        raise KeyError(name)


def bits(mask: int) -> Iterator[int]:
    """The values in a mask, from the least on."""
    while mask:
        low = mask & -mask
        yield low.bit_length() - 1
        mask ^= low


def masks(mask: int) -> Iterator[int]:
    """The values in a mask, each as a mask of its own."""
    while mask:
        low = mask & -mask
        yield low
        mask ^= low


def _union(supports: Sequence[int], domain: int) -> int:
    union = 0
    for entry in bits(domain):
        union |= supports[entry]
    return union


def _holds(expression: Expression, asked: Answers) -> bool:
    try:
        return holds(expression, asked)
    except DividedByZero:
        return False


def _both(parts: Sequence[list[dict[int, int]] | None]) -> list[dict[int, int]] | None:
    found: list[dict[int, int]] = []
    for part in parts:
        if part is None or len(found) + len(part) > MAXIMUM_CLAUSES:
            return None
        found.extend(part)
    return found


def _either(parts: Sequence[list[dict[int, int]] | None]) -> list[dict[int, int]] | None:
    found: list[dict[int, int]] = [{}]
    for part in parts:
        if part is None or len(found) * len(part) > MAXIMUM_CLAUSES:
            return None
        found = [_merged(left, right) for left in found for right in part]
    return found


def _merged(left: Mapping[int, int], right: Mapping[int, int]) -> dict[int, int]:
    merged = dict(left)
    for variable, mask in right.items():
        merged[variable] = merged.get(variable, 0) | mask
    return merged
