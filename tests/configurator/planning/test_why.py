"""Why an order is late, on its page, and what would help: the job, its answer, a remedy as a proposal."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlmodel import col, select

from catalog.factory import plants_of
from configurator import db
from configurator.errors import NotFound
from configurator.jobs import Job, JobContext, JobState
from configurator.planning.models import ManufacturingOrder, OrderState, Proposal, ProposalState
from configurator.planning.optimise import publish, snapshot
from configurator.planning.records import second
from configurator.planning.why import (
    RemedyOutdated,
    find_remedies,
    latest_search,
    propose,
    remedy_search,
    request_remedies,
    why,
)
from solver.scheduling.check import violations
from solver.scheduling.why import Reason, chain
from tests.configurator.planning.test_optimise import delay


@pytest.fixture
def wuxi(house) -> int:
    """A plant in which everything that is free was put off for a day."""
    with db.reading() as session:
        plant_id = next(plant.id for plant in plants_of(session, house) if plant.code == "wuxi")
    delay(plant_id)
    return plant_id


def late_order(plant_id: int, share: float = 0.5) -> int:
    """The open order that was put off for longest; it was wanted in a share of the time that it takes now.

    It keeps its promise, at whatever hour of the day that is.
    """
    with db.writing() as session:
        base = snapshot(session, plant_id)
        loose = [o for o in base.problem.orders if not any(step.id in base.problem.fixed for step in o.operations)]
        order = max(loose, key=lambda o: chain(base.problem, base.schedule, o.id).seconds(Reason.FREE))
        row = base.rows.orders[order.id]
        row.due_at = row.release_at + (row.completes_at - row.release_at) * share
        row.dispatch_at = max(row.dispatch_at, row.completes_at)
        row.work_order = {**row.work_order, "due": second(row.due_at), "promise": second(row.dispatch_at)}
        return db.id_of(row)


def searched(house: int, order_id: int, seconds: float = 3) -> int:
    job_id = request_remedies(house, order_id, seconds=seconds)
    answer = find_remedies(JobContext(job_id, house, {"order_id": order_id, "seconds": seconds}))
    with db.writing() as session:
        job = session.get_one(Job, job_id)
        job.state, job.result = JobState.DONE, answer
    return job_id


def test_the_shares_of_an_orders_time_sum_to_its_way(house, wuxi):
    order_id = late_order(wuxi)
    with db.reading() as session:
        row = session.get_one(ManufacturingOrder, order_id)
        found = why(session, house, order_id)
    assert found.wanted_at == row.due_at
    assert (found.late, found.ends_at) == (row.completes_at - row.due_at, row.completes_at)
    assert sum((share.span for share in found.shares), timedelta()) == found.ends_at - found.starts_at
    assert abs(sum((share.after for share in found.shares), timedelta()) - found.late) <= timedelta(seconds=1)
    assert sum(piece.width for piece in found.segments) == pytest.approx(1000, abs=0.5)
    assert {share.reason for share in found.shares} >= {Reason.WORK}
    assert 0 < found.due_x < 1000


def test_every_open_order_has_a_chain_and_a_made_one_has_none(house, wuxi):
    with db.reading() as session:
        for row in session.exec(select(ManufacturingOrder)).all():
            found = why(session, house, row.id)
            assert (found is None) == (row.state == OrderState.MADE)
        with pytest.raises(NotFound):
            why(session, house, 999_999)
        with pytest.raises(NotFound):
            why(session, house + 1, row.id)


def test_a_remedy_that_only_moves_operations_becomes_the_schedule(house, wuxi):
    order_id = late_order(wuxi, 0.8)
    job_id = searched(house, order_id)
    with db.reading() as session:
        found = remedy_search(session, house, job_id)
        assert latest_search(session, house, order_id) == found
        wanted = session.get_one(ManufacturingOrder, order_id).due_at
    move = next(remedy for remedy in found.remedies if remedy.proposable)
    assert move.enough
    assert move.completes_at <= wanted
    proposal_id = propose(house, job_id, move.position)
    with db.reading() as session:
        assert session.get_one(Proposal, proposal_id).state == ProposalState.PROPOSED
    publish(house, proposal_id)
    with db.reading() as session:
        assert session.get_one(ManufacturingOrder, order_id).completes_at <= wanted
        base = snapshot(session, wuxi)
        assert violations(base.problem, base.schedule) == ()
        assert remedy_search(session, house, job_id).outdated
    with pytest.raises(RemedyOutdated):
        propose(house, job_id, move.position)
    with pytest.raises(NotFound):
        propose(house, job_id, 99)
    with pytest.raises(NotFound):
        propose(house + 1, job_id, move.position)


def test_one_search_an_order_at_a_time_and_an_order_in_time_needs_none(house, wuxi):
    with db.reading() as session:
        row = session.exec(
            select(ManufacturingOrder).where(ManufacturingOrder.plant_id == wuxi)
            .where(ManufacturingOrder.state != OrderState.MADE)
            .order_by(col(ManufacturingOrder.due_at).desc())
        ).first()  # fmt: skip
    with db.writing() as session:
        later = session.get_one(ManufacturingOrder, row.id)
        later.due_at = later.dispatch_at = later.completes_at + timedelta(days=1)
    job_id = request_remedies(house, row.id)
    assert request_remedies(house, row.id) == job_id
    answer = find_remedies(JobContext(job_id, house, {"order_id": row.id}))
    assert answer["remedies"] == []
    with pytest.raises(NotFound):
        request_remedies(house + 1, row.id)


def test_the_pages_say_why_and_what_helps(house, wuxi, login):
    order_id = late_order(wuxi)
    planner = login("planner")
    page = planner.get(f"/planning/orders/{order_id}?lang=en").text
    assert f"/planning/orders/{order_id}/why" in page
    text = planner.get(f"/planning/orders/{order_id}/why?lang=en").text
    assert "after it is due, and keeps its promise" in text
    assert "Why it is late" not in text
    assert "Find what would help" in text
    assert "<html" not in planner.get(f"/planning/orders/{order_id}/why", headers={"HX-Request": "true"}).text
    started = planner.post(f"/planning/orders/{order_id}/remedies", headers={"HX-Request": "true"})
    assert "/cancel" in started.text
    with db.writing() as session:
        job = session.exec(select(Job).where(Job.kind == "remedies")).one()
        job_id = job.id
    ended = planner.post(f"/planning/remedies/{job_id}/cancel?lang=en", headers={"HX-Request": "true"}).text
    assert "Search again" in ended
    assert "Nothing that helps was found" in ended
    searched_id = searched(house, order_id)
    text = planner.get(f"/planning/orders/{order_id}/why?lang=en").text
    assert "Take it as a proposal" in text
    with db.writing() as session:
        row = session.get_one(ManufacturingOrder, order_id)
        row.completes_at += timedelta(minutes=1)
    assert "The schedule has changed" in planner.get(f"/planning/remedies/{searched_id}?lang=en").text
    buyer = login("buyer")
    for address in (f"/planning/orders/{order_id}/why", f"/planning/remedies/{job_id}"):
        assert buyer.get(address).status_code == 403
