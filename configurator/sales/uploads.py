"""Files that buyers send with a configuration: kept by their content, named by a token, read by those they are for."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from flask_babel import lazy_gettext as _l
from sqlalchemy import CheckConstraint, Index, LargeBinary, func
from sqlmodel import Field, Session, col, select

from catalog.products import ProductContent, UploadContent
from catalog.rows import CompanyRow, UtcDateTime, company_keys, unique_in_company, utc_now
from catalog.uploads import SentFile, kind_accepted, plain_name, sent_file
from configurator import db
from configurator.errors import DomainError, NotFound, NotValid
from configurator.sales.models import new_token
from configurator.sales.visitors import Visitor

GUESTS_AN_HOUR = 300_000_000  # bytes that visitors without an account may send, all together


class StoredFile(CompanyRow, table=True):
    """The content of files that were sent, each once."""

    __tablename__ = "stored_file"
    __table_args__ = company_keys(
        unique_in_company("sha256"),
        CheckConstraint("length(sha256) = 64", name="stored_file_sha256_length"),
    )

    sha256: str = Field(max_length=64)
    data: bytes = Field(sa_type=LargeBinary)


class Upload(CompanyRow, table=True):
    """A file as somebody sent it: an account, or a browser by the secret in its cookie (`holder`)."""

    __table_args__ = company_keys(
        unique_in_company("token"),
        CheckConstraint("kind in ('pdf','png','jpeg','svg')", name="upload_kind_known"),
        CheckConstraint("size > 0", name="upload_size_positive"),
        CheckConstraint("(holder = '') = (user_id is not null)", name="upload_has_one_owner"),
        Index("ix_upload_sent", "company_id", "sent_at"),
        file_id="stored_file",
        user_id="user_account",
    )

    token: str = Field(default_factory=new_token, max_length=40)
    file_id: int
    name: str = Field(max_length=120)
    kind: str = Field(max_length=10)
    size: int  # bytes
    holder: str = Field(default="", max_length=40)
    user_id: int | None = None
    sent_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)


class UploadUse(CompanyRow, table=True):
    """Which configuration has which file as its answer to a question."""

    __tablename__ = "upload_use"
    __table_args__ = company_keys(
        unique_in_company("configuration_id", "question"),
        Index("ix_upload_use_upload", "company_id", "upload_id"),
        configuration_id="configuration",
        upload_id="upload",
    )

    configuration_id: int
    question: str = Field(max_length=40)
    upload_id: int


class TooManyFiles(DomainError):
    """Visitors have sent more in an hour than the house takes."""

    code, status = "too_many_files", 429
    words = _l("Too many files are being sent at the moment. Please try again in an hour.")


class FileUnknown(DomainError):
    """A configuration names a file that is not kept, or that is somebody else's."""

    code, status = "file_unknown", 409
    words = _l("This file is not kept here, or it is not yours. Please send it again.")


def keep_file(
    company_id: int, visitor: Visitor, content: UploadContent, name: str, data: bytes, *, now: datetime | None = None
) -> tuple[SentFile, str]:
    """Keep a file that a question asks for; the holder of the browser's cookie too, "" where an account owns it.

    Raises catalog.uploads.NotTaken and TooManyFiles.
    """
    kind, now = kind_accepted(content, data), now or utc_now()
    holder = visitor.holder_of_new()
    digest = hashlib.sha256(data).hexdigest()
    with db.writing() as session:
        if holder:
            _refuse_flood(session, company_id, len(data), now)
        same = StoredFile.company_id == company_id, StoredFile.sha256 == digest
        file_id = session.exec(select(StoredFile.id).where(*same)).one_or_none()
        if file_id is None:
            stored = StoredFile(company_id=company_id, sha256=digest, data=data)
            session.add(stored)
            session.flush()
            file_id = db.id_of(stored)
        row = Upload(
            company_id=company_id, file_id=file_id, name=plain_name(name, kind), kind=kind, size=len(data),
            holder=holder, user_id=visitor.user_id, sent_at=now,
        )
        session.add(row)
        session.flush()
        return SentFile(row.token, row.size, row.name), holder


