"""The chain of an order: its seconds sum to its way, and the judge agrees with every reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from random import Random
from typing import Any

import pytest

from solver.cp import Limits
from solver.scheduling.calendar import Calendar
from solver.scheduling.check import FACTS, Rule, violations
from solver.scheduling.exact import solve
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
    Resource,
    ResourceId,
    ResourceNeed,
    SchedulingProblem,
    Second,
    SetupMatrix,
    Transport,
    Window,
    WorkOrder,
    WorkOrderId,
)
from solver.scheduling.schedule import Objective, Part, Schedule
from solver.scheduling.why import Chain, Link, Reason, chain
from tests.solver.scheduling.shops import random_problem

# What the judge has to say when an operation is put at a second that has this reason.
RULES = {
    Reason.MATERIAL: {Rule.MATERIAL},
    Reason.RESOURCE: {Rule.RESOURCE},
    Reason.SEQUENCE: {Rule.SEQUENCE},
    Reason.MAXIMUM_WAIT: {Rule.WAIT},
    Reason.LINE: {Rule.OVERLAP, Rule.BATCH, Rule.SETUP},
    Reason.SETUP: {Rule.SETUP},
    Reason.WAIT: {Rule.PRECEDENCE},
    Reason.TRANSPORT: {Rule.TRANSPORT, Rule.RELEASE},  # the latter: it comes from outside of the problem
    Reason.CLOSED: {Rule.CALENDAR},
}
RARE = {Reason.BATCH, Reason.SEQUENCE, Reason.MAXIMUM_WAIT, Reason.RESOURCE}  # there is a test by hand
WANTED = Objective({Part.FLOW: 1, Part.TARDINESS: 2})


def schedules(seed: int) -> tuple[SchedulingProblem, Schedule] | None:
    """A random shop with everything and a schedule that a short search leaves imperfect."""
    problem = random_problem(seed, 2 + seed % 5)
    found = solve(problem, WANTED, Limits(seconds=20, effort=0.02, seed=seed)).schedule
    return (problem, found) if found is not None else None


def moved(problem: SchedulingProblem, schedule: Schedule, key: OperationId, start: int) -> tuple[bool, set[Rule]]:
    """Whether the line's hours allow the start, and the rules that are broken with the operation there."""
    operation = next(o for order in problem.orders for o in order.operations if o.id == key)
    place = schedule.placements[key]
    line = next(line for line in problem.lines if line.id == place.line)
    calendar, duration = Calendar(line), next(m.duration for m in operation.modes if m.line == line.id)
    legal = bool(calendar.starts(start, start, operation.running, duration))
    end = calendar.finish(start, operation.running, duration) if legal else start + duration
    if line.batch:  # it goes with the batch that starts then
        end = next((p.end for p in schedule.placements.values() if (p.line, p.start) == (line.id, start)), end)
    there = Placement(key, line.id, Second(start), Second(end))
    fixed = {other: fixing for other, fixing in problem.fixed.items() if other != key}
    loose = replace(problem, fixed=fixed)
    return legal, {v.kind for v in violations(loose, Schedule({**schedule.placements, key: there}))}


@pytest.mark.parametrize("block", range(4))
def test_every_second_has_one_reason_and_the_judge_agrees(block: int) -> None:
    seen: Counter[Reason] = Counter()
    for seed in range(20 * block, 20 * block + 20):
        found = schedules(seed)
        if found is None:
            continue
        problem, schedule = found
        assert violations(problem, schedule) == ()
        for order in problem.orders:
            whole = chain(problem, schedule, order.id)
            placed = [schedule.placements[o.id] for o in order.operations if o.id in schedule.placements]
            assert whole.completion == max(p.end for p in placed)
            assert whole.start == min(order.release, *(schedule.placements[x.operation].start for x in whole.links))
            assert sum(link.seconds for link in whole.links) == whole.completion - whole.start
            assert all(a.end == b.start for a, b in zip(whole.links, whole.links[1:], strict=False))
            assert all(link.seconds > 0 for link in whole.links)
            for link in whole.links:
                seen[link.reason] += 1
                _judge(problem, schedule, whole, link, Random(seed))
    assert set(Reason) - set(seen) <= RARE, "too plain"


