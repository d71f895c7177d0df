"""Cut-offs, working days and the zone of the ship-to."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from configurator.planning.carriers import CarrierTerms, arrives_on, deliver, dispatch_at, zone_of

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri")
SHANGHAI = "Asia/Shanghai"


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc,arg-type]


@pytest.mark.parametrize(("ready", "leaves"), [
    (utc(2026, 11, 25, 8, 59), utc(2026, 11, 25, 9)),  # a minute before 17:00 in Shanghai
    (utc(2026, 11, 25, 9), utc(2026, 11, 25, 9)),  # at the cut-off it is still taken along
    (utc(2026, 11, 25, 9, 1), utc(2026, 11, 26, 9)),  # a minute after: the next day
    (utc(2026, 11, 27, 10), utc(2026, 11, 30, 9)),  # Friday evening: Monday
    (utc(2026, 11, 27, 17), utc(2026, 11, 30, 9)),  # Friday in UTC, Saturday in Shanghai
])
def test_a_parcel_leaves_at_the_first_cutoff_of_a_working_day(ready, leaves):
    assert dispatch_at(ready, "17:00", WEEKDAYS, SHANGHAI) == leaves


@pytest.mark.parametrize(("transit", "days", "zone", "arrives"), [
    (0, WEEKDAYS, SHANGHAI, date(2026, 11, 26)),
    (1, WEEKDAYS, SHANGHAI, date(2026, 11, 27)),
    (2, WEEKDAYS, SHANGHAI, date(2026, 11, 30)),  # the weekend does not count
    (2, (*WEEKDAYS, "sat"), SHANGHAI, date(2026, 11, 28)),  # Saturday does for this carrier
    (1, WEEKDAYS, "America/Los_Angeles", date(2026, 11, 26)),  # it is still Wednesday there when the parcel leaves
])
def test_transit_counts_the_carriers_working_days_and_dates_are_the_ship_tos(transit, days, zone, arrives):
    thursday_morning = utc(2026, 11, 26, 1)
    assert arrives_on(thursday_morning, transit, days, zone) == arrives


def test_the_carrier_that_arrives_first_is_taken_and_none_goes_everywhere():
    slow = CarrierTerms("slow", {}, "18:00", WEEKDAYS, {"CN": 5})
    fast = CarrierTerms("fast", {}, "12:00", WEEKDAYS, {"CN": 1, "DE": 9})
    ready = utc(2026, 11, 25, 5)  # 13:00: the fast one has left for today, and is still first
    assert deliver((slow, fast), ready, SHANGHAI, "CN", SHANGHAI).carrier is fast
    assert deliver((slow, fast), ready, SHANGHAI, "BR", "America/Sao_Paulo") is None


@pytest.mark.parametrize(("country", "zone"), [
    ("CN", "Asia/Shanghai"), ("DE", "Europe/Berlin"), ("us", "America/New_York"), ("ZZ", "UTC"),
])
def test_a_country_has_a_zone(country, zone):
    assert zone_of(country) == zone
