"""What a problem refuses and works out when it is built: names, circles, widths, sizes, bounds; and what must hold."""

from __future__ import annotations

import gc
from fractions import Fraction
from time import process_time

import pytest
from hypothesis import given, settings

from solver.configuration import problem as problem_module
from solver.configuration.bounds import Bound, bound
from solver.configuration.check import VariantAnswers
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
    Rule,
    RuleId,
    Stepped,
    TableRule,
    Within,
    when_id,
)
from solver.configuration.rules import DividedByZero, Each, EachKind, Member, Number, Parameter, parse, walk
from tests.solver.configuration.brute import dividing_tables, judged_variants, problems


def group(name: str, minimum: int = 1, maximum: int = 1, when: str | None = None) -> OptionGroup:
    options = tuple(OptionId(f"{name}{k}") for k in (1, 2, 3))
    numbers = {"n": {options[0]: 4, options[2]: -1}}
    return OptionGroup(GroupId(name), options, minimum, maximum, numbers, when=None if when is None else parse(when))


def rule(text: str, name: str = "r") -> ExpressionRule:
    return ExpressionRule(RuleId(name), parse(text))


def build(
    *rules: Rule,
    derived: dict[str, str] | None = None,
    groups: tuple[OptionGroup, ...] = (group("a"), group("b", 0), group("c", 0, 2)),
    parameters: tuple[IntegerParameter, ...] = (IntegerParameter(ParameterId("x"), 0, 1_000),),
) -> ConfigurationProblem:
    quantities = tuple(Derived(name, parse(text)) for name, text in (derived or {}).items())
    return ConfigurationProblem(groups, parameters, rules, quantities)


X = ParameterId("x")
PLAIN = TableRule(RuleId("t"), (GroupId("a"),), ((OptionId("a1"),),))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (lambda: build(rule("q > 1")), "r: unknown name q."),
        (lambda: build(rule("a.a4")), "r: unknown name a.a4."),
        (lambda: build(rule("x.n > 1")), "r: unknown name x.n."),  # a parameter has no numbers
        (lambda: build(derived={"p": "q + 1"}), "p: unknown name q."),
        (lambda: build(groups=(group("a", when="z.z1"),)), "a: unknown name z.z1."),
        (lambda: build(parameters=(IntegerParameter(X, 0, 9, when=parse("y")),)), "x: unknown name y."),
        (lambda: build(rule("length(x) = 2")), "r: asks the texts ['x'], and a rule cannot."),
        (
            lambda: build(ExpressionRule(RuleId("r"), Each(EachKind.SUM, "a", Number(Fraction(1))))),
            "r: asks a component, and has not been expanded.",
        ),
        (lambda: build(derived={"a": "1"}), "a: two groups, parameters or derived quantities share this id."),
        (lambda: build(rule("1"), rule("2")), "r: two rules share this id."),
        (lambda: build(rule("1", "a:when"), groups=(group("a", when="1"),)), "a:when: two rules share this id."),
        (lambda: build(derived={"p": "p + 1"}), "p: is derived from itself: p from p."),
        (
            lambda: build(derived={"o": "p", "p": "x + q", "q": "max(r, 1)", "r": "p"}),
            "p: is derived from itself: p from q from r from p.",
        ),
        (
            lambda: build(TableRule(RuleId("t"), (GroupId("a"), GroupId("b")), ((OptionId("a1"),),))),
            "t: row 1 has 1 cells, every row needs 2.",
        ),
        (
            lambda: build(TableRule(RuleId("t"), columns=("a", "x"), cells=((None, None), (None, None, None)))),
            "t: row 2 has 3 cells, every row needs 2.",
        ),
        (lambda: build(TableRule(RuleId("t"), (GroupId("x"),), ((OptionId("1"),),))), "t: unknown group x."),
        (
            lambda: build(TableRule(RuleId("t"), columns=("y",), cells=((None,),))),
            "t: unknown group, parameter or derived quantity y.",
        ),
        (
            lambda: build(TableRule(RuleId("t"), (GroupId("c"),), ((OptionId("c1"),),))),
            "t: c must be a group of at most one.",
        ),
        (
            lambda: build(TableRule(RuleId("t"), columns=("a",), cells=((Within(0, 1),),))),
            "t: row 1: unknown option a.Within(low=0, high=1).",
        ),
        (
            lambda: build(TableRule(RuleId("t"), columns=("x",), cells=((OptionId("a1"),),))),
            "t: row 1: x needs an interval, not a1.",
        ),
        (
            lambda: build(TableRule(RuleId("t"), columns=("x",), cells=((Within(Fraction(1, 3), None),),))),
            "t: x: 1/3: need a decimal of at most 18 places, not negative.",
        ),
        (lambda: TableRule(RuleId("t")), "t: need groups and rows, or columns and cells."),
        (lambda: TableRule(RuleId("t"), (GroupId("a"),), (), columns=("x",)), "t: need groups and rows"),
        (
            lambda: OptionGroup(GroupId("g"), tuple(OptionId(f"o{k}") for k in range(10_001))),
            "g: has 10,001 options, at most 10,000 can be.",
        ),
        (
            lambda: OptionGroup(GroupId("g"), (OptionId("o"),), numbers={"n": {OptionId("o"): 2**53 + 1}}),
            "g.n: need numbers within +-2^53.",
        ),
        (lambda: IntegerParameter(X, 0, 10**9 + 1), "x: need minimum <= maximum within +-10^9"),
        (lambda: IntegerParameter(X, 0, 9, otherwise=-(10**9) - 1), "x: need its value where it is not asked for"),
        # What could come to too much, by its innermost part.
        (
            lambda: build(rule("x * x * x * x * x * x <= 5")),
            "r: x * x * x * x * x * x may come to anything from 0 to 1e+18; the limit is +-2^53.",
        ),
        (
            lambda: build(derived={"cube": "x * x * x", "big": "1 + cube * cube"}),
            "big: cube * cube may come to anything from 0 to 1e+18; the limit is +-2^53.",
        ),
        (lambda: build(groups=(group("a", when="x / 0.000000000000001 > 1"),)), "a:when: x / 0.0"),
        (lambda: build(rule("1000000 / (x * 0.000000000000000001) > 1")), "r: 1000000 / (x * 0.0"),
    ],
)  # fmt: skip
def test_a_problem_that_contradicts_itself_is_refused_and_says_where(given: object, said: str) -> None:
    with pytest.raises(InvalidProblem) as caught:
        given()  # type: ignore[operator]
    assert str(caught.value).startswith(said)


