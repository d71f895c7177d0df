"""Policies side by side: a planner starts a simulation, sees how far it is, and keeps a buffer that was played."""

from __future__ import annotations

import pytest
from sqlmodel import select

from catalog.factory import plants_of
from configurator import db
from configurator.errors import NotFound, StateRefused
from configurator.jobs import JobState, request_cancel, run_job
from configurator.planning import simulations
from configurator.planning.charts import trade_off
from configurator.planning.margins import margins_of
from configurator.planning.models import ManufacturingOperation, ScheduleEvent
from configurator.planning.simulations import Setting, Tried, adopt, request_simulation, simulation

pytestmark = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
POLICIES = (Tried(0, moving=True, improve=False), Tried(240, moving=False, improve=False))


@pytest.fixture
def wuxi(house) -> int:
    with db.reading() as session:
        return next(plant.id for plant in plants_of(session, house) if plant.code == "wuxi")


def stored():
    """The schedule as it stands: a simulation changes nothing of it."""
    with db.reading() as session:
        rows = session.exec(select(ManufacturingOperation)).all()
        events = session.exec(select(ScheduleEvent.id)).all()
        return [(row.id, row.line_id, row.starts_at, row.ends_at, row.state) for row in rows], len(events)


def found(house, job_id):
    with db.reading() as session:
        return simulation(session, house, job_id)


def test_policies_are_played_from_the_book_and_a_buffer_is_adopted(house, wuxi, login):
    before = stored()
    job_id = request_simulation(house, Setting(wuxi, 1, spread=10, breakdowns=0), POLICIES)
    assert run_job(job_id) == "done"
    done = found(house, job_id)
    assert done.state == JobState.DONE and [one.tried for one in done.outcomes] == list(POLICIES)
    assert done.arrivals > 0 and done.standing > 0
    bare, careful = done.outcomes
    assert bare.promised + bare.refused == careful.promised + careful.refused == done.arrivals
    assert careful.lead[0] > bare.lead[0] and 0 < bare.load < 1  # who is promised four hours later is told so
    chart = trade_off(done.outcomes)
    assert chart.points[0].x < chart.points[1].x  # a later promise is to the right
    assert all(chart.left <= p.x <= chart.right and chart.top <= p.y <= chart.bottom for p in chart.points)
    assert stored() == before
    page = f"/planning/simulations/{job_id}"
    text = login("planner").get(f"{page}?lang=en").text
    assert "Buffer 0 min" in text and "Buffer 4 h · nobody gives way · no search" in text and "<circle" in text
    assert login("planner").post(f"{page}/1/adopt").status_code == 303
    with db.reading() as session:
        assert margins_of(session, house).buffer == 240
    assert login("planner").post(f"{page}/2/adopt").status_code == 404


def test_a_simulation_that_is_cancelled_keeps_what_was_played_to_the_end(house, wuxi, monkeypatch):
    job_id = request_simulation(house, Setting(wuxi, 1, 0, 0), POLICIES)
    play, played = simulations.play, []

    def cancelled_in_the_second(*args, stop, **more):
        if played:  # somebody cancels while the second one is played
            return play(*args, stop=lambda: True, **more) if not stop_now(stop) else None
        played.append(play(*args, stop=stop, **more))
        return played[0]

    def stop_now(stop):
        stop.__self__.set()
        return False

    monkeypatch.setattr(simulations, "play", cancelled_in_the_second)
    run_job(job_id)
    done = found(house, job_id)
    assert done.state == JobState.CANCELLED and len(done.outcomes) == 1
    with pytest.raises(NotFound):
        adopt(house, job_id, 1)


def test_one_that_waits_is_cancelled_at_once_and_nobody_elses_is_seen(house, wuxi, login):
    job_id = request_simulation(house, Setting(wuxi, 1, 0, 0), POLICIES)
    assert login("buyer").get(f"/planning/simulations/{job_id}").status_code == 403
    with db.reading() as session, pytest.raises(NotFound):
        simulation(session, house + 1, job_id)
    assert login("planner").post(f"/planning/simulations/{job_id}/cancel").status_code == 303
    assert found(house, job_id).state == JobState.CANCELLED
    with db.writing() as session, pytest.raises(StateRefused):
        request_cancel(session, house, job_id)


def test_wrong_input_is_answered_at_its_field_and_keeps_what_was_typed(house, wuxi, login):
    planner = login("planner")
    typed = {"plant": str(wuxi), "weeks": "1", "spread": "95", "breakdowns": "0.5", "policies-1-buffer": "77"}
    answer = planner.post("/planning/simulations?lang=en", data=typed)
    assert answer.status_code == 422 and "Choose from 0 to 90." in answer.text
    assert 'value="95"' in answer.text and 'value="77"' in answer.text
    none = planner.post("/planning/simulations?lang=en", data=typed | {"spread": "5", "policies-1-buffer": ""})
    assert none.status_code == 422 and "Give at least one policy a buffer." in none.text
    assert planner.post("/planning/margins", data={"buffer": "-1", "grace": "x", "near": "5"}).status_code == 422
    with db.reading() as session:
        assert margins_of(session, house).buffer == 60
