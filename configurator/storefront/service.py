"""The click: decisions in, what can still be had, what it costs and when it would be there out. Nothing is written."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date, datetime
from time import monotonic
from types import MappingProxyType

from flask_babel import lazy_gettext as _l
from sqlmodel import col, select

from catalog.offer import NotOffered, Offer, current_offer, earlier_offer
from catalog.price import Price, quote_price
from catalog.products import Product, TextContent
from catalog.reckon import Reckoning
from catalog.state import preset_decisions, text_limits, text_usable, upload_asked, wished_in
from configurator import db
from configurator.errors import DomainError, InvalidInput, NoDate, NotFound
from configurator.planning.arrivals import arrivals_each
from configurator.planning.books import PlantBook, current_books
from configurator.planning.promise import Destination, Forecast, forecast, redirected
from configurator.planning.second_thought import think
from configurator.sales.configurations import (
    Selection,
    configuration_by_token,
    decisions_from_json,
    judged,
    save_configuration,
    selection_from_query,
    texts_by_token,
    variant_from_json,
)
from configurator.sales.delivery import ShipTo, WayOffer, chosen_of, kilograms_of, standard_to, ways_in, ways_of
from configurator.sales.payment_terms import Asked, Asking, Assurance, AssuranceOffer, asking, begins_after, terms_in
from configurator.sales.quotes import acceptable_quote
from configurator.sales.terms import price_for, sum_of
from configurator.sales.visitors import STRANGER, Visitor
from configurator.storefront.hints import Difference, Pair, differences, index_of, why_excluded, why_implied
from solver.configuration.check import answers, is_asked
from solver.configuration.complete import complete
from solver.configuration.explain import Conflict, Conflicting, Repair
from solver.configuration.problem import Choose, ConfigurationProblem, Decision, Enter, ParameterId, Variant
from solver.configuration.question import Clock, Interval, OutOfTime, nearest_in
from solver.configuration.rules import Expression
from solver.configuration.session import OptionState, Session, ValidDomains, valid_domains

WISH_TURNS = 3  # completions of one, at most, until its wishes are those of its own answers
_MEASURING = 0.5  # seconds to see whether a default can be entered
_DIFFERENCES = 0.02  # seconds for better completions with each option of a page than those found at once


class TooManyQuestions(DomainError):
    """The time limit ended before a complete configuration was found."""

    code, status, words = "out_of_time", 503, _l("This takes longer than usual. Please try again in a moment.")


@dataclass(frozen=True, slots=True)
class Click:
    """The answer to a click.

    Attributes
    ----------
    decisions: the buyer's own, which hold together
    refusal: what the last of the decisions asked for could not be, and how it could
    left_out: decisions that are not part of the answer: they do not hold together with the others, or what they answer
        is not asked beside the newest one
    standing: the decisions, completed by the product's defaults and then as cheaply as can be
    date: the earliest by the present schedule; None if the factory has no room within its horizon
    asked: what an order of it would wait for first; its date and those of the options are counted from then
    to: where it goes before the buyer has chosen a way
    books: the state of the factory that the date is of, and the dates of the options will be
    """

    offer: Offer
    decisions: tuple[Decision, ...]
    domains: ValidDomains
    standing: Variant
    price: Price
    date: Forecast | None
    to: Destination
    books: tuple[PlantBook, ...]
    asked: Asked | None = None
    refusal: Refusal | None = None
    left_out: tuple[Decision, ...] = ()

    @property
    def country(self) -> str:
        return self.to.country

    @property
    def selection(self) -> Selection:
        return Selection(self.offer.product.code, self.decisions, self.standing.texts)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a decision cannot be made beside the others, and what could be changed so that it can."""

    asked: Decision
    conflict: Conflict
    repairs: tuple[RepairOffer, ...]


@dataclass(frozen=True, slots=True)
class RepairOffer:
    """A repair with its consequences: the standing completion, price and date that it leads to."""

    repair: Repair
    standing: Variant
    price: Price
    date: Forecast | None


