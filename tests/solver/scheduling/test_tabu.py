"""The search for the least makespan: times and tails stay true, estimates are exact, schedules keep every rule."""

from __future__ import annotations

from itertools import pairwise
from random import Random

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from solver.cp import Limits, Status
from solver.scheduling.arrays import MODE_AT, MODE_LINE, PRED_AT, PRED_OP, Arrays, arrays_of
from solver.scheduling.check import violations
from solver.scheduling.critical import (
    AT,
    LOG_SIZE,
    MAKESPAN,
    MARK,
    ORDER,
    PATH,
    TAIL,
    arranged,
    critical_path,
    drop,
    flow,
    lift,
    opened,
    undone,
)
from solver.scheduling.dispatch import Unplaceable, dispatch
from solver.scheduling.exact import solve
from solver.scheduling.problem import (
    NEVER,
    FamilyId,
    Line,
    LineId,
    MatrixId,
    Mode,
    Operation,
    OperationId,
    PlantId,
    Precedence,
    SchedulingProblem,
    Second,
    SetupMatrix,
    Transport,
    Window,
    WorkOrder,
    WorkOrderId,
)
from solver.scheduling.schedule import MAKESPAN_ONLY, evaluate
from solver.scheduling.sequences import BEFORE, END, LENGTH, MODE, START, settle, work_of
from solver.scheduling.tabu import (
    BEST,
    ESTIMATE,
    OP,
    OP_MODE,
    OP_PLACE,
    PATH_ALONE,
    TIES,
    Columns,
    Search,
    ask,
    elsewhere,
    neighbours,
    recreate_steps,
    tabu,
    tabu_steps,
)
from tests.solver.scheduling.shops import bicycle_problem, random_problem

UNKNOWN = {"oven": False, "tools": False, "routes": False, "waits": False, "sequence": False}
ALWAYS = (Window(Second(0), Second(NEVER)),)


def open_shop(seed: int, orders: int, *, setups: bool = False) -> SchedulingProblem:
    """Lines in two plants that never close, joins, waits and transport: all that a tail can tell exactly."""
    random = Random(seed)
    plants = (PlantId("p"), PlantId("q"))
    families = [FamilyId(name) for name in "abc"]
    lines = tuple(
        Line(LineId(f"l{i}"), plants[i % 2], ALWAYS, MatrixId("m") if setups else None, families[0] if setups else None)
        for i in range(4)
    )
    made = []
    for number in range(orders):
        steps: list[Operation] = []
        for place in range(random.randint(1, 4)):
            before = [step for step in steps if random.random() < 0.6]
            able = random.sample(range(4), random.randint(1, 3))
            modes = [Mode(LineId(f"l{i}"), random.randint(1, 12)) for i in able]
            steps.append(Operation(
                OperationId(f"o{number}/{place}"), tuple(modes),
                tuple(Precedence(step.id, random.randint(0, 4)) for step in before), random.choice(families),
            ))  # fmt: skip
        made.append(WorkOrder(WorkOrderId(f"o{number}"), tuple(steps), Second(random.randint(0, 9)), Second(0)))
    matrix = SetupMatrix(MatrixId("m"), {(a, b): random.randint(1, 9) for a in families for b in families if a != b})
    ways = (Transport(plants[0], plants[1], 5), Transport(plants[1], plants[0], 3))
    return SchedulingProblem(lines, tuple(made), (matrix,), transports=ways)


def one_after_another(arrays: Arrays, seed: int) -> Columns:
    """Columns that put the operations in order of their numbers, on random lines."""
    n = len(arrays.operations)
    first = arrays.column(MODE_AT, n + 1)
    mode = np.array([np.random.default_rng([seed, i]).integers(first[i], first[i + 1]) for i in range(n)])
    return mode.astype(np.int64), np.arange(n, dtype=np.int64), np.arange(1, n + 1, dtype=np.int64)


def begun(problem: SchedulingProblem, seed: int) -> Search:
    """A search that stands at a bad schedule."""
    arrays = arrays_of(problem)
    columns = one_after_another(arrays, seed)
    search = Search(arrays, columns, seed)
    assume(search.begin(columns))
    return search


