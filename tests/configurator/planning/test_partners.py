"""A partner's plant: the promise is the same as by its orders, what we have there is sold once and never lost."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import delete, update
from sqlmodel import col, select

from catalog.factory import Plant
from catalog.load import Refused, load_catalog
from catalog.rows import utc_now
from configurator import db
from configurator.config import Settings
from configurator.errors import NoDate
from configurator.planning import amend, books, partners, promise
from configurator.planning.books import capacity_shown, current_books, engine_now, forget_books
from configurator.planning.clock import roll
from configurator.planning.free_days import PartnersPlant, partners_plants
from configurator.planning.models import (
    ManufacturingOperation,
    ManufacturingOrder,
    OperationState,
    PartnerCapacity,
    Transfer,
)
from configurator.planning.partners import (
    CapacityOutdated,
    CapacityRefused,
    ReservationsLost,
    Stated,
    post_capacity,
    reservations,
)
from configurator.planning.promise import forecast, reserve
from configurator.planning.records import instant, second
from solver.scheduling.book import Book, Promise
from solver.scheduling.capacity import FreeCapacity, free_capacity
from solver.scheduling.check import violations
from solver.scheduling.problem import (
    NEVER,
    LineId,
    Mode,
    Operation,
    OperationId,
    Placement,
    Second,
    WorkOrder,
    WorkOrderId,
)
from tests.catalog.two_plants import LAMP
from tests.configurator.planning.conftest import stored_violations
from tests.configurator.planning.two_plants import HOME, House, house_of

pytestmark = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
# Lamps are made in Ulm; Bonn could make all of one, slowly.
ULM = "    - code: ulm\n"
STOCK = "tube: {stock: 1000}"
ULMS = LAMP.replace(ULM, f"{ULM}      partner: {{capacity_hours: 12}}\n").replace(STOCK, "tube: {}", 1)


@pytest.fixture
def ahead(monkeypatch: pytest.MonkeyPatch) -> Second:
    """The earliest minute stands still, a little ahead of the clock."""
    at = Second(engine_now() + 600)
    for module in (promise, amend):
        monkeypatch.setattr(module, "engine_now", lambda _at=None: at)
    return at


@pytest.fixture
def lamps(company_id: int, with_two_plants: None, ahead: Second) -> House:
    """Both plants are ours."""
    return house_of(company_id)


def ulm(company_id: int) -> int:
    with db.reading() as session:
        return session.exec(select(Plant.id).where(Plant.company_id == company_id, Plant.code == "ulm")).one() or 0


def becomes_a_partners(house: House) -> int:
    """From now on Ulm is a partner's, and what was ours there is its own; its id."""
    plant_id = ulm(house.company_id)
    with db.writing() as session:
        session.execute(update(Plant).where(col(Plant.id) == plant_id).values(
            capacity_hours=12, accepts_automatic_moves=False, schedule_version=Plant.schedule_version + 1
        ))
        session.execute(delete(Transfer))
        session.execute(delete(ManufacturingOperation).where(col(ManufacturingOperation.plant_id) == plant_id))
        session.execute(delete(ManufacturingOrder).where(col(ManufacturingOrder.plant_id) == plant_id))
    forget_books()
    return plant_id


def shown(house: House) -> FreeCapacity:
    found = capacity_shown(house.company_id, "ulm")
    assert found is not None
    return found


class Partner:
    """A partner's own system: its book with its orders, in which it enters ours as it reads of them."""

    def __init__(self, book: Book, plant_id: int) -> None:
        self.book, self.plant_id, self.second = book.copy(), plant_id, second(utc_now())
        self.told, self.version = dict[str, tuple[Placement, ...]](), 0

    def read(self) -> None:
        found = reservations(self.plant_id)
        self.version = found.version
        for number in self.told.keys() - {one.number for one in found.orders}:
            self.book.remove(WorkOrderId(number))
            del self.told[number]
        for one in found.orders:
            if one.number in self.told:
                self.book.remove(WorkOrderId(one.number))
            self.book.commit(one.order, one.places)
            self.told[one.number] = one.places

    def post(self, **said: Any) -> partners.Received:
        self.second = Second(self.second + 1)
        capacity = free_capacity(self.book, at=self.second)
        stated = Stated(said.get("version", self.version), tuple(said.get("orders", self.told).items()))
        return post_capacity(self.plant_id, said.get("capacity", capacity), stated)

    def sells(self, places: Sequence[Placement]) -> None:
        """It gives these places to an order of its own."""
        operations = tuple(
            Operation(OperationId(f"own/{n}"), (Mode(place.line, place.end - place.start),))
            for n, place in enumerate(places)
        )
        own = [replace(place, operation=one.id) for place, one in zip(places, operations, strict=True)]
        self.book.commit(WorkOrder(WorkOrderId("own"), operations, Second(0), Second(0)), own)


