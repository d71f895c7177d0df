"""The floor reports starts and finishes, is refused with a reason, and what it pushes aside makes room."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import delete
from sqlmodel import col, select

from catalog.factory import Material, MaterialSupply
from catalog.rows import utc_now
from configurator import db
from configurator.errors import DomainError, NotFound, StateRefused
from configurator.planning.books import read_rows
from configurator.planning.clock import roll_plant
from configurator.planning.models import (
    TRANSITIONS,
    ManufacturingOperation,
    ManufacturingOrder,
    OperationState,
    OrderState,
    Proposal,
    ProposalState,
    ScheduleEvent,
    move,
)
from configurator.planning.reports import (
    AlreadyStarted,
    LineBusy,
    MaterialMissing,
    NotStarted,
    WaitsFor,
    finish_operation,
    start_operation,
)
from solver.scheduling.check import violations
from solver.scheduling.schedule import Schedule


@pytest.fixture
def making(shop):
    """Three orders in one plant; code -> operation id of the first, and the plant."""
    shown = shop.forecast()
    whenever = replace(shown, arrives_on=shown.arrives_on + timedelta(days=30))  # the others may arrive a day later
    held = [shop.reserve(shown=whenever) for _ in range(3)]
    return shop.company_id, {
        row.operation: row.id for row in rows_of(held[0].manufacturing_order_id)
    }, shown.plant_id


def rows_of(order_id):
    with db.reading() as session:
        query = select(ManufacturingOperation).where(ManufacturingOperation.order_id == order_id)
        return session.exec(query.order_by(col(ManufacturingOperation.position))).all()


def row_of(operation_id):
    with db.reading() as session:
        return session.get_one(ManufacturingOperation, operation_id)


def judged(plant_id, at):
    with db.reading() as session:
        rows = read_rows(session, plant_id, now=at)
        return violations(rows.problem, Schedule(rows.placements))


def test_an_operation_is_started_before_its_time_takes_its_materials_and_the_others_make_room(making):
    company_id, operations, plant_id = making
    row = row_of(operations["coat"])
    at = row.starts_at - timedelta(minutes=30)
    with db.reading() as session:
        materials = session.exec(select(Material).where(Material.plant_id == plant_id)).all()
        arrived = session.exec(select(MaterialSupply).where(MaterialSupply.arrives_at <= at)).all()
        stock = {
            material.code: material.stock + sum(s.quantity for s in arrived if s.material_id == material.id)
            for material in materials
        }
    start_operation(company_id, operations["coat"], now=at)
    after = row_of(operations["coat"])
    assert (after.state, after.started_at, after.starts_at) == (OperationState.STARTED, at, at)
    assert after.needs
    with db.reading() as session:
        for code, quantity in after.needs.items():
            left = session.exec(select(Material.stock).where(
                Material.plant_id == plant_id, Material.code == code)).one()
            assert left == stock[code] - quantity
        assert session.get_one(ManufacturingOrder, after.order_id).state == OrderState.STARTED
        assert session.exec(select(ScheduleEvent).order_by(col(ScheduleEvent.id).desc())).first().kind == "reported"
    assert judged(plant_id, at) == ()


def test_what_waits_for_another_operation_cannot_start(making):
    company_id, operations, _ = making
    with pytest.raises(WaitsFor) as refused:
        start_operation(company_id, operations["assemble"])
    assert refused.value.data["operation"]["en"]
    assert row_of(operations["assemble"]).state == OperationState.PLANNED


def test_a_line_makes_one_thing_at_a_time(making):
    company_id, operations, _ = making
    start_operation(company_id, operations["coat"], now=row_of(operations["coat"]).starts_at)
    with db.reading() as session:
        other = session.exec(select(ManufacturingOperation).where(
            ManufacturingOperation.operation == "coat",
            ManufacturingOperation.line_id == row_of(operations["coat"]).line_id,
            ManufacturingOperation.id != operations["coat"])).first()
    assert other is not None
    with pytest.raises(LineBusy):
        start_operation(company_id, other.id)


def test_nothing_starts_without_its_material(making):
    company_id, operations, plant_id = making
    with db.writing() as session:
        for material in session.exec(select(Material).where(Material.plant_id == plant_id)).all():
            material.stock = 0
        for supply in session.exec(select(MaterialSupply)).all():
            session.delete(supply)
    with pytest.raises(MaterialMissing):
        start_operation(company_id, operations["coat"])
    assert row_of(operations["coat"]).state == OperationState.PLANNED


def test_started_twice_or_finished_before_it_started_is_refused(making):
    company_id, operations, _ = making
    with pytest.raises(NotStarted):
        finish_operation(company_id, operations["coat"])
    start_operation(company_id, operations["coat"], now=row_of(operations["coat"]).starts_at)
    with pytest.raises(AlreadyStarted):
        start_operation(company_id, operations["coat"])


def test_another_companys_operation_is_not_found(making):
    company_id, operations, _ = making
    with pytest.raises(NotFound):
        start_operation(company_id + 1, operations["coat"])


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
@pytest.mark.parametrize("minutes", [-5, 0, 45])  # finished early, as scheduled, late
def test_an_order_is_made_when_its_last_operation_is_finished(making, minutes):
    company_id, operations, plant_id = making
    order_id = row_of(operations["coat"]).order_id
    at = utc_now()
    for row in rows_of(order_id):
        current = row_of(row.id)
        start_operation(company_id, row.id, now=current.starts_at)
        at = max(row_of(row.id).ends_at + timedelta(minutes=minutes), row_of(row.id).starts_at)
        finish_operation(company_id, row.id, now=at)
        roll_plant(plant_id, at, reports_itself=False)
        assert judged(plant_id, at) == ()
    with db.reading() as session:
        order = session.get_one(ManufacturingOrder, order_id)
        assert order.state == OrderState.MADE
        assert order.finished_at == order.completes_at == max(row.finished_at for row in rows_of(order_id))


def test_states_move_only_as_their_tables_say():
    """Every state x every event; an illegal one changes nothing."""
    rows = {
        OrderState: lambda state: ManufacturingOrder(state=state),
        OperationState: lambda state: ManufacturingOperation(state=state),
        ProposalState: lambda state: Proposal(state=state),
    }
    legal = 0
    for kind, table in TRANSITIONS.items():
        for state in kind:
            for event in kind:
                row = rows[kind](state)
                if event in table[state]:
                    move(row, event, utc_now())
                    assert row.state == event
                    legal += 1
                else:
                    with pytest.raises(StateRefused):
                        move(row, event, utc_now())
                    assert row.state == state
    assert legal == 7


def test_the_forecast_follows_the_last_operation_that_is_started_early_or_late(making):
    company_id, operations, _ = making
    order_id = row_of(operations["coat"]).order_id
    *before, last = rows_of(order_id)
    at = min(row.starts_at for row in before)
    for row in before:
        start_operation(company_id, row.id, now=at)
        finish_operation(company_id, row.id, now=at + timedelta(minutes=1))
        at += timedelta(minutes=2)
    for start in (at,):
        start_operation(company_id, last.id, now=start)
        with db.reading() as session:
            order = session.get_one(ManufacturingOrder, order_id)
        assert order.completes_at == row_of(last.id).ends_at


def test_stock_that_was_counted_lower_is_said_to_the_floor_in_words(making):
    """The other orders can no longer get their materials at all: a reason to refuse, not to break down."""
    company_id, operations, plant_id = making
    row = row_of(operations["coat"])
    with db.writing() as session:
        for material in session.exec(select(Material).where(Material.plant_id == plant_id)).all():
            material.stock = row.needs.get(material.code, 0)
        session.execute(delete(MaterialSupply))
    with pytest.raises(DomainError) as refused:
        start_operation(company_id, row.id, now=row.starts_at - timedelta(minutes=30))
    assert refused.value.message()
    assert row_of(row.id).state == OperationState.PLANNED
