"""Campaigns: every way to lay them keeps every rule, families stay together, what is fixed stays, and it pays."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from solver.scheduling.arrays import MODE_FAMILY, MODE_LINE, arrays_of
from solver.scheduling.campaigns import FIRST_WAYS, Laid, Way, _Layer, campaigns, cost_of, has_families
from solver.scheduling.check import violations
from solver.scheduling.dispatch import Unplaceable, dispatch, dispatched, fixed_columns
from solver.scheduling.problem import (
    NEVER,
    FamilyId,
    Line,
    LineId,
    MatrixId,
    Mode,
    Operation,
    OperationId,
    PlantId,
    Precedence,
    SchedulingProblem,
    Second,
    SetupMatrix,
    Window,
    WorkOrder,
    WorkOrderId,
)
from solver.scheduling.schedule import MAKESPAN_ONLY, TARDINESS_ONLY, Part, evaluate
from solver.scheduling.search import search
from tests.solver.scheduling.shops import random_problem
from tests.solver.scheduling.test_search import some_fixed
from tests.solver.scheduling.test_tabu import UNKNOWN, open_shop

ALWAYS = (Window(Second(0), Second(NEVER)),)
WAYS = st.builds(
    Way,
    st.sampled_from((float("inf"), 0.5, 0.1, 0.0)),
    st.sampled_from((0.0, 0.3, 1.0)),
    st.sampled_from((0.0, 1.0)),
    st.sampled_from((0.0, 0.5, 1.0)),
)


def in_dribs(orders: int, families: int, seed: int = 1) -> SchedulingProblem:
    """Two stages of two lines, setups longer than operations; the orders of a family come in a wave, among others.

    Each family has a line that is faster for it.
    """
    random = Random(seed)
    span, waves = 15 * orders, [random.sample(range(families), families) for _ in range(2)]
    names = [FamilyId(f"f{i}") for i in range(families)]
    matrix = SetupMatrix(MatrixId("m"), {(a, b): random.randint(30, 60) for a in names for b in names if a != b})
    lines = tuple(Line(LineId(f"l{i}"), PlantId("p"), ALWAYS, matrix.id, names[0]) for i in range(4))
    made = []
    for number in range(orders):
        steps: list[Operation] = []
        come = random.randrange(span)
        for stage in range(2):
            before, needs = tuple(Precedence(step.id) for step in steps), random.randint(10, 30)
            wave = min(max(0, int(come / span * families + random.gauss(0, 1))), families - 1)
            modes = tuple(Mode(LineId(f"l{2 * stage + i}"), needs * (2 + (wave + i) % 2) // 2) for i in range(2))
            steps.append(Operation(OperationId(f"o{number}/{stage}"), modes, before, names[waves[stage][wave]]))
        made.append(WorkOrder(WorkOrderId(f"o{number}"), tuple(steps), Second(come), Second(0)))
    return SchedulingProblem(lines, tuple(made), (matrix,))


def laid(problem: SchedulingProblem, *ways: Way) -> Laid | None:
    """One way after the other, each with what the one before found."""
    arrays = arrays_of(problem)
    layer, best = _Layer(arrays, fixed_columns(arrays)), None
    for way in ways:
        best = layer.laid(way, best)
    return best


@given(st.integers(0, 10_000), st.integers(1, 12), WAYS, WAYS)
@settings(max_examples=200, deadline=None)
def test_every_way_gives_a_schedule_that_keeps_every_rule(seed: int, size: int, one: Way, other: Way) -> None:
    """Whatever the routings are: sequences that contradict them are given up."""
    problem = open_shop(seed, size, setups=True)
    found = laid(problem, one, other)
    assert found is not None
    schedule = arrays_of(problem).schedule(*found.columns)
    assert violations(problem, schedule) == ()
    figures = evaluate(problem, schedule)
    home = {(o.id, mode.line): mode.duration for order in problem.orders for o in order.operations for mode in o.modes}
    work = sum(home[key, placement.line] for key, placement in schedule.placements.items())
    busy = (work + figures.part(Part.SETUP)) // len(problem.lines)
    assert (found.makespan, found.cost) == (figures.makespan, figures.makespan + busy)
    assert cost_of(arrays_of(problem), found.columns) == found.cost


@given(st.integers(0, 10_000), st.integers(1, 12), WAYS)
@settings(max_examples=100, deadline=None)
def test_calendars_are_kept_and_materials_waited_for(seed: int, size: int, way: Way) -> None:
    problem = random_problem(seed, size, fixed=False, **UNKNOWN)
    found = laid(problem, way)
    assume(found is not None)
    assert found is not None
    assert violations(problem, arrays_of(problem).schedule(*found.columns)) == ()


@given(st.integers(0, 10_000), st.integers(1, 10), WAYS, st.data())
@settings(max_examples=100, deadline=None)
def test_what_is_fixed_stays(seed: int, size: int, way: Way, data: st.DataObject) -> None:
    free = random_problem(seed, size, fixed=False, materials=False, **UNKNOWN)
    try:
        problem = some_fixed(free, dispatch(free), data)
    except Unplaceable:
        assume(False)
    found = laid(problem, way, Way(heard=1.0))
    assume(found is not None)
    assert found is not None
    schedule = arrays_of(problem).schedule(*found.columns)
    assert violations(problem, schedule) == ()
    assert all(schedule.placements[key] == placement for key, (_, placement) in problem.fixed.items())


def test_a_family_is_made_in_one_campaign_on_the_line_that_is_fastest_for_it() -> None:
    a, b = FamilyId("a"), FamilyId("b")
    matrix = SetupMatrix(MatrixId("m"), {(a, b): 10, (b, a): 10})
    lines = tuple(Line(LineId(name), PlantId("p"), ALWAYS, matrix.id, a) for name in ("l", "k"))
    orders = tuple(
        WorkOrder(WorkOrderId(f"o{i}"), (Operation(
            OperationId(f"o{i}"), tuple(Mode(line.id, 5 if (family is a) == (line.id == "l") else 6) for line in lines),
            family=family,
        ),), Second(6 * i), Second(0))
        for i, family in enumerate((a, b, b, a, a, b, a, b))
    )  # fmt: skip
    problem = SchedulingProblem(lines, orders, (matrix,))
    found = laid(problem, Way())
    assert found is not None
    schedule = arrays_of(problem).schedule(*found.columns)
    assert {key: placement.line for key, placement in schedule.placements.items()} == {
        f"o{i}": "l" if i in (0, 3, 4, 6) else "k" for i in range(8)
    }
    assert evaluate(problem, schedule).part(Part.SETUP) == 10
    # Cut where operations come more than a tenth of the time apart, there is a campaign for each.
    often = laid(problem, Way(0.1))
    assert often is not None and evaluate(problem, arrays_of(problem).schedule(*often.columns)).part(Part.SETUP) >= 10


def test_what_a_line_cannot_make_goes_elsewhere_together() -> None:
    a, b = FamilyId("a"), FamilyId("b")
    matrix = SetupMatrix(MatrixId("m"), {(a, b): 10, (b, a): 10})
    lines = tuple(Line(LineId(name), PlantId("p"), ALWAYS, matrix.id, b) for name in "lkj")
    able = ("l", "l", "l", "kj", "kj", "kj")
    orders = tuple(
        WorkOrder(WorkOrderId(f"o{i}"), (Operation(
            OperationId(f"o{i}"), tuple(Mode(LineId(name), 5) for name in names), family=a,
        ),), Second(0), Second(0))
        for i, names in enumerate(able)
    )  # fmt: skip
    found = laid(SchedulingProblem(lines, orders, (matrix,)), Way())
    assert found is not None
    arrays = arrays_of(SchedulingProblem(lines, orders, (matrix,)))
    on = arrays.column(MODE_LINE, len(arrays.modes))[found.columns[0]]
    assert set(on[:3]) == {0} and len(set(on[3:])) == 1
    assert (arrays.column(MODE_FAMILY, len(arrays.modes))[found.columns[0]] > 0).all()


def test_families_that_come_in_dribs_are_made_sooner_than_by_any_rule() -> None:
    problem = in_dribs(300, 60)
    arrays = arrays_of(problem)
    ruled = dispatched(arrays, MAKESPAN_ONLY)
    found = campaigns(arrays, fixed_columns(arrays))
    assert found is not None and has_families(arrays)
    assert found.makespan < 0.97 * ruled.end.max()
    assert found.cost < 0.95 * cost_of(arrays, (ruled.mode, ruled.start, ruled.end))
    first = dispatch(problem, MAKESPAN_ONLY)
    assert violations(problem, first) == ()
    assert found.makespan <= evaluate(problem, first).makespan < ruled.end.max()
    # Where dates count, only rules are asked.
    by_rule = dispatched(arrays, TARDINESS_ONLY).figures[2]
    assert evaluate(problem, dispatch(problem, TARDINESS_ONLY)).tardiness == by_rule


def test_the_same_seed_tries_the_same_ways_and_more_tries_are_never_worse() -> None:
    arrays = arrays_of(in_dribs(120, 12, seed=2))
    fixed = fixed_columns(arrays)
    costs = []
    for tries in (1, len(FIRST_WAYS), 60, 60):
        found = campaigns(arrays, fixed, tries=tries, seed=4)
        assert found is not None
        costs.append(found.cost)
    assert costs[0] >= costs[1] >= costs[2] == costs[3]
    stopped = campaigns(arrays, fixed, seed=4, stop=lambda: True)
    assert stopped is not None and stopped.cost == costs[0]  # one try there always is


def test_a_search_that_begins_with_campaigns_ends_with_a_shorter_schedule(monkeypatch: pytest.MonkeyPatch) -> None:
    problem = in_dribs(300, 60)
    with_them = search(problem, MAKESPAN_ONLY, moves=3000, cp_sat=False)
    monkeypatch.setattr("solver.scheduling.search.campaigns", lambda *_, **__: None)
    monkeypatch.setattr("solver.scheduling.dispatch.campaigns", lambda *_, **__: None)
    without = search(problem, MAKESPAN_ONLY, moves=3000, cp_sat=False)
    assert violations(problem, with_them.schedule) == ()
    assert with_them.evaluation.makespan < 0.97 * without.evaluation.makespan


def test_a_better_schedule_that_was_given_is_gone_on_from() -> None:
    problem = in_dribs(120, 12)
    good = search(problem, MAKESPAN_ONLY, moves=20_000, cp_sat=False)
    again = search(problem, MAKESPAN_ONLY, schedule=good.schedule, moves=2_000, cp_sat=False)
    arrays = arrays_of(problem)
    found = campaigns(arrays, fixed_columns(arrays))
    assert found is not None and found.makespan > good.evaluation.makespan
    assert again.evaluation.makespan <= good.evaluation.makespan


def test_without_families_there_are_no_campaigns() -> None:
    assert not has_families(arrays_of(open_shop(1, 4)))
    assert not has_families(arrays_of(random_problem(3, 8, oven=True, tools=True, routes=True, waits=True)))
    assert np.isfinite(FIRST_WAYS[-1].share)
