"""A feature with a cardinality is there so many times, each with its own tree; what that leaves open is named."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import pytest

from catalog.feature_instances import MAXIMUM_FEATURES
from catalog.feature_model import Instances, NotSupported
from catalog.feature_problem import problem_of
from catalog.uvl import read_uvl
from catalog.uvl_print import print_uvl
from solver.configuration.compile import compile_problem
from solver.configuration.count import count
from solver.configuration.problem import ConfigurationProblem, Enter
from solver.configuration.question import Clock
from solver.configuration.session import Session, ValidDomains

RACK = """\
features
    Rack
        {1}
            Drawer cardinality [{0}] {{cost 5, maker 'Roll'}}
                optional
                    Lock {{cost 2, height 3}}
                    Handle
                    Integer Width {{min 1, max 2}}
        optional
            Door {{cost 1}}
constraints
    Rack
"""


def rack(cardinality: str, *lines: str, group: str = "optional") -> str:
    """A rack with drawers."""
    return RACK.format(cardinality, group) + "".join(f"    {line}\n" for line in lines)


def variants(text: str) -> int | None:
    """How many variants a model's problem has."""
    return _counted(problem_of(read_uvl(text)).problem)


def _counted(problem: ConfigurationProblem) -> int | None:
    return count(compile_problem(problem), Clock.of(10)).exact


Drawer = tuple[bool, bool, int]  # lock, handle, width (0: not chosen)
DRAWERS: list[Drawer] = list(product((False, True), (False, True), (0, 1, 2)))


# What is said, and what it says of a drawer, and of the rack (whether it has drawers, and a door).
@pytest.mark.parametrize(
    ("lines", "each", "whole"),
    [
        ([], lambda drawer: True, lambda drawers, door: True),
        (["Lock => Handle"], lambda drawer: not drawer[0] or drawer[1], lambda drawers, door: True),
        (["Lock & Handle"], lambda drawer: drawer[0] and drawer[1], lambda drawers, door: True),
        (["Width < 2 | Handle"], lambda drawer: drawer[2] < 2 or drawer[1], lambda drawers, door: True),
        (["Width >= 1"], lambda drawer: drawer[2] >= 1, lambda drawers, door: True),
        (["Width + Lock.height <= 4"], lambda drawer: drawer[2] + 3 * drawer[0] <= 4, lambda drawers, door: True),
        (["Door => Drawer"], lambda drawer: True, lambda drawers, door: drawers or not door),
        (["!Drawer"], lambda drawer: True, lambda drawers, door: not drawers),
        (["Drawer.maker == 'Roll' => Door"], lambda drawer: True, lambda drawers, door: door or not drawers),
        (["Handle | Lock", "Drawer => Door"], lambda drawer: drawer[0] or drawer[1],
         lambda drawers, door: door or not drawers),
    ],
)  # fmt: skip
def test_a_constraint_below_the_feature_holds_in_every_instance(
    lines: list[str], each: Callable[[Drawer], bool], whole: Callable[[bool, bool], bool]
) -> None:
    kept = sum(each(drawer) for drawer in DRAWERS)
    for low, high in ((1, 2), (2, 2), (2, 3)):
        numbers = range(low, high + 1)
        expected = sum(whole(False, door) + whole(True, door) * sum(kept**n for n in numbers) for door in (False, True))
        assert variants(rack(f"{low}..{high}", *lines)) == expected


@pytest.mark.parametrize(
    ("cardinality", "group", "drawers"),
    [
        ("1", "mandatory", 12),
        ("3", "mandatory", 12**3),
        ("0..2", "mandatory", 1 + 12 + 12**2),
        ("0..2", "optional", 1 + 1 + 12 + 12**2),  # not chosen, and chosen with none
        ("0..0", "mandatory", 1),
    ],
)
def test_a_feature_is_chosen_as_its_group_says_and_then_there_as_often(
    cardinality: str, group: str, drawers: int
) -> None:
    assert variants(rack(cardinality, group=group)) == 2 * drawers


def test_cardinalities_within_each_other() -> None:
    text = """\
features
    Shelf cardinality [1..2]
        mandatory
            Box cardinality [1..2]
                optional
                    Lid
                    Label
        optional
            Light
constraints
    Lid => Label
    Light => Box
"""
    boxes = 3 + 3**2
    assert variants(text) == 2 * boxes + (2 * boxes) ** 2


