"""What can be said of a problem as a whole, before it is published: each finding with its proof.

What time did not settle is told apart from what was found not to be so. Rules are asked one by one against the others
(`questions`); what is valid comes from the session's exact domains.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from solver.configuration.check import answers, rule_holds
from solver.configuration.compile import CompiledProblem
from solver.configuration.count import Counted, count
from solver.configuration.explain import Reason, explain, why_excluded, why_implied
from solver.configuration.problem import (
    Choose,
    ConfigurationProblem,
    Decision,
    Enter,
    ExpressionRule,
    GroupId,
    InvalidProblem,
    OptionGroup,
    OptionId,
    ParameterId,
    Rule,
    RuleId,
    TableRule,
    Variant,
)
from solver.configuration.question import Clock, Interval, OutOfTime
from solver.configuration.questions import Questions, opposite, zero
from solver.configuration.rooms import minimal
from solver.configuration.rules import Implies
from solver.configuration.session import OptionState, ValidDomains, valid_domains

_ONE: Final = 3.0  # seconds for one question, its proof apart


class Step(StrEnum):
    """The parts of an analysis, in their order."""

    OPTIONS = "options"
    RULES = "rules"
    PAIRS = "pairs"
    ROWS = "rows"
    COUNT = "count"


# How much of the time has gone by when a step has to end; what a step leaves, the next ones have.
_UNTIL: Final = {Step.OPTIONS: 0.25, Step.RULES: 0.6, Step.PAIRS: 0.75, Step.ROWS: 0.8, Step.COUNT: 1.0}


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an analysis is: `done` of `total` in this step; `share` of the whole."""

    step: Step
    done: int
    total: int
    share: float


@dataclass(frozen=True, slots=True)
class Proof:
    """Rules that are enough to force a finding; `minimal`: none of them can be left out (each was tried).

    Without rules and not minimal: it is so, but time did not suffice to say by which rules. Without rules and minimal:
    the groups' own limits force it.
    """

    rules: tuple[RuleId, ...]
    minimal: bool


@dataclass(frozen=True, slots=True)
class DeadOption:
    """No variant has the option."""

    group: GroupId
    option: OptionId
    proof: Proof


@dataclass(frozen=True, slots=True)
class CoreOption:
    """Every variant has the option."""

    group: GroupId
    option: OptionId
    proof: Proof


@dataclass(frozen=True, slots=True)
class NarrowNumber:
    """Only these values of a parameter are in some variant; `proof` is for `dead`, the first one that is not."""

    parameter: ParameterId
    valid: tuple[Interval, ...]
    dead: int
    proof: Proof


@dataclass(frozen=True, slots=True)
class OnlyWith:
    """Every variant with the option has the other one, of another group, which not every variant has."""

    group: GroupId
    option: OptionId
    other_group: GroupId
    other: OptionId
    proof: Proof


@dataclass(frozen=True, slots=True)
class Contradiction:
    """Rules that cannot hold together where one of these options is chosen (no options: that never can)."""

    rules: tuple[RuleId, ...]
    options: tuple[tuple[GroupId, OptionId], ...] = ()


@dataclass(frozen=True, slots=True)
class RedundantRule:
    """The rule changes no variant: those of the proof imply it. `vacuous`: because its condition never holds."""

    rule: RuleId
    vacuous: bool
    proof: Proof


@dataclass(frozen=True, slots=True)
class UnusedRows:
    """Rows (from 0) of a table that change nothing: allowed ones in no variant, forbidden ones forbidden anyway."""

    rule: RuleId
    rows: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Unsettled:
    """What a step did not settle in its time: options as `group.option`, parameters and rules by their ids."""

    step: Step
    subjects: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Analysis:
    """Everything that was found. `stopped`: somebody ended it; what it had not come to is unsettled.

    `void`: nothing is valid, and then only `contradictions` says something.
    """

    void: bool = False
    dead: tuple[DeadOption, ...] = ()
    core: tuple[CoreOption, ...] = ()
    numbers: tuple[NarrowNumber, ...] = ()
    only_with: tuple[OnlyWith, ...] = ()
    contradictions: tuple[Contradiction, ...] = ()
    redundant: tuple[RedundantRule, ...] = ()
    unused_rows: tuple[UnusedRows, ...] = ()
    variants: Counted | None = None
    unsettled: tuple[Unsettled, ...] = ()
    stopped: bool = False


