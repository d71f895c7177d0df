"""One click, one order: at the price and for the date that were shown, in one transaction with its key and its mail."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import func
from sqlmodel import SQLModel, select

from configurator import db
from configurator.audit import AuditEvent
from configurator.errors import DateLost, InvalidInput, KeyReused, NotFound, NotValid, PriceChanged
from configurator.idempotency import IdempotencyKey
from configurator.outbox import OutboxMail
from configurator.planning.models import ManufacturingOrder
from configurator.sales.configurations import Configuration
from configurator.sales.models import SalesOrder, SalesOrderItem
from configurator.sales.orders import order_by_token, orders_page
from configurator.sales.parties import Party
from solver.configuration.problem import GroupId, OptionId

WRITTEN = (SalesOrder, SalesOrderItem, Configuration, ManufacturingOrder, OutboxMail, IdempotencyKey, Party, AuditEvent)


def count(table: type[SQLModel]) -> int:
    with db.reading() as session:
        return session.exec(select(func.count()).select_from(table)).one()


def test_an_order_is_stored_as_it_was_shown_with_everything_that_belongs_to_it(shop) -> None:
    variant = shop.variant(engraving="李雷 2026", drive="belt", gears="hub_8")
    shown = shop.shown(variant)
    placed = shop.order(variant, shown=shown)
    view = order_by_token(shop.company_id, placed.token)
    assert (view.price.gross, view.price.currency, view.arrives_on) == (
        shown.gross_minor, shown.currency, shown.arrives_on)
    assert view.price.net + view.price.tax == view.price.gross
    assert view.variant == variant
    assert view.progress.pegging_key == placed.number == view.number
    assert view.buyer.name == "李雷"
    assert {table.__name__: count(table) for table in WRITTEN if table is not AuditEvent} == {
        table.__name__: 1 for table in WRITTEN if table is not AuditEvent}
    with db.reading() as session:
        mail = session.exec(select(OutboxMail)).one()
        assert (mail.template, mail.data) == ("order_confirmation", {"order_id": view.id})
        configuration = session.exec(select(Configuration)).one()
        assert (configuration.product_revision_id, configuration.price_list_revision_id,
                configuration.manufacturing_revision_id) == (
            shop.offer.product_revision_id, shop.offer.price_list_revision_id, shop.offer.manufacturing_revision_id)


def test_choices_are_readable_in_both_languages(shop) -> None:
    view = order_by_token(shop.company_id, shop.order(shop.variant(engraving="🚲 שלום", colour="sun")).token)
    words = {choice.id: choice for choice in view.choices}
    assert (words["colour"].question_in("en"), words["colour"].answer_in("en")) == ("Frame colour", "Sunflower")
    assert (words["colour"].question_in("zh"), words["colour"].answer_in("zh")) == ("车架颜色", "向日葵黄")
    assert words["engraving"].answer_in("zh") == words["engraving"].answer_in("en") == "🚲 שלום"


def test_the_same_key_again_gets_the_same_answer_and_writes_nothing(shop) -> None:
    variant, shown = shop.variant(), None
    shown = shop.shown(variant)
    first = shop.order(variant, shown=shown)
    before = [count(table) for table in WRITTEN]
    assert shop.order(variant, shown=shown) == first
    assert [count(table) for table in WRITTEN] == before


def test_the_first_answer_is_repeated_even_if_the_date_has_gone_meanwhile(shop) -> None:
    variant = shop.variant()
    shown = shop.shown(variant)
    first = shop.order(variant, shown=shown)
    for number in range(200):  # the lines fill up: nobody could have that date any more
        if shop.shown(variant).arrives_on > shown.arrives_on:
            break
        shop.order(variant, key=f"other-{number}")
    assert shop.shown(variant).arrives_on > shown.arrives_on
    assert shop.order(variant, shown=shown) == first


def test_the_same_key_with_another_order_is_refused(shop, buyer_named) -> None:
    variant = shop.variant()
    shown = shop.shown(variant)
    shop.order(variant, shown=shown)
    for other in (
        {"buyer": buyer_named(street="中山路 2")},
        {"variant": shop.variant(colour="sun")},
        {"shown": replace(shown, arrives_on=shown.arrives_on + timedelta(days=1))},
        {"quote_token": "somebody-elses-quote"},
    ):
        with pytest.raises(KeyReused):
            shop.order(**({"variant": variant, "shown": shown} | other))
    assert count(SalesOrder) == 1


def test_keys_belong_to_their_scope(shop) -> None:
    first = shop.order(scope="user:1")
    second = shop.order(scope="user:2")
    assert first.number != second.number


def test_another_price_than_the_shown_one_is_asked_about_and_nothing_is_written(shop) -> None:
    variant = shop.variant()
    shown = shop.shown(variant)
    with pytest.raises(PriceChanged) as refused:
        shop.order(variant, shown=replace(shown, gross_minor=shown.gross_minor - 1))
    assert refused.value.data["gross_minor"] == shown.gross_minor
    with pytest.raises(PriceChanged):
        shop.order(variant, shown=replace(shown, currency="EUR"))
    assert [count(table) for table in (SalesOrder, ManufacturingOrder, Party, OutboxMail)] == [0, 0, 0, 0]


def test_a_later_date_than_the_shown_one_is_asked_about_and_nothing_is_written(shop) -> None:
    variant = shop.variant()
    shown = shop.shown(variant)
    with pytest.raises(DateLost) as refused:
        shop.order(variant, shown=replace(shown, arrives_on=shown.arrives_on - timedelta(days=1)))
    assert refused.value.data["arrives_on"] == shown.arrives_on
    assert [count(table) for table in (SalesOrder, ManufacturingOrder, Party, OutboxMail)] == [0, 0, 0, 0]


def test_an_earlier_date_than_the_shown_one_changes_nothing_of_what_was_shown(shop) -> None:
    variant = shop.variant()
    later = replace(shop.shown(variant), arrives_on=shop.shown(variant).arrives_on + timedelta(days=3))
    placed = shop.order(variant, shown=later)
    assert placed.arrives_on == later.arrives_on
    assert order_by_token(shop.company_id, placed.token).progress.arrives_on == later.arrives_on


def test_a_variant_that_breaks_a_rule_is_never_stored(shop) -> None:
    variant = shop.variant()
    broken = replace(variant, chosen=dict(variant.chosen) | {GroupId("drive"): frozenset({OptionId("belt")})})
    with pytest.raises(NotValid) as refused:
        shop.order(broken, shown=shop.shown(variant))
    assert refused.value.field == "belt_needs_hub"
    assert count(Configuration) == 0


def test_a_text_that_the_product_does_not_take_is_never_stored(shop) -> None:
    variant = shop.variant()
    for texts in (
        {"engraving": "x" * 25},      # one more than the catalog allows
        {"engraving": "two\nlines"},  # a control character
        {"dedication": "to you"},     # a text that nobody asks for
    ):
        with pytest.raises(NotValid) as refused:
            shop.order(replace(variant, texts=texts), shown=shop.shown(variant))
        assert refused.value.field in texts
    assert count(Configuration) == 0


def test_a_country_that_is_not_served_is_refused_by_its_field(shop, buyer_named) -> None:
    with pytest.raises(InvalidInput) as refused:
        shop.order(buyer=buyer_named(country="AQ"), shown=shop.shown(shop.variant()))
    assert refused.value.field == "country"


def test_an_order_without_an_address_is_refused(shop, buyer_named) -> None:
    for name in ("name", "mail", "street", "city"):
        with pytest.raises(InvalidInput) as refused:
            shop.order(buyer=buyer_named(**{name: " "}))
        assert refused.value.field == f"buyer.{name}"


def test_another_country_has_its_own_tax(shop, buyer_named) -> None:
    german = shop.order(buyer=buyer_named(country="DE", postal_code="10115", locale="en"))
    view = order_by_token(shop.company_id, german.token)
    assert (view.price.rate, view.zone) == ("19", "Europe/Berlin")


def test_numbers_have_no_gaps_even_when_orders_are_refused(shop) -> None:
    variant = shop.variant()
    numbers = [shop.order(variant, key=f"key-{n}").number for n in range(3)]
    with pytest.raises(DateLost):
        shop.order(variant, key="late", shown=replace(
            shop.shown(variant), arrives_on=shop.shown(variant).arrives_on - timedelta(days=9)))
    numbers.append(shop.order(variant, key="key-9").number)
    assert [number.rpartition("-")[2] for number in numbers] == ["0001", "0002", "0003", "0004"]


def test_audit_and_mail_hold_ids_and_no_personal_data(shop) -> None:
    shop.order()
    with db.reading() as session:
        kept = [repr(row.model_dump()) for table in (AuditEvent, OutboxMail, IdempotencyKey)
                for row in session.exec(select(table))]
    for personal in ("李雷", "li@example.com", "中山路"):
        assert not any(personal in row for row in kept)


def test_an_unknown_token_finds_nothing(shop) -> None:
    placed = shop.order()
    with pytest.raises(NotFound):
        order_by_token(shop.company_id, "guess")
    with pytest.raises(NotFound):
        order_by_token(shop.company_id + 1, placed.token)
    assert order_by_token(shop.company_id, placed.token).number == placed.number  # negative control


def test_staff_find_orders_by_number_name_and_mail(shop, buyer_named) -> None:
    first = shop.order(key="a-key")
    shop.order(key="b-key", buyer=buyer_named(name="100% Wang_", mail="wang@example.com"))
    find = lambda text: [row.customer for row in orders_page(shop.company_id, search=text).rows]  # noqa: E731
    assert find("") == ["100% Wang_", "李雷"]
    assert find(first.number) == ["李雷"]
    assert find("WANG@") == ["100% Wang_"]
    assert find("0% W") == ["100% Wang_"]
    assert find("%") == ["100% Wang_"]
    assert find("_") == ["100% Wang_"]
    assert find("nobody") == []
    assert orders_page(shop.company_id).rows[0].product["en"] == "Commuter bicycle"


def test_a_price_list_published_after_the_page_was_shown_is_asked_about(shop, publish_prices) -> None:
    variant = shop.variant()
    shown = shop.shown(variant)
    publish_prices("amount: 2680", "amount: 2780")
    with pytest.raises(PriceChanged) as refused:
        shop.order(variant, shown=shown)
    assert refused.value.data["gross_minor"] == shown.gross_minor + 11300  # 100 and 13 % of it


def test_a_new_revision_at_the_same_price_is_the_one_that_is_stored(shop, publish_prices) -> None:
    variant = shop.variant()
    shown = shop.shown(variant)
    publish_prices("Powder coated: hard to scratch", "Powder coated: hard to harm")
    placed = shop.order(variant, shown=shown)
    assert placed.gross_minor == shown.gross_minor
    with db.reading() as session:
        assert session.exec(select(Configuration)).one().product_revision_id > shop.offer.product_revision_id


def test_a_rule_published_meanwhile_refuses_what_it_forbids(shop, publish_prices) -> None:
    variant = shop.variant(size="s", tyres="t47", fork="suspension")
    shown = shop.shown(variant)
    publish_prices("expression: size.s => not tyres.t55", "expression: size.s => not (tyres.t55 or tyres.t47)")
    with pytest.raises(NotValid) as refused:
        shop.order(variant, shown=shown)
    assert refused.value.field == "small_frame_tyre"
