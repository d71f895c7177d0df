"""The engine for sums, large numbers and formulas against the truth: every assignment, judged one by one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise, product
from random import Random
from threading import Thread

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from solver.configuration import dag, mixed, translate
from solver.configuration import mixed_passes as passes
from solver.configuration.check import answers, is_valid, rule_holds
from solver.configuration.covering import covered
from solver.configuration.dag import TooWide
from solver.configuration.mixed import Mixed
from solver.configuration.network import Formula, Network
from solver.configuration.problem import (
    ConfigurationProblem,
    Derived,
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
from solver.configuration.question import RELEASED, STRICT, Assignment, Clock, Costs, OutOfTime, Question
from solver.configuration.rules import parse
from solver.configuration.translate import Names, is_one_variable
from tests.solver.configuration.brute import all_variants, problems

SECONDS = 20.0  # far more than anything here takes


@dataclass(frozen=True)
class Case:
    """A problem, its network, its engine and every valid variant as literals and numbers."""

    problem: ConfigurationProblem
    network: Network
    names: Names
    engine: Mixed
    truth: tuple[tuple[frozenset[int], tuple[int, ...]], ...]

    @property
    def named(self) -> np.ndarray:
        """The literals of variables that the problem knows (others were added by the translation)."""
        found = np.ones(self.network.literals, dtype=bool)
        for place, variable in enumerate(self.network.variables):
            if variable.group is None and variable.parameter is None:
                found[self.network.first[place] : self.network.first[place + 1]] = False
        return found

    def variant(self, assignment: Assignment) -> Variant:
        chosen: dict[GroupId, frozenset[OptionId]] = {}
        for group in self.problem.groups:
            variables = self.names.of_group[group.id]
            if is_one_variable(group):
                chosen[group.id] = frozenset(group.options[assignment.values[variables[0]] :][:1])
            else:
                pairs = zip(group.options, variables, strict=True)
                chosen[group.id] = frozenset(option for option, place in pairs if assignment.values[place])
        entered: dict[ParameterId, int] = {}
        for parameter in self.problem.parameters:
            if parameter.id in self.names.of_parameter:
                entered[parameter.id] = parameter.values[assignment.values[self.names.of_parameter[parameter.id]]]
            else:
                entered[parameter.id] = assignment.numbers[self.names.number[parameter.id]]
        return Variant(chosen, entered)

    def question(self, allowed: np.ndarray, numbers: Mapping[int, int] | None = None) -> Question:
        return Question(allowed, np.ones(self.network.literals, dtype=np.uint8), numbers or {})


def case_of(problem: ConfigurationProblem, variants: Sequence[Variant] | None = None) -> Case:
    network, names = translate.translate(problem)
    found = all_variants(problem) if variants is None else variants
    truth = []
    for variant in found:
        literals = set()
        for group in problem.groups:
            variables = names.of_group[group.id]
            if is_one_variable(group):
                places = [place for place, option in enumerate(group.options) if option in variant.chosen[group.id]]
                literals.add(names.starts[variables[0]] + (places[0] if places else len(group.options)))
            else:
                for option, variable in zip(group.options, variables, strict=True):
                    literals.add(names.starts[variable] + (option in variant.chosen[group.id]))
        for parameter in problem.parameters:
            if parameter.id in names.of_parameter:
                place = list(parameter.values).index(variant.numbers[parameter.id])
                literals.add(names.starts[names.of_parameter[parameter.id]] + place)
        truth.append((frozenset(literals), tuple(variant.numbers[number.id] for number in names.numbers)))
    return Case(problem, network, names, Mixed(network, problem), tuple(truth))


def draw_question(case: Case, random: Random, share: float = 0.3) -> Question:
    """Some variables decided (for or against a value), perhaps a number entered."""
    allowed = np.ones(case.network.literals, dtype=np.uint8)
    for place, variable in enumerate(case.network.variables):
        if (variable.group or variable.parameter) and random.random() < share:
            start = int(case.network.first[place])
            value = random.randrange(variable.size)
            if random.random() < 0.5:
                allowed[start : start + variable.size] = 0
                allowed[start + value] = 1
            elif variable.size > 1:
                allowed[start + value] = 0
    numbers = {
        number: random.choice(list(parameter.values))
        for number, parameter in enumerate(case.network.numbers)
        if random.random() < share
    }
    return case.question(allowed, numbers)


def outside(case: Case, question: Question, literals: frozenset[int]) -> list[int]:
    return [literal for literal in literals if not question.allowed[literal]]


def entered_alike(question: Question, numbers: tuple[int, ...], but: int = -1) -> bool:
    return all(numbers[number] == value for number, value in question.numbers.items() if number != but)


def assert_right(case: Case, question: Question, random: Random) -> None:
    """Whatever the engine says of a question is the truth."""
    size = case.network.literals
    valid = np.zeros(size, dtype=np.uint8)
    amounts = np.where(case.named, [random.randint(-9, 20) for _ in range(size)], 0).astype(np.int64)
    costs = Costs(amounts, tuple(random.randint(-3, 3) for _ in case.network.numbers))
    low, high = np.full(size, 10**9), np.full(size, -(10**9))
    least: int | None = None
    for literals, numbers in case.truth:
        strays = outside(case, question, literals)
        if not entered_alike(question, numbers) or len(strays) > 1:
            continue
        cost = int(amounts[list(literals)].sum()) + sum(
            factor * number for factor, number in zip(costs.numbers, numbers, strict=True)
        )
        reached = strays or list(literals)
        valid[reached] |= RELEASED if strays else STRICT | RELEASED
        low[reached], high[reached] = np.minimum(low[reached], cost), np.maximum(high[reached], cost)
        if not strays:
            least = cost if least is None else min(least, cost)
    answer = case.engine.domains(question, Clock.of(SECONDS))
    found = case.engine.find(question, Clock.of(SECONDS))
    cheapest = case.engine.least(question, costs, Clock.of(SECONDS))
    if least is None:
        assert answer is None and found is None and cheapest is None
        return
    assert answer is not None and found is not None and cheapest is not None
    named = case.named
    assert not answer.open.any() and not answer.open_numbers
    assert (answer.valid[named] == valid[named]).all()
    for assignment in (found, cheapest.assignment):
        assert is_valid(case.problem, case.variant(assignment))
        assert question.allowed[case.network.first[:-1] + assignment.values].all()
        assert entered_alike(question, assignment.numbers)
    assert cheapest.cost == cheapest.bound == least
    spans = case.engine.spans(question, costs, Clock.of(SECONDS))
    reached = (valid & RELEASED != 0) & named
    assert (spans.exact == 3)[named].all()
    assert (spans.low[reached] == low[reached]).all() and (spans.high[reached] == high[reached]).all()
    assert (spans.low > spans.high)[named & ~reached].all()
    for number, intervals in enumerate(answer.numbers):
        right = {
            numbers[number]
            for literals, numbers in case.truth
            if not outside(case, question, literals) and entered_alike(question, numbers, number)
        }
        listed = [value for low_, high_, step in intervals for value in range(low_, high_ + 1, step)]
        assert listed == sorted(right)
    assert_nearest(case, question, found, random)


def assert_nearest(case: Case, question: Question, standing: Assignment, random: Random) -> None:
    size = case.network.literals
    weights = np.where(case.named, [random.randint(1, 4) for _ in range(size)], 0).astype(np.int64)
    of_numbers = tuple(random.randint(1, 4) for _ in case.network.numbers)
    stands = set((case.network.first[:-1] + standing.values).tolist())
    asked = np.flatnonzero(case.named).tolist()
    found = case.engine.nearest(question, standing, Costs(weights, of_numbers), asked, Clock.of(SECONDS))

    def away(literals: frozenset[int], numbers: tuple[int, ...]) -> int:
        changed = zip(of_numbers, numbers, standing.numbers, strict=True)
        return int(weights[list(literals - stands)].sum()) + sum(w for w, new, old in changed if new != old)

    for literal, assignment in zip(asked, found, strict=True):
        own = int(np.searchsorted(case.network.first, literal, side="right")) - 1
        start, end = case.network.first[own], case.network.first[own + 1]
        possible = [
            away(literals, numbers)
            for literals, numbers in case.truth
            if literal in literals
            and entered_alike(question, numbers)
            and all(start <= stray < end for stray in outside(case, question, literals))
        ]
        assert (assignment is None) == (not possible)
        if assignment is not None:
            literals = frozenset((case.network.first[:-1] + assignment.values).tolist())
            named = frozenset(one for one in literals if case.named[one])
            assert literal in named and is_valid(case.problem, case.variant(assignment))
            assert away(named, assignment.numbers) == min(possible)


@pytest.fixture(params=["variables", "numbers"])
def formulas(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Nothing is tabulated; `numbers`: every parameter is a large number."""
    monkeypatch.setattr(translate, "MAXIMUM_COMBINATIONS", 1)
    if request.param == "numbers":
        monkeypatch.setattr(translate, "MAXIMUM_VALUES", 1)
    return str(request.param)


