"""Quotes and orders over HTTP: who may, what a wrong form says, that a GET writes nothing."""

from __future__ import annotations

import re

import pytest
from sqlmodel import SQLModel, func, select

from catalog.rows import Company
from configurator import db
from configurator.errors import NotFound
from configurator.sales import quotes
from configurator.sales.configurations import Selection
from configurator.sales.models import Quote, QuoteRevision, QuoteState, SalesOrder
from configurator.sales.quotes import Customer
from configurator.schema import tables

NEW = "/sales/quotes/new/bicycle?colour=sun&gears=hub_8&drive=belt&ship-to=CN"
CUSTOMER = {"name": "韩梅梅", "mail": "han@example.com", "country": "CN", "language": "zh", "validity_days": "14"}


@pytest.fixture
def database_kind() -> str:
    """The services are tested on both databases; what the views add is the same on either."""
    return "sqlite"


@pytest.fixture
def sent(shop, seller) -> quotes.QuoteView:
    quote_id = quotes.save_quote(
        shop.company_id, shop.offer, Selection("bicycle", texts={"engraving": "<b>梅梅</b>"}),
        shop.variant(engraving="<b>梅梅</b>"),
        Customer("<script>alert(1)</script>", "han@example.com", "CN", "zh"), by=seller,
    )
    quotes.send_quote(shop.company_id, quote_id, by=seller)
    return quotes.quote_by_id(shop.company_id, quote_id)


def rows() -> dict[str, int]:
    with db.reading() as session:
        return {
            name: session.execute(select(func.count()).select_from(table)).scalar_one()
            for name, table in tables().tables.items()
        }


def count(table: type[SQLModel]) -> int:
    with db.reading() as session:
        return session.exec(select(func.count()).select_from(table)).one()


def test_a_salesperson_saves_sends_and_finds_a_quote(shop, login) -> None:
    client = login("sales")
    assert "8-speed hub gear" in client.get(NEW).text
    saved = client.post(NEW, data=CUSTOMER)
    assert saved.status_code == 302
    page = client.get(saved.location)
    assert "Draft" in page.text and "Send to the customer" in page.text
    page = client.post(f"{saved.location}/send", follow_redirects=True)
    number = re.search(r"Q-\d{4}-0001", page.text)
    assert number and "Sent" in page.text
    assert number.group() in client.get("/sales/?q=梅梅&state=sent").text
    assert "No quote matches" in client.get("/sales/?q=nobody").text


def test_a_wrong_form_keeps_what_was_typed_and_says_what_is_allowed(shop, login) -> None:
    client = login("sales")
    for field, value, said in (
        ("name", " ", "Please fill this in."),
        ("name", "Li\nNa", "one line of plain text"),
        ("mail", "han at example", "This is not an email address"),
        ("validity_days", "0", "Choose from 1 to 365 days."),
        ("validity_days", "soon", "Not a valid integer value"),
        ("country", "AQ", "Not a valid choice"),
    ):
        page = client.post(NEW, data=CUSTOMER | {field: value})
        assert page.status_code == 422, field
        assert said in page.text, field
        assert "han" in page.text
        assert 'aria-invalid="true"' in page.text
    assert count(Quote) == 0


def test_the_button_of_the_configuring_page_asks_for_the_form_and_saves_nothing(shop, login) -> None:
    page = login("sales").post(NEW)
    assert page.status_code == 200
    assert "Please fill this in." not in page.text
    assert count(Quote) == 0


def test_choices_that_do_not_go_together_go_back_to_the_configuring_page(shop, login) -> None:
    page = login("sales").get("/sales/quotes/new/bicycle?drive=belt&gears=derailleur_8")
    assert page.status_code == 302
    assert page.location.startswith("/products/bicycle?")


