"""Who accepts a quote by the link in its mail has confirmed the address by that; who has a copied link has not."""

from __future__ import annotations

import re
from ctypes import c_int, create_string_buffer
from urllib.parse import parse_qs, urlsplit

import pytest
from itsdangerous import URLSafeSerializer
from pypdfium2 import PdfDocument, raw
from sqlmodel import select

from configurator import db
from configurator.config import Settings
from configurator.outbox import OutboxMail
from configurator.sales import payment_terms, quotes
from configurator.sales.address_checks import signed_link, signed_proof
from configurator.sales.configurations import Selection
from configurator.sales.mails import message_of
from configurator.sales.models import OrderState
from configurator.sales.orders import order_by_token
from configurator.sales.quotes import Customer
from tests.configurator.sales.test_payments import mails
from tests.configurator.storefront.test_cart_views import ADDRESS, hidden
from tests.configurator.storefront.test_guests import ASSURANCE
from tests.conftest import SECRET

MAIL = "han@example.com"


@pytest.fixture
def database_kind() -> str:
    """What the views add is the same on either."""
    return "sqlite"


@pytest.fixture(autouse=True)
def _of_guests(app) -> None:
    payment_terms.configure(Settings(guest_deposit_from=1000, bank_account="Test House · Test Bank · DE00 1234"))


@pytest.fixture
def sent(shop, seller) -> quotes.QuoteView:
    customer = Customer("韩梅梅", MAIL, "CN", "zh")
    quote_id = quotes.save_quote(
        shop.company_id, shop.offer, Selection("bicycle"), shop.variant(), customer, by=seller
    )
    quotes.send_quote(shop.company_id, quote_id, by=seller)
    return quotes.quote_by_id(shop.company_id, quote_id)


def mailed_link(app) -> str:
    """The link in the quote's mail, as its reader opens it."""
    with db.reading() as session:
        mail = session.exec(select(OutboxMail).where(OutboxMail.template == "quote")).one()
    text = message_of(mail, app.config["SETTINGS"]).get_body().get_content()
    parts = urlsplit(re.search(r"https?://\S+/quotes/\S+", text)[0])
    return f"{parts.path}?{parts.query}"


def checkout_from(client, link: str) -> str:
    """The checkout that the quote's page leads to."""
    return re.search(r'href="(/checkout/[^"]+)"', client.get(link).text)[1].replace("&amp;", "&")


def accept(client, checkout: str, mail: str, **changes: str):
    page = client.get(checkout).text
    return client.post(checkout, data=ADDRESS | hidden(page) | {"mail": mail} | changes)


def test_the_link_in_the_mail_confirms_the_address_that_it_went_to(app, client, shop, sent):
    checkout = checkout_from(client, mailed_link(app))
    assert ASSURANCE.findall(client.get(checkout).text) == []
    placed = accept(client, checkout, MAIL.title())  # a mailbox is one, however it is written
    assert placed.status_code == 303, placed.text
    order = order_by_token(shop.company_id, placed.location.rpartition("/")[2])
    assert (order.state, order.address.state, order.deposit) == (OrderState.CONFIRMED, "confirmed", None)
    assert mails() == ["quote", "order_confirmation"]
    assert "confirmed on" in client.get(f"{placed.location}?lang=en").text


def test_another_address_than_that_of_the_mail_is_asked_to_be_confirmed_and_nothing_typed_is_lost(
    app, client, shop, sent
):
    checkout = checkout_from(client, mailed_link(app))
    asked = accept(client, checkout, "mallory@example.com")
    assert asked.status_code == 409 and ASSURANCE.findall(asked.text) == [("address", " checked"), ("deposit", "")]
    assert 'value="mallory@example.com"' in asked.text and 'value="Ring 1"' in asked.text
    again = client.post(
        checkout, data=ADDRESS | hidden(asked.text) | {"mail": "mallory@example.com", "assurance": "address"}
    )
    order = order_by_token(shop.company_id, again.location.rpartition("/")[2])
    assert order.state == OrderState.AWAITING_ADDRESS and mails() == ["quote", "address_check"]


