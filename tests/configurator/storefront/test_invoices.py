"""A company can be invoiced: asked for with every order, kept with it, and shown wherever the order is."""

from __future__ import annotations

import re
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlmodel import select

from configurator import db
from configurator.admin.models import User
from configurator.config import Settings
from configurator.outbox import OutboxMail
from configurator.sales.documents import order_data, order_pdf, quote_data
from configurator.sales.mails import message_of
from configurator.sales.models import SalesOrder
from configurator.sales.orders import order_by_token, orders_page
from configurator.sales.parties import Party
from configurator.sales.quotes import quote_by_id
from tests.configurator.storefront.test_cart_views import put_in

ADDRESS = {
    "name": "Dora Delta", "mail": "dora@delta.example", "phone": "", "street": "Ring 1", "postal_code": "200040",
    "city": "Shanghai", "region": "Shanghai Shi", "country": "CN",
}
COMPANY = {"company": "无锡水务有限公司", "tax_number": "91350100M000100Y43", "purchase_order": "PO-7781"}
ELSEWHERE = {"name": "Accounts", "street": "太湖大道 1 号", "postal_code": "214000", "city": "无锡", "region": "江苏省",
             "country": "CN"}
NOTHING = dict.fromkeys((*COMPANY, *ELSEWHERE), "")
LINES = ["无锡水务有限公司", "Accounts", "太湖大道 1 号", "214000 无锡", "江苏省", "China"]


def invoice(**said: str) -> dict[str, str]:
    """The block of the invoice as a form sends it."""
    return {f"invoice-{name}": value for name, value in said.items()}


def shown(page: str) -> dict[str, str]:
    """The hidden fields of a checkout."""
    names = "key|shown_gross|shown_currency|shown_date|shown_deposit"
    return dict(re.findall(rf'<input[^>]*name="({names})"[^>]*value="([^"]*)"', page))


def checkout_of(client: FlaskClient, kind: str) -> str:
    """The address of a checkout, of a cart or of one configuration."""
    if kind == "cart":
        put_in(client)
        return "/cart/checkout?lang=en"
    return f"{client.post('/products/bicycle/order?ship-to=CN').location}&lang=en"


def order(client: FlaskClient, kind: str = "single", **said: str) -> Any:
    """Order it; the answer."""
    checkout = checkout_of(client, kind)
    return client.post(checkout, data=ADDRESS | shown(client.get(checkout).text) | said)


def the_order(company_id: int) -> Any:
    with db.reading() as session:
        token = session.exec(select(SalesOrder.token)).one()
    return order_by_token(company_id, token)


@pytest.mark.parametrize("kind", ["single", "cart"])
def test_it_is_kept_with_the_order_and_shown_wherever_the_order_is(
    client: FlaskClient, login: Any, factory: int, kind: str
) -> None:
    assert order(client, kind, **invoice(**COMPANY, **ELSEWHERE)).status_code == 303
    view = the_order(factory)
    assert view.buyer.region == "Shanghai Shi" and view.buyer.invoice.tax_number == COMPANY["tax_number"]
    data = order_data(view, Settings(), "en")
    assert data["address"] == ["Dora Delta", "Ring 1", "200040 Shanghai", "Shanghai Shi", "China"]
    assert data["invoice"]["lines"] == LINES and order_pdf(view, Settings(), "zh").startswith(b"%PDF")
    assert [fact["value"] for fact in data["invoice"]["facts"]] == [COMPANY["tax_number"], "PO-7781"]
    with db.reading() as session:
        mail = session.exec(select(OutboxMail).where(OutboxMail.template == "order_confirmation")).one()
    letter = message_of(mail, Settings())
    assert letter is not None
    pages = [
        client.get(f"/orders/{view.token}?lang=en").text, login("sales").get(f"/sales/orders/{view.id}").text,
        letter.get_body().get_content(),  # type: ignore[union-attr]
    ]
    for page in pages:
        assert not [text for text in (*LINES, "Shanghai Shi", *COMPANY.values()) if text not in page]
    read = client.get(f"/api/v1/orders/{view.token}").get_json()["buyer"]
    assert (read["region"], read["invoice"]) == ("Shanghai Shi", COMPANY | ELSEWHERE)
    assert [row.id for row in orders_page(factory, search="po-7781").rows] == [view.id]
    assert orders_page(factory, search="po-7782").rows == ()


def test_nothing_of_it_is_as_delivered(client: FlaskClient, factory: int) -> None:
    checkout = checkout_of(client, "single")
    page = client.get(checkout).text
    assert '<details class="fold">' in page  # it is there, and closed
    assert client.post(checkout, data=ADDRESS | shown(page) | invoice(**NOTHING)).status_code == 303
    view = the_order(factory)
    assert not view.buyer.invoice and view.buyer.billed.lines[:2] == ("Dora Delta", "Ring 1")
    assert "Invoice to" not in client.get(f"/orders/{view.token}?lang=en").text
    assert client.get(f"/api/v1/orders/{view.token}").get_json()["buyer"]["invoice"] is None
    with db.reading() as session:
        assert session.exec(select(SalesOrder.bill_to_id)).one() is None


