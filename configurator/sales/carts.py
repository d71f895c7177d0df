"""The cart: variants that somebody has put together, their dates held for a while, and the order made of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any

import structlog
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import delete, or_
from sqlmodel import Session, col, select

from catalog.offer import NotOffered, Offer, current_offer
from catalog.price import Price
from catalog.products import ProductContent
from catalog.rows import Company, utc_now
from configurator import db
from configurator.errors import DateLost, DomainError, InvalidInput, NoDate, NotFound, NotValid, Outdated, PriceChanged
from configurator.idempotency import Keyed, request_hash
from configurator.planning.books import PlantBook
from configurator.planning.holds import (
    HeldUnit,
    HoldOver,
    HoldsFull,
    HoldView,
    Wish,
    books_without,
    expiry,
    hold,
    hold_of,
    let_go,
    renew,
)
from configurator.planning.promise import Forecast, forecast_all
from configurator.sales.buyers import Buyer, check_buyer
from configurator.sales.choices import ReadableChoice, readable_choices
from configurator.sales.configurations import (
    Configuration,
    Selection,
    decisions_from_json,
    judged,
    offer_of_configuration,
    variant_from_json,
    write_configuration,
)
from configurator.sales.delivery import (
    ShipTo,
    WayOffer,
    Ways,
    by_way,
    chosen_of,
    kilograms_of,
    must_lead_there,
    ways_in,
)
from configurator.sales.models import Cart, CartItem, Deliveries, TakenOutItem
from configurator.sales.orders import PlacedOrder, Unit, Wanted, asked_with, write_order
from configurator.sales.payment_terms import (
    Asked,
    Assurance,
    AssuranceOffer,
    PaymentTerms,
    begins_after,
    kept_terms,
    must_be_shown,
    terms_in,
)
from configurator.sales.terms import NotTogether, price_for, sum_of
from solver.configuration.problem import Decision, Variant

log = structlog.get_logger()
MOST_UNITS = 20  # of a cart: each has slots of its own
TRIES = 3
KEPT_FOR = timedelta(days=60)  # a cart, from its first item on


class Trust(StrEnum):
    """Who has a cart. Staff's holds alone may take more than the share that is kept for all carts together."""

    STRANGER = "stranger"
    CUSTOMER = "customer"  # with an account, which anybody can make
    STAFF = "staff"


class CartFull(DomainError):
    """More units than a cart takes."""

    code, status, words = "cart_full", 422, ""

    def message(self) -> str:
        return _("A cart takes up to %(number)s pieces. For more, ask us for a quote.", number=MOST_UNITS)


class NotInCart(NotFound):
    """There is no such cart (any more), or nothing of the kind in it."""


class TooManyToHold(DomainError):
    """More units of an item than can be held together; nothing was changed.

    Attributes
    ----------
    number, last: how many can be held, and the last of their days
    asked, all_last: how many were wanted, and the last day of all of them by today's forecast
    """

    code, status = "too_many_to_hold", 409
    words = _l("We can hold %(number)s of these %(asked)s for you.")

    def __init__(self, number: int, last: date, asked: int, all_last: date) -> None:
        super().__init__(field="quantity", number=number, asked=asked)
        self.number, self.last, self.asked, self.all_last = number, last, asked, all_last


class Trouble(StrEnum):
    """Why an item cannot be ordered as it is."""

    WITHDRAWN = "withdrawn"  # the product is not offered any more
    CHANGED = "changed"  # the catalog was published anew, and this variant cannot be built any more
    NOT_SERVED = "not_served"  # the product is not sold to this country


@dataclass(frozen=True, slots=True)
class CartLine:
    """An item of a cart, under the revisions that it is held with or else today's.

    Attributes
    ----------
    texts_token: the row with the texts that were typed for it, "" if there are none
    price: of one unit; None while there is trouble
    earlier_gross: what one unit cost when it was put in, where that is not today's price
    dates: of each unit; None where the factory has no room
    held: how many of the units have their slots
    """

    id: int
    offer: Offer
    selection: Selection
    variant: Variant
    choices: tuple[ReadableChoice, ...]
    texts_token: str
    quantity: int
    price: Price | None
    earlier_gross: int | None
    dates: tuple[date | None, ...]
    held: int
    trouble: Trouble | None

    @property
    def product(self) -> ProductContent:
        return self.offer.product

    @property
    def decisions(self) -> tuple[Decision, ...]:
        return self.selection.decisions


@dataclass(frozen=True, slots=True)
class TakenOut:
    """What was last taken out of a cart."""

    product: ProductContent
    quantity: int


