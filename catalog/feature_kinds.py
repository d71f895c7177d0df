"""What the terms of a feature model's constraints are: a truth, a number or a text, and what is supported of them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Flag, auto
from fractions import Fraction
from typing import Any

from catalog.feature_model import (
    COMPARING,
    LOGICAL,
    Aggregate,
    Feature,
    FeatureModel,
    FeatureType,
    NumberTerm,
    Operation,
    Operator,
    Reference,
    Term,
    TextTerm,
)


class Unknown(ValueError):
    """A constraint names what is not there, or takes it for what it is not."""


class Unsupported(ValueError):
    """A constraint is right, but no problem can state it. The words name the construct."""


class Kind(Flag):
    """What a term can be taken for."""

    TRUTH = auto()
    NUMBER = auto()
    TEXT = auto()


@dataclass(frozen=True, slots=True)
class Resolved:
    """What a reference stands for: a feature, or (`attribute` given) a value that it has where it is chosen."""

    feature: Feature
    attribute: str | None = None

    @property
    def value(self) -> Any:
        """The attribute's value."""
        return self.feature.attributes[str(self.attribute)]


def resolve(model: FeatureModel, reference: Reference) -> Resolved:
    """What the reference names; raises Unknown. The longest name of a feature is taken first, names may have dots."""
    path = reference.path
    for length in range(len(path), 0, -1):
        feature = model.features.get(".".join(path[:length]))
        if feature is None:
            continue
        if length == len(path):
            return Resolved(feature)
        attribute = ".".join(path[length:])
        if attribute in feature.attributes:
            return Resolved(feature, attribute)
    raise Unknown(f"there is no feature or attribute {reference}")


def carriers(model: FeatureModel, aggregate: Aggregate) -> tuple[str, tuple[Feature, ...]]:
    """The attribute that a `sum` or `avg` is over, and the features that have it; raises Unknown.

    Where a feature is named too, only it and those below it count.
    """
    names = [str(reference) for reference in aggregate.references]
    within: frozenset[str] | None = None
    if len(names) == 2:
        # Both orders are in use: the attribute is the one that is no feature.
        root = names[0] if names[0] in model.features and not _is_attribute(model, names[0]) else names[1]
        if root not in model.features:
            root = names[0]
        if root not in model.features:
            raise Unknown(f"neither {names[0]} nor {names[1]} is a feature")
        names.remove(root)
        within = model.below(root)
    if len(names) != 1:
        raise Unknown(f"{aggregate.function} takes an attribute, and perhaps a feature")
    found = tuple(
        feature
        for feature in model.features.values()
        if (within is None or feature.name in within) and _is_number(feature.attributes.get(names[0]))
    )
    if not found and not any(names[0] in feature.attributes for feature in model.features.values()):
        raise Unknown(f"no feature has the attribute {names[0]}")
    return names[0], found


def _is_attribute(model: FeatureModel, name: str) -> bool:
    return any(name in feature.attributes for feature in model.features.values())


def _is_number(value: Any) -> bool:
    return isinstance(value, Fraction)


def check_constraint(model: FeatureModel, term: Term) -> None:
    """Whether the term is a truth that can be stated; raises Unknown or Unsupported."""
    if Kind.TRUTH not in kind_of(model, term):
        raise Unknown("a constraint must hold or not, this is a number or a text")


def kind_of(model: FeatureModel, term: Term) -> Kind:
    """What the term can be taken for; raises Unknown or Unsupported if any part of it cannot be."""
    if isinstance(term, NumberTerm):
        return Kind.NUMBER
    if isinstance(term, TextTerm):
        return Kind.TEXT
    if isinstance(term, Reference):
        return _kind_of_reference(resolve(model, term))
    if isinstance(term, Aggregate):
        return _kind_of_aggregate(model, term)
    return _kind_of_operation(model, term)


def _kind_of_reference(found: Resolved) -> Kind:
    if found.attribute is None:
        if found.feature.type is FeatureType.STRING:
            return Kind.TRUTH | Kind.TEXT
        return Kind.TRUTH | Kind.NUMBER
    if isinstance(found.value, bool):
        return Kind.TRUTH
    if isinstance(found.value, Fraction):
        return Kind.NUMBER
    if isinstance(found.value, str):
        return Kind.TEXT
    raise Unsupported("vector in a constraint")


def _kind_of_aggregate(model: FeatureModel, term: Aggregate) -> Kind:
    if term.function in ("sum", "avg"):
        carriers(model, term)
        return Kind.NUMBER
    if len(term.references) != 1:
        raise Unknown(f"{term.function} takes one name")
    found = resolve(model, term.references[0])
    kind = _kind_of_reference(found)
    if term.function == "len":
        if Kind.TEXT not in kind:
            raise Unknown(f"len takes a text, and {term.references[0]} is none")
    elif Kind.NUMBER not in kind:
        raise Unknown(f"{term.function} takes a number, and {term.references[0]} is none")
    return Kind.NUMBER


def _kind_of_operation(model: FeatureModel, term: Operation) -> Kind:
    kinds = [kind_of(model, operand) for operand in term.operands]
    if term.operator in LOGICAL:
        if not all(Kind.TRUTH in kind for kind in kinds):
            raise Unknown(f"{term.operator} takes what holds or not, not a number or a text")
        return Kind.TRUTH
    if term.operator in COMPARING:
        if all(Kind.NUMBER in kind for kind in kinds):
            return Kind.TRUTH
        if all(Kind.TEXT in kind for kind in kinds):
            if term.operator in (Operator.EQUAL, Operator.UNEQUAL):
                return Kind.TRUTH
            raise Unsupported("order of texts")
        if all(Kind.TRUTH in kind for kind in kinds) and term.operator in (Operator.EQUAL, Operator.UNEQUAL):
            return Kind.TRUTH
        raise Unknown(f"{term.operator} compares two numbers, or two texts")
    if all(Kind.TEXT in kind for kind in kinds):
        raise Unsupported("arithmetic with texts")
    if not all(Kind.NUMBER in kind for kind in kinds):
        raise Unknown(f"{term.operator} takes numbers")
    return Kind.NUMBER
