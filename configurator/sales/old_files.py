"""The sweep of files that no draft, cart, quote or order has."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Select, delete, union
from sqlmodel import Session, SQLModel, col, select

from catalog.rows import utc_now
from configurator import db
from configurator.sales.configurations import Configuration
from configurator.sales.uploads import StoredFile, Upload, UploadUse

KEPT_FOR = timedelta(days=30)


def forget_old_files(*, now: datetime | None = None) -> int:
    """Delete the files that nothing has kept for so long, and take them out of the configurations; how many."""
    with db.writing() as session:
        return _forget(session, col(Upload.sent_at) <= (now or utc_now()) - KEPT_FOR)


def forget_files_of(session: Session, configuration_ids: Sequence[int]) -> int:
    """Delete the files of configurations that a row had until now, where nothing else keeps them; how many."""
    had = select(UploadUse.upload_id).where(col(UploadUse.configuration_id).in_(configuration_ids))
    return _forget(session, col(Upload.id).in_(had))


def _forget(session: Session, which: ColumnElement[bool]) -> int:
    """Delete those of these files that nothing keeps, and take them out of the configurations; how many."""
    session.flush()
    in_use = select(UploadUse.upload_id).where(col(UploadUse.configuration_id).in_(_kept_configurations()))
    gone = session.exec(select(Upload.id).where(which, col(Upload.id).not_in(in_use))).all()
    if gone:
        _take_out(session, gone)
        session.execute(delete(Upload).where(col(Upload.id).in_(gone)))
        session.execute(delete(StoredFile).where(col(StoredFile.id).not_in(select(Upload.file_id))))
    return len(gone)


def _kept_configurations() -> Select[tuple[int]]:
    """The ids of the configurations that a row of any other table has."""
    columns = [
        table.c.configuration_id for name, table in SQLModel.metadata.tables.items()
        if "configuration_id" in table.c and name != UploadUse.__tablename__
    ]
    kept = union(*(select(column).where(column.is_not(None)) for column in columns)).subquery()
    return select(kept.c[0])


def _take_out(session: Session, uploads: Sequence[int | None]) -> None:
    uses = session.exec(select(UploadUse).where(col(UploadUse.upload_id).in_(uploads))).all()
    for use in uses:
        row = session.get_one(Configuration, use.configuration_id)
        row.texts = {name: answer for name, answer in row.texts.items() if name != use.question}
        if row.variant is not None:
            texts = {name: answer for name, answer in row.variant["texts"].items() if name != use.question}
            row.variant = {**row.variant, "texts": texts}
        session.add(row)
        session.delete(use)
    session.flush()