@dataclass(frozen=True, slots=True)
class CartView:
    """Everything that the cart's page shows.

    Attributes
    ----------
    total: of all items with their delivery; None while one is in trouble or they cannot be ordered together
    ways: the ways of delivery that lead there, the usual one first
    way: the chosen one; None: none leads there, or the plants' carriers bring everything
    held_until: the end of the live hold
    renewed: whether it was made longer already
    asked: what is asked for before it is made; None: nothing
    assurances: where there is a choice of that, each with its date
    expired: its last hold is over, and nothing is held instead
    taken_out: what can be put back
    """

    token: str
    country: str
    deliveries: Deliveries
    lines: tuple[CartLine, ...]
    total: Price | None
    held_until: datetime | None
    renewed: bool
    expired: bool
    asked: Asked | None
    assurances: tuple[AssuranceOffer, ...]
    ways: tuple[WayOffer, ...]
    way: WayOffer | None
    delivered: bool  # some way leads there, or there is nothing to choose
    taken_out: TakenOut | None

    @property
    def units(self) -> int:
        return sum(line.quantity for line in self.lines)

    @property
    def dates(self) -> tuple[date | None, ...]:
        """Of every unit, in the order of the items."""
        return tuple(day for line in self.lines for day in line.dates)

    @property
    def first(self) -> date | None:
        """The day of the first delivery, if each unit came by itself."""
        return min((day for day in self.dates if day), default=None)

    @property
    def last(self) -> date | None:
        """The day of the last delivery; None if a unit has no date."""
        return None if None in self.dates else max((day for day in self.dates if day), default=None)

    @property
    def all_held(self) -> bool:
        return self.held_until is not None and all(line.held == line.quantity for line in self.lines)

    @property
    def can_be_ordered(self) -> bool:
        return bool(self.lines) and self.delivered and self.total is not None and self.last is not None

    def promised(self) -> tuple[date, ...]:
        """The day that an order would promise for each unit."""
        days = tuple(day for day in self.dates if day)
        return tuple(max(days) for _day in days) if self.deliveries is Deliveries.TOGETHER else days


@dataclass(frozen=True, slots=True)
class ShownCart:
    """What the page showed when the button was pressed: the total, and the day promised for each unit."""

    gross_minor: int
    currency: str
    arrives_on: tuple[date, ...]
    deposit_minor: int | None = None  # None: it showed none, and none is compared
    assurance: Assurance | None = None  # what was chosen where there was a choice


# --- reading ----------------------------------------------------------------------------------------------------------


def cart_of(
    company_id: int, token: str, *, to: ShipTo | None = None, guest: bool = True,
    assurance: Assurance | None = None, now: datetime | None = None,
) -> CartView | None:
    """The cart of a token; None if there is none (any more).

    `to`: as if it went there instead. `assurance`: what it would wait for, where there is a choice.
    """
    read = _read(company_id, token, now, guest=guest)
    return None if read is None else _view(read, to, assurance, now)


def units_in(company_id: int, token: str) -> int:
    """How many units are in a cart; 0 for no cart."""
    if not token:
        return 0
    with db.reading() as session:
        found = session.exec(
            select(CartItem.quantity)
            .join(Cart, col(Cart.id) == CartItem.cart_id)
            .where(CartItem.company_id == company_id, Cart.company_id == company_id, Cart.token == token)
        ).all()
    return sum(found)


@dataclass(frozen=True, slots=True)
class _Item:
    """An item as it is judged: `offer` is the one of its revisions while it is held, else today's.

    `quantity`: its row's, or the one that is to be its row's.
    """

    row: CartItem
    quantity: int
    configuration: Configuration
    own: Offer
    offer: Offer
    variant: Variant
    trouble: Trouble | None
    held: tuple[str, ...]  # the keys of its units that are held

    @property
    def unit_keys(self) -> list[str]:
        return _unit_keys(self.row, self.quantity)

    @property
    def selection(self) -> Selection:
        row = self.configuration
        return Selection(row.product_code, decisions_from_json(row.decisions), dict(row.texts))


@dataclass(frozen=True, slots=True)
class _Read:
    cart: Cart
    items: tuple[_Item, ...]
    hold: HoldView | None
    guest: bool
    ways: Ways
    payment: PaymentTerms
    taken_out: TakenOut | None

    def goods(self, country: str) -> Price | None:
        """Of all units; None while an item is in trouble or they cannot be ordered together."""
        prices = [_priced(item, country)[0] for item in self.items for _unit in range(item.quantity)]
        known = [price for price in prices if price is not None]
        try:
            return sum_of(known) if known and len(known) == len(prices) else None
        except NotTogether:
            return None

    def leading_to(self, to: ShipTo | None) -> tuple[WayOffer, ...]:
        """The ways that lead there; to the cart's country before its buyer has said more."""
        goods = self.goods(to.country if to is not None else self.cart.country)
        if goods is None:
            return ()
        weight = kilograms_of((item.offer, item.variant) for item in self.items for _unit in range(item.quantity))
        if to is None:
            return self.ways.anywhere_in(self.cart.country, goods, weight)
        return self.ways.leading_to(to.country, to.postal_code, goods, weight)

    def usual_total(self) -> Price | None:
        """What it comes to in its own country, in the usual way."""
        goods, way = self.goods(self.cart.country), chosen_of(self.leading_to(None), "")
        return sum_of([goods, way.price]) if goods is not None and way is not None else goods

    def asked(self, total: Price | None, assurance: Assurance | None, now: datetime | None) -> Asked | None:
        """What is asked for, counted from when the dates were held."""
        if total is None:
            return None
        return self.payment.asked_for(total, guest=self.guest, assurance=assurance, since=self.held_since(now))

    def held_since(self, now: datetime | None) -> datetime | None:
        """When its dates were held; `now` if none is."""
        return self.hold.made_at if self.hold is not None and self.hold.units else now

    def kept(self, country: str, asked: Asked | None) -> Mapping[str, HeldUnit]:
        """What is held as it can be ordered: for this country, and not to be started before what it waits for."""
        if self.hold is None or country != self.cart.country:
            return {}
        return {
            key: unit for key, unit in self.hold.units.items()
            if asked is None or unit.starts_at >= asked.due_at.replace(second=0, microsecond=0)
        }


