"""Completions by goal, judged against all variants of small problems."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st

from solver.configuration.compile import CompiledProblem, VoidProblem, compile_problem
from solver.configuration.complete import complete, complete_with, cost_of
from solver.configuration.goals import Budget, OverBudget, completions, difference, most_chosen
from solver.configuration.nearest import nearest_completions
from solver.configuration.problem import (
    Choose,
    ConfigurationProblem,
    Enter,
    ExpressionRule,
    GroupId,
    IntegerParameter,
    InvalidProblem,
    OptionGroup,
    OptionId,
    ParameterId,
    RuleId,
    Variant,
)
from solver.configuration.question import STRICT, Clock
from solver.configuration.rules import parse
from solver.configuration.session import OptionState, valid_domains
from solver.configuration.spans import Span, cost_spans
from tests.solver.configuration.brute import all_variants, has, problems

some = settings(
    max_examples=50,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
)
COSTS = {
    (GroupId("a"), OptionId("a1")): 7,
    (GroupId("a"), OptionId("a3")): 2,
    (GroupId("b"), OptionId("b2")): 5,
    (GroupId("c"), OptionId("c2")): -3,
    ParameterId("x"): 4,
}


def compiled_or_skip(problem: ConfigurationProblem) -> CompiledProblem:
    try:
        return compile_problem(problem, seconds=20)
    except (VoidProblem, InvalidProblem):
        assume(False)
    raise AssertionError


@some
@given(problem=problems(divide=True), most=st.integers(-4, 30))
def test_within_a_budget_the_most_wanted_variant_is_found(
    engine: str, problem: ConfigurationProblem, most: int
) -> None:
    compiled = compiled_or_skip(problem)
    variants = all_variants(problem)
    wishes = {Choose(GroupId("a"), OptionId("a1")): 3, Choose(GroupId("d"), OptionId("d2")): 1}
    affordable = [variant for variant in variants if cost_of(variant, COSTS) <= most]
    if not affordable:
        with pytest.raises(OverBudget) as caught:
            completions(compiled, prefer=wishes, budget=Budget(COSTS, most), seconds=20)
        assert caught.value.least == min(cost_of(variant, COSTS) for variant in variants)
        return
    (found,) = completions(compiled, prefer=wishes, budget=Budget(COSTS, most), seconds=20)
    assert found in variants and cost_of(found, COSTS) <= most

    def broken(variant: object) -> int:
        return sum(weight for wish, weight in wishes.items() if not has(variant, [wish]))  # type: ignore[arg-type]

    assert broken(found) == min(map(broken, affordable))


@some
@given(problem=problems(divide=False))
def test_several_completions_differ_and_the_first_is_the_cheapest(problem: ConfigurationProblem) -> None:
    compiled = compiled_or_skip(problem)
    variants = all_variants(problem)
    found = completions(compiled, count=3, apart=2, costs=COSTS, seconds=20)
    assert all(variant in variants for variant in found)
    assert cost_of(found[0], COSTS) == min(cost_of(variant, COSTS) for variant in variants)
    for place, one in enumerate(found):
        for other in found[place + 1 :]:
            assert difference(one, other) >= 2


def test_the_most_chosen_completion_follows_the_counts(bicycle: CompiledProblem) -> None:
    counts = {(GroupId("gears"), OptionId("hub_8")): 90, (GroupId("drive"), OptionId("belt")): 60}
    counts[GroupId("drive"), OptionId("chain_9")] = 80  # but not with a hub gear
    (found,) = completions(bicycle, costs=most_chosen(counts))
    assert (found.chosen[GroupId("gears")], found.chosen[GroupId("drive")]) == ({"hub_8"}, {"belt"})


@some
@given(problem=problems(divide=True))
def test_spans_hold_the_cheapest_and_the_dearest_variant_of_every_option(
    engine: str, problem: ConfigurationProblem
) -> None:
    compiled = compiled_or_skip(problem)
    variants = all_variants(problem)
    found = cost_spans(compiled, (), COSTS, seconds=20)
    assert found is not None
    ends = [cost_of(variant, COSTS) for variant in variants]
    assert (found.whole.low, found.whole.high) == (min(ends), max(ends))
    for group in problem.groups:
        for option in group.options:
            own = [cost_of(variant, COSTS) for variant in variants if option in variant.chosen[group.id]]
            span = found.options.get((group.id, option))
            assert (span is None) == (not own)
            if span is not None:
                assert span.low_exact and span.high_exact
                assert (span.low, span.high) == (min(own), max(own))


def test_numbers_that_a_rule_ties_together_cost_what_the_rule_allows(engine: str) -> None:
    """No literal stands for them: 7 of each would be 4 * 7 - 3 * 0 by themselves."""
    x, y = ParameterId("x"), ParameterId("y")
    problem = ConfigurationProblem(
        groups=(),
        parameters=(IntegerParameter(x, 0, 7), IntegerParameter(y, 0, 7)),
        rules=(ExpressionRule(RuleId("less"), parse("x <= y")),),
    )
    costs = {x: 4, y: -3}
    variants = all_variants(problem)
    ends = [cost_of(variant, costs) for variant in variants]
    compiled = compile_problem(problem)
    found = cost_spans(compiled, (), costs)
    assert found is not None and found.whole == Span(min(ends), max(ends)) == Span(-21, 7)
    entered = cost_spans(compiled, (Enter(x, 2),), costs)
    assert entered is not None and entered.whole == Span(8 - 21, 8 - 6)
    at_once = cost_spans(compiled, (), costs, seconds=0)
    assert at_once is not None and at_once.whole.low <= -21 and at_once.whole.high >= 7


@some
@given(problem=problems(divide=True))
def test_the_nearest_completion_changes_no_more_than_it_must(engine: str, problem: ConfigurationProblem) -> None:
    compiled = compiled_or_skip(problem)
    variants = all_variants(problem)
    standing = complete(compiled, (), costs=COSTS, seconds=20)
    found = nearest_completions(compiled, (), standing, seconds=20)
    domains = valid_domains(compiled, (), seconds=20)
    assert domains is not None
    for group in problem.groups:
        for option in group.options:
            if option in standing.chosen[group.id]:
                continue
            if domains.state(group.id, option) is OptionState.EXCLUDED:
                assert (group.id, option) not in found
                continue
            variant = found[group.id, option].of(standing)
            assert variant in variants and option in variant.chosen[group.id]
            nearest = complete_with(compiled, (), standing, group.id, option, seconds=20)
            assert _changed(standing, variant) == _changed(standing, nearest)


def test_of_the_nearest_completions_it_is_the_cheapest(engine: str) -> None:
    """What an option costs now is saved by what comes in its place: b2 is 10 dearer than b1, d2 15 than d1."""
    sizes = {"a": 2, "b": 3, "d": 2}
    groups = tuple(
        OptionGroup(
            GroupId(g), tuple(OptionId(f"{g}{n}") for n in range(1, size + 1)), 1, 1, {"n": {OptionId(f"{g}2"): 1}}
        )
        for g, size in sizes.items()
    )
    rule = ExpressionRule(RuleId("either"), parse("a.n <= b.n + d.n"))
    compiled = compile_problem(ConfigurationProblem(groups, rules=(rule,)), seconds=20)
    costs = {
        (GroupId("b"), OptionId("b1")): 20, (GroupId("b"), OptionId("b2")): 30, (GroupId("d"), OptionId("d2")): 15,
    }
    standing = Variant({GroupId(g): frozenset({OptionId(f"{g}1")}) for g in sizes})
    found = nearest_completions(compiled, (), standing, costs=costs, seconds=20)[GroupId("a"), OptionId("a2")]
    assert found.chosen == {"a": {"a2"}, "b": {"b2"}}


def _changed(standing: object, variant: object) -> int:
    """What changes, counted as wishes are: a group of one once, other groups by option, numbers once."""
    count = 0
    for group, chosen in standing.chosen.items():  # type: ignore[attr-defined]
        other = variant.chosen[group]  # type: ignore[attr-defined]
        count += int(chosen != other) if len(chosen) == len(other) == 1 and group != "c" else len(chosen ^ other)
    return count + sum(
        1 for p, n in standing.numbers.items() if variant.numbers[p] != n  # type: ignore[attr-defined]
    )


@settings(some, max_examples=60)
@given(problem=problems(divide=True))
def test_cp_sat_answers_for_a_part_in_the_parts_own_values(engine: str, problem: ConfigurationProblem) -> None:
    """Sums and formulas keep what is settled: such values have no place in the part, and their variable has one."""
    compiled = compiled_or_skip(problem)
    clock = Clock.of(20)
    for part in compiled.parts:
        question = compiled.layout.untouched(part.position)
        answer = part.engine.domains(question, clock)
        assert answer is not None and not answer.open.any()
        # Of auxiliary variables CP-SAT knows the rules, not the values.
        asked = np.array([bool(one.group or one.parameter) for one in part.network.variables], dtype=bool)
        for variable, (first, stop) in enumerate(pairwise(part.network.first.tolist())):
            for literal in range(first, stop) if asked[variable] else ():
                allowed = question.allowed.copy()
                allowed[first:stop] = 0
                allowed[literal] = 1
                found = compiled.fallback(part.position).find(allowed, {}, clock)
                assert (found is not None) == bool(answer.valid[literal] & STRICT)
                if found is not None:
                    chosen = (part.network.first[:-1] + found.values)[asked]
                    assert literal in chosen
                    assert (answer.valid[chosen] & STRICT).all()