def test_a_changed_configuration_becomes_the_next_revision_of_the_same_quote(shop, login, sent) -> None:
    client = login("sales")
    link = re.search(r'href="(/products/bicycle\?[^"]+)"', client.get(f"/sales/quotes/{sent.id}").text)
    assert link is not None
    query = link.group(1).replace("&amp;", "&").partition("?")[2]
    assert f"quote-id={sent.id}" in query and "t=" in query
    page = client.get(f"/sales/quotes/new/bicycle?{query}&colour=navy")
    assert 'name="validity_days"' in page.text and 'name="mail"' not in page.text
    saved = client.post(f"/sales/quotes/new/bicycle?{query}&colour=navy", data={"validity_days": "7"})
    assert saved.location == f"/sales/quotes/{sent.id}"
    view = quotes.quote_by_id(shop.company_id, sent.id)
    assert (view.revision.number, view.revision.state, view.validity_days) == (2, QuoteState.DRAFT, 7)
    assert view.revision.variant.chosen["colour"] == {"navy"}
    assert view.revision.variant.texts == {"engraving": "<b>梅梅</b>"}
    assert "Accept and order" in client.get(f"/quotes/{sent.revision.token}").text, "until the newer one is sent"


def test_who_orders_from_a_quote_that_was_replaced_meanwhile_is_led_to_the_newer_one(client, login, sent, seller):
    checkout = re.search(r'href="(/checkout/[^"]*)"', client.get(f"/quotes/{sent.revision.token}").text)[1]
    checkout, desk = checkout.replace("&amp;", "&"), login("sales")
    page = desk.post(f"/sales/quotes/{sent.id}/revise?lang=en", follow_redirects=True).text
    assert "The customer can still accept revision 1 until you send this one." in page and "Discard the draft" in page
    assert client.get(checkout).status_code == 200
    quotes.send_quote(sent_by(sent), sent.id, by=seller)
    answer = client.post(f"{checkout}&lang=en", data={"name": "Dora"})
    assert (answer.status_code, answer.location.partition("?")[0]) == (303, f"/quotes/{sent.revision.token}")
    page = client.get(f"/quotes/{sent.revision.token}?lang=en").text
    newer = quotes.quote_by_id(sent_by(sent), sent.id).revision.token
    assert "A newer quote has replaced this one." in page and f'href="/quotes/{newer}"' in page
    assert "Accept and order" in client.get(f"/quotes/{newer}?lang=en").text


def test_a_draft_that_is_discarded_leaves_what_was_sent(login, sent):
    client = login("sales")
    client.post(f"/sales/quotes/{sent.id}/revise")
    page = client.post(f"/sales/quotes/{sent.id}/discard?lang=en", follow_redirects=True).text
    assert "The draft is discarded." in page and "1 of 1" in page and "discarded the draft of revision 2" in page
    client.post(f"/sales/quotes/{sent.id}/discard")
    assert quotes.quote_by_id(sent_by(sent), sent.id).open


def sent_by(view: quotes.QuoteView) -> int:
    with db.reading() as session:
        return session.get_one(Quote, view.id).company_id


def test_an_impossible_step_is_refused_in_words(login, sent) -> None:
    page = login("sales").post(f"/sales/quotes/{sent.id}/send")
    assert page.status_code == 409
    assert "In its present state this cannot be done." in page.text


def test_the_customers_page_shows_the_quote_and_leads_to_checkout(client, sent) -> None:
    page = client.get(f"/quotes/{sent.revision.token}")
    assert f"/checkout/{sent.revision.configuration_token}?quote={sent.revision.token}" in page.text
    assert "<script>alert(1)</script>" not in page.text and "&lt;script&gt;" in page.text
    checkout = client.get(f"/checkout/{sent.revision.configuration_token}?quote={sent.revision.token}")
    assert checkout.status_code == 200
    assert "han@example.com" in checkout.text


def test_the_customer_declines_and_the_salesperson_reads_why(client, login, sent) -> None:
    page = client.post(
        f"/quotes/{sent.revision.token}/decline", data={"comment": "Too late & too <dear>"}, follow_redirects=True
    )
    assert "You declined this quote." in page.text
    assert "/checkout/" not in page.text
    assert "Too late &amp; too &lt;dear&gt;" in login("sales").get(f"/sales/quotes/{sent.id}").text
    again = client.post(f"/quotes/{sent.revision.token}/decline", data={"comment": "again"})
    assert again.status_code == 409


def test_a_comment_that_is_too_long_comes_back_with_the_form(client, sent) -> None:
    page = client.post(f"/quotes/{sent.revision.token}/decline", data={"comment": "x" * 2001})
    assert page.status_code == 422
    assert "at most 2000 characters" in page.text and "x" * 2001 in page.text
    assert quotes.quote_by_token(1, sent.revision.token).revision.state == QuoteState.SENT


