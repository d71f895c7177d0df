"""CP-SAT tuned for the task: one model, edited in place; every solution found is kept and answers what it can.

After a decision the known solutions that have it settle most values. Then one solve after the other asks for at least
one value that is not settled yet, with hints toward all of them; the first that is infeasible settles all the rest.
"""

import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from ortools.sat.python import cp_model

from tests.benchmarks.peers.cpsat_model import Stated
from tests.benchmarks.peers.talk import Question, serve

KEPT = 4_096  # solutions, the newest
# Measured here to be the quickest, with sums too: presolve and linear relaxations cost more than they save, and without
# them the search follows the hints.
SETTINGS = {
    "cp_model_presolve": False,
    "cp_model_probing_level": 0,
    "linearization_level": 0,
    "symmetry_level": 0,
    "use_sat_inprocessing": False,
}


class Tuned:
    """One model, its known solutions as rows over literals, and the clause that asks for a value not yet seen."""

    note = ""

    def __init__(self, statement: dict[str, Any]) -> None:
        self._stated = Stated(statement, tables_as_clauses=True)
        self._true = self._stated.model.new_constant(1)
        self._unseen = self._stated.model.add_bool_or([self._true]).proto.bool_or
        true = self._true.index  # stands for literals of questions that nobody asks
        self._index = np.array([true if literal is None else literal.index for literal in self._stated.literal])
        self._variable = np.where(self._index >= 0, self._index, -self._index - 1)
        self._known = np.zeros((64, len(self._index)), dtype=bool)
        self._numbers = np.zeros((64, len(self._stated.numbers)), dtype=np.int64)
        self._found = 0

    def answer(self, question: Question) -> tuple[Sequence[int], Sequence[int]]:
        """Known solutions first, then solves for what they have not."""
        stated = self._stated
        due = time.perf_counter() + question.seconds
        stated.restrict(question.fixed, question.numbers)
        literals = np.array(stated.open_literals(question.fixed, question.offered), dtype=np.int64)
        seen = self._seen(question)[literals]
        settled = True
        while not seen.all():
            status, row = self._solve(literals[~seen], due)
            if status == cp_model.UNKNOWN:
                settled = False
                break
            if row is None:
                break
            seen |= row[literals]
        valid = stated.decided(question.fixed)
        for literal, found in zip(literals.tolist(), seen.tolist(), strict=True):
            valid[literal] = 1 if found else 0 if settled else 2
        return stated.answer(valid)

    def _seen(self, question: Question) -> np.ndarray:
        """The literals of the known solutions that have all decisions."""
        count = min(self._found, len(self._known))
        rows = np.ones(count, dtype=bool)
        for one in question.fixed:
            rows &= self._known[:count, one - 1] if one > 0 else ~self._known[:count, -one - 1]
        for number, entered in question.numbers.items():
            rows &= self._numbers[:count, number] == entered[self._stated.positions]
        return self._known[:count][rows].any(axis=0)

    def _solve(self, unseen: np.ndarray, due: float) -> tuple[Any, np.ndarray | None]:
        indices = self._index[unseen].tolist()
        self._unseen.literals.clear()
        self._unseen.literals.extend(indices)
        hint = self._stated.model.proto.solution_hint
        hinted = {index if index >= 0 else -index - 1: int(index >= 0) for index in indices}
        hint.vars.clear()
        hint.values.clear()
        hint.vars.extend(list(hinted))
        hint.values.extend(list(hinted.values()))
        solver = cp_model.CpSolver()
        solver.parameters.num_workers = 1
        solver.parameters.max_time_in_seconds = max(0.001, due - time.perf_counter())
        for name, setting in SETTINGS.items():
            setattr(solver.parameters, name, setting)
        status = solver.solve(self._stated.model)
        if status not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
            return status, None
        solution = np.array(solver.response_proto.solution, dtype=np.int64)
        return status, self._keep(solution)

    def _keep(self, solution: np.ndarray) -> np.ndarray:
        row = (solution[self._variable] == 1) == (self._index >= 0)
        if self._found == len(self._known) < KEPT:
            self._known = np.concatenate([self._known, np.zeros_like(self._known)])
            self._numbers = np.concatenate([self._numbers, np.zeros_like(self._numbers)])
        place = self._found % len(self._known)  # when it is full, the newest takes the place of the oldest
        self._found += 1
        self._known[place] = row
        self._numbers[place] = [solution[number.index] for number in self._stated.numbers]
        return row


if __name__ == "__main__":
    serve(Tuned)
