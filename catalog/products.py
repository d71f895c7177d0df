"""What can be sold: products and their immutable published revisions - questions, quantities, rules, texts."""

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Discriminator, Tag, model_validator
from pydantic import Field as Bound
from sqlalchemy import JSON
from sqlmodel import Field

from catalog.content import Code, Content, Formula, Later, Text, Unit, number_as_text, refusal
from catalog.drawing import DrawingContent
from catalog.pictures import PictureName
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


def _kind_of_drawing(value: Any) -> str:
    return "[code]" if isinstance(value, str) else "[drawing]"


# Files of before named a drawing that was no part of them (a code): nothing is drawn for these any more.
Drawing = Annotated[
    Annotated[DrawingContent, Tag("[drawing]")] | Annotated[Code, Tag("[code]")], Discriminator(_kind_of_drawing)
]

MAXIMUM_OPTIONS = 10_000  # of a group
MAXIMUM_INSTANCES = 200  # of a component
MAXIMUM_TEXT = 1000  # code points of what is typed
MAXIMUM_MEGABYTES = 20  # of a file that is sent
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


def _cell_as_text(value: Any) -> Any:
    return "*" if value is None else number_as_text(value)


Whole = Annotated[int, Bound(ge=-1_000_000_000, le=1_000_000_000)]  # what the solver's integers take


# An option, or a whole number as text.
Answer = Annotated[str, BeforeValidator(number_as_text), Bound(pattern=r"^([a-z][a-z0-9_]{0,39}|-?\d{1,10})$")]


class Step(Content):
    """A named page of questions."""

    id: Code
    name: Text


class OptionContent(Content):
    """An answer. `numbers` are its attributes in rules and formulas (whole numbers, the unit is the file's).

    `picture`: the name of one that is kept beside (see `catalog.pictures`).
    """

    id: Code
    name: Text
    benefit: Text | None = None
    swatch: Annotated[str, Bound(pattern=r"^#[0-9a-f]{6}$")] | None = None
    numbers: dict[Code, Whole] = {}
    picture: Annotated[PictureName | None, Later] = None


class GroupContent(Content):
    """A question: between `minimum` and `maximum` of its options are chosen.

    `when`: it is asked only where this holds; elsewhere nothing is chosen. `default` is what the standing completion
    takes where nothing speaks against it.
    """

    id: Code
    step: Code
    name: Text
    help: Text | None = None
    minimum: Annotated[int, Bound(ge=0)] = 1
    maximum: Annotated[int, Bound(ge=1)] = 1
    options: Annotated[tuple[OptionContent, ...], Bound(min_length=1, max_length=MAXIMUM_OPTIONS)]
    default: Code | None = None
    when: Annotated[Formula | None, Later] = None


class ParameterContent(Content):
    """A whole number to enter, in `unit`: minimum, minimum + step_size, ... up to maximum.

    `when`: it is asked for only where this holds; elsewhere it is `otherwise`.
    """

    id: Code
    step: Code
    name: Text
    help: Text | None = None
    unit: Unit
    minimum: Whole
    maximum: Whole
    step_size: Annotated[int, Bound(ge=1, le=1_000_000_000)] = 1
    default: Whole | None = None
    when: Annotated[Formula | None, Later] = None
    otherwise: Annotated[Whole, Later] = 0


class PatternContent(Content):
    """Other limits of a text where `when` holds: each one that is given takes the place of the text's own."""

    when: Formula
    minimum_length: Annotated[int, Bound(ge=0, le=MAXIMUM_TEXT)] | None = None
    maximum_length: Annotated[int, Bound(ge=1, le=MAXIMUM_TEXT)] | None = None
    pattern: Annotated[str, Bound(max_length=200), AfterValidator(_compiles)] | None = None


@dataclass(frozen=True, slots=True)
class TextLimits:
    """What may be typed: so many code points, all of them as `pattern` says. Nothing typed is always accepted."""

    minimum_length: int
    maximum_length: int
    pattern: str | None

    def fault(self, value: str) -> str:
        """The code of what is wrong with a value ("" if nothing): `too_long`, `too_short` or `pattern`."""
        if not value:
            return ""
        if len(value) > self.maximum_length:
            return "too_long"
        if len(value) < self.minimum_length:
            return "too_short"
        return "" if self.pattern is None or re.fullmatch(self.pattern, value) is not None else "pattern"


