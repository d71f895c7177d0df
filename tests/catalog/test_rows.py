"""What the database itself refuses: published revisions do not change, keys do not cross companies."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError, StatementError
from sqlmodel import select

from catalog.factory import Line, Plant
from catalog.load import load_catalog
from catalog.manufacturing import ManufacturingRevision
from catalog.price import PriceListRevision
from catalog.products import Product, ProductRevision
from catalog.rows import _REVISIONS, Company, immutable_triggers
from configurator.db import Database
from tests.catalog.small import LAMP

only_sqlite = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)  # nothing here depends on it
NOW = datetime(2026, 3, 10, 20, tzinfo=UTC)
REVISIONS = (ProductRevision, PriceListRevision, ManufacturingRevision)

# What somebody might try with a published revision; {t} is its table.
ATTACKS = {
    "content": "UPDATE {t} SET content = '{{}}'",
    "one letter": "UPDATE {t} SET content = replace(CAST(content AS TEXT), 'lamp', 'lump'){json}",
    "number": "UPDATE {t} SET number = 2",
    "back to draft": "UPDATE {t} SET status = 'draft', published_at = NULL",
    "instant": "UPDATE {t} SET published_at = '2020-01-01 00:00:00+00:00'",
    "hash": "UPDATE {t} SET sha256 = replace(sha256, 'a', 'b')",
    "id": "UPDATE {t} SET id = 99",
    "delete": "DELETE FROM {t}",
    "replace": "INSERT OR REPLACE INTO {t} SELECT * FROM {t}",
    "update over": "UPDATE OR REPLACE {t} SET number = 1 WHERE status = 'draft'",
}
SQLITE_ONLY = {"replace", "update over"}


@pytest.fixture
def lamp(database: Database, company_id: int) -> int:
    """The lamp, published, and a draft of each next revision; the company's id."""
    with database.writing() as session:
        load_catalog(session, company_id, LAMP, loaded_at=NOW)
        for table in REVISIONS:
            row = session.exec(select(table)).one()
            values = row.model_dump(exclude={"id", "number", "status", "published_at"})
            session.add(table(**values, number=2, status="draft"))
    return company_id


def attack(database: Database, name: str, table: str) -> int:
    """Try it and commit; the number of rows that it changed."""
    kind = "sqlite" if database.is_sqlite else "postgresql"
    statement = ATTACKS[name].format(t=table, json="" if kind == "sqlite" else "::json")
    if kind == "postgresql":
        statement = statement.replace("content = '{}'", "content = '{}'::json")
    if name not in SQLITE_ONLY:
        statement += " WHERE status = 'published'"
    with database.engine.begin() as connection:
        return connection.exec_driver_sql(statement).rowcount


def drop_triggers(database: Database) -> None:
    with database.engine.begin() as connection:
        if database.is_sqlite:
            names = connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).scalars().all()
            for name in names:
                connection.exec_driver_sql(f"DROP TRIGGER {name}")
        else:
            for table in _REVISIONS:
                connection.exec_driver_sql(f"DROP TRIGGER {table}_immutable ON {table}")


def test_a_published_revision_cannot_be_changed_by_any_statement(database: Database, lamp: int) -> None:
    for table in _REVISIONS:
        for name in ATTACKS:
            if database.is_sqlite or name not in SQLITE_ONLY:
                with pytest.raises(DBAPIError, match="immutable once published"):
                    attack(database, name, table)


def test_without_the_triggers_every_attack_succeeds(database: Database, lamp: int) -> None:
    """The negative control: each attack is one that would work."""
    drop_triggers(database)
    for table in _REVISIONS:
        for name in ("content", "one letter", "hash", "instant"):
            assert attack(database, name, table) == 1, name
    if database.is_sqlite:
        with database.reading() as session:
            before = session.exec(select(ManufacturingRevision)).all()
        attack(database, "update over", "manufacturing_revision")
        with database.reading() as session:
            after = session.exec(select(ManufacturingRevision)).all()
        assert (len(before), len(after)) == (2, 1)  # the published one is gone
    assert attack(database, "delete", "price_list_revision") == 1


