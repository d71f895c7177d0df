"""When would it be there? A forecast out of the books, and the reservation that turns it into a promise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from time import monotonic
from typing import Any

from sqlalchemy import and_, insert, update
from sqlalchemy.orm.util import identity_key
from sqlmodel import Session, SQLModel, col, select

from catalog.factory import Plant
from catalog.memo import Memo
from catalog.offer import Offer
from catalog.reckon import Reckoning
from catalog.split import split_of
from catalog.uploads import files_of
from configurator import db
from configurator.errors import DateLost, NoDate
from configurator.planning.books import (
    PlantBook,
    Release,
    Reservation,
    book_under_lock,
    current_books,
    engine_now,
    lock_plants,
    next_version,
    remember,
)
from configurator.planning.carriers import zone_of
from configurator.planning.forecasts import (
    Destination,
    Forecast,
    dated,
    redirected,
    same_way,
)
from configurator.planning.models import (
    EventKind,
    ManufacturingOperation,
    ManufacturingOrder,
    OperationState,
    Transfer,
)
from configurator.planning.quoting import ASKED, NOBODYS, exploded, quoted
from configurator.planning.records import (
    instant,
    placements_to_json,
    renamed,
    renamed_placements,
    second,
    work_order_to_json,
)
from configurator.planning.splits import split_each, split_forecast
from configurator.planning.thoughts import Thought, kept_thoughts, thought_key
from configurator.planning.transfers import part_number
from solver.configuration.problem import Variant
from solver.scheduling.book import Book, Occupied, Promise
from solver.scheduling.problem import OperationId, Placement, Second, WorkOrder

__all__ = [
    "Destination", "Forecast", "Reserved", "forecast", "forecast_all", "forecast_each", "redirected", "reserve",
    "zone_of",
]

AT_ONCE = 16  # variants whose dates are asked for in one call
_entered: Memo[bool] = Memo(1024)


@dataclass(frozen=True, slots=True)
class Reserved:
    """A manufacturing order that has its slots, and the promise that was stored with it.

    `part_order_id`: the order of what another plant makes for it.
    """

    manufacturing_order_id: int
    forecast: Forecast
    part_order_id: int | None = None

    @property
    def order_ids(self) -> list[int]:
        """All manufacturing orders that make it."""
        return [one for one in (self.manufacturing_order_id, self.part_order_id) if one is not None]


def forecast(
    offer: Offer, variant: Variant, to: Destination, *, not_before: datetime | None = None,
    now: datetime | None = None, books: Sequence[PlantBook] | None = None,
) -> Forecast:
    """The best of all plants: by arrival, then by completion. Raises NoDate.

    `not_before`: when it is firm at the latest (None: now); nothing of it starts before that and the company's grace.
    `books`: those that are current, if they are known.
    """
    books, firm = current_books(offer.company_id) if books is None else books, firm_at(now, not_before)
    found = _best(books, offer, variant, to, firm)
    thought = kept_thoughts(offer.company_id, [thought_key(offer, variant)])
    found = _thought_over(books, offer, variant, to, firm, found, thought)
    if found is None:
        raise NoDate
    return found


def firm_at(now: datetime | None, not_before: datetime | None) -> Second:
    """The first full minute at which something new is firm: from then on its grace is counted."""
    return max(engine_now(now), Second(-(-second(not_before) // 60) * 60) if not_before else Second(0))


def forecast_each(
    offer: Offer, variants: Sequence[Variant], to: Destination, *, seconds: float,
    not_before: datetime | None = None, now: datetime | None = None,
) -> tuple[Forecast | None, ...]:
    """The best of all plants for each variant by itself, None where there is no room; by one state of the books.

    In their order, as many as the time suffices for. Only the days of many that differ little: `arrivals`.
    `not_before`: as of `forecast`.
    """
    books, firm, end = current_books(offer.company_id), firm_at(now, not_before), monotonic() + seconds
    found: list[Forecast | None] = []
    for first in range(0, len(variants), AT_ONCE):
        if monotonic() >= end:
            break
        asked = [Reckoning(offer.problem, one) for one in variants[first : first + AT_ONCE]]
        found += best_each(books, offer, asked, to, firm)
    return tuple(found)


def best_each(
    books: Sequence[PlantBook], offer: Offer, asked: Sequence[Reckoning], to: Destination, firm: Second
) -> list[Forecast | None]:
    """The best of all plants for each: made in one of them, or in two where it arrives earlier so."""
    each = [_dated_each(plant, [exploded(offer, one, plant) for one in asked], to, firm) for plant in books]
    whole = [_first(list(forecasts)) for forecasts in zip(*each, strict=True)]
    return split_each(books, offer, asked, to, firm, whole)


def _dated_each(
    plant: PlantBook, orders: Sequence[WorkOrder | None], to: Destination, firm: Second
) -> list[Forecast | None]:
    """The forecast of one plant for each work order (None: it cannot make that), all of them asked for at once."""
    promises = quoted(plant, [order for order in orders if order is not None], plant.free_from(firm))
    found: dict[int, Forecast | None] = {}  # orders that are the same object have the same forecast
    for order in orders:
        if order is not None and id(order) not in found:
            promise = promises[id(order)]
            found[id(order)] = dated(plant, order, promise, to) if promise is not None else None
    return [None if order is None else found[id(order)] for order in orders]


def forecast_all(
    wanted: Sequence[tuple[Offer, Variant]], to: Destination, *, not_before: datetime | None = None,
    now: datetime | None = None,
) -> tuple[Forecast | None, ...]:
    """The best of all plants for each of several that are wanted together, each beside those before it.

    All offers are of one company. None where there is no room. `not_before`: as of `forecast`.
    """
    if not wanted:
        return ()
    books = list(current_books(wanted[0][0].company_id))
    firm = firm_at(now, not_before)
    thoughts = kept_thoughts(wanted[0][0].company_id, [thought_key(offer, variant) for offer, variant in wanted])
    found: list[Forecast | None] = []
    for count, (offer, variant) in enumerate(wanted):
        one = _best(books, offer, variant, to, firm)
        one = _thought_over(books, offer, variant, to, firm, one, thoughts)
        found.append(one)
        for taken in one.both if one is not None else ():
            place = next(i for i, plant in enumerate(books) if plant.plant_id == taken.plant_id)
            books[place] = _beside(books[place], taken, count)
    return tuple(found)


def _beside(plant: PlantBook, taken: Forecast, count: int) -> PlantBook:
    """The plant's book as if somebody had ordered what was forecast; its version is nobody's."""
    number = f"{ASKED}{count}"
    book = plant.book.copy()
    book.commit(
        replace(renamed(taken.work_order, number), promise=Second(int(taken.dispatch_at.timestamp()))),
        renamed_placements(taken.placements, ASKED, number), taken.moved,
    )
    return replace(plant, book=book, version=NOBODYS)


def _best(
    books: Sequence[PlantBook], offer: Offer, variant: Variant, to: Destination, firm: Second
) -> Forecast | None:
    return best_each(books, offer, [Reckoning(offer.problem, variant)], to, firm)[0]


def _first(found: Sequence[Forecast | None]) -> Forecast | None:
    known = [forecast for forecast in found if forecast is not None]
    return min(known, key=lambda f: (f.arrives_on, f.completes_at, f.plant_id), default=None)


def _thought_over(
    books: Sequence[PlantBook], offer: Offer, variant: Variant, to: Destination, firm: Second, found: Forecast | None,
    thoughts: Sequence[Thought],
) -> Forecast | None:
    """What was found at once, or what a search has found that arrives earlier and is still possible."""
    for thought in thoughts:
        plant = next((p for p in books if p.plant_id == thought.plant_id and p.version != NOBODYS), None)
        if plant is None or thought.key != thought_key(offer, variant) or not thought.is_ahead(
            plant.free_from(firm), plant.book.now
        ):
            continue
        order = exploded(offer, variant, plant)
        if order is None or not _still_enters(plant, order, thought):
            continue
        promise = Promise(order, thought.placements, max(p.end for p in thought.placements), thought.moved)
        earlier = dated(plant, order, promise, to)
        if found is not None and earlier is not None and earlier.arrives_on < found.arrives_on:
            found = replace(earlier, at_once=found.first_date)
    return found


def _still_enters(plant: PlantBook, order: WorkOrder, thought: Thought) -> bool:
    """Whether what was thought of one book can be written into this one, which may be a later one."""
    key = (thought.id, plant.generation, plant.version, plant.day, order)
    kept = _entered.get(key)
    return _entered.put(key, enters(plant.book, order, thought.placements, thought.moved)) if kept is None else kept


def enters(book: Book, order: WorkOrder, placements: Sequence[Placement], moved: Sequence[Placement]) -> bool:
    """Whether a book has room for an order at these places, others going to theirs. It is not changed."""
    try:
        book.copy().commit(replace(order, release=min(p.start for p in placements)), placements, moved)
    except (Occupied, KeyError):
        return False
    return True


def reserve(
    session: Session,
    offer: Offer,
    variant: Variant,
    shown: Forecast,
    *,
    pegging_key: str,
    number: str,
    priority: int = 1,
    actor_id: int | None = None,
    not_before: datetime | None = None,
) -> Reserved:
    """Give the order its slots, in the caller's writing transaction and under the locks of its plants: all or none.

    If the schedule has moved since `shown`, the order is inserted anew. `not_before`: as of `forecast`. Raises DateLost
    (with the new `arrives_on` in its data) if it would arrive later than `shown.arrives_on`, NoDate if never.
    """
    plants = lock_plants(session, shown.plant_ids)
    if len(plants) < len(shown.plant_ids) or any(plant.company_id != offer.company_id for plant in plants.values()):
        raise NoDate
    bases = {plant_id: book_under_lock(session, plant) for plant_id, plant in plants.items()}
    if any(base.is_outdated for base in bases.values()):
        raise NoDate
    firm = firm_at(None, not_before)
    here = bases[shown.plant_id]
    if shown.part is None:
        found = _still(offer, variant, shown, here, here.free_from(firm))
    else:
        found = _still_split(offer, variant, shown, bases, firm)
    if found.arrives_on > shown.arrives_on:
        raise DateLost(arrives_on=found.arrives_on)
    found = replace(found, arrives_on=shown.arrives_on)  # what was shown is what is promised
    writing = _Writing(session, offer, variant, pegging_key, priority, firm, actor_id)
    row, held = writing.slots(plants[found.plant_id], here, found, number)
    if found.part is None:
        return Reserved(row, held)
    there = found.part.forecast
    part_id, part = writing.slots(plants[there.plant_id], bases[there.plant_id], there, part_number(number))
    session.add(Transfer(
        company_id=offer.company_id, part_order_id=part_id, order_id=row, part=found.part.part,
        name=dict(found.part.name), leaves_at=found.part.leaves_at, arrives_at=found.part.arrives_at,
    ))
    session.flush()
    return Reserved(row, replace(held, part=replace(found.part, forecast=part)), part_id)


@dataclass(frozen=True, slots=True)
class _Writing:
    """What the orders of one reservation have in common. `firm`: from when on its grace is counted."""

    session: Session
    offer: Offer
    variant: Variant
    pegging_key: str
    priority: int
    firm: Second
    actor_id: int | None

    def slots(self, plant: Plant, base: PlantBook, found: Forecast, number: str) -> tuple[int, Forecast]:
        """One order's row, its operations, one event, and what moves for it; its id and what it has now."""
        session, offer = self.session, self.offer
        order = replace(
            renamed(found.work_order, number),
            # a search may pull it earlier
            release=min(base.free_from(self.firm), *(placement.start for placement in found.placements)),
            due=second(found.promise_at), promise=second(found.dispatch_at), weight=self.priority,
        )
        placements = renamed_placements(found.placements, ASKED, number)
        row = manufacturing_order(offer, order, found, self.pegging_key)
        row.sent_files = sent_files(offer, self.variant)
        row.grace_until = instant(self.firm + 60 * base.margins.grace) if base.margins.grace else None
        session.add(row)
        session.flush()
        session.execute(insert(ManufacturingOperation), operation_rows(offer, order, placements, row, base))
        next_version(
            session, plant, EventKind.RESERVED, self.actor_id, number=number, work_order=row.work_order,
            placements=placements_to_json(placements), moved=placements_to_json(found.moved),
        )
        move_others(session, base, found.moved)
        session.flush()
        remember(session, base, Reservation(order, placements, found.moved))
        return db.id_of(row), replace(found, work_order=order, placements=placements, version=plant.schedule_version)


