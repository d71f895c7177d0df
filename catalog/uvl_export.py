"""A product's problem as UVL: its options as features, its rules as constraints, such that it comes back equivalent.

A group is a feature with its options below it, a parameter an Integer feature. UVL's arithmetic knows no conditions, no
minimum, no rounding of a term and no option as a number. Conditions, minima and maxima are unfolded into their cases;
what is rounded gets an Integer feature of its own that is held to the term from both sides; an option as a number is
the sum of an attribute that it alone has. What cannot be said so is left out, and named in a comment by the rule's id.

A component is a feature with a cardinality, with what one instance is asked below it, if its rules ask nothing else and
no other rule asks what is in it or how many there are (`uvl_components`). Any other one is written out, which a comment
says with the reason. Below a cardinality there are no sums: a group's number is unfolded into its options.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import partial
from itertools import product
from typing import Final

from catalog.feature_instances import called
from catalog.feature_model import (
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
    TooDeep,
)
from catalog.products import ProductContent
from catalog.state import state
from catalog.uvl_components import Apart, apart, without
from catalog.uvl_print import CannotPrint, print_term, print_uvl
from solver.configuration.bounds import Bound, TooLarge, bound
from solver.configuration.problem import (
    ConfigurationProblem,
    GroupId,
    IntegerParameter,
    OptionGroup,
    OptionId,
    ParameterId,
    RuleId,
    TableRule,
    when_id,
)
from solver.configuration.rules import (
    And,
    Cases,
    Ceil,
    Comparator,
    Comparison,
    DividedByZero,
    Expression,
    Floor,
    Implies,
    Max,
    Member,
    Min,
    Modulo,
    Negative,
    Not,
    Number,
    Or,
    Parameter,
    Product,
    Quotient,
    Sum,
    When,
    names_in,
    number_of,
)

MAXIMUM_CASES: Final = 64  # of one comparison
MAXIMUM_LINE: Final = 40_000  # characters of a constraint
MAXIMUM_DIVISORS: Final = 32  # numbers of a parameter that is divided by, of which each is a case
MAXIMUM_LISTED: Final = 256  # numbers of a parameter with a step that are written one by one

_OPERATORS: Final = {
    Comparator.EQUAL: Operator.EQUAL,
    Comparator.UNEQUAL: Operator.UNEQUAL,
    Comparator.LESS: Operator.LESS,
    Comparator.LESS_OR_EQUAL: Operator.LESS_OR_EQUAL,
    Comparator.GREATER: Operator.GREATER,
    Comparator.GREATER_OR_EQUAL: Operator.GREATER_OR_EQUAL,
}

Case = tuple[tuple[Term, ...], Term]  # where all of these hold, the value is this
_Called = tuple[str, tuple[int, ...]]  # a feature, and the instance that it is below


@dataclass(frozen=True, slots=True)
class UvlExport:
    """The text, the model that it states, and which feature is which.

    `auxiliary`: features that hold a rounded term, with that term. `left_out`: rules that UVL cannot say, and why.
    `instances`: of what is repeated each instance, by the product's id for it. What is below a feature with a
    cardinality is called as it is when instances are written out (`feature_instances`), and in `auxiliary` not at all.
    `written_out`: components that are no feature with a cardinality, and why.
    """

    text: str
    model: FeatureModel
    options: Mapping[tuple[GroupId, OptionId], str] = field(repr=False)
    groups: Mapping[GroupId, str] = field(repr=False)
    parameters: Mapping[ParameterId, str] = field(repr=False)
    auxiliary: Mapping[str, Expression] = field(repr=False)
    left_out: tuple[tuple[RuleId, str], ...] = ()
    instances: Mapping[str, str] = field(default_factory=dict, repr=False)
    written_out: tuple[tuple[str, str], ...] = ()


def write_uvl(source: ConfigurationProblem | ProductContent) -> str:
    """The UVL text of a problem or of a product."""
    return export_uvl(source).text


def export_uvl(source: ConfigurationProblem | ProductContent) -> UvlExport:
    """The UVL text of a problem or of a product, and which of its features stands for what."""
    if isinstance(source, ConfigurationProblem):
        return _Export(source, "configuration", {}).export()
    return _of_product(source, set(), below=False).export()


def _of_product(product: ProductContent, taken: set[str], *, below: bool) -> _Export:
    """With the components that can stand apart. `taken`: names that features have already."""
    several: list[Apart] = []
    written: list[tuple[str, str]] = []
    for component in product.components:
        found = apart(product, component)
        if isinstance(found, Apart):
            trial = _of_product(found.inside, set(), below=True)
            trial.say_all()
            if trial.left_out:
                found = "; ".join(f"rule {rule}: {why}" for rule, why in trial.left_out)
        if isinstance(found, Apart):
            several.append(found)
        else:
            written.append((component.id, found))
    texts = {RuleId(rule.id): rule.text.en for rule in product.rules}
    export = _Export(state(without(product, several)), product.code, texts, taken, below=below)
    export.written_out = written
    for one in several:
        inner = _of_product(one.inside, taken, below=True)
        export.written_out += inner.written_out
        export.repeated.append((one, inner))
    return export


class _CannotSay(ValueError):
    """Why UVL has no way to say it."""


class _Export:
    """`below`: all of it is below a feature with a cardinality."""

    def __init__(
        self,
        problem: ConfigurationProblem,
        name: str,
        texts: Mapping[RuleId, str],
        taken: set[str] | None = None,
        *,
        below: bool = False,
    ) -> None:
        self.problem = problem
        self.texts = texts
        self.below = below
        self.repeated: list[tuple[Apart, _Export]] = []
        self.written_out: list[tuple[str, str]] = []
        self.taken: set[str] = set() if taken is None else taken
        self.groups = {group.id: self._free(group.id) for group in problem.groups}
        self.parameters = {parameter.id: self._free(parameter.id) for parameter in problem.parameters}
        self.options = self._named_options()
        self.root = self._free(name)
        self.constraints: list[Constraint] = []
        self.remarks: dict[int, str] = {}
        self.left_out: list[tuple[RuleId, str]] = []
        self.say = _Saying(self)

    def _free(self, wanted: str) -> str:
        plain = "".join("_" if sign in '"\r\n.' else sign for sign in wanted) or "_"
        number, found = 2, plain
        while found in self.taken:
            found, number = f"{plain}_{number}", number + 1
        self.taken.add(found)
        return found

    def free(self, wanted: str) -> str:
        """A name that no feature has yet."""
        return self._free(wanted)

    def _named_options(self) -> dict[tuple[GroupId, OptionId], str]:
        often: dict[str, int] = {}
        for group in self.problem.groups:
            for option in group.options:
                often[option] = often.get(option, 0) + 1
        return {
            (group.id, option): self._free(
                option if often[option] == 1 and option not in self.taken else f"{group.id}_{option}"
            )
            for group in self.problem.groups
            for option in group.options
        }

    def export(self) -> UvlExport:
        """Everything, the tree last: only then it is known which attributes and features the rules need."""
        self.say_all()
        tree, features = self._tree()
        levels = _levels(tree, features, bool(self.say.sums))
        model = FeatureModel(self.root, features, tree, tuple(self.constraints), levels=levels)
        comments = [f"Left out, UVL cannot say it: rule {rule}: {why}" for rule, why in self.left_out]
        comments += [f"Written out, no feature cardinality: component {one}: {why}" for one, why in self.written_out]
        named = self.named()
        return UvlExport(
            print_uvl(model, comments, self.remarks),
            model,
            {place: called(*feature) for place, feature in named.options.items()},
            {group: called(*feature) for group, feature in named.groups.items()},
            {parameter: called(*feature) for parameter, feature in named.parameters.items()},
            {one.feature.name: one.expression for one in self.say.rounded.values()},
            tuple(self.left_out),
            {instance: called(*feature) for instance, feature in named.instances.items()},
            tuple(self.written_out),
        )

    def named(self) -> _Named:
        """Which feature is which, those of each instance too."""
        named = _Named(
            {place: (name, ()) for place, name in self.options.items()},
            {group: (name, ()) for group, name in self.groups.items()},
            {parameter: (name, ()) for parameter, name in self.parameters.items()},
        )
        for one, inner in self.repeated:
            if one.component.number is None:
                named.parameters[ParameterId(one.component.count)] = (inner.root, ())
            below = inner.named()
            for number in range(1, one.instances.maximum + 1):
                named.add(below, f"{one.component.id}_{number}", number)
                named.instances[f"{one.component.id}_{number}"] = (inner.root, (number,))
        return named

    def say_all(self) -> None:
        """What must hold, of what is repeated too."""
        for parameter in self.problem.parameters:
            self._add_numbers(parameter)
        self._add_conditions()
        conditions = {when_id(group.id) for group in self.problem.groups}
        conditions |= {when_id(parameter.id) for parameter in self.problem.parameters}
        for rule in self.problem.constraints:
            if isinstance(rule, TableRule):
                self._add(rule.id, partial(self._table, rule))
            elif rule.id not in conditions:
                self._add(rule.id, partial(self._expression, rule.expression))
        for _, inner in self.repeated:
            inner.say_all()
            self.remarks.update((len(self.constraints) + place, text) for place, text in inner.remarks.items())
            self.constraints += inner.constraints

    # --- rules ---

    def _add(self, rule: RuleId, stated: Callable[[], list[Term]]) -> None:
        """What the rule says, after what defines the features that it needs; or nothing, and why."""
        known = dict(self.say.rounded)
        try:
            terms = stated()
            added = [one for key, one in self.say.rounded.items() if key not in known]
            terms = [*(term for one in added for term in one.terms), *terms]
            if any(len(print_term(term)) > MAXIMUM_LINE for term in terms):
                raise _CannotSay("it would be a very long line")
        except (_CannotSay, TooDeep, CannotPrint, TooLarge) as error:
            self.say.rounded = known
            self.left_out.append((rule, str(error)))
            return
        text = self.texts.get(rule)
        self.remarks[len(self.constraints)] = rule if text is None else f"{rule}: {text}"
        self.constraints.extend(Constraint(0, rule, term) for term in terms)

    def _add_numbers(self, parameter: IntegerParameter) -> None:
        """The numbers that may be entered. The attributes of the feature say the same, but only to this reader."""
        number = Reference((self.parameters[parameter.id],))
        asked = parameter.asked
        held: list[Term] = [_between(number, asked[0], asked[-1])]
        if parameter.step > 1 and 1 < len(asked) <= MAXIMUM_LISTED:
            held.append(_any([_compared(number, Operator.EQUAL, one) for one in asked]))
        for term in held:
            term = term if parameter.when is None else Operation(Operator.IMPLIES, (number, term))
            self.constraints.append(Constraint(0, "", term))

    def _add_conditions(self) -> None:
        """A group or parameter is a chosen feature exactly where it is asked; one that may stay empty, only there."""
        for group in self.problem.groups:
            if group.when is not None:
                operator = Operator.IMPLIES if _is_optional(group) else Operator.EQUIVALENT
                self._add(when_id(group.id), partial(self._condition, self.groups[group.id], operator, group.when))
        for parameter in self.problem.parameters:
            if parameter.when is not None:
                stated = partial(
                    self._condition, self.parameters[parameter.id], Operator.EQUIVALENT, parameter.when
                )
                self._add(when_id(parameter.id), stated)

    def _condition(self, feature: str, operator: Operator, when: Expression) -> list[Term]:
        chosen, held = Reference((feature,)), self.say.truth(when)
        if operator is Operator.IMPLIES and not self.say.never_divides_by_zero(when):
            # The condition comes first, as in the problem: where it has no value, nothing is valid.
            return [Operation(Operator.OR, (held, Operation(Operator.NOT, (chosen,))))]
        return [Operation(operator, (chosen, held))]

    def _expression(self, expression: Expression) -> list[Term]:
        return [self.say.truth(expression)]

    def _table(self, rule: TableRule) -> list[Term]:
        """Allowed rows by the option in the first column, forbidden ones each by itself."""

        def cells(row: Sequence[OptionId], skipped: int) -> list[Term]:
            named = list(zip(rule.groups, row, strict=True))[skipped:]
            return [Reference((self.options[group, option],)) for group, option in named]

        if not rule.allowed:
            return [Operation(Operator.NOT, (_all(cells(row, 0)),)) for row in dict.fromkeys(rule.rows)]
        by_option: dict[OptionId, list[Term]] = {
            option: [] for option in self.problem.group_by_id[rule.groups[0]].options
        }
        for row in dict.fromkeys(rule.rows):
            by_option[row[0]].append(_all(cells(row, 1)) if len(row) > 1 else _TRUE)
        terms: list[Term] = []
        for option, rest in by_option.items():
            chosen = Reference((self.options[rule.groups[0], option],))
            terms.append(
                Operation(Operator.IMPLIES, (chosen, _any(rest))) if rest else Operation(Operator.NOT, (chosen,))
            )
        return terms

    # --- the tree ---

    def _tree(self) -> tuple[tuple[FeatureGroup, ...], dict[str, Feature]]:
        rounded = [one.feature for one in self.say.rounded.values()]
        needed = [self.groups[group.id] for group in self.problem.groups if not _may_be_absent(group)]
        needed += [self.parameters[one.id] for one in self.problem.parameters if one.when is None]
        needed += [feature.name for feature in rounded]
        needed += [inner.root for _, inner in self.repeated]
        free = [self.groups[group.id] for group in self.problem.groups if _may_be_absent(group)]
        free += [self.parameters[one.id] for one in self.problem.parameters if one.when is not None]
        tree: list[FeatureGroup] = []
        if needed:
            tree.append(FeatureGroup(self.root, GroupKind.MANDATORY, tuple(needed), 0, len(needed), len(needed)))
        if free:
            tree.append(FeatureGroup(self.root, GroupKind.OPTIONAL, tuple(free), 0, 0, len(free)))
        features = {self.root: Feature(self.root, 0, abstract=True)}
        for group in self.problem.groups:
            tree.append(self._group(group))
            features[self.groups[group.id]] = Feature(self.groups[group.id], 0, abstract=True)
            features.update((name, Feature(name, 0)) for name in tree[-1].members)
        for parameter in self.problem.parameters:
            name = self.parameters[parameter.id]
            features[name] = _number_feature(name, parameter.minimum, parameter.maximum, parameter.step)
        features.update((feature.name, feature) for feature in rounded)
        for name, attributes in self.say.attributes.items():
            features[name] = replace(features[name], attributes={**features[name].attributes, **attributes})
        for apart_, inner in self.repeated:
            below, inside = inner._tree()
            tree.extend(below)
            features.update(inside)
            features[inner.root] = Feature(inner.root, 0, instances=apart_.instances)
        for one in tree:
            features.update((name, replace(features[name], parent=one.parent)) for name in one.members)
        return tuple(tree), features

    def _group(self, group: OptionGroup) -> FeatureGroup:
        members = tuple(self.options[group.id, option] for option in group.options)
        count = len(members)
        low, high = max(group.minimum, 1) if _is_optional(group) else group.minimum, group.maximum
        kinds = {
            (0, count): GroupKind.OPTIONAL,
            (1, count): GroupKind.OR,
            (1, 1): GroupKind.ALTERNATIVE,
            (count, count): GroupKind.MANDATORY,
        }
        return FeatureGroup(self.groups[group.id], kinds.get((low, high), GroupKind.CARDINALITY), members, 0, low, high)


@dataclass(frozen=True, slots=True)
class _Named:
    """Features by what they stand for: what they are called, and below which instances."""

    options: dict[tuple[GroupId, OptionId], _Called]
    groups: dict[GroupId, _Called]
    parameters: dict[ParameterId, _Called]
    instances: dict[str, _Called] = field(default_factory=dict)

    def add(self, below: _Named, instance: str, number: int) -> None:
        """What is in one instance, by the product's ids."""
        for (group, option), (name, place) in below.options.items():
            self.options[GroupId(f"{instance}_{group}"), option] = (name, (number, *place))
        for group, (name, place) in below.groups.items():
            self.groups[GroupId(f"{instance}_{group}")] = (name, (number, *place))
        for parameter, (name, place) in below.parameters.items():
            self.parameters[ParameterId(f"{instance}_{parameter}")] = (name, (number, *place))
        for inner, (name, place) in below.instances.items():
            self.instances[f"{instance}_{inner}"] = (name, (number, *place))


