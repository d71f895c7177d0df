"""The address of a configuration: own decisions in their order, where it goes, what one step back would be."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote

from catalog.offer import Offer
from configurator.sales.configurations import TEXTS_TOKEN, is_number, query_of, selection_from_query
from solver.configuration.problem import Decision

# Names with a hyphen can never be the code of a group, a parameter or a text.
SHIP_TO = "ship-to"
STEPS_BACK = "step-back"
STEPS_AHEAD = "steps-ahead"
REVISED_QUOTE = "quote-id"
CART_ITEM = "cart-item"
COMPARED = "compare-with"
AS_OFFERED = "as-offered"
_APART = "|"  # between two configurations that are compared, and between two steps
MOST_BESIDE = 3  # configurations that are kept beside the present one
MOST_STEPS = 12  # that can be undone exactly, or made again
Step = tuple[tuple[str, str], ...]  # (name, value) of what a step changes; "" takes a decision back
_STEP = re.compile(r"[a-z0-9_-]{1,40}:[a-z0-9_,-]{0,200}(;[a-z0-9_-]{1,40}:[a-z0-9_,-]{0,200}){0,39}", re.IGNORECASE)
_NOT_CHOICES = frozenset({TEXTS_TOKEN, "lang"})


@dataclass(frozen=True, slots=True)
class Address:
    """What one address of the configuring page says.

    Attributes
    ----------
    choices: what each group or parameter is given, as `sales.configurations.query_of` writes it, oldest first
    behind: what the last steps changed, as it was before each, the last one first
    ahead: the steps that were undone, the last one first
    cart_item: the item of the cart that is being changed
    beside: other configurations that were kept to compare, each as `compact` writes it
    offered: the revisions that it was made under, as `offered_as` writes them
    """

    product: str
    choices: Mapping[str, str] = field(default_factory=dict)
    country: str = ""
    token: str = ""
    behind: tuple[Step, ...] = ()
    ahead: tuple[Step, ...] = ()
    quote_id: str = ""
    cart_item: str = ""
    beside: tuple[str, ...] = ()
    offered: str = ""

    def choose(self, group: str, option: str) -> Address:
        """The address after this option was chosen in a group of exactly one."""
        return self._set(group, option)

    def toggle(self, group: str, option: str) -> Address:
        """The address after this option was added to, or taken from, a group of several."""
        parts = [part for part in self.choices.get(group, "").split(",") if part]
        if option in parts:
            parts.remove(option)
        else:
            parts = [part for part in parts if part != f"-{option}"] + [option]
        return self._set(group, ",".join(parts))

    def clear(self, name: str) -> Address:
        """The address after the decision on a group or parameter was taken back."""
        return self._set(name, "")

    def with_choices(self, choices: Mapping[str, str]) -> Address:
        """The address with other choices, one step back being the present ones."""
        names = [*self.choices, *(name for name in choices if name not in self.choices)]
        changed = tuple(
            (name, self.choices.get(name, "")) for name in names if self.choices.get(name) != choices.get(name)
        )
        return self._after(changed, choices=dict(choices))

    def with_token(self, token: str) -> Address:
        """The address with other typed texts."""
        return self._after(((TEXTS_TOKEN, self.token),), token=token)

    def with_decisions(self, decisions: Iterable[Decision]) -> Address:
        """The address with other decisions, one step back being the present ones."""
        return self.with_choices(query_of(tuple(decisions)))

    def back(self) -> Address:
        """The address one step earlier: what the last step changed is put back, else the newest choice goes."""
        step = self.behind[0] if self.behind else tuple((name, "") for name in list(self.choices)[-1:])
        made, undone = self._made(step)
        return replace(made, behind=self.behind[1:], ahead=(undone, *self.ahead)[:MOST_STEPS] if step else self.ahead)

    def forward(self) -> Address:
        """The address with the step that was undone last made again."""
        made, before = self._made(self.ahead[0])
        return replace(made, behind=(before, *self.behind)[:MOST_STEPS], ahead=self.ahead[1:])

    def with_last_step(self, step: Step) -> Address:
        """The same address, as if the last step had changed this; nothing: as if it had not been made."""
        return replace(self, behind=(step, *self.behind[1:]) if step else self.behind[1:])

    def _made(self, step: Step) -> tuple[Address, Step]:
        """The address after a step, and the step that takes it back."""
        choices, token = dict(self.choices), self.token
        for name, value in step:
            if name == TEXTS_TOKEN:
                token = value
                continue
            choices.pop(name, None)
            if value:
                choices[name] = value
        now = {**self.choices, TEXTS_TOKEN: self.token}
        return replace(self, choices=choices, token=token), tuple((name, now.get(name, "")) for name, _value in step)

    def _after(self, step: Step, **changed: Any) -> Address:
        """The address with something changed, which this step would take back."""
        return replace(self, **changed, behind=(step, *self.behind)[:MOST_STEPS], ahead=())

    @property
    def can_go_back(self) -> bool:
        """Whether there is a step to undo."""
        return bool(self.behind or self.choices)

    def restarted(self) -> Address:
        """The address with nothing chosen; texts stay out of it too."""
        empty = self.with_choices({})
        typed = ((TEXTS_TOKEN, self.token),) if self.token else ()
        return replace(empty, token="").with_last_step((*empty.behind[0], *typed))

    @property
    def is_kept(self) -> bool:
        """Whether the present configuration is among those to compare."""
        return compact(self.choices) in self.beside

    def keeping(self) -> Address:
        """The address that keeps the present configuration to compare it later."""
        return self if self.is_kept else replace(self, beside=(*self.beside, compact(self.choices)))

    def letting_go(self, kept: str) -> Address:
        """The address without one of those that were kept."""
        return replace(self, beside=tuple(other for other in self.beside if other != kept))

    def query(self) -> str:
        """The query, ready for an `href` once `&` is escaped."""
        pairs = [*self.choices.items(), *self.rest()]
        return "&".join(f"{name}={quote(value, safe=',:;')}" for name, value in pairs)

    def rest(self) -> list[tuple[str, str]]:
        """What the query says beside the choices."""
        pairs = []
        if self.country:
            pairs.append((SHIP_TO, self.country))
        if self.token:
            pairs.append((TEXTS_TOKEN, self.token))
        if self.quote_id:
            pairs.append((REVISED_QUOTE, self.quote_id))
        if self.cart_item:
            pairs.append((CART_ITEM, self.cart_item))
        if self.beside:
            pairs.append((COMPARED, _APART.join(self.beside)))
        if self.behind:
            pairs.append((STEPS_BACK, steps_of(self.behind)))
        if self.ahead:
            pairs.append((STEPS_AHEAD, steps_of(self.ahead)))
        if self.offered:
            pairs.append((AS_OFFERED, self.offered))
        return pairs

    @property
    def earlier_steps(self) -> str:
        """What a link of one more step has after that one in the value of `STEPS_BACK`."""
        return "".join(f"{_APART}{step_back(step)}" for step in self.behind[: MOST_STEPS - 1])

    def _set(self, name: str, value: str) -> Address:
        choices = {other: kept for other, kept in self.choices.items() if other != name}
        if value:
            choices[name] = value
        return self._after(((name, self.choices.get(name, "")),), choices=choices)


def link_to_choices(
    product: str, decisions: tuple[Decision, ...], country: str, *, token: str = "", quote_id: int | None = None,
    cart_item: int | None = None, offered: str = "",
) -> str:
    """The configuring page with these decisions, and with the texts of a row's token.

    `offered`: as of `Address`.
    """
    address = Address(
        product, query_of(decisions), country, token, quote_id=str(quote_id or ""), cart_item=str(cart_item or ""),
        offered=offered,
    )
    return f"/products/{product}?{address.query()}"


def offered_as(product_revision_id: int, price_list_revision_id: int) -> str:
    """The revisions that an address is made under, as one value of it."""
    return f"{product_revision_id}-{price_list_revision_id}"


def _offered_before(text: str, now: str) -> tuple[int, int] | None:
    """The revisions that `offered_as` wrote, if they are others."""
    product, _dash, prices = text.partition("-")
    found = _digits(product), _digits(prices)
    return (int(found[0]), int(found[1])) if text != now and all(found) else None


def compact(choices: Mapping[str, str]) -> str:
    """Choices as one value of an address: `gears:hub_8;height:25`."""
    return step_back(choices.items())


def from_compact(text: str) -> dict[str, str]:
    """The choices that `compact` wrote; nobody has judged them yet."""
    return dict(part.split(":", 1) for part in text.split(";") if ":" in part)


def read_compared(text: str, most: int) -> tuple[str, ...]:
    """The configurations of a value of the address, the newest of too many."""
    return tuple(dict.fromkeys(part[:2000] for part in text.split(_APART) if part))[-most:]


def step_back(before: Iterable[tuple[str, str]]) -> str:
    """What one step changed, as it was before: `gears:hub_8;drive:`."""
    return ";".join(f"{name}:{value}" for name, value in before)


def steps_of(steps: Iterable[Step]) -> str:
    """Steps as one value of the address, the last one first: `gears:hub_8;drive:|colour:`."""
    return _APART.join(map(step_back, steps))


@dataclass(frozen=True, slots=True)
class Reading:
    """What an address says under an offer.

    `gone`: names that this catalog does not have (any more). `mistyped`: parameter -> what was typed for it and is no
    whole number; the address has the number of before then. `before`: the product and price list revisions that the
    address was made under, if these are others than today's. `query`: as it spells its choices.
    """

    address: Address
    decisions: tuple[Decision, ...]
    gone: tuple[str, ...] = ()
    mistyped: Mapping[str, str] = field(default_factory=dict)
    before: tuple[int, int] | None = None
    query: Mapping[str, str] = field(default_factory=dict)


def read_address(offer: Offer, query: Mapping[str, str], *, countries: tuple[str, ...], country: str) -> Reading:
    """The address that a query spells; `country` where the query names none that is served."""
    mistyped = {
        str(one.id): query[one.id][:40] for one in offer.problem.parameters if not is_number(query.get(one.id, ""))
    }
    behind = _read_steps(offer, query.get(STEPS_BACK, ""))
    if mistyped:  # the step was not made
        kept = {name: value for step in behind[:1] for name, value in step if name in mistyped and value}
        query = {name: value for name, value in query.items() if name not in mistyped} | kept
        behind = behind[1:]
    selection, unknown = selection_from_query(offer, query, {})
    known = {str(group.id) for group in offer.problem.groups} | {str(p.id) for p in offer.problem.parameters}
    gone = [*unknown, *(name for name in query if name not in known and "-" not in name and name not in _NOT_CHOICES)]
    wanted, offered = query.get(SHIP_TO, ""), offered_as(offer.product_revision_id, offer.price_list_revision_id)
    address = Address(
        product=offer.product.code,
        choices=query_of(selection.decisions),
        country=wanted if wanted in countries else country,
        token=query.get(TEXTS_TOKEN, "")[:40],
        behind=behind,
        ahead=_read_steps(offer, query.get(STEPS_AHEAD, "")),
        quote_id=_digits(query.get(REVISED_QUOTE, "")),
        cart_item=_digits(query.get(CART_ITEM, "")),
        beside=read_compared(query.get(COMPARED, ""), MOST_BESIDE),
        offered=offered,
    )
    return Reading(
        address, selection.decisions, tuple(name[:60] for name in gone[:5]), mistyped,
        _offered_before(query.get(AS_OFFERED, ""), offered), query,
    )


def _digits(text: str) -> str:
    """The id of a row, if it can be one."""
    return text if re.fullmatch(r"[0-9]{1,10}", text) and int(text) < 2**31 else ""


def _read_steps(offer: Offer, text: str) -> tuple[Step, ...]:
    """Steps that a query names: the first as this catalog knows it, the others as far as they look like steps."""
    first, *others = text.split(_APART)
    rest = (tuple(from_compact(step).items()) for step in others if _STEP.fullmatch(step))
    return tuple(filter(None, (_read_step(offer, first), *rest)))[:MOST_STEPS]


def _read_step(offer: Offer, text: str) -> Step:
    pairs = from_compact(text)
    if not pairs:
        return ()
    known = {str(group.id) for group in offer.problem.groups} | {str(p.id) for p in offer.problem.parameters}
    filled = {name: value for name, value in pairs.items() if value and name in known}
    good = query_of(selection_from_query(offer, filled, {})[0].decisions)
    return tuple(
        (name, value[:40] if name == TEXTS_TOKEN else good.get(name, ""))
        for name, value in pairs.items()
        if name in known or name == TEXTS_TOKEN
    )
