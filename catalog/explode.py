"""Configuration -> components and work order: which parts, and which operations on which lines of a plant."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import ceil
from types import MappingProxyType
from typing import TYPE_CHECKING

from catalog.content import Text
from catalog.reckon import Reckoning
from solver.configuration.problem import ConfigurationProblem, GroupId, Variant
from solver.configuration.rules import Exact
from solver.scheduling.problem import (
    FamilyId,
    LineId,
    MaterialId,
    MaterialNeed,
    Mode,
    Operation,
    OperationId,
    PlantId,
    Precedence,
    Running,
    Second,
    WorkOrder,
    WorkOrderId,
)

if TYPE_CHECKING:
    from catalog.manufacturing import BomRow, ManufacturingContent, OperationContent


@dataclass(frozen=True, slots=True)
class LineFact:
    """A line that can do a stage; at 80 % speed it takes 1.25 times the minutes."""

    line: LineId
    speed_percent: int = 100


@dataclass(frozen=True, slots=True)
class PlantFacts:
    """What exploding asks of a plant: lines by stage, and the solver's name of each material it keeps."""

    plant: PlantId
    stages: Mapping[str, tuple[LineFact, ...]]
    materials: Mapping[str, MaterialId]


class NotMakeable(ValueError):
    """The plant lacks a line of the operation's stage, or a material that the operation takes."""

    def __init__(self, operation: str, plant: PlantId, lacks: str) -> None:
        super().__init__(f"{plant} cannot make {operation}: it has no {lacks}.")
        self.operation = operation
        self.plant = plant
        self.lacks = lacks


class BadFormula(ValueError):
    """A bill of materials or routing gives a quantity below 0 or a duration of 0 or less for this variant."""

    def __init__(self, where: str, result: Exact) -> None:
        super().__init__(f"{where}: {result} is not possible.")
        self.where = where
        self.result = result


@dataclass(frozen=True, slots=True)
class Component:
    """A part of one variant; `quantity` in whole units of the material."""

    code: str
    name: Text
    material: str | None
    quantity: int


@dataclass(frozen=True, slots=True)
class Exploded:
    """What it takes to make one variant in one plant."""

    components: tuple[Component, ...]
    work_order: WorkOrder


def explode(
    content: ManufacturingContent,
    problem: ConfigurationProblem,
    variant: Variant,
    plant: PlantFacts,
    *,
    order_id: str,
    release: Second,
    due: Second,
    asked: Reckoning | None = None,
) -> Exploded:
    """Components and work order of a complete, valid variant in `plant`.

    Operation ids are `{order_id}/{operation}`. An operation that this variant does not need is bridged: what comes
    after it waits for what came before it, with the longer of both waits. `asked`: what is worked out already of the
    variant. Raises NotMakeable or BadFormula.
    """
    asked = asked or Reckoning(problem, variant)
    components = components_of(content, asked)
    operations = _operations(content, asked, plant, order_id)
    return Exploded(components, WorkOrder(WorkOrderId(order_id), operations, release, due))


def order_beside(
    content: ManufacturingContent, asked: Reckoning, plant: PlantFacts, near: WorkOrder, touched: frozenset[str]
) -> WorkOrder:
    """The work order of a variant beside another one's in the same plant: only `touched` operations may differ.

    Its id, release and due date are those of `near`. Raises NotMakeable or BadFormula.
    """
    made = {operation.id: operation for operation in near.operations}
    for row in content.routing:
        if row.operation not in touched:
            continue
        key = operation_id(near.id, row.operation)
        if (key in made) != _is_needed(row, asked):  # others wait for something else
            return replace(near, operations=_operations(content, asked, plant, near.id, made, touched))
        if (old := made.get(key)) is not None:
            made[key] = _operation(row, old.id, old.predecessors, asked, plant, content)
    return replace(near, operations=tuple(made.values()))


