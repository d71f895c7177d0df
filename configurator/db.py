"""The database of this process: short reading sessions that cannot write, writing sessions that hold the write lock.

SQLite through SQLAlchemy loses updates unless the driver leaves BEGIN to us: writing sessions BEGIN IMMEDIATE.
PostgreSQL runs READ COMMITTED; whoever checks before writing locks the row that the check depends on (`lock_row`).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, ExceptionContext, create_engine, event, make_url, select
from sqlmodel import Session, SQLModel

Row = TypeVar("Row", bound=SQLModel)

# 3.51.3, 3.50.7 and 3.44.6 fixed a bug that can corrupt a database in WAL mode (sqlite.org, WAL-reset bug).
_WAL_SAFE = ((3, 51, 3), (3, 50, 7), (3, 44, 6))


def wal_is_safe(version: tuple[int, int, int]) -> bool:
    """Whether this SQLite has the WAL-reset fix."""
    return version >= _WAL_SAFE[0] or any(version[:2] == fixed[:2] and version >= fixed for fixed in _WAL_SAFE)


class Database:
    """Two engines on one database: `reading` refuses writes, `writing` takes the write lock at its start."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.is_sqlite = make_url(url).get_backend_name() == "sqlite"
        self._reading = self._engine(writing=False)
        self._writing = self._engine(writing=True)

    def _engine(self, *, writing: bool) -> Engine:
        # Parameters are hidden: errors are logged, and what a statement was given may be somebody's name.
        if not self.is_sqlite:
            # A database that is down or overrun is said to be so within two seconds (the page is a polite 503).
            engine = create_engine(self.url, pool_pre_ping=True, pool_size=5, max_overflow=10, pool_timeout=2,
                                   hide_parameters=True, connect_args={"connect_timeout": 2})
            event.listen(engine, "handle_error", _hide_values)
            if not writing:
                engine = engine.execution_options(postgresql_readonly=True)
            return engine
        engine = create_engine(self.url, hide_parameters=True, connect_args={"timeout": 15, "check_same_thread": False})
        event.listen(engine, "connect", _sqlite_writer if writing else _sqlite_reader)
        event.listen(engine, "begin", _begin_immediate if writing else _begin_deferred)
        return engine

    @property
    def engine(self) -> Engine:
        """The writing engine, for migrations."""
        return self._writing

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A short read-only session; its rows stay usable afterwards."""
        with Session(self._reading, expire_on_commit=False) as session:
            yield session

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """One transaction: committed at the end, rolled back by any exception."""
        with Session(self._writing, expire_on_commit=False) as session, session.begin():
            yield session

    def forget_connections(self) -> None:
        """After a fork: connections of the parent are not ours to close."""
        self._reading.dispose(close=False)
        self._writing.dispose(close=False)

    def close(self) -> None:
        self._reading.dispose()
        self._writing.dispose()


def _hide_values(context: ExceptionContext) -> None:
    """PostgreSQL's details quote whole rows."""
    detail = getattr(getattr(context.original_exception, "diag", None), "message_detail", None)
    if detail:
        for error in (context.original_exception, context.sqlalchemy_exception):
            if error is not None:
                error.args = tuple(
                    part.replace(detail, "(hidden)") if isinstance(part, str) else part for part in error.args
                )


def _sqlite_common(connection: Any) -> None:
    connection.isolation_level = None
    connection.execute("PRAGMA foreign_keys=ON")
    connection.execute("PRAGMA synchronous=FULL")


def _sqlite_writer(connection: Any, _record: Any) -> None:
    import sqlite3

    _sqlite_common(connection)
    wanted = "wal" if wal_is_safe(sqlite3.sqlite_version_info) else "delete"  # type: ignore[arg-type]
    mode = connection.execute(f"PRAGMA journal_mode={wanted}").fetchone()[0]
    if mode not in (wanted, "memory"):
        raise RuntimeError(f"SQLite keeps journal mode {mode}, {wanted} was asked for.")


def _sqlite_reader(connection: Any, _record: Any) -> None:
    _sqlite_common(connection)
    connection.execute("PRAGMA query_only=ON")


def _begin_immediate(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _begin_deferred(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN DEFERRED")


_current: Database | None = None


def connect(url: str) -> Database:
    """Make this the process's database (closing an earlier one)."""
    global _current
    if _current is not None:
        _current.close()
    _current = Database(url)
    return _current


def is_connected() -> bool:
    """Whether this process has a database."""
    return _current is not None


def database() -> Database:
    """The process's database."""
    if _current is None:
        raise RuntimeError("No database yet: call connect(url) first.")
    return _current


@contextmanager
def reading() -> Iterator[Session]:
    """A short read-only session of the process's database."""
    with database().reading() as session:
        yield session


@contextmanager
def reading_one_view() -> Iterator[Session]:
    """A reading session whose statements all see the rows of one instant, as SQLite gives by itself."""
    with database().reading() as session:
        if not database().is_sqlite:
            session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
        yield session


@contextmanager
def writing() -> Iterator[Session]:
    """One writing transaction of the process's database."""
    with database().writing() as session:
        yield session


def id_of(row: Any) -> int:
    """The key of a row that is in the database already."""
    key = row.id
    if key is None:
        raise RuntimeError(f"{type(row).__name__} is not in the database yet: flush first.")
    return int(key)


def lock_row(session: Session, table: type[Row], row_id: int) -> Row | None:
    """The row, read fresh and locked until the transaction ends (SQLite: the write lock is already held).

    Others can still name it in foreign keys; if they could not, two such transactions could wait in a circle.
    """
    statement = select(table).where(table.id == row_id).with_for_update(key_share=True)  # type: ignore[attr-defined]
    return session.execute(statement.execution_options(populate_existing=True)).scalar_one_or_none()
