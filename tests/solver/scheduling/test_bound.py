"""Lower bounds are never above what can be reached, and reach it where load decides."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from random import Random

import pytest

from solver.cp import Limits
from solver.scheduling.bound import bounds
from solver.scheduling.dispatch import dispatch
from solver.scheduling.exact import solve
from solver.scheduling.problem import (
    NEVER,
    FamilyId,
    Line,
    LineId,
    MatrixId,
    Mode,
    Operation,
    OperationId,
    PlantId,
    Precedence,
    SchedulingProblem,
    Second,
    SetupMatrix,
    Window,
    WorkOrder,
    WorkOrderId,
)
from solver.scheduling.schedule import MAKESPAN_ONLY, TARDINESS_ONLY, Objective, Part, evaluate
from tests.solver.scheduling.shops import FEATURES, bicycle_problem, random_problem

ALWAYS = (Window(Second(0), Second(NEVER)),)


def planted(
    lines: int, families: int, seed: int, *, windows: tuple[Window, ...] = ALWAYS
) -> tuple[SchedulingProblem, int]:
    """One stage of like lines, each full from 0 on with work and with the cheapest setups, and when that ends.

    Every line makes `families` families of its own, each in one block; 300 working seconds a block, setups of 10 to 20.
    """
    random = Random(seed)
    names = [[FamilyId(f"{line}-{k}") for k in range(families)] for line in range(lines)]
    everything = [name for row in names for name in row]
    least = {name: random.randint(10, 13) for name in everything}
    seconds = {(f, g): random.randint(least[g], 20) for f in everything for g in everything if f != g}
    for row in names:
        for f, g in pairwise(row):
            seconds[f, g] = least[g]
    end = max(300 * families + sum(least[g] for g in row[1:]) for row in names)
    orders = []
    for row in names:
        spare = end - 300 * families - sum(least[g] for g in row[1:])
        for k, family in enumerate(row):
            left = 300 + (spare if k == 0 else 0)
            while left:
                duration = min(left, random.randint(20, 60))
                left -= duration
                name = f"{family}/{left}"
                modes = tuple(Mode(LineId(f"l{i}"), duration) for i in range(lines))
                step = Operation(OperationId(name), modes, (), family)
                orders.append(WorkOrder(WorkOrderId(name), (step,), Second(0), Second(0)))
    shop = tuple(
        Line(LineId(f"l{i}"), PlantId("p"), windows, MatrixId("m"), names[i][0]) for i in range(lines)
    )
    return SchedulingProblem(shop, tuple(orders), (SetupMatrix(MatrixId("m"), seconds),)), end


@pytest.mark.parametrize("seed", range(6))
def test_no_bound_is_above_what_an_exact_solve_reaches(seed: int) -> None:
    reached: Counter[Part] = Counter()
    for number in range(6):
        random = Random(100 * seed + number)
        has = {name: random.random() < 0.5 for name in FEATURES}
        problem = random_problem(100 * seed + number, random.randint(2, 4), **has)
        for part in (Part.TARDINESS, Part.MAKESPAN, Part.SETUP, Part.FLOW, Part.BROKEN, Part.OVER):
            objective = Objective({part: 1})
            found = solve(problem, objective, Limits(seconds=20, effort=0.5))
            if found.schedule is None:
                continue
            figures, bound = evaluate(problem, found.schedule), bounds(problem, objective)
            for each in Part:
                assert bound.parts[each] <= figures.part(each), (each, bound.how[each], number)
            assert bound.value <= objective.value(figures)
            alone = zip(problem.orders, bound.completion.tolist(), strict=True)
            assert all(done <= figures.completion[order.id] for order, done in alone)
            reached[part] += bound.parts[part] == figures.part(part)
    assert reached[Part.MAKESPAN] and reached[Part.SETUP]  # they say something


@pytest.mark.parametrize("lines", [1, 2, 4])
def test_the_load_with_its_cheapest_setups_is_the_optimum_of_a_planted_shop(lines: int) -> None:
    problem, end = planted(lines, 5, seed=lines)
    bound = bounds(problem, MAKESPAN_ONLY)
    assert bound.parts[Part.MAKESPAN] == end
    assert "load" in bound.how[Part.MAKESPAN]


def test_closed_hours_put_the_load_off() -> None:
    shifts = tuple(Window(Second(1000 * day), Second(1000 * day + 400)) for day in range(50))
    problem, work = planted(2, 4, seed=3, windows=shifts)
    days, rest = divmod(work, 400)
    assert bounds(problem, MAKESPAN_ONLY).parts[Part.MAKESPAN] == 1000 * days + rest


def test_one_line_is_preempted_by_what_has_the_longest_tail() -> None:
    """Heads 0, 4; work 6, 2; tails 0, 9: the second has to come at once, 4 + 2 + 9 = 15, and load alone says so, too.

    A third with head 4, work 2 and tail 8 makes it 16: whichever is second of the two ends at 8.
    """
    line = LineId("l")
    after = LineId("slow")

    def order(name: str, release: int, work: int, tail: int) -> WorkOrder:
        first = Operation(OperationId(name), (Mode(line, work),))
        steps: tuple[Operation, ...] = (first,)
        if tail:
            steps = (first, Operation(OperationId(f"{name}+"), (Mode(after, tail),), (Precedence(first.id),)))
        return WorkOrder(WorkOrderId(name), steps, Second(release), Second(0))

    lines = (Line(line, PlantId("p"), ALWAYS), Line(after, PlantId("p"), ALWAYS, unlimited=True))
    two = SchedulingProblem(lines, (order("a", 0, 6, 0), order("b", 4, 2, 9)))
    assert bounds(two, MAKESPAN_ONLY).parts[Part.MAKESPAN] == 15
    three = SchedulingProblem(lines, (*two.orders, order("c", 4, 2, 8)))
    assert bounds(three, MAKESPAN_ONLY).parts[Part.MAKESPAN] == 16


def test_tardiness_is_at_least_what_the_shortest_first_would_have() -> None:
    """Three orders of 1, 2 and 3 seconds due at 1 on one line are done at 1, 3 and 6 at the earliest: 0 + 2 + 5."""
    line = Line(LineId("l"), PlantId("p"), ALWAYS)
    orders = tuple(
        WorkOrder(WorkOrderId(f"o{n}"), (Operation(OperationId(f"o{n}"), (Mode(line.id, n),)),), Second(0), Second(1))
        for n in (3, 1, 2)
    )
    problem = SchedulingProblem((line,), orders)
    assert bounds(problem, TARDINESS_ONLY).value == (7,)
    found = solve(problem, TARDINESS_ONLY, Limits(seconds=5))
    assert found.schedule is not None and evaluate(problem, found.schedule).tardiness == 7


def test_a_plant_with_calendars_has_a_bound_below_its_dispatch() -> None:
    problem = bicycle_problem(120)
    figures = evaluate(problem, dispatch(problem))
    bound = bounds(problem, Objective({Part.TARDINESS: 1, Part.MAKESPAN: 1}))
    for part in Part:
        assert bound.parts[part] <= figures.part(part)
    assert bound.parts[Part.MAKESPAN] > 0.9 * figures.makespan