def lifted(search: Search, op: int) -> tuple[int, ...]:
    """Take an operation off its line, and the best place for it: mode, place, and the longest path over it there."""
    s, w, t = search.s, search.w, search.t
    t[LOG_SIZE] = 0
    lift(s, w, t, op)
    assert flow(s, w, t)
    ask(t, NEVER, PATH_ALONE)
    first = search.arrays.column(MODE_AT, len(search.arrays.operations) + 1)
    for mode in range(int(first[op]), int(first[op + 1])):
        elsewhere(s, w, t, search.r, op, mode, 0)
    return int(t[OP_MODE]), int(t[OP_PLACE]), int(t[ESTIMATE])


def path_over(search: Search, op: int) -> int:
    """The longest path over an operation, by its times from scratch."""
    s, w, t = search.s, search.w.copy(), search.t.copy()
    assert settle(s, w)
    arranged(s, w, t)
    return int(w[w[END] + op] + t[t[TAIL] + op])


# --- what is kept true -----------------------------------------------------------------------------------------------


@given(st.integers(0, 10_000), st.integers(2, 8), st.booleans())
@settings(max_examples=120, deadline=None)
def test_times_tails_and_order_stay_true_while_moves_are_made(seed: int, size: int, calendars: bool) -> None:
    problem = random_problem(seed, size, fixed=False, materials=False, **UNKNOWN) if calendars else open_shop(
        seed, size, setups=seed % 2 == 0
    )  # fmt: skip
    search = begun(problem, seed)
    s, w, t, n = search.s, search.w, search.t, len(search.arrays.operations)
    for _ in range(20):
        tabu_steps(s, w, t, search.r, 5, 10**9)
        recreate_steps(s, w, t, search.r, 5, 10**9, 3.0, 4)
        times, tails = w[w[START] : w[START] + n].copy(), t[t[TAIL] : t[TAIL] + n].copy()
        at, makespan = t[t[AT] : t[AT] + n].copy(), t[MAKESPAN]
        assert settle(s, w)
        assert arranged(s, w, t) == makespan
        assert (times == w[w[START] : w[START] + n]).all()
        assert (tails == t[t[TAIL] : t[TAIL] + n]).all()
        assert not t[t[MARK] : t[MARK] + n].any()
        before = w[w[BEFORE] : w[BEFORE] + n]
        assert all(at[b] < at[op] for op, b in enumerate(before) if b >= 0)
        first, preds = search.arrays.column(PRED_AT, n + 1), s[s[PRED_OP] :]
        assert all(at[p] < at[op] for op in range(n) for p in preds[first[op] : first[op + 1]])
    schedule = search.arrays.schedule(*(w[w[k] : w[k] + n] for k in (MODE, START, END)))
    assert violations(problem, schedule) == ()
    assert evaluate(problem, schedule).makespan == t[MAKESPAN]


@given(st.integers(0, 10_000), st.integers(2, 8))
@settings(max_examples=80, deadline=None)
def test_what_is_undone_leaves_no_trace(seed: int, size: int) -> None:
    search = begun(random_problem(seed, size, fixed=False, materials=False, **UNKNOWN), seed)
    s, w, t, n, random = search.s, search.w, search.t, len(search.arrays.operations), Random(seed)
    lines = len(search.arrays.problem.lines)

    def state() -> list[list[int]]:
        sections = [w[w[k] : w[k] + n] for k in (MODE, START, END, BEFORE)] + [w[w[LENGTH] : w[LENGTH] + lines]]
        return [section.tolist() for section in (*sections, t[t[TAIL] : t[TAIL] + n], t[t[AT] : t[AT] + n])]

    for _ in range(10):
        before = state()
        t[LOG_SIZE] = 0
        out = random.sample(range(n), min(n, 3))
        for op in out:
            lift(s, w, t, op)
        ok = flow(s, w, t)
        for op in out:  # back to random places, until one of them makes a cycle or finds no room
            mode = random.randrange(*search.arrays.column(MODE_AT, n + 1)[op : op + 2].tolist())
            line = search.arrays.column(MODE_LINE, len(search.arrays.modes))[mode]
            place = -1 if search.arrays.problem.lines[line].unlimited else random.randint(0, int(w[w[LENGTH] + line]))
            ok = ok and drop(s, w, t, op, mode, place) and flow(s, w, t)
        undone(s, w, t)
        assert state() == before


