"""The judge: every kind of violation with an accepted and a refused case."""

from __future__ import annotations

import subprocess
import sys

import pytest

from solver.configuration.check import VariantAnswers, answers, is_valid, violations
from solver.configuration.problem import (
    ConfigurationProblem,
    Derived,
    ExpressionRule,
    GroupId,
    IntegerParameter,
    InvalidProblem,
    OptionGroup,
    OptionId,
    ParameterId,
    RuleId,
    TableRule,
    Variant,
    Within,
)
from solver.configuration.rules import parse


def group(name: str, minimum: int = 1, maximum: int = 1) -> OptionGroup:
    options = tuple(OptionId(f"{name}{k}") for k in (1, 2, 3))
    return OptionGroup(GroupId(name), options, minimum, maximum, {"n": {options[0]: 4, options[2]: -1}})


PROBLEM = ConfigurationProblem(
    (group("a"), group("b"), group("c", 0, 2)),
    (IntegerParameter(ParameterId("x"), 0, 12, 4),),
    (
        ExpressionRule(RuleId("sum"), parse("a.n + c.n <= x")),
        ExpressionRule(RuleId("ratio"), parse("12 / x >= 1")),
        TableRule(
            RuleId("pairs"),
            (GroupId("a"), GroupId("b")),
            ((OptionId("a1"), OptionId("b1")), (OptionId("a2"), OptionId("b2"))),
        ),
        TableRule(RuleId("never"), (GroupId("b"), GroupId("a")), ((OptionId("b2"), OptionId("a2")),), allowed=False),
    ),
)


def variant(text: str, **numbers: object) -> Variant:
    """`a1 b1 c1 c2`: each option in the group of its letter."""
    chosen: dict[GroupId, set[OptionId]] = {GroupId(name): set() for name in "abc"}
    for option in text.split():
        chosen[GroupId(option[0])].add(OptionId(option))
    return Variant({g: frozenset(some) for g, some in chosen.items()}, numbers or {"x": 4})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "broken"),
    [
        (variant("a1 b1"), set()),
        (variant("a1 b1 c3"), set()),
        (variant("a1 b1 c1"), {"sum"}),  # 4 + 4 > 4
        (variant("a1 b1 c1", x=8), set()),
        (variant("a1 b1 c3", x=0), {"sum", "ratio"}),  # dividing by 0 does not hold
        (variant("a1 b2"), {"pairs"}),
        (variant("a2 b2"), {"never"}),
        (variant("b1"), {"a"}),  # too few
        (variant("a1 a2 b1"), {"a"}),  # too many
        (variant("a1 b1 c1 c2 c3"), {"c"}),
        (variant("a9 b1"), {"a"}),  # no such option
        (variant("a1 b1", x=5), {"x"}),  # between the steps
        (variant("a1 b1", x=16), {"x"}),
        (variant("a1 b1", x=True), {"x"}),
        (variant("a1 b1", y=4), {"x", "y"}),
        (Variant({GroupId("a"): frozenset({OptionId("a1")})}, {ParameterId("x"): 4}), {"b", "c"}),
        (Variant({**variant("a1 b1").chosen, GroupId("z"): frozenset()}, {ParameterId("x"): 4}), {"z"}),
    ],
)
def test_the_judge_names_everything_that_is_broken(given: Variant, broken: set[str]) -> None:
    assert {violation.id for violation in violations(PROBLEM, given)} == broken
    assert is_valid(PROBLEM, given) is (not broken)


def test_a_rule_that_asks_a_text_or_an_unknown_name_cannot_be_stated() -> None:
    for text in ("length(x) > 0", "wings.large", "a.m > 1", "y > 1"):
        with pytest.raises(InvalidProblem):
            ConfigurationProblem((group("a"),), PROBLEM.parameters, (ExpressionRule(RuleId("r"), parse(text)),))


def when(name: str, condition: str, minimum: int = 1, maximum: int = 1) -> OptionGroup:
    plain = group(name, minimum, maximum)
    return OptionGroup(plain.id, plain.options, minimum, maximum, plain.numbers, parse(condition))


