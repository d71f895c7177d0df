"""UVL files are read as the language's levels say, and their problem has exactly the file's configurations."""

from __future__ import annotations

import time
from fractions import Fraction
from functools import cache

import pytest
from hypothesis import given, settings

from catalog.feature_model import (
    FeatureModel,
    FeatureType,
    GroupKind,
    NotSupported,
    NumberTerm,
    Operation,
    Operator,
    Reference,
    UvlSyntaxError,
)
from catalog.feature_problem import NoSuchFeature, problem_of
from catalog.uvl import read_uvl
from catalog.uvl_print import print_term, print_uvl
from catalog.uvl_text import MAXIMUM_LINE, MAXIMUM_SIZE
from solver.configuration.check import is_valid
from solver.configuration.problem import Choose, Enter, ExpressionRule
from tests.catalog.small_models import configurations, feature_models, keeps, trees, variant_of

LAMP = """\
// a lamp, with everything that the language has
namespace Shop

include
    Boolean.group-cardinality
    Arithmetic.*
    Type

features
    Lamp {abstract, maker 'Lux & Sons', sizes [1, 2.5, 'x']}
        mandatory
            Shade
                alternative
                    "small shade" {price 10, size {width 20, height 0.5}}
                    "large shade" {price 24.50}
            Integer Cable {min 1, max 5}  // metres
            Socket
                [1..2]
                    E14
                    E27
                    GU10 {price -2, dimmable}
        optional
            Foot /* it may hang
                    instead */ {price 7, constraint Foot => E27}
                or
                    steel
                    wood
            String Engraving

constraints
    "large shade" => E27 & !GU10
    sum(price) < 40
    Cable >= 3 | !Foot
    (steel <=> wood) | Lamp.maker == 'Lux & Sons'
    GU10.dimmable => Cable * 2 <= 6
    Engraving == 'Anna' => steel
"""


def faults(text: str) -> list[tuple[int, str]]:
    """What the text is refused for."""
    with pytest.raises(UvlSyntaxError) as refused:
        read_uvl(text)
    return [(fault.line, fault.message) for fault in refused.value.faults]


def test_every_level_of_the_language_is_read() -> None:
    model = read_uvl(LAMP)
    assert model.namespace == "Shop"
    assert model.levels == ("Boolean.group-cardinality", "Arithmetic.*", "Type")
    assert model.root == "Lamp" and model.features["Lamp"].abstract
    assert model.features["Lamp"].attributes["sizes"] == (1, Fraction(5, 2), "x")
    assert model.features["small shade"].attributes["size.height"] == Fraction(1, 2)
    assert model.features["GU10"].attributes == {"price": -2, "dimmable": True}
    assert [model.features[name].type for name in ("Cable", "Engraving", "Foot")] == [
        FeatureType.INTEGER,
        FeatureType.STRING,
        FeatureType.BOOLEAN,
    ]
    groups = {(group.parent, group.kind): group for group in model.groups}
    assert groups["Shade", GroupKind.ALTERNATIVE].members == ("small shade", "large shade")
    socket = groups["Socket", GroupKind.CARDINALITY]
    assert (socket.minimum, socket.maximum, socket.members) == (1, 2, ("E14", "E27", "GU10"))
    assert model.features["wood"].parent == "Foot" and model.features["Lamp"].parent is None
    lines = LAMP.splitlines()
    assert all(feature.name in lines[feature.line - 1] for feature in model.features.values())
    assert [print_term(constraint.term) for constraint in model.constraints] == [
        "Foot => E27",
        '"large shade" => E27 & !GU10',
        "sum(price) < 40",
        "Cable >= 3 | !Foot",
        "(steel <=> wood) | Lamp.maker == 'Lux & Sons'",
        "GU10.dimmable => Cable * 2 <= 6",
        "Engraving == 'Anna' => steel",
    ]
    assert all(constraint.text in lines[constraint.line - 1] for constraint in model.constraints[1:])


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("A | B & C => D <=> E", "((A | (B & C)) => D) <=> E"),
        ("A => B => C", "(A => B) => C"),  # the published grammar takes a chain from the left
        ("!A & B", "(!A) & B"),
        ("!A == B", "!(A == B)"),
        ("A - B - C * 2 / 4 < -3", "((A - B) - ((C * 2) / 4)) < (-3)"),
        ("A-B == 0", "(A - B) == 0"),
        ("A - (B - C) > 1", "A - (B - C) > 1"),
    ],
)
def test_operators_bind_as_the_published_grammar_says(text: str, tree: str) -> None:
    head = "features\n\tR\n\t\toptional\n\t\t\tA\n\t\t\tB\n\t\t\tC\n\t\t\tD\n\t\t\tE\nconstraints\n\t"
    one, other = (read_uvl(head + each).constraints[0].term for each in (text, tree))
    assert _flat(one) == _flat(other)


