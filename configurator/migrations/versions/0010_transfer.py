"""Transports between plants, and the parts of orders that go with them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "transport",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("company_id", sa.Integer(), nullable=False),
        sa.Column("origin_id", sa.Integer(), nullable=False),
        sa.Column("destination_id", sa.Integer(), nullable=False),
        sa.Column("minutes", sa.Integer(), nullable=False),
        sa.Column("departures", sa.JSON(), nullable=False),
        sa.Column("holidays", sa.JSON(), nullable=False),
        sa.CheckConstraint("origin_id <> destination_id", name=op.f("ck_transport_transport_between_two")),
        sa.CheckConstraint("minutes > 0", name=op.f("ck_transport_transport_minutes_positive")),
        sa.ForeignKeyConstraint(
            ["company_id", "origin_id"], ["plant.company_id", "plant.id"],
            name=op.f("fk_transport_company_id_origin_id_plant"), ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["company_id", "destination_id"], ["plant.company_id", "plant.id"],
            name=op.f("fk_transport_company_id_destination_id_plant"), ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(["company_id"], ["company.id"], name=op.f("fk_transport_company_id_company")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_transport")),
        sa.UniqueConstraint("company_id", "id", name=op.f("uq_transport_company_id_id")),
        sa.UniqueConstraint(
            "company_id", "origin_id", "destination_id", name=op.f("uq_transport_company_id_origin_id_destination_id")
        ),
    )
    op.create_index(op.f("ix_transport_company_id"), "transport", ["company_id"], unique=False)
    op.create_table(
        "transfer",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("company_id", sa.Integer(), nullable=False),
        sa.Column("part_order_id", sa.Integer(), nullable=False),
        sa.Column("order_id", sa.Integer(), nullable=False),
        sa.Column("part", sa.String(length=40), nullable=False),
        sa.Column("name", sa.JSON(), nullable=False),
        sa.Column("leaves_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("arrives_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("part_order_id <> order_id", name=op.f("ck_transfer_transfer_between_two")),
        sa.CheckConstraint("leaves_at < arrives_at", name=op.f("ck_transfer_transfer_leaves_before_arrival")),
        sa.ForeignKeyConstraint(
            ["company_id", "part_order_id"], ["manufacturing_order.company_id", "manufacturing_order.id"],
            name=op.f("fk_transfer_company_id_part_order_id_manufacturing_order"), ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["company_id", "order_id"], ["manufacturing_order.company_id", "manufacturing_order.id"],
            name=op.f("fk_transfer_company_id_order_id_manufacturing_order"), ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(["company_id"], ["company.id"], name=op.f("fk_transfer_company_id_company")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_transfer")),
        sa.UniqueConstraint("company_id", "id", name=op.f("uq_transfer_company_id_id")),
        sa.UniqueConstraint("company_id", "part_order_id", name=op.f("uq_transfer_company_id_part_order_id")),
    )
    op.create_index(op.f("ix_transfer_company_id"), "transfer", ["company_id"], unique=False)
    op.create_index("ix_transfer_order", "transfer", ["company_id", "order_id"], unique=False)
    op.create_index("ix_transfer_leaves", "transfer", ["company_id", "leaves_at"], unique=False)


def downgrade() -> None:
    op.drop_table("transfer")
    op.drop_table("transport")
