"""One click, one order: the key is written in the order's own transaction, a retry gets the first answer."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, Protocol, TypeVar

import orjson
from sqlalchemy import JSON
from sqlalchemy.exc import IntegrityError
from sqlmodel import Field, Session, select

from catalog.rows import CompanyRow, UtcDateTime, company_keys, unique_in_company, utc_now
from configurator import db
from configurator.errors import DomainError, KeyReused


class IdempotencyKey(CompanyRow, table=True):
    """A key, whose it is, what was asked with it, and what was answered."""

    __tablename__ = "idempotency_key"
    __table_args__ = company_keys(unique_in_company("scope", "key"))

    scope: str = Field(max_length=120)  # whose key: "user:7", "form:checkout" …
    key: str = Field(max_length=120)
    request_hash: str = Field(max_length=64)
    answer: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    created_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)


def request_hash(body: Mapping[str, Any]) -> str:
    """A fingerprint of what was asked, whatever the order of its fields."""
    return hashlib.sha256(orjson.dumps(dict(body), option=orjson.OPT_SORT_KEYS, default=str)).hexdigest()


def earlier_answer(session: Session, company_id: int, scope: str, key: str, body_hash: str) -> dict[str, Any] | None:
    """What this key was answered before, None if it is new; raises KeyReused for another request."""
    row = session.exec(
        select(IdempotencyKey).where(
            IdempotencyKey.company_id == company_id, IdempotencyKey.scope == scope, IdempotencyKey.key == key
        )
    ).one_or_none()
    if row is None:
        return None
    if row.request_hash != body_hash:
        raise KeyReused(field="idempotency_key")
    return row.answer


def remember_answer(
    session: Session, company_id: int, scope: str, key: str, body_hash: str, answer: dict[str, Any]
) -> None:
    """Write the answer beside what it reports. A parallel twin fails on the unique key and may ask again."""
    session.add(
        IdempotencyKey(company_id=company_id, scope=scope, key=key, request_hash=body_hash, answer=answer)
    )
    session.flush()


class _Told(Protocol):
    def to_json(self) -> dict[str, Any]: ...


Answer = TypeVar("Answer", bound=_Told)


@dataclass(frozen=True, slots=True)
class Keyed(Generic[Answer]):
    """What is asked with a key, and how its answer is read (`read`: the other way round than its `to_json`)."""

    company_id: int
    scope: str
    key: str
    body_hash: str
    read: Callable[[Mapping[str, Any]], Answer]

    def earlier(self) -> Answer | None:
        """What the key was answered before; None if it is new. Raises KeyReused."""
        with db.reading() as session:
            return self._earlier(session)

    def once(
        self, prepare: Callable[[], Callable[[Session], Answer]], again: tuple[type[DomainError], ...]
    ) -> tuple[Answer, bool]:
        """Do it once, however often it is sent: the answer, and whether it was done now.

        `prepare` judges everything outside of any transaction and returns what writes it in one. If that raises one of
        `again`, somebody was faster, and it is prepared anew: three times at most.
        """
        try:
            for last in (False, False, True):
                if (known := self.earlier()) is not None:
                    return known, False
                write = prepare()
                try:
                    with db.writing() as session:
                        if (known := self._earlier(session)) is not None:
                            return known, False
                        answer = write(session)
                        remember_answer(
                            session, self.company_id, self.scope, self.key, self.body_hash, answer.to_json()
                        )
                    return answer, True
                except again:
                    if last:
                        raise
        except (IntegrityError, DomainError):
            # A parallel twin with the same key may have been first and taken what this one wanted: its answer is ours.
            twin = self.earlier()
            if twin is None:
                raise
            return twin, False
        raise AssertionError("unreachable")

    def _earlier(self, session: Session) -> Answer | None:
        found = earlier_answer(session, self.company_id, self.scope, self.key, self.body_hash)
        return self.read(found) if found is not None else None
