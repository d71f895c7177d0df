"""What a new revision would make of prices: the total of presets, open quotes and saved configurations, old and new."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from itertools import islice
from typing import Final

from catalog.content import Text
from catalog.price import PriceListContent, additive_costs, quote_price
from catalog.products import ProductContent
from catalog.state import default_decisions, preset_decisions
from configurator.modelling.effects import Document, everything, has
from solver.configuration.compile import CompiledProblem
from solver.configuration.complete import CostsByOption, complete
from solver.configuration.explain import Conflicting
from solver.configuration.problem import Choose, ConfigurationProblem, Decision, Variant
from solver.configuration.question import Clock, OutOfTime
from solver.configuration.rules import DividedByZero

SAMPLE: Final = 100  # documents, the newest
_ONE: Final = 2.0  # seconds for one of them


class TotalKind(StrEnum):
    """What a total is of."""

    PRESET = "preset"
    QUOTE = "quote"
    SAVED = "saved"


@dataclass(frozen=True)
class Priced:
    """One of the two revisions: product, what it compiles to, and its prices."""

    product: ProductContent
    compiled: CompiledProblem
    prices: PriceListContent

    @cached_property
    def costs(self) -> CostsByOption:
        """What options and numbers add to the price by themselves."""
        return additive_costs(self.prices, self.compiled.problem)


@dataclass(frozen=True, slots=True)
class Total:
    """Gross, in minor units of each revision's currency. `name`: of a preset; `number`: of a quote that was sent."""

    kind: TotalKind
    old: int
    new: int
    name: Text | None = None
    number: str | None = None
    revision: int | None = None
    created_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Totals:
    """The sample's totals for a buyer in `country`; how many of it the new revision does not allow (or one of the two
    cannot price), and how many time did not settle.
    """

    country: str
    totals: tuple[Total, ...]
    without: int
    unsettled: int


def totals(
    old: Priced,
    new: Priced,
    documents: Sequence[Document],
    *,
    seconds: float = 10.0,
    stop: Callable[[], bool] = lambda: False,
) -> Totals | None:
    """Old and new totals of presets and of documents that are complete; None if no country is served by both lists.

    What the new revision asks beside is answered by its defaults, then as cheaply as can be.
    """
    country = next((country for country in new.prices.tax if country in old.prices.tax), None)
    if country is None:
        return None
    clock = Clock.of(seconds)
    found: list[Total] = []
    seen = unsettled = 0
    for begun, variant in _sample(old, documents):
        seen += 1
        if clock.left <= 0 or stop():
            unsettled += 1
            continue
        try:
            both = _total(old, variant, country), _total(new, variant, country)
        except OutOfTime:
            unsettled += 1
        except (Conflicting, DividedByZero, _Gone):
            continue
        else:
            found.append(replace(begun, old=both[0], new=both[1]))
    return Totals(country, tuple(found), seen - unsettled - len(found), unsettled)


class _Gone(Exception):
    """A revision does not have something that a variant has."""


def _sample(old: Priced, documents: Sequence[Document]) -> Iterator[tuple[Total, Variant]]:
    """What is to be priced, and who it is: its totals are not known yet."""
    for preset in old.product.presets:
        try:
            variant = _completed(old, preset_decisions(old.product, preset.id))
        except (OutOfTime, Conflicting):
            continue
        yield Total(TotalKind.PRESET, 0, 0, name=preset.name), variant
    complete_ones = ((one, one.variant) for one in documents if one.variant is not None)
    for one, variant in islice(complete_ones, SAMPLE):
        kind = TotalKind(one.kind)
        yield Total(kind, 0, 0, number=one.number, revision=one.revision, created_at=one.created_at), variant


def _total(priced: Priced, variant: Variant, country: str) -> int:
    problem, decisions = priced.compiled.problem, everything(variant)
    if not all(has(problem, decision) for decision in decisions):
        raise _Gone
    same = replace(_completed(priced, (*decisions, *_left(problem, variant))), texts=variant.texts)
    return quote_price(priced.prices, problem, same, country=country).gross


def _left(problem: ConfigurationProblem, variant: Variant) -> Iterator[Decision]:
    """What the variant does not have of the questions whose answers may be none or several."""
    for name, options in variant.chosen.items():
        group = problem.group_by_id.get(name)
        if group is not None and not group.exactly_one and not (group.single and options):
            yield from (Choose(name, option, chosen=False) for option in group.options if option not in options)


def _completed(priced: Priced, decisions: Sequence[Decision]) -> Variant:
    wished = default_decisions(priced.product)
    return complete(priced.compiled, decisions, prefer=wished, costs=priced.costs, seconds=_ONE)
