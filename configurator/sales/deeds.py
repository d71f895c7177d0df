"""What happened to a document, as its history tells it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import col, select

from configurator import audit, db
from configurator.admin.models import User
from configurator.sales.parties import Party


@dataclass(frozen=True, slots=True)
class Deed:
    """One line of a history: what was done (`quote.sent` …), when, by whom ("" = the customer or the system)."""

    action: str
    at: datetime
    actor: str
    data: Mapping[str, Any]


def deeds_of(company_id: int, kind: str, document_id: int) -> tuple[Deed, ...]:
    """What happened to a document of this kind (`quote`, `sales_order`), newest first."""
    with db.reading() as session:
        found = session.exec(
            select(audit.AuditEvent, Party.name, User.login)
            .join(User, col(User.id) == audit.AuditEvent.actor_id, isouter=True)
            .join(Party, col(Party.id) == User.party_id, isouter=True)
            .where(
                audit.AuditEvent.company_id == company_id,
                audit.AuditEvent.subject_kind == kind,
                audit.AuditEvent.subject_id == document_id,
            )
            .order_by(col(audit.AuditEvent.id).desc())
        ).all()
    return tuple(Deed(event.action, event.at, name or login or "", event.data) for event, name, login in found)
