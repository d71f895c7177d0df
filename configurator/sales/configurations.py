"""What somebody chose: as decisions in an address, as a row with a token, as a complete and judged variant."""

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import JSON
from sqlmodel import Field, Session, select

from catalog.offer import Offer, offer_of
from catalog.products import ProductContent
from catalog.rows import CompanyRow, UtcDateTime, company_keys, unique_in_company, utc_now
from catalog.state import text_limits, text_usable, upload_asked
from catalog.uploads import sent_file
from configurator import db
from configurator.errors import NotFound, NotValid
from configurator.sales.uploads import note_uses, readable_answers
from configurator.sales.visitors import STRANGER, Visitor
from solver.configuration.check import answers, is_asked, violations
from solver.configuration.problem import (
    Choose,
    ConfigurationProblem,
    Decision,
    Enter,
    GroupId,
    OptionGroup,
    OptionId,
    ParameterId,
    Variant,
)

TEXTS_TOKEN = "t"  # noqa: S105 - the name of the query parameter, not a secret


class Configuration(CompanyRow, table=True):
    """Decisions and texts under an unguessable token; `variant` is there once it is complete.

    Never changed after it is written: a change makes a new row.
    """

    __table_args__ = company_keys(
        unique_in_company("token"),
        product_revision_id="product_revision",
        price_list_revision_id="price_list_revision",
        manufacturing_revision_id="manufacturing_revision",
    )

    token: str = Field(default_factory=lambda: secrets.token_urlsafe(16), max_length=40)
    product_code: str = Field(max_length=60)
    product_revision_id: int
    price_list_revision_id: int
    manufacturing_revision_id: int
    decisions: list[dict[str, Any]] = Field(default_factory=list, sa_type=JSON)
    texts: dict[str, str] = Field(default_factory=dict, sa_type=JSON)
    variant: dict[str, Any] | None = Field(default=None, sa_type=JSON)
    created_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)


@dataclass(frozen=True, slots=True)
class Selection:
    """A buyer's own decisions and texts for one product."""

    product: str
    decisions: tuple[Decision, ...] = ()
    texts: Mapping[str, str] = field(default_factory=dict)


def selection_from_query(
    offer: Offer, query: Mapping[str, str], texts: Mapping[str, str]
) -> tuple[Selection, tuple[str, ...]]:
    """The selection that an address spells, and the names in it that this catalog revision does not have.

    `colour=red` chooses one; `extras=bell,-lamp` wants the bell and not the lamp; `height=1200` enters a number.
    """
    groups = {str(group.id): group for group in offer.problem.groups}
    parameters = {str(parameter.id) for parameter in offer.problem.parameters}
    decisions: list[Decision] = []
    unknown: list[str] = []
    for name, value in query.items():
        if name in groups:
            _read_group(groups[name], value, decisions, unknown)
        elif name in parameters:
            number = _read_integer(value)
            if number is not None:
                decisions.append(Enter(ParameterId(name), number))
            elif value.strip():  # an emptied field takes the decision back
                unknown.append(f"{name}={value}")
    return Selection(offer.product.code, tuple(decisions), dict(texts)), tuple(unknown)


def _read_group(group: OptionGroup, value: str, decisions: list[Decision], unknown: list[str]) -> None:
    for part in value.split(","):
        option = OptionId(part.removeprefix("-"))
        if option in group.options:
            decisions.append(Choose(group.id, option, chosen=not part.startswith("-")))
        else:
            unknown.append(f"{group.id}={part}")


def is_number(value: str) -> bool:
    """Whether a parameter can be given this value of an address; an empty one leaves it open."""
    return not value.strip() or _read_integer(value) is not None


def _read_integer(value: str) -> int | None:
    """A whole number, `2500.0` too."""
    whole, point, fraction = value.strip().partition(".")
    try:
        number = int(whole if point and not fraction.strip("0") else value)
    except ValueError:
        return None
    return number if abs(number) <= 10**9 else None


def query_of(decisions: tuple[Decision, ...]) -> dict[str, str]:
    """The address of decisions; `selection_from_query` reads it back."""
    query: dict[str, str] = {}
    for decision in decisions:
        if isinstance(decision, Enter):
            query[decision.parameter] = str(decision.value)
            continue
        part = decision.option if decision.chosen else f"-{decision.option}"
        query[decision.group] = f"{query[decision.group]},{part}" if decision.group in query else part
    return query


def decisions_to_json(decisions: tuple[Decision, ...]) -> list[dict[str, Any]]:
    """Decisions as plain data; `decisions_from_json` reads them back."""
    return [
        {"parameter": d.parameter, "value": d.value}
        if isinstance(d, Enter)
        else {"group": d.group, "option": d.option, "chosen": d.chosen}
        for d in decisions
    ]


def decisions_from_json(rows: list[dict[str, Any]]) -> tuple[Decision, ...]:
    """Decisions from plain data."""
    return tuple(
        Enter(ParameterId(row["parameter"]), int(row["value"]))
        if "parameter" in row
        else Choose(GroupId(row["group"]), OptionId(row["option"]), bool(row.get("chosen", True)))
        for row in rows
    )


