"""Mails: written with the deed, sent once, tried again, given up visibly."""

import smtplib
import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import pytest
from sqlalchemy import update
from sqlmodel import select

from catalog.rows import utc_now
from configurator import db
from configurator.config import Settings
from configurator.outbox import RETRY_AFTER, OutboxMail, deliver, due_mails, post, settle
from configurator.sales.parties import Party

ONE = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)


@pytest.fixture
def party_id(company_id: int) -> int:
    with db.writing() as session:
        party = Party(company_id=company_id, name="李娜", mail="li.na@example.com")
        session.add(party)
        session.flush()
        return db.id_of(party)


def _post(company_id: int, party_id: int) -> int:
    with db.writing() as session:
        post(session, company_id, "order_confirmation", party_id, "zh", order_id=1)
    with db.reading() as session:
        return session.exec(select(OutboxMail.id)).one() or 0


def _due() -> list[int]:
    with db.reading() as session:
        return [db.id_of(mail) for mail in due_mails(session)]


def test_a_deed_that_fails_sends_no_mail(database: db.Database, company_id: int, party_id: int) -> None:
    with pytest.raises(RuntimeError), db.writing() as session:
        post(session, company_id, "order_confirmation", party_id, "zh")
        raise RuntimeError
    assert _due() == []


def test_a_sent_mail_is_not_due_again(database: db.Database, company_id: int, party_id: int) -> None:
    mail_id = _post(company_id, party_id)
    assert _due() == [mail_id]
    settle(mail_id, None)
    assert _due() == []


def test_a_mail_that_fails_waits_longer_each_time_and_is_given_up_with_its_reason(
    database: db.Database, company_id: int, party_id: int
) -> None:
    mail_id = _post(company_id, party_id)
    waits = []
    while mail_id in _due():
        assert len(waits) < 20
        before = utc_now()
        settle(mail_id, "550 no such mailbox")
        with db.writing() as session:
            mail = session.get_one(OutboxMail, mail_id)
            waits.append(mail.due_at - before)
            session.execute(update(OutboxMail).values(due_at=utc_now()))
    assert len(waits) == len(RETRY_AFTER) + 1
    assert all(wait >= least for wait, least in zip(waits, RETRY_AFTER, strict=False))
    assert waits[0] < RETRY_AFTER[0] + timedelta(minutes=1)
    with db.reading() as session:
        mail = session.get_one(OutboxMail, mail_id)
    assert mail.error == "550 no such mailbox"
    assert mail.sent_at is None


def _message() -> EmailMessage:
    message = EmailMessage()
    message["To"] = "li.na@example.com"
    message["Subject"] = "您的订单 SO-2026-0001 🚲"
    message.set_content("谢谢！\nשלום\n")
    return message


def test_without_a_mail_server_mails_are_files_that_can_be_read(tmp_path: Path) -> None:
    deliver(Settings(data=str(tmp_path), mail_from="shop@example.com"), _message(), "7")
    read = message_from_bytes((tmp_path / "mails" / "7.eml").read_bytes(), policy=policy.default)
    assert read["Subject"] == "您的订单 SO-2026-0001 🚲"
    assert read["From"] == "shop@example.com"
    assert read.get_content() == "谢谢！\nשלום\n"


class _MailServer(socketserver.StreamRequestHandler):
    """As much SMTP as one mail needs."""

    refuse = False
    extensions: tuple[bytes, ...] = ()
    received: list[bytes] = []
    asked: list[bytes] = []

    def handle(self) -> None:
        self.wfile.write(b"220 here\r\n")
        body = False
        lines: list[bytes] = []
        for line in self.rfile:
            if body:
                if line == b".\r\n":
                    body = False
                    self.received.append(b"".join(lines))
                    self.wfile.write(b"250 kept\r\n")
                else:
                    lines.append(line.removeprefix(b".") if line.startswith(b"..") else line)
                continue
            verb = line[:4].upper()
            self.asked.append(verb)
            if verb == b"EHLO":
                lines_of_hello = [b"here", *self.extensions]
                for name in lines_of_hello[:-1]:
                    self.wfile.write(b"250-" + name + b"\r\n")
                self.wfile.write(b"250 " + lines_of_hello[-1] + b"\r\n")
            elif verb == b"STAR":
                self.wfile.write(b"454 not now\r\n")
            elif verb == b"AUTH":
                self.wfile.write(b"235 welcome\r\n")
            elif verb == b"DATA":
                body = True
                self.wfile.write(b"354 go on\r\n")
            elif verb == b"RCPT" and self.refuse:
                self.wfile.write(b"550 no such mailbox\r\n")
            else:
                self.wfile.write(b"221 bye\r\n" if verb == b"QUIT" else b"250 fine\r\n")
                if verb == b"QUIT":
                    return


@contextmanager
def _mail_server(
    *, refuse: bool, extensions: tuple[bytes, ...] = (), asked: list[bytes] | None = None
) -> Iterator[tuple[str, list[bytes]]]:
    more = {"extensions": extensions, "asked": [] if asked is None else asked}
    kind = type("Server", (_MailServer,), {"refuse": refuse, "received": [], **more})
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), kind) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"smtp://127.0.0.1:{server.server_address[1]}", kind.received  # type: ignore[attr-defined]
        server.shutdown()


def test_a_mail_server_gets_the_mail_as_it_was_written(tmp_path: Path) -> None:
    with _mail_server(refuse=False) as (url, received):
        deliver(replace(Settings(data=str(tmp_path)), smtp_url=url), _message(), "7")
    read = message_from_bytes(received[0], policy=policy.default)
    assert read["Subject"] == "您的订单 SO-2026-0001 🚲"
    assert read.get_content().replace("\r\n", "\n") == "谢谢！\nשלום\n"
    assert not (tmp_path / "mails").exists()


def test_a_refusal_of_the_mail_server_reaches_the_caller(tmp_path: Path) -> None:
    with _mail_server(refuse=True) as (url, received), pytest.raises(OSError, match="no such mailbox"):
        deliver(replace(Settings(data=str(tmp_path)), smtp_url=url), _message(), "7")
    assert received == []


@pytest.mark.parametrize("extensions", [(b"AUTH PLAIN LOGIN", b"STARTTLS"), (b"AUTH PLAIN LOGIN",)])
def test_the_mail_servers_password_never_travels_in_the_clear(tmp_path: Path, extensions: tuple[bytes, ...]) -> None:
    """Neither where encryption is offered and fails, nor where somebody on the way took the offer out."""
    asked: list[bytes] = []
    with _mail_server(refuse=False, extensions=extensions, asked=asked) as (url, received):
        url = url.replace("smtp://", "smtp://shop:secret@")
        with pytest.raises(OSError):
            deliver(replace(Settings(data=str(tmp_path)), smtp_url=url), _message(), "7")
    assert b"AUTH" not in asked
    assert received == []


def test_a_mail_server_that_is_given_a_password_must_prove_who_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trusted: list[ssl.SSLContext | None] = []

    def begin(_self: smtplib.SMTP, *, context: ssl.SSLContext | None = None) -> None:
        trusted.append(context)
        raise ConnectionError

    monkeypatch.setattr(smtplib.SMTP, "starttls", begin)
    with _mail_server(refuse=False, extensions=(b"AUTH PLAIN", b"STARTTLS")) as (url, _), pytest.raises(OSError):
        url = url.replace("smtp://", "smtp://shop:secret@")
        deliver(replace(Settings(data=str(tmp_path)), smtp_url=url), _message(), "7")
    assert [context and context.verify_mode for context in trusted] == [ssl.CERT_REQUIRED]
