"""The configuration engine: compiled revisions beside their revisions, catalog files on their way to being published."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "compiled_revision",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("company_id", sa.Integer(), nullable=False),
        sa.Column("product_revision_id", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("problem_sha256", sa.String(length=64), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("version >= 1", name=op.f("ck_compiled_revision_compiled_version_positive")),
        sa.CheckConstraint(
            "length(problem_sha256) = 64", name=op.f("ck_compiled_revision_compiled_problem_sha256_length")
        ),
        sa.CheckConstraint("length(sha256) = 64", name=op.f("ck_compiled_revision_compiled_sha256_length")),
        sa.ForeignKeyConstraint(
            ["company_id", "product_revision_id"],
            ["product_revision.company_id", "product_revision.id"],
            name=op.f("fk_compiled_revision_company_id_product_revision_id_product_revision"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(["company_id"], ["company.id"], name=op.f("fk_compiled_revision_company_id_company")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_compiled_revision")),
        sa.UniqueConstraint("company_id", "id", name=op.f("uq_compiled_revision_company_id_id")),
        sa.UniqueConstraint(
            "company_id", "product_revision_id", name=op.f("uq_compiled_revision_company_id_product_revision_id")
        ),
    )
    op.create_index(op.f("ix_compiled_revision_company_id"), "compiled_revision", ["company_id"], unique=False)
    op.create_table(
        "submission",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("company_id", sa.Integer(), nullable=False),
        sa.Column("token", sa.String(length=40), nullable=False),
        sa.Column("filename", sa.String(length=200), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("job_id", sa.Integer(), nullable=True),
        sa.Column("report", sa.JSON(), nullable=True),
        sa.Column("created_by", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_by", sa.Integer(), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "state in ('open', 'published', 'discarded')", name=op.f("ck_submission_submission_state_known")
        ),
        sa.CheckConstraint(
            "(state = 'open') = (decided_at is null)", name=op.f("ck_submission_submission_decided_has_instant")
        ),
        sa.CheckConstraint("length(sha256) = 64", name=op.f("ck_submission_submission_sha256_length")),
        sa.ForeignKeyConstraint(
            ["company_id", "job_id"],
            ["job.company_id", "job.id"],
            name=op.f("fk_submission_company_id_job_id_job"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(["company_id"], ["company.id"], name=op.f("fk_submission_company_id_company")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_submission")),
        sa.UniqueConstraint("company_id", "id", name=op.f("uq_submission_company_id_id")),
        sa.UniqueConstraint("company_id", "token", name=op.f("uq_submission_company_id_token")),
    )
    op.create_index(op.f("ix_submission_company_id"), "submission", ["company_id"], unique=False)
    op.create_index("ix_submission_created", "submission", ["company_id", "created_at"], unique=False)


def downgrade() -> None:
    op.drop_table("submission")
    op.drop_table("compiled_revision")
