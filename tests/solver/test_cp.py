"""The door to CP-SAT: what each status means, and how a solve ends early."""

from __future__ import annotations

from threading import Timer
from time import perf_counter

import pytest
from ortools.sat.python import cp_model

from solver.cp import BARE, InvalidModel, Limits, Solving, Status, Stop, solve


def pigeons(holes: int, pigeons: int) -> cp_model.CpModel:
    """Every pigeon in one hole, no two together: hard to refute without counting."""
    model = cp_model.CpModel()
    sits = [[model.new_bool_var("") for _ in range(holes)] for _ in range(pigeons)]
    for row in sits:
        model.add_bool_or(row)
    for hole in range(holes):
        for first in range(pigeons):
            for second in range(first):
                model.add_bool_or([sits[first][hole].negated(), sits[second][hole].negated()])
    return model


def test_a_model_with_a_solution_gives_values_and_its_objective() -> None:
    model = cp_model.CpModel()
    x, y = model.new_int_var(0, 9, "x"), model.new_int_var(0, 9, "y")
    model.add(x + y == 10)
    model.maximize(2 * x + y)
    reported: list[Solving] = []
    answer = solve(model, Limits(), report=reported.append)
    assert (answer.status, answer.values, answer.objective, answer.bound) == (Status.OPTIMAL, (9, 1), 19, 19)
    assert reported[-1].values == (9, 1)


def test_a_model_without_a_solution_is_infeasible_and_has_no_values() -> None:
    answer = solve(pigeons(3, 4), Limits(), settings=BARE)
    assert (answer.status, answer.values) == (Status.INFEASIBLE, ())
    assert not answer.status.solved


def test_a_limit_shows_nothing_and_effort_is_deterministic() -> None:
    model = pigeons(12, 13)
    begin = perf_counter()
    assert solve(model, Limits(seconds=0.2), settings=BARE).status is Status.UNKNOWN
    assert perf_counter() - begin < 2
    assert solve(model, Limits(seconds=60, effort=0.01), settings=BARE).status is Status.UNKNOWN


def test_an_invalid_model_raises_and_is_never_an_answer() -> None:
    model = cp_model.CpModel()
    model.new_int_var(0, 1, "x")
    model.proto.variables[0].domain[0] = 5
    with pytest.raises(InvalidModel):
        solve(model, Limits())


def test_another_thread_can_stop_a_solve_and_all_later_ones() -> None:
    stop = Stop()
    timer = Timer(0.2, stop.ask)
    timer.start()
    begin = perf_counter()
    assert solve(pigeons(13, 14), Limits(seconds=60), settings=BARE, stop=stop).status is Status.UNKNOWN
    assert perf_counter() - begin < 20
    timer.join()
    assert stop.asked
    assert solve(cp_model.CpModel(), Limits(), stop=stop).status is Status.UNKNOWN


def test_limits_that_mean_nothing_cannot_be_built() -> None:
    for bad in ({"seconds": -1.0}, {"effort": -0.1}, {"workers": 0}):
        with pytest.raises(ValueError, match="Limits"):
            Limits(**bad)  # type: ignore[arg-type]
