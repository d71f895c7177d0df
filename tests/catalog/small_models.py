"""Small feature models: random ones, and what they mean, said once more in plain Python."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import product
from typing import Any

from hypothesis import strategies as st

from catalog.feature_kinds import Kind, carriers, check_constraint, kind_of, resolve
from catalog.feature_model import (
    COMPARING,
    Aggregate,
    Constraint,
    Feature,
    FeatureGroup,
    FeatureModel,
    FeatureType,
    GroupKind,
    NumberTerm,
    Operation,
    Operator,
    Reference,
    Term,
    TextTerm,
)
from catalog.feature_problem import FeatureProblem
from solver.configuration.problem import GroupId, ParameterId, Variant

NAMES = ("root", "a", "b b", "c", "d", "e", "f")
NUMBER, TEXT = "number", "words"  # the features that are typed
TEXTS = ("red", "blue", "")


@dataclass(frozen=True)
class Configuration:
    """What is chosen, and what is typed (of typed features that are not chosen: 0 and "")."""

    chosen: frozenset[str]
    numbers: Mapping[str, Fraction] = field(default_factory=dict)
    texts: Mapping[str, str] = field(default_factory=dict)
    lengths: Mapping[str, int] = field(default_factory=dict)  # of texts that stand for any other text


class NoValue(ArithmeticError):
    """A division by 0."""


# --- the meaning ----------------------------------------------------------------------------------------------------


def keeps(model: FeatureModel, found: Configuration) -> bool:
    """Whether the configuration keeps the tree and every constraint."""
    if model.root not in found.chosen:
        return False
    for group in model.groups:
        count = sum(name in found.chosen for name in group.members)
        if group.parent in found.chosen:
            if not group.minimum <= count <= group.maximum:
                return False
        elif count:
            return False
    try:
        return all(_value(model, constraint.term, found) for constraint in model.constraints)
    except NoValue:
        return False


def _value(model: FeatureModel, term: Term, found: Configuration, *, number: bool = False) -> Any:
    if isinstance(term, NumberTerm | TextTerm):
        return term.value
    if isinstance(term, Reference):
        return _asked(model, term, found, number=number)
    if isinstance(term, Aggregate):
        return _aggregate(model, term, found)
    return _operation(model, term, found)


def _asked(model: FeatureModel, reference: Reference, found: Configuration, *, number: bool) -> Any:
    asked = resolve(model, reference)
    chosen = asked.feature.name in found.chosen
    if asked.attribute is None:
        if number and asked.feature.type is FeatureType.STRING:
            return found.texts[asked.feature.name] if chosen else ""
        if number and asked.feature.type is not FeatureType.BOOLEAN:
            return found.numbers[asked.feature.name] if chosen else Fraction(0)
        return chosen
    if isinstance(asked.value, bool):
        return chosen and asked.value
    return asked.value if chosen else type(asked.value)()


def _aggregate(model: FeatureModel, term: Aggregate, found: Configuration) -> Fraction:
    if term.function in ("sum", "avg"):
        attribute, having = carriers(model, term)
        values = [feature.attributes[attribute] for feature in having if feature.name in found.chosen]
        total = sum(values, Fraction(0))
        return total if term.function == "sum" else (total / len(values) if values else Fraction(0))
    inner = _value(model, term.references[0], found, number=True)
    if term.function == "len":
        return Fraction(found.lengths.get(inner, len(inner)))
    whole = inner.numerator // inner.denominator if inner else 0
    return Fraction(whole if term.function == "floor" or whole == inner else whole + 1)


def _operation(model: FeatureModel, term: Operation, found: Configuration) -> Any:
    operator = term.operator
    if operator is Operator.AND:
        return all(_value(model, part, found) for part in term.operands)
    if operator is Operator.OR:
        return any(_value(model, part, found) for part in term.operands)
    if operator is Operator.IMPLIES:
        return not _value(model, term.operands[0], found) or bool(_value(model, term.operands[1], found))
    if operator is Operator.NOT:
        return not _value(model, term.operands[0], found)
    if operator is Operator.EQUIVALENT:
        left, right = (bool(_value(model, part, found)) for part in term.operands)
        return left == right
    if operator is Operator.AT_MOST_ONE:
        return sum(bool(_value(model, part, found)) for part in term.operands) <= 1
    kinds = [kind_of(model, part) for part in term.operands]
    valued = any(all(kind in one for one in kinds) for kind in (Kind.NUMBER, Kind.TEXT))
    values = [_value(model, part, found, number=valued) for part in term.operands]
    if operator is Operator.PLUS:
        return sum(values, Fraction(0))
    if operator is Operator.NEGATIVE:
        return -values[0]
    if operator is Operator.TIMES:
        total = Fraction(1)
        for value in values:
            total *= value
        return total
    if operator is Operator.DIVIDE:
        if not values[1]:
            raise NoValue
        return Fraction(values[0]) / values[1]
    left, right = values
    return {
        Operator.EQUAL: lambda: left == right,
        Operator.UNEQUAL: lambda: left != right,
        Operator.LESS: lambda: left < right,
        Operator.LESS_OR_EQUAL: lambda: left <= right,
        Operator.GREATER: lambda: left > right,
        Operator.GREATER_OR_EQUAL: lambda: left >= right,
    }[operator]()


def trees(model: FeatureModel) -> list[frozenset[str]]:
    """Every choice of features that the tree allows."""
    below = replace(model, constraints=())
    rows = product((False, True), repeat=len(model.features))
    sets = (frozenset(name for name, held in zip(model.features, row, strict=True) if held) for row in rows)
    return [chosen for chosen in sets if keeps(below, Configuration(chosen))]


def configurations(
    stated: FeatureProblem, choices: Iterable[frozenset[str]] | None = None
) -> Iterator[Configuration]:
    """Every configuration, good or not, in which typed features have a value their problem knows."""
    model = stated.model
    numbers = {name: _numbers(stated, name) for name in stated.numbers}
    texts = {name: stated.problem.group_by_id[group].options for name, group in stated.values.items()}
    rows = product((False, True), repeat=len(model.features))
    sets = (frozenset(name for name, held in zip(model.features, row, strict=True) if held) for row in rows)
    for chosen in sets if choices is None else choices:
        typed = [
            *(numbers[name] if name in chosen else [Fraction(0)] for name in numbers),
            *(texts[name] if name in chosen else [""] for name in texts),
        ]
        for values in product(*typed):
            number = dict(zip(numbers, values, strict=False))
            text = dict(zip(texts, values[len(numbers) :], strict=True))
            used = sorted(set(text.values()) & set(stated.lengths))  # type: ignore[arg-type]
            for lengths in product((1, 4, 100), repeat=len(used)):
                sized = dict(zip(used, lengths, strict=True))
                yield Configuration(chosen, number, text, sized)  # type: ignore[arg-type]


def _numbers(stated: FeatureProblem, name: str) -> list[Fraction]:
    parameter, scale = stated.numbers[name]
    return [Fraction(number, scale) for number in stated.problem.parameter_by_id[parameter].asked]


def variant_of(stated: FeatureProblem, found: Configuration) -> Variant:
    """The variant that stands for the configuration."""
    chosen: dict[GroupId, set[Any]] = {group.id: set() for group in stated.problem.groups}
    for name in found.chosen:
        choice = stated.choices[name]
        chosen[choice.group].add(choice.option)
    for name, group in stated.values.items():
        if name in found.chosen:
            chosen[group].add(found.texts[name])
    numbers: dict[ParameterId, int] = {}
    for name, (parameter, scale) in stated.numbers.items():
        numbers[parameter] = int(found.numbers[name] * scale) if name in found.chosen else 0
    for option, parameter in stated.lengths.items():
        numbers[parameter] = found.lengths.get(option, 0)
    return Variant({group: frozenset(options) for group, options in chosen.items()}, numbers)


# --- random models --------------------------------------------------------------------------------------------------


@st.composite
def feature_models(draw: st.DrawFn) -> FeatureModel:
    """A tree of two to seven features, perhaps with one number and one text, with up to three constraints."""
    names = list(NAMES[: draw(st.integers(2, len(NAMES)))])
    types = dict.fromkeys(names, FeatureType.BOOLEAN)
    numeric = draw(st.sampled_from([FeatureType.INTEGER, FeatureType.REAL]))
    for name, kind in ((NUMBER, numeric), (TEXT, FeatureType.STRING)):
        if len(names) < 6 and draw(st.booleans()):
            names.append(name)
            types[name] = kind
    attributes = {name: draw(_attributes(types[name])) for name in names}
    groups: list[FeatureGroup] = []
    parents: dict[str, str] = {}
    waiting = names[1:]
    placed = [names[0]]
    while waiting:
        members = [waiting.pop(0) for _ in range(draw(st.integers(1, min(3, len(waiting)))))]
        parent = draw(st.sampled_from(placed))
        groups.append(draw(_groups(parent, tuple(members))))
        parents.update(dict.fromkeys(members, parent))
        placed += members
    # The order in which a file lists them: from the root down, each group after its parent.
    groups.sort(key=lambda group: placed.index(group.parent))
    features = {
        name: Feature(name, 0, types[name], attributes[name], parent=parents.get(name)) for name in names
    }
    model = FeatureModel(names[0], features, tuple(groups), ())
    terms = draw(st.lists(truths(model), max_size=3))
    return FeatureModel(names[0], features, tuple(groups), tuple(Constraint(0, "", term) for term in terms))


def _attributes(kind: FeatureType) -> st.SearchStrategy[dict[str, Any]]:
    if kind in (FeatureType.INTEGER, FeatureType.REAL):
        top = Fraction(3) if kind is FeatureType.INTEGER else Fraction(1, 20)
        return st.just({"min": Fraction(0), "max": top})
    weights = st.sampled_from([Fraction(1), Fraction(5, 2), Fraction(-3)])
    optional = {"weight": weights, "shown": st.booleans(), "tint": st.sampled_from(TEXTS), "in.depth": weights}
    found = st.fixed_dictionaries({}, optional=optional)
    return found.map(lambda values: values | {"in": True} if "in.depth" in values else values)


@st.composite
def _groups(draw: st.DrawFn, parent: str, members: tuple[str, ...]) -> FeatureGroup:
    count = len(members)
    kind = draw(st.sampled_from(list(GroupKind)))
    low, high = {
        GroupKind.MANDATORY: (count, count),
        GroupKind.OPTIONAL: (0, count),
        GroupKind.OR: (1, count),
        GroupKind.ALTERNATIVE: (1, 1),
    }.get(kind, (0, 0))
    if kind is GroupKind.CARDINALITY:
        low = draw(st.integers(0, count))
        high = draw(st.integers(max(low, 1), count))
    return FeatureGroup(parent, kind, members, 0, low, high)


def truths(model: FeatureModel) -> st.SearchStrategy[Term]:
    """Constraints over the model's names, written as UVL writes them."""
    features = [Reference((name,)) for name in model.features]
    paths = [(f.name, *path.split(".")) for f in model.features.values() for path in f.attributes if path != "in"]
    known = [Reference(path) for path in paths if path[1] not in ("min", "max")]
    flags = [one for one in known if one.path[1] == "shown"]
    weights = [one for one in known if one.path[1] in ("weight", "in")]
    tints = [one for one in known if one.path[1] == "tint"]
    typed = [Reference((name,)) for name in (NUMBER,) if name in model.features]
    words = [Reference((name,)) for name in (TEXT,) if name in model.features]
    sums: list[Term] = []
    if any("weight" in feature.attributes for feature in model.features.values()):
        weight = Reference(("weight",))
        sums = [
            Aggregate("sum", (weight,)),
            Aggregate("avg", (weight,)),
            Aggregate("sum", (weight, features[-1])),
            Aggregate("avg", (Reference((model.root,)), weight)),
        ]
    rounded: list[Term] = [Aggregate(kind, (one,)) for kind in ("floor", "ceil") for one in (*weights, *typed)]
    lengths: list[Term] = [Aggregate("len", (one,)) for one in (*tints, *words, *words)]
    constants = st.sampled_from(["0", "1", "2", "2.5", "0.01"]).map(lambda text: NumberTerm(Fraction(text)))
    kinds: list[list[Any]] = [weights, typed, sums, rounded, lengths, features[:1]]
    atoms = st.one_of(*(st.sampled_from(some) for some in kinds if some), constants)
    comparators = st.sampled_from(sorted(COMPARING))

    def deeper(below: st.SearchStrategy[Term]) -> st.SearchStrategy[Term]:
        minus = below.map(lambda term: Operation(Operator.NEGATIVE, (term,)))
        return st.one_of(
            st.tuples(below, st.one_of(below, minus)).map(lambda pair: Operation(Operator.PLUS, pair)),
            st.tuples(below, below).map(lambda pair: Operation(Operator.TIMES, pair)),
            st.tuples(below, below).map(lambda pair: Operation(Operator.DIVIDE, pair)),
        )

    numbers = st.recursive(atoms, deeper, max_leaves=4)
    texts = st.one_of(st.sampled_from([*tints, *words, *map(TextTerm, TEXTS)]))
    compared = st.one_of(
        st.builds(lambda left, sign, right: Operation(sign, (left, right)), numbers, comparators, numbers),
        st.builds(lambda left, sign, right: Operation(sign, (left, right)), atoms, comparators, constants),
        st.builds(
            lambda left, sign, right: Operation(sign, (left, right)),
            texts,
            st.sampled_from([Operator.EQUAL, Operator.UNEQUAL]),
            texts,
        ),
    )
    plain = st.sampled_from([*features, *features, *flags])

    def grow(below: st.SearchStrategy[Term]) -> st.SearchStrategy[Term]:
        some = st.lists(below, min_size=2, max_size=3).map(tuple)
        pair = st.tuples(below, below)
        return st.one_of(
            below.map(lambda term: Operation(Operator.NOT, (term,))),
            some.map(lambda terms: _joined(Operator.AND, terms)),
            some.map(lambda terms: _joined(Operator.OR, terms)),
            pair.map(lambda terms: Operation(Operator.IMPLIES, terms)),
            pair.map(lambda terms: Operation(Operator.EQUIVALENT, terms)),
            pair.map(lambda terms: Operation(Operator.EQUAL, terms)),
        )

    def is_right(term: Term) -> bool:
        try:
            check_constraint(model, term)
        except ValueError:
            return False
        return True

    return st.recursive(st.one_of(plain, compared, compared), grow, max_leaves=4).filter(is_right)


def _joined(operator: Operator, terms: tuple[Term, ...]) -> Operation:
    """As a reader puts them together: what is in brackets is part of it if it has the same operator."""
    inner = [one.operands if isinstance(one, Operation) and one.operator is operator else (one,) for one in terms]
    return Operation(operator, tuple(part for parts in inner for part in parts))