def _silent(_progress: Progress) -> None:
    """Nobody looks."""


def _never() -> bool:
    return False


def analyse(
    compiled: CompiledProblem,
    *,
    seconds: float = 60.0,
    report: Callable[[Progress], None] = _silent,
    stop: Callable[[], bool] = _never,
) -> Analysis:
    """Analyse a problem that has variants, for about `seconds`."""
    return _Analyst(compiled, Clock.of(seconds), seconds, report, stop).run()


def analyse_void(problem: ConfigurationProblem, *, seconds: float = 30.0) -> Analysis:
    """The contradicting rules of a problem that has no variant: minimal sets that share no rule."""
    clock = Clock.of(seconds)
    questions = Questions(problem)
    left = [rule.id for rule in problem.constraints]
    found: list[Contradiction] = []
    unsettled: tuple[Unsettled, ...] = ()
    try:
        while left and questions.find(left, clock) is None:
            rules = minimal(left, lambda some: questions.find(some, clock) is None)
            found.append(Contradiction(tuple(rule for rule in left if rule in rules)))
            left = [rule for rule in left if rule not in rules]
    except OutOfTime:
        unsettled = (Unsettled(Step.RULES, tuple(left)),)
    return Analysis(void=True, contradictions=tuple(found), unsettled=unsettled)


