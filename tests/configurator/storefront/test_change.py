"""The change page: until when, what it would come to, what can no longer be, in words; confirmed and cancelled once."""

from __future__ import annotations

import html
import re
from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlmodel import func, select

from catalog.load import load_catalog
from catalog.offer import current_offer
from catalog.rows import utc_now
from configurator import db
from configurator.planning.models import ManufacturingOperation
from configurator.planning.promise import Destination, forecast, zone_of
from configurator.planning.reports import start_operation
from configurator.sales.buyers import Buyer
from configurator.sales.changes import changeable
from configurator.sales.configurations import Selection, configuration_by_token, variant_from_json
from configurator.sales.models import DateMove, ItemRevision, MovedDate, OrderState, SalesOrder, SalesOrderItem
from configurator.sales.orders import Shown, order_by_token, place_order
from configurator.sales.terms import price_for
from configurator.storefront.changing import changed
from configurator.storefront.service import hints, standing_completion
from solver.configuration.problem import Choose, Enter, GroupId, OptionId, ParameterId
from tests.configurator.security.house import fingerprint
from tests.conftest import FAMILIES

BUYER = Buyer(
    name="Zoë Müller", mail="zoe@example.com", phone="", street="Hauptstraße 5", postal_code="10115", city="Berlin",
    country="DE", locale="en",
)


@pytest.fixture
def order(unhurried: None, factory: int):
    """`order()`: a product with these choices, of which nothing is made or frozen within the hour; what was placed."""

    def place(product: str = "bicycle", *decisions, texts=None):
        with db.reading() as session:
            offer = current_offer(session, factory, product)
        variant = standing_completion(offer, decisions, texts or {})
        found = forecast(offer, variant, Destination("DE", zone_of("DE")))
        price = price_for(offer, variant, "DE")
        return place_order(
            factory, offer, Selection(product, decisions, texts or {}), variant, BUYER,
            Shown(price.gross, price.currency, found.arrives_on), scope="test", key="key-1",
        )

    return place


def choose(group: str, option: str) -> Choose:
    return Choose(GroupId(group), OptionId(option))


def begin(company_id: int, *operations: str) -> None:
    for operation in operations:
        with db.reading() as session:
            query = select(ManufacturingOperation).where(ManufacturingOperation.operation == operation)
            row = session.exec(query).one()
        start_operation(company_id, row.id, now=row.starts_at)


def page(client: FlaskClient, placed, query: str = "", status: int = 200) -> str:
    answer = client.get(f"/orders/{placed.token}/items/1/change{query}")
    assert answer.status_code == status, answer.text[:600]
    return answer.text


def fields(text: str) -> dict[str, str]:
    """The hidden fields of the form that confirms."""
    form = re.search(r'<form method="post" action="[^"]*/change\?[^"]*".*?</form>', text, re.DOTALL)
    assert form, "nothing can be confirmed"
    return {
        name: html.unescape(re.search(rf'name="{name}"[^>]*value="([^"]*)"', form[0])[1])
        for name in ("key", "base", "shown_gross", "shown_currency", "shown_date")
    }


def confirm(client: FlaskClient, placed, query: str, data: dict[str, str]):
    return client.post(f"/orders/{placed.token}/items/1/change{query}", data=data)


def count(table) -> int:
    with db.reading() as session:
        return session.exec(select(func.count()).select_from(table)).one()


def words(text: str) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", text)).split())


# --- what can be changed ----------------------------------------------------------------------------------------------


def test_each_question_says_until_when_in_both_languages(client, order, factory) -> None:
    placed = order()
    english, chinese = words(page(client, placed, "?lang=en")), words(page(client, placed, "?lang=zh"))
    when = r"\w{3} \d+ \w{3} \d{4} \d\d:\d\d"
    assert re.search(rf"Frame colour Sky blue can be changed until {when}, before “Powder coat”", english)
    assert re.search(r"Rack Light rack can be changed until [^,]*, before “Assemble”", english)
    assert re.search(r"车架颜色 天空蓝 \d{4}年\d+月\d+日 周. \d\d:\d\d 前可以更改，之后开始“粉末喷涂”", chinese)


def test_what_has_begun_is_locked_with_the_reason_and_cannot_be_asked_for(client, order, factory) -> None:
    placed = order()
    begin(factory, "coat")
    text = page(client, placed)
    assert "Frame colour Sky blue Fixed: “Powder coat” has begun" in words(text)
    assert "colour=navy" not in text
    assert "rack=tour" in text
    assert re.search(r'<div class="option excluded" id="o-mudguards-painted">.*?Fixed: “Powder coat”', text, re.DOTALL)
    late = page(client, placed, "?colour=navy")
    assert "Too late to change: Frame colour: Navy" in words(late)
    assert 'id="confirm"' not in late


def test_what_would_need_something_locked_is_refused_with_the_rule_and_names_it(client, order, factory) -> None:
    placed = order()  # 9-speed derailleur, 6.7 mm chain
    begin(factory, "wheel_rear")
    text = words(page(client, placed, "?drive=belt"))
    assert "This cannot be changed: Chain or belt: Carbon belt" in text
    assert "Gears: 9-speed derailleur (fixed by now)" in text


