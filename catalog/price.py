"""Configuration -> itemised price and cost in integer minor units; price lists and their tax."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from fractions import Fraction
from functools import cached_property
from typing import Annotated, Any

from pydantic import Field as Bound
from sqlalchemy import JSON
from sqlmodel import Field

from catalog.content import Code, Content, Formula, Text, as_fraction, parsed
from catalog.products import RevisionStatus
from catalog.reckon import Reckoning
from catalog.rows import CompanyRow, UtcDateTime, company_keys, revision_checks, unique_in_company
from catalog.state import formula_of, names_asked
from solver.configuration.problem import ConfigurationProblem, GroupId, OptionId, ParameterId, Variant
from solver.configuration.rules import DividedByZero, Each, Exact, Expression, names_in, value, walk

Percent = Annotated[str, Bound(pattern=r"^\d{1,2}(\.\d{1,4})?$")]
Country = Annotated[str, Bound(pattern=r"^[A-Z]{2}$")]  # ISO 3166-1 alpha-2


class Basis(StrEnum):
    """Whether the amounts of a price list are before or after tax."""

    NET = "net"
    GROSS = "gross"


class TaxReason(StrEnum):
    """Why this rate."""

    STANDARD = "standard"
    ZERO_RATED = "zero_rated"


class CountryNotServed(ValueError):
    """The price list has no tax rate for this country."""

    def __init__(self, country: str) -> None:
        super().__init__(f"No tax rate for {country}.")
        self.country = country


class PriceItemContent(Content):
    """One line of a price: charged when `option` is chosen and `when` holds. Amount and cost in major units."""

    id: Code
    name: Text
    amount: Formula
    cost: Formula | None = None
    when: Formula | None = None
    option: Annotated[str, Bound(pattern=r"^[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*$")] | None = None  # group.option

    @property
    def chosen(self) -> tuple[GroupId, OptionId] | None:
        """The option that this item is for."""
        if self.option is None:
            return None
        group, option = self.option.split(".")
        return GroupId(group), OptionId(option)


class PriceListContent(Content):
    """Prices of one product in one currency; `exponent`: digits of the minor unit (ISO 4217)."""

    code: Code
    product: Code
    currency: Annotated[str, Bound(pattern=r"^[A-Z]{3}$")]
    exponent: Annotated[int, Bound(ge=0, le=4)] = 2
    basis: Basis
    tax: Annotated[dict[Country, Percent], Bound(min_length=1)]
    items: Annotated[tuple[PriceItemContent, ...], Bound(min_length=1)]

    @cached_property
    def prepared(self) -> "tuple[_Prepared, ...]":
        """The items with parsed formulas; constant ones are already rounded."""
        return tuple(_prepare(item, self.exponent) for item in self.items)


class PriceList(CompanyRow, table=True):
    """The prices of a product, through all their revisions."""

    __tablename__ = "price_list"
    __table_args__ = company_keys(unique_in_company("code"), product_id="product")

    code: str = Field(max_length=40)
    product_id: int


class PriceListRevision(CompanyRow, table=True):
    """One state of a price list; immutable once published."""

    __tablename__ = "price_list_revision"
    __table_args__ = company_keys(
        unique_in_company("price_list_id", "number"), *revision_checks(), price_list_id="price_list"
    )

    price_list_id: int
    number: int
    status: str = Field(default=RevisionStatus.DRAFT, max_length=20)
    published_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    content: dict[str, Any] = Field(sa_type=JSON)
    sha256: str = Field(max_length=64)


@dataclass(frozen=True, slots=True)
class PriceItem:
    """One line of a price, in minor units of the price's currency and on the basis of its price list."""

    id: str
    name: Text
    amount_minor: int


@dataclass(frozen=True, slots=True)
class Price:
    """What a variant costs a buyer, in minor units. `rate` is the tax in percent, as the price list writes it."""

    items: tuple[PriceItem, ...]
    net: int
    tax: int
    gross: int
    rate: str
    tax_reason: TaxReason
    basis: Basis
    currency: str
    exponent: int


@dataclass(frozen=True, slots=True)
class _Prepared:
    item: PriceItemContent
    chosen: tuple[GroupId, OptionId] | None
    when: Expression | None
    amount: Expression
    constant: int | None  # minor units, if the amount names nothing


