"""A placed order that is to come in another way: priced, dated and confirmed like a change of what is made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

import structlog
from sqlmodel import Session, col, select

from catalog.price import Price
from catalog.rows import utc_now
from configurator import audit, db, outbox
from configurator.errors import DateLost, NotFound, Outdated, PriceChanged
from configurator.planning.holds import HeldUnit, redirect, sent, units_of
from configurator.sales.changes import (
    CHANGED,
    NotChangeable,
    note_promise,
    promise_of,
    refuse_unchangeable,
)
from configurator.sales.configurations import offer_of_configuration, variant_from_json
from configurator.sales.delivery import NotDelivered, WayOffer, kilograms_of, ways_in
from configurator.sales.lookups import configured_items, locked_order
from configurator.sales.models import OrderState, SalesOrder, SalesOrderItem
from configurator.sales.orders import Shown
from configurator.sales.parties import Party
from configurator.sales.refunds import book_refund
from configurator.sales.terms import delivery_columns, price_columns, stored_price, sum_of

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class OtherWays:
    """The ways in which an order can still come, priced and dated by today's terms beside what it costs without any.

    `chosen`: the code of its own way, "" if it has none. `until`: when the first unit leaves the factory.
    """

    order_id: int
    token: str
    number: str
    state: OrderState
    chosen: str
    until: datetime
    goods: Price
    gross_minor: int
    arrives_on: date
    ways: tuple[WayOffer, ...]

    def total(self, way: WayOffer) -> Price:
        """What the order comes to in that way."""
        return sum_of([self.goods, way.price])


def other_ways(company_id: int, token: str, *, now: datetime | None = None) -> OtherWays:
    """The ways in which the order at a public address can still come.

    Raises NotFound, and NotChangeable if it waits for something, is closed, or has left the factory.
    """
    with db.reading() as session:
        found = session.exec(
            select(SalesOrder, Party)
            .join(Party, col(Party.id) == SalesOrder.ship_to_id)
            .where(SalesOrder.company_id == company_id, SalesOrder.token == token)
        ).one_or_none()
        if found is None:
            raise NotFound(field="token")
        order, party = found
        refuse_unchangeable(OrderState(order.state))
        rows = configured_items(session, order)
        units = units_of(session, company_id, _made([item for item, _configuration in rows]))
        until = min(unit.dispatch_at for unit in units)
        if until <= (now or utc_now()):
            raise NotChangeable
        goods = sum_of([stored_price(order, item.price_items, item) for item, _configuration in rows])
        weight = kilograms_of(
            (offer_of_configuration(session, one), variant_from_json(one.variant or {})) for _item, one in rows
        )
        ways = ways_in(session, company_id).leading_to(party.country, party.postal_code, goods, weight)
        together = len({item.arrives_on for item, _configuration in rows}) == 1
        return OtherWays(
            db.id_of(order), token, order.number, OrderState(order.state), _code(order), until, goods,
            order.gross_minor, order.arrives_on,
            tuple(replace(one, dates=_days(units, one, together)) for one in ways),
        )


def _days(units: Sequence[HeldUnit], way: WayOffer, together: bool) -> tuple[date | None, ...]:
    """The day of each unit in that way; one day for all that were promised together."""
    days = [one.arrives_on if (one := sent(unit, way.way.to())) is not None else None for unit in units]
    known = [day for day in days if day is not None]
    return tuple([max(known)] * len(days)) if together and len(known) == len(days) else tuple(days)


def change_way(company_id: int, token: str, code: str, shown: Shown, *, actor_id: int | None = None) -> None:
    """Let the order come in the way of this code from now on; if it does already, nothing happens.

    `shown`: total and last day as they were shown. Raises PriceChanged, DateLost, NotDelivered, NotChangeable (it has
    left the factory, too), Outdated, NoDate, NotFound.
    """
    asked = other_ways(company_id, token)
    if asked.chosen == code:
        return
    way = next((one for one in asked.ways if one.code == code), None)
    if way is None or way.arrives_on is None:
        raise NotDelivered(field="way")
    total = asked.total(way)
    if (total.gross, total.currency) != (shown.gross_minor, shown.currency):
        raise PriceChanged(field="price", gross_minor=total.gross, currency=total.currency, exponent=total.exponent)
    if way.arrives_on > shown.arrives_on:
        raise DateLost(field="date", arrives_on=way.arrives_on)
    with db.writing() as session:
        _write(session, company_id, asked, way, total, actor_id)
    log.info("order.delivery_changed", number=asked.number)


def _write(
    session: Session, company_id: int, asked: OtherWays, way: WayOffer, total: Price, actor_id: int | None
) -> None:
    order = locked_order(session, company_id, asked.order_id)
    refuse_unchangeable(OrderState(order.state))
    if (_code(order), order.gross_minor) != (asked.chosen, asked.gross_minor):
        if _code(order) == way.code:  # a twin of this very click was faster
            return
        raise Outdated(field="way")
    items = [item for item, _configuration in configured_items(session, order)]
    days = [day for day in way.dates if day is not None]
    redirect(session, company_id, way.way.to(), dict(zip(_made(items), days, strict=True)), actor_id=actor_id)
    for item, day in zip(items, days, strict=True):
        told, item.arrives_on = item.arrives_on, day
        note_promise(session, item, told, day, CHANGED)
    columns = price_columns(total) | delivery_columns(way) | promise_of(session, items)
    for name, value in columns.items():
        setattr(order, name, value)
    book_refund(session, order)
    outbox.post(session, company_id, "delivery_changed", order.ship_to_id, order.locale, order_id=order.id)
    audit.record(session, company_id, "order.delivery_changed", "sales_order", order.id, actor_id=actor_id)


def _code(order: SalesOrder) -> str:
    return "" if order.delivery_way_id is None else f"way-{order.delivery_way_id}"


def _made(items: Sequence[SalesOrderItem]) -> list[int]:
    """The manufacturing orders of these units; raises NotChangeable if one has none any more."""
    made = [item.manufacturing_order_id for item in items if item.manufacturing_order_id is not None]
    if len(made) < len(items):
        raise NotChangeable
    return made
