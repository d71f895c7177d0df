"""The demo house: realistic, judged, the same for the same seed."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest
from sqlmodel import select

from catalog.factory import plants_of
from catalog.offer import offer_of
from catalog.rows import Company, utc_now
from configurator import auth, db, demo
from configurator.planning import board
from configurator.planning.books import read_rows
from configurator.planning.clock import roll
from configurator.planning.models import ManufacturingOperation, ManufacturingOrder
from configurator.sales.buyers import invoicing_of
from configurator.sales.configurations import Configuration, variant_from_json
from configurator.sales.models import SalesOrder, SalesOrderItem
from configurator.sales.parties import Party
from solver.configuration.check import violations as faults
from solver.scheduling.check import violations
from solver.scheduling.schedule import Schedule


def test_every_stored_configuration_is_valid_and_every_schedule_is_right(house, settings):
    roll(settings)  # the house was made minutes ago: what should have begun since has
    with db.reading() as session:
        for row in session.exec(select(Configuration)).all():
            offer = offer_of(session, house, row.product_revision_id, row.price_list_revision_id,
                             row.manufacturing_revision_id)
            assert faults(offer.problem, variant_from_json(row.variant)) == ()
        for plant in plants_of(session, house):
            rows = read_rows(session, plant.id)
            assert violations(rows.problem, Schedule(rows.placements)) == ()


def test_each_sales_order_is_pegged_to_one_manufacturing_order_with_the_same_promise(house):
    with db.reading() as session:
        orders = session.exec(select(SalesOrder)).all()
        items = {item.sales_order_id: item for item in session.exec(select(SalesOrderItem)).all()}
        assert len(orders) == len(items) == 39
        for order in orders:
            made = session.get_one(ManufacturingOrder, items[order.id].manufacturing_order_id)
            assert made.pegging_key == order.number == items[order.id].pegging_key
            assert (made.arrives_on, made.dispatch_at, made.promise_at) == (
                order.arrives_on, order.dispatch_at, order.promise_at)
            assert order.gross_minor > 100_000


def test_an_order_of_each_country_is_invoiced_to_a_company_that_could_be(house):
    with db.reading() as session:
        orders = session.exec(select(SalesOrder).where(SalesOrder.bill_to_id.is_not(None))).all()
        found = {
            session.get_one(Party, order.ship_to_id).country:
                invoicing_of(session, order.bill_to_id, order.purchase_order) for order in orders
        }
    assert found == demo.INVOICED
    assert [invoice.faults(country) for country, invoice in found.items()] == [{}, {}]


def test_the_factory_is_at_work_and_a_person_of_each_role_can_log_in(house):
    with db.reading() as session:
        states = Counter(row.state for row in session.exec(select(ManufacturingOperation)).all())
        assert states["finished"] and states["planned"]
    for role, login, password in auth.demo_logins():
        user = auth.log_in(house, login, password, "127.0.0.1", secret="x" * 32, attempts=10)
        with db.reading() as session:
            assert auth.principal(session, "no token") is None and user.login == role.value


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
def test_the_same_seed_gives_the_same_house_over_three_weeks(database, settings, monkeypatch):
    """On an empty database that has a company already, under another code."""
    now = utc_now()
    monkeypatch.setattr(demo, "utc_now", lambda: now)
    told = []
    demo.seed(settings, orders=60, seed=5, progress=lambda *said: told.append(said))
    assert told[-1] == ("Judging",)
    with db.reading() as session:
        house = session.exec(select(Company.id).where(Company.code == "demo")).one()
        orders = session.exec(select(ManufacturingOrder).where(ManufacturingOrder.company_id == house)).all()
        last = max(order.due_at for order in orders)
        assert timedelta(days=10) < last - now < timedelta(days=35)
        measures = board.measures(session, house, now=now)
        assert sum(measure.open_orders for measure in measures) >= 50  # of 60; what is made by now depends on the hour
        first = [(order.number, order.work_order, order.completes_at) for order in orders]
    with db.writing() as session:
        session.get_one(Company, house).code = "other"
        for user in session.exec(select(auth.User)).all():
            user.login += "-other"
    demo.seed(settings, orders=60, seed=5)
    with db.reading() as session:
        again = session.exec(select(Company.id).where(Company.code == "demo")).one()
        orders = session.exec(select(ManufacturingOrder).where(ManufacturingOrder.company_id == again)).all()
        assert [(order.number, order.work_order, order.completes_at) for order in orders] == first


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
def test_a_house_that_the_judge_refuses_is_not_stored(database, settings, monkeypatch):
    monkeypatch.setattr(demo, "violations", lambda problem, schedule: faults_of_everything(schedule))
    with pytest.raises(demo.SeedRefused):
        demo.seed(settings, orders=3)
    with db.reading() as session:
        assert session.exec(select(Company).where(Company.code == "demo")).all() == []


def faults_of_everything(schedule):
    from solver.scheduling.check import Rule, Violation

    return tuple(Violation(Rule.OVERLAP, str(key), "a judge who likes nothing") for key in schedule.placements)
