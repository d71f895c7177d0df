"""A drawing is data: it says what is configured, to scale, and nothing that could run, load or blow up."""

from __future__ import annotations

import re
import time
import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest

from catalog.draw import _function, _Sheet, compile_drawing, letter_size
from catalog.file import CatalogFile
from catalog.load import read_file
from catalog.problems import Refused
from catalog.state import state
from solver.configuration.check import answers
from solver.configuration.complete import complete
from solver.configuration.problem import GroupId, OptionId, ParameterId, Variant
from solver.configuration.samples import sample
from tests.catalog.small import LAMP
from tests.catalog.test_families import FAMILIES, compiled, decisions, family

SVG = "{http://www.w3.org/2000/svg}"
ALLOWED = {
    "svg": {"class", "viewBox", "role", "aria-label"}, "g": {"transform", "opacity"},
    "rect": {"x", "y", "width", "height", "rx"}, "ellipse": {"cx", "cy", "rx", "ry"},
    "line": {"x1", "y1", "x2", "y2"}, "polygon": {"points"}, "path": {"d"},
    "text": {"class", "x", "y", "font-size", "text-anchor", "font-weight", "transform"},
}  # fmt: skip
PEN = {"fill", "stroke", "stroke-width", "stroke-dasharray", "stroke-linecap", "stroke-linejoin", "opacity"}
HEAD = "  drawing:\n    width: 100\n    height: 100\n"


def with_drawing(body: str, head: str = HEAD) -> str:
    """The lamp of the small catalog file, with a drawing."""
    return LAMP.replace("\nproduct:\n", f"\nproduct:\n{head}{body}", 1)


def drawn(body: str, variant: Variant | None = None) -> ET.Element:
    file = read_file(with_drawing(body))
    assert file.product is not None
    problem = state(file.product)
    drawing = compile_drawing(file.product, problem)
    assert drawing is not None
    return ET.fromstring(drawing.svg(variant or lamp(), "en", "a lamp"))


def lamp(height: int = 25, colour: str = "red", **texts: str) -> Variant:
    return Variant({GroupId("colour"): frozenset({OptionId(colour)})}, {ParameterId("height"): height}, texts)


def refused(body: str, head: str = HEAD) -> str:
    with pytest.raises(Refused) as error:
        read_file(with_drawing(body, head))
    return str(error.value)


def elements(file: CatalogFile, variant: Variant, lang: str = "en") -> ET.Element:
    assert file.product is not None
    drawing = compile_drawing(file.product, compiled(file.product.code).problem)  # type: ignore[arg-type]
    assert drawing is not None
    return ET.fromstring(drawing.svg(variant, lang, "label"))


# --- refused ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("element", "words"), [
    ("script: {x: 1}", "script: a drawing runs nothing"),
    ("style: 'fill: red'", "style: a drawing runs nothing"),
    ("foreignObject: {x: 1}", "foreignObject: a drawing runs nothing"),
    ("line: {start: [0, 0], end: [1, 1]}, onclick: alert", "onclick: a drawing listens to no events"),
    ("rect: {x: 0, y: 0, width: 1, height: 1, onload: go}", "onload: a drawing listens to no events"),
    ("image: {href: 'https://example.com/a.png'}", "image: a drawing refers to nothing outside"),
    ("line: {start: [0, 0], end: [1, 1]}, href: '#a'", "href: a drawing refers to nothing outside"),
    ("line: {start: [0, 0], end: [1, 1]}, fill: 'url(#a)'", "found “url(#a)”"),
    ("line: {start: [0, 0], end: [1, 1]}, fill: 'red;stroke:url(x)'", "found “red;stroke:url(x)”"),
    ("path: 'M0 0\"/><script>'", 'found "; expected commands of a path'),
    ("path: 'M0 0 L{height + } 1'", "column"),
    ("path: 'M0 0 L{hight} 1'", "hight does not exist"),
    ("rect: {x: 0, y: 0, width: 1, height: 1, depth: 1}", "this field is not known"),
    ("rect: {x: 0, y: 0, width: 1, height: 1}, ellipse: {x: 0, y: 0, rx: 1}", "an element is one thing"),
    ("when: colour.red", "an element is one thing"),
    ("line: {start: [0, 0], end: [1, 1]}, stroke: ink", "ink does not exist"),
    ("each: {component: drawer, draw: [{line: {start: [0, 0], end: [1, 1]}}]}", "drawer does not exist"),
    ("show: {shape: wheel}", "wheel does not exist; expected an earlier shape"),
    ("text: {x: 0, y: 0, size: 1}", "it must be said which words"),
    ("text: {x: 0, y: 0, size: 1, typed: motto}", "motto does not exist"),
    ("text: {x: 0, y: 0, size: 1, option: shape}", "shape does not exist"),
    ("group: {values: [{id: height, formula: 1}], draw: [{line: {start: [0, 0], end: [1, 1]}}]}",
     "height is already something else"),
    ("line: {start: [0, 1 / (height - height)], end: [1, 1]}", "it divides by 0"),
])  # fmt: skip
def test_what_no_drawing_may_say_is_refused_by_name(element: str, words: str) -> None:
    assert words in refused(f"    draw:\n      - {{{element}}}\n")