def _hold_key(cart: Cart) -> str:
    return f"cart-{cart.id}"


def _unit_keys(item: CartItem, quantity: int) -> list[str]:
    return [f"cart-{item.cart_id}/{item.id}/{count}" for count in range(1, quantity + 1)]


def _read(
    company_id: int, token: str, now: datetime | None = None, *, guest: bool = True,
    as_if: Mapping[int, int] | None = None,
) -> _Read | None:
    """`as_if`: item -> how many units it is to have."""
    with db.reading() as session:
        cart = _cart(session, company_id, token)
        if cart is None:
            return None
        held = hold_of(session, company_id, _hold_key(cart), now=now)
        rows = session.exec(
            select(CartItem, Configuration)
            .join(Configuration, col(Configuration.id) == CartItem.configuration_id)
            .where(CartItem.company_id == company_id, CartItem.cart_id == cart.id)
            .order_by(col(CartItem.id))
        ).all()
        items = tuple(
            _item(session, row, (as_if or {}).get(db.id_of(row), row.quantity), configuration, held)
            for row, configuration in rows
        )
        return _Read(
            cart, items, held, guest, ways_in(session, company_id), terms_in(session, company_id),
            _taken_out(session, cart),
        )


def _taken_out_row(session: Session, cart: Cart) -> TakenOutItem | None:
    return session.exec(
        select(TakenOutItem).where(TakenOutItem.company_id == cart.company_id, TakenOutItem.cart_id == cart.id)
    ).one_or_none()


def _taken_out(session: Session, cart: Cart) -> TakenOut | None:
    row = _taken_out_row(session, cart)
    if row is None:
        return None
    offer = offer_of_configuration(session, session.get_one(Configuration, row.configuration_id))
    return TakenOut(offer.product, row.quantity)


def _cart(session: Session, company_id: int, token: str) -> Cart | None:
    if not token:
        return None
    return session.exec(select(Cart).where(Cart.company_id == company_id, Cart.token == token)).one_or_none()


def _item(
    session: Session, row: CartItem, quantity: int, configuration: Configuration, held: HoldView | None
) -> _Item:
    own = offer_of_configuration(session, configuration)
    variant = variant_from_json(configuration.variant or {})
    kept = tuple(key for key in _unit_keys(row, quantity) if held is not None and key in held.units)
    if len(kept) == quantity:
        return _Item(row, quantity, configuration, own, own, variant, None, kept)
    try:
        offer = current_offer(session, row.company_id, configuration.product_code)
        judged(offer, variant)
    except NotOffered:
        return _Item(row, quantity, configuration, own, own, variant, Trouble.WITHDRAWN, kept)
    except NotValid:
        return _Item(row, quantity, configuration, own, own, variant, Trouble.CHANGED, kept)
    return _Item(row, quantity, configuration, own, offer, variant, None, kept)


@dataclass(frozen=True, slots=True)
class _Terms:
    """What a cart comes to on its way: price with delivery, what it waits for, and each unit as held or forecast."""

    ways: tuple[WayOffer, ...]
    way: WayOffer | None
    total: Price | None
    asked: Asked | None
    units: list[tuple[HeldUnit | Forecast | None, ...]]


def _terms(
    read: _Read, to: ShipTo | None, assurance: Assurance | None, good: Sequence[bool], now: datetime | None
) -> _Terms:
    country = to.country if to is not None else read.cart.country
    goods, ways = read.goods(country), read.leading_to(to)
    way = chosen_of(ways, to.way if to is not None else "")
    total = sum_of([goods, way.price]) if goods is not None and way is not None else goods
    asked = read.asked(total, assurance, now)
    units = _dates(read, country, asked, good, now)
    return _Terms(
        tuple(replace(one, dates=_days(_redirected(units, one))) for one in ways), way, total, asked,
        _redirected(units, way),
    )


def _assurances(read: _Read, country: str, terms: _Terms, now: datetime | None) -> tuple[AssuranceOffer, ...]:
    """Where there is a choice of what it waits for, each with the day of the last unit."""
    found = []
    choice = read.payment.choice(terms.total, guest=read.guest, since=read.held_since(now)) if terms.total else ()
    for asked in choice:
        units = terms.units if asked == terms.asked else _redirected(
            _dates(read, country, asked, [True] * len(read.items), now), terms.way
        )
        days = _days(units)
        found.append(AssuranceOffer(asked, None if None in days else max(day for day in days if day)))
    return tuple(found)


