"""Our engine in a process of its own: asked for a schedule of an instance or of a made shop, in so many seconds."""

import time
from pathlib import Path
from typing import Any

from solver.scheduling.check import violations
from solver.scheduling.dispatch import dispatch
from solver.scheduling.problem import SchedulingProblem
from solver.scheduling.schedule import MAKESPAN_ONLY, TARDINESS_ONLY, evaluate
from solver.scheduling.search import Result, search
from tests.benchmarks.peers.talk import answer_each, memory_mb
from tests.benchmarks.scheduling.factory import full_problem
from tests.benchmarks.scheduling.instances import MAKESPAN, read_instance
from tests.benchmarks.scheduling.shops import made_shop, order_count, plants_problem, shop_problem
from tests.benchmarks.scheduling.statement import rows_of


def problem_asked(asked: dict[str, Any]) -> tuple[SchedulingProblem, str]:
    """The problem and its goal: a file (`path`), or a made one (`made`: shop, planted, full; plants: `seed` many)."""
    if "path" in asked:
        instance = read_instance(Path(asked["path"]))
        return instance.problem(), instance.goal
    if asked["made"] == "plants":
        return plants_problem(asked["seed"], asked["size"], asked["load"]), "tardiness"
    shop = made_shop("planted" if asked["made"] == "planted" else "shop", asked["size"], asked["seed"], asked["load"])
    problem = full_problem(shop, asked["seed"]) if asked["made"] == "full" else shop_problem(shop)
    return problem, MAKESPAN if shop["objective"] == "makespan" else "tardiness"


def solve(problem: SchedulingProblem, goal: str, seconds: float, seed: int = 0) -> Result:
    """What the engine finds in this time, from nothing."""
    return search(problem, MAKESPAN_ONLY if goal == MAKESPAN else TARDINESS_ONLY, seconds=seconds, seed=seed)


def answers(asked: dict[str, Any]) -> dict[str, Any]:
    """What a question gets: `ready`, `dispatch` (its time alone) or a schedule."""
    if asked["ask"] == "ready":  # the kernels were compiled, or found in the cache, by importing them
        return {"ready": True}
    problem, goal = problem_asked(asked)
    start = time.perf_counter()
    bound, moves, before = None, 0, memory_mb()
    if asked["ask"] == "dispatch":
        schedule = dispatch(problem)
    else:
        result = solve(problem, goal, asked["seconds"], asked.get("search_seed", 0))
        schedule, bound, moves = result.schedule, result.bound.value[0], result.moves
    seconds = time.perf_counter() - start
    found = evaluate(problem, schedule)
    return {
        "seconds": seconds, "bound": bound, "memory_mb": memory_mb(), "orders": order_count(problem),
        "moves": moves, "search_mb": memory_mb() - before,
        "objective": found.makespan if goal == MAKESPAN else found.tardiness,
        "wrong": [f"{v.subject}: {v.what}" for v in violations(problem, schedule)[:3]],
        "rows": rows_of(schedule) if asked.get("rows", True) else [],
    }


if __name__ == "__main__":
    answer_each(answers)
