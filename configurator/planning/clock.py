"""Time passes: a chore rolls each plant's clock. What nobody reported as started moves on; the demo reports itself."""

from __future__ import annotations

from datetime import datetime

import structlog
from sqlalchemy import ColumnElement, and_, or_
from sqlmodel import Session, col, select

from catalog.factory import Plant
from catalog.rows import utc_now
from configurator import db
from configurator.config import Settings
from configurator.planning.departures import follow_all
from configurator.planning.models import (
    ManufacturingOperation,
    ManufacturingOrder,
    OperationState,
    ScheduleEvent,
    is_held,
)
from configurator.planning.options import configure, options
from configurator.planning.reports import (
    Changes,
    Stock,
    begin,
    end,
    open_predecessor,
    operations_of,
    push,
    write_event,
)
from configurator.planning.transfers import awaited_part
from solver.scheduling.problem import OperationId
from solver.scheduling.roll import HorizonTooShort

log = structlog.get_logger()
_starts_at, _ends_at = col(ManufacturingOperation.starts_at), col(ManufacturingOperation.ends_at)
_PLANNED = col(ManufacturingOperation.state) == OperationState.PLANNED.value
_STARTED = col(ManufacturingOperation.state) == OperationState.STARTED.value


def roll(settings: Settings, *, now: datetime | None = None) -> None:
    """Bring every plant to the present, each in a short transaction of its own.

    Forecasts change, promises do not. Where the factory reports itself, operations start and end as scheduled;
    otherwise one that nobody started moves to now and what follows it gives way. What we have in a partner's plant is
    made there as scheduled, until the partner posts where it stands. Where the factory itself was changed,
    what no longer fits makes way too. What misses its transport to another plant takes the next one.
    """
    configure(settings)
    at = (now or utc_now()).replace(microsecond=0)
    with db.reading() as session:
        due = set(session.exec(select(ManufacturingOperation.plant_id).where(_is_due(at)).distinct()).all())
        due |= {plant_id for plant_id in session.exec(select(Plant.id).where(_is_changed())).all() if plant_id}
    for plant_id in sorted(due):
        try:
            roll_plant(plant_id, at, reports_itself=options().reports_itself)
        except HorizonTooShort as error:
            log.error("planning.horizon_too_short", plant=plant_id, line=error.line, operation=error.operation)
        except Exception:  # one plant's trouble must not stop the others' clocks
            log.exception("planning.not_rolled", plant=plant_id)
    follow_all(now=at)


def roll_plant(plant_id: int, at: datetime, *, reports_itself: bool) -> Changes:
    """Bring one plant to `at`; what changed, which is one event."""
    with db.writing() as session:
        plant = db.lock_row(session, Plant, plant_id)
        assert plant is not None
        return roll_locked(session, plant, at, reports_itself=reports_itself)


def roll_locked(session: Session, plant: Plant, at: datetime, *, reports_itself: bool) -> Changes:
    """The same in the caller's transaction, which has locked the plant."""
    changes = Changes()
    if reports_itself or plant.is_partners:
        report_due(session, plant, at, changes)
    session.flush()
    repaired = _repair(session, plant, at, changes)
    overdue = session.exec(
        select(ManufacturingOperation.id)
        .where(ManufacturingOperation.company_id == plant.company_id, ManufacturingOperation.plant_id == plant.id)
        .where(_is_overdue(at))
        .limit(1)
    ).first()
    if overdue is not None:
        push(session, plant, at, changes, retake=False)
    if changes or repaired:
        write_event(session, plant, changes, None)
        log.info(
            "planning.rolled", plant=plant.code, started=len(changes.started), finished=len(changes.finished),
            moved=len(changes.moved),
        )
    return changes


def _is_changed() -> ColumnElement[bool]:
    """The plant has work, and its version has no event: its calendars, lines or stock were changed."""
    told = select(ScheduleEvent.id).where(
        ScheduleEvent.company_id == Plant.company_id, ScheduleEvent.plant_id == Plant.id,
        ScheduleEvent.version == Plant.schedule_version,
    )
    work = select(ManufacturingOperation.id).where(
        ManufacturingOperation.company_id == Plant.company_id, ManufacturingOperation.plant_id == Plant.id, _PLANNED
    )
    return and_(work.exists(), ~told.exists())


def _repair(session: Session, plant: Plant, at: datetime, changes: Changes) -> bool:
    """Make what stands in the way of a changed factory fit again; whether there was such a change."""
    if session.exec(select(Plant.id).where(Plant.id == plant.id, _is_changed())).first() is None:
        return False
    try:
        push(session, plant, at, changes, retake=True)
    except HorizonTooShort as error:
        log.error("planning.does_not_fit", plant=plant.code, line=error.line, operation=error.operation)
        return False
    return True


def _is_due(at: datetime) -> ColumnElement[bool]:
    """It is to be started or finished by now."""
    return or_(and_(_PLANNED, _starts_at <= at), and_(_STARTED, _ends_at <= at))


def _is_overdue(at: datetime) -> ColumnElement[bool]:
    """It should have started or ended before now, and nobody has reported it."""
    return or_(and_(_PLANNED, _starts_at < at), and_(_STARTED, _ends_at < at))


def report_due(session: Session, plant: Plant, at: datetime, changes: Changes) -> None:
    """Start and finish, in the order of time, what was to be started and finished by now."""
    due = session.exec(
        select(ManufacturingOperation)
        .where(ManufacturingOperation.company_id == plant.company_id, ManufacturingOperation.plant_id == plant.id)
        .where(_is_due(at), ~is_held())
    ).all()
    if not due:
        return
    ids = sorted({row.order_id for row in due})
    orders = {
        order_id: session.get_one(ManufacturingOrder, order_id, populate_existing=True) for order_id in ids
    }
    operations = operations_of(session, plant.company_id, ids)
    stock = Stock(session, plant, at)
    # At one instant ends come before starts: what ends there makes room for what starts there.
    steps = [(row.starts_at, 1, row) for row in due if row.state == OperationState.PLANNED]
    steps += [(row.ends_at, 0, row) for row in due if row.ends_at <= at]
    for when, starts, row in sorted(steps, key=lambda step: (step[0], step[1], step[2].id)):
        order, mine = orders[row.order_id], operations[row.order_id]
        key = OperationId(f"{order.number}/{row.operation}")
        if starts:
            blocked = open_predecessor(order, mine, row) or awaited_part(session, order, row.operation, when)
            if blocked is None and stock.take(row.needs) is None:
                begin(order, row, when)
                changes.started.append(key)
        elif row.state == OperationState.STARTED:
            end(order, mine, row, when)
            changes.finished.append(key)
