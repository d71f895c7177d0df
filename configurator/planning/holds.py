"""Holds: capacity and material kept until an instant for somebody who has not ordered yet.

What is held is a manufacturing order with slots of its own that nobody may start: nothing of it begins before its hold
ends. Taking it gives it its number and its owner and moves nothing; letting it go gives its slots back.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import structlog
from flask_babel import lazy_gettext as _l
from sqlalchemy import ColumnElement, and_, delete, func, or_
from sqlmodel import Session, col, select

from catalog.factory import Plant, local_instant
from catalog.offer import Offer
from catalog.rows import Company, utc_now
from configurator import db
from configurator.errors import DateLost, DomainError, NoDate
from configurator.numbers import draw_number
from configurator.planning.books import (
    PlantBook,
    Reservation,
    book_under_lock,
    current_books,
    lock_plants,
    next_version,
    remember,
)
from configurator.planning.forecasts import Destination, Forecast, delivery_columns, delivery_to
from configurator.planning.margins import margins_of
from configurator.planning.models import (
    OPEN_ORDERS,
    EventKind,
    HeldOrder,
    Hold,
    ManufacturingOperation,
    ManufacturingOrder,
    OperationState,
    Transfer,
    is_part,
)
from configurator.planning.options import options
from configurator.planning.promise import leave, reserve
from configurator.planning.quoting import NOBODYS
from configurator.planning.records import placements_to_json, second, work_order_from, work_order_to_json
from configurator.planning.transfers import forget_transfers, part_number, with_parts
from solver.configuration.problem import Variant
from solver.scheduling.calendar import Calendar
from solver.scheduling.problem import LineId, OperationId, Placement, WorkOrderId

log = structlog.get_logger()


class HoldsFull(DomainError):
    """People who did not log in hold as much of a line's week as they may together.

    `room`: how many of the units that were wanted could have been held, in their order.
    """

    code, status = "holds_full", 409
    words = _l(
        "We cannot hold every date in your cart: visitors together can hold only a small part of the factory's week. "
        "You can order at once, though."
    )

    def __init__(self, room: int = 0) -> None:
        super().__init__(room=room)
        self.room = room


class HoldOver(DomainError):
    """There is no hold any more, or what it kept was taken."""

    code, status, words = "hold_over", 409, _l("The time for which we held your date is over.")


class HoldRenewed(DomainError):
    """A hold is made longer once."""

    code, status = "hold_renewed", 409
    words = _l("We cannot hold your date any longer than this. Ordering keeps it for good.")


@dataclass(frozen=True, slots=True)
class Wish:
    """One unit to hold: whose it is, what it is, and its date by a moment ago."""

    pegging_key: str
    offer: Offer
    variant: Variant
    forecast: Forecast


@dataclass(frozen=True, slots=True)
class HeldUnit:
    """One unit that has its slots; the promise is the one that an order made of it would have.

    `ready_at`: when it is ready for the carrier: as it was promised, or by the present schedule where that is later.
    `part`: the order of what another plant makes of it, and that plant.
    """

    manufacturing_order_id: int
    plant_id: int
    plant_zone: str
    pegging_key: str
    starts_at: datetime
    ready_at: datetime
    promise_at: datetime
    dispatch_at: datetime
    arrives_on: date
    carrier_code: str
    carrier_days: tuple[str, ...]
    country: str
    zone: str
    part: tuple[int, int] | None = None

    @property
    def places(self) -> list[tuple[int, int]]:
        """Its manufacturing orders, each with its plant."""
        own = (self.manufacturing_order_id, self.plant_id)
        return [own] if self.part is None else [own, self.part]


@dataclass(frozen=True, slots=True)
class Taken:
    """What a held unit becomes: whose it is from now on, its number, the day that was promised for it, and its way.

    `to`: None leaves it as it is held.
    """

    pegging_key: str
    number: str
    arrives_on: date
    to: Destination | None = None


@dataclass(frozen=True, slots=True)
class HoldView:
    """A hold that is not over, with its units by their pegging keys."""

    made_at: datetime
    expires_at: datetime
    renewed: bool
    units: Mapping[str, HeldUnit]


def sent(unit: HeldUnit, to: Destination) -> HeldUnit | None:
    """A held unit with another delivery; None if that does not go there."""
    delivery = delivery_to(to, (), unit.ready_at, unit.plant_zone)
    if delivery is None:
        return None
    return replace(
        unit, dispatch_at=delivery.dispatch_at, arrives_on=delivery.arrives_on, carrier_code=delivery.carrier.code,
        carrier_days=delivery.carrier.working_days, country=to.country, zone=delivery.zone,
    )


def expiry(now: datetime | None = None) -> datetime:
    """When a hold that is made now ends, to the full minute."""
    until = (now or utc_now()) + timedelta(minutes=options().hold_minutes, seconds=59)
    return until.replace(second=0, microsecond=0)


def hold_of(session: Session, company_id: int, key: str, *, now: datetime | None = None) -> HoldView | None:
    """The hold of a key; None if it has none or its time is over."""
    row = _row(session, company_id, key)
    if row is None or row.expires_at <= (now or utc_now()):
        return None
    units = {unit.pegging_key: unit for unit in _units(session, row)}
    return HoldView(row.created_at, row.expires_at, row.renewed, units)


def hold(
    session: Session, company_id: int, key: str, wishes: Sequence[Wish], *, anonymous: bool,
    not_before: datetime | None = None, now: datetime | None = None,
) -> datetime:
    """Give the units their slots under the hold of this key, a new one if it has none; when that one ends.

    In the caller's writing transaction, all of them or none. Nothing of them starts before the hold ends, nor before
    `not_before`. Raises NoDate, DateLost (later than forecast), HoldsFull (and for how many there would be room).
    """
    at = now or utc_now()
    row = _locked(session, company_id, key)
    if row is not None and row.expires_at <= at:
        let_go(session, company_id, key)
        row = None
    plants = lock_plants(session, (plant_id for wish in wishes for plant_id in wish.forecast.plant_ids))
    if row is None:
        row = Hold(company_id=company_id, pegging_key=key, anonymous=anonymous, expires_at=expiry(at), created_at=at)
        session.add(row)
        session.flush()
    year = at.astimezone(ZoneInfo(session.get_one(Company, company_id).zone)).year
    for count, wish in enumerate(wishes):
        reserved = reserve(
            session, wish.offer, wish.variant, wish.forecast, pegging_key=wish.pegging_key,
            number=draw_number(session, company_id, "HO", year),
            not_before=max(row.expires_at, not_before or row.expires_at),
        )
        session.add_all(
            HeldOrder(company_id=company_id, hold_id=db.id_of(row), manufacturing_order_id=order_id)
            for order_id in reserved.order_ids
        )
        session.flush()
        for made in reserved.forecast.both if row.anonymous else ():
            if _is_too_much(session, plants[made.plant_id], made.placements):
                raise HoldsFull(count)
    return row.expires_at


def renew(session: Session, company_id: int, key: str, *, now: datetime | None = None) -> datetime:
    """Hold it once more as long; when that ends. Units that begin before have to be held anew by the caller.

    Raises HoldOver, HoldRenewed.
    """
    at = now or utc_now()
    row = _locked(session, company_id, key)
    if row is None or row.expires_at <= at:
        raise HoldOver
    if row.renewed:
        raise HoldRenewed
    row.expires_at, row.renewed = max(row.expires_at, expiry(at)), True
    return row.expires_at


def let_go(session: Session, company_id: int, key: str, *, pegging_keys: Iterable[str] | None = None) -> None:
    """Give slots back: those of some units, or all of them and the hold with them. Nothing to do is no error."""
    row = _locked(session, company_id, key)
    if row is None:
        return
    wanted = None if pegging_keys is None else set(pegging_keys)
    units = [unit for unit in _units(session, row) if wanted is None or unit.pegging_key in wanted]
    places = [place for unit in units for place in unit.places]
    lock_plants(session, (plant_id for _, plant_id in places))
    forget_transfers(session, company_id, (order_id for order_id, _ in places))
    for plant_id in sorted({plant_id for _, plant_id in places}):
        _release(session, plant_id, [order_id for order_id, where in places if where == plant_id])
    if wanted is None:
        _end(session, row)
    session.flush()


def take(
    session: Session, company_id: int, key: str, wanted: Mapping[str, Taken], *, now: datetime | None = None,
    actor_id: int | None = None,
) -> None:
    """Make held units orders, each by the key that it is held under: nothing of them moves, no date is looked for.

    Raises HoldOver if the hold has ended or lacks one of them.
    """
    row = _locked(session, company_id, key)
    if row is None or row.expires_at <= (now or utc_now()):
        raise HoldOver
    units = {unit.pegging_key: unit for unit in _units(session, row)}
    if not wanted.keys() <= units.keys():
        raise HoldOver
    places = [place for held in wanted for place in units[held].places]
    lock_plants(session, (plant_id for _, plant_id in places))
    for held, taken in wanted.items():
        _take(session, units[held], taken, actor_id)
    ids = [order_id for order_id, _ in places]
    session.execute(delete(HeldOrder).where(col(HeldOrder.manufacturing_order_id).in_(ids)))
    session.flush()


def held_orders(session: Session, company_id: int) -> frozenset[int]:
    """The ids of all manufacturing orders under a hold: of carts, and of orders that wait for something."""
    query = select(HeldOrder.manufacturing_order_id).where(HeldOrder.company_id == company_id)
    return frozenset(session.exec(query).all())


def keep(session: Session, company_id: int, key: str, order_ids: Iterable[int], until: datetime) -> None:
    """Make orders that have their slots wait under a hold of this key, which does not end by itself.

    Those that wait under it already go on waiting, until then.
    """
    if (row := _locked(session, company_id, key)) is not None:
        row.expires_at = until
        return
    row = Hold(company_id=company_id, pegging_key=key, anonymous=False, expires_at=until, lapses=False)
    session.add(row)
    session.flush()
    session.add_all(
        HeldOrder(company_id=company_id, hold_id=db.id_of(row), manufacturing_order_id=order_id)
        for order_id in with_parts(session, company_id, order_ids)
    )
    session.flush()


def end_waiting(session: Session, company_id: int, key: str) -> None:
    """What waited under a hold of this key can be made now."""
    row = _locked(session, company_id, key)
    if row is None:
        return
    grace = margins_of(session, company_id).grace
    for order_id, _plant in (place for unit in _units(session, row) for place in unit.places):
        _count_grace(session.get_one(ManufacturingOrder, order_id), grace)
    session.execute(delete(HeldOrder).where(
        col(HeldOrder.company_id) == company_id, col(HeldOrder.hold_id) == db.id_of(row)
    ))
    _end(session, row)
    session.flush()


def sweep(*, now: datetime | None = None) -> int:
    """End every hold whose time is over, each in a transaction of its own; how many."""
    at = now or utc_now()
    with db.reading() as session:
        over = session.exec(
            select(Hold.company_id, Hold.pegging_key).where(Hold.expires_at <= at, col(Hold.lapses))
        ).all()
    for company_id, key in over:
        with db.writing() as session:
            row = _locked(session, company_id, key)
            if row is not None and row.expires_at <= at:
                let_go(session, company_id, key)
    if over:
        log.info("planning.holds_ended", number=len(over))
    return len(over)


def books_without(company_id: int, key: str, pegging_keys: Iterable[str]) -> tuple[PlantBook, ...]:
    """The current books as they were if these units of a hold had given their slots back."""
    wanted = set(pegging_keys)
    with db.reading() as session:
        row = _row(session, company_id, key)
        units = [unit for unit in (_units(session, row) if row is not None else ()) if unit.pegging_key in wanted]
        ids = [order_id for unit in units for order_id, _ in unit.places]
        numbers = set(session.exec(select(ManufacturingOrder.plant_id, ManufacturingOrder.number).where(
            ManufacturingOrder.company_id == company_id, col(ManufacturingOrder.id).in_(ids)
        )).all())
    found = []
    for plant in current_books(company_id):
        held = [WorkOrderId(number) for where, number in numbers if where == plant.plant_id]
        book = plant.book.copy() if held else plant.book
        for order_id in held:
            if book.holds(order_id):  # it is as new as the hold
                book.remove(order_id)
        found.append(replace(plant, book=book, version=NOBODYS) if held else plant)
    return tuple(found)


def lock_hold(session: Session, company_id: int, key: str, plant_ids: Iterable[int] = ()) -> None:
    """Lock a hold, then its plants and others that the transaction needs: the order that all transactions keep to."""
    row = _locked(session, company_id, key)
    units = _units(session, row) if row is not None else []
    lock_plants(session, [*plant_ids, *(plant_id for unit in units for _, plant_id in unit.places)])


# --- parts ------------------------------------------------------------------------------------------------------------


def _row(session: Session, company_id: int, key: str) -> Hold | None:
    return session.exec(select(Hold).where(Hold.company_id == company_id, Hold.pegging_key == key)).one_or_none()


def _locked(session: Session, company_id: int, key: str) -> Hold | None:
    """The hold's row, read fresh and locked: nobody takes, renews or ends it meanwhile."""
    row = _row(session, company_id, key)
    return None if row is None else db.lock_row(session, Hold, db.id_of(row))


