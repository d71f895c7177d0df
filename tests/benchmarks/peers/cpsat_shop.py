"""Plain CP-SAT: optional intervals, `no_overlap`, a circuit where the sequence matters; one worker, no hint."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from ortools.sat.python import cp_model

from tests.benchmarks.peers.shops import Row, serve


class Made(NamedTuple):
    """A step on one of its lines. `chosen` is true when it is made there."""

    job: int
    step: int
    family: int | None
    chosen: Any
    start: Any
    end: Any
    interval: Any


def solve(shop: dict[str, Any], seconds: float) -> tuple[list[Row], float | None]:
    """The best schedule found and the bound."""
    model = cp_model.CpModel()
    horizon = _horizon(shop)
    on_line: list[list[Made]] = [[] for _ in range(shop["lines"])]
    completions = []
    for number, job in enumerate(shop["jobs"]):
        completions.append(_state_job(model, shop, number, job, horizon, on_line))
    grouped = {line for group in shop["sequences"] for line in group}
    for line, made in enumerate(on_line):
        model.add_no_overlap([one.interval for one in made])
        if shop["tables"] and line not in grouped:
            _sequence(model, [made], [shop["tables"][line]])
    for group in shop["sequences"]:
        tables = [shop["tables"][line] for line in group] if shop["tables"] else []
        _sequence(model, [on_line[line] for line in group], tables)
    if shop["goal"] == "makespan":
        makespan = model.new_int_var(0, horizon, "")
        model.add_max_equality(makespan, completions)
        model.minimize(makespan)
    else:
        late = []
        for job, completion in zip(shop["jobs"], completions, strict=True):
            late.append(model.new_int_var(0, horizon, ""))
            model.add(late[-1] >= completion - job["due"])
        model.minimize(sum(job["weight"] * value for job, value in zip(shop["jobs"], late, strict=True)))
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    solver.parameters.max_time_in_seconds = seconds
    status = solver.solve(model)
    if status not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        return [], None
    rows = [
        (one.job, one.step, line, solver.value(one.start))
        for line, made in enumerate(on_line) for one in made if solver.value(one.chosen)
    ]
    return rows, solver.best_objective_bound


def _horizon(shop: dict[str, Any]) -> int:
    steps = [step for job in shop["jobs"] for step in job["steps"]]
    longest = sum(max(duration for _, duration in step["modes"]) for step in steps)
    setups = len(steps) * max((max(map(max, table)) for table in shop["tables"]), default=0)
    return int(longest + setups + max(job["release"] for job in shop["jobs"]))


def _state_job(
    model: cp_model.CpModel, shop: dict[str, Any], number: int, job: dict[str, Any], horizon: int,
    on_line: Sequence[list[Made]],
) -> Any:
    """The job's variables and precedences; returns when it is complete."""
    routes = {step["route"]: model.new_bool_var("") for step in job["steps"] if step["route"] is not None}
    if routes:
        model.add_exactly_one(routes.values())
    completion = model.new_int_var(0, horizon, "")
    starts: list[Any] = []
    ends: list[Any] = []
    for place, step in enumerate(job["steps"]):
        start = model.new_int_var(job["release"], horizon, "")
        end = model.new_int_var(job["release"], horizon, "")
        needed = routes.get(step["route"])
        chosen = [
            needed if needed is not None and len(step["modes"]) == 1 else model.new_bool_var("") for _ in step["modes"]
        ]
        if needed is None:
            model.add_exactly_one(chosen)
        else:
            model.add(sum(chosen) == needed)
        for (line, duration), here in zip(step["modes"], chosen, strict=True):
            interval = model.new_optional_interval_var(start, duration, end, here, "")
            on_line[line].append(Made(number, place, step["family"], here, start, end, interval))
        for before in step["after"]:
            if shop["no_wait"]:
                model.add(start == ends[before])
            else:
                model.add(start >= ends[before])
        model.add(completion >= end)
        starts.append(start)
        ends.append(end)
    return completion


def _sequence(model: cp_model.CpModel, lines: Sequence[Sequence[Made]], tables: Sequence[Any]) -> None:
    """One circuit for lines that the jobs pass in the same sequence: node k is the k-th of each line."""
    arcs: list[tuple[int, int, Any]] = []
    first = lines[0]
    for i in range(len(first)):
        arcs.append((0, i + 1, model.new_bool_var("")))
        arcs.append((i + 1, 0, model.new_bool_var("")))
        arcs.append((i + 1, i + 1, first[i].chosen.negated()))
        for j in range(len(first)):
            if i == j:
                continue
            follows = model.new_bool_var("")
            arcs.append((i + 1, j + 1, follows))
            for line, made in enumerate(lines):
                setup = tables[line][made[i].family][made[j].family] if tables else 0
                model.add(made[j].start >= made[i].end + setup).only_enforce_if(follows)
    arcs.append((0, 0, model.new_bool_var("")))  # nothing is made here
    model.add_circuit(arcs)


if __name__ == "__main__":
    serve(solve)
