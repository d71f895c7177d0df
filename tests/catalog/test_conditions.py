"""What depends on other answers: conditions, quantities, look-ups, components, texts by option, preferences."""

# ruff: noqa: E501 - tables of one row a line

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from catalog.components import written_out
from catalog.document import read_document
from catalog.explode import components_of, explode
from catalog.file import CatalogFile
from catalog.load import read_file
from catalog.price import PriceListContent, additive_costs, groups_priced, quote_cost, quote_price
from catalog.problems import Problem, Refused
from catalog.products import ProductContent, TextContent, TextLimits
from catalog.reckon import Reckoning
from catalog.state import ProductProblem, default_decisions, state, text_limits, text_usable, wished_in, wishes
from catalog.verify import facts_of
from solver.configuration.check import answers, is_valid, violations
from solver.configuration.problem import Choose, Enter, Variant
from solver.scheduling.problem import Second
from tests.catalog.chest import CHEST
from tests.catalog.small import LAMP


@pytest.fixture(scope="module")
def chest() -> CatalogFile:
    """The chest, read."""
    return read_file(CHEST)


@pytest.fixture(scope="module")
def problem(chest: CatalogFile) -> ProductProblem:
    """The chest, stated."""
    assert chest.product
    return state(chest.product)


def variant(
    problem: ProductProblem, chosen: Mapping[str, str] = {}, numbers: Mapping[str, int] = {}, **texts: str
) -> Variant:
    """A pine chest 800 mm wide without drawers, with these other answers."""
    options = {"board": "pine", "finish": "plain"} | dict(chosen)
    entered = {"width": 800} | dict(numbers)
    return Variant(
        {g.id: frozenset((options[g.id],)) if g.id in options else frozenset() for g in problem.groups},  # type: ignore[arg-type]
        {p.id: entered.get(p.id, p.otherwise) for p in problem.parameters},
        texts,
    )


# An oak chest in a special colour with two framed drawers of 200 and 150 mm.
GRAND = (
    {"board": "oak", "finish": "special", "gloss": "matt", "drawer_1_front": "framed", "drawer_1_knob": "brass",
     "drawer_2_front": "framed", "drawer_2_knob": "steel"},
    {"ral": 5000, "drawers": 2, "drawer_1_front_height": 200, "drawer_2_front_height": 150},
)  # fmt: skip


# --- what is valid ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("chosen", "numbers", "broken"),
    [
        ({}, {}, set()),
        (*GRAND, set()),
        ({"gloss": "matt"}, {}, {"gloss:when"}),  # not asked for a plain finish
        ({"finish": "special", "gloss": "high"}, {}, {"ral:when"}),  # a special colour has a number
        ({"drawer_1_front": "flat"}, {"drawer_1_front_height": 100}, {"drawer_1_front:when", "drawer_1_front_height:when"}),
        ({}, {"drawers": 1}, {"drawer_1_front:when", "drawer_1_front_height:when"}),  # one drawer has to be answered
        ({"drawer_1_front": "flat", "drawer_1_knob": "steel"}, {"drawers": 1, "drawer_1_front_height": 100}, {"drawer_1_knob:when"}),
        ({"drawer_1_front": "framed", "drawer_1_knob": "brass"}, {"drawers": 1, "drawer_1_front_height": 150}, {"drawer_1_sizes"}),
        ({"drawer_1_front": "framed", "drawer_1_knob": "steel"}, {"drawers": 1, "drawer_1_front_height": 100}, {"drawer_1_low"}),
        ({"drawer_1_front": "framed", "drawer_1_knob": "steel", "drawer_2_front": "flat"},
         {"drawers": 2, "drawer_1_front_height": 300, "drawer_2_front_height": 300}, {"alike", "tall"}),
        ({"board": "oak"}, {"width": 1100}, {"plate:row"}),  # no back plate so wide
        ({}, {"width": 1100}, {"wide"}),  # an interval of a table
    ],
)  # fmt: skip
def test_the_judge_says_what_a_variant_of_the_chest_breaks(
    problem: ProductProblem, chosen: dict[str, str], numbers: dict[str, int], broken: set[str]
) -> None:
    assert {violation.id for violation in violations(problem, variant(problem, chosen, numbers))} == broken


