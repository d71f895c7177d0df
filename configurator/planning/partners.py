"""Plants of partners: what they post of their free capacity, and what we have reserved in it.

The shop promises in a partner's plant as in one of ours, from what the partner posted last. Our orders there are told
to the partner's system, each under its number (`reservations`, at a version). A post says which of them what is free
is beside of, where the partner makes them, and the version that it knew. So nothing is sold twice, and nothing lost:

- An order that a post does not name stands in what that post calls free. If its place is not free any more it goes to
  other room, before anything is promised by the post: its forecast changes, its promise does not.
- An order that it names, and that we have not changed since that version, is made where the partner says.
- What the partner keeps for an order that we have changed or cancelled since is ours until its next post.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import orjson
import structlog
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlmodel import Session, col, select

from catalog.factory import Plant
from catalog.rows import utc_now
from configurator import audit, db
from configurator.errors import DomainError, NotFound
from configurator.planning.books import Rows, apply_placements, next_version, read_rows
from configurator.planning.clock import report_due
from configurator.planning.holds import held_orders
from configurator.planning.models import (
    EventKind,
    ManufacturingOrder,
    OperationState,
    PartnerCapacity,
    PartnerKey,
)
from configurator.planning.posted import Accounted, capacity_row, changed_since, names_to_post, ours_of
from configurator.planning.records import instant, placements_to_json, second, work_order_from
from configurator.planning.reports import Changes, push
from solver.scheduling.capacity import FreeCapacity, problem_of
from solver.scheduling.problem import (
    UNIX_EPOCH,
    InvalidProblem,
    LineId,
    OperationId,
    Placement,
    Second,
    WorkOrder,
    WorkOrderId,
)
from solver.scheduling.roll import HorizonTooShort

log = structlog.get_logger()
AHEAD = timedelta(minutes=5)  # so far may a partner's clock be before ours
LATEST = timedelta(days=3660)  # nothing of ours is made after that
Faults = Sequence[tuple[str, str]]  # field, what is wrong with it


class CapacityRefused(DomainError):
    """What was posted does not fit the plant, or contradicts itself; `faults` says where."""

    code, status, words = "capacity_refused", 422, _l("This capacity cannot be used: %(what)s")

    def __init__(self, faults: Faults) -> None:
        super().__init__(field=faults[0][0], what=faults[0][1])
        self.faults = faults


class CapacityOutdated(DomainError):
    """A capacity that is valid at that instant or a later one is here already."""

    code, status = "capacity_outdated", 409
    words = _l("A capacity that is valid at this instant or a later one was posted already.")


class ReservationsLost(DomainError):
    """An order of ours finds no room any more in what was posted; what was posted before stays in force."""

    code, status = "reservation_without_room", 409
    words = _l("There is no room left for our order %(number)s, which this capacity does not take into account.")


@dataclass(frozen=True, slots=True)
class Stated:
    """Which of our orders a post takes into account, and the version of our schedule that the partner knew then."""

    version: int = 0
    orders: Sequence[tuple[str, tuple[Placement, ...]]] = ()

    @property
    def accounted(self) -> Accounted:
        """The same by number."""
        return dict(self.orders)


@dataclass(frozen=True, slots=True)
class Received:
    """What came of a post. `anew`: it was not here already. `moved`: numbers of our orders that had to go elsewhere."""

    number: int
    valid_at: datetime
    good_until: datetime
    moved: tuple[str, ...]
    anew: bool


# --- who speaks for a plant -------------------------------------------------------------------------------------------


def make_key(company_id: int, plant_id: int, *, actor_id: int | None = None) -> str:
    """A new key for a partner's system, in place of the one before; only now can it be read. Raises NotFound."""
    key = secrets.token_urlsafe(32)
    with db.writing() as session:
        plant = db.lock_row(session, Plant, plant_id)
        if plant is None or plant.company_id != company_id or not plant.is_partners:
            raise NotFound(field="plant")
        row = _key_row(session, plant) or PartnerKey(
            company_id=company_id, plant_id=plant_id, key_hash="", made_at=utc_now()
        )
        row.key_hash, row.made_at = _hash(key), utc_now()
        session.add(row)
        audit.record(session, company_id, "partner.key", "plant", plant_id, actor_id=actor_id)
    return key


