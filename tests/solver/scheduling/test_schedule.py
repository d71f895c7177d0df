"""How good a schedule is: every part of the objective by hand, and how parts are put together."""

from __future__ import annotations

from dataclasses import replace

import pytest

from solver.scheduling.problem import (
    FamilyId,
    InvalidProblem,
    Line,
    LineId,
    MatrixId,
    Mode,
    Operation,
    OperationId,
    Placement,
    PlantId,
    SchedulingProblem,
    Second,
    SetupMatrix,
    Window,
    WorkOrder,
    WorkOrderId,
)
from solver.scheduling.schedule import (
    MAKESPAN_ONLY,
    PROMISES_FIRST,
    TARDINESS_ONLY,
    Objective,
    Part,
    Schedule,
    evaluate,
)

RED, BLUE = FamilyId("red"), FamilyId("blue")
LINE, OVEN = LineId("line"), LineId("oven")
ALL_DAY = (Window(Second(0), Second(1000)),)


def step(name: str, line: LineId, family: FamilyId) -> Operation:
    return Operation(OperationId(name), (Mode(line, 10),), family=family)


SHOP = SchedulingProblem(
    (
        Line(LINE, PlantId("p"), ALL_DAY, MatrixId("m"), RED),
        Line(OVEN, PlantId("p"), ALL_DAY, MatrixId("m"), BLUE, batch=5),
    ),
    (
        WorkOrder(
            WorkOrderId("a"), (step("a1", LINE, RED), step("a2", OVEN, RED)), Second(0), Second(50), Second(60), 3
        ),
        WorkOrder(
            WorkOrderId("b"), (step("b1", LINE, BLUE), step("b2", OVEN, RED)), Second(0), Second(90), Second(200)
        ),
        WorkOrder(WorkOrderId("c"), (step("c1", OVEN, BLUE),), Second(0), Second(500), weight=2),
    ),
    (SetupMatrix(MatrixId("m"), {(RED, BLUE): 7, (BLUE, RED): 5, (RED, RED): 1}),),
)


def schedule(**starts: tuple[LineId, int]) -> Schedule:
    return Schedule.of(
        Placement(OperationId(key), line, Second(start), Second(start + 10)) for key, (line, start) in starts.items()
    )


GOOD = schedule(a1=(LINE, 10), b1=(LINE, 40), a2=(OVEN, 70), b2=(OVEN, 70), c1=(OVEN, 100))


def test_every_part_is_what_it_says() -> None:
    found = evaluate(SHOP, GOOD, GOOD)
    assert found.completion == {"a": 80, "b": 80, "c": 110}
    assert found.broken_promises == (("a", 20),)
    assert {part: found.part(part) for part in Part} == {
        Part.BROKEN: 1,
        Part.OVER: 3 * 20,
        Part.TARDINESS: 3 * 30,
        Part.MAKESPAN: 110,
        Part.SETUP: (1 + 7) + (5 + 7),  # line: red, red, blue; oven: blue, red (two at once: one setup), blue
        Part.MOVED: 0,
        Part.FLOW: 70 + 40 + 10,
    }
    assert found.key == (1, 20, 90, 20, 110)


def test_without_a_batch_the_same_family_twice_is_two_setups() -> None:
    one_by_one = schedule(a1=(LINE, 10), b1=(LINE, 40), a2=(OVEN, 70), b2=(OVEN, 81), c1=(OVEN, 100))
    assert evaluate(SHOP, one_by_one).setup_seconds == evaluate(SHOP, GOOD).setup_seconds + 1


@pytest.mark.parametrize(
    ("now", "moved"),
    [
        ({"a1": (LINE, 11)}, 1),  # another time
        ({"a2": (LINE, 70)}, 1),  # another line
        ({"c1": None}, 1),  # no longer made: another route is taken
        ({"c1": None, "a1": (LINE, 0), "b1": (LINE, 41)}, 3),
        ({}, 0),
    ],
)
def test_what_stands_otherwise_than_in_the_reference_has_moved(
    now: dict[str, tuple[LineId, int] | None], moved: int
) -> None:
    good: dict[str, tuple[LineId, int] | None] = {key: (p.line, p.start) for key, p in GOOD.placements.items()}
    found = schedule(**{key: where for key, where in (good | now).items() if where is not None})
    assert evaluate(SHOP, found, GOOD).moved == moved
    assert evaluate(SHOP, found).moved == 0


def test_what_is_new_has_not_moved() -> None:
    before = Schedule({key: where for key, where in GOOD.placements.items() if key != "c1"})
    assert evaluate(SHOP, GOOD, before).moved == 0


def test_an_order_without_placements_does_not_count() -> None:
    only_c = Schedule({OperationId("c1"): GOOD.placements[OperationId("c1")]})
    found = evaluate(SHOP, only_c)
    assert (found.completion, found.flow, found.key) == ({"c": 110}, 10, (0, 0, 0, 0, 110))


def test_an_objective_compares_its_first_parts_first_and_then_sums() -> None:
    found = evaluate(SHOP, GOOD)
    assert PROMISES_FIRST.value(found) == (1, 60, 100 * 90 + 10 * 20 + 110)
    assert MAKESPAN_ONLY.value(found) == (110,)
    assert TARDINESS_ONLY.value(found) == (90,)
    flow = Objective({Part.FLOW: 2, Part.SETUP: 1, Part.MAKESPAN: 0}, (Part.MAKESPAN,))
    assert flow.value(found) == (110, 2 * 120 + 20)
    assert flow.parts == (Part.MAKESPAN, Part.SETUP, Part.FLOW)
    late = replace(found, broken_promises=())
    assert PROMISES_FIRST.value(late) < PROMISES_FIRST.value(found)


@pytest.mark.parametrize(
    ("weights", "first", "words"),
    [
        ({}, (), "no part"),
        ({Part.FLOW: 0}, (), "no part"),
        ({Part.FLOW: -1}, (), "negative"),
        ({Part.FLOW: 1}, (Part.SETUP, Part.SETUP), "twice"),
        ({Part.MOVED: 1}, (), "reference"),
        ({Part.FLOW: 1}, (Part.MOVED,), "reference"),
    ],
)
def test_an_objective_that_says_nothing_is_refused(
    weights: dict[Part, int], first: tuple[Part, ...], words: str
) -> None:
    with pytest.raises(InvalidProblem, match=words):
        Objective(weights, first)
