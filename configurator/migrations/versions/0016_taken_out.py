"""What was last taken out of a cart can be put back."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

TABLE = "taken_out_item"


def upgrade() -> None:
    op.create_table(
        TABLE,
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("company_id", sa.Integer(), nullable=False),
        sa.Column("cart_id", sa.Integer(), nullable=False),
        sa.Column("configuration_id", sa.Integer(), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("arrives_on", sa.Date(), nullable=True),
        sa.CheckConstraint("quantity >= 1", name=op.f(f"ck_{TABLE}_taken_out_quantity_positive")),
        _of("cart"),
        _of("configuration"),
        sa.ForeignKeyConstraint(["company_id"], ["company.id"], name=op.f(f"fk_{TABLE}_company_id_company")),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{TABLE}")),
        sa.UniqueConstraint("company_id", "cart_id", name=op.f(f"uq_{TABLE}_company_id_cart_id")),
        sa.UniqueConstraint("company_id", "id", name=op.f(f"uq_{TABLE}_company_id_id")),
    )
    op.create_index(op.f(f"ix_{TABLE}_company_id"), TABLE, ["company_id"], unique=False)


def _of(table: str) -> sa.Constraint:
    return sa.ForeignKeyConstraint(
        ["company_id", f"{table}_id"], [f"{table}.company_id", f"{table}.id"],
        name=op.f(f"fk_{TABLE}_company_id_{table}_id_{table}"), ondelete="RESTRICT",
    )


def downgrade() -> None:
    op.drop_table(TABLE)
