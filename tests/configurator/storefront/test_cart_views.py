"""The cart's pages, as a browser without scripts meets them."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date, timedelta

import pytest
from sqlmodel import select

from catalog.rows import utc_now
from configurator import db
from configurator.app import create_app
from configurator.config import Settings
from configurator.planning.models import Hold
from configurator.planning.options import configure
from configurator.sales.carts import MOST_UNITS
from configurator.sales.models import Cart, CartItem, SalesOrder, SalesOrderItem, TakenOutItem
from tests.conftest import FormClient

pytestmark = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
ADDRESS = {
    "name": "Dora Delta", "mail": "dora@delta.example", "phone": "", "street": "Ring 1", "postal_code": "200040",
    "city": "Shanghai", "country": "CN",
}


def put_in(client, query: str = "colour=sky") -> str:
    answer = client.post(f"/products/bicycle/cart?{query}&ship-to=CN&lang=en")
    assert (answer.status_code, answer.location) == (303, "/cart")
    with db.reading() as session:
        return str(session.exec(select(CartItem.id).order_by(CartItem.id.desc())).first())


def cart(client) -> str:
    return client.get("/cart?lang=en").text


CHECKOUT = ("key", "shown_gross", "shown_currency", "shown_date", "shown_deposit")


def hidden(page: str, names: tuple[str, ...] = CHECKOUT) -> dict[str, str]:
    return {name: re.search(rf'<input[^>]*name="{name}"[^>]*value="([^"]*)"', page)[1] for name in names}


def let_time_pass() -> None:
    with db.writing() as session:
        for row in session.exec(select(Hold)).all():
            row.expires_at = utc_now() - timedelta(seconds=1)
        for one in session.exec(select(Cart)).all():
            one.held_until = utc_now() - timedelta(seconds=1)


def test_an_empty_cart_says_what_will_be_here(client, factory):
    assert "Your cart is empty" in cart(client)
    assert client.get("/cart/checkout").location == "/cart"


def test_an_item_that_another_tab_took_out_is_told_in_the_cart(client, factory):
    put_in(client)
    item = re.search(r'action="(/cart/items/\d+)"', cart(client))[1]
    put_in(client, "colour=navy")
    client.post(item, data={"quantity": "0"})
    late = client.post(item, data={"quantity": "2"})
    assert late.status_code == 404 and "Navy" in late.text and "This item is not in your cart any more." in late.text


@pytest.mark.parametrize("late", [
    lambda client, item: client.post(f"/cart/items/{item}?lang=en", data={"quantity": "2"}),
    lambda client, item: client.post("/cart/checkout?lang=en", data=ADDRESS),
    lambda client, item: client.post("/cart/country?lang=en", data={"country": "DE"}),
])
def test_a_window_that_still_shows_an_ordered_cart_leads_to_the_order(client, factory, late):
    item = put_in(client)
    sent = hidden(client.get("/cart/checkout").text)
    order = client.post("/cart/checkout", data=ADDRESS | sent).location
    answer = late(client, item)
    assert answer.status_code == 404 and "ordered or taken out in another window" in answer.text
    assert f'href="{order}"' in answer.text and "You ordered your last cart: SO-" in answer.text


def test_what_was_changed_of_an_ordered_item_is_a_new_item_and_an_unknown_product_is_none(client, factory):
    put_in(client)
    edit = re.search(r'href="(/products/bicycle\?[^"]*cart-item=[^"]*)"', cart(client))[1].replace("&amp;", "&")
    client.post("/cart/checkout", data=ADDRESS | hidden(client.get("/cart/checkout").text))
    changed = client.post(edit.replace("bicycle?", "bicycle/cart?").replace("=sky", "=navy"), follow_redirects=True)
    assert changed.status_code == 200 and "Navy" in changed.text and "so this is a new one" in changed.text
    unknown = client.post("/products/no_such/cart?lang=en")
    assert unknown.status_code == 404 and "another window" not in unknown.text


def test_what_is_put_in_is_shown_with_its_drawing_choices_price_and_held_date(client, factory):
    put_in(client)
    cookie = client.get_cookie("configurator_cart")
    assert cookie.http_only and cookie.same_site == "Lax" and len(cookie.value) >= 22
    page = cart(client)
    assert "Commuter bicycle" in page and 'class="board cart-drawing"' in page and "Sky blue" in page
    assert "held until" in page and re.search(r'data-held-until="\d{10}"', page)
    assert '<span class="count">1</span>' in client.get("/?lang=en").text


def test_an_item_is_changed_in_place_and_keeps_its_quantity(client, factory):
    item = put_in(client)
    client.post(f"/cart/items/{item}", data={"quantity": "2"})
    edit = re.search(r'href="(/products/bicycle\?[^"]*cart-item=[^"]*)"', cart(client))[1].replace("&amp;", "&")
    page = client.get(edit).text
    assert "Update cart" in page and "Add to cart" not in page
    changed = re.search(r'action="(/products/bicycle/cart\?[^"]*)"', client.get(f"{edit}&colour=sun").text)[1]
    assert f"cart-item={item}" in changed
    answer = client.post(f"/products/bicycle/cart?ship-to=CN&cart-item={item}&colour=sun")
    assert answer.location == "/cart"
    page = cart(client)
    assert page.count('class="cart-item"') == 1 and "Sunday" not in page and 'value="2"' in page


def test_texts_come_along_when_an_item_is_changed(client, factory):
    with_text = client.post("/products/bicycle/texts?colour=sky&ship-to=CN", data={"engraving": "DORA"}).location
    client.post(with_text.replace("/products/bicycle?", "/products/bicycle/cart?"))
    edit = re.search(r'href="(/products/bicycle\?[^"]*cart-item=[^"]*)"', cart(client))[1].replace("&amp;", "&")
    assert 'value="DORA"' in client.get(edit).text


@pytest.mark.parametrize("typed", ["-1", str(MOST_UNITS + 1), "two", ""])
def test_a_quantity_that_cannot_be_says_what_can_and_keeps_what_was_typed(client, factory, typed):
    item = put_in(client)
    answer = client.post(f"/cart/items/{item}?lang=en", data={"quantity": typed})
    assert answer.status_code == 422
    assert f'value="{typed}"' in answer.text and f"quantity-{item}-error" in answer.text
    if typed.lstrip("-").isdigit():
        assert f"Choose from 0 to {MOST_UNITS}." in answer.text


def test_more_than_can_be_held_is_said_with_days_and_both_ways_on(client, factory):
    item = put_in(client)
    configure(Settings(hold_share=2.0))
    answer = client.post(f"/cart/items/{item}?lang=en", data={"quantity": "9"})
    assert answer.status_code == 409 and 'value="9" aria-invalid="true"' in answer.text
    number = int(re.search(r"We can hold (\d+) of these 9 for you", answer.text)[1])
    assert f"Take {number}, all held" in answer.text and "held until" in answer.text
    assert f"Take all 9, {9 - number} of them without a hold" in answer.text
    assert 'name="without_hold" value="1"' in answer.text
    client.post(f"/cart/items/{item}", data={"quantity": "9", "without_hold": "1"})
    assert f"{number} of 9 pieces:" in cart(client) and f"{number} of 9 held" in cart(client)


@pytest.mark.parametrize("others", [0, 1])
def test_what_was_taken_out_can_be_put_back_also_into_an_empty_cart(client, factory, others):
    for _other in range(others):
        put_in(client, "colour=navy")
    item = put_in(client)
    client.post(f"/cart/items/{item}", data={"quantity": "2"})
    client.post(f"/cart/items/{item}", data={"quantity": "0"})
    for page in (cart(client), cart(client)):  # a reload, too
        assert "Taken out of the cart: 2 × Commuter bicycle." in page
        assert ("Your cart is empty" in page) is (not others)
    client.post("/cart/put-back?lang=en")
    page = cart(client)
    assert "It is back in your cart." in page and "Sky blue" in page and 'name="quantity" value="0"' in page
    assert "Taken out of the cart" not in page
    client.post("/cart/put-back?lang=en")
    assert "There is nothing to put back any more" in cart(client)


def test_what_is_put_back_later_than_before_says_so(client, factory):
    item = put_in(client)
    client.post(f"/cart/items/{item}", data={"quantity": "0"})
    with db.writing() as session:
        session.exec(select(TakenOutItem)).one().arrives_on = date(2026, 1, 2)
    client.post("/cart/put-back?lang=en")
    assert re.search(r"It arrives on [^.]* now and not on [^.]*2 Jan 2026\.", cart(client))


def test_an_expired_hold_is_told_and_offered_again(client, factory):
    put_in(client)
    let_time_pass()
    page = cart(client)
    assert "The time for which we held your dates is over." in page and "today's forecast" in page
    assert client.post("/cart/hold").location == "/cart"
    assert "These dates are yours for now" in cart(client)


def test_it_is_held_longer_once(client, factory):
    put_in(client)
    assert "Hold longer" in cart(client)
    client.post("/cart/renew")
    assert "Hold longer" not in cart(client)
    client.post("/cart/renew")
    assert "We cannot hold your date any longer than this." in cart(client)


def test_a_cart_becomes_an_order_and_is_empty_then(client, factory):
    item = put_in(client)
    client.post(f"/cart/items/{item}", data={"quantity": "2"})
    page = client.get("/cart/checkout?lang=en").text
    sent = ADDRESS | hidden(page)
    answer = client.post("/cart/checkout", data=sent)
    assert answer.location.startswith("/orders/")
    tracked = client.get(f"{answer.location}?lang=en").text
    assert "2 × Commuter bicycle" in tracked and tracked.count('class="unit"') == 2
    assert client.get_cookie("configurator_cart") is None
    assert "Your cart is empty" in cart(client)
    with db.reading() as session:
        assert len(session.exec(select(SalesOrderItem)).all()) == 2


def test_sent_twice_with_the_cookie_it_is_one_order(client, factory):
    put_in(client)
    token = client.get_cookie("configurator_cart").value
    sent = ADDRESS | hidden(client.get("/cart/checkout").text)
    first = client.post("/cart/checkout", data=sent).location
    client.set_cookie("configurator_cart", token)
    assert client.post("/cart/checkout", data=sent).location == first
    with db.reading() as session:
        assert len(session.exec(select(SalesOrder)).all()) == 1


def test_a_form_with_faults_keeps_what_was_typed_and_orders_nothing(client, factory):
    put_in(client)
    sent = ADDRESS | hidden(client.get("/cart/checkout").text) | {"mail": "nowhere", "street": ""}
    answer = client.post("/cart/checkout?lang=en", data=sent)
    assert answer.status_code == 422
    assert 'value="nowhere"' in answer.text and 'value="Dora Delta"' in answer.text
    with db.reading() as session:
        assert session.exec(select(SalesOrder)).all() == []


@pytest.mark.parametrize("change", [
    {"shown_gross": "1"}, {"shown_date": "2026-01-01"}, {"shown_deposit": "1"},
    {"country": "DE", "postal_code": "10115"},
])
def test_other_terms_than_shown_are_asked_again_and_the_next_press_is_right(client, factory, change):
    put_in(client)
    sent = ADDRESS | hidden(client.get("/cart/checkout").text) | change
    answer = client.post("/cart/checkout?lang=en", data=sent)
    assert answer.status_code == 409 and "Nothing was ordered yet" in answer.text
    again = sent | hidden(answer.text) | {"key": sent["key"]}
    assert client.post("/cart/checkout", data=again).location.startswith("/orders/")


@pytest.mark.parametrize("shown_date", ["", "tomorrow", "2026-12-01,", "2026-12-01,x"])
def test_a_mangled_page_is_opened_again(client, factory, shown_date):
    put_in(client)
    sent = ADDRESS | hidden(client.get("/cart/checkout").text) | {"shown_date": shown_date}
    assert client.post("/cart/checkout", data=sent).status_code == 422


def test_choices_that_do_not_go_together_are_not_put_in(client, factory):
    answer = client.post("/products/bicycle/cart?gears=derailleur_9&drive=belt")
    assert answer.location.startswith("/products/bicycle?")
    assert "Your cart is empty" in cart(client)


def test_another_country_is_shown_and_one_that_is_not_served_is_refused(client, factory):
    put_in(client)
    client.post("/cart/country", data={"country": "DE"})
    assert "19 %" in cart(client)
    assert client.post("/cart/country", data={"country": "XX"}).status_code == 422
    assert "13 %" in client.get("/cart/checkout/terms?country=CN&lang=en").text


@pytest.mark.parametrize("checkout", ["/cart/checkout", "order"])
def test_terms_of_sale_are_accepted_with_their_version(settings, factory, checkout):
    app = create_app(replace(settings, terms_url="https://shop.example/terms", terms_version="2026-11"))
    app.testing, app.test_client_class = True, FormClient
    client = app.test_client()
    if checkout == "order":
        checkout = client.post("/products/bicycle/order?ship-to=CN").location
    else:
        put_in(client)
    page = client.get(checkout).text
    assert 'href="https://shop.example/terms"' in page
    sent = ADDRESS | hidden(page)
    client.get("/?lang=en")  # kept in a cookie
    refused = client.post(checkout, data=sent)
    assert refused.status_code == 422 and "accept them to order" in refused.text
    assert client.post(checkout, data=sent | {"accept_terms": "y"}).location.startswith("/orders/")
    with db.reading() as session:
        assert session.exec(select(SalesOrder.terms_version)).all() == ["2026-11"]


def test_without_terms_none_are_asked_for_but_withdrawal_is_explained(client, factory):
    put_in(client)
    page = client.get("/cart/checkout?lang=en").text
    assert "accept_terms" not in page and "It is made to your choices." in page


def test_the_confirmation_is_a_pdf_of_ones_own(client, factory):
    put_in(client)
    placed = client.post("/cart/checkout", data=ADDRESS | hidden(client.get("/cart/checkout").text)).location
    answer = client.get(f"{placed}/pdf")
    assert answer.mimetype == "application/pdf" and answer.data.startswith(b"%PDF-")
    assert client.get(f"{placed[:-1]}/pdf").status_code == 404


def test_an_order_can_be_had_again_with_its_choices_and_texts_under_today_s_catalog(client, factory):
    with_text = client.post("/products/bicycle/texts?colour=sun&ship-to=CN", data={"engraving": "DORA"}).location
    client.post(with_text.replace("/products/bicycle?", "/products/bicycle/cart?"))
    placed = client.post("/cart/checkout", data=ADDRESS | hidden(client.get("/cart/checkout").text)).location
    link = re.search(r'href="(/orders/[^"]*/again)"', client.get(placed).text)[1]
    page = client.get(link, follow_redirects=True).text
    assert 'value="DORA"' in page and 'class="option chosen" id="o-colour-sun"' in page
    assert "cart-item=" not in page
