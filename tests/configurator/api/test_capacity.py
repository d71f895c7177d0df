"""A plant's free capacity: ours for partners, theirs for us; who may read it and who may post it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlmodel import col, select

from catalog.factory import plants_of
from catalog.rows import utc_now
from configurator import db
from configurator.app import create_app
from configurator.config import Settings
from configurator.errors import NotFound
from configurator.planning.books import current_books
from configurator.planning.models import ManufacturingOrder
from configurator.planning.partners import make_key
from configurator.planning.records import renamed, second
from solver.scheduling.book import Book, Promise
from solver.scheduling.capacity import book_of, read_capacity
from solver.scheduling.problem import NEVER, Second
from tests.configurator.api.conftest import BUYER
from tests.configurator.planning.test_partners import ULMS
from tests.configurator.planning.two_plants import lamp_house

ONE = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
ADDRESS = "/api/v1/plants/wuxi/free-capacity"
ULM, RESERVATIONS = "/api/v1/plants/ulm/free-capacity", "/api/v1/plants/ulm/reservations"
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


# --- a plant of a partner's -------------------------------------------------------------------------------------------


@pytest.fixture
def key(company_id: int) -> str:
    """Ulm is a partner's; what its system is known by."""
    lamp_house(company_id, ULMS)
    with db.reading() as session:
        plants = {plant.code: plant.id or 0 for plant in plants_of(session, company_id)}
    make_key(company_id, plants["ulm"])
    with pytest.raises(NotFound):
        make_key(company_id, plants["bonn"])  # it is ours
    return make_key(company_id, plants["ulm"])


def form() -> dict[str, Any]:
    """What a plant of two lines with nothing on them shows."""
    now = second(utc_now())
    windows, free = [[now, now + 30 * 86_400]], {"start": 0, "end": None, "before": None, "after": None}
    return {"capacity": {
        "epoch": "1970-01-01T00:00:00Z", "now": now, "materials": [{"id": "ulm/tube", "stock": 9, "arrivals": []}],
        "lines": [
            {
                "id": f"ulm/{name}", "plant": "ulm", "windows": windows, "setups": None, "initial_family": None,
                "longest_break": 0, "setup_any_time": False, "batch": 0, "unlimited": False, "free": [dict(free)],
            } for name in ("weld-1", "wire-1")
        ],
    }}  # fmt: skip


@ONE
def test_a_partner_posts_what_is_free_and_reads_what_we_have_reserved(key: str, client: FlaskClient) -> None:
    own, body = {"Authorization": f"Bearer {key}"}, form()
    posted = client.post(ULM, json=body, headers=own)
    assert (posted.status_code, posted.get_json()["number"], posted.get_json()["moved"]) == (201, 1, [])
    assert client.post(ULM, json=body, headers=own).status_code == 200
    lamp = {"decisions": [{"group": "frame", "option": "small"}], "country": "DE"}
    shown = client.post("/api/v1/products/lamp/promise", json=lamp).get_json()
    order = {
        "product": "lamp", "variant": shown["variant"], "buyer": BUYER | {"country": "DE", "postal_code": "10115"},
        "shown": {
            "gross_minor": shown["price"]["gross_minor"], "currency": "EUR", "arrives_on": shown["date"]["arrives_on"]
        },
    }  # fmt: skip
    assert client.post("/api/v1/orders", json=order, headers={"Idempotency-Key": "a-lamp-of-ulm"}).status_code == 201
    told = client.get(RESERVATIONS, headers=own).get_json()
    (reserved,) = told["orders"]
    assert [one["id"] for one in reserved["operations"]] == ["weld", "grind", "wire", "fit"]
    weld, grind, *_ = reserved["operations"]
    assert grind["after"] == {"weld": 0} and weld["materials"] == {"ulm/tube": 1}
    said = json.dumps(told)
    assert not any(word in said for word in (BUYER["name"], BUYER["mail"], "SO-"))
    # It has entered the order where it stands, and says so: what is free begins after it.
    places = [{name: one[name] for name in ("id", "line", "start", "end")} for one in reserved["operations"]]
    body["capacity"]["now"] += 1
    for line in body["capacity"]["lines"]:
        ends = max(one["end"] for one in places if one["line"] == line["id"])
        line["free"] = [line["free"][0] | {"start": ends}]
    body["reservations"] = {"version": told["version"], "orders": [{"id": reserved["id"], "operations": places}]}
    answer = client.post(ULM, json=body, headers=own)
    assert (answer.status_code, answer.get_json()["moved"]) == (201, [])
    again = client.get(RESERVATIONS, headers=own).get_json()
    assert again["orders"] == told["orders"] and again["version"] > told["version"]


