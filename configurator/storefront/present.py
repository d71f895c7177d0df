"""An answer in words: what the configuring page and its part show, ready for the template, in one language."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cached_property, lru_cache
from math import ceil, floor
from urllib.parse import quote

from babel import Locale
from babel.numbers import format_currency
from flask_babel import get_locale, ngettext
from flask_babel import gettext as _
from markupsafe import Markup

from catalog.content import Text, amount_in, unit_in
from catalog.offer import Offer
from catalog.products import FileKind, GroupContent, ParameterContent, ProductContent, TextContent, UploadContent
from catalog.state import preset_decisions, text_limits, upload_asked
from catalog.uploads import ENDINGS, NotTaken, sent_file, size_words
from configurator.i18n import day, language, money, number
from configurator.sales.configurations import query_of
from configurator.sales.payment_terms import Assurance
from configurator.storefront.address import MOST_BESIDE, SHIP_TO, STEPS_AHEAD, STEPS_BACK, Address
from configurator.storefront.drawings import draw
from configurator.storefront.hints import Difference, Pair
from configurator.storefront.pictures import picture_address
from configurator.storefront.service import (
    Click,
    Hints,
    News,
    Refusal,
    RepairOffer,
    countries,
    hints,
    is_never,
    numbers_ever,
    preset_price,
    text_allowed,
)
from solver.configuration.check import answers, is_asked
from solver.configuration.problem import Decision, Enter, GroupId, OptionId, ParameterId, Variant
from solver.configuration.question import Interval
from solver.configuration.rules import Expression
from solver.configuration.session import OptionState

SHOWN_CHANGES = 2  # names of what else an option would change, before the others are counted


@dataclass(frozen=True, slots=True)
class Card:
    """An option as a card. `state`: chosen, implied, suggested, open, excluded, unwanted or unknown.

    `date`: how much later or earlier it would arrive; `waiting`: that is not known yet. `picture`: its address.
    """

    id: str
    href: Markup
    state: str
    name: str
    benefit: str
    swatch: str
    price: str
    note: str
    also: str
    spoken: str
    date: str
    waiting: bool
    picture: str

    @property
    def date_id(self) -> str:
        """The id of the place where its date difference stands."""
        return f"d{self.id[1:]}"


@dataclass(frozen=True, slots=True)
class Question:
    """An option group with its cards. `answer`: the name of what is chosen or suggested."""

    kind: str
    id: str
    name: str
    help: str
    open: bool
    answer: str
    benefit: str
    cards: tuple[Card, ...]
    swatches: bool
    clear: Markup | None


@dataclass(frozen=True, slots=True)
class NumberQuestion:
    """A parameter with its field.

    `allowed`: what may be entered now, in words. `before`: the buyer's own number. `error`: why what was typed
    (`value`) is none.
    """

    kind: str
    id: str
    name: str
    help: str
    open: bool
    answer: str
    value: str
    minimum: int
    maximum: int
    step: int
    unit: str
    allowed: str
    steps: tuple[tuple[str, Markup], ...]
    clear: Markup | None
    before: str
    error: str


@dataclass(frozen=True, slots=True)
class TextQuestion:
    """Words to type. `error`: what is wrong with what was typed, and what is allowed."""

    kind: str
    id: str
    name: str
    help: str
    open: bool
    answer: str
    value: str
    maximum_length: int
    error: str
    missing: str


@dataclass(frozen=True, slots=True)
class FileQuestion:
    """A file to send. `token`: of the one that was sent; `accept`: what a browser's file dialog offers."""

    kind: str
    id: str
    name: str
    help: str
    open: bool
    answer: str
    token: str
    accept: str
    allowed: str
    error: str


AnyQuestion = Question | NumberQuestion | TextQuestion | FileQuestion


@dataclass(frozen=True, slots=True)
class PartView:
    """The questions of a step that stand together: its own, or those of one instance of a component, by its name."""

    id: str
    name: str
    questions: tuple[AnyQuestion, ...]


@dataclass(frozen=True, slots=True)
class StepView:
    """A named step with its questions. `unasked`: the names of those that are not needed beside the present answers."""

    id: str
    name: str
    parts: tuple[PartView, ...]
    left: int
    summary: str
    unasked: str

    @property
    def questions(self) -> tuple[AnyQuestion, ...]:
        """All questions of the step, in the order of the page."""
        return tuple(question for part in self.parts for question in part.questions)


