"""What each option card says beside its name: what it would add to the price, and which decision speaks against it.

The price is that of the option's nearest completion. What speaks against it is read off the rules one by one; where
that is not certain, nothing is said. Which options can be had is decided by `solver.configuration.session`, never here.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import product
from threading import Lock

from catalog.memo import Memo
from catalog.offer import Offer
from catalog.price import Price, additive_costs, amount_of_item, gross_of, groups_priced
from catalog.reckon import Reckoning
from catalog.state import Wish, names_asked, wishes
from solver.configuration.check import answers, rule_holds
from solver.configuration.nearest import nearest_completions
from solver.configuration.problem import (
    Choose,
    Decision,
    Enter,
    GroupId,
    OptionId,
    ParameterId,
    Rule,
    TableRule,
    Variant,
)

Pair = tuple[GroupId, OptionId]
Domains = dict[GroupId, frozenset[OptionId]]
TABLE_ROWS = 20_000  # a rule over more combinations than this gives no reasons
KEPT = 4_000  # answers of each kind that are remembered for an offer
PAGES = 32  # whose differences are remembered: a refused click, a reload and a step back show one of them again


@dataclass(slots=True)
class RuleIndex:
    """An offer's rules by group, with what they said of the combinations asked so far."""

    offer: Offer
    exactly_one: frozenset[GroupId]
    options: Mapping[GroupId, tuple[OptionId, ...]]
    rules: tuple[Rule, ...]
    groups_of: tuple[tuple[GroupId, ...], ...]
    parameters_of: tuple[tuple[ParameterId, ...], ...]
    rules_of: Mapping[GroupId, tuple[int, ...]]
    costs: Mapping[Pair | ParameterId, int]
    wishes: tuple[Wish, ...]
    measures: tuple[Enter, ...]  # defaults of the numbers of many values that are always asked for
    single: Mapping[Pair, frozenset[OptionId]]
    tables: Mapping[int, tuple[tuple[OptionId, ...], ...]]
    items_of: Mapping[str, tuple[int, ...]]  # a group, parameter or text -> the price items that ask it
    _held: list[dict[tuple[object, ...], bool]]
    _closures: dict[frozenset[Pair], Domains] = field(default_factory=dict)
    presets: dict[tuple[str, str], Price | None] = field(default_factory=dict)  # (preset, country) -> what it costs
    standings: Memo[Variant] = field(default_factory=lambda: Memo(256))
    pages: Memo[Mapping[Pair, Difference]] = field(default_factory=lambda: Memo(PAGES))

    def holds(
        self, rule: int, chosen: Mapping[GroupId, frozenset[OptionId]], numbers: Mapping[ParameterId, int]
    ) -> bool:
        """Whether this rule holds for what is chosen and entered."""
        key = (*[chosen[g] for g in self.groups_of[rule]], *[numbers[p] for p in self.parameters_of[rule]])
        known = self._held[rule]
        held = known.get(key)
        if held is None:
            held = self._ask(rule, chosen, numbers)
            if len(known) < TABLE_ROWS:
                known[key] = held
        return held

    def _ask(
        self, rule: int, chosen: Mapping[GroupId, frozenset[OptionId]], numbers: Mapping[ParameterId, int]
    ) -> bool:
        part = Variant(
            {g: chosen[g] for g in self.groups_of[rule]}, {p: numbers[p] for p in self.parameters_of[rule]}
        )
        return rule_holds(self.rules[rule], answers(self.offer.problem, part), part)

    def closure(self, pairs: frozenset[Pair]) -> Domains:
        """The options that remain beside these, rule by rule until nothing more falls out (or a group is empty)."""
        known = self._closures.get(pairs)
        if known is None:
            known = self._propagate(pairs)
            if len(self._closures) < KEPT:
                self._closures[pairs] = known
        return known

    def _propagate(self, pairs: frozenset[Pair]) -> Domains:
        domains: Domains = {group: frozenset(options) for group, options in self.options.items()}
        for group, option in pairs:
            domains[group] = domains[group] & {option}
        return self._settled(domains, set(self.tables))

    def _settled(self, domains: Domains, waiting: set[int]) -> Domains:
        """Drop from the domains what these rules exclude, and what follows from that."""
        while waiting:
            rule = waiting.pop()
            groups = self.groups_of[rule]
            now = [domains[group] for group in groups]
            rows = [row for row in self.tables[rule] if all(map(frozenset.__contains__, now, row))]
            for column, group in enumerate(groups):
                left = domains[group] & {row[column] for row in rows}
                if left != domains[group]:
                    domains[group] = left
                    if not left:
                        return domains
                    waiting.update(r for r in self.rules_of[group] if r in self.tables and r != rule)
        return domains


