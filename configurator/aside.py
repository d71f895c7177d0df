"""One long computation beside the requests: in a forked process, so that it freezes no other thread and can be ended.

The child sees the memory of this instant and touches nothing outside it: no database, no file, no lock of another
thread. It is polite (nice), its life is short, and what it found comes back through a pipe.
"""

from __future__ import annotations

import gc
import os
import pickle
import select
import signal
from collections.abc import Callable
from threading import Lock
from time import monotonic
from typing import TypeVar

Value = TypeVar("Value")
LOOK_EVERY = 0.05  # seconds between two looks at `stop`
GRACE = 1.0  # seconds beyond its own limit after which a computation is ended
POLITE = 10
_BYTES = 1 << 20

_one = Lock()


class Busy(Exception):
    """This process computes something aside already."""


def aside(
    work: Callable[[], Value], *, seconds: float, stop: Callable[[], bool] = lambda: False, one: Lock = _one
) -> Value | None:
    """What `work` returns; None if it fails, takes more than a second longer than `seconds`, or `stop` says so.

    One at a time in each process, or of those with this lock; raises Busy, at once, while another one runs.
    """
    if not one.acquire(blocking=False):
        raise Busy
    try:
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            _compute(work, writing, seconds + GRACE)
        os.close(writing)
        try:
            found = _read(reading, monotonic() + seconds + GRACE, stop)
        finally:
            os.close(reading)
            os.kill(child, signal.SIGKILL)  # nothing to do if it has ended: it is waited for only below
            os.waitpid(child, 0)
        return None if found is None else pickle.loads(found)  # noqa: S301 - our own child's
    finally:
        one.release()


def _read(reading: int, end: float, stop: Callable[[], bool]) -> bytes | None:
    """Everything that the child writes; None if it writes nothing, or not in time."""
    parts: list[bytes] = []
    while (left := end - monotonic()) > 0 and not stop():
        if not select.select([reading], [], [], min(LOOK_EVERY, left))[0]:
            continue
        part = os.read(reading, _BYTES)
        if not part:
            return b"".join(parts) or None
        parts.append(part)
    return None


def _compute(work: Callable[[], object], writing: int, seconds: float) -> None:
    """The child's whole life; it does not return."""
    try:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGALRM):
            signal.signal(number, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, seconds)  # it outlives nobody who could not end it
        gc.disable()
        os.nice(POLITE)
        found = memoryview(pickle.dumps(work()))
        while found:
            found = found[os.write(writing, found) :]
    finally:
        os._exit(0)
