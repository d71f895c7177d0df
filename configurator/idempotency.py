"""One click, one order: the key is written in the order's own transaction, a retry gets the first answer."""

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import JSON
from sqlmodel import Field, Session, select

from catalog.rows import CompanyRow, UtcDateTime, company_keys, unique_in_company, utc_now
from configurator.errors import KeyReused


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