def _build(offer: Offer) -> RuleIndex:
    problem = offer.problem
    exactly_one = frozenset(g.id for g in problem.groups if g.exactly_one)
    options = {g.id: g.options for g in problem.groups if g.id in exactly_one}
    groups_of: list[tuple[GroupId, ...]] = []
    parameters_of: list[tuple[ParameterId, ...]] = []
    order = {g.id: position for position, g in enumerate(problem.groups)}
    for rule in problem.constraints:
        if isinstance(rule, TableRule):
            groups_of.append(rule.groups)
            parameters_of.append(())
            continue
        names = names_asked(problem, rule.expression)
        groups_of.append(tuple(sorted((GroupId(n) for n in names if n in order), key=order.__getitem__)))
        parameters_of.append(tuple(sorted(ParameterId(name) for name in names if name not in order)))
    wished = wishes(offer.product, problem)
    rules_of: dict[GroupId, list[int]] = {g.id: [] for g in problem.groups}
    for number, groups in enumerate(groups_of):
        for group in groups:
            rules_of[group].append(number)
    index = RuleIndex(
        offer=offer,
        exactly_one=exactly_one,
        options=options,
        rules=problem.constraints,
        groups_of=tuple(groups_of),
        parameters_of=tuple(parameters_of),
        rules_of={group: tuple(numbers) for group, numbers in rules_of.items()},
        costs=additive_costs(offer.prices, problem),
        wishes=wished,
        measures=tuple(
            wish.decision
            for wish in wished
            if isinstance(wish.decision, Enter)
            and wish.when is None
            and wish.decision.parameter in offer.compiled.names.number
        ),
        single={(group, option): frozenset((option,)) for group, members in options.items() for option in members},
        tables={},
        items_of=_price_index(offer),
        _held=[{} for _rule in problem.constraints],
    )
    rules = range(len(problem.constraints))
    index.tables = {number: rows for number in rules if (rows := _rows(index, number)) is not None}
    return index


def _price_index(offer: Offer) -> dict[str, tuple[int, ...]]:
    """The positions of the price items by what they ask."""
    found: dict[str, list[int]] = {}
    for position, names in enumerate(groups_priced(offer.prices, offer.problem)):
        for name in names:
            found.setdefault(name, []).append(position)
    return {name: tuple(positions) for name, positions in found.items()}


def _rows(index: RuleIndex, rule: int) -> tuple[tuple[OptionId, ...], ...] | None:
    """The combinations that a rule allows; None if it speaks of numbers, of groups of several, or of too many."""
    groups = index.groups_of[rule]
    if index.parameters_of[rule] or not index.exactly_one.issuperset(groups):
        return None
    size = 1
    for group in groups:
        size *= len(index.options[group])
    if size > TABLE_ROWS:
        return None
    return tuple(
        row
        for row in product(*(index.options[group] for group in groups))
        if index.holds(rule, {g: index.single[g, o] for g, o in zip(groups, row, strict=True)}, {})
    )


# --- reasons ----------------------------------------------------------------------------------------------------------


def _pairs(index: RuleIndex, decisions: Iterable[Decision]) -> tuple[Pair, ...]:
    """The decisions that name one option of a group of exactly one, the newest first."""
    chosen = [
        (d.group, d.option) for d in decisions if isinstance(d, Choose) and d.chosen and d.group in index.exactly_one
    ]
    return tuple(reversed(chosen))


def why_excluded(
    index: RuleIndex, decisions: tuple[Decision, ...], group: GroupId, option: OptionId
) -> tuple[Pair, ...]:
    """A smallest set of decisions beside which the option cannot be; () if the rules one by one do not tell."""
    return _fewest(index, _pairs(index, decisions), group, lambda left: option not in left)


def why_implied(
    index: RuleIndex, decisions: tuple[Decision, ...], group: GroupId, option: OptionId
) -> tuple[Pair, ...]:
    """A smallest set of decisions that leave only this option; () if the rules one by one do not tell."""
    return _fewest(index, _pairs(index, decisions), group, lambda left: left == frozenset((option,)))


