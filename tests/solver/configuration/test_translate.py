"""A network says what the judge says: of every assignment of small random problems, constraint by constraint."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from solver.configuration import translate as translating
from solver.configuration.check import answers, rule_holds
from solver.configuration.network import Network
from solver.configuration.problem import (
    ConfigurationProblem,
    ExpressionRule,
    GroupId,
    IntegerParameter,
    OptionGroup,
    OptionId,
    ParameterId,
    RuleId,
    Variant,
)
from solver.configuration.rules import DividedByZero, holds, parse
from solver.configuration.translate import Names, is_one_variable, translate
from tests.solver.configuration.brute import judged_variants, problems

many = settings(max_examples=10, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


def truth(names: Names, network: Network, variant: Variant) -> list[bool]:
    """Whether each literal holds; auxiliary variables as their clauses say (they are determined)."""
    true = [False] * network.literals
    for group in names.problem.groups:
        variables = names.of_group[group.id]
        if is_one_variable(group):
            chosen = next(iter(variant.chosen[group.id]), None)
            value = len(group.options) if chosen is None else group.options.index(chosen)
            true[names.starts[variables[0]] + value] = True
        else:
            for option, variable in zip(group.options, variables, strict=True):
                true[names.starts[variable] + (option in variant.chosen[group.id])] = True
    for parameter, variable in names.of_parameter.items():
        values = names.problem.parameter_by_id[parameter].values
        true[names.starts[variable] + values.index(variant.numbers[parameter])] = True
    return true


def named_holds(true: list[bool], name: int) -> bool:
    return true[name - 1] if name > 0 else not true[-name - 1]


def settle_auxiliary(network: Network, true: list[bool]) -> None:
    """Every auxiliary variable gets the one value that its clauses leave: they were made from the inside out."""
    for variable in (v for v, found in enumerate(network.variables) if found.group is None and found.parameter is None):
        start = int(network.first[variable])
        for value in (0, 1):
            true[start], true[start + 1] = value == 0, value == 1
            own = [c for c in network.clauses if any(abs(n) - 1 == start + 1 for n in c.literals) and c.rule < 0]
            defining = [c for c in own if max(abs(n) - 1 for n in c.literals) <= start + 1]
            if all(any(named_holds(true, n) for n in c.literals) for c in defining):
                break


def broken(network: Network, problem: ConfigurationProblem, variant: Variant, true: list[bool]) -> set[int]:
    """The rules (by number, OWN too) of the constraints that do not hold."""
    found: set[int] = set()
    asked = answers(problem, variant)
    values = np.flatnonzero(true) - network.first[:-1]
    for clause in network.clauses:
        if not any(named_holds(true, name) for name in clause.literals):
            found.add(clause.rule)
    for count in network.counts:
        if not count.low <= sum(true[literal] for literal in count.literals) <= count.high:
            found.add(count.rule)
    for table in network.tables:
        if not (table.rows == values[list(table.scope)]).all(axis=1).any():
            found.add(table.rule)
    numbers = [variant.numbers[number.id] for number in network.numbers]
    for total in network.sums:
        come_to = sum(size for literal, size in total.literals if true[literal])
        come_to += sum(size * numbers[number] for number, size in total.numbers)
        if not total.low <= come_to <= total.high:
            found.add(total.rule)
    for formula in network.formulas:
        try:
            good = holds(formula.expression, asked)
        except DividedByZero:
            good = False
        if not good:
            found.add(formula.rule)
    return found


LIMITS: list[Mapping[str, int]] = [
    {},
    {"MAXIMUM_COMBINATIONS": 1},  # no tables: clauses, counts, sums and formulas
    {"MAXIMUM_COMBINATIONS": 1, "MAXIMUM_VALUES": 1},  # every parameter is a large number
    {"MAXIMUM_CLAUSES": 1},  # every part of a rule gets a variable of its own
]


@pytest.mark.parametrize("limits", LIMITS)
@many
@given(problem=problems(divide=True))
def test_a_network_breaks_exactly_the_rules_that_the_judge_finds_broken(
    limits: Mapping[str, int], problem: ConfigurationProblem
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        for name, limit in limits.items():
            patch.setattr(translating, name, limit)
        network, names = translate(problem)
    for variant, _ in judged_variants(problem):
        true = truth(names, network, variant)
        settle_auxiliary(network, true)
        found = broken(network, problem, variant, true)
        if any(violates_shape(problem, variant)):
            continue
        asked = answers(problem, variant)
        expected = {k for k, rule in enumerate(problem.constraints) if not rule_holds(rule, asked, variant)}
        assert found == expected


def violates_shape(problem: ConfigurationProblem, variant: Variant) -> list[bool]:
    return [len(variant.chosen[group.id]) > group.maximum for group in problem.groups]


def test_a_sum_of_ones_is_a_count_and_a_tautology_is_nothing() -> None:
    groups = [OptionGroup(GroupId(name), (OptionId("on"),), minimum=0) for name in "abcdefghijklm"]
    ones = " + ".join(f"{group.id}.on" for group in groups)
    rules = [f"{ones} <= 4", f"2 * ({ones}) >= 6", f"{ones} >= 0", f"{ones} >= 1", f"{ones} > 13"]
    problem = ConfigurationProblem(
        tuple(groups), (), tuple(ExpressionRule(RuleId(f"r{k}"), parse(rule)) for k, rule in enumerate(rules))
    )
    network, _ = translate(problem)
    assert {(count.rule, count.low, count.high) for count in network.counts} == {(0, 0, 4), (1, 3, 13)}
    assert {(clause.rule, len(clause.literals)) for clause in network.clauses} == {(3, 13), (4, 0)}
    assert not network.sums and not network.tables and not network.formulas


def test_a_large_parameter_is_a_number_in_sums() -> None:
    problem = ConfigurationProblem(
        (OptionGroup(GroupId("wood"), (OptionId("oak"), OptionId("ash")), numbers={"m": {OptionId("oak"): 3}}),),
        (IntegerParameter(ParameterId("width"), 100, 3000), IntegerParameter(ParameterId("depth"), 10, 900)),
        (ExpressionRule(RuleId("r"), parse("0.5 * width - depth + wood.m <= 700")),),
    )
    network, names = translate(problem)
    (total,) = network.sums
    assert [(names.numbers[number].id, size) for number, size in total.numbers] == [("width", 1), ("depth", -2)]
    assert total.literals == ((1, -6),) and total.high == 1394  # ash counts as 6 less than oak


@many
@given(st.data())
def test_names_find_every_literal_again(data: st.DataObject) -> None:
    problem = data.draw(problems(divide=False))
    _, names = translate(problem)
    for group in problem.groups:
        for option in group.options:
            variable, value = names.value(group.id, option)
            assert names.owner[names.starts[variable] + value] == variable
            assert names.variables[variable].group == group.id
