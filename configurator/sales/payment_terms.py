"""Terms of payment: when a company asks for a deposit, how much, for how long it waits, and who takes it.

Of guests it asks earlier, and then for either of two things: a confirmed mail address, or the deposit.

The settings are what a company begins with; what its administrators save are versions, each a row that never changes.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from fractions import Fraction
from functools import cache
from typing import TYPE_CHECKING, Any

from flask_babel import lazy_gettext as _l
from sqlalchemy import bindparam
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from catalog.price import Price, round_half_up
from catalog.rows import Company, utc_now
from configurator import audit, db
from configurator.admin.models import User
from configurator.errors import PriceChanged
from configurator.sales import providers
from configurator.sales.lists import Page, page_of
from configurator.sales.models import PaymentTermsVersion
from configurator.sales.parties import Party
from configurator.sales.providers import Provider

if TYPE_CHECKING:
    from configurator.config import Settings

MOST_DAYS, MOST_VALUE = 60, 10**9
TO_CONFIRM = timedelta(hours=24)  # for so long an order waits for its buyer to confirm the mail address


class DepositChanged(PriceChanged):
    """Another deposit is asked for than the one that was shown."""

    code = "deposit_changed"
    words = _l("The terms of payment have changed since you saw them. Please look at the deposit again.")


class Assurance(StrEnum):
    """What an order can wait for before anything of it is made."""

    ADDRESS = "address"  # a sign that its buyer reads the mails to its address
    DEPOSIT = "deposit"


def assurance_of(sent: str | None) -> Assurance | None:
    """What a buyer has chosen; None where nothing was, or nothing that there is."""
    return Assurance(sent) if sent in set(Assurance) else None


@dataclass(frozen=True, slots=True)
class Asked:
    """What an order will wait for; nothing of it starts before `due_at`.

    `amount_minor`, `provider` (who is named first): of a deposit, else 0 and "".
    """

    assurance: Assurance
    amount_minor: int
    due_at: datetime
    provider: str


def begins_after(asked: Asked | None) -> datetime | None:
    """Before when nothing of an order that waits for this starts; None: it waits for nothing."""
    return None if asked is None else asked.due_at


@dataclass(frozen=True, slots=True)
class AssuranceOffer:
    """One of several things that an order could wait for, and when its last unit would be there (None: no room)."""

    asked: Asked
    arrives_on: date | None

    @property
    def assurance(self) -> Assurance:
        return self.asked.assurance


@dataclass(frozen=True, slots=True)
class PaymentTerms:
    """When a deposit is asked for and how it is paid.

    `percent`: of the order's value with tax. `asked_from`, `asked_of_guests_from`: in whole units of its currency, 0:
    never, and of guests as of everybody. `days`: for which an order waits. `providers`: their codes. `id`, `number`:
    the version, None for settings that no order was placed under yet.
    """

    percent: int = 30
    asked_from: int = 0
    asked_of_guests_from: int = 0
    days: int = 5
    providers: tuple[str, ...] = ("transfer",)
    id: int | None = None
    number: int | None = None

    @property
    def ever_asks(self) -> bool:
        """Whether there is an order that a deposit is asked for."""
        return bool(self.asked_from or self.asked_of_guests_from)

    def same_as(self, other: PaymentTerms) -> bool:
        """Whether both say the same, in whichever version."""
        return replace(self, id=other.id, number=other.number) == other

    def assurances(self, price: Price, *, guest: bool) -> tuple[Assurance, ...]:
        """What an order of this price can wait for, the usual first; () if nothing is asked for."""
        if self._is_worth(price, self.asked_from):
            return (Assurance.DEPOSIT,)
        return tuple(Assurance) if guest and self._is_worth(price, self.asked_of_guests_from) else ()

    @staticmethod
    def _is_worth(price: Price, limit: int) -> bool:
        return limit > 0 and price.gross >= limit * 10**price.exponent

    def deposit_of(self, price: Price, *, guest: bool) -> int:
        """The deposit in minor units, 0 if none is asked for or offered."""
        if not self.assurances(price, guest=guest):
            return 0
        return round_half_up(Fraction(price.gross * self.percent, 100))

    def asked_for(
        self, price: Price, *, guest: bool, assurance: Assurance | None = None, since: datetime | None = None
    ) -> Asked | None:
        """What an order of this price waits for, None if for nothing.

        `assurance`: what its buyer has chosen, where there is a choice. `since`: when its slots were held.
        """
        offered, since = self.assurances(price, guest=guest), since or utc_now()
        if not offered:
            return None
        if (assurance if assurance in offered else offered[0]) is Assurance.ADDRESS:
            return Asked(Assurance.ADDRESS, 0, since + TO_CONFIRM, "")
        amount = self.deposit_of(price, guest=guest)
        return Asked(Assurance.DEPOSIT, amount, since + self.patience(), self.takers()[0].code) if amount else None

    def choice(self, price: Price, *, guest: bool, since: datetime | None = None) -> tuple[Asked, ...]:
        """Everything that an order of this price could wait for, where its buyer can choose; else ()."""
        offered = self.assurances(price, guest=guest)
        found = (self.asked_for(price, guest=guest, assurance=one, since=since) for one in offered)
        return tuple(one for one in found if one is not None) if len(offered) > 1 else ()

    def patience(self) -> timedelta:
        """How long an order waits for its deposit: as long as the slowest way of paying needs."""
        return max(taker.patience(self.days) for taker in self.takers())

    def takers(self) -> list[Provider]:
        """Who can take a deposit under them today; the house's own if none of them is set up any more."""
        found = [providers.known()[code] for code in self.providers if code in takers()]
        return found or [providers.known()[code] for code in _first.providers]


