"""First light: every table of the house, and the triggers that keep published rows as they are."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# What a published or sent row is, it stays: kept by the database itself.
TRIGGERS = {
    "sqlite": (
        """CREATE TRIGGER product_revision_no_update BEFORE UPDATE ON product_revision WHEN OLD.status <> 'draft' AND (NEW.status = 'draft' OR NEW.id IS NOT OLD.id OR NEW.company_id IS NOT OLD.company_id OR NEW.product_id IS NOT OLD.product_id OR NEW.number IS NOT OLD.number OR NEW.published_at IS NOT OLD.published_at OR NEW.sha256 IS NOT OLD.sha256 OR NEW.content IS NOT OLD.content) BEGIN SELECT RAISE(ABORT, 'product_revision is immutable once published'); END""",
        """CREATE TRIGGER product_revision_no_delete BEFORE DELETE ON product_revision WHEN OLD.status <> 'draft' BEGIN SELECT RAISE(ABORT, 'product_revision is immutable once published'); END""",
        """CREATE TRIGGER product_revision_no_replace BEFORE INSERT ON product_revision WHEN EXISTS (SELECT 1 FROM product_revision r WHERE r.status <> 'draft' AND (r.id = NEW.id OR (r.company_id = NEW.company_id AND r.product_id = NEW.product_id AND r.number = NEW.number))) BEGIN SELECT RAISE(ABORT, 'product_revision is immutable once published'); END""",
        """CREATE TRIGGER product_revision_no_update_over BEFORE UPDATE ON product_revision WHEN EXISTS (SELECT 1 FROM product_revision r WHERE r.status <> 'draft' AND (r.id = NEW.id OR (r.company_id = NEW.company_id AND r.product_id = NEW.product_id AND r.number = NEW.number)) AND r.id <> OLD.id) BEGIN SELECT RAISE(ABORT, 'product_revision is immutable once published'); END""",
        """CREATE TRIGGER price_list_revision_no_update BEFORE UPDATE ON price_list_revision WHEN OLD.status <> 'draft' AND (NEW.status = 'draft' OR NEW.id IS NOT OLD.id OR NEW.company_id IS NOT OLD.company_id OR NEW.price_list_id IS NOT OLD.price_list_id OR NEW.number IS NOT OLD.number OR NEW.published_at IS NOT OLD.published_at OR NEW.sha256 IS NOT OLD.sha256 OR NEW.content IS NOT OLD.content) BEGIN SELECT RAISE(ABORT, 'price_list_revision is immutable once published'); END""",
        """CREATE TRIGGER price_list_revision_no_delete BEFORE DELETE ON price_list_revision WHEN OLD.status <> 'draft' BEGIN SELECT RAISE(ABORT, 'price_list_revision is immutable once published'); END""",
        """CREATE TRIGGER price_list_revision_no_replace BEFORE INSERT ON price_list_revision WHEN EXISTS (SELECT 1 FROM price_list_revision r WHERE r.status <> 'draft' AND (r.id = NEW.id OR (r.company_id = NEW.company_id AND r.price_list_id = NEW.price_list_id AND r.number = NEW.number))) BEGIN SELECT RAISE(ABORT, 'price_list_revision is immutable once published'); END""",
        """CREATE TRIGGER price_list_revision_no_update_over BEFORE UPDATE ON price_list_revision WHEN EXISTS (SELECT 1 FROM price_list_revision r WHERE r.status <> 'draft' AND (r.id = NEW.id OR (r.company_id = NEW.company_id AND r.price_list_id = NEW.price_list_id AND r.number = NEW.number)) AND r.id <> OLD.id) BEGIN SELECT RAISE(ABORT, 'price_list_revision is immutable once published'); END""",
        """CREATE TRIGGER manufacturing_revision_no_update BEFORE UPDATE ON manufacturing_revision WHEN OLD.status <> 'draft' AND (NEW.status = 'draft' OR NEW.id IS NOT OLD.id OR NEW.company_id IS NOT OLD.company_id OR NEW.product_id IS NOT OLD.product_id OR NEW.number IS NOT OLD.number OR NEW.published_at IS NOT OLD.published_at OR NEW.sha256 IS NOT OLD.sha256 OR NEW.valid_from IS NOT OLD.valid_from OR NEW.content IS NOT OLD.content) BEGIN SELECT RAISE(ABORT, 'manufacturing_revision is immutable once published'); END""",
        """CREATE TRIGGER manufacturing_revision_no_delete BEFORE DELETE ON manufacturing_revision WHEN OLD.status <> 'draft' BEGIN SELECT RAISE(ABORT, 'manufacturing_revision is immutable once published'); END""",
        """CREATE TRIGGER manufacturing_revision_no_replace BEFORE INSERT ON manufacturing_revision WHEN EXISTS (SELECT 1 FROM manufacturing_revision r WHERE r.status <> 'draft' AND (r.id = NEW.id OR (r.company_id = NEW.company_id AND r.product_id = NEW.product_id AND r.number = NEW.number))) BEGIN SELECT RAISE(ABORT, 'manufacturing_revision is immutable once published'); END""",
        """CREATE TRIGGER manufacturing_revision_no_update_over BEFORE UPDATE ON manufacturing_revision WHEN EXISTS (SELECT 1 FROM manufacturing_revision r WHERE r.status <> 'draft' AND (r.id = NEW.id OR (r.company_id = NEW.company_id AND r.product_id = NEW.product_id AND r.number = NEW.number)) AND r.id <> OLD.id) BEGIN SELECT RAISE(ABORT, 'manufacturing_revision is immutable once published'); END""",
        """CREATE TRIGGER quote_revision_no_update BEFORE UPDATE ON quote_revision WHEN OLD.state <> 'draft' AND (NEW.state = 'draft' OR NEW.id IS NOT OLD.id OR NEW.company_id IS NOT OLD.company_id OR NEW.quote_id IS NOT OLD.quote_id OR NEW.number IS NOT OLD.number OR NEW.token IS NOT OLD.token OR NEW.configuration_id IS NOT OLD.configuration_id OR NEW.price_items IS NOT OLD.price_items OR NEW.created_at IS NOT OLD.created_at OR NEW.sent_at IS NOT OLD.sent_at OR NEW.valid_until IS NOT OLD.valid_until OR NEW.currency IS NOT OLD.currency OR NEW.exponent IS NOT OLD.exponent OR NEW.basis IS NOT OLD.basis OR NEW.net_minor IS NOT OLD.net_minor OR NEW.tax_rate IS NOT OLD.tax_rate OR NEW.tax_minor IS NOT OLD.tax_minor OR NEW.gross_minor IS NOT OLD.gross_minor OR NEW.tax_reason IS NOT OLD.tax_reason OR NEW.cost_minor IS NOT OLD.cost_minor OR NEW.exchange_rate IS NOT OLD.exchange_rate OR NEW.promise_at IS NOT OLD.promise_at OR NEW.dispatch_at IS NOT OLD.dispatch_at OR NEW.carrier_code IS NOT OLD.carrier_code OR NEW.carrier_days IS NOT OLD.carrier_days OR NEW.arrives_on IS NOT OLD.arrives_on OR NEW.zone IS NOT OLD.zone) BEGIN SELECT RAISE(ABORT, 'quote_revision is immutable once sent'); END""",
        """CREATE TRIGGER quote_revision_no_delete BEFORE DELETE ON quote_revision WHEN OLD.state <> 'draft' BEGIN SELECT RAISE(ABORT, 'quote_revision is immutable once sent'); END""",
    ),
    "postgresql": (
        """CREATE OR REPLACE FUNCTION product_revision_immutable() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF OLD.status <> 'draft' THEN
    IF TG_OP = 'DELETE' THEN
      RAISE EXCEPTION 'product_revision is immutable once published';
    ELSIF NEW.status = 'draft' OR NEW.content::text IS DISTINCT FROM OLD.content::text OR NEW.id IS DISTINCT FROM OLD.id OR NEW.company_id IS DISTINCT FROM OLD.company_id OR NEW.product_id IS DISTINCT FROM OLD.product_id OR NEW.number IS DISTINCT FROM OLD.number OR NEW.published_at IS DISTINCT FROM OLD.published_at OR NEW.sha256 IS DISTINCT FROM OLD.sha256 THEN
      RAISE EXCEPTION 'product_revision is immutable once published';
    END IF;
  END IF;
  IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
  RETURN NEW;