def test_a_published_revision_can_be_withdrawn_and_nothing_else(database: Database, lamp: int) -> None:
    with database.writing() as session:
        session.execute(text("UPDATE product_revision SET status = 'withdrawn' WHERE status = 'published'"))
    with pytest.raises(DBAPIError, match="immutable once published"), database.writing() as session:
        session.execute(text("UPDATE product_revision SET sha256 = upper(sha256) WHERE status = 'withdrawn'"))


def test_a_draft_changes_and_goes_as_it_likes(database: Database, lamp: int) -> None:
    with database.writing() as session:
        for table in _REVISIONS:
            session.execute(text(f"UPDATE {table} SET number = 7, content = '{{}}' WHERE status = 'draft'"))
            session.execute(text(f"DELETE FROM {table} WHERE status = 'draft'"))


@pytest.mark.parametrize("row", [
    {"status": "published"},  # without an instant
    {"status": "open", "published_at": NOW},
    {"number": 0},
    {"sha256": "short"},
])  # fmt: skip
@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
def test_a_revision_row_that_contradicts_itself_is_refused(
    database: Database, lamp: int, row: dict[str, object]
) -> None:
    good: dict[str, object] = {"status": "draft", "number": 3, "sha256": "0" * 64, "content": {}, "company_id": lamp}
    with database.reading() as session:
        good["product_id"] = session.exec(select(Product.id)).one()
    with database.writing() as session:
        session.add(ProductRevision(**{**good, "number": 4}))  # the good one is taken
    with pytest.raises(IntegrityError), database.writing() as session:
        session.add(ProductRevision(**{**good, **row}))


def test_a_row_cannot_name_a_row_of_another_company(database: Database, lamp: int) -> None:
    with database.writing() as session:
        other = Company(code="other", name="Other", zone="UTC", currency="EUR")
        session.add(other)
        session.flush()
        other_id = other.id or 0
        line = session.exec(select(Line)).first()
        assert line is not None
        values = line.model_dump(exclude={"id", "company_id", "code"})
    with pytest.raises(IntegrityError), database.writing() as session:
        session.add(Line(**values, company_id=other_id, code="mine"))
    with database.writing() as session:
        session.add(Line(**values, company_id=lamp, code="mine"))


def test_an_instant_keeps_its_moment_and_comes_back_as_utc(database: Database, lamp: int) -> None:
    local = datetime(2026, 10, 25, 2, 30, 1, 5, tzinfo=timezone(timedelta(hours=8)))
    with database.writing() as session:
        draft = ProductRevision(**_draft(database, lamp), status="published", published_at=local)
        session.add(draft)
        session.flush()
        draft_id = draft.id
    with database.reading() as session:
        back = session.get_one(ProductRevision, draft_id).published_at
    assert back == local
    assert back is not None and back.tzinfo is UTC


@only_sqlite
def test_a_naive_instant_is_refused(database: Database, lamp: int) -> None:
    with pytest.raises(StatementError, match="time zone"), database.writing() as session:
        session.add(
            ProductRevision(**_draft(database, lamp), status="published", published_at=NOW.replace(tzinfo=None))
        )


def _draft(database: Database, company_id: int) -> dict[str, object]:
    with database.reading() as session:
        product_id = session.exec(select(Product.id)).one()
    return {"company_id": company_id, "product_id": product_id, "number": 9, "content": {}, "sha256": "0" * 64}


def test_triggers_are_written_for_the_two_databases_only() -> None:
    with pytest.raises(ValueError, match="oracle"):
        immutable_triggers("oracle")


@only_sqlite
def test_a_plants_version_never_falls_below_zero(database: Database, lamp: int) -> None:
    with pytest.raises(IntegrityError), database.writing() as session:
        session.exec(select(Plant)).one().schedule_version = -1


@only_sqlite
def test_a_day_is_kept_as_a_day(database: Database, lamp: int) -> None:
    with database.reading() as session:
        assert session.exec(select(ManufacturingRevision.valid_from)).first() == date(2026, 1, 1)