@dataclass(frozen=True, slots=True)
class PresetView:
    """A place to start from, with the price it leads to."""

    name: str
    benefit: str
    href: Markup
    price: str
    chosen: bool


@dataclass(frozen=True, slots=True)
class RepairView:
    """A way out of a conflict: what changes (question, old, new), and the price and date it leads to."""

    href: Markup
    changes: tuple[tuple[str, str, str], ...]
    also: tuple[tuple[str, str, str], ...]
    price: str
    price_difference: str
    date: str
    date_difference: str


@dataclass(frozen=True, slots=True)
class RefusalView:
    """A "no": the rule's sentences, what was asked, the decisions that speak against it, the ways out.

    `nearest`: no variant has what was asked, so the way out is what comes nearest to it.
    """

    asked: str
    sentences: tuple[str, ...]
    decisions: tuple[tuple[str, str], ...]
    repairs: tuple[RepairView, ...]
    nearest: bool
    keep: Markup


@dataclass(frozen=True, slots=True)
class Page:
    """Everything on the configuring page that changes with a click."""

    path: str
    product: str
    description: str
    drawing: Markup
    steps: tuple[StepView, ...]
    presets: tuple[PresetView, ...]
    price: str
    items: tuple[tuple[str, str], ...]
    totals: tuple[tuple[str, str], ...]
    tax: str
    country: str
    countries: tuple[tuple[str, str], ...]
    hidden: tuple[tuple[str, str], ...]
    date: str
    date_note: str
    earlier: bool
    has_date: bool
    left: int
    left_words: str
    first_open: str
    undo: Markup | None
    redo: Markup | None
    earlier_steps: str
    reset: Markup | None
    refusal: RefusalView | None
    news: tuple[str, ...]
    left_out: tuple[str, ...]
    query: str
    spoken: str
    arrives_on: str
    waiting: bool
    start: Markup
    complete: Markup
    keep: Markup | None
    is_kept: bool
    compare: Markup | None
    kept: int
    cart_item: str


@dataclass(frozen=True, slots=True)
class DatesView:
    """The date differences of a page's options that were not known at once: (place, words), beside that date."""

    arrives_on: str
    words: tuple[tuple[str, str], ...]


def dates_of(answered: Click, *, dates_seconds: float) -> DatesView:
    """What the page of an answer left open, and what was not known even now is left out."""
    found = hints(answered, dates_seconds=dates_seconds)
    words = (
        (f"d-{group}-{option}", _date_words(arrives, answered)) for (group, option), arrives in found.dates.items()
    )
    return DatesView(_iso(answered), tuple(words))


def _iso(answered: Click) -> str:
    return answered.date.first_date.isoformat() if answered.date else ""


def date_of_page(answered: Click) -> tuple[str, str]:
    """The day of delivery, and in words how it came about."""
    if answered.date is None:
        return _("No date can be given"), _("the factory is full")
    day_words = day(answered.date.arrives_on)
    if answered.asked is not None:
        due = day(answered.asked.due_at, answered.to.zone, year=False)
        if answered.asked.assurance is Assurance.DEPOSIT:
            return day_words, _("with the deposit paid by %(date)s", date=due)
        return day_words, _("with your mail address confirmed by %(date)s", date=due)
    return day_words, _("earlier: other orders make room") if answered.date.at_once else _("today's forecast")


def spoken_of(total: str, arrives: str, left_words: str) -> str:
    """What a screen reader says after a change."""
    return ". ".join((_("Total %(price)s", price=total), _("Delivery %(date)s", date=arrives), left_words))


def _date_words(arrives: date | None, answered: Click) -> str:
    """`2 days later` than the standing completion; nothing where there is no difference.

    An option's day is a first answer. It is later than the first answer for the standing completion, or earlier than
    the day that stands there: what lies between is not said to be either before it is thought about as well.
    """
    if arrives is None:
        return _("no date can be given") if answered.date else ""
    if answered.date is None:
        return day(arrives)
    first, shown = answered.date.first_date, answered.date.arrives_on
    if shown <= arrives <= first:
        return ""
    return date_difference(arrives, first if arrives > first else shown)