@given(st.integers(0, 10_000), st.integers(4, 8), st.booleans())
@settings(max_examples=60, deadline=None)
def test_what_moves_in_a_window_is_timed_as_if_everything_could_move(seed: int, size: int, calendars: bool) -> None:
    """Starts and tails in the window are true although what is behind it stood still."""
    problem = random_problem(seed, size, fixed=False, materials=False, **UNKNOWN) if calendars else open_shop(
        seed, size, setups=True
    )  # fmt: skip
    search = begun(problem, seed)
    s, w, t, n = search.s, search.w, search.t, len(search.arrays.operations)
    first, last = n // 4, n - n // 4
    opened(s, w, t, first, last)
    recreate_steps(s, w, t, search.r, 40, 10**9, 3.0, 4)
    inside = t[t[ORDER] + first : t[ORDER] + last].copy()
    starts, tails, longest = w[w[START] + inside], t[t[TAIL] + inside], t[MAKESPAN]
    assert settle(s, w)
    assert arranged(s, w, t) >= longest
    assert (starts == w[w[START] + inside]).all()
    assert (tails == t[t[TAIL] + inside]).all()


# --- what the estimates promise --------------------------------------------------------------------------------------


@given(st.integers(0, 10_000), st.integers(2, 8), st.booleans())
@settings(max_examples=120, deadline=None)
def test_the_estimate_of_a_lifted_operation_is_exact(seed: int, size: int, setups: bool) -> None:
    """On lines that never close the longest path over the operation, once it stands there, is what was estimated."""
    search = begun(open_shop(seed, size, setups=setups), seed)
    s, w, t, n = search.s, search.w, search.t, len(search.arrays.operations)
    for op in Random(seed).sample(range(n), min(n, 6)):
        mode, place, estimate = lifted(search, op)
        assert drop(s, w, t, op, mode, place) and flow(s, w, t)
        assert path_over(search, op) == w[w[END] + op] + t[t[TAIL] + op] == estimate


@given(st.integers(0, 10_000), st.integers(2, 6))
@example(1907, 5)  # best behind what starts when its own successor is over, but does not wait for it
@settings(max_examples=60, deadline=None)
def test_no_other_place_for_a_lifted_operation_is_better(seed: int, size: int) -> None:
    """Without setups: every place on every line was tried, and those that make no cycle timed from scratch."""
    search = begun(open_shop(seed, size), seed)
    s, w, t, n = search.s, search.w, search.t, len(search.arrays.operations)
    first = search.arrays.column(MODE_AT, n + 1)
    op = Random(seed).randrange(n)
    _, _, estimate = lifted(search, op)
    for mode in range(int(first[op]), int(first[op + 1])):
        line = search.arrays.column(MODE_LINE, len(search.arrays.modes))[mode]
        for place in range(int(w[w[LENGTH] + line]) + 1):
            t[LOG_SIZE] = 0
            if drop(s, w, t, op, mode, place) and flow(s, w, t):
                assert path_over(search, op) >= estimate
            undone(s, w, t)


@given(st.integers(0, 10_000), st.integers(3, 8))
@settings(max_examples=100, deadline=None)
def test_the_move_of_a_critical_operation_is_never_worse_than_estimated(seed: int, size: int) -> None:
    """Without setups what gives way only makes other paths shorter than the estimate took them for."""
    search = begun(open_shop(seed, size), seed)
    s, w, t = search.s, search.w, search.t
    for _ in range(8):
        length = critical_path(s, w, t, search.r)
        path = t[t[PATH] : t[PATH] + length].tolist()
        assert w[w[END] + path[0]] == t[MAKESPAN]
        assert all(w[w[END] + b] <= w[w[START] + a] for a, b in pairwise(path))
        ask(t, NEVER, PATH_ALONE)
        op = path[seed % length]
        neighbours(s, w, t, search.r, op)
        if not t[TIES]:
            break
        t[LOG_SIZE] = 0
        lift(s, w, t, op)
        assert t[OP] == op and drop(s, w, t, op, t[OP_MODE], t[OP_PLACE]) and flow(s, w, t)
        assert path_over(search, op) <= t[ESTIMATE]


# --- what comes out --------------------------------------------------------------------------------------------------


