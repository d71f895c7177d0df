"""The grace of a new order: nothing of it is frozen or begun, whoever asks, until its buyer's time is over."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import update
from sqlmodel import col, select

from catalog.factory import DAYS, Calendar, Plant
from catalog.rows import utc_now
from configurator import db
from configurator.planning import amend, holds
from configurator.planning.amend import amended, release
from configurator.planning.books import current_books, forget_books
from configurator.planning.decoupling import TooLate, standing, whole_window
from configurator.planning.grace import NoGrace, start_at_once
from configurator.planning.holds import Taken, hold, take
from configurator.planning.margins import Margins, margins_of, set_margins
from configurator.planning.models import ManufacturingOperation, ManufacturingOrder
from configurator.planning.optimise import objective_of, snapshot
from configurator.planning.records import second
from configurator.planning.reports import InGrace, start_operation
from solver.scheduling.search import search
from tests.configurator.planning.conftest import CHINA
from tests.configurator.planning.test_holds import KEY, Wish, forecast_all

pytestmark = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
GRACE, FROZEN = 90, 60


@pytest.fixture
def patient(shop):
    """The shop with a grace, and plants that never close, with a frozen horizon."""
    always = [{"days": list(DAYS), "start": "00:00", "end": "00:00"}]
    with db.writing() as session:
        session.execute(update(Calendar).values(weekly=always, holidays=[]))
        for plant in session.exec(select(Plant)).all():
            plant.frozen_minutes = FROZEN
            plant.schedule_version += 1
    forget_books()
    set_margins(shop.company_id, Margins(buffer=60, grace=GRACE, near=60))
    return shop


def first_start(order_id):
    with db.reading() as session:
        query = select(ManufacturingOperation).where(ManufacturingOperation.order_id == order_id)
        return session.exec(query.order_by(col(ManufacturingOperation.starts_at))).first()


def order_of(order_id):
    with db.reading() as session:
        return session.get_one(ManufacturingOrder, order_id)


def test_an_order_in_an_empty_factory_can_be_cancelled_until_its_grace_is_over(patient):
    before = utc_now()
    made = patient.reserve().manufacturing_order_id
    first, order = first_start(made), order_of(made)
    assert first.starts_at >= before + timedelta(minutes=GRACE + FROZEN)
    assert order.grace_until >= before + timedelta(minutes=GRACE)
    with db.reading() as session:
        window = whole_window(standing(session, patient.company_id, made))
    assert window.open and window.until >= order.grace_until
    with db.writing() as session:
        release(session, patient.company_id, [made])
    assert order_of(made).state == "cancelled"


def test_without_a_grace_the_same_order_is_frozen_at_once(patient):  # the control of the one above
    set_margins(patient.company_id, Margins(buffer=60, grace=0, near=60))
    made = patient.reserve().manufacturing_order_id
    with pytest.raises(TooLate), db.writing() as session:
        release(session, patient.company_id, [made])


def test_the_date_that_is_shown_counts_the_grace_and_is_kept(patient):
    shown = patient.forecast()
    assert patient.reserve(shown=shown).forecast.placements[0].start == shown.placements[0].start
    set_margins(patient.company_id, Margins(buffer=60, grace=0, near=60))
    sooner = patient.forecast(variant=1)
    set_margins(patient.company_id, Margins(buffer=60, grace=GRACE, near=60))
    assert patient.forecast(variant=1).completes_at > sooner.completes_at


def test_the_grace_of_what_was_held_is_counted_from_the_order(patient):
    until = holds.expiry()
    found = forecast_all([(patient.offer, patient.variants[0])], CHINA, not_before=until)[0]
    with db.writing() as session:
        hold(session, patient.company_id, KEY, [Wish("k", patient.offer, patient.variants[0], found)], anonymous=True)
        take(session, patient.company_id, KEY, {"k": Taken("SO-1", "MO-77", found.arrives_on)})
    with db.reading() as session:
        order = session.exec(select(ManufacturingOrder)).one()
    assert first_start(order.id).starts_at >= until + timedelta(minutes=GRACE + FROZEN)
    assert order.grace_until <= utc_now() + timedelta(minutes=GRACE) < until + timedelta(minutes=GRACE)


def test_the_floor_the_search_and_a_change_leave_it_its_grace(patient):
    made = patient.reserve().manufacturing_order_id
    earliest = order_of(made).grace_until + timedelta(minutes=FROZEN)
    with pytest.raises(InGrace):
        start_operation(patient.company_id, first_start(made).id)
    with db.reading() as session:
        base = snapshot(session, order_of(made).plant_id)
    found = search(base.problem, objective_of(base), schedule=base.schedule, moves=300, cp_sat=False).schedule
    assert min(place.start for place in found.placements.values()) >= second(earliest)
    old, new = patient.variants[0], patient.variants[1]
    shown = amended(patient.offer, old, new, made)
    with db.writing() as session:
        amend.amend(session, patient.offer, old, new, made, shown)
    assert first_start(made).starts_at >= earliest and order_of(made).release_at >= earliest


def test_staff_end_it_and_the_order_is_made_as_early_as_possible(patient, judge):
    made = patient.reserve().manufacturing_order_id
    before, promised = first_start(made).starts_at, order_of(made)
    begins_at = start_at_once(patient.company_id, made)
    order = order_of(made)
    assert begins_at == first_start(made).starts_at <= before - timedelta(minutes=GRACE)
    assert order.grace_until is None and order.completes_at < promised.completes_at
    assert (order.promise_at, order.arrives_on) == (promised.promise_at, promised.arrives_on)
    assert judge(patient.company_id) == []
    followed = {book.plant_id: dict(book.book.placements) for book in current_books(patient.company_id)}
    forget_books()
    assert {book.plant_id: dict(book.book.placements) for book in current_books(patient.company_id)} == followed
    with pytest.raises(NoGrace):
        start_at_once(patient.company_id, made)


def test_margins_are_the_settings_until_somebody_sets_them(shop):
    with db.reading() as session:
        assert margins_of(session, shop.company_id) == Margins(60, 0, 60)
    set_margins(shop.company_id, Margins(1, 2, 3))
    set_margins(shop.company_id, Margins(4, 5, 6))
    with db.reading() as session:
        assert margins_of(session, shop.company_id) == Margins(4, 5, 6)
    assert current_books(shop.company_id)[0].margins == Margins(4, 5, 6)
