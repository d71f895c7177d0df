"""Placing a sales order and reading it back: one click, one order, at the price and for the date that were shown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy import ColumnElement, func, or_, true
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select

from catalog.offer import NotOffered, Offer, current_offer
from catalog.price import Price
from catalog.products import ProductContent, ProductRevision
from catalog.rows import Company, utc_now
from configurator import audit, db, outbox
from configurator.errors import DateLost, NoDate, NotFound, NotValid, PriceChanged
from configurator.idempotency import Keyed, request_hash
from configurator.numbers import draw_number
from configurator.planning import grace
from configurator.planning.holds import HeldUnit, HoldOver, Taken, hold_of, lock_hold, sent, take
from configurator.planning.progress import Progress, progress
from configurator.planning.promise import Destination, Forecast, forecast_all, reserve, zone_of
from configurator.sales.address_checks import AddressView, address_view, note_confirmed, wait_for_address
from configurator.sales.buyers import Buyer, buyer_of, check_buyer, invoicing_of, keep_bill_to, party_columns
from configurator.sales.choices import ReadableChoice, readable_choices
from configurator.sales.configurations import (
    Configuration,
    Selection,
    all_answers,
    decisions_to_json,
    judged,
    offer_of_configuration,
    variant_from_json,
    variant_to_json,
    write_configuration,
)
from configurator.sales.delivery import (
    WayOffer,
    Ways,
    chosen_of,
    kilograms_of,
    must_lead_there,
    ways_in,
)
from configurator.sales.lists import Page, contains, page_of
from configurator.sales.models import OrderState, Quote, SalesOrder, SalesOrderItem
from configurator.sales.parties import Party
from configurator.sales.payment_terms import (
    Asked,
    Assurance,
    PaymentTerms,
    accepted_terms,
    begins_after,
    kept_terms,
    must_be_shown,
    terms_in,
)
from configurator.sales.payments import DepositView, deposit_view, wait_for
from configurator.sales.quotes import AcceptableQuote, accept_in, acceptable_quote
from configurator.sales.refunds import RefundView, refunds_of
from configurator.sales.terms import (
    DeliveryView,
    cost_of,
    delivery_columns,
    delivery_view,
    exchange_rate,
    is_collected,
    price_columns,
    price_for,
    price_items,
    promise_columns,
    stored_price,
    sum_of,
)
from solver.configuration.problem import Decision, Variant

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Shown:
    """What the page showed when the button was pressed. `assurance`: what was chosen where there was a choice."""

    gross_minor: int
    currency: str
    arrives_on: date
    deposit_minor: int | None = None  # None: it showed none, and none is compared
    assurance: Assurance | None = None


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
class OrderedUnit:
    """One unit of an order: what it is, what it costs, when it was promised and how far it is."""

    number: int
    configuration_id: int
    product: ProductContent
    variant: Variant
    choices: tuple[ReadableChoice, ...]
    answers: tuple[Decision, ...]  # to everything that it was asked
    product_revision_id: int
    texts_token: str  # the row with the texts that were typed for it, "" if there are none
    price: Price
    arrives_on: date
    progress: Progress | None  # None: it was cancelled


@dataclass(frozen=True, slots=True)
class OrderView:
    """Everything that a page about an order shows. The promise is that of its last unit, the price that of them all.

    `payment`: the terms of payment that it was placed under, None for orders from before these were kept.
    `deposit`, `address`: what it waits or waited for, None if for nothing of the kind.
    `delivery`: None where the plant's carrier brings it and its price is part of the goods'.
    """

    id: int
    number: str
    token: str
    state: OrderState
    locale: str
    placed_at: datetime
    units: tuple[OrderedUnit, ...]
    price: Price
    buyer: Buyer
    quote_number: str | None
    promise_at: datetime
    dispatch_at: datetime
    arrives_on: date
    zone: str
    deposit: DepositView | None
    address: AddressView | None
    payment: PaymentTerms | None
    delivery: DeliveryView | None
    refunds: tuple[RefundView, ...]
    terms_version: str | None
    house: str
    house_zone: str

    @property
    def groups(self) -> tuple[tuple[OrderedUnit, int], ...]:
        """The first unit of each configuration, and how many units there are of it."""
        alike = Counter(unit.configuration_id for unit in self.units)
        first = {unit.configuration_id: unit for unit in reversed(self.units)}
        return tuple((first[key], count) for key, count in alike.items())

    def unit(self, number: int) -> OrderedUnit:
        """The unit of a number that it has."""
        return next(unit for unit in self.units if unit.number == number)

    @property
    def days(self) -> tuple[date, ...]:
        """The promised days of its deliveries, the first one first."""
        return tuple(sorted({unit.arrives_on for unit in self.units}))

    @property
    def fetched_at(self) -> tuple[tuple[Mapping[str, str], Mapping[str, str] | None], ...]:
        """The plants at which its buyer fetches it, with address and hours where these are stated; none: it is sent."""
        if not is_collected(self.delivery):
            return ()
        known = [unit.progress for unit in self.units if unit.progress is not None]
        return tuple({str(one.plant): (one.plant, one.pickup) for one in known}.values())

    @property
    def product(self) -> ProductContent:
        return self.units[0].product

    @property
    def variant(self) -> Variant:
        return self.units[0].variant

    @property
    def choices(self) -> tuple[ReadableChoice, ...]:
        return self.units[0].choices

    @property
    def progress(self) -> Progress | None:
        """How far the unit is that comes last; None once the order was cancelled."""
        known = [unit.progress for unit in self.units if unit.progress is not None]
        return max(known, key=lambda one: (one.forecast_arrives_on, one.forecast_at), default=None)


# --- placing ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Terms:
    """What an order is judged, priced and dated by: today's revisions, or those of a quote."""

    offers: tuple[Offer, ...]
    quote: AcceptableQuote | None
    house: Company
    ways: Ways
    payment: PaymentTerms


