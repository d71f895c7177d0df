"""A product's rules go to UVL and come back equivalent: proved by the solver, and judged variant by variant."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from fractions import Fraction
from importlib.resources import files
from typing import Any

import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from catalog.components import made
from catalog.document import read_document
from catalog.feature_problem import FeatureProblem, problem_of
from catalog.load import read_file
from catalog.products import ProductContent
from catalog.state import state
from catalog.uvl import read_uvl
from catalog.uvl_export import UvlExport, export_uvl, write_uvl
from solver.configuration.check import answers, is_valid
from solver.configuration.compile import compile_problem
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
from solver.configuration.rules import (
    And,
    Comparator,
    Comparison,
    DividedByZero,
    Expression,
    Implies,
    Member,
    Negative,
    Not,
    Number,
    Or,
    Parameter,
    Product,
    Sum,
    parse,
)
from solver.configuration.session import OptionState, Session
from tests.solver.configuration.brute import judged_variants, problems

TRUE = Comparison(Number(Fraction(1)), Comparator.EQUAL, Number(Fraction(1)))


def bicycle() -> ConfigurationProblem:
    """The family that the demo sells."""
    file = read_file(files("catalog").joinpath("families/bicycle.yaml").read_bytes())
    assert file.product is not None
    return state(file.product)


# --- proved by the solver -------------------------------------------------------------------------------------------


def renamed(expression: Expression, name: Mapping[str, Any]) -> Expression:
    """The expression with other names: `name` gives the Member or Parameter for "group.member" and "parameter"."""
    if isinstance(expression, Member):
        return name[f"{expression.group}.{expression.name}"]
    if isinstance(expression, Parameter):
        return name[expression.name]
    changed = {
        one.name: renamed(part, name)
        if isinstance(part := getattr(expression, one.name), Expression)
        else tuple(renamed(inner, name) for inner in part)
        for one in fields(expression)  # type: ignore[arg-type]
        if one.init and (isinstance(part := getattr(expression, one.name), Expression) or one.name == "operands")
    }
    return replace(expression, **changed) if changed else expression  # type: ignore[type-var]


def limits(group: OptionGroup) -> list[Expression]:
    """What the group's minimum and maximum say, for a group whose options are free."""
    count = Sum((Number(Fraction(0)), *(Member(group.id, option) for option in group.options)))
    least = 0 if group.when is not None else group.minimum
    ends = ((least, Comparator.GREATER_OR_EQUAL), (group.maximum, Comparator.LESS_OR_EQUAL))
    return [Comparison(count, sign, Number(Fraction(end))) for end, sign in ends]


def stated(problem: ConfigurationProblem) -> list[Expression]:
    """Everything that must hold, as expressions."""
    found = [limit for group in problem.groups for limit in limits(group)]
    for rule in problem.constraints:
        if isinstance(rule, ExpressionRule):
            found.append(rule.expression)
            continue
        rows = [And(tuple(map(Member, rule.groups, row))) for row in rule.rows]
        any_row: Expression = rows[0] if len(rows) == 1 else Or(tuple(rows))
        found.append(any_row if rule.allowed else Not(any_row))
    return found


def is_implied(given_: ConfigurationProblem, wanted: ConfigurationProblem, links: Mapping[str, Expression]) -> bool:
    """Whether every variant of the one problem, carried over by the links, keeps all that the other one states.

    `links`: for each option ("group.option"), number and parameter of `wanted`, an expression over `given_`. The solver
    is asked for variants of `given_` that break something; it must find that there are none.
    """
    wishes = [renamed(one, links) for one in stated(wanted)]
    broken = OptionGroup(GroupId("broken"), tuple(OptionId(f"w{k}") for k in range(len(wishes))), minimum=0)
    rules = [
        ExpressionRule(RuleId(f"broken {k}"), Implies(Member("broken", f"w{k}"), Not(wish)))
        for k, wish in enumerate(wishes)
    ]
    problem = ConfigurationProblem((*given_.groups, broken), given_.parameters, (*given_.rules, *rules), given_.derived)
    found = Session(compile_problem(problem), seconds=60.0).domains()
    assert not found.undecided
    return set(found.options[broken.id].values()) == {OptionState.EXCLUDED}