def _still(offer: Offer, variant: Variant, shown: Forecast, plant: PlantBook, start: Second) -> Forecast:
    """What was shown, if nothing has changed; else the order inserted anew, or as shown where that is earlier."""
    ahead = is_ahead(shown, start)
    if plant.version == shown.version and ahead:
        return shown
    order = exploded(offer, variant, plant)
    promise = plant.book.quote(order, not_before=start) if order is not None else None
    found = None
    if order is not None and isinstance(promise, Promise):
        found = dated(plant, order, promise, same_way(shown, plant))
    later = found is None or found.arrives_on > shown.arrives_on
    if later and ahead and order is not None and enters(plant.book, order, shown.placements, shown.moved):
        return replace(shown, version=plant.version, work_order=order)
    if found is None:
        raise NoDate
    return found


def _still_split(
    offer: Offer, variant: Variant, shown: Forecast, bases: Mapping[int, PlantBook], firm: Second
) -> Forecast:
    """The same for an order that two plants make: both as shown, or both anew."""
    assert shown.part is not None
    made = shown.part.forecast
    here, there = bases[shown.plant_id], bases[made.plant_id]
    ahead = is_ahead(shown, here.free_from(firm)) and is_ahead(made, there.free_from(firm))
    if ahead and (here.version, there.version) == (shown.version, made.version):
        return shown
    split = split_of(offer.manufacturing, shown.part.part)
    found = split_forecast(offer, Reckoning(offer.problem, variant), split, there, here, same_way(shown, here), firm)
    if (found is None or found.arrives_on > shown.arrives_on) and ahead and all(
        enters(base.book, one.work_order, one.placements, one.moved) for base, one in ((here, shown), (there, made))
    ):
        made = replace(made, version=there.version)
        return replace(shown, version=here.version, part=replace(shown.part, forecast=made))
    if found is None:
        raise NoDate
    return found


