"""Start the web server and a worker as children, say where the house is, and end them together."""

from __future__ import annotations

import ctypes
import fcntl
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import IO

from configurator.auth import demo_logins
from configurator.config import Settings

READY_SECONDS = 120
STOP_SECONDS = 15
PR_SET_PDEATHSIG = 1


class CannotStart(Exception):
    """Why the house cannot be opened, in one line."""


def launch(settings: Settings, prepare: Callable[[], None], say: Callable[[str], None]) -> None:
    """Run until interrupted or until a child ends; raises CannotStart. Nothing it started outlives it."""
    settings.folder.mkdir(parents=True, exist_ok=True)
    with _only_one(settings.folder):
        _check_port(settings)
        prepare()
        asked: list[int] = []
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda given, _frame: asked.append(given))
        logs = settings.folder / "log"
        logs.mkdir(exist_ok=True)
        children: dict[str, subprocess.Popen[bytes]] = {}
        try:
            for name in ("serve", "worker"):
                if not asked:
                    children[name] = _start(name, logs / f"{name}.log")
            if _wait_until_ready(settings, children, asked, logs):
                _welcome(settings, logs, say)
                while not asked and _all_alive(children, logs):
                    time.sleep(0.2)
        finally:
            _end(children)
        if asked:
            say("Closed.")


def _only_one(folder: Path) -> IO[str]:
    lock = (folder / "run.lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as busy:
        lock.close()
        raise CannotStart("This house is open already (another run uses the same data folder).") from busy
    return lock


def _check_port(settings: Settings) -> None:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as busy:
            raise CannotStart(
                f"Port {settings.port} on {settings.host} cannot be used ({busy.strerror}). "
                f"Please choose another one: PORT={settings.port + 1} make run"
            ) from busy


def _start(command: str, log: Path) -> subprocess.Popen[bytes]:
    """A child in a session of its own (Ctrl-C is for us), that the kernel ends should we be killed."""
    parent = os.getpid()

    def bind_to_parent() -> None:
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            os._exit(1)

    with log.open("wb") as output:
        return subprocess.Popen(
            [sys.executable, "-m", "configurator", command],
            stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
            start_new_session=True, preexec_fn=bind_to_parent if sys.platform == "linux" else None,
        )


def _wait_until_ready(
    settings: Settings, children: dict[str, subprocess.Popen[bytes]], asked: list[int], logs: Path
) -> bool:
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(settings.host, settings.host)  # noqa: S104
    request = urllib.request.Request(
        f"http://{host}:{settings.port}/healthz", headers={"Host": (settings.hosts or ["localhost"])[0]}
    )
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        if asked or not _all_alive(children, logs):
            return False
        try:
            with opener.open(request, timeout=2):
                return True
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise CannotStart(f"The web server did not answer within {READY_SECONDS} s; see {logs / 'serve.log'}.")


def _all_alive(children: dict[str, subprocess.Popen[bytes]], logs: Path) -> bool:
    for name, child in children.items():
        if child.poll() is not None:
            log = logs / f"{name}.log"
            tail = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
            raise CannotStart(f"`configurator {name}` ended by itself (code {child.returncode}); from {log}:\n{tail}")
    return True


def _welcome(settings: Settings, logs: Path, say: Callable[[str], None]) -> None:
    say("")
    say(f"  The house is open: {settings.address}/")
    say("")
    say("  Buyers need no login. The people who work here log in at /login:")
    for role, login, password in demo_logins():
        say(f"    {role.value:<14} {login:<14} {password}")
    say("")
    mails = settings.smtp_url.partition("@")[2] or settings.folder / "mails"
    say(f"  Mails: {mails}   Logs: {logs}   Ctrl-C closes the house.")
    sys.stdout.flush()


def _end(children: dict[str, subprocess.Popen[bytes]]) -> None:
    for child in children.values():
        if child.poll() is None:
            child.terminate()
    deadline = time.monotonic() + STOP_SECONDS
    for child in children.values():
        try:
            child.wait(max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)  # its own session: the whole group, workers included
            child.wait()
