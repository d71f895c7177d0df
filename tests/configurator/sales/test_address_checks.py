"""A guest's order above a value waits until its buyer has opened a link: once, in time, and by nobody else."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from threading import Barrier, Thread

import pytest
from itsdangerous import URLSafeSerializer

from catalog.price import quote_price
from catalog.rows import utc_now
from configurator.errors import DateLost, NotFound, StateRefused
from configurator.outbox import OutboxMail
from configurator.planning.models import HeldOrder, Hold, ManufacturingOperation, ManufacturingOrder
from configurator.planning.promise import Destination, forecast, zone_of
from configurator.planning.reports import OnlyHeld, start_operation
from configurator.sales import address_checks, payment_terms
from configurator.sales.address_checks import (
    MOST_SENDS,
    PAUSE,
    LinkOver,
    LinkUnknown,
    LinkUsed,
    TooManySends,
    confirm,
    confirm_by_hand,
    lapse_unconfirmed,
    linked,
    send_again,
    signed_link,
)
from configurator.sales.carts import Trust
from configurator.sales.changes import AwaitsAddress, cancel_order, changeable, terms_of
from configurator.sales.mails import message_of
from configurator.sales.models import AddressCheck, AddressState, OrderState, SalesOrder
from configurator.sales.orders import Shown, order_by_token
from configurator.sales.payment_terms import TO_CONFIRM, Assurance, DepositChanged
from tests.configurator.sales.conftest import BUYER
from tests.configurator.sales.test_carts import Visitor
from tests.configurator.sales.test_payments import SECRET, mails, rows, settings

MAIL = BUYER.mail


@pytest.fixture
def database_kind(request: pytest.FixtureRequest) -> str:
    """The two databases differ in the race only."""
    return getattr(request, "param", "sqlite")


@pytest.fixture(autouse=True)
def _of_guests(shop) -> None:
    payment_terms.configure(settings(deposit_from=0, guest_deposit_from=1000))


def shown(shop, assurance: Assurance = Assurance.ADDRESS) -> Shown:
    """What the checkout shows to somebody who chose this."""
    variant = shop.variant()
    price = quote_price(shop.offer.prices, shop.offer.problem, variant, country="CN")
    asked = payment_terms.first_terms().asked_for(price, guest=True, assurance=assurance)
    found = forecast(shop.offer, variant, Destination("CN", zone_of("CN")), not_before=asked.due_at)
    return Shown(price.gross, price.currency, found.arrives_on, asked.amount_minor, assurance)


def ordered(shop, key: str = "key-1"):
    return order_by_token(shop.company_id, shop.order(shown=shown(shop), key=key).token)


def link_of(order, mail: str = MAIL, secret: str = SECRET) -> str:
    return signed_link(1, order.id, mail, secret=secret)


def state_of(shop, order) -> tuple[OrderState, AddressState]:
    view = order_by_token(shop.company_id, order.token)
    return view.state, view.address.state


@pytest.mark.parametrize(("value", "guest", "limits", "offered"), [
    (99_999, True, (0, 1000), ()),
    (100_000, True, (0, 1000), (Assurance.ADDRESS, Assurance.DEPOSIT)),
    (100_000, False, (0, 1000), ()),  # who has logged in is known
    (100_000, True, (1000, 500), (Assurance.DEPOSIT,)),  # asked of everybody: no mail takes its place
    (99_999, True, (1000, 500), (Assurance.ADDRESS, Assurance.DEPOSIT)),
])
def test_what_can_be_chosen_from_which_value_on(shop, value, guest, limits, offered):
    payment_terms.configure(settings(deposit_from=limits[0], guest_deposit_from=limits[1]))
    price = replace(quote_price(shop.offer.prices, shop.offer.problem, shop.variant(), country="CN"), gross=value)
    assert payment_terms.first_terms().assurances(price, guest=guest) == offered


def test_an_order_waits_for_its_link_with_its_slots_and_is_made_once_it_is_opened(shop):
    order = ordered(shop)
    assert (order.state, order.deposit) == (OrderState.AWAITING_ADDRESS, None)
    assert timedelta(hours=23) < order.address.due_at - utc_now() <= TO_CONFIRM
    operations = rows(ManufacturingOperation)
    assert min(row.starts_at for row in operations) >= order.address.due_at - timedelta(minutes=1)
    with pytest.raises(OnlyHeld):
        start_operation(shop.company_id, operations[0].id)
    with pytest.raises(AwaitsAddress):
        terms_of(changeable(shop.company_id, order.token, 1), shop.variant(engraving="DORA"))
    assert linked(shop.company_id, link_of(order), secret=SECRET).state == AddressState.AWAITED
    assert mails() == ["address_check"] and len(rows(HeldOrder)) == 1
    assert confirm(shop.company_id, link_of(order), secret=SECRET) == order.token
    assert state_of(shop, order) == (OrderState.CONFIRMED, AddressState.CONFIRMED)
    assert order_by_token(shop.company_id, order.token).arrives_on == order.arrives_on
    assert rows(Hold) == rows(HeldOrder) == [] and mails() == ["address_check", "order_confirmation"]
    assert lapse_unconfirmed(now=utc_now() + timedelta(days=9)) == 0


@pytest.mark.parametrize("database_kind", ["sqlite", "postgresql"], indirect=True)
def test_a_link_works_once_however_many_open_it_at_once(shop):
    order = ordered(shop)
    together, answers = Barrier(6), []

    def opening() -> None:
        together.wait()
        try:
            answers.append(confirm(shop.company_id, link_of(order), secret=SECRET))
        except LinkUsed:
            answers.append("used")

    openers = [Thread(target=opening) for _ in range(6)]
    for one in openers:
        one.start()
    for one in openers:
        one.join()
    assert sorted(answers, key=len) == ["used"] * 5 + [order.token]
    assert mails() == ["address_check", "order_confirmation"]
    assert linked(shop.company_id, link_of(order), secret=SECRET).state == AddressState.CONFIRMED


def test_no_other_link_confirms_it(shop):
    """Forged, cut, of another order, another kind, another house, or to an address that it no longer has."""
    order, other = ordered(shop), ordered(shop, key="key-2")
    good = link_of(order)
    body, signature = good.split(".")
    wrong = [
        "", "x", order.token, order.number, str(order.id), good[:-1], f"{good}A", good.swapcase(), f"{body}.",
        f"{link_of(other).split('.')[0]}.{signature}",  # another order's words under this one's signature
        link_of(order, secret="another secret"),
        link_of(order, mail="eve@example.com"), signed_link(2, order.id, MAIL, secret=SECRET),
        signed_link(1, order.id + 99, MAIL, secret=SECRET),
        URLSafeSerializer(SECRET, salt="something else").dumps([1, order.id, "0" * 16]),
        URLSafeSerializer(SECRET).dumps([1, order.id]),
    ]
    for link in wrong:
        for deed in (confirm, linked):
            with pytest.raises(LinkUnknown):
                deed(shop.company_id, link, secret=SECRET)
    assert state_of(shop, order)[0] == state_of(shop, other)[0] == OrderState.AWAITING_ADDRESS
    confirm(shop.company_id, good, secret=SECRET)  # the negative control: this very link is good, for this order only
    assert [state_of(shop, one)[0] for one in (order, other)] == [OrderState.CONFIRMED, OrderState.AWAITING_ADDRESS]


def test_a_signature_that_nobody_looks_at_would_be_found(shop, monkeypatch):
    """The negative control of the guard itself: without it a forged link confirms."""
    order = ordered(shop)
    forged = link_of(order, secret="another secret")
    monkeypatch.setattr(
        address_checks, "_serializer", lambda _secret: URLSafeSerializer(
            "another secret", salt=address_checks._SALT, signer_kwargs={"digest_method": address_checks.hashlib.sha256}
        )
    )
    assert confirm(shop.company_id, forged, secret=SECRET) == order.token


def test_an_order_that_nobody_confirms_is_cancelled_in_words_and_frees_its_slots(shop):
    order = ordered(shop)
    due = order.address.due_at
    assert lapse_unconfirmed(now=due - timedelta(seconds=1)) == 0
    with pytest.raises(LinkOver):
        confirm(shop.company_id, link_of(order), secret=SECRET, now=due)
    assert lapse_unconfirmed(now=due) == 1 and lapse_unconfirmed(now=due) == 0
    assert state_of(shop, order) == (OrderState.CANCELLED, AddressState.LAPSED)
    assert rows(ManufacturingOrder) == rows(Hold) == []
    for deed in (confirm, linked):
        with pytest.raises(LinkOver):
            deed(shop.company_id, link_of(order), secret=SECRET)
    with pytest.raises(StateRefused):
        send_again(shop.company_id, order.token, MAIL)
    assert mails() == ["address_check", "address_lapsed"]


def test_its_buyer_can_cancel_it_before_and_the_link_is_over(shop):
    order = ordered(shop)
    cancel_order(shop.company_id, order.token)
    assert order_by_token(shop.company_id, order.token).address.waived
    with pytest.raises(LinkOver):
        confirm(shop.company_id, link_of(order), secret=SECRET)
    assert rows(Hold) == [] and [row.state for row in rows(ManufacturingOrder)] == ["cancelled"]


def test_the_link_is_sent_again_a_few_times_and_only_the_newest_address_is_good(shop):
    order, at = ordered(shop), utc_now()
    with pytest.raises(TooManySends):
        send_again(shop.company_id, order.token, MAIL, now=at)  # just now
    for count in range(MOST_SENDS - 1):  # what was mistyped is corrected at once
        send_again(shop.company_id, order.token, "right@example.com", now=at + 2 * count * PAUSE)
    with pytest.raises(TooManySends):
        send_again(shop.company_id, order.token, MAIL, now=at + timedelta(hours=3))
    with pytest.raises(NotFound):
        send_again(shop.company_id, order.token[::-1], MAIL)
    assert mails() == ["address_check"] * MOST_SENDS
    with pytest.raises(LinkUnknown):
        confirm(shop.company_id, link_of(order), secret=SECRET)
    assert confirm(shop.company_id, link_of(order, "right@example.com"), secret=SECRET) == order.token


def test_sales_can_confirm_who_they_know(shop, seller):
    order = ordered(shop)
    with pytest.raises(NotFound):
        confirm_by_hand(shop.company_id + 1, order.id, by=seller)
    confirm_by_hand(shop.company_id, order.id, by=seller)
    assert state_of(shop, order) == (OrderState.CONFIRMED, AddressState.CONFIRMED)
    with pytest.raises(StateRefused):
        confirm_by_hand(shop.company_id, order.id, by=seller)


def test_what_was_not_shown_is_asked_about_first(shop):
    seen = shown(shop)
    for other in (replace(seen, assurance=None), replace(seen, assurance=Assurance.DEPOSIT)):
        with pytest.raises(DepositChanged):
            shop.order(shown=other)
    with pytest.raises(DateLost):  # a deposit is waited for longer
        shop.order(shown=replace(shown(shop, Assurance.DEPOSIT), arrives_on=seen.arrives_on))
    assert rows(SalesOrder) == []
    paying = order_by_token(shop.company_id, shop.order(shown=shown(shop, Assurance.DEPOSIT)).token)
    assert (paying.state, paying.address) == (OrderState.AWAITING_DEPOSIT, None)


def test_a_cart_shows_both_and_what_is_held_is_taken_for_the_link(shop):
    visitor = Visitor(shop, trust=Trust.STRANGER)
    visitor.add()
    view = visitor.view()
    assert view.asked.assurance == Assurance.ADDRESS and view.all_held
    soon, late = view.assurances
    assert (soon.assurance, soon.arrives_on) == (Assurance.ADDRESS, view.last)
    assert late.asked.amount_minor > 0 and late.arrives_on > soon.arrives_on
    paying = visitor.view(assurance=Assurance.DEPOSIT)
    assert paying.asked == late.asked and paying.last == late.arrives_on
    starts = {row.starts_at for row in rows(ManufacturingOperation)}
    order = order_by_token(shop.company_id, visitor.order(view).token)
    assert (order.state, order.arrives_on) == (OrderState.AWAITING_ADDRESS, view.last)
    assert starts == {row.starts_at for row in rows(ManufacturingOperation)}


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_mail_has_the_link_in_the_buyers_language_and_nothing_else_has_it(shop, language):
    order = ordered(shop)
    mail = rows(OutboxMail)[0].model_copy(update={"locale": language})
    body = message_of(mail, settings(public_url="https://shop.example")).get_body().get_content()
    link = re.search(r"https://shop\.example/confirm/(\S+)\?lang=" + language, body)[1]
    assert order.number not in link and order.token not in body
    assert "link" not in mail.data and link not in str(mail.data)
    confirm(shop.company_id, link, secret=SECRET)
    assert rows(AddressCheck)[0].state == AddressState.CONFIRMED