WRONG = [
    ({"street": " "}, "street", "Please fill this in."),
    ({"name": "   "}, "name", "Please fill this in."),
    ({"city": "\u3000"}, "city", "Please fill this in."),
    ({"postal_code": "12"}, "postal_code", "In China a postal code has 6 digits, such as 200040."),
    (invoice(tax_number="91350100M000100Y44"), "invoice-tax_number", "does not fit the others"),
    (invoice(company=""), "invoice-company", "whose tax number it is"),
    (invoice(purchase_order="PO\u0007"), "invoice-purchase_order", "one line of plain text"),
    (invoice(purchase_order="7" * 61), "invoice-purchase_order", "longer than 60"),
    (invoice(postal_code=""), "invoice-postal_code", "needs this too"),
    (invoice(country="XX"), "invoice-country", "Not a valid choice"),
]


@pytest.mark.parametrize("kind", ["single", "cart"])
def test_what_is_wrong_is_named_and_nothing_that_was_typed_is_lost(
    client: FlaskClient, factory: int, kind: str
) -> None:
    checkout = checkout_of(client, kind)
    right = ADDRESS | shown(client.get(checkout).text) | invoice(**COMPANY, **ELSEWHERE)
    for change, field, words in WRONG:
        answer = client.post(checkout, data=right | change)
        assert answer.status_code == 422, change
        said = re.search(rf'id="{field}-error">.*?<span>(.*?)</span>', answer.text)
        assert said and words in said[1], (change, said)
        assert f'<li><a href="#{field}">' in answer.text and '<details class="fold" open>' in answer.text
        kept = set(ADDRESS.values()) | set(COMPANY.values()) | set(ELSEWHERE.values())
        kept -= {"", "CN", *change.values(), *(right[name] for name in change)}
        assert not [value for value in kept if f'value="{value}"' not in answer.text], change
    with db.reading() as session:
        assert session.exec(select(SalesOrder)).all() == []
    assert client.post(checkout, data=right).status_code == 303  # the control


def test_an_account_keeps_it_for_the_next_order_and_forgets_it_when_it_is_closed(
    login: Any, factory: int
) -> None:
    client = login("buyer")
    details = {name: value for name, value in ADDRESS.items() if name != "mail"} | {"locale": "en"}
    wrong = client.post("/account/details?lang=en", data=details | {"postal_code": "12"} | invoice(
        tax_number="91350100M000100Y43"
    ))
    assert wrong.status_code == 422 and 'id="postal_code-error"' in wrong.text
    assert 'id="invoice-company-error"' in wrong.text and 'value="91350100M000100Y43"' in wrong.text
    assert client.post("/account/details", data=details | invoice(**COMPANY)).status_code == 303
    assert 'value="无锡水务有限公司"' in client.get("/account").text
    home = client.get(checkout_of(client, "single")).text
    assert 'value="91350100M000100Y43"' in home and 'value="Shanghai Shi"' in home
    assert "PO-7781" not in home  # it was another order's
    abroad = client.get(client.post("/products/bicycle/order?ship-to=DE").location).text
    assert re.search(r'id="invoice-street"[^>]*value="Ring 1"', abroad)  # where the company is
    assert not re.search(r'id="street"[^>]*value="Ring 1"', abroad)
    assert client.post("/account/close", data={"present": "a long password", "sure": "y"}).status_code == 303
    with db.reading() as session:
        bill_to = session.get_one(Party, session.exec(select(User.bill_to_id)).one())
    assert (bill_to.company, bill_to.tax_number, bill_to.erased_at is None) == ("", "", False)


def test_a_quote_says_it_and_its_acceptance_begins_with_it(client: FlaskClient, login: Any, factory: int) -> None:
    seller, page = login("sales"), "/sales/quotes/new/bicycle?lang=en"
    typed = {
        "validity_days": "14", "name": "Dora Delta", "mail": "dora@delta.example", "country": "CN", "language": "en",
        "postal_code": "200040", **invoice(**COMPANY),
    }
    wrong = seller.post(page, data=typed | {"postal_code": "2"} | invoice(tax_number="91350100M000100Y44"))
    assert wrong.status_code == 422 and 'id="postal_code-error"' in wrong.text
    assert "does not fit the others" in wrong.text and 'value="PO-7781"' in wrong.text
    saved = seller.post(page, data=typed).location
    seller.post(f"{saved}/send")
    quote = quote_by_id(factory, int(saved.rpartition("/")[2]))
    data = quote_data(quote, Settings(), "en")
    assert data["invoice"]["lines"] == ["无锡水务有限公司"]
    assert [fact["value"] for fact in data["invoice"]["facts"]] == ["91350100M000100Y43", "PO-7781"]
    token = quote.revision.token
    checkout = f"/checkout/{quote.revision.configuration_token}?quote={token}&lang=en"
    for shown_on in (seller.get(saved), client.get(f"/quotes/{token}?lang=en"), client.get(checkout)):
        assert not [value for value in COMPANY.values() if value not in shown_on.text]
    accepted = client.post(checkout, data=ADDRESS | shown(client.get(checkout).text) | invoice(**COMPANY))
    assert accepted.status_code == 303
    view = the_order(factory)
    assert view.buyer.invoice.purchase_order == "PO-7781" and view.quote_number == quote.number
    assert view.buyer.billed.lines == ("无锡水务有限公司", "Ring 1", "200040 Shanghai", "Shanghai Shi")
