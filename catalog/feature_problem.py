"""Feature model -> configuration problem, and which decision of the one stands for which feature of the other.

A feature is one option: of an option group with its neighbours where they are alternatives, otherwise of a group of its
own. The tree's edges are rules, so that an explanation can name them. A number that is typed is a parameter that is
asked for only where its feature is chosen, and 0 elsewhere; so is every attribute of a feature that is not chosen.
What is in instances (a feature's cardinality) is written out first, see `feature_instances`.
A text that is typed is an option group of all texts that a constraint compares it with, and as many others as it takes
to be unlike all of them and each other: what is equal to what is all that constraints can ask (the small model property
of equality logic), beside lengths. If they ask lengths, each of the others has a length of its own, a parameter.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import combinations
from math import ceil, comb
from typing import Final

from catalog.feature_instances import written_out
from catalog.feature_kinds import Kind, Resolved, carriers, kind_of, resolve
from catalog.feature_model import (
    COMPARING,
    TURNED,
    Aggregate,
    Feature,
    FeatureGroup,
    FeatureModel,
    FeatureType,
    GroupKind,
    Note,
    NumberTerm,
    Operation,
    Operator,
    Reference,
    Term,
    TextTerm,
    terms_in,
)
from catalog.feature_numbers import (
    MAXIMUM_NUMBER,
    attribute_places,
    compares,
    number_ranges,
    numbers_in,
    only_says_the_range,
    places,
)
from solver.configuration.problem import (
    Choose,
    ConfigurationProblem,
    Enter,
    ExpressionRule,
    GroupId,
    IntegerParameter,
    OptionGroup,
    OptionId,
    ParameterId,
    Rule,
    RuleId,
    Variant,
)
from solver.configuration.rules import (
    And,
    Ceil,
    Comparator,
    Comparison,
    Expression,
    Floor,
    Implies,
    Member,
    Negative,
    Not,
    Number,
    Or,
    Parameter,
    Product,
    Quotient,
    Sum,
    When,
    all_of,
    any_of,
    number_of,
    sum_of,
)

MAXIMUM_TEXT: Final = 100  # characters of a text that no constraint names, or twice any number in sight
_MOST_CLAUSES: Final = 500  # for a group's minimum, before it is said as a sum

_COMPARATORS: Final = {
    Operator.EQUAL: Comparator.EQUAL,
    Operator.UNEQUAL: Comparator.UNEQUAL,
    Operator.LESS: Comparator.LESS,
    Operator.LESS_OR_EQUAL: Comparator.LESS_OR_EQUAL,
    Operator.GREATER: Comparator.GREATER,
    Operator.GREATER_OR_EQUAL: Comparator.GREATER_OR_EQUAL,
}


class NoSuchFeature(KeyError):
    """The model has no such feature, or it has no value of that kind."""


@dataclass(frozen=True, slots=True)
class FeatureProblem:
    """A feature model's problem. `texts`: what a rule says; `notes`: what had to be assumed.

    `model`: with every instance written out. `scales`: what the numbers of an attribute are multiplied by, so that they
    are whole.
    """

    model: FeatureModel
    problem: ConfigurationProblem
    texts: Mapping[RuleId, str]
    notes: tuple[Note, ...]
    scales: Mapping[str, int]
    choices: Mapping[str, Choose] = field(repr=False)
    numbers: Mapping[str, tuple[ParameterId, int]] = field(repr=False)  # parameter, and what it is multiplied by
    values: Mapping[str, GroupId] = field(repr=False)  # of each text that is typed
    lengths: Mapping[OptionId, ParameterId] = field(repr=False)  # of the texts that no constraint names
    _features: Mapping[tuple[str, str], str] = field(repr=False)

    def decision(self, feature: str, selected: bool = True) -> Choose:
        """The decision that the feature is chosen, or is not; raises NoSuchFeature."""
        found = self.choices.get(feature)
        if found is None:
            raise NoSuchFeature(feature)
        return found if selected else Choose(found.group, found.option, chosen=False)

    def entry(self, feature: str, number: Fraction | int) -> Enter:
        """The decision that the feature's number is this; raises NoSuchFeature, also if it has not so many decimals."""
        if feature not in self.numbers:
            raise NoSuchFeature(feature)
        parameter, scale = self.numbers[feature]
        scaled = Fraction(number) * scale
        if scaled.denominator != 1:
            raise NoSuchFeature(f"{feature} = {number}")
        return Enter(parameter, int(scaled))

    def written(self, feature: str, text: str) -> Choose:
        """The decision that the feature's text is this, which some constraint must name; raises NoSuchFeature."""
        group = self.values.get(feature)
        if group is None or OptionId(text) not in self.problem.group_by_id[group].options:
            raise NoSuchFeature(f"{feature} = '{text}'")
        return Choose(group, OptionId(text))

    def feature(self, group: str, option: str) -> str | None:
        """The feature that the option stands for; None if it is a text that is typed."""
        return self._features.get((group, option))

    def selected(self, variant: Variant) -> frozenset[str]:
        """The features that a variant has."""
        every = ((group, option) for group, options in variant.chosen.items() for option in options)
        return frozenset(name for place in every if (name := self._features.get(place)) is not None)


