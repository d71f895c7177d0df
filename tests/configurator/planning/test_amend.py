"""An order is made differently or not at all: what has begun stays, capacity and material change hands once."""

from __future__ import annotations

import dataclasses
import random
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime, timedelta
from threading import Barrier

import pytest
from sqlalchemy import delete
from sqlmodel import col, select

from catalog.factory import Material, MaterialSupply, Plant
from configurator import db
from configurator.errors import DateLost, NoDate, NotFound
from configurator.planning import amend as amend_module
from configurator.planning import decoupling, promise
from configurator.planning.amend import amend, amended, release
from configurator.planning.books import current_books, forget_books
from configurator.planning.decoupling import Lock, TooLate, standing, windows
from configurator.planning.models import (
    ManufacturingOperation,
    ManufacturingOrder,
    OrderState,
    Proposal,
    ScheduleEvent,
)
from configurator.planning.optimise import publish, snapshot
from configurator.planning.records import instant, placements_to_json
from configurator.planning.reports import FloorRefusal, finish_operation, start_operation
from solver.configuration.problem import GroupId, OptionId
from solver.scheduling.problem import WorkOrderId


@pytest.fixture
def plain(shop, monkeypatch):
    """A standard bicycle, of which nothing is made or frozen within minutes; its variant and its order's id."""
    monkeypatch.setattr(amend_module, "engine_now", promise.engine_now)
    from configurator.storefront.service import standing_completion

    variant = standing_completion(shop.offer, (), {})
    shop.variants = (variant, *shop.variants)
    with db.writing() as session:
        for plant in session.exec(select(Plant)):
            plant.frozen_minutes = 0
    forget_books()
    return variant, shop.reserve().manufacturing_order_id


def other(variant, **choices):
    """The variant with single options changed."""
    chosen = {GroupId(group): frozenset({OptionId(option)}) for group, option in choices.items()}
    return dataclasses.replace(variant, chosen=variant.chosen | chosen)


def rows_of(order_id):
    with db.reading() as session:
        query = select(ManufacturingOperation).where(ManufacturingOperation.order_id == order_id)
        rows = session.exec(query.order_by(col(ManufacturingOperation.position))).all()
    return {row.operation: row for row in rows}


def order_of(order_id):
    with db.reading() as session:
        return session.get_one(ManufacturingOrder, order_id)


def changed(shop, old, new, order_id, shown=None):
    shown = shown or amended(shop.offer, old, new, order_id)
    with db.writing() as session:
        return amend(session, shop.offer, old, new, order_id, shown)


def begin(shop, order_id, *operations):
    for code in operations:
        row = rows_of(order_id)[code]
        start_operation(shop.company_id, row.id, now=row.starts_at)


def windows_of(shop, order_id, variant, now=None):
    with db.reading() as session:
        return windows(standing(session, shop.company_id, order_id, now=now), shop.offer, variant)


# --- the decoupling point ---------------------------------------------------------------------------------------------


def test_each_question_is_open_until_the_first_operation_that_it_touches(shop, plain) -> None:
    variant, order_id = plain
    rows, found = rows_of(order_id), windows_of(shop, order_id, variant)
    assert found.questions["colour"].until == rows["coat"].starts_at  # its powder and its family
    assert found.questions["gears"].until == rows["wheel_rear"].starts_at  # the hub is laced into the wheel
    assert found.questions["tyres"].until == rows["assemble"].starts_at  # unless they need more spokes
    assert found.options["tyres", "t55"].until == min(rows["wheel_rear"].starts_at, rows["assemble"].starts_at)
    assert found.options["mudguards", "none"].until == rows["assemble"].starts_at
    assert found.options["mudguards", "painted"].until == rows["coat"].starts_at  # coated together with the frame
    assert found.questions["engraving"].until == rows["assemble"].starts_at  # it would stand before the assembly
    assert found.whole.until == min(row.starts_at for row in rows.values())


