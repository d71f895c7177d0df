"""A quote names its way of delivery: in its total, its papers, the customer's checkout and the order made of it."""

from __future__ import annotations

import html
import re
from dataclasses import replace

import pytest
from sqlalchemy.exc import DatabaseError
from sqlmodel import select, text

from configurator import db
from configurator.config import Settings
from configurator.errors import DateLost, PriceChanged
from configurator.outbox import OutboxMail
from configurator.sales import quotes
from configurator.sales.configurations import Selection
from configurator.sales.delivery import NotDelivered, retire_way, state_way, way_by_id
from configurator.sales.documents import quote_data
from configurator.sales.mails import message_of
from configurator.sales.models import SalesOrder
from configurator.sales.orders import Shown, order_by_token
from configurator.sales.quotes import Customer
from configurator.sales.terms import price_for
from tests.configurator.sales.conftest import BUYER, Shop
from tests.configurator.sales.test_delivery import EXPRESS, PICKUP, STANDARD, TRUCK

CUSTOMER = Customer("韩梅梅", "han@example.com", "CN", "zh", "200040")
FEE = 29437  # 260.50 before tax, with 13 %


@pytest.fixture
def database_kind() -> str:
    """The two databases differ in the triggers only, and those are tried with the migrations."""
    return "sqlite"


@pytest.fixture
def ways(shop: Shop) -> dict[str, str]:
    """Name -> code of the ways that the shop states."""
    return {
        stated.name["en"]: f"way-{state_way(shop.company_id, stated, by=None)}"
        for stated in (STANDARD, EXPRESS, TRUCK, PICKUP)
    }


def sent(shop: Shop, seller: int, way: str, customer: Customer = CUSTOMER):
    quote_id = quotes.save_quote(
        shop.company_id, shop.offer, Selection("bicycle"), shop.variant(), customer, way=way, by=seller
    )
    quotes.send_quote(shop.company_id, quote_id, by=seller)
    return quotes.quote_by_id(shop.company_id, quote_id)


def accept(shop: Shop, quote, way: str, gross: int | None = None, **buyer: str):
    shown = Shown(gross or quote.revision.price.gross, "CNY", quote.revision.arrives_on)
    return shop.order(
        quote.revision.variant, quote_token=quote.revision.token, way=way, shown=shown, buyer=replace(BUYER, **buyer)
    )


def test_the_chosen_way_is_in_the_total_and_in_the_order_that_comes_of_it(shop, seller, ways):
    goods = price_for(shop.offer, shop.variant(), "CN").gross
    quote = sent(shop, seller, ways["Express"])
    price, delivery = quote.revision.price, quote.revision.delivery
    assert (price.gross, delivery.price.gross, delivery.name.en) == (goods + FEE, FEE, "Express")
    assert [item.id for item in price.items][-1] == "delivery" and price.net + price.tax == price.gross
    assert sum(item.amount_minor for item in price.items) == price.net
    usual = sent(shop, seller, ways["Standard"])
    assert usual.revision.arrives_on > quote.revision.arrives_on  # three working days, not one
    order = order_by_token(shop.company_id, accept(shop, quote, ways["Express"]).token)
    assert (order.price.gross, order.delivery.code, order.delivery.price.gross) == (
        price.gross, ways["Express"], FEE
    )
    assert order.arrives_on == quote.revision.arrives_on


def test_its_price_holds_whatever_becomes_of_the_way(shop, seller, ways):
    quote = sent(shop, seller, ways["Express"])
    number = int(ways["Express"].removeprefix("way-"))
    state_way(shop.company_id, replace(EXPRESS, steps=[["0", "999"]]), way_id=number, by=None)
    for code in ways.values():
        retire_way(shop.company_id, int(code.removeprefix("way-")), retired=True, by=None)
    assert way_by_id(shop.company_id, number).retired
    with pytest.raises(NotDelivered):  # a new revision has today's ways
        quotes.copy_revision(shop.company_id, quote.id, by=seller)
    order = order_by_token(shop.company_id, accept(shop, quote, ways["Express"]).token)
    assert order.delivery.price.gross == FEE and order.price.gross == quote.revision.price.gross