@pytest.fixture
def ours(lamps: House) -> Iterator[tuple[House, Partner]]:
    """Ulm is a partner's, with four orders of its own; what is free beside them is posted."""
    for _ in range(4):
        lamps.reserve()
    book = next(one.book for one in current_books(lamps.company_id) if one.code == "ulm")
    partner = Partner(book, becomes_a_partners(lamps))
    partner.post()
    lamps.count = 100
    yield lamps, partner
    assert stored_violations(lamps.company_id) == []
    partner.read()  # and all of ours finds its place in the partner's book, beside everything of its own
    assert violations(partner.book.problem, partner.book.schedule) == ()


def order(number: str) -> ManufacturingOrder:
    with db.reading() as session:
        return session.exec(select(ManufacturingOrder).where(ManufacturingOrder.number == number)).one()


def places(plant_id: int, number: str) -> tuple[Placement, ...]:
    return next(one.places for one in reservations(plant_id).orders if one.number == number)


def dates(house: House) -> list[tuple[object, ...]]:
    """What is promised now for each variant, and where each operation would be made."""
    found = (forecast(house.offer, one, HOME) for one in house.variants[:4])
    return [(one.plant_id, one.completes_at, one.arrives_on, one.placements, one.plant_ids) for one in found]


@pytest.mark.parametrize("seed", range(3))
def test_the_promise_is_the_one_by_the_orders_themselves(lamps: House, seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(12):
        one = chance.choice(lamps.variants)
        now = forecast(lamps.offer, one, HOME)
        with db.writing() as session:
            lamps.count += 1
            reserve(session, lamps.offer, one, now, pegging_key="SO", number=f"THEIRS-{lamps.count}")
    with db.writing() as session:  # a date by free capacity is the one if nothing else moves
        session.execute(update(ManufacturingOperation).values(pinned=True))
        session.execute(update(Plant).values(schedule_version=Plant.schedule_version + 1))
    by_orders, capacity = dates(lamps), shown(lamps)
    with db.writing() as session:
        load_catalog(session, lamps.company_id, ULMS, loaded_at=utc_now())
        assert session.get_one(Plant, ulm(lamps.company_id)).is_partners
    plant_id = becomes_a_partners(lamps)
    assert {plant for plant, *_ in by_orders} == {plant_id}
    assert {plant for plant, *_ in dates(lamps)}.isdisjoint({plant_id})  # nothing was posted yet
    post_capacity(plant_id, capacity, Stated())
    assert dates(lamps) == by_orders
    for _ in range(3):
        lamps.reserve()
    assert stored_violations(lamps.company_id) == []


def test_what_we_have_there_is_taken_off_once_whether_the_partner_knows_of_it_or_not(
    ours: tuple[House, Partner],
) -> None:
    house, partner = ours
    house.reserve()
    house.reserve()
    before, stand = dates(house), places(partner.plant_id, "MO-102")
    assert partner.post().moved == ()  # it has not read of them
    assert dates(house) == before
    partner.read()
    assert set(partner.told) == {"MO-101", "MO-102"}
    assert partner.post().moved == ()  # it has
    assert dates(house) == before and places(partner.plant_id, "MO-102") == stand


def test_what_the_partner_took_and_does_not_say_is_not_lost_but_goes_elsewhere(ours: tuple[House, Partner]) -> None:
    """The negative control of the one above: what is said of them is what keeps them from standing there twice."""
    house, partner = ours
    house.reserve()
    stand = places(partner.plant_id, "MO-101")
    partner.read()
    assert partner.post(orders={}).moved == ("MO-101",)
    assert places(partner.plant_id, "MO-101") != stand


def test_a_place_that_the_partner_has_sold_meanwhile_is_given_up_and_the_promise_stays(
    ours: tuple[House, Partner],
) -> None:
    house, partner = ours
    house.reserve()
    was, stand = order("MO-101"), places(partner.plant_id, "MO-101")
    partner.sells(stand)
    assert partner.post().moved == ("MO-101",)
    now = order("MO-101")
    assert now.completes_at > was.completes_at and now.promise_at == was.promise_at
    taken = {(place.line, place.start) for place in stand}
    assert taken.isdisjoint((place.line, place.start) for place in places(partner.plant_id, "MO-101"))


def test_what_a_buyer_was_shown_before_a_post_is_found_anew_by_it(ours: tuple[House, Partner]) -> None:
    house, partner = ours
    seen = house.forecast()
    partner.sells(seen.placements)
    partner.post()
    house.reserve(replace(seen, arrives_on=seen.arrives_on + timedelta(days=9)))
    assert places(partner.plant_id, "MO-101")[0].start != seen.placements[0].start


def test_our_orders_are_made_where_the_partner_says(ours: tuple[House, Partner]) -> None:
    house, partner = ours
    house.reserve()
    partner.read()
    held = partner.book.held(WorkOrderId("MO-101"))
    partner.book.remove(WorkOrderId("MO-101"))
    later = partner.book.quote(held.order, not_before=Second(max(p.end for p in held.placements.values())))
    assert isinstance(later, Promise)
    partner.book.commit(held.order, later.placements)
    partner.told["MO-101"] = later.placements
    assert partner.post().moved == ()
    assert places(partner.plant_id, "MO-101") == later.placements
    assert order("MO-101").completes_at == instant(later.completion)


def test_what_the_partner_keeps_for_a_cancelled_order_is_ours_until_its_next_post(ours: tuple[House, Partner]) -> None:
    house, partner = ours
    before = dates(house)
    reserved = house.reserve()
    partner.read()
    partner.post()
    with db.writing() as session:
        amend.release(session, house.company_id, reserved.order_ids)
    assert dates(house) == before
    forget_books()  # the rows say the same
    assert dates(house) == before
    house.reserve()  # it takes that place
    stand = places(partner.plant_id, "MO-102")
    assert partner.post().moved == ()  # the partner has not heard of it and still keeps the place for MO-101
    assert places(partner.plant_id, "MO-102") == stand
    partner.read()
    assert partner.told.keys() == {"MO-102"} and partner.post().moved == ()


def test_what_was_posted_too_long_ago_promises_nothing(
    ours: tuple[House, Partner], monkeypatch: pytest.MonkeyPatch
) -> None:
    house, partner = ours
    seen = house.forecast()
    assert seen.plant_id == partner.plant_id
    later = utc_now() + timedelta(hours=12, seconds=5)
    monkeypatch.setattr(books, "utc_now", lambda: later)
    assert partner.plant_id not in house.forecast().plant_ids  # Bonn makes it, later
    with pytest.raises(NoDate):
        house.reserve(seen)
    monkeypatch.undo()
    assert house.forecast() == seen


def test_the_same_again_changes_nothing_and_an_older_one_is_refused(ours: tuple[House, Partner]) -> None:
    _, partner = ours
    first = free_capacity(partner.book, at=Second(partner.second + 2))
    received = post_capacity(partner.plant_id, first, Stated())
    with db.reading() as session:
        version = session.get_one(Plant, partner.plant_id).schedule_version
    again = post_capacity(partner.plant_id, first, Stated())
    assert (again.number, again.anew, received.anew) == (received.number, False, True)
    with db.reading() as session:
        assert session.get_one(Plant, partner.plant_id).schedule_version == version
    for seconds in (1, 2):  # one of the same instant is no newer either
        with pytest.raises(CapacityOutdated):
            post_capacity(partner.plant_id, free_capacity(partner.book, at=Second(partner.second + seconds)), Stated(1))


def test_an_order_is_never_left_without_room(ours: tuple[House, Partner]) -> None:
    house, partner = ours
    house.reserve()
    before, stand = dates(house), places(partner.plant_id, "MO-101")
    full = free_capacity(partner.book, at=Second(partner.second + 9))
    full = full.model_copy(update={"lines": tuple(
        line.model_copy(update={"windows": ((line.windows[0][0], full.now + 60),)}) for line in full.lines
    )})
    with pytest.raises(ReservationsLost, match="reservation_without_room"):
        partner.post(capacity=full)
    assert dates(house) == before and places(partner.plant_id, "MO-101") == stand
    with db.reading() as session:
        assert session.exec(select(PartnerCapacity.number)).one() == 1


def test_time_passes_there_as_scheduled_without_anybody_on_our_floor(
    ours: tuple[House, Partner], settings: Settings
) -> None:
    house, partner = ours
    house.reserve()
    stand = places(partner.plant_id, "MO-101")
    roll(replace(settings, mode="production"), now=instant(stand[-1].start) + timedelta(minutes=1))
    with db.reading() as session:
        rows = session.exec(select(ManufacturingOperation).order_by(col(ManufacturingOperation.position))).all()
    assert [(row.state, second(row.starts_at)) for row in rows] == [
        (OperationState.FINISHED if place != stand[-1] else OperationState.STARTED, place.start) for place in stand
    ]


def changed(capacity: FreeCapacity, line: int = 0, **values: Any) -> FreeCapacity:
    lines = [*capacity.lines]
    lines[line] = lines[line].model_copy(update=values)
    return capacity.model_copy(update={"lines": tuple(lines)})


def test_what_does_not_fit_is_refused_by_its_field(ours: tuple[House, Partner]) -> None:
    _, partner = ours
    with db.writing() as session:
        session.execute(delete(PartnerCapacity))  # so that none is too old for the one before
    good = free_capacity(partner.book, at=Second(partner.second + 2))
    for capacity, field in (
        (good.model_copy(update={"now": good.now + 3600}), "capacity.now"),  # it has not come yet
        (good.model_copy(update={"now": NEVER}), "capacity.now"),
        (good.model_copy(update={"now": good.now - 12 * 3600 - 60}), "capacity.now"),  # too old
        (good.model_copy(update={"epoch": good.epoch.replace(year=2000)}), "capacity.epoch"),
        (changed(good, id="ulm/none-such"), "capacity.lines.0.id"),
        (changed(good, plant="bonn"), "capacity.lines.0.plant"),
        (good.model_copy(update={"lines": good.lines[:1]}), "capacity.lines"),  # one is missing
        (good.model_copy(update={"lines": (*good.lines, good.lines[0])}), "capacity.lines.2.id"),  # one is there twice
        (good.model_copy(update={"materials": ()}), "capacity.materials"),
        (changed(good, 1, free=()), "capacity.lines.1"),  # contradicts itself
    ):
        with pytest.raises(CapacityRefused) as refused:
            post_capacity(partner.plant_id, capacity, Stated())
        assert field in dict(refused.value.faults), refused.value.faults
    assert post_capacity(partner.plant_id, good, Stated()).anew


def test_what_is_said_of_our_orders_is_checked_too(ours: tuple[House, Partner]) -> None:
    house, partner = ours
    house.reserve()
    partner.read()
    told = partner.told["MO-101"]
    free = replace(told[0], start=Second(told[0].start + 10**6), end=Second(told[0].end + 10**6))
    for orders, version, field in (
        ({"MO-999": told}, partner.version, "reservations.orders.0.id"),
        (partner.told, partner.version + 1, "reservations.version"),
        ({"MO-101": (replace(told[0], end=told[0].start), *told[1:])}, partner.version,
         "reservations.orders.0.operations.0.end"),
        ({"MO-101": (replace(told[0], end=Second(NEVER)), *told[1:])}, partner.version,
         "reservations.orders.0.operations.0.end"),
        ({"MO-101": told[1:]}, partner.version, "reservations.orders.0.operations"),
        ({"MO-101": (replace(told[0], line=LineId("ulm/wire-1")), *told[1:])}, partner.version,
         "reservations.orders.0.operations.0.line"),
        ({"MO-101": (free, *told[1:])}, partner.version, "capacity.lines.0"),  # it says that this place is free
    ):
        with pytest.raises(CapacityRefused) as refused:
            partner.post(orders=orders, version=version)
        assert field in dict(refused.value.faults), refused.value.faults


def test_a_partners_plant_states_no_stock_in_the_file(company_id: int) -> None:
    with db.writing() as session, pytest.raises(Refused, match="the partner posts what is free of it"):
        load_catalog(session, company_id, ULMS.replace("tube: {}", STOCK), loaded_at=utc_now())


# --- what the planner sees --------------------------------------------------------------------------------------------


def test_the_planner_sees_what_is_free_how_old_it_is_and_what_is_ours(
    ours: tuple[House, Partner], login: Callable[..., FlaskClient]
) -> None:
    house, partner = ours
    house.reserve()
    partner.read()
    partner.post()
    house.reserve()
    planner = login("planner")
    page = planner.get("/planning/partners?lang=en").text
    assert "Up to date" in page and "Believed until" in page and "Nothing is promised" not in page
    assert page.count("has taken it into account") == page.count("has not said so yet") == 1
    assert "Welding" in page and "ours" in page
    assert "Partners" in planner.get("/planning/?lang=en").text
    free = shown_days(house.company_id, partner.plant_id)
    weld = places(partner.plant_id, "MO-101")[0]
    rows = {line.name["en"]: line.days for line in free.lines}
    ours_there = sum((day.ours for day in rows["Welding"]), timedelta())
    assert ours_there == timedelta(seconds=2 * (40 * 60))  # two lamps: 30 minutes welded, 10 ground
    assert all(day.open <= timedelta(days=1) for day in rows["Welding"]) and weld.line == "ulm/weld-1"


def shown_days(company_id: int, plant_id: int) -> PartnersPlant:
    with db.reading_one_view() as session:
        return next(one for one in partners_plants(session, company_id, now=utc_now()) if one.plant_id == plant_id)


def test_outdated_capacity_is_told_to_the_planner_and_never_to_a_buyer(
    ours: tuple[House, Partner], login: Callable[..., FlaskClient], client: FlaskClient
) -> None:
    assert ours
    with db.writing() as session:
        session.execute(update(PartnerCapacity).values(valid_at=utc_now() - timedelta(hours=13)))
        session.execute(update(Plant).values(schedule_version=Plant.schedule_version + 1))
    planner = login("planner")
    for page in ("/planning/partners?lang=en", "/planning/?lang=en"):
        assert "outdated" in planner.get(page).text.lower() and "promised" in planner.get(page).text
    assert "已过期" in planner.get("/planning/partners?lang=zh").text
    shop = client.get("/products/lamp?lang=en&ship-to=DE&frame=small")
    assert shop.status_code == 200 and "outdated" not in shop.text.lower()


def test_a_key_is_shown_once_and_ends_the_one_before(
    lamps: House, login: Callable[..., FlaskClient], client: FlaskClient
) -> None:
    plant_id, planner = becomes_a_partners(lamps), login("planner")
    assert "Until its partner" in planner.get("/planning/partners?lang=en").text
    address = "/api/v1/plants/ulm/reservations"
    keys = []
    for _ in range(2):
        made = planner.post(f"/planning/partners/{plant_id}/key").text
        keys.append(made.partition('class="partner-key">')[2].partition("<")[0])
        assert client.get(address, headers={"Authorization": f"Bearer {keys[-1]}"}).status_code == 200
    assert client.get(address, headers={"Authorization": f"Bearer {keys[0]}"}).status_code == 404
    assert keys[1] not in planner.get("/planning/partners").text
    with db.reading() as session:
        bonn = session.exec(select(Plant.id).where(Plant.code == "bonn")).one()
    assert planner.post(f"/planning/partners/{bonn}/key").status_code == 404  # it is ours
    assert planner.post("/planning/optimise", data={"plant": plant_id}).status_code == 404  # and this one not
    assert "Ulm" not in login("operator").get("/floor/?lang=en").text
