"""Files by programs: judged as on the page, theirs by a key, and part of what they order."""

from __future__ import annotations

import uuid
from base64 import b64encode
from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlmodel import select

from configurator import db
from configurator.auth import Role
from configurator.sales import uploads
from configurator.sales.models import SalesOrder
from configurator.sales.uploads import StoredFile, Upload

PDF = b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\ntrailer\n<<>>\n%%EOF\n"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><path d="M0 0h9v9z"/></svg>'


@pytest.fixture
def database_kind() -> str:
    """What is kept and refused does not depend on the database."""
    return "sqlite"


@pytest.fixture
def send(program: FlaskClient, factory: int) -> Callable[..., Any]:
    """`send(data, key=…)`: send a logo of a bicycle."""

    def post(content: bytes = SVG, **said: Any) -> Any:
        body = {"product": "bicycle", "question": "logo", "name": "logo.svg", "data": b64encode(content).decode()}
        return program.post("/api/v1/uploads", json=body | said)

    return post


def with_logo(program: FlaskClient, order_body: Callable[..., dict[str, Any]], answer: str) -> dict[str, Any]:
    """The body of an order of a bicycle with this logo, at the price that a promise gave."""
    body = order_body()
    asked = {"variant": body["variant"] | {"texts": {"logo": answer}}, "country": "CN"}
    found = program.post("/api/v1/products/bicycle/promise", json=asked)
    assert found.status_code == 200, found.text
    price = found.get_json()["price"]
    return body | {
        "variant": asked["variant"], "shown": body["shown"] | {
            "gross_minor": price["gross_minor"], "arrives_on": found.get_json()["date"]["arrives_on"],
        },
    }


def test_a_file_is_sent_and_ordered_with_its_key(program, order_body, place, send, client) -> None:
    question = next(one for one in program.get("/api/v1/products/bicycle").get_json()["uploads"] if one["id"] == "logo")
    assert "svg" in question["kinds"]
    sent = send()
    file = sent.get_json()
    assert (sent.status_code, file["kind"], file["size"], file["name"]) == (201, "svg", len(SVG), "logo.svg")
    assert len(file["key"]) >= 22
    body = with_logo(program, order_body, file["answer"]) | {"upload_key": file["key"]}
    placed = place(body)
    assert placed.status_code == 201, placed.text
    token = placed.get_json()["token"]
    name = file["answer"].partition(" ")[0]
    assert client.get(f"/orders/{token}/files/{name}").data == SVG
    assert program.get(f"/api/v1/orders/{token}").get_json()["variant"]["texts"]["logo"] == file["answer"]
    again = send(PDF, key=file["key"])
    assert again.get_json()["key"] == file["key"]  # one key for both


def test_nobody_orders_with_anothers_file(program, order_body, place, send) -> None:
    """Its name is not enough: with it an order could be placed and the file be read through that order's page."""
    file, other = send().get_json(), send(PDF).get_json()
    body = with_logo(program, order_body, file["answer"])
    token, rest = file["answer"].split(" ", 1)
    for key, answer in (
        ("", file["answer"]), (other["key"], file["answer"]), (file["key"][::-1], file["answer"]),
        (file["key"], f"{token[::-1]} {rest}"), (file["key"], f"{'A' * 22} {rest}"),
    ):
        wrong = body | {"upload_key": key, "variant": body["variant"] | {"texts": {"logo": answer}}}
        for address in ("/api/v1/orders", "/api/v1/holds"):
            sent = wrong if address.endswith("orders") else {
                "product": "bicycle", "variant": wrong["variant"], "country": "CN", "upload_key": key,
            }
            refused = program.post(address, json=sent, headers={"Idempotency-Key": uuid.uuid4().hex})
            assert (refused.status_code, refused.get_json()["error"]["code"]) == (409, "file_unknown"), refused.text
    with db.reading() as session:
        assert session.exec(select(SalesOrder)).all() == []
    assert place(body | {"upload_key": file["key"]}).status_code == 201  # the negative control


@pytest.mark.parametrize(("data", "code"), [
    (b"", "file_empty"), (b"MZ an installer", "file_kind"), (PDF[:-7], "file_damaged"),
    (SVG.replace(b"<path", b"<script/><path"), "file_active"), (SVG + b" " * 5_000_000, "file_too_large"),
])
def test_a_wrong_file_is_refused_with_a_code_and_nothing_is_kept(send, data: bytes, code: str) -> None:
    refused = send(data)
    error = refused.get_json()["error"]
    assert (refused.status_code, error["code"], error["field"]) == (409, code, "data") and len(error["message"]) > 20
    with db.reading() as session:
        assert session.exec(select(Upload)).all() == [] == session.exec(select(StoredFile)).all()


@pytest.mark.parametrize(("said", "status"), [
    ({"question": "engraving"}, 404), ({"product": "unicycle"}, 404), ({"data": "no base 64!"}, 422),
    ({"name": ""}, 422), ({"key": "a b"}, 422), ({"size": 3}, 422),
])
def test_what_is_not_asked_for_is_not_taken(send, said: dict[str, Any], status: int) -> None:
    assert send(**said).status_code == status


def test_a_text_that_names_no_file_is_told_which_and_what_to_do(program, order_body) -> None:
    body = order_body()
    for logo in ("logo.svg", "x" * 300):
        asked = {"variant": body["variant"] | {"texts": {"logo": logo}}, "country": "CN"}
        refused = program.post("/api/v1/products/bicycle/promise", json=asked).get_json()["error"]
        assert refused["code"] == "text_refused" and refused["fields"][0]["field"] == "variant.texts.logo"
        assert "/uploads" in refused["fields"][0]["message"]


def test_an_account_owns_its_files_and_visitors_together_send_so_much(send, program, login, monkeypatch) -> None:
    monkeypatch.setattr(uploads, "GUESTS_AN_HOUR", len(SVG))
    assert send().status_code == 201
    full = send()
    assert (full.status_code, full.get_json()["error"]["code"]) == (429, "too_many_files")
    body = {"product": "bicycle", "question": "logo", "name": "logo.svg", "data": b64encode(SVG).decode()}
    mine = program.post("/api/v1/uploads", json=body, auth=login(Role.BUYER).password)
    assert (mine.status_code, mine.get_json()["key"]) == (201, None)
