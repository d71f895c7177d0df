"""The one door to CP-SAT: limits, seed, workers, statuses. An invalid model raises, it is never an answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from threading import Event, Lock
from typing import Any

from ortools.sat.python import cp_model


class Status(StrEnum):
    """What a solve has shown."""

    OPTIMAL = "optimal"  # solved, and nothing is better (without an objective: solved)
    FEASIBLE = "feasible"  # solved, but the limit came before the proof
    INFEASIBLE = "infeasible"  # proved: there is no solution
    UNKNOWN = "unknown"  # the limit came first: nothing is shown

    @property
    def solved(self) -> bool:
        """Whether there are values to read."""
        return self in (Status.OPTIMAL, Status.FEASIBLE)


class InvalidModel(ValueError):
    """CP-SAT refused the model: a fault of the program that built it."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a solve may take. `effort` is CP-SAT's deterministic time, alike on every machine (None: no limit)."""

    seconds: float = 1.0
    effort: float | None = None
    seed: int = 0
    workers: int = 1

    def __post_init__(self) -> None:
        if self.seconds < 0 or (self.effort is not None and self.effort < 0) or self.workers < 1:
            raise ValueError("Limits need seconds >= 0, effort >= 0 and at least one worker.")


class Stop:
    """Ends solves from another thread; one that is asked to stop before it begins ends at once."""

    def __init__(self) -> None:
        self._asked = Event()
        self._lock = Lock()
        self._running: list[cp_model.CpSolver] = []

    def ask(self) -> None:
        """Stop every solve that was given this object, now and later."""
        with self._lock:
            self._asked.set()
            for solver in self._running:
                solver.stop_search()

    @property
    def asked(self) -> bool:
        """Whether to stop."""
        return self._asked.is_set()

    def _enter(self, solver: cp_model.CpSolver) -> None:
        with self._lock:
            self._running.append(solver)

    def _leave(self, solver: cp_model.CpSolver) -> None:
        with self._lock:
            self._running.remove(solver)


@dataclass(frozen=True, slots=True)
class Answer:
    """The end of a solve. `values` by variable index; empty unless `status.solved`."""

    status: Status
    values: tuple[int, ...] = ()
    objective: float = 0.0
    bound: float = 0.0
    core: tuple[int, ...] = ()  # assumptions (literal indices) that suffice for INFEASIBLE; a start, never a proof
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Solving:
    """An answer found on the way."""

    objective: float
    bound: float
    seconds: float
    values: tuple[int, ...] = field(repr=False)


# Boolean models without sums are quickest with nothing but search; see README, "Decisions".
BARE: dict[str, Any] = {
    "cp_model_presolve": False,
    "cp_model_probing_level": 0,
    "linearization_level": 0,
    "symmetry_level": 0,
    "use_sat_inprocessing": False,
}
# With sums a light presolve and a linear relaxation pay for themselves.
LIGHT: dict[str, Any] = {"max_presolve_iterations": 1, "linearization_level": 1, "symmetry_level": 0}

_STATUS = {
    cp_model.OPTIMAL: Status.OPTIMAL,
    cp_model.FEASIBLE: Status.FEASIBLE,
    cp_model.INFEASIBLE: Status.INFEASIBLE,
    cp_model.UNKNOWN: Status.UNKNOWN,
}


def solve(
    model: cp_model.CpModel,
    limits: Limits,
    *,
    settings: dict[str, Any] | None = None,
    stop: Stop | None = None,
    report: Callable[[Solving], None] | None = None,
) -> Answer:
    """Solve within the limits. Raises InvalidModel.

    `settings` are further CP-SAT parameters; `report` is called from the solver's thread for each better solution.
    """
    if stop is not None and stop.asked:
        return Answer(Status.UNKNOWN)
    solver = cp_model.CpSolver()
    parameters: Any = solver.parameters
    parameters.max_time_in_seconds = limits.seconds
    if limits.effort is not None:
        parameters.max_deterministic_time = limits.effort
    parameters.random_seed = limits.seed
    parameters.num_workers = limits.workers
    for name, setting in (settings or {}).items():
        setattr(parameters, name, setting)
    callback = _Reporter(report) if report is not None else None
    if stop is not None:
        stop._enter(solver)
    try:
        if stop is not None and stop.asked:
            return Answer(Status.UNKNOWN)
        status = solver.solve(model, callback)
    finally:
        if stop is not None:
            stop._leave(solver)
    return _answer(model, solver, status)


def _answer(model: cp_model.CpModel, solver: cp_model.CpSolver, status: Any) -> Answer:
    if status not in _STATUS:
        raise InvalidModel(model.validate() or str(solver.status_name(status)))
    response: Any = solver.response_proto
    known = _STATUS[status]
    if known.solved:
        values = tuple(response.solution)
        return Answer(known, values, solver.objective_value, solver.best_objective_bound, (), solver.wall_time)
    core = tuple(response.sufficient_assumptions_for_infeasibility) if known is Status.INFEASIBLE else ()
    return Answer(known, core=core, seconds=solver.wall_time)


class _Reporter(cp_model.CpSolverSolutionCallback):
    def __init__(self, report: Callable[[Solving], None]) -> None:
        super().__init__()
        self._report = report

    def on_solution_callback(self) -> None:
        values = tuple(self.response_proto.solution)
        self._report(Solving(self.objective_value, self.best_objective_bound, self.wall_time, values))
