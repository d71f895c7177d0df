"""CP-SAT as one meets it first: a query for each value still offered, default parameters, one worker."""

import time
from collections.abc import Sequence
from typing import Any

from ortools.sat.python import cp_model

from tests.benchmarks.peers.cpsat_model import Stated
from tests.benchmarks.peers.talk import Question, serve


class Naive:
    """One model; the value that is asked for is fixed in it, and it is solved."""

    note = ""

    def __init__(self, statement: dict[str, Any]) -> None:
        self._stated = Stated(statement, tables_as_clauses=False)

    def answer(self, question: Question) -> tuple[Sequence[int], Sequence[int]]:
        """A solve for each literal."""
        stated = self._stated
        due = time.perf_counter() + question.seconds
        valid = stated.decided(question.fixed)
        for literal in stated.open_literals(question.fixed, question.offered):
            left = due - time.perf_counter()
            valid[literal] = 2 if left <= 0 else self._solve([*question.fixed, literal + 1], question.numbers, left)
        return stated.answer(valid)

    def _solve(self, fixed: Sequence[int], numbers: dict[int, tuple[int, int]], seconds: float) -> int:
        self._stated.restrict(fixed, numbers)
        solver = cp_model.CpSolver()
        solver.parameters.num_workers = 1
        solver.parameters.max_time_in_seconds = seconds
        status = solver.solve(self._stated.model)
        return 2 if status == cp_model.UNKNOWN else int(status != cp_model.INFEASIBLE)


if __name__ == "__main__":
    serve(Naive)
