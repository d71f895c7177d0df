"""The cart: dates that are held, catalogs that change meanwhile, and one order made of several units."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import update
from sqlmodel import select

from catalog.factory import Line, Plant
from catalog.rows import utc_now
from configurator import db
from configurator.config import Settings
from configurator.errors import DateLost, InvalidInput, NotFound, NotValid, Outdated, PriceChanged
from configurator.idempotency import IdempotencyKey
from configurator.planning.books import forget_books
from configurator.planning.holds import HoldRenewed, HoldsFull, sweep
from configurator.planning.models import HeldOrder, Hold, ManufacturingOperation, ManufacturingOrder
from configurator.planning.options import configure
from configurator.planning.promise import Destination, forecast
from configurator.sales import carts
from configurator.sales.carts import CartFull, CartView, ShownCart, TooManyToHold, Trouble, Trust, cart_of, place_cart
from configurator.sales.configurations import Configuration, Selection
from configurator.sales.delivery import ShipTo
from configurator.sales.models import Cart, CartItem, Deliveries, SalesOrder, SalesOrderItem, TakenOutItem
from configurator.sales.orders import PlacedOrder, order_by_token, orders_page
from tests.configurator.sales.conftest import BUYER, Shop


class Visitor:
    """Somebody with a cart."""

    def __init__(self, shop: Shop, *, trust: Trust = Trust.STAFF) -> None:
        self.shop, self.token, self.trust = shop, "", trust

    def add(self, *, replacing: int | None = None, engraving: str = "", **choices: str) -> int:
        variant = self.shop.variant(engraving, **choices)
        added = carts.add_item(
            self.shop.company_id, self.token, self.shop.offer, Selection("bicycle", (), dict(variant.texts)), variant,
            "CN", trust=self.trust, replacing=replacing,
        )
        self.token = added.token
        self.refused = added.refused
        return added.item_id

    def view(self, **changes) -> CartView:
        view = cart_of(self.shop.company_id, self.token, **changes)
        assert view is not None
        return view

    def quantity(self, item: int, number: int, **how: bool) -> None:
        self.refused = carts.set_quantity(self.shop.company_id, self.token, item, number, trust=self.trust, **how)

    def order(self, shown: CartView | None = None, key: str = "key-1", **changes) -> PlacedOrder:
        view = shown or self.view()
        said = ShownCart(view.total.gross, view.total.currency, view.promised())
        return place_cart(
            self.shop.company_id, self.token, replace(BUYER, **changes), said, scope="test", key=key,
            request={"shown": str(said), **changes},
        )


@pytest.fixture
def visitor(shop: Shop) -> Visitor:
    return Visitor(shop)


def count(*tables: type) -> tuple[int, ...]:
    with db.reading() as session:
        return tuple(len(session.exec(select(table)).all()) for table in tables)


def let_time_pass() -> None:
    """Every hold is over."""
    with db.writing() as session:
        for row in session.exec(select(Hold)).all():
            row.expires_at = utc_now() - timedelta(seconds=1)


def test_what_is_put_in_is_held_and_ordered_as_it_is_held(visitor):
    visitor.add(engraving="DORA")
    view = visitor.view()
    assert visitor.refused is None and view.all_held and view.can_be_ordered
    with db.reading() as session:
        slots = {(o.operation, o.starts_at) for o in session.exec(select(ManufacturingOperation)).all()}
    placed = visitor.order()
    order = order_by_token(visitor.shop.company_id, placed.token)
    assert (order.price.gross, order.arrives_on) == (view.total.gross, view.last)
    assert order.variant.texts == {"engraving": "DORA"}
    with db.reading() as session:
        assert slots == {(o.operation, o.starts_at) for o in session.exec(select(ManufacturingOperation)).all()}
        assert [o.number for o in session.exec(select(ManufacturingOrder)).all()] == [order.progress.number]
        assert order.progress.number.startswith("MO-")
    assert count(Cart, CartItem, Hold, HeldOrder) == (0, 0, 0, 0)


def test_several_units_are_one_order_with_a_price_a_date_and_a_manufacturing_order_each(visitor):
    item = visitor.add()
    visitor.quantity(item, 2)
    visitor.add(colour="sun")
    view = visitor.view()
    assert (view.units, view.all_held) == (3, True)
    carts.set_deliveries(visitor.shop.company_id, visitor.token, Deliveries.APART)
    placed = visitor.order()
    order = order_by_token(visitor.shop.company_id, placed.token)
    assert [unit.number for unit in order.units] == [1, 2, 3]
    assert [alike for _unit, alike in order.groups] == [2, 1]
    assert order.price.gross == sum(unit.price.gross for unit in order.units) == view.total.gross
    assert order.price.net + order.price.tax == order.price.gross
    assert tuple(unit.arrives_on for unit in order.units) == view.dates
    assert len({unit.progress.number for unit in order.units}) == 3
    assert count(SalesOrder, SalesOrderItem, ManufacturingOrder) == (1, 3, 3)
    row = orders_page(visitor.shop.company_id).rows
    assert [(one.number, one.units) for one in row] == [(placed.number, 3)]


def test_one_delivery_promises_the_last_day_for_all_and_several_each_its_own(visitor):
    visitor.add()
    first, shop = visitor.view().last, visitor.shop
    for number in range(150):  # until others have taken what is left of the first day
        if shop.shown(shop.variant()).arrives_on > first:
            break
        shop.order(key=f"other-{number}")
    visitor.add()
    view = visitor.view()
    assert view.dates[0] == first < view.dates[1]
    assert set(view.promised()) == {view.last}
    carts.set_deliveries(visitor.shop.company_id, visitor.token, Deliveries.APART)
    assert visitor.view().promised() == view.dates
    carts.set_deliveries(visitor.shop.company_id, visitor.token, Deliveries.TOGETHER)
    order = order_by_token(visitor.shop.company_id, visitor.order().token)
    assert {unit.arrives_on for unit in order.units} == {order.arrives_on} == {view.last}
    assert {unit.progress.arrives_on for unit in order.units} == {view.last}


def test_an_expired_hold_says_so_and_can_be_had_again(visitor):
    visitor.add()
    later = visitor.view().held_until
    view = visitor.view(now=later)
    assert (view.expired, view.held_until, view.all_held) == (True, None, False)
    assert view.last is not None and view.can_be_ordered
    assert sweep(now=later) == 1
    assert count(Hold, ManufacturingOrder) == (0, 0)
    assert carts.hold_cart(visitor.shop.company_id, visitor.token, trust=Trust.STRANGER, now=later) is None
    again = visitor.view(now=later)
    assert again.all_held and not again.renewed and not again.expired


def test_without_its_hold_a_cart_is_ordered_if_the_date_can_still_be_had_and_else_the_buyer_is_asked(visitor, shop):
    visitor.add()
    shown = visitor.view()
    let_time_pass()
    sweep()
    promised = shown.promised()
    early = replace(shown, lines=tuple(
        replace(line, dates=tuple(day - timedelta(days=30) for day in line.dates)) for line in shown.lines))
    with pytest.raises(DateLost):
        visitor.order(early)
    assert count(SalesOrder) == (0,)
    placed = visitor.order(shown)
    assert order_by_token(shop.company_id, placed.token).arrives_on == promised[0]


def test_a_held_price_stays_and_without_the_hold_the_buyer_is_told(visitor, publish_prices: Callable[[str, str], None]):
    visitor.add()
    shown = visitor.view()
    publish_prices("2680", "3680")
    assert visitor.view().total.gross == shown.total.gross
    let_time_pass()
    now = visitor.view()
    assert now.total.gross > shown.total.gross and now.lines[0].earlier_gross == shown.total.gross
    with pytest.raises(PriceChanged):
        visitor.order(shown)
    # By itself nothing is held at a price that nobody has agreed to.
    assert carts.hold_cart(visitor.shop.company_id, visitor.token, trust=Trust.STRANGER) is None
    assert not visitor.view().all_held
    assert carts.hold_cart(visitor.shop.company_id, visitor.token, trust=Trust.STRANGER, accept=True) is None
    agreed = visitor.view()
    assert agreed.all_held and agreed.lines[0].earlier_gross is None
    order = order_by_token(visitor.shop.company_id, visitor.order().token)
    assert order.price.gross == now.total.gross
    with db.reading() as session:
        item = session.exec(select(SalesOrderItem)).one()
        named = session.get_one(Configuration, item.configuration_id)
        assert named.price_list_revision_id != visitor.shop.offer.price_list_revision_id


def test_held_at_the_old_price_it_is_ordered_at_the_old_price(visitor, publish_prices: Callable[[str, str], None]):
    visitor.add()
    shown = visitor.view()
    publish_prices("2680", "3680")
    order = order_by_token(visitor.shop.company_id, visitor.order(shown).token)
    assert order.price.gross == shown.total.gross


def test_a_variant_that_cannot_be_built_any_more_is_named_and_not_ordered(visitor, publish_prices):
    """Held it can still be ordered; without the hold today's catalog decides."""
    visitor.add(gears="hub_11", drive="belt")
    shown = visitor.view()
    publish_prices("gears.hub_8 or gears.hub_11", "gears.hub_8")
    assert visitor.view().lines[0].trouble is None
    let_time_pass()
    assert visitor.view().lines[0].trouble is Trouble.CHANGED
    assert visitor.view().total is None and not visitor.view().can_be_ordered
    with pytest.raises(NotValid):
        visitor.order(shown)


