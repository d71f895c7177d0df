"""Problem -> what answers clicks: kernel, pool of known variants, CP-SAT model. Done once, at publishing.

A question ("is there a variant with these values?") goes through the cheapest answer that is a proof: the pool shows
that there is one, propagation shows that there is none, the kernel's search shows either, and CP-SAT decides the rest.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from threading import Lock
from time import monotonic
from typing import Any, Final

from solver import cp
from solver.configuration.encode import Encoding
from solver.configuration.kernel import Domains, Kernel, Nodes, OutOfNodes, bits
from solver.configuration.pool import Pool, Witness
from solver.configuration.problem import (
    ConfigurationProblem,
    Decision,
    Enter,
    GroupId,
    OptionId,
    ParameterId,
    RuleId,
    Variant,
)

_NODES: Final = 2_000  # of a kernel search, before CP-SAT is asked
_MEMO: Final = 4_096  # answers kept, of each kind
_SEEDED: Final = 256  # variants in the pool of a new compiled problem


class VoidProblem(ValueError):
    """No variant is valid. `rules` cannot hold together (with the groups' own limits), none of them can be left out."""

    def __init__(self, rules: frozenset[RuleId]) -> None:
        super().__init__(f"Nothing is valid under {sorted(rules)}.")
        self.rules = rules


class OutOfTime(TimeoutError):
    """The question was not settled within its limit."""


@dataclass(frozen=True, slots=True)
class Clock:
    """A moment in the monotonic clock by which an answer is due."""

    due: float

    @classmethod
    def of(cls, seconds: float) -> Clock:
        """The moment in so many seconds from now."""
        return cls(monotonic() + seconds)

    @property
    def left(self) -> float:
        """Seconds until then, not below 0."""
        return max(0.0, self.due - monotonic())


@dataclass(frozen=True, slots=True)
class Fixed:
    """Decisions as domains of the kernel's variables (not propagated) and as numbers of the large parameters.

    `possible` is False if the decisions contradict each other or a domain by themselves.
    """

    domains: tuple[int, ...]
    numbers: Mapping[ParameterId, int]
    possible: bool


class Memo:
    """The most recently used answers. Safe to share between threads."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._lock = Lock()
        self._answers: OrderedDict[Hashable, Any] = OrderedDict()

    def get(self, key: Hashable) -> Any:
        """The answer, or None."""
        with self._lock:
            if key in self._answers:
                self._answers.move_to_end(key)
            return self._answers.get(key)

    def put(self, key: Hashable, answer: Any) -> None:
        """Keep an answer."""
        with self._lock:
            self._answers[key] = answer
            while len(self._answers) > self._size:
                self._answers.popitem(last=False)

    def clear(self) -> None:
        """Forget all answers."""
        with self._lock:
            self._answers.clear()


class CompiledProblem:
    """A problem ready for clicks. Safe to share between threads and to fork; its answers depend on nothing but it."""

    def __init__(self, problem: ConfigurationProblem, seed: int) -> None:
        self.problem = problem
        self.seed = seed
        self.kernel = Kernel(problem)
        self.large = tuple(p.id for p in problem.parameters if p.id not in self.kernel.of_parameter)
        self.pool = Pool([variable.size for variable in self.kernel.variables], self.large)
        self.domains_memo = Memo(_MEMO)
        self.completions_memo = Memo(_MEMO)
        self._idle: list[Asker] = [Asker(Encoding(problem, self.kernel))]
        self._lock = Lock()

    # --- translating ---

    def fix(self, decisions: Iterable[Decision]) -> Fixed:
        """Decisions as domains."""
        domains = list(self.kernel.full)
        numbers: dict[ParameterId, int] = {}
        possible = True
        for decision in decisions:
            if isinstance(decision, Enter):
                possible &= self._fix_number(decision, domains, numbers)
            else:
                variable, mask = self.kernel.literal(decision.group, decision.option)
                domains[variable] &= mask if decision.chosen else ~mask
        return Fixed(tuple(domains), numbers, possible and all(domains))

    def fix_one(self, decision: Decision) -> tuple[int, int] | ParameterId | None:
        """One decision as a variable and a mask, or the large parameter that it sets; None if it can never be met."""
        if isinstance(decision, Enter):
            values = self.problem.parameter_by_id[decision.parameter].values
            if decision.value not in values:
                return None
            variable = self.kernel.of_parameter.get(decision.parameter)
            return decision.parameter if variable is None else (variable, 1 << values.index(decision.value))
        variable, mask = self.kernel.literal(decision.group, decision.option)
        return variable, mask if decision.chosen else self.kernel.full[variable] & ~mask

    def _fix_number(self, decision: Enter, domains: Domains, numbers: dict[ParameterId, int]) -> bool:
        values = self.problem.parameter_by_id[decision.parameter].values
        if decision.value not in values:
            return False
        variable = self.kernel.of_parameter.get(decision.parameter)
        if variable is not None:
            domains[variable] &= 1 << values.index(decision.value)
            return True
        return numbers.setdefault(decision.parameter, decision.value) == decision.value

    def variant(self, witness: Witness, numbers: Mapping[ParameterId, int] | None = None) -> Variant:
        """The witness as a variant; `numbers` take the place of its large ones."""
        chosen: dict[GroupId, frozenset[OptionId]] = {}
        for group in self.problem.groups:
            variables = self.kernel.of_group[group.id]
            if group.single:
                place = witness.masks[variables[0]].bit_length() - 1
                chosen[group.id] = frozenset(group.options[place : place + 1])
            else:
                pairs = zip(group.options, variables, strict=True)
                chosen[group.id] = frozenset(option for option, v in pairs if witness.masks[v] == 2)
        entered = {**witness.numbers, **(numbers or {})}
        for parameter in self.problem.parameters:
            variable = self.kernel.of_parameter.get(parameter.id)
            if variable is not None:
                entered[parameter.id] = parameter.values[witness.masks[variable].bit_length() - 1]
        return Variant(chosen, {parameter.id: entered[parameter.id] for parameter in self.problem.parameters})

    def witness(self, assignment: Sequence[int], numbers: Mapping[ParameterId, int]) -> Witness:
        """A complete assignment of a closed kernel as a witness; free parameters that are not set get their least."""
        entered = {p: numbers.get(p, self.problem.parameter_by_id[p].minimum) for p in self.large}
        return Witness(tuple(assignment), entered)

    # --- asking ---

    def find(
        self, decisions: Sequence[Decision], clock: Clock, rules: frozenset[RuleId] | None = None
    ) -> Witness | None:
        """A variant with all decisions under `rules` (None: all rules), or None if there is none. Raises OutOfTime."""
        return self.find_fixed(self.fix(decisions), clock, rules)

    def find_fixed(self, fixed: Fixed, clock: Clock, rules: frozenset[RuleId] | None = None) -> Witness | None:
        """The same for decisions that are domains already."""
        if not fixed.possible:
            return None
        domains = list(fixed.domains)
        if not self.kernel.propagate(domains, None, rules):
            return None
        return self.find_within(domains, fixed.numbers, clock, rules)

    def find_within(
        self,
        domains: Domains,
        numbers: Mapping[ParameterId, int],
        clock: Clock,
        rules: frozenset[RuleId] | None = None,
        wanted: Sequence[int] | None = None,
    ) -> Witness | None:
        """The same for domains that are propagated already; `wanted` as for Kernel.find."""
        if self.kernel.closed:
            try:
                found = self.kernel.find(domains, wanted or self.kernel.full, Nodes(_NODES), rules)
            except OutOfNodes:
                pass
            else:
                return None if found is None else self._kept(self.witness(found, numbers), rules)
        elif rules is None and (known := self.pool.one_within(domains, numbers)) is not None:
            return known
        return self._kept(self.ask(domains, numbers, clock, rules=rules), rules)

    def _kept(self, witness: Witness | None, rules: frozenset[RuleId] | None) -> Witness | None:
        if witness is not None and rules is None:
            self.pool.add(witness)
        return witness

    def ask(
        self,
        domains: Sequence[int],
        numbers: Mapping[ParameterId, int],
        clock: Clock,
        *,
        unseen: Sequence[int] | None = None,
        target: tuple[ParameterId, Sequence[tuple[int, int]]] | None = None,
        rules: frozenset[RuleId] | None = None,
        seed: int | None = None,
    ) -> Witness | None:
        """Ask CP-SAT for a variant within the domains, or None if it proves that there is none. Raises OutOfTime.

        `unseen`: for each variable the values of which it must have at least one. `target`: a large parameter and the
        intervals (of positions in its values) in which it must be.
        """
        with self._lock:
            asker = self._idle.pop() if self._idle else None
        asker = asker or Asker(Encoding(self.problem, self.kernel))
        try:
            return asker.ask(domains, numbers, clock, unseen, target, rules, self.seed if seed is None else seed)
        finally:
            with self._lock:
                self._idle.append(asker)


class Asker:
    """One CP-SAT model, its domains edited for every call. Belongs to one thread at a time."""

    def __init__(self, encoding: Encoding) -> None:
        self.encoding = encoding
        self._restricted: dict[int, tuple[int, ...]] = {}  # what differs from the model as it was built
        self._settings = cp.LIGHT if encoding.linear else cp.BARE

    def ask(
        self,
        domains: Sequence[int],
        numbers: Mapping[ParameterId, int],
        clock: Clock,
        unseen: Sequence[int] | None,
        target: tuple[ParameterId, Sequence[tuple[int, int]]] | None,
        rules: frozenset[RuleId] | None,
        seed: int,
    ) -> Witness | None:
        """See CompiledProblem.ask."""
        if clock.left <= 0:
            raise OutOfTime
        self.restrict(self.limits(domains, numbers, target, rules))
        literals = [] if unseen is None else self.literals(unseen)
        self.encoding.want(literals)
        self.encoding.hint({literal: 1 for literal in literals if literal >= 0})
        answer = cp.solve(self.encoding.model, cp.Limits(clock.left, seed=seed), settings=self._settings)
        if answer.status is cp.Status.UNKNOWN:
            raise OutOfTime
        return self.read(answer.values) if answer.status.solved else None

    def restrict(self, wanted: Mapping[int, tuple[int, ...]]) -> None:
        """Set the domains of these variables, all others as they were built."""
        for variable, domain in wanted.items():
            if self._restricted.get(variable) != domain:
                self.encoding.restrict(variable, domain)
        for variable in self._restricted.keys() - wanted.keys():
            self.encoding.restrict(variable, self.encoding.bounds(variable))
        self._restricted = dict(wanted)

    def limits(
        self,
        domains: Sequence[int],
        numbers: Mapping[ParameterId, int],
        target: tuple[ParameterId, Sequence[tuple[int, int]]] | None,
        rules: frozenset[RuleId] | None,
    ) -> dict[int, tuple[int, ...]]:
        """Domains of CP-SAT variables that say the same."""
        encoding, kernel = self.encoding, self.encoding.kernel
        found: dict[int, tuple[int, ...]] = {}
        for domain, full, variable in zip(domains, kernel.full, kernel.variables, strict=True):
            if domain == full:
                continue
            if variable.parameter is not None:
                places = tuple(place for entry in bits(domain) for place in (entry, entry))
                found[encoding.parameter[variable.parameter]] = places
            elif variable.option is not None and variable.group is not None:
                found[encoding.option[variable.group, variable.option]] = (1, 1) if domain == 2 else (0, 0)
            elif variable.group is not None:
                for place, option in enumerate(encoding.problem.group_by_id[variable.group].options):
                    if not domain >> place & 1:
                        found[encoding.option[variable.group, option]] = (0, 0)
                    elif domain == 1 << place:
                        found[encoding.option[variable.group, option]] = (1, 1)
        for parameter, number in numbers.items():
            place = encoding.problem.parameter_by_id[parameter].values.index(number)
            found[encoding.parameter[parameter]] = (place, place)
        if target is not None:
            found[encoding.parameter[target[0]]] = tuple(end for interval in target[1] for end in interval)
        if rules is not None:
            found.update({switch: (0, 0) for rule, switch in encoding.switch.items() if rule not in rules})
        return found

    def literals(self, unseen: Sequence[int]) -> list[int]:
        """Literals for kernel values: true exactly if the variable has the value."""
        encoding, kernel = self.encoding, self.encoding.kernel
        found: list[int] = []
        for mask, variable in zip(unseen, kernel.variables, strict=True):
            if not mask:
                continue
            if variable.parameter is not None:
                found.extend(encoding.equal(encoding.parameter[variable.parameter], entry) for entry in bits(mask))
            elif variable.option is not None and variable.group is not None:
                literal = encoding.option[variable.group, variable.option]
                found.extend(literal if entry else -literal - 1 for entry in bits(mask))
            elif variable.group is not None:
                options = encoding.problem.group_by_id[variable.group].options
                for entry in bits(mask):
                    known = entry < len(options)
                    found.append(
                        encoding.option[variable.group, options[entry]] if known else encoding.nothing(variable.group)
                    )
        return found

    def read(self, values: Sequence[int]) -> Witness:
        """The solution as a witness."""
        encoding, kernel = self.encoding, self.encoding.kernel
        masks: list[int] = []
        for variable in kernel.variables:
            if variable.parameter is not None:
                masks.append(1 << values[encoding.parameter[variable.parameter]])
            elif variable.option is not None and variable.group is not None:
                masks.append(1 + values[encoding.option[variable.group, variable.option]])
            elif variable.group is not None:
                options = encoding.problem.group_by_id[variable.group].options
                places = [k for k, option in enumerate(options) if values[encoding.option[variable.group, option]]]
                masks.append(1 << (places[0] if places else len(options)))
        numbers = {
            parameter.id: parameter.values[values[encoding.parameter[parameter.id]]]
            for parameter in encoding.problem.parameters
            if parameter.id not in kernel.of_parameter
        }
        return Witness(tuple(masks), numbers)


def compile_problem(
    problem: ConfigurationProblem, *, seed: int = 0, seconds: float = 60.0, known: int = _SEEDED
) -> CompiledProblem:
    """Compile, with up to `known` variants in the pool: they make the first clicks quicker, no answer depends on them.

    Raises VoidProblem if nothing is valid, OutOfTime if that is not settled within the limit, and InvalidProblem if a
    rule can neither be said in sums nor has few enough combinations.
    """
    from solver.configuration.analyse import fill_pool
    from solver.configuration.explain import minimal

    compiled = CompiledProblem(problem, seed)
    clock = Clock.of(seconds)
    if compiled.find((), clock) is None:
        rules = minimal(
            [rule.id for rule in problem.rules], lambda kept: compiled.find((), clock, frozenset(kept)) is None
        )
        raise VoidProblem(frozenset(rules))
    fill_pool(compiled, known, seed)
    return compiled
