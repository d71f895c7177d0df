"""The engine of a part that compiles: all its variants as a decision diagram, every answer a pass over it.

The diagram has many-valued nodes, one for each state of what was asked before. It is kept as flat arrays, which may be
memory maps: they are only read. Sources: Bryant 1986; Amilhastre, Fargier, Marquis 2002 (configuration by compilation).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import repeat
from math import prod
from time import monotonic
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from solver.configuration import diagram_passes as passes
from solver.configuration.diagram_order import Places, Scopes, annealed, orders
from solver.configuration.diagram_store import FALSE, TRUE, Store, TooLarge
from solver.configuration.network import Clause, Count, Network, Table
from solver.configuration.question import Answer, Assignment, Clock, Costs, Flags, Least, OutOfTime, Question, Spans

_ROOM: Final = 6  # nodes under construction for each one that the diagram may have
_COLLECT: Final = 50_000  # nodes, before a look at which ones are still needed
_SIFT: Final = 20_000  # needed nodes under construction, before their order is improved; then twice as many as are left
_SMALL: Final = 50  # nodes of a diagram whose order is good enough
_LARGE: Final = 5_000  # nodes of a diagram for which it is worth the time to look for other orders
_WEIGHTS: Final = (0.5, 1.0)  # of the annealed orders
_ANNEALING: Final = 2.0  # seconds that have to be left for one of them: it cannot be stopped
_SHARE: Final = 0.1  # of the time for the attempt in one order
_SIFTING: Final = 3.0  # seconds for improving the order of what is built

Ints = NDArray[np.int32]
Number = TypeVar("Number", bound=np.generic)


def compile_diagram(network: Network, *, nodes: int, seconds: float) -> Diagram | None:
    """The diagram of a closed part without large numbers; None if it needs more than `nodes`, or more time.

    What is tried: orders that cost nothing to find; if these do not do, annealed ones; the best is then improved in the
    diagram itself. If none can be built as it is, the last is improved while it is built, for the time that is left.
    """
    if not network.closed or network.numbers:
        return None
    started = monotonic()
    due = started + seconds
    try:
        scopes = Scopes(network)
        tried = [*orders(scopes)]
        best: _Building | None = None
        for order in tried:
            best = _better(network, order, best, nodes, min(due, monotonic() + seconds * _SHARE))
        if best is None or best.size > _LARGE:
            for weight in _WEIGHTS:
                if due - monotonic() < _ANNEALING:
                    break
                tried.append(annealed(scopes, tried, weight))
                best = _better(network, tried[-1], best, nodes, min(due, monotonic() + seconds * _SHARE))
        if best is None:
            best = _Building(network, tried[-1], nodes, due, sifts=True)
            best.run()
        return best.diagram(nodes)
    except (TooLarge, OutOfTime, MemoryError):
        return None


def _better(network: Network, order: Places, best: _Building | None, nodes: int, due: float) -> _Building | None:
    """What can be built in this order, if it is smaller than the best so far."""
    building = _Building(network, order, nodes if best is None else min(nodes, best.size), due)
    try:
        building.run()
    except (TooLarge, OutOfTime):
        return best
    return building if best is None or building.size < best.size else best


class _Building:
    """A diagram under construction: constraint by constraint, those that begin deepest first.

    Each product then touches only the levels that the constraint spans. `sifts`: when what is there has grown much, its
    order is improved before it goes on.
    """

    def __init__(self, network: Network, order: Places, nodes: int, due: float, *, sifts: bool = False) -> None:
        self.network = network
        self.order = order
        self.nodes = nodes
        self.due = due
        self.sifts = sifts
        self.root = TRUE
        sizes = [network.variables[variable].size for variable in order.tolist()]
        self.store = Store(sizes, _ROOM * nodes + 1_000, self.late)
        self.owner = np.repeat(np.arange(len(network.variables)), np.diff(network.first))
        self.value = (np.arange(network.literals) - network.first[self.owner]).astype(np.int32)
        self.level = np.argsort(order)

    def late(self) -> bool:
        """Whether the time is up."""
        return monotonic() > self.due

    @property
    def size(self) -> int:
        """How many nodes there are, once it is built."""
        return self.store.nodes - 2

    def run(self) -> None:
        """Raises TooLarge and OutOfTime."""
        store = self.store
        left: list[Clause | Count | Table] = [*self.network.clauses, *self.network.counts, *self.network.tables]
        spans = [self._span(one) for one in left]
        waiting = sorted(range(len(left)), key=lambda k: (spans[k][0], -spans[k][1]))
        kept, collect, sift = TRUE, _COLLECT, _SIFT
        while waiting:
            kept = store.product(self._built(left[waiting.pop()]), kept)
            if self.late():
                raise OutOfTime
            if store.nodes > collect:
                (kept,) = store.keep([kept])
                if self.sifts and store.nodes > sift:
                    kept = self._sift(kept, max(0.2, (self.due - monotonic()) / 4))
                    sift = max(_SIFT, 2 * store.nodes)
                    spans = [self._span(one) for one in left]
                    waiting.sort(key=lambda k: (spans[k][0], -spans[k][1]))
                collect = max(_COLLECT, 2 * store.nodes)
                if store.nodes > _ROOM * self.nodes:
                    raise TooLarge
        (self.root,) = store.keep([kept])
        if self.size > (_ROOM if self.sifts else 1) * self.nodes:
            raise TooLarge

    def diagram(self, nodes: int) -> Diagram:
        """What was built, in a better order. Raises TooLarge if it has more nodes."""
        if self.size > _SMALL:
            self.root = self._sift(self.root, _SIFTING)
        if self.size > nodes:
            raise TooLarge
        return Diagram(self.network, self.order, *self.store.arrays(self.root))

    def _sift(self, root: int, seconds: float) -> int:
        due = monotonic() + seconds
        moved, root = self.store.sift(root, lambda: monotonic() > due)
        self.order = self.order[moved]
        self.level = np.argsort(self.order)
        return root

    def _span(self, one: Clause | Count | Table) -> tuple[int, int]:
        """The top and the bottom level of a constraint."""
        if isinstance(one, Table):
            levels = self.level[list(one.scope)]
        else:
            names = one.literals if isinstance(one, Count) else [abs(name) - 1 for name in one.literals]
            levels = self.level[self.owner[list(names)]]
        return (int(levels.min()), int(levels.max())) if len(levels) else (-1, -1)

    def _built(self, one: Clause | Count | Table) -> int:
        """The diagram of one constraint."""
        if isinstance(one, Clause):
            names = np.array(one.literals, dtype=np.int64)
            literals = np.abs(names) - 1
            levels = self.level[self.owner[literals]].astype(np.int32)
            order = np.argsort(levels, kind="stable")
            return self.store.clause(levels[order], self.value[literals[order]], (names[order] > 0).astype(np.uint8))
        if isinstance(one, Count):
            literals = np.array(one.literals, dtype=np.int64)
            levels = self.level[self.owner[literals]].astype(np.int32)
            order = np.argsort(levels)
            return self.store.count(levels[order], self.value[literals[order]], one.low, one.high)
        if not len(one.rows):
            return FALSE
        levels = self.level[list(one.scope)].astype(np.int32)
        order = np.argsort(levels)
        rows = one.rows[:, order]
        rows = np.ascontiguousarray(rows[np.lexsort(rows.T[::-1])] if len(order) else rows, dtype=np.int32)
        return self.store.table(levels[order], rows)


@dataclass(frozen=True, slots=True)
class Nearest:
    """A cheapest assignment through each of some literals: its cost, and its values (rows). Invalid: -1s."""

    costs: NDArray[np.int64]
    values: Ints


@dataclass(frozen=True, slots=True, eq=False)
class Directions:
    """What a search goes by. For each direction (columns): `reduced` costs of the literals (by level), the least cost
    `below` each node, and the `slack`: what a path may cost above the least.

    The first `costly` have the cost in them, times `unit`; the very first is the cost alone. Search follows `lead`.
    """

    allowed: Flags
    reduced: NDArray[np.int64]
    below: NDArray[np.int64]
    slack: NDArray[np.int64]
    costly: int
    unit: int
    lead: int


class Diagram:
    """All assignments of a part. Its arrays are only read, so that threads and processes may share them."""

    def __init__(
        self, network: Network, order: Places, level: Ints, first: Ints, child: Ints, literal: Ints, root: int
    ) -> None:
        self.network = network
        self._order = np.ascontiguousarray(order, dtype=np.int64)
        self._level = level
        self._first = first
        self._child = child
        self._literal = literal
        self._root = root
        self._source = np.repeat(np.arange(len(level) - 2, dtype=np.int32), np.diff(first))
        self._passes_over = (level[child] != level[self._source] + 1).astype(np.uint8)
        levels = len(self._order)
        sizes = np.diff(network.first)[self._order]
        self._start = np.zeros(levels + 1, dtype=np.int64)  # literals by level, as all passes see them
        np.cumsum(sizes, out=self._start[1:])
        # the literal of the network for each literal by level, and back; None: they are the same
        inner = np.repeat(network.first[:-1][self._order] - self._start[:-1], sizes) + np.arange(self._start[-1])
        self._outer: NDArray[np.int64] | None = None
        if not np.array_equal(inner, np.arange(len(inner))):
            self._outer = np.argsort(inner)
        self._inner = inner
        self._diagram = (root, level, first, child, literal, self._start)  # what every pass begins with
        self._both_ways = (*self._diagram, self._source, self._passes_over)
        self._none = np.zeros(network.literals, dtype=np.uint8)
        self._none.setflags(write=False)

    # --- what is stored ---

    @property
    def nodes(self) -> int:
        """How many nodes the diagram has, without TRUE and FALSE."""
        return len(self._level) - 2

    @property
    def edges(self) -> int:
        """How many edges it has."""
        return len(self._child)

    def arrays(self) -> dict[str, NDArray[np.int32]]:
        """All that has to be stored beside the network."""
        order = self._order.astype(np.int32)
        return {
            "order": order,
            "level": self._level,
            "first": self._first,
            "child": self._child,
            "literal": self._literal,
            "root": np.array([self._root], dtype=np.int32),
        }

    @classmethod
    def from_arrays(cls, network: Network, arrays: Mapping[str, NDArray[np.int32]]) -> Diagram:
        """The diagram of `arrays()`; the arrays may be read-only memory maps."""
        order = arrays["order"].astype(np.int64)
        level, first, child, literal = (np.asarray(arrays[name]) for name in ("level", "first", "child", "literal"))
        return cls(network, order, level, first, child, literal, int(arrays["root"][0]))

    # --- what an engine answers ---

    def domains(self, question: Question, clock: Clock) -> Answer | None:
        """What is valid, always complete: two passes. None if no variant has all decisions."""
        allowed = self.by_level(question.allowed)
        asked = allowed if question.asked is question.allowed else self.by_level(question.asked)
        valid = np.zeros(len(allowed), dtype=np.uint8)
        if not passes.domains(*self._both_ways, allowed, asked, valid):
            return None
        return Answer(valid if self._outer is None else valid.take(self._outer), self._none)

    def find(self, question: Question, clock: Clock, prefer: Flags | None = None) -> Assignment | None:
        """An assignment with all decisions, and of these one with the most literals that are liked."""
        costs = np.zeros(self.network.literals, dtype=np.int64) if prefer is None else -(prefer != 0).astype(np.int64)
        found = self.least(question, Costs(costs), clock)
        return None if found is None else found.assignment

    def least(self, question: Question, costs: Costs, clock: Clock) -> Least | None:
        """A cheapest assignment with all decisions, proved: a shortest path."""
        ways = self.ways(question.allowed, costs.literals)
        if ways is None or ways.cost is None:
            return None
        values = np.empty(len(self._order), dtype=np.int32)
        passes.walk(*self._diagram, ways.best, ways.pick, values)
        return Least(Assignment(self._by_variable(values)), ways.cost, ways.cost)

    def spans(self, question: Question, costs: Costs, clock: Clock) -> Spans:
        """For each literal the cheapest and the dearest path through it, exact."""
        exact = np.full(self.network.literals, 3, dtype=np.uint8)
        low, high = self.lowest(question, costs), self.lowest(question, Costs(-costs.literals))
        none = low == passes.FAR
        return Spans(np.where(none, 1, low), np.where(none, 0, -high), exact)

    # --- what else a diagram knows ---

    def lowest(self, question: Question, costs: Costs) -> NDArray[np.int64]:
        """For each literal the cost of a cheapest assignment through it (released as in `asked`); 2**62: none."""
        ways = self.ways(question.allowed, costs.literals)
        if ways is None:
            return np.full(self.network.literals, passes.FAR, dtype=np.int64)
        return self._out(self._through(ways, question).low)

    def through(
        self, question: Question, costs: NDArray[np.int64], amounts: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]] | None:
        """For each literal the cost of a cheapest assignment through it (2**62: none), and what other sums are there.

        `amounts`: sums x literals; the second answer: literals x sums. None if a variable has no allowed value.
        """
        ways = self.ways(question.allowed, costs)
        if ways is None:
            return None
        through = self._through(ways, question)
        inside = np.ascontiguousarray((amounts if self._outer is None else amounts[:, self._inner]).T, dtype=np.int64)
        picked = inside[self._start[:-1] + ways.pick]
        inside = inside - np.repeat(picked, np.diff(self._start), axis=0)
        scratch = np.empty((2 * (self.nodes + 2), len(amounts)), dtype=np.int64)
        found = np.empty_like(inside)
        passes.totals(*self._diagram, self._source, ways.best, through.back, through.via, inside, scratch, found)
        found += picked.sum(axis=0)
        return self._out(through.low), self._out(found)

    def cheapest(self, table: Directions, literal: int, steps: int) -> tuple[bool, int, Ints]:
        """Search for a cheapest path through the literal (-1: any) that keeps the table's limits; see `Directions`.

        Answers whether it is proved that nothing is cheaper than what was found (or that nothing is there), the cost of
        that, and its values (none if nothing was found). The table's slack is not changed.
        """
        values = np.empty(len(self._order), dtype=np.int32)
        level = -1
        if literal >= 0:
            literal = self.by_level_of(literal)
            level = int(np.searchsorted(self._start, literal, side="right")) - 1
        excess = np.array([-1], dtype=np.int64)
        proved = passes.cheapest(
            *self._diagram,
            table.allowed,
            table.reduced,
            table.below,
            table.slack.copy(),
            table.costly,
            table.unit,
            table.lead,
            level,
            literal,
            steps,
            values,
            excess,
        )
        return bool(proved), int(excess[0]), self._by_variable(values)

    def nearest(self, question: Question, costs: Costs, literals: NDArray[np.int64]) -> Nearest:
        """A cheapest assignment through each of these literals (released as in `asked`)."""
        rows = np.full((len(literals), len(self._order)), -1, dtype=np.int32)
        ways = self.ways(question.allowed, costs.literals)
        if ways is None:
            return Nearest(np.full(len(literals), -1, dtype=np.int64), rows)
        through = self._through(ways, question)
        inside = literals if self._outer is None else self._outer[literals]
        inside = np.ascontiguousarray(inside, dtype=np.int64)
        passes.walks_through(
            *self._diagram, self._source, ways.best, ways.pick, through.back, through.via, inside, rows
        )
        low = through.low[inside]
        values = np.empty_like(rows)
        values[:, self._order] = rows
        return Nearest(np.where(low == passes.FAR, -1, low), values)

    def best(self, question: Question, costs: Costs, number: int) -> list[Least]:
        """The so many cheapest assignments with all decisions, cheapest first; fewer if there are not as many.

        Best first, with the exact rest of the way as the estimate (Hart, Nilsson, Raphael 1968): each step is part of
        an answer or one edge beside it.
        """
        ways = self.ways(question.allowed, costs.literals)
        if ways is None or ways.cost is None or number <= 0:
            return []
        allowed = self.by_level(question.allowed)
        levels, total = len(self._order), self.nodes
        found: list[Least] = []
        # excess cost, deepest first, a number that tells ties apart; node, and the values so far as a linked list
        waiting: list[tuple[int, int, int, int, tuple[int, object] | None]] = []
        base = ways.cost - int(ways.below[self._root])
        heappush(waiting, (int(ways.below[self._root]), 0, 0, self._root, None))
        pushed = 0
        while waiting and len(found) < number:
            excess, depth, _, node, way = heappop(waiting)
            at = -depth
            if at == levels:
                values = np.empty(levels, dtype=np.int32)
                for place in range(levels - 1, -1, -1):
                    assert way is not None
                    values[place], way = way  # type: ignore[assignment]
                found.append(Least(Assignment(self._by_variable(values)), base + excess, base + excess))
                continue
            spent = excess - int(ways.below[node])
            start = int(self._start[at])
            if node < total and int(self._level[node]) == at:
                edges = slice(int(self._first[node]), int(self._first[node + 1]))
                steps = zip(self._literal[edges].tolist(), self._child[edges].tolist(), strict=True)
            else:
                steps = zip(range(start, int(self._start[at + 1])), repeat(node), strict=False)
            for literal, to in steps:
                below = int(ways.below[to])
                if allowed[literal] and below < passes.FAR:
                    pushed += 1
                    cost = spent + int(ways.reduced[literal]) + below
                    heappush(waiting, (cost, -(at + 1), pushed, to, (literal - start, way)))
        return found

    def count(self, allowed: Flags | None = None) -> int:
        """How many assignments there are (within what is allowed), exactly."""
        below, _, gaps = self._counts(self._all(allowed))
        return below[self._root] * gaps(0, int(self._level[self._root]))

    def literal_counts(self, allowed: Flags | None = None) -> list[int]:
        """How many assignments (within what is allowed) have each literal, exactly."""
        flags = self._all(allowed)
        below, numbers, gaps = self._counts(flags)
        inside = [0] * len(flags)
        above = [0] * len(below)
        over = [0] * (len(numbers) + 2)
        top = int(self._level[self._root])
        above[self._root] = gaps(0, top)
        over[0] += above[self._root] * below[self._root]
        over[top] -= above[self._root] * below[self._root]
        level, first, child, edge_literal, start = (array.tolist() for array in self._diagram[1:])
        for node in range(self.nodes):
            if not above[node]:
                continue
            at = level[node]
            for e in range(first[node], first[node + 1]):
                literal, to = edge_literal[e], child[e]
                if flags[literal] and below[to]:
                    ways = above[node] * gaps(at + 1, level[to])
                    above[to] += ways
                    inside[literal] += ways * below[to]
                    over[at + 1] += ways * below[to]
                    over[level[to]] -= ways * below[to]
        passed = 0
        for at, number in enumerate(numbers):
            passed += over[at]
            for literal in range(start[at], start[at + 1]):
                if flags[literal] and passed:
                    inside[literal] += passed // number
        return inside if self._outer is None else [inside[place] for place in self._outer.tolist()]

    def sample(self, generator: np.random.Generator, number: int, allowed: Flags | None = None) -> Ints:
        """So many assignments (rows of values; within what is allowed), each as likely as any other.

        No rows if there is none. Shares are floating-point numbers: uniform to about one in 10**11.
        """
        flags = self._all(allowed)
        share = np.zeros(self.nodes + 2)
        passes.shares(*self._diagram, flags, share)
        some = np.logical_or.reduceat(flags, self._start[:-1]).all() if len(flags) else True
        if share[self._root] == -np.inf or not some:
            number = 0
        rows = np.empty((number, len(self._order)), dtype=np.int32)
        passes.samples(*self._diagram, flags, share, generator.random(rows.shape), rows)
        values = np.empty_like(rows)
        values[:, self._order] = rows
        return values

    # --- one click after another ---

    def flat(self, places: Sequence[Sequence[int]]) -> Ints:
        """All that `click` reads. `places`: the literals of the whole network that each of this one's literals is."""
        ordered = [places[literal] for literal in self._inner.tolist()]
        placed = np.cumsum([0, *(len(several) for several in ordered)])
        lists = (
            self._level, self._source, self._child, self._literal, self._passes_over, self._start,
            np.repeat(np.arange(len(self._order)), np.diff(self._start)), placed,
            np.array([place for several in ordered for place in several], dtype=np.int32),
        )  # fmt: skip
        begins = passes.HEADER + np.cumsum([0, *(len(one) for one in lists)])[:-1]
        sizes = (self.nodes, self.edges, len(self._order), self.network.literals, self._root)
        return np.concatenate((sizes, begins, *lists)).astype(np.int32)

    def by_level_of(self, literal: int) -> int:
        """Where a literal of the network is among the literals by level."""
        return literal if self._outer is None else int(self._outer[literal])

    # --- levels and variables ---

    def by_level(self, flags: Flags) -> Flags:
        """Flags of the network's literals as those of the levels'."""
        return flags if self._outer is None else flags.take(self._inner)

    def _out(self, found: NDArray[Number]) -> NDArray[Number]:
        """What was found by level as that of the network's literals."""
        return found if self._outer is None else found[self._outer]

    def _all(self, allowed: Flags | None) -> Flags:
        """Flags of the levels' literals; None: all."""
        return np.ones(self.network.literals, dtype=np.uint8) if allowed is None else self.by_level(allowed)

    def _by_variable(self, values: Ints) -> Ints:
        found = np.empty_like(values)
        found[self._order] = values
        return found

    # --- passes with costs and counts ---

    def ways(self, allowed: Flags, costs: NDArray[np.int64]) -> Ways | None:
        """The cheapest way down from every node; None if some variable has no allowed value.

        Raises OverflowError where an assignment's cost may be 2**60 or more.
        """
        levels = len(self._order)
        if levels and float(np.maximum.reduceat(np.abs(costs.astype(float)), self.network.first[:-1]).sum()) >= 2.0**60:
            raise OverflowError("Costs are too large to be added up.")
        costs = np.ascontiguousarray(costs if self._outer is None else costs[self._inner], dtype=np.int64)
        flags = self.by_level(allowed)
        reduced, least = np.empty(len(costs), dtype=np.int64), np.empty(levels, dtype=np.int64)
        pick = np.empty(levels, dtype=np.int32)
        if not passes.reduce_costs(self._start, flags, costs, reduced, least, pick):
            return None
        below, best = np.empty(self.nodes + 2, dtype=np.int64), np.empty(self.nodes + 2, dtype=np.int32)
        passes.shortest(*self._diagram, flags, reduced, below, best)
        base = int(least.sum())
        excess = int(below[self._root])
        return Ways(reduced, pick, below, best, base, None if excess >= passes.FAR else base + excess)

    def _through(self, ways: Ways, question: Question) -> _Through:
        nodes, literals = self.nodes + 2, self.network.literals
        above, back = np.empty(nodes, dtype=np.int64), np.empty(nodes, dtype=np.int32)
        low, via = np.empty(literals, dtype=np.int64), np.empty(literals, dtype=np.int32)
        allowed, asked = self.by_level(question.allowed), self.by_level(question.asked)
        passes.through(*self._diagram, allowed, asked, ways.reduced, ways.below, above, back, low, via)
        low[low < passes.FAR] += ways.base
        return _Through(back, low, via)

    def _counts(self, flags: Flags) -> tuple[list[int], list[int], Callable[[int, int], int]]:
        """How many ways lead down from each node; how many values each level has, and their product between two."""
        level, first, child, literal, start = (array.tolist() for array in self._diagram[1:])
        numbers = [int(flags[start[at] : start[at + 1]].sum()) for at in range(len(start) - 1)]
        known: dict[tuple[int, int], int] = {}

        def gap(above: int, below: int) -> int:
            if above == below:
                return 1
            if (above, below) not in known:
                known[above, below] = prod(numbers[above:below])
            return known[above, below]

        below = [0] * (self.nodes + 2)
        below[self.nodes] = 1
        for node in range(self.nodes - 1, -1, -1):
            at = level[node]
            below[node] = sum(
                below[child[e]] * gap(at + 1, level[child[e]])
                for e in range(first[node], first[node + 1])
                if flags[literal[e]] and below[child[e]]
            )
        return below, numbers, gap


@dataclass(frozen=True, slots=True)
class Ways:
    """Costs above the cheapest and the cheapest values, by level; cost and first edge of the way from each node."""

    reduced: NDArray[np.int64]
    pick: Ints
    below: NDArray[np.int64]
    best: Ints
    base: int
    cost: int | None


@dataclass(frozen=True, slots=True)
class _Through:
    """Of each node the last edge of the way to it; of each literal (by level) its cost and the edge that has it."""

    back: Ints
    low: NDArray[np.int64]
    via: Ints
