"""Product revision -> configuration problem, and the decisions that its defaults and presets stand for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from catalog.cells import cell, fits
from catalog.components import (
    NUMBER,
    AskedContent,
    Instances,
    condition_of,
    covered_id,
    expression_of,
    instances_of,
    made,
)
from catalog.content import Text, parsed
from catalog.products import (
    GroupContent,
    LookupContent,
    ParameterContent,
    ProductContent,
    RuleContent,
    TableContent,
    TextContent,
    TextLimits,
    UploadContent,
)
from solver.configuration.check import answers
from solver.configuration.problem import (
    Cell,
    Choose,
    ConfigurationProblem,
    Decision,
    Derived,
    Enter,
    ExpressionRule,
    GroupId,
    IntegerParameter,
    OptionGroup,
    OptionId,
    ParameterId,
    Rule,
    RuleId,
    TableRule,
    Variant,
    Within,
)
from solver.configuration.quick_rules import Quick
from solver.configuration.rules import (
    Answers,
    Cases,
    Expression,
    Implies,
    Instance,
    Number,
    When,
    all_of,
    holds,
    names_in,
)

_ZERO = Number(Fraction(0))


@dataclass(frozen=True, slots=True)
class ProductProblem(ConfigurationProblem):
    """The configuration problem of a product, which knows what its formulas mean by a component.

    `quick`: what `catalog.reckon` knows of formulas, by their texts, and of expressions, by their ids.
    """

    instances: Instances = field(default_factory=dict, repr=False, compare=False)
    quick: dict[int | str, Quick] = field(default_factory=dict, init=False, repr=False, compare=False)
    _formulas: dict[str, Expression] = field(default_factory=dict, init=False, repr=False, compare=False)

    def formula(self, text: str) -> Expression:
        """The tree of a formula of this product's prices, parts, operations or texts; kept."""
        found = self._formulas.get(text)
        if found is None:
            found = self._formulas[text] = expression_of(text, self.instances)
        return found


def formula_of(problem: ConfigurationProblem, text: str) -> Expression:
    """The tree of a formula that asks this problem."""
    return problem.formula(text) if isinstance(problem, ProductProblem) and problem.instances else parsed(text)


def names_asked(problem: ConfigurationProblem, *expressions: Expression) -> frozenset[str]:
    """The groups, parameters and texts that expressions ask, also through derived quantities."""
    found: set[str] = set()
    waiting = list(expressions)
    while waiting:
        for name, _member in names_in(waiting.pop()):
            if name not in found:
                found.add(name)
                if name in problem.derived_by_id:
                    waiting.append(problem.derived_by_id[name].expression)
    return frozenset(found - problem.derived_by_id.keys())


def state(content: ProductContent) -> ProductProblem:
    """The configuration problem of a product; texts are no part of it.

    Components are written out: instance 2 of `front` of `drawer` is `drawer_2_front`, asked where there are 2 drawers,
    its quantities are 0 and its rules hold where there are fewer. Look-ups are derived quantities; one without
    `otherwise` is also a table rule that some row fits.

    Raises solver.configuration.problem.InvalidProblem if the content contradicts itself or a rule names nothing, and
    ValueError if a formula becomes too large.
    """
    if isinstance(content, AskedContent):
        raise TypeError("What is written out is for showing; the product itself is what is stated.")
    stating = _Stating(content)
    return ProductProblem(
        groups=(*stating.groups(),),
        parameters=(*stating.parameters(),),
        rules=(*stating.rules(),),
        derived=(*stating.derived(),),
        instances=stating.instances,
    )


def default_decisions(content: ProductContent) -> tuple[Decision, ...]:
    """What the product's defaults choose and enter, those of conditional questions too."""
    chosen = (Choose(GroupId(g.id), OptionId(g.default)) for g in content.groups if g.default is not None)
    entered = (Enter(ParameterId(p.id), p.default) for p in content.parameters if p.default is not None)
    return (*chosen, *entered)


def preset_decisions(content: ProductContent, preset_id: str) -> tuple[Decision, ...]:
    """What a preset chooses and enters; raises KeyError for an unknown one."""
    for preset in content.presets:
        if preset.id == preset_id:
            return tuple(decision_of(name, answer) for name, answer in preset.choices.items())
    raise KeyError(preset_id)


def decision_of(name: str, answer: str) -> Decision:
    """The decision that a catalog file writes as an option's id or a number: no id begins like a number."""
    if answer[0].isalpha():
        return Choose(GroupId(name), OptionId(answer))
    return Enter(ParameterId(name), int(answer))


