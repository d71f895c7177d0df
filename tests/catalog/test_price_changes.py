"""What another revision of a price list charges otherwise."""

from __future__ import annotations

import pytest

from catalog.load import read_file
from catalog.price import Basis, PriceListContent
from catalog.price_changes import ItemTerms, TaxChange, price_changes
from solver.configuration.problem import GroupId, OptionId
from tests.catalog.small import LAMP


def prices(*changes: tuple[str, str]) -> PriceListContent:
    text = LAMP
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    found = read_file(text).prices
    assert found is not None
    return found


BLUE = "- {id: blue, option: colour.blue, name: {zh: 蓝, en: Blue}, amount: 5, cost: 2}"


@pytest.mark.parametrize(
    ("change", "item", "old", "new"),
    [
        (("amount: 5, cost: 2", "amount: 7, cost: 2"), "blue", "5 2 None", "7 2 None"),
        (("amount: 5, cost: 2", "amount: 5, cost: 3"), "blue", "5 2 None", "5 3 None"),  # what it costs us
        (("0.125 * height", "0.25 * height"), "tall", "0.125 * height None None", "0.25 * height None None"),
        (("length(label) > 0", "length(label) > 1"), "label",
         "3 + 0.5 * length(label) None length(label) > 0", "3 + 0.5 * length(label) None length(label) > 1"),
        ((f"    {BLUE}\n", ""), "blue", "5 2 None", None),
    ],
)  # fmt: skip
def test_an_item_that_charges_otherwise_is_told_with_both_terms(
    change: tuple[str, str], item: str, old: str, new: str | None
) -> None:
    def said(terms: ItemTerms | None) -> str | None:
        return None if terms is None else f"{terms.amount} {terms.cost} {terms.when}"

    (one,) = price_changes(prices(), prices(change)).items
    assert (one.id, said(one.old), said(one.new)) == (item, old, new)
    (back,) = price_changes(prices(change), prices()).items
    assert (said(back.old), said(back.new)) == (new, old)


def test_an_item_for_another_option_is_another_price() -> None:
    (one,) = price_changes(prices(), prices(("option: colour.blue", "option: colour.red"))).items
    assert one.old is not None and one.old.chosen == (GroupId("colour"), OptionId("blue"))
    assert one.new is not None and one.new.chosen == (GroupId("colour"), OptionId("red"))


def test_another_name_is_no_other_price_and_tax_currency_and_basis_are() -> None:
    same = price_changes(prices(), prices(("name: {zh: 高度, en: Height}, amount", "name: {zh: 高, en: High}, amount")))
    assert not same.any
    other = price_changes(prices(), prices(('CN: "13"', 'CH: "8.1"'), ("basis: gross", "basis: net")))
    assert other.tax == (TaxChange("CN", "13", None), TaxChange("CH", None, "8.1"))
    assert other.bases == (Basis.GROSS, Basis.NET) and other.any and not other.items
    assert price_changes(prices(), prices(("currency: EUR", "currency: CHF"))).any
