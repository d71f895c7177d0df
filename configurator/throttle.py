"""Tries that are counted over all processes: so many within some minutes, and then a pause."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from datetime import timedelta

from flask_babel import lazy_gettext as _l
from sqlalchemy import delete, func
from sqlmodel import Session, col, select

from catalog.rows import utc_now
from configurator import db
from configurator.admin.models import LoginAttempt
from configurator.errors import DomainError

MINUTES = 15


class TooManyMails(DomainError):
    """So many links were asked for that somebody might be bothered."""

    code, status = "too_many_mails", 429
    words = _l("Several links were sent just now. Please try again in %(minutes)s minutes.")


def subject(secret: str, kind: str, value: str) -> str:
    """What a try is counted by: nobody reads out of it whose it was."""
    return hmac.new(secret.encode(), f"{kind}:{value}".encode(), hashlib.sha256).hexdigest()


def count_try(session: Session, limits: Mapping[str, int], refused: DomainError) -> list[int]:
    """Count a try by each subject; the ids of its rows. Raises `refused` where a subject has had as many as its limit.

    In the caller's writing transaction, which is to end before what is tried is done: parallel tries are all counted.
    """
    since = utc_now() - timedelta(minutes=MINUTES)
    session.execute(delete(LoginAttempt).where(col(LoginAttempt.at) < since))
    if not db.database().is_sqlite:  # SQLite's writing sessions are one at a time already
        for one in sorted(limits):
            session.execute(func.pg_advisory_xact_lock(int(one[:15], 16)).select())
    for one, limit in limits.items():
        tries = session.exec(select(func.count()).select_from(LoginAttempt).where(LoginAttempt.subject == one)).one()
        if tries >= limit:
            raise refused
    rows = [LoginAttempt(subject=one) for one in limits]
    session.add_all(rows)
    session.flush()
    return [row.id for row in rows if row.id is not None]
