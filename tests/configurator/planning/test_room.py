"""The book improves itself: room for rush orders is made where a plant accepts it, within every promise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from sqlalchemy import update
from sqlmodel import select

from catalog.factory import Plant, plants_of
from catalog.rows import utc_now
from configurator import db
from configurator.audit import AuditEvent
from configurator.config import Settings
from configurator.planning import room
from configurator.planning.books import current_books, read_rows
from configurator.planning.clock import roll_plant
from configurator.planning.models import EventKind, ManufacturingOrder, ScheduleEvent
from configurator.planning.optimise import broken_anew, snapshot
from configurator.planning.records import instant
from configurator.planning.room import make_room_in, make_rooms
from solver.scheduling.book import Book, Promise
from solver.scheduling.problem import Second

SECONDS = 2.0


@pytest.fixture
def wuxi(house) -> int:
    with db.reading() as session:
        plant_id = next(plant.id for plant in plants_of(session, house) if plant.code == "wuxi")
    roll_plant(plant_id, utc_now(), reports_itself=True)  # the house was made at the beginning of all tests
    return plant_id


def schedule(plant_id: int):
    """Version and placements, as the rows have them."""
    with db.reading() as session:
        rows = read_rows(session, plant_id)
        return rows.plant.schedule_version, rows.placements


def rearranged(book: Book, *, report: Callable[[float, float], None], **_: object) -> Book:
    """What a search could find: an order goes an hour back, within its promise."""
    report(0.0, 2.0)
    report(1.0, 1.5)
    for order in book.orders.values():
        found, aside = book.held(order.id), book.copy()
        placements = found.placements.values()
        aside.remove(order.id)
        later = aside.quote(order, not_before=Second(min(p.start for p in placements) + 3600))
        last = order.promise or max(p.end for p in placements)
        free = not book.problem.fixed.keys() & found.placements.keys()
        if free and isinstance(later, Promise) and later.completion <= last:
            aside.commit(order, later.placements, later.moved)
            return aside
    raise AssertionError("no order has an hour to spare")


def test_what_moves_is_judged_kept_within_every_promise_and_told_as_the_systems(house, wuxi, judge, monkeypatch):
    version, before = schedule(wuxi)
    monkeypatch.setattr(room, "make_room", rearranged)
    with db.reading() as session:
        base = snapshot(session, wuxi)
    assert make_room_in(wuxi, seconds=SECONDS) == version + 1
    now, after = schedule(wuxi)
    moved = {key for key in after if after[key] != before[key]}
    assert now == version + 1
    assert moved
    assert not moved & base.problem.fixed.keys()
    assert judge(wuxi) == []
    assert broken_anew(base.problem, before, after) == []
    ends = {order.id: instant(max(after[o.id].end for o in order.operations)) for order in base.problem.orders}
    with db.reading() as session:
        event = session.exec(
            select(ScheduleEvent).where(ScheduleEvent.plant_id == wuxi, ScheduleEvent.version == now)
        ).one()
        assert (event.kind, event.actor_id, set(event.data["moved"])) == (EventKind.PUBLISHED, None, moved)
        told = session.exec(select(AuditEvent).where(AuditEvent.action == "schedule.room")).one()
        assert (told.actor_id, told.subject_id, told.data["moved"]) == (None, wuxi, len(moved))
        rows = {row.number: row for row in session.exec(select(ManufacturingOrder)).all()}
    assert {number: rows[number].completes_at for number in ends} == ends
    book = next(book for book in current_books(house) if book.plant_id == wuxi)
    assert book.version == now
    assert all(book.book.placements[key] == after[key] for key in moved)


def test_nothing_moves_where_orders_would_not_wait(house, wuxi):
    """The small house has room: the search ends at once, whatever time it has."""
    before = schedule(wuxi)
    make_rooms(Settings(room_seconds=60.0), done := {})
    assert schedule(wuxi) == before
    assert done[wuxi] == before[0]


def test_a_plant_that_accepts_no_automatic_moves_is_left_alone(house, wuxi):
    before = schedule(wuxi)
    with db.writing() as session:
        session.execute(update(Plant).values(accepts_automatic_moves=False))
    done: dict[int, int] = {}
    make_rooms(Settings(room_seconds=SECONDS), done)
    assert (schedule(wuxi), done) == (before, {})


def test_nothing_moves_when_the_schedule_moved_on_meanwhile(house, wuxi, monkeypatch):
    """Without the look at the version under the lock, what somebody was promised meanwhile would be overwritten."""
    version, before = schedule(wuxi)

    def outrun(book, **options):
        with db.writing() as session:
            session.execute(update(Plant).where(Plant.id == wuxi).values(schedule_version=version + 7))
        return rearranged(book, **options)

    monkeypatch.setattr(room, "make_room", outrun)
    make_room_in(wuxi, seconds=SECONDS)
    assert schedule(wuxi) == (version + 7, before)


def test_what_breaks_a_promise_is_not_written(house, wuxi, monkeypatch):
    version, before = schedule(wuxi)

    def spoilt(book, *, report, **_):
        """As if the search had lost sight of the promises: one order ends a month later."""
        report(0.0, 2.0)
        report(1.0, 1.0)
        place = max(book.placements.values(), key=lambda placement: placement.end)
        late = replace(place, start=place.start + 30 * 86_400, end=place.end + 30 * 86_400)

        class Spoilt:
            def moved_since(self, other):
                return (late,)

        return Spoilt()

    monkeypatch.setattr(room, "make_room", spoilt)
    assert make_room_in(wuxi, seconds=SECONDS) == version
    assert schedule(wuxi) == (version, before)


def test_a_schedule_is_looked_at_once_and_again_when_it_has_changed(house, wuxi, monkeypatch):
    asked: list[int] = []

    def counted(plant_id, **_):
        asked.append(plant_id)
        if len(asked) == 1:
            raise RuntimeError("one plant's trouble")
        return schedule(plant_id)[0]

    monkeypatch.setattr(room, "make_room_in", counted)
    done: dict[int, int] = {}
    with db.reading() as session:
        plants = sorted(plant.id for plant in plants_of(session, house))
    make_rooms(Settings(), done)
    assert asked == plants  # the others were looked at all the same
    make_rooms(Settings(), done)
    assert asked == [*plants, plants[0]]
    with db.writing() as session:
        session.execute(update(Plant).where(Plant.id == wuxi).values(schedule_version=Plant.schedule_version + 1))
    make_rooms(Settings(), done)
    assert asked == [*plants, plants[0], wuxi]