def to_there(problem: ConfigurationProblem, export: UvlExport, back: FeatureProblem) -> dict[str, Expression]:
    """Everything of the UVL's problem in the words of the first one."""
    names: dict[str, Expression] = {}

    def link(feature: str, expression: Expression) -> None:
        choice = back.decision(feature)
        names[f"{choice.group}.{choice.option}"] = expression

    always = TRUE
    link(back.model.root, always)
    for place, feature in export.options.items():
        link(feature, Member(*place))
    for group in problem.groups:
        members = [Member(group.id, option) for option in group.options]
        chosen = Comparison(Sum((Number(Fraction(0)), *members)), Comparator.GREATER, Number(Fraction(0)))
        link(export.groups[group.id], chosen if group.single and group.minimum == 0 else group.when or always)
    for parameter in problem.parameters:
        link(export.parameters[parameter.id], parameter.when or always)
        names[back.numbers[export.parameters[parameter.id]][0]] = Parameter(parameter.id)
    for feature, expression in export.auxiliary.items():
        link(feature, always)
        names[back.numbers[feature][0]] = expression
    for there in back.problem.groups:
        for number, values in there.numbers.items():
            terms = [times(n, names[f"{there.id}.{option}"]) for option, n in values.items()]
            names[f"{there.id}.{number}"] = Sum((Number(Fraction(0)), *terms))
    return names


def to_here(problem: ConfigurationProblem, export: UvlExport, back: FeatureProblem) -> dict[str, Expression]:
    """Everything of the first problem in the words of the UVL's one."""
    names: dict[str, Expression] = {}
    for place, feature in export.options.items():
        choice = back.decision(feature)
        names[f"{place[0]}.{place[1]}"] = Member(choice.group, choice.option)
    for group in problem.groups:
        for number, values in group.numbers.items():
            terms = [times(n, names[f"{group.id}.{option}"]) for option, n in values.items()]
            names[f"{group.id}.{number}"] = Sum((Number(Fraction(0)), *terms))
    for parameter in problem.parameters:
        names[parameter.id] = Parameter(back.numbers[export.parameters[parameter.id]][0])
    return names


def times(number: int, expression: Expression) -> Expression:
    """A whole number times the expression."""
    factor = Number(Fraction(abs(number)))
    return Product((factor if number >= 0 else Negative(factor), expression))


def is_equivalent(source: ConfigurationProblem | ProductContent) -> bool:
    """Whether the problem comes back from UVL with the same variants."""
    problem = source if isinstance(source, ConfigurationProblem) else state(source)
    export = export_uvl(source)
    assert not export.left_out
    back = problem_of(read_uvl(export.text))
    for parameter in problem.parameters:
        found = back.problem.parameter_by_id[back.numbers[export.parameters[parameter.id]][0]]
        assert list(found.values) == list(parameter.values)
    there = to_there(problem, export, back)
    if not isinstance(source, ConfigurationProblem):
        for one in made(source):
            if one.id in export.instances:
                choice = back.decision(export.instances[one.id])
                there[f"{choice.group}.{choice.option}"] = one.own.when or TRUE
        for feature in export.model.features.values():
            if feature.instances is not None and feature.parent == export.model.root:
                choice = back.decision(feature.name)
                there[f"{choice.group}.{choice.option}"] = TRUE
    return is_implied(problem, back.problem, there) and is_implied(
        back.problem, problem, to_here(problem, export, back)
    )


def test_the_bicycle_comes_back_equivalent() -> None:
    assert is_equivalent(bicycle())


@pytest.mark.parametrize("place", range(len(bicycle().rules)))
def test_the_proof_notices_a_rule_that_is_lost_or_added(place: int) -> None:
    whole = bicycle()
    less = replace(whole, rules=(*whole.rules[:place], *whole.rules[place + 1 :]))
    export, fewer = export_uvl(whole), export_uvl(less)
    back = problem_of(read_uvl(fewer.text))
    assert export.options == fewer.options
    assert is_implied(whole, back.problem, to_there(whole, fewer, back))
    assert not is_implied(back.problem, whole, to_here(whole, fewer, back))


