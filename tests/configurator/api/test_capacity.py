"""A plant's free capacity for partners: who may read it, and that a promise by it is the plant's own."""

from __future__ import annotations

from dataclasses import replace

import pytest
from flask.testing import FlaskClient
from sqlmodel import col, select

from configurator import db
from configurator.app import create_app
from configurator.config import Settings
from configurator.planning.books import current_books
from configurator.planning.models import ManufacturingOrder
from configurator.planning.records import renamed
from solver.scheduling.book import Book, Promise
from solver.scheduling.capacity import book_of, read_capacity
from solver.scheduling.problem import NEVER, Second

ONE = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
ADDRESS = "/api/v1/plants/wuxi/free-capacity"
TOKEN = {"Authorization": "Bearer p4rtner"}


def partner(settings: Settings, token: str = "p4rtner") -> FlaskClient:
    return create_app(replace(settings, partner_token=token)).test_client()


@ONE
def test_a_partner_promises_as_the_plant_would_if_nothing_else_moved(house: int, settings: Settings) -> None:
    answer = partner(settings).get(ADDRESS, headers=TOKEN)
    assert answer.status_code == 200, answer.text
    shown = book_of(read_capacity(answer.data))
    ours = next(plant for plant in current_books(house) if plant.code == "wuxi").book
    assert ours.orders
    still = Book(ours.problem, ours.placements, frozen_seconds=NEVER)
    for known in list(ours.orders.values())[:5]:
        order = replace(renamed(known, "PARTNER"), promise=None)
        found, expected = shown.quote(order), still.quote(order, not_before=Second(shown.now))
        assert isinstance(found, Promise)
        assert found == expected


@ONE
def test_nothing_of_our_orders_is_shown(house: int, settings: Settings) -> None:
    text = partner(settings).get(ADDRESS, headers=TOKEN).text
    with db.reading() as session:
        orders = session.exec(select(ManufacturingOrder).where(col(ManufacturingOrder.company_id) == house)).all()
    assert orders
    assert not any(word in text for order in orders for word in (order.number, order.pegging_key))


@ONE
def test_only_who_has_the_token_may_read_it(house: int, settings: Settings) -> None:
    guarded = partner(settings)
    for said in ("", "Bearer wrong", "Basic p4rtner", "Bearer ü"):
        answer = guarded.get(ADDRESS, headers={"Authorization": said})
        assert answer.status_code == 404 and "lines" not in answer.text
    assert guarded.get(ADDRESS, headers=TOKEN).status_code == 200
    assert guarded.get(ADDRESS.replace("wuxi", "nowhere"), headers=TOKEN).status_code == 404
    closed = partner(settings, "")  # no token is set: nobody may, not even with an empty one
    assert {closed.get(ADDRESS, headers=h).status_code for h in ({}, {"Authorization": "Bearer "}, TOKEN)} == {404}