def problem_of(model: FeatureModel) -> FeatureProblem:
    """The problem that a feature model states. Raises InvalidProblem if its numbers are too large to count with."""
    return _Statement(written_out(model)).problem()


class _Statement:
    def __init__(self, model: FeatureModel) -> None:
        self.model = model
        self.taken: set[str] = set(model.features)
        self.choices: dict[str, Choose] = {}
        self.groups: list[OptionGroup] = []
        self.parameters: list[IntegerParameter] = []
        self.rules: list[Rule] = []
        self.texts: dict[RuleId, str] = {}
        self.notes: list[Note] = []
        self.numbers: dict[str, tuple[ParameterId, int]] = {}
        self.values: dict[str, GroupId] = {}
        self.options: dict[str, dict[str, OptionId]] = {}  # of each text that is typed: text -> option
        self.lengths: dict[OptionId, ParameterId] = {}
        self.scales = attribute_places(model)
        self.ranges = number_ranges(model)
        self.always = _always_chosen(model)

    def problem(self) -> FeatureProblem:
        self._add_groups()
        self._add_numbers()
        self._add_texts()
        self._add_tree()
        for constraint in self.model.constraints:
            if only_says_the_range(self.model, constraint.term, self.ranges, self.always):
                continue
            rule = f"{constraint.file} line {constraint.line}".strip()
            self._add_rule(rule, constraint.text, self._truth(constraint.term))
        problem = ConfigurationProblem(tuple(self.groups), tuple(self.parameters), tuple(self.rules))
        return FeatureProblem(
            self.model,
            problem,
            self.texts,
            tuple(self.notes),
            {attribute: 10**places for attribute, places in self.scales.items()},
            self.choices,
            self.numbers,
            self.values,
            self.lengths,
            {(choice.group, choice.option): name for name, choice in self.choices.items()},
        )

    # --- groups and parameters ---

    def _free(self, name: str) -> str:
        number, found = 2, name
        while found in self.taken:
            found, number = f"{name} {number}", number + 1
        self.taken.add(found)
        return found

    def _add_groups(self) -> None:
        alternatives: dict[str, FeatureGroup] = {}
        for group in self.model.groups:
            if group.kind is GroupKind.ALTERNATIVE and len(group.members) > 1:
                alternatives.update(dict.fromkeys(group.members, group))
        done: set[int] = set()
        for name in self.model.features:
            together = alternatives.get(name)
            if together is None:
                self._add_group(name, (name,))
            elif id(together) not in done:
                done.add(id(together))
                self._add_group(self._free(f"{together.parent}:alternative"), together.members)

    def _add_group(self, group_id: str, members: tuple[str, ...]) -> None:
        numbers: dict[str, dict[OptionId, int]] = {}
        for name in members:
            self.choices[name] = Choose(GroupId(group_id), OptionId(name))
            for attribute, value in self.model.features[name].attributes.items():
                if isinstance(value, Fraction):
                    scaled = int(value * 10 ** self.scales[attribute])
                    numbers.setdefault(_number_name(attribute), {})[OptionId(name)] = scaled
        options = tuple(OptionId(name) for name in members)
        self.groups.append(OptionGroup(GroupId(group_id), options, 0, 1, numbers))

    def _add_numbers(self) -> None:
        for name, found in self.ranges.items():
            if found.scale != 1:
                self._note(name, f"is a real number: read to {len(str(found.scale)) - 1} decimals.")
            ends = ((found.assumed_low, found.low, "least"), (found.assumed_high, found.high, "most"))
            for assumed, end, word in ends:
                if assumed:
                    number = _decimal(Fraction(end, found.scale))
                    self._note(name, f"has no bound there: taken to be at {word} {number}.")
            parameter = ParameterId(self._free(f"{name}:number"))
            when = None if name in self.always else self._chosen(name)
            self.parameters.append(IntegerParameter(parameter, found.low, found.high, found.step, when))
            self.numbers[name] = (parameter, found.scale)

    def _note(self, name: str, words: str) -> None:
        feature = self.model.features[name]
        self.notes.append(Note(feature.line, f"{name} {words}", feature.file))

    def _add_texts(self) -> None:
        asked = _asked_texts(self.model)
        typed: list[Feature] = []
        for feature in self.model.features.values():
            if feature.type is FeatureType.STRING:
                words = "told apart are those in constraints" if feature.name in asked else "no constraint asks it"
                self._note(feature.name, f"is a text: {words}.")
                if feature.name in asked:
                    typed.append(feature)
        if not typed:
            return
        constants = sorted(_texts_in(self.model) | {""})
        others: list[str] = []
        for number in range(len(typed)):
            name = f"other {number + 1}" if len(typed) > 1 else "other"
            while name in constants:
                name += "*"
            others.append(name)
        for feature in typed:
            options = {text: OptionId(text) for text in (*constants, *others)}
            group = GroupId(self._free(f"{feature.name}:text"))
            when = None if feature.name in self.always else self._chosen(feature.name)
            self.groups.append(OptionGroup(group, tuple(options.values()), when=when))
            self.values[feature.name] = group
            self.options[feature.name] = options
        if _asks_lengths(self.model):
            self._add_lengths(OptionId(name) for name in others)

    def _add_lengths(self, others: Iterable[OptionId]) -> None:
        longest = max(MAXIMUM_TEXT, *(ceil(2 * number) for number in numbers_in(self.model)))
        longest = min(longest, MAXIMUM_NUMBER)
        for other in others:
            used = any_of([Member(group, other) for group in self.values.values()])
            parameter = ParameterId(self._free(f"{other}:length"))
            self.parameters.append(IntegerParameter(parameter, 1, longest, when=used))
            self.lengths[other] = parameter
        self.notes.append(Note(0, f"A text that no constraint names has 1 to {longest} characters."))

    # --- the tree ---

    def _chosen(self, name: str) -> Expression:
        choice = self.choices[name]
        return Member(choice.group, choice.option)

    def _add_rule(self, rule_id: str, text: str, expression: Expression) -> None:
        free = RuleId(rule_id)
        number = 2
        while free in self.texts:
            free, number = RuleId(f"{rule_id}.{number}"), number + 1
        self.texts[free] = text
        self.rules.append(ExpressionRule(free, expression))

    def _add_tree(self) -> None:
        root = self.model.root
        self._add_rule(f"{root}:root", f"{root} is always chosen", self._chosen(root))
        for group in self.model.groups:
            parent = self._chosen(group.parent)
            members = [self._chosen(name) for name in group.members]
            if group.minimum == len(members):
                for name, member in zip(group.members, members, strict=True):
                    both = And((Implies(member, parent), Implies(parent, member)))
                    self._add_rule(f"{name}:mandatory", f"{name} is chosen exactly where {group.parent} is", both)
                continue
            for name, member in zip(group.members, members, strict=True):
                self._add_rule(f"{name}:parent", f"{name} needs {group.parent}", Implies(member, parent))
            if group.minimum > 0:
                what = f"{group.parent} needs {group.minimum} to {group.maximum} of {', '.join(group.members)}"
                self._add_rule(f"{group.parent}:{group.kind}", what, _at_least(parent, members, group.minimum))
            if group.maximum < len(members) and group.kind is not GroupKind.ALTERNATIVE:
                what = f"{group.parent} has at most {group.maximum} of {', '.join(group.members)}"
                limit = Comparison(sum_of(members), Comparator.LESS_OR_EQUAL, number_of(Fraction(group.maximum)))
                self._add_rule(f"{group.parent}:at most", what, limit)

    # --- terms ---

    def _truth(self, term: Term) -> Expression:
        """The term as what holds or not."""
        if isinstance(term, Reference):
            return self._true_reference(resolve(self.model, term))
        assert isinstance(term, Operation)
        operator, operands = term.operator, term.operands
        if operator in COMPARING:
            return self._comparison(operator, operands[0], operands[1])
        parts = [self._truth(operand) for operand in operands]
        if operator is Operator.NOT:
            return Not(parts[0])
        if operator is Operator.AND:
            return all_of(parts)
        if operator is Operator.OR:
            return any_of(parts)
        if operator is Operator.IMPLIES:
            return Implies(parts[0], parts[1])
        if operator is Operator.AT_MOST_ONE:
            return Comparison(sum_of(parts), Comparator.LESS_OR_EQUAL, Number(Fraction(1)))
        assert operator is Operator.EQUIVALENT
        if any(_has_equivalence(operand) for operand in operands):  # so that nesting does not double each time
            return Comparison(parts[0], Comparator.EQUAL, parts[1])
        return And((Implies(parts[0], parts[1]), Implies(parts[1], parts[0])))

    def _true_reference(self, found: Resolved) -> Expression:
        chosen = self._chosen(found.feature.name)
        return chosen if found.attribute is None or found.value is True else And((chosen, Not(chosen)))

    def _comparison(self, operator: Operator, left: Term, right: Term) -> Expression:
        kinds = kind_of(self.model, left) & kind_of(self.model, right)
        if Kind.NUMBER in kinds:
            for one, other, turned in ((left, right, operator), (right, left, TURNED.get(operator, operator))):
                if isinstance(one, Aggregate) and one.function == "avg" and isinstance(other, NumberTerm):
                    return self._average(one, turned, other.value)
            return Comparison(self._number(left), _COMPARATORS[operator], self._number(right))
        if Kind.TEXT in kinds:
            equal = self._equal_texts(left, right)
            return equal if operator is Operator.EQUAL else Not(equal)
        return Comparison(self._truth(left), _COMPARATORS[operator], self._truth(right))

    def _number(self, term: Term) -> Expression:
        if isinstance(term, NumberTerm):
            return number_of(term.value)
        if isinstance(term, Reference):
            return self._number_of(resolve(self.model, term))
        if isinstance(term, Aggregate):
            return self._aggregate(term)
        assert isinstance(term, Operation)
        parts = [self._number(operand) for operand in term.operands]
        if term.operator is Operator.NEGATIVE:
            return Negative(parts[0])
        if term.operator is Operator.PLUS:
            return Sum(tuple(parts))
        if term.operator is Operator.TIMES:
            return Product(tuple(parts))
        assert term.operator is Operator.DIVIDE
        return Quotient(parts[0], parts[1])

    def _number_of(self, found: Resolved) -> Expression:
        name = found.feature.name
        if found.attribute is None:
            if name not in self.numbers:
                return self._chosen(name)
            parameter, scale = self.numbers[name]
            asked = Parameter(parameter)
            return asked if scale == 1 else Product((Number(Fraction(1, scale)), asked))
        return _times(found.value, self._chosen(name))

    def _aggregate(self, term: Aggregate) -> Expression:
        if term.function == "sum":
            return self._sum_of(*carriers(self.model, term))
        if term.function == "avg":
            attribute, having = carriers(self.model, term)
            if not having:
                return Number(Fraction(0))
            chosen = [self._chosen(feature.name) for feature in having]
            return When(any_of(chosen), Quotient(self._sum_of(attribute, having), sum_of(chosen)), Number(Fraction(0)))
        found = resolve(self.model, term.references[0])
        if term.function == "len" and found.attribute is None:
            return self._length(found.feature.name)
        if term.function == "len":
            return _times(Fraction(len(found.value)), self._chosen(found.feature.name))
        number = self._number_of(found)
        return Floor(number) if term.function == "floor" else Ceil(number)

    def _length(self, name: str) -> Expression:
        """Of a text that is typed: 0 where it is not."""
        group = self.values[name]
        parts: list[Expression] = []
        for text, option in self.options[name].items():
            chosen = Member(group, option)
            if option in self.lengths:
                parts.append(When(chosen, Parameter(self.lengths[option]), Number(Fraction(0))))
            elif text:
                parts.append(_times(Fraction(len(text)), chosen))
        return sum_of(parts)

    def _sum_of(self, attribute: str, having: Iterable[Feature]) -> Expression:
        """The sum of the attribute over features: of whole groups by the groups' numbers."""
        waiting = {feature.name: feature for feature in having}
        scale = 10 ** self.scales.get(attribute, 0)
        name = _number_name(attribute)
        terms: list[Expression] = []
        for group in self.groups:
            holders = group.numbers.get(name, {})
            inside = [option for option in holders if option in waiting]
            if not inside:
                continue
            if len(inside) == len(holders):
                terms.append(Member(group.id, name))
            else:
                terms.extend(_times(Fraction(holders[option]), Member(group.id, option)) for option in inside)
        if not terms:
            return Number(Fraction(0))
        total = sum_of(terms)
        return total if scale == 1 else Product((Number(Fraction(1, scale)), total))

    def _average(self, term: Aggregate, operator: Operator, limit: Fraction) -> Expression:
        """avg(a) < c: sum of (a - c) over what is chosen is below 0, or nothing is chosen and 0 < c. No division."""
        attribute, having = carriers(self.model, term)
        empty = compares(Fraction(0), operator, limit)
        chosen = [self._chosen(feature.name) for feature in having]
        if not having:
            return self._constant_truth(empty)
        terms = [
            _times(feature.attributes[attribute] - limit, one) for feature, one in zip(having, chosen, strict=True)
        ]
        compared = Comparison(sum_of(terms), _COMPARATORS[operator], Number(Fraction(0)))
        if empty == compares(Fraction(0), operator, Fraction(0)):  # then the sum says the right thing of nothing too
            return compared
        return Or((Not(any_of(chosen)), compared)) if empty else And((any_of(chosen), compared))

    def _constant_truth(self, holds: bool) -> Expression:
        return Comparison(Number(Fraction(1 if holds else 0)), Comparator.EQUAL, Number(Fraction(1)))

    # --- texts ---

    def _equal_texts(self, left: Term, right: Term) -> Expression:
        one, other = self._texts_of(left), self._texts_of(right)
        ways = [
            part
            for text in one
            if text in other
            for part in (_both(one[text], other[text]),)
        ]
        if any(way is None for way in ways):
            return self._constant_truth(True)
        held = [way for way in ways if way is not None]
        return any_of(held) if held else self._constant_truth(False)

    def _texts_of(self, term: Term) -> dict[str, Expression | None]:
        """Each text that the term can be, and where it is that one (None: always)."""
        if isinstance(term, TextTerm):
            return {term.value: None}
        assert isinstance(term, Reference)
        found = resolve(self.model, term)
        chosen = self._chosen(found.feature.name)
        if found.attribute is not None:
            return {"": None} if found.value == "" else {found.value: chosen, "": Not(chosen)}
        group = self.values[found.feature.name]
        ways: dict[str, Expression | None] = {
            text: Member(group, option) for text, option in self.options[found.feature.name].items()
        }
        ways[""] = Or((Not(chosen), Member(group, "")))
        return ways


