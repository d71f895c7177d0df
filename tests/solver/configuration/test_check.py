"""The judge: every kind of violation with an accepted and a refused case."""

from __future__ import annotations

import pytest

from solver.configuration.check import is_valid, violations
from solver.configuration.problem import (
    ConfigurationProblem,
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