def plant_of_key(company_id: int, code: str, key: str) -> int:
    """The partner's plant of this code for whoever has its key; raises NotFound for anybody else."""
    with db.reading() as session:
        plant = session.exec(select(Plant).where(Plant.company_id == company_id, Plant.code == code)).one_or_none()
        row = _key_row(session, plant) if plant is not None and plant.is_partners else None
        if plant is None or row is None or not hmac.compare_digest(row.key_hash, _hash(key)):
            raise NotFound(field="plant")
        return db.id_of(plant)


def _key_row(session: Session, plant: Plant) -> PartnerKey | None:
    return session.exec(
        select(PartnerKey).where(PartnerKey.company_id == plant.company_id, PartnerKey.plant_id == plant.id)
    ).one_or_none()


def _hash(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


# --- what we have reserved --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Reservation:
    """An order of ours in a partner's plant: what is to be made, where it stands, and by when it is promised."""

    number: str
    order: WorkOrder
    places: tuple[Placement, ...]  # in the order of its operations
    states: tuple[OperationState, ...]


@dataclass(frozen=True, slots=True)
class Reservations:
    """All open orders that we have in a partner's plant, at a version of its schedule. What is held is not told."""

    version: int
    orders: tuple[Reservation, ...]


def reservations(plant_id: int) -> Reservations:
    """What we have reserved in a partner's plant at this moment."""
    with db.reading_one_view() as session:
        rows = read_rows(session, plant_id)
        held = held_orders(session, rows.plant.company_id)
        return Reservations(rows.plant.schedule_version, tuple(
            _reservation(rows, work_order_from(row.number, row.work_order))
            for row in rows.orders.values() if row.id not in held and row.finished_at is None
        ))  # fmt: skip


def _reservation(rows: Rows, order: WorkOrder) -> Reservation:
    keys = [operation.id for operation in order.operations]
    return Reservation(
        order.id, order, tuple(rows.placements[key] for key in keys),
        tuple(OperationState(rows.operations[key].state) for key in keys),
    )  # fmt: skip


# --- what is posted ---------------------------------------------------------------------------------------------------


def post_capacity(
    plant_id: int, capacity: FreeCapacity, stated: Stated, *, now: datetime | None = None
) -> Received:
    """From now on promise in a partner's plant by this capacity; the same again changes nothing.

    Our orders there move first, as the module says. Raises CapacityRefused, CapacityOutdated, ReservationsLost.
    """
    at = (now or utc_now()).replace(microsecond=0)
    content, accounted = capacity.model_dump(mode="json"), _to_json(stated)
    said = orjson.dumps([content, accounted, stated.version], option=orjson.OPT_SORT_KEYS)
    digest = hashlib.sha256(said).hexdigest()
    with db.writing() as session:
        plant = db.lock_row(session, Plant, plant_id)
        if plant is None or plant.capacity_hours is None:
            raise NotFound(field="plant")
        if fault := _instant_fault(plant, capacity, at):
            raise CapacityRefused([fault])
        row, valid_at = capacity_row(session, plant), instant(capacity.now)
        good_until = valid_at + timedelta(hours=plant.capacity_hours)
        if row is not None and row.sha256 == digest:
            return Received(row.number, valid_at, good_until, (), anew=False)
        if row is not None and row.valid_at >= valid_at:
            raise CapacityOutdated(field="capacity.now", valid_at=row.valid_at.isoformat())
        rows, changed = _checked(session, plant, capacity, stated, at)
        if row is None:
            row = PartnerCapacity(
                company_id=plant.company_id, plant_id=plant_id, number=0, valid_at=valid_at, received_at=at,
                content=content, sha256=digest,
            )
            session.add(row)
        row.number, row.valid_at, row.received_at, row.sha256 = row.number + 1, valid_at, at, digest
        row.content, row.accounted, row.accounted_version = content, accounted, stated.version
        _follow(rows, {number: places for number, places in stated.orders if number not in changed})
        moved = _fitted_in(session, plant, row.number, at)
    log.info("planning.capacity_posted", plant=plant.code, number=row.number, moved=len(moved))
    return Received(row.number, valid_at, good_until, moved, anew=True)


def _checked(
    session: Session, plant: Plant, capacity: FreeCapacity, stated: Stated, at: datetime
) -> tuple[Rows, frozenset[str]]:
    """The plant's rows, and which of our orders were changed since the stated version. Raises CapacityRefused."""
    rows = read_rows(session, db.id_of(plant), now=at)
    changed = changed_since(session, plant, stated.version) if stated.orders else frozenset()
    if faults := [*_faults(session, plant, capacity), *_order_faults(session, rows, stated, changed, at)]:
        raise CapacityRefused(faults)
    if contradiction := _contradiction(capacity, stated):
        raise CapacityRefused([contradiction])
    return rows, changed


def _fitted_in(session: Session, plant: Plant, number: int, at: datetime) -> tuple[str, ...]:
    """Bring our orders to the present by what was posted, in one event; the numbers of those that went elsewhere."""
    session.flush()
    changes = Changes()
    report_due(session, plant, at, changes)
    try:
        push(session, plant, at, changes, retake=True)
    except HorizonTooShort as error:
        raise ReservationsLost(field="reservations", number=error.operation.partition("/")[0]) from error
    except InvalidProblem as error:
        raise CapacityRefused([("capacity", str(error))]) from error
    next_version(
        session, plant, EventKind.PUBLISHED, None, capacity=number, started=changes.started, finished=changes.finished,
        moved=placements_to_json(changes.moved.values()),
    )
    audit.record(session, plant.company_id, "partner.capacity", "plant", plant.id, number=number)
    return tuple(sorted({key.partition("/")[0] for key in changes.moved}))


def _to_json(stated: Stated) -> dict[str, Any]:
    return {number: placements_to_json(places) for number, places in stated.orders}


def _follow(rows: Rows, accounted: Accounted) -> None:
    """Write where the partner makes our orders; what has begun begins no other time, and what is made is made."""
    places: dict[OperationId, Placement] = {}
    for place in (place for number in accounted for place in accounted[number]):
        operation = rows.operations.get(place.operation)
        if operation is not None and operation.state == OperationState.STARTED:
            began = second(operation.starts_at)
            places[place.operation] = replace(place, start=began, end=Second(max(place.end, began + 1)))
        elif operation is not None and operation.state == OperationState.PLANNED:
            places[place.operation] = place
    apply_placements(rows.operations, rows.orders, rows.line_ids, places)


# --- what may be wrong with it ----------------------------------------------------------------------------------------


def _instant_fault(plant: Plant, capacity: FreeCapacity, at: datetime) -> tuple[str, str] | None:
    """What is wrong with the instant at which it is valid."""
    if capacity.epoch != UNIX_EPOCH:
        return "capacity.epoch", _("Count seconds since 1970-01-01T00:00:00Z.")
    if capacity.now > second(at + AHEAD):
        return "capacity.now", _("This instant has not come yet.")
    hours = plant.capacity_hours or 0
    if capacity.now <= second(at - timedelta(hours=hours)):
        return "capacity.now", _("This is too old: what is free is believed for %(hours)s hours.", hours=hours)
    return None


def _faults(session: Session, plant: Plant, capacity: FreeCapacity) -> Iterator[tuple[str, str]]:
    """What it says of other things than the plant has, or does not say of them."""
    lines, materials = names_to_post(session, plant)
    yield from _names("capacity.lines", [line.id for line in capacity.lines], lines)
    yield from _names("capacity.materials", [one.id for one in capacity.materials], materials)
    for index, line in enumerate(capacity.lines):
        if line.plant != plant.code:
            yield f"capacity.lines.{index}.plant", _("Write the plant's code, %(code)s.", code=plant.code)


def _names(field: str, stated: Sequence[str], known: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Each of the plant's is stated once, and no other one."""
    for index, name in enumerate(stated):
        if name not in known:
            yield f"{field}.{index}.id", _unknown(name, known)
        elif name in stated[:index]:
            yield f"{field}.{index}.id", _("%(name)s is stated twice.", name=name)
    if missing := [name for name in known if name not in stated]:
        yield field, _("Missing: %(names)s.", names=", ".join(missing))


def _order_faults(
    session: Session, rows: Rows, stated: Stated, changed: Set[str], at: datetime
) -> Iterator[tuple[str, str]]:
    """What is wrong with the orders that are taken into account."""
    numbers = [number for number, _places in stated.orders]
    version = rows.plant.schedule_version
    if stated.version > version:
        yield "reservations.version", _("The newest version is %(version)s.", version=version)
        return
    ours = set(session.exec(
        select(ManufacturingOrder.number).where(
            ManufacturingOrder.company_id == rows.plant.company_id, ManufacturingOrder.plant_id == rows.plant.id,
            col(ManufacturingOrder.number).in_(numbers),
        )
    ).all())
    latest = second(at + LATEST)
    work = {order.id: order for order in rows.problem.orders}
    for index, (number, places) in enumerate(stated.orders):
        field = f"reservations.orders.{index}"
        order = work.get(WorkOrderId(number))
        for position, place in enumerate(places):
            if place.start >= place.end:
                yield f"{field}.operations.{position}.end", _("It must end after its start.")
            elif place.end > latest:
                yield f"{field}.operations.{position}.end", _("This is too late.")
        if number not in ours:
            yield f"{field}.id", _("%(number)s is no order of ours in this plant.", number=number[:60])
        elif number in numbers[:index]:
            yield f"{field}.id", _("%(name)s is stated twice.", name=number)
        elif order is not None and number not in changed:
            yield from _place_faults(field, order, places)
        else:
            lines = [line.id for line in rows.problem.lines]
            yield from _line_faults(field, [(place.line, lines) for place in places])


def _place_faults(field: str, order: WorkOrder, places: Sequence[Placement]) -> Iterator[tuple[str, str]]:
    """Every operation once, on a line that can make it."""
    made = {operation.id: operation for operation in order.operations}
    code = len(order.id) + 1
    yield from _names(
        f"{field}.operations", [place.operation[code:] for place in places], [key[code:] for key in made]
    )
    can = {key: [mode.line for mode in operation.modes] for key, operation in made.items()}
    yield from _line_faults(field, [(place.line, can.get(place.operation, [place.line])) for place in places])


def _line_faults(field: str, lines: Sequence[tuple[LineId, Sequence[LineId]]]) -> Iterator[tuple[str, str]]:
    """`lines`: of each operation the line that is stated, and those that may be."""
    for index, (name, known) in enumerate(lines):
        if name not in known:
            yield f"{field}.operations.{index}.line", _unknown(name, known)


def _unknown(name: str, known: Sequence[str]) -> str:
    return _("%(name)s is not known here. Allowed: %(known)s.", name=name[:60], known=", ".join(known) or "–")


def _contradiction(capacity: FreeCapacity, stated: Stated) -> tuple[str, str] | None:
    """The first place where what is posted contradicts itself."""
    try:
        problem_of(capacity, ours_of(stated.accounted))
    except InvalidProblem as error:
        subject = str(error).partition(":")[0]
        named = {
            "lines": [one.id for one in capacity.lines], "materials": [one.id for one in capacity.materials],
            "setups": [one.id for one in capacity.setups], "resources": [one.id for one in capacity.resources],
        }
        for name, ids in named.items():
            if subject in ids:
                return f"capacity.{name}.{ids.index(subject)}", str(error)
        return "capacity", str(error)
    return None
