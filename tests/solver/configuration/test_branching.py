"""Lowest and highest costs by branch and bound, against every assignment of small networks and against paths."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from random import Random

import numpy as np
import pytest
from numpy.typing import NDArray

from solver.configuration.branching import Branching
from solver.configuration.mixed import Mixed
from solver.configuration.network import Network, Sum, Table, Variable
from solver.configuration.problem import ConfigurationProblem
from solver.configuration.question import Clock, Costs, Flags, Question, Spans
from tests.solver.configuration.networks import every_assignment, keeps, random_network
from tests.solver.configuration.test_diagram import Truth, owner, random_question
from tests.solver.configuration.test_diagram_sums import catalogue, summed

SEEDS = [*range(60), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(60, 600))]
FAR = 2**62
Words = NDArray[np.int64]
Literals = NDArray[np.int32]


def branching(network: Network) -> Branching:
    found = Branching.of(network)
    assert found is not None
    return found


def unknown(network: Network) -> Words:
    return np.full((2, network.literals), FAR, dtype=np.int64)


def spans_of(network: Network, question: Question, costs: Costs, seconds: float = 30.0) -> Spans:
    return branching(network).spans(question, costs, unknown(network), Clock.of(seconds))[0]


def everything(network: Network) -> Flags:
    return np.ones(network.literals, dtype=np.uint8)


@pytest.mark.parametrize("seed", SEEDS)
def test_every_span_is_that_of_the_assignments_that_keep_clauses_counts_and_sums(seed: int) -> None:
    random = Random(seed)
    network = replace(random_network(seed, variables=6, sums=random.randint(1, 3)), tables=())
    scale = random.choice((1, 7, 2**35))  # costs that leave little room for the weights too
    costs = scale * np.array([random.randint(-9, 30) for _ in range(network.literals)], dtype=np.int64)
    every = everything(network)
    for question in (Question(every, every), random_question(network, random), random_question(network, random)):
        truth = Truth.of(network, question)
        totals = costs[truth.literals].sum(axis=1)
        spans = spans_of(network, question, Costs(costs))
        wanted, best = np.arange(network.literals), unknown(network)[0]
        values = branching(network).cheapest(question, Costs(costs), wanted, best, Clock.of(30.0))
        decided = all(question.allowed[start:stop].any() for start, stop in pairwise(network.first.tolist()))
        assert (spans.exact == 3).all()
        for literal, variable in enumerate(owner(network)):
            rows = truth.released_rows(variable, literal)
            if rows.any() and decided:
                assert (spans.low[literal], spans.high[literal]) == (totals[rows].min(), totals[rows].max())
                assert best[literal] == costs[values[literal]].sum() == spans.low[literal]
                assert values[literal, variable] == literal
                assert (values[literal] == truth.literals[rows]).all(axis=1).any()
            else:
                assert spans.low[literal] > spans.high[literal]
                assert best[literal] == FAR and (values[literal] == -1).all()


@pytest.mark.parametrize("nodes", [1, 7, 60])
def test_it_agrees_with_the_paths_of_a_diagram_however_often_a_search_is_broken_off(
    nodes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("solver.configuration.branching._FEW", nodes)
    for seed in range(4):
        network, _ = catalogue(seed)
        random = Random(seed)
        costs = Costs(np.array([random.randint(0, 500) for _ in range(network.literals)], dtype=np.int64))
        allowed = everything(network)
        allowed[:3] = 0  # of the first group one of two; the others stay on offer in its place
        question = Question(allowed, everything(network))
        truth = summed(network).spans(question, costs, Clock.of(60.0))
        found, fresh = branching(network).spans(question, costs, unknown(network), Clock.of(60.0))
        assert (found.exact == 3).all() and (truth.exact == 3).all()
        assert found.low.tolist() == truth.low.tolist()
        assert found.high.tolist() == truth.high.tolist()
        assert len(fresh) > 1
        assert all(keeps(network, row - network.first[:-1]) for row in fresh)


def test_bounds_are_there_at_once_and_on_the_right_side() -> None:
    for seed in range(4):
        network, _ = catalogue(seed)
        random = Random(seed)
        costs = Costs(np.array([random.randint(0, 500) for _ in range(network.literals)], dtype=np.int64))
        question = Question(everything(network), everything(network))
        proved, hasty = spans_of(network, question, costs), spans_of(network, question, costs, seconds=0.0)
        valid = proved.low <= proved.high
        assert valid.any() and (hasty.exact[valid] != 3).any()
        assert (hasty.low[valid] <= proved.low[valid]).all()
        assert (hasty.high[valid] >= proved.high[valid]).all()
        width = (proved.high - proved.low)[valid].sum()
        assert (hasty.high - hasty.low)[valid].sum() < 1.5 * width
        for bit, found, truth in ((1, hasty.low, proved.low), (2, hasty.high, proved.high)):
            exact = valid & (hasty.exact & bit != 0)
            assert (found[exact] == truth[exact]).all()


def test_a_part_asks_it_and_goes_on_from_what_it_found() -> None:
    network, _ = catalogue(1)
    engine = Mixed(network, ConfigurationProblem((), ()))
    costs = Costs(np.arange(network.literals, dtype=np.int64) * 37 % 301)
    question = Question(everything(network), everything(network))
    first, again = (engine.spans(question, costs, Clock.of(60.0)) for _ in range(2))
    assert (first.exact == 3).all()
    assert (again.low.tolist(), again.high.tolist()) == (first.low.tolist(), first.high.tolist())
    least = engine.least(question, costs, Clock.of(60.0))
    assert least is not None and least.cost == least.bound == first.low[first.low <= first.high].min()
    engine.branching = None  # the search that other parts have says the same
    assert engine.spans(question, costs, Clock.of(60.0)).low.tolist() == first.low.tolist()


def test_what_is_nearest_is_as_near_as_the_other_search_finds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("solver.configuration.mixed._FEW", 1)  # so that much is left
    asked: list[int] = []
    real = Branching.cheapest

    def spy(of: Branching, question: Question, costs: Costs, wanted: Words, best: Words, clock: Clock) -> Literals:
        asked.append(len(wanted))
        return real(of, question, costs, wanted, best, clock)

    monkeypatch.setattr(Branching, "cheapest", spy)
    for seed in range(3):
        network, _ = catalogue(seed)
        random = Random(seed)
        weights = np.array([random.randint(100, 500) for _ in range(network.literals)], dtype=np.int64)
        question = Question(everything(network), everything(network))
        engine, alone = (Mixed(network, ConfigurationProblem((), ())) for _ in range(2))
        alone.branching = None
        standing = engine.find(question, Clock.of(30.0))
        assert standing is not None
        stands = standing.values + network.first[:-1]
        wanted = [literal for literal in range(network.literals) if literal not in stands]
        changes: list[list[int]] = []
        for one in (engine, alone):
            found = one.nearest(question, standing, Costs(weights), wanted, Clock.of(30.0))
            assert all(nearest is None or keeps(network, nearest.values) for nearest in found)
            literals = [np.array([-1]) if nearest is None else nearest.values + network.first[:-1] for nearest in found]
            assert all(literal in row or row[0] < 0 for literal, row in zip(wanted, literals, strict=True))
            changes.append([int(weights[row[row != stands]].sum()) if row[0] >= 0 else -1 for row in literals])
        assert changes[0] == changes[1]
    assert sum(asked) > 10


def test_sums_of_the_same_are_one_limit() -> None:
    network, bare = catalogue(2)
    one = network.sums[0]
    shifted = Sum(0, tuple((literal, 9 - factor) for literal, factor in one.literals), (), -10_000, 10_000)
    again = replace(bare, sums=(one, replace(one, low=3, high=10_000), shifted))
    assert branching(again).limits == 1
    assert branching(network).limits == 2


def test_limits_that_nothing_keeps_leave_nothing() -> None:
    network, bare = catalogue(2)
    tight = replace(bare, sums=(replace(network.sums[0], low=-5, high=0),))
    spans = spans_of(tight, Question(everything(bare), everything(bare)), Costs(everything(bare).astype(np.int64)))
    assert (spans.low > spans.high).all()
    assert (spans.exact == 3).all()


def test_what_is_not_told_here_is_refused() -> None:
    network, bare = catalogue(3)
    assert Branching.of(bare) is None
    rows = np.array([[0, 0], [1, 1]], dtype=np.int32)
    assert Branching.of(replace(network, tables=(Table(0, (0, 1), rows),))) is None
    assert Branching.of(replace(network, sums=network.sums * 5)) is None
    wide = Network(tuple(Variable(61) for _ in range(10)), np.arange(0, 611, 61), (), (), sums=network.sums)
    assert Branching.of(wide) is None


def test_the_truth_knows_the_counts() -> None:
    """Without its counts one of these networks at least has more assignments."""
    several = [replace(random_network(seed, variables=6, sums=1), tables=()) for seed in range(8)]
    assert any(len(every_assignment(one)) < len(every_assignment(replace(one, counts=()))) for one in several)
