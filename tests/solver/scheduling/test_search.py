"""First schedules and better ones: everything is judged, nothing fixed moves, no kept promise is broken."""

from __future__ import annotations

import gc
from dataclasses import replace
from random import Random
from time import perf_counter, process_time

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from solver.cp import Limits, Status
from solver.scheduling import exact
from solver.scheduling.book import Book, NoRoom
from solver.scheduling.check import Rule, violations
from solver.scheduling.dispatch import Unplaceable, dispatch
from solver.scheduling.problem import (
    Fixing,
    InvalidProblem,
    Line,
    LineId,
    Mode,
    Operation,
    OperationId,
    Placement,
    PlantId,
    Precedence,
    Running,
    SchedulingProblem,
    Second,
    Window,
    WorkOrder,
    WorkOrderId,
)
from solver.scheduling.schedule import PROMISES_FIRST, TARDINESS_ONLY, Schedule, evaluate
from solver.scheduling.search import Phase, Progress, search
from tests.solver.scheduling.shops import DAY, MONDAY, bicycle_orders, bicycle_problem, random_problem, shops


def shuffled(problem: SchedulingProblem, seed: int = 3) -> Schedule:
    """The orders quoted and committed in a random sequence."""
    book = Book(replace(problem, orders=()))
    for order in Random(seed).sample(problem.orders, len(problem.orders)):
        found = book.quote(order)
        assert not isinstance(found, NoRoom)
        book.commit(order, found.placements, found.moved)
    return book.schedule


def busy(count: int = 300, days: float = 9) -> SchedulingProblem:
    """More bicycles than the days hold at ease."""
    return replace(bicycle_problem(1), orders=tuple(bicycle_orders(count, 1, days=days)))


def some_fixed(problem: SchedulingProblem, schedule: Schedule, data: st.DataObject) -> SchedulingProblem:
    """The problem with some operations pinned where they stand."""
    fixing = st.sampled_from((Fixing.FREE, Fixing.FREE, Fixing.PINNED, Fixing.FROZEN, Fixing.STARTED))
    drawn = {key: data.draw(fixing) for key in sorted(schedule.placements)}
    fixed = {key: (why, schedule.placements[key]) for key, why in drawn.items() if why is not Fixing.FREE}
    return replace(problem, fixed=fixed)


# --- dispatch -------------------------------------------------------------------------------------------------------


@settings(deadline=None)
@given(shops(orders=6), st.data())
def test_a_first_schedule_keeps_every_rule_and_what_is_fixed(problem: SchedulingProblem, data: st.DataObject) -> None:
    schedule = dispatch(problem)
    assert violations(problem, schedule) == ()
    again = some_fixed(problem, schedule, data)
    try:
        around = dispatch(again)
    except Unplaceable:
        assume(False)
    # What has to come before a fixed operation may find no room there any more, and two fixed ones may have become
    # neighbours whose setup is longer than what stood between; nothing else may go wrong.
    wrong = violations(again, around)
    assert {v.kind for v in wrong} <= {Rule.PRECEDENCE, Rule.SETUP}
    assert {v.subject for v in wrong} <= set(again.fixed)
    assert all(around.placements[key] == placement for key, (_, placement) in again.fixed.items())


def test_300_bicycles_are_dispatched_in_a_second_and_better_than_first_come_first_served() -> None:
    problem = busy()
    began = process_time()
    schedule = dispatch(problem)
    assert process_time() - began < 2  # measured 0.35 s
    assert violations(problem, schedule) == ()
    assert evaluate(problem, schedule).tardiness < evaluate(problem, shuffled(problem)).tardiness / 4


def test_a_horizon_that_is_too_short_is_named() -> None:
    with pytest.raises(Unplaceable, match="wuxi-"):
        dispatch(replace(bicycle_problem(1, horizon=7), orders=tuple(bicycle_orders(600, 1, days=1))))


# --- search --------------------------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(shops(orders=6), st.data(), st.integers(0, 3))
def test_a_search_is_never_worse_keeps_promises_and_moves_nothing_fixed(
    problem: SchedulingProblem, data: st.DataObject, seed: int
) -> None:
    before = shuffled(problem, seed)
    problem = some_fixed(problem, before, data)
    assert violations(problem, before) == ()
    after = search(problem, schedule=before, moves=4000, seed=seed).schedule
    assert violations(problem, after) == ()
    was, now = evaluate(problem, before), evaluate(problem, after)
    assert PROMISES_FIRST.value(now) <= PROMISES_FIRST.value(was)
    assert {key for key, _ in now.broken_promises} <= {key for key, _ in was.broken_promises}
    assert all(after.placements[key] == placement for key, (_, placement) in problem.fixed.items())


def test_what_comes_before_a_pinned_operation_stays_before_it() -> None:
    """The other order is late and would gladly come first, but then the cut would end after the pinned glueing."""
    line = Line(LineId("l"), PlantId("p"), (Window(Second(0), Second(900)),))
    first, cut, glue = (OperationId(name) for name in ("first", "cut", "glue"))
    mode = (Mode(line.id, 10),)
    late = WorkOrder(WorkOrderId("late"), (Operation(first, mode),), Second(0), Second(0), weight=9)
    glued = WorkOrder(
        WorkOrderId("glued"), (Operation(cut, mode), Operation(glue, mode, (Precedence(cut),))), Second(0), Second(0)
    )
    placed = {glue: Placement(glue, line.id, Second(10), Second(20))}
    problem = SchedulingProblem((line,), (late, glued), fixed={glue: (Fixing.PINNED, placed[glue])})
    before = Schedule(placed | {
        cut: Placement(cut, line.id, Second(0), Second(10)), first: Placement(first, line.id, Second(20), Second(30)),
    })
    assert violations(problem, before) == ()
    for seed in range(5):
        after = search(problem, schedule=before, moves=6000, seed=seed).schedule
        assert violations(problem, after) == ()
        assert after.placements[cut].end <= 10


