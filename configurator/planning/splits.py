"""When would it be there if another plant made a part of it? Asked beside making it all in one plant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from zoneinfo import ZoneInfo

from catalog.factory import DAYS
from catalog.offer import Offer
from catalog.reckon import Reckoning
from catalog.split import Split, splits_of
from catalog.transport import TransportTerms
from configurator.planning.books import PlantBook
from configurator.planning.carriers import CarrierTerms
from configurator.planning.forecasts import (
    Destination,
    Forecast,
    PartForecast,
    dated,
)
from configurator.planning.quoting import exploded_part, quoted, same_order
from configurator.planning.records import instant, second
from solver.scheduling.book import Promise
from solver.scheduling.problem import Second, WorkOrder

TRANSPORT = "transport"  # the carrier of what one plant makes for another one


def split_each(
    books: Sequence[PlantBook], offer: Offer, asked: Sequence[Reckoning], to: Destination, firm: Second,
    whole: Sequence[Forecast | None],
) -> list[Forecast | None]:
    """For each variant what was found for making it in one plant, or a split that arrives on an earlier day.

    One part is made elsewhere at a time.
    """
    best = list(whole)
    known = {plant.plant_id: plant for plant in books}
    for split in splits_of(offer.manufacturing):
        for there in books:
            if split.part.plants and there.code not in split.part.plants:
                continue
            for transport in there.transports:
                if (here := known.get(transport.destination_id)) is not None:
                    best = _earlier(offer, asked, split, there, here, transport, to, firm, best)
    return best


def split_forecast(
    offer: Offer, asked: Reckoning, split: Split, there: PlantBook, here: PlantBook, to: Destination, firm: Second
) -> Forecast | None:
    """The earliest date of one variant with its part made `there` and the rest `here`; None if that cannot be."""
    transport = next((one for one in there.transports if one.destination_id == here.plant_id), None)
    if transport is None:
        return None
    return _earlier(offer, [asked], split, there, here, transport, to, firm, [None])[0]


def _earlier(
    offer: Offer, asked: Sequence[Reckoning], split: Split, there: PlantBook, here: PlantBook,
    transport: TransportTerms, to: Destination, firm: Second, best: Sequence[Forecast | None],
) -> list[Forecast | None]:
    """Where one split arrives on an earlier day than the best so far, that one."""
    orders = [exploded_part(offer, one, there, split.there) for one in asked]
    promises = quoted(there, [order for order in orders if order is not None], there.free_from(firm))
    made = {key: promise for key, promise in promises.items() if promise is not None}
    soonest = {key: _soonest(split, there, here, transport, promise, to) for key, promise in made.items()}
    waiting: list[tuple[PartForecast, WorkOrder] | None] = []
    for one, order, other in zip(asked, orders, best, strict=True):
        found, at_best = None, soonest.get(id(order))
        if at_best is not None and (other is None or at_best < other.arrives_on):
            found = _waiting(offer, one, split, there, here, transport, made[id(order)])
        waiting.append(found)
    rests = quoted(here, [one[1] for one in waiting if one is not None], here.free_from(firm))
    dates: dict[int, Forecast | None] = {}  # orders that are the same object have the same date
    earlier: list[Forecast | None] = []
    for known, other in zip(waiting, best, strict=True):
        forecast = None
        if known is not None:
            part, rest = known
            if id(rest) not in dates:
                promise = rests[id(rest)]
                dates[id(rest)] = dated(here, rest, promise, to) if promise is not None else None
            dated_rest = dates[id(rest)]
            if dated_rest is not None and (other is None or dated_rest.arrives_on < other.arrives_on):
                forecast = replace(dated_rest, part=part)
        earlier.append(forecast or other)
    return earlier


def _soonest(
    split: Split, there: PlantBook, here: PlantBook, transport: TransportTerms, made: Promise, to: Destination
) -> date | None:
    """When it would be there if all were done at the very instant of the part's arrival; None: never."""
    part = _part(split, there, here, transport, made, 0)
    if part is None:
        return None
    at_best = dated(here, made.order, replace(made, completion=Second(second(part.arrives_at))), to)
    return at_best.arrives_on if at_best is not None else None


def _waiting(
    offer: Offer, asked: Reckoning, split: Split, there: PlantBook, here: PlantBook, transport: TransportTerms,
    made: Promise,
) -> tuple[PartForecast, WorkOrder] | None:
    """The part that is `made` there, and the rest that waits for it here; None if that cannot be."""
    joins = split.joins(asked)
    part = _part(split, there, here, transport, made, max(joins.values(), default=0))
    rest = exploded_part(offer, asked, here, split.here)
    if not joins or part is None or rest is None:
        return None
    return part, same_order(released(rest, joins, Second(second(part.arrives_at))))


def released(order: WorkOrder, joins: Mapping[str, int], at: Second) -> WorkOrder:
    """The order whose operations that go on with a part start once it is there."""
    prefix = len(order.id) + 1
    return replace(order, operations=tuple(
        replace(operation, release=at) if operation.id[prefix:] in joins else operation
        for operation in order.operations
    ))


def _part(
    split: Split, there: PlantBook, here: PlantBook, transport: TransportTerms, made: Promise, wait: int
) -> PartForecast | None:
    """The part with the first transport that it catches, with the buffer of its plant; None if none leaves."""
    completes_at = instant(made.completion)
    promise_at = completes_at + timedelta(minutes=there.margins.buffer)
    rests = timedelta(seconds=wait)
    leaves_at = transport.leaves(promise_at + rests)
    if leaves_at is None:
        return None
    arrives_at, way = transport.arrives(leaves_at), way_to(here, transport)
    own = Forecast(
        plant_id=there.plant_id, plant_name=there.name, plant_zone=there.zone, completes_at=completes_at,
        promise_at=promise_at, dispatch_at=leaves_at - rests,
        arrives_on=arrives_at.astimezone(ZoneInfo(here.zone)).date(),
        carrier_code=way.code, carrier_name=way.name, carrier_cutoff=way.cutoff, carrier_days=way.working_days,
        transit_days=way.transit_days[here.country], country=here.country, zone=here.zone, version=there.version,
        work_order=made.order, placements=made.placements, moved=made.moved,
    )
    return PartForecast(split.part.part, split.part.name.canonical(), own, leaves_at, arrives_at)


def way_to(here: PlantBook, transport: TransportTerms) -> CarrierTerms:
    """The transport as the carrier of what goes with it: its first departure of the week, whole days under way."""
    days, at = transport.departures[0]
    name = {"zh": f"运往{here.name['zh']}", "en": f"Transport to {here.name['en']}"}
    return CarrierTerms(
        TRANSPORT, name, at.isoformat("minutes"), tuple(DAYS[day].value for day in sorted(days)),
        {here.country: -(-transport.minutes // 1440)},
    )
