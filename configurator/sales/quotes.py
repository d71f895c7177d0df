"""The life of a quote: saved as a draft, sent, accepted or declined by the customer, revised, expired."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import structlog
from flask_babel import gettext as _
from sqlalchemy import ColumnElement, func, or_
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select

from catalog.offer import NotOffered, Offer, current_offer
from catalog.price import Price
from catalog.products import ProductContent, ProductRevision
from catalog.rows import Company, utc_now
from configurator import audit, db, outbox
from configurator.errors import InvalidInput, NotFound, QuoteNotOpen, StateRefused
from configurator.numbers import draw_number
from configurator.planning.promise import Forecast, forecast, zone_of
from configurator.sales.buyers import NOTHING_ELSE, BuyerRefused, Invoicing, address_faults, invoicing_of, keep_bill_to
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
from configurator.sales.deeds import Deed, deeds_of
from configurator.sales.delivery import (
    ShipTo,
    Way,
    WayOffer,
    Ways,
    kilograms_of,
    must_lead_there,
    standard_to,
    way_on,
    ways_in,
)
from configurator.sales.lists import Page, contains, page_of
from configurator.sales.models import Quote, QuoteRevision, QuoteState, SalesOrder, move_quote
from configurator.sales.parties import Party
from configurator.sales.payment_terms import asking
from configurator.sales.terms import (
    DeliveryView,
    delivery_columns,
    delivery_price,
    delivery_view,
    margin_columns,
    price_columns,
    price_for,
    price_items,
    promise_columns,
    stored_price,
    sum_of,
)
from solver.configuration.problem import Decision, Variant

log = structlog.get_logger()
VALIDITY_DAYS = 14
MAXIMUM_COMMENT = 2000


@dataclass(frozen=True, slots=True)
class Customer:
    """Whom a quote is for. `country`: where it goes, ISO 3166-1 alpha-2; `locale`: `zh` or `en`.

    `postal_code`: where there, "" if that is not known. `invoice`: what its invoice is to say beside it.
    """

    name: str
    mail: str
    country: str
    locale: str
    postal_code: str = ""
    invoice: Invoicing = NOTHING_ELSE

    @property
    def faults(self) -> dict[str, str]:
        """What is wrong with it, in a sentence by field; those of the invoice begin with `invoice.`."""
        return address_faults(self.country, self.postal_code, self.invoice)


@dataclass(frozen=True, slots=True)
class RevisionView:
    """One revision of a quote as pages and documents show it. `price`: with its delivery, if a way was chosen."""

    id: int
    number: int
    state: QuoteState
    token: str
    configuration_token: str
    product: ProductContent
    variant: Variant
    choices: tuple[ReadableChoice, ...]
    decisions: tuple[Decision, ...]
    texts: Mapping[str, str]
    price: Price
    delivery: DeliveryView | None
    arrives_on: date
    zone: str
    created_at: datetime
    sent_at: datetime | None
    valid_until: datetime | None
    comment: str


@dataclass(frozen=True, slots=True)
class QuoteView:
    """A quote with one of its revisions.

    `house_zone`: in which validity ends. `offered`: number and token of the revision that its customer can accept, or
    did; None if there is none.
    """

    id: int
    number: str | None
    customer: Customer
    validity_days: int
    house: str
    house_zone: str
    revision: RevisionView
    newest: int
    offered: tuple[int, str] | None
    order_number: str | None
    order_token: str | None
    order_id: int | None

    @property
    def open(self) -> bool:
        """Whether the customer can still accept it now."""
        until = self.revision.valid_until
        return self.revision.state == QuoteState.SENT and until is not None and utc_now() <= until


@dataclass(frozen=True, slots=True)
class QuoteRow:
    """A quote in a list, as its newest revision stands."""

    id: int
    number: str | None
    revision: int
    token: str
    state: QuoteState
    customer: str
    product: Mapping[str, str]  # its name, zh and en
    gross_minor: int
    currency: str
    exponent: int
    arrives_on: date
    valid_until: datetime | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class AcceptableQuote:
    """A sent, unexpired revision as an order is placed from it. `ways`: the one that it names, None if none."""

    quote_id: int
    revision_id: int
    number: int
    customer_id: int
    customer: Customer
    configuration_id: int
    arrives_on: date
    offer: Offer
    variant: dict[str, Any]
    ways: Ways | None


# --- by sales ---------------------------------------------------------------------------------------------------------


def save_quote(
    company_id: int, offer: Offer, selection: Selection, variant: Variant, customer: Customer, *,
    validity_days: int = VALIDITY_DAYS, way: str = "", by: int,
) -> int:
    """A new quote with its first revision, a draft; its id.

    `way`: the code of the way of delivery, "" if its buyer is to choose. Raises NotValid, NoDate, NotDelivered,
    BuyerRefused, InvalidInput.
    """
    if customer.faults:
        raise BuyerRefused(customer.faults)
    if not 1 <= validity_days <= 365:
        raise InvalidInput(field="validity_days", what=_("Choose from 1 to 365 days."))
    terms = _terms(offer, variant, ShipTo(customer.country, customer.postal_code, way))
    with db.writing() as session:
        party = Party(
            company_id=company_id, name=customer.name, mail=customer.mail, country=customer.country,
            zone=zone_of(customer.country), locale=customer.locale,
        )
        session.add(party)
        session.flush()
        quote = Quote(
            company_id=company_id, customer_id=db.id_of(party),
            bill_to_id=keep_bill_to(session, company_id, customer.invoice),
            purchase_order=customer.invoice.purchase_order, country=customer.country,
            postal_code=customer.postal_code, locale=customer.locale, validity_days=validity_days, created_by=by,
        )
        session.add(quote)
        session.flush()
        _add_revision(session, quote, 1, offer, selection, variant, terms)
        audit.record(session, company_id, "quote.saved", "quote", quote.id, actor_id=by, revision=1)
        return db.id_of(quote)


def revise_quote(
    company_id: int, quote_id: int, offer: Offer, selection: Selection, variant: Variant, *,
    validity_days: int | None = None, way: str | None = None, by: int,
) -> int:
    """A new draft revision; its number. What was sent before can be accepted until the draft is sent.

    A draft that was never sent is replaced. `way`: the code of the way of delivery ("": its buyer is to choose), None
    for that of the newest revision. Raises StateRefused once the quote was accepted, NotDelivered.
    """
    with db.reading() as session:
        quote = _quote(session, company_id, quote_id)
        chosen = delivery_view(_newest(session, quote)) if way is None else None
        way = way or (chosen.code if chosen is not None else "")
    terms = _terms(offer, variant, ShipTo(quote.country, quote.postal_code, way))
    with db.writing() as session:
        quote = _lock(session, company_id, quote_id)
        newest = _newest(session, quote)
        if newest.state == QuoteState.DRAFT:
            session.delete(newest)
            number = newest.number
        elif newest.state == QuoteState.ACCEPTED:
            raise StateRefused(field="state")
        else:
            number = newest.number + 1
        session.flush()
        if validity_days is not None:
            quote.validity_days = validity_days
        _add_revision(session, quote, number, offer, selection, variant, terms)
        audit.record(session, company_id, "quote.revised", "quote", quote_id, actor_id=by, revision=number)
        return number


def discard_draft(company_id: int, quote_id: int, *, by: int) -> bool:
    """Delete the draft revision, and a quote that has no other; whether the quote is still there.

    Raises StateRefused if there is no draft.
    """
    with db.writing() as session:
        quote = _lock(session, company_id, quote_id)
        draft = _newest(session, quote)
        if draft.state != QuoteState.DRAFT:
            raise StateRefused(field="state")
        _delete_draft(session, draft, by=by)
        if draft.number > 1:
            return True
        parties = [session.get(Party, party_id) for party_id in (quote.customer_id, quote.bill_to_id) if party_id]
        session.delete(quote)
        session.flush()
        for party in filter(None, parties):
            session.delete(party)
        return False


def _delete_draft(session: Session, draft: QuoteRevision, *, by: int | None) -> None:
    session.delete(draft)
    session.flush()
    audit.record(
        session, draft.company_id, "quote.discarded", "quote", draft.quote_id, actor_id=by, revision=draft.number
    )


def copy_revision(company_id: int, quote_id: int, *, by: int) -> int:
    """Revise a quote with the same choices under today's revisions, price and date; the new revision's number."""
    with db.reading() as session:
        quote = _quote(session, company_id, quote_id)
        configuration = session.get_one(Configuration, _newest(session, quote).configuration_id)
        try:
            offer = current_offer(session, company_id, configuration.product_code)
        except NotOffered as error:
            raise NotFound(field="product") from error
    selection = Selection(
        configuration.product_code, decisions_from_json(configuration.decisions), configuration.texts
    )
    return revise_quote(company_id, quote_id, offer, selection, variant_from_json(configuration.variant or {}), by=by)


def send_quote(company_id: int, quote_id: int, *, by: int) -> str:
    """Send the draft revision: number (first time), a fresh date, validity, PDF and link by mail; the quote's number.

    What was sent before is superseded. Raises StateRefused if there is no draft, NoDate if the factory has no capacity.
    """
    with db.reading() as session:
        quote = _quote(session, company_id, quote_id)
        draft = _newest(session, quote)
        if draft.state != QuoteState.DRAFT:
            raise StateRefused(field="state")
        configuration = session.get_one(Configuration, draft.configuration_id)
        offer = offer_of_configuration(session, configuration)
        way, price = way_on(session, draft), stored_price(draft, draft.price_items)
    variant = judged(offer, variant_from_json(configuration.variant or {}))
    to = way.to() if way is not None else standard_to(company_id, quote.country)
    found = forecast(offer, variant, to, not_before=_not_before(company_id, price))
    with db.writing() as session:
        quote = _lock(session, company_id, quote_id)
        revision = _newest(session, quote)
        if revision.id != draft.id:
            raise StateRefused(field="state")
        now = utc_now()
        zone = ZoneInfo(session.get_one(Company, company_id).zone)
        if revision.number > 1:
            _supersede_before(session, revision)
        move_quote(revision, QuoteState.SENT)
        for column, value in promise_columns(found).items():
            setattr(revision, column, value)
        revision.sent_at = now
        revision.valid_until = end_of_validity(now, quote.validity_days, zone)
        if quote.number is None:
            quote.number = draw_number(session, company_id, "Q", now.astimezone(zone).year)
        outbox.post(
            session, company_id, "quote", quote.customer_id, quote.locale, revision_id=revision.id
        )
        audit.record(
            session, company_id, "quote.sent", "quote", quote_id, actor_id=by, revision=revision.number
        )
    log.info("quote.sent", number=quote.number, revision=revision.number)
    return quote.number


def _supersede_before(session: Session, revision: QuoteRevision) -> None:
    before = session.exec(
        select(QuoteRevision).where(
            QuoteRevision.company_id == revision.company_id, QuoteRevision.quote_id == revision.quote_id,
            QuoteRevision.number < revision.number, QuoteRevision.state != QuoteState.SUPERSEDED,
        )
    ).all()
    for one in before:
        move_quote(one, QuoteState.SUPERSEDED)
    session.flush()


def end_of_validity(sent_at: datetime, days: int, zone: ZoneInfo) -> datetime:
    """The last second of the day that lies `days` after the day of sending, in the house's zone."""
    last = sent_at.astimezone(zone).date() + timedelta(days=days)
    return datetime.combine(last, time(23, 59, 59), zone)


