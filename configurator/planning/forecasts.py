"""What is said of an order that nobody has placed yet: where it would be made, when it would be there, by which way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

from configurator.planning.books import PlantBook
from configurator.planning.carriers import CarrierTerms, Delivery, deliver
from configurator.planning.models import ManufacturingOrder
from configurator.planning.records import instant
from solver.scheduling.book import Promise
from solver.scheduling.problem import Placement, WorkOrder


@dataclass(frozen=True, slots=True)
class Destination:
    """Where it is to arrive: country (ISO 3166-1 alpha-2) and IANA zone. `by`: with whom; None: the soonest carrier."""

    country: str
    zone: str
    by: CarrierTerms | None = None


@dataclass(frozen=True, slots=True)
class Forecast:
    """The earliest date by the present schedule; nothing is held yet.

    `completes_at`: end of the last operation. `promise_at`: with the buffer. `dispatch_at`: the carrier's first cut-off
    at or after it. `arrives_on`: date at the ship-to, `carrier_days` counted in transit. `moved`: where operations of
    other orders go to make room, each within its own promise. `at_once`: when it would arrive without the rearrangement
    that a search has found; None: nothing is rearranged. `part`: what another plant makes of it; None: nothing.
    """

    plant_id: int
    plant_name: Mapping[str, str]
    plant_zone: str
    completes_at: datetime
    promise_at: datetime
    dispatch_at: datetime
    arrives_on: date
    carrier_code: str
    carrier_name: Mapping[str, str]
    carrier_cutoff: str
    carrier_days: tuple[str, ...]
    transit_days: int
    country: str
    zone: str
    version: int
    work_order: WorkOrder
    placements: tuple[Placement, ...]
    moved: Sequence[Placement] = ()
    at_once: date | None = None
    part: PartForecast | None = None

    @property
    def first_date(self) -> date:
        """When it would arrive by the answer at once, as the dates of its options are given."""
        return self.at_once or self.arrives_on

    @property
    def moved_orders(self) -> list[str]:
        """The numbers of the other orders that make room, in order."""
        there = self.part.forecast.moved_orders if self.part is not None else []
        return sorted({*there, *(placement.operation.partition("/")[0] for placement in self.moved)})

    @property
    def plant_ids(self) -> tuple[int, ...]:
        """The plants whose slots it takes."""
        return tuple(one.plant_id for one in self.both)

    @property
    def both(self) -> tuple[Forecast, ...]:
        """It, and its part by itself."""
        return (self,) if self.part is None else (self, self.part.forecast)


@dataclass(frozen=True, slots=True)
class PartForecast:
    """A part of an order that another plant makes, and its way to the plant of the rest.

    `forecast`: of the part by itself; its dispatch is when it has to be made for the transport that leaves at
    `leaves_at`: earlier than that if it has to rest before. It is there at `arrives_at`.
    """

    part: str
    name: Mapping[str, str]
    forecast: Forecast
    leaves_at: datetime
    arrives_at: datetime


def dated(
    plant: PlantBook, order: WorkOrder, promise: Promise, to: Destination
) -> Forecast | None:
    """Completion, buffer, carrier; None if no carrier goes there."""
    completes_at = instant(promise.completion)
    promise_at = completes_at + timedelta(minutes=plant.margins.buffer)
    delivery = delivery_to(to, plant.carriers, promise_at, plant.zone)
    if delivery is None:
        return None
    return Forecast(
        plant_id=plant.plant_id, plant_name=plant.name, plant_zone=plant.zone, completes_at=completes_at,
        promise_at=promise_at, version=plant.version, work_order=order, placements=promise.placements,
        moved=promise.moved, **delivery_columns(delivery, to.country),
    )


def redirected(found: Forecast, to: Destination) -> Forecast | None:
    """The same slots with another delivery; None if that does not go there."""
    delivery = delivery_to(to, (), found.promise_at, found.plant_zone)
    return None if delivery is None else replace(found, **delivery_columns(delivery, to.country))


def delivery_to(
    to: Destination, carriers: Sequence[CarrierTerms], ready_at: datetime, plant_zone: str
) -> Delivery | None:
    """The delivery of what is ready then, with whom it is to go or else with the soonest of the plant's carriers."""
    return deliver(carriers if to.by is None else (to.by,), ready_at, plant_zone, to.country, to.zone)


def delivery_columns(delivery: Delivery, country: str) -> dict[str, Any]:
    """What a forecast and a manufacturing order keep of a delivery."""
    carrier = delivery.carrier
    return {
        "dispatch_at": delivery.dispatch_at, "arrives_on": delivery.arrives_on, "carrier_code": carrier.code,
        "carrier_name": carrier.name, "carrier_cutoff": carrier.cutoff, "carrier_days": carrier.working_days,
        "transit_days": carrier.transit_days[country], "country": country, "zone": delivery.zone,
    }


def same_way(promised: Forecast | ManufacturingOrder, plant: PlantBook) -> Destination:
    """Where it went, in the way that was promised; the plant's own carriers have their terms of today."""
    by = None
    if promised.carrier_code not in {carrier.code for carrier in plant.carriers}:
        by = CarrierTerms(
            promised.carrier_code, promised.carrier_name, promised.carrier_cutoff, tuple(promised.carrier_days),
            {promised.country: promised.transit_days},
        )
    return Destination(promised.country, promised.zone, by)
