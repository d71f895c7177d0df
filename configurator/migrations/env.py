"""Alembic's environment: the process's database, every table of the house, one transaction for all steps."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

from alembic import context
from sqlalchemy import Connection, text
from sqlmodel.sql.sqltypes import AutoString

from catalog.rows import UtcDateTime
from configurator import db
from configurator.config import load_settings
from configurator.schema import tables

ONE_AT_A_TIME = 4_820_071  # the advisory lock of migrations, on PostgreSQL
FOREIGN_KEY_CHECK = "PRAGMA foreign_key_check"


def render_item(kind: str, item: Any, _autogen: Any) -> str | Literal[False]:
    """Write plain SQLAlchemy types into new migrations, so that they do not depend on our code."""
    if kind == "type" and isinstance(item, UtcDateTime):
        return "sa.DateTime(timezone=True)"
    if kind == "type" and isinstance(item, AutoString):
        return f"sa.String(length={item.length})" if item.length else "sa.String()"
    return False


def run() -> None:
    """Bring the process's database (or the one that the settings name) up to date."""
    if not db.is_connected():
        db.connect(load_settings().database)
    with db.database().engine.connect() as connection, _keys_at_rest(connection), connection.begin():
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": ONE_AT_A_TIME})
        context.configure(
            connection=connection, target_metadata=tables(), render_item=render_item, render_as_batch=True,
            compare_type=True,
        )
        context.run_migrations()
        if connection.dialect.name == "sqlite" and (lost := connection.execute(text(FOREIGN_KEY_CHECK)).all()):
            raise RuntimeError(f"Rows that name none: {lost[:5]}")


@contextmanager
def _keys_at_rest(connection: Connection) -> Iterator[None]:
    """SQLite changes a table by making it anew: its keys rest meanwhile, and are checked at the end."""
    if connection.dialect.name != "sqlite":
        yield
        return
    driver = connection.connection.driver_connection
    assert driver is not None
    driver.execute("PRAGMA foreign_keys=OFF")  # has no effect inside a transaction, so it comes before it
    try:
        yield
    finally:
        driver.execute("PRAGMA foreign_keys=ON")


run()
