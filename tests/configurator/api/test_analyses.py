"""A program reads the analysis of a catalog file by its token, in its own language, as the document describes it."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from configurator.jobs import run_job
from configurator.modelling import submissions
from tests.catalog.small import LAMP, broken

pytestmark = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)


def test_it_is_followed_from_waiting_to_the_report(program: FlaskClient, company_id: int) -> None:
    found = submissions.submit(company_id, "lamp.yaml", LAMP.encode(), actor_id=None, seconds=30)
    address = f"/api/v1/analyses/{found.token}"
    waiting = program.get(address).get_json()
    assert (waiting["analysis"], waiting["decision"], waiting["report"]) == ("queued", "open", None)
    run_job(found.job_id or 0)
    done = program.get(address).get_json()
    assert done["analysis"] == "done" and done["report"]["products"][0]["code"] == "lamp"
    assert int(done["report"]["products"][0]["analysis"]["variants"]["exact"]) > 10


def test_sentences_are_in_the_language_of_the_request(program: FlaskClient, company_id: int) -> None:
    text = broken("amount: 0.125 * height", "amount: 0.125 * heigth")
    found = submissions.submit(company_id, "lamp.yaml", text.encode(), actor_id=None, seconds=30)
    run_job(found.job_id or 0)
    address = f"/api/v1/analyses/{found.token}"
    (english,) = program.get(address, headers={"Accept-Language": "en"}).get_json()["report"]["refused"]
    (chinese,) = program.get(address, headers={"Accept-Language": "zh"}).get_json()["report"]["refused"]
    assert english["what"] == "heigth does not exist" and english["field"] == "prices.items[tall].amount"
    assert chinese["what"] != english["what"] and "heigth" in chinese["what"]


def test_a_token_that_is_not_right_opens_nothing(program: FlaskClient, company_id: int) -> None:
    found = submissions.submit(company_id, "lamp.yaml", LAMP.encode(), actor_id=None)
    last = "_" if found.token[-1] != "_" else "-"
    for wrong in (found.token[:-1] + last, found.token[::-1], "1", str(found.id), "x" * 22):
        assert program.get(f"/api/v1/analyses/{wrong}").status_code == 404
