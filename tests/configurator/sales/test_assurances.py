"""An order that waits for one thing waits for another: its slots and its promise follow, and nothing is kept twice."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from threading import Barrier, Thread

import pytest
from sqlmodel import col, select

from catalog.rows import utc_now
from configurator import db
from configurator.errors import DateLost, NotFound, StateRefused
from configurator.planning.books import current_books, forget_books
from configurator.planning.models import HeldOrder, Hold, ManufacturingOperation, ManufacturingOrder
from configurator.sales import payment_terms, payments
from configurator.sales.address_checks import MOST_SENDS, LinkReplaced, confirm, lapse_unconfirmed, linked
from configurator.sales.assurances import EXCHANGED, Exchange, ShownExchange, exchange, exchange_of
from configurator.sales.carts import Trust, set_deliveries
from configurator.sales.changes import cancel_order, order_history
from configurator.sales.models import AddressCheck, Deliveries, Deposit, OrderState, Refund
from configurator.sales.orders import order_by_token
from configurator.sales.payment_terms import TO_CONFIRM, Assurance, DepositChanged
from configurator.sales.payments import TestDeed, act, called_back, lapse, mark_received
from configurator.sales.providers import Notice, Outcome, TestProvider
from tests.configurator.planning.test_clock import judged
from tests.configurator.sales.test_address_checks import link_of, shown
from tests.configurator.sales.test_carts import Visitor
from tests.configurator.sales.test_payments import SECRET, mails, rows, settings


@pytest.fixture
def database_kind(request: pytest.FixtureRequest) -> str:
    """The two databases differ in the race only."""
    return getattr(request, "param", "sqlite")


@pytest.fixture(autouse=True)
def _of_guests(shop) -> None:
    payment_terms.configure(settings(deposit_from=0, guest_deposit_from=1000))


def ordered(shop, assurance: Assurance = Assurance.ADDRESS):
    return order_by_token(shop.company_id, shop.order(shown=shown(shop, assurance)).token)


def seen(offered: Exchange) -> ShownExchange:
    """What a page that offers this says with its button."""
    return ShownExchange(offered.assurance, offered.asked.amount_minor, offered.arrives_on)


def exchanged(shop, order):
    """Press the button of the order's page; the order after it."""
    exchange(shop.company_id, order.token, seen(exchange_of(shop.company_id, order.token)))
    return order_by_token(shop.company_id, order.token)


def begins():
    return min(row.starts_at for row in rows(ManufacturingOperation))


def faults(shop):
    """What the judge finds in the plants' schedules as they are written, and that the books differ from them."""
    forget_books()
    books = {str(key) for book in current_books(shop.company_id) for key in book.book.placements}
    with db.reading() as session:
        named = session.exec(
            select(ManufacturingOrder.number, ManufacturingOperation.operation)
            .join(ManufacturingOperation, col(ManufacturingOperation.order_id) == ManufacturingOrder.id)
        ).all()
    return [*judged(shop.company_id, utc_now()), *books.symmetric_difference("/".join(one) for one in named)]


def test_a_deposit_instead_of_the_address_begins_after_its_last_day_and_back_comes_sooner(shop):
    order = ordered(shop)
    offered = exchange_of(shop.company_id, order.token)
    assert (offered.assurance, offered.was) == (Assurance.DEPOSIT, order.arrives_on)
    assert offered.asked.amount_minor > 0 and offered.arrives_on > order.arrives_on
    paying = exchanged(shop, order)
    assert (paying.state, paying.address, paying.arrives_on) == (
        OrderState.AWAITING_DEPOSIT, None, offered.arrives_on
    )
    assert paying.deposit.amount_minor == offered.asked.amount_minor
    assert paying.deposit.due_at == order.placed_at + payment_terms.first_terms().patience()
    assert begins() >= paying.deposit.due_at - timedelta(minutes=1)
    assert [row.number for row in rows(ManufacturingOrder)] == ["MO" + order.number[2:]]
    assert len(rows(Hold)) == len(rows(HeldOrder)) == 1 and faults(shop) == []
    assert mails() == ["address_check", "order_confirmation"]
    assert [(move.reason, move.becomes) for move in order_history(shop.company_id, order.id).moves] == [
        (EXCHANGED, offered.arrives_on)
    ]
    back = exchanged(shop, paying)
    assert (back.state, back.deposit, back.arrives_on) == (OrderState.AWAITING_ADDRESS, None, order.arrives_on)
    assert begins() < paying.deposit.due_at and faults(shop) == []
    assert mails() == ["address_check", "order_confirmation", "address_check"]
    confirm(shop.company_id, link_of(back), secret=SECRET)
    assert order_by_token(shop.company_id, order.token).state == OrderState.CONFIRMED
    assert rows(Hold) == rows(HeldOrder) == [] and faults(shop) == []
    assert exchange_of(shop.company_id, order.token) is None


