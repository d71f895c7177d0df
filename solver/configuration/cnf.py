"""A network as clauses over Boolean variables, such that unit propagation finds what each constraint alone shows.

At most one: pairwise up to 32 values, by products beyond (Chen 2010). Counts: a sequential counter that counts both
ways (Sinz 2005). Tables of two columns: support clauses (Gent 2002). Wider ones: their rows as a merged trie, with a
variable for each node and for each edge in the middle (Abio and others 2016); its ends need no edges.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from solver.configuration.network import OWN, Count, Network, Table

_PAIRWISE: Final = 32  # values of a variable that exclude each other in pairs
_MANY_CELLS: Final = 100_000  # of a table for which only two orders of its columns are tried


@dataclass(frozen=True, slots=True, eq=False)
class Cnf:
    """Clauses over Boolean variables 1, 2, ...; a negative number is the opposite.

    `names`: the Boolean literal of each literal of the network. `starts`, `clauses`: clause k is
    clauses[starts[k]:starts[k + 1]]. `rules`: the rule of each clause, a position in Network.rules or OWN.
    `variables`: how many Boolean variables, those of the network first (`own` of them), then the encoding's.
    """

    names: NDArray[np.int32]
    own: int
    variables: int
    starts: NDArray[np.int64]
    clauses: NDArray[np.int32]
    rules: NDArray[np.int32]

    def lists(self) -> list[list[int]]:
        """Each clause as a list."""
        flat, ends = self.clauses.tolist(), self.starts.tolist()
        return [flat[start:end] for start, end in pairwise(ends)]


def names_of(network: Network) -> tuple[NDArray[np.int32], int]:
    """The Boolean literal of each literal, and how many variables they take: one for two values, else one for each."""
    sizes = np.diff(network.first)
    names = np.zeros(network.literals, dtype=np.int32)
    taken = np.where(sizes == 2, 1, sizes)
    before = np.concatenate(([0], np.cumsum(taken)))
    two = np.flatnonzero(sizes == 2)
    names[network.first[two] + 1] = before[two] + 1
    names[network.first[two]] = -(before[two] + 1)
    for variable in np.flatnonzero(sizes != 2).tolist():
        start, end = int(network.first[variable]), int(network.first[variable + 1])
        names[start:end] = np.arange(before[variable] + 1, before[variable] + 1 + end - start)
    return names, int(before[-1])


def encode(network: Network) -> Cnf:
    """The clauses, counts and tables of a network. Sums and formulas are left out: what fails without them fails."""
    names, own = names_of(network)
    writer = _Writer(names.tolist(), own)
    first = network.first.tolist()
    for variable, size in enumerate(np.diff(network.first).tolist()):
        if size != 2:
            writer.add_exactly_one(range(first[variable], first[variable + 1]))
    for clause in network.clauses:
        writer.write(clause.rule, [writer.signed(literal) for literal in clause.literals])
    for count in network.counts:
        writer.add_count(count)
    for table in network.tables:
        writer.add_table(table, first)
    starts = np.zeros(len(writer.clauses) + 1, dtype=np.int64)
    np.cumsum([len(clause) for clause in writer.clauses], out=starts[1:])
    flat = np.fromiter((literal for clause in writer.clauses for literal in clause), np.int32, int(starts[-1]))
    return Cnf(names, own, writer.variables, starts, flat, np.array(writer.rules, dtype=np.int32))


class _Writer:
    def __init__(self, names: list[int], variables: int) -> None:
        self.names = names
        self.variables = variables
        self.clauses: list[Sequence[int]] = []
        self.rules: list[int] = []

    def write(self, rule: int, literals: Sequence[int]) -> None:
        if not literals:  # solvers pass over a clause of nothing: it becomes a contradiction
            contradiction = self.new()
            self.write(rule, (contradiction,))
            literals = (-contradiction,)
        self.clauses.append(literals)
        self.rules.append(rule)

    def new(self) -> int:
        self.variables += 1
        return self.variables

    def signed(self, literal: int) -> int:
        return self.names[literal - 1] if literal > 0 else -self.names[-literal - 1]

    def add_exactly_one(self, literals: Iterable[int]) -> None:
        values = [self.names[literal] for literal in literals]
        self.write(OWN, values)
        self.add_at_most_one(OWN, values)

    def add_at_most_one(self, rule: int, literals: Sequence[int]) -> None:
        """Pairwise, or by a grid: at most one row and at most one column are used."""
        if len(literals) <= _PAIRWISE:
            for place, one in enumerate(literals):
                for other in literals[place + 1 :]:
                    self.write(rule, (-one, -other))
            return
        width = int(np.ceil(np.sqrt(len(literals))))
        columns = [self.new() for _ in range(width)]
        rows = [self.new() for _ in range(-(-len(literals) // width))]
        for place, literal in enumerate(literals):
            self.write(rule, (-literal, columns[place % width]))
            self.write(rule, (-literal, rows[place // width]))
        for way, length in ((columns, width), (rows, len(rows))):
            for place in range(length):  # an unused row or column is not marked: every variable has one value
                inside = [x for k, x in enumerate(literals) if (k % width if way is columns else k // width) == place]
                self.write(rule, (-way[place], *inside))
            self.add_at_most_one(rule, way)

    def add_count(self, count: Count) -> None:
        literals = [self.names[literal] for literal in count.literals]
        low, high, total = max(count.low, 0), min(count.high, len(literals)), len(literals)
        if low > high:
            self.write(count.rule, ())
            return
        if 2 * low > total + 1 or (low == 0 and 2 * high > total + 1):  # count the others: fewer
            literals = [-literal for literal in literals]
            low, high = total - high, total - low
        if high == 0:
            for literal in literals:
                self.write(count.rule, (-literal,))
        elif low <= 1 and high == total:
            if low:
                self.write(count.rule, literals)
        elif low <= 1 and high == 1:
            if low:
                self.write(count.rule, literals)
            self.add_at_most_one(count.rule, literals)
        else:
            self._add_counter(count.rule, literals, low, high)

    def _add_counter(self, rule: int, literals: list[int], low: int, high: int) -> None:
        """at_least[j] after i literals: at least j of the first i hold, for j up to high + 1 (or low)."""
        top = low if high >= len(literals) else high + 1
        before: list[int] = []  # at_least[1..] of the literals so far
        for seen, literal in enumerate(literals, start=1):
            now = [self.new() for _ in range(min(seen, top))]
            for place, here in enumerate(now):
                older = before[place] if place < len(before) else None
                fewer = before[place - 1] if place else None  # None: at least 0, which holds
                if older is not None:
                    self.write(rule, (-older, here))
                    self.write(rule, (-here, older, literal))
                else:
                    self.write(rule, (-here, literal))
                if fewer is not None:
                    self.write(rule, (-here, fewer))
                    self.write(rule, (-fewer, -literal, here))
                else:
                    self.write(rule, (-literal, here))
            before = now
        if low:
            self.write(rule, (before[low - 1],))
        if top > high:
            self.write(rule, (-before[high],))

    def add_table(self, table: Table, first: list[int]) -> None:
        scope = [
            [self.names[literal] for literal in range(first[variable], first[variable + 1])] for variable in table.scope
        ]
        rule = table.rule
        if not len(table.rows):
            self.write(rule, ())
        elif len(scope) == 1:
            present = set(table.rows[:, 0].tolist())
            for entry, literal in enumerate(scope[0]):
                if entry not in present:
                    self.write(rule, (-literal,))
        else:
            order, levels = _shortest(table.rows, [len(values) for values in scope])
            self._add_trie(rule, [scope[column] for column in order], levels)

    def _add_trie(self, rule: int, scope: list[list[int]], levels: list[list[dict[int, int]]]) -> None:
        """levels[k][node]: the node after value d of column k. The nodes after the first column, before the last, ...

        have a variable each; they and the values of one column in the middle are tied by a variable for each edge.
        """
        into = levels[0][0]
        if len(scope) == 2:
            pairs = [(value, entry) for value, node in into.items() for entry in levels[1][node]]
            self._add_supports(rule, scope[0], scope[1], pairs)
            return
        nodes = [self.new() for _ in levels[1]]
        self._add_supports(rule, scope[0], nodes, list(into.items()))
        for column in range(1, len(scope) - 1):
            below = [self.new() for _ in levels[column + 1]]
            outgoing: list[list[int]] = [[] for _ in nodes]
            incoming: list[list[int]] = [[] for _ in below]
            of_value: list[list[int]] = [[] for _ in scope[column]]
            for node, children in enumerate(levels[column]):
                for entry, child in children.items():
                    edge = self.new()
                    for end in (nodes[node], scope[column][entry], below[child]):
                        self.write(rule, (-edge, end))
                    outgoing[node].append(edge)
                    incoming[child].append(edge)
                    of_value[entry].append(edge)
            for ends, edges in ((nodes, outgoing), (below, incoming), (scope[column], of_value)):
                for end, tied in zip(ends, edges, strict=True):
                    self.write(rule, (-end, *tied))
            nodes = below
        pairs = [(node, entry) for node, children in enumerate(levels[-1]) for entry in children]
        self._add_supports(rule, nodes, scope[-1], pairs)

    def _add_supports(self, rule: int, left: list[int], right: list[int], pairs: list[tuple[int, int]]) -> None:
        """Each of the left has one of the right that goes with it, and the other way round."""
        forward: list[list[int]] = [[] for _ in left]
        backward: list[list[int]] = [[] for _ in right]
        for one, other in pairs:
            forward[one].append(right[other])
            backward[other].append(left[one])
        for ends, found in ((left, forward), (right, backward)):
            for end, supports in zip(ends, found, strict=True):
                self.write(rule, (-end, *supports))


def _shortest(rows: NDArray[np.int32], sizes: list[int]) -> tuple[list[int], list[list[dict[int, int]]]]:
    """A good order of the columns, and the merged trie in it: many values at the ends, where there are no edges."""
    wide = sorted(range(len(sizes)), key=lambda column: -sizes[column])
    if len(sizes) == 2:
        return wide, _merged(rows[:, wide])
    best: tuple[int, list[int], list[list[dict[int, int]]]] | None = None
    for one, other in ((0, 1), (1, 0), (0, 2), (1, 2)):
        ends = (wide[one], wide[other])
        middle = [column for column in wide if column not in ends]
        for order in ([ends[0], *middle, ends[1]], [ends[0], *reversed(middle), ends[1]]):
            levels = _merged(rows[:, order])
            size = sum(len(level) for level in levels) + sum(len(node) for level in levels[1:-1] for node in level)
            if best is None or size < best[0]:
                best = (size, order, levels)
        if len(rows) * len(sizes) > _MANY_CELLS:
            break
    assert best is not None
    return best[1], best[2]


def _merged(rows: NDArray[np.int32]) -> list[list[dict[int, int]]]:
    """The trie of rows with equal parts below merged: for each column its nodes, each a child by value.

    Children of the last column are all node 0.
    """
    columns = rows.shape[1]
    order = np.lexsort(rows.T[::-1])
    rows = rows[order]
    levels: list[list[dict[int, int]]] = [[] for _ in range(columns)]
    below = np.zeros(len(rows), dtype=np.int64)  # the node after columns..k, for one row of each prefix
    for column in range(columns - 1, -1, -1):
        # One entry for each prefix of length column + 1; those with the same prefix of length column are one node.
        if column:
            same = np.all(rows[1:, :column] == rows[:-1, :column], axis=1)
            starts = np.concatenate(([0], np.flatnonzero(~same) + 1))
        else:
            starts = np.array([0])
        ends = np.append(starts[1:], len(rows)).tolist()
        entries, children = rows[:, column].tolist(), below.tolist()
        known: dict[tuple[int, ...], int] = {}
        found: list[int] = []
        for start, end in zip(starts.tolist(), ends, strict=True):
            key = (*entries[start:end], *children[start:end])
            node = known.get(key)
            if node is None:
                node = known[key] = len(levels[column])
                levels[column].append(dict(zip(entries[start:end], children[start:end], strict=True)))
            found.append(node)
        rows, below = rows[starts], np.array(found, dtype=np.int64)
    return levels