def _flat(term: object) -> object:
    """A term without the difference between (a + b) + c and a + b + c."""
    if not isinstance(term, Operation):
        return term
    parts = [_flat(operand) for operand in term.operands]
    if term.operator is Operator.PLUS and isinstance(parts[0], tuple) and parts[0][0] is Operator.PLUS:
        parts[:1] = parts[0][1]
    return term.operator, parts


# The text of a file, and the line and words of what it is refused for. One row a check.
REFUSALS = [
    ("features\n", 1, "no feature"),
    ("", 0, "no feature"),
    ("feature\n    A\n", 1, "expected one of namespace"),
    ("features\n    A\n    B\n", 3, "outside of the root"),
    ("features\n    A\n        B\n", 3, "expected or, alternative"),
    ("features\n    A\n        or\n            B\n          C\n", 5, "neighbours by 12"),
    ("features\n    A\n        optional\n", 3, "has no feature"),
    ("features\n    A\n        optional\n            A\n", 4, "line 2 already"),
    ("features\n    A\n        optional\n            or\n", 4, "where a feature is expected"),
    ("features\n    A\n        [3..2]\n            B\n            C\n            D\n", 3, "cannot be kept"),
    ("features\n    A\n        [2]\n            B\n", 3, "cannot be kept by 1"),
    ("features\n    A\n        optional\n            B cardinality [3..2]\n", 4, "cannot be kept"),
    ("imports\n    a as b\n    c as b\nfeatures\n    A\n", 3, "second import is called b"),
    ("imports\n    a as\nfeatures\n    A\n", 2, "found the end"),
    ("features\n    A {price}}\n", 2, "column 10"),
    ("features\n    A {price 1\n", 2, "never closed"),
    ("features\n    A /* never\n", 2, "never ends"),
    ("features\n    A\nfeatures\n    A\n", 3, "a second section"),
    ("features\n    A\nconstraints\n    A &\n", 4, "the end"),
    ("features\n    A\nconstraints\n    A => => A\n", 4, "column 6: found `=>`"),
    ("features\n    A\nconstraints\n    B\n", 4, "no feature or attribute B"),
    ("features\n    A\nconstraints\n    A.price > 3\n", 4, "no feature or attribute A.price"),
    ("features\n    A\nconstraints\n    sum(price) > 3\n", 4, "has the attribute price"),
    ("features\n    A {price 3}\nconstraints\n    A.price\n", 4, "must hold or not"),
    ("features\n    A {price 3}\nconstraints\n    A.price & A\n", 4, "holds or not"),
    ("features\n    A {price 3}\nconstraints\n    A.price == 'x'\n", 4, "two numbers, or two texts"),
    ("features\n    A\nconstraints\n    (A & A) + 1 > 0\n", 4, "takes numbers"),
    (f"features\n    A\nconstraints\n    A > {'9' * 19}\n", 4, "at most 18 digits"),
    (f"features\n    A\nconstraints\n    {'!' * 41}A\n", 4, "at most 40 levels"),
]


@pytest.mark.parametrize(("text", "line", "words"), REFUSALS, ids=[row[2] + f" {n}" for n, row in enumerate(REFUSALS)])
def test_a_fault_is_named_with_its_line(text: str, line: int, words: str) -> None:
    found = faults(text)
    assert any(at == line and words in message for at, message in found), found


