"""A catalog file that was handed in: analysed as a job, then published or discarded by whoever reads the report."""

import secrets
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, CheckConstraint, Index, LargeBinary
from sqlmodel import Field

from catalog.rows import CompanyRow, UtcDateTime, company_keys, unique_in_company, utc_now
from configurator.errors import StateRefused


class SubmissionState(StrEnum):
    """Whether somebody has decided about a file that was handed in."""

    OPEN = "open"
    PUBLISHED = "published"
    DISCARDED = "discarded"


SUBMISSION_TRANSITIONS: dict[SubmissionState, frozenset[SubmissionState]] = {
    SubmissionState.OPEN: frozenset({SubmissionState.PUBLISHED, SubmissionState.DISCARDED}),
    SubmissionState.PUBLISHED: frozenset(),
    SubmissionState.DISCARDED: frozenset(),
}


class Submission(CompanyRow, table=True):
    """A catalog file on its way to being published, and what the analysis says of it.

    `report` is written once, when the analysis has ended; nothing of the file is in force before it is published.
    """

    __tablename__ = "submission"
    __table_args__ = company_keys(
        unique_in_company("token"),
        CheckConstraint("state in ('open', 'published', 'discarded')", name="submission_state_known"),
        CheckConstraint("(state = 'open') = (decided_at is null)", name="submission_decided_has_instant"),
        CheckConstraint("length(sha256) = 64", name="submission_sha256_length"),
        Index("ix_submission_created", "company_id", "created_at"),
        job_id="job",
    )

    token: str = Field(default_factory=lambda: secrets.token_urlsafe(16), max_length=40)
    filename: str = Field(max_length=200)
    data: bytes = Field(sa_type=LargeBinary)
    sha256: str = Field(max_length=64)
    state: str = Field(default=SubmissionState.OPEN, max_length=20)
    job_id: int | None = None
    report: dict[str, Any] | None = Field(default=None, sa_type=JSON)
    created_by: int | None = None
    created_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)
    decided_by: int | None = None
    decided_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


def move(submission: Submission, state: SubmissionState, by: int | None) -> None:
    """The only place that moves a submission's state; raises StateRefused for a step that the table does not have."""
    if state not in SUBMISSION_TRANSITIONS[SubmissionState(submission.state)]:
        raise StateRefused(field="state")
    submission.state = state
    submission.decided_at = utc_now()
    submission.decided_by = by
