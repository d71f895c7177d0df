"""Terms of payment: settings until somebody saves, then versions; an order keeps the one it was placed under."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy.exc import DatabaseError
from sqlmodel import select, text

from catalog.rows import utc_now
from configurator import db
from configurator.config import Settings
from configurator.errors import NotFound
from configurator.sales import payment_terms, payments
from configurator.sales.models import DepositState, OrderState, PaymentTermsVersion, SalesOrder
from configurator.sales.orders import order_by_token
from configurator.sales.payment_terms import DepositChanged, PaymentTerms, kept_terms, save_terms, terms_of
from configurator.sales.payments import TestDeed, act, called_back
from configurator.sales.providers import Notice, Outcome, rehearsal
from tests.configurator.sales.test_payments import dated, settings

PAGE = "/admin/payment-terms/"
STATED = {"percent": "40", "asked_from": "2000", "asked_of_guests_from": "1000", "days": "7", "providers": "transfer"}


@pytest.fixture
def database_kind() -> str:
    """The two databases differ in the triggers only, and those are tried with the migrations."""
    return "sqlite"


def versions() -> list[PaymentTermsVersion]:
    with db.reading() as session:
        return list(session.exec(select(PaymentTermsVersion)).all())


def test_settings_hold_until_somebody_saves_and_become_a_version_with_the_first_order(shop, seller):
    assert terms_of(shop.company_id) == payment_terms.first_terms() and versions() == []
    first = order_by_token(shop.company_id, shop.order().token)
    assert (first.payment.number, first.payment.percent, versions()[0].saved_by) == (1, 30, None)
    assert kept_terms(shop.company_id, terms_of(shop.company_id)).id == first.payment.id  # no second row of the same
    payment_terms.configure(settings(deposit_percent=20))  # other settings: in force at once, the order keeps its own
    assert (terms_of(shop.company_id).percent, terms_of(shop.company_id).number) == (20, None)
    saved = save_terms(shop.company_id, PaymentTerms(50, 100), by=seller)
    payment_terms.configure(settings(deposit_percent=10))
    kept_terms(shop.company_id, payment_terms.first_terms())  # an order that was being placed when they were saved
    assert terms_of(shop.company_id) == saved and saved.number == 2  # from now on settings say nothing
    assert order_by_token(shop.company_id, first.token).payment == first.payment


def test_an_order_is_asked_for_what_its_version_says_and_keeps_it(shop, seller):
    payment_terms.configure(settings(deposit_from=0))
    save_terms(shop.company_id, PaymentTerms(50, 1000, days=9), by=seller)
    variant = shop.variant()
    shown = dated(shop, variant, days=9)
    order = order_by_token(shop.company_id, shop.order(variant, shown=shown).token)
    save_terms(shop.company_id, PaymentTerms(10, 0), by=seller)
    order = order_by_token(shop.company_id, order.token)
    assert (order.payment.percent, order.payment.days, order.payment.number) == (50, 9, 1)
    assert order.deposit.amount_minor == -(-order.price.gross // 2)
    assert timedelta(days=8) < order.deposit.due_at - utc_now() <= timedelta(days=9)


def test_a_deposit_that_is_not_the_one_that_was_shown_is_asked_about_first(shop, seller):
    payment_terms.configure(settings())
    save_terms(shop.company_id, PaymentTerms(30, 1000), by=seller)
    variant = shop.variant()
    shown = dated(shop, variant)
    amount = terms_of(shop.company_id).deposit_of(_price(shop), guest=True)
    save_terms(shop.company_id, PaymentTerms(40, 1000), by=seller)
    with pytest.raises(DepositChanged):
        shop.order(variant, shown=replace(shown, deposit_minor=amount))
    with db.reading() as session:
        assert session.exec(select(SalesOrder)).all() == []
    now = terms_of(shop.company_id).deposit_of(_price(shop), guest=True)
    assert now > amount and shop.order(variant, shown=replace(shown, deposit_minor=now)).number


def _price(shop):
    from catalog.price import quote_price
    return quote_price(shop.offer.prices, shop.offer.problem, shop.variant(), country="CN")


def test_a_saved_version_never_changes(shop, seller):
    save_terms(shop.company_id, PaymentTerms(30, 1000), by=seller)
    for attack in ("UPDATE payment_terms SET percent = 1", "DELETE FROM payment_terms"):
        with pytest.raises(DatabaseError), db.writing() as session:
            session.exec(text(attack))
    with db.writing() as session:  # without the guard the same succeeds
        session.exec(text("DROP TRIGGER payment_terms_no_update"))
        session.exec(text("UPDATE payment_terms SET percent = 1"))
    assert [row.percent for row in versions()] == [1]


@pytest.mark.parametrize("offered", [("transfer", "test"), ("transfer",)])
def test_a_deposit_is_paid_in_every_way_that_its_version_offered_and_in_no_other(shop, seller, offered):
    payment_terms.configure(settings(payment_provider="test"))
    save_terms(shop.company_id, PaymentTerms(30, 1000, providers=offered), by=seller)
    variant = shop.variant()
    order = order_by_token(shop.company_id, shop.order(variant, shown=dated(shop, variant, days=5)).token)
    assert order.deposit.payee == ("Test House", "Test Bank", "DE00 1234")
    assert order.deposit.pays_online == ("test" in offered)
    save_terms(shop.company_id, PaymentTerms(30, 1000, providers=("transfer",)), by=seller)  # too late for this order
    if "test" not in offered:
        call = rehearsal().signed(Notice("e-1", order.number, Outcome.PAID, order.deposit.amount_minor))
        with pytest.raises(NotFound):
            called_back(shop.company_id, "test", *call)
        payments.mark_received(shop.company_id, order.id, by=seller)
    else:
        act(shop.company_id, order.deposit, TestDeed.PAY_TWICE, "e-2")
    order = order_by_token(shop.company_id, order.token)
    assert (order.state, order.deposit.state) == (OrderState.CONFIRMED, DepositState.RECEIVED)
    assert order.refunds == ()


def test_an_administrator_saves_versions_and_sees_who_and_when(login, shop):
    payment_terms.configure(settings())
    admin = login("administrator")
    assert "until you save" in admin.get(f"{PAGE}?lang=en").text
    for percent in ("40", "45"):
        assert admin.post(PAGE, data=STATED | {"percent": percent}).status_code == 303
    page = admin.get(f"{PAGE}?lang=en").text
    rows = re.findall(r"<tr>\s*<th scope=\"row\".*?</tr>", page, re.DOTALL)
    assert [("45 %" in row, "in force" in row) for row in rows] == [(True, True), (False, False)]
    assert "administrator" in rows[0] and "2,000" in rows[0] and "By bank transfer" in rows[1]
    assert terms_of(shop.company_id).asked_of_guests_from == 1000
    assert 'value="45"' in page


WRONG = [
    ({"percent": "0"}, "Choose from 1 to 100."),
    ({"percent": ""}, "Please fill this in."),
    ({"asked_from": "-1"}, "Choose from 0 to 1000000000."),
    ({"asked_from": "x"}, "Not a valid integer value."),
    ({"asked_of_guests_from": "2001"}, "At most 2000: guests are asked no later than everybody."),
    ({"days": "61"}, "Choose from 1 to 60."),
    ({"providers": []}, "Choose at least one, or ask for no deposit."),
    ({"providers": "test"}, "valid choice"),  # it is not set up here
]


def test_a_wrong_field_is_named_keeps_what_was_typed_and_saves_nothing(login, shop):
    payment_terms.configure(settings())
    admin = login("administrator")
    for wrong, says in WRONG:
        answer = admin.post(f"{PAGE}?lang=en", data=STATED | wrong)
        assert (answer.status_code, says in answer.text) == (422, True), wrong
        typed = [value for value in (STATED | wrong).values() if value and isinstance(value, str)]
        assert all(f'value="{value}"' in answer.text for value in typed if value != "test")
    assert versions() == []


def test_without_a_bank_account_no_deposit_can_be_asked_for(login, shop):
    payment_terms.configure(Settings())
    admin = login("administrator")
    answer = admin.post(f"{PAGE}?lang=en", data=STATED | {"providers": []})
    assert answer.status_code == 422 and "Have the bank account stated" in answer.text
    nothing = STATED | {"providers": [], "asked_from": "0", "asked_of_guests_from": "0"}
    assert admin.post(PAGE, data=nothing).status_code == 303


def test_the_order_pages_say_the_terms(client, login, shop):
    payment_terms.configure(settings())
    variant = shop.variant()
    order = order_by_token(shop.company_id, shop.order(variant, shown=dated(shop, variant)).token)
    sentence = "30 % as a deposit within 5 days; the rest on invoice (version 1)"
    assert sentence in client.get(f"/orders/{order.token}?lang=en").text
    assert sentence in login("sales").get(f"/sales/orders/{order.id}?lang=en").text
