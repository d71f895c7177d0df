"""Who came first is served first, and nobody waits for ever."""

from __future__ import annotations

import threading
from time import monotonic

import pytest

from configurator.turns import Turns


def come(turns: Turns, done: list[object], name: object) -> threading.Thread:
    """Somebody who waits for a turn; returns when they stand in the queue."""
    before = len(turns._waiting)

    def wait() -> None:
        with turns.turn() as mine:
            done.append(name if mine else (name, "without"))

    thread = threading.Thread(target=wait)
    thread.start()
    while len(turns._waiting) == before and not done:
        pass
    return thread


def test_turns_come_in_the_order_of_coming() -> None:
    turns, done = Turns(patience=30), []
    with turns.turn() as mine:
        threads = [come(turns, done, number) for number in range(6)]
        assert mine and not done, "one at a time"
    for thread in threads:
        thread.join()
    assert done == list(range(6))


def test_a_turn_is_passed_on_when_something_goes_wrong() -> None:
    turns = Turns(patience=30)

    @turns.each
    def fail(what: str) -> None:
        raise ValueError(what)

    for _ in range(2):
        with pytest.raises(ValueError, match="once more"):
            fail("once more")


def test_who_has_waited_long_enough_goes_without_a_turn_and_takes_nobodys() -> None:
    turns, done = Turns(patience=0.05), []
    began = monotonic()
    with turns.turn():
        come(turns, done, "impatient").join()
        assert done == [("impatient", "without")] and 0.04 < monotonic() - began < 20
        with turns.turn() as mine:
            assert not mine
    with turns.turn() as mine:
        assert mine
