"""The earliest date for one more order: over all plants that could make it, for its variants, for several at once.

An answer at once, and a second one after some thinking, which can only be earlier.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from time import monotonic

from solver.scheduling.book import ANY_TIME, Book, NoRoom, Promise
from solver.scheduling.problem import Second, WorkOrder
from solver.scheduling.window import Keeping, Wish, anneal_window, least_completion

LEAST_WINDOW = 3  # times the bound
WIDER = (1.0, 1.7, 1.0)  # the window's length from round to round
# What the others keep before their limits, of the time that the order takes at best, and what a second that it is late
# weighs against one of theirs: with something to spare they give way when it is asked for anew. Not all can have that.
STYLES = (*3 * ((0.3, 5),), (0.0, 1))
ROUND_SECONDS = 0.2


def earliest(
    book: Book, orders: Sequence[WorkOrder], *, not_before: Second = ANY_TIME, at: Second = ANY_TIME
) -> Promise | NoRoom:
    """The alternative (one order, exploded for each plant) that completes first; the first NoRoom if none fits."""
    return earliest_of([(book, order) for order in orders], not_before=not_before, at=at)


def earliest_of(
    alternatives: Iterable[tuple[Book, WorkOrder]],
    *,
    not_before: Second = ANY_TIME,
    at: Second = ANY_TIME,
    arrival: Callable[[WorkOrder, Second], int] | None = None,
) -> Promise | NoRoom:
    """The same when each plant has a book of its own; what counts is completion, or `arrival(order, completion)`.

    `at`: when it is asked, see `Book.quote`. A book may be one that shows only what is free (`capacity.book_of`).
    Ties go to the alternative that is named first. Raises ValueError without alternatives.
    """
    best: tuple[int, Promise] | None = None
    refusal: NoRoom | None = None
    for book, order in alternatives:
        match book.quote(order, not_before=not_before, at=at):
            case NoRoom() as nothing:
                refusal = refusal or nothing
            case promise:
                counts = promise.completion if arrival is None else arrival(order, promise.completion)
                if best is None or counts < best[0]:
                    best = (counts, promise)
    if best is not None:
        return best[1]
    if refusal is None:
        raise ValueError("A promise needs at least one alternative.")
    return refusal


def earliest_each(
    book: Book, variants: Sequence[WorkOrder], *, not_before: Second = ANY_TIME, at: Second = ANY_TIME
) -> tuple[Promise | NoRoom, ...]:
    """The earliest end of each variant of one order by itself, by one state of the book."""
    return book.quote_each(variants, not_before=not_before, at=at)


def earliest_together(
    book: Book, orders: Sequence[WorkOrder], *, not_before: Second = ANY_TIME, at: Second = ANY_TIME
) -> tuple[Promise | NoRoom, ...]:
    """Promises for several orders that are wanted together: each one sees the room that those before it take.

    A later order may move an earlier one within the end that it was given; what moved last counts.
    """
    aside = book.copy()
    aside.let_go(at)
    found: list[Promise | NoRoom] = []
    for order in orders:
        promise = aside.quote(order, not_before=not_before)
        if isinstance(promise, Promise):
            aside.commit(order, promise.placements, promise.moved)
        found.append(promise)
    return tuple(found)


def thought_over(
    book: Book,
    first: Promise,
    *,
    seconds: float,
    not_before: Second = ANY_TIME,
    seed: int = 0,
    stop: Callable[[], bool] = lambda: False,
    report: Callable[[float, Second], None] = lambda share, completion: None,
) -> Promise:
    """A second answer after so many seconds of search: `first`, or one that completes earlier. Changes nothing.

    The next hours of the book are annealed, again and again; each time the order is also asked for anew in what they
    became. No order passes its limit. It ends at once when the bound is reached (the order alone behind what stays): no
    answer is earlier. `report` gets the share of the time and the completion so far.
    """
    began = monotonic()
    order = first.order
    bound = least_completion(book, order, not_before=not_before)
    aside = _with(book.copy(), first, book, not_before)
    best, turn, keeping = first, 0, Keeping()
    length = max(1, bound - max(book.now, not_before))
    while not stop() and best.completion > bound:
        left = seconds - (monotonic() - began)
        if left <= 0.02:
            break
        report(1 - left / seconds, best.completion)
        window = max(LEAST_WINDOW * length, best.completion - aside.now + 1)
        until = aside.now + int(window * WIDER[turn % len(WIDER)])
        spare, weight = STYLES[turn % len(STYLES)]
        written = anneal_window(
            aside, until, {order.id: Wish(bound, weight)}, seconds=min(ROUND_SECONDS, left), seed=seed + turn,
            margin=int(spare * length), keeping=bool(keeping), stop=stop,
        )  # fmt: skip
        keeping.note(written)
        aside, completion = _asked_anew(aside, order, book, not_before)
        if completion < best.completion:
            placements = tuple(aside.held(order.id).placements.values())
            best = Promise(order, placements, Second(completion), aside.moved_since(book))
        turn += 1
    report(1.0, best.completion)
    return best


def _with(aside: Book, promise: Promise, book: Book, not_before: Second) -> Book:
    """The book `aside` with the promised order, which may end at any time and starts as `book` allows."""
    aside.commit(promise.order, promise.placements, promise.moved)
    aside.unlimit(promise.order.id, book, not_before)
    return aside


def _asked_anew(aside: Book, order: WorkOrder, book: Book, not_before: Second) -> tuple[Book, int]:
    """The book `aside` with the order as it stands or as it would be put in now, whichever ends sooner; and its end."""
    completion = max(placement.end for placement in aside.held(order.id).placements.values())
    without = aside.copy()
    without.remove(order.id)
    found = without.quote(order, not_before=not_before)
    if isinstance(found, Promise) and found.completion < completion:
        return _with(without, found, book, not_before), found.completion
    return aside, completion
