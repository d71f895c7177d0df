"""A quote can have a draft beside the revision that its customer can still accept."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

OPEN, DRAFT = "uq_quote_revision_open", "uq_quote_revision_draft"


def upgrade() -> None:
    op.drop_index(OPEN, table_name="quote_revision")
    _at_most_one(OPEN, "state in ('sent', 'accepted')")
    _at_most_one(DRAFT, "state = 'draft'")


def _at_most_one(name: str, where: str) -> None:
    """At most one such revision a quote."""
    op.create_index(
        name, "quote_revision", ["company_id", "quote_id"], unique=True, sqlite_where=sa.text(where),
        postgresql_where=sa.text(where),
    )


def downgrade() -> None:
    op.drop_index(DRAFT, table_name="quote_revision")
    op.drop_index(OPEN, table_name="quote_revision")
    _at_most_one(OPEN, "state in ('draft', 'sent', 'accepted')")
