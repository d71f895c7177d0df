"""One compiled problem serves many threads, and processes that were forked after it was made."""

from __future__ import annotations

import gc
import multiprocessing
from concurrent.futures import ThreadPoolExecutor
from random import Random

import psutil
import pytest

from solver.configuration.compile import CompiledProblem, Memo, compile_problem
from solver.configuration.complete import complete
from solver.configuration.problem import Choose, Decision, Variant
from solver.configuration.session import Session, valid_domains


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


def answer(compiled: CompiledProblem, decisions: tuple[Decision, ...]) -> tuple[object, Variant]:
    found = valid_domains(compiled, decisions, seconds=20)
    assert found is not None
    said = (found.options, found.numbers, found.undecided, found.open_questions)
    return said, complete(compiled, decisions, seconds=20)


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


def clicks(compiled: CompiledProblem, count: int, seed: int) -> None:
    """Random clicks of many buyers, each of whom forgets everything after eight."""
    random = Random(seed)
    session = Session(compiled)
    for number in range(count):
        if number % 8 == 0:
            session.forget()
        group = random.choice(compiled.problem.groups)
        session.decide(Choose(group.id, random.choice(group.options)))


def grown(compiled: CompiledProblem, count: int) -> int:
    """By how many bytes the process grows over so many clicks, after a warm-up of a tenth of them."""
    process = psutil.Process()
    clicks(compiled, count // 10, seed=1)
    gc.collect()
    before = process.memory_info().rss
    clicks(compiled, count, seed=2)
    gc.collect()
    return process.memory_info().rss - before


def test_clicks_leave_no_more_behind_than_the_memo_holds(bicycle: CompiledProblem) -> None:
    compiled = compile_problem(bicycle.problem)
    compiled.at_once = (False,) * len(compiled.parts)  # as if every part were worth remembering
    compiled.domains_memo = Memo(64)
    clicks(compiled, 1_000, seed=3)
    assert len(compiled.domains_memo) == 64


@pytest.mark.slow
def test_a_hundred_thousand_clicks_leave_memory_flat(bicycle: CompiledProblem) -> None:
    assert grown(compile_problem(bicycle.problem), 100_000) < 10 * 2**20

