"""After an order of several units, or one that waits for a deposit: one unit is changed, all are cancelled."""

from __future__ import annotations

import email
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from email import policy
from pathlib import Path
from threading import Barrier

import pytest
from sqlmodel import select

from catalog.rows import utc_now
from configurator import db
from configurator.config import Settings
from configurator.outbox import OutboxMail
from configurator.planning.books import current_books, forget_books
from configurator.planning.decoupling import TooLate
from configurator.planning.models import (
    EventKind,
    HeldOrder,
    Hold,
    ManufacturingOperation,
    ManufacturingOrder,
    ScheduleEvent,
)
from configurator.planning.reports import start_operation
from configurator.sales import carts, payment_terms, payments
from configurator.sales.changes import (
    AwaitsDeposit,
    NotChangeable,
    cancel_order,
    cancel_until,
    change_order,
    changeable,
    order_history,
    terms_of,
)
from configurator.sales.configurations import Selection
from configurator.sales.dates import LASTS, watch_dates
from configurator.sales.mails import send_due_mails
from configurator.sales.models import DateMove, Deliveries, DepositState, ItemRevision, OrderState, SalesOrder
from configurator.sales.orders import OrderView, Shown, order_by_token
from configurator.sales.payments import lapse
from configurator.sales.terms import cost_of
from solver.configuration.problem import Variant
from tests.configurator.sales.test_carts import Visitor
from tests.configurator.sales.test_payments import dated
from tests.configurator.sales.test_payments import settings as deposit_settings


def rows(table):
    with db.reading() as session:
        return session.exec(select(table)).all()


def view_of(shop, order: OrderView) -> OrderView:
    return order_by_token(shop.company_id, order.token)


@pytest.fixture
def pair(shop, unhurried) -> OrderView:
    """An order of two equal bicycles, each delivered by itself, of which nothing is made or frozen within the hour."""
    visitor = Visitor(shop)
    visitor.quantity(visitor.add(), 2)
    carts.set_deliveries(shop.company_id, visitor.token, Deliveries.APART)
    return order_by_token(shop.company_id, visitor.order().token)


@pytest.fixture
def waiting(shop, unhurried) -> OrderView:
    """An order that waits for its deposit."""
    payment_terms.configure(deposit_settings())
    variant = shop.variant()
    return order_by_token(shop.company_id, shop.order(variant, shown=dated(shop, variant)).token)


def change(shop, order: OrderView, number: int, variant: Variant, key: str = "change-1"):
    asked = changeable(shop.company_id, order.token, number)
    terms = terms_of(asked, variant)
    at = Shown(terms.price.gross, terms.price.currency, terms.arrives_on)
    return change_order(
        shop.company_id, order.token, number, Selection("bicycle"), variant, at, base=asked.base, key=key
    )


def books_follow_the_rows() -> bool:
    """Whether the book that followed the events is the one that the rows make."""
    company_id = rows(SalesOrder)[0].company_id
    followed = [dict(book.book.placements) for book in current_books(company_id)]
    forget_books()
    return followed == [dict(book.book.placements) for book in current_books(company_id)]


# --- one unit is changed ----------------------------------------------------------------------------------------------


def test_a_changed_unit_has_its_own_price_and_date_and_the_order_their_sum_and_the_last(shop, pair) -> None:
    current_books(shop.company_id)
    new = shop.variant(drive="belt", gears="hub_8")
    terms = terms_of(changeable(shop.company_id, pair.token, 2), new)
    change(shop, pair, 2, new)
    after = view_of(shop, pair)
    assert after.units[0] == pair.units[0]
    assert after.units[1].variant == new
    assert (after.units[1].price.gross, after.units[1].arrives_on) == (terms.price.gross, terms.arrives_on)
    assert after.units[1].price.gross != pair.units[1].price.gross
    assert after.units[1].progress.arrives_on == terms.arrives_on
    assert [alike for _, alike in after.groups] == [1, 1]
    assert after.price.gross == sum(unit.price.gross for unit in after.units)
    assert (after.price.net, after.price.tax) == (
        sum(unit.price.net for unit in after.units), sum(unit.price.tax for unit in after.units))
    assert after.arrives_on == max(unit.arrives_on for unit in after.units)
    (order,) = rows(SalesOrder)
    assert order.cost_minor == cost_of(shop.offer, pair.variant) + cost_of(shop.offer, new)
    (revision,) = order_history(shop.company_id, after.id).revisions
    assert (revision.unit, revision.number, revision.choices, revision.price, revision.arrives_on) == (
        2, 1, pair.units[1].choices, pair.units[1].price, pair.units[1].arrives_on)
    assert books_follow_the_rows()


