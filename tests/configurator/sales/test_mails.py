"""Mails: in the customer's language, with a link that works, sent once, tried again when it fails."""

from __future__ import annotations

import email
from dataclasses import replace
from email import policy
from email.message import EmailMessage
from pathlib import Path

import pytest
from sqlmodel import select

from configurator import db
from configurator.outbox import OutboxMail
from configurator.sales import mails, quotes
from configurator.sales.configurations import Selection
from configurator.sales.mails import send_due_mails
from configurator.sales.parties import Party
from configurator.sales.quotes import Customer


@pytest.fixture
def database_kind() -> str:
    """A letter reads the same from either database; who sends it is settled on both, below."""
    return "sqlite"


def letters(settings) -> list[EmailMessage]:
    folder = Path(settings.folder) / "mails"
    return [
        email.message_from_bytes(file.read_bytes(), policy=policy.default)  # type: ignore[misc]
        for file in sorted(folder.glob("*.eml"))
    ]


def body(letter: EmailMessage) -> str:
    part = letter.get_body(("plain",))
    assert part is not None
    return part.get_content()


@pytest.mark.parametrize("locale", ["zh", "en"])
def test_an_order_is_confirmed_with_its_tracking_link(shop, settings, buyer_named, locale: str) -> None:
    placed = shop.order(buyer=buyer_named(locale=locale, name='Zoë "Z" <李雷>'))
    assert send_due_mails(settings) == 1
    (letter,) = letters(settings)
    assert letter["To"].addresses[0].display_name == 'Zoë "Z" <李雷>'
    assert letter["To"].addresses[0].addr_spec == "li@example.com"
    assert placed.number in letter["Subject"]
    assert f"/orders/{placed.token}?lang={locale}" in body(letter)
    assert ("Sky blue" if locale == "en" else "天空蓝") in body(letter)
    assert f"{placed.gross_minor / 100:,.2f}" in body(letter)


def test_a_quote_goes_out_with_its_pdf_and_link(shop, seller, settings) -> None:
    quote_id = quotes.save_quote(
        shop.company_id, shop.offer, Selection("bicycle"), shop.variant(),
        Customer("韩梅梅", "han@example.com", "CN", "zh"), by=seller,
    )
    number = quotes.send_quote(shop.company_id, quote_id, by=seller)
    assert send_due_mails(settings) == 1
    (letter,) = letters(settings)
    token = quotes.quote_by_id(shop.company_id, quote_id).revision.token
    assert number in letter["Subject"]
    assert f"/quotes/{token}?lang=zh" in body(letter)
    (pdf,) = letter.iter_attachments()
    assert (pdf.get_content_type(), pdf.get_filename()) == ("application/pdf", f"{number}-1.pdf")
    assert pdf.get_content().startswith(b"%PDF")


@pytest.mark.parametrize("database_kind", ["sqlite", "postgresql"])
def test_a_mail_is_sent_once(shop, settings) -> None:
    shop.order()
    assert [send_due_mails(settings), send_due_mails(settings)] == [1, 0]
    assert len(letters(settings)) == 1


@pytest.mark.parametrize("database_kind", ["sqlite", "postgresql"])
def test_a_mail_that_another_worker_is_sending_is_left_alone(shop, settings) -> None:
    shop.order()
    with db.reading() as session:
        mail_id = session.exec(select(OutboxMail.id)).one()
    assert mails._claim(mail_id) is not None
    assert mails._claim(mail_id) is None
    assert send_due_mails(settings) == 0


def test_a_mail_that_fails_is_kept_for_later_and_does_not_stop_the_others(shop, settings, monkeypatch) -> None:
    shop.order(key="key-1")
    shop.order(key="key-2")
    real, tried = mails.deliver, []

    def fails_first(*args: object) -> None:
        tried.append(args)
        if len(tried) == 1:
            raise ConnectionRefusedError("li@example.com was not accepted")
        real(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(mails, "deliver", fails_first)
    assert send_due_mails(settings) == 1
    with db.reading() as session:
        first = session.exec(select(OutboxMail).order_by(OutboxMail.id)).first()
    assert first is not None
    assert (first.sent_at, first.attempts, first.error) == (None, 1, "ConnectionRefusedError")
    assert len(letters(settings)) == 1


def test_nothing_is_sent_to_somebody_who_was_erased(shop, settings) -> None:
    shop.order()
    with db.writing() as session:
        session.exec(select(Party).where(Party.mail == "li@example.com")).one().mail = ""
    send_due_mails(settings)
    assert letters(settings) == []
    assert send_due_mails(settings) == 0


def test_a_name_cannot_add_headers(shop, settings, buyer_named) -> None:
    shop.order(buyer=buyer_named(name="Li\r\nBcc: everybody@example.com"))
    send_due_mails(settings)
    assert all(letter["Bcc"] is None for letter in letters(settings))


def test_links_are_absolute_and_public(shop, settings) -> None:
    placed = shop.order()
    send_due_mails(replace(settings, public_url="https://shop.example.com"))
    assert f"https://shop.example.com/orders/{placed.token}" in body(letters(settings)[0])


def test_a_mail_server_that_hangs_does_not_keep_the_worker_from_its_other_work(shop, settings, monkeypatch) -> None:
    """Each try may take a server's whole time-out; what is left over waits for the next turn."""
    for number in range(6):
        shop.order(key=f"key-{number}")
    clock, tried = [0.0], []

    def hang(_settings, _message, name) -> None:
        tried.append(name)
        clock[0] += 20.0
        raise TimeoutError

    monkeypatch.setattr(mails, "monotonic", lambda: clock[0], raising=False)
    monkeypatch.setattr(mails, "deliver", hang)
    assert send_due_mails(settings) == 0
    assert 1 <= len(tried) < 6
    send_due_mails(settings)
    assert len(set(tried)) == len(tried) > 1, "the next turn goes on with the mails that were not tried"


def test_a_domain_in_any_script_stands_in_the_mail_as_mail_servers_know_it(shop, settings, buyer_named) -> None:
    shop.order(buyer=buyer_named(mail="han@例子.中国"))
    assert send_due_mails(settings) == 1
    (letter,) = letters(settings)
    assert letter["To"].addresses[0].addr_spec == "han@xn--fsqu00a.xn--fiqs8s"