def page_of(
    answered: Click,
    address: Address,
    path: str,
    *,
    gone: tuple[str, ...] = (),
    news: News | None = None,
    typed: Mapping[str, str] | None = None,
    faults: Mapping[str, str] | None = None,
    mistyped: Mapping[str, str] | None = None,
    dates_seconds: float = 0.0,
) -> Page:
    """The page of an answer.

    Parameters
    ----------
    address: of the answer itself: its choices hold together
    path: of the configuring page
    gone: names in the address that the catalog does not have; those that `news` has words for it says itself
    typed, faults: texts as they were typed, and what is wrong with them, where a form comes back
    mistyped: what was typed for parameters and is no whole number
    dates_seconds: for the dates of the options; the others are marked as waiting
    """
    offer, lang = answered.offer, language()
    price, product = answered.price, offer.product
    hinted = hints(answered, dates_seconds=dates_seconds)
    words = _Words(
        answered, address, path, hinted, lang, typed or answered.standing.texts, faults or {}, mistyped or {}
    )
    steps = tuple(words.steps())
    left = sum(step.left for step in steps)
    total = _money(price.gross, price.currency, price.exponent)
    arrives, date_note = date_of_page(answered)
    left_words = (
        ngettext("%(num)s question left", "%(num)s questions left", left) if left else _("Everything is answered")
    )
    return Page(
        path=path,
        product=getattr(product.name, lang),
        description=getattr(product.description, lang),
        drawing=draw(product, answered.standing, lang),
        steps=steps,
        presets=_presets(answered, address, path, lang),
        price=total,
        items=tuple(
            (getattr(item.name, lang), _money(item.amount_minor, price.currency, price.exponent))
            for item in price.items
        ),
        totals=(
            (_("Net"), _money(price.net, price.currency, price.exponent)),
            (_("Tax %(rate)s %%", rate=price.rate), _money(price.tax, price.currency, price.exponent)),
            (_("Total"), total),
        ),
        tax=_("incl. %(rate)s %% tax", rate=price.rate) if price.tax else _("no tax"),
        country=answered.country,
        countries=tuple((code, country_name(code)) for code in countries(offer)),
        hidden=tuple((name, value) for name, value in _pairs(address) if name != SHIP_TO),
        date=arrives,
        date_note=date_note,
        earlier=answered.date is not None
        and not (answered.date.at_once or answered.refusal or answered.asked or address.cart_item),
        has_date=answered.date is not None,
        left=left,
        left_words=left_words,
        first_open=next((q.id for step in steps for q in step.questions if q.open), ""),
        undo=href(path, address.back()) if address.can_go_back else None,
        redo=href(path, address.forward()) if address.ahead else None,
        earlier_steps=address.earlier_steps,
        reset=href(path, address.restarted()) if address.choices or address.token else None,
        refusal=_refusal(answered, address, path, lang),
        news=_news_words(gone, news, total, lang),
        left_out=tuple(said_as_one(offer, d, lang) for d in answered.left_out) if not answered.refusal else (),
        query=address.query(),
        spoken=spoken_of(total, arrives, left_words),
        arrives_on=_iso(answered),
        waiting=bool(hinted.waiting),
        start=href(f"{path}/start", address),
        complete=href(f"{path}/start", address) + Markup("&amp;find-start=1#found"),
        keep=href(path, address.keeping()) if len(address.beside) < MOST_BESIDE and not address.is_kept else None,
        is_kept=address.is_kept,
        compare=href(f"{path}/compare", address) if address.beside else None,
        kept=len(address.beside),
        cart_item=address.cart_item,
    )


def steps_of(
    answered: Click,
    address: Address,
    path: str,
    *,
    wishes: Mapping[Decision, int],
    typed: Mapping[str, str] | None = None,
    faults: Mapping[str, str] | None = None,
    mistyped: Mapping[str, str] | None = None,
) -> tuple[StepView, ...]:
    """The questions of an answer, for another page than the configuring one; dates of options are left out.

    `wishes`: what an option's difference stays near to, beside the product's defaults.
    """
    found = hints(answered, wishes=wishes)
    return tuple(
        _Words(
            answered, address, path, found, language(), typed or answered.standing.texts, faults or {}, mistyped or {}
        ).steps()
    )


# --- words ------------------------------------------------------------------------------------------------------------


def href(path: str, address: Address) -> Markup:
    """The link to an address."""
    return Markup(f"{path}?{address.query()}".replace("&", "&amp;"))  # noqa: S704 - codes and quoted values only


@lru_cache(maxsize=512)
def _country_name(code: str, locale: str) -> str:
    return str(Locale.parse(locale).territories.get(code, code))


def country_name(code: str) -> str:
    """A country in the request's language."""
    return _country_name(code, str(get_locale() or "en"))


