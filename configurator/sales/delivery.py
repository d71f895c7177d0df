"""Ways of delivery: which of them lead to an address, what each costs and when it would be there."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from fractions import Fraction
from functools import cache
from typing import Any

from flask_babel import lazy_gettext as _l
from sqlalchemy import bindparam
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from catalog.content import Text
from catalog.offer import Offer
from catalog.price import Price, PriceItem, round_half_up, taxed_like
from catalog.rows import Company, utc_now
from configurator import audit, db
from configurator.errors import DomainError, NotFound
from configurator.planning.carriers import CarrierTerms, zone_of
from configurator.planning.holds import HeldUnit, sent
from configurator.planning.promise import Destination, Forecast, redirected
from configurator.sales.models import DeliveryColumns, DeliveryKind, DeliveryWay, PriceBy
from solver.configuration.check import answers
from solver.configuration.problem import Variant

WEIGHT = "weight"  # the quantity by which a product says what it weighs
KILOGRAMS = {"kg": Fraction(1), "g": Fraction(1, 1000)}
NOWHERE = CarrierTerms("", {}, "00:00", ("mon",), {})


class NotDelivered(DomainError):
    """No way of delivery leads to the address, or not the one that was chosen."""

    code, status = "not_delivered", 409
    words = _l("We do not deliver to this address in this way. Please choose one of the ways that lead there.")


@dataclass(frozen=True, slots=True)
class Way:
    """A way of delivery as it is stated. `prefixes`: of postal codes, empty: the whole country.

    `steps`: (from, price) in whole units of the currency, ascending from 0, counted by `price_by`.
    """

    id: int
    kind: DeliveryKind
    name: Text
    country: str
    prefixes: tuple[str, ...]
    transit_days: int
    cutoff: str
    working_days: tuple[str, ...]
    currency: str
    price_by: PriceBy
    steps: tuple[tuple[Fraction, Fraction], ...]
    retired: bool = False

    @property
    def code(self) -> str:
        """What names it in forms, programs and documents."""
        return f"way-{self.id}"

    def to(self) -> Destination:
        """Where it leads."""
        carrier = CarrierTerms(
            self.code, {"zh": self.name.zh, "en": self.name.en}, self.cutoff, self.working_days,
            {self.country: self.transit_days}, collected=self.kind is DeliveryKind.PICKUP,
        )
        return Destination(self.country, zone_of(self.country), carrier)

    def leads_to(self, country: str, postal_code: str) -> bool:
        """Whether the address is in its region."""
        plain = plain_code(postal_code)
        return country == self.country and (not self.prefixes or plain.startswith(self.prefixes))

    def price(self, goods: Price, kilograms: Fraction | None) -> Price | None:
        """What it costs beside these goods; None in another currency, or by a weight that nobody knows."""
        of = Fraction(goods.gross, 10**goods.exponent) if self.price_by is PriceBy.VALUE else kilograms
        if self.currency != goods.currency or of is None:
            return None
        amount = next(price for least, price in reversed(self.steps) if least <= of)
        return taxed_like(goods, PriceItem("delivery", self.name, round_half_up(amount * 10**goods.exponent)))


def plain_code(postal_code: str) -> str:
    """A postal code without what people write between its letters and digits, which may be wide ones."""
    return re.sub(r"[\s-]", "", unicodedata.normalize("NFKC", postal_code)).upper()


@dataclass(frozen=True, slots=True)
class ShipTo:
    """Where something would go and how. `way`: the code of a way of delivery; the usual one where none is known."""

    country: str
    postal_code: str = ""
    way: str = ""


@dataclass(frozen=True, slots=True)
class WayOffer:
    """A way that leads to the buyer's address: its price, and the date of each unit (None: no room)."""

    way: Way
    price: Price
    dates: tuple[date | None, ...] = ()

    @property
    def code(self) -> str:
        return self.way.code

    @property
    def kind(self) -> DeliveryKind:
        return self.way.kind

    @property
    def name(self) -> Text:
        return self.way.name

    @property
    def arrives_on(self) -> date | None:
        """When the last unit is there."""
        return None if None in self.dates else max((day for day in self.dates if day), default=None)


