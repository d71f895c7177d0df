"""When a line opens, when a truck leaves: what is looked up in tables is what going through all of them finds."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from solver.scheduling.anneal import state_of, weights_of
from solver.scheduling.arrays import BREAKS, PAUSES, WHOLE, WINDOW_CLOSES, WINDOW_UNTIL, arrays_of
from solver.scheduling.guide import LATEST
from solver.scheduling.problem import (
    NEVER,
    Line,
    LineId,
    Mode,
    Operation,
    OperationId,
    PlantId,
    Precedence,
    SchedulingProblem,
    Second,
    Transport,
    Window,
    WorkOrder,
    WorkOrderId,
)
from solver.scheduling.room import latest_end, latest_ready
from solver.scheduling.schedule import Part
from solver.scheduling.state import WAYS
from solver.scheduling.timing import after_setup, arrival, fit, ready_by, window_at

HERE, THERE = PlantId("here"), PlantId("there")
INSTANTS = st.sets(st.one_of(st.integers(0, 60), st.integers(0, 100_000)), min_size=2, max_size=60).map(sorted)


def line(name: str, bounds: list[int], plant: PlantId = HERE, longest_break: int = 0) -> Line:
    pairs = zip(bounds[::2], bounds[1::2], strict=False)
    return Line(LineId(name), plant, tuple(Window(Second(a), Second(b)) for a, b in pairs), longest_break=longest_break)


def two_plants(trucks: tuple[Second, ...] | None) -> SchedulingProblem:
    """An order that is begun in either plant and ended in the other one, 100 s away."""
    lines = (line("a", [0, NEVER]), line("b", [0, NEVER], THERE), line("c", [0, NEVER], THERE))
    first = Operation(OperationId("first"), (Mode(LineId("a"), 10), Mode(LineId("b"), 30)))
    last = Operation(OperationId("last"), (Mode(LineId("c"), 7),), (Precedence(first.id),))
    order = WorkOrder(WorkOrderId("order"), (first, last), Second(0), Second(1_000))
    return SchedulingProblem(lines, (order,), transports=(Transport(HERE, THERE, 100, trucks),))


@given(bounds=st.lists(INSTANTS, min_size=1, max_size=3), instants=st.lists(st.integers(-5, 120_000), max_size=30))
def test_the_next_window_is_found(bounds: list[list[int]], instants: list[int]) -> None:
    lines = [line(f"{i}/{k}", each) for i, each in enumerate(bounds) for k in range(2)]
    s = arrays_of(SchedulingProblem(tuple(lines), ())).words
    for number in range(len(lines)):
        closes = [s[s[WINDOW_CLOSES] + i] for i in range(window_at(s, number, -1), s[s[WINDOW_UNTIL] + number])]
        for instant in [*instants, *closes, *(close - 1 for close in closes)]:
            found = window_at(s, number, instant)
            later = [close for close in closes if close > instant]
            assert found == s[s[WINDOW_UNTIL] + number] - len(later)


def test_lines_with_one_calendar_share_it_and_another_break_is_another_calendar() -> None:
    bounds = [0, 100, 110, 200, 300, 400]
    lines = (line("a", bounds), line("b", bounds), line("c", bounds, longest_break=10))
    s = arrays_of(SchedulingProblem(lines, ())).words
    assert [window_at(s, number, 50) for number in range(3)] == [0, 0, 3]
    assert fit(s, 1, BREAKS, 120, 0) == (NEVER, NEVER)
    assert fit(s, 2, BREAKS, 120, 0) == (0, 130)


@pytest.mark.parametrize("any_time", [False, True])
@pytest.mark.parametrize("bounds", [[20, 60], [20, 45, 50, 60]])  # what is open once is not looked up
def test_how_late_is_known_as_the_calendar_says_it(bounds: list[int], any_time: bool) -> None:
    made = replace(line("a", bounds), setup_any_time=any_time)
    s = arrays_of(SchedulingProblem((made,), ())).words
    working = [t for a, b in zip(bounds[::2], bounds[1::2], strict=True) for t in range(a, b)]
    instants = range(80)
    for end in instants:
        left = [t for t in working if t >= end]
        done = end + 9 if any_time else left[8] + 1 if len(left) >= 9 else NEVER
        assert after_setup(s, 0, end, 9) == done
    for limit in instants:
        for running in (WHOLE, PAUSES):
            ready = [t for t in instants if fit(s, 0, running, 12, t)[1] <= limit]
            assert latest_ready(s, 0, running, 12, limit) == max(ready, default=-1)
        for setup in (0, 9):
            ends = [t for t in instants if after_setup(s, 0, t, setup) <= limit]
            assert latest_end(s, 0, setup, limit) == max(ends, default=-1)


@given(trucks=INSTANTS, instants=st.lists(st.integers(0, 120_000), max_size=30))
def test_a_truck_is_caught_and_known_beforehand(trucks: list[int], instants: list[int]) -> None:
    problem = two_plants(tuple(map(Second, trucks)))
    s, way = arrays_of(problem).words, problem.transports[0]
    for instant in [*instants, *trucks, *(truck + 1 for truck in trucks)]:
        assert arrival(s, 0, 1, instant) == way.arrival(instant)
        by = ready_by(s, 0, 1, instant)
        assert by < 0 or way.arrival(by) <= instant
        assert way.arrival(max(0, by + 1)) > instant


def test_a_search_knows_the_truck_that_has_to_be_caught_and_how_far_each_plant_is() -> None:
    arrays = arrays_of(two_plants((Second(0), Second(400), Second(800), Second(1_200))))
    mode, start, end = (np.array(column, dtype=np.int64) for column in ((0, 2), (0, 500), (10, 507)))
    state = state_of(arrays, (mode, start, end), weights_of({Part.TARDINESS: 1}))
    assert state.g[LATEST * 2] == 800 - 10  # due at 1,000: the truck at 800 is the last one
    ways = state.w[state.w[WAYS] : state.w[WAYS] + 3].tolist()
    assert ways == [100 + 200 + 7, 7, 0]  # the way, half of what lies between trucks, and the last operation
