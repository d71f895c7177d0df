"""A problem with more rules beside its own: "is there a variant under these rules in which this holds?"

Nothing is compiled: every rule can be left out of a question, so contradictory ones may stand side by side.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Final

from solver.configuration.asking import CpSat
from solver.configuration.check import answers, rule_holds
from solver.configuration.problem import (
    ConfigurationProblem,
    Decision,
    ExpressionRule,
    Rule,
    RuleId,
    TableRule,
    Variant,
    divisors,
)
from solver.configuration.question import Clock
from solver.configuration.rooms import Explaining
from solver.configuration.rules import (
    And,
    Comparator,
    Comparison,
    Expression,
    Implies,
    Not,
    Number,
    any_of,
)
from solver.configuration.translate import translate, variant_of

ZERO: Final = Number(Fraction(0))
_OPPOSITE: Final = {
    Comparator.EQUAL: Comparator.UNEQUAL,
    Comparator.UNEQUAL: Comparator.EQUAL,
    Comparator.LESS: Comparator.GREATER_OR_EQUAL,
    Comparator.LESS_OR_EQUAL: Comparator.GREATER,
    Comparator.GREATER: Comparator.LESS_OR_EQUAL,
    Comparator.GREATER_OR_EQUAL: Comparator.LESS,
}


class Questions:
    """The rules of a problem and some more, any part of which can be asked. Raises InvalidProblem for a bad one."""

    def __init__(self, problem: ConfigurationProblem, more: Sequence[Rule] = (), *, seed: int = 0) -> None:
        self.problem = problem
        self.own = frozenset(rule.id for rule in problem.constraints)
        self.stated = replace(problem, rules=(*problem.rules, *more)) if more else problem
        self._rule = {rule.id: rule for rule in self.stated.constraints}
        network, self._names = translate(self.stated)
        self._explaining = Explaining(self.stated, self._names, network, CpSat(self.stated, self._names, seed))

    def find(
        self, rules: Collection[RuleId], clock: Clock, decisions: Sequence[Decision] = ()
    ) -> Variant | None:
        """A variant that keeps the groups' own limits, the decisions and these rules; None if there is none.

        Judged in plain Python before it is given out. Raises OutOfTime.
        """
        found = self._explaining.find(decisions, clock, frozenset(rules))
        if found is None:
            return None
        variant = variant_of(self._names, found)
        asked = answers(self.stated, variant)
        broken = [rule for rule in rules if not rule_holds(self._rule[rule], asked, variant)]
        if broken:
            raise RuntimeError(f"The variant that was found breaks {sorted(broken)}.")
        return variant


def broken_id(rule: RuleId) -> RuleId:
    """The id of the rule's opposite."""
    return RuleId(f"{rule}:broken")


def opposite(rule: Rule) -> Rule:
    """The rule that holds exactly where this one has a value and does not hold (where it divides by 0, see `zero`)."""
    if isinstance(rule, TableRule):
        return replace(rule, id=broken_id(rule.id), allowed=not rule.allowed)
    return ExpressionRule(broken_id(rule.id), fails(rule.expression))


def fails(expression: Expression) -> Expression:
    """What holds exactly where the expression has a value and does not hold."""
    match expression:
        case Not(operand=operand):
            return operand
        case Comparison(left=left, comparator=comparator, right=right):
            return Comparison(left, _OPPOSITE[comparator], right)
        case Implies(left=left, right=right):
            return And((left, fails(right)))
    return Not(expression)


def zero(problem: ConfigurationProblem, expression: Expression) -> Expression | None:
    """What holds wherever the expression divides by 0 (and may hold elsewhere); None if it never can."""
    tests = [Comparison(divisor, Comparator.EQUAL, ZERO) for divisor in divisors(problem, expression)]
    if not tests:
        return None
    return any_of(tests)
