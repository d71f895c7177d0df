"""Solver values as plain JSON data and back: work orders, placements, evaluations; instants as engine seconds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from solver.scheduling.problem import (
    FamilyId,
    LineId,
    MaterialId,
    MaterialNeed,
    Mode,
    Operation,
    OperationId,
    Placement,
    Precedence,
    Running,
    Second,
    WorkOrder,
    WorkOrderId,
)
from solver.scheduling.schedule import Evaluation


def second(instant: datetime) -> Second:
    """Engine time of an instant."""
    return Second(int(instant.timestamp()))


def instant(at: int) -> datetime:
    """The instant of an engine time."""
    return datetime.fromtimestamp(at, UTC)


def work_order_to_json(order: WorkOrder) -> dict[str, Any]:
    """A work order as plain data; its operations are named without the order's id."""
    prefix = len(order.id) + 1
    return {
        "release": order.release, "due": order.due, "promise": order.promise, "weight": order.weight,
        "operations": [_operation_to_json(operation, prefix) for operation in order.operations],
    }


def _operation_to_json(operation: Operation, prefix: int) -> dict[str, Any]:
    return {
        "id": operation.id[prefix:],
        "modes": [[mode.line, mode.duration] for mode in operation.modes],
        "after": [[before.operation[prefix:], before.minimum_wait] for before in operation.predecessors],
        "family": operation.family,
        "running": operation.running.value,
        "materials": [[need.material, need.quantity] for need in operation.materials],
        **({"release": operation.release} if operation.release else {}),
    }


def work_order_from(number: str, data: Mapping[str, Any]) -> WorkOrder:
    """The work order of the manufacturing order `number`."""
    return WorkOrder(
        WorkOrderId(number),
        tuple(_operation_from(number, row) for row in data["operations"]),
        Second(data["release"]), Second(data["due"]),
        None if data["promise"] is None else Second(data["promise"]), data["weight"],
    )


def _operation_from(number: str, row: Mapping[str, Any]) -> Operation:
    return Operation(
        OperationId(f"{number}/{row['id']}"),
        tuple(Mode(LineId(line), duration) for line, duration in row["modes"]),
        tuple(Precedence(OperationId(f"{number}/{name}"), wait) for name, wait in row["after"]),
        FamilyId(row["family"]) if row["family"] is not None else None,
        _running(row),
        tuple(MaterialNeed(MaterialId(material), quantity) for material, quantity in row["materials"]),
        release=Second(row.get("release", 0)),
    )


def _running(row: Mapping[str, Any]) -> Running:
    """Rows from before operations could run in more than two ways have a yes or no."""
    if "running" in row:
        return Running(row["running"])
    return Running.PAUSES if row["interruptible"] else Running.WHOLE


def renamed(order: WorkOrder, number: str) -> WorkOrder:
    """The same work order under another id."""
    prefix = len(order.id) + 1
    return replace(order, id=WorkOrderId(number), operations=tuple(
        replace(
            operation,
            id=OperationId(f"{number}/{operation.id[prefix:]}"),
            predecessors=tuple(
                replace(before, operation=OperationId(f"{number}/{before.operation[prefix:]}"))
                for before in operation.predecessors
            ),
        )
        for operation in order.operations
    ))


def renamed_placements(placements: Iterable[Placement], old: str, number: str) -> tuple[Placement, ...]:
    """The placements of a renamed work order."""
    prefix = len(old) + 1
    return tuple(replace(p, operation=OperationId(f"{number}/{p.operation[prefix:]}")) for p in placements)


def placements_to_json(placements: Iterable[Placement]) -> dict[str, list[Any]]:
    """Operation -> [line, start, end]."""
    return {p.operation: [p.line, p.start, p.end] for p in placements}


def placements_from(data: Mapping[str, Iterable[Any]]) -> tuple[Placement, ...]:
    """Placements from plain data."""
    return tuple(
        Placement(OperationId(operation), LineId(line), Second(start), Second(end))
        for operation, (line, start, end) in data.items()
    )


def evaluation_to_json(evaluation: Evaluation) -> dict[str, Any]:
    """The figures of a schedule that a planner compares; seconds."""
    return {
        "broken": len(evaluation.broken_promises),
        "over": sum(seconds for _, seconds in evaluation.broken_promises),
        "late": sorted(number for number, _ in evaluation.broken_promises),
        "tardiness": evaluation.tardiness,
        "setup": evaluation.setup_seconds,
        "makespan": evaluation.makespan,
    }
