"""Components inside components: so many drawers in each of so many modules."""

# ruff: noqa: E501 - a catalog file

from xml.etree import ElementTree

import pytest

from catalog.components import written_out
from catalog.draw import compile_drawing
from catalog.file import CatalogFile
from catalog.load import read_file
from catalog.price import quote_price
from catalog.problems import Refused
from catalog.products import ProductContent
from catalog.state import ProductProblem, state, text_usable
from solver.configuration.check import answers, violations
from solver.configuration.compile import compile_problem
from solver.configuration.count import count
from solver.configuration.problem import Choose, Enter, GroupId, OptionId, ParameterId, Variant
from solver.configuration.question import Clock
from solver.configuration.rules import value
from solver.configuration.session import OptionState, Session, ValidDomains

WALL = """\
format: 1
product:
  code: wall
  name: {zh: 柜墙, en: Wall}
  description: {zh: 一排柜子, en: A row of modules}
  steps:
    - {id: body, name: {zh: 柜体, en: Body}}
  groups:
    - {id: wood, step: body, name: {zh: 木材, en: Wood}, options: [{id: pine, name: {zh: 松木, en: Pine}}, {id: oak, name: {zh: 橡木, en: Oak}}]}
  parameters:
    - {id: modules, step: body, name: {zh: 柜数, en: Modules}, unit: {zh: 个, en: modules}, minimum: 1, maximum: 2}
  quantities:
    - {id: fronts, formula: "sum(module, count(drawer, 1))"}
    - {id: weight, formula: "sum(module, grams)"}
  components:
    - id: module
      name: {zh: 柜, en: Module}
      count: modules
      groups:
        - {id: size, step: body, name: {zh: 宽度, en: Width}, options: [{id: narrow, name: {zh: 窄, en: Narrow}, numbers: {cm: 40}}, {id: wide, name: {zh: 宽, en: Wide}, numbers: {cm: 80}}]}
      parameters:
        - {id: drawers, step: body, name: {zh: 抽屉数, en: Drawers}, unit: {zh: 个, en: drawers}, minimum: 0, maximum: 2}
      quantities:
        - {id: grams, formula: "100 * size.cm + sum(drawer, heavy)"}
      rules:
        - {id: alike, text: {zh: 同柜抽屉一致。, en: The drawers of a module are alike.}, expression: "all(drawer, front.glass) or not any(drawer, front.glass)"}
      components:
        - id: drawer
          name: {zh: 抽屉, en: Drawer}
          count: drawers
          groups:
            - {id: front, step: body, name: {zh: 面板, en: Front}, options: [{id: plain, name: {zh: 平, en: Plain}}, {id: glass, name: {zh: 玻璃, en: Glass}, numbers: {extra: 1}}]}
          quantities:
            - {id: heavy, formula: "size.cm * (2 + front.extra) + number + 10 * wood.oak"}
          rules:
            - {id: strong, text: {zh: 玻璃只用于窄柜。, en: Glass goes into narrow modules only.}, expression: front.glass => size.narrow}
          texts:
            - {id: tag, step: body, name: {zh: 标签, en: Tag}, maximum_length: 8}
prices:
  code: wall_retail
  product: wall
  currency: EUR
  basis: gross
  tax: {DE: "19"}
  items:
    - {id: body, name: {zh: 柜, en: Modules}, amount: "sum(module, size.cm)"}
    - {id: drawers, name: {zh: 抽屉, en: Drawers}, amount: "sum(module, sum(drawer, 5 + length(tag)))"}
"""


@pytest.fixture(scope="module")
def wall() -> CatalogFile:
    """The wall, read."""
    return read_file(WALL)


@pytest.fixture(scope="module")
def problem(wall: CatalogFile) -> ProductProblem:
    """The wall, stated."""
    assert wall.product
    return state(wall.product)


def variant(problem: ProductProblem, chosen: dict[str, str], numbers: dict[str, int], **texts: str) -> Variant:
    """Oak, and nothing but what is said."""
    chosen = {"wood": "oak", **chosen}
    return Variant(
        {g.id: frozenset((OptionId(chosen[g.id]),)) if g.id in chosen else frozenset() for g in problem.groups},
        {p.id: numbers.get(p.id, 0) for p in problem.parameters},
        texts,
    )


TWO = (
    {"module_1_size": "narrow", "module_1_drawer_1_front": "glass", "module_1_drawer_2_front": "glass",
     "module_2_size": "wide", "module_2_drawer_1_front": "plain"},
    {"modules": 2, "module_1_drawers": 2, "module_2_drawers": 1},
)  # fmt: skip