NESTED = "line: {start: [0, 0], end: [1, 1]}"
for level in range(3):
    NESTED = f"repeat: {{times: 1, most: 200, name: n{level}, draw: [{{{NESTED}}}]}}"
DEEP = "line: {start: [0, 0], end: [1, 1]}"
for _level in range(12):
    DEEP = f"group: {{draw: [{{{DEEP}}}]}}"
DOUBLING = "    shapes:\n      - {id: s0, draw: [{line: {start: [0, 0], end: [1, 1]}}]}\n"
for number in range(1, 50):
    TWICE = f"{{show: {{shape: s{number - 1}}}}}"
    DOUBLING += f"      - {{id: s{number}, draw: [{TWICE}, {TWICE}]}}\n"


@pytest.mark.parametrize(("body", "words"), [
    (f"    draw:\n      - {{{NESTED}}}\n", "elements; expected at most 5000"),
    (DOUBLING + "    draw:\n      - {show: {shape: s49}}\n", "elements; expected at most 5000"),
    (f"    draw:\n      - {{{DEEP}}}\n", "nested too deeply"),
    ("    draw:\n      - {repeat: {times: 1, most: 201, name: n, draw: [{line: {start: [0, 0], end: [1, 1]}}]}}\n",
     "at most 200"),
    ("    draw:\n" + "      - {line: {start: [0, 0], end: [1, 1]}}\n" * 5001, "elements; expected at most 5000"),
    (f"    draw:\n      - {{path: 'M0 0{'l1 1' * 2000}'}}\n", "at most 4000 characters"),
    ("    draw:\n" + f"      - {{line: {{start: [{'height + ' * 900}1, 0], end: [1, 1]}}}}\n" * 250,
     "elements; expected at most 5000"),
])  # fmt: skip
def test_a_bomb_is_refused_in_time(body: str, words: str) -> None:
    started = time.process_time()
    assert words in refused(body)
    assert time.process_time() - started < 8  # seconds of computing, reading and judging together


def test_the_name_of_a_drawing_is_none() -> None:
    assert "is only the name of a drawing" in refused("", head="  drawing: lamp\n")


# --- drawn ------------------------------------------------------------------------------------------------------------


def test_numbers_conditions_and_repetitions_follow_the_configuration() -> None:
    body = """\
    colours:
      - {id: paint, colour: "#112233", cases: [{when: colour.blue, colour: "#0000ff"}]}
    draw:
      - {rect: {x: 1, y: 2, width: height * 2, height: height / 4}, fill: paint}
      - {when: colour.blue, ellipse: {x: 0, y: 0, rx: 5}}
      - repeat:
          times: height / 10
          most: 3
          name: n
          running: [{id: at, start: 100, add: n * 10}]
          draw:
            - {line: {start: [at, 0], end: [at, n]}}
"""
    svg = drawn(body, lamp(25))
    rect = svg.find(f"{SVG}rect")
    assert rect is not None and rect.attrib == {
        "x": "1", "y": "2", "width": "50", "height": "6.25", "fill": "#112233",
    }  # fmt: skip
    assert svg.find(f"{SVG}ellipse") is None
    assert [(line.attrib["x1"], line.attrib["y2"]) for line in svg.iter(f"{SVG}line")] == [("100", "1"), ("110", "2")]
    blue = drawn(body, lamp(45, "blue"))
    assert blue.find(f"{SVG}ellipse") is not None
    assert len(list(blue.iter(f"{SVG}line"))) == 3  # 4.5 of at most 3


def test_a_shape_takes_its_numbers_and_forgets_them() -> None:
    svg = drawn("""\
    shapes:
      - {id: stroke, takes: [x], draw: [{line: {start: [x, 0], end: [x + 1, height]}}]}
    draw:
      - {show: {shape: stroke, values: {x: height}}}
      - {group: {move: [3, 4], turn: 90, about: [1, 1], scale: 2, draw: [{show: {shape: stroke, values: {x: 7}}}]}}
""")
    assert [line.attrib["x1"] for line in svg.iter(f"{SVG}line")] == ["25", "7"]
    group = svg.find(f"{SVG}g")
    assert group is not None and group.attrib["transform"] == "translate(3 4) rotate(90 1 1) scale(2)"


def test_a_dimension_says_its_number_beside_its_line() -> None:
    line = "{start: [0, 50], end: [height * 2, 50], away: 10, number: height, size: 6}"
    svg = drawn(f"    draw:\n      - {{dimension: {line}}}\n")
    text = svg.find(f"{SVG}text")
    assert text is not None and text.text == "25 mm"
    assert (text.attrib["x"], "transform" in text.attrib) == ("25", False)
    assert "M0 60L50 60" in [path.attrib["d"] for path in svg.iter(f"{SVG}path")][1]


