"""The last resort: a whole problem as CP-SAT, its model built once and edited for every question."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from threading import Lock
from typing import Final

import numpy as np

from solver import cp
from solver.configuration.encode import Encoding
from solver.configuration.parts import Layout, Stretch
from solver.configuration.problem import ConfigurationProblem
from solver.configuration.question import Assignment, Clock, Costs, Flags, OutOfTime, Question
from solver.configuration.translate import Names, is_one_variable

_LARGEST: Final = 2**60  # of a CP-SAT objective

Places = tuple[int, int]  # positions in a number's values, both included


class CpSat:
    """Models of one problem, one for each thread that asks at the same time. Literals are those of its network."""

    def __init__(self, problem: ConfigurationProblem, names: Names, seed: int) -> None:
        self._problem = problem
        self._names = names
        self._seed = seed
        self._starts = np.array(names.starts[:-1], dtype=np.int64)
        self._lock = Lock()
        self._idle: list[_Model] = []
        self._process = os.getpid()

    def find(
        self,
        allowed: Flags,
        numbers: Mapping[int, int],
        clock: Clock,
        *,
        unseen: Sequence[int] = (),
        target: tuple[int, Sequence[Places]] | None = None,
        rules: Flags | None = None,
        prefer: Sequence[int] = (),
    ) -> Assignment | None:
        """A variant within the allowed literals with these large numbers, or None if there is none. Raises OutOfTime.

        `unseen`: literals of which it must have at least one. `target`: a large number, by position, and the intervals
        of positions in which it must be. `rules`: those in force (None: all). `prefer`: literals to look at first.
        """
        if clock.left <= 0:
            raise OutOfTime
        if not np.maximum.reduceat(allowed, self._starts).all():
            return None
        model = self._take()
        try:
            model.restrict(allowed, numbers, target, rules)
            literals = [model.literal(literal) for literal in unseen]
            model.encoding.want(literals)
            hinted = [*literals, *(model.literal(literal) for literal in prefer)]
            model.encoding.hint({literal: 1 for literal in hinted if literal >= 0})
            settings = cp.LIGHT if model.encoding.linear else cp.BARE
            answer = cp.solve(model.encoding.model, cp.Limits(clock.left, seed=self._seed), settings=settings)
            if answer.status is cp.Status.UNKNOWN:
                raise OutOfTime
            return model.read(answer.values) if answer.status.solved else None
        finally:
            with self._lock:
                self._idle.append(model)

    def least(
        self,
        allowed: Flags,
        numbers: Mapping[int, int],
        costs: Sequence[tuple[int, int]],
        number_costs: Sequence[int],
        clock: Clock,
        wishes: Sequence[tuple[int, int]] = (),
        heavy: int = 0,
        within: tuple[Sequence[tuple[int, int]], Sequence[int], int] | None = None,
    ) -> tuple[Assignment, int, int] | None:
        """A cheapest variant, its cost and a bound; None if there is none. Raises OutOfTime if none was found.

        `costs`: literal and cost. `within`: other costs, and what they may come to at most. `wishes`: values of large
        numbers, each of which costs `heavy` if it is not met. The model is a new one: the answer must not depend on
        what was asked before.
        """
        if not np.maximum.reduceat(allowed, self._starts).all():
            return None
        model = _Model(self._problem, self._names)
        model.restrict(allowed, numbers, None, None)
        linear, constant = model.linear(costs, number_costs)
        if within is not None:
            limited, there = model.linear(within[0], within[1])
            model.encoding.limit(limited, within[2] - there)
        missed = [model.wish(number, value) for number, value in wishes]
        # Sums that would leave 64 bits are counted in a coarser unit; prices never are.
        bounds = model.encoding.bounds
        size = sum(abs(cost) * max(map(abs, bounds(variable))) for variable, cost in linear) + heavy * len(missed)
        coarse = 1 + size // _LARGEST
        model.encoding.minimize([(v, cost // coarse) for v, cost in linear], missed, heavy // coarse)
        answer = cp.solve(model.encoding.model, cp.Limits(max(clock.left, 0.01), seed=self._seed), settings=cp.LIGHT)
        if answer.status is cp.Status.UNKNOWN:
            raise OutOfTime
        if not answer.status.solved:
            return None
        cost, bound = (round(value) * coarse + constant for value in (answer.objective, answer.bound))
        return model.read(answer.values), cost, bound

    def _take(self) -> _Model:
        with self._lock:
            if self._process != os.getpid():  # after a fork: models of the parent stay the parent's
                self._idle, self._process = [], os.getpid()
            if self._idle:
                return self._idle.pop()
        return _Model(self._problem, self._names)


class _Model:
    """One CP-SAT model. Belongs to one thread at a time."""

    def __init__(self, problem: ConfigurationProblem, names: Names) -> None:
        self.encoding = Encoding(problem)
        self._names = names
        self._restricted: dict[int, tuple[int, ...]] = {}  # what differs from the model as it was built
        self._literals: dict[int, int] = {}
        self._rules = tuple(rule.id for rule in problem.constraints)

    def literal(self, literal: int) -> int:
        """The CP-SAT literal of one of the network: true exactly if the variable has the value."""
        found = self._literals.get(literal)
        if found is None:
            found = self._literals[literal] = self._literal(literal)
        return found

    def _literal(self, literal: int) -> int:
        names, encoding = self._names, self.encoding
        place = names.owner[literal]
        variable, value = names.variables[place], literal - names.starts[place]
        if variable.parameter is not None:
            return encoding.equal(encoding.parameter[variable.parameter], value)
        if variable.group is None:
            return encoding.true  # auxiliary: CP-SAT has the rule itself
        if variable.option is not None:
            chosen = encoding.option[variable.group, variable.option]
            return chosen if value else -chosen - 1
        options = names.problem.group_by_id[variable.group].options
        if value == len(options):
            return encoding.nothing(variable.group)
        return encoding.option[variable.group, options[value]]

    def linear(
        self, costs: Sequence[tuple[int, int]], number_costs: Sequence[int]
    ) -> tuple[list[tuple[int, int]], int]:
        """Costs of literals and large numbers as CP-SAT variables with coefficients, and a constant."""
        terms = [(self.literal(literal), cost) for literal, cost in costs if cost]
        constant = sum(cost for literal, cost in terms if literal < 0)
        linear = [(literal, cost) if literal >= 0 else (-literal - 1, -cost) for literal, cost in terms]
        for number, cost in enumerate(number_costs):
            if cost:
                more, added = self.number_cost(number, cost)
                linear.extend(more)
                constant += added
        return linear, constant

    def number_cost(self, number: int, cost: int) -> tuple[list[tuple[int, int]], int]:
        """A cost per unit of a large number: CP-SAT variables and coefficients, and a constant."""
        terms, constant = self.encoding.amount(self._names.numbers[number].id)
        return [(variable, cost * factor) for variable, factor in terms.items()], cost * constant

    def wish(self, number: int, value: int) -> int:
        """A literal that is true exactly if the large number has the value, which is one of its own."""
        parameter = self._names.numbers[number]
        return self.encoding.equal(self.encoding.parameter[parameter.id], parameter.values.index(value))

    def restrict(
        self,
        allowed: Flags,
        numbers: Mapping[int, int],
        target: tuple[int, Sequence[Places]] | None,
        rules: Flags | None,
    ) -> None:
        """Set domains to say the same, all others as they were built."""
        wanted = self._limits(allowed, numbers, target, rules)
        for variable, domain in wanted.items():
            if self._restricted.get(variable) != domain:
                self.encoding.restrict(variable, domain)
        for variable in self._restricted.keys() - wanted.keys():
            self.encoding.restrict(variable, self.encoding.bounds(variable))
        self._restricted = wanted

    def _limits(
        self,
        allowed: Flags,
        numbers: Mapping[int, int],
        target: tuple[int, Sequence[Places]] | None,
        rules: Flags | None,
    ) -> dict[int, tuple[int, ...]]:
        names, encoding = self._names, self.encoding
        found: dict[int, tuple[int, ...]] = {}
        refused = sorted({names.owner[literal] for literal in np.flatnonzero(allowed == 0).tolist()})
        for place in refused:
            start, stop = names.starts[place], names.starts[place + 1]
            kept = [value for value in range(stop - start) if allowed[start + value]]
            variable = names.variables[place]
            if variable.parameter is not None:
                domain = tuple(end for value in kept for end in (value, value))
                found[encoding.parameter[variable.parameter]] = domain
                continue
            for value in range(stop - start):
                literal = self.literal(start + value)
                wanted = None if allowed[start + value] and len(kept) > 1 else int(bool(allowed[start + value]))
                if wanted is not None:
                    _fix(found, literal, wanted)
        for number, entered in numbers.items():
            parameter = names.numbers[number]
            place = parameter.values.index(entered)
            found[encoding.parameter[parameter.id]] = (place, place)
        if target is not None:
            parameter = names.numbers[target[0]]
            found[encoding.parameter[parameter.id]] = tuple(end for interval in target[1] for end in interval)
        if rules is not None:
            found.update(
                {encoding.switch[rule]: (0, 0) for rule, on in zip(self._rules, rules.tolist(), strict=True) if not on}
            )
        return found

    def read(self, values: Sequence[int]) -> Assignment:
        """The solution as values of the network's variables; auxiliary ones are left at 0."""
        names, encoding = self._names, self.encoding
        found = np.zeros(len(names.variables), dtype=np.int32)
        for group in names.problem.groups:
            variables = names.of_group[group.id]
            chosen = [place for place, option in enumerate(group.options) if values[encoding.option[group.id, option]]]
            if is_one_variable(group):
                found[variables[0]] = chosen[0] if chosen else len(group.options)
            else:
                for place in chosen:
                    found[variables[place]] = 1
        for parameter, variable in names.of_parameter.items():
            found[variable] = values[encoding.parameter[parameter]]
        numbers = tuple(number.values[values[encoding.parameter[number.id]]] for number in names.numbers)
        return Assignment(found, numbers)


