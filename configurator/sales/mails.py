"""Mails to customers: a row of the outbox becomes a message in the customer's language, and is sent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from email.headerregistry import Address
from email.message import EmailMessage
from functools import lru_cache
from pathlib import Path
from time import monotonic
from typing import Any

import structlog
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from sqlalchemy import or_, update
from sqlmodel import col, select

from catalog.rows import Company, utc_now
from configurator import db
from configurator.config import Settings
from configurator.outbox import OutboxMail, deliver, due_mails, settle
from configurator.sales.accounts import GOOD_FOR, account_link
from configurator.sales.address_checks import signed_link, signed_proof
from configurator.sales.changes import move_by_id, order_history
from configurator.sales.choices import differing
from configurator.sales.configurations import Configuration, offer_of_configuration
from configurator.sales.documents import link_to, order_pdf, quote_link, quote_pdf
from configurator.sales.models import Draft
from configurator.sales.orders import order_by_id
from configurator.sales.parties import Party
from configurator.sales.quotes import revision_by_id
from configurator.sales.reasons import REASONS
from configurator.words import Words, country_name, language_of

log = structlog.get_logger()
TURN_SECONDS = 15.0  # after that the worker's other chores come first; the next turn goes on
MERE_LINKS = ("draft_link", "account_link", "password_link")  # to addresses that are not kept
ADDRESSES_KEPT_FOR = timedelta(days=7)  # of mails that could not be sent
LEASE = timedelta(minutes=2)  # how long one worker has to send a mail before another one tries
PACKAGE = Path(__file__).parent.parent


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that goes with a mail."""

    name: str
    content: bytes


@dataclass(frozen=True, slots=True)
class _Letter:
    """What a template is given, and what is attached."""

    context: dict[str, Any]
    attachments: tuple[Attachment, ...] = ()


def send_due_mails(settings: Settings) -> int:
    """Send what is due, each mail by itself; how many went out. A failed one is tried again later.

    A server that hangs costs its time-out with every mail, so a turn ends after a while, with mails left over.
    """
    with db.reading() as session:
        waiting = [mail.id for mail in due_mails(session)]
    until, sent = monotonic() + TURN_SECONDS, 0
    for mail_id in waiting:
        if monotonic() >= until:
            break
        sent += mail_id is not None and _send(settings, mail_id)
    return sent


def _send(settings: Settings, mail_id: int) -> bool:
    mail = _claim(mail_id)
    if mail is None:
        return False
    try:
        message = message_of(mail, settings)
        if message is not None:  # None: the person or the draft was erased meanwhile
            deliver(settings, message, f"{mail.id:06d}-{mail.template}")
    except Exception as error:  # noqa: BLE001 - whatever stops one mail must not stop the others
        log.warning("mail.failed", mail=mail_id, error=type(error).__name__)
        settle(mail_id, type(error).__name__)  # never its words: they may carry an address
        return False
    settle(mail_id, None)
    return True


def _claim(mail_id: int) -> OutboxMail | None:
    """The mail, if it is still to be sent and no other worker has it; it is ours for the time of the lease."""
    now = utc_now()
    with db.writing() as session:
        mail = db.lock_row(session, OutboxMail, mail_id)
        if mail is None or mail.sent_at is not None or mail.due_at > now:
            return None
        mail.due_at = now + LEASE
        return mail


def message_of(mail: OutboxMail, settings: Settings) -> EmailMessage | None:
    """The message of an outbox row, None if its party has no address or what it is about is gone."""
    with db.reading() as session:
        party = session.get_one(Party, mail.party_id)
        house = session.get_one(Company, mail.company_id).name
    if not party.mail:
        return None
    words = Words(language_of(mail.locale))
    letter = LETTERS[mail.template](mail, settings, words)
    if letter is None:
        return None
    rendered = _templates().get_template(f"{mail.template}.txt").render(
        _=words.gettext, words=words, country_name=country_name, name=party.name, house=house, **letter.context
    )
    subject, _, body = rendered.partition("\n\n")
    message = EmailMessage()
    message["Subject"] = " ".join(subject.split())
    mailbox, _, domain = party.mail.rpartition("@")
    message["To"] = Address(party.name, addr_spec=f"{mailbox}@{domain.encode('idna').decode()}")
    message["Date"] = mail.created_at
    message["Message-ID"] = f"<outbox-{mail.company_id}-{mail.id}@{settings.mail_from.rpartition('@')[2]}>"
    message["Content-Language"] = words.language
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(body.strip() + "\n")
    for attachment in letter.attachments:
        message.add_attachment(attachment.content, maintype="application", subtype="pdf", filename=attachment.name)
    return message


@lru_cache(maxsize=1)
def _templates() -> Environment:
    """The texts of mails: plain text, so nothing is escaped; a name that is missing is an error."""
    inside = PACKAGE / "templates"
    folder = (inside if inside.is_dir() else PACKAGE.parent / "templates") / "mails"
    return Environment(  # noqa: S701 - plain text, not HTML
        loader=FileSystemLoader(folder), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )


def _about_order(mail: OutboxMail, settings: Settings, words: Words) -> _Letter:
    order = order_by_id(mail.company_id, mail.data["order_id"])
    link = link_to(settings, f"/orders/{order.token}?lang={words.language}")
    return _Letter({"order": order, "link": link})


def _order_confirmation(mail: OutboxMail, settings: Settings, words: Words) -> _Letter:
    letter = _about_order(mail, settings, words)
    order = letter.context["order"]
    return replace(
        letter, attachments=(Attachment(f"{order.number}.pdf", order_pdf(order, settings, words.language)),)
    )


def _address_check(mail: OutboxMail, settings: Settings, words: Words) -> _Letter:
    letter = _about_order(mail, settings, words)
    order = letter.context["order"]
    link = signed_link(mail.company_id, order.id, order.buyer.mail, secret=settings.secret_key)
    return _Letter({"order": order, "link": link_to(settings, f"/confirm/{link}?lang={words.language}")})


def _refund_paid(mail: OutboxMail, settings: Settings, words: Words) -> _Letter:
    letter = _about_order(mail, settings, words)
    order = letter.context["order"]
    refund = next(refund for refund in order.refunds if refund.id == mail.data["refund"])
    return replace(letter, context=letter.context | {"refund": refund})


def _order_changed(mail: OutboxMail, settings: Settings, words: Words) -> _Letter:
    letter = _order_confirmation(mail, settings, words)
    order = letter.context["order"]
    before = next(
        revision for revision in order_history(mail.company_id, order.id).revisions
        if (revision.unit, revision.number) == (mail.data["unit"], mail.data["revision"])
    )
    unit = order.unit(before.unit)
    changes = differing(before.choices, unit.choices, words.language)
    return replace(letter, context=letter.context | {"unit": unit, "changes": changes})


def _date_moved(mail: OutboxMail, settings: Settings, words: Words) -> _Letter:
    order_id, move = move_by_id(mail.company_id, mail.data["move_id"])
    order = order_by_id(mail.company_id, order_id)
    link = link_to(settings, f"/orders/{order.token}?lang={words.language}")
    return _Letter({
        "order": order, "unit": order.unit(move.unit), "move": move, "reason": words.gettext(REASONS[move.reason]),
        "link": link,
    })


def _draft_link(mail: OutboxMail, settings: Settings, words: Words) -> _Letter | None:
    with db.reading() as session:
        draft = session.get(Draft, mail.data["draft_id"])
        if draft is None:
            return None
        product = offer_of_configuration(session, session.get_one(Configuration, draft.configuration_id)).product
    return _Letter({
        "product": product, "link": link_to(settings, f"/drafts/{draft.token}/take?lang={words.language}"),
    })


def _quote(mail: OutboxMail, settings: Settings, words: Words) -> _Letter:
    quote = revision_by_id(mail.data["revision_id"])
    proof = signed_proof(mail.company_id, quote.revision.token, quote.customer.mail, secret=settings.secret_key)
    link = quote_link(quote, settings, words.language, proof)
    pdf = quote_pdf(quote, settings, words.language, proof)
    return _Letter({"quote": quote, "link": link}, (Attachment(f"{quote.number}-{quote.revision.number}.pdf", pdf),))


def _account_link(mail: OutboxMail, settings: Settings, words: Words) -> _Letter | None:
    with db.reading() as session:
        address = session.get_one(Party, mail.party_id).mail
    link = account_link(mail.company_id, address, mail.data, secret=settings.secret_key)
    if link is None:
        return None
    hours = int(GOOD_FOR.total_seconds() // 3600)
    return _Letter({"link": link_to(settings, f"/account/open/{link}?lang={words.language}"), "hours": hours})


def _password_changed(mail: OutboxMail, settings: Settings, words: Words) -> _Letter:
    return _Letter({"link": link_to(settings, f"/account/link?lang={words.language}")})


def forget_addresses(*, now: datetime | None = None) -> int:
    """Erase the mail addresses that mere links went to, or could not go to for so long; how many."""
    at = now or utc_now()
    done = select(OutboxMail.party_id).where(
        col(OutboxMail.template).in_(MERE_LINKS),
        or_(col(OutboxMail.sent_at).is_not(None), col(OutboxMail.created_at) <= at - ADDRESSES_KEPT_FOR),
    )
    with db.writing() as session:
        erased = session.execute(
            update(Party).where(col(Party.id).in_(done), col(Party.erased_at).is_(None)).values(mail="", erased_at=at)
        )
    return int(erased.rowcount)  # type: ignore[attr-defined]


LETTERS: dict[str, Callable[[OutboxMail, Settings, Words], _Letter | None]] = {
    "order_confirmation": _order_confirmation,
    "address_check": _address_check,
    "address_lapsed": _about_order,
    "deposit_received": _about_order,
    "deposit_lapsed": _about_order,
    "order_changed": _order_changed,
    "delivery_changed": _order_confirmation,
    "refund_paid": _refund_paid,
    "order_cancelled": _about_order,
    "date_moved": _date_moved,
    "quote": _quote,
    "draft_link": _draft_link,
    "account_link": _account_link,
    "password_link": _account_link,
    "password_changed": _password_changed,
}
