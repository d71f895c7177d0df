"""What the floor reports - an operation started, an operation finished - and what that moves on the lines.

Starting takes the operation's materials out of stock, after everything that has arrived by then was received.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from flask_babel import lazy_gettext as _l
from sqlalchemy import and_, delete
from sqlmodel import Session, col, select

from catalog.factory import Line, Material, MaterialSupply, Plant, materials_of
from catalog.rows import utc_now
from configurator import db
from configurator.errors import DomainError, NotFound
from configurator.planning.books import Rows, apply_placements, next_version, read_rows
from configurator.planning.grace import in_grace
from configurator.planning.models import (
    EventKind,
    HeldOrder,
    ManufacturingOperation,
    ManufacturingOrder,
    OperationState,
    OrderState,
    move,
)
from configurator.planning.records import instant, placements_to_json, second
from configurator.planning.transfers import awaited_part
from solver.scheduling.book import NoRoom
from solver.scheduling.calendar import Calendar
from solver.scheduling.capacity import refit
from solver.scheduling.problem import OperationId, Placement
from solver.scheduling.roll import HorizonTooShort, RollingBook


class FloorRefusal(DomainError):
    """The floor cannot do this now; names in `data` are catalog texts."""

    code, status = "not_possible_now", 409

    def message(self) -> str:
        from configurator.i18n import text_of

        return str(self.words) % {k: text_of(v) if isinstance(v, Mapping) else v for k, v in self.data.items()}


class WaitsFor(FloorRefusal):
    words = _l("%(operation)s on %(line)s must be finished first.")


class PartAwaited(FloorRefusal):
    words = _l("%(part)s (%(number)s) of %(plant)s is not here yet.")


class LineBusy(FloorRefusal):
    words = _l("%(operation)s of %(number)s is still running on this line. Finish it first.")


class MaterialMissing(FloorRefusal):
    words = _l("%(material)s is not in stock.")


class OnlyHeld(FloorRefusal):
    """Nobody has ordered it yet."""

    words = _l("This is only held for somebody who has not ordered yet.")


class InGrace(FloorRefusal):
    """Its buyer can still change or cancel it."""

    words = _l("This was ordered just now, and its buyer may still change it. The planner can let it start at once.")


class OthersStuck(FloorRefusal):
    """What has to make room finds no working time or no material any more."""

    words = _l("Other orders could no longer be made then. Please ask the planner.")


class NotStarted(FloorRefusal):
    words = _l("This operation is not running.")


class AlreadyStarted(FloorRefusal):
    words = _l("This operation has already been started.")


@dataclass(slots=True)
class Changes:
    """What one transaction changes in a plant's schedule; it becomes one event."""

    started: list[OperationId] = field(default_factory=list)
    finished: list[OperationId] = field(default_factory=list)
    moved: dict[OperationId, Placement] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.started or self.finished or self.moved)


def start_operation(
    company_id: int, operation_id: int, *, actor_id: int | None = None, now: datetime | None = None
) -> None:
    """The operation begins now, where it stands or earlier or later; what it pushes aside moves.

    Raises NotFound, AlreadyStarted, OnlyHeld, InGrace, WaitsFor, PartAwaited, LineBusy, MaterialMissing, OthersStuck.
    """
    at = (now or utc_now()).replace(microsecond=0)
    with db.writing() as session:
        plant, row, order = _locked(session, company_id, operation_id)
        if row.state != OperationState.PLANNED:
            raise AlreadyStarted
        if session.exec(select(HeldOrder.id).where(HeldOrder.manufacturing_order_id == row.order_id)).first():
            raise OnlyHeld
        if in_grace(order, at):
            raise InGrace
        _refuse_busy_line(session, row)
        mine = operations_of(session, company_id, [row.order_id])[row.order_id]
        if (blocker := open_predecessor(order, mine, row)) is not None:
            line = session.get_one(Line, blocker.line_id)
            raise WaitsFor(operation=blocker.name, line=line.name)
        if (part := awaited_part(session, order, row.operation, at)) is not None:
            raise PartAwaited(part=part.name, number=part.part_number, plant=part.origin)
        stock = Stock(session, plant, at)
        if (missing := stock.take(row.needs)) is not None:
            raise MaterialMissing(material=missing.name)
        before = (row.starts_at, row.ends_at)
        row.starts_at, row.ends_at = at, _end(session, plant, order, row, at)
        begin(order, row, at)
        changes = Changes(started=[_key(order, row)])
        if (row.starts_at, row.ends_at) != before:
            _push_for_floor(session, plant, at, changes, retake=at < before[0])
            order.completes_at = max(operation.ends_at for operation in mine.values())
            changes.moved[_key(order, row)] = Placement(
                _key(order, row), _line_key(session, plant, row), second(row.starts_at), second(row.ends_at)
            )
        write_event(session, plant, changes, actor_id)


