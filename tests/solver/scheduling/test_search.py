"""First schedules and better ones: everything is judged, nothing fixed moves, no kept promise is broken."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from time import perf_counter, process_time

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

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
    SchedulingProblem,
    Second,
    Window,
    WorkOrder,
    WorkOrderId,
)
from solver.scheduling.schedule import Schedule, evaluate
from solver.scheduling.search import Progress, improve
from tests.solver.scheduling.shops import DAY, MONDAY, bicycle_orders, bicycle_problem, random_problem, shops


def shuffled(problem: SchedulingProblem, seed: int = 3) -> Schedule:
    """The orders quoted and committed in a random sequence."""
    book = Book(replace(problem, orders=()))
    for order in Random(seed).sample(problem.orders, len(problem.orders)):
        found = book.quote(order)
        assert not isinstance(found, NoRoom)
        book.commit(order, found)
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


# --- improve --------------------------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(shops(orders=6), st.data(), st.integers(0, 3))
def test_a_search_is_never_worse_keeps_promises_and_moves_nothing_fixed(
    problem: SchedulingProblem, data: st.DataObject, seed: int
) -> None:
    before = shuffled(problem, seed)
    problem = some_fixed(problem, before, data)
    assert violations(problem, before) == ()
    after = improve(problem, before, iterations=40, seed=seed)
    assert violations(problem, after) == ()
    was, now = evaluate(problem, before), evaluate(problem, after)
    assert now.key <= was.key
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
        after = improve(problem, before, iterations=60, seed=seed)
        assert violations(problem, after) == ()
        assert after.placements[cut].end <= 10


def test_a_shuffled_book_of_300_bicycles_gets_much_better_in_seconds() -> None:
    problem = busy()
    before = shuffled(problem)
    after = improve(problem, before, iterations=350, seed=1)  # some 0.7 s
    assert violations(problem, after) == ()
    assert evaluate(problem, after).tardiness < evaluate(problem, before).tardiness / 2
    # The search itself, not only the fresh start that it may take.
    start = dispatch(problem)
    assert evaluate(problem, improve(problem, start, iterations=350, seed=1)).key < evaluate(problem, start).key


def test_the_same_seed_finds_the_same_schedule() -> None:
    problem = busy(60, days=2)
    before = shuffled(problem)
    first, second, other = (improve(problem, before, iterations=80, seed=seed) for seed in (5, 5, 6))
    assert first == second
    assert first != other


def test_a_search_stops_when_told_and_says_how_far_it_is() -> None:
    problem = busy(40, days=2)
    asked: list[int] = []
    told: list[Progress] = []

    def stop() -> bool:
        asked.append(1)
        return len(asked) > 10

    after = improve(problem, shuffled(problem), seconds=60, stop=stop, report=told.append)
    assert violations(problem, after) == ()
    assert len(asked) == 12  # the annealing ends with the eleventh question, the rest of the search with the next
    assert told[-1].moves > 0
    found = evaluate(problem, after)
    assert (told[-1].tardiness, told[-1].setup_seconds) == (found.tardiness, found.setup_seconds)


def test_a_search_keeps_to_its_time() -> None:
    problem = busy(60, days=2)
    began = perf_counter()
    improve(problem, shuffled(problem), seconds=0.3)
    assert perf_counter() - began < 5
    with pytest.raises(ValueError, match="either"):
        improve(problem, shuffled(problem))


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
    after = improve(broken, before, iterations=60)
    assert violations(broken, after) == ()
    assert any(p.line == "wuxi/paint-2" for p in after.placements.values())


def test_operations_that_are_missing_are_placed() -> None:
    problem = busy(30, days=2)
    before = shuffled(problem)
    kept = {key: p for key, p in before.placements.items() if not key.endswith(("/pack", "/wheel_rear"))}
    after = improve(problem, Schedule(kept), iterations=10)
    assert violations(problem, after) == ()


def test_an_impossible_pin_is_left_to_the_planner() -> None:
    problem = busy(20, days=2)
    before = shuffled(problem)
    key, placement = next((k, p) for k, p in before.placements.items() if k.endswith("/assemble"))
    too_soon = Placement(key, placement.line, Second(MONDAY), Second(MONDAY + 60))
    pinned = replace(problem, fixed={key: (Fixing.PINNED, too_soon)})
    after = improve(pinned, before, iterations=30)
    assert after.placements[key] == too_soon
    assert {v.subject for v in violations(pinned, after)} == {key}


@pytest.mark.parametrize("feature", ["oven", "tools", "routes", "waits", "sequence", "plants"])
def test_what_the_search_does_not_know_is_refused_by_name(feature: str) -> None:
    every = ("plants", "oven", "tools", "routes", "waits", "sequence", "fixed", "unlimited")
    with pytest.raises(InvalidProblem, match="does not know this yet: "):
        for seed in range(100):
            improve(random_problem(seed, 4, **{k: k == feature for k in every}), Schedule({}), iterations=1)
