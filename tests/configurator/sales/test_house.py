"""The demo house as sales sees it: every order of the book opens, and every configuration in it is valid."""

from __future__ import annotations

import random

import pytest
from sqlmodel import col, select

from catalog.offer import current_offer, offer_of
from catalog.price import quote_price
from configurator import db
from configurator.errors import NotValid
from configurator.planning.promise import forecast
from configurator.sales.buyers import Buyer
from configurator.sales.configurations import Configuration, Selection, save_configuration, variant_from_json
from configurator.sales.delivery import standard_to
from configurator.sales.models import SalesOrder, SalesOrderItem
from configurator.sales.orders import Shown, order_by_token, orders_page, place_order
from configurator.storefront.service import standing_completion
from solver.configuration.check import violations
from solver.configuration.problem import GroupId, OptionId, Variant


@pytest.fixture
def database_kind() -> str:
    """What is read here was written through services that are tested on both databases."""
    return "sqlite"


def test_every_order_of_the_book_opens_and_adds_up(house: int) -> None:
    page = orders_page(house)
    assert page.total >= 30
    for row in page.rows:
        view = order_by_token(house, row.token)
        total = sum(item.amount_minor for item in view.price.items)
        assert total == (view.price.net if view.price.basis == "net" else view.price.gross)
        assert view.price.net + view.price.tax == view.price.gross
        assert view.progress.pegging_key == view.number
        assert view.arrives_on == view.progress.arrives_on
        assert view.buyer.name and view.choices


def test_every_stored_configuration_is_valid_under_the_revision_that_it_names(house: int) -> None:
    with db.reading() as session:
        rows = session.exec(select(Configuration)).all()
        assert len(rows) >= 30
        for row in rows:
            offer = offer_of(
                session, house, row.product_revision_id, row.price_list_revision_id, row.manufacturing_revision_id)
            assert row.variant is not None
            assert violations(offer.problem, variant_from_json(row.variant)) == ()


def _tries(shop, count: int) -> None:
    """Store random configurations, most of them broken: stored is what the judge has nothing against, nothing else."""
    dice = random.Random(2026)
    problem = shop.offer.problem
    stored = refused = 0
    with db.writing() as session:
        for _ in range(count):
            variant = shop.variant(colour=dice.choice(["sky", "sun", "navy"]))
            chosen = dict(variant.chosen)
            for group in dice.sample(problem.groups, dice.choice([0, 1, 2, 5])):
                chosen[GroupId(group.id)] = frozenset({OptionId(dice.choice(group.options))})
            wanted = Variant(chosen, variant.numbers, variant.texts)
            try:
                row = save_configuration(session, shop.company_id, shop.offer, Selection("bicycle"), wanted)
                assert not violations(problem, variant_from_json(row.variant or {}))
                stored += 1
            except NotValid:
                assert violations(problem, wanted)
                refused += 1
    assert stored > count / 10 and refused > count / 10


def test_random_configurations_are_stored_only_if_they_are_valid(shop) -> None:
    _tries(shop, 150)


@pytest.mark.slow
def test_five_thousand_random_configurations_are_stored_only_if_they_are_valid(shop) -> None:
    _tries(shop, 5000)


def test_every_item_names_its_order_and_what_is_made(house: int) -> None:
    with db.reading() as session:
        items = session.exec(select(SalesOrderItem, SalesOrder).where(
            SalesOrderItem.sales_order_id == SalesOrder.id)).all()
    assert len(items) >= 30
    assert all(item.pegging_key == order.number and item.manufacturing_order_id for item, order in items)


def test_the_next_order_goes_on_with_the_numbers_of_the_book(house: int) -> None:
    with db.reading() as session:
        offer = current_offer(session, house, "bicycle")
        newest = session.exec(select(SalesOrder.number).order_by(col(SalesOrder.id).desc())).first()
    variant = standing_completion(offer, (), {})
    price = quote_price(offer.prices, offer.problem, variant, country="CN")
    shown = Shown(price.gross, price.currency, forecast(offer, variant, standard_to(house, "CN")).arrives_on)
    buyer = Buyer("李雷", "li@example.com", "", "中山路 1", "200000", "上海", "CN", "zh")
    placed = place_order(house, offer, Selection("bicycle"), variant, buyer, shown, scope="test", key="key-1")
    assert newest is not None
    same_year = placed.number[:-4] == newest[:-4]  # at the turn of the year a new series begins
    assert int(placed.number[-4:]) == (int(newest[-4:]) + 1 if same_year else 1)
