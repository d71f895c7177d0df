"""Each plant's book in the memory of this process: at which version it is, how it catches up, when it is read anew.

A book follows the plant's events, a new order's with all that it moves. It is read from the rows when it is too far
behind, when an event says more than that (a re-plan, an overdue operation), when the calendar day changes and when the
factory itself was changed: a new version without an event. Nothing here cannot be thrown away.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from functools import cache
from threading import Lock
from typing import Any
from weakref import WeakKeyDictionary

import structlog
from sqlalchemy import bindparam, or_
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import Select

from catalog.explode import PlantFacts
from catalog.factory import (
    Carrier,
    Line,
    Plant,
    line_key,
    lines_of,
    plant_facts,
    scheduling_lines,
)
from catalog.rows import utc_now
from catalog.transport import TransportTerms, transports_of
from configurator import db
from configurator.planning.carriers import CarrierTerms
from configurator.planning.margins import Margins, margins_from, margins_of
from configurator.planning.models import (
    OPEN_ORDERS,
    EventKind,
    ManufacturingOperation,
    ManufacturingOrder,
    OperationState,
    PlanningMargins,
    ScheduleEvent,
)
from configurator.planning.options import options
from configurator.planning.posted import NO_LONGER, posted
from configurator.planning.records import instant, placements_from, second, work_order_from
from solver.scheduling.book import Book, Occupied
from solver.scheduling.capacity import FreeCapacity, free_capacity
from solver.scheduling.problem import (
    NEVER,
    Fixing,
    LineId,
    OperationId,
    Placement,
    SchedulingProblem,
    Second,
    WorkOrder,
    WorkOrderId,
)

log = structlog.get_logger()
MOST_EVENTS = 200  # more than this and reading the rows is quicker than replaying


@dataclass(frozen=True, slots=True)
class PlantBook:
    """A plant as this process knows it: its book at `version`, and what promising asks of the plant."""

    company_id: int
    plant_id: int
    code: str
    name: dict[str, str]
    zone: str
    facts: PlantFacts
    country: str
    carriers: tuple[CarrierTerms, ...]
    transports: tuple[TransportTerms, ...]  # that leave it
    line_ids: dict[LineId, int]
    version: int
    day: date
    generation: int  # another number means other facts
    frozen_minutes: int
    margins: Margins
    book: Book
    good_until: datetime | None  # a partner's: when what it posted is outdated

    @property
    def is_outdated(self) -> bool:
        """Whether what is known of it is so old that it promises nothing."""
        return self.good_until is not None and self.good_until <= utc_now()

    def free_from(self, firm: Second, *, at_once: bool = False) -> Second:
        """When the first operation of an order that is firm at an instant may start: once its grace is over."""
        if at_once or not self.margins.grace:
            return firm
        return Second(firm + 60 * (self.margins.grace + self.frozen_minutes))


@dataclass(frozen=True, slots=True)
class Reservation:
    """An order that has got its slots, and where others went to make room for it.

    `instead_of`: the number under which it had slots before, those of a hold or its own; `moved` says where those went
    that had stood around them.
    """

    order: WorkOrder
    placements: tuple[Placement, ...]
    moved: Sequence[Placement] = ()
    instead_of: str = ""

    def enter(self, book: Book) -> Sequence[Placement]:
        """Write it into a book; what moved for it. Raises Occupied or KeyError where the book does not allow for it."""
        if self.instead_of:
            gone = book.remove(WorkOrderId(self.instead_of))
            if not gone.keys() <= {placement.operation for placement in self.moved}:
                raise KeyError(self.instead_of)  # what stood around its old place is not where it was written
        book.commit(self.order, self.placements, self.moved)
        return self.moved


@dataclass(frozen=True, slots=True)
class Release:
    """Orders that gave their slots back."""

    numbers: tuple[str, ...]

    def enter(self, book: Book) -> tuple[Placement, ...]:
        """Take them out of a book; what had to move for it (see `Book.remove`). Raises KeyError for an unknown one."""
        moved: dict[OperationId, Placement] = {}
        for number in self.numbers:
            moved |= book.remove(WorkOrderId(number))
        gone = tuple(f"{number}/" for number in self.numbers)
        return tuple(placement for key, placement in moved.items() if not key.startswith(gone))


@dataclass(frozen=True, slots=True)
class Rows:
    """A plant as its rows have it: the problem with every open order, and where its operations stand.

    What a partner has taken in its plant is in the problem as nobody's orders, of which there are no rows.
    """

    plant: Plant
    problem: SchedulingProblem
    placements: dict[OperationId, Placement]
    orders: dict[str, ManufacturingOrder]
    operations: dict[OperationId, ManufacturingOperation]
    line_ids: dict[LineId, int]
    good_until: datetime | None = None  # a partner's: when what it posted is outdated


def apply_placements(
    operations: Mapping[OperationId, ManufacturingOperation],
    orders: Mapping[str, ManufacturingOrder],
    line_ids: Mapping[LineId, int],
    moved: Mapping[OperationId, Placement],
) -> None:
    """Write new places into the rows, and the new completion into their orders (whose rows are all given)."""
    for key, placement in moved.items():
        row = operations[key]
        row.line_id = line_ids[placement.line]
        row.starts_at, row.ends_at = instant(placement.start), instant(placement.end)
    touched = {key.partition("/")[0] for key in moved}
    completes: dict[str, datetime] = {}
    for key, row in operations.items():
        number = key.partition("/")[0]
        if number in touched:
            completes[number] = max(row.ends_at, completes.get(number, row.ends_at))
    for number, completes_at in completes.items():
        orders[number].completes_at = completes_at


@dataclass(slots=True)
class _Shelf:
    """The books of one database. One lock a plant, so that one thread catches up and the others wait for it."""

    books: dict[int, PlantBook] = field(default_factory=dict)
    locks: dict[int, Lock] = field(default_factory=dict)
    lock: Lock = field(default_factory=Lock)

    def lock_of(self, plant_id: int) -> Lock:
        with self.lock:
            return self.locks.setdefault(plant_id, Lock())


_shelves: WeakKeyDictionary[db.Database, _Shelf] = WeakKeyDictionary()
_shelves_lock = Lock()
_generations = 0


def _shelf() -> _Shelf:
    with _shelves_lock:
        return _shelves.setdefault(db.database(), _Shelf())


def forget_books() -> None:
    """Throw every book away."""
    with _shelves_lock:
        _shelves.clear()


def current_books(company_id: int) -> tuple[PlantBook, ...]:
    """The plants in which the company can promise, each at the version that its row has now or a later one.

    A partner's plant of which nothing was posted for too long is not among them.
    """
    with db.reading() as session:
        versions = session.exec(_versions(), params={"company": company_id}).all()
        margins = margins_from(versions[0][2] if versions else None)
    today = utc_now().date()
    shelf = _shelf()
    found = []
    for plant_id, version, _row in versions:
        assert plant_id is not None
        kept = shelf.books.get(plant_id)
        if kept is None or kept.version < version or kept.day != today:
            kept = _caught_up(shelf, plant_id, version, today)
        if not kept.is_outdated:
            found.append(_with_margins(kept, margins))
    return tuple(found)


@cache
def _versions() -> Select[int | None, int, PlanningMargins]:
    """The plants of a `company`, at which version each is, and its margins; put together once."""
    return (
        select(Plant.id, Plant.schedule_version, PlanningMargins)
        .outerjoin(PlanningMargins, col(PlanningMargins.company_id) == Plant.company_id)
        .where(Plant.company_id == bindparam("company"))
        .order_by(col(Plant.id))
    )


def capacity_shown(company_id: int, code: str) -> FreeCapacity | None:
    """What a plant of ours shows to partners, from the next full minute on; None if the company has no such plant."""
    own = (plant for plant in current_books(company_id) if plant.good_until is None)
    shown = next((plant for plant in own if plant.code == code), None)
    return None if shown is None else free_capacity(shown.book, at=engine_now())


def book_under_lock(session: Session, plant: Plant) -> PlantBook:
    """The book at exactly the version of the plant's row, which the caller has locked in this transaction.

    What this transaction has itself reserved or released before is in it, and in no other transaction's book.
    """
    assert plant.id is not None
    own: dict[int, tuple[PlantBook, list[Reservation | Release]]] = session.info.get("own_changes", {})
    if plant.id in own:
        base, changes = own[plant.id]
        book = base.book.copy()
        try:
            for one in changes:
                one.enter(book)
        except (Occupied, KeyError):  # the rows of this transaction know
            return plant_book(session, read_rows(session, plant.id), utc_now().date(), base)
        return replace(base, book=book, version=plant.schedule_version)
    shelf = _shelf()
    kept = shelf.books.get(plant.id)
    if kept is None or kept.version != plant.schedule_version or kept.day != utc_now().date():
        kept = _caught_up(shelf, plant.id, plant.schedule_version, utc_now().date(), session)
    return _with_margins(kept, margins_of(session, plant.company_id))


def _with_margins(kept: PlantBook, margins: Margins) -> PlantBook:
    """The book with the margins of this moment: they change without a new version."""
    return kept if kept.margins == margins else replace(kept, margins=margins)


def lock_plants(session: Session, plant_ids: Iterable[int]) -> dict[int, Plant]:
    """Lock these plants in the order of their ids; the rows by their ids, without what is no plant."""
    found = {plant_id: db.lock_row(session, Plant, plant_id) for plant_id in sorted(set(plant_ids))}
    return {plant_id: plant for plant_id, plant in found.items() if plant is not None}


def next_version(session: Session, plant: Plant, kind: EventKind, actor_id: int | None, **data: Any) -> None:
    """The schedule of a locked plant is another one from now on; `data`: what the event tells of it."""
    plant.schedule_version += 1
    session.add(ScheduleEvent(
        company_id=plant.company_id, plant_id=db.id_of(plant), version=plant.schedule_version, kind=kind,
        actor_id=actor_id, data=data,
    ))
    session.flush()


def remember(session: Session, base: PlantBook, change: Reservation | Release) -> None:
    """Keep in mind, for this transaction only, what it has reserved or released."""
    session.info.setdefault("own_changes", {}).setdefault(base.plant_id, (base, []))[1].append(change)


# --- catching up ------------------------------------------------------------------------------------------------------


def _caught_up(
    shelf: _Shelf, plant_id: int, version: int, today: date, session: Session | None = None
) -> PlantBook:
    with shelf.lock_of(plant_id):
        kept = shelf.books.get(plant_id)
        if kept is None or kept.day != today:
            kept = _read_anew(plant_id, today, kept, session)
        elif kept.version < version:
            kept = _replayed(kept, _events_since(kept, session)) or _read_anew(plant_id, today, kept, session)
        shelf.books[plant_id] = kept
        return kept


def _events_since(kept: PlantBook, session: Session | None) -> tuple[int, Sequence[ScheduleEvent]]:
    """The plant's version and the events that led to it from the kept one."""
    if session is None:
        with db.reading() as reading:
            return _events_since(kept, reading)
    events = session.exec(
        select(ScheduleEvent)
        .where(ScheduleEvent.company_id == kept.company_id, ScheduleEvent.plant_id == kept.plant_id)
        .where(ScheduleEvent.version > kept.version)
        .order_by(col(ScheduleEvent.version))
        .limit(MOST_EVENTS)
    ).all()
    version = session.exec(select(Plant.schedule_version).where(Plant.id == kept.plant_id)).one()
    return version, [event for event in events if event.version <= version]


