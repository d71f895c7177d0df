"""Catalog files that were handed in: analysed in the background, then published or discarded."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask_babel import lazy_gettext as _l
from sqlalchemy.orm import defer
from sqlmodel import Session, col, select

from catalog.document import read_document
from catalog.load import Loaded
from catalog.products import ProductContent
from catalog.rows import Company
from catalog.uvl_export import write_uvl
from configurator import audit, db
from configurator.errors import DomainError, NotFound
from configurator.jobs import Job, JobContext, JobState, enqueue, handler, request_cancel
from configurator.modelling import services
from configurator.modelling.analyses import SECONDS, analysed
from configurator.modelling.models import Submission, SubmissionState, move
from solver.configuration.compile import Cancelled

KIND = "analyse"
SHOWN = 10  # of the newest, in the list


class StillAnalysed(DomainError):
    """The analysis has not ended; it can be stopped."""

    code, status = "still_analysed", 409
    words = _l("The analysis is still running. Please wait for it, or stop it.")


@dataclass(frozen=True, slots=True)
class SubmissionView:
    """A file as its page shows it. `job_state`: of its analysis; `step` and `share`: how far that is.

    `zone` is the company's. `report`: see `analyses.analysed`; None until the analysis has ended.
    """

    id: int
    token: str
    filename: str
    state: SubmissionState
    job_id: int | None
    job_state: JobState
    step: str
    share: float
    stopping: bool
    report: dict[str, Any] | None
    created_at: datetime
    decided_at: datetime | None
    zone: str

    @property
    def is_over(self) -> bool:
        """Whether the analysis has ended in some way."""
        return self.report is not None or self.job_state.is_over

    @property
    def has_rules(self) -> bool:
        """Whether nobody has decided about the file yet, and it is good and has a product's options and rules."""
        if self.state is not SubmissionState.OPEN or self.report is None or self.is_refused:
            return False
        return any(part["section"] == "product" for part in self.report["sections"])

    @property
    def is_refused(self) -> bool:
        """Whether the file has faults, so that it cannot be published."""
        return self.report is not None and bool(self.report["refused"])


def submit(
    company_id: int, filename: str, data: bytes, *, actor_id: int | None, seconds: float = SECONDS
) -> SubmissionView:
    """Hand in a file; its analysis is asked for in the same transaction."""
    with db.writing() as session:
        submission = Submission(
            company_id=company_id, filename=filename[:200], data=data, sha256=hashlib.sha256(data).hexdigest(),
            created_by=actor_id,
        )
        session.add(submission)
        session.flush()
        job = enqueue(
            session, company_id, KIND, created_by=actor_id, submission_id=submission.id, seconds=seconds
        )
        submission.job_id = job.id
        session.flush()
        audit.record(session, company_id, "catalog.submitted", "submission", submission.id, actor_id=actor_id)
        return _view(session, submission)


@handler(KIND)
def analyse_submission(context: JobContext) -> dict[str, Any]:
    """The job: analyse the file, keep the report beside it. What was found until it was stopped is kept."""
    submission_id = int(context.arguments["submission_id"])
    with db.reading() as session:
        submission = session.get_one(Submission, submission_id)
        if submission.report is not None or submission.state != SubmissionState.OPEN:
            return {"submission_id": submission_id}  # a worker died after it had written it
        data = submission.data
    try:
        report = analysed(
            context.company_id, data, seconds=float(context.arguments.get("seconds", SECONDS)),
            told=lambda step, share: context.report(step=step, share=round(share, 3)), stop=context.stop.is_set,
        )  # fmt: skip
    except Cancelled:  # before there was anything to say
        return {"submission_id": submission_id}
    with db.writing() as session:
        row = db.lock_row(session, Submission, submission_id)
        assert row is not None
        if row.state == SubmissionState.OPEN:
            row.report, row.job_id = report, context.job_id
    return {"submission_id": submission_id}


def submission(company_id: int, submission_id: int) -> SubmissionView:
    """A file by its id; raises NotFound."""
    with db.reading() as session:
        return _view(session, _read(session, company_id, submission_id))


