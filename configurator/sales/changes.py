"""A placed order is changed or cancelled by its buyer: judged, priced, dated and confirmed like an order.

A change is priced by the order's own revisions, those under which the buyer agreed, so that only what is changed
changes the price. What the item was before is kept as a revision of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from typing import Any

import structlog
from flask_babel import lazy_gettext as _l
from sqlalchemy import delete
from sqlmodel import Session, col, func, select

from catalog.offer import Offer
from catalog.price import Price
from catalog.products import ProductContent
from configurator import audit, db, outbox
from configurator.errors import DateLost, DomainError, InvalidInput, NoDate, NotFound, Outdated, PriceChanged
from configurator.idempotency import Keyed, request_hash
from configurator.planning.amend import Amended, amend, amended, release
from configurator.planning.decoupling import Windows, standing, whole_window, windows
from configurator.planning.models import ManufacturingOrder
from configurator.sales.address_checks import waive_address
from configurator.sales.choices import ReadableChoice, readable_choices
from configurator.sales.configurations import (
    Configuration,
    Selection,
    decisions_from_json,
    decisions_to_json,
    judged,
    offer_of_configuration,
    variant_from_json,
    variant_to_json,
    write_configuration,
)
from configurator.sales.lookups import items_of, locked_order, order_of
from configurator.sales.models import (
    DateMove,
    DateWatch,
    ItemRevision,
    MovedDate,
    OrderState,
    PromiseColumns,
    SalesOrder,
    SalesOrderItem,
    move_order,
)
from configurator.sales.orders import Shown
from configurator.sales.parties import Party
from configurator.sales.payments import waive_deposit
from configurator.sales.refunds import book_refund
from configurator.sales.terms import (
    cost_of,
    delivery_price,
    price_columns,
    price_for,
    price_items,
    stored_price,
    sum_of,
)
from solver.configuration.problem import Decision, Variant

log = structlog.get_logger()
CANCELLABLE = (OrderState.AWAITING_ADDRESS, OrderState.AWAITING_DEPOSIT, OrderState.CONFIRMED)
CHANGED = "changed"  # the reason of a promise that moved because the buyer changed the order


class NotChangeable(DomainError):
    """The order is cancelled or completed."""

    code, status, words = "not_changeable", 409, _l("This order is closed and can no longer be changed.")


class AwaitsDeposit(NotChangeable):
    """The order waits for its deposit, which was asked for what it is."""

    code = "awaits_deposit"
    words = _l("This order waits for its deposit. Once that is here, it can be changed.")


class AwaitsAddress(NotChangeable):
    """The order waits for its buyer to confirm the mail address."""

    code = "awaits_address"
    words = _l("This order waits until you have confirmed your email address. Then it can be changed.")


@dataclass(frozen=True, slots=True)
class Changeable:
    """A unit of an order as it is now, and until when each of its answers can be changed.

    `base`: the token of its configuration; a change says on which one it builds. `units`: how many the order has.
    """

    order_id: int
    token: str
    number: str
    item: int
    units: int
    state: OrderState
    base: str
    offer: Offer
    variant: Variant
    decisions: tuple[Decision, ...]
    country: str
    price: Price
    arrives_on: date
    zone: str
    plant_zone: str
    manufacturing_order_id: int
    windows: Windows


@dataclass(frozen=True, slots=True)
class Terms:
    """What a change would come to: the item's new price, and its new date by the present schedule."""

    price: Price
    amended: Amended

    @property
    def arrives_on(self) -> date:
        return self.amended.forecast.arrives_on


@dataclass(frozen=True, slots=True)
class ChangedOrder:
    """The answer to a confirmed change; asked again with the same key it is the same."""

    number: str
    token: str
    revision: int
    gross_minor: int
    arrives_on: date

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {"arrives_on": self.arrives_on.isoformat()}

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> ChangedOrder:
        return ChangedOrder(**dict(data) | {"arrives_on": date.fromisoformat(data["arrives_on"])})


# --- before -----------------------------------------------------------------------------------------------------------


def changeable(company_id: int, token: str, item: int, *, now: datetime | None = None) -> Changeable:
    """The unit of this number of the order at a public address; raises NotFound, and NotChangeable if it is gone."""
    with db.reading() as session:
        order, row, configuration, country = _read(session, company_id, token, item)
        if row.manufacturing_order_id is None:
            raise NotChangeable
        offer = offer_of_configuration(session, configuration)
        variant = variant_from_json(configuration.variant or {})
        stands = standing(session, company_id, row.manufacturing_order_id, now=now)
        return Changeable(
            order_id=db.id_of(order), token=order.token, number=order.number, item=row.number,
            units=len(items_of(session, order)), state=OrderState(order.state), base=configuration.token,
            offer=offer, variant=variant,
            decisions=decisions_from_json(configuration.decisions), country=country,
            price=stored_price(order, row.price_items, row), arrives_on=row.arrives_on, zone=order.zone,
            plant_zone=stands.plant.zone, manufacturing_order_id=row.manufacturing_order_id,
            windows=windows(stands, offer, variant),
        )  # fmt: skip


