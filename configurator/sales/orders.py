"""Placing a sales order and reading it back: one click, one order, at the price and for the date that were shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import structlog
from flask_babel import gettext as _
from sqlalchemy import or_
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from catalog.offer import NotOffered, Offer, current_offer
from catalog.price import Price
from catalog.products import ProductContent, ProductRevision
from catalog.rows import Company, utc_now
from configurator import audit, db, outbox
from configurator.errors import DateLost, DomainError, InvalidInput, NoDate, NotFound, NotValid, PriceChanged
from configurator.idempotency import earlier_answer, remember_answer, request_hash
from configurator.numbers import draw_number
from configurator.planning.progress import Progress, progress
from configurator.planning.promise import Destination, Forecast, forecast, reserve, zone_of
from configurator.sales.choices import ReadableChoice, readable_choices
from configurator.sales.configurations import (
    Configuration,
    Selection,
    decisions_to_json,
    judged,
    offer_of_configuration,
    variant_from_json,
    variant_to_json,
    write_configuration,
)
from configurator.sales.lists import Page, contains, page_of
from configurator.sales.models import OrderState, Quote, SalesOrder, SalesOrderItem
from configurator.sales.parties import Party
from configurator.sales.quotes import AcceptableQuote, accept_in, acceptable_quote
from configurator.sales.terms import (
    margin_columns,
    price_columns,
    price_for,
    price_items,
    promise_columns,
    stored_price,
)
from solver.configuration.problem import Variant

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Buyer:
    """Who orders and where it goes. `country`: ISO 3166-1 alpha-2; `locale`: `zh` or `en`."""

    name: str
    mail: str
    phone: str
    street: str
    postal_code: str
    city: str
    country: str
    locale: str


@dataclass(frozen=True, slots=True)
class Shown:
    """What the page showed when the button was pressed."""

    gross_minor: int
    currency: str
    arrives_on: date


@dataclass(frozen=True, slots=True)
class PlacedOrder:
    """The answer to an order; asked again with the same key it is the same."""

    number: str
    token: str
    gross_minor: int
    currency: str
    exponent: int
    arrives_on: date
    promise_at: datetime

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {"arrives_on": self.arrives_on.isoformat(), "promise_at": self.promise_at.isoformat()}

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> PlacedOrder:
        return PlacedOrder(
            **dict(data)
            | {
                "arrives_on": date.fromisoformat(data["arrives_on"]),
                "promise_at": datetime.fromisoformat(data["promise_at"]),
            }
        )


@dataclass(frozen=True, slots=True)
class OrderView:
    """Everything that a page about an order shows."""

    id: int
    number: str
    token: str
    state: OrderState
    locale: str
    placed_at: datetime
    product: ProductContent
    variant: Variant
    choices: tuple[ReadableChoice, ...]
    price: Price
    buyer: Buyer
    quote_number: str | None
    promise_at: datetime
    dispatch_at: datetime
    arrives_on: date
    zone: str
    progress: Progress


# --- placing ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Terms:
    """What an order is judged, priced and dated by: today's revisions, or those of a quote."""

    offer: Offer
    quote: AcceptableQuote | None
    house: Company


@dataclass(frozen=True, slots=True)
class _Prepared:
    """What is known before the transaction: judged, priced and dated."""

    terms: _Terms
    price: Price
    date: Forecast
    to: Destination


def place_order(
    company_id: int,
    offer: Offer,
    selection: Selection,
    variant: Variant,
    buyer: Buyer,
    shown: Shown,
    *,
    scope: str,
    key: str,
    quote_token: str | None = None,
    actor_id: int | None = None,
    request: Mapping[str, Any] | None = None,
) -> PlacedOrder:
    """Place one order of one variant; sent again with the same key it is the same order.

    Without a quote it is judged, priced and dated under today's revisions, and refused if the price is not the one
    that was shown or if it would arrive later; with a quote under the revisions of the quote. An earlier date than
    the shown one changes nothing: what was shown is promised.

    Parameters
    ----------
    scope, key: whose idempotency key it is, and the key
    quote_token: the customer's link to the quote that is accepted with this order, in the same transaction
    request: what the client sent, if that is something else than selection, variant, buyer and shown

    Raises PriceChanged, DateLost (`data["arrives_on"]`: the new date), NoDate, NotValid, KeyReused, QuoteNotOpen, and
    InvalidInput for a country that is not served.
    """
    body_hash = _body_hash(selection, variant, buyer, shown, quote_token, request)
    try:
        with db.reading() as session:
            answer = earlier_answer(session, company_id, scope, key, body_hash)
            if answer is not None:
                return PlacedOrder.from_json(answer)
            terms = _terms(session, company_id, offer, quote_token)
        for last in (False, False, True):
            prepared = _prepare(terms, variant, buyer, shown)
            try:
                with db.writing() as session:
                    answer = earlier_answer(session, company_id, scope, key, body_hash)
                    if answer is not None:
                        return PlacedOrder.from_json(answer)
                    placed = _write(session, company_id, prepared, selection, variant, buyer, shown, actor_id)
                    remember_answer(session, company_id, scope, key, body_hash, placed.to_json())
                break
            except (DateLost, NoDate):
                # Somebody was faster in that plant; another one may still keep the date, and knows the honest new one.
                if last:
                    raise
    except (IntegrityError, DomainError):
        # A parallel twin with the same key may have been first and taken the slot or the quote: its answer is ours.
        twin = _earlier(company_id, scope, key, body_hash)
        if twin is None:
            raise
        return twin
    log.info("order.placed", number=placed.number)
    return placed