@given(problems(divide=True), st.integers(0, 10**6))
@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
def test_all_that_it_says_of_small_problems_is_the_truth(
    formulas: str, problem: ConfigurationProblem, seed: int
) -> None:
    random = Random(seed)
    case = case_of(problem)
    for _ in range(2):
        assert_right(case, draw_question(case, random), random)


@pytest.mark.slow
@given(problems(divide=True), st.integers(0, 10**6))
@settings(max_examples=2_000, deadline=None, suppress_health_check=list(HealthCheck))
def test_all_that_it_says_of_many_small_problems_is_the_truth(
    formulas: str, problem: ConfigurationProblem, seed: int
) -> None:
    random = Random(seed)
    case = case_of(problem)
    for _ in range(3):
        assert_right(case, draw_question(case, random), random)


# --- each kind of node, with numbers that nobody tabulates ---

BOARD = OptionGroup(
    GroupId("board"),
    tuple(OptionId(one) for one in ("thin", "thick", "none")),
    numbers={"mm": {OptionId("thin"): 16, OptionId("thick"): 25}, "sign": {OptionId("thin"): -1, OptionId("thick"): 1}},
)
EXTRAS = OptionGroup(
    GroupId("extras"), (OptionId("lamp"), OptionId("lock")), 0, 2, {"w": {OptionId("lamp"): 3, OptionId("lock"): 5}}
)
X = IntegerParameter(ParameterId("x"), -6, 14, 2)
Y = IntegerParameter(ParameterId("y"), -2, 9)