@dataclass(frozen=True, slots=True)
class Asking:
    """What a buyer's orders would wait for if they were placed at an instant. `guest`: whether the buyer is one."""

    terms: PaymentTerms
    guest: bool
    since: datetime

    def asked(self, price: Price) -> Asked | None:
        """What an order of this price would wait for."""
        return self.terms.asked_for(price, guest=self.guest, since=self.since)

    def not_before(self, price: Price) -> datetime | None:
        """Before when nothing of an order of this price would start; None: it would not wait."""
        return begins_after(self.asked(price))


_first = PaymentTerms()


def configure(settings: Settings) -> None:
    """Take the settings of this process."""
    global _first
    providers.configure(settings)
    _first = PaymentTerms(
        settings.deposit_percent, settings.deposit_from, settings.guest_deposit_from, settings.deposit_days,
        ("test",) if settings.payment_provider == "test" else ("transfer",),
    )


def first_terms() -> PaymentTerms:
    """What a company begins with."""
    return _first


def takers() -> Collection[str]:
    """The codes of the providers that are set up here."""
    return [code for code, provider in providers.known().items() if provider.can_take()]


def must_be_shown(asked: Asked | None, shown_minor: int | None, chosen: Assurance | None) -> None:
    """Raise DepositChanged if something else is asked for than what the buyer saw and chose.

    `shown_minor`: the deposit that was shown (None: the client shows none, and nothing is compared).
    """
    if shown_minor is None:
        return
    amount = asked.amount_minor if asked is not None else 0
    unseen = asked is not None and asked.assurance is Assurance.ADDRESS and chosen is not Assurance.ADDRESS
    if shown_minor != amount or unseen:
        raise DepositChanged(field="deposit", deposit_minor=amount)


# --- reading ----------------------------------------------------------------------------------------------------------


def terms_in(session: Session, company_id: int) -> PaymentTerms:
    """The terms that are in force."""
    newest = session.exec(_in_force(), params={"company": company_id}).first()
    if newest is not None and newest.saved_by is not None:
        return terms_from(newest)
    return _as_version(newest, _first)


@cache
def _in_force() -> SelectOfScalar[PaymentTermsVersion]:
    """The newest version of a `company` that somebody saved, else that of the settings; put together once."""
    of_settings = col(PaymentTermsVersion.saved_by).is_(None)
    return (
        select(PaymentTermsVersion).where(PaymentTermsVersion.company_id == bindparam("company"))
        .order_by(of_settings, col(PaymentTermsVersion.number).desc()).limit(1)
    )