def test_a_copied_link_and_forged_words_confirm_nothing(app, client, shop, sent, login):
    """Sales' own copy, another quote's or house's words, another kind of link, another address, another secret."""
    token = sent.revision.token
    proof = parse_qs(urlsplit(mailed_link(app)).query)["proof"][0]
    copied = f"/quotes/{token}"
    assert copied in login("sales").get(f"/sales/quotes/{sent.id}").text and proof not in copied
    wrong = [
        "", "x", proof[:-1], f"{proof}A", proof.swapcase(), token, signed_proof(1, token[::-1], MAIL, secret=SECRET),
        signed_proof(2, token, MAIL, secret=SECRET), signed_proof(1, token, "eve@example.com", secret=SECRET),
        signed_proof(1, token, MAIL, secret="another secret"), signed_link(1, 1, MAIL, secret=SECRET),
        URLSafeSerializer(SECRET).dumps([1, token, "0" * 16]),
    ]
    for link in (copied, *(f"{copied}?proof={words}" for words in wrong)):
        assert ASSURANCE.findall(client.get(checkout_from(client, link)).text), link
    placed = accept(client, checkout_from(client, copied), MAIL, assurance="address")
    order = order_by_token(shop.company_id, placed.location.rpartition("/")[2])
    assert order.state == OrderState.AWAITING_ADDRESS and mails() == ["quote", "address_check"]


def attached(app) -> bytes:
    """The document in the quote's mail."""
    with db.reading() as session:
        mail = session.exec(select(OutboxMail).where(OutboxMail.template == "quote")).one()
    (found,) = message_of(mail, app.config["SETTINGS"]).iter_attachments()
    return found.get_content()


def link_in(pdf: bytes) -> str:
    """Where the links of a document lead, which is one place."""
    found, document = set(), PdfDocument(pdf)
    for page in document:
        position, link = c_int(0), raw.FPDF_LINK()
        while raw.FPDFLink_Enumerate(page, position, link):
            address = create_string_buffer(1000)
            raw.FPDFAction_GetURIPath(document, raw.FPDFLink_GetAction(link), address, len(address))
            found.add(address.value.decode())
    (one,) = found
    parts = urlsplit(one)
    return f"{parts.path}?{parts.query}"


def test_the_document_leads_to_the_page_by_the_right_it_was_opened_by(app, client, shop, sent, login):
    """Who has read the mail has it from the attachment and from the page; who has a copied link, or sells, has not."""
    token, mailed = sent.revision.token, mailed_link(app)
    proof = parse_qs(urlsplit(mailed).query)["proof"][0]
    opened = re.search(r'href="(/quotes/[^"]+/pdf[^"]*)"', client.get(mailed).text)[1].replace("&amp;", "&")
    for pdf in (attached(app), client.get(opened).data):
        assert parse_qs(urlsplit(link_in(pdf)).query)["proof"] == [proof]
        assert ASSURANCE.findall(client.get(checkout_from(client, link_in(pdf))).text) == []
    unread = [f"/quotes/{token}/pdf", f"/quotes/{token}/pdf?proof=x", f"/quotes/{token}/pdf?proof={proof[:-1]}"]
    pdfs = [client.get(path).data for path in unread] + [login("sales").get(f"/sales/quotes/{sent.id}/pdf").data]
    for pdf in pdfs:
        assert "proof" not in link_in(pdf)
        assert ASSURANCE.findall(client.get(checkout_from(client, link_in(pdf))).text)


def test_of_a_value_that_everybody_pays_a_deposit_for_no_link_takes_its_place(app, client, shop, sent):
    payment_terms.configure(
        Settings(deposit_from=1000, guest_deposit_from=1000, bank_account="Test House · Test Bank · DE00 1234")
    )
    placed = accept(client, checkout_from(client, mailed_link(app)), MAIL)
    order = order_by_token(shop.company_id, placed.location.rpartition("/")[2])
    assert (order.state, order.address) == (OrderState.AWAITING_DEPOSIT, None)
