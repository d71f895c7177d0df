"""One order over two plants: promised, held, made, changed, given back; and what a missed transport does to it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import date, timedelta
from threading import Barrier

import pytest
from sqlalchemy.exc import OperationalError
from sqlmodel import col, select

from catalog.factory import Plant
from catalog.rows import utc_now
from configurator import db
from configurator.errors import DateLost
from configurator.planning import promise
from configurator.planning.amend import amend, amended, release
from configurator.planning.books import current_books, forget_books, read_rows
from configurator.planning.clock import roll_plant
from configurator.planning.decoupling import TooLate, standing, windows
from configurator.planning.departures import follow_all
from configurator.planning.holds import Taken, Wish, hold, hold_of, let_go, take
from configurator.planning.models import (
    HeldOrder,
    ManufacturingOperation,
    ManufacturingOrder,
    ScheduleEvent,
    Transfer,
)
from configurator.planning.optimise import ProposalOutdated, publish, snapshot, store_proposal
from configurator.planning.reports import PartAwaited, finish_operation, start_operation
from configurator.planning.transfers import departures
from configurator.planning.why import why
from solver.scheduling.problem import Second
from solver.scheduling.schedule import Schedule
from solver.scheduling.why import Reason
from tests.catalog.two_plants import LAMP
from tests.configurator.planning.two_plants import House, lamp_house

sqlite = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
postgresql = pytest.mark.parametrize("database_kind", ["postgresql"], indirect=True)


@pytest.fixture
def lamps(company_id: int, early: None) -> House:
    """Lamps whose frames Ulm cannot weld for two weeks."""
    house = lamp_house(company_id)
    house.stop("ulm", "weld-1")
    return house


def rows_of(session, order_id):
    return {row.operation: row for row in session.exec(
        select(ManufacturingOperation).where(ManufacturingOperation.order_id == order_id)).all()}


def placed(company_id):
    """Where everything stands by the books, and by the rows."""
    found = []
    for plant in current_books(company_id):
        with db.reading() as session:
            found.append((dict(plant.book.placements), read_rows(session, plant.plant_id).placements))
    return found


def rebooked(company_id):
    """What the books that followed the events have is what the rows have."""
    followed = [book for book, _ in placed(company_id)]
    forget_books()
    return followed == [rows for _, rows in placed(company_id)] == [book for book, _ in placed(company_id)]


@sqlite
def test_an_order_is_made_in_one_plant_as_long_as_that_arrives_no_later(company_id):
    house = lamp_house(company_id)
    found = house.forecast()
    assert found.part is None and found.plant_name["en"] == "Ulm"


@sqlite
def test_where_a_line_is_full_the_other_plant_makes_the_part_and_it_arrives_earlier(lamps):
    whole = lamp_house(lamps.company_id, LAMP.replace(LAMP[LAMP.index("  parts:"):LAMP.index("factory:")], ""))
    alone = whole.forecast()
    found = lamps.forecast()
    assert alone.part is None and found.part is not None
    assert alone.arrives_on - found.arrives_on >= timedelta(days=10)
    part, fit = found.part, next(p for p in found.placements if p.operation.endswith("fit"))
    assert part.forecast.plant_name["en"] == "Bonn" and found.plant_name["en"] == "Ulm"
    assert {p.operation for p in part.forecast.placements} == {"?/weld", "?/grind"}
    assert {p.operation for p in found.placements} == {"?/wire", "?/fit"}
    # Bonn's buffer, the rest that the routing asks for after grinding, and the first of two departures a day.
    ready = part.forecast.completes_at + timedelta(minutes=60 + 30)
    assert part.leaves_at.strftime("%H:%M") in ("06:00", "18:00")
    assert timedelta() <= part.leaves_at - ready < timedelta(hours=12)
    assert part.arrives_at == part.leaves_at + timedelta(hours=4)
    assert fit.start >= part.arrives_at.timestamp()
    assert fit.start < part.arrives_at.timestamp() + 60


@sqlite
def test_both_orders_are_stored_with_their_slots_and_the_books_follow(lamps, judge):
    current_books(lamps.company_id)  # they are there and replay what comes
    held = [lamps.reserve(colour=colour) for colour in ("red", "blue", "red")]
    with db.reading() as session:
        for one in held:
            order, part = (session.get_one(ManufacturingOrder, key) for key in one.order_ids)
            transfer = session.exec(select(Transfer).where(Transfer.order_id == order.id)).one()
            assert (part.number, part.pegging_key) == (f"{order.number}A", order.pegging_key)
            assert part.completes_at <= part.dispatch_at
            assert one.forecast.part.forecast.completes_at + timedelta(minutes=60) <= part.dispatch_at
            assert part.dispatch_at + timedelta(minutes=30) == transfer.leaves_at  # it rests before it leaves
            assert rows_of(session, order.id)["fit"].starts_at >= transfer.arrives_at
            assert order.arrives_on == one.forecast.arrives_on
    assert judge(lamps.company_id) == []
    assert rebooked(lamps.company_id)


@sqlite
def test_what_was_shown_is_found_anew_when_a_schedule_moved_and_a_later_day_is_refused(lamps, judge):
    shown = lamps.forecast()
    for _ in range(2):  # whenever it arrives
        lamps.reserve(shown=replace(shown, arrives_on=date(2100, 1, 1)))
    assert judge(lamps.company_id) == []
    lamps.stop("bonn", "weld-1", hours=72)
    with pytest.raises(DateLost) as lost:
        lamps.reserve(shown=shown)
    assert lost.value.data["arrives_on"] > shown.arrives_on
    with db.reading() as session:
        assert len(session.exec(select(Transfer)).all()) == 2
    assert [fault for fault in judge(lamps.company_id) if fault.kind != "calendar"] == []  # the line stands still


@sqlite
def test_the_versions_of_both_plants_are_checked(lamps, judge, monkeypatch):
    """The negative control of the test above: with the other plant's version left out, its slot is sold twice."""
    shown = lamps.forecast()
    lamps.reserve(shown=shown)
    monkeypatch.setattr(promise, "_still_split", lambda offer, variant, shown, bases, firm: shown)
    lamps.reserve(shown=shown)
    assert "overlap" in {fault.kind for fault in judge(lamps.company_id)}


