"""The search beside a complete model of the same small problems: never better than the optimum, never unsound."""

from __future__ import annotations

from random import Random

import pytest

from solver.cp import Limits, Status
from solver.scheduling import exact
from solver.scheduling.check import violations
from solver.scheduling.dispatch import Unplaceable
from solver.scheduling.problem import InvalidProblem
from solver.scheduling.schedule import MAKESPAN_ONLY, PROMISES_FIRST, TARDINESS_ONLY, evaluate
from solver.scheduling.search import search
from tests.solver.scheduling.shops import random_problem

FEATURES = ("plants", "oven", "tools", "routes", "waits", "sequence", "fixed", "unlimited")
KNOWN = ("plants", "fixed", "unlimited", "tools", "oven")  # what local search knows
OBJECTIVES = (PROMISES_FIRST, TARDINESS_ONLY, MAKESPAN_ONLY)


def compared(seeds: range) -> tuple[int, int]:
    """How many of the problems were solved to the end by the model, and in how many of them the search was as good."""
    solved = reached = 0
    for seed in seeds:
        random = Random(seed)
        features = {name: name in KNOWN and random.random() < 0.5 for name in FEATURES}
        objective = random.choice(OBJECTIVES)
        try:
            problem = random_problem(seed, random.randint(1, 4), **features)
            found = search(problem, objective, moves=1500, seed=seed)
        except (InvalidProblem, Unplaceable):
            continue  # the refusals have their own tests
        assert violations(problem, found.schedule) == (), seed
        assert found.value == objective.value(evaluate(problem, found.schedule)), seed
        assert found.bound.value <= found.value, seed
        least = exact.solve(problem, objective, Limits(seconds=20, effort=3.0))
        assert least.status is not Status.INFEASIBLE, seed
        assert found.value >= least.bound, seed
        if least.status is Status.OPTIMAL:
            solved += 1
            reached += found.value == least.bound
    return solved, reached


@pytest.mark.parametrize("first", range(0, 200, 25))
def test_a_search_of_a_small_problem_is_never_better_than_the_optimum_and_often_as_good(first: int) -> None:
    solved, reached = compared(range(first, first + 25))
    assert solved >= 15
    assert reached >= 0.8 * solved


@pytest.mark.slow
def test_two_thousand_small_problems() -> None:
    solved, reached = compared(range(1000, 3000))
    assert solved >= 1600
    assert reached >= 0.9 * solved
