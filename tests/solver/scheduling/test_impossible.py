"""What cannot be made is refused by name; what can be made is not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from time import process_time

import pytest
from hypothesis import event, given, settings

from solver.cp import Limits
from solver.scheduling.arrays import arrays_of
from solver.scheduling.exact import solve
from solver.scheduling.impossible import Cause, Fault, faults, refuse
from solver.scheduling.problem import (
    NEVER,
    FamilyId,
    Fixing,
    InvalidProblem,
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
    RouteId,
    Running,
    SchedulingProblem,
    Second,
    SetupMatrix,
    Transport,
    Window,
    WorkOrder,
    WorkOrderId,
)
from solver.scheduling.schedule import MAKESPAN_ONLY
from tests.solver.scheduling.shops import bicycle_problem, full_shops, random_problem

P, Q = PlantId("p"), PlantId("q")
RED, BLUE = FamilyId("red"), FamilyId("blue")
BOX = MaterialId("box")


def line(name: str, *windows: tuple[int, int], plant: PlantId = P, **more: object) -> Line:
    calendar = tuple(Window(Second(start), Second(end)) for start, end in windows or ((0, 1000),))
    return Line(LineId(name), plant, calendar, **more)  # type: ignore[arg-type]


def step(name: str, modes: dict[str, int], *after: Precedence, **more: object) -> Operation:
    made = tuple(Mode(LineId(key), duration) for key, duration in modes.items())
    return Operation(OperationId(name), made, after, **more)  # type: ignore[arg-type]


def after(name: str, least: int = 0, most: int | None = None) -> Precedence:
    return Precedence(OperationId(name), least, most)


def shop(lines: list[Line], *orders: list[Operation], release: int = 0, **more: object) -> SchedulingProblem:
    made = tuple(
        WorkOrder(WorkOrderId("ABCDEF"[i]), tuple(steps), Second(release), Second(0)) for i, steps in enumerate(orders)
    )
    return SchedulingProblem(tuple(lines), made, **more)  # type: ignore[arg-type]


def pins(
    problem: SchedulingProblem, fixing: Fixing = Fixing.PINNED, **where: tuple[str, int, int]
) -> SchedulingProblem:
    fixed = {
        OperationId(key): (fixing, Placement(OperationId(key), LineId(on), Second(start), Second(end)))
        for key, (on, start, end) in where.items()
    }
    return replace(problem, fixed=fixed)


def either_way(problem: SchedulingProblem) -> tuple[Fault, ...]:
    """The faults, which are the same word for word where the arrays of a search help to find them."""
    alone = faults(problem)
    assert faults(problem, lambda: arrays_of(problem)) == alone
    return alone


def found(problem: SchedulingProblem) -> set[tuple[str, Cause]]:
    return {(fault.subject, fault.code) for fault in either_way(problem)}


HOURS = ((0, 10), (12, 20), (40, 50))


@pytest.mark.parametrize(
    ("running", "duration", "cause"),
    [
        (Running.WHOLE, 10, None),
        (Running.WHOLE, 11, Cause.TOO_LONG),
        (Running.BREAKS, 18, None),
        (Running.BREAKS, 19, Cause.TOO_LONG),
        (Running.PAUSES, 28, None),
        (Running.PAUSES, 29, Cause.TOO_LONG),
        (Running.UNATTENDED, 500, None),
    ],
)
def test_an_operation_longer_than_its_line_works(running: Running, duration: int, cause: Cause | None) -> None:
    problem = shop([line("l", *HOURS, longest_break=2)], [step("a", {"l": duration}, running=running)])
    assert found(problem) == ({("a", cause)} if cause else set())
    placed = pins(problem, Fixing.STARTED, a=("l", 5, 60))
    assert found(placed) == set()  # it has begun: it takes as long as it takes


def test_one_line_that_can_make_it_is_enough() -> None:
    problem = shop([line("l", *HOURS), line("m", (0, 30))], [step("a", {"l": 25, "m": 25}, running=Running.WHOLE)])
    assert found(problem) == set()


@pytest.mark.parametrize(
    ("release", "now", "possible"), [(40, 0, True), (41, 0, False), (0, 41, False), (50, 0, False)]
)
def test_a_line_that_closes_for_good_too_early(release: int, now: int, *, possible: bool) -> None:
    problem = shop([line("l", *HOURS)], [step("a", {"l": 10})], release=release, now=Second(now))
    assert found(problem) == (set() if possible else {("a", Cause.CLOSED)})


def test_only_the_first_of_a_chain_is_named() -> None:
    problem = shop(
        [line("l", *HOURS)],
        [step("a", {"l": 11}, running=Running.WHOLE), step("b", {"l": 1}, after("a")), step("c", {"l": 1}, after("b"))],
    )
    assert found(problem) == {("a", Cause.TOO_LONG)}


def test_plants_without_a_way_between_them() -> None:
    problem = shop([line("l"), line("m", plant=Q)], [step("a", {"l": 10}), step("b", {"m": 5}, after("a"))])
    assert found(problem) == {("b", Cause.UNCONNECTED)}
    assert found(replace(problem, transports=(Transport(Q, P, 5),))) == {("b", Cause.UNCONNECTED)}
    assert found(replace(problem, transports=(Transport(P, Q, 5),))) == set()
    assert found(replace(problem, transports=(Transport(P, Q, 5, (Second(10),)),))) == set()
    assert found(replace(problem, transports=(Transport(P, Q, 5, (Second(9),)),))) == {("b", Cause.UNCONNECTED)}


def test_more_than_ever_comes() -> None:
    box = Material(BOX, 2, ((Second(50), 3),))

    def problem(*quantities: int) -> SchedulingProblem:
        orders = [[step(f"a{i}", {"l": 5}, materials=(MaterialNeed(BOX, q),))] for i, q in enumerate(quantities)]
        return shop([line("l")], *orders, materials=(box,))

    assert found(problem(2, 3)) == set()
    assert found(problem(3, 3)) == {("box", Cause.MATERIAL)}
    assert found(problem(6)) == {("a0", Cause.MATERIAL), ("box", Cause.MATERIAL)}
    # What facts have taken is over and done; what is open finds nothing any more.
    assert found(pins(problem(6), Fixing.FINISHED, a0=("l", 0, 5))) == set()
    assert found(pins(problem(6, 1), Fixing.FINISHED, a0=("l", 0, 5))) == {("box", Cause.MATERIAL)}


def test_material_that_comes_when_the_line_is_closed_for_good() -> None:
    steps = [step("a", {"l": 5}, materials=(MaterialNeed(BOX, 1),))]
    assert found(shop([line("l", *HOURS)], steps, materials=(Material(BOX, 0, ((Second(45), 1),)),))) == set()
    assert found(shop([line("l", *HOURS)], steps, materials=(Material(BOX, 0, ((Second(46), 1),)),))) == {
        ("a", Cause.CLOSED)
    }


def test_of_several_routes_one_has_to_be_possible() -> None:
    lines = [line("l", *HOURS), line("m")]
    long = step("r", {"l": 11}, running=Running.WHOLE, route=RouteId("r"))
    good = step("s", {"m": 11}, running=Running.WHOLE, route=RouteId("s"))
    also_long = step("s", {"l": 12}, running=Running.WHOLE, route=RouteId("s"))
    last = step("z", {"m": 1}, after("r"), after("s"))
    assert found(shop(lines, [long, good, last])) == set()
    (fault,) = faults(shop(lines, [long, also_long, last]))
    assert (fault.subject, fault.code) == ("A", Cause.ROUTE)
    assert "11 s" in fault.words and "12 s" in fault.words


def test_the_thriftiest_route_counts_and_two_cannot_be_fixed() -> None:
    thrifty = step("s", {"l": 5}, route=RouteId("s"), materials=(MaterialNeed(BOX, 1),))
    greedy = step("r", {"l": 5}, route=RouteId("r"), materials=(MaterialNeed(BOX, 2),))
    problem = shop([line("l")], [thrifty, greedy], materials=(Material(BOX, 1),))
    assert found(problem) == set()
    assert ("box", Cause.MATERIAL) in found(pins(problem, r=("l", 0, 5)))
    assert ("A", Cause.ROUTE) in found(pins(problem, r=("l", 0, 5), s=("l", 5, 10)))


@pytest.mark.parametrize(
    ("where", "subject"),
    [
        ({"a": ("l", 5, 10)}, None),
        ({"a": ("l", 10, 15)}, "a"),  # closed
        ({"a": ("l", 5, 11)}, "a"),  # not 5 s
        ({"a": ("l", 1, 6)}, "a"),  # before its release
        ({"a": ("l", 5, 10), "b": ("m", 9, 14)}, "b"),  # against its predecessor's pin
        ({"a": ("l", 5, 10), "b": ("m", 10, 15)}, None),
        ({"b": ("m", 7, 12)}, None),
        ({"b": ("m", 6, 11)}, "b"),  # its predecessor is free, but released at 2 and 5 s long
        ({"a": ("l", 5, 10), "c": ("l", 9, 13)}, "c"),  # overlap
        ({"b": ("m", 10, 15), "d": ("n", 14, 16)}, "tool"),  # both take the one tool
        ({"b": ("m", 10, 15), "d": ("n", 15, 17)}, None),
    ],
)
def test_an_impossible_pin(where: dict[str, tuple[str, int, int]], subject: str | None) -> None:
    tool = (ResourceNeed(ResourceId("tool")),)
    problem = shop(
        [line("l", *HOURS), line("m"), line("n")],
        [step("a", {"l": 5}), Operation(OperationId("b"), (Mode(LineId("m"), 5, tool),), (after("a"),))],
        [step("c", {"l": 4})],
        [Operation(OperationId("d"), (Mode(LineId("n"), 2, tool),))],
        release=2,
        resources=(Resource(ResourceId("tool"), 1),),
    )
    assert found(pins(problem, **where)) == ({(subject, Cause.PIN)} if subject else set())


def test_two_pins_closer_than_their_setup() -> None:
    matrix = SetupMatrix(MatrixId("m"), {(RED, BLUE): 10, (RED, FamilyId("primer")): 1})
    lines = [line("l", setups=MatrixId("m"))]
    red, blue = step("a", {"l": 5}, family=RED), step("b", {"l": 5}, family=BLUE)
    near = {"a": ("l", 0, 5), "b": ("l", 14, 19)}
    assert found(pins(shop(lines, [red], [blue], setups=(matrix,)), **near)) == {("b", Cause.PIN)}
    # Something between them whose setups are short makes it possible: then it is no fault.
    primer = step("c", {"l": 8}, family=FamilyId("primer"))
    assert found(pins(shop(lines, [red], [blue], [primer], setups=(matrix,)), **near)) == set()
    longer = step("c", {"l": 9}, family=FamilyId("primer"))
    assert found(pins(shop(lines, [red], [blue], [longer], setups=(matrix,)), **near)) == {("b", Cause.PIN)}


def test_what_may_not_wait_any_longer() -> None:
    lines = [line("l"), line("m", (0, 10), (40, 60))]
    problem = shop(lines, [step("a", {"l": 5}), step("b", {"m": 5}, after("a", 0, 8))])
    assert found(pins(problem, Fixing.FINISHED, a=("l", 27, 32))) == set()
    assert found(pins(problem, Fixing.FINISHED, a=("l", 26, 31))) == {("b", Cause.WAIT)}


def test_more_work_than_the_line_has_time_for() -> None:
    lines = [line("l", (0, 20), (30, 40)), line("m")]
    fits = [[step(f"a{i}", {"l": 10})] for i in range(3)]
    assert found(shop(lines, *fits)) == set()
    assert found(shop(lines, *fits, [step("b", {"l": 1})])) == {("l", Cause.OVERLOAD)}
    assert found(shop(lines, *fits, [step("b", {"l": 1, "m": 1})])) == set()  # there is another line
    assert found(shop(lines, *fits, release=1)) == {("l", Cause.OVERLOAD)}


def test_figures_beyond_64_bits() -> None:
    problem = shop([line("l", (0, NEVER))], [step("a", {"l": 5})])
    assert found(problem) == set()
    heavy = replace(problem.orders[0], weight=1 << 23)
    (fault,) = faults(replace(problem, orders=(heavy,)))
    assert fault.code is Cause.OVERFLOW and "tardiness" in fault.words


def test_a_refusal_names_the_faults() -> None:
    problem = shop([line("l", *HOURS)], [step("a", {"l": 11}, running=Running.WHOLE)], [step("b", {"l": 99})])
    with pytest.raises(InvalidProblem, match=r"a is longer than any window.*b is longer than any calendar"):
        refuse(problem)
    refuse(shop([line("l")], [step("a", {"l": 11})]))


@settings(max_examples=60, deadline=None)
@given(full_shops(orders=2))
def test_what_can_be_made_has_no_fault_and_what_has_one_cannot_be_made(problem: SchedulingProblem) -> None:
    assert either_way(problem) == ()  # these are made to be possible
    # The same shop with its orders released shortly before the lines close for good: many of them cannot be made.
    close = min(line.windows[-1].end for line in problem.lines) - 15
    late = replace(problem, orders=tuple(replace(o, release=Second(close)) for o in problem.orders), fixed={})
    solved = solve(late, MAKESPAN_ONLY, Limits(seconds=2))
    event(f"{solved.status}, {len(either_way(late))} faults")
    if solved.schedule is not None:
        assert either_way(late) == ()


@pytest.mark.parametrize(
    "made", [lambda: bicycle_problem(9_300, horizon=600), lambda: random_problem(1, 16_000)], ids=["bicycles", "random"]
)
def test_fifty_thousand_operations_take_a_second(made: Callable[[], SchedulingProblem]) -> None:
    problem = made()
    assert sum(len(order.operations) for order in problem.orders) > 50_000
    start = process_time()
    assert faults(problem) == ()
    assert process_time() - start < 2  # 0.4 s on two cores of 2026-11
