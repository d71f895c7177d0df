"""When would it be there? A forecast out of the books, and the reservation that turns it into a promise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from time import monotonic
from typing import Any

from sqlalchemy import and_, insert
from sqlmodel import Session, col, select

from catalog.dependence import operations_asking
from catalog.explode import NotMakeable, explode, order_beside
from catalog.factory import Plant
from catalog.offer import Offer
from catalog.reckon import Reckoning
from catalog.uploads import files_of
from configurator import db
from configurator.errors import DateLost, NoDate
from configurator.memo import Memo
from configurator.planning.books import (
    PlantBook,
    Release,
    Reservation,
    apply_placements,
    book_under_lock,
    current_books,
    engine_now,
    next_version,
    remember,
)
from configurator.planning.carriers import CarrierTerms, Delivery, deliver, zone_of
from configurator.planning.models import (
    EventKind,
    ManufacturingOperation,
    ManufacturingOrder,
    OperationState,
)
from configurator.planning.records import (
    instant,
    placements_to_json,
    renamed,
    renamed_placements,
    second,
    work_order_to_json,
)
from configurator.planning.thoughts import Thought, kept_thoughts, thought_key
from solver.configuration.problem import Variant
from solver.scheduling.book import Book, NoRoom, Occupied, Promise
from solver.scheduling.problem import OperationId, Placement, Second, WorkOrder

__all__ = ["Destination", "Forecast", "Reserved", "forecast", "forecast_all", "forecast_each", "reserve", "zone_of"]

ASKED = "?"  # the id of a work order that nobody has ordered yet
AT_ONCE = 16  # variants whose dates are asked for in one call
NOBODYS = -1  # the version of a book that is no plant's


@dataclass(frozen=True, slots=True)
class Destination:
    """Where it is to arrive: country (ISO 3166-1 alpha-2) and IANA zone. `by`: with whom; None: the soonest carrier."""

    country: str
    zone: str
    by: CarrierTerms | None = None


@dataclass(frozen=True, slots=True)
class Forecast:
    """The earliest date by the present schedule; nothing is held yet.

    `completes_at`: end of the last operation. `promise_at`: with the buffer. `dispatch_at`: the carrier's first cut-off
    at or after it. `arrives_on`: date at the ship-to, `carrier_days` counted in transit. `moved`: where operations of
    other orders go to make room, each within its own promise. `at_once`: when it would arrive without the rearrangement
    that a search has found; None: nothing is rearranged.
    """

    plant_id: int
    plant_name: Mapping[str, str]
    plant_zone: str
    completes_at: datetime
    promise_at: datetime
    dispatch_at: datetime
    arrives_on: date
    carrier_code: str
    carrier_name: Mapping[str, str]
    carrier_cutoff: str
    carrier_days: tuple[str, ...]
    transit_days: int
    country: str
    zone: str
    version: int
    work_order: WorkOrder
    placements: tuple[Placement, ...]
    moved: Sequence[Placement] = ()
    at_once: date | None = None

    @property
    def first_date(self) -> date:
        """When it would arrive by the answer at once, as the dates of its options are given."""
        return self.at_once or self.arrives_on

    @property
    def moved_orders(self) -> list[str]:
        """The numbers of the other orders that make room, in order."""
        return sorted({placement.operation.partition("/")[0] for placement in self.moved})


@dataclass(frozen=True, slots=True)
class Reserved:
    """A manufacturing order that has its slots, and the promise that was stored with it."""

    manufacturing_order_id: int
    forecast: Forecast


def forecast(
    offer: Offer, variant: Variant, to: Destination, *, not_before: datetime | None = None,
    now: datetime | None = None,
) -> Forecast:
    """The best of all plants: by arrival, then by completion. Raises NoDate.

    `not_before`: when it is firm at the latest (None: now); nothing of it starts before that and the company's grace.
    """
    books, firm = current_books(offer.company_id), _firm(now, not_before)
    found = _best(books, offer, variant, to, firm)
    thought = kept_thoughts(offer.company_id, [thought_key(offer, variant)])
    found = _thought_over(books, offer, variant, to, firm, found, thought)
    if found is None:
        raise NoDate
    return found


def _firm(now: datetime | None, not_before: datetime | None) -> Second:
    """The first full minute at which something new is firm: from then on its grace is counted."""
    return max(engine_now(now), Second(-(-second(not_before) // 60) * 60) if not_before else Second(0))


def forecast_each(
    offer: Offer, variants: Sequence[Variant], to: Destination, *, seconds: float, now: datetime | None = None,
    nearby: Variant | None = None,
) -> tuple[Forecast | None, ...]:
    """The best of all plants for each variant by itself, None where there is no room; by one state of the books.

    In their order, as many as the time suffices for. `nearby`: one from which they all differ little.
    """
    books, firm, end = current_books(offer.company_id), engine_now(now), monotonic() + seconds
    base = Reckoning(offer.problem, nearby) if nearby is not None else None
    found: list[Forecast | None] = []
    for first in range(0, len(variants), AT_ONCE):
        if monotonic() >= end:
            break
        some = variants[first : first + AT_ONCE]
        asked = [base.beside(one) if base is not None else Reckoning(offer.problem, one) for one in some]
        each = [_dated_each(plant, [exploded(offer, one, plant) for one in asked], to, firm) for plant in books]
        found += (_first(list(forecasts)) for forecasts in zip(*each, strict=True))
    return tuple(found)


def _dated_each(
    plant: PlantBook, orders: Sequence[WorkOrder | None], to: Destination, firm: Second
) -> list[Forecast | None]:
    """The forecast of one plant for each work order (None: it cannot make that), all of them asked for at once."""
    promises = _quoted(plant, [order for order in orders if order is not None], plant.free_from(firm))
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
    firm = _firm(now, not_before)
    thoughts = kept_thoughts(wanted[0][0].company_id, [thought_key(offer, variant) for offer, variant in wanted])
    found: list[Forecast | None] = []
    for count, (offer, variant) in enumerate(wanted):
        one = _best(books, offer, variant, to, firm)
        one = _thought_over(books, offer, variant, to, firm, one, thoughts)
        found.append(one)
        if one is not None:
            place = next(i for i, plant in enumerate(books) if plant.plant_id == one.plant_id)
            books[place] = _beside(books[place], one, count)
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
    asked = Reckoning(offer.problem, variant)
    return _first([_dated_each(plant, [exploded(offer, asked, plant)], to, firm)[0] for plant in books])


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
    """Give the order its slots, in the caller's writing transaction and under the plant's lock.

    If the schedule has moved since `shown`, the order is inserted anew. `not_before`: as of `forecast`. Raises DateLost
    (with the new `arrives_on` in its data) if it would arrive later than `shown.arrives_on`, NoDate if never.
    """
    plant = db.lock_row(session, Plant, shown.plant_id)
    if plant is None or plant.company_id != offer.company_id:
        raise NoDate
    base = book_under_lock(session, plant)
    firm = _firm(None, not_before)
    start = base.free_from(firm)
    found = _still(offer, variant, shown, base, start)
    if found.arrives_on > shown.arrives_on:
        raise DateLost(arrives_on=found.arrives_on)
    found = replace(found, arrives_on=shown.arrives_on)  # what was shown is what is promised
    order = replace(
        renamed(found.work_order, number),
        release=min(start, *(placement.start for placement in found.placements)),  # a search may pull it earlier
        due=Second(int(found.promise_at.timestamp())),
        promise=Second(int(found.dispatch_at.timestamp())),
        weight=priority,
    )
    placements = renamed_placements(found.placements, ASKED, number)
    row = manufacturing_order(offer, order, found, pegging_key)
    row.sent_files = sent_files(offer, variant)
    row.grace_until = instant(firm + 60 * base.margins.grace) if base.margins.grace else None
    session.add(row)
    session.flush()
    assert row.id is not None
    session.execute(insert(ManufacturingOperation), operation_rows(offer, order, placements, row, base))
    next_version(
        session, plant, EventKind.RESERVED, actor_id, number=number, work_order=row.work_order,
        placements=placements_to_json(placements), moved=placements_to_json(found.moved),
    )
    move_others(session, base, found.moved)
    session.flush()
    remember(session, base, Reservation(order, placements, found.moved))
    return Reserved(row.id, replace(found, work_order=order, placements=placements, version=plant.schedule_version))


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
    numbers = sorted({placement.operation.partition("/")[0] for placement in moved})
    operations: dict[OperationId, ManufacturingOperation] = {}
    orders: dict[str, ManufacturingOrder] = {}
    for first in range(0, len(numbers), 500):
        query = (
            select(ManufacturingOperation, ManufacturingOrder)
            .join(ManufacturingOrder, and_(
                col(ManufacturingOrder.id) == ManufacturingOperation.order_id,
                col(ManufacturingOrder.company_id) == plant.company_id,
            ))
            .where(ManufacturingOrder.plant_id == plant.plant_id)
            .where(col(ManufacturingOrder.number).in_(numbers[first : first + 500]))
            .execution_options(populate_existing=True)
        )
        for row, order in session.exec(query).all():
            operations[OperationId(f"{order.number}/{row.operation}")] = row
            orders[order.number] = order
    apply_placements(operations, orders, plant.line_ids, {placement.operation: placement for placement in moved})


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


def dated(
    plant: PlantBook, order: WorkOrder, promise: Promise, to: Destination
) -> Forecast | None:
    """Completion, buffer, carrier; None if no carrier goes there."""
    completes_at = instant(promise.completion)
    promise_at = completes_at + timedelta(minutes=plant.margins.buffer)
    delivery = delivery_to(to, plant.carriers, promise_at, plant.zone)
    if delivery is None:
        return None
    return Forecast(
        plant_id=plant.plant_id, plant_name=plant.name, plant_zone=plant.zone, completes_at=completes_at,
        promise_at=promise_at, version=plant.version, work_order=order, placements=promise.placements,
        moved=promise.moved, **delivery_columns(delivery, to.country),
    )


def redirected(found: Forecast, to: Destination) -> Forecast | None:
    """The same slots with another delivery; None if that does not go there."""
    delivery = delivery_to(to, (), found.promise_at, found.plant_zone)
    return None if delivery is None else replace(found, **delivery_columns(delivery, to.country))


def delivery_to(
    to: Destination, carriers: Sequence[CarrierTerms], ready_at: datetime, plant_zone: str
) -> Delivery | None:
    """The delivery of what is ready then, with whom it is to go or else with the soonest of the plant's carriers."""
    return deliver(carriers if to.by is None else (to.by,), ready_at, plant_zone, to.country, to.zone)


