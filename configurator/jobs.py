"""Background work: a row in our database says what is wanted, the durable engine (DBOS) sees that it is done.

The web writes only the row, in the transaction of the deed. A worker sweeps rows that have no workflow yet and starts
one with the row's id, so a job is neither lost nor done twice; a killed worker's jobs go on when it starts again.
"""

import os
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, NoReturn

import structlog
from dbos import DBOS, SetWorkflowID
from sqlalchemy import JSON, CheckConstraint, Index, update
from sqlmodel import Field, Session, col, select

from catalog.rows import CompanyRow, UtcDateTime, company_keys, utc_now
from configurator import db
from configurator.config import Settings
from configurator.errors import NotFound, StateRefused

log = structlog.get_logger()
QUEUE = "jobs"
PROGRESS_SECONDS = 0.5
ENDED = ("SUCCESS", "ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED")  # how a workflow of the engine can end


class JobState(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_over(self) -> bool:
        """Whether nothing comes after it."""
        return not JOB_TRANSITIONS[self]


JOB_TRANSITIONS = {
    JobState.QUEUED: {JobState.RUNNING, JobState.CANCELLED, JobState.FAILED},
    JobState.RUNNING: {JobState.RUNNING, JobState.DONE, JobState.FAILED, JobState.CANCELLED},
    JobState.DONE: set(),
    JobState.FAILED: set(),
    JobState.CANCELLED: set(),
}


class Job(CompanyRow, table=True):
    """Background work that somebody asked for, with its progress and its result."""

    __table_args__ = company_keys(
        CheckConstraint("state in ('queued','running','done','failed','cancelled')", name="job_state_known"),
        Index("ix_job_state", "state"),
    )

    kind: str = Field(max_length=40)
    arguments: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    state: str = Field(default=JobState.QUEUED, max_length=20)
    progress: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    result: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    error: str | None = Field(default=None, max_length=2000)
    cancel_requested: bool = False
    created_by: int | None = None
    retried_by: int | None = None  # the job that does this one's work again
    created_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)
    started_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


@dataclass(slots=True)
class JobContext:
    """What a running job may use: its arguments, a stop signal that solvers obey, a place to report progress."""

    job_id: int
    company_id: int
    arguments: dict[str, Any]
    stop: threading.Event = field(default_factory=threading.Event)
    _latest: dict[str, Any] = field(default_factory=dict)

    def report(self, **progress: Any) -> None:
        """Show this in the page (written at most twice a second, by another thread)."""
        self._latest = progress


Handler = Callable[[JobContext], dict[str, Any]]
_handlers: dict[str, Handler] = {}


def handler(kind: str) -> Callable[[Handler], Handler]:
    """Mark the function that does jobs of this kind; it may be run again from its start after a crash."""

    def mark(function: Handler) -> Handler:
        _handlers[kind] = function
        return function

    return mark


def enqueue(session: Session, company_id: int, kind: str, *, created_by: int | None = None, **arguments: Any) -> Job:
    """Ask for background work, in the caller's transaction."""
    job = Job(company_id=company_id, kind=kind, arguments=arguments, created_by=created_by)
    session.add(job)
    session.flush()
    return job


def job_of(session: Session, company_id: int, job_id: int, kind: str) -> Job:
    """A company's job of this kind; raises NotFound."""
    job = session.get(Job, job_id)
    if job is None or job.company_id != company_id or job.kind != kind:
        raise NotFound(field="job")
    return job


def request_cancel(session: Session, company_id: int, job_id: int) -> Job:
    """Ask a job to stop; what it has found so far is kept. Raises StateRefused once it has ended."""
    job = db.lock_row(session, Job, job_id)
    if job is None or job.company_id != company_id or JobState(job.state).is_over:
        raise StateRefused(field="job")
    job.cancel_requested = True
    if job.state == JobState.QUEUED:
        move(job, JobState.CANCELLED)
    return job


def move(job: Job, state: JobState) -> None:
    """The only place that sets a job's state; raises StateRefused for a step that the table does not have."""
    if state not in JOB_TRANSITIONS[JobState(job.state)]:
        raise StateRefused(field="job")
    job.state = state
    if state == JobState.RUNNING:
        job.started_at = job.started_at or utc_now()
    else:
        job.ended_at = utc_now()


def run_job(job_id: int) -> str:
    """Do one job now, in this thread, with a companion that writes progress and watches for cancel."""
    context = _start(job_id)
    if context is None:
        return "skipped"
    over = threading.Event()
    companion = threading.Thread(target=_accompany, args=(context, over), daemon=True)
    companion.start()
    try:
        result = _handlers[_kind(job_id)](context)
    except Exception as error:  # whatever a job raises belongs into its row
        log.exception("job.failed", job=job_id)
        _finish(job_id, JobState.FAILED, {}, f"{type(error).__name__}: {error}")
        return "failed"
    finally:
        over.set()
        companion.join(timeout=5)
    _write_progress(context)
    _finish(job_id, JobState.CANCELLED if context.stop.is_set() else JobState.DONE, result, None)
    return "done"