def _operations(
    content: ManufacturingContent, asked: Reckoning, plant: PlantFacts, order_id: str,
    same: Mapping[OperationId, Operation] = MappingProxyType({}), touched: frozenset[str] | None = None,
) -> tuple[Operation, ...]:
    """The operations that the variant needs; those that are not `touched` (None: all are) as they are in `same`."""
    operations: list[Operation] = []
    before: dict[str, dict[str, int]] = {}  # operation -> what really precedes it -> seconds of wait
    needed: set[str] = set()
    for row in content.routing:
        before[row.operation] = bridged(row, before, needed)
        key = operation_id(order_id, row.operation)
        waits = before[row.operation].items()
        preceding = tuple(Precedence(operation_id(order_id, name), wait) for name, wait in waits)
        if touched is not None and row.operation not in touched:
            made = same.get(key)
            if made is not None:
                needed.add(row.operation)
                operations.append(made if preceding == made.predecessors else replace(made, predecessors=preceding))
        elif _is_needed(row, asked):
            needed.add(row.operation)
            operations.append(_operation(row, key, preceding, asked, plant, content))
    return tuple(operations)


def _is_needed(row: OperationContent, asked: Reckoning) -> bool:
    return row.when is None or asked.holds(row.when)


def components_of(content: ManufacturingContent, asked: Reckoning) -> tuple[Component, ...]:
    """The bill of materials of one variant: rows that hold, quantities rounded up to whole units, zeros left out."""
    return tuple(
        Component(row.component, row.name, row.material, quantity)
        for row in content.bom if (quantity := _quantity(row, asked))
    )


def _quantity(row: BomRow, asked: Reckoning) -> int:
    """In whole units; 0 if the variant has none of it."""
    if row.when is not None and not asked.holds(row.when):
        return 0
    quantity = asked.value(row.quantity)
    if quantity < 0:
        raise BadFormula(row.component, quantity)
    return ceil(quantity)


def operation_id(order_id: str, operation: str) -> OperationId:
    """The solver's name of an order's operation."""
    return OperationId(f"{order_id}/{operation}")


def bridged(row: OperationContent, before: Mapping[str, Mapping[str, int]], needed: set[str]) -> dict[str, int]:
    """What really precedes an operation, with the seconds of wait: what is not `needed` is stepped over."""
    found: dict[str, int] = {}
    for after in row.after:
        wait = 60 * after.wait_minutes
        direct = {after.operation: 0} if after.operation in needed else before[after.operation]
        for operation, earlier in direct.items():
            found[operation] = max(found.get(operation, 0), wait, earlier)
    return found


def _operation(
    row: OperationContent, key: OperationId, preceding: tuple[Precedence, ...], asked: Reckoning, plant: PlantFacts,
    content: ManufacturingContent,
) -> Operation:
    return Operation(
        id=key,
        modes=_modes(row, asked, plant),
        predecessors=preceding,
        family=_family(row, asked.variant),
        running=Running.PAUSES if row.interruptible else Running.WHOLE,
        materials=_materials(row, content, asked, plant),
    )


def _modes(row: OperationContent, asked: Reckoning, plant: PlantFacts) -> tuple[Mode, ...]:
    """One mode a line of each way's stage; seconds = minutes * 60 * 100 / speed, rounded up."""
    found: list[Mode] = []
    for way in row.ways:
        lines = plant.stages.get(way.stage, ())
        minutes = asked.value(way.minutes) if lines else 1
        if minutes <= 0:
            raise BadFormula(row.operation, minutes)
        above, below = 6000 * minutes.numerator, minutes.denominator
        found += (Mode(fact.line, -(-above // (below * fact.speed_percent))) for fact in lines)
    if not found:
        raise NotMakeable(row.operation, plant.plant, " or ".join(way.stage for way in row.ways))
    return tuple(found)


def _family(row: OperationContent, variant: Variant) -> FamilyId | None:
    if row.family_of is not None:
        return FamilyId(next(iter(variant.chosen[GroupId(row.family_of)])))
    return FamilyId(row.family) if row.family is not None else None


def _materials(
    row: OperationContent, content: ManufacturingContent, asked: Reckoning, plant: PlantFacts
) -> tuple[MaterialNeed, ...]:
    totals: dict[MaterialId, int] = {}
    for part in (part for code in row.takes for part in content.bom_of.get(code, ())):
        quantity = _quantity(part, asked)
        if not quantity or part.material is None:
            continue  # nobody counts it
        material = plant.materials.get(part.material)
        if material is None:
            raise NotMakeable(row.operation, plant.plant, part.material)
        totals[material] = totals.get(material, 0) + quantity
    return tuple(MaterialNeed(material, quantity) for material, quantity in totals.items())