# --- by the customer --------------------------------------------------------------------------------------------------


def quote_by_token(company_id: int, token: str) -> QuoteView:
    """The revision behind a customer's link, in whatever state it is; raises NotFound (a draft has no public page)."""
    with db.reading() as session:
        revision = _by_token(session, company_id, token)
        return _view(session, revision)


def decline_quote(company_id: int, token: str, comment: str = "") -> None:
    """The customer says no, with a word why; raises QuoteNotOpen."""
    if len(comment) > MAXIMUM_COMMENT:
        raise InvalidInput(field="comment", what=_("Please write at most 2000 characters."))
    with db.reading() as session:
        quote_id = _by_token(session, company_id, token).quote_id
    with db.writing() as session:
        _lock(session, company_id, quote_id)
        revision = _by_token(session, company_id, token)
        _must_be_open(revision, utc_now())
        move_quote(revision, QuoteState.DECLINED)
        revision.comment = comment.strip()
        audit.record(session, company_id, "quote.declined", "quote", quote_id, revision=revision.number)


def acceptable_quote(session: Session, company_id: int, token: str) -> AcceptableQuote:
    """What an order needs of the quote behind a link; raises QuoteNotOpen or NotFound."""
    revision = _by_token(session, company_id, token)
    _must_be_open(revision, utc_now())
    configuration = session.get_one(Configuration, revision.configuration_id)
    quote = _quote(session, company_id, revision.quote_id)
    party = session.get_one(Party, quote.customer_id)
    return AcceptableQuote(
        quote_id=revision.quote_id,
        revision_id=revision.id or 0,
        number=revision.number,
        customer_id=quote.customer_id,
        customer=_customer(session, quote, party),
        configuration_id=revision.configuration_id,
        arrives_on=revision.arrives_on,
        offer=offer_of_configuration(session, configuration),
        variant=configuration.variant or {},
        ways=_agreed(session, revision),
    )


