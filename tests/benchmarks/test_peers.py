"""The peers are right before they are slow: what they answer is what enumerating every variant says."""

import json
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from functools import cache
from itertools import product
from pathlib import Path

import pytest

from solver.configuration.check import is_valid
from solver.configuration.problem import (
    Choose,
    ConfigurationProblem,
    Decision,
    Enter,
    ExpressionRule,
    GroupId,
    IntegerParameter,
    OptionGroup,
    OptionId,
    ParameterId,
    RuleId,
    TableRule,
    Variant,
)
from solver.configuration.rules import Comparator, Comparison, Implies, Member, Not, Number, Parameter, Product, Sum
from tests.benchmarks.apart import Apart, Ended, Overdue
from tests.benchmarks.domains import Answers, _compare
from tests.benchmarks.house import ROOT
from tests.benchmarks.models import Model, Source
from tests.benchmarks.peers.cpsat_model import _diagram
from tests.benchmarks.peers.cpsat_naive import Naive
from tests.benchmarks.peers.cpsat_tuned import Tuned
from tests.benchmarks.peers.talk import Question
from tests.benchmarks.statement import Statement, signed, state

FLAMAPY = ROOT / ".venv" / "peers" / "bin" / "python"


def group(name: str, size: int, **more: object) -> OptionGroup:
    return OptionGroup(GroupId(name), tuple(OptionId(f"{name}{k}") for k in range(size)), **more)  # type: ignore[arg-type]


def has(name: str, place: int) -> Member:
    return Member(GroupId(name), OptionId(f"{name}{place}"))


WEIGHT = {"weight": {OptionId(f"c{k}"): 3 * k for k in range(5)}}
TREE = (  # what flamapy can state too
    ExpressionRule(RuleId("a0 needs b1"), Implies(has("a", 0), has("b", 1))),
    ExpressionRule(RuleId("not a1 with d0"), Implies(has("a", 1), Not(has("d", 0)))),
    ExpressionRule(RuleId("b1 needs d1"), Implies(has("b", 1), has("d", 1))),
)
GROUPS = (group("a", 5), group("b", 2, minimum=0), group("c", 5, numbers=WEIGHT), group("d", 2, minimum=0, maximum=2))
CLOSED = ConfigurationProblem(GROUPS, rules=TREE)
WHOLE = ConfigurationProblem(
    GROUPS,
    (IntegerParameter(ParameterId("x"), 0, 6, 2), IntegerParameter(ParameterId("long"), 0, 3000, 3)),
    (
        *TREE,
        TableRule(
            RuleId("rows"),
            (GroupId("a"), GroupId("c")),
            tuple((OptionId(f"a{i}"), OptionId(f"c{j}")) for i, j in ((0, 0), (1, 1), (2, 1), (2, 2), (3, 4), (4, 0))),
        ),
        ExpressionRule(
            RuleId("sum"),
            Comparison(
                Sum((Member(GroupId("c"), "weight"), Parameter("x"), Parameter("long"))),
                Comparator.LESS_OR_EQUAL,
                Number(Fraction(9)),
            ),
        ),
    ),
)
CURVED = replace(
    WHOLE,
    rules=(
        *WHOLE.rules,
        ExpressionRule(
            RuleId("product"),
            Comparison(
                Product((Parameter("long"), Sum((Member(GroupId("c"), "weight"), Parameter("x"))))),
                Comparator.LESS_OR_EQUAL,
                Number(Fraction(18)),
            ),
        ),
    ),
)
PROBLEMS = {"closed": CLOSED, "whole": WHOLE, "curved": CURVED}
SESSIONS: tuple[tuple[Decision, ...], ...] = (
    (),
    (Choose(GroupId("a"), OptionId("a0")),),
    (Choose(GroupId("d"), OptionId("d1"), False), Choose(GroupId("c"), OptionId("c2"))),
    (Choose(GroupId("b"), OptionId("b0")), Choose(GroupId("d"), OptionId("d0"))),
)
NUMBERS: tuple[tuple[Decision, ...], ...] = (
    (Enter(ParameterId("x"), 6),),
    (Enter(ParameterId("long"), 6), Choose(GroupId("a"), OptionId("a2"))),
)


@cache
def variants(name: str) -> tuple[Variant, ...]:
    """Every valid variant of a problem; of a parameter with many values only those up to 9."""
    return tuple(enumerated(PROBLEMS[name]))


def enumerated(problem: ConfigurationProblem) -> Iterator[Variant]:
    subsets = []
    for one in problem.groups:
        pairs = product((False, True), repeat=len(one.options))
        chosen = [frozenset(o for o, bit in zip(one.options, bits, strict=True) if bit) for bits in pairs]
        subsets.append([options for options in chosen if one.minimum <= len(options) <= one.maximum])
    numbers = [[value for value in parameter.values if value <= 9] for parameter in problem.parameters]
    for row in product(*subsets, *numbers):
        chosen_by_group = {one.id: options for one, options in zip(problem.groups, row, strict=False)}
        entered = {p.id: n for p, n in zip(problem.parameters, row[len(problem.groups) :], strict=True)}
        variant = Variant(chosen_by_group, entered)
        if is_valid(problem, variant):
            yield variant