@lru_cache(maxsize=4096)
def _difference(minor: int, currency: str, exponent: int, locale: str) -> str:
    amount = abs(Decimal(minor).scaleb(-exponent))
    if amount == amount.to_integral_value():
        text = format_currency(amount.to_integral_value(), currency, "¤#,##0", locale=locale, currency_digits=False)
    else:
        text = format_currency(amount, currency, locale=locale)
    return f"{'−' if minor < 0 else '+'} {text}"


@lru_cache(maxsize=4096)
def _amount(minor: int, currency: str, exponent: int, _locale: str) -> str:
    return money(minor, currency, exponent)


def _money(minor: int, currency: str, exponent: int) -> str:
    """An amount as `i18n.money` writes it; kept, because the same amounts come with every click."""
    return _amount(minor, currency, exponent, str(get_locale() or "en"))


def price_difference(minor: int, currency: str, exponent: int) -> str:
    """`+ ¥180` or `− ¥90.40`; empty where there is none."""
    return _difference(minor, currency, exponent, str(get_locale() or "en")) if minor else ""


def date_difference(new: date, old: date) -> str:
    """`2 days later`, `1 day earlier`, or that it is the same day."""
    days = (new - old).days
    if days > 0:
        return ngettext("%(num)s day later", "%(num)s days later", days)
    if days < 0:
        return ngettext("%(num)s day earlier", "%(num)s days earlier", -days)
    return _("same day")


def _news_words(gone: tuple[str, ...], news: News | None, total: str, lang: str) -> tuple[str, ...]:
    """What the catalog does not have any more, and what the configuration cost before: a sentence each."""
    words = []
    names = [said_as_one(news.offer, one, lang) for one in news.gone] if news is not None and news.gone else gone
    if names:
        words.append(_("No longer offered: %(names)s. The other choices are kept.", names=joined(names, lang)))
    if news is not None and (before := news.price) is not None:
        old = _money(before.gross, before.currency, before.exponent)
        words.append(
            _("Our catalog has changed meanwhile: this cost %(old)s before, now it costs %(new)s.", old=old, new=total)
        )
    return tuple(words)


def said(offer: Offer, decision: Decision, lang: str) -> tuple[str, str]:
    """A decision in words: the question and the answer."""
    product = offer.product
    if isinstance(decision, Enter):
        parameter = product.parameter(decision.parameter)
        return getattr(parameter.name, lang), amount_in(decision.value, parameter.unit, lang)
    group = product.group(decision.group)
    name = getattr(product.option(decision.group, decision.option).name, lang)
    return getattr(group.name, lang), name if decision.chosen else _("not %(option)s", option=name)


def said_as_one(offer: Offer, decision: Decision, lang: str) -> str:
    """A decision in one line."""
    question, answer = said(offer, decision, lang)
    return _("%(question)s: %(answer)s", question=question, answer=answer)


def text_fault_words(product: ProductContent, name: str, typed: str, fault: str) -> str:
    """What is wrong with a typed text (`service.text_fault`) and what is allowed."""
    content = next(text for text in product.texts if text.id == name)
    if fault == "too_long":
        most = max(limits.maximum_length for limits in content.limits)
        return _("At most %(number)s characters; this has %(length)s.", number=most, length=len(typed))
    if fault == "too_short":
        least = min(limits.minimum_length for limits in content.limits)
        return _("At least %(number)s characters; this has %(length)s.", number=least, length=len(typed))
    return _("Some of these characters cannot be made.")


def file_fault_words(content: UploadContent, error: NotTaken, size: int) -> str:
    """What is wrong with a file that was sent, and what is allowed."""
    allowed = _kinds_words(content)
    match error.fault:
        case "empty":
            return _("No file came, or an empty one. Allowed: %(allowed)s.", allowed=allowed)
        case "too_large":
            return _("This file has %(size)s. Allowed: %(allowed)s.", size=size_words(size), allowed=allowed)
        case "damaged":
            return _("This %(kind)s file is damaged or not complete.", kind=_KINDS[error.found or "pdf"])
        case "active":
            return _("This SVG has scripts in it or refers to other files. Save it as a plain SVG and send it again.")
    if error.found is None:
        return _("By its content, whatever its name says, this is none of these: %(allowed)s.", allowed=allowed)
    return _("By its content this is %(kind)s. Allowed: %(allowed)s.", kind=_KINDS[error.found], allowed=allowed)


