"""Decide and undo: the complete valid domains after every decision, or the conflict.

A value is valid if `decide` would accept it: some variant has it together with all decisions, except the one whose
place it would take (the other colours stay open after a colour was chosen).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from solver.configuration.check import answers
from solver.configuration.compile import Clock, CompiledProblem, Fixed, OutOfTime
from solver.configuration.decisions import decided, require_known, undone
from solver.configuration.explain import Conflict, Conflicting, explain
from solver.configuration.kernel import Domains, Nodes, OutOfNodes, bits, masks
from solver.configuration.problem import (
    Choose,
    Decision,
    Enter,
    ExpressionRule,
    GroupId,
    IntegerParameter,
    OptionGroup,
    OptionId,
    ParameterId,
)
from solver.configuration.ranges import places_that_hold
from solver.configuration.rules import names_in

_NODES: Final = 4_000  # of all kernel searches of one call
_EXPLAINING: Final = 2.0  # seconds for a conflict and its repairs

Interval = tuple[int, int, int]  # from, to (both included), step


class OptionState(StrEnum):
    """What the present decisions say of an option."""

    CHOSEN = "chosen"  # the buyer chose it
    IMPLIED = "implied"  # every completion has it
    OPEN = "open"  # it can be chosen
    REFUSED_BY_BUYER = "unwanted"  # the buyer does not want it
    EXCLUDED = "excluded"  # choosing it would be a conflict: proved


@dataclass(frozen=True, slots=True)
class ValidDomains:
    """What can still be had. `undecided`: options that time did not settle; they are shown as OPEN, never as EXCLUDED.

    `numbers`: the values of each parameter that `decide` would accept (what time did not settle is among them, and the
    parameter then is in `undecided_numbers`). `open_questions`: groups and parameters that are not determined yet.
    """

    options: Mapping[GroupId, Mapping[OptionId, OptionState]]
    numbers: Mapping[ParameterId, tuple[Interval, ...]]
    undecided: frozenset[tuple[GroupId, OptionId]]
    undecided_numbers: frozenset[ParameterId]
    open_questions: tuple[GroupId | ParameterId, ...]

    def state(self, group: GroupId, option: OptionId) -> OptionState:
        """The state of one option."""
        return self.options[group][option]


class Session:
    """A buyer's decisions and what follows from them. Decisions that conflict from the start have no domains."""

    def __init__(self, compiled: CompiledProblem, decisions: Sequence[Decision] = (), *, seconds: float = 1.0) -> None:
        require_known(compiled.problem, decisions)
        self._compiled = compiled
        self._seconds = seconds
        self._decisions = decided(compiled.problem, (), *decisions)

    @property
    def decisions(self) -> tuple[Decision, ...]:
        """In the order in which they were made."""
        return self._decisions

    def domains(self) -> ValidDomains:
        """The valid domains. Raises Conflicting if the decisions conflict."""
        found = valid_domains(self._compiled, self._decisions, seconds=self._seconds)
        if found is None:
            raise Conflicting(explain(self._compiled, self._decisions, (), seconds=_EXPLAINING))
        return found

    def decide(self, *decisions: Decision) -> ValidDomains | Conflict:
        """Make decisions. On a conflict the session keeps what it had.

        A new choice takes the place of an old one in a group of at most one option, a new number that of an old number.
        """
        require_known(self._compiled.problem, decisions)
        after = decided(self._compiled.problem, self._decisions, *decisions)
        found = valid_domains(self._compiled, after, seconds=self._seconds)
        if found is None:
            return explain(self._compiled, after, decisions, seconds=_EXPLAINING)
        self._decisions = after
        return found

    def undo(self, *decisions: Decision) -> ValidDomains:
        """Take decisions back; those that were not made are no matter."""
        self._decisions = undone(self._decisions, *decisions)
        return self.domains()