def _replayed(kept: PlantBook, news: tuple[int, Sequence[ScheduleEvent]]) -> PlantBook | None:
    """The book after the events; None if they do not tell everything."""
    version, events = news
    if [event.version for event in events] != list(range(kept.version + 1, version + 1)):
        return None
    book = kept.book.copy()
    for event in events:
        if event.kind == EventKind.PUBLISHED or event.data.get("staying"):
            return None
        try:
            change = _change_of(event)
            moved = change.enter(book) if change is not None else ()
        except (Occupied, KeyError):
            log.warning("planning.book_differs", plant=kept.plant_id, version=event.version)
            return None
        # What the floor reports without moving anything happened where it was scheduled: the book has it there.
        if set(moved) != set(placements_from(event.data.get("moved", {}))):
            return None
    return replace(kept, book=book, version=version)


def _change_of(event: ScheduleEvent) -> Reservation | Release | None:
    """What an event changed in the book; None if it tells only what moved. Raises KeyError."""
    data = event.data
    match event.kind:
        case EventKind.RESERVED | EventKind.CHANGED:
            return Reservation(
                work_order_from(data["number"], data["work_order"]), placements_from(data["placements"]),
                placements_from(data.get("moved", {})), data.get("instead_of", ""),
            )
        case EventKind.RELEASED:
            return Release(tuple(data["numbers"]))
    return None