def keeps(variant: Variant, decision: Decision) -> bool:
    if isinstance(decision, Enter):
        return variant.numbers[decision.parameter] == decision.value
    return (decision.option in variant.chosen[decision.group]) == decision.chosen


def truth(name: str, decisions: tuple[Decision, ...]) -> tuple[list[int], list[int]]:
    """For each choice, in the statement's order, whether some variant with the decisions has it, and has it not."""
    problem = PROBLEMS[name]
    choices: list[Decision] = [Choose(one.id, option) for one in problem.groups for option in one.options]
    choices += [Enter(p.id, value) for p in problem.parameters if len(p.values) < 100 for value in p.values]
    left = [v for v in variants(name) if all(keeps(v, decision) for decision in decisions)]
    can = [int(any(keeps(v, choice) for v in left)) for choice in choices]
    return can, [int(any(not keeps(v, choice) for v in left)) for choice in choices]


def asked(problem: ConfigurationProblem, decisions: tuple[Decision, ...]) -> tuple[Statement, Question]:
    statement, names = state(Model(Source("small"), problem))
    fixed = [signed(names, d) for d in decisions if not (isinstance(d, Enter) and d.parameter in names.number)]
    numbers = {
        names.number[d.parameter]: (d.value, problem.parameter_by_id[d.parameter].values.index(d.value))
        for d in decisions
        if isinstance(d, Enter) and d.parameter in names.number
    }
    # As it comes to a peer: through JSON.
    return json.loads(json.dumps(statement)), Question(fixed, numbers, [True] * statement["literals"], 10.0)


@pytest.mark.parametrize("peer", [Naive, Tuned])
@pytest.mark.parametrize("decisions", [*SESSIONS, *NUMBERS])
def test_a_cp_sat_peer_answers_what_enumeration_says(
    peer: type[Naive] | type[Tuned], decisions: tuple[Decision, ...]
) -> None:
    statement, question = asked(WHOLE, decisions)
    assert statement["sums"] and statement["tables"]
    can, cannot = peer(statement).answer(question)
    assert (list(can), list(cannot)) == truth("whole", decisions)


def test_the_tuned_peer_answers_the_same_from_what_it_remembers() -> None:
    statement, _ = asked(WHOLE, ())
    peer = Tuned(statement)
    for decisions in (*SESSIONS, *NUMBERS, *SESSIONS):
        can, cannot = peer.answer(asked(WHOLE, decisions)[1])
        assert (list(can), list(cannot)) == truth("whole", decisions)


@pytest.mark.skipif(not FLAMAPY.exists(), reason="`make bench` installs it")
@pytest.mark.parametrize("decisions", SESSIONS)
def test_flamapy_answers_what_enumeration_says(decisions: tuple[Decision, ...], tmp_path: Path) -> None:
    statement, question = asked(CLOSED, decisions)
    (tmp_path / "statement.json").write_text(json.dumps(statement))
    with Apart("tests.benchmarks.peers.flamapy", str(FLAMAPY)) as process:
        ready = process.ask({"statement": str(tmp_path / "statement.json"), "own_reader": True}, 60)
        assert "seconds" in ready
        offered = "1" * len(question.offered)
        answer = process.ask({"fixed": question.fixed, "numbers": {}, "offered": offered, "seconds": 9}, 30)
    found = [[int(letter) for letter in answer[side]] for side in ("can", "cannot")]
    assert tuple(found) == truth("closed", decisions)


@pytest.mark.parametrize("peer", [Naive, Tuned])
@pytest.mark.parametrize("decisions", [*SESSIONS, *NUMBERS])
def test_a_cp_sat_peer_answers_a_model_with_formulas_too(
    peer: type[Naive] | type[Tuned], decisions: tuple[Decision, ...]
) -> None:
    statement, question = asked(CURVED, decisions)
    assert statement["formulas"] > 0
    can, cannot = peer(statement).answer(question)
    assert (list(can), list(cannot)) == truth("curved", decisions)


def test_equal_ends_of_rows_share_their_nodes() -> None:
    layers = _diagram([[0, 0, 1], [0, 1, 1], [1, 0, 1], [1, 1, 1], [2, 1, 0]])
    assert [len(layer) for layer in layers] == [1, 2, 2]


def test_a_disagreement_is_counted_and_what_was_not_settled_is_not() -> None:
    found = Answers()
    _compare(found, {"can": "1102", "cannot": "0011"}, {"can": "1121", "cannot": "0013"})
    assert (found.compared, found.disagreements, found.undecided) == (5, 0, 1)
    _compare(found, {"can": "1", "cannot": "0"}, {"can": "0", "cannot": "0"})
    assert found.disagreements == 1


def test_a_process_that_ends_or_is_overdue_is_told_apart() -> None:
    with Apart("tests.benchmarks.peers.cpsat_naive") as process, pytest.raises(Ended, match="No such file"):
        process.ask({"statement": "nowhere.json", "own_reader": True}, 60)
    with Apart("tests.benchmarks.peers.cpsat_naive") as process, pytest.raises(Overdue):
        process.ask({"statement": "nowhere.json", "own_reader": True}, 0.0)
