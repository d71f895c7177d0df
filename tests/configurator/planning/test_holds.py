"""Holds: slots that nobody else gets until an instant, taken without moving, given back when their time is over."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta
from threading import Thread

import pytest
from sqlalchemy import update
from sqlmodel import select

from catalog.factory import Line, Plant
from catalog.rows import utc_now
from configurator import db
from configurator.config import Settings
from configurator.planning import holds
from configurator.planning.books import current_books, forget_books
from configurator.planning.clock import roll_plant
from configurator.planning.holds import (
    HoldOver,
    HoldRenewed,
    HoldsFull,
    Taken,
    Wish,
    hold,
    hold_of,
    let_go,
    renew,
    sweep,
    take,
)
from configurator.planning.models import HeldOrder, Hold, ManufacturingOperation, ManufacturingOrder, OperationState
from configurator.planning.options import configure
from configurator.planning.progress import progress
from configurator.planning.promise import forecast_all
from configurator.planning.reports import OnlyHeld, start_operation
from configurator.planning.workplace import line_tasks
from tests.configurator.planning.conftest import CHINA

KEY = "cart-1"


def keep(shop, *variants, key=KEY, anonymous=True, now=None):
    """Hold these variants; when the hold ends."""
    until = holds.expiry(now)
    found = forecast_all([(shop.offer, shop.variants[v]) for v in variants], CHINA, not_before=until)
    wishes = [
        Wish(f"{key}/{n}", shop.offer, shop.variants[v], one)
        for n, (v, one) in enumerate(zip(variants, found, strict=True), start=1)
    ]
    with db.writing() as session:
        return hold(session, shop.company_id, key, wishes, anonymous=anonymous, now=now)


def held(shop, key=KEY, now=None):
    with db.reading() as session:
        return hold_of(session, shop.company_id, key, now=now)


def slots():
    """Line and start of each operation, by order."""
    with db.reading() as session:
        rows = session.exec(select(ManufacturingOperation)).all()
    found = defaultdict(set)
    for row in rows:
        found[row.order_id].add((row.line_id, row.starts_at))
    return found


def standing(shop):
    """Every plant's operations, and that a process which reads the rows anew sees the same as one that followed."""
    followed = {plant.plant_id: dict(plant.book.placements) for plant in current_books(shop.company_id)}
    forget_books()
    assert {plant.plant_id: dict(plant.book.placements) for plant in current_books(shop.company_id)} == followed
    return followed


def test_what_is_held_has_slots_that_start_after_its_end_and_the_next_buyer_gets_others(shop, judge):
    before = shop.forecast()
    until = keep(shop, 0)
    view = held(shop)
    assert view.expires_at == until and not view.renewed
    assert [unit.pegging_key for unit in view.units.values()] == ["cart-1/1"]
    (held_id, first), = slots().items()
    assert min(starts_at for _line, starts_at in first) >= until
    shop.reserve(0, shown=shop.forecast())
    both = slots()
    assert len(both) == 2 and min(starts_at for _line, starts_at in both[held_id]) >= until  # also if it made room
    mine, others = both.pop(held_id), both.popitem()[1]
    assert mine.isdisjoint(others)
    assert before.work_order is not None and judge(shop.company_id) == []


def test_two_units_of_one_hold_stand_beside_each_other(shop, judge):
    keep(shop, 0, 0)
    assert len(held(shop).units) == 2
    assert judge(shop.company_id) == []
    standing(shop)


def test_a_hold_whose_time_is_over_gives_everything_back(shop, judge):
    shop.reserve(3)
    with db.writing() as session:  # who makes room for a hold does not come back: this one makes none
        session.execute(update(ManufacturingOperation).values(pinned=True))
        session.execute(update(Plant).values(schedule_version=Plant.schedule_version + 1))
    before = standing(shop)
    until = keep(shop, 0, 1)
    assert standing(shop) != before
    assert sweep(now=until - timedelta(seconds=1)) == 0
    assert held(shop, now=until) is None  # over, though nobody has swept yet
    assert sweep(now=until) == 1
    assert standing(shop) == before
    with db.reading() as session:
        assert session.exec(select(Hold)).all() == session.exec(select(HeldOrder)).all() == []
        assert len(session.exec(select(ManufacturingOrder)).all()) == 1
    assert judge(shop.company_id) == []


def test_one_unit_can_be_let_go_and_the_others_stay(shop):
    keep(shop, 0, 1)
    with db.writing() as session:
        let_go(session, shop.company_id, KEY, pegging_keys=["cart-1/1"])
    assert list(held(shop).units) == ["cart-1/2"]
    standing(shop)


def test_taking_it_moves_nothing(shop, judge):
    keep(shop, 0)
    unit = held(shop).units["cart-1/1"]
    with db.reading() as session:
        slots = {(o.operation, o.line_id, o.starts_at) for o in session.exec(select(ManufacturingOperation)).all()}
    day = unit.arrives_on + timedelta(days=2)
    with db.writing() as session:
        take(session, shop.company_id, KEY, {"cart-1/1": Taken("SO-1", "MO-1", day)})
        let_go(session, shop.company_id, KEY)
    assert held(shop) is None
    with db.reading() as session:
        order = session.exec(select(ManufacturingOrder)).one()
        assert (order.number, order.pegging_key, order.arrives_on) == ("MO-1", "SO-1", day)
        assert slots == {
            (o.operation, o.line_id, o.starts_at) for o in session.exec(select(ManufacturingOperation)).all()}
    assert {key.partition("/")[0] for plant in standing(shop).values() for key in plant} == {"MO-1"}
    assert judge(shop.company_id) == []