@dataclass(frozen=True, slots=True)
class Unit:
    """One unit that is about to be ordered: judged and priced.

    Attributes
    ----------
    forecast: its date by a moment ago; None for what is held
    arrives_on: the date that was shown for it
    held_as: the key that it is held under, "" if it is not
    configuration_id: its row; None: units of equal `line` get one new row
    """

    offer: Offer
    selection: Selection
    variant: Variant
    price: Price
    forecast: Forecast | None
    arrives_on: date
    held_as: str = ""
    configuration_id: int | None = None
    line: int = 0


@dataclass(frozen=True, slots=True)
class Wanted:
    """A variant that is to be ordered, so many units of it."""

    offer: Offer
    selection: Selection
    variant: Variant
    quantity: int = 1


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
    confirmed_mail: str = "",
    way: str = "",
    terms_version: str | None = None,
    actor_id: int | None = None,
    request: Mapping[str, Any] | None = None,
) -> PlacedOrder:
    """Place one order of one variant; as `place_units` does, but that a quote can be accepted with it.

    With a quote it is judged, priced and dated under the revisions of the quote.

    Parameters
    ----------
    quote_token: the customer's link to the quote that is accepted with this order, in the same transaction
    confirmed_mail: as of `place_units`
    request: what the client sent, if that is something else than selection, variant, buyer and shown

    Raises what `place_units` does, and QuoteNotOpen.
    """
    sent = request if request is not None else {
        "product": selection.product,
        "decisions": decisions_to_json(selection.decisions),
        "variant": variant_to_json(variant),
        "buyer": asdict(buyer),
        "shown": asdict(shown),
        "quote": quote_token,
        "way": way,
    }
    return place_units(
        company_id, [Wanted(offer, selection, variant)], buyer, shown, scope=scope, key=key, request=sent,
        quote_token=quote_token, confirmed_mail=confirmed_mail, way=way, terms_version=terms_version, actor_id=actor_id,
    )