def test_a_shuffled_book_of_300_bicycles_gets_much_better_in_seconds() -> None:
    problem = busy()
    before = shuffled(problem)
    after = search(problem, schedule=before, moves=100_000, seed=1).schedule
    assert violations(problem, after) == ()
    assert evaluate(problem, after).tardiness < evaluate(problem, before).tardiness / 2
    start = dispatch(problem)
    better = search(problem, moves=100_000, seed=1)
    assert better.value < PROMISES_FIRST.value(evaluate(problem, start))
    assert better.bound.value <= better.value and not better.proved


def test_the_same_seed_finds_the_same_schedule() -> None:
    problem = busy(120, days=2)
    before = shuffled(problem)
    first, second, other = (search(problem, schedule=before, moves=8000, seed=seed).schedule for seed in (5, 5, 6))
    assert first == second
    assert first != other


def test_a_search_stops_when_told_and_says_how_far_it_is() -> None:
    problem = busy(40, days=2)
    asked: list[int] = []
    told: list[Progress] = []

    def stop() -> bool:
        asked.append(1)
        return len(asked) > 10

    began = perf_counter()
    after = search(problem, schedule=shuffled(problem), seconds=60, stop=stop, report=told.append)
    assert perf_counter() - began < 10
    assert violations(problem, after.schedule) == ()
    assert after.moves > 0 and after.moves == told[-1].moves
    assert told[0].phase is Phase.FIRST and told[-1].phase is Phase.SEQUENCES
    assert told[-1].evaluation == after.evaluation == evaluate(problem, after.schedule)


def test_a_search_keeps_to_its_time() -> None:
    problem = busy(60, days=2)
    began = perf_counter()
    search(problem, schedule=shuffled(problem), seconds=0.3)
    assert perf_counter() - began < 5
    with pytest.raises(ValueError, match="either"):
        search(problem, schedule=shuffled(problem))


def test_a_broken_line_is_planned_around() -> None:
    problem = busy(60, days=2)
    before = shuffled(problem)
    down = MONDAY + 5 * DAY  # paint-1 stands still until then
    lines = tuple(
        replace(line, windows=tuple(Window(Second(max(w.start, down)), w.end) for w in line.windows if w.end > down))
        if line.id == "wuxi/paint-1"
        else line
        for line in problem.lines
    )
    broken = replace(problem, lines=lines)
    assert violations(broken, before) != ()
    after = search(broken, schedule=before, moves=6000).schedule
    assert violations(broken, after) == ()
    assert any(p.line == "wuxi/paint-2" for p in after.placements.values())


def test_operations_that_are_missing_are_placed() -> None:
    problem = busy(30, days=2)
    before = shuffled(problem)
    kept = {key: p for key, p in before.placements.items() if not key.endswith(("/pack", "/wheel_rear"))}
    after = search(problem, schedule=Schedule(kept), moves=1000).schedule
    assert violations(problem, after) == ()


def test_an_impossible_pin_is_left_to_the_planner() -> None:
    problem = busy(20, days=2)
    before = shuffled(problem)
    key, placement = next((k, p) for k, p in before.placements.items() if k.endswith("/assemble"))
    too_soon = Placement(key, placement.line, Second(MONDAY), Second(MONDAY + 60))
    pinned = replace(problem, fixed={key: (Fixing.PINNED, too_soon)})
    after = search(pinned, schedule=before, moves=3000).schedule
    assert after.placements[key] == too_soon
    assert {v.subject for v in violations(pinned, after)} == {key}


def test_what_no_schedule_can_make_is_refused_by_name() -> None:
    problem = bicycle_problem(3)
    order = problem.orders[0]
    long = replace(order.operations[0], modes=(Mode(order.operations[0].modes[0].line, 10**7),), running=Running.WHOLE)
    hopeless = replace(problem, orders=(replace(order, operations=(long, *order.operations[1:])), *problem.orders[1:]))
    with pytest.raises(InvalidProblem, match=str(long.id)):
        search(hopeless, seconds=5)


@pytest.mark.parametrize("seed", range(6))
def test_a_small_problem_is_solved_to_the_end_with_a_proof(seed: int) -> None:
    every = ("plants", "oven", "tools", "routes", "waits", "sequence", "fixed", "unlimited")
    problem = random_problem(seed, 3, **dict.fromkeys(every, False))
    least = exact.solve(problem, TARDINESS_ONLY, Limits(seconds=20))
    assert least.status is Status.OPTIMAL
    found = search(problem, TARDINESS_ONLY, seconds=20, seed=seed)
    assert found.proved
    assert found.value == found.bound.value == least.bound
    assert found.seconds < 15  # it ends when there is nothing left to find


def test_two_cores_find_what_the_judge_accepts() -> None:
    problem = busy(60, days=2)
    found = search(problem, seconds=1.0, cores=2, seed=4)
    assert violations(problem, found.schedule) == ()
    assert found.value < PROMISES_FIRST.value(evaluate(problem, dispatch(problem)))


@pytest.mark.parametrize("collects", [True, False])
def test_a_search_leaves_the_collector_as_it_was(collects: bool) -> None:
    states: list[bool] = []
    try:
        if not collects:
            gc.disable()
        search(busy(20), moves=500, report=lambda progress: states.append(gc.isenabled()))
        assert gc.isenabled() == collects
        assert not states[0]  # while the first schedule is made nothing is collected
        assert states[-1] == collects
    finally:
        gc.enable()
