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

from solver.configuration import diagram_passes as passes
from solver.configuration.clicks import NEW, State, key_of
from solver.configuration.compile import Base, CompiledProblem
from solver.configuration.decisions import decided, require_known, undone
from solver.configuration.explain import Conflict, Conflicting, explain
from solver.configuration.parts import Cut
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
_PLAYED: Final = 24  # decisions that make a problem warm


class OptionState(StrEnum):
    """What the present decisions say of an option."""

    CHOSEN = "chosen"  # the buyer chose it
    IMPLIED = "implied"  # every completion has it
    OPEN = "open"  # it can be chosen
    REFUSED_BY_BUYER = "unwanted"  # the buyer does not want it
    EXCLUDED = "excluded"  # choosing it would be a conflict: proved


Cuts = Mapping[int, tuple[Cut, ...]]  # what decisions do to the parts that they touch


class ValidDomains:
    """What can still be had. `undecided`: options that time did not settle; they are shown as OPEN, never as EXCLUDED.

    `numbers`: the values of each parameter that `decide` would accept (what time did not settle is among them, and the
    parameter then is in `undecided_numbers`). `open_questions`: groups and parameters that are not determined yet.
    Everything is read from the parts' answers when it is first asked for; two are equal if they say the same.
    """

    def __init__(
        self,
        compiled: CompiledProblem,
        decisions: Sequence[Decision],
        base: Base,
        answers: Mapping[int, Answer],
        valid: Flags,
        states: dict[int, State],
        cuts: Cuts | None = None,
    ) -> None:
        self._compiled = compiled
        self._decisions = decisions
        self._cuts = cuts
        self.base = base
        self.answers = answers  # of the parts that decisions touch and that do not answer at once
        self.states = states  # of diagrams that were clicked since all parts were asked
        # Bits STRICT and RELEASED of every literal of the network: what some variant has. Only to be read.
        self.valid: Final = valid

    @property
    def cuts(self) -> Cuts:
        """What the decisions do to each part that they touch."""
        if self._cuts is None:
            self._cuts = self._compiled.layout.gather(self._decisions)
            assert self._cuts is not None  # something is valid with them
        return self._cuts

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

    @property
    def settled(self) -> bool:
        """Whether time left nothing open."""
        answers = [*self.base.answers, *self.answers.values()]
        return not any(answer.open_numbers or answer.open.any() for answer in answers)

    @cached_property
    def open(self) -> Flags:
        """The bits of `valid` of what time did not settle."""
        flags = self.base.open.copy()
        for part, answer in self.answers.items():
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
            answer = self.answers.get(part.position, self.base.answers[part.position])
            for place, number in enumerate(part.network.numbers):
                found[number.id] = (answer.numbers[place], place in answer.open_numbers)
        return found

    def _values(self, parameter: IntegerParameter) -> list[int]:
        names = self._compiled.names
        variable = names.of_parameter[parameter.id]
        places = slice(names.starts[variable], names.starts[variable + 1])
        bit = RELEASED if parameter.id in self._entered else STRICT
        found = np.flatnonzero((self.valid[places] | self.open[places]) & bit)
        values = parameter.values
        return [values[place] for place in found.tolist()]

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
    """A buyer's decisions and what follows from them. Decisions that conflict from the start have no domains.

    It keeps what it was answered: a decision asks anew only the part that it touches.
    """

    def __init__(self, compiled: CompiledProblem, decisions: Sequence[Decision] = (), *, seconds: float = 1.0) -> None:
        require_known(compiled.problem, decisions)
        self._compiled = compiled
        self._seconds = seconds
        self._decisions = decided(compiled.problem, (), *decisions)
        self._at: ValidDomains | None = None  # of these decisions, if they have been asked for and are settled
        self._met: set[object] = set()  # what they are about, and the variables: see Step
        self._cuts: Cuts = {}  # of the decisions when all parts were asked; clicks have come since

    @property
    def decisions(self) -> tuple[Decision, ...]:
        """In the order in which they were made."""
        return self._decisions

    def domains(self) -> ValidDomains:
        """The valid domains. Raises Conflicting if the decisions conflict."""
        if not self._compiled.warm:
            _make_warm(self._compiled)
        found = self._moved(self._decisions)
        if found is None:
            raise Conflicting(explain(self._compiled, self._decisions, (), seconds=_EXPLAINING))
        return found

    def decide(self, *decisions: Decision) -> ValidDomains | Conflict:
        """Make decisions. On a conflict the session keeps what it had.

        A new choice takes the place of an old one in a group of at most one option, a new number that of an old number.
        """
        if self._at is not None and len(decisions) == 1:
            added = self._added(self._at, decisions[0])
            if added is not None:
                return added
        require_known(self._compiled.problem, decisions)
        after = decided(self._compiled.problem, self._decisions, *decisions)
        found = self._moved(after)
        if found is None:
            return explain(self._compiled, after, decisions, seconds=_EXPLAINING)
        return found

    def undo(self, *decisions: Decision) -> ValidDomains:
        """Take decisions back; those that were not made are no matter."""
        self._decisions = undone(self._decisions, *decisions)
        return self.domains()

    def forget(self) -> ValidDomains:
        """Take all decisions back."""
        self._decisions = ()
        return self.domains()

    def _added(self, before: ValidDomains, decision: Decision) -> ValidDomains | None:
        """One more decision, about nothing that was decided and in a part that answers at once.

        None if it is not such a one, or a conflict: nothing has changed then.
        """
        compiled, met = self._compiled, self._met
        click = compiled.clicks.known.get(key_of(decision), NEW)
        if click is NEW:
            require_known(compiled.problem, (decision,))
            click = compiled.clicks.of(decision)
        if click is None or click.about in met or click.variable in met:
            return None
        flat, states = click.flat, before.states
        valid = before.valid.copy()
        if flat is None:
            valid[click.at] = click.to
        else:
            part = click.part
            asked = states.get(part)
            if asked is None:
                cuts = self._cuts.get(part)
                asked = flat.asked(compiled.layout, part, cuts) if cuts else flat.untouched
            state = np.empty(flat.size, dtype=np.int32)
            if not passes.click(flat.words, asked, state, valid, click.choice):
                return None
            states = {**states, part: state}
        self._decisions = after = (*self._decisions, decision)
        met.add(click.about)
        met.add(click.variable)
        self._at = found = ValidDomains(compiled, after, before.base, before.answers, valid, states)
        return found

    def _moved(self, after: tuple[Decision, ...]) -> ValidDomains | None:
        """The session with these decisions; None if they conflict: nothing has changed then."""
        found = valid_domains(self._compiled, after, seconds=self._seconds, before=self._at)
        if found is not None:
            self._decisions = after
            self._at = found if found.settled else None
            self._cuts = found.cuts
            steps = [self._compiled.layout.step(decision) for decision in after]
            self._met = {thing for step in steps for thing in (step.about, step.variable)}
        return found


