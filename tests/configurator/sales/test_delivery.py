"""Ways of delivery: which lead to an address, at what price and for when; an order keeps the one that was chosen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction

import pytest
from sqlmodel import select

from catalog.content import Text
from catalog.price import Basis, Price, TaxReason
from configurator import db
from configurator.errors import DateLost, NoDate, PriceChanged
from configurator.planning.models import ManufacturingOrder
from configurator.sales import delivery
from configurator.sales.carts import ShownCart, place_cart
from configurator.sales.delivery import (
    NotDelivered,
    ShipTo,
    StatedWay,
    Way,
    WayOffer,
    Ways,
    cheapest_and_soonest,
    kilograms_of,
    retire_way,
    state_way,
)
from configurator.sales.models import DeliveryKind, PriceBy, SalesOrder
from configurator.sales.orders import PlacedOrder, Shown, order_by_token
from configurator.sales.terms import price_for
from tests.configurator.sales.conftest import BUYER, Shop
from tests.configurator.sales.test_carts import Visitor

WEEK = ["mon", "tue", "wed", "thu", "fri"]
STANDARD = StatedWay(
    DeliveryKind.CARRIER, {"zh": "标准", "en": "Standard"}, "CN", [], 3, "16:00", WEEK, "CNY", PriceBy.VALUE,
    [["0", "90"], ["20000", "0"]],
)
EXPRESS = replace(STANDARD, name={"zh": "特快", "en": "Express"}, transit_days=1, steps=[["0", "260.50"]])
TRUCK = replace(
    STANDARD, kind=DeliveryKind.OWN, name={"zh": "货车", "en": "Truck"}, postal_prefixes=["20", "21"], transit_days=2,
    steps=[["0", "180"]],
)
PICKUP = replace(
    STANDARD, kind=DeliveryKind.PICKUP, name={"zh": "自提", "en": "Pick-up"}, transit_days=0, steps=[["0", "0"]]
)
GOODS = Price((), 10000, 1300, 11300, "13", TaxReason.STANDARD, Basis.NET, "CNY", 2)


def _way(stated: StatedWay, number: int = 1) -> Way:
    return Way(
        number, stated.kind, Text(**stated.name), stated.country, tuple(stated.postal_prefixes), stated.transit_days,
        stated.cutoff, tuple(stated.working_days), stated.currency, stated.price_by,
        tuple((Fraction(least), Fraction(price)) for least, price in stated.steps),
    )


@pytest.fixture
def ways(shop: Shop) -> dict[str, str]:
    """Name -> code of the ways that the shop states."""
    return {
        stated.name["en"]: f"way-{state_way(shop.company_id, stated, by=None)}"
        for stated in (STANDARD, EXPRESS, TRUCK, PICKUP)
    }


@pytest.mark.parametrize(("postal_code", "leads"), [
    ("200040", True), ("21 0000", True), ("２１0000", True), ("310000", False), ("", False), ("120", False),
])
def test_a_region_is_where_postal_codes_begin_so(postal_code: str, leads: bool) -> None:
    assert _way(TRUCK).leads_to("CN", postal_code) is leads
    assert not _way(TRUCK).leads_to("DE", postal_code)
    assert _way(STANDARD).leads_to("CN", postal_code)


@pytest.mark.parametrize(("gross", "net"), [(0, 9000), (1_999_999, 9000), (2_000_000, 0), (9_000_000, 0)])
def test_a_price_goes_by_the_value_of_the_goods_and_is_taxed_like_them(gross: int, net: int) -> None:
    price = _way(STANDARD).price(replace(GOODS, gross=gross), None)
    assert price is not None
    assert (price.net, price.tax, price.gross) == (net, net * 13 // 100, net + net * 13 // 100)
    with_tax = _way(STANDARD).price(replace(GOODS, gross=gross, basis=Basis.GROSS), None)
    assert with_tax is not None and with_tax.gross == net


def test_a_price_by_weight_needs_a_weight_and_one_currency() -> None:
    by_weight = _way(replace(STANDARD, price_by=PriceBy.WEIGHT, steps=[["0", "10"], ["20", "35.5"]]))
    assert [by_weight.price(GOODS, Fraction(kilograms)) for kilograms in ("19.9", "20")] == [
        replace(GOODS, items=price.items, net=net, tax=tax, gross=net + tax)
        for net, tax, price in ((1000, 130, by_weight.price(GOODS, Fraction(1))),
                                (3550, 462, by_weight.price(GOODS, Fraction(99)))) if price
    ]
    assert by_weight.price(GOODS, None) is None
    assert by_weight.price(replace(GOODS, currency="EUR"), Fraction(1)) is None


def test_a_product_says_its_weight_by_a_quantity(shop: Shop) -> None:
    assert kilograms_of([(shop.offer, shop.variant())]) is None  # the bicycle does not say


def test_only_what_leads_to_the_address_is_offered_the_usual_first_and_fetching_last(
    shop: Shop, ways: dict[str, str]
) -> None:
    visitor = Visitor(shop)
    visitor.add()
    names = [one.name.en for one in visitor.view(to=ShipTo("CN", "200040")).ways]
    assert names == ["Standard", "Truck", "Express", "Pick-up"]
    assert [one.name.en for one in visitor.view(to=ShipTo("CN", "518052")).ways] == ["Standard", "Express", "Pick-up"]
    nowhere = visitor.view(to=ShipTo("DE"))
    assert nowhere.ways == () and not nowhere.delivered and not nowhere.can_be_ordered
    for code in ways.values():
        retire_way(shop.company_id, int(code.removeprefix("way-")), retired=True, by=None)
    again = visitor.view(to=ShipTo("DE"))  # nothing is stated any more: the plants' carriers bring everything
    assert again.delivered and again.can_be_ordered and again.way is None


def test_the_cheapest_and_the_soonest_are_marked_by_price_and_date(shop: Shop, ways: dict[str, str]) -> None:
    visitor = Visitor(shop)
    visitor.add()
    offers = visitor.view(to=ShipTo("CN", "200040")).ways
    cheapest, soonest = cheapest_and_soonest(offers)
    assert cheapest is not None and soonest is not None
    assert cheapest.name.en == soonest.name.en == "Pick-up"
    brought = [one for one in offers if one.kind is not DeliveryKind.PICKUP]
    cheapest, soonest = cheapest_and_soonest(brought)
    assert cheapest is not None and soonest is not None
    assert (cheapest.name.en, soonest.name.en) == ("Standard", "Express")
    days = [one.arrives_on for one in brought]
    assert None not in days and days[0] > days[1] > days[2]  # type: ignore[operator]
    assert cheapest_and_soonest(brought[:1]) == (None, None)


def _ordered(visitor: Visitor, to: ShipTo, **changes: object) -> PlacedOrder:
    view = visitor.view(to=to)
    assert view.total is not None
    shown = ShownCart(view.total.gross, view.total.currency, view.promised())
    said: dict[str, object] = {"buyer": replace(BUYER, postal_code=to.postal_code), "shown": shown, "way": to.way}
    return place_cart(
        visitor.shop.company_id, visitor.token, scope="test", key="key-1", request={}, **(said | changes)  # type: ignore[arg-type]
    )


@pytest.mark.parametrize("name", ["Standard", "Express", "Pick-up"])
def test_what_is_held_is_ordered_by_the_chosen_way_in_the_slots_that_it_has(
    shop: Shop, ways: dict[str, str], name: str
) -> None:
    visitor = Visitor(shop)
    visitor.quantity(visitor.add(), 2)
    view = visitor.view(to=ShipTo("CN", "200040", ways[name]))
    assert view.way is not None and view.total is not None and view.all_held
    goods = 2 * price_for(shop.offer, shop.variant(), "CN").gross
    assert view.total.gross == goods + view.way.price.gross
    with db.reading() as session:
        before = {row.id: row.completes_at for row in session.exec(select(ManufacturingOrder)).all()}
    placed = _ordered(visitor, ShipTo("CN", "200040", ways[name]))
    order = order_by_token(shop.company_id, placed.token)
    assert (order.price.gross, order.arrives_on) == (view.total.gross, view.last)
    assert order.delivery is not None
    assert (order.delivery.code, order.delivery.name.en) == (ways[name], name)
    with db.reading() as session:
        rows = session.exec(select(ManufacturingOrder)).all()
        assert {row.id: row.completes_at for row in rows} == before
        assert {row.carrier_code for row in rows} == {ways[name]}
        for row in rows:  # the book may move it up to its own cut-off, and no further
            assert row.work_order["promise"] == int(row.dispatch_at.timestamp())
    with db.reading() as session:
        row = session.exec(select(SalesOrder)).one()
        assert row.gross_minor == goods + row.delivery_gross_minor


def test_a_price_that_was_shown_without_the_delivery_is_not_taken(shop: Shop, ways: dict[str, str]) -> None:
    visitor = Visitor(shop)
    visitor.add()
    to = ShipTo("CN", "200040", ways["Express"])
    usual = visitor.view(to=replace(to, way=ways["Standard"]))
    assert usual.total is not None
    shown = ShownCart(usual.total.gross, usual.total.currency, usual.promised())
    with pytest.raises(PriceChanged):
        _ordered(visitor, to, shown=shown)
    express = visitor.view(to=to)
    assert express.total is not None
    with pytest.raises(DateLost):  # the express day at the usual way's speed
        _ordered(visitor, replace(to, way=ways["Standard"]),
                 shown=ShownCart(usual.total.gross, usual.total.currency, express.promised()))


def test_a_way_that_does_not_lead_there_or_is_retired_is_refused(shop: Shop, ways: dict[str, str]) -> None:
    visitor = Visitor(shop)
    visitor.add()
    away = ShipTo("CN", "518052", ways["Truck"])
    with pytest.raises(NotDelivered):
        _ordered(visitor, away)
    retire_way(shop.company_id, int(ways["Express"].removeprefix("way-")), retired=True, by=None)
    with pytest.raises(NotDelivered):
        _ordered(visitor, ShipTo("CN", "200040", ways["Express"]))
    with db.reading() as session:
        assert session.exec(select(SalesOrder)).all() == []


def test_one_variant_is_ordered_by_the_chosen_way_too(shop: Shop, ways: dict[str, str]) -> None:
    variant = shop.variant()
    with pytest.raises(PriceChanged):  # the delivery is not in what was shown
        shop.order(variant, way=ways["Express"])
    price = price_for(shop.offer, variant, "CN")
    express = delivery.ways_of(shop.company_id).leading_to("CN", "", price, None)
    cost = next(one.price.gross for one in express if one.code == ways["Express"])
    day = shop.shown(variant).arrives_on
    placed = shop.order(variant, way=ways["Express"], shown=Shown(price.gross + cost, "CNY", day))
    order = order_by_token(shop.company_id, placed.token)
    assert order.delivery is not None and order.delivery.code == ways["Express"]
    assert [item.id for item in order.price.items][-1] == "delivery"


def test_before_an_address_is_known_dates_are_those_of_the_usual_way(
    shop: Shop, ways: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = delivery.ways_of(shop.company_id)
    assert found.standard("CN").by is not None and found.standard("CN").by.code == ways["Standard"]  # type: ignore[union-attr]
    with pytest.raises(NoDate):
        shop.shown_by(found.standard("DE"))  # some are stated, and none of them leads there
    assert Ways(()).standard("DE").by is None
    only = Ways((_way(TRUCK, 7),))
    assert only.standard("CN").by.code == "way-7"  # type: ignore[union-attr]
    assert only.anywhere_in("CN", GOODS, None) == (WayOffer(_way(TRUCK, 7), _way(TRUCK).price(GOODS, None)),)  # type: ignore[arg-type]


def test_nobody_states_or_retires_the_ways_of_another_company(shop: Shop, ways: dict[str, str]) -> None:
    number = int(ways["Express"].removeprefix("way-"))
    for attempt in (
        lambda: retire_way(shop.company_id + 1, number, retired=True, by=None),
        lambda: state_way(shop.company_id + 1, STANDARD, way_id=number, by=None),
        lambda: delivery.way_by_id(shop.company_id + 1, number),
    ):
        _refused(attempt)
    assert delivery.way_by_id(shop.company_id, number).name.en == "Express"


def _refused(attempt: Callable[[], object]) -> None:
    from configurator.errors import NotFound

    with pytest.raises(NotFound):
        attempt()