def _agreed(session: Session, revision: QuoteRevision) -> Ways | None:
    """The way of delivery of a revision at its price of then, in place of those that are offered now."""
    way, price = way_on(session, revision), delivery_price(revision)
    return Ways((way,), WayOffer(way, price)) if way is not None and price is not None else None


def accept_in(session: Session, company_id: int, quote: AcceptableQuote, now: datetime) -> None:
    """Mark it accepted in the order's own transaction, under the quote's lock; raises QuoteNotOpen.

    A draft that was to follow it is of no use any more.
    """
    row = _lock(session, company_id, quote.quote_id)
    revision = db.lock_row(session, QuoteRevision, quote.revision_id)
    if revision is None:
        raise QuoteNotOpen(field="quote")
    _must_be_open(revision, now)
    move_quote(revision, QuoteState.ACCEPTED)
    if (draft := _newest(session, row)).state == QuoteState.DRAFT:
        _delete_draft(session, draft, by=None)


# --- by time ----------------------------------------------------------------------------------------------------------


def expire() -> int:
    """Close every quote whose validity has ended, each in a transaction of its own; how many."""
    now = utc_now()
    with db.reading() as session:
        over = session.exec(
            select(QuoteRevision.company_id, QuoteRevision.quote_id, QuoteRevision.id).where(
                QuoteRevision.state == QuoteState.SENT, col(QuoteRevision.valid_until) < now
            )
        ).all()
    count = 0
    for company_id, quote_id, revision_id in over:
        with db.writing() as session:
            _lock(session, company_id, quote_id)
            revision = db.lock_row(session, QuoteRevision, revision_id or 0)
            if revision is None or revision.state != QuoteState.SENT:
                continue  # accepted or revised meanwhile
            move_quote(revision, QuoteState.EXPIRED)
            audit.record(session, company_id, "quote.expired", "quote", quote_id, revision=revision.number)
            count += 1
    return count


