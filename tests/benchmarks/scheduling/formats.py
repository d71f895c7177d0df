"""Files of scheduling instances, recognised by what is in them; the folder's name decides where that is not enough.

Each reader takes all numbers of a file or refuses it, so a file that fits two formats is rare: parallel machines and
a flow shop look alike, and so do due dates and stages when there are as many of both.
"""

import csv
import math
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tests.benchmarks.scheduling.plain import Job, Shop, Step

COMPANY = ("jobTasks.csv", "machineRunSpeed.csv", "sequenceDependencyMatrix.csv")
Rows = list[list[int]]


class NotReadable(ValueError):
    """The file states no instance of a known format."""


def read_shop(path: Path) -> tuple[str, Shop]:
    """The format's name and the shop: a text file, or the folder with a company's three tables. Raises NotReadable."""
    try:
        if path.is_dir():
            return "company", _company(path)
        text = path.read_text(encoding="utf-8", errors="replace")
        if "Processing times" in text:
            return "jsp_tardiness", _job_shop_with_due_dates(text)
        rows = [[_number(word) for word in line.split()] for line in text.splitlines() if line.strip()]
        return _numbers(rows, path.parent.name.upper())
    except (ValueError, IndexError) as error:
        raise NotReadable(f"{path.name}: {error}") from error


def _number(word: str) -> int:
    return int(float(word))  # the average number of machines in a first line may have a fraction


def _numbers(rows: Rows, folder: str) -> tuple[str, Shop]:
    if not rows:
        raise ValueError("it is empty.")
    if len(rows[0]) >= 2:
        jobs, machines = rows[0][:2]
        if folder.startswith("JSP") or (
            len(rows) == jobs + 1 and all(_is_permutation(row[::2], machines) for row in rows[1:])
        ):
            return "jsp", _job_shop(rows)
        return _flexible(rows)
    return _flow_shop(rows, folder)


def _is_permutation(values: Sequence[int], machines: int) -> bool:
    return sorted(values) == list(range(machines))


def _job_shop(rows: Rows) -> Shop:
    jobs, machines = rows[0][:2]
    if len(rows) != jobs + 1:
        raise ValueError(f"{jobs} jobs are announced, {len(rows) - 1} lines follow.")
    made = [Job([Step([pair]) for pair in zip(row[::2], row[1::2], strict=True)]) for row in rows[1:]]
    return Shop(machines, made)


def _flexible(rows: Rows) -> tuple[str, Shop]:
    """A flexible job shop; what follows the jobs are setup tables, by job (of each machine) or by operation."""
    jobs, machines = rows[0][:2]
    routings: list[list[list[tuple[int, int]]]] = []
    for row in rows[1 : jobs + 1]:
        at, steps = 1, []
        for _ in range(row[0]):
            count = row[at]
            values = row[at + 1 : at + 1 + 2 * count]
            if count < 1 or len(values) != 2 * count:
                raise ValueError("a line of a job ends too early.")
            steps.append(list(zip(values[::2], values[1::2], strict=True)))
            at += 1 + 2 * count
        if at != len(row):
            raise ValueError("a line of a job is longer than its operations.")
        routings.append(steps)
    if len(routings) != jobs:
        raise ValueError(f"{jobs} jobs are announced, {len(routings)} lines follow.")
    used = {machine for steps in routings for pairs in steps for machine, _ in pairs}
    base = 0 if 0 in used else 1  # most number machines from 1, some from 0
    if max(used) - base >= machines:
        raise ValueError(f"machine {max(used)} of {machines}.")
    rest = [value for row in rows[jobs + 1 :] for value in row]
    operations = sum(map(len, routings))
    families, name = 0, "fjsp"
    if rest:
        name = "fjsp_sdst"
        families = next((n for n in (jobs, operations) if machines * n * n == len(rest)), 0)
        if not families:
            raise ValueError(f"{len(rest)} numbers follow the jobs: not a table for each machine.")
    made, number = [], 0
    for place, steps in enumerate(routings):
        stated: list[Step] = []
        for pairs in steps:
            family = None if not families else place if families == jobs else number
            stated.append(Step([(machine - base, duration) for machine, duration in pairs], family=family))
            number += 1
        made.append(Job(stated))
    if not families:
        return name, Shop(machines, made)
    tables = _tables(rest, machines, families)
    if families == operations:
        _clear(tables, made)
    return name, Shop(machines, made, tables)


