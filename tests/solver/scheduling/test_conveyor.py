"""Orders that pass lines in one sequence: everything is judged, what is cheap is true, small ones are optimal."""

from __future__ import annotations

from dataclasses import replace
from itertools import count, permutations
from random import Random

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from solver.scheduling import conveyor as conveyor_module
from solver.scheduling.arrays import arrays_of
from solver.scheduling.check import Rule, violations
from solver.scheduling.conveyor import COST, LEAST_COST, PLAIN, SEQUENCE, TOO_MUCH, Conveyor
from solver.scheduling.dispatch import Unplaceable, dispatch, fixed_columns
from solver.scheduling.flowshop import put_best
from solver.scheduling.problem import (
    NEVER,
    FamilyId,
    Line,
    LineId,
    MatrixId,
    Mode,
    Operation,
    OperationId,
    Placement,
    PlantId,
    Precedence,
    SchedulingProblem,
    Second,
    SetupMatrix,
    Window,
    WorkOrder,
    WorkOrderId,
)
from solver.scheduling.repair import pushed, resettled
from solver.scheduling.schedule import MAKESPAN_ONLY, PROMISES_FIRST, TARDINESS_ONLY, Part, Schedule, evaluate
from solver.scheduling.search import search
from tests.solver.scheduling.shops import random_problem
from tests.solver.scheduling.test_search import some_fixed

ALWAYS = (Window(Second(0), Second(NEVER)),)
WEIGHTS = {Part.TARDINESS: 3, Part.MAKESPAN: 2, Part.SETUP: 1, Part.FLOW: 5}


