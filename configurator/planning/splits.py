"""When would it be there if another plant made a part of it? Asked beside making it all in one plant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
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
from configurator.planning.quoting import exploded, quoted, same_order
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
    parts = [exploded(offer, one, there, split.there) for one in asked]
    promises = quoted(there, [order for order in parts if order is not None], there.free_from(firm))
    found: list[Forecast | None] = []
    for one, order, other in zip(asked, parts, best, strict=True):
        promise = promises[id(order)] if order is not None else None
        known = None
        if promise is not None:
            known = _in_two(offer, one, split, there, here, transport, promise, to, firm, other)
        found.append(other if known is None else known)
    return found


def _in_two(
    offer: Offer, asked: Reckoning, split: Split, there: PlantBook, here: PlantBook, transport: TransportTerms,
    made: Promise, to: Destination, firm: Second, other: Forecast | None,
) -> Forecast | None:
    """The forecast with a part that is `made` there; None if it arrives no earlier than the `other` one, or never."""
    least = _part(split, there, here, transport, made, 0)
    if least is None:
        return None
    at_best = dated(here, made.order, replace(made, completion=Second(second(least.arrives_at))), to)
    if at_best is None or (other is not None and at_best.arrives_on >= other.arrives_on):
        return None
    joins = split.joins(asked)
    part = _part(split, there, here, transport, made, max(joins.values(), default=0))
    rest = exploded(offer, asked, here, split.here)
    if not joins or part is None or rest is None:
        return None
    waiting = same_order(released(rest, joins, Second(second(part.arrives_at))))
    promise = quoted(here, [waiting], here.free_from(firm))[id(waiting)]
    found = dated(here, waiting, promise, to) if promise is not None else None
    if found is None or (other is not None and found.arrives_on >= other.arrives_on):
        return None
    return replace(found, part=part)


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
    leaves_at = transport.leaves(promise_at + timedelta(seconds=wait))
    if leaves_at is None:
        return None
    arrives_at, way = transport.arrives(leaves_at), way_to(here, transport)
    own = Forecast(
        plant_id=there.plant_id, plant_name=there.name, plant_zone=there.zone, completes_at=completes_at,
        promise_at=promise_at, dispatch_at=leaves_at, arrives_on=arrives_at.astimezone(ZoneInfo(here.zone)).date(),
        carrier_code=way.code, carrier_name=way.name, carrier_cutoff=way.cutoff, carrier_days=way.working_days,
        transit_days=way.transit_days[here.country], country=here.country, zone=here.zone, version=there.version,
        work_order=made.order, placements=made.placements, moved=made.moved,
    )
    return PartForecast(split.part.part, split.part.name.canonical(), own, arrives_at)


def way_to(here: PlantBook, transport: TransportTerms) -> CarrierTerms:
    """The transport as the carrier of what goes with it: its first departure of the week, whole days under way."""
    days, at = transport.departures[0]
    name = {"zh": f"运往{here.name['zh']}", "en": f"Transport to {here.name['en']}"}
    return CarrierTerms(
        TRANSPORT, name, at.isoformat("minutes"), tuple(DAYS[day].value for day in sorted(days)),
        {here.country: -(-transport.minutes // 1440)},
    )
