"""Ways of delivery: which lead to an address, at what price and for when; an order keeps the one that was chosen."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from fractions import Fraction

import pytest
from flask.testing import FlaskClient
from sqlmodel import select

from catalog.content import Text
from catalog.factory import Plant
from catalog.price import Basis, Price, TaxReason
from configurator import db
from configurator.config import Settings
from configurator.errors import DateLost, NoDate, NotFound, PriceChanged
from configurator.outbox import OutboxMail
from configurator.planning.books import book_under_lock, read_rows
from configurator.planning.models import ManufacturingOrder
from configurator.sales import delivery
from configurator.sales.carts import ShownCart, place_cart
from configurator.sales.changes import (
    NotChangeable,
    cancel_order,
    change_order,
    changeable,
    order_history,
    terms_of,
)
from configurator.sales.configurations import Selection
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
from configurator.sales.documents import order_data
from configurator.sales.mails import message_of
from configurator.sales.models import DeliveryKind, PriceBy, SalesOrder, SalesOrderItem
from configurator.sales.orders import PlacedOrder, Shown, order_by_token
from configurator.sales.redelivery import change_way, other_ways
from configurator.sales.terms import price_for
from tests.configurator.sales.conftest import BUYER, Shop
from tests.configurator.sales.test_carts import Visitor

ON_ONE = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
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
    shop: Shop, ways: dict[str, str]
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
    with pytest.raises(NotFound):
        attempt()


# --- after the order --------------------------------------------------------------------------------------------------


@pytest.fixture
def placed(shop: Shop, ways: dict[str, str]) -> PlacedOrder:
    """Two units, ordered by the usual way."""
    visitor = Visitor(shop)
    visitor.quantity(visitor.add(), 2)
    return _ordered(visitor, ShipTo("CN", "200040"))


def _other(shop: Shop, placed: PlacedOrder, code: str) -> tuple[WayOffer, Shown]:
    """A way of an order and what its page shows of it."""
    asked = other_ways(shop.company_id, placed.token)
    way = next(one for one in asked.ways if one.code == code)
    assert way.arrives_on is not None
    return way, Shown(asked.total(way).gross, way.price.currency, way.arrives_on)


def test_an_order_comes_in_another_way_at_the_price_and_day_that_were_shown(
    shop: Shop, ways: dict[str, str], placed: PlacedOrder
) -> None:
    before = order_by_token(shop.company_id, placed.token)
    way, shown = _other(shop, placed, ways["Express"])
    assert shown.arrives_on < before.arrives_on
    change_way(shop.company_id, placed.token, way.code, shown)
    change_way(shop.company_id, placed.token, way.code, shown)  # pressed twice
    after = order_by_token(shop.company_id, placed.token)
    assert after.delivery is not None and after.delivery.code == way.code
    assert (after.price.gross, after.arrives_on) == (shown.gross_minor, shown.arrives_on)
    assert [unit.price for unit in after.units] == [unit.price for unit in before.units]
    assert all(unit.progress and unit.progress.keeps_promise for unit in after.units)
    history = order_history(shop.company_id, after.id)
    assert {(move.unit, move.becomes) for move in history.moves} == {(1, shown.arrives_on), (2, shown.arrives_on)}
    with db.reading() as session:
        rows = session.exec(select(ManufacturingOrder)).all()
        templates = [mail.template for mail in session.exec(select(OutboxMail)).all()]
        plants = session.exec(select(Plant)).all()
        assert {row.carrier_code for row in rows} == {way.code}
        for plant in plants:  # what a book replays is what its rows say
            kept = {order.id: order.promise for order in book_under_lock(session, plant).book.problem.orders}
            anew = {order.id: order.promise for order in read_rows(session, plant.id or 0).problem.orders}
            assert kept == anew
    assert templates.count("delivery_changed") == 1


def test_a_unit_that_is_changed_afterwards_still_comes_in_the_chosen_way(
    shop: Shop, ways: dict[str, str], placed: PlacedOrder, unhurried: None
) -> None:
    way, shown = _other(shop, placed, ways["Express"])
    change_way(shop.company_id, placed.token, way.code, shown)
    new = shop.variant(colour="navy", gears="hub_8", drive="belt")
    asked = changeable(shop.company_id, placed.token, 2)
    terms = terms_of(asked, new)
    change_order(
        shop.company_id, placed.token, 2, Selection("bicycle"), new,
        Shown(terms.price.gross, terms.price.currency, terms.arrives_on), base=asked.base, key="change-1",
    )
    after = order_by_token(shop.company_id, placed.token)
    assert after.delivery is not None and after.delivery.code == way.code
    assert after.price.gross == sum(unit.price.gross for unit in after.units) + way.price.gross
    assert {unit.progress.carrier_name["en"] for unit in after.units if unit.progress} == {"Express"}


def test_what_was_not_shown_is_not_changed(
    shop: Shop, ways: dict[str, str], unhurried: None, placed: PlacedOrder
) -> None:
    before = order_by_token(shop.company_id, placed.token)
    shown = _other(shop, placed, ways["Express"])[1]
    with pytest.raises(PriceChanged):
        change_way(shop.company_id, placed.token, ways["Express"], replace(shown, gross_minor=shown.gross_minor - 1))
    with pytest.raises(DateLost):
        change_way(
            shop.company_id, placed.token, ways["Express"],
            replace(shown, arrives_on=shown.arrives_on - timedelta(days=1)),
        )
    with pytest.raises(NotDelivered):
        change_way(shop.company_id, placed.token, "way-999", shown)
    with pytest.raises(NotFound):
        change_way(shop.company_id + 1, placed.token, ways["Express"], shown)
    with pytest.raises(NotChangeable):  # it has left the factory
        other_ways(shop.company_id, placed.token, now=before.dispatch_at)
    cancel_order(shop.company_id, placed.token)
    with pytest.raises(NotChangeable):
        change_way(shop.company_id, placed.token, ways["Express"], shown)
    after = order_by_token(shop.company_id, placed.token)
    assert after.delivery == before.delivery and after.price.gross == before.price.gross


# --- pages ------------------------------------------------------------------------------------------------------------


def _field(page: str, name: str) -> str:
    found = re.search(rf'<input[^>]*name="{name}"[^>]*value="([^"]*)"', page)
    assert found is not None, name
    return found[1]


@ON_ONE
def test_checkout_offers_what_leads_to_the_address_and_orders_what_was_chosen(
    client: FlaskClient, shop: Shop, ways: dict[str, str]
) -> None:
    client.post("/products/bicycle/cart?lang=en")
    page = client.get("/cart/checkout?lang=en").text
    assert all(code in page for name, code in ways.items() if name != "Truck") and ways["Truck"] not in page
    typed = {
        "name": "Li Lei", "mail": "li@example.com", "street": "Road 1", "city": "Shanghai", "country": "CN",
        "postal_code": "200040", "key": "k" * 20, "way": ways["Truck"],
    }
    looked = client.post("/cart/checkout", data=typed | {"look": "1"})  # without a script
    assert looked.status_code == 200 and ways["Truck"] in looked.text and "Li Lei" in looked.text
    with db.reading() as session:
        assert session.exec(select(SalesOrder)).all() == []
    shown = {name: _field(looked.text, name) for name in ("shown_gross", "shown_currency", "shown_date")}
    away = client.post("/cart/checkout", data=typed | shown | {"postal_code": "518052"})
    assert away.status_code == 422 and "does not lead to the address" in away.text and "Li Lei" in away.text
    done = client.post("/cart/checkout", data=typed | shown)
    assert done.status_code == 303
    with db.reading() as session:
        order = session.exec(select(SalesOrder)).one()
    assert (order.delivery_way_id, str(order.gross_minor)) == (
        int(ways["Truck"].removeprefix("way-")), shown["shown_gross"]
    )
    tracked = client.get(done.location).text
    assert "Truck" in tracked and f"{done.location}/delivery" in tracked
    assert client.get(f"{done.location}/pdf").status_code == 200


@ON_ONE
@pytest.mark.parametrize("deliveries", ["apart", "together"])
def test_a_way_says_the_days_of_all_parts_where_each_comes_by_itself(
    client: FlaskClient, shop: Shop, ways: dict[str, str], deliveries: str
) -> None:
    for colour in ("navy", "sky"):
        client.post(f"/products/bicycle/cart?colour={colour}&ship-to=CN")
    with db.writing() as session:
        order = session.exec(select(ManufacturingOrder)).first()
        assert order is not None
        for name in ("promise_at", "dispatch_at", "arrives_on"):
            setattr(order, name, getattr(order, name) + timedelta(days=7))
    client.post("/cart/deliveries", data={"deliveries": deliveries})
    page = client.get("/cart/checkout?lang=en").text
    said = re.findall(r"ready for you on ([^<]*)", page)
    assert len(said) == 1 and (" to " in said[0]) is (deliveries == "apart")


@ON_ONE
def test_where_no_way_leads_the_page_says_so_and_what_to_do(client: FlaskClient, shop: Shop) -> None:
    state_way(shop.company_id, TRUCK, by=None)
    client.post("/products/bicycle/cart?lang=en")
    assert "Fill in the postal code" in client.get("/cart/checkout").text
    page = client.get("/cart/checkout/terms?country=CN&postal_code=518052").text
    assert "None of our ways of delivery leads to this address." in page and "write to us" in page
    assert "Truck" in client.get("/cart/checkout/terms?country=CN&postal_code=200040").text
    assert "leads to this country" in client.post("/cart/country", data={"country": "DE"}, follow_redirects=True).text


@ON_ONE
def test_the_page_of_an_order_changes_its_way(
    client: FlaskClient, shop: Shop, ways: dict[str, str], placed: PlacedOrder
) -> None:
    address = f"/orders/{placed.token}/delivery"
    page = client.get(f"{address}?lang=en").text
    assert "as ordered" in page and "days earlier" in page
    shown = _field(page, "shown")
    wrong = client.post(address, data={"way": "way-999", "shown": shown})
    assert wrong.status_code == 422 and "choose one of these" in wrong.text
    old = shown.replace(f"{ways['Express']}=", f"{ways['Express']}=1")
    assert client.post(address, data={"way": ways["Express"], "shown": old}).status_code == 409
    assert client.post(address, data={"way": ways["Express"], "shown": "nonsense"}).status_code == 422
    assert client.post(address, data={"way": ways["Express"], "shown": shown}).status_code == 303
    assert order_by_token(shop.company_id, placed.token).delivery.name.en == "Express"  # type: ignore[union-attr]
    assert client.get(f"/orders/{'x' * 22}/delivery").status_code == 404


@ON_ONE
def test_what_is_fetched_says_where_and_what_comes_in_parts_says_when(
    client: FlaskClient, shop: Shop, ways: dict[str, str], placed: PlacedOrder, settings: Settings
) -> None:
    way, shown = _other(shop, placed, ways["Pick-up"])
    change_way(shop.company_id, placed.token, way.code, shown)
    with db.writing() as session:
        item = session.exec(select(SalesOrderItem)).first()
        assert item is not None
        item.arrives_on = shown.arrives_on - timedelta(days=1)
    page = client.get(f"/orders/{placed.token}?lang=en").text
    assert "To be fetched at" in page and "Goes to" not in page and "In 2 parts:" in page
    order = order_by_token(shop.company_id, placed.token)
    with db.reading() as session:
        mail = session.exec(select(OutboxMail).where(OutboxMail.template == "order_confirmation")).one()
    message = message_of(mail, settings)
    assert message is not None
    body = message.get_body()
    assert body is not None
    facts = [(fact["label"], fact["value"]) for fact in order_data(order, settings, "zh")["facts"]]
    assert order.fetched_at
    for plant, where in order.fetched_at:  # of both, where both plants make some of it
        assert where is not None and where["en"] in page
        assert where["zh"] in body.get_content() and ("提货地点", f"{plant['zh']}, {where['zh']}") in facts
    assert "分 2 批交付" in body.get_content() and "您的地址" in body.get_content()


STATED = {
    "kind": "own", "name_en": "Van", "name_zh": "货车", "country": "CN", "postal_prefixes": "20，21 2200",
    "transit_days": "2", "cutoff": "14:30", "working_days": ["mon", "fri"], "currency": "CNY", "price_by": "value",
    "steps": "0 60\n2000: 12.50\n",
}


@ON_ONE
def test_an_administrator_adds_changes_and_retires_a_way(login: Callable[..., FlaskClient], shop: Shop) -> None:
    admin = login("administrator")
    assert "No way of delivery is stated yet" in admin.get("/admin/delivery/?lang=en").text
    assert admin.post("/admin/delivery/new", data=STATED).status_code == 303
    (way,) = delivery.all_ways(shop.company_id)
    assert (way.prefixes, way.working_days, way.steps) == (
        ("20", "21", "2200"), ("mon", "fri"), ((Fraction(0), Fraction(60)), (Fraction(2000), Fraction(25, 2)))
    )
    again = admin.get(f"/admin/delivery/{way.id}").text
    assert "2000 12.5" in again and "20 21 2200" in again
    assert admin.post(f"/admin/delivery/{way.id}", data=STATED | {"transit_days": "0"}).status_code == 303
    assert delivery.way_by_id(shop.company_id, way.id).transit_days == 0
    admin.post(f"/admin/delivery/{way.id}/retire")
    assert delivery.ways_of(shop.company_id).stated == ()
    admin.post(f"/admin/delivery/{way.id}/resume")
    assert len(delivery.ways_of(shop.company_id).stated) == 1
    assert admin.get("/admin/delivery/999").status_code == 404


@pytest.mark.parametrize(("field", "value", "said"), [
    ("name_en", "", "fill this in"), ("country", "XX", "Not a valid choice"), ("postal_prefixes", "2*", "letters and"),
    ("transit_days", "91", "from 0 to 90"), ("cutoff", "24:00", "17:00"), ("working_days", [], "at least one day"),
    ("currency", "yuan", "Three letters"), ("steps", "0 60\nfree", "Line 2"), ("steps", "5 60", "line for 0"),
    ("steps", "0 60\n0 50", "Line 2"), ("steps", "0 -60", "Line 1"),
])
@ON_ONE
def test_wrong_input_is_named_and_kept(
    login: Callable[..., FlaskClient], shop: Shop, field: str, value: object, said: str
) -> None:
    answer = login("administrator").post("/admin/delivery/new?lang=en", data=STATED | {field: value})
    assert answer.status_code == 422 and said in answer.text
    assert field == "name_zh" or "货车" in answer.text
    assert delivery.all_ways(shop.company_id) == ()
