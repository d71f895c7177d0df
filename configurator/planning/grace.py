"""The grace of an order that was just placed: its buyer can still change or cancel it, so nothing of it begins.

Staff who know that nothing will change end it: the order is then made as early as its plant's schedule allows.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from flask_babel import lazy_gettext as _l
from sqlmodel import Session, select

from catalog.factory import Plant
from catalog.rows import utc_now
from configurator import audit, db
from configurator.errors import DomainError, NotFound
from configurator.planning.books import PlantBook, Reservation, book_under_lock, engine_now, next_version, remember
from configurator.planning.models import EventKind, HeldOrder, ManufacturingOperation, ManufacturingOrder
from configurator.planning.promise import move_others
from configurator.planning.records import instant, placements_to_json, work_order_from, work_order_to_json
from configurator.planning.transfers import with_parts
from solver.scheduling.book import Promise
from solver.scheduling.problem import WorkOrder, WorkOrderId


class NoGrace(DomainError):
    """The order is only held, or its grace is over."""

    code, status, words = "no_grace", 409, _l("This order does not wait: its grace is over, or nobody has ordered it.")


def in_grace(order: ManufacturingOrder, now: datetime | None = None) -> bool:
    """Whether its buyer is left time to change it, so that nothing of it may begin."""
    return order.grace_until is not None and order.grace_until > (now or utc_now())


def start_at_once(company_id: int, manufacturing_order_id: int, *, actor_id: int | None = None) -> datetime:
    """End an order's grace and make it as early as its plant's schedule allows; when it begins.

    Its promise stays, and what another plant makes for it keeps its transport. Raises NotFound, NoGrace.
    """
    with db.writing() as session:
        found = session.get(ManufacturingOrder, manufacturing_order_id)
        if found is None or found.company_id != company_id:
            raise NotFound(field="manufacturing_order")
        plant = db.lock_row(session, Plant, found.plant_id)
        assert plant is not None
        order = session.get_one(ManufacturingOrder, manufacturing_order_id, populate_existing=True)
        held = session.exec(select(HeldOrder.id).where(HeldOrder.manufacturing_order_id == order.id)).first()
        if not in_grace(order) or held is not None:
            raise NoGrace
        base, start = book_under_lock(session, plant), engine_now()
        free = replace(work_order_from(order.number, order.work_order), release=start)
        for part_id in with_parts(session, company_id, [manufacturing_order_id])[1:]:
            session.get_one(ManufacturingOrder, part_id).grace_until = None
        order.grace_until, order.release_at, order.work_order = None, instant(start), work_order_to_json(free)
        if (earlier := _earlier(base, free)) is not None:
            _write(session, plant, base, order, earlier, actor_id)
        audit.record(
            session, company_id, "order.started_at_once", "manufacturing_order", order.id, actor_id=actor_id,
            earlier=earlier is not None,
        )
        session.flush()
        return min(row.starts_at for row in _operations(session, order))


def _earlier(base: PlantBook, free: WorkOrder) -> Reservation | None:
    """Where the order would be made if it came now; None if that is no earlier."""
    number = WorkOrderId(free.id)
    book, before = base.book.copy(), base.book.held(number)
    gone = dict(book.remove(number))
    found = book.quote(free, not_before=free.release)
    if not isinstance(found, Promise) or found.completion >= max(p.end for p in before.placements.values()):
        return None
    moved = gone | {placement.operation: placement for placement in found.moved}
    return Reservation(free, found.placements, tuple(moved.values()), instead_of=number)


def _write(
    session: Session, plant: Plant, base: PlantBook, order: ManufacturingOrder, found: Reservation,
    actor_id: int | None,
) -> None:
    """The order's new places, one event, and what moved for them."""
    next_version(
        session, plant, EventKind.CHANGED, actor_id, number=order.number, work_order=order.work_order,
        placements=placements_to_json(found.placements), instead_of=order.number,
        moved=placements_to_json(found.moved),
    )
    move_others(session, base, (*found.moved, *found.placements))
    remember(session, base, found)


def _operations(session: Session, order: ManufacturingOrder) -> list[ManufacturingOperation]:
    return list(session.exec(
        select(ManufacturingOperation)
        .where(ManufacturingOperation.company_id == order.company_id, ManufacturingOperation.order_id == order.id)
    ).all())