def test_a_number_of_instances_is_decided_and_each_is_named() -> None:
    stated = problem_of(read_uvl(rack("1..3", "Lock => Handle")))
    session = Session(compile_problem(stated.problem))
    found = session.decide(stated.entry("Drawer", 2), stated.decision("Lock[2]"))
    assert isinstance(found, ValidDomains)
    places = {name: (stated.decision(name).group, stated.decision(name).option) for name in ("Handle[2]", "Lock[3]")}
    assert str(found.state(*places["Handle[2]"])) == "implied"
    assert str(found.state(*places["Lock[3]"])) == "excluded"
    assert [text for text in stated.texts.values() if "(in " in text] == [
        f"Lock => Handle (in Drawer[{number}])" for number in (1, 2, 3)
    ]
    assert isinstance(stated.entry("Width[3]", 2), Enter)


# What the language leaves open, and how it is called.
@pytest.mark.parametrize(
    ("cardinality", "line", "construct"),
    [
        ("1..2", "Door => Lock", "constraint across a feature cardinality"),
        ("1..2", "Drawer => Lock", "constraint across a feature cardinality"),
        ("1..2", "sum(cost) < 9", "sum over a feature cardinality"),
        ("1..2", "Lock => avg(cost, Drawer) < 9", "avg over a feature cardinality"),
        ("1..2", "Drawer >= 2", "feature with a cardinality as a number"),
        ("1..2", "floor(Drawer) == 1", "feature with a cardinality as a number"),
        ("1..2", "Drawer.cost > 3", "number of a feature with a cardinality"),
        ("0..2", "Drawer => Door", "feature that may have no instance, in a constraint"),
        ("1..2", "!" * 39 + "Lock", "constraint of 40 levels below a feature cardinality"),
    ],
)
def test_what_the_language_leaves_open_is_named_with_its_line(cardinality: str, line: str, construct: str) -> None:
    text = rack(cardinality, line)
    if "40 levels" in construct:
        text = text.replace("!" * 39, "!" * 40)
    with pytest.raises(NotSupported) as refused:
        read_uvl(text)
    assert [(one.line, one.construct) for one in refused.value.left_out] == [(13, construct)]
    assert read_uvl(text, lenient=True).features["Drawer"].instances is not None


@pytest.mark.parametrize(
    ("text", "construct"),
    [
        ("features\n    A\n        optional\n            B cardinality [1..*]\n", "feature cardinality above 200"),
        ("features\n    A\n        optional\n            B cardinality [1..201]\n", "feature cardinality above 200"),
        ("features\n    A\n        optional\n            Integer B cardinality [1..2]\n",
         "feature cardinality of a Integer"),
        ("features\n    A cardinality [200]\n        optional\n            B cardinality [200]\n"
         "                optional\n                    C cardinality [200]\n",
         f"feature cardinalities of more than {MAXIMUM_FEATURES:,} features"),
        ("features\n    A cardinality [200]\n        optional\n            B cardinality [200]\n"
         "                optional\n                    C\nconstraints\n    " + "C | " * 500 + "C\n",
         f"feature cardinalities of more than {MAXIMUM_FEATURES:,} features"),
    ],
)  # fmt: skip
def test_instances_that_cannot_be_written_out_are_there_once_and_named(text: str, construct: str) -> None:
    model = read_uvl(text, lenient=True)
    assert {one.construct for one in model.left_out} == {construct}
    assert all(feature.instances is None for feature in model.features.values())
    assert problem_of(model).problem.groups


def test_what_is_printed_reads_back_with_its_cardinality_and_so_does_what_is_written_out() -> None:
    model = read_uvl(rack("1..2", "Lock => Handle", "Width > 1 => Lock"))
    again = read_uvl(print_uvl(model))
    assert again.features["Drawer"].instances == Instances(1, 2)
    assert again.constraints and [c.term for c in again.constraints] == [c.term for c in model.constraints]
    out = problem_of(model).model
    problems = [problem_of(one).problem for one in (model, read_uvl(print_uvl(out)))]
    assert {group.options for group in problems[0].groups} == {group.options for group in problems[1].groups}
    assert _counted(problems[0]) == _counted(problems[1]) == 2 * (1 + 7 + 7**2)


def test_a_sum_over_nothing_stays_what_it_is_in_every_instance() -> None:
    text = rack("1..2", "Lock => sum(fragile) == 0", "Handle => sum(fragile) > 0")
    assert variants(text.replace("{cost 1}", "{fragile true}")) == 2 * (1 + 6 + 6**2)  # without a handle


def test_names_of_instances_are_free_ones_and_a_number_keeps_its_range_in_each() -> None:
    text = rack("1..2", "Width >= 2 & Width <= 2", group="mandatory").replace("Door", '"Lock[1]"')
    stated = problem_of(read_uvl(text.replace("{min 1, max 2}", "")))
    assert {"Lock[1]", "Lock[1]'", "Lock[2]"} <= set(stated.model.features)
    assert [list(p.asked) for p in stated.problem.parameters if p.id.startswith("Width")] == [[2], [2]]
    assert not [note for note in stated.notes if "Width" in note.message]