# --- reading ----------------------------------------------------------------------------------------------------------


def quote_by_id(company_id: int, quote_id: int, revision: int | None = None) -> QuoteView:
    """A quote with its newest revision or the one of this number, for staff; raises NotFound."""
    with db.reading() as session:
        quote = _quote(session, company_id, quote_id)
        if revision is None:
            return _view(session, _newest(session, quote))
        row = session.exec(
            select(QuoteRevision).where(
                QuoteRevision.company_id == company_id,
                QuoteRevision.quote_id == quote_id,
                QuoteRevision.number == revision,
            )
        ).one_or_none()
        if row is None:
            raise NotFound(field="revision")
        return _view(session, row)


def revision_by_id(revision_id: int) -> QuoteView:
    """The quote of a revision, for documents and mails; raises NotFound."""
    with db.reading() as session:
        row = session.get(QuoteRevision, revision_id)
        if row is None:
            raise NotFound(field="revision")
        return _view(session, row)


def history(company_id: int, quote_id: int) -> tuple[Deed, ...]:
    """What happened to a quote, newest first."""
    return deeds_of(company_id, "quote", quote_id)


def quotes_page(company_id: int, *, search: str = "", state: str = "", page: int = 1) -> Page[QuoteRow]:
    """Quotes as their newest revision stands, newest first; `search` looks in numbers, names and mail addresses."""
    wanted: list[ColumnElement[bool]] = []
    if state in set(QuoteState):
        wanted.append(col(QuoteRevision.state) == state)
    if search.strip():
        like = contains(search)
        wanted.append(or_(*(
            column.ilike(like, escape="\\") for column in (col(Quote.number), col(Party.name), col(Party.mail))
        )))
    return _quotes(company_id, wanted, page)


