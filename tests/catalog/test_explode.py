"""A variant becomes parts and a work order: what it needs, in the order of its routing, on the plant's lines."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.content import Text
from catalog.explode import BadFormula, Exploded, LineFact, NotMakeable, PlantFacts, explode
from catalog.file import CatalogFile
from catalog.load import read_file
from catalog.manufacturing import After, BomRow, ManufacturingContent, OperationContent
from catalog.state import state
from catalog.verify import facts_of
from solver.configuration.problem import ConfigurationProblem, GroupId, OptionGroup, OptionId, Variant
from solver.scheduling.problem import LineId, PlantId, Precedence, Second
from tests.catalog.small import LAMP
from tests.catalog.test_price import CITY, lamp

FAMILIES = Path(__file__).parents[2] / "catalog" / "families"
BICYCLE = read_file((FAMILIES / "bicycle.yaml").read_text())
FACTORY = read_file((FAMILIES / "factory.yaml").read_text())


def exploded(file: CatalogFile, factory: CatalogFile, variant: Variant, plant: str) -> Exploded:
    assert file.product and file.manufacturing and factory.factory
    facts = next(facts_of(one) for one in factory.factory.plants if one.code == plant)
    problem = state(file.product)
    return explode(file.manufacturing, problem, variant, facts, order_id="o1", release=Second(60), due=Second(9_000))


def city(texts: dict[str, str] | None = None, **changes: str) -> Variant:
    chosen = {**CITY, **changes}
    return Variant({GroupId(g): frozenset({OptionId(o)}) for g, o in chosen.items()}, {}, texts or {})


def test_a_lamp_takes_its_parts_and_operations() -> None:
    file = read_file(LAMP)
    made = exploded(file, file, lamp("blue", 25), "ulm")
    # height / 10 = 2.5 tubes: whole ones are taken from stock
    assert [(part.code, part.material, part.quantity) for part in made.components] == [
        ("tube", "tube", 3), ("paint", "paint", 7), ("screws", None, 1),
    ]  # fmt: skip
    cut, coat, fit = made.work_order.operations
    assert [mode.duration for mode in cut.modes] == [450]  # 5 + 2.5 minutes
    assert coat.family == "blue" and cut.family is None
    assert [mode.duration for mode in fit.modes] == [750]  # 10 minutes at 80 %
    assert coat.predecessors == (Precedence(cut.id, 180),)
    assert fit.predecessors == (Precedence(coat.id, 900),)
    assert [(need.material, need.quantity) for need in (*cut.materials, *coat.materials)] == [
        ("ulm/tube", 3), ("ulm/paint", 7),
    ]  # fmt: skip
    assert (made.work_order.release, made.work_order.due) == (60, 9_000)


def test_an_operation_that_is_not_needed_is_bridged_with_the_longer_wait() -> None:
    file = read_file(LAMP)
    cut, fit = exploded(file, file, lamp("red"), "ulm").work_order.operations
    assert fit.predecessors == (Precedence(cut.id, 900),)  # 3 minutes to the coating, 15 after it: the longer one


@pytest.mark.parametrize(("changes", "texts", "operations", "coat", "assemble"), [
    ({}, {}, ["coat", "wheel_front", "wheel_rear", "assemble", "pack"], 19, 60),  # 4 accessories: all but the seat
    ({"colour": "copper"}, {}, ["coat", "wheel_front", "wheel_rear", "assemble", "pack"], 28, 60),
    ({"mudguards": "none", "rack": "none", "light": "battery", "stand": "none"}, {"engraving": "路"},
     ["coat", "engrave", "wheel_front", "wheel_rear", "assemble", "pack"], 15, 40),
])  # fmt: skip
def test_a_bicycle_needs_the_operations_of_its_choices(
    changes: dict[str, str], texts: dict[str, str], operations: list[str], coat: int, assemble: int
) -> None:
    order = exploded(BICYCLE, FACTORY, city(texts, **changes), "wuxi").work_order
    assert [operation.id for operation in order.operations] == [f"o1/{name}" for name in operations]
    by_name = {operation.id.split("/")[1]: operation for operation in order.operations}
    assert {mode.duration for mode in by_name["coat"].modes} == {coat * 60}
    assert by_name["coat"].family == changes.get("colour", "sky")
    at = {mode.line: mode.duration for mode in by_name["assemble"].modes}
    assert at["wuxi/assembly-1"] == assemble * 60
    assert at["wuxi/assembly-3"] == -(-assemble * 60 * 100 // 90)  # slower, rounded up


def test_a_bicycle_waits_for_its_paint_to_cure_whether_it_is_engraved_or_not() -> None:
    for texts, after in (({}, "assemble"), ({"engraving": "x"}, "engrave")):
        order = exploded(BICYCLE, FACTORY, city(texts), "wuxi").work_order
        waiting = next(operation for operation in order.operations if operation.id == f"o1/{after}")
        assert Precedence(order.operations[0].id, 1200) in waiting.predecessors


def test_every_counted_part_of_a_bicycle_is_taken_once() -> None:
    made = exploded(BICYCLE, FACTORY, city(child_seat="recline", rack="tour", stand="double"), "chengdu")
    taken: dict[str, int] = {}
    for operation in made.work_order.operations:
        for need in operation.materials:
            taken[need.material] = taken.get(need.material, 0) + need.quantity
    parts: dict[str, int] = {}
    for part in made.components:
        if part.material:
            parts[f"chengdu/{part.material}"] = parts.get(f"chengdu/{part.material}", 0) + part.quantity
    assert taken == parts
    assert parts["chengdu/powder_sky"] == 330  # size M 260 g, mudguards 70 g
    assert parts["chengdu/spoke"] == 68  # 32 and, under a child, 36
    assert parts["chengdu/rim"] == 2


def test_a_quantity_of_zero_is_no_part() -> None:
    file = read_file(LAMP.replace("quantity: 7,", "quantity: 7 * feet.felt,"))
    made = exploded(file, file, lamp("blue"), "ulm")
    assert [part.code for part in made.components] == ["tube", "screws"]
    assert made.work_order.operations[1].materials == ()


def test_a_plant_without_the_stage_or_the_material_cannot_make_it() -> None:
    file = read_file(LAMP)
    assert file.product and file.manufacturing and file.factory
    full = facts_of(file.factory.plants[0])
    bare = [
        (PlantFacts(full.plant, {"cutting": full.stages["cutting"]}, full.materials), "painting"),
        (PlantFacts(full.plant, full.stages, {}), "tube"),
    ]
    for facts, lacks in bare:
        with pytest.raises(NotMakeable) as error:
            explode(file.manufacturing, state(file.product), lamp("blue"), facts, order_id="o", release=Second(0),
                    due=Second(0))  # fmt: skip
        assert (error.value.lacks, error.value.plant) == (lacks, "ulm")


@pytest.mark.parametrize(("old", "new", "where"), [
    ("quantity: height / 10", "quantity: 2 - height / 10", "tube"),
    ("minutes: 5 + height / 10", "minutes: 20 - height", "cut"),
])  # fmt: skip
def test_a_formula_that_gives_nonsense_is_named(old: str, new: str, where: str) -> None:
    file = read_file(LAMP)
    assert file.product and file.manufacturing and file.factory
    content = ManufacturingContent.from_data(
        {**file.manufacturing.canonical(), **_with(file.manufacturing, old.split(": ")[1], new.split(": ")[1])}
    )
    with pytest.raises(BadFormula) as error:
        explode(content, state(file.product), lamp(height=50), facts_of(file.factory.plants[0]), order_id="o",
                release=Second(0), due=Second(0))  # fmt: skip
    assert error.value.where == where


def _with(content: ManufacturingContent, old: str, new: str) -> dict[str, object]:
    """Bill of materials and routing with one formula replaced."""
    data = content.canonical()
    for row in data["bom"]:
        row["quantity"] = new if row["quantity"] == old else row["quantity"]
    for row in data["routing"]:
        row["minutes"] = new if row["minutes"] == old else row["minutes"]
    return data


# --- bridging against an oracle -------------------------------------------------------------------------------------

NAMES = [f"op{n}" for n in range(7)]


@st.composite
def routings(draw: st.DrawFn) -> tuple[list[list[tuple[int, int]]], list[bool]]:
    """For each operation what it comes after (and how long), and which ones the variant needs."""
    after = [
        [(before, draw(st.integers(0, 9))) for before in range(n) if draw(st.booleans())] for n in range(len(NAMES))
    ]
    needed = [draw(st.booleans()) for _ in NAMES]
    needed[draw(st.integers(0, len(NAMES) - 1))] = True
    return after, needed


@given(routings())
def test_bridging_keeps_every_order_and_the_longest_single_wait(
    drawn: tuple[list[list[tuple[int, int]]], list[bool]],
) -> None:
    """Oracle: all paths through operations that are not needed; the wait is the longest on any of them."""
    after, needed = drawn
    name = Text(zh="x", en="x")
    content = ManufacturingContent.model_construct(
        bom=(BomRow(component="part", name=name),),
        routing=tuple(
            OperationContent(
                operation=NAMES[n],
                name=name,
                stage="stage",
                minutes="1",
                when=None if needed[n] else "0",
                after=tuple(After(operation=NAMES[b], wait_minutes=wait) for b, wait in after[n]),
            )
            for n in range(len(NAMES))
        ),
    )
    group = OptionGroup(GroupId("g"), (OptionId("a"),))
    facts = PlantFacts(PlantId("p"), {"stage": (LineFact(LineId("p/l")),)}, {})
    order = explode(
        content, ConfigurationProblem((group,)), Variant({GroupId("g"): frozenset({OptionId("a")})}), facts,
        order_id="o", release=Second(0), due=Second(0),
    ).work_order  # fmt: skip

    def paths(n: int) -> list[tuple[int, int]]:
        """(needed operation, longest wait) of every path back from n."""
        found = []
        for before, wait in after[n]:
            ends = [(before, wait)] if needed[before] else [(end, max(wait, w)) for end, w in paths(before)]
            found.extend(ends)
        return found

    for operation in order.operations:
        n = NAMES.index(operation.id.split("/")[1])
        oracle: dict[str, int] = {}
        for end, wait in paths(n):
            key = f"o/{NAMES[end]}"
            oracle[key] = max(oracle.get(key, 0), 60 * wait)
        assert {p.operation: p.minimum_wait for p in operation.predecessors} == oracle