def test_a_table_that_forbids_says_nothing_where_nothing_is_chosen(problem: ProductProblem) -> None:
    flat = variant(problem, {"drawer_1_front": "flat"}, {"drawers": 1, "drawer_1_front_height": 100})
    assert is_valid(problem, flat)  # `sizes` forbids brass on low fronts; there is no knob at all


def test_every_rule_that_a_conflict_may_name_has_a_sentence(chest: CatalogFile, problem: ProductProblem) -> None:
    assert chest.product
    said = {rule.id: rule.text for rule in written_out(chest.product).rules}
    assert {str(rule.id) for rule in problem.constraints} == said.keys()
    assert said["drawer_2_low"].en == "Drawer 2: A framed front is at least 150 mm high."
    assert said["drawer_2_front:when"].en == "“Drawer 2: Front” is there only if “Number of drawers” is at least 2."
    assert said["gloss:when"].zh == "“光泽”只用于：饰面：定制色。"
    assert said["plate:row"].en == "An oak chest is at most 1000 mm wide."


def test_the_chest_written_out_asks_every_drawer_by_its_number(chest: CatalogFile, problem: ProductProblem) -> None:
    assert chest.product
    product = written_out(chest.product)
    assert [group.id for group in product.groups] == [str(group.id) for group in problem.groups]
    assert [parameter.id for parameter in product.parameters] == [str(p.id) for p in problem.parameters]
    assert product.group("drawer_3_knob").name.en == "Drawer 3: Knob"
    assert product.group("drawer_3_knob").when == "drawers >= 3 and drawer_3_front.framed"
    place = product.place_of("drawer_3_knob")
    assert place is not None and (place.name.zh, place.questions["drawer_3_knob"].en) == ("抽屉 3", "Knob")
    assert product.place_of("board") is None
    with pytest.raises(TypeError):
        state(product)  # it would lose what asks all drawers


# --- what it comes to -------------------------------------------------------------------------------------------------


def test_quantities_are_exact_and_those_of_missing_drawers_are_0(problem: ProductProblem) -> None:
    asked = answers(problem, variant(problem, *GRAND))
    names = ("height", "deepest", "drawer_1_grams", "drawer_2_grams", "drawer_3_grams", "weight", "lock_price", "plate")
    assert [asked.parameter(name) for name in names] == [430, 200, 2290, 1730, 0, 15220, 18, 5]


def test_the_price_asks_quantities_lookups_and_all_drawers(chest: CatalogFile, problem: ProductProblem) -> None:
    assert chest.prices
    price = quote_price(chest.prices, problem, variant(problem, *GRAND), country="DE")
    amounts = {item.id: item.amount_minor for item in price.items}
    # 15.22 kg; oak's lock 10 + 8; a front of 9 on two runners and one on one; 20, and 7 for colours from 5000 on
    assert amounts == {"base": 11522, "lock": 1800, "fronts": 2700, "special": 2700}
    plain = quote_price(chest.prices, problem, variant(problem), country="DE")
    assert {item.id: item.amount_minor for item in plain.items} == {"base": 10720, "lock": 1250}


def test_parts_and_operations_ask_the_same(chest: CatalogFile, problem: ProductProblem) -> None:
    assert chest.manufacturing and chest.factory
    grand = variant(problem, *GRAND)
    found = components_of(chest.manufacturing, Reckoning(problem, grand))
    assert {part.code: part.quantity for part in found} == {"runners": 3, "plates": 5}
    facts = facts_of(chest.factory.plants[0])
    made = explode(chest.manufacturing, problem, grand, facts, order_id="o", release=Second(0), due=Second(9))
    assert made.work_order.operations[0].modes[0].duration == 9 * 60


