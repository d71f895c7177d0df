"""A forecast out of the books, and the reservation that turns it into a promise."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlmodel import select

from catalog.factory import Downtime, Line, Plant
from catalog.rows import utc_now
from configurator import db
from configurator.errors import DateLost, NoDate
from configurator.planning import promise as promise_module
from configurator.planning.books import current_books, engine_now, forget_books
from configurator.planning.models import ManufacturingOperation, ManufacturingOrder, ScheduleEvent
from configurator.planning.options import Options
from configurator.planning.promise import Destination
from solver.scheduling.book import NoRoom


def placements_of(company_id):
    return {plant.plant_id: dict(plant.book.placements) for plant in current_books(company_id)}


def test_a_forecast_is_the_completion_with_the_buffer_the_next_cutoff_and_the_transit(shop):
    found = shop.forecast()
    ends = max(placement.end for placement in found.placements)
    assert found.completes_at == datetime.fromtimestamp(ends, UTC)
    assert found.promise_at == found.completes_at + timedelta(minutes=60)
    assert found.promise_at <= found.dispatch_at
    assert found.arrives_on > found.dispatch_at.date()
    assert found.placements[0].start >= promise_module.engine_now()


def test_the_plant_whose_parcel_arrives_first_makes_it(shop):
    each = []
    for plant in current_books(shop.company_id):
        order = promise_module.exploded(shop.offer, shop.variants[0], plant)
        placements = plant.book.quote(order, not_before=promise_module.engine_now())
        assert not isinstance(placements, NoRoom)
        each.append(promise_module.dated(plant, order, placements, Destination("CN", "Asia/Shanghai")))
    assert shop.forecast().arrives_on == min(found.arrives_on for found in each)


def test_what_was_shown_is_stored_with_its_slots_and_one_event(shop, judge):
    shown = shop.forecast()
    held = shop.reserve(shown=shown)
    with db.reading() as session:
        order = session.get_one(ManufacturingOrder, held.manufacturing_order_id)
        assert (order.promise_at, order.dispatch_at, order.arrives_on) == (
            shown.promise_at, shown.dispatch_at, shown.arrives_on)
        rows = session.exec(select(ManufacturingOperation).order_by(ManufacturingOperation.position)).all()
        assert [int(row.starts_at.timestamp()) for row in rows] == [p.start for p in shown.placements]
        events = session.exec(select(ScheduleEvent)).all()
        plant = session.get_one(Plant, shown.plant_id)
        assert [(event.version, event.data["number"]) for event in events] == [(plant.schedule_version, "MO-1")]
    assert judge(shop.company_id) == []


def test_every_stored_schedule_passes_the_judge(shop, judge):
    for variant in range(40):
        shop.reserve(variant)
    assert judge(shop.company_id) == []


def test_orders_that_were_shown_the_same_slot_get_different_ones(shop, judge):
    """Both buyers saw the slot free; the second one is inserted anew, under the lock."""
    shown = replace(shop.forecast(), arrives_on=date(2100, 1, 1))  # whenever it arrives
    first, second = shop.reserve(shown=shown), shop.reserve(shown=shown)
    assert first.forecast.placements[0].start == shown.placements[0].start
    with db.reading() as session:  # where they stand now: the first may have made room for the second
        rows = session.exec(select(ManufacturingOperation)).all()
    taken = {order_id: {(r.line_id, r.starts_at) for r in rows if r.order_id == order_id} for order_id in
             (first.manufacturing_order_id, second.manufacturing_order_id)}
    assert all(taken.values()) and set.isdisjoint(*taken.values())
    assert judge(shop.company_id) == []


def test_without_the_version_check_the_slot_would_be_sold_twice(shop, judge, monkeypatch):
    """The negative control of the test above."""
    shown = replace(shop.forecast(), arrives_on=date(2100, 1, 1))  # whenever it arrives
    shop.reserve(shown=shown)
    monkeypatch.setattr(promise_module, "_still", lambda offer, variant, shown, plant, start: shown)
    shop.reserve(shown=shown)
    assert judge(shop.company_id)


def test_a_date_that_cannot_be_held_is_refused_with_the_new_one(shop):
    shown = shop.forecast()
    shop.reserve(shown=shown)
    too_early = replace(shown, arrives_on=shown.arrives_on - timedelta(days=1))
    with pytest.raises(DateLost) as lost:
        shop.reserve(shown=too_early)
    assert lost.value.data["arrives_on"] >= shown.arrives_on
    with db.reading() as session:
        assert len(session.exec(select(ManufacturingOrder)).all()) == 1


def test_an_earlier_arrival_than_the_shown_one_changes_no_promise(shop):
    shown = replace(shop.forecast(), arrives_on=date(2100, 1, 1))
    held = shop.reserve(shown=shown)
    with db.reading() as session:
        assert session.get_one(ManufacturingOrder, held.manufacturing_order_id).arrives_on == date(2100, 1, 1)


def test_a_reservation_that_is_rolled_back_leaves_the_book_as_it_was(shop):
    before = placements_of(shop.company_id)
    with pytest.raises(RuntimeError), db.writing() as session:
        shop.reserve_in(session, 0, shop.forecast())
        raise RuntimeError("the payment failed")
    assert placements_of(shop.company_id) == before
    shop.reserve(1)  # its version was given to nobody
    assert sum(map(len, placements_of(shop.company_id).values())) > 0


def test_two_orders_of_one_transaction_do_not_share_a_slot(shop, judge):
    shown = shop.forecast()
    with db.writing() as session:
        shop.reserve_in(session, 0, shown)
        shop.reserve_in(session, 0, shown)
    assert judge(shop.company_id) == []


def test_a_book_that_followed_the_events_equals_one_that_was_read_anew(shop):
    current_books(shop.company_id)
    for variant in range(12):
        shop.reserve(variant)
    followed = placements_of(shop.company_id)
    forget_books()
    assert placements_of(shop.company_id) == followed


def test_a_change_of_the_factory_is_seen_by_the_next_forecast(shop):
    """A new version without an event: the book is read anew, with the downtime in it."""
    before = shop.forecast()
    with db.writing() as session:
        for line in session.exec(select(Line).where(Line.plant_id == before.plant_id, Line.stage == "packing")).all():
            session.add(Downtime(
                company_id=shop.company_id, line_id=line.id, starts_at=utc_now() - timedelta(days=1),
                ends_at=utc_now() + timedelta(days=40),
            ))
        db.lock_row(session, Plant, before.plant_id).schedule_version += 1
    after = shop.forecast()
    assert after.plant_id != before.plant_id or after.completes_at > before.completes_at + timedelta(days=30)


def test_no_carrier_no_date(shop):
    with pytest.raises(NoDate):
        shop.forecast(to=Destination("BR", "America/Sao_Paulo"))


def test_no_capacity_inside_the_horizon_no_date(shop, monkeypatch):
    from configurator.planning import options

    monkeypatch.setattr(options, "_options", Options(horizon_days=0))
    forget_books()
    with pytest.raises(NoDate):
        shop.forecast()


def test_nothing_starts_before_the_next_full_minute():
    at = datetime(2026, 11, 25, 8, 30, 1, tzinfo=UTC)
    assert engine_now(at) == engine_now(at + timedelta(seconds=58)) == at.timestamp() + 59
