"""Orders by what names them, an unguessable token or an id, and their units."""

from __future__ import annotations

from collections.abc import Sequence

from sqlmodel import Session, col, select

from configurator import db
from configurator.errors import NotFound
from configurator.sales.configurations import Configuration
from configurator.sales.models import SalesOrder, SalesOrderItem


def order_of(session: Session, company_id: int, token: str) -> SalesOrder:
    """The order at a public address; raises NotFound."""
    found = session.exec(
        select(SalesOrder).where(SalesOrder.company_id == company_id, SalesOrder.token == token)
    ).one_or_none()
    if found is None:
        raise NotFound(field="token")
    return found


def locked_order(session: Session, company_id: int, order_id: int) -> SalesOrder:
    """The order as it is now, and nobody else's to change until the transaction ends; raises NotFound."""
    found = db.lock_row(session, SalesOrder, order_id)
    if found is None or found.company_id != company_id:
        raise NotFound(field="order")
    return found


def configured_items(session: Session, order: SalesOrder) -> list[tuple[SalesOrderItem, Configuration]]:
    """The order's units by their numbers, as the rows have them now, each with what it is."""
    rows = session.exec(
        select(SalesOrderItem, Configuration)
        .join(Configuration, col(Configuration.id) == SalesOrderItem.configuration_id)
        .where(SalesOrderItem.company_id == order.company_id, SalesOrderItem.sales_order_id == order.id)
        .order_by(col(SalesOrderItem.number))
        .execution_options(populate_existing=True)
    ).all()
    return [(item, configuration) for item, configuration in rows]


def items_of(session: Session, order: SalesOrder) -> Sequence[SalesOrderItem]:
    """The order's units by their numbers, as the rows have them now."""
    return session.exec(
        select(SalesOrderItem)
        .where(SalesOrderItem.company_id == order.company_id, SalesOrderItem.sales_order_id == order.id)
        .order_by(col(SalesOrderItem.number))
        .execution_options(populate_existing=True)
    ).all()