def test_units_of_an_order_are_changed_at_once_without_losing_one(shop, pair) -> None:
    barrier = Barrier(2)
    variants = [shop.variant(colour="navy", gears="hub_8", drive="belt"), shop.variant(gears="derailleur_8")]
    asked = [changeable(shop.company_id, pair.token, number) for number in (1, 2)]
    found = [terms_of(one, variant) for one, variant in zip(asked, variants, strict=True)]

    def one(place: int):
        later = found[place].arrives_on + timedelta(days=30)
        shown = Shown(found[place].price.gross, found[place].price.currency, later)
        barrier.wait(timeout=30)
        return change_order(
            shop.company_id, pair.token, place + 1, Selection("bicycle"), variants[place], shown,
            base=asked[place].base, key=f"tab-{place}",
        )

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(one, range(2)))
    after = view_of(shop, pair)
    assert [unit.variant for unit in after.units] == variants
    assert after.price.gross == sum(terms.price.gross for terms in found)
    assert len(rows(ItemRevision)) == 2
    assert books_follow_the_rows()


@pytest.mark.parametrize("locale", ["zh", "en"])
def test_the_letter_about_a_change_is_about_the_changed_unit(shop, pair, settings: Settings, locale: str) -> None:
    change(shop, pair, 1, shop.variant(colour="sun"), "change-1")
    with db.writing() as session:
        for mail in session.exec(select(OutboxMail)).all():
            session.delete(mail)
        session.exec(select(SalesOrder)).one().locale = locale
    change(shop, pair, 2, shop.variant(colour="navy"), "change-2")
    assert send_due_mails(settings) == 1
    (file,) = Path(settings.folder).glob("mails/*.eml")
    letter = email.message_from_bytes(file.read_bytes(), policy=policy.default)
    body = letter.get_body(("plain",)).get_content()
    navy, sky, sun = {"zh": ("海军蓝", "天空蓝", "向日葵黄"), "en": ("Navy", "Sky blue", "Sunflower")}[locale]
    (line,) = [line for line in body.splitlines() if navy in line]
    assert sky in line and sun not in body
    assert any(line.startswith("2. ") for line in body.splitlines())


def test_a_late_unit_is_told_by_its_number(shop, pair) -> None:
    late = changeable(shop.company_id, pair.token, 2).manufacturing_order_id
    with db.writing() as session:
        for row in session.exec(select(ManufacturingOperation)).all():
            if row.order_id == late and row.operation == "pack":
                row.ends_at += timedelta(days=20)
                session.get_one(ManufacturingOrder, late).completes_at = row.ends_at
    now = utc_now()
    watch_dates(now=now)
    assert watch_dates(now=now + LASTS + timedelta(minutes=1)) == 1
    (move,) = order_history(shop.company_id, pair.id).moves
    assert (move.unit, move.was, move.promised) == (2, pair.units[1].arrives_on, pair.units[1].arrives_on)
    assert len(rows(DateMove)) == 1


# --- all are cancelled ------------------------------------------------------------------------------------------------


def test_cancelling_gives_the_slots_of_every_unit_back_in_one_event(shop, pair) -> None:
    before = current_books(shop.company_id)
    numbers = {unit.progress.number for unit in pair.units}
    assert {key.partition("/")[0] for book in before for key in book.book.placements} == numbers
    cancel_order(shop.company_id, pair.token)
    after = view_of(shop, pair)
    assert after.state == OrderState.CANCELLED
    assert [unit.progress.operations for unit in after.units] == [(), ()]
    assert rows(ManufacturingOperation) == []
    assert [dict(book.book.placements) for book in current_books(shop.company_id)] == [{} for _ in before]
    assert books_follow_the_rows()
    gone = [number for event in rows(ScheduleEvent) if event.kind == EventKind.RELEASED
            for number in event.data["numbers"]]  # fmt: skip
    assert sorted(gone) == sorted(numbers)


def test_an_order_of_which_one_unit_has_begun_is_not_cancelled_and_keeps_the_other(shop, pair) -> None:
    first = min(rows(ManufacturingOperation), key=lambda row: (row.starts_at, row.id))
    start_operation(shop.company_id, first.id, now=first.starts_at)
    assert cancel_until(shop.company_id, pair.token)[1] is False
    with pytest.raises(TooLate):
        cancel_order(shop.company_id, pair.token)
    after = view_of(shop, pair)
    assert after.state == OrderState.CONFIRMED and all(unit.progress.operations for unit in after.units)


# --- deposits ---------------------------------------------------------------------------------------------------------


def test_an_order_that_waits_for_its_deposit_is_not_changed_but_can_be_cancelled(shop, waiting) -> None:
    with pytest.raises(AwaitsDeposit):
        change(shop, waiting, 1, shop.variant(colour="navy"))
    assert cancel_until(shop.company_id, waiting.token)[1] is True
    cancel_order(shop.company_id, waiting.token)
    after = view_of(shop, waiting)
    assert (after.state, after.deposit.state, after.deposit.waived) == (
        OrderState.CANCELLED, DepositState.LAPSED, True)
    assert rows(Hold) == rows(HeldOrder) == rows(ManufacturingOperation) == []
    assert books_follow_the_rows()
    assert lapse(now=waiting.deposit.due_at + timedelta(days=9)) == 0  # it is not cancelled a second time
    assert [mail.template for mail in rows(OutboxMail)] == ["order_confirmation", "order_cancelled"]