def earlier_order(company_id: int, scope: str, key: str, request: Mapping[str, Any]) -> PlacedOrder | None:
    """What `place_order` answered to this key and request before; None if it is new. Raises KeyReused.

    Asked first, a retry gets its order even where nothing of the kind could be ordered any more.
    """
    return _earlier(company_id, scope, key, request_hash(request))


def _body_hash(
    selection: Selection,
    variant: Variant,
    buyer: Buyer,
    shown: Shown,
    quote_token: str | None,
    request: Mapping[str, Any] | None,
) -> str:
    if request is not None:
        return request_hash(request)
    return request_hash(
        {
            "product": selection.product,
            "decisions": decisions_to_json(selection.decisions),
            "variant": variant_to_json(variant),
            "buyer": asdict(buyer),
            "shown": asdict(shown),
            "quote": quote_token,
        }
    )


def _earlier(company_id: int, scope: str, key: str, body_hash: str) -> PlacedOrder | None:
    with db.reading() as session:
        answer = earlier_answer(session, company_id, scope, key, body_hash)
    return PlacedOrder.from_json(answer) if answer is not None else None


def _terms(session: Session, company_id: int, offer: Offer, quote_token: str | None) -> _Terms:
    house = session.get_one(Company, company_id)
    if quote_token:
        quote = acceptable_quote(session, company_id, quote_token)
        return _Terms(quote.offer, quote, house)
    try:
        return _Terms(current_offer(session, company_id, offer.product.code), None, house)
    except NotOffered as error:
        raise NotFound(field="product") from error


def _prepare(terms: _Terms, variant: Variant, buyer: Buyer, shown: Shown) -> _Prepared:
    """Judge, price and date it, outside of any transaction."""
    _check_buyer(buyer)
    if terms.quote is not None and variant_to_json(variant) != terms.quote.variant:
        raise NotValid(field="quote")
    judged(terms.offer, variant)
    price = price_for(terms.offer, variant, buyer.country)
    if (price.gross, price.currency) != (shown.gross_minor, shown.currency):
        raise PriceChanged(
            field="price", gross_minor=price.gross, currency=price.currency, exponent=price.exponent
        )
    to = Destination(buyer.country, zone_of(buyer.country))
    found = forecast(terms.offer, variant, to)
    if found.arrives_on > shown.arrives_on:
        raise DateLost(field="date", arrives_on=found.arrives_on)
    # What was shown is what will be held, even where today's forecast is earlier.
    return _Prepared(terms, price, replace(found, arrives_on=shown.arrives_on), to)


def _check_buyer(buyer: Buyer) -> None:
    for name in ("name", "mail", "street", "city", "country"):
        if not getattr(buyer, name).strip():
            raise InvalidInput(field=name, what=_("Please fill this in."))


def _write(
    session: Session,
    company_id: int,
    prepared: _Prepared,
    selection: Selection,
    variant: Variant,
    buyer: Buyer,
    shown: Shown,
    actor_id: int | None,
) -> PlacedOrder:
    """Everything about the order, in the caller's transaction."""
    now = utc_now()
    quote, offer = prepared.terms.quote, prepared.terms.offer
    year = now.astimezone(ZoneInfo(prepared.terms.house.zone)).year
    if quote is not None:
        accept_in(session, company_id, quote, now)
    number = draw_number(session, company_id, "SO", year)
    made = draw_number(session, company_id, "MO", year)
    reserved = reserve(
        session, offer, variant, prepared.date, pegging_key=number, number=made, actor_id=actor_id
    )
    party = Party(company_id=company_id, zone=prepared.to.zone, **asdict(buyer))
    session.add(party)
    if quote is None:
        configuration_id = db.id_of(write_configuration(session, company_id, offer, selection, variant))
    else:
        session.flush()
        configuration_id = quote.configuration_id
    held = reserved.forecast
    order = SalesOrder(
        company_id=company_id,
        number=number,
        customer_id=quote.customer_id if quote else db.id_of(party),
        ship_to_id=db.id_of(party),
        quote_id=quote.quote_id if quote else None,
        locale=buyer.locale,
        placed_at=now,
        **price_columns(prepared.price),
        **margin_columns(offer, variant, prepared.terms.house.currency),
        **promise_columns(held) | {"arrives_on": shown.arrives_on},
    )
    session.add(order)
    session.flush()
    session.add(
        SalesOrderItem(
            company_id=company_id,
            sales_order_id=db.id_of(order),
            configuration_id=configuration_id,
            price_items=price_items(prepared.price),
            pegging_key=number,
            manufacturing_order_id=reserved.manufacturing_order_id,
        )
    )
    outbox.post(session, company_id, "order_confirmation", db.id_of(party), buyer.locale, order_id=order.id)
    audit.record(
        session, company_id, "order.placed", "sales_order", order.id, actor_id=actor_id, moved=held.moved_orders
    )
    if quote is not None:
        audit.record(
            session, company_id, "quote.accepted", "quote", quote.quote_id, revision=quote.number, order=number
        )
    return PlacedOrder(
        number=number,
        token=order.token,
        gross_minor=order.gross_minor,
        currency=order.currency,
        exponent=order.exponent,
        arrives_on=order.arrives_on,
        promise_at=order.promise_at,
    )