def _judge(problem: SchedulingProblem, schedule: Schedule, whole: Chain, link: Link, random: Random) -> None:
    place = schedule.placements[link.operation]
    if link.operation in problem.fixed and problem.fixed[link.operation][0] in FACTS:
        assert link.reason in (Reason.WORK, Reason.PAUSED, Reason.PAST, Reason.WAIT, Reason.TRANSPORT)
        return
    if link.reason in (Reason.WORK, Reason.PAUSED):
        assert place.start <= link.start and link.end <= place.end
        return
    if link.start >= place.start or link.reason is Reason.PAST:
        assert link.reason is Reason.BATCH or link.end <= problem.now
        return
    for at in {link.start, link.end - 1, random.randrange(link.start, link.end)}:
        legal, broken = moved(problem, schedule, link.operation, at)
        if link.reason in (Reason.FREE, Reason.PIN):
            if at == link.start or not any(line.batch and line.id == place.line for line in problem.lines):
                assert not broken, (link, at, broken)
        elif link.reason is not Reason.BATCH:
            assert broken, (link, at)
            if legal or link.reason is Reason.CLOSED:
                assert broken & RULES[link.reason], (link, at, broken)


# --- by hand --------------------------------------------------------------------------------------------------------

HOUR = 3600


def hours(*spans: tuple[float, float]) -> tuple[Window, ...]:
    """Windows in hours."""
    return tuple(Window(Second(int(a * HOUR)), Second(int(b * HOUR))) for a, b in spans)


def step(name: str, line: str, length: float, **facts: Any) -> Operation:
    """An operation on one line, some hours long."""
    needs = facts.pop("needs", ())
    return Operation(OperationId(name), (Mode(LineId(line), int(length * HOUR), needs),), **facts)


def order(name: str, *steps: Operation, due: float = 100, release: float = 0) -> WorkOrder:
    return WorkOrder(WorkOrderId(name), steps, Second(int(release * HOUR)), Second(int(due * HOUR)))


def told(
    problem: SchedulingProblem, places: Mapping[str, tuple[float, float]], name: str = "a"
) -> list[tuple[str, ...]]:
    """The chain in words and hours, from a schedule in hours that the judge has nothing against."""
    lines = {o.id: o.modes[0].line for order in problem.orders for o in order.operations}
    schedule = Schedule.of(
        Placement(OperationId(key), lines[OperationId(key)], Second(int(start * HOUR)), Second(int(end * HOUR)))
        for key, (start, end) in places.items()
    )
    assert violations(problem, schedule) == ()
    links = chain(problem, schedule, WorkOrderId(name)).links
    return [
        (link.reason.value, f"{link.start / HOUR:g}-{link.end / HOUR:g}", link.operation, *link.others,
         *filter(None, (link.material, link.resource)))
        for link in links
    ]  # fmt: skip


PLAIN = Line(LineId("l"), PlantId("p"), hours((0, 200)))
DAYS = Line(LineId("l"), PlantId("p"), hours((8, 12), (32, 36), (56, 60)))
COLOURS = SetupMatrix(MatrixId("m"), {(FamilyId("red"), FamilyId("blue")): HOUR})


def test_another_order_and_the_setup_after_it() -> None:
    line = replace(PLAIN, setups=COLOURS.id)
    problem = SchedulingProblem(
        (line,), (order("a", step("a1", "l", 2, family=FamilyId("blue")), release=1),
                  order("b", step("b1", "l", 3, family=FamilyId("red")))), (COLOURS,),
    )  # fmt: skip
    assert told(problem, {"b1": (0, 3), "a1": (4, 6)}) == [
        ("line", "1-3", "a1", "b1"), ("setup", "3-4", "a1", "b1"), ("work", "4-6", "a1"),
    ]  # fmt: skip


