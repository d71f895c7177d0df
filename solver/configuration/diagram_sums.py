"""What is cheapest among the paths of a diagram that keep limits of sums: bounds for every literal, then the proof.

For any weights w of the sums, what a path costs is at least (cost + w * sums) - h(w), where h(w) is the most that the
limits allow of w * sums. One pass over the diagram gives this bound for all literals at once, and paths, some of which
keep the limits. Better weights follow the violation of the path that the bound comes from. Where the best bound and the
best path do not meet, a search down the diagram settles it; every direction that was asked bounds it. Sources: Polyak,
Minimization of unsmooth functionals, 1969 (the step); Held, Karp 1971; Bergman, Cire, van Hoeve, Lagrangian bounds from
decision diagrams, 2015.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from time import monotonic
from typing import Final

import numpy as np
from numpy.typing import NDArray

from solver.configuration import diagram_passes as passes
from solver.configuration.diagram import Diagram, Directions, compile_diagram
from solver.configuration.network import Network
from solver.configuration.question import Clock, Costs, Flags, Question, Spans

_WARM: Final = 20  # passes for the weights of all, before single literals
_PASSES: Final = 60  # passes for single literals between two searches
_QUICK: Final = 300  # steps of the first search for a literal; then four times as many
_KEPT: Final = 4  # directions with costs that a search looks at
_UNIT: Final = 2**10  # of the cost against the weights, at most
_ROOM: Final = 2.0**59

Longs = NDArray[np.int64]
Ints = NDArray[np.int32]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Limits:
    """Sums between limits: `amounts` (sums x literals of the part), `low` and `high` (one for each sum)."""

    amounts: Longs
    low: Longs
    high: Longs

    @classmethod
    def of(cls, network: Network) -> Limits:
        """The sums of a network, over literals alone."""
        amounts = np.zeros((len(network.sums), network.literals), dtype=np.int64)
        for row, total in zip(amounts, network.sums, strict=True):
            for literal, factor in total.literals:
                row[literal] += factor
        return cls(
            amounts,
            np.array([total.low for total in network.sums], dtype=np.int64),
            np.array([total.high for total in network.sums], dtype=np.int64),
        )


def summed_of(network: Network, *, nodes: int, seconds: float) -> Summed | None:
    """The paths of a part with sums over literals; None if it has numbers or formulas, or no diagram in the budget."""
    if network.numbers or network.formulas:
        return None
    diagram = compile_diagram(replace(network, sums=()), nodes=nodes, seconds=seconds)
    return None if diagram is None else Summed(diagram, Limits.of(network))


@dataclass(frozen=True, slots=True, eq=False)
class Ends:
    """Of each literal (columns) and of costs and their negatives (rows): the lowest is at least `bound`, at most `met`
    (2**62: nothing was met). `none`: no path has the literal.
    """

    bound: Longs
    met: Longs
    none: NDArray[np.bool_]


class Summed:
    """A diagram whose paths have to keep limits of sums too. Shared by all threads."""

    def __init__(self, diagram: Diagram, limits: Limits) -> None:
        first = diagram.network.first
        self.diagram = diagram
        self.limits = limits
        least = np.minimum.reduceat(limits.amounts, first[:-1], axis=1).sum(axis=1)
        most = np.maximum.reduceat(limits.amounts, first[:-1], axis=1).sum(axis=1)
        self.low, self.high = np.maximum(limits.low, least), np.minimum(limits.high, most)
        self.largest = float(np.maximum(np.abs(least), np.abs(most)).max(initial=1)) * max(1, len(least))
        unit = np.eye(len(least), dtype=np.int64)
        # the limits that can be broken, each by itself: a path that keeps these keeps all
        self.plain: list[Longs] = [
            *(unit[k] for k in range(len(unit)) if self.high[k] < most[k]),
            *(-unit[k] for k in range(len(unit)) if self.low[k] > least[k]),
        ]
        self.owner: Longs = np.repeat(np.arange(len(first) - 1), np.diff(first))

    def ends(self, question: Question, costs: Costs, clock: Clock) -> Ends:
        """What bounds the lowest costs of each literal, and those of the negatives: as exact as the clock allows."""
        begun = monotonic()
        low = _Lowest(self, question, costs.literals)
        high = _Lowest(self, question, -costs.literals)
        low.begin()
        high.begin()
        half = Clock(begun + (clock.due - begun) / 2)
        low.weigh(half)
        high.weigh(clock)
        low.prove(half)
        high.prove(clock)
        low.prove(clock)
        return Ends(np.stack([low.bound, high.bound]), np.stack([low.met, high.met]), low.none | high.none)

    def spans(self, question: Question, costs: Costs, clock: Clock) -> Spans:
        """For each literal the lowest and the highest cost of a path that has it and keeps the limits.

        What time does not settle is a bound. Where there is none, low > high.
        """
        ends = self.ends(question, costs, clock)
        low, high = ends.bound
        exact = ((low >= ends.met[0]) * 1 + (high >= ends.met[1]) * 2).astype(np.uint8)
        exact[ends.none] = 3
        return Spans(np.where(ends.none, 1, low), np.where(ends.none, 0, -high), exact)

    def most_of(self, weights: Longs) -> int:
        """The most that the limits allow of the weighed sums."""
        return int(np.where(weights > 0, weights * self.high, weights * self.low).sum())


class _Lowest:
    """The lowest cost of each literal, released as in `asked`: at least `bound`, at most `met`, `none`: of no path."""

    def __init__(self, summed: Summed, question: Question, costs: Longs) -> None:
        self.summed = summed
        self.question = question
        self.costs = costs
        self.first = summed.diagram.network.first
        literals = len(costs)
        self.dearest = int(np.maximum.reduceat(costs, self.first[:-1]).sum()) if literals else 0
        largest = float(np.maximum.reduceat(np.abs(costs.astype(float)), self.first[:-1]).sum()) if literals else 0.0
        self.unit = max(1, int(min(_UNIT, _ROOM / (largest + 1))))
        self.heaviest = _ROOM / summed.largest
        self.bound = np.full(literals, -passes.FAR, dtype=np.int64)
        self.met = np.full(literals, passes.FAR, dtype=np.int64)
        self.none = question.asked == 0
        self.weights: list[Longs] = []
        self.by = np.zeros(literals, dtype=np.int64)  # the weights of the best bound, and the sums of its path
        self.sums = np.zeros((literals, len(summed.plain[0]) if summed.plain else 0), dtype=np.int64)
        self.turns = np.zeros(literals, dtype=np.int64)

    @property
    def open(self) -> NDArray[np.bool_]:
        """What is not settled."""
        found: NDArray[np.bool_] = ~self.none & (self.bound < self.met)
        return found

    # --- bounds ---

    def begin(self) -> None:
        """What each limit rules out by itself, and the first bounds."""
        for weights in self.summed.plain:
            low = self.summed.diagram.lowest(self.question, Costs(weights @ self.summed.limits.amounts))
            self.none |= low > self.summed.most_of(weights)
        self._pass(np.zeros(len(self.summed.limits.low), dtype=np.int64))

    def weigh(self, clock: Clock) -> None:
        """Weights for the cheapest of all, with a look for a path now and then: steps are as long as its cost says."""
        for turn in range(_WARM):
            waiting = np.flatnonzero(self.open & (self.question.allowed == 1))
            if not len(waiting) or clock.left <= 0 or not self.summed.plain:
                return
            literal = int(waiting[np.argmin(self.bound[waiting])])
            if turn % 4 == 1:
                wanted = np.zeros(len(self.none), dtype=bool)
                wanted[literal] = True
                self._prove(self.question.allowed, wanted, _QUICK, clock, spread=True)
            weights = self._next(literal, turn // 4)
            if weights is not None:
                self._pass(weights)

    def sharpen(self, number: int, clock: Clock) -> None:
        """Weights for single literals, those first whose bound and best path are far apart."""
        for _ in range(number):
            waiting = np.flatnonzero(self.open)
            if not len(waiting) or clock.left <= 0 or not self.summed.plain:
                return
            gap = (self.met[waiting] - self.bound[waiting]) >> np.minimum(62, self.turns[waiting])
            literal = int(waiting[np.argmax(gap)])
            weights = self._next(literal, int(self.turns[literal]))
            self.turns[literal] += 1
            if weights is not None:
                self._pass(weights)

    def _next(self, literal: int, turns: int) -> Longs | None:
        """Polyak's step from the weights that the literal's bound comes from; None if there is nowhere to go."""
        summed = self.summed
        old = self.weights[int(self.by[literal])]
        sums = self.sums[literal]
        beside = sums - np.clip(sums, summed.low, summed.high)
        over = np.where(old > 0, sums - summed.high, np.where(old < 0, sums - summed.low, beside)).astype(float)
        length = float(over @ over)
        if length == 0:
            return None
        bound = int(self.bound[literal])
        met = int(self.met[literal])
        hope = met - bound if met < passes.FAR else max(1, (self.dearest - bound) // 20)
        step = hope / length / (1 + turns)
        wish = old + self.unit * step * over
        wish[(old != 0) & (np.sign(wish) != np.sign(old))] = 0
        wish = np.clip(wish, -self.heaviest, self.heaviest)
        found: Longs = np.rint(wish).astype(np.int64)
        return None if any(np.array_equal(found, known) for known in self.weights) else found

    def _pass(self, weights: Longs) -> None:
        """One pass for all literals: bounds, and perhaps paths that keep the limits."""
        summed = self.summed
        weighed = self.unit * self.costs + weights @ summed.limits.amounts
        found = summed.diagram.through(self.question, weighed, np.vstack([summed.limits.amounts, self.costs]))
        if found is None:
            self.none[:] = True
            return
        low, totals = found
        self.weights.append(weights)
        self.none |= low == passes.FAR
        bound = -((summed.most_of(weights) - low) // self.unit)
        better = ~self.none & (bound > self.bound)
        self.bound[better] = bound[better]
        self.by[better] = len(self.weights) - 1
        sums, cost = totals[:, :-1], totals[:, -1]
        self.sums[better] = sums[better]
        keeps = ~self.none & ((sums >= summed.limits.low) & (sums <= summed.limits.high)).all(axis=1)
        self.met[keeps] = np.minimum(self.met[keeps], cost[keeps])

    # --- the proof ---

    def prove(self, clock: Clock) -> None:
        """Search for each literal that is open, longer and longer, with better weights, as long as there is time."""
        steps = _QUICK
        while self.open.any() and clock.left > 0:
            allowed = self.question.allowed == 1
            self._prove(self.question.allowed, self.open & allowed, steps, clock, spread=True)
            for variable in np.unique(self.summed.owner[self.open & ~allowed]).tolist():
                inside = self.summed.owner == variable
                wider = np.where(inside, self.question.asked, self.question.allowed)
                self._prove(wider, self.open & ~allowed & inside, steps, clock, spread=False)
            self.sharpen(_PASSES, clock)
            steps *= 4

    def _prove(self, allowed: Flags, wanted: NDArray[np.bool_], steps: int, clock: Clock, *, spread: bool) -> None:
        """`spread`: a path tells of all its literals, and not only of the one that it was looked for."""
        literals = np.flatnonzero(wanted)
        used, times = np.unique(self.by[literals], return_counts=True)
        by_use = used[np.argsort(-times, kind="stable")].tolist()
        known: dict[int, _Direction | None] = {}
        for one in by_use:
            kept = [one, *(other for other in by_use[:_KEPT] if other != one)]
            table = self._table(allowed, kept, known)
            if table is None:
                return
            mine = literals[self.by[literals] == one]
            for literal in mine[np.argsort(self.met[mine] - self.bound[mine], kind="stable")].tolist():
                if clock.left <= 0:
                    return
                if self.bound[literal] < self.met[literal]:
                    self._search(table, literal, steps, spread=spread)

    def _search(self, table: _Table, literal: int, steps: int, *, spread: bool) -> None:
        upper = min(int(self.met[literal]), self.dearest + 1)
        slack = table.most - table.base
        slack[: table.costly] += self.unit * (upper - 1)
        directions = Directions(table.allowed, table.reduced, table.below, slack, table.costly, self.unit, 1)
        proved, excess, values = self.summed.diagram.cheapest(directions, literal, steps)
        if excess >= 0:
            cost = (int(table.base[0]) + excess) // self.unit
            path = self.first[:-1] + values
            if spread:
                self.met[path] = np.minimum(self.met[path], cost)
            else:
                self.met[literal] = cost
        if proved:
            if self.met[literal] == passes.FAR:
                self.none[literal] = True
            self.bound[literal] = self.met[literal]

    def _table(self, allowed: Flags, kept: list[int], known: dict[int, _Direction | None]) -> _Table | None:
        """The cost alone, with each of these weights, and each limit; None if a variable has no allowed value."""
        directions = []
        for place in (-1, *kept, *range(-2, -2 - len(self.summed.plain), -1)):
            if place not in known:
                known[place] = self._direction(allowed, place)
            direction = known[place]
            if direction is None:
                return None
            directions.append(direction)
        return _Table(
            self.summed.diagram.by_level(allowed),
            np.ascontiguousarray(np.stack([one.reduced for one in directions], axis=1)),
            np.ascontiguousarray(np.stack([one.below for one in directions], axis=1)),
            np.array([one.base for one in directions], dtype=np.int64),
            np.array([one.most for one in directions], dtype=np.int64),
            1 + len(kept),
        )

    def _direction(self, allowed: Flags, place: int) -> _Direction | None:
        """-1: the cost alone; from 0: with these weights; from -2 down: one of the limits alone."""
        amounts = self.summed.limits.amounts
        if place == -1:
            weights, costs = np.zeros(len(amounts), dtype=np.int64), self.unit * self.costs
        elif place >= 0:
            weights = self.weights[place]
            costs = self.unit * self.costs + weights @ amounts
        else:
            weights = self.summed.plain[-2 - place]
            costs = weights @ amounts
        ways = self.summed.diagram.ways(allowed, costs)
        if ways is None or ways.cost is None:
            return None
        return _Direction(ways.reduced, ways.below, ways.base, self.summed.most_of(weights))


@dataclass(frozen=True, slots=True, eq=False)
class _Direction:
    """One direction of a search: reduced costs, costs below each node, the base of both, and what the limits allow."""

    reduced: Longs
    below: Longs
    base: int
    most: int


@dataclass(frozen=True, slots=True, eq=False)
class _Table:
    """Directions of a search: reduced costs and costs below, what the least is, and what the limits allow."""

    allowed: Flags
    reduced: Longs
    below: Longs
    base: Longs
    most: Longs
    costly: int
