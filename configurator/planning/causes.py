"""Why an order comes later than promised, in the few kinds that a buyer is told: no line, no order, no material."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum

from sqlalchemy import and_
from sqlmodel import Session, col, select

from catalog.factory import Downtime, Line, Plant, line_key
from configurator.planning.models import EventKind, ManufacturingOrder, ScheduleEvent
from configurator.planning.optimise import snapshot
from configurator.planning.records import instant
from solver.scheduling.problem import LineId, WorkOrderId
from solver.scheduling.why import Chain, Reason, chain


class Cause(StrEnum):
    """What a buyer is told."""

    BREAKDOWN = "breakdown"  # a line stands still
    MATERIAL = "material"  # a part comes later
    DELAY = "delay"  # a step has not begun or ended when it should have
    REPLANNED = "replanned"  # the planner published another schedule
    BUSY = "busy"  # others come first
    SOONER = "sooner"  # it is earlier than it was




def causes(
    session: Session, company_id: int, order_ids: Sequence[int], *, since: datetime, now: datetime | None = None
) -> Mapping[int, Cause]:
    """Manufacturing order -> why it is later than it was `since`; those that are made already are left out."""
    orders = session.exec(
        select(ManufacturingOrder)
        .where(ManufacturingOrder.company_id == company_id, col(ManufacturingOrder.id).in_(order_ids))
    ).all()
    found: dict[int, Cause] = {}
    for plant_id in sorted({order.plant_id for order in orders}):
        base = snapshot(session, plant_id, now=now)
        stopped = _stopped(session, base.rows.plant)
        replanned = _replanned(session, base.rows.plant, since)
        for order in orders:
            if order.plant_id == plant_id and order.number in base.rows.orders:
                whole = chain(base.problem, base.schedule, WorkOrderId(order.number))
                found[order.id or 0] = _cause(whole, stopped, replanned=replanned)
    return found


def _cause(whole: Chain, stopped: Mapping[LineId, Sequence[tuple[datetime, datetime]]], *, replanned: bool) -> Cause:
    """What takes most of the waiting; a line that stands still and could make some of it explains a wait for lines."""
    seconds: dict[Reason, int] = {}
    for link in whole.links:
        if link.reason not in (Reason.WORK, Reason.WAIT):
            seconds[link.reason] = seconds.get(link.reason, 0) + link.seconds
    largest = max(seconds, key=lambda reason: seconds[reason], default=Reason.PAST)
    if largest in (Reason.MATERIAL, Reason.TRANSPORT):
        return Cause.MATERIAL
    if any(
        starts_at < instant(whole.completion) and ends_at > instant(whole.start)
        for line in {mode.line for operation in whole.order.operations for mode in operation.modes}
        for starts_at, ends_at in stopped.get(line, ())
    ):
        return Cause.BREAKDOWN
    if replanned:
        return Cause.REPLANNED
    return Cause.DELAY if largest in (Reason.PAST, Reason.FREE) else Cause.BUSY


def _stopped(session: Session, plant: Plant) -> dict[LineId, list[tuple[datetime, datetime]]]:
    """Line -> when it stands still."""
    found: dict[LineId, list[tuple[datetime, datetime]]] = {}
    for downtime, line in session.exec(
        select(Downtime, Line)
        .join(Line, and_(col(Line.id) == Downtime.line_id, col(Line.company_id) == Downtime.company_id))
        .where(Line.company_id == plant.company_id, Line.plant_id == plant.id)
    ).all():
        found.setdefault(line_key(plant, line), []).append((downtime.starts_at, downtime.ends_at))
    return found


def _replanned(session: Session, plant: Plant, since: datetime) -> bool:
    """Whether another schedule was published since then."""
    published = select(ScheduleEvent.id).where(
        ScheduleEvent.company_id == plant.company_id, ScheduleEvent.plant_id == plant.id,
        ScheduleEvent.kind == EventKind.PUBLISHED, ScheduleEvent.at >= since,
    )
    return session.exec(published.limit(1)).first() is not None