def delivery_columns(delivery: Delivery, country: str) -> dict[str, Any]:
    """What a forecast and a manufacturing order keep of a delivery."""
    carrier = delivery.carrier
    return {
        "dispatch_at": delivery.dispatch_at, "arrives_on": delivery.arrives_on, "carrier_code": carrier.code,
        "carrier_name": carrier.name, "carrier_cutoff": carrier.cutoff, "carrier_days": carrier.working_days,
        "transit_days": carrier.transit_days[country], "country": country, "zone": delivery.zone,
    }


def same_way(promised: Forecast | ManufacturingOrder, plant: PlantBook) -> Destination:
    """Where it went, in the way that was promised; the plant's own carriers have their terms of today."""
    by = None
    if promised.carrier_code not in {carrier.code for carrier in plant.carriers}:
        by = CarrierTerms(
            promised.carrier_code, promised.carrier_name, promised.carrier_cutoff, tuple(promised.carrier_days),
            {promised.country: promised.transit_days},
        )
    return Destination(promised.country, promised.zone, by)


# --- memos ------------------------------------------------------------------------------------------------------------

_NOT_MAKEABLE = "not makeable"
_work_orders: Memo[WorkOrder | str] = Memo(8192)
_same_orders: Memo[WorkOrder] = Memo(4096)
_quotes: Memo[tuple[WorkOrder, Promise | NoRoom]] = Memo(8192)
_entered: Memo[bool] = Memo(1024)


