"""Which components of a product a feature with a cardinality can stand for, and what one instance of them has.

UVL says of each instance only what names nothing but its own; how many there are no rule can ask. A component of which
more is said is written out, each instance with features of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from catalog.components import NUMBER, Owner, covered_id, most_of
from catalog.content import parsed
from catalog.feature_model import Instances
from catalog.products import (
    ComponentContent,
    GroupContent,
    LookupContent,
    ParameterContent,
    ProductContent,
    RuleContent,
)
from solver.configuration.problem import when_id
from solver.configuration.rules import Each, names_in, walk

Asking = tuple[str, frozenset[str]]  # what says something (a rule's id), and the names that it asks


@dataclass(frozen=True, slots=True)
class Apart:
    """A component whose instances stand for themselves. `inside`: what one of them is asked, as a product."""

    component: ComponentContent
    instances: Instances
    inside: ProductContent


def apart(product: ProductContent, component: ComponentContent) -> Apart | str:
    """The component by itself; or why it has to be written out, with the ids of the rules that are the reason."""
    count = component.number
    instances = Instances(count, count) if count is not None else _counted(product, component)
    if isinstance(instances, str):
        return instances
    outside = [
        rule
        for rule, names in (*_said(product), *_asked_by_others(product, component))
        if names & {component.id, *(() if count is not None else (component.count,))}
    ]
    own = {*component.own_ids, *(name for inner in component.components for name in (inner.id, *inner.own_ids))}
    inside = [rule for rule, names in _said(component) if names - own]
    for inner in component.components:
        inside += [rule for rule, names in _said(inner) if names - own - {NUMBER}]
    if outside or inside:
        return f"other rules ask what is inside, or its own what is not: {', '.join(sorted({*outside, *inside}))}"
    if not component.groups and not component.parameters:
        return "nothing is asked of an instance"
    return Apart(component, instances, _product_of(product, component))


def without(product: ProductContent, several: Sequence[Apart]) -> ProductContent:
    """The product without these components, what counts them, and the quantities that no rule asks."""
    gone = {one.component.id for one in several}
    counts = {one.component.count for one in several if one.component.number is None}
    rest = product.model_copy(
        update={
            "components": tuple(one for one in product.components if one.id not in gone),
            "parameters": tuple(one for one in product.parameters if one.id not in counts),
        }
    )
    said = (*_said(rest), *(saying for one in rest.components for saying in _all_said(one)))
    asked = _closed(rest, (name for _, names in said for name in names))
    return rest.model_copy(
        update={
            "quantities": tuple(one for one in rest.quantities if one.id in asked),
            "lookups": tuple(one for one in rest.lookups if one.id in asked or one.otherwise is None),
        }
    )


def _counted(product: ProductContent, component: ComponentContent) -> Instances | str:
    counts = next(one for one in product.parameters if one.id == component.count)
    if counts.when is not None:
        return f"what counts it is not always asked: {when_id(counts.id)}"
    if counts.step_size != 1 or most_of(component, product) != counts.maximum or counts.maximum < 1:
        return f"{counts.id} counts it in steps, or beyond what there can be"
    if sum(one.count == component.count for one in product.components) > 1:
        return f"{counts.id} counts another component too"
    return Instances(counts.minimum, counts.maximum)


def _product_of(product: ProductContent, component: ComponentContent) -> ProductContent:
    kinds = ("groups", "parameters", "quantities", "lookups", "rules", "components")
    bare = ProductContent.model_construct(
        code=component.id, name=component.name, description=component.name, steps=product.steps,
        **{kind: getattr(component, kind) for kind in kinds},
    )  # fmt: skip
    return without(bare, ())


# --- who asks what --------------------------------------------------------------------------------------------------


def _said(owner: Owner) -> Iterator[Asking]:
    """What must hold of the questions of a product or of an instance: the id, and all that is asked so."""
    questions: tuple[GroupContent | ParameterContent, ...] = (*owner.groups, *owner.parameters)
    for question in questions:
        if question.when is not None:
            yield when_id(question.id), _closed(owner, _names((question.when,)))
    for rule in owner.rules:
        yield rule.id, _closed(owner, _names_of(rule))
    for lookup in owner.lookups:
        if lookup.otherwise is None:
            yield covered_id(lookup.id), _closed(owner, lookup.columns)


def _all_said(component: ComponentContent) -> Iterator[Asking]:
    yield from _said(component)
    yield component.id, frozenset(_closed(component, component.own_ids))
    for inner in component.components:
        yield from _all_said(inner)


def _asked_by_others(product: ProductContent, component: ComponentContent) -> Iterator[Asking]:
    for other in product.components:
        if other is not component:
            yield from ((rule, _closed(product, names)) for rule, names in _all_said(other))


def _closed(owner: Owner, names: Iterable[str]) -> frozenset[str]:
    """The names, and what the quantities and look-ups among them ask."""
    formulas = {one.id: _names((one.formula,)) for one in owner.quantities}
    formulas |= {one.id: _names_of_lookup(one) for one in owner.lookups}
    found: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting.extend(formulas.get(name, ()))
    return frozenset(found)


def _names_of(rule: RuleContent) -> Iterable[str]:
    return _names((str(rule.expression),)) if rule.table is None else rule.table.names


def _names_of_lookup(lookup: LookupContent) -> frozenset[str]:
    values = [row[-1] for row in lookup.rows]
    return _names(values if lookup.otherwise is None else [*values, lookup.otherwise]).union(lookup.columns)


def _names(formulas: Iterable[str]) -> frozenset[str]:
    """Groups, parameters, quantities and components."""
    trees = [parsed(formula) for formula in formulas]
    found = {name for tree in trees for name, _ in names_in(tree)}
    found |= {part.component for tree in trees for part in walk(tree) if isinstance(part, Each)}
    return frozenset(found)
