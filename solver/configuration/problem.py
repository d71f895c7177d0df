"""What a configuration problem is: option groups, integer parameters and rules, all frozen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NewType

from solver.configuration.rules import Expression, names_in, texts_in

GroupId = NewType("GroupId", str)
OptionId = NewType("OptionId", str)
ParameterId = NewType("ParameterId", str)
RuleId = NewType("RuleId", str)


class InvalidProblem(ValueError):
    """The problem contradicts itself or names something that it does not have."""


@dataclass(frozen=True, slots=True)
class OptionGroup:
    """A question. Between `minimum` and `maximum` of its options are chosen (1..1: exactly one).

    `numbers` holds, for each attribute name, one integer per option (0 where an option is not named):
    `tyres.width` in a rule is the sum of that attribute over the options chosen in `tyres`.
    """

    id: GroupId
    options: tuple[OptionId, ...]
    minimum: int = 1
    maximum: int = 1
    numbers: Mapping[str, Mapping[OptionId, int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.options or len(set(self.options)) != len(self.options):
            raise InvalidProblem(f"{self.id}: needs at least one option, each named once.")
        if not 0 <= self.minimum <= self.maximum <= len(self.options) or self.maximum == 0:
            raise InvalidProblem(f"{self.id}: need 0 <= minimum <= maximum <= {len(self.options)}, maximum > 0.")
        for attribute, values in self.numbers.items():
            if attribute in self.options:
                raise InvalidProblem(f"{self.id}.{attribute}: is both an option and a number.")
            if unknown := set(values) - set(self.options):
                raise InvalidProblem(f"{self.id}.{attribute}: unknown options {sorted(unknown)}.")

    @property
    def single(self) -> bool:
        """Whether at most one option is chosen, so that a new choice takes the place of an old one."""
        return self.maximum == 1

    @property
    def exactly_one(self) -> bool:
        """Whether one option is chosen, no more and no less."""
        return self.minimum == self.maximum == 1


@dataclass(frozen=True, slots=True)
class IntegerParameter:
    """A number to enter: minimum, minimum + step, ... up to maximum (inclusive)."""

    id: ParameterId
    minimum: int
    maximum: int
    step: int = 1

    def __post_init__(self) -> None:
        if self.step < 1 or self.minimum > self.maximum or max(abs(self.minimum), abs(self.maximum)) > 10**9:
            raise InvalidProblem(f"{self.id}: need minimum <= maximum within +-10^9 and step >= 1.")

    @property
    def values(self) -> range:
        """Every number that may be entered."""
        return range(self.minimum, self.maximum + 1, self.step)


@dataclass(frozen=True, slots=True)
class ExpressionRule:
    """A boolean expression that must hold (a top-level comparison is a linear rule)."""

    id: RuleId
    expression: Expression


@dataclass(frozen=True, slots=True)
class TableRule:
    """The options chosen in `groups` (each exactly-one) must be one of `rows` (or none, if not `allowed`)."""

    id: RuleId
    groups: tuple[GroupId, ...]
    rows: tuple[tuple[OptionId, ...], ...]
    allowed: bool = True


Rule = ExpressionRule | TableRule


@dataclass(frozen=True, slots=True)
class Choose:
    """The buyer wants this option (chosen=False: does not want it)."""

    group: GroupId
    option: OptionId
    chosen: bool = True


@dataclass(frozen=True, slots=True)
class Enter:
    """The buyer enters this number."""

    parameter: ParameterId
    value: int


Decision = Choose | Enter


@dataclass(frozen=True, slots=True)
class Variant:
    """A complete configuration. `chosen` has every group, `numbers` every parameter, `texts` what was typed."""

    chosen: Mapping[GroupId, frozenset[OptionId]]
    numbers: Mapping[ParameterId, int] = field(default_factory=dict)
    texts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ConfigurationProblem:
    """Option groups, parameters and rules. Building it checks every name; solving it never fails on one."""

    groups: tuple[OptionGroup, ...]
    parameters: tuple[IntegerParameter, ...] = ()
    rules: tuple[Rule, ...] = ()
    group_by_id: Mapping[GroupId, OptionGroup] = field(init=False, repr=False, compare=False)
    parameter_by_id: Mapping[ParameterId, IntegerParameter] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "group_by_id", {g.id: g for g in self.groups})
        object.__setattr__(self, "parameter_by_id", {p.id: p for p in self.parameters})
        ids = [*(g.id for g in self.groups), *(p.id for p in self.parameters)]
        if len(set(ids)) != len(ids):
            raise InvalidProblem("Two groups or parameters share an id.")
        if len({r.id for r in self.rules}) != len(self.rules):
            raise InvalidProblem("Two rules share an id.")
        groups, parameters = self.group_by_id, self.parameter_by_id
        for rule in self.rules:
            if isinstance(rule, TableRule):
                self._check_table(rule, groups)
                continue
            if texts := texts_in(rule.expression):
                raise InvalidProblem(f"{rule.id}: asks the texts {sorted(texts)}, and a rule cannot.")
            for group, member in names_in(rule.expression):
                if member is None:
                    known = ParameterId(group) in parameters
                else:
                    known = group in groups and (
                        member in groups[GroupId(group)].options or member in groups[GroupId(group)].numbers
                    )
                if not known:
                    name = group if member is None else f"{group}.{member}"
                    raise InvalidProblem(f"{rule.id}: unknown name {name}.")

    @staticmethod
    def _check_table(rule: TableRule, groups: Mapping[GroupId, OptionGroup]) -> None:
        for column, group in enumerate(rule.groups):
            if group not in groups:
                raise InvalidProblem(f"{rule.id}: unknown group {group}.")
            if (groups[group].minimum, groups[group].maximum) != (1, 1):
                raise InvalidProblem(f"{rule.id}: {group} must be a group of exactly one.")
            for row in rule.rows:
                if len(row) != len(rule.groups):
                    raise InvalidProblem(f"{rule.id}: every row needs {len(rule.groups)} options.")
                if row[column] not in groups[group].options:
                    raise InvalidProblem(f"{rule.id}: unknown option {group}.{row[column]}.")
