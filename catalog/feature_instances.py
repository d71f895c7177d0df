"""Features with a cardinality: `Drawer cardinality [1..3]` is there one to three times, each with its own tree.

A feature is chosen or not as its group says; where it is chosen, it has so many instances, and each has everything that
is below the feature to itself. A constraint that only asks what is below the feature holds in every instance that is
there. Source: `ConvertFeatureCardinality` of Universal-Variability-Language/java-fm-metamodel, and issues 44, 140 and
141 of the language server (Universal-Variability-Language/uvl-lsp).

Not supported is what these two read differently or the language leaves open: a constraint of which one part is below
the feature and another is not (each instance, or any?); the feature itself in a constraint if it may have no instance
(is it chosen then?), or as a number; its own numbers, and sums that meet an instance (once, or once an instance?).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import product
from math import prod
from typing import Final

from catalog.feature_kinds import Unsupported, carriers, resolve
from catalog.feature_model import (
    LOGICAL,
    MAXIMUM_LEVELS,
    Aggregate,
    Constraint,
    Feature,
    FeatureGroup,
    FeatureModel,
    FeatureType,
    GroupKind,
    LeftOut,
    NumberTerm,
    Operation,
    Operator,
    Reference,
    Term,
    terms_in,
)

MAXIMUM_FEATURES: Final = 50_000  # once every instance is written out
MAXIMUM_CHARACTERS: Final = 8_000_000  # of the constraints then

Scopes = Mapping[str, tuple[str, ...]]  # of each feature: those with a cardinality that it is below, from the root
Place = tuple[int, ...]  # which instance of each of them, counted from 1

_RANGE: Final = frozenset({"min", "max", "minimum", "maximum", "step"})  # attributes that say what a number can be


def scopes_of(model: FeatureModel) -> Scopes:
    """What each feature is repeated with; empty if no feature has a cardinality."""
    if not any(feature.instances for feature in model.features.values()):
        return {}
    found: dict[str, tuple[str, ...]] = {}
    for name, feature in model.features.items():  # parents come first
        above = None if feature.parent is None else model.features[feature.parent]
        if above is None:
            found[name] = ()
        else:
            found[name] = (*found[above.name], above.name) if above.instances else found[above.name]
    return found


# --- what is supported ----------------------------------------------------------------------------------------------


def check_instances(model: FeatureModel, scopes: Scopes, term: Term) -> None:
    """Whether it is settled what the term says of instances; raises Unsupported. Its names must be known."""
    if not scopes:
        return
    asked = {scopes[name] for name in _asked(model, scopes, term)}
    if len(asked) > 1:
        raise Unsupported("constraint across a feature cardinality")
    if any(asked) and isinstance(term, Operation) and term.depth == MAXIMUM_LEVELS:
        raise Unsupported(f"constraint of {MAXIMUM_LEVELS} levels below a feature cardinality")


def _asked(model: FeatureModel, scopes: Scopes, term: Term) -> Iterator[str]:
    """The features that the term asks."""
    for part in terms_in(term):
        if isinstance(part, Aggregate):
            yield from _aggregated(model, scopes, part)
        elif isinstance(part, Reference):
            found = resolve(model, part)
            instances = found.feature.instances
            if instances is not None and found.attribute is not None and isinstance(found.value, Fraction):
                raise Unsupported("number of a feature with a cardinality")
            if instances is not None and instances.minimum == 0:
                raise Unsupported("feature that may have no instance, in a constraint")
            yield found.feature.name
        elif isinstance(part, Operation) and part.operator not in LOGICAL:
            for operand in part.operands:
                _check_number(model, operand)


def _aggregated(model: FeatureModel, scopes: Scopes, term: Aggregate) -> Iterator[str]:
    if term.function in ("sum", "avg"):
        for feature in carriers(model, term)[1]:
            if scopes[feature.name] or feature.instances is not None:
                raise Unsupported(f"{term.function} over a feature cardinality")
            yield feature.name
    else:
        _check_number(model, term.references[0])
        yield from _asked(model, scopes, term.references[0])


def _check_number(model: FeatureModel, term: Term) -> None:
    if isinstance(term, Reference):
        found = resolve(model, term)
        if found.attribute is None and found.feature.instances is not None:
            raise Unsupported("feature with a cardinality as a number")


def without_too_many(
    model: FeatureModel, constraints: Sequence[Constraint]
) -> tuple[FeatureModel, tuple[LeftOut, ...]]:
    """The model, without its cardinalities if their instances would be too many to write out; and what is lost so."""
    scopes = scopes_of(model)
    if not scopes:
        return model, ()
    copies = {name: prod(_most(model, above) for above in scope) for name, scope in scopes.items()}
    features = sum(count * (1 + _most(model, name)) for name, count in copies.items())
    most = max(copies.values())
    if features <= MAXIMUM_FEATURES and most * sum(len(one.text) for one in constraints) <= MAXIMUM_CHARACTERS:
        return model, ()
    lost = [feature for feature in model.features.values() if feature.instances is not None]
    construct = f"feature cardinalities of more than {MAXIMUM_FEATURES:,} features"
    bare = {name: replace(feature, instances=None) for name, feature in model.features.items()}
    return replace(model, features=bare), tuple(LeftOut(one.line, construct, one.name, one.file) for one in lost)


def _most(model: FeatureModel, name: str) -> int:
    instances = model.features[name].instances
    return 1 if instances is None else instances.maximum


# --- written out ----------------------------------------------------------------------------------------------------


def written_out(model: FeatureModel) -> FeatureModel:
    """The model with every instance as a feature of its own, and no cardinality left.

    `Blah` below `Wheels cardinality [1..5]` becomes `Blah[1]` to `Blah[5]`, below `Wheels[1]` to `Wheels[5]`; `Wheels`
    is then a number, and instance 3 is there where it is 3 or more.
    """
    scopes = scopes_of(model)
    return model if not scopes else _WrittenOut(model, scopes).model()


def called(name: str, place: Place) -> str:
    """What a feature is called in one instance of what it is below."""
    return name + "".join(f"[{number}]" for number in place)


@dataclass(slots=True)
class _WrittenOut:
    source: FeatureModel
    scopes: Scopes
    features: dict[str, Feature] = field(default_factory=dict)
    groups: list[FeatureGroup] = field(default_factory=list)
    constraints: list[Constraint] = field(default_factory=list)

    def model(self) -> FeatureModel:
        """The whole model; parents stay before what is below them."""
        for name, feature in self.source.features.items():
            for place in self._places(self.scopes[name]):
                self._add(feature, place)
        for group in self.source.groups:
            repeated = self.source.features[group.parent].instances is not None
            scope = (*self.scopes[group.parent], group.parent) if repeated else self.scopes[group.parent]
            for place in self._places(scope):
                parent, members = self._called(group.parent, place), self._all_called(group.members, place)
                self.groups.append(replace(group, parent=parent, members=members))
        for constraint in self.source.constraints:
            self._repeat(constraint)
        return replace(
            self.source, features=self.features, groups=tuple(self.groups), constraints=tuple(self.constraints)
        )

    def _places(self, scope: Sequence[str]) -> Iterator[Place]:
        return product(*(range(1, _most(self.source, name) + 1) for name in scope))

    def _called(self, name: str, place: Place) -> str:
        found = called(name, place)
        while place and found in self.source.features:
            found += "'"
        return found

    def _all_called(self, names: Sequence[str], place: Place) -> tuple[str, ...]:
        return tuple(self._called(name, place) for name in names)

    def _add(self, feature: Feature, place: Place) -> None:
        """The feature in one instance of what is above it, and its own instances."""
        name = self._called(feature.name, place)
        parent = None if feature.parent is None else self._called(feature.parent, place)
        one = replace(feature, name=name, parent=parent, instances=None)
        if feature.instances is None:
            self.features[name] = one
            return
        low, high = feature.instances.minimum, feature.instances.maximum
        if low < high:
            kept = {path: value for path, value in feature.attributes.items() if path not in _RANGE}
            kept |= {"min": Fraction(low), "max": Fraction(high)}
            one = replace(one, type=FeatureType.INTEGER, attributes=kept)
        self.features[name] = one
        instances = [self._called(feature.name, (*place, number)) for number in range(1, high + 1)]
        below = {each: Feature(each, feature.line, parent=name, file=feature.file) for each in instances}
        self.features.update(below)
        if low:
            self.groups.append(_group(feature, name, GroupKind.MANDATORY, instances[:low]))
        if low < high:
            self.groups.append(_group(feature, name, GroupKind.OPTIONAL, instances[low:]))
        for number in range(low + 1, high + 1):
            enough = Operation(Operator.GREATER_OR_EQUAL, (Reference((name,)), NumberTerm(Fraction(number))))
            counted = Operation(Operator.EQUIVALENT, (Reference((instances[number - 1],)), enough))
            text = f"{instances[number - 1]} is there where {name} is {number} or more"
            self.constraints.append(Constraint(feature.line, text, counted, feature.file))

    def _repeat(self, constraint: Constraint) -> None:
        asked = next(_asked(self.source, self.scopes, constraint.term), None)
        scope = () if asked is None else self.scopes[asked]
        for place in self._places(scope):
            if not place:
                self.constraints.append(constraint)
                continue
            there = self._called(scope[-1], place)
            term = Operation(Operator.IMPLIES, (Reference((there,)), self._placed(constraint.term, place)))
            self.constraints.append(replace(constraint, text=f"{constraint.text} (in {there})", term=term))

    def _placed(self, term: Term, place: Place) -> Term:
        if isinstance(term, Reference):
            found = resolve(self.source, term)
            attribute = () if found.attribute is None else found.attribute.split(".")
            return Reference((self._called(found.feature.name, place), *attribute))
        if isinstance(term, Aggregate) and term.function not in ("sum", "avg"):  # these are over nothing in here
            places = (self._placed(one, place) for one in term.references)
            return replace(term, references=tuple(one for one in places if isinstance(one, Reference)))
        if isinstance(term, Operation):
            return replace(term, operands=tuple(self._placed(operand, place) for operand in term.operands))
        return term


def _group(feature: Feature, parent: str, kind: GroupKind, members: Sequence[str]) -> FeatureGroup:
    count = len(members)
    return FeatureGroup(parent, kind, tuple(members), feature.line, count if kind is GroupKind.MANDATORY else 0, count)
