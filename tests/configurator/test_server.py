"""Requests go to the process that is free."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from time import monotonic, sleep

import pytest

from configurator.config import Settings
from configurator.server import Server, Worker
from tests.configurator.crash.servers import READY_SECONDS, ROOT, free_port

OURS, PLAIN = "configurator.server:Worker", "gunicorn.workers.gthread:ThreadWorker"
PATIENCE = 2.0


@contextmanager
def crowd(worker: str, go: Path) -> Iterator[int]:
    port = free_port()
    process = subprocess.Popen([sys.executable, "-m", "tests.configurator.crowd", worker, str(port), str(go)], cwd=ROOT)
    try:
        deadline = monotonic() + READY_SECONDS
        while True:
            try:
                asked(port, "/", timeout=PATIENCE)
                break
            except OSError:
                assert process.poll() is None and monotonic() < deadline
                sleep(0.02)
        yield port
    finally:
        go.touch()
        process.terminate()
        process.wait(timeout=20)


def asked(port: int, path: str, *, timeout: float) -> tuple[int, bool]:
    """The process that answers, and whether it keeps the connection."""
    connection = HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return int(answer.read()), answer.getheader("Connection") != "close"
    finally:
        connection.close()


@pytest.mark.parametrize("worker", [OURS, PLAIN])
def test_nobody_waits_for_a_busy_process_while_another_is_free(worker: str, tmp_path: Path) -> None:
    """With gunicorn's own workers somebody does, which is the test's control."""
    with crowd(worker, tmp_path / "go") as port, ThreadPoolExecutor(1) as beside:
        slow = beside.submit(asked, port, "/slow", timeout=60)
        while not (tmp_path / "go.begun").exists():
            sleep(0.01)
        answered = set()
        try:
            for _ in range(40):
                answered.add(asked(port, "/", timeout=PATIENCE)[0])
            waited = False
        except TimeoutError:
            waited = True
        (tmp_path / "go").touch()
        busy, _kept = slow.result(timeout=20)
    assert waited is (worker == PLAIN)
    assert waited or busy not in answered


def test_a_process_whose_threads_are_all_taken_lets_go_of_its_connections(tmp_path: Path) -> None:
    cfg = Server(Settings(data=str(tmp_path), mode="demo")).cfg
    worker = Worker(0, 0, [], None, 30, cfg, None)
    worker.nr_conns, most = cfg.threads - 1, worker.worker_connections
    assert worker.max_keepalived > worker.nr_conns and most == cfg.threads
    worker.nr_conns = cfg.threads
    assert worker.max_keepalived == 0 and worker.worker_connections == worker.nr_conns
    worker.keepalived_conns.append(object())  # one of them is idle: there is a thread for another one
    assert worker.max_keepalived > 1 and worker.worker_connections == worker.nr_conns + 1
