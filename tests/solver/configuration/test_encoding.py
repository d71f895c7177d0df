"""Every operator and both kinds of tables mean to each engine what they mean to the judge."""

from __future__ import annotations

import pytest

from solver.configuration.compile import compile_problem
from solver.configuration.problem import (
    Choose,
    ConfigurationProblem,
    Decision,
    Enter,
    ExpressionRule,
    GroupId,
    OptionId,
    ParameterId,
    Rule,
    RuleId,
    TableRule,
)
from solver.configuration.rules import parse
from solver.configuration.session import OptionState, valid_domains
from tests.solver.configuration.brute import GROUPS, PARAMETERS, all_variants, has

A, D = GroupId("a"), GroupId("d")
RULES = [
    "a.n + c.n <= x",
    "a.n + c.n + x < y",
    "a.n + c.n + x >= 12",
    "x > a.n + y + c.n",
    "a.n + c.n + x = 8",
    "x + y != 4 and a.n != 0",
    "1.25 * x - 0.5 * y <= 5 and x > 2",
    "floor(x / 2) = y",  # 8 / 2 = 4, 5 / 2 = 2
    "floor(x / 3) = y - 2",
    "ceil(x / 4) = 2 and y < 4",
    "ceil(y / 2) + floor(-x / 2) = 1",
    "max(x, y, a.n) = 3",
    "min(a.n, x, 2) = 2",
    "x * y = 10",
    "x * a.a1 + y >= 9",
    "a.n * c.n = 15",
    "x / 3 * 2 > y",
    "when b.b1 then x > 4 else y = 2",
    "x + (when a.a1 then 3 else c.n) = 10",
    "not (a.a1 or b.b1) => d.d1 and c.c1",
    "(a.a1 and d.d1) != b.b1",
    "(a.a1 => b.b1) = (c.c1 or d.d2)",
    "b.b1 + b.b2 = 0",
    "c.c1 + c.c2 + c.c3 = 2 and c.n",
    "a.n",
    "x - 2",
]
TABLES = [
    TableRule(RuleId("t"), (A, D), ((OptionId("a1"), OptionId("d2")), (OptionId("a3"), OptionId("d2")))),
    TableRule(RuleId("t"), (D, A), ((OptionId("d1"), OptionId("a1")), (OptionId("d2"), OptionId("a1"))), allowed=False),
]


@pytest.mark.parametrize("rule", [*RULES, *TABLES], ids=str)
def test_a_rule_means_to_every_engine_what_it_means_to_the_judge(engine: str, rule: str | TableRule) -> None:
    stated: Rule = ExpressionRule(RuleId("r"), parse(rule)) if isinstance(rule, str) else rule
    problem = ConfigurationProblem(GROUPS, PARAMETERS, (stated,))
    variants = all_variants(problem)
    assert variants
    compiled = compile_problem(problem, known=0)
    given: list[tuple[Decision, ...]] = [(), (Choose(A, OptionId("a1")),), (Enter(ParameterId("y"), 2),)]
    for decisions in given:
        domains = valid_domains(compiled, decisions, seconds=20)
        left = [variant for variant in variants if has(variant, decisions)]
        assert (domains is None) == (not left)
        if domains is None:
            continue
        for group in problem.groups:
            if any(isinstance(d, Choose) and d.group == group.id for d in decisions):
                continue
            for option in group.options:
                counts = {option in variant.chosen[group.id] for variant in left}
                expected = {
                    frozenset({True}): OptionState.IMPLIED,
                    frozenset({False}): OptionState.EXCLUDED,
                    frozenset({True, False}): OptionState.OPEN,
                }[frozenset(counts)]
                assert domains.state(group.id, option) is expected
        x = {n for low, high, step in domains.numbers[ParameterId("x")] for n in range(low, high + 1, step)}
        assert x == {variant.numbers[ParameterId("x")] for variant in left}
