"""Orders that wait for something before they are made: their slots are kept, and free again if it does not come."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, TypeVar

from sqlmodel import Session, select

from configurator import audit, db, outbox
from configurator.planning.holds import end_waiting, keep, let_go, lock_hold
from configurator.sales.lookups import items_of
from configurator.sales.models import AddressCheck, Deposit, OrderState, SalesOrder, move_order

Awaited = TypeVar("Awaited", Deposit, AddressCheck)


def _hold_key(order: SalesOrder) -> str:
    return f"order-{order.id}"


def keep_slots(session: Session, order: SalesOrder, manufacturing_order_ids: Iterable[int], until: datetime) -> None:
    """Let an order wait: its slots are kept, and nothing of it is started."""
    keep(session, order.company_id, _hold_key(order), manufacturing_order_ids, until)


def free_slots(session: Session, order: SalesOrder, plant_ids: Iterable[int] = ()) -> None:
    """Give back the slots of an order that waits. `plant_ids`: of further plants whose locks are needed after it."""
    for item in items_of(session, order):
        item.manufacturing_order_id = None
    session.flush()
    lock_hold(session, order.company_id, _hold_key(order), plant_ids)
    let_go(session, order.company_id, _hold_key(order))


def no_longer_wait(session: Session, order: SalesOrder) -> None:
    """Nothing holds back its making any more."""
    end_waiting(session, order.company_id, _hold_key(order))


def let_be_made(session: Session, order: SalesOrder) -> None:
    """What an order waited for, under its lock, is here."""
    move_order(order, OrderState.CONFIRMED)
    no_longer_wait(session, order)


def awaited_of(session: Session, table: type[Awaited], order: SalesOrder) -> Awaited | None:
    """What an order waits or waited for; None if it has nothing of the kind."""
    return session.exec(
        select(table).where(table.company_id == order.company_id, table.sales_order_id == order.id)
    ).one_or_none()


def give_up_late(
    table: type[Awaited], late: Iterable[Any], lapse: Callable[[Awaited], None], deed: str
) -> int:
    """Cancel every order whose awaited row is `late`, each in a transaction of its own; how many.

    `lapse` moves the row; `deed`: `deposit.lapsed` …, which its mail is named for too.
    """
    with db.reading() as session:
        orders = session.exec(select(table.sales_order_id).where(*late)).all()
    count = 0
    for order_id in orders:
        with db.writing() as session:
            order = db.lock_row(session, SalesOrder, order_id)
            assert order is not None
            row = session.exec(select(table).where(*late, table.sales_order_id == order_id)).one_or_none()
            if row is not None:  # it did not come a moment ago
                lapse(row)
                _give_up(session, order, deed)
                count += 1
    return count


def _give_up(session: Session, order: SalesOrder, deed: str) -> None:
    move_order(order, OrderState.CANCELLED)
    free_slots(session, order)
    audit.record(session, order.company_id, deed, "sales_order", order.id)
    outbox.post(
        session, order.company_id, deed.replace(".", "_"), order.ship_to_id, order.locale, order_id=order.id
    )
