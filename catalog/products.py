"""What can be sold: products and their immutable published revisions - option groups, options, rules, texts."""

import re
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

from pydantic import AfterValidator, model_validator
from pydantic import Field as Bound
from sqlalchemy import JSON
from sqlmodel import Field

from catalog.content import Code, Content, Formula, Text, refusal
from catalog.problems import N_
from catalog.rows import CompanyRow, UtcDateTime, company_keys, revision_checks, unique_in_company


class RevisionStatus(StrEnum):
    """A draft can change; what is published never does; what is withdrawn is kept but no longer offered."""

    DRAFT = "draft"
    PUBLISHED = "published"
    WITHDRAWN = "withdrawn"


class Goal(StrEnum):
    """What a completion aims at."""

    CHEAPEST = "cheapest"
    SOONEST = "soonest"


MAXIMUM_TEXT = 1000  # code points of what is typed
MAXIMUM_TRIES = 1_000_000  # ways in which a pattern may try to match one text: some milliseconds


def _compiles(pattern: str) -> str:
    try:
        parts = re._parser.parse(pattern)  # as re.compile reads it
        re.compile(pattern)
    except (re.error, RecursionError, OverflowError) as error:
        raise refusal("%(said)s", N_("a regular expression"), said=str(error)) from error
    if _tries(parts) > MAXIMUM_TRIES:
        raise refusal(
            N_("this pattern could take forever on some texts"), N_("few repeats, and none inside another repeat")
        )
    return pattern


def _tries(parts: Any) -> int:
    """An upper bound on the ways to match: repeats multiply, and a repeat of anything that has a choice is too many."""
    tries = 1
    for operator, argument in parts:
        name = str(operator)
        if name == "GROUPREF" or name == "GROUPREF_EXISTS" or name.startswith("ASSERT"):
            return MAXIMUM_TRIES + 1
        if name == "SUBPATTERN":
            tries *= _tries(argument[-1])
        elif name == "ATOMIC_GROUP":
            tries *= _tries(argument)
        elif name == "BRANCH":
            tries *= sum(_tries(branch) for branch in argument[1])
        elif name.endswith("_REPEAT"):
            least, most, repeated = argument
            inner = _tries(repeated)
            if inner > 1 and most > 1:
                return MAXIMUM_TRIES + 1
            tries *= inner + (min(int(most), MAXIMUM_TEXT) - least if most != least else 0)
    return tries


Whole = Annotated[int, Bound(ge=-1_000_000_000, le=1_000_000_000)]  # what the solver's integers take


class Step(Content):
    """A named page of questions."""

    id: Code
    name: Text


class OptionContent(Content):
    """An answer. `numbers` are its attributes in rules and formulas (whole numbers, the unit is the file's)."""

    id: Code
    name: Text
    benefit: Text | None = None
    swatch: Annotated[str, Bound(pattern=r"^#[0-9a-f]{6}$")] | None = None
    numbers: dict[Code, Whole] = {}


class GroupContent(Content):
    """A question: between `minimum` and `maximum` of its options are chosen.

    `default` is what the standing completion takes where nothing speaks against it.
    """

    id: Code
    step: Code
    name: Text
    help: Text | None = None
    minimum: Annotated[int, Bound(ge=0)] = 1
    maximum: Annotated[int, Bound(ge=1)] = 1
    options: Annotated[tuple[OptionContent, ...], Bound(min_length=1, max_length=1000)]
    default: Code | None = None


class ParameterContent(Content):
    """A whole number to enter, in `unit`: minimum, minimum + step_size, ... up to maximum."""

    id: Code
    step: Code
    name: Text
    help: Text | None = None
    unit: Annotated[str, Bound(max_length=20)]
    minimum: Whole
    maximum: Whole
    step_size: Annotated[int, Bound(ge=1, le=1_000_000_000)] = 1
    default: Whole | None = None


class TextContent(Content):
    """Words to type, e.g. an engraving. `requires`: what must be chosen before the text may be used."""

    id: Code
    step: Code
    name: Text
    help: Text | None = None
    maximum_length: Annotated[int, Bound(ge=1, le=MAXIMUM_TEXT)]
    pattern: Annotated[str, Bound(max_length=200), AfterValidator(_compiles)] | None = None
    requires: Formula | None = None

    def accepts(self, value: str) -> bool:
        """Whether the value is short enough (code points) and matches the whole pattern; empty is always accepted."""
        if len(value) > self.maximum_length:
            return False
        return not value or self.pattern is None or re.fullmatch(self.pattern, value) is not None


class TableContent(Content):
    """The rows of a table rule: the options of `groups` that go together (or do not, if not `allowed`)."""

    groups: Annotated[tuple[Code, ...], Bound(min_length=2)]
    rows: Annotated[tuple[tuple[Code, ...], ...], Bound(min_length=1, max_length=10_000)]
    allowed: bool = True


class RuleContent(Content):
    """What must hold, and the sentence that says so to a buyer: either an expression or a table."""

    id: Code
    text: Text
    expression: Formula | None = None
    table: TableContent | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> "RuleContent":
        if (self.expression is None) == (self.table is None):
            raise refusal(N_("a rule is one of two kinds"), N_("either expression or table"))
        return self


class PresetContent(Content):
    """A named place to start from: options by group."""

    id: Code
    name: Text
    benefit: Text | None = None
    choices: Annotated[dict[Code, Code], Bound(min_length=1)]


class ProductContent(Content):
    """One product as it is offered. `goals`: how a configuration is completed, the first one by default."""

    code: Code
    name: Text
    description: Text
    drawing: Code | None = None
    goals: Annotated[tuple[Goal, ...], Bound(min_length=1)] = (Goal.CHEAPEST,)
    steps: Annotated[tuple[Step, ...], Bound(min_length=1)]
    groups: Annotated[tuple[GroupContent, ...], Bound(min_length=1)]
    parameters: tuple[ParameterContent, ...] = ()
    texts: tuple[TextContent, ...] = ()
    rules: tuple[RuleContent, ...] = ()
    presets: tuple[PresetContent, ...] = ()

    def group(self, group_id: str) -> GroupContent:
        """The group of this id; raises KeyError."""
        return next((g for g in self.groups if g.id == group_id), None) or _missing(group_id)

    def option(self, group_id: str, option_id: str) -> OptionContent:
        """The option of this id; raises KeyError."""
        options = self.group(group_id).options
        return next((o for o in options if o.id == option_id), None) or _missing(f"{group_id}.{option_id}")

    def rule(self, rule_id: str) -> RuleContent:
        """The rule of this id; raises KeyError."""
        return next((r for r in self.rules if r.id == rule_id), None) or _missing(rule_id)


def _missing(name: str) -> Any:
    raise KeyError(name)


class Product(CompanyRow, table=True):
    """Something that is sold, through all its revisions."""

    __table_args__ = company_keys(unique_in_company("code"))

    code: str = Field(max_length=40)


class ProductRevision(CompanyRow, table=True):
    """One state of a product's options, rules and texts; immutable once published."""

    __tablename__ = "product_revision"
    __table_args__ = company_keys(unique_in_company("product_id", "number"), *revision_checks(), product_id="product")

    product_id: int
    number: int
    status: str = Field(default=RevisionStatus.DRAFT, max_length=20)
    published_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    content: dict[str, Any] = Field(sa_type=JSON)
    sha256: str = Field(max_length=64)
