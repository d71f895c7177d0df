"""Shops made by the generators that lie beside the project (`shop/1`, `rolling/1`), as problems, and their judges."""

import sys
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from typing import Any

import numpy as np

from solver.scheduling.problem import (
    NEVER,
    Fixing,
    Line,
    LineId,
    MatrixId,
    Mode,
    Operation,
    OperationId,
    Placement,
    PlantId,
    Precedence,
    SchedulingProblem,
    Second,
    Window,
    WorkOrder,
    WorkOrderId,
)
from solver.scheduling.schedule import Schedule
from tests.benchmarks.scheduling.instances import bench_folder
from tests.benchmarks.scheduling.plain import (
    ALWAYS,
    Job,
    Shop,
    Step,
    family_id,
    line_id,
    operation_id,
    problem_of,
    setup_matrices,
    side_by_side,
    transports,
)


def bench(name: str) -> Any:
    """A program of the generators' folder (shop, planted, judge, baseline, rolling) as a module."""
    folder = str(bench_folder())
    if folder not in sys.path:
        sys.path.append(folder)
    return import_module(name)


@cache
def made_shop(kind: str, size: int, seed: int, load: float = 0.0) -> dict[str, Any]:
    """A `shop/1`: `shop` with so many orders at a load, or `planted` with so many operations."""
    if kind == "planted":
        made: dict[str, Any] = bench("planted").generate(size, seed)[0]
        return made
    made = bench("shop").generate(size, seed, load)
    return made


def plain_shop(shop: Mapping[str, Any]) -> Shop:
    """A `shop/1` as a plain shop; a minute of it is a unit of time. Weighted tardiness or makespan."""
    jobs = [
        Job(
            [Step(list(zip(op["lines"], op["minutes"], strict=True)), family=op["family"])
             for op in order["operations"]],
            order["release"], order["due"], order["weight"],
        )
        for order in shop["orders"]
    ]
    return Shop(
        len(shop["lines"]), jobs,
        [np.array(table, dtype=np.int64) for table in shop["setups"]],
        table_of=[line["setup"] for line in shop["lines"]],
        plants=[line["plant"] for line in shop["lines"]],
        transport=shop["transport"],
        initial=[line["initial"] for line in shop["lines"]],
    )


def shop_problem(shop: Mapping[str, Any]) -> SchedulingProblem:
    """A `shop/1` as the engine gets it."""
    return problem_of(plain_shop(shop))


def plants_problem(plants: int, orders: int, load: float) -> SchedulingProblem:
    """So many plants, two to a shop, with so many orders in all."""
    count = plants // 2
    return problem_of(side_by_side([plain_shop(made_shop("shop", orders // count, 1 + k, load)) for k in range(count)]))


def order_count(problem: SchedulingProblem) -> int:
    """How many orders there are."""
    return len(problem.orders)


def judged(shop: Mapping[str, Any], rows: list[list[int]]) -> Any:
    """The generators' own judge on (job, step, line, start) rows: its verdict."""
    first = [0]
    for order in shop["orders"]:
        first.append(first[-1] + len(order["operations"]))
    schedule = []
    for job, step, line, start in rows:
        op = shop["orders"][job]["operations"][step]
        minutes = op["minutes"][op["lines"].index(line)] if line in op["lines"] else 0
        schedule.append([first[job] + step, line, start, start + minutes])
    return bench("judge").judge(shop, schedule)


def best_of_25(shop: Mapping[str, Any]) -> int:
    """The best dispatch rule's objective: what a ratio is over."""
    baseline = bench("baseline")
    loaded = baseline.load_shop(shop)
    schedule, _, _ = baseline.best_of_25(loaded, shop["objective"])
    return int(baseline.objective(loaded, schedule, shop["objective"]))


# --- a rolling book ---------------------------------------------------------------------------------------------------


def snapshot_problem(snapshot: Mapping[str, Any]) -> tuple[SchedulingProblem, Schedule, WorkOrder]:
    """A `rolling/1` snapshot: the book (frozen operations fixed), its schedule, and the new order that is asked for.

    What a line made before is left out: it is free from `free` on, in the family `initial`. The schedule has what is
    finished too, as the problem has.
    """
    lines = snapshot["lines"]
    matrices = setup_matrices([np.array(table, dtype=np.int64) for table in snapshot["setups"]])
    away = [LineId(f"A{plant}") for plant in range(len(snapshot["transport"]))]
    made = tuple(
        Line(
            line_id(k), PlantId(f"P{line['plant']}"), (Window(Second(line["free"]), Second(NEVER)),),
            MatrixId(f"S{line['setup']}"), family_id(line["initial"]),
        )
        for k, line in enumerate(lines)
    ) + tuple(Line(name, PlantId(f"P{plant}"), ALWAYS, unlimited=True) for plant, name in enumerate(away))
    orders: list[WorkOrder] = []
    fixed: dict[OperationId, tuple[Fixing, Placement]] = {}
    for number, row in enumerate(snapshot["orders"]):
        order, stands = _rest(number, row, away)
        orders.append(order)
        fixed |= stands
    names = [o.id for order in orders for o in order.operations if not o.id.endswith("before")]
    schedule = {
        names[n]: Placement(names[n], line_id(line), Second(start), Second(end))
        for n, line, start, end in snapshot["schedule"]
    } | {name: placement for name, (_, placement) in fixed.items()}
    problem = SchedulingProblem(
        made, tuple(orders[:-1]), setups=matrices, fixed=fixed, now=Second(snapshot["now"]),
        transports=transports(snapshot["transport"]),
    )
    return problem, Schedule(schedule), orders[-1]


def _rest(
    number: int, row: list[Any], away: list[LineId]
) -> tuple[WorkOrder, dict[OperationId, tuple[Fixing, Placement]]]:
    """The rest of an order: release, plant where it is, promise, operations.

    An order that is on its way has a finished operation before, a second long, so that a change of plants is counted.
    """
    release, plant, promise, listed = row
    operations: list[Operation] = []
    fixed: dict[OperationId, tuple[Fixing, Placement]] = {}
    if plant is not None:
        before = OperationId(f"J{number}.before")
        operations.append(Operation(before, (Mode(away[plant], 1),)))
        stood = Placement(before, away[plant], Second(release - 1), Second(release))
        fixed[before] = (Fixing.FINISHED, stood)
    for place, (family, able, minutes, *frozen) in enumerate(listed):
        name = operation_id(number, place)
        modes = tuple(Mode(line_id(line), p) for line, p in zip(able, minutes, strict=True))
        after = (Precedence(operations[-1].id),) if operations else ()
        operations.append(Operation(name, modes, after, family_id(family)))
        if frozen:
            line, start, end = frozen[0]
            fixed[name] = (Fixing.FROZEN, Placement(name, line_id(line), Second(start), Second(end)))
    due = Second(promise if promise is not None else release)
    start = Second(release if plant is None else release - 1)
    order = WorkOrder(
        WorkOrderId(f"J{number}"), tuple(operations), start, due, None if promise is None else due
    )
    return order, fixed


def answer_of(snapshot: Mapping[str, Any], schedule: Schedule) -> list[list[int]]:
    """A schedule of the book with the new order, as the snapshot's judge reads it."""
    rows: list[list[int]] = []
    for number, row in enumerate(snapshot["orders"]):
        for place in range(len(row[3])):
            placed = schedule.placements[operation_id(number, place)]
            rows.append([len(rows), int(placed.line[1:]), placed.start, placed.end])
    return rows