def test_fewer_and_none_give_their_slots_back(visitor):
    item = visitor.add()
    visitor.quantity(item, 3)
    assert count(HeldOrder, ManufacturingOrder) == (3, 3)
    visitor.quantity(item, 1)
    assert count(HeldOrder, ManufacturingOrder) == (1, 1)
    visitor.quantity(item, 0)
    assert count(HeldOrder, ManufacturingOrder, CartItem) == (0, 0, 0)
    assert visitor.view().lines == ()


def test_an_item_is_changed_in_place(visitor):
    item = visitor.add()
    visitor.quantity(item, 2)
    assert visitor.add(replacing=item, colour="sun") == item
    line = visitor.view().lines[0]
    assert (line.quantity, line.held) == (2, 2)
    assert line.variant == visitor.shop.variant(colour="sun")
    assert count(CartItem, HeldOrder) == (1, 2)


def test_a_hold_is_renewed_once_and_what_would_begin_before_its_new_end_moves(visitor):
    visitor.add()
    later = visitor.view().held_until - timedelta(minutes=9)
    until = carts.renew_cart(visitor.shop.company_id, visitor.token, trust=Trust.STRANGER, now=later)
    view = visitor.view(now=later)
    assert (view.all_held, view.renewed, view.held_until) == (True, True, until)
    with db.reading() as session:
        assert min(o.starts_at for o in session.exec(select(ManufacturingOperation)).all()) >= until
    with pytest.raises(HoldRenewed):
        carts.renew_cart(visitor.shop.company_id, visitor.token, trust=Trust.STRANGER, now=later)