@dataclass(slots=True)
class _Analyst:
    compiled: CompiledProblem
    clock: Clock
    seconds: float
    report: Callable[[Progress], None]
    stop: Callable[[], bool]
    unsettled: dict[Step, list[str]] = field(default_factory=dict)

    def run(self) -> Analysis:
        domains = self._valid(())
        dead = tuple(self._dead(domains))
        core = tuple(self._core(domains))
        numbers = tuple(self._numbers(domains))
        redundant = tuple(self._redundant())
        only_with = tuple(self._only_with(domains))
        rows = tuple(self._rows())
        variants = self._count()
        return Analysis(
            dead=dead,
            core=core,
            numbers=numbers,
            only_with=only_with,
            contradictions=tuple(_contradictions(dead)),
            redundant=redundant,
            unused_rows=rows,
            variants=variants,
            unsettled=tuple(Unsettled(step, tuple(names)) for step, names in self.unsettled.items()),
            stopped=self.stop(),
        )

    # --- time ---

    def _until(self, step: Step) -> Clock:
        return Clock(self.clock.due - (1 - _UNTIL[step]) * self.seconds)

    def _one(self, step: Step) -> float:
        """Seconds for one question."""
        return min(_ONE, self._until(step).left)

    def _over(self, step: Step) -> bool:
        return self._until(step).left <= 0 or self.stop()

    def _open(self, step: Step, subject: str) -> None:
        self.unsettled.setdefault(step, []).append(subject)

    def _told(self, step: Step, done: int, total: int) -> None:
        share = 1 - self.clock.left / self.seconds if self.seconds > 0 else 1.0
        self.report(Progress(step, done, total, min(1.0, share)))

    # --- options and numbers ---

    def _valid(self, decisions: Sequence[Decision], step: Step = Step.OPTIONS) -> ValidDomains:
        found = valid_domains(self.compiled, decisions, seconds=max(self._one(step), 1e-3))
        if found is None:
            raise ValueError("Nothing is valid.")
        return found

    def _dead(self, domains: ValidDomains) -> Iterator[DeadOption]:
        for open_group, open_option in sorted(domains.undecided):
            self._open(Step.OPTIONS, f"{open_group}.{open_option}")
        dead = list(_having(self.compiled.problem, domains, OptionState.EXCLUDED))
        for done, (group, option) in enumerate(dead):
            self._told(Step.OPTIONS, done, len(dead))
            proof = self._proof(Step.OPTIONS, why_excluded, (), group.id, option)
            yield DeadOption(group.id, option, proof)

    def _core(self, domains: ValidDomains) -> Iterator[CoreOption]:
        for group, option in _having(self.compiled.problem, domains, OptionState.IMPLIED):
            if group.minimum == len(group.options) and group.when is None:
                yield CoreOption(group.id, option, Proof((), minimal=True))
            else:
                yield CoreOption(group.id, option, self._proof(Step.OPTIONS, why_implied, (), group.id, option))

    def _proof(
        self,
        step: Step,
        why: Callable[..., Reason],
        decisions: Sequence[Decision],
        group: GroupId,
        option: OptionId,
    ) -> Proof:
        if self._over(step):
            return Proof((), minimal=False)
        rules = why(self.compiled, decisions, group, option, seconds=self._one(step)).rules
        return Proof(rules, minimal=bool(rules))

    def _numbers(self, domains: ValidDomains) -> Iterator[NarrowNumber]:
        for parameter in self.compiled.problem.parameters:
            if parameter.id in domains.undecided_numbers:
                self._open(Step.OPTIONS, parameter.id)
                continue
            valid = domains.numbers[parameter.id]
            spans = [range(low, high + 1, step) for low, high, step in valid]
            if sum(map(len, spans)) == len(parameter.values):
                continue
            dead = next(number for number in parameter.values if not any(number in span for span in spans))
            proof = Proof((), minimal=False)
            if not self._over(Step.OPTIONS):
                decided = (Enter(parameter.id, dead),)
                rules = explain(self.compiled, decided, (), seconds=self._one(Step.OPTIONS)).rules
                proof = Proof(rules, minimal=bool(rules))
            yield NarrowNumber(parameter.id, valid, dead, proof)

    def _only_with(self, domains: ValidDomains) -> Iterator[OnlyWith]:
        problem = self.compiled.problem
        core = {(group.id, option) for group, option in _having(problem, domains, OptionState.IMPLIED)}
        live = [(group, option) for group, option in _having(problem, domains, OptionState.OPEN)]
        for done, (group, option) in enumerate(live):
            self._told(Step.PAIRS, done, len(live))
            if self._over(Step.PAIRS):
                self._open(Step.PAIRS, f"{group.id}.{option}")
                continue
            chosen = (Choose(group.id, option),)
            found = valid_domains(self.compiled, chosen, seconds=max(self._one(Step.PAIRS), 1e-3))
            if found is None:  # it was undecided whether it is dead
                continue
            if found.undecided:
                self._open(Step.PAIRS, f"{group.id}.{option}")
            for other, implied in _having(problem, found, OptionState.IMPLIED):
                if other.id == group.id or (other.id, implied) in core or not other.single:
                    continue
                proof = self._proof(Step.PAIRS, why_implied, chosen, other.id, implied)
                yield OnlyWith(group.id, option, other.id, implied, proof)

    # --- rules ---

    def _redundant(self) -> Iterator[RedundantRule]:
        problem = self.compiled.problem
        rules = {rule.id: rule for rule in problem.constraints}
        own = [rules[rule.id] for rule in problem.rules]
        asked = _Asked(self.compiled.problem, own)
        for done, rule in enumerate(own):
            self._told(Step.RULES, done, len(own))
            if self._over(Step.RULES) or rule.id not in asked.broken:
                self._open(Step.RULES, rule.id)
                continue
            others = [other for other in rules if other != rule.id]
            try:
                if not self._implied(asked, asked.broken[rule.id], rule, others):
                    continue
                condition = asked.condition.get(rule.id)
                vacuous = condition is not None and self._implied(asked, (condition,), None, others)
            except OutOfTime:
                self._open(Step.RULES, rule.id)
                continue
            wanted = (condition,) if vacuous and condition is not None else asked.broken[rule.id]
            yield RedundantRule(rule.id, vacuous, self._implying(asked, wanted, others))

    def _implied(
        self, asked: _Asked, wanted: Sequence[RuleId], rule: Rule | None, others: Sequence[RuleId]
    ) -> bool:
        """Whether the others leave no variant for any of the wanted rules. Raises OutOfTime."""
        for position, one in enumerate(wanted):
            found = asked.questions.find([*others, one], Clock.of(self._one(Step.RULES)))
            if found is None:
                continue
            if position == 0 or rule is None or not asked.keeps(rule, found):
                return False
            raise OutOfTime  # a divisor is 0 where nothing is divided: there may be another variant where it is
        return True

    def _implying(self, asked: _Asked, wanted: Sequence[RuleId], others: Sequence[RuleId]) -> Proof:
        """A minimal part of the others that leaves no variant for any of the wanted rules."""
        clock = self._until(Step.RULES)

        def implied(some: Sequence[RuleId]) -> bool:
            if self.stop():
                raise OutOfTime
            return all(asked.questions.find([*some, one], clock) is None for one in wanted)

        try:
            kept = minimal(others, implied)
        except OutOfTime:
            return Proof((), minimal=False)
        return Proof(tuple(rule for rule in others if rule in kept), minimal=True)

    def _rows(self) -> Iterator[UnusedRows]:
        tables = [
            rule for rule in self.compiled.problem.constraints if isinstance(rule, TableRule) and rule.groups
        ]
        questions = Questions(self.compiled.problem) if any(not rule.allowed for rule in tables) else None
        for done, rule in enumerate(tables):
            self._told(Step.ROWS, done, len(tables))
            others = [other.id for other in self.compiled.problem.constraints if other.id != rule.id]
            unused: list[int] = []
            for position, row in enumerate(rule.rows):
                if self._over(Step.ROWS):
                    self._open(Step.ROWS, f"{rule.id}[{position}]")
                    continue
                chosen = [Choose(group, option) for group, option in zip(rule.groups, row, strict=True)]
                clock = Clock.of(self._one(Step.ROWS))
                try:
                    if rule.allowed:
                        used = self.compiled.find(chosen, clock) is not None
                    else:
                        used = questions is not None and questions.find(others, clock, chosen) is not None
                except OutOfTime:
                    self._open(Step.ROWS, f"{rule.id}[{position}]")
                else:
                    unused += [] if used else [position]
            if unused:
                yield UnusedRows(rule.id, tuple(unused))

    def _count(self) -> Counted | None:
        self._told(Step.COUNT, 0, 1)
        found = None
        if self._over(Step.COUNT):
            self._open(Step.COUNT, "")
        else:
            found = count(self.compiled, self._until(Step.COUNT), stop=self.stop)
        self._told(Step.COUNT, 1, 1)
        return found


