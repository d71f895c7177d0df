"""The judge: every rule with a schedule that it accepts and one that it refuses."""

from __future__ import annotations

from dataclasses import replace

import pytest

from solver.scheduling.check import Rule, violations
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
    SchedulingProblem,
    Second,
    SetupMatrix,
    Window,
    WorkOrder,
    WorkOrderId,
)
from solver.scheduling.schedule import Schedule, evaluate

RED, BLUE = FamilyId("red"), FamilyId("blue")
PAINT, PACK, CUT = LineId("paint"), LineId("pack"), LineId("cut")

# paint works [0, 100) and [200, 400) (two windows that touch), takes 10 s from red to blue and starts red.
SHOP = SchedulingProblem(
    lines=(
        Line(
            PAINT,
            PlantId("p"),
            (Window(Second(0), Second(100)), Window(Second(200), Second(300)), Window(Second(300), Second(400))),
            MatrixId("m"),
            RED,
        ),
        Line(PACK, PlantId("p"), (Window(Second(0), Second(1000)),)),
        Line(CUT, PlantId("p"), (Window(Second(0), Second(1000)),)),
    ),
    orders=(
        WorkOrder(
            WorkOrderId("a"),
            (
                Operation(OperationId("a/coat"), (Mode(PAINT, 50),), (), RED, interruptible=False),
                Operation(
                    OperationId("a/pack"),
                    (Mode(PACK, 20),),
                    (Precedence(OperationId("a/coat"), 30),),
                    materials=(MaterialNeed(MaterialId("box"), 1),),
                ),
            ),
            release=Second(5),
            due=Second(100),
            promise=Second(150),
        ),
        WorkOrder(
            WorkOrderId("b"),
            (
                Operation(OperationId("b/coat"), (Mode(PAINT, 40),), (), BLUE),
                Operation(
                    OperationId("b/pack"),
                    (Mode(PACK, 20), Mode(CUT, 30)),
                    (Precedence(OperationId("b/coat")),),
                    materials=(MaterialNeed(MaterialId("box"), 1),),
                ),
            ),
            release=Second(0),
            due=Second(300),
            weight=2,
        ),
    ),
    setups=(SetupMatrix(MatrixId("m"), {(RED, BLUE): 10, (BLUE, RED): 25}),),
    materials=(Material(MaterialId("box"), 1, ((Second(220), 1),)),),
    now=Second(5),
)


def placed(*, shop: SchedulingProblem = SHOP, **where: tuple[str, int, int]) -> set[tuple[Rule, str]]:
    """What the judge says when operations stand elsewhere than in the good schedule."""
    good = {
        "a_coat": ("paint", 10, 60),
        "a_pack": ("pack", 90, 110),
        "b_coat": ("paint", 70, 210),  # 30 s until the line closes at 100, 10 s after it opens at 200
        "b_pack": ("pack", 220, 240),
    } | where
    schedule = Schedule.of(
        Placement(OperationId(key.replace("_", "/")), LineId(line), Second(start), Second(end))
        for key, (line, start, end) in good.items()
        if line
    )
    return {(v.kind, v.subject) for v in violations(shop, schedule)}


def test_a_good_schedule_is_accepted() -> None:
    assert placed() == set()


