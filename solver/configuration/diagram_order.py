"""In which order a diagram asks its variables: constraints that span few levels keep it small."""

from __future__ import annotations

from collections.abc import Sequence
from math import log2
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from solver.configuration.network import Network
from solver.native import kernel

Places = NDArray[np.int64]

_ROUNDS: Final = 200  # of FORCE
_WORK: Final = 40_000_000  # variables and scopes looked at in one annealing: about half a second
_HOT: Final = 0.3  # temperatures, in binary orders of magnitude of the estimate
_COLD: Final = 0.005


class Scopes:
    """The variables of each constraint, flat."""

    def __init__(self, network: Network) -> None:
        self.variables = len(network.variables)
        owner = np.repeat(np.arange(self.variables), np.diff(network.first)).tolist()
        self.each: list[list[int]] = [
            *(sorted({owner[abs(name) - 1] for name in clause.literals}) for clause in network.clauses),
            *([owner[literal] for literal in count.literals] for count in network.counts),
            *(list(table.scope) for table in network.tables),
        ]
        lengths = [len(scope) for scope in self.each]
        self.flat = np.array([variable for scope in self.each for variable in scope], dtype=np.int64)
        self.of = np.repeat(np.arange(len(self.each)), lengths)
        self.starts = np.concatenate(([0], np.cumsum(lengths))).astype(np.int64)[:-1]
        self.lengths = np.maximum(1, np.array(lengths, dtype=np.int64))
        degree = np.bincount(self.flat, minlength=self.variables)
        self.degree = np.maximum(1, degree)
        self.bits = np.log2(np.diff(network.first))  # how much a variable's value tells
        # the constraints of each variable, flat
        self.constraints = self.of[np.argsort(self.flat, kind="stable")].astype(np.int64)
        self.constraints_start = np.concatenate(([0], np.cumsum(degree))).astype(np.int64)

    def spans(self, place: Places) -> int:
        """How many levels the constraints span, added up; `place` is the level of each variable."""
        if not len(self.flat):
            return 0
        levels = place[self.flat]
        kept = [k for k, scope in enumerate(self.each) if scope]
        starts = self.starts[kept]
        return int((np.maximum.reduceat(levels, starts) - np.minimum.reduceat(levels, starts)).sum())


def orders(scopes: Scopes) -> Sequence[Places]:
    """Orders worth trying, the likeliest first: each is the variables from the top level down."""
    given = np.arange(scopes.variables, dtype=np.int64)
    tried = [forced(scopes, given), forced(scopes, outward(scopes))]
    tried.sort(key=lambda order: scopes.spans(np.argsort(order)))
    return tried[:1] if np.array_equal(tried[0], tried[1]) else tried


def annealed(scopes: Scopes, starts: Sequence[Places], weight: float, seed: int = 1) -> Places:
    """An order in which few variables above each level have to be remembered below it, found by simulated annealing.

    What is made small is the sum over all levels of 2 ** (weight * bits that are remembered): with weight 1 a bound of
    the number of nodes; with less the search is not ruled by the widest level alone. It begins at the best of `starts`.
    """
    flat = scopes.flat
    bounds = np.append(scopes.starts, len(flat)).astype(np.int64)
    order = np.ascontiguousarray(
        min(starts, key=lambda one: _width(np.argsort(one), flat, bounds, scopes.bits, weight)), dtype=np.int64
    ).copy()
    if len(flat):
        steps = _WORK // (2 * scopes.variables + len(flat))
        _anneal(order, flat, bounds, scopes.constraints, scopes.constraints_start, scopes.bits, weight, steps, seed)
    return order


@kernel("float64(int64[::1], int64[::1], int64[::1], float64[::1], float64)", allocates=True)
def _width(place: Places, flat: Places, bounds: Places, bits: Any, weight: float) -> Any:
    """The binary logarithm of the sum over all levels of 2 ** (weight * bits of the variables needed below)."""
    size = len(place)
    last = place.copy()
    for c in range(len(bounds) - 1):
        bottom = np.int64(-1)
        for k in range(bounds[c], bounds[c + 1]):
            bottom = max(bottom, place[flat[k]])
        for k in range(bounds[c], bounds[c + 1]):
            if bottom > last[flat[k]]:
                last[flat[k]] = bottom
    change = np.zeros(size + 1)
    for v in range(size):
        change[place[v]] += bits[v]
        change[last[v]] -= bits[v]
    width = 0.0
    total = 0.0
    for at in range(size):
        width += change[at]
        total += 2.0 ** (weight * width)
    return log2(total)