def _redirected(
    units: Sequence[tuple[HeldUnit | Forecast | None, ...]], way: WayOffer | None
) -> list[tuple[HeldUnit | Forecast | None, ...]]:
    """The units of each item in their slots, delivered in this way."""
    if way is None:
        return list(units)
    to = way.way.to()
    return [tuple(unit and by_way(unit, to) for unit in item) for item in units]


def _days(units: Sequence[tuple[HeldUnit | Forecast | None, ...]]) -> tuple[date | None, ...]:
    return tuple(unit.arrives_on if unit is not None else None for item in units for unit in item)


def _view(read: _Read, to: ShipTo | None, assurance: Assurance | None, now: datetime | None) -> CartView:
    country = to.country if to is not None else read.cart.country
    priced = [_priced(item, country) for item in read.items]
    terms = _terms(read, to, assurance, [trouble is None for _price, _earlier, trouble in priced], now)
    held = read.hold if country == read.cart.country else None
    kept = read.kept(country, terms.asked)
    lines = tuple(
        CartLine(
            id=item.row.id or 0, offer=item.offer, selection=item.selection, variant=item.variant,
            choices=readable_choices(item.offer.product, item.variant),
            texts_token=item.configuration.token if item.configuration.texts else "", quantity=item.quantity,
            price=price, earlier_gross=earlier, dates=_days([units]),
            held=sum(key in kept for key in item.held), trouble=trouble,
        )
        for item, (price, earlier, trouble), units in zip(read.items, priced, terms.units, strict=True)
    )
    at = now or utc_now()
    return CartView(
        token=read.cart.token, country=country, deliveries=Deliveries(read.cart.deliveries), lines=lines,
        total=terms.total, held_until=held.expires_at if held is not None and held.units else None,
        renewed=held is not None and held.renewed,
        expired=read.cart.held_until is not None and read.cart.held_until <= at, asked=terms.asked,
        assurances=_assurances(read, country, terms, now), ways=terms.ways, way=terms.way,
        delivered=terms.way is not None or not read.ways.stated, taken_out=read.taken_out,
    )


def _priced(item: _Item, country: str) -> tuple[Price | None, int | None, Trouble | None]:
    """The price of one unit, what it cost when it was put in if that was another price, and what is in the way."""
    if item.trouble is not None:
        return None, None, item.trouble
    try:
        price = price_for(item.offer, item.variant, country)
        earlier = price if item.offer is item.own else price_for(item.own, item.variant, country)
    except InvalidInput:
        return None, None, Trouble.NOT_SERVED
    changed = (earlier.gross, earlier.currency) != (price.gross, price.currency)
    return price, earlier.gross if changed else None, None


def _dates(
    read: _Read, country: str, asked: Asked | None, good: Sequence[bool], now: datetime | None
) -> list[tuple[HeldUnit | Forecast | None, ...]]:
    """Of each unit of each item: what is held for it, or its forecast beside the others (None: no room)."""
    keep = read.kept(country, asked)
    wanted = [
        (number, key) for number, item in enumerate(read.items) if good[number] for key in item.unit_keys
        if key not in keep
    ]
    found = forecast_all(
        [(read.items[number].offer, read.items[number].variant) for number, _key in wanted],
        read.ways.standard(country), not_before=begins_after(asked), now=now,
    )
    forecasts = {key: one for (_number, key), one in zip(wanted, found, strict=True)}
    return [tuple(keep.get(key) or forecasts.get(key) for key in item.unit_keys) for item in read.items]


# --- changing ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Added:
    """A cart after something was put in.

    `refused`: why its date is not held; `waits`: for what, None: for nothing; `was`: its day when it was taken out.
    """

    token: str
    item_id: int
    arrives_on: date | None
    refused: DomainError | None
    waits: Assurance | None
    was: date | None = None


def add_item(
    company_id: int, token: str, offer: Offer, selection: Selection, variant: Variant, country: str, *,
    trust: Trust, replacing: int | None = None, now: datetime | None = None,
) -> Added:
    """Put a variant into the cart of a token (a new cart if there is none) and hold its date.

    `replacing`: the item that it takes the place of, which keeps its quantity. Raises NotValid, CartFull, and NotInCart
    for an item that is not in this cart.
    """
    judged(offer, variant)
    with db.writing() as session:
        cart = _cart(session, company_id, token)
        if cart is None:
            cart = Cart(company_id=company_id, country=country)
            session.add(cart)
            session.flush()
        db.lock_row(session, Cart, db.id_of(cart))
        configuration_id = db.id_of(write_configuration(session, company_id, offer, selection, variant))
        if replacing is None:
            _refuse_too_many(session, cart, 1)
            item = CartItem(company_id=company_id, cart_id=db.id_of(cart), configuration_id=configuration_id)
            session.add(item)
        else:
            item = _own_item(session, cart, replacing)
            let_go(session, company_id, _hold_key(cart), pegging_keys=_unit_keys(item, item.quantity))
            item.configuration_id = configuration_id
        _forget_taken_out(session, cart)
        session.flush()
        token, item_id = cart.token, db.id_of(item)
    return _added(company_id, token, item_id, trust, now)


