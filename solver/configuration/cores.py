"""Why decisions cannot be had together, and the fewest or lightest to give up: with every rule switchable.

Each clause of a rule has a literal more, the rule's switch. Two solvers share these clauses. In one all switches are
on; it finds a first conflict and proves repairs. In the other they are off, so a question about a few rules costs
only what those few rules touch; there a conflict is reduced, member by member (deletion: what is left out at last could
not be left out of any smaller conflict), and each member that stays was shown to be needed by a model without it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from heapq import heappop, heappush
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from solver.configuration import propagation as sat
from solver.configuration.clausal import Clauses, State, clauses_of, stored_clauses
from solver.configuration.cnf import Cnf, encode, names_of
from solver.configuration.network import Network
from solver.configuration.question import Assignment, Clock, Flags, OutOfTime

_STEPS: Final = 400_000  # literals propagated between two looks at the clock
_CONFLICTS: Final = 1_000  # and conflicts
_PATIENCE: Final = 60  # conflicts of one question before all variables are decided
_NO_LIMIT: Final = 1 << 60
_IDLE: Final = 2  # pairs of solvers that are kept when nobody uses them

Signed = int  # literal + 1, or -(literal + 1)


@dataclass(frozen=True, slots=True)
class Core:
    """Literals and rules (positions in Network.rules) that no assignment has together; none can be left out."""

    assumed: tuple[Signed, ...]
    rules: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Release:
    """What to give up, and an assignment that has everything else."""

    given_up: tuple[Signed, ...]
    assignment: Assignment


@dataclass(slots=True)
class _Pair:
    """`on`: all rules in force at level 1; `off`: none. `void`: all rules together fail."""

    on: State
    off: State
    void: bool


class Explainer:
    """Conflicts and repairs of a network's clauses, counts and tables; sums and formulas are not looked at.

    Shared by all threads, each of which borrows a pair of solvers. Safe after a fork.
    """

    def __init__(self, network: Network, *, seed: int = 0) -> None:
        cnf = _switched(encode(network), len(network.rules))
        model = np.random.default_rng(seed).integers(0, 2, cnf.variables, dtype=np.int8)
        self._begin(network, clauses_of(cnf), model)
        pair = self._new_pair()
        self._model_on: NDArray[np.int8] = pair.on.bytes_[sat.MODEL].copy()
        self._model_off: NDArray[np.int8] = pair.off.bytes_[sat.MODEL].copy()
        self._idle.append(pair)

    def _begin(self, network: Network, clauses: Clauses, model: NDArray[np.int8]) -> None:
        self.network = network
        self._clauses = clauses
        names, _ = names_of(network)
        self._literal: NDArray[np.int32] = np.where(names > 0, 2 * names - 2, -2 * names - 1).astype(np.int32)
        self._switches: NDArray[np.int32] = np.arange(
            2 * (clauses.variables - len(network.rules)), 2 * clauses.variables, 2, dtype=np.int32
        )
        self._model_on = self._model_off = model
        self._idle: list[_Pair] = []

    def arrays(self) -> dict[str, NDArray[Any]]:
        """All that was found out when this was built, to be stored."""
        return {**self._clauses.arrays(), "model_on": self._model_on, "model_off": self._model_off}

    @classmethod
    def from_arrays(cls, network: Network, arrays: Mapping[str, NDArray[Any]]) -> Explainer:
        """What `arrays` stored; they may be read-only."""
        explainer = cls.__new__(cls)
        explainer._begin(network, stored_clauses(len(arrays["model_on"]), arrays), arrays["model_on"])
        explainer._model_off = arrays["model_off"]
        return explainer

    # --- questions ---

    def satisfiable(
        self, assumed: Sequence[Signed], clock: Clock, rules: Flags | None = None
    ) -> Assignment | None:
        """An assignment that has all literals and keeps the rules flagged (None: all), or None. Raises OutOfTime."""
        with self._pair() as pair:
            literals = self._literals(assumed)
            if rules is None:
                found = not pair.void and self._possible(pair.on, 1, literals, clock)
                return self._assignment(pair.on) if found else None
            literals = np.concatenate((literals, self._switches[np.flatnonzero(rules)]))
            return self._assignment(pair.off) if self._possible(pair.off, 0, literals, clock) else None

    def conflict(self, assumed: Sequence[Signed], clock: Clock) -> Core | None:
        """A minimal conflict among the literals and the rules, or None if there is none. Raises OutOfTime.

        Without any of its literals all rules can be kept; without any of its rules, its literals and other rules can.
        Of members that could stand for each other the early ones stay.
        """
        with self._pair() as pair:
            found = self._first_core(pair, list(assumed), clock)
            if found is None:
                return None
            literals, rules = found
            for literal in reversed(literals):
                if literal in literals and not pair.void:
                    shorter = [other for other in literals if other != literal]
                    found = self._first_core(pair, shorter, clock)
                    if found is not None:
                        literals, rules = found
            return Core(tuple(literals), tuple(self._needed_rules(pair, literals, rules, clock)))

    def repairs(
        self,
        keep: Sequence[Signed],
        others: Sequence[Signed],
        k: int,
        clock: Clock,
        weights: Sequence[int] | None = None,
    ) -> list[Release]:
        """Up to k smallest sets of `others` to give up so that the rest and `keep` go together, the lightest first.

        No set contains another. Of sets of the same weight the one that gives up later entries comes first. Fewer than
        k if there are no more, or if time ran out; OutOfTime if it did before the first. Weights are above 0.
        """
        weight = list(weights) if weights is not None else [1] * len(others)
        with self._pair() as pair:
            if pair.void:
                return []
            return self._repairs(pair, keep, others, weight, k, clock)

    # --- conflicts ---

    def _first_core(
        self, pair: _Pair, assumed: list[Signed], clock: Clock
    ) -> tuple[list[Signed], list[int]] | None:
        """Some literals and rules that fail together, not yet minimal; None if all rules can be kept with `assumed`."""
        if not pair.void and self._possible(pair.on, 1, self._literals(assumed), clock):
            return None
        traced = self._traced(pair.on)
        literals = self._literals(assumed).tolist()
        kept = [] if pair.void else [one for one, name in zip(assumed, literals, strict=True) if name in traced]
        return kept, [rule for rule, switch in enumerate(self._switches.tolist()) if switch in traced]

    def _needed_rules(self, pair: _Pair, literals: list[Signed], rules: list[int], clock: Clock) -> list[int]:
        assumed = self._literals(literals)
        for rule in [None, *reversed(rules)]:
            if rule is not None and rule not in rules:
                continue
            left = [other for other in rules if other != rule]
            if not self._possible(pair.off, 0, np.concatenate((assumed, self._switches[left])), clock):
                traced = self._traced(pair.off)
                rules = [other for other in left if int(self._switches[other]) in traced]
        return rules

    # --- repairs ---

    def _repairs(
        self,
        pair: _Pair,
        keep: Sequence[Signed],
        others: Sequence[Signed],
        weights: Sequence[int],
        k: int,
        clock: Clock,
    ) -> list[Release]:
        """The lightest hitting sets of conflicts, conflicts being found where a set hits all that are known.

        Reiter 1987 with a queue by weight; the sets that hit everything come out in the order of their weight.
        """
        literals = self._literals(others).tolist()
        conflicts: list[frozenset[int]] = []
        found: list[Release] = []
        sets: list[frozenset[int]] = []
        waiting: list[tuple[int, tuple[int, ...], frozenset[int]]] = [(0, (), frozenset())]
        visited: set[frozenset[int]] = set()
        while waiting and len(found) < k:
            weight, _, gone = heappop(waiting)
            if gone in visited or any(known <= gone for known in sets):
                continue
            visited.add(gone)
            conflict = next((known for known in conflicts if not known & gone), None)
            if conflict is None:
                left = [others[place] for place in range(len(others)) if place not in gone]
                try:
                    possible = self._possible(pair.on, 1, self._literals([*keep, *left]), clock)
                except OutOfTime:
                    if found:
                        return found
                    raise
                if possible:
                    sets.append(gone)
                    given_up = tuple(others[place] for place in sorted(gone))
                    found.append(Release(given_up, self._assignment(pair.on)))
                    continue
                traced = self._traced(pair.on)
                conflict = frozenset(p for p, name in enumerate(literals) if p not in gone and name in traced)
                conflicts.append(conflict)
            for place in conflict:
                more = gone | {place}
                heappush(waiting, (weight + weights[place], tuple(sorted(-other for other in more)), more))
        return found

    # --- the solvers ---

    def _literals(self, assumed: Iterable[Signed]) -> NDArray[np.int32]:
        names = np.fromiter(assumed, dtype=np.int64)
        found: NDArray[np.int32] = self._literal[np.abs(names) - 1] ^ (names < 0)
        return found.astype(np.int32)

    def _possible(self, state: State, depth: int, literals: NDArray[np.int32], clock: Clock) -> bool:
        if depth == 0 and sat.begin(state.ints, state.bytes_, state.floats) == sat.NO:
            raise AssertionError("Without any rule something is always possible.")
        while True:
            budget = np.array([_STEPS, _CONFLICTS, _PATIENCE], dtype=np.int64)
            found = sat.possible(state.ints, state.bytes_, state.floats, depth, literals, budget)
            if found != sat.OUT:
                return bool(found == sat.YES)
            if clock.left <= 0:
                raise OutOfTime

    def _traced(self, state: State) -> set[int]:
        found = np.zeros(self._clauses.variables + 1, dtype=np.int32)
        count = sat.trace(state.ints, state.bytes_, state.floats, found)
        return set(found[:count].tolist())

    def _assignment(self, state: State) -> Assignment:
        holds = state.bytes_[sat.MODEL][self._literal >> 1] == 1 - (self._literal & 1)
        return Assignment((np.flatnonzero(holds) - self.network.first[:-1]).astype(np.int32))

    @contextmanager
    def _pair(self) -> Iterator[_Pair]:
        """Two solvers for this thread alone."""
        try:
            pair = self._idle.pop()
        except IndexError:
            pair = self._new_pair()
        if not pair.void and pair.on.ints[sat.SCALARS][sat.UNIT_COUNT]:
            self._switch_on(pair)
        try:
            yield pair
        finally:
            if len(self._idle) < _IDLE:
                self._idle.append(pair)

    def _new_pair(self) -> _Pair:
        nothing = np.zeros((0, 1), dtype=np.uint64)
        on = self._clauses.state(self._model_on, nothing)
        off = self._clauses.state(self._model_off, nothing)
        pair = _Pair(on, off, void=False)
        self._switch(off, self._switches ^ 1, patience=0)
        self._switch_on(pair, patience=0)
        return pair

    def _switch_on(self, pair: _Pair, patience: int = _PATIENCE) -> None:
        pair.void = not self._switch(pair.on, self._switches, patience)

    def _switch(self, state: State, switches: NDArray[np.int32], patience: int) -> bool:
        """Make a model of what the switches say, and keep them assumed at level 1."""
        sat.begin(state.ints, state.bytes_, state.floats)
        budget = np.array([_NO_LIMIT, _NO_LIMIT, patience], dtype=np.int64)
        return bool(sat.possible(state.ints, state.bytes_, state.floats, 0, switches, budget) == sat.YES)


def _switched(cnf: Cnf, rules: int) -> Cnf:
    """Each clause of a rule holds if its switch is off; switches are the last variables, in the order of the rules."""
    clauses = [
        clause if rule < 0 else [*clause, -(cnf.variables + 1 + rule)]
        for clause, rule in zip(cnf.lists(), cnf.rules.tolist(), strict=True)
    ]
    starts = np.zeros(len(clauses) + 1, dtype=np.int64)
    np.cumsum([len(clause) for clause in clauses], out=starts[1:])
    flat = np.fromiter((literal for clause in clauses for literal in clause), np.int32, int(starts[-1]))
    return replace(cnf, variables=cnf.variables + rules, starts=starts, clauses=flat)
