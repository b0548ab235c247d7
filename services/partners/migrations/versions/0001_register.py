"""The register of partners, and what the application may touch."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from services.partners.models import messaging

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_INSTANT = sa.DateTime(timezone=True)
_KINDS = "'enterprise', 'volunteer_team', 'government', 'merchant', 'talent', 'other'"


def upgrade() -> None:
    """Create the tables; see models.py for what each is."""
    _create_organisations()
    _create_agreements()
    _create_api_keys()
    _create_changes()
    _create_contributions()
    for each in messaging:
        each.create(op.get_bind())
    # History is only ever added to.
    for table in ("changes", "contribution_entries"):
        op.execute(f"REVOKE UPDATE, DELETE, TRUNCATE ON {table} FROM partners")


def _create_organisations() -> None:
    op.create_table(
        "organisations",
        sa.Column("slug", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("system", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("reason", sa.Text),
        sa.Column("activating", sa.Boolean, nullable=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.Column("per_minute", sa.Integer, nullable=False),
        sa.Column("per_day", sa.Integer, nullable=False),
        sa.Column("amqp_password_hash", sa.Text, nullable=False),
        sa.Column("cut_wanted", sa.Boolean, nullable=False),
        sa.Column("broker_problem", sa.Text),
        sa.Column("broker_checked_at", _INSTANT),
        sa.Column("registered_at", _INSTANT, nullable=False),
        sa.CheckConstraint("slug ~ '^[a-z0-9-]{2,40}$'", name=op.f("ck_organisations_slug")),
        sa.CheckConstraint(f"kind IN ({_KINDS})", name=op.f("ck_organisations_kind")),
        sa.CheckConstraint(
            "status IN ('active', 'suspended', 'revoked')", name=op.f("ck_organisations_status")
        ),
        sa.CheckConstraint(
            "NOT activating OR status = 'suspended'", name=op.f("ck_organisations_activating")
        ),
        sa.CheckConstraint("revision >= 0", name=op.f("ck_organisations_revision")),
        sa.CheckConstraint("per_minute >= 0 AND per_day >= 0", name=op.f("ck_organisations_quota")),
    )


def _create_agreements() -> None:
    op.create_table(
        "agreements",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        _slug(),
        sa.Column("no", sa.Text, nullable=False),
        sa.Column("valid_from", sa.Date, nullable=False),
        sa.Column("valid_to", sa.Date, nullable=False),
        sa.Column("event_types", postgresql.ARRAY(sa.Text), nullable=False),
        sa.Column("agreed_at", _INSTANT, nullable=False),
        sa.Column("superseded_at", _INSTANT),
        sa.CheckConstraint("valid_from <= valid_to", name=op.f("ck_agreements_dates")),
        sa.CheckConstraint(
            "cardinality(event_types) <= 64", name=op.f("ck_agreements_event_types")
        ),
    )
    op.create_index("ix_agreements_slug", "agreements", ["slug"])
    op.create_index(
        "uq_agreements_in_force",
        "agreements",
        ["slug"],
        unique=True,
        postgresql_where=sa.text("superseded_at IS NULL"),
    )


def _create_api_keys() -> None:
    op.create_table(
        "api_keys",
        sa.Column("key_hash", sa.Text, primary_key=True),
        _slug(),
        sa.Column("slot", sa.Integer, nullable=False),
        sa.Column("hint", sa.Text, nullable=False),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.Column("expires_at", _INSTANT),
        sa.Column("revoked_at", _INSTANT),
        sa.CheckConstraint("slot IN (1, 2)", name=op.f("ck_api_keys_slot")),
    )
    in_use = sa.text("revoked_at IS NULL")
    op.create_index(
        "uq_api_keys_in_use", "api_keys", ["slug", "slot"], unique=True, postgresql_where=in_use
    )
    op.create_index("ix_api_keys_expiring", "api_keys", ["expires_at"], postgresql_where=in_use)


def _create_changes() -> None:
    op.create_table(
        "changes",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        _slug(),
        sa.Column("at", _INSTANT, nullable=False),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("verb", sa.Text, nullable=False),
        sa.Column("detail", sa.Text),
    )
    op.create_index("ix_changes_slug", "changes", ["slug"])


def _create_contributions() -> None:
    op.create_table(
        "contribution_entries",
        sa.Column("award_id", sa.Uuid, primary_key=True),
        _slug(),
        sa.Column("points", sa.BigInteger, nullable=False),
        sa.Column("wish_code", sa.Text, nullable=False),
        sa.Column("colour", sa.Text, nullable=False),
        sa.Column("credited_at", _INSTANT, nullable=False),
        sa.CheckConstraint("points >= 0", name=op.f("ck_contribution_entries_points")),
    )
    op.create_index(
        "ix_contribution_entries_newest", "contribution_entries", ["slug", "credited_at"]
    )
    op.create_table(
        "contributions",
        _slug(primary_key=True),
        sa.Column("points", sa.BigInteger, nullable=False),
        sa.Column("entries", sa.BigInteger, nullable=False),
        sa.Column("credited_at", _INSTANT, nullable=False),
        sa.CheckConstraint("points >= 0 AND entries >= 0", name=op.f("ck_contributions_total")),
    )


def _slug(*, primary_key: bool = False) -> sa.Column[str]:
    return sa.Column(
        "slug",
        sa.Text,
        sa.ForeignKey("organisations.slug"),
        primary_key=primary_key,
        nullable=False,
    )


def downgrade() -> None:
    """Back to an empty database."""
    for each in reversed(messaging):
        each.drop(op.get_bind())
    for name in ("contributions", "contribution_entries", "changes", "api_keys", "agreements"):
        op.drop_table(name)
    op.drop_table("organisations")
