"""A second thought: a search of some seconds for an earlier date than the one that was answered at once.

It runs aside, for one asker a process at a time; it moves nothing, and what it finds is kept for the next page and for
the hold. Only plants that accept automatic moves are rearranged.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from sqlmodel import col, select

from catalog.factory import Plant
from catalog.memo import Memo
from catalog.offer import Offer
from configurator import db
from configurator.aside import aside
from configurator.planning.books import PlantBook, current_books, engine_now
from configurator.planning.forecasts import Destination, Forecast, dated
from configurator.planning.holds import expiry
from configurator.planning.options import options
from configurator.planning.promise import forecast
from configurator.planning.quoting import exploded
from configurator.planning.records import second
from configurator.planning.thoughts import keep_thought, thought_key
from solver.configuration.problem import Variant
from solver.scheduling.book import Book, NoRoom, Promise
from solver.scheduling.problem import Second, WorkOrder
from solver.scheduling.promise import thought_over
from solver.scheduling.window import least_completion

READING = timedelta(minutes=15)  # what is found is still good for a hold that is made so much later
MOST_MOVED = 2_000  # operations of others: they are all written under the plant's lock

_in_vain: Memo[bool] = Memo(4096)


def think(
    offer: Offer, variant: Variant, to: Destination, *, stop: Callable[[], bool] = lambda: False,
    now: datetime | None = None,
) -> Forecast:
    """The forecast after some thinking: the same, or one that arrives earlier because other orders make room.

    `stop`: asked all the time; the search ends when it says so. Raises NoDate, and Busy while this process thinks about
    something else.
    """
    first = forecast(offer, variant, to, now=now)
    plant = next((book for book in current_books(offer.company_id) if book.plant_id == first.plant_id), None)
    if plant is None:  # a partner's, outdated at this moment
        return first
    order = exploded(offer, variant, plant)
    asked = (plant.generation, plant.version, repr(to), thought_key(offer, variant))
    if first.at_once or order is None or not options().thought_seconds or _in_vain.get(asked) or not _may_move(plant):
        return first
    start = plant.free_from(max(engine_now(now), Second(second(expiry(now) + READING))))
    book = plant.book.copy()  # its own, so that no other thread has its lock when the process is forked

    def is_earlier(completion: int) -> bool:
        found = dated(plant, order, Promise(order, (), Second(completion)), to)
        return found is not None and found.arrives_on < first.arrives_on

    seconds = options().thought_seconds
    found = aside(lambda: _searched(book, order, start, is_earlier, seconds), seconds=seconds, stop=stop)
    if found is None:
        if not stop():
            _in_vain.put(asked, True)
        return first
    keep_thought(offer.company_id, plant.plant_id, thought_key(offer, variant), found)
    return forecast(offer, variant, to, now=now)


def _searched(
    book: Book, order: WorkOrder, start: Second, is_earlier: Callable[[int], bool], seconds: float
) -> Promise | None:
    """What a search finds if it is earlier by a day; it ends as soon as it is."""
    if not is_earlier(least_completion(book, order, not_before=start)):
        return None  # not even alone in the factory
    first = book.quote(order, not_before=start)
    if isinstance(first, NoRoom):
        return None
    earlier: list[int] = []
    found = thought_over(
        book, first, seconds=seconds, not_before=start, stop=lambda: bool(earlier),
        report=lambda _share, completion: earlier.append(completion) if is_earlier(completion) else None,
    )
    if not is_earlier(found.completion) or len(found.moved) > MOST_MOVED:
        return None
    return Promise(order, found.placements, found.completion, tuple(found.moved))


def _may_move(plant: PlantBook) -> bool:
    """Whether the plant accepts automatic moves."""
    with db.reading() as session:
        return bool(session.exec(select(col(Plant.accepts_automatic_moves)).where(Plant.id == plant.plant_id)).one())
