"""Orders know the account that placed them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

PLACED_BY = "fk_sales_order_company_id_placed_by_user_account"


def upgrade() -> None:
    with op.batch_alter_table("sales_order") as batch:
        batch.add_column(sa.Column("placed_by", sa.Integer(), nullable=True))
        batch.create_foreign_key(
            op.f(PLACED_BY), "user_account", ["company_id", "placed_by"], ["company_id", "id"], ondelete="RESTRICT"
        )
        batch.create_index("ix_sales_order_placed_by", ["company_id", "placed_by"])


def downgrade() -> None:
    with op.batch_alter_table("sales_order") as batch:
        batch.drop_index("ix_sales_order_placed_by")
        batch.drop_constraint(op.f(PLACED_BY), type_="foreignkey")
        batch.drop_column("placed_by")
