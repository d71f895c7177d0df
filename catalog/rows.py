"""What every table has in common: a company, keys that never cross companies, immutable published rows."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import CheckConstraint, DateTime, ForeignKeyConstraint, TypeDecorator, UniqueConstraint
from sqlalchemy.engine import Dialect
from sqlmodel import Field, SQLModel

# Every key has a name from the first migration on, so that a later one can change it on every database.
SQLModel.metadata.naming_convention = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class UtcDateTime(TypeDecorator[datetime]):
    """An instant: aware in Python, UTC in the database. A naive value is refused."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("An instant needs a time zone.")
        return value.astimezone(UTC)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        instant: datetime = value
        return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)


def utc_now() -> datetime:
    """The present instant, aware, UTC."""
    return datetime.now(UTC)


class Company(SQLModel, table=True):
    """The tenant. Every other row belongs to exactly one."""

    id: int | None = Field(default=None, primary_key=True)
    code: str = Field(unique=True, max_length=40)
    name: str = Field(max_length=200)
    zone: str = Field(max_length=60)  # IANA name
    currency: str = Field(max_length=3)  # ISO 4217
    locale: str = Field(default="en", max_length=20)
    created_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)


class CompanyRow(SQLModel):
    """Base of every table: `id` is the key, (company_id, id) is what foreign keys name."""

    id: int | None = Field(default=None, primary_key=True)
    company_id: int = Field(foreign_key="company.id", index=True)


def company_keys(*constraints: Any, **references: str) -> tuple[Any, ...]:
    """`__table_args__` of a company's table: its key and foreign keys that stay inside the company.

    `company_keys(plant_id="plant")` says: (company_id, plant_id) names a row of `plant` of the same company.
    """
    foreign = (
        ForeignKeyConstraint(["company_id", column], [f"{table}.company_id", f"{table}.id"], ondelete="RESTRICT")
        for column, table in references.items()
    )
    return (UniqueConstraint("company_id", "id"), *foreign, *constraints)


def unique_in_company(*columns: str) -> UniqueConstraint:
    """A unique key; the company is always part of it."""
    return UniqueConstraint("company_id", *columns)


def revision_checks() -> tuple[CheckConstraint, ...]:
    """What every row of a revision table satisfies."""
    return (
        CheckConstraint("status in ('draft', 'published', 'withdrawn')", name="status_known"),
        CheckConstraint("(status = 'draft') = (published_at is null)", name="published_has_instant"),
        CheckConstraint("number >= 1", name="number_positive"),
        CheckConstraint("length(sha256) = 64", name="sha256_length"),
    )


# Revision table -> what it is numbered within, and the columns that never change once it is published.
_REVISIONS = {
    "product_revision": ("product_id", ()),
    "price_list_revision": ("price_list_id", ()),
    "manufacturing_revision": ("product_id", ("valid_from",)),
}


def immutable_triggers(dialect: str) -> list[str]:
    """Statements that make published revisions immutable in the database; run them after creating the tables.

    A published row may only become `withdrawn`; content, number and owner stay, and it cannot be deleted, neither by
    DELETE nor by SQLite's INSERT OR REPLACE and UPDATE OR REPLACE. `dialect` is `sqlite` or `postgresql`; raises
    ValueError for others.
    """
    if dialect == "sqlite":
        return [statement for table in _REVISIONS for statement in _sqlite_triggers(table)]
    if dialect == "postgresql":
        return [statement for table in _REVISIONS for statement in _postgresql_triggers(table)]
    raise ValueError(f"No triggers for {dialect}.")


def _frozen_columns(table: str) -> tuple[str, ...]:
    owner, more = _REVISIONS[table]
    return ("id", "company_id", owner, "number", "published_at", "sha256", *more)


def _sqlite_triggers(table: str) -> list[str]:
    changed = " OR ".join(f"NEW.{c} IS NOT OLD.{c}" for c in (*_frozen_columns(table), "content"))
    refuse = f"BEGIN SELECT RAISE(ABORT, '{table} is immutable once published'); END"
    owner = _REVISIONS[table][0]
    same = f"r.id = NEW.id OR (r.company_id = NEW.company_id AND r.{owner} = NEW.{owner} AND r.number = NEW.number)"
    taken = f"EXISTS (SELECT 1 FROM {table} r WHERE r.status <> 'draft' AND ({same})"  # noqa: S608 - our own names
    return [
        f"CREATE TRIGGER {table}_no_update BEFORE UPDATE ON {table}"
        f" WHEN OLD.status <> 'draft' AND (NEW.status = 'draft' OR {changed}) {refuse}",
        f"CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table} WHEN OLD.status <> 'draft' {refuse}",
        f"CREATE TRIGGER {table}_no_replace BEFORE INSERT ON {table} WHEN {taken}) {refuse}",
        f"CREATE TRIGGER {table}_no_update_over BEFORE UPDATE ON {table} WHEN {taken} AND r.id <> OLD.id) {refuse}",
    ]


def _postgresql_triggers(table: str) -> list[str]:
    changed = " OR ".join(f"NEW.{c} IS DISTINCT FROM OLD.{c}" for c in _frozen_columns(table))
    return [
        f"""CREATE OR REPLACE FUNCTION {table}_immutable() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF OLD.status <> 'draft' THEN
    IF TG_OP = 'DELETE' THEN
      RAISE EXCEPTION '{table} is immutable once published';
    ELSIF NEW.status = 'draft' OR NEW.content::text IS DISTINCT FROM OLD.content::text OR {changed} THEN
      RAISE EXCEPTION '{table} is immutable once published';
    END IF;
  END IF;
  IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
  RETURN NEW;
END $$""",
        f"CREATE TRIGGER {table}_immutable BEFORE UPDATE OR DELETE ON {table}"
        f" FOR EACH ROW EXECUTE FUNCTION {table}_immutable()",
    ]
