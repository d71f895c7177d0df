"""What a partner has posted of its plant's free capacity, as it is read: what is free, and what of it is ours."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import orjson
from sqlmodel import Session, col, select

from catalog.factory import Plant, line_key, lines_of, material_key, materials_of
from configurator.planning.models import PartnerCapacity, ScheduleEvent
from configurator.planning.records import placements_from
from solver.scheduling.capacity import FreeCapacity, problem_of
from solver.scheduling.problem import Fixing, OperationId, Placement, SchedulingProblem, Second, WorkOrder

Accounted = Mapping[str, tuple[Placement, ...]]  # number of an order of ours -> where the partner makes its operations
NO_LONGER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Posted:
    """The last post of a plant. `good_until`: when it is outdated.

    `accounted`: which of our orders what is free is beside of. `settled`: those of them whose place we have not changed
    since the partner saw it, so that their materials are not in what is free either.
    """

    valid_at: datetime
    good_until: datetime
    capacity: FreeCapacity
    accounted: Accounted
    settled: frozenset[str]

    def problem(
        self, orders: Iterable[WorkOrder], fixed: Mapping[OperationId, tuple[Fixing, Placement]], now: Second
    ) -> tuple[SchedulingProblem, Mapping[OperationId, Placement]]:
        """The plant's problem with our orders; where what is taken stands.

        What the partner has taken into account for us stays ours until its next post, whatever we put there meanwhile.
        """
        problem, taken = problem_of(self.capacity, ours_of(self.accounted))
        own = tuple(_settled(order) if order.id in self.settled else order for order in orders)
        return replace(problem, orders=(*own, *problem.orders), fixed={**fixed, **problem.fixed}, now=now), taken


def _settled(order: WorkOrder) -> WorkOrder:
    return replace(order, operations=tuple(replace(operation, materials=()) for operation in order.operations))


def ours_of(accounted: Accounted) -> dict[str, list[tuple[int, int]]]:
    """Line -> the intervals that the partner has taken into account for us."""
    found: dict[str, list[tuple[int, int]]] = {}
    for places in accounted.values():
        for place in places:
            found.setdefault(place.line, []).append((place.start, place.end))
    return found


def posted(session: Session, plant: Plant) -> Posted | None:
    """What was posted last of a partner's plant; None if nothing was, or if it is no partner's."""
    if plant.capacity_hours is None:
        return None
    row = capacity_row(session, plant)
    if row is None:
        return None
    capacity = FreeCapacity.model_validate_json(orjson.dumps(row.content))
    accounted = {number: placements_from(places) for number, places in row.accounted.items()}
    good_until = row.valid_at + timedelta(hours=plant.capacity_hours)
    changed = changed_since(session, plant, row.accounted_version) if accounted else frozenset()
    return Posted(
        row.valid_at, good_until if _knows(session, plant, capacity) else NO_LONGER, capacity, accounted,
        frozenset(accounted) - changed,
    )


def capacity_row(session: Session, plant: Plant) -> PartnerCapacity | None:
    """The row of the last post of a plant, as it is now."""
    return session.exec(
        select(PartnerCapacity)
        .where(PartnerCapacity.company_id == plant.company_id, PartnerCapacity.plant_id == plant.id)
        .execution_options(populate_existing=True)
    ).one_or_none()


def names_to_post(session: Session, plant: Plant) -> tuple[list[str], list[str]]:
    """The lines and the materials that a post has to state: those of the plant by the present factory file."""
    lines = [str(line_key(plant, line)) for line in lines_of(session, plant)]
    return lines, [str(material_key(plant, material)) for material in materials_of(session, plant)]


def _knows(session: Session, plant: Plant, capacity: FreeCapacity) -> bool:
    """Whether it has every line and material that the plant has."""
    lines, materials = names_to_post(session, plant)
    return {line.id for line in capacity.lines}.issuperset(lines) and {
        one.id for one in capacity.materials
    }.issuperset(materials)


def changed_since(session: Session, plant: Plant, version: int) -> frozenset[str]:
    """Numbers of the orders that got their slots, or other ones, after a version of a plant's schedule."""
    told = session.exec(
        select(ScheduleEvent.data)
        .where(ScheduleEvent.company_id == plant.company_id, ScheduleEvent.plant_id == plant.id)
        .where(col(ScheduleEvent.version) > version)
    ).all()
    found = {data["number"] for data in told if "number" in data}
    return frozenset(found | {key.partition("/")[0] for data in told for key in data.get("moved", {})})
