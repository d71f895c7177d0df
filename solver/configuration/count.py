"""How many variants a problem has: exactly where its parts are diagrams or free, else estimated with an interval.

Parts share no rule, so their numbers multiply. A part that is no diagram is estimated by random probing (Knuth,
Estimating the efficiency of backtrack programs, 1975): a walk draws one valid value after the other; the product of how
many valid values there were each time is the number of variants on average. Valid domains are exact, so no walk is in
vain. Where time does not suffice for walks, limits are given that are proved, if far apart.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import isqrt, prod, sqrt
from random import Random
from typing import Final

import numpy as np

from solver.configuration.compile import CompiledProblem
from solver.configuration.diagram import Diagram
from solver.configuration.parts import Kind, Part
from solver.configuration.question import STRICT, Answer, Clock, Flags, OutOfTime, Question

_WALKS: Final = 400  # of one part
_FEWEST: Final = 20  # below that an interval says nothing
_SCALE: Final = 10**6


@dataclass(frozen=True, slots=True)
class Counted:
    """The number of variants without texts. `exact` if it is known; else it is within `low` and `high`.

    `confidence` is 1 where the limits are proved; else the share of all problems for which such an interval holds,
    as far as the sampled products are spread like a bell.
    """

    exact: int | None
    low: int
    high: int
    confidence: float = 1.0

    @classmethod
    def of(cls, number: int) -> Counted:
        """A number that is known."""
        return cls(number, number, number)


def count(
    compiled: CompiledProblem, clock: Clock, *, seed: int = 0, stop: Callable[[], bool] = lambda: False
) -> Counted:
    """How many variants there are, in about the time until `clock` is due."""
    random = Random(seed)  # noqa: S311 - an estimate, not a secret
    exact = 1
    others: list[Part] = []
    for part in compiled.parts:
        if isinstance(part.engine, Diagram):
            exact *= part.engine.count()
        elif part.kind is Kind.FREE:
            sizes = np.diff(part.network.first).tolist()
            exact *= prod(sizes) * prod(len(number.values) for number in part.network.numbers)
        else:
            others.append(part)
    low = high = 1
    estimated, variance, sampled = 1.0, 0.0, False
    for position, part in enumerate(others):
        due = Clock.of(clock.left / (len(others) - position))
        found = _estimated(part, due, random, stop)
        if found is None:
            least, most = _limits(compiled, part, clock)
            low, high = low * least, high * most
        else:
            estimated *= found[0]
            variance += found[1]
            sampled = True
    if not sampled:
        return Counted.of(exact * low) if low == high else Counted(None, exact * low, exact * high)
    middle = exact * (int(estimated * _SCALE) // _SCALE if estimated < 1e300 else int(estimated))
    error = middle * isqrt(int(4 * variance * _SCALE**2)) // _SCALE
    return Counted(None, max(1, middle - error) * low, (middle + error) * high, 0.95)


def _estimated(part: Part, clock: Clock, random: Random, stop: Callable[[], bool]) -> tuple[float, float] | None:
    """The mean of the walks' products and the variance of that mean relative to it; None: too few walks in the time."""
    products: list[float] = []
    while len(products) < _WALKS and clock.left > 0 and not stop():
        try:
            products.append(_walk(part, clock, random))
        except OutOfTime:
            break
    if len(products) < _FEWEST:
        return None
    largest = max(products)
    scaled = [one / largest for one in products]
    mean = sum(scaled) / len(scaled)
    spread = sum((one - mean) ** 2 for one in scaled) / (len(scaled) - 1)
    return mean * largest, (sqrt(spread / len(scaled)) / mean) ** 2


def _walk(part: Part, clock: Clock, random: Random) -> float:
    """One over the chance of the variant (of this part) at which a random walk arrives. Raises OutOfTime."""
    network = part.network
    allowed = np.ones(network.literals, dtype=np.uint8)
    numbers: dict[int, int] = {}
    weight = 1.0
    answer = _answer(part, allowed, numbers, clock)
    for variable in range(len(network.variables)):
        first, stop = int(network.first[variable]), int(network.first[variable + 1])
        values = np.flatnonzero(answer.valid[first:stop] & STRICT)
        if len(values) == 1:
            continue
        allowed[first:stop] = 0
        allowed[first + int(values[random.randrange(len(values))])] = 1
        weight *= len(values)
        answer = _answer(part, allowed, numbers, clock)
    for number in range(len(network.numbers)):
        spans = [range(low, high + 1, step) for low, high, step in answer.numbers[number]]
        size = sum(map(len, spans))
        numbers[number] = _at(spans, random.randrange(size))
        weight *= size
        if number + 1 < len(network.numbers):
            answer = _answer(part, allowed, numbers, clock)
    return weight


def _answer(part: Part, allowed: Flags, numbers: dict[int, int], clock: Clock) -> Answer:
    if clock.left <= 0:
        raise OutOfTime
    found = part.engine.domains(Question(allowed, allowed, numbers), clock)
    if found is None:
        raise RuntimeError("A valid value left nothing valid.")
    if found.open_numbers or (found.open & STRICT).any():
        raise OutOfTime
    return found


def _at(spans: Sequence[range], place: int) -> int:
    for span in spans:
        if place < len(span):
            return span[place]
        place -= len(span)
    raise IndexError(place)


def _limits(compiled: CompiledProblem, part: Part, clock: Clock) -> tuple[int, int]:
    """At least as many as some question has valid answers, at most their product (what is open counts as valid).

    Auxiliary variables are determined by the others.
    """
    network = part.network
    answer = compiled.answer(part.position, (), clock)
    if answer is None:
        raise ValueError("Nothing is valid.")
    least, most = 1, 1
    for variable, known in enumerate(network.variables):
        first, stop = int(network.first[variable]), int(network.first[variable + 1])
        valid = int(np.count_nonzero(answer.valid[first:stop] & STRICT))
        open_ = int(np.count_nonzero(answer.open[first:stop] & STRICT))
        least = max(least, valid)
        if known.group is not None or known.parameter is not None:
            most *= max(1, valid + open_)
    for place, intervals in enumerate(answer.numbers):
        size = sum(len(range(low, high + 1, step)) for low, high, step in intervals)
        most *= size
        if place not in answer.open_numbers:
            least = max(least, size)
    return least, most
