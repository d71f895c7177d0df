"""What a product's formulas come to for a variant; for one beside it, only what asks something else is worked out."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property

from catalog.state import ProductProblem, formula_of, names_asked
from solver.configuration.check import VariantAnswers
from solver.configuration.problem import ConfigurationProblem, ParameterId, Variant
from solver.configuration.quick_rules import Quick, exact, quick
from solver.configuration.rules import DividedByZero, Exact, Expression, Sum


class Said:
    """What a variant answers, as a key that is quickly told from others."""

    __slots__ = ("_hash", "_parts")

    def __init__(self, variant: Variant) -> None:
        parts = (variant.chosen, variant.numbers, variant.texts)
        self._parts = tuple((*part, *part.values()) for part in parts)
        self._hash = hash(self._parts)

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Said) and self._parts == other._parts


@dataclass(frozen=True)
class Reckoning(VariantAnswers):
    """The answers of one variant, and what formulas come to under them; each is worked out once, when it is asked for.

    `nearby`: another variant's, which has the values of everything that asks nothing of what is `changed`.
    """

    nearby: Reckoning | None = None
    changed: frozenset[str] = frozenset()
    _counts: dict[Quick, Exact] = field(default_factory=dict, init=False, repr=False, compare=False)

    @cached_property
    def said(self) -> Said:
        """What the variant answers, as a key."""
        return Said(self.variant)

    def beside(self, variant: Variant, changed: Iterable[str] | None = None) -> Reckoning:
        """The reckoning of another variant of the same problem. `changed`: all that it answers otherwise, if known."""
        names = changed_questions(self.variant, variant) if changed is None else changed
        return Reckoning(self.problem, variant, self, frozenset(names))

    def value(self, formula: str | Expression) -> Exact:
        """The exact value of a formula, or of an expression of the problem. Raises DividedByZero."""
        made = quick_of(self.problem, formula)
        return exact(self.count(made), made.denominator)

    def holds(self, formula: str) -> bool:
        """Whether the value of a formula is not 0. Raises DividedByZero."""
        return bool(self.count(quick_of(self.problem, formula)))

    def parameter(self, name: str) -> Exact:
        """The number that was entered, or the value of the derived quantity; raises DividedByZero."""
        derived = self.problem.derived_by_id.get(name)
        if derived is None:
            return self.variant.numbers[ParameterId(name)]
        return self.value(derived.expression)

    def count(self, made: Quick) -> Exact:
        """The value of one of the problem's own, times its denominator. Raises DividedByZero."""
        known = self._counts.get(made)
        if known is None:
            near = self.nearby
            if near is not None and self.changed.isdisjoint(made.asked):
                known = near._counts.get(made)
                if known is None:
                    known = near.count(made)
            elif made.operands:
                known = self._total(made)
            else:
                known = made.function(self, self.variant.chosen, self.variant.numbers)
            self._counts[made] = known
        return known

    def _total(self, made: Quick) -> Exact:
        """The nearby total with what changes in it, or the whole anew."""
        if (near := self.nearby) is not None:
            with suppress(DividedByZero):  # of the nearby one alone, perhaps
                total = near.count(made)
                touched = {place for name in self.changed for place in made.operands_asking.get(name, ())}
                for place in touched:
                    operand, factor = made.operands[place]
                    total += (self.count(operand) - near.count(operand)) * factor
                return total
        return sum(self.count(operand) * factor for operand, factor in made.operands)


def changed_questions(old: Variant, new: Variant) -> tuple[str, ...]:
    """Groups, parameters and texts that the two variants answer differently."""
    groups = (g for g, one in old.chosen.items() if (other := new.chosen.get(g)) is not one and other != one)
    numbers = (p for p in old.numbers if old.numbers[p] != new.numbers.get(ParameterId(p)))
    texts = (t for t in old.texts.keys() | new.texts.keys() if old.texts.get(t, "") != new.texts.get(t, ""))
    return (*groups, *numbers, *sorted(texts))


def quick_of(problem: ConfigurationProblem, asked: str | Expression) -> Quick:
    """A formula, or an expression, of the problem as a function; a product keeps it."""
    kept = problem.quick if isinstance(problem, ProductProblem) else {}
    key = asked if isinstance(asked, str) else id(asked)  # kept with its expression: the id is nobody else's
    found = kept.get(key)
    if found is None:
        expression = formula_of(problem, asked) if isinstance(asked, str) else asked
        found = kept[key] = _quick(problem, expression)
    return found


def _quick(problem: ConfigurationProblem, expression: Expression) -> Quick:
    # A sum is worked out operand by operand, so that one beside it is worked out by what is different.
    operands = [quick_of(problem, one) for one in expression.operands] if isinstance(expression, Sum) else []
    return quick(
        problem, expression, names_asked(problem, expression),
        lambda name: quick_of(problem, problem.derived_by_id[name].expression), operands,
    )
