"""Customers' accounts: made by a link in a mail, with orders, address and password; nobody learns who has one."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlmodel import select

from configurator import db
from configurator.admin.models import User, WebSession
from configurator.admin.services import set_password
from configurator.auth import COOKIE, Role, add_user
from configurator.outbox import OutboxMail
from configurator.sales import accounts
from configurator.sales.buyers import Invoicing
from configurator.sales.mails import forget_addresses, message_of, send_due_mails
from configurator.sales.models import SalesOrder
from configurator.sales.parties import Party
from tests.configurator.security.house import buyer, order_for
from tests.configurator.storefront.test_drafts import save

pytestmark = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
MAIL, PASSWORD, OTHER = "Li.Na@example.com", "a long password", "another password"


@pytest.fixture
def letters(app):
    """The links in the mails that were posted for an address since it was last asked."""
    seen = set()

    def of(mail: str) -> list[tuple[str, str]]:
        with db.reading() as session:
            rows = session.exec(select(OutboxMail, Party.mail).join(Party, Party.id == OutboxMail.party_id)).all()
        fresh = [row for row, to in rows if to == mail and row.id not in seen]
        seen.update(row.id for row in fresh)
        messages = [(row.template, message_of(row, app.config["SETTINGS"])) for row in fresh]
        return [
            (template, found[1] if (found := re.search(r"/account/open/(\S+)\?lang", body)) else "")
            for template, body in ((name, said.get_body().get_content()) for name, said in messages if said is not None)
        ]

    return of


def ask(client, mail: str = MAIL):
    return client.post("/account/link?lang=en", data={"mail": mail})


def make(client, letters, mail: str = MAIL) -> str:
    assert ask(client, mail).status_code == 200
    ((template, link),) = letters(mail)
    assert template == "account_link"
    made = client.post(f"/account/open/{link}", data={"name": "Li Na", "password": PASSWORD})
    assert (made.status_code, made.location) == (303, "/account")
    return link


def log_in(client, password: str = PASSWORD, login: str = MAIL):
    return client.post("/login?lang=en", data={"login": login, "password": password, "next": ""})


def test_an_account_is_made_by_the_link_and_is_the_addresss_own(app, client, company_id, letters):
    ask(client)
    ((_, link),) = letters(MAIL)
    with db.reading() as session:
        assert session.exec(select(User)).all() == []  # nothing but the mail
    page = client.get(f"/account/open/{link}").text
    assert MAIL in page
    short = client.post(f"/account/open/{link}?lang=en", data={"name": "Li Na", "password": "short"})
    assert short.status_code == 422 and 'value="Li Na"' in short.text and "At least 12 characters" in short.text
    client.post(f"/account/open/{link}", data={"name": "Li Na", "password": PASSWORD})
    assert "Li Na" in client.get("/account").text  # and logged in
    found = accounts.profile(company_id, 1)
    assert (found.login, found.proven_mail, found.is_staff) == (MAIL.lower(), MAIL, False)
    other = app.test_client()
    assert log_in(other).status_code == 303 and other.get("/account").status_code == 200
    assert other.get("/sales/").status_code == 403
    again = other.post(f"/account/open/{link}?lang=en", data={"name": "Eve", "password": OTHER})
    assert again.status_code == 409 and "There is an account with this address" in again.text
    assert log_in(app.test_client(), OTHER).status_code == 401


def test_what_is_answered_does_not_tell_whether_there_is_an_account(app, client, letters):
    make(client, letters)
    known, unknown = ask(app.test_client(), MAIL), ask(app.test_client(), "nobody@example.com")
    assert known.status_code == unknown.status_code == 200
    shown = [page.text.partition("<main")[2].partition("</main>")[0] for page in (known, unknown)]
    assert shown[0].replace(MAIL, "*") == shown[1].replace("nobody@example.com", "*") != shown[0]
    assert [template for template, _ in letters(MAIL)] == ["password_link"]  # the mails do
    assert [template for template, _ in letters("nobody@example.com")] == ["account_link"]


def test_a_forgotten_password_is_set_anew_once_and_everybody_is_logged_out(app, client, letters):
    make(client, letters)
    thief = app.test_client()
    log_in(thief)
    ask(app.test_client(), MAIL.upper())  # however it is typed
    ((template, link),) = letters(MAIL.upper())
    assert template == "password_link"
    owner = app.test_client()
    assert owner.post(f"/account/open/{link}", data={"password": OTHER}).location == "/account"
    assert owner.get("/account").status_code == 200
    assert [one.get("/account").status_code for one in (thief, client)] == [302, 302]
    assert log_in(app.test_client()).status_code == 401 and log_in(app.test_client(), OTHER).status_code == 303
    once_more = app.test_client().post(f"/account/open/{link}?lang=en", data={"password": PASSWORD})
    assert once_more.status_code == 410 and "used already" in once_more.text
    assert [template for template, _ in letters(MAIL)] == ["password_changed"]


def test_a_link_ends_by_time_and_with_another_password_and_is_believed_for_its_signature_only(
    app, client, letters, monkeypatch
):
    make(client, letters)
    ask(client)
    ((_, link),) = letters(MAIL)
    for wrong in (link[:-2], "x" + link, link.split(".")[0]):
        assert client.get(f"/account/open/{wrong}").status_code == 404
    assert client.get(f"/account/open/{link}").status_code == 200  # the control
    with monkeypatch.context() as patched:
        patched.setattr(accounts, "GOOD_FOR", timedelta(seconds=-1))
        assert client.get(f"/account/open/{link}").status_code == 410
    set_password(1, 1, OTHER, by=None)  # by an administrator, meanwhile
    assert client.get(f"/account/open/{link}").status_code == 410


def test_nobody_is_sent_many_links(app, client, letters):
    for _ in range(accounts.MAILS):
        assert ask(client).status_code == 200
    refused = ask(app.test_client(), MAIL.lower())
    assert refused.status_code == 429 and "Several links were sent just now" in refused.text
    assert f'value="{MAIL.lower()}"' in refused.text
    assert ask(client, "free@example.com").status_code == 200  # the control
    assert ask(client, "not an address").status_code == 422


def test_the_address_of_somebody_who_only_asked_is_not_kept(app, client, letters):
    ask(client)
    assert forget_addresses() == 0
    send_due_mails(app.config["SETTINGS"])
    assert forget_addresses() == 1
    with db.reading() as session:
        assert {party.mail for party in session.exec(select(Party)).all()} == {""}


def test_the_drafts_of_the_browser_are_the_accounts(app, client, lamp, letters):
    save(client, "For the hallway")
    make(client, letters)
    elsewhere = app.test_client()
    assert "For the hallway" not in elsewhere.get("/drafts").text
    log_in(elsewhere)
    assert "For the hallway" in elsewhere.get("/drafts").text


def test_orders_of_the_account_and_of_its_address_are_listed_and_nobody_elses(app, client, lamp, letters, company_id):
    make(client, letters)
    with db.writing() as session:
        staff = add_user(session, company_id, "sales", PASSWORD, "Sales", {Role.SALES}, locale="en")
    numbers = {}
    for mail in ("elsewhere@example.com", MAIL.lower(), "x@y.de"):
        numbers[mail] = _order(client if mail.startswith("elsewhere") else app.test_client(), mail)
    page = client.get("/account").text
    assert numbers["elsewhere@example.com"] in page and numbers[MAIL.lower()] in page
    assert numbers["x@y.de"] not in page
    desk = app.test_client()
    log_in(desk, login="sales")
    with db.writing() as session:
        session.get_one(Party, staff.party_id).mail = "x@y.de"  # nobody has proven that
    assert numbers["x@y.de"] not in desk.get("/account").text


def _order(client, mail: str) -> str:
    kept = client.post("/products/lamp/order?colour=blue&height=30")
    page = client.get(kept.location).text
    fields = dict(re.findall(r'<input[^>]*name="(\w+)"[^>]*value="([^"]*)"', page))
    fields |= {"name": "Li Na", "mail": mail, "street": "Weg 1", "postal_code": "10115", "city": "Berlin",
               "country": "DE", "phone": ""}
    placed = client.post(kept.location, data=fields)
    assert placed.status_code == 303, placed.text
    with db.reading() as session:
        return session.exec(select(SalesOrder.number).order_by(SalesOrder.id.desc())).first()


def test_an_order_begins_with_the_address_of_the_account(app, client, lamp, letters):
    make(client, letters)
    details = {"name": "Li Na", "street": "Weg 1", "postal_code": "10115", "city": "Berlin", "country": "DE",
               "locale": "zh"}
    wrong = client.post("/account/details?lang=en", data=details | {"phone": "call me", "city": "Bonn"})
    assert wrong.status_code == 422 and 'value="Bonn"' in wrong.text and "Digits, spaces" in wrong.text
    assert client.post("/account/details", data=details | {"phone": "+49 30 1"}).status_code == 303
    kept = client.post("/products/lamp/order?colour=blue&height=30&to=DE")
    page = client.get(kept.location).text
    for value in ("Li Na", MAIL, "+49 30 1", "Weg 1", "10115", "Berlin"):
        assert f'value="{value}"' in page, value
    guest = app.test_client().get(kept.location).text  # the control
    assert "Weg 1" not in guest


def test_an_account_begins_with_the_address_and_the_invoice_of_the_last_order(client, factory, letters):
    invoice = Invoicing(company="Delta Water", tax_number="DE123456789", purchase_order="PO-7")
    for street, key in (("Old Road 1", "one"), ("Ring 5", "two")):
        placed = order_for(factory, replace(buyer("Dora", MAIL, country="DE"), street=street, invoice=invoice), key)
    order_for(factory, replace(buyer("Eve", "eve@example.com", country="DE"), street="Elsewhere 9"), "three")
    assert 'href="/account/link"' in client.get(f"/orders/{placed.token}").text
    assert len(letters(MAIL)) == 2  # its orders'
    make(client, letters)
    found = accounts.profile(factory, 1).buyer
    assert (found.name, found.street, found.country) == ("Li Na", "Ring 5", "DE")
    assert (found.invoice.company, found.invoice.purchase_order) == ("Delta Water", "")
    assert 'href="/account/link"' not in client.get(f"/orders/{placed.token}").text


def test_the_owner_changes_the_password_and_closes_the_account(app, client, letters):
    make(client, letters)
    elsewhere = app.test_client()
    log_in(elsewhere)
    refused = client.post("/account/password?lang=en", data={"present": OTHER, "password": OTHER})
    assert refused.status_code == 403 and "not your present password" in refused.text
    old = client.get_cookie(COOKIE).value
    assert client.post("/account/password", data={"present": PASSWORD, "password": OTHER}).status_code == 303
    assert client.get_cookie(COOKIE).value != old and client.get("/account").status_code == 200
    assert elsewhere.get("/account").status_code == 302
    assert client.post("/account/close?lang=en", data={"present": OTHER}).status_code == 422  # not ticked
    assert client.post("/account/close", data={"present": PASSWORD, "sure": "y"}).status_code == 403
    assert client.post("/account/close", data={"present": OTHER, "sure": "y"}).location == "/"
    with db.reading() as session:
        (user,) = session.exec(select(User)).all()
        party = session.get_one(Party, user.party_id)
        assert (party.name, party.mail, user.is_active) == ("", "", False)
        assert session.exec(select(WebSession)).all() == []
    assert log_in(app.test_client(), OTHER).status_code == 401
    make(app.test_client(), letters)  # the address can have another one


def test_ones_own_password_cannot_be_guessed_and_staff_close_no_account(app, client, company_id):
    with db.writing() as session:
        add_user(session, company_id, "ann", PASSWORD, "Ann", {Role.SALES, Role.BUYER})
    log_in(client, login="ann")
    answers = [client.post("/account/close", data={"present": PASSWORD, "sure": "y"}).status_code]
    answers += [client.post("/account/password", data={"present": f"wrong {number}", "password": OTHER}).status_code
                for number in range(accounts.GUESSES)]
    assert answers == [409] + [403] * (accounts.GUESSES - 1) + [429]
