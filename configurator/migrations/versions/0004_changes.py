"""Changes after the order: earlier revisions of its items, moved dates; orders that are changed or cancelled."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

# Table -> its check, with what it allowed before and allows now.
CHECKS = {
    "manufacturing_order": (
        "manufacturing_order_state_known",
        "state in ('planned','started','made')",
        "state in ('planned','started','made','cancelled')",
    ),
    "schedule_event": (
        "schedule_event_kind_known",
        "kind in ('reserved','released','reported','published')",
        "kind in ('reserved','changed','released','reported','published')",
    ),
}
IMMUTABLE = {
    "sqlite": [
        "CREATE TRIGGER item_revision_no_update BEFORE UPDATE ON item_revision"
        " BEGIN SELECT RAISE(ABORT, 'item_revision is immutable'); END",
        "CREATE TRIGGER item_revision_no_delete BEFORE DELETE ON item_revision"
        " BEGIN SELECT RAISE(ABORT, 'item_revision is immutable'); END",
    ],
    "postgresql": [
        """CREATE OR REPLACE FUNCTION item_revision_immutable() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'item_revision is immutable';
END $$""",
        "CREATE TRIGGER item_revision_immutable BEFORE UPDATE OR DELETE ON item_revision"
        " FOR EACH ROW EXECUTE FUNCTION item_revision_immutable()",
    ],
}


def upgrade() -> None:
    for table, (name, _before, now) in CHECKS.items():
        _check(table, name, now)
    op.create_table(
        "date_move",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("company_id", sa.Integer(), nullable=False),
        sa.Column("item_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("was", sa.Date(), nullable=False),
        sa.Column("becomes", sa.Date(), nullable=False),
        sa.Column("promised", sa.Date(), nullable=False),
        sa.Column("reason", sa.String(length=20), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("kind in ('promise', 'forecast')", name=op.f("ck_date_move_date_move_kind_known")),
        sa.CheckConstraint("was <> becomes", name=op.f("ck_date_move_date_move_moves")),
        sa.ForeignKeyConstraint(
            ["company_id", "item_id"],
            ["sales_order_item.company_id", "sales_order_item.id"],
            name=op.f("fk_date_move_company_id_item_id_sales_order_item"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(["company_id"], ["company.id"], name=op.f("fk_date_move_company_id_company")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_date_move")),
        sa.UniqueConstraint("company_id", "id", name=op.f("uq_date_move_company_id_id")),
    )
    op.create_index(op.f("ix_date_move_company_id"), "date_move", ["company_id"], unique=False)
    op.create_index("ix_date_move_item", "date_move", ["company_id", "item_id"], unique=False)
    op.create_table(
        "date_watch",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("company_id", sa.Integer(), nullable=False),
        sa.Column("item_id", sa.Integer(), nullable=False),
        sa.Column("told", sa.Date(), nullable=False),
        sa.Column("differs_since", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["company_id", "item_id"],
            ["sales_order_item.company_id", "sales_order_item.id"],
            name=op.f("fk_date_watch_company_id_item_id_sales_order_item"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(["company_id"], ["company.id"], name=op.f("fk_date_watch_company_id_company")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_date_watch")),
        sa.UniqueConstraint("company_id", "id", name=op.f("uq_date_watch_company_id_id")),
        sa.UniqueConstraint("company_id", "item_id", name=op.f("uq_date_watch_company_id_item_id")),
    )
    op.create_index(op.f("ix_date_watch_company_id"), "date_watch", ["company_id"], unique=False)
    op.create_table(
        "item_revision",
        sa.Column("promise_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("dispatch_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("carrier_code", sa.String(length=40), nullable=False),
        sa.Column("carrier_days", sa.JSON(), nullable=False),
        sa.Column("arrives_on", sa.Date(), nullable=False),
        sa.Column("zone", sa.String(length=60), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("exponent", sa.Integer(), nullable=False),
        sa.Column("basis", sa.String(length=10), nullable=False),
        sa.Column("net_minor", sa.BigInteger(), nullable=False),
        sa.Column("tax_rate", sa.String(length=10), nullable=False),
        sa.Column("tax_minor", sa.BigInteger(), nullable=False),
        sa.Column("gross_minor", sa.BigInteger(), nullable=False),
        sa.Column("tax_reason", sa.String(length=20), nullable=False),
        sa.Column("cost_minor", sa.BigInteger(), nullable=False),
        sa.Column("exchange_rate", sa.String(length=30), nullable=True),
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("company_id", sa.Integer(), nullable=False),
        sa.Column("item_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("configuration_id", sa.Integer(), nullable=False),
        sa.Column("price_items", sa.JSON(), nullable=False),
        sa.Column("replaced_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("basis in ('net', 'gross')", name=op.f("ck_item_revision_item_revision_basis_known")),
        sa.CheckConstraint(
            "tax_reason in ('standard', 'zero_rated', 'reverse_charge')",
            name=op.f("ck_item_revision_item_revision_tax_reason_known"),
        ),
        sa.CheckConstraint("exponent between 0 and 4", name=op.f("ck_item_revision_item_revision_exponent")),
        sa.CheckConstraint(
            "gross_minor >= 0 and net_minor >= 0 and tax_minor >= 0 and cost_minor >= 0",
            name=op.f("ck_item_revision_item_revision_not_negative"),
        ),
        sa.CheckConstraint("length(currency) = 3", name=op.f("ck_item_revision_item_revision_currency")),
        sa.CheckConstraint("net_minor + tax_minor = gross_minor", name=op.f("ck_item_revision_item_revision_adds_up")),
        sa.CheckConstraint("number >= 1", name=op.f("ck_item_revision_item_revision_number_positive")),
        sa.ForeignKeyConstraint(
            ["company_id", "configuration_id"],
            ["configuration.company_id", "configuration.id"],
            name=op.f("fk_item_revision_company_id_configuration_id_configuration"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["company_id", "item_id"],
            ["sales_order_item.company_id", "sales_order_item.id"],
            name=op.f("fk_item_revision_company_id_item_id_sales_order_item"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(["company_id"], ["company.id"], name=op.f("fk_item_revision_company_id_company")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_item_revision")),
        sa.UniqueConstraint("company_id", "id", name=op.f("uq_item_revision_company_id_id")),
        sa.UniqueConstraint("company_id", "item_id", "number", name=op.f("uq_item_revision_company_id_item_id_number")),
    )
    op.create_index(op.f("ix_item_revision_company_id"), "item_revision", ["company_id"], unique=False)

    for statement in IMMUTABLE[op.get_bind().dialect.name]:
        op.execute(statement)


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP TRIGGER item_revision_immutable ON item_revision")
        op.execute("DROP FUNCTION item_revision_immutable()")
    for table in ("item_revision", "date_watch", "date_move"):
        op.drop_table(table)
    for table, (name, before, _now) in CHECKS.items():
        _check(table, name, before)


def _check(table: str, name: str, rule: str) -> None:
    """Another rule under the same name."""
    full = op.f(f"ck_{table}_{name}")
    with op.batch_alter_table(table) as batch:
        batch.drop_constraint(full, type_="check")
        batch.create_check_constraint(full, rule)
