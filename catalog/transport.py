"""What goes between plants: departures on days of the week, and when what is ready then arrives."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import JSON, CheckConstraint, and_
from sqlmodel import Field, Session, col, select

from catalog.factory import DAYS, DaysOff, Plant, days_off, is_off, local_instant
from catalog.rows import CompanyRow, company_keys, unique_in_company

LOOKS_AHEAD = 370  # days, in which a transport has left at least once or never does


class Transport(CompanyRow, table=True):
    """What leaves a plant for another one; `departures` and `holidays` as in TransportContent and HolidayContent."""

    __table_args__ = company_keys(
        unique_in_company("origin_id", "destination_id"),
        CheckConstraint("origin_id <> destination_id", name="transport_between_two"),
        CheckConstraint("minutes > 0", name="transport_minutes_positive"),
        origin_id="plant",
        destination_id="plant",
    )

    origin_id: int
    destination_id: int
    minutes: int
    departures: list[dict[str, Any]] = Field(sa_type=JSON)
    holidays: list[dict[str, Any]] = Field(default_factory=list, sa_type=JSON)


@dataclass(frozen=True, slots=True)
class TransportTerms:
    """A transport as promises are made with it. `zone`: of the plant that it leaves.

    `departures`: days of the week (0: Monday) and the local time at which it leaves.
    """

    origin_id: int
    destination_id: int
    zone: str
    minutes: int
    departures: tuple[tuple[frozenset[int], time], ...]
    days_off: DaysOff = ()

    def leaves(self, ready_at: datetime) -> datetime | None:
        """The first departure at or after an instant; None if there is none within a year."""
        zone = ZoneInfo(self.zone)
        first = ready_at.astimezone(zone).date()
        for day in (first + timedelta(days=ahead) for ahead in range(LOOKS_AHEAD)):
            if is_off(day, self.days_off):
                continue
            found = [local_instant(day, at, zone) for days, at in self.departures if day.weekday() in days]
            if left := [instant for instant in found if instant >= ready_at]:
                return min(left)
        return None

    def arrives(self, leaves_at: datetime) -> datetime:
        """When what leaves then is there."""
        return leaves_at + timedelta(minutes=self.minutes)


def transports_of(session: Session, company_id: int, origin_id: int | None = None) -> Sequence[TransportTerms]:
    """All transports of a company, or those that leave one plant, in the order of the file."""
    query = (
        select(Transport, Plant.zone)
        .join(Plant, and_(col(Plant.id) == Transport.origin_id, col(Plant.company_id) == Transport.company_id))
        .where(Transport.company_id == company_id)
        .order_by(col(Transport.id))
    )
    if origin_id is not None:
        query = query.where(Transport.origin_id == origin_id)
    return [_terms(row, zone) for row, zone in session.exec(query).all()]


def _terms(row: Transport, zone: str) -> TransportTerms:
    return TransportTerms(
        row.origin_id, row.destination_id, zone, row.minutes,
        tuple(
            (frozenset(DAYS.index(day) for day in one["days"]), time.fromisoformat(one["time"]))
            for one in row.departures
        ),
        days_off(row.holidays),
    )
