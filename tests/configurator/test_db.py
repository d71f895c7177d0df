"""The database layer: readers cannot write, and of two writers the second sees what the first has done."""

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from traceback import format_exception

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session, select

from catalog.rows import Company
from configurator import db
from configurator.db import wal_is_safe
from configurator.numbers import NumberSeries
from tests.conftest import SQLITE_AS_SHIPPED


def test_a_reading_session_cannot_write(database: db.Database) -> None:
    with pytest.raises(SQLAlchemyError), database.reading() as session:
        session.execute(text("UPDATE company SET name = 'changed'"))
        session.commit()
    assert _name(database) == "Test House"


def test_an_exception_takes_back_the_whole_transaction(database: db.Database) -> None:
    with pytest.raises(ZeroDivisionError), database.writing() as session:
        session.execute(text("UPDATE company SET name = 'changed'"))
        session.flush()
        raise ZeroDivisionError
    assert _name(database) == "Test House"


def test_foreign_keys_are_watched(database: db.Database) -> None:
    with pytest.raises(SQLAlchemyError), database.writing() as session:
        session.add(NumberSeries(company_id=4711, kind="SO", year=2026))


def test_no_update_is_lost_between_two_writers(database: db.Database, company_id: int) -> None:
    series_id = _series(database, company_id)

    def add_one(session: Session, both_have_read: Callable[[], None]) -> None:
        row = db.lock_row(session, NumberSeries, series_id)
        assert row is not None
        seen = row.last
        both_have_read()
        row.last = seen + 1

    assert _two_at_once(database, database.writing, add_one) == 2


def test_without_the_guard_an_update_is_lost(database: db.Database, company_id: int) -> None:
    """The negative control: SQLAlchemy's defaults, and a row read without a lock."""
    series_id = _series(database, company_id)
    engine = create_engine(database.url)

    @contextmanager
    def unguarded() -> Iterator[Session]:
        with Session(engine) as session, session.begin():
            yield session

    def add_one(session: Session, both_have_read: Callable[[], None]) -> None:
        row = session.get_one(NumberSeries, series_id)
        seen = row.last
        both_have_read()
        row.last = seen + 1

    assert _two_at_once(database, unguarded, add_one) == 1
    engine.dispose()


def _two_at_once(
    database: db.Database,
    opened: Callable[[], AbstractContextManager[Session]],
    work: Callable[[Session, Callable[[], None]], None],
) -> int:
    """Two threads do the work at once; each waits a moment for the other to have read, too. The counter after it."""
    barrier = threading.Barrier(2)
    failures: list[BaseException] = []

    def both_have_read() -> None:
        with suppress(threading.BrokenBarrierError):  # the other one was made to wait: what the guard is for
            barrier.wait(timeout=0.3)

    def run() -> None:
        try:
            with opened() as session:
                work(session, both_have_read)
        except BaseException as failure:
            failures.append(failure)

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    with database.reading() as session:
        return session.exec(select(NumberSeries.last)).one()


def _series(database: db.Database, company_id: int) -> int:
    with database.writing() as session:
        row = NumberSeries(company_id=company_id, kind="T", year=2026)
        session.add(row)
        session.flush()
        return db.id_of(row)


def _name(database: db.Database) -> str:
    with database.reading() as session:
        return str(session.execute(text("SELECT name FROM company")).scalar_one())


@pytest.mark.parametrize(
    ("version", "safe"),
    [
        ((3, 40, 1), False),  # Debian 12
        ((3, 44, 5), False),
        ((3, 44, 6), True),  # fixed in the 3.44 line
        ((3, 45, 0), False),
        ((3, 50, 7), True),
        ((3, 51, 2), False),
        ((3, 51, 3), True),
        ((3, 52, 0), True),
    ],
)
def test_wal_is_used_only_where_sqlite_has_the_fix(version: tuple[int, int, int], safe: bool) -> None:
    assert wal_is_safe(version) is safe


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
def test_sqlite_syncs_every_commit(database: db.Database, monkeypatch: pytest.MonkeyPatch) -> None:
    import sqlite3

    monkeypatch.setattr(db, "_sqlite_common", SQLITE_AS_SHIPPED)
    wal = wal_is_safe(sqlite3.sqlite_version_info)  # type: ignore[arg-type]
    with db.connect(database.url).writing() as session:
        assert session.execute(text("PRAGMA synchronous")).scalar_one() == 2  # FULL
        assert session.execute(text("PRAGMA journal_mode")).scalar_one() == ("wal" if wal else "delete")


def test_what_a_statement_was_given_is_in_no_error_message(database: db.Database) -> None:
    """Errors go into logs; names and addresses do not."""
    given = {"name": "Li Na", "street": "Nanjing Road 1"}
    with pytest.raises(SQLAlchemyError) as broken, database.writing() as session:
        session.execute(text("INSERT INTO party (company_id, name, street) VALUES (4711, :name, :street)"), given)
    told = "".join(format_exception(broken.value))
    assert not [value for value in given.values() if value in told]


@pytest.mark.parametrize("database_kind", ["postgresql"], indirect=True)
def test_a_locked_row_can_still_be_named_by_new_rows(database: db.Database, company_id: int) -> None:
    """A lock that also stopped foreign keys would make transactions wait for each other in a circle."""
    with database.writing() as locking:
        assert db.lock_row(locking, Company, company_id) is not None
        with database.writing() as other:
            other.execute(text("SET LOCAL lock_timeout = '2s'"))
            other.add(NumberSeries(company_id=company_id, kind="SO", year=2026))
