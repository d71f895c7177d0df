"""The promise: the best plant, several orders together, variants, second thoughts, room kept ready."""

from __future__ import annotations

from dataclasses import replace

import pytest

from solver.scheduling.book import Book, NoRoom, Promise
from solver.scheduling.check import violations
from solver.scheduling.problem import SchedulingProblem, Second
from solver.scheduling.promise import earliest, earliest_each, earliest_of, earliest_together, thought_over
from solver.scheduling.schedule import Schedule, evaluate
from solver.scheduling.window import least_completion, reserve
from tests.solver.scheduling.shops import DAY, MONDAY, bicycle_orders, bicycle_problem


def filled(count: int, plant: str = "wuxi", days: float = 3) -> Book:
    """A busy book in which every order has a promise an hour after its end."""
    problem = replace(bicycle_problem(1, plant=plant), orders=())
    book = Book(problem)
    for order in bicycle_orders(count, 1, plant=plant, days=days):
        found = book.quote(order)
        assert isinstance(found, Promise)
        promised = replace(order, promise=Second(found.completion + 3600))
        book.commit(promised, found.placements, found.moved)
    return book


def kept(book: Book, found: Promise) -> SchedulingProblem:
    """The problem with the promised order, after the judge and the promises were asked."""
    problem = replace(book.problem, orders=(*book.problem.orders, found.order))
    schedule = Schedule(book.placements | {p.operation: p for p in (*found.moved, *found.placements)})
    assert violations(problem, schedule) == ()
    assert evaluate(problem, schedule).broken_promises == evaluate(book.problem, book.schedule).broken_promises
    assert evaluate(problem, schedule).completion[found.order.id] == found.completion
    return problem


def test_the_promise_is_made_by_the_plant_that_completes_first() -> None:
    busy, idle = filled(40), Book(replace(bicycle_problem(1, plant="chengdu"), orders=()))
    a, b = (bicycle_orders(1, 3, plant=plant, first=900, days=1)[0] for plant in ("wuxi", "chengdu"))
    found = earliest_of([(busy, a), (idle, b)])
    assert isinstance(found, Promise)
    alone = [earliest(book, [order]) for book, order in ((busy, a), (idle, b))]
    assert found.completion == min(promise.completion for promise in alone if isinstance(promise, Promise))
    # Where the parcel is a month longer on the way, the other plant is the better one.
    far = earliest_of([(busy, a), (idle, b)], arrival=lambda o, at: at + 30 * DAY * (o.id == found.order.id))
    assert isinstance(far, Promise)
    assert far.order.id != found.order.id


def test_no_plant_no_promise() -> None:
    problem = bicycle_problem(1, horizon=7)
    found = earliest(Book(replace(problem, orders=())), problem.orders, not_before=Second(MONDAY + 8 * DAY))
    assert isinstance(found, NoRoom)
    with pytest.raises(ValueError, match="alternative"):
        earliest_of([])


def test_orders_together_share_the_room_that_each_would_have_alone() -> None:
    book = filled(20)
    orders = [replace(order, release=Second(MONDAY)) for order in bicycle_orders(12, 5, first=900)]
    alone, together = earliest_each(book, orders), earliest_together(book, orders)
    ends = [(a.completion, t.completion) for a, t in zip(alone, together, strict=True)
            if isinstance(a, Promise) and isinstance(t, Promise)]  # fmt: skip
    assert len(ends) == len(orders)
    assert ends[0][0] == ends[0][1]
    assert sum(t for _, t in ends) > sum(a for a, _ in ends)
    for found in alone:
        assert isinstance(found, Promise)
        kept(book, found)


def test_a_second_thought_is_never_later_and_breaks_no_promise() -> None:
    book = filled(60)
    before = book.placements
    order = replace(bicycle_orders(1, 9, first=900)[0], release=Second(MONDAY))
    first = book.quote(order)
    assert isinstance(first, Promise)
    bound = least_completion(book, order)
    said: list[int] = []
    second = thought_over(book, first, seconds=10.0, report=lambda share, completion: said.append(completion))
    assert bound <= second.completion <= first.completion
    assert second.completion < first.completion  # measured: it comes to the bound
    assert said == sorted(said, reverse=True)
    assert book.placements == before
    kept(book, second)
    book.commit(second.order, second.placements, second.moved)
    assert violations(book.problem, book.schedule) == ()


def test_a_second_thought_stops_when_it_is_told_to() -> None:
    book = filled(30)
    first = book.quote(replace(bicycle_orders(1, 9, first=900)[0], release=Second(MONDAY)))
    assert isinstance(first, Promise)
    assert thought_over(book, first, seconds=60.0, stop=lambda: True) == first


def test_room_that_is_kept_ready_is_no_order_and_goes_to_who_asks() -> None:
    book = filled(60)
    order = replace(bicycle_orders(1, 9, first=900)[0], release=Second(MONDAY))
    orders, plain = set(book.orders), book.quote(order)
    reserve(book, seconds=1.0, number=3)
    assert book.phantoms
    assert set(book.orders) == orders
    assert all(not book.holds(key) for key in book.phantoms)
    assert violations(book.problem, book.schedule) == ()
    assert evaluate(book.problem, book.schedule).broken_promises == ()
    found, beside = book.quote(order), book.quote(order, beside_phantoms=True)
    assert isinstance(plain, Promise)
    assert isinstance(found, Promise)
    assert isinstance(beside, Promise)
    assert found.completion <= beside.completion
    kept(book, found)
    book.commit(order, found.placements, found.moved)
    assert violations(book.problem, book.schedule) == ()
    assert set(book.orders) == orders | {order.id}
