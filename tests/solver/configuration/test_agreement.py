"""Diagram, SAT, constraint programming and CP-SAT say the same of every option, as judging every assignment does."""

from __future__ import annotations

import numpy as np
import pytest

from solver.configuration.asking import CpSat
from solver.configuration.clausal import Clausal, NoModel
from solver.configuration.compile import CompiledProblem
from solver.configuration.diagram import compile_diagram
from solver.configuration.mixed import Mixed
from solver.configuration.network import Network
from solver.configuration.parts import Engine, Kind
from solver.configuration.problem import ConfigurationProblem, GroupId, OptionGroup, OptionId
from solver.configuration.question import STRICT, Clock, Question
from tests.solver.configuration.networks import every_assignment, literals_of, random_network

NOTHING = ConfigurationProblem((OptionGroup(GroupId("unused"), (OptionId("o"),)),))


def engines(network: Network) -> dict[Kind, Engine]:
    diagram = compile_diagram(network, nodes=100_000, seconds=20)
    assert diagram is not None
    return {
        Kind.DIAGRAM: diagram,
        Kind.CLAUSAL: Clausal(network, seed=1),
        Kind.MIXED: Mixed(network, NOTHING, seed=1),
    }


def random_question(network: Network, random: np.random.Generator) -> Question:
    """Some values forbidden, some variables set to one value."""
    allowed = (random.random(network.literals) > 0.15).astype(np.uint8)
    asked = allowed.copy()
    for variable in random.permutation(len(network.variables))[: random.integers(0, 3)].tolist():
        start, stop = network.first[variable], network.first[variable + 1]
        literal = random.integers(start, stop)
        allowed[start:stop] = 0
        allowed[literal] = asked[literal] = 1
    return Question(allowed, asked)


def truth(network: Network, question: Question) -> np.ndarray:
    """The bits of every literal, by all assignments."""
    valid = np.zeros(network.literals, dtype=np.uint8)
    rows = literals_of(network, every_assignment(network))
    if len(rows):
        kept = question.allowed[rows] == 1
        for row in rows[kept.all(axis=1)]:
            valid[row] |= STRICT
        for variable in range(len(network.variables)):
            others = np.delete(kept, variable, axis=1).all(axis=1)
            for literal in np.unique(rows[others][:, variable]).tolist():
                if question.asked[literal]:
                    valid[literal] |= 2
    return valid


def agree(seeds: range) -> None:
    judged = 0
    for seed in seeds:
        network = random_network(seed)
        random = np.random.default_rng(seed)
        try:
            found = engines(network)
        except NoModel:
            assert not len(every_assignment(network))
            continue
        for _ in range(3):
            question = random_question(network, random)
            expected = truth(network, question)
            for kind, engine in found.items():
                answer = engine.domains(question, Clock.of(20))
                if answer is None:
                    assert not (expected & STRICT).any(), (seed, kind)
                    continue
                assert not answer.open.any()
                assert (answer.valid == expected).all(), (seed, kind)
                judged += 1
    assert judged > len(seeds)


def test_engines_agree_with_all_assignments_of_random_networks() -> None:
    agree(range(60))


@pytest.mark.slow
def test_engines_agree_with_all_assignments_of_thousands_of_random_networks() -> None:
    agree(range(60, 3_060))


def test_engines_agree_on_the_bicycle_and_cp_sat_with_them(bicycle: CompiledProblem) -> None:
    network, names = bicycle.network, bicycle.names
    found = engines(network)
    cp_sat = CpSat(bicycle.problem, names, 0)
    random = np.random.default_rng(4)
    for _ in range(6):
        question = random_question(network, random)
        answers = {kind: engine.domains(question, Clock.of(20)) for kind, engine in found.items()}
        first = answers[Kind.DIAGRAM]
        for answer in answers.values():
            assert (answer is None) == (first is None)
            if first is not None and answer is not None:
                assert (answer.valid == first.valid).all()
        for literal in random.permutation(network.literals)[:8].tolist():
            allowed = question.allowed.copy()
            start = names.starts[names.owner[literal]]
            allowed[start : names.starts[names.owner[literal] + 1]] = 0
            allowed[literal] = question.allowed[literal]
            possible = cp_sat.find(allowed, {}, Clock.of(20)) is not None
            assert possible == (first is not None and bool(first.valid[literal] & STRICT))
