"""FeatureIDE files are read as their editor means them; what is dangerous or wrong in them is refused with its line."""

from __future__ import annotations

import time
from fractions import Fraction

import pytest

from catalog.feature_model import GroupKind, NotSupported
from catalog.feature_problem import problem_of
from catalog.featureide import MAXIMUM_NESTING, MAXIMUM_SIZE, FeatureIdeSyntaxError, read_featureide
from catalog.uvl import read_uvl
from catalog.uvl_print import print_term, print_uvl
from solver.configuration.check import is_valid
from tests.catalog.small_models import configurations, keeps, variant_of

DESK = """\
<?xml version="1.0" encoding="UTF-8" standalone="no"?>
<extendedFeatureModel>
    <properties><graphics key="legendposition" value="5,5"/></properties>
    <struct>
        <and abstract="true" mandatory="true" name="Desk">
            <description>what it is &amp; what for</description>
            <attribute name="Price" recursive="true" type="double" unit="€" value="841.9"/>
            <alt mandatory="true" name="Top">
                <graphics key="collapsed" value="false"/>
                <feature name="Oak"><attribute name="Price" type="double" value="-1.2e1"/></feature>
                <feature mandatory="true" name="Light Pine"><attribute name="Layers" type="long" value="3"/></feature>
            </alt>
            <or name="Extras">
                <feature name="Lamp"><attribute name="Dimmable" type="boolean" value="true"/></feature>
                <feature name="Shelf"><attribute name="Maker" type="string" value="Brett &amp; Co"/></feature>
                <feature hidden="true" name="Grommet"><attribute name="Price" type="double"/></feature>
            </or>
            <feature mandatory="true" name="Feet"/>
        </and>
    </struct>
    <constraints>
        <rule>
            <description>no lamp under oak</description>
            <imp><var>Oak</var><not><var>Lamp</var></not></imp>
        </rule>
        <rule>
            <disj><var>Lamp</var><disj><var>Shelf</var><disj><var>Oak</var><not><var>Extras</var></not></disj></disj></disj>
        </rule>
        <rule><eq><conj><var>Lamp</var><var>Shelf</var></conj><var>Grommet</var></eq></rule>
        <rule><atmost1><var>Lamp</var><var>Shelf</var><var>Oak</var></atmost1></rule>
    </constraints>
    <calculations Auto="true"/>
    <comments/>
    <featureOrder userDefined="false"/>
</extendedFeatureModel>
"""


def test_a_file_of_the_editor_is_read() -> None:
    model = read_featureide(DESK.encode())
    assert model.root == "Desk" == next(iter(model.features))
    assert model.features["Desk"].abstract and model.features["Grommet"].hidden
    assert model.features["Desk"].attributes == {"Price": Fraction("841.9")}
    assert model.features["Oak"].attributes == {"Price": -12}
    assert model.features["Light Pine"].attributes == {"Layers": 3}
    assert model.features["Lamp"].attributes == {"Dimmable": True}
    assert model.features["Shelf"].attributes == {"Maker": "Brett & Co"}
    assert model.features["Grommet"].attributes == {}  # named, but without a value
    assert {(g.parent, g.kind, g.members) for g in model.groups} == {
        ("Desk", GroupKind.MANDATORY, ("Top", "Feet")),
        ("Desk", GroupKind.OPTIONAL, ("Extras",)),
        ("Top", GroupKind.ALTERNATIVE, ("Oak", "Light Pine")),
        ("Extras", GroupKind.OR, ("Lamp", "Shelf", "Grommet")),
    }
    assert model.features["Oak"].parent == "Top" and model.features["Desk"].parent is None
    lines = DESK.splitlines()
    assert all(f'name="{feature.name}"' in lines[feature.line - 1] for feature in model.features.values())
    assert [print_term(constraint.term) for constraint in model.constraints] == [
        "Oak => !Lamp",
        "Lamp | Shelf | Oak | !Extras",
        "Lamp & Shelf <=> Grommet",
        "!(Lamp & Shelf) & !(Lamp & Oak) & !(Shelf & Oak)",
    ]
    assert [constraint.line for constraint in model.constraints] == [22, 26, 29, 30]


def test_a_problem_has_exactly_the_configurations_of_its_file() -> None:
    model = read_featureide(DESK.encode())
    stated = problem_of(model)
    found = [one for one in configurations(stated) if keeps(model, one)]
    assert 0 < len(found) < 20
    for one in configurations(stated):
        assert is_valid(stated.problem, variant_of(stated, one)) == (one in found), one


def test_a_file_can_be_written_as_uvl() -> None:
    model = read_featureide(DESK.encode())
    again = read_uvl(print_uvl(model))
    assert set(again.features) == set(model.features)
    every = list(configurations(problem_of(model)))
    assert [keeps(again, one) for one in every] == [keeps(model, one) for one in every]