def _is_optional(group: OptionGroup) -> bool:
    """Whether the group's feature is chosen exactly where one of its options is."""
    return group.minimum == 0 and group.single


def _may_be_absent(group: OptionGroup) -> bool:
    return group.when is not None or _is_optional(group)


def _number_feature(name: str, minimum: int, maximum: int, step: int = 1) -> Feature:
    attributes = {"min": Fraction(minimum), "max": Fraction(maximum)}
    if step != 1:
        attributes["step"] = Fraction(step)
    return Feature(name, 0, FeatureType.INTEGER, attributes)


def _levels(tree: Iterable[FeatureGroup], features: Mapping[str, Feature], sums: bool) -> tuple[str, ...]:
    levels = ["Boolean"]
    if any(group.kind is GroupKind.CARDINALITY for group in tree):
        levels.append("Boolean.group-cardinality")
    if any(feature.instances is not None for feature in features.values()):
        levels.append("Arithmetic.feature-cardinality")
    if sums:
        levels.append("Arithmetic.aggregate-function")
    if any(feature.type is FeatureType.INTEGER for feature in features.values()):
        levels.extend(("Arithmetic", "Type"))
    return tuple(levels)


# --- expressions as terms -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Rounded:
    """An Integer feature that is a term rounded, and the constraints that make it so."""

    expression: Expression
    feature: Feature
    terms: tuple[Term, ...]


