"""Carts whose dates are held, orders of several units, deposits."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_ITEM_COLUMNS = ("net_minor", "tax_minor", "gross_minor", "arrives_on")


def upgrade() -> None:
    _create_holds()
    _create_carts()
    _create_deposits()
    with op.batch_alter_table("sales_order") as batch:
        batch.add_column(sa.Column("terms_version", sa.String(length=40), nullable=True))
        batch.drop_constraint(op.f("ck_sales_order_sales_order_state_known"), type_="check")
        batch.create_check_constraint(
            op.f("ck_sales_order_sales_order_state_known"),
            "state in ('awaiting_deposit', 'confirmed', 'closed', 'cancelled')",
        )
    with op.batch_alter_table("schedule_event") as batch:
        batch.drop_constraint(op.f("ck_schedule_event_schedule_event_kind_known"), type_="check")
        batch.create_check_constraint(
            op.f("ck_schedule_event_schedule_event_kind_known"),
            "kind in ('reserved','released','reported','published')",
        )
    with op.batch_alter_table("sales_order_item") as batch:
        for name in _ITEM_COLUMNS[:3]:
            batch.add_column(sa.Column(name, sa.BigInteger(), nullable=True))
        batch.add_column(sa.Column("arrives_on", sa.Date(), nullable=True))
    # Until now every order had one unit, at the order's price and date.
    for name in _ITEM_COLUMNS:
        op.execute(
            f"UPDATE sales_order_item SET {name} ="  # noqa: S608 - our own names
            f" (SELECT o.{name} FROM sales_order o WHERE o.company_id = sales_order_item.company_id"
            " AND o.id = sales_order_item.sales_order_id)"
        )
    with op.batch_alter_table("sales_order_item") as batch:
        for name in _ITEM_COLUMNS[:3]:
            batch.alter_column(name, existing_type=sa.BigInteger(), nullable=False)
        batch.alter_column("arrives_on", existing_type=sa.Date(), nullable=False)
        batch.alter_column("manufacturing_order_id", existing_type=sa.Integer(), nullable=True)
        batch.create_check_constraint(
            op.f("ck_sales_order_item_sales_order_item_adds_up"), "net_minor + tax_minor = gross_minor"
        )


def _create_holds() -> None:
    op.create_table(
        "hold",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("company_id", sa.Integer(), nullable=False),
        sa.Column("pegging_key", sa.String(length=40), nullable=False),
        sa.Column("anonymous", sa.Boolean(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("lapses", sa.Boolean(), nullable=False),
        sa.Column("renewed", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["company_id"], ["company.id"], name=op.f("fk_hold_company_id_company")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_hold")),
        sa.UniqueConstraint("company_id", "id", name=op.f("uq_hold_company_id_id")),
        sa.UniqueConstraint("company_id", "pegging_key", name=op.f("uq_hold_company_id_pegging_key")),
    )
    op.create_index(op.f("ix_hold_company_id"), "hold", ["company_id"], unique=False)
    op.create_index("ix_hold_expires", "hold", ["expires_at"], unique=False)
    op.create_table(
        "held_order",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("company_id", sa.Integer(), nullable=False),
        sa.Column("hold_id", sa.Integer(), nullable=False),
        sa.Column("manufacturing_order_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["company_id", "hold_id"], ["hold.company_id", "hold.id"],
            name=op.f("fk_held_order_company_id_hold_id_hold"), ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["company_id", "manufacturing_order_id"],
            ["manufacturing_order.company_id", "manufacturing_order.id"],
            name=op.f("fk_held_order_company_id_manufacturing_order_id_manufacturing_order"), ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(["company_id"], ["company.id"], name=op.f("fk_held_order_company_id_company")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_held_order")),
        sa.UniqueConstraint("company_id", "id", name=op.f("uq_held_order_company_id_id")),
        sa.UniqueConstraint(
            "company_id", "manufacturing_order_id", name=op.f("uq_held_order_company_id_manufacturing_order_id")
        ),
    )
    op.create_index(op.f("ix_held_order_company_id"), "held_order", ["company_id"], unique=False)
    op.create_index("ix_held_order_hold", "held_order", ["company_id", "hold_id"], unique=False)


def _create_carts() -> None:
    op.create_table(
        "cart",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("company_id", sa.Integer(), nullable=False),
        sa.Column("token", sa.String(length=40), nullable=False),
        sa.Column("country", sa.String(length=2), nullable=False),
        sa.Column("deliveries", sa.String(length=20), nullable=False),
        sa.Column("held_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("deliveries in ('together', 'apart')", name=op.f("ck_cart_deliveries_known")),
        sa.ForeignKeyConstraint(["company_id"], ["company.id"], name=op.f("fk_cart_company_id_company")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cart")),
        sa.UniqueConstraint("company_id", "id", name=op.f("uq_cart_company_id_id")),
        sa.UniqueConstraint("company_id", "token", name=op.f("uq_cart_company_id_token")),
    )
    op.create_index(op.f("ix_cart_company_id"), "cart", ["company_id"], unique=False)
    op.create_table(
        "cart_item",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("company_id", sa.Integer(), nullable=False),
        sa.Column("cart_id", sa.Integer(), nullable=False),
        sa.Column("configuration_id", sa.Integer(), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.CheckConstraint("quantity >= 1", name=op.f("ck_cart_item_quantity_positive")),
        sa.ForeignKeyConstraint(
            ["company_id", "cart_id"], ["cart.company_id", "cart.id"],
            name=op.f("fk_cart_item_company_id_cart_id_cart"), ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["company_id", "configuration_id"], ["configuration.company_id", "configuration.id"],
            name=op.f("fk_cart_item_company_id_configuration_id_configuration"), ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(["company_id"], ["company.id"], name=op.f("fk_cart_item_company_id_company")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cart_item")),
        sa.UniqueConstraint("company_id", "id", name=op.f("uq_cart_item_company_id_id")),
    )
    op.create_index(op.f("ix_cart_item_company_id"), "cart_item", ["company_id"], unique=False)
    op.create_index("ix_cart_item_cart", "cart_item", ["company_id", "cart_id"], unique=False)


def _create_deposits() -> None:
    op.create_table(
        "deposit",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("company_id", sa.Integer(), nullable=False),
        sa.Column("sales_order_id", sa.Integer(), nullable=False),
        sa.Column("provider", sa.String(length=20), nullable=False),
        sa.Column("reference", sa.String(length=40), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("refused_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "state in ('awaited', 'received', 'lapsed')", name=op.f("ck_deposit_deposit_state_known")
        ),
        sa.CheckConstraint(
            "(state = 'awaited') = (decided_at is null)", name=op.f("ck_deposit_deposit_decided_has_instant")
        ),
        sa.CheckConstraint("amount_minor > 0", name=op.f("ck_deposit_deposit_positive")),
        sa.ForeignKeyConstraint(
            ["company_id", "sales_order_id"], ["sales_order.company_id", "sales_order.id"],
            name=op.f("fk_deposit_company_id_sales_order_id_sales_order"), ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(["company_id"], ["company.id"], name=op.f("fk_deposit_company_id_company")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deposit")),
        sa.UniqueConstraint("company_id", "id", name=op.f("uq_deposit_company_id_id")),
        sa.UniqueConstraint("company_id", "sales_order_id", name=op.f("uq_deposit_company_id_sales_order_id")),
        sa.UniqueConstraint("company_id", "reference", name=op.f("uq_deposit_company_id_reference")),
    )
    op.create_index(op.f("ix_deposit_company_id"), "deposit", ["company_id"], unique=False)
    op.create_index("ix_deposit_state_due", "deposit", ["state", "due_at"], unique=False)
    op.create_table(
        "payment_event",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("company_id", sa.Integer(), nullable=False),
        sa.Column("provider", sa.String(length=20), nullable=False),
        sa.Column("event", sa.String(length=80), nullable=False),
        sa.Column("deposit_id", sa.Integer(), nullable=False),
        sa.Column("outcome", sa.String(length=20), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["company_id", "deposit_id"], ["deposit.company_id", "deposit.id"],
            name=op.f("fk_payment_event_company_id_deposit_id_deposit"), ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(["company_id"], ["company.id"], name=op.f("fk_payment_event_company_id_company")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payment_event")),
        sa.UniqueConstraint("company_id", "id", name=op.f("uq_payment_event_company_id_id")),
        sa.UniqueConstraint(
            "company_id", "provider", "event", name=op.f("uq_payment_event_company_id_provider_event")
        ),
    )
    op.create_index(op.f("ix_payment_event_company_id"), "payment_event", ["company_id"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("sales_order_item") as batch:
        batch.drop_constraint(op.f("ck_sales_order_item_sales_order_item_adds_up"), type_="check")
        for name in _ITEM_COLUMNS:
            batch.drop_column(name)
    with op.batch_alter_table("sales_order") as batch:
        batch.drop_column("terms_version")
    for table in ("payment_event", "deposit", "cart_item", "cart", "held_order", "hold"):
        op.drop_table(table)
