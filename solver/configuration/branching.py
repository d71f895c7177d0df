"""What a part with sums costs at least and at most with each literal: branch and bound, where clauses say the rest."""

from __future__ import annotations

from collections.abc import Iterator
from math import inf
from typing import Final

import numpy as np
from numpy.typing import NDArray

from solver.configuration import branch_passes as passes
from solver.configuration.network import Network
from solver.configuration.question import Clock, Costs, Question, Spans
from solver.configuration.unite import united

_WIDEST: Final = 62  # values of a variable: a domain is a word
_MOST: Final = 8  # sums and counts
_LARGEST: Final = 600  # literals: the first look at all of them takes a time with the square of that
_FEW: Final = 60  # nodes of a search for a literal after the first, which has one; then four times as many
_LOOK: Final = 500  # nodes between two looks at the clock, which one search has to itself
_PACE: Final = 50_000  # nodes in a second, at least: no search is longer than what is left
_FRESH: Final = 1_024  # room for new assignments
_UNIT: Final = 2**10  # of the cost against the weights, at most
_ROOM: Final = 2.0**59

Words = NDArray[np.int64]


class Branching:
    """A part of clauses, counts and sums over literals. Only read: shared by all threads."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self._first = np.ascontiguousarray(network.first, dtype=np.int64)
        clauses = [sets for _, sets in united(network)]
        start = np.cumsum([0, *(len(sets) for sets in clauses)], dtype=np.int64)
        variables = np.array([variable for sets in clauses for variable, _ in sets], dtype=np.int64)
        words = np.array([word for sets in clauses for _, word in sets], dtype=np.int64)
        amounts, low, high = _limits(network)
        spread = self._width(amounts) + 1.0
        self.model = (self._first, start, variables, words, amounts, low, high, spread)
        self.limits = len(low)
        self._heaviest = _ROOM / (float(spread.max()) * len(spread))
        owner = np.repeat(np.arange(len(self._first) - 1), np.diff(self._first))
        self.bit = np.left_shift(np.int64(1), np.arange(network.literals) - self._first[owner])

    @classmethod
    def of(cls, network: Network) -> Branching | None:
        """None if the network has what is not told here, or too much of it."""
        if network.numbers or network.formulas or network.tables or not network.sums:
            return None
        if network.literals > _LARGEST or np.diff(network.first).max() > _WIDEST:
            return None
        if len(network.sums) + len(network.counts) > _MOST:
            return None
        return cls(network)

    def spans(self, question: Question, costs: Costs, met: Words, clock: Clock) -> tuple[Spans, NDArray[np.int32]]:
        """For each literal the lowest and the highest cost of an assignment that has it, its own variable released.

        `met`: what known assignments cost (2 x literals: at least, and at least in the opposite sense; 2**62: none has
        the literal); it is lowered. What time does not settle is a bound. Also new assignments, as literals (rows).
        """
        search = _Search(self, question, costs.literals, met)
        found = [np.empty((0, len(self._first) - 1), dtype=np.int64), *search.run(np.arange(met.size), 1, clock)]
        none = search.possible == 0
        exact = ((search.bound >= met) | none) * np.array([[1], [2]])
        low, high = np.where(none, 1, search.bound[0]), np.where(none, 0, -search.bound[1])
        return Spans(low, high, exact.sum(axis=0).astype(np.uint8)), np.concatenate(found).astype(np.int32)

    def cheapest(
        self, question: Question, costs: Costs, wanted: Words, best: Words, clock: Clock
    ) -> NDArray[np.int32]:
        """For each wanted literal a cheapest assignment that has it, as literals; -1s: none is cheaper than `best`.

        Its own variable is released. `best`: what is known (2**62: nothing); it is lowered. The best that was found
        where time does not suffice, after at least a little for each.
        """
        search = _Search(self, question, costs.literals, np.full((2, self.network.literals), passes.FAR))
        search.met[0, wanted] = best
        variable = np.searchsorted(self._first, wanted, side="right") - 1
        values = np.full((len(wanted), len(self._first) - 1), -1, dtype=np.int32)
        strict = question.allowed[wanted] != 0
        for rows in search.run(wanted, _FEW, clock):
            strays = (question.allowed[rows] == 0).sum(axis=1)[:, None]  # literals beside the decisions
            counts = (rows[:, variable] == wanted) & ((strays == 0) | ((strays == 1) & ~strict))
            totals = np.where(counts, costs.literals[rows].sum(axis=1)[:, None], passes.FAR)
            row = totals.argmin(axis=0)
            better = np.flatnonzero(totals.min(axis=0) < best)
            best[better] = totals[row[better], better]
            values[better] = rows[row[better]]
        return values

    def scale(self, costs: Words) -> tuple[int, int, int, float]:
        """By how much two costs differ at least and at most, the unit of costs, and the heaviest weight."""
        first = self._first[:-1]
        above = costs - np.repeat(np.minimum.reduceat(costs, first), np.diff(self._first))
        largest = float(np.maximum.reduceat(np.abs(costs.astype(float)), first).sum())
        unit = max(1, int(min(_UNIT, _ROOM / (largest + 1))))
        return max(1, int(np.gcd.reduce(above))), int(self._width(costs)), unit, self._heaviest

    def _width(self, amounts: Words) -> Words:
        """Between the least and the most that each row can come to."""
        first = self._first[:-1]
        ends = np.maximum.reduceat(amounts, first, axis=-1) - np.minimum.reduceat(amounts, first, axis=-1)
        return np.asarray(ends.sum(axis=-1))


class _Search:
    """One question: what is known by now of each literal. See `branch_passes.lowest`."""

    def __init__(self, of: Branching, question: Question, costs: Words, met: Words) -> None:
        first = of.network.first[:-1]
        base = np.bitwise_or.reduceat(np.where(question.allowed != 0, of.bit, 0), first)
        self.met = met
        self.bound = np.full(met.shape, -passes.FAR, dtype=np.int64)
        self.possible = (question.asked != 0).astype(np.int64) * int(base.all())
        self._fixed = (*of.model, np.stack([costs, -costs]), base, *of.scale(costs))
        self._weights = np.zeros((2, of.limits), dtype=np.int64)
        self._room = np.empty((_FRESH, len(base)), dtype=np.int64)

    def run(self, order: Words, nodes: int, clock: Clock) -> Iterator[Words]:
        """Search for the ends (row * literals + literal), at first with so many nodes each, whatever the time is.

        Gives what assignments were found (rows, as literals) between two looks at the clock.
        """
        due = Clock(inf)
        while len(order) and due.left > 0:
            at = 0
            while at != passes.DONE and due.left > 0:
                counts = np.zeros(1, dtype=np.int64)
                at = passes.lowest(
                    *self._fixed, order, self.bound, self.met, self.possible, self._weights, at, nodes, _LOOK,
                    self._room, counts,
                )  # fmt: skip
                if counts[0]:
                    yield self._room[: counts[0]].copy()
            row, literal = np.divmod(order, len(self.possible))
            order = order[(self.bound[row, literal] < self.met[row, literal]) & (self.possible[literal] != 0)]
            nodes, due = max(_FEW, int(min(4 * nodes, _PACE * clock.left))), clock


def _limits(network: Network) -> tuple[Words, Words, Words]:
    """Sums and counts: amounts (rows x literals), at least and at most. The least of each variable is 0.

    Those that say the same of two sides (also with the opposite sign) are one.
    """
    found: dict[bytes, tuple[Words, int, int]] = {}
    asked = [(total.literals, total.low, total.high) for total in network.sums]
    asked += [(tuple((literal, 1) for literal in one.literals), one.low, one.high) for one in network.counts]
    for literals, low, high in asked:
        amounts = np.zeros(network.literals, dtype=np.int64)
        for literal, factor in literals:
            amounts[literal] += factor
        plain, opposite = _from_zero(network, amounts, low, high), _from_zero(network, -amounts, -high, -low)
        one, at_least, at_most = min(plain, opposite, key=lambda side: side[0].tobytes())
        _, least, most = found.get(one.tobytes(), (one, 0, at_most))
        found[one.tobytes()] = one, max(least, at_least), min(most, at_most)
    return (
        np.array([one for one, _, _ in found.values()]),
        np.array([least for _, least, _ in found.values()]),
        np.array([most for _, _, most in found.values()]),
    )


def _from_zero(network: Network, amounts: Words, low: int, high: int) -> tuple[Words, int, int]:
    """The same with 0 as the least amount of each variable; and no limit beyond what can be."""
    least = np.minimum.reduceat(amounts, network.first[:-1])
    above = amounts - np.repeat(least, np.diff(network.first))
    most = int(np.maximum.reduceat(above, network.first[:-1]).sum())
    return above, max(0, low - int(least.sum())), min(most, high - int(least.sum()))