def test_a_price_item_depends_on_what_its_quantities_ask(chest: CatalogFile, problem: ProductProblem) -> None:
    assert chest.prices
    base, lock, fronts, _tags, special = groups_priced(chest.prices, problem)
    drawers = {"drawers", *(f"drawer_{k}_front_height" for k in (1, 2, 3))}
    assert base == {"width", "board", *drawers}
    assert lock == {"board", "width"}
    assert fronts == drawers | {f"drawer_{k}_front" for k in (1, 2, 3)}
    assert special == {"ral", "finish"}


def test_a_count_of_instances_is_not_taken_for_a_constant(chest: CatalogFile, problem: ProductProblem) -> None:
    assert chest.prices
    items = [{"id": "each", "name": {"zh": "每个", "en": "Each"}, "amount": "count(drawer, 1) * 3", "cost": "sum(drawer, 2)"}]
    prices = PriceListContent.from_data(chest.prices.canonical() | {"items": items})
    two = variant(problem, *GRAND)
    assert quote_price(prices, problem, two, country="DE").items[0].amount_minor == 600
    assert quote_cost(prices, problem, two) == 400


def test_additive_costs_see_through_a_quantity_of_one_question(chest: CatalogFile, problem: ProductProblem) -> None:
    assert chest.prices and chest.product
    items = [
        {"id": "gloss", "name": {"zh": "光", "en": "Gloss"}, "amount": "4 + gloss.high * 2"},
        {"id": "width", "name": {"zh": "宽", "en": "Width"}, "amount": "width / 100"},
    ]
    prices = PriceListContent.from_data(chest.prices.canonical() | {"items": items})
    assert additive_costs(prices, problem) == {("gloss", "high"): 200, "width": 1}  # what is not asked costs 4 too


# --- texts ------------------------------------------------------------------------------------------------------------


def test_a_text_has_the_limits_of_what_is_chosen(chest: CatalogFile, problem: ProductProblem) -> None:
    assert chest.product
    label = chest.product.texts[0]
    pine, oak = variant(problem), variant(problem, {"board": "oak"})
    assert text_limits(problem, label, pine) == TextLimits(2, 12, None)
    assert text_limits(problem, label, oak) == TextLimits(2, 5, "[A-Z]+")
    assert text_usable(problem, label, oak) and not text_usable(problem, label, variant(problem, *GRAND))


@pytest.mark.parametrize(
    ("typed", "pine", "oak"),
    [("", "", ""), ("A", "too_short", "too_short"), ("AB", "", ""), ("ab", "", "pattern"),
     ("ABCDEF", "", "too_long"), ("A" * 13, "too_long", "too_long")],
)  # fmt: skip
def test_what_is_wrong_with_a_typed_text(chest: CatalogFile, typed: str, pine: str, oak: str) -> None:
    assert chest.product
    in_oak, in_pine = chest.product.texts[0].limits
    assert (in_pine.fault(typed), in_oak.fault(typed)) == (pine, oak)
    assert chest.product.texts[0].accepts(typed) == ("" in (pine, oak))


def test_a_text_without_patterns_has_one_limit() -> None:
    data = {"id": "label", "step": "more", "name": {"zh": "字", "en": "Label"}, "maximum_length": 3, "pattern": "[a-z]+"}
    assert TextContent.from_data(data).limits == (TextLimits(0, 3, "[a-z]+"),)


def test_every_drawer_that_is_there_has_its_own_text(chest: CatalogFile, problem: ProductProblem) -> None:
    assert chest.product and chest.prices
    product = written_out(chest.product)
    assert [text.id for text in product.texts] == ["label", "drawer_1_tag", "drawer_2_tag", "drawer_3_tag"]
    second = product.texts[2]
    assert second.name.en == "Drawer 2: Tag"
    place = product.place_of("drawer_2_tag")
    assert place is not None and place.number == 2 and place.questions["drawer_2_tag"].en == "Tag"
    low = {"drawers": 2, "drawer_1_front_height": 150, "drawer_2_front_height": 100}
    flat = {"drawer_1_front": "flat", "drawer_2_front": "flat"}
    two = variant(problem, flat, low, drawer_1_tag="SOCKS", drawer_2_tag="TIES")
    assert [text_usable(problem, text, two) for text in product.texts[1:]] == [True, True, False]  # there is no third
    assert not text_usable(problem, second, variant(problem, flat | {"drawer_2_front": "framed"}, low))
    assert [text_limits(problem, text, two).maximum_length for text in product.texts[1:3]] == [10, 4]
    tags = next(item for item in quote_price(chest.prices, problem, two, country="DE").items if item.name.en == "Tags")
    assert tags.amount_minor == (len("SOCKS") + len("TIES")) * 50


