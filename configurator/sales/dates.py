"""Dates that move: a chore compares what buyers were told with the present schedule, and tells them once a move.

A buyer expects the promised day, or the day by the present schedule where that is later. Another day is told once it
has lasted for a while (a schedule that is being repaired sends no mails) and no more often than every few hours.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import structlog
from sqlalchemy import and_, or_
from sqlmodel import Session, col, select

from catalog.factory import Plant
from catalog.rows import utc_now
from configurator import db, outbox
from configurator.planning.causes import Cause, causes
from configurator.planning.models import OPEN_ORDERS, ManufacturingOrder
from configurator.planning.progress import arrival
from configurator.sales.models import DateMove, DateWatch, MovedDate, OrderState, SalesOrder, SalesOrderItem

log = structlog.get_logger()
LASTS = timedelta(minutes=10)  # another day is told once it has lasted so long
QUIET = timedelta(hours=6)  # between two mails about one item
AT_ONCE = 200  # moves that are told in one turn


@dataclass(frozen=True, slots=True)
class _Seen:
    """An item whose day is, or was, another one than promised."""

    company_id: int
    order_id: int
    item_id: int
    manufacturing_order_id: int
    expected: date
    told: date
    since: datetime | None


def watch_dates(*, now: datetime | None = None) -> int:
    """Note which days differ from what was told, and tell those that have lasted; how many were told."""
    at = now or utc_now()
    with db.reading_one_view() as session:
        seen = tuple(_differing(session))
        ripe = [one for one in seen if one.expected != one.told and one.since is not None and at - one.since >= LASTS]
        ripe = [one for one in ripe if not _told_lately(session, one, at)][:AT_ONCE]
        why = _reasons(session, ripe, at)
    for one in seen:
        if (one.expected != one.told) != (one.since is not None):
            _note(one, at)
    return sum(_tell(one, why.get(one.item_id, Cause.BUSY), at) for one in ripe)


def _differing(session: Session) -> Iterable[_Seen]:
    """Items that the present schedule makes late, and those that were late or are noted."""
    mine = and_(
        col(ManufacturingOrder.company_id) == SalesOrderItem.company_id,
        col(ManufacturingOrder.id) == SalesOrderItem.manufacturing_order_id,
    )
    late = col(ManufacturingOrder.completes_at) > col(ManufacturingOrder.dispatch_at)
    rows = session.exec(
        select(SalesOrderItem, ManufacturingOrder, Plant.zone, DateWatch)
        .join(SalesOrder, col(SalesOrder.id) == SalesOrderItem.sales_order_id)
        .join(ManufacturingOrder, mine)
        .join(Plant, col(Plant.id) == ManufacturingOrder.plant_id)
        .join(DateWatch, col(DateWatch.item_id) == SalesOrderItem.id, isouter=True)
        .where(SalesOrder.state == OrderState.CONFIRMED, col(ManufacturingOrder.state).in_(OPEN_ORDERS))
        .where(or_(late, col(DateWatch.id).is_not(None)))
    ).all()
    for item, made, zone, watch in rows:
        yield _Seen(
            company_id=item.company_id, order_id=item.sales_order_id, item_id=db.id_of(item),
            manufacturing_order_id=db.id_of(made),
            expected=max(made.arrives_on, arrival(made, zone, made.completes_at)),
            told=watch.told if watch is not None else made.arrives_on,
            since=watch.differs_since if watch is not None else None,
        )


def _told_lately(session: Session, one: _Seen, at: datetime) -> bool:
    last = session.exec(
        select(DateMove.at)
        .where(DateMove.company_id == one.company_id, DateMove.item_id == one.item_id)
        .where(DateMove.kind == MovedDate.FORECAST)
        .order_by(col(DateMove.id).desc())
        .limit(1)
    ).first()
    return last is not None and at - last < QUIET


def _reasons(session: Session, ripe: Sequence[_Seen], at: datetime) -> dict[int, Cause]:
    """Item -> why it moved."""
    found = {one.item_id: Cause.SOONER for one in ripe if one.expected < one.told}
    later = [one for one in ripe if one.expected > one.told]
    for company_id in {one.company_id for one in later}:
        mine = {one.manufacturing_order_id: one for one in later if one.company_id == company_id}
        since = min(one.since or at for one in mine.values()) - timedelta(minutes=2)
        for made_id, cause in causes(session, company_id, sorted(mine), since=since, now=at).items():
            found[mine[made_id].item_id] = cause
    return found


def _watch_of(session: Session, one: _Seen) -> DateWatch | None:
    """The note on the item, under its order's lock."""
    db.lock_row(session, SalesOrder, one.order_id)
    return session.exec(
        select(DateWatch).where(DateWatch.company_id == one.company_id, DateWatch.item_id == one.item_id)
    ).one_or_none()


def _note(one: _Seen, at: datetime) -> None:
    """The schedule says something else than was told, or what was told again."""
    with db.writing() as session:
        watch = _watch_of(session, one)
        if watch is None:
            watch = DateWatch(company_id=one.company_id, item_id=one.item_id, told=one.told)
        elif watch.told != one.told:
            return  # told or changed meanwhile
        watch.differs_since = at if one.expected != one.told else None
        session.add(watch)


def _tell(one: _Seen, cause: Cause, at: datetime) -> bool:
    """Write the move and its mail, once: another worker may have been faster."""
    with db.writing() as session:
        watch = _watch_of(session, one)
        if watch is None or watch.told != one.told or watch.differs_since is None:
            return False
        order, item = session.get_one(SalesOrder, one.order_id), session.get_one(SalesOrderItem, one.item_id)
        move = DateMove(
            company_id=one.company_id, item_id=one.item_id, kind=MovedDate.FORECAST, was=one.told,
            becomes=one.expected, promised=item.arrives_on, reason=cause, at=at,
        )
        session.add(move)
        session.flush()
        watch.told, watch.differs_since = one.expected, None
        outbox.post(session, one.company_id, "date_moved", order.ship_to_id, order.locale, move_id=move.id)
    log.info("date.moved", order=one.order_id, cause=cause.value)
    return True
