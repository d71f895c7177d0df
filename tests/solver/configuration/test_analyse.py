"""Samples: valid, alike for a seed, diverse."""

from __future__ import annotations

from solver.configuration.analyse import sample
from solver.configuration.check import is_valid
from solver.configuration.compile import CompiledProblem, compile_problem


def test_samples_are_valid_repeatable_and_reach_every_option(engine: str, bicycle: CompiledProblem) -> None:
    compiled = compile_problem(bicycle.problem)
    found = sample(compiled, 300, seed=3)
    assert all(is_valid(compiled.problem, variant) for variant in found)
    assert found[:20] == sample(compile_problem(bicycle.problem), 20, seed=3)
    assert found[:20] != sample(compiled, 20, seed=4)
    seen = {(group, option) for variant in found for group, some in variant.chosen.items() for option in some}
    assert seen == {(group.id, option) for group in compiled.problem.groups for option in group.options}