def test_what_divides_by_a_varying_number_is_bounded_by_the_nearest_that_is_not_0() -> None:
    for text in ("1000000 / (x - 500) > 1", "1000000 / (x / 1000 - 0.5) > 1", "7 / (1 / (x - 3)) > 1"):
        build(rule(text))
    build(rule("1 / 0 > 1"))  # it never holds, and comes to nothing


def test_the_largest_groups_and_deepest_quantities_are_built_within_a_second() -> None:
    gc.freeze()  # what other tests have left in this process is not for this one to collect
    begin = process_time()
    options = tuple(OptionId(f"o{k}") for k in range(10_000))
    large = OptionGroup(GroupId("g"), options, numbers={"n": dict.fromkeys(options, 1)}, when=parse("x > 3"))
    build(rule("g.n <= x"), groups=(large,))
    assert process_time() - begin < 1


def test_quantities_that_would_unfold_without_end_are_refused_within_a_second() -> None:
    begin = process_time()
    doubled = {"q0": "0 * x"} | {f"q{k}": f"q{k - 1} + q{k - 1}" for k in range(1, 70)}
    with pytest.raises(InvalidProblem, match=r"q1\d: has more than 300,000 parts with the quantities that it names"):
        build(derived=doubled)
    chained = {"q0": "x"} | {f"q{k}": f"max(q{k - 1}, 1)" for k in range(1, 5_000)}
    with pytest.raises(InvalidProblem, match=r"q\d+: has more than 150 levels with the quantities that it names"):
        build(derived=chained)
    circle = {f"q{k}": f"q{(k + 1) % 5_000}" for k in range(5_000)}
    with pytest.raises(InvalidProblem, match="q0: is derived from itself"):
        build(derived=circle)
    assert process_time() - begin < 3  # all three