def terms_of(company_id: int) -> PaymentTerms:
    """The terms that are in force."""
    with db.reading() as session:
        return terms_in(session, company_id)


def asking(company_id: int, *, guest: bool | None, now: datetime | None = None) -> Asking:
    """What orders of a buyer would wait for under the terms that are in force; of nobody (None): nothing."""
    return Asking(PaymentTerms() if guest is None else terms_of(company_id), bool(guest), now or utc_now())


def terms_from(row: PaymentTermsVersion) -> PaymentTerms:
    """The terms of a row."""
    return PaymentTerms(
        row.percent, row.asked_from, row.asked_of_guests_from, row.days, tuple(row.providers), db.id_of(row), row.number
    )


def accepted_terms(session: Session, company_id: int, version_id: int | None) -> PaymentTerms | None:
    """The version that an order was placed under; None for orders from before there were versions."""
    if version_id is None:
        return None
    return terms_from(session.exec(
        select(PaymentTermsVersion).where(
            PaymentTermsVersion.company_id == company_id, PaymentTermsVersion.id == version_id
        )
    ).one())


def _as_version(row: PaymentTermsVersion | None, terms: PaymentTerms) -> PaymentTerms:
    """Settings as their newest version, which they became with an order; as they are if they became none."""
    kept = terms_from(row) if row is not None else terms
    return kept if kept.same_as(terms) else terms


def _newest(session: Session, company_id: int, *which: Any) -> PaymentTermsVersion | None:
    return session.exec(
        select(PaymentTermsVersion).where(PaymentTermsVersion.company_id == company_id, *which)
        .order_by(col(PaymentTermsVersion.number).desc()).limit(1)
    ).first()


@dataclass(frozen=True, slots=True)
class SavedTerms:
    """A version in the list. `by`: who saved it, "" for the settings."""

    terms: PaymentTerms
    at: datetime
    by: str


def versions_page(company_id: int, *, page: int = 1) -> Page[SavedTerms]:
    """Every version, the newest first."""
    joined = (
        select(PaymentTermsVersion, Party.name, User.login)
        .join(User, col(User.id) == PaymentTermsVersion.saved_by, isouter=True)
        .join(Party, col(Party.id) == User.party_id, isouter=True)
        .where(PaymentTermsVersion.company_id == company_id)
    )
    with db.reading() as session:
        found = page_of(session, joined, col(PaymentTermsVersion.number).desc(), page)
    return found.map(lambda row: SavedTerms(terms_from(row[0]), row[0].saved_at, row[1] or row[2] or ""))


# --- saving -----------------------------------------------------------------------------------------------------------


def save_terms(company_id: int, terms: PaymentTerms, *, by: int) -> PaymentTerms:
    """Let these be in force from now on, as a new version. Orders keep the version that they were placed under."""
    with db.writing() as session:
        db.lock_row(session, Company, company_id)  # two administrators at once save two versions
        saved = _write(session, company_id, terms, by)
        audit.record(
            session, company_id, "payment_terms.saved", "payment_terms", saved.id, actor_id=by, number=saved.number
        )
        return saved


def kept_terms(company_id: int, terms: PaymentTerms) -> PaymentTerms:
    """The same terms as a version that an order can name: the settings become one with the first order under them."""
    if terms.id is not None:
        return terms
    with db.writing() as session:
        db.lock_row(session, Company, company_id)
        of_settings = _newest(session, company_id, col(PaymentTermsVersion.saved_by).is_(None))
        known = _as_version(of_settings, terms)  # somebody may have been faster
        return known if known.id is not None else _write(session, company_id, terms, None)


def _write(session: Session, company_id: int, terms: PaymentTerms, by: int | None) -> PaymentTerms:
    newest = _newest(session, company_id)
    row = PaymentTermsVersion(**asdict(terms) | {
        "id": None, "company_id": company_id, "number": newest.number + 1 if newest else 1, "saved_by": by,
        "providers": list(terms.providers),
    })
    session.add(row)
    session.flush()
    return terms_from(row)
