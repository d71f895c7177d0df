"""The planner's board and the floor: who may see them, what they say, that a look changes nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from urllib.parse import quote

import pytest
from sqlmodel import col, select

from catalog.factory import Line, Plant
from catalog.rows import utc_now
from configurator import db
from configurator.planning import board
from configurator.planning.models import ManufacturingOperation, ManufacturingOrder, OperationState, Proposal
from configurator.planning.optimise import request_optimise, snapshot, store_proposal
from configurator.planning.records import evaluation_to_json
from configurator.planning.reports import finish_operation
from solver.scheduling.roll import RollingBook as Book
from solver.scheduling.schedule import Schedule, evaluate

PAGES = (
    "/planning/", "/planning/board.json?start={start}&end={end}", "/planning/operations", "/planning/orders/{order}",
    "/planning/find?number=1", "/floor/", "/floor/lines/{line}",
)


def window(days=5):
    """From two days ago on, as the board asks for it."""
    now = utc_now()
    start, end = now - timedelta(days=2), now + timedelta(days=days)
    return {"start": quote(start.isoformat()), "end": quote(end.isoformat())}


def some(table):
    with db.reading() as session:
        return session.exec(select(table).order_by(col(table.id))).first()


def addresses():
    return {**window(), "order": some(ManufacturingOrder).id, "line": some(Line).id}


@pytest.mark.parametrize("page", PAGES)
def test_a_buyer_sees_neither_board_nor_floor(house, login, client, page):
    page = page.format(**addresses())
    assert login("buyer").get(page).status_code == 403
    assert client.get(page).status_code in (302, 403)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_board_shows_plants_lines_and_late_orders(house, login, language):
    text = login("planner").get(f"/planning/?lang={language}").text
    with db.reading() as session:
        for plant in session.exec(select(Plant)).all():
            assert plant.name[language] in text
        late = board.late_orders(session, house)
    for order in late:
        assert order.number in text


def test_the_bars_are_the_stored_operations_of_the_window(house, login):
    asked = window()
    rows = login("planner").get("/planning/board.json?start={start}&end={end}".format(**asked)).json
    bars = {row["id"]: row for row in rows if "bar" in row["classNames"]}
    now = utc_now()
    with db.reading() as session:
        stored = [row for row in session.exec(select(ManufacturingOperation)).all()
                  if row.starts_at < now + timedelta(days=4) and row.ends_at > now - timedelta(hours=47)]
        lines = {line.id for line in session.exec(select(Line)).all()}
    assert stored and {str(row.id) for row in stored} <= set(bars)
    for row in stored:
        bar = bars[str(row.id)]
        assert datetime.fromisoformat(bar["start"]) == row.starts_at and bar["resourceIds"] == [str(row.line_id)]
        assert f"is-{row.state}" in bar["classNames"]
    on_lines = [row for row in rows if "is-transport" not in row["classNames"]]
    assert all(int(row["resourceIds"][0]) in lines for row in on_lines)
    kinds = {name for row in rows for name in row["classNames"] if "pause" in row["classNames"]}
    assert {"is-closed", "is-setup", "is-frozen", "is-downtime"} <= kinds


@pytest.mark.parametrize("query", [
    "", "?start=x&end=y",
    "?start=2026-01-02T00:00:00%2B00:00&end=2026-01-01T00:00:00%2B00:00",  # ends before it starts
    "?start=2026-01-01T00:00:00&end=2026-01-02T00:00:00",  # in no zone
])
def test_a_window_that_is_none_is_refused(house, login, query):
    assert login("planner").get(f"/planning/board.json{query}").status_code == 400


def test_a_window_is_at_most_three_weeks(house):
    now = utc_now()
    with db.reading() as session:
        found = board.window(session, house, now, now + timedelta(days=4000), now=now)
    assert found.ends_at - found.starts_at == timedelta(days=21)


def test_an_orders_page_shows_its_path_and_four_dates(house, login):
    order = some(ManufacturingOrder)
    client = login("planner")
    for headers in ({}, {"HX-Request": "true"}):
        text = client.get(f"/planning/orders/{order.id}?lang=en", headers=headers).text
        for word in ("Release", "Due", "Promise", order.number, order.pegging_key, "Check and pack"):
            assert word in text
        assert ("Forecast" in text) != ("Actual" in text)
        assert ("<html" in text) == (not headers)
    assert client.get("/planning/orders/999999").status_code == 404


@pytest.mark.parametrize(("asked", "found"), [
    ("{number}", True), ("{tail}", True), ("nothing like it", False), ("", False),
])
def test_an_order_is_found_by_its_number(house, login, asked, found):
    number = some(ManufacturingOrder).number
    answer = login("planner").get(
        "/planning/find", query_string={"number": asked.format(number=number.lower(), tail=number[-9:])})
    assert answer.status_code == 302
    assert ("order=" in answer.location) == found


def test_a_search_is_started_watched_and_stopped(house, login):
    plant = some(Plant)
    client = login("planner")
    text = client.post("/planning/optimise", data={"plant": plant.id}, headers={"HX-Request": "true"}).text
    assert "<progress" in text and "<html" not in text
    job_id = request_optimise(house, plant.id)  # the one under way
    assert client.get(f"/planning/jobs/{job_id}").status_code == 200
    assert client.post(f"/planning/jobs/{job_id}/cancel").status_code == 302
    text = client.get(f"/planning/jobs/{job_id}?lang=en").text
    assert "<progress" not in text and "No better schedule" in text
    assert client.post("/planning/optimise", data={}).status_code == 400
    assert client.get("/planning/jobs/999999").status_code == 404


@pytest.mark.parametrize("deed", ["publish", "discard"])
def test_a_proposal_is_compared_and_decided(house, login, deed):
    proposal_id = a_proposal(house)
    client = login("planner")
    text = client.get(f"/planning/proposals/{proposal_id}?lang=en").text
    assert "would move" in text and "Publish" in text and some(ManufacturingOrder).number[:8] in text
    assert client.get(f"/planning/?proposal={proposal_id}").status_code == 200
    address = "/planning/board.json?start={start}&end={end}&proposal={id}"
    rows = client.get(address.format(**window(18), id=proposal_id)).json
    assert any("is-new" in row["classNames"] for row in rows) and any("is-old" in row["classNames"] for row in rows)
    assert client.post(f"/planning/proposals/{proposal_id}/{deed}").status_code == 302
    assert client.post(f"/planning/proposals/{proposal_id}/publish", headers={"Accept": "text/html"}).status_code == 302
    with db.reading() as session:
        state = session.get_one(Proposal, proposal_id).state
    assert state == {"publish": "published", "discard": "discarded"}[deed]
    assert "would move" in client.get(f"/planning/proposals/{proposal_id}?lang=en").text


def a_proposal(company_id):
    """One operation of the last order a little later: worse, but the planner may publish what he likes to."""
    with db.reading() as session:
        plant_id = session.exec(select(Plant.id).where(Plant.code == "wuxi")).one()
        base = snapshot(session, plant_id)
    free = [key for key in base.rows.placements if key.endswith("/pack") and key not in base.problem.fixed]
    key = min(free, key=lambda key: base.rows.placements[key].start)
    placement = base.rows.placements[key]
    book = Book(base.problem, base.rows.placements)
    order = next(order for order in base.problem.orders if order.id == key.partition("/")[0])
    kept = {o.id: base.rows.placements[o.id] for o in order.operations if o.id != key}
    book.remove(order.id)
    later = book.quote(replace(order, release=placement.start + 3600), kept=kept)
    moved = next(p for p in later if p.operation == key)
    figures = evaluation_to_json(evaluate(base.problem, Schedule(base.rows.placements)))
    with db.writing() as session:
        proposal = Proposal(
            company_id=company_id, plant_id=plant_id, base_version=base.version, before=figures, after=figures,
            placements={key: [moved.line, moved.start, moved.end]})
        session.add(proposal)
        session.flush()
        return proposal.id


def test_what_moves_by_seconds_is_not_said_to_move_by_0_minutes(house, login):
    proposal_id = a_proposal(house)
    with db.writing() as session:
        proposal = session.get_one(Proposal, proposal_id)
        ((key, _there),) = proposal.placements.items()
        now = snapshot(session, proposal.plant_id).rows.placements[key]
        proposal.placements = {key: [now.line, now.start + 20, now.end + 20]}
    text = login("planner").get(f"/planning/proposals/{proposal_id}?lang=en").text
    assert "1 operation would move" in text and "0 min" not in text and "other line" not in text


def test_nothing_is_proposed_that_is_not_better(house):
    with db.reading() as session:
        base = snapshot(session, some(Plant).id)
    assert store_proposal(house, base, base.schedule, job_id=None, actor_id=None) == {"proposal_id": None}
    assert some(Proposal) is None


def test_looking_changes_nothing(house, login):
    client = login("planner", "operator")
    with db.reading() as session:
        before = [plant.schedule_version for plant in session.exec(select(Plant)).all()]
    for page in PAGES:
        assert client.get(page.format(**addresses())).status_code in (200, 302)
    with db.reading() as session:
        assert [plant.schedule_version for plant in session.exec(select(Plant)).all()] == before


# --- the floor --------------------------------------------------------------------------------------------------------


def a_ready_operation():
    """The next painting, after what runs on its line was finished."""
    with db.reading() as session:
        row = session.exec(select(ManufacturingOperation).where(
            ManufacturingOperation.operation == "coat", ManufacturingOperation.state == "planned",
        ).order_by(col(ManufacturingOperation.starts_at))).first()
        running = session.exec(select(ManufacturingOperation).where(
            ManufacturingOperation.line_id == row.line_id, ManufacturingOperation.state == "started")).all()
    for other in running:
        finish_operation(other.company_id, other.id)
    return row


def test_the_floor_starts_and_finishes_with_its_buttons(house, login):
    row = a_ready_operation()
    client = login("operator")
    address = f"/floor/lines/{row.line_id}"
    assert f"{address}/operations/{row.id}/start" in client.get(address).text
    assert client.post(f"{address}/operations/{row.id}/start").status_code == 302
    text = client.get(f"{address}?lang=en").text
    assert "Running since" in text and f"{address}/operations/{row.id}/finish" in text
    assert client.post(f"{address}/operations/{row.id}/finish").status_code == 302
    with db.reading() as session:
        assert session.get_one(ManufacturingOperation, row.id).state == OperationState.FINISHED


def test_what_waits_says_for_what_and_cannot_be_started(house, login):
    with db.reading() as session:
        row = session.exec(select(ManufacturingOperation).where(
            ManufacturingOperation.operation == "pack", ManufacturingOperation.state == "planned",
        ).order_by(col(ManufacturingOperation.starts_at).desc())).first()  # nothing before the last is made yet
    client = login("operator")
    client.post(f"/floor/lines/{row.line_id}/operations/{row.id}/start?lang=en")
    text = client.get(f"/floor/lines/{row.line_id}?lang=en").text
    assert "must be finished first" in text
    with db.reading() as session:
        assert session.get_one(ManufacturingOperation, row.id).state == OperationState.PLANNED


def test_a_start_without_the_forms_token_is_refused(house, login):
    row = a_ready_operation()
    answer = login("operator").post(f"/floor/lines/{row.line_id}/operations/{row.id}/start", csrf=False)
    assert answer.status_code == 400
    with db.reading() as session:
        assert session.get_one(ManufacturingOperation, row.id).state == OperationState.PLANNED


@pytest.mark.parametrize("role", ["planner", "sales", "buyer"])
def test_only_operators_report(house, login, role):
    row = a_ready_operation()
    assert login(role).post(f"/floor/lines/{row.line_id}/operations/{row.id}/start").status_code == 403


def test_an_empty_house_says_what_will_be_here(company_id, login):
    assert "No lines yet" in login("planner").get("/planning/?lang=en").text
    assert "No lines yet" in login("operator").get("/floor/?lang=en").text
