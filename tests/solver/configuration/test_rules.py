"""The rule language: what is read, what it is worth, how it prints, and that no text is a bomb."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from time import process_time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from lark import Lark, UnexpectedInput

from solver.configuration import rules
from solver.configuration.check import VariantAnswers, answers
from solver.configuration.problem import (
    ConfigurationProblem,
    Derived,
    GroupId,
    IntegerParameter,
    OptionGroup,
    OptionId,
    ParameterId,
    Variant,
)
from solver.configuration.quick_rules import FINEST, Quick, exact, quick
from solver.configuration.rules import (
    And,
    Answers,
    Cases,
    Comparison,
    DividedByZero,
    Each,
    EachKind,
    Exact,
    Expression,
    Instance,
    Length,
    Member,
    Min,
    Not,
    Number,
    Parameter,
    Quotient,
    RuleSyntaxError,
    Sum,
    When,
    expand,
    holds,
    names_in,
    parse,
    print_expression,
    texts_in,
    value,
)
from tests.solver.configuration.brute import GROUPS, PARAMETERS, all_variants, expressions

EVERY = all_variants(ConfigurationProblem(GROUPS, PARAMETERS))
FINE = Number(Fraction(7, 10))
QUANTITY = "quantity"


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
        ("when 0 then 1 when 1 then 2 when 1 then 3 else 4", 2),  # the first that holds
        ("when 0 then 1 when 0 then 2 else 4", 4),
        ("when 1 then when 0 then 5 else 6 when 1 then 7 else 8", 6),  # an inner one ends with its else
        ("when 1 then 5 when 1 / zero then 6 else 7", 5),  # never looks at the division
        ("7 mod 3", 1),
        ("-7 mod 3", 2),  # down, as floor is
        ("7 mod -3", -2),
        ("7.5 mod 2", Fraction(3, 2)),
        ("2 * 7 mod 4 * 3", 6),  # to the left, as * and /
        ("floor(7 / tyres.width * 10)", 1),
        ("gears in {hub_5, hub_8}", 1),
        ("gears in {hub_5}", 0),
        ("not gears in {hub_5} and 1", 1),
        ("gears.hub_5 <=> zero > 0", 1),
        ("gears.hub_8 <=> width", 1),  # what is not 0 holds
        ("gears.hub_8 <=> zero", 0),
        ("39 + 2.5 * length(engraving)", 44),
        ("gears.hub_5 and 1 / zero = 1", 0),  # never looks at the division
        ("gears.hub_8 or 1 / zero = 1", 1),
    ],
)
def test_an_expression_is_worth_its_exact_value(text: str, expected: Fraction | int) -> None:
    assert value(parse(text), Bicycle()) == expected
    assert holds(parse(text), Bicycle()) is bool(expected)


def test_dividing_by_nothing_is_an_error_and_no_number() -> None:
    for text in ("1 / zero", "1 mod zero", "2 + (1 / zero) * 0"):
        with pytest.raises(DividedByZero, match=r"1 (/|mod) zero"):
            value(parse(text), Bicycle())


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
        ("when a then b when c else d", 22, "`else`"),
        ("when a then b when c then d", 28, "the end"),
        ("a <=> b <=> c", 9, "`<=>`"),  # which one first?
        ("a mod", 6, "the end"),
        ("colour in {}", 12, "`}`"),
        ("colour in {red", 15, "the end"),
        ("sum(drawer)", 11, "`)`"),
        ("count(2, a)", 7, "`2`"),
        ("all(drawer, a, b)", 14, "`,`"),
        ("mod + 1", 1, "`mod`"),
        ("a + b\n * * c", 10, "`*`"),  # columns count on over line ends
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
        "when a then b when " * 500 + "c",
        "(" * 100_000 + "a" + ")" * 100_000,
        "a<=>(" * 1_900 + "a" + ")" * 1_900,
        "sum(a," * 1_400 + "1" + ")" * 1_400,
        "a mod " * 1_600 + "a",
        "9" * 1_000_000,
        "min(1," * 1_400 + "1" + ")" * 1_400,
        "a/" * 4_999 + "a",
        "9" * 9_999,
        "0." + "1" * 9_000,
    ],
    ids=lambda text: text[:12],
)
def test_bombs_are_refused_within_a_second(text: str) -> None:
    begin = process_time()
    with pytest.raises(RuleSyntaxError):
        parse(text)
    assert process_time() - begin < 1


def test_the_longest_expression_of_large_numbers_is_worth_something_within_a_second() -> None:
    text = "*".join(["999999999999999999.999999999999999999"] * 260)
    begin = process_time()
    assert value(parse(text), Bicycle()) > 10**4_000
    assert process_time() - begin < 1


def test_names_are_members_parameters_and_texts() -> None:
    expression = parse("tyres.width + width > 3 => length(engraving) = 0 or not gears.hub_5")
    assert names_in(expression) == {("tyres", "width"), ("width", None), ("engraving", None), ("gears", "hub_5")}
    assert texts_in(expression) == {"engraving"}


def test_names_of_functions_over_components_stay_names_elsewhere() -> None:
    assert parse("sum + count.all") == Sum((Parameter("sum"), Member("count", "all")))
    assert parse("length + min.floor") == Sum((Parameter("length"), Member("min", "floor")))
    assert parse("length (length)") == Length("length")
    for word in rules.RESERVED:
        with pytest.raises(RuleSyntaxError):
            parse(f"{word} + 1")
    assert parse("any(in, in.sum)") == Each(EachKind.ANY, "in", Member("in", "sum"))


def test_both_ways_is_refused_between_expressions_that_would_be_written_twice_too_long() -> None:
    long = " + ".join(["a"] * 100)
    with pytest.raises(RuleSyntaxError, match="column 3: found `<=>`, expected at most 100 parts"):
        parse(f"b <=> {long}")
    text = "a"
    for _ in range(8):  # 2^8 times as long, if nothing stopped it
        text = f"({text} <=> b)"
    with pytest.raises(RuleSyntaxError, match="at most 100 parts"):
        parse(text)


def outcome(value: Callable[[Answers], Exact], asked: Answers) -> object:
    """What comes of it, and whether it is a number of the kind that is promised."""
    try:
        found = value(asked)
    except DividedByZero as error:
        return str(error)
    assert type(found) in (int, Fraction)
    return found


class Quickly(VariantAnswers):
    """A variant's answers, derived quantities by their functions (`kept`: those that are made already)."""

    def __init__(self, problem: ConfigurationProblem, variant: Variant, kept: dict[int, Quick] | None = None) -> None:
        super().__init__(problem, variant)
        object.__setattr__(self, "kept", {} if kept is None else kept)

    def of(self, expression: Expression) -> Exact:
        made = self._made(expression)
        return exact(self.count(made), made.denominator)

    def count(self, made: Quick) -> Exact:
        return made.function(self, self.variant.chosen, self.variant.numbers)

    def _made(self, expression: Expression) -> Quick:
        if id(expression) not in self.kept:
            derived = self.problem.derived_by_id
            self.kept[id(expression)] = quick(
                self.problem, expression, frozenset(), lambda name: self._made(derived[name].expression)
            )
        return self.kept[id(expression)]