@given(st.integers(0, 10_000), st.integers(1, 8))
@settings(max_examples=60, deadline=None)
def test_a_schedule_is_never_longer_than_before_and_what_is_fixed_stays(seed: int, size: int) -> None:
    problem = random_problem(seed, size, **UNKNOWN)
    try:
        before = dispatch(problem)
    except Unplaceable:
        assume(False)
    arrays = arrays_of(problem, {key: placement.start for key, placement in before.placements.items()})
    w = work_of(arrays, *arrays.columns(before))
    assume(settle(arrays.words, w))
    timed_anew = arrays.schedule(*(w[w[k] : w[k] + len(arrays.operations)] for k in (MODE, START, END)))
    found = tabu(arrays, arrays.columns(before), moves=400, seed=seed)
    after = arrays.schedule(found.mode, found.start, found.end)
    assert set(violations(problem, after)) <= set(violations(problem, timed_anew))
    assert found.cost == evaluate(problem, after).makespan <= evaluate(problem, timed_anew).makespan
    for operation, (_, placement) in problem.fixed.items():
        assert after.placements[operation] == placement


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("setups", [False, True])
def test_small_shops_are_solved_to_the_optimum(seed: int, setups: bool) -> None:
    problem = open_shop(seed, 4, setups=setups)
    best = solve(problem, MAKESPAN_ONLY, Limits(seconds=60, effort=3.0))
    assert best.status is Status.OPTIMAL and best.schedule is not None
    arrays = arrays_of(problem)
    least = int(best.bound[0])
    found = tabu(arrays, one_after_another(arrays, seed), moves=20_000, seed=1, bound=least)
    assert violations(problem, arrays.schedule(found.mode, found.start, found.end)) == ()
    assert found.cost == least


def test_a_seed_gives_the_same_schedule_again() -> None:
    """Even when the moves are made in other portions."""
    problem = bicycle_problem(60)
    arrays = arrays_of(problem)
    columns = arrays.columns(dispatch(problem))
    one, two = (tabu(arrays, columns, moves=3000, seed=7) for _ in range(2))
    assert one.cost == two.cost and (one.start == two.start).all() and one.moves == 3000


def test_phases_of_every_kind_are_made_and_the_same_ones_again() -> None:
    problem = open_shop(3, 12, setups=True)
    arrays = arrays_of(problem)
    columns = one_after_another(arrays, 1)
    one, two = (tabu(arrays, columns, moves=150_000, seed=5) for _ in range(2))
    assert one.cost == two.cost and (one.start == two.start).all()
    assert 0 < one.accepted < one.moves  # tabu steps are all accepted, the others are not


def test_a_long_schedule_is_searched_window_by_window(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("solver.scheduling.tabu.WINDOW", 20)
    problem = open_shop(4, 40, setups=True)
    arrays = arrays_of(problem)
    columns = one_after_another(arrays, 1)
    found, again = (tabu(arrays, columns, moves=60_000, seed=2) for _ in range(2))
    schedule = arrays.schedule(found.mode, found.start, found.end)
    assert violations(problem, schedule) == ()
    assert found.cost == evaluate(problem, schedule).makespan == again.cost
    search = Search(arrays, columns, 0)
    assert search.begin(columns)
    assert found.cost < 0.85 * search.t[BEST]


def test_the_search_stops_when_it_is_told_to_and_at_the_bound() -> None:
    problem = open_shop(5, 10)
    arrays = arrays_of(problem)
    columns = one_after_another(arrays, 1)
    heard: list[int] = []
    tabu(arrays, columns, moves=10**9, stop=lambda: len(heard) > 3, report=heard.append)
    assert len(heard) == 4 and heard[0] == 0 and heard == sorted(set(heard))
    search = Search(arrays, columns, 0)
    assert search.begin(columns)
    assert tabu(arrays, columns, moves=10**9, bound=int(search.t[BEST])).moves == 0


def test_a_plant_with_calendars_gets_a_shorter_schedule() -> None:
    problem = random_problem(8, 40, fixed=False, arrivals=False, **UNKNOWN)
    arrays = arrays_of(problem)
    columns = one_after_another(arrays, 1)
    w = work_of(arrays, *columns)
    assert settle(arrays.words, w)
    before = int(w[w[END] : w[END] + len(arrays.operations)].max())
    found = tabu(arrays, columns, moves=5000, seed=1)
    after = arrays.schedule(found.mode, found.start, found.end)
    assert violations(problem, after) == ()
    assert evaluate(problem, after).makespan < 0.8 * before