@pytest.mark.parametrize(
    "rule",
    [
        "x + 2 * y <= 7",
        "x * y = 12",
        "x * x > y * y + 20",
        "x * y * x >= 100",
        "min(x, y) >= 3",
        "max(x, y, 2) = 4",
        "min(x, 0 - y) < max(-3, y - x)",
        "floor(x / 4) = 1",
        "ceil(x / 3) + floor(y / 2) = 4",
        "x mod 3 = 1",
        "x mod 2.5 >= 1",
        "y mod x = 1",  # also where x is 0: refused there
        "x / y > 2",  # a large number below: refused where y is 0
        "y / x <= 0.5 and y / x > -1",
        "x / board.sign >= 4",  # an option's number below, 0 for one of them
        "(x + 1) / board.mm = 0.2 or y > 8",
        "not (x / y > 1)",  # undefined is not false
        "y = 0 or x / y >= 3",  # looked at from left to right
        "x / y >= 3 or y = 0",
        "y != 0 and x / y = 2",
        "y != 0 => 1 / y > 0.2",
        "when y > 3 then x = 4 else x < y",
        "(when board.thin then x else y) = 6",
        "(when x > 2 then x * y else y - x) >= 30",
        "(when y > 2 then x / (y - 4) else 5) > 1",
        "when y < 0 then x = 2 when y = 1 then x = 4 when board.thin then x = 8 else x = 0",
        "board.thin => x = y",
        "(x > 4) = (y > 4)",
        "(x > 4) + (y > 4) + board.thin = 2",
        "not (x = 4 or y = 2) and (x < 0 => y > 5)",
        "x",  # not 0
        "x - y",
        "floor(x / y) = 2",
        "ceil(x / (y * y)) = 2",
        "x / y + y / 2 = 3",
        "min(x / y, 2) = 1.5",
        "(x / y) / (y / 3) >= 1",
        "extras.w * x >= 40",
        "extras.w * x + board.mm * y = 106",
        "x mod (extras.w + 1) = 3",
        "y / extras.w >= 1",
        "area = 12 and half < 4",
        "area / half > 7",
    ],
)
def test_each_kind_of_node_says_what_the_judge_says(formulas: str, rule: str) -> None:
    derived = (Derived("area", parse("x * y")), Derived("half", parse("area / 3")))
    rules = (ExpressionRule(RuleId("r"), parse(rule)),)
    case = case_of(ConfigurationProblem((BOARD, EXTRAS), (X, Y), rules, derived))
    random = Random(rule)
    assert_right(case, case.question(np.ones(case.network.literals, dtype=np.uint8)), random)
    for _ in range(6):
        assert_right(case, draw_question(case, random), random)


