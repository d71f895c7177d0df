"""Passes over a diagram in flat arrays: what is valid, what is cheapest, how many there are.

`level[node]`, sorted; the edges of a node are `first[node]` to `first[node + 1]`, one for each `literal` that leads to
a `child` further down. With n nodes, TRUE is n and FALSE n + 1 (no edge leads there; it may be the root); their level
is below all. `start[level]` is the literal of the level's value 0. An edge may pass over levels: all values of their
variables will do. Nothing here writes into what it is given but the arrays named as results, and all scratch belongs to
the call.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from solver.native import kernel

FAR: Final = 2**62  # no path
NONE: Final = -2  # no edge
ENTRY: Final = -1  # the edge into the root

Ints = NDArray[np.int32]
Longs = NDArray[np.int64]
Flags = NDArray[np.uint8]

# what is only read may be a read-only memory map
_I: Final = "Array(int32, 1, 'C', True)"
_L: Final = "Array(int64, 1, 'C', True)"
_F: Final = "Array(uint8, 1, 'C', True)"
_DIAGRAM: Final = f"int64, {_I}, {_I}, {_I}, {_I}, {_L}"


@kernel(f"boolean({_DIAGRAM}, {_I}, {_F}, {_F}, {_F}, uint8[::1])", allocates=True)
def domains(
    root: int,
    level: Ints,
    first: Ints,
    child: Ints,
    literal: Ints,
    start: Longs,
    source: Ints,
    passes_over: Flags,
    allowed: Flags,
    asked: Flags,
    valid: Flags,
) -> Any:
    """Write what is valid: bit 1 with all that is allowed, bit 2 with what is asked of the literal's own variable.

    Up: whether each node is alive, that is whether TRUE can be reached by what is allowed. Down: whether the root
    reaches it by what is allowed. A value of a reached node is valid if its child is alive; a value of a variable that
    a living edge passes over always is. `source`: the node of each edge; `passes_over`: whether it passes over a level.
    By edges and with as few branches as can be: twice as fast as by nodes.
    Answers whether anything is valid with all that is allowed.
    """
    nodes = len(level) - 2
    levels = len(start) - 1
    for at in range(levels):
        some = np.uint8(0)
        for x in range(start[at], start[at + 1]):
            some |= allowed[x]
        if some == 0:
            return False
    state = np.zeros(nodes + 2, dtype=np.uint8)  # bit 1: alive, bit 2: reached
    state[nodes] = 1
    for e in range(len(child) - 1, -1, -1):
        state[source[e]] |= state[child[e]] & allowed[literal[e]]
    if state[root] == 0:
        return False
    state[root] |= 2
    over = np.zeros(levels + 2, dtype=np.int32)
    over[0] += 1
    over[level[root]] -= 1
    for e in range(len(child)):
        reached = state[source[e]] >> 1
        to = child[e]
        x = literal[e]
        below = state[to]
        can = reached & allowed[x]
        alive = below & 1
        state[to] = below | (can << 1)
        valid[x] |= (alive & can) | ((alive & reached & asked[x]) << 1)
        if passes_over[e] & alive & can:
            over[level[source[e]] + 1] += 1
            over[level[to]] -= 1
    count = 0
    for at in range(levels):
        count += over[at]
        if count > 0:
            for x in range(start[at], start[at + 1]):
                valid[x] |= allowed[x] | (asked[x] << 1)
    return True


# what `flat` arrays begin with: how many there are of each, the root, and where each list begins
NODES, EDGES, LEVELS, LITERALS, ROOT = range(5)
LEVEL, SOURCE, CHILD, LITERAL, OVER, START, OWNER, PLACED, PLACES, HEADER = range(5, 15)


@kernel(f"boolean({_I}, {_I}, int32[::1], uint8[::1], int64)")
def click(flat: Ints, before: Ints, state: Ints, valid: Flags, choice: int) -> Any:
    """One decision more and what is valid then, as `domains`, in one array of all that is only read.

    `before`, `state`: bits 1 (allowed) and 2 (asked) of each literal by level, without the decision and with it (higher
    bits are no matter); `state` has room for one more word for each node and level, and four. `choice`: twice a literal
    that is not to be taken, or one more to take it. `valid`: of all literals of the whole network; those of this one
    are written if anything is valid.
    """
    nodes, edges, levels = flat[NODES], flat[EDGES], flat[LEVELS]
    level, source, child = flat[LEVEL], flat[SOURCE], flat[CHILD]
    literal, over, start = flat[LITERAL], flat[OVER], flat[START]
    chosen = choice >> 1
    for x in range(flat[LITERALS]):
        state[x] = before[x] & 3
    if choice & 1:
        at = flat[OWNER] + chosen
        for x in range(flat[start + flat[at]], flat[start + flat[at] + 1]):
            if x != chosen:
                state[x] &= 2
    else:
        state[chosen] = 0
    for at in range(levels):
        some = 0
        for x in range(flat[start + at], flat[start + at + 1]):
            some |= state[x]
        if some & 1 == 0:
            return False
    scratch = flat[LITERALS]
    for word in range(scratch, scratch + nodes + 2 + levels + 2):
        state[word] = 0
    state[scratch + nodes] = 1
    for e in range(edges - 1, -1, -1):
        state[scratch + flat[source + e]] |= state[scratch + flat[child + e]] & state[flat[literal + e]]
    root = scratch + flat[ROOT]
    if state[root] & 1 == 0:
        return False
    state[root] |= 2
    reach = scratch + nodes + 2  # for each level how far down an edge that passes over it leads
    state[reach] = flat[level + flat[ROOT]]
    for e in range(edges):
        x, to = flat[literal + e], flat[child + e]
        reached = state[scratch + flat[source + e]] >> 1
        can = reached & state[x]
        alive = state[scratch + to] & 1
        state[scratch + to] |= (can & 1) << 1
        state[x] |= ((alive & can) | ((alive & reached & (state[x] >> 1)) << 1)) << 2
        if flat[over + e] & alive & can:
            one = reach + flat[level + flat[source + e]] + 1
            state[one] = max(state[one], flat[level + to])
    deep = 0
    for at in range(levels):
        deep = max(deep, state[reach + at])
        for x in range(flat[start + at], flat[start + at + 1]):
            found = state[x] & 3 if at < deep else state[x] >> 2
            for place in range(flat[flat[PLACED] + x], flat[flat[PLACED] + x + 1]):
                valid[flat[flat[PLACES] + place]] = found
    return True


@kernel(f"boolean({_L}, {_F}, {_L}, int64[::1], int64[::1], int32[::1])")
def reduce_costs(start: Longs, allowed: Flags, costs: Longs, reduced: Longs, least: Longs, pick: Ints) -> Any:
    """Write what each literal costs above the cheapest allowed one of its variable, that cost, and that value.

    In these costs an edge that passes over levels costs nothing more. Answers whether each variable has an allowed one.
    """
    for at in range(len(start) - 1):
        best = np.int64(FAR)
        for literal in range(start[at], start[at + 1]):
            if allowed[literal] and costs[literal] < best:
                best = costs[literal]
                pick[at] = literal - start[at]
        if best == FAR:
            return False
        least[at] = best
        for literal in range(start[at], start[at + 1]):
            reduced[literal] = costs[literal] - best
    return True


@kernel(f"void({_DIAGRAM}, {_F}, {_L}, int64[::1], int32[::1])")
def shortest(
    root: int,
    level: Ints,
    first: Ints,
    child: Ints,
    literal: Ints,
    start: Longs,
    allowed: Flags,
    reduced: Longs,
    below: Longs,
    best: Ints,
) -> None:
    """Write for each node the cost of a cheapest way down to TRUE (FAR: none), and the edge that it begins with."""
    nodes = len(level) - 2
    below[nodes] = 0
    below[nodes + 1] = FAR
    for node in range(nodes - 1, -1, -1):
        cheapest = np.int64(FAR)
        edge = NONE
        for e in range(first[node], first[node + 1]):
            if allowed[literal[e]]:
                after = below[child[e]]
                if after < FAR:
                    cost = reduced[literal[e]] + after
                    if cost < cheapest:
                        cheapest = cost
                        edge = e
        below[node] = cheapest
        best[node] = edge


@kernel(
    f"void({_DIAGRAM}, {_F}, {_F}, {_L}, {_L}, int64[::1], int32[::1], int64[::1], int32[::1])",
    allocates=True,
)
def through(
    root: int,
    level: Ints,
    first: Ints,
    child: Ints,
    literal: Ints,
    start: Longs,
    allowed: Flags,
    asked: Flags,
    reduced: Longs,
    below: Longs,
    above: Longs,
    back: Ints,
    low: Longs,
    via: Ints,
) -> None:
    """Write for each asked literal the cost of a cheapest way through it (FAR: none), and the edge: its own, or one
    that passes over its level. `below` is what `shortest` wrote. Written too: `above`, the cost of the way to each
    node, and `back`, its last edge.

    What passes over level i costs the least over all such edges: each is entered for two ranges of a power of two that
    cover the levels that it passes, and ranges are handed down to their halves at the end.
    """
    nodes = len(level) - 2
    levels = len(start) - 1
    low[:] = FAR
    via[:] = NONE
    above[:] = FAR
    back[:] = NONE
    powers = 1
    while (2 << (powers - 1)) <= levels:
        powers += 1
    cover = np.full((powers, levels + 1), FAR, dtype=np.int64)
    by = np.full((powers, levels + 1), NONE, dtype=np.int32)
    above[root] = 0
    back[root] = ENTRY
    if level[root] > 0 and below[root] < FAR:
        length = level[root]
        power = 0
        while (2 << power) <= length:
            power += 1
        for begin in (0, length - (1 << power)):
            if below[root] < cover[power, begin]:
                cover[power, begin] = below[root]
                by[power, begin] = ENTRY
    for node in range(nodes):
        before = above[node]
        if before >= FAR:
            continue
        at = level[node]
        for e in range(first[node], first[node + 1]):
            x = literal[e]
            if not asked[x]:
                continue
            to = child[e]
            cost = before + reduced[x]
            after = below[to]
            total = np.int64(FAR)
            if after < FAR:
                total = cost + after
                if total < low[x]:
                    low[x] = total
                    via[x] = e
            if not allowed[x]:
                continue
            if cost < above[to]:
                above[to] = cost
                back[to] = e
            length = level[to] - at - 1
            if length > 0 and after < FAR:
                power = 0
                while (2 << power) <= length:
                    power += 1
                begin = at + 1
                if total < cover[power, begin]:
                    cover[power, begin] = total
                    by[power, begin] = e
                begin = level[to] - (1 << power)
                if total < cover[power, begin]:
                    cover[power, begin] = total
                    by[power, begin] = e
    for power in range(powers - 1, 0, -1):
        half = 1 << (power - 1)
        for begin in range(levels - (1 << power) + 1):
            total = cover[power, begin]
            if total < FAR:
                for part in (begin, begin + half):
                    if total < cover[power - 1, part]:
                        cover[power - 1, part] = total
                        by[power - 1, part] = by[power, begin]
    for at in range(levels):
        total = cover[0, at]
        if total < FAR:
            for x in range(start[at], start[at + 1]):
                if asked[x] and total + reduced[x] < low[x]:
                    low[x] = total + reduced[x]
                    via[x] = by[0, at]


@kernel(f"void({_DIAGRAM}, {_I}, {_I}, int32[::1])", allocates=True)
def walk(
    root: int, level: Ints, first: Ints, child: Ints, literal: Ints, start: Longs, best: Ints, pick: Ints, values: Ints
) -> None:
    """Write the values (by level) of the way from the root by the best edges; `pick` where it passes over a level."""
    values[:] = pick
    nodes = len(level) - 2
    node = np.int64(root)
    while node < nodes:
        values[level[node]] = literal[best[node]] - start[level[node]]
        node = np.int64(child[best[node]])


@kernel(f"void({_DIAGRAM}, {_I}, {_I}, {_I}, {_I}, {_I}, {_L}, int32[:, ::1])", allocates=True)
def walks_through(
    root: int,
    level: Ints,
    first: Ints,
    child: Ints,
    literal: Ints,
    start: Longs,
    source: Ints,
    best: Ints,
    pick: Ints,
    back: Ints,
    via: Ints,
    asked: Longs,
    values: Any,
) -> None:
    """Write for each of the literals the values (by level) of the way that `through` found; -1s where there is none."""
    nodes = len(level) - 2
    for k in range(len(asked)):
        edge = via[asked[k]]
        if edge == NONE:
            values[k, :] = -1
            continue
        values[k, :] = pick
        node = np.int64(root) if edge == ENTRY else np.int64(child[edge])
        while node < nodes:
            values[k, level[node]] = literal[best[node]] - start[level[node]]
            node = np.int64(child[best[node]])
        while edge >= 0:
            before = source[edge]
            values[k, level[before]] = literal[edge] - start[level[before]]
            edge = back[before]
        # the literal itself, which `pick` does not know
        a = np.int64(0)
        b = np.int64(len(start) - 1)
        while b - a > 1:
            middle = (a + b) // 2
            if start[middle] <= asked[k]:
                a = middle
            else:
                b = middle
        values[k, a] = asked[k] - start[a]


@kernel(f"void({_DIAGRAM}, {_F}, float64[::1])")
def shares(
    root: int, level: Ints, first: Ints, child: Ints, literal: Ints, start: Longs, allowed: Flags, share: Any
) -> None:
    """Write for each node the binary logarithm of the share of the allowed rows of values below it that reach TRUE.

    Logarithms, because the share of a thousand tight variables is below what a floating-point number can hold.
    """
    nodes = len(level) - 2
    share[nodes] = 0.0
    share[nodes + 1] = -np.inf
    for node in range(nodes - 1, -1, -1):
        at = level[node]
        largest = -np.inf
        for e in range(first[node], first[node + 1]):
            if allowed[literal[e]] and share[child[e]] > largest:
                largest = share[child[e]]
        number = 0
        for x in range(start[at], start[at + 1]):
            number += allowed[x]
        share[node] = -np.inf
        if largest == -np.inf:
            continue
        total = 0.0
        for e in range(first[node], first[node + 1]):
            if allowed[literal[e]]:
                total += 2.0 ** (share[child[e]] - largest)
        share[node] = largest + np.log2(total / number)


@kernel(f"void({_DIAGRAM}, {_F}, float64[::1], float64[:, ::1], int32[:, ::1])")
def samples(
    root: int,
    level: Ints,
    first: Ints,
    child: Ints,
    literal: Ints,
    start: Longs,
    allowed: Flags,
    share: Any,
    random: Any,
    values: Any,
) -> None:
    """Write assignments (rows; by level), each as likely as any other. `random`: numbers in [0, 1), same shape."""
    nodes = len(level) - 2
    levels = len(start) - 1
    for k in range(len(values)):
        node = np.int64(root)
        for at in range(levels):
            if node < nodes and level[node] == at:
                total = 0.0
                for e in range(first[node], first[node + 1]):
                    if allowed[literal[e]]:
                        total += 2.0 ** (share[child[e]] - share[node])
                rest = random[k, at] * total
                chosen = NONE
                for e in range(first[node], first[node + 1]):
                    if allowed[literal[e]] and share[child[e]] > -np.inf:
                        chosen = e
                        rest -= 2.0 ** (share[child[e]] - share[node])
                        if rest < 0.0:
                            break
                values[k, at] = literal[chosen] - start[at]
                node = np.int64(child[chosen])
                continue
            number = 0
            for x in range(start[at], start[at + 1]):
                number += allowed[x]
            left = np.int64(random[k, at] * number)
            for x in range(start[at], start[at + 1]):
                if allowed[x]:
                    values[k, at] = x - start[at]
                    if left == 0:
                        break
                    left -= 1


@kernel(f"void({_DIAGRAM}, {_I}, {_I}, {_I}, {_I}, int64[:, ::1], int64[:, ::1], int64[:, ::1])")
def totals(
    root: int,
    level: Ints,
    first: Ints,
    child: Ints,
    literal: Ints,
    start: Longs,
    source: Ints,
    best: Ints,
    back: Ints,
    via: Ints,
    amounts: Any,
    scratch: Any,
    found: Any,
) -> None:
    """Write for each literal what other sums come to on the way that `through` found (rows; 0 where there is none).

    `amounts` (literals x sums): what a literal adds, less what the literal of its variable adds that `pick` chose: so
    what an edge passes over adds nothing. `scratch`: a row for each node for the way to it, then one for each for the
    way down from it.
    """
    nodes = len(level) - 2
    number = amounts.shape[1]
    down = nodes + 2
    for node in range(nodes + 1, -1, -1):
        e = best[node] if node < nodes else NONE
        for k in range(number):
            scratch[down + node, k] = amounts[literal[e], k] + scratch[down + child[e], k] if e >= 0 else 0
    for node in range(nodes + 2):
        e = back[node]
        for k in range(number):
            scratch[node, k] = scratch[source[e], k] + amounts[literal[e], k] if e >= 0 else 0
    for x in range(len(via)):
        e = via[x]
        for k in range(number):
            total = np.int64(0)
            if e == ENTRY:
                total = amounts[x, k] + scratch[down + root, k]
            elif e >= 0:
                total = amounts[x, k] + scratch[source[e], k] + scratch[down + child[e], k]
                if literal[e] != x:
                    total += amounts[literal[e], k]
            found[x, k] = total


@kernel(
    f"int64({_DIAGRAM}, {_F}, int64[:, ::1], int64[:, ::1], int64[::1], int64, int64, int64, int64, int64, int64,"
    " int32[::1], int64[::1])",
    allocates=True,
)
def cheapest(
    root: int,
    level: Ints,
    first: Ints,
    child: Ints,
    literal: Ints,
    start: Longs,
    allowed: Flags,
    reduced: Any,
    below: Any,
    slack: Longs,
    costly: int,
    unit: int,
    lead: int,
    target_level: int,
    target: int,
    steps: int,
    values: Ints,
    excess: Longs,
) -> Any:
    """Look for a cheapest path through the target (a literal and its level; level -1: any path) within all limits.

    For each direction (columns): `reduced` costs of the literals, the least cost `below` each node, and the `slack`:
    what the whole path may cost above the least. The first `costly` directions have the cost in them (times `unit`),
    the first is the cost alone; their slack shrinks with each path that is found. Depth first, by direction `lead`.
    Answers 1 if there is no path cheaper than the last that was found, else 0: out of steps. Writes the values (by
    level) of the last one and in `excess[0]` its cost in the first direction, or leaves them alone if there is none.
    """
    nodes = len(level) - 2
    levels = len(start) - 1
    number = len(slack)
    widest = np.int64(1)
    for k in range(levels):
        widest = max(widest, start[k + 1] - start[k])
    spent = np.zeros((levels + 1, number), dtype=np.int64)
    taken = np.empty((levels, widest), dtype=np.int32)
    to = np.empty((levels, widest), dtype=np.int32)
    score = np.empty((levels, widest), dtype=np.int64)
    many = np.zeros(levels + 1, dtype=np.int64)
    way = np.empty(levels, dtype=np.int32)
    node = np.int64(root)
    if node == nodes + 1 or levels == 0:
        return np.int64(1)
    at = np.int64(0)
    enter = True
    while True:
        if at == levels:
            values[:] = way
            excess[0] = spent[levels, 0]
            cut = slack[0] - spent[levels, 0] + unit
            for m in range(costly):
                slack[m] -= cut
            at -= 1
            enter = False
        if enter:
            many[at] = 0
            inside = node < nodes and level[node] == at
            begin = np.int64(first[node]) if inside else start[at]
            stop = np.int64(first[node + 1]) if inside else start[at + 1]
            for e in range(begin, stop):
                x = np.int64(literal[e]) if inside else np.int64(e)
                if target_level == at:
                    if x != target:
                        continue
                elif allowed[x] == 0:
                    continue
                after = np.int64(child[e]) if inside else node
                left = slack[lead] - spent[at, lead] - reduced[x, lead] - below[after, lead]
                if left >= 0:
                    k = many[at]
                    taken[at, k] = x
                    to[at, k] = after
                    score[at, k] = left
                    many[at] = k + 1
        if many[at] == 0:
            if at == 0:
                return np.int64(1)
            at -= 1
            enter = False
            continue
        chosen = np.int64(0)
        for k in range(1, many[at]):
            if score[at, k] > score[at, chosen]:
                chosen = np.int64(k)
        x = np.int64(taken[at, chosen])
        after = np.int64(to[at, chosen])
        last = many[at] - 1
        taken[at, chosen] = taken[at, last]
        to[at, chosen] = to[at, last]
        score[at, chosen] = score[at, last]
        many[at] = last
        fits = True
        for m in range(number):
            if spent[at, m] + reduced[x, m] > slack[m] - below[after, m]:
                fits = False
                break
        if not fits:
            enter = False
            continue
        steps -= 1
        if steps < 0:
            return np.int64(0)
        way[at] = x - start[at]
        for m in range(number):
            spent[at + 1, m] = spent[at, m] + reduced[x, m]
        node = after
        at += 1
        enter = True