@settings(max_examples=300, deadline=None, derandomize=True)
@given(quantity=expressions(divide=True), expression=expressions(divide=True), data=st.data())
def test_as_a_function_of_whole_numbers_an_expression_has_the_same_value(
    quantity: Expression, expression: Expression, data: st.DataObject
) -> None:
    several = [expression, Sum((Parameter(QUANTITY), expression)), Quotient(expression, FINE)]
    asking = data.draw(st.sampled_from(several))
    problem, kept = ConfigurationProblem(GROUPS, PARAMETERS, derived=(Derived(QUANTITY, quantity),)), {}
    for variant in data.draw(st.lists(st.sampled_from(EVERY), min_size=1, max_size=20)):
        asked = answers(problem, variant)
        assert outcome(lambda _a, one=variant: Quickly(problem, one, kept).of(asking), asked) == outcome(
            asking.evaluate, asked
        )


@pytest.mark.parametrize("text", ["x / 999999999989 / 999999999961", "x / 999999999989 * (y / 999999999961)"])
def test_what_would_be_counted_too_finely_is_a_fraction(text: str) -> None:
    problem, variant = ConfigurationProblem(GROUPS, PARAMETERS), EVERY[-1]
    expression = parse(text.replace("x", PARAMETERS[0].id).replace("y", PARAMETERS[1].id))
    made = quick(problem, expression, frozenset(), {}.__getitem__)
    found = exact(made.function(answers(problem, variant), variant.chosen, variant.numbers), made.denominator)
    assert made.denominator <= FINEST and found == expression.evaluate(answers(problem, variant))
    assert isinstance(found, Fraction) and found.denominator > FINEST // 1000