def crosswise(company_id: int) -> tuple[House, list]:
    """Frames that each plant can make for the other one, and a forecast in each direction."""
    text = LAMP.replace(", plants: [bonn]}", "}").replace(", speed_percent: 1}", "}").replace("{DE: 30}", "{DE: 1}")
    house = lamp_house(company_id, text)
    shown = []
    for here, there in (("ulm", "bonn"), ("bonn", "ulm")):
        house.stop(here, "weld-1")
        house.stop(there, "wire-1")
        shown.append(house.forecast())
        house.go_on()
    assert [one.part.forecast.plant_name["en"] for one in shown] == ["Bonn", "Ulm"]
    return house, [replace(one, arrives_on=date(2100, 1, 1)) for one in shown]


def both_at_once(house: House, shown: list) -> list:
    """Two buyers whose orders lead from plant to plant in opposite directions."""
    barrier = Barrier(2)

    def order(which: int):
        with db.writing() as session:
            barrier.wait(10)
            return promise.reserve(
                session, house.offer, house.variant("small", "red"), shown[which], pegging_key=f"SO-{which}",
                number=f"MO-{which}",
            )

    with ThreadPoolExecutor(2) as pool:
        return [one.result(30) for one in [pool.submit(order, which) for which in (0, 1)]]


@postgresql
def test_orders_in_opposite_directions_never_wait_for_each_other_in_a_circle(company_id, judge):
    house, shown = crosswise(company_id)
    made = both_at_once(house, shown)
    assert len({order_id for one in made for order_id in one.order_ids}) == 4
    assert judge(house.company_id) == []


@postgresql
def test_without_one_order_of_locks_they_would(company_id, monkeypatch):
    """The negative control of the test above: each locks the plant of the rest first."""
    house, shown = crosswise(company_id)
    both = Barrier(2)

    def as_named(session, plant_ids):
        first, second = plant_ids
        found = {first: db.lock_row(session, Plant, first)}
        both.wait(10)
        return found | {second: db.lock_row(session, Plant, second)}

    monkeypatch.setattr(promise, "lock_plants", as_named)
    with pytest.raises(OperationalError, match="deadlock"):
        both_at_once(house, shown)