END $$""",
        """CREATE TRIGGER product_revision_immutable BEFORE UPDATE OR DELETE ON product_revision FOR EACH ROW EXECUTE FUNCTION product_revision_immutable()""",
        """CREATE OR REPLACE FUNCTION price_list_revision_immutable() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF OLD.status <> 'draft' THEN
    IF TG_OP = 'DELETE' THEN
      RAISE EXCEPTION 'price_list_revision is immutable once published';
    ELSIF NEW.status = 'draft' OR NEW.content::text IS DISTINCT FROM OLD.content::text OR NEW.id IS DISTINCT FROM OLD.id OR NEW.company_id IS DISTINCT FROM OLD.company_id OR NEW.price_list_id IS DISTINCT FROM OLD.price_list_id OR NEW.number IS DISTINCT FROM OLD.number OR NEW.published_at IS DISTINCT FROM OLD.published_at OR NEW.sha256 IS DISTINCT FROM OLD.sha256 THEN
      RAISE EXCEPTION 'price_list_revision is immutable once published';
    END IF;
  END IF;
  IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
  RETURN NEW;
END $$""",
        """CREATE TRIGGER price_list_revision_immutable BEFORE UPDATE OR DELETE ON price_list_revision FOR EACH ROW EXECUTE FUNCTION price_list_revision_immutable()""",
        """CREATE OR REPLACE FUNCTION manufacturing_revision_immutable() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF OLD.status <> 'draft' THEN
    IF TG_OP = 'DELETE' THEN
      RAISE EXCEPTION 'manufacturing_revision is immutable once published';
    ELSIF NEW.status = 'draft' OR NEW.content::text IS DISTINCT FROM OLD.content::text OR NEW.id IS DISTINCT FROM OLD.id OR NEW.company_id IS DISTINCT FROM OLD.company_id OR NEW.product_id IS DISTINCT FROM OLD.product_id OR NEW.number IS DISTINCT FROM OLD.number OR NEW.published_at IS DISTINCT FROM OLD.published_at OR NEW.sha256 IS DISTINCT FROM OLD.sha256 OR NEW.valid_from IS DISTINCT FROM OLD.valid_from THEN
      RAISE EXCEPTION 'manufacturing_revision is immutable once published';
    END IF;
  END IF;
  IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
  RETURN NEW;
END $$""",
        """CREATE TRIGGER manufacturing_revision_immutable BEFORE UPDATE OR DELETE ON manufacturing_revision FOR EACH ROW EXECUTE FUNCTION manufacturing_revision_immutable()""",
        """CREATE OR REPLACE FUNCTION quote_revision_immutable() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF OLD.state <> 'draft' THEN
    IF TG_OP = 'DELETE' THEN
      RAISE EXCEPTION 'quote_revision is immutable once sent';
    ELSIF NEW.state = 'draft' OR NEW.id IS DISTINCT FROM OLD.id OR NEW.company_id IS DISTINCT FROM OLD.company_id OR NEW.quote_id IS DISTINCT FROM OLD.quote_id OR NEW.number IS DISTINCT FROM OLD.number OR NEW.token IS DISTINCT FROM OLD.token OR NEW.configuration_id IS DISTINCT FROM OLD.configuration_id OR NEW.price_items::text IS DISTINCT FROM OLD.price_items::text OR NEW.created_at IS DISTINCT FROM OLD.created_at OR NEW.sent_at IS DISTINCT FROM OLD.sent_at OR NEW.valid_until IS DISTINCT FROM OLD.valid_until OR NEW.currency IS DISTINCT FROM OLD.currency OR NEW.exponent IS DISTINCT FROM OLD.exponent OR NEW.basis IS DISTINCT FROM OLD.basis OR NEW.net_minor IS DISTINCT FROM OLD.net_minor OR NEW.tax_rate IS DISTINCT FROM OLD.tax_rate OR NEW.tax_minor IS DISTINCT FROM OLD.tax_minor OR NEW.gross_minor IS DISTINCT FROM OLD.gross_minor OR NEW.tax_reason IS DISTINCT FROM OLD.tax_reason OR NEW.cost_minor IS DISTINCT FROM OLD.cost_minor OR NEW.exchange_rate IS DISTINCT FROM OLD.exchange_rate OR NEW.promise_at IS DISTINCT FROM OLD.promise_at OR NEW.dispatch_at IS DISTINCT FROM OLD.dispatch_at OR NEW.carrier_code IS DISTINCT FROM OLD.carrier_code OR NEW.carrier_days::text IS DISTINCT FROM OLD.carrier_days::text OR NEW.arrives_on IS DISTINCT FROM OLD.arrives_on OR NEW.zone IS DISTINCT FROM OLD.zone THEN
      RAISE EXCEPTION 'quote_revision is immutable once sent';
    END IF;
  END IF;
  IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
  RETURN NEW;