def test_what_somebody_has_typed_is_no_part_of_the_function() -> None:
    """A name is asked for as it is; nothing of it is run."""
    name = "x') or __import__('os').abort() or ('"
    group = OptionGroup(GroupId(name), (OptionId(name),), 0, 1)
    problem = ConfigurationProblem((group,), (IntegerParameter(ParameterId(name + "2"), 1, 1),))
    variant = Variant({group.id: frozenset(group.options)}, {ParameterId(name + "2"): 1}, {name + "3": "y"})
    for expression in (Member(name, name), Parameter(name + "2"), Length(name + "3")):
        assert Quickly(problem, variant).of(expression) == 1
    with pytest.raises(TypeError, match="expanded first"):
        Quickly(problem, variant).of(Each(EachKind.SUM, "drawer", Member(name, name)))
    deepest: Expression = Member(name, name)
    while deepest.depth < rules.MAXIMUM_DEPTH - 1:
        deepest = Not(Comparison(Quotient(deepest, FINE), rules.Comparator.EQUAL, FINE))
    assert Quickly(problem, variant).of(deepest) == deepest.evaluate(answers(problem, variant))


def trees() -> st.SearchStrategy[Expression]:
    """Every kind of tree, those of components and texts included."""
    leaves = st.one_of(expressions(divide=True), st.builds(Length, st.sampled_from(["engraving", "t"])))

    def grow(below: st.SearchStrategy[Expression]) -> st.SearchStrategy[Expression]:
        return st.one_of(
            st.builds(Each, st.sampled_from(EachKind), st.sampled_from(["drawer", "x"]), below),
            st.builds(Cases, st.lists(st.tuples(below, below), min_size=2, max_size=3).map(tuple), below),
            st.builds(When, below, below, below),
            st.builds(lambda a, b: And((a, b)), below, below),
            st.builds(lambda a, b: Sum((a, b)), below, below),
        )

    return st.recursive(leaves, grow, max_leaves=4)


@settings(max_examples=400, deadline=None, derandomize=True)
@given(expression=trees())
def test_printed_expressions_read_back_as_the_same_tree(expression: Expression) -> None:
    text = print_expression(expression)
    assert parse(text) == expression
    assert print_expression(parse(text)) == text


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.text(alphabet="ab.+-*/()=<>! 0123456789notandorwhenthenelseminmaxceil,{}", max_size=40))
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


# --- the grammar that people read ---

README = (Path(__file__).parents[3] / "README.md").read_text()


def block(kind: str) -> str:
    """The lines of the one block of that kind."""
    (found,) = re.findall(rf"```{kind}\n(.*?)```", README, re.DOTALL)
    return str(found)


