"""What a company keeps around a promise, and the grace of an order that was just placed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "planning_margins",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("company_id", sa.Integer(), nullable=False),
        sa.Column("buffer_minutes", sa.Integer(), nullable=False),
        sa.Column("grace_minutes", sa.Integer(), nullable=False),
        sa.Column("near_minutes", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "buffer_minutes >= 0 and grace_minutes >= 0 and near_minutes >= 0",
            name=op.f("ck_planning_margins_planning_margins_not_negative"),
        ),
        sa.ForeignKeyConstraint(["company_id"], ["company.id"], name=op.f("fk_planning_margins_company_id_company")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_planning_margins")),
        sa.UniqueConstraint("company_id", "id", name=op.f("uq_planning_margins_company_id_id")),
        sa.UniqueConstraint("company_id", name=op.f("uq_planning_margins_company_id")),
    )
    op.create_index(op.f("ix_planning_margins_company_id"), "planning_margins", ["company_id"], unique=False)
    with op.batch_alter_table("manufacturing_order") as batch:
        batch.add_column(sa.Column("grace_until", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("manufacturing_order") as batch:
        batch.drop_column("grace_until")
    op.drop_table("planning_margins")