def test_a_renewed_hold_is_not_renewed_again_by_changing_the_country(visitor):
    visitor.add()
    later = utc_now() + timedelta(minutes=9)
    until = carts.renew_cart(visitor.shop.company_id, visitor.token, trust=Trust.STRANGER, now=later)
    assert carts.set_country(visitor.shop.company_id, visitor.token, "DE", trust=Trust.STRANGER) is None
    view = visitor.view()
    assert (view.country, view.renewed, view.held_until, view.all_held) == ("DE", True, until, True)


def test_another_country_at_checkout_is_dated_and_priced_anew(visitor):
    visitor.add()
    germany = visitor.view(to=ShipTo("DE"))
    assert not germany.all_held
    order = order_by_token(visitor.shop.company_id, visitor.order(germany, country="DE", postal_code="10115").token)
    assert (order.price.rate, order.zone) == ("19", "Europe/Berlin")
    assert count(Hold, HeldOrder, ManufacturingOrder) == (0, 0, 1)
    with pytest.raises(InvalidInput):
        other = Visitor(visitor.shop)
        other.add()
        other.order(country="BR", postal_code="01000-000", key="other")


@pytest.mark.parametrize("trust", [Trust.STRANGER, Trust.CUSTOMER])  # anybody can make an account
def test_where_too_much_is_held_it_is_put_in_without_a_hold_and_can_be_ordered(visitor, trust):
    configure(Settings(hold_share=0.0))
    visitor.trust = trust
    visitor.add()
    assert isinstance(visitor.refused, HoldsFull)
    view = visitor.view()
    assert view.held_until is None and not view.expired and view.can_be_ordered
    assert order_by_token(visitor.shop.company_id, visitor.order().token).arrives_on == view.last


