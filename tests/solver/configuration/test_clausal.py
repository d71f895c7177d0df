"""The clausal engine answers what trying every assignment answers."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from random import Random
from time import sleep

import numpy as np
import pytest
from pysat.solvers import Solver

from solver.configuration import clausal, propagation
from solver.configuration.cheapest import Cheapest
from solver.configuration.clausal import Clausal, NoModel
from solver.configuration.cnf import encode
from solver.configuration.network import Clause, Network, Variable
from solver.configuration.problem import GroupId, RuleId
from solver.configuration.question import RELEASED, STRICT, Assignment, Clock, Costs, OutOfTime, Question
from tests.solver.configuration.networks import every_assignment, keeps, literals_of, random_network

MINUTE = 60.0


def random_question(network: Network, random: Random) -> Question:
    """Some variables decided, a few of them to more than one value."""
    allowed = np.ones(network.literals, dtype=np.uint8)
    for variable, size in enumerate(np.diff(network.first).tolist()):
        start = int(network.first[variable])
        if random.random() < 0.4 and size > 1:
            kept = random.sample(range(size), random.choice((1, 1, 1, max(1, size - 1))))
            allowed[start : start + size] = 0
            allowed[[start + value for value in kept]] = 1
    return Question(allowed, np.ones(network.literals, dtype=np.uint8))


def truth(network: Network, rows: np.ndarray, question: Question) -> np.ndarray | None:
    """The bits of each literal, from all assignments (as literals); None if none has all decisions."""
    bits = np.zeros(network.literals, dtype=np.uint8)
    broken = question.allowed[rows] == 0
    total = broken.sum(axis=1)
    if not np.any(total == 0):
        return None
    bits[np.unique(rows[total == 0])] |= STRICT
    for variable in range(len(network.variables)):
        others = rows[total - broken[:, variable] == 0]
        bits[np.unique(others[:, variable])] |= RELEASED
    return np.where(question.asked != 0, bits, bits & ~np.uint8(RELEASED)).astype(np.uint8)


@pytest.mark.parametrize("seed", range(60))
def test_domains_are_those_of_all_assignments(seed: int) -> None:
    network = random_network(seed, variables=7)
    rows = literals_of(network, every_assignment(network))
    if not len(rows):
        with pytest.raises(NoModel):
            Clausal(network)
        return
    engine = Clausal(network, seed=seed)
    random = Random(seed)
    for _ in range(12):
        question = random_question(network, random)
        expected = truth(network, rows, question)
        answer = engine.domains(question, Clock.of(MINUTE))
        if expected is None:
            assert answer is None
            assert engine.find(question, Clock.of(MINUTE)) is None
            continue
        assert answer is not None
        assert not answer.open.any()
        assert answer.valid.tolist() == expected.tolist()
        found = engine.find(question, Clock.of(MINUTE))
        assert found is not None
        assert keeps(network, found.values.tolist())
        assert question.allowed[literals_of(network, found.values)].all()


@pytest.mark.slow
def test_domains_are_those_of_all_assignments_in_thousands_of_networks() -> None:
    for seed in range(10_000, 13_000):
        network = random_network(seed, variables=7)
        rows = literals_of(network, every_assignment(network))
        if not len(rows):
            continue
        assert _answers(Clausal(network, seed=seed), network, rows, seed, 10) == 0, seed


def _possible(seed: int) -> tuple[Network, np.ndarray]:
    """A network that has variants, and these as literals."""
    while True:
        network = random_network(seed, variables=7)
        rows = literals_of(network, every_assignment(network))
        if len(rows) > 1:
            return network, rows
        seed += 1000


@pytest.mark.parametrize("seed", range(40))
def test_the_cheapest_variant_and_the_spans_are_those_of_all_assignments(seed: int) -> None:
    network, rows = _possible(seed)
    engine, random = Clausal(network, seed=seed), Random(seed)
    for _ in range(3):
        question = random_question(network, random)
        costs = Costs(np.array([random.randint(-20, 50) for _ in range(network.literals)], dtype=np.int64))
        prices = costs.literals[rows].sum(axis=1)
        broken = question.allowed[rows] == 0
        total = broken.sum(axis=1)
        least = engine.least(question, costs, Clock.of(MINUTE))
        spans = engine.spans(question, costs, Clock.of(MINUTE))
        if not np.any(total == 0):
            assert least is None
            assert (spans.low > spans.high).all()
            continue
        assert least is not None
        assert keeps(network, least.assignment.values.tolist())
        assert least.cost == least.bound == prices[total == 0].min()
        assert costs.literals[literals_of(network, least.assignment.values)].sum() == least.cost
        assert (spans.exact == 3).all()
        for variable in range(len(network.variables)):
            for literal in range(int(network.first[variable]), int(network.first[variable + 1])):
                having = prices[(total - broken[:, variable] == 0) & (rows[:, variable] == literal)]
                if len(having):
                    assert (spans.low[literal], spans.high[literal]) == (having.min(), having.max())
                else:
                    assert spans.low[literal] > spans.high[literal]


@pytest.mark.parametrize("seed", range(20))
def test_spans_without_time_are_bounds(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> None:
        raise OutOfTime

    monkeypatch.setattr(Cheapest, "solve", never)
    network, rows = _possible(seed)
    costs = Costs(np.array([Random(seed + k).randint(0, 9) for k in range(network.literals)], dtype=np.int64))
    everything = np.ones(network.literals, dtype=np.uint8)
    spans = Clausal(network).spans(Question(everything, everything), costs, Clock.of(MINUTE))
    prices = costs.literals[rows].sum(axis=1)
    for literal in range(network.literals):
        having = prices[(rows == literal).any(axis=1)]
        if not len(having):
            assert spans.low[literal] > spans.high[literal]
            continue
        assert spans.low[literal] <= having.min() and having.max() <= spans.high[literal]
        if spans.exact[literal] & 1:
            assert spans.low[literal] == having.min()
        if spans.exact[literal] & 2:
            assert spans.high[literal] == having.max()


@pytest.mark.parametrize("seed", range(40))
def test_the_nearest_variants_have_their_literal_and_change_nothing_that_could_be_changed_back(seed: int) -> None:
    network, rows = _possible(seed)
    engine, random = Clausal(network, seed=seed), Random(seed)
    standing = Assignment((random.choice(rows.tolist()) - network.first[:-1]).astype(np.int32))
    stands = literals_of(network, standing.values)
    allowed = np.ones(network.literals, dtype=np.uint8)
    decided = random.sample(range(len(network.variables)), 2)
    for variable in decided:
        allowed[network.first[variable] : network.first[variable + 1]] = 0
        allowed[stands[variable]] = 1
    question = Question(allowed, np.ones_like(allowed))
    weights = Costs(np.ones(network.literals, dtype=np.int64))
    literals = list(range(network.literals))
    owner = np.repeat(np.arange(len(network.variables)), np.diff(network.first))
    for literal, found in zip(
        literals, engine.nearest(question, standing, weights, literals, Clock.of(MINUTE)), strict=True
    ):
        others = np.array([v for v in decided if v != owner[literal]], dtype=np.int64)
        having = rows[(rows[:, others] == stands[others]).all(axis=1) & (rows == literal).any(axis=1)]
        assert (found is None) == (len(having) == 0)
        if found is None:
            continue
        now = literals_of(network, found.values)
        assert literal in now and keeps(network, found.values.tolist())
        kept = now == stands
        also = having[(having[:, kept] == stands[kept]).all(axis=1)]
        more = (also == stands).sum(axis=1)
        assert more.max() == kept.sum()


def test_a_preferred_variant_is_found() -> None:
    network, rows = _possible(5)
    engine = Clausal(network)
    everything = np.ones(network.literals, dtype=np.uint8)
    for row in rows[:: max(1, len(rows) // 50)]:
        prefer = np.zeros(network.literals, dtype=np.uint8)
        prefer[row] = 1
        found = engine.find(Question(everything, everything), Clock.of(MINUTE), prefer)
        assert found is not None
        assert (literals_of(network, found.values) == row).sum() >= len(row) - 2


# --- a worker's life -------------------------------------------------------------------------------------------------


def _answers(engine: Clausal, network: Network, rows: np.ndarray, seed: int, many: int) -> int:
    """How many of the answers to random questions are wrong."""
    random, wrong = Random(seed), 0
    for _ in range(many):
        question = random_question(network, random)
        expected, answer = truth(network, rows, question), engine.domains(question, Clock.of(MINUTE))
        same = (answer is None) == (expected is None)
        wrong += not same or (expected is not None and answer is not None and (answer.valid != expected).any())
    return wrong


def test_threads_share_an_engine() -> None:
    network, rows = _possible(11)
    engine = Clausal(network)
    with ThreadPoolExecutor(8) as threads:
        wrong = list(threads.map(lambda seed: _answers(engine, network, rows, seed, 40), range(8)))
    assert sum(wrong) == 0
    assert len(engine._idle) <= 4, "states that nobody uses are few"


def test_an_engine_lives_on_after_a_fork() -> None:
    network, rows = _possible(12)
    engine = Clausal(network)
    assert _answers(engine, network, rows, 1, 5) == 0
    child = os.fork()
    if not child:
        os._exit(_answers(engine, network, rows, 2, 20))
    assert _answers(engine, network, rows, 3, 20) == 0
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_what_was_stored_answers_alike() -> None:
    network, rows = _possible(13)
    arrays = Clausal(network).arrays()
    for array in arrays.values():
        array.flags.writeable = False
    assert _answers(Clausal.from_arrays(network, arrays), network, rows, 4, 30) == 0


def test_the_pool_and_what_is_learnt_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clausal, "_POOL_ROWS", (4, 4))
    monkeypatch.setattr(clausal, "_LEARNT", 64)
    network, rows = _possible(14)
    engine = Clausal(network)
    assert _answers(engine, network, rows, 5, 200) == 0
    state = engine._idle[0]
    assert state.pool.shape[0] == 4
    assert state.ints[propagation.SCALARS][propagation.TOP] <= len(state.ints[propagation.ARENA])


def _pigeons(pigeons: int, holes: int) -> Network:
    """Each pigeon has a hole, and no two have the same; one more variable asks whether the last pigeon is there.

    Without room for all it is not, which takes clause learning long to see.
    """
    sizes = [holes] * (pigeons - 1) + [holes + 1, 2]
    first = np.concatenate(([0], np.cumsum(sizes))).astype(np.int64)
    clauses = [
        Clause(0, (-int(first[one] + hole + 1), -int(first[other] + hole + 1)))
        for one in range(pigeons)
        for other in range(one)
        for hole in range(holes)
    ]
    absent, there = int(first[pigeons - 1]) + holes + 1, int(first[pigeons]) + 2
    clauses += [Clause(0, (-absent, -there)), Clause(0, (absent, there))]
    variables = tuple(Variable(size, group=GroupId(f"g{k}")) for k, size in enumerate(sizes))
    return Network(variables, first, (), (RuleId("r"),), tuple(clauses))


def test_what_time_did_not_settle_is_open_and_asking_again_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    network = _pigeons(6, 5)
    monkeypatch.setattr(clausal, "_STEPS", 300)
    engine = Clausal(network, seconds=0.0)
    everything = np.ones(network.literals, dtype=np.uint8)
    question = Question(everything, everything)
    there = int(network.first[-2]) + 1
    opens = []
    for _ in range(1_000):
        answer = engine.domains(question, Clock.of(0))
        assert answer is not None
        assert not answer.valid[there]
        opens.append(int(np.count_nonzero(answer.open)))
        if not opens[-1]:
            break
    assert opens[0] > 0, "one short look does not settle it"
    assert opens[-1] == 0, "what was learnt is kept, so it is settled at last"


def test_a_search_without_time_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    network, _ = _possible(21)
    engine = Clausal(network)
    monkeypatch.setattr(clausal, "_STEPS", -1)
    everything = np.ones(network.literals, dtype=np.uint8)
    with pytest.raises(OutOfTime):
        engine.find(Question(everything, everything), Clock.of(0))
    with pytest.raises(OutOfTime):
        engine.least(Question(everything, everything), Costs(np.zeros(network.literals, dtype=np.int64)), Clock.of(0))


def test_a_long_question_does_not_hold_the_other_threads() -> None:
    network = _pigeons(11, 10)
    engine = Clausal(network, seconds=0.0)
    everything = np.ones(network.literals, dtype=np.uint8)
    ticks = 0
    with ThreadPoolExecutor(1) as threads:
        long = threads.submit(engine.domains, Question(everything, everything), Clock.of(0.5))
        while not long.done():
            ticks += 1
            sleep(0.001)
    assert long.result() is not None
    assert ticks > 20


def _three_literals(seed: int, variables: int, clauses: int) -> Network:
    """Random clauses of three two-valued variables each: near four clauses a variable they are hard."""
    random = Random(seed)
    found = []
    for _ in range(clauses):
        scope = random.sample(range(variables), 3)
        found.append(Clause(0, tuple((2 * v + 2) * random.choice((1, -1)) for v in scope)))
    names = tuple(Variable(2, group=GroupId(f"g{k}")) for k in range(variables))
    return Network(names, np.arange(0, 2 * variables + 1, 2), (), (RuleId("r"),), tuple(found))


@pytest.mark.parametrize(("patience", "learnt"), [(60, 1 << 18), (0, 1 << 18), (3, 3_000)])
@pytest.mark.parametrize("seed", range(8))
def test_hard_clauses_are_settled_as_by_another_solver(
    seed: int, patience: int, learnt: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With patience and without, and with so little room that what was learnt has to be forgotten again and again."""
    monkeypatch.setattr(clausal, "_PATIENCE", patience)
    monkeypatch.setattr(clausal, "_LEARNT", learnt)
    network = _three_literals(seed, 90, 350)
    with Solver("cadical153", bootstrap_with=encode(network).lists()) as solver:
        if not solver.solve():
            with pytest.raises(NoModel):
                Clausal(network)
            return
        engine, random = Clausal(network, seed=seed), Random(seed)
        for _ in range(8):
            question = random_question(network, random) if random.random() < 0.3 else _some_decided(network, random)
            forbidden = np.flatnonzero(question.allowed == 0)
            assumed = [-_named(literal) for literal in forbidden.tolist()]
            answer = engine.domains(question, Clock.of(MINUTE))
            assert (answer is not None) == solver.solve(assumptions=assumed)
            if answer is None:
                continue
            for literal in range(network.literals):
                name = _named(literal)
                strict = solver.solve(assumptions=[*assumed, name])
                others = [x for x in assumed if abs(x) != abs(name)]
                released = solver.solve(assumptions=[*others, name])
                assert int(answer.valid[literal]) == STRICT * strict + RELEASED * released


