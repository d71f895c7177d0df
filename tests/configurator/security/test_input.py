"""Input sets only what the form shows: every column of every table, added to every form and body, changes nothing."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from apiflask import APIFlask
from flask import request
from flask.testing import FlaskClient
from sqlalchemy import Boolean, Date, DateTime, Integer
from sqlmodel import select
from werkzeug.datastructures import MultiDict

from configurator import db
from configurator.admin.models import User, UserRole
from configurator.api import inputs
from configurator.auth import public
from configurator.config import Settings
from configurator.sales.models import SalesOrder
from configurator.sales.parties import Party
from configurator.sales.payment_terms import configure as configure_payments
from configurator.schema import tables
from configurator.storefront.visiting import CART
from configurator.storefront.visiting import COOKIE as DRAFTS
from tests.configurator.security.house import VISITOR, Documents, fingerprint, rules
from tests.configurator.storefront.test_cart_views import hidden as shown_on
from tests.configurator.storefront.test_guests import EXCHANGE

pytestmark = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
Who = Callable[[str], FlaskClient]

NUMBER, WORD, DAY = 987654321, "hostile-value", "2001-02-03"
MARKS = (str(NUMBER), WORD, DAY, "2001, 2, 3")
ADDRESS = {
    "name": "Dora Delta", "mail": "dora@delta.example", "phone": "+86 10 1234", "street": "Ring 1",
    "postal_code": "200040", "city": "Shanghai", "region": "", "country": "CN",
}
INVOICE = {
    "invoice-company": "Delta Water", "invoice-tax_number": "91350100M000100Y43", "invoice-purchase_order": "PO 7",
    "invoice-name": "Accounts", "invoice-street": "Ring 2", "invoice-postal_code": "200040",
    "invoice-city": "Shanghai", "invoice-region": "", "invoice-country": "CN",
}

WAY = {
    "kind": "carrier", "name_en": "Parcel", "name_zh": "快递", "country": "CN", "postal_prefixes": "",
    "transit_days": "3", "cutoff": "16:00", "working_days": "mon", "currency": "CNY", "price_by": "value",
    "steps": "0 0",
}


def _hostile_columns() -> dict[str, str]:
    """Every column of every table, with a value of its kind that nobody else would write."""
    values: dict[str, str] = {}
    for table in tables().sorted_tables:
        for column in table.columns:
            kind = column.type
            is_day = isinstance(kind, (Date, DateTime)) or column.name.endswith("_at")
            values[column.name] = (
                "false" if isinstance(kind, Boolean) else str(NUMBER) if isinstance(kind, Integer)
                else DAY if is_day else WORD
            )
    return values | {"roles": "administrator", "role": "administrator", "is_admin": "1"}


def _forms(documents: Documents) -> list[tuple[str, str, dict[str, Any]]]:
    """(principal, address, what the form shows, filled in) of every form that writes something of its input."""
    ids = documents.ids
    return [
        (VISITOR, "/products/bicycle/texts?colour=sky", {"engraving": "DORA"}),
        (VISITOR, "/products/bicycle/order?colour=sky", {}),
        (VISITOR, f"/checkout/{ids['configuration_token']}", ADDRESS | INVOICE),  # completed from the page by _filled
        (VISITOR, "/products/bicycle/cart?colour=sky", {}),
        (VISITOR, f"/cart/items/{ids['item_id']}", {"quantity": "2"}),
        (VISITOR, "/cart/country", {"country": "DE"}),
        (VISITOR, "/cart/deliveries", {"deliveries": "apart"}),
        # completed from the page by _filled
        (VISITOR, "/cart/checkout", ADDRESS | {"country": "DE", "postal_code": "10115"} | INVOICE),
        (VISITOR, f"/quotes/{documents.quote_token}/decline", {"comment": "too late"}),
        (VISITOR, f"/orders/{documents.order.token}/items/1/change?colour=navy", {}),  # completed from the page
        (VISITOR, f"/orders/{documents.order.token}/items/1/change/texts", {"engraving": "DORA"}),
        (VISITOR, "/products/bicycle/draft?colour=sky", {"name": "For Dora"}),
        (VISITOR, f"/drafts/{ids['draft_token']}/name", {"name": "For Dora and me"}),
        (VISITOR, f"/drafts/{ids['draft_token']}/mail", {"mail": "dora@delta.example"}),
        (VISITOR, "/account/link", {"mail": "dora@delta.example"}),
        (VISITOR, f"/account/open/{ids['account_link']}", {"name": "Dora Delta", "password": "a long password"}),
        ("planner", "/account/details", {
            "name": "Paul Planner", "phone": "", "street": "Weg 1", "postal_code": "10115", "city": "Berlin",
            "region": "", "country": "DE", "locale": "en", **INVOICE,
        }),
        ("administrator", "/admin/delivery/new", WAY),
        ("administrator", f"/admin/delivery/{ids['way_id']}", WAY),
        (VISITOR, f"/orders/{documents.order.token}/delivery", {"way": f"way-{ids['way_id'] + 1}"}),  # from the page
        (VISITOR, f"/orders/{documents.other_order.token}/address", {"mail": "dora@delta.example"}),
        (VISITOR, f"/orders/{documents.other_order.token}/assurance", {"assurance": "deposit"}),  # from the page
        (VISITOR, f"/orders/{documents.other_order.token}/cancel", {}),
        ("sales", "/sales/quotes/new/bicycle?colour=sky", {
            "validity_days": "14", "name": "Dora Delta", "mail": "dora@delta.example", "country": "CN",
            "language": "en", "postal_code": "200040", **INVOICE,
        }),
        ("sales", f"/sales/quotes/{ids['quote_id']}/send", {}),
        ("sales", f"/sales/quotes/{ids['quote_id']}/revise", {}),
        ("planner", "/planning/margins", {"buffer": "45", "grace": "30", "near": "20"}),
        ("planner", "/planning/simulations", {
            "plant": str(ids["plant_id"]), "weeks": "1", "spread": "5", "breakdowns": "0.5", "policies-0-buffer": "45",
        }),
        ("administrator", "/admin/payment-terms/", {
            "percent": "40", "asked_from": "0", "asked_of_guests_from": "0", "days": "7", "providers": "transfer",
        }),
        ("administrator", "/admin/users/new", {
            "login": "dora", "name": "Dora Delta", "password": "a long password", "roles": "sales", "locale": "en",
        }),
        ("administrator", f"/admin/users/{ids['user_id']}", {"roles": "sales", "is_active": "y"}),
        ("administrator", f"/admin/users/{ids['user_id']}/password", {"password": "another long password"}),
    ]


def _filled(client: FlaskClient, address: str, shown: dict[str, Any]) -> dict[str, Any]:
    """The hidden fields of a checkout and of a change, as their pages show them."""
    changes = "/change?" in address
    if address.endswith("/delivery"):
        found = re.search(r'name="shown" value="([^"]*)"', client.get(address).text)
        assert found is not None
        return shown | {"shown": found[1]}
    if address.endswith("/assurance"):
        return shown | shown_on(client.get(address.removesuffix("/assurance")).text, EXCHANGE)
    if not address.startswith(("/checkout/", "/cart/checkout")) and not changes:
        return dict(shown)
    page = client.get(address).text
    hidden = {
        name: re.search(rf'<input[^>]*name="{name}"[^>]*value="([^"]*)"', page)
        for name in ("key", "shown_gross", "shown_currency", "shown_date", *(["base"] if changes else []))
    }
    assert all(hidden.values()), hidden
    return shown | {name: found[1] for name, found in hidden.items() if found}


def _marked_rows() -> list[str]:
    """Every row that holds a hostile value."""
    found = []
    with db.reading() as session:
        for table in tables().sorted_tables:
            rows = session.execute(table.select()).all()
            found += [f"{table.name}: {row}" for row in rows if any(mark in repr(row) for mark in MARKS)]
    return found


def test_columns_added_to_every_form_change_nothing(
    app: APIFlask, who: Who, unhurried: None, documents: Documents  # or the order could not be changed any more
) -> None:
    hostile = _hostile_columns()
    assert len(hostile) > 100
    with db.reading() as session:
        roles = set(session.exec(select(UserRole.user_id, UserRole.role)).all())
    configure_payments(Settings(bank_account="Test House · Test Bank · DE00 1234"))  # or nothing could be offered
    for name, address, shown in _forms(documents):
        client = who(name)
        client.set_cookie(CART, documents.ids["cart_token"])
        client.set_cookie(DRAFTS, documents.ids["draft_holder"])
        data = _filled(client, address, shown)
        extra = {column: value for column, value in hostile.items() if column not in data and column != "csrf_token"}
        before = fingerprint()
        answer = client.post(address, data=MultiDict([*data.items(), *extra.items()]))
        assert answer.status_code in (200, 302, 303), f"{address}: {answer.status_code} {answer.text[:2000]}"
        if "texts" not in address:
            assert fingerprint() != before, f"{address} wrote nothing, so nothing was tried"
        assert _marked_rows() == [], address
    with db.reading() as session:
        added = set(session.exec(select(UserRole.user_id, UserRole.role)).all()) - roles
        logins = {user.id: user.login for user in session.exec(select(User)).all()}
    given = {(logins[user_id].partition("-")[0], role) for user_id, role in added}
    assert given == {
        ("sales", "sales"), ("planner", "planner"), ("administrator", "administrator"), ("dora", "sales"),
        ("erik@epsilon.example", "buyer"),
    }  # fmt: skip


def test_every_form_of_the_house_is_tried_or_takes_no_input(app: APIFlask, documents: Documents) -> None:
    """A form that is added later must be added to the attack (or to what takes no input of its own)."""
    tried = {address.partition("?")[0] for _, address, _ in _forms(documents)}
    without_input = {
        "admin.do_login", "admin.logout", "admin.retry_job", "admin.retry_mail",  # nothing of the body is stored
        "modelling.load", "modelling.submit",  # a file, judged field by field: tests/catalog
        "upload.send", "upload.remove",  # a file, judged by its content: tests/catalog/test_uploads.py
        "modelling.cancel", "modelling.publish", "modelling.discard",  # nothing of the body is stored
        "delivery.retire", "delivery.resume", "sales.refund_paid", "sales.refund_ask",  # nothing of the body is stored
        "sales.discard",  # nothing of the body is stored
        "cart.hold", "cart.renew", "cart.put_back", "sales.deposit", "storefront.pay",  # nothing of the body is stored
        "sales.address", "address.agree",  # nothing of the body is stored
        "account.password", "account.close",  # a password: tests/configurator/storefront/test_accounts.py
        "sales.start_at_once", "draft.delete", "draft.take", "storefront.earlier",  # nothing of the body is stored
        "modelling.keep_pictures",  # files, judged by what they contain: tests/catalog/test_pictures.py
    }
    for rule in rules(app):
        if "POST" in (rule.methods or ()) and not rule.rule.startswith("/api/"):
            known = rule.endpoint in without_input or documents.address(rule) in tried
            assert known or rule.endpoint.startswith(("planning.", "floor.")), rule.endpoint


@pytest.mark.parametrize("level", ["", "buyer", "buyer.invoice", "shown", "variant"])
def test_columns_added_to_a_body_of_the_api_are_refused_by_name(app: APIFlask, factory: int, level: str) -> None:
    client = app.test_client()
    asked = client.post("/api/v1/products/bicycle/promise", json={"country": "CN"}).get_json()
    body = {
        "product": "bicycle", "variant": asked["variant"], "buyer": ADDRESS | {"language": "en"},
        "shown": {
            "gross_minor": asked["price"]["gross_minor"], "currency": asked["price"]["currency"],
            "arrives_on": asked["date"]["arrives_on"],
        },
    }
    body["buyer"]["invoice"] = {"company": "Delta Water"}
    target = body
    for name in filter(None, level.split(".")):
        target = target[name]
    shown = inputs.InvoiceBody.model_fields if level == "buyer.invoice" else target
    extra = {column: value for column, value in _hostile_columns().items() if column not in shown}
    target |= extra
    before = fingerprint()
    refused = client.post("/api/v1/orders", json=body, headers={"Idempotency-Key": uuid.uuid4().hex})
    assert refused.status_code == 422
    prefix = f"{level}." if level else ""
    assert {fault["field"] for fault in refused.get_json()["error"]["fields"]} == {prefix + name for name in extra}
    assert fingerprint() == before
    for name in extra:
        del target[name]
    assert client.post("/api/v1/orders", json=body, headers={"Idempotency-Key": uuid.uuid4().hex}).status_code == 201
    with db.reading() as session:
        assert session.exec(select(SalesOrder.placed_at)).one().date() >= date(2026, 1, 1)


def test_a_view_that_takes_everything_would_be_found(app: APIFlask, documents: Documents) -> None:
    """Negative control: one view that copies its form into a row, as a careless one would."""

    def careless() -> str:
        with db.writing() as session:
            party = session.exec(select(Party)).first()
            assert party is not None
            for name, value in request.form.items():
                if name in ("name", "city", "tax_number"):
                    setattr(party, name, value)
        return "ok"

    app.add_url_rule("/careless", "careless", public(careless), methods=["POST"])
    assert app.test_client().post("/careless", data=_hostile_columns()).status_code == 200
    assert [row.partition(":")[0] for row in _marked_rows()] == ["party"]