def test_a_table_of_many_rows_over_questions_that_are_not_always_asked_stays_as_large_as_it_is() -> None:
    begin = process_time()
    options = tuple(OptionId(f"o{k}") for k in range(1_000))
    groups = (OptionGroup(GroupId("g"), options, when=parse("x > 3")), group("a"))
    rows = tuple((option, OptionId(f"a{k % 3 + 1}")) for k, option in enumerate(options * 3))
    found = build(TableRule(RuleId("t"), (GroupId("g"), GroupId("a")), rows), groups=groups)
    stated = found.constraints[0]
    assert isinstance(stated, ExpressionRule) and sum(1 for _ in walk(stated.expression)) < 6 * len(rows)
    assert process_time() - begin < 1


def test_many_rules_over_one_large_quantity_are_refused_in_time() -> None:
    begin = process_time()
    large = {"q": " + ".join(["x"] * 2_000)}
    with pytest.raises(InvalidProblem, match=r"r\d+: with the quantities that they name all rules have more than"):
        build(*(rule("q > 0", f"r{k}") for k in range(2_000)), derived=large)
    assert process_time() - begin < 1


def test_derived_quantities_come_in_any_order_and_are_kept_in_theirs() -> None:
    found = build(derived={"weight": "boards * 3", "boards": "ceil(x / 600) + shelves", "shelves": "x / 2"})
    assert [one.id for one in found.derived] == ["shelves", "boards", "weight"]


@pytest.mark.parametrize(
    ("minimum", "maximum", "step", "otherwise", "expected"),
    [
        (10, 30, 10, 0, [0, 10, 20, 30]),
        (10, 30, 10, 99, [10, 20, 30, 99]),
        (10, 30, 10, 15, [10, 15, 20, 30]),
        (10, 35, 10, 31, [10, 20, 30, 31]),  # beyond the last step
        (10, 30, 10, 20, [10, 20, 30]),
        (-5, 5, 5, 1, [-5, 0, 1, 5]),
        (3, 3, 1, -7, [-7, 3]),
    ],
)
def test_a_parameter_has_its_value_for_not_asked_in_its_place(
    minimum: int, maximum: int, step: int, otherwise: int, expected: list[int]
) -> None:
    parameter = IntegerParameter(X, minimum, maximum, step, when=parse("a.a1"), otherwise=otherwise)
    values = parameter.values
    assert list(values) == [values[k] for k in range(len(values))] == expected
    assert [values.index(number) for number in expected] == list(range(len(expected)))
    assert values[-1] == expected[-1] and list(values[1:]) == expected[1:]
    assert [number for number in range(-10, 120) if number in values] == expected
    assert values == parameter.values
    with pytest.raises(ValueError, match="is not in"):
        values.index(1_000)
    with pytest.raises(IndexError):
        values[len(expected)]
    for first in range(len(expected)):
        for last in range(first, len(expected)):
            shown = [n for low, high, by in parameter.intervals(first, last) for n in range(low, high + 1, by)]
            assert shown == expected[first : last + 1]


def test_a_parameter_with_a_billion_values_takes_no_memory() -> None:
    values = IntegerParameter(X, 1, 10**9, when=parse("a.a1")).values
    assert isinstance(values, Stepped) and len(values) == 10**9 + 1
    assert values[0] == 0 and values[10**9] == 10**9 and values.index(10**9) == 10**9
    assert IntegerParameter(X, 1, 10**9).values == range(1, 10**9 + 1)


@pytest.mark.parametrize(
    ("minimum", "maximum", "when", "expected"),
    [
        (1, 1, None, (-1, 4)),
        (0, 1, None, (-1, 4)),
        (1, 1, "x", (-1, 4)),
        (2, 2, None, (-1, 4)),  # 0 - 1, 4 + 0
        (3, 3, None, (3, 3)),
        (3, 3, "x", (0, 3)),
        (0, 3, None, (-1, 4)),
    ],
)
def test_what_the_numbers_of_a_group_can_come_to(
    minimum: int, maximum: int, when: str | None, expected: tuple[int, int]
) -> None:
    assert group("a", minimum, maximum, when).span("n") == expected
    assert group("a", minimum, maximum, when).span("a1") == (0, 1)