def choose(group: str, *options: str, minimum: int = 1, maximum: int = 1, when: str | None = None) -> OptionGroup:
    """A group whose options weigh 1, 2, 3, ..."""
    ids = tuple(map(OptionId, options))
    numbers = {"weight": {option: k for k, option in enumerate(ids, 1)}}
    return OptionGroup(GroupId(group), ids, minimum, maximum, numbers, None if when is None else parse(when))


def table(groups: tuple[str, ...], *rows: str) -> tuple[tuple[GroupId, ...], tuple[tuple[OptionId, ...], ...]]:
    """The groups and rows of a table."""
    return tuple(map(GroupId, groups)), tuple(tuple(map(OptionId, row.split())) for row in rows)


SHELF = ConfigurationProblem(
    (
        choose("wood", "oak", "pine", "ash"),
        choose("extra", "light", "lock", "oil", minimum=0, maximum=3, when="wood.oak or wood.ash"),
        choose("paint", "red", "blue"),
        choose("back", "glass", "board", minimum=0),
        choose("feet", "low", "high", when="back.glass"),
        choose("hooks", "left", "middle", "right", minimum=2, maximum=2),
    ),
    (
        IntegerParameter(ParameterId("width"), 10, 30, 5),
        IntegerParameter(ParameterId("shelves"), 1, 6),
        IntegerParameter(ParameterId("drawers"), 1, 3, when=parse("shelves > 2")),
    ),
    (
        ExpressionRule(RuleId("sag"), parse("wood.pine => width <= 20")),
        ExpressionRule(RuleId("load"), parse("wood.weight * 2 + extra.weight + shelves <= 9")),
        ExpressionRule(RuleId("boards"), parse("ceil(width / 10) + floor(shelves / 2) <= 4")),
        ExpressionRule(RuleId("wide"), parse("paint.blue => ceil(width / 10) >= 2")),
        ExpressionRule(RuleId("step"), parse("width mod shelves = 0 or width mod (5 * wood.weight) >= 0")),
        ExpressionRule(RuleId("rest"), parse("drawers >= 1 => min(shelves, drawers * 2) >= 2")),
        ExpressionRule(RuleId("case"), parse("when back.glass then shelves else shelves + 1 <= 6")),
        ExpressionRule(RuleId("some"), parse("hooks.left + hooks.right >= 1 and (extra.lock => not back.glass)")),
        TableRule(RuleId("stain"), *table(("wood", "paint"), "oak red", "oak blue", "pine red", "ash red")),
        TableRule(RuleId("dull"), *table(("paint", "wood"), "blue ash"), allowed=False),
        TableRule(RuleId("rear"), *table(("wood", "back"), "oak glass", "pine board", "ash board", "ash glass")),
    ),
)


def test_everything_that_can_be_stated_comes_back_equivalent() -> None:
    assert is_equivalent(SHELF)