def place_units(
    company_id: int,
    wanted: Sequence[Wanted],
    buyer: Buyer,
    shown: Shown,
    *,
    scope: str,
    key: str,
    request: Mapping[str, Any],
    quote_token: str | None = None,
    confirmed_mail: str = "",
    way: str = "",
    terms_version: str | None = None,
    actor_id: int | None = None,
) -> PlacedOrder:
    """Place one order of several units, all promised for one day; sent again with the same key it is the same order.

    It is judged, priced and dated under today's revisions, and refused if the price is not the one that was shown or if
    the last unit would arrive later. An earlier date than the shown one changes nothing: what was shown is promised.

    Parameters
    ----------
    scope, key, request: whose idempotency key it is, the key, and what came with it
    quote_token: of a quote for the one variant that is wanted
    confirmed_mail: an address of which is known that the buyer reads its mails; of another one it is asked
    way: the code of the way of delivery, "" for the usual one
    terms_version: which terms the buyer has accepted

    Raises PriceChanged (DepositChanged), DateLost (`data["arrives_on"]`: the new date), NoDate, NotValid, NotDelivered,
    NotTogether, KeyReused, BuyerRefused, and InvalidInput for a country that is not served.
    """

    known = bool(confirmed_mail) and buyer.mail.lower() == confirmed_mail.lower()

    def prepare() -> Callable[[Session], PlacedOrder]:
        with db.reading() as session:
            terms = _terms(session, company_id, wanted, quote_token)
        units, chosen, asked = _prepare(terms, wanted, buyer, shown, way, guest=actor_id is None and not known)
        payment = kept_terms(company_id, terms.payment)
        return lambda session: write_order(
            session, company_id, units, buyer, house=terms.house, quote=terms.quote, payment=payment, asked=asked,
            way=chosen, terms_version=terms_version, actor_id=actor_id, known=known and actor_id is None,
        )

    # Somebody was faster in that plant: another one may still keep the date, and knows the honest new one.
    placed, is_new = asked_with(company_id, scope, key, request_hash(request)).once(prepare, (DateLost, NoDate))
    if is_new:
        log.info("order.placed", number=placed.number)
    return placed


def earlier_order(company_id: int, scope: str, key: str, request: Mapping[str, Any]) -> PlacedOrder | None:
    """What `place_order` answered to this key and request before; None if it is new. Raises KeyReused.

    Asked first, a retry gets its order even where nothing of the kind could be ordered any more.
    """
    return asked_with(company_id, scope, key, request_hash(request)).earlier()


def asked_with(company_id: int, scope: str, key: str, body_hash: str) -> Keyed[PlacedOrder]:
    """An order that is asked for with this key."""
    return Keyed(company_id, scope, key, body_hash, PlacedOrder.from_json)


def _terms(session: Session, company_id: int, wanted: Sequence[Wanted], quote_token: str | None) -> _Terms:
    house, ways, payment = (
        session.get_one(Company, company_id), ways_in(session, company_id), terms_in(session, company_id)
    )
    if quote_token:
        quote = acceptable_quote(session, company_id, quote_token)
        return _Terms((quote.offer,), quote, house, quote.ways or ways, payment)
    try:
        offers = tuple(current_offer(session, company_id, one.offer.product.code) for one in wanted)
    except NotOffered as error:
        raise NotFound(field="product") from error
    return _Terms(offers, None, house, ways, payment)


def _prepare(
    terms: _Terms, wanted: Sequence[Wanted], buyer: Buyer, shown: Shown, way: str, *, guest: bool
) -> tuple[list[Unit], WayOffer | None, Asked | None]:
    """Judge, price and date it, outside of any transaction; its way of delivery, and what it waits for."""
    check_buyer(buyer)
    priced = []
    for line, (offer, one) in enumerate(zip(terms.offers, wanted, strict=True)):
        if terms.quote is not None and variant_to_json(one.variant) != terms.quote.variant:
            raise NotValid(field="quote")
        judged(offer, one.variant)
        priced += [(line, offer, one, price_for(offer, one.variant, buyer.country))] * one.quantity
    goods = sum_of([price for *_, price in priced])
    makes = [(offer, one.variant) for _line, offer, one, _price in priced]
    chosen = chosen_of(terms.ways.leading_to(buyer.country, buyer.postal_code, goods, kilograms_of(makes)), way)
    must_lead_there(terms.ways, chosen, way)
    total = sum_of([goods, chosen.price]) if chosen is not None else goods
    if (total.gross, total.currency) != (shown.gross_minor, shown.currency):
        raise PriceChanged(
            field="price", gross_minor=total.gross, currency=total.currency, exponent=total.exponent
        )
    asked = terms.payment.asked_for(total, guest=guest, assurance=shown.assurance)
    must_be_shown(asked, shown.deposit_minor, shown.assurance)
    to = chosen.way.to() if chosen is not None else terms.ways.standard(buyer.country)
    found = forecast_all(makes, to, not_before=begins_after(asked))
    dated = [one for one in found if one is not None]
    if len(dated) < len(found):
        raise NoDate
    last = max(one.arrives_on for one in dated)
    if last > shown.arrives_on:
        raise DateLost(field="date", arrives_on=last)
    # What was shown is what will be held, even where today's forecast is earlier.
    return [
        Unit(
            offer, one.selection, one.variant, price, replace(forecast, arrives_on=shown.arrives_on), shown.arrives_on,
            configuration_id=terms.quote.configuration_id if terms.quote else None, line=line,
        )
        for (line, offer, one, price), forecast in zip(priced, dated, strict=True)
    ], chosen, asked