def _fix(found: dict[int, tuple[int, ...]], literal: int, wanted: int) -> None:
    variable, value = (literal, wanted) if literal >= 0 else (-literal - 1, 1 - wanted)
    found[variable] = (value, value)


class Fallback:
    """CP-SAT for one part, in the part's own literals and numbers."""

    def __init__(self, layout: Layout, part: Stretch, cp_sat: CpSat) -> None:
        self._layout = layout
        self._cp_sat = cp_sat
        self._start = part.start
        self._first = first = part.network.first[:-1]
        self._whole = int(layout.first[-1])
        ids = [number.id for number in layout.names.numbers]
        self._numbers = [ids.index(number.id) for number in part.network.numbers]
        origin = np.full(part.stop - part.start, -1, dtype=np.int64)  # one literal of the network for each of the part
        inside = np.flatnonzero((layout.place >= part.start) & (layout.place < part.stop))[::-1]
        origin[layout.place[inside] - part.start] = inside
        # What is settled has no place in the part. Variables of sums and formulas keep such values: they keep all, so
        # that the others tell where these come from, or, where all are settled, whose variable it is.
        sizes, theirs = np.diff(part.network.first), np.diff(layout.first)
        self._variables = np.searchsorted(layout.first, np.maximum.reduceat(origin, first), side="right") - 1
        mine = {(one.group, one.option, one.parameter): place for place, one in enumerate(layout.names.variables)}
        for place in np.flatnonzero(self._variables < 0).tolist():
            one = part.network.variables[place]
            self._variables[place] = mine[one.group, one.option, one.parameter]
        self._kept = sizes == theirs[self._variables]
        for place in np.flatnonzero(self._kept).tolist():
            begin = int(layout.first[self._variables[place]])
            origin[first[place] : first[place] + sizes[place]] = np.arange(begin, begin + sizes[place])
        self._origin = origin

    def find(
        self,
        allowed: Flags,
        numbers: Mapping[int, int],
        clock: Clock,
        *,
        unseen: Sequence[int] = (),
        target: tuple[int, Sequence[Places]] | None = None,
        rules: Flags | None = None,
    ) -> Assignment | None:
        """As CpSat.find, for the part alone."""
        whole = np.ones(self._whole, dtype=np.uint8)
        whole[self._origin] = allowed
        found = self._cp_sat.find(
            whole,
            {self._numbers[number]: value for number, value in numbers.items()},
            clock,
            unseen=[int(self._origin[literal]) for literal in unseen],
            target=None if target is None else (self._numbers[target[0]], target[1]),
            rules=rules,
        )
        return None if found is None else self._local(found)

    def __call__(self, question: Question, unseen: Flags, clock: Clock) -> Assignment | None:
        """An assignment with at least one of the unseen literals, or None if there is none. Raises OutOfTime."""
        wanted = np.flatnonzero(unseen).tolist()
        return self.find(question.allowed, question.numbers, clock, unseen=wanted)

    def least(
        self,
        allowed: Flags,
        numbers: Mapping[int, int],
        costs: Costs,
        clock: Clock,
        wishes: Sequence[tuple[int, int]] = (),
        heavy: int = 0,
    ) -> tuple[Assignment, int, int] | None:
        """As CpSat.least, for the part alone."""
        whole = np.ones(self._whole, dtype=np.uint8)
        whole[self._origin] = allowed
        number_costs = [0] * len(self._layout.names.numbers)
        for place, cost in zip(self._numbers, costs.numbers, strict=False):
            number_costs[place] = cost
        found = self._cp_sat.least(
            whole,
            {self._numbers[number]: value for number, value in numbers.items()},
            [(int(self._origin[k]), int(costs.literals[k])) for k in np.flatnonzero(costs.literals).tolist()],
            number_costs,
            clock,
            [(self._numbers[number], value) for number, value in wishes],
            heavy,
        )
        return None if found is None else (self._local(found[0]), found[1], found[2])

    def _local(self, found: Assignment) -> Assignment:
        """Of variables that keep all their values the value is the same."""
        theirs = found.values[self._variables]
        place = self._layout.place[self._layout.first[self._variables] + theirs]
        values = np.where(self._kept, theirs, place - self._start - self._first)
        return Assignment(values.astype(np.int32), tuple(found.numbers[number] for number in self._numbers))