def _make_warm(compiled: CompiledProblem) -> None:
    """Play sessions that nobody reads, so that no first decision of a buyer takes several times as long as the others.

    Python rewrites code while it runs it for the first few times, and what is read for the first time is in no cache.
    """
    compiled.warm = True
    whole = compiled.find((), Clock.of(1.0))
    assert whole is not None  # a problem without any variant is not compiled
    decisions = [Choose(group, option) for group, some in compiled.variant(whole).chosen.items() for option in some]
    made = 0
    while decisions and made < _PLAYED:
        session = Session(compiled)
        session.domains()
        for decision in decisions[:_PLAYED]:  # all of one variant: they do not conflict
            session.decide(decision)
        made += len(decisions)


def open_session(
    compiled: CompiledProblem, decisions: Sequence[Decision], *, seconds: float = 1.0
) -> Session | Conflict:
    """A session with decisions that may conflict, as they come from an address. Raises UnknownDecision."""
    session = Session(compiled, decisions, seconds=seconds)
    if valid_domains(compiled, session.decisions, seconds=seconds) is None:
        return explain(compiled, session.decisions, (), seconds=_EXPLAINING)
    return session


def valid_domains(
    compiled: CompiledProblem,
    decisions: Sequence[Decision],
    *,
    seconds: float = 1.0,
    before: ValidDomains | None = None,
) -> ValidDomains | None:
    """The complete valid domains of these decisions; None if they conflict.

    A part remembers its answers, unless it gives them at once; what time left open goes on when asked again. `before`:
    settled domains of this problem with other decisions; only the parts in which the decisions differ are asked.
    """
    gathered = compiled.layout.gather(decisions)
    if gathered is None:
        return None
    clock, layout = Clock.of(seconds), compiled.layout
    old = {} if before is None else before.cuts
    moved = [part for part in {**old, **gathered} if old.get(part) != gathered.get(part)]
    anew: dict[int, Answer] = {}
    for part in moved:
        if part in gathered:
            found = compiled.answer(part, gathered[part], clock)
            if found is None:
                return None
            anew[part] = found
    base = compiled.base(clock) if before is None else before.base
    valid = base.spread if before is None else before.valid
    answers = {} if before is None else dict(before.answers)
    states = {} if before is None else dict(before.states)
    if moved:
        valid = valid.copy()
    for part in moved:
        spots = layout.spots(part)
        valid[spots.at] = anew.get(part, base.answers[part]).valid[spots.literal]
        answers.pop(part, None)
        states.pop(part, None)
        if part in anew and not compiled.at_once[part]:
            answers[part] = anew[part]
    return ValidDomains(compiled, decisions, base, answers, valid, states, gathered)


def _intervals(parameter: IntegerParameter, values: Sequence[int]) -> tuple[Interval, ...]:
    """Values, sorted, as intervals of the parameter's step."""
    found: list[Interval] = []
    for value in values:
        if found and value == found[-1][1] + parameter.step:
            found[-1] = (found[-1][0], value, parameter.step)
        else:
            found.append((value, value, parameter.step))
    return tuple(found)