def quotes_to(company_id: int, mail: str, *, page: int = 1) -> Page[QuoteRow]:
    """The quotes that were sent to a mail address, newest first."""
    return _quotes(company_id, [func.lower(Party.mail) == mail.lower()], page, sent=True)


def _quotes(
    company_id: int, wanted: Sequence[ColumnElement[bool]], page: int, *, sent: bool = False
) -> Page[QuoteRow]:
    """`sent`: as the newest revision stands that its customer has seen."""
    revision = aliased(QuoteRevision)
    newest = (
        select(func.max(revision.number))
        .where(revision.quote_id == Quote.id, *([col(revision.state) != QuoteState.DRAFT] if sent else ()))
        .correlate(Quote)
        .scalar_subquery()
    )
    joined = (
        select(Quote, QuoteRevision, Party.name, col(ProductRevision.content)["name"])
        .select_from(Quote)
        .join(QuoteRevision, (col(QuoteRevision.quote_id) == Quote.id) & (col(QuoteRevision.number) == newest))
        .join(Party, col(Party.id) == Quote.customer_id)
        .join(Configuration, col(Configuration.id) == QuoteRevision.configuration_id)
        .join(ProductRevision, col(ProductRevision.id) == Configuration.product_revision_id)
        .where(Quote.company_id == company_id, *wanted)
    )
    with db.reading() as session:
        found = page_of(session, joined, col(Quote.id).desc(), page)
    return found.map(
        lambda row: QuoteRow(
            id=row[0].id or 0, number=row[0].number, revision=row[1].number, token=row[1].token,
            state=QuoteState(row[1].state), customer=row[2], product=row[3], gross_minor=row[1].gross_minor,
            currency=row[1].currency, exponent=row[1].exponent, arrives_on=row[1].arrives_on,
            valid_until=row[1].valid_until, created_at=row[1].created_at,
        )
    )


def house_zone(company_id: int) -> str:
    """The zone in which the house dates its documents."""
    with db.reading() as session:
        return session.get_one(Company, company_id).zone


# --- rows -------------------------------------------------------------------------------------------------------------


def _terms(offer: Offer, variant: Variant, to: ShipTo) -> dict[str, Any]:
    """Judge, price and date a variant with its delivery: the columns that a revision keeps. Raises NotDelivered."""
    judged(offer, variant)
    goods = price_for(offer, variant, to.country)
    with db.reading() as session:
        ways = ways_in(session, offer.company_id)
        margin = margin_columns(offer, variant, session.get_one(Company, offer.company_id).currency)
    way = None
    if to.way:
        offered = ways_to_quote(ways, offer, variant, to.country)
        way = next((one for one in offered if one.code == to.way and _may_lead(one.way, to)), None)
        must_lead_there(ways, way, to.way)
    price = sum_of([goods, way.price]) if way is not None else goods
    where = way.way.to() if way is not None else ways.standard(to.country)
    found: Forecast = forecast(offer, variant, where, not_before=_not_before(offer.company_id, price))
    return price_columns(price) | margin | promise_columns(found) | delivery_columns(way) | {
        "price_items": price_items(goods)
    }


def _not_before(company_id: int, price: Price) -> datetime | None:
    """Before when nothing of it starts if it is accepted now: the link of a quote proves the customer's address."""
    return asking(company_id, guest=False).not_before(price)


def ways_to_quote(ways: Ways, offer: Offer, variant: Variant, country: str) -> tuple[WayOffer, ...]:
    """The ways of delivery to anywhere in a country, each with its price beside this variant."""
    goods, weight = price_for(offer, variant, country), kilograms_of([(offer, variant)])
    return tuple(
        WayOffer(way, price) for way in ways.stated
        if way.country == country and (price := way.price(goods, weight)) is not None
    )


def _may_lead(way: Way, to: ShipTo) -> bool:
    """Whether a way leads to where a quote goes, or somewhere in its country as long as that is all that is known."""
    return way.leads_to(to.country, to.postal_code) if to.postal_code else way.country == to.country