@dataclass(frozen=True, slots=True)
class Hints:
    """What the option cards say: price differences, and the decisions that exclude or imply an option.

    `dates`: the day on which each option's nearest completion would arrive (None: no room); those that are missing
    took more time than there was.
    """

    differences: Mapping[Pair, Difference]
    excluded: Mapping[Pair, tuple[Pair, ...]]
    implied: Mapping[Pair, tuple[Pair, ...]]
    dates: Mapping[Pair, date | None]

    @property
    def waiting(self) -> frozenset[Pair]:
        """The options whose date is not known yet."""
        return frozenset(self.differences.keys() - self.dates.keys())


@dataclass(frozen=True, slots=True)
class News:
    """What a newer catalog makes of a configuration.

    `gone`: choices that it does not have any more; `offer` has them. `price`: what it cost before, where that differs.
    """

    offer: Offer
    gone: tuple[Decision, ...]
    price: Price | None


@dataclass(frozen=True, slots=True)
class Shelf:
    """A product as the front page shows it: its cheapest variant's price, and the date of the standard one."""

    offer: Offer
    standing: Variant
    from_price: Price
    date: Forecast | None


@dataclass(frozen=True, slots=True)
class Checkout:
    """What is about to be ordered, at today's terms (or a quote's).

    `price` includes the delivery by `way`, the chosen one of `ways`. `delivered`: some way leads there, or there is
    nothing to choose. `asked`: what it waits for; `assurances`: where there is a choice of that.
    """

    token: str
    offer: Offer
    selection: Selection
    variant: Variant
    price: Price
    date: Forecast | None
    country: str
    quote_token: str | None = None
    asked: Asked | None = None
    assurances: tuple[AssuranceOffer, ...] = ()
    ways: tuple[WayOffer, ...] = ()
    way: WayOffer | None = None
    delivered: bool = True


# --- offers -----------------------------------------------------------------------------------------------------------


def offer_for(company_id: int, product_code: str) -> Offer:
    """What is offered of a product today; raises NotFound."""
    with db.reading() as session:
        try:
            return current_offer(session, company_id, product_code)
        except NotOffered as error:
            raise NotFound(field="product") from error


def offers(company_id: int) -> tuple[Offer, ...]:
    """Everything that is offered today, in the order in which the products were loaded."""
    with db.reading() as session:
        products = select(Product.code).where(Product.company_id == company_id).order_by(col(Product.id))
        codes = session.exec(products).all()
        found = []
        for code in codes:
            try:
                found.append(current_offer(session, company_id, code))
            except NotOffered:
                continue  # drafts, withdrawn products, products without a price
    return tuple(found)


def countries(offer: Offer) -> tuple[str, ...]:
    """Where the offer is sold to, the price list's first country first."""
    return tuple(offer.prices.tax)


def shelf(
    company_id: int, country: str, *, guest: bool | None = None, now: datetime | None = None
) -> tuple[Shelf, ...]:
    """The products on offer, each with its cheapest variant's price and the date of its standard variant.

    `guest`: as of `click`.
    """
    found, ways, buyer = [], ways_of(company_id), asking(company_id, guest=guest, now=now)
    for offer in offers(company_id):
        to = country if country in offer.prices.tax else countries(offer)[0]
        cheapest = complete(offer.compiled, (), costs=_costs(offer))
        standing = standing_completion(offer, (), {})
        price = quote_price(offer.prices, offer.problem, cheapest, country=to)
        usual = buyer.not_before(quote_price(offer.prices, offer.problem, standing, country=to))
        date = date_of(offer, standing, ways.standard(to), not_before=usual, now=now)
        found.append(Shelf(offer, standing, price, date))
    return tuple(found)


def _costs(offer: Offer) -> Mapping:  # type: ignore[type-arg]
    return index_of(offer).costs


# --- the click --------------------------------------------------------------------------------------------------------


