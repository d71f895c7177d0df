"""The analysis says what enumerating and judging every variant says, with proofs from which nothing can be left out."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import HealthCheck, given, settings

from solver.configuration.analyse import (
    Analysis,
    Proof,
    Step,
    analyse,
    analyse_void,
)
from solver.configuration.check import answers
from solver.configuration.compile import VoidProblem, compile_problem
from solver.configuration.count import count
from solver.configuration.problem import (
    ConfigurationProblem,
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
from solver.configuration.question import Clock
from solver.configuration.rules import Implies, holds, parse
from tests.solver.configuration.brute import judged_variants, problems

Judged = Sequence[tuple[Variant, frozenset[str]]]


def group(name: str, *options: str, minimum: int = 1, maximum: int = 1) -> OptionGroup:
    return OptionGroup(GroupId(name), tuple(map(OptionId, options)), minimum, maximum)


def rule(name: str, text: str) -> ExpressionRule:
    return ExpressionRule(RuleId(name), parse(text))


LAMP = ConfigurationProblem(
    (
        group("shade", "small", "large"),
        group("colour", "red", "blue", "green"),
        group("foot", "round", "square", "none"),
        group("extras", "timer", "plug", minimum=0, maximum=2),
    ),
    (IntegerParameter(ParameterId("height"), 20, 80, 10),),
    (
        rule("no_green", "not colour.green"),
        rule("tall", "height >= 40"),
        rule("taller", "height >= 30"),  # `tall` implies it
        rule("green_timer", "colour.green => extras.timer"),  # green cannot be had
        rule("square_large", "foot.square => shade.large"),
        rule("no_foot", "foot.none => shade.small"),
        rule("no_foot_large", "foot.none => shade.large"),  # with the one before: a foot there must be
        TableRule(
            RuleId("paint"),
            (GroupId("shade"), GroupId("colour")),
            (
                (OptionId("small"), OptionId("red")),
                (OptionId("large"), OptionId("red")),
                (OptionId("small"), OptionId("green")),
                (OptionId("large"), OptionId("blue")),
            ),
        ),
    ),
)


@pytest.fixture(scope="module")
def lamp() -> Analysis:
    return analyse(compile_problem(LAMP), seconds=30)


def test_dead_options_come_with_the_rules_that_kill_them(lamp: Analysis) -> None:
    found = {f"{one.group}.{one.option}": one.proof for one in lamp.dead}
    assert found == {
        "colour.green": Proof((RuleId("no_green"),), minimal=True),
        "foot.none": Proof((RuleId("no_foot"), RuleId("no_foot_large")), minimal=True),
    }


def test_rules_that_contradict_each_other_about_an_option_are_told_together(lamp: Analysis) -> None:
    (quarrel,) = lamp.contradictions
    assert quarrel.rules == ("no_foot", "no_foot_large") and quarrel.options == (("foot", "none"),)


def test_numbers_that_nobody_can_enter_are_told_with_a_reason(lamp: Analysis) -> None:
    (height,) = lamp.numbers
    assert (height.valid, height.dead) == (((40, 80, 10),), 20)
    assert height.proof.rules in [("tall",), ("taller",)]


def test_redundant_rules_come_with_what_implies_them(lamp: Analysis) -> None:
    found = {one.rule: (one.vacuous, one.proof) for one in lamp.redundant}
    assert found[RuleId("taller")] == (False, Proof((RuleId("tall"),), minimal=True))
    assert found[RuleId("green_timer")] == (True, Proof((RuleId("no_green"),), minimal=True))
    assert set(found) == {"taller", "green_timer"}


def test_options_that_need_one_other_option_are_told_as_pairs(lamp: Analysis) -> None:
    pairs = {(f"{one.group}.{one.option}", f"{one.other_group}.{one.other}"): one.proof.rules for one in lamp.only_with}
    assert pairs[("foot.square", "shade.large")] == ("square_large",)
    assert pairs[("colour.blue", "shade.large")] == ("paint",)
    assert pairs[("shade.small", "colour.red")] == ("no_green", "paint")
    assert ("colour.red", "shade.large") not in pairs


def test_rows_of_a_table_that_no_variant_has_are_told(lamp: Analysis) -> None:
    assert [(one.rule, one.rows) for one in lamp.unused_rows] == [("paint", (2,))]


def test_a_forbidden_row_that_another_rule_forbids_is_unused() -> None:
    problem = ConfigurationProblem(
        LAMP.groups[:2],
        (),
        (
            rule("no_green", "not colour.green"),
            TableRule(
                RuleId("never"),
                (GroupId("shade"), GroupId("colour")),
                ((OptionId("small"), OptionId("green")), (OptionId("small"), OptionId("red"))),
                allowed=False,
            ),
        ),
    )
    found = analyse(compile_problem(problem), seconds=30)
    assert [(one.rule, one.rows) for one in found.unused_rows] == [("never", (0,))]


def test_the_number_of_variants_is_exact_where_little_hangs_together(lamp: Analysis) -> None:
    truth = sum(not broken for _, broken in judged_variants(LAMP))
    assert lamp.variants is not None and lamp.variants.exact == truth
    assert lamp.unsettled == () and not lamp.stopped


def test_what_time_does_not_settle_is_told_apart_from_what_is_not_so() -> None:
    found = analyse(compile_problem(LAMP), seconds=0)
    open_ = {one.step: one.subjects for one in found.unsettled}
    assert set(open_[Step.RULES]) == {str(one.id) for one in LAMP.rules}
    assert found.redundant == () and found.variants is None and Step.COUNT in open_
    assert "colour.red" in open_[Step.PAIRS]


def test_an_analysis_that_is_stopped_keeps_what_it_has() -> None:
    said: list[Step] = []
    found = analyse(
        compile_problem(LAMP), seconds=30, report=lambda p: said.append(p.step), stop=lambda: Step.RULES in said
    )
    assert found.stopped
    assert {one.option for one in found.dead} == {"green", "none"}
    assert Step.RULES in {one.step for one in found.unsettled}


def test_progress_goes_through_the_steps_in_order() -> None:
    said = []
    analyse(compile_problem(LAMP), seconds=30, report=said.append)
    steps = [list(Step).index(one.step) for one in said]
    assert steps == sorted(steps) and {one.step for one in said} == set(Step)
    assert all(0 <= one.share <= 1 and 0 <= one.done <= one.total for one in said)


def test_all_contradictions_of_a_void_problem_are_told_each_minimal() -> None:
    problem = ConfigurationProblem(
        LAMP.groups,
        LAMP.parameters,
        (
            rule("red", "colour.red"),
            rule("blue", "colour.blue"),
            rule("small", "shade.small"),
            rule("square", "foot.square and (foot.square => shade.large)"),
            rule("fine", "height <= 60"),
        ),
    )
    with pytest.raises(VoidProblem):
        compile_problem(problem)
    found = analyse_void(problem)
    assert found.void
    assert [one.rules for one in found.contradictions] == [("red", "blue"), ("small", "square")]


def test_a_rule_that_only_forbids_a_division_by_zero_is_not_redundant() -> None:
    """It holds wherever it has a value; where its divisor is 0 it does not hold, and so it takes variants away."""
    problem = ConfigurationProblem(
        LAMP.groups[:1], (IntegerParameter(ParameterId("n"), 0, 4),), (rule("share", "12 / n >= 1"),)
    )
    assert analyse(compile_problem(problem), seconds=30).redundant == ()
    harmless = ConfigurationProblem(
        LAMP.groups[:1], (IntegerParameter(ParameterId("n"), 1, 4),), (rule("share", "12 / n >= 1"),)
    )
    assert [one.rule for one in analyse(compile_problem(harmless), seconds=30).redundant] == ["share"]


# --- against brute force --------------------------------------------------------------------------------------------


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(problem=problems(divide=False))
def test_an_analysis_agrees_with_brute_force(problem: ConfigurationProblem) -> None:
    agrees(problem)


@pytest.mark.slow
@settings(max_examples=1500, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(problem=problems(divide=True))
def test_an_analysis_agrees_with_brute_force_on_many_problems(problem: ConfigurationProblem) -> None:
    agrees(problem)


def agrees(problem: ConfigurationProblem) -> None:
    judged = judged_variants(problem)
    valid = [variant for variant, broken in judged if not broken]
    if not valid:
        found = analyse_void(problem)
        assert found.void and found.contradictions
        for one in found.contradictions:
            assert_minimal(judged, one.rules, lambda _: True)
        return
    found = analyse(compile_problem(problem), seconds=60)
    options = [(g, o) for g in problem.groups for o in g.options]
    dead = {(g.id, o) for g, o in options if not any(o in v.chosen[g.id] for v in valid)}
    core = {(g.id, o) for g, o in options if all(o in v.chosen[g.id] for v in valid)}
    assert {(one.group, one.option) for one in found.dead} == dead
    assert {(one.group, one.option) for one in found.core} == core
    for one in found.dead:
        assert_minimal(judged, one.proof.rules, lambda v, one=one: one.option in v.chosen[one.group])  # type: ignore[misc]
    for kept in found.core:
        assert_minimal(judged, kept.proof.rules, lambda v, one=kept: one.option not in v.chosen[one.group])  # type: ignore[misc]
    for number in found.numbers:
        seen = {v.numbers[number.parameter] for v in valid}
        assert {n for low, high, step in number.valid for n in range(low, high + 1, step)} == seen
        assert_minimal(judged, number.proof.rules, lambda v, one=number: v.numbers[one.parameter] == one.dead)  # type: ignore[misc]
    narrow = {one.parameter for one in found.numbers}
    assert narrow == {p.id for p in problem.parameters if {v.numbers[p.id] for v in valid} != set(p.values)}
    assert {(one.group, one.option, one.other_group, one.other) for one in found.only_with} == {
        (g.id, o, h.id, p)
        for g, o in options
        for h, p in options
        if h.id != g.id and h.single and (g.id, o) not in dead | core and (h.id, p) not in core
        and all(p in v.chosen[h.id] for v in valid if o in v.chosen[g.id])
    }
    redundant = {str(one.rule): one for one in found.redundant}
    open_ = {name for one in found.unsettled if one.step is Step.RULES for name in one.subjects}
    truly = {str(r.id) for r in problem.rules if not any(broken == {r.id} for _, broken in judged)}
    assert set(redundant) <= truly <= set(redundant) | open_
    for name, implied in redundant.items():
        if not implied.vacuous:
            broken = {id(v): name in some for v, some in judged}
            assert_minimal(judged, implied.proof.rules, lambda v, broken=broken: broken[id(v)])  # type: ignore[misc]
            continue
        expression = next(r for r in problem.rules if r.id == name).expression  # type: ignore[union-attr]
        assert isinstance(expression, Implies)
        assert_minimal(
            judged, implied.proof.rules, lambda v, e=expression: holds(e.left, answers(problem, v))  # type: ignore[misc]
        )
    assert found.variants is not None and found.variants.exact in (None, len(valid))


def assert_minimal(judged: Judged, rules: Sequence[str], wanted: object) -> None:
    """No variant keeps all of these rules and is wanted; without any one of them some variant does."""
    concerned = [broken for variant, broken in judged if wanted(variant)]  # type: ignore[operator]
    assert not any(broken.isdisjoint(rules) for broken in concerned)
    for one in rules:
        assert any(broken & set(rules) == {one} for broken in concerned), f"{one} is not needed"


# --- counting -------------------------------------------------------------------------------------------------------


def test_an_estimate_is_near_the_truth_and_says_how_near() -> None:
    problem = ConfigurationProblem(
        tuple(group(f"g{k}", *(f"o{k}{n}" for n in range(5))) for k in range(9)),
        (),
        tuple(rule(f"r{k}", f"g{k}.o{k}0 => not g{k + 1}.o{k + 1}0") for k in range(8)),
    )
    # Words of nine letters out of five in which no two neighbours are the first one: f(n) = 4 f(n-1) + 4 f(n-2).
    ways = [1, 5]
    while len(ways) < 10:
        ways.append(4 * ways[-1] + 4 * ways[-2])
    assert count(compile_problem(problem), Clock.of(60)).exact == ways[9]  # a diagram counts
    found = count(compile_problem(problem, nodes=0), Clock.of(60), seed=1)
    assert found.exact is None and found.confidence < 1
    assert 0.9 * ways[9] < found.low < found.high < 1.1 * ways[9]
    assert found.low < ways[9] < found.high


def test_without_time_for_an_estimate_the_limits_are_proved() -> None:
    problem = ConfigurationProblem(LAMP.groups, LAMP.parameters, LAMP.rules[:1])
    by_hand = 2 * 2 * 3 * 4 * 7  # no green
    one = ConfigurationProblem(
        LAMP.groups[:2], (IntegerParameter(ParameterId("n"), 1, 1000),), (rule("far", "n >= 500 or shade.small"),)
    )
    assert count(compile_problem(problem), Clock.of(0)).exact == by_hand
    found = count(compile_problem(one, nodes=0), Clock.of(0))
    assert found.confidence == 1 and found.low <= 3 * (1000 + 501) <= found.high


def test_questions_that_no_rule_names_multiply_exactly() -> None:
    problem = ConfigurationProblem(
        (group("a", *map("a{}".format, range(40)), minimum=2, maximum=3), group("b", "b1", "b2")),
        (IntegerParameter(ParameterId("x"), 1, 1_000_000_000),),
    )
    found = count(compile_problem(problem), Clock.of(30))
    assert found.exact == (780 + 9880) * 2 * 10**9
