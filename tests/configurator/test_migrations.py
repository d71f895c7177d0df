"""Migrations and models say the same, on both databases; an upgrade can be run again."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import delete, text, update
from sqlalchemy.exc import IntegrityError
from sqlmodel import select

from catalog.factory import Plant
from catalog.load import load_catalog
from catalog.offer import current_offer
from catalog.rows import Company, utc_now
from configurator import db
from configurator.migrate import alembic_config, migrate, newest, present
from configurator.planning.amend import release
from configurator.planning.models import ManufacturingOperation, ManufacturingOrder
from configurator.planning.promise import Destination, forecast, reserve
from configurator.schema import tables
from configurator.storefront.service import standing_completion
from tests.conftest import FAMILIES

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


def test_an_order_of_the_second_step_is_kept_and_can_be_changed_and_cancelled(migrated: str) -> None:
    """Tables that others name are made anew on the way: nothing is lost, and what named them is looked after again."""
    database = db.connect(migrated)
    assert migrate()
    with db.writing() as session:
        company = Company(code="test", name="Test House", zone="Europe/Berlin", currency="EUR")
        session.add(company)
        session.flush()
        company_id = db.id_of(company)
        for name in ("factory", "bicycle"):
            load_catalog(session, company_id, (FAMILIES / f"{name}.yaml").read_text(), loaded_at=utc_now())
        session.execute(update(Plant).values(frozen_minutes=0))
    with db.reading() as session:
        offer = current_offer(session, company_id, "bicycle")
    variant = standing_completion(offer, (), {})
    shown = forecast(offer, variant, Destination("CN", "Asia/Shanghai"), now=utc_now() + timedelta(hours=1))
    with db.writing() as session:
        made = reserve(session, offer, variant, shown, pegging_key="SO-1", number="MO-1").manufacturing_order_id
    command.downgrade(alembic_config(), "0002")
    assert migrate()
    with db.reading() as session:
        kept = session.get_one(ManufacturingOrder, made)
        assert (kept.number, kept.completes_at, kept.state) == ("MO-1", shown.completes_at, "planned")
        assert len(session.exec(select(ManufacturingOperation)).all()) == len(shown.placements)
    with pytest.raises(IntegrityError), db.writing() as session:
        session.execute(delete(ManufacturingOrder))
    with db.writing() as session:
        release(session, company_id, [made])
    with db.reading() as session:
        assert session.get_one(ManufacturingOrder, made).state == "cancelled"
    database.close()


def _rows(database: db.Database, sql: str) -> dict[str, str]:
    """Names and definitions; blanks and line breaks do not count, nor the order of a table's lines."""
    with database.reading() as session:
        found = session.execute(text(sql)).all()
    blanks = str.maketrans(',()"', "    ")
    return {name: " ".join(sorted(definition.translate(blanks).split())) for name, definition in found}
