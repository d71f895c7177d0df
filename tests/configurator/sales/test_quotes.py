"""The life of a quote, and that only a sent, unexpired revision can become an order."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DatabaseError, IntegrityError
from sqlmodel import select

from configurator import db
from configurator.audit import AuditEvent
from configurator.errors import InvalidInput, NotFound, NotValid, QuoteNotOpen, StateRefused
from configurator.outbox import OutboxMail
from configurator.sales import quotes
from configurator.sales.configurations import Selection
from configurator.sales.models import QUOTE_TRANSITIONS, Quote, QuoteRevision, QuoteState, SalesOrder, move_quote
from configurator.sales.parties import Party
from configurator.sales.quotes import Customer

CUSTOMER = Customer("韩梅梅", "han@example.com", "CN", "zh")


@pytest.fixture
def draft(shop, seller) -> int:
    """A quote that nobody has sent."""
    return quotes.save_quote(
        shop.company_id, shop.offer, Selection("bicycle"), shop.variant(engraving="致梅梅"), CUSTOMER, by=seller
    )


@pytest.fixture
def stand(shop, seller, draft) -> Callable[[str], int]:
    """`stand(state)`: bring the quote's newest revision into a state, the way people do; its quote's id."""

    def bring(state: str) -> int:
        company_id = shop.company_id
        if state == "draft":
            return draft
        quotes.send_quote(company_id, draft, by=seller)
        token = quotes.quote_by_id(company_id, draft).revision.token
        if state == "accepted":
            accept(shop, token)
        elif state == "declined":
            quotes.decline_quote(company_id, token, "Too late for us.")
        elif state == "expired":
            let_expire(draft)
            quotes.expire()
        return draft

    return bring


def accept(shop, token: str, key: str = "accept", **changes: object):
    view = quotes.quote_by_token(shop.company_id, token)
    return shop.order(view.revision.variant, key=key, quote_token=token, **changes)


def let_expire(quote_id: int) -> None:
    """Move validity into the past. The row is immutable once sent: the trigger is off meanwhile."""
    with db.writing() as session:
        sqlite = db.database().is_sqlite
        kept = ""
        if sqlite:
            made = text("select sql from sqlite_master where name = 'quote_revision_no_update'")
            kept = session.execute(made).scalar_one()
            session.execute(text("drop trigger quote_revision_no_update"))
        else:
            session.execute(text("alter table quote_revision disable trigger quote_revision_immutable"))
        for row in session.exec(select(QuoteRevision).where(QuoteRevision.quote_id == quote_id)):
            row.valid_until = datetime.now(UTC) - timedelta(seconds=1)
        session.flush()
        session.execute(text(kept if sqlite else "alter table quote_revision enable trigger quote_revision_immutable"))


def test_a_draft_has_no_number_and_no_public_page(shop, draft) -> None:
    view = quotes.quote_by_id(shop.company_id, draft)
    assert (view.number, view.revision.state, view.revision.sent_at) == (None, QuoteState.DRAFT, None)
    with pytest.raises(NotFound):
        quotes.quote_by_token(shop.company_id, view.revision.token)


def test_sending_draws_the_number_sets_the_validity_and_posts_the_mail(shop, seller, draft) -> None:
    number = quotes.send_quote(shop.company_id, draft, by=seller)
    view = quotes.quote_by_id(shop.company_id, draft)
    assert number == view.number
    assert number.startswith("Q-") and number.endswith("-0001")
    until = view.revision.valid_until.astimezone(ZoneInfo(view.house_zone))
    sent = view.revision.sent_at.astimezone(ZoneInfo(view.house_zone))
    assert (until.date() - sent.date(), until.strftime("%H:%M:%S")) == (timedelta(days=14), "23:59:59")
    with db.reading() as session:
        mail = session.exec(select(OutboxMail)).one()
    assert (mail.template, mail.locale, mail.data) == ("quote", "zh", {"revision_id": view.revision.id})


def test_an_accepted_quote_is_an_order_at_the_price_of_the_quote(shop, stand) -> None:
    quote_id = stand("sent")
    view = quotes.quote_by_id(shop.company_id, quote_id)
    placed = accept(shop, view.revision.token)
    after = quotes.quote_by_id(shop.company_id, quote_id)
    assert placed.gross_minor == view.revision.price.gross
    assert (after.revision.state, after.order_number) == (QuoteState.ACCEPTED, placed.number)


def test_the_quoted_price_holds_after_the_price_list_has_changed(shop, stand, publish_prices) -> None:
    quote_id = stand("sent")
    view = quotes.quote_by_id(shop.company_id, quote_id)
    publish_prices("2680", "3680")
    assert accept(shop, view.revision.token).gross_minor == view.revision.price.gross


def test_the_same_key_replays_an_acceptance_and_another_key_is_refused(shop, stand) -> None:
    token = quotes.quote_by_id(shop.company_id, stand("sent")).revision.token
    shown = shop.shown(quotes.quote_by_token(shop.company_id, token).revision.variant)
    first = accept(shop, token, shown=shown)
    assert accept(shop, token, shown=shown) == first
    with pytest.raises(QuoteNotOpen):
        accept(shop, token, key="another")
    with db.reading() as session:
        assert len(session.exec(select(SalesOrder)).all()) == 1


def test_another_variant_than_the_quoted_one_is_refused(shop, stand) -> None:
    token = quotes.quote_by_id(shop.company_id, stand("sent")).revision.token
    with pytest.raises(NotValid):
        shop.order(shop.variant(colour="sun"), quote_token=token)
    assert quotes.quote_by_token(shop.company_id, token).revision.state == QuoteState.SENT


def test_a_quote_past_its_validity_is_refused_before_the_chore_has_closed_it(shop, stand) -> None:
    quote_id = stand("sent")
    token = quotes.quote_by_id(shop.company_id, quote_id).revision.token
    let_expire(quote_id)
    view = quotes.quote_by_token(shop.company_id, token)
    assert (view.revision.state, view.open) == (QuoteState.SENT, False)
    with pytest.raises(QuoteNotOpen):
        accept(shop, token)
    with pytest.raises(QuoteNotOpen):
        quotes.decline_quote(shop.company_id, token)


def test_an_expired_quote_closes_by_itself_and_a_valid_one_does_not(shop, stand) -> None:
    quote_id = stand("sent")
    assert quotes.expire() == 0
    let_expire(quote_id)
    assert (quotes.expire(), quotes.expire()) == (1, 0)
    assert quotes.quote_by_id(shop.company_id, quote_id).revision.state == QuoteState.EXPIRED


def test_a_revision_that_is_sent_supersedes_the_one_before_which_can_no_longer_be_accepted(shop, seller, stand) -> None:
    quote_id = stand("sent")
    old = quotes.quote_by_id(shop.company_id, quote_id)
    assert quotes.copy_revision(shop.company_id, quote_id, by=seller) == 2
    assert quotes.quote_by_token(shop.company_id, old.revision.token).open, "its customer knows of nothing newer"
    quotes.send_quote(shop.company_id, quote_id, by=seller)
    with pytest.raises(QuoteNotOpen):
        accept(shop, old.revision.token)
    new = quotes.quote_by_id(shop.company_id, quote_id)
    assert (new.number, new.revision.number, new.revision.variant) == (old.number, 2, old.revision.variant)
    assert quotes.quote_by_token(shop.company_id, old.revision.token).revision.state == QuoteState.SUPERSEDED
    accept(shop, new.revision.token)


def test_what_was_sent_can_be_accepted_while_a_newer_draft_is_made_which_ends_it(shop, seller, stand) -> None:
    quote_id = stand("sent")
    old = quotes.quote_by_id(shop.company_id, quote_id)
    quotes.copy_revision(shop.company_id, quote_id, by=seller)
    assert quotes.quote_by_id(shop.company_id, quote_id).offered == (1, old.revision.token)
    placed = accept(shop, old.revision.token)
    view = quotes.quote_by_id(shop.company_id, quote_id)
    assert (view.newest, view.revision.state, view.order_number) == (1, QuoteState.ACCEPTED, placed.number)
    with pytest.raises(StateRefused):
        quotes.send_quote(shop.company_id, quote_id, by=seller)


@pytest.mark.parametrize("state", ["draft", "sent", "declined"])
def test_a_draft_is_discarded_and_what_was_before_it_stands(shop, seller, stand, state: str) -> None:
    quote_id = stand(state)
    before = _rows(quote_id)[:1] if state != "draft" else []
    if state != "draft":
        quotes.copy_revision(shop.company_id, quote_id, by=seller)
    assert quotes.discard_draft(shop.company_id, quote_id, by=seller) is (state != "draft")
    with db.reading() as session:
        rows = session.exec(select(QuoteRevision)).all()
        assert [repr(row.model_dump()) for row in rows] == before
        people = session.exec(select(Party).where(Party.mail == CUSTOMER.mail)).all()
        assert len(session.exec(select(Quote)).all()) == len(people) == len(before)
    with pytest.raises(StateRefused if before else NotFound):
        quotes.discard_draft(shop.company_id, quote_id, by=seller)


def test_revising_a_draft_replaces_it(shop, seller, draft) -> None:
    number = quotes.revise_quote(
        shop.company_id, draft, shop.offer, Selection("bicycle"), shop.variant(colour="sun"), validity_days=30,
        by=seller,
    )
    view = quotes.quote_by_id(shop.company_id, draft)
    assert (number, view.revision.number, view.validity_days) == (1, 1, 30)
    assert view.revision.variant == shop.variant(colour="sun")


EVENTS = ("send", "revise", "accept", "decline", "expire")
# state -> the events that it allows, and the state of the newest revision after them; all others are refused
ALLOWED = {
    "draft": {"send": "sent", "revise": "draft"},
    "sent": {"revise": "draft", "accept": "accepted", "decline": "declined", "expire": "expired"},
    "accepted": {},
    "declined": {"revise": "draft"},
    "expired": {"revise": "draft"},
}


def _act(shop, seller: int, quote_id: int, token: str, event: str) -> Callable[[], object]:
    return {
        "send": lambda: quotes.send_quote(shop.company_id, quote_id, by=seller),
        "revise": lambda: quotes.copy_revision(shop.company_id, quote_id, by=seller),
        "accept": lambda: accept(shop, token, key="another key"),
        "decline": lambda: quotes.decline_quote(shop.company_id, token),
        "expire": lambda: quotes.expire(),
    }[event]


@pytest.mark.parametrize(("state", "event"), [(state, event) for state in ALLOWED for event in ALLOWED[state]])
@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
def test_a_state_allows_the_events_of_the_table(shop, seller, stand, state: str, event: str) -> None:
    quote_id = stand(state)
    token = quotes.quote_by_id(shop.company_id, quote_id).revision.token
    if event == "expire":
        let_expire(quote_id)
    _act(shop, seller, quote_id, token, event)()
    assert quotes.quote_by_id(shop.company_id, quote_id).revision.state == ALLOWED[state][event]


@pytest.mark.parametrize("state", ALLOWED)
@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
def test_a_state_refuses_every_other_event_and_stays_as_it_is(shop, seller, stand, state: str) -> None:
    quote_id = stand(state)
    token = quotes.quote_by_id(shop.company_id, quote_id).revision.token
    before = _rows(quote_id)
    for event in EVENTS:
        if event in ALLOWED[state]:
            continue
        act = _act(shop, seller, quote_id, token, event)
        if event == "expire":
            assert act() == 0
        else:
            # an open draft has no public page, so its link finds nothing
            with pytest.raises(NotFound if state == "draft" else (StateRefused, QuoteNotOpen)):
                act()
        assert _rows(quote_id) == before, event


def _rows(quote_id: int) -> list[str]:
    """Everything that an illegal event must leave as it is: revisions, orders and the audit of the quote."""
    with db.reading() as session:
        return [
            repr(row.model_dump())
            for table in (QuoteRevision, SalesOrder, AuditEvent)
            for row in session.exec(select(table).order_by(table.id))
        ]


def test_the_state_moves_only_as_the_table_says() -> None:
    for state in QuoteState:
        for wanted in QuoteState:
            row = QuoteRevision(state=state)
            if wanted in QUOTE_TRANSITIONS[state]:
                move_quote(row, wanted)
            else:
                with pytest.raises(StateRefused):
                    move_quote(row, wanted)
            assert row.state == (wanted if wanted in QUOTE_TRANSITIONS[state] else state)


def test_the_database_refuses_to_change_a_sent_revision(shop, stand) -> None:
    quote_id = stand("sent")
    later = datetime(2030, 1, 1, tzinfo=UTC)
    for column, value in {
        "gross_minor": 1, "arrives_on": later.date(), "price_items": [], "state": "draft", "configuration_id": None,
        "valid_until": later, "token": "mine", "number": 2,
    }.items():
        with pytest.raises(DatabaseError), db.writing() as session:
            row = session.exec(select(QuoteRevision).where(QuoteRevision.quote_id == quote_id)).one()
            setattr(row, column, value)
    with pytest.raises(DatabaseError), db.writing() as session:
        session.delete(session.exec(select(QuoteRevision).where(QuoteRevision.quote_id == quote_id)).one())


def test_a_quote_has_one_open_revision(shop, stand) -> None:
    quote_id = stand("sent")
    with db.reading() as session:
        row = session.exec(select(QuoteRevision).where(QuoteRevision.quote_id == quote_id)).one()
    twin = QuoteRevision(**row.model_dump(exclude={"id", "number", "token"}), number=2)
    with pytest.raises(IntegrityError), db.writing() as session:
        session.add(twin)


def test_declining_keeps_the_customers_words(shop, stand) -> None:
    view = quotes.quote_by_id(shop.company_id, stand("declined"))
    assert (view.revision.state, view.revision.comment) == (QuoteState.DECLINED, "Too late for us.")


def test_a_validity_outside_a_year_is_refused(shop, seller) -> None:
    for days in (0, -1, 366):
        with pytest.raises(InvalidInput) as refused:
            quotes.save_quote(
                shop.company_id, shop.offer, Selection("bicycle"), shop.variant(), CUSTOMER, validity_days=days,
                by=seller,
            )
        assert refused.value.field == "validity_days"


def test_validity_ends_with_the_local_day_across_a_change_of_the_clock() -> None:
    sent = datetime(2026, 10, 24, 22, 30, tzinfo=UTC)  # 25 Oct 00:30 in Berlin, clocks go back that night
    assert quotes.end_of_validity(sent, 1, ZoneInfo("Europe/Berlin")) == datetime(2026, 10, 26, 22, 59, 59, tzinfo=UTC)


def test_numbers_are_drawn_by_sending_and_have_no_gaps(shop, seller) -> None:
    made = [
        quotes.save_quote(shop.company_id, shop.offer, Selection("bicycle"), shop.variant(), CUSTOMER, by=seller)
        for _ in range(3)
    ]
    numbers = [quotes.send_quote(shop.company_id, quote_id, by=seller) for quote_id in (made[2], made[0])]
    with pytest.raises(StateRefused):
        quotes.send_quote(shop.company_id, made[0], by=seller)
    numbers.append(quotes.send_quote(shop.company_id, made[1], by=seller))
    assert [number[-4:] for number in numbers] == ["0001", "0002", "0003"]


def test_history_names_who_did_what(shop, seller, stand) -> None:
    quote_id = stand("declined")
    told = [(deed.action, deed.actor) for deed in quotes.history(shop.company_id, quote_id)]
    assert told == [("quote.declined", ""), ("quote.sent", "Li Na"), ("quote.saved", "Li Na")]


def test_staff_find_quotes_by_state_name_and_number(shop, stand) -> None:
    stand("sent")
    found = lambda **by: [row.customer for row in quotes.quotes_page(shop.company_id, **by).rows]  # noqa: E731
    assert found() == found(state="sent") == found(search="梅梅") == found(search="q-2") == ["韩梅梅"]
    assert found(state="draft") == found(search="%") == found(state="sent", search="nobody") == []
