"""Several units through the API, and holds: what is kept is ordered as it was shown, once, by whoever has its token."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlmodel import func, select

from configurator import db
from configurator.planning.models import HeldOrder, ManufacturingOrder
from configurator.sales.delivery import StatedWay, state_way
from configurator.sales.models import Cart, DeliveryKind, PriceBy, SalesOrder
from tests.configurator.api.conftest import BUYER

WEEK = ["mon", "tue", "wed", "thu", "fri"]
OrderBody = Callable[..., dict[str, Any]]
Place = Callable[..., Any]


def _count(table: Any) -> int:
    with db.reading() as session:
        return session.exec(select(func.count()).select_from(table)).one()


def _item(body: dict[str, Any], quantity: int) -> dict[str, Any]:
    return {"product": body["product"], "variant": body["variant"], "quantity": quantity}


@pytest.fixture
def hold(program: FlaskClient) -> Callable[..., Any]:
    """`hold(body, key=…)`: ask for a hold; a new key each time unless one is given."""

    def send(body: dict[str, Any], key: str | None = None) -> Any:
        return program.post("/api/v1/holds", json=body, headers={"Idempotency-Key": key or uuid.uuid4().hex})

    return send


def _shown(held: dict[str, Any]) -> dict[str, Any]:
    return {
        "gross_minor": held["price"]["gross_minor"], "currency": held["price"]["currency"],
        "arrives_on": held["arrives_on"],
    }


def test_several_units_of_several_variants_are_one_order(
    order_body: OrderBody, place: Place, program: FlaskClient
) -> None:
    plain, engraved = order_body(), order_body(engraving="LILEI")
    gross = 2 * plain["shown"]["gross_minor"] + engraved["shown"]["gross_minor"]
    body = plain | {"quantity": 2, "more": [_item(engraved, 1)], "shown": plain["shown"] | {
        "gross_minor": gross, "arrives_on": "2099-01-01",
    }}
    key = uuid.uuid4().hex
    placed = place(body, key)
    assert placed.status_code == 201, placed.text
    assert place(body, key).data == placed.data and _count(SalesOrder) == 1
    order = program.get(placed.headers["Location"]).get_json()
    assert [unit["variant"]["texts"] for unit in order["units"]] == [{}, {}, {"engraving": "LILEI"}]
    assert sum(unit["gross_minor"] for unit in order["units"]) == order["price"]["gross_minor"] == gross
    assert {unit["arrives_on"] for unit in order["units"]} == {"2099-01-01"} and order["delivery"] is None
    assert _count(ManufacturingOrder) == 3


@pytest.mark.parametrize(("change", "code", "field"), [
    ({"quantity": 0}, "invalid_input", "quantity"), ({"quantity": 21}, "invalid_input", "quantity"),
    ({"quantity": "2"}, "invalid_input", "quantity"), ({"delivery": "by air"}, "invalid_input", "delivery"),
    ({"delivery": "way-7"}, "not_delivered", "way"), ({"quantity": 2}, "price_changed", "price"),
])
@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
def test_what_cannot_be_ordered_so_is_named(
    order_body: OrderBody, place: Place, change: dict[str, Any], code: str, field: str
) -> None:
    error = place(order_body() | change).get_json()["error"]
    assert (error["code"], error["field"]) == (code, field)
    assert _count(SalesOrder) == 0


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
def test_more_units_than_a_cart_takes_are_refused_whole(
    order_body: OrderBody, hold: Callable[..., Any]
) -> None:
    body = order_body()
    refused = hold(_item(body, 15) | {"more": [_item(body, 6)], "country": "CN"})
    assert (refused.status_code, refused.get_json()["error"]["code"]) == (409, "cart_full")
    assert _count(Cart) == 0


def test_what_is_held_is_ordered_as_it_is_held(
    order_body: OrderBody, hold: Callable[..., Any], program: FlaskClient
) -> None:
    body, key = _item(order_body(), 2) | {"country": "CN"}, uuid.uuid4().hex
    made = hold(body, key)
    assert made.status_code == 201, made.text
    held = made.get_json()
    assert held["expires_at"] and [one["held"] for one in held["items"]] == [2]
    assert hold(body, key).get_json() == held and _count(Cart) == 1 and _count(HeldOrder) == 2
    assert program.get(made.headers["Location"]).get_json() == held
    address, sent = "/api/v1/held-orders", {"hold": held["token"], "buyer": BUYER, "shown": _shown(held)}
    cheaper = sent | {"shown": sent["shown"] | {"gross_minor": 1}}
    refused = program.post(address, json=cheaper, headers={"Idempotency-Key": "another-key"})
    assert refused.get_json()["error"]["code"] == "price_changed"
    headers = {"Idempotency-Key": uuid.uuid4().hex}
    placed = [program.post(address, json=sent, headers=headers) for _ in range(2)]
    assert [one.status_code for one in placed] == [201, 201], placed[0].text
    assert placed[0].data == placed[1].data and placed[0].get_json()["arrives_on"] == held["arrives_on"]
    assert _count(SalesOrder) == 1 and _count(HeldOrder) == 0 and _count(ManufacturingOrder) == 2
    again = program.post(address, json=sent, headers={"Idempotency-Key": uuid.uuid4().hex})
    assert again.status_code == 404  # it was ordered


def test_parallel_askings_with_one_key_are_one_hold(app: Any, order_body: OrderBody) -> None:
    body, headers = _item(order_body(), 1) | {"country": "CN"}, {"Idempotency-Key": uuid.uuid4().hex}

    def send(_number: int) -> Any:
        client = FlaskClient(app, app.response_class, use_cookies=False)
        return client.post("/api/v1/holds", json=body, headers=headers)

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(send, range(8)))
    assert {answer.status_code for answer in answers} == {201}, [answer.text for answer in answers]
    assert len({answer.get_json()["token"] for answer in answers}) == 1
    assert _count(Cart) == _count(HeldOrder) == 1


def test_a_hold_is_given_back_and_is_nobody_elses(
    order_body: OrderBody, hold: Callable[..., Any], program: FlaskClient
) -> None:
    address = hold(_item(order_body(), 1) | {"country": "CN"}).headers["Location"]
    for foreign in ("/api/v1/holds/" + "x" * 22, "/api/v1/holds/a"):
        assert program.get(foreign).status_code == program.delete(foreign).status_code == 404
    assert _count(HeldOrder) == 1
    assert program.delete(address).status_code == 204
    assert program.get(address).status_code == program.delete(address).status_code == 404
    assert _count(HeldOrder) == _count(Cart) == _count(ManufacturingOrder) == 0


def test_a_program_chooses_among_the_ways_that_lead_there(
    order_body: OrderBody, place: Place, hold: Callable[..., Any], program: FlaskClient, factory: int
) -> None:
    usual = StatedWay(DeliveryKind.CARRIER, {"zh": "标准", "en": "Standard"}, "CN", [], 3, "16:00", WEEK, "CNY",
                      PriceBy.VALUE, [["0", "90"]])
    state_way(factory, usual, by=None)
    van = f"way-{state_way(factory, StatedWay(**_changed(usual)), by=None)}"
    asked = {"country": "CN", "postal_code": "200040", "delivery": van}
    promised = program.post("/api/v1/products/bicycle/promise", json=asked).get_json()
    assert promised["delivery"] == van and {one["code"]: one["name"]["en"] for one in promised["ways"]}[van] == "Van"
    costs = {one["code"]: one["gross_minor"] for one in promised["ways"]}
    body = order_body()  # by the usual way
    assert promised["price"]["gross_minor"] - costs[van] == body["shown"]["gross_minor"] - min(costs.values())
    away = program.post("/api/v1/products/bicycle/promise", json=asked | {"postal_code": "518052"})
    assert (away.status_code, away.get_json()["error"]["code"]) == (409, "not_delivered")
    shown = body["shown"] | {"gross_minor": promised["price"]["gross_minor"]}
    placed = place({
        "product": "bicycle", "variant": promised["variant"], "buyer": BUYER, "delivery": van, "shown": shown,
    })
    assert placed.status_code == 201, placed.text
    order = program.get(placed.headers["Location"]).get_json()
    assert order["delivery"]["code"] == van and order["price"]["items"][-1]["id"] == "delivery"
    address = hold(_item(body, 1) | {"country": "CN"}).headers["Location"]
    by_van = program.get(f"{address}?postal_code=200040&delivery={van}").get_json()
    assert by_van["delivery"] == van
    assert program.get(f"{address}?postal_code=518052&delivery={van}").status_code == 409
    sent = {"hold": by_van["token"], "buyer": BUYER, "delivery": van, "shown": _shown(by_van)}
    done = program.post("/api/v1/held-orders", json=sent, headers={"Idempotency-Key": uuid.uuid4().hex})
    assert done.status_code == 201, done.text


def _changed(usual: StatedWay) -> dict[str, Any]:
    from dataclasses import asdict

    return asdict(usual) | {
        "kind": DeliveryKind.OWN, "name": {"zh": "货车", "en": "Van"}, "postal_prefixes": ["20"], "transit_days": 2,
        "steps": [["0", "180"]],
    }
