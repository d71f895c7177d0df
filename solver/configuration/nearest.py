"""What else changes with each option of a page: its completion nearest to the one that stands, for all in one call."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from solver.configuration.clausal import Clausal
from solver.configuration.compile import CompiledProblem
from solver.configuration.complete import CostsByOption, Weighed, decisions_of, weigh, without_ties
from solver.configuration.decisions import require_known
from solver.configuration.diagram import Diagram
from solver.configuration.mixed import Mixed
from solver.configuration.parts import Layout, Part
from solver.configuration.problem import Decision, GroupId, OptionId, ParameterId, Variant
from solver.configuration.question import Assignment, Clock, Costs, OutOfTime, Question
from solver.configuration.translate import Names, is_one_variable

Pair = tuple[GroupId, OptionId]


@dataclass(frozen=True, slots=True)
class Changes:
    """What differs from the standing completion: whole groups and numbers, with what they become."""

    chosen: Mapping[GroupId, frozenset[OptionId]]
    numbers: Mapping[ParameterId, int]

    @property
    def questions(self) -> tuple[str, ...]:
        """The groups and parameters that differ."""
        return (*self.chosen, *self.numbers)

    def of(self, standing: Variant) -> Variant:
        """The standing completion with the changes; texts stay."""
        return Variant({**standing.chosen, **self.chosen}, {**standing.numbers, **self.numbers}, standing.texts)


def nearest_completions(
    compiled: CompiledProblem,
    decisions: Sequence[Decision],
    standing: Variant,
    *,
    wanted: Iterable[Pair] | None = None,
    prefer: Sequence[Decision] | Mapping[Decision, int] | None = None,
    costs: CostsByOption | None = None,
    seconds: float = 1.0,
) -> Mapping[Pair, Changes]:
    """For each option the variant with it and all decisions that differs least from `standing`, then costs least.

    `standing` is a variant with all decisions. `wanted`: the options that are asked for (all that are not in it, if
    not given). An option of a group in which one was decided is asked in that one's place. Options that no variant
    has, and those for which none was found in time, are left out. Raises UnknownDecision.

    `prefer`: where a part's completions are all known (diagrams), nearest to these wishes instead of to `standing`:
    what `complete` gives for the decisions and the option.
    """
    require_known(compiled.problem, decisions)
    gathered = compiled.layout.gather(decisions)
    if gathered is None:
        return {}
    clock = Clock.of(seconds)
    near = weigh(compiled, costs or {}, dict.fromkeys(decisions_of(compiled, standing), 1))
    wishes = near
    if prefer is not None:
        wishes = weigh(compiled, costs or {}, prefer if isinstance(prefer, Mapping) else dict.fromkeys(prefer, 1))
    asked = _Asked(compiled, standing, near, wishes)
    by_part: dict[int, list[tuple[Pair, int]]] = {}
    for pair in asked.others() if wanted is None else wanted:
        place = asked.place(pair)
        if place >= 0:
            by_part.setdefault(compiled.layout.part_of(place), []).append((pair, place))
    found: dict[Pair, Changes] = {}
    for position, pairs in by_part.items():
        question = compiled.layout.question(position, gathered.get(position, ()))
        if question is None:
            return {}
        part = compiled.parts[position]
        literals, stands = [place - part.start for _, place in pairs], asked.standing(part)
        for (pair, _), assignment in zip(pairs, asked.nearest(part, question, stands, literals, clock), strict=True):
            if assignment is not None:
                found[pair] = asked.changes(part, stands, assignment)
    return found


class _Asked:
    """The standing completion as the parts see it."""

    def __init__(self, compiled: CompiledProblem, standing: Variant, near: Weighed, wishes: Weighed) -> None:
        self._compiled = compiled
        self._names: Names = compiled.names
        self._layout: Layout = compiled.layout
        self._standing = standing
        self._near = near
        self._wishes = wishes
        true = np.zeros(self._names.starts[-1], dtype=bool)
        true[list(_literals(self._names, standing))] = True
        self._flags = np.zeros(self._layout.size, dtype=bool)
        places = self._layout.place[true]
        self._flags[places[places >= 0]] = True

    def others(self) -> list[Pair]:
        """All options that the standing completion does not have."""
        return [
            (group.id, option)
            for group in self._compiled.problem.groups
            for option in group.options
            if option not in self._standing.chosen[group.id]
        ]

    def place(self, pair: Pair) -> int:
        """The place of an option's literal; below 0 if it is the same in every variant."""
        variable, value = self._names.value(*pair)
        return int(self._layout.place[self._names.starts[variable] + value])

    def nearest(
        self, part: Part, question: Question, standing: Assignment, literals: Sequence[int], clock: Clock
    ) -> list[Assignment | None]:
        """For each literal of the part the assignment nearest to the standing one."""
        engine = part.engine
        if isinstance(engine, Diagram):
            wished, _ = without_ties(part.network, self._wishes.parts[part.position], self._wishes.heavy)
            found = engine.nearest(question, wished, np.array(literals, dtype=np.int64))
            return [Assignment(row) if row[0] >= 0 else None for row in found.values]
        if isinstance(engine, Clausal | Mixed):
            numbers = (self._near.heavy,) * len(part.network.numbers)
            weights, first = self._near.parts[part.position].literals, part.network.first
            kept = weights[first[:-1] + standing.values]  # what it costs now is saved by what comes in its place
            changing = Costs(weights - np.repeat(kept, np.diff(first)), numbers)
            return engine.nearest(question, standing, changing, literals, clock)
        prefer = np.zeros(part.network.literals, dtype=np.uint8)
        prefer[part.network.first[:-1] + standing.values] = 1
        found_ones = [self._one(part, question, literal, prefer, clock) for literal in literals]
        return [one and replace(one, numbers=standing.numbers) for one in found_ones]

    @staticmethod
    def _one(
        part: Part, question: Question, literal: int, prefer: NDArray[np.uint8], clock: Clock
    ) -> Assignment | None:
        """A near one: free variables stay as they are, SAT begins where the standing completion is."""
        if not question.asked[literal]:
            return None
        first = part.network.first
        variable = int(np.searchsorted(first, literal, side="right")) - 1
        allowed = question.allowed.copy()
        allowed[first[variable] : first[variable + 1]] = 0
        allowed[literal] = 1
        try:
            return part.engine.find(replace(question, allowed=allowed, asked=allowed), clock, prefer)
        except OutOfTime:
            return None

    def changes(self, part: Part, standing: Assignment, assignment: Assignment) -> Changes:
        """What an assignment of a part changes."""
        chosen: dict[GroupId, frozenset[OptionId]] = {}
        numbers: dict[ParameterId, int] = {}
        others = np.flatnonzero(assignment.values != standing.values)
        for place in (part.start + part.network.first[others] + assignment.values[others]).tolist():
            for literal in self._layout.literals_at(place):
                self._change(literal, chosen, numbers)
        for number, value in zip(part.network.numbers, assignment.numbers, strict=True):
            if self._standing.numbers[number.id] != value:
                numbers[number.id] = value
        return Changes(chosen, numbers)

    def _change(
        self, literal: int, chosen: dict[GroupId, frozenset[OptionId]], numbers: dict[ParameterId, int]
    ) -> None:
        names = self._names
        place = names.owner[literal]
        variable, value = names.variables[place], literal - names.starts[place]
        if variable.parameter is not None:
            numbers[variable.parameter] = names.problem.parameter_by_id[variable.parameter].values[value]
        elif variable.group is not None and variable.option is not None:
            before = chosen.get(variable.group, self._standing.chosen[variable.group])
            chosen[variable.group] = before | {variable.option} if value else before - {variable.option}
        elif variable.group is not None:
            chosen[variable.group] = frozenset(names.problem.group_by_id[variable.group].options[value : value + 1])

    def standing(self, part: Part) -> Assignment:
        """The standing completion as an assignment of the part."""
        first = part.network.first
        true = np.flatnonzero(self._flags[part.start : part.stop])
        owners = np.searchsorted(first, true, side="right") - 1
        values = np.zeros(len(first) - 1, dtype=np.int32)  # auxiliary variables are not in a variant: 0 will do
        values[owners] = true - first[owners]
        return Assignment(values, tuple(self._standing.numbers[number.id] for number in part.network.numbers))


def _literals(names: Names, variant: Variant) -> Iterable[int]:
    """The literals of the network that a variant has; of auxiliary variables none."""
    for group in names.problem.groups:
        variables = names.of_group[group.id]
        chosen = variant.chosen[group.id]
        if is_one_variable(group):
            value = next((names.places[group.id][option] for option in chosen), len(group.options))
            yield names.starts[variables[0]] + value
        else:
            for option, variable in zip(group.options, variables, strict=True):
                yield names.starts[variable] + (option in chosen)
    for parameter, variable in names.of_parameter.items():
        values = names.problem.parameter_by_id[parameter].values
        yield names.starts[variable] + values.index(variant.numbers[parameter])