def test_looking_at_it_writes_nothing_and_shows_price_date_and_what_follows(client, order, factory) -> None:
    placed = order()
    before = fingerprint()
    text = page(client, placed, "?drive=belt")
    assert fingerprint() == before
    asked = changeable(factory, placed.token, 1)
    found = changed(asked, (choose("drive", "belt"),))
    assert found.variant.chosen["gears"] != asked.variant.chosen["gears"]  # it needs a hub gear
    said = words(text)
    assert "Chain or belt 6.7 mm chain Carbon belt" in said and "Gears 9-speed derailleur" in said
    assert fields(text)["shown_gross"] == str(found.terms.price.gross)
    assert fields(text)["shown_date"] == found.terms.arrives_on.isoformat()


@pytest.mark.parametrize(("group", "option"), [("drive", "belt"), ("brakes", "rim"), ("stand", "none")])
def test_an_options_difference_is_what_choosing_it_comes_to(order, factory, group: str, option: str) -> None:
    placed = order("bicycle", choose("size", "l"), choose("fork", "suspension"), choose("tyres", "t47"))
    asked = changeable(factory, placed.token, 1)
    now = changed(asked, ())
    difference = hints(now.click, wishes=now.wishes).differences[GroupId(group), OptionId(option)]
    chosen = changed(asked, (choose(group, option),))
    assert chosen.variant == difference.nearest.variant
    assert chosen.terms.price.gross - asked.price.gross == difference.gross_minor


def test_a_measure_is_changed_and_everything_else_of_the_room_stays(order, factory, wardrobe) -> None:
    placed = order("wardrobe", Enter(ParameterId("niche_width"), 2750), choose("board", "oak"))
    asked = changeable(factory, placed.token, 1)
    wider = changed(asked, (Enter(ParameterId("niche_width"), 2760),))
    assert wider.terms is not None
    assert wider.variant.numbers["niche_width"] == 2760
    assert wider.variant.chosen == asked.variant.chosen
    other = changed(asked, (choose("board", "walnut"),))
    assert other.variant.numbers["niche_width"] == 2750


# --- confirming -------------------------------------------------------------------------------------------------------


def test_a_confirmed_change_is_on_the_order_page_and_sent_twice_it_is_one(client, order, factory) -> None:
    placed = order()
    data = fields(page(client, placed, "?colour=navy"))
    for _ in range(2):
        answer = confirm(client, placed, "?colour=navy", data)
        assert (answer.status_code, answer.location) == (303, f"/orders/{placed.token}")
    said = words(client.get(f"/orders/{placed.token}").text)
    assert "Frame colour Navy" in said and "Before it was changed" in said and "Frame colour Sky blue" in said
    assert count(ItemRevision) == 1


def test_two_tabs_are_resolved_in_words_and_the_choice_is_kept(client, order, factory) -> None:
    placed = order()
    one, other = fields(page(client, placed, "?colour=navy")), fields(page(client, placed, "?stand=none"))
    assert confirm(client, placed, "?colour=navy", one).status_code == 303
    answer = confirm(client, placed, "?stand=none", other)
    assert answer.status_code == 409
    said = words(answer.text)
    assert "This has changed since you opened it." in said
    assert "Stand Side stand None" in said  # what was asked for, on the order as it is now
    assert "Frame colour Navy" in said
    assert confirm(client, placed, "?stand=none", fields(answer.text)).status_code == 303
    view = order_by_token(factory, placed.token)
    assert (view.variant.chosen["colour"], view.variant.chosen["stand"]) == ({"navy"}, {"none"})


def test_a_start_meanwhile_is_told_and_changes_nothing(client, order, factory) -> None:
    placed = order()
    data = fields(page(client, placed, "?colour=navy"))
    begin(factory, "coat")
    answer = confirm(client, placed, "?colour=navy", data)
    assert answer.status_code in (409, 422)
    assert "Too late to change: Frame colour: Navy" in words(answer.text)
    assert count(ItemRevision) == 0


def test_another_price_or_date_than_shown_is_asked_about(client, order, factory) -> None:
    placed = order()
    data = fields(page(client, placed, "?colour=copper"))
    for wrong in ({"shown_gross": "1"}, {"shown_date": "2026-01-01"}):
        answer = confirm(client, placed, "?colour=copper", data | wrong)
        assert answer.status_code == 409
        assert fields(answer.text)["shown_gross"] == data["shown_gross"]
    for broken in ({"shown_gross": "x"}, {"shown_date": "soon"}, {"key": ""}, {"base": ""}):
        answer = confirm(client, placed, "?colour=copper", data | broken)
        assert (answer.status_code, answer.location) == (303, f"/orders/{placed.token}/items/1/change?colour=copper")
    assert count(ItemRevision) == 0


