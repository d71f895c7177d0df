"""What another revision of a price list changes: items, tax, currency and basis, word for word."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from catalog.content import Text
from catalog.price import Basis, PriceItemContent, PriceListContent
from solver.configuration.problem import GroupId, OptionId


@dataclass(frozen=True, slots=True)
class ItemTerms:
    """What an item charges and when: formulas as they are written, in major units."""

    amount: str
    cost: str | None
    when: str | None
    chosen: tuple[GroupId, OptionId] | None


@dataclass(frozen=True, slots=True)
class ItemChange:
    """An item that charges something else from now on; `old` or `new` is None where there is no such item."""

    id: str
    name: Text
    old: ItemTerms | None
    new: ItemTerms | None


@dataclass(frozen=True, slots=True)
class TaxChange:
    """The rate of a country in percent; None where the list does not serve it."""

    country: str
    old: str | None
    new: str | None


@dataclass(frozen=True, slots=True)
class PriceChanges:
    """The two lists' currencies and bases, and what differs between them; the items in the order of the lists."""

    currencies: tuple[str, str]
    bases: tuple[Basis, Basis]
    items: tuple[ItemChange, ...]
    tax: tuple[TaxChange, ...]

    @property
    def any(self) -> bool:
        """Whether anything is charged otherwise."""
        same = self.currencies[0] == self.currencies[1] and self.bases[0] == self.bases[1]
        return bool(self.items or self.tax) or not same


def price_changes(old: PriceListContent, new: PriceListContent) -> PriceChanges:
    """What the new revision of a price list changes of the old one. An item is known by its id."""
    countries = dict.fromkeys((*old.tax, *new.tax))
    return PriceChanges(
        (old.currency, new.currency),
        (old.basis, new.basis),
        tuple(_items(old, new)),
        tuple(
            TaxChange(country, old.tax.get(country), new.tax.get(country))
            for country in countries if old.tax.get(country) != new.tax.get(country)
        ),
    )  # fmt: skip


def _items(old: PriceListContent, new: PriceListContent) -> Iterator[ItemChange]:
    before, after = ({item.id: item for item in one.items} for one in (old, new))
    for name in dict.fromkeys((*after, *before)):
        was, becomes = before.get(name), after.get(name)
        terms = tuple(None if item is None else _terms(item) for item in (was, becomes))
        if terms[0] != terms[1]:
            named = becomes or was
            assert named is not None
            yield ItemChange(name, named.name, *terms)


def _terms(item: PriceItemContent) -> ItemTerms:
    return ItemTerms(item.amount, item.cost, item.when, item.chosen)