# ruff: noqa: E501 - a catalog file
CABINET = """\
code: cabinet
name: {zh: 柜, en: Cabinet}
description: {zh: 柜, en: Cabinet}
steps: [{id: all, name: {zh: 全部, en: All}}]
groups:
  - {id: wood, step: all, name: {zh: 木, en: Wood}, options: [{id: oak, name: {zh: 橡, en: Oak}}, {id: ash, name: {zh: 梣, en: Ash}}]}
parameters:
  - {id: doors, step: all, name: {zh: 门, en: Doors}, unit: pcs, minimum: 1, maximum: 2}
  - {id: drawers, step: all, name: {zh: 屉, en: Drawers}, unit: pcs, minimum: 0, maximum: 2}
quantities:
  - {id: total, formula: "sum(drawer, width) + doors"}
rules:
  - {id: heavy, text: {zh: 重, en: Heavy}, expression: "wood.oak => doors = 1"}
components:
  - id: drawer
    name: {zh: 屉, en: Drawer}
    count: drawers
    groups:
      - id: front
        step: all
        name: {zh: 面, en: Front}
        options:
          - {id: plain, name: {zh: 平, en: Plain}, numbers: {most: 3}}
          - {id: glass, name: {zh: 玻, en: Glass}, numbers: {most: 2}}
      - {id: knob, step: all, name: {zh: 钮, en: Knob}, when: front.plain, minimum: 0, options: [{id: round, name: {zh: 圆, en: Round}}]}
    parameters:
      - {id: width, step: all, name: {zh: 宽, en: Width}, unit: dm, minimum: 1, maximum: 3}
      - {id: locks, step: all, name: {zh: 锁, en: Locks}, unit: pcs, minimum: 0, maximum: 2}
    rules:
      - {id: widest, text: {zh: 宽, en: Widest}, expression: "width <= front.most"}
    components:
      - id: lock
        name: {zh: 锁, en: Lock}
        count: locks
        groups:
          - {id: kind, step: all, name: {zh: 种, en: Kind}, options: [{id: key, name: {zh: 钥, en: Key}}, {id: code, name: {zh: 码, en: Code}}]}
  - id: foot
    name: {zh: 脚, en: Foot}
    count: 2
    groups:
      - {id: shape, step: all, name: {zh: 形, en: Shape}, options: [{id: flat, name: {zh: 扁, en: Flat}}, {id: tall, name: {zh: 高, en: Tall}}]}
"""


def cabinet(*changes: tuple[str, str]) -> ProductContent:
    """A cabinet with drawers, each with locks, and two feet."""
    text = CABINET
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    return ProductContent.from_data(read_document(text.encode()).data)


def test_a_component_of_which_nothing_else_asks_is_a_feature_with_a_cardinality() -> None:
    export = export_uvl(cabinet())
    assert not export.written_out
    for line in ("drawer cardinality [0..2]", "lock cardinality [0..2]", "foot cardinality [2..2]"):
        assert f"{line}\n" in export.text
    assert export.options["drawer_2_lock_1_kind", "code"] == "code[2][1]"
    assert is_equivalent(cabinet())


def test_the_proof_notices_a_rule_of_an_instance_that_is_lost() -> None:
    lost = cabinet(("width <= front.most", "width <= 3"))
    whole, export = state(cabinet()), export_uvl(lost)
    back = problem_of(read_uvl(export.text))
    assert not is_implied(back.problem, whole, to_here(whole, export, back))


@pytest.mark.parametrize(
    ("change", "component", "why"),
    [
        (("wood.oak => doors = 1", "sum(drawer, width) <= 4"), "drawer", "heavy"),
        (("wood.oak => doors = 1", "total <= 5"), "drawer", "heavy"),
        (("wood.oak => doors = 1", "drawers >= doors"), "drawer", "heavy"),
        (("width <= front.most", "width <= front.most or wood.oak"), "drawer", "widest"),
        (("width <= front.most", "width >= number"), "drawer", "widest"),
        (("width <= front.most", "count(lock, kind.key) < width"), "lock", "widest"),
    ],
)
def test_any_other_component_is_written_out_and_the_file_says_why(
    change: tuple[str, str], component: str, why: str
) -> None:
    export = export_uvl(cabinet(change))
    assert [one for one, _ in export.written_out] == [component]
    said = next(line for line in export.text.splitlines() if line.startswith("// Written out"))
    assert f"component {component}" in said
    assert why in said
    assert f"{component} cardinality" not in export.text
    if component == "lock":  # the drawers are features with a cardinality, in which locks are written out
        assert "drawer cardinality [0..2]\n" in export.text
        assert is_equivalent(cabinet(change))


# --- judged one by one ----------------------------------------------------------------------------------------------


