"""A second thought: an earlier date that a search has found, which the next page, the hold and the order then have."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import update
from sqlmodel import select

from catalog.factory import Plant
from catalog.rows import utc_now
from configurator import db
from configurator.aside import Busy
from configurator.planning import promise as promise_module
from configurator.planning import second_thought, thoughts
from configurator.planning.carriers import CarrierTerms
from configurator.planning.holds import Wish, expiry, hold
from configurator.planning.models import SecondThought
from configurator.planning.second_thought import think
from configurator.planning.thoughts import KEPT_FOR, Thought
from solver.scheduling.book import NoRoom
from solver.scheduling.problem import Second
from tests.configurator.planning.conftest import CHINA

pytestmark = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
DAYS = 6


@pytest.fixture
def hasty(shop, monkeypatch):
    """A factory whose answers at once are six days later than need be: there is something to find."""

    def late(plant, orders, start):
        answers = plant.book.quote_each(orders, not_before=Second(start + DAYS * 86400))
        found = zip(orders, answers, strict=True)
        return {id(order): None if isinstance(answer, NoRoom) else answer for order, answer in found}

    monkeypatch.setattr(promise_module, "quoted", late)
    return shop


def thought_of(shop, **more):
    return think(shop.offer, shop.variants[0], CHINA, **more)


def kept_rows() -> int:
    with db.reading() as session:
        return len(session.exec(select(SecondThought)).all())


def test_what_a_search_finds_is_what_the_next_page_and_the_order_have(hasty, judge):
    at_once = hasty.forecast()
    found = thought_of(hasty)
    assert found.arrives_on < at_once.arrives_on
    assert (found.at_once, found.first_date) == (at_once.arrives_on, at_once.arrives_on)
    for memo in (thoughts._read, promise_module._entered):  # another process has seen none of it
        memo._kept.clear()
    again = hasty.forecast()
    assert (again.arrives_on, again.placements) == (found.arrives_on, found.placements)
    held = hasty.reserve(shown=again)
    assert held.forecast.arrives_on == found.arrives_on
    assert judge(hasty.company_id) == []


def test_a_way_that_the_company_states_itself_gets_a_second_thought_too(hasty):
    truck = CarrierTerms("way-1", {"en": "Own truck"}, "15:00", ("mon", "tue", "wed", "thu", "fri"), {"CN": 2})
    to = replace(CHINA, by=truck)
    found = think(hasty.offer, hasty.variants[0], to)
    assert found.at_once is not None and found.arrives_on < found.at_once
    assert found.carrier_code == "way-1"
    assert think(hasty.offer, hasty.variants[0], to) == found


def test_a_hold_has_the_date_that_was_found(hasty, judge):
    found = thought_of(hasty)
    until = expiry()
    begins = promise_module.forecast_all([(hasty.offer, hasty.variants[0])], CHINA, not_before=until)
    assert begins[0].arrives_on == found.arrives_on
    with db.writing() as session:
        hold(session, hasty.company_id, "cart-1", [Wish("cart-1/1/1", hasty.offer, hasty.variants[0], begins[0])],
             anonymous=False)
    assert judge(hasty.company_id) == []


def test_what_somebody_else_has_taken_meanwhile_is_not_promised_again(hasty, judge):
    found = thought_of(hasty)
    first = hasty.reserve(shown=found)
    assert first.forecast.placements[0].start == found.placements[0].start
    later = hasty.forecast()  # its places are taken now
    assert later.at_once is None
    assert later.arrives_on > found.arrives_on
    assert judge(hasty.company_id) == []


def test_without_looking_whether_it_still_fits_a_place_would_be_promised_twice(hasty, judge, monkeypatch):
    """The negative control of the test above."""
    found = thought_of(hasty)
    hasty.reserve(shown=found)
    monkeypatch.setattr(promise_module, "enters", lambda *_: True)
    assert hasty.forecast().arrives_on == found.arrives_on


def test_a_date_that_was_found_is_kept_where_the_schedule_moved_on_elsewhere(hasty, judge):
    found = thought_of(hasty)
    hasty.reserve(5)  # six days later, so it is not in the way
    assert hasty.forecast().arrives_on == found.arrives_on
    assert hasty.reserve(shown=found).forecast.arrives_on == found.arrives_on
    assert judge(hasty.company_id) == []


def test_nothing_is_moved_by_itself_in_a_plant_that_does_not_accept_it(hasty, monkeypatch):
    with db.writing() as session:
        session.execute(update(Plant).values(accepts_automatic_moves=False))
    monkeypatch.setattr(second_thought, "aside", lambda *_, **__: pytest.fail("it was searched"))
    assert thought_of(hasty).at_once is None


def test_another_plant_that_could_be_earlier_is_thought_of_too(hasty, judge):
    first = hasty.forecast()
    with db.writing() as session:  # in the one of the first answer nothing moves
        session.execute(update(Plant).where(Plant.id == first.plant_id).values(accepts_automatic_moves=False))
    found = thought_of(hasty)
    assert found.plant_id != first.plant_id and found.arrives_on < first.arrives_on
    assert hasty.reserve(shown=hasty.forecast()).forecast.plant_id == found.plant_id
    assert judge(hasty.company_id) == []


def test_a_search_that_nobody_waits_for_leaves_nothing_and_one_in_vain_is_not_repeated(shop, monkeypatch):
    asked = []

    def search(work, *, seconds, stop):
        asked.append(stop())

    monkeypatch.setattr(second_thought, "aside", search)
    for given_up in (True, True, False, False):
        assert thought_of(shop, stop=lambda given_up=given_up: given_up).at_once is None
    assert asked == [True, True, False]
    assert kept_rows() == 0


def test_one_asker_at_a_time_is_searched_for(shop, monkeypatch):
    def busy(*_args, **_more):
        raise Busy

    monkeypatch.setattr(second_thought, "aside", busy)
    with pytest.raises(Busy):
        thought_of(shop)


def test_a_thought_is_forgotten_after_an_hour_and_when_its_places_are_past(hasty):
    found = thought_of(hasty)
    thought = Thought(1, found.plant_id, "", found.placements, ())
    start = min(p.start for p in found.placements)
    assert thought.is_ahead(start, start)
    assert not thought.is_ahead(start + 1, start)
    with db.writing() as session:
        session.execute(update(SecondThought).values(created_at=utc_now() - KEPT_FOR - timedelta(seconds=1)))
    assert hasty.forecast().at_once is None
    thoughts.keep_thought(hasty.company_id, found.plant_id, "another", found)
    assert kept_rows() == 1
