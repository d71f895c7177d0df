"""From a finished product to the day it arrives: the carrier's cut-off, its working days, the zone of the ship-to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from importlib.resources import files
from zoneinfo import ZoneInfo

from catalog.factory import DAYS, local_instant


@dataclass(frozen=True, slots=True)
class CarrierTerms:
    """What a carrier promises: it fetches until `cutoff` (plant time) on working days, and needs some to arrive.

    `collected`: nobody carries it; the buyer has it at the plant from the cut-off on.
    """

    code: str
    name: Mapping[str, str]
    cutoff: str
    working_days: tuple[str, ...]
    transit_days: Mapping[str, int]  # by country
    collected: bool = False


@dataclass(frozen=True, slots=True)
class Delivery:
    """The cut-off that a parcel makes and the date, in `zone`, on which it arrives at the ship-to or can be fetched."""

    carrier: CarrierTerms
    dispatch_at: datetime
    arrives_on: date
    zone: str


@lru_cache(maxsize=1)
def _zones() -> Mapping[str, str]:
    """Country -> the first zone that the time zone database lists for it."""
    found: dict[str, str] = {}
    for row in files("tzdata").joinpath("zoneinfo/zone.tab").read_text(encoding="utf-8").splitlines():
        if row and not row.startswith("#"):
            country, _, zone = row.split("\t")[:3]
            found.setdefault(country, zone)
    return found


def zone_of(country: str) -> str:
    """The most populous zone of a country (ISO 3166-1 alpha-2); UTC for one that has none."""
    return _zones().get(country.upper(), "UTC")


def dispatch_at(ready_at: datetime, cutoff: str, working_days: Sequence[str], plant_zone: str) -> datetime:
    """The first cut-off at or after `ready_at`, on a working day of the carrier."""
    zone = ZoneInfo(plant_zone)
    day = ready_at.astimezone(zone).date()
    at = time.fromisoformat(cutoff)
    for _ in range(15):
        if DAYS[day.weekday()] in working_days:
            leaves = _instant(day, at, zone)
            if leaves >= ready_at:
                return leaves
        day += timedelta(days=1)
    raise ValueError("A carrier works on at least one day of the week.")


@lru_cache(maxsize=4096)
def _instant(day: date, at: time, zone: ZoneInfo) -> datetime:
    return local_instant(day, at, zone)


def arrives_on(leaves_at: datetime, transit_days: int, working_days: Sequence[str], zone: str) -> date:
    """The date in `zone` after `transit_days` working days of the carrier, counted from the day after dispatch."""
    return _arrives(leaves_at, transit_days, tuple(working_days), zone)


@lru_cache(maxsize=4096)  # many options of a page leave with the same parcel
def _arrives(leaves_at: datetime, transit_days: int, working_days: tuple[str, ...], zone: str) -> date:
    day = leaves_at.astimezone(ZoneInfo(zone)).date()
    while transit_days > 0:
        day += timedelta(days=1)
        if DAYS[day.weekday()] in working_days:
            transit_days -= 1
    return day


def deliver(
    carriers: Sequence[CarrierTerms], ready_at: datetime, plant_zone: str, country: str, zone: str
) -> Delivery | None:
    """The delivery that arrives first; None if no carrier goes there."""
    offers = []
    for carrier in carriers:
        if (transit := carrier.transit_days.get(country)) is not None:
            leaves = dispatch_at(ready_at, carrier.cutoff, carrier.working_days, plant_zone)
            where = plant_zone if carrier.collected else zone
            day = arrives_on(leaves, transit, carrier.working_days, where)
            offers.append(Delivery(carrier, leaves, day, where))
    return min(offers, key=lambda offer: (offer.arrives_on, offer.dispatch_at, offer.carrier.code), default=None)
