"""Orders whose buyer is to confirm the mail address: by a link that is signed, ends, and works once."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

from flask_babel import lazy_gettext as _l
from itsdangerous import BadData, URLSafeSerializer
from sqlmodel import Session, col

from catalog.rows import utc_now
from configurator import audit, db, outbox
from configurator.errors import DomainError, NotFound, StateRefused
from configurator.sales.lookups import locked_order, order_of
from configurator.sales.models import AddressCheck, AddressState, OrderState, SalesOrder, move_check
from configurator.sales.parties import Party
from configurator.sales.waiting import awaited_of, give_up_late, keep_slots, let_be_made, no_longer_wait

MOST_SENDS = 4  # of the link, the first included
PAUSE = timedelta(minutes=1)  # between two of them to one address; a mistyped one is corrected at once
_SALT = "the mail address of an order"
_QUOTE_SALT = "the mail address of a quote"


class LinkUnknown(NotFound):
    """It was not signed by this house, or the order has another address by now."""

    code = "link_unknown"
    words = _l(
        "This link is not complete, or a newer one has replaced it. Please open the link in our latest mail, or copy "
        "all of it into the address bar."
    )


class LinkUsed(DomainError):
    """The address is confirmed already."""

    code, status, words = "link_used", 409, _l("You have confirmed this address already. Your order is being made.")


class LinkOver(DomainError):
    """The link was not opened in time, or the order (`data["order"]`: its token) was cancelled before."""

    code, status = "link_over", 410
    words = _l(
        "This link is no longer good: the order was cancelled, and nothing of it is made. You can order again at any "
        "time."
    )


class LinkReplaced(DomainError):
    """A deposit is waited for instead, or has come (`data["order"]`: the order's token)."""

    code, status = "link_replaced", 409
    words = _l("A deposit takes the place of this link. So the address need not be confirmed any more.")


class TooManySends(DomainError):
    """The link was sent as often as it is sent at most, or just now."""

    code, status = "too_many_mails", 429
    words = _l(
        "We have sent the link just now, or several times already. Please look among your unwanted mail too, or write "
        "to us."
    )


@dataclass(frozen=True, slots=True)
class AddressView:
    """The confirmation that an order waits or waited for. `may_send`: whether the link can be sent once more."""

    state: AddressState
    due_at: datetime
    decided_at: datetime | None
    may_send: bool

    @property
    def waived(self) -> bool:
        """It is no longer asked for, before it was due: the order was cancelled."""
        return self.state == AddressState.LAPSED and self.decided_at is not None and self.decided_at < self.due_at


@dataclass(frozen=True, slots=True)
class Linked:
    """What a good link leads to. `state`: whether it is still to be confirmed."""

    order_id: int
    order_token: str
    state: AddressState


def address_view(session: Session, order: SalesOrder) -> AddressView | None:
    """The confirmation of an order's mail address, None if none is asked for."""
    row = awaited_of(session, AddressCheck, order)
    if row is None or row.state == AddressState.REPLACED:
        return None
    return AddressView(AddressState(row.state), row.due_at, row.decided_at, row.sends < MOST_SENDS)


def wait_for_address(
    session: Session, order: SalesOrder, due_at: datetime, manufacturing_order_ids: list[int]
) -> None:
    """Let an order wait for its buyer to open the link, which goes out now; again if it was replaced before."""
    check = awaited_of(session, AddressCheck, order)
    if check is None:
        session.add(AddressCheck(company_id=order.company_id, sales_order_id=db.id_of(order), due_at=due_at))
    else:
        move_check(check, AddressState.AWAITED, None)
        check.due_at, check.sends, check.sent_at = due_at, check.sends + 1, utc_now()
    keep_slots(session, order, manufacturing_order_ids, due_at)
    _post_link(session, order)


def note_confirmed(session: Session, order: SalesOrder) -> None:
    """The buyer of a new order has shown already that the mails to its address are read: by a quote's."""
    now = utc_now()
    session.add(AddressCheck(
        company_id=order.company_id, sales_order_id=db.id_of(order), state=AddressState.CONFIRMED, due_at=now,
        decided_at=now, sent_at=now,
    ))
    audit.record(session, order.company_id, "address.proven", "sales_order", order.id)


def _post_link(session: Session, order: SalesOrder) -> None:
    outbox.post(session, order.company_id, "address_check", order.ship_to_id, order.locale, order_id=order.id)


# --- the link ---------------------------------------------------------------------------------------------------------


def signed_link(company_id: int, order_id: int, mail: str, *, secret: str) -> str:
    """What the link of an order says: whoever has it reads the mails to this address."""
    return str(_serializer(secret).dumps([company_id, order_id, fingerprint(mail)]))


def signed_proof(company_id: int, quote_token: str, mail: str, *, secret: str) -> str:
    """What the link in a quote's mail says beside the quote's token: whoever has it reads the mails to this address."""
    return str(_serializer(secret, _QUOTE_SALT).dumps([company_id, quote_token, fingerprint(mail.lower())]))


def proves(company_id: int, proof: str, quote_token: str, mail: str, *, secret: str) -> bool:
    """Whether somebody who says this has read the mail with which this quote went to this address."""
    try:
        said = _serializer(secret, _QUOTE_SALT).loads(proof)
    except (BadData, ValueError):
        return False
    return said == [company_id, quote_token, fingerprint(mail.lower())]


def _serializer(secret: str, salt: str = _SALT) -> URLSafeSerializer:
    return URLSafeSerializer(secret, salt=salt, signer_kwargs={"digest_method": hashlib.sha256})


def fingerprint(secret: str) -> str:
    """What a link says of something that it does not tell."""
    return hashlib.sha256(secret.encode()).hexdigest()[:16]


def linked(company_id: int, link: str, *, secret: str) -> Linked:
    """What a link leads to; raises LinkUnknown, LinkOver, LinkReplaced."""
    with db.reading() as session:
        order, check = _open(session, company_id, link, secret)
        _refuse_over(order, check, utc_now())
        return Linked(db.id_of(order), order.token, AddressState(check.state))


def confirm(company_id: int, link: str, *, secret: str, now: datetime | None = None) -> str:
    """The buyer has opened the link: the order can be made; its token.

    Raises LinkUnknown, LinkOver, LinkReplaced, LinkUsed.
    """
    at = now or utc_now()
    with db.reading() as session:
        order_id = db.id_of(_open(session, company_id, link, secret)[0])
    with db.writing() as session:
        db.lock_row(session, SalesOrder, order_id)
        order, check = _open(session, company_id, link, secret)
        if check.state == AddressState.CONFIRMED:
            raise LinkUsed(field="link")
        _refuse_over(order, check, at)
        _confirm(session, order, check, at, actor_id=None)
        return order.token


def confirm_by_hand(company_id: int, order_id: int, *, by: int) -> None:
    """Sales know by other means that the buyer is real. Raises NotFound; StateRefused if nothing is waited for."""
    with db.writing() as session:
        order = locked_order(session, company_id, order_id)
        check = awaited_of(session, AddressCheck, order)
        if check is None:
            raise StateRefused(field="state")
        _confirm(session, order, check, utc_now(), actor_id=by)


def _confirm(session: Session, order: SalesOrder, check: AddressCheck, at: datetime, *, actor_id: int | None) -> None:
    move_check(check, AddressState.CONFIRMED, at)
    let_be_made(session, order)
    audit.record(session, order.company_id, "address.confirmed", "sales_order", order.id, actor_id=actor_id)
    outbox.post(session, order.company_id, "order_confirmation", order.ship_to_id, order.locale, order_id=order.id)


def _open(session: Session, company_id: int, link: str, secret: str) -> tuple[SalesOrder, AddressCheck]:
    """The order of a link and what it waits for; raises LinkUnknown."""
    try:
        signed_for, order_id, said_of = _serializer(secret).loads(link)
    except (BadData, ValueError, TypeError) as error:
        raise LinkUnknown(field="link") from error
    order = session.get(SalesOrder, order_id) if signed_for == company_id else None
    check = awaited_of(session, AddressCheck, order) if order is not None and order.company_id == company_id else None
    if order is None or check is None:
        raise LinkUnknown(field="link")
    if fingerprint(session.get_one(Party, order.ship_to_id).mail) != said_of:
        raise LinkUnknown(field="link")
    return order, check


def _refuse_over(order: SalesOrder, check: AddressCheck, at: datetime) -> None:
    """Raise LinkReplaced or LinkOver for a link that confirms nothing any more."""
    if check.state == AddressState.REPLACED:
        raise LinkReplaced(field="link", order=order.token)
    if check.state == AddressState.LAPSED or _is_late(check, at):
        raise LinkOver(field="link", order=order.token)


def _is_late(check: AddressCheck, at: datetime) -> bool:
    return check.state == AddressState.AWAITED and check.due_at <= at


# --- again ------------------------------------------------------------------------------------------------------------


def send_again(company_id: int, token: str, mail: str, *, now: datetime | None = None) -> None:
    """Send the link of the order at a public address once more; to another mail address, and only there, if it has one.

    Raises NotFound, TooManySends, and StateRefused if nothing is waited for any more.
    """
    at = now or utc_now()
    with db.writing() as session:
        order = locked_order(session, company_id, db.id_of(order_of(session, company_id, token)))
        check = awaited_of(session, AddressCheck, order)
        if check is None or check.state != AddressState.AWAITED or _is_late(check, at):
            raise StateRefused(field="state")
        party = session.get_one(Party, order.ship_to_id)
        changed = party.mail != mail
        if check.sends >= MOST_SENDS or (not changed and at < check.sent_at + PAUSE):
            raise TooManySends(field="mail")
        check.sends, check.sent_at, party.mail = check.sends + 1, at, mail
        _post_link(session, order)
        audit.record(session, company_id, "address.sent", "sales_order", order.id, sends=check.sends, changed=changed)


def replace_address(session: Session, order: SalesOrder, at: datetime) -> None:
    """The buyer pays a deposit instead of a confirmation that the order, under its lock, waits for."""
    if (check := awaited_of(session, AddressCheck, order)) is not None:
        move_check(check, AddressState.REPLACED, at)


# --- it does not come -------------------------------------------------------------------------------------------------


def waive_address(session: Session, order: SalesOrder) -> None:
    """A confirmation that the order waits for, under the order's lock, is not asked for any longer."""
    if order.state == OrderState.AWAITING_ADDRESS and (check := awaited_of(session, AddressCheck, order)) is not None:
        move_check(check, AddressState.LAPSED, utc_now())
        no_longer_wait(session, order)


def lapse_unconfirmed(*, now: datetime | None = None) -> int:
    """Cancel every order whose address was not confirmed in time; how many."""
    at = now or utc_now()
    late = (col(AddressCheck.state) == AddressState.AWAITED.value, col(AddressCheck.due_at) <= at)
    return give_up_late(
        AddressCheck, late, lambda check: move_check(check, AddressState.LAPSED, at), "address.lapsed"
    )