def test_quantities_sum_over_the_drawers_of_every_module(wall: CatalogFile, problem: ProductProblem) -> None:
    assert wall.prices
    two = variant(problem, *TWO, module_1_drawer_2_tag="SOCKS")
    assert violations(problem, two) == ()
    asked = answers(problem, two)
    assert value(problem.formula("fronts"), asked) == 3
    glass, plain = (40 * 3 + 10) * 2 + 1 + 2, 80 * 2 + 1 + 10
    assert value(problem.formula("weight"), asked) == 4000 + 8000 + glass + plain
    price = quote_price(wall.prices, problem, two, country="DE")
    assert [item.amount_minor for item in price.items] == [12000, 3 * 500 + 500]


@pytest.mark.parametrize(
    ("chosen", "numbers", "broken"),
    [
        ({"module_2_size": "narrow"}, {}, set()),
        ({"module_1_size": "wide"}, {}, {"module_1_drawer_1_strong", "module_1_drawer_2_strong"}),
        ({"module_1_drawer_2_front": "plain"}, {}, {"module_1_alike"}),
        ({}, {"module_2_drawers": 0}, {"module_2_drawer_1_front:when"}),  # answered, and not there
        ({}, {"module_2_drawers": 2}, {"module_2_drawer_2_front:when"}),  # there, and not answered
        ({}, {"modules": 1}, {"module_2_size:when", "module_2_drawers:when"}),  # its drawer is judged by its own count
    ],
)
def test_a_rule_of_the_inner_component_holds_in_each_of_its_modules(
    problem: ProductProblem, chosen: dict[str, str], numbers: dict[str, int], broken: set[str]
) -> None:
    found = {one.id for one in violations(problem, variant(problem, TWO[0] | chosen, TWO[1] | numbers))}
    assert found == broken


def test_all_variants_are_counted_and_every_option_is_offered_as_it_should_be(problem: ProductProblem) -> None:
    compiled = compile_problem(problem)
    # A narrow module: no drawer, one of 2 fronts, two alike; a wide one: 0 to 2 plain drawers. In two woods.
    module = (1 + 2 + 2) + (1 + 1 + 1)
    assert count(compiled, Clock.of(5.0)).exact == 2 * (module + module**2)
    session = Session(compiled)
    session.decide(Enter(ParameterId("modules"), 2), Choose(GroupId("module_2_size"), OptionId("wide")))
    domains = session.decide(Enter(ParameterId("module_2_drawers"), 2))
    assert isinstance(domains, ValidDomains)
    states = {name: domains.options[GroupId(f"module_{name}_front")] for name in ("1_drawer_1", "2_drawer_2")}
    assert states["1_drawer_1"][OptionId("glass")] == OptionState.OPEN
    assert states["2_drawer_2"] == {"plain": OptionState.IMPLIED, "glass": OptionState.EXCLUDED}


def test_the_wall_written_out_names_each_drawer_by_its_module(wall: CatalogFile, problem: ProductProblem) -> None:
    assert wall.product
    product = written_out(wall.product)
    assert product.group("module_2_drawer_1_front").name.en == "Module 2 · Drawer 1: Front"
    place = product.place_of("module_2_drawer_1_front")
    assert place is not None and (place.id, place.component, place.number) == ("module_2_drawer_1", "drawer", 1)
    said = product.rule("module_2_drawer_1_front:when").text.en
    assert said == "“Module 2 · Drawer 1: Front” is there only if “Module 2: Drawers” is at least 1."
    assert product.rule("module_2_drawer_1_strong").text.zh == "柜 2 · 抽屉 1：玻璃只用于窄柜。"
    tags = [text for text in product.texts if text_usable(problem, text, variant(problem, *TWO))]
    assert [text.id for text in tags] == [f"module_{name}_tag" for name in ("1_drawer_1", "1_drawer_2", "2_drawer_1")]
    assert ProductContent.from_data(wall.product.canonical()) == wall.product