def _end(session: Session, row: Hold) -> None:
    """Delete a hold; somebody who did not lock it may have done so already."""
    session.execute(delete(Hold).where(col(Hold.company_id) == row.company_id, col(Hold.id) == row.id))


def _units(session: Session, row: Hold) -> list[HeldUnit]:
    held = select(HeldOrder.manufacturing_order_id).where(
        HeldOrder.company_id == row.company_id, HeldOrder.hold_id == row.id
    )
    return _units_where(session, row.company_id, col(ManufacturingOrder.id).in_(held))


def units_of(session: Session, company_id: int, manufacturing_order_ids: Sequence[int]) -> list[HeldUnit]:
    """Units with their slots and promises, in the order of these ids."""
    found = _units_where(session, company_id, col(ManufacturingOrder.id).in_(manufacturing_order_ids))
    known = {unit.manufacturing_order_id: unit for unit in found}
    return [known[order_id] for order_id in manufacturing_order_ids]


def _units_where(session: Session, company_id: int, which: ColumnElement[bool]) -> list[HeldUnit]:
    rows = session.exec(
        select(ManufacturingOrder, func.min(ManufacturingOperation.starts_at), Plant.zone)
        .join(Plant, and_(
            col(Plant.id) == ManufacturingOrder.plant_id, col(Plant.company_id) == ManufacturingOrder.company_id
        ))
        .join(ManufacturingOperation, and_(
            col(ManufacturingOperation.order_id) == ManufacturingOrder.id,
            col(ManufacturingOperation.company_id) == ManufacturingOrder.company_id,
        ))
        .where(ManufacturingOrder.company_id == company_id, which, ~is_part())
        .group_by(col(ManufacturingOrder.id), col(Plant.zone))
        .order_by(col(ManufacturingOrder.id))
    ).all()
    parts = _parts_of(session, company_id, [order.id or 0 for order, _, _ in rows])
    return [
        HeldUnit(
            order.id or 0, order.plant_id, zone, order.pegging_key,
            min(starts_at, parts[order.id][2]) if order.id in parts else starts_at, _ready_at(order), order.promise_at,
            order.dispatch_at, order.arrives_on, order.carrier_code, tuple(order.carrier_days), order.country,
            order.zone, parts[order.id][:2] if order.id in parts else None,
        )
        for order, starts_at, zone in rows
    ]