def test_what_is_over_or_was_never_held_cannot_be_taken(shop):
    until = keep(shop, 0)
    order = Taken("SO-1", "MO-1", until.date())
    for held_as, now in (("cart-1/1", until), ("cart-1/2", None)):
        with pytest.raises(HoldOver), db.writing() as session:
            take(session, shop.company_id, KEY, {held_as: order}, now=now)
    with db.reading() as session:
        assert session.exec(select(ManufacturingOrder)).one().number.startswith("HO-")


def test_a_hold_is_made_longer_once(shop):
    until = keep(shop, 0)
    later = until - timedelta(seconds=30)
    with db.writing() as session:
        longer = renew(session, shop.company_id, KEY, now=later)
    assert longer == holds.expiry(later) > until
    with pytest.raises(HoldRenewed), db.writing() as session:
        renew(session, shop.company_id, KEY, now=later)
    with pytest.raises(HoldOver), db.writing() as session:
        renew(session, shop.company_id, KEY, now=longer)


def _held_by_week(shop, anonymous=True):
    """(line, Monday) -> minutes that the orders of holds take."""
    found: dict[tuple[int, datetime], float] = defaultdict(float)
    with db.reading() as session:
        for row in session.exec(select(ManufacturingOperation)).all():
            monday = row.starts_at.date() - timedelta(days=row.starts_at.weekday())
            found[row.line_id, monday] += (row.ends_at - row.starts_at).total_seconds() / 60
    return found


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
def test_people_who_did_not_log_in_hold_a_small_share_of_a_week_together(shop):
    """Many carts: soon none gets a hold any more, while somebody who logged in and an order still get their slots."""
    configure(Settings(hold_share=5.0))
    got = 0
    with pytest.raises(HoldsFull):
        for cart in range(200):
            keep(shop, 0, key=f"cart-{cart}")
            got += 1
    assert got >= 1
    small = dict(_held_by_week(shop))
    keep(shop, 0, key="known", anonymous=False)
    shop.reserve(0)
    with db.reading() as session:
        assert len(session.exec(select(HeldOrder)).all()) == got + 1
    # The negative control: a larger share lets more of them in.
    configure(Settings(hold_share=10.0))
    keep(shop, 0, key="more")
    assert sum(_held_by_week(shop).values()) > sum(small.values())


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
def test_one_that_is_more_than_the_share_by_itself_is_held_alone(shop):
    with db.writing() as session:  # hours instead of minutes
        session.execute(update(Line).values(speed_percent=5))
        session.execute(update(Plant).values(schedule_version=Plant.schedule_version + 1))
    forget_books()
    keep(shop, 0, key="first")
    (*_, most) = sorted(_held_by_week(shop).values())
    assert most > 0.05 * 7 * 24 * 60, "more than 5 % even of a line that never closes"
    with pytest.raises(HoldsFull):
        keep(shop, 0, key="second")
    keep(shop, 0, key="known", anonymous=False)
    configure(Settings(hold_share=1.0))  # what the plant's week does not allow for, one order may not hold either
    with db.writing() as session:
        let_go(session, shop.company_id, "first")
    with pytest.raises(HoldsFull):
        keep(shop, 0, key="first")


def test_the_planner_sees_that_it_is_only_held(shop):
    until = keep(shop, 0)
    with db.reading() as session:
        order_id = session.exec(select(ManufacturingOrder.id)).one()
        assert progress(session, shop.company_id, order_id).held_until == until
    made = shop.reserve(1).manufacturing_order_id
    with db.reading() as session:
        assert progress(session, shop.company_id, made).held_until is None


def test_the_floor_does_not_see_it_and_cannot_start_it(shop):
    until = keep(shop, 0)
    with db.reading() as session:
        row = session.exec(select(ManufacturingOperation).order_by(ManufacturingOperation.starts_at)).first()
        assert line_tasks(session, shop.company_id, row.line_id).upcoming == ()
    with pytest.raises(OnlyHeld):
        start_operation(shop.company_id, row.id)
    roll_plant(row.plant_id, max(until, row.starts_at), reports_itself=True)
    with db.reading() as session:
        assert {o.state for o in session.exec(select(ManufacturingOperation)).all()} == {OperationState.PLANNED}


@pytest.mark.parametrize("database_kind", ["postgresql"], indirect=True)
@pytest.mark.parametrize("guarded", [True, False])
def test_a_hold_that_ends_while_it_is_taken_takes_no_order_away(shop, waiting, monkeypatch, guarded):
    """The sweep waits for the buyer's transaction and then finds nothing; without the lock it deletes the order."""
    if not guarded:
        monkeypatch.setattr(holds, "_locked", holds._row)
    until = keep(shop, 0)
    trouble: list[Exception] = []

    def sweeping() -> None:
        try:
            sweep(now=until)
        except Exception as error:
            trouble.append(error)

    with db.writing() as session:
        take(session, shop.company_id, KEY, {"cart-1/1": Taken("SO-1", "MO-1", utc_now().date())})
        let_go(session, shop.company_id, KEY)
        sweeper = Thread(target=sweeping)
        sweeper.start()
        waiting()
    sweeper.join()
    with db.reading() as session:
        numbers = [order.number for order in session.exec(select(ManufacturingOrder)).all()]
    assert (numbers == ["MO-1"] and not trouble) is guarded