@pytest.mark.parametrize("typed", ["</text><script>alert(1)</script>", "\"'><img src=x onerror=a>", "&amp;<!--", "{}"])
def test_what_is_typed_stays_a_text(typed: str) -> None:
    svg = drawn("    draw:\n      - {text: {typed: label, x: 0, y: 0, size: 9, room: 50}}\n", lamp(label=typed))
    assert [text.text for text in svg.iter(f"{SVG}text")] == [typed]


def test_a_drawing_reckons_as_the_rules_do() -> None:
    """Floating point or exact: the same values of every quantity of every family."""
    for name in FAMILIES:
        problem = compiled(name).problem
        for variant in sample(compiled(name), 5, 11):
            asked = answers(problem, variant)
            sheet = _Sheet(asked, variant, "en")
            for derived in problem.derived:
                exact = float(derived.expression.evaluate(asked))
                assert _function(derived.expression, frozenset())(sheet) == pytest.approx(exact), derived.id


@pytest.mark.parametrize("name", FAMILIES)
def test_nothing_but_shapes_colours_and_words_comes_out(name: str) -> None:
    file = family(name)
    assert file.product is not None
    for variant in sample(compiled(name), 25, 5):
        typed = {text.id: "<b onclick=x>" for text in file.product.texts}
        for lang in ("zh", "en"):
            svg = elements(file, replace(variant, texts=typed), lang)
            for one in svg.iter():
                tag = one.tag.removeprefix(SVG)
                assert set(one.attrib) <= ALLOWED[tag] | PEN
                colours = [one.attrib.get(pen, "none") for pen in ("fill", "stroke")]
                assert all(re.fullmatch(r"none|#[0-9a-f]{6}", colour) for colour in colours)
            numbers = re.findall(r"-?\d+(?:\.\d+)?", svg.attrib["viewBox"])
            assert 0 < float(numbers[2]) <= 10_000 and 0 < float(numbers[3]) <= 10_000


def usual(name: str, wished: dict[str, str | int], **given: str | int) -> Variant:
    """A variant with what is given, and what is wished where it can be."""
    return complete(compiled(name), decisions(**given), prefer=decisions(**wished), seconds=10)


def test_the_wardrobe_is_drawn_to_scale() -> None:
    variant = usual(
        "wardrobe", {}, niche_width=1850, niche_height=2390, modules=2, module_1_width="w800", module_2_width="w1000",
        module_1_inside="drawers", module_1_drawers=5, doors="open",
    )  # fmt: skip
    svg = elements(family("wardrobe"), variant)
    rects = [{key: float(one.attrib[key]) for key in ("x", "y", "width", "height")} for one in svg.iter(f"{SVG}rect")]
    carcass = variant.numbers[ParameterId("carcass")]
    backs = [one for one in rects if one["height"] == carcass and one["width"] in (800, 1000)]
    assert [one["width"] for one in backs] == [800, 1000]
    assert backs[1]["x"] - backs[0]["x"] == 800
    assert sum(one["height"] == 180 and one["width"] == 756 for one in rects) == 5  # drawers of 192 less their gaps
    said = [text.text for text in svg.iter(f"{SVG}text")]
    assert {"1,850 mm", "2,390 mm", "800", "1,000", f"{carcass:,} mm"} <= set(said)


@pytest.mark.parametrize(("name", "changes"), [
    ("wardrobe", [("board", "walnut"), ("doors", "open"), ("cornice", "classic"), ("plinth", "p150"),
                  ("filler", "left"), ("module_1_inside", "double"), ("module_1_light", "strip"),
                  ("module_1_front", "mirror"), ("handles", "knob"), ("depth", "d520"), ("modules", 2)]),
    ("pump_station", [("standby", "two"), ("place", "outdoor"), ("drive", "none"), ("material", "steel316"),
                      ("gateway", "mobile"), ("controller", "basic"), ("protection", "ip65"), ("outlets", 3),
                      ("outlet_1_valve", "reducer"), ("outlet_1_meter", "magnetic"), ("head", 100), ("flow", 160)]),
])  # fmt: skip
def test_a_choice_that_can_be_seen_is_seen(name: str, changes: list[tuple[str, str | int]]) -> None:
    file = family(name)
    plain: dict[str, str | int] = {
        "wardrobe": {"niche_width": 2300, "doors": "hinged", "handles": "bar", "cornice": "flat", "plinth": "p100",
                     "board": "oak", "filler": "both", "depth": "d600", "modules": 3},
        "pump_station": {"drive": "each", "place": "indoor", "standby": "one", "gateway": "none", "outlets": 1,
                         "outlet_1_meter": "none", "outlet_1_valve": "butterfly",
                         "controller": "touch", "material": "steel304", "protection": "ip54"},
    }[name]  # fmt: skip
    before = ET.tostring(elements(file, usual(name, plain)))
    for question, answer in changes:
        assert ET.tostring(elements(file, usual(name, plain, **{question: answer}))) != before, question


def test_words_are_set_smaller_where_there_is_no_room() -> None:
    assert letter_size("ab", 100, 14) == 14
    assert letter_size("通勤" * 12, 120, 14) == 5
