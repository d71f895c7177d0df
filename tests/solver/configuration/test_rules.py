"""The rule language: what is read, what it is worth, how it prints, and that no text is a bomb."""

from __future__ import annotations

from fractions import Fraction
from time import perf_counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from solver.configuration.rules import (
    DividedByZero,
    Expression,
    Length,
    Number,
    RuleSyntaxError,
    holds,
    names_in,
    parse,
    print_expression,
    texts_in,
    value,
)
from tests.solver.configuration.brute import expressions


class Bicycle:
    """A hub gear, 40 mm tyres, 1200 wide, an engraving of two characters."""

    def member(self, group: str, name: str) -> bool | int:
        return {"gears.hub_8": True, "gears.hub_5": False, "tyres.width": 40}[f"{group}.{name}"]

    def parameter(self, name: str) -> int:
        return {"width": 1200, "zero": 0}[name]

    def text(self, name: str) -> str:
        return {"engraving": "早安"}[name]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1 + 2 * 3", 7),  # product binds tighter
        ("(1 + 2) * 3", 9),
        ("7 - 2 - 1", 4),  # to the left
        ("8 / 4 / 2", 1),
        ("8 / 4 * 2", 4),
        ("-2 * 3 - -1", -5),
        ("0.1 + 0.2", Fraction(3, 10)),  # exact, no binary fractions
        ("1 / 3 * 3", 1),
        ("5 * (5 - gears.hub_8 - gears.hub_5)", 20),  # booleans count
        ("gears.hub_5 => 0", 1),
        ("gears.hub_8 => 0 => 0", 1),  # to the right: a => (b => c)
        ("gears.hub_8 or gears.hub_5 and 0", 1),  # and before or
        ("not gears.hub_5 and gears.hub_5", 0),  # not before and
        ("not tyres.width >= 47", 1),  # comparison before not
        ("tyres.width + 2 * 6 <= 52", 1),
        ("tyres.width != 40", 0),
        ("when tyres.width >= 47 then 36 else 32", 32),
        ("when 0 then 1 else when 1 then 2 else 3", 2),
        ("ceil(width / 1000) + floor(-0.5)", 1),
        ("min(3, width, 5) + max(1, 2)", 5),
        ("39 + 2.5 * length(engraving)", 44),
        ("gears.hub_5 and 1 / zero = 1", 0),  # never looks at the division
        ("gears.hub_8 or 1 / zero = 1", 1),
    ],
)
def test_an_expression_is_worth_its_exact_value(text: str, expected: Fraction | int) -> None:
    assert value(parse(text), Bicycle()) == expected
    assert holds(parse(text), Bicycle()) is bool(expected)


def test_dividing_by_nothing_is_an_error_and_no_number() -> None:
    with pytest.raises(DividedByZero):
        value(parse("1 / zero"), Bicycle())


@pytest.mark.parametrize(
    ("text", "column", "found"),
    [
        ("", 1, "the end"),
        ("drive.belt =>", 14, "the end"),
        ("drive.belt => => gears.hub_8", 15, "`=>`"),
        ("a b", 3, "`b`"),
        ("(a", 3, "the end"),
        ("a ? b", 3, "`?`"),
        ("a = b = c", 7, "`=`"),  # comparisons do not chain
        ("min(a)", 6, "`)`"),
        ("and", 1, "`and`"),
        ("1.", 2, "`.`"),
        ("__import__('os')", 11, "`(`"),
        ("a.b.c", 4, "`.`"),
        ("9" * 19, 1, "a very long number"),
    ],
)
def test_what_cannot_be_read_is_refused_at_its_column(text: str, column: int, found: str) -> None:
    with pytest.raises(RuleSyntaxError) as caught:
        parse(text)
    assert (caught.value.column, caught.value.found) == (column, found)
    assert caught.value.expected


@pytest.mark.parametrize(
    "text",
    [
        "a" * 1_000_000,
        "(" * 1_000_000,
        "(" * 4_999 + "a" + ")" * 4_999 + "=",
        "not " * 2_499 + "a",
        "-" * 9_999 + "a",
        "a=>" * 3_333 + "a",
        "(a+" * 2_000 + "a" + ")" * 2_000,
        "when a then b else " * 500 + "c",
        "min(1," * 1_400 + "1" + ")" * 1_400,
        "a/" * 4_999 + "a",
        "9" * 9_999,
        "0." + "1" * 9_000,
    ],
    ids=lambda text: text[:12],
)
def test_bombs_are_refused_within_a_second(text: str) -> None:
    begin = perf_counter()
    with pytest.raises(RuleSyntaxError):
        parse(text)
    assert perf_counter() - begin < 1


def test_the_longest_expression_of_large_numbers_is_worth_something_within_a_second() -> None:
    text = "*".join(["999999999999999999.999999999999999999"] * 260)
    begin = perf_counter()
    assert value(parse(text), Bicycle()) > 10**4_000
    assert perf_counter() - begin < 1


def test_names_are_members_parameters_and_texts() -> None:
    expression = parse("tyres.width + width > 3 => length(engraving) = 0 or not gears.hub_5")
    assert names_in(expression) == {("tyres", "width"), ("width", None), ("engraving", None), ("gears", "hub_5")}
    assert texts_in(expression) == {"engraving"}


@settings(max_examples=300, deadline=None, derandomize=True)
@given(expression=expressions(divide=True))
def test_printed_expressions_read_back_as_the_same_tree(expression: Expression) -> None:
    text = print_expression(expression)
    assert parse(text) == expression
    assert print_expression(parse(text)) == text


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.text(alphabet="ab.+-*/()=<>! 0123456789notandorwhenthenelseminmaxceil,", max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        expression = parse(text)
    except RuleSyntaxError as error:
        assert 1 <= error.column <= len(text) + 1
    else:
        assert parse(print_expression(expression)) == expression


def test_trees_that_could_not_be_printed_cannot_be_built() -> None:
    with pytest.raises(ValueError, match="not negative"):
        Number(Fraction(-1))
    with pytest.raises(ValueError, match="places"):
        Number(Fraction(1, 3))
    assert Length("engraving") == parse("length(engraving)")
