"""Set a house up, and throw a demo away."""

from __future__ import annotations

import shutil
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from babel.numbers import list_currencies
from sqlalchemy import make_url, text
from sqlmodel import select

from catalog.rows import Company
from configurator import audit, auth, db
from configurator.config import Settings

PASSWORD_LENGTH = 12


class AlreadySetUp(Exception):
    """There is a company already."""


class BadValue(Exception):
    """A value that a house cannot be set up with."""


def is_set_up() -> bool:
    """Whether there is a company."""
    with db.reading() as session:
        return session.exec(select(Company.id)).first() is not None


def checked_password(password: str) -> str:
    """The password, if it is long enough; raises BadValue."""
    if len(password) < PASSWORD_LENGTH:
        raise BadValue(f"The password needs at least {PASSWORD_LENGTH} characters.")
    return password


def first_administrator(company: str, zone: str, currency: str, login: str, name: str, password: str) -> int:
    """The company and its first administrator; returns the company's id. Raises AlreadySetUp, BadValue."""
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError) as unknown:
        raise BadValue(f"{zone} is no time zone; an IANA name is needed, for instance Asia/Shanghai.") from unknown
    if currency.upper() not in list_currencies():
        raise BadValue(f"{currency} is no currency; an ISO 4217 code is needed, for instance EUR.")
    checked_password(password)
    with db.writing() as session:
        if session.exec(select(Company.id)).first() is not None:
            raise AlreadySetUp("This house is set up already. More people: configurator user add")
        row = Company(code="main", name=company, zone=zone, currency=currency.upper())
        session.add(row)
        session.flush()
        assert row.id is not None
        user = auth.add_user(session, row.id, login, password, name, {auth.Role.ADMINISTRATOR})
        audit.record(session, row.id, "company.set_up", "user", user.id)
        return row.id


def throw_away(settings: Settings) -> None:
    """Delete a demo's data: its tables on PostgreSQL, its files in the data folder."""
    for url in {settings.database, settings.jobs_database}:
        if make_url(url).get_backend_name() != "postgresql":
            continue
        database = db.connect(url)
        with database.engine.begin() as connection:
            connection.execute(text("DROP SCHEMA IF EXISTS dbos CASCADE"))
            if url == settings.database:
                connection.execute(text("DROP SCHEMA public CASCADE"))
                connection.execute(text("CREATE SCHEMA public"))
        database.close()
    for pattern in ("configurator.sqlite*", "jobs.sqlite*"):
        for file in settings.folder.glob(pattern):
            file.unlink()
    for folder in ("mails", "metrics", "log"):
        shutil.rmtree(settings.folder / folder, ignore_errors=True)
