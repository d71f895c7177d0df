"""The engine of what no constraint ties: every value that is allowed is valid."""

from __future__ import annotations

from typing import Final

import numpy as np

from solver.configuration.network import Network
from solver.configuration.question import (
    Answer,
    Assignment,
    Clock,
    Costs,
    Flags,
    Least,
    Question,
    Spans,
)

_FAR: Final = 2**62


class Free:
    """Variables and numbers without constraints."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self._first = network.first[:-1]
        self._none = np.zeros(network.literals, dtype=np.uint8)
        self._none.setflags(write=False)
        self._intervals = tuple(number.intervals(0, len(number.values) - 1) for number in network.numbers)

    def domains(self, question: Question, clock: Clock) -> Answer | None:
        """See the engines' interface in `parts`."""
        if self._void(question):
            return None
        valid = question.allowed | (question.asked + question.asked)  # STRICT and RELEASED
        return Answer(valid, self._none, self._intervals)

    def find(self, question: Question, clock: Clock, prefer: Flags | None = None) -> Assignment | None:
        """See the engines' interface in `parts`."""
        if self._void(question):
            return None
        score = question.allowed.astype(np.int64) * 2 + (0 if prefer is None else prefer * question.allowed)
        return Assignment(self._best(-score), self._numbers(question, (0,) * len(self.network.numbers)))

    def least(self, question: Question, costs: Costs, clock: Clock) -> Least | None:
        """See the engines' interface in `parts`."""
        if self._void(question):
            return None
        values = self._best(np.where(question.allowed, costs.literals, _FAR))
        numbers = self._numbers(question, costs.numbers)
        cost = int(costs.literals[self._first + values].sum()) + _total(costs.numbers, numbers)
        return Least(Assignment(values, numbers), cost, cost)

    def spans(self, question: Question, costs: Costs, clock: Clock) -> Spans:
        """See the engines' interface in `parts`."""
        exact = np.full_like(question.allowed, 3)
        if self._void(question):
            return Spans(np.full(len(exact), 1), np.zeros(len(exact), dtype=np.int64), exact)
        ends = []
        for sign in (1, -1):
            signed = costs.literals * sign
            best = self._best(np.where(question.allowed, signed, _FAR))
            chosen = signed[self._first + best]
            rest = int(chosen.sum()) - np.repeat(chosen, np.diff(self.network.first))
            numbers = self._numbers(question, tuple(sign * cost for cost in costs.numbers))
            rest += sign * _total(costs.numbers, numbers)
            ends.append(sign * (rest + signed))
        low = np.where(question.asked, ends[0], 1)
        high = np.where(question.asked, ends[1], 0)
        return Spans(low, high, exact)

    def _void(self, question: Question) -> bool:
        return len(self._first) > 0 and b"\0" in np.maximum.reduceat(question.allowed, self._first).tobytes()

    def _best(self, costs: np.ndarray) -> np.ndarray:
        """The first cheapest value of each variable."""
        if not len(self._first):
            return np.zeros(0, dtype=np.int32)
        least = np.repeat(np.minimum.reduceat(costs, self._first), np.diff(self.network.first))
        places = np.flatnonzero(costs == least)
        owners = np.searchsorted(self.network.first, places, side="right") - 1
        _, firsts = np.unique(owners, return_index=True)
        return (places[firsts] - self._first).astype(np.int32)

    def _numbers(self, question: Question, costs: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(
            question.numbers.get(place, number.values[-1] if costs and costs[place] < 0 else number.values[0])
            for place, number in enumerate(self.network.numbers)
        )


def _total(costs: tuple[int, ...], numbers: tuple[int, ...]) -> int:
    return sum(cost * number for cost, number in zip(costs, numbers, strict=True)) if costs else 0
