"""On which day would each of many variants arrive that differ little? What stands between two orders is not asked for.

Orders of the same setup families differ in durations, materials and in what some of them need and others do not. Where
what all have in common, as short as in any, arrives on the same day as what any of them has, as long as in any, so does
every order between.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from itertools import chain, pairwise
from time import monotonic

from catalog.explode import operation_id
from catalog.offer import Offer
from catalog.reckon import Reckoning
from catalog.split import splits_of
from configurator.planning import promise
from configurator.planning.books import PlantBook, current_books, engine_now
from configurator.planning.forecasts import Destination, dated
from configurator.planning.quoting import ASKED, exploded, quoted, same_order
from solver.scheduling.book import Promise
from solver.scheduling.problem import MaterialNeed, Mode, Operation, OperationId, Precedence, Second, WorkOrder

AT_ONCE = 64  # variants whose days are asked for in one call
FEW = 3  # orders that are asked for one by one
NEVER = date.max
Pick = Callable[[Iterable[int]], int]  # the least, or the greatest


def arrivals_each(
    offer: Offer, variants: Sequence[Reckoning], to: Destination, *, seconds: float, now: datetime | None = None,
    books: Sequence[PlantBook] | None = None,
) -> tuple[date | None, ...]:
    """The day on which each variant by itself would arrive, None where there is no room; by one state of the books.

    In their order, as many as the time suffices for; they are all beside one variant. A day is that of the variant's
    forecast as far as a longer order finds no better places than a shorter one, which it seldom does. `books`: those
    that are current, if they are known.
    """
    books = current_books(offer.company_id) if books is None else books
    firm, end = engine_now(now), monotonic() + seconds
    found: list[date | None] = []
    one_by_one = bool(splits_of(offer.manufacturing))
    count = promise.AT_ONCE if one_by_one else AT_ONCE
    for first in range(0, len(variants), count):
        if monotonic() >= end:
            break
        asked = variants[first : first + count]
        if one_by_one:
            forecasts = promise.best_each(books, offer, asked, to, firm)
            found += (None if one is None else one.arrives_on for one in forecasts)
        else:
            found += _days(books, offer, asked, to, firm)
    return tuple(found)


def _days(
    books: Sequence[PlantBook], offer: Offer, asked: Sequence[Reckoning], to: Destination, firm: Second
) -> list[date | None]:
    days = [NEVER] * len(asked)
    in_order = tuple(operation_id(ASKED, row.operation) for row in offer.manufacturing.routing)
    for plant in books:
        made = {place: order for place, one in enumerate(asked) if (order := exploded(offer, one, plant)) is not None}
        if made:
            _Search(plant, to, plant.free_from(firm), made, in_order, days).narrow(tuple(made))
    return [None if day == NEVER else day for day in days]


@dataclass(frozen=True, slots=True)
class _Search:
    """Looks for earlier days than `days` in one plant.

    `made`: the orders by their places in `days`. `in_order`: operations in the sequence of their routing.
    """

    plant: PlantBook
    to: Destination
    start: Second
    made: Mapping[int, WorkOrder]
    in_order: Sequence[OperationId]
    days: list[date]

    def narrow(
        self, places: Sequence[int], bounds: tuple[date, date] = (date.min, NEVER), *, apart: bool = True
    ) -> None:
        """The days of these orders, which are within `bounds`. `apart`: cut them where they differ most."""
        orders = tuple({id(self.made[place]): self.made[place] for place in places}.values())
        if len(orders) <= FEW:
            found = dict(zip(map(id, orders), self._days(orders), strict=True))
            for place in places:
                self.days[place] = min(self.days[place], found[id(self.made[place])])
            return
        first, last = bounds
        latest = max(self.days[place] for place in places)
        by_family = _grouped(places, lambda place: _families(self.made[place]))
        bundle = _Bundle(orders, self.in_order)
        if latest < NEVER or len(by_family) == 1:
            first = max(first, self._day_of(bundle.shortest(), date.min))
            if first >= latest:
                return
        if len(by_family) > 1:
            for some in by_family:
                self.narrow(some)
            return
        if first < last:
            last = min(last, self._day_of(bundle.longest(), NEVER))
        if first >= last:
            for place in places:
                self.days[place] = min(self.days[place], last)
            return
        by_structure = _grouped(places, lambda place: _structure(self.made[place]))
        if len(by_structure) > 1:
            for some in by_structure:
                self.narrow(some, (first, last))
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

    def _day_of(self, order: WorkOrder | None, unknown: date) -> date:
        return unknown if order is None else self._days([order])[0]

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


def _families(order: WorkOrder) -> Hashable:
    return tuple((one.id, one.family) for one in order.operations if one.family is not None)


def _structure(order: WorkOrder) -> Hashable:
    """What orders have in common that differ in durations, setup families and materials only."""
    return tuple((one.id, one.predecessors, _frame(one)) for one in order.operations)


def _frame(one: Operation) -> Hashable:
    return tuple((mode.line, mode.needs) for mode in one.modes), one.running, one.size, one.route, one.release


class _Bundle:
    """Orders, taken together operation by operation. `in_order`: operations in the sequence of the routing."""

    def __init__(self, orders: Sequence[WorkOrder], in_order: Sequence[OperationId]) -> None:
        self._some = orders[0]
        found: dict[OperationId, dict[int, Operation]] = {}
        times: Counter[OperationId] = Counter()
        for order in orders:
            for one in order.operations:
                found.setdefault(one.id, {})[id(one)] = one
                times[one.id] += 1
        self._made = {name: tuple(found[name].values()) for name in in_order if name in found}
        self._common = {name for name, count in times.items() if count == len(orders)}
        self._alike = all(len({_frame(one) for one in some}) == 1 for some in self._made.values() if len(some) > 1)

    def shortest(self) -> WorkOrder | None:
        """What all the orders have in common, as short as in any of them and with the least of each material.

        An operation of several setup families has none: no setup at all is shorter than any. None: it is not known.
        """
        return self._order([name for name in self._made if name in self._common], min)

    def longest(self) -> WorkOrder | None:
        """What any of the orders has, as long as in any of them and with the most of each material.

        Only of orders of the same setup families. None: it is not known.
        """
        return self._order(self._made, max)

    def _order(self, names: Iterable[OperationId], pick: Pick) -> WorkOrder | None:
        operations = tuple(self._operation(self._made[name], pick) for name in names)
        if not self._alike or not operations:
            return None
        return same_order(replace(self._some, operations=operations))

    def _operation(self, some: Sequence[Operation], pick: Pick) -> Operation:
        first = some[0]
        if len(some) > 1:
            modes = tuple(
                Mode(each[0].line, pick(mode.duration for mode in each), each[0].needs)
                for each in zip(*(one.modes for one in some), strict=True)
            )
            needs = [{need.material: need.quantity for need in one.materials} for one in some]
            names = dict.fromkeys(chain.from_iterable(needs))
            counts = {name: pick(need.get(name, 0) for need in needs) for name in names}
            materials = tuple(MaterialNeed(name, count) for name, count in counts.items() if count)
            family = first.family if all(one.family == first.family for one in some) else None
            first = replace(first, modes=modes, materials=materials, family=family)
        preceding = self._preceding(some, pick)
        return first if preceding == first.predecessors else replace(first, predecessors=preceding)

    def _preceding(self, some: Sequence[Operation], pick: Pick) -> tuple[Precedence, ...]:
        """What precedes it in any of the orders; for the shortest, what is in all of them and precedes it in all."""
        waits = [{before.operation: before.minimum_wait for before in one.predecessors} for one in some]
        names = dict.fromkeys(chain.from_iterable(waits))
        if pick is min:
            return tuple(
                Precedence(name, min(each[name] for each in waits))
                for name in names if name in self._common and all(name in each for each in waits)
            )
        return tuple(Precedence(name, max(each.get(name, 0) for each in waits)) for name in names)
