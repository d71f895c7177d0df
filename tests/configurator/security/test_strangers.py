"""Nobody reads another's order: foreign, guessed and mangled tokens and ids are not found, and nothing leaks."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient
from sqlmodel import col, select
from werkzeug.routing import IntegerConverter

from catalog.load import load_catalog
from catalog.rows import Company, utc_now
from configurator import auth, db
from configurator.auth import Role
from configurator.sales.models import QuoteRevision, SalesOrder
from configurator.storefront.visiting import CART
from tests.configurator.security.audience import AUDIENCE
from tests.configurator.security.house import VISITOR, Documents, buyer, fingerprint, order_for, rules

Who = Callable[[str], FlaskClient]
FAMILIES = Path(__file__).parents[3] / "catalog" / "families"
PERSONAL = [
    b"Alice", b"alice@", b"111 222", b"Bob", b"bob@", b"333 444", b"Carol", b"carol@", b"SO-2", b"Q-2", b"MO-2",
]


def _wrong_tokens(documents: Documents) -> list[str]:
    token = documents.order.token
    other = "A" if token[0] != "A" else "B"
    return [
        documents.order.number, documents.other_order.number, "1", "0", "-1", token[:-1], token + "A",
        other + token[1:], token.swapcase(), token[::-1], f"{token}%00", f"%00{token}", "%FF%FE", "x" * 3000,
        "*", "%25", "_" * 22, "'%20OR%20'1'='1", f"{token}'--", "..%2F..%2Fetc%2Fpasswd", "null", "undefined",
        "%F0%9F%98%80" * 6,
    ]


def test_a_token_that_is_not_the_right_one_opens_nothing(app: APIFlask, documents: Documents) -> None:
    """Every public address with a token: mangled ones, numbers, and good tokens of another kind of document."""
    client, orders = app.test_client(), {documents.order.token, documents.other_order.token}
    good = {
        *orders, documents.quote_token, documents.ids["configuration_token"],
        documents.ids["analysis_token"], documents.ids["cart_token"], documents.ids["draft_token"],
    }
    tried, for_modellers = 0, {"api.analysis", "api.cancel_analysis"}
    for rule in rules(app):
        if "token" not in rule.arguments:
            continue
        address = documents.address(rule)
        mine = next(token for token in good if token in address)
        for method in sorted((rule.methods or set()) & {"GET", "POST"}):
            for wrong in [*_wrong_tokens(documents), *(good - (orders if mine in orders else {mine}))]:
                answer = client.open(address.replace(mine, wrong), method=method)
                tried += 1
                at = f"{method} {address.replace(mine, wrong)[:200]}: {answer.status_code}"
                # who must say who they are is asked that first, whatever the token
                assert answer.status_code in ((401, 404) if rule.endpoint in for_modellers else (404,)), at
                assert not [secret for secret in PERSONAL if secret in answer.data and secret.decode() not in wrong], at
    assert tried > 150


def test_the_right_token_opens_it(app: APIFlask, documents: Documents) -> None:
    """Negative control: what the attacks look for is there, behind the token that its owner has."""
    client = app.test_client()
    assert b"Alice" in client.get(f"/api/v1/orders/{documents.order.token}").data
    mine = client.get(f"/orders/{documents.order.token}").data
    assert documents.order.number.encode() in mine
    assert documents.other_order.number.encode() not in mine
    assert b"Bob" not in mine and b"bob@" not in mine


def test_tokens_are_random_and_long_enough(documents: Documents) -> None:
    with db.reading() as session:
        tokens = [*session.exec(select(SalesOrder.token)).all(), *session.exec(select(QuoteRevision.token)).all()]
    tokens.append(documents.ids["configuration_token"])
    assert len(set(tokens)) == len(tokens) >= 5
    assert min(map(len, tokens)) >= 22  # 128 bits in base 64


def test_a_visitor_who_adds_ids_to_an_address_learns_nothing(app: APIFlask, documents: Documents) -> None:
    client = app.test_client()
    configuration = documents.ids["configuration_token"]
    for address in (
        f"/products/bicycle?quote-id={documents.ids['quote_id']}",
        f"/products/bicycle?quote={documents.ids['quote_id']}",
        "/products/bicycle?order_id=1&company_id=1",
        f"/checkout/{configuration}?quote=1",
        f"/checkout/{configuration}?order={documents.order.token}",
        "/login?next=/sales/",
    ):
        answer = client.get(address)
        assert answer.status_code < 500
        assert not [secret for secret in PERSONAL if secret in answer.data], address


def test_an_id_that_cannot_be_one_is_not_found(app: APIFlask, who: Who, documents: Documents) -> None:
    """Whole numbers that no database keeps are no outage."""
    clients = {role: who(role) for role in Role}
    visitor = who(VISITOR)
    visitor.set_cookie(CART, documents.ids["cart_token"])
    tried = 0
    for rule in rules(app):
        numbers = [name for name in rule.arguments if isinstance(rule._converters[name], IntegerConverter)]
        allowed = AUDIENCE[rule.endpoint]
        for bad in ("2147483648", "99999999999999999999", "0", "-1", "1.5", "1%00", "%31%20") if numbers else ():
            filled = re.sub(r"/\d+(?=[/?]|$)", f"/{bad}", documents.address(rule), count=1)
            for method in sorted((rule.methods or set()) & {"GET", "POST"}):
                client = clients[next(role for role in clients if role in allowed)] if allowed else visitor
                sent = {"quantity": 1} if rule.endpoint == "cart.change" else None
                answer = client.open(filled, method=method, data=sent)
                tried += 1
                if answer.status_code == 302:  # back to the line, which says why
                    assert answer.location.startswith("/floor/lines/"), filled
                else:
                    assert answer.status_code in (404, 405, 409, 422), f"{method} {filled}: {answer.status_code}"
    assert tried > 40


def test_a_cart_is_its_browsers_alone(app: APIFlask, documents: Documents) -> None:
    """Without its cookie, or with another one, it cannot be seen, changed or ordered; the item's number is no key."""
    item, token = documents.ids["item_id"], documents.ids["cart_token"]
    assert len(token) >= 22
    mine = app.test_client()
    mine.set_cookie(CART, token)
    assert f"/cart/items/{item}" in mine.get("/cart").text
    for other in (None, "", "1", token[:-1], token + "A", token.swapcase(), documents.order.token):
        stranger = app.test_client()
        if other is not None:
            stranger.set_cookie(CART, other)
        assert f"/cart/items/{item}" not in stranger.get("/cart").text
        before = fingerprint()
        for address in (f"/cart/items/{item}", "/cart/country", "/cart/renew", "/cart/hold", "/cart/checkout"):
            answer = stranger.post(address, data={"quantity": "0", "country": "DE"})
            assert answer.status_code == 404, (other, address)
        assert fingerprint() == before
    assert mine.post(f"/cart/items/{item}", data={"quantity": "2"}).status_code == 303