def test_a_gap_that_is_too_short_counts_for_the_order_behind_it() -> None:
    problem = SchedulingProblem((PLAIN,), (order("a", step("a1", "l", 2)), order("b", step("b1", "l", 3))))
    assert told(problem, {"b1": (1, 4), "a1": (4, 6)}) == [("line", "0-4", "a1", "b1"), ("work", "4-6", "a1")]
    assert told(problem, {"b1": (3, 6), "a1": (6, 8)}) == [
        ("free", "0-1.00028", "a1"), ("line", "1.00028-6", "a1", "b1"), ("work", "6-8", "a1"),
    ]  # fmt: skip


def test_nights_are_told_apart_from_other_orders_and_from_work() -> None:
    problem = SchedulingProblem((DAYS,), (order("a", step("a1", "l", 3), release=10), order("b", step("b1", "l", 3))))
    assert told(problem, {"b1": (9, 12), "a1": (32, 35)}) == [
        ("line", "10-12", "a1", "b1"), ("closed", "12-32", "a1"), ("work", "32-35", "a1"),
    ]  # fmt: skip
    assert told(problem, {"b1": (11, 34), "a1": (34, 57)}) == [
        ("line", "10-12", "a1", "b1"), ("closed", "12-32", "a1"), ("line", "32-34", "a1", "b1"),
        ("work", "34-36", "a1"), ("paused", "36-56", "a1"), ("work", "56-57", "a1"),
    ]  # fmt: skip


def test_the_longest_branch_with_its_curing_its_lorry_and_the_material_after_it() -> None:
    far = replace(PLAIN, id=LineId("far"), plant=PlantId("q"))
    lorry = Transport(PlantId("p"), PlantId("q"), HOUR, (Second(5 * HOUR), Second(9 * HOUR)))
    parts = Material(MaterialId("parts"), 0, ((Second(12 * HOUR), 1),))
    branches = (Precedence(OperationId("a1")), Precedence(OperationId("a2"), 2 * HOUR))
    last = step("a3", "far", 1, predecessors=branches, materials=(MaterialNeed(parts.id, 1),))
    slow = replace(PLAIN, id=LineId("slow"))
    problem = SchedulingProblem(
        (PLAIN, slow, far), (order("a", step("a1", "l", 1), step("a2", "slow", 4), last),), materials=(parts,),
        transports=(lorry,),
    )  # fmt: skip
    assert told(problem, {"a1": (0, 1), "a2": (0, 4), "a3": (12, 13)}) == [
        ("work", "0-4", "a2"), ("wait", "4-6", "a3", "a2"), ("transport", "6-10", "a3", "a2"),
        ("material", "10-12", "a3", "parts"), ("work", "12-13", "a3"),
    ]  # fmt: skip


def test_material_that_others_take_and_that_comes_again() -> None:
    parts = Material(MaterialId("parts"), 1, ((Second(5 * HOUR), 1),))
    other = replace(PLAIN, id=LineId("k"))
    take = (MaterialNeed(parts.id, 1),)
    problem = SchedulingProblem(
        (PLAIN, other),
        (order("a", step("a1", "l", 1, materials=take)), order("b", step("b1", "k", 1, materials=take))),
        materials=(parts,),
    )  # fmt: skip
    assert told(problem, {"b1": (2, 3), "a1": (5, 6)})[0] == ("material", "0-5", "a1", "parts")


def test_a_tool_that_another_line_holds() -> None:
    tool = Resource(ResourceId("tool"), 1)
    other = replace(PLAIN, id=LineId("k"))
    need = (ResourceNeed(tool.id),)
    problem = SchedulingProblem(
        (PLAIN, other),
        (order("a", step("a1", "l", 1, needs=need)), order("b", step("b1", "k", 3, needs=need))),
        resources=(tool,),
    )  # fmt: skip
    assert told(problem, {"b1": (0, 3), "a1": (3, 4)})[0] == ("resource", "0-3", "a1", "b1", "tool")


