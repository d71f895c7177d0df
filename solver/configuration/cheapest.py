"""The cheapest model of clauses, by CP-SAT; its input is kept and edited: building it costs more than solving it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from ortools.sat.python import cp_model

from solver import cp
from solver.configuration.question import Clock, OutOfTime

_IDLE = 2  # models that are kept when nobody uses them


@dataclass(frozen=True, slots=True)
class Found:
    """A model (1 or 0 of each variable), what it costs, and what no model is below."""

    model: NDArray[np.int8]
    cost: int
    bound: int


class Cheapest:
    """Clauses of literals 2 * variable (true) and 2 * variable + 1 (false). Exactly one holds of each of `one_of`."""

    def __init__(self, variables: int, clauses: list[list[int]], one_of: list[list[int]], seed: int) -> None:
        self._variables = variables
        self._clauses = clauses
        self._one_of = one_of
        self._seed = seed
        self._idle: list[cp_model.CpModel] = []

    def solve(
        self, assumed: NDArray[np.int32], costs: NDArray[np.int64], hint: NDArray[np.int8], clock: Clock
    ) -> Found | None:
        """The cheapest model that has the assumed literals, each literal at its cost; None if there is no model.

        Raises OutOfTime if none was found in time.
        """
        try:
            model = self._idle.pop()
        except IndexError:
            model = self._built()
        try:
            return self._solved(model, assumed.tolist(), costs, hint, clock)
        finally:
            for literal in assumed.tolist():
                _fix(model, literal >> 1, (0, 1))
            if len(self._idle) < _IDLE:
                self._idle.append(model)

    def _built(self) -> cp_model.CpModel:
        model = cp_model.CpModel()
        handles = [model.new_bool_var("") for _ in range(self._variables)]
        literals = [x for handle in handles for x in (handle, ~handle)]
        for clause in self._clauses:
            model.add_bool_or([literals[x] for x in clause])
        for several in self._one_of:
            model.add_exactly_one([literals[x] for x in several])
        return model

    def _solved(
        self,
        model: cp_model.CpModel,
        assumed: list[int],
        costs: NDArray[np.int64],
        hint: NDArray[np.int8],
        clock: Clock,
    ) -> Found | None:
        for literal in assumed:
            _fix(model, literal >> 1, (1 - (literal & 1),) * 2)
        proto = model.proto
        proto.solution_hint.vars.clear()
        proto.solution_hint.values.clear()
        proto.solution_hint.vars.extend(range(self._variables))
        proto.solution_hint.values.extend(hint.tolist())
        factors = costs[0::2] - costs[1::2]
        constant = int(costs[1::2].sum())
        places = np.flatnonzero(factors)
        proto.objective.vars.clear()
        proto.objective.coeffs.clear()
        proto.objective.vars.extend(places.tolist())
        proto.objective.coeffs.extend(factors[places].tolist())
        answer = cp.solve(model, cp.Limits(seconds=clock.left, seed=self._seed), settings=cp.LIGHT)
        if answer.status is cp.Status.INFEASIBLE:
            return None
        if not answer.status.solved:
            raise OutOfTime
        values = np.array(answer.values, dtype=np.int8)
        cost = int(factors @ values) + constant
        bound = cost if answer.status is cp.Status.OPTIMAL else constant + int(np.floor(answer.bound))
        return Found(values, cost, min(bound, cost))


def _fix(model: cp_model.CpModel, variable: int, ends: tuple[int, int]) -> None:
    domain = model.proto.variables[variable].domain
    domain.clear()
    domain.extend(ends)