def _read_anew(plant_id: int, today: date, kept: PlantBook | None, session: Session | None) -> PlantBook:
    if session is not None:
        return plant_book(session, read_rows(session, plant_id), today, kept)
    with db.reading_one_view() as reading:
        return plant_book(reading, read_rows(reading, plant_id), today, kept)


def plant_book(session: Session, rows: Rows, today: date, kept: PlantBook | None = None) -> PlantBook:
    """The book of a plant that was just read."""
    plant = rows.plant
    facts = plant_facts(session, plant)
    generation = kept.generation if kept is not None and kept.facts == facts else _next_generation()
    return PlantBook(
        company_id=plant.company_id, plant_id=db.id_of(plant), code=plant.code, name=plant.name, zone=plant.zone,
        facts=facts, country=plant.country, carriers=_carriers(session, plant),
        transports=tuple(transports_of(session, plant.company_id, plant.id)), line_ids=rows.line_ids,
        version=plant.schedule_version, day=today, generation=generation, frozen_minutes=plant.frozen_minutes,
        margins=margins_of(session, plant.company_id),
        book=Book(rows.problem, rows.placements, frozen_seconds=frozen_seconds(plant)), good_until=rows.good_until,
    )


def frozen_seconds(plant: Plant) -> int:
    """From now on nothing moves for so long to make room for others; in a partner's plant never."""
    return NEVER if plant.is_partners else 60 * plant.frozen_minutes


