"""The diagram engine against every assignment of small networks, tried one by one."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from random import Random
from time import monotonic

import numpy as np
import pytest
from numpy.typing import NDArray
from pysat.solvers import Solver

from solver.configuration import diagram_passes as passes
from solver.configuration.clicks import Flat
from solver.configuration.diagram import Diagram, _Building, compile_diagram
from solver.configuration.diagram_store import TRUE, Store
from solver.configuration.network import OWN, Clause, Count, Network, Sum, Table, Variable
from solver.configuration.question import RELEASED, STRICT, Clock, Costs, Question
from tests.solver.configuration.networks import every_assignment, keeps, literals_of, random_network, signed

SEEDS = [*range(16), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(16, 300))]
NOW = Clock.of(60.0)
FAR = 2**62


def compiled(network: Network, nodes: int = 10_000) -> Diagram:
    diagram = compile_diagram(network, nodes=nodes, seconds=30.0)
    assert diagram is not None
    return diagram


def bare(*sizes: int) -> Network:
    first = np.concatenate(([0], np.cumsum(sizes))).astype(np.int64)
    return Network(tuple(Variable(size) for size in sizes), first, (), ())


def with_constraints(network: Network, *found: Clause | Count | Table | Sum) -> Network:
    def of(kind: type) -> tuple:  # type: ignore[type-arg]
        return tuple(one for one in found if isinstance(one, kind))

    return Network(network.variables, network.first, (), (), of(Clause), of(Count), of(Table), of(Sum))


def random_question(network: Network, random: Random) -> Question:
    """Some literals forbidden, some variables decided, a few of these twice over."""
    size = network.literals
    share = random.choice((0.75, 0.95, 1.0))
    asked = np.array([random.random() < share for _ in range(size)], dtype=np.uint8)
    allowed = asked.copy()
    for start, stop in pairwise(network.first.tolist()):
        if random.random() < 0.3:
            literal = random.randrange(start, stop)
            allowed[start:stop] = 0
            allowed[literal] = asked[literal] = 1
    return Question(allowed, asked)


def open_question(network: Network) -> Question:
    every = np.ones(network.literals, dtype=np.uint8)
    return Question(every, every)


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """All assignments as literals (rows), and which have all decisions, or all but those about one variable."""

    literals: NDArray[np.int64]
    strict: NDArray[np.bool_]
    kept: NDArray[np.bool_]  # rows x variables: the literal of the variable is allowed
    asked: NDArray[np.bool_]  # rows x variables: the literal of the variable is asked

    @classmethod
    def of(cls, network: Network, question: Question) -> Truth:
        literals = literals_of(network, every_assignment(network))
        kept = question.allowed[literals] == 1
        return cls(literals, kept.all(axis=1), kept, question.asked[literals] == 1)

    def strict_rows(self, variable: int, literal: int) -> NDArray[np.bool_]:
        return self.strict & (self.literals[:, variable] == literal)

    def released_rows(self, variable: int, literal: int) -> NDArray[np.bool_]:
        others = np.delete(self.kept, variable, axis=1).all(axis=1)
        return others & self.asked[:, variable] & (self.literals[:, variable] == literal)


def owner(network: Network) -> list[int]:
    found: list[int] = np.repeat(np.arange(len(network.variables)), np.diff(network.first)).tolist()
    return found


def has_a_value_for_each(network: Network, question: Question) -> bool:
    return all(question.allowed[start:stop].any() for start, stop in pairwise(network.first.tolist()))


@pytest.fixture(params=SEEDS)
def case(request: pytest.FixtureRequest) -> tuple[Network, Diagram, list[Question], Random]:
    """A random network, its diagram and questions about it."""
    random = Random(request.param)
    network = random_network(request.param)
    questions = [open_question(network), *(random_question(network, random) for _ in range(4))]
    return network, compiled(network), questions, random


def test_a_literal_is_valid_exactly_if_some_assignment_has_it(
    case: tuple[Network, Diagram, list[Question], Random],
) -> None:
    network, diagram, questions, _ = case
    for question in questions:
        truth = Truth.of(network, question)
        expected = [
            STRICT * truth.strict_rows(v, x).any() + RELEASED * truth.released_rows(v, x).any()
            for x, v in enumerate(owner(network))
        ]
        answer = diagram.domains(question, NOW)
        if answer is None:
            assert not truth.strict.any()
        else:
            assert truth.strict.any()
            assert answer.valid.tolist() == expected
            assert not answer.open.any()


def test_one_click_after_another_says_what_all_of_them_together_say(
    case: tuple[Network, Diagram, list[Question], Random],
) -> None:
    network, diagram, _, random = case
    several = [[literal, network.literals + literal][: random.randint(1, 2)] for literal in range(network.literals)]
    flat = Flat(diagram, several)
    state, valid = flat.untouched, np.full(2 * network.literals, 7, dtype=np.uint8)
    allowed, asked = np.ones(network.literals, dtype=np.uint8), np.ones(network.literals, dtype=np.uint8)
    for variable in random.sample(range(len(network.variables)), len(network.variables)):
        first, stop = network.first[variable : variable + 2].tolist()
        literal, take = random.randrange(first, stop), random.random() < 0.6
        if take:
            allowed[first:stop] = 0
        allowed[literal] = asked[literal] = take
        before, after = valid.copy(), np.empty(flat.size, dtype=np.int32)
        possible = passes.click(flat.words, state, after, valid, 2 * diagram.by_level_of(literal) + take)
        found = diagram.domains(Question(allowed, asked), NOW)
        assert possible == (found is not None)
        if found is None:
            assert (valid == before).all()
            return
        for one, places in enumerate(several):
            assert (valid[places] == found.valid[one]).all()
        flags = allowed * STRICT + asked * RELEASED
        assert (after[: network.literals] & 3 == diagram.by_level(flags)).all()
        state = after


def test_costs_are_those_of_the_cheapest_and_the_dearest_assignment(
    case: tuple[Network, Diagram, list[Question], Random],
) -> None:
    network, diagram, questions, random = case
    costs = np.array([random.randint(-5, 20) for _ in range(network.literals)], dtype=np.int64)
    for question in questions:
        truth = Truth.of(network, question)
        totals = costs[truth.literals].sum(axis=1)
        least = diagram.least(question, Costs(costs), NOW)
        if least is None:
            assert not truth.strict.any()
        else:
            values = least.assignment.values
            assert least.cost == least.bound == totals[truth.strict].min()
            assert keeps(network, values.tolist())
            assert question.allowed[literals_of(network, values)].all()
            assert costs[literals_of(network, values)].sum() == least.cost
        spans = diagram.spans(question, Costs(costs), NOW)
        assert (spans.exact == 3).all()
        if not has_a_value_for_each(network, question):
            assert (spans.low > spans.high).all()
            continue
        for literal, variable in enumerate(owner(network)):
            rows = truth.released_rows(variable, literal)
            if rows.any():
                assert spans.low[literal] == totals[rows].min()
                assert spans.high[literal] == totals[rows].max()
            else:
                assert spans.low[literal] > spans.high[literal]


def test_the_nearest_assignment_of_each_literal_has_it_and_costs_the_least(
    case: tuple[Network, Diagram, list[Question], Random],
) -> None:
    network, diagram, questions, random = case
    costs = np.array([random.randint(0, 9) for _ in range(network.literals)], dtype=np.int64)
    asked = np.array(random.sample(range(network.literals), network.literals), dtype=np.int64)
    for question in questions:
        if not has_a_value_for_each(network, question):
            continue
        truth = Truth.of(network, question)
        totals = costs[truth.literals].sum(axis=1)
        nearest = diagram.nearest(question, Costs(costs), asked)
        for literal, cost, values in zip(asked.tolist(), nearest.costs, nearest.values, strict=True):
            rows = truth.released_rows(owner(network)[literal], literal)
            if not rows.any():
                assert set(values.tolist()) == {-1}
                continue
            found = literals_of(network, values)
            assert cost == costs[found].sum() == totals[rows].min()
            assert literal in found
            assert keeps(network, values.tolist())
            assert all(question.allowed[x] or x == literal for x in found.tolist())


def test_the_best_are_the_cheapest_and_all_different(case: tuple[Network, Diagram, list[Question], Random]) -> None:
    network, diagram, questions, random = case
    costs = np.array([random.randint(0, 3) for _ in range(network.literals)], dtype=np.int64)
    for question in questions:
        truth = Truth.of(network, question)
        totals = sorted(costs[truth.literals].sum(axis=1)[truth.strict].tolist())
        found = diagram.best(question, Costs(costs), 12)
        rows = [one.assignment.values.tolist() for one in found]
        assert [one.cost for one in found] == totals[:12]
        assert len(set(map(tuple, rows))) == len(rows)
        assert all(keeps(network, row) for row in rows)


def test_counts_are_exact(case: tuple[Network, Diagram, list[Question], Random]) -> None:
    network, diagram, questions, _ = case
    assert diagram.count() == len(every_assignment(network))
    for question in questions:
        truth = Truth.of(network, question)
        assert diagram.count(question.allowed) == truth.strict.sum()
        assert diagram.literal_counts(question.allowed) == [
            truth.strict_rows(variable, literal).sum() for literal, variable in enumerate(owner(network))
        ]


def test_what_is_found_keeps_everything_and_as_many_wishes_as_can_be(
    case: tuple[Network, Diagram, list[Question], Random],
) -> None:
    network, diagram, questions, random = case
    liked = np.array([random.random() < 0.4 for _ in range(network.literals)], dtype=np.uint8)
    for question in questions:
        truth = Truth.of(network, question)
        for prefer in (None, liked):
            found = diagram.find(question, NOW, prefer)
            assert (found is None) == (not truth.strict.any())
            if found is not None:
                literals = literals_of(network, found.values)
                assert keeps(network, found.values.tolist())
                assert question.allowed[literals].all()
                if prefer is not None:
                    assert liked[literals].sum() == liked[truth.literals].sum(axis=1)[truth.strict].max()


def test_a_stored_diagram_answers_the_same_from_a_read_only_file(tmp_path: Path) -> None:
    for seed in range(10):
        network = random_network(seed)
        diagram = compiled(network)
        for name, array in diagram.arrays().items():
            np.save(tmp_path / f"{name}.npy", array)
        stored = {path.stem: np.load(path, mmap_mode="r") for path in tmp_path.glob("*.npy")}
        again = Diagram.from_arrays(network, stored)
        random = Random(seed)
        costs = Costs(np.array([random.randint(0, 9) for _ in range(network.literals)], dtype=np.int64))
        for question in (open_question(network), random_question(network, random)):
            one, other = diagram.domains(question, NOW), again.domains(question, NOW)
            assert (one is None) == (other is None)
            if one is not None and other is not None:
                assert one.valid.tolist() == other.valid.tolist()
            assert diagram.spans(question, costs, NOW).low.tolist() == again.spans(question, costs, NOW).low.tolist()
        assert again.count() == diagram.count()
        assert again.nodes == diagram.nodes


def test_samples_are_uniform() -> None:
    network = with_constraints(
        bare(2, 3, 2, 4), Clause(OWN, (-2, 3)), Count(OWN, (1, 4, 6, 8), 1, 2), Clause(OWN, (4, 5, -7, 9))
    )
    every = every_assignment(network)
    rows = compiled(network).sample(np.random.default_rng(7), 400 * len(every))
    found = Counter(map(tuple, rows.tolist()))
    assert set(found) == set(map(tuple, every.tolist()))
    # chi squared with n - 1 degrees of freedom: mean n - 1, deviation sqrt(2 (n - 1))
    spread = sum((number - 400) ** 2 / 400 for number in found.values())
    assert abs(spread - (len(every) - 1)) < 5 * (2 * (len(every) - 1)) ** 0.5


def test_samples_keep_what_is_allowed() -> None:
    for seed in range(20):
        network = random_network(seed)
        question = random_question(network, Random(seed))
        rows = compiled(network).sample(np.random.default_rng(seed), 9, question.allowed)
        assert len(rows) == (9 if Truth.of(network, question).strict.any() else 0)
        assert all(keeps(network, row) for row in rows.tolist())
        assert question.allowed[literals_of(network, rows)].all()


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ((), 24),  # nothing is tied
        ((Clause(OWN, ()),), 0),  # an empty clause
        ((Count(OWN, (), 1, 1),), 0),  # none of nothing is one
        ((Count(OWN, (), 0, 0),), 24),
        ((Table(OWN, (1, 2), np.zeros((0, 2), dtype=np.int32)),), 0),
        ((Clause(OWN, (3, 4)),), 16),  # two values of one variable
        ((Clause(OWN, (-3, -4)),), 24),  # never both
        ((Table(OWN, (2, 0), np.array([[0, 1], [3, 0]], dtype=np.int32)),), 6),  # a scope that goes up
        ((Clause(OWN, (2,)), Clause(OWN, (-2,))), 0),  # a contradiction
    ],
)
def test_constraints_at_their_edges(found: tuple[Clause | Count | Table, ...], expected: int) -> None:
    network = with_constraints(bare(2, 3, 4), *found)
    diagram = compiled(network)
    assert diagram.count() == expected == len(every_assignment(network))
    assert (diagram.domains(open_question(network), NOW) is None) == (expected == 0)
    again = Diagram.from_arrays(network, diagram.arrays())
    assert again.count() == expected


def test_a_variable_that_is_passed_over_keeps_all_its_values_and_its_own_costs() -> None:
    network = with_constraints(bare(2, 3, 2), Clause(OWN, (2, 7)))  # the middle variable is free
    diagram = compiled(network)
    allowed = np.array([1, 1, 0, 1, 0, 1, 1], dtype=np.uint8)
    asked = np.array([1, 1, 0, 1, 1, 1, 1], dtype=np.uint8)
    answer = diagram.domains(Question(allowed, asked), NOW)
    assert answer is not None
    assert answer.valid.tolist() == [3, 3, 0, 3, RELEASED, 3, 3]
    costs = Costs(np.array([0, 5, 100, 10, 20, 0, 7], dtype=np.int64))
    spans = diagram.spans(Question(allowed, asked), costs, NOW)
    assert spans.low.tolist()[2:5] == [1, 15, 25]
    assert spans.high.tolist()[2:5] == [0, 22, 32]


def test_a_decided_variable_shows_what_it_could_be_instead() -> None:
    network = with_constraints(bare(3, 3), Table(OWN, (0, 1), np.array([[0, 0], [1, 0], [2, 1]], dtype=np.int32)))
    diagram = compiled(network)
    allowed = np.array([1, 0, 0, 1, 1, 1], dtype=np.uint8)
    answer = diagram.domains(Question(allowed, np.ones(6, dtype=np.uint8)), NOW)
    assert answer is not None
    assert answer.valid.tolist() == [3, RELEASED, RELEASED, 3, 0, 0]


def test_counts_of_many_need_no_subsets() -> None:
    network = with_constraints(bare(*[2] * 160), Count(OWN, tuple(range(1, 320, 2)), 80, 80))
    diagram = compiled(network, 50_000)
    numerator = denominator = 1
    for k in range(80):
        numerator, denominator = numerator * (160 - k), denominator * (k + 1)
    assert diagram.count() == numerator // denominator


def test_a_thousand_tight_variables_can_be_sampled() -> None:
    size = 1_500
    chain = [Clause(OWN, (-2 * k, 2 * k + 2)) for k in range(1, size)]  # each asks for the next
    network = with_constraints(bare(*[2] * size), *chain)
    diagram = compiled(network)
    assert diagram.count() == size + 1
    rows = diagram.sample(np.random.default_rng(3), 600)
    assert (np.diff(rows, axis=1) >= 0).all()
    assert len({int(row.sum()) for row in rows}) > 400  # of 1501 equally likely: 495 expected


def hard_network(seed: int) -> Network:
    random = Random(seed)
    clauses = [
        Clause(OWN, tuple((2 * v + 2) * random.choice((1, -1)) for v in random.sample(range(150), 3)))
        for _ in range(400)
    ]
    return with_constraints(bare(*[2] * 150), *clauses)


def test_over_its_budget_of_nodes_or_time_there_is_no_diagram() -> None:
    network = with_constraints(bare(2, 2, 2), Clause(OWN, (2, 4, 6)))
    assert compile_diagram(network, nodes=2, seconds=10.0) is None
    assert compiled(network, 3).nodes == 3
    assert compile_diagram(hard_network(1), nodes=2_000, seconds=1.5) is None
    started = monotonic()
    assert compile_diagram(hard_network(1), nodes=10_000_000, seconds=0.5) is None
    assert monotonic() - started < 5


def test_an_order_is_improved_in_the_diagram_itself() -> None:
    """n pairs that must be equal need 3 n nodes side by side, but more than 2 ** n if all left ones come first."""
    sizes = [2, 3, 2, 4] * 4
    pairs = len(sizes) // 2
    store = Store([*sizes[:pairs], *sizes[:pairs]], 100_000, lambda: False)
    root = TRUE
    for k in range(pairs):
        rows = np.array([(d, d) for d in range(sizes[k])], dtype=np.int32)
        root = store.product(store.table(np.array([k, pairs + k], dtype=np.int32), rows), root)
    (root,) = store.keep([root])
    before = store.nodes - 2
    order, root = store.sift(root, lambda: False)
    assert sorted(order.tolist()) == list(range(2 * pairs))
    level, first, child, _, top = store.arrays(root)
    assert len(level) - 2 == sum(size + 1 for size in sizes[:pairs]) < before
    assert top == 0
    assert (level[child] > np.repeat(level[:-2], np.diff(first))).all()


def test_an_improved_order_says_the_same() -> None:
    for seed in range(60):
        network = random_network(seed)
        network = Network(network.variables, network.first, (), (), network.clauses, network.counts, network.tables)
        building = _Building(network, np.array(Random(seed).sample(range(7), 7)), 10_000, monotonic() + 60)
        building.run()
        before = Diagram(network, building.order, *building.store.arrays(building.root))
        after = building.diagram(10_000)
        building.root = building._sift(building.root, 10.0)
        again = Diagram(network, building.order, *building.store.arrays(building.root))
        assert again.nodes <= before.nodes or again.edges <= before.edges
        for random in map(Random, range(3)):
            question = random_question(network, random)
            answers = [one.domains(question, NOW) for one in (before, after, again)]
            assert len({None if answer is None else answer.valid.tobytes() for answer in answers}) == 1
        assert before.count() == again.count() == len(every_assignment(network))


def test_what_outgrows_the_store_on_the_way_is_built_after_all() -> None:
    """Growing while it is built, throwing away, and going on after a pause give the same diagram."""
    random = Random(5)
    clauses = []
    for _ in range(120):
        start = random.randrange(40)
        scope = random.sample(range(start, start + 12), 3)
        clauses.append(Clause(OWN, tuple((2 * v + 2) * random.choice((1, -1)) for v in scope)))
    network = with_constraints(bare(*[2] * 52), *clauses)
    diagram = compiled(network, 200_000)
    with Solver(name="glucose4", bootstrap_with=[[v // 2 for v in clause.literals] for clause in clauses]) as solver:
        valid = [
            (STRICT | RELEASED) * solver.solve(assumptions=[(1 if literal % 2 else -1) * (literal // 2 + 1)])
            for literal in range(network.literals)
        ]
    answer = diagram.domains(open_question(network), NOW)
    assert answer is not None
    assert answer.valid.tolist() == valid
    rows = diagram.sample(np.random.default_rng(1), 50)
    assert all(keeps(network, row) for row in rows.tolist())


def test_what_is_not_closed_is_refused() -> None:
    network = with_constraints(bare(2, 2), Sum(OWN, ((1, 3), (3, 2)), (), 0, 4))
    assert compile_diagram(network, nodes=100, seconds=1.0) is None


def test_costs_that_could_overflow_are_refused() -> None:
    network = with_constraints(bare(2, 2), Clause(OWN, (2, 4)))
    costs = Costs(np.full(4, 2**61, dtype=np.int64))
    with pytest.raises(OverflowError):
        compiled(network).least(open_question(network), costs, NOW)


def test_a_clause_over_many_values_of_one_variable_says_what_it_says() -> None:
    network = bare(5, 5)
    names = (signed(network, 0, 1), signed(network, 0, 3), -signed(network, 1, 2))
    network = with_constraints(network, Clause(OWN, names))
    assert compiled(network).count() == len(every_assignment(network)) == 25 - 3