@pytest.fixture
def neighbour(documents: Documents, database: db.Database) -> tuple[int, str, int]:
    """Another company in the same database, with an order of its own: company, the order's token and its id."""
    with db.writing() as session:
        company = Company(code="next_door", name="Next Door", zone="Europe/Berlin", currency="EUR")
        session.add(company)
        session.flush()
        assert company.id is not None
        for name in ("factory", "bicycle"):
            load_catalog(session, company.id, (FAMILIES / f"{name}.yaml").read_text(), loaded_at=utc_now())
        found = company.id
    placed = order_for(found, buyer("Nora Neighbour", "nora@next.example"), "nora")
    with db.reading() as session:
        order_id = session.exec(select(SalesOrder.id).where(col(SalesOrder.token) == placed.token)).one()
    assert order_id is not None
    return found, placed.token, order_id


def test_companies_do_not_see_each_other(
    app: APIFlask, who: Who, documents: Documents, neighbour: tuple[int, str, int]
) -> None:
    company, token, order_id = neighbour
    visitor = who(VISITOR)
    for address in (f"/orders/{token}", f"/api/v1/orders/{token}"):
        answer = visitor.get(address)
        assert answer.status_code == 404
        assert b"Nora" not in answer.data
    ours = who("sales")
    assert ours.get(f"/sales/orders/{order_id}").status_code == 404
    assert b"Nora" not in ours.get("/sales/orders").data
    with db.writing() as session:
        user = auth.add_user(session, company, "theirs", "a long password", "Thea Theirs", set(Role))
        cookie = auth.start_session(session, user, hours=1)
    theirs = app.test_client()
    theirs.set_cookie(auth.COOKIE, cookie)
    listed = theirs.get("/sales/orders").data
    assert b"Nora" in listed and b"Alice" not in listed
    for rule in rules(app):
        own = set(rule.arguments) - {"product", "code", "filename", "question"}
        if own and not rule.rule.startswith("/api/"):
            for method in sorted((rule.methods or set()) & {"GET", "POST"}):
                answer = theirs.open(documents.address(rule), method=method)
                at = f"{method} {documents.address(rule)}: {answer.status_code}"
                assert answer.status_code in (404, 409, 422), at
                assert not [secret for secret in PERSONAL if secret in answer.data], at
