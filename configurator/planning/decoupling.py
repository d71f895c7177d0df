"""The decoupling point: until when an order's answers can still be changed, by the live schedule.

An operation can be done differently as long as it has not begun, is not pinned and lies beyond the frozen horizon. An
answer can be changed as long as every operation that it touches can.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from flask_babel import lazy_gettext as _l
from sqlmodel import Session, col, select

from catalog.dependence import affected_operations, operations_asking, with_followers
from catalog.explode import BadFormula, NotMakeable, PlantFacts
from catalog.factory import Plant, plant_facts
from catalog.manufacturing import ManufacturingContent
from catalog.offer import Offer
from catalog.rows import utc_now
from configurator.errors import DomainError, NotFound
from configurator.planning.books import lock_plants
from configurator.planning.models import (
    OPEN_ORDERS,
    ManufacturingOperation,
    ManufacturingOrder,
    OperationState,
    Transfer,
)
from solver.configuration.check import answers, is_asked
from solver.configuration.nearest import nearest_completions
from solver.configuration.problem import (
    Choose,
    ConfigurationProblem,
    Decision,
    Enter,
    GroupId,
    OptionGroup,
    OptionId,
    Variant,
)

Words = Mapping[str, str]
_SECONDS = 0.5  # to find the nearest variant with each option


class Lock(StrEnum):
    """Why an operation can no longer be done differently."""

    FINISHED = "finished"
    STARTED = "started"
    FROZEN = "frozen"  # it begins within the frozen horizon
    PINNED = "pinned"  # the planner has fixed its place


class TooLate(DomainError):
    """The change touches an operation that can no longer be done differently.

    `data`: `operation` (its name, zh and en) and `lock`.
    """

    code, status = "too_late", 409
    words = _l("This can no longer be changed: “%(operation)s” has begun or is about to.")

    def message(self) -> str:
        from configurator.i18n import text_of

        return str(self.words) % {"operation": text_of(self.data["operation"])}


@dataclass(frozen=True, slots=True)
class Window:
    """How long something can be changed.

    `until`: the last instant (None: nothing scheduled depends on it); `operation`: the name of the one that decides,
    which begins at `begins_at`; `lock`: why it is over, None while it is not.
    """

    until: datetime | None = None
    begins_at: datetime | None = None
    operation: Words | None = None
    lock: Lock | None = None

    @property
    def open(self) -> bool:
        return self.lock is None


@dataclass(frozen=True, slots=True)
class Standing:
    """A manufacturing order as it stands in the present schedule. `rows`: by operation code.

    `part`: the order of what another plant makes of it, whose operations are among the rows; `transfer`: the way that
    goes. `plants`: those of both, by their ids.
    """

    order: ManufacturingOrder
    rows: Mapping[str, ManufacturingOperation]
    plant: Plant
    facts: PlantFacts
    now: datetime
    plants: Mapping[int, Plant]
    part: ManufacturingOrder | None = None
    transfer: Transfer | None = None

    @property
    def orders(self) -> list[ManufacturingOrder]:
        """The order, and that of its part."""
        return [self.order] if self.part is None else [self.order, self.part]

    def of(self, order: ManufacturingOrder) -> Standing:
        """One of its two orders by itself."""
        mine = {code: row for code, row in self.rows.items() if row.order_id == order.id}
        return replace(self, order=order, rows=mine, plant=self.plants[order.plant_id], part=None, transfer=None)

    def lock_of(self, row: ManufacturingOperation) -> Lock | None:
        """Why this operation cannot be done differently any more."""
        if row.state == OperationState.FINISHED:
            return Lock.FINISHED
        if row.state == OperationState.STARTED:
            return Lock.STARTED
        if row.starts_at < self.now + timedelta(minutes=self.plants[row.plant_id].frozen_minutes):
            return Lock.FROZEN
        return Lock.PINNED if row.pinned else None

    @property
    def staying(self) -> frozenset[str]:
        """The operations that stay as and where they are."""
        return frozenset(code for code, row in self.rows.items() if self.lock_of(row) is not None)

    @property
    def hemmed_in(self) -> ManufacturingOperation | None:
        """A pinned operation that waits for one that may still move: then nothing of the order is made anew."""
        staying = self.staying
        for operation in (one for order in self.orders for one in order.work_order["operations"]):
            if operation["id"] in staying and any(before not in staying for before, _ in operation["after"]):
                return self.rows[operation["id"]]
        return None


def standing(
    session: Session, company_id: int, manufacturing_order_id: int, *, now: datetime | None = None
) -> Standing:
    """The order as its rows have it now, read afresh; raises NotFound."""
    order = session.get(ManufacturingOrder, manufacturing_order_id, populate_existing=True)
    if order is None or order.company_id != company_id:
        raise NotFound(field="manufacturing_order")
    transfer = session.exec(
        select(Transfer).where(Transfer.company_id == company_id, Transfer.order_id == order.id)
        .execution_options(populate_existing=True)
    ).first()
    part = None
    if transfer is not None:
        part = session.get_one(ManufacturingOrder, transfer.part_order_id, populate_existing=True)
    orders = [order, *([part] if part is not None else [])]
    rows = session.exec(
        select(ManufacturingOperation)
        .where(ManufacturingOperation.company_id == company_id)
        .where(col(ManufacturingOperation.order_id).in_([one.id for one in orders]))
        .execution_options(populate_existing=True)
    ).all()
    plants = {one.plant_id: session.get_one(Plant, one.plant_id) for one in orders}
    return Standing(
        order, {row.operation: row for row in rows}, plants[order.plant_id], _facts(session, plants, order.plant_id),
        now or utc_now(), plants, part, transfer,
    )


def _facts(session: Session, plants: Mapping[int, Plant], home: int) -> PlantFacts:
    """What the plants can do together, to compare what would be done: the home plant's lines where it has them."""
    facts = [plant_facts(session, plants[key]) for key in sorted(plants, key=lambda key: key != home)]
    stages = {stage: lines for one in reversed(facts) for stage, lines in one.stages.items()}
    materials = {code: key for one in reversed(facts) for code, key in one.materials.items()}
    return PlantFacts(facts[0].plant, stages, materials)