def open_session(
    compiled: CompiledProblem, decisions: Sequence[Decision], *, seconds: float = 1.0
) -> Session | Conflict:
    """A session with decisions that may conflict, as they come from an address. Raises UnknownDecision."""
    session = Session(compiled, decisions, seconds=seconds)
    if valid_domains(compiled, session.decisions, seconds=seconds) is None:
        return explain(compiled, session.decisions, (), seconds=_EXPLAINING)
    return session


def valid_domains(
    compiled: CompiledProblem, decisions: Sequence[Decision], *, seconds: float = 1.0
) -> ValidDomains | None:
    """The complete valid domains of these decisions; None if they conflict.

    Remembered, unless time left something open.
    """
    key = frozenset(decisions)
    known = compiled.domains_memo.get(key)
    if known is None:
        found = _Search(compiled, decisions, Clock.of(seconds)).run()
        if found is not None and (found.undecided or found.undecided_numbers):
            return found
        known = (found,)
        compiled.domains_memo.put(key, known)
    answer: ValidDomains | None = known[0]
    return answer


class _Search:
    """One question for all values at once: each is seen in a variant, proved to be in none, or left open by time."""

    def __init__(self, compiled: CompiledProblem, decisions: Sequence[Decision], clock: Clock) -> None:
        self._compiled = compiled
        self._kernel = compiled.kernel
        self._decisions = decisions
        self._clock = clock
        self._nodes = Nodes(_NODES)
        self._fixed = compiled.fix(decisions)
        self._unsettled = [0] * len(self._kernel.variables)  # what time left open
        self._undecided_numbers: set[ParameterId] = set()

    def run(self) -> ValidDomains | None:
        fixed, kernel = self._fixed, self._kernel
        if not fixed.possible:
            return None
        domains = list(fixed.domains)
        if not kernel.propagate(domains):
            return None
        released = self._released()
        asked = {v: mask for v, (mask, full) in enumerate(zip(fixed.domains, kernel.full, strict=True)) if mask != full}
        seen, other = self._compiled.pool.within(asked, self._asked_numbers(), released)
        try:
            if not any(seen):
                first = self._compiled.find_within(domains, fixed.numbers, self._clock)
                if first is None:
                    return None
                seen = list(first.masks)
        except OutOfTime:
            self._unsettled = domains  # not even one variant: nothing that propagation left is shown as impossible
        else:
            self._settle(domains, fixed, seen)
        for variable, mask in released.items():
            seen[variable] |= self._alternatives(variable, mask, other.get(variable, 0))
        return self._domains(seen, self._numbers())

    def _asked_numbers(self) -> dict[ParameterId, int]:
        """Large parameters that were entered and that rules ask for."""
        return {p: number for p, number in self._fixed.numbers.items() if p not in self._kernel.free}

    def _released(self) -> dict[int, int]:
        """Variables that a decision fixes and a new one could set anew, with the values that it could set."""
        found: dict[int, int] = {}
        for decision in self._decisions:
            if isinstance(decision, Enter):
                variable = self._kernel.of_parameter.get(decision.parameter)
                if variable is not None:
                    found[variable] = self._kernel.full[variable]
            elif decision.chosen and self._compiled.problem.group_by_id[decision.group].single:
                group = self._compiled.problem.group_by_id[decision.group]
                found[self._kernel.of_group[group.id][0]] = (1 << len(group.options)) - 1
        for decision in self._decisions:
            if isinstance(decision, Choose) and not decision.chosen:
                variable, mask = self._kernel.literal(decision.group, decision.option)
                if variable in found:
                    found[variable] &= ~mask
        return found

    def _settle(self, domains: Domains, fixed: Fixed, seen: list[int]) -> None:
        """See every value of the propagated domains in a variant, or prove that there is none. Adds to `seen`."""
        if self._kernel.closed:
            try:
                self._search_all(domains, fixed, seen)
                return
            except OutOfNodes:
                pass
        self._ask_all(domains, fixed, seen)

    def _search_all(self, domains: Domains, fixed: Fixed, seen: list[int]) -> None:
        kernel = self._kernel
        for variable in range(len(domains)):
            for mask in masks(domains[variable] & ~seen[variable]):
                if seen[variable] & mask:
                    continue  # an earlier witness had it
                child = domains.copy()
                child[variable] = mask
                found: Domains | None = None
                if kernel.propagate(child, (variable,)):
                    unseen = [~one for one in seen]
                    found = kernel.find(child, unseen, self._nodes)
                if found is None:
                    domains[variable] &= ~mask
                    continue
                for other, value in enumerate(found):
                    seen[other] |= value
                self._compiled.pool.add(self._compiled.witness(found, fixed.numbers))

    def _ask_all(self, domains: Domains, fixed: Fixed, seen: list[int]) -> None:
        """CP-SAT, each time for at least one value not seen yet, until it proves that there is no more."""
        while any(unseen := [domain & ~one for domain, one in zip(domains, seen, strict=True)]):
            try:
                found = self._compiled.ask(domains, fixed.numbers, self._clock, unseen=unseen)
            except OutOfTime:
                self._unsettled = [old | new for old, new in zip(self._unsettled, unseen, strict=True)]
                return
            if found is None:
                return
            for other, value in enumerate(found.masks):
                seen[other] |= value
            self._compiled.pool.add(found)

    def _alternatives(self, variable: int, mask: int, seen: int) -> int:
        """The values of a decided variable that would be accepted in place of its own."""
        if not mask & ~seen & ~self._fixed.domains[variable]:
            return seen
        domains = list(self._fixed.domains)
        domains[variable] = mask
        if not self._kernel.propagate(domains):
            return seen
        fixed = Fixed(tuple(domains), self._fixed.numbers, possible=True)
        settled = domains.copy()  # only this variable is asked for: everything else counts as seen
        settled[variable] = (seen | self._fixed.domains[variable]) & domains[variable]
        self._settle(domains, fixed, settled)
        return seen | (settled[variable] & mask)

    # --- parameters with many values ---

    def _numbers(self) -> dict[ParameterId, tuple[Interval, ...]]:
        found: dict[ParameterId, tuple[Interval, ...]] = {}
        for parameter in self._compiled.problem.parameters:
            if parameter.id in self._kernel.of_parameter:
                continue
            if parameter.id in self._kernel.free:
                places: Sequence[tuple[int, int]] = ((0, len(parameter.values) - 1),)
            else:
                places = self._places(parameter)
            values = parameter.values
            found[parameter.id] = tuple((values[a], values[b], parameter.step) for a, b in places)
        return found

    def _places(self, parameter: IntegerParameter) -> list[tuple[int, int]]:
        """The positions that are valid: witness after witness, each with all that it shows around it."""
        problem, compiled = self._compiled.problem, self._compiled
        others = [d for d in self._decisions if not (isinstance(d, Enter) and d.parameter == parameter.id)]
        fixed = compiled.fix(others)
        domains = list(fixed.domains)
        self._kernel.propagate(domains)
        rules = [
            rule.expression
            for rule in problem.rules
            if isinstance(rule, ExpressionRule) and (parameter.id, None) in names_in(rule.expression)
        ]
        unseen = [(0, len(parameter.values) - 1)]
        valid: list[tuple[int, int]] = []
        asked = {v: m for v, (m, full) in enumerate(zip(fixed.domains, self._kernel.full, strict=True)) if m != full}
        known = compiled.pool.some_within(asked, {p: n for p, n in fixed.numbers.items() if p not in self._kernel.free})
        while unseen:
            if known:
                witness = known.pop()
            else:
                try:
                    found = compiled.ask(domains, fixed.numbers, self._clock, target=(parameter.id, unseen))
                except OutOfTime:
                    self._undecided_numbers.add(parameter.id)
                    valid += unseen
                    break
                if found is None:
                    break
                witness = found
                compiled.pool.add(found)
                place = parameter.values.index(found.numbers[parameter.id])
                valid.append((place, place))
                unseen = _without(unseen, [(place, place)])
            shown = places_that_hold(rules, parameter, answers(problem, compiled.variant(witness)))
            valid += shown
            unseen = _without(unseen, shown)
        return _merged(valid)

    # --- the answer ---

    def _domains(self, seen: Sequence[int], numbers: dict[ParameterId, tuple[Interval, ...]]) -> ValidDomains:
        problem = self._compiled.problem
        own = {(d.group, d.option): d.chosen for d in self._decisions if isinstance(d, Choose)}
        entered = {d.parameter for d in self._decisions if isinstance(d, Enter)}
        options: dict[GroupId, dict[OptionId, OptionState]] = {}
        undecided: set[tuple[GroupId, OptionId]] = set()
        questions: list[GroupId | ParameterId] = []
        for group in problem.groups:
            states = options[group.id] = self._states(group, seen, own, undecided)
            determined = group.single and OptionState.CHOSEN in states.values()
            if not determined and OptionState.OPEN in states.values():
                questions.append(group.id)
        for parameter in problem.parameters:
            variable = self._kernel.of_parameter.get(parameter.id)
            if variable is not None:
                if self._unsettled[variable]:
                    self._undecided_numbers.add(parameter.id)
                places = _runs(seen[variable] | self._unsettled[variable])
                numbers[parameter.id] = tuple(
                    (parameter.values[a], parameter.values[b], parameter.step) for a, b in places
                )
            intervals = numbers[parameter.id]
            single = len(intervals) == 1 and intervals[0][0] == intervals[0][1]
            if parameter.id not in entered and not single:
                questions.append(parameter.id)
        ordered = {parameter.id: numbers[parameter.id] for parameter in problem.parameters}
        return ValidDomains(
            options, ordered, frozenset(undecided), frozenset(self._undecided_numbers), tuple(questions)
        )

    def _states(
        self,
        group: OptionGroup,
        seen: Sequence[int],
        own: Mapping[tuple[GroupId, OptionId], bool],
        undecided: set[tuple[GroupId, OptionId]],
    ) -> dict[OptionId, OptionState]:
        variables = self._kernel.of_group[group.id]
        decided_here = group.single and any(own.get((group.id, option)) for option in group.options)
        states: dict[OptionId, OptionState] = {}
        for place, option in enumerate(group.options):
            variable, mask = (variables[0], 1 << place) if group.single else (variables[place], 2)
            mine = own.get((group.id, option))
            with_it, unsettled = seen[variable] & mask, self._unsettled[variable]
            if mine is not None:
                states[option] = OptionState.CHOSEN if mine else OptionState.REFUSED_BY_BUYER
            elif not with_it and unsettled & mask:
                states[option] = OptionState.OPEN
                undecided.add((group.id, option))
            elif not with_it:
                states[option] = OptionState.EXCLUDED
            elif (seen[variable] | unsettled) == mask and not decided_here:
                states[option] = OptionState.IMPLIED
            else:
                states[option] = OptionState.OPEN
                if not seen[variable] & ~mask and not decided_here:
                    undecided.add((group.id, option))  # whether something else is possible is not settled
        return states


def _runs(mask: int) -> list[tuple[int, int]]:
    """The bits of a mask as intervals."""
    return _merged([(place, place) for place in bits(mask)])


def _merged(intervals: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for first, last in sorted(intervals):
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(last, merged[-1][1]))
        else:
            merged.append((first, last))
    return merged


def _without(intervals: Sequence[tuple[int, int]], gone: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    left = list(intervals)
    for first, last in gone:
        cut: list[tuple[int, int]] = []
        for a, b in left:
            if last < a or b < first:
                cut.append((a, b))
                continue
            if a < first:
                cut.append((a, first - 1))
            if last < b:
                cut.append((last + 1, b))
        left = cut
    return left
