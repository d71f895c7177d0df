"""A catalog file is analysed as a job, read as a report, then published or discarded; before, nothing is in force."""

from __future__ import annotations

import io
from collections.abc import Callable
from threading import Event, Thread
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlmodel import select

from catalog.problems import Refused
from catalog.products import ProductRevision
from catalog.uvl import read_uvl
from configurator import db
from configurator.audit import AuditEvent
from configurator.auth import Role
from configurator.errors import NotFound, StateRefused
from configurator.jobs import Job, JobContext, JobState, run_job
from configurator.modelling import analyses, printed, submissions
from configurator.modelling.models import Submission, SubmissionState
from configurator.modelling.services import load_file
from tests.catalog.small import LAMP, broken, section

pytestmark = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)

Login = Callable[..., FlaskClient]
ODD = broken("=> shade.small\n", "=> shade.small\n    - {id: again, text: {zh: 再说, en: Once more.}, "
             "expression: height > 45 => shade.small}\n    - {id: no_felt, text: {zh: 无毡, en: No felt.}, "
             "expression: not feet.felt}\n")  # fmt: skip


def revisions() -> list[int]:
    with db.reading() as session:
        return list(session.exec(select(ProductRevision.number).order_by(ProductRevision.number)))


def handed_in(company_id: int, text: str, **more: Any) -> submissions.SubmissionView:
    """Handed in and analysed."""
    found = submissions.submit(company_id, "lamp.yaml", text.encode(), actor_id=None, seconds=30, **more)
    run_job(found.job_id or 0)
    return submissions.submission(company_id, found.id)


def test_the_report_says_what_the_rules_leave_and_nothing_is_in_force(company_id: int) -> None:
    found = handed_in(company_id, ODD)
    assert found.is_over and found.job_state is JobState.DONE and not found.is_refused
    (product,) = found.report["products"]  # type: ignore[index]
    analysis = product["analysis"]
    assert [row["option"]["en"] for row in analysis["dead"]["rows"]] == ["Feet: Felt"]
    assert [row["proof"]["rules"][0]["zh"] for row in analysis["dead"]["rows"]] == ["无毡"]
    assert [row["rule"]["id"] for row in analysis["redundant"]["rows"]] == ["again"]
    assert int(analysis["variants"]["exact"]) > 10
    assert product["review"]["faults"]["total"] == 0 and product["difference"] is None
    assert revisions() == []


def test_publishing_afterwards_makes_the_revision_and_notes_who_did_it(company_id: int) -> None:
    found = handed_in(company_id, ODD)
    loaded = submissions.publish(company_id, found.id, actor_id=None)
    assert loaded.product is not None and loaded.product.published and revisions() == [1]
    assert submissions.submission(company_id, found.id).state is SubmissionState.PUBLISHED
    with pytest.raises(StateRefused):
        submissions.publish(company_id, found.id, actor_id=None)
    with pytest.raises(StateRefused):
        submissions.discard(company_id, found.id, actor_id=None)
    with db.reading() as session:
        assert session.exec(select(AuditEvent.action).order_by(AuditEvent.id)).all() == [
            "catalog.submitted", "catalog.loaded",
        ]
        assert session.get_one(Submission, found.id).data == b""


def test_a_discarded_file_leaves_nothing(company_id: int) -> None:
    found = handed_in(company_id, LAMP)
    submissions.discard(company_id, found.id, actor_id=None)
    with pytest.raises(StateRefused):
        submissions.publish(company_id, found.id, actor_id=None)
    assert revisions() == []


def test_a_file_with_faults_is_told_by_line_and_cannot_be_published(company_id: int) -> None:
    found = handed_in(company_id, broken("=> shade.small\n", "=> shade.smal\n"))
    assert found.is_refused and found.report["refused"][0]["field"].startswith("product.rules")  # type: ignore[index]
    with pytest.raises(Refused):
        submissions.publish(company_id, found.id, actor_id=None)
    assert submissions.submission(company_id, found.id).state is SubmissionState.OPEN
    assert revisions() == []


def test_all_the_rules_of_a_void_file_are_told(company_id: int) -> None:
    text = broken("=> shade.small\n", "=> shade.small\n"
                  "    - {id: a, text: {zh: 甲, en: A}, expression: colour.red}\n"
                  "    - {id: b, text: {zh: 乙, en: B}, expression: colour.blue}\n"
                  "    - {id: c, text: {zh: 丙, en: C}, expression: height < 20}\n"
                  "    - {id: d, text: {zh: 丁, en: D}, expression: height > 30}\n")  # fmt: skip
    found = handed_in(company_id, text)
    quarrels = [[rule["id"] for rule in row["rules"]] for row in found.report["void"]["contradictions"]["rows"]]  # type: ignore[index]
    assert found.is_refused and sorted(quarrels) == [["a", "b"], ["c", "d"]]