def _clear(tables: Sequence[NDArray[np.int64]], jobs: Sequence[Job]) -> None:
    """Setups of operations on machines that cannot make them stand as huge numbers: nobody will ask for them."""
    able = np.zeros((len(tables), len(tables[0])), dtype=np.bool_)
    for step in (step for job in jobs for step in job.steps):
        for machine, _ in step.modes:
            able[machine, step.family] = True
    for table, can in zip(tables, able, strict=True):
        table[~np.outer(can, can)] = 0


def _tables(values: Sequence[int], machines: int, families: int) -> list[NDArray[np.int64]]:
    return list(np.array(values, dtype=np.int64).reshape(machines, families, families))


def _flow_shop(rows: Rows, folder: str) -> tuple[str, Shop]:
    """First jobs, then machines (or stages), each in a line of its own."""
    jobs, machines = rows[0][0], rows[1][0]
    body = rows[2:]
    widths = [len(row) for row in body]
    plain = [machines] * jobs
    found = []
    if widths == [machines, *plain]:
        found.append("HFSP")
    if widths == [jobs, *plain]:
        found.append("TT-PFSP")
    if widths[0] == jobs and sum(body[0]) == len(body) - 1 and set(widths[1:]) == {machines}:
        found.append("FJSP")
    if widths == [1, *plain]:
        found.append("DPFSP")
    if widths == plain:
        found += ["PMP", "NW-PFSP", "NPFSP", "PFSP"]
    if widths == plain * 2 and all(_is_permutation([m - 1 for m in row], machines) for row in body[jobs:]):
        found.append("JSP")
    if widths == [*plain, *([jobs] * (jobs * machines))]:
        found.append("SDST-PFSP")
    if not found:
        raise ValueError(f"{jobs} jobs, {machines} machines: what follows fits no format.")
    named = [name for name in found if name == folder] or [name for name in found if name in folder]
    name = named[0] if named else found[0]
    return name, _FLOW[name](jobs, machines, body)


def _stages(jobs: int, stages: int, body: Rows) -> Shop:
    """A hybrid flow shop: like machines at each stage."""
    first = np.concatenate(([0], np.cumsum(body[0]))).tolist()
    made = [
        Job([Step([(line, row[s]) for line in range(first[s], first[s + 1])]) for s in range(stages) if row[s] > 0])
        for row in body[1:]
    ]
    return Shop(first[-1], made)


def _parallel(jobs: int, machines: int, body: Rows) -> Shop:
    return Shop(machines, [Job([Step(list(enumerate(row)))]) for row in body])


def _line(row: Sequence[int], due: int = 0, family: int | None = None) -> Job:
    return Job([Step([pair], family=family) for pair in enumerate(row)], due=due)


def _any_sequence(jobs: int, machines: int, body: Rows) -> Shop:
    return Shop(machines, [_line(row) for row in body])


def _one_sequence(jobs: int, machines: int, body: Rows) -> Shop:
    return Shop(machines, [_line(row) for row in body], sequences=[range(machines)])


def _no_wait(jobs: int, machines: int, body: Rows) -> Shop:
    return Shop(machines, [_line(row) for row in body], sequences=[range(machines)], no_wait=True)


def _with_setups(jobs: int, machines: int, body: Rows) -> Shop:
    values = [value for row in body[jobs:] for value in row]
    made = [_line(row, family=job) for job, row in enumerate(body[:jobs])]
    return Shop(machines, made, _tables(values, machines, jobs), sequences=[range(machines)])


