"""Two revisions of a product, compared in what can be had and not in their text.

Both are stated over the same questions, side by side: each rule of the one is asked for a variant of the other that it
forbids. Questions that only one of them has are answered there and nowhere else, so a variant of the one counts as
kept if the other has one with the same answers to the questions that both ask.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from math import gcd
from typing import Final, TypeVar

from catalog.state import names_asked
from solver.configuration.compile import CompiledProblem
from solver.configuration.count import Counted, count
from solver.configuration.problem import (
    ConfigurationProblem,
    Derived,
    ExpressionRule,
    GroupId,
    IntegerParameter,
    InvalidProblem,
    OptionGroup,
    OptionId,
    Rule,
    RuleId,
    TableRule,
    Variant,
)
from solver.configuration.question import Clock, OutOfTime
from solver.configuration.questions import ZERO, Questions, broken_id, opposite
from solver.configuration.rules import (
    And,
    Comparator,
    Comparison,
    Expression,
    Member,
    Modulo,
    Negative,
    Not,
    Number,
    Or,
    Parameter,
    Sum,
    number_of,
    rebuilt,
    sum_of,
)
from solver.configuration.session import OptionState, valid_domains

_ONE: Final = 3.0  # seconds for one question
_MOST: Final = 50  # examples on either side
OWN: Final = ":limits"  # ends the id of what a question itself allows: its options, how many, its numbers

Option = tuple[str, str]
Id = TypeVar("Id")
One = TypeVar("One")


@dataclass(frozen=True, slots=True)
class Example:
    """A variant of one revision that the other does not have, because of `rule` (of the other)."""

    rule: str
    variant: Variant


@dataclass(frozen=True, slots=True)
class Difference:
    """What changes from the old revision to the new one.

    `gained`, `lost`: options that some variant has only after, or only before. `only_old`, `only_new`: for each rule
    that forbids something which the other revision has, an example. `unsettled`: rules about which time says nothing.
    `same`: whether both have the same variants; None if that is not settled.
    """

    same: bool | None = None
    gained: tuple[Option, ...] = ()
    lost: tuple[Option, ...] = ()
    new_questions: tuple[str, ...] = ()
    gone_questions: tuple[str, ...] = ()
    only_old: tuple[Example, ...] = ()
    only_new: tuple[Example, ...] = ()
    unsettled: tuple[str, ...] = ()
    old_count: Counted | None = None
    new_count: Counted | None = None


def compare(
    old: CompiledProblem,
    new: CompiledProblem,
    *,
    seconds: float = 20.0,
    new_count: Counted | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> Difference:
    """Compare two revisions that both have variants. `new_count`: if the new one was counted already."""
    clock = Clock.of(seconds)
    before, after = _live(old, seconds), _live(new, seconds)
    lost: tuple[Example, ...] = ()
    gained: tuple[Example, ...] = ()
    try:
        questions = _Both(old.problem, new.problem)
    except InvalidProblem:  # side by side something could leave what is reckoned exactly
        unsettled: tuple[str, ...] = tuple(str(rule.id) for rule in new.problem.constraints)
    else:
        lost, left_old = questions.only(_OLD, Clock.of(clock.left * 0.4), stop)
        gained, left_new = questions.only(_NEW, Clock.of(clock.left * 0.6), stop)
        unsettled = tuple(dict.fromkeys((*left_old, *left_new)))
    old_questions, new_questions = _ids(old.problem), _ids(new.problem)
    same: bool | None = not lost and not gained
    if same and (unsettled or old_questions != new_questions):
        same = None if old_questions == new_questions else False
    return Difference(
        same=same,
        gained=tuple(one for one in after if one not in before),
        lost=tuple(one for one in before if one not in after),
        new_questions=tuple(one for one in new_questions if one not in old_questions),
        gone_questions=tuple(one for one in old_questions if one not in new_questions),
        only_old=lost,
        only_new=gained,
        unsettled=unsettled,
        old_count=count(old, Clock.of(clock.left * 0.5), stop=stop),
        new_count=new_count or count(new, clock, stop=stop),
    )


def _live(compiled: CompiledProblem, seconds: float) -> list[Option]:
    """Options that some variant has, as far as time settles it."""
    found = valid_domains(compiled, (), seconds=max(0.1, min(_ONE, seconds)))
    assert found is not None
    return [
        (group, option)
        for group, states in found.options.items()
        for option, state in states.items()
        if state is not OptionState.EXCLUDED
    ]


def _ids(problem: ConfigurationProblem) -> list[str]:
    return [*(str(g.id) for g in problem.groups), *(str(p.id) for p in problem.parameters)]


# --- both over the same questions -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Side:
    """One of the two: what begins its names."""

    name: str
    other: str

    def __call__(self, name: str) -> str:
        return f"{self.name}:{name}"


_OLD: Final = _Side("old", "new")
_NEW: Final = _Side("new", "old")


class _Both:
    """The rules of both sides over the questions of both."""

    def __init__(self, old: ConfigurationProblem, new: ConfigurationProblem) -> None:
        self._of = {_OLD.name: old, _NEW.name: new}
        self._base = _base(old, new)
        self._rules = {side.name: [*_rules_of(side, self._of[side.name], self._base)] for side in (_OLD, _NEW)}
        self._lost: frozenset[RuleId] = frozenset()
        plain = {rule.id.partition(":")[2]: rule for rule in self._rules["old"]}
        # A rule that is the same on both sides forbids nothing that the other side has.
        self._equal = {
            rule.id.partition(":")[2]
            for rule in self._rules["new"]
            if _same(rule, plain.get(rule.id.partition(":")[2]), self._of["old"], self._of["new"])
        }
        self._questions = self._asked()

    def only(
        self, side: _Side, clock: Clock, stop: Callable[[], bool]
    ) -> tuple[tuple[Example, ...], tuple[str, ...]]:
        """Variants of this side that the other one does not have, one for each rule of the other; what is unsettled."""
        own = [rule.id for rule in self._rules[side.name]]
        shared = frozenset(_ids(self._of[side.name]))
        found: list[Example] = []
        unsettled: list[str] = []
        for rule in self._rules[side.other]:
            name = rule.id.partition(":")[2]
            if name in self._equal:
                continue
            if len(found) == _MOST or clock.left <= 0 or stop() or broken_id(rule.id) in self._lost:
                unsettled.append(name)
                continue
            if not _names(self._questions.stated, rule) <= shared:
                unsettled.append(name)  # some answer to a question of its own might allow it
                continue
            try:
                variant = self._questions.find([*own, broken_id(rule.id)], Clock.of(min(_ONE, clock.left)))
            except OutOfTime:
                unsettled.append(name)
            else:
                if variant is not None:
                    found.append(Example(name, _of_side(variant, self._of[side.name])))
        return tuple(found), tuple(unsettled)

    def _asked(self) -> Questions:
        rules = [*self._rules["old"], *self._rules["new"]]
        opposites: list[Rule] = []
        lost: set[RuleId] = set()
        for rule in rules:
            try:
                opposites.append(opposite(rule))
            except ValueError:  # one level too many
                lost.add(broken_id(rule.id))
        self._lost = frozenset(lost)
        return Questions(self._base, [*rules, *opposites])


def _of_side(variant: Variant, problem: ConfigurationProblem) -> Variant:
    """What the variant answers to the questions of one side."""
    return Variant(
        {group.id: variant.chosen[group.id] & frozenset(group.options) for group in problem.groups},
        {parameter.id: variant.numbers[parameter.id] for parameter in problem.parameters},
    )


def _names(problem: ConfigurationProblem, rule: Rule) -> frozenset[str]:
    if isinstance(rule, TableRule):
        return frozenset(map(str, rule.groups))
    return names_asked(problem, rule.expression)


def _same(new: Rule, old: Rule | None, before: ConfigurationProblem, after: ConfigurationProblem) -> bool:
    """Whether two rules say the same in the same words, about questions whose numbers are the same."""
    if old is None:
        return False
    if isinstance(new, TableRule) or isinstance(old, TableRule):
        return isinstance(new, TableRule) and isinstance(old, TableRule) and replace(old, id=new.id) == new
    return _plain(new.expression) == _plain(old.expression) and _plain_derived(new, before, after)


def _plain(expression: Expression) -> Expression:
    """Without the side that begins names of quantities and numbers."""
    match expression:
        case Member(group=group, name=name):
            return Member(group, name.rpartition(":")[2])
        case Parameter(name=name):
            return Parameter(name.rpartition(":")[2])
    children = expression.children()
    return rebuilt(expression, [_plain(child) for child in children]) if children else expression


def _plain_derived(rule: ExpressionRule, before: ConfigurationProblem, after: ConfigurationProblem) -> bool:
    """Whether the derived quantities and the numbers of options that the rule names are the same on both sides."""
    waiting: list[Expression] = [_plain(rule.expression)]
    while waiting:
        part = waiting.pop()
        if isinstance(part, Parameter) and (part.name in after.derived_by_id or part.name in before.derived_by_id):
            old, new = before.derived_by_id.get(part.name), after.derived_by_id.get(part.name)
            if old is None or new is None or old.expression != new.expression:
                return False
            waiting.append(new.expression)
        elif isinstance(part, Member):
            ends = [p.group_by_id.get(GroupId(part.group)) for p in (before, after)]
            if any(end is None for end in ends) or len({_numbers(end, part.name) for end in ends if end}) > 1:
                return False
        waiting.extend(part.children())
    return True


def _numbers(group: OptionGroup, name: str) -> tuple[tuple[str, int], ...]:
    return tuple(sorted((str(option), number) for option, number in group.numbers.get(name, {}).items()))


def _base(old: ConfigurationProblem, new: ConfigurationProblem) -> ConfigurationProblem:
    """Every question of both, allowing all that either allows; every derived quantity under its side's name."""
    groups: list[OptionGroup] = []
    for one, other in _paired(old.group_by_id, new.group_by_id):
        options = tuple(dict.fromkeys([*(one.options if one else ()), *(other.options if other else ())]))
        numbers: dict[str, Mapping[OptionId, int]] = {}
        for side, group in ((_OLD, one), (_NEW, other)):
            if group is not None:
                numbers |= {side(name): values for name, values in group.numbers.items()}
        both = [group for group in (one, other) if group is not None]
        exactly = all(group.exactly_one and group.options == options for group in both)
        most = max(group.maximum for group in both)
        groups.append(OptionGroup(both[0].id, options, 1 if exactly else 0, most, numbers))
    parameters: list[IntegerParameter] = []
    for one_, other_ in _paired(old.parameter_by_id, new.parameter_by_id):
        both_ = [parameter for parameter in (one_, other_) if parameter is not None]
        ends = [value for parameter in both_ for value in (parameter.values[0], parameter.values[-1])]
        low, high = min(ends), max(ends)
        every = [value - low for parameter in both_ for value in _grid(parameter)]
        parameters.append(IntegerParameter(both_[0].id, low, high, gcd(*every, *(p.step for p in both_)) or 1))
    derived = [
        Derived(side(one.id), _sided(side, problem, one.expression))
        for side, problem in ((_OLD, old), (_NEW, new))
        for one in problem.derived
    ]
    return ConfigurationProblem(tuple(groups), tuple(parameters), (), tuple(derived))


