"""The complete model agrees with the judge and with brute force; windows only make it better."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from random import Random
from typing import Any

import pytest

from solver import cp
from solver.cp import Limits, Status, Stop
from solver.scheduling import exact
from solver.scheduling.check import violations
from solver.scheduling.dispatch import dispatch
from solver.scheduling.encode import Index
from solver.scheduling.exact import UnsoundModel, improve, solve
from solver.scheduling.problem import (
    NEVER,
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
from solver.scheduling.schedule import (
    MAKESPAN_ONLY,
    PROMISES_FIRST,
    TARDINESS_ONLY,
    Objective,
    Part,
    Schedule,
    evaluate,
)
from tests.solver.scheduling.shops import FEATURES, bicycle_problem, random_problem

LIMITS = Limits(seconds=60, effort=3.0)
FLOW_LAST = Objective({Part.FLOW: 1, Part.SETUP: 2}, (Part.TARDINESS,))
HORIZON = 13


def tiny(seed: int) -> SchedulingProblem:
    """Two or three operations with everything: short enough for every start to be tried."""
    random = Random(seed)
    families = (FamilyId("a"), FamilyId("b"))
    matrix = SetupMatrix(MatrixId("m"), {(f, g): random.randint(0, 2) for f in families for g in families})
    lines = []
    for i in range(2):
        a = random.randint(0, 2)
        b = a + random.randint(2, 5)
        c = b + random.randint(1, 2)
        windows = (Window(Second(a), Second(b)), Window(Second(c), Second(20)))
        kind = random.random()
        lines.append(
            Line(
                LineId(f"l{i}"), PlantId(random.choice("pq")), windows, MatrixId("m") if kind < 0.6 else None,
                random.choice((None, *families)), random.randint(0, 2), random.random() < 0.3,
                batch=2 if kind < 0.3 or 0.6 < kind < 0.8 else 0, unlimited=kind > 0.9,
            )
        )  # fmt: skip
    orders = []
    for n, size in enumerate(random.choice(((2,), (3,), (1, 1), (2, 1), (1, 1, 1)))):
        steps: list[Operation] = []
        routed = size == 2 and random.random() < 0.3
        for k in range(size):
            before = []
            if steps and not routed:
                wait = random.randint(0, 1)
                before = [Precedence(steps[-1].id, wait, wait + 3 if random.random() < 0.3 else None)]
            where = random.choice(((0,), (1,), (0, 1)))
            needs = (ResourceNeed(ResourceId("tool")),) if random.random() < 0.3 else ()
            takes = (MaterialNeed(MaterialId("x"), 1),) if random.random() < 0.3 else ()
            steps.append(
                Operation(
                    OperationId(f"o{n}/{k}"), tuple(Mode(LineId(f"l{i}"), random.randint(1, 3), needs) for i in where),
                    tuple(before), random.choice((None, "a", "b", "b")) and FamilyId(random.choice("ab")),
                    random.choice(tuple(Running)), takes, route=RouteId(str(k)) if routed else None,
                )
            )  # fmt: skip
        due = random.randint(0, 8)
        promise = Second(due + 2) if random.random() < 0.5 else None
        orders.append(
            WorkOrder(WorkOrderId(f"o{n}"), tuple(steps), Second(random.randint(0, 2)), Second(due), promise, 1 + n)
        )
    transports = (
        Transport(PlantId("p"), PlantId("q"), 1, (Second(2), Second(5), Second(9))),
        Transport(PlantId("q"), PlantId("p"), 1),
    )
    return SchedulingProblem(
        tuple(lines), tuple(orders), (matrix,), (Material(MaterialId("x"), 1, ((Second(5), 5),)),),
        resources=(Resource(ResourceId("tool"), 1),), transports=transports,
        same_sequence=((LineId("l0"), LineId("l1")),) if random.random() < 0.3 else (),
    )  # fmt: skip


def brute_force(problem: SchedulingProblem, objective: Objective) -> tuple[int, ...] | None:
    """The least value of all schedules that begin everything before the horizon: nothing but the judge is asked."""
    index = Index.of(problem)
    best: tuple[int, ...] | None = None
    taken = [order.routes or (None,) for order in problem.orders]
    for routes in product(*taken):
        made = [
            o for order, route in zip(problem.orders, routes, strict=True)
            for o in order.operations if o.route in (None, route)
        ]  # fmt: skip
        choices = []
        for operation in made:
            spots = set()
            for mode in operation.modes:
                lasts = {mode.duration}
                if index.lines[mode.line].batch:  # it may be in the oven for as long as another one
                    lasts |= {m.duration for o in made for m in o.modes if m.line == mode.line}
                for start, duration in product(range(HORIZON), lasts):
                    for end in range(start + duration, 21 + duration):
                        spots.add(Placement(operation.id, mode.line, Second(start), Second(end)))
            alone = [p for p in spots if _can_be_there(problem, index, operation, p)]
            choices.append(alone)
        for placements in product(*choices):
            schedule = Schedule.of(placements)
            value = objective.value(evaluate(problem, schedule))
            if (best is None or value < best) and not violations(problem, schedule):
                best = value
    return best


def _can_be_there(problem: SchedulingProblem, index: Index, operation: Operation, placement: Placement) -> bool:
    """Whether the calendar allows it with some duration of its line: leaves out what the judge surely refuses."""
    clock, line = index.clocks[placement.line], index.lines[placement.line]
    durations = {m.duration for m in operation.modes if m.line == placement.line}
    if line.batch:
        durations |= {m.duration for _, o in index.homes.values() for m in o.modes if m.line == placement.line}
    return any(
        clock.starts(placement.start, placement.start, operation.running, d)
        and clock.finish(placement.start, operation.running, d) == placement.end
        for d in durations
    )


OBJECTIVES = pytest.mark.parametrize(
    "objective", [PROMISES_FIRST, MAKESPAN_ONLY, FLOW_LAST], ids=["promises", "makespan", "flow"]
)


@OBJECTIVES
def test_brute_force_finds_nothing_better_and_the_model_misses_nothing(objective: Objective) -> None:
    assert _compared(objective, range(16)) > 8


@pytest.mark.slow
@OBJECTIVES
def test_brute_force_agrees_on_many_more(objective: Objective) -> None:
    assert _compared(objective, range(16, 300)) > 140


def _compared(objective: Objective, seeds: range) -> int:
    """How many tiny problems have an optimum that brute force can reach; all are compared."""
    compared = 0
    for seed in seeds:
        problem = tiny(seed)
        least = brute_force(problem, objective)
        found = solve(problem, objective, LIMITS)
        if least is None:
            late = found.schedule is None or max(p.start for p in found.schedule.placements.values()) >= HORIZON
            assert late, seed
            continue
        assert found.schedule is not None and found.status is Status.OPTIMAL, seed
        value = objective.value(evaluate(problem, found.schedule))
        assert value == found.bound, seed
        latest = max(p.start for p in found.schedule.placements.values())
        assert value == least or (value < least and latest >= HORIZON), (seed, value, least)
        compared += value == least
    return compared


@pytest.mark.parametrize("seed", range(5))
def test_every_answer_on_random_shops_is_judged_and_hints_and_windows_only_help(seed: int) -> None:
    for number in range(6):
        random = Random(10 * seed + number)
        problem = random_problem(10 * seed + number, 3, **{name: random.random() < 0.7 for name in FEATURES})
        objective = (PROMISES_FIRST, TARDINESS_ONLY, FLOW_LAST)[number % 3]
        first = solve(problem, objective, Limits(seconds=20, effort=0.05))
        best = solve(problem, objective, Limits(seconds=20, effort=2.0), hint=first.schedule)
        if first.schedule is None or best.schedule is None:
            continue
        least = objective.value(evaluate(problem, best.schedule))
        value = objective.value(evaluate(problem, first.schedule))
        assert least <= value and best.bound <= least
        assert not violations(problem, best.schedule)
        free = [key for key in first.schedule.placements if random.random() < 0.5]
        window = improve(problem, objective, first.schedule, free, Limits(seconds=20, effort=1.0))
        assert window.schedule is not None
        assert objective.value(evaluate(problem, window.schedule)) <= value
        if best.status is Status.OPTIMAL:
            assert objective.value(evaluate(problem, window.schedule)) >= least


def test_a_window_of_a_dispatched_plant_gets_better_and_the_rest_stays() -> None:
    problem = bicycle_problem(60)
    before = dispatch(problem)
    first = sorted(before.placements.values(), key=lambda p: p.start)
    free = {p.operation for p in first[100:140]}
    objective = Objective({Part.TARDINESS: 1, Part.FLOW: 1, Part.SETUP: 20})
    found = improve(problem, objective, before, free, Limits(seconds=20, effort=1.0))
    assert found.schedule is not None
    assert not violations(problem, found.schedule)
    assert objective.value(evaluate(problem, found.schedule)) < objective.value(evaluate(problem, before))
    assert all(p == found.schedule.placements[key] for key, p in before.placements.items() if key not in free)


@pytest.mark.parametrize("wrong", [1, 2])
def test_a_window_that_is_called_impossible_is_solved_again(monkeypatch: pytest.MonkeyPatch, wrong: int) -> None:
    """What stands is a schedule of the window: whoever says that there is none is asked again, with more care."""
    problem = bicycle_problem(20)
    before = dispatch(problem)
    asked: list[Any] = []

    def hasty(*arguments: Any, **named: Any) -> Any:
        asked.append(named["settings"])
        answer = cp.solve(*arguments, **named)
        return replace(answer, status=Status.INFEASIBLE) if len(asked) <= wrong else answer

    monkeypatch.setattr(exact, "run", hasty)
    free = {p.operation for p in sorted(before.placements.values(), key=lambda p: p.start)[40:60]}
    objective = Objective({Part.TARDINESS: 1})
    if wrong > 1:
        with pytest.raises(UnsoundModel):
            improve(problem, objective, before, free, Limits(seconds=20, effort=1.0))
        return
    found = improve(problem, objective, before, free, Limits(seconds=20, effort=1.0))
    assert found.schedule is not None and not violations(problem, found.schedule)
    assert asked[0] and asked[1] is None


def test_what_moves_least_stays_where_it_was_as_far_as_the_promises_allow() -> None:
    problem = random_problem(4, 3, fixed=False, sequence=False, waits=False)
    published = solve(problem, MAKESPAN_ONLY, LIMITS).schedule
    assert published is not None
    still = solve(problem, Objective({Part.MAKESPAN: 1}, (Part.MOVED,), published), LIMITS)
    assert still.schedule is not None and still.bound[0] == 0
    assert evaluate(problem, still.schedule, published).moved == 0


def test_a_job_shop_is_closed_with_its_optimum() -> None:
    """Fisher and Thompson's 6 by 6: 55."""
    rows = (
        "2 1 0 3 1 6 3 7 5 3 4 6", "1 8 2 5 4 10 5 10 0 10 3 4", "2 5 3 4 5 8 0 9 1 1 4 7",
        "1 5 0 5 2 5 3 3 4 8 5 9", "2 9 1 3 4 5 5 4 0 3 3 1", "1 3 3 3 5 9 0 10 4 4 2 1",
    )  # fmt: skip
    orders = []
    for n, row in enumerate(rows):
        numbers = [int(word) for word in row.split()]
        steps: list[Operation] = []
        for k, (line, duration) in enumerate(zip(numbers[::2], numbers[1::2], strict=True)):
            before = (Precedence(steps[-1].id),) if steps else ()
            steps.append(Operation(OperationId(f"{n}/{k}"), (Mode(LineId(str(line)), duration),), before))
        orders.append(WorkOrder(WorkOrderId(str(n)), tuple(steps), Second(0), Second(0)))
    always = (Window(Second(0), Second(NEVER)),)
    lines = tuple(Line(LineId(str(i)), PlantId("p"), always) for i in range(6))
    found = solve(SchedulingProblem(lines, tuple(orders)), MAKESPAN_ONLY, LIMITS)
    assert (found.status, found.bound) == (Status.OPTIMAL, (55,))


def test_pins_that_contradict_each_other_are_proved_impossible_and_facts_are_not() -> None:
    line = Line(LineId("l"), PlantId("p"), (Window(Second(0), Second(100)),))
    steps = [Operation(OperationId(name), (Mode(line.id, 10),)) for name in "ab"]
    orders = tuple(WorkOrder(WorkOrderId(o.id), (o,), Second(0), Second(0)) for o in steps)
    where = {o.id: Placement(o.id, line.id, Second(5 * n), Second(5 * n + 10)) for n, o in enumerate(steps)}
    for fixing, status in ((Fixing.PINNED, Status.INFEASIBLE), (Fixing.FINISHED, Status.OPTIMAL)):
        problem = SchedulingProblem((line,), orders, fixed={key: (fixing, p) for key, p in where.items()})
        assert solve(problem, MAKESPAN_ONLY, LIMITS).status is status


def test_a_solve_that_is_asked_to_stop_shows_nothing() -> None:
    stop = Stop()
    stop.ask()
    found = solve(random_problem(1, 3), MAKESPAN_ONLY, LIMITS, stop=stop)
    assert found.status is Status.UNKNOWN and found.schedule is None