def image(problem: ConfigurationProblem, export: UvlExport, back: FeatureProblem, variant: Variant) -> Variant | None:
    """The variant of the UVL's problem that stands for this one; None if there can be none."""
    asked = answers(problem, variant)

    def held(expression: Expression | None) -> bool:
        try:
            return expression is None or bool(expression.evaluate(asked))
        except DividedByZero:
            return False

    features = {back.model.root, *export.auxiliary}
    numbers = {back.numbers[name][0]: 0 for name in back.numbers}
    for group in problem.groups:
        if variant.chosen[group.id] or (held(group.when) and not (group.single and group.minimum == 0)):
            features.add(export.groups[group.id])
        features.update(export.options[group.id, option] for option in variant.chosen[group.id])
    for parameter in problem.parameters:
        number = variant.numbers[parameter.id]
        if held(parameter.when):
            features.add(export.parameters[parameter.id])
            numbers[back.numbers[export.parameters[parameter.id]][0]] = number
        elif number != parameter.otherwise:
            return None
    for name, expression in export.auxiliary.items():
        numbers[back.numbers[name][0]] = int(expression.evaluate(asked))
    chosen: dict[GroupId, set[OptionId]] = {group.id: set() for group in back.problem.groups}
    for name in features:
        choice = back.decision(name)
        chosen[choice.group].add(choice.option)
    return Variant({group: frozenset(options) for group, options in chosen.items()}, numbers)


def judge(problem: ConfigurationProblem, step: int) -> None:
    """Each complete variant, good or not, is as good in UVL's words; what UVL cannot say is set aside."""
    export = export_uvl(problem)
    lost = {rule for rule, _ in export.left_out}
    if any(str(rule).endswith(":when") for rule in lost):
        reject()
    back = problem_of(read_uvl(export.text))
    for variant, broken in judged_variants(problem, step):
        there = image(problem, export, back, variant)
        valid = there is not None and is_valid(back.problem, there)
        assert valid == (not broken - lost), (variant, broken, export.text)


@settings(max_examples=25, deadline=None)
@given(problems(divide=False), st.integers(7, 13))
def test_any_problem_comes_back_with_the_same_variants(problem: ConfigurationProblem, step: int) -> None:
    judge(problem, step)


@settings(max_examples=25, deadline=None)
@given(problems(divide=True), st.integers(7, 13))
def test_any_problem_that_divides_comes_back_with_the_same_variants(problem: ConfigurationProblem, step: int) -> None:
    judge(problem, step)


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(problems(divide=True))
def test_many_problems_come_back_with_the_same_variants(problem: ConfigurationProblem) -> None:
    judge(problem, 1)


def test_what_uvl_cannot_say_is_left_out_by_its_id_and_the_file_says_so() -> None:
    parameters = tuple(IntegerParameter(ParameterId(name), 0, 99) for name in ("x", "y"))
    rules = (ExpressionRule(RuleId("odd"), parse("x mod y = 1")), ExpressionRule(RuleId("even"), parse("x mod 2 = 0")))
    problem = ConfigurationProblem((choose("a", "one", "two"),), parameters, rules)
    export = export_uvl(problem)
    assert [rule for rule, _ in export.left_out] == ["odd"]
    assert "// Left out, UVL cannot say it: rule odd: it rounds a division by what has many values" in export.text
    assert is_equivalent(replace(problem, rules=rules[1:]))


def test_names_that_uvl_has_no_word_for_are_changed_and_never_mixed_up() -> None:
    groups = (choose("a.b", 'x "1"', "or"), choose("a_b", "x", "or"), choose("x", "configuration", "a\nb"))
    problem = ConfigurationProblem(groups, (IntegerParameter(ParameterId("or 2"), 0, 1),))
    export = export_uvl(problem)
    names = [*export.groups.values(), *export.options.values(), *export.parameters.values()]
    assert len(set(names)) == len(names) == 10
    assert set(read_uvl(export.text).features) == {*names, export.model.root}
    assert is_equivalent(problem)


def test_a_product_is_written_with_its_rules_texts() -> None:
    file = read_file(files("catalog").joinpath("families/bicycle.yaml").read_bytes())
    assert file.product is not None
    text = write_uvl(file.product)
    assert text.startswith("include\n")
    assert "    // belt_needs_hub: A belt drive needs a hub gear.\n    belt => hub_5 | hub_8 | hub_11\n" in text
