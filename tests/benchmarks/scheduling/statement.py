"""An instance as JSON for the peers, which share no code with our engine, and how they answer."""

from typing import Any

from solver.scheduling.problem import OperationId, Placement, Second
from solver.scheduling.schedule import Schedule
from tests.benchmarks.scheduling.instances import Instance
from tests.benchmarks.scheduling.plain import line_id, operation_id

Row = tuple[int, int, int, int]  # job, step, line, start


def statement(instance: Instance) -> dict[str, Any]:
    """Lines and jobs by number; `tables` has a setup table a line, or none at all."""
    shop = instance.shop
    table_of = shop.table_of or range(len(shop.tables))
    return {
        "goal": instance.goal,
        "lines": shop.lines,
        "tables": [shop.tables[table_of[line]].tolist() for line in range(shop.lines)] if shop.tables else [],
        "sequences": [list(group) for group in shop.sequences],
        "no_wait": shop.no_wait,
        "jobs": [
            {
                "release": job.release, "due": job.due, "weight": job.weight,
                "steps": [
                    {
                        "modes": [list(mode) for mode in step.modes],
                        "after": list(step.after) if step.after is not None else [place - 1] if place else [],
                        "family": step.family, "route": step.route,
                    }
                    for place, step in enumerate(job.steps)
                ],
            }
            for job in shop.jobs
        ],
    }


def schedule_of(instance: Instance, rows: list[Row]) -> Schedule:
    """What a peer answered, as a schedule for the judge."""
    jobs = instance.shop.jobs
    return Schedule.of(
        Placement(
            operation_id(job, step), line_id(line), Second(start),
            Second(start + next((p for number, p in jobs[job].steps[step].modes if number == line), 0)),
        )
        for job, step, line, start in rows
    )


def rows_of(schedule: Schedule) -> list[Row]:
    """The other way round: what our engine answers in a process of its own."""
    return [
        (*_numbers(operation), int(placement.line[1:]), placement.start)
        for operation, placement in schedule.placements.items()
    ]


def _numbers(operation: OperationId) -> tuple[int, int]:
    job, step = operation[1:].split(".")
    return int(job), int(step)
