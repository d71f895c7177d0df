"""How a variant is made: bill of materials and routing, each row conditional on the configuration."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from functools import cached_property
from typing import Annotated, Any

from pydantic import Field as Bound
from pydantic import model_validator
from sqlalchemy import JSON
from sqlmodel import Field

from catalog.content import Code, Content, Formula, Later, PlaceCode, Text, refusal
from catalog.problems import N_
from catalog.products import RevisionStatus
from catalog.rows import CompanyRow, UtcDateTime, company_keys, revision_checks, unique_in_company


class BomRow(Content):
    """A component of the variants in which `when` holds. `material`: what it is taken from (None: not tracked)."""

    component: Code
    name: Text
    material: Code | None = None
    quantity: Formula = "1"  # in the material's unit; a fraction is rounded up
    when: Formula | None = None


class After(Content):
    """The operation that must have ended, and how long to wait after it (minutes of any time, e.g. curing)."""

    operation: Code
    wait_minutes: Annotated[int, Bound(ge=0, le=100_000)] = 0


class AlternativeContent(Content):
    """Another way to do an operation: on the lines of another stage, in minutes of its own."""

    stage: Code
    minutes: Formula


class OperationContent(Content):
    """A step of the routing, for the variants in which `when` holds.

    `minutes`: working time at 100 % line speed. `alternatives`: other ways; a plant uses those whose stage it has, and
    each time the one that is ready soonest. `family_of`: the group whose chosen option is the setup family;
    `family`: a family that is always the same. `takes`: BOM components taken from stock when it starts.
    """

    operation: Code
    name: Text
    stage: Code
    minutes: Formula
    when: Formula | None = None
    after: tuple[After, ...] = ()
    family: Code | None = None
    family_of: Code | None = None
    interruptible: bool = True
    takes: tuple[Code, ...] = ()
    alternatives: Annotated[tuple[AlternativeContent, ...], Bound(max_length=10), Later] = ()

    @model_validator(mode="after")
    def _one_family(self) -> "OperationContent":
        if self.family is not None and self.family_of is not None:
            raise refusal(N_("there are two setup families"), N_("either family or family_of"))
        return self

    @cached_property
    def ways(self) -> tuple[AlternativeContent, ...]:
        """All ways to do it, its own stage first."""
        return (AlternativeContent.model_construct(stage=self.stage, minutes=self.minutes), *self.alternatives)


class PartContent(Content):
    """Operations that one plant may do for another one, which goes on with what they make once it has arrived.

    They wait for nothing but each other. `plants`: which ones may do them; none named: any from which a transport goes.
    """

    part: Code
    name: Text
    operations: Annotated[tuple[Code, ...], Bound(min_length=1, max_length=100)]
    plants: tuple[PlaceCode, ...] = ()


class ManufacturingContent(Content):
    """Bill of materials and routing (in an order in which every `after` comes earlier) of one product.

    `parts`: what may be made in another plant than the rest, beside making it all in one.
    """

    product: Code
    valid_from: date
    bom: Annotated[tuple[BomRow, ...], Bound(min_length=1)]
    routing: Annotated[tuple[OperationContent, ...], Bound(min_length=1)]
    parts: Annotated[tuple[PartContent, ...], Bound(max_length=10), Later] = ()

    @cached_property
    def bom_of(self) -> Mapping[str, Sequence[BomRow]]:
        """The rows of each component."""
        found: dict[str, list[BomRow]] = {}
        for row in self.bom:
            found.setdefault(row.component, []).append(row)
        return found


class ManufacturingRevision(CompanyRow, table=True):
    """One state of how a product is made, used from `valid_from` on; immutable once published."""

    __tablename__ = "manufacturing_revision"
    __table_args__ = company_keys(unique_in_company("product_id", "number"), *revision_checks(), product_id="product")

    product_id: int
    number: int
    valid_from: date
    status: str = Field(default=RevisionStatus.DRAFT, max_length=20)
    published_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    content: dict[str, Any] = Field(sa_type=JSON)
    sha256: str = Field(max_length=64)