def test_what_was_replaced_neither_confirms_nor_lapses_and_says_what_is_waited_for(shop):
    order = exchanged(shop, ordered(shop))
    for deed in (confirm, linked):
        with pytest.raises(LinkReplaced):
            deed(shop.company_id, link_of(order), secret=SECRET)
    far = utc_now() + timedelta(days=90)
    assert lapse_unconfirmed(now=far) == 0
    back = exchanged(shop, order)
    assert lapse(now=far) == 0
    assert lapse_unconfirmed(now=back.address.due_at) == 1  # the negative control: what is waited for does lapse
    assert order_by_token(shop.company_id, order.token).state == OrderState.CANCELLED and rows(Hold) == []


def test_it_waits_no_longer_than_it_could_have_from_the_start_and_gets_few_mails(shop):
    order = ordered(shop, Assurance.DEPOSIT)
    last = order.deposit.due_at
    late = last - timedelta(hours=2)
    assert exchange_of(shop.company_id, order.token, now=late).asked.due_at == last
    assert exchange_of(shop.company_id, order.token, now=last) is None
    assert exchange_of(shop.company_id, order.token).asked.due_at < utc_now() + TO_CONFIRM + timedelta(minutes=1)
    for _again in range(MOST_SENDS):
        order = exchanged(shop, exchanged(shop, order))
        assert abs(order.deposit.due_at - last) < timedelta(seconds=5)
    assert exchange_of(shop.company_id, order.token) is None
    assert rows(AddressCheck)[0].sends == MOST_SENDS == mails().count("address_check")


def test_slots_stay_where_no_earlier_day_is_to_be_had(shop, monkeypatch):
    order, begun = ordered(shop, Assurance.DEPOSIT), begins()
    monkeypatch.setattr("configurator.sales.assurances.forecast_all", lambda makes, *_to, **_said: (None,) * len(makes))
    offered = exchange_of(shop.company_id, order.token)
    assert (offered.anew, offered.arrives_on) == ((), order.arrives_on)
    back = exchanged(shop, order)
    assert (back.state, begins()) == (OrderState.AWAITING_ADDRESS, begun)
    assert rows(Hold)[0].expires_at == back.address.due_at and len(rows(HeldOrder)) == 1
    assert exchange_of(shop.company_id, order.token) is None  # no room: a deposit could not be waited for


@pytest.mark.parametrize("deliveries", list(Deliveries))
def test_all_units_of_a_cart_go_along_in_the_way_that_was_chosen(shop, deliveries):
    visitor = Visitor(shop, trust=Trust.STRANGER)
    visitor.add()
    visitor.add(colour="navy")
    set_deliveries(shop.company_id, visitor.token, deliveries)
    order = order_by_token(shop.company_id, visitor.order(visitor.view()).token)
    offered = exchange_of(shop.company_id, order.token)
    paying = exchanged(shop, order)
    assert tuple(unit.arrives_on for unit in paying.units) == offered.dates
    assert paying.arrives_on == max(offered.dates) > order.arrives_on
    assert deliveries is Deliveries.APART or len(set(offered.dates)) == 1
    assert len(rows(HeldOrder)) == len(rows(ManufacturingOrder)) == 2 and faults(shop) == []


