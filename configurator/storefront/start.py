"""Where to start: complete configurations by need, budget and date - cheapest, soonest, nearest, most chosen."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from enum import StrEnum
from operator import itemgetter
from threading import Lock
from time import monotonic

from catalog.offer import Offer
from catalog.price import Price, quote_price
from catalog.products import NeedContent
from catalog.reckon import Reckoning
from catalog.state import decision_of, preset_decisions
from configurator.planning.arrivals import arrivals_each
from configurator.planning.promise import Destination, Forecast, forecast_each
from configurator.sales.delivery import standard_to
from configurator.sales.payment_terms import Asking, asking
from configurator.sales.popular import take_counts
from configurator.storefront.hints import Beyond, Pair, index_of
from configurator.storefront.service import TooManyQuestions, date_of, decided_by, standing_completion
from solver.configuration.check import answers
from solver.configuration.complete import complete
from solver.configuration.explain import Conflicting
from solver.configuration.goals import completions
from solver.configuration.nearest import nearest_completions
from solver.configuration.problem import Choose, Decision, Enter, GroupId, OptionId, Variant
from solver.configuration.question import Clock, OutOfTime

SECONDS = 3.0  # for all of a page, so that an answer comes also where not everything was tried
LONGER = 10.0  # where that was the case, and somebody waits for the rest: one at a time in a process
COMPARED = 4  # configurations side by side, at most
_DATING = 0.5  # seconds for dates, however late it is
_NEED = 8  # what an answered need weighs against a default
_DIFFERENT = 3  # other completions that are tried for the earliest date
_ROUNDS = 24  # of steps to something cheaper, or earlier
_OFTEN = 3  # what the answer that was ordered most weighs more than a default

Key = tuple[float, float]  # what is less is better
_Neighbour = tuple[int, Pair, Reckoning]  # what it costs more, the option that it has, and it beside the best

_longer = Lock()


class Aim(StrEnum):
    """What a suggestion is the best at."""

    NEAREST = "nearest"
    CHEAPEST = "cheapest"
    SOONEST = "soonest"
    MOST_CHOSEN = "most_chosen"


@dataclass(frozen=True, slots=True)
class Column:
    """A complete configuration beside others. `decisions`: what leads back to it."""

    variant: Variant
    decisions: tuple[Decision, ...]
    price: Price
    date: Forecast | None
    aims: tuple[Aim, ...] = ()


@dataclass(frozen=True, slots=True)
class Wanted:
    """What somebody needs: own decisions, answers about the use, at most so much (minor units, gross), by that day."""

    decisions: tuple[Decision, ...] = ()
    needs: Mapping[str, str] = field(default_factory=dict)
    budget: int | None = None
    by: date | None = None

    def fits(self, column: Column) -> bool:
        """Whether a configuration keeps to budget and day."""
        within = self.budget is None or column.price.gross <= self.budget
        return within and (self.by is None or (column.date is not None and column.date.arrives_on <= self.by))


@dataclass(frozen=True, slots=True)
class Suggested:
    """The suggestions that fit, each aim once. `beside`: where none does, the cheapest and the soonest all the same.

    `impossible`: what was answered does not go together at all. `hurried`: not everything could be tried in time.
    """

    columns: tuple[Column, ...]
    beside: tuple[Column, ...] = ()
    impossible: bool = False
    hurried: bool = False


def wished_by_needs(asked: Iterable[NeedContent], needs: Mapping[str, str]) -> dict[Decision, int]:
    """The wishes that go with the answers about the use."""
    found: dict[Decision, int] = {}
    for need in asked:
        for answer in need.answers:
            if needs.get(need.id) == answer.id:
                for name, choice in answer.choices.items():
                    found[decision_of(name, choice)] = _NEED
    return found


def suggest(
    offer: Offer, wanted: Wanted, country: str, *, guest: bool | None = None, longer: bool = False,
    now: datetime | None = None,
) -> Suggested:
    """Complete configurations for what is wanted, made by the solver and dated by the present schedule.

    A number that is needed and was left open is the same in all of them, as long as one of them fits: the room, or the
    water, is given, and what they differ in is the answer to it. `guest`: as of `service.click`. `longer`: with the
    time that was missing, if nobody else is at it. Raises service.TooManyQuestions if the time did not suffice for a
    single one.
    """
    buyer = asking(offer.company_id, guest=guest, now=now)
    if longer and _longer.acquire(blocking=False):
        try:
            return _within(LONGER, offer, wanted, country, buyer, now)
        finally:
            _longer.release()
    return _within(SECONDS, offer, wanted, country, buyer, now)


def _within(
    seconds: float, offer: Offer, wanted: Wanted, country: str, buyer: Asking, now: datetime | None
) -> Suggested:
    end = monotonic() + seconds
    needed = wished_by_needs(offer.product.needs, wanted.needs)
    try:
        first = standing_completion(offer, wanted.decisions, {}, wishes=needed)
    except Conflicting:
        return Suggested((), impossible=True)
    given = replace(wanted, decisions=(*wanted.decisions, *_left_open(offer, wanted, first)))
    found = _suggested(offer, given, country, needed, first, buyer, end, now)
    if found.columns or given == wanted:
        return found
    return _suggested(offer, wanted, country, needed, first, buyer, end, now)


def _left_open(offer: Offer, wanted: Wanted, first: Variant) -> Iterator[Decision]:
    """The numbers that are needed and were left open, as they stand."""
    said = {decision.question for decision in wanted.decisions}
    parameters = {str(parameter.id): parameter.id for parameter in offer.problem.parameters if parameter.when is None}
    for need in offer.product.needs:
        if need.id in parameters and need.id not in said:
            yield Enter(parameters[need.id], first.numbers[parameters[need.id]])


def _suggested(
    offer: Offer, wanted: Wanted, country: str, needed: Mapping[Decision, int], first: Variant, buyer: Asking,
    end: float, now: datetime | None,
) -> Suggested:
    to = standard_to(offer.company_id, country)
    counts = take_counts(offer.company_id, offer.product.code)
    popular = _popular(offer, wanted, counts, needed) if counts else None
    pool = _distinct([first, *([popular] if popular is not None else []), *_others(offer, wanted, needed, end)])
    search = _Search(offer, wanted, needed, to, buyer, end, now)
    pool = [variant for variant in pool if search.meets(variant, first)]
    cheapest = search.cheaper(min((search.column(variant) for variant in pool), key=_price))
    columns = search.dated([cheapest.variant, *pool])
    columns = [*columns, search.sooner(min(columns, key=_arrival))]
    fitting = [column for column in columns if wanted.fits(column)]
    if not fitting:
        beside = [(Aim.CHEAPEST, min(columns, key=_price)), (Aim.SOONEST, min(columns, key=_arrival))]
        return Suggested((), _aimed(beside), hurried=search.hurried)
    best = [(Aim.NEAREST, next((c for c in fitting if c.variant == first), None) or _nearest(fitting, first))]
    best += [(Aim.CHEAPEST, min(fitting, key=_price)), (Aim.SOONEST, min(fitting, key=_arrival))]
    chosen = [column for column in fitting if column.variant == popular]
    return Suggested(
        _aimed([*best, *((Aim.MOST_CHOSEN, column) for column in chosen[:1])]), hurried=search.hurried
    )


def compared(
    offer: Offer, several: Sequence[tuple[Decision, ...]], country: str, *, guest: bool | None = None,
    now: datetime | None = None,
) -> tuple[Column, ...]:
    """Configurations as they are completed today, in their order; those that do not hold together are left out.

    `guest`: as of `service.click`.
    """
    found, to = [], standard_to(offer.company_id, country)
    buyer = asking(offer.company_id, guest=guest, now=now)
    for decisions in several[:COMPARED]:
        try:
            variant = standing_completion(offer, decisions, {})
        except Conflicting:
            continue
        price = quote_price(offer.prices, offer.problem, variant, country=country)
        date = date_of(offer, variant, to, not_before=buyer.not_before(price), now=now)
        found.append(Column(variant, decisions, price, date))
    return tuple(found)


# --- candidates -------------------------------------------------------------------------------------------------------


def _popular(
    offer: Offer, wanted: Wanted, counts: Mapping[tuple[GroupId, OptionId], int], needed: Mapping[Decision, int]
) -> Variant | None:
    """Of each question the answer that was ordered most, as far as they go together."""
    groups = {group.id for group in offer.problem.groups if group.exactly_one}
    most = max(counts.values())
    prefer: dict[Decision, int] = {
        Choose(group, option): 1 + round(_OFTEN * count / most)
        for (group, option), count in counts.items()
        if group in groups and option in offer.problem.group_by_id[group].options
    }
    try:
        return standing_completion(offer, wanted.decisions, {}, wishes={**prefer, **needed})
    except (Conflicting, TooManyQuestions):
        return None


def _others(offer: Offer, wanted: Wanted, needed: Mapping[Decision, int], end: float) -> list[Variant]:
    """The cheapest by what options cost alone, some that differ from it, and the presets beside what is wanted."""
    found: list[Variant] = []
    try:
        seconds = max(0.2, (end - monotonic()) / 4)
        found += completions(
            offer.compiled, wanted.decisions, count=_DIFFERENT, apart=2, prefer=needed, costs=index_of(offer).costs,
            seconds=seconds,
        )
    except (Conflicting, OutOfTime):
        pass
    decided = {decision.question for decision in wanted.decisions}
    for preset in offer.product.presets:
        more = tuple(d for d in preset_decisions(offer.product, preset.id) if d.question not in decided)
        together = (*wanted.decisions, *more)
        if monotonic() < end and offer.compiled.possible(together, Clock.of(0.3)):
            found.append(standing_completion(offer, together, {}, wishes=needed))
    return found


@dataclass(slots=True)
class _Search:
    """Looks for something cheaper or sooner, as long as there is time. `hurried`: there was not enough of it."""

    offer: Offer
    wanted: Wanted
    needed: Mapping[Decision, int]
    to: Destination
    buyer: Asking
    end: float
    now: datetime | None
    hurried: bool = False
    _known: list[tuple[Variant, list[_Neighbour]]] = field(default_factory=list)

    def column(self, variant: Variant) -> Column:
        """Without its date."""
        offer = self.offer
        price = quote_price(offer.prices, offer.problem, variant, country=self.to.country)
        return Column(variant, leading_to(offer, variant, self.wanted.decisions), price, None)

    def dated(self, variants: Sequence[Variant]) -> list[Column]:
        """With their dates; what time does not suffice for is left out (never the first)."""
        end = monotonic() + max(_DATING, self.end - monotonic())
        columns = [self.column(variant) for variant in variants]
        by_start: dict[datetime | None, list[int]] = {}
        for place, column in enumerate(columns):
            by_start.setdefault(self.buyer.not_before(column.price), []).append(place)
        dated: dict[int, Column] = {}
        for since, places in by_start.items():
            dates = forecast_each(
                self.offer, [variants[place] for place in places], self.to, seconds=end - monotonic(),
                not_before=since, now=self.now,
            )
            dated |= {place: replace(columns[place], date=when) for place, when in zip(places, dates, strict=False)}
        self.hurried |= len(dated) < len(columns)
        return [dated[place] for place in sorted(dated)]

    def meets(self, variant: Variant, other: Variant) -> bool:
        """Whether it has what was decided (neighbours change that too), and of what is needed as much as the other."""
        decided = all(decided_by(variant, decision) for decision in self.wanted.decisions)
        return decided and all(decided_by(variant, wish) or not decided_by(other, wish) for wish in self.needed)

    def cheaper(self, start: Column) -> Column:
        """The end of steps to something cheaper: to one option more or, where none helps, to an option or number less.

        What would have helped before the last step is tried first; all are, before it ends.
        """
        best, hopeful = start, None
        for _round in range(_ROUNDS):
            if self._is_late():
                break
            better = sorted((one for one in self._neighbours(best, hopeful) if one[0] < 0), key=itemgetter(0))
            if not better and hopeful is not None:
                hopeful = None
                continue
            beyond, base = Beyond(index_of(self.offer)), self._reckoned(best)
            leaner = (one for one in self._leaner(best) if beyond.more(base.beside(one)) < 0)
            found = better[0][2].variant if better else next(leaner, None)
            step = best if found is None else self.column(found)
            if _price(step) >= _price(best):
                break
            best, hopeful = step, [pair for _, pair, _ in better[1:]] or None
        return best

    def sooner(self, start: Column) -> Column:
        """The end of steps to something that arrives earlier, or as early and is cheaper."""
        best = start
        for _round in range(_ROUNDS):
            left = self.end - monotonic()
            if self._is_late():
                break
            neighbours = self._neighbours(best)
            asked = [reckoned for _, _, reckoned in neighbours]
            since = self.buyer.not_before(best.price)
            days = arrivals_each(self.offer, asked, self.to, seconds=left / 2, not_before=since, now=self.now)
            self.hurried |= len(days) < len(asked)
            around = enumerate(zip(neighbours, days, strict=False))
            found = [(day, more, place) for place, ((more, _, _), day) in around if day is not None]
            if not found:
                break
            (step,) = self.dated([asked[min(found)[2]].variant])
            if _arrival(step) >= _arrival(best):
                break
            best = step
        return best

    def _is_late(self) -> bool:
        late = monotonic() >= self.end
        self.hurried |= late
        return late

    def _neighbours(self, best: Column, wanted: Sequence[Pair] | None = None) -> list[_Neighbour]:
        """With one option more each (of those that are wanted), as little else changed as possible, each once."""
        for variant, known in self._known:
            if variant == best.variant:
                return known if wanted is None else [one for one in known if one[1] in wanted]
        near = nearest_completions(
            self.offer.compiled, self.wanted.decisions, best.variant, costs=index_of(self.offer).costs, wanted=wanted,
            seconds=min(0.5, max(0.0, self.end - monotonic())),
        )
        beyond, base, found = Beyond(index_of(self.offer)), self._reckoned(best), list[_Neighbour]()
        for pair, change in near.items():
            variant = change.of(best.variant)
            if self.meets(variant, best.variant) and all(variant != other.variant for _, _, other in found):
                reckoned = base.beside(variant, change.questions)
                found.append((beyond.more(reckoned), pair, reckoned))
        if wanted is None:
            self._known.append((best.variant, found))
        return found

    def _reckoned(self, best: Column) -> Reckoning:
        return Reckoning(self.offer.problem, best.variant)

    def _leaner(self, best: Column) -> Iterator[Variant]:
        """The same with one option left out that may be, or with a number at its lowest; what follows goes along."""
        problem, said = self.offer.problem, {decision.question for decision in self.wanted.decisions}
        several = {group.id for group in problem.groups if not group.exactly_one}
        for decision in best.decisions:
            if decision.question in said or (self.end - monotonic()) <= 0:
                continue
            less: Decision
            if isinstance(decision, Choose):
                if decision.group not in several:
                    continue
                less = replace(decision, chosen=False)
            else:
                less = replace(decision, value=problem.parameter_by_id[decision.parameter].asked[0])
            others = [one for one in best.decisions if one is not decision]
            try:
                found = complete(
                    self.offer.compiled, (*self.wanted.decisions, less), prefer=others,
                    costs=index_of(self.offer).costs, seconds=0.3,
                )
            except (Conflicting, OutOfTime):
                continue
            if self.meets(found, best.variant):
                yield found


# --- columns ----------------------------------------------------------------------------------------------------------


def leading_to(offer: Offer, variant: Variant, first: tuple[Decision, ...]) -> tuple[Decision, ...]:
    """Decisions that say all that a variant answers, the given ones first: its address."""
    asked = answers(offer.problem, variant)
    decided = {decision.question for decision in first}
    found = list(first)
    for group in offer.problem.groups:
        if str(group.id) not in decided and (group.when is None or group.when.evaluate(asked)):
            found += (Choose(group.id, option) for option in group.options if option in variant.chosen[group.id])
    for parameter in offer.problem.parameters:
        if str(parameter.id) not in decided and (parameter.when is None or parameter.when.evaluate(asked)):
            found.append(decision_of(parameter.id, str(variant.numbers[parameter.id])))
    return tuple(found)


def _distinct(variants: Iterable[Variant]) -> list[Variant]:
    found: list[Variant] = []
    for variant in variants:
        if variant not in found:
            found.append(variant)
    return found


def _aimed(best: Sequence[tuple[Aim, Column]]) -> tuple[Column, ...]:
    """Each configuration once, with everything that it is the best at."""
    found: list[Column] = []
    for aim, column in best:
        place = next((i for i, other in enumerate(found) if other.variant == column.variant), None)
        if place is None:
            found.append(replace(column, aims=(aim,)))
        elif aim not in found[place].aims:
            found[place] = replace(found[place], aims=(*found[place].aims, aim))
    return tuple(found)


def _nearest(columns: Sequence[Column], first: Variant) -> Column:
    def apart(column: Column) -> int:
        variant = column.variant
        changed = sum(variant.chosen[group] != chosen for group, chosen in first.chosen.items())
        return changed + sum(variant.numbers[name] != number for name, number in first.numbers.items())

    return min(columns, key=apart)


def _price(column: Column) -> Key:
    return column.price.gross, 0


def _arrival(column: Column) -> Key:
    """By the day, then by the price: nobody pays more for the same day."""
    if column.date is None:
        return float("inf"), column.price.gross
    return column.date.arrives_on.toordinal(), column.price.gross