@pytest.mark.parametrize(
    ("before", "after", "field", "what", "wanted"),
    [
        ("count: drawers", "count: modules", "product.components[module].components[drawer].count", "modules does not exist", "drawers"),
        ("minimum: 0, maximum: 2}", "minimum: 0, maximum: 21}", "product.components[module].components[drawer].count", "21", "1 to 20"),
        ("sum(module, count(drawer, 1))", "count(drawer, 1)", "product.quantities[fronts].formula", "drawer does not exist", "module"),
        ("front.glass => size.narrow", "front.glass => sizes.narrow", "product.components[module].components[drawer].rules[strong].expression", "sizes does not exist", "size"),
        ("- {id: front, step", "- {id: size, step", "product.components[module].components[drawer].groups[size].id", "already the id", "another id"),
        ("sum(drawer, heavy)", "sum(drawer, heavy + grams)", "product.components[module].quantities[grams].formula", "module.grams", "circle"),
        ("minimum: 0, maximum: 2}", "minimum: 0, maximum: 2, when: size.wide, otherwise: 1}", "product.components[module].parameters[drawers].otherwise", "it counts", "otherwise: 0"),
    ],
)  # fmt: skip
def test_what_cannot_be_inside_is_refused_by_its_place(
    before: str, after: str, field: str, what: str, wanted: str
) -> None:
    assert before in WALL
    with pytest.raises(Refused) as refused:
        read_file(WALL.replace(before, after))
    found = [(one.field, str(one.what), str(one.expected)) for one in refused.value.problems]
    assert any(field == at and what in said and wanted in expected for at, said, expected in found), found


DRAWING = """\
  drawing:
    width: 400
    height: 200
    draw:
      - each:
          component: module
          running: [{id: left, start: 0, add: size.cm}]
          draw:
            - {rect: {x: left, y: 0, width: size.cm, height: 100}, fill: "#cccccc"}
            - each:
                component: drawer
                running: [{id: top, start: 10 * drawers, add: 20 + front.extra}]
                draw:
                  - {when: front.glass, rect: {x: left + number, y: top, width: size.cm - 2, height: 20}, fill: "#0000ff"}
                  - {text: {x: left, y: top, size: 5, option: front}}
                  - {text: {x: left, y: top, size: 5, typed: tag}}
            - {text: {x: left, y: 110, size: 5, number: "sum(drawer, heavy)"}}
"""
DRAWN = WALL.replace("prices:\n", DRAWING + "prices:\n")


def test_the_drawers_of_each_module_are_drawn_where_they_are(problem: ProductProblem) -> None:
    product = read_file(DRAWN).product
    assert product
    drawing = compile_drawing(product, state(product))
    assert drawing is not None
    two = variant(problem, *TWO, module_1_drawer_2_tag="SOCKS")
    page = ElementTree.fromstring(drawing.svg(two, "en", "label"))
    rects = [tuple(float(one.get(name, "0")) for name in ("x", "y", "width")) for one in page if one.tag.endswith("rect")]
    assert rects == [(0, 0, 40), (1, 20, 38), (2, 41, 38), (40, 0, 80)]  # module 2 has one plain drawer
    words = [one.text for one in page if one.tag.endswith("text")]
    assert words == ["Glass", "Glass", "SOCKS", "263", "Plain", "171"]
    one = variant(problem, {"module_1_size": "wide"}, {"modules": 1, "module_1_drawers": 0})
    assert drawing.svg(one, "en", "label").count("<rect") == 1


@pytest.mark.parametrize(("before", "after", "words"), [
    ("component: drawer", "component: shelf", "shelf does not exist; expected a component: drawer"),
    ("component: module", "component: drawer", "drawer does not exist; expected a component: module"),
    ("component: drawer", "component: module", "module does not exist; expected a component: drawer"),
    ("start: 10 * drawers", "start: heavy", "heavy does not exist"),  # of the drawer, and it starts outside of it
    ("typed: tag", "typed: label", "label does not exist"),
    ("id: top", "id: heavy", "heavy is already something else"),
])  # fmt: skip
def test_a_drawing_names_only_what_is_there_in_the_component(before: str, after: str, words: str) -> None:
    with pytest.raises(Refused) as refused:
        read_file(DRAWN.replace(DRAWING, DRAWING.replace(before, after, 1)))
    assert words in str([str(one) for one in refused.value.problems])


def test_modules_times_drawers_times_elements_are_counted_before_anything_is_drawn() -> None:
    many = DRAWING.replace("                draw:\n", "                draw:\n" + "                  - {line: {start: [0, 0], end: [1, 1]}}\n" * 60)
    grown = DRAWN.replace(DRAWING, many).replace("minimum: 1, maximum: 2}", "minimum: 1, maximum: 12}")
    assert read_file(grown.replace("minimum: 0, maximum: 2}", "minimum: 0, maximum: 3}"))
    with pytest.raises(Refused) as refused:
        read_file(grown.replace("minimum: 0, maximum: 2}", "minimum: 0, maximum: 9}"))
    assert "with every repetition it comes to" in str([str(one) for one in refused.value.problems])
