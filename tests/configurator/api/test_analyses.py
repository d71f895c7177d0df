"""A program has a catalog file analysed, follows it, stops it, and reads the report in its own language."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from sqlmodel import select

from configurator import db
from configurator.jobs import JobState, run_job
from configurator.modelling import submissions
from configurator.modelling.models import Submission
from tests.catalog.small import LAMP, broken

pytestmark = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)


@pytest.fixture
def password(login: Callable[..., FlaskClient]) -> tuple[str, str]:
    """A modeller's name and password."""
    return login("modeller").password  # type: ignore[attr-defined, no-any-return]


def test_it_is_followed_from_waiting_to_the_report(
    program: FlaskClient, company_id: int, password: tuple[str, str]
) -> None:
    found = submissions.submit(company_id, "lamp.yaml", LAMP.encode(), actor_id=None, seconds=30)
    address = f"/api/v1/analyses/{found.token}"
    waiting = program.get(address, auth=password).get_json()
    assert (waiting["analysis"], waiting["decision"], waiting["report"]) == ("queued", "open", None)
    run_job(found.job_id or 0)
    done = program.get(address, auth=password).get_json()
    assert done["analysis"] == "done" and done["report"]["products"][0]["code"] == "lamp"
    assert int(done["report"]["products"][0]["analysis"]["variants"]["exact"]) > 10


def test_sentences_are_in_the_language_of_the_request(
    program: FlaskClient, company_id: int, password: tuple[str, str]
) -> None:
    text = broken("amount: 0.125 * height", "amount: 0.125 * heigth")
    found = submissions.submit(company_id, "lamp.yaml", text.encode(), actor_id=None, seconds=30)
    run_job(found.job_id or 0)
    address = f"/api/v1/analyses/{found.token}"
    english, chinese = (
        program.get(address, headers={"Accept-Language": lang}, auth=password).get_json()["report"]["refused"][0]
        for lang in ("en", "zh")
    )
    assert english["what"] == "heigth does not exist" and english["field"] == "prices.items[tall].amount"
    assert chinese["what"] != english["what"] and "heigth" in chinese["what"]


def test_a_token_that_is_not_right_opens_nothing(
    program: FlaskClient, company_id: int, password: tuple[str, str]
) -> None:
    found = submissions.submit(company_id, "lamp.yaml", LAMP.encode(), actor_id=None)
    last = "_" if found.token[-1] != "_" else "-"
    for wrong in (found.token[:-1] + last, found.token[::-1], "1", str(found.id), "x" * 22):
        assert program.get(f"/api/v1/analyses/{wrong}", auth=password).status_code == 404


def test_a_program_hands_in_a_file_follows_it_and_stops_another(
    program: FlaskClient, password: tuple[str, str]
) -> None:
    sent = program.post("/api/v1/analyses", json={"filename": "lamp.yaml", "text": LAMP}, auth=password)
    assert sent.status_code == 202 and sent.get_json()["analysis"] == "queued"
    with db.reading() as session:
        row = session.exec(select(Submission)).one()
        assert (row.filename, row.data.decode()) == ("lamp.yaml", LAMP)
    run_job(row.job_id or 0)
    done = program.get(sent.headers["Location"], auth=password).get_json()
    assert (done["analysis"], done["decision"]) == ("done", "open")
    assert [one["code"] for one in done["report"]["products"]] == ["lamp"]

    other = program.post("/api/v1/analyses", json={"text": LAMP}, auth=password)
    address = f"{other.headers['Location']}/cancel"
    assert program.post(address, json={}, auth=password).get_json()["analysis"] == "cancelled"
    again = program.post(address, json={}, auth=password)
    assert (again.status_code, again.get_json()["error"]["code"]) == (409, "state_refused")


def test_only_a_modeller_hands_in_a_file_reads_its_analysis_or_stops_it(
    program: FlaskClient, login: Callable[..., FlaskClient], company_id: int
) -> None:
    modeller, planner = login("modeller"), login("planner")
    name, _ = modeller.password  # type: ignore[attr-defined]
    found = submissions.submit(company_id, "lamp.yaml", LAMP.encode(), actor_id=None)
    for address in ("/api/v1/analyses", f"/api/v1/analyses/{found.token}/cancel"):
        body = {"text": LAMP} if address.endswith("analyses") else {}
        for auth, status, code in (
            (None, 401, "login_required"),
            (planner.password, 403, "forbidden"),  # type: ignore[attr-defined]
            ((name, "a wrong password"), 401, "login_refused"),
        ):
            answer = program.post(address, json=body, auth=auth)
            assert (answer.status_code, answer.get_json()["error"]["code"]) == (status, code), (address, auth)
        assert modeller.post(address, json=body).status_code == 401  # a cookie is not read: another site could send it
    report = f"/api/v1/analyses/{found.token}"
    assert program.get(report).status_code == 401
    assert program.get(report, auth=planner.password).status_code == 403  # type: ignore[attr-defined]
    assert submissions.submission(company_id, found.id).job_state == JobState.QUEUED
    assert len(submissions.newest(company_id)) == 1


def test_passwords_cannot_be_tried_out(program: FlaskClient, login: Callable[..., FlaskClient]) -> None:
    name, right = login("modeller").password  # type: ignore[attr-defined]
    codes = [
        program.post("/api/v1/analyses", json={"text": LAMP}, auth=(name, f"wrong {k}")).status_code for k in range(11)
    ]
    assert codes[0] == 401 and codes[-1] == 429
    assert program.post("/api/v1/analyses", json={"text": LAMP}, auth=(name, right)).status_code == 429
