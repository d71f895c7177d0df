"""A store of multi-valued decision diagrams: one node for each state, shared by all diagrams in it, and their product.

A node asks one variable and has a child for each of its values. FALSE and TRUE are nodes 0 and 1; a child is older than
its parents, so it has the smaller number. Nodes whose children are all the same are left out, and no two nodes are
equal (Bryant 1986; Srinivasan et al. 1990 for many values): two diagrams are equal if their roots are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from solver.configuration.diagram_sift import sifted
from solver.configuration.question import OutOfTime
from solver.native import kernel

FALSE: Final = 0
TRUE: Final = 1

_FULL: Final = -1  # no room for another node: nothing is lost, go on after growing
_PAUSED: Final = -2  # the steps are used up

_USED: Final = 0  # places in `meta`: nodes, edges, depth of the product's stack
_EDGES: Final = 1
_DEPTH: Final = 2

_STEPS: Final = 1_000_000  # of a product between two looks at the clock
_CACHE: Final = 1 << 20  # products remembered at most
_EDGES_PER_NODE: Final = 16  # room at most

Ints = NDArray[np.int32]

_STORE: Final = "int32[::1], int32[::1], int32[::1], int32[::1], int64[::1]"


class TooLarge(Exception):
    """The diagrams need more nodes than there may be."""


@kernel(f"int32(int32, int32[::1], int64, int32, {_STORE})")
def _make(
    at: int, children: Ints, start: int, size: int, level: Ints, edge: Ints, child: Ints, table: Ints, meta: Any
) -> Any:
    """The node of a level with these children: an old one, a new one, or -1 if there is no room."""
    one = children[start]
    same = True
    for d in range(1, size):
        if children[start + d] != one:
            same = False
            break
    if same:
        return one
    code = np.uint64(at) * np.uint64(0x9E3779B97F4A7C15)
    for d in range(size):
        code = (code ^ np.uint64(children[start + d])) * np.uint64(0xFF51AFD7ED558CCD)
        code ^= code >> np.uint64(32)
    mask = len(table) - 1
    place = np.int64(code & np.uint64(mask))
    while table[place] >= 0:
        node = table[place]
        if level[node] == at:
            first = edge[node]
            equal = True
            for d in range(size):
                if child[first + d] != children[start + d]:
                    equal = False
                    break
            if equal:
                return node
        place = (place + 1) & mask
    node = meta[_USED]
    first = meta[_EDGES]
    if node + 1 >= len(level) or first + size > len(child):
        return np.int32(_FULL)
    level[node] = at
    edge[node] = first
    for d in range(size):
        child[first + d] = children[start + d]
    edge[node + 1] = first + size
    meta[_USED] = node + 1
    meta[_EDGES] = first + size
    table[place] = node
    return np.int32(node)


@kernel("void(int32[::1], int32[::1], int32[::1], int32[::1], int64)")
def _index(level: Ints, edge: Ints, child: Ints, table: Ints, used: int) -> None:
    """Put all nodes into an empty hash table."""
    mask = len(table) - 1
    for node in range(2, used):
        code = np.uint64(level[node]) * np.uint64(0x9E3779B97F4A7C15)
        for e in range(edge[node], edge[node + 1]):
            code = (code ^ np.uint64(child[e])) * np.uint64(0xFF51AFD7ED558CCD)
            code ^= code >> np.uint64(32)
        place = np.int64(code & np.uint64(mask))
        while table[place] >= 0:
            place = (place + 1) & mask
        table[place] = node


@kernel(
    "int64(int64, int64, int64, int32[::1], int64[::1], int32[::1], int32[::1], int32[::1], int32[::1], int64[::1],"
    " int32[::1], int32[:, ::1], int64)"
)
def _product(
    one: int,
    other: int,
    resumed: int,
    sizes: Ints,
    base: Any,
    level: Ints,
    edge: Ints,
    child: Ints,
    table: Ints,
    meta: Any,
    results: Ints,
    cache: Any,
    steps: int,
) -> Any:
    """The diagram of what both say. `results`: for each level the children found so far; `cache`: rows (one, other,
    product) and, in its last rows, the stack: rows (one, other, next value)."""
    depth = meta[_DEPTH]
    mask = len(cache) - len(sizes) - 2
    stack = len(cache) - len(sizes) - 1  # the first row of the stack; before it a power of two of remembered products
    if resumed == 0:
        if one == FALSE or other == FALSE:
            return np.int64(FALSE)
        if one in (TRUE, other):
            return np.int64(other)
        if other == TRUE:
            return np.int64(one)
        depth = 1
        cache[stack, 0], cache[stack, 1], cache[stack, 2] = one, other, 0
    found = np.int64(0)
    while depth > 0:
        top = stack + depth - 1
        f = np.int64(cache[top, 0])
        g = np.int64(cache[top, 1])
        value = np.int64(cache[top, 2])
        at = min(level[f], level[g])
        size = sizes[at]
        start = base[at]
        waits = False
        while value < size:
            a = np.int64(child[edge[f] + value]) if level[f] == at else f
            b = np.int64(child[edge[g] + value]) if level[g] == at else g
            if a > b:
                a, b = b, a
            if a == FALSE:
                results[start + value] = FALSE
            elif a in (TRUE, b):
                results[start + value] = b
            else:
                code = np.uint64(a) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(b) * np.uint64(0xC2B2AE3D27D4EB4F)
                code ^= code >> np.uint64(29)
                place = np.int64(code & np.uint64(mask))
                if cache[place, 0] == a and cache[place, 1] == b:
                    results[start + value] = cache[place, 2]
                else:
                    cache[top, 2] = value
                    cache[top + 1, 0], cache[top + 1, 1], cache[top + 1, 2] = a, b, 0
                    depth += 1
                    waits = True
                    break
            value += 1
        if waits:
            continue
        cache[top, 2] = value
        steps -= 1
        if steps <= 0:
            meta[_DEPTH] = depth
            return np.int64(_PAUSED)
        found = np.int64(_make(at, results, start, size, level, edge, child, table, meta))
        if found < 0:
            meta[_DEPTH] = depth
            return np.int64(_FULL)
        code = np.uint64(f) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(g) * np.uint64(0xC2B2AE3D27D4EB4F)
        code ^= code >> np.uint64(29)
        place = np.int64(code & np.uint64(mask))
        cache[place, 0], cache[place, 1], cache[place, 2] = f, g, found
        depth -= 1
        if depth > 0:
            top -= 1
            f, g = np.int64(cache[top, 0]), np.int64(cache[top, 1])
            value = np.int64(cache[top, 2])
            results[base[min(level[f], level[g])] + value] = found
            cache[top, 2] = value + 1
    meta[_DEPTH] = 0
    return found


@kernel(f"int64(int32[::1], int32[::1], uint8[::1], int32[::1], int32[::1], {_STORE})")
def _clause(
    levels: Ints,
    values: Ints,
    positive: Any,
    sizes: Ints,
    children: Ints,
    level: Ints,
    edge: Ints,
    child: Ints,
    table: Ints,
    meta: Any,
) -> Any:
    """At least one of the literals (sorted by level) holds."""
    below = np.int32(FALSE)
    last = len(levels)
    while last > 0:
        at = levels[last - 1]
        size = sizes[at]
        for d in range(size):
            children[d] = below
        while last > 0 and levels[last - 1] == at:
            last -= 1
            for d in range(size):
                if (d == values[last]) == (positive[last] == 1):
                    children[d] = TRUE
        below = _make(at, children, 0, size, level, edge, child, table, meta)
        if below < 0:
            return np.int64(_FULL)
    return np.int64(below)


@kernel(f"int64(int32[::1], int32[::1], int64, int64, int32[::1], int32[::1], {_STORE})", allocates=True)
def _count(
    levels: Ints,
    values: Ints,
    low: int,
    high: int,
    sizes: Ints,
    children: Ints,
    level: Ints,
    edge: Ints,
    child: Ints,
    table: Ints,
    meta: Any,
) -> Any:
    """Between low and high of the literals (each of another level, sorted) hold: a row of states for each literal."""
    number = len(levels)
    below = np.zeros(number + 2, dtype=np.int32)
    for held in range(number + 1):
        below[held] = TRUE if low <= held <= high else FALSE
    for k in range(number - 1, -1, -1):
        size = sizes[levels[k]]
        for held in range(k + 1):
            for d in range(size):
                children[d] = below[held + 1] if d == values[k] else below[held]
            made = _make(levels[k], children, 0, size, level, edge, child, table, meta)
            if made < 0:
                return np.int64(_FULL)
            below[held] = made  # the states are gone through upwards: held + 1 is still that of the row below
    return np.int64(below[0])


@kernel(f"int64(int32[::1], int32[:, ::1], int32[::1], int32[::1], {_STORE})", allocates=True)
def _table(
    levels: Ints,
    rows: Ints,
    sizes: Ints,
    children: Ints,
    level: Ints,
    edge: Ints,
    child: Ints,
    table: Ints,
    meta: Any,
) -> Any:
    """The values are one of the rows (sorted; columns by level): their trie, from its leaves."""
    number = len(rows)
    nodes = np.full(number, TRUE, dtype=np.int32)
    head = np.arange(number)  # a row with each prefix
    for column in range(len(levels) - 1, -1, -1):
        size = sizes[levels[column]]
        kept = 0
        k = 0
        while k < number:
            first = head[k]
            for d in range(size):
                children[d] = FALSE
            while k < number:
                same = True
                for before in range(column):
                    if rows[head[k], before] != rows[first, before]:
                        same = False
                        break
                if not same:
                    break
                children[rows[head[k], column]] = nodes[k]
                k += 1
            made = _make(levels[column], children, 0, size, level, edge, child, table, meta)
            if made < 0:
                return np.int64(_FULL)
            head[kept] = first
            nodes[kept] = made
            kept += 1
        number = kept
    return np.int64(nodes[0])


@kernel("int64(int32[::1], int32[::1], int32[::1], int64, int32[::1], int32[::1])")
def _compact(level: Ints, edge: Ints, child: Ints, used: int, roots: Ints, place: Ints) -> Any:
    """Throw away what no root needs; `roots` get their new numbers. Answers how many nodes are left."""
    for node in range(used):
        place[node] = 0
    for k in range(len(roots)):
        place[roots[k]] = 1
    for node in range(used - 1, 1, -1):
        if place[node]:
            for e in range(edge[node], edge[node + 1]):
                place[child[e]] = 1
    place[FALSE], place[TRUE] = FALSE, TRUE
    kept = 2
    to = np.int32(0)
    for node in range(2, used):
        if not place[node]:
            continue
        first, last = edge[node], edge[node + 1]
        place[node] = kept
        level[kept] = level[node]
        edge[kept] = to
        for e in range(first, last):
            child[to] = place[child[e]]
            to += 1
        kept += 1  # never ahead of `node`: what is written has been read
    for k in range(len(roots)):
        roots[k] = place[roots[k]]
    edge[kept] = to
    return kept


@kernel(
    "int64(int32[::1], int32[::1], int32[::1], int64, int64, int64, int32[::1], int32[::1], int32[::1])",
    allocates=True,
)
def _extract(
    level: Ints, edge: Ints, child: Ints, root: int, levels: int, used: int, place: Ints, order: Ints, count: Ints
) -> Any:
    """The nodes below a root, sorted by level: `order`, and `place` of each in it; TRUE and FALSE come after the last.

    Answers how many nodes there are; `count[0]` is the number of their edges.
    """
    place[:used] = -1
    place[root] = 0
    begin = np.zeros(levels + 2, dtype=np.int64)
    nodes = np.int64(0)
    edges = np.int64(0)
    for node in range(root, 1, -1):
        if place[node] < 0:
            continue
        nodes += 1
        edges += edge[node + 1] - edge[node]
        begin[level[node] + 1] += 1
        for e in range(edge[node], edge[node + 1]):
            place[child[e]] = 0
    for at in range(levels):
        begin[at + 1] += begin[at]
    for node in range(root, 1, -1):
        if place[node] < 0:
            continue
        to = begin[level[node]]
        begin[level[node]] = to + 1
        order[to] = node
        place[node] = to
    place[TRUE] = nodes
    place[FALSE] = nodes + 1
    count[0] = edges
    return nodes


class Store:
    """Nodes over levels of these sizes, not more than `most`. Not for several threads at once."""

    def __init__(self, sizes: Sequence[int], most: int, late: Callable[[], bool]) -> None:
        self.sizes = np.array(sizes, dtype=np.int32)
        self._most = most
        self._late = late
        self._base = np.zeros(len(sizes) + 1, dtype=np.int64)
        np.cumsum(self.sizes, out=self._base[1:])
        self._results = np.zeros(int(self._base[-1]) + 1, dtype=np.int32)
        self._children = np.zeros(max(sizes, default=1), dtype=np.int32)
        self._meta = np.array([2, 0, 0], dtype=np.int64)
        self._level = np.full(256, len(sizes), dtype=np.int32)
        self._edge = np.zeros(256, dtype=np.int32)
        self._child = np.zeros(1024, dtype=np.int32)
        self._table = np.full(1024, -1, dtype=np.int32)
        self._new_cache(256)

    @property
    def nodes(self) -> int:
        """How many nodes there are, those that nothing needs included."""
        return int(self._meta[_USED])

    def clause(self, levels: Ints, values: Ints, positive: NDArray[np.uint8]) -> int:
        """At least one literal holds; sorted by level. `positive`: 1 for "has the value", 0 for "has not"."""
        return self._made(_clause, levels, values, positive, self.sizes, self._children)

    def count(self, levels: Ints, values: Ints, low: int, high: int) -> int:
        """Between `low` and `high` of the literals hold; sorted, each of another level."""
        return self._made(_count, levels, values, low, high, self.sizes, self._children)

    def table(self, levels: Ints, rows: Ints) -> int:
        """The values are one of the rows (at least one; sorted, each once; columns in the order of the levels)."""
        return self._made(_table, levels, rows, self.sizes, self._children)

    def product(self, one: int, other: int) -> int:
        """What both say. Raises TooLarge, and OutOfTime if `late` says so."""
        if self._cached < _CACHE and self._cached < self.nodes:
            self._new_cache(min(_CACHE, 4 * self._cached))
        found = self._product(min(one, other), max(one, other), 0)
        while found < 0:
            if found == _FULL:
                self._grow()
            elif self._late():
                raise OutOfTime
            found = self._product(0, 0, 1)
        return found

    def keep(self, roots: Sequence[int]) -> list[int]:
        """Forget all nodes but those that the roots need. Their numbers change: answers the roots' new ones."""
        places = np.array(roots, dtype=np.int32)
        used = _compact(self._level, self._edge, self._child, self.nodes, places, np.zeros(self.nodes, dtype=np.int32))
        self._meta[_USED], self._meta[_EDGES] = used, self._edge[used]
        self._table.fill(-1)
        _index(self._level, self._edge, self._child, self._table, used)
        self._cache.fill(0)
        return [int(place) for place in places]

    def sift(self, root: int, late: Callable[[], bool]) -> tuple[NDArray[np.int64], int]:
        """Find a better order of the levels, and forget all nodes that the root does not need.

        Answers (the former level of each level, the root's new number).
        """
        (root,) = self.keep([root])
        used = self.nodes
        order, level, edge, child, root = sifted(
            self.sizes, self._level[:used], self._edge[: used + 1], self._child[: self._edge[used]], root, late
        )
        self.sizes = np.ascontiguousarray(self.sizes[order])
        np.cumsum(self.sizes, out=self._base[1:])
        self._meta[_USED], self._meta[_EDGES] = len(level), len(child)
        room = max(256, 2 * len(level))
        self._level = _longer(level, room)
        self._edge = _longer(edge, room)
        self._child = _longer(child, max(1024, 2 * len(child)))
        self._table = np.full(1 << (2 * room - 1).bit_length(), -1, dtype=np.int32)
        _index(self._level, self._edge, self._child, self._table, len(level))
        self._cache.fill(0)
        return order.astype(np.int64), root

    def arrays(self, root: int) -> tuple[Ints, Ints, Ints, Ints, int]:
        """(levels, first edges, children, literals, root) of the diagram, its nodes sorted by level.

        With n nodes, TRUE is n and FALSE n + 1; both have a level of their own, below all. Edges to FALSE are left out;
        the literal of each other edge is counted by level.
        """
        used = self.nodes
        place = np.zeros(used, dtype=np.int32)
        order = np.zeros(used, dtype=np.int32)
        edges = np.zeros(1, dtype=np.int32)
        nodes = _extract(self._level, self._edge, self._child, root, len(self.sizes), used, place, order, edges)
        order = order[:nodes]
        level = np.full(nodes + 2, len(self.sizes), dtype=np.int32)
        level[:nodes] = self._level[order]
        sizes = self.sizes[level[:nodes]]
        within = np.arange(int(edges[0]), dtype=np.int32) - np.repeat(np.cumsum(sizes) - sizes, sizes).astype(np.int32)
        child = self._child[np.repeat(self._edge[order], sizes) + within]
        literal = np.repeat(self._base[level[:nodes]].astype(np.int32), sizes) + within
        kept = child != FALSE
        first = np.zeros(nodes + 1, dtype=np.int32)
        if nodes:
            np.cumsum(np.add.reduceat(kept, np.cumsum(sizes) - sizes, dtype=np.int32), out=first[1:])
        return level, first, place[child[kept]], literal[kept], int(place[root])

    def _made(self, build: Callable[..., int], *arguments: object) -> int:
        found = build(*arguments, self._level, self._edge, self._child, self._table, self._meta)
        while found < 0:
            self._grow()
            found = build(*arguments, self._level, self._edge, self._child, self._table, self._meta)
        return found

    def _product(self, one: int, other: int, resumed: int) -> int:
        found: int = _product(
            one,
            other,
            resumed,
            self.sizes,
            self._base,
            self._level,
            self._edge,
            self._child,
            self._table,
            self._meta,
            self._results,
            self._cache,
            _STEPS,
        )
        return found

    def _grow(self) -> None:
        """Twice as much room. Raises TooLarge."""
        most_edges = _EDGES_PER_NODE * self._most
        used, edges = int(self._meta[_USED]), int(self._meta[_EDGES])
        largest = int(self._children.shape[0])
        nodes, room = len(self._level), len(self._child)
        if used + 1 >= nodes:
            nodes *= 2
        if edges + largest > room:
            room = max(2 * room, edges + largest)
        if used >= self._most or edges >= most_edges:
            raise TooLarge
        self._level = _longer(self._level, nodes)
        self._edge = _longer(self._edge, nodes)
        self._child = _longer(self._child, room)
        if len(self._table) < 2 * nodes:
            self._table = np.full(1 << (2 * nodes - 1).bit_length(), -1, dtype=np.int32)
            _index(self._level, self._edge, self._child, self._table, used)

    def _new_cache(self, size: int) -> None:
        self._cached = size
        self._cache = np.zeros((size + len(self.sizes) + 1, 3), dtype=np.int32)


def _longer(array: Ints, size: int) -> Ints:
    if size == len(array):
        return array
    longer = np.zeros(size, dtype=np.int32)
    longer[: len(array)] = array
    return longer