def _add_revision(
    session: Session, quote: Quote, number: int, offer: Offer, selection: Selection, variant: Variant,
    terms: Mapping[str, Any],
) -> None:
    configuration = write_configuration(session, quote.company_id, offer, selection, variant)
    session.add(
        QuoteRevision(
            company_id=quote.company_id, quote_id=db.id_of(quote), number=number,
            configuration_id=db.id_of(configuration), **terms
        )
    )
    session.flush()


def _must_be_open(revision: QuoteRevision, now: datetime) -> None:
    if revision.state != QuoteState.SENT or revision.valid_until is None or now > revision.valid_until:
        raise QuoteNotOpen(field="quote")


def _quote(session: Session, company_id: int, quote_id: int) -> Quote:
    quote = session.get(Quote, quote_id)
    if quote is None or quote.company_id != company_id:
        raise NotFound(field="quote")
    return quote


def _lock(session: Session, company_id: int, quote_id: int) -> Quote:
    quote = db.lock_row(session, Quote, quote_id)
    if quote is None or quote.company_id != company_id:
        raise NotFound(field="quote")
    return quote


def _newest(session: Session, quote: Quote) -> QuoteRevision:
    return session.exec(
        select(QuoteRevision)
        .where(QuoteRevision.company_id == quote.company_id, QuoteRevision.quote_id == quote.id)
        .order_by(col(QuoteRevision.number).desc())
        .limit(1)
    ).one()


def _offered(session: Session, quote: Quote) -> tuple[int, str] | None:
    row = session.exec(
        select(QuoteRevision.number, QuoteRevision.token).where(
            QuoteRevision.company_id == quote.company_id, QuoteRevision.quote_id == quote.id,
            col(QuoteRevision.state).in_((QuoteState.SENT, QuoteState.ACCEPTED)),
        )
    ).one_or_none()
    return None if row is None else (row[0], row[1])


def _by_token(session: Session, company_id: int, token: str) -> QuoteRevision:
    revision = session.exec(
        select(QuoteRevision).where(QuoteRevision.company_id == company_id, QuoteRevision.token == token)
    ).one_or_none()
    if revision is None or revision.state == QuoteState.DRAFT:
        raise NotFound(field="token")
    return revision


def _customer(session: Session, quote: Quote, party: Party) -> Customer:
    return Customer(
        party.name, party.mail, quote.country, quote.locale, quote.postal_code,
        invoicing_of(session, quote.bill_to_id, quote.purchase_order),
    )


def _view(session: Session, revision: QuoteRevision) -> QuoteView:
    quote = session.get_one(Quote, revision.quote_id)
    company = session.get_one(Company, quote.company_id)
    party = session.get_one(Party, quote.customer_id)
    configuration = session.get_one(Configuration, revision.configuration_id)
    offer = offer_of_configuration(session, configuration)
    order = session.exec(
        select(SalesOrder).where(SalesOrder.company_id == quote.company_id, SalesOrder.quote_id == quote.id)
    ).one_or_none()
    variant, delivery = variant_from_json(configuration.variant or {}), delivery_view(revision)
    stored = stored_price(revision, revision.price_items)  # its items are the goods', its sums are of all
    return QuoteView(
        id=quote.id or 0,
        number=quote.number,
        customer=_customer(session, quote, party),
        validity_days=quote.validity_days,
        house=company.name,
        house_zone=company.zone,
        revision=RevisionView(
            id=revision.id or 0,
            number=revision.number,
            state=QuoteState(revision.state),
            token=revision.token,
            configuration_token=configuration.token,
            product=offer.product,
            variant=variant,
            choices=readable_choices(offer.product, variant),
            decisions=decisions_from_json(configuration.decisions),
            texts=dict(configuration.texts),
            price=replace(stored, items=(*stored.items, *(delivery.price.items if delivery else ()))),
            delivery=delivery,
            arrives_on=revision.arrives_on,
            zone=revision.zone,
            created_at=revision.created_at,
            sent_at=revision.sent_at,
            valid_until=revision.valid_until,
            comment=revision.comment,
        ),
        newest=_newest(session, quote).number,
        offered=_offered(session, quote),
        order_number=order.number if order else None,
        order_token=order.token if order else None,
        order_id=order.id if order else None,
    )
