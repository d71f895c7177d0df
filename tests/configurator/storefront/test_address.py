"""The address says everything that was chosen, and one step back."""

from __future__ import annotations

from urllib.parse import parse_qsl

import pytest

from catalog.offer import Offer
from configurator.storefront.address import Address, read_address


def read(offer: Offer, query: str) -> Address:
    pairs = dict(parse_qsl(query, keep_blank_values=True))
    return read_address(offer, pairs, countries=("CN", "DE"), country="CN").address


def test_an_address_reads_back_as_it_was_written(lamp: Offer) -> None:
    address = Address("lamp", {"shade": "large", "feet": "felt,-rubber", "height": "25"}, "DE", "tok", quote_id="7")
    address = address.choose("colour", "blue")
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


def test_without_a_step_back_the_newest_choice_goes() -> None:
    assert dict(Address("lamp", {"colour": "red", "shade": "large"}).back().choices) == {"colour": "red"}
    assert not Address("lamp").can_go_back


def test_one_step_back_restores_the_words_that_were_typed() -> None:
    address = Address("lamp", {"colour": "red"}, token="old").with_token("new")
    assert address.back().token == "old"


def test_names_that_the_catalog_does_not_have_are_told(lamp: Offer) -> None:
    query = {"colour": "puce", "wheels": "4", "shade": "large", "height": "tall", "ship-to": "XX", "lang": "zh"}
    reading = read_address(lamp, query, countries=("CN", "DE"), country="CN")
    assert reading.gone == ("colour=puce", "height=tall", "wheels")
    assert reading.address.choices == {"shade": "large"}
    assert reading.address.country == "CN"


@pytest.mark.parametrize("query", [
    "step-back=<script>:x;colour:\"><b>",
    "step-back=colour:nothing;;:;shade",
    "quote-id=1;drop&t=" + "x" * 500,
])
def test_what_does_not_belong_into_an_address_is_dropped(lamp: Offer, query: str) -> None:
    written = read(lamp, query).query()
    assert "<" not in written
    assert "drop" not in written
    assert len(written) < 200