def click(
    offer: Offer,
    decisions: tuple[Decision, ...],
    *,
    country: str,
    texts: Mapping[str, str] | None = None,
    before: tuple[Decision, ...] | None = None,
    guest: bool | None = None,
    books: Sequence[PlantBook] | None = None,
    seconds: float = 1.0,
    now: datetime | None = None,
) -> Click:
    """Answer the decisions of an address.

    `guest`: whether the buyer is one, whose order may wait for something before it is made; None: nobody's would.
    `books`: the state of the factory by which it is dated; None: the current one.

    Decisions that do not hold together are answered with a refusal of the newest one; the rest of the answer is then
    for `before` (the decisions one step earlier), or for as many of the decisions as hold together, oldest first.

    Raises NotFound for a country that is not served.
    """
    if country not in offer.prices.tax:
        raise NotFound(field="country")
    for_whom = _ForWhom(
        standard_to(offer.company_id, country), texts or {}, asking(offer.company_id, guest=guest, now=now),
        current_books(offer.company_id) if books is None else tuple(books), now,
    )
    session = Session(offer.compiled, decisions, seconds=seconds)
    domains = valid_domains(offer.compiled, session.decisions, seconds=seconds)
    if domains is not None:
        return _answer(offer, session.decisions, domains, for_whom)
    session, asked, conflict, left_out = _what_holds(offer, decisions, before, seconds)
    repairs = tuple(as_asked(offer.problem, repair) for repair in conflict.repairs)
    for repair in repairs:
        if asked in repair.decisions and _only_unasked(offer, repair):
            # Answers to questions that the new one does away with: they go with their questions.
            domains = valid_domains(offer.compiled, repair.decisions, seconds=seconds)
            if domains is not None:
                gone = tuple(change.old for change in repair.changes)
                return replace(_answer(offer, repair.decisions, domains, for_whom), left_out=gone)
    answered = _answer(offer, session.decisions, session.domains(), for_whom)
    refusal = Refusal(asked, conflict, tuple(_offered(offer, repair, for_whom) for repair in repairs))
    return replace(answered, refusal=refusal, left_out=left_out)


def _what_holds(
    offer: Offer, decisions: tuple[Decision, ...], before: tuple[Decision, ...] | None, seconds: float
) -> tuple[Session, Decision, Conflict, tuple[Decision, ...]]:
    """The session that goes on, the decision that is refused and why, and all decisions that are left out."""
    for earlier in (before, decisions[:-1]):
        if earlier is None:
            continue
        session = Session(offer.compiled, earlier, seconds=seconds)
        if valid_domains(offer.compiled, session.decisions, seconds=seconds) is not None:
            new = tuple(d for d in decisions if d not in session.decisions)
            found = session.decide(*new)
            if isinstance(found, Conflict):
                return session, new[-1], found, new
    session = Session(offer.compiled, (), seconds=seconds)
    refused = tuple(decision for decision in decisions if isinstance(session.decide(decision), Conflict))
    asked = refused[-1] if refused else decisions[-1]
    found = session.decide(asked)  # once more, beside everything that holds
    return session, asked, found if isinstance(found, Conflict) else Conflict((), (), ()), refused


def as_asked(problem: ConfigurationProblem, repair: Repair) -> Repair:
    """A repair whose decisions a buyer can make: the value of a number that is not asked for is no decision."""

    def nothing(decision: Decision | None) -> bool:
        return isinstance(decision, Enter) and decision.value not in problem.parameter_by_id[decision.parameter].asked

    changes = tuple(replace(change, new=None) if nothing(change.new) else change for change in repair.changes)
    return replace(repair, changes=changes, decisions=tuple(one for one in repair.decisions if not nothing(one)))


def _only_unasked(offer: Offer, repair: Repair) -> bool:
    """Whether a repair drops nothing but answers to questions that it leaves no variant to ask."""
    if not repair.changes or any(change.new is not None for change in repair.changes):
        return False
    found = answers(offer.problem, standing_completion(offer, repair.decisions, {}))
    for change in repair.changes:
        old = change.old
        when = condition_of_question(offer.problem, old)
        if when is None or is_asked(when, found):
            return False
    return True


