"""After the order: change it as long as its making allows, cancel it, both behind its unguessable address."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from markupsafe import Markup

from configurator.app import settings
from configurator.auth import actor_id, company_id, public
from configurator.errors import (
    DateLost,
    DomainError,
    InvalidInput,
    NoDate,
    NotFound,
    Outdated,
    PriceChanged,
    StateRefused,
)
from configurator.i18n import language, moment, money, text_of
from configurator.planning.decoupling import Lock, TooLate, Window
from configurator.sales.assurances import exchange
from configurator.sales.changes import (
    Changeable,
    NotChangeable,
    cancel_order,
    change_order,
    changeable,
    earlier_change,
)
from configurator.sales.choices import differing, readable_choices
from configurator.sales.configurations import query_of, selection_from_query
from configurator.sales.delivery import NotDelivered, WayOffer
from configurator.sales.models import OrderState
from configurator.sales.orders import order_by_token
from configurator.sales.payment_terms import Assurance
from configurator.sales.redelivery import OtherWays, change_way, other_ways
from configurator.storefront.address import Address, Reading, link_to_choices, read_address
from configurator.storefront.changing import (
    Change,
    Refused,
    changed,
    keep_texts,
    shown_window,
)
from configurator.storefront.drawings import draw
from configurator.storefront.forms import ChangeForm, ExchangeForm, WayForm
from configurator.storefront.present import (
    AnyQuestion,
    date_difference,
    href,
    price_difference,
    said,
    said_as_one,
    steps_of,
    text_fault_words,
)
from configurator.storefront.service import decided_by, offer_for
from configurator.storefront.views import order_page
from solver.configuration.problem import Decision

bp = Blueprint("change", __name__, url_prefix="/orders/<token>")


@dataclass(frozen=True, slots=True)
class AskedQuestion:
    """A question with how long it can be changed. `ordered`: the answer of the order; `changed`: it has another one."""

    question: AnyQuestion
    window: Window
    words: str
    ordered: str
    changed: bool


@dataclass(frozen=True, slots=True)
class RefusedView:
    """Why a change cannot be made, and the ways out: what else changes, and where that leads."""

    asked: str
    sentences: tuple[str, ...]
    decisions: tuple[tuple[str, str], ...]
    repairs: tuple[tuple[Markup, tuple[tuple[str, str, str], ...]], ...]


@bp.get("/items/<int:number>/change")
@public
def show(token: str, number: int) -> ResponseReturnValue:
    """What can still be changed and until when; with changes in the address, what they come to."""
    asked = changeable(company_id(), token, number)
    read = _read(asked)
    address = _address(asked, read.address)
    return _page(_answer(asked, address), address, mistyped=read.mistyped)


@bp.post("/items/<int:number>/change/texts")
@public
def texts(token: str, number: int) -> ResponseReturnValue:
    """Keep what was typed under a token, and go on with it in the address."""
    asked = changeable(company_id(), token, number)
    address = _address(asked)
    typed = {content.id: request.form.get(content.id, "").strip() for content in asked.offer.product.texts}
    try:
        kept = keep_texts(asked, typed)
    except InvalidInput as error:
        words = text_fault_words(asked.offer.product, str(error.field), typed[str(error.field)], error.data["what"])
        return _page(_answer(asked, address), address, typed=typed, faults={str(error.field): words}), 422
    return redirect(f"{_path(asked)}?{address.with_token(kept).query()}", 303)


@bp.post("/items/<int:number>/change")
@public
def confirm(token: str, number: int) -> ResponseReturnValue:
    """Make the change: one for one key, however often it is sent."""
    sent = request.form.to_dict() | {"asked": request.query_string.decode(errors="replace")}
    sent.pop("csrf_token", None)
    if earlier_change(company_id(), token, number, sent.get("key", ""), sent) is not None:
        return redirect(url_for("storefront.track", token=token), 303)
    asked = changeable(company_id(), token, number)
    address = _address(asked)
    form = ChangeForm()
    if not form.validate_on_submit():
        flash(_("Please look at the change once more and confirm it again."), "warning")
        return redirect(f"{_path(asked)}?{address.query()}", 303)
    answer = _answer(asked, address)
    try:
        change_order(
            company_id(), token, number, answer.selection, answer.variant, form.shown(), base=form.base.data or "",
            key=form.key.data or "", actor_id=actor_id(), request=sent,
        )
    except (PriceChanged, DateLost, Outdated, TooLate, NoDate, NotChangeable, InvalidInput) as error:
        again = changeable(company_id(), token, number)
        return _page(_answer(again, _address(again)), address, trouble=error), error.status
    flash(_("Your order is changed. We have sent you a confirmation."), "success")
    return redirect(url_for("storefront.track", token=token), 303)


@bp.get("/items/<int:number>/again")
@public
def again(token: str, number: int) -> ResponseReturnValue:
    """The same once more: the configuring page with the unit's choices, at today's price and date."""
    order = order_by_token(company_id(), token)
    unit = next((unit for unit in order.units if unit.number == number), None)
    if unit is None:
        raise NotFound(field="number")
    try:
        offer = offer_for(company_id(), unit.product.code)
    except NotFound:
        flash(_("This product is no longer for sale."), "warning")
        return redirect(url_for("storefront.track", token=token))
    was = money(unit.price.gross, unit.price.currency, unit.price.exponent)
    flash(_("These are the choices of order %(number)s. It cost %(price)s; today's price and date are below.",
            number=order.number, price=was), "message")  # fmt: skip
    if offer.product_revision_id != unit.product_revision_id:
        flash(_("The catalog has changed since then. What is no longer offered is named below."), "message")
    return redirect(link_to_choices(unit.product.code, unit.answers, order.buyer.country, token=unit.texts_token))


@bp.get("/delivery")
@public
def delivery(token: str) -> ResponseReturnValue:
    """In which ways it can still come, with the price and the day of each."""
    return _delivery_page(other_ways(company_id(), token))


@bp.post("/delivery")
@public
def redeliver(token: str) -> ResponseReturnValue:
    """Let it come in another way."""
    asked = other_ways(company_id(), token)
    form = WayForm()
    form.way.choices = [(one.code, "") for one in asked.ways]
    if not form.validate_on_submit():
        return _delivery_page(asked, wrong=_("Please choose one of these ways.")), 422
    way = next(one for one in asked.ways if one.code == form.way.data)
    try:
        change_way(company_id(), token, way.code, form.shown_of(way.code), actor_id=actor_id())
    except (PriceChanged, DateLost, Outdated, NotDelivered) as error:
        return _delivery_page(other_ways(company_id(), token), wrong=error.message()), error.status
    flash(_("Your order comes by “%(way)s” now. We have sent you a confirmation.", way=text_of(way.name)), "success")
    return redirect(url_for("storefront.track", token=token), 303)


def _delivery_page(asked: OtherWays, *, wrong: str = "") -> str:
    return render_template(
        "storefront/redelivery.html", asked=asked, wrong=wrong, order=order_by_token(company_id(), asked.token),
        differences={one.code: _way_words(asked, one) for one in asked.ways},
    )


def _way_words(asked: OtherWays, way: WayOffer) -> tuple[str, str]:
    """What another way changes of the price and of the date."""
    total = asked.total(way)
    price = price_difference(total.gross - asked.gross_minor, total.currency, total.exponent) or _("same price")
    return price, date_difference(way.arrives_on, asked.arrives_on) if way.arrives_on else ""


@bp.post("/assurance")
@public
def exchange_assurance(token: str) -> ResponseReturnValue:
    """Let the order wait for something else: a deposit, or the confirmed address."""
    form = ExchangeForm()
    if not form.validate_on_submit():
        flash(_("Please look at the offer once more."), "warning")
        return order_page(token), 422
    shown = form.shown()
    try:
        exchange(company_id(), token, shown, actor_id=actor_id())
    except (PriceChanged, DateLost, NoDate, StateRefused) as refused:
        flash(refused.message(), "warning")
        return order_page(token), refused.status
    if shown.assurance is Assurance.ADDRESS:
        flash(_("We have sent you a link. Your order is made once you have opened it."), "success")
    else:
        flash(_("Your order waits for the deposit now. We have sent you how to pay it."), "success")
    return redirect(url_for("storefront.track", token=token), 303)


@bp.post("/cancel")
@public
def cancel(token: str) -> ResponseReturnValue:
    """Nothing of it is made."""
    try:
        cancel_order(company_id(), token, actor_id=actor_id())
    except NotFound:
        raise
    except DomainError as error:
        flash(error.message(), "error")
    else:
        flash(_("Your order is cancelled. We have sent you a confirmation."), "success")
    return redirect(url_for("storefront.track", token=token), 303)


# --- reading ----------------------------------------------------------------------------------------------------------


def _path(asked: Changeable) -> str:
    return url_for(".show", token=asked.token, number=asked.item)


def _read(asked: Changeable) -> Reading:
    return read_address(asked.offer, request.args, countries=("",), country="")


def _address(asked: Changeable, read: Address | None = None) -> Address:
    """The changes that the address spells, without what is as it is ordered anyway."""
    read = _read(asked).address if read is None else read
    ordered = query_of(_as_ordered(asked, read))
    choices = {name: value for name, value in read.choices.items() if ordered.get(name) != value}
    return Address(asked.offer.product.code, choices, token=read.token)


def _as_ordered(asked: Changeable, read: Address) -> tuple[Decision, ...]:
    """The decisions of the address that the order fulfils already."""
    decisions = selection_from_query(asked.offer, read.choices, {})[0].decisions
    unlike = {d.question for d in decisions if not decided_by(asked.variant, d)}
    return tuple(d for d in decisions if d.question not in unlike)


def _answer(asked: Changeable, address: Address) -> Change:
    return changed(asked, selection_from_query(asked.offer, address.choices, {})[0].decisions, address.token)


# --- the page ---------------------------------------------------------------------------------------------------------


def _page(
    answer: Change, address: Address, *, trouble: DomainError | None = None, typed: Mapping[str, str] | None = None,
    faults: Mapping[str, str] | None = None, mistyped: Mapping[str, str] | None = None,
) -> str:
    asked, lang = answer.asked, language()
    form = ChangeForm(formdata=None, key=secrets.token_urlsafe(24), base=asked.base)
    terms = answer.terms
    if terms is not None:
        form.shown_gross.data, form.shown_currency.data = str(terms.price.gross), terms.price.currency
        form.shown_date.data = terms.arrives_on.isoformat()
    kept = Address(address.product, query_of(answer.decisions), token=address.token)
    faults = faults or {}
    return render_template(
        "storefront/change.html", asked=asked, answer=answer, form=form, terms=terms, path=_path(asked),
        open=asked.state == OrderState.CONFIRMED and any(w.open for w in asked.windows.questions.values()),
        query=kept.query(), hidden=[*kept.choices.items(), *kept.rest()], reset=_path(asked),
        steps=_steps(answer, kept, typed, faults, mistyped or {}), faults={**faults, **(mistyped or {})},
        changes=differing(
            readable_choices(asked.offer.product, asked.variant),
            readable_choices(asked.offer.product, answer.variant), lang,
        ),
        chosen={d.question for d in answer.decisions}, trouble=trouble,
        refused=_refused(answer, answer.refused, kept, lang) if answer.refused else None,
        late=[said_as_one(asked.offer, decision, lang) for decision in answer.late],
        drawing=draw(asked.offer.product, answer.variant, lang), lang=lang, mail=settings().mail_from,
        price_words=_price_words(answer), date_words=_date_words(answer),
        option_words=_option_words(asked), toggles=_toggles(answer, kept),
        whole_words=window_words(asked.windows.whole, asked.zone),
    )  # fmt: skip


def _price_words(answer: Change) -> str:
    if answer.terms is None:
        return ""
    old, new = answer.asked.price, answer.terms.price
    return price_difference(new.gross - old.gross, new.currency, new.exponent) or _("same price")


def _date_words(answer: Change) -> str:
    return date_difference(answer.terms.arrives_on, answer.asked.arrives_on) if answer.terms is not None else ""


def _steps(
    answer: Change, address: Address, typed: Mapping[str, str] | None, faults: Mapping[str, str],
    mistyped: Mapping[str, str],
) -> list[tuple[str, str, list[tuple[str, list[AskedQuestion]]]]]:
    """Steps (id, name) with their parts (name) and questions."""
    asked, lang = answer.asked, language()
    ordered = {c.id: c.answer_in(lang) for c in readable_choices(asked.offer.product, asked.variant)}
    now = {c.id: c.answer_in(lang) for c in readable_choices(asked.offer.product, answer.variant)}

    def with_window(question: AnyQuestion) -> AskedQuestion:
        window = shown_window(asked, question.id)
        return AskedQuestion(
            question, window, window_words(window, asked.zone), ordered.get(question.id, ""),
            ordered.get(question.id, "") != now.get(question.id, ""),
        )

    return [
        (step.id, step.name, [(part.name, list(map(with_window, _changeable(part.questions)))) for part in step.parts])
        for step in steps_of(
            answer.click, address, _path(asked), wishes=answer.wishes, typed=typed, faults=faults, mistyped=mistyped
        )
        if step.questions
    ]


def _changeable(questions: Iterable[AnyQuestion]) -> list[AnyQuestion]:
    """All but the files: an order keeps those that it was placed with."""
    return [question for question in questions if question.kind != "file"]


def window_words(window: Window, zone: str) -> str:
    """How long it can be changed, or why it cannot any more."""
    operation = text_of(window.operation) if window.operation is not None else ""
    match window.lock:
        case Lock.STARTED | Lock.FINISHED:
            return _("Fixed: “%(operation)s” has begun", operation=operation)
        case Lock.FROZEN:
            return _("Fixed: “%(operation)s” is about to begin", operation=operation)
        case Lock.PINNED:
            return _("Fixed: our planner has set the time of “%(operation)s”", operation=operation)
    if window.until is None:
        return _("can be changed until it leaves the factory")
    when = moment(window.until, zone)
    return _("can be changed until %(when)s, before “%(operation)s”", when=when, operation=operation)


def _option_words(asked: Changeable) -> dict[str, str]:
    """Card -> why this option, other than its question, cannot be chosen any more."""
    return {
        f"o-{group}-{option}": window_words(window, asked.zone)
        for (group, option), window in asked.windows.options.items()
        if not window.open and asked.windows.questions[group].open
    }


def _toggles(answer: Change, address: Address) -> dict[str, Markup]:
    """Card -> the link that puts an option of a group of several in, or takes it out."""
    found = {}
    for group in answer.asked.offer.problem.groups:
        if group.exactly_one:
            continue
        others = [part for part in address.choices.get(group.id, "").split(",") if part]
        for option in group.options:
            taken = option in answer.variant.chosen[group.id]
            kept = [part for part in others if part.removeprefix("-") != option]
            changed_to = address.choose(group.id, ",".join([*kept, f"-{option}" if taken else option]))
            found[f"o-{group.id}-{option}"] = href(_path(answer.asked), changed_to)
    return found


def _refused(answer: Change, refused: Refused, address: Address, lang: str) -> RefusedView:
    offer, locked = answer.asked.offer, {decision.question for decision in answer.locked}
    path = _path(answer.asked)
    fixed = set(answer.locked)

    def words(decision: Decision) -> tuple[str, str]:
        question, name = said(offer, decision, lang)
        return question, _("%(answer)s (fixed by now)", answer=name) if decision.question in locked else name

    return RefusedView(
        asked=said_as_one(offer, refused.asked, lang),
        sentences=tuple(getattr(offer.product.rule(rule).text, lang) for rule in refused.conflict.rules)
        or (_("This does not go with your other choices."),),
        decisions=tuple(words(d) for d in refused.conflict.decisions if d != refused.asked),
        repairs=tuple(
            (
                href(path, Address(
                    address.product, query_of(tuple(d for d in repair.decisions if d not in fixed)), token=address.token
                )),
                tuple(
                    (*said(offer, change.old, lang), said(offer, change.new, lang)[1] if change.new else _("left open"))
                    for change in repair.changes
                ),
            )
            for repair in refused.repairs
        ),
    )