def test_every_fault_of_a_file_is_told_at_once() -> None:
    text = "features\n    A {\n    }}\n        or\n            B C\nconstraints\n    B ! C\n    A |\n"
    assert [line for line, _ in faults(text)] == [2, 5, 7, 8]


def test_what_is_not_supported_is_named_with_its_line_and_the_rest_can_be_loaded() -> None:
    text = """\
imports
    parts.wheel as w
features
    A
        optional
            B cardinality [1..*]
            String S
            C {sizes [1, 2]}
constraints
    len(S) < 10
    S < 'x'
    S + 'a' == 'ba'
    C.sizes == 3
    B => C
"""
    with pytest.raises(NotSupported) as refused:
        read_uvl(text)
    expected = [
        (2, "import of parts/wheel.uvl, which is not here"),
        (6, "feature cardinality above 200"),
        (11, "order of texts"),
        (12, "arithmetic with texts"),
        (13, "vector in a constraint"),
    ]
    assert [(one.line, one.construct) for one in refused.value.left_out] == expected
    model = read_uvl(text, lenient=True)
    assert [(one.line, one.construct) for one in model.left_out] == expected
    assert [constraint.line for constraint in model.constraints] == [10, 14]
    assert set(model.features) == {"A", "B", "S", "C"}


def test_a_lenient_reader_leaves_out_what_asks_an_unknown_name() -> None:
    model = read_uvl("features\n    A\nconstraints\n    A | B\n    A\n", lenient=True)
    assert [constraint.line for constraint in model.constraints] == [5]
    assert [(one.line, one.construct) for one in model.left_out] == [(4, "there is no feature or attribute B")]