@kernel("void(int64[::1], int64[::1], int64, int64)")
def _move(order: Places, place: Places, before: int, after: int) -> None:
    """Take a variable from one level to another; those between make room."""
    v = order[before]
    step = 1 if after > before else -1
    for at in range(before, after, step):
        order[at] = order[at + step]
        place[order[at]] = at
    order[after] = v
    place[v] = after


@kernel(
    "void(int64[::1], int64[::1], int64[::1], int64[::1], int64[::1], float64[::1], float64, int64, int64)",
    allocates=True,
)
def _anneal(
    order: Places,
    flat: Places,
    bounds: Places,
    constraints: Places,
    constraints_start: Places,
    bits: Any,
    weight: float,
    steps: int,
    seed: int,
) -> None:
    """Move variables next to others of their constraints, or a little up or down; write the best order that was met."""
    size = len(order)
    place = np.empty(size, dtype=np.int64)
    for at in range(size):
        place[order[at]] = at
    now = _width(place, flat, bounds, bits, weight)
    best = now
    order_now = order.copy()
    random = np.uint64(seed) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(1)
    for step in range(steps):
        random ^= random << np.uint64(13)
        random ^= random >> np.uint64(7)
        random ^= random << np.uint64(17)
        v = np.int64((random >> np.uint64(8)) % np.uint64(size))
        before = place[v]
        random ^= random << np.uint64(13)
        random ^= random >> np.uint64(7)
        random ^= random << np.uint64(17)
        many = constraints_start[v + 1] - constraints_start[v]
        if many > 0 and random & np.uint64(3) != np.uint64(0):
            c = constraints[constraints_start[v] + np.int64((random >> np.uint64(8)) % np.uint64(many))]
            many = bounds[c + 1] - bounds[c]
            after = place[flat[bounds[c] + np.int64((random >> np.uint64(32)) % np.uint64(many))]]
        else:
            after = before + np.int64((random >> np.uint64(8)) % np.uint64(41)) - 20
        after = min(np.int64(size - 1), max(np.int64(0), after))
        if after == before:
            continue
        _move(order_now, place, before, after)
        new = _width(place, flat, bounds, bits, weight)
        random ^= random << np.uint64(13)
        random ^= random >> np.uint64(7)
        random ^= random << np.uint64(17)
        chance = np.float64(random >> np.uint64(11)) / 9007199254740992.0
        heat = _HOT * (_COLD / _HOT) ** (step / steps)
        if new <= now or chance < np.exp((now - new) / heat):
            now = new
            if now < best - 1e-9:
                best = now
                order[:] = order_now
        else:
            _move(order_now, place, after, before)


def forced(scopes: Scopes, order: Places) -> Places:
    """FORCE: each variable moves to the middle of its constraints' middles, until the spans do not shrink.

    Source: Aloul, Markov, Sakallah, FORCE: a fast and easy-to-implement variable-ordering heuristic, 2003.
    """
    if not len(scopes.flat):
        return order
    place = np.argsort(order)
    best, spans, failed = order, scopes.spans(place), 0
    for _ in range(_ROUNDS):
        middle = np.bincount(scopes.of, place[scopes.flat], len(scopes.each)) / scopes.lengths
        wish = np.bincount(scopes.flat, middle[scopes.of], scopes.variables) / scopes.degree
        order = np.argsort(wish, kind="stable")
        place = np.argsort(order)
        found = scopes.spans(place)
        if found < spans:
            best, spans, failed = order, found, 0
        else:
            failed += 1
            if failed == 10:
                break
    return best


def outward(scopes: Scopes) -> Places:
    """Breadth-first from one end of the graph of constraints (Cuthill, McKee 1969)."""
    of_variable: list[list[int]] = [[] for _ in range(scopes.variables)]
    for position, scope in enumerate(scopes.each):
        for variable in scope:
            of_variable[variable].append(position)
    degree = scopes.degree.tolist()

    def search(root: int, seen: list[bool]) -> list[int]:
        found = [root]
        seen[root] = True
        for variable in found:
            new = sorted(
                {v for c in of_variable[variable] for v in scopes.each[c] if not seen[v]}, key=lambda v: (degree[v], v)
            )
            for other in new:
                seen[other] = True
            found.extend(new)
        return found

    order: list[int] = []
    done = [False] * scopes.variables
    for root in range(scopes.variables):
        if not done[root]:
            far = search(root, list(done))[-1]
            order.extend(search(far, done))
    return np.array(order, dtype=np.int64)
