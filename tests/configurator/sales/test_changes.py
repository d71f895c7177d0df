"""After the order: changed by its buyer like an order, cancelled while nothing has begun; once, by nobody else."""

from __future__ import annotations

import email
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from email import policy
from pathlib import Path
from threading import Barrier

import pytest
from sqlalchemy import func, text, update
from sqlalchemy.exc import DBAPIError
from sqlmodel import select

from catalog.price import quote_price
from configurator import db
from configurator.audit import AuditEvent
from configurator.errors import DateLost, InvalidInput, KeyReused, NotFound, NotValid, Outdated, PriceChanged
from configurator.outbox import OutboxMail
from configurator.planning.decoupling import TooLate
from configurator.planning.models import ManufacturingOperation, ManufacturingOrder
from configurator.planning.reports import start_operation
from configurator.sales import changes
from configurator.sales.changes import (
    NotChangeable,
    cancel_order,
    cancel_until,
    change_order,
    changeable,
    order_history,
    terms_of,
)
from configurator.sales.configurations import Configuration, Selection
from configurator.sales.mails import send_due_mails
from configurator.sales.models import ItemRevision, MovedDate, OrderState, SalesOrder
from configurator.sales.orders import Shown, order_by_token

TRIES = 5


@pytest.fixture
def placed(shop, unhurried):
    """An order of the standard bicycle, of which nothing is made or frozen within the hour."""
    return shop.order(shop.variant(engraving="LI"))


def shown(terms) -> Shown:
    return Shown(terms.price.gross, terms.price.currency, terms.arrives_on)


def change(shop, placed, variant, *, key="change-1", at=None, base=None):
    """Change it, with what is shown now unless something else is said."""
    asked = changeable(shop.company_id, placed.token, 1)
    at = at or shown(terms_of(asked, variant))
    return change_order(
        shop.company_id, placed.token, 1, Selection("bicycle"), variant, at, base=base or asked.base, key=key
    )


def count(table) -> int:
    with db.reading() as session:
        return session.exec(select(func.count()).select_from(table)).one()


def begin(shop, operation: str) -> None:
    with db.reading() as session:
        row = session.exec(select(ManufacturingOperation).where(ManufacturingOperation.operation == operation)).one()
    start_operation(shop.company_id, row.id, now=row.starts_at)


# --- changing ---------------------------------------------------------------------------------------------------------


def test_a_change_is_stored_as_it_was_shown_and_what_was_before_stays_readable(shop, placed) -> None:
    old = order_by_token(shop.company_id, placed.token)
    new = shop.variant(colour="navy", gears="hub_8", drive="belt")
    at = shown(terms_of(changeable(shop.company_id, placed.token, 1), new))
    answer = change(shop, placed, new, at=at)
    view = order_by_token(shop.company_id, placed.token)
    assert (view.variant, view.number, view.token) == (new, old.number, old.token)
    assert (answer.gross_minor, answer.arrives_on) == (at.gross_minor, at.arrives_on)
    assert (view.price.gross, view.arrives_on) == (at.gross_minor, at.arrives_on)
    assert view.progress.arrives_on == at.arrives_on
    (revision,) = order_history(shop.company_id, view.id).revisions
    assert (revision.number, revision.choices, revision.price, revision.arrives_on) == (
        1, old.choices, old.price, old.arrives_on)
    assert count(ManufacturingOrder) == count(SalesOrder) == 1


def test_an_earlier_revision_cannot_be_rewritten(shop, placed) -> None:
    change(shop, placed, shop.variant(colour="navy"))
    for statement in ("UPDATE item_revision SET gross_minor = gross_minor", "DELETE FROM item_revision"):
        with pytest.raises(DBAPIError), db.writing() as session:
            session.execute(text(statement))
    assert count(ItemRevision) == 1


def test_a_change_is_priced_by_the_revisions_of_the_order(shop, placed, publish_prices) -> None:
    new = shop.variant(engraving="LI", colour="navy")
    agreed = quote_price(shop.offer.prices, shop.offer.problem, new, country="CN")
    publish_prices("2680", "3680")
    assert terms_of(changeable(shop.company_id, placed.token, 1), new).price.gross == agreed.gross
    change(shop, placed, new)
    with db.reading() as session:
        rows = session.exec(select(Configuration.price_list_revision_id)).all()
    assert set(rows) == {shop.offer.price_list_revision_id}