END $$""",
        """CREATE TRIGGER quote_revision_immutable BEFORE UPDATE OR DELETE ON quote_revision FOR EACH ROW EXECUTE FUNCTION quote_revision_immutable()""",
    ),
}


def upgrade() -> None:
    op.create_table(
        "company",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("code", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("zone", sa.String(length=60), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("locale", sa.String(length=20), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_company")),
        sa.UniqueConstraint("code", name=op.f("uq_company_code")),
    )
    op.create_table(
        "login_attempt",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("subject", sa.String(length=80), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_login_attempt")),
    )
    op.create_index("ix_login_attempt_subject_at", "login_attempt", ["subject", "at"], unique=False)
    op.create_table(
        "audit_event",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("company_id", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor_id", sa.Integer(), nullable=True),
        sa.Column("action", sa.String(length=60), nullable=False),
        sa.Column("subject_kind", sa.String(length=40), nullable=False),
        sa.Column("subject_id", sa.Integer(), nullable=True),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["company_id"], ["company.id"], name=op.f("fk_audit_event_company_id_company")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_event")),
        sa.UniqueConstraint("company_id", "id", name=op.f("uq_audit_event_company_id_id")),
    )
    op.create_index(op.f("ix_audit_event_company_id"), "audit_event", ["company_id"], unique=False)
    op.create_table(
        "calendar",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("company_id", sa.Integer(), nullable=False),
        sa.Column("code", sa.String(length=40), nullable=False),
        sa.Column("zone", sa.String(length=60), nullable=False),
        sa.Column("weekly", sa.JSON(), nullable=False),
        sa.Column("holidays", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["company_id"], ["company.id"], name=op.f("fk_calendar_company_id_company")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_calendar")),
        sa.UniqueConstraint("company_id", "code", name=op.f("uq_calendar_company_id_code")),
        sa.UniqueConstraint("company_id", "id", name=op.f("uq_calendar_company_id_id")),
    )
    op.create_index(op.f("ix_calendar_company_id"), "calendar", ["company_id"], unique=False)
    op.create_table(
        "factory_load",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("company_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("loaded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("content", sa.JSON(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.CheckConstraint("length(sha256) = 64", name=op.f("ck_factory_load_factory_load_sha256_length")),
        sa.CheckConstraint("number >= 1", name=op.f("ck_factory_load_factory_load_number_positive")),
        sa.ForeignKeyConstraint(["company_id"], ["company.id"], name=op.f("fk_factory_load_company_id_company")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_factory_load")),
        sa.UniqueConstraint("company_id", "id", name=op.f("uq_factory_load_company_id_id")),
        sa.UniqueConstraint("company_id", "number", name=op.f("uq_factory_load_company_id_number")),
    )
    op.create_index(op.f("ix_factory_load_company_id"), "factory_load", ["company_id"], unique=False)
    op.create_table(
        "idempotency_key",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("company_id", sa.Integer(), nullable=False),
        sa.Column("scope", sa.String(length=120), nullable=False),
        sa.Column("key", sa.String(length=120), nullable=False),
        sa.Column("request_hash", sa.String(length=64), nullable=False),
        sa.Column("answer", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["company_id"], ["company.id"], name=op.f("fk_idempotency_key_company_id_company")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_idempotency_key")),
        sa.UniqueConstraint("company_id", "id", name=op.f("uq_idempotency_key_company_id_id")),
        sa.UniqueConstraint("company_id", "scope", "key", name=op.f("uq_idempotency_key_company_id_scope_key")),
    )
    op.create_index(op.f("ix_idempotency_key_company_id"), "idempotency_key", ["company_id"], unique=False)
    op.create_table(
        "job",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("company_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("arguments", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("progress", sa.JSON(), nullable=False),
        sa.Column("result", sa.JSON(), nullable=False),
        sa.Column("error", sa.String(length=2000), nullable=True),
        sa.Column("cancel_requested", sa.Boolean(), nullable=False),
        sa.Column("created_by", sa.Integer(), nullable=True),
        sa.Column("retried_by", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "state in ('queued','running','done','failed','cancelled')", name=op.f("ck_job_job_state_known")
        ),
        sa.ForeignKeyConstraint(["company_id"], ["company.id"], name=op.f("fk_job_company_id_company")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_job")),
        sa.UniqueConstraint("company_id", "id", name=op.f("uq_job_company_id_id")),
    )
    op.create_index(op.f("ix_job_company_id"), "job", ["company_id"], unique=False)
    op.create_index("ix_job_state", "job", ["state"], unique=False)
    op.create_table(
        "number_series",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("company_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=4), nullable=False),
        sa.Column("year", sa.Integer(), nullable=False),
        sa.Column("last", sa.Integer(), nullable=False),
        sa.CheckConstraint("last >= 0", name=op.f("ck_number_series_last_not_negative")),
        sa.ForeignKeyConstraint(["company_id"], ["company.id"], name=op.f("fk_number_series_company_id_company")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_number_series")),
        sa.UniqueConstraint("company_id", "id", name=op.f("uq_number_series_company_id_id")),
        sa.UniqueConstraint("company_id", "kind", "year", name=op.f("uq_number_series_company_id_kind_year")),
    )
    op.create_index(op.f("ix_number_series_company_id"), "number_series", ["company_id"], unique=False)
    op.create_table(
        "party",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("company_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("mail", sa.String(length=254), nullable=False),
        sa.Column("phone", sa.String(length=40), nullable=False),
        sa.Column("street", sa.String(length=300), nullable=False),
        sa.Column("postal_code", sa.String(length=20), nullable=False),
        sa.Column("city", sa.String(length=120), nullable=False),
        sa.Column("country", sa.String(length=2), nullable=False),
        sa.Column("zone", sa.String(length=60), nullable=False),
        sa.Column("tax_number", sa.String(length=40), nullable=False),
        sa.Column("locale", sa.String(length=20), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("erased_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["company_id"], ["company.id"], name=op.f("fk_party_company_id_company")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_party")),
        sa.UniqueConstraint("company_id", "id", name=op.f("uq_party_company_id_id")),
    )
    op.create_index(op.f("ix_party_company_id"), "party", ["company_id"], unique=False)
    op.create_table(
        "plant",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("company_id", sa.Integer(), nullable=False),
        sa.Column("code", sa.String(length=40), nullable=False),
        sa.Column("name", sa.JSON(), nullable=False),
        sa.Column("zone", sa.String(length=60), nullable=False),
        sa.Column("country", sa.String(length=2), nullable=False),
        sa.Column("schedule_version", sa.Integer(), nullable=False),
        sa.Column("accepts_automatic_moves", sa.Boolean(), nullable=False),
        sa.Column("frozen_minutes", sa.Integer(), nullable=False),
        sa.CheckConstraint("frozen_minutes >= 0", name=op.f("ck_plant_frozen_minutes_not_negative")),
        sa.CheckConstraint("schedule_version >= 0", name=op.f("ck_plant_schedule_version_not_negative")),
        sa.ForeignKeyConstraint(["company_id"], ["company.id"], name=op.f("fk_plant_company_id_company")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_plant")),
        sa.UniqueConstraint("company_id", "code", name=op.f("uq_plant_company_id_code")),
        sa.UniqueConstraint("company_id", "id", name=op.f("uq_plant_company_id_id")),
    )
    op.create_index(op.f("ix_plant_company_id"), "plant", ["company_id"], unique=False)
    op.create_table(
        "product",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("company_id", sa.Integer(), nullable=False),
        sa.Column("code", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(["company_id"], ["company.id"], name=op.f("fk_product_company_id_company")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_product")),
        sa.UniqueConstraint("company_id", "code", name=op.f("uq_product_company_id_code")),
        sa.UniqueConstraint("company_id", "id", name=op.f("uq_product_company_id_id")),
    )
    op.create_index(op.f("ix_product_company_id"), "product", ["company_id"], unique=False)
    op.create_table(
        "setup_matrix",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("company_id", sa.Integer(), nullable=False),
        sa.Column("code", sa.String(length=40), nullable=False),
        sa.Column("families", sa.JSON(), nullable=False),
        sa.Column("minutes", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["company_id"], ["company.id"], name=op.f("fk_setup_matrix_company_id_company")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_setup_matrix")),
        sa.UniqueConstraint("company_id", "code", name=op.f("uq_setup_matrix_company_id_code")),
        sa.UniqueConstraint("company_id", "id", name=op.f("uq_setup_matrix_company_id_id")),
    )
    op.create_index(op.f("ix_setup_matrix_company_id"), "setup_matrix", ["company_id"], unique=False)
    op.create_table(
        "carrier",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("company_id", sa.Integer(), nullable=False),
        sa.Column("plant_id", sa.Integer(), nullable=False),
        sa.Column("code", sa.String(length=40), nullable=False),
        sa.Column("name", sa.JSON(), nullable=False),
        sa.Column("cutoff", sa.String(length=5), nullable=False),
        sa.Column("working_days", sa.JSON(), nullable=False),
        sa.Column("transit_days", sa.JSON(), nullable=False),
        sa.CheckConstraint("length(cutoff) = 5", name=op.f("ck_carrier_cutoff_is_hh_mm")),
        sa.ForeignKeyConstraint(
            ["company_id", "plant_id"],
            ["plant.company_id", "plant.id"],
            name=op.f("fk_carrier_company_id_plant_id_plant"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(["company_id"], ["company.id"], name=op.f("fk_carrier_company_id_company")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_carrier")),
        sa.UniqueConstraint("company_id", "id", name=op.f("uq_carrier_company_id_id")),
        sa.UniqueConstraint("company_id", "plant_id", "code", name=op.f("uq_carrier_company_id_plant_id_code")),
    )
    op.create_index(op.f("ix_carrier_company_id"), "carrier", ["company_id"], unique=False)
    op.create_table(
        "line",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("company_id", sa.Integer(), nullable=False),
        sa.Column("plant_id", sa.Integer(), nullable=False),
        sa.Column("code", sa.String(length=40), nullable=False),
        sa.Column("name", sa.JSON(), nullable=False),
        sa.Column("stage", sa.String(length=40), nullable=False),
        sa.Column("calendar_id", sa.Integer(), nullable=False),
        sa.Column("setup_matrix_id", sa.Integer(), nullable=True),
        sa.Column("speed_percent", sa.Integer(), nullable=False),
        sa.CheckConstraint("speed_percent > 0", name=op.f("ck_line_speed_positive")),
        sa.ForeignKeyConstraint(
            ["company_id", "calendar_id"],
            ["calendar.company_id", "calendar.id"],
            name=op.f("fk_line_company_id_calendar_id_calendar"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["company_id", "plant_id"],
            ["plant.company_id", "plant.id"],
            name=op.f("fk_line_company_id_plant_id_plant"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["company_id", "setup_matrix_id"],
            ["setup_matrix.company_id", "setup_matrix.id"],
            name=op.f("fk_line_company_id_setup_matrix_id_setup_matrix"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(["company_id"], ["company.id"], name=op.f("fk_line_company_id_company")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_line")),
        sa.UniqueConstraint("company_id", "id", name=op.f("uq_line_company_id_id")),
        sa.UniqueConstraint("company_id", "plant_id", "code", name=op.f("uq_line_company_id_plant_id_code")),
    )
    op.create_index(op.f("ix_line_company_id"), "line", ["company_id"], unique=False)
    op.create_table(
        "manufacturing_revision",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("company_id", sa.Integer(), nullable=False),
        sa.Column("product_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("content", sa.JSON(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.CheckConstraint(
            "(status = 'draft') = (published_at is null)", name=op.f("ck_manufacturing_revision_published_has_instant")
        ),
        sa.CheckConstraint(
            "status in ('draft', 'published', 'withdrawn')", name=op.f("ck_manufacturing_revision_status_known")
        ),
        sa.CheckConstraint("length(sha256) = 64", name=op.f("ck_manufacturing_revision_sha256_length")),
        sa.CheckConstraint("number >= 1", name=op.f("ck_manufacturing_revision_number_positive")),
        sa.ForeignKeyConstraint(
            ["company_id", "product_id"],
            ["product.company_id", "product.id"],
            name=op.f("fk_manufacturing_revision_company_id_product_id_product"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["company_id"], ["company.id"], name=op.f("fk_manufacturing_revision_company_id_company")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_manufacturing_revision")),
        sa.UniqueConstraint("company_id", "id", name=op.f("uq_manufacturing_revision_company_id_id")),
        sa.UniqueConstraint(
            "company_id", "product_id", "number", name=op.f("uq_manufacturing_revision_company_id_product_id_number")
        ),
    )
    op.create_index(
        op.f("ix_manufacturing_revision_company_id"), "manufacturing_revision", ["company_id"], unique=False
    )
    op.create_table(
        "material",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("company_id", sa.Integer(), nullable=False),
        sa.Column("plant_id", sa.Integer(), nullable=False),
        sa.Column("code", sa.String(length=40), nullable=False),
        sa.Column("name", sa.JSON(), nullable=False),
        sa.Column("unit", sa.String(length=20), nullable=False),
        sa.Column("stock", sa.Integer(), nullable=False),
        sa.CheckConstraint("stock >= 0", name=op.f("ck_material_stock_not_negative")),
        sa.ForeignKeyConstraint(
            ["company_id", "plant_id"],
            ["plant.company_id", "plant.id"],
            name=op.f("fk_material_company_id_plant_id_plant"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(["company_id"], ["company.id"], name=op.f("fk_material_company_id_company")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_material")),
        sa.UniqueConstraint("company_id", "id", name=op.f("uq_material_company_id_id")),
        sa.UniqueConstraint("company_id", "plant_id", "code", name=op.f("uq_material_company_id_plant_id_code")),
    )
    op.create_index(op.f("ix_material_company_id"), "material", ["company_id"], unique=False)
    op.create_table(
        "outbox_mail",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("company_id", sa.Integer(), nullable=False),
        sa.Column("template", sa.String(length=60), nullable=False),
        sa.Column("party_id", sa.Integer(), nullable=False),
        sa.Column("locale", sa.String(length=20), nullable=False),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("error", sa.String(length=500), nullable=True),
        sa.CheckConstraint("attempts >= 0", name=op.f("ck_outbox_mail_attempts_not_negative")),
        sa.ForeignKeyConstraint(
            ["company_id", "party_id"],
            ["party.company_id", "party.id"],
            name=op.f("fk_outbox_mail_company_id_party_id_party"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(["company_id"], ["company.id"], name=op.f("fk_outbox_mail_company_id_company")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox_mail")),
        sa.UniqueConstraint("company_id", "id", name=op.f("uq_outbox_mail_company_id_id")),
    )
    op.create_index(op.f("ix_outbox_mail_company_id"), "outbox_mail", ["company_id"], unique=False)
    op.create_index(op.f("ix_outbox_mail_due_at"), "outbox_mail", ["due_at"], unique=False)
    op.create_table(
        "price_list",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("company_id", sa.Integer(), nullable=False),
        sa.Column("code", sa.String(length=40), nullable=False),
        sa.Column("product_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["company_id", "product_id"],
            ["product.company_id", "product.id"],
            name=op.f("fk_price_list_company_id_product_id_product"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(["company_id"], ["company.id"], name=op.f("fk_price_list_company_id_company")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_price_list")),
        sa.UniqueConstraint("company_id", "code", name=op.f("uq_price_list_company_id_code")),
        sa.UniqueConstraint("company_id", "id", name=op.f("uq_price_list_company_id_id")),
    )
    op.create_index(op.f("ix_price_list_company_id"), "price_list", ["company_id"], unique=False)
    op.create_table(
        "product_revision",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("company_id", sa.Integer(), nullable=False),
        sa.Column("product_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("content", sa.JSON(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.CheckConstraint(
            "(status = 'draft') = (published_at is null)", name=op.f("ck_product_revision_published_has_instant")
        ),
        sa.CheckConstraint(
            "status in ('draft', 'published', 'withdrawn')", name=op.f("ck_product_revision_status_known")
        ),
        sa.CheckConstraint("length(sha256) = 64", name=op.f("ck_product_revision_sha256_length")),
        sa.CheckConstraint("number >= 1", name=op.f("ck_product_revision_number_positive")),
        sa.ForeignKeyConstraint(
            ["company_id", "product_id"],
            ["product.company_id", "product.id"],
            name=op.f("fk_product_revision_company_id_product_id_product"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(["company_id"], ["company.id"], name=op.f("fk_product_revision_company_id_company")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_product_revision")),
        sa.UniqueConstraint("company_id", "id", name=op.f("uq_product_revision_company_id_id")),
        sa.UniqueConstraint(
            "company_id", "product_id", "number", name=op.f("uq_product_revision_company_id_product_id_number")
        ),
    )
    op.create_index(op.f("ix_product_revision_company_id"), "product_revision", ["company_id"], unique=False)
    op.create_table(
        "proposal",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("company_id", sa.Integer(), nullable=False),
        sa.Column("plant_id", sa.Integer(), nullable=False),
        sa.Column("job_id", sa.Integer(), nullable=True),
        sa.Column("base_version", sa.Integer(), nullable=False),
        sa.Column("placements", sa.JSON(), nullable=False),
        sa.Column("before", sa.JSON(), nullable=False),
        sa.Column("after", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.Integer(), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decided_by", sa.Integer(), nullable=True),
        sa.Column("published_version", sa.Integer(), nullable=True),
        sa.CheckConstraint("(state = 'proposed') = (decided_at is null)", name=op.f("ck_proposal_decided_has_instant")),
        sa.CheckConstraint(
            "state in ('proposed','published','discarded')", name=op.f("ck_proposal_proposal_state_known")
        ),
        sa.CheckConstraint("base_version >= 0", name=op.f("ck_proposal_base_version_not_negative")),
        sa.ForeignKeyConstraint(
            ["company_id", "job_id"],
            ["job.company_id", "job.id"],
            name=op.f("fk_proposal_company_id_job_id_job"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["company_id", "plant_id"],
            ["plant.company_id", "plant.id"],
            name=op.f("fk_proposal_company_id_plant_id_plant"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(["company_id"], ["company.id"], name=op.f("fk_proposal_company_id_company")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_proposal")),
        sa.UniqueConstraint("company_id", "id", name=op.f("uq_proposal_company_id_id")),
    )
    op.create_index(op.f("ix_proposal_company_id"), "proposal", ["company_id"], unique=False)
    op.create_table(
        "schedule_event",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("company_id", sa.Integer(), nullable=False),
        sa.Column("plant_id", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor_id", sa.Integer(), nullable=True),
        sa.CheckConstraint(
            "kind in ('reserved','reported','published')", name=op.f("ck_schedule_event_schedule_event_kind_known")
        ),
        sa.CheckConstraint("version >= 1", name=op.f("ck_schedule_event_schedule_event_version_positive")),
        sa.ForeignKeyConstraint(
            ["company_id", "plant_id"],
            ["plant.company_id", "plant.id"],
            name=op.f("fk_schedule_event_company_id_plant_id_plant"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(["company_id"], ["company.id"], name=op.f("fk_schedule_event_company_id_company")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_schedule_event")),
        sa.UniqueConstraint("company_id", "id", name=op.f("uq_schedule_event_company_id_id")),
        sa.UniqueConstraint(
            "company_id", "plant_id", "version", name=op.f("uq_schedule_event_company_id_plant_id_version")
        ),
    )
    op.create_index(op.f("ix_schedule_event_company_id"), "schedule_event", ["company_id"], unique=False)
    op.create_table(
        "user_account",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("company_id", sa.Integer(), nullable=False),
        sa.Column("login", sa.String(length=120), nullable=False),
        sa.Column("party_id", sa.Integer(), nullable=False),
        sa.Column("password_hash", sa.String(length=200), nullable=False),
        sa.Column("locale", sa.String(length=20), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["company_id", "party_id"],
            ["party.company_id", "party.id"],
            name=op.f("fk_user_account_company_id_party_id_party"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(["company_id"], ["company.id"], name=op.f("fk_user_account_company_id_company")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_user_account")),
        sa.UniqueConstraint("company_id", "id", name=op.f("uq_user_account_company_id_id")),
        sa.UniqueConstraint("company_id", "login", name=op.f("uq_user_account_company_id_login")),
    )
    op.create_index(op.f("ix_user_account_company_id"), "user_account", ["company_id"], unique=False)
    op.create_table(
        "downtime",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("company_id", sa.Integer(), nullable=False),
        sa.Column("line_id", sa.Integer(), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.CheckConstraint("starts_at < ends_at", name=op.f("ck_downtime_starts_before_end")),
        sa.ForeignKeyConstraint(
            ["company_id", "line_id"],
            ["line.company_id", "line.id"],
            name=op.f("fk_downtime_company_id_line_id_line"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(["company_id"], ["company.id"], name=op.f("fk_downtime_company_id_company")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_downtime")),
        sa.UniqueConstraint("company_id", "id", name=op.f("uq_downtime_company_id_id")),
    )
    op.create_index(op.f("ix_downtime_company_id"), "downtime", ["company_id"], unique=False)
    op.create_table(
        "manufacturing_order",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("company_id", sa.Integer(), nullable=False),
        sa.Column("plant_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.String(length=40), nullable=False),
        sa.Column("pegging_key", sa.String(length=40), nullable=False),
        sa.Column("product_name", sa.JSON(), nullable=False),
        sa.Column("manufacturing_revision_id", sa.Integer(), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("release_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("promise_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("dispatch_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("arrives_on", sa.Date(), nullable=False),
        sa.Column("carrier_code", sa.String(length=40), nullable=False),
        sa.Column("carrier_name", sa.JSON(), nullable=False),
        sa.Column("carrier_cutoff", sa.String(length=5), nullable=False),
        sa.Column("carrier_days", sa.JSON(), nullable=False),
        sa.Column("transit_days", sa.Integer(), nullable=False),
        sa.Column("country", sa.String(length=2), nullable=False),
        sa.Column("zone", sa.String(length=60), nullable=False),
        sa.Column("completes_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("work_order", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "(state = 'made') = (finished_at is not null)", name=op.f("ck_manufacturing_order_made_has_instant")
        ),
        sa.CheckConstraint(
            "state in ('planned','started','made')", name=op.f("ck_manufacturing_order_manufacturing_order_state_known")
        ),
        sa.CheckConstraint("priority >= 1", name=op.f("ck_manufacturing_order_priority_positive")),
        sa.CheckConstraint("promise_at <= dispatch_at", name=op.f("ck_manufacturing_order_dispatched_after_promise")),
        sa.CheckConstraint("transit_days >= 0", name=op.f("ck_manufacturing_order_transit_not_negative")),
        sa.ForeignKeyConstraint(
            ["company_id", "manufacturing_revision_id"],
            ["manufacturing_revision.company_id", "manufacturing_revision.id"],
            name=op.f("fk_manufacturing_order_company_id_manufacturing_revision_id_manufacturing_revision"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["company_id", "plant_id"],
            ["plant.company_id", "plant.id"],
            name=op.f("fk_manufacturing_order_company_id_plant_id_plant"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(["company_id"], ["company.id"], name=op.f("fk_manufacturing_order_company_id_company")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_manufacturing_order")),
        sa.UniqueConstraint("company_id", "id", name=op.f("uq_manufacturing_order_company_id_id")),
        sa.UniqueConstraint("company_id", "number", name=op.f("uq_manufacturing_order_company_id_number")),
    )
    op.create_index(op.f("ix_manufacturing_order_company_id"), "manufacturing_order", ["company_id"], unique=False)
    op.create_index(
        "ix_manufacturing_order_pegging", "manufacturing_order", ["company_id", "pegging_key"], unique=False
    )
    op.create_index(
        "ix_manufacturing_order_plant_state", "manufacturing_order", ["company_id", "plant_id", "state"], unique=False
    )
    op.create_table(
        "material_supply",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("company_id", sa.Integer(), nullable=False),
        sa.Column("material_id", sa.Integer(), nullable=False),
        sa.Column("arrives_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.CheckConstraint("quantity > 0", name=op.f("ck_material_supply_quantity_positive")),
        sa.ForeignKeyConstraint(
            ["company_id", "material_id"],
            ["material.company_id", "material.id"],
            name=op.f("fk_material_supply_company_id_material_id_material"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(["company_id"], ["company.id"], name=op.f("fk_material_supply_company_id_company")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_material_supply")),
        sa.UniqueConstraint("company_id", "id", name=op.f("uq_material_supply_company_id_id")),
        sa.UniqueConstraint(
            "company_id", "material_id", "arrives_at", name=op.f("uq_material_supply_company_id_material_id_arrives_at")
        ),
    )
    op.create_index(op.f("ix_material_supply_company_id"), "material_supply", ["company_id"], unique=False)
    op.create_table(
        "price_list_revision",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("company_id", sa.Integer(), nullable=False),
        sa.Column("price_list_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("content", sa.JSON(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.CheckConstraint(
            "(status = 'draft') = (published_at is null)", name=op.f("ck_price_list_revision_published_has_instant")
        ),
        sa.CheckConstraint(
            "status in ('draft', 'published', 'withdrawn')", name=op.f("ck_price_list_revision_status_known")
        ),
        sa.CheckConstraint("length(sha256) = 64", name=op.f("ck_price_list_revision_sha256_length")),
        sa.CheckConstraint("number >= 1", name=op.f("ck_price_list_revision_number_positive")),
        sa.ForeignKeyConstraint(
            ["company_id", "price_list_id"],
            ["price_list.company_id", "price_list.id"],
            name=op.f("fk_price_list_revision_company_id_price_list_id_price_list"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(["company_id"], ["company.id"], name=op.f("fk_price_list_revision_company_id_company")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_price_list_revision")),
        sa.UniqueConstraint("company_id", "id", name=op.f("uq_price_list_revision_company_id_id")),
        sa.UniqueConstraint(
            "company_id", "price_list_id", "number", name=op.f("uq_price_list_revision_company_id_price_list_id_number")
        ),
    )
    op.create_index(op.f("ix_price_list_revision_company_id"), "price_list_revision", ["company_id"], unique=False)
    op.create_table(
        "quote",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("company_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.String(length=20), nullable=True),
        sa.Column("customer_id", sa.Integer(), nullable=False),
        sa.Column("country", sa.String(length=2), nullable=False),
        sa.Column("locale", sa.String(length=20), nullable=False),
        sa.Column("validity_days", sa.Integer(), nullable=False),
        sa.Column("created_by", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("validity_days between 1 and 365", name=op.f("ck_quote_validity_days_range")),
        sa.ForeignKeyConstraint(
            ["company_id", "created_by"],
            ["user_account.company_id", "user_account.id"],
            name=op.f("fk_quote_company_id_created_by_user_account"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["company_id", "customer_id"],
            ["party.company_id", "party.id"],
            name=op.f("fk_quote_company_id_customer_id_party"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(["company_id"], ["company.id"], name=op.f("fk_quote_company_id_company")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_quote")),
        sa.UniqueConstraint("company_id", "id", name=op.f("uq_quote_company_id_id")),
        sa.UniqueConstraint("company_id", "number", name=op.f("uq_quote_company_id_number")),
    )
    op.create_index(op.f("ix_quote_company_id"), "quote", ["company_id"], unique=False)
    op.create_table(
        "user_role",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("company_id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("role", sa.String(length=20), nullable=False),
        sa.CheckConstraint(
            "role in ('buyer','sales','planner','operator','modeller','administrator')",
            name=op.f("ck_user_role_role_known"),
        ),
        sa.ForeignKeyConstraint(
            ["company_id", "user_id"],
            ["user_account.company_id", "user_account.id"],
            name=op.f("fk_user_role_company_id_user_id_user_account"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(["company_id"], ["company.id"], name=op.f("fk_user_role_company_id_company")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_user_role")),
        sa.UniqueConstraint("company_id", "id", name=op.f("uq_user_role_company_id_id")),
        sa.UniqueConstraint("company_id", "user_id", "role", name=op.f("uq_user_role_company_id_user_id_role")),
    )
    op.create_index(op.f("ix_user_role_company_id"), "user_role", ["company_id"], unique=False)
    op.create_table(
        "web_session",
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("company_id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["company_id"], ["company.id"], name=op.f("fk_web_session_company_id_company")),
        sa.ForeignKeyConstraint(
            ["user_id"], ["user_account.id"], name=op.f("fk_web_session_user_id_user_account"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_web_session")),
    )
    op.create_index(op.f("ix_web_session_expires_at"), "web_session", ["expires_at"], unique=False)
    op.create_table(
        "configuration",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("company_id", sa.Integer(), nullable=False),
        sa.Column("token", sa.String(length=40), nullable=False),
        sa.Column("product_code", sa.String(length=60), nullable=False),
        sa.Column("product_revision_id", sa.Integer(), nullable=False),
        sa.Column("price_list_revision_id", sa.Integer(), nullable=False),
        sa.Column("manufacturing_revision_id", sa.Integer(), nullable=False),
        sa.Column("decisions", sa.JSON(), nullable=False),
        sa.Column("texts", sa.JSON(), nullable=False),
        sa.Column("variant", sa.JSON(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["company_id", "manufacturing_revision_id"],
            ["manufacturing_revision.company_id", "manufacturing_revision.id"],
            name=op.f("fk_configuration_company_id_manufacturing_revision_id_manufacturing_revision"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["company_id", "price_list_revision_id"],
            ["price_list_revision.company_id", "price_list_revision.id"],
            name=op.f("fk_configuration_company_id_price_list_revision_id_price_list_revision"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["company_id", "product_revision_id"],
            ["product_revision.company_id", "product_revision.id"],
            name=op.f("fk_configuration_company_id_product_revision_id_product_revision"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(["company_id"], ["company.id"], name=op.f("fk_configuration_company_id_company")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_configuration")),
        sa.UniqueConstraint("company_id", "id", name=op.f("uq_configuration_company_id_id")),
        sa.UniqueConstraint("company_id", "token", name=op.f("uq_configuration_company_id_token")),
    )
    op.create_index(op.f("ix_configuration_company_id"), "configuration", ["company_id"], unique=False)
    op.create_table(
        "manufacturing_operation",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("company_id", sa.Integer(), nullable=False),
        sa.Column("order_id", sa.Integer(), nullable=False),
        sa.Column("plant_id", sa.Integer(), nullable=False),
        sa.Column("line_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("operation", sa.String(length=40), nullable=False),
        sa.Column("name", sa.JSON(), nullable=False),
        sa.Column("family", sa.String(length=40), nullable=True),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("pinned", sa.Boolean(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("needs", sa.JSON(), nullable=False),
        sa.CheckConstraint(
            "(state = 'finished') = (finished_at is not null)",
            name=op.f("ck_manufacturing_operation_finished_has_instant"),
        ),
        sa.CheckConstraint(
            "(state = 'planned') = (started_at is null)", name=op.f("ck_manufacturing_operation_started_has_instant")
        ),
        sa.CheckConstraint(
            "state in ('planned','started','finished')", name=op.f("ck_manufacturing_operation_operation_state_known")
        ),
        sa.CheckConstraint("starts_at < ends_at", name=op.f("ck_manufacturing_operation_operation_starts_before_end")),
        sa.ForeignKeyConstraint(
            ["company_id", "line_id"],
            ["line.company_id", "line.id"],
            name=op.f("fk_manufacturing_operation_company_id_line_id_line"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["company_id", "order_id"],
            ["manufacturing_order.company_id", "manufacturing_order.id"],
            name=op.f("fk_manufacturing_operation_company_id_order_id_manufacturing_order"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["company_id", "plant_id"],
            ["plant.company_id", "plant.id"],
            name=op.f("fk_manufacturing_operation_company_id_plant_id_plant"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["company_id"], ["company.id"], name=op.f("fk_manufacturing_operation_company_id_company")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_manufacturing_operation")),
        sa.UniqueConstraint("company_id", "id", name=op.f("uq_manufacturing_operation_company_id_id")),
        sa.UniqueConstraint(
            "company_id", "order_id", "operation", name=op.f("uq_manufacturing_operation_company_id_order_id_operation")
        ),
    )
    op.create_index(
        op.f("ix_manufacturing_operation_company_id"), "manufacturing_operation", ["company_id"], unique=False
    )
    op.create_index(
        "ix_manufacturing_operation_line", "manufacturing_operation", ["company_id", "line_id", "ends_at"], unique=False
    )
    op.create_index(
        "ix_manufacturing_operation_state",
        "manufacturing_operation",
        ["company_id", "plant_id", "state", "starts_at"],
        unique=False,
    )
    op.create_index(
        "ix_manufacturing_operation_window",
        "manufacturing_operation",
        ["company_id", "plant_id", "starts_at"],
        unique=False,
    )
    op.create_table(
        "sales_order",
        sa.Column("promise_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("dispatch_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("carrier_code", sa.String(length=40), nullable=False),
        sa.Column("carrier_days", sa.JSON(), nullable=False),
        sa.Column("arrives_on", sa.Date(), nullable=False),
        sa.Column("zone", sa.String(length=60), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("exponent", sa.Integer(), nullable=False),
        sa.Column("basis", sa.String(length=10), nullable=False),
        sa.Column("net_minor", sa.BigInteger(), nullable=False),
        sa.Column("tax_rate", sa.String(length=10), nullable=False),
        sa.Column("tax_minor", sa.BigInteger(), nullable=False),
        sa.Column("gross_minor", sa.BigInteger(), nullable=False),
        sa.Column("tax_reason", sa.String(length=20), nullable=False),
        sa.Column("cost_minor", sa.BigInteger(), nullable=False),
        sa.Column("exchange_rate", sa.String(length=30), nullable=True),
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("company_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.String(length=20), nullable=False),
        sa.Column("token", sa.String(length=40), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("customer_id", sa.Integer(), nullable=False),
        sa.Column("ship_to_id", sa.Integer(), nullable=False),
        sa.Column("quote_id", sa.Integer(), nullable=True),
        sa.Column("locale", sa.String(length=20), nullable=False),
        sa.Column("placed_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("basis in ('net', 'gross')", name=op.f("ck_sales_order_sales_order_basis_known")),
        sa.CheckConstraint(
            "state in ('confirmed', 'closed', 'cancelled')", name=op.f("ck_sales_order_sales_order_state_known")
        ),
        sa.CheckConstraint(
            "tax_reason in ('standard', 'zero_rated', 'reverse_charge')",
            name=op.f("ck_sales_order_sales_order_tax_reason_known"),
        ),
        sa.CheckConstraint("exponent between 0 and 4", name=op.f("ck_sales_order_sales_order_exponent")),
        sa.CheckConstraint(
            "gross_minor >= 0 and net_minor >= 0 and tax_minor >= 0 and cost_minor >= 0",
            name=op.f("ck_sales_order_sales_order_not_negative"),
        ),
        sa.CheckConstraint("length(currency) = 3", name=op.f("ck_sales_order_sales_order_currency")),
        sa.CheckConstraint("net_minor + tax_minor = gross_minor", name=op.f("ck_sales_order_sales_order_adds_up")),
        sa.ForeignKeyConstraint(
            ["company_id", "customer_id"],
            ["party.company_id", "party.id"],
            name=op.f("fk_sales_order_company_id_customer_id_party"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["company_id", "quote_id"],
            ["quote.company_id", "quote.id"],
            name=op.f("fk_sales_order_company_id_quote_id_quote"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["company_id", "ship_to_id"],
            ["party.company_id", "party.id"],
            name=op.f("fk_sales_order_company_id_ship_to_id_party"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(["company_id"], ["company.id"], name=op.f("fk_sales_order_company_id_company")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sales_order")),
        sa.UniqueConstraint("company_id", "id", name=op.f("uq_sales_order_company_id_id")),
        sa.UniqueConstraint("company_id", "number", name=op.f("uq_sales_order_company_id_number")),
        sa.UniqueConstraint("company_id", "quote_id", name=op.f("uq_sales_order_company_id_quote_id")),
        sa.UniqueConstraint("company_id", "token", name=op.f("uq_sales_order_company_id_token")),
    )
    op.create_index(op.f("ix_sales_order_company_id"), "sales_order", ["company_id"], unique=False)
    op.create_index("ix_sales_order_placed", "sales_order", ["company_id", "placed_at"], unique=False)
    op.create_table(
        "quote_revision",
        sa.Column("promise_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("dispatch_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("carrier_code", sa.String(length=40), nullable=False),
        sa.Column("carrier_days", sa.JSON(), nullable=False),
        sa.Column("arrives_on", sa.Date(), nullable=False),
        sa.Column("zone", sa.String(length=60), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("exponent", sa.Integer(), nullable=False),
        sa.Column("basis", sa.String(length=10), nullable=False),
        sa.Column("net_minor", sa.BigInteger(), nullable=False),
        sa.Column("tax_rate", sa.String(length=10), nullable=False),
        sa.Column("tax_minor", sa.BigInteger(), nullable=False),
        sa.Column("gross_minor", sa.BigInteger(), nullable=False),
        sa.Column("tax_reason", sa.String(length=20), nullable=False),
        sa.Column("cost_minor", sa.BigInteger(), nullable=False),
        sa.Column("exchange_rate", sa.String(length=30), nullable=True),
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("company_id", sa.Integer(), nullable=False),
        sa.Column("quote_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("token", sa.String(length=40), nullable=False),
        sa.Column("configuration_id", sa.Integer(), nullable=False),
        sa.Column("price_items", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("valid_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("comment", sa.String(length=2000), nullable=False),
        sa.CheckConstraint(
            "(state = 'draft') = (sent_at is null) and (sent_at is null) = (valid_until is null)",
            name=op.f("ck_quote_revision_quote_revision_sent_has_instant"),
        ),
        sa.CheckConstraint("basis in ('net', 'gross')", name=op.f("ck_quote_revision_quote_revision_basis_known")),
        sa.CheckConstraint(
            "state in ('draft', 'sent', 'accepted', 'declined', 'superseded', 'expired')",
            name=op.f("ck_quote_revision_quote_revision_state_known"),
        ),
        sa.CheckConstraint(
            "tax_reason in ('standard', 'zero_rated', 'reverse_charge')",
            name=op.f("ck_quote_revision_quote_revision_tax_reason_known"),
        ),
        sa.CheckConstraint("exponent between 0 and 4", name=op.f("ck_quote_revision_quote_revision_exponent")),
        sa.CheckConstraint(
            "gross_minor >= 0 and net_minor >= 0 and tax_minor >= 0 and cost_minor >= 0",
            name=op.f("ck_quote_revision_quote_revision_not_negative"),
        ),
        sa.CheckConstraint("length(currency) = 3", name=op.f("ck_quote_revision_quote_revision_currency")),
        sa.CheckConstraint(
            "net_minor + tax_minor = gross_minor", name=op.f("ck_quote_revision_quote_revision_adds_up")
        ),
        sa.CheckConstraint("number >= 1", name=op.f("ck_quote_revision_quote_revision_number_positive")),
        sa.ForeignKeyConstraint(
            ["company_id", "configuration_id"],
            ["configuration.company_id", "configuration.id"],
            name=op.f("fk_quote_revision_company_id_configuration_id_configuration"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["company_id", "quote_id"],
            ["quote.company_id", "quote.id"],
            name=op.f("fk_quote_revision_company_id_quote_id_quote"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(["company_id"], ["company.id"], name=op.f("fk_quote_revision_company_id_company")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_quote_revision")),
        sa.UniqueConstraint("company_id", "id", name=op.f("uq_quote_revision_company_id_id")),
        sa.UniqueConstraint(
            "company_id", "quote_id", "number", name=op.f("uq_quote_revision_company_id_quote_id_number")
        ),
        sa.UniqueConstraint("company_id", "token", name=op.f("uq_quote_revision_company_id_token")),
    )
    op.create_index(op.f("ix_quote_revision_company_id"), "quote_revision", ["company_id"], unique=False)
    op.create_index("ix_quote_revision_state_until", "quote_revision", ["state", "valid_until"], unique=False)
    op.create_index(
        "uq_quote_revision_open",
        "quote_revision",
        ["company_id", "quote_id"],
        unique=True,
        sqlite_where=sa.text("state in ('draft', 'sent', 'accepted')"),
        postgresql_where=sa.text("state in ('draft', 'sent', 'accepted')"),
    )
    op.create_table(
        "sales_order_item",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("company_id", sa.Integer(), nullable=False),
        sa.Column("sales_order_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("configuration_id", sa.Integer(), nullable=False),
        sa.Column("price_items", sa.JSON(), nullable=False),
        sa.Column("pegging_key", sa.String(length=40), nullable=False),
        sa.Column("manufacturing_order_id", sa.Integer(), nullable=False),
        sa.CheckConstraint("number >= 1", name=op.f("ck_sales_order_item_sales_order_item_number_positive")),
        sa.ForeignKeyConstraint(
            ["company_id", "configuration_id"],
            ["configuration.company_id", "configuration.id"],
            name=op.f("fk_sales_order_item_company_id_configuration_id_configuration"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["company_id", "manufacturing_order_id"],
            ["manufacturing_order.company_id", "manufacturing_order.id"],
            name=op.f("fk_sales_order_item_company_id_manufacturing_order_id_manufacturing_order"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["company_id", "sales_order_id"],
            ["sales_order.company_id", "sales_order.id"],
            name=op.f("fk_sales_order_item_company_id_sales_order_id_sales_order"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(["company_id"], ["company.id"], name=op.f("fk_sales_order_item_company_id_company")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sales_order_item")),
        sa.UniqueConstraint("company_id", "id", name=op.f("uq_sales_order_item_company_id_id")),
        sa.UniqueConstraint("company_id", "pegging_key", name=op.f("uq_sales_order_item_company_id_pegging_key")),
        sa.UniqueConstraint(
            "company_id", "sales_order_id", "number", name=op.f("uq_sales_order_item_company_id_sales_order_id_number")
        ),
    )
    op.create_index(op.f("ix_sales_order_item_company_id"), "sales_order_item", ["company_id"], unique=False)

    for statement in TRIGGERS[op.get_bind().dialect.name]:
        op.execute(statement)


def downgrade() -> None:
    raise NotImplementedError("Nothing lies before the first step.")
