"""The catalog page: what is published, and a file that is published or refused line by line."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlmodel import select

from catalog.products import ProductRevision
from configurator import db
from configurator.audit import AuditEvent
from configurator.auth import Role
from tests.catalog.small import LAMP, broken, line_of, section

pytestmark = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)  # services are tried on both

Login = Callable[..., FlaskClient]


def upload(client: FlaskClient, text: str | bytes, name: str = "lamp.yaml", **more: Any) -> Any:
    data = {"file": (io.BytesIO(text.encode() if isinstance(text, str) else text), name)}
    return client.post("/modelling/", data=data, content_type="multipart/form-data", **more)


def revisions() -> list[int]:
    with db.reading() as session:
        return list(session.exec(select(ProductRevision.number).order_by(ProductRevision.number)))


def events() -> list[AuditEvent]:
    with db.reading() as session:
        return list(session.exec(select(AuditEvent).where(AuditEvent.action == "catalog.loaded")))


def test_an_empty_house_says_what_will_be_here(login: Login) -> None:
    page = login(Role.MODELLER).get("/modelling/").get_data(as_text=True)
    assert "No product yet" in page and "No plant yet" in page


def test_a_good_file_is_published_and_noted(login: Login) -> None:
    client = login(Role.MODELLER)
    answer = upload(client, LAMP)
    assert answer.status_code == 303
    page = client.get("/modelling/").get_data(as_text=True)
    for words in ("Product lamp: revision 1 is published.", "Lamp", "lamp_retail", "In force", "Ulm", "Europe/Berlin"):
        assert words in page, words
    (event,) = events()
    assert event.actor_id == client.user_id  # type: ignore[attr-defined]
    assert event.data["prices"] == {"code": "lamp_retail", "number": 1}


def test_the_same_file_again_says_that_nothing_is_new(login: Login) -> None:
    client = login(Role.MODELLER)
    upload(client, LAMP)
    upload(client, LAMP)
    assert "nothing is new, revision 1 stays in force" in client.get("/modelling/").get_data(as_text=True)
    assert revisions() == [1] and len(events()) == 1


def test_a_new_revision_replaces_the_old_one(login: Login) -> None:
    client = login(Role.MODELLER)
    upload(client, LAMP)
    upload(client, broken("en: A lamp}", "en: A fine lamp}"))
    page = client.get("/modelling/").get_data(as_text=True)
    assert "Product lamp: revision 2 is published." in page and "Replaced" in page


def test_a_later_routing_is_shown_as_valid_later(login: Login) -> None:
    client = login(Role.MODELLER)
    upload(client, LAMP)
    upload(client, section("manufacturing").replace("2026-01-01", "2099-06-01"))
    page = client.get("/modelling/").get_data(as_text=True)
    assert "Valid later" in page and "Mon 1 Jun 2099" in page


def test_a_refused_file_is_told_line_by_line_and_stores_nothing(login: Login) -> None:
    text = broken("=> shade.small\n", "=> shade.smal\n").replace("basis: gross", "basis: <b>brutto</b>")
    answer = upload(login(Role.MODELLER), text, name="<i>lamp</i>.yaml")
    page = answer.get_data(as_text=True)
    assert answer.status_code == 422
    assert (
        f'<td class="number">{line_of(text, "height > 40")}</td><td class="mono">product.rules[stable].expression'
        in page
    )
    assert "shade.smal does not exist" in page and "prices.basis" in page
    assert "&lt;b&gt;brutto" in page and "<b>brutto" not in page and "<i>lamp" not in page
    assert "2 things are to be repaired. Nothing was stored." in page
    assert revisions() == [] and events() == []


@pytest.mark.parametrize("bad", [b"", b"\xff\xfe\x00", b"[" * 1000, b"hello"])
def test_what_is_no_catalog_file_gets_an_answer(login: Login, bad: bytes) -> None:
    assert upload(login(Role.MODELLER), bad).status_code == 422


def test_a_form_without_a_file_says_so(login: Login) -> None:
    answer = login(Role.MODELLER).post("/modelling/", data={})
    assert answer.status_code == 422
    assert "Please choose a file." in answer.get_data(as_text=True)


def test_a_form_without_its_token_is_refused(login: Login) -> None:
    assert upload(login(Role.MODELLER), LAMP, csrf=False).status_code == 400
    assert revisions() == []


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.MODELLER])
def test_only_modellers_come_in(login: Login, role: Role) -> None:
    client = login(role)
    assert client.get("/modelling/").status_code == 403
    assert upload(client, LAMP).status_code == 403
    assert revisions() == []


def test_a_visitor_is_sent_to_the_login(client: FlaskClient) -> None:
    assert client.get("/modelling/").location.startswith("/login")
