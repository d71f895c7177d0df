"""A moved date is told once, with its reason, in the buyer's language; a schedule that only trembles sends nothing."""

from __future__ import annotations

import email
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from email import policy
from pathlib import Path

import pytest
from sqlalchemy import delete, update
from sqlmodel import select

from catalog.factory import Downtime, Line, Material, MaterialSupply, Plant
from catalog.rows import utc_now
from configurator import db
from configurator.outbox import OutboxMail
from configurator.planning.books import forget_books
from configurator.planning.causes import Cause, causes
from configurator.planning.clock import roll_plant
from configurator.planning.models import EventKind, ManufacturingOperation, ManufacturingOrder, ScheduleEvent
from configurator.sales import dates
from configurator.sales.changes import note_promise, order_history
from configurator.sales.dates import LASTS, QUIET, watch_dates
from configurator.sales.mails import send_due_mails
from configurator.sales.models import DateMove, DateWatch, SalesOrder, SalesOrderItem
from configurator.sales.orders import order_by_token

MINUTE = timedelta(minutes=1)


@pytest.fixture
def placed(shop):
    return shop.order()


def later(days: int) -> None:
    """The present schedule says so many days later than the last instant that keeps the promise."""
    with db.writing() as session:
        made = session.exec(select(ManufacturingOrder)).one()
        made.completes_at = made.dispatch_at + timedelta(days=days) - timedelta(minutes=5)


def moves() -> list[DateMove]:
    with db.reading() as session:
        return list(session.exec(select(DateMove).order_by(DateMove.id)).all())


def mails() -> int:
    with db.reading() as session:
        return len(session.exec(select(OutboxMail).where(OutboxMail.template == "date_moved")).all())


def settle(now) -> int:
    """Let what is there now last long enough."""
    watch_dates(now=now)
    return watch_dates(now=now + LASTS)


def test_a_day_that_lasts_is_told_once(placed) -> None:
    now = utc_now()
    later(2)
    assert [watch_dates(now=now + n * MINUTE) for n in (0, 5, 9, 10, 11, 40)] == [0, 0, 0, 1, 0, 0]
    (move,) = moves()
    assert (move.was, move.promised) == (placed.arrives_on, placed.arrives_on)
    assert move.becomes > placed.arrives_on
    assert mails() == 1


def test_a_schedule_that_trembles_or_is_early_tells_nothing(placed) -> None:
    now = utc_now()
    for turn in range(6):  # out and back, each for less than it takes
        later(2 if turn % 2 == 0 else -1)
        watch_dates(now=now + 7 * turn * MINUTE)
    later(0)  # a few minutes before its last cut-off
    assert settle(now + timedelta(hours=2)) == 0
    assert (moves(), mails()) == ([], 0)


def test_the_next_move_waits_for_a_while_and_then_tells_where_it_stands(placed, shop) -> None:
    now = utc_now()
    later(2)
    assert settle(now) == 1
    for days in (4, 8):
        later(days)
        assert settle(now + timedelta(hours=days / 2)) == 0
    assert watch_dates(now=now + LASTS + QUIET) == 1
    first, second = moves()
    stands = order_by_token(shop.company_id, placed.token).progress.forecast_arrives_on
    assert first.becomes == second.was < stands == second.becomes


def test_back_on_schedule_is_told_and_forgotten(placed, shop) -> None:
    now = utc_now()
    later(2)
    settle(now)
    later(-1)
    assert settle(now + timedelta(hours=7)) == 1
    assert (moves()[1].becomes, moves()[1].reason) == (placed.arrives_on, Cause.SOONER)
    assert settle(now + timedelta(days=2)) == 0
    view = order_by_token(shop.company_id, placed.token)
    assert order_history(shop.company_id, view.id).moves[0].reason == "sooner"


def test_a_new_promise_is_what_was_told_last(placed) -> None:
    now = utc_now()
    later(2)
    settle(now)
    with db.writing() as session:
        item = session.exec(select(SalesOrderItem)).one()
        told = moves()[0].becomes
        session.exec(select(SalesOrder)).one().arrives_on = told
        made = session.exec(select(ManufacturingOrder)).one()
        made.arrives_on, made.dispatch_at = told, made.dispatch_at + timedelta(days=2)
        note_promise(session, item, placed.arrives_on, told, "changed")
    assert settle(now + timedelta(days=1)) == 0
    with db.reading() as session:
        assert session.exec(select(DateWatch)).all() == []


def test_what_is_cancelled_or_made_tells_nothing_more(placed) -> None:
    later(2)
    with db.writing() as session:
        session.exec(select(SalesOrder)).one().state = "cancelled"
    assert settle(utc_now()) == 0