def _parts_of(
    session: Session, company_id: int, order_ids: Sequence[int]
) -> dict[int | None, tuple[int, int, datetime]]:
    """Order -> the order of what another plant makes for it, that plant, and when it begins."""
    rows = session.exec(
        select(
            Transfer.order_id, Transfer.part_order_id, ManufacturingOperation.plant_id,
            func.min(ManufacturingOperation.starts_at),
        )
        .join(ManufacturingOperation, and_(
            col(ManufacturingOperation.order_id) == Transfer.part_order_id,
            col(ManufacturingOperation.company_id) == Transfer.company_id,
        ))
        .where(Transfer.company_id == company_id, col(Transfer.order_id).in_(order_ids))
        .group_by(col(Transfer.order_id), col(Transfer.part_order_id), col(ManufacturingOperation.plant_id))
    ).all()
    return {order_id: (part_id, plant_id, starts_at) for order_id, part_id, plant_id, starts_at in rows}


def _fixed(session: Session, order: ManufacturingOrder) -> list[str]:
    """The operations of an order that have begun or are pinned: a book that is told so reads them anew."""
    return list(session.exec(
        select(ManufacturingOperation.operation).where(
            ManufacturingOperation.company_id == order.company_id, ManufacturingOperation.order_id == order.id,
            or_(
                col(ManufacturingOperation.pinned), col(ManufacturingOperation.state) != OperationState.PLANNED.value
            ),
        ).order_by(col(ManufacturingOperation.position))
    ).all())


