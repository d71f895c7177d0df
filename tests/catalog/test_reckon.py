"""What is worked out beside another variant is what the variant gives by itself."""

from __future__ import annotations

from itertools import pairwise

import pytest

from catalog.dependence import operations_asking
from catalog.explode import NotMakeable, explode, order_beside
from catalog.load import read_file
from catalog.price import amount_of_item
from catalog.reckon import Reckoning
from catalog.state import state
from catalog.verify import facts_of
from solver.configuration.compile import compile_problem
from solver.configuration.samples import sample
from solver.scheduling.problem import Second
from tests.catalog.small import LAMP
from tests.conftest import FAMILIES

FACTORY = read_file((FAMILIES / "factory.yaml").read_text()).factory


@pytest.mark.parametrize("name", ["bicycle", "wardrobe", "lamp"])
def test_price_parts_and_operations_beside_another_variant_are_those_of_the_variant_alone(name: str) -> None:
    file = read_file(LAMP if name == "lamp" else (FAMILIES / f"{name}.yaml").read_text())
    problem, plants = state(file.product), (file.factory or FACTORY).plants
    asking = operations_asking(file.manufacturing, problem)
    some = 0
    for one, other in pairwise(sample(compile_problem(problem), 12, 5)):
        near = Reckoning(problem, one)
        beside, alone = near.beside(other), Reckoning(problem, other)
        for position in range(len(file.prices.items)):
            amount_of_item(file.prices, position, near)
            found = amount_of_item(file.prices, position, beside)
            assert found == amount_of_item(file.prices, position, alone)
        touched = frozenset(operation for name in beside.changed for operation in asking.get(name, ()))
        for facts in map(facts_of, plants):
            try:
                made = _order(file, problem, one, facts)
                expected = _order(file, problem, other, facts)
            except NotMakeable:
                continue
            assert order_beside(file.manufacturing, beside, facts, made, touched) == expected
            some += made != expected
    assert some  # they are not all alike


def _order(file, problem, variant, facts):
    return explode(
        file.manufacturing, problem, variant, facts, order_id="?", release=Second(0), due=Second(0)
    ).work_order


def test_what_is_not_told_as_changed_would_be_taken_from_the_other_variant() -> None:
    """The negative control of the test above: without `changed` the price of the other variant comes out."""
    file = read_file(LAMP)
    problem = state(file.product)
    positions = range(len(file.prices.items))
    differs = []
    for one, other in pairwise(sample(compile_problem(problem), 12, 5)):
        near = Reckoning(problem, one)
        blind, alone = Reckoning(problem, other, near), Reckoning(problem, other)
        differs.append(any(
            amount_of_item(file.prices, k, blind) != amount_of_item(file.prices, k, alone) for k in positions
        ))
    assert any(differs)
