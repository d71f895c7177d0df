"""What an order waits for, exchanged by its buyer: a deposit for the confirmed address, or the other way round."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

import structlog
from sqlmodel import Session, col, select

from catalog.offer import Offer
from catalog.rows import utc_now
from configurator import audit, db, outbox
from configurator.errors import DateLost, StateRefused
from configurator.planning.models import ManufacturingOrder
from configurator.planning.promise import Destination, Forecast, forecast_all, reserve
from configurator.sales.address_checks import MOST_SENDS, replace_address, wait_for_address
from configurator.sales.changes import note_promise, promise_of
from configurator.sales.configurations import offer_of_configuration, variant_from_json
from configurator.sales.delivery import way_on, ways_in
from configurator.sales.lookups import configured_items, items_of, locked_order, order_of
from configurator.sales.models import (
    AddressCheck,
    Deposit,
    OrderState,
    SalesOrder,
    SalesOrderItem,
    move_order,
)
from configurator.sales.parties import Party
from configurator.sales.payment_terms import TO_CONFIRM, Asked, Assurance, accepted_terms, must_be_shown
from configurator.sales.payments import replace_deposit, wait_for
from configurator.sales.terms import stored_price
from configurator.sales.waiting import awaited_of, free_slots
from solver.configuration.problem import Variant

log = structlog.get_logger()
EXCHANGED = "exchanged"  # the reason of a promise that moved because the order waits for something else
WAITS_FOR = {OrderState.AWAITING_ADDRESS: Assurance.ADDRESS, OrderState.AWAITING_DEPOSIT: Assurance.DEPOSIT}
_STATES = {assurance: state for state, assurance in WAITS_FOR.items()}


@dataclass(frozen=True, slots=True)
class Exchange:
    """What an order could wait for instead, and what that means; nothing is held yet.

    Attributes
    ----------
    asked: what it would wait for from then on
    was: the day that is promised for its last unit now
    dates: the day of each unit, by their numbers
    anew: where each unit would be made; (): where it is made now
    """

    order_id: int
    asked: Asked
    was: date
    dates: tuple[date, ...]
    anew: tuple[tuple[Offer, Variant, Forecast], ...]

    @property
    def assurance(self) -> Assurance:
        return self.asked.assurance

    @property
    def arrives_on(self) -> date:
        return max(self.dates)


@dataclass(frozen=True, slots=True)
class ShownExchange:
    """What the page showed when the button was pressed. `deposit_minor`: 0 where it showed none."""

    assurance: Assurance
    deposit_minor: int
    arrives_on: date


def exchange_of(company_id: int, token: str, *, now: datetime | None = None) -> Exchange | None:
    """What the order at a public address could wait for instead; None if there is no choice, or no room.

    It waits no longer than it could have waited from the start: a deposit's last day is counted from the order on. The
    slots move where they have to begin later, or where the order arrives earlier so. Raises NotFound.
    """
    at = now or utc_now()
    with db.reading() as session:
        order = order_of(session, company_id, token)
        asked = _instead(session, order, at)
        if asked is None:
            return None
        rows = configured_items(session, order)
        makes = [
            (offer_of_configuration(session, one), variant_from_json(one.variant or {})) for _item, one in rows
        ]
        to = _destination(session, order)
    told = tuple(item.arrives_on for item, _configuration in rows)
    forecasts = [one for one in forecast_all(makes, to, not_before=asked.due_at, now=now) if one is not None]
    found = None
    if len(forecasts) == len(makes):
        anew = tuple((*one, forecast) for one, forecast in zip(makes, forecasts, strict=True))
        found = Exchange(db.id_of(order), asked, order.arrives_on, _days(forecasts, together=len(set(told)) == 1), anew)
    if asked.assurance is Assurance.ADDRESS and (found is None or found.arrives_on >= order.arrives_on):
        return Exchange(db.id_of(order), asked, order.arrives_on, told, ())
    return found


def _instead(session: Session, order: SalesOrder, at: datetime) -> Asked | None:
    """What else the terms that it was placed under ask for; None if nothing, or if there is no time left for it."""
    waits = WAITS_FOR.get(OrderState(order.state))
    terms = accepted_terms(session, order.company_id, order.payment_terms_id)
    if waits is None or terms is None:
        return None
    choice = terms.choice(stored_price(order, ()), guest=True, since=order.placed_at)
    deposit = next((one for one in choice if one.assurance is Assurance.DEPOSIT), None)
    if deposit is None:
        return None
    check, awaited = awaited_of(session, AddressCheck, order), awaited_of(session, Deposit, order)
    if waits is Assurance.ADDRESS:
        return deposit if check is not None and at < min(check.due_at, deposit.due_at) else None
    if awaited is None or awaited.due_at <= at or (check is not None and check.sends >= MOST_SENDS):
        return None
    return Asked(Assurance.ADDRESS, 0, min(at + TO_CONFIRM, awaited.due_at), "")


def _destination(session: Session, order: SalesOrder) -> Destination:
    way = way_on(session, order)
    if way is not None:
        return way.to()
    return ways_in(session, order.company_id).standard(session.get_one(Party, order.ship_to_id).country)


def _days(forecasts: Sequence[Forecast], *, together: bool) -> tuple[date, ...]:
    """The day of each unit; one day for all that were promised together."""
    days = tuple(one.arrives_on for one in forecasts)
    return (max(days),) * len(days) if together else days


# --- exchanging -------------------------------------------------------------------------------------------------------


def exchange(company_id: int, token: str, shown: ShownExchange, *, actor_id: int | None = None) -> None:
    """Let the order wait for what was shown from now on; if it does already, nothing happens.

    Raises DepositChanged, DateLost (`data["arrives_on"]`: the new date), NoDate, NotFound, and StateRefused if it waits
    for nothing any more or cannot wait for this.
    """
    asked = exchange_of(company_id, token)
    if asked is not None and asked.assurance is shown.assurance:
        must_be_shown(asked.asked, shown.deposit_minor, shown.assurance)
        if asked.arrives_on > shown.arrives_on:
            raise DateLost(field="date", arrives_on=asked.arrives_on)
    with db.writing() as session:
        order = locked_order(session, company_id, db.id_of(order_of(session, company_id, token)))
        if order.state == _STATES[shown.assurance]:  # a twin of this very click was faster
            return
        if asked is None or asked.assurance is not shown.assurance or _instead(session, order, utc_now()) is None:
            raise StateRefused(field="assurance")
        _write(session, order, asked, actor_id)
    log.info("order.assurance_changed", number=order.number, assurance=shown.assurance.value)


def _write(session: Session, order: SalesOrder, asked: Exchange, actor_id: int | None) -> None:
    """Everything about the exchange, under the order's lock."""
    company_id, to_deposit = order.company_id, asked.assurance is Assurance.DEPOSIT
    (replace_address if to_deposit else replace_deposit)(session, order, utc_now())
    move_order(order, _STATES[asked.assurance])
    items = items_of(session, order)
    if asked.anew:
        _place_anew(session, order, items, asked, actor_id)
    made = [item.manufacturing_order_id for item in items if item.manufacturing_order_id is not None]
    if to_deposit:
        wait_for(session, order, asked.asked, made)
        outbox.post(session, company_id, "order_confirmation", order.ship_to_id, order.locale, order_id=order.id)
    else:
        wait_for_address(session, order, asked.asked.due_at, made)
    audit.record(
        session, company_id, "order.assurance_changed", "sales_order", order.id, actor_id=actor_id,
        assurance=asked.assurance.value,
    )


def _place_anew(
    session: Session, order: SalesOrder, items: Sequence[SalesOrderItem], asked: Exchange, actor_id: int | None
) -> None:
    """Give back the slots, and take those that begin after what is waited for; the numbers stay."""
    numbers = dict(session.exec(
        select(ManufacturingOrder.id, ManufacturingOrder.number).where(
            ManufacturingOrder.company_id == order.company_id,
            col(ManufacturingOrder.id).in_([item.manufacturing_order_id for item in items]),
        )
    ).all())
    kept = [numbers[item.manufacturing_order_id] for item in items]
    free_slots(session, order, [plant for _offer, _variant, found in asked.anew for plant in found.plant_ids])
    for item, number, day, (offer, variant, found) in zip(items, kept, asked.dates, asked.anew, strict=True):
        told = item.arrives_on
        item.manufacturing_order_id = reserve(
            session, offer, variant, replace(found, arrives_on=day), pegging_key=item.pegging_key, number=number,
            actor_id=actor_id, not_before=asked.asked.due_at,
        ).manufacturing_order_id
        item.arrives_on = day
        note_promise(session, item, told, day, EXCHANGED)
    for name, value in promise_of(session, items).items():
        setattr(order, name, value)