def written_grammar() -> Lark:
    """The grammar of the README, translated symbol by symbol for a parser of another kind than ours."""
    text = block("ebnf").replace("{ ", "(").replace(" }", ")*").replace("[ ", "(").replace(" ]", ")?")
    text = text.replace('("{")', '"{"').replace('"("', '"("').replace(" ;\n", "\n").replace(" =", ":")
    text = text.replace('":', '" =')  # not the signs that compare
    for word in ("min", "max", "floor", "ceil", "sum", "count", "all", "any", "length"):  # words only before (
        text = text.replace(f'"{word}"', word.upper()) + f"{word.upper()}.2: /{word}(?=[ \\t\\r\\n]*\\()/\n"
    text = text.replace('"in"', "IN") + "IN.2: /in(?=[ \\t\\r\\n]*\\{)/\n"
    terminals = "NUMBER: /[0-9]+(\\.[0-9]+)?/\nNAME: /[A-Za-z_][A-Za-z0-9_]*/\n%ignore /[ \\t\\r\\n]+/\n"
    return Lark(text + terminals, start="expression", parser="earley", lexer="basic")


WRITTEN = written_grammar()
NUMBERS_AND_NAMES = ["a", "b", "drawer", "1", "0.5"]
SIGNS = ["+", "-", "*", "/", "=", "!=", "<", "<=", ">", ">=", "=>", "<=>", "(", ")", ",", "}", "."]
KEYWORDS = [*sorted(rules.RESERVED)]
FUNCTIONS = ["in", "min", "floor", "length", "sum", "all"]  # words only before a bracket
WORDS = [*sorted(rules.RESERVED)]
CALLS = ["in {", *(f"{name} (" for name in ("min", "floor", "length", "sum", "all"))]  # before a bracket; else names
WORDS = [*NUMBERS_AND_NAMES, *SIGNS, *KEYWORDS, *FUNCTIONS, "{"]


def test_the_examples_of_the_readme_can_be_read() -> None:
    lines = [line.partition("#")[0] for line in block("rules").splitlines()]
    assert len(lines) >= 10
    for line in lines:
        assert parse(print_expression(parse(line))) == parse(line)
        WRITTEN.parse(line)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(expression=trees())
def test_what_is_printed_follows_the_written_grammar(expression: Expression) -> None:
    WRITTEN.parse(print_expression(expression))


@settings(max_examples=600, deadline=None, derandomize=True)
@given(st.lists(st.sampled_from(WORDS), min_size=1, max_size=9).map(" ".join))
@example("when a then b when a then b else a")
@example("when a then b else a when a then b")
@example("a => b => a")
@example("a <=> b => a")
@example("a => b <=> a")
@example("a in { b , a }")
@example("sum ( drawer , 1 ) mod 1")
@example("sum ( 1 , 1 )")
@example("- - a")
@example("not - not a")
def test_the_written_grammar_reads_what_the_parser_reads_and_nothing_else(text: str) -> None:
    try:
        WRITTEN.parse(text)
    except UnexpectedInput:
        with pytest.raises(RuleSyntaxError):
            parse(text)
    else:
        parse(text)


# --- components ---


class Cabinet:
    """Three drawers may be; two are in use: 300 wide of oak, 500 wide of birch."""

    used = 2

    def member(self, group: str, name: str) -> bool | int:
        number, _, own = group.partition("_")
        if int(number.removeprefix("d")) > self.used:
            return 0
        oak = number == "d1"
        return {"front.width": 300 if oak else 500, "front.oak": oak, "front.birch": not oak}[f"{own}.{name}"]

    def parameter(self, name: str) -> int:
        return {"drawers": self.used, "limit": 400, "d1_load": 10, "d2_load": 20, "d3_load": 0}[name]

    def text(self, name: str) -> str:
        raise KeyError(name)


class Empty(Cabinet):
    used = 0


