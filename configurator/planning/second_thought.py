"""A second thought: a search of some seconds for an earlier date than the one that was answered at once.

It runs aside, for one asker a process at a time; it moves nothing, and what it finds is kept for the next page and for
the hold. Only plants that accept automatic moves are rearranged; it looks in each that could be earlier at all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from time import monotonic

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
    plants = current_books(offer.company_id)
    about = (tuple((plant.generation, plant.version) for plant in plants), repr(to), thought_key(offer, variant))
    if first.at_once or not options().thought_seconds or _in_vain.get(about):
        return first
    asked = _searches(offer, variant, to, first, plants, now)
    if not asked:
        return first
    seconds = options().thought_seconds
    found = aside(lambda: _first_found(asked, seconds), seconds=seconds, stop=stop)
    if found is None:
        if not stop():
            _in_vain.put(about, True)
        return first
    plant_id, promise = found
    keep_thought(offer.company_id, plant_id, thought_key(offer, variant), promise)
    return forecast(offer, variant, to, now=now)


@dataclass(frozen=True, slots=True)
class _Search:
    """To look in one plant for a place from which the order arrives before `known`."""

    plant: PlantBook
    book: Book
    order: WorkOrder
    start: Second
    to: Destination
    known: date

    def is_earlier(self, completion: int) -> bool:
        """Whether it arrives earlier if it is complete then."""
        found = dated(self.plant, self.order, Promise(self.order, (), Second(completion)), self.to)
        return found is not None and found.arrives_on < self.known


def _searches(
    offer: Offer, variant: Variant, to: Destination, first: Forecast, plants: Sequence[PlantBook],
    now: datetime | None,
) -> list[_Search]:
    """One for each plant that accepts automatic moves and can make it all, that of the first answer first."""
    firm = max(engine_now(now), Second(second(expiry(now) + READING)))
    movable = _movable(offer.company_id)
    found = []
    for plant in sorted(plants, key=lambda plant: plant.plant_id != first.plant_id):
        order = exploded(offer, variant, plant) if plant.plant_id in movable else None
        if order is not None:  # a book of its own, so that no other thread has its lock when the process is forked
            found.append(_Search(plant, plant.book.copy(), order, plant.free_from(firm), to, first.arrives_on))
    return found


def _first_found(asked: Sequence[_Search], seconds: float) -> tuple[int, Promise] | None:
    """The plant and place that is found first; those that could be earlier at all share the time."""
    hopeful = [
        one for one in asked
        if one.is_earlier(least_completion(one.book, one.order, not_before=one.start))  # alone in the factory
    ]
    end = monotonic() + seconds
    for left, one in zip(range(len(hopeful), 0, -1), hopeful, strict=True):
        found = _searched(one, (end - monotonic()) / left)
        if found is not None:
            return one.plant.plant_id, found
    return None


def _searched(asked: _Search, seconds: float) -> Promise | None:
    """What a search finds if it is earlier by a day; it ends as soon as it is."""
    first = asked.book.quote(asked.order, not_before=asked.start)
    if isinstance(first, NoRoom):
        return None
    earlier: list[int] = []
    found = thought_over(
        asked.book, first, seconds=seconds, not_before=asked.start, stop=lambda: bool(earlier),
        report=lambda _share, completion: earlier.append(completion) if asked.is_earlier(completion) else None,
    )
    if not asked.is_earlier(found.completion) or len(found.moved) > MOST_MOVED:
        return None
    return Promise(asked.order, found.placements, found.completion, tuple(found.moved))


def _movable(company_id: int) -> frozenset[int]:
    """The plants that accept automatic moves."""
    with db.reading() as session:
        mine = select(Plant.id).where(Plant.company_id == company_id, col(Plant.accepts_automatic_moves))
        return frozenset(plant_id for plant_id in session.exec(mine).all() if plant_id is not None)
