"""Time passes: the demo reports itself, elsewhere what nobody reported moves on; promises stay."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlmodel import col, select

from catalog.factory import Downtime, Material, MaterialSupply, Plant, plants_of
from catalog.rows import utc_now
from configurator import db
from configurator.config import Settings
from configurator.planning import clock
from configurator.planning.books import current_books, forget_books, read_rows
from configurator.planning.clock import roll, roll_plant
from configurator.planning.models import (
    ManufacturingOperation,
    ManufacturingOrder,
    OperationState,
    OrderState,
    ScheduleEvent,
)
from configurator.planning.records import instant
from solver.scheduling.check import violations
from solver.scheduling.schedule import Schedule


def at_work(hours=8):
    """An instant some hours after the next planned operation is to start: on whatever day the tests run."""
    with db.reading() as session:
        planned = select(ManufacturingOperation.starts_at).where(ManufacturingOperation.state == "planned")
        first = min(starts_at for starts_at in session.exec(planned).all() if starts_at >= utc_now())
    return first.replace(microsecond=0) + timedelta(hours=hours)


def judged(company_id, at):
    with db.reading() as session:
        found = []
        for plant in plants_of(session, company_id):
            rows = read_rows(session, plant.id, now=at)
            found += violations(rows.problem, Schedule(rows.placements))
        return found


def operations():
    with db.reading() as session:
        return session.exec(select(ManufacturingOperation)).all()


def promises():
    with db.reading() as session:
        rows = session.exec(select(ManufacturingOrder)).all()
        return {row.number: (row.promise_at, row.dispatch_at, row.arrives_on, row.due_at) for row in rows}


def roll_all(company_id, at, *, reports_itself):
    with db.reading() as session:
        ids = [plant.id for plant in plants_of(session, company_id)]
    return [roll_plant(plant_id, at, reports_itself=reports_itself) for plant_id in ids]


@pytest.mark.parametrize("hours", [8, 24 * 9])  # a working day, and a demo that nobody opened for nine days
def test_a_demo_starts_and_finishes_what_was_scheduled(house, hours):
    at = at_work(hours)
    told = promises()
    changes = roll_all(house, at, reports_itself=True)
    assert any(change.started for change in changes) and not any(change.moved for change in changes)
    for row in operations():
        assert row.state != OperationState.PLANNED or row.starts_at > at
        assert row.state != OperationState.STARTED or row.ends_at > at
        assert row.started_at is None or row.started_at == row.starts_at
    with db.reading() as session:
        orders = session.exec(select(ManufacturingOrder)).all()
        for order in orders:
            states = {row.state for row in operations() if row.order_id == order.id}
            assert (order.state == OrderState.MADE) == (states == {OperationState.FINISHED})
            assert order.state != OrderState.PLANNED or states == {OperationState.PLANNED}
    assert promises() == told
    assert judged(house, at) == []


def test_starting_takes_the_materials_and_receives_what_has_arrived(house):
    at = at_work(100)
    with db.reading() as session:
        before = {row.id: row.stock for row in session.exec(select(Material)).all()}
        codes = {row.id: (row.plant_id, row.code) for row in session.exec(select(Material)).all()}
        arrived: dict[int, int] = {}
        for supply in session.exec(select(MaterialSupply).where(MaterialSupply.arrives_at <= at)).all():
            arrived[supply.material_id] = arrived.get(supply.material_id, 0) + supply.quantity
        planned = session.exec(select(ManufacturingOperation).where(ManufacturingOperation.state == "planned")).all()
    taken: dict[tuple[int, str], int] = {}
    for row in planned:
        if row.starts_at <= at:
            for code, quantity in row.needs.items():
                taken[row.plant_id, code] = taken.get((row.plant_id, code), 0) + quantity
    assert taken and arrived
    touched = {change_plant for change_plant, _ in taken}
    roll_all(house, at, reports_itself=True)
    with db.reading() as session:
        for row in session.exec(select(Material).where(col(Material.plant_id).in_(touched))).all():
            assert row.stock == before[row.id] + arrived.get(row.id, 0) - taken.get(codes[row.id], 0)
        late = session.exec(select(MaterialSupply).where(MaterialSupply.arrives_at <= at)).all()
        assert not {codes[supply.material_id][0] for supply in late} & touched


def test_what_nobody_reports_moves_to_now_and_promises_stay(house):
    at = at_work(72)  # by then orders were to be complete, whenever the house was made
    told, scheduled = promises(), {row.id: row.starts_at for row in operations()}
    with db.reading() as session:
        completes = {row.id: row.completes_at for row in session.exec(select(ManufacturingOrder)).all()}
    changes = roll_all(house, at, reports_itself=False)
    assert any(change.moved for change in changes) and not any(change.started for change in changes)
    moved = [row for row in operations() if row.starts_at != scheduled[row.id]]
    assert moved and all(row.starts_at > scheduled[row.id] for row in moved)
    assert all(row.starts_at >= at for row in operations() if row.state == OperationState.PLANNED)
    assert all(row.ends_at >= at for row in operations() if row.state == OperationState.STARTED)
    with db.reading() as session:
        later = [row for row in session.exec(select(ManufacturingOrder)).all() if row.completes_at > completes[row.id]]
    assert later
    assert promises() == told
    assert judged(house, at) == []


@pytest.mark.parametrize("reports_itself", [True, False])
def test_one_plant_gets_one_event_and_the_books_follow(house, reports_itself):
    current_books(house)
    at = at_work()
    with db.reading() as session:
        versions = {plant.id: plant.schedule_version for plant in plants_of(session, house)}
    changes = roll_all(house, at, reports_itself=reports_itself)
    assert any(changes)
    with db.reading() as session:
        for plant, change in zip(plants_of(session, house), changes, strict=True):
            assert plant.schedule_version == versions[plant.id] + bool(change)
            events = session.exec(select(ScheduleEvent).where(ScheduleEvent.plant_id == plant.id)).all()
            assert [(event.version, event.kind) for event in events[-1:] if change] == [
                (plant.schedule_version, "reported")] * bool(change)
    followed = {plant.plant_id: dict(plant.book.placements) for plant in current_books(house)}
    forget_books()
    for plant in current_books(house):  # the book that was read anew has left the orders that are made behind
        assert plant.book.placements.items() <= followed[plant.plant_id].items()


def test_a_second_roll_at_the_same_instant_changes_nothing(house):
    at = at_work()
    roll(Settings(mode="demo"), now=at)
    with db.reading() as session:
        versions = [plant.schedule_version for plant in plants_of(session, house)]
    roll(Settings(mode="demo"), now=at)
    with db.reading() as session:
        assert [plant.schedule_version for plant in plants_of(session, house)] == versions


def test_an_operation_without_its_material_waits_and_what_needs_it_too(house):
    """Somebody took the frames: the demo cannot start painting, so everything after it slides."""
    at = at_work(30)
    with db.writing() as session:
        for row in session.exec(select(Material).where(col(Material.code).startswith("frame_"))).all():
            row.stock = 0
        for supply in session.exec(select(MaterialSupply)).all():
            if session.get_one(Material, supply.material_id).code.startswith("frame_"):
                supply.arrives_at = utc_now() + timedelta(days=12) + timedelta(days=supply.id % 50)
                session.add(supply)
    roll_all(house, at, reports_itself=True)
    with db.reading() as session:
        assert all(row.stock >= 0 for row in session.exec(select(Material)).all())
        painted = session.exec(select(ManufacturingOperation).where(
            ManufacturingOperation.operation == "coat", ManufacturingOperation.started_at > utc_now())).all()
    assert painted == []


def test_a_plant_without_work_is_left_alone(factory):
    roll(Settings(mode="demo"))
    with db.reading() as session:
        assert session.exec(select(ScheduleEvent)).all() == []
        assert session.exec(select(Plant.schedule_version).distinct()).all() in ([0], [1])


def test_what_stands_where_the_changed_factory_is_closed_makes_way_before_its_time_comes(shop, judge):
    """A new calendar is a new version without an event; nobody reports it, so the clock has to see it."""
    shown = shop.forecast()
    held = shop.reserve(shown=shown)
    closed = shown.placements[-1]
    with db.writing() as session:
        plant = db.lock_row(session, Plant, shown.plant_id)
        row = session.exec(select(ManufacturingOperation).order_by(col(ManufacturingOperation.position).desc())).first()
        session.add(Downtime(
            company_id=shop.company_id, line_id=row.line_id, starts_at=instant(closed.start - 60),
            ends_at=instant(closed.end) + timedelta(days=2),
        ))
        plant.schedule_version += 1
    assert judge(shop.company_id)
    for _ in range(2):  # the second time there is nothing left to do
        roll(Settings(mode="production"), now=utc_now())
    assert judge(shop.company_id) == []
    with db.reading() as session:
        assert session.get_one(Plant, shown.plant_id).schedule_version == plant.schedule_version + 1
        order = session.get_one(ManufacturingOrder, held.manufacturing_order_id)
        assert order.completes_at > shown.completes_at
        assert order.promise_at == shown.promise_at


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
def test_trouble_in_one_plant_does_not_stop_the_clock_of_the_others(shop, monkeypatch):
    shown, rolled = shop.forecast(), []
    with db.reading() as session:
        plants = {plant.id for plant in plants_of(session, shop.company_id)}
    assert len(plants) > 1
    for plant_id in plants:
        late_enough = shown.arrives_on + timedelta(days=60)
        shop.reserve(shown=replace(shown, plant_id=plant_id, version=-1, arrives_on=late_enough))

    def broken(plant_id, at, *, reports_itself):
        rolled.append(plant_id)
        raise KeyError("a material that is gone")

    monkeypatch.setattr(clock, "roll_plant", broken)
    roll(Settings(mode="demo"), now=utc_now() + timedelta(days=30))
    assert set(rolled) == plants