def test_a_hold_keeps_both_slots_becomes_two_orders_and_gives_both_back(lamps, judge):
    company = lamps.company_id
    empty = placed(company)
    wish = Wish("cart/1", lamps.offer, lamps.variant("small", "red"), lamps.forecast())
    with db.writing() as session:
        hold(session, company, "cart", [wish], anonymous=False)
    with db.reading() as session:
        (unit,) = hold_of(session, company, "cart").units.values()
        assert len(unit.places) == 2
        assert unit.starts_at == min(row.starts_at for row in session.exec(select(ManufacturingOperation)).all())
    with db.writing() as session:
        let_go(session, company, "cart")
    assert placed(company) == empty
    with db.writing() as session:
        assert not any(session.exec(select(table)).all() for table in (Transfer, HeldOrder, ManufacturingOrder))
        until = hold(session, company, "cart", [wish], anonymous=False)
    with db.writing() as session:
        taken = Taken("SO-1", "MO-1", wish.forecast.arrives_on)
        take(session, company, "cart", {"cart/1": taken}, now=until - timedelta(minutes=1))
    with db.reading() as session:
        numbers = {(row.number, row.pegging_key) for row in session.exec(select(ManufacturingOrder)).all()}
        assert numbers == {("MO-1", "SO-1"), ("MO-1A", "SO-1")}
        assert session.exec(select(HeldOrder)).all() == []
    assert judge(company) == []
    assert rebooked(company)


@sqlite
def test_a_cancelled_order_gives_the_part_back_too_unless_that_has_begun(lamps):
    company = lamps.company_id
    empty = placed(company)
    first = lamps.reserve()
    with db.writing() as session:
        release(session, company, [first.manufacturing_order_id])
    assert placed(company) == empty
    with db.reading() as session:
        assert {row.state for row in session.exec(select(ManufacturingOrder)).all()} == {"cancelled"}
    second = lamps.reserve()
    with db.reading() as session:
        weld = rows_of(session, second.part_order_id)["weld"]
    start_operation(company, weld.id)
    with pytest.raises(TooLate), db.writing() as session:
        release(session, company, [second.manufacturing_order_id])


@sqlite
def test_a_change_makes_both_anew_within_the_same_transport(lamps, judge):
    company, old, new = lamps.company_id, lamps.variant("small", "red"), lamps.variant("large", "blue")
    made = lamps.reserve()
    asked = amended(lamps.offer, old, new, made.manufacturing_order_id)
    with db.writing() as session:
        amend(session, lamps.offer, old, new, made.manufacturing_order_id, asked)
    with db.reading() as session:
        order, part = (session.get_one(ManufacturingOrder, key) for key in made.order_ids)
        transfer = session.exec(select(Transfer)).one()
        weld, fit = rows_of(session, part.id)["weld"], rows_of(session, order.id)["fit"]
        assert weld.ends_at - weld.starts_at == timedelta(minutes=60)
        assert fit.ends_at - fit.starts_at == timedelta(minutes=20)
        assert transfer.leaves_at == part.dispatch_at + timedelta(minutes=30) == made.forecast.part.leaves_at
        assert fit.starts_at >= transfer.arrives_at
    assert judge(company) == []
    assert rebooked(company)
    start_operation(company, weld.id)  # from now on the frame is what it is, and the colour is free
    with db.reading() as session:
        found = windows(standing(session, company, made.manufacturing_order_id), lamps.offer, new)
    assert not found.questions["frame"].open and found.questions["colour"].open
    with pytest.raises(TooLate):
        amended(lamps.offer, new, lamps.variant("small", "blue"), made.manufacturing_order_id)
    repainted = amended(lamps.offer, new, lamps.variant("large", "red"), made.manufacturing_order_id)
    assert repainted.part is None