@ONE
def test_what_is_wrong_with_a_post_is_named(key: str, client: FlaskClient) -> None:
    own = {"Authorization": f"Bearer {key}"}

    def refused(body: dict[str, Any]) -> tuple[int, str, list[str]]:
        answer = client.post(ULM, json=body, headers=own)
        error = answer.get_json()["error"]
        return answer.status_code, error["code"], [one["field"] for one in error["fields"]]

    wrong = form()
    wrong["capacity"]["lines"][1]["free"][0]["start"] = "soon"
    wrong["capacity"]["lines"][0]["owner"] = "x"
    fields = ["capacity.lines.0.owner", "capacity.lines.1.free.0.start"]
    assert refused(wrong) == (422, "invalid_input", fields)
    wrong = form()
    wrong["capacity"]["lines"][1]["id"] = "ulm/paint-1"
    assert refused(wrong) == (422, "capacity_refused", ["capacity.lines.1.id", "capacity.lines"])
    order = {"id": "MO-1", "operations": [{"id": "weld", "line": "ulm/weld-1", "start": 5, "end": 5}]}
    wrong = form() | {"reservations": {"version": 0, "orders": [order]}}
    fields = ["reservations.orders.0.operations.0.end", "reservations.orders.0.id"]
    assert refused(wrong) == (422, "capacity_refused", fields)
    assert refused(form() | {"capacity": None}) == (422, "invalid_input", ["capacity"])
    late = form()
    assert client.post(ULM, json=late, headers=own).status_code == 201
    late["capacity"]["now"] -= 1
    assert refused(late) == (409, "capacity_outdated", ["capacity.now"])


@ONE
@pytest.mark.parametrize("absurd", ["1.4e130", 200 * "[" + 200 * "]", 990 * "[" + 990 * "]"])
def test_a_number_beyond_all_and_endless_nesting_are_refused_in_words(
    key: str, client: FlaskClient, absurd: str
) -> None:
    body = json.dumps(form()).replace('"now": ', f'"now": {absurd}, "was": ', 1)
    own = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    answer = client.post(ULM, data=body, headers=own)
    assert answer.status_code == 422 and answer.get_json()["error"]["field"] in ("body", "capacity", "capacity.now")


@ONE
def test_only_who_has_the_key_of_a_plant_speaks_for_it(key: str, settings: Settings) -> None:
    client = partner(settings)
    ours = ULM.replace("ulm", "bonn")
    for said in ({}, TOKEN, {"Authorization": "Bearer "}, {"Authorization": f"Bearer {key}x"}):
        assert client.post(ULM, json=form(), headers=said).status_code == 404
        assert client.get(RESERVATIONS, headers=said).status_code == 404
    own = {"Authorization": f"Bearer {key}"}
    assert client.post(ours, json=form(), headers=own).status_code == 404
    assert client.get(RESERVATIONS, headers=own).status_code == 200
    assert client.post(ULM, json=form(), headers=own).status_code == 201
    # What a partner has posted is not shown to others.
    assert [client.get(at, headers=TOKEN).status_code for at in (ours, ULM)] == [200, 404]