def exploded(offer: Offer, asked: Variant | Reckoning, plant: PlantBook) -> WorkOrder | None:
    """The variant's work order in this plant, the same object for the same work; None if the plant cannot make it."""
    variant = asked.variant if isinstance(asked, Reckoning) else asked
    key = (
        offer.company_id, offer.product_revision_id, offer.manufacturing_revision_id, plant.generation,
        *(tuple(part.items()) for part in (variant.chosen, variant.numbers, variant.texts)),
    )
    kept = _work_orders.get(key)
    if kept is None:
        kept = _work_orders.put(key, _explode(offer, asked, variant, plant))
    return None if isinstance(kept, str) else kept


def _explode(offer: Offer, asked: Variant | Reckoning, variant: Variant, plant: PlantBook) -> WorkOrder | str:
    reckoned = asked if isinstance(asked, Reckoning) else Reckoning(offer.problem, variant)
    near = exploded(offer, reckoned.nearby, plant) if reckoned.nearby is not None else None
    try:
        if near is None:
            order = explode(
                offer.manufacturing, offer.problem, variant, plant.facts, order_id=ASKED, release=Second(0),
                due=Second(0), asked=reckoned,
            ).work_order
        else:
            asking = operations_asking(offer.manufacturing, offer.problem)
            touched = frozenset(one for name in reckoned.changed for one in asking.get(name, ()))
            if not touched:
                return near
            order = order_beside(offer.manufacturing, reckoned, plant.facts, near, touched)
    except NotMakeable:
        return _NOT_MAKEABLE
    return _same_orders.get(order) or _same_orders.put(order, order)


def _quoted(plant: PlantBook, orders: Sequence[WorkOrder], start: Second) -> dict[int, Promise | None]:
    """The earliest end of each by this book, by its id; the same work order in the same minute is looked for once."""
    about = (plant.generation, plant.version, plant.day, start)
    kept = {id(order): _quotes.get((id(order), *about)) for order in orders} if plant.version != NOBODYS else {}
    new = {id(order): order for order in orders if (one := kept.get(id(order))) is None or one[0] is not order}
    for order, answer in zip(new.values(), plant.book.quote_each(tuple(new.values()), not_before=start), strict=True):
        kept[id(order)] = one = order, answer  # with the order, whose id is then nobody else's
        if plant.version != NOBODYS:
            _quotes.put((id(order), *about), one)
    answers = {key: one[1] for key, one in kept.items() if one is not None}
    return {key: None if isinstance(answer, NoRoom) else answer for key, answer in answers.items()}