def test_a_number_that_is_not_always_asked_for_has_its_other_value_too(formulas: str) -> None:
    z = IntegerParameter(
        ParameterId("z"), 600, 1200, 32, when=parse("extras.lamp and x > 0"), otherwise=0, unit="mm"
    )
    rules = (
        ExpressionRule(RuleId("fit"), parse("z + x * 10 <= 900")),
        ExpressionRule(RuleId("grid"), parse("z mod 64 != 0")),
    )
    case = case_of(ConfigurationProblem((BOARD, EXTRAS), (X, z), rules))
    random = Random(1)
    for _ in range(20):
        assert_right(case, draw_question(case, random), random)


# --- large numbers ---


@pytest.mark.parametrize("words", [0, 256])  # rows one by one, and as bits in several words
def test_a_table_of_many_rows_leaves_what_its_rows_have(words: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dag, "_BY_BITS", words)
    random = Random(3)
    groups = tuple(OptionGroup(GroupId(g), tuple(OptionId(f"{g}{k}") for k in range(6))) for g in "abc")
    every = list(product(*(group.options for group in groups)))
    table = TableRule(RuleId("rows"), tuple(group.id for group in groups), tuple(sorted(random.sample(every, 140))))
    limit = ExpressionRule(RuleId("sum"), parse("a.a1 + b.b2 + c.c3 <= 1"))
    case = case_of(ConfigurationProblem(groups, rules=(table, limit)))
    assert len(case.network.tables) == 1
    for _ in range(12):
        assert_right(case, draw_question(case, random, 0.5), random)


def test_a_value_covers_another_that_every_constraint_allows_no_more() -> None:
    # Variables of 3, 2 and 2 values: literals 0 to 2, 3 and 4, 5 and 6.
    clause = (passes.CLAUSE, [0, 2, 2 * 4])  # value 0 or 1 of the first, or value 1 of the second
    table = (passes.TABLE, [0, 2, 5, 0, 2, 0, 5, 0, 6, 1, 5, 2, 5, 2, 6])  # of the first and third; not 1 with 1
    total = (passes.LINEAR, [0, 1, 1, 0, 1, 7, 8])  # tells the second's values apart
    assert covered([0, 3, 5, 7], [clause, table]).tolist() == [0b001, 0b011, 0b101, 0b11, 0b10, 0b01, 0b11]
    assert covered([0, 3, 5, 7], [clause, table, total]).tolist() == [0b001, 0b011, 0b101, 0b01, 0b10, 0b01, 0b11]
    assert not covered([0, 63], []).any()