def drawers(name: str) -> Sequence[Instance]:
    if name != "drawer":
        raise KeyError(name)
    return [
        Instance({"front": f"d{k}_front", "load": f"d{k}_load"}, parse(f"drawers >= {k}"), frozenset({"load"}))
        for k in (1, 2, 3)
    ]


@pytest.mark.parametrize(
    ("text", "filled", "empty"),
    [
        ("sum(drawer, front.width)", 800, 0),
        ("sum(drawer, front.width + 3)", 806, 0),  # a drawer that is not in use adds no 3
        ("sum(drawer, 1)", 2, 0),
        ("sum(drawer, front.width * limit)", 320_000, 0),
        ("count(drawer, front.width > limit)", 1, 0),
        ("count(drawer, not front.birch)", 1, 0),  # the third has no birch front either, and is not counted
        ("all(drawer, front.width >= 300)", 1, 1),
        ("all(drawer, front.oak)", 0, 1),
        ("any(drawer, front.oak)", 1, 0),
        ("any(drawer, not front.oak and not front.birch)", 0, 0),
        ("min(drawer, front.width)", 300, 0),  # not the 0 of the third
        ("max(drawer, -load)", -10, 0),
        ("min(limit, 500)", 400, 400),  # no component
        ("sum(drawer, load) + drawers", 32, None),
    ],
)
def test_a_component_is_asked_over_its_instances_in_use(text: str, filled: int, empty: int | None) -> None:
    expanded = expand(parse(text), drawers)
    assert value(expanded, Cabinet()) == filled
    if empty is not None:
        assert value(expanded, Empty()) == empty
    assert parse(print_expression(expanded)) == expanded


def test_a_sum_over_what_is_nothing_where_it_is_not_asked_stays_a_plain_sum() -> None:
    expanded = expand(parse("sum(drawer, 2 * front.width + load)"), drawers)
    assert expanded == parse(" + ".join(f"(2 * d{k}_front.width + d{k}_load)" for k in (1, 2, 3)))


def test_a_component_of_no_instances_or_one_is_asked_too() -> None:
    def single(_: str) -> Sequence[Instance]:
        return [Instance({"front": "d1_front"})]

    for text, expected in (("sum(k, front.width)", 300), ("count(k, front.width)", 1), ("all(k, front.width)", 1)):
        assert value(expand(parse(text), single), Cabinet()) == expected
    for text, expected in (("sum(k, front.width)", 0), ("all(k, front.oak)", 1), ("any(k, 1)", 0), ("max(k, 1)", 0)):
        assert value(expand(parse(text), lambda _: ()), Cabinet()) == expected


def test_components_inside_components_are_renamed_on_the_way_down() -> None:
    def nested(name: str) -> Sequence[Instance]:
        names: Mapping[str, list[Mapping[str, str]]] = {
            "drawer": [{"box": "d1_box"}, {"box": "d2_box"}],
            "d1_box": [{"w": "d1_box_w"}],
            "d2_box": [{"w": "d2_box_w"}, {"w": "d3_box_w"}],
        }
        return [Instance(one) for one in names[name]]

    expanded = expand(parse("sum(drawer, sum(box, w + x))"), nested)
    assert expanded == parse("(d1_box_w + x) + ((d2_box_w + x) + (d3_box_w + x))")
    with pytest.raises(KeyError):
        expand(parse("sum(shelf, 1)"), nested)


def test_instances_of_instances_are_no_bomb() -> None:
    text = "sum(a, " * 20 + "1" + ")" * 20
    begin = process_time()
    with pytest.raises(ValueError, match="at most 100,000 parts"):
        expand(parse(text), lambda _: [Instance({})] * 50)
    assert process_time() - begin < 1


def test_what_was_not_expanded_has_no_value() -> None:
    with pytest.raises(TypeError, match="expanded"):
        value(parse("sum(drawer, 1)"), Bicycle())
    assert isinstance(parse("min(drawer, 1)"), Min)
    assert set(rules.EachKind) == {"sum", "count", "all", "any"}
