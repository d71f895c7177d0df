"""A part that misses its departure takes the next one, and the order that goes on with it starts that later.

A plant's schedule keeps each departure as it keeps a promise; this is for what it could not keep.
"""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy import and_
from sqlmodel import Session, col, select

from catalog.factory import Plant
from catalog.rows import utc_now
from catalog.transport import TransportTerms, transports_of
from configurator import audit, db
from configurator.planning.books import lock_plants, next_version
from configurator.planning.models import (
    EventKind,
    ManufacturingOperation,
    ManufacturingOrder,
    OrderState,
    Transfer,
)
from configurator.planning.records import placements_to_json, second
from configurator.planning.reports import Changes, push
from solver.scheduling.roll import HorizonTooShort

log = structlog.get_logger()


def follow_all(*, now: datetime | None = None) -> int:
    """Every part that misses its departure takes the next one, each in a transaction of its own; how many did."""
    at = (now or utc_now()).replace(microsecond=0)
    with db.reading() as session:
        missed = session.exec(
            select(Transfer.id)
            .join(ManufacturingOrder, and_(
                col(ManufacturingOrder.id) == Transfer.part_order_id,
                col(ManufacturingOrder.company_id) == Transfer.company_id,
            ))
            .where(col(ManufacturingOrder.completes_at) > ManufacturingOrder.dispatch_at)
            .where(col(ManufacturingOrder.state) != OrderState.CANCELLED.value)
            .order_by(col(Transfer.id))
        ).all()
    followed = 0
    for transfer_id in missed:
        assert transfer_id is not None
        try:
            followed += follow(transfer_id, at)
        except HorizonTooShort as error:
            log.error("planning.horizon_too_short", transfer=transfer_id, line=error.line, operation=error.operation)
        except Exception:  # one part's trouble must not keep the others from going on
            log.exception("planning.not_followed", transfer=transfer_id)
    return followed


def follow(transfer_id: int, at: datetime) -> bool:
    """Let one part take the first departure that it catches now, if it misses its own; whether it did."""
    with db.writing() as session:
        transfer = session.get(Transfer, transfer_id)
        if transfer is None:
            return False
        rows = {
            order_id: session.get_one(ManufacturingOrder, order_id)
            for order_id in (transfer.part_order_id, transfer.order_id)
        }
        plants = lock_plants(session, (row.plant_id for row in rows.values()))
        transfer = session.get(Transfer, transfer_id, populate_existing=True)
        if transfer is None:
            return False
        part, order = (session.get_one(ManufacturingOrder, key, populate_existing=True) for key in rows)
        way = _way(session, part, order)
        if not part.completes_at > part.dispatch_at or order.state == OrderState.MADE or way is None:
            return False
        missed, rests = transfer.leaves_at, transfer.leaves_at - part.dispatch_at
        leaves_at = way.leaves(part.completes_at + rests)
        if leaves_at is None:
            return False
        transfer.leaves_at, transfer.arrives_at = leaves_at, way.arrives(leaves_at)
        part.dispatch_at = leaves_at - rests
        part.arrives_on = transfer.arrives_at.astimezone(ZoneInfo(part.zone)).date()
        part.work_order = part.work_order | {"promise": second(part.dispatch_at)}
        _arriving_later(order, second(transfer.arrives_at))
        session.flush()
        _changed(session, plants[part.plant_id], part, Changes())
        changes = Changes()
        push(session, plants[order.plant_id], at, changes, retake=True)
        _changed(session, plants[order.plant_id], order, changes)
        audit.record(
            session, part.company_id, "transfer.missed", "manufacturing_order", part.id, missed=missed.isoformat(),
            leaves=leaves_at.isoformat(),
        )
        log.info("planning.departure_missed", number=part.number, leaves_at=leaves_at)
        return True


def _way(session: Session, part: ManufacturingOrder, order: ManufacturingOrder) -> TransportTerms | None:
    """The transport between the plants of two orders, by the factory of today."""
    ways = transports_of(session, part.company_id, part.plant_id)
    return next((way for way in ways if way.destination_id == order.plant_id), None)


def _arriving_later(order: ManufacturingOrder, at: int) -> None:
    """What waits for the part starts at `at` or later."""
    order.work_order = order.work_order | {"operations": [
        one | {"release": at} if one.get("release") else one for one in order.work_order["operations"]
    ]}


def _changed(session: Session, plant: Plant, order: ManufacturingOrder, changes: Changes) -> None:
    """An event of a plant: one of its orders has another departure or arrival. Books read the rows for it."""
    codes = session.exec(
        select(ManufacturingOperation.operation).where(
            ManufacturingOperation.company_id == order.company_id, ManufacturingOperation.order_id == order.id
        ).order_by(col(ManufacturingOperation.position))
    ).all()
    next_version(
        session, plant, EventKind.CHANGED, None, number=order.number, work_order=order.work_order, staying=list(codes),
        placements={}, moved=placements_to_json(changes.moved.values()),
    )