def finish_operation(
    company_id: int, operation_id: int, *, actor_id: int | None = None, now: datetime | None = None
) -> None:
    """The operation has ended; the order is made once all of them have. Raises NotFound, NotStarted, OthersStuck."""
    at = (now or utc_now()).replace(microsecond=0)
    with db.writing() as session:
        plant, row, order = _locked(session, company_id, operation_id)
        if row.state != OperationState.STARTED:
            raise NotStarted
        mine = operations_of(session, company_id, [row.order_id])[row.order_id]
        before = row.ends_at
        row.ends_at = max(at, row.starts_at + timedelta(seconds=1))
        end(order, mine, row, at)
        changes = Changes(finished=[_key(order, row)])
        if row.ends_at != before:
            _push_for_floor(session, plant, at, changes, retake=False)
            changes.moved[_key(order, row)] = Placement(
                _key(order, row), _line_key(session, plant, row), second(row.starts_at), second(row.ends_at)
            )
        write_event(session, plant, changes, actor_id)


def _locked(
    session: Session, company_id: int, operation_id: int
) -> tuple[Plant, ManufacturingOperation, ManufacturingOrder]:
    """The operation and its order, read under its plant's lock."""
    found = session.get(ManufacturingOperation, operation_id)
    if found is None or found.company_id != company_id:
        raise NotFound(field="operation")
    plant = db.lock_row(session, Plant, found.plant_id)
    assert plant is not None
    if plant.is_partners:  # its floor is not ours
        raise NotFound(field="operation")
    session.refresh(found)
    return plant, found, session.get_one(ManufacturingOrder, found.order_id, populate_existing=True)


def _refuse_busy_line(session: Session, row: ManufacturingOperation) -> None:
    running = session.exec(
        select(ManufacturingOperation, ManufacturingOrder.number)
        .join(ManufacturingOrder, and_(
            col(ManufacturingOrder.id) == ManufacturingOperation.order_id,
            col(ManufacturingOrder.company_id) == row.company_id,
        ))
        .where(ManufacturingOperation.company_id == row.company_id, ManufacturingOperation.line_id == row.line_id)
        .where(ManufacturingOperation.state == OperationState.STARTED)
    ).first()
    if running is not None:
        raise LineBusy(operation=running[0].name, number=running[1])


def _end(
    session: Session, plant: Plant, order: ManufacturingOrder, row: ManufacturingOperation, at: datetime
) -> datetime:
    """When it will have been done, in the working time of its line, if it begins at `at`."""
    rows = read_rows(session, plant.id or 0, now=at)
    placement = rows.placements[_key(order, row)]
    line = next(line for line in rows.problem.lines if line.id == placement.line)
    work_order = next(o for o in rows.problem.orders if o.id == order.number)
    operation = next(o for o in work_order.operations if o.id == placement.operation)
    calendar = Calendar(line)
    duration = next(mode.duration for mode in operation.modes if mode.line == placement.line)
    return instant(calendar.end(calendar.work(second(at)) + duration))


def _push_for_floor(session: Session, plant: Plant, at: datetime, changes: Changes, *, retake: bool) -> None:
    try:
        push(session, plant, at, changes, retake=retake)
    except HorizonTooShort as error:
        raise OthersStuck from error


def _key(order: ManufacturingOrder, row: ManufacturingOperation) -> OperationId:
    return OperationId(f"{order.number}/{row.operation}")


def _line_key(session: Session, plant: Plant, row: ManufacturingOperation) -> Any:
    return f"{plant.code}/{session.get_one(Line, row.line_id).code}"


# --- what a report changes, for the floor and for the clock -----------------------------------------------------------