def terms_of(asked: Changeable, variant: Variant) -> Terms:
    """What it would come to as `variant`, by the present schedule without the unit's own load.

    Raises NotChangeable (AwaitsDeposit, AwaitsAddress), NotValid, TooLate, NoDate, and InvalidInput if nothing would
    change.
    """
    refuse_unchangeable(asked.state)
    if variant == asked.variant:
        raise InvalidInput(field="choices", what=_l("Nothing has been changed yet."))
    judged(asked.offer, variant)
    price = price_for(asked.offer, variant, asked.country)
    return Terms(price, amended(asked.offer, asked.variant, variant, asked.manufacturing_order_id))


def refuse_unchangeable(state: OrderState) -> None:
    """Raises NotChangeable unless an order of this state can be changed."""
    if state == OrderState.AWAITING_DEPOSIT:
        raise AwaitsDeposit
    if state == OrderState.AWAITING_ADDRESS:
        raise AwaitsAddress
    if state != OrderState.CONFIRMED:
        raise NotChangeable


def cancel_until(company_id: int, token: str) -> tuple[datetime | None, bool]:
    """Until when the whole order can be cancelled (None: no limit is known), and whether it still can."""
    with db.reading() as session:
        order = order_of(session, company_id, token)
        found = [whole_window(standing(session, company_id, made)) for made in _made(items_of(session, order))]
    until = min((window.until for window in found if window.until is not None), default=None)
    return until, order.state in CANCELLABLE and all(window.open for window in found)


# --- changing ---------------------------------------------------------------------------------------------------------


def change_order(
    company_id: int,
    token: str,
    item: int,
    selection: Selection,
    variant: Variant,
    shown: Shown,
    *,
    base: str,
    key: str,
    actor_id: int | None = None,
    request: Mapping[str, Any] | None = None,
) -> ChangedOrder:
    """Make the unit as `variant` from now on; sent again with the same key it is the same change.

    Parameters
    ----------
    item: the number of the unit
    base: the token of the configuration that the change builds on (`Changeable.base`)
    shown: price and date that the page showed
    request: what the client sent, if that is something else than selection, variant, base and shown

    Raises Outdated if the item was changed meanwhile, TooLate if something that the change touches has begun meanwhile,
    PriceChanged, DateLost (`data["arrives_on"]`: the new date), NoDate, NotValid, NotChangeable, KeyReused, NotFound.
    """
    body_hash = request_hash(request if request is not None else {
        "base": base, "decisions": decisions_to_json(selection.decisions), "variant": variant_to_json(variant),
        "shown": asdict(shown),
    })  # fmt: skip

    def prepare() -> Callable[[Session], ChangedOrder]:
        asked = changeable(company_id, token, item)
        if asked.base != base:
            raise Outdated(field="base")
        found = _agreed(terms_of(asked, variant), shown)
        return lambda session: _write(session, company_id, asked, selection, variant, found, actor_id)

    changed, is_new = _asked_with(company_id, token, item, key, body_hash).once(prepare, (DateLost, NoDate))
    if is_new:
        log.info("order.changed", number=changed.number, revision=changed.revision)
    return changed


def earlier_change(
    company_id: int, token: str, item: int, key: str, request: Mapping[str, Any]
) -> ChangedOrder | None:
    """What `change_order` answered to this key and request before; None if it is new. Raises KeyReused."""
    return _asked_with(company_id, token, item, key, request_hash(request)).earlier()


def _asked_with(company_id: int, token: str, item: int, key: str, body_hash: str) -> Keyed[ChangedOrder]:
    return Keyed(company_id, f"change:{token}:{item}"[:120], key, body_hash, ChangedOrder.from_json)


def _agreed(terms: Terms, shown: Shown) -> Terms:
    """The terms, if they are no worse than what the page showed; an earlier date changes nothing of what was shown."""
    price, forecast = terms.price, terms.amended.forecast
    if (price.gross, price.currency) != (shown.gross_minor, shown.currency):
        raise PriceChanged(
            field="price", gross_minor=price.gross, currency=price.currency, exponent=price.exponent
        )
    if forecast.arrives_on > shown.arrives_on:
        raise DateLost(field="date", arrives_on=forecast.arrives_on)
    return replace(terms, amended=replace(terms.amended, forecast=replace(forecast, arrives_on=shown.arrives_on)))


