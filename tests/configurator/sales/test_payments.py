"""Deposits: an order that waits for one keeps its slots and is not made; money comes once, twice, late or never."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from threading import Barrier, Thread

import pytest
from sqlmodel import select

from catalog.price import quote_price
from catalog.rows import utc_now
from configurator import db
from configurator.config import Settings
from configurator.errors import DateLost, NotFound, StateRefused
from configurator.outbox import OutboxMail
from configurator.planning.clock import roll_plant
from configurator.planning.holds import sweep
from configurator.planning.models import HeldOrder, Hold, ManufacturingOperation, ManufacturingOrder, OperationState
from configurator.planning.promise import Destination, forecast, zone_of
from configurator.planning.reports import OnlyHeld, start_operation
from configurator.sales import payment_terms, payments
from configurator.sales.carts import Trust, cart_of
from configurator.sales.mails import message_of
from configurator.sales.models import Deposit, DepositState, OrderState, PaymentEvent, SalesOrder, SalesOrderItem
from configurator.sales.orders import Shown, order_by_token
from configurator.sales.payments import TestDeed, act, called_back, lapse
from configurator.sales.providers import BadSignature, Notice, Outcome, TestProvider
from tests.configurator.sales.test_carts import Visitor

SECRET = "a secret for tests only, long enough for production"


def settings(**changes) -> Settings:
    return Settings(**{
        "deposit_from": 1000, "bank_account": "Test House · Test Bank · DE00 1234", "secret_key": SECRET, **changes,
    })


@pytest.fixture
def provider() -> TestProvider:
    payment_terms.configure(settings(payment_provider="test"))
    return TestProvider(SECRET)


def dated(shop, variant, days=None):
    """What a page shows where a deposit is asked for; `days`: of waiting, if not those of the settings."""
    shown = shop.shown(variant)
    due = utc_now() + (timedelta(days=days) if days else payment_terms.first_terms().patience())
    found = forecast(shop.offer, variant, Destination("CN", zone_of("CN")), not_before=due)
    return Shown(shown.gross_minor, shown.currency, found.arrives_on)


def ordered(shop):
    variant = shop.variant()
    return order_by_token(shop.company_id, shop.order(variant, shown=dated(shop, variant)).token)


def rows(table):
    with db.reading() as session:
        return session.exec(select(table)).all()


def mails() -> list[str]:
    return [mail.template for mail in rows(OutboxMail)]


@pytest.mark.parametrize(("value", "guest", "limits", "asked"), [
    (99_999, True, (1000, 0), 0),  # one cent below
    (100_000, True, (1000, 0), 30_000),
    (100_001, False, (1000, 0), 30_000),  # 30,000.3
    (100_005, False, (1000, 0), 30_002),  # 30,001.5 half up
    (50_000, True, (1000, 500), 15_000),  # who did not log in is asked earlier
    (50_000, False, (1000, 500), 0),
    (10**12, True, (0, 0), 0),  # never
])
def test_from_which_value_a_deposit_is_asked_for(shop, value, guest, limits, asked):
    payment_terms.configure(settings(deposit_from=limits[0], guest_deposit_from=limits[1]))
    price = quote_price(shop.offer.prices, shop.offer.problem, shop.variant(), country="CN")
    assert payment_terms.first_terms().deposit_of(replace(price, gross=value), guest=guest) == asked


def test_an_order_that_waits_keeps_its_slots_and_nothing_of_it_is_started(shop):
    payment_terms.configure(settings())
    order = ordered(shop)
    assert order.state == OrderState.AWAITING_DEPOSIT
    assert order.deposit.reference == order.number and order.deposit.payee == ("Test House", "Test Bank", "DE00 1234")
    operations = rows(ManufacturingOperation)
    assert min(row.starts_at for row in operations) >= order.deposit.due_at - timedelta(minutes=1)
    with pytest.raises(OnlyHeld):
        start_operation(shop.company_id, operations[0].id)
    sweep(now=order.deposit.due_at + timedelta(days=9))  # holds of carts end by themselves, this one does not
    assert len(rows(HeldOrder)) == 1
    roll_plant(operations[0].plant_id, max(row.starts_at for row in operations), reports_itself=True)
    assert {row.state for row in rows(ManufacturingOperation)} == {OperationState.PLANNED}


def test_a_date_that_does_not_wait_for_the_deposit_is_not_promised(shop):
    payment_terms.configure(settings(deposit_days=30))
    with pytest.raises(DateLost):
        shop.order()
    assert rows(SalesOrder) == []


def test_sales_mark_it_as_received_once_and_it_can_be_made(shop, seller):
    payment_terms.configure(settings())
    order = ordered(shop)
    payments.mark_received(shop.company_id, order.id, by=seller)
    view = order_by_token(shop.company_id, order.token)
    assert (view.state, view.deposit.state) == (OrderState.CONFIRMED, DepositState.RECEIVED)
    assert view.arrives_on == order.arrives_on
    assert rows(Hold) == rows(HeldOrder) == []
    with pytest.raises(StateRefused):
        payments.mark_received(shop.company_id, order.id, by=seller)
    with pytest.raises(NotFound):
        payments.mark_received(shop.company_id + 1, order.id, by=seller)
    assert mails() == ["order_confirmation", "deposit_received"]
    assert lapse(now=order.deposit.due_at + timedelta(days=9)) == 0


def test_a_deposit_that_does_not_come_cancels_the_order_and_frees_its_slots(shop, seller):
    payment_terms.configure(settings())
    order = ordered(shop)
    assert lapse(now=order.deposit.due_at) == 0  # the last hour is the buyer's
    assert lapse(now=order.deposit.due_at + timedelta(hours=2)) == 1
    assert lapse(now=order.deposit.due_at + timedelta(hours=2)) == 0
    view = order_by_token(shop.company_id, order.token)
    assert (view.state, view.deposit.state, view.progress) == (OrderState.CANCELLED, DepositState.LAPSED, None)
    assert rows(ManufacturingOrder) == rows(ManufacturingOperation) == rows(Hold) == []
    assert [item.manufacturing_order_id for item in rows(SalesOrderItem)] == [None]
    with pytest.raises(StateRefused):
        payments.mark_received(shop.company_id, order.id, by=seller)
    assert mails() == ["order_confirmation", "deposit_lapsed"]


@pytest.mark.parametrize(("deed", "state", "events"), [
    (TestDeed.PAY, DepositState.RECEIVED, ["paid"]),
    (TestDeed.PAY_TWICE, DepositState.RECEIVED, ["paid"]),
    (TestDeed.REFUSE, DepositState.AWAITED, ["refused"]),
    (TestDeed.HANG, DepositState.AWAITED, []),
])
def test_whatever_the_provider_does_the_order_is_right(shop, provider, deed, state, events):
    order = ordered(shop)
    act(shop.company_id, order.deposit, deed, event="e-1")
    after = order_by_token(shop.company_id, order.token)
    assert after.deposit.state == state
    assert [event.outcome for event in rows(PaymentEvent)] == events
    assert (after.deposit.refused_at is not None) == (deed is TestDeed.REFUSE)
    assert mails().count("deposit_received") == (state == DepositState.RECEIVED)
    if state == DepositState.AWAITED:  # a second try
        act(shop.company_id, order.deposit, TestDeed.PAY, event="e-2")
        assert order_by_token(shop.company_id, order.token).state == OrderState.CONFIRMED


def call(shop, provider, order, **changes) -> None:
    notice = Notice(**{
        "event": "e-1", "reference": order.number, "outcome": Outcome.PAID,
        "amount_minor": order.deposit.amount_minor, **changes,
    })
    called_back(shop.company_id, "test", *provider.signed(notice))


def test_the_same_call_many_times_at_once_is_one_payment(shop, provider):
    order = ordered(shop)
    together, trouble = Barrier(6), []

    def calling() -> None:
        together.wait()
        try:
            call(shop, provider, order)
        except Exception as error:  # whatever it is, it is looked at below
            trouble.append(error)

    callers = [Thread(target=calling) for _ in range(6)]
    for one in callers:
        one.start()
    for one in callers:
        one.join()
    assert trouble == []
    assert len(rows(PaymentEvent)) == 1 and mails().count("deposit_received") == 1


def test_too_little_is_no_deposit_and_a_second_payment_is_kept_for_people(shop, provider):
    order = ordered(shop)
    call(shop, provider, order, amount_minor=order.deposit.amount_minor - 1)
    assert order_by_token(shop.company_id, order.token).deposit.state == DepositState.AWAITED
    call(shop, provider, order, event="e-2")
    call(shop, provider, order, event="e-3")
    assert order_by_token(shop.company_id, order.token).state == OrderState.CONFIRMED
    assert [event.event for event in rows(PaymentEvent)] == ["e-1", "e-2", "e-3"]
    assert mails().count("deposit_received") == 1


def test_a_call_that_the_provider_did_not_sign_changes_nothing(shop, provider):
    order = ordered(shop)
    body, signature = provider.signed(Notice("e-1", order.number, Outcome.PAID, order.deposit.amount_minor))
    forged = TestProvider("another secret").signed(Notice("e-1", order.number, Outcome.PAID, 10**9))
    for sent in ((body, ""), (body, signature[:-1] + "0"), (body + b" ", signature), forged, (b"", ""), (b"[1]", "x")):
        with pytest.raises(BadSignature):
            called_back(shop.company_id, "test", *sent)
    for wrong in (b"[]", b"{}", b"nonsense", b'{"event": 1, "reference": 2, "outcome": "free", "amount_minor": 1}'):
        with pytest.raises(BadSignature):
            called_back(shop.company_id, "test", wrong, provider._signature(wrong))
    with pytest.raises(NotFound):
        called_back(shop.company_id, "transfer", body, signature)
    with pytest.raises(NotFound):
        call(shop, provider, order, reference="SO-2026-9999")
    assert rows(PaymentEvent) == []
    called_back(shop.company_id, "test", body, signature)  # the negative control: this very call is good
    assert order_by_token(shop.company_id, order.token).state == OrderState.CONFIRMED


def test_a_bank_does_not_call(shop):
    payment_terms.configure(settings())
    ordered(shop)
    with pytest.raises(NotFound):
        called_back(shop.company_id, "transfer", b"{}", "")


def test_a_cart_is_dated_as_its_deposit_asks_and_taken_as_it_is_held(shop):
    payment_terms.configure(settings(deposit_from=8000))
    visitor = Visitor(shop, trust=Trust.STRANGER)
    item = visitor.add()
    early = visitor.view()
    assert early.asked is None and early.all_held
    visitor.quantity(item, 2)  # now it is worth more than 8,000
    view = visitor.view()
    assert view.asked is not None and view.all_held
    assert view.last >= early.last + timedelta(days=payment_terms.first_terms().patience().days - 2)
    with db.reading() as session:
        starts = [row.starts_at for row in session.exec(select(ManufacturingOperation)).all()]
    assert min(starts) >= view.asked.due_at - timedelta(minutes=1)
    order = order_by_token(shop.company_id, visitor.order(view).token)
    assert order.state == OrderState.AWAITING_DEPOSIT and order.arrives_on == view.last
    assert len(rows(HeldOrder)) == 2
    with db.reading() as session:
        assert starts == [row.starts_at for row in session.exec(select(ManufacturingOperation)).all()]


def test_the_same_cart_is_asked_for_no_deposit_of_somebody_known(shop):
    payment_terms.configure(settings(deposit_from=0, guest_deposit_from=1000))
    visitor = Visitor(shop)
    visitor.add()
    assert cart_of(shop.company_id, visitor.token, guest=False).asked is None
    assert cart_of(shop.company_id, visitor.token, guest=True).asked is not None


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_mails_say_what_is_to_be_paid_by_when_and_where_to(shop, seller, language):
    payment_terms.configure(settings())
    order = ordered(shop)
    payments.mark_received(shop.company_id, order.id, by=seller)

    def letter(number: int) -> str:
        mail = rows(OutboxMail)[number].model_copy(update={"locale": language})
        return message_of(mail, settings(public_url="https://shop.example")).get_body().get_content()

    thanked = letter(1)
    with db.writing() as session:  # as it was when the first mail went out
        row = session.exec(select(Deposit)).one()
        row.state, row.decided_at = DepositState.AWAITED, None
    body = letter(0)
    assert order.number in body and "DE00 1234" in body
    amount = f"{order.deposit.amount_minor / 100:,.2f}"
    assert amount in body and amount in thanked
    assert re.search(r"https://shop\.example/orders/\S+", thanked)