# --- preferences ------------------------------------------------------------------------------------------------------


def test_the_default_of_a_question_is_wished_only_where_it_is_asked(chest: CatalogFile, problem: ProductProblem) -> None:
    assert chest.product
    found = wishes(written_out(chest.product), problem)
    everywhere = wished_in(found, None)
    assert Choose("board", "pine") in everywhere and Enter("drawers", 2) in everywhere  # type: ignore[arg-type]
    assert Choose("gloss", "matt") not in everywhere and Choose("drawer_1_front", "flat") not in everywhere  # type: ignore[arg-type]
    grand = wished_in(found, answers(problem, variant(problem, *GRAND)))
    assert grand[Choose("gloss", "matt")] == 1  # type: ignore[index,arg-type]
    assert grand[Choose("drawer_1_front", "framed")] == 3  # type: ignore[index,arg-type] - preferred in oak
    assert grand[Choose("drawer_2_knob", "steel")] == 2  # type: ignore[index,arg-type] - the component's own, of the second
    assert Choose("drawer_1_knob", "steel") not in grand  # type: ignore[arg-type]
    assert Choose("drawer_3_front", "flat") not in grand  # type: ignore[arg-type]
    assert Enter("drawer_2_front_height", 150) in grand  # type: ignore[arg-type]
    assert Choose("gloss", "matt") in default_decisions(written_out(chest.product))  # type: ignore[arg-type]


# --- canonical form ---------------------------------------------------------------------------------------------------


def _without_logo(value: object) -> object:
    """What a file said before it asked for one."""
    if not isinstance(value, list):
        return value
    return [one for one in value if not isinstance(one, dict) or one.get("when") != "length(logo) > 0"]


def test_files_without_the_new_fields_keep_their_hash() -> None:
    families = Path(__file__).parents[2] / "catalog" / "families"
    text = re.sub(r", picture: \w+\.svg", "", (families / "bicycle.yaml").read_text(encoding="utf-8"))
    data = read_document(text).data["product"]
    data = {name: _without_logo(value) for name, value in data.items() if name not in ("needs", "uploads")}
    bicycle = ProductContent.from_data(data | {"drawing": "bicycle"})  # a drawing was a name then
    lamp = ProductContent.from_data(read_document(LAMP).data["product"])
    # As they were published before conditions, quantities and components came: documents name these revisions.
    assert bicycle.sha256() == "d969e9d761f0b08c5e1c9249c040b11e0ac7f7e107f24870905e7a3b9e7411ab"
    assert lamp.sha256() == "a893d350807305b30d198839347bdfc9dcd317485ccfb27d047a8d9e67b59d24"


def test_a_content_with_them_comes_back_from_its_canonical_form(chest: CatalogFile) -> None:
    assert chest.product
    again = ProductContent.from_data(chest.product.canonical())
    assert again == chest.product and again.sha256() == chest.product.sha256()
    assert again.components[0].groups[1].when == "front.framed"


# --- what is refused --------------------------------------------------------------------------------------------------