@dataclass(frozen=True, slots=True)
class _ForWhom:
    """Where it would go, the texts on it, what an order would wait for, and the factory."""

    to: Destination
    texts: Mapping[str, str]
    buyer: Asking
    books: tuple[PlantBook, ...]
    now: datetime | None

    def date_of(self, offer: Offer, variant: Variant, asked: Asked | None) -> Forecast | None:
        """The earliest date of a variant whose order would wait for this."""
        since = begins_after(asked)
        return date_of(offer, variant, self.to, not_before=since, now=self.now, books=self.books)


def _answer(offer: Offer, decisions: tuple[Decision, ...], domains: ValidDomains, for_whom: _ForWhom) -> Click:
    standing = standing_completion(offer, decisions, for_whom.texts)
    price = quote_price(offer.prices, offer.problem, standing, country=for_whom.to.country)
    asked = for_whom.buyer.asked(price)
    date = for_whom.date_of(offer, standing, asked)
    return Click(offer, decisions, domains, standing, price, date, for_whom.to, for_whom.books, asked)


def _offered(offer: Offer, repair: Repair, for_whom: _ForWhom) -> RepairOffer:
    standing = standing_completion(offer, repair.decisions, for_whom.texts)
    price = quote_price(offer.prices, offer.problem, standing, country=for_whom.to.country)
    return RepairOffer(repair, standing, price, for_whom.date_of(offer, standing, for_whom.buyer.asked(price)))


def standing_completion(
    offer: Offer, decisions: tuple[Decision, ...], texts: Mapping[str, str], *,
    wishes: Mapping[Decision, int] = MappingProxyType({}),
) -> Variant:
    """The decisions completed by the product's defaults, then as cheaply as can be, with the texts it may carry.

    `wishes`: with their weights, beside the defaults.
    """
    kept, key = index_of(offer).standings, (decisions, frozenset(wishes.items()))
    variant = kept.get(key)
    if variant is None:
        began = monotonic()
        try:
            variant = _as_wished(offer, decisions, wishes)
        except OutOfTime as error:
            raise TooManyQuestions from error
        if monotonic() - began < _MEASURING:  # no clock has stopped a search: it is the answer for good
            kept.put(key, variant)
    return replace(variant, texts=usable_texts(offer, variant, texts)) if texts else variant


def _as_wished(offer: Offer, decisions: tuple[Decision, ...], wishes: Mapping[Decision, int]) -> Variant:
    """A completion by what is wished everywhere, then by what is wished in what came out, until nothing new is.

    A wish that depends on other answers never changes these answers, and no question is asked for its default's sake.
    """
    found = index_of(offer).wishes
    conditions = {wish: condition_of_question(offer.problem, wish) for wish in wishes}
    always = {wish: weight for wish, weight in wishes.items() if conditions[wish] is None}
    prefer = {**wished_in(found, None), **always}
    measured = _measured(offer, decisions)
    for _turn in range(WISH_TURNS):
        variant = complete(offer.compiled, measured, prefer=prefer, costs=_costs(offer))
        asked = answers(offer.problem, variant)
        wished = {**wished_in(found, asked), **{w: n for w, n in wishes.items() if is_asked(conditions[w], asked)}}
        # What has all that is wished more, and nothing that is wished less, is still the best.
        changed = [wish for wish in wished.keys() | prefer.keys() if wished.get(wish, 0) != prefer.get(wish, 0)]
        if all(decided_by(variant, wish) == (wished.get(wish, 0) > prefer.get(wish, 0)) for wish in changed):
            break
        prefer = wished
    return variant


def decided_by(variant: Variant, decision: Decision) -> bool:
    """Whether a variant has what a decision says."""
    if isinstance(decision, Choose):
        return (decision.option in variant.chosen.get(decision.group, ())) == decision.chosen
    return variant.numbers.get(decision.parameter) == decision.value


def condition_of_question(problem: ConfigurationProblem, decision: Decision) -> Expression | None:
    """Where the question that a decision answers is asked; None: in every variant."""
    if isinstance(decision, Choose):
        return problem.group_by_id[decision.group].when
    return problem.parameter_by_id[decision.parameter].when


