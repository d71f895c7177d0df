"""The engine for closed parts that are too large for a diagram: known variants first, then clauses.

A click first asks a pool of known models; what none of them shows is put, value by value, to the solver of
`propagation`, which repairs one of them. Each new model has as many values that nobody has yet seen as it can, and
joins the pool, so the next click finds it there. Nothing here waits while it holds the interpreter's lock.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from solver.configuration import propagation as sat
from solver.configuration.cheapest import Cheapest, Found
from solver.configuration.cnf import Cnf, encode, names_of
from solver.configuration.network import Network
from solver.configuration.question import (
    RELEASED,
    STRICT,
    Answer,
    Assignment,
    Clock,
    Costs,
    Flags,
    Least,
    OutOfTime,
    Question,
    Spans,
)

_STEPS: Final = 400_000  # literals propagated between two looks at the clock: some ten milliseconds
_CONFLICTS: Final = 1_000  # and conflicts
_PATIENCE: Final = 60  # conflicts of one question before all variables are decided
_POOL_BITS: Final = 1 << 23  # of one pool: one MiB
_POOL_ROWS: Final = (32, 1024)
_LEARNT: Final = 1 << 18  # ints of learnt clauses, at least
_MAXIMUM_COST: Final = 1 << 60  # that all variables can come to
_STORED: Final = ("arena", "watch", "pair_starts", "pairs", "use_starts", "uses", "units")
_IDLE: Final = 4  # states that are kept when nobody uses them

Array = NDArray[Any]


class NoModel(ValueError):
    """The network has no variant at all."""


@dataclass(slots=True)
class State:
    """One thread's solver and pool; see `propagation`."""

    ints: tuple[NDArray[np.int32], ...]
    bytes_: tuple[NDArray[np.int8], ...]
    floats: NDArray[np.float64]
    pool: NDArray[np.uint64]
    rows: NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Clauses:
    """Clauses as `propagation` needs them, never written to: every state begins as a copy."""

    variables: int
    arena: NDArray[np.int32]
    watch: NDArray[np.int32]
    pair_starts: NDArray[np.int32]
    pairs: NDArray[np.int32]
    use_starts: NDArray[np.int32]
    uses: NDArray[np.int32]
    units: NDArray[np.int32]

    def arrays(self) -> dict[str, Array]:
        """What is to be stored."""
        return {name: getattr(self, name) for name in _STORED}

    def lists(self) -> list[list[int]]:
        """Every clause as its literals."""
        found = [[literal] for literal in self.units.tolist()]
        for literal, (start, end) in enumerate(pairwise(self.pair_starts.tolist())):
            found.extend([literal ^ 1, other] for other in self.pairs[start:end].tolist() if literal ^ 1 < other)
        place, arena = 0, self.arena.tolist()
        while place < len(arena):
            found.append(arena[place + sat.HEADER : place + sat.HEADER + arena[place]])
            place += sat.HEADER + arena[place]
        return found

    def state(self, model: NDArray[np.int8], pool: NDArray[np.uint64]) -> State:
        """A solver at the root. `pool`: models to begin with."""
        variables, clauses = self.variables, len(self.arena)
        ints: list[NDArray[np.int32]] = [np.zeros(0, dtype=np.int32)] * sat.INTS
        scalars = ints[sat.SCALARS] = np.zeros(sat.SCALAR_COUNT, dtype=np.int32)
        for place in (sat.TRAIL, sat.LEVEL, sat.REASON, sat.LEARNT):
            ints[place] = np.zeros(variables + 1, dtype=np.int32)
        ints[sat.STARTS] = np.zeros(variables + 4, dtype=np.int32)
        ints[sat.STAMPS] = np.zeros(variables + 4, dtype=np.int32)
        ints[sat.ARENA] = np.zeros(clauses + max(_LEARNT, clauses // 4), dtype=np.int32)  # takes memory when used
        ints[sat.ARENA][:clauses] = self.arena
        ints[sat.WATCH] = self.watch.copy()
        ints[sat.PAIR_STARTS], ints[sat.PAIRS] = self.pair_starts, self.pairs
        ints[sat.USE_STARTS], ints[sat.USES] = self.use_starts, self.uses
        ints[sat.HEAP] = np.arange(variables, dtype=np.int32)
        ints[sat.HEAP_PLACE] = np.arange(variables, dtype=np.int32)
        ints[sat.QUEUE] = np.zeros(clauses // (sat.HEADER + 3) + 1, dtype=np.int32)
        ints[sat.UNITS] = np.concatenate((self.units, np.zeros(variables, dtype=np.int32)))
        scalars[sat.TOP] = scalars[sat.GIVEN] = clauses
        scalars[sat.HEAP_SIZE] = variables
        scalars[sat.UNIT_COUNT] = len(self.units)
        bytes_ = (
            np.zeros(2 * variables, dtype=np.int8),
            model.astype(np.int8),
            model.astype(np.int8),
            np.zeros(variables, dtype=np.int8),
        )
        floats = np.zeros(variables + 1)
        floats[-1] = 1.0
        capacity = min(max(_POOL_BITS // max(variables, 1), _POOL_ROWS[0]), _POOL_ROWS[1])
        words = -(-variables // 64)
        known = np.zeros((capacity, words), dtype=np.uint64)
        known[: min(len(pool), capacity)] = pool[:capacity]
        count = min(len(pool), capacity)
        rows = np.array([count % capacity, count], dtype=np.int64)
        return State(tuple(ints), bytes_, floats, known, rows)


def stored_clauses(variables: int, arrays: Mapping[str, Array]) -> Clauses:
    """What Clauses.arrays stored. Kernels take no read-only arrays, so such are copied."""
    return Clauses(variables, **{name: np.require(arrays[name], requirements=["C", "W"]) for name in _STORED})


def clauses_of(cnf: Cnf) -> Clauses:
    """Clauses in the arrays of `propagation`."""
    total = cnf.variables
    units: list[int] = []
    pairs: list[tuple[int, int]] = []
    arena: list[int] = []
    uses: list[list[int]] = [[] for _ in range(2 * total)]
    watch = [-1] * (2 * total)
    for clause in cnf.lists():
        inside = dict.fromkeys(2 * x - 2 if x > 0 else -2 * x - 1 for x in clause)
        literals = list(inside)
        if any(literal ^ 1 in inside for literal in literals):
            continue
        if len(literals) == 1:
            units.append(literals[0])
        elif len(literals) == 2:
            pairs.append((literals[0] ^ 1, literals[1]))
            pairs.append((literals[1] ^ 1, literals[0]))
        else:
            start = len(arena)
            arena.extend((len(literals), watch[literals[0]], watch[literals[1]], 0, *literals))
            watch[literals[0]] = 2 * start
            watch[literals[1]] = 2 * start + 1
            for literal in literals:
                uses[literal].append(start)
    implied = np.array(sorted(set(pairs)), dtype=np.int32).reshape(-1, 2)
    use_starts = np.zeros(2 * total + 1, dtype=np.int32)
    np.cumsum([len(use) for use in uses], out=use_starts[1:])
    return Clauses(
        total,
        np.array(arena, dtype=np.int32),
        np.array(watch, dtype=np.int32),
        np.searchsorted(implied[:, 0], np.arange(2 * total + 1)).astype(np.int32),
        np.ascontiguousarray(implied[:, 1]),
        use_starts,
        np.fromiter((x for use in uses for x in use), np.int32, int(use_starts[-1])),
        np.array(units, dtype=np.int32),
    )


def _budget(patience: int = _PATIENCE) -> NDArray[np.int64]:
    return np.array([_STEPS, _CONFLICTS, patience], dtype=np.int64)


def first_model(state: State, clock: Clock) -> NDArray[np.int8]:
    """A model of all clauses. Raises NoModel, and OutOfTime."""
    nothing = np.zeros(0, dtype=np.int32)
    liked = np.zeros(len(state.bytes_[sat.VALUE]), dtype=np.uint8)
    while True:
        budget = _budget(0)
        found = sat.near(state.ints, state.bytes_, state.floats, nothing, liked, nothing, budget)
        if found == sat.NO:
            raise NoModel
        if found == sat.YES:
            return state.bytes_[sat.MODEL].copy()
        if clock.left <= 0:
            raise OutOfTime


def settle(state: State, assumed: NDArray[np.int32], wanted: Flags, seen: Flags, clock: Clock) -> int:
    """Settle what is wanted: YES, NO (the assumptions fail), OUT (time ran out; the rest is still wanted)."""
    assumed = np.ascontiguousarray(assumed)
    while True:
        order = np.flatnonzero(wanted).astype(np.int32)
        budget = _budget()
        found = sat.settle(
            state.ints,
            state.bytes_,
            state.floats,
            assumed,
            wanted,
            seen,
            order,
            state.pool,
            state.rows,
            budget,
        )
        if found != sat.OUT or clock.left <= 0:
            return int(found)


def values_at_root(cnf: Cnf, clock: Clock, seed: int = 0) -> tuple[NDArray[np.int8], int]:
    """By its name the value that each of the network's variables has in every model: 1, -1, or 0 for both.

    And how many values were not settled in time; they count as possible. Raises NoModel.
    """
    clauses = clauses_of(cnf)
    model = np.random.default_rng(seed).integers(0, 2, cnf.variables, dtype=np.int8)
    state = clauses.state(model, np.zeros((0, -(-cnf.variables // 64)), dtype=np.uint64))
    seen = np.zeros(2 * cnf.variables, dtype=np.uint8)
    wanted = np.zeros(2 * cnf.variables, dtype=np.uint8)
    wanted[: 2 * cnf.own] = 1
    try:
        first_model(state, clock)
        settle(state, np.zeros(0, dtype=np.int32), wanted, seen, clock)
    except OutOfTime:
        pass
    possible = (seen | wanted) != 0
    fixed = np.zeros(cnf.variables + 1, dtype=np.int8)
    fixed[1 : cnf.own + 1] = possible[0 : 2 * cnf.own : 2].astype(np.int8) - possible[1 : 2 * cnf.own : 2]
    return fixed, int(np.count_nonzero(wanted))


class Clausal:
    """Answers for a closed part; shared by all threads, each of which borrows a state. Safe after a fork.

    Raises NoModel, and OutOfTime if `seconds` do not suffice for a first variant.
    """

    def __init__(self, network: Network, *, seed: int = 0, seconds: float = 60.0) -> None:
        cnf = encode(network)
        self._begin(network, clauses_of(cnf), cnf.own)
        self._pool: NDArray[np.uint64] = np.zeros((0, -(-cnf.variables // 64)), dtype=np.uint64)
        random = np.random.default_rng(seed)
        model = random.integers(0, 2, cnf.variables, dtype=np.int8)
        self._model: NDArray[np.int8] = first_model(self._clauses.state(model, self._pool), Clock.of(seconds))
        self._pool = self._first_pool(Clock.of(seconds))

    def _begin(self, network: Network, clauses: Clauses, own: int) -> None:
        self.network = network
        self._clauses = clauses
        self._own = own
        names, _ = names_of(network)
        self._literal: NDArray[np.int32] = np.where(names > 0, 2 * names - 2, -2 * names - 1).astype(np.int32)
        self._first: NDArray[np.int64] = np.array(network.first, dtype=np.int64)
        self._sizes = np.diff(self._first)
        self._owner = np.repeat(np.arange(len(network.variables)), self._sizes)
        self._idle: list[State] = []

    # --- storing ---

    def arrays(self) -> dict[str, Array]:
        """All that was found out when this was built, to be stored."""
        return {**self._clauses.arrays(), "model": self._model, "pool": self._pool}

    @classmethod
    def from_arrays(cls, network: Network, arrays: Mapping[str, Array]) -> Clausal:
        """What `arrays` stored; they may be read-only."""
        engine = cls.__new__(cls)
        engine._begin(network, stored_clauses(len(arrays["model"]), arrays), names_of(network)[1])
        engine._model, engine._pool = arrays["model"], arrays["pool"]
        return engine

    # --- questions ---

    def domains(self, question: Question, clock: Clock) -> Answer | None:
        """The valid values of every variable, as far as time allows; None if no variant has all decisions."""
        forbidden = np.flatnonzero(question.allowed == 0)
        if self._emptied(forbidden):
            return None
        literal, total = self._literal, 2 * self._clauses.variables
        valid = np.zeros(len(literal), dtype=np.uint8)
        open_ = np.zeros(len(literal), dtype=np.uint8)
        with self._state() as state:
            seen, released = self._recall(state, literal[forbidden])
            wanted = np.zeros(total, dtype=np.uint8)
            wanted[literal[question.allowed != 0]] = 1
            wanted[seen != 0] = 0
            found = settle(state, literal[forbidden] ^ 1, wanted, seen, clock)
            if found == sat.NO:
                return None
            strict = question.allowed != 0
            valid[strict & (seen[literal] != 0)] = STRICT | RELEASED
            open_[strict & (wanted[literal] != 0)] = STRICT | RELEASED
            others = forbidden[question.asked[forbidden] != 0]
            valid[others[released[literal[others]] != 0]] = RELEASED
            if found == sat.YES or clock.left > 0:
                self._release(state, forbidden, others[valid[others] == 0], valid, open_, clock)
            else:
                open_[others[valid[others] == 0]] = RELEASED
        return Answer(valid, open_)

    def find(self, question: Question, clock: Clock, prefer: Flags | None = None) -> Assignment | None:
        """A variant with all decisions, near to what is preferred, or None. Raises OutOfTime."""
        forbidden = np.flatnonzero(question.allowed == 0)
        if self._emptied(forbidden):
            return None
        with self._state() as state:
            self._recall(state, self._literal[forbidden])
            liked = np.zeros(2 * self._clauses.variables, dtype=np.uint8)
            order = np.zeros(0, dtype=np.int32)
            if prefer is not None:
                order = self._literal[prefer != 0]
                liked[order] = 1
            if not self._near(state, self._literal[forbidden] ^ 1, liked, order, clock):
                return None
            return self._assignment(state.bytes_[sat.MODEL])

    def nearest(
        self, question: Question, standing: Assignment, weights: Costs, literals: Sequence[int], clock: Clock
    ) -> list[Assignment | None]:
        """For each literal an assignment with it near to `standing`, its own variable released.

        None: no assignment has it, or none was found in time. Near: nothing that changed can be changed back, which is
        tried with the heaviest variables first (by their greatest weight); so it is not always the nearest of all.
        `standing` need not be right about what no decision is about: what comes near to it takes its place.
        """
        stands = self._first[:-1] + standing.values
        liked = np.zeros(2 * self._clauses.variables, dtype=np.uint8)
        liked[self._literal[stands]] = 1
        heaviest = np.argsort(-np.maximum.reduceat(weights.literals, self._first[:-1]), kind="stable")
        forbidden = np.flatnonzero(question.allowed == 0)
        found: list[Assignment | None] = [None] * len(literals)
        with self._state() as state:
            self._recall(state, self._literal[forbidden])
            order = self._literal[stands[heaviest]]
            assumed = np.ascontiguousarray(self._literal[forbidden] ^ 1)
            try:
                if sat.follow(
                    state.ints, state.bytes_, state.floats, assumed, order, liked, _budget()
                ) != sat.YES and not self._near(state, assumed, liked, order, clock):
                    return found
            except OutOfTime:
                return found
            order = self._literal[np.flatnonzero(self._holds(state.bytes_[sat.MODEL]))[heaviest]]
            decided = set(self._owner[forbidden].tolist())
            released = -2  # the decided variable without which level 1 is assumed; -1: none
            model = np.zeros(self._clauses.variables, dtype=np.int8)
            for place in sorted(range(len(literals)), key=lambda k: self._released(literals[k], decided)):
                literal = literals[place]
                if not question.asked[literal]:
                    continue
                if self._released(literal, decided) != released:
                    released = self._released(literal, decided)
                    assumed = self._literal[forbidden[self._owner[forbidden] != released]] ^ 1
                    sat.assume(state.ints, state.bytes_, state.floats, np.ascontiguousarray(assumed))
                target = self._literal[[literal]]
                answer = sat.OUT
                while answer == sat.OUT and clock.left > 0:
                    answer = sat.come_near(
                        state.ints, state.bytes_, state.floats, target, order, model, liked, _budget()
                    )
                if answer == sat.YES:
                    found[place] = self._assignment(model)
            sat.begin(state.ints, state.bytes_, state.floats)
        return found

    def _released(self, literal: int, decided: Collection[int]) -> int:
        variable = int(self._owner[literal])
        return variable if variable in decided else -1

    def least(self, question: Question, costs: Costs, clock: Clock) -> Least | None:
        """The cheapest variant with all decisions, or None if there is none. Raises OutOfTime if none was found."""
        forbidden = np.flatnonzero(question.allowed == 0)
        if self._emptied(forbidden):
            return None
        with self._state() as state:
            self._recall(state, self._literal[forbidden])
            found = self._least(state, self._literal[forbidden] ^ 1, costs.literals, clock)
        return None if found is None else Least(self._assignment(found.model), found.cost, found.bound)

    def spans(self, question: Question, costs: Costs, clock: Clock) -> Spans:
        """The lowest and highest cost of a variant with each literal, its own variable released.

        Bounds come from propagation, variants from repairing the cheapest and the dearest; where these do not meet,
        CP-SAT is asked as long as there is time.
        """
        count = len(self._literal)
        low, high = np.ones(count, dtype=np.int64), np.zeros(count, dtype=np.int64)
        exact = np.full(count, 3, dtype=np.uint8)
        answer = self.domains(question, clock)
        if answer is None:
            return Spans(low, high, exact)
        possible = np.flatnonzero(((answer.valid | answer.open) & RELEASED) & np.where(question.asked, 255, 0))
        forbidden = np.flatnonzero(question.allowed == 0)
        free = question.allowed[possible] != 0
        with self._state() as state:
            self._weigh(state, self._literal[forbidden] ^ 1, costs, possible[free], low, high)
            for variable in np.unique(self._owner[possible[~free]]).tolist():
                others = forbidden[self._owner[forbidden] != variable]
                asked = possible[~free & (self._owner[possible] == variable)]
                self._weigh(state, self._literal[others] ^ 1, costs, asked, low, high)
            possible = possible[low[possible] <= high[possible]]
            exact[possible] = 0
            for sign, bit, ends in ((1, 1, low), (-1, 2, high)):
                self._meet(state, question, sign * costs.literals, sign, bit, ends, exact, possible, clock)
        for literal in possible[exact[possible] != 3].tolist():
            if answer.valid[literal] & RELEASED == 0 and clock.left <= 0:
                break
            self._prove(question, costs.literals, literal, low, high, exact, clock)
        return Spans(low, high, exact)

    # --- costs ---

    def _weigh(
        self,
        state: State,
        assumed: NDArray[np.int32],
        costs: Costs,
        targets: NDArray[np.int64],
        low: NDArray[np.int64],
        high: NDArray[np.int64],
    ) -> None:
        below, above = np.zeros(len(targets), dtype=np.int64), np.zeros(len(targets), dtype=np.int64)
        sat.weigh(
            state.ints,
            state.bytes_,
            state.floats,
            np.ascontiguousarray(assumed),
            self._first,
            self._literal,
            self._owner_of_name,
            np.require(costs.literals, np.int64, ["C", "W"]),
            targets,
            below,
            above,
        )
        low[targets], high[targets] = below, above

    def _meet(
        self,
        state: State,
        question: Question,
        costs: NDArray[np.int64],
        sign: int,
        bit: int,
        ends: NDArray[np.int64],
        exact: Flags,
        possible: NDArray[np.int64],
        clock: Clock,
    ) -> None:
        """Look for variants that cost what the bounds say (times `sign`, so that cheaper is better)."""
        forbidden = np.flatnonzero(question.allowed == 0)
        order = self._cheap_first(costs)
        liked = np.zeros(2 * self._clauses.variables, dtype=np.uint8)
        liked[self._literal[order]] = 1
        self._recall(state, self._literal[forbidden])
        try:
            found = self._least(state, self._literal[forbidden] ^ 1, costs, Clock.of(clock.left / 4))
            if found is None:
                return
            holds = self._holds(found.model)
            if found.bound == found.cost:
                ends[possible] = np.where(
                    question.allowed[possible] != 0,
                    sign * np.maximum(sign * ends[possible], found.cost),
                    ends[possible],
                )
                reached = possible[holds[possible]]
                ends[reached], exact[reached] = sign * found.cost, exact[reached] | bit
            for literal in possible.tolist():
                if exact[literal] & bit:
                    continue
                if clock.left <= 0:
                    return
                others = forbidden[self._owner[forbidden] != self._owner[literal]]
                assumed = np.append(self._literal[others] ^ 1, self._literal[literal])
                state.bytes_[sat.MODEL][:] = found.model
                if self._near(state, assumed, liked, self._literal[order], clock):
                    cost = int(costs[self._holds(state.bytes_[sat.MODEL])].sum())
                    if cost == sign * ends[literal]:
                        exact[literal] |= bit
        except OutOfTime:
            return

    def _prove(
        self,
        question: Question,
        costs: NDArray[np.int64],
        literal: int,
        low: NDArray[np.int64],
        high: NDArray[np.int64],
        exact: Flags,
        clock: Clock,
    ) -> None:
        forbidden = np.flatnonzero(question.allowed == 0)
        others = forbidden[self._owner[forbidden] != self._owner[literal]]
        assumed = np.append(self._literal[others] ^ 1, self._literal[literal]).astype(np.int32)
        for sign, bit, ends in ((1, 1, low), (-1, 2, high)):
            if exact[literal] & bit or clock.left <= 0:
                continue
            try:
                found = self._cheapest.solve(assumed, self._by_name(sign * costs), self._model, clock)
            except OutOfTime:
                return
            if found is None:  # what time had left open has no variant after all
                low[literal], high[literal], exact[literal] = 1, 0, 3
                return
            ends[literal] = sign * max(sign * int(ends[literal]), found.bound)
            if found.bound == found.cost:
                exact[literal] |= bit

    def _least(
        self, state: State, assumed: NDArray[np.int32], costs: NDArray[np.int64], clock: Clock
    ) -> Found | None:
        """The cheapest model; at once if every variable can have its cheapest value."""
        if int(np.abs(costs).max(initial=0)) * len(self._sizes) > _MAXIMUM_COST:
            raise ValueError("Costs of more than 2^60 in sum.")
        order = self._cheap_first(costs)
        liked = np.zeros(2 * self._clauses.variables, dtype=np.uint8)
        liked[self._literal[order]] = 1
        if not self._near(state, assumed, liked, self._literal[order], clock):
            return None
        model = state.bytes_[sat.MODEL].copy()
        cost = int(costs[self._holds(model)].sum())
        possible = np.ones(2 * self._clauses.variables, dtype=bool)
        possible[assumed ^ 1] = False
        here = np.where(possible[self._literal], costs, np.iinfo(np.int64).max)
        if cost == int(np.minimum.reduceat(here, self._first[:-1]).sum()):
            return Found(model, cost, cost)
        try:
            found = self._cheapest.solve(np.ascontiguousarray(assumed), self._by_name(costs), model, clock)
        except OutOfTime:
            return Found(model, cost, int(np.minimum.reduceat(here, self._first[:-1]).sum()))
        return found

    def _cheap_first(self, costs: NDArray[np.int64]) -> NDArray[np.int64]:
        """The cheapest literal of each variable, the one that saves most first."""
        first = self._first
        least = np.minimum.reduceat(costs, first[:-1])
        saved = np.maximum.reduceat(costs, first[:-1]) - least
        cheap = np.flatnonzero(costs == least[self._owner])
        cheap = cheap[saved[self._owner[cheap]] > 0]
        return cheap[np.argsort(-saved[self._owner[cheap]], kind="stable")]

    def _by_name(self, costs: NDArray[np.int64]) -> NDArray[np.int64]:
        """Costs of the literals of `propagation`."""
        found = np.zeros(2 * self._clauses.variables, dtype=np.int64)
        found[self._literal] = costs
        return found

    @cached_property
    def _owner_of_name(self) -> NDArray[np.int32]:
        found = np.full(self._clauses.variables, -1, dtype=np.int32)
        found[self._literal >> 1] = self._owner
        return found

    @cached_property
    def _cheapest(self) -> Cheapest:
        first = self._first.tolist()
        one_of = [
            self._literal[start:end].tolist() for start, end in pairwise(first) if end - start > 2
        ]
        return Cheapest(self._clauses.variables, self._clauses.lists(), one_of, 0)

    # --- the work ---

    def _emptied(self, forbidden: NDArray[np.int64]) -> bool:
        """Whether some variable has no value left."""
        if not len(forbidden):
            return False
        return bool(np.any(np.bincount(self._owner[forbidden], minlength=len(self._sizes)) == self._sizes))

    def _near(
        self, state: State, assumed: NDArray[np.int32], liked: Flags, order: NDArray[np.int32], clock: Clock
    ) -> bool:
        """Make the state's model one with what is assumed and much of what is liked. Raises OutOfTime."""
        assumed = np.ascontiguousarray(assumed)
        while True:
            budget = _budget()
            found = sat.near(state.ints, state.bytes_, state.floats, assumed, liked, order, budget)
            if found != sat.OUT:
                return bool(found == sat.YES)
            if clock.left <= 0:
                raise OutOfTime

    def _holds(self, model: NDArray[np.int8]) -> NDArray[np.bool_]:
        """Whether each literal holds."""
        found: NDArray[np.bool_] = model[self._literal >> 1] == 1 - (self._literal & 1)
        return found

    def _recall(self, state: State, forbidden: NDArray[np.int32]) -> tuple[Flags, Flags]:
        """What the pool shows: literals of models with all decisions, and literals by which a model breaks one.

        The model that breaks the fewest becomes the one to repair.
        """
        never = np.zeros(64 * state.pool.shape[1], dtype=np.uint8)
        always = np.zeros(64 * state.pool.shape[1], dtype=np.uint8)
        never[forbidden[forbidden & 1 == 0] >> 1] = 1
        always[forbidden[forbidden & 1 == 1] >> 1] = 1
        seen = np.zeros(2 * self._clauses.variables, dtype=np.uint8)
        released = np.zeros(2 * self._clauses.variables, dtype=np.uint8)
        masks = [np.packbits(flags, bitorder="little").view(np.uint64) for flags in (never, always)]
        best = sat.recall(state.pool, state.rows[1], masks[0], masks[1], self._own, seen, released)
        if best >= 0:
            sat.restore(state.bytes_[sat.MODEL], state.pool[best])
        return seen, released

    def _release(
        self,
        state: State,
        forbidden: NDArray[np.int64],
        asked: NDArray[np.int64],
        valid: Flags,
        open_: Flags,
        clock: Clock,
    ) -> None:
        """Whether each of the forbidden literals that are asked goes with all decisions about other variables."""
        if not len(asked):
            return
        owner = self._owner[forbidden]
        starts = np.append(np.flatnonzero(np.diff(owner, prepend=-1)), len(owner)).astype(np.int32)
        found = np.where(np.isin(forbidden, asked), sat.OUT, sat.NO).astype(np.int8)
        literals = self._literal[forbidden]
        while True:
            budget = _budget()
            result = sat.release(state.ints, state.bytes_, state.floats, literals, starts, found, budget)
            if result != sat.OUT or clock.left <= 0:
                break
        valid[forbidden[found == sat.YES]] = RELEASED
        open_[forbidden[found == sat.OUT]] = RELEASED

    def _assignment(self, model: NDArray[np.int8]) -> Assignment:
        return Assignment((np.flatnonzero(self._holds(model)) - self._first[:-1]).astype(np.int32))

    # --- states ---

    @contextmanager
    def _state(self) -> Iterator[State]:
        """A solver for this thread alone."""
        try:
            state = self._idle.pop()  # one step, so that no lock can be left closed by a fork
        except IndexError:
            state = self._clauses.state(self._model, self._pool)
        try:
            yield state
        finally:
            if len(self._idle) < _IDLE:
                self._idle.append(state)

    def _first_pool(self, clock: Clock) -> NDArray[np.uint64]:
        """Models that together show what can be shown."""
        state = self._clauses.state(self._model, self._pool)
        wanted = np.zeros(2 * self._clauses.variables, dtype=np.uint8)
        wanted[self._literal] = 1
        settle(state, np.zeros(0, dtype=np.int32), wanted, np.zeros_like(wanted), clock)
        self._idle.append(state)
        return state.pool[: state.rows[1]].copy()
