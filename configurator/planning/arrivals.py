"""On which day would each of many variants arrive that differ little? What stands between two orders is not asked for.

Orders of the same setup families differ in durations, materials and in what some of them need and others do not. Where
what all have in common, as short as in any, arrives on the same day as what any of them has, as long as in any, so does
every order between.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from itertools import chain, pairwise
from time import monotonic

from catalog.explode import operation_id
from catalog.offer import Offer
from catalog.reckon import Reckoning
from catalog.split import splits_of
from configurator.planning import promise
from configurator.planning.books import PlantBook, current_books
from configurator.planning.forecasts import Destination, dated
from configurator.planning.quoting import ASKED, exploded, quoted, same_order
from solver.scheduling.book import Book, Promise
from solver.scheduling.problem import (
    NEVER as NO_TIME,
)
from solver.scheduling.problem import (
    FamilyId,
    LineId,
    MaterialNeed,
    Mode,
    Operation,
    OperationId,
    Precedence,
    Running,
    Second,
    WorkOrder,
)

AT_ONCE = 64  # variants whose days are asked for in one call
MUCH_LATER = 24 * 60 * 60  # seconds
FEW = 3  # orders that are asked for one by one
NEVER = date.max
Pick = Callable[[Iterable[int]], int]  # the least, or the greatest


def arrivals_each(
    offer: Offer, variants: Sequence[Reckoning], to: Destination, *, seconds: float,
    not_before: datetime | None = None, now: datetime | None = None, books: Sequence[PlantBook] | None = None,
) -> tuple[date | None, ...]:
    """The day on which each variant by itself would arrive, None where there is no room; by one state of the books.

    In their order, as many as the time suffices for; they are all beside one variant. A day is that of the variant's
    forecast as far as a longer order finds no better places than a shorter one, which it seldom does. `not_before`: as
    of `promise.forecast`. `books`: those that are current, if they are known.
    """
    books = current_books(offer.company_id) if books is None else books
    firm, end = promise.firm_at(now, not_before), monotonic() + seconds
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
    done: dict[int, int] = field(default_factory=dict)  # by the order's id: by when it could be, see `_done`

    def narrow(
        self, places: Sequence[int], bounds: tuple[date, date] = (date.min, NEVER), *, apart: bool = True
    ) -> None:
        """The days of these orders, which are within `bounds`. `apart`: cut them where they differ most."""
        first, last = bounds
        places = [place for place in places if self.days[place] > first]  # the others cannot become earlier
        orders = tuple({id(self.made[place]): self.made[place] for place in places}.values())
        if len(orders) <= FEW:
            found = dict(zip(map(id, orders), self._days(orders), strict=True))
            for place in places:
                self.days[place] = min(self.days[place], found[id(self.made[place])])
            return
        bundle = _Bundle(orders, self.in_order, self.plant.book)
        shortest = max(first, self._day_of(bundle.shortest(), date.min))
        if any(self.days[place] <= shortest for place in places):
            self.narrow(places, (shortest, last), apart=apart)
            return
        longest = last if shortest >= last else min(last, self._day_of(bundle.longest(), NEVER))
        if shortest >= longest:
            for place in places:
                self.days[place] = min(self.days[place], longest)
            return
        for part in self._parts(places, apart=apart):
            self.narrow(part, (shortest, longest), apart=not apart)

    def _parts(self, places: Sequence[int], *, apart: bool) -> Sequence[Sequence[int]]:
        """Those that are supplied much later apart, then of a family, of a structure, then in two by what they take.

        In two where the gap is widest (`apart`), or in the middle.
        """
        done = {place: self._done(self.made[place]) for place in places}
        in_order = sorted(places, key=done.__getitem__)
        gaps = [done[after] - done[before] for before, after in pairwise(in_order)]
        widest = 1 + gaps.index(max(gaps))
        if max(gaps) < MUCH_LATER:
            by_family = sorted(_grouped(places, lambda place: _families(self.made[place])), key=len)
            if len(by_family) > 1:
                middle = len(by_family) - 1 if len(by_family[-1]) > 1 else len(by_family) // 2
                return list(chain.from_iterable(by_family[:middle])), list(chain.from_iterable(by_family[middle:]))
            by_structure = _grouped(places, lambda place: _structure(self.made[place]))
            if len(by_structure) > 1:
                return by_structure
            if not apart:
                widest = len(places) // 2
        return in_order[:widest], in_order[widest:]

    def _done(self, order: WorkOrder) -> int:
        """By when an order could be done by one who has every line for himself, if it is supplied."""
        known = self.done.get(id(order))
        if known is None:
            supplied = self.plant.book.supplied(order, self.start)
            work = sum(one.modes[0].duration for one in order.operations)
            known = self.done[id(order)] = work + (NO_TIME if supplied is None else supplied)
        return known

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


def _is_mixed(some: Sequence[Operation]) -> bool:
    return any(one.family != some[0].family for one in some)


def _frame(one: Operation) -> Hashable:
    return tuple((mode.line, mode.needs) for mode in one.modes), one.running, one.size, one.route, one.release


class _Bundle:
    """Orders, taken together operation by operation. `in_order`: operations in the sequence of the routing."""

    def __init__(self, orders: Sequence[WorkOrder], in_order: Sequence[OperationId], book: Book) -> None:
        self._some, self._book = orders[0], book
        found: dict[OperationId, dict[int, Operation]] = {}
        times: Counter[OperationId] = Counter()
        for order in orders:
            for one in order.operations:
                found.setdefault(one.id, {})[id(one)] = one
                times[one.id] += 1
        self._made = {name: tuple(found[name].values()) for name in in_order if name in found}
        self._common = {name for name, count in times.items() if count == len(orders)}
        self._alike = all(map(self._are_alike, self._made.values()))

    def _are_alike(self, some: Sequence[Operation]) -> bool:
        """Whether one of the same frame can stand for all of them: in an oven only those of the same family."""
        if len({_frame(one) for one in some}) > 1:
            return False
        return not _is_mixed(some) or not any(self._book.line(mode.line).batch for mode in some[0].modes)

    def shortest(self) -> WorkOrder | None:
        """What all the orders have in common, as short as in any of them and with the least of each material.

        An operation of several setup families has none: no setup at all is shorter than any. None: it is not known.
        """
        return self._order([name for name in self._made if name in self._common], min)

    def longest(self) -> WorkOrder | None:
        """What any of the orders has, as long as in any of them and with the most of each material.

        One of several setup families has none, and takes the longest setups before and after any of them as well. None:
        it is not known.
        """
        if any(_is_mixed(some) and some[0].running is Running.UNATTENDED for some in self._made.values()):
            return None  # a setup waits for opened lines, which the rest of it does not
        return self._order(self._made, max)

    def _order(self, names: Iterable[OperationId], pick: Pick) -> WorkOrder | None:
        operations = tuple(self._operation(self._made[name], pick) for name in names)
        if not self._alike or not operations:
            return None
        return same_order(replace(self._some, operations=operations))

    def _operation(self, some: Sequence[Operation], pick: Pick) -> Operation:
        first = some[0]
        if len(some) > 1:
            families = {one.family for one in some}
            setups = {mode.line: self._setups(mode.line, families) if pick is max else 0 for mode in first.modes}
            modes = tuple(
                Mode(each[0].line, pick(mode.duration for mode in each) + setups[each[0].line], each[0].needs)
                for each in zip(*(one.modes for one in some), strict=True)
            )
            needs = [{need.material: need.quantity for need in one.materials} for one in some]
            names = dict.fromkeys(chain.from_iterable(needs))
            counts = {name: pick(need.get(name, 0) for need in needs) for name in names}
            materials = tuple(MaterialNeed(name, count) for name, count in counts.items() if count)
            first = replace(first, modes=modes, materials=materials, family=None if _is_mixed(some) else first.family)
        elif pick is max:
            return first
        preceding = self._preceding(some, pick)
        return first if preceding == first.predecessors else replace(first, predecessors=preceding)

    def _setups(self, line: LineId, families: Set[FamilyId | None]) -> int:
        """Seconds of the longest setups before and after one of several families that is given as none."""
        matrix = self._book.setups(line)
        if matrix is None or len(families) == 1:
            return 0
        before = max((took for (_, to), took in matrix.seconds.items() if to in families), default=0)
        after = max((took for (since, _), took in matrix.seconds.items() if since in families), default=0)
        return before + after

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
