"""What a new revision breaks: open quotes and saved configurations that it no longer allows, and how to mend each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlmodel import Session, col, select

from catalog.rows import utc_now
from configurator.sales.configurations import Configuration, decisions_from_json, variant_from_json
from configurator.sales.models import Quote, QuoteRevision, QuoteState, SalesOrderItem
from solver.configuration.compile import CompiledProblem
from solver.configuration.explain import Change, explain
from solver.configuration.problem import Choose, ConfigurationProblem, Decision, Enter, GroupId, RuleId, Variant
from solver.configuration.question import Clock, OutOfTime

SAVED_DAYS = 90  # older ones nobody comes back to
MOST = 2_000  # documents looked at
_ONE = 2.0  # seconds for one document


class DocumentKind(StrEnum):
    """What holds a configuration."""

    QUOTE = "quote"
    SAVED = "saved"


@dataclass(frozen=True, slots=True)
class Document:
    """A configuration that somebody may still want as it is. `number`: of a quote that was sent.

    `decisions`: everything of a complete configuration, which is the `variant`; else what was decided.
    """

    kind: DocumentKind
    number: str | None
    revision: int | None
    created_at: datetime
    decisions: tuple[Decision, ...]
    variant: Variant | None = None


@dataclass(frozen=True, slots=True)
class Broken:
    """A document that the new revision does not allow. `gone`: decisions whose names it no longer has.

    `decisions` and `rules` are a minimal conflict among the others (empty if there is none); `changes` the best repair.
    """

    document: Document
    gone: tuple[Decision, ...]
    decisions: tuple[Decision, ...]
    rules: tuple[RuleId, ...]
    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class Effects:
    """How many documents were looked at, those that break, and how many time did not settle."""

    seen: int
    broken: tuple[Broken, ...]
    unsettled: int


def documents(session: Session, company_id: int, product_code: str) -> tuple[Document, ...]:
    """Open quotes (drafts and sent ones), then saved configurations that nothing was made of, the newest first."""
    return (*_quotes(session, company_id, product_code), *_saved(session, company_id, product_code))[:MOST]


def _quotes(session: Session, company_id: int, product_code: str) -> Iterator[Document]:
    query = (
        select(QuoteRevision, Quote.number, Configuration)
        .join(Quote, col(Quote.id) == QuoteRevision.quote_id)
        .join(Configuration, col(Configuration.id) == QuoteRevision.configuration_id)
        .where(QuoteRevision.company_id == company_id, Configuration.product_code == product_code)
        .where(col(QuoteRevision.state).in_([QuoteState.DRAFT.value, QuoteState.SENT.value]))
        .order_by(col(QuoteRevision.id).desc())
        .limit(MOST)
    )
    for revision, number, row in session.exec(query).all():
        yield _document(DocumentKind.QUOTE, number, revision.number, revision.created_at, row)


def _saved(session: Session, company_id: int, product_code: str) -> Iterator[Document]:
    used = (select(QuoteRevision.configuration_id), select(SalesOrderItem.configuration_id))
    query = (
        select(Configuration)
        .where(Configuration.company_id == company_id, Configuration.product_code == product_code)
        .where(Configuration.created_at >= utc_now() - timedelta(days=SAVED_DAYS))
        .order_by(col(Configuration.id).desc())
        .limit(MOST)
    )
    for some in used:
        query = query.where(col(Configuration.id).not_in(some))
    for row in session.exec(query).all():
        yield _document(DocumentKind.SAVED, None, None, row.created_at, row)


def _document(
    kind: DocumentKind, number: str | None, revision: int | None, created_at: datetime, row: Configuration
) -> Document:
    variant = variant_from_json(row.variant) if row.variant else None
    decisions = decisions_from_json(row.decisions) if variant is None else everything(variant)
    return Document(kind, number, revision, created_at, decisions, variant)


def everything(variant: Variant) -> tuple[Decision, ...]:
    """What a variant has, as decisions."""
    chosen = (Choose(group, option) for group, options in variant.chosen.items() for option in sorted(options))
    return (*chosen, *(Enter(name, number) for name, number in variant.numbers.items()))


def effects(
    compiled: CompiledProblem,
    found: Sequence[Document],
    *,
    seconds: float = 20.0,
    report: Callable[[int, int], None] = lambda _done, _total: None,
    stop: Callable[[], bool] = lambda: False,
) -> Effects:
    """Which of the documents the revision breaks. A question that it asks anew breaks nothing that can be completed."""
    clock = Clock.of(seconds)
    known: dict[frozenset[Decision], Broken | None] = {}
    broken: list[Broken] = []
    unsettled = 0
    for done, document in enumerate(found):
        report(done, len(found))
        key = frozenset(document.decisions)
        if key not in known:
            if clock.left <= 0 or stop():
                unsettled += 1
                continue
            try:
                known[key] = _broken(compiled, document, min(_ONE, clock.left))
            except OutOfTime:
                unsettled += 1
                continue
        one = known[key]
        if one is not None:
            broken.append(Broken(document, one.gone, one.decisions, one.rules, one.changes))
    return Effects(len(found), tuple(broken), unsettled)


def _broken(compiled: CompiledProblem, document: Document, seconds: float) -> Broken | None:
    problem = compiled.problem
    kept = tuple(decision for decision in document.decisions if has(problem, decision))
    gone = tuple(decision for decision in document.decisions if decision not in kept)
    if compiled.find(kept, Clock.of(seconds)) is not None:
        return Broken(document, gone, (), (), ()) if gone else None
    conflict = explain(compiled, kept, (), seconds=seconds)
    changes = conflict.repairs[0].changes if conflict.repairs else ()
    return Broken(document, gone, conflict.decisions, conflict.rules, changes)


def has(problem: ConfigurationProblem, decision: Decision) -> bool:
    """Whether the problem has what the decision names."""
    if isinstance(decision, Enter):
        return decision.parameter in problem.parameter_by_id
    group = problem.group_by_id.get(GroupId(decision.group))
    return group is not None and decision.option in group.options
