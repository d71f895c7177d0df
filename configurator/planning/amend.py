"""An order that is made differently, or not at all: its slots are replaced or given back, under the plant's lock.

What has begun, is frozen or pinned stays as and where it is; everything else of the order is placed anew in the book
without the order's own load. An order of which nothing stays may go to another plant.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import delete
from sqlmodel import Session, col, select

from catalog.factory import Plant
from catalog.offer import Offer
from catalog.reckon import Reckoning
from catalog.split import split_of
from configurator import db
from configurator.errors import DateLost, NoDate, NotFound, Outdated
from configurator.planning.books import (
    PlantBook,
    book_under_lock,
    current_books,
    engine_now,
    frozen_seconds,
    next_version,
)
from configurator.planning.decoupling import Standing, locked_plants, refuse_locked, standing, touched_by, whole_window
from configurator.planning.forecasts import Forecast, PartForecast, dated, same_way
from configurator.planning.models import (
    EventKind,
    ManufacturingOperation,
    ManufacturingOrder,
    OrderState,
    Transfer,
    move,
)
from configurator.planning.promise import (
    is_ahead,
    leave,
    manufacturing_order,
    move_others,
    operation_rows,
    sent_files,
)
from configurator.planning.quoting import ASKED, exploded, exploded_part
from configurator.planning.records import (
    placements_to_json,
    renamed,
    renamed_placements,
    second,
)
from configurator.planning.splits import released
from configurator.planning.transfers import forget_transfers, with_parts
from solver.configuration.problem import Variant
from solver.scheduling.book import Book, Lack, NoRoom, Promise
from solver.scheduling.check import Rule, violations
from solver.scheduling.problem import (
    Fixing,
    LineId,
    OperationId,
    Placement,
    SchedulingProblem,
    Second,
    WorkOrder,
    WorkOrderId,
)
from solver.scheduling.schedule import Schedule

# What an order keeps when it is made differently.
_KEPT = {
    "id", "company_id", "number", "pegging_key", "state", "priority", "created_at", "finished_at", "grace_until",
    "sent_files",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Amended:
    """An order as it would be made now, by the present schedule; nothing is held yet.

    `forecast`: its dates; the placements are those of the operations that are placed anew, `moved` where others go.
    `staying`: the codes of the operations that stay where they are. `part`: what another plant makes of it, as that
    would be made now, and with which transport; None: it stays as it is, and so does its transport.
    """

    forecast: Forecast
    staying: frozenset[str]
    part: Amended | None = None

    def is_of(self, versions: Mapping[int, int], stands: Standing, starts: Mapping[int, Second]) -> bool:
        """Whether nothing has changed since it was found."""
        found = self.forecast
        mine = (versions[found.plant_id], stands.of(stands.order).staying) == (found.version, self.staying)
        if not mine or not is_ahead(found, starts[found.plant_id]):
            return False
        return self.part is None or stands.part is None or self.part.is_of(versions, stands.of(stands.part), starts)


def amended(
    offer: Offer, old: Variant, new: Variant, manufacturing_order_id: int, *, now: datetime | None = None
) -> Amended:
    """When the order would be there as `new`: the best of all plants, its own one if something of it stays.

    What two plants make stays in both. Raises TooLate if the change touches what can
    no longer be done differently, NoDate, NotFound, and Outdated if the order is cancelled or made at this moment.
    """
    books = current_books(offer.company_id)
    with db.reading_one_view() as session:
        stands = standing(session, offer.company_id, manufacturing_order_id, now=now)
        touched = touched_by(stands, offer, old, new)
        if stands.part is not None:
            found = [_in_two({book.plant_id: book for book in books}, stands, offer, new, touched)]
        else:
            home = [book for book in books if book.plant_id == stands.plant.id or not stands.staying]
            found = [_in_plant(book, stands, exploded(offer, new, book)) for book in home]
    known = [one for one in found if one is not None]
    if not known:
        raise NoDate
    at_home = stands.order.plant_id
    return min(known, key=lambda one: (
        one.forecast.arrives_on, one.forecast.plant_id != at_home, one.forecast.completes_at, one.forecast.plant_id
    ))  # fmt: skip


def amend(
    session: Session,
    offer: Offer,
    old: Variant,
    new: Variant,
    manufacturing_order_id: int,
    shown: Amended,
    *,
    actor_id: int | None = None,
) -> Forecast:
    """Make the order as `new`, in the caller's writing transaction and under its plants' locks; what is promised now.

    If the schedule has moved since `shown`, it is placed anew. Raises TooLate if meanwhile something has begun that the
    change touches, DateLost (`arrives_on`: the new date) if it would arrive later than shown, NoDate, NotFound.
    """
    company_id = offer.company_id
    orders = session.exec(
        select(ManufacturingOrder.plant_id).where(
            ManufacturingOrder.company_id == company_id,
            col(ManufacturingOrder.id).in_(with_parts(session, company_id, [manufacturing_order_id])),
        )
    ).all()
    if not orders:
        raise NotFound(field="manufacturing_order")
    plants = locked_plants(session, company_id, {*orders, shown.forecast.plant_id})
    stands = standing(session, company_id, manufacturing_order_id)
    if not stands.plants.keys() <= plants.keys():  # it has gone to another plant since it was read
        raise DateLost(arrives_on=shown.forecast.arrives_on)
    touched = touched_by(stands, offer, old, new)
    bases = {plant_id: book_under_lock(session, plant) for plant_id, plant in plants.items()}
    if any(base.is_outdated for base in bases.values()):
        raise NoDate
    found = _still(bases, stands, offer, new, shown, touched)
    if found.forecast.arrives_on > shown.forecast.arrives_on:
        raise DateLost(arrives_on=found.forecast.arrives_on)
    held = replace(found.forecast, arrives_on=shown.forecast.arrives_on)  # what was shown is what is promised
    target = plants[held.plant_id]
    if target.id != stands.plant.id:
        leave(session, stands.plant, [stands.order.number], actor_id)
    for one in stands.orders:
        one.sent_files = sent_files(offer, new)
    if found.part is not None and stands.part is not None and stands.transfer is not None:
        if (way := found.forecast.part) is not None:
            stands.transfer.leaves_at, stands.transfer.arrives_at = way.leaves_at, way.arrives_at
        there = plants[stands.part.plant_id]
        _write(session, offer, bases[stands.part.plant_id], there, stands.of(stands.part), found.part, actor_id)
    own = stands.of(stands.order)
    return _write(session, offer, bases[held.plant_id], target, own, replace(found, forecast=held), actor_id)


def release(
    session: Session, company_id: int, manufacturing_order_ids: Sequence[int], *, actor_id: int | None = None
) -> None:
    """Give the orders' slots and materials back, their parts' too, in the caller's transaction and under their locks.

    All or none: raises TooLate if something of one of them has begun, is frozen or pinned; NotFound.
    """
    wanted = with_parts(session, company_id, manufacturing_order_ids)
    orders = session.exec(
        select(ManufacturingOrder)
        .where(ManufacturingOrder.company_id == company_id, col(ManufacturingOrder.id).in_(wanted))
    ).all()
    if len(orders) != len(wanted):
        raise NotFound(field="manufacturing_order")
    plants = locked_plants(session, company_id, (order.plant_id for order in orders))
    all_stand = [standing(session, company_id, db.id_of(order)) for order in orders]
    for stands in all_stand:
        refuse_release(stands)
    for plant_id, plant in plants.items():
        numbers = [stands.order.number for stands in all_stand if stands.order.plant_id == plant_id]
        leave(session, plant, numbers, actor_id)
    forget_transfers(session, company_id, wanted)
    for stands in all_stand:
        session.execute(
            delete(ManufacturingOperation).where(
                col(ManufacturingOperation.company_id) == company_id,
                col(ManufacturingOperation.order_id) == stands.order.id,
            )
        )
        move(stands.order, OrderState.CANCELLED, stands.now)
    session.flush()


def refuse_release(stands: Standing) -> None:
    """Raises TooLate if something of the order can no longer be undone."""
    refuse_locked(whole_window(stands))


# --- finding ----------------------------------------------------------------------------------------------------------


def _in_two(
    books: Mapping[int, PlantBook], stands: Standing, offer: Offer, new: Variant, touched: Set[str]
) -> Amended | None:
    """What two plants make, as `new`: the part only where the change touches it, by the transport that suits it."""
    part, transfer = stands.part, stands.transfer
    assert part is not None and transfer is not None
    split = split_of(offer.manufacturing, transfer.part)
    here, there = books.get(stands.order.plant_id), books.get(part.plant_id)
    if here is None or there is None:
        return None
    joins = split.joins(Reckoning(offer.problem, new))
    rest = exploded_part(offer, new, here, split.here)
    if not joins or rest is None:
        return None
    own = stands.of(stands.order)
    if not touched & set(split.part.operations):
        return _in_plant(here, own, released(rest, joins, Second(second(transfer.arrives_at))))
    made = _in_plant(there, stands.of(part), exploded_part(offer, new, there, split.there))
    if made is None:
        return None
    rests = timedelta(seconds=max(joins.values()))
    found: list[tuple[Amended, PartForecast]] = []
    for leaves_at, arrives_at in _departures(there, here, transfer, made.forecast.promise_at + rests):
        goes_on = _in_plant(here, own, released(rest, joins, Second(second(arrives_at))))
        if goes_on is not None:
            arrives_on = arrives_at.astimezone(ZoneInfo(here.zone)).date()
            sent = replace(made.forecast, dispatch_at=leaves_at - rests, arrives_on=arrives_on)
            found.append((goes_on, PartForecast(transfer.part, transfer.name, sent, leaves_at, arrives_at)))
    if not found:
        return None
    best, way = min(found, key=lambda one: (
        one[0].forecast.arrives_on, one[1].leaves_at != transfer.leaves_at, one[0].forecast.completes_at
    ))  # fmt: skip
    return replace(best, forecast=replace(best.forecast, part=way), part=replace(made, forecast=way.forecast))


def _departures(
    there: PlantBook, here: PlantBook, transfer: Transfer, ready_at: datetime
) -> Iterator[tuple[datetime, datetime]]:
    """When a part that is ready then may leave and arrive: as it would have, if it catches that, and the first one."""
    if ready_at <= transfer.leaves_at:
        yield transfer.leaves_at, transfer.arrives_at
    way = next((one for one in there.transports if one.destination_id == here.plant_id), None)
    leaves_at = way.leaves(ready_at) if way is not None else None
    if way is not None and leaves_at is not None and leaves_at != transfer.leaves_at:
        yield leaves_at, way.arrives(leaves_at)


def _in_plant(base: PlantBook, stands: Standing, whole: WorkOrder | None) -> Amended | None:
    """The order as this work in one plant; None if that plant cannot make it or has no room."""
    if whole is None:
        return None
    start, staying = _start(base, stands), stands.staying
    number = WorkOrderId(stands.order.number)
    promise: Promise | NoRoom
    gone: dict[OperationId, Placement] = {}
    if base.plant_id != stands.order.plant_id:
        promise = base.book.quote(whole, not_before=start)
    elif not base.book.holds(number):
        raise Outdated  # it was made, cancelled, or went to another plant, between two readings
    elif staying:
        promise, gone = _around(base, stands, whole, start)
    else:
        book = base.book.copy()
        gone = dict(book.remove(number))
        promise = book.quote(whole, not_before=start)
    if isinstance(promise, NoRoom):
        return None
    moved = gone | {placement.operation: placement for placement in promise.moved}
    promise = replace(promise, order=whole, moved=tuple(moved.values()))
    found = dated(base, whole, promise, same_way(stands.order, base))
    return Amended(found, staying) if found is not None else None


def _start(base: PlantBook, stands: Standing) -> Second:
    """When something of the order that is made anew may start: during its grace nothing of it is frozen."""
    if stands.order.grace_until is None:
        return engine_now()
    return max(engine_now(), Second(second(stands.order.grace_until) + 60 * base.frozen_minutes))


def _around(
    base: PlantBook, stands: Standing, whole: WorkOrder, start: Second
) -> tuple[Promise | NoRoom, dict[OperationId, Placement]]:
    """The rest of an order of which something stays, and what gives way where the old rest was taken out."""
    number = WorkOrderId(stands.order.number)
    before, problem = base.book.held(number), base.book.problem
    gone = dict(base.book.copy().remove(number))
    stays = {OperationId(f"{number}/{code}") for code in stands.staying}
    if not stays <= before.placements.keys():
        raise Outdated  # it was made differently between two readings
    stub = replace(
        before.order, operations=tuple(operation for operation in before.order.operations if operation.id in stays)
    )
    placed = {
        key: gone.get(key, placement) for key, placement in base.book.placements.items()
        if key in stays or key.partition("/")[0] != number
    }  # fmt: skip
    own = {key: (Fixing.FROZEN, placed[key]) for key in stays}
    problem = replace(
        problem, orders=tuple(stub if order.id == number else order for order in problem.orders),
        fixed=own | {key: entry for key, entry in problem.fixed.items() if key in placed},
    )  # fmt: skip
    ends = max(placed[key].end for key in stays)
    rest = _rest(whole, {key.partition("/")[2]: placed[key].end for key in stays})
    if rest is None:
        return Promise(whole, (), ends), gone
    found = Book(problem, placed, frozen_seconds=frozen_seconds(stands.plant)).quote(rest, not_before=start)
    if isinstance(found, NoRoom):
        return found, gone
    moved = placed | {placement.operation: placement for placement in (*found.moved, *found.placements)}
    lines = {p.line for p in (*before.placements.values(), *found.placements, *found.moved, *gone.values())}
    if not _fits(base, replace(problem, orders=(*problem.orders, rest)), moved, lines):
        return NoRoom(rest.id, rest.operations[0].id, Lack.CAPACITY), gone
    return replace(found, completion=max(found.completion, ends)), gone


def _fits(
    base: PlantBook, problem: SchedulingProblem, placed: Mapping[OperationId, Placement], lines: Set[LineId]
) -> bool:
    """Whether the judge finds nothing on these lines that it does not find in the book already."""

    def faults(of: SchedulingProblem, places: Mapping[OperationId, Placement]) -> set[tuple[Rule, str]]:
        orders = tuple(o for o in of.orders if any(places[operation.id].line in lines for operation in o.operations))
        kept = {operation.id: places[operation.id] for order in orders for operation in order.operations}
        fixed = {key: entry for key, entry in of.fixed.items() if key in kept}
        found = violations(replace(of, orders=orders, fixed=fixed), Schedule(kept))
        return {(fault.kind, fault.subject) for fault in found}

    return not faults(problem, placed) - faults(base.book.problem, base.book.placements)


def _rest(whole: WorkOrder, ends: Mapping[str, Second]) -> WorkOrder | None:
    """What is made anew of an order whose other operations end then; None if nothing is.

    All of it waits for whatever any of it waits for among what stays.
    """
    prefix = len(whole.id) + 1
    release = whole.release
    operations = []
    for operation in whole.operations:
        if operation.id[prefix:] in ends:
            continue
        waits = []
        for before in operation.predecessors:
            end = ends.get(before.operation[prefix:])
            if end is None:
                waits.append(before)
            else:
                release = max(release, Second(end + before.minimum_wait))
        operations.append(replace(operation, predecessors=tuple(waits)))
    return replace(whole, operations=tuple(operations), release=release) if operations else None


def _still(
    bases: Mapping[int, PlantBook], stands: Standing, offer: Offer, new: Variant, shown: Amended, touched: Set[str]
) -> Amended:
    """What was shown, if nothing has changed; else the order placed anew."""
    starts = {plant_id: _start(base, stands) for plant_id, base in bases.items()}
    if shown.is_of({plant_id: base.version for plant_id, base in bases.items()}, stands, starts):
        return shown
    if stands.part is not None:
        anew = _in_two(bases, stands, offer, new, touched)
    else:
        base = bases[shown.forecast.plant_id]
        anew = _in_plant(base, stands, exploded(offer, new, base))
    if anew is None:
        raise NoDate
    return anew


# --- writing ----------------------------------------------------------------------------------------------------------


def _write(
    session: Session,
    offer: Offer,
    base: PlantBook,
    plant: Plant,
    stands: Standing,
    found: Amended,
    actor_id: int | None,
) -> Forecast:
    """The order's own row, its operations, one event, and what moved for it."""
    row, held = stands.order, found.forecast
    whole = replace(
        renamed(held.work_order, row.number),
        release=min(_start(base, stands), *(second(one.starts_at) for one in stands.rows.values()),
                    *(placement.start for placement in held.placements)),
        due=second(held.promise_at), promise=second(held.dispatch_at), weight=row.priority,
    )  # fmt: skip
    placements = renamed_placements(held.placements, ASKED, row.number)
    for name, value in manufacturing_order(offer, whole, held, row.pegging_key).model_dump(exclude=_KEPT).items():
        setattr(row, name, value)
    away = base.plant_id != stands.plant.id
    _replace_operations(session, offer, whole, placements, stands, found.staying, base)
    next_version(
        session, plant, EventKind.RESERVED if away else EventKind.CHANGED, actor_id,
        number=row.number, work_order=row.work_order, placements=placements_to_json(placements),
        instead_of="" if away else row.number, staying=sorted(found.staying), moved=placements_to_json(held.moved),
    )  # fmt: skip
    move_others(session, base, held.moved)
    session.flush()
    return replace(held, work_order=whole, placements=placements, version=plant.schedule_version)


def _replace_operations(
    session: Session, offer: Offer, whole: WorkOrder, placements: tuple[Placement, ...], stands: Standing,
    staying: frozenset[str], base: PlantBook,
) -> None:  # fmt: skip
    """The rows of what stays keep their places; those of what is done differently keep their ids."""
    prefix = len(whole.id) + 1
    needed = [operation.id[prefix:] for operation in whole.operations]
    for code, row in stands.rows.items():
        if code not in needed:
            session.delete(row)
    for code in staying:
        stands.rows[code].position = needed.index(code)
    for values in operation_rows(offer, whole, placements, stands.order, base):
        known = stands.rows.get(values["operation"])
        if known is None:
            session.add(ManufacturingOperation(**values))
            continue
        for name in values.keys() - {"state", "pinned"}:
            setattr(known, name, values[name])
