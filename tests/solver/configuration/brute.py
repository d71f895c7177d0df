"""Small random problems, and the truth about them: every assignment, judged one by one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from itertools import chain, combinations, product

from hypothesis import strategies as st

from solver.configuration.check import violations
from solver.configuration.problem import (
    Choose,
    ConfigurationProblem,
    Decision,
    Enter,
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
    Ceil,
    Comparator,
    Comparison,
    Expression,
    Floor,
    Implies,
    Max,
    Member,
    Min,
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


def expressions(*, divide: bool) -> st.SearchStrategy[Expression]:
    """Expressions over GROUPS and PARAMETERS; `divide`: also by what may be 0."""
    numbers = st.sampled_from(["0", "1", "2", "3", "7", "0.5", "1.25"]).map(lambda text: Number(Fraction(text)))
    leaves = st.one_of(st.sampled_from(_MEMBERS), st.sampled_from([Parameter(p.id) for p in PARAMETERS]), numbers)

    def grow(below: st.SearchStrategy[Expression]) -> st.SearchStrategy[Expression]:
        several = st.lists(below, min_size=2, max_size=3).map(tuple)
        half = st.sampled_from([Number(Fraction(2)), Number(Fraction("1.5"))])
        return st.one_of(
            *(several.map(kind) for kind in (And, Or, Sum, Product, Min, Max)),
            *(below.map(kind) for kind in (Not, Negative, Ceil, Floor)),
            st.builds(Implies, below, below),
            st.builds(Comparison, below, st.sampled_from(list(Comparator)), below),
            st.builds(When, below, below, below),
            st.builds(Quotient, below, below if divide else half),
        )

    return st.recursive(leaves, grow, max_leaves=6)


def _tables() -> st.SearchStrategy[TableRule]:
    columns = st.sampled_from([("a", "d"), ("d", "a")])
    options = {str(g.id): g.options for g in GROUPS}

    def rows(groups: tuple[str, ...]) -> st.SearchStrategy[TableRule]:
        row = st.tuples(*(st.sampled_from(options[group]) for group in groups))
        ids = tuple(GroupId(group) for group in groups)
        return st.builds(
            lambda found, allowed: TableRule(RuleId("table"), ids, tuple(found), allowed),
            st.lists(row, min_size=1, max_size=4, unique=True),
            st.booleans(),
        )

    return columns.flatmap(rows)


@st.composite
def problems(draw: Callable[..., object], *, divide: bool) -> ConfigurationProblem:
    """Problems with one to four rules, often satisfiable."""
    found = draw(st.lists(expressions(divide=divide), min_size=1, max_size=3))
    table = draw(st.lists(_tables(), max_size=1))
    rules = [ExpressionRule(RuleId(f"r{k}"), rule) for k, rule in enumerate(found)]  # type: ignore[arg-type, var-annotated]
    return ConfigurationProblem(GROUPS, PARAMETERS, (*rules, *table))  # type: ignore[misc]


def decision_lists(maximum: int = 5) -> st.SearchStrategy[list[Decision]]:
    """Decisions in any order; they may contradict each other, and numbers may lie outside."""
    chooses = [Choose(g.id, o, chosen) for g in GROUPS for o in g.options for chosen in (True, True, False)]
    enters = [Enter(p.id, n) for p in PARAMETERS for n in (*p.values, 99)]
    return st.lists(st.sampled_from([*chooses, *enters]), max_size=maximum)


def all_variants(problem: ConfigurationProblem) -> tuple[Variant, ...]:
    """Every valid variant."""
    return tuple(variant for variant, broken in judged_variants(problem) if not broken)


def judged_variants(problem: ConfigurationProblem) -> list[tuple[Variant, frozenset[str]]]:
    """Every complete variant and the rules that it breaks."""
    return [(v, frozenset(found.id for found in violations(problem, v))) for v in _assignments(problem)]


def _assignments(problem: ConfigurationProblem) -> Iterator[Variant]:
    choices = [
        [frozenset(some) for size in range(g.minimum, g.maximum + 1) for some in combinations(g.options, size)]
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
