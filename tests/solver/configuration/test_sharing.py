"""One compiled problem serves many threads, and processes that were forked after it was made."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ThreadPoolExecutor
from random import Random

from solver.configuration.compile import CompiledProblem, compile_problem
from solver.configuration.complete import complete
from solver.configuration.problem import Choose, Decision, Variant
from solver.configuration.session import Session, ValidDomains, valid_domains


def histories(compiled: CompiledProblem, seed: int, count: int) -> list[tuple[Decision, ...]]:
    """Decisions of random sessions, none of them in conflict."""
    random = Random(seed)
    found: list[tuple[Decision, ...]] = []
    for _ in range(count):
        session = Session(compiled)
        for group in random.sample(compiled.problem.groups, 5):
            session.decide(Choose(group.id, random.choice(group.options)))
        found.append(session.decisions)
    return found


def answer(compiled: CompiledProblem, decisions: tuple[Decision, ...]) -> tuple[ValidDomains | None, Variant]:
    return valid_domains(compiled, decisions, seconds=20), complete(compiled, decisions, seconds=20)


def test_threads_get_the_answers_that_one_alone_gets(engine: str, bicycle: CompiledProblem) -> None:
    asked = histories(bicycle, seed=7, count=24)
    alone = compile_problem(bicycle.problem)
    expected = [answer(alone, decisions) for decisions in asked]
    shared = compile_problem(bicycle.problem)
    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(lambda decisions: answer(shared, decisions), asked * 2)) == expected * 2


def _answers(compiled: CompiledProblem, asked: list[tuple[Decision, ...]], into: object) -> None:
    into.put([answer(compiled, decisions) for decisions in asked])  # type: ignore[attr-defined]


def test_forked_processes_get_the_answers_of_their_parent(engine: str, bicycle: CompiledProblem) -> None:
    compiled = compile_problem(bicycle.problem)
    asked = histories(bicycle, seed=8, count=6)
    expected = [answer(compiled, decisions) for decisions in asked]
    compiled.domains_memo.clear()
    compiled.completions_memo.clear()
    context = multiprocessing.get_context("fork")
    results = context.Queue()
    process = context.Process(target=_answers, args=(compiled, asked, results))
    process.start()
    try:
        assert results.get(timeout=60) == expected
    finally:
        process.join(timeout=60)
    assert process.exitcode == 0