def _both(one: Expression | None, other: Expression | None) -> Expression | None:
    if one is None or other is None:
        return other if one is None else one
    return And((one, other))






def _times(value: Fraction, part: Expression) -> Expression:
    if value == 1:
        return part
    return Negative(_times(-value, part)) if value < 0 else Product((Number(value), part))


def _at_least(parent: Expression, members: list[Expression], minimum: int) -> Expression:
    """Where the parent is chosen, so many members are: of each `count - minimum + 1` of them at least one."""
    size = len(members) - minimum + 1
    if comb(len(members), size) > _MOST_CLAUSES:
        needed = _times(Fraction(minimum), parent)
        return Comparison(sum_of([*members, Negative(needed)]), Comparator.GREATER_OR_EQUAL, Number(Fraction(0)))
    return all_of([Implies(parent, any_of(list(some))) for some in combinations(members, size)])


def _has_equivalence(term: Term) -> bool:
    waiting: list[Term] = [term]
    while waiting:
        part = waiting.pop()
        if isinstance(part, Operation):
            if part.operator is Operator.EQUIVALENT:
                return True
            waiting.extend(part.operands)
    return False


def _number_name(attribute: str) -> str:
    """What an attribute is called among a group's numbers, so that it is never an option's name by mistake."""
    return f"{attribute}##"


