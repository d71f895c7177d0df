"""Each remedy is what it says: enough or not, the least of its kind, judged, and honest about the others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from solver.cp import Limits
from solver.scheduling.check import violations
from solver.scheduling.dispatch import dispatch
from solver.scheduling.exact import solve
from solver.scheduling.problem import (
    Fixing,
    Line,
    LineId,
    Material,
    MaterialId,
    MaterialNeed,
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
from solver.scheduling.remedies import Alternative, Delivery, InTime, Kind, Progress, Rates, Remedy, remedies, wanted_by
from solver.scheduling.schedule import Objective, Part, Schedule, evaluate
from solver.scheduling.why import chain
from tests.solver.scheduling.shops import bicycle_orders, bicycle_problem, random_problem

HOUR, DAY = 3600, 86_400
SHIFTS = Line(
    LineId("l"),
    PlantId("p"),
    tuple(Window(Second(day * DAY + 8 * HOUR), Second(day * DAY + 16 * HOUR)) for day in range(9)),
)
ALWAYS = Line(LineId("l"), PlantId("p"), (Window(Second(0), Second(90 * HOUR)),))


def order(name: str, hours: float, due: float, promise: float | None = None, line: str = "l") -> WorkOrder:
    """One operation on one line."""
    operation = Operation(OperationId(f"{name}/1"), (Mode(LineId(line), int(hours * HOUR)),))
    told = None if promise is None else Second(int(promise * HOUR))
    return WorkOrder(WorkOrderId(name), (operation,), Second(0), Second(int(due * HOUR)), told)


def standing(**hours: tuple[float, float]) -> Schedule:
    """Each order's one operation on the line."""
    return Schedule.of(
        Placement(OperationId(f"{name}/1"), LineId("l"), Second(int(start * HOUR)), Second(int(end * HOUR)))
        for name, (start, end) in hours.items()
    )


def helped(problem: SchedulingProblem, schedule: Schedule, **more: object) -> Mapping[Kind, Remedy]:
    """The remedies of order a by kind, each checked against what it says."""
    assert violations(problem, schedule) == ()
    found = remedies(problem, schedule, WorkOrderId("a"), seconds=5, **more)  # type: ignore[arg-type]
    for remedy in found:
        assert violations(remedy.problem, remedy.schedule) == ()
    assert len({remedy.action.kind for remedy in found}) == len(found)
    return {remedy.action.kind: remedy for remedy in found}


def test_an_order_that_nobody_needs_yet_makes_way() -> None:
    problem = SchedulingProblem((ALWAYS,), (order("a", 2, due=3), order("b", 4, due=20)))
    found = helped(problem, standing(b=(0, 4), a=(4, 6)))
    assert set(found) == {Kind.MOVE}
    move = found[Kind.MOVE]
    assert move.enough
    assert (move.broken, move.gained) == ((), 6 * HOUR - move.completion)
    assert move.later == ((WorkOrderId("b"), move.schedule.placements[OperationId("b/1")].end - 4 * HOUR),)
    assert move.cost == Rates().moved  # one operation of another order, which stays in time


def test_a_promise_in_the_way_is_given_up_only_by_name() -> None:
    problem = SchedulingProblem((ALWAYS,), (order("a", 2, due=3, promise=4), order("b", 4, due=4, promise=4)))
    found = helped(problem, standing(b=(0, 4), a=(4, 6)))
    assert set(found) == {Kind.PRECEDENCE}
    assert found[Kind.PRECEDENCE].action.orders == ("b",)
    assert found[Kind.PRECEDENCE].broken == ("b",)
    assert found[Kind.PRECEDENCE].enough
    assert found[Kind.PRECEDENCE].cost >= Rates().promise


@pytest.mark.parametrize(("length", "hours"), [(9, 1), (9.5, 2), (11, 4), (14, 8)])
def test_the_least_overtime_that_is_enough(length: float, hours: int) -> None:
    """It begins at 8; the shift ends at 16, the next one begins 16 hours later."""
    problem = SchedulingProblem((SHIFTS,), (order("a", length, due=31),))
    found = helped(problem, standing(a=(8, 32 + length - 8)))
    assert set(found) == {Kind.OVERTIME}
    overtime = found[Kind.OVERTIME]
    assert overtime.action.overtime == ((LineId("l"), Window(Second(16 * HOUR), Second((16 + hours) * HOUR))),)
    assert (overtime.enough, overtime.completion) == (True, (8 + length) * HOUR)
    assert overtime.cost == hours * Rates().overtime


