"""Deposits: what happens when one comes, fails, comes twice or never."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

import orjson
import structlog
from sqlmodel import Session, col, select

from catalog.rows import utc_now
from configurator import audit, db, outbox
from configurator.errors import NotFound, StateRefused
from configurator.sales.address_checks import replace_address
from configurator.sales.lookups import locked_order
from configurator.sales.models import (
    Deposit,
    DepositState,
    OrderState,
    PaymentEvent,
    Refund,
    RefundState,
    SalesOrder,
    move_deposit,
)
from configurator.sales.payment_terms import Asked, accepted_terms
from configurator.sales.providers import BadSignature, Notice, Outcome, Provider, known, rehearsal
from configurator.sales.refunds import RefundView, book_refund, note_asked, pay_back
from configurator.sales.waiting import awaited_of, give_up_late, keep_slots, let_be_made, no_longer_wait

log = structlog.get_logger()
GRACE = timedelta(hours=1)  # between the instant that the buyer was told and the end of the wait


@dataclass(frozen=True, slots=True)
class DepositView:
    """A deposit as pages, mails and documents show it, in the order's currency."""

    state: DepositState
    reference: str
    amount_minor: int
    due_at: datetime
    decided_at: datetime | None
    refused_at: datetime | None
    pays_online: bool
    payee: tuple[str, ...]

    @property
    def waived(self) -> bool:
        """It is no longer asked for, before it was due: the order was cancelled."""
        return self.state == DepositState.LAPSED and self.decided_at is not None and self.decided_at < self.due_at


def deposit_view(session: Session, order: SalesOrder) -> DepositView | None:
    """The deposit of an order, None if it has none."""
    row = awaited_of(session, Deposit, order)
    if row is None or row.state == DepositState.REPLACED:
        return None
    ways = _ways_to_pay(session, order, row)
    return DepositView(
        DepositState(row.state), row.reference, row.amount_minor, row.due_at, row.decided_at, row.refused_at,
        any(provider.pays_online() for provider in ways), next((way.payee() for way in ways if way.payee()), ()),
    )


def _ways_to_pay(session: Session, order: SalesOrder, deposit: Deposit) -> list[Provider]:
    """Those that its terms offered, as far as they are known today."""
    accepted = accepted_terms(session, order.company_id, order.payment_terms_id)
    codes = dict.fromkeys((deposit.provider, *(accepted.providers if accepted is not None else ())))
    return [known()[code] for code in codes if code in known()]


def wait_for(session: Session, order: SalesOrder, asked: Asked, manufacturing_order_ids: list[int]) -> None:
    """Let an order wait for its deposit; again if it was replaced before."""
    deposit = awaited_of(session, Deposit, order)
    if deposit is None:
        session.add(Deposit(
            company_id=order.company_id, sales_order_id=db.id_of(order), provider=asked.provider,
            reference=order.number, amount_minor=asked.amount_minor, due_at=asked.due_at,
        ))
    else:
        move_deposit(deposit, DepositState.AWAITED, None)
        deposit.due_at, deposit.refused_at = asked.due_at, None
    keep_slots(session, order, manufacturing_order_ids, asked.due_at + GRACE)


# --- it comes ---------------------------------------------------------------------------------------------------------


def mark_received(company_id: int, order_id: int, *, by: int) -> None:
    """Sales has seen the money. Raises NotFound; StateRefused if it was received or has lapsed."""
    with db.writing() as session:
        order = locked_order(session, company_id, order_id)
        deposit = _deposit_of(session, order)
        _receive(session, order, deposit, actor_id=by)
        by_bank = (way.code for way in _ways_to_pay(session, order, deposit) if not way.pays_online())
        deposit.provider = next(by_bank, deposit.provider)
        session.add(PaymentEvent(
            company_id=company_id, provider=deposit.provider, event=f"by hand {deposit.id}",
            deposit_id=db.id_of(deposit), outcome=Outcome.PAID.value, amount_minor=deposit.amount_minor,
        ))


def called_back(company_id: int, code: str, body: bytes, signature: str) -> None:
    """A provider's call: signed, and worth the same however often it comes.

    Raises NotFound for another provider or an unknown reference, BadSignature.
    """
    provider = known().get(code)
    if provider is None or not provider.pays_online():
        raise NotFound(field="provider")
    try:
        notice = provider.notice(body, signature)
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError) as error:
        raise BadSignature from error
    with db.writing() as session:
        paid = _about(session, company_id, code, notice.reference)
        order = db.lock_row(session, SalesOrder, paid.sales_order_id)
        assert order is not None
        session.refresh(paid)
        if not _is_new(session, paid, code, notice):
            return
        if isinstance(paid, Deposit):
            _take_notice(session, order, paid, code, notice)
        else:
            _take_refund_notice(session, order, paid, notice)


def _about(session: Session, company_id: int, code: str, reference: str) -> Deposit | Refund:
    """The deposit or refund that a provider names; raises NotFound."""
    deposit = session.exec(
        select(Deposit).where(Deposit.company_id == company_id, Deposit.reference == reference)
    ).one_or_none()
    if deposit is not None:
        order = session.get_one(SalesOrder, deposit.sales_order_id)
        if code not in [way.code for way in _ways_to_pay(session, order, deposit)]:
            raise NotFound(field="reference")
        return deposit
    found = session.exec(
        select(Refund).where(
            Refund.company_id == company_id, Refund.provider == code, Refund.reference == reference
        )
    ).one_or_none()
    if found is None:
        raise NotFound(field="reference")
    return found


