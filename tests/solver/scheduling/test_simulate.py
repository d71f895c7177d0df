"""Weeks of a factory, played: what was promised is kept where nothing goes wrong, and policies differ."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest

from solver.scheduling.dispatch import dispatch
from solver.scheduling.problem import OperationId, SchedulingProblem, Second, WorkOrder, WorkOrderId
from solver.scheduling.schedule import evaluate
from solver.scheduling.simulate import Arrival, Mishaps, Played, Policy, play
from tests.solver.scheduling.shops import DAY, MONDAY, bicycle_orders, bicycle_problem

HOUR = 3600
DAYS = 5


def factory() -> SchedulingProblem:
    """The bicycle plant, with nothing to do yet."""
    return replace(bicycle_problem(1, horizon=DAYS + 40), orders=(), now=Second(MONDAY))


def arrivals(count: int) -> list[Arrival]:
    """Orders that become known up to a day before their release."""
    random = Random(1)
    return [
        Arrival(Second(max(MONDAY, order.release - random.randrange(DAY))), order)
        for order in bicycle_orders(count, 1, days=DAYS)
    ]


def played(policy: Policy, count: int = 60, mishaps: Mishaps | None = None) -> Played:
    return play(factory(), arrivals(count), policy, until=Second(MONDAY + DAYS * DAY), mishaps=mishaps)


def test_where_nothing_goes_wrong_every_promise_is_kept() -> None:
    game = played(Policy("no buffer", buffer=0))
    finished = [one for one in game.told if one.completion is not None]
    assert len(game.told) == 60 and game.refused == 0
    assert len(finished) > 30 and game.kept_share == 1.0
    assert sum(day.finished for day in game.days) == len(finished)
    assert sum(day.promised for day in game.days) == 60
    work = sum(day.work for day in game.days)
    orders = {arrival.order.id: arrival.order for arrival in arrivals(60)}
    least = sum(min(m.duration for m in o.modes) for one in finished for o in orders[one.order].operations)
    assert work >= least  # what is finished was worked on
    assert 0 < game.load < 1 and 0 < game.setup_share < game.load


def test_durations_that_vary_break_promises_and_a_buffer_keeps_them() -> None:
    mishaps = Mishaps(spread=0.4, breakdowns=1.0, seed=3)
    bare, careful = (played(Policy("", buffer=hours * HOUR), mishaps=mishaps) for hours in (0, 6))
    assert bare.kept_share < 0.95
    assert careful.kept_share > bare.kept_share
    assert careful.lead(50) > bare.lead(50)  # and the buyers are told a later date for it


def test_others_that_give_way_make_the_dates_earlier() -> None:
    still, moving = (played(Policy("", moving=moves), count=110) for moves in (False, True))
    assert moving.lead(50) <= still.lead(50)
    assert moving.lead(90) < still.lead(90)
    assert moving.kept_share == still.kept_share == 1.0


def test_the_same_seed_plays_the_same_weeks() -> None:
    mishaps = Mishaps(spread=0.3, breakdowns=1.0, seed=7)
    assert played(Policy("a"), 30, mishaps) == played(Policy("a"), 30, mishaps)
    assert played(Policy("a"), 30, mishaps) != played(Policy("a"), 30, replace(mishaps, seed=8))


def test_it_tells_how_far_it_is_and_ends_when_it_is_told_to() -> None:
    told: list[float] = []
    game = play(
        factory(), arrivals(40), Policy("a"), until=Second(MONDAY + DAYS * DAY),
        stop=lambda: len(told) >= 10, report=told.append,
    )  # fmt: skip
    assert told == sorted(told) and 0 < told[-1] < 1
    assert len(game.told) <= 10


@pytest.mark.parametrize("seed", range(2))
def test_a_policy_that_never_searches_plays_too(seed: int) -> None:
    game = played(Policy("a", improve_every=None), 30, Mishaps(spread=0.2, breakdowns=2.0, seed=seed))
    assert len(game.told) == 30


def test_what_stands_in_the_book_is_made_as_it_was_promised_beside_what_arrives() -> None:
    problem = bicycle_problem(30, horizon=DAYS + 40)
    book = dispatch(problem)
    done = evaluate(problem, book).completion
    promised = replace(problem, now=Second(MONDAY), orders=tuple(
        replace(order, promise=Second(done[order.id])) for order in problem.orders
    ))
    fresh = [replace(one, order=renamed(one.order)) for one in arrivals(20)]
    until = Second(MONDAY + 30 * DAY)
    game = play(
        promised, fresh, Policy("", buffer=0, improve_every=None), until=until, standing=book.placements,
        leaves=lambda ready: Second(-(-ready // DAY) * DAY),
    )
    standing = [one for one in game.told if one.standing]
    assert len(standing) == 30 and len(game.told) == 50 and game.refused == game.broken == 0
    assert all(one.completion is not None and one.completion <= done[one.order] for one in standing)
    assert all(one.promise % DAY == 0 for one in game.told if one.promise is not None and not one.standing)
    alone = play(promised, fresh, Policy("", buffer=0, improve_every=None), until=until)
    assert len(alone.told) == 20 and alone.flow(90) < game.flow(90)  # the book was in their way


def renamed(order: WorkOrder) -> WorkOrder:
    """The same order as another one."""
    names = {o.id: OperationId(f"new {o.id}") for o in order.operations}
    return replace(order, id=WorkOrderId(f"new {order.id}"), operations=tuple(
        replace(o, id=names[o.id], predecessors=tuple(
            replace(before, operation=names[before.operation]) for before in o.predecessors
        ))
        for o in order.operations
    ))