def _with_due_dates(jobs: int, machines: int, body: Rows) -> Shop:
    made = [_line(row, due) for due, row in zip(body[0], body[1:], strict=True)]
    return Shop(machines, made, sequences=[range(machines)])


def _factories(jobs: int, machines: int, body: Rows) -> Shop:
    """Like flow shops side by side; a job goes to one of them."""
    count = body[0][0]
    made = [
        Job([
            Step([(factory * machines + m, duration)], () if m == 0 else None, route=factory)
            for factory in range(count) for m, duration in enumerate(row)
        ])
        for row in body[1:]
    ]
    return Shop(count * machines, made, sequences=[range(f * machines, (f + 1) * machines) for f in range(count)])


def _given_routes(jobs: int, machines: int, body: Rows) -> Shop:
    made = [
        Job([Step([(machine - 1, duration)]) for machine, duration in zip(route, times, strict=True)])
        for times, route in zip(body[:jobs], body[jobs:], strict=True)
    ]
    return Shop(machines, made)


def _flexible_table(jobs: int, machines: int, body: Rows) -> Shop:
    rows = iter(body[1:])
    made = [
        Job([Step([(m, duration) for m, duration in enumerate(next(rows)) if duration > 0]) for _ in range(count)])
        for count in body[0]
    ]
    return Shop(machines, made)


_FLOW = {
    "HFSP": _stages, "PMP": _parallel, "NPFSP": _any_sequence, "PFSP": _one_sequence, "NW-PFSP": _no_wait,
    "SDST-PFSP": _with_setups, "TT-PFSP": _with_due_dates, "DPFSP": _factories, "JSP": _given_routes,
    "FJSP": _flexible_table,
}


def _job_shop_with_due_dates(text: str) -> Shop:
    """Machines and jobs; for each job its times by machine, then its machines in sequence, then the due dates."""
    head, times, routes, due, *more = re.split(r"[A-Za-z ]+:", text)
    machines, jobs = map(int, head.split())
    table, sequence = ([[int(word) for word in row.split()] for row in part.strip().splitlines()]
                       for part in (times, routes))
    dates = [int(word) for word in due.split()]
    weights = [int(word) for word in more[0].split()] if more else [1] * jobs
    if [len(table), len(sequence), len(dates), len(weights)] != [jobs] * 4:
        raise ValueError(f"{jobs} jobs, but {len(table)}, {len(sequence)}, {len(dates)} and {len(weights)} rows.")
    made = [
        Job([Step([(machine - 1, row[machine - 1])]) for machine in route], due=date, weight=weight)
        for row, route, date, weight in zip(table, sequence, dates, weights, strict=True)
    ]
    return Shop(machines, made)


def _company(folder: Path) -> Shop:
    """Pieces by machines' speeds, rounded up to whole minutes; tasks of one sequence number may run side by side.

    A row of the setup table is the task that comes, a column the one before it. Where it says -1 the two are of one
    job and do not follow each other directly; if they do here, it takes the longest setup.
    """
    tasks, speeds, setups = (list(csv.reader((folder / name).open(encoding="utf-8")))[1:] for name in COMPANY)
    speed = {int(row[0]): int(row[1]) for row in speeds}
    table = np.array([[int(word) for word in row[1:]] for row in setups], dtype=np.int64).T
    table = np.where(table < 0, table.max(), table)
    jobs: dict[int, list[tuple[int, Step]]] = {}
    for family, row in enumerate(tasks):
        job = jobs.setdefault(int(row[0]), [])
        sequence, pieces = int(row[2]), int(row[4])
        modes = [(m, math.ceil(pieces / speed[m])) for m in map(int, row[3].strip("[] ").split())]
        earlier = {before for before, _ in job if before < sequence}
        after = [place for place, (before, _) in enumerate(job) if earlier and before == max(earlier)]
        job.append((sequence, Step(modes, after, family)))
    made = [Job([step for _, step in job]) for job in jobs.values()]
    return Shop(len(speed), made, [table], table_of=[0] * len(speed))
