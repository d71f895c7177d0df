"""One after the other: of threads that would all compute at once, who came first is served first.

Python computes in one thread at a time anyway. Threads that share it take turns of some milliseconds, so that each of
four clicks takes four times as long; in turns the first is answered at once, and only the last waits for all of them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from threading import Lock
from typing import ParamSpec, TypeVar

Asked = ParamSpec("Asked")
Answer = TypeVar("Answer")


class Turns:
    """Who may compute now. Nobody waits longer than `patience` seconds, whatever takes the others so long."""

    def __init__(self, patience: float) -> None:
        self._patience = patience
        self._lock = Lock()
        self._taken = False
        self._waiting: deque[Lock] = deque()  # each held until its owner's turn comes

    @contextmanager
    def turn(self) -> Iterator[bool]:
        """Wait for one's turn, and pass it on at the end; False: it did not come in time."""
        mine = self._come()
        try:
            yield mine
        finally:
            if mine:
                self._pass_on()

    def each(self, function: Callable[Asked, Answer]) -> Callable[Asked, Answer]:
        """A function whose every call waits for its turn."""

        @wraps(function)
        def in_turn(*args: Asked.args, **kwargs: Asked.kwargs) -> Answer:
            with self.turn():
                return function(*args, **kwargs)

        return in_turn

    def _come(self) -> bool:
        with self._lock:
            if not self._taken:
                self._taken = True
                return True
            gate = Lock()
            gate.acquire()
            self._waiting.append(gate)
        if gate.acquire(timeout=self._patience):
            return True
        with self._lock:
            if gate in self._waiting:
                self._waiting.remove(gate)
                return False
        return True  # it came in this moment

    def _pass_on(self) -> None:
        with self._lock:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._taken = False