def test_more_than_can_be_held_changes_nothing_and_says_how_many_can_be(visitor):
    visitor.trust = Trust.STRANGER
    item = visitor.add()
    before, slots = visitor.view(), count(ManufacturingOperation)
    configure(Settings(hold_share=2.0))
    with pytest.raises(TooManyToHold) as refused:
        visitor.quantity(item, 9)
    error = refused.value
    assert 1 < error.number < 9 == error.asked and error.last <= error.all_last
    assert visitor.view() == before and count(ManufacturingOperation) == slots, "what was held is held"
    visitor.quantity(item, error.number)
    assert visitor.refused is None and visitor.view().all_held
    assert visitor.view().last == error.last
    visitor.quantity(item, 9, without_hold=True)
    (line,) = visitor.view().lines
    assert (line.quantity, line.held) == (9, error.number) and visitor.refused is None
    assert visitor.view().last == error.all_last and visitor.view().can_be_ordered


def test_what_was_taken_out_is_put_back_with_its_texts_and_number_and_held_anew(visitor):
    visitor.add(colour="navy")
    item = visitor.add(engraving="DORA")
    visitor.quantity(item, 2)
    before = visitor.view()
    visitor.quantity(item, 0)
    with db.reading() as session:
        assert session.exec(select(TakenOutItem.arrives_on)).one() == max(before.lines[1].dates)
    after = visitor.view()
    assert (len(after.lines), after.taken_out.quantity) == (1, 2)
    added = carts.put_back(visitor.shop.company_id, visitor.token, trust=visitor.trust)
    view = visitor.view()
    assert added.was == added.arrives_on and view.all_held and view.taken_out is None
    assert [(line.variant, line.selection, line.quantity, line.dates) for line in view.lines] == [
        (line.variant, line.selection, line.quantity, line.dates) for line in before.lines
    ]
    with pytest.raises(NotFound):  # pressed twice, it is put back once
        carts.put_back(visitor.shop.company_id, visitor.token, trust=visitor.trust)


@pytest.mark.parametrize("then", [
    lambda visitor, item: visitor.add(),
    lambda visitor, item: visitor.quantity(item, 2),
])
def test_nothing_is_put_back_after_the_next_change_of_the_cart(visitor, then):
    item = visitor.add()
    visitor.quantity(visitor.add(colour="navy"), 0)
    then(visitor, item)
    assert visitor.view().taken_out is None


