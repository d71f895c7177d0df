"""Ways of delivery, and the one that an order has."""

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