def test_a_text_is_changed_taken_away_and_judged(client, order, factory) -> None:
    placed = order("bicycle", texts={"engraving": "LI"})
    address = f"/orders/{placed.token}/items/1/change/texts"
    wrong = client.post(address, data={"engraving": "x" * 25})
    assert wrong.status_code == 422
    assert "At most 24 characters; this has 25." in words(wrong.text) and "x" * 25 in wrong.text
    for typed in ("李雷 🚲", ""):
        sent = client.post(address, data={"engraving": typed})
        assert sent.status_code == 303
        text = client.get(sent.location).text
        assert confirm(client, placed, "?" + sent.location.partition("?")[2], fields(text)).status_code == 303
        assert order_by_token(factory, placed.token).variant.texts.get("engraving", "") == typed


def test_a_foreign_token_or_item_opens_and_changes_nothing(client, order, factory) -> None:
    placed = order()
    data = fields(page(client, placed, "?colour=navy"))
    before = fingerprint()
    for address in (f"/orders/{placed.token[:-1]}/items/1/change", f"/orders/{placed.token}/items/2/change"):
        assert client.get(f"{address}?colour=navy").status_code == 404
        assert client.post(f"{address}?colour=navy", data=data).status_code == 404
    assert client.post(f"/orders/{placed.number}/cancel").status_code == 404
    assert client.post(f"/orders/{placed.token}/items/1/change?colour=navy", data=data, csrf=False).status_code == 400
    assert client.post(f"/orders/{placed.token}/cancel", csrf=False).status_code == 400
    assert fingerprint() == before
    assert confirm(client, placed, "?colour=navy", data).status_code == 303  # negative control: its owner


# --- cancelling -------------------------------------------------------------------------------------------------------


def test_an_order_is_cancelled_from_its_page_until_something_begins(client, order, factory) -> None:
    placed = order()
    said = words(client.get(f"/orders/{placed.token}").text)
    assert re.search(r"Until \w{3} \d+ \w{3} \d{4} \d\d:\d\d you can cancel it, and it costs you nothing", said)
    for _ in range(2):
        assert client.post(f"/orders/{placed.token}/cancel").status_code == 303
    said = words(client.get(f"/orders/{placed.token}").text)
    assert "This order is cancelled." in said
    assert "Change this order" not in said
    assert "This order can no longer be changed." in words(page(client, placed))
    assert order_by_token(factory, placed.token).state == OrderState.CANCELLED


def test_an_order_that_is_being_made_says_whom_to_ask(client, order, factory, settings) -> None:
    placed = order()
    begin(factory, "wheel_front")
    said = words(client.get(f"/orders/{placed.token}").text)
    assert "it can no longer be cancelled here" in said and settings.mail_from in said
    answer = client.post(f"/orders/{placed.token}/cancel", follow_redirects=True)
    assert "“Build front wheel” has begun" in words(answer.text)
    assert order_by_token(factory, placed.token).state == OrderState.CONFIRMED


# --- once more --------------------------------------------------------------------------------------------------------


def test_the_same_again_opens_the_configurator_with_all_its_choices_and_says_what_has_changed(
    client, order, factory
) -> None:
    placed = order("bicycle", choose("colour", "navy"), choose("drive", "belt"), texts={"engraving": "李雷"})
    old = order_by_token(factory, placed.token)
    source = (FAMILIES / "bicycle.yaml").read_text()
    republished = source.replace("2680", "3680").replace("default: light\n", "default: none\n", 1)
    assert republished.count("3680") == source.count("2680") > 0
    with db.writing() as session:
        load_catalog(session, factory, republished, loaded_at=utc_now())
    sent = client.get(f"/orders/{placed.token}/items/1/again?lang=en")
    assert sent.status_code == 302
    text = client.get(sent.location).text
    said = words(text)
    assert f"These are the choices of order {placed.number}." in said and "The catalog has changed since then." in said
    assert "李雷" in text
    token = client.post(sent.location.replace("?", "/order?", 1)).location.partition("/checkout/")[2].partition("?")[0]
    with db.reading() as session:
        again = variant_from_json(configuration_by_token(session, factory, token).variant)
    assert again == old.variant  # the rack too, which would be another one by default now


# --- tracking ---------------------------------------------------------------------------------------------------------


def test_the_order_page_tells_each_step_and_why_the_day_moved_to_buyer_and_sales(client, login, order, factory) -> None:
    placed = order()
    begin(factory, "coat")
    day = placed.arrives_on
    with db.writing() as session:
        item = session.exec(select(SalesOrderItem)).one()
        session.add(DateMove(
            company_id=factory, item_id=item.id, kind=MovedDate.FORECAST, was=day, becomes=day + timedelta(days=2),
            promised=day, reason="breakdown",
        ))  # fmt: skip
        order_id = session.exec(select(SalesOrder.id)).one()
    for text in (client.get(f"/orders/{placed.token}").text, login("sales").get(f"/sales/orders/{order_id}").text):
        assert "A machine in our factory stood still." in words(text)
    said = words(client.get(f"/orders/{placed.token}").text)
    assert "Powder coat in work, ready on" in said and "Assemble planned for" in said
    assert "paint" not in said.lower().replace("painted", "")  # no line, nothing of the factory's inside