def test_what_is_held_for_an_item_does_not_stand_in_its_way_while_it_is_changed(visitor):
    with db.writing() as session:  # one such bicycle is days of a line
        session.execute(update(Line).values(speed_percent=8))
        session.execute(update(Plant).values(schedule_version=Plant.schedule_version + 1))
    forget_books()
    item, shop = visitor.add(), visitor.shop
    visitor.quantity(item, 3)
    to, variant = Destination("CN", "Asia/Shanghai"), shop.variant()
    behind = forecast(shop.offer, variant, to)
    beside = carts.books_beside(shop.company_id, visitor.token, item)
    assert forecast(shop.offer, variant, to, books=beside).completes_at < behind.completes_at
    assert forecast(shop.offer, variant, to).completes_at == behind.completes_at, "nothing was given up"
    assert visitor.view().all_held
    assert carts.books_beside(shop.company_id, "x" * 24, item) is None
    assert carts.books_beside(shop.company_id, visitor.token, item + 1) is None


def test_sent_again_it_is_the_same_order_and_a_second_tab_finds_an_empty_cart(visitor):
    visitor.add()
    shown = visitor.view()
    first = visitor.order(shown)
    assert visitor.order(shown) == first
    with pytest.raises(NotFound):
        visitor.order(shown, key="second tab")
    assert count(SalesOrder, IdempotencyKey) == (1, 1)


def test_what_changed_in_another_tab_is_not_ordered_unseen(visitor):
    item = visitor.add()
    shown = visitor.view()
    visitor.quantity(item, 2)
    with pytest.raises((PriceChanged, Outdated)):
        visitor.order(shown)
    assert count(SalesOrder) == (0,)


def test_a_cart_that_changes_between_reading_and_writing_is_not_ordered(visitor, monkeypatch):
    """The negative control takes the look under the lock away."""
    item = visitor.add()
    shown = visitor.view()
    judge = carts._units

    def meanwhile(*arguments):
        units = judge(*arguments)
        visitor.quantity(item, 2)
        return units

    monkeypatch.setattr(carts, "_units", meanwhile)
    with pytest.raises(Outdated):
        visitor.order(shown)
    assert count(SalesOrder) == (0,)
    monkeypatch.setattr(carts, "_must_be_unchanged", lambda *_: None)
    visitor.quantity(item, 1)
    visitor.order(shown, key="careless")
    assert count(SalesOrder) == (1,)


def test_nobody_changes_another_ones_cart(visitor, shop):
    item = visitor.add()
    stranger = Visitor(shop)
    stranger.add()
    with pytest.raises(NotFound):
        stranger.quantity(item, 2)
    with pytest.raises(NotFound):
        stranger.add(replacing=item)
    assert visitor.view().lines[0].quantity == 1
    assert cart_of(shop.company_id + 1, visitor.token) is None


def test_a_cart_takes_so_many_units(visitor):
    item = visitor.add()
    with pytest.raises(CartFull):
        visitor.quantity(item, carts.MOST_UNITS + 1)
    assert visitor.view().units == 1


def test_an_item_that_cannot_be_held_does_not_keep_the_others_from_it(visitor, monkeypatch):
    sun = visitor.shop.variant(colour="sun")
    real = carts.hold

    def full_for_sun(session, company_id, key, wishes, **more):
        if any(wish.variant == sun for wish in wishes):
            raise HoldsFull
        return real(session, company_id, key, wishes, **more)

    monkeypatch.setattr(carts, "hold", full_for_sun)
    visitor.add(colour="sun")
    visitor.add()
    assert isinstance(visitor.refused, HoldsFull)
    assert [line.held for line in visitor.view().lines] == [0, 1]
    assert visitor.view().held_until is not None and not visitor.view().all_held
    monkeypatch.undo()
    assert carts.hold_cart(visitor.shop.company_id, visitor.token, trust=Trust.STAFF) is None
    assert visitor.view().all_held


def test_a_cart_that_no_browser_names_any_more_is_forgotten(visitor, shop):
    visitor.add()
    let_time_pass()
    sweep()
    assert carts.forget_old(now=utc_now() + timedelta(days=59)) == 0
    assert carts.forget_old(now=utc_now() + timedelta(days=61)) == 1
    assert count(Cart, CartItem) == (0, 0)