class _Saying:
    """Expressions as terms of UVL; keeps the attributes and features that they need."""

    def __init__(self, export: _Export) -> None:
        self._export = export
        self._problem = export.problem
        self.derived = {one.id: one.expression for one in export.problem.derived}
        self.attributes: dict[str, dict[str, Fraction]] = {}  # of each feature
        self.sums: dict[tuple[str, str | None], str] = {}  # the attribute whose sum is that number
        self.rounded: dict[Expression, _Rounded] = {}

    # --- what holds or not ---

    def truth(self, expression: Expression) -> Term:
        """What holds exactly where the expression is not 0."""
        match expression:
            case Not(operand=operand):
                return Operation(Operator.NOT, (self.truth(operand),))
            case And(operands=operands):
                return _all([self.truth(operand) for operand in operands])
            case Or(operands=operands):
                return _any([self.truth(operand) for operand in operands])
            case Implies(left=left, right=right):
                return Operation(Operator.IMPLIES, (self.truth(left), self.truth(right)))
            case Comparison(left=left, comparator=comparator, right=right):
                return self._comparison(left, _OPERATORS[comparator], right)
            case When(condition=condition, yes=yes, no=no):
                return self._chosen_truth(((condition, yes),), no)
            case Cases(cases=cases, otherwise=otherwise):
                return self._chosen_truth(cases, otherwise)
            case Member(group=group, name=name) if (place := (GroupId(group), OptionId(name))) in self._export.options:
                return Reference((self._export.options[place],))
            case Number(value=value):
                return _TRUE if value else _FALSE
        return self._comparison(expression, Operator.UNEQUAL, Number(Fraction(0)))

    def _chosen_truth(self, cases: Iterable[tuple[Expression, Expression]], otherwise: Expression) -> Term:
        ways: list[Term] = []
        passed: list[Term] = []
        for condition, value in cases:
            held = self.truth(condition)
            ways.append(_all([*passed, held, self.truth(value)]))
            passed.append(Operation(Operator.NOT, (held,)))
        ways.append(_all([*passed, self.truth(otherwise)]))
        return _any(ways)

    def _comparison(self, left: Expression, operator: Operator, right: Expression) -> Term:
        ways = self._together([left, right])
        return _any([_all([*conditions, Operation(operator, terms)]) for conditions, terms in ways])

    # --- numbers ---

    def _together(self, parts: Sequence[Expression]) -> list[tuple[tuple[Term, ...], tuple[Term, ...]]]:
        """The cases of several expressions at once."""
        found: list[list[Case]] = []
        count = 1
        for part in parts:
            found.append(self._cases(part))
            count *= len(found[-1])
            if count > MAXIMUM_CASES:
                raise _CannotSay(f"it has more than {MAXIMUM_CASES} cases")
        return [
            (tuple(dict.fromkeys(c for conditions, _ in row for c in conditions)), tuple(term for _, term in row))
            for row in product(*found)
        ]

    def _combined(self, parts: Sequence[Expression], made: Callable[..., Term]) -> list[Case]:
        """The cases of something that is made of parts."""
        return [(conditions, made(*terms)) for conditions, terms in self._together(parts)]

    def _cases(self, expression: Expression) -> list[Case]:
        """The expression as a number: cases of which exactly one holds, each with its value."""
        match expression:
            case Number(value=value):
                return [((), NumberTerm(value))]
            case Member(group=group, name=name):
                return self._by_choice(group, name) if self._export.below else [((), self._sum(group, name))]
            case Parameter(name=name):
                return self._cases(self.derived[name]) if name in self.derived else [((), self._parameter(name))]
            case Negative(operand=operand):
                return self._combined([operand], _negative)
            case Sum(operands=operands):
                return self._combined(operands, _plus)
            case Product(operands=operands):
                return self._combined(operands, _times)
            case Quotient(left=left, right=right):
                return self._combined([left, right], _divided)
            case Min(operands=operands):
                return self._extreme(operands, Operator.LESS_OR_EQUAL, Operator.LESS)
            case Max(operands=operands):
                return self._extreme(operands, Operator.GREATER_OR_EQUAL, Operator.GREATER)
            case When(condition=condition, yes=yes, no=no):
                return self._chosen_number(((condition, yes),), no)
            case Cases(cases=cases, otherwise=otherwise):
                return self._chosen_number(cases, otherwise)
            case Floor() | Ceil():
                return self._rounding(expression)
            case Modulo(left=left, right=right):
                return self._modulo(left, right)
            case Not() | And() | Or() | Implies() | Comparison():
                held = self.truth(expression)
                return [((held,), _ONE), ((Operation(Operator.NOT, (held,)),), _ZERO)]
        raise _CannotSay("it asks what no rule can")

    def _chosen_number(self, cases: Iterable[tuple[Expression, Expression]], otherwise: Expression) -> list[Case]:
        ways: list[Case] = []
        passed: tuple[Term, ...] = ()
        for condition, value in cases:
            held = self.truth(condition)
            ways.extend(((*passed, held, *more), term) for more, term in self._cases(value))
            passed = (*passed, Operation(Operator.NOT, (held,)))
        ways.extend(((*passed, *more), term) for more, term in self._cases(otherwise))
        if len(ways) > MAXIMUM_CASES:
            raise _CannotSay(f"it has more than {MAXIMUM_CASES} cases")
        return ways

    def _extreme(self, operands: Sequence[Expression], at_best: Operator, better: Operator) -> list[Case]:
        """The first of the best: better than those before it, at least as good as those after it."""
        ways: list[Case] = []
        for conditions, terms in self._together(operands):
            for place, best in enumerate(terms):
                others = [
                    Operation(better if other < place else at_best, (best, one))
                    for other, one in enumerate(terms)
                    if other != place
                ]
                ways.append(((*conditions, *others), best))
        if len(ways) > MAXIMUM_CASES:
            raise _CannotSay(f"it has more than {MAXIMUM_CASES} cases")
        return ways

    def _by_choice(self, group: str, name: str) -> list[Case]:
        """A group's number, or 1 where an option is chosen, without a sum: by what is chosen."""
        found = self._problem.group_by_id[GroupId(group)]
        if found.single:
            numbers = self._by_option(found, Member(group, name))
            return [(conditions, NumberTerm(number)) for conditions, number in numbers]
        options = [OptionId(name)] if OptionId(name) in found.options else list(found.numbers[name])
        ways: list[list[Case]] = []
        for option in options:
            chosen = Reference((self._export.options[found.id, option],))
            number = Fraction(1 if OptionId(name) in found.options else found.numbers[name][option])
            ways.append([((chosen,), NumberTerm(number)), ((Operation(Operator.NOT, (chosen,)),), _ZERO)])
        if 2 ** len(ways) > MAXIMUM_CASES:
            raise _CannotSay(f"it has more than {MAXIMUM_CASES} cases")
        return [
            (tuple(one for conditions, _ in row for one in conditions), _plus(*(term for _, term in row)))
            for row in product(*ways)
        ]

    def _sum(self, group: str, name: str) -> Term:
        """A group's number, or 1 where an option is chosen: the sum of an attribute that nothing else has."""
        found = self._problem.group_by_id[GroupId(group)]
        if OptionId(name) in found.options:
            numbers = {OptionId(name): 1}
        else:
            numbers = {option: number for option, number in found.numbers[name].items() if number}
        if not numbers:
            return NumberTerm(Fraction(0))
        features = {self._export.options[found.id, option]: number for option, number in numbers.items()}
        return self._sum_of((group, name), f"{group}_{name}", features)

    def _sum_of(self, key: tuple[str, str | None], wanted: str, features: Mapping[str, int]) -> Term:
        attribute = self.sums.get(key)
        if attribute is None:
            attribute = self._export.free(wanted)
            self.sums[key] = attribute
            for feature, number in features.items():
                self.attributes.setdefault(feature, {})[attribute] = Fraction(number)
        return Aggregate("sum", (Reference((attribute,)),))

    def _parameter(self, name: str) -> Term:
        parameter = self._problem.parameter_by_id[ParameterId(name)]
        feature = self._export.parameters[parameter.id]
        number = Reference((feature,))
        if parameter.when is None or parameter.otherwise == 0:
            return number
        if self._export.below:
            raise _CannotSay(f"{name} is not 0 where it is not asked, below a cardinality")
        asked = self._sum_of((name, None), f"{name}_asked", {feature: 1})  # a feature that is not chosen counts as 0
        otherwise = Fraction(parameter.otherwise)
        return _plus(number, NumberTerm(otherwise), _negative(_times(NumberTerm(otherwise), asked)))

    # --- rounding ---

    def _bound(self, expression: Expression) -> Bound:
        return bound(expression, self._asked)

    def _asked(self, name: Member | Parameter) -> Bound:
        if isinstance(name, Member):
            return Bound(*self._problem.group_by_id[GroupId(name.group)].span(name.name))
        if name.name in self.derived:
            return self._bound(self.derived[name.name])
        values = self._problem.parameter_by_id[ParameterId(name.name)].values
        return Bound(values[0], values[-1])

    def _rounding(self, expression: Floor | Ceil) -> list[Case]:
        """A feature that is the operand rounded; where it is divided by one of few numbers, one feature for each."""
        operand = expression.operand
        if self._bound(operand).denominator == 1:
            return self._cases(operand)
        if isinstance(operand, Quotient) and not self._is_constant(operand.right):
            found: list[Case] = []
            for conditions, divisor in self._values(operand.right):
                if divisor == 0:
                    found.append((conditions, _BY_ZERO))
                    continue
                part = replace(expression, operand=Quotient(operand.left, number_of(divisor)))
                found.extend(((*conditions, *more), term) for more, term in self._rounding(part))
            return found
        if not self.never_divides_by_zero(operand):
            raise _CannotSay("it rounds a division by what may be 0")
        known = self.rounded.get(expression)
        if known is None:
            known = self._new_rounded(expression)
            self.rounded[expression] = known
        return [((), Reference((known.feature.name,)))]

    def _new_rounded(self, expression: Floor | Ceil) -> _Rounded:
        """The feature k with k <= operand < k + 1; rounded up: k - 1 < operand <= k."""
        span = self._bound(expression)
        low, high = int(span.low), int(span.high)
        name = self._export.free(f"rounded {len(self.rounded) + 1}")
        number = Reference((name,))
        ends: tuple[Term, Term] = (number, _plus(number, _ONE))
        signs = (Operator.LESS_OR_EQUAL, Operator.LESS)
        if isinstance(expression, Ceil):
            ends, signs = (_plus(number, NumberTerm(Fraction(-1))), number), (Operator.LESS, Operator.LESS_OR_EQUAL)
        terms: list[Term] = [_between(number, low, high)]
        for conditions, value in self._cases(expression.operand):
            above = Operation(signs[0], (ends[0], value))
            below = Operation(signs[1], (value, ends[1]))
            for held in (above, below):
                terms.append(Operation(Operator.IMPLIES, (_all(list(conditions)), held)) if conditions else held)
        return _Rounded(expression, _number_feature(name, low, high), tuple(terms))

    def _modulo(self, left: Expression, right: Expression) -> list[Case]:
        """left - divisor * floor(left / divisor), for each number that the divisor may be."""
        found: list[Case] = []
        for conditions, divisor in self._values(right):
            if divisor == 0:
                found.append((conditions, _BY_ZERO))
                continue
            whole = Floor(Quotient(left, number_of(divisor)))
            rest = Sum((left, Negative(Product((number_of(divisor), whole)))))
            found.extend(((*conditions, *more), term) for more, term in self._cases(rest))
        return found

    def _values(self, expression: Expression) -> list[tuple[tuple[Term, ...], Fraction]]:
        """Each number that the expression may be, and where it is that one."""
        if self._is_constant(expression):
            return [((), Fraction(self._bound(expression).low))]
        if isinstance(expression, Parameter) and expression.name in self.derived:
            return self._values(self.derived[expression.name])
        if isinstance(expression, Parameter):
            values = self._problem.parameter_by_id[ParameterId(expression.name)].values
            if len(values) <= MAXIMUM_DIVISORS:
                number = self._parameter(expression.name)
                return [((_compared(number, Operator.EQUAL, one),), Fraction(one)) for one in values]
        groups = {group for group, member in names_in(expression) if member is not None}
        if len(groups) == 1 == len({member is not None for _, member in names_in(expression)}):
            group = self._problem.group_by_id[GroupId(groups.pop())]
            if group.single:
                return self._by_option(group, expression)
        raise _CannotSay("it rounds a division by what has many values")

    def _by_option(self, group: OptionGroup, expression: Expression) -> list[tuple[tuple[Term, ...], Fraction]]:
        """The numbers of an expression that asks one group only, of which one option can be chosen."""
        features = {option: Reference((self._export.options[group.id, option],)) for option in group.options}
        ways: list[tuple[Term, OptionId | None]] = [(feature, option) for option, feature in features.items()]
        if group.may_be_empty:
            ways.append((Operation(Operator.NOT, (_any(list(features.values())),)), None))
        by_number: dict[Fraction, list[Term]] = {}
        for held, option in ways:
            try:
                number = Fraction(expression.evaluate(_OneChoice(group, option)))
            except DividedByZero:
                raise _CannotSay("it divides by what may be 0 within a division") from None
            by_number.setdefault(number, []).append(held)
        return [((_any(terms),), number) for number, terms in by_number.items()]

    def _is_constant(self, expression: Expression) -> bool:
        found = self._bound(expression)
        return found.low == found.high

    def never_divides_by_zero(self, expression: Expression) -> bool:
        """Whether the expression has a value whatever is chosen and entered."""
        waiting = [expression]
        while waiting:
            part = waiting.pop()
            if isinstance(part, Parameter) and part.name in self.derived:
                waiting.append(self.derived[part.name])
            if isinstance(part, Quotient | Modulo):
                divisor = self._bound(part.right)
                if divisor.low <= 0 <= divisor.high:
                    return False
            waiting.extend(part.children())
        return True