def _next_generation() -> int:
    global _generations
    _generations += 1
    return _generations


def _carriers(session: Session, plant: Plant) -> tuple[CarrierTerms, ...]:
    query = select(Carrier).where(Carrier.company_id == plant.company_id, Carrier.plant_id == plant.id)
    return tuple(
        CarrierTerms(row.code, row.name, row.cutoff, tuple(row.working_days), row.transit_days)
        for row in session.exec(query.order_by(col(Carrier.id))).all()
    )


# --- reading the rows -------------------------------------------------------------------------------------------------


def read_rows(session: Session, plant_id: int, *, now: datetime | None = None) -> Rows:
    """The plant's problem out of its rows: open orders, and the last thing that each line made (for its setup)."""
    plant = session.get_one(Plant, plant_id, populate_existing=True)
    lines = {line.id: line for line in lines_of(session, plant)}
    keys = {line_id: line_key(plant, line) for line_id, line in lines.items()}
    known = posted(session, plant)
    orders = _orders(session, plant, lines)
    operations = _operations(session, plant, orders)
    work_orders: list[WorkOrder] = []
    placements: dict[OperationId, Placement] = {}
    fixed: dict[OperationId, tuple[Fixing, Placement]] = {}
    found: dict[OperationId, ManufacturingOperation] = {}
    for order in orders:
        mine = operations[order.id or 0]
        work_order = work_order_from(order.number, order.work_order)
        work_orders.append(work_order if known is not None else _without_what_was_taken(work_order, mine))
        for name, row in mine.items():
            operation = OperationId(f"{order.number}/{name}")
            placement = Placement(operation, keys[row.line_id], second(row.starts_at), second(row.ends_at))
            found[operation] = row
            placements[operation] = placement
            if (fixing := fixing_of(row)) != Fixing.FREE:
                fixed[operation] = (fixing, placement)
    at = now or utc_now()
    ids = {key: line_id for line_id, key in keys.items() if line_id is not None}
    numbered = {order.number: order for order in orders}
    if known is not None:
        problem, taken = known.problem(work_orders, fixed, second(at))
        return Rows(plant, problem, {**placements, **taken}, numbered, found, ids, known.good_until)
    start, end = _horizon(at, found.values())
    offered = scheduling_lines(session, plant, start, end)
    problem = SchedulingProblem(
        offered.lines, tuple(work_orders), offered.setups, offered.materials, fixed, now=second(at)
    )
    return Rows(plant, problem, placements, numbered, found, ids, NO_LONGER if plant.is_partners else None)


