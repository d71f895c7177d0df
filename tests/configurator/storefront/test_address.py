"""The address says everything that was chosen, and one step back."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import parse_qsl

import pytest

from catalog.offer import Offer
from configurator.storefront.address import Address, read_address


def read(offer: Offer, query: str) -> Address:
    pairs = dict(parse_qsl(query, keep_blank_values=True))
    return read_address(offer, pairs, countries=("CN", "DE"), country="CN").address


def test_an_address_reads_back_as_it_was_written(lamp: Offer) -> None:
    address = Address("lamp", {"shade": "large", "feet": "felt,-rubber", "height": "25"}, "DE", "tok", quote_id="7")
    address = replace(address.choose("colour", "blue"), offered=read(lamp, "").offered)
    assert read(lamp, address.query()) == address


@pytest.mark.parametrize(("start", "step", "after"), [
    ({}, lambda a: a.choose("colour", "red"), {"colour": "red"}),
    ({"colour": "red", "shade": "small"}, lambda a: a.choose("colour", "blue"), {"shade": "small", "colour": "blue"}),
    ({"feet": "felt"}, lambda a: a.toggle("feet", "rubber"), {"feet": "felt,rubber"}),
    ({"feet": "felt,rubber"}, lambda a: a.toggle("feet", "felt"), {"feet": "rubber"}),
    ({"feet": "felt"}, lambda a: a.toggle("feet", "felt"), {}),
    ({"feet": "-felt"}, lambda a: a.toggle("feet", "felt"), {"feet": "felt"}),  # it is wanted after all
    ({"colour": "red", "height": "20"}, lambda a: a.clear("colour"), {"height": "20"}),
    ({"colour": "red"}, lambda a: a.with_choices({"shade": "small"}), {"shade": "small"}),
    ({"colour": "red"}, lambda a: a.restarted(), {}),
])
def test_a_step_changes_what_it_names_and_one_step_back_undoes_it(start, step, after) -> None:  # type: ignore[no-untyped-def]
    changed = step(Address("lamp", start, "CN"))
    assert dict(changed.choices) == after
    assert dict(changed.back().choices) == start


def test_what_was_undone_can_be_made_again_until_something_else_is_chosen(lamp: Offer) -> None:
    made = Address("lamp", {"height": "25"}, "CN").choose("colour", "red").choose("colour", "blue").clear("height")
    undone = replace(made.back().back(), offered=read(lamp, "").offered)
    assert dict(undone.choices) == {"colour": "red", "height": "25"}, "each step by itself"
    assert read(lamp, undone.query()) == undone
    once = undone.forward()
    assert dict(once.choices) == {"colour": "blue", "height": "25"}
    assert once.forward().choices == made.choices
    assert not once.forward().ahead
    assert dict(once.back().choices) == dict(undone.choices), "a step made again can be undone again"
    assert dict(undone.back().choices) == dict(undone.back().forward().back().choices) == {"height": "25"}
    assert not undone.choose("shade", "small").ahead
    typed = Address("lamp", {}, token="old").with_token("new")
    assert typed.back().forward().token == "new"


@pytest.mark.parametrize(("typed", "kept"), [("25.5", "25"), ("tall", "25"), ("1e3", "25"), ("9" * 30, "25")])
def test_what_is_no_number_leaves_the_number_of_before(lamp: Offer, typed: str, kept: str) -> None:
    query = {"shade": "large", "height": typed, "step-back": "height:25"}
    reading = read_address(lamp, query, countries=("CN",), country="CN")
    assert reading.mistyped == {"height": typed}
    assert reading.address.choices == {"shade": "large", "height": kept}
    assert len(reading.decisions) == 2
    assert not (reading.gone or reading.address.behind)


@pytest.mark.parametrize(("typed", "choices"), [
    ("", {}), (" ", {}), ("25.0", {"height": "25"}), (" 25", {"height": "25"}),
])  # fmt: skip
def test_an_emptied_field_takes_the_number_back(lamp: Offer, typed: str, choices: dict[str, str]) -> None:
    reading = read_address(lamp, {"height": typed, "step-back": "height:30"}, countries=("CN",), country="CN")
    assert reading.address.choices == choices
    assert not (reading.mistyped or reading.gone)
    assert reading.address.back().choices == {"height": "30"}


def test_without_a_step_back_the_newest_choice_goes() -> None:
    assert dict(Address("lamp", {"colour": "red", "shade": "large"}).back().choices) == {"colour": "red"}
    assert not Address("lamp").can_go_back


def test_one_step_back_restores_the_words_that_were_typed() -> None:
    address = Address("lamp", {"colour": "red"}, token="old").with_token("new")
    assert address.back().token == "old"


def test_names_that_the_catalog_does_not_have_are_told(lamp: Offer) -> None:
    query = {"colour": "puce", "wheels": "4", "shade": "large", "height": "tall", "ship-to": "XX", "lang": "zh"}
    reading = read_address(lamp, query, countries=("CN", "DE"), country="CN")
    assert reading.gone == ("colour=puce", "wheels")
    assert reading.mistyped == {"height": "tall"}
    assert reading.address.choices == {"shade": "large"}
    assert reading.address.country == "CN"


@pytest.mark.parametrize("query", [
    "step-back=<script>:x;colour:\"><b>",
    "step-back=colour:nothing;;:;shade",
    "quote-id=1;drop&t=" + "x" * 500,
    "quote-id=2147483648&cart-item=99999999999999",
    "step-back=colour:red|<b>:x|" + "shade:small|" * 200 + "drop:<i>",
    "steps-ahead=colour:red|shade:" + "x" * 5000,
])
def test_what_does_not_belong_into_an_address_is_dropped(lamp: Offer, query: str) -> None:
    written = replace(read(lamp, query), offered="").query()
    assert "<" not in written
    assert "drop" not in written and "quote-id" not in written and "cart-item" not in written
    assert len(written) < 200
