"""What has moved for nothing goes back, and nobody is later for it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from solver.scheduling.check import violations
from solver.scheduling.dispatch import dispatch
from solver.scheduling.movement import held_back
from solver.scheduling.problem import SchedulingProblem, Second, Window
from solver.scheduling.repair import pushed, resettled
from solver.scheduling.schedule import Objective, Part, Schedule, evaluate
from solver.scheduling.search import search
from tests.solver.scheduling.shops import DAY, MONDAY, bicycle_orders, bicycle_problem

HOUR = 3600


def still(reference: Schedule) -> Objective:
    """Promises first, then tardiness against movement: a minute late is worth an operation that stays."""
    return Objective({Part.TARDINESS: 1, Part.MOVED: 60}, (Part.BROKEN, Part.OVER), reference)


def relaxed(count: int = 40) -> tuple[SchedulingProblem, Schedule]:
    """Bicycles of which each starts some hours later than it could."""
    problem = replace(bicycle_problem(1), orders=tuple(bicycle_orders(count, 1, days=8)))
    tight = dispatch(problem)
    late = pushed(problem, {
        key: replace(p, start=Second(p.start + 3 * HOUR), end=Second(p.end + 3 * HOUR))
        for key, p in tight.placements.items()
    })
    assert late is not None and violations(problem, late) == ()
    done = evaluate(problem, late).completion
    orders = tuple(replace(order, promise=Second(done[order.id] + HOUR)) for order in problem.orders)
    return replace(problem, orders=orders), late


def test_what_was_only_started_sooner_goes_back_where_it_was() -> None:
    problem, reference = relaxed()
    early = resettled(problem, reference.placements, {})  # everything as soon as it can
    assert early is not None
    assert evaluate(problem, early, reference).moved > 100
    assert evaluate(problem, held_back(problem, early, still(reference)), reference).moved == 0


@pytest.mark.parametrize("seed", range(3))
def test_holding_back_makes_nobody_late(seed: int) -> None:
    problem, reference = relaxed()
    hurried = [
        replace(order, due=Second((order.promise or 0) - (4 * HOUR if i % 5 == 0 else 0)))
        for i, order in enumerate(problem.orders)
    ]
    tight = replace(problem, orders=tuple(hurried))
    better = search(tight, schedule=reference, moves=3000, seed=seed).schedule
    back = held_back(tight, better, still(reference))
    assert violations(tight, back) == ()
    was, now = evaluate(tight, better, reference), evaluate(tight, back, reference)
    assert now.tardiness <= was.tardiness and not now.broken_promises
    assert now.moved < was.moved


def test_a_breakdown_moves_only_what_it_must() -> None:
    """A paint line stands still for a day; most of the book has nothing to do with it."""
    problem, reference = relaxed(60)
    down = (MONDAY + DAY, MONDAY + 2 * DAY)
    lines = tuple(
        replace(line, windows=tuple(
            Window(Second(low), Second(high)) for w in line.windows
            for low, high in ((w.start, min(w.end, down[0])), (max(w.start, down[1]), w.end)) if low < high
        )) if line.id == "wuxi/paint-1" else line
        for line in problem.lines
    )
    broken = replace(problem, lines=lines)
    assert violations(broken, reference) != ()
    found = search(broken, still(reference), schedule=reference, moves=20_000)
    assert violations(broken, found.schedule) == ()
    assert not found.evaluation.broken_promises
    free = search(broken, schedule=reference, moves=20_000)
    moved = evaluate(broken, free.schedule, reference).moved
    assert found.evaluation.moved < moved / 3