def put_back(company_id: int, token: str, *, trust: Trust, now: datetime | None = None) -> Added:
    """Put into a cart what was last taken out of it, and hold its date anew. Raises NotInCart if there is nothing."""
    with db.writing() as session:
        cart = _locked_cart(session, company_id, token)
        row = _taken_out_row(session, cart)
        if row is None:
            raise NotInCart(field="item")
        item = CartItem(
            company_id=company_id, cart_id=row.cart_id, configuration_id=row.configuration_id, quantity=row.quantity
        )
        session.add(item)
        was = row.arrives_on
        _forget_taken_out(session, cart)
        session.flush()
        item_id = db.id_of(item)
    return replace(_added(company_id, token, item_id, trust, now), was=was)


def _added(company_id: int, token: str, item_id: int, trust: Trust, now: datetime | None) -> Added:
    """Hold what was put in."""
    refused = hold_cart(company_id, token, trust=trust, now=now)
    view = cart_of(company_id, token, guest=trust is Trust.STRANGER, now=now)
    days = [day for line in view.lines if line.id == item_id for day in line.dates if day] if view else []
    waits = view.asked.assurance if view is not None and view.asked is not None else None
    return Added(token, item_id, max(days, default=None), refused, waits)


@dataclass(frozen=True, slots=True)
class PutTogether:
    """The answer to a cart that a program put together; asked again with the same key it is the same."""

    token: str

    def to_json(self) -> dict[str, Any]:
        return {"token": self.token}

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> PutTogether:
        return PutTogether(data["token"])


def put_together(
    company_id: int, wanted: Sequence[Wanted], country: str, *, scope: str, key: str, request: Mapping[str, Any]
) -> str:
    """A cart of several variants, the same for the same key; its token. Raises NotValid, CartFull, KeyReused."""
    if sum(one.quantity for one in wanted) > MOST_UNITS:
        raise CartFull(field="quantity")

    def prepare() -> Callable[[Session], PutTogether]:
        for one in wanted:
            judged(one.offer, one.variant)
        return lambda session: _write_cart(session, company_id, wanted, country)

    keyed = Keyed(company_id, scope, key, request_hash(request), PutTogether.from_json)
    return keyed.once(prepare, ())[0].token


def _write_cart(session: Session, company_id: int, wanted: Sequence[Wanted], country: str) -> PutTogether:
    cart = Cart(company_id=company_id, country=country)
    session.add(cart)
    session.flush()
    session.add_all(
        CartItem(
            company_id=company_id, cart_id=db.id_of(cart), quantity=one.quantity,
            configuration_id=db.id_of(write_configuration(session, company_id, one.offer, one.selection, one.variant)),
        )
        for one in wanted
    )
    return PutTogether(cart.token)


def give_up(company_id: int, token: str) -> None:
    """Delete a cart, and what it holds. Raises NotInCart."""
    with db.writing() as session:
        _delete(session, _locked_cart(session, company_id, token))


def release_cart(company_id: int, token: str) -> None:
    """Give back what a cart holds; the cart stays. Raises NotInCart."""
    with db.writing() as session:
        let_go(session, company_id, _hold_key(_locked_cart(session, company_id, token)))


def _delete(session: Session, cart: Cart) -> None:
    let_go(session, cart.company_id, _hold_key(cart))
    _delete_rows(session, [db.id_of(cart)])


def _delete_rows(session: Session, cart_ids: Sequence[int | None]) -> None:
    for table, column in (
        (CartItem, CartItem.cart_id), (TakenOutItem, TakenOutItem.cart_id), (Cart, Cart.id),
    ):
        session.execute(delete(table).where(col(column).in_(cart_ids)))


def set_quantity(
    company_id: int, token: str, item_id: int, quantity: int, *, trust: Trust, without_hold: bool = False,
    now: datetime | None = None,
) -> DomainError | None:
    """Change how many units of an item there are, 0 takes it out; why what is new is not held, if it is not.

    `without_hold`: also where only some of them can be held, which is no refusal then. Raises NotInCart, CartFull,
    TooManyToHold.
    """
    with db.writing() as session:
        cart = _locked_cart(session, company_id, token)
        item = _own_item(session, cart, item_id)
        _refuse_too_many(session, cart, quantity - item.quantity)
        if quantity < item.quantity:
            _lessen(session, cart, item, quantity, now)
            return None
    if not without_hold:
        refused = _hold_item(company_id, token, item_id, trust, False, now, quantity=quantity)
        if isinstance(refused, TooManyToHold):
            raise refused
    with db.writing() as session:
        cart = _locked_cart(session, company_id, token)
        _own_item(session, cart, item_id).quantity = quantity
        _forget_taken_out(session, cart)
    refused = hold_cart(company_id, token, trust=trust, now=now)
    return None if without_hold and isinstance(refused, HoldsFull) else refused