def write_order(
    session: Session,
    company_id: int,
    units: Sequence[Unit],
    buyer: Buyer,
    *,
    house: Company,
    payment: PaymentTerms,
    quote: AcceptableQuote | None = None,
    hold_key: str = "",
    asked: Asked | None = None,
    way: WayOffer | None = None,
    terms_version: str | None = None,
    actor_id: int | None = None,
    known: bool = False,
) -> PlacedOrder:
    """Everything about an order, in the caller's transaction.

    `hold_key`: of the hold that the held units are taken from. `payment`: a version of the terms. `asked`: what it
    waits for. `way`: the chosen way of delivery. `known`: a guest whose mail address is confirmed already.

    Raises DateLost, NoDate, HoldOver, QuoteNotOpen, NotTogether.
    """
    now = utc_now()
    price = sum_of([*(unit.price for unit in units), *([way.price] if way is not None else [])])
    year = now.astimezone(ZoneInfo(house.zone)).year
    if quote is not None:
        accept_in(session, company_id, quote, now)
    number = draw_number(session, company_id, "SO", year)
    made = _slots(
        session, company_id, units, number, year, hold_key, begins_after(asked),
        way.way.to() if way is not None else None, actor_id,
    )
    zone = zone_of(buyer.country)
    party = Party(company_id=company_id, zone=zone, **party_columns(buyer))
    session.add(party)
    session.flush()
    last = max((one for _, one in made), key=lambda one: (one.arrives_on, one.promise_at))
    order = SalesOrder(
        company_id=company_id,
        number=number,
        customer_id=quote.customer_id if quote else db.id_of(party),
        ship_to_id=db.id_of(party),
        bill_to_id=keep_bill_to(session, company_id, buyer.invoice),
        purchase_order=buyer.invoice.purchase_order,
        quote_id=quote.quote_id if quote else None,
        state=_first_state(asked),
        locale=buyer.locale,
        terms_version=terms_version,
        payment_terms_id=payment.id,
        placed_at=now,
        placed_by=actor_id,
        cost_minor=sum(cost_of(unit.offer, unit.variant) for unit in units),
        exchange_rate=exchange_rate(units[0].offer, house.currency),
        **price_columns(price),
        **delivery_columns(way),
        **promise_columns(last) | {"arrives_on": max(unit.arrives_on for unit in units)},
    )
    session.add(order)
    session.flush()
    made_ids = [order_id for order_id, _ in made]
    _write_items(session, company_id, db.id_of(order), number, units, made_ids)
    if asked is not None and asked.assurance is Assurance.ADDRESS:
        wait_for_address(session, order, asked.due_at, made_ids)
    else:
        if asked is not None:
            wait_for(session, order, asked, made_ids)
        elif known and payment.assurances(price, guest=True):
            note_confirmed(session, order)
        outbox.post(session, company_id, "order_confirmation", db.id_of(party), buyer.locale, order_id=order.id)
    audit.record(
        session, company_id, "order.placed", "sales_order", order.id, actor_id=actor_id,
        moved=sorted({number for _, one in made if isinstance(one, Forecast) for number in one.moved_orders}),
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


def _first_state(asked: Asked | None) -> OrderState:
    if asked is None:
        return OrderState.CONFIRMED
    return OrderState.AWAITING_ADDRESS if asked.assurance is Assurance.ADDRESS else OrderState.AWAITING_DEPOSIT


def _pegging_key(number: str, units: Sequence[Unit], count: int) -> str:
    return number if len(units) == 1 else f"{number}/{count}"


def _slots(
    session: Session, company_id: int, units: Sequence[Unit], number: str, year: int, hold_key: str,
    not_before: datetime | None, to: Destination | None, actor_id: int | None,
) -> list[tuple[int, Forecast | HeldUnit]]:
    """Each unit's manufacturing order and what it promises: held slots are taken, the others found under the locks."""
    lock_hold(session, company_id, hold_key, [
        plant_id for unit in units if unit.forecast for plant_id in unit.forecast.plant_ids
    ])
    held = hold_of(session, company_id, hold_key)
    wanted: dict[str, Taken] = {}
    found: list[tuple[int, Forecast | HeldUnit]] = []
    for count, unit in enumerate(units, start=1):
        key, made = _pegging_key(number, units, count), draw_number(session, company_id, "MO", year)
        if unit.forecast is not None:
            reserved = reserve(
                session, unit.offer, unit.variant, unit.forecast, pegging_key=key, number=made, actor_id=actor_id,
                not_before=not_before,
            )
            found.append((reserved.manufacturing_order_id, reserved.forecast))
            continue
        if held is None or unit.held_as not in held.units:
            raise HoldOver
        wanted[unit.held_as] = Taken(key, made, unit.arrives_on, to)
        kept = held.units[unit.held_as]
        found.append((kept.manufacturing_order_id, (to and sent(kept, to)) or kept))
    if wanted:
        take(session, company_id, hold_key, wanted, actor_id=actor_id)
    return found


def _write_items(
    session: Session, company_id: int, order_id: int, number: str, units: Sequence[Unit], made: Sequence[int]
) -> None:
    configurations: dict[int, int] = {}
    for count, (unit, manufacturing_order_id) in enumerate(zip(units, made, strict=True), start=1):
        configuration_id = unit.configuration_id or configurations.get(unit.line)
        if configuration_id is None:
            configuration_id = configurations[unit.line] = db.id_of(
                write_configuration(session, company_id, unit.offer, unit.selection, unit.variant)
            )
        session.add(SalesOrderItem(
            company_id=company_id, sales_order_id=order_id, number=count, configuration_id=configuration_id,
            price_items=price_items(unit.price), net_minor=unit.price.net, tax_minor=unit.price.tax,
            gross_minor=unit.price.gross, arrives_on=unit.arrives_on,
            pegging_key=_pegging_key(number, units, count), manufacturing_order_id=manufacturing_order_id,
        ))


def start_at_once(company_id: int, order_id: int, *, actor_id: int | None = None) -> bool:
    """End the grace of every unit of an order; whether there was one that waited. Raises NotFound."""
    view, waited = order_by_id(company_id, order_id), False
    for unit in view.units:
        if unit.progress is not None and unit.progress.grace_until is not None and unit.progress.held_until is None:
            grace.start_at_once(company_id, unit.progress.manufacturing_order_id, actor_id=actor_id)
            waited = True
    return waited


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
    units: int
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
            select(SalesOrder, Party)
            .join(Party, col(Party.id) == SalesOrder.ship_to_id)
            .where(SalesOrder.company_id == company_id, which)
        ).one_or_none()
        if row is None:
            raise NotFound(field="token")
        order, party = row
        quote_number = None
        if order.quote_id is not None:
            quote_number = session.exec(
                select(Quote.number).where(Quote.company_id == company_id, Quote.id == order.quote_id)
            ).one()
        units = _ordered_units(session, order)
        buyer = buyer_of(party, invoicing_of(session, order.bill_to_id, order.purchase_order))
        delivery = delivery_view(order)
        deposit, address = deposit_view(session, order), address_view(session, order)
        payment = accepted_terms(session, company_id, order.payment_terms_id)
        refunds = refunds_of(session, order)
        house = session.get_one(Company, company_id)
    return OrderView(
        id=order.id or 0,
        number=order.number,
        token=order.token,
        state=OrderState(order.state),
        locale=order.locale,
        placed_at=order.placed_at,
        units=units,
        price=replace(stored_price(order, ()), items=(
            *(item for unit in units for item in unit.price.items), *(delivery.price.items if delivery else ())
        )),
        buyer=buyer,
        quote_number=quote_number,
        promise_at=order.promise_at,
        dispatch_at=order.dispatch_at,
        arrives_on=order.arrives_on,
        zone=order.zone,
        deposit=deposit,
        address=address,
        payment=payment,
        delivery=delivery,
        refunds=refunds,
        terms_version=order.terms_version,
        house=house.name,
        house_zone=house.zone,
    )