def test_the_constraints_are_the_rules_and_one_for_each_question_that_is_not_always_asked() -> None:
    cells = ((OptionId("a1"), Within(0, 20)), (None, Within(40)))
    table = TableRule(RuleId("t2"), columns=("a", "x"), cells=cells)
    groups = (group("a"), group("b", when="a.a1"), group("c", 0, 2, "b.b1"), group("d", 2, 3, "x > 1"))
    y = IntegerParameter(ParameterId("y"), 5, 9, when=parse("b.b2"))
    z = IntegerParameter(ParameterId("z"), 5, 9, when=parse("b.b2"), otherwise=7)
    found = build(rule("a.a1"), PLAIN, table, groups=groups, parameters=(IntegerParameter(X, 0, 99), y, z))
    stated = {one.id: one.expression for one in found.constraints if isinstance(one, ExpressionRule)}
    assert [one.id for one in found.constraints] == ["r", "t", "t2", "b:when", "c:when", "d:when", "y:when", "z:when"]
    assert found.constraints[1] is PLAIN
    assert stated[RuleId("t2")] == parse("a.a1 and x >= 0 and x <= 20 or x >= 40")
    assert stated[when_id("b")] == parse("(a.a1 or not (b.b1 or b.b2 or b.b3)) and (a.a1 => b.b1 or b.b2 or b.b3)")
    assert stated[when_id("c")] == parse("b.b1 or not (c.c1 or c.c2 or c.c3)")
    assert stated[when_id("d")] == parse("(x > 1 or not (d.d1 or d.d2 or d.d3)) and (x > 1 => d.d1 + d.d2 + d.d3 >= 2)")
    assert stated[when_id("y")] == parse("(b.b2 or y = 0) and (b.b2 => y != 0)")
    assert stated[when_id("z")] == parse("b.b2 or z = 7")


@settings(max_examples=20, deadline=None, derandomize=True)
@given(problem=problems(divide=True))
def test_the_constraints_say_of_every_assignment_what_the_judge_says(problem: ConfigurationProblem) -> None:
    _assert_agrees(problem)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(problem=dividing_tables())
def test_a_table_of_what_divides_by_0_says_what_the_judge_says(problem: ConfigurationProblem) -> None:
    _assert_agrees(problem, 11)


def _assert_agrees(problem: ConfigurationProblem, step: int = 3) -> None:
    for variant, broken in judged_variants(problem, step):
        answers = VariantAnswers(problem, variant)
        found = set()
        for one in problem.constraints:
            if isinstance(one, TableRule):
                row = tuple(option for name in one.groups for option in variant.chosen[name])
                held = (row in one.rows) == one.allowed
            else:
                try:
                    held = bool(one.expression.evaluate(answers))
                except DividedByZero:
                    held = False
            found |= set() if held else {str(one.id)}
        assert found == broken


@settings(max_examples=25, deadline=None, derandomize=True)
@given(problem=problems(divide=True))
def test_no_value_lies_outside_its_bound(problem: ConfigurationProblem) -> None:
    known = {p.id: Bound(p.values[0], p.values[-1]) for p in problem.parameters}

    def asked(name: Member | Parameter) -> Bound:
        if isinstance(name, Parameter):
            return known[name.name]
        return Bound(*problem.group_by_id[GroupId(name.group)].span(name.name))

    for one in problem.derived:
        known[one.id] = bound(one.expression, asked)  # type: ignore[index]
    bounds = [(expression, bound(expression, asked)) for _, expression in problem.stated()]
    for variant, _ in judged_variants(problem, 7):
        answers = VariantAnswers(problem, variant)
        for expression, found in bounds:
            try:
                exact = Fraction(expression.evaluate(answers))
            except DividedByZero:
                continue
            assert found.low <= exact <= found.high
            assert found.denominator is None or (exact * found.denominator).denominator == 1
            assert exact == 0 or found.nearest is None or abs(exact) >= found.nearest


def test_the_limits_are_those_of_the_readme() -> None:
    assert problem_module.MAXIMUM_AMOUNT == 2**53
    assert problem_module.MAXIMUM_OPTIONS == 10_000


@pytest.mark.parametrize("otherwise", [0, 3, 7, 30])  # below, between two, one of them, above
def test_the_places_between_two_numbers_are_those_of_the_values_there(otherwise: int) -> None:
    parameter = IntegerParameter(X, 1, 19, 3, when=parse("a.a1"), otherwise=otherwise)
    values = list(parameter.values)
    for low in range(-2, 34):
        for high in range(low - 1, 34):
            inside = [place for place, value in enumerate(values) if low <= value <= high]
            first, last = parameter.places(low, high)
            assert list(range(first, last + 1)) == inside