# What is changed in the desk, the line of the complaint, and its words. One row a check.
REFUSALS = [
    ('<extendedFeatureModel>', "<model>", 2, "expected <featureModel>"),
    ("</or>", "", 19, "no XML"),
    ('<feature mandatory="true" name="Feet"/>', "<legs/>", 18, "found <legs>"),
    ('name="Feet"', 'name="Oak"', 18, "line 10 already"),
    ('name="Feet"', "", 18, "needs a name"),
    ('<or name="Extras">', '<feature name="Extras">', 13, "which has no features below it"),
    ('value="-1.2e1"', 'value="1e999999999"', 10, "no number"),
    ('value="-1.2e1"', 'value="NaN"', 10, "no number"),
    ('value="-1.2e1"', 'value="."', 10, "no number"),
    ("<not><var>Lamp</var></not></imp>", "</imp>", 24, "has 1 parts, needs 2"),
    ("<var>Lamp</var></not></imp>", "<var>Lump</var></not></imp>", 22, "no feature Lump"),
    ("<atmost1><var>Lamp</var><var>Shelf</var><var>Oak</var></atmost1>", "", 30, "has 0 parts"),
    ("    <struct>\n", '    <struct>\n<feature name="another"/>', 5, "a second root"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "line", "words"), REFUSALS, ids=[row[3] for row in REFUSALS])
def test_a_fault_is_named_with_its_line(old: str, new: str, line: int, words: str) -> None:
    assert old in DESK
    text = DESK.replace(old, new, 1)
    if old == "<or name=\"Extras\">":
        text = text.replace("</or>", "</feature>")
    with pytest.raises(FeatureIdeSyntaxError) as refused:
        read_featureide(text.encode())
    found = [(fault.line, fault.message) for fault in refused.value.faults]
    assert any(at == line and words in message for at, message in found), found


def test_what_a_rule_cannot_say_is_named_with_its_line_and_the_rest_can_be_loaded() -> None:
    text = DESK.replace("atmost1>", "choose2>").replace("Grommet</var>", "Gromit</var>")
    with pytest.raises(FeatureIdeSyntaxError):
        read_featureide(text.encode())
    model = read_featureide(text.encode(), lenient=True)
    assert [(one.line, one.construct) for one in model.left_out] == [
        (29, "there is no feature Gromit"),
        (30, "<choose2> in a rule"),
    ]
    assert [constraint.line for constraint in model.constraints] == [22, 26]
    with pytest.raises(NotSupported):
        read_featureide(text.replace("Gromit", "Grommet").encode())


def _rule(inside: str) -> str:
    return DESK.replace("<constraints>", f"<constraints><rule>{inside}</rule>")


LAUGHS = "<!DOCTYPE x [<!ENTITY a 'ha'>" + "".join(f"<!ENTITY a{n} '{'&a;' * 9}'>" for n in range(9)) + "]>"
BOMBS = {
    "entities": DESK.replace("<extended", f"{LAUGHS}<extended").replace("Oak", "&a9;"),
    "a file outside": DESK.replace("<extended", "<!DOCTYPE x SYSTEM 'file:///etc/passwd'><extended"),
    "elements": _rule("<not>" * 400_000),
    "negations": _rule("<not>" * 1_000 + "<var>Oak</var>" + "</not>" * 1_000),
    "features": DESK.replace("<struct>", "<struct>" + '<and name="x">' * 400_000),
    "attributes": DESK.replace('value="841.9"', f'value="{"9" * 3_000_000}"'),
    "exponents": DESK.replace('value="841.9"', 'value="9e999999999999"'),
    "faults": DESK.replace('<feature mandatory="true" name="Feet"/>', "<legs/>" * 400_000),
    "a long name": DESK.replace("<struct>", f"<{'x' * 3_000_000}/><struct").replace("Feet", "Oak"),
    "size": DESK + " " * MAXIMUM_SIZE,
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused_at_once(name: str) -> None:
    began = time.process_time()
    with pytest.raises(FeatureIdeSyntaxError) as refused:
        read_featureide(BOMBS[name].encode())
    assert time.process_time() - began < 2.0
    assert 0 < len(str(refused.value)) < 20_000


def test_a_deep_disjunction_of_the_editor_is_no_bomb() -> None:
    """The editor writes a | b | c as nested pairs."""
    depth = MAXIMUM_NESTING // 2
    text = _rule("<disj><var>Oak</var>" * depth + "<var>Lamp</var>" + "</disj>" * depth)
    assert len(print_term(read_featureide(text.encode()).constraints[0].term)) > depth
