"""Terms of payment with their versions, and the one that an order was placed under."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

IMMUTABLE = {
    "sqlite": [
        "CREATE TRIGGER payment_terms_no_update BEFORE UPDATE ON payment_terms"
        " BEGIN SELECT RAISE(ABORT, 'payment_terms is immutable'); END",
        "CREATE TRIGGER payment_terms_no_delete BEFORE DELETE ON payment_terms"
        " BEGIN SELECT RAISE(ABORT, 'payment_terms is immutable'); END",
    ],
    "postgresql": [
        """CREATE OR REPLACE FUNCTION payment_terms_immutable() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'payment_terms is immutable';
END $$""",
        "CREATE TRIGGER payment_terms_immutable BEFORE UPDATE OR DELETE ON payment_terms"
        " FOR EACH ROW EXECUTE FUNCTION payment_terms_immutable()",
    ],
}


def upgrade() -> None:
    op.create_table(
        "payment_terms",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("company_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("percent", sa.Integer(), nullable=False),
        sa.Column("asked_from", sa.BigInteger(), nullable=False),
        sa.Column("asked_of_guests_from", sa.BigInteger(), nullable=False),
        sa.Column("days", sa.Integer(), nullable=False),
        sa.Column("providers", sa.JSON(), nullable=False),
        sa.Column("saved_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("saved_by", sa.Integer(), nullable=True),
        sa.CheckConstraint("number >= 1", name=op.f("ck_payment_terms_payment_terms_number_positive")),
        sa.CheckConstraint("percent between 1 and 100", name=op.f("ck_payment_terms_payment_terms_percent_range")),
        sa.CheckConstraint(
            "asked_from >= 0 and asked_of_guests_from >= 0", name=op.f("ck_payment_terms_payment_terms_not_negative")
        ),
        sa.CheckConstraint("days between 1 and 60", name=op.f("ck_payment_terms_payment_terms_days_range")),
        sa.ForeignKeyConstraint(
            ["company_id", "saved_by"], ["user_account.company_id", "user_account.id"],
            name=op.f("fk_payment_terms_company_id_saved_by_user_account"), ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(["company_id"], ["company.id"], name=op.f("fk_payment_terms_company_id_company")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payment_terms")),
        sa.UniqueConstraint("company_id", "id", name=op.f("uq_payment_terms_company_id_id")),
        sa.UniqueConstraint("company_id", "number", name=op.f("uq_payment_terms_company_id_number")),
    )
    op.create_index(op.f("ix_payment_terms_company_id"), "payment_terms", ["company_id"], unique=False)
    for statement in IMMUTABLE[op.get_bind().dialect.name]:
        op.execute(statement)
    with op.batch_alter_table("sales_order") as batch:
        batch.add_column(sa.Column("payment_terms_id", sa.Integer(), nullable=True))
    with op.batch_alter_table("sales_order") as batch:
        batch.create_foreign_key(
            op.f("fk_sales_order_company_id_payment_terms_id_payment_terms"), "payment_terms",
            ["company_id", "payment_terms_id"], ["company_id", "id"], ondelete="RESTRICT",
        )


def downgrade() -> None:
    with op.batch_alter_table("sales_order") as batch:
        batch.drop_constraint(
            op.f("fk_sales_order_company_id_payment_terms_id_payment_terms"), type_="foreignkey"
        )
        batch.drop_column("payment_terms_id")
    op.drop_table("payment_terms")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION payment_terms_immutable()")
