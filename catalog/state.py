"""Product revision -> configuration problem, and the decisions that its defaults and presets stand for."""

from __future__ import annotations

from catalog.content import parsed
from catalog.products import GroupContent, ProductContent, RuleContent
from solver.configuration.problem import (
    Choose,
    ConfigurationProblem,
    Decision,
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
)


def state(content: ProductContent) -> ConfigurationProblem:
    """The configuration problem of a product; texts are no part of it.

    Raises solver.configuration.problem.InvalidProblem if the content contradicts itself or a rule names nothing.
    """
    return ConfigurationProblem(
        groups=tuple(_group(group) for group in content.groups),
        parameters=tuple(
            IntegerParameter(ParameterId(p.id), p.minimum, p.maximum, p.step_size) for p in content.parameters
        ),
        rules=tuple(_rule(rule) for rule in content.rules),
    )


def default_decisions(content: ProductContent) -> tuple[Decision, ...]:
    """What the product's defaults choose and enter."""
    chosen = (Choose(GroupId(g.id), OptionId(g.default)) for g in content.groups if g.default is not None)
    entered = (Enter(ParameterId(p.id), p.default) for p in content.parameters if p.default is not None)
    return (*chosen, *entered)


def preset_decisions(content: ProductContent, preset_id: str) -> tuple[Decision, ...]:
    """What a preset chooses; raises KeyError for an unknown one."""
    for preset in content.presets:
        if preset.id == preset_id:
            return tuple(Choose(GroupId(group), OptionId(option)) for group, option in preset.choices.items())
    raise KeyError(preset_id)


def _group(group: GroupContent) -> OptionGroup:
    numbers: dict[str, dict[OptionId, int]] = {}
    for option in group.options:
        for attribute, number in option.numbers.items():
            numbers.setdefault(attribute, {})[OptionId(option.id)] = number
    options = tuple(OptionId(option.id) for option in group.options)
    return OptionGroup(GroupId(group.id), options, group.minimum, group.maximum, numbers)


def _rule(rule: RuleContent) -> Rule:
    if rule.table is not None:
        return TableRule(
            RuleId(rule.id),
            groups=tuple(GroupId(group) for group in rule.table.groups),
            rows=tuple(tuple(OptionId(option) for option in row) for row in rule.table.rows),
            allowed=rule.table.allowed,
        )
    return ExpressionRule(RuleId(rule.id), parsed(str(rule.expression)))