def test_the_pdf_is_for_everybody_with_the_link_and_for_sales(client, login, sent) -> None:
    for reader, path in (
        (client, f"/quotes/{sent.revision.token}/pdf"), (login("sales"), f"/sales/quotes/{sent.id}/pdf"),
    ):
        answer = reader.get(path)
        assert (answer.status_code, answer.mimetype) == (200, "application/pdf")
        assert f"{sent.number}-1.pdf" in answer.headers["Content-Disposition"]
        assert answer.data.startswith(b"%PDF")


def test_a_draft_has_no_public_page_and_no_pdf(shop, seller, client, login) -> None:
    quote_id = quotes.save_quote(
        shop.company_id, shop.offer, Selection("bicycle"), shop.variant(),
        Customer("韩梅梅", "han@example.com", "CN", "zh"), by=seller,
    )
    token = quotes.quote_by_id(shop.company_id, quote_id).revision.token
    assert client.get(f"/quotes/{token}").status_code == 404
    assert client.get(f"/quotes/{token}/pdf").status_code == 404
    assert login("sales").get(f"/sales/quotes/{quote_id}/pdf").status_code == 404


@pytest.mark.parametrize("role", ["buyer", "planner", "operator", "modeller", "administrator"])
def test_the_desk_is_for_sales_only(shop, login, sent, role: str) -> None:
    client = login(role)
    before = rows()
    for path in ("/sales/", "/sales/orders", f"/sales/quotes/{sent.id}", f"/sales/quotes/{sent.id}/pdf", NEW):
        assert client.get(path).status_code == 403, path
    for path in (NEW, f"/sales/quotes/{sent.id}/send", f"/sales/quotes/{sent.id}/revise"):
        assert client.post(path, data=CUSTOMER).status_code == 403, path
    assert rows() == before


def test_a_get_writes_nothing(shop, login, client, sent) -> None:
    seller = login("sales")
    order = shop.order()
    order_id = _order_id(order.number)
    before = rows()
    for path in ("/sales/", "/sales/?page=99", "/sales/?page=x", "/sales/orders", f"/sales/orders/{order_id}",
                 f"/sales/quotes/{sent.id}", f"/sales/quotes/{sent.id}?revision=1", NEW):
        assert seller.get(path).status_code == 200, path
    for path in (f"/quotes/{sent.revision.token}", f"/quotes/{sent.revision.token}/pdf"):
        assert client.get(path).status_code == 200, path
    for path in ("/sales/orders/999", "/sales/quotes/999", f"/sales/quotes/{sent.id}?revision=9"):
        assert seller.get(path).status_code == 404, path
    assert rows() == before


def _order_id(number: str) -> int:
    with db.reading() as session:
        return session.exec(select(SalesOrder.id).where(SalesOrder.number == number)).one() or 0


def test_what_the_form_does_not_show_cannot_be_set(shop, login) -> None:
    client = login("sales")
    protected = {column: "1" for column in (*QuoteRevision.model_fields, *Quote.model_fields) if column not in CUSTOMER}
    typed = CUSTOMER | {"postal_code": "200040"}
    saved = client.post(NEW, data=protected | {"state": "accepted", "gross_minor": "1"} | typed)
    view = quotes.quote_by_id(shop.company_id, int(saved.location.rpartition("/")[2]))
    assert (view.number, view.revision.state, view.revision.sent_at) == (None, QuoteState.DRAFT, None)
    assert view.revision.price.gross > 1


def test_another_company_finds_none_of_our_quotes(shop, sent) -> None:
    with db.writing() as session:
        other = Company(code="other", name="Other", zone="UTC", currency="EUR")
        session.add(other)
        session.flush()
        other_id = db.id_of(other)
    for read in (
        lambda: quotes.quote_by_id(other_id, sent.id), lambda: quotes.quote_by_token(other_id, sent.revision.token),
        lambda: quotes.send_quote(other_id, sent.id, by=1), lambda: quotes.decline_quote(other_id, sent.revision.token),
    ):
        with pytest.raises(NotFound):
            read()
