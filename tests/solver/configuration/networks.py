"""Small random networks, and the truth about them: every assignment, tried one by one."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product
from random import Random

import numpy as np
from numpy.typing import NDArray

from solver.configuration.network import OWN, Clause, Count, Network, Sum, Table, Variable
from solver.configuration.problem import GroupId, RuleId


def signed(network: Network, variable: int, value: int) -> int:
    """The name that a clause has for a value."""
    start, size = int(network.first[variable]), network.variables[variable].size
    if size == 2:
        return start + 2 if value else -(start + 2)
    return start + value + 1


def random_network(seed: int, *, variables: int = 7, sums: int = 0, largest: int = 5) -> Network:
    """Clauses, counts, tables (and sums) over variables of two to five values; often satisfiable, often tight."""
    random = Random(seed)
    sizes = [random.choice((2, 2, 2, *range(1, largest + 1))) for _ in range(variables)]
    first = np.concatenate(([0], np.cumsum(sizes))).astype(np.int64)
    bare = Network(
        tuple(Variable(size, group=GroupId(f"g{k}")) for k, size in enumerate(sizes)), first, (), (RuleId("r0"),)
    )
    rules = 0

    def rule() -> int:
        nonlocal rules
        rules += 1
        return rules - 1

    clauses = []
    for _ in range(random.randint(0, variables)):
        scope = random.sample(range(variables), min(variables, random.choice((1, 2, 2, 2, 3, 4))))
        if len(scope) == 1 and random.random() < 0.7:
            continue
        names = [signed(bare, v, random.randrange(sizes[v])) * random.choice((1, -1)) for v in scope]
        clauses.append(Clause(rule(), tuple(names)))
    counts = []
    for _ in range(random.choice((0, 0, 1, 2))):
        scope = random.sample(range(variables), random.randint(2, variables))
        low = random.randint(0, len(scope) // 2)
        high = random.randint(low, len(scope))
        literals = tuple(int(first[v]) + random.randrange(sizes[v]) for v in scope)
        counts.append(Count(random.choice((OWN, rule())), literals, low, high))
    tables = []
    for _ in range(random.choice((0, 1, 1, 2))):
        scope = random.sample(range(variables), random.choice((1, 2, 2, 3, 4)))
        every = list(product(*(range(sizes[v]) for v in scope)))
        rows = sorted(random.sample(every, max(1, int(len(every) * random.choice((0.3, 0.6, 0.9))))))
        tables.append(Table(rule(), tuple(scope), np.array(rows, dtype=np.int32)))
    totals = []
    for _ in range(sums):
        scope = random.sample(range(variables), random.randint(2, variables))
        terms = tuple((int(first[v]) + d, random.randint(-4, 9)) for v in scope for d in range(sizes[v]))
        low = random.randint(-5, 15)
        totals.append(Sum(rule(), terms, (), low, low + random.randint(3, 20)))
    return Network(
        bare.variables,
        first,
        (),
        tuple(RuleId(f"r{k}") for k in range(rules)),
        tuple(clauses),
        tuple(counts),
        tuple(tables),
        tuple(totals),
    )


def keeps(network: Network, values: Iterable[int], rules: Iterable[int] | None = None) -> bool:
    """Whether the values keep every constraint of the rules (None: all) and those that are always in force."""
    found = tuple(values)
    true = {int(start) + value for start, value in zip(network.first, found, strict=False)}
    force = None if rules is None else {OWN, *rules}

    def holds(name: int) -> bool:
        return (abs(name) - 1 in true) == (name > 0)

    return (
        all(any(map(holds, c.literals)) for c in network.clauses if force is None or c.rule in force)
        and all(
            c.low <= len(true.intersection(c.literals)) <= c.high
            for c in network.counts
            if force is None or c.rule in force
        )
        and all(
            [found[v] for v in t.scope] in t.rows.tolist() for t in network.tables if force is None or t.rule in force
        )
        and all(
            s.low <= sum(factor for literal, factor in s.literals if literal in true) <= s.high
            for s in network.sums
            if force is None or s.rule in force
        )
    )


def every_assignment(network: Network, rules: Iterable[int] | None = None) -> NDArray[np.int32]:
    """Every assignment that keeps the constraints (rows), by trying all."""
    force = None if rules is None else tuple(rules)
    found = [row for row in product(*(range(v.size) for v in network.variables)) if keeps(network, row, force)]
    return np.array(found, dtype=np.int32).reshape(len(found), len(network.variables))


def literals_of(network: Network, values: NDArray[np.int32]) -> NDArray[np.int64]:
    """The literal that holds of each variable, for one assignment or for rows of them."""
    return network.first[:-1] + values
