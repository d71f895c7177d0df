"""Saved drafts; second thoughts: earlier places that a search has found for what somebody looks at."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "second_thought",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("company_id", sa.Integer(), nullable=False),
        sa.Column("plant_id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("placements", sa.JSON(), nullable=False),
        sa.Column("moved", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["company_id", "plant_id"],
            ["plant.company_id", "plant.id"],
            name=op.f("fk_second_thought_company_id_plant_id_plant"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(["company_id"], ["company.id"], name=op.f("fk_second_thought_company_id_company")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_second_thought")),
        sa.UniqueConstraint("company_id", "id", name=op.f("uq_second_thought_company_id_id")),
        sa.UniqueConstraint(
            "company_id", "plant_id", "key", name=op.f("uq_second_thought_company_id_plant_id_key")
        ),
    )
    op.create_index(op.f("ix_second_thought_company_id"), "second_thought", ["company_id"], unique=False)
    op.create_table(
        "draft",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("company_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("token", sa.String(length=40), nullable=False),
        sa.Column("holder", sa.String(length=40), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=True),
        sa.Column("configuration_id", sa.Integer(), nullable=False),
        sa.Column("country", sa.String(length=2), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("(holder = '') = (user_id is not null)", name=op.f("ck_draft_draft_has_one_owner")),
        sa.CheckConstraint("length(name) >= 1", name=op.f("ck_draft_draft_has_name")),
        sa.ForeignKeyConstraint(
            ["company_id", "configuration_id"], ["configuration.company_id", "configuration.id"],
            name=op.f("fk_draft_company_id_configuration_id_configuration"), ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["company_id", "user_id"], ["user_account.company_id", "user_account.id"],
            name=op.f("fk_draft_company_id_user_id_user_account"), ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(["company_id"], ["company.id"], name=op.f("fk_draft_company_id_company")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_draft")),
        sa.UniqueConstraint("company_id", "id", name=op.f("uq_draft_company_id_id")),
        sa.UniqueConstraint("company_id", "token", name=op.f("uq_draft_company_id_token")),
    )
    op.create_index(op.f("ix_draft_company_id"), "draft", ["company_id"], unique=False)
    op.create_index("ix_draft_holder", "draft", ["company_id", "holder"], unique=False)
    op.create_index("ix_draft_user", "draft", ["company_id", "user_id"], unique=False)
    op.create_table(
        "picture",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("company_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=90), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("media_type", sa.String(length=20), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.Column("stored_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("length(sha256) = 64", name=op.f("ck_picture_picture_sha256_length")),
        sa.CheckConstraint(
            "media_type in ('image/svg+xml','image/png','image/jpeg','image/webp')",
            name=op.f("ck_picture_picture_media_type_known"),
        ),
        sa.ForeignKeyConstraint(["company_id"], ["company.id"], name=op.f("fk_picture_company_id_company")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_picture")),
        sa.UniqueConstraint("company_id", "id", name=op.f("uq_picture_company_id_id")),
        sa.UniqueConstraint("company_id", "name", name=op.f("uq_picture_company_id_name")),
    )
    op.create_index(op.f("ix_picture_company_id"), "picture", ["company_id"], unique=False)
    op.create_index(op.f("ix_picture_sha256"), "picture", ["sha256"], unique=False)


def downgrade() -> None:
    op.drop_table("picture")
    op.drop_table("draft")
    op.drop_table("second_thought")