def _decimal(number: Fraction) -> str:
    return f"{float(number):.{places(number)}f}"


def _texts_in(model: FeatureModel) -> set[str]:
    """Every text that a constraint states or asks."""
    found: set[str] = set()
    for constraint in model.constraints:
        for term in terms_in(constraint.term):
            if isinstance(term, TextTerm):
                found.add(term.value)
            elif isinstance(term, Reference):
                asked = resolve(model, term)
                if asked.attribute is not None and isinstance(asked.value, str):
                    found.add(asked.value)
    return found


def _asked_texts(model: FeatureModel) -> set[str]:
    """The features whose text a constraint compares or measures."""
    asked: list[Reference] = []
    for constraint in model.constraints:
        for term in terms_in(constraint.term):
            if isinstance(term, Aggregate) and term.function == "len":
                asked.extend(term.references)
            elif isinstance(term, Operation) and term.operator in COMPARING:
                asked.extend(operand for operand in term.operands if isinstance(operand, Reference))
    found = (resolve(model, reference) for reference in asked)
    return {one.feature.name for one in found if one.attribute is None}


def _asks_lengths(model: FeatureModel) -> bool:
    """Whether a constraint asks the length of a text that is typed."""
    terms = (term for constraint in model.constraints for term in terms_in(constraint.term))
    return any(
        resolve(model, term.references[0]).attribute is None
        for term in terms
        if isinstance(term, Aggregate) and term.function == "len"
    )


def _always_chosen(model: FeatureModel) -> frozenset[str]:
    """The features that the tree alone puts into every variant."""
    found, waiting = {model.root}, [model.root]
    below: dict[str, list[FeatureGroup]] = {}
    for group in model.groups:
        below.setdefault(group.parent, []).append(group)
    while waiting:
        for group in below.get(waiting.pop(), ()):
            if group.minimum == len(group.members):
                found.update(group.members)
                waiting.extend(group.members)
    return frozenset(found)