# Each would take long, or much memory, if it were followed.
BOMBS = {
    "a line": "features\n    A\nconstraints\n    " + "A | " * 300_000 + "A\n",
    "brackets": "features\n    A\nconstraints\n    " + "(" * (MAXIMUM_LINE - 10) + "\n",
    "closed brackets": "features\n    A\nconstraints\n    " + "(" * 20_000 + "A" + ")" * 20_000 + " &\n",
    "negations": "features\n    A\nconstraints\n    " + "!" * (MAXIMUM_LINE - 10) + "A\n",
    "an open bracket": "features\n    A {x 1\n" + "        b\n" * 500_000,
    "nested attributes": "features\n    A " + "{a " * 16_000 + "1" + "}" * 16_000 + " B\n",
    "a deep tree": "features\n" + "".join(f"{' ' * n}a{n}\n" for n in range(1, 3_000)),
    "an open comment": "features\n    A /*" + "*" * 2_000_000,
    "quotes": "features\n    A\nconstraints\n    " + "\"' " * 16_000 + "\n",
    "a long number": "features\n    A {x " + "9" * 40_000 + "}\n",
    "a huge cardinality": "features\n    A\n        [1..999999999]\n            B\n            B\n",
    "size": "x" * (MAXIMUM_SIZE + 1),
    "faults": "features\n    A\nconstraints\n" + "    &\n" * 200_000,
    "brackets within brackets": "features\n    A\nconstraints\n    " + "(" * 9_000 + "A" + " | A)" * 9_000 + " &\n",
    "equivalences": "features\n    A\nconstraints\n    " + "<=>".join("A" * 60) + "\n",
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused_at_once(name: str) -> None:
    read_uvl(LAMP)  # the grammar is made once a process
    began = time.process_time()
    with pytest.raises(UvlSyntaxError) as refused:
        read_uvl(BOMBS[name])
    assert time.process_time() - began < 2.0
    assert 0 < len(str(refused.value)) < 20_000


def test_nested_equivalences_do_not_double_each_time() -> None:
    text = "features\n    A\n        optional\n            B\nconstraints\n    " + " <=> ".join("AB" * 19) + "\n"
    stated = problem_of(read_uvl(text))
    sizes = [len(repr(rule.expression)) for rule in stated.problem.rules if isinstance(rule, ExpressionRule)]
    assert max(sizes) < 20_000


def test_decisions_stand_for_features_both_ways() -> None:
    stated = problem_of(read_uvl(LAMP))
    small = stated.decision("small shade")
    assert small == Choose(small.group, small.option, chosen=True)
    assert stated.feature(small.group, small.option) == "small shade"
    assert stated.decision("small shade", selected=False) == Choose(small.group, small.option, chosen=False)
    assert stated.decision("large shade").group == small.group  # alternatives are one question
    assert stated.entry("Cable", 3) == Enter(stated.numbers["Cable"][0], 3)
    assert stated.written("Engraving", "Anna").option == "Anna"
    assert stated.feature(*_place(stated.written("Engraving", "Anna"))) is None
    for wrong in (
        lambda: stated.decision("shade"),
        lambda: stated.entry("Foot", 3),
        lambda: stated.entry("Cable", Fraction(1, 2)),
        lambda: stated.written("Engraving", "Berta"),
    ):
        with pytest.raises(NoSuchFeature):
            wrong()
    for found in configurations(problem_of(_tiny())):
        assert problem_of(_tiny()).selected(variant_of(problem_of(_tiny()), found)) == found.chosen


def _place(choice: Choose) -> tuple[str, str]:
    return choice.group, choice.option


def _tiny() -> FeatureModel:
    tree = "features\n    A\n        alternative\n            B\n            C\n        optional\n            D\n"
    return read_uvl(tree)


def test_rules_say_which_line_they_come_from() -> None:
    stated = problem_of(read_uvl(LAMP))
    texts = {rule: text for rule, text in stated.texts.items() if rule.startswith("line ")}
    lines = LAMP.splitlines()
    assert len(texts) == 7
    assert all(text in lines[int(rule.split()[1]) - 1] for rule, text in texts.items() if "{" not in text)
    assert set(stated.texts) == {rule.id for rule in stated.problem.rules}


def test_a_number_has_the_range_that_the_file_says_and_what_is_assumed_is_noted() -> None:
    text = """\
features
    A
        mandatory
            Integer free
            Integer cut {min 0, max 100, step 5}
        optional
            Integer maybe
            Real weight {max 2}
constraints
    3 < cut & cut <= 51
    maybe => maybe >= 2 & maybe < 7
    weight != 1.125
"""
    stated = problem_of(read_uvl(text))
    ranges = {p.id: list(p.asked) if p.maximum - p.minimum < 100 else p.asked for p in stated.problem.parameters}
    assert ranges == {
        "free:number": range(-100_000, 100_001),
        "cut:number": [5, 10, 15, 20, 25, 30, 35, 40, 45, 50],
        "maybe:number": [2, 3, 4, 5, 6],
        "weight:number": range(-100_000_000, 2_001),
    }
    assert {note.line for note in stated.notes} == {4, 8}
    # What the range says already is no rule beside it: engines would carry it for nothing.
    assert {rule.id for rule in stated.problem.rules if rule.id.startswith("line ")} == {"line 12"}


def test_an_attribute_is_a_number_of_the_groups_so_that_a_sum_of_it_is_linear() -> None:
    stated = problem_of(read_uvl(LAMP))
    assert stated.scales["price"] == 10  # 24.50 is 24.5
    group = stated.problem.group_by_id[stated.decision("small shade").group]
    prices = [numbers for name, numbers in group.numbers.items() if name.startswith("price")]
    assert [sorted(numbers.values()) for numbers in prices] == [[100, 245]]


EVERYTHING = """\
features
    R {weight 2}
        mandatory
            A {weight 1.5, flag true, off false, tint 'red'}
                or
                    B {weight -1, tint 'blue'}
                    C
        optional
            Integer N {min 0, max 3, weight 4}
            String S
            D {weight 1.5}
                alternative
                    E {weight 3}
                    F
                    G {weight 0.25}
constraints
    """
# One row a way of saying something, so that none is left to chance.
SAYINGS = [
    *(f"{what} {sign} {number}" for what in ("avg(weight)", "avg(weight, D)", "sum(D, weight)", "sum(weight)")
      for sign in ("<", "<=", ">", ">=", "==", "!=") for number in ("2", "0", "1.5")),
    *(f"{number} {sign} avg(weight, D)" for sign in ("<", "<=", "==") for number in ("2", "0")),
    "avg(weight) - avg(weight, D) < 0.5", "!(avg(weight, D) > 2) | N > 1", "N / B.weight > 0 - 2", "!(N / N == 1)",
    "A.flag", "!A.off & C", "B.tint == S", "B.tint != 'blue' => S != B.tint", "S == ''", "S == 'red' | A.tint == S",
    "A.tint == 'red'", "A.tint == B.tint", "len(B.tint) > 2", "floor(A.weight) == 1", "ceil(A.weight) == 2",
    "floor(B.weight) + ceil(N) > 0", "len(S) == 0", "len(S) > 3 & S != 'blue'", "len(S) + len(B.tint) == 8",
    "len(S) < N", "N", "N > 0 & D", "N => N >= 1 & N < 3", "N >= 1", "N - 2 * N < 0", "B == C",
    "(B | D) == (C & E)", "B <=> C", "(B <=> C) <=> (D <=> E)", "(E => F) => G", "N == D",
    "sum(weight) + N * A.weight - B.weight <= 9", "E.weight > 2 | G.weight * G.weight == 0.0625",
]  # fmt: skip


@pytest.mark.parametrize("said", SAYINGS)
def test_everything_that_can_be_said_means_the_same_in_the_problem(said: str) -> None:
    model = read_uvl(EVERYTHING + said + "\n")
    stated = problem_of(model)
    every = list(configurations(stated, _trees_of_everything()))
    held = [keeps(model, found) for found in every]
    assert [is_valid(stated.problem, variant_of(stated, found)) for found in every] == held


@cache
def _trees_of_everything() -> tuple[frozenset[str], ...]:
    return tuple(trees(read_uvl(EVERYTHING + "R\n")))


@settings(max_examples=80, deadline=None)
@given(feature_models())
def test_a_problem_has_exactly_the_configurations_of_its_model(model: FeatureModel) -> None:
    stated = problem_of(model)
    for found in configurations(stated):
        assert is_valid(stated.problem, variant_of(stated, found)) == keeps(model, found), found


@pytest.mark.slow
@settings(max_examples=1_000, deadline=None)
@given(feature_models())
def test_many_problems_have_exactly_the_configurations_of_their_models(model: FeatureModel) -> None:
    stated = problem_of(model)
    for found in configurations(stated):
        assert is_valid(stated.problem, variant_of(stated, found)) == keeps(model, found), found


@settings(max_examples=80, deadline=None)
@given(feature_models())
def test_what_is_printed_reads_back_the_same(model: FeatureModel) -> None:
    again = read_uvl(print_uvl(model))
    assert again.root == model.root
    assert list(again.features) == _in_order(model)
    for name, feature in model.features.items():
        found = again.features[name]
        assert (found.type, found.parent) == (feature.type, feature.parent)
        assert found.attributes == feature.attributes
    shapes = [{(g.parent, g.members, g.minimum, g.maximum) for g in m.groups} for m in (model, again)]
    assert shapes[0] == shapes[1]
    assert [c.term for c in again.constraints] == [c.term for c in model.constraints]


def _in_order(model: FeatureModel) -> list[str]:
    """The features as a file lists them."""
    found: list[str] = []
    waiting = [model.root]
    while waiting:
        name = waiting.pop()
        found.append(name)
        below = [member for group in model.groups if group.parent == name for member in group.members]
        waiting.extend(reversed(below))
    return found


def test_a_negative_term_is_printed_as_every_reader_takes_it() -> None:
    minus = Operation(Operator.NEGATIVE, (Reference(("A",)),))
    assert print_term(Operation(Operator.DIVIDE, (NumberTerm(Fraction(3)), minus))) == "3 / (-1 * A)"
    assert print_term(Operation(Operator.PLUS, (minus, NumberTerm(Fraction(-2))))) == "-1 * A - 2"