def test_a_new_revision_is_compared_with_the_published_one(company_id: int) -> None:
    load_file(company_id, LAMP.encode(), actor_id=None)
    found = handed_in(company_id, broken("height > 40 => shade.small", "height > 30 => shade.small"))
    difference = found.report["products"][0]["difference"]  # type: ignore[index]
    assert difference["same"] is False
    assert [row["rule"]["id"] for row in difference["only_old"]["rows"]] == ["stable"]
    assert int(difference["new_variants"]["exact"]) < int(difference["old_variants"]["exact"])


def test_prices_alone_are_reviewed_against_the_published_product(company_id: int) -> None:
    load_file(company_id, LAMP.encode(), actor_id=None)
    text = section("prices").replace("amount: 0.125 * height", "amount: 100 / (height - 45)")
    found = handed_in(company_id, text)
    (product,) = found.report["products"]  # type: ignore[index]
    assert product["analysis"] is None
    (fault,) = product["review"]["faults"]["rows"]
    assert fault["field"] == "prices.items[tall].amount" and fault["line"] == text.splitlines().index(
        next(line for line in text.splitlines() if "id: tall" in line)
    ) + 1


def test_an_analysis_that_is_stopped_keeps_what_it_found_and_publishes_nothing(
    company_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, seen = Event(), []
    original = analyses.analyse

    def slowly(*arguments: Any, report: Any, stop: Any, **more: Any) -> Any:
        def told(progress: Any) -> None:
            report(progress)
            seen.append(progress.step)
            begun.set()
            if len(seen) == 3:
                wait_for(stop)

        return original(*arguments, report=told, stop=stop, **more)

    monkeypatch.setattr(analyses, "analyse", slowly)
    found = submissions.submit(company_id, "lamp.yaml", ODD.encode(), actor_id=None, seconds=30)
    thread = Thread(target=run_job, args=(found.job_id,))
    thread.start()
    assert begun.wait(20)
    assert not submissions.submission(company_id, found.id).is_over
    submissions.cancel(company_id, found.id)
    thread.join(30)
    after = submissions.submission(company_id, found.id)
    assert after.job_state is JobState.CANCELLED and after.report is not None
    assert after.report["products"][0]["analysis"]["stopped"]
    assert revisions() == []
    with pytest.raises(StateRefused):
        submissions.cancel(company_id, found.id)


def test_a_compilation_that_is_stopped_leaves_nothing(company_id: int, monkeypatch: pytest.MonkeyPatch) -> None:
    begun = Event()
    original = analyses.compile_problem

    def slowly(problem: Any, *, stop: Any, **more: Any) -> Any:
        begun.set()
        wait_for(stop)
        return original(problem, stop=stop, **more)

    monkeypatch.setattr(analyses, "compile_problem", slowly)
    found = submissions.submit(company_id, "lamp.yaml", LAMP.encode(), actor_id=None, seconds=30)
    thread = Thread(target=run_job, args=(found.job_id,))
    thread.start()
    assert begun.wait(20)
    submissions.cancel(company_id, found.id)
    thread.join(30)
    after = submissions.submission(company_id, found.id)
    assert after.job_state is JobState.CANCELLED and after.is_over and after.report is None
    assert revisions() == []


def test_a_report_says_what_compiling_found(company_id: int) -> None:
    found = handed_in(company_id, LAMP)
    facts = found.report["products"][0]["facts"]  # type: ignore[index]
    assert facts["variables"] > 0 and sum(facts["parts"].values()) > 0
    (line,) = [one for one in printed.lines_of(found.report, "lamp.yaml") if "compiled in" in one]  # type: ignore[arg-type]
    assert f"{facts['variables']} questions" in line


def wait_for(stop: Callable[[], bool]) -> None:
    from time import monotonic, sleep

    due = monotonic() + 20
    while not stop() and monotonic() < due:
        sleep(0.05)


def test_a_worker_that_died_after_the_report_does_not_write_it_again(company_id: int) -> None:
    found = handed_in(company_id, LAMP)
    with db.writing() as session:
        session.get_one(Submission, found.id).report = {"marked": True}
    context = JobContext(job_id=found.job_id or 0, company_id=company_id, arguments={"submission_id": found.id})
    submissions.analyse_submission(context)
    with db.reading() as session:
        assert session.get_one(Submission, found.id).report == {"marked": True}


def test_it_cannot_be_published_while_it_is_analysed(company_id: int) -> None:
    found = submissions.submit(company_id, "lamp.yaml", LAMP.encode(), actor_id=None)
    with pytest.raises(submissions.StillAnalysed):
        submissions.publish(company_id, found.id, actor_id=None)


def test_a_file_of_another_company_is_not_found(company_id: int, other_company: int) -> None:
    found = submissions.submit(company_id, "lamp.yaml", LAMP.encode(), actor_id=None)
    for deed in (submissions.submission, submissions.cancel):
        with pytest.raises(NotFound):
            deed(other_company, found.id)
    with pytest.raises(NotFound):
        submissions.publish(other_company, found.id, actor_id=None)
    with pytest.raises(NotFound):
        submissions.submission_by_token(other_company, found.token)


@pytest.fixture
def other_company(company_id: int) -> int:
    from catalog.rows import Company

    with db.writing() as session:
        row = Company(code="other", name="Other", zone="Europe/Berlin", currency="EUR")
        session.add(row)
        session.flush()
        return row.id or 0


# --- pages ----------------------------------------------------------------------------------------------------------


def upload(client: FlaskClient, text: str) -> Any:
    data = {"file": (io.BytesIO(text.encode()), "lamp.yaml")}
    return client.post("/modelling/submissions", data=data, content_type="multipart/form-data")


def test_from_the_file_to_the_report_to_the_revision(login: Login) -> None:
    client = login(Role.MODELLER)
    address = upload(client, ODD).location
    waiting = client.get(address).text
    assert "Waiting for a free worker" in waiting and 'action="/modelling/submissions/1/cancel"' in waiting
    assert "Publish it?" not in waiting
    assert client.get(address, headers={"HX-Request": "true"}).text.lstrip().startswith("<div")
    assert "Not decided" in client.get("/modelling/").text
    with db.reading() as session:
        (job,) = session.exec(select(Job)).all()
    run_job(job.id or 0)
    assert client.get(address, headers={"HX-Request": "true"}).headers["HX-Refresh"] == "true"
    page = client.get(address).text
    for words in ("Publish it?", "Feet: Felt", "No felt.", "Once more.", "Rules that change nothing", "proved"):
        assert words in page, words
    chinese = client.get(f"{address}?lang=zh").text
    assert "无毡" in chinese and "脚垫：毛毡" in chinese
    client.get(f"{address}?lang=en")
    rules = client.get(f"{address}/rules.uvl")
    assert f'href="{address}/rules.uvl"' in page
    assert rules.headers["Content-Disposition"] == 'attachment; filename="lamp.uvl"'
    assert {"shade", "rubber"} <= read_uvl(rules.text).features.keys()
    answer = client.post(f"{address}/publish")
    assert answer.status_code == 303
    assert "revision 1 is published" in client.get("/modelling/").text
    assert "This file was published" in client.get(address).text
    assert client.get(f"{address}/rules.uvl").status_code == 404  # its data are gone
    assert client.post(f"{address}/publish").status_code == 303  # told, not done again
    assert revisions() == [1]


def test_a_refused_file_shows_its_faults_and_no_button_to_publish(login: Login) -> None:
    client = login(Role.MODELLER)
    address = upload(client, broken("=> shade.small\n", "=> shade.smal\n")).location
    with db.reading() as session:
        (job,) = session.exec(select(Job)).all()
    run_job(job.id or 0)
    page = client.get(address).text
    assert "shade.smal does not exist" in page and "It cannot be published as it is" in page
    assert f'action="{address}/publish"' not in page and f'action="{address}/discard"' in page
    assert client.post(f"{address}/publish").status_code == 422
    assert client.post(f"{address}/discard").status_code == 303


def test_an_analysis_that_failed_leaves_the_choice(login: Login, monkeypatch: pytest.MonkeyPatch) -> None:
    client = login(Role.MODELLER)
    address = upload(client, LAMP).location

    def fails(*_arguments: Any, **_more: Any) -> Any:
        raise RuntimeError("lightning")

    monkeypatch.setattr(submissions, "analysed", fails)
    with db.reading() as session:
        (job,) = session.exec(select(Job)).all()
    run_job(job.id or 0)
    page = client.get(address).text
    assert "The analysis did not work" in page and "lightning" not in page
    assert client.post(f"{address}/publish").status_code == 303 and revisions() == [1]


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.MODELLER])
def test_only_modellers_come_in(login: Login, role: Role) -> None:
    client = login(role)
    assert upload(client, LAMP).status_code == 403
    assert client.get("/modelling/submissions/1").status_code == 403


def test_a_form_without_a_file_says_so(login: Login) -> None:
    answer = login(Role.MODELLER).post("/modelling/submissions", data={})
    assert answer.status_code == 422 and "Please choose a file." in answer.text
