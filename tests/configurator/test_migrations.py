"""Migrations and models say the same, on both databases; an upgrade can be run again."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text

from configurator import db
from configurator.migrate import migrate, newest, present
from configurator.schema import tables

TRIGGERS = {
    "sqlite": "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' ORDER BY name",
    "postgresql": "SELECT t.tgname, pg_get_triggerdef(t.oid) || pg_get_functiondef(t.tgfoid) FROM pg_trigger t"
    " WHERE NOT t.tgisinternal ORDER BY 1",
}
CHECKS = {
    "sqlite": "SELECT name, sql FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'alembic%' ORDER BY name",
    "postgresql": "SELECT conrelid::regclass || '.' || conname, pg_get_constraintdef(oid) FROM pg_constraint"
    " WHERE connamespace = 'public'::regnamespace AND conrelid::regclass::text <> 'alembic_version' ORDER BY 1",
}


@pytest.fixture
def migrated(
    database: db.Database, database_kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[str]:
    """Beside `database`, which the models made: a fresh one that the migrations make; yields its URL."""
    if database_kind == "sqlite":
        yield f"sqlite:///{tmp_path / 'migrated.sqlite'}"
        return
    server = request.getfixturevalue("postgres")
    name = f"migrated_{tmp_path.name[-20:]}".lower().replace("[", "_").replace("]", "_")
    server.run(f'CREATE DATABASE "{name}"')
    yield server.url(name)
    db.database().close()
    server.run(f'DROP DATABASE "{name}" WITH (FORCE)')


def test_the_migrations_make_what_the_models_say(database: db.Database, database_kind: str, migrated: str) -> None:
    made_by_models = {
        sql: _rows(database, sql) for sql in (TRIGGERS[database_kind], CHECKS[database_kind])
    }
    by_migrations = db.connect(migrated)
    assert migrate()
    with by_migrations.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, tables()) == []
    assert _rows(by_migrations, TRIGGERS[database_kind]) == made_by_models[TRIGGERS[database_kind]]
    assert _rows(by_migrations, CHECKS[database_kind]) == made_by_models[CHECKS[database_kind]]


def test_migrating_twice_changes_nothing(migrated: str) -> None:
    database = db.connect(migrated)
    assert present() is None
    assert migrate()
    assert present() == newest()
    assert not migrate()
    database.close()


def _rows(database: db.Database, sql: str) -> dict[str, str]:
    """Names and definitions; blanks and line breaks do not count, nor the order of a table's lines."""
    with database.reading() as session:
        found = session.execute(text(sql)).all()
    blanks = str.maketrans(',()"', "    ")
    return {name: " ".join(sorted(definition.translate(blanks).split())) for name, definition in found}
