"""How far is it? A manufacturing order's operations and its four dates: release, due, promise, forecast or actual."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import and_
from sqlmodel import Session, col, select

from catalog.factory import Line, Plant
from catalog.rows import utc_now
from configurator.errors import NotFound
from configurator.planning.carriers import arrives_on, dispatch_at
from configurator.planning.grace import in_grace
from configurator.planning.models import (
    HeldOrder,
    Hold,
    ManufacturingOperation,
    ManufacturingOrder,
    OperationState,
    OrderState,
)
from configurator.planning.transfers import TransferView, transfer_from, transfers_to

Words = Mapping[str, str]  # {"zh": …, "en": …}


@dataclass(frozen=True, slots=True)
class OperationProgress:
    """One operation: where, when by the present schedule (or as reported), and its state."""

    id: int
    code: str
    name: Words
    line_id: int
    line: Words
    plant: Words
    starts_at: datetime
    ends_at: datetime
    state: OperationState
    pinned: bool


@dataclass(frozen=True, slots=True)
class Progress:
    """The four dates, never mixed. `forecast_…` by the present schedule; `actual_at` once it is made.

    `lateness`: completion minus due, signed. `keeps_promise`: it arrives, or by the present schedule will arrive,
    on the promised date or before. `pickup`: where and when one fetches it.
    `held_until`: it only keeps its slots until then, and nothing of it is started.
    `grace_until`: its buyer is left time to change it until then, which is not over. `part`: what another plant makes
    for it, with the operations of that (`part_operations`) and how far its transport is (`part_way`); `goes_to`: the
    order that goes on with what this one makes.
    """

    manufacturing_order_id: int
    number: str
    pegging_key: str
    product_name: Words
    plant: Words
    plant_zone: str
    pickup: Words | None
    state: OrderState
    operations: tuple[OperationProgress, ...]
    release_at: datetime
    due_at: datetime
    promise_at: datetime
    dispatch_at: datetime
    arrives_on: date
    forecast_at: datetime
    forecast_arrives_on: date
    actual_at: datetime | None
    zone: str
    carrier_name: Words
    held_until: datetime | None
    grace_until: datetime | None
    part: TransferView | None
    part_operations: tuple[OperationProgress, ...]
    part_way: OperationState | None
    goes_to: TransferView | None

    @property
    def all_operations(self) -> tuple[OperationProgress, ...]:
        """Those of its part, then its own."""
        return (*self.part_operations, *self.operations)

    @property
    def lateness(self) -> timedelta:
        return (self.actual_at or self.forecast_at) - self.due_at

    @property
    def keeps_promise(self) -> bool:
        return self.forecast_arrives_on <= self.arrives_on


def progress(session: Session, company_id: int, manufacturing_order_id: int) -> Progress:
    """The progress of one order; raises NotFound."""
    found = session.exec(
        select(ManufacturingOrder, Plant)
        .join(Plant, and_(col(Plant.id) == ManufacturingOrder.plant_id, col(Plant.company_id) == company_id))
        .where(ManufacturingOrder.company_id == company_id, ManufacturingOrder.id == manufacturing_order_id)
    ).one_or_none()
    if found is None:
        raise NotFound(field="manufacturing_order")
    order, plant = found
    completes_at = order.finished_at or order.completes_at
    goes_to = transfer_from(session, company_id, manufacturing_order_id)
    part = transfers_to(session, company_id, [manufacturing_order_id]).get(manufacturing_order_id)
    return Progress(
        manufacturing_order_id=manufacturing_order_id, number=order.number, pegging_key=order.pegging_key,
        product_name=order.product_name, plant=plant.name, plant_zone=plant.zone,
        pickup=plant.pickup, state=OrderState(order.state),
        operations=_operations(session, order, plant), release_at=order.release_at, due_at=order.due_at,
        promise_at=order.promise_at, dispatch_at=order.dispatch_at, arrives_on=order.arrives_on,
        forecast_at=completes_at,
        forecast_arrives_on=arrival(order, plant.zone, completes_at) if goes_to is None else goes_to.arrives_on,
        actual_at=order.finished_at, zone=order.zone, carrier_name=order.carrier_name,
        held_until=session.exec(
            select(Hold.expires_at)
            .join(HeldOrder, and_(col(HeldOrder.hold_id) == Hold.id, col(HeldOrder.company_id) == Hold.company_id))
            .where(HeldOrder.company_id == company_id, HeldOrder.manufacturing_order_id == manufacturing_order_id)
        ).one_or_none(),
        grace_until=order.grace_until if in_grace(order) else None,
        part=part, part_operations=_part_operations(session, company_id, part),
        part_way=part.way(utc_now()) if part is not None else None, goes_to=goes_to,
    )


def _part_operations(
    session: Session, company_id: int, part: TransferView | None
) -> tuple[OperationProgress, ...]:
    if part is None:
        return ()
    order = session.get_one(ManufacturingOrder, part.part_order_id)
    return _operations(session, order, session.get_one(Plant, order.plant_id))


def orders_of(session: Session, company_id: int, pegging_key: str) -> tuple[int, ...]:
    """The manufacturing orders made for this key."""
    query = select(ManufacturingOrder.id).where(
        ManufacturingOrder.company_id == company_id, ManufacturingOrder.pegging_key == pegging_key
    )
    return tuple(order_id for order_id in session.exec(query.order_by(col(ManufacturingOrder.id))).all() if order_id)


def arrival(order: ManufacturingOrder, plant_zone: str, completes_at: datetime) -> date:
    """The date at the ship-to of a parcel that is ready at `completes_at`, by the carrier's terms as promised."""
    leaves = dispatch_at(completes_at, order.carrier_cutoff, order.carrier_days, plant_zone)
    return arrives_on(leaves, order.transit_days, order.carrier_days, order.zone)


def _operations(session: Session, order: ManufacturingOrder, plant: Plant) -> tuple[OperationProgress, ...]:
    query = (
        select(ManufacturingOperation, Line.name)
        .join(Line, and_(col(Line.id) == ManufacturingOperation.line_id, col(Line.company_id) == order.company_id))
        .where(ManufacturingOperation.company_id == order.company_id, ManufacturingOperation.order_id == order.id)
        .order_by(col(ManufacturingOperation.position))
    )
    return tuple(
        OperationProgress(
            id=row.id or 0, code=row.operation, name=row.name, line_id=row.line_id, line=line, plant=plant.name,
            starts_at=row.starts_at, ends_at=row.ends_at, state=OperationState(row.state), pinned=row.pinned,
        )
        for row, line in session.exec(query).all()
    )