CONDITIONAL = ConfigurationProblem(
    (group("a"), when("b", "a.a1"), when("c", "x > 4 and b.b1", 0, 2)),
    (
        IntegerParameter(ParameterId("x"), 0, 12, 4),
        IntegerParameter(ParameterId("y"), 10, 30, 10, when=parse("a.a2")),
        IntegerParameter(ParameterId("z"), 1, 3, when=parse("12 / x > 1"), otherwise=2),
    ),
    (
        ExpressionRule(RuleId("twice"), parse("half <= 9")),
        ExpressionRule(RuleId("either"), parse("a.a3 or ratio > 1")),
        TableRule(
            RuleId("fits"),
            columns=("a", "half", "b"),
            cells=(
                (OptionId("a1"), Within(None, 6), OptionId("b1")),
                (OptionId("a1"), Within(7), None),
                (OptionId("a2"), None, OptionId("b3")),
                (OptionId("a3"), Within(1, 8), None),
            ),
        ),
    ),
    (Derived("ratio", parse("12 / (x - 4)")), Derived("half", parse("(x + y) / 2"))),
)


@pytest.mark.parametrize(
    ("given", "broken"),
    [
        (variant("a1 b1", x=8, y=0, z=1), set()),
        (variant("a1 b1 c1 c2", x=8, y=0, z=3), set()),  # c is asked
        (variant("a1 b1 c1 c2 c3", x=8, y=0, z=3), {"c"}),  # its maximum holds always
        (variant("a1", x=8, y=0, z=1), {"b:when"}),  # asked, not answered; the table says nothing of it
        (variant("a2 b3", x=8, y=10, z=1), {"b:when"}),  # answered, not asked
        (variant("a2", x=8, y=10, z=1), set()),  # where b is not asked, its column fits
        (variant("a2", x=8, y=0, z=1), {"y:when"}),
        (variant("a2", x=8, y=5, z=1), {"y"}),
        (variant("a1 b1", x=8, y=10, z=1), {"y:when"}),  # half is 9: the second row
        (variant("a2 b1", x=8, y=10, z=1), {"b:when", "fits"}),
        (variant("a1 b2", x=12, y=0, z=2), {"fits"}),  # half is 6, and not with b2
        (variant("a1 b2 c1", x=12, y=0, z=2), {"fits", "c:when"}),
        (variant("a1 b1", x=12, y=0, z=2), set()),  # 12 / 12 is not more than 1: not asked
        (variant("a1 b1", x=12, y=0, z=3), {"z:when"}),
        (variant("a3", x=4, y=0, z=3), set()),  # never looks at the ratio
        (variant("a1 b1", x=4, y=0, z=3), {"either"}),  # divides by 0
        (variant("a3", x=0, y=0, z=2), {"z:when", "fits"}),  # cannot be told
        (variant("a2", x=12, y=20, z=2), {"twice"}),
    ],
)
def test_the_judge_knows_when_a_question_is_asked_and_what_is_derived(given: Variant, broken: set[str]) -> None:
    assert {violation.id for violation in violations(CONDITIONAL, given)} == broken


def test_a_forbidden_row_is_complete_only_where_everything_in_it_is_answered() -> None:
    never = TableRule(
        RuleId("never"), (GroupId("a"), GroupId("b")), ((OptionId("a2"), OptionId("b1")),), allowed=False
    )
    problem = ConfigurationProblem((group("a"), group("b", 0)), (), (never,))

    def chosen(text: str) -> Variant:
        return Variant({GroupId(name): frozenset(OptionId(o) for o in text.split() if o[0] == name) for name in "ab"})

    assert not is_valid(problem, chosen("a2 b1"))
    assert is_valid(problem, chosen("a2 b2"))
    assert is_valid(problem, chosen("a2"))


def test_a_quantity_is_computed_once_for_a_variant() -> None:
    doubled = [Derived("q0", parse("x"))]
    doubled += [Derived(f"q{k}", parse(f"q{k - 1} / 2 + q{k - 1} / 2")) for k in range(1, 13)]
    problem = ConfigurationProblem((), PROBLEM.parameters, (), tuple(doubled))
    asked = answers(problem, Variant({}, {ParameterId("x"): 8}))
    assert asked.parameter("q12") == 8
    assert isinstance(asked, VariantAnswers) and len(asked.known) == 13


def test_the_judge_imports_no_solver() -> None:
    text = "import sys, solver.configuration.check; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=True).stdout.split()
    assert "solver.configuration.problem" in loaded
    assert not {"ortools", "numba", "numpy"} & {name.partition(".")[0] for name in loaded}