def _ready_at(order: ManufacturingOrder) -> datetime:
    return max(order.promise_at, order.finished_at or order.completes_at)


def _release(session: Session, plant_id: int, order_ids: Sequence[int]) -> None:
    """Take held orders out of a locked plant's schedule, and delete them."""
    numbers = session.exec(
        select(ManufacturingOrder.number).where(col(ManufacturingOrder.id).in_(order_ids))
        .order_by(col(ManufacturingOrder.id))
    ).all()
    leave(session, session.get_one(Plant, plant_id), numbers, None)
    for table, column in (
        (HeldOrder, HeldOrder.manufacturing_order_id), (ManufacturingOperation, ManufacturingOperation.order_id),
        (ManufacturingOrder, ManufacturingOrder.id),
    ):
        session.execute(delete(table).where(col(column).in_(order_ids)))


def _take(session: Session, unit: HeldUnit, taken: Taken, actor_id: int | None) -> None:
    order = session.get_one(ManufacturingOrder, unit.manufacturing_order_id)
    plant = session.get_one(Plant, unit.plant_id)
    if taken.to is not None:
        _redirect(order, plant.zone, taken.to, taken.arrives_on)
    order.arrives_on = taken.arrives_on
    _rename(session, plant, order, taken.number, taken.pegging_key, actor_id)
    if unit.part is not None:
        part_id, plant_id = unit.part
        part = session.get_one(ManufacturingOrder, part_id)
        number = part_number(taken.number)
        _rename(session, session.get_one(Plant, plant_id), part, number, taken.pegging_key, actor_id)