def file_for(company_id: int, visitor: Visitor, token: str) -> tuple[str, bytes]:
    """Name and content of a file that the visitor may read; raises NotFound for others too."""
    with db.reading() as session:
        row = _upload(session, company_id, token)
        if row is None or not visitor.may_read(row):
            raise NotFound(field="file")
        return row.name, session.get_one(StoredFile, row.file_id).data


def refuse_others(
    company_id: int, visitor: Visitor, product: ProductContent, answers: Mapping[str, str]
) -> None:
    """Raise FileUnknown for the first of the answers that names a file which the visitor may not read."""
    with db.reading() as session:
        for content in product.uploads:
            named = sent_file(answers.get(content.id, ""))
            row = _upload(session, company_id, named.token) if named is not None else None
            if named is not None and (row is None or not visitor.may_read(row)):
                raise FileUnknown(field=content.id)


def readable_answers(
    session: Session, company_id: int, configuration_id: int, answers: Mapping[str, str], visitor: Visitor
) -> dict[str, str]:
    """The answers of a configuration without the files that the visitor may not read."""
    uses = _files(session, company_id, configuration_id)
    closed = {question for question, upload in uses if not visitor.may_read(upload)}
    return {name: answer for name, answer in answers.items() if name not in closed}


def own_copies(
    session: Session, company_id: int, configuration_id: int, answers: Mapping[str, str], owner: Visitor, *,
    now: datetime | None = None,
) -> dict[str, str]:
    """The answers of a configuration, with copies of the owner's own in place of files that the owner may not read.

    Whoever asks has seen to it that the owner may have them. Raises TooManyFiles.
    """
    found, at = dict(answers), now or utc_now()
    for question, theirs in _files(session, company_id, configuration_id):
        if owner.may_read(theirs):
            continue
        holder = owner.holder_of_new()
        if holder:
            _refuse_flood(session, company_id, theirs.size, at)
        copy = Upload(
            company_id=company_id, file_id=theirs.file_id, name=theirs.name, kind=theirs.kind, size=theirs.size,
            holder=holder, user_id=owner.user_id, sent_at=at,
        )
        session.add(copy)
        session.flush()
        found[question] = SentFile(copy.token, copy.size, copy.name).answer
    return found


def _files(session: Session, company_id: int, configuration_id: int) -> Sequence[tuple[str, Upload]]:
    """The files that a configuration has, each with its question."""
    return session.exec(
        select(UploadUse.question, Upload)
        .join(Upload, (col(Upload.id) == UploadUse.upload_id) & (col(Upload.company_id) == company_id))
        .where(UploadUse.company_id == company_id, UploadUse.configuration_id == configuration_id)
    ).all()


def note_uses(
    session: Session, company_id: int, product: ProductContent, configuration_id: int, answers: Mapping[str, str]
) -> None:
    """Note which files a configuration has. Raises NotValid where an answer names none that is kept."""
    for content in product.uploads:
        if not (answer := answers.get(content.id)):
            continue
        named = sent_file(answer)
        row = _upload(session, company_id, named.token) if named is not None else None
        if row is None or SentFile(row.token, row.size, row.name) != named:
            raise NotValid(field=content.id)
        session.add(UploadUse(
            company_id=company_id, configuration_id=configuration_id, question=content.id, upload_id=db.id_of(row)
        ))
    session.flush()


def _upload(session: Session, company_id: int, token: str) -> Upload | None:
    return session.exec(select(Upload).where(Upload.company_id == company_id, Upload.token == token)).one_or_none()


def _refuse_flood(session: Session, company_id: int, more: int, now: datetime) -> None:
    sent = session.exec(
        select(func.coalesce(func.sum(Upload.size), 0)).where(
            Upload.company_id == company_id, Upload.holder != "", Upload.sent_at > now - timedelta(hours=1)
        )
    ).one()
    if sent + more > GUESTS_AN_HOUR:
        raise TooManyFiles
