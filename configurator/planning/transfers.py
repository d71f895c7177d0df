"""What goes from plant to plant: what an order waits for from elsewhere, and what leaves with which transport."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache
from itertools import groupby
from zoneinfo import ZoneInfo

from sqlalchemy import BindParameter, ColumnElement, Select, and_, bindparam, delete, or_
from sqlalchemy import select as columns
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select

from catalog.factory import Plant
from configurator.planning.models import HeldOrder, ManufacturingOrder, OperationState, OrderState, Transfer

Words = Mapping[str, str]
SHOWN_SINCE = timedelta(days=1)  # a departure that is so long over is no longer in the list


def part_number(number: str) -> str:
    """The number of the order that makes a part for the order of this number."""
    return f"{number}A"


def with_parts(session: Session, company_id: int, order_ids: Iterable[int]) -> list[int]:
    """These orders, and those that make parts for them."""
    wanted = sorted(set(order_ids))
    parts = session.exec(
        select(Transfer.part_order_id)
        .where(Transfer.company_id == company_id, col(Transfer.order_id).in_(wanted))
        .order_by(col(Transfer.id))
    ).all()
    return [*wanted, *(part for part in parts if part not in wanted)]


def forget_transfers(session: Session, company_id: int, order_ids: Iterable[int]) -> None:
    """These orders, or what is made for them, go with no transport any more."""
    ids = list(order_ids)
    session.execute(
        delete(Transfer).where(
            col(Transfer.company_id) == company_id,
            or_(col(Transfer.order_id).in_(ids), col(Transfer.part_order_id).in_(ids)),
        )
    )


@dataclass(frozen=True, slots=True)
class TransferView:
    """A part on its way: who makes it for whom, and when it leaves and arrives.

    `made_by`: when it has to be made. `ready_at`: its order's completion, by the present schedule or as it was; `made`:
    the latter. `zone`: of the plant that it leaves; `there_zone`: of the one where it arrives. `held`: nobody has
    ordered it yet.
    """

    part: str
    name: Words
    part_order_id: int
    part_number: str
    order_id: int
    number: str
    product_name: Words
    origin_id: int
    destination_id: int
    origin: Words
    destination: Words
    zone: str
    there_zone: str
    leaves_at: datetime
    arrives_at: datetime
    made_by: datetime
    ready_at: datetime
    made: bool
    held: bool

    @property
    def arrives_on(self) -> date:
        """The day of its arrival in the plant that goes on with it."""
        return self.arrives_at.astimezone(ZoneInfo(self.there_zone)).date()

    def awaited(self, at: datetime) -> bool:
        """Whether it cannot be in the other plant at an instant: it is not made, or has not left."""
        return not self.made or self.leaves_at > at

    def way(self, at: datetime) -> OperationState:
        """How far the transport is at an instant."""
        if self.awaited(at):
            return OperationState.PLANNED
        return OperationState.STARTED if at < self.arrives_at else OperationState.FINISHED

    @property
    def misses(self) -> bool:
        """Whether by the present schedule it is not ready when it has to leave."""
        return self.ready_at > self.made_by


def transfers_to(session: Session, company_id: int, order_ids: Sequence[int]) -> dict[int, TransferView]:
    """Order -> the part that it waits for, of those that have one."""
    found = _views(session, company_id, col(Transfer.order_id).in_(order_ids))
    return {view.order_id: view for view in found}


def transfers_within(
    session: Session, company_id: int, starts_at: datetime, ends_at: datetime
) -> tuple[TransferView, ...]:
    """The parts that are on their way at some time of [starts_at, ends_at), by when they leave."""
    on_their_way = and_(col(Transfer.leaves_at) < ends_at, col(Transfer.arrives_at) > starts_at)
    return tuple(_views(session, company_id, on_their_way))


def transfer_from(session: Session, company_id: int, part_order_id: int) -> TransferView | None:
    """Where what an order makes goes to; None if it is no part of another one."""
    return next(iter(_views(session, company_id, col(Transfer.part_order_id) == part_order_id)), None)


def goes_on_with_part(order: ManufacturingOrder, operation: str) -> bool:
    """Whether this operation of an order needs what another plant makes for it."""
    return any(one["id"] == operation and one.get("release", 0) > 0 for one in order.work_order["operations"])


def awaited_part(
    session: Session, order: ManufacturingOrder, operation: str, at: datetime
) -> TransferView | None:
    """What an operation still waits for from another plant at an instant."""
    if order.id is None or not goes_on_with_part(order, operation):
        return None
    part = transfers_to(session, order.company_id, [order.id]).get(order.id)
    return part if part is not None and part.awaited(at) else None


@dataclass(frozen=True, slots=True)
class Departure:
    """All that leaves one plant for another one at one instant: the list by which it is loaded."""

    origin: Words
    destination: Words
    zone: str
    there_zone: str
    leaves_at: datetime
    arrives_at: datetime
    parts: tuple[TransferView, ...]

    @property
    def missing(self) -> int:
        """How many of its parts are not made yet."""
        return sum(not view.made for view in self.parts)


def departures(session: Session, company_id: int, *, now: datetime) -> tuple[Departure, ...]:
    """What leaves from now on, and what has left in the last day, the next first."""
    views = _views(session, company_id, col(Transfer.leaves_at) >= now - SHOWN_SINCE)

    def key(view: TransferView) -> tuple[datetime, datetime, str, str]:
        return view.leaves_at, view.arrives_at, str(view.origin), str(view.destination)

    return tuple(
        Departure(
            parts[0].origin, parts[0].destination, parts[0].zone, parts[0].there_zone, parts[0].leaves_at,
            parts[0].arrives_at, tuple(parts),
        )
        for parts in (list(group) for _, group in groupby(sorted(views, key=key), key))
    )


def _views(session: Session, company_id: int, wanted: ColumnElement[bool]) -> list[TransferView]:
    rows = session.execute(_with_their_orders().where(wanted), {"company": company_id}).all()
    return [
        TransferView(
            part=row.part, name=row.name, part_order_id=row.part_order_id, part_number=part.number,
            order_id=row.order_id, number=rest.number, product_name=rest.product_name, origin_id=part.plant_id,
            destination_id=rest.plant_id, origin=here.name, destination=there.name, zone=here.zone,
            there_zone=there.zone, leaves_at=row.leaves_at, arrives_at=row.arrives_at, made_by=part.dispatch_at,
            ready_at=part.finished_at or part.completes_at, made=part.state == OrderState.MADE, held=is_held,
        )
        for row, part, rest, here, there, is_held in rows
    ]


@cache
def _with_their_orders() -> Select[Transfer, ManufacturingOrder, ManufacturingOrder, Plant, Plant, bool]:
    """The transfers of a `company`, with both orders and plants; put together once: each page of an order asks."""
    made, order = aliased(ManufacturingOrder), aliased(ManufacturingOrder)
    origin, destination = aliased(Plant), aliased(Plant)
    company: BindParameter[int] = bindparam("company")
    held = (
        select(HeldOrder.id)
        .where(HeldOrder.company_id == company, HeldOrder.manufacturing_order_id == Transfer.order_id)
        .exists()
    )
    return (
        columns(Transfer, made, order, origin, destination, held)
        .join(made, and_(col(made.id) == Transfer.part_order_id, col(made.company_id) == company))
        .join(order, and_(col(order.id) == Transfer.order_id, col(order.company_id) == company))
        .join(origin, and_(col(origin.id) == made.plant_id, col(origin.company_id) == company))
        .join(destination, and_(col(destination.id) == order.plant_id, col(destination.company_id) == company))
        .where(col(Transfer.company_id) == company)
        .order_by(col(Transfer.leaves_at), col(Transfer.id))
    )