def _rename(
    session: Session, plant: Plant, order: ManufacturingOrder, number: str, pegging_key: str, actor_id: int | None
) -> None:
    """A held order becomes one that is wanted, under its number."""
    base = book_under_lock(session, plant)
    _count_grace(order, base.margins.grace)
    before, order.number, order.pegging_key = order.number, number, pegging_key
    remember(session, base, _rewrite(session, plant, base, order, EventKind.RESERVED, before, actor_id))


def _rewrite(
    session: Session, plant: Plant, base: PlantBook, order: ManufacturingOrder, kind: EventKind, before: str,
    actor_id: int | None,
) -> Reservation:
    """An event by which an order has another number or another cut-off in the slots that it has."""
    reservation = Reservation(
        work_order_from(order.number, order.work_order), _placements(session, order, base), instead_of=before
    )
    next_version(
        session, plant, kind, actor_id, number=order.number, work_order=work_order_to_json(reservation.order),
        instead_of=before, placements=placements_to_json(reservation.placements), moved={},
        staying=_fixed(session, order),
    )
    return reservation


def redirect(
    session: Session, company_id: int, to: Destination, shown: Mapping[int, date], *, actor_id: int | None = None
) -> None:
    """Let manufacturing orders be delivered in another way, in the caller's transaction; their slots stay.

    `shown`: manufacturing order -> the day that was shown for it, which it has from now on. Raises DateLost if one
    would arrive later, NoDate if that way does not go there.
    """
    rows = session.exec(
        select(ManufacturingOrder).where(
            ManufacturingOrder.company_id == company_id, col(ManufacturingOrder.id).in_(shown)
        )
    ).all()
    plants = lock_plants(session, (row.plant_id for row in rows))
    bases = {plant_id: book_under_lock(session, plant) for plant_id, plant in plants.items()}
    for row in rows:
        session.refresh(row)
        plant = plants[row.plant_id]
        _redirect(row, plant.zone, to, shown[db.id_of(row)])
        row.arrives_on = shown[db.id_of(row)]
        if row.state in OPEN_ORDERS:
            _rewrite(session, plant, bases[row.plant_id], row, EventKind.CHANGED, row.number, actor_id)


def _redirect(order: ManufacturingOrder, plant_zone: str, to: Destination, shown: date) -> None:
    """Let it be delivered in another way, under the plant's lock. Raises DateLost, NoDate."""
    delivery = delivery_to(to, (), _ready_at(order), plant_zone)
    if delivery is None:
        raise NoDate
    if delivery.arrives_on > shown:
        raise DateLost(arrives_on=delivery.arrives_on)
    for name, value in delivery_columns(delivery, to.country).items():
        setattr(order, name, list(value) if name == "carrier_days" else value)
    order.carrier_name = dict(delivery.carrier.name)
    order.work_order = order.work_order | {"promise": second(delivery.dispatch_at)}


