"""Suite `checkout`: orders a second over HTTP, on both databases, and many processes after few slots."""

import json
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from types import SimpleNamespace

from sqlalchemy import create_engine, text

from catalog.load import load_catalog
from catalog.offer import current_offer
from catalog.rows import Company, utc_now
from configurator import db
from configurator.config import Settings
from configurator.schema import create_tables
from solver.configuration.samples import sample
from tests.benchmarks.house import ROOT, environment, postgresql, seeded_folder, serving
from tests.benchmarks.load import Client, Load, run_load, timed
from tests.benchmarks.report import Row
from tests.configurator.planning.test_capacity import leave_boxes, run_checkouts

PRODUCT = "bicycle"
CLIENTS = 8
TRIES = 5
SLOTS, PROCESSES, CHECKOUTS = 50, 16, 500
COLOURS = ("ivory", "sand", "mint", "sky", "sun", "coral", "copper", "forest", "navy", "graphite")
SIZES = ("s", "m", "l", "xl")
JSON = {"Content-Type": "application/json"}


class Buyer:
    """Somebody who asks for price and date of a bicycle and orders it; a lost date is asked for again."""

    def order(self, client: Client) -> tuple[float, str | None]:
        """Milliseconds of the order alone (the last try), and what was wrong with it."""
        decisions = [
            {"group": "colour", "option": client.random.choice(COLOURS)},
            {"group": "size", "option": client.random.choice(SIZES)},
        ]
        for _ in range(TRIES):
            status, _, body = client.request(
                "POST", f"/api/v1/products/{PRODUCT}/promise",
                json.dumps({"decisions": decisions, "country": "CN"}).encode(), JSON,
            )
            if status != 200:
                return 0.0, f"promise {status}"
            order = self._body(json.loads(body))
            key = {"Idempotency-Key": str(uuid.UUID(int=client.random.getrandbits(128)))}
            milliseconds, (status, _, body) = timed(client, "POST", "/api/v1/orders", body=order, headers=JSON | key)
            if status == 201:
                return milliseconds, None
            if status != 409:
                return milliseconds, f"order {status} {body[:200]!r}"
        return milliseconds, "the date was lost five times"

    @staticmethod
    def _body(promise: dict[str, object]) -> bytes:
        price, date = promise["price"], promise["date"]
        return json.dumps({
            "product": PRODUCT,
            "variant": promise["variant"],
            "buyer": {"name": "Load Test", "mail": "load@example.com", "street": "1 Long Road", "postal_code": "214000",
                      "city": "Wuxi", "country": "CN"},
            "shown": {"gross_minor": price["gross_minor"], "currency": price["currency"],  # type: ignore[index]
                      "arrives_on": date["arrives_on"]},  # type: ignore[index]
        }).encode()


def run(*, full: bool) -> Iterator[Row]:
    """Both databases, one after the other."""
    seconds = 60 if full else 15
    for kind in ("sqlite", "postgresql"):
        with ExitStack() as stack:
            url = stack.enter_context(postgresql()) if kind == "postgresql" else ""
            folder = stack.enter_context(seeded_folder(url))
            settings = {"database_url": url} if url else {}
            port = stack.enter_context(serving(folder, **settings))
            before = _count_orders(url or _sqlite_url(folder))
            load = run_load(port, lambda client: Buyer().order(client), clients=CLIENTS, seconds=seconds)
            stored = _count_orders(url or _sqlite_url(folder)) - before
            yield from _figures(kind, load, stored)
        yield from _oversold(kind)


def _figures(kind: str, load: Load, stored: int) -> Iterator[Row]:
    share = f"load generator {load.own_share:.0%} of the machine; every order asked for its price and date first"
    yield Row("checkout", kind, "ours", "per_second", load.per_second, "1/s", share)
    yield Row("checkout", kind, "ours", "p50_ms", load.percentile(50), "ms")
    yield Row("checkout", kind, "ours", "p99_ms", load.percentile(99), "ms")
    yield Row("checkout", kind, "ours", "errors", len(load.errors), "count", "; ".join(sorted(set(load.errors))[:3]))
    difference = stored - len(load.latencies)
    yield Row("checkout", kind, "ours", "orders_beyond_answers", difference, "count", f"{stored} orders stored")


def _oversold(kind: str) -> Iterator[Row]:
    """Processes with one book each go for the last boxes of a factory; how many were sold, and how many too many."""
    with tempfile.TemporaryDirectory(prefix="bench-slots-") as name, ExitStack() as stack:
        url = stack.enter_context(postgresql()) if kind == "postgresql" else f"sqlite:///{name}/slots.sqlite"
        database = db.connect(url)
        create_tables(database.engine)
        with db.writing() as session:
            company = Company(code="bench", name="Bench", zone="Asia/Shanghai", currency="CNY")
            session.add(company)
            session.flush()
            company_id = company.id or 0
            for family in ("factory", "bicycle"):
                text_of_file = (ROOT / "catalog" / "families" / f"{family}.yaml").read_text()
                load_catalog(session, company_id, text_of_file, loaded_at=utc_now())
        leave_boxes(company_id, SLOTS)
        with db.reading() as session:
            offer = current_offer(session, company_id, PRODUCT)
        shop = SimpleNamespace(company_id=company_id, offer=offer, variants=sample(offer.compiled, 20, seed=1))
        start = time.perf_counter()
        sold = run_checkouts(shop, database, PROCESSES, -(-CHECKOUTS // PROCESSES))
        seconds = time.perf_counter() - start
        with db.reading() as session:
            made = session.execute(text("SELECT count(*) FROM manufacturing_order")).scalar_one()
        db.database().close()
    note = f"{PROCESSES} processes, {CHECKOUTS} checkouts, {seconds:.1f} s"
    yield Row("checkout", kind, "ours", "sold", sold, "count", f"{note}; {SLOTS} slots")
    yield Row("checkout", kind, "ours", "oversold", max(made - SLOTS, 0), "count", note)


def _sqlite_url(folder: object) -> str:
    env = environment(folder)  # type: ignore[arg-type]
    return Settings(mode="demo", data=env["CONFIGURATOR_DATA"]).database


def _count_orders(url: str) -> int:
    engine = create_engine(url)
    with engine.connect() as connection:
        count = connection.execute(text("SELECT count(*) FROM sales_order")).scalar_one()
    engine.dispose()
    return int(count)