# --- reading ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class OrderRow:
    """An order in a list."""

    id: int
    number: str
    token: str
    state: OrderState
    customer: str
    product: Mapping[str, str]  # its name, zh and en
    gross_minor: int
    currency: str
    exponent: int
    arrives_on: date
    placed_at: datetime


def order_by_token(company_id: int, token: str) -> OrderView:
    """The order of a public address; raises NotFound."""
    return _order(company_id, col(SalesOrder.token) == token)


def order_by_id(company_id: int, order_id: int) -> OrderView:
    """The order, for staff; raises NotFound."""
    return _order(company_id, col(SalesOrder.id) == order_id)


def _order(company_id: int, which: Any) -> OrderView:
    with db.reading() as session:
        row = session.exec(
            select(SalesOrder, SalesOrderItem, Configuration, Party)
            .join(SalesOrderItem, col(SalesOrderItem.sales_order_id) == SalesOrder.id)
            .join(Configuration, col(Configuration.id) == SalesOrderItem.configuration_id)
            .join(Party, col(Party.id) == SalesOrder.ship_to_id)
            .where(SalesOrder.company_id == company_id, which)
        ).one_or_none()
        if row is None:
            raise NotFound(field="token")
        order, item, configuration, party = row
        quote_number = None
        if order.quote_id is not None:
            quote_number = session.exec(
                select(Quote.number).where(Quote.company_id == company_id, Quote.id == order.quote_id)
            ).one()
        offer = offer_of_configuration(session, configuration)
        making = progress(session, company_id, item.manufacturing_order_id)
    variant = variant_from_json(configuration.variant or {})
    return OrderView(
        id=order.id or 0,
        number=order.number,
        token=order.token,
        state=OrderState(order.state),
        locale=order.locale,
        placed_at=order.placed_at,
        product=offer.product,
        variant=variant,
        choices=readable_choices(offer.product, variant),
        price=stored_price(order, item.price_items),
        buyer=buyer_of(party),
        quote_number=quote_number,
        promise_at=order.promise_at,
        dispatch_at=order.dispatch_at,
        arrives_on=order.arrives_on,
        zone=order.zone,
        progress=making,
    )


def buyer_of(party: Party) -> Buyer:
    """The buyer that a party row describes."""
    return Buyer(
        party.name, party.mail, party.phone, party.street, party.postal_code, party.city, party.country, party.locale
    )


def orders_page(company_id: int, *, search: str = "", page: int = 1) -> Page[OrderRow]:
    """Orders for staff, newest first; `search` looks in numbers, customers' names and mail addresses."""
    wanted = [col(SalesOrder.company_id) == company_id]
    if search.strip():
        like = contains(search)
        wanted.append(or_(*(
            column.ilike(like, escape="\\") for column in (col(SalesOrder.number), col(Party.name), col(Party.mail))
        )))
    joined = (
        select(SalesOrder, Party.name, col(ProductRevision.content)["name"])
        .join(Party, col(Party.id) == SalesOrder.customer_id)
        .join(SalesOrderItem, col(SalesOrderItem.sales_order_id) == SalesOrder.id)
        .join(Configuration, col(Configuration.id) == SalesOrderItem.configuration_id)
        .join(ProductRevision, col(ProductRevision.id) == Configuration.product_revision_id)
        .where(*wanted)
    )
    with db.reading() as session:
        found = page_of(session, joined, col(SalesOrder.id).desc(), page)
    return found.map(
        lambda row: OrderRow(
            id=row[0].id or 0, number=row[0].number, token=row[0].token, state=OrderState(row[0].state),
            customer=row[1], product=row[2], gross_minor=row[0].gross_minor, currency=row[0].currency,
            exponent=row[0].exponent, arrives_on=row[0].arrives_on, placed_at=row[0].placed_at,
        )
    )