def _lessen(session: Session, cart: Cart, item: CartItem, quantity: int, now: datetime | None) -> None:
    """Fewer units of an item, or none: then it can be put back."""
    key, units = _hold_key(cart), _unit_keys(item, item.quantity)
    _forget_taken_out(session, cart)
    if not quantity:
        held = hold_of(session, cart.company_id, key, now=now)
        days = [held.units[unit].arrives_on for unit in units if unit in held.units] if held is not None else []
        session.add(TakenOutItem(
            company_id=cart.company_id, cart_id=item.cart_id, configuration_id=item.configuration_id,
            quantity=item.quantity, arrives_on=max(days) if len(days) == len(units) else None,
        ))
        session.delete(item)
    else:
        item.quantity = quantity
    let_go(session, cart.company_id, key, pegging_keys=units[quantity:])


def _forget_taken_out(session: Session, cart: Cart) -> None:
    session.execute(delete(TakenOutItem).where(
        col(TakenOutItem.company_id) == cart.company_id, col(TakenOutItem.cart_id) == cart.id
    ))


def set_country(
    company_id: int, token: str, country: str, *, trust: Trust, now: datetime | None = None
) -> DomainError | None:
    """Let it go to another country; what is held is held anew, no longer than before. Raises NotInCart."""
    with db.writing() as session:
        cart = _locked_cart(session, company_id, token)
        if cart.country == country:
            return None
        cart.country = country
        held = hold_of(session, company_id, _hold_key(cart), now=now)
        if held is None:
            return None
        let_go(session, company_id, _hold_key(cart), pegging_keys=held.units)
    return hold_cart(company_id, token, trust=trust, now=now)


def set_deliveries(company_id: int, token: str, deliveries: Deliveries) -> None:
    """One delivery or several. Raises NotInCart."""
    with db.writing() as session:
        _locked_cart(session, company_id, token).deliveries = deliveries


def renew_cart(company_id: int, token: str, *, trust: Trust, now: datetime | None = None) -> datetime:
    """Hold the cart's dates once more as long; when that ends. What would begin before moves, and may arrive later.

    Raises NotInCart, HoldOver, HoldRenewed, HoldsFull, NoDate, DateLost, Outdated.
    """
    read, until = _read(company_id, token, now, guest=trust is Trust.STRANGER), expiry(now)
    if read is None:
        raise NotInCart(field="cart")
    if read.hold is None:
        raise HoldOver
    early = [(item, key) for item in read.items for key in item.held if read.hold.units[key].starts_at < until]
    found = forecast_all(
        [(item.own, item.variant) for item, _key in early], read.ways.standard(read.cart.country), not_before=until,
        now=now,
    )
    wishes = [Wish(key, item.own, item.variant, one) for (item, key), one in zip(early, found, strict=True) if one]
    if len(wishes) < len(early):
        raise NoDate
    with db.writing() as session:
        cart = _locked_cart(session, company_id, token)
        _must_be_unchanged(session, cart, read)
        key = _hold_key(cart)
        cart.held_until = renew(session, company_id, key, now=now)
        let_go(session, company_id, key, pegging_keys=[wish.pegging_key for wish in wishes])
        hold(session, company_id, key, wishes, anonymous=trust is not Trust.STAFF, now=now)
        return cart.held_until


def books_beside(company_id: int, token: str, item_id: int) -> tuple[PlantBook, ...] | None:
    """The state of the factory without what is held for an item: changing it gives that up. None: nothing is held."""
    with db.reading() as session:
        cart = _cart(session, company_id, token)
        item = session.get(CartItem, item_id)
        if cart is None or item is None or (item.company_id, item.cart_id) != (company_id, cart.id):
            return None
        units = _unit_keys(item, item.quantity)
    return books_without(company_id, _hold_key(cart), units) if cart.held_until else None


def hold_cart(
    company_id: int, token: str, *, trust: Trust, accept: bool = False, now: datetime | None = None
) -> DomainError | None:
    """Hold the date of every unit that is not held yet; None, or why that cannot be for one of them. Raises NotInCart.

    Of an item of which not all units can be held, as many are as can be. What was put in at another price or can no
    longer be built is left alone, the former not if the buyer `accept`s today's price.
    """
    read = _read(company_id, token, now, guest=trust is Trust.STRANGER)
    if read is None:
        raise NotInCart(field="cart")
    refused = None
    for item in read.items:  # each by itself, so that one that cannot be held does not keep the others from it
        refused = _hold_item(company_id, token, db.id_of(item.row), trust, accept, now) or refused
    return refused