def test_what_has_to_change_beside_a_question_decides_how_long_it_is_open(shop, plain) -> None:
    """A belt alone is put on at the assembly; it needs a hub, which is laced into the wheel."""
    variant, order_id = plain
    rows = rows_of(order_id)
    found = windows_of(shop, order_id, variant)
    assert found.questions["drive"].until == rows["assemble"].starts_at
    assert found.with_others["drive"].until == rows["wheel_rear"].starts_at < rows["assemble"].starts_at
    assert found.with_others["tyres"] == found.questions["tyres"]
    begin(shop, order_id, "wheel_rear")
    found = windows_of(shop, order_id, variant, now=rows["wheel_rear"].starts_at)
    assert "drive" not in found.with_others, "the other one is left to no change any more"


def test_the_frozen_horizon_comes_off(shop, plain) -> None:
    variant, order_id = plain
    before = windows_of(shop, order_id, variant).questions["colour"].until
    with db.writing() as session:
        for plant in session.exec(select(Plant)):
            plant.frozen_minutes = 90
    assert windows_of(shop, order_id, variant).questions["colour"].until == before - timedelta(minutes=90)
    coat = rows_of(order_id)["coat"].starts_at
    late = windows_of(shop, order_id, variant, now=coat - timedelta(minutes=89)).questions["colour"]
    assert (late.lock, late.operation["en"]) == (Lock.FROZEN, "Powder coat")


def test_what_has_begun_is_locked_and_the_rest_is_not(shop, plain) -> None:
    variant, order_id = plain
    begin(shop, order_id, "coat")
    at = rows_of(order_id)["coat"].starts_at
    found = windows_of(shop, order_id, variant, now=at)
    assert found.questions["colour"].lock is Lock.STARTED
    assert found.options["mudguards", "painted"].lock is Lock.STARTED
    assert found.options["mudguards", "none"].open
    assert found.whole.lock is Lock.STARTED


def test_a_pinned_operation_keeps_what_it_touches_as_it_is(shop, plain) -> None:
    variant, order_id = plain
    with db.writing() as session:
        session.get_one(ManufacturingOperation, rows_of(order_id)["coat"].id).pinned = True
    assert windows_of(shop, order_id, variant).questions["colour"].lock is Lock.PINNED
    assert windows_of(shop, order_id, variant).options["tyres", "t35"].open


def test_an_order_whose_end_is_pinned_is_not_made_anew_before_it(shop, plain) -> None:
    variant, order_id = plain
    with db.writing() as session:
        session.get_one(ManufacturingOperation, rows_of(order_id)["pack"].id).pinned = True
    found = windows_of(shop, order_id, variant)
    assert {found.questions[name].lock for name in ("colour", "gears", "tyres")} == {Lock.PINNED}


# --- changing ---------------------------------------------------------------------------------------------------------


def test_a_changed_order_has_new_slots_and_the_judge_finds_nothing(shop, plain, judge) -> None:
    variant, order_id = plain
    shop.reserve(3), shop.reserve(5)
    new = other(variant, colour="navy", stand="none")
    held = changed(shop, variant, new, order_id)
    row = order_of(order_id)
    assert (row.number, row.pegging_key, row.state) == ("MO-1", "SO-1", OrderState.PLANNED)
    assert (row.arrives_on, row.completes_at) == (held.arrives_on, held.completes_at)
    coat = rows_of(order_id)["coat"]
    assert coat.family == "navy"
    assert "powder_navy" in coat.needs and "powder_sky" not in coat.needs
    assert judge(shop.company_id) == []


def test_operations_come_and_go_with_a_change(shop, plain, judge) -> None:
    variant, order_id = plain
    engraved = dataclasses.replace(variant, texts={"engraving": "LI"})
    changed(shop, variant, engraved, order_id)
    assert list(rows_of(order_id)) == ["coat", "engrave", "wheel_front", "wheel_rear", "assemble", "pack"]
    changed(shop, engraved, variant, order_id)
    assert "engrave" not in rows_of(order_id)
    assert judge(shop.company_id) == []


def test_another_process_that_follows_the_events_has_the_same_book(shop, plain) -> None:
    variant, order_id = plain
    before = current_books(shop.company_id)
    changed(shop, variant, other(variant, colour="navy"), order_id)
    followed = current_books(shop.company_id)
    assert [book.version for book in followed] != [book.version for book in before]
    forget_books()
    anew = current_books(shop.company_id)
    assert [dict(b.book.placements) for b in followed] == [dict(b.book.placements) for b in anew]
    assert [dict(b.book.orders) for b in followed] == [dict(b.book.orders) for b in anew]


