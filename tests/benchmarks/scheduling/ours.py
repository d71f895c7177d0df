"""Our engine in a process of its own: asked for a schedule of an instance or of a made shop, in so many seconds."""

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from solver.scheduling import search as engine
from solver.scheduling.anneal import resequenced
from solver.scheduling.check import violations
from solver.scheduling.dispatch import dispatch
from solver.scheduling.problem import SchedulingProblem
from solver.scheduling.schedule import MAKESPAN_ONLY, TARDINESS_ONLY, Part, Schedule, evaluate
from tests.benchmarks.peers.talk import memory_mb
from tests.benchmarks.scheduling.factory import full_problem
from tests.benchmarks.scheduling.instances import MAKESPAN, read_instance
from tests.benchmarks.scheduling.shops import made_shop, order_count, shop_problem
from tests.benchmarks.scheduling.statement import rows_of

PARTS = (Part.BROKEN, Part.OVER, Part.TARDINESS, Part.MAKESPAN, Part.SETUP, Part.FLOW)  # as the kernels weigh them


def problem_asked(asked: dict[str, Any]) -> tuple[SchedulingProblem, str]:
    """The problem and its goal: a file (`path`), or a made one (`made`: shop, planted, full)."""
    if "path" in asked:
        instance = read_instance(Path(asked["path"]))
        return instance.problem(), instance.goal
    shop = made_shop("planted" if asked["made"] == "planted" else "shop", asked["size"], asked["seed"], asked["load"])
    problem = full_problem(shop, asked["seed"]) if asked["made"] == "full" else shop_problem(shop)
    return problem, MAKESPAN if shop["objective"] == "makespan" else "tardiness"


def solve(problem: SchedulingProblem, goal: str, seconds: float, seed: int = 0) -> tuple[Schedule, float | None]:
    """The engine's one way to a schedule, with the bound that it proves."""
    objective = MAKESPAN_ONLY if goal == MAKESPAN else TARDINESS_ONLY
    if hasattr(engine, "search"):
        result = engine.search(problem, objective=objective, seconds=seconds, seed=seed, cores=1)
        return result.schedule, result.bound
    began = time.perf_counter()
    first = dispatch(problem)
    left = max(0.1, seconds - (time.perf_counter() - began))
    if goal == MAKESPAN:  # `improve` compares tardiness first
        weights = np.array([objective.weights.get(part, 0) for part in PARTS], dtype=np.int64)
        return resequenced(problem, first, weights, seconds=left, seed=seed), None
    return engine.improve(problem, first, seconds=left, seed=seed), None


def answers(asked: dict[str, Any]) -> dict[str, Any]:
    """What a question gets: `ready`, `dispatch` (its time alone) or a schedule."""
    if asked["ask"] == "ready":  # the kernels were compiled, or found in the cache, by importing them
        return {"ready": True}
    problem, goal = problem_asked(asked)
    start = time.perf_counter()
    if asked["ask"] == "dispatch":
        schedule, bound = dispatch(problem), None
    else:
        schedule, bound = solve(problem, goal, asked["seconds"], asked.get("search_seed", 0))
    seconds = time.perf_counter() - start
    found = evaluate(problem, schedule)
    return {
        "seconds": seconds, "bound": bound, "memory_mb": memory_mb(), "orders": order_count(problem),
        "objective": found.makespan if goal == MAKESPAN else found.tardiness,
        "wrong": [f"{v.subject}: {v.what}" for v in violations(problem, schedule)[:3]],
        "rows": rows_of(schedule) if asked.get("rows", True) else [],
    }


def _said() -> Iterator[dict[str, Any]]:
    for line in sys.stdin:
        yield json.loads(line)


if __name__ == "__main__":
    for question in _said():
        try:
            answer = answers(question)
        except Exception as error:  # the suite says which instance it was and goes on
            answer = {"error": f"{type(error).__name__}: {error}"[:300]}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()