def test_what_is_not_right_is_refused_and_nothing_is_written(shop, placed) -> None:
    new = shop.variant(colour="navy")
    at = shown(terms_of(changeable(shop.company_id, placed.token, 1), new))
    broken = replace(new, chosen=dict(new.chosen) | {"drive": frozenset({"belt"})})
    for error, variant, told in (
        (NotValid, broken, at),
        (PriceChanged, new, replace(at, gross_minor=at.gross_minor - 1)),
        (PriceChanged, new, replace(at, currency="EUR")),
        (DateLost, new, replace(at, arrives_on=at.arrives_on - timedelta(days=1))),
        (InvalidInput, shop.variant(engraving="LI"), at),  # what it is already
    ):
        with pytest.raises(error):
            change(shop, placed, variant, at=told)
    assert (count(ItemRevision), count(OutboxMail)) == (0, 1)
    assert order_by_token(shop.company_id, placed.token).variant == shop.variant(engraving="LI")


def test_the_same_key_again_is_the_same_change_and_with_another_one_it_is_refused(shop, placed) -> None:
    new, base = shop.variant(colour="navy"), changeable(shop.company_id, placed.token, 1).base
    at = shown(terms_of(changeable(shop.company_id, placed.token, 1), new))
    first = change(shop, placed, new, at=at, base=base)
    assert change(shop, placed, new, at=at, base=base) == first
    with pytest.raises(KeyReused):
        change(shop, placed, shop.variant(colour="sun"), at=at, base=base)
    assert count(ItemRevision) == 1


def test_the_second_of_two_tabs_is_told_that_the_order_is_another_one_now(shop, placed) -> None:
    base = changeable(shop.company_id, placed.token, 1).base
    change(shop, placed, shop.variant(colour="navy"))
    with pytest.raises(Outdated):
        change(shop, placed, shop.variant(colour="sun"), key="change-2", base=base)
    assert order_by_token(shop.company_id, placed.token).variant == shop.variant(colour="navy")


def test_a_change_of_what_has_begun_is_refused(shop, placed) -> None:
    new = shop.variant(engraving="LI", colour="navy")
    at = shown(terms_of(changeable(shop.company_id, placed.token, 1), new))
    begin(shop, "coat")
    with pytest.raises(TooLate):
        change(shop, placed, new, at=at)
    change(shop, placed, shop.variant(engraving="LI", stand="none"))  # what comes later can still be changed
    assert count(ItemRevision) == 1


def test_a_move_of_the_promised_day_is_told_in_the_history(shop, placed) -> None:
    later = shown(terms_of(changeable(shop.company_id, placed.token, 1), shop.variant(colour="navy")))
    later = replace(later, arrives_on=placed.arrives_on + timedelta(days=2))
    change(shop, placed, shop.variant(colour="navy"), at=later)
    view = order_by_token(shop.company_id, placed.token)
    (move,) = order_history(shop.company_id, view.id).moves
    assert (move.kind, move.was, move.becomes, move.reason) == (
        MovedDate.PROMISE, placed.arrives_on, later.arrives_on, "changed")


def test_nobody_changes_or_cancels_what_is_not_theirs(shop, placed) -> None:
    base, new = changeable(shop.company_id, placed.token, 1).base, shop.variant(colour="navy")
    at = shown(terms_of(changeable(shop.company_id, placed.token, 1), new))
    for company, token, item in (
        (shop.company_id, placed.number, 1), (shop.company_id, placed.token[:-1], 1),
        (shop.company_id + 1, placed.token, 1), (shop.company_id, placed.token, 2),
    ):
        with pytest.raises(NotFound):
            change_order(company, token, item, Selection("bicycle"), new, at, base=base, key="key-9")
        if item == 1:
            with pytest.raises(NotFound):
                cancel_order(company, token)
    assert count(ItemRevision) == 0
    assert change(shop, placed, new).revision == 2  # negative control: its owner does


# --- cancelling -------------------------------------------------------------------------------------------------------


def test_a_cancelled_order_stays_cancelled_and_cannot_be_changed(shop, placed) -> None:
    until, can = cancel_until(shop.company_id, placed.token)
    with db.reading() as session:
        assert (until, can) == (min(session.exec(select(ManufacturingOperation.starts_at)).all()), True)
    cancel_order(shop.company_id, placed.token)
    cancel_order(shop.company_id, placed.token)
    view = order_by_token(shop.company_id, placed.token)
    assert (view.state, view.progress.operations) == (OrderState.CANCELLED, ())
    assert cancel_until(shop.company_id, placed.token)[1] is False
    assert count(AuditEvent) == 2  # placed, cancelled once
    with pytest.raises(NotChangeable):
        terms_of(changeable(shop.company_id, placed.token, 1), shop.variant(colour="navy"))


