"""Samples: valid, alike for a seed, reaching everything, and uniform where variants can be counted."""

from __future__ import annotations

from collections import Counter

from solver.configuration.check import is_valid
from solver.configuration.compile import CompiledProblem, compile_problem
from solver.configuration.problem import ConfigurationProblem, ExpressionRule, GroupId, OptionGroup, OptionId, RuleId
from solver.configuration.rules import parse
from solver.configuration.samples import is_uniform, sample
from tests.solver.configuration.brute import all_variants


def test_samples_are_valid_repeatable_and_reach_every_option(bicycle: CompiledProblem) -> None:
    compiled = compile_problem(bicycle.problem)
    found = sample(compiled, 300, seed=3)
    assert all(is_valid(compiled.problem, variant) for variant in found)
    assert found[:20] == sample(compile_problem(bicycle.problem), 300, seed=3)[:20]
    assert found[:20] != sample(compiled, 20, seed=4)
    seen = {(group, option) for variant in found for group, some in variant.chosen.items() for option in some}
    assert seen == {(group.id, option) for group in compiled.problem.groups for option in group.options}


def test_where_variants_can_be_counted_each_is_as_likely_as_any_other() -> None:
    """20 variants, 8,000 samples: each 400 times give or take 5 standard deviations (19.5)."""
    groups = tuple(OptionGroup(GroupId(g), tuple(OptionId(f"{g}{k}") for k in range(3))) for g in "abc")
    rules = (
        ExpressionRule(RuleId("few"), parse("a.a0 => b.b0")),
        ExpressionRule(RuleId("fewer"), parse("b.b1 => c.c1")),
        ExpressionRule(RuleId("least"), parse("a.a2 and c.c2 => b.b0")),
    )
    problem = ConfigurationProblem(groups, (), rules)
    compiled = compile_problem(problem)
    assert is_uniform(compiled)
    times = Counter(
        tuple(sorted(option for some in variant.chosen.values() for option in some))
        for variant in sample(compiled, 400 * len(all_variants(problem)), seed=1)
    )
    assert len(times) == len(all_variants(problem))
    assert all(300 < count < 500 for count in times.values()), times
