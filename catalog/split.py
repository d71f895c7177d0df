"""An order that two plants make: what each of them does, and which operations wait for what the other one makes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from catalog.explode import bridged
from catalog.manufacturing import ManufacturingContent, OperationContent, PartContent
from catalog.memo import Memo
from catalog.reckon import Reckoning

# Of each routing, which is kept too: then its id is nobody else's.
_splits: Memo[tuple[ManufacturingContent, tuple[Split, ...]]] = Memo(64)


@dataclass(frozen=True, slots=True)
class Split:
    """A part made in another plant: `there` is how that plant makes it, `here` how the rest is made without it."""

    part: PartContent
    whole: ManufacturingContent
    there: ManufacturingContent
    here: ManufacturingContent

    def joins(self, asked: Reckoning) -> Mapping[str, int]:
        """The operations of the rest that wait for the part, and the seconds of wait that it needs before it leaves.

        Empty if the variant does not need the part.
        """
        inside = frozenset(self.part.operations)
        before: dict[str, dict[str, int]] = {}
        needed: set[str] = set()
        found: dict[str, int] = {}
        for row in self.whole.routing:
            before[row.operation] = bridged(row, before, needed)
            if row.when is None or asked.holds(row.when):
                needed.add(row.operation)
                waits = [wait for name, wait in before[row.operation].items() if name in inside]
                if waits and row.operation not in inside:
                    found[row.operation] = max(waits)
        return found


def splits_of(content: ManufacturingContent) -> tuple[Split, ...]:
    """One for each part of a routing; always the same objects for the same content."""
    known = _splits.get(id(content))
    if known is None or known[0] is not content:
        known = _splits.put(id(content), (content, tuple(_split(content, part) for part in content.parts)))
    return known[1]


def split_of(content: ManufacturingContent, part: str) -> Split:
    """The split of a part by its code; raises KeyError."""
    for split in splits_of(content):
        if split.part.part == part:
            return split
    raise KeyError(part)


def _split(content: ManufacturingContent, part: PartContent) -> Split:
    inside = frozenset(part.operations)
    return Split(
        part, content, _only(content, [row for row in content.routing if row.operation in inside]),
        _only(content, [row for row in content.routing if row.operation not in inside]),
    )


def _only(content: ManufacturingContent, routing: list[OperationContent]) -> ManufacturingContent:
    """The content with these operations, and the parts that they take."""
    codes = {row.operation for row in routing}
    taken = {component for row in routing for component in row.takes}
    rows = tuple(
        row.model_copy(update={"after": tuple(after for after in row.after if after.operation in codes)})
        for row in routing
    )
    bom = tuple(row for row in content.bom if row.component in taken)
    return content.model_copy(update={"routing": rows, "bom": bom, "parts": ()})
