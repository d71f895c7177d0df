"""Orders, quotes and accounts know whom an invoice names; orders and quotes their customer's own number."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

PARTY = {"company": 200, "region": 80}
BILLED = ("sales_order", "quote", "user_account")
NUMBERED = ("sales_order", "quote")


def upgrade() -> None:
    for name, length in PARTY.items():
        _add_text("party", name, length)
    for table in NUMBERED:
        _add_text(table, "purchase_order", 60)
    for table in BILLED:
        with op.batch_alter_table(table) as batch:
            batch.add_column(sa.Column("bill_to_id", sa.Integer(), nullable=True))
            batch.create_foreign_key(
                op.f(_key(table)), "party", ["company_id", "bill_to_id"], ["company_id", "id"], ondelete="RESTRICT"
            )


def _key(table: str) -> str:
    return f"fk_{table}_company_id_bill_to_id_party"


def _add_text(table: str, name: str, length: int) -> None:
    """A text of every row, empty in those that are there."""
    with op.batch_alter_table(table) as batch:
        batch.add_column(sa.Column(name, sa.String(length=length), nullable=False, server_default=""))
    with op.batch_alter_table(table) as batch:
        batch.alter_column(name, server_default=None)


def downgrade() -> None:
    for table in BILLED:
        with op.batch_alter_table(table) as batch:
            batch.drop_constraint(op.f(_key(table)), type_="foreignkey")
            batch.drop_column("bill_to_id")
    for table in NUMBERED:
        with op.batch_alter_table(table) as batch:
            batch.drop_column("purchase_order")
    with op.batch_alter_table("party") as batch:
        for name in PARTY:
            batch.drop_column(name)