class _Asked:
    """The opposite of each rule, and the condition of those that have one, as questions.

    `broken`: what together says that the rule does not hold: its opposite, and that it divides by 0.
    """

    def __init__(self, problem: ConfigurationProblem, rules: Sequence[Rule]) -> None:
        self.broken: dict[RuleId, tuple[RuleId, ...]] = {}
        self.condition: dict[RuleId, RuleId] = {}
        more: list[Rule] = []
        for rule in rules:
            try:
                stated = [opposite(rule)]
                condition = None
                if isinstance(rule, ExpressionRule):
                    divisors = zero(problem, rule.expression)
                    if divisors is not None:
                        stated.append(ExpressionRule(RuleId(f"{rule.id}:zero"), divisors))
                    if isinstance(rule.expression, Implies) and divisors is None:
                        condition = ExpressionRule(RuleId(f"{rule.id}:condition"), rule.expression.left)
            except ValueError:  # the opposite has one level too many
                continue
            self.broken[rule.id] = tuple(one.id for one in stated)
            more += stated
            if condition is not None:
                self.condition[rule.id] = condition.id
                more.append(condition)
        try:
            self.questions = Questions(problem, more)
        except InvalidProblem:  # some opposite cannot be reckoned exactly: ask none
            self.broken, self.condition = {}, {}
            self.questions = Questions(problem)

    def keeps(self, rule: Rule, variant: Variant) -> bool:
        """Whether the judge says that the variant keeps the rule."""
        return rule_holds(rule, answers(self.questions.problem, variant), variant)


def _having(
    problem: ConfigurationProblem, domains: ValidDomains, state: OptionState
) -> Iterator[tuple[OptionGroup, OptionId]]:
    """The options in this state, apart from those that time left open."""
    for group in problem.groups:
        states = domains.options[group.id]
        for option in group.options:
            if states[option] is state and (group.id, option) not in domains.undecided:
                yield group, option


def _contradictions(dead: Sequence[DeadOption]) -> Iterator[Contradiction]:
    """Several rules that together leave an option no variant."""
    found: dict[tuple[RuleId, ...], list[tuple[GroupId, OptionId]]] = {}
    for one in dead:
        if len(one.proof.rules) > 1:
            found.setdefault(one.proof.rules, []).append((one.group, one.option))
    for rules, options in found.items():
        yield Contradiction(rules, tuple(options))