def test_its_own_load_does_not_stand_in_its_way(shop, plain) -> None:
    variant, order_id = plain
    again = amended(shop.offer, variant, other(variant, colour="ivory"), order_id).forecast
    assert again.completes_at <= order_of(order_id).completes_at


def test_what_has_begun_stays_and_the_rest_is_placed_after_it(shop, plain, judge) -> None:
    variant, order_id = plain
    begin(shop, order_id, "coat")
    before = rows_of(order_id)["coat"]
    changed(shop, variant, other(variant, tyres="t35", rack="none"), order_id)
    after = rows_of(order_id)
    assert (after["coat"].id, after["coat"].starts_at, after["coat"].state) == (before.id, before.starts_at, "started")
    assert after["assemble"].starts_at >= before.ends_at
    assert "tyre_35" in after["assemble"].needs
    assert judge(shop.company_id) == []
    with db.reading() as session:
        event = session.exec(select(ScheduleEvent).order_by(col(ScheduleEvent.id).desc())).first()
    assert (event.kind, event.data["staying"]) == ("changed", ["coat"])


def test_a_change_of_what_has_begun_is_refused_and_nothing_is_written(shop, plain) -> None:
    variant, order_id = plain
    new = other(variant, colour="navy")
    shown = amended(shop.offer, variant, new, order_id)
    begin(shop, order_id, "coat")
    versions, rows = [book.version for book in current_books(shop.company_id)], rows_of(order_id)
    with pytest.raises(TooLate) as refused, db.writing() as session:
        amend(session, shop.offer, variant, new, order_id, shown)
    assert (refused.value.data["operation"]["en"], refused.value.data["lock"]) == ("Powder coat", "started")
    assert [book.version for book in current_books(shop.company_id)] == versions
    assert rows_of(order_id) == rows


def test_a_schedule_that_moved_meanwhile_is_asked_again_and_a_later_date_is_lost(shop, plain, judge) -> None:
    variant, order_id = plain
    new = other(variant, colour="navy")
    shown = amended(shop.offer, variant, new, order_id)
    shop.reserve(2)
    assert changed(shop, variant, new, order_id, shown).arrives_on == shown.forecast.arrives_on
    assert judge(shop.company_id) == []
    early = dataclasses.replace(shown.forecast, arrives_on=shown.forecast.arrives_on - timedelta(days=1))
    with pytest.raises(DateLost) as lost:
        changed(shop, new, variant, order_id, dataclasses.replace(shown, forecast=early))
    assert lost.value.data["arrives_on"] > early.arrives_on


def test_an_order_goes_to_the_plant_that_can_make_it(shop, plain, judge, monkeypatch) -> None:
    """What its own plant cannot make any more is made by another one, if nothing of it has begun."""
    variant, order_id = plain
    new = other(variant, colour="navy")
    home = order_of(order_id).plant_id
    real = amend_module.exploded
    monkeypatch.setattr(
        amend_module, "exploded", lambda offer, v, book: None if book.plant_id == home else real(offer, v, book)
    )
    changed(shop, variant, new, order_id)
    row = order_of(order_id)
    assert row.plant_id != home
    assert {operation.plant_id for operation in rows_of(order_id).values()} == {row.plant_id}
    assert judge(shop.company_id) == []
    held = {book.plant_id: book.book.holds(WorkOrderId("MO-1")) for book in current_books(shop.company_id)}
    assert held == {home: False, row.plant_id: True}


def test_another_companys_order_is_not_found(shop, plain) -> None:
    _variant, order_id = plain
    with pytest.raises(NotFound), db.reading() as session:
        standing(session, shop.company_id + 1, order_id)
    with pytest.raises(NotFound), db.writing() as session:
        release(session, shop.company_id + 1, [order_id])