def _grid(parameter: IntegerParameter) -> tuple[int, ...]:
    extra = () if parameter.when is None else (parameter.otherwise,)
    return (parameter.minimum, *extra)


def _paired(old: Mapping[Id, One], new: Mapping[Id, One]) -> Iterator[tuple[One | None, One | None]]:
    for name in dict.fromkeys([*old, *new]):
        yield old.get(name), new.get(name)


def _sided(side: _Side, problem: ConfigurationProblem, expression: Expression) -> Expression:
    """The expression with quantities and numbers of options under the side's names."""
    match expression:
        case Member(group=group, name=name):
            known = problem.group_by_id[GroupId(group)]
            return Member(group, side(name)) if name in known.numbers else expression
        case Parameter(name=name):
            return Parameter(side(name)) if name in problem.derived_by_id else expression
    children = expression.children()
    return rebuilt(expression, [_sided(side, problem, child) for child in children]) if children else expression


def _rules_of(side: _Side, problem: ConfigurationProblem, base: ConfigurationProblem) -> Iterator[Rule]:
    """The side's rules under its names, and what each of its questions allows."""
    for rule in problem.constraints:
        if isinstance(rule, ExpressionRule):
            yield ExpressionRule(RuleId(side(rule.id)), _sided(side, problem, rule.expression))
        else:
            yield replace(rule, id=RuleId(side(rule.id)))
    for group in problem.groups:
        yield ExpressionRule(RuleId(side(f"{group.id}{OWN}")), _limits(group, base.group_by_id[group.id]))
    for parameter in problem.parameters:
        yield ExpressionRule(RuleId(side(f"{parameter.id}{OWN}")), _entered(parameter))