@pytest.mark.parametrize("locale", ["zh", "en"])
def test_the_mail_says_both_days_and_the_reason_without_the_factorys_inside(placed, settings, locale: str) -> None:
    with db.writing() as session:
        session.execute(update(SalesOrder).values(locale=locale))
    send_due_mails(settings)
    _stand_still()
    now = utc_now()
    assert settle(now) == 1
    assert send_due_mails(settings) == 1
    letter = email.message_from_bytes(
        sorted(Path(settings.folder).glob("mails/*.eml"))[-1].read_bytes(), policy=policy.default
    )
    body = letter.get_body(("plain",)).get_content()
    (move,) = moves()
    assert move.reason == Cause.BREAKDOWN
    assert {"zh": "一台设备停机", "en": "A machine in our factory stood still."}[locale] in body
    for day in (move.was, move.becomes):
        assert (f"{day.month}月{day.day}日" if locale == "zh" else f"{day.day} {day:%b}") in body
    assert f"/orders/{placed.token}?lang={locale}" in body and placed.number in letter["Subject"]
    for inside in ("MO-", "paint", "喷涂一线", "Spray gun"):
        assert inside not in body


# --- why --------------------------------------------------------------------------------------------------------------


def _stand_still() -> None:
    """Every paint line stands still for a week; the clock makes room."""
    with db.writing() as session:
        coat = session.exec(
            select(ManufacturingOperation).where(ManufacturingOperation.operation == "coat")
        ).one()
        for line in session.exec(select(Line).where(Line.stage == "paint", Line.plant_id == coat.plant_id)):
            session.add(Downtime(
                company_id=coat.company_id, line_id=line.id, starts_at=coat.starts_at - MINUTE,
                ends_at=coat.starts_at + timedelta(days=7), reason="Spray gun",
            ))  # fmt: skip
        plant = session.get_one(Plant, coat.plant_id)
        plant.schedule_version += 1
        at, plant_id = coat.starts_at - 2 * MINUTE, coat.plant_id
    forget_books()
    roll_plant(plant_id, at, reports_itself=False)


def cause_now(shop, *, since=None) -> Cause:
    with db.reading() as session:
        made = session.exec(select(ManufacturingOrder)).first()
        found = causes(session, shop.company_id, [made.id], since=since or utc_now())
        return found[made.id]


def test_a_line_that_stands_still_is_a_breakdown(placed, shop) -> None:
    _stand_still()
    assert cause_now(shop) is Cause.BREAKDOWN


def test_a_part_that_comes_later_is_the_material(shop) -> None:
    with db.writing() as session:
        session.execute(delete(MaterialSupply))
        for box in session.exec(select(Material).where(Material.code == "box")).all():
            box.stock = 0
            session.add(MaterialSupply(
                company_id=shop.company_id, material_id=box.id, arrives_at=utc_now() + timedelta(days=9), quantity=5,
            ))  # fmt: skip
    forget_books()
    shop.order()
    assert cause_now(shop) is Cause.MATERIAL


def test_what_nobody_started_is_a_delay_and_a_published_schedule_a_new_plan(placed, shop) -> None:
    with db.reading() as session:
        last = session.exec(select(ManufacturingOperation).where(ManufacturingOperation.operation == "pack")).one()
    at = last.ends_at + timedelta(days=2)
    roll_plant(last.plant_id, at, reports_itself=False)
    with db.reading() as session:
        made = session.exec(select(ManufacturingOrder)).one()
        assert causes(session, shop.company_id, [made.id], since=at, now=at)[made.id] in (Cause.DELAY, Cause.BUSY)
    with db.writing() as session:
        plant = session.get_one(Plant, last.plant_id)
        plant.schedule_version += 1
        session.add(ScheduleEvent(
            company_id=plant.company_id, plant_id=plant.id, version=plant.schedule_version, kind=EventKind.PUBLISHED,
        ))  # fmt: skip
    with db.reading() as session:
        found = causes(session, shop.company_id, [made.id], since=utc_now() - MINUTE, now=at)
        assert found[made.id] is Cause.REPLANNED
        assert causes(session, shop.company_id, [made.id], since=at, now=at)[made.id] is not Cause.REPLANNED


# --- several workers --------------------------------------------------------------------------------------------------


def told_by_several_workers() -> int:
    now = utc_now()
    later(2)
    watch_dates(now=now)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: watch_dates(now=now + LASTS), range(4)))
    return mails()


def test_several_workers_tell_a_move_once(placed) -> None:
    assert told_by_several_workers() == 1


def told_twice_by_two_who_read_before_either_wrote() -> list[bool]:
    now = utc_now()
    later(2)
    watch_dates(now=now)
    with db.reading() as session:
        (one,) = dates._differing(session)
    return [dates._tell(one, Cause.BUSY, now + LASTS) for _ in range(2)]


def test_the_second_of_two_who_read_the_same_tells_nothing(placed) -> None:
    assert told_twice_by_two_who_read_before_either_wrote() == [True, False]
    assert mails() == 1


def test_without_the_look_under_the_lock_both_would_tell_it(placed, monkeypatch) -> None:
    """The negative control of the test above."""
    now = utc_now()
    monkeypatch.setattr(dates, "_watch_of", lambda _session, one: DateWatch(
        company_id=one.company_id, item_id=one.item_id, told=one.told, differs_since=now,
    ))  # fmt: skip
    later(2)
    with db.reading() as session:
        (one,) = dates._differing(session)
    assert [dates._tell(one, Cause.BUSY, now) for _ in range(2)] == [True, True]
    assert mails() == 2