def _measured(offer: Offer, decisions: tuple[Decision, ...]) -> tuple[Decision, ...]:
    """The decisions, and a value for each measure that they leave open: the one nearest to its default.

    The room is given: what is in it adapts to a measure, never the other way round.
    """
    decided = {decision.parameter for decision in decisions if isinstance(decision, Enter)}
    found = decisions
    for default in index_of(offer).measures:
        if default.parameter in decided:
            continue
        if not offer.compiled.possible((*found, default), Clock.of(_MEASURING)):
            domains = valid_domains(offer.compiled, found, seconds=_MEASURING)
            spans = domains.numbers[default.parameter] if domains is not None else ()
            if not spans or default.parameter in domains.undecided_numbers:  # type: ignore[union-attr]
                continue
            value = min((nearest_in(span, default.value) for span in spans), key=lambda v: abs(v - default.value))
            default = Enter(default.parameter, value)
        found = (*found, default)
    return found


def date_of(
    offer: Offer, variant: Variant, to: Destination, *, not_before: datetime | None = None,
    now: datetime | None = None, books: Sequence[PlantBook] | None = None,
) -> Forecast | None:
    """The earliest date by the present schedule, or by these books, None if there is none. `not_before`: nothing
    starts earlier.
    """
    try:
        return forecast(offer, variant, to, not_before=not_before, now=now, books=books)
    except NoDate:
        return None


def news_of(answered: Click, query: Mapping[str, str], before: tuple[int, int]) -> News | None:
    """What has changed since an address with these choices was made, under these product and price list revisions."""
    now, country = answered.offer, answered.country
    try:
        with db.reading() as session:
            offer = earlier_offer(session, now, *before)
    except NotOffered:
        return None
    chosen, known = (selection_from_query(one, query, {})[0].decisions for one in (offer, now))
    gone = tuple(one for one in chosen if one not in known)
    price = None
    if country in offer.prices.tax and answered.refusal is None:
        with suppress(Conflicting, TooManyQuestions):  # then nobody knows: no reason to refuse the page
            standing = standing_completion(offer, chosen, answered.standing.texts)
            price = quote_price(offer.prices, offer.problem, standing, country=country)
    if price is not None and (price.gross, price.currency) == (answered.price.gross, answered.price.currency):
        price = None
    return News(offer, gone, price) if gone or price is not None else None


def second_thought(answered: Click, *, stop: Callable[[], bool], now: datetime | None = None) -> Click:
    """The answer after some thinking: the same, or with an earlier date. `stop`: ends the search when it says so.

    Where something is waited for first the date is that one's, and nothing is searched. Raises Busy.
    """
    first = answered.date
    if first is None or answered.refusal is not None or answered.asked is not None:
        return answered
    return replace(answered, date=think(answered.offer, answered.standing, answered.to, stop=stop, now=now))


def is_never(offer: Offer, asked: Enter) -> bool:
    """Whether no variant at all has this number."""
    spans = numbers_ever(offer, asked.parameter)
    return bool(spans) and not any(asked.value in range(low, high + 1, step) for low, high, step in spans)


def numbers_ever(offer: Offer, parameter: ParameterId) -> tuple[Interval, ...]:
    """The numbers that some variant has, whatever else is chosen; () where time did not settle it."""
    domains = valid_domains(offer.compiled, (), seconds=_MEASURING)
    if domains is None or parameter in domains.undecided_numbers:
        return ()
    asked = offer.problem.parameter_by_id[parameter].asked
    return tuple(span for span in domains.numbers[parameter] if span[0] in asked)


def preset_price(offer: Offer, preset_id: str, country: str) -> Price | None:
    """What a preset costs, completed as the standing completion is; None where its choices do not hold together."""
    kept, key = index_of(offer).presets, (preset_id, country)
    if key not in kept:
        kept[key] = _preset_price(offer, preset_id, country)
    return kept[key]


def _preset_price(offer: Offer, preset_id: str, country: str) -> Price | None:
    try:
        variant = standing_completion(offer, preset_decisions(offer.product, preset_id), {})
    except Conflicting:
        return None
    return quote_price(offer.prices, offer.problem, variant, country=country)


# --- the cards --------------------------------------------------------------------------------------------------------


