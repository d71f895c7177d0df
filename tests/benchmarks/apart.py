"""Programs in processes of their own, on one core, asked by JSON lines and ended when they are overdue."""

import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self

from tests.benchmarks.house import ROOT


class Overdue(TimeoutError):
    """There was no answer within the limit; the process was ended."""


class Ended(RuntimeError):
    """The process ended instead of answering. The words are the last it said."""


class Apart:
    """A program that reads a JSON line and writes one. Leaving the `with` block ends it."""

    def __init__(self, module: str, python: str = sys.executable) -> None:
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed when the process is
        env = {name: value for name, value in os.environ.items() if not name.startswith("CONFIGURATOR_")}
        env["PYTHONHASHSEED"] = "0"  # an order that depends on hashes is the same in every run
        self._process = subprocess.Popen(
            [python, "-m", module],
            cwd=ROOT, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors,
            preexec_fn=_on_one_core,
        )
        self._lines: queue.Queue[bytes] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def ask(self, message: dict[str, Any], seconds: float) -> dict[str, Any]:
        """The answer. Raises Overdue and Ended."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(message).encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise Ended(self._last_words()) from None
        try:
            line = self._lines.get(timeout=seconds)
        except queue.Empty:
            self.close()
            what = message.get("ask", "answer" if "fixed" in message else "read")
            raise Overdue(f"{what}: nothing within {seconds:.0f} s") from None
        if not line:
            raise Ended(self._last_words())
        answer: dict[str, Any] = json.loads(line)
        return answer

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
        self._errors.close()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(line)
        self._lines.put(b"")

    def _last_words(self) -> str:
        self._process.wait()
        self._errors.seek(0)
        lines: Sequence[str] = self._errors.read().decode(errors="replace").strip().splitlines()
        if self._process.returncode == -9:
            return "ended by the machine, which had no memory left"
        return lines[-1] if lines else f"ended with {self._process.returncode}"


def _on_one_core() -> None:
    """All figures are of one core: the last that this process may use."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
