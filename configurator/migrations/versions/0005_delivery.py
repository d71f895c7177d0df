"""Ways of delivery, and the one that an order has; refunds."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _create_ways()
    with op.batch_alter_table("sales_order") as batch:
        batch.add_column(sa.Column("delivery_way_id", sa.Integer(), nullable=True))
        batch.add_column(sa.Column("delivery_kind", sa.String(length=20), nullable=True))
        batch.add_column(sa.Column("delivery_name", sa.JSON(), nullable=False, server_default="{}"))
        for name in ("delivery_net_minor", "delivery_tax_minor", "delivery_gross_minor"):
            batch.add_column(sa.Column(name, sa.BigInteger(), nullable=False, server_default="0"))
    with op.batch_alter_table("sales_order") as batch:
        for name in ("delivery_name", "delivery_net_minor", "delivery_tax_minor", "delivery_gross_minor"):
            batch.alter_column(name, server_default=None)
        batch.create_check_constraint(
            op.f("ck_sales_order_sales_order_delivery_adds_up"),
            "delivery_net_minor + delivery_tax_minor = delivery_gross_minor and delivery_net_minor >= 0"
            " and delivery_tax_minor >= 0",
        )
        batch.create_check_constraint(
            op.f("ck_sales_order_sales_order_delivery_has_kind"),
            "(delivery_way_id is null) = (delivery_kind is null)",
        )
        batch.create_foreign_key(
            op.f("fk_sales_order_company_id_delivery_way_id_delivery_way"), "delivery_way",
            ["company_id", "delivery_way_id"], ["company_id", "id"], ondelete="RESTRICT",
        )
    _create_refunds()


def downgrade() -> None:
    op.execute("DELETE FROM payment_event WHERE deposit_id IS NULL")
    with op.batch_alter_table("payment_event") as batch:
        batch.drop_constraint(op.f("fk_payment_event_company_id_refund_id_refund"), type_="foreignkey")
        batch.drop_constraint(op.f("ck_payment_event_payment_event_is_of_one"), type_="check")
        batch.drop_constraint(op.f("ck_payment_event_payment_event_not_negative"), type_="check")
        batch.alter_column("deposit_id", existing_type=sa.Integer(), nullable=False)
        batch.drop_column("refund_id")
        batch.drop_column("amount_minor")
    op.drop_table("refund")
    with op.batch_alter_table("sales_order") as batch:
        batch.drop_constraint(op.f("fk_sales_order_company_id_delivery_way_id_delivery_way"), type_="foreignkey")
        for name in ("adds_up", "has_kind"):
            batch.drop_constraint(op.f(f"ck_sales_order_sales_order_delivery_{name}"), type_="check")
        for name in ("way_id", "kind", "name", "net_minor", "tax_minor", "gross_minor"):
            batch.drop_column(f"delivery_{name}")
    op.drop_table("delivery_way")


def _create_refunds() -> None:
    op.create_table(
        "refund",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("company_id", sa.Integer(), nullable=False),
        sa.Column("sales_order_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("provider", sa.String(length=20), nullable=False),
        sa.Column("reference", sa.String(length=40), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("cause", sa.String(length=20), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("refused_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decided_by", sa.Integer(), nullable=True),
        sa.CheckConstraint("state in ('due', 'paid')", name=op.f("ck_refund_refund_state_known")),
        sa.CheckConstraint(
            "cause in ('cancelled', 'cheaper', 'overpaid')", name=op.f("ck_refund_refund_cause_known")
        ),
        sa.CheckConstraint(
            "(state = 'due') = (decided_at is null)", name=op.f("ck_refund_refund_decided_has_instant")
        ),
        sa.CheckConstraint("amount_minor > 0", name=op.f("ck_refund_refund_positive")),
        sa.CheckConstraint("number >= 1", name=op.f("ck_refund_refund_number_positive")),
        sa.ForeignKeyConstraint(
            ["company_id", "decided_by"], ["user_account.company_id", "user_account.id"],
            name=op.f("fk_refund_company_id_decided_by_user_account"), ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["company_id", "sales_order_id"], ["sales_order.company_id", "sales_order.id"],
            name=op.f("fk_refund_company_id_sales_order_id_sales_order"), ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(["company_id"], ["company.id"], name=op.f("fk_refund_company_id_company")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_refund")),
        sa.UniqueConstraint("company_id", "id", name=op.f("uq_refund_company_id_id")),
        sa.UniqueConstraint("company_id", "reference", name=op.f("uq_refund_company_id_reference")),
        sa.UniqueConstraint(
            "company_id", "sales_order_id", "number", name=op.f("uq_refund_company_id_sales_order_id_number")
        ),
    )
    op.create_index(op.f("ix_refund_company_id"), "refund", ["company_id"], unique=False)
    op.create_index("ix_refund_state", "refund", ["company_id", "state"], unique=False)
    with op.batch_alter_table("payment_event") as batch:
        batch.add_column(sa.Column("refund_id", sa.Integer(), nullable=True))
        batch.add_column(sa.Column("amount_minor", sa.BigInteger(), nullable=False, server_default="0"))
        batch.alter_column("deposit_id", existing_type=sa.Integer(), nullable=True)
    # Until now a deposit was paid as it was asked for; what sales marked as received left no event.
    amount = (
        "(SELECT d.amount_minor FROM deposit d WHERE d.company_id = payment_event.company_id"
        " AND d.id = payment_event.deposit_id)"
    )
    op.execute(f"UPDATE payment_event SET amount_minor = {amount} WHERE outcome = 'paid'")  # noqa: S608 - our own names
    op.execute(
        "INSERT INTO payment_event (company_id, provider, event, deposit_id, outcome, amount_minor, at)"
        " SELECT d.company_id, d.provider, 'by hand ' || d.id, d.id, 'paid', d.amount_minor, d.decided_at"
        " FROM deposit d WHERE d.state = 'received' AND NOT EXISTS"
        " (SELECT 1 FROM payment_event e WHERE e.company_id = d.company_id AND e.deposit_id = d.id"
        " AND e.outcome = 'paid')"
    )
    with op.batch_alter_table("payment_event") as batch:
        batch.alter_column("amount_minor", server_default=None)
        batch.create_check_constraint(
            op.f("ck_payment_event_payment_event_is_of_one"), "(deposit_id is null) <> (refund_id is null)"
        )
        batch.create_check_constraint(op.f("ck_payment_event_payment_event_not_negative"), "amount_minor >= 0")
        batch.create_foreign_key(
            op.f("fk_payment_event_company_id_refund_id_refund"), "refund",
            ["company_id", "refund_id"], ["company_id", "id"], ondelete="RESTRICT",
        )


def _create_ways() -> None:
    op.create_table(
        "delivery_way",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("company_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("name", sa.JSON(), nullable=False),
        sa.Column("country", sa.String(length=2), nullable=False),
        sa.Column("postal_prefixes", sa.JSON(), nullable=False),
        sa.Column("transit_days", sa.Integer(), nullable=False),
        sa.Column("cutoff", sa.String(length=5), nullable=False),
        sa.Column("working_days", sa.JSON(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("price_by", sa.String(length=20), nullable=False),
        sa.Column("steps", sa.JSON(), nullable=False),
        sa.Column("retired_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("kind in ('carrier', 'own', 'pickup')", name=op.f("ck_delivery_way_delivery_kind_known")),
        sa.CheckConstraint("price_by in ('value', 'weight')", name=op.f("ck_delivery_way_delivery_price_by_known")),
        sa.CheckConstraint("transit_days between 0 and 90", name=op.f("ck_delivery_way_delivery_transit_range")),
        sa.CheckConstraint("length(cutoff) = 5", name=op.f("ck_delivery_way_delivery_cutoff_is_hh_mm")),
        sa.CheckConstraint(
            "length(country) = 2 and length(currency) = 3", name=op.f("ck_delivery_way_delivery_codes")
        ),
        sa.ForeignKeyConstraint(
            ["company_id"], ["company.id"], name=op.f("fk_delivery_way_company_id_company")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_delivery_way")),
        sa.UniqueConstraint("company_id", "id", name=op.f("uq_delivery_way_company_id_id")),
    )
    op.create_index(op.f("ix_delivery_way_company_id"), "delivery_way", ["company_id"], unique=False)
    op.create_index("ix_delivery_way_country", "delivery_way", ["company_id", "country"], unique=False)
