"""What work a variant is in a plant, and when it would be done there; each is worked out once and kept."""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import replace
from operator import is_

from catalog.dependence import operations_asking
from catalog.explode import NotMakeable, explode, order_beside
from catalog.manufacturing import ManufacturingContent
from catalog.memo import Memo
from catalog.offer import Offer
from catalog.reckon import Reckoning
from configurator.planning.books import PlantBook
from solver.configuration.problem import Variant
from solver.scheduling.book import NoRoom, Promise
from solver.scheduling.problem import InvalidProblem, Operation, Second, WorkOrder

ASKED = "?"  # the id of a work order that nobody has ordered yet
NOBODYS = -1  # the version of a book that is no plant's

_NOT_MAKEABLE = "not makeable"
_work_orders: Memo[WorkOrder | str] = Memo(8192)
_same_orders: Memo[WorkOrder] = Memo(4096)
_same_operations: Memo[Operation] = Memo(16384)
_cut_orders: Memo[tuple[WorkOrder, ManufacturingContent, WorkOrder | None]] = Memo(4096)
_quotes: Memo[tuple[WorkOrder, Promise | NoRoom]] = Memo(8192)


def exploded(
    offer: Offer, asked: Variant | Reckoning, plant: PlantBook, content: ManufacturingContent | None = None
) -> WorkOrder | None:
    """The variant's work order in this plant, the same object for the same work; None if the plant cannot make it.

    `content`: the part of its routing that the plant is to do (None: all of it); None too if nothing of it is needed.
    """
    reckoned = asked if isinstance(asked, Reckoning) else Reckoning(offer.problem, asked)
    key = (
        offer.company_id, offer.product_revision_id, offer.manufacturing_revision_id, plant.generation,
        () if content is None else tuple(row.operation for row in content.routing), reckoned.said,
    )
    kept = _work_orders.get(key)
    if kept is None:
        kept = _work_orders.put(key, _explode(offer, reckoned, plant, content))
    return None if isinstance(kept, str) else kept


def _explode(
    offer: Offer, asked: Reckoning, plant: PlantBook, content: ManufacturingContent | None
) -> WorkOrder | str:
    made = offer.manufacturing if content is None else content
    near = exploded(offer, asked.nearby, plant, content) if asked.nearby is not None else None
    try:
        if near is None:
            order = explode(
                made, offer.problem, asked.variant, plant.facts, order_id=ASKED, release=Second(0),
                due=Second(0), asked=asked,
            ).work_order
        else:
            asking = operations_asking(made, offer.problem)
            touched = frozenset(one for name in asked.changed for one in asking.get(name, ()))
            if not touched:
                return near
            order = order_beside(made, asked, plant.facts, near, touched)
    except NotMakeable:
        return _NOT_MAKEABLE
    except InvalidProblem:
        if content is None:
            raise
        return _NOT_MAKEABLE  # the variant needs nothing of it
    return same_order(order, near)


def exploded_part(
    offer: Offer, asked: Variant | Reckoning, plant: PlantBook, content: ManufacturingContent
) -> WorkOrder | None:
    """What this plant would do of a variant's routing if it did only `content`; None if it cannot, or nothing is."""
    whole = exploded(offer, asked, plant)
    if whole is None:  # the plant lacks something for the other operations, maybe
        return exploded(offer, asked, plant, content)
    key = id(whole), id(content)  # of objects that are kept: their ids are nobody else's
    kept = _cut_orders.get(key)
    if kept is None or kept[0] is not whole or kept[1] is not content:
        kept = _cut_orders.put(key, (whole, content, _cut(whole, {row.operation for row in content.routing})))
    return kept[2]


def _cut(whole: WorkOrder, operations: Set[str]) -> WorkOrder | None:
    """The order with these of its operations, which wait for nothing but each other."""
    prefix = len(whole.id) + 1
    cut = tuple(
        replace(one, predecessors=tuple(b for b in one.predecessors if b.operation[prefix:] in operations))
        for one in whole.operations if one.id[prefix:] in operations
    )
    return same_order(replace(whole, operations=cut)) if cut else None


def same_order(order: WorkOrder, near: WorkOrder | None = None) -> WorkOrder:
    """The object that stands for all orders of the same work: what is found for one is known for all.

    `near`: such an object, which shares operations with the order.
    """
    shared = () if near is None else set(map(id, near.operations))
    operations = tuple(one if id(one) in shared else _same_operation(one) for one in order.operations)
    # Of operations that are kept with the order: their ids are nobody else's.
    key = (order.id, order.release, order.due, order.promise, order.weight, *map(id, operations))
    found = _same_orders.get(key)
    if found is None:
        known = all(map(is_, operations, order.operations))
        found = _same_orders.put(key, order if known else replace(order, operations=operations))
    return found


def _same_operation(operation: Operation) -> Operation:
    return _same_operations.get(operation) or _same_operations.put(operation, operation)


def quoted(plant: PlantBook, orders: Sequence[WorkOrder], start: Second) -> dict[int, Promise | None]:
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