def _ordered_units(session: Session, order: SalesOrder) -> tuple[OrderedUnit, ...]:
    rows = session.exec(
        select(SalesOrderItem, Configuration)
        .join(Configuration, col(Configuration.id) == SalesOrderItem.configuration_id)
        .where(SalesOrderItem.company_id == order.company_id, SalesOrderItem.sales_order_id == order.id)
        .order_by(col(SalesOrderItem.number))
    ).all()
    units = []
    for item, configuration in rows:
        offer = offer_of_configuration(session, configuration)
        variant = variant_from_json(configuration.variant or {})
        made = item.manufacturing_order_id
        units.append(OrderedUnit(
            item.number, item.configuration_id, offer.product, variant, readable_choices(offer.product, variant),
            all_answers(offer.problem, variant), configuration.product_revision_id,
            configuration.token if configuration.texts else "",
            stored_price(order, item.price_items, item), item.arrives_on,
            progress(session, order.company_id, made) if made is not None else None,
        ))
    return tuple(units)


def orders_of(company_id: int, user_id: int, mail: str, *, page: int = 1) -> Page[OrderRow]:
    """An account's orders, newest first: placed by it, or for the mail address that is proven to be its own."""
    placed, sent = col(SalesOrder.placed_by) == user_id, func.lower(Party.mail) == mail.lower()
    return _orders(company_id, or_(placed, sent) if mail else placed, page)