@pytest.mark.parametrize(
    ("where", "found"),
    [
        # The first setup of the line is from its initial family; red needs none.
        ({"a_coat": ("paint", 5, 55)}, set()),
        ({"a_coat": ("paint", 4, 54)}, {(Rule.RELEASE, "a/coat"), (Rule.NOW, "a/coat")}),
        ({"a_coat": ("", 0, 0)}, {(Rule.MISSING, "a/coat")}),
        ({"a_pack": ("cut", 90, 110)}, {(Rule.UNKNOWN, "a/pack")}),
        ({"b_pack": ("cut", 220, 250)}, set()),  # its other mode takes 30 s
        ({"b_pack": ("cut", 220, 240)}, {(Rule.CALENDAR, "b/pack")}),
        # 10 s of curing less than 30
        ({"a_pack": ("pack", 89, 109)}, {(Rule.PRECEDENCE, "a/pack")}),
        ({"b_pack": ("pack", 220, 241)}, {(Rule.CALENDAR, "b/pack")}),
        # Setup: 9 s of working time between red and blue are too few.
        ({"a_coat": ("paint", 11, 61), "a_pack": ("pack", 91, 111)}, {(Rule.SETUP, "b/coat")}),
        ({"b_coat": ("paint", 55, 95)}, {(Rule.OVERLAP, "b/coat"), (Rule.SETUP, "b/coat")}),
        # Only working time counts: 5 s before the line closes at 100 and 5 s after it opens.
        ({"a_coat": ("paint", 45, 95), "a_pack": ("pack", 125, 145), "b_coat": ("paint", 205, 245),
          "b_pack": ("pack", 245, 265)}, set()),
        ({"a_coat": ("paint", 45, 95), "a_pack": ("pack", 125, 145), "b_coat": ("paint", 204, 244),
          "b_pack": ("pack", 245, 265)}, {(Rule.SETUP, "b/coat")}),
        # a/coat may not pause: it cannot run over 100, but it can over 300, where two windows touch.
        ({"a_coat": ("paint", 75, 225), "b_coat": ("paint", 15, 55), "a_pack": ("pack", 260, 280)},
         {(Rule.CALENDAR, "a/coat"), (Rule.SETUP, "a/coat")}),
        ({"a_coat": ("paint", 280, 330), "a_pack": ("pack", 360, 380)}, set()),
        ({"a_coat": ("paint", 130, 230), "a_pack": ("pack", 360, 380)},
         {(Rule.CALENDAR, "a/coat"), (Rule.SETUP, "a/coat"), (Rule.OVERLAP, "a/coat")}),
        # An end that names the next opening instead of the closing is another instant.
        ({"a_coat": ("paint", 50, 200), "a_pack": ("pack", 230, 250), "b_coat": ("paint", 210, 250),
          "b_pack": ("pack", 250, 270)}, {(Rule.CALENDAR, "a/coat")}),
        # The second box comes at 220.
        ({"b_pack": ("pack", 219, 239)}, {(Rule.MATERIAL, "box")}),
        ({"a_pack": ("pack", 300, 320)}, set()),
        ({"a_pack": ("pack", 211, 231), "b_pack": ("cut", 212, 242)}, {(Rule.MATERIAL, "box")}),
    ],
)  # fmt: skip
def test_every_rule_refuses_what_breaks_it(
    where: dict[str, tuple[str, int, int]], found: set[tuple[Rule, str]]
) -> None:
    assert placed(**where) == found


def test_the_initial_family_asks_for_its_setup() -> None:
    blue_first = replace(SHOP, lines=(replace(SHOP.lines[0], initial_family=BLUE), *SHOP.lines[1:]))
    assert placed(shop=blue_first) == {(Rule.SETUP, "a/coat")}  # 25 s from blue to red, it starts at 10
    assert placed(shop=blue_first, a_coat=("paint", 25, 75), b_coat=("paint", 85, 225), a_pack=("pack", 105, 125),
                  b_pack=("pack", 225, 245)) == set()  # fmt: skip


def test_what_is_fixed_may_not_stand_elsewhere() -> None:
    pin = Placement(OperationId("a/coat"), PAINT, Second(10), Second(60))
    pinned = replace(SHOP, fixed={pin.operation: (Fixing.PINNED, pin)})
    assert placed(shop=pinned) == set()
    assert placed(shop=pinned, a_coat=("paint", 9, 59)) == {(Rule.FIXED, "a/coat")}


def test_an_impossible_pin_is_named() -> None:
    pin = Placement(OperationId("a/coat"), PAINT, Second(80), Second(230))
    pinned = replace(SHOP, fixed={pin.operation: (Fixing.PINNED, pin)})
    assert (Rule.CALENDAR, "a/coat") in placed(shop=pinned, a_coat=("paint", 80, 230))


def test_facts_are_not_judged_but_what_is_open_is_judged_against_them() -> None:
    # It began before now and its release, took longer than planned and ran while the line was closed.
    fact = Placement(OperationId("a/coat"), PAINT, Second(1), Second(130))
    started = replace(SHOP, fixed={fact.operation: (Fixing.STARTED, fact)})
    late = {"a_pack": ("pack", 160, 180), "b_coat": ("paint", 210, 250), "b_pack": ("pack", 250, 270)}
    assert placed(shop=started, a_coat=("paint", 1, 130), **late) == set()
    assert placed(shop=started, a_coat=("paint", 1, 130)) == {
        (Rule.OVERLAP, "b/coat"),
        (Rule.SETUP, "b/coat"),
        (Rule.PRECEDENCE, "a/pack"),
    }


def test_the_evaluation_counts_what_the_buyer_and_the_planner_count() -> None:
    schedule = Schedule.of(
        [
            Placement(OperationId("a/coat"), PAINT, Second(280), Second(330)),
            Placement(OperationId("a/pack"), PACK, Second(360), Second(380)),
            Placement(OperationId("b/coat"), PAINT, Second(70), Second(210)),
            Placement(OperationId("b/pack"), PACK, Second(290), Second(310)),
        ]
    )
    found = evaluate(SHOP, schedule)
    assert found.completion == {"a": 380, "b": 310}
    assert found.tardiness == (380 - 100) + 2 * (310 - 300)
    assert found.broken_promises == (("a", 230),)
    assert found.setup_seconds == 10 + 25  # red at first, then blue, then red
    assert found.makespan == 380
    assert found.key == (1, 230, 300, 35, 380)
