"""The promise: the best plant, several orders together, variants, second thoughts, room kept ready."""

from __future__ import annotations

from dataclasses import replace

import pytest

from solver.scheduling.book import Book, NoRoom, Promise
from solver.scheduling.check import violations
from solver.scheduling.problem import OperationId, SchedulingProblem, Second, WorkOrder, WorkOrderId
from solver.scheduling.promise import earliest, earliest_each, earliest_of, earliest_together, thought_over
from solver.scheduling.rush import make_room
from solver.scheduling.schedule import Schedule, evaluate
from solver.scheduling.window import least_completion
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


def test_room_for_rush_orders_is_made_within_what_was_promised() -> None:
    book = filled(30)
    orders, before = book.orders, book.placements
    asked = [replace(order, release=Second(MONDAY)) for order in bicycle_orders(8, 9, first=900)]
    said: list[tuple[float, float]] = []
    roomy = make_room(book, seconds=3.0, report=lambda share, times: said.append((share, times)))
    assert (book.orders, book.placements) == (orders, before)
    assert said[-1][1] < said[0][1]  # orders like those in the book
    assert [times for _, times in said] == sorted((times for _, times in said), reverse=True)
    assert roomy.orders == orders
    assert {**before, **{p.operation: p for p in roomy.moved_since(book)}} == roomy.placements
    assert violations(roomy.problem, roomy.schedule) == ()
    assert evaluate(roomy.problem, roomy.schedule).broken_promises == ()
    ends = []
    for order in asked:
        found, plain = roomy.quote(order), book.quote(order)
        assert isinstance(found, Promise)
        assert isinstance(plain, Promise)
        kept(roomy, found)
        ends.append((plain.completion, found.completion))
    assert sum(found for _, found in ends) < sum(plain for plain, _ in ends)  # and others
    assert make_room(book, seconds=60.0, stop=lambda: True).placements == before


def test_there_is_nothing_to_make_room_in_where_there_is_no_order() -> None:
    assert make_room(Book(replace(bicycle_problem(1), orders=())), seconds=60.0).placements == {}


def test_what_is_made_alike_is_promised_alike_and_what_is_not_is_not() -> None:
    book = filled(40)
    order = replace(bicycle_orders(1, 9, first=900)[0], release=Second(MONDAY))
    longer = tuple(
        replace(o, modes=tuple(replace(mode, duration=2 * mode.duration) for mode in o.modes)) for o in order.operations
    )
    variants = [order, renamed(order), replace(order, operations=longer)]
    found = earliest_each(book, variants)
    assert found == tuple(book.quote(variant) for variant in variants)
    one, same, other = (promise for promise in found if isinstance(promise, Promise))
    assert (same.completion, same.moved) == (one.completion, one.moved)
    assert {p.operation for p in same.placements} == {o.id for o in variants[1].operations}
    assert other.completion > one.completion


def renamed(order: WorkOrder) -> WorkOrder:
    return replace(order, id=WorkOrderId("other"), operations=tuple(
        replace(o, id=OperationId(f"{o.id}'"), predecessors=tuple(
            replace(p, operation=OperationId(f"{p.operation}'")) for p in o.predecessors
        ))
        for o in order.operations
    ))  # fmt: skip