def hints(
    answered: Click,
    *,
    wishes: Mapping[Decision, int] | None = None,
    dates_seconds: float = 0.0,
    now: datetime | None = None,
) -> Hints:
    """What each option of the answer would cost and change, and which decisions exclude or imply it.

    `wishes`: what else stays near to, beside the product's defaults. `dates_seconds`: the time for their dates, by one
    state of the present schedule.
    """
    offer, index = answered.offer, index_of(answered.offer)
    wanted: list[Pair] = []
    excluded: dict[Pair, tuple[Pair, ...]] = {}
    implied: dict[Pair, tuple[Pair, ...]] = {}
    for group, states in answered.domains.options.items():
        for option, state in states.items():
            if state is OptionState.EXCLUDED:
                excluded[group, option] = why_excluded(index, answered.decisions, group, option)
            elif state is OptionState.IMPLIED:
                implied[group, option] = why_implied(index, answered.decisions, group, option)
            elif state is OptionState.OPEN and option not in answered.standing.chosen[group]:
                wanted.append((group, option))
    prefer = {**wished_in(index.wishes, answers(offer.problem, answered.standing)), **(wishes or {})}
    found = differences(
        offer, answered.decisions, prefer, answered.standing, answered.price, answered.country, wanted, _DIFFERENCES
    )
    arrivals: tuple[date | None, ...] = ()
    if dates_seconds:
        asked = _carrying(offer, [difference.nearest for difference in found.values()])
        arrivals = arrivals_each(
            offer, asked, answered.to, seconds=dates_seconds, not_before=begins_after(answered.asked), now=now,
            books=answered.books,
        )
    return Hints(found, excluded, implied, dict(zip(found, arrivals, strict=False)))


def _carrying(offer: Offer, asked: Sequence[Reckoning]) -> Sequence[Reckoning]:
    """The variants with the texts that they may carry: these are made too."""
    if not any(one.variant.texts for one in asked):
        return asked
    with_texts = [replace(one.variant, texts=usable_texts(offer, one.variant, one.variant.texts)) for one in asked]
    nearby = asked[0].nearby
    assert nearby is not None
    return [nearby.beside(variant) for variant in with_texts]


# --- texts ------------------------------------------------------------------------------------------------------------


def typed_texts(company_id: int, token: str, visitor: Visitor = STRANGER) -> dict[str, str]:
    """The texts kept under a token, and its files that the visitor may read; none for an unknown token."""
    if not token:
        return {}
    with db.reading() as session:
        return texts_by_token(session, company_id, token, visitor)


def keep_texts(
    company_id: int, offer: Offer, decisions: tuple[Decision, ...], texts: Mapping[str, str],
    files: Mapping[str, str] = MappingProxyType({}),
) -> str:
    """Write the texts and files and give the token of their row. Raises InvalidInput (`field`: the text's id).

    `files`: the answers to the product's uploads; others in it are left out.
    """
    sent = {upload.id: files.get(upload.id, "") for upload in offer.product.uploads}
    kept = {name: value for name, value in {**checked_texts(offer, texts), **sent}.items() if value}
    if not kept:
        return ""
    with db.writing() as session:
        return save_configuration(session, company_id, offer, Selection(offer.product.code, decisions, kept)).token


def checked_texts(offer: Offer, texts: Mapping[str, str]) -> dict[str, str]:
    """Those of the typed texts that the product asks for. Raises InvalidInput (`field`: the text's id)."""
    known = {text.id: text for text in offer.product.texts}
    kept = {name: value for name, value in texts.items() if name in known}
    for name, value in kept.items():
        if fault := text_fault(known[name], value):
            raise InvalidInput(field=name, what=fault)
    return kept


def text_fault(content: TextContent, value: str) -> str:
    """The code of what is wrong with a typed text ("" if nothing): `too_long`, `too_short` or `pattern`.

    It is judged by the widest limits that any other answers leave; `usable_texts` judges it beside those of a variant.
    """
    if content.accepts(value):
        return ""
    faults = {limits.fault(value) for limits in content.limits}
    return next(fault for fault in ("pattern", "too_short", "too_long") if fault in faults)