@dataclass(frozen=True, slots=True)
class Windows:
    """How long each question (group, parameter, text) and each option that is not chosen can be changed.

    `questions`, `options`: by what asks them alone. `with_others`: the questions with all that has to change beside
    them, as little as that is. `whole`: of the order, which can be cancelled as long as nothing of it has begun.
    """

    questions: Mapping[str, Window]
    options: Mapping[tuple[GroupId, OptionId], Window]
    whole: Window
    with_others: Mapping[str, Window] = field(default_factory=dict)

    def locked(self, problem: ConfigurationProblem, variant: Variant) -> Iterator[Decision]:
        """Everything that can no longer be changed in an order that is made as `variant`, as decisions."""
        there = answers(problem, variant)
        for group in problem.groups:
            if not is_asked(group.when, there):
                continue
            whole = not self.questions[group.id].open
            for option in group.options:
                chosen = option in variant.chosen[group.id]
                window = self.options.get((group.id, option))
                over = whole or (window is not None and not window.open)
                if over and (chosen or not (whole and group.exactly_one)):
                    yield Choose(group.id, option, chosen)
        for parameter in problem.parameters:
            if not self.questions[parameter.id].open and is_asked(parameter.when, there):
                yield Enter(parameter.id, variant.numbers[parameter.id])


def windows(now: Standing, offer: Offer, variant: Variant) -> Windows:
    """The windows of every question of the order that is made as `variant`.

    An option is judged by what would be done differently with it and everything else as it is; a group's window is that
    of the option that can be chosen for longest; a number's or text's is that of the operations that ask it.
    """
    content, asking = offer.manufacturing, operations_asking(offer.manufacturing, offer.problem)
    options: dict[tuple[GroupId, OptionId], Window] = {}
    questions: dict[str, Window] = {}
    for group in offer.problem.groups:
        asked = asking.get(group.id, frozenset()) or frozenset(now.rows)
        for option in group.options:
            if option not in variant.chosen[group.id] or not group.exactly_one:
                touched = _touched(now, offer, variant, group, option) or asked
                options[group.id, option] = window_of(now, content, touched)
        mine = [window for (its, _), window in options.items() if its == group.id]
        questions[group.id] = max(mine, key=_lasting) if mine else window_of(now, content, asked)
    for name in (*(p.id for p in offer.problem.parameters), *(text.id for text in offer.product.texts)):
        questions[name] = window_of(now, content, asking.get(name, frozenset()) or now.rows)
    alone = Windows(questions, options, whole_window(now))
    return replace(alone, with_others=_with_others(now, offer, variant, alone))