def _kinds_words(content: UploadContent) -> str:
    kinds = joined((_KINDS[kind] for kind in content.kinds), language())
    return _("%(kinds)s, at most %(number)s MB", kinds=kinds, number=content.most_megabytes)


_KINDS: Mapping[FileKind, str] = {"pdf": "PDF", "png": "PNG", "jpeg": "JPEG", "svg": "SVG"}


def _pairs(address: Address) -> list[tuple[str, str]]:
    return [*address.choices.items(), *address.rest()]


def joined(names: Iterable[str], lang: str) -> str:
    """Names one after the other, as the language separates them."""
    return ("、" if lang == "zh" else ", ").join(names)


# --- the steps --------------------------------------------------------------------------------------------------------


class _Words:
    """Writes the questions of one answer."""

    def __init__(
        self, answered: Click, address: Address, path: str, hinted: Hints, lang: str, typed: Mapping[str, str],
        faults: Mapping[str, str], mistyped: Mapping[str, str],
    ) -> None:
        self.answered = answered
        self.offer = answered.offer
        self.address = address
        self.path = path
        self.hinted = hinted
        self.lang = lang
        self.typed = typed
        self.faults = faults
        self.mistyped = mistyped
        self.open_questions = frozenset(answered.domains.open_questions)
        self.asked = answers(answered.offer.problem, answered.standing)
        self.places = {name: place for place in answered.offer.product.places for name in place.questions}
        self.state_words = {
            "chosen": _("chosen"), "implied": _("follows from your choices"), "suggested": _("suggested"),
            "open": "", "excluded": _("needs another change"), "unwanted": _("not wanted"),
            "unknown": _("still being checked"),
        }
        self.locale = str(get_locale() or "en")
        self.rest = "".join(
            f"&amp;{name}={quote(value, safe='')}"
            for name, value in address.rest() if name not in (STEPS_BACK, STEPS_AHEAD)
        )
        self.earlier_steps = quote(address.earlier_steps, safe=",:;")

    def text(self, text: Text | None) -> str:
        return getattr(text, self.lang) if text is not None else ""

    def steps(self) -> Iterable[StepView]:
        product = self.offer.product
        # step -> instance of a component (None: the step's own) -> questions
        by_step: dict[str, dict[str | None, list[AnyQuestion]]] = {step.id: {None: []} for step in product.steps}
        unasked: dict[str, list[str]] = {step.id: [] for step in product.steps}
        for group in product.groups:
            if self.is_asked(self.offer.problem.group_by_id[GroupId(group.id)].when):
                self.put(by_step[group.step], self.question(group))
            elif group.id not in self.places:
                unasked[group.step].append(self.text(group.name))
        for parameter in product.parameters:
            if self.is_asked(self.offer.problem.parameter_by_id[ParameterId(parameter.id)].when):
                self.put(by_step[parameter.step], self.number(parameter))
            elif parameter.id not in self.places:
                unasked[parameter.step].append(self.text(parameter.name))
        for content in product.texts:
            if content.id not in self.places or text_allowed(self.offer, content, self.answered.standing):
                self.put(by_step[content.step], self.typed_text(content))
        for upload in product.uploads:
            if upload_asked(self.offer.problem, upload, self.answered.standing):
                self.put(by_step[upload.step], self.file(upload))
            elif upload.id not in self.places:
                unasked[upload.step].append(self.text(upload.name))
        for step in product.steps:
            places = {place.id: self.text(place.name) for place in product.places}
            parts = tuple(
                PartView(f"{step.id}-{name}" if name else step.id, places.get(name or "", ""), tuple(questions))
                for name, questions in by_step[step.id].items()
                if questions
            )
            everything = [question for part in parts for question in part.questions]
            yield StepView(
                step.id, self.text(step.name), parts, sum(q.open for q in everything),
                joined((q.answer for q in everything if q.answer), self.lang), joined(unasked[step.id], self.lang),
            )

    def is_asked(self, when: Expression | None) -> bool:
        """Whether the present answers, completed as they are shown, need the question."""
        return is_asked(when, self.asked)

    def put(self, parts: dict[str | None, list[AnyQuestion]], question: AnyQuestion) -> None:
        """Beside the other questions of its instance."""
        place = self.places.get(question.id)
        parts.setdefault(place.id if place else None, []).append(question)

    def name_of(self, question: GroupContent | ParameterContent | TextContent | UploadContent) -> str:
        """The question's name below its heading: an instance's name stands above all its questions."""
        place = self.places.get(question.id)
        return self.text(place.questions[question.id] if place else question.name)

    def option_name(self, pair: Pair) -> str:
        return self.text(self.offer.product.option(*pair).name)

    def question(self, group: GroupContent) -> Question:
        group_id = GroupId(group.id)
        states = self.answered.domains.options[group_id]
        standing = self.answered.standing.chosen[group_id]
        exactly_one = (group.minimum, group.maximum) == (1, 1)
        prefix = self._prefix(group.id)
        before = self.address.choices.get(group.id, "")
        suffix = f"{self.rest}&amp;{STEPS_BACK}={group.id}:{before}{self.earlier_steps}"
        cards = tuple(
            self.card(group, option, states[OptionId(option.id)], standing, exactly_one, prefix, suffix)
            for option in group.options
        )
        swatches = all(option.swatch for option in group.options)
        taken = [card for card in cards if card.state in ("chosen", "implied", "suggested")]
        answer = joined((card.name for card in taken), self.lang)
        # A group of several is never settled by the rules alone: it is answered once the buyer has touched it.
        left_open = group_id in self.open_questions and (
            exactly_one or (group.minimum > 0 and group.id not in self.address.choices)
        )
        return Question(
            "options", group.id, self.name_of(group), self.text(group.help), left_open, answer,
            taken[0].benefit if swatches and len(taken) == 1 else "", cards, swatches,
            href(self.path, self.address.clear(group.id)) if group.id in self.address.choices else None,
        )

    def _prefix(self, name: str) -> str:
        kept = "".join(f"{other}={value}&amp;" for other, value in self.address.choices.items() if other != name)
        return f"{self.path}?{kept}"

    def card(self, group, option, state, standing, exactly_one, prefix, suffix) -> Card:  # type: ignore[no-untyped-def]
        pair = (group.id, option.id)
        if exactly_one:
            link = Markup(f"{prefix}{group.id}={option.id}{suffix}")  # noqa: S704 - codes only
        else:
            link = href(self.path, self.address.toggle(group.id, option.id))
        shown, note, also, price, later, waiting = state.value, "", "", "", "", False
        if state is OptionState.OPEN:
            if pair in self.answered.domains.undecided:
                shown = "unknown"
            elif option.id in standing:
                shown = "suggested"
            difference = self.hinted.differences.get(pair)  # type: ignore[call-overload]
            if difference is not None:
                total = self.answered.price
                if difference.gross_minor:
                    price = _difference(difference.gross_minor, total.currency, total.exponent, self.locale)
                if changed := self.changed(difference, group.id):
                    also = _("with %(options)s", options=changed)
                if pair in self.hinted.dates:
                    later = _date_words(self.hinted.dates[pair], self.answered)  # type: ignore[index]
                else:
                    waiting = True
        elif state is OptionState.EXCLUDED:
            names = joined(map(self.option_name, self.hinted.excluded.get(pair, ())), self.lang)  # type: ignore[call-overload]
            note = _("not with %(options)s", options=names) if names else _("not with your other choices")
        elif state is OptionState.IMPLIED:
            names = joined(map(self.option_name, self.hinted.implied.get(pair, ())), self.lang)  # type: ignore[call-overload]
            note = _("because of %(options)s", options=names) if names else self.state_words["implied"]
        return Card(
            f"o-{group.id}-{option.id}", link, shown, self.text(option.name), self.text(option.benefit),
            option.swatch or "", price, note, also, self.state_words.get(shown, ""), later, waiting,
            picture_address(option.picture),
        )

    def changed(self, difference: Difference, group: str) -> str:
        """What else an option of this group would change, the first of it by name."""
        names = []
        for other, option in difference.also:
            names.append(self.option_beside((other, option), group))
        for name, value in difference.numbers:
            if value in self.offer.problem.parameter_by_id[name].asked:
                names.append(self.number_beside(self.offer.product.parameter(name), value, group))
        if len(names) > SHOWN_CHANGES + 1:
            more = _("%(num)s more", num=len(names) - SHOWN_CHANGES)
            names = [*names[:SHOWN_CHANGES], more]
        return joined(names, self.lang)

    def option_beside(self, pair: Pair, group: str) -> str:
        """An option with its question, where its own name does not say which one it answers."""
        name, asked = self.option_name(pair), self.question_beside(pair[0], group)
        if not asked and self.questions_of_name[name] > 1:
            return f"{self.text(self.offer.product.group(pair[0]).name)}: {name}"
        return f"{asked} {name}".lstrip()

    @cached_property
    def questions_of_name(self) -> Counter[str]:
        """How many questions of the product, not counting those of instances, have an option of this name."""
        return Counter(
            name for group in self.offer.product.groups if group.id not in self.places
            for name in {self.text(option.name) for option in group.options}
        )

    def question_beside(self, name: str, group: str) -> str:
        """The name of an instance's question, without the instance where the group is one of it; else nothing."""
        place = self.places.get(name)
        if place is None:
            return ""
        if place is self.places.get(group):
            return self.text(place.questions[name])
        return self.text(self.offer.product.group(name).name)

    def number_beside(self, parameter: ParameterContent, value: int, group: str) -> str:
        """A number in words: `5 shelves` speaks for itself, millimetres do not."""
        said = amount_in(value, parameter.unit, self.lang)
        place = self.places.get(parameter.id)
        own = place is not None and place is self.places.get(group)
        if isinstance(parameter.unit, Text) and (own or place is None):
            return said
        name = place.questions[parameter.id] if own and place is not None else parameter.name
        return f"{self.text(name)} {said}"

    def number(self, parameter: ParameterContent) -> NumberQuestion:
        parameter_id = ParameterId(parameter.id)
        entered, typed = self.address.choices.get(parameter.id), self.mistyped.get(parameter.id)
        standing = self.answered.standing.numbers[parameter_id]
        asked = self.offer.problem.parameter_by_id[parameter_id].asked
        # What it is where it is not asked for is no number to enter.
        spans = tuple(span for span in self.answered.domains.numbers[parameter_id] if span[0] in asked)
        value = int(entered) if entered is not None else standing
        answer = amount_in(value, parameter.unit, self.lang)
        allowed = allowed_words(parameter, spans, self.lang)
        steps, error = [], ""
        if typed is not None:
            error = _("“%(typed)s” is not possible here. Allowed: %(allowed)s.", typed=typed, allowed=allowed)
        low, high = _around(typed, value)
        for target in (_below(spans, high), _above(spans, low)):
            if target is not None:
                link = href(self.path, self.address.choose(parameter.id, str(target)))
                steps.append((amount_in(target, parameter.unit, self.lang), link))
        return NumberQuestion(
            "number", parameter.id, self.name_of(parameter), self.text(parameter.help),
            parameter_id in self.open_questions, answer, str(value) if typed is None else typed,
            parameter.minimum, parameter.maximum,
            parameter.step_size, unit_in(parameter.unit, self.lang), allowed,
            tuple(steps), href(self.path, self.address.clear(parameter.id)) if entered is not None else None,
            entered or "", error,
        )

    def typed_text(self, content: TextContent) -> TextQuestion:
        value = self.typed.get(content.id, "")
        allowed = text_allowed(self.offer, content, self.answered.standing)
        return TextQuestion(
            "text", content.id, self.name_of(content), self.text(content.help), False,
            f"“{value}”" if value and content.id not in self.faults else "", value,
            text_limits(self.offer.problem, content, self.answered.standing).maximum_length,
            self.faults.get(content.id, ""),
            "" if allowed else _("Your present choices leave no room for it."),
        )


    def file(self, content: UploadContent) -> FileQuestion:
        sent = sent_file(self.answered.standing.texts.get(content.id, ""))
        return FileQuestion(
            "file", content.id, self.name_of(content), self.text(content.help), False, str(sent or ""),
            sent.token if sent else "", ",".join(f".{end}" for kind in content.kinds for end in ENDINGS[kind]),
            _kinds_words(content), self.faults.get(content.id, ""),
        )