def round_half_up(amount: Exact, exponent: int = 0) -> int:
    """The nearest integer to the amount times 10^exponent; a half goes away from zero, so that refunds are exact."""
    above, below = abs(amount.numerator) * int(10**exponent), amount.denominator
    size = (2 * above + below) // (2 * below)
    return size if amount >= 0 else -size


def quote_price(content: PriceListContent, problem: ConfigurationProblem, variant: Variant, *, country: str) -> Price:
    """The itemised price of a complete, valid variant for a buyer in `country`.

    Every amount is an exact rational until it is rounded, once an item, half up. Tax is rounded once, on the total.
    Raises CountryNotServed.
    """
    rate_text = content.tax.get(country)
    if rate_text is None:
        raise CountryNotServed(country)
    items = tuple(_charged(content, Reckoning(problem, variant)))
    net, tax, gross = _with_tax(sum(item.amount_minor for item in items), as_fraction(rate_text), content.basis)
    reason = TaxReason.STANDARD if as_fraction(rate_text) else TaxReason.ZERO_RATED
    return Price(items, net, tax, gross, rate_text, reason, content.basis, content.currency, content.exponent)


def taxed_like(goods: Price, item: PriceItem) -> Price:
    """The price of something that goes along with the goods, such as their delivery: on their basis, at their rate."""
    net, tax, gross = _with_tax(item.amount_minor, as_fraction(goods.rate), goods.basis)
    return replace(goods, items=(item,), net=net, tax=tax, gross=gross)


def gross_of(content: PriceListContent, total: int, *, country: str) -> int:
    """What a buyer in `country` pays if the items come to `total` minor units. Raises CountryNotServed."""
    rate_text = content.tax.get(country)
    if rate_text is None:
        raise CountryNotServed(country)
    return _with_tax(total, as_fraction(rate_text), content.basis)[2]


def groups_priced(content: PriceListContent, problem: ConfigurationProblem) -> tuple[frozenset[str], ...]:
    """For each price item, the groups, parameters and texts that decide whether it is charged and how much it is."""
    return tuple(_subjects(prepared, problem) for prepared in _prepared(content, problem))


def amount_of_item(content: PriceListContent, position: int, asked: Reckoning) -> int:
    """What the item at this position charges for a variant, in minor units; 0 if it does not apply.

    Only what `groups_priced` names for the item has to be in the variant.
    """
    return _amount(content.prepared[position], asked, content.exponent) or 0


def quote_cost(content: PriceListContent, problem: ConfigurationProblem, variant: Variant) -> int:
    """What the variant costs the company, in minor units, each item rounded once; items without a cost count 0."""
    asked = Reckoning(problem, variant)
    charged = (p.item for p in content.prepared if p.item.cost is not None and _applies(p, asked))
    return sum(round_half_up(asked.value(str(item.cost)), content.exponent) for item in charged)


def additive_costs(
    content: PriceListContent, problem: ConfigurationProblem
) -> Mapping[tuple[GroupId, OptionId] | ParameterId, int]:
    """What an option, or one more of a parameter, adds to the price by itself, in minor units.

    Exact where every item depends on one group of at most one option, on one option of any group, or linearly on one
    parameter; items that depend on more are left out, and there it is the start for a search of the cheapest.
    """
    costs: dict[tuple[GroupId, OptionId] | ParameterId, int] = {}
    for prepared in _prepared(content, problem):
        for key, added in _alone(prepared, problem, content.exponent):
            if added:
                costs[key] = costs.get(key, 0) + added
    return costs