@dataclass(frozen=True, slots=True)
class Ways:
    """The ways of a company. It has none as long as it states none: then the plants' carriers bring everything.

    `agreed`: the way and the price that a quote names; then it is the only one.
    """

    stated: tuple[Way, ...]
    agreed: WayOffer | None = None

    def standard(self, country: str) -> Destination:
        """Where things go before their buyer has chosen: in the usual way, or nowhere."""
        usual = [way for way in self.stated if way.country == country]
        wide = [way for way in usual if not way.prefixes] or usual
        if wide:
            return min(wide, key=_usual).to()
        return Destination(country, zone_of(country), NOWHERE if self.stated else None)

    def anywhere_in(self, country: str, goods: Price, kilograms: Fraction | None) -> tuple[WayOffer, ...]:
        """The usual way to a country, before the buyer has said where in it."""
        usual = self.standard(country).by
        return tuple(
            WayOffer(way, price) for way in self.stated
            if usual is not None and way.code == usual.code and (price := way.price(goods, kilograms)) is not None
        )

    def leading_to(
        self, country: str, postal_code: str, goods: Price, kilograms: Fraction | None
    ) -> tuple[WayOffer, ...]:
        """Those that lead to an address, the usual one first."""
        if self.agreed is not None:
            return (self.agreed,) if self.agreed.way.leads_to(country, postal_code) else ()
        found = [
            WayOffer(way, price) for way in sorted(self.stated, key=_usual)
            if way.leads_to(country, postal_code) and (price := way.price(goods, kilograms)) is not None
        ]
        return tuple(found)


def chosen_of(offers: Sequence[WayOffer], code: str) -> WayOffer | None:
    """The one of this code, else the usual one; None if there is none."""
    return next((offer for offer in offers if offer.code == code), offers[0] if offers else None)


def must_lead_there(ways: Ways, chosen: WayOffer | None, code: str) -> None:
    """Raise NotDelivered if no way leads to the address, or not the one of this code ("": any)."""
    if (ways.stated and chosen is None) or (code and (chosen is None or chosen.code != code)):
        raise NotDelivered(field="way")


def cheapest_and_soonest(offers: Sequence[WayOffer]) -> tuple[WayOffer | None, WayOffer | None]:
    """Those to be marked where there is a choice."""
    dated = [offer for offer in offers if offer.arrives_on is not None]
    if len(dated) < 2:
        return None, None
    return (
        min(dated, key=lambda offer: (offer.price.gross, offer.kind is DeliveryKind.PICKUP, offer.arrives_on)),
        min(dated, key=lambda offer: (offer.arrives_on, offer.kind is DeliveryKind.PICKUP, offer.price.gross)),
    )


def _usual(way: Way) -> tuple[Any, ...]:
    """The order in which ways are offered: what is brought before what is fetched, the cheap before the quick."""
    return way.kind is DeliveryKind.PICKUP, way.steps[0][1], way.transit_days, way.id


def by_way(unit: Forecast | HeldUnit, to: Destination) -> Forecast | HeldUnit | None:
    """A unit in its slots, delivered in another way."""
    return redirected(unit, to) if isinstance(unit, Forecast) else sent(unit, to)


def kilograms_of(units: Iterable[tuple[Offer, Variant]]) -> Fraction | None:
    """What they weigh together; None if one of the products does not say."""
    found = [_kilograms(offer, variant) for offer, variant in units]
    known = [weight for weight in found if weight is not None]
    return sum(known, Fraction(0)) if len(known) == len(found) else None


def _kilograms(offer: Offer, variant: Variant) -> Fraction | None:
    content = next((one for one in offer.product.quantities if one.id == WEIGHT), None)
    factor = KILOGRAMS.get(str(content.unit)) if content is not None else None
    return None if factor is None else Fraction(answers(offer.problem, variant).parameter(WEIGHT)) * factor


# --- reading ----------------------------------------------------------------------------------------------------------