def test_the_values_of_large_numbers_come_with_their_holes() -> None:
    width = IntegerParameter(ParameterId("width"), 0, 100_000, 5)
    depth = IntegerParameter(ParameterId("depth"), 0, 100_000)
    rules = [
        "width mod 1000 < 300",
        "width >= 2000 or width <= 200",
        "not (width > 50000 and width < 60000)",
        "depth * 3 = width * 2 + 1",
    ]
    problem = ConfigurationProblem(
        (BOARD,), (width, depth), tuple(ExpressionRule(RuleId(f"r{k}"), parse(r)) for k, r in enumerate(rules))
    )
    case = case_of(problem, ())
    answer = case.engine.domains(case.question(np.ones(3, dtype=np.uint8)), Clock.of(SECONDS))
    assert answer is not None and not answer.open_numbers
    listed = [value for low, high, step in answer.numbers[0] for value in range(low, high + 1, step)]
    assert listed == [
        value
        for value in width.values
        if value % 1000 < 300
        and (value >= 2000 or value <= 200)
        and not 50_000 < value < 60_000
        and (2 * value + 1) % 3 == 0
        and (2 * value + 1) // 3 <= 100_000
    ]


@pytest.mark.parametrize("fillers", [(0, 0), (2, 7)])  # what is left over: nothing, or so much on either side
def test_a_number_that_must_be_a_sum_has_exactly_the_values_that_some_parts_come_to(fillers: tuple[int, int]) -> None:
    """Widths in steps and fillers that make up for them; a formula forbids some widths together, a rule others."""
    widths = [IntegerParameter(ParameterId(name), 30, 90, 15) for name in "abc"]
    left, right = (IntegerParameter(ParameterId(name), 0, most) for name, most in zip("lr", fillers, strict=True))
    niche = IntegerParameter(ParameterId("niche"), 1, 50_000)
    rules = tuple(
        ExpressionRule(RuleId(rule), parse(rule))
        for rule in (
            "a + b + c + l + r = niche",
            "a * b * board.mm <= 100000",
            "not (b = 45 and c = 60)",
            "niche > 150 => a >= b",
        )
    )
    case = case_of(ConfigurationProblem((BOARD,), (*widths, left, right, niche), rules), ())
    first, names = case.network.first, case.names
    allowed = np.ones(case.network.literals, dtype=np.uint8)
    allowed[first[names.of_group[GroupId("board")][0]] :][:3] = (0, 1, 0)  # thick
    answer = case.engine.domains(case.question(allowed), Clock.of(SECONDS))
    assert answer is not None and not answer.open.any() and not answer.open_numbers
    variants = [
        (*parts, sum(parts))
        for parts in product(*(parameter.values for parameter in (*widths, left, right)))
        if parts[0] * parts[1] * 25 <= 100_000
        and (parts[1], parts[2]) != (45, 60)
        and (sum(parts) <= 150 or parts[0] >= parts[1])
    ]
    listed = [value for low, high, step in answer.numbers[0] for value in range(low, high + 1, step)]
    assert listed == sorted({variant[-1] for variant in variants})
    for place, parameter in enumerate((*widths, left, right)):
        variable = names.of_parameter[parameter.id]
        valid = answer.valid[first[variable] : first[variable + 1]] & STRICT
        seen = {variant[place] for variant in variants}
        assert valid.tolist() == [int(value in seen) for value in parameter.values]


def test_a_sum_of_numbers_leaves_all_between_its_ends_without_trying_each() -> None:
    names = ("a", "b", "c")
    parameters = tuple(IntegerParameter(ParameterId(name), 0, 10**9) for name in names)
    rules = (ExpressionRule(RuleId("r"), parse("a + b + c = 1500000000")),)
    case = case_of(ConfigurationProblem((BOARD,), parameters, rules), ())
    answer = case.engine.domains(case.question(np.ones(3, dtype=np.uint8), {1: 10}), Clock.of(SECONDS))
    assert answer is not None and not answer.open_numbers
    assert answer.numbers == (((499_999_990, 10**9, 1),), ((0, 10**9, 1),), ((499_999_990, 10**9, 1),))