def test_the_oven_waits_for_its_batch_and_runs_for_the_longest() -> None:
    oven = replace(PLAIN, batch=2)
    warm = {"family": FamilyId("hot")}
    problem = SchedulingProblem(
        (oven,), (order("a", step("a1", "l", 2, **warm)), order("b", step("b1", "l", 4, **warm), release=3))
    )
    assert told(problem, {"a1": (3, 7), "b1": (3, 7)}) == [
        ("batch", "0-3", "a1", "b1"), ("work", "3-5", "a1"), ("batch", "5-7", "a1", "b1"),
    ]  # fmt: skip


@pytest.mark.parametrize(("most", "first"), [
    (None, [("sequence", "0-3.00028", "a1", "b1"), ("line", "3.00028-6", "a1", "b1"), ("free", "6-7", "a1")]),
    (0, [("maximum_wait", "0-7", "a1", "a2")]),  # and a2 cannot start before b2 is done
])  # fmt: skip
def test_no_overtaking_and_what_must_follow_at_once(
    most: int | None, first: list[tuple[str, ...]]
) -> None:
    other = replace(PLAIN, id=LineId("k"))
    then = (Precedence(OperationId("b1")),)
    problem = SchedulingProblem(
        (PLAIN, other),
        (
            order("a", step("a1", "l", 1), step("a2", "k", 1, predecessors=(Precedence(OperationId("a1"), 0, most),))),
            order("b", step("b1", "l", 2), step("b2", "k", 2, predecessors=then), release=4),
        ),
        same_sequence=((PLAIN.id, other.id),),
    )
    found = told(problem, {"b1": (4, 6), "a1": (7, 8), "b2": (6, 8), "a2": (8, 9)})
    assert found == [*first, ("work", "7-8", "a1"), ("work", "8-9", "a2")]


def test_a_pin_what_is_past_and_lateness() -> None:
    a = order("a", step("a1", "l", 1), step("a2", "l", 1, predecessors=(Precedence(OperationId("a1")),)), due=7)
    pin = Placement(OperationId("a2"), PLAIN.id, Second(8 * HOUR), Second(9 * HOUR))
    problem = SchedulingProblem(
        (PLAIN,), (replace(a, promise=Second(8 * HOUR)),), fixed={pin.operation: (Fixing.PINNED, pin)},
        now=Second(2 * HOUR),
    )  # fmt: skip
    assert told(problem, {"a1": (3, 4), "a2": (8, 9)}) == [
        ("past", "0-2", "a1"), ("free", "2-3", "a1"), ("work", "3-4", "a1"), ("pin", "4-8", "a2"),
        ("work", "8-9", "a2"),
    ]  # fmt: skip
    schedule = Schedule.of((pin, Placement(OperationId("a1"), PLAIN.id, Second(3 * HOUR), Second(4 * HOUR))))
    whole = chain(problem, schedule, a.id)
    assert (whole.tardiness, whole.over) == (2 * HOUR, HOUR)
    assert whole.seconds(Reason.PIN) == 4 * HOUR
    assert whole.seconds(Reason.PIN, after=a.due) == HOUR
    with pytest.raises(KeyError):
        chain(problem, schedule, WorkOrderId("b"))


def test_what_arrives_from_elsewhere_is_named_and_nothing_counts_twice() -> None:
    joins = step("a2", "l", 1, predecessors=(Precedence(OperationId("a1")),), release=Second(6 * HOUR))
    problem = SchedulingProblem((PLAIN,), (order("a", step("a1", "l", 2), joins),))
    assert told(problem, {"a1": (0, 2), "a2": (7, 8)}) == [
        ("work", "0-2", "a1"),
        ("transport", "2-6", "a2"),
        ("free", "6-7", "a2"),
        ("work", "7-8", "a2"),
    ]
