"""Every operator and both kinds of tables mean to each engine what they mean to the judge."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import HealthCheck, given, settings

from solver import cp
from solver.configuration.compile import compile_problem
from solver.configuration.encode import Encoding
from solver.configuration.problem import (
    Choose,
    ConfigurationProblem,
    Decision,
    Derived,
    Enter,
    ExpressionRule,
    GroupId,
    IntegerParameter,
    InvalidProblem,
    OptionGroup,
    OptionId,
    ParameterId,
    Rule,
    RuleId,
    TableRule,
    Variant,
    Within,
)
from solver.configuration.rules import parse
from solver.configuration.session import OptionState, valid_domains
from tests.solver.configuration.brute import GROUPS, PARAMETERS, all_variants, has, judged_variants, problems

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
    "x mod 3 = 2 and x mod y = 1",
    "(x - 3) mod y + x mod -2 = 1",
    "x mod 1.5 = 0.5",
    "a.n mod c.n = 3",  # divides by 0 with c2 alone
    "x / y <= 1.5",
    "2 < x / a.n",  # by 3, by -2, or by 0
    "floor(x / y) = 2",
    "ceil(x / a.n) = -2",
    "x / (y - 3) >= 4",
    "x / a.n + c.n / y > 3",
    "a.a3 or x / a.n = 1",  # never divides where a3 is chosen
    "(x - 2) / a.n = 1 or a.a3",  # divides first
    "when a.a3 then y = 2 when x / a.n > 1 then y = 3 else c.c1",
    "when a.a1 then x when a.a2 then y else 0",
    "(when x > 4 then 1 when y > 2 then 2 else 3) = c.n",
    "not (x / a.n > 1)",
    "b.b1 => 1 / (x - 2) > 0",
    "(1 / (x - 2)) * 0 = 0",
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
    compiled = compile_problem(problem)
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


X, Y, Z = ParameterId("x"), ParameterId("y"), ParameterId("z")
SHEET = ConfigurationProblem(
    (
        OptionGroup(GroupId("front"), (OptionId("oak"), OptionId("glass")), numbers={"kg": {OptionId("oak"): 3}}),
        OptionGroup(GroupId("mirror"), (OptionId("small"), OptionId("large")), when=parse("front.glass")),
        OptionGroup(GroupId("lights"), tuple(OptionId(f"l{k}") for k in range(3)), 2, 3, when=parse("width >= 900")),
    ),
    (
        IntegerParameter(ParameterId("width"), 300, 1_200, 150),
        IntegerParameter(ParameterId("shelves"), 1, 3, when=parse("not mirror.large"), otherwise=0),
        IntegerParameter(ParameterId("ral"), 1_000, 7_000, 3_000, when=parse("front.oak"), otherwise=4_500),
        IntegerParameter(ParameterId("depth"), 20, 40, 10, when=parse("shelves > 1"), otherwise=99),
    ),
    (
        ExpressionRule(RuleId("boards"), parse("boards <= 6")),
        ExpressionRule(RuleId("load"), parse("weight / boards <= 60")),
        ExpressionRule(RuleId("depth"), parse("depth mod 20 != 10")),
        TableRule(
            RuleId("widths"),
            columns=("mirror", "width", "boards"),
            cells=(
                (OptionId("small"), Within(300, 700), None),
                (OptionId("large"), Within(650), Within(1, 3)),
            ),
        ),
        TableRule(
            RuleId("never"), columns=("mirror", "shelves"), cells=((OptionId("small"), Within(2, 2)),), allowed=False
        ),
    ),
    (
        Derived("weight", parse("boards * (front.kg + 2) + floor(width / 7)")),
        Derived("boards", parse("ceil(width / 400) + shelves")),
    ),
)


def assert_agrees(problem: ConfigurationProblem, seed: int, count: int) -> None:
    """What CP-SAT says of assignments under all rules, and under some of them, is what the judge says."""
    encoding = Encoding(problem)
    judged = judged_variants(problem)
    random = Random(seed)
    kept = [item for item in judged if not item[1]]
    broken = [item for item in judged if item[1]]
    drawn = [*random.sample(kept, min(count, len(kept))), *random.sample(broken, min(count, len(broken)))]
    for variant, rules in drawn:
        assert solved(encoding, variant, frozenset(encoding.switch)) == (not rules)
        if rules:
            others = frozenset(rule for rule in encoding.switch if rule not in rules)
            assert solved(encoding, variant, others)  # what is defined for one rule never limits another
            assert not solved(encoding, variant, frozenset({RuleId(random.choice(sorted(rules)))}))


def solved(encoding: Encoding, variant: Variant, rules: frozenset[RuleId]) -> bool:
    """Whether CP-SAT finds the variant under these rules."""
    for (group, option), place in encoding.option.items():
        encoding.restrict(place, [int(option in variant.chosen[group])] * 2)
    for parameter, place in encoding.parameter.items():
        position = encoding.problem.parameter_by_id[parameter].values.index(variant.numbers[parameter])
        encoding.restrict(place, (position, position))
    for rule, switch in encoding.switch.items():
        encoding.restrict(switch, [int(rule in rules)] * 2)
    answer = cp.solve(encoding.model, cp.Limits(20, seed=1), settings=cp.LIGHT)
    assert answer.status.solved or answer.status is cp.Status.INFEASIBLE
    return answer.status.solved


@settings(max_examples=12, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(problem=problems(divide=True))
def test_the_encoding_of_a_random_problem_says_what_the_judge_says(problem: ConfigurationProblem) -> None:
    assert_agrees(problem, seed=1, count=4)


@pytest.mark.slow
@settings(max_examples=400, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(problem=problems(divide=True))
def test_the_encodings_of_many_random_problems_say_what_the_judge_says(problem: ConfigurationProblem) -> None:
    assert_agrees(problem, seed=2, count=6)


def test_questions_that_are_not_always_asked_and_quantities_are_encoded_as_they_are_judged() -> None:
    assert len(all_variants(SHEET)) > 50
    assert_agrees(SHEET, seed=3, count=40)


def test_a_number_of_millimetres_is_divided_without_a_table() -> None:
    groups = (OptionGroup(GroupId("board"), (OptionId("b1"), OptionId("b2")), numbers={"w": {OptionId("b1"): 7}}),)
    parameters = (IntegerParameter(X, 0, 10**6), IntegerParameter(Y, 1, 10**6), IntegerParameter(Z, -50, 50))
    texts = ("floor(x / y) = 3", "x mod y = 17", "x / y > 3.0001", "floor((x + 1) / z) = -4", "x / board.w >= 9")
    rules = [ExpressionRule(RuleId(f"r{k}"), parse(text)) for k, text in enumerate(texts)]
    problem = ConfigurationProblem(groups, parameters, tuple(rules))
    encoding = Encoding(problem)
    answer = cp.solve(encoding.model, cp.Limits(20, seed=1), settings=cp.LIGHT)
    assert answer.status.solved
    x, y, z = (p.values[answer.values[encoding.parameter[p.id]]] for p in parameters)
    assert x // y == 3 and x % y == 17 and x > 3.0001 * y and (x + 1) // z == -4


def test_a_rule_that_cannot_be_said_is_refused_by_its_name() -> None:
    parameters = tuple(IntegerParameter(ParameterId(name), 1, 10**6) for name in ("x", "y"))
    rule = ExpressionRule(RuleId("odd"), parse("x / y + y / x = 2.5"))
    problem = ConfigurationProblem((), parameters, (rule,))
    with pytest.raises(InvalidProblem, match="odd: too many combinations"):
        Encoding(problem)
