"""Customers' accounts: made, and given a new password, by a link in a mail, so that its address is the account's own.

Nothing is written down of somebody who only asks for a link but the mail itself, and what is answered does not tell
whether an address has an account.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from flask_babel import lazy_gettext as _l
from itsdangerous import BadData, SignatureExpired, URLSafeTimedSerializer
from sqlalchemy import func, update
from sqlmodel import Session, col, select

from catalog.rows import Company, utc_now
from configurator import audit, db, outbox
from configurator.admin.models import User, UserRole
from configurator.auth import Role, TooManyTries, add_user, end_sessions, give_password, same_password
from configurator.errors import DomainError, NotFound
from configurator.sales.address_checks import fingerprint
from configurator.sales.buyers import Buyer, Invoicing, buyer_of, erase_bill_to, invoicing_of, keep_bill_to
from configurator.sales.models import Draft, SalesOrder
from configurator.sales.parties import Party
from configurator.throttle import MINUTES, TooManyMails, count_try, subject

GOOD_FOR = timedelta(hours=2)  # a link, from when its mail was sent
GUESSES = 10  # of one's own password, within the minutes of the throttle
MAILS = 3  # to one address within the minutes of the throttle; four times as many by one machine
_SALT = "an account's link"


class AccountLinkWrong(NotFound):
    """It was not signed by this house."""

    code = "link_unknown"
    words = _l("This link is not complete. Please open the link in our mail, or copy all of it into the address bar.")


class AccountLinkOver(DomainError):
    """It is too old, or it was used."""

    code, status = "link_over", 410
    words = _l("This link is no longer good: it was used already, or it is too old. Ask for a new one.")


class AccountThere(DomainError):
    """The address has got an account since the mail was sent."""

    code, status = "account_there", 409
    words = _l("There is an account with this address already. Log in, or ask for a link to set a new password.")


class WrongPassword(DomainError):
    code, status, words = "wrong_password", 403, _l("This is not your present password.")


class TooManyGuesses(TooManyTries):
    words = _l("Too many wrong passwords. Please try again in %(minutes)s minutes.")


class StaffAccount(DomainError):
    code, status = "staff_account", 409
    words = _l("You work here: an administrator closes your account.")


@dataclass(frozen=True, slots=True)
class Opened:
    """What a good link is for. `mail`: the address that it was sent to; `user_id`: whose password it sets, None: a new
    account.
    """

    mail: str
    user_id: int | None


@dataclass(frozen=True, slots=True)
class Profile:
    """An account. `login`: what its owner logs in with; `buyer`: how every order begins; `is_staff`: they work here."""

    login: str
    buyer: Buyer
    is_staff: bool

    @property
    def proven_mail(self) -> str:
        """The address that its owner has shown to read, "" if there is none: a link was sent to it."""
        return self.buyer.mail if self.buyer.mail.lower() == self.login else ""


DETAILS = ("name", "phone", "street", "postal_code", "city", "region", "country")  # that the owner types


# --- the link ---------------------------------------------------------------------------------------------------------


def ask_for_link(company_id: int, mail: str, locale: str, *, address: str, secret: str) -> None:
    """Mail a link to make an account, or to set a new password where the address has one. Raises TooManyMails.

    `address`: of the machine that asks.
    """
    limits = {subject(secret, "account mail to", mail.lower()): MAILS,
              subject(secret, "account mail from", address): 4 * MAILS}
    with db.writing() as session:
        count_try(session, limits, TooManyMails(field="mail", minutes=MINUTES))
        user = _user_of(session, company_id, mail)
        if user is not None and not user.is_active:
            return  # it was closed: whoever has the address cannot open it again by themselves
        party = Party(company_id=company_id, mail=mail, locale=locale)
        session.add(party)
        session.flush()
        if user is None:
            outbox.post(session, company_id, "account_link", db.id_of(party), locale)
        else:
            outbox.post(session, company_id, "password_link", db.id_of(party), locale, user_id=user.id)


def _user_of(session: Session, company_id: int, mail: str) -> User | None:
    """Whoever logs in with this address."""
    return session.exec(select(User).where(User.company_id == company_id, User.login == mail.lower())).one_or_none()


def account_link(company_id: int, mail: str, data: Mapping[str, Any], *, secret: str) -> str | None:
    """What the link in a mail says, from when it is sent on; None if there is nothing to open any more."""
    with db.reading() as session:
        if "user_id" not in data:
            return str(_serializer(secret).dumps([company_id, mail]))
        user = session.get(User, data["user_id"])
        if user is None or not user.is_active:
            return None
        return str(_serializer(secret).dumps([company_id, mail, user.id, fingerprint(user.password_hash)]))


def _serializer(secret: str) -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(secret, salt=_SALT, signer_kwargs={"digest_method": hashlib.sha256})


def opened(company_id: int, link: str, *, secret: str) -> Opened:
    """What a link is for; raises AccountLinkWrong, AccountLinkOver, AccountThere."""
    with db.reading() as session:
        return _opened(session, company_id, link, secret)


def _opened(session: Session, company_id: int, link: str, secret: str) -> Opened:
    try:
        said = _serializer(secret).loads(link, max_age=int(GOOD_FOR.total_seconds()))
        signed_for, mail, *whose = said
    except SignatureExpired as error:
        raise AccountLinkOver(field="link") from error
    except (BadData, ValueError, TypeError) as error:
        raise AccountLinkWrong(field="link") from error
    if signed_for != company_id:
        raise AccountLinkWrong(field="link")
    if not whose:
        if _user_of(session, company_id, mail) is not None:
            raise AccountThere(field="link")
        return Opened(mail, None)
    user_id, said_of = whose  # of the password that it was: with another one the link is used up
    user = session.get(User, user_id)
    if user is None or not user.is_active or user.company_id != company_id:
        raise AccountLinkOver(field="link")
    if fingerprint(user.password_hash) != said_of:
        raise AccountLinkOver(field="link")
    return Opened(mail, user_id)


def make_account(
    company_id: int, link: str, name: str, password: str, locale: str, *, holder: str, secret: str
) -> User:
    """A customer's account for the address that a link was sent to; the drafts of the browser (`holder`) are its own.

    It begins with where the last order from that address goes and whom that is invoiced to.

    Raises AccountLinkWrong, AccountLinkOver, AccountThere.
    """
    with db.writing() as session:
        db.lock_row(session, Company, company_id)  # the link may be used twice at once
        mail = _opened(session, company_id, link, secret).mail
        user = add_user(session, company_id, mail, password, name, {Role.BUYER}, locale=locale)
        session.get_one(Party, user.party_id).mail = mail
        _begin_with_last_order(session, company_id, user, mail)
        _take_drafts(session, company_id, db.id_of(user), holder)
        audit.record(session, company_id, "account.made", "user", user.id, actor_id=user.id)
        return user


def _begin_with_last_order(session: Session, company_id: int, user: User, mail: str) -> None:
    """Whoever opened the link may see the orders of the address, so nothing is told that they could not read."""
    found = session.exec(
        select(SalesOrder, Party).join(Party, col(Party.id) == SalesOrder.ship_to_id)
        .where(SalesOrder.company_id == company_id, func.lower(Party.mail) == mail.lower())
        .order_by(col(SalesOrder.id).desc()).limit(1)
    ).one_or_none()
    if found is None:
        return
    order, ship_to = found
    own = session.get_one(Party, user.party_id)
    for name in set(DETAILS) - {"name"}:
        setattr(own, name, getattr(ship_to, name))
    user.bill_to_id = keep_bill_to(session, company_id, invoicing_of(session, order.bill_to_id))


def _take_drafts(session: Session, company_id: int, user_id: int, holder: str) -> None:
    if holder:
        session.execute(
            update(Draft).where(col(Draft.company_id) == company_id, col(Draft.holder) == holder)
            .values(holder="", user_id=user_id)
        )


def set_new_password(company_id: int, link: str, password: str, *, secret: str) -> User:
    """The password by a link; every session of the person ends. Raises AccountLinkWrong, AccountLinkOver."""
    with db.writing() as session:
        user = db.lock_row(session, User, _opened(session, company_id, link, secret).user_id or 0)
        _opened(session, company_id, link, secret)  # once more under the lock: it is used once
        if user is None:
            raise AccountLinkOver(field="link")
        _set_password(session, user, password)
        return user


def change_password(company_id: int, user_id: int, present: str, password: str, *, secret: str) -> User:
    """Another password, by its owner; every session ends. Raises WrongPassword, TooManyGuesses."""
    _count_guess(user_id, secret)
    with db.writing() as session:
        user = _own(session, company_id, user_id, present)
        _set_password(session, user, password)
        return user


def _count_guess(user_id: int, secret: str) -> None:
    with db.writing() as session:
        count_try(session, {subject(secret, "own password", str(user_id)): GUESSES}, TooManyGuesses(
            field="present", minutes=MINUTES
        ))


def _own(session: Session, company_id: int, user_id: int, password: str) -> User:
    """The account under its lock, for its owner who knows its password."""
    user = db.lock_row(session, User, user_id)
    if user is None or user.company_id != company_id:
        raise NotFound(field="user")
    if not same_password(user.password_hash, password):
        raise WrongPassword(field="present")
    return user


def _set_password(session: Session, user: User, password: str) -> None:
    """By its owner, who is told."""
    give_password(session, user, password, by=user.id)
    outbox.post(session, user.company_id, "password_changed", user.party_id, user.locale)


# --- its owner --------------------------------------------------------------------------------------------------------


def profile(company_id: int, user_id: int) -> Profile:
    """What an account says of its owner."""
    with db.reading() as session:
        user, party = session.exec(
            select(User, Party).join(Party, col(Party.id) == User.party_id)
            .where(User.company_id == company_id, User.id == user_id)
        ).one()
        others = session.exec(
            select(func.count()).select_from(UserRole).where(UserRole.user_id == user_id, UserRole.role != Role.BUYER)
        ).one()
        invoice = invoicing_of(session, user.bill_to_id)
    return Profile(user.login, buyer_of(party, invoice), others > 0)


def change_profile(
    company_id: int, user_id: int, details: Mapping[str, str], invoice: Invoicing, locale: str
) -> None:
    """What the owner types of themselves (DETAILS), what invoices are to say, and the language of their mails."""
    with db.writing() as session:
        user = session.exec(select(User).where(User.company_id == company_id, User.id == user_id)).one()
        party = session.get_one(Party, user.party_id)
        for name in DETAILS:
            setattr(party, name, details[name])
        user.bill_to_id = keep_bill_to(session, company_id, invoice, user.bill_to_id)
        user.locale = party.locale = locale
        audit.record(session, company_id, "account.changed", "user", user_id, actor_id=user_id)


def close_account(company_id: int, user_id: int, password: str, *, secret: str) -> None:
    """Close an account for good: nobody logs in with it, and what it says of its owner is erased. Orders stay.

    Raises WrongPassword, TooManyGuesses, StaffAccount.
    """
    _count_guess(user_id, secret)
    if profile(company_id, user_id).is_staff:
        raise StaffAccount(field="present")
    with db.writing() as session:
        user = _own(session, company_id, user_id, password)
        party = session.get_one(Party, user.party_id)
        for name in (*DETAILS, "mail"):
            setattr(party, name, "")
        party.erased_at = utc_now()
        erase_bill_to(session, user.bill_to_id)
        user.is_active, user.login = False, f"closed-{user_id}"  # the address can have another account
        end_sessions(session, user_id)
        audit.record(session, company_id, "account.closed", "user", user_id, actor_id=user_id)