def test_bounds_that_creep_do_not_hold_up_an_answer() -> None:
    parameters = (IntegerParameter(ParameterId("a"), 0, 9 * 10**7), IntegerParameter(ParameterId("b"), 0, 9 * 10**7))
    rules = tuple(
        ExpressionRule(RuleId(rule), parse(rule)) for rule in ("a + 1 <= b", "b + 1 <= a or a * b = 3")
    )
    case = case_of(ConfigurationProblem((BOARD,), parameters, rules), ())
    found = case.engine.find(case.question(np.ones(3, dtype=np.uint8)), Clock.of(SECONDS))
    assert found is not None and found.numbers == (1, 3)


def test_what_could_leave_64_bits_is_refused_when_it_is_built(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(translate, "MAXIMUM_VALUES", 1)
    x = IntegerParameter(ParameterId("x"), 0, 10**9)
    problem = ConfigurationProblem((BOARD,), (x,))
    network, _ = translate.translate(problem)
    wide = Network(
        network.variables,
        network.first,
        network.numbers,
        (RuleId("fine"), RuleId("wide")),
        formulas=(
            Formula(0, parse("x * 1000 > 5")),
            Formula(1, parse("x * x * x > 5")),
        ),
    )
    with pytest.raises(TooWide) as caught:
        Mixed(wide, problem)
    assert caught.value.rule == 1


# --- rules, time, threads ---


def catalogue(seed: int, groups: int = 14, tight: float = 0.02) -> ConfigurationProblem:
    """Groups of six, clauses between them, and two sums between limits around a planted variant."""
    random = Random(seed)
    made = [
        OptionGroup(
            GroupId(f"g{k}"),
            tuple(OptionId(f"o{place}") for place in range(6)),
            numbers={
                name: {OptionId(f"o{place}"): random.randint(5, 300) for place in range(6)} for name in ("kg", "eur")
            },
        )
        for k in range(groups)
    ]
    plant = [random.choice(group.options) for group in made]
    rules: list[str] = []
    while len(rules) < groups:
        (a, b), (o, p) = random.sample(range(groups), 2), random.choices(range(6), k=2)
        if plant[a] != f"o{o}" or plant[b] != f"o{p}":
            rules.append(f"not (g{a}.o{o} and g{b}.o{p})")
    for name in ("kg", "eur"):
        total = sum(group.numbers[name][option] for group, option in zip(made, plant, strict=True))
        terms = " + ".join(f"g{k}.{name}" for k in range(groups))
        rules += [f"{terms} >= {total - int(total * tight / 2)}", f"{terms} <= {total + int(total * tight / 2)}"]
    return ConfigurationProblem(
        tuple(made), (), tuple(ExpressionRule(RuleId(f"r{k}"), parse(rule)) for k, rule in enumerate(rules))
    )


def test_only_the_rules_in_force_are_kept() -> None:
    case = case_of(catalogue(1), ())
    random = Random(1)
    dropped_something = False
    for _ in range(40):
        mask = np.array([random.random() < 0.8 for _ in case.network.rules], dtype=np.uint8)
        question = draw_question(case, random, 0.9)
        found = case.engine.find(question, Clock.of(SECONDS), rules=mask)
        whole = case.engine.find(question, Clock.of(SECONDS))
        assert whole is None or found is not None
        if found is not None:
            dropped_something |= whole is None
            variant = case.variant(found)
            asked = answers(case.problem, variant)
            assert question.allowed[case.network.first[:-1] + found.values].all()
            for rule, kept in zip(case.problem.constraints, mask, strict=True):
                assert not kept or rule_holds(rule, asked, variant)
    assert dropped_something


def sessions(case: Case, random: Random) -> Iterator[Question]:
    """Questions as clicks make them: one variable after another gets a value that is still valid."""
    allowed = np.ones(case.network.literals, dtype=np.uint8)
    order = list(range(len(case.network.variables)))
    random.shuffle(order)
    for place in order:
        yield case.question(allowed.copy())
        answer = case.engine.domains(case.question(allowed.copy()), Clock.of(SECONDS))
        assert answer is not None
        start, end = case.network.first[place], case.network.first[place + 1]
        value = random.choice(np.flatnonzero(answer.valid[start:end] & STRICT).tolist())
        allowed[start:end] = 0
        allowed[start + value] = 1


def test_two_tight_sums_are_settled_literal_by_literal() -> None:
    """Each literal called valid has an assignment that keeps all rules; each called invalid has none, says CP-SAT."""
    from ortools.sat.python import cp_model

    case = case_of(catalogue(2), ())
    first = case.network.first
    model = cp_model.CpModel()
    literal = [model.new_bool_var("") for _ in range(case.network.literals)]
    for start, end in pairwise(first):
        model.add_exactly_one(literal[start:end])
    for clause in case.network.clauses:
        model.add_bool_or([literal[n - 1] if n > 0 else ~literal[-n - 1] for n in clause.literals])
    for total in case.network.sums:
        model.add_linear_constraint(sum(size * literal[one] for one, size in total.literals), total.low, total.high)
    random = Random(2)
    for step, question in enumerate(sessions(case, random)):
        answer = case.engine.domains(question, Clock.of(SECONDS))
        assert answer is not None and not answer.open.any()
        for one in random.sample(range(case.network.literals), 12 if step % 3 else 24):
            place = int(np.searchsorted(first, one, side="right")) - 1
            for bit in (STRICT, RELEASED):
                trial = model.clone()
                allowed = question.allowed.copy()
                if bit == RELEASED:
                    allowed[first[place] : first[place + 1]] = 1
                if not allowed[one]:
                    assert not answer.valid[one] & bit
                    continue
                for other in np.flatnonzero(allowed == 0).tolist():
                    trial.add(literal[other] == 0)
                trial.add(literal[one] == 1)
                solver = cp_model.CpSolver()
                solver.parameters.num_workers = 1
                assert (solver.solve(trial) != cp_model.INFEASIBLE) == bool(answer.valid[one] & bit)


def test_what_time_does_not_settle_is_open_and_settled_when_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    case = case_of(catalogue(3, 24, 0.002), ())
    monkeypatch.setattr(mixed, "_PASS", 0)
    monkeypatch.setattr(mixed, "_EACH", 1)
    question = case.question(np.ones(case.network.literals, dtype=np.uint8))
    answer = case.engine.domains(question, Clock.of(0))
    assert answer is not None and answer.open.any()
    assert not (answer.open & answer.valid).any()
    for _ in range(2_000):
        answer = case.engine.domains(question, Clock.of(0))
        assert answer is not None
        if not answer.open.any():
            break
    assert not answer.open.any()
    fresh = Mixed(case.network, case.problem).domains(question, Clock.of(SECONDS))
    monkeypatch.undo()
    assert fresh is not None and (fresh.valid == answer.valid).all()


def test_a_search_that_is_due_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    case = case_of(catalogue(4, 24, 0.0005), ())
    monkeypatch.setattr(mixed, "_PASS", 1)
    question = case.question(np.ones(case.network.literals, dtype=np.uint8))
    with pytest.raises(OutOfTime):
        case.engine.find(question, Clock.of(0))
    with pytest.raises(OutOfTime):
        case.engine.least(question, Costs(np.ones(case.network.literals, dtype=np.int64)), Clock.of(0))


def test_what_is_too_hard_goes_to_the_other_solver(monkeypatch: pytest.MonkeyPatch) -> None:
    case = case_of(catalogue(3, 24, 0.002), ())
    question = case.question(np.ones(case.network.literals, dtype=np.uint8))
    right = Mixed(case.network, case.problem)
    expected = right.domains(question, Clock.of(SECONDS))
    asked = 0

    def other(which: Question, unseen: np.ndarray, clock: Clock) -> Assignment | None:
        nonlocal asked
        asked += 1
        for literal in np.flatnonzero(unseen).tolist():
            place = int(np.searchsorted(case.network.first, literal, side="right")) - 1
            allowed = which.allowed.copy()
            allowed[case.network.first[place] : case.network.first[place + 1]] = 0
            allowed[literal] = which.allowed[literal]
            found = right.find(Question(allowed, which.asked, which.numbers), clock)
            if found is not None:
                return found
        return None

    case.engine.fallback = other
    monkeypatch.setattr(mixed, "_EACH", 1)
    monkeypatch.setattr(mixed, "_ENOUGH", 0)
    answer = case.engine.domains(question, Clock.of(SECONDS))
    assert asked > 0 and answer is not None and expected is not None
    assert not answer.open.any() and (answer.valid == expected.valid).all()


def test_bounds_of_costs_hold_before_they_are_exact() -> None:
    case = case_of(catalogue(6, 20), ())
    random = Random(6)
    costs = Costs(np.array([random.randint(0, 500) for _ in range(case.network.literals)], dtype=np.int64))
    for step, question in enumerate(sessions(case, random)):
        if step not in (0, 4, 9):
            continue
        rough = case.engine.spans(question, costs, Clock.of(SECONDS), exact=False)
        exact = case.engine.spans(question, costs, Clock.of(SECONDS))
        valid = exact.low <= exact.high
        assert (exact.exact == 3).all() and valid.any()
        assert (rough.low <= exact.low)[valid].all() and (rough.high >= exact.high)[valid].all()
        assert ((rough.low == exact.low) | (rough.exact & 1 == 0))[valid].all()
        least = case.engine.least(question, costs, Clock.of(SECONDS))
        assert least is not None and least.cost == least.bound == exact.low[valid & (question.allowed != 0)].min()


def test_costs_that_cannot_be_added_up_are_refused() -> None:
    case = case_of(catalogue(7), ())
    question = case.question(np.ones(case.network.literals, dtype=np.uint8))
    with pytest.raises(ValueError, match="added up"):
        case.engine.least(question, Costs(np.full(case.network.literals, 2**60)), Clock.of(SECONDS))


def test_threads_that_share_an_engine_get_the_answers_of_one() -> None:
    case = case_of(catalogue(8), ())
    questions = list(sessions(case, Random(8)))
    expected = [Mixed(case.network, case.problem).domains(question, Clock.of(SECONDS)) for question in questions]
    shared = Mixed(case.network, case.problem)
    wrong: list[int] = []

    def run(seed: int) -> None:
        order = list(range(len(questions)))
        Random(seed).shuffle(order)
        for place in order:
            answer, right = shared.domains(questions[place], Clock.of(SECONDS)), expected[place]
            if answer is None or right is None or (answer.valid != right.valid).any():
                wrong.append(place)

    threads = [Thread(target=run, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_a_void_part_has_nothing() -> None:
    rules = tuple(
        ExpressionRule(RuleId(rule), parse(rule)) for rule in ("x * y > 20", "x + y < 3", "y > 0 and x > 0")
    )
    case = case_of(ConfigurationProblem((BOARD,), (X, Y), rules))
    question = case.question(np.ones(case.network.literals, dtype=np.uint8))
    assert not case.truth
    assert case.engine.domains(question, Clock.of(SECONDS)) is None
    assert case.engine.find(question, Clock.of(SECONDS)) is None
    costs = Costs(np.zeros(case.network.literals, dtype=np.int64))
    assert case.engine.least(question, costs, Clock.of(SECONDS)) is None


def test_numbers_are_fractions_until_they_are_whole() -> None:
    """1.25 * x + y / 3 = 7: exact, where floating point would not be."""
    rules = (ExpressionRule(RuleId("r"), parse("1.25 * x + y / 3 = 7 and board.mm * 0.1 < x")),)
    case = case_of(ConfigurationProblem((BOARD,), (X, Y), rules))
    assert case.truth and all(
        Fraction(5, 4) * x + Fraction(y, 3) == 7
        for x, y in product(X.values, Y.values)
        for literals, numbers in case.truth
        if numbers == (x, y)
    )
    assert_right(case, case.question(np.ones(case.network.literals, dtype=np.uint8)), Random(1))