def is_ahead(shown: Forecast, start: Second) -> bool:
    """Whether time has not gone past what was shown: the order from `start` on, the others from now on."""
    now = engine_now()
    return all(p.start >= start for p in shown.placements) and all(p.start >= now for p in shown.moved)


def leave(session: Session, plant: Plant, numbers: Sequence[str], actor_id: int | None) -> None:
    """The orders of these numbers are no longer in a locked plant's schedule; their rows are left to the caller."""
    base, change = book_under_lock(session, plant), Release(tuple(numbers))
    moved = change.enter(base.book.copy())
    move_others(session, base, moved)
    next_version(
        session, plant, EventKind.RELEASED, actor_id, numbers=list(numbers), moved=placements_to_json(moved)
    )
    remember(session, base, change)


def move_others(session: Session, plant: PlantBook, moved: Sequence[Placement]) -> None:
    """Write where operations of other orders go, and when these orders are then complete."""
    places = {placement.operation: placement for placement in moved}
    numbers = sorted({operation.partition("/")[0] for operation in places})
    operations: list[dict[str, Any]] = []
    completes: dict[int, datetime] = {}
    for first in range(0, len(numbers), 500):
        query = (
            select(  # type: ignore[call-overload]  # of five columns
                ManufacturingOperation.id, ManufacturingOperation.operation, ManufacturingOperation.ends_at,
                ManufacturingOperation.order_id, ManufacturingOrder.number,
            )
            .join(ManufacturingOrder, and_(
                col(ManufacturingOrder.id) == ManufacturingOperation.order_id,
                col(ManufacturingOrder.company_id) == plant.company_id,
            ))
            .where(ManufacturingOrder.plant_id == plant.plant_id)
            .where(col(ManufacturingOrder.number).in_(numbers[first : first + 500]))
        )
        for operation_id, code, ends_at, order_id, number in session.execute(query):
            if (place := places.pop(OperationId(f"{number}/{code}"), None)) is not None:
                ends_at = instant(place.end)
                operations.append({
                    "id": operation_id, "line_id": plant.line_ids[place.line], "starts_at": instant(place.start),
                    "ends_at": ends_at,
                })
            completes[order_id] = max(ends_at, completes.get(order_id, ends_at))
    if places:
        raise KeyError(*places)
    _update_rows(session, ManufacturingOperation, operations)
    _update_rows(
        session, ManufacturingOrder, [{"id": key, "completes_at": at} for key, at in completes.items()]
    )


