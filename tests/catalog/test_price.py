"""What a variant costs: every amount exact until it is rounded once, net + tax = gross always."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.load import read_file
from catalog.price import (
    Basis,
    CountryNotServed,
    PriceListContent,
    TaxReason,
    _with_tax,
    additive_costs,
    amount_of_item,
    gross_of,
    groups_priced,
    quote_cost,
    quote_price,
    round_half_up,
)
from catalog.reckon import Reckoning
from catalog.state import state
from solver.configuration.compile import compile_problem
from solver.configuration.problem import ConfigurationProblem, GroupId, OptionId, ParameterId, Variant
from solver.configuration.samples import sample
from tests.catalog.small import LAMP, broken

BICYCLE = (Path(__file__).parents[2] / "catalog" / "families" / "bicycle.yaml").read_text()
CITY = {
    "size": "m", "colour": "sky", "gears": "hub_8", "drive": "belt", "brakes": "disc_hydraulic", "fork": "steel",
    "tyres": "t40", "mudguards": "painted", "rack": "light", "light": "dynamo", "stand": "side", "child_seat": "none",
}  # fmt: skip


def read(text: str) -> tuple[PriceListContent, ConfigurationProblem]:
    file = read_file(text)
    assert file.prices and file.product
    return file.prices, state(file.product)


def lamp(colour: str = "red", height: int = 20, label: str = "", shade: str = "large") -> Variant:
    chosen = {"colour": {colour}, "shade": {shade}, "feet": set()}
    return Variant(
        {GroupId(group): frozenset(OptionId(o) for o in options) for group, options in chosen.items()},
        {ParameterId("height"): height},
        {"label": label} if label else {},
    )


@pytest.mark.parametrize(("amount", "rounded"), [
    ("0.5", 1), ("0.4999999999999", 0), ("1.5", 2), ("2.5", 3), ("-0.5", -1), ("-2.5", -3), ("-2.4", -2), ("0", 0),
    ("2.675", 3), ("1000000000000000.5", 1000000000000001),  # where binary floating point and bankers go wrong
])  # fmt: skip
def test_a_half_is_rounded_away_from_zero(amount: str, rounded: int) -> None:
    assert round_half_up(Fraction(amount)) == rounded


@given(st.fractions())
def test_rounding_is_to_the_nearest_and_a_refund_is_the_opposite_of_its_charge(amount: Fraction) -> None:
    assert abs(round_half_up(amount) - amount) <= Fraction(1, 2)
    assert round_half_up(-amount) == -round_half_up(amount)


def test_a_price_is_itemised_in_minor_units() -> None:
    prices, problem = read(LAMP)
    price = quote_price(prices, problem, lamp("blue", 25, "Für Ü"), country="DE")
    # 49.90; blue 5; 0.125 * 25 = 3.125 -> 3.13; 3 + 0.5 * 5 = 5.50; all of it gross
    assert [(item.id, item.amount_minor) for item in price.items] == [
        ("base", 4990), ("blue", 500), ("tall", 313), ("label", 550),
    ]  # fmt: skip
    assert (price.gross, price.tax, price.net) == (6353, 1014, 5339)  # 63.53 * 19 / 119 = 10.1434
    assert (price.rate, price.tax_reason, price.basis, price.currency) == ("19", "standard", "gross", "EUR")


def test_the_bicycle_costs_what_its_file_says() -> None:
    prices, problem = read(BICYCLE)
    variant = Variant({GroupId(g): frozenset({OptionId(o)}) for g, o in CITY.items()})
    price = quote_price(prices, problem, variant, country="CN")
    # 2680; hub 980, belt 690, brakes 480, tyres 140, mudguards 160 + 1.15 * 70, rack 150, light 420, stand 60; -80
    assert price.net == 576050
    assert {item.id: item.amount_minor for item in price.items}["belt_without_chain_case"] == -8000
    assert (price.tax, price.gross) == (74887, 650937)  # 13 % of 5760.50 is 748.865
    german = quote_price(prices, problem, variant, country="DE")
    assert (german.net, german.tax) == (576050, 109450)  # 19 % is 1094.495


@pytest.mark.parametrize(("text", "amount"), [("", None), ("A", 4150), ("为每天的路", 5150), ("🚲" * 24, 9900)])
def test_an_engraving_is_paid_by_the_character(text: str, amount: int | None) -> None:
    prices, problem = read(BICYCLE)
    variant = Variant({GroupId(g): frozenset({OptionId(o)}) for g, o in CITY.items()}, {}, {"engraving": text})
    items = {item.id: item.amount_minor for item in quote_price(prices, problem, variant, country="CN").items}
    assert items.get("engraving") == amount  # 39 + 2.5 a character


def test_a_country_without_a_rate_is_not_served() -> None:
    prices, problem = read(LAMP)
    with pytest.raises(CountryNotServed) as refused:
        quote_price(prices, problem, lamp(), country="US")
    assert refused.value.country == "US"


def test_a_rate_of_zero_says_so() -> None:
    prices, problem = read(broken('CN: "13"', 'CN: "0"'))
    price = quote_price(prices, problem, lamp(), country="CN")
    assert (price.tax, price.tax_reason) == (0, TaxReason.ZERO_RATED)


@given(st.integers(-(10**12), 10**12), st.fractions(0, 99), st.sampled_from(Basis))
def test_net_and_tax_are_always_the_gross(total: int, percent: Fraction, basis: Basis) -> None:
    net, tax, gross = _with_tax(total, percent, basis)
    assert net + tax == gross
    assert total == (net if basis is Basis.NET else gross)
    # The tax is what the law asks, to the half of a minor unit: the rate of the net amount.
    exact = total * percent / 100 if basis is Basis.NET else total * percent / (100 + percent)
    assert abs(tax - exact) <= Fraction(1, 2)


def test_a_currency_without_minor_units_is_rounded_to_whole_ones() -> None:
    prices, problem = read(broken("currency: EUR", "currency: JPY\n  exponent: 0"))
    price = quote_price(prices, problem, lamp(height=25), country="DE")
    assert [item.amount_minor for item in price.items] == [50, 3]  # 49.90 and 3.125


def test_the_cost_counts_what_has_one() -> None:
    prices, problem = read(LAMP)
    assert quote_cost(prices, problem, lamp("blue")) == 200
    assert quote_cost(prices, problem, lamp("red")) == 0


@pytest.mark.parametrize("text", [LAMP, BICYCLE])
def test_items_reckoned_one_by_one_from_what_they_depend_on_are_the_price(text: str) -> None:
    prices, problem = read(text)
    for drawn in sample(compile_problem(problem), 50, 1):
        texts = {"label": "abc", "engraving": "abc"}
        variant = Variant(drawn.chosen, drawn.numbers, texts)
        total = 0
        for position, names in enumerate(groups_priced(prices, problem)):
            only = Variant(
                {group: options for group, options in drawn.chosen.items() if group in names},
                {name: number for name, number in drawn.numbers.items() if name in names},
                {name: word for name, word in texts.items() if name in names},
            )
            total += amount_of_item(prices, position, Reckoning(problem, only))
        for country in ("DE", "CN"):
            price = quote_price(prices, problem, variant, country=country)
            assert total == sum(item.amount_minor for item in price.items)
            assert gross_of(prices, total, country=country) == price.gross
    with pytest.raises(CountryNotServed):
        gross_of(prices, 100, country="US")


# --- additive costs -------------------------------------------------------------------------------------------------


def test_additive_costs_are_exact_where_an_item_depends_on_one_group_or_parameter() -> None:
    prices, problem = read(LAMP)
    assert additive_costs(prices, problem) == {("colour", "blue"): 500, "height": 13}  # 0.125 a centimetre, rounded
    prices, problem = read(BICYCLE)
    costs = additive_costs(prices, problem)
    assert costs[GroupId("mudguards"), OptionId("painted")] == 24050  # 160 + 1.15 * 70: its own number
    assert costs[GroupId("drive"), OptionId("belt")] == 61000  # 690 and 80 off, by a condition on the same group


def test_additive_costs_rank_the_bicycles_variants_like_their_prices() -> None:
    """Every item of the bicycle depends on one group: base + costs is the price, for every variant."""
    prices, problem = read(BICYCLE)
    costs = additive_costs(prices, problem)
    for variant in sample(compile_problem(problem), 200, 3):
        items = quote_price(prices, problem, variant, country="CN").items
        added = sum(costs.get((group, option), 0) for group, options in variant.chosen.items() for option in options)
        assert sum(item.amount_minor for item in items) == 268000 + added


def test_an_item_that_depends_on_two_groups_is_left_to_the_search() -> None:
    prices, problem = read(broken("option: colour.blue,", "option: colour.blue, when: shade.large,"))
    assert set(additive_costs(prices, problem)) == {"height"}


def test_an_option_of_several_answers_is_counted_by_itself() -> None:
    prices, problem = read(broken("option: colour.blue,", "option: feet.felt,"))
    assert additive_costs(prices, problem)[GroupId("feet"), OptionId("felt")] == 500
