"""The shop's pages: what they say in both languages, what they keep, what they never do."""

from __future__ import annotations

import html
import re
import socket
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient
from sqlalchemy import func, select
from sqlmodel import SQLModel

from catalog.load import load_catalog
from catalog.offer import Offer
from catalog.pictures import store_picture
from catalog.price import PriceList, PriceListRevision
from catalog.rows import utc_now
from configurator import db
from configurator.aside import Busy
from configurator.auth import Role
from configurator.sales.models import SalesOrder
from configurator.storefront import present, service, views
from configurator.storefront.address import offered_as
from tests.catalog.small import DOT, LAMP

BOTH = pytest.mark.parametrize("database_kind", ["sqlite", "postgresql"], indirect=True)
BUYER = {
    "name": "Zoë <b>Müller</b>", "mail": "zoe@example.com", "phone": "+49 30 1234", "street": "Hauptstraße 5",
    "postal_code": "10115", "city": "Berlin", "country": "DE",
}
SCRIPTS = ["你好，世界", "🚲🌻", "שלום", "Zoe\u0308", "Zoë", "Привет", "a'b\"c<d>&e", "{{7*7}}"]


def page(client: FlaskClient, path: str, status: int = 200, **more: Any) -> str:
    response = client.get(path, **more)
    assert response.status_code == status, response.text[:400]
    return response.text


def rows() -> dict[str, int]:
    """The number of rows of every table."""
    with db.reading() as session:
        return {
            name: session.execute(select(func.count()).select_from(table)).scalar_one()
            for name, table in SQLModel.metadata.tables.items()
        }


def as_offered(offer: Offer) -> str:
    """What an address of today's says of the revisions that it was made under."""
    return offered_as(offer.product_revision_id, offer.price_list_revision_id)


def hidden(text: str, name: str) -> str:
    """The value of a hidden field."""
    found = re.search(rf'<input[^>]*name="{name}"[^>]*>', text)
    assert found, name
    value = re.search(r'value="([^"]*)"', found[0])
    return html.unescape(value[1]) if value else ""


def to_checkout(client: FlaskClient, query: str = "ship-to=DE") -> str:
    """The address of the checkout of a configuration."""
    response = client.post(f"/products/bicycle/order?{query}")
    assert response.status_code == 303
    return str(response.location)


def filled(client: FlaskClient, checkout: str, **changed: str) -> dict[str, str]:
    """The checkout form as a buyer sends it."""
    text = page(client, checkout)
    terms = {name: hidden(text, name) for name in ("key", "shown_gross", "shown_currency", "shown_date")}
    return BUYER | terms | changed


# --- reading ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("language", "words"), [
    ("en", ["Commuter bicycle", "Arrives, as pictured"]), ("zh-CN", ["通勤自行车", "¥"]),
])
def test_the_front_page_shows_products_with_price_and_date(
    client: FlaskClient, bicycle: Offer, language: str, words: list[str]
) -> None:
    text = page(client, "/", headers={"Accept-Language": language})
    for word in words:
        assert word in text


def test_an_empty_house_says_what_will_be_here(client: FlaskClient) -> None:
    assert "Nothing is on offer yet" in page(client, "/")


def test_the_configuring_page_shows_every_option_with_its_state(client: FlaskClient, bicycle: Offer) -> None:
    text = page(client, "/products/bicycle?drive=belt&colour=navy")
    for group in bicycle.product.groups:
        for option in group.options:
            assert f'id="o-{group.id}-{option.id}"' in text
    assert 'class="option chosen" id="o-drive-belt"' in text
    assert 'class="option excluded" id="o-gears-derailleur_9"' in text
    assert "not with Carbon belt" in text
    assert "today's forecast" in html.unescape(text)
    assert "questions left" in text