def ways_of(company_id: int) -> Ways:
    """The ways that are offered now."""
    with db.reading() as session:
        return ways_in(session, company_id)


def ways_in(session: Session, company_id: int) -> Ways:
    """The ways that are offered now."""
    return Ways(tuple(way_from(row) for row in session.exec(_offered(), params={"company": company_id}).all()))


@cache
def _offered() -> SelectOfScalar[DeliveryWay]:
    """The ways that a `company` offers; put together once, for every click asks it."""
    return select(DeliveryWay).where(
        DeliveryWay.company_id == bindparam("company"), col(DeliveryWay.retired_at).is_(None)
    )


def standard_to(company_id: int, country: str) -> Destination:
    """Where things go before their buyer has chosen a way."""
    return ways_of(company_id).standard(country)


def all_ways(company_id: int) -> tuple[Way, ...]:
    """Every way that was ever stated, by country, retired ones last."""
    with db.reading() as session:
        rows = session.exec(select(DeliveryWay).where(DeliveryWay.company_id == company_id)).all()
    return tuple(sorted((way_from(row) for row in rows), key=lambda way: (way.retired, way.country, *_usual(way))))


def home_currency(company_id: int) -> str:
    """The company's own currency (ISO 4217)."""
    with db.reading() as session:
        return session.get_one(Company, company_id).currency


def way_by_id(company_id: int, way_id: int) -> Way:
    """One way; raises NotFound."""
    with db.reading() as session:
        return way_from(_row(session, company_id, way_id))


def _row(session: Session, company_id: int, way_id: int) -> DeliveryWay:
    row = session.get(DeliveryWay, way_id)
    if row is None or row.company_id != company_id:
        raise NotFound(field="way")
    return row


def way_on(session: Session, document: DeliveryColumns) -> Way | None:
    """The way of delivery of a document, whether it is still offered or not; None if it names none."""
    if document.delivery_way_id is None:
        return None
    return way_from(session.get_one(DeliveryWay, document.delivery_way_id))


def way_from(row: DeliveryWay) -> Way:
    """The way of a row."""
    return Way(
        id=db.id_of(row), kind=DeliveryKind(row.kind), name=Text(**row.name), country=row.country,
        prefixes=tuple(row.postal_prefixes), transit_days=row.transit_days, cutoff=row.cutoff,
        working_days=tuple(row.working_days), currency=row.currency, price_by=PriceBy(row.price_by),
        steps=tuple((Fraction(least), Fraction(price)) for least, price in row.steps),
        retired=row.retired_at is not None,
    )


# --- stating ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class StatedWay:
    """What an administrator says of a way; `steps` as typed, in decimals."""

    kind: DeliveryKind
    name: Mapping[str, str]
    country: str
    postal_prefixes: Sequence[str]
    transit_days: int
    cutoff: str
    working_days: Sequence[str]
    currency: str
    price_by: PriceBy
    steps: Sequence[Sequence[str]]


def state_way(company_id: int, stated: StatedWay, *, way_id: int | None = None, by: int | None) -> int:
    """Write a new way, or one anew; its id. Orders keep what they were told. Raises NotFound."""
    values = asdict(stated)
    with db.writing() as session:
        row = DeliveryWay(company_id=company_id, **values) if way_id is None else _row(session, company_id, way_id)
        for name, value in values.items():
            setattr(row, name, value)
        session.add(row)
        session.flush()
        done = "delivery.added" if way_id is None else "delivery.changed"
        audit.record(session, company_id, done, "delivery_way", row.id, actor_id=by)
        return db.id_of(row)


def retire_way(company_id: int, way_id: int, *, retired: bool, by: int | None) -> None:
    """Offer a way no longer, or again. Raises NotFound."""
    with db.writing() as session:
        row = _row(session, company_id, way_id)
        if (row.retired_at is not None) == retired:
            return
        row.retired_at = utc_now() if retired else None
        audit.record(
            session, company_id, "delivery.retired" if retired else "delivery.resumed", "delivery_way", way_id,
            actor_id=by,
        )
