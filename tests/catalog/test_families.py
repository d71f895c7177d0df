"""The demo factory's families: complete, sound, made in both plants, sold at a margin, and true to their sources."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import pytest

from catalog.explode import explode
from catalog.file import CatalogFile
from catalog.load import read_file
from catalog.price import quote_cost, quote_price
from catalog.review import review
from catalog.state import default_decisions, preset_decisions, state
from catalog.verify import facts_of
from solver.configuration.check import answers, is_valid
from solver.configuration.compile import CompiledProblem, compile_problem
from solver.configuration.complete import complete
from solver.configuration.problem import Choose, Decision, Enter, GroupId, OptionId, ParameterId
from solver.configuration.samples import sample
from solver.configuration.session import OptionState, valid_domains
from solver.scheduling.problem import Second

FOLDER = Path(__file__).parents[2] / "catalog" / "families"
FAMILIES = ("bicycle", "pump_station", "wardrobe")


@lru_cache
def family(name: str) -> CatalogFile:
    return read_file((FOLDER / f"{name}.yaml").read_text())


@lru_cache
def compiled(name: str) -> CompiledProblem:
    product = family(name).product
    assert product is not None
    return compile_problem(state(product))


def decisions(**given: str | int) -> tuple[Decision, ...]:
    return tuple(
        Enter(ParameterId(name), answer) if isinstance(answer, int) else Choose(GroupId(name), OptionId(answer))
        for name, answer in given.items()
    )


@pytest.mark.parametrize("name", FAMILIES)
def test_every_variant_can_be_priced_and_made(name: str) -> None:
    file, factory = family(name), family("factory").factory
    assert file.product is not None
    found = review(file.product, file.prices, file.manufacturing, factory)
    assert (found.faults, found.unused, found.unsettled) == ((), (), ())


@pytest.mark.parametrize("name", FAMILIES)
def test_defaults_and_presets_hold_and_every_option_can_be_had(name: str) -> None:
    file = family(name)
    assert file.product is not None
    wanted = default_decisions(file.product)
    usual = complete(compiled(name), (), prefer=wanted, seconds=10)
    unconditional = [group for group in file.product.groups if group.default is not None and group.when is None]
    assert all(usual.chosen[GroupId(group.id)] == {group.default} for group in unconditional)
    for preset in file.product.presets:
        chosen = preset_decisions(file.product, preset.id)
        variant = complete(compiled(name), chosen, prefer=wanted, seconds=10)
        assert is_valid(compiled(name).problem, variant)
    domains = valid_domains(compiled(name), (), seconds=20)
    assert domains is not None
    dead = [
        (group, option)
        for group, states in domains.options.items()
        for option, found in states.items()
        if found is OptionState.EXCLUDED
    ]
    assert dead == []


@pytest.mark.parametrize("name", FAMILIES)
def test_what_is_drawn_at_random_is_sold_at_a_margin_and_made_in_both_plants(name: str) -> None:
    file, factory = family(name), family("factory").factory
    assert file.product and file.prices and file.manufacturing and factory
    problem = state(file.product)
    for variant in sample(compiled(name), 30, 7):
        price = quote_price(file.prices, problem, variant, country="CN")
        assert 0 < quote_cost(file.prices, problem, variant) < price.net
        for plant in factory.plants:
            made = explode(
                file.manufacturing, problem, variant, facts_of(plant), order_id="o", release=Second(0), due=Second(0)
            )
            assert made.work_order.operations


def test_panels_are_made_in_the_way_that_the_plant_has() -> None:
    """28.5 minutes a module, or 15 a sheet and 9 metres of edge a minute."""
    file, factory = family("wardrobe"), family("factory").factory
    assert file.product and file.manufacturing and factory
    problem = state(file.product)
    variant = complete(compiled("wardrobe"), (), prefer=default_decisions(file.product), seconds=10)
    asked = answers(problem, variant)
    durations = {}
    for plant in factory.plants:
        made = explode(
            file.manufacturing, problem, variant, facts_of(plant), order_id="o", release=Second(0), due=Second(0)
        )
        panels = next(operation for operation in made.work_order.operations if operation.id == "o/panels")
        durations |= {str(mode.line): mode.duration for mode in panels.modes}
    minutes = 15 * asked.parameter("sheets") + asked.parameter("edges_in_all") / 9
    assert durations == {
        "wuxi/panels-1": 3 * 28.5 * 60, "wuxi/nesting-1": -(-minutes * 60 // 1), "chengdu/panels-1": 6413,
    }  # fmt: skip


def test_a_wardrobe_fills_its_niche() -> None:
    problem = compiled("wardrobe").problem
    for variant in sample(compiled("wardrobe"), 30, 3):
        asked = answers(problem, variant)
        assert 0 <= variant.numbers[ParameterId("niche_width")] - asked.parameter("total_width") <= 200
        assert 0 <= variant.numbers[ParameterId("niche_height")] - asked.parameter("total_height") <= 200


@pytest.mark.parametrize(("given", "possible"), [
    ({"module_1_inside": "drawers", "module_1_width": "w1000"}, True),
    ({"module_1_inside": "drawers", "module_1_width": "w1200"}, False),  # drawers run up to 1000 mm
    ({"niche_width": 2400, "module_1_front": "mirror", "closing": "standard"}, False),  # mirrors need soft-close
    ({"doors": "sliding", "modules": 3, "module_2_inside": "drawers"}, False),  # where sliding doors overlap
    ({"doors": "sliding", "modules": 3, "module_3_inside": "drawers"}, True),
    # 650 x 2624 mm of oak with a mirror: 22.5 kg, more than the hinges of such a wide door carry
    ({"module_1_width": "w650", "carcass": 2624, "module_1_front": "mirror", "board": "oak"}, False),
    ({"module_1_width": "w500", "carcass": 2624, "module_1_front": "mirror", "board": "oak"}, True),
    ({"module_1_light": "strip", "driver": "none"}, False),
    ({"depth": "d420", "module_1_inside": "hanging"}, False),
    ({"niche_depth": 640, "depth": "d600", "doors": "sliding"}, False),
])  # fmt: skip
def test_what_a_wardrobe_can_be(given: dict[str, str | int], possible: bool) -> None:
    assert (valid_domains(compiled("wardrobe"), decisions(**given), seconds=20) is not None) == possible


@pytest.mark.parametrize(("given", "possible"), [
    ({"flow": 40, "duty": 2, "pump": "v20"}, True),
    ({"flow": 44, "duty": 2, "pump": "v20"}, False),  # 2 x 20 m3/h
    ({"flow": 120, "head": 92, "pump": "v45"}, False),  # reaches 90 m
    ({"plan": "remote", "gateway": "none"}, False),
    ({"plan": "remote", "gateway": "lan", "consent": "keep"}, False),
    ({"plan": "remote", "gateway": "lan", "consent": "share"}, True),
    ({"place": "outdoor", "protection": "ip54"}, False),
    ({"flow": 240, "head": 60, "supply": "kw30"}, False),  # 65 kW of shaft power
    ({"drive": "each", "duty": 4, "standby": "two", "cabinet": "c800"}, False),  # 6 x 190 mm of rail and the rest
    ({"drive": "one", "duty": 4, "standby": "two", "cabinet": "c800"}, True),
    ({"flow": 100, "manifold": "dn125"}, False),  # 88 m3/h at most
])  # fmt: skip
def test_what_a_pump_station_can_be(given: dict[str, str | int], possible: bool) -> None:
    assert (valid_domains(compiled("pump_station"), decisions(**given), seconds=20) is not None) == possible


def test_while_one_pump_is_serviced_the_others_give_the_whole_flow() -> None:
    problem = compiled("pump_station").problem
    rated = {"v5": 5, "v10": 10, "v20": 20, "v32": 32, "v45": 45, "v64": 64}
    for variant in sample(compiled("pump_station"), 50, 1):
        asked = answers(problem, variant)
        standby = {"none": 0, "one": 1, "two": 2}[next(iter(variant.chosen[GroupId("standby")]))]
        pump = next(iter(variant.chosen[GroupId("pump")]))
        running = asked.parameter("pumps") - standby
        assert running * rated[pump] >= variant.numbers[ParameterId("flow")]
