"""The compiled search: its times keep every rule that it knows, its costs are true, its moves can be taken back."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from solver.scheduling.anneal import (
    Untimed,
    anneal,
    anneal_guided,
    annealed,
    reference_columns,
    state_of,
    total_cost,
    weights_of,
)
from solver.scheduling.arrays import BESIDE, LINE_AT, MODE_AT, RESOURCES, Arrays, Words, arrays_of
from solver.scheduling.check import violations
from solver.scheduling.dispatch import dispatch
from solver.scheduling.problem import SchedulingProblem, Second
from solver.scheduling.schedule import Part, Schedule, evaluate
from solver.scheduling.sequences import settle, work_of
from solver.scheduling.state import BEFORE, DONE, END, LENGTH, MODE, ROW, START
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


def check_words(problem: SchedulingProblem, arrays: Arrays, w: Words) -> None:
    """The judge finds nothing; timed from scratch nothing is later, and only what waited for units is earlier; rows and
    links say the same."""
    s, n, orders = arrays.words, len(arrays.operations), len(problem.orders)
    schedule = arrays.schedule(*(w[w[k] : w[k] + n] for k in (MODE, START, END)))
    assert violations(problem, schedule) == ()
    before = w[w[START] : w[START] + n].copy(), w[w[DONE] : w[DONE] + orders].copy()
    assert settle(s, w)
    assert (before[0] >= w[w[START] : w[START] + n]).all()
    assert (before[1] >= w[w[DONE] : w[DONE] + orders]).all()
    if not s[RESOURCES]:
        assert (before[0] == w[w[START] : w[START] + n]).all()
        assert (before[1] == w[w[DONE] : w[DONE] + orders]).all()
    for line in range(len(problem.lines)):
        begin = w[ROW] + arrays.column(LINE_AT, len(problem.lines) + 1)[line]
        row = w[begin : begin + w[w[LENGTH] + line]].tolist()
        assert all(w[w[BEFORE] + b] == a for a, b in pairwise(row))


@given(st.integers(0, 10_000), st.integers(2, 8), st.sampled_from((0.01, 5.0, 1000.0)), st.booleans())
@settings(max_examples=150, deadline=None)
def test_moves_keep_the_rules_and_their_cost_is_true(seed: int, size: int, hot: float, makespan: bool) -> None:
    problem = loose(seed, size)
    arrays = arrays_of(problem)
    try:
        state = state_of(arrays, one_after_another(arrays, seed), weights_of(MAKESPAN if makespan else TARDINESS), seed)
    except Untimed:
        assume(False)
    anneal(arrays.words, state.w, state.r, state.cost, 300, hot)
    assert state.cost[0] == total_cost(arrays.words, state.w)
    found = evaluate(problem, arrays.schedule(*state.columns()))
    assert state.cost[0] == (found.makespan if makespan else found.tardiness + found.setup_seconds)
    check_words(problem, arrays, state.w)


EVERYTHING = {Part.BROKEN: 1000, Part.OVER: 3, Part.TARDINESS: 2, Part.SETUP: 5, Part.MOVED: 7, Part.FLOW: 1}


@given(
    st.integers(0, 10_000), st.integers(2, 14), st.sampled_from((0.01, 5.0, 1000.0)),
    st.sampled_from((TARDINESS, {Part.TARDINESS: 1}, EVERYTHING)), st.booleans(),
)  # fmt: skip
@settings(max_examples=200, deadline=None)
def test_guided_moves_keep_the_rules_and_their_cost_is_true(
    seed: int, size: int, hot: float, weights: dict[Part, int], dispatches: bool
) -> None:
    problem = random_problem(seed, size, fixed=dispatches, materials=False, oven=False, tools=False, **OTHERS)
    arrays = arrays_of(problem)
    assert not arrays.words[BESIDE]
    before = dispatch(problem) if dispatches else None
    columns = arrays.columns(before) if before else one_after_another(arrays, seed)
    try:
        state = state_of(arrays, columns, weights_of(weights), seed)
    except Untimed:
        assume(False)
    kept = {order.id for order in problem.orders if order.promise is not None} - {
        key for key, _ in evaluate(problem, arrays.schedule(*state.columns())).broken_promises
    }
    near = 2 if seed % 2 else size * 9  # a few operations, near a late order, or all
    anneal_guided(arrays.words, state.w, state.g, state.r, state.cost, 400, near, seed % 7 << 17, hot)
    assert state.cost[0] == total_cost(arrays.words, state.w)
    found = evaluate(problem, arrays.schedule(*state.columns()), arrays.schedule(*columns))
    assert state.cost[0] == sum(weight * found.part(part) for part, weight in weights.items())
    if Part.BROKEN in weights:
        assert not kept & {key for key, _ in found.broken_promises}
    check_words(problem, arrays, state.w)
    for operation, (_, placement) in problem.fixed.items():
        assert arrays.schedule(*state.columns()).placements[operation] == placement


def test_a_seed_gives_the_same_schedule_again() -> None:
    problem = bicycle_problem(60)
    arrays = arrays_of(problem)
    columns = arrays.columns(dispatch(problem))
    one, two = (annealed(arrays, columns, weights_of(TARDINESS), moves=3000, seed=7) for _ in range(2))
    assert one.accepted > 0
    assert (one.start == two.start).all() and one.cost == two.cost


def improved(problem: SchedulingProblem, before: Schedule, weights: dict[Part, int], moves: int, seed: int) -> Schedule:
    """A schedule annealed, its materials reserved in its own sequence."""
    arrays = arrays_of(problem, {key: placement.start for key, placement in before.placements.items()})
    found = annealed(arrays, arrays.columns(before), weights_of(weights), moves=moves, seed=seed)
    return arrays.schedule(found.mode, found.start, found.end)


def test_a_dispatched_plant_gets_better_and_keeps_its_materials() -> None:
    problem = bicycle_problem(120)
    before = dispatch(problem)
    after = improved(problem, before, TARDINESS, 40_000, 1)
    assert violations(problem, after) == ()
    old, new = evaluate(problem, before), evaluate(problem, after)
    assert new.tardiness + new.setup_seconds < 0.9 * (old.tardiness + old.setup_seconds)


@given(st.integers(0, 10_000))
@settings(max_examples=80, deadline=None)
def test_what_is_fixed_stays(seed: int) -> None:
    problem = random_problem(seed, 5, breaks=False, running=False, unlimited=False, plants=False, **OTHERS)
    before = dispatch(problem)
    known = set(violations(problem, before))
    try:
        after = improved(problem, before, TARDINESS, 400, seed)
    except Untimed:  # facts that overlap
        assume(False)
    assert set(violations(problem, after)) <= known
    for operation, (_, placement) in problem.fixed.items():
        assert after.placements[operation] == placement


def test_what_stood_otherwise_in_the_reference_counts_as_moved_and_what_was_not_there_does_not() -> None:
    problem = bicycle_problem(3)
    arrays, schedule = arrays_of(problem), dispatch(problem)
    names = sorted(schedule.placements)
    other = {names[1]: replace(schedule.placements[names[1]], start=Second(schedule.placements[names[1]].start + 1))}
    reference = Schedule({key: place for key, place in ({**schedule.placements, **other}).items() if key != names[0]})
    columns = arrays.columns(schedule)
    state = state_of(arrays, columns, weights_of({Part.MOVED: 3}), reference=reference_columns(arrays, reference))
    assert state.cost[0] == 3 * evaluate(problem, schedule, reference).moved == 3