class TextContent(Content):
    """Words to type, e.g. an engraving. `requires`: what must be chosen before the text may be used.

    `patterns`: limits that depend on other answers; the first whose `when` holds counts.
    """

    id: Code
    step: Code
    name: Text
    help: Text | None = None
    maximum_length: Annotated[int, Bound(ge=1, le=MAXIMUM_TEXT)]
    pattern: Annotated[str, Bound(max_length=200), AfterValidator(_compiles)] | None = None
    requires: Formula | None = None
    minimum_length: Annotated[int, Bound(ge=0, le=MAXIMUM_TEXT), Later] = 0
    patterns: Annotated[tuple[PatternContent, ...], Bound(max_length=100), Later] = ()

    @property
    def limits(self) -> tuple[TextLimits, ...]:
        """The limits of each of the `patterns`, then the text's own."""
        found = []
        for one in (*self.patterns, None):
            least = one.minimum_length if one and one.minimum_length is not None else self.minimum_length
            most = one.maximum_length if one and one.maximum_length is not None else self.maximum_length
            found.append(TextLimits(least, most, one.pattern if one and one.pattern is not None else self.pattern))
        return tuple(found)

    def accepts(self, value: str) -> bool:
        """Whether some answers to the other questions leave room for the value; empty is always accepted."""
        return any(not limits.fault(value) for limits in self.limits)


FileKind = Literal["pdf", "png", "jpeg", "svg"]


class UploadContent(Content):
    """A file to send, e.g. a logo; nothing sent is always accepted.

    `kinds`: what it may be by its content. `when`: it is asked for only where this holds. Prices, parts and operations
    ask `length(logo) > 0`: whether it was sent.
    """

    id: Code
    step: Code
    name: Text
    help: Text | None = None
    kinds: Annotated[tuple[FileKind, ...], Bound(min_length=1, max_length=4)]
    most_megabytes: Annotated[int, Bound(ge=1, le=MAXIMUM_MEGABYTES)] = 5
    when: Formula | None = None


# A cell of a table: an option of the column's group, a number, an interval of numbers, or `*` for whatever is there.
Cell = Annotated[str, Bound(max_length=200), BeforeValidator(_cell_as_text)]


class TableContent(Content):
    """The rows of a table rule: what goes together (or does not, if not `allowed`).

    Either `groups`, and the rows are their options; or `columns`: groups, parameters and quantities, and the rows are
    options, numbers, intervals (`0..1200`, `..5`, `1201..`, ends included) or `*`.
    """

    groups: Annotated[tuple[Code, ...], Later] = ()
    columns: Annotated[tuple[Code, ...], Later] = ()
    rows: Annotated[tuple[tuple[Cell, ...], ...], Bound(min_length=1, max_length=10_000)]
    allowed: bool = True

    @model_validator(mode="after")
    def _one_of_both(self) -> "TableContent":
        if bool(self.groups) == bool(self.columns):
            raise refusal(N_("a table has one kind of columns"), N_("either groups or columns"))
        if 0 < len(self.groups) < 2:
            raise refusal(N_("there is one group"), N_("at least two"))
        return self

    @property
    def names(self) -> tuple[str, ...]:
        """What the columns are about."""
        return self.groups or self.columns


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


class QuantityContent(Content):
    """A quantity that follows from the answers, e.g. a weight: rules, prices, parts and operations may name it."""

    id: Code
    name: Text | None = None
    unit: Unit | None = None
    formula: Formula


class LookupContent(Content):
    """A quantity that is looked up: the last cell of the first row whose other cells fit, else `otherwise`.

    Without `otherwise` what no row covers is not offered, and `text` is the sentence that says so to a buyer.
    """

    id: Code
    name: Text | None = None
    unit: Unit | None = None
    text: Text | None = None
    columns: Annotated[tuple[Code, ...], Bound(min_length=1)]
    rows: Annotated[tuple[tuple[Cell, ...], ...], Bound(min_length=1, max_length=10_000)]
    otherwise: Formula | None = None

    @model_validator(mode="after")
    def _says_so(self) -> "LookupContent":
        if (self.otherwise is None) == (self.text is None):
            raise refusal(
                N_("it must be said what holds where no row fits"),
                N_("either otherwise (a value), or text (the sentence why it is not offered)"),
            )
        return self


class PreferenceContent(Content):
    """What the standing completion takes where it can, among the variants in which `when` holds; never a rule.

    `choose`: an option by group, a number by parameter. The greater the weight, the later it is given up.
    """

    when: Formula | None = None
    choose: Annotated[dict[Code, Cell], Bound(min_length=1)]
    weight: Annotated[int, Bound(ge=1, le=1000)] = 1


