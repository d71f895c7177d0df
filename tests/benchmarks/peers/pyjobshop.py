"""PyJobShop, as its own documentation models these shops, with its open-source solver and one worker."""

from itertools import pairwise, permutations
from typing import Any

from pyjobshop import Model

from tests.benchmarks.peers.shops import Row, serve


def solve(shop: dict[str, Any], seconds: float) -> tuple[list[Row], float | None]:
    """The best schedule found and the bound."""
    model = Model()
    machines = [model.add_machine() for _ in range(shop["lines"])]
    late = shop["goal"] == "tardiness"
    tasks: list[list[Any]] = []
    on_line: list[list[tuple[Any, int]]] = [[] for _ in machines]
    where: list[list[int]] = []  # the machine of each mode, in the order in which modes are added
    for row in shop["jobs"]:
        due = {"due_date": row["due"]} if late else {}
        job = model.add_job(weight=row["weight"], release_date=row["release"], **due)
        mine: list[Any] = []
        for step in row["steps"]:
            task = model.add_task(job=job, optional=step["route"] is not None)
            for line, duration in step["modes"]:
                model.add_mode(task, machines[line], duration)
                on_line[line].append((task, step["family"]))
                where.append([line])
            mine.append(task)
        for step, task in zip(row["steps"], mine, strict=True):
            for before in step["after"]:
                model.add_end_before_start(mine[before], task)
                if shop["no_wait"]:
                    model.add_start_before_end(task, mine[before])
        routes: dict[int, list[Any]] = {}
        for step, task in zip(row["steps"], mine, strict=True):
            if step["route"] is not None:
                routes.setdefault(step["route"], []).append(task)
        if routes:
            model.add_select_exactly_one([taken[0] for taken in routes.values()])
            for taken in routes.values():
                model.add_select_all_or_none(taken)
        tasks.append(mine)
    for line, table in enumerate(shop["tables"]):
        for (first, f), (second, g) in permutations(on_line[line], 2):
            if table[f][g]:
                model.add_setup_time(machines[line], first, second, table[f][g])
    for group in shop["sequences"]:
        for line, following in pairwise(group):
            model.add_same_sequence(
                machines[line], machines[following],
                [task for task, _ in on_line[line]], [task for task, _ in on_line[following]],
            )
    if late:
        model.set_objective(weight_total_tardiness=1)
    else:
        model.set_objective(weight_makespan=1)
    result = model.solve(solver="ortools", time_limit=seconds, display=False, num_workers=1)
    rows: list[Row] = []
    scheduled = iter(result.best.tasks)
    for number, mine in enumerate(tasks):
        for place, found in zip(range(len(mine)), scheduled, strict=False):
            if found.present:
                rows.append((number, place, where[found.mode][0], found.start))
    return rows, result.lower_bound if result.best.tasks else None


if __name__ == "__main__":
    serve(solve)
