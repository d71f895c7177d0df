"""What a line's people see: what runs now, what comes next, what each of it takes and waits for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import and_
from sqlmodel import Session, col, select

from catalog.factory import Line, Material, Plant, lines_of, materials_of, plants_of
from catalog.rows import utc_now
from catalog.uploads import SentFile, sent_file
from configurator.errors import NotFound
from configurator.planning.board import Lateness, lateness_of, near_of
from configurator.planning.grace import in_grace
from configurator.planning.models import ManufacturingOperation, ManufacturingOrder, OperationState, is_held
from configurator.planning.reports import open_predecessor, operations_of
from configurator.planning.transfers import TransferView, goes_on_with_part, transfers_to

Words = Mapping[str, str]
NEXT = 3


@dataclass(frozen=True, slots=True)
class LineStatus:
    """A line in the list of lines: what runs on it, and how many operations wait for it."""

    id: int
    plant: Words
    name: Words
    number: str | None
    operation: Words | None
    waiting: int


@dataclass(frozen=True, slots=True)
class Task:
    """An operation as the floor needs it. `waits_for`: what must be finished first, and on which line."""

    operation_id: int
    number: str
    product_name: Words
    name: Words
    starts_at: datetime
    ends_at: datetime
    started_at: datetime | None
    parts: tuple[tuple[Words, int, str], ...]  # material, quantity, unit
    waits_for: tuple[Words, Words] | None
    lateness: Lateness
    files: tuple[tuple[Words, SentFile], ...]  # question, what its buyer sent
    grace_until: datetime | None  # its buyer may still change it until then
    part: TransferView | None  # what is to come for it from another plant
    part_way: OperationState  # how far that is


@dataclass(frozen=True, slots=True)
class LineTasks:
    """One line's page."""

    line_id: int
    plant: Words
    name: Words
    zone: str
    running: tuple[Task, ...]
    upcoming: tuple[Task, ...]


def line_statuses(session: Session, company_id: int) -> tuple[LineStatus, ...]:
    """Every line of our own with what runs on it now."""
    mine = ManufacturingOperation.company_id == company_id
    running: dict[int, tuple[str, Words]] = {}
    for row, number in session.exec(
        select(ManufacturingOperation, ManufacturingOrder.number)
        .join(ManufacturingOrder, col(ManufacturingOrder.id) == ManufacturingOperation.order_id)
        .where(mine, ManufacturingOperation.state == OperationState.STARTED)
        .order_by(col(ManufacturingOperation.started_at).desc())
    ).all():
        running[row.line_id] = (number, row.name)
    waiting: dict[int, int] = {}
    for line_id in session.exec(
        select(ManufacturingOperation.line_id)
        .where(mine, ManufacturingOperation.state == OperationState.PLANNED, ~is_held())
    ).all():
        waiting[line_id] = waiting.get(line_id, 0) + 1
    found: list[LineStatus] = []
    for plant in plants_of(session, company_id):
        if plant.is_partners:
            continue
        for line in lines_of(session, plant):
            line_id = line.id or 0
            now = running.get(line_id)
            found.append(LineStatus(
                line_id, plant.name, line.name, now[0] if now else None, now[1] if now else None,
                waiting.get(line_id, 0),
            ))
    return tuple(found)


def line_tasks(session: Session, company_id: int, line_id: int) -> LineTasks:
    """What runs on a line now and what comes next; raises NotFound."""
    line = session.get(Line, line_id)
    if line is None or line.company_id != company_id:
        raise NotFound(field="line")
    plant = session.get_one(Plant, line.plant_id)
    if plant.is_partners:
        raise NotFound(field="line")
    rows = session.exec(
        select(ManufacturingOperation, ManufacturingOrder)
        .join(ManufacturingOrder, and_(
            col(ManufacturingOrder.id) == ManufacturingOperation.order_id,
            col(ManufacturingOrder.company_id) == company_id,
        ))
        .where(ManufacturingOperation.company_id == company_id, ManufacturingOperation.line_id == line_id)
        .where(ManufacturingOperation.state != OperationState.FINISHED, ~is_held())
        .order_by(
            col(ManufacturingOperation.state).desc(),  # started comes before planned
            col(ManufacturingOperation.starts_at), col(ManufacturingOperation.id),
        )
        .limit(NEXT + 5)
    ).all()
    siblings = operations_of(session, company_id, sorted({row.order_id for row, _ in rows}))
    materials = {material.code: material for material in materials_of(session, plant)}
    names = {found.id: found.name for found in lines_of(session, plant)}
    near = near_of(session, company_id)
    transfers = transfers_to(session, company_id, sorted(siblings))
    running: list[Task] = []
    upcoming: list[Task] = []
    for row, order in rows:
        part = transfers.get(row.order_id) if goes_on_with_part(order, row.operation) else None
        task = _task(row, order, siblings[row.order_id], materials, names, near, part)
        (running if row.state == OperationState.STARTED else upcoming).append(task)
    return LineTasks(line_id, plant.name, line.name, plant.zone, tuple(running), tuple(upcoming[:NEXT]))


def _task(
    row: ManufacturingOperation,
    order: ManufacturingOrder,
    siblings: Mapping[str, ManufacturingOperation],
    materials: Mapping[str, Material],
    lines: Mapping[int | None, Words],
    near: timedelta,
    part: TransferView | None,
) -> Task:
    blocker = open_predecessor(order, siblings, row) if row.state == OperationState.PLANNED else None
    return Task(
        operation_id=row.id or 0, number=order.number, product_name=order.product_name, name=row.name,
        starts_at=row.starts_at, ends_at=row.ends_at, started_at=row.started_at,
        parts=tuple(
            (materials[code].name, quantity, materials[code].unit)
            for code, quantity in row.needs.items() if code in materials
        ),
        waits_for=(blocker.name, lines[blocker.line_id]) if blocker is not None else None,
        lateness=lateness_of(order.completes_at, order.dispatch_at, near),
        files=tuple(
            (one["question"], file) for one in order.sent_files or () if (file := sent_file(one["answer"])) is not None
        ),
        grace_until=order.grace_until if in_grace(order) else None,
        part=part, part_way=part.way(utc_now()) if part is not None else OperationState.FINISHED,
    )
