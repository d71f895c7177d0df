"""Plants of partners: what they post of their free capacity, and by what their systems are known."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("plant") as batch:
        batch.add_column(sa.Column("capacity_hours", sa.Integer(), nullable=True))
        batch.create_check_constraint(op.f("ck_plant_capacity_hours_positive"), "capacity_hours > 0")
    op.create_table(
        "partner_capacity",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("company_id", sa.Integer(), nullable=False),
        sa.Column("plant_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("valid_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("content", sa.JSON(), nullable=False),
        sa.Column("accounted", sa.JSON(), nullable=False),
        sa.Column("accounted_version", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.CheckConstraint("number >= 1", name=op.f("ck_partner_capacity_partner_capacity_number_positive")),
        sa.CheckConstraint(
            "accounted_version >= 0", name=op.f("ck_partner_capacity_partner_capacity_version_not_negative")
        ),
        sa.CheckConstraint("length(sha256) = 64", name=op.f("ck_partner_capacity_partner_capacity_sha256_length")),
        *_of_plant("partner_capacity"),
    )
    op.create_index(op.f("ix_partner_capacity_company_id"), "partner_capacity", ["company_id"], unique=False)
    op.create_table(
        "partner_key",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("company_id", sa.Integer(), nullable=False),
        sa.Column("plant_id", sa.Integer(), nullable=False),
        sa.Column("key_hash", sa.String(length=64), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("length(key_hash) = 64", name=op.f("ck_partner_key_partner_key_hash_length")),
        *_of_plant("partner_key"),
    )
    op.create_index(op.f("ix_partner_key_company_id"), "partner_key", ["company_id"], unique=False)


def _of_plant(table: str) -> tuple[sa.Constraint, ...]:
    """The keys of a table that has one row a plant."""
    return (
        sa.ForeignKeyConstraint(
            ["company_id", "plant_id"], ["plant.company_id", "plant.id"],
            name=op.f(f"fk_{table}_company_id_plant_id_plant"), ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(["company_id"], ["company.id"], name=op.f(f"fk_{table}_company_id_company")),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
        sa.UniqueConstraint("company_id", "id", name=op.f(f"uq_{table}_company_id_id")),
        sa.UniqueConstraint("company_id", "plant_id", name=op.f(f"uq_{table}_company_id_plant_id")),
    )


def downgrade() -> None:
    op.drop_table("partner_key")
    op.drop_table("partner_capacity")
    with op.batch_alter_table("plant") as batch:
        batch.drop_constraint(op.f("ck_plant_capacity_hours_positive"), type_="check")
        batch.drop_column("capacity_hours")
