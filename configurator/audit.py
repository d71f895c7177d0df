"""Who did what, when: written in the transaction of the deed. Ids only, never personal data."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON
from sqlmodel import Field, Session

from catalog.rows import CompanyRow, UtcDateTime, company_keys, utc_now


class AuditEvent(CompanyRow, table=True):
    """One deed. `actor_id` is a user id; None: the system or an anonymous customer."""

    __tablename__ = "audit_event"
    __table_args__ = company_keys()

    at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)
    actor_id: int | None = None
    action: str = Field(max_length=60)
    subject_kind: str = Field(max_length=40)
    subject_id: int | None = None
    data: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)


def record(
    session: Session,
    company_id: int,
    action: str,
    subject_kind: str,
    subject_id: int | None,
    *,
    actor_id: int | None = None,
    **data: Any,
) -> None:
    """Write one audit row into the caller's transaction."""
    session.add(
        AuditEvent(
            company_id=company_id, actor_id=actor_id, action=action, subject_kind=subject_kind, subject_id=subject_id,
            data=data,
        )
    )
