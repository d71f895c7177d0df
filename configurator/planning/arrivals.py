"""On which day would each of many variants arrive that differ little? What stands between two orders is not asked for.

Orders of the same operations on the same lines and of the same setup families differ in durations and materials only.
Where the shortest of each in all of them, and the longest of each, arrive on the same day, so does every order between.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from itertools import chain, pairwise
from time import monotonic

from catalog.offer import Offer
from catalog.reckon import Reckoning
from catalog.split import splits_of
from configurator.planning import promise
from configurator.planning.books import PlantBook, current_books, engine_now
from configurator.planning.forecasts import Destination, dated
from configurator.planning.quoting import exploded, quoted, same_order
from solver.configuration.problem import Variant
from solver.scheduling.book import Promise
from solver.scheduling.problem import MaterialNeed, Mode, Operation, Second, WorkOrder

AT_ONCE = 64  # variants whose days are asked for in one call
FEW = 3  # orders that are asked for one by one
NEVER = date.max


def arrivals_each(
    offer: Offer, variants: Sequence[Variant], to: Destination, *, seconds: float, nearby: Variant,
    now: datetime | None = None,
) -> tuple[date | None, ...]:
    """The day on which each variant by itself would arrive, None where there is no room; by one state of the books.

    In their order, as many as the time suffices for. `nearby`: one from which they all differ little. A day is that of
    the variant's forecast as far as a longer order finds no better places than a shorter one, which it seldom does.
    """
    books, firm, end = current_books(offer.company_id), engine_now(now), monotonic() + seconds
    base = Reckoning(offer.problem, nearby)
    found: list[date | None] = []
    one_by_one = bool(splits_of(offer.manufacturing))
    count = promise.AT_ONCE if one_by_one else AT_ONCE
    for first in range(0, len(variants), count):
        if monotonic() >= end:
            break
        asked = [base.beside(one) for one in variants[first : first + count]]
        if one_by_one:
            forecasts = promise.best_each(books, offer, asked, to, firm)
            found += (None if one is None else one.arrives_on for one in forecasts)
        else:
            found += _days(books, offer, base, asked, to, firm)
    return tuple(found)


def _days(
    books: Sequence[PlantBook], offer: Offer, base: Reckoning, asked: Sequence[Reckoning], to: Destination, firm: Second
) -> list[date | None]:
    days = [NEVER] * len(asked)
    for plant in books:
        near = exploded(offer, base, plant)
        made = {place: order for place, one in enumerate(asked) if (order := exploded(offer, one, plant)) is not None}
        structures = {place: _structure(order, near) for place, order in made.items()}
        search = _Search(plant, to, plant.free_from(firm), made, days)
        for places in _grouped(structures, structures.__getitem__):
            search.narrow(places)
    return [None if day == NEVER else day for day in days]


@dataclass(frozen=True, slots=True)
class _Search:
    """Looks for earlier days than `days` in one plant. `made`: the orders by their places in `days`."""

    plant: PlantBook
    to: Destination
    start: Second
    made: Mapping[int, WorkOrder]
    days: list[date]

    def narrow(
        self, places: Sequence[int], bounds: tuple[date, date] = (date.min, NEVER), *, apart: bool = True
    ) -> None:
        """The days of orders of one structure, which are within `bounds`. `apart`: cut them where they differ most."""
        orders = tuple({id(self.made[place]): self.made[place] for place in places}.values())
        if len(orders) <= FEW:
            found = dict(zip(map(id, orders), self._days(orders), strict=True))
            for place in places:
                self.days[place] = min(self.days[place], found[id(self.made[place])])
            return
        latest = max(self.days[place] for place in places)
        by_family = _grouped(places, lambda place: tuple(one.family for one in self.made[place].operations))
        first, last = bounds
        if latest < NEVER or len(by_family) == 1:
            first = self._day_of(_between(orders, min))
            if first >= latest:
                return
        if len(by_family) > 1:
            for some in by_family:
                self.narrow(some)
            return
        if first != last:
            last = self._day_of(_between(orders, max))
        if first == last:
            for place in places:
                self.days[place] = min(self.days[place], first)
            return
        for part in self._cut(places, apart=apart):
            self.narrow(part, (first, last), apart=not apart)

    def _cut(self, places: Sequence[int], *, apart: bool) -> tuple[Sequence[int], Sequence[int]]:
        """In two by their length: where the gap is widest, or in the middle."""
        length = {place: sum(one.modes[0].duration for one in self.made[place].operations) for place in places}
        in_order = sorted(places, key=length.__getitem__)
        gaps = [length[after] - length[before] for before, after in pairwise(in_order)]
        cut = 1 + gaps.index(max(gaps)) if apart else len(places) // 2
        return in_order[:cut], in_order[cut:]

    def _day_of(self, order: WorkOrder) -> date:
        return self._days([order])[0]

    def _days(self, orders: Sequence[WorkOrder]) -> list[date]:
        quotes = quoted(self.plant, orders, self.start)
        return [self._day(order, quotes[id(order)]) for order in orders]

    def _day(self, order: WorkOrder, quote: Promise | None) -> date:
        found = dated(self.plant, order, quote, self.to) if quote is not None else None
        return NEVER if found is None else found.arrives_on


def _grouped(places: Iterable[int], key: Callable[[int], Hashable]) -> list[list[int]]:
    found: dict[Hashable, list[int]] = {}
    for place in places:
        found.setdefault(key(place), []).append(place)
    return list(found.values())


def _structure(order: WorkOrder, near: WorkOrder | None) -> Hashable:
    """What orders have in common that differ in durations, setup families and materials only."""
    if near is None or len(near.operations) != len(order.operations):
        return tuple(map(_frame, order.operations))
    pairs = enumerate(zip(order.operations, near.operations, strict=True))
    return tuple(
        (place, frame) for place, (one, other) in pairs if one is not other and (frame := _frame(one)) != _frame(other)
    )


def _frame(one: Operation) -> tuple[Hashable, ...]:
    lines = tuple((mode.line, mode.needs) for mode in one.modes)
    return one.id, lines, one.predecessors, one.running, one.size, one.route, one.release


def _between(orders: Sequence[WorkOrder], pick: Callable[[Iterable[int]], int]) -> WorkOrder:
    """The order of the shortest (or longest) of each of their operations, with the least (or most) of each material.

    Where their setup families differ it has none: no setup at all is shorter than any.
    """
    operations = tuple(_operation(some, pick) for some in zip(*(order.operations for order in orders), strict=True))
    return same_order(replace(orders[0], operations=operations))


def _operation(some: Sequence[Operation], pick: Callable[[Iterable[int]], int]) -> Operation:
    first = some[0]
    if all(one is first for one in some):
        return first
    modes = tuple(
        Mode(each[0].line, pick(mode.duration for mode in each), each[0].needs)
        for each in zip(*(one.modes for one in some), strict=True)
    )
    needs = [{need.material: need.quantity for need in one.materials} for one in some]
    counts = {name: pick(need.get(name, 0) for need in needs) for name in chain.from_iterable(needs)}
    materials = tuple(MaterialNeed(name, count) for name, count in counts.items() if count)
    family = first.family if all(one.family == first.family for one in some) else None
    return replace(first, modes=modes, materials=materials, family=family)