def orders_page(company_id: int, *, search: str = "", page: int = 1) -> Page[OrderRow]:
    """Orders for staff, newest first; `search` looks in numbers, theirs too, customers' names and mail addresses."""
    if not search.strip():
        return _orders(company_id, true(), page)
    like = contains(search)
    return _orders(company_id, or_(*(
        column.ilike(like, escape="\\")
        for column in (col(SalesOrder.number), col(SalesOrder.purchase_order), col(Party.name), col(Party.mail))
    )), page)


def _orders(company_id: int, which: ColumnElement[bool], page: int) -> Page[OrderRow]:
    joined = (
        select(SalesOrder, Party.name, col(ProductRevision.content)["name"], _number_of_units())
        .join(Party, col(Party.id) == SalesOrder.customer_id)
        .join(SalesOrderItem, col(SalesOrderItem.sales_order_id) == SalesOrder.id)
        .join(Configuration, col(Configuration.id) == SalesOrderItem.configuration_id)
        .join(ProductRevision, col(ProductRevision.id) == Configuration.product_revision_id)
        .where(SalesOrder.company_id == company_id, which, SalesOrderItem.number == 1)
    )
    with db.reading() as session:
        found = page_of(session, joined, col(SalesOrder.id).desc(), page)
    return found.map(
        lambda row: OrderRow(
            id=row[0].id or 0, number=row[0].number, token=row[0].token, state=OrderState(row[0].state),
            customer=row[1], product=row[2], units=row[3], gross_minor=row[0].gross_minor, currency=row[0].currency,
            exponent=row[0].exponent, arrives_on=row[0].arrives_on, placed_at=row[0].placed_at,
        )
    )


def _number_of_units() -> Any:
    item = aliased(SalesOrderItem)
    return (
        select(func.count())
        .where(item.company_id == SalesOrder.company_id, item.sales_order_id == SalesOrder.id)
        .correlate(SalesOrder)
        .scalar_subquery()
    )