def text_limits(problem: ConfigurationProblem, content: TextContent, variant: Variant) -> TextLimits:
    """What may be typed beside the answers of a variant."""
    asked = answers(problem, variant)
    for pattern, limits in zip(content.patterns, content.limits, strict=False):
        if holds(formula_of(problem, pattern.when), asked):
            return limits
    return content.limits[-1]


def text_usable(problem: ConfigurationProblem, content: TextContent, variant: Variant) -> bool:
    """Whether the answers of a variant leave room for the text at all."""
    return _holds_in(problem, content.requires, variant)


def upload_asked(problem: ConfigurationProblem, content: UploadContent, variant: Variant) -> bool:
    """Whether a file is asked for beside the answers of a variant."""
    return _holds_in(problem, content.when, variant)


def _holds_in(problem: ConfigurationProblem, condition: str | None, variant: Variant) -> bool:
    return condition is None or holds(formula_of(problem, condition), answers(problem, variant))


# --- preferences ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Wish:
    """A decision that a completion takes where it can. `when`: only in variants in which this holds."""

    decision: Decision
    weight: int = 1
    when: Expression | None = None


def wishes(content: ProductContent, problem: ConfigurationProblem) -> tuple[Wish, ...]:
    """Defaults and preferences. The default of a question that is not asked is no wish there.

    Of a group that may stay empty, nothing is wished for unless it has a default.
    """
    found = []
    for group in content.groups:
        when = problem.group_by_id[GroupId(group.id)].when
        if group.default is not None:
            found.append(Wish(Choose(GroupId(group.id), OptionId(group.default)), 1, when))
        elif group.minimum == 0:
            found += (Wish(Choose(GroupId(group.id), OptionId(one.id), False), 1, when) for one in group.options)
    for parameter in content.parameters:
        if parameter.default is not None:
            entry = Enter(ParameterId(parameter.id), parameter.default)
            found.append(Wish(entry, 1, problem.parameter_by_id[entry.parameter].when))
    for preference in content.preferences:
        when = None if preference.when is None else formula_of(problem, preference.when)
        for name, answer in preference.choose.items():
            found.append(Wish(decision_of(name, answer), preference.weight, when))
    return tuple(found)


def wished_in(found: Sequence[Wish], asked: Answers | None) -> Mapping[Decision, int]:
    """The decisions wished in a variant (None: in every one), with their weights."""
    weights: dict[Decision, int] = {}
    for wish in found:
        if wish.when is None or (asked is not None and holds(wish.when, asked)):
            weights[wish.decision] = weights.get(wish.decision, 0) + wish.weight
    return weights


# --- stating --------------------------------------------------------------------------------------------------------