def test_a_click_answers_with_the_part_and_the_address_to_show(client: FlaskClient, bicycle: Offer) -> None:
    response = client.get("/products/bicycle/choose?colour=navy&ship-to=DE", headers={"HX-Request": "true"})
    shown = f"/products/bicycle?colour=navy&ship-to=DE&as-offered={as_offered(bicycle)}"
    assert response.headers["HX-Push-Url"] == shown
    assert response.text.lstrip().startswith('<div id="configure"')
    assert "<html" not in response.text


def news(text: str) -> str:
    """What a page says of a new catalog."""
    found = re.search(r'id="news".*?</div></div>', text, re.DOTALL)
    return re.sub(r"<[^>]+>", " ", html.unescape(found[0])) if found else ""


def test_a_page_of_an_earlier_catalog_says_what_has_changed_since(client: FlaskClient, lamp: Offer) -> None:
    then = as_offered(lamp)
    address = "/products/lamp/choose?colour=red&shade=large&ship-to=CN"
    assert news(page(client, f"{address}&as-offered={then}")) == ""
    cost = re.search(r'id="total"[^>]*>([^<]+)<', page(client, address))
    dearer = re.sub(r"\bred\b", "ruby", LAMP.replace("amount: 49.90", "amount: 59.90").replace("en: Red", "en: Ruby"))
    with db.writing() as session:
        load_catalog(session, lamp.company_id, dearer, loaded_at=utc_now() + timedelta(seconds=1))
    told = page(client, f"{address}&as-offered={then}", headers={"Accept-Language": "en"})
    now = re.search(r'id="total"[^>]*>([^<]+)<', told)
    assert cost and now and cost[1] != now[1]
    assert "Colour: Red" in news(told) and "colour=red" not in news(told), "in its own words, not in ids"
    assert f"this cost {cost[1]} before, now it costs {now[1]}" in news(told)
    assert then not in told, "it is told once"
    without = page(client, address, headers={"Accept-Language": "en"})
    assert "colour=red" in news(without) and "before" not in news(without), "nobody knows when this was made"
    wild = page(client, f"{address}&as-offered=99999999-1", headers={"Accept-Language": "en"})
    assert news(wild) == news(without)


def test_what_something_costs_by_another_price_list_is_not_told(client: FlaskClient, lamp: Offer) -> None:
    with db.writing() as session:
        mine = session.get_one(PriceListRevision, lamp.price_list_revision_id)
        own = session.get_one(PriceList, mine.price_list_id)
        theirs = PriceList(company_id=lamp.company_id, product_id=own.product_id, code="friends")
        session.add(theirs)
        session.flush()
        cheap = {**mine.content, "items": [{**item, "amount": "1"} for item in mine.content["items"]]}
        secret = PriceListRevision(
            company_id=lamp.company_id, price_list_id=theirs.id, number=1, content=cheap, status=mine.status,
            sha256="0" * 64, published_at=mine.published_at,
        )
        session.add(secret)
        session.flush()
        asked = offered_as(lamp.product_revision_id, secret.id)
    text = page(client, f"/products/lamp/choose?as-offered={asked}&ship-to=CN")
    assert news(text) == ""


