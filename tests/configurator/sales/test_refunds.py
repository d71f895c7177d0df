"""Refunds: a cancelled or cheaper order owes money back, booked once and paid back once, whatever is told how often."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from sqlalchemy import update
from sqlalchemy.exc import IntegrityError
from sqlmodel import select

from catalog.factory import Plant
from configurator import db
from configurator.audit import AuditEvent
from configurator.config import Settings
from configurator.errors import NotFound, StateRefused
from configurator.outbox import OutboxMail
from configurator.sales import payment_terms, payments, providers, refunds
from configurator.sales.changes import cancel_order
from configurator.sales.mails import message_of
from configurator.sales.models import OrderState, Refund, RefundCause, RefundState, SalesOrder
from configurator.sales.orders import OrderView, order_by_token
from configurator.sales.payments import TestDeed, called_back, have_paid_back
from configurator.sales.providers import Notice, Outcome, TestProvider
from configurator.sales.refunds import book_refund, mark_paid_back, refunds_page


def settings(**changes) -> Settings:
    return Settings(**{"deposit_from": 1000, "bank_account": "Test House · Test Bank · DE00 1234", **changes})


@pytest.fixture
def provider() -> TestProvider:
    payment_terms.configure(settings(payment_provider="test", secret_key="s" * 40))
    found = providers.known()["test"]
    assert isinstance(found, TestProvider)
    return found


def ordered(shop) -> OrderView:
    """An order that waits for its deposit, and of which nothing begins before tomorrow."""
    with db.writing() as session:
        session.execute(update(Plant).values(frozen_minutes=0))
    from datetime import timedelta

    shown = shop.shown(shop.variant())
    late = type(shown)(shown.gross_minor, shown.currency, shown.arrives_on + timedelta(days=30))
    return view(shop, shop.order(shown=late))


def view(shop, placed) -> OrderView:
    return order_by_token(shop.company_id, placed.token)


def paid(shop, provider, order, *, event: str = "e-1", amount: int | None = None) -> None:
    amount = order.deposit.amount_minor if amount is None else amount
    called_back(shop.company_id, "test", *provider.signed(Notice(event, order.number, Outcome.PAID, amount)))


def booked() -> list[Refund]:
    with db.reading() as session:
        return list(session.exec(select(Refund).order_by(Refund.id)).all())


def mails() -> list[str]:
    with db.reading() as session:
        return [mail.template for mail in session.exec(select(OutboxMail).order_by(OutboxMail.id)).all()]


# --- booking ----------------------------------------------------------------------------------------------------------


def test_a_cancelled_order_owes_its_deposit_back_once_and_one_that_paid_nothing_owes_nothing(shop, seller) -> None:
    payment_terms.configure(settings())
    order = ordered(shop)
    payments.mark_received(shop.company_id, order.id, by=seller)
    assert booked() == []
    cancel_order(shop.company_id, order.token)
    cancel_order(shop.company_id, order.token)
    (refund,) = view(shop, order).refunds
    assert (refund.amount_minor, refund.cause, refund.state) == (
        order.deposit.amount_minor, RefundCause.CANCELLED, RefundState.DUE
    )
    assert (refund.reference, refund.came_with) == (f"{order.number}-R1", order.number)
    unpaid = view(shop, shop.order(key="key-2", shown=_later(shop)))
    cancel_order(shop.company_id, unpaid.token)
    assert view(shop, unpaid).refunds == ()
    assert len(booked()) == 1


def _later(shop):
    from datetime import timedelta

    shown = shop.shown(shop.variant())
    return type(shown)(shown.gross_minor, shown.currency, shown.arrives_on + timedelta(days=30))


def test_what_is_owed_is_what_was_paid_beyond_what_the_order_keeps(shop, provider) -> None:
    order = ordered(shop)
    deposit = order.deposit.amount_minor
    paid(shop, provider, order, amount=deposit + 7)
    assert [(one.amount_minor, one.cause) for one in booked()] == [(7, "overpaid")]
    paid(shop, provider, order, event="e-2")  # the whole deposit once more
    assert [one.amount_minor for one in booked()] == [7, deposit]
    with db.writing() as session:
        row = session.exec(select(SalesOrder)).one()
        row.gross_minor = row.net_minor = deposit - 100  # it became cheaper than what was paid
        row.tax_minor = 0
        assert book_refund(session, row) is not None
        assert book_refund(session, row) is None  # what is booked is not booked again
    assert [(one.amount_minor, one.cause) for one in booked()[2:]] == [(100, "cheaper")]
    cancel_order(shop.company_id, order.token)
    amounts = [one.amount_minor for one in booked()]
    assert amounts[3:] == [deposit - 100]
    assert sum(amounts) == 2 * deposit + 7  # all that ever came in, and not a cent more


def test_money_that_comes_after_the_order_was_cancelled_is_owed_back(shop, provider) -> None:
    order = ordered(shop)
    cancel_order(shop.company_id, order.token)
    assert booked() == []
    paid(shop, provider, order)
    paid(shop, provider, order)  # told twice
    assert [one.amount_minor for one in booked()] == [order.deposit.amount_minor]
    assert view(shop, order).state == OrderState.CANCELLED


def test_several_who_cancel_at_once_book_one_refund(shop, seller) -> None:
    payment_terms.configure(settings())
    order = ordered(shop)
    payments.mark_received(shop.company_id, order.id, by=seller)
    together = Barrier(4)

    def cancel(_number: int) -> None:
        together.wait()
        cancel_order(shop.company_id, order.token)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(cancel, range(4)))
    assert [one.amount_minor for one in booked()] == [order.deposit.amount_minor]


def test_without_looking_at_what_is_booked_it_would_be_owed_twice(
    shop, seller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control: the same booking without its guard, and what the database says to its second number."""
    payment_terms.configure(settings())
    order = ordered(shop)
    payments.mark_received(shop.company_id, order.id, by=seller)
    cancel_order(shop.company_id, order.token)
    monkeypatch.setattr(refunds, "_booked", lambda session, order: [])
    with pytest.raises(IntegrityError), db.writing() as session:  # the number is taken
        book_refund(session, session.exec(select(SalesOrder)).one())
    monkeypatch.setattr(refunds, "_booked", lambda session, order: [0])
    with db.writing() as session:
        assert book_refund(session, session.exec(select(SalesOrder)).one()) is not None
    assert len(booked()) == 2