@dataclass(frozen=True, slots=True)
class _OneChoice:
    """Answers in which one group has one option, or none."""

    group: OptionGroup
    option: OptionId | None

    def member(self, group: str, name: str) -> bool | int:
        """Whether the option is chosen, or its number."""
        numbers = self.group.numbers.get(name)
        if numbers is None:
            return name == self.option
        return 0 if self.option is None else numbers.get(self.option, 0)

    def parameter(self, name: str) -> int:
        """No number is asked."""
        raise KeyError(name)

    def text(self, name: str) -> str:
        """No text is asked."""
        raise KeyError(name)


_ONE: Final = NumberTerm(Fraction(1))
_ZERO: Final = NumberTerm(Fraction(0))
_TRUE: Final = Operation(Operator.EQUAL, (_ONE, _ONE))
_FALSE: Final = Operation(Operator.EQUAL, (_ONE, _ZERO))
_BY_ZERO: Final = Operation(Operator.DIVIDE, (_ONE, _ZERO))  # what has no value, and so breaks the rule



def _compared(term: Term, operator: Operator, number: int) -> Operation:
    return Operation(operator, (term, NumberTerm(Fraction(number))))


def _between(term: Term, low: int, high: int) -> Term:
    ends = (_compared(term, Operator.GREATER_OR_EQUAL, low), _compared(term, Operator.LESS_OR_EQUAL, high))
    return Operation(Operator.AND, ends)


def _all(terms: Sequence[Term]) -> Term:
    return _joined(Operator.AND, terms)


def _any(terms: Sequence[Term]) -> Term:
    return _joined(Operator.OR, terms)


def _joined(operator: Operator, terms: Sequence[Term]) -> Term:
    flat: list[Term] = []
    for term in terms:
        flat.extend(term.operands if isinstance(term, Operation) and term.operator is operator else (term,))
    return flat[0] if len(flat) == 1 else Operation(operator, tuple(flat))


def _negative(term: Term) -> Term:
    if isinstance(term, NumberTerm):
        return NumberTerm(-term.value)
    if isinstance(term, Operation) and term.operator is Operator.NEGATIVE:
        return term.operands[0]
    return Operation(Operator.NEGATIVE, (term,))


def _plus(*terms: Term) -> Term:
    return Operation(Operator.PLUS, terms)


def _times(*terms: Term) -> Term:
    return Operation(Operator.TIMES, terms)


def _divided(left: Term, right: Term) -> Term:
    return Operation(Operator.DIVIDE, (left, right))
