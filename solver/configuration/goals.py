"""Completions by goal: the cheapest, within a budget, nearest to a wish, most chosen; one, or several that differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from solver.configuration.compile import CompiledProblem
from solver.configuration.complete import CostsByOption, complete, complete_within, cost_of
from solver.configuration.problem import Decision, GroupId, OptionId, ParameterId, Variant
from solver.configuration.question import Clock

_ROUNDS: Final = 4  # of dearer and dearer sameness, before there is nothing else that differs


@dataclass(frozen=True, slots=True)
class Budget:
    """What `costs` may come to at most."""

    costs: CostsByOption
    most: int


class OverBudget(ValueError):
    """Even the cheapest variant costs more. `least`: what it costs."""

    def __init__(self, least: int) -> None:
        super().__init__(f"The cheapest variant costs {least}.")
        self.least = least


def most_chosen(counts: Mapping[tuple[GroupId, OptionId] | ParameterId, int]) -> CostsByOption:
    """How often each option was chosen, as costs: the cheapest completion is the one whose options were chosen most."""
    return {key: -count for key, count in counts.items()}


def completions(
    compiled: CompiledProblem,
    decisions: Sequence[Decision] = (),
    *,
    count: int = 1,
    apart: int = 1,
    prefer: Sequence[Decision] | Mapping[Decision, int] = (),
    costs: CostsByOption | None = None,
    budget: Budget | None = None,
    seconds: float = 2.0,
) -> tuple[Variant, ...]:
    """Up to `count` variants with all decisions, the best first: fewest (lightest) of `prefer` broken, then cheapest.

    Each differs from every other in at least `apart` groups or numbers; of those after the first it is tried in rounds
    to be the best of these. `budget` holds for each. Fewer if there are no more, or time ran out after the first.
    Raises Conflicting, UnknownDecision, OverBudget, and OutOfTime if not even one was found.
    """
    clock = Clock.of(seconds)
    wishes = dict(prefer) if isinstance(prefer, Mapping) else dict.fromkeys(prefer, 1)
    found = [_one(compiled, decisions, wishes, costs or {}, budget, clock)]
    scale = 1 + max((abs(cost) for cost in (costs or {}).values()), default=0)
    while len(found) < count and clock.left > 0:
        other = _another(compiled, decisions, wishes, costs or {}, budget, found, apart, scale, clock)
        if other is None:
            break
        found.append(other)
    return tuple(found)


def difference(one: Variant, other: Variant) -> int:
    """In how many groups and numbers two variants differ."""
    groups = sum(1 for group, chosen in one.chosen.items() if other.chosen[group] != chosen)
    return groups + sum(1 for parameter, number in one.numbers.items() if other.numbers[parameter] != number)


def _another(
    compiled: CompiledProblem,
    decisions: Sequence[Decision],
    wishes: Mapping[Decision, int],
    costs: CostsByOption,
    budget: Budget | None,
    found: Sequence[Variant],
    apart: int,
    scale: int,
    clock: Clock,
) -> Variant | None:
    """The best with a price on every option that an earlier one has; the price rises until it differs enough."""
    for round_ in range(_ROUNDS):
        price = scale * 4**round_
        dearer: dict[tuple[GroupId, OptionId] | ParameterId, int] = dict(costs)
        for variant in found:
            for group, chosen in variant.chosen.items():
                for option in chosen:
                    dearer[group, option] = dearer.get((group, option), 0) + price
        # In the last rounds even wishes give way: something else that is less wished for is still something else.
        kept = wishes if round_ < _ROUNDS - 1 else {}
        other = _one(compiled, decisions, kept, dearer, budget, clock)
        if all(difference(other, variant) >= apart for variant in found):
            return other
        if clock.left <= 0:
            return None
    return None


def _one(
    compiled: CompiledProblem,
    decisions: Sequence[Decision],
    wishes: Mapping[Decision, int],
    costs: CostsByOption,
    budget: Budget | None,
    clock: Clock,
) -> Variant:
    best = complete(compiled, decisions, prefer=wishes, costs=costs, seconds=clock.left)
    if budget is None or cost_of(best, budget.costs) <= budget.most:
        return best
    cheapest = complete(compiled, decisions, costs=budget.costs, seconds=clock.left)
    least = cost_of(cheapest, budget.costs)
    if least > budget.most:
        raise OverBudget(least)
    return complete_within(compiled, decisions, wishes, costs, budget.costs, budget.most, clock) or cheapest


