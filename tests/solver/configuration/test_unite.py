"""Clauses that differ in one variable, said as one of a set of values: the same assignments keep them."""

from itertools import product
from random import Random

import numpy as np

from solver.configuration.network import Clause, Network, Variable
from solver.configuration.unite import united


def network_of(sizes: list[int], clauses: list[tuple[int, tuple[int, ...]]]) -> Network:
    return Network(
        variables=tuple(Variable(size) for size in sizes),
        first=np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
        numbers=(),
        rules=(),
        clauses=tuple(Clause(rule, literals) for rule, literals in clauses),
    )


def test_pairs_that_exclude_each_other_are_one_clause_of_what_is_left() -> None:
    # variable 0 has literals 0, 1; variable 1 has 2, 3, 4: with value 1 of variable 0 neither 2 nor 3
    network = network_of([2, 3], [(7, (-2, -3)), (7, (-2, -4))])
    assert united(network) == [(7, ((0, 0b01), (1, 0b100)))]


def test_clauses_of_two_rules_stay_apart() -> None:
    network = network_of([2, 3], [(7, (-2, -3)), (8, (-2, -4))])
    assert [rule for rule, _ in united(network)] == [7, 8]


def test_the_same_assignments_keep_them() -> None:
    random = Random(3)
    for _ in range(150):
        sizes = [random.randint(2, 4) for _ in range(4)]
        starts = np.concatenate([[0], np.cumsum(sizes)])[:-1].tolist()
        clauses = []
        for _ in range(random.randint(1, 14)):
            scope = random.sample(range(4), random.randint(1, 3))
            literals = [starts[v] + random.randrange(sizes[v]) + 1 for v in scope]
            clauses.append((random.randrange(2), tuple(random.choice((one, -one)) for one in literals)))
        found = united(network_of(sizes, clauses))
        for row in product(*(range(size) for size in sizes)):
            true = {start + value + 1 for start, value in zip(starts, row, strict=True)}
            for rule in range(2):
                kept = all(any((abs(one) in true) == (one > 0) for one in own) for r, own in clauses if r == rule)
                said = all(any(bits >> row[v] & 1 for v, bits in sets) for r, sets in found if r == rule)
                assert kept == said