def operations_of(
    session: Session, company_id: int, order_ids: Sequence[int]
) -> dict[int, dict[str, ManufacturingOperation]]:
    """Order id -> operation code -> row."""
    found: dict[int, dict[str, ManufacturingOperation]] = {}
    for first in range(0, len(order_ids), 500):
        query = select(ManufacturingOperation).where(
            ManufacturingOperation.company_id == company_id,
            col(ManufacturingOperation.order_id).in_(order_ids[first : first + 500]),
        )
        for row in session.exec(query).all():
            found.setdefault(row.order_id, {})[row.operation] = row
    return found


def open_predecessor(
    order: ManufacturingOrder, mine: Mapping[str, ManufacturingOperation], row: ManufacturingOperation
) -> ManufacturingOperation | None:
    """An operation that must be finished before this one can start."""
    waits = next(operation["after"] for operation in order.work_order["operations"] if operation["id"] == row.operation)
    for name, _ in waits:
        if mine[name].state != OperationState.FINISHED:
            return mine[name]
    return None


def begin(order: ManufacturingOrder, row: ManufacturingOperation, at: datetime) -> None:
    """The operation is started, and so is its order."""
    move(row, OperationState.STARTED, at)
    if order.state == OrderState.PLANNED:
        move(order, OrderState.STARTED, at)


def end(
    order: ManufacturingOrder, mine: Mapping[str, ManufacturingOperation], row: ManufacturingOperation, at: datetime
) -> None:
    """The operation is finished; the order is made when it was the last one."""
    move(row, OperationState.FINISHED, at)
    order.completes_at = max(operation.ends_at for operation in mine.values())
    if all(operation.state == OperationState.FINISHED for operation in mine.values()):
        order.completes_at = max(operation.finished_at or at for operation in mine.values())
        move(order, OrderState.MADE, order.completes_at)


class Stock:
    """A plant's stock in one transaction: what has arrived by `at` is received first, then taken from."""

    def __init__(self, session: Session, plant: Plant, at: datetime) -> None:
        self._posted = plant.is_partners
        self._materials: dict[str, Material] = {row.code: row for row in materials_of(session, plant)}
        by_id = {row.id: row for row in self._materials.values()}
        arrived = session.exec(
            select(MaterialSupply)
            .join(Material, and_(
                col(Material.id) == MaterialSupply.material_id, col(Material.company_id) == MaterialSupply.company_id
            ))
            .where(Material.company_id == plant.company_id, Material.plant_id == plant.id)
            .where(MaterialSupply.arrives_at <= at)
        ).all()
        for supply in arrived:
            by_id[supply.material_id].stock += supply.quantity
        if arrived:
            ids = [supply.id for supply in arrived]
            session.execute(delete(MaterialSupply).where(col(MaterialSupply.id).in_(ids)))

    def take(self, needs: Mapping[str, int]) -> Material | None:
        """Take it all, or nothing and say what is missing. What a partner has is in what it posts."""
        if self._posted:
            return None
        for code, quantity in needs.items():
            if self._materials[code].stock < quantity:
                return self._materials[code]
        for code, quantity in needs.items():
            self._materials[code].stock -= quantity
        return None


def push(session: Session, plant: Plant, at: datetime, changes: Changes, *, retake: bool) -> None:
    """Move what is overdue to `at` and what stands in its way after it; running operations end at `at` or later.

    `retake`: something took materials earlier than planned, so the others look for theirs anew.
    """
    session.flush()
    rows = read_rows(session, plant.id or 0, now=at)
    if plant.is_partners:
        moved = _fitted(rows)
    else:
        book = RollingBook(rows.problem, rows.placements)
        running = [
            key for key, row in rows.operations.items() if row.state == OperationState.STARTED and row.ends_at < at
        ]
        moved = dict(book.roll(second(at), running=running))
        if retake:
            moved |= book.repair()
    apply_placements(rows.operations, rows.orders, rows.line_ids, moved)
    changes.moved |= moved


def _fitted(rows: Rows) -> dict[OperationId, Placement]:
    """In a partner's plant: what no longer fits beside what is taken goes to other room. Raises HorizonTooShort."""
    found = refit(rows.problem, rows.placements)
    if isinstance(found, NoRoom):
        raise HorizonTooShort(rows.placements[found.operation].line, found.operation)
    return dict(found)


def write_event(session: Session, plant: Plant, changes: Changes, actor_id: int | None) -> None:
    """One event with everything that changed, and the next version."""
    next_version(
        session, plant, EventKind.REPORTED, actor_id, started=changes.started, finished=changes.finished,
        moved=placements_to_json(changes.moved.values()),
    )
