"""The answers last given; kept in the process and thrown away with it."""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock
from typing import Any, Generic, TypeVar

Value = TypeVar("Value")


class Memo(Generic[Value]):
    """So many answers, the least used of them given up first. Threads may share it."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._lock = Lock()
        self._kept: OrderedDict[Any, Value] = OrderedDict()

    def get(self, key: Any) -> Value | None:
        """What was kept under a key."""
        with self._lock:
            if (value := self._kept.get(key)) is not None:
                self._kept.move_to_end(key)
            return value

    def put(self, key: Any, value: Value) -> Value:
        """Keep it; the same value."""
        with self._lock:
            self._kept[key] = value
            while len(self._kept) > self._size:
                self._kept.popitem(last=False)
            return value
