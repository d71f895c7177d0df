"""Every table of the house, known in one place: for migrations, for tests, for a check that both agree."""

from __future__ import annotations

from importlib import import_module

from sqlalchemy import Engine, MetaData
from sqlmodel import SQLModel

from catalog.rows import immutable_triggers

# Tables live with their subject; whoever adds a module with tables adds it here.
TABLES = (
    "catalog.rows",
    "catalog.pictures",
    "catalog.products",
    "catalog.compiled",
    "catalog.price",
    "catalog.manufacturing",
    "catalog.factory",
    "catalog.transport",
    "configurator.admin.models",
    "configurator.audit",
    "configurator.idempotency",
    "configurator.jobs",
    "configurator.numbers",
    "configurator.outbox",
    "configurator.modelling.models",
    "configurator.sales.parties",
    "configurator.sales.configurations",
    "configurator.sales.models",
    "configurator.sales.uploads",
    "configurator.planning.models",
)


def tables() -> MetaData:
    """The metadata with every table in it."""
    for module in TABLES:
        import_module(module)
    return SQLModel.metadata


def triggers(dialect: str) -> list[str]:
    """Statements that keep published and sent rows as they are; `dialect` is `sqlite` or `postgresql`."""
    from configurator.sales.models import item_revision_triggers, payment_terms_triggers, quote_triggers

    return [
        *immutable_triggers(dialect), *quote_triggers(dialect), *item_revision_triggers(dialect),
        *payment_terms_triggers(dialect),
    ]


def create_tables(engine: Engine) -> None:
    """All tables and triggers at once, without the way through the migrations (tests prove that both are the same)."""
    metadata = tables()
    with engine.begin() as connection:
        metadata.create_all(connection)  # the documents' triggers come with their tables
        for statement in immutable_triggers(connection.dialect.name):
            connection.exec_driver_sql(statement)
