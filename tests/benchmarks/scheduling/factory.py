"""The made shops with everything that a factory has beside: suites `shop_full` and `promise_full`.

To each shop: shifts of eight hours with a break, and half an hour between shifts (times between releases grow by as
much); ovens in the tests, which run on in closed hours; fixtures in assembly and operators in cutting and packing;
materials that arrive by the day; outside work that joins at assembly; and a truck between the plants every half hour.
"""

from collections.abc import Mapping
from dataclasses import replace
from random import Random
from typing import Any

from solver.scheduling.problem import (
    NEVER,
    Line,
    LineId,
    Material,
    MaterialId,
    MaterialNeed,
    Mode,
    Operation,
    OperationId,
    PlantId,
    Precedence,
    Resource,
    ResourceId,
    ResourceNeed,
    Running,
    SchedulingProblem,
    Second,
    Transport,
    Window,
    WorkOrder,
)
from tests.benchmarks.scheduling.shops import shop_problem

SHIFT, BREAK_AT, BREAK, HANDOVER = 480, 225, 15, 30  # minutes, which are the problem's seconds
STRETCH = SHIFT / (SHIFT - BREAK - HANDOVER)
CUT, COAT, ASSEMBLE, TEST, PACK = range(5)
FIXTURES, FIXTURE_NUMBER = 4, 3
OPERATORS = 5  # for the six lines that cut and pack
OVEN = 3
MATERIALS, DAY = 3, 1440
TRUCK = 30
JOIN = 0.3  # share of the orders with outside work
RUNNING = {
    CUT: Running.BREAKS, COAT: Running.PAUSES, ASSEMBLE: Running.PAUSES, TEST: Running.UNATTENDED,
    PACK: Running.WHOLE,
}


def full_problem(shop: Mapping[str, Any], seed: int) -> SchedulingProblem:
    """The shop with all of it; the same for the same seed."""
    random = Random(seed)
    plain = shop_problem(shop)
    until = int(2 * STRETCH * max(order.release for order in plain.orders)) + 30 * DAY
    windows = _windows(until)
    stage = [line["stage"] for line in shop["lines"]]
    lines = [
        replace(line, windows=windows, longest_break=BREAK, batch=OVEN if stage[k] == TEST else 0)
        for k, line in enumerate(plain.lines)
    ]
    outside = LineId("outside")
    days = tuple(Window(Second(d * DAY + 360), Second(d * DAY + 1320)) for d in range(until // DAY))
    last = Window(Second(until), Second(NEVER))
    lines.append(Line(outside, PlantId("P0"), (*days, last), unlimited=True))
    orders = []
    taken: dict[int, list[int]] = {k: [] for k in range(MATERIALS)}
    for order, row in zip(plain.orders, shop["orders"], strict=True):
        orders.append(_order(order, row, stage, outside, random))
        taken[row["operations"][0]["family"] % MATERIALS].append(orders[-1].release)
    resources = [Resource(ResourceId(f"fixture {k}"), FIXTURE_NUMBER) for k in range(FIXTURES)]
    resources.append(Resource(ResourceId("operators"), OPERATORS))
    trucks = tuple(Second(t) for t in range(0, until, TRUCK))
    transports = tuple(Transport(t.origin, t.destination, t.seconds, trucks) for t in plain.transports)
    return replace(
        plain, lines=tuple(lines), orders=tuple(orders), resources=tuple(resources), transports=transports,
        materials=tuple(_material(k, releases) for k, releases in taken.items()),
    )


def _windows(until: int) -> tuple[Window, ...]:
    windows = []
    for start in range(0, until - SHIFT + 1, SHIFT):
        windows.append(Window(Second(start), Second(start + BREAK_AT)))
        windows.append(Window(Second(start + BREAK_AT + BREAK), Second(start + SHIFT - HANDOVER)))
    return (*windows, Window(Second(until), Second(NEVER)))


def _material(number: int, releases: list[int]) -> Material:
    """What a day's orders need comes at its beginning; the first day's is there."""
    arrivals: dict[int, int] = {}
    for release in releases:
        day = release // DAY
        arrivals[day] = arrivals.get(day, 0) + 1
    stock = arrivals.pop(0, 0)
    return Material(
        MaterialId(f"material {number}"), stock,
        tuple((Second(day * DAY), quantity) for day, quantity in sorted(arrivals.items())),
    )


def _order(
    order: WorkOrder, row: Mapping[str, Any], stage: list[int], outside: LineId, random: Random
) -> WorkOrder:
    release = int(STRETCH * order.release)
    due = Second(release + int(STRETCH * (order.due - order.release)) + TRUCK)
    joins = random.random() < JOIN
    operations: list[Operation] = []
    if joins:
        duration = random.randint(60, 200)
        operations.append(
            Operation(OperationId(f"{order.id}.out"), (Mode(outside, duration),), running=Running.UNATTENDED)
        )
        due = Second(due + duration)
    for operation, made in zip(order.operations, row["operations"], strict=True):
        at, family = stage[made["lines"][0]], made["family"]
        needs: tuple[ResourceNeed, ...] = ()
        if at == ASSEMBLE:
            needs = (ResourceNeed(ResourceId(f"fixture {family % FIXTURES}")),)
        elif at in (CUT, PACK):
            needs = (ResourceNeed(ResourceId("operators")),)
        before = operation.predecessors
        if joins and at == ASSEMBLE:
            before = (*before, Precedence(operations[0].id))
        materials = (MaterialNeed(MaterialId(f"material {family % MATERIALS}"), 1),) if at == CUT else ()
        operations.append(replace(
            operation, modes=tuple(replace(mode, needs=needs) for mode in operation.modes), predecessors=before,
            running=RUNNING[at], materials=materials, size=random.randint(1, 2) if at == TEST else 1,
        ))
    return replace(order, operations=tuple(operations), release=Second(release), due=due)
