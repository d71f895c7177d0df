"""A web server of some processes with one thread each, and one application: `/slow` answers when it is let go.

Its arguments: the class of its workers (module:class), its port, the file that lets `/slow` go (beside it, `.begun`
says that somebody waits for that), and the number of processes.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterable
from importlib import import_module
from pathlib import Path
from typing import Any

from gunicorn.app.base import BaseApplication


class Crowd(BaseApplication):  # type: ignore[misc]
    def __init__(self, worker: str, port: str, go: str, processes: str) -> None:
        self.worker, self.port, self.go, self.processes = worker, port, Path(go), int(processes)
        super().__init__()

    def load_config(self) -> None:
        module, _, name = self.worker.partition(":")
        for option, value in {
            "bind": f"127.0.0.1:{self.port}", "workers": self.processes, "threads": 1, "keepalive": 30,
            "loglevel": "warning", "worker_class": getattr(import_module(module), name),
            "control_socket_disable": True,
        }.items():
            self.cfg.set(option, value)

    def load(self) -> Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]:
        return self.answer

    def answer(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ["PATH_INFO"] == "/slow":
            self.go.with_suffix(".begun").touch()
            while not self.go.exists():
                time.sleep(0.01)
        body = str(os.getpid()).encode()
        start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
        return [body]


if __name__ == "__main__":
    Crowd(*sys.argv[1:]).run()