def _named(literal: int) -> int:
    return (literal // 2 + 1) * (1 if literal % 2 else -1)


def _some_decided(network: Network, random: Random) -> Question:
    allowed = np.ones(network.literals, dtype=np.uint8)
    for variable in random.sample(range(len(network.variables)), random.randint(0, 6)):
        allowed[2 * variable + random.randint(0, 1)] = 0
    return Question(allowed, np.ones_like(allowed))


def test_an_option_group_of_a_thousand_is_answered_in_a_click() -> None:
    size = 1_000
    network = Network(
        (Variable(size, group=GroupId("wide")), Variable(2, group=GroupId("a")), Variable(2, group=GroupId("b"))),
        np.array([0, size, size + 2, size + 4]),
        (),
        (RuleId("r"),),
        (Clause(0, (-5, size + 2, size + 4)), Clause(0, (-7, -(size + 2)))),
    )
    engine = Clausal(network)
    allowed = np.ones(network.literals, dtype=np.uint8)
    allowed[size + 1] = 0  # not a
    answer = engine.domains(Question(allowed, np.ones_like(allowed)), Clock.of(MINUTE))
    assert answer is not None
    assert (answer.valid[: size + 1] == STRICT | RELEASED).all()
    allowed[size + 3] = 0  # and not b: the fifth option is not to be had
    answer = engine.domains(Question(allowed, np.ones_like(allowed)), Clock.of(MINUTE))
    assert answer is not None
    assert np.flatnonzero(answer.valid[:size] == 0).tolist() == [4]


def test_a_network_without_variants_is_refused() -> None:
    network = _pigeons(4, 3)
    there = Clause(0, (int(network.first[-2]) + 2,))
    with pytest.raises(NoModel):
        Clausal(replace(network, clauses=(*network.clauses, there)))
