"""What a product's formulas come to for a variant; for one beside it, only what asks something else is worked out."""

from __future__ import annotations

from dataclasses import dataclass, field

from catalog.state import ProductProblem, Studied, formula_of, names_asked
from solver.configuration.check import VariantAnswers
from solver.configuration.problem import ConfigurationProblem, GroupId, ParameterId, Variant
from solver.configuration.quick_rules import function_of
from solver.configuration.rules import Exact, Expression, Sum


@dataclass(frozen=True, slots=True)
class Reckoning(VariantAnswers):
    """The answers of one variant, and what formulas come to under them; each is worked out once, when it is asked for.

    `nearby`: another variant's, which has the values of everything that asks nothing of what is `changed`.
    """

    nearby: Reckoning | None = None
    changed: frozenset[str] = frozenset()
    _worths: dict[int, Exact] = field(default_factory=dict, init=False, repr=False, compare=False)

    def beside(self, variant: Variant) -> Reckoning:
        """The reckoning of another variant of the same problem."""
        return Reckoning(self.problem, variant, self, frozenset(changed_questions(self.variant, variant)))

    def value(self, formula: str) -> Exact:
        """The exact value of a formula. Raises DividedByZero."""
        return self._worth(formula_of(self.problem, formula))

    def holds(self, formula: str) -> bool:
        """Whether the value of a formula is not 0. Raises DividedByZero."""
        return bool(self._worth(formula_of(self.problem, formula)))

    def parameter(self, name: str) -> Exact:
        """The number that was entered, or the value of the derived quantity; raises DividedByZero."""
        known = self.known.get(name)
        if known is None:
            derived = self.problem.derived_by_id.get(name)
            known = self.variant.numbers[ParameterId(name)] if derived is None else self._worth(derived.expression)
            self.known[name] = known
        return known

    def _worth(self, expression: Expression) -> Exact:
        """The value of an expression of the problem's own; of a sum that changes, only what changes in it."""
        known = self._worths.get(id(expression))
        if known is None:
            _, asked, function = _studied(self.problem, expression)
            if self.nearby is not None and self.changed.isdisjoint(asked):
                known = self.nearby._worth(expression)
            elif isinstance(expression, Sum):
                known = 0
                for operand in expression.operands:
                    known += self._worth(operand)
            else:
                known = function(self)
            self._worths[id(expression)] = known
        return known


def changed_questions(old: Variant, new: Variant) -> tuple[str, ...]:
    """Groups, parameters and texts that the two variants answer differently."""
    groups = (g for g in old.chosen if old.chosen[g] != new.chosen.get(GroupId(g)))
    numbers = (p for p in old.numbers if old.numbers[p] != new.numbers.get(ParameterId(p)))
    texts = (t for t in old.texts.keys() | new.texts.keys() if old.texts.get(t, "") != new.texts.get(t, ""))
    return (*groups, *numbers, *sorted(texts))


def _studied(problem: ConfigurationProblem, expression: Expression) -> Studied:
    """What the expression asks, also through derived quantities, and how its value is found; a product keeps it."""
    if not isinstance(problem, ProductProblem):
        return Studied(expression, names_asked(problem, expression), expression.evaluate)
    found = problem.studied.get(id(expression))
    if found is None:  # it is kept with its expression, so that the id is nobody else's
        # A sum is worked out operand by operand: each of these has its function.
        value = expression.evaluate if isinstance(expression, Sum) else function_of(expression)
        found = problem.studied[id(expression)] = Studied(expression, names_asked(problem, expression), value)
    return found
