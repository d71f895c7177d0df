"""An accepted order is never lost: clients order while web and job workers are killed without warning."""

from __future__ import annotations

import os
import random
import shutil
import signal
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
from alembic import command
from sqlalchemy import update
from sqlmodel import col, func, select

from catalog.factory import Material
from configurator import db
from configurator.audit import AuditEvent
from configurator.config import Settings
from configurator.idempotency import IdempotencyKey
from configurator.migrate import alembic_config
from configurator.outbox import OutboxMail
from configurator.planning.models import ManufacturingOperation, ManufacturingOrder
from configurator.sales.models import SalesOrder, SalesOrderItem
from configurator.sales.parties import Party
from tests.configurator.crash.servers import RunningHouse, call
from tests.conftest import Copies, PostgresServer, _settings

SQLITE = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
COLOURS = ("ivory", "sand", "mint", "sky", "sun", "coral", "forest", "navy", "graphite")


@dataclass(frozen=True)
class Acknowledged:
    """What a client was told: this is ordered."""

    key: str
    buyer: str
    number: str
    token: str
    gross_minor: int
    arrives_on: str


@dataclass
class Clients:
    """People who order one bicycle after another, and try again with the same key until they get an answer."""

    port: int
    wanted: int
    acknowledged: list[Acknowledged] = field(default_factory=list)
    cut_off: int = 0
    faults: list[str] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)
    started: int = 0

    def run(self, number: int) -> None:
        chance = random.Random(number)
        while not self.over.is_set():
            with self.lock:
                if self.started >= self.wanted:
                    return
                self.started += 1
                mine = self.started
            self._order(f"Buyer {mine}", chance)

    def _order(self, buyer: str, chance: random.Random) -> None:
        while not self.over.is_set():
            asked = {"decisions": [{"group": "colour", "option": chance.choice(COLOURS)}], "country": "CN"}
            status, promised = self._persist("/api/v1/products/bicycle/promise", asked)
            if status != 200:
                self.faults.append(f"promise: {status} {promised}")
                return
            body = {
                "product": "bicycle", "variant": promised["variant"],
                "buyer": {
                    "name": buyer, "mail": "buyer@example.com", "street": "Ring 1", "postal_code": "214000",
                    "city": "Wuxi", "country": "CN",
                },
                "shown": {
                    "gross_minor": promised["price"]["gross_minor"], "currency": promised["price"]["currency"],
                    "arrives_on": promised["date"]["arrives_on"],
                },
            }
            key = uuid.uuid4().hex
            status, answer = self._persist("/api/v1/orders", body, **{"Idempotency-Key": key})
            if status == 201:
                told = Acknowledged(
                    key, buyer, answer["number"], answer["token"], answer["gross_minor"], answer["arrives_on"]
                )
                with self.lock:
                    self.acknowledged.append(told)
                return
            if status != 409 or answer["error"]["code"] != "date_lost":  # somebody else took the date: ask again
                self.faults.append(f"order: {status} {answer}")
                return

    def _persist(self, path: str, body: Any, **headers: str) -> tuple[int, Any]:
        """Send until there is an answer: a killed process answers nothing, an overloaded database 503."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and not self.over.is_set():
            try:
                status, answer = call(self.port, "POST", path, body, **headers)
                if status != 503:
                    return status, answer
            except OSError:
                pass
            with self.lock:
                self.cut_off += 1
            time.sleep(0.02)
        return 0, "no answer within a minute"


def lost(acknowledged: list[Acknowledged]) -> list[str]:
    """What an independent look into the database misses of the orders that were acknowledged."""
    missing = []
    with db.reading() as session:
        for told in acknowledged:
            row = session.exec(
                select(SalesOrder, SalesOrderItem, Party)
                .join(SalesOrderItem, col(SalesOrderItem.sales_order_id) == SalesOrder.id)
                .join(Party, col(Party.id) == SalesOrder.ship_to_id)
                .where(SalesOrder.number == told.number, SalesOrder.token == told.token)
            ).one_or_none()
            if row is None:
                missing.append(f"{told.number}: no order")
                continue
            order, item, party = row
            if (party.name, order.gross_minor, order.arrives_on.isoformat()) != (
                told.buyer, told.gross_minor, told.arrives_on
            ):
                missing.append(f"{told.number}: another buyer, price or date")
            operations = session.exec(
                select(func.count()).select_from(ManufacturingOperation)
                .where(ManufacturingOperation.order_id == item.manufacturing_order_id)
            ).one()
            if not operations:
                missing.append(f"{told.number}: no operations")
            mails = session.exec(select(OutboxMail).where(OutboxMail.party_id == party.id)).all()
            if [mail.template for mail in mails] != ["order_confirmation"]:
                missing.append(f"{told.number}: outbox {[mail.template for mail in mails]}")
            keys = session.exec(select(IdempotencyKey).where(IdempotencyKey.key == told.key)).all()
            if [key.answer.get("number") for key in keys] != [told.number]:
                missing.append(f"{told.number}: its key")
            audited = session.exec(
                select(func.count()).select_from(AuditEvent)
                .where(AuditEvent.action == "order.placed", AuditEvent.subject_id == order.id)
            ).one()
            if audited != 1:
                missing.append(f"{told.number}: {audited} audit rows")
    return missing


def _order_under_fire(running: RunningHouse, orders: int, kills: int, kill: Callable[[], None]) -> Clients:
    """Eight clients place the orders; a kill comes when its share of them is through: spread over the whole run."""
    clients = Clients(running.port, orders)
    threads = [threading.Thread(target=clients.run, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    try:
        while any(thread.is_alive() for thread in threads):
            if running.kills < kills and len(clients.acknowledged) >= (running.kills + 0.5) * orders / kills:
                kill()
            time.sleep(0.002)
    finally:
        clients.over.set()
        for thread in threads:
            thread.join()
    return clients


def _nothing_is_lost(running: RunningHouse, clients: Clients, orders: int, kills: int) -> None:
    assert clients.faults == []
    assert running.kills == kills, running.log()
    assert clients.cut_off > 0, "no kill has hit a request"
    assert len(clients.acknowledged) == orders
    assert lost(clients.acknowledged) == []
    # One key one order: tries that were cut off have not become orders of their own.
    assert _count(SalesOrder) == _count(ManufacturingOrder) == orders
    assert {told.buyer for told in clients.acknowledged} == {f"Buyer {number}" for number in range(1, orders + 1)}
    assert len({told.number for told in clients.acknowledged}) == orders


def _count(table: Any) -> int:
    with db.reading() as session:
        return session.exec(select(func.count()).select_from(table)).one()


@pytest.fixture
def house_settings(settings: Settings, factory: int, tmp_path: Path) -> Settings:
    command.stamp(alembic_config(), "head")
    with db.writing() as session:  # 5,000 bicycles want more than the demo factory's yearly supply
        session.execute(update(Material).values(stock=1_000_000))
    return replace(settings, data=str(tmp_path), horizon_days=700)


@pytest.fixture
def running(house_settings: Settings) -> Iterator[RunningHouse]:
    opened = RunningHouse(house_settings)
    try:
        opened.wait_until_ready()
        yield opened
    finally:
        opened.close()


@SQLITE
@pytest.mark.parametrize(("orders", "kills"), [(100, 5), pytest.param(5000, 100, marks=pytest.mark.slow)])
def test_no_acknowledged_order_is_lost_under_kill_9(running: RunningHouse, orders: int, kills: int) -> None:
    def kill() -> None:
        if running.kills % 5 == 2:
            running.kill_job_worker()
        else:
            running.kill_web_worker()

    running.start_worker()
    clients = _order_under_fire(running, orders, kills, kill)
    _nothing_is_lost(running, clients, orders, kills)


@SQLITE
def test_an_order_is_safe_from_the_moment_of_its_answer(running: RunningHouse) -> None:
    """The process that answered is killed as soon as the answer is there."""
    clients = Clients(running.port, 3)
    for _ in range(3):
        clients.wanted = len(clients.acknowledged) + 1
        clients.run(0)
        running.kill_web_worker()
        running.kill_web_worker()
    assert clients.faults == []
    assert len(clients.acknowledged) == 3
    assert lost(clients.acknowledged) == []


@SQLITE
def test_a_server_that_answers_before_it_commits_is_caught(house_settings: Settings) -> None:
    """Negative control: the same clients and the same look into the database, before a careless server."""
    careless = RunningHouse(house_settings, web_processes=1, program=("-m", "tests.configurator.crash.careless"))
    try:
        careless.wait_until_ready()
        clients = Clients(careless.port, 1)
        clients.run(0)
        careless.kill_web_worker()
        assert len(clients.acknowledged) == 1, clients.faults
        assert lost(clients.acknowledged) == [f"{clients.acknowledged[0].number}: no order"]
    finally:
        careless.close()


@pytest.mark.slow
def test_no_acknowledged_order_is_lost_when_the_database_dies(tmp_path: Path) -> None:
    """A PostgreSQL of its own: each kill of one of its processes ends all others, and it recovers by itself."""
    folder = Path(tempfile.mkdtemp(prefix="configurator-crash-"))  # where the server's own user may go
    server = PostgresServer(folder)
    server.run("ALTER SYSTEM SET synchronous_commit = on")  # off for other tests: a commit may then be in memory only
    server.run("SELECT pg_reload_conf()")
    try:
        url = Copies("postgresql", tmp_path, lambda: server).copy("factory", "crash")
        db.connect(url)
        settings = replace(_settings(url, tmp_path), horizon_days=700)
        command.stamp(alembic_config(), "head")
        running = RunningHouse(settings)

        def kill() -> None:
            with psycopg.connect(server.url("postgres").replace("+psycopg", ""), autocommit=True) as connection:
                backends = connection.execute(
                    "SELECT pid FROM pg_stat_activity WHERE datname = 'crash' AND backend_type = 'client backend'"
                ).fetchall()
            if backends:
                os.kill(running.random.choice(backends)[0], signal.SIGKILL)
                running.kills += 1

        try:
            running.wait_until_ready()
            clients = _order_under_fire(running, 300, 10, kill)
            time_limit = time.monotonic() + 30
            while call(running.port, "GET", "/healthz")[0] != 200 and time.monotonic() < time_limit:
                time.sleep(0.1)
            _nothing_is_lost(running, clients, 300, 10)
        finally:
            running.close()
            db.database().close()
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)