def _write(
    session: Session,
    company_id: int,
    asked: Changeable,
    selection: Selection,
    variant: Variant,
    found: Terms,
    actor_id: int | None,
) -> ChangedOrder:
    """Everything about the change, in the caller's transaction and under the order's lock."""
    order = locked_order(session, company_id, asked.order_id)
    items = items_of(session, order)
    item = next(one for one in items if one.number == asked.item)
    before = session.get_one(Configuration, item.configuration_id)
    if before.token != asked.base:
        raise Outdated(field="base")
    refuse_unchangeable(OrderState(order.state))
    revision = _archive(session, order, item, cost_of(asked.offer, asked.variant))
    held = amend(
        session, asked.offer, asked.variant, variant, asked.manufacturing_order_id, found.amended, actor_id=actor_id
    )
    told = item.arrives_on
    item.configuration_id = db.id_of(write_configuration(session, company_id, asked.offer, selection, variant))
    item.price_items, item.arrives_on = price_items(found.price), held.arrives_on
    item.net_minor, item.tax_minor, item.gross_minor = found.price.net, found.price.tax, found.price.gross
    order.cost_minor += cost_of(asked.offer, variant) - cost_of(asked.offer, asked.variant)
    delivery = delivery_price(order)
    price = sum_of([
        *(found.price if one is item else stored_price(order, one.price_items, one) for one in items),
        *([delivery] if delivery is not None else []),
    ])  # fmt: skip
    for name, value in (price_columns(price) | promise_of(session, items)).items():
        setattr(order, name, value)
    note_promise(session, item, told, item.arrives_on, CHANGED)
    book_refund(session, order)
    outbox.post(
        session, company_id, "order_changed", order.ship_to_id, order.locale, order_id=order.id, unit=item.number,
        revision=revision,
    )  # fmt: skip
    audit.record(
        session, company_id, "order.changed", "sales_order", order.id, actor_id=actor_id, unit=item.number,
        revision=revision + 1, moved=held.moved_orders,
    )  # fmt: skip
    return ChangedOrder(order.number, order.token, revision + 1, order.gross_minor, order.arrives_on)


def _archive(session: Session, order: SalesOrder, item: SalesOrderItem, cost_minor: int) -> int:
    """Keep what the unit is until now; the number of that revision."""
    count = session.exec(select(func.count()).select_from(ItemRevision).where(
        ItemRevision.company_id == order.company_id, ItemRevision.item_id == item.id
    )).one()  # fmt: skip
    prices = price_columns(stored_price(order, item.price_items, item))
    session.add(ItemRevision(
        company_id=order.company_id, item_id=db.id_of(item), number=count + 1, configuration_id=item.configuration_id,
        price_items=item.price_items, cost_minor=cost_minor, exchange_rate=order.exchange_rate, **prices,
        **promise_of(session, [item]),
    ))  # fmt: skip
    return count + 1


def promise_of(session: Session, items: Sequence[SalesOrderItem]) -> dict[str, Any]:
    """What is promised for the last of these units, as a document's columns."""
    session.flush()
    made = session.exec(
        select(ManufacturingOrder).where(
            ManufacturingOrder.company_id == items[0].company_id, col(ManufacturingOrder.id).in_(_made(items))
        )
    ).all()
    last = max(made, key=lambda one: (one.arrives_on, one.promise_at))
    columns = {name: getattr(last, name) for name in PromiseColumns.model_fields}
    return columns | {"arrives_on": max(item.arrives_on for item in items)}


def note_promise(session: Session, item: SalesOrderItem, was: date, becomes: date, reason: str) -> None:
    """The promised date is another one from now on, and what the buyer was told last."""
    session.execute(delete(DateWatch).where(
        col(DateWatch.company_id) == item.company_id, col(DateWatch.item_id) == item.id
    ))  # fmt: skip
    if was != becomes:
        session.add(DateMove(
            company_id=item.company_id, item_id=db.id_of(item), kind=MovedDate.PROMISE, was=was, becomes=becomes,
            promised=becomes, reason=reason,
        ))  # fmt: skip


# --- cancelling -------------------------------------------------------------------------------------------------------