# What is changed in the chest, where the complaint stands, and what it says (found, expected). One row a check.
REFUSALS = [
    ("condition: name", "when: front.framed", "when: front.frame", "product.components[drawer].groups[knob].when", "front.frame", "front.framed"),
    ("condition: text", "when: finish.special\n      default: matt", "when: length(label) > 0\n      default: matt", "product.groups[gloss].when", "cannot depend on a text", "groups and parameters"),
    ("otherwise without when", "minimum: 0, maximum: 3, default: 2}", "minimum: 0, maximum: 3, default: 2, otherwise: 1}", "product.parameters[drawers].otherwise", "always asked", "beside when"),
    ("own name outside", 'formula: "max(drawer, front_height)"', 'formula: "front_height"', "product.quantities[deepest].formula", "front_height", "parameter"),
    ("component as a number", 'formula: "max(drawer, front_height)"', 'formula: "drawer + 1"', "product.quantities[deepest].formula", "is a component", "sum(drawer"),
    ("unknown component", 'formula: "max(drawer, front_height)"', 'formula: "sum(drawr, front_height)"', "product.quantities[deepest].formula", "drawr", "drawer"),
    ("quantity in a circle", 'formula: "max(drawer, front_height)"', 'formula: "weight + sum(drawer, grams) + deepest"', "product.quantities[deepest].formula", "deepest → deepest", "circle"),
    ("circle through a component", 'formula: "50 + front_height', 'formula: "weight + front_height', "product.quantities[weight].formula", "weight → drawer.grams → weight", "circle"),
    ("count of nothing", "count: drawers\n", "count: shelves\n", "product.components[drawer].count", "shelves", "drawers"),
    ("count inside a component", "count: drawers\n", "count: drawer_1_front_height\n", "product.components[drawer].count", "drawer_1_front_height", "of the product itself"),
    ("count of another kind", "count: drawers\n", "count: 2 + 1\n", "product.components[drawer].count", "2 + 1", "the id of a parameter"),
    ("maximum too small", "count: drawers\n", "count: drawers\n      maximum: 2\n", "product.components[drawer].maximum", "can be more", "at least 3"),
    ("too many", "minimum: 0, maximum: 3, default: 2}", "minimum: 0, maximum: 900, default: 2}", "product.components[drawer].count", "900", "1 to 200"),
    ("written-out id", "{id: ral, step: body", "{id: drawer_1_front, step: body", "product.components[drawer].groups[front].id", "drawer_1_front", "another id"),
    ("hidden name", "{id: front_height, step", "{id: width, step", "product.components[drawer].parameters[width].id", "parameters", "another id"),
    ("own number", "{id: runner, columns", "{id: number, columns", "product.components[drawer].lookups[number].id", "number", "another id"),
    ("lookup: column", "columns: [board, width]\n      rows:\n        - [pine, ..800", "columns: [bord, width]\n      rows:\n        - [pine, ..800", "product.lookups[lock_price].columns[#1]", "bord", "board"),
    ("lookup: option", "- [pine, ..800, 12.50]", "- [pin, ..800, 12.50]", "product.lookups[lock_price].rows[#1][#1]", "pin", "pine"),
    ("lookup: interval", "- [pine, ..800, 12.50]", "- [pine, 800-900, 12.50]", "product.lookups[lock_price].rows[#1][#2]", "800-900", "0..1200"),
    ("lookup: backwards", "- [pine, ..800, 12.50]", "- [pine, 900..800, 12.50]", "product.lookups[lock_price].rows[#1][#2]", "900..800", "0..1200"),
    ("lookup: width", "- [pine, ..800, 12.50]", "- [pine, 12.50]", "product.lookups[lock_price].rows[#1]", "2 cells", "3"),
    ("lookup: value", "- [pine, ..800, 12.50]", "- [pine, ..800, 12.50 +]", "product.lookups[lock_price].rows[#1][#3]", "column 8", "a number"),
    ("lookup: value's name", "- [pine, ..800, 12.50]", "- [pine, ..800, wdth]", "product.lookups[lock_price].rows[#1][#3]", "wdth", "width"),
    ("lookup: twice", "- [pine, 801.., 15]", "- [pine, ..800, 15]", "product.lookups[lock_price].rows[#2]", "row 1", "once"),
    ("lookup without an end", "      otherwise: 0\n    - id: plate", "    - id: plate", "product.lookups[lock_price]", "no row fits", "otherwise"),
    ("table: both", "        columns: [board, width]\n        rows:\n          - [pine, 400..1000]", "        groups: [board]\n        columns: [width]\n        rows:\n          - [pine, 400..1000]", "product.rules[wide].table", "one kind of columns", "either"),
    ("table: width", "- [pine, 400..1000]\n", "- [pine, 400..1000, 3]\n", "product.rules[wide].table.rows[#1]", "3 cells", "2"),
    ("preference: name", "choose: {drawer_1_front: framed}", "choose: {drawer_4_front: framed}", "product.preferences[#1].choose.drawer_4_front", "drawer_4_front", "drawer_1_front"),
    ("preference: option", "choose: {drawer_1_front: framed}", "choose: {drawer_1_front: gilt}", "product.preferences[#1].choose.drawer_1_front", "gilt", "framed"),
    ("preference: number", "choose: {drawer_1_front: framed}", "choose: {width: wide}", "product.preferences[#1].choose.width", "wide", "whole number"),
    ("text of a component: name", "requires: front.flat", "requires: front.flate", "product.components[drawer].texts[tag].requires", "front.flate", "front.flat"),
    ("text of a component: own id", "- id: tag\n", "- id: knob\n", "product.components[drawer].texts[knob].id", "already the id", "another id"),
    ("length inside", "sum(drawer, length(tag)) / 2", "sum(drawer, length(tags)) / 2", "prices.items[tags].amount", "tags", "tag"),
    ("length outside", "sum(drawer, length(tag)) / 2", "length(tag) / 2", "prices.items[tags].amount", "tag does not exist", "length() of a text"),
    ("preference of a component", "choose: {knob: steel}", "choose: {knob: gold}", "product.components[drawer].preferences[#1].choose.knob", "gold", "steel"),
    ("pattern: lengths", "maximum_length: 5, pattern", "maximum_length: 1, pattern", "product.texts[label].patterns[#1].minimum_length", "above the maximum", "at most 1"),
    ("pattern: bomb", 'pattern: "[A-Z]+"', 'pattern: "(A+)+"', "product.texts[label].patterns[#1].pattern", "forever", "repeat"),
    ("unit", "unit: {zh: 个, en: drawers}", "unit: {zh: 个}", "product.parameters[drawers].unit.en", "missing", "a value"),
    ("price: own name", "amount: lock_price}", "amount: front.cents}", "prices.items[lock].amount", "front", "board"),
    ("part: component", 'quantity: "sum(drawer, runner)"', 'quantity: "sum(drawer, runners)"', "manufacturing.bom[runners].quantity", "runners", "runner"),
    ("overflow", 'formula: "width * board.grams + sum(drawer, grams)"', 'formula: "width * width * width * width * width * width * board.grams"', "product.quantities[weight]", "2^53", "solved"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "old", "new", "field", "what", "expected"), REFUSALS, ids=[row[0] for row in REFUSALS]
)
def test_a_fault_is_named_by_line_field_and_what_is_allowed(
    name: str, old: str, new: str, field: str, what: str, expected: str
) -> None:
    assert CHEST.count(old) == 1, f"{old!r} stands in the file {CHEST.count(old)} times"
    with pytest.raises(Refused) as refused:
        read_file(CHEST.replace(old, new))
    found: tuple[Problem, ...] = refused.value.problems
    mine = [one for one in found if one.field == field and what in str(one.what)]
    assert mine, "\n".join(map(str, found))
    assert expected in str(mine[0].expected)
    assert mine[0].line > 1


def test_a_component_that_would_be_written_out_without_end_is_refused_quickly() -> None:
    options = "\n".join(f"            - {{id: o{n}, name: {{zh: 甲, en: A}}}}" for n in range(800))
    huge = CHEST.replace("minimum: 0, maximum: 3, default: 2}", "minimum: 0, maximum: 200, default: 2}").replace(
        "            - {id: brass, name: {zh: 黄铜, en: Brass}}\n", options + "\n"
    )
    with pytest.raises(Refused, match="options, rules and rows"):
        read_file(huge)
