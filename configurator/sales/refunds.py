"""Refunds: what an order owes back of what was paid for it, booked once and paid back once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import structlog
from sqlmodel import Session, col, func, select

from catalog.rows import utc_now
from configurator import audit, db, outbox
from configurator.admin.models import User
from configurator.errors import NotFound
from configurator.sales.lists import Page, page_of
from configurator.sales.models import (
    Deposit,
    DepositState,
    OrderState,
    PaymentEvent,
    Refund,
    RefundCause,
    RefundState,
    SalesOrder,
    move_refund,
)
from configurator.sales.parties import Party
from configurator.sales.waiting import awaited_of

log = structlog.get_logger()
PAID = "paid"  # the outcome of a payment event


@dataclass(frozen=True, slots=True)
class RefundView:
    """A refund as pages show it, in the order's currency. `came_with`: the reference that the money came with."""

    id: int
    reference: str
    came_with: str
    provider: str
    amount_minor: int
    cause: RefundCause
    state: RefundState
    created_at: datetime
    asked_at: datetime | None
    refused_at: datetime | None
    decided_at: datetime | None


@dataclass(frozen=True, slots=True)
class RefundRow:
    """A refund in the list of sales. `paid_by`: who paid it back by hand, "" for nobody."""

    refund: RefundView
    order_id: int
    order_number: str
    customer: str
    currency: str
    exponent: int
    paid_by: str


# --- booking ----------------------------------------------------------------------------------------------------------


def book_refund(session: Session, order: SalesOrder) -> Refund | None:
    """Book what the order owes back and what is not booked yet, under the order's lock; None if that is nothing.

    A cancelled order keeps nothing, nor one whose buyer confirmed the address instead; another one no more than the
    deposit that was asked for and than it costs.
    """
    deposit = awaited_of(session, Deposit, order)
    if deposit is None:
        return None
    session.flush()
    received, booked = _received(session, deposit), _booked(session, order)
    cancelled = order.state == OrderState.CANCELLED
    nothing = cancelled or deposit.state == DepositState.REPLACED
    kept = 0 if nothing else min(deposit.amount_minor, order.gross_minor)
    owed = received - kept - sum(booked)
    if owed <= 0:
        return None
    cause = RefundCause.CANCELLED if cancelled else (
        RefundCause.CHEAPER if order.gross_minor < deposit.amount_minor else RefundCause.OVERPAID
    )
    refund = Refund(
        company_id=order.company_id, sales_order_id=db.id_of(order), number=len(booked) + 1, provider=deposit.provider,
        reference=f"{order.number}-R{len(booked) + 1}", amount_minor=owed, cause=cause,
    )
    session.add(refund)
    session.flush()
    audit.record(session, order.company_id, "refund.booked", "sales_order", order.id, refund=refund.id)
    return refund


def _received(session: Session, deposit: Deposit) -> int:
    return session.exec(
        select(func.coalesce(func.sum(PaymentEvent.amount_minor), 0)).where(
            PaymentEvent.company_id == deposit.company_id, PaymentEvent.deposit_id == deposit.id,
            PaymentEvent.outcome == PAID,
        )
    ).one()


def _booked(session: Session, order: SalesOrder) -> list[int]:
    return list(session.exec(
        select(Refund.amount_minor).where(
            Refund.company_id == order.company_id, Refund.sales_order_id == order.id
        )
    ).all())


# --- paying back ------------------------------------------------------------------------------------------------------


def mark_paid_back(company_id: int, refund_id: int, *, by: int) -> None:
    """Sales has paid it back. Raises NotFound; StateRefused if it is paid back already."""
    with db.writing() as session:
        order, refund = _locked(session, company_id, refund_id)
        pay_back(session, order, refund, by=by)


def note_asked(company_id: int, refund_id: int, *, by: int) -> RefundView:
    """The provider is being asked to pay it back. Raises NotFound; StateRefused if it is paid back already."""
    with db.writing() as session:
        order, refund = _locked(session, company_id, refund_id)
        if refund.state != RefundState.DUE:
            move_refund(refund, RefundState.PAID, utc_now())  # refuses
        refund.asked_at = utc_now()
        audit.record(session, company_id, "refund.asked", "sales_order", order.id, actor_id=by, refund=refund_id)
        return _view(refund, order)


def pay_back(session: Session, order: SalesOrder, refund: Refund, *, by: int | None) -> None:
    """It is paid back, under the order's lock; raises StateRefused if it was already."""
    move_refund(refund, RefundState.PAID, utc_now(), by=by)
    audit.record(
        session, order.company_id, "refund.paid", "sales_order", order.id, actor_id=by, refund=refund.id
    )
    outbox.post(
        session, order.company_id, "refund_paid", order.ship_to_id, order.locale, order_id=order.id, refund=refund.id
    )
    log.info("refund.paid", order=order.number, reference=refund.reference)


def _locked(session: Session, company_id: int, refund_id: int) -> tuple[SalesOrder, Refund]:
    """A refund under its order's lock, as it is now."""
    refund = session.get(Refund, refund_id)
    if refund is None or refund.company_id != company_id:
        raise NotFound(field="refund")
    order = db.lock_row(session, SalesOrder, refund.sales_order_id)
    assert order is not None
    session.refresh(refund)
    return order, refund


# --- reading ----------------------------------------------------------------------------------------------------------


def refunds_of(session: Session, order: SalesOrder) -> tuple[RefundView, ...]:
    """The refunds of an order, in the order of their booking."""
    rows = session.exec(
        select(Refund).where(Refund.company_id == order.company_id, Refund.sales_order_id == order.id)
        .order_by(col(Refund.number))
    ).all()
    return tuple(_view(row, order) for row in rows)


def _view(row: Refund, order: SalesOrder) -> RefundView:
    return RefundView(
        db.id_of(row), row.reference, order.number, row.provider, row.amount_minor, RefundCause(row.cause),
        RefundState(row.state), row.created_at, row.asked_at, row.refused_at, row.decided_at,
    )


def refunds_page(company_id: int, *, paid: bool = False, page: int = 1) -> Page[RefundRow]:
    """What is to be paid back, the oldest first; or what was, the newest first."""
    joined = (
        select(Refund, SalesOrder, Party.name, User.login)
        .join(SalesOrder, col(SalesOrder.id) == Refund.sales_order_id)
        .join(Party, col(Party.id) == SalesOrder.customer_id)
        .join(User, col(User.id) == Refund.decided_by, isouter=True)
        .where(Refund.company_id == company_id, Refund.state == (RefundState.PAID if paid else RefundState.DUE))
    )
    order = col(Refund.decided_at).desc() if paid else col(Refund.id).asc()
    with db.reading() as session:
        found = page_of(session, joined, order, page)
    return found.map(lambda row: RefundRow(
        _view(row[0], row[1]), db.id_of(row[1]), row[1].number, row[2], row[1].currency, row[1].exponent, row[3] or "",
    ))