def _update_rows(session: Session, table: type[SQLModel], rows: Sequence[dict[str, Any]]) -> None:
    """Write into many rows at once; those that the session knows are read anew when they are next looked at."""
    if not rows:
        return
    session.execute(update(table), rows)
    for row in rows:
        if (known := session.identity_map.get(identity_key(table, row["id"]))) is not None:
            session.expire(known)


def manufacturing_order(offer: Offer, order: WorkOrder, found: Forecast, pegging_key: str) -> ManufacturingOrder:
    """The row of an order that has this forecast as its promise."""
    return ManufacturingOrder(
        company_id=offer.company_id, plant_id=found.plant_id, number=str(order.id), pegging_key=pegging_key,
        product_name=offer.product.name.canonical(), manufacturing_revision_id=offer.manufacturing_revision_id,
        priority=order.weight, release_at=instant(order.release), due_at=instant(order.due),
        promise_at=found.promise_at, dispatch_at=found.dispatch_at, arrives_on=found.arrives_on,
        carrier_code=found.carrier_code, carrier_name=dict(found.carrier_name), carrier_cutoff=found.carrier_cutoff,
        carrier_days=list(found.carrier_days), transit_days=found.transit_days, country=found.country, zone=found.zone,
        completes_at=found.completes_at, work_order=work_order_to_json(order),
    )


