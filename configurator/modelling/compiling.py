"""Compiled revisions that are missing, damaged or of another version are made again, in the background."""

from __future__ import annotations

import structlog
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, func, select

from catalog.compiled import CompiledRevision
from catalog.keep import is_fresh, replace_row, to_row
from catalog.products import ProductContent, ProductRevision, RevisionStatus
from catalog.state import state
from configurator import db
from solver.configuration.compile import VoidProblem, compile_problem
from solver.configuration.problem import InvalidProblem
from solver.configuration.question import OutOfTime

log = structlog.get_logger()


def rebuild_missing() -> int:
    """Compile the newest published revision of every product where no usable row is beside it; how many were made."""
    with db.reading() as session:
        wanted = [
            (row.company_id, db.id_of(row), row.content)
            for row in _newest(session)
            if not is_fresh(_compiled(session, row))
        ]
    made = 0
    for company_id, revision_id, content in wanted:
        try:
            compiled = compile_problem(state(ProductContent.from_data(content)))
        except (InvalidProblem, OutOfTime, VoidProblem):
            log.exception("modelling.not_compiled", revision=revision_id)
            continue
        with db.writing() as session:
            replace_row(session, to_row(company_id, revision_id, compiled))
        made += 1
    return made


def _newest(session: Session) -> list[ProductRevision]:
    later = aliased(ProductRevision)
    newest = (
        select(func.max(later.number))
        .where(later.company_id == ProductRevision.company_id, later.product_id == ProductRevision.product_id)
        .where(later.status == RevisionStatus.PUBLISHED)
        .scalar_subquery()
    )
    query = select(ProductRevision).where(
        ProductRevision.status == RevisionStatus.PUBLISHED, col(ProductRevision.number) == newest
    )
    return list(session.exec(query).all())


def _compiled(session: Session, row: ProductRevision) -> CompiledRevision | None:
    return session.exec(
        select(CompiledRevision).where(
            CompiledRevision.company_id == row.company_id, CompiledRevision.product_revision_id == row.id
        )
    ).one_or_none()