class ComponentContent(Content):
    """Something that is in the product several times, each time with answers of its own (drawers).

    `count`: how many, as a number or as the id of one of the product's own parameters; then instance k is there where
    the parameter is at least k, and what is asked of the others is not asked. `maximum`: how many there can be (by
    default what the parameter can be). Instance 2 of the question `front` of the component `drawer` is the question
    `drawer_2_front`. Inside the component its own ids are written as they are, and `number` is 2; outside,
    `sum(drawer, front.width)`, `count`, `all`, `any`, `min` and `max` ask all instances that are there.

    A component may have components in its turn (once), whose `count` is a number or one of its own parameters: question
    `front` of drawer 3 of module 2 is `module_2_drawer_3_front`. `sum(drawer, ...)` is said inside the module; outside,
    `sum(module, sum(drawer, ...))`.
    """

    id: Code
    name: Text
    count: Annotated[str, BeforeValidator(number_as_text), Bound(pattern=r"^([a-z][a-z0-9_]{0,39}|[1-9]\d{0,2})$")]
    maximum: Annotated[int, Bound(ge=1, le=MAXIMUM_INSTANCES)] | None = None
    groups: tuple[GroupContent, ...] = ()
    parameters: tuple[ParameterContent, ...] = ()
    quantities: tuple[QuantityContent, ...] = ()
    lookups: tuple[LookupContent, ...] = ()
    rules: tuple[RuleContent, ...] = ()
    texts: Annotated[tuple[TextContent, ...], Later] = ()
    uploads: Annotated[tuple[UploadContent, ...], Bound(max_length=10), Later] = ()
    preferences: Annotated[tuple[PreferenceContent, ...], Later] = ()
    components: Annotated[tuple["ComponentContent", ...], Later] = ()

    @property
    def number(self) -> int | None:
        """How many there are in every variant; None if a parameter says so."""
        return int(self.count) if self.count.isdigit() else None

    @property
    def own_ids(self) -> tuple[str, ...]:
        """The ids of its groups, parameters, quantities, lookups, texts and uploads: the names of its own."""
        kinds: tuple[tuple[Any, ...], ...] = (
            self.groups, self.parameters, self.quantities, self.lookups, self.texts, self.uploads,
        )  # fmt: skip
        return tuple(one.id for kind in kinds for one in kind)


class PresetContent(Content):
    """A named place to start from: options by group, numbers by parameter, of the instances of components too."""

    id: Code
    name: Text
    benefit: Text | None = None
    choices: Annotated[dict[Code, Answer], Bound(min_length=1)]


class NeedAnswerContent(Content):
    """What somebody needs, and the options and numbers that go with it: wishes, never rules."""

    id: Code
    name: Text
    choices: Annotated[dict[Code, Answer], Bound(min_length=1)]


class NeedContent(Content):
    """A question for somebody who does not know the product: one of its own questions (by id), or one about the use."""

    id: Code
    name: Text | None = None
    answers: Annotated[tuple[NeedAnswerContent, ...], Bound(max_length=20)] = ()

    @model_validator(mode="after")
    def _asks_something(self) -> "NeedContent":
        if (self.name is None) != (not self.answers):
            raise refusal(N_("a need is one of two kinds"), N_("only the id of a question, or a name with answers"))
        return self


class ProductContent(Content):
    """One product as it is offered. `goals`: how a configuration is completed, the first one by default."""

    code: Code
    name: Text
    description: Text
    drawing: Drawing | None = None
    goals: Annotated[tuple[Goal, ...], Bound(min_length=1)] = (Goal.CHEAPEST,)
    steps: Annotated[tuple[Step, ...], Bound(min_length=1)]
    groups: Annotated[tuple[GroupContent, ...], Bound(min_length=1)]
    parameters: tuple[ParameterContent, ...] = ()
    texts: tuple[TextContent, ...] = ()
    rules: tuple[RuleContent, ...] = ()
    presets: tuple[PresetContent, ...] = ()
    quantities: Annotated[tuple[QuantityContent, ...], Later] = ()
    lookups: Annotated[tuple[LookupContent, ...], Later] = ()
    components: Annotated[tuple[ComponentContent, ...], Later] = ()
    preferences: Annotated[tuple[PreferenceContent, ...], Later] = ()
    needs: Annotated[tuple[NeedContent, ...], Bound(max_length=20), Later] = ()
    uploads: Annotated[tuple[UploadContent, ...], Bound(max_length=10), Later] = ()

    def group(self, group_id: str) -> GroupContent:
        """The group of this id; raises KeyError."""
        return next((g for g in self.groups if g.id == group_id), None) or _missing(group_id)

    def option(self, group_id: str, option_id: str) -> OptionContent:
        """The option of this id; raises KeyError."""
        options = self.group(group_id).options
        return next((o for o in options if o.id == option_id), None) or _missing(f"{group_id}.{option_id}")

    def parameter(self, parameter_id: str) -> ParameterContent:
        """The parameter of this id; raises KeyError."""
        return next((p for p in self.parameters if p.id == parameter_id), None) or _missing(parameter_id)

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