def _limits(group: OptionGroup, base: OptionGroup) -> Expression:
    """Only options that the side has, and as many as it allows."""
    members = [Member(group.id, option) for option in group.options]
    chosen = sum_of(members)
    least = group.minimum if group.when is None else 0
    others = [Not(Member(group.id, option)) for option in base.options if option not in group.options]
    return And(
        (
            Comparison(chosen, Comparator.GREATER_OR_EQUAL, Number(Fraction(least))),
            Comparison(chosen, Comparator.LESS_OR_EQUAL, Number(Fraction(group.maximum))),
            *others,
        )
    )


def _entered(parameter: IntegerParameter) -> Expression:
    """One of its numbers, or what it is where it is not asked for."""
    name = Parameter(parameter.id)
    asked = [
        Comparison(name, Comparator.GREATER_OR_EQUAL, number_of(parameter.minimum)),
        Comparison(name, Comparator.LESS_OR_EQUAL, number_of(parameter.maximum)),
    ]
    if parameter.step > 1:
        off = Modulo(Sum((name, Negative(number_of(parameter.minimum)))), number_of(parameter.step))
        asked.append(Comparison(off, Comparator.EQUAL, ZERO))
    found = And(tuple(asked))
    if parameter.when is None:
        return found
    return Or((found, Comparison(name, Comparator.EQUAL, number_of(parameter.otherwise))))

