"""Reading products and deciding: the API says what the engine says, in words that can be sent back."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlmodel import Session

from catalog.offer import Offer, current_offer
from catalog.rows import Company
from configurator.auth import COOKIE, Role, add_user, start_session
from configurator.db import Database
from solver.configuration.check import is_valid
from solver.configuration.problem import GroupId, OptionId, Variant

pytestmark = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)

DECIDE = "/api/v1/products/bicycle/decide"
PROMISE = "/api/v1/products/bicycle/promise"


@pytest.fixture
def offer(database: Database, factory: int) -> Offer:
    with database.reading() as session:
        return current_offer(session, factory, "bicycle")


def _variant(data: dict[str, Any]) -> Variant:
    chosen = {GroupId(group): frozenset(map(OptionId, options)) for group, options in data["chosen"].items()}
    return Variant(chosen, data["numbers"], data["texts"])


def test_a_program_finds_the_products_and_everything_that_can_be_chosen(program: FlaskClient, offer: Offer) -> None:
    listed = program.get("/api/v1/products").get_json()["products"]
    assert [line["code"] for line in listed] == ["bicycle"]
    shown = program.get("/api/v1/products/bicycle").get_json()
    assert {g["id"]: [o["id"] for o in g["options"]] for g in shown["groups"]} == {
        g.id: [o.id for o in g.options] for g in offer.product.groups
    }
    assert shown["name"] == {"zh": offer.product.name.zh, "en": offer.product.name.en}
    assert {rule["id"] for rule in shown["rules"]} == {rule.id for rule in offer.product.rules}
    assert shown["countries"] == ["CN", "DE"]
    assert shown["revisions"] == {
        "product": offer.product_revision_id, "price_list": offer.price_list_revision_id,
        "manufacturing": offer.manufacturing_revision_id,
    }


def test_deciding_says_what_is_open_and_what_is_excluded_and_completes_it(program: FlaskClient, offer: Offer) -> None:
    body = {"decisions": [{"group": "drive", "option": "belt"}], "country": "CN"}
    answer = program.post(DECIDE, json=body).get_json()
    assert answer["status"] == "valid"
    assert answer["options"]["drive"]["belt"] == "chosen"
    assert answer["options"]["gears"]["derailleur_9"] == "excluded"  # a belt requires a hub gear
    assert answer["options"]["gears"]["hub_8"] == "open"
    assert is_valid(offer.problem, _variant(answer["completion"]))
    assert answer["completion"]["chosen"]["drive"] == ["belt"]
    price = answer["price"]
    assert price["net_minor"] + price["tax_minor"] == price["gross_minor"]
    assert sum(item["amount_minor"] for item in price["items"]) == price["net_minor"]


def test_a_conflict_names_decisions_and_rules_and_every_repair_works(program: FlaskClient, factory: int) -> None:
    decisions = [{"group": "drive", "option": "belt"}, {"group": "gears", "option": "derailleur_9"}]
    answer = program.post(DECIDE, json={"decisions": decisions})
    assert answer.status_code == 200  # a question that is answered "no"
    conflict = answer.get_json()
    assert conflict["status"] == "conflict"
    assert {d["group"] for d in conflict["decisions"]} == {"drive", "gears"}
    assert conflict["rules"]
    for repair in conflict["repairs"]:
        assert repair["changes"]
        repaired = program.post(DECIDE, json={"decisions": repair["decisions"]}).get_json()
        assert repaired["status"] == "valid"
    refused = program.post(PROMISE, json={"decisions": decisions, "country": "CN"})
    assert refused.status_code == 409
    error = refused.get_json()["error"]
    assert error["code"] == "configuration_conflict"
    assert error["conflict"]["repairs"] == conflict["repairs"]


def test_a_promise_of_decisions_and_of_their_completion_are_the_same(program: FlaskClient, factory: int) -> None:
    asked = {"decisions": [{"group": "drive", "option": "belt"}], "texts": {"engraving": "LILEI"}, "country": "DE"}
    first = program.post(PROMISE, json=asked).get_json()
    again = program.post(PROMISE, json={"variant": first["variant"], "country": "DE"}).get_json()
    assert first["variant"]["texts"] == {"engraving": "LILEI"}
    assert again["price"] == first["price"]
    assert again["date"]["arrives_on"] == first["date"]["arrives_on"]
    assert first["price"]["rate"] == "19"
    assert first["date"]["completes_at"] < first["date"]["promise_at"] <= first["date"]["dispatch_at"]


@pytest.mark.parametrize(("path", "body", "status", "code", "fields"), [
    # the body is not what the document says: 422, and every field is named
    (DECIDE, {"decisions": [{"group": "drive"}]}, 422, "invalid_input", ["decisions.0.option"]),
    (DECIDE, {"decisions": [{"group": "drive", "option": "belt", "price": 1}]}, 422, "invalid_input",
     ["decisions.0.price"]),
    (DECIDE, {"decisions": "belt", "texts": {"Engraving": "x"}, "more": 1}, 422, "invalid_input",
     ["decisions", "texts.Engraving", "more"]),
    (DECIDE, {"decisions": [{"parameter": "width", "value": "12"}]}, 422, "invalid_input", ["decisions.0.value"]),
    (DECIDE, {"texts": {"engraving": "a\u0000b"}}, 422, "invalid_input", ["texts.engraving"]),
    (PROMISE, {"decisions": []}, 422, "invalid_input", ["country"]),
    (PROMISE, {"variant": {"chosen": {}}, "decisions": [], "country": "CN"}, 422, "invalid_input", ["body"]),
    # the catalog does not have it (any more): 409
    (DECIDE, {"decisions": [{"group": "wings", "option": "large"}, {"group": "drive", "option": "rope"}]}, 409,
     "unknown_name", ["decisions.0.group", "decisions.1.option"]),
    (DECIDE, {"texts": {"poem": "roses"}}, 409, "unknown_name", ["texts.poem"]),
    (DECIDE, {"country": "ZZ"}, 409, "country_not_served", ["country"]),
    (PROMISE, {"decisions": [], "country": "ZZ"}, 409, "country_not_served", ["country"]),
    (PROMISE, {"texts": {"engraving": "x" * 999}, "country": "CN"}, 409, "text_refused", ["texts.engraving"]),
    (PROMISE, {"variant": {"chosen": {"drive": ["belt"]}}, "country": "CN"}, 409, "configuration_invalid", None),
    ("/api/v1/products/unicycle/decide", {}, 404, "not_found", None),
    ("/api/v1/products/a%00b/decide", {}, 404, "not_found", None),  # PostgreSQL cannot be asked for a NUL
])
def test_a_refusal_has_a_stable_code_and_names_every_field(
    factory: int, program: FlaskClient, path: str, body: dict[str, Any], status: int, code: str,
    fields: list[str] | None,
) -> None:
    answer = program.post(path, json=body)
    assert (answer.status_code, answer.get_json()["error"]["code"]) == (status, code), answer.text
    if fields is not None:
        assert [fault["field"] for fault in answer.get_json()["error"]["fields"]] == fields


@pytest.mark.parametrize(("sent", "media_type", "status", "code"), [
    ("{", "application/json", 400, "not_json"),
    ("[" * 200_000, "application/json", 400, "not_json"),  # deeper than the stack
    ('{"country": "\\ud800"}', "application/json", 400, "not_json"),  # half a character
    ('{"decisions": [], "country": NaN}', "application/json", 400, "not_json"),
    ("[]", "application/json", 422, "invalid_input"),
    ("null", "application/json", 422, "invalid_input"),
    ("country=CN", "application/x-www-form-urlencoded", 415, "unsupported_media_type"),
    ('{"country": "CN"}', "text/plain", 415, "unsupported_media_type"),  # what a form of another site could send
    (" " * (3 * 1024 * 1024), "application/json", 413, "too_large"),
])
def test_what_is_not_json_is_refused_politely(
    factory: int, program: FlaskClient, sent: str, media_type: str, status: int, code: str
) -> None:
    answer = program.post(PROMISE, data=sent, content_type=media_type)
    assert (answer.status_code, answer.get_json()["error"]["code"]) == (status, code), answer.text


def test_a_text_that_cannot_be_made_is_named_while_deciding_and_not_priced(program: FlaskClient, factory: int) -> None:
    plain = program.post(DECIDE, json={"country": "CN"}).get_json()
    answer = program.post(DECIDE, json={"country": "CN", "texts": {"engraving": "x" * 999}}).get_json()
    assert [fault["text"] for fault in answer["refused_texts"]] == ["engraving"]
    assert answer["price"] == plain["price"]


def test_a_cookie_changes_nothing_and_none_is_set(
    app: Any, factory: int, login: Any, program: FlaskClient, database: Database
) -> None:
    """Even the session of somebody of another company: the API asks nobody who they are."""
    with database.writing() as session:
        company = Company(code="next_door", name="Next Door", zone="Europe/Berlin", currency="EUR")
        session.add(company)
        session.flush()
        assert company.id is not None
        cookie = start_session(session, add_user(session, company.id, "theirs", "a long password", "T", set(Role)), 1)
    visitor = program.get("/api/v1/products")
    theirs = app.test_client()
    theirs.set_cookie(COOKIE, cookie)
    assert theirs.get("/admin/").status_code == 200  # a good session, where sessions are asked for
    assert theirs.get("/api/v1/products").data == login("administrator").get("/api/v1/products").data == visitor.data
    for answer in (program.post(DECIDE + "?lang=zh", json={}), program.post(DECIDE + "?lang=zh", json={"x": 1})):
        assert "Set-Cookie" not in answer.headers


def test_a_message_is_in_the_language_that_was_asked_for(program: FlaskClient, factory: int) -> None:
    chinese = program.post(DECIDE, json={"texts": {"poem": "x"}}, headers={"Accept-Language": "zh-CN"}).get_json()
    english = program.post(DECIDE, json={"texts": {"poem": "x"}}, headers={"Accept-Language": "en"}).get_json()
    assert english["error"]["message"] == "The catalog has no such name."
    assert chinese["error"]["code"] == english["error"]["code"]


def test_reading_and_deciding_write_nothing(database: Database, program: FlaskClient, factory: int) -> None:
    """A click writes nothing: on a database that refuses to be written to, everything but ordering works."""
    writing = database.writing

    def refuse() -> Session:
        raise AssertionError("A click must not open a writing transaction.")

    database.writing = refuse  # type: ignore[method-assign,assignment]
    try:
        for answer in (
            program.get("/api/v1/products"), program.get("/api/v1/products/bicycle"),
            program.post(DECIDE, json={"country": "CN"}), program.post(PROMISE, json={"country": "CN"}),
        ):
            assert answer.status_code == 200
    finally:
        database.writing = writing  # type: ignore[method-assign]
