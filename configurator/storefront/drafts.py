"""Drafts: configurations that somebody keeps under a name, to go on with them or to compare them later."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import count

from flask_babel import gettext as _
from sqlalchemy import delete
from sqlmodel import Session, col, select

from catalog.offer import NotOffered, Offer, current_offer
from catalog.price import Price, quote_price
from catalog.products import ProductContent
from catalog.rows import utc_now
from catalog.uploads import files_among
from configurator import db, outbox
from configurator.errors import DomainError, NotFound
from configurator.sales.configurations import (
    Configuration,
    Selection,
    decisions_from_json,
    offer_of_configuration,
    query_of,
    selection_from_query,
    write_configuration,
)
from configurator.sales.models import Draft
from configurator.sales.old_files import forget_files_of
from configurator.sales.parties import Party
from configurator.sales.uploads import own_copies
from configurator.sales.visitors import Visitor
from configurator.storefront.service import countries, standing_completion
from configurator.throttle import MINUTES, TooManyMails, count_try, subject
from solver.configuration.problem import Decision, Variant
from solver.configuration.session import valid_domains

MOST = 30  # of one owner
NAME_LENGTH = 80
MAILS = 3  # to one address, or by one owner, within the minutes of the throttle
KEPT_FOR = timedelta(days=180)  # what no account has, from its last change on
_SECONDS = 0.5  # to see whether a draft still holds together


class DraftsFull(DomainError):
    """More drafts than one owner may keep."""

    code, status, words = "drafts_full", 422, ""

    def message(self) -> str:
        return _("You keep %(number)s drafts already. Delete one that you no longer need.", number=MOST)


class Trouble(StrEnum):
    """What a new catalog has done to a draft."""

    WITHDRAWN = "withdrawn"  # the product is not offered any more
    CHANGED = "changed"  # an answer is gone, or the answers do not go together any more


@dataclass(frozen=True, slots=True)
class DraftView:
    """A draft under today's catalog.

    Attributes
    ----------
    offer: today's, or the draft's own where the product is withdrawn
    texts_token: the row with the texts that were typed, "" if there are none
    files: the names of the files that were sent
    standing: what it would be today, with its price; None while there is trouble
    made_under: the product and price list revisions of the day on which it was saved
    """

    token: str
    name: str
    offer: Offer
    decisions: tuple[Decision, ...]
    texts_token: str
    files: tuple[str, ...]
    country: str
    changed_at: datetime
    trouble: Trouble | None
    standing: Variant | None
    price: Price | None
    made_under: tuple[int, int]

    @property
    def product(self) -> ProductContent:
        return self.offer.product


@dataclass(frozen=True, slots=True)
class Saved:
    """Where a draft is. `holder`: for the browser's cookie, "" for an account's; `replaced`: one of the same name."""

    token: str
    holder: str
    replaced: bool


def save_draft(
    company_id: int, owner: Visitor, name: str, offer: Offer, selection: Selection, country: str, *,
    now: datetime | None = None,
) -> Saved:
    """Keep a selection under a name; the owner's draft of this name and product, if there is one, becomes it.

    An owner without account and holder gets a holder. Raises DraftsFull.
    """
    holder = owner.holder_of_new()
    with db.writing() as session:
        mine = session.exec(
            select(Draft, Configuration.product_code)
            .join(Configuration, col(Configuration.id) == Draft.configuration_id)
            .where(Draft.company_id == company_id, owner.owns(Draft))
        ).all()
        same = next((row for row, code in mine if (row.name, code) == (name, selection.product)), None)
        if same is None and len(mine) >= MOST:
            raise DraftsFull(field="name")
        row = same or Draft(
            company_id=company_id, name=name, holder=holder, user_id=owner.user_id, configuration_id=0, country=country
        )
        row.configuration_id = db.id_of(write_configuration(session, company_id, offer, selection, None))
        row.taken_from_id, row.country, row.changed_at = None, country, now or utc_now()
        session.add(row)
        session.flush()
        return Saved(row.token, holder, same is not None)


def drafts_of(company_id: int, owner: Visitor) -> tuple[DraftView, ...]:
    """The owner's drafts, the newest first, each under today's catalog."""
    with db.reading() as session:
        rows = session.exec(
            select(Draft, Configuration)
            .join(Configuration, col(Configuration.id) == Draft.configuration_id)
            .where(Draft.company_id == company_id, owner.owns(Draft))
            .order_by(col(Draft.changed_at).desc(), col(Draft.id).desc())
        ).all()
        found = [(draft, configuration, *_offered(session, configuration)) for draft, configuration in rows]
    return tuple(_view(*one) for one in found)


def draft_by_token(company_id: int, token: str) -> DraftView:
    """The draft of an unguessable token, whoever asks; raises NotFound."""
    with db.reading() as session:
        row = session.exec(
            select(Draft, Configuration)
            .join(Configuration, col(Configuration.id) == Draft.configuration_id)
            .where(Draft.company_id == company_id, Draft.token == token)
        ).one_or_none()
        if row is None:
            raise NotFound(field="draft")
        draft, configuration = row
        offer, withdrawn = _offered(session, configuration)
    return _view(draft, configuration, offer, withdrawn)


def take_draft(company_id: int, owner: Visitor, token: str, *, now: datetime | None = None) -> Saved:
    """Keep the draft of an unguessable token as an own one too, beside the owner's others; where that is.

    Its files come along as the owner's own. A name that the owner has given already gets a number. Raises NotFound,
    DraftsFull, TooManyFiles.
    """
    holder = owner.holder_of_new()
    with db.writing() as session:
        row = session.exec(select(Draft).where(Draft.company_id == company_id, Draft.token == token)).one_or_none()
        if row is None:
            raise NotFound(field="draft")
        mine = session.exec(select(Draft).where(Draft.company_id == company_id, owner.owns(Draft))).all()
        its = row.configuration_id
        same = next((one for one in mine if its in (one.configuration_id, one.taken_from_id)), None)
        if same is not None:
            return Saved(same.token, "", replaced=False)
        if len(mine) >= MOST:
            raise DraftsFull(field="name")
        own = _with_own_files(session, its, replace(owner, holder=holder or owner.holder))
        taken = Draft(
            company_id=company_id, name=_free_name(row.name, {one.name for one in mine}), holder=holder,
            user_id=owner.user_id, configuration_id=own, taken_from_id=its if own != its else None,
            country=row.country, changed_at=now or utc_now(),
        )
        session.add(taken)
        session.flush()
        return Saved(taken.token, holder, replaced=False)


def _with_own_files(session: Session, configuration_id: int, owner: Visitor) -> int:
    """The configuration, or one like it whose files are the owner's own."""
    row = session.get_one(Configuration, configuration_id)
    answers = own_copies(session, row.company_id, configuration_id, row.texts, owner)
    if answers == row.texts:
        return configuration_id
    selection = Selection(row.product_code, decisions_from_json(row.decisions), answers)
    return db.id_of(write_configuration(session, row.company_id, offer_of_configuration(session, row), selection, None))