def test_what_is_not_enough_says_what_it_gains() -> None:
    problem = SchedulingProblem((SHIFTS,), (order("a", 15, due=16),))
    overtime = helped(problem, standing(a=(8, 39)))[Kind.OVERTIME]
    assert (overtime.enough, overtime.gained) == (False, 16 * HOUR)


def test_overtime_lets_those_before_it_finish_too() -> None:
    """Both promises are near: only more hours help, and the other order moves into them."""
    problem = SchedulingProblem((SHIFTS,), (order("a", 3, due=20, promise=20), order("b", 7, due=16, promise=16)))
    overtime = helped(problem, standing(b=(8, 15), a=(15, 34)))[Kind.OVERTIME]
    assert overtime.enough
    assert overtime.broken == ()
    assert overtime.action.overtime == ((LineId("l"), Window(Second(16 * HOUR), Second(18 * HOUR))),)


def test_the_line_after_it_has_to_be_open_too() -> None:
    second = replace(SHIFTS, id=LineId("k"))
    assemble = order("a", 9, due=20).operations[0]
    pack = Operation(OperationId("a/2"), (Mode(LineId("k"), HOUR),), (Precedence(assemble.id),))
    problem = SchedulingProblem((SHIFTS, second), (replace(order("a", 9, due=20), operations=(assemble, pack)),))
    at = Placement(pack.id, LineId("k"), Second(33 * HOUR), Second(34 * HOUR))
    overtime = helped(problem, Schedule({**standing(a=(8, 33)).placements, pack.id: at}))[Kind.OVERTIME]
    assert overtime.enough
    assert {line: window.end for line, window in overtime.action.overtime} == {"l": 17 * HOUR, "k": 18 * HOUR}
    assert overtime.cost == 3 * Rates().overtime


def test_nobody_is_asked_to_stay_for_nothing() -> None:
    """The last line is open at night: of the two that bind only one needs more hours, and not all of them."""
    second = replace(ALWAYS, id=LineId("k"))
    assemble = order("a", 9, due=20).operations[0]
    pack = Operation(OperationId("a/2"), (Mode(LineId("k"), HOUR),), (Precedence(assemble.id),))
    third = order("c", 30, due=90, line="k")
    problem = SchedulingProblem(
        (SHIFTS, second), (replace(order("a", 9, due=16), operations=(assemble, pack)), third)
    )  # fmt: skip
    places = standing(a=(8, 33)).placements
    at = Placement(pack.id, LineId("k"), Second(33 * HOUR), Second(34 * HOUR))
    busy = Placement(OperationId("c/1"), LineId("k"), Second(40 * HOUR), Second(70 * HOUR))
    overtime = helped(problem, Schedule({**places, pack.id: at, busy.operation: busy}))[Kind.OVERTIME]
    assert not overtime.enough
    assert overtime.action.overtime == ((LineId("l"), Window(Second(16 * HOUR), Second(17 * HOUR))),)
    assert (overtime.completion, overtime.moved) == (18 * HOUR, ("a/2",))


def test_a_delivery_comes_no_earlier_than_it_has_to() -> None:
    parts = Material(MaterialId("parts"), 0, ((Second(16 * HOUR), 9),))
    a = order("a", 1, due=9)
    a = replace(a, operations=(replace(a.operations[0], materials=(MaterialNeed(parts.id, 1),)),))
    found = helped(SchedulingProblem((ALWAYS,), (a,), materials=(parts,)), standing(a=(16, 17)))
    assert set(found) == {Kind.EXPEDITE}
    expedite = found[Kind.EXPEDITE]
    assert expedite.action.deliveries == (Delivery(parts.id, 1, Second(16 * HOUR), Second(8 * HOUR)),)
    assert expedite.cost == Rates().expedite / 3


def test_a_pin_of_its_own_or_of_another_order() -> None:
    problem = SchedulingProblem((ALWAYS,), (order("a", 1, due=2), order("b", 3, due=9)))
    schedule = standing(b=(0, 3), a=(3, 4))
    pin = (Fixing.PINNED, schedule.placements[OperationId("a/1")])
    mine = replace(problem, orders=problem.orders[:1], fixed={OperationId("a/1"): pin})
    found = helped(mine, standing(a=(3, 4)))
    assert {kind: remedy.action.operations for kind, remedy in found.items()} == {Kind.UNPIN: ("a/1",)}
    assert found[Kind.UNPIN].completion <= 2 * HOUR
    pin = (Fixing.PINNED, schedule.placements[OperationId("b/1")])
    other = helped(replace(problem, fixed={OperationId("b/1"): pin}), schedule)
    assert {kind: remedy.action.operations for kind, remedy in other.items()} == {Kind.UNPIN: ("b/1",)}
    assert other[Kind.UNPIN].enough


