"""A plant says where and when buyers fetch what they ordered."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("plant") as batch:
        batch.add_column(sa.Column("pickup", sa.JSON(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("plant") as batch:
        batch.drop_column("pickup")
