"""A long computation beside the requests: it freezes nobody, ends when told to, and takes nothing down with it."""

from __future__ import annotations

import os
import threading
import time

import psutil
import pytest

from configurator.aside import Busy, aside


def test_what_was_computed_comes_back_from_another_process_however_long_it_is():
    assert aside(lambda: (os.getppid(), "x" * 3_000_000), seconds=5) == (os.getpid(), "x" * 3_000_000)


@pytest.mark.parametrize("work", [
    lambda: 1 / 0, lambda: os._exit(3), lambda: os.kill(os.getpid(), 9), lambda: threading.Lock(),
])
def test_a_computation_that_fails_is_nothing_and_the_next_one_works(work):
    assert aside(work, seconds=5) is None
    assert aside(lambda: 2, seconds=5) == 2


def test_it_is_ended_when_nobody_waits_for_it_any_more_and_when_its_time_is_over():
    began, others = time.monotonic(), psutil.Process().children()  # a browser's or a server's of other tests
    asked = []
    assert aside(lambda: time.sleep(60), seconds=60, stop=lambda: bool(asked.append(1)) or len(asked) > 3) is None
    assert aside(lambda: time.sleep(60), seconds=-0.9) is None
    assert time.monotonic() - began < 10
    assert {*psutil.Process().children()} <= {*others}  # nobody is left behind


def test_other_threads_go_on_meanwhile_and_only_one_computes_at_a_time():
    """A loop that never gives the interpreter away: in a thread it would freeze this one."""
    started, over = threading.Event(), threading.Event()

    def run() -> None:
        aside(lambda: sum(range(10**12)), seconds=60, stop=lambda: started.set() or over.is_set())

    thread = threading.Thread(target=run)
    thread.start()
    assert started.wait(10)
    with pytest.raises(Busy):
        aside(lambda: 1, seconds=1)
    over.set()
    thread.join(10)
    assert not thread.is_alive()
    assert aside(lambda: 1, seconds=5) == 1