def test_what_was_not_shown_is_asked_about_first_and_what_is_no_choice_is_refused(shop):
    order = ordered(shop)
    right = seen(exchange_of(shop.company_id, order.token))
    for wrong, error in (
        (replace(right, deposit_minor=right.deposit_minor - 1), DepositChanged),
        (replace(right, arrives_on=order.arrives_on), DateLost),
    ):
        with pytest.raises(error):
            exchange(shop.company_id, order.token, wrong)
    with pytest.raises(NotFound):
        exchange(shop.company_id, order.token[::-1], right)
    exchange(shop.company_id, order.token, ShownExchange(Assurance.ADDRESS, 0, order.arrives_on))  # it does already
    assert order_by_token(shop.company_id, order.token).state == OrderState.AWAITING_ADDRESS
    assert mails() == ["address_check"]
    cancel_order(shop.company_id, order.token)
    with pytest.raises(StateRefused):
        exchange(shop.company_id, order.token, right)


def test_an_order_that_everybody_pays_a_deposit_for_has_no_choice(shop):
    payment_terms.configure(settings(deposit_from=1000, guest_deposit_from=1000))
    order = ordered(shop, Assurance.DEPOSIT)
    assert order.state == OrderState.AWAITING_DEPOSIT and exchange_of(shop.company_id, order.token) is None


def test_a_deposit_that_comes_all_the_same_is_taken_while_the_link_is_waited_for(shop, seller):
    order = ordered(shop, Assurance.DEPOSIT)
    back = exchanged(shop, order)
    mark_received(shop.company_id, order.id, by=seller)
    paid = order_by_token(shop.company_id, order.token)
    assert (paid.state, paid.deposit.state, paid.address) == (OrderState.CONFIRMED, "received", None)
    with pytest.raises(LinkReplaced):
        confirm(shop.company_id, link_of(back), secret=SECRET)
    assert rows(Refund) == [] and rows(Hold) == []


def test_a_deposit_that_comes_after_the_link_was_opened_is_owed_back(shop, seller):
    payment_terms.configure(settings(deposit_from=0, guest_deposit_from=1000, payment_provider="test"))
    order = ordered(shop, Assurance.DEPOSIT)
    back, amount = exchanged(shop, order), order.deposit.amount_minor
    provider = TestProvider(SECRET)
    part = provider.signed(Notice("a part", order.deposit.reference, Outcome.PAID, 100))
    called_back(shop.company_id, "test", *part)  # too little to take the place of the link
    assert order_by_token(shop.company_id, order.token).state == OrderState.AWAITING_ADDRESS
    confirm(shop.company_id, link_of(back), secret=SECRET)
    act(shop.company_id, order.deposit, TestDeed.PAY, "late")
    assert [row.amount_minor for row in rows(Refund)] == [100, amount]
    with pytest.raises(StateRefused):
        mark_received(shop.company_id, order.id, by=seller)
    assert rows(Deposit)[0].state == "replaced"


@pytest.mark.parametrize("database_kind", ["sqlite", "postgresql"], indirect=True)
def test_two_tabs_and_the_money_at_once_leave_one_of_them_waited_for(shop, seller):
    order = ordered(shop, Assurance.DEPOSIT)
    wanted, together, answers = seen(exchange_of(shop.company_id, order.token)), Barrier(5), []

    def pressing(deed) -> None:
        together.wait()
        try:
            deed()
        except StateRefused:
            answers.append("refused")

    deeds = [lambda: exchange(shop.company_id, order.token, wanted)] * 4
    deeds.append(lambda: payments.mark_received(shop.company_id, order.id, by=seller))
    threads = [Thread(target=pressing, args=(deed,)) for deed in deeds]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    after = order_by_token(shop.company_id, order.token)
    assert after.state == OrderState.CONFIRMED and after.deposit.state == "received"
    assert len(rows(ManufacturingOrder)) == 1 and rows(Hold) == rows(HeldOrder) == []
    assert mails().count("address_check") <= 1 and faults(shop) == []
    with db.reading() as session:
        assert session.get_one(ManufacturingOrder, rows(ManufacturingOperation)[0].order_id).arrives_on == (
            after.arrives_on
        )
