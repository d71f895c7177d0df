"""First schedules: everything is judged, gaps before what is fixed are used, the figures are true."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from solver.scheduling.arrays import arrays_of
from solver.scheduling.check import Rule as Broken
from solver.scheduling.check import violations
from solver.scheduling.dispatch import FIGURES, RULES, Unplaceable, dispatch, dispatched
from solver.scheduling.problem import (
    FamilyId,
    Fixing,
    Line,
    LineId,
    Material,
    MaterialId,
    MaterialNeed,
    MatrixId,
    Mode,
    Operation,
    OperationId,
    Placement,
    PlantId,
    Precedence,
    Running,
    SchedulingProblem,
    Second,
    SetupMatrix,
    Transport,
    Window,
    WorkOrder,
    WorkOrderId,
)
from solver.scheduling.schedule import MAKESPAN_ONLY, PROMISES_FIRST, TARDINESS_ONLY, evaluate
from tests.solver.scheduling.shops import random_problem

UNKNOWN = {"routes": False, "waits": False, "sequence": False}
PLANT = PlantId("p")


def line(name: str, *windows: tuple[int, int], plant: PlantId = PLANT, **more: object) -> Line:
    """A line that works in these windows, or always."""
    opened = tuple(Window(Second(a), Second(b)) for a, b in windows or ((0, 100_000),))
    return Line(LineId(name), plant, opened, **more)  # type: ignore[arg-type]


def order(name: str, *operations: Operation, due: int = 0, weight: int = 1, release: int = 0) -> WorkOrder:
    """An order of these operations."""
    return WorkOrder(WorkOrderId(name), operations, Second(release), Second(due), weight=weight)


def step(name: str, *modes: tuple[str, int], after: tuple[str, ...] = (), **more: object) -> Operation:
    """An operation that can be made on these lines in so many seconds."""
    made = tuple(Mode(LineId(on), duration) for on, duration in modes)
    return Operation(OperationId(name), made, tuple(Precedence(OperationId(b)) for b in after), **more)  # type: ignore[arg-type]


def pinned(operation: str, on: str, start: int, end: int) -> dict[OperationId, tuple[Fixing, Placement]]:
    """A pin."""
    key = OperationId(operation)
    return {key: (Fixing.PINNED, Placement(key, LineId(on), Second(start), Second(end)))}


@given(st.integers(0, 100_000), st.integers(1, 14), st.sampled_from((PROMISES_FIRST, TARDINESS_ONLY, MAKESPAN_ONLY)))
@settings(max_examples=200, deadline=None)
def test_a_first_schedule_keeps_every_rule(seed: int, size: int, objective: object) -> None:
    problem = random_problem(seed, size, **UNKNOWN)
    schedule = dispatch(problem, objective)  # type: ignore[arg-type]
    assert violations(problem, schedule) == ()


@given(st.integers(0, 100_000), st.integers(1, 14))
@settings(max_examples=200, deadline=None)
def test_what_is_pinned_in_the_midst_stays_and_the_rest_goes_around_it(seed: int, size: int) -> None:
    problem = random_problem(seed, size, fixed=False, oven=False, **UNKNOWN)
    schedule, random = dispatch(problem), Random(seed)
    fixed = {key: (Fixing.PINNED, place) for key, place in schedule.placements.items() if random.random() < 0.3}
    again = replace(problem, fixed=fixed)
    try:
        around = dispatch(again)
    except Unplaceable:
        assume(False)
    assert all(around.placements[key] == placement for key, (_, placement) in fixed.items())
    # What comes before a pin may come too late for it, and two pins may have become neighbours; no more.
    wrong = violations(again, around)
    assert {v.kind for v in wrong} <= {Broken.PRECEDENCE, Broken.TRANSPORT, Broken.SETUP}
    assert {v.subject for v in wrong} <= set(fixed)


@given(st.integers(0, 100_000), st.integers(1, 14))
@settings(max_examples=60, deadline=None)
def test_the_figures_are_those_of_the_schedule_and_the_best_rule_comes_first(seed: int, size: int) -> None:
    problem = random_problem(seed, size, materials=False, **UNKNOWN)
    arrays = arrays_of(problem)
    found = dispatched(arrays, TARDINESS_ONLY)
    made = evaluate(problem, arrays.schedule(found.mode, found.start, found.end))
    assert found.figures == tuple(made.part(part) for part in FIGURES)
    alone = [dispatched(arrays, TARDINESS_ONLY, (rule,)).figures[2] for rule in RULES]
    assert found.figures[2] == min(alone) == alone[RULES.index(found.rules[0])]


def test_a_gap_before_a_pin_is_used_if_the_setups_before_and_after_leave_room() -> None:
    a, b = FamilyId("a"), FamilyId("b")
    matrix = SetupMatrix(MatrixId("m"), {(a, b): 5, (b, a): 5})
    long, short = step("long", ("l", 21), family=b), step("short", ("l", 20), family=b)
    orders = (order("o1", long, weight=9), order("o2", short), order("o3", step("pin", ("l", 10), family=a)))
    made = line("l", setups=matrix.id, initial_family=a)
    problem = SchedulingProblem((made,), orders, (matrix,), fixed=pinned("pin", "l", 30, 40))
    schedule = dispatch(problem)
    assert violations(problem, schedule) == ()
    assert schedule.placements[OperationId("short")].start == 5  # 5 + 20 + 5: up to the pin
    assert schedule.placements[OperationId("long")].start == 45


def test_before_closing_time_something_shorter_is_made() -> None:
    long, short = step("long", ("l", 60), running=Running.WHOLE), step("short", ("l", 30), running=Running.WHOLE)
    before = step("before", ("l", 50), running=Running.WHOLE)
    orders = (order("o0", before, weight=99), order("o1", long, weight=9), order("o2", short))
    schedule = dispatch(SchedulingProblem((line("l", (0, 100), (200, 300)),), orders))
    starts = {str(key): placement.start for key, placement in schedule.placements.items()}
    assert starts == {"before": 0, "short": 50, "long": 200}


def test_a_plant_from_which_nothing_goes_on_is_not_chosen() -> None:
    lines = (line("near", plant=PlantId("p")), line("far", plant=PlantId("q")), line("end", plant=PlantId("p")))
    steps = (step("cut", ("near", 50), ("far", 5)), step("pack", ("end", 5), after=("cut",)))
    there = Transport(PlantId("p"), PlantId("q"), 1)
    problem = SchedulingProblem(lines, (order("o", *steps),), transports=(there,))
    schedule = dispatch(problem)
    assert violations(problem, schedule) == ()
    assert schedule.placements[OperationId("cut")].line == "near"


def test_what_a_pin_needs_is_not_taken_before_it_and_what_comes_for_it_too_late_is_waited_for() -> None:
    material, needs = MaterialId("x"), (MaterialNeed(MaterialId("x"), 1),)
    orders = tuple(order(f"o {name}", step(name, ("l", 10), materials=needs)) for name in ("free", "pin"))
    stock = Material(material, 1, ((Second(100), 1),))
    problem = SchedulingProblem((line("l"),), orders, materials=(stock,), fixed=pinned("pin", "l", 50, 60))
    schedule = dispatch(problem)
    assert violations(problem, schedule) == ()
    assert schedule.placements[OperationId("free")].start == 100


def test_scarce_material_goes_to_the_order_that_is_urgent_not_to_the_one_that_was_released_first() -> None:
    needs = (MaterialNeed(MaterialId("x"), 1),)
    calm = order("calm", step("a", ("l", 10), materials=needs), due=5_000)
    urgent = order("urgent", step("b", ("k", 10), materials=needs), due=20, release=5)
    stock = Material(MaterialId("x"), 1, ((Second(1_000), 5),))
    busy = order("busy", step("c", ("l", 100), materials=()), due=0, weight=50)
    problem = SchedulingProblem((line("l"), line("k")), (calm, urgent, busy), materials=(stock,))
    schedule = dispatch(problem)
    assert violations(problem, schedule) == ()
    assert schedule.placements[OperationId("b")].start == 5


def test_a_faster_line_is_taken_and_for_an_early_end_of_all_the_longest_way_goes_first() -> None:
    lines = (line("slow"), line("fast"))
    fast = dispatch(SchedulingProblem(lines, (order("o", step("a", ("slow", 20), ("fast", 10))),)))
    assert fast.placements[OperationId("a")].line == "fast"
    short = [order(f"s{i}", step(f"s{i}", ("slow", 10))) for i in range(3)]
    long = order("long", step("first", ("slow", 11)), step("then", ("fast", 100), after=("first",)))
    problem = SchedulingProblem(lines, (*short, long))
    assert evaluate(problem, dispatch(problem, MAKESPAN_ONLY)).makespan == 111


@pytest.mark.parametrize(("windows", "duration"), [
    (((0, 10), (20, 30)), 25),  # longer than all working time
    (((0, 10),), 5),  # three of them are longer than it
])
def test_what_finds_no_room_is_named(windows: tuple[tuple[int, int], ...], duration: int) -> None:
    orders = tuple(order(f"o{i}", step(f"s{i}", ("l", duration))) for i in range(3))
    with pytest.raises(Unplaceable) as raised:
        dispatch(SchedulingProblem((line("l", *windows),), orders))
    assert raised.value.operation == f"s{raised.value.order[1]}"


def test_a_material_that_never_comes_is_a_refusal() -> None:
    needs = (MaterialNeed(MaterialId("x"), 1),)
    orders = (order("o", step("s", ("l", 1), materials=needs)),)
    with pytest.raises(Unplaceable, match="no room for s"):
        dispatch(SchedulingProblem((line("l"),), orders, materials=(Material(MaterialId("x"), 0),)))