def sent_files(offer: Offer, variant: Variant) -> list[dict[str, Any]]:
    """The files of a variant, as its manufacturing order keeps them for the floor."""
    files = files_of(offer.product, variant)
    return [{"question": content.name.canonical(), "answer": file.answer} for content, file in files]


def operation_rows(
    offer: Offer, order: WorkOrder, placements: tuple[Placement, ...], row: ManufacturingOrder, plant: PlantBook
) -> list[dict[str, Any]]:
    """The rows of the operations of an order that these placements place, for one bulk insert."""
    names = {content.operation: content.name.canonical() for content in offer.manufacturing.routing}
    at = {placement.operation: placement for placement in placements}
    prefix = len(order.id) + 1
    return [
        {
            "company_id": row.company_id, "order_id": row.id, "plant_id": row.plant_id,
            "line_id": plant.line_ids[at[operation.id].line], "position": position,
            "operation": operation.id[prefix:], "name": names[operation.id[prefix:]], "family": operation.family,
            "starts_at": instant(at[operation.id].start), "ends_at": instant(at[operation.id].end),
            "state": OperationState.PLANNED.value, "pinned": False,
            "needs": {need.material.partition("/")[2]: need.quantity for need in operation.materials},
        }
        for position, operation in enumerate(order.operations)
        if operation.id in at
    ]