def _is_new(session: Session, paid: Deposit | Refund, code: str, notice: Notice) -> bool:
    """Keep what was told; whether it is told for the first time.

    Under the order's lock, so that the same call twice at once is one after the other.
    """
    known = session.exec(
        select(PaymentEvent.id).where(
            PaymentEvent.company_id == paid.company_id, PaymentEvent.provider == code,
            PaymentEvent.event == notice.event,
        )
    ).first()
    if known is not None:
        return False
    deposit = isinstance(paid, Deposit)
    session.add(PaymentEvent(
        company_id=paid.company_id, provider=code, event=notice.event,
        deposit_id=db.id_of(paid) if deposit else None, refund_id=None if deposit else db.id_of(paid),
        outcome=notice.outcome.value, amount_minor=max(0, notice.amount_minor),
    ))
    return True


def _take_notice(session: Session, order: SalesOrder, deposit: Deposit, code: str, notice: Notice) -> None:
    in_full = notice.outcome is Outcome.PAID and notice.amount_minor >= deposit.amount_minor
    if in_full and _is_welcome(order, deposit):
        deposit.provider = code  # it is paid back on the way that it came
        _receive(session, order, deposit, actor_id=None)
        book_refund(session, order)  # what was paid beyond what was asked for
    elif deposit.state == DepositState.AWAITED:
        deposit.refused_at = utc_now()
    else:  # paid once more, or too late: it is owed back
        log.warning("payment.unexpected", order=order.number, outcome=notice.outcome.value, state=deposit.state)
        book_refund(session, order)


def _is_welcome(order: SalesOrder, deposit: Deposit) -> bool:
    """Whether it is waited for, or its order still waits for the confirmed address that is to replace it."""
    awaited = deposit.state == DepositState.AWAITED
    return awaited or (deposit.state == DepositState.REPLACED and order.state == OrderState.AWAITING_ADDRESS)


def _take_refund_notice(session: Session, order: SalesOrder, refund: Refund, notice: Notice) -> None:
    if refund.state != RefundState.DUE:  # told once more under another id, or people were faster
        log.warning("refund.unexpected", order=order.number, outcome=notice.outcome.value)
    elif notice.outcome is Outcome.PAID and notice.amount_minor == refund.amount_minor:
        pay_back(session, order, refund, by=None)
    else:
        refund.refused_at = utc_now()


def _receive(session: Session, order: SalesOrder, deposit: Deposit, *, actor_id: int | None) -> None:
    move_deposit(deposit, DepositState.RECEIVED, utc_now())
    if order.state == OrderState.AWAITING_ADDRESS:
        replace_address(session, order, utc_now())
    let_be_made(session, order)
    audit.record(session, order.company_id, "deposit.received", "sales_order", order.id, actor_id=actor_id)
    outbox.post(
        session, order.company_id, "deposit_received", order.ship_to_id, order.locale, order_id=order.id
    )


def _deposit_of(session: Session, order: SalesOrder) -> Deposit:
    row = awaited_of(session, Deposit, order)
    if row is None:
        raise StateRefused(field="state")
    return row


def waive_deposit(session: Session, order: SalesOrder) -> None:
    """A deposit that the order waits for, under the order's lock, is not asked for any longer."""
    if order.state != OrderState.AWAITING_DEPOSIT:
        return
    move_deposit(_deposit_of(session, order), DepositState.LAPSED, utc_now())
    no_longer_wait(session, order)


def replace_deposit(session: Session, order: SalesOrder, at: datetime) -> None:
    """The buyer confirms the mail address instead of a deposit that the order, under its lock, waits for."""
    move_deposit(_deposit_of(session, order), DepositState.REPLACED, at)


# --- it does not come -------------------------------------------------------------------------------------------------


def lapse(*, now: datetime | None = None) -> int:
    """Cancel every order whose deposit did not come in time; how many."""
    at = now or utc_now()
    late = (col(Deposit.state) == DepositState.AWAITED.value, col(Deposit.due_at) <= at - GRACE)
    return give_up_late(
        Deposit, late, lambda deposit: move_deposit(deposit, DepositState.LAPSED, at), "deposit.lapsed"
    )


# --- the test provider's page -----------------------------------------------------------------------------------------


class TestDeed(StrEnum):
    """What somebody who tries the house lets the test provider do."""

    PAY = "pay"
    PAY_TWICE = "pay_twice"  # it calls back two times
    REFUSE = "refuse"
    HANG = "hang"  # it never calls back

    __test__ = False  # for pytest


def pays_online(code: str) -> bool:
    """Whether the provider of this code is ours today, and can be asked to pay."""
    return code in known() and known()[code].pays_online()


def have_paid_back(company_id: int, refund_id: int, deed: TestDeed, event: str, *, by: int) -> None:
    """Ask the provider to pay a refund back, and let the test provider do this deed.

    Raises NotFound where there is no such provider or refund; StateRefused if it is paid back already.
    """
    if rehearsal() is None:
        raise NotFound(field="provider")
    act(company_id, note_asked(company_id, refund_id, by=by), deed, event)


def act(company_id: int, view: DepositView | RefundView, deed: TestDeed, event: str) -> None:
    """Do it to a deposit or a refund: make the signed calls that a provider would make.

    Raises NotFound where there is no test provider.
    """
    provider = rehearsal()
    if provider is None:
        raise NotFound(field="provider")
    if deed is TestDeed.HANG:
        return
    outcome = Outcome.REFUSED if deed is TestDeed.REFUSE else Outcome.PAID
    body, signature = provider.signed(Notice(event, view.reference, outcome, view.amount_minor))
    for _call in range(2 if deed is TestDeed.PAY_TWICE else 1):
        called_back(company_id, provider.code, body, signature)

