"""Mails: a row in the transaction of the deed, sent by the worker (SMTP, or files where none is configured)."""

import smtplib
import ssl
from datetime import datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import structlog
from sqlalchemy import JSON, CheckConstraint
from sqlmodel import Field, Session, select

from catalog.rows import CompanyRow, UtcDateTime, company_keys, utc_now
from configurator import db
from configurator.config import Settings

log = structlog.get_logger()
RETRY_AFTER = (timedelta(seconds=30), timedelta(minutes=5), timedelta(hours=1), timedelta(hours=6), timedelta(days=1))


class OutboxMail(CompanyRow, table=True):
    """A mail to send: which template, to whose party row, with which data (ids and tokens, no personal data)."""

    __tablename__ = "outbox_mail"
    __table_args__ = company_keys(CheckConstraint("attempts >= 0", name="attempts_not_negative"), party_id="party")

    template: str = Field(max_length=60)
    party_id: int
    locale: str = Field(max_length=20)
    data: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    created_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)
    due_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime, index=True)
    sent_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    attempts: int = 0
    error: str | None = Field(default=None, max_length=500)


def post(session: Session, company_id: int, template: str, party_id: int, locale: str, **data: Any) -> None:
    """Put a mail into the outbox, in the caller's transaction."""
    session.add(OutboxMail(company_id=company_id, template=template, party_id=party_id, locale=locale, data=data))


def due_mails(session: Session, limit: int = 50) -> list[OutboxMail]:
    """Mails that are to be sent now, oldest first."""
    open_mails = select(OutboxMail).where(
        OutboxMail.sent_at.is_(None),  # type: ignore[union-attr]
        OutboxMail.attempts < len(RETRY_AFTER) + 1,
        OutboxMail.due_at <= utc_now(),
    )
    return list(session.exec(open_mails.order_by(OutboxMail.id).limit(limit)))  # type: ignore[arg-type]


def settle(mail_id: int, error: str | None) -> None:
    """Note that a mail was sent, or when to try again."""
    with db.writing() as session:
        mail = session.get_one(OutboxMail, mail_id)
        if error is None:
            mail.sent_at, mail.error = utc_now(), None
            return
        mail.error = error[:500]
        mail.due_at = utc_now() + RETRY_AFTER[min(mail.attempts, len(RETRY_AFTER) - 1)]
        mail.attempts += 1


def deliver(settings: Settings, message: EmailMessage, name: str) -> None:
    """Hand a message to SMTP, or write it as a file `<data>/mails/<name>.eml`."""
    message["From"] = settings.mail_from
    if settings.smtp_url:
        _send(settings.smtp_url, message)
        return
    folder = Path(settings.folder) / "mails"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.eml").write_bytes(message.as_bytes())


def _send(url: str, message: EmailMessage) -> None:
    parts = urlsplit(url)
    secure = parts.scheme == "smtps"
    port = parts.port or (465 if secure else 587)
    host, trusted = parts.hostname or "localhost", ssl.create_default_context()
    with (
        smtplib.SMTP_SSL(host, port, timeout=20, context=trusted) if secure else smtplib.SMTP(host, port, timeout=20)
    ) as server:
        server.ehlo_or_helo_if_needed()  # before it there is no list of extensions
        if not secure and server.has_extn("starttls"):
            # A password goes to a server that has proved its name; without one, any encryption is better than none.
            server.starttls(context=trusted if parts.username else None)
        elif not secure and parts.username:
            raise smtplib.SMTPNotSupportedError("The server offers no encryption; the password was not sent.")
        if parts.username:
            server.login(unquote(parts.username), unquote(parts.password or ""))
        server.send_message(message)
