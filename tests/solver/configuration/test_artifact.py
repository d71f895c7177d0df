"""A compiled problem that was stored answers as the one that was compiled; anything else about the bytes is refused."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from solver.configuration import compile as compiling
from solver.configuration.artifact import NotUsable, fingerprint, from_bytes, to_bytes
from solver.configuration.compile import Cancelled, CompiledProblem, Publishing, compile_problem
from solver.configuration.complete import complete
from solver.configuration.parts import Kind
from solver.configuration.problem import (
    Choose,
    ConfigurationProblem,
    Enter,
    ExpressionRule,
    GroupId,
    IntegerParameter,
    OptionGroup,
    OptionId,
    ParameterId,
    RuleId,
)
from solver.configuration.rules import And, Comparator, Comparison, Number, Parameter, Product, parse
from solver.configuration.session import valid_domains

MIXED = ConfigurationProblem(
    (
        OptionGroup(GroupId("wood"), (OptionId("oak"), OptionId("ash")), numbers={"m": {OptionId("oak"): 3}}),
        OptionGroup(
            GroupId("legs"),
            (OptionId("two"), OptionId("four")),
            numbers={"n": {OptionId("two"): 2, OptionId("four"): 4}},
        ),
    ),
    (IntegerParameter(ParameterId("width"), 100, 3000, 5),),
    (
        ExpressionRule(RuleId("sum"), parse("width + 100 * wood.m <= 2500")),
        ExpressionRule(RuleId("product"), parse("ceil(width / 700) * legs.n <= 12")),
    ),
)


def test_a_stored_problem_answers_as_the_compiled_one(bicycle: CompiledProblem) -> None:
    again = from_bytes(bicycle.problem, to_bytes(bicycle))
    own = (Choose(GroupId("drive"), OptionId("belt")), Choose(GroupId("fork"), OptionId("carbon")))
    assert valid_domains(again, own) == valid_domains(bicycle, own)
    assert complete(again, own) == complete(bicycle, own)
    assert again.facts == bicycle.facts


def test_sums_formulas_and_numbers_are_stored() -> None:
    compiled = compile_problem(MIXED)
    assert {part.kind for part in compiled.parts} == {Kind.MIXED}
    again = from_bytes(MIXED, to_bytes(compiled))
    for own in ((), (Choose(GroupId("wood"), OptionId("oak")),), (Enter(ParameterId("width"), 2100),)):
        found = valid_domains(again, own, seconds=20)
        assert found is not None and found == valid_domains(compiled, own, seconds=20)
    assert found.numbers[ParameterId("width")] == ((100, 2500, 5),)


def test_a_part_that_is_too_large_for_a_diagram_is_left_to_sat_and_stored(
    bicycle: CompiledProblem, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compiling, "LARGEST", 3)
    compiled = compile_problem(bicycle.problem)
    assert Kind.CLAUSAL in {part.kind for part in compiled.parts}
    assert compiled.facts.compiled_share < 1 and compiled.facts.parts["clausal"] == 1
    again = from_bytes(bicycle.problem, to_bytes(compiled))
    own = (Choose(GroupId("child_seat"), OptionId("recline")),)
    assert valid_domains(again, own) == valid_domains(bicycle, own)


def test_every_flipped_byte_is_refused() -> None:
    data = to_bytes(compile_problem(MIXED))
    for place in np.random.default_rng(1).integers(0, len(data), 60).tolist():
        damaged = bytearray(data)
        damaged[place] ^= 4
        with pytest.raises(NotUsable):
            from_bytes(MIXED, bytes(damaged))
    with pytest.raises(NotUsable):
        from_bytes(MIXED, data[:-1])
    with pytest.raises(NotUsable):
        from_bytes(MIXED, b"")


def test_the_form_of_another_problem_is_refused() -> None:
    data = to_bytes(compile_problem(MIXED))
    other = replace(MIXED, rules=MIXED.rules[:1])
    assert fingerprint(other) != fingerprint(MIXED)
    with pytest.raises(NotUsable, match="another problem"):
        from_bytes(other, data)


def test_publishing_tells_how_far_it_is_and_can_be_stopped(bicycle: CompiledProblem) -> None:
    told: list[Publishing] = []
    compile_problem(bicycle.problem, report=told.append)
    assert [one.step for one in told][:3] == ["translate", "simplify", "split"]
    assert told[-1].step == "compile" and told[-1].total == len(bicycle.parts)
    told.clear()
    with pytest.raises(Cancelled):
        compile_problem(bicycle.problem, report=told.append, stop=lambda: len(told) == 2)
    assert len(told) == 2


def test_a_formula_is_restored_whatever_its_names_are() -> None:
    """Ids that come from files of others are no words of the rule language."""
    length, width = (ParameterId(f"{name}:number of '+'") for name in ("length", "width"))
    area = Product((Parameter(length), Parameter(width)))
    most, least = Number(Fraction(600)), Number(Fraction(9))
    rule = And(
        (Comparison(area, Comparator.LESS_OR_EQUAL, most), Comparison(area, Comparator.GREATER_OR_EQUAL, least))
    )
    parameters = (IntegerParameter(length, 0, 3_000), IntegerParameter(width, 1, 2_000))
    problem = ConfigurationProblem((), parameters, (ExpressionRule(RuleId("area"), rule),))
    restored = from_bytes(problem, to_bytes(compile_problem(problem)))
    domains = valid_domains(restored, [Enter(length, 100)])
    assert domains is not None
    assert domains.numbers[width] == ((1, 6, 1),)
