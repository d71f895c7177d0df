"""Units, ovens, longest waits and routes in the compiled state: what the judge accepts, and moves taken back."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from solver.cp import Limits
from solver.scheduling.anneal import Untimed, anneal, anneal_guided, state_of, total_cost, weights_of
from solver.scheduling.arrays import (
    LINE_AT,
    LINES,
    MODE_LINE,
    OP_EARLIEST,
    OP_SIZE,
    ORDERS,
    RESOURCES,
    RUNNING,
    SHARE_AT,
    SHARE_ROW,
    Arrays,
    Words,
    arrays_of,
)
from solver.scheduling.check import violations
from solver.scheduling.dispatch import Unplaceable, dispatch
from solver.scheduling.exact import solve
from solver.scheduling.guide import BY_START, SECTIONS
from solver.scheduling.moves import DEAREST, propagate
from solver.scheduling.pools import with_units
from solver.scheduling.problem import (
    NEVER,
    FamilyId,
    Line,
    LineId,
    Mode,
    Operation,
    OperationId,
    PlantId,
    Resource,
    ResourceId,
    ResourceNeed,
    SchedulingProblem,
    Second,
    Window,
    WorkOrder,
    WorkOrderId,
)
from solver.scheduling.schedule import TARDINESS_ONLY, Part, evaluate
from solver.scheduling.sequences import enqueue, settle, work_of
from solver.scheduling.state import (
    AFTER,
    BEFORE,
    DONE,
    END,
    FAMILY,
    HEAD,
    LENGTH,
    MODE,
    RING,
    ROW,
    SHARE_PLACES,
    SHARES,
    SHARES_LENGTH,
    START,
    UNITS,
    WAITS,
)
from solver.scheduling.timing import fit
from tests.solver.scheduling.shops import random_problem
from tests.solver.scheduling.test_anneal import OTHERS, improved, one_after_another

TARDINESS = {Part.TARDINESS: 1}
OPEN = (Window(Second(0), Second(100_000)),)
FEATURES = (
    {"oven": True, "tools": False},
    {"oven": False, "tools": True},
    {"oven": True, "tools": True},
    {"oven": False, "tools": False, "waits": True},
    {"oven": False, "tools": False, "routes": True},
    {"oven": True, "tools": True, "waits": True, "routes": True},
)


def shop(seed: int, size: int, features: dict[str, bool], **others: bool) -> SchedulingProblem:
    return random_problem(seed, size, **{"fixed": False, "materials": False, **OTHERS, **features, **others})


def state(problem: SchedulingProblem, seed: int) -> tuple[Arrays, Words]:
    """A settled state in which everything stands behind everything."""
    arrays = arrays_of(problem)
    mode, start, end = one_after_another(arrays, seed)
    for order in problem.orders:  # each takes its first route
        for operation in order.operations:
            if operation.route not in (None, *order.routes[:1]):
                i = arrays.number[operation.id]
                mode[i], start[i], end[i] = -1, 0, 0
    try:
        return arrays, state_of(arrays, (mode, start, end), weights_of(TARDINESS), seed).w
    except Untimed:
        assume(False)
        raise


def moved(arrays: Arrays, w: Words, seed: int, cost: Words, moves: int, hot: float, guided: bool) -> Callable[[], int]:
    """So many moves by the one search or the other, each time it is called; how many were accepted.

    The guided one looks at all operations, or at a few near a late order.
    """
    n, random = len(arrays.operations), np.array([seed + 1], dtype=np.uint64)
    if not guided:
        return lambda: anneal(arrays.words, w, random, cost, moves, hot)
    g = np.zeros(SECTIONS * n, dtype=np.int64)
    g[BY_START * n :] = np.argsort(w[w[START] : w[START] + n], kind="stable")
    return lambda: anneal_guided(arrays.words, w, g, random, cost, moves, 2 if seed % 2 else n, seed % 7 << 17, hot)


def columns(arrays: Arrays, w: Words) -> tuple[Words, ...]:
    n = len(arrays.operations)
    return tuple(w[w[k] : w[k] + n].copy() for k in (MODE, START, END))


def lasting(arrays: Arrays, w: Words) -> list[list[int]]:
    """What a state says, without the scratch of moves: links, times, costs, and each row as far as it is filled."""
    s, n = arrays.words, len(arrays.operations)
    shares = int(arrays.column(SHARE_AT, n + 1)[-1])
    sizes = dict.fromkeys((MODE, START, END, BEFORE, AFTER, WAITS, FAMILY, HEAD, RING), n)
    sizes |= {DONE: int(s[ORDERS]), LENGTH: int(s[LINES]), UNITS: shares, SHARES_LENGTH: int(s[RESOURCES])}
    said = [w[w[section] : w[section] + size].tolist() for section, size in sizes.items()]
    for rows, begin, length, count in (
        (ROW, LINE_AT, LENGTH, int(s[LINES])),
        (SHARES, SHARE_ROW, SHARES_LENGTH, int(s[RESOURCES])),
    ):
        for i in range(count):
            at = w[rows] + arrays.column(begin, count)[i]
            row = w[at : at + w[w[length] + i]].tolist()
            said.append(row if rows == ROW else sorted(row))  # shares that start at once stand in any order
            assert rows == ROW or [w[w[SHARE_PLACES] + share] for share in row] == list(range(len(row)))
    return said


@pytest.mark.parametrize("features", FEATURES)
@given(
    seed=st.integers(0, 10_000), size=st.integers(2, 9), hot=st.sampled_from((1.0, 100.0, 10_000.0)),
    guided=st.booleans(),
)  # fmt: skip
@settings(max_examples=120, deadline=None)
def test_moves_keep_the_rules(features: dict[str, bool], seed: int, size: int, hot: float, guided: bool) -> None:
    problem = shop(seed, size, features)
    arrays, w = state(problem, seed)
    cost = np.array([total_cost(arrays.words, w)], dtype=np.int64)
    moved(arrays, w, seed, cost, 400, hot, guided)()
    schedule = arrays.schedule(*columns(arrays, w))
    assert violations(problem, schedule) == ()
    assert cost[0] == total_cost(arrays.words, w) == evaluate(problem, schedule).tardiness


@pytest.mark.parametrize("features", FEATURES)
@given(seed=st.integers(0, 10_000), size=st.integers(3, 9), guided=st.booleans())
@settings(max_examples=120, deadline=None)
def test_what_is_refused_leaves_no_trace(features: dict[str, bool], seed: int, size: int, guided: bool) -> None:
    problem = shop(seed, size, features)
    arrays, w = state(problem, seed)
    s = arrays.words
    cost = np.array([total_cost(s, w)], dtype=np.int64)
    move = moved(arrays, w, seed, cost, 1, 0.001, guided)
    for _ in range(150):  # one move at a time, so that those refused are seen
        before = lasting(arrays, w)
        if not move():
            assert lasting(arrays, w) == before


@given(seed=st.integers(0, 10_000), size=st.integers(2, 9))
@settings(max_examples=60, deadline=None)
def test_timed_anew_nothing_is_later_where_units_are_scarce(seed: int, size: int) -> None:
    arrays, w = state(shop(seed, size, {"oven": True, "tools": True}), seed)
    s = arrays.words
    cost = np.array([total_cost(s, w)], dtype=np.int64)
    anneal(s, w, np.array([seed + 1], dtype=np.uint64), cost, 100, 1000.0)
    _, start, _ = columns(arrays, w)
    assert settle(s, w)
    assert (columns(arrays, w)[1] <= start).all()


def soonest_with_units(problem: SchedulingProblem, arrays: Arrays, w: Words, op: int, ready: int) -> int:
    """When an operation could start with the units that all others leave, but for what comes after it in its order."""
    s, number = arrays.words, {resource.id: resource.number for resource in problem.resources}
    mode, operation = int(w[w[MODE] + op]), arrays.operations[op]
    others = [
        (int(w[w[START] + i]), int(w[w[END] + i]), {n.resource: n.number for n in arrays.modes[w[w[MODE] + i]].needs})
        for i, other in enumerate(arrays.operations)
        if i != op and w[w[MODE] + i] >= 0 and operation.id not in {before.operation for before in other.predecessors}
    ]
    for again in sorted({ready, *(end for _, end, _ in others if end > ready)}):
        start, end = fit(s, int(arrays.column(MODE_LINE, mode + 1)[mode]), RUNNING[operation.running],
                         arrays.modes[mode].duration, again)  # fmt: skip
        instants = [start, *(begun for begun, _, _ in others if start < begun < end)]
        if all(
            need.number + sum(has.get(need.resource, 0) for begun, until, has in others if begun <= instant < until)
            <= number[need.resource]
            for need in arrays.modes[mode].needs for instant in instants
        ):  # fmt: skip
            return start
    return NEVER


@given(seed=st.integers(0, 10_000), size=st.integers(3, 9), ready=st.integers(0, 300))
@settings(max_examples=60, deadline=None)
def test_an_operation_takes_the_first_room_that_others_leave_it(seed: int, size: int, ready: int) -> None:
    problem = shop(seed, size, {"oven": False, "tools": True})
    arrays, w = state(problem, seed)
    for op, operation in enumerate(arrays.operations):
        if w[w[MODE] + op] < 0 or not arrays.modes[w[w[MODE] + op]].needs:
            continue
        found, _ = with_units(
            arrays.words, w, op, w[w[MODE] + op], -1, RUNNING[operation.running],
            arrays.modes[w[w[MODE] + op]].duration, ready,
        )  # fmt: skip
        assert found == soonest_with_units(problem, arrays, w, op, ready)


@given(seed=st.integers(0, 10_000), size=st.integers(1, 7), fixed=st.booleans())
@settings(max_examples=100, deadline=None)
def test_a_first_schedule_with_units_and_ovens_keeps_the_rules(seed: int, size: int, fixed: bool) -> None:
    problem = random_problem(seed, size, fixed=fixed, sequence=False)
    try:
        schedule = dispatch(problem)
    except Unplaceable:
        assume(False)
    wrong = [v for v in violations(problem, schedule) if v.subject not in problem.fixed]
    assert wrong == []


@given(seed=st.integers(0, 10_000))
@settings(max_examples=15, deadline=None)
def test_never_better_than_what_is_proved(seed: int) -> None:
    problem = shop(seed, 4, {"oven": True, "tools": True, "waits": True, "routes": True})
    try:
        first = dispatch(problem)
    except Unplaceable:
        assume(False)
    assume(violations(problem, first) == ())
    found = improved(problem, first, TARDINESS, 2000, seed)
    assert violations(problem, found) == ()
    exact = solve(problem, TARDINESS_ONLY, Limits(seconds=3), hint=first)
    assert evaluate(problem, found).tardiness >= exact.bound[0]


def one_line_each(count: int, needs: int, units: int) -> SchedulingProblem:
    """Orders of 10 s, each on a line of its own, that all need units of one tool."""
    lines = tuple(Line(LineId(f"l{i}"), PlantId("p"), OPEN) for i in range(count))
    need = (ResourceNeed(ResourceId("tool"), needs),)
    operations = [Operation(OperationId(f"o{i}"), (Mode(LineId(f"l{i}"), 10, need),)) for i in range(count)]
    orders = tuple(WorkOrder(WorkOrderId(o.id), (o,), Second(0), Second(0)) for o in operations)
    return SchedulingProblem(lines, orders, resources=(Resource(ResourceId("tool"), units),))


@pytest.mark.parametrize(("needs", "units", "makespan"), [
    (1, 2, 30),  # six orders, two at a time
    (2, 6, 20),  # two units together count as one
    (3, 5, 60),  # one at a time: two units are always left over
    (1, 6, 10),  # enough for all: no units at all
])  # fmt: skip
def test_units_are_waited_for(needs: int, units: int, makespan: int) -> None:
    problem = one_line_each(6, needs, units)
    schedule = dispatch(problem)
    assert violations(problem, schedule) == ()
    assert evaluate(problem, schedule).makespan == makespan


def one_oven(count: int, batch: int) -> SchedulingProblem:
    """Orders of 10 s and more of two families, by turns, that all go through one oven."""
    oven = Line(LineId("oven"), PlantId("p"), OPEN, batch=batch)
    orders = tuple(
        WorkOrder(
            WorkOrderId(f"o{i}"),
            (Operation(OperationId(f"o{i}"), (Mode(oven.id, 10 + i),), family=FamilyId("ab"[i % 2])),),
            Second(0), Second(0),
        )
        for i in range(count)
    )  # fmt: skip
    return SchedulingProblem((oven,), orders)


@pytest.mark.parametrize("waits", [0, 2])  # the head of the batch, or what has joined it while it waited
def test_what_comes_after_a_batch_follows_it(waits: int) -> None:
    arrays = arrays_of(one_oven(3, 2))
    s = arrays.words
    times = np.array([0, 12, 0]), np.array([12, 23, 12])  # o0 and o2 together, then o1
    w = state_of(arrays, (np.arange(3), *times), weights_of(TARDINESS)).w
    assert w[w[HEAD] + 2] == 0
    s[s[OP_EARLIEST] + waits] = 5
    enqueue(w, waits)
    propagate(s, w, 0, DEAREST, NEVER, NEVER)
    assert columns(arrays, w)[1].tolist() == [5, 17, 5]


def test_orders_are_gathered_into_batches() -> None:
    problem = one_oven(6, 3)
    arrays = arrays_of(problem)
    alone = arrays.schedule(*(np.arange(6), np.arange(6) * 20, np.arange(6) * 20 + 10 + np.arange(6)))
    found = improved(problem, alone, {Part.MAKESPAN: 1}, 3000, 1)
    assert violations(problem, found) == ()
    assert evaluate(problem, found).makespan == 14 + 15
    w = work_of(arrays, *arrays.columns(found))
    heads = {int(h) for h in w[w[HEAD] : w[HEAD] + 6]}
    assert len(heads) == 2
    for head in heads:
        ring, op = [head], int(w[w[RING] + head])
        while op != head:
            ring.append(op)
            op = int(w[w[RING] + op])
        assert sum(arrays.column(OP_SIZE, 6)[ring]) == 3
