"""A better order for a diagram that stands: each variable is tried on every level, and stays where it does best.

Neighbouring levels change places in the diagram itself, which touches the nodes of these two levels only. Source:
Rudell, Dynamic variable ordering for ordered binary decision diagrams, 1993; with nodes of many values here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from solver.native import kernel

# columns of `node`: its variable, where its children begin, how many parents it has, the next node with the same hash,
# the next and the previous node of its variable
_VARIABLE: Final = 0
_CHILDREN: Final = 1
_PARENTS: Final = 2
_CHAIN: Final = 3
_NEXT: Final = 4
_BEFORE: Final = 5
# columns of `variable`: its first node, how many nodes it has, how many values, its level
_FIRST: Final = 0
_NODES: Final = 1
_SIZE: Final = 2
_LEVEL: Final = 3
# places in `meta`: edges that do not lead to FALSE, the first free node, how many are free, how much of `child` is used
_EDGES: Final = 0
_FREE: Final = 1
_LEFT: Final = 2
_USED: Final = 3

_GROWTH: Final = 1.05  # how much larger the diagram may become on the way
_ROUNDS: Final = 4
_PROFIT: Final = 0.97  # what a round, and its first variables, have to bring for another one, or for the rest
_PATIENCE: Final = 30  # variables, those with the most nodes

Ints = NDArray[np.int32]

# node, child, heads of hash chains, variable, order, free[size]: first free run of so many children, meta
_STATE: Final = "int32[:, ::1], int32[::1], int32[::1], int64[:, ::1], int32[::1], int32[::1], int64[::1]"


@kernel("int64(int64, int32[::1], int64, int64)")
def _hash(variable: Any, children: Ints, start: Any, size: Any) -> Any:
    code = np.uint64(variable + 1) * np.uint64(0x9E3779B97F4A7C15)
    for d in range(size):
        code = (code ^ np.uint64(children[start + d])) * np.uint64(0xFF51AFD7ED558CCD)
        code ^= code >> np.uint64(32)
    return np.int64(code & np.uint64(0x3FFFFFFFFFFFFFFF))


@kernel(f"void(int64, {_STATE})")
def _enter(one: Any, node: Any, child: Ints, head: Ints, variable: Any, order: Ints, free: Ints, meta: Any) -> None:
    """Put a node among those of its variable, and into the hash table."""
    v = np.int64(node[one, _VARIABLE])
    start = np.int64(node[one, _CHILDREN])
    size = variable[v, _SIZE]
    place = _hash(v, child, start, size) & (len(head) - 1)
    node[one, _CHAIN] = head[place]
    head[place] = one
    after = variable[v, _FIRST]
    node[one, _NEXT] = after
    node[one, _BEFORE] = -1
    if after >= 0:
        node[after, _BEFORE] = one
    variable[v, _FIRST] = one
    variable[v, _NODES] += 1
    for d in range(size):
        if child[start + d] != 0:
            meta[_EDGES] += 1


@kernel(f"void(int64, {_STATE})")
def _leave(one: Any, node: Any, child: Ints, head: Ints, variable: Any, order: Ints, free: Ints, meta: Any) -> None:
    """The opposite of `_enter`."""
    v = np.int64(node[one, _VARIABLE])
    start = np.int64(node[one, _CHILDREN])
    size = variable[v, _SIZE]
    place = _hash(v, child, start, size) & (len(head) - 1)
    if head[place] == one:
        head[place] = node[one, _CHAIN]
    else:
        at = head[place]
        while node[at, _CHAIN] != one:
            at = node[at, _CHAIN]
        node[at, _CHAIN] = node[one, _CHAIN]
    after, before = node[one, _NEXT], node[one, _BEFORE]
    if after >= 0:
        node[after, _BEFORE] = before
    if before >= 0:
        node[before, _NEXT] = after
    else:
        variable[v, _FIRST] = after
    variable[v, _NODES] -= 1
    for d in range(size):
        if child[start + d] != 0:
            meta[_EDGES] -= 1


@kernel("int64(int64, int32[::1], int32[::1], int64[::1])")
def _run(size: Any, child: Ints, free: Ints, meta: Any) -> Any:
    """Room for so many children."""
    start = np.int64(free[size])
    if start >= 0:
        free[size] = child[start]
        return start
    start = meta[_USED]
    meta[_USED] = start + size
    return start


@kernel(f"int64(int64, int32[::1], {_STATE})")
def _make(
    v: Any,
    children: Ints,
    node: Any,
    child: Ints,
    head: Ints,
    variable: Any,
    order: Ints,
    free: Ints,
    meta: Any,
) -> Any:
    """The node of the variable with these children, an old one or a new one. There is room."""
    size = variable[v, _SIZE]
    same = True
    for d in range(1, size):
        if children[d] != children[0]:
            same = False
            break
    if same:
        return np.int64(children[0])
    at = np.int64(head[_hash(v, children, 0, size) & (len(head) - 1)])
    while at >= 0:
        if node[at, _VARIABLE] == v:
            start = np.int64(node[at, _CHILDREN])
            equal = True
            for d in range(size):
                if child[start + d] != children[d]:
                    equal = False
                    break
            if equal:
                return at
        at = np.int64(node[at, _CHAIN])
    one = meta[_FREE]
    meta[_FREE] = node[one, _NEXT]
    meta[_LEFT] -= 1
    start = _run(size, child, free, meta)
    for d in range(size):
        child[start + d] = children[d]
        node[children[d], _PARENTS] += 1
    node[one, _VARIABLE] = v
    node[one, _CHILDREN] = start
    node[one, _PARENTS] = 0
    _enter(one, node, child, head, variable, order, free, meta)
    return one


@kernel(f"boolean(int64, int32[::1], int32[::1], int32[::1], {_STATE})")
def _swap(
    at: Any,
    old: Ints,
    new: Ints,
    row: Ints,
    node: Any,
    child: Ints,
    head: Ints,
    variable: Any,
    order: Ints,
    free: Ints,
    meta: Any,
) -> Any:
    """Let the variables of a level and the next change places. Answers whether there was room for it.

    A node f of x with a child that asks y becomes a node of y: f[y = j] is the node of x with f[x = k][y = j] for each
    k. Its function stays the same, so its parents need not know.
    """
    x = np.int64(order[at])
    y = np.int64(order[at + 1])
    a = variable[x, _SIZE]
    b = variable[y, _SIZE]
    nodes = variable[x, _NODES]
    if nodes * b >= meta[_LEFT] or meta[_USED] + nodes * (a * b + b) >= len(child):
        return False
    f = variable[x, _FIRST]
    while f >= 0:
        after = np.int64(node[f, _NEXT])
        start = np.int64(node[f, _CHILDREN])
        depends = False
        for k in range(a):
            old[k] = child[start + k]
            if node[old[k], _VARIABLE] == y:
                depends = True
        if depends:
            _leave(f, node, child, head, variable, order, free, meta)
            for j in range(b):
                for k in range(a):
                    c = old[k]
                    row[k] = child[node[c, _CHILDREN] + j] if node[c, _VARIABLE] == y else c
                g = _make(x, row, node, child, head, variable, order, free, meta)
                node[g, _PARENTS] += 1
                new[j] = g
            for k in range(a):
                c = np.int64(old[k])
                node[c, _PARENTS] -= 1
                if node[c, _PARENTS] == 0 and c > 1:  # a node of y; its children have new parents
                    _leave(c, node, child, head, variable, order, free, meta)
                    first = np.int64(node[c, _CHILDREN])
                    for j in range(b):
                        node[child[first + j], _PARENTS] -= 1
                    child[first] = free[b]
                    free[b] = first
                    node[c, _VARIABLE] = -1
                    node[c, _NEXT] = meta[_FREE]
                    meta[_FREE] = c
                    meta[_LEFT] += 1
            if a != b:
                child[start] = free[a]
                free[a] = start
                start = _run(b, child, free, meta)
                node[f, _CHILDREN] = start
            for j in range(b):
                child[start + j] = new[j]
            node[f, _VARIABLE] = y
            _enter(f, node, child, head, variable, order, free, meta)
        f = after
    order[at], order[at + 1] = y, x
    variable[x, _LEVEL] = at + 1
    variable[y, _LEVEL] = at
    return True


@kernel(f"void(int64, float64, int32[::1], int32[::1], int32[::1], {_STATE})")
def _sift(
    v: Any,
    growth: float,
    old: Ints,
    new: Ints,
    row: Ints,
    node: Any,
    child: Ints,
    head: Ints,
    variable: Any,
    order: Ints,
    free: Ints,
    meta: Any,
) -> None:
    """Try the variable on every level, the nearer end first, and leave it on the best one."""
    levels = len(order)
    best = meta[_EDGES]
    where = variable[v, _LEVEL]
    down_first = 2 * where > levels
    for turn in range(2):
        down = down_first == (turn == 0)
        while True:
            at = variable[v, _LEVEL]
            if (at == levels - 1) if down else (at == 0):
                break
            if not _swap(at if down else at - 1, old, new, row, node, child, head, variable, order, free, meta):
                break
            if meta[_EDGES] < best:
                best = meta[_EDGES]
                where = variable[v, _LEVEL]
            elif meta[_EDGES] > growth * best + 16:
                break
    while variable[v, _LEVEL] != where:
        at = variable[v, _LEVEL]
        if not _swap(at if at < where else at - 1, old, new, row, node, child, head, variable, order, free, meta):
            break


@kernel(f"void(int64, int32[::1], int32[::1], int32[::1], {_STATE})", allocates=True)
def _load(
    used: int,
    level: Ints,
    edge: Ints,
    children: Ints,
    node: Any,
    child: Ints,
    head: Ints,
    variable: Any,
    order: Ints,
    free: Ints,
    meta: Any,
) -> None:
    """Take over the nodes of a store; its levels are the variables."""
    for one in range(2):
        node[one, _VARIABLE] = -1
        node[one, _PARENTS] = 1
    child[:edge[used]] = children[:edge[used]]
    meta[_USED] = edge[used]
    for one in range(2, used):
        node[one, _VARIABLE] = level[one]
        node[one, _CHILDREN] = edge[one]
        for e in range(edge[one], edge[one + 1]):
            node[children[e], _PARENTS] += 1
        _enter(one, node, child, head, variable, order, free, meta)
    for one in range(len(node) - 1, used - 1, -1):
        node[one, _VARIABLE] = -1
        node[one, _NEXT] = meta[_FREE]
        meta[_FREE] = one
    meta[_LEFT] = len(node) - used


@kernel(f"int64(int64, int32[::1], int32[::1], int32[::1], int32[::1], {_STATE})")
def _unload(
    root: int,
    level: Ints,
    edge: Ints,
    children: Ints,
    place: Ints,
    node: Any,
    child: Ints,
    head: Ints,
    variable: Any,
    order: Ints,
    free: Ints,
    meta: Any,
) -> Any:
    """Write the nodes from the deepest level up, each with its level, and its children in dense runs."""
    place[0], place[1] = 0, 1
    used = np.int64(2)
    edges = np.int64(0)
    edge[0] = edge[1] = edge[2] = 0
    for at in range(len(order) - 1, -1, -1):
        v = np.int64(order[at])
        one = variable[v, _FIRST]
        while one >= 0:
            level[used] = at
            edge[used] = edges
            start = np.int64(node[one, _CHILDREN])
            for d in range(variable[v, _SIZE]):
                children[edges] = place[child[start + d]]
                edges += 1
            place[one] = used
            used += 1
            edge[used] = edges
            one = np.int64(node[one, _NEXT])
    return place[root]


def sifted(
    sizes: Ints, level: Ints, edge: Ints, child: Ints, root: int, late: Callable[[], bool]
) -> tuple[Ints, Ints, Ints, Ints, int]:
    """(order, levels, edges, children, root) of the same diagram in a better order, until it is `late`.

    Given are the nodes of a store (FALSE and TRUE first, children before their parents, no node that the root does not
    need); `edge` has one entry more than nodes. The same form is answered; `order[k]` is what was level `order[k]`.
    """
    used = len(level)
    levels = len(sizes)
    room = 3 * used + min(100_000, 20 * used + 1_000)
    node = np.zeros((room, 6), dtype=np.int32)
    pool = np.zeros(3 * len(child) + min(2_000_000, 100 * len(child) + 10_000), dtype=np.int32)
    head = np.full(1 << (2 * used).bit_length(), -1, dtype=np.int32)
    variable = np.zeros((levels, 4), dtype=np.int64)
    variable[:, _FIRST] = -1
    variable[:, _SIZE] = sizes
    variable[:, _LEVEL] = np.arange(levels)
    order = np.arange(levels, dtype=np.int32)
    free = np.full(int(sizes.max(initial=0)) + 1, -1, dtype=np.int32)
    meta = np.array([0, -1, 0, 0], dtype=np.int64)
    state = (node, pool, head, variable, order, free, meta)
    old, new, row = (np.zeros(len(free), dtype=np.int32) for _ in range(3))
    _load(used, level, edge, child, *state)
    node[root, _PARENTS] += 1
    for _ in range(_ROUNDS):
        before = int(meta[_EDGES])
        for tried, v in enumerate(np.argsort(-variable[:, _NODES], kind="stable").tolist()):
            if late() or (tried == _PATIENCE and meta[_EDGES] > _PROFIT * before):
                break
            _sift(v, _GROWTH, old, new, row, *state)
        if late() or meta[_EDGES] > _PROFIT * before:
            break
    nodes = int(variable[:, _NODES].sum()) + 2
    edges = int((variable[:, _NODES] * variable[:, _SIZE]).sum())
    levels_found, first = np.full(nodes, levels, dtype=np.int32), np.zeros(nodes + 1, dtype=np.int32)
    found = (levels_found, first, np.zeros(edges, dtype=np.int32))
    moved = int(_unload(root, *found, np.zeros(room, dtype=np.int32), *state))
    return order, *found, moved
