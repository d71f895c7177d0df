"""Which operations a choice touches: what would be done differently if one variant became another."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from catalog.explode import Component, PlantFacts, explode
from catalog.manufacturing import ManufacturingContent, OperationContent
from catalog.memo import Memo
from catalog.reckon import changed_questions
from catalog.state import formula_of, names_asked
from solver.configuration.problem import ConfigurationProblem, Variant
from solver.scheduling.problem import Second

# Of each routing, which is kept too: then its id is nobody else's.
_asking: Memo[tuple[ManufacturingContent, Mapping[str, frozenset[str]]]] = Memo(64)


def operations_asking(content: ManufacturingContent, problem: ConfigurationProblem) -> Mapping[str, frozenset[str]]:
    """Group, parameter or text -> operations whose existence, minutes, components or setup family ask it."""
    known = _asking.get(id(content))
    if known is None or known[0] is not content:
        known = _asking.put(id(content), (content, _operations_asking(content, problem)))
    return known[1]


def _operations_asking(
    content: ManufacturingContent, problem: ConfigurationProblem
) -> Mapping[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for row in content.routing:
        for name in _asked_by(row, content, problem):
            found.setdefault(name, set()).add(row.operation)
    return {name: frozenset(operations) for name, operations in found.items()}


def affected_operations(
    content: ManufacturingContent, problem: ConfigurationProblem, old: Variant, new: Variant, plant: PlantFacts
) -> frozenset[str]:
    """The operations of either variant that are done differently for the other one.

    An operation differs in its existence, its seconds on a line, its setup family, its components, or a typed text that
    it asks. A changed answer that leaves no such trace is taken to touch every operation that asks it, and every
    operation of both variants if none does: nothing says where it is made. Raises NotMakeable or BadFormula.
    """
    before, after = (_done(content, problem, variant, plant) for variant in (old, new))
    everything = before.keys() | after.keys()
    found = {operation for operation in everything if before.get(operation) != after.get(operation)}
    asking = operations_asking(content, problem)
    traced = frozenset(found)
    for name in changed_questions(old, new):
        operations = asking.get(name, frozenset()) & everything
        if name in old.texts or name in new.texts or not operations & traced:
            found |= operations or everything
    return frozenset(found)


def with_followers(content: ManufacturingContent, operation: str) -> frozenset[str]:
    """The operation and all that come after it in the routing, at once or later."""
    found = {operation}
    for row in content.routing:  # whatever a row comes after stands before it
        if any(after.operation in found for after in row.after):
            found.add(row.operation)
    return frozenset(found)


def _asked_by(row: OperationContent, content: ManufacturingContent, problem: ConfigurationProblem) -> Iterable[str]:
    formulas = [way.minutes for way in row.ways]
    formulas += [row.when] if row.when is not None else []
    for part in content.bom:
        if part.component in row.takes:
            formulas += [part.quantity, *([part.when] if part.when is not None else [])]
    asked = names_asked(problem, *(formula_of(problem, formula) for formula in formulas))
    return asked | {row.family_of} if row.family_of is not None else asked


def _done(
    content: ManufacturingContent, problem: ConfigurationProblem, variant: Variant, plant: PlantFacts
) -> dict[str, Any]:
    """Operation -> what is done, comparable; when it is done is left out."""
    exploded = explode(content, problem, variant, plant, order_id="", release=Second(0), due=Second(0))
    takes = {row.operation: row.takes for row in content.routing}
    return {
        (code := operation.id.removeprefix("/")): (
            operation.modes, operation.family, operation.running, _taken(takes[code], exploded.components),
        )
        for operation in exploded.work_order.operations
    }


def _taken(takes: Iterable[str], components: Iterable[Component]) -> tuple[tuple[str, str, str | None, int], ...]:
    wanted = frozenset(takes)
    return tuple((c.code, c.name.en, c.material, c.quantity) for c in components if c.code in wanted)
