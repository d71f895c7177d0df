"""Conflicts are minimal, repairs are the lightest, and both agree with trying every assignment."""

from __future__ import annotations

from itertools import combinations
from random import Random

import numpy as np
import pytest

from solver.configuration.cores import Explainer
from solver.configuration.network import OWN, Clause, Network, Variable
from solver.configuration.problem import GroupId, RuleId
from solver.configuration.question import Clock, OutOfTime
from tests.solver.configuration.networks import every_assignment, keeps, random_network, signed


class Truth:
    """Every assignment, and which rules each breaks."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.rows = every_assignment(network, ())
        bits = [
            sum(1 << rule for rule in range(len(network.rules)) if not keeps(network, row, (rule,)))
            for row in self.rows.tolist()
        ]
        self.broken = np.array(bits, dtype=np.int64)

    def possible(self, assumed: list[int], rules: list[int] | None = None) -> bool:
        every = range(len(self.network.rules))
        mask = sum(1 << rule for rule in (every if rules is None else rules))
        kept = (self.broken & mask) == 0
        for name in assumed:
            literal = abs(name) - 1
            variable = int(np.searchsorted(self.network.first, literal, side="right")) - 1
            has = self.rows[:, variable] == literal - self.network.first[variable]
            kept &= has if name > 0 else ~has
        return bool(kept.any())


def _decisions(network: Network, random: Random, count: int) -> list[int]:
    variables = random.sample(range(len(network.variables)), count)
    sizes = [variable.size for variable in network.variables]
    return [signed(network, v, random.randrange(sizes[v])) * random.choice((1, 1, 1, -1)) for v in variables]


@pytest.mark.parametrize("seed", range(60))
def test_a_conflict_fails_and_without_any_member_it_does_not(seed: int) -> None:
    network = random_network(seed, variables=6, largest=4)
    explainer, truth, random = Explainer(network), Truth(network), Random(seed)
    for _ in range(15):
        assumed = _decisions(network, random, random.randint(0, 6))
        core = explainer.conflict(assumed, Clock.of(60))
        if core is None:
            assert truth.possible(assumed)
            continue
        literals, rules = list(core.assumed), list(core.rules)
        assert literals == [name for name in assumed if name in literals]
        assert not truth.possible(literals, rules)
        for literal in literals:
            assert truth.possible([x for x in literals if x != literal]), "all rules can be kept without it"
        for rule in rules:
            assert truth.possible(literals, [x for x in rules if x != rule])


@pytest.mark.parametrize("seed", range(60, 110))
def test_repairs_are_the_lightest_in_their_order(seed: int) -> None:
    network = random_network(seed, variables=6, largest=4)
    explainer, truth, random = Explainer(network), Truth(network), Random(seed)
    for _ in range(8):
        assumed = _decisions(network, random, 6)
        keep, others = assumed[:1], assumed[1:]
        weights = [random.randint(1, 4) for _ in others]
        if not truth.possible(keep):
            assert explainer.repairs(keep, others, 3, Clock.of(60), weights) == []
            continue
        ways = [set(c) for size in range(6) for c in combinations(range(5), size) if _works(truth, keep, others, c)]
        minimal = [way for way in ways if not any(other < way for other in ways)]
        expected = sorted(sum(weights[place] for place in way) for way in minimal)[:3]
        repairs = explainer.repairs(keep, others, 3, Clock.of(60), weights)
        assert [sum(weights[others.index(x)] for x in repair.given_up) for repair in repairs] == expected
        for repair in repairs:
            assert {others.index(x) for x in repair.given_up} in minimal
            assert keeps(network, repair.assignment.values.tolist())
            kept = [x for x in assumed if x not in repair.given_up]
            assert all(_has(network, repair.assignment.values, name) for name in kept)


def _works(truth: Truth, keep: list[int], others: list[int], gone: tuple[int, ...]) -> bool:
    return truth.possible([*keep, *(other for place, other in enumerate(others) if place not in gone)])


def _has(network: Network, values: np.ndarray, name: int) -> bool:
    return (abs(name) - 1 in network.first[:-1] + values) == (name > 0)


@pytest.mark.parametrize("seed", range(110, 150))
def test_some_rules_alone_are_judged_without_the_others(seed: int) -> None:
    network = random_network(seed, variables=6, largest=4)
    explainer, truth, random = Explainer(network), Truth(network), Random(seed)
    for _ in range(10):
        assumed = _decisions(network, random, 3)
        mask = np.array([random.random() < 0.6 for _ in network.rules], dtype=np.uint8)
        rules = np.flatnonzero(mask).tolist()
        found = explainer.satisfiable(assumed, Clock.of(60), mask)
        assert (found is not None) == truth.possible(assumed, rules)
        if found is not None:
            assert keeps(network, found.values.tolist(), rules)
        assert (explainer.satisfiable(assumed, Clock.of(60)) is not None) == truth.possible(assumed)


def test_a_network_that_contradicts_itself_is_a_conflict_of_rules_alone() -> None:
    network = _boolean(3, [(2, 4), (2, -4), (-2, 4), (-2, -4), (6,)])
    explainer = Explainer(network)
    core = explainer.conflict([6], Clock.of(60))
    assert core is not None
    assert (core.assumed, core.rules) == ((), (0, 1, 2, 3))
    assert explainer.satisfiable([], Clock.of(60)) is None
    assert explainer.repairs([], [6], 3, Clock.of(60)) == []


def test_early_literals_stay_in_a_conflict_where_either_would_do() -> None:
    # The first excludes the third, and so does the second: either explains the conflict.
    network = _boolean(3, [(-2, -6), (-4, -6)])
    core = Explainer(network).conflict([2, 4, 6], Clock.of(60))
    assert core is not None
    assert core.assumed == (2, 6) or core.assumed == (4, 6)
    assert len(core.rules) == 1


def test_two_values_of_one_variable_conflict_without_any_rule() -> None:
    network = Network((Variable(3, group=GroupId("g")),), np.array([0, 3]), (), (RuleId("r"),), (Clause(0, (1, 2)),))
    core = Explainer(network).conflict([1, 2], Clock.of(60))
    assert core is not None
    assert (core.assumed, core.rules) == ((1, 2), ())


def test_constraints_of_a_group_itself_are_always_in_force() -> None:
    network = Network(
        tuple(Variable(2, group=GroupId(f"g{k}")) for k in range(2)),
        np.array([0, 2, 4]),
        (),
        (RuleId("r"),),
        (Clause(OWN, (-2, -4)), Clause(0, (2, 4))),
    )
    explainer = Explainer(network)
    core = explainer.conflict([2, 4], Clock.of(60))
    assert core is not None
    assert (core.assumed, core.rules) == ((2, 4), ())
    assert explainer.satisfiable([2, 4], Clock.of(60), np.zeros(1, dtype=np.uint8)) is None


def test_what_was_stored_explains_alike() -> None:
    network = random_network(7, variables=6)
    first = Explainer(network)
    again = Explainer.from_arrays(network, first.arrays())
    random = Random(7)
    for _ in range(20):
        assumed = _decisions(network, random, 5)
        one, other = first.conflict(assumed, Clock.of(60)), again.conflict(assumed, Clock.of(60))
        assert (one is None) == (other is None)


def test_time_that_ran_out_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    from solver.configuration import cores

    network = _boolean(3, [(-2, -6), (-4, -6)])
    explainer = Explainer(network)
    monkeypatch.setattr(cores, "_STEPS", -1)
    with pytest.raises(OutOfTime):
        explainer.conflict([2, 4], Clock.of(0))


def _boolean(variables: int, clauses: list[tuple[int, ...]]) -> Network:
    """One rule for each clause."""
    first = np.arange(0, 2 * variables + 1, 2)
    rules = tuple(RuleId(f"r{k}") for k in range(len(clauses)))
    sizes = tuple(Variable(2, group=GroupId(f"g{k}")) for k in range(variables))
    return Network(sizes, first, (), rules, clauses=tuple(Clause(k, c) for k, c in enumerate(clauses)))