def _count_grace(order: ManufacturingOrder, minutes: int) -> None:
    """The grace of an order is counted from now on, when it is firm, and not from when it would have been at last."""
    if order.grace_until is not None:
        order.grace_until = min(order.grace_until, utc_now() + timedelta(minutes=minutes))


def _placements(session: Session, order: ManufacturingOrder, plant: PlantBook) -> tuple[Placement, ...]:
    keys = {line_id: key for key, line_id in plant.line_ids.items()}
    rows = session.exec(
        select(ManufacturingOperation)
        .where(ManufacturingOperation.company_id == order.company_id, ManufacturingOperation.order_id == order.id)
        .order_by(col(ManufacturingOperation.position))
    ).all()
    return tuple(
        Placement(
            OperationId(f"{order.number}/{row.operation}"), keys[row.line_id], second(row.starts_at),
            second(row.ends_at),
        )
        for row in rows
    )


# --- how much may be held ---------------------------------------------------------------------------------------------


def _is_too_much(session: Session, plant: Plant, placements: Sequence[Placement]) -> bool:
    """Whether anonymous holds take more than their share of a week of a line that these stand on.

    One order that is more than that by itself may be held on a line where none other is, within the same share of the
    whole plant's week: something large could never be held at all.
    """
    base = book_under_lock(session, plant)
    clocks = {line.id: Calendar(line) for line in base.book.lines if not line.unlimited}
    zone, share = ZoneInfo(plant.zone), options().hold_share
    keys = {line_id: key for key, line_id in base.line_ids.items()}
    held = _by_week(clocks, zone, [
        (keys[line_id], second(starts_at), second(ends_at))
        for line_id, starts_at, ends_at in _held_anonymously(session, plant)
    ])
    own = _by_week(clocks, zone, [(one.line, one.start, one.end) for one in placements])
    for (line, week), seconds in own.items():
        if 100 * held[line, week] <= share * _work(clocks[line], week, zone):
            continue
        in_plant = sum(taken for (_, when), taken in held.items() if when == week)
        allowed = share * sum(_work(clock, week, zone) for clock in clocks.values())
        if held[line, week] > seconds or 100 * in_plant > allowed:
            return True
    return False


def _by_week(
    clocks: Mapping[LineId, Calendar], zone: ZoneInfo, spans: Iterable[tuple[LineId, int, int]]
) -> dict[tuple[LineId, date], int]:
    """The working seconds that spans (line, start, end) take of each line's weeks, by its Monday."""
    found: dict[tuple[LineId, date], int] = defaultdict(int)
    for line, start, end in spans:
        if (clock := clocks.get(line)) is not None:
            for week in _weeks(start, end, zone):
                found[line, week] += _work(clock, week, zone, start, end)
    return found


def _held_anonymously(session: Session, plant: Plant) -> Sequence[tuple[int, datetime, datetime]]:
    operation = ManufacturingOperation
    return session.exec(
        select(operation.line_id, operation.starts_at, operation.ends_at)
        .join(HeldOrder, and_(
            col(HeldOrder.manufacturing_order_id) == operation.order_id,
            col(HeldOrder.company_id) == operation.company_id,
        ))
        .join(Hold, and_(col(Hold.id) == HeldOrder.hold_id, col(Hold.company_id) == HeldOrder.company_id))
        .where(operation.company_id == plant.company_id, operation.plant_id == plant.id, col(Hold.anonymous))
    ).all()


def _weeks(start: int, end: int, zone: ZoneInfo) -> Iterable[date]:
    """The Mondays of the weeks that [start, end) touches."""
    first, last = (datetime.fromtimestamp(at, zone).date() for at in (start, max(start, end - 1)))
    monday = first - timedelta(days=first.weekday())
    while monday <= last:
        yield monday
        monday += timedelta(days=7)


def _work(clock: Calendar, monday: date, zone: ZoneInfo, start: int = 0, end: int = 2**62) -> int:
    """Working seconds of a line in a week, or in the part of [start, end) that lies in it."""
    opens, closes = (second(local_instant(monday + timedelta(days=days), time(), zone)) for days in (0, 7))
    return clock.work(min(closes, end)) - clock.work(max(opens, start))
