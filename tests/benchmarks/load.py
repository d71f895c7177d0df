"""A closed-loop load generator: each client asks, waits for the answer, asks again."""

import os
import random
import resource
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException

TIMEOUT_SECONDS = 30


@dataclass(slots=True)
class Load:
    """What a load measured; latencies in milliseconds, sorted. `own_share`: of the whole machine, 0 to 1."""

    seconds: float
    latencies: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    own_share: float = 0.0

    @property
    def per_second(self) -> float:
        return len(self.latencies) / self.seconds

    def percentile(self, percent: float) -> float:
        """Nearest-rank percentile in milliseconds; NaN without an answer."""
        if not self.latencies:
            return float("nan")
        rank = max(0, -(-len(self.latencies) * percent // 100) - 1)
        return self.latencies[int(rank)]


class Client:
    """One keep-alive connection with its cookies and its own random numbers."""

    def __init__(self, host: str, port: int, seed: int) -> None:
        self.random = random.Random(seed)
        self._host, self._port = host, port
        self._connection: HTTPConnection | None = None
        self._cookies: dict[str, str] = {}

    def request(
        self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body of one request."""
        if self._connection is None:
            self._connection = HTTPConnection(self._host, self._port, timeout=TIMEOUT_SECONDS)
        sent = dict(headers or {})
        if self._cookies:
            sent["Cookie"] = "; ".join(f"{name}={value}" for name, value in self._cookies.items())
        try:
            self._connection.request(method, path, body=body, headers=sent)
            answer = self._connection.getresponse()
            content = answer.read()
        except (OSError, HTTPException):
            self._connection.close()
            self._connection = None
            raise
        for name, value in answer.getheaders():
            if name.lower() == "set-cookie":
                cookie, _, rest = value.partition("=")
                self._cookies[cookie.strip()] = rest.partition(";")[0]
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, content


Step = Callable[[Client], tuple[float, str | None]]  # one measured answer: milliseconds and what was wrong with it


def timed(client: Client, method: str, path: str, **more: object) -> tuple[float, tuple[int, dict[str, str], bytes]]:
    """Milliseconds and answer of one request."""
    start = time.perf_counter()
    answer = client.request(method, path, **more)  # type: ignore[arg-type]
    return (time.perf_counter() - start) * 1000, answer


def run_load(
    port: int,
    step: Step,
    *,
    clients: int,
    seconds: float,
    seed: int = 1,
    pause: Callable[[Client], float] | None = None,
) -> Load:
    """Let `clients` threads repeat `step` for `seconds`; `pause` (seconds) comes before each step, for a fixed rate."""
    lock = threading.Lock()
    load = Load(seconds)
    start_line = threading.Barrier(clients + 1)

    def be_client(number: int) -> None:
        client = Client("127.0.0.1", port, seed * 1000 + number)
        start_line.wait()
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            if pause is not None:
                time.sleep(pause(client))
            try:
                milliseconds, wrong = step(client)
            except (OSError, HTTPException) as error:
                milliseconds, wrong = 0.0, repr(error)
            with lock:
                if wrong is None:
                    load.latencies.append(milliseconds)
                else:
                    load.errors.append(wrong)

    threads = [threading.Thread(target=be_client, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    used = resource.getrusage(resource.RUSAGE_SELF)
    start_line.wait()
    started = time.perf_counter()
    for thread in threads:
        thread.join()
    load.seconds = time.perf_counter() - started
    now = resource.getrusage(resource.RUSAGE_SELF)
    own = now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime
    load.own_share = own / load.seconds / (os.cpu_count() or 1)
    load.latencies.sort()
    return load