# --- paying back ------------------------------------------------------------------------------------------------------


def _owed(shop, seller) -> tuple[OrderView, Refund]:
    order = ordered(shop)
    payments.mark_received(shop.company_id, order.id, by=seller)
    cancel_order(shop.company_id, order.token)
    return order, booked()[0]


def test_sales_pay_it_back_once_and_it_is_known_who_and_when(shop, seller) -> None:
    payment_terms.configure(settings())
    order, refund = _owed(shop, seller)
    with pytest.raises(NotFound):
        mark_paid_back(shop.company_id + 1, refund.id, by=seller)
    assert [row.refund.reference for row in refunds_page(shop.company_id).rows] == [refund.reference]
    mark_paid_back(shop.company_id, refund.id, by=seller)
    with pytest.raises(StateRefused):
        mark_paid_back(shop.company_id, refund.id, by=seller)
    assert refunds_page(shop.company_id).rows == () == refunds_page(shop.company_id + 1, paid=True).rows
    (row,) = refunds_page(shop.company_id, paid=True).rows
    assert (row.paid_by, row.order_number) == ("li", order.number) and row.refund.decided_at is not None
    with db.reading() as session:
        deeds = session.exec(select(AuditEvent.action, AuditEvent.actor_id)).all()
    assert deeds.count(("refund.paid", seller)) == 1
    assert mails().count("refund_paid") == 1


@pytest.mark.parametrize(("deed", "state", "refused", "events"), [
    (TestDeed.PAY, RefundState.PAID, False, 1),
    (TestDeed.PAY_TWICE, RefundState.PAID, False, 1),
    (TestDeed.REFUSE, RefundState.DUE, True, 1),
    (TestDeed.HANG, RefundState.DUE, False, 0),
])
def test_whatever_the_provider_does_it_is_paid_back_at_most_once(
    shop, provider, seller, deed, state, refused, events
) -> None:
    order, refund = _owed(shop, seller)
    have_paid_back(shop.company_id, refund.id, deed, "r-1", by=seller)
    (after,) = view(shop, order).refunds
    assert (after.state, after.refused_at is not None) == (state, refused) and after.asked_at is not None
    with db.reading() as session:
        told = session.exec(select(payments.PaymentEvent).where(payments.PaymentEvent.refund_id == refund.id)).all()
    assert len(told) == events
    assert mails().count("refund_paid") == (state == RefundState.PAID)
    if state == RefundState.PAID:
        with pytest.raises(StateRefused):
            have_paid_back(shop.company_id, refund.id, TestDeed.PAY, "r-2", by=seller)
        with pytest.raises(StateRefused):
            mark_paid_back(shop.company_id, refund.id, by=seller)
    else:  # by hand then
        mark_paid_back(shop.company_id, refund.id, by=seller)
    body, signature = provider.signed(Notice("r-9", refund.reference, Outcome.PAID, refund.amount_minor))
    called_back(shop.company_id, "test", body, signature)  # much later, under another id
    assert mails().count("refund_paid") == 1


def test_a_provider_that_pays_back_something_else_has_not_paid_it_back(shop, provider, seller) -> None:
    _order, refund = _owed(shop, seller)
    for event, amount in (("r-1", refund.amount_minor - 1), ("r-2", refund.amount_minor + 1)):
        called_back(
            shop.company_id, "test", *provider.signed(Notice(event, refund.reference, Outcome.PAID, amount))
        )
    assert booked()[0].state == RefundState.DUE and booked()[0].refused_at is not None


@pytest.mark.parametrize("language", ["zh", "en"])
def test_buyer_and_sales_see_it_and_the_buyer_is_written_to(
    client, login, shop, seller, language: str
) -> None:
    payment_terms.configure(settings())
    order, refund = _owed(shop, seller)
    amount = f"{refund.amount_minor / 100:,.2f}"
    desk = login("sales")
    assert amount in client.get(f"/orders/{order.token}?lang={language}").text
    listed = desk.get(f"/sales/refunds?lang={language}").text
    assert amount in listed and refund.reference in listed and f"/sales/refunds/{refund.id}/paid" in listed
    assert desk.post(f"/sales/refunds/{refund.id}/ask", data={"deed": "pay"}).status_code == 404  # a bank is not asked
    assert desk.post(f"/sales/refunds/{refund.id}/paid").status_code == 303
    assert desk.post(f"/sales/refunds/{refund.id}/paid").status_code == 409
    assert refund.reference in desk.get(f"/sales/refunds?state=paid&lang={language}").text
    assert desk.get(f"/sales/orders/{order.id}?lang={language}").status_code == 200
    with db.reading() as session:
        mail = session.exec(select(OutboxMail).where(OutboxMail.template == "refund_paid")).one()
    letter = message_of(mail.model_copy(update={"locale": language}), settings()).get_body().get_content()
    assert amount in letter and refund.reference in letter
    assert client.post(f"/sales/refunds/{refund.id}/paid").status_code in (302, 303, 401, 403)  # nobody is logged in