def test_a_page_has_the_dates_of_its_options_and_a_click_asks_for_them_later(
    client: FlaskClient, bicycle: Offer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(views, "DATES_OF_A_PAGE", 60.0)
    monkeypatch.setattr(views, "DATES_LATER", 60.0)
    whole = page(client, "/products/bicycle?colour=navy")
    assert "data-dates=" not in whole and "option-date waiting" not in whole
    monkeypatch.setattr(views, "DATES_OF_A_CLICK", 0.0)
    part = page(client, "/products/bicycle/choose?colour=navy", headers={"HX-Request": "true"})
    asked = re.search(r'data-dates="([^"]+)"', part)
    assert asked is not None
    waiting = set(re.findall(r'class="option-date waiting" id="(d-[a-z0-9_-]+)"', part))
    later = page(client, html.unescape(asked[1]), headers={"HX-Request": "true"})
    found = dict(re.findall(r'data-place="(d-[a-z0-9_-]+)">([^<]*)<', later))
    assert found.keys() == waiting != set()
    shown = dict(re.findall(r'class="option-date" id="(d-[a-z0-9_-]+)">([^<]+)<', whole))
    assert {place: words for place, words in found.items() if words} == shown
    arrives = re.search(r'data-arrives="([^"]+)"', part)
    assert arrives is not None and f'data-arrives="{arrives[1]}"' in later


def test_a_refused_click_leaves_the_address_alone_and_says_why(client: FlaskClient, bicycle: Offer) -> None:
    query = "gears=derailleur_9&drive=belt&step-back=drive:"
    response = client.get(f"/products/bicycle/choose?{query}", headers={"HX-Request": "true"})
    assert response.headers["HX-Push-Url"] == "false"
    assert "A belt drive needs a hub gear." in response.text
    assert response.text.count("Use this") == 3
    assert 'class="option chosen" id="o-gears-derailleur_9"' in response.text  # the last good state stays
    assert " open>" not in response.text.split("<dialog", 1)[1].split("\n", 1)[0]  # the script opens it
    assert "皮带传动需要搭配内变速花鼓" in page(client, f"/products/bicycle?{query}&lang=zh")


def test_every_link_of_the_page_leads_to_an_answer(client: FlaskClient, bicycle: Offer) -> None:
    text = page(client, "/products/bicycle?drive=belt&gears=hub_8&child_seat=recline")
    links = {html.unescape(link) for link in re.findall(r'href="(/products/bicycle\?[^"]*)"', text)}
    assert len(links) > 55
    for link in sorted(links):
        page(client, link)


def test_an_address_with_unknown_names_says_what_is_gone_and_keeps_the_rest(
    client: FlaskClient, bicycle: Offer
) -> None:
    text = page(client, "/products/bicycle?colour=puce&bell=loud&rack=tour&<script>=1")
    assert "colour=puce, bell, &lt;script&gt;" in text
    assert 'class="option chosen" id="o-rack-tour"' in text


@pytest.mark.parametrize("query", ['t="><b>x</b>', "t=a%26colour=navy", "ship-to=<b>x</b>", 'step-back="><b>x</b>:y'])
def test_an_address_cannot_put_anything_into_the_page(client: FlaskClient, bicycle: Offer, query: str) -> None:
    text = page(client, f"/products/bicycle?{query}")
    assert "<b>x</b>" not in text
    assert 'class="option chosen"' not in text
    for link in re.findall(r'href="(/products/bicycle\?[^"]*)"', text):
        assert "colour=navy&colour" not in html.unescape(link)


def test_what_is_not_there_is_not_found(client: FlaskClient, bicycle: Offer) -> None:
    for path in ("/products/none", "/products/none/choose", "/checkout/none", "/orders/none", "/checkout/none/terms"):
        page(client, path, 404)


@BOTH
def test_looking_changes_no_row(client: FlaskClient, bicycle: Offer) -> None:
    checkout = to_checkout(client)
    before = rows()
    for path in (
        "/", "/?lang=zh", "/products/bicycle", "/products/bicycle/choose?drive=belt",
        "/products/bicycle/choose?gears=derailleur_9&drive=belt", checkout,
        checkout.replace("?", "/terms?country=CN&"), "/products/bicycle?t=unknown",
    ):
        page(client, path)
    assert rows() == before


def test_no_page_needs_an_inline_style_or_script(client: FlaskClient, bicycle: Offer) -> None:
    checkout = to_checkout(client)
    for path in ("/", "/products/bicycle?gears=derailleur_9&drive=belt&step-back=drive:", checkout, "/no-such-page"):
        text = page(client, path, 404 if "no-such" in path else 200)
        assert not re.search(r"\sstyle=|<style|\son[a-z]+=|<script(?![^>]*\ssrc=)", text)


def test_sales_save_a_quote_and_buyers_order(
    client: FlaskClient, login: Callable[..., FlaskClient], bicycle: Offer
) -> None:
    assert "Save as quote" not in page(client, "/products/bicycle")
    text = page(login(Role.SALES), "/products/bicycle?drive=belt")
    assert 'href="/sales/quotes/new/bicycle?drive=belt&amp;ship-to=' in text


def test_numbers_groups_of_several_and_texts_are_asked_too(client: FlaskClient, lamp: Offer) -> None:
    text = page(client, "/products/lamp?height=45&feet=felt,-rubber&ship-to=DE")
    assert 'value="45"' in text
    assert "10 to 50 cm, in steps of 5" in text
    assert 'class="option excluded" id="o-shade-large"' in text
    assert 'class="option chosen" id="o-feet-felt"' in text
    assert 'class="option unwanted" id="o-feet-rubber"' in text
    # the label may be used with the red lamp only
    assert "disabled" not in text.split('id="f-label"')[1].split("</form>")[0]
    blue = page(client, "/products/lamp?colour=blue")
    assert "Your present choices leave no room for it." in blue


def test_a_number_is_entered_by_a_form_that_keeps_the_other_choices(client: FlaskClient, lamp: Offer) -> None:
    text = page(client, "/products/lamp?colour=red&height=20")
    form = text.split('id="f-height"')[1].split("</form>")[0]
    assert 'name="colour" value="red"' in form
    assert 'name="height" value="20"' not in form.split('<input type="number"')[0]
    # else the browser answers in its own words and its own language
    assert " novalidate " in text.split('id="f-height"')[0].rpartition("<form")[2]
    assert "15 cm" in form
    assert "25 cm" in form


# --- texts ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("typed", SCRIPTS)
def test_what_is_typed_is_kept_in_every_script(client: FlaskClient, bicycle: Offer, typed: str) -> None:
    response = client.post("/products/bicycle/texts?drive=belt", data={"engraving": typed})
    assert response.status_code == 303
    assert "drive=belt" in response.location
    text = page(client, response.location)
    assert html.unescape(re.findall(r'name="engraving" value="([^"]*)"', text)[0]) == typed
    assert f"<{'b'}>" not in text


def test_what_cannot_be_engraved_comes_back_with_what_is_allowed(client: FlaskClient, bicycle: Offer) -> None:
    long = "far too long for the top tube of a bicycle"
    response = client.post("/products/bicycle/texts?colour=navy", data={"engraving": long})
    assert response.status_code == 422
    assert f'value="{long}"' in response.text
    assert "At most 24 characters; this has 42." in response.text
    assert 'class="option chosen" id="o-colour-navy"' in response.text
    part = client.post(
        "/products/bicycle/texts", data={"engraving": "a\u0085b"}, headers={"HX-Request": "true"}
    )
    assert part.status_code == 422
    assert "<html" not in part.text


# --- ordering ---------------------------------------------------------------------------------------------------------


@BOTH
def test_an_order_from_the_first_page_to_the_last(client: FlaskClient, bicycle: Offer) -> None:
    kept = client.post("/products/bicycle/texts?drive=belt&ship-to=DE", data={"engraving": "Zoë 你好"}).location
    checkout = to_checkout(client, kept.partition("?")[2])
    data = filled(client, checkout)
    placed = client.post(checkout, data=data)
    assert placed.status_code == 303
    assert client.post(checkout, data=data).location == placed.location  # one form is one order
    assert rows()["sales_order"] == 1
    text = page(client, placed.location)
    assert "SO-" in text
    assert "Zoë 你好" in text
    assert "Zoë &lt;b&gt;Müller&lt;/b&gt;" in text
    assert "Powder coat" in text
    assert "粉末喷涂" in page(client, f"{placed.location}?lang=zh")


def test_a_retry_gets_its_order_even_when_nothing_more_can_be_ordered(
    client: FlaskClient, lamp: Offer, company_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkout = str(client.post("/products/lamp/order?ship-to=DE&height=45").location)
    data = filled(client, checkout)
    first = client.post(checkout, data=data)
    with db.writing() as session:  # this height is no longer made, and the factory is full
        lower = LAMP.replace("height > 40 => shade.small", "height < 40")
        load_catalog(session, company_id, lower, loaded_at=utc_now())
    monkeypatch.setattr(service, "date_of", lambda *_args, **_more: None)
    assert client.post(checkout, data=data).location == first.location
    other = client.post(checkout, data=data | {"city": "Hamburg"})
    assert other.status_code == 422
    assert "already used for another order" in other.text
    assert rows()["sales_order"] == 1


@pytest.mark.parametrize(("field", "value", "said"), [
    ("name", "", "Please fill this in."),
    ("mail", "nobody", "This is not an email address"),
    ("phone", "call me", "Digits, spaces"),
    ("street", "x" * 301, "Field cannot be longer"),
    ("postal_code", "", "Please fill this in."),
    ("city", "Ber\u0007lin", "one line of plain text"),
    ("country", "US", "Not a valid choice"),
])
def test_a_form_that_comes_back_says_which_field_and_keeps_what_was_typed(
    client: FlaskClient, bicycle: Offer, field: str, value: str, said: str
) -> None:
    checkout = to_checkout(client)
    response = client.post(checkout, data=filled(client, checkout, **{field: value}))
    assert response.status_code == 422
    assert said in response.text
    assert f'id="{field}-error"' in response.text
    for name, typed in BUYER.items():
        if name not in (field, "country"):
            assert f'value="{html.escape(typed, quote=False)}"' in response.text
    assert rows()["sales_order"] == 0


def test_a_price_that_has_changed_is_shown_and_asked_again(client: FlaskClient, lamp: Offer, company_id: int) -> None:
    checkout = str(client.post("/products/lamp/order?ship-to=DE").location)
    data = filled(client, checkout)
    with db.writing() as session:
        load_catalog(session, company_id, LAMP.replace("amount: 49.90", "amount: 59.90"), loaded_at=utc_now())
    asked = client.post(checkout, data=data)
    assert asked.status_code == 409
    assert "The price has changed" in asked.text
    assert int(hidden(asked.text, "shown_gross")) == int(data["shown_gross"]) + 1000
    assert f'value="{BUYER["street"]}"' in asked.text
    assert rows()["sales_order"] == 0
    again = data | {"shown_gross": hidden(asked.text, "shown_gross")}
    assert client.post(checkout, data=again).status_code == 303


def test_a_date_that_is_taken_is_asked_again(client: FlaskClient, bicycle: Offer) -> None:
    checkout = to_checkout(client)
    data = filled(client, checkout)
    earlier = (date.fromisoformat(data["shown_date"]) - timedelta(days=1)).isoformat()
    asked = client.post(checkout, data=data | {"shown_date": earlier})
    assert asked.status_code == 409
    assert "The date that you saw has been taken" in asked.text
    assert hidden(asked.text, "shown_date") == data["shown_date"]
    assert rows()["sales_order"] == 0


def test_another_country_on_the_form_is_asked_again_with_its_tax(client: FlaskClient, bicycle: Offer) -> None:
    checkout = to_checkout(client)
    asked = client.post(checkout, data=filled(client, checkout, country="CN", postal_code="200040"))
    assert asked.status_code == 409
    assert "Tax 13 %" in asked.text


@pytest.mark.parametrize("changed", [
    {"shown_gross": "1"}, {"shown_gross": "x"}, {"shown_date": "soon"}, {"key": "short"}, {"shown_currency": "EUR"},
    {"shown_deposit": "1"}, {"shown_deposit": "x"},
])
def test_a_form_that_was_tampered_with_orders_nothing(
    client: FlaskClient, bicycle: Offer, changed: dict[str, str]
) -> None:
    checkout = to_checkout(client)
    assert client.post(checkout, data=filled(client, checkout, **changed)).status_code in (409, 422)
    assert rows()["sales_order"] == 0


def test_a_form_for_a_catalog_that_no_longer_allows_it_orders_nothing(
    client: FlaskClient, lamp: Offer, company_id: int
) -> None:
    checkout = str(client.post("/products/lamp/order?ship-to=DE&height=45").location)
    data = filled(client, checkout)
    with db.writing() as session:
        lower = LAMP.replace("height > 40 => shade.small", "height < 40")
        load_catalog(session, company_id, lower, loaded_at=utc_now())
    assert client.post(checkout, data=data).status_code == 422
    assert rows()["sales_order"] == 0


def test_choices_that_do_not_hold_together_go_back_to_the_page(client: FlaskClient, bicycle: Offer) -> None:
    response = client.post("/products/bicycle/order?gears=derailleur_9&drive=belt")
    assert response.location.startswith("/products/bicycle?")
    assert rows()["configuration"] == 0


@pytest.mark.parametrize("path", ["/products/bicycle/order", "/products/bicycle/texts", "/checkout/whatever"])
def test_a_form_of_another_site_is_refused(client: FlaskClient, bicycle: Offer, path: str) -> None:
    before = rows()
    assert client.post(path, data={"engraving": "x"}, csrf=False).status_code == 400
    assert rows() == before


def test_the_form_shows_the_price_and_date_of_another_country(client: FlaskClient, bicycle: Offer) -> None:
    checkout = to_checkout(client)
    part = page(client, checkout.replace("?", "/terms?country=CN&"))
    assert "Tax 13 %" in part
    assert "<html" not in part
    assert hidden(part, "shown_gross") != hidden(page(client, checkout), "shown_gross")


def test_an_order_is_written_with_what_was_shown(client: FlaskClient, bicycle: Offer) -> None:
    checkout = to_checkout(client)
    data = filled(client, checkout)
    client.post(checkout, data=data)
    with db.reading() as session:
        order = session.execute(select(SalesOrder)).scalar_one()
    assert str(order.gross_minor) == data["shown_gross"]
    assert order.arrives_on.isoformat() == data["shown_date"]


@pytest.mark.parametrize("mail", ["用户@example.com", "no address", "a..b@example.com"])
def test_an_address_to_which_no_confirmation_could_be_sent_is_refused_at_once(
    client: FlaskClient, factory: int, mail: str
) -> None:
    checkout = to_checkout(client)
    answer = client.post(checkout, data=filled(client, checkout, mail=mail))
    assert answer.status_code == 422
    assert "This is not an email address" in answer.text


def test_what_else_an_option_changes_says_of_which_part_it_is(client: FlaskClient, wardrobe: Offer) -> None:
    """A module of 650 mm in a niche of 2,900 mm makes the others wider; drawers of a module are its own."""
    text = page(client, "/products/wardrobe?niche_width=2900&module_1_inside=hanging&lang=en")
    cards = dict(re.findall(r'id="(o-module_1_[a-z0-9_-]+)".*?class="option-foot">(.*?)</a>', text, re.DOTALL))
    also = {name: re.findall(r'class="option-also">([^<]*)<', foot) for name, foot in cards.items()}
    assert any("Module 2: Width" in words for words in also["o-module_1_width-w650"])
    (drawers,) = also["o-module_1_inside-drawers"]
    assert re.search(r"with Width [\d,]+ mm", drawers) and "Module 1" not in drawers


def test_an_option_whose_name_several_questions_share_is_told_with_its_question(
    client: FlaskClient, bicycle: Offer
) -> None:
    """Rack, stand and mudguards can all be "None"; a "Touring rack" speaks for itself."""
    text = page(client, "/products/bicycle?lang=en")
    also = re.findall(r'class="option-also">([^<]*)<', text)
    assert "with Mudguards: None" in also
    assert not [words for words in also if re.search(r"(with|,) None", words)]
    assert any("Touring rack" in words and "Rack:" not in words for words in also)
    assert "with " not in also


@pytest.mark.parametrize("place", ["texts", "files/logo"])
def test_where_something_was_refused_can_be_opened_anew(client: FlaskClient, bicycle: Offer, place: str) -> None:
    sent = client.post(f"/products/bicycle/{place}?colour=sun", data={"engraving": "x" * 99})
    assert sent.status_code == 422
    again = client.get(f"/products/bicycle/{place}?colour=sun&ship-to=DE")
    stands = f"/products/bicycle?colour=sun&ship-to=DE&as-offered={as_offered(bicycle)}"
    assert (again.status_code, again.location) == (302, stands)


@pytest.mark.parametrize(("typed", "value"), [("2500.5", "2500.5"), ("wide", "wide")])
def test_what_is_no_number_is_answered_at_its_field(
    client: FlaskClient, wardrobe: Offer, typed: str, value: str
) -> None:
    shown = page(client, "/products/wardrobe?niche_height=2400&lang=en")
    total = re.search(r'id="total"[^>]*>([^<]*)<', shown)[1]  # type: ignore[index]
    query = f"niche_height={typed}&step-back=niche_height:2400&lang=en"
    part = client.get(f"/products/wardrobe/choose?{query}", headers={"HX-Request": "true"})
    assert part.headers["HX-Push-Url"] == "false"
    assert f'value="{value}" min="2000"' in part.text and 'aria-invalid="true"' in part.text
    assert f"“{typed}” is not possible here. Allowed: 2,000 to 2,800 mm, in steps of 1." in part.text
    assert total in part.text and "no longer offered" not in part.text
    if typed == "2500.5":
        assert ">2,500 mm</a>" in part.text and ">2,501 mm</a>" in part.text


# --- a second thought -------------------------------------------------------------------------------------------------


@pytest.fixture
def thought(monkeypatch: pytest.MonkeyPatch) -> None:
    """A search that always finds a date three days earlier."""

    def found(offer: Offer, variant: Any, to: Any, **_more: Any) -> Any:
        first = service.forecast(offer, variant, to)
        return replace(first, arrives_on=first.arrives_on - timedelta(days=3), at_once=first.arrives_on)

    monkeypatch.setattr(service, "think", found)


@pytest.mark.usefixtures("thought")
def test_a_second_thought_is_told_in_words_with_and_without_scripts(client: FlaskClient, bicycle: Offer) -> None:
    shown = page(client, "/products/bicycle?lang=en&ship-to=DE")
    assert 'data-earlier="/products/bicycle/earlier?' in shown
    where = html.unescape(re.search(r'<form method="post" action="([^"]*)" id="f-earlier"', shown)[1])  # type: ignore[index]
    part = client.post(where, headers={"HX-Request": "true"}).text
    assert re.search(r'data-date="[^"]+" data-note="earlier: other orders make room"', part)
    cards = dict(re.findall(r'<span data-place="(d-[^"]+)">([^<]*)</span>', part))
    assert len(cards) > 20
    assert all(f'id="{place}"' in shown for place, words in cards.items() if words), "each has its place on the page"
    plain = client.post(where)
    assert (plain.status_code, plain.location.partition("?")[0]) == (303, "/products/bicycle")
    assert "Other orders make room" in page(client, plain.location)


@pytest.mark.parametrize(("days", "words"), [
    (-5, "2 days earlier"), (-3, ""), (-1, ""), (0, ""), (2, "2 days later"),
])  # fmt: skip
@pytest.mark.usefixtures("thought")
def test_an_option_is_earlier_only_than_the_day_that_is_shown(
    app: APIFlask, bicycle: Offer, days: int, words: str
) -> None:
    answered = service.click(bicycle, (), country="DE", seconds=5)
    thought = service.second_thought(answered, stop=lambda: False)
    assert thought.date is not None and thought.date.at_once is not None
    with app.test_request_context("/?lang=en"):
        assert present._date_words(thought.date.at_once + timedelta(days=days), thought) == words


def test_a_second_thought_that_finds_nothing_changes_nothing(
    client: FlaskClient, bicycle: Offer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "think", lambda offer, variant, to, **_: service.forecast(offer, variant, to))
    part = client.post("/products/bicycle/earlier", headers={"HX-Request": "true"}).text
    assert "data-date" not in part
    plain = client.post("/products/bicycle/earlier?lang=en")
    assert "There is no earlier date than" in page(client, plain.location)


def test_whoever_comes_while_another_one_is_thought_for_waits_politely(
    client: FlaskClient, bicycle: Offer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(*_args: Any, **_more: Any) -> None:
        raise Busy

    monkeypatch.setattr(service, "think", busy)
    assert client.post("/products/bicycle/earlier", headers={"HX-Request": "true"}).status_code == 204
    plain = client.post("/products/bicycle/earlier?lang=en")
    assert "Please try again in a moment" in page(client, plain.location)


def test_a_search_ends_when_the_browser_hangs_up(app: APIFlask) -> None:
    ours, theirs = socket.socketpair()
    with app.test_request_context("/", environ_base={"gunicorn.socket": ours}):
        assert not views.hung_up()
        theirs.send(b"GET")  # a next request on the same connection
        assert not views.hung_up()
        ours.recv(3)
        theirs.close()
        assert views.hung_up()
    ours.close()
    with app.test_request_context("/"):
        assert not views.hung_up()  # another server: it does not tell


# --- pictures ---------------------------------------------------------------------------------------------------------


def test_a_picture_is_on_its_option_has_its_size_and_can_be_kept_for_good(client: FlaskClient, company_id: int) -> None:
    named = LAMP.replace("{id: red, name: {zh: 红, en: Red}}", "{id: red, name: {zh: 红, en: Red}, picture: red.svg}")
    with db.writing() as session:
        load_catalog(session, company_id, named, loaded_at=utc_now())
        store_picture(session, company_id, "red.svg", DOT)
    text = page(client, "/products/lamp?colour=red")
    image = re.search(r'<img class="option-picture" src="(/pictures/\w{64})" width="160" height="120" alt=""', text)
    assert image, text
    shown = re.search(r'<span class="drawing pictures of-1" role="img" aria-label="[^"]+"><img src="([^"]+)"', text)
    assert shown  # the lamp has no drawing: it is shown by its pictures
    assert shown[1] == image[1]
    assert 'class="drawing pictures' not in page(client, "/products/lamp?colour=blue&shade=large")
    answer = client.get(image[1])
    assert (answer.data, answer.mimetype) == (DOT, "image/svg+xml")
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert answer.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert client.get("/pictures/" + "0" * 64).status_code == 404


# --- numbers ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("query", "words", "nearest"), [
    ("height=5", "Height can be 10 to 50 cm, in steps of 5.", "10 cm"),  # below the least of any variant
    ("height=55", "Height can be 10 to 50 cm, in steps of 5.", "50 cm"),
    ("height=23", "Height can be 10 to 50 cm, in steps of 5.", "25 cm"),
    ("shade=large&height=55", "Height can be 10 to 50 cm, in steps of 5.", "40 cm"),  # with the shade
    ("shade=large&height=45", "A high lamp needs a small shade.", "Small"),  # some variant has it: the rule speaks
])
def test_a_number_that_no_variant_has_is_answered_with_those_that_can_be_had(
    client: FlaskClient, lamp: Offer, query: str, words: str, nearest: str
) -> None:
    text = page(client, f"/products/lamp?lang=en&{query}")
    assert words in re.search(r'<h2 id="refusal-title">(.*?)</h2>', text, re.DOTALL)[1]  # type: ignore[index]
    assert "does not go with your other choices" not in text
    repairs = re.search(r'<ul class="repairs">(.*?)</ul>', text, re.DOTALL)
    assert repairs
    assert f"<strong>{nearest}</strong>" in repairs[1]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_number_is_written_one_way_everywhere(client: FlaskClient, wardrobe: Offer, language: str) -> None:
    text = page(client, f"/products/wardrobe?lang={language}&niche_width=2410")
    assert "2410 mm" not in text
    label = re.search(r'class="drawing"[^>]*aria-label="([^"]*)"', text)
    assert label
    assert "2,410 mm" in label[1]
    assert text.count("2,410 mm") > 1