def usable_texts(offer: Offer, variant: Variant, texts: Mapping[str, str]) -> dict[str, str]:
    """The typed texts that this variant can carry."""
    return {
        content.id: texts[content.id]
        for content in offer.product.texts
        if texts.get(content.id)
        and text_allowed(offer, content, variant)
        and not text_limits(offer.problem, content, variant).fault(texts[content.id])
    } | usable_files(offer, variant, texts)


def usable_files(offer: Offer, variant: Variant, texts: Mapping[str, str]) -> dict[str, str]:
    """The files that are asked for beside the answers of this variant."""
    return {
        content.id: texts[content.id]
        for content in offer.product.uploads
        if texts.get(content.id) and upload_asked(offer.problem, content, variant)
    }


def text_allowed(offer: Offer, content: TextContent, variant: Variant) -> bool:
    """Whether what is chosen leaves room for this text."""
    return text_usable(offer.problem, content, variant)


# --- towards an order -------------------------------------------------------------------------------------------------


def keep_variant(company_id: int, answered: Click) -> str:
    """Write the complete, judged variant of an answer; the token of its row. Raises NotValid."""
    variant = judged(answered.offer, answered.standing)
    with db.writing() as session:
        return save_configuration(session, company_id, answered.offer, answered.selection, variant).token


def checkout(
    company_id: int, token: str, to: ShipTo, *, guest: bool = True, quote_token: str | None = None,
    assurance: Assurance | None = None, now: datetime | None = None,
) -> Checkout:
    """The variant behind a token, under today's revisions and terms, or under those of a quote.

    Without a country it goes to the quote's, or to the first that is served. Raises NotFound, NotValid (the catalog has
    changed), QuoteNotOpen, InvalidInput for a country that is not served.
    """
    country = to.country
    with db.reading() as session:
        stated, payment = ways_in(session, company_id), terms_in(session, company_id)
        ways = stated
        row = configuration_by_token(session, company_id, token)
        if row.variant is None:
            raise NotFound(field="token")
        if quote_token:
            quote = acceptable_quote(session, company_id, quote_token)
            offer, country, ways = quote.offer, country or quote.customer.country, quote.ways or stated
        else:
            try:
                offer = current_offer(session, company_id, row.product_code)
            except NotOffered as error:
                raise NotFound(field="product") from error
    variant = judged(offer, variant_from_json(row.variant))
    selection = Selection(row.product_code, decisions_from_json(row.decisions), dict(row.texts))
    country = country or countries(offer)[0]
    goods = price_for(offer, variant, country)
    found = ways.leading_to(country, to.postal_code, goods, kilograms_of([(offer, variant)]))
    way = chosen_of(found, to.way)
    price = sum_of([goods, way.price]) if way is not None else goods
    asked = payment.asked_for(price, guest=guest, assurance=assurance, since=now)
    usual = stated.standard(country)
    date = date_of(offer, variant, usual, not_before=begins_after(asked), now=now)
    dated = [date and redirected(date, one.way.to()) for one in found]
    if way is not None:
        date = dated[found.index(way)]
    return Checkout(
        token, offer, selection, variant, price, date, country, quote_token, asked,
        assurance_offers(offer, variant, usual, payment.choice(price, guest=guest, since=now), way, now=now),
        tuple(
            replace(one, dates=(day.arrives_on if day is not None else None,))
            for one, day in zip(found, dated, strict=True)
        ),
        way, way is not None or not ways.stated,
    )


def assurance_offers(
    offer: Offer, variant: Variant, usual: Destination, choice: Iterable[Asked], way: WayOffer | None, *,
    now: datetime | None = None,
) -> tuple[AssuranceOffer, ...]:
    """What an order of one unit could wait for, each with the day on which it would then be there by this way.

    `usual`: where it goes as long as no way is chosen.
    """
    found = []
    for asked in choice:
        date = date_of(offer, variant, usual, not_before=asked.due_at, now=now)
        if date is not None and way is not None:
            date = redirected(date, way.way.to())
        found.append(AssuranceOffer(asked, date.arrives_on if date is not None else None))
    return tuple(found)