class _Stating:
    """One product, while it is stated."""

    def __init__(self, content: ProductContent) -> None:
        self.content = content
        self.instances = instances_of(content)
        self.made = tuple(made(content))
        self.asked_groups = frozenset(group.id for group in content.groups).union(
            one.id_of(group.id) for one in self.made for group in one.component.groups
        )

    def groups(self) -> Iterator[OptionGroup]:
        for group in self.content.groups:
            yield _group(group, group.id, condition_of(group.when, self.instances))
        for one in self.made:
            for group in one.component.groups:
                yield _group(group, one.id_of(group.id), condition_of(group.when, self.instances, one.own))

    def parameters(self) -> Iterator[IntegerParameter]:
        for parameter in self.content.parameters:
            yield _parameter(parameter, parameter.id, condition_of(parameter.when, self.instances))
        for one in self.made:
            for parameter in one.component.parameters:
                when = condition_of(parameter.when, self.instances, one.own)
                yield _parameter(parameter, one.id_of(parameter.id), when)

    def derived(self) -> Iterator[Derived]:
        for quantity in self.content.quantities:
            yield Derived(quantity.id, expression_of(quantity.formula, self.instances))
        for lookup in self.content.lookups:
            yield Derived(lookup.id, self._looked_up(lookup, None))
        for one in self.made:
            yield Derived(one.id_of(NUMBER), Number(Fraction(one.number)))
            for quantity in one.component.quantities:
                there = expression_of(quantity.formula, self.instances, one.own)
                yield Derived(one.id_of(quantity.id), _where_there(there, one.own))
            for lookup in one.component.lookups:
                yield Derived(one.id_of(lookup.id), _where_there(self._looked_up(lookup, one.own), one.own))

    def rules(self) -> Iterator[Rule]:
        for rule in self.content.rules:
            yield self._rule(rule, rule.id, None)
        for lookup in self.content.lookups:
            yield from self._covered(lookup, None)
        for one in self.made:
            for rule in one.component.rules:
                yield self._rule(rule, one.id_of(rule.id), one.own)
            for lookup in one.component.lookups:
                yield from self._covered(lookup, one.own)

    # --- one of them ---

    def _rule(self, rule: RuleContent, rule_id: str, own: Instance | None) -> Rule:
        if rule.table is not None:
            return self._table(rule_id, rule.table, own)
        expression = expression_of(str(rule.expression), self.instances, own)
        if own is not None and own.when is not None:
            expression = Implies(own.when, expression)
        return ExpressionRule(RuleId(rule_id), expression)

    def _table(self, rule_id: str, table: TableContent, own: Instance | None) -> TableRule:
        if table.groups and own is None:
            return TableRule(
                RuleId(rule_id),
                groups=tuple(GroupId(group) for group in table.groups),
                rows=tuple(tuple(OptionId(option) for option in row) for row in table.rows),
                allowed=table.allowed,
            )
        columns = self._columns(table.names, own)
        return _there_or(rule_id, columns, self._cells(columns, table.rows), own, allowed=table.allowed)

    def _covered(self, lookup: LookupContent, own: Instance | None) -> Iterator[TableRule]:
        """Without `otherwise` some row must fit."""
        if lookup.otherwise is None:
            columns = self._columns(lookup.columns, own)
            cells = self._cells(columns, [row[:-1] for row in lookup.rows])
            yield _there_or(covered_id(_named(lookup.id, own)), columns, cells, own, allowed=True)

    def _looked_up(self, lookup: LookupContent, own: Instance | None) -> Expression:
        """The value of the first row whose cells fit."""
        columns = self._columns(lookup.columns, own)
        cases: list[tuple[Expression, Expression]] = []
        otherwise: Expression = _ZERO
        if lookup.otherwise is not None:
            otherwise = expression_of(lookup.otherwise, self.instances, own)
        cells = self._cells(columns, [row[:-1] for row in lookup.rows])
        for row, line in zip(lookup.rows, cells, strict=True):
            value = expression_of(row[-1], self.instances, own)
            parts = [part for name, one in zip(columns, line, strict=True) for part in fits(name, one)]
            if not parts:
                otherwise = value  # whatever is there: nothing after it is looked at
                break
            cases.append((all_of(parts), value))
        if not cases:
            return otherwise
        return When(*cases[0], otherwise) if len(cases) == 1 else Cases(tuple(cases), otherwise)

    def _columns(self, names: Sequence[str], own: Instance | None) -> tuple[str, ...]:
        return tuple(names) if own is None else tuple(own.names.get(name, name) for name in names)

    def _cells(self, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> tuple[tuple[Cell, ...], ...]:
        of_group = [name in self.asked_groups for name in columns]
        return tuple(
            tuple(cell(text, of_group=one) for text, one in zip(row, of_group, strict=True)) for row in rows
        )


def _named(name: str, own: Instance | None) -> str:
    return name if own is None else own.names[name]


def _where_there(value: Expression, own: Instance) -> Expression:
    """A quantity of an instance that is not there is 0."""
    return value if own.when is None else When(own.when, value, _ZERO)


def _there_or(
    rule_id: str, columns: tuple[str, ...], cells: tuple[tuple[Cell, ...], ...], own: Instance | None, *, allowed: bool
) -> TableRule:
    """A table about an instance: it says something only where the instance is there, as one more column has it."""
    if own is not None and own.when is not None:
        count, number = _counted(own.when)
        columns = (*columns, count)
        if allowed:
            nothing: tuple[Cell, ...] = (*(None for _ in columns[1:]), Within(None, number - 1))
            cells = (*((*line, None) for line in cells), nothing)
        else:
            cells = tuple((*line, Within(number, None)) for line in cells)
    return TableRule(RuleId(rule_id), columns=columns, cells=cells, allowed=allowed)


def _counted(when: Expression) -> tuple[str, int]:
    """The parameter that counts, and from which number on the instance is there: as `in_use` states it."""
    (count,) = (name for name, _ in names_in(when))
    number = next(part.value for part in when.children() if isinstance(part, Number))
    return count, int(number)


def _group(group: GroupContent, group_id: str, when: Expression | None) -> OptionGroup:
    numbers: dict[str, dict[OptionId, int]] = {}
    for option in group.options:
        for attribute, number in option.numbers.items():
            numbers.setdefault(attribute, {})[OptionId(option.id)] = number
    options = tuple(OptionId(option.id) for option in group.options)
    return OptionGroup(GroupId(group_id), options, group.minimum, group.maximum, numbers, when)


def _parameter(parameter: ParameterContent, parameter_id: str, when: Expression | None) -> IntegerParameter:
    unit = parameter.unit.en if isinstance(parameter.unit, Text) else parameter.unit
    return IntegerParameter(
        ParameterId(parameter_id),
        parameter.minimum,
        parameter.maximum,
        parameter.step_size,
        when,
        parameter.otherwise,
        unit,
    )