def cancel_order(company_id: int, token: str, *, actor_id: int | None = None) -> None:
    """Nothing of the order is made, and its capacity and material are free; once cancelled it stays so.

    A deposit or a confirmation that it waits for is no longer asked for; a deposit that was received is owed back.

    Raises TooLate if something of it has begun or is about to, NotChangeable once it is completed, NotFound.
    """
    with db.reading() as session:
        order_id = db.id_of(order_of(session, company_id, token))
    with db.writing() as session:
        order = locked_order(session, company_id, order_id)
        if order.state == OrderState.CANCELLED:
            return
        if order.state not in CANCELLABLE:
            raise NotChangeable
        waive_deposit(session, order)
        waive_address(session, order)
        release(session, company_id, _made(items_of(session, order)), actor_id=actor_id)
        move_order(order, OrderState.CANCELLED)
        book_refund(session, order)
        outbox.post(session, company_id, "order_cancelled", order.ship_to_id, order.locale, order_id=order.id)
        audit.record(session, company_id, "order.cancelled", "sales_order", order.id, actor_id=actor_id)
    log.info("order.cancelled", number=order.number)


# --- after ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RevisionView:
    """What a unit was before it was changed. `number`: of the revision, counted for each unit."""

    unit: int
    number: int
    choices: tuple[ReadableChoice, ...]
    price: Price
    arrives_on: date
    replaced_at: datetime


@dataclass(frozen=True, slots=True)
class MoveView:
    """A date of a unit that moved, as the buyer was told."""

    unit: int
    kind: MovedDate
    was: date
    becomes: date
    promised: date
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True)
class OrderHistory:
    """Earlier revisions and moved dates of an order, each newest first."""

    revisions: tuple[RevisionView, ...]
    moves: tuple[MoveView, ...]


def order_history(company_id: int, order_id: int) -> OrderHistory:
    """What happened to an order since it was placed."""
    mine = (SalesOrderItem.company_id == company_id, SalesOrderItem.sales_order_id == order_id)
    with db.reading() as session:
        revisions = session.exec(
            select(SalesOrderItem.number, ItemRevision, Configuration)
            .join(SalesOrderItem, col(SalesOrderItem.id) == ItemRevision.item_id)
            .join(Configuration, col(Configuration.id) == ItemRevision.configuration_id)
            .where(*mine)
            .order_by(col(ItemRevision.id).desc())
        ).all()
        moves = session.exec(
            select(SalesOrderItem.number, DateMove)
            .join(SalesOrderItem, col(SalesOrderItem.id) == DateMove.item_id)
            .where(*mine)
            .order_by(col(DateMove.id).desc())
        ).all()
        products = {row.id: offer_of_configuration(session, row).product for *_, row in revisions}
    return OrderHistory(
        tuple(_revision_view(unit, row, was, products[was.id]) for unit, row, was in revisions),
        tuple(_move_view(unit, row) for unit, row in moves),
    )


def move_by_id(company_id: int, move_id: int) -> tuple[int, MoveView]:
    """A moved date with its order's id; raises NotFound."""
    with db.reading() as session:
        found = session.exec(
            select(SalesOrderItem.sales_order_id, SalesOrderItem.number, DateMove)
            .join(DateMove, col(DateMove.item_id) == SalesOrderItem.id)
            .where(DateMove.company_id == company_id, DateMove.id == move_id)
        ).one_or_none()
    if found is None:
        raise NotFound(field="move")
    order_id, unit, row = found
    return order_id, _move_view(unit, row)


def _move_view(unit: int, row: DateMove) -> MoveView:
    return MoveView(unit, MovedDate(row.kind), row.was, row.becomes, row.promised, row.reason, row.at)


def _revision_view(
    unit: int, row: ItemRevision, configuration: Configuration, product: ProductContent
) -> RevisionView:
    return RevisionView(
        unit, row.number, readable_choices(product, variant_from_json(configuration.variant or {})),
        stored_price(row, row.price_items), row.arrives_on, row.replaced_at,
    )  # fmt: skip


# --- reading ----------------------------------------------------------------------------------------------------------


def _read(
    session: Session, company_id: int, token: str, item: int
) -> tuple[SalesOrder, SalesOrderItem, Configuration, str]:
    """Order, item, its configuration, and the country that it goes to; raises NotFound."""
    found = session.exec(
        select(SalesOrder, SalesOrderItem, Configuration, Party.country)
        .join(SalesOrderItem, col(SalesOrderItem.sales_order_id) == SalesOrder.id)
        .join(Configuration, col(Configuration.id) == SalesOrderItem.configuration_id)
        .join(Party, col(Party.id) == SalesOrder.ship_to_id)
        .where(SalesOrder.company_id == company_id, SalesOrder.token == token, SalesOrderItem.number == item)
    ).one_or_none()
    if found is None:
        raise NotFound(field="token")
    return found


def _made(items: Sequence[SalesOrderItem]) -> list[int]:
    """The manufacturing orders of these units."""
    return [item.manufacturing_order_id for item in items if item.manufacturing_order_id is not None]