@pytest.mark.parametrize("seed", [1, *(pytest.param(k, marks=pytest.mark.slow) for k in (2, 3, 4))])
def test_whatever_is_changed_whenever_the_judge_finds_nothing_and_every_promise_holds(
    shop, plain, judge, seed: int
) -> None:
    """Orders begin, are changed and cancelled at random; what has begun is never another one afterwards."""
    draw = random.Random(seed)
    variants = {plain[1]: plain[0]}
    for number in range(1, 12):
        variants[shop.reserve(number).manufacturing_order_id] = shop.variants[number]
    count = refused = 0
    for _ in range(16):
        order_id = draw.choice(sorted(variants))
        rows = rows_of(order_id)
        begun = {code: row for code, row in rows.items() if row.state != "planned"}
        if draw.random() < 0.3:
            free = [code for code in ("coat", "wheel_front", "wheel_rear") if code in rows.keys() - begun.keys()]
            if free:
                with suppress(FloorRefusal):
                    begin(shop, order_id, draw.choice(free))
            continue
        old, new = variants[order_id], shop.variants[draw.randrange(1, 40)]
        if old == new:
            continue
        count += 1
        try:
            held = changed(shop, old, new, order_id)
        except (TooLate, NoDate):
            refused += 1
            assert rows_of(order_id) == rows
            continue
        variants[order_id] = new
        after = rows_of(order_id)
        assert {code: (after[code].id, after[code].starts_at, after[code].needs) for code in begun} == {
            code: (row.id, row.starts_at, row.needs) for code, row in begun.items()
        }
        assert order_of(order_id).completes_at == max(row.ends_at for row in after.values()) == held.completes_at
        assert order_of(order_id).completes_at <= order_of(order_id).dispatch_at
        assert judge(shop.company_id) == []
    assert count > refused, "nothing was tried"
    followed = [dict(book.book.placements) for book in current_books(shop.company_id)]
    forget_books()
    assert followed == [dict(book.book.placements) for book in current_books(shop.company_id)]


# --- not at all -------------------------------------------------------------------------------------------------------


def test_a_cancelled_order_gives_its_slots_and_materials_back(shop, plain, judge) -> None:
    _variant, order_id = plain
    follows = current_books(shop.company_id)
    shown = shop.forecast()
    with db.writing() as session:
        release(session, shop.company_id, [order_id])
    assert order_of(order_id).state == OrderState.CANCELLED
    assert rows_of(order_id) == {}
    assert all(not book.book.holds(WorkOrderId("MO-1")) for book in current_books(shop.company_id))
    assert shop.forecast().completes_at <= shown.completes_at
    assert len(follows) == len(current_books(shop.company_id))
    assert judge(shop.company_id) == []


@pytest.mark.parametrize("done", ["started", "finished", "frozen"])
def test_what_has_begun_is_not_cancelled(shop, plain, done) -> None:
    _variant, order_id = plain
    if done == "frozen":
        with db.writing() as session:
            for plant in session.exec(select(Plant)):
                plant.frozen_minutes = 10_000
    else:
        begin(shop, order_id, "wheel_front")
    if done == "finished":
        row = rows_of(order_id)["wheel_front"]
        finish_operation(shop.company_id, row.id, now=row.ends_at)
    with pytest.raises(TooLate), db.writing() as session:
        release(session, shop.company_id, [order_id])
    assert order_of(order_id).state != OrderState.CANCELLED
    assert rows_of(order_id)


# --- beside a proposal ------------------------------------------------------------------------------------------------


def proposed(shop, changed_later, cancelled_later, moves) -> tuple[int, datetime]:
    """A proposal that leaves two orders where they are, and packs the third one hours after all; and when that is."""
    with db.reading() as session:
        base = snapshot(session, order_of(moves).plant_id)
    numbers = [order_of(order_id).number for order_id in (changed_later, cancelled_later)]
    placements = {p.operation: p for p in base.rows.placements.values() if p.operation.partition("/")[0] in numbers}
    pack = base.rows.placements[f"{order_of(moves).number}/pack"]
    line = next(line for line in base.problem.lines if line.id == pack.line)
    over = max(p.end for p in base.rows.placements.values()) + 10_800
    starts = ((max(w.start, over), w.end) for w in line.windows)
    start = next(start for start, end in starts if start + pack.end - pack.start <= end)
    placements[pack.operation] = dataclasses.replace(pack, start=start, end=start + pack.end - pack.start)
    figures = {"broken": 0, "over": 0, "late": [], "tardiness": 0, "setup": 0, "makespan": 0}
    with db.writing() as session:
        made = session.get_one(ManufacturingOrder, moves)
        made.work_order = made.work_order | {"promise": start + 86_400}
        proposal = Proposal(
            company_id=shop.company_id, plant_id=base.plant_id, base_version=base.version, before=figures,
            placements=placements_to_json(placements.values()), after=figures,
        )
        session.add(proposal)
        session.flush()
        return proposal.id, instant(start)


