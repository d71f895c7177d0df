"""Lowest and highest costs within the limits of sums, against every assignment of small networks."""

from __future__ import annotations

from itertools import pairwise
from random import Random
from time import monotonic

import numpy as np
import pytest

from solver.configuration import mixed
from solver.configuration.diagram_sums import Summed, summed_of
from solver.configuration.mixed import Mixed
from solver.configuration.network import Clause, Formula, Network, Sum, Variable
from solver.configuration.problem import ConfigurationProblem
from solver.configuration.question import Clock, Costs, Question
from solver.configuration.rules import Number
from tests.solver.configuration.networks import every_assignment, literals_of, random_network
from tests.solver.configuration.test_diagram import Truth, owner, random_question

SEEDS = [*range(40), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(40, 400))]


def summed(network: Network) -> Summed:
    found = summed_of(network, nodes=100_000, seconds=30.0)
    assert found is not None
    return found


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("sums", [0, 1, 2, 3])
def test_with_time_every_span_is_that_of_the_assignments_that_keep_the_limits(seed: int, sums: int) -> None:
    network = random_network(seed, variables=6, sums=sums)
    random = Random(seed)
    costs = np.array([random.randint(-9, 30) for _ in range(network.literals)], dtype=np.int64)
    every = np.ones(network.literals, dtype=np.uint8)
    for question in (Question(every, every), random_question(network, random), random_question(network, random)):
        truth = Truth.of(network, question)
        totals = costs[truth.literals].sum(axis=1)
        spans = summed(network).spans(question, Costs(costs), Clock.of(30.0))
        decided = all(question.allowed[start:stop].any() for start, stop in pairwise(network.first.tolist()))
        assert (spans.exact == 3).all()
        for literal, variable in enumerate(owner(network)):
            rows = truth.released_rows(variable, literal)
            if rows.any() and decided:
                assert (spans.low[literal], spans.high[literal]) == (totals[rows].min(), totals[rows].max())
            else:
                assert spans.low[literal] > spans.high[literal]


def catalogue(seed: int) -> tuple[Network, Network]:
    """Twelve groups of five options, rules between them, two sums; and the same without sums."""
    random = Random(seed)
    groups, options = 12, 5
    clauses = []
    for _ in range(18):
        one, other = random.sample(range(groups), 2)
        needs = [other * options + place + 1 for place in random.sample(range(options), 3)]
        clauses.append(Clause(0, (-(one * options + random.randrange(options) + 1), *needs)))
    first = np.arange(0, groups * options + 1, options, dtype=np.int64)
    bare = Network(tuple(Variable(options) for _ in range(groups)), first, (), (), tuple(clauses))
    size = groups * options
    heavy = tuple((literal, random.randint(1, 60)) for literal in range(size))
    strong = tuple((literal, random.randint(1, 60)) for literal in range(size))
    sums = (Sum(0, heavy, (), -10_000, 270), Sum(0, strong, (), 420, 10_000))
    return Network(bare.variables, first, (), (), tuple(clauses), sums=sums), bare


def test_bounds_that_time_leaves_open_are_on_the_right_side() -> None:
    for seed in range(4):
        network, _ = catalogue(seed)
        random = Random(seed)
        costs = Costs(np.array([random.randint(0, 500) for _ in range(network.literals)], dtype=np.int64))
        every = np.ones(network.literals, dtype=np.uint8)
        one = summed(network)
        proved = one.spans(Question(every, every), costs, Clock.of(60.0))
        hasty = one.spans(Question(every, every), costs, Clock.of(0.0))
        assert (proved.exact == 3).all()
        valid = proved.low <= proved.high
        assert valid.any()
        assert (hasty.low[valid] <= proved.low[valid]).all()
        assert (hasty.high[valid] >= proved.high[valid]).all()
        for bit, found, truth in ((1, hasty.low, proved.low), (2, hasty.high, proved.high)):
            exact = valid & (hasty.exact & bit != 0)
            assert (found[exact] == truth[exact]).all()


@pytest.mark.parametrize("seconds", [0.0, 0.02])
def test_what_the_paths_leave_open_a_search_settles(seconds: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mixed, "_PATHS", seconds)
    for seed in range(4):
        network, _ = catalogue(seed)
        random = Random(seed)
        costs = Costs(np.array([random.randint(0, 500) for _ in range(network.literals)], dtype=np.int64))
        allowed = np.ones(network.literals, dtype=np.uint8)
        asked = allowed.copy()
        allowed[:3] = 0  # of the first group one of two; the others stay on offer in its place
        engine = Mixed(network, ConfigurationProblem((), ()))
        engine.branching = None
        engine.summed = summed(network)
        truth = engine.summed.spans(Question(allowed, asked), costs, Clock.of(60.0))
        found = engine.spans(Question(allowed, asked), costs, Clock.of(60.0))
        assert (found.exact == 3).all() and (truth.exact == 3).all()
        assert found.low.tolist() == truth.low.tolist()
        assert found.high.tolist() == truth.high.tolist()


def test_time_is_kept() -> None:
    network, _ = catalogue(1)
    every = np.ones(network.literals, dtype=np.uint8)
    one = summed(network)
    started = monotonic()
    one.spans(Question(every, every), Costs(np.arange(network.literals, dtype=np.int64) * 7 % 301), Clock.of(0.02))
    assert monotonic() - started < 1.0


def test_limits_that_no_path_keeps_leave_nothing() -> None:
    network, bare = catalogue(2)
    tight = Network(
        bare.variables, bare.first, (), (), bare.clauses, sums=(Sum(0, network.sums[0].literals, (), -5, 0),)
    )
    every = np.ones(bare.literals, dtype=np.uint8)
    spans = summed(tight).spans(Question(every, every), Costs(every.astype(np.int64)), Clock.of(10.0))
    assert (spans.low > spans.high).all()
    assert (spans.exact == 3).all()


def test_formulas_are_refused() -> None:
    network, bare = catalogue(3)
    with_formula = Network(bare.variables, bare.first, (), (), formulas=(Formula(0, Number(1)),), sums=network.sums)
    assert summed_of(with_formula, nodes=1_000, seconds=1.0) is None


def test_the_truth_knows_the_sums() -> None:
    """The brute force here does judge sums: without them there are more assignments."""
    network = random_network(3, variables=5, sums=2)
    bare = Network(
        network.variables, network.first, (), (), network.clauses, network.counts, network.tables
    )
    assert len(literals_of(network, every_assignment(network))) < len(every_assignment(bare))