def fixing_of(row: ManufacturingOperation) -> Fixing:
    """Why this operation may not move."""
    if row.state == OperationState.FINISHED:
        return Fixing.FINISHED
    if row.state == OperationState.STARTED:
        return Fixing.STARTED
    return Fixing.PINNED if row.pinned else Fixing.FREE


def _orders(session: Session, plant: Plant, lines: dict[int | None, Line]) -> Sequence[ManufacturingOrder]:
    """Open orders, and made ones that were the last on a line."""
    last = set()
    for line_id in lines:
        query = (
            select(ManufacturingOperation.order_id)
            .where(ManufacturingOperation.company_id == plant.company_id, ManufacturingOperation.line_id == line_id)
            .where(ManufacturingOperation.state == OperationState.FINISHED)
            .order_by(col(ManufacturingOperation.ends_at).desc())
            .limit(1)
        )
        last |= set(session.exec(query).all())
    wanted = or_(
        col(ManufacturingOrder.state).in_(OPEN_ORDERS), col(ManufacturingOrder.id).in_(sorted(last))
    )
    return session.exec(
        select(ManufacturingOrder)
        .where(ManufacturingOrder.company_id == plant.company_id, ManufacturingOrder.plant_id == plant.id, wanted)
        .order_by(col(ManufacturingOrder.id))
        .execution_options(populate_existing=True)
    ).all()


def _operations(
    session: Session, plant: Plant, orders: Sequence[ManufacturingOrder]
) -> dict[int, dict[str, ManufacturingOperation]]:
    """Order id -> operation code -> row, in the order of the routing."""
    found: dict[int, dict[str, ManufacturingOperation]] = {order.id or 0: {} for order in orders}
    ids = sorted(found)
    for first in range(0, len(ids), 500):
        query = (
            select(ManufacturingOperation)
            .where(ManufacturingOperation.company_id == plant.company_id)
            .where(col(ManufacturingOperation.order_id).in_(ids[first : first + 500]))
            .order_by(col(ManufacturingOperation.order_id), col(ManufacturingOperation.position))
            .execution_options(populate_existing=True)
        )
        for row in session.exec(query).all():
            found[row.order_id][row.operation] = row
    return found


def _without_what_was_taken(order: WorkOrder, rows: dict[str, ManufacturingOperation]) -> WorkOrder:
    """A started operation took its materials out of stock: it needs none any more."""
    prefix = len(order.id) + 1
    if all(row.state == OperationState.PLANNED for row in rows.values()):
        return order
    return replace(order, operations=tuple(
        operation if rows[operation.id[prefix:]].state == OperationState.PLANNED else replace(operation, materials=())
        for operation in order.operations
    ))


def _horizon(at: datetime, operations: Any) -> tuple[datetime, datetime]:
    """From before the first operation that is still to be made until the horizon, or a month after the last one."""
    first, last = at, at + timedelta(days=options().horizon_days)
    for row in operations:
        if row.state == OperationState.PLANNED:
            first = min(first, row.starts_at)
            last = max(last, row.ends_at + timedelta(days=30))
    midnight = first.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=1)
    return midnight, last


def engine_now(at: datetime | None = None) -> Second:
    """The next full minute: nothing new starts earlier, and all of a minute's questions have one answer."""
    return Second((second(at or utc_now()) // 60 + 1) * 60)
