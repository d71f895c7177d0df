"""Orders that wait for their buyer to confirm the mail address; quotes with their delivery."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0009"
branch_labels = None
depends_on = None

STATES = "ck_sales_order_sales_order_state_known"
BEFORE = "state in ('awaiting_deposit', 'confirmed', 'closed', 'cancelled')"
REFUSE = "quote_revision is immutable once sent"
AMOUNTS = ("delivery_net_minor", "delivery_tax_minor", "delivery_gross_minor")
DELIVERY = ("delivery_way_id", "delivery_kind", "delivery_name", *AMOUNTS)
FROZEN = (
    "id", "company_id", "quote_id", "number", "token", "configuration_id", "price_items", "created_at", "sent_at",
    "valid_until", "currency", "exponent", "basis", "net_minor", "tax_rate", "tax_minor", "gross_minor", "tax_reason",
    "cost_minor", "exchange_rate", "promise_at", "dispatch_at", "carrier_code", "carrier_days", "arrives_on", "zone",
)
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
    _add_delivery_to_quotes()


def _add_delivery_to_quotes() -> None:
    with op.batch_alter_table("quote") as batch:
        batch.add_column(sa.Column("postal_code", sa.String(length=20), nullable=False, server_default=""))
    with op.batch_alter_table("quote") as batch:
        batch.alter_column("postal_code", server_default=None)
    _drop_guards()
    with op.batch_alter_table("quote_revision") as batch:
        batch.add_column(sa.Column("delivery_way_id", sa.Integer(), nullable=True))
        batch.add_column(sa.Column("delivery_kind", sa.String(length=20), nullable=True))
        batch.add_column(sa.Column("delivery_name", sa.JSON(), nullable=False, server_default="{}"))
        for name in AMOUNTS:
            batch.add_column(sa.Column(name, sa.BigInteger(), nullable=False, server_default="0"))
    with op.batch_alter_table("quote_revision") as batch:
        for name in ("delivery_name", *AMOUNTS):
            batch.alter_column(name, server_default=None)
        batch.create_check_constraint(
            op.f("ck_quote_revision_quote_revision_delivery_adds_up"),
            "delivery_net_minor + delivery_tax_minor = delivery_gross_minor and delivery_net_minor >= 0"
            " and delivery_tax_minor >= 0",
        )
        batch.create_check_constraint(
            op.f("ck_quote_revision_quote_revision_delivery_has_kind"),
            "(delivery_way_id is null) = (delivery_kind is null)",
        )
        batch.create_foreign_key(
            op.f("fk_quote_revision_company_id_delivery_way_id_delivery_way"), "delivery_way",
            ["company_id", "delivery_way_id"], ["company_id", "id"], ondelete="RESTRICT",
        )
    _guard([*FROZEN, *DELIVERY])


def _drop_guards() -> None:
    """The triggers of quotes and the index that a table made anew would not keep."""
    if op.get_bind().dialect.name == "sqlite":
        for name in ("quote_revision_no_update", "quote_revision_no_delete"):
            op.execute(f"DROP TRIGGER {name}")
    else:
        op.execute("DROP TRIGGER quote_revision_immutable ON quote_revision")
    op.drop_index("uq_quote_revision_open", table_name="quote_revision")


def _guard(frozen: list[str]) -> None:
    """At most one open revision of a quote, and what was sent stays as it is."""
    open_ones = sa.text("state in ('draft', 'sent', 'accepted')")
    op.create_index(
        "uq_quote_revision_open", "quote_revision", ["company_id", "quote_id"], unique=True, sqlite_where=open_ones,
        postgresql_where=open_ones,
    )
    if op.get_bind().dialect.name == "sqlite":
        changed = " OR ".join(f"NEW.{name} IS NOT OLD.{name}" for name in frozen)
        stop = f"BEGIN SELECT RAISE(ABORT, '{REFUSE}'); END"
        op.execute(
            "CREATE TRIGGER quote_revision_no_update BEFORE UPDATE ON quote_revision"
            f" WHEN OLD.state <> 'draft' AND (NEW.state = 'draft' OR {changed}) {stop}"
        )
        op.execute(
            f"CREATE TRIGGER quote_revision_no_delete BEFORE DELETE ON quote_revision WHEN OLD.state <> 'draft' {stop}"
        )
        return
    cast = [f"{name}::text" if name in ("price_items", "carrier_days", "delivery_name") else name for name in frozen]
    changed = " OR ".join(f"NEW.{name} IS DISTINCT FROM OLD.{name}" for name in cast)
    op.execute(f"""CREATE OR REPLACE FUNCTION quote_revision_immutable() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF OLD.state <> 'draft' THEN
    IF TG_OP = 'DELETE' THEN
      RAISE EXCEPTION '{REFUSE}';
    ELSIF NEW.state = 'draft' OR {changed} THEN
      RAISE EXCEPTION '{REFUSE}';
    END IF;
  END IF;
  IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
  RETURN NEW;
END $$""")
    op.execute(
        "CREATE TRIGGER quote_revision_immutable BEFORE UPDATE OR DELETE ON quote_revision"
        " FOR EACH ROW EXECUTE FUNCTION quote_revision_immutable()"
    )


def _states(known: str) -> None:
    with op.batch_alter_table("sales_order") as batch:
        batch.drop_constraint(op.f(STATES), type_="check")
        batch.create_check_constraint(op.f(STATES), known)


def downgrade() -> None:
    _drop_guards()
    with op.batch_alter_table("quote_revision") as batch:
        batch.drop_constraint(
            op.f("fk_quote_revision_company_id_delivery_way_id_delivery_way"), type_="foreignkey"
        )
        batch.drop_constraint(op.f("ck_quote_revision_quote_revision_delivery_adds_up"), type_="check")
        batch.drop_constraint(op.f("ck_quote_revision_quote_revision_delivery_has_kind"), type_="check")
        for name in DELIVERY:
            batch.drop_column(name)
    _guard([*FROZEN])
    with op.batch_alter_table("quote") as batch:
        batch.drop_column("postal_code")
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
