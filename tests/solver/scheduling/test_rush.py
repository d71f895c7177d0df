"""Room for orders yet to come: made where it can be, behind what is frozen."""

from __future__ import annotations

from dataclasses import replace

from solver.scheduling.book import Book
from solver.scheduling.check import violations
from solver.scheduling.dispatch import dispatch
from solver.scheduling.problem import Second
from solver.scheduling.rush import make_room
from solver.scheduling.schedule import Schedule, evaluate
from tests.solver.scheduling.shops import DAY, MONDAY, bicycle_orders, bicycle_problem


def gains(
    book: Book, begins: tuple[Second, Second], *, seconds: float = 2.0, enough: float = 1.0
) -> tuple[float, Book]:
    """What share of their time orders that begin then save, and the book in which they do."""
    times: list[float] = []
    found = make_room(
        book, seconds=seconds, seed=1, begins=begins, report=lambda share, each: times.append(each),
        stop=lambda: len(times) > 1 and times[-1] < (1 - enough) * times[0],
    )
    return 1 - times[-1] / times[0], found


def test_behind_a_frozen_day_room_is_made_for_the_orders_of_tomorrow() -> None:
    problem = replace(bicycle_problem(1), orders=tuple(bicycle_orders(120, 1, days=2)))
    placed = dispatch(problem).placements
    done = evaluate(problem, Schedule(placed)).completion
    promised = replace(problem, now=Second(MONDAY), orders=tuple(
        replace(order, promise=Second(done[order.id] + 2 * DAY)) for order in problem.orders
    ))  # fmt: skip
    book = Book(promised, placed, frozen_seconds=DAY)
    now = book.now
    gained, roomy = gains(book, (Second(now + DAY), Second(now + 2 * DAY)), seconds=30, enough=0.25)
    at_once, same = gains(book, (now, now))
    assert gained > 0.2
    assert at_once == 0 and not list(same.moved_since(book))  # those of today cannot be helped
    assert violations(roomy.problem, roomy.schedule) == ()
    moved = {place.operation for place in roomy.moved_since(book)}
    assert moved and all(placed[key].start >= now + DAY for key in moved)
    ends = evaluate(roomy.problem, roomy.schedule).completion
    assert all(order.promise is None or ends[order.id] <= order.promise for order in promised.orders)