def _free_name(name: str, taken: Collection[str]) -> str:
    numbered = (f"{name[:NAME_LENGTH - 5]} ({number})" for number in count(2))
    return name if name not in taken else next(one for one in numbered if one not in taken)


def mail_link(
    company_id: int, owner: Visitor, token: str, mail: str, locale: str, *, address: str, secret: str
) -> None:
    """Send the link to an own draft to a mail address, in a language (`zh`, `en`).

    Whoever asks, the owner, the machine (`address`) and the mail address are each sent a few within some minutes.
    Raises NotFound, TooManyMails.
    """
    whose = f"user {owner.user_id}" if owner.user_id is not None else f"holder {owner.holder}"
    limits = {
        subject(secret, "draft mail to", mail.lower()): MAILS, subject(secret, "draft mail by", whose): MAILS,
        subject(secret, "draft mail from", address): 4 * MAILS,
    }
    with db.writing() as session:
        draft = _own(session, company_id, owner, token)
        count_try(session, limits, TooManyMails(field="mail", minutes=MINUTES))
        party = Party(company_id=company_id, mail=mail, locale=locale)
        session.add(party)
        session.flush()
        outbox.post(session, company_id, "draft_link", db.id_of(party), locale, draft_id=draft.id)


def rename_draft(company_id: int, owner: Visitor, token: str, name: str) -> None:
    """Give an own draft another name. Raises NotFound."""
    with db.writing() as session:
        _own(session, company_id, owner, token).name = name


def delete_drafts(company_id: int, owner: Visitor, tokens: Sequence[str]) -> int:
    """Delete own drafts, and the files that nothing else keeps; how many files. Raises NotFound."""
    with db.writing() as session:
        rows = [_own(session, company_id, owner, token) for token in tokens]
        for row in rows:
            session.delete(row)
        return forget_files_of(session, [row.configuration_id for row in rows])


def forget_old_drafts(*, now: datetime | None = None) -> int:
    """Delete the drafts of browsers that have not come back for so long, with their files; how many drafts.

    An account's are its own.
    """
    old = (col(Draft.holder) != "", col(Draft.changed_at) <= (now or utc_now()) - KEPT_FOR)
    with db.writing() as session:
        had = session.exec(select(Draft.configuration_id).where(*old)).all()
        session.execute(delete(Draft).where(*old))
        forget_files_of(session, had)
    return len(had)


def _own(session: Session, company_id: int, owner: Visitor, token: str) -> Draft:
    row = session.exec(
        select(Draft).where(Draft.company_id == company_id, Draft.token == token, owner.owns(Draft))
    ).one_or_none()
    if row is None:
        raise NotFound(field="draft")
    return row


def _offered(session: Session, configuration: Configuration) -> tuple[Offer, bool]:
    """Today's offer of what was configured, or its own one and that it is withdrawn."""
    try:
        return current_offer(session, configuration.company_id, configuration.product_code), False
    except NotOffered:
        return offer_of_configuration(session, configuration), True


def _view(draft: Draft, configuration: Configuration, offer: Offer, withdrawn: bool) -> DraftView:
    decisions = decisions_from_json(configuration.decisions)
    trouble = Trouble.WITHDRAWN if withdrawn else _trouble(offer, decisions)
    country = draft.country if draft.country in offer.prices.tax else countries(offer)[0]
    standing = price = None
    if trouble is None:
        standing = standing_completion(offer, decisions, configuration.texts)
        price = quote_price(offer.prices, offer.problem, standing, country=country)
    return DraftView(
        draft.token, draft.name, offer, decisions, configuration.token if configuration.texts else "",
        tuple(file.name for _content, file in files_among(offer.product, configuration.texts)), country,
        draft.changed_at, trouble, standing, price,
        (configuration.product_revision_id, configuration.price_list_revision_id),
    )


def _trouble(offer: Offer, decisions: tuple[Decision, ...]) -> Trouble | None:
    known, unknown = selection_from_query(offer, query_of(decisions), {})
    if unknown or len(known.decisions) < len(decisions):
        return Trouble.CHANGED
    return None if valid_domains(offer.compiled, decisions, seconds=_SECONDS) is not None else Trouble.CHANGED
