"""How much is free in the plants of partners, as a planner sees it: a line and day, how old that is, what is ours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from itertools import pairwise
from zoneinfo import ZoneInfo

from sqlmodel import Session, select

from catalog.factory import Line, Plant, line_key, lines_of, local_instant, plants_of, windows
from configurator import db
from configurator.planning.board import calendars_of, downtimes_of
from configurator.planning.books import Rows, read_rows
from configurator.planning.holds import held_orders
from configurator.planning.models import PartnerKey
from configurator.planning.posted import NO_LONGER, Posted, posted
from configurator.planning.records import second
from solver.scheduling.calendar import Calendar
from solver.scheduling.problem import Placement

Words = Mapping[str, str]
DAYS = 7  # that are shown


class Trust(StrEnum):
    """Whether the shop promises by what is known of a partner's plant."""

    CURRENT = "current"
    OUTDATED = "outdated"  # the last post is too old
    INCOMPLETE = "incomplete"  # since then the factory file has lines or materials that it does not have
    NOTHING = "nothing"  # nothing was posted yet


@dataclass(frozen=True, slots=True)
class FreeDay:
    """Working time of a line on a day: what is free, what we have reserved, what is the partner's."""

    free: timedelta
    ours: timedelta
    taken: timedelta

    @property
    def open(self) -> timedelta:
        """All of it."""
        return self.free + self.ours + self.taken

    def width(self, part: timedelta) -> float:
        """Its share of the whole in percent."""
        return round(100 * part / self.open, 1) if self.open else 0.0


@dataclass(frozen=True, slots=True)
class FreeLine:
    """A line and its next days."""

    name: Words
    days: tuple[FreeDay, ...]


@dataclass(frozen=True, slots=True)
class Reserved:
    """An order of ours there. `known`: the last post takes it into account; None: it is only held, and not told."""

    order_id: int
    number: str
    product_name: Words
    completes_at: datetime
    dispatch_at: datetime
    known: bool | None


@dataclass(frozen=True, slots=True)
class PartnersPlant:
    """A partner's plant. `days`: local to it; without a post there are neither days nor lines."""

    plant_id: int
    code: str
    name: Words
    zone: str
    hours: int
    trust: Trust
    valid_at: datetime | None
    good_until: datetime | None
    key_made_at: datetime | None
    days: tuple[date, ...]
    lines: tuple[FreeLine, ...]
    orders: tuple[Reserved, ...]


def partners_plants(session: Session, company_id: int, *, now: datetime) -> tuple[PartnersPlant, ...]:
    """Every plant of a partner, by code."""
    return tuple(_plant(session, plant, now) for plant in plants_of(session, company_id) if plant.is_partners)


def _plant(session: Session, plant: Plant, now: datetime) -> PartnersPlant:
    last, rows = posted(session, plant), read_rows(session, db.id_of(plant), now=now)
    key = session.exec(
        select(PartnerKey.made_at).where(
            PartnerKey.company_id == plant.company_id, PartnerKey.plant_id == plant.id
        )
    ).one_or_none()
    today = now.astimezone(ZoneInfo(plant.zone)).date()
    days = tuple(today + timedelta(days=ahead) for ahead in range(DAYS)) if last is not None else ()
    trust = _trust(last, now)
    return PartnersPlant(
        plant_id=db.id_of(plant), code=plant.code, name=plant.name, zone=plant.zone, hours=plant.capacity_hours or 0,
        trust=trust, valid_at=last.valid_at if last is not None else None,
        good_until=last.good_until if last is not None and trust is not Trust.INCOMPLETE else None, key_made_at=key,
        days=days, lines=_lines(session, rows, days, now) if days else (), orders=_orders(session, rows, last),
    )  # fmt: skip


def _trust(last: Posted | None, now: datetime) -> Trust:
    if last is None:
        return Trust.NOTHING
    if last.good_until == NO_LONGER:
        return Trust.INCOMPLETE
    return Trust.CURRENT if now < last.good_until else Trust.OUTDATED


def _lines(session: Session, rows: Rows, days: Sequence[date], now: datetime) -> tuple[FreeLine, ...]:
    """From now on: what is left of today is the rest of it."""
    plant, zone = rows.plant, ZoneInfo(rows.plant.zone)
    edges = [max(now, local_instant(day, time(), zone)) for day in (*days, days[-1] + timedelta(days=1))]
    clocks = {line.id: Calendar(line) for line in rows.problem.lines}
    standing: dict[str, list[Placement]] = {}
    for place in rows.placements.values():
        standing.setdefault(place.line, []).append(place)
    calendars, downtimes = calendars_of(session, plant), downtimes_of(session, plant, edges[0], edges[-1])

    def free_day(line: Line, clock: Calendar, here: Sequence[Placement], start: datetime, end: datetime) -> FreeDay:
        off = downtimes.get(line.id or 0, ())
        usual = sum(w.end - w.start for w in windows(calendars[line.calendar_id], off, start, end))
        begins, ends = second(start), second(end)
        within = [(max(begins, p.start), min(ends, p.end), p.operation in rows.operations) for p in here]
        ours = sum(clock.work(z) - clock.work(a) for a, z, own in within if own and a < z)
        taken = sum(clock.work(z) - clock.work(a) for a, z, own in within if not own and a < z)
        free = max(0, clock.work(ends) - clock.work(begins) - ours - taken)
        return FreeDay(*(timedelta(seconds=part) for part in (free, ours, max(taken, usual - free - ours, 0))))

    return tuple(
        FreeLine(line.name, tuple(
            free_day(line, clocks[key], standing.get(key, ()), start, end)
            for start, end in pairwise(edges)
        ))
        for line in lines_of(session, plant) if (key := line_key(plant, line)) in clocks
    )  # fmt: skip


def _orders(session: Session, rows: Rows, last: Posted | None) -> tuple[Reserved, ...]:
    held = held_orders(session, rows.plant.company_id)
    known = last.settled if last is not None else frozenset()
    return tuple(sorted((
        Reserved(
            row.id or 0, row.number, row.product_name, row.completes_at, row.dispatch_at,
            None if row.id in held else row.number in known,
        )
        for row in rows.orders.values() if row.finished_at is None
    ), key=lambda one: (one.completes_at, one.number)))  # fmt: skip
