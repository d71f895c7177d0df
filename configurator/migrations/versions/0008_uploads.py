"""Files that buyers send with a configuration."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "stored_file",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("company_id", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("length(sha256) = 64", name=op.f("ck_stored_file_stored_file_sha256_length")),
        sa.ForeignKeyConstraint(["company_id"], ["company.id"], name=op.f("fk_stored_file_company_id_company")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stored_file")),
        sa.UniqueConstraint("company_id", "id", name=op.f("uq_stored_file_company_id_id")),
        sa.UniqueConstraint("company_id", "sha256", name=op.f("uq_stored_file_company_id_sha256")),
    )
    op.create_index(op.f("ix_stored_file_company_id"), "stored_file", ["company_id"], unique=False)
    op.create_table(
        "upload",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("company_id", sa.Integer(), nullable=False),
        sa.Column("token", sa.String(length=40), nullable=False),
        sa.Column("file_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("holder", sa.String(length=40), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=True),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("kind in ('pdf','png','jpeg','svg')", name=op.f("ck_upload_upload_kind_known")),
        sa.CheckConstraint("size > 0", name=op.f("ck_upload_upload_size_positive")),
        sa.CheckConstraint("(holder = '') = (user_id is not null)", name=op.f("ck_upload_upload_has_one_owner")),
        sa.ForeignKeyConstraint(
            ["company_id", "file_id"], ["stored_file.company_id", "stored_file.id"],
            name=op.f("fk_upload_company_id_file_id_stored_file"), ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["company_id", "user_id"], ["user_account.company_id", "user_account.id"],
            name=op.f("fk_upload_company_id_user_id_user_account"), ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(["company_id"], ["company.id"], name=op.f("fk_upload_company_id_company")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_upload")),
        sa.UniqueConstraint("company_id", "id", name=op.f("uq_upload_company_id_id")),
        sa.UniqueConstraint("company_id", "token", name=op.f("uq_upload_company_id_token")),
    )
    op.create_index(op.f("ix_upload_company_id"), "upload", ["company_id"], unique=False)
    op.create_index("ix_upload_sent", "upload", ["company_id", "sent_at"], unique=False)
    op.create_table(
        "upload_use",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("company_id", sa.Integer(), nullable=False),
        sa.Column("configuration_id", sa.Integer(), nullable=False),
        sa.Column("question", sa.String(length=40), nullable=False),
        sa.Column("upload_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["company_id", "configuration_id"], ["configuration.company_id", "configuration.id"],
            name=op.f("fk_upload_use_company_id_configuration_id_configuration"), ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["company_id", "upload_id"], ["upload.company_id", "upload.id"],
            name=op.f("fk_upload_use_company_id_upload_id_upload"), ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(["company_id"], ["company.id"], name=op.f("fk_upload_use_company_id_company")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_upload_use")),
        sa.UniqueConstraint("company_id", "id", name=op.f("uq_upload_use_company_id_id")),
        sa.UniqueConstraint(
            "company_id", "configuration_id", "question", name=op.f("uq_upload_use_company_id_configuration_id_question")
        ),
    )
    op.create_index(op.f("ix_upload_use_company_id"), "upload_use", ["company_id"], unique=False)
    op.create_index("ix_upload_use_upload", "upload_use", ["company_id", "upload_id"], unique=False)
    with op.batch_alter_table("manufacturing_order") as batch:
        batch.add_column(sa.Column("sent_files", sa.JSON(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("manufacturing_order") as batch:
        batch.drop_column("sent_files")
    op.drop_table("upload_use")
    op.drop_table("upload")
    op.drop_table("stored_file")
