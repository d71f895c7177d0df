"""What a part with sums costs at least and at most with each literal: branch and bound, where clauses say the rest."""

from __future__ import annotations

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
_FEW: Final = 60  # nodes of a search for a literal after the first, which has one; then four times as many
_LOOK: Final = 500  # nodes between two looks at the clock
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
        self._model = (self._first, start, variables, words, amounts, low, high, spread)
        self._heaviest = _ROOM / (float(spread.max()) * len(spread))
        owner = np.repeat(np.arange(len(self._first) - 1), np.diff(self._first))
        self._bit = np.left_shift(np.int64(1), np.arange(network.literals) - self._first[owner])

    @classmethod
    def of(cls, network: Network) -> Branching | None:
        """None if the network has what is not told here, or too much of it."""
        if network.numbers or network.formulas or network.tables or not network.sums:
            return None
        if np.diff(network.first).max() > _WIDEST or len(network.sums) + len(network.counts) > _MOST:
            return None
        return cls(network)

    def spans(self, question: Question, costs: Costs, met: Words, clock: Clock) -> tuple[Spans, NDArray[np.int32]]:
        """For each literal the lowest and the highest cost of an assignment that has it, its own variable released.

        `met`: what known assignments cost (2 x literals: at least, and at least in the opposite sense; 2**62: none has
        the literal); it is lowered. What time does not settle is a bound. Also new assignments, as literals (rows).
        """
        both = np.stack([costs.literals, -costs.literals])
        bound = np.full(both.shape, -passes.FAR, dtype=np.int64)
        base = np.bitwise_or.reduceat(np.where(question.allowed != 0, self._bit, 0), self._first[:-1])
        possible = (question.asked != 0).astype(np.int64) * int(base.all())
        weights = np.zeros((2, len(self._model[5])), dtype=np.int64)
        fresh, counts = np.empty((_FRESH, len(base)), dtype=np.int64), np.zeros(1, dtype=np.int64)
        order, nodes, due = np.arange(both.size), 1, Clock(inf)
        while len(order) and due.left > 0:
            at = 0
            while at != passes.DONE and due.left > 0:
                at = passes.lowest(
                    *self._model, both, base, *self._scale(costs.literals), order, bound, met, possible, weights, at,
                    nodes, _LOOK, fresh, counts,
                )  # fmt: skip
            order, nodes, due = np.flatnonzero((bound < met) & (possible != 0)), max(4 * nodes, _FEW), clock
        none = possible == 0
        exact = ((bound >= met) | none) * np.array([[1], [2]])
        spans = Spans(np.where(none, 1, bound[0]), np.where(none, 0, -bound[1]), exact.sum(axis=0).astype(np.uint8))
        return spans, fresh[: counts[0]].astype(np.int32)

    def _scale(self, costs: Words) -> tuple[int, int, int, float]:
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
