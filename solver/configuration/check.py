"""The judge: plain Python, no solver. What it says of a variant is what the rules mean."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from solver.configuration.problem import (
    Cell,
    ConfigurationProblem,
    ExpressionRule,
    GroupId,
    IntegerParameter,
    OptionGroup,
    OptionId,
    ParameterId,
    Rule,
    TableRule,
    Variant,
    Within,
    when_id,
)
from solver.configuration.rules import Answers, DividedByZero, Exact, Expression, holds


@dataclass(frozen=True, slots=True)
class Violation:
    """What a variant breaks: the id of a rule, group or parameter, and a sentence for logs and developers."""

    id: str
    what: str


@dataclass(frozen=True, slots=True)
class VariantAnswers:
    """What rules and formulas ask of a variant. A derived quantity is computed once, when it is first asked."""

    problem: ConfigurationProblem
    variant: Variant
    known: dict[str, Exact] = field(default_factory=dict, init=False, repr=False, compare=False)

    def member(self, group: str, name: str) -> bool | int:
        """Whether the option is chosen, or the sum of that number over the chosen options."""
        chosen = self.variant.chosen[GroupId(group)]
        if name in chosen:
            return True
        numbers = self.problem.group_by_id[GroupId(group)].numbers.get(name)
        return False if numbers is None else sum(numbers.get(option, 0) for option in chosen)

    def parameter(self, name: str) -> Exact:
        """The number that was entered, or the value of the derived quantity; raises DividedByZero."""
        derived = self.problem.derived_by_id.get(name)
        if derived is None:
            return self.variant.numbers[ParameterId(name)]
        if name not in self.known:
            self.known[name] = derived.expression.evaluate(self)
        return self.known[name]

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

    Rules, and whether a question is asked (`when_id` of it), are judged only if the variant is complete: before that
    they have no meaning.
    """
    found = (*_shape(problem, variant),)
    if found:
        return found
    asked = answers(problem, variant)
    broken = (Violation(rule.id, "does not hold.") for rule in problem.rules if not rule_holds(rule, asked, variant))
    return (*broken, *_unasked(problem, variant, asked))


def rule_holds(rule: Rule, asked: Answers, variant: Variant) -> bool:
    """Whether a complete variant keeps the rule. A rule that divides by 0 does not hold, nor does one that needs a
    derived quantity that does.
    """
    try:
        if isinstance(rule, ExpressionRule):
            return holds(rule.expression, asked)
        return any(_fits(rule, line, asked, variant) for line in rule.lines) == rule.allowed
    except DividedByZero:
        return False


def is_asked(when: Expression | None, asked: Answers) -> bool:
    """Whether a question is asked. Raises DividedByZero, which no valid variant does."""
    return when is None or holds(when, asked)


def _fits(rule: TableRule, line: Sequence[Cell], asked: Answers, variant: Variant) -> bool:
    for name, cell in zip(rule.names, line, strict=True):
        if cell is None or cell == Within():  # what has no limit is not asked, so it may divide by 0
            continue
        if isinstance(cell, Within):
            number = asked.parameter(name)
            if (cell.low is not None and number < cell.low) or (cell.high is not None and number > cell.high):
                return False
            continue
        chosen = variant.chosen[GroupId(name)]
        if cell not in chosen and (chosen or not rule.allowed):
            return False
    return True


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
    least = group.minimum if group.when is None else 0
    if not least <= len(chosen) <= group.maximum:
        yield Violation(group.id, f"has {len(chosen)} options, not {least} to {group.maximum}.")


def _parameter(parameter: IntegerParameter, number: int | None) -> Iterator[Violation]:
    if number is None:
        yield Violation(parameter.id, "is not entered.")
        return
    unasked = parameter.when is not None and number == parameter.otherwise
    if isinstance(number, bool) or (number not in parameter.asked and not unasked):
        span = f"{parameter.minimum} to {parameter.maximum} in steps of {parameter.step}"
        yield Violation(parameter.id, f"is {number}, not {span}.")


def _unasked(problem: ConfigurationProblem, variant: Variant, asked: Answers) -> Iterator[Violation]:
    """Questions that are answered though they are not asked, or the other way round."""
    for group in problem.groups:
        if group.when is not None:
            number = len(variant.chosen[group.id])
            fits = (number >= group.minimum, number == 0)
            yield from _answered(group.id, group.when, fits, asked)
    for parameter in problem.parameters:
        if parameter.when is not None:
            entered = variant.numbers[parameter.id]
            fits = (entered in parameter.asked, entered == parameter.otherwise)
            yield from _answered(parameter.id, parameter.when, fits, asked)


def _answered(name: str, when: Expression, fits: tuple[bool, bool], asked: Answers) -> Iterator[Violation]:
    """`fits`: whether the answer is one where the question is asked, and where it is not."""
    try:
        due = holds(when, asked)
    except DividedByZero:
        yield Violation(when_id(name), "cannot be told, since it divides by 0.")
        return
    if not fits[0 if due else 1]:
        yield Violation(when_id(name), "is asked and not answered." if due else "is answered and not asked.")
