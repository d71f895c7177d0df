"""Configurations side by side in words: what differs first, each with its drawing, price, date and way on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from babel.numbers import get_currency_symbol
from flask_babel import get_locale
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from markupsafe import Markup

from catalog.content import unit_in
from catalog.offer import Offer
from catalog.products import GroupContent, NeedContent, ParameterContent
from catalog.state import preset_decisions
from configurator.i18n import day, money, number
from configurator.sales.choices import readable_choices
from configurator.sales.configurations import query_of
from configurator.storefront.address import Address, compact
from configurator.storefront.drawings import draw
from configurator.storefront.present import date_difference, href, joined, price_difference, said
from configurator.storefront.start import Aim, Column, Wanted

_IN_TITLE = 2  # answers
AIMS = {
    Aim.NEAREST: _l("Nearest to what you need"),
    Aim.CHEAPEST: _l("Cheapest"),
    Aim.SOONEST: _l("Soonest"),
    Aim.MOST_CHOSEN: _l("Most chosen"),
}


@dataclass(frozen=True, slots=True)
class ColumnView:
    """A configuration as a column.

    `aims`: what it is the best at; `over`: by how much it misses what was wanted; `let_go`: the page without it.
    """

    title: str
    aims: tuple[str, ...]
    drawing: Markup
    price: str
    price_difference: str
    date: str
    date_difference: str
    over: tuple[str, ...]
    href: Markup
    let_go: Markup | None


@dataclass(frozen=True, slots=True)
class RowView:
    """A question with its answer in each column ("" where it is not asked). `differs`: not all are alike."""

    name: str
    answers: tuple[str, ...]
    differs: bool


@dataclass(frozen=True, slots=True)
class Table:
    """Columns, and rows: those that differ first."""

    columns: tuple[ColumnView, ...]
    rows: tuple[RowView, ...]

    @property
    def different(self) -> int:
        """How many rows differ."""
        return sum(row.differs for row in self.rows)


@dataclass(frozen=True, slots=True)
class NeedView:
    """A question of need as a field: options to pick from, or a number with its limits and what is wrong with it."""

    id: str
    name: str
    help: str
    options: tuple[tuple[str, str], ...]
    value: str
    unit: str
    minimum: int | None
    maximum: int | None
    step: int
    error: str = ""


def table_of(
    offer: Offer, columns: Sequence[Column], address: Address, path: str, lang: str, wanted: Wanted | None = None
) -> Table:
    """Columns with their rows, the differences of price and date against the first."""
    views = tuple(
        _column(offer, place, column, columns[0], address, path, lang, wanted) for place, column in enumerate(columns)
    )
    names: dict[str, str] = {}
    said: list[dict[str, str]] = []
    for column in columns:
        mine: dict[str, str] = {}
        for choice in readable_choices(offer.product, column.variant):
            names.setdefault(choice.id, choice.question_in(lang))
            mine[choice.id] = choice.answer_in(lang)
        said.append(mine)
    order = [one.id for kind in (offer.product.groups, offer.product.parameters) for one in kind]  # type: ignore[attr-defined]
    rows = []
    for name in sorted(names, key=lambda name: order.index(name) if name in order else len(order)):
        answers = tuple(mine.get(name, "") for mine in said)
        rows.append(RowView(names[name], answers, len(set(answers)) > 1))
    return Table(views, tuple(sorted(rows, key=lambda row: not row.differs)))


def _column(
    offer: Offer, place: int, column: Column, first: Column, address: Address, path: str, lang: str,
    wanted: Wanted | None,
) -> ColumnView:
    price, when = column.price, column.date
    aims = tuple(str(AIMS[aim]) for aim in column.aims)
    later, chosen = "", compact(query_of(column.decisions))
    if place and when and first.date and when.arrives_on != first.date.arrives_on:
        later = date_difference(when.arrives_on, first.date.arrives_on)
    return ColumnView(
        aims[0] if aims else _title(offer, column, lang), aims[1:],
        draw(offer.product, column.variant, lang), money(price.gross, price.currency, price.exponent),
        price_difference(price.gross - first.price.gross, price.currency, price.exponent) if place else "",
        day(when.arrives_on) if when else _("No date can be given"), later,
        tuple(_over(column, wanted)) if wanted is not None else (),
        href(path, address.with_choices(query_of(column.decisions))),
        href(f"{path}/compare", address.letting_go(chosen)) if chosen in address.beside else None,
    )


def _title(offer: Offer, column: Column, lang: str) -> str:
    """A configuration by the preset that it is, or else by what was chosen first of it."""
    for preset in offer.product.presets:
        if set(preset_decisions(offer.product, preset.id)) == set(column.decisions):
            return getattr(preset.name, lang)  # type: ignore[no-any-return]
    answers = [said(offer, decision, lang)[1] for decision in column.decisions[:_IN_TITLE]]
    return joined(answers, lang) + (" …" if len(column.decisions) > _IN_TITLE else "") or _("As we suggest it")


def _over(column: Column, wanted: Wanted) -> list[str]:
    found = []
    price, when = column.price, column.date
    if wanted.budget is not None and price.gross > wanted.budget:
        more = money(price.gross - wanted.budget, price.currency, price.exponent)
        found.append(_("%(amount)s above your budget", amount=more))
    if wanted.by is not None and when is not None and when.arrives_on > wanted.by:
        found.append(date_difference(when.arrives_on, wanted.by))
    return found


def missed_of(wanted: Wanted) -> str:
    """That nothing fits, and what comes instead."""
    if wanted.budget is not None and wanted.by is not None:
        return _("Nothing keeps to both budget and day. This is what comes nearest:")
    if wanted.by is not None:
        return _("Nothing arrives by that day. This is what comes nearest:")
    return _("Nothing is within that budget. This is what comes nearest:")


def needs_of(offer: Offer, query: dict[str, str], lang: str) -> tuple[NeedView, ...]:
    """The questions of need, with what was answered."""
    return tuple(_need(offer, need, query, lang) for need in offer.product.needs)


def _need(offer: Offer, need: NeedContent, query: dict[str, str], lang: str) -> NeedView:
    product = offer.product
    if need.name is not None:
        options = tuple((answer.id, getattr(answer.name, lang)) for answer in need.answers)
        name = f"need-{need.id}"
        return NeedView(name, getattr(need.name, lang), "", options, query.get(name, ""), "", None, None, 1)
    asked: GroupContent | ParameterContent | None = next((g for g in product.groups if g.id == need.id), None)
    if isinstance(asked, GroupContent):
        options = tuple((option.id, getattr(option.name, lang)) for option in asked.options)
        words = getattr(asked.help, lang) if asked.help else ""
        return NeedView(need.id, getattr(asked.name, lang), words, options, query.get(need.id, ""), "", None, None, 1)
    parameter = product.parameter(need.id)
    words, typed = getattr(parameter.help, lang) if parameter.help else "", query.get(need.id, "")
    return NeedView(
        need.id, getattr(parameter.name, lang), words, (), typed, unit_in(parameter.unit, lang),
        parameter.minimum, parameter.maximum, parameter.step_size, _number_fault(parameter, typed),
    )


def _number_fault(parameter: ParameterContent, typed: str) -> str:
    """What is wrong with what was typed for a number; nothing if it can be entered, or was left out."""
    low, high, step = parameter.minimum, parameter.maximum, parameter.step_size
    try:
        value = int(typed) if typed.strip() else low
    except ValueError:
        value = high + 1
    if value in range(low, high + 1, step):
        return ""
    if low < value < high:
        below = value - (value - low) % step
        return _(
            "%(below)s or %(above)s, please: it goes in steps of %(step)s.",
            below=number(below), above=number(below + step), step=number(step),
        )
    if step == 1:
        return _("A whole number from %(low)s to %(high)s, please.", low=number(low), high=number(high))
    return _(
        "A number from %(low)s to %(high)s in steps of %(step)s, please.",
        low=number(low), high=number(high), step=number(step),
    )


def faults_of(query: dict[str, str], budget: int | None, by: date | None, today: date) -> dict[str, str]:
    """By field, what is wrong with the budget and the day that were typed. `today`: the first that is no past one."""
    found = {}
    if query.get("budget-most", "").strip() and budget is None:
        found["budget-most"] = _("An amount, please, such as 4500 or 4,500.50; leave it empty for any.")
    if query.get("arrives-by", "").strip() and by is None:
        found["arrives-by"] = _("A day, please, such as %(day)s; leave it empty for any.", day="2027-03-31")
    elif by is not None and by < today:
        found["arrives-by"] = _("That day is over. Choose today or a later one, or leave it empty for any.")
    return found


def budget_of(text: str, exponent: int) -> int | None:
    """An amount as it was typed, in minor units; None if it is none."""
    plain = text.replace(",", "").replace(" ", "")
    if not plain or len(plain) > 12 or not plain.replace(".", "", 1).isdigit() or not plain.isascii():
        return None
    whole, _dot, part = plain.partition(".")
    return int(whole or 0) * 10**exponent + int(part[:exponent].ljust(exponent, "0") or 0)


def currency_symbol(currency: str) -> str:
    """How a currency is written in the request's language: `CN¥`, `¥`."""
    return get_currency_symbol(currency, locale=str(get_locale() or "en"))


def day_of(text: str) -> date | None:
    """A day as a date field sends it; None if it is none."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
