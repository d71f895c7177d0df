"""Decide, price and promise for programs. Knows no HTTP; raises the house's errors."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from catalog.offer import Offer
from catalog.price import CountryNotServed, Price, quote_price
from catalog.state import text_limits, upload_asked
from catalog.uploads import sent_file
from configurator.errors import DomainError
from configurator.planning.promise import Forecast, forecast, redirected
from configurator.sales.configurations import judged
from configurator.sales.delivery import ShipTo, WayOffer, chosen_of, kilograms_of, must_lead_there, ways_of
from configurator.sales.payment_terms import Asked, Assurance, AssuranceOffer, begins_after, terms_of
from configurator.sales.terms import sum_of
from configurator.storefront.service import assurance_offers, standing_completion, text_allowed
from solver.configuration.check import is_valid
from solver.configuration.explain import Conflict
from solver.configuration.problem import ConfigurationProblem, Decision, Enter, Variant
from solver.configuration.session import ValidDomains, open_session

Fault = tuple[str, str]  # field, sentence


class Refused(DomainError):
    """Well-formed input that does not fit what is on offer now; `faults` names every field."""

    code: ClassVar[str] = "does_not_fit"
    status: ClassVar[int] = 409
    words: ClassVar[Any] = _l("This does not fit what we offer now.")

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__(field=self.faults[0][0])


class UnknownName(Refused):
    """The catalog has no such group, option, parameter or text."""

    code, words = "unknown_name", _l("The catalog has no such name.")


class TextRefused(Refused):
    """A text is too long, has letters that cannot be made, or needs another choice first."""

    code, words = "text_refused", _l("This text cannot be made.")


class NotServed(Refused):
    """Nothing is sent to this country."""

    code, words = "country_not_served", _l("We do not deliver to this country.")

    def __init__(self) -> None:
        super().__init__([("country", str(self.words))])


@dataclass(frozen=True, slots=True)
class Decided:
    """Decisions that hold together: what every option still is, their standing completion and its price.

    The completion carries the texts that can be made; the others are in `refused_texts`.
    """

    decisions: tuple[Decision, ...]
    domains: ValidDomains
    variant: Variant
    refused_texts: tuple[Fault, ...]
    price: Price | None


@dataclass(frozen=True, slots=True)
class Promised:
    """Price and date of one variant, with its delivery. `way`: the chosen one of `ways`.

    `asked`: what its order would wait for, None: for nothing; `assurances`: where there is a choice of that.
    """

    variant: Variant
    price: Price
    forecast: Forecast
    way: WayOffer | None
    ways: tuple[WayOffer, ...]
    asked: Asked | None
    assurances: tuple[AssuranceOffer, ...]


def decide(
    offer: Offer, decisions: tuple[Decision, ...], texts: Mapping[str, str], country: str | None, *, seconds: float
) -> Decided | Conflict:
    """What the decisions leave open, or why they cannot hold together. Raises UnknownName, NotServed."""
    _require_names(_unknown_decisions(offer.problem, decisions), _unknown_texts(offer, texts, "texts"))
    match open_session(offer.compiled, decisions, seconds=seconds):
        case Conflict() as conflict:
            return conflict
        case session:
            completion = standing_completion(offer, session.decisions, texts)
            typed = replace(completion, texts={name: text for name, text in texts.items() if text})
            faults = tuple(text_faults(offer, typed))
            price = _priced(offer, completion, country) if country is not None else None
            return Decided(session.decisions, session.domains(), completion, faults, price)


def promise(
    offer: Offer, decisions: tuple[Decision, ...], texts: Mapping[str, str], to: ShipTo, *, seconds: float,
    assurance: Assurance | None = None,
) -> Promised | Conflict:
    """Price and date of the decisions' standing completion.

    Raises UnknownName, TextRefused, NotServed, NotDelivered, NoDate.
    """
    match decide(offer, decisions, texts, None, seconds=seconds):
        case Conflict() as conflict:
            return conflict
        case decided if decided.refused_texts:
            raise TextRefused((f"texts.{name}", message) for name, message in decided.refused_texts)
        case decided:
            return promise_of(offer, decided.variant, to, assurance)


def promise_of(offer: Offer, variant: Variant, to: ShipTo, assurance: Assurance | None = None) -> Promised:
    """Price and date of a complete variant; `assurance`: what its order is to wait for, where there is a choice.

    Raises UnknownName, TextRefused, NotServed, NotDelivered, NotValid, NoDate.
    """
    require_variant(offer, variant)
    goods, stated = _priced(offer, variant, to.country), ways_of(offer.company_id)
    found = stated.leading_to(to.country, to.postal_code, goods, kilograms_of([(offer, variant)]))
    way = chosen_of(found, to.way)
    must_lead_there(stated, way, to.way)
    price = sum_of([goods, way.price]) if way is not None else goods
    payment = terms_of(offer.company_id)
    asked = payment.asked_for(price, guest=True, assurance=assurance)  # nothing is made before it is here
    date = forecast(
        offer, variant, way.way.to() if way is not None else stated.standard(to.country),
        not_before=begins_after(asked),
    )
    dated = [redirected(date, one.way.to()) for one in found]
    ways = tuple(
        replace(one, dates=(day.arrives_on if day is not None else None,))
        for one, day in zip(found, dated, strict=True)
    )
    choice = assurance_offers(offer, variant, stated.standard(to.country), payment.choice(price, guest=True), way)
    return Promised(variant, price, date, way, ways, asked, choice)


def require_variant(offer: Offer, variant: Variant) -> Variant:
    """The variant, if it is complete, valid and its texts can be made. Raises UnknownName, NotValid, TextRefused."""
    _require_names(_unknown_in(offer.problem, variant), _unknown_texts(offer, variant.texts, "variant.texts"))
    if is_valid(offer.problem, variant) and (faults := tuple(text_faults(offer, variant, "variant.texts."))):
        raise TextRefused(faults)
    return judged(offer, variant)


def text_faults(offer: Offer, variant: Variant, prefix: str = "") -> Iterator[Fault]:
    """Every text and file of the variant that cannot be taken, with the reason."""
    for content in offer.product.texts:
        typed = variant.texts.get(content.id, "")
        limits = text_limits(offer.problem, content, variant)
        fault = limits.fault(typed)
        if fault == "too_long":
            yield prefix + content.id, _("At most %(count)s characters.", count=limits.maximum_length)
        elif fault == "too_short":
            yield prefix + content.id, _("At least %(count)s characters.", count=limits.minimum_length)
        elif fault:
            yield prefix + content.id, _("Some of these characters cannot be made.")
        elif typed and not text_allowed(offer, content, variant):
            yield prefix + content.id, _("Another choice is needed before this text can be made.")
    for upload in offer.product.uploads:
        answer = variant.texts.get(upload.id, "")
        if answer and sent_file(answer) is None:
            yield prefix + upload.id, _("This names no file: send it to /uploads, and write here what that answers.")
        elif answer and not upload_asked(offer.problem, upload, variant):
            yield prefix + upload.id, _("Another choice is needed before this file is asked for.")


def _priced(offer: Offer, variant: Variant, country: str) -> Price:
    try:
        return quote_price(offer.prices, offer.problem, variant, country=country)
    except CountryNotServed as error:
        raise NotServed from error


# --- names ------------------------------------------------------------------------------------------------------------


def _require_names(*found: Iterable[str]) -> None:
    fields = [field for fields in found for field in fields]
    if fields:
        raise UnknownName((field, str(UnknownName.words)) for field in fields)


def _unknown_decisions(problem: ConfigurationProblem, decisions: tuple[Decision, ...]) -> Iterator[str]:
    for number, decision in enumerate(decisions):
        if isinstance(decision, Enter):
            if decision.parameter not in problem.parameter_by_id:
                yield f"decisions.{number}.parameter"
        elif decision.group not in problem.group_by_id:
            yield f"decisions.{number}.group"
        elif decision.option not in problem.group_by_id[decision.group].options:
            yield f"decisions.{number}.option"


def _unknown_in(problem: ConfigurationProblem, variant: Variant) -> Iterator[str]:
    for group, options in variant.chosen.items():
        if group not in problem.group_by_id or options - set(problem.group_by_id[group].options):
            yield f"variant.chosen.{group}"
    for parameter in variant.numbers:
        if parameter not in problem.parameter_by_id:
            yield f"variant.numbers.{parameter}"


def _unknown_texts(offer: Offer, texts: Mapping[str, str], prefix: str) -> Iterator[str]:
    known = {text.id for text in offer.product.texts} | {upload.id for upload in offer.product.uploads}
    return (f"{prefix}.{name}" for name in texts if name not in known)
