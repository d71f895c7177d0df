"""A real house for crash tests: gunicorn and a job worker as processes of their own, to be killed without warning."""

from __future__ import annotations

import http.client
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from configurator.config import Settings

ROOT = Path(__file__).parents[3]
READY_SECONDS = 60


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class RunningHouse:
    """The web server (`program`: what to run instead of ours) and a job worker."""

    settings: Settings
    web_processes: int = 2
    program: tuple[str, ...] = ("-m", "configurator", "serve")
    port: int = field(default_factory=free_port)
    random: random.Random = field(default_factory=lambda: random.Random(2026))
    kills: int = 0

    def __post_init__(self) -> None:
        self.web = self._start(*self.program)
        self.worker: subprocess.Popen[bytes] | None = None

    def _start(self, *arguments: str) -> subprocess.Popen[bytes]:
        s = self.settings
        environment = os.environ | {
            "CONFIGURATOR_MODE": "demo", "CONFIGURATOR_DATA": s.data, "CONFIGURATOR_DATABASE_URL": s.database,
            "CONFIGURATOR_JOBS_DATABASE_URL": f"sqlite:///{s.folder / 'jobs.sqlite'}",
            "CONFIGURATOR_PORT": str(self.port),
            "CONFIGURATOR_SECRET_KEY": s.secret_key, "CONFIGURATOR_WEB_PROCESSES": str(self.web_processes),
            "CONFIGURATOR_TRUSTED_HOSTS": "127.0.0.1,localhost", "CONFIGURATOR_LOG_LEVEL": "WARNING",
            "CONFIGURATOR_HORIZON_DAYS": str(s.horizon_days), "PYTHONDONTWRITEBYTECODE": "",
        }
        log = (s.folder / "house.log").open("ab")
        return subprocess.Popen(
            [sys.executable, *arguments], cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )

    def start_worker(self) -> None:
        """A job worker; started again after it was killed, as any supervisor would."""
        self.worker = self._start("-m", "configurator", "worker")

    def wait_until_ready(self) -> None:
        """Until the web server answers."""
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline:
            assert self.web.poll() is None, self.log()
            try:
                if call(self.port, "GET", "/healthz")[0] == 200:
                    return
            except OSError:
                time.sleep(0.05)
        raise AssertionError(f"not ready within {READY_SECONDS} s: {self.log()}")

    def log(self) -> str:
        return (self.settings.folder / "house.log").read_text(errors="replace")[-3000:]

    def kill_web_worker(self) -> None:
        """One of gunicorn's processes ends in the middle of whatever it is doing."""
        children = web_workers(self.web.pid)
        if children:
            os.kill(self.random.choice(children), signal.SIGKILL)
            self.kills += 1

    def kill_job_worker(self) -> None:
        """The job worker ends in the middle of whatever it is doing, and a new one is started."""
        if self.worker is not None:
            self.worker.kill()
            self.worker.wait()
            self.kills += 1
        self.start_worker()

    def close(self) -> None:
        """End everything that was started."""
        for process in (self.web, self.worker):
            if process is not None and process.poll() is None:
                process.terminate()
        for process in (self.web, self.worker):
            if process is not None:
                try:
                    process.wait(15)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()


def web_workers(master: int) -> list[int]:
    """The processes that gunicorn has forked."""
    return [int(pid) for pid in Path(f"/proc/{master}/task/{master}/children").read_text().split()]


def call(port: int, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
    """One request on a connection of its own; (status, JSON). Raises OSError where a process died under it."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        sent = None if body is None else json.dumps(body)
        connection.request(method, path, sent, {"Content-Type": "application/json", **headers})
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read() or b"null")
    except (http.client.HTTPException, ValueError) as cut:
        raise ConnectionError("cut off") from cut
    finally:
        connection.close()
