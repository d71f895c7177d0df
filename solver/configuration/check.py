"""The judge: plain Python, no solver. What it says of a variant is what the rules mean."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from solver.configuration.problem import (
    ConfigurationProblem,
    ExpressionRule,
    GroupId,
    IntegerParameter,
    OptionGroup,
    OptionId,
    ParameterId,
    Rule,
    Variant,
)
from solver.configuration.rules import Answers, DividedByZero, holds


@dataclass(frozen=True, slots=True)
class Violation:
    """What a variant breaks: the id of a rule, group or parameter, and a sentence for logs and developers."""

    id: str
    what: str


@dataclass(frozen=True, slots=True)
class VariantAnswers:
    """What rules and formulas ask of a variant."""

    problem: ConfigurationProblem
    variant: Variant

    def member(self, group: str, name: str) -> bool | int:
        """Whether the option is chosen, or the sum of that number over the chosen options."""
        chosen = self.variant.chosen[GroupId(group)]
        if name in chosen:
            return True
        numbers = self.problem.group_by_id[GroupId(group)].numbers.get(name)
        return False if numbers is None else sum(numbers.get(option, 0) for option in chosen)

    def parameter(self, name: str) -> int:
        """The number that was entered."""
        return self.variant.numbers[ParameterId(name)]

    def text(self, name: str) -> str:
        """The text that was typed ("" if none)."""
        return self.variant.texts.get(name, "")


def answers(problem: ConfigurationProblem, variant: Variant) -> Answers:
    """What rules and formulas ask of a complete variant."""
    return VariantAnswers(problem, variant)


def is_valid(problem: ConfigurationProblem, variant: Variant) -> bool:
    """Whether the variant is complete and breaks nothing."""
    return not violations(problem, variant)


def violations(problem: ConfigurationProblem, variant: Variant) -> tuple[Violation, ...]:
    """Everything that the variant breaks; empty if it is complete and valid. Texts are judged by the catalog.

    Rules are judged only if the variant is complete: before that they have no meaning.
    """
    found = (*_shape(problem, variant),)
    if found:
        return found
    asked = answers(problem, variant)
    return tuple(Violation(rule.id, "does not hold.") for rule in problem.rules if not rule_holds(rule, asked, variant))


def rule_holds(rule: Rule, asked: Answers, variant: Variant) -> bool:
    """Whether a complete variant keeps the rule. A rule that divides by 0 does not hold."""
    if isinstance(rule, ExpressionRule):
        try:
            return holds(rule.expression, asked)
        except DividedByZero:
            return False
    row = tuple(next(iter(variant.chosen[group])) for group in rule.groups)
    return (row in rule.rows) == rule.allowed


def _shape(problem: ConfigurationProblem, variant: Variant) -> Iterator[Violation]:
    for group in problem.groups:
        yield from _group(group, variant.chosen.get(group.id))
    for parameter in problem.parameters:
        yield from _parameter(parameter, variant.numbers.get(parameter.id))
    for group_id in variant.chosen:
        if group_id not in problem.group_by_id:
            yield Violation(group_id, "is not a group of this problem.")
    for parameter_id in variant.numbers:
        if parameter_id not in problem.parameter_by_id:
            yield Violation(parameter_id, "is not a parameter of this problem.")


def _group(group: OptionGroup, chosen: frozenset[OptionId] | None) -> Iterator[Violation]:
    if chosen is None:
        yield Violation(group.id, "is not answered.")
        return
    for option in sorted(chosen):
        if option not in group.options:
            yield Violation(group.id, f"has no option {option}.")
    if not group.minimum <= len(chosen) <= group.maximum:
        yield Violation(group.id, f"has {len(chosen)} options, not {group.minimum} to {group.maximum}.")


def _parameter(parameter: IntegerParameter, number: int | None) -> Iterator[Violation]:
    if number is None:
        yield Violation(parameter.id, "is not entered.")
    elif isinstance(number, bool) or number not in parameter.values:
        span = f"{parameter.minimum} to {parameter.maximum} in steps of {parameter.step}"
        yield Violation(parameter.id, f"is {number}, not {span}.")