def test_a_proposal_is_published_beside_orders_that_were_changed_and_cancelled_meanwhile(shop, plain, judge) -> None:
    variant, order_id = plain
    cancelled, moves = (shop.reserve().manufacturing_order_id for _ in range(2))
    assert len({order_of(one).plant_id for one in (order_id, cancelled, moves)}) == 1
    proposal, packed_at = proposed(shop, order_id, cancelled, moves)
    changed(shop, variant, other(variant, colour="copper", stand="none"), order_id)
    with db.writing() as session:
        release(session, shop.company_id, [cancelled])
    mine = rows_of(order_id)
    publish(shop.company_id, proposal)
    assert rows_of(moves)["pack"].starts_at == packed_at
    assert rows_of(order_id) == mine  # what was proposed for it was about another variant
    assert rows_of(cancelled) == {}
    assert judge(shop.company_id) == []


# --- races ------------------------------------------------------------------------------------------------------------


def race(shop, plain):
    """A change and the start of what it touches, at once; how each of them ended."""
    variant, order_id = plain
    new = other(variant, colour="navy")
    shown = amended(shop.offer, variant, new, order_id)
    coat = rows_of(order_id)["coat"]
    barrier = Barrier(2)

    def change():
        barrier.wait(timeout=30)
        changed(shop, variant, new, order_id, shown)

    def start():
        barrier.wait(timeout=30)
        start_operation(shop.company_id, coat.id, now=coat.starts_at)

    with ThreadPoolExecutor(2) as pool:
        ended = [pool.submit(change), pool.submit(start)]
        return [future.exception(timeout=60) for future in ended]


def powder(shop, order_id, colour):
    """What lies there of a colour, in the order's plant."""
    with db.reading() as session:
        plant = session.get_one(ManufacturingOrder, order_id).plant_id
        query = select(Material.stock).where(Material.plant_id == plant, Material.code == f"powder_{colour}")
        return session.exec(query).one()


def test_what_a_change_touches_is_never_changed_once_it_has_started(shop, plain, judge) -> None:
    """Whoever is first: the powder that was taken is the one of the colour that the order has in the end."""
    with db.writing() as session:
        session.execute(delete(MaterialSupply))  # or more of it arrives before it is coated
    order_id = plain[1]
    before = {colour: powder(shop, order_id, colour) for colour in ("sky", "navy")}
    failed = race(shop, plain)
    coat = rows_of(order_id)["coat"]
    assert failed[1] is None and (failed[0] is None or isinstance(failed[0], TooLate)), failed
    assert coat.family == ("sky" if failed[0] else "navy")
    assert coat.state == "started"
    took = {colour: before[colour] - powder(shop, order_id, colour) for colour in before}
    assert took[coat.family] > 0 and sum(took.values()) == took[coat.family]
    assert judge(shop.company_id) == []


def test_without_the_look_under_the_lock_a_started_operation_would_be_changed(shop, plain, monkeypatch) -> None:
    """The negative control of the test above: the same attack, the guard taken away."""
    variant, order_id = plain
    new = other(variant, colour="navy")
    shown = amended(shop.offer, variant, new, order_id)
    begin(shop, order_id, "coat")
    monkeypatch.setattr(amend_module, "touched_by", lambda *_: frozenset())
    monkeypatch.setattr(decoupling.Standing, "lock_of", lambda *_: None)
    changed(shop, variant, new, order_id, shown)
    coat = rows_of(order_id)["coat"]
    assert (coat.state, coat.family) == ("started", "navy"), "sky blue powder was taken"
