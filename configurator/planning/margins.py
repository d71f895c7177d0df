"""How much time a company keeps around what it promises: set by its planners, or else as the process was configured."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from sqlmodel import Session, select
from sqlmodel.sql.expression import SelectOfScalar

from catalog.rows import Company
from configurator import audit, db
from configurator.planning.models import PlanningMargins
from configurator.planning.options import options

MOST_MINUTES = 100_000


@dataclass(frozen=True, slots=True)
class Margins:
    """Minutes.

    `buffer`: between planned completion and promise. `grace`: for so long after an order is placed nothing of it is
    frozen or begun, so that its buyer can change or cancel it (0: none). `near`: an order that completes with less than
    this left before its promise would be broken is watched.
    """

    buffer: int
    grace: int
    near: int


def margins_of(session: Session, company_id: int) -> Margins:
    """What the company keeps."""
    return margins_from(session.exec(_mine(company_id)).one_or_none())


def margins_from(row: PlanningMargins | None) -> Margins:
    """What a company with this row keeps."""
    if row is None:
        return Margins(options().buffer_minutes, options().grace_minutes, options().near_minutes)
    return Margins(row.buffer_minutes, row.grace_minutes, row.near_minutes)


def set_margins(company_id: int, margins: Margins, *, actor_id: int | None = None) -> None:
    """Keep these from now on: for what is promised from now on, and for what the board marks."""
    with db.writing() as session:
        db.lock_row(session, Company, company_id)  # two planners may be the first at once
        write_margins(session, company_id, margins)
        audit.record(
            session, company_id, "planning.margins", "company", company_id, actor_id=actor_id, **asdict(margins)
        )


def write_margins(session: Session, company_id: int, margins: Margins) -> None:
    """The same in the caller's transaction."""
    row = session.exec(_mine(company_id)).one_or_none()
    if row is None:
        row = PlanningMargins(company_id=company_id, buffer_minutes=0, grace_minutes=0, near_minutes=0)
        session.add(row)
    row.buffer_minutes, row.grace_minutes, row.near_minutes = margins.buffer, margins.grace, margins.near
    session.flush()


def _mine(company_id: int) -> SelectOfScalar[PlanningMargins]:
    return select(PlanningMargins).where(PlanningMargins.company_id == company_id)