def flow_shop(orders: int, lines: int, seed: int, *, setups: bool = False) -> SchedulingProblem:
    """A permutation flow shop with due dates."""
    random, names = Random(seed), [FamilyId(f"f{i}") for i in range(3)]
    matrix = SetupMatrix(MatrixId("m"), {(a, b): random.randint(1, 9) for a in names for b in names if a != b})
    made = []
    for number in range(orders):
        steps: list[Operation] = []
        for i in range(lines):
            mode = Mode(LineId(f"l{i}"), random.randint(1, 20))
            before = (Precedence(steps[-1].id, random.randint(0, 2)),) if steps else ()
            steps.append(Operation(OperationId(f"o{number}/{i}"), (mode,), before, random.choice(names)))
        due = Second(random.randint(20, 20 * (orders + lines) // 2))
        made.append(WorkOrder(
            WorkOrderId(f"o{number}"), tuple(steps), Second(random.randint(0, 9)), due, weight=random.randint(1, 4)
        ))  # fmt: skip
    on = tuple(Line(LineId(f"l{i}"), PlantId("p"), ALWAYS, matrix.id if setups else None) for i in range(lines))
    return SchedulingProblem(on, tuple(made), (matrix,), same_sequence=(tuple(line.id for line in on),))


def conveyor_of(problem: SchedulingProblem, seed: int = 1) -> Conveyor:
    """The orders of a problem on the conveyor."""
    arrays = arrays_of(problem)
    return Conveyor(arrays, fixed_columns(arrays), WEIGHTS, seed)


@given(st.integers(0, 100_000), st.integers(1, 12), st.sampled_from((PROMISES_FIRST, TARDINESS_ONLY, MAKESPAN_ONLY)))
@settings(max_examples=300, deadline=None)
def test_a_first_schedule_keeps_every_rule(seed: int, size: int, objective: object) -> None:
    """Ovens, units, routes, longest waits, calendars and plants included."""
    problem = random_problem(seed, size, fixed=False)
    assume(problem.same_sequence)
    try:
        schedule = dispatch(problem, objective)  # type: ignore[arg-type]
    except Unplaceable:
        assume(False)
    assert violations(problem, schedule) == ()


def test_hardly_any_problem_that_can_be_made_is_refused() -> None:
    problems = [random_problem(seed, 6, fixed=False) for seed in range(300)]
    refused, made = 0, 0
    for problem in problems:
        if not problem.same_sequence:
            continue
        try:
            dispatch(replace(problem, same_sequence=()))
        except Unplaceable:
            continue
        try:
            dispatch(problem)
            made += 1
        except Unplaceable:
            refused += 1
    assert made > 50 and refused <= made // 10


@given(st.integers(0, 100_000), st.integers(2, 8), st.data())
@settings(max_examples=150, deadline=None)
def test_what_is_fixed_stays_and_nothing_overtakes_it(seed: int, size: int, data: st.DataObject) -> None:
    free = random_problem(seed, size, fixed=False, materials=False)
    assume(free.same_sequence)
    try:
        problem = some_fixed(free, dispatch(free), data)
        schedule = dispatch(problem)
    except Unplaceable:
        assume(False)
    assert all(schedule.placements[key] == placement for key, (_, placement) in problem.fixed.items())
    assert {v.subject for v in violations(problem, schedule)} <= set(problem.fixed)
    result = search(problem, TARDINESS_ONLY, moves=20, cp_sat=False)
    assert {v.subject for v in violations(problem, result.schedule)} <= set(problem.fixed)


@given(st.integers(0, 100_000), st.integers(1, 10), st.booleans())
@settings(max_examples=100, deadline=None)
def test_the_cost_of_a_sequence_is_that_of_its_schedule(seed: int, size: int, plain: bool) -> None:
    problem = flow_shop(size, 3, seed, setups=True) if plain else random_problem(seed, size, fixed=False)
    conveyor = conveyor_of(problem)
    sequence = np.random.default_rng(seed).permutation(size)
    cost = conveyor.place(sequence)
    assume(cost < TOO_MUCH)
    found = evaluate(problem, conveyor.arrays.schedule(*conveyor.columns()))
    assert cost == sum(weight * found.part(part) for part, weight in WEIGHTS.items())


@given(st.integers(0, 100_000), st.integers(1, 10), st.booleans())
@settings(max_examples=60, deadline=None)
def test_the_fast_way_gives_the_same_times(seed: int, size: int, setups: bool) -> None:
    conveyor, slow = (conveyor_of(flow_shop(size, 4, seed, setups=setups)) for _ in range(2))
    assert conveyor.x[PLAIN]
    slow.x[PLAIN] = 0
    sequence = np.random.default_rng(seed).permutation(size)
    assert conveyor.place(sequence) == slow.place(sequence)
    for fast, general in zip(conveyor.columns(), slow.columns(), strict=True):
        assert (fast == general).all()


@given(st.integers(0, 100_000), st.integers(1, 12), st.booleans())
@settings(max_examples=60, deadline=None)
def test_after_steps_the_cost_is_still_that_of_the_sequence(seed: int, size: int, plain: bool) -> None:
    problem = flow_shop(size, 3, seed, setups=seed % 2 == 0) if plain else random_problem(seed, size, fixed=False)
    conveyor = conveyor_of(problem, seed)
    assume(conveyor.place(np.arange(size)) < TOO_MUCH)
    before = int(conveyor.x[COST])
    conveyor.build(np.arange(size), lambda: False)
    for _ in range(20):
        conveyor.go_on(1, 30.0)
        x = conveyor.x
        present = x[x[SEQUENCE] : x[SEQUENCE] + size].copy()
        assert sorted(present.tolist()) == list(range(size))
        again = conveyor_of(problem)
        assert again.place(present) == x[COST]
    least, columns = conveyor.best()
    assert least <= before and violations(problem, conveyor.arrays.schedule(*columns)) == ()


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("objective", [MAKESPAN_ONLY, TARDINESS_ONLY])
def test_the_best_sequence_of_a_small_flow_shop_is_found(seed: int, objective: object) -> None:
    problem = flow_shop(6, 3, seed, setups=seed % 2 == 1)
    conveyor = conveyor_of(problem)
    values = []
    for sequence in permutations(range(6)):
        conveyor.place(np.array(sequence))
        found = evaluate(problem, conveyor.arrays.schedule(*conveyor.columns()))
        values.append(objective.value(found))  # type: ignore[attr-defined]
    result = search(problem, objective, moves=400, cp_sat=False)  # type: ignore[arg-type]
    assert violations(problem, result.schedule) == ()
    assert result.value == min(values) < max(values)


@pytest.mark.parametrize("setups", [False, True])
@pytest.mark.parametrize("size", [2, 33, 70])  # within a block of places, one more than a block, more blocks
def test_an_order_is_put_where_it_costs_least_of_all_places(size: int, setups: bool) -> None:
    for seed in range(4):
        problem = flow_shop(size, 4, seed, setups=setups)
        orders = tuple(replace(order, promise=Second(order.due + 20)) for order in problem.orders)
        arrays = arrays_of(replace(problem, orders=orders))
        weights = WEIGHTS | {Part.BROKEN: 100, Part.OVER: 7}
        conveyor = Conveyor(arrays, fixed_columns(arrays), weights, seed)
        assert conveyor.shop is not None
        sequence = np.random.default_rng(seed).permutation(size)
        conveyor.shop.place(sequence)
        found = put_best(*conveyor.shop.room, conveyor.shop.r, int(sequence[-1]), size - 1)
        costs = [conveyor.place(np.insert(sequence[:-1], place, sequence[-1])) for place in range(size)]
        assert found == conveyor.place(conveyor.shop.sequence())
        assert found == min(costs) if not setups else found in costs and found <= sorted(costs)[len(costs) // 8]


def test_orders_that_pass_other_lines_are_no_flow_shop() -> None:
    problem = flow_shop(3, 3, 1)
    first = problem.orders[0]
    short = replace(first, operations=first.operations[:2])
    arrays = arrays_of(replace(problem, orders=(short, *problem.orders[1:])))
    conveyor = Conveyor(arrays, fixed_columns(arrays), WEIGHTS)
    assert conveyor.x[PLAIN] and conveyor.shop is None


def test_the_judge_sees_an_order_that_overtakes() -> None:
    problem = flow_shop(3, 2, 1)
    schedule = dispatch(problem)
    last = max(placement.end for placement in schedule.placements.values())
    first = min((p for p in schedule.placements.values() if p.line == "l1"), key=lambda p: p.start)
    late = Placement(first.operation, first.line, Second(last), Second(last + first.end - first.start))
    broken = Schedule(schedule.placements | {first.operation: late})
    assert violations(problem, schedule) == ()
    assert Rule.SEQUENCE in {v.kind for v in violations(problem, broken)}


def test_a_search_gets_better_with_the_same_seed_in_the_same_way() -> None:
    problem = flow_shop(40, 5, 3)
    first = evaluate(problem, dispatch(problem, TARDINESS_ONLY)).tardiness
    one, two = (search(problem, TARDINESS_ONLY, moves=300, seed=4, cp_sat=False) for _ in range(2))
    assert violations(problem, one.schedule) == ()
    assert one.schedule == two.schedule
    assert one.evaluation.tardiness < 0.8 * first
    again = search(problem, TARDINESS_ONLY, schedule=one.schedule, moves=50, seed=1)
    assert again.evaluation.tardiness <= one.evaluation.tardiness


def test_where_moves_are_counted_the_speed_of_the_machine_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    problem = flow_shop(40, 5, 3)

    def found() -> object:
        return search(problem, TARDINESS_ONLY, moves=300, seed=4, cp_sat=False).schedule

    fast, ticks = found(), count()
    monkeypatch.setattr(conveyor_module, "monotonic", lambda: float(next(ticks)))  # a second between any two looks
    assert found() == fast


def test_an_order_that_cannot_be_placed_is_named() -> None:
    problem = flow_shop(4, 2, 1)
    lines = tuple(replace(line, windows=(Window(Second(0), Second(45)),)) for line in problem.lines)
    with pytest.raises(Unplaceable, match="no room for o"):
        dispatch(replace(problem, lines=lines))


@given(st.integers(0, 100_000), st.integers(2, 8), st.integers(30, 120))
@settings(max_examples=300, deadline=None)
def test_where_time_is_short_no_sequence_counts_that_does_not_fit(seed: int, size: int, closes: int) -> None:
    problem = flow_shop(size, 2, seed)
    lines = tuple(replace(line, windows=(Window(Second(0), Second(closes)),)) for line in problem.lines)
    conveyor = conveyor_of(replace(problem, lines=lines), seed)
    for sequence in conveyor.sequences():
        conveyor.place(sequence)
        conveyor.build(sequence, lambda: False)
    conveyor.go_on(20, 30.0)
    if (claimed := int(conveyor.x[LEAST_COST])) < TOO_MUCH:
        cost, columns = conveyor.best()
        assert cost == claimed
        assert violations(replace(problem, lines=lines), conveyor.arrays.schedule(*columns)) == ()


@pytest.mark.parametrize("seed", range(4))
def test_what_is_pushed_on_a_conveyor_keeps_its_sequence(seed: int) -> None:
    """A line that stands still, and everything as soon as it can be again: in the same sequence, on all lines."""
    problem = flow_shop(12, 4, seed, setups=True)
    placed = dispatch(problem).placements
    lines = [line.id for line in problem.lines]
    stops = Window(Second(0), Second(60)), Window(Second(200), Second(NEVER))
    broken = replace(problem, lines=tuple(
        replace(line, windows=stops) if line.id == lines[1] else line for line in problem.lines
    ))  # fmt: skip
    later = pushed(broken, placed)
    assert later is not None and violations(broken, later) == ()
    assert all(later.placements[key].start >= placed[key].start for key in placed)
    early = resettled(problem, later.placements, {})
    assert early is not None and violations(problem, early) == ()
    assert evaluate(problem, early).makespan <= evaluate(broken, later).makespan
    for line in lines:
        rows = [
            [key for _, key in sorted((p.start, key) for key, p in places.items() if p.line == line)]
            for places in (placed, later.placements, early.placements)
        ]
        assert rows[0] == rows[1] == rows[2]


def test_orders_that_overtake_each_other_already_are_not_settled_so() -> None:
    """The control: each line keeps its own order, and those do not agree."""
    problem = flow_shop(2, 2, 1)
    steps = {o.id: o.modes[0] for order in problem.orders for o in order.operations}
    at = {"o0/0": 100, "o1/0": 200, "o1/1": 300, "o0/1": 400}
    placed = {
        OperationId(key): Placement(
            OperationId(key), steps[OperationId(key)].line, Second(start),
            Second(start + steps[OperationId(key)].duration),
        )
        for key, start in at.items()
    }  # fmt: skip
    assert [fault.kind for fault in violations(problem, Schedule(placed))] == [Rule.SEQUENCE]
    assert pushed(problem, placed) is None
    assert pushed(replace(problem, same_sequence=()), placed) is not None