def test_what_was_not_quoted_cannot_be_ordered_with_it(shop, seller, ways):
    truck = sent(shop, seller, ways["Truck"])
    goods = price_for(shop.offer, shop.variant(), "CN").gross
    for way, buyer, gross in (
        (ways["Standard"], {}, None), (ways["Pick-up"], {}, goods), (ways["Truck"], {"postal_code": "518052"}, None),
    ):
        with pytest.raises((NotDelivered, PriceChanged, DateLost)):
            accept(shop, truck, way, gross, **buyer)
    with db.reading() as session:
        assert session.exec(select(SalesOrder)).all() == []
    assert accept(shop, truck, ways["Truck"]).number


@pytest.mark.parametrize(("way", "postal_code"), [("Truck", "518052"), ("nonsense", "200040"), ("way-99", "")])
def test_a_way_that_does_not_lead_there_is_not_quoted(shop, seller, ways, way, postal_code):
    with pytest.raises(NotDelivered):
        sent(shop, seller, ways.get(way, way), replace(CUSTOMER, postal_code=postal_code))


def test_a_quote_that_was_sent_keeps_its_delivery(shop, seller, ways):
    sent(shop, seller, ways["Express"])
    with pytest.raises(DatabaseError), db.writing() as session:
        session.exec(text("UPDATE quote_revision SET delivery_name = '{}'"))
    with db.writing() as session:  # without the guard the same succeeds
        session.exec(text("DROP TRIGGER quote_revision_no_update"))
        session.exec(text("UPDATE quote_revision SET delivery_name = '{}'"))


def test_papers_and_mail_name_it(shop, seller, ways):
    quote = sent(shop, seller, ways["Express"])
    data = quote_data(quote, Settings(), "en")
    assert data["delivery"] == [{"label": "Way of delivery", "value": "Express"}]
    assert data["price"]["items"][-1]["name"] == "Express" and data["words"]["arrives"] == "Delivered on"
    assert quote_data(sent(shop, seller, ways["Pick-up"]), Settings(), "en")["words"]["arrives"] == "Ready for you on"
    with db.reading() as session:
        mail = session.exec(select(OutboxMail).where(OutboxMail.template == "quote")).first()
    assert "特快" in message_of(mail, Settings()).get_body().get_content()


def test_the_seller_chooses_it_on_the_page_and_the_customer_finds_it_at_the_checkout(shop, login, client, ways):
    seller, page = login("sales"), "/sales/quotes/new/bicycle?lang=en"
    form = html.unescape(seller.get(page).text)
    assert "Express · CN¥294.37" in form and "Truck · CN¥203.40 (20, 21)" in form
    typed = {
        "validity_days": "14", "name": "韩梅梅", "mail": "han@example.com", "country": "CN", "language": "en",
        "postal_code": "518052", "way": ways["Truck"],
    }
    refused = seller.post(page, data=typed)
    assert refused.status_code == 409 and "does not lead to where the quote goes" in refused.text
    assert 'value="518052"' in refused.text
    saved = seller.post(page, data=typed | {"postal_code": "200040"}).location
    seller.post(f"{saved}/send")
    assert "Truck" in seller.get(saved).text
    quote = quotes.quote_by_id(shop.company_id, int(saved.rpartition("/")[2]))
    assert "Truck" in client.get(f"/quotes/{quote.revision.token}?lang=en").text
    checkout = client.get(f"/checkout/{quote.revision.configuration_token}?quote={quote.revision.token}").text
    assert re.findall(r'name="way" value="([^"]+)"', checkout) == [ways["Truck"]]
    assert 'value="200040"' in checkout
    assert f'name="shown_gross" type="hidden" value="{quote.revision.price.gross}"' in checkout
    seller.post(f"{saved}/revise")
    assert quotes.quote_by_id(shop.company_id, quote.id).revision.delivery.code == ways["Truck"]
