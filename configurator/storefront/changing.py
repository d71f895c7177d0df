"""Changing a placed order: what is locked stays, what the buyer changes holds, the rest stays near to the order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from configurator import db
from configurator.errors import DomainError, NoDate
from configurator.planning.decoupling import TooLate, Window
from configurator.sales.changes import Changeable, NotChangeable, Terms, terms_of
from configurator.sales.configurations import Selection, save_configuration
from configurator.sales.delivery import standard_to
from configurator.sales.models import OrderState
from configurator.storefront.hints import index_of
from configurator.storefront.service import (
    Click,
    as_asked,
    checked_texts,
    decided_by,
    standing_completion,
    typed_texts,
    usable_files,
    usable_texts,
)
from solver.configuration.complete import decisions_of
from solver.configuration.explain import Conflict, Repair
from solver.configuration.problem import Choose, Decision, Enter, Variant
from solver.configuration.question import Clock
from solver.configuration.session import Session

_AS_ORDERED = 100  # the weight of an answer of the order; a default of the product weighs 1
_MEASURING = 0.5  # seconds to see whether a measure of the order can stay


@dataclass(frozen=True, slots=True)
class Refused:
    """A change that does not hold beside what is locked and the other changes; `repairs` leave what is locked alone."""

    asked: Decision
    conflict: Conflict
    repairs: tuple[Repair, ...]


@dataclass(frozen=True, slots=True)
class Change:
    """The order as it would be.

    Attributes
    ----------
    decisions: the buyer's changes that hold together
    locked: what can no longer be changed, as decisions
    click: all of it as an answer of the configuring page, for its options
    refused: a change that cannot be made; it is not among the decisions
    terms: what it would come to; None if nothing is changed or `hindered` says why it cannot be
    late: changes asked for that come too late
    """

    asked: Changeable
    decisions: tuple[Decision, ...]
    locked: tuple[Decision, ...]
    click: Click
    refused: Refused | None
    terms: Terms | None
    hindered: DomainError | None
    late: tuple[Decision, ...]

    @property
    def variant(self) -> Variant:
        return self.click.standing

    @property
    def wishes(self) -> Mapping[Decision, int]:
        """What is not changed stays near to: the answers of the order, with their weights."""
        return _as_ordered(self.asked, self.click.decisions)

    @property
    def selection(self) -> Selection:
        """The buyer's own decisions: those of the order that still hold, and the changes."""
        new = {decision.question for decision in self.decisions}
        kept = (d for d in self.asked.decisions if d.question not in new and decided_by(self.variant, d))
        return Selection(self.asked.offer.product.code, (*kept, *self.decisions), self.variant.texts)


def changed(asked: Changeable, decisions: tuple[Decision, ...], texts_token: str = "") -> Change:
    """The order with these changes, and what it would come to."""
    locked = locked_decisions(asked)
    late = tuple(decision for decision in decisions if not _open(asked, decision))
    session = Session(asked.offer.compiled, locked, seconds=1.0)
    refused, held = None, []
    for decision in decisions:
        if decision in late:
            continue
        found = session.decide(decision)
        if isinstance(found, Conflict):
            refused = _refused(asked, decision, found, locked)
        else:
            held.append(decision)
    variant = _nearest(asked, tuple(held), session.decisions, _texts(asked, texts_token))
    terms, hindered = _terms(asked, variant)
    price = terms.price if terms is not None else asked.price
    to = standard_to(asked.offer.company_id, asked.country)
    click = Click(asked.offer, session.decisions, session.domains(), variant, price, None, to, books=())
    return Change(asked, tuple(held), locked, click, refused, terms, hindered, late)


def _terms(asked: Changeable, variant: Variant) -> tuple[Terms | None, DomainError | None]:
    if variant == asked.variant:
        return None, None
    try:
        return terms_of(asked, variant), None
    except (TooLate, NoDate, NotChangeable) as error:
        return None, error


def _open(asked: Changeable, decision: Decision) -> bool:
    """Whether the answer can still be given."""
    if isinstance(decision, Choose) and (window := asked.windows.options.get((decision.group, decision.option))):
        return window.open
    return decided_by(asked.variant, decision) or window_of_question(asked, decision.question).open


def window_of_question(asked: Changeable, question: str) -> Window:
    """How long a question's answer can be changed; a closed order's, not at all."""
    if asked.state != OrderState.CONFIRMED:
        return asked.windows.whole
    return asked.windows.questions[question]


def shown_window(asked: Changeable, question: str) -> Window:
    """How long a question's answer can be changed, with what has to change beside it."""
    if asked.state != OrderState.CONFIRMED:
        return asked.windows.whole
    return asked.windows.with_others.get(question, asked.windows.questions[question])


def locked_decisions(asked: Changeable) -> tuple[Decision, ...]:
    """Everything that can no longer be changed, as decisions."""
    return tuple(asked.windows.locked(asked.offer.problem, asked.variant))


def _refused(asked: Changeable, decision: Decision, conflict: Conflict, locked: tuple[Decision, ...]) -> Refused:
    kept = set(locked)
    repairs = (as_asked(asked.offer.problem, repair) for repair in conflict.repairs)
    return Refused(decision, conflict, tuple(r for r in repairs if kept.isdisjoint(c.old for c in r.changes)))


def _nearest(
    asked: Changeable, held: tuple[Decision, ...], decisions: tuple[Decision, ...], texts: Mapping[str, str]
) -> Variant:
    """The order's variant with these decisions and as little else changed as possible."""
    offer, old = asked.offer, asked.variant
    if all(decided_by(old, decision) for decision in held):
        return Variant(old.chosen, old.numbers, usable_texts(offer, old, texts))
    taken = {decision.question for decision in decisions}
    for measure in index_of(offer).measures:
        entry = Enter(measure.parameter, old.numbers[measure.parameter])
        if entry.parameter not in taken and offer.compiled.possible((*decisions, entry), Clock.of(_MEASURING)):
            decisions = (*decisions, entry)
    return standing_completion(offer, decisions, texts, wishes=_as_ordered(asked, decisions))


def _as_ordered(asked: Changeable, decisions: tuple[Decision, ...]) -> dict[Decision, int]:
    taken = {decision.question for decision in decisions}
    ordered = decisions_of(asked.offer.compiled, asked.variant)
    return {decision: _AS_ORDERED for decision in ordered if decision.question not in taken}


# --- texts ------------------------------------------------------------------------------------------------------------


def _texts(asked: Changeable, token: str) -> dict[str, str]:
    """What was typed under the token where it can still be changed, else what the order has."""
    typed = typed_texts(asked.offer.company_id, token)
    return {
        content.id: typed[content.id]
        if content.id in typed and window_of_question(asked, content.id).open
        else asked.variant.texts.get(content.id, "")
        for content in asked.offer.product.texts
    } | usable_files(asked.offer, asked.variant, asked.variant.texts)


def keep_texts(asked: Changeable, texts: Mapping[str, str]) -> str:
    """Write what was typed, empty texts too, and give the token. Raises InvalidInput (`field`: the text's id)."""
    offer = asked.offer
    kept = checked_texts(offer, texts)
    with db.writing() as session:
        return save_configuration(
            session, offer.company_id, offer, Selection(offer.product.code, (), kept)
        ).token
