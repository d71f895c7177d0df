"""The compiled form of a published product revision, as its row: what clicks are answered from, kept beside it."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, CheckConstraint, LargeBinary
from sqlmodel import Field

from catalog.rows import CompanyRow, UtcDateTime, company_keys, unique_in_company, utc_now


class CompiledRevision(CompanyRow, table=True):
    """What publishing made of a product revision. Only ever a copy: it can be made again from the revision itself.

    `version`: the format of `data`; `problem_sha256`: what was compiled; `sha256`: of `data`; `facts`: what publishing
    found (sizes, dead and core options, parts by kind, seconds).
    """

    __tablename__ = "compiled_revision"
    __table_args__ = company_keys(
        unique_in_company("product_revision_id"),
        CheckConstraint("version >= 1", name="compiled_version_positive"),
        CheckConstraint("length(problem_sha256) = 64", name="compiled_problem_sha256_length"),
        CheckConstraint("length(sha256) = 64", name="compiled_sha256_length"),
        product_revision_id="product_revision",
    )

    product_revision_id: int
    version: int
    problem_sha256: str = Field(max_length=64)
    sha256: str = Field(max_length=64)
    data: bytes = Field(sa_type=LargeBinary)
    facts: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    created_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)
