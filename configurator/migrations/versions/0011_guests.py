"""Orders that wait for their buyer to confirm the mail address."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0009"
branch_labels = None
depends_on = None

STATES = "ck_sales_order_sales_order_state_known"
BEFORE = "state in ('awaiting_deposit', 'confirmed', 'closed', 'cancelled')"
AFTER = "state in ('awaiting_address', 'awaiting_deposit', 'confirmed', 'closed', 'cancelled')"


def upgrade() -> None:
    op.create_table(
        "address_check",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("company_id", sa.Integer(), nullable=False),
        sa.Column("sales_order_id", sa.Integer(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("sends", sa.Integer(), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "state in ('awaited', 'confirmed', 'lapsed')", name=op.f("ck_address_check_address_check_state_known")
        ),
        sa.CheckConstraint(
            "(state = 'awaited') = (decided_at is null)",
            name=op.f("ck_address_check_address_check_decided_has_instant"),
        ),
        sa.CheckConstraint("sends >= 1", name=op.f("ck_address_check_address_check_was_sent")),
        sa.ForeignKeyConstraint(
            ["company_id", "sales_order_id"], ["sales_order.company_id", "sales_order.id"],
            name=op.f("fk_address_check_company_id_sales_order_id_sales_order"), ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(["company_id"], ["company.id"], name=op.f("fk_address_check_company_id_company")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_address_check")),
        sa.UniqueConstraint("company_id", "id", name=op.f("uq_address_check_company_id_id")),
        sa.UniqueConstraint("company_id", "sales_order_id", name=op.f("uq_address_check_company_id_sales_order_id")),
    )
    op.create_index(op.f("ix_address_check_company_id"), "address_check", ["company_id"], unique=False)
    op.create_index("ix_address_check_state_due", "address_check", ["state", "due_at"], unique=False)
    _states(AFTER)


def _states(known: str) -> None:
    with op.batch_alter_table("sales_order") as batch:
        batch.drop_constraint(op.f(STATES), type_="check")
        batch.create_check_constraint(op.f(STATES), known)


def downgrade() -> None:
    # What waits is made: an order that somebody placed is not lost.
    waiting = "SELECT 'order-' || id FROM sales_order WHERE state = 'awaiting_address'"
    op.execute(
        "DELETE FROM held_order WHERE hold_id IN"  # noqa: S608 - our own names
        f" (SELECT id FROM hold WHERE pegging_key IN ({waiting}))"
    )
    op.execute(f"DELETE FROM hold WHERE pegging_key IN ({waiting})")  # noqa: S608 - our own names
    op.execute("UPDATE sales_order SET state = 'confirmed' WHERE state = 'awaiting_address'")
    _states(BEFORE)
    op.drop_table("address_check")
