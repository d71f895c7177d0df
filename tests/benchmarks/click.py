"""Suite `click`: one more choice on the configuring page, over HTTP - domains, price, date and the rendered part.

`wardrobe`: everything included, in a book of 10,000 open orders: a click ends when the dates of all options are there.
"""

import html
import re
import threading
import time
import uuid
from collections.abc import Iterator

from tests.benchmarks.checkout import Buyer
from tests.benchmarks.house import HORIZON_DAYS, seeded_folder, serving
from tests.benchmarks.load import Client, Load, Step, run_load, timed
from tests.benchmarks.report import Row

PRODUCT = "bicycle"
HEAVY = "wardrobe"  # with sums, millimetres and three modules
BOOK = 10_000  # open orders
CLIENTS = 8
CHECKOUTS_PER_SECOND = 10
PARTIAL = {"HX-Request": "true", "Accept-Language": "en"}


CARD = re.compile(rb'<a class="option (\w+)" id="[^"]*" href="([^"]*)"')


class Shopper:
    """Somebody who clicks at random on the options that the page shows, and now and then starts over.

    Options that cannot be had are among them: they are answered with the reason and repairs, and the page goes on.
    """

    def __init__(self, product: str = PRODUCT, *, complete: bool = False) -> None:
        """`complete`: a click has ended when the dates that it did not wait for are there too."""
        self._complete = complete
        self._place = f"/products/{product}"
        self._links: list[str] = []

    def click(self, client: Client) -> tuple[float, str | None]:
        """One click."""
        anew = not self._links or client.random.random() < 0.03
        link = self._place if anew else client.random.choice(self._links)
        path = link.replace(self._place, f"{self._place}/choose", 1)
        milliseconds, (status, _, body) = timed(client, "GET", path, headers=PARTIAL)
        if status != 200 or b"<" not in body:
            self._links = []
            return milliseconds, f"{status} {path}"
        self._links = [html.unescape(found.decode()) for state, found in CARD.findall(body) if state != b"chosen"]
        if self._complete and (later := re.search(rb'data-dates="([^"]*)"', body)):
            place = html.unescape(later[1].decode())
            more, (status, _, body) = timed(client, "GET", place, headers=PARTIAL)
            milliseconds += more
            if status != 200 or b"data-place" not in body:
                return milliseconds, f"{status} {place}"
        return milliseconds, None


def shoppers(product: str = PRODUCT, *, complete: bool = False) -> Step:
    """A step that gives every client a shopper of its own."""
    mine = threading.local()

    def step(client: Client) -> tuple[float, str | None]:
        if not hasattr(mine, "shopper"):
            mine.shopper = Shopper(product, complete=complete)
        return mine.shopper.click(client)  # type: ignore[no-any-return]

    return step


def healthy(client: Client) -> tuple[float, str | None]:
    """The cheapest answer that this server gives: the bound of every other."""
    milliseconds, (status, _, _) = timed(client, "GET", "/healthz")
    return milliseconds, None if status == 200 else str(status)


def figures(suite: str, instance: str, engine: str, load: Load) -> Iterator[Row]:
    """The rows of one load."""
    share = f"load generator {load.own_share:.0%} of the machine"
    yield Row(suite, instance, engine, "per_second", load.per_second, "1/s", share)
    yield Row(suite, instance, engine, "p50_ms", load.percentile(50), "ms")
    yield Row(suite, instance, engine, "p99_ms", load.percentile(99), "ms")
    yield Row(suite, instance, engine, "errors", len(load.errors), "count", "; ".join(sorted(set(load.errors))[:3]))


def run(*, full: bool) -> Iterator[Row]:
    """Clicks alone, clicks beside 10 checkouts a second, and the cheapest answer of the same server."""
    seconds = 120 if full else 25
    with seeded_folder() as folder, serving(folder) as port:
        run_load(port, shoppers(), clients=2, seconds=2, seed=99)  # both processes have read book and catalog
        alone = run_load(port, shoppers(), clients=CLIENTS, seconds=seconds)
        yield from figures("click", PRODUCT, "ours", alone)
        beside, placed = _beside_checkouts(port, seconds)
        instance = f"{PRODUCT} with checkouts"
        yield from figures("click", instance, "ours", beside)
        ratio = beside.percentile(99) / alone.percentile(99)
        note = f"{placed / seconds:.1f} checkouts a second beside it"
        yield Row("click", instance, "ours", "p99_ratio", ratio, "", note)
        yield from figures("click", PRODUCT, "bound: /healthz", run_load(port, healthy, clients=CLIENTS, seconds=5))
    yield from _everything(seconds)


def _everything(seconds: float) -> Iterator[Row]:
    """The wardrobe with the dates of all options in a large book: 8 clients, then one alone for the server's time."""
    with seeded_folder(orders=BOOK) as folder, serving(folder, horizon_days=str(HORIZON_DAYS)) as port:
        run_load(port, shoppers(HEAVY, complete=True), clients=4, seconds=5, seed=98)
        load = run_load(port, shoppers(HEAVY, complete=True), clients=CLIENTS, seconds=seconds)
        yield from figures("click", HEAVY, "ours", load)
        alone = run_load(port, shoppers(HEAVY, complete=True), clients=1, seconds=seconds / 2, seed=3)
        yield Row("click", HEAVY, "ours", "alone_p50_ms", alone.percentile(50), "ms", "one client: the server's time")


def _beside_checkouts(port: int, seconds: float) -> tuple[Load, int]:
    """Clicks while one more client orders at a fixed rate; the load, and how many orders were placed."""
    over = threading.Event()
    placed: list[str] = []

    def keep_ordering(number: int) -> None:
        client, buyer = Client("127.0.0.1", port, 7000 + number), Buyer()
        due = time.perf_counter()
        while not over.is_set():
            _, wrong = buyer.order(client)
            if wrong is None:
                placed.append(uuid.uuid4().hex)
            due += 2 / CHECKOUTS_PER_SECOND
            over.wait(max(0.0, due - time.perf_counter()))

    threads = [threading.Thread(target=keep_ordering, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    load = run_load(port, shoppers(), clients=CLIENTS, seconds=seconds, seed=2)
    over.set()
    for thread in threads:
        thread.join()
    return load, len(placed)