def _kind(job_id: int) -> str:
    with db.reading() as session:
        return session.get_one(Job, job_id).kind


def _start(job_id: int) -> JobContext | None:
    with db.writing() as session:
        job = db.lock_row(session, Job, job_id)
        if job is None or JobState(job.state).is_over:
            return None
        move(job, JobState.RUNNING)
        context = JobContext(job_id=job_id, company_id=job.company_id, arguments=dict(job.arguments))
        if job.cancel_requested:  # a worker that died in the meantime left it running
            context.stop.set()
        return context


def _accompany(context: JobContext, over: threading.Event) -> None:
    written: dict[str, Any] = {}
    while not over.wait(PROGRESS_SECONDS):
        try:
            with db.reading() as session:
                if session.get_one(Job, context.job_id).cancel_requested:
                    context.stop.set()
            if context._latest is not written:
                written = context._latest
                _write_progress(context)
        except Exception:  # a locked database must not end the job; the next round tries again
            log.warning("job.progress_not_written", job=context.job_id, exc_info=True)


def _write_progress(context: JobContext) -> None:
    if context._latest:
        with db.writing() as session:
            session.execute(update(Job).where(Job.id == context.job_id).values(progress=context._latest))  # type: ignore[arg-type]


def _finish(job_id: int, state: JobState, result: dict[str, Any], error: str | None) -> None:
    with db.writing() as session:
        job = db.lock_row(session, Job, job_id)
        if job is not None and JOB_TRANSITIONS[JobState(job.state)]:
            move(job, state)
            job.result, job.error = result, error[:2000] if error else None


# --- the worker -------------------------------------------------------------------------------------------------------


@DBOS.step(name="run_job_step")
def _run_step(job_id: int) -> str:
    return run_job(job_id)


@DBOS.workflow(name="run_job")
def _run_workflow(job_id: int) -> str:
    return _run_step(job_id)


@dataclass(slots=True)
class Chore:
    """Something a worker does again and again, e.g. rolling the factory's clock."""

    name: str
    every_seconds: float
    do: Callable[[], object]
    next_at: float = 0.0


def work(settings: Settings, chores: list[Chore], stop: threading.Event) -> NoReturn:
    """Be a job worker until `stop`: start workflows for waiting rows, do the chores when they are due.

    Then the process ends, a job's thread in the middle of its work included: that job is not finished, so the next
    worker of this name begins it anew.
    """
    try:
        _work(settings, chores, stop)
    except Exception:
        log.exception("worker.failed")
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0 if stop.is_set() else 1)


def _work(settings: Settings, chores: list[Chore], stop: threading.Event) -> None:
    DBOS(config={
        "name": "configurator", "system_database_url": settings.jobs_database, "executor_id": settings.worker_name,
        "application_version": "1", "log_level": "WARNING", "enable_otlp": False,
    })
    DBOS.launch()
    DBOS.register_queue(QUEUE, worker_concurrency=1, polling_interval_sec=0.5)
    log.info("worker.ready", worker=settings.worker_name)
    swept: set[str] = set()
    try:
        while not stop.wait(0.5):
            _guarded("sweep", lambda: _sweep(swept))
            for chore in chores:
                if time.monotonic() >= chore.next_at:
                    chore.next_at = time.monotonic() + chore.every_seconds
                    _guarded(chore.name, chore.do)
    finally:
        DBOS.destroy(workflow_completion_timeout_sec=0)


def _workflow_id(job_id: int, created_at: datetime) -> str:
    """The instant keeps apart the rows of a restored or emptied database, whose ids begin again."""
    return f"job-{job_id}-{created_at.timestamp():.6f}"


def _sweep(swept: set[str]) -> None:
    """Start a workflow for every waiting row; the row's own workflow id makes a second start harmless."""
    with db.reading() as session:
        rows = session.exec(select(Job.id, Job.created_at).where(col(Job.state).in_(["queued", "running"]))).all()
    waiting = {_workflow_id(job_id, created_at): job_id for job_id, created_at in rows if job_id is not None}
    for workflow_id, job_id in waiting.items():
        if workflow_id not in swept:
            with SetWorkflowID(workflow_id):
                DBOS.enqueue_workflow(QUEUE, _run_workflow, job_id)
            swept.add(workflow_id)
        elif (status := DBOS.get_workflow_status(workflow_id)) is not None and status.status in ENDED:
            _finish(job_id, JobState.FAILED, {}, "The work ended without a result.")  # a no-op if the row has one
    swept &= set(waiting)


def _guarded(name: str, do: Callable[[], object]) -> None:
    """A chore that fails is logged and tried again; the worker lives."""
    try:
        do()
    except Exception:  # see above
        log.exception("worker.chore_failed", chore=name)