def variant_to_json(variant: Variant) -> dict[str, Any]:
    """A variant as plain data; `variant_from_json` reads it back."""
    return {
        "chosen": {group: sorted(options) for group, options in variant.chosen.items()},
        "numbers": dict(variant.numbers),
        "texts": dict(variant.texts),
    }


def variant_from_json(data: Mapping[str, Any]) -> Variant:
    """A variant from plain data."""
    return Variant(
        chosen={GroupId(g): frozenset(OptionId(o) for o in options) for g, options in data["chosen"].items()},
        numbers={ParameterId(name): int(value) for name, value in data["numbers"].items()},
        texts=dict(data["texts"]),
    )


def judged(offer: Offer, variant: Variant) -> Variant:
    """The variant, after the judge has found nothing against it under the offer's revision; raises NotValid."""
    found = violations(offer.problem, variant)
    if found:
        raise NotValid(field=str(found[0].id), broken=_in_words(offer.product, [one.id for one in found]))
    _judge_texts(offer, variant)
    return variant


def _in_words(product: ProductContent, ids: Iterable[str]) -> tuple[tuple[str, Mapping[str, str], bool], ...]:
    """The rules and the questions among these ids: id, text, and whether it is a rule."""
    known = {group.id: (group.name.canonical(), False) for group in product.groups}
    known |= {parameter.id: (parameter.name.canonical(), False) for parameter in product.parameters}
    known |= {rule.id: (rule.text.canonical(), True) for rule in product.rules}
    return tuple((one, *known[one]) for one in dict.fromkeys(ids) if one in known)


def _judge_texts(offer: Offer, variant: Variant) -> None:
    """Every typed text is one that the product asks for, is short enough, fits its pattern and may be used here.

    So is every file; whether it is kept is seen when the configuration is written.
    """
    asked = {text.id: text for text in offer.product.texts}
    files = {upload.id: upload for upload in offer.product.uploads}
    for name, typed in variant.texts.items():
        if name in files:
            if typed and not (sent_file(typed) and upload_asked(offer.problem, files[name], variant)):
                raise NotValid(field=name)
            continue
        content = asked.get(name)
        if content is None or text_limits(offer.problem, content, variant).fault(typed):
            raise NotValid(field=name)
        if typed and not text_usable(offer.problem, content, variant):
            raise NotValid(field=name)


def save_configuration(
    session: Session, company_id: int, offer: Offer, selection: Selection, variant: Variant | None = None
) -> Configuration:
    """Write a configuration row; a complete one is judged first."""
    if variant is not None:
        judged(offer, variant)
    return write_configuration(session, company_id, offer, selection, variant)


def write_configuration(
    session: Session, company_id: int, offer: Offer, selection: Selection, variant: Variant | None
) -> Configuration:
    """Write a configuration row whose variant the caller has had judged (outside of its transaction).

    Raises NotValid where it has a file that is not kept any more.
    """
    row = Configuration(
        company_id=company_id,
        product_code=selection.product,
        product_revision_id=offer.product_revision_id,
        price_list_revision_id=offer.price_list_revision_id,
        manufacturing_revision_id=offer.manufacturing_revision_id,
        decisions=decisions_to_json(selection.decisions),
        texts=dict(selection.texts),
        variant=variant_to_json(variant) if variant else None,
    )
    session.add(row)
    session.flush()
    if offer.product.uploads:
        answers = {**selection.texts, **(variant.texts if variant else {})}
        note_uses(session, company_id, offer.product, db.id_of(row), answers)
    return row


def offer_of_configuration(session: Session, configuration: Configuration) -> Offer:
    """The offer of the three revisions that a configuration names."""
    return offer_of(
        session,
        configuration.company_id,
        configuration.product_revision_id,
        configuration.price_list_revision_id,
        configuration.manufacturing_revision_id,
    )


def configuration_by_token(session: Session, company_id: int, token: str) -> Configuration:
    """The row of an unguessable token; raises NotFound."""
    row = session.exec(
        select(Configuration).where(Configuration.company_id == company_id, Configuration.token == token)
    ).one_or_none()
    if row is None:
        raise NotFound(field="token")
    return row


def texts_by_token(session: Session, company_id: int, token: str, visitor: Visitor = STRANGER) -> dict[str, str]:
    """The texts of the row of a token, and of its files those that the visitor may read; none for an unknown token."""
    try:
        row = configuration_by_token(session, company_id, token)
    except NotFound:
        return {}
    return readable_answers(session, company_id, db.id_of(row), row.texts, visitor)


def all_answers(problem: ConfigurationProblem, variant: Variant) -> tuple[Decision, ...]:
    """Everything that a variant answers, as decisions: what it takes to configure the same again."""
    there = answers(problem, variant)
    chosen = (
        Choose(group.id, option, option in variant.chosen[group.id])
        for group in problem.groups if is_asked(group.when, there)
        for option in group.options if option in variant.chosen[group.id] or not group.exactly_one
    )  # fmt: skip
    entered = (
        Enter(parameter.id, variant.numbers[parameter.id])
        for parameter in problem.parameters if is_asked(parameter.when, there)
    )  # fmt: skip
    return (*chosen, *entered)
