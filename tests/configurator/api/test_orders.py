"""Ordering through the API: one key one order, at the price and for the date that were shown, or an honest refusal."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlmodel import func, select

from configurator import db
from configurator.api import inputs, views
from configurator.outbox import OutboxMail
from configurator.sales.models import SalesOrder

OrderBody = Callable[..., dict[str, Any]]
Place = Callable[..., Any]


sqlite_only = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)  # refused before a database is asked


def _count(table: Any) -> int:
    with db.reading() as session:
        return session.exec(select(func.count()).select_from(table)).one()


def test_an_order_is_placed_and_can_be_followed_by_its_token(
    order_body: OrderBody, place: Place, program: FlaskClient
) -> None:
    body = order_body(engraving="LILEI")
    placed = place(body)
    assert placed.status_code == 201, placed.text
    answer = placed.get_json()
    assert answer["gross_minor"] == body["shown"]["gross_minor"]
    assert answer["arrives_on"] == body["shown"]["arrives_on"]
    followed = program.get(placed.headers["Location"])
    assert followed.status_code == 200, followed.text
    order = followed.get_json()
    assert order["number"] == answer["number"]
    assert order["variant"] == body["variant"]
    assert order["price"]["gross_minor"] == body["shown"]["gross_minor"]
    assert order["promise"]["arrives_on"] == body["shown"]["arrives_on"]
    assert {"id": "engraving", "typed": "LILEI"}.items() <= order["choices"][-1].items()
    sent = body["buyer"] | {"region": "", "invoice": None}
    assert order["buyer"] == {name: sent[name] for name in order["buyer"]}
    assert order["making"]["operations"]
    assert order["making"]["keeps_promise"]


def test_the_same_key_is_one_order_with_the_same_answer(order_body: OrderBody, place: Place) -> None:
    body, key = order_body(), uuid.uuid4().hex
    answers = [place(body, key) for _ in range(3)]
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.data for answer in answers}) == 1
    assert _count(SalesOrder) == 1
    assert _count(OutboxMail) == 1


def test_a_retry_is_answered_even_if_the_price_has_changed_meanwhile(
    order_body: OrderBody, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    body, key = order_body(), uuid.uuid4().hex
    first = place(body, key)

    def changed(*_arguments: Any, **_more: Any) -> Any:
        raise AssertionError("A retry must not be priced anew.")

    monkeypatch.setattr("configurator.sales.orders.price_for", changed)
    assert place(body, key).data == first.data


@pytest.mark.parametrize("change", [
    {"buyer": {"name": "Han Meimei"}},
    {"shown": {"gross_minor": 1}},
    {"variant": {"texts": {"engraving": "HAN"}}},
])
def test_the_same_key_with_another_body_is_refused(order_body: OrderBody, place: Place, change: dict[str, Any]) -> None:
    body, key = order_body(), uuid.uuid4().hex
    assert place(body, key).status_code == 201
    other = {name: value | change.get(name, {}) if isinstance(value, dict) else value for name, value in body.items()}
    refused = place(other, key)
    assert refused.status_code == 422
    assert refused.get_json()["error"]["code"] == "idempotency_key_reused"
    assert _count(SalesOrder) == 1


def test_parallel_sendings_with_one_key_are_one_order(app: Any, order_body: OrderBody) -> None:
    body, headers = order_body(), {"Idempotency-Key": uuid.uuid4().hex}

    def send(_number: int) -> Any:
        client = FlaskClient(app, app.response_class, use_cookies=False)
        return client.post("/api/v1/orders", json=body, headers=headers)

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(send, range(16)))
    assert {answer.status_code for answer in answers} == {201}, [answer.text for answer in answers]
    assert len({answer.data for answer in answers}) == 1
    assert _count(SalesOrder) == 1


def test_a_changed_price_is_refused_with_the_new_one_and_writes_nothing(order_body: OrderBody, place: Place) -> None:
    body = order_body()
    true = body["shown"]["gross_minor"]
    body["shown"]["gross_minor"] = true - 1
    refused = place(body)
    assert refused.status_code == 409
    error = refused.get_json()["error"]
    assert error["code"] == "price_changed"
    assert error["gross_minor"] == true
    assert _count(SalesOrder) == _count(OutboxMail) == 0


def test_a_date_that_is_not_true_is_refused_with_the_new_one(order_body: OrderBody, place: Place) -> None:
    body = order_body()
    true = body["shown"]["arrives_on"]
    body["shown"]["arrives_on"] = str(date.fromisoformat(true) - timedelta(days=3))
    refused = place(body)
    assert refused.status_code == 409
    error = refused.get_json()["error"]
    assert error["code"] == "date_lost"
    assert error["arrives_on"] == true
    assert _count(SalesOrder) == 0


@sqlite_only
@pytest.mark.parametrize(("change", "field"), [
    ({"buyer": {"mail": "nobody"}}, "buyer.mail"),
    ({"buyer": {"mail": "a@example.com\r\nBcc: b@example.com"}}, "buyer.mail"),  # would be a header of its own
    ({"buyer": {"name": "  "}}, "buyer.name"),
    ({"buyer": {"name": "x" * 201}}, "buyer.name"),
    ({"buyer": {"country": "de"}}, "buyer.country"),
    ({"buyer": {"city": "a\nb"}}, "buyer.city"),
    ({"shown": {"gross_minor": 1.5}}, "shown.gross_minor"),
    ({"shown": {"gross_minor": True}}, "shown.gross_minor"),
    ({"shown": {"arrives_on": "2026-02-30"}}, "shown.arrives_on"),
    ({"shown": {"arrives_on": 20260101}}, "shown.arrives_on"),
    ({"state": "closed"}, "state"),
])
def test_bad_input_is_refused_by_name(order_body: OrderBody, place: Place, change: dict[str, Any], field: str) -> None:
    body = order_body()
    for name, value in change.items():
        body[name] = body[name] | value if isinstance(value, dict) else value
    refused = place(body)
    assert refused.status_code == 422
    assert [fault["field"] for fault in refused.get_json()["error"]["fields"]] == [field]
    assert _count(SalesOrder) == 0


@sqlite_only
def test_every_fault_of_body_and_header_is_named_at_once(program: FlaskClient, factory: int) -> None:
    refused = program.post("/api/v1/orders", json={"product": "bicycle"}).get_json()["error"]
    assert [fault["field"] for fault in refused["fields"]] == ["variant", "buyer", "shown", "Idempotency-Key"]


@sqlite_only
def test_every_fault_of_the_buyer_is_named_at_once_in_sentences(order_body: OrderBody, place: Place) -> None:
    body = order_body()
    invoice = {"tax_number": "7", "city": "Berlin"}
    body["buyer"] |= {"mail": "nobody", "country": "XX", "name": " ", "invoice": invoice}
    error = place(body).get_json()["error"]
    words = {fault["field"]: fault["message"] for fault in error["fields"]}
    assert words.keys() == {
        "buyer.name", "buyer.mail", "buyer.country", "buyer.invoice.company", "buyer.invoice.tax_number",
        "buyer.invoice.street", "buyer.invoice.postal_code",
    }
    assert "lina@example.com" in words["buyer.mail"] and "no such country" in words["buyer.country"]
    body["buyer"] |= {"mail": "a@example.com", "name": "Dora"}
    refused = place(body)
    again = {fault["field"] for fault in refused.get_json()["error"]["fields"]}
    assert (refused.status_code, again) == (409, words.keys() - {"buyer.name", "buyer.mail"})


@sqlite_only
@pytest.mark.parametrize(("chosen", "field", "words"), [
    ({"drive": ["belt"], "gears": ["derailleur_9"]}, "belt_needs_hub", "A belt drive needs a hub gear."),
    ({"size": []}, "size", "cannot be answered like this: Frame size"),
])
def test_a_variant_that_cannot_be_is_refused_by_its_rule_or_question(
    order_body: OrderBody, place: Place, chosen: dict[str, Any], field: str, words: str
) -> None:
    body = order_body()
    body["variant"]["chosen"] |= chosen
    error = place(body).get_json()["error"]
    assert error["code"] == "configuration_invalid" and error["field"] == field
    assert words in {fault["field"]: fault["message"] for fault in error["fields"]}[field]


@sqlite_only
def test_no_word_of_our_program_is_in_an_answer(program: FlaskClient, factory: int) -> None:
    error = program.post("/api/v1/products/bicycle/decide", json={"decisions": {"drive": "belt"}}).get_json()["error"]
    assert [fault["message"] for fault in error["fields"]] == ["Send an array."]
    for answer in (program.get("/api/v1/nothing"), program.put("/api/v1/products")):
        error = answer.get_json()["error"]
        assert answer.status_code in (404, 405) and error["fields"] == [] and "page" not in error["message"]


@sqlite_only
@pytest.mark.parametrize(("variant", "code"), [
    ({"chosen": {"drive": ["belt"]}}, "configuration_invalid"),  # not complete
    ({"chosen": {"wings": ["large"]}}, "unknown_name"),
    ({"texts": {"engraving": "😀" * 999}}, "text_refused"),
    ({"texts": {"poem": "x"}}, "unknown_name"),
])
def test_only_a_variant_that_can_be_made_is_ordered(
    order_body: OrderBody, place: Place, variant: dict[str, Any], code: str
) -> None:
    body = order_body()
    body["variant"] = body["variant"] | variant
    refused = place(body)
    assert (refused.status_code, refused.get_json()["error"]["code"]) == (409, code), refused.text
    assert _count(SalesOrder) == 0


def test_an_order_cannot_be_read_without_its_token(order_body: OrderBody, place: Place, program: FlaskClient) -> None:
    place(order_body())
    for token in ("x" * 22, "..%2F..", "a", "%00" * 20, "'%20or%201=1", "x" * 5000):
        answer = program.get(f"/api/v1/orders/{token}")
        assert (answer.status_code, answer.get_json()["error"]["code"]) == (404, "not_found"), token


@sqlite_only
def test_an_order_says_whom_the_invoice_names_and_every_wrong_field_is_named(
    order_body: OrderBody, place: Place, program: FlaskClient
) -> None:
    body = order_body()
    invoice = {"company": "无锡水务有限公司", "tax_number": "91350100M000100Y44", "street": "太湖大道 1 号"}
    body["buyer"] |= {"postal_code": "12", "region": "江苏省", "invoice": invoice}
    refused = place(body)
    faults = refused.get_json()["error"]
    assert (refused.status_code, faults["code"], faults["field"]) == (409, "invalid_input", "buyer.postal_code")
    assert {fault["field"] for fault in faults["fields"]} == {
        "buyer.postal_code", "buyer.invoice.tax_number", "buyer.invoice.postal_code", "buyer.invoice.city",
    }
    assert "6 位数字" in faults["message"] or "6 digits" in faults["message"]
    body["buyer"] |= {"postal_code": "214000", "invoice": {"company": "A" * 201}}
    assert place(body).get_json()["error"]["fields"][0]["field"] == "buyer.invoice.company"
    assert _count(SalesOrder) == 0
    body["buyer"]["invoice"] = {"company": "无锡水务", "tax_number": "91350100M000100Y43", "purchase_order": "7"}
    token = place(body).get_json()["token"]
    kept = program.get(f"/api/v1/orders/{token}").get_json()["buyer"]
    assert (kept["region"], kept["invoice"]["purchase_order"], kept["invoice"]["street"]) == ("江苏省", "7", "")


@sqlite_only
def test_a_key_from_before_invoices_is_still_good(order_body: OrderBody) -> None:
    """What came later and says nothing is no part of what a key is for."""
    body = order_body()
    assert set(views._sent(inputs.OrderBody.model_validate(body))["buyer"]) == set(body["buyer"])
    body["buyer"]["invoice"] = {"purchase_order": "7"}
    assert set(views._sent(inputs.OrderBody.model_validate(body))["buyer"]) == set(body["buyer"])