def _hold_item(
    company_id: int, token: str, item_id: int, trust: Trust, accept: bool, now: datetime | None, *,
    quantity: int | None = None,
) -> DomainError | None:
    """`quantity`: as many units as it is to have: it has them then, all of them held, or nothing is changed."""
    refused, most = None, MOST_UNITS
    for last in (False,) * (TRIES - 1) + (True,):
        read = _read(
            company_id, token, now, guest=trust is Trust.STRANGER,
            as_if={item_id: quantity} if quantity is not None else None,
        )
        item = next((one for one in read.items if one.row.id == item_id), None) if read is not None else None
        if read is None or item is None or not _may_be_held(item, read.cart.country, accept):
            return None
        asked = read.asked(read.usual_total(), None, now)
        kept = read.kept(read.cart.country, asked)
        wanted = [key for key in item.unit_keys if key not in kept or _is_stale(item)][:most]
        found = forecast_all(
            [(item.offer, item.variant) for _unit in wanted], read.ways.standard(read.cart.country), now=now,
            not_before=_begins(read, asked, now),
        )
        forecasts = [one for one in found if one is not None]
        if len(forecasts) < len(wanted):
            return NoDate()
        try:
            if wanted:
                _hold_units(company_id, read, item, dict(zip(wanted, forecasts, strict=True)), asked, trust, now)
        except (DateLost, NoDate, Outdated) as error:
            if last:
                return error
            continue
        except HoldsFull as error:
            most, refused = error.room, error
            if quantity is not None:
                return _too_many(item, kept, wanted, forecasts, most) or error
            if not most or last:
                return error
            continue
        except DomainError as error:
            return error
        return refused
    raise AssertionError("unreachable")


def _too_many(
    item: _Item, kept: Mapping[str, HeldUnit], wanted: Sequence[str], forecasts: Sequence[Forecast], room: int
) -> TooManyToHold | None:
    """How many of an item can be held, beside what is held of it already; None: none at all."""
    held = [kept[key].arrives_on for key in item.unit_keys if key not in wanted]
    days = held + [one.arrives_on for one in forecasts]
    number = len(held) + room
    return TooManyToHold(number, max(days[:number]), item.quantity, max(days)) if number else None


def _begins(read: _Read, asked: Asked | None, now: datetime | None) -> datetime:
    """When what is held may begin: after the hold, and after the last moment of what it waits for."""
    until = read.hold.expires_at if read.hold is not None else expiry(now)
    return until if asked is None else max(until, asked.due_at)


def _is_stale(item: _Item) -> bool:
    """It is judged and priced by newer revisions than those that its row names."""
    return item.offer is not item.own


def _may_be_held(item: _Item, country: str, accept: bool) -> bool:
    _price, earlier, trouble = _priced(item, country)
    return trouble is None and (accept or earlier is None)


def _hold_units(
    company_id: int, read: _Read, item: _Item, wanted: Mapping[str, Forecast], asked: Asked | None, trust: Trust,
    now: datetime | None,
) -> None:
    """Hold these units of an item in one transaction; a stale item gets a row under today's revisions.

    Raises Outdated, NoDate, DateLost, HoldsFull.
    """
    with db.writing() as session:
        cart = _locked_cart(session, company_id, read.cart.token)
        _must_be_unchanged(session, cart, read)
        key = _hold_key(cart)
        held = hold_of(session, company_id, key, now=now)
        if set(item.held) != (set(item.unit_keys) & held.units.keys() if held is not None else set()):
            raise Outdated(field="cart")  # a twin of this click was faster: it is not held twice
        let_go(session, company_id, key, pegging_keys=wanted.keys() & set(item.held))
        row = _own_item(session, cart, db.id_of(item.row))
        row.quantity = item.quantity
        if _is_stale(item):
            row.configuration_id = db.id_of(
                write_configuration(session, company_id, item.offer, item.selection, item.variant)
            )
        wishes = [Wish(unit, item.offer, item.variant, one) for unit, one in wanted.items()]
        cart.held_until = hold(
            session, company_id, key, wishes, anonymous=trust is not Trust.STAFF, now=now,
            not_before=begins_after(asked),
        )


def _must_be_unchanged(session: Session, cart: Cart, read: _Read) -> None:
    """Raise Outdated if the cart is not any more what was read before its row was locked."""
    rows = session.exec(
        select(CartItem).where(CartItem.company_id == cart.company_id, CartItem.cart_id == cart.id)
        .order_by(col(CartItem.id)).execution_options(populate_existing=True)
    ).all()
    now = [(row.id, row.configuration_id, row.quantity) for row in rows]
    before = [(item.row.id, item.row.configuration_id, item.row.quantity) for item in read.items]
    if now != before or cart.country != read.cart.country:
        raise Outdated(field="cart")


def _locked_cart(session: Session, company_id: int, token: str) -> Cart:
    cart = _cart(session, company_id, token)
    locked = db.lock_row(session, Cart, db.id_of(cart)) if cart is not None else None
    if locked is None:
        raise NotInCart(field="cart")
    return locked


def _own_item(session: Session, cart: Cart, item_id: int) -> CartItem:
    item = session.get(CartItem, item_id, populate_existing=True)
    if item is None or (item.company_id, item.cart_id) != (cart.company_id, cart.id):
        raise NotInCart(field="item")
    return item