def _with_others(now: Standing, offer: Offer, variant: Variant, alone: Windows) -> dict[str, Window]:
    """The windows of the groups whose options cannot be changed by themselves: those of their nearest variants."""
    found: dict[str, list[Window]] = {}
    locked = tuple(alone.locked(offer.problem, variant))
    for (group, _option), changes in nearest_completions(offer.compiled, locked, variant, seconds=_SECONDS).items():
        if alone.questions[group].open:
            touched = _differing(now, offer, variant, changes.of(variant)) or frozenset(now.rows)
            found.setdefault(group, []).append(window_of(now, offer.manufacturing, touched))
    longest = {group: max(mine, key=_lasting) for group, mine in found.items()}
    return {group: window for group, window in longest.items() if window.open}


def _lasting(window: Window) -> tuple[bool, float]:
    return window.open, window.until.timestamp() if window.until is not None else float("inf")


def _touched(
    now: Standing, offer: Offer, variant: Variant, group: OptionGroup, option: OptionId
) -> frozenset[str]:
    """What would be done differently with only this option changed; nothing if that alone cannot be made."""
    before = variant.chosen[group.id]
    chosen = frozenset((option,)) if group.single and option not in before else before ^ {option}
    other = Variant({**variant.chosen, group.id: chosen}, variant.numbers, variant.texts)
    return _differing(now, offer, variant, other)


def _differing(now: Standing, offer: Offer, variant: Variant, other: Variant) -> frozenset[str]:
    """What would be done differently for another variant; nothing if that cannot be made."""
    try:
        return affected_operations(offer.manufacturing, offer.problem, variant, other, now.facts)
    except (NotMakeable, BadFormula, ArithmeticError, StopIteration):
        return frozenset()


def window_of(now: Standing, content: ManufacturingContent, operations: Iterable[str]) -> Window:
    """How long these operations can all be done differently, added or left out.

    One that the order does not have yet would stand before what follows it in the routing.
    """
    hemmed = now.hemmed_in
    deciding = set() if hemmed is None else {hemmed.operation}
    for operation in operations:
        deciding |= {operation} if operation in now.rows else with_followers(content, operation) & now.rows.keys()
    return whole_window(now) if now.order.state not in OPEN_ORDERS else _first_of(now, deciding)


def whole_window(now: Standing) -> Window:
    """How long all of the order can be undone."""
    return _first_of(now, now.rows)


def _first_of(now: Standing, operations: Iterable[str]) -> Window:
    """The first of these that can no longer be done differently decides, else the first of all."""
    deciding = [now.rows[operation] for operation in operations]
    locked = [row for row in deciding if now.lock_of(row) is not None]
    first = min(locked or deciding, key=lambda row: (row.starts_at, row.position), default=None)
    if first is None:
        return Window()
    until = first.starts_at - timedelta(minutes=now.plants[first.plant_id].frozen_minutes)
    return Window(until, first.starts_at, first.name, now.lock_of(first))


def touched_by(now: Standing, offer: Offer, old: Variant, new: Variant) -> frozenset[str]:
    """The operations that a change touches; raises TooLate if one of them can no longer be done differently.

    Raises NotMakeable or BadFormula if the plant cannot make the new variant.
    """
    touched = affected_operations(offer.manufacturing, offer.problem, old, new, now.facts)
    refuse_locked(window_of(now, offer.manufacturing, touched))
    return touched


def refuse_locked(window: Window) -> None:
    """Raises TooLate if the window is over."""
    if window.lock is not None:
        raise TooLate(operation=window.operation, lock=window.lock.value)


def locked_plants(session: Session, company_id: int, plant_ids: Iterable[int]) -> dict[int, Plant]:
    """Lock these plants in the order of their ids; raises NotFound for one that is not the company's."""
    wanted = set(plant_ids)
    found = lock_plants(session, wanted)
    if wanted - found.keys() or any(plant.company_id != company_id for plant in found.values()):
        raise NotFound(field="plant")
    return found