def test_an_order_that_is_being_made_is_not_cancelled(shop, placed) -> None:
    begin(shop, "wheel_front")
    assert cancel_until(shop.company_id, placed.token)[1] is False
    with pytest.raises(TooLate):
        cancel_order(shop.company_id, placed.token)
    assert order_by_token(shop.company_id, placed.token).state == OrderState.CONFIRMED


# --- mails ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("locale", ["zh", "en"])
def test_a_change_and_a_cancellation_are_confirmed_in_the_buyers_language(
    shop, placed, settings, locale: str
) -> None:
    with db.writing() as session:
        session.execute(update(SalesOrder).values(locale=locale))
    send_due_mails(settings)
    change(shop, placed, shop.variant(engraving="LI", colour="navy"))
    cancel_order(shop.company_id, placed.token)
    assert send_due_mails(settings) == 2
    changed, cancelled = (
        email.message_from_bytes(file.read_bytes(), policy=policy.default)
        for file in sorted(Path(settings.folder).glob("mails/*.eml"))[1:]
    )
    body = changed.get_body(("plain",)).get_content()
    old, new = {"zh": ("天空蓝", "海军蓝"), "en": ("Sky blue", "Navy")}[locale]
    (line,) = [line for line in body.splitlines() if new in line]
    assert old in line
    assert f"/orders/{placed.token}?lang={locale}" in body
    assert placed.number in changed["Subject"] and placed.number in cancelled["Subject"]
    assert {"zh": "取消", "en": "cancelled"}[locale] in cancelled["Subject"]


# --- races ------------------------------------------------------------------------------------------------------------


def at_once(shop, placed, colours: list[str]):
    """Changes to these colours at once, each from a tab of its own on the same state; the answers, or the errors."""
    asked = changeable(shop.company_id, placed.token, 1)
    barrier = Barrier(len(colours))

    def one(number: int):
        variant = shop.variant(engraving="LI", colour=colours[number])
        at = replace(shown(terms_of(asked, variant)), arrives_on=placed.arrives_on + timedelta(days=30))
        barrier.wait(timeout=30)
        try:
            return change(shop, placed, variant, key=f"tab-{number}", at=at, base=asked.base)
        except (Outdated, DBAPIError) as error:
            return error

    with ThreadPoolExecutor(len(colours)) as pool:
        return list(pool.map(one, range(len(colours))))


def test_one_of_several_changes_at_once_wins_and_the_others_are_told(shop, placed) -> None:
    colours = ["navy", "sun", "coral", "ivory", "mint"]
    answers = at_once(shop, placed, colours)
    won = [number for number, answer in enumerate(answers) if not isinstance(answer, Exception)]
    assert len(won) == 1
    assert all(isinstance(answer, Outdated) for number, answer in enumerate(answers) if number not in won)
    assert count(ItemRevision) == 1
    with db.reading() as session:
        coat = session.exec(select(ManufacturingOperation).where(ManufacturingOperation.operation == "coat")).one()
    assert coat.family == colours[won[0]]


def test_without_the_look_at_what_it_builds_on_several_would_win(shop, placed, monkeypatch) -> None:
    """The negative control of the test above: nobody asks on which state a change builds."""
    before = changeable(shop.company_id, placed.token, 1)

    class Careless(str):
        __eq__ = lambda *_: True  # noqa: E731
        __ne__ = lambda *_: False  # noqa: E731
        __hash__ = str.__hash__

    real = changes.changeable
    monkeypatch.setattr(changes, "changeable", lambda *a, **k: replace(real(*a, **k), base=Careless(before.base)))
    answers = at_once(shop, placed, ["navy", "sun"])
    assert not [answer for answer in answers if isinstance(answer, Exception)]
    assert count(ItemRevision) == 2


def test_a_change_and_a_cancellation_at_once_leave_one_of_them(shop, placed) -> None:
    new = shop.variant(colour="navy")
    at = shown(terms_of(changeable(shop.company_id, placed.token, 1), new))
    barrier = Barrier(2)

    def run(deed):
        barrier.wait(timeout=30)
        try:
            deed()
        except (NotChangeable, Outdated) as error:
            return error
        return None

    with ThreadPoolExecutor(2) as pool:
        changed, cancelled = pool.map(run, (
            lambda: change(shop, placed, new, at=at), lambda: cancel_order(shop.company_id, placed.token)
        ))
    assert cancelled is None
    assert order_by_token(shop.company_id, placed.token).state == OrderState.CANCELLED
    assert count(ManufacturingOperation) == 0
    assert count(ItemRevision) == (0 if changed else 1)