def test_an_order_whose_deposit_is_here_can_be_changed_and_cancelled(shop, waiting, seller) -> None:
    payments.mark_received(shop.company_id, waiting.id, by=seller)
    change(shop, waiting, 1, shop.variant(colour="navy"))
    assert view_of(shop, waiting).units[0].variant == shop.variant(colour="navy")
    cancel_order(shop.company_id, waiting.token)
    after = view_of(shop, waiting)
    assert (after.state, after.deposit.state, after.deposit.waived) == (
        OrderState.CANCELLED, DepositState.RECEIVED, False)


def test_an_order_whose_deposit_did_not_come_is_neither_changed_nor_cancelled(shop, waiting) -> None:
    lapse(now=waiting.deposit.due_at + timedelta(hours=2))
    with pytest.raises(NotChangeable):
        changeable(shop.company_id, waiting.token, 1)
    assert cancel_until(shop.company_id, waiting.token) == (None, False)
    cancel_order(shop.company_id, waiting.token)  # it is cancelled already
    assert [mail.template for mail in rows(OutboxMail)] == ["order_confirmation", "deposit_lapsed"]
    assert not view_of(shop, waiting).deposit.waived


@pytest.mark.parametrize("received", [True, False])
def test_the_letter_about_a_cancelled_order_says_what_becomes_of_the_deposit(
    shop, waiting, seller, settings: Settings, received: bool
) -> None:
    if received:
        payments.mark_received(shop.company_id, waiting.id, by=seller)
    cancel_order(shop.company_id, waiting.token)
    with db.writing() as session:
        for mail in session.exec(select(OutboxMail)).all():
            mail.locale = "en"
    send_due_mails(settings)
    (text,) = [text for text in letters(settings) if "As you wished" in text]
    assert ("back to you, to the account" in text, "do not pay the deposit" in text) == (received, not received)


def letters(settings: Settings) -> list[str]:
    return [
        email.message_from_bytes(file.read_bytes(), policy=policy.default).get_body(("plain",)).get_content()
        for file in Path(settings.folder).glob("mails/*.eml")
    ]


# --- pages ------------------------------------------------------------------------------------------------------------


def test_the_order_page_offers_to_change_each_unit_and_the_change_page_names_it(client, shop, pair) -> None:
    address = f"/orders/{pair.token}"
    page = client.get(f"{address}?lang=en").text
    assert {"Change unit 1", "Change unit 2", "Cancel this order"} <= set(re.findall(r">(C[^<]*)<", page))
    assert page.count("/items/1/again") == 1 and "/items/2/again" not in page  # they are equal
    assert "Unit 2 of 2: " in client.get(f"{address}/items/2/change?lang=en").text
    change(shop, pair, 2, shop.variant(colour="navy"))
    page = client.get(f"{address}?lang=en").text
    assert "/items/2/again" in page and "Change unit" not in page  # each has a card of its own now
    assert "Before it was changed" in page and re.search(r"<summary><span[^>]*>2\. ", page)


@pytest.mark.parametrize(("deed", "buyer", "sales"), [
    ("none", ["Once the deposit is here, it can be changed.", "Cancel this order"], ["Mark as received"]),
    ("cancel", ["no longer asked for", "If you have paid already"], ["no longer asked for", "Cancelled by the"]),
    ("pay", ["Change this order", "We pay your deposit back."], ["marked the deposit as received."]),
    ("pay and cancel", ["It goes to the account that you"], ["to be paid back", "Cancelled by the customer."]),
    ("lapse", ["did not come in time"], ["Cancelled: the deposit did not come in time."]),
])
def test_buyer_and_sales_see_what_becomes_of_an_order_that_waits(
    client, login, shop, waiting, seller, deed: str, buyer: list[str], sales: list[str]
) -> None:
    if "pay" in deed:
        payments.mark_received(shop.company_id, waiting.id, by=seller)
    if "cancel" in deed:
        cancel_order(shop.company_id, waiting.token)
    if deed == "lapse":
        lapse(now=waiting.deposit.due_at + timedelta(hours=2))
    page = client.get(f"/orders/{waiting.token}?lang=en")
    desk = login("sales").get(f"/sales/orders/{waiting.id}?lang=en")
    assert (page.status_code, desk.status_code) == (200, 200)
    assert [words for words in buyer if words not in page.text] == []
    assert [words for words in sales if words not in desk.text] == []
    assert ("/items/1/change" in page.text) == (deed == "pay")
    change_page = client.get(f"/orders/{waiting.token}/items/1/change?lang=en")
    assert change_page.status_code == (409 if deed == "lapse" else 200)
    assert ("waits for its deposit" in change_page.text) == (deed == "none")
    assert client.get(f"/orders/{waiting.token}/pdf").status_code == 200