def test_another_plant_takes_it_beside_its_own_orders() -> None:
    there = SchedulingProblem((replace(ALWAYS, id=LineId("k")),), (order("c", 2, due=9, line="k"),))
    at = Placement(OperationId("c/1"), LineId("k"), Second(0), Second(2 * HOUR))
    problem = SchedulingProblem((ALWAYS,), (order("a", 2, due=5, promise=5), order("b", 4, due=4, promise=4)))
    other = Alternative(order("a", 2.5, due=5, line="k"), there, Schedule({at.operation: at}))
    found = helped(problem, standing(b=(0, 4), a=(4, 6)), elsewhere=(other,))
    assert found[Kind.ELSEWHERE].enough
    assert {p.line for p in found[Kind.ELSEWHERE].schedule.placements.values()} == {"k"}
    assert found[Kind.ELSEWHERE].broken == ()


def test_an_order_in_time_needs_an_instant() -> None:
    problem = SchedulingProblem((ALWAYS,), (order("a", 2, due=9),))
    schedule = standing(a=(4, 6))
    assert wanted_by(chain(problem, schedule, WorkOrderId("a"))) is None
    with pytest.raises(InTime):
        remedies(problem, schedule, WorkOrderId("a"))
    with pytest.raises(InTime):
        helped(problem, schedule, wanted=Second(7 * HOUR))
    assert helped(problem, schedule, wanted=Second(3 * HOUR))[Kind.MOVE].completion <= 3 * HOUR


def test_it_ends_at_once_when_it_is_stopped_and_keeps_what_it_has() -> None:
    problem = SchedulingProblem((ALWAYS,), (order("a", 2, due=3), order("b", 4, due=20)))
    told: list[Progress] = []
    found = remedies(
        problem, standing(b=(0, 4), a=(4, 6)), WorkOrderId("a"), seconds=600,
        stop=lambda: bool(told and told[-1].found), report=told.append,
    )  # fmt: skip
    assert [remedy.action.kind for remedy in found] == [Kind.MOVE]
    assert told[-1].share == 1.0


def test_a_late_bicycle_among_many() -> None:
    """Of a busy plant a late order: what is told is judged, ranked, and breaks no promise that it does not name."""
    plain = replace(bicycle_problem(1), orders=tuple(bicycle_orders(260, 1, days=6.5)))
    schedule = dispatch(plain)
    done = evaluate(plain, schedule).completion
    problem = replace(plain, orders=tuple(
        replace(o, promise=Second(max(o.due, done[o.id] + 4 * HOUR))) for o in plain.orders
    ))  # fmt: skip
    late = sorted((o for o in problem.orders if done[o.id] > o.due), key=lambda o: done[o.id] - o.due)
    one = late[len(late) // 3]
    found = remedies(problem, schedule, one.id, seconds=6)
    assert found
    _true(problem, schedule, one.id, one.due, found)


def _true(
    problem: SchedulingProblem, schedule: Schedule, name: WorkOrderId, wanted: int, found: tuple[Remedy, ...]
) -> None:
    before = evaluate(problem, schedule)
    assert [not r.enough for r in found] == sorted(not r.enough for r in found)
    for remedy in found:
        assert violations(remedy.problem, remedy.schedule) == ()
        after = evaluate(remedy.problem, remedy.schedule)
        assert remedy.completion == after.completion[name]
        assert remedy.enough == (after.completion[name] <= wanted)
        assert remedy.gained == before.completion[name] - after.completion[name] > 0
        anew = {key for key, _ in after.broken_promises} - {key for key, _ in before.broken_promises} - {name}
        assert set(remedy.broken) == anew
        assert anew <= set(remedy.action.orders)
        stay = {key for key in schedule.placements if key not in remedy.moved}
        assert all(remedy.schedule.placements[key] == schedule.placements[key] for key in stay)


@pytest.mark.parametrize("seed", range(12))
def test_random_shops_with_everything(seed: int) -> None:
    problem = random_problem(seed, 3 + seed % 4)
    wanted = Objective({Part.FLOW: 1, Part.TARDINESS: 2})
    schedule = solve(problem, wanted, Limits(seconds=20, effort=0.02, seed=seed)).schedule
    if schedule is None:
        return
    late = [o for o in problem.orders if wanted_by(chain(problem, schedule, o.id)) is not None]
    if not late:
        return
    target = wanted_by(chain(problem, schedule, late[0].id))
    assert target is not None
    found = remedies(problem, schedule, late[0].id, seconds=1, seed=seed)
    _true(problem, schedule, late[0].id, target, found)
