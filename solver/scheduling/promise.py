"""The earliest date for one more order, in the book: over all plants that could make it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from solver.scheduling.book import ANY_TIME, Book, NoRoom
from solver.scheduling.problem import Placement, Second, WorkOrder


@dataclass(frozen=True, slots=True)
class Promise:
    """Where an order would be made; `completion`: end of its last operation."""

    order: WorkOrder
    placements: tuple[Placement, ...]
    completion: Second


def earliest(book: Book, orders: Sequence[WorkOrder], *, not_before: Second = ANY_TIME) -> Promise | NoRoom:
    """The alternative (one order, exploded for each plant) that completes first; the first NoRoom if none fits."""
    return earliest_of([(book, order) for order in orders], not_before=not_before)


def earliest_of(
    alternatives: Iterable[tuple[Book, WorkOrder]],
    *,
    not_before: Second = ANY_TIME,
    arrival: Callable[[WorkOrder, Second], int] | None = None,
) -> Promise | NoRoom:
    """The same when each plant has a book of its own; what counts is completion, or `arrival(order, completion)`.

    Ties go to the alternative that is named first. Raises ValueError without alternatives.
    """
    best: tuple[int, Promise] | None = None
    refusal: NoRoom | None = None
    for book, order in alternatives:
        match book.quote(order, not_before=not_before):
            case NoRoom() as nothing:
                refusal = refusal or nothing
            case placements:
                completion = max(placement.end for placement in placements)
                counts = completion if arrival is None else arrival(order, completion)
                if best is None or counts < best[0]:
                    best = (counts, Promise(order, placements, completion))
    if best is not None:
        return best[1]
    if refusal is None:
        raise ValueError("A promise needs at least one alternative.")
    return refusal
