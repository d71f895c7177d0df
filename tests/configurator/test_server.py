"""Requests go to the process that is free."""

from __future__ import annotations

import socket
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
def crowd(worker: str, go: Path, *, processes: int = 2) -> Iterator[int]:
    port = free_port()
    arguments = worker, str(port), str(go), str(processes)
    process = subprocess.Popen([sys.executable, "-m", "tests.configurator.crowd", *arguments], cwd=ROOT)
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


@contextmanager
def lazy_client(port: int) -> Iterator[socket.socket]:
    """One that asks once and does not close its connection."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        yield client


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


@pytest.mark.parametrize("worker", [OURS, PLAIN])
def test_nobody_waits_for_a_client_that_does_not_close_its_connection(worker: str, tmp_path: Path) -> None:
    """With gunicorn's own workers everybody does, which is the test's control; what was answered is complete."""
    with crowd(worker, tmp_path / "go", processes=1) as port, lazy_client(port) as lazy:
        told = lazy.makefile("rb").read()  # to the end of the answer, which was said to be the last
        try:
            asked(port, "/", timeout=PATIENCE / 2)
            waited = False
        except TimeoutError:
            waited = True
    assert told.startswith(b"HTTP/1.1 200") and told.rstrip().split()[-1].isdigit()
    assert waited is (worker == PLAIN)


def test_a_client_that_goes_on_talking_after_its_last_answer_is_not_listened_to(tmp_path: Path) -> None:
    with crowd(OURS, tmp_path / "go", processes=1) as port, lazy_client(port) as lazy:
        assert lazy.makefile("rb").read().startswith(b"HTTP/1.1 200")
        with pytest.raises(ConnectionError):  # it would take 2 s for the others, and here for ever
            for _ in range(10_000):
                lazy.sendall(b"more" * 4096)


def test_a_process_whose_threads_are_all_taken_lets_go_of_its_connections(tmp_path: Path) -> None:
    cfg = Server(Settings(data=str(tmp_path), mode="demo")).cfg
    worker = Worker(0, 0, [], None, 30, cfg, None)
    worker.nr_conns, most = cfg.threads - 1, worker.worker_connections
    assert worker.max_keepalived > worker.nr_conns and most == cfg.threads
    worker.nr_conns = cfg.threads
    assert worker.max_keepalived == 0 and worker.worker_connections == worker.nr_conns
    worker.keepalived_conns.append(object())  # one of them is idle: there is a thread for another one
    assert worker.max_keepalived > 1 and worker.worker_connections == worker.nr_conns + 1