def submission_by_token(company_id: int, token: str) -> SubmissionView:
    """A file by its unguessable token; raises NotFound."""
    with db.reading() as session:
        row = session.exec(
            select(Submission).where(Submission.company_id == company_id, Submission.token == token)
        ).one_or_none()
        if row is None:
            raise NotFound(field="token")
        return _view(session, row)


def newest(company_id: int) -> tuple[SubmissionView, ...]:
    """The files that were handed in last, without their reports."""
    with db.reading() as session:
        rows = session.exec(
            select(Submission).where(Submission.company_id == company_id).order_by(col(Submission.id).desc())
            .limit(SHOWN).options(defer(Submission.data), defer(Submission.report))  # type: ignore[arg-type]
        ).all()
        return tuple(_view(session, row, whole=False) for row in rows)


def cancel(company_id: int, submission_id: int) -> None:
    """Stop the analysis; what it has found is kept. Raises NotFound, or StateRefused once it has ended."""
    with db.writing() as session:
        row = _read(session, company_id, submission_id)
        if row.job_id is None:
            raise NotFound(field="job")
        request_cancel(session, company_id, row.job_id)


def publish(company_id: int, submission_id: int, *, actor_id: int | None) -> Loaded:
    """Publish what is new in the file, checked against what is published now.

    Raises NotFound, StillAnalysed, StateRefused once it was decided, Outdated, and catalog.problems.Refused.
    """
    with db.reading() as session:
        row = _read(session, company_id, submission_id)
        if row.state == SubmissionState.OPEN and not _view(session, row).is_over:
            raise StillAnalysed(field="job")
        data = row.data

    def decide(session: Session) -> None:
        _decide(session, company_id, submission_id, SubmissionState.PUBLISHED, actor_id)

    if row.state != SubmissionState.OPEN:
        move(row, SubmissionState.PUBLISHED, actor_id)  # raises: it was decided
    return services.load_file(company_id, data, actor_id=actor_id, also=decide)


def discard(company_id: int, submission_id: int, *, actor_id: int | None) -> None:
    """Do not publish it; an analysis under way is stopped. Raises NotFound, StateRefused once it was decided."""
    with db.writing() as session:
        row = _decide(session, company_id, submission_id, SubmissionState.DISCARDED, actor_id)
        job = session.get(Job, row.job_id) if row.job_id is not None else None
        if job is not None and not JobState(job.state).is_over:
            request_cancel(session, company_id, job.id or 0)
        audit.record(session, company_id, "catalog.discarded", "submission", submission_id, actor_id=actor_id)


def rules_as_uvl(company_id: int, submission_id: int) -> tuple[str, str]:
    """The code of the product in an open, good file, and its options and rules as UVL.

    Raises NotFound if there is none, or the file is gone because it was decided.
    """
    with db.reading() as session:
        row = _read(session, company_id, submission_id)
        if not _view(session, row).has_rules:
            raise NotFound(field="product")
        data = row.data
    content = ProductContent.from_data(read_document(data).data["product"])
    return content.code, write_uvl(content)


def _decide(
    session: Session, company_id: int, submission_id: int, state: SubmissionState, actor_id: int | None
) -> Submission:
    _read(session, company_id, submission_id)
    row = db.lock_row(session, Submission, submission_id)
    assert row is not None
    move(row, state, actor_id)
    row.data = b""  # what was published stands in its revisions
    return row


def _read(session: Session, company_id: int, submission_id: int) -> Submission:
    row = session.get(Submission, submission_id)
    if row is None or row.company_id != company_id:
        raise NotFound(field="submission")
    return row


def _view(session: Session, row: Submission, *, whole: bool = True) -> SubmissionView:
    job = session.get(Job, row.job_id) if row.job_id is not None else None
    progress = job.progress if job is not None else {}
    return SubmissionView(
        id=db.id_of(row), token=row.token, filename=row.filename, state=SubmissionState(row.state), job_id=row.job_id,
        job_state=JobState(job.state) if job is not None else JobState.DONE, step=str(progress.get("step", "")),
        share=float(progress.get("share", 0.0)), stopping=bool(job and job.cancel_requested),
        report=row.report if whole else None, created_at=row.created_at, decided_at=row.decided_at,
        zone=session.get_one(Company, row.company_id).zone,
    )
