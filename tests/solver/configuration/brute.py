"""Small random problems, and the truth about them: every assignment, judged one by one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from functools import cache
from itertools import chain, combinations, product

from hypothesis import reject
from hypothesis import strategies as st

from solver.configuration.check import violations
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
    RuleId,
    TableRule,
    Variant,
    Within,
)
from solver.configuration.rules import (
    And,
    Cases,
    Ceil,
    Comparator,
    Comparison,
    Expression,
    Floor,
    Implies,
    Max,
    Member,
    Min,
    Modulo,
    Negative,
    Not,
    Number,
    Or,
    Parameter,
    Product,
    Quotient,
    Sum,
    When,
)

GROUPS = (
    OptionGroup(
        GroupId("a"),
        (OptionId("a1"), OptionId("a2"), OptionId("a3")),
        numbers={"n": {OptionId("a1"): 3, OptionId("a2"): -2}},
    ),
    OptionGroup(GroupId("b"), (OptionId("b1"), OptionId("b2")), minimum=0),
    OptionGroup(
        GroupId("c"),
        (OptionId("c1"), OptionId("c2"), OptionId("c3")),
        1,
        2,
        {"n": {OptionId("c1"): 5, OptionId("c3"): 1}},
    ),
    OptionGroup(GroupId("d"), (OptionId("d1"), OptionId("d2"))),
)
PARAMETERS = (IntegerParameter(ParameterId("x"), -1, 8, 3), IntegerParameter(ParameterId("y"), 2, 4))
_MEMBERS = [Member(g.id, name) for g in GROUPS for name in (*g.options, *g.numbers)]


@cache  # hypothesis looks into a new strategy for longer than it draws from it
def expressions(*, divide: bool, derived: tuple[str, ...] = ()) -> st.SearchStrategy[Expression]:
    """Expressions over GROUPS, PARAMETERS and derived quantities; `divide`: also by what may be 0."""
    numbers = st.sampled_from(["0", "1", "2", "3", "7", "0.5", "1.25"]).map(lambda text: Number(Fraction(text)))
    names = st.sampled_from([*(Parameter(p.id) for p in PARAMETERS), *map(Parameter, derived)])
    leaves = st.one_of(st.sampled_from(_MEMBERS), names, numbers)

    def grow(below: st.SearchStrategy[Expression]) -> st.SearchStrategy[Expression]:
        several = st.lists(below, min_size=2, max_size=3).map(tuple)
        half = st.sampled_from([Number(Fraction(2)), Number(Fraction("1.5"))])
        divisors = below if divide else half
        return st.one_of(
            *(several.map(kind) for kind in (And, Or, Sum, Product, Min, Max)),
            *(below.map(kind) for kind in (Not, Negative, Ceil, Floor)),
            st.builds(Implies, below, below),
            st.builds(Comparison, below, st.sampled_from(list(Comparator)), below),
            st.builds(When, below, below, below),
            st.builds(Cases, st.lists(st.tuples(below, below), min_size=2, max_size=3).map(tuple), below),
            st.builds(Quotient, below, divisors),
            st.builds(Modulo, below, divisors),
        )

    return st.recursive(leaves, grow, max_leaves=6)


@cache
def _tables(derived: tuple[str, ...]) -> st.SearchStrategy[TableRule]:
    cells: dict[str, st.SearchStrategy[object]] = {str(g.id): st.sampled_from(g.options) for g in GROUPS}
    ends = st.one_of(st.none(), st.integers(-2, 8))
    within = st.one_of(st.none(), st.builds(Within, ends, ends))
    cells |= dict.fromkeys(("x", "y", *derived), within)

    @cache
    def plain(groups: tuple[str, ...]) -> st.SearchStrategy[TableRule]:
        rows = st.lists(st.tuples(*(cells[group] for group in groups)), min_size=1, max_size=4, unique=True).map(tuple)
        ids = tuple(GroupId(group) for group in groups)
        return st.builds(TableRule, st.just(RuleId("table")), st.just(ids), rows, st.booleans())

    @cache
    def wide(names: tuple[str, ...]) -> st.SearchStrategy[TableRule]:
        line = st.tuples(*(st.one_of(st.none(), cells[name]) for name in names))
        return st.builds(
            TableRule,
            st.just(RuleId("table")),
            allowed=st.booleans(),
            columns=st.just(names),
            cells=st.lists(line, min_size=1, max_size=4).map(tuple),
        )

    quantities = [columns for name in derived for columns in ((name, "d"), (name, "b"), ("b", name, "d"))]
    columns = st.sampled_from([("a", "x"), ("y", "d"), ("b", "x", "y"), *quantities])
    return st.one_of(st.sampled_from([("a", "d"), ("d", "a"), ("a", "b")]).flatmap(plain), columns.flatmap(wide))


@st.composite
def dividing_tables(draw: st.DrawFn) -> ConfigurationProblem:
    """A table of a quantity that divides by what may be 0, so that it matters which of its cells are asked."""
    divisors = [Member("c", "n"), Member("c", "c1"), Member("a", "n"), Parameter("x"), Member("b", "b1")]
    divisor = draw(st.sampled_from(divisors))
    p = Derived("p", draw(st.sampled_from([Quotient(Number(Fraction(7)), divisor), Modulo(Parameter("y"), divisor)])))
    table = draw(_tables(("p",)).filter(lambda table: "p" in table.columns))
    return ConfigurationProblem(GROUPS, PARAMETERS, (table,), (p,))


@st.composite
def problems(draw: st.DrawFn, *, divide: bool) -> ConfigurationProblem:
    """Problems with one to four rules, often satisfiable; some with questions that are not always asked."""
    derived: list[Derived] = []
    for name in draw(st.sampled_from([(), (), ("p",), ("p", "q")])):
        names = tuple(one.id for one in derived)
        derived.append(Derived(name, draw(expressions(divide=divide, derived=names))))
    quantities = tuple(one.id for one in derived)
    maybe = st.one_of(st.none(), st.none(), expressions(divide=divide, derived=quantities))
    groups = [*GROUPS]
    for place in (1, 3):
        groups[place] = replace(groups[place], when=draw(maybe))
    y = replace(PARAMETERS[1], when=draw(maybe), otherwise=draw(st.sampled_from([0, 3, 7])))
    expression = expressions(divide=divide, derived=quantities)
    found = [ExpressionRule(RuleId(f"r{k}"), draw(expression)) for k in range(draw(st.integers(1, 3)))]
    table = draw(st.lists(_tables(quantities), max_size=1))
    try:
        return ConfigurationProblem(tuple(groups), (PARAMETERS[0], y), (*found, *table), tuple(derived))
    except InvalidProblem:  # it may come to too much
        reject()


def decision_lists(maximum: int = 5) -> st.SearchStrategy[list[Decision]]:
    """Decisions in any order; they may contradict each other, and numbers may lie outside."""
    chooses = [Choose(g.id, o, chosen) for g in GROUPS for o in g.options for chosen in (True, True, False)]
    enters = [Enter(p.id, n) for p in PARAMETERS for n in (*p.values, 0, 99)]
    return st.lists(st.sampled_from([*chooses, *enters]), max_size=maximum)


def all_variants(problem: ConfigurationProblem) -> tuple[Variant, ...]:
    """Every valid variant."""
    return tuple(variant for variant, broken in judged_variants(problem) if not broken)


def judged_variants(problem: ConfigurationProblem, step: int = 1) -> list[tuple[Variant, frozenset[str]]]:
    """Every complete variant and the rules that it breaks; `step`: of so many variants one."""
    variants = list(_assignments(problem))[::step]
    key = (repr(problem), step)
    if key not in _broken:
        judged = [frozenset(found.id for found in violations(problem, variant)) for variant in variants]
        kept = {broken: broken for broken in judged}
        _broken[key] = [kept[broken] for broken in judged]
    return list(zip(variants, _broken[key], strict=True))


# Every engine is asked the same problems, one engine after another: they are judged once.
_broken: dict[tuple[str, int], list[frozenset[str]]] = {}


def _assignments(problem: ConfigurationProblem) -> Iterator[Variant]:
    choices = [
        [
            frozenset(some)
            for size in range(g.minimum if g.when is None else 0, g.maximum + 1)
            for some in combinations(g.options, size)
        ]
        for g in problem.groups
    ]
    for row in product(*choices, *(list(p.values) for p in problem.parameters)):
        chosen = dict(zip((g.id for g in problem.groups), row, strict=False))
        numbers = dict(zip((p.id for p in problem.parameters), row[len(choices) :], strict=True))
        yield Variant(chosen, numbers)  # type: ignore[arg-type]


def has(variant: Variant, decisions: object) -> bool:
    """Whether the variant has all decisions."""
    return all(
        variant.numbers[d.parameter] == d.value
        if isinstance(d, Enter)
        else (d.option in variant.chosen[d.group]) == d.chosen
        for d in decisions  # type: ignore[attr-defined]
    )


def parts(items: object) -> Iterator[tuple[object, ...]]:
    """Every part with exactly one item left out."""
    found = tuple(items)  # type: ignore[arg-type, var-annotated]
    return chain(found[:k] + found[k + 1 :] for k in range(len(found)))
