"""Decide and undo: the complete valid domains after every decision, or the conflict.

A value is valid if `decide` would accept it: some variant has it together with all decisions, except the one whose
place it would take (the other colours stay open after a colour was chosen).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from functools import cached_property
from typing import Final

import numpy as np

from solver.configuration.compile import Base, CompiledProblem
from solver.configuration.decisions import decided, require_known, undone
from solver.configuration.explain import Conflict, Conflicting, explain
from solver.configuration.problem import (
    Choose,
    Decision,
    Enter,
    GroupId,
    IntegerParameter,
    OptionGroup,
    OptionId,
    ParameterId,
)
from solver.configuration.question import RELEASED, STRICT, Answer, Clock, Flags, Interval
from solver.configuration.translate import is_one_variable

_EXPLAINING: Final = 2.0  # seconds for a conflict and its repairs


class OptionState(StrEnum):
    """What the present decisions say of an option."""

    CHOSEN = "chosen"  # the buyer chose it
    IMPLIED = "implied"  # every completion has it
    OPEN = "open"  # it can be chosen
    REFUSED_BY_BUYER = "unwanted"  # the buyer does not want it
    EXCLUDED = "excluded"  # choosing it would be a conflict: proved


class ValidDomains:
    """What can still be had. `undecided`: options that time did not settle; they are shown as OPEN, never as EXCLUDED.

    `numbers`: the values of each parameter that `decide` would accept (what time did not settle is among them, and the
    parameter then is in `undecided_numbers`). `open_questions`: groups and parameters that are not determined yet.
    Everything is read from the parts' answers when it is first asked for; two are equal if they say the same.
    """

    def __init__(
        self, compiled: CompiledProblem, decisions: Sequence[Decision], base: Base, touched: Mapping[int, Answer]
    ) -> None:
        self._compiled = compiled
        self._base = base
        self._touched = touched
        self._decisions = decisions

    @cached_property
    def _own(self) -> dict[tuple[GroupId, OptionId], bool]:
        return {(d.group, d.option): d.chosen for d in self._decisions if isinstance(d, Choose)}

    @cached_property
    def _entered(self) -> set[ParameterId]:
        return {d.parameter for d in self._decisions if isinstance(d, Enter)}

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ValidDomains):
            return NotImplemented
        return (
            self.options == other.options
            and self.numbers == other.numbers
            and self.undecided == other.undecided
            and self.undecided_numbers == other.undecided_numbers
            and self.open_questions == other.open_questions
        )

    __hash__ = None  # type: ignore[assignment]

    # --- as arrays over the network's literals ---

    @cached_property
    def valid(self) -> Flags:
        """Bits STRICT and RELEASED of every literal of the network: what some variant has."""
        flags = self._base.valid.copy()
        for part, answer in self._touched.items():
            place = self._compiled.parts[part]
            flags[place.start : place.stop] = answer.valid
        return self._compiled.layout.spread(flags, core=STRICT | RELEASED)

    @cached_property
    def open(self) -> Flags:
        """The same bits of what time did not settle."""
        flags = self._base.open.copy()
        for part, answer in self._touched.items():
            place = self._compiled.parts[part]
            flags[place.start : place.stop] = answer.open
        return self._compiled.layout.spread(flags, core=0)

    # --- in the problem's words ---

    def state(self, group: GroupId, option: OptionId) -> OptionState:
        """The state of one option."""
        return self.options[group][option]

    @cached_property
    def options(self) -> Mapping[GroupId, Mapping[OptionId, OptionState]]:
        """The state of every option."""
        return self._read[0]

    @cached_property
    def undecided(self) -> frozenset[tuple[GroupId, OptionId]]:
        """Options that time did not settle."""
        return self._read[1]

    @cached_property
    def _read(
        self,
    ) -> tuple[dict[GroupId, dict[OptionId, OptionState]], frozenset[tuple[GroupId, OptionId]]]:
        undecided: set[tuple[GroupId, OptionId]] = set()
        valid, unsettled = self.valid.tolist(), self.open.tolist()
        states = {
            group.id: self._states(group, valid, unsettled, undecided) for group in self._compiled.problem.groups
        }
        return states, frozenset(undecided)

    def _states(
        self,
        group: OptionGroup,
        valid: Sequence[int],
        unsettled: Sequence[int],
        undecided: set[tuple[GroupId, OptionId]],
    ) -> dict[OptionId, OptionState]:
        names, own = self._compiled.names, self._own
        variables = names.of_group[group.id]
        one = is_one_variable(group)
        decided_here = group.single and any(own.get((group.id, option)) for option in group.options)
        bit = RELEASED if decided_here else STRICT
        states: dict[OptionId, OptionState] = {}
        for place, option in enumerate(group.options):
            start = names.starts[variables[0 if one else place]]
            stop = names.starts[variables[0 if one else place] + 1]
            literal = start + (place if one else 1)
            mine = own.get((group.id, option))
            if mine is not None:
                states[option] = OptionState.CHOSEN if mine else OptionState.REFUSED_BY_BUYER
            elif not valid[literal] & bit:
                states[option] = OptionState.OPEN if unsettled[literal] & bit else OptionState.EXCLUDED
                if unsettled[literal] & bit:
                    undecided.add((group.id, option))
            else:
                others = [k for k in range(start, stop) if k != literal]
                if decided_here or any(valid[k] & STRICT for k in others):
                    states[option] = OptionState.OPEN
                elif any(unsettled[k] & STRICT for k in others):
                    states[option] = OptionState.OPEN
                    undecided.add((group.id, option))  # whether something else is possible is not settled
                else:
                    states[option] = OptionState.IMPLIED
        return states

    @cached_property
    def numbers(self) -> Mapping[ParameterId, tuple[Interval, ...]]:
        """The valid values of each parameter, as (from, to, step)."""
        names = self._compiled.names
        large = self._large
        return {
            parameter.id: _intervals(parameter, self._values(parameter))
            if parameter.id in names.of_parameter
            else large[parameter.id][0]
            for parameter in self._compiled.problem.parameters
        }

    @cached_property
    def undecided_numbers(self) -> frozenset[ParameterId]:
        """Parameters of which time did not settle some value."""
        names = self._compiled.names
        found = {parameter for parameter, (_, unsettled) in self._large.items() if unsettled}
        for parameter, variable in names.of_parameter.items():
            bit = RELEASED if parameter in self._entered else STRICT
            if (self.open[names.starts[variable] : names.starts[variable + 1]] & bit).any():
                found.add(parameter)
        return frozenset(found)

    @cached_property
    def _large(self) -> dict[ParameterId, tuple[tuple[Interval, ...], bool]]:
        found: dict[ParameterId, tuple[tuple[Interval, ...], bool]] = {}
        for part in self._compiled.parts_with_numbers:
            answer = self._touched.get(part.position, self._base.answers[part.position])
            for place, number in enumerate(part.network.numbers):
                found[number.id] = (answer.numbers[place], place in answer.open_numbers)
        return found

    def _values(self, parameter: IntegerParameter) -> list[int]:
        names = self._compiled.names
        variable = names.of_parameter[parameter.id]
        places = slice(names.starts[variable], names.starts[variable + 1])
        bit = RELEASED if parameter.id in self._entered else STRICT
        found = np.flatnonzero((self.valid[places] | self.open[places]) & bit)
        return [parameter.values[place] for place in found.tolist()]

    @cached_property
    def open_questions(self) -> tuple[GroupId | ParameterId, ...]:
        """Groups and parameters that are not determined yet."""
        questions: list[GroupId | ParameterId] = []
        for group in self._compiled.problem.groups:
            states = self.options[group.id].values()
            determined = group.single and OptionState.CHOSEN in states
            if not determined and OptionState.OPEN in states:
                questions.append(group.id)
        for parameter in self._compiled.problem.parameters:
            found = self.numbers[parameter.id]
            single = len(found) == 1 and found[0][0] == found[0][1]
            if parameter.id not in self._entered and not single:
                questions.append(parameter.id)
        return tuple(questions)


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

    def forget(self) -> ValidDomains:
        """Take all decisions back."""
        self._decisions = ()
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

    Each part remembers its answers, unless time left something open: asked again, it goes on.
    """
    gathered = compiled.layout.gather(decisions)
    if gathered is None:
        return None
    clock = Clock.of(seconds)
    touched: dict[int, Answer] = {}
    for part, cuts in gathered.items():
        found = compiled.answer(part, cuts, clock)
        if found is None:
            return None
        touched[part] = found
    return ValidDomains(compiled, decisions, compiled.base(clock), touched)


def _intervals(parameter: IntegerParameter, values: Sequence[int]) -> tuple[Interval, ...]:
    """Values, sorted, as intervals of the parameter's step."""
    found: list[Interval] = []
    for value in values:
        if found and value == found[-1][1] + parameter.step:
            found[-1] = (found[-1][0], value, parameter.step)
        else:
            found.append((value, value, parameter.step))
    return tuple(found)