def allowed_words(parameter: ParameterContent, spans: Iterable[Interval], lang: str) -> str:
    """Which numbers may be entered: `800 to 2,400 mm, in steps of 1`."""
    return _("%(spans)s %(unit)s, in steps of %(step)s", spans=joined((_span(*span) for span in spans), lang),
             unit=unit_in(parameter.unit, lang), step=number(parameter.step_size))


def _span(low: int, high: int, _step: int) -> str:
    return number(low) if low == high else _("%(low)s to %(high)s", low=number(low), high=number(high))


def _around(typed: str | None, value: int) -> tuple[int, int]:
    """The whole numbers next to what was typed; of what is no number at all, and of nothing typed, the value's."""
    try:
        meant = float(typed or "")
        return floor(meant), ceil(meant)
    except (ValueError, OverflowError):
        return value, value


def _below(spans: Iterable[tuple[int, int, int]], value: int) -> int | None:
    """The largest valid number below a value."""
    best = None
    for low, high, step in spans:
        if low < value:
            best = high if high < value else low + (value - 1 - low) // step * step
    return best


def _above(spans: Iterable[tuple[int, int, int]], value: int) -> int | None:
    """The smallest valid number above a value."""
    for low, high, step in spans:
        if high > value:
            return low if low > value else low + ((value - low) // step + 1) * step
    return None


# --- presets ----------------------------------------------------------------------------------------------------------


def _presets(answered: Click, address: Address, path: str, lang: str) -> tuple[PresetView, ...]:
    offer, found = answered.offer, []
    for preset in offer.product.presets:
        choices = query_of(preset_decisions(offer.product, preset.id))
        kept = {name: value for name, value in address.choices.items() if name not in choices}
        price = preset_price(offer, preset.id, answered.country)
        found.append(
            PresetView(
                getattr(preset.name, lang), getattr(preset.benefit, lang) if preset.benefit else "",
                href(path, address.with_choices(choices | kept)),
                _money(price.gross, price.currency, price.exponent) if price else "",
                all(address.choices.get(name) == value for name, value in choices.items()),
            )
        )
    return tuple(found)


# --- a "no" -----------------------------------------------------------------------------------------------------------


def _refusal(answered: Click, address: Address, path: str, lang: str) -> RefusalView | None:
    refusal = answered.refusal
    if refusal is None:
        return None
    offer = answered.offer
    sentences = tuple(getattr(offer.product.rule(rule).text, lang) for rule in refusal.conflict.rules)
    speaks = tuple(said(offer, d, lang) for d in refusal.conflict.decisions if d != refusal.asked)
    return RefusalView(
        asked=said_as_one(offer, refusal.asked, lang),
        sentences=sentences or (_never(offer, refusal, lang) or _("This does not go with your other choices."),),
        decisions=speaks,
        repairs=tuple(_repair(answered, repair, address, path, lang) for repair in refusal.repairs),
        nearest=all(change.old == refusal.asked for one in refusal.repairs for change in one.repair.changes),
        keep=href(path, address),
    )


def _never(offer: Offer, refusal: Refusal, lang: str) -> str:
    """What may be entered at all, where no variant has the number that was; else nothing."""
    asked = refusal.asked
    if not isinstance(asked, Enter) or not is_never(offer, asked):
        return ""
    parameter = offer.product.parameter(asked.parameter)
    allowed = allowed_words(parameter, numbers_ever(offer, asked.parameter), lang)
    return _("%(question)s can be %(allowed)s.", question=getattr(parameter.name, lang), allowed=allowed)


def _repair(answered: Click, offered: RepairOffer, address: Address, path: str, lang: str) -> RepairView:
    offer, total = answered.offer, offered.price
    changes = []
    for change in offered.repair.changes:
        question, old = said(offer, change.old, lang)
        changes.append((question, old, said(offer, change.new, lang)[1] if change.new else _("left open")))
    named = {change.old.question for change in offered.repair.changes}
    if answered.refusal is not None:
        named.add(answered.refusal.asked.question)
    later, now = offered.date, answered.date
    return RepairView(
        href=href(path, address.with_decisions(offered.repair.decisions)),
        changes=tuple(changes),
        also=tuple(_also(offer, answered.standing, offered.standing, named, lang)),
        price=_money(total.gross, total.currency, total.exponent),
        price_difference=price_difference(total.gross - answered.price.gross, total.currency, total.exponent)
        or _("same price"),
        date=day(later.arrives_on) if later else _("No date can be given"),
        date_difference=date_difference(later.arrives_on, now.arrives_on) if later and now else "",
    )


def _also(
    offer: Offer, old: Variant, new: Variant, named: set[str], lang: str
) -> Iterable[tuple[str, str, str]]:
    """What else the completion gets: questions that the buyer has not decided and that get another answer."""
    for group in offer.product.groups:
        group_id = GroupId(group.id)
        if group.id in named or old.chosen[group_id] == new.chosen[group_id]:
            continue
        names = {option.id: getattr(option.name, lang) for option in group.options}
        yield (
            getattr(group.name, lang),
            joined((names[o] for o in names if o in old.chosen[group_id]), lang),
            joined((names[o] for o in names if o in new.chosen[group_id]), lang),
        )
