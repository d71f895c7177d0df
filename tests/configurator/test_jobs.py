"""Background work: seen while it runs, stopped when asked, done although its worker was killed, done once."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlmodel import select

from configurator import db, jobs
from configurator.errors import StateRefused
from configurator.jobs import (
    JOB_TRANSITIONS,
    Job,
    JobContext,
    JobState,
    enqueue,
    handler,
    move,
    request_cancel,
    run_job,
)

ROOT = Path(__file__).parent.parent.parent


@handler("add")
def _add(context: JobContext) -> dict[str, int]:
    context.report(seen=1)
    return {"sum": context.arguments["a"] + context.arguments["b"]}


@handler("break")
def _break(context: JobContext) -> dict[str, int]:
    raise ValueError("no such line")


@handler("wait to be stopped")
def _wait(context: JobContext) -> dict[str, int]:
    with db.writing() as session:
        request_cancel(session, context.company_id, context.job_id)
    assert context.stop.wait(10)
    return {"found": 7}


def _ask(company_id: int, kind: str, **arguments: object) -> int:
    with db.writing() as session:
        return db.id_of(enqueue(session, company_id, kind, **arguments))


def _row(job_id: int) -> Job:
    with db.reading() as session:
        return session.get_one(Job, job_id)


def test_a_job_keeps_its_progress_and_its_result(database: db.Database, company_id: int) -> None:
    job_id = _ask(company_id, "add", a=2, b=3)
    assert run_job(job_id) == "done"
    row = _row(job_id)
    assert (row.state, row.result, row.progress, row.error) == ("done", {"sum": 5}, {"seen": 1}, None)
    assert row.started_at is not None
    assert row.ended_at is not None


@pytest.mark.parametrize("kind", ["break", "a kind that nobody does"])
def test_a_job_that_breaks_says_why(database: db.Database, company_id: int, kind: str) -> None:
    job_id = _ask(company_id, kind)
    assert run_job(job_id) == "failed"
    row = _row(job_id)
    assert row.state == "failed"
    assert row.error
    assert ("no such line" in row.error) or (kind in row.error)


def test_a_job_that_is_asked_to_stop_keeps_what_it_found(database: db.Database, company_id: int) -> None:
    job_id = _ask(company_id, "wait to be stopped")
    run_job(job_id)
    row = _row(job_id)
    assert (row.state, row.result) == ("cancelled", {"found": 7})


def test_a_job_that_has_not_begun_is_cancelled_at_once_and_never_begins(database: db.Database, company_id: int) -> None:
    job_id = _ask(company_id, "add", a=2, b=3)
    with db.writing() as session:
        request_cancel(session, company_id, job_id)
    assert _row(job_id).state == "cancelled"
    assert run_job(job_id) == "skipped"
    assert _row(job_id).result == {}


def test_nobody_cancels_a_job_of_another_company_or_one_that_has_ended(database: db.Database, company_id: int) -> None:
    job_id = _ask(company_id, "add", a=2, b=3)
    with pytest.raises(StateRefused), db.writing() as session:
        request_cancel(session, company_id + 1, job_id)
    run_job(job_id)
    with pytest.raises(StateRefused), db.writing() as session:
        request_cancel(session, company_id, job_id)
    assert _row(job_id).state == "done"


@pytest.mark.parametrize("before", JobState)
@pytest.mark.parametrize("after", JobState)
def test_states_move_only_as_the_table_says(before: JobState, after: JobState) -> None:
    job = Job(company_id=1, kind="add", state=before)
    if after in JOB_TRANSITIONS[before]:
        move(job, after)
        assert job.state == after
    else:
        with pytest.raises(StateRefused):
            move(job, after)
        assert job.state == before


def test_a_transaction_that_fails_asks_for_nothing(database: db.Database, company_id: int) -> None:
    with pytest.raises(RuntimeError), db.writing() as session:
        enqueue(session, company_id, "add", a=1, b=1)
        raise RuntimeError
    with db.reading() as session:
        assert session.exec(select(Job)).all() == []


# --- with a worker of its own process ---------------------------------------------------------------------------------


@contextmanager
def _worker(database: db.Database, folder: Path) -> Iterator["subprocess.Popen[bytes]"]:
    (folder / "ready").unlink(missing_ok=True)
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.configurator.job_worker", database.url, str(folder)], cwd=ROOT,
    )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _until(true: Callable[[], bool], what: str, seconds: float = 40) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.05)


def test_a_job_is_done_although_its_worker_was_killed(database: db.Database, company_id: int, tmp_path: Path) -> None:
    """The worker is killed in the middle. Nobody goes on (the negative control), until a worker starts again."""
    file = tmp_path / "lines"
    job_id = _ask(company_id, "write lines", file=str(file), steps=20)
    with _worker(database, tmp_path) as worker:
        _until(lambda: _row(job_id).progress.get("steps", 0) > 2, "some progress")
        worker.kill()
        worker.wait()
        assert _row(job_id).state == "running"
        lines = file.read_text()
    with _worker(database, tmp_path):
        _until(lambda: _row(job_id).state == "done", "done")
    assert lines == "started\n"
    assert file.read_text() == "started\nstarted\n"  # begun anew, once
    assert _row(job_id).result == {"steps": 20}


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
def test_a_worker_stops_a_running_job_when_asked_and_ends_when_told(
    database: db.Database, company_id: int, tmp_path: Path
) -> None:
    job_id = _ask(company_id, "write lines", file=str(tmp_path / "lines"), steps=100_000)
    with _worker(database, tmp_path) as worker:
        _until(lambda: _row(job_id).progress.get("steps", 0) > 2, "some progress")
        with db.writing() as session:
            request_cancel(session, company_id, job_id)
        _until(lambda: _row(job_id).state == "cancelled", "cancelled")
        assert _row(job_id).result["steps"] > 2
        again = _ask(company_id, "write lines", file=str(tmp_path / "lines"), steps=100_000)
        _until(lambda: _row(again).state == "running", "the next one runs")
        worker.terminate()
        assert worker.wait(15) == 0  # in the middle of a job, too
    assert _row(again).state == "running"  # it goes on when a worker starts again


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
def test_a_job_whose_work_ended_without_a_word_is_reported(
    database: db.Database, company_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Ended:
        status = "ERROR"

    job_id = _ask(company_id, "add", a=1, b=1)
    created = _row(job_id).created_at
    monkeypatch.setattr(jobs.DBOS, "get_workflow_status", lambda workflow_id: Ended())
    jobs._start(job_id)
    jobs._sweep({jobs._workflow_id(job_id, created)})
    assert _row(job_id).state == "failed"
