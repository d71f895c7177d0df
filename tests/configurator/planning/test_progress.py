"""Four dates that are never mixed: release, due, promise, forecast or actual."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlmodel import select

from configurator import db
from configurator.errors import NotFound
from configurator.planning.clock import roll_plant
from configurator.planning.models import ManufacturingOrder, OperationState, OrderState
from configurator.planning.progress import orders_of, progress
from configurator.planning.records import renamed, work_order_from, work_order_to_json


def read(shop, order_id):
    with db.reading() as session:
        return progress(session, shop.company_id, order_id)


def test_a_new_order_keeps_its_promise_and_shows_its_whole_path(shop):
    held = shop.reserve()
    found = read(shop, held.manufacturing_order_id)
    assert found.state == OrderState.PLANNED and found.actual_at is None
    assert found.release_at <= min(operation.starts_at for operation in found.operations)
    assert found.forecast_at == held.forecast.completes_at < found.due_at == found.promise_at <= found.dispatch_at
    assert found.keeps_promise and found.forecast_arrives_on <= found.arrives_on == held.forecast.arrives_on
    assert found.lateness == -timedelta(minutes=60)  # the buffer
    assert [operation.code for operation in found.operations][-1] == "pack"
    assert all(operation.line["zh"] and operation.plant["en"] for operation in found.operations)


def test_when_nobody_starts_it_the_forecast_moves_and_the_promise_does_not(shop):
    held = shop.reserve()
    at = held.forecast.completes_at + timedelta(days=20)
    roll_plant(held.forecast.plant_id, at, reports_itself=False)
    found = read(shop, held.manufacturing_order_id)
    assert found.forecast_at > at and found.arrives_on == held.forecast.arrives_on
    assert not found.keeps_promise and found.lateness > timedelta(days=19)


def test_once_it_is_made_the_actual_date_is_there(shop):
    held = shop.reserve()
    at = held.forecast.completes_at + timedelta(days=2)
    roll_plant(held.forecast.plant_id, at, reports_itself=True)
    found = read(shop, held.manufacturing_order_id)
    assert found.state == OrderState.MADE and found.actual_at == held.forecast.completes_at
    assert {operation.state for operation in found.operations} == {OperationState.FINISHED}
    assert found.keeps_promise


def test_orders_are_found_by_their_pegging_key_and_only_in_their_company(shop):
    held = shop.reserve()
    with db.reading() as session:
        assert orders_of(session, shop.company_id, "SO-1") == (held.manufacturing_order_id,)
        assert orders_of(session, shop.company_id + 1, "SO-1") == ()
        with pytest.raises(NotFound):
            progress(session, shop.company_id + 1, held.manufacturing_order_id)


def test_an_order_keeps_a_copy_of_its_operations(shop):
    held = shop.reserve()
    with db.reading() as session:
        row = session.exec(select(ManufacturingOrder)).one()
    assert work_order_from("MO-1", row.work_order) == held.forecast.work_order
    assert work_order_from("X", work_order_to_json(held.forecast.work_order)) == renamed(held.forecast.work_order, "X")
