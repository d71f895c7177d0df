"""The compiled search: its times keep every rule that it knows, its costs are true, its moves can be taken back."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from solver.scheduling.anneal import anneal, annealed, resequenced, total_cost, weights_of
from solver.scheduling.arrays import LINE_AT, MODE_AT, RESOURCES, Arrays, Words, arrays_of, beyond_kernels
from solver.scheduling.check import violations
from solver.scheduling.dispatch import dispatch
from solver.scheduling.problem import SchedulingProblem
from solver.scheduling.schedule import Part, evaluate
from solver.scheduling.sequences import settle, work_of
from solver.scheduling.state import BEFORE, DONE, END, LENGTH, MODE, ROW, START, WEIGHTS
from tests.solver.scheduling.shops import bicycle_problem, random_problem

TARDINESS = {Part.TARDINESS: 1, Part.SETUP: 1}
MAKESPAN = {Part.MAKESPAN: 1}
OTHERS = {"routes": False, "waits": False, "sequence": False}  # see test_sequences


def one_after_another(arrays: Arrays, seed: int) -> tuple[Words, Words, Words]:
    """Columns that put the operations in order of their numbers, on random lines."""
    n = len(arrays.operations)
    first = arrays.column(MODE_AT, n + 1)
    mode = np.array([np.random.default_rng([seed, i]).integers(first[i], first[i + 1]) for i in range(n)])
    return mode.astype(np.int64), np.arange(n, dtype=np.int64), np.arange(1, n + 1, dtype=np.int64)


def loose(seed: int, size: int) -> SchedulingProblem:
    """A shop with calendars of all kinds, two plants, departures, outside work and setups; nothing is fixed."""
    return random_problem(seed, size, fixed=False, materials=False, **OTHERS)


@given(st.integers(0, 10_000), st.integers(1, 8))
@settings(max_examples=150, deadline=None)
def test_sequences_are_timed_so_that_the_judge_finds_nothing(seed: int, size: int) -> None:
    problem = loose(seed, size)
    arrays = arrays_of(problem)
    w = work_of(arrays, *one_after_another(arrays, seed))
    assume(settle(arrays.words, w))
    n = len(arrays.operations)
    schedule = arrays.schedule(*(w[w[k] : w[k] + n] for k in (MODE, START, END)))
    assert violations(problem, schedule) == ()


@given(st.integers(0, 10_000), st.integers(2, 8), st.sampled_from((0.01, 5.0, 1000.0)), st.booleans())
@settings(max_examples=150, deadline=None)
def test_moves_keep_the_rules_and_their_cost_is_true(seed: int, size: int, hot: float, makespan: bool) -> None:
    problem = loose(seed, size)
    arrays = arrays_of(problem)
    s, weights = arrays.words, weights_of(MAKESPAN if makespan else TARDINESS)
    w = work_of(arrays, *one_after_another(arrays, seed))
    w[WEIGHTS : WEIGHTS + len(weights)] = weights
    assume(settle(s, w))
    cost = np.array([total_cost(s, w)], dtype=np.int64)
    anneal(s, w, np.array([seed + 1], dtype=np.uint64), cost, 300, hot)
    n, orders = len(arrays.operations), len(problem.orders)
    schedule = arrays.schedule(*(w[w[k] : w[k] + n] for k in (MODE, START, END)))
    assert violations(problem, schedule) == ()
    assert cost[0] == total_cost(s, w)
    found = evaluate(problem, schedule)
    assert cost[0] == (found.makespan if makespan else found.tardiness + found.setup_seconds)
    before = w[w[START] : w[START] + n].copy(), w[w[DONE] : w[DONE] + orders].copy()
    assert settle(s, w)  # timed from scratch nothing is later, and only what waited for units is earlier
    assert (before[0] >= w[w[START] : w[START] + n]).all()
    assert (before[1] >= w[w[DONE] : w[DONE] + orders]).all()
    if not s[RESOURCES]:
        assert (before[0] == w[w[START] : w[START] + n]).all()
        assert (before[1] == w[w[DONE] : w[DONE] + orders]).all()
    for line in range(len(problem.lines)):  # rows and links say the same
        begin = w[ROW] + arrays.column(LINE_AT, len(problem.lines) + 1)[line]
        row = w[begin : begin + w[w[LENGTH] + line]].tolist()
        assert all(w[w[BEFORE] + b] == a for a, b in pairwise(row))


def test_a_seed_gives_the_same_schedule_again() -> None:
    problem = bicycle_problem(60)
    arrays = arrays_of(problem)
    columns = arrays.columns(dispatch(problem))
    one, two = (annealed(arrays, columns, weights_of(TARDINESS), moves=3000, seed=7) for _ in range(2))
    assert one.accepted > 0
    assert (one.start == two.start).all() and one.cost == two.cost


def test_a_dispatched_plant_gets_better_and_keeps_its_materials() -> None:
    problem = bicycle_problem(120)
    before = dispatch(problem)
    after = resequenced(problem, before, TARDINESS, moves=40_000, seed=1)
    assert violations(problem, after) == ()
    old, new = evaluate(problem, before), evaluate(problem, after)
    assert new.tardiness + new.setup_seconds < 0.9 * (old.tardiness + old.setup_seconds)


@given(st.integers(0, 10_000))
@settings(max_examples=80, deadline=None)
def test_what_is_fixed_stays(seed: int) -> None:
    problem = random_problem(seed, 5, breaks=False, running=False, unlimited=False, plants=False, **OTHERS)
    try:
        before = dispatch(problem)
    except Exception:  # a shop that cannot be made, or in which facts stand in the way
        assume(False)
    known = set(violations(problem, before))
    after = resequenced(problem, before, TARDINESS, moves=400, seed=seed)
    assert set(violations(problem, after)) <= known
    for operation, (_, placement) in problem.fixed.items():
        assert after.placements[operation] == placement


@pytest.mark.parametrize("feature", ["sequence"])
def test_what_the_kernels_do_not_know_is_left_alone(feature: str) -> None:
    problem = next(
        p for seed in range(200) if beyond_kernels(p := random_problem(seed, 6, **{**OTHERS, feature: True}))
    )
    schedule = object()
    assert resequenced(problem, schedule, TARDINESS, moves=10) is schedule  # type: ignore[arg-type]