def _alone(
    prepared: "_Prepared", problem: ConfigurationProblem, exponent: int
) -> Iterable[tuple[tuple[GroupId, OptionId] | ParameterId, int]]:
    """What the item adds for each option of the one group that it depends on, or for one more of its parameter."""
    subjects = _subjects(prepared, problem)
    if len(subjects) != 1:
        return
    subject = next(iter(subjects))
    group = problem.group_by_id.get(GroupId(subject))
    parameter = problem.parameter_by_id.get(ParameterId(subject))
    if group is not None and group.minimum == group.maximum == 1:
        nothing = _charge(prepared, problem, Variant({group.id: frozenset()}), exponent) if group.when else 0
        for option in group.options:
            charge = _charge(prepared, problem, Variant({group.id: frozenset((option,))}), exponent)
            yield (group.id, option), round_half_up(charge - nothing)
    elif group is not None and prepared.chosen is not None and prepared.constant is not None and prepared.when is None:
        yield prepared.chosen, prepared.constant
    elif parameter is not None and prepared.when is None and len(parameter.asked) > 1:
        ends = parameter.asked[0], parameter.asked[-1]
        low, high = (_charge(prepared, problem, Variant({}, {parameter.id: end}), exponent) for end in ends)
        yield parameter.id, round_half_up((high - low) / (ends[1] - ends[0]))


def _charge(prepared: "_Prepared", problem: ConfigurationProblem, variant: Variant, exponent: int) -> Fraction:
    """What the item charges, not rounded; 0 if it does not apply, or cannot be said."""
    asked = Reckoning(problem, variant)
    try:
        return Fraction(asked.value(prepared.item.amount)) * 10**exponent if _applies(prepared, asked) else Fraction(0)
    except DividedByZero:
        return Fraction(0)


def _subjects(prepared: "_Prepared", problem: ConfigurationProblem) -> frozenset[str]:
    """The groups, parameters and texts that the item depends on."""
    found = names_asked(problem, prepared.amount, *(() if prepared.when is None else (prepared.when,)))
    return found if prepared.chosen is None else found | {str(prepared.chosen[0])}


@dataclass(frozen=True, slots=True)
class _Nothing:
    """Answers for what asks nothing."""

    def member(self, group: str, name: str) -> bool | int:
        raise KeyError(group)

    def parameter(self, name: str) -> int:
        raise KeyError(name)

    def text(self, name: str) -> str:
        return ""


def _prepare(item: PriceItemContent, exponent: int) -> _Prepared:
    amount = parsed(item.amount)
    constant = None if not _asks_nothing(amount) else round_half_up(value(amount, _Nothing()), exponent)
    return _Prepared(item, item.chosen, parsed(item.when) if item.when else None, amount, constant)


def _asks_nothing(formula: Expression) -> bool:
    return not names_in(formula) and not any(isinstance(part, Each) for part in walk(formula))


def _prepared(content: PriceListContent, problem: ConfigurationProblem) -> Iterable[_Prepared]:
    """The items as this problem's product means them: what asks a component asks all its instances."""
    return (_prepared_item(one, problem) for one in content.prepared)


def _prepared_item(prepared: _Prepared, problem: ConfigurationProblem) -> _Prepared:
    item = prepared.item
    amount = formula_of(problem, item.amount)
    when = None if not item.when else formula_of(problem, item.when)
    if amount is prepared.amount and when is prepared.when:
        return prepared
    return replace(prepared, amount=amount, when=when)


def _applies(prepared: _Prepared, asked: Reckoning) -> bool:
    if prepared.chosen is not None:
        group, option = prepared.chosen
        if option not in asked.variant.chosen[group]:
            return False
    return not prepared.item.when or asked.holds(prepared.item.when)


def _charged(content: PriceListContent, asked: Reckoning) -> Iterable[PriceItem]:
    for prepared in content.prepared:
        amount = _amount(prepared, asked, content.exponent)
        if amount is not None:
            yield PriceItem(prepared.item.id, prepared.item.name, amount)


def _amount(prepared: _Prepared, asked: Reckoning, exponent: int) -> int | None:
    """What the item charges, in minor units; None if it does not apply."""
    if not _applies(prepared, asked):
        return None
    if prepared.constant is not None:
        return prepared.constant
    return round_half_up(asked.value(prepared.item.amount), exponent)


def _with_tax(total: int, percent: Fraction, basis: Basis) -> tuple[int, int, int]:
    """Net, tax and gross of a total: tax = net * rate, or gross * rate / (1 + rate); always net + tax = gross."""
    rate = percent / 100
    if basis is Basis.NET:
        tax = round_half_up(total * rate)
        return total, tax, total + tax
    tax = round_half_up(total * rate / (1 + rate))
    return total - tax, tax, total