def _fewest(
    index: RuleIndex, pairs: tuple[Pair, ...], group: GroupId,
    tells: Callable[[frozenset[OptionId]], bool],
) -> tuple[Pair, ...]:
    if group not in index.exactly_one:
        return ()
    others = tuple(pair for pair in pairs if pair[0] != group)
    for pair in others:
        if tells(index.closure(frozenset((pair,)))[group]):
            return (pair,)
    kept = list(others)
    if not tells(index.closure(frozenset(kept))[group]):
        return ()
    for pair in others:
        without = [other for other in kept if other != pair]
        if tells(index.closure(frozenset(without))[group]):
            kept = without
    return tuple(kept)


# --- differences ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Difference:
    """What choosing an option would change.

    `also`: the other groups that would get another option; `numbers`: the numbers that would be others; `nearest`: the
    nearest completion, beside the standing one.
    """

    gross_minor: int
    also: tuple[Pair, ...]
    numbers: tuple[tuple[ParameterId, int], ...]
    nearest: Reckoning


def differences(
    offer: Offer,
    decisions: tuple[Decision, ...],
    prefer: Mapping[Decision, int],
    standing: Variant,
    price: Price,
    country: str,
    wanted: Iterable[Pair],
    seconds: float,
) -> Mapping[Pair, Difference]:
    """For each wanted option the price of its nearest completion, minus that of the standing one, and what it changes.

    An option whose completion was not found in time is left out.
    """
    index, wanted = index_of(offer), tuple(wanted)
    page = (decisions, frozenset(prefer.items()), country, wanted, *_said(standing))
    if (known := index.pages.get(page)) is not None:
        return known
    nearest = nearest_completions(
        offer.compiled, decisions, standing, wanted=wanted, prefer=prefer, costs=index.costs, seconds=seconds
    )
    gross, total = price.gross, sum(item.amount_minor for item in price.items)
    reckoned = Reckoning(offer.problem, standing)
    found: dict[Pair, Difference] = {}
    priced: dict[int, int] = {}
    beyond = Beyond(index)
    for pair, changes in nearest.items():
        beside = reckoned.beside(changes.of(standing), changes.questions)
        more = beyond.more(beside)
        if more not in priced:
            priced[more] = gross_of(offer.prices, total + more, country=country) - gross
        also = ((group, option) for group, chosen in changes.chosen.items() for option in sorted(chosen))
        others = tuple(one for one in also if one != pair and one[1] not in standing.chosen[one[0]])
        numbers = tuple((name, number) for name, number in changes.numbers.items() if number != standing.numbers[name])
        found[pair] = Difference(priced[more], others, numbers, beside)
    return index.pages.put(page, found) if len(found) == len(wanted) else found


def _said(variant: Variant) -> tuple[object, ...]:
    return tuple(variant.chosen.items()), tuple(variant.numbers.items()), tuple(variant.texts.items())


@dataclass(frozen=True, slots=True)
class Beyond:
    """What variants beside one and the same cost more than that one, by the items that differ."""

    index: RuleIndex
    stands: dict[int, int] = field(default_factory=dict)  # that one's amounts by the positions of their items

    def more(self, asked: Reckoning) -> int:
        """In minor units, before tax is counted."""
        prices, one = self.index.offer.prices, asked.nearby
        assert one is not None
        more = 0
        for k in {position for name in asked.changed for position in self.index.items_of.get(name, ())}:
            if (stood := self.stands.get(k)) is None:
                stood = self.stands[k] = amount_of_item(prices, k, one)
            more += amount_of_item(prices, k, asked) - stood
        return more


# --- kept in the process ----------------------------------------------------------------------------------------------

_lock = Lock()
_indexes: OrderedDict[tuple[int, int, int, int], RuleIndex] = OrderedDict()


def index_of(offer: Offer) -> RuleIndex:
    """The index of an offer's rules, built once. Revisions never change, so it is never out of date."""
    key = (offer.company_id, offer.product_revision_id, offer.price_list_revision_id, offer.manufacturing_revision_id)
    with _lock:
        known = _indexes.get(key)
        if known is not None and known.offer is offer:
            _indexes.move_to_end(key)
            return known
    built = _build(offer)
    with _lock:
        _indexes[key] = built
        while len(_indexes) > 64:
            _indexes.popitem(last=False)
    return built