@sqlite
@pytest.mark.parametrize(("which", "operation", "hours"), [(1, "grind", 13), (0, "fit", -1)])
def test_a_new_schedule_of_either_plant_keeps_the_transport(lamps, judge, which, operation, hours):
    """Neither does the part end after its departure, nor the other plant go on with it before its arrival."""
    made = lamps.reserve()
    with db.reading() as session:
        order = session.get_one(ManufacturingOrder, made.order_ids[which])
        base = snapshot(session, order.plant_id)
        key = next(key for key in base.rows.placements if key.endswith(f"/{operation}"))
    place = base.rows.placements[key]
    away = replace(place, start=Second(place.start + 3600 * hours), end=Second(place.end + 3600 * hours))
    found = Schedule({**base.rows.placements, key: away})
    stored = store_proposal(lamps.company_id, base, found, job_id=None, actor_id=None, chosen=True)
    with suppress(ProposalOutdated):  # or it is mended
        publish(lamps.company_id, stored["proposal_id"])
    with db.reading() as session:
        transfer = session.exec(select(Transfer)).one()
        part, rest = (rows_of(session, key) for key in (made.part_order_id, made.manufacturing_order_id))
    assert part["grind"].ends_at <= transfer.leaves_at - timedelta(minutes=30)
    assert rest["fit"].starts_at >= transfer.arrives_at
    assert judge(lamps.company_id) == []


@sqlite
def test_a_part_that_misses_its_transport_takes_the_next_and_the_rest_starts_later(lamps, judge):
    company, made = lamps.company_id, lamps.reserve()
    before = made.forecast.part
    late = before.leaves_at + timedelta(hours=1)  # and nobody has welded it
    with db.reading() as session:
        part = session.get_one(ManufacturingOrder, made.part_order_id)
        order = session.get_one(ManufacturingOrder, made.manufacturing_order_id)
        promised = order.dispatch_at, order.arrives_on, order.promise_at
    for plant_id in (part.plant_id, order.plant_id):
        roll_plant(plant_id, late, reports_itself=False)
    assert follow_all(now=late) == 1
    assert follow_all(now=late) == 0
    with db.reading() as session:
        transfer = session.exec(select(Transfer)).one()
        part, order = (session.get_one(ManufacturingOrder, key) for key in (part.id, order.id))
        assert transfer.leaves_at == before.leaves_at + timedelta(hours=12)
        assert part.completes_at <= part.dispatch_at == transfer.leaves_at - timedelta(minutes=30)
        assert rows_of(session, order.id)["fit"].starts_at >= transfer.arrives_at
        assert (order.dispatch_at, order.arrives_on, order.promise_at) == promised
        told = why(session, company, order.id, now=late)
        (share,) = [share for share in told.shares if share.reason is Reason.TRANSPORT]
        assert (share.part.part_number, share.part.leaves_at) == ("MO-1A", transfer.leaves_at)
        assert share.ends_at == transfer.arrives_at
    assert [f for f in judge(company) if f.kind != "now"] == []
    assert rebooked(company)


@sqlite
def test_the_floor_goes_on_once_the_part_is_made_and_has_left(lamps):
    company, made = lamps.company_id, lamps.reserve()
    leaves = made.forecast.part.leaves_at
    with db.reading() as session:
        part, rest = (rows_of(session, key) for key in (made.part_order_id, made.manufacturing_order_id))
    now = utc_now()
    start_operation(company, rest["wire"].id, now=now)
    finish_operation(company, rest["wire"].id, now=now + timedelta(minutes=20))
    for step, code in enumerate(("weld", "grind")):
        with pytest.raises(PartAwaited) as refused:
            start_operation(company, rest["fit"].id, now=leaves + timedelta(hours=5))
        assert "MO-1A" in refused.value.message()
        start_operation(company, part[code].id, now=now + timedelta(minutes=30 * step))
        finish_operation(company, part[code].id, now=now + timedelta(minutes=30 * step + 20))
    with pytest.raises(PartAwaited):
        start_operation(company, rest["fit"].id, now=leaves - timedelta(minutes=1))
    start_operation(company, rest["fit"].id, now=leaves + timedelta(hours=1))  # it came faster than planned


def test_the_loading_list_has_what_leaves_together(lamps):
    made = [lamps.reserve() for _ in range(2)]
    with db.reading() as session:
        found = departures(session, lamps.company_id, now=utc_now())
        later = departures(session, lamps.company_id, now=utc_now() + timedelta(days=9))
        events = session.exec(select(ScheduleEvent).order_by(col(ScheduleEvent.id))).all()
    assert sum(len(one.parts) for one in found) == 2 and later == ()
    assert {view.number for one in found for view in one.parts} == {"MO-1", "MO-2"}
    assert found[0].missing == len(found[0].parts)
    assert [event.data["number"] for event in events] == ["MO-1", "MO-1A", "MO-2", "MO-2A"]
    assert found[0].leaves_at == made[0].forecast.part.leaves_at
