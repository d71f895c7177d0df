"""Orders whose buyers exchange what they wait for; drafts that were taken from others, with their files."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

STATES = {
    "deposit": ("ck_deposit_deposit_state_known", "'awaited', 'received', 'lapsed'"),
    "address_check": ("ck_address_check_address_check_state_known", "'awaited', 'confirmed', 'lapsed'"),
}
SOURCE = "fk_draft_company_id_taken_from_id_configuration"


def upgrade() -> None:
    for table, (name, known) in STATES.items():
        _states(table, name, f"{known}, 'replaced'")
    with op.batch_alter_table("draft") as batch:
        batch.add_column(sa.Column("taken_from_id", sa.Integer(), nullable=True))
        batch.create_foreign_key(
            op.f(SOURCE), "configuration", ["company_id", "taken_from_id"], ["company_id", "id"], ondelete="RESTRICT"
        )


def _states(table: str, name: str, known: str) -> None:
    with op.batch_alter_table(table) as batch:
        batch.drop_constraint(op.f(name), type_="check")
        batch.create_check_constraint(op.f(name), f"state in ({known})")


def downgrade() -> None:
    with op.batch_alter_table("draft") as batch:
        batch.drop_constraint(op.f(SOURCE), type_="foreignkey")
        batch.drop_column("taken_from_id")
    for table, (name, known) in STATES.items():
        op.execute(f"UPDATE {table} SET state = 'lapsed' WHERE state = 'replaced'")  # noqa: S608 - our own names
        _states(table, name, known)