def _refuse_too_many(session: Session, cart: Cart, more: int) -> None:
    there = session.exec(
        select(CartItem.quantity).where(CartItem.company_id == cart.company_id, CartItem.cart_id == cart.id)
    ).all()
    if more > 0 and sum(there) + more > MOST_UNITS:
        raise CartFull(field="quantity")


def forget_old(*, now: datetime | None = None) -> int:
    """Delete the carts that were not looked after for so long that no browser names them any more; how many."""
    old = (now or utc_now()) - KEPT_FOR
    with db.writing() as session:
        ids = list(session.exec(
            select(Cart.id).where(
                Cart.created_at <= old, or_(col(Cart.held_until).is_(None), col(Cart.held_until) <= old)
            )
        ).all())
        _delete_rows(session, ids)
    return len(ids)


# --- ordering ---------------------------------------------------------------------------------------------------------


def place_cart(
    company_id: int, token: str, buyer: Buyer, shown: ShownCart, *, scope: str, key: str, request: Mapping[str, Any],
    way: str = "", terms_version: str | None = None, actor_id: int | None = None,
) -> PlacedOrder:
    """Order what is in a cart; sent again with the same key it is the same order.

    What is held is taken as it is held, if it goes to the country that it is held for; the rest gets slots in the same
    transaction. `way`: the code of the way of delivery, "" for the usual one. Raises PriceChanged, DateLost, NoDate,
    NotValid, NotDelivered, Outdated (it was changed meanwhile), NotInCart, KeyReused, NotTogether, InvalidInput.
    """
    check_buyer(buyer)

    def prepare() -> Callable[[Session], PlacedOrder]:
        read = _read(company_id, token, guest=actor_id is None)
        if read is None or not read.items:
            raise NotInCart(field="cart")
        units, terms = _units(read, buyer, shown, way)
        payment = kept_terms(company_id, read.payment)
        return lambda session: _place_in(
            session, company_id, read, units, buyer, terms, payment, terms_version, actor_id
        )

    # Somebody was faster, or the hold ended just now.
    placed, is_new = asked_with(company_id, scope, key, request_hash(request)).once(
        prepare, (DateLost, NoDate, HoldOver)
    )
    if is_new:
        log.info("order.placed", number=placed.number, units=len(shown.arrives_on))
    return placed


def _units(read: _Read, buyer: Buyer, shown: ShownCart, way: str) -> tuple[list[Unit], _Terms]:
    """Every unit, judged, priced and dated as it was shown, outside of any transaction."""
    priced = [_priced(item, buyer.country) for item in read.items]
    if any(trouble is Trouble.NOT_SERVED for _price, _earlier, trouble in priced):
        raise InvalidInput(field="country", what=_("We do not deliver all of this to this country yet."))
    if any(trouble is not None for _price, _earlier, trouble in priced):
        raise NotValid(field="cart")
    prices = [price for item, (price, _earlier, _no) in zip(read.items, priced, strict=True) if price is not None
              for _unit in range(item.quantity)]
    sum_of(prices)  # or they cannot be ordered together
    terms = _terms(read, ShipTo(buyer.country, buyer.postal_code, way), shown.assurance, [True] * len(read.items), None)
    must_lead_there(read.ways, terms.way, way)
    total = terms.total
    assert total is not None
    if (total.gross, total.currency) != (shown.gross_minor, shown.currency):
        raise PriceChanged(field="price", gross_minor=total.gross, currency=total.currency, exponent=total.exponent)
    must_be_shown(terms.asked, shown.deposit_minor, shown.assurance)
    dates = [unit for item in terms.units for unit in item if unit is not None]
    if len(dates) < sum(map(len, terms.units)):
        raise NoDate
    if len(dates) != len(shown.arrives_on):
        raise Outdated(field="cart")
    if any(one.arrives_on > day for one, day in zip(dates, shown.arrives_on, strict=True)):
        raise DateLost(field="date", arrives_on=max(one.arrives_on for one in dates))
    lines = [(line, item, key) for line, item in enumerate(read.items) for key in item.unit_keys]
    return [
        Unit(
            item.offer, item.selection, item.variant, price,
            replace(one, arrives_on=day) if isinstance(one, Forecast) else None, day,
            held_as="" if isinstance(one, Forecast) else key,
            configuration_id=None if _is_stale(item) else item.row.configuration_id, line=line,
        )
        for (line, item, key), price, one, day in zip(lines, prices, dates, shown.arrives_on, strict=True)
    ], terms


def _place_in(
    session: Session, company_id: int, read: _Read, units: Sequence[Unit], buyer: Buyer, terms: _Terms,
    payment: PaymentTerms, terms_version: str | None, actor_id: int | None,
) -> PlacedOrder:
    cart = _locked_cart(session, company_id, read.cart.token)
    _must_be_unchanged(session, cart, read)
    key = _hold_key(cart)
    placed = write_order(
        session, company_id, units, buyer, house=session.get_one(Company, company_id), hold_key=key,
        payment=payment, asked=terms.asked, way=terms.way, terms_version=terms_version, actor_id=actor_id,
    )
    _delete(session, cart)
    return placed
