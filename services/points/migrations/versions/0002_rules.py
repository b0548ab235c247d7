"""Rules by community and by four eyes, caps beyond the person, and awards in their order."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_SPANS = "span IN ('day', 'week', 'month', 'year', 'lifetime')"
_EDITABLE = (
    "body",
    "revision",
    "state",
    "changed_at",
    "submitted_at",
    "checked_by",
    "checked_at",
    "reason",
)


def upgrade() -> None:
    """See models/rules.py for what each table is."""
    # Rows that are there get their numbers in the order in which they were written.
    op.add_column(
        "awards", sa.Column("award_no", sa.BigInteger, sa.Identity(always=True), nullable=False)
    )
    _widen_caps()
    _name_publishers()
    _create_drafts()


def _widen_caps() -> None:
    op.drop_constraint(op.f("ck_cap_usage_span"), "cap_usage", type_="check")
    op.create_check_constraint(op.f("ck_cap_usage_span"), "cap_usage", _SPANS)
    op.create_table(
        "scope_usage",
        sa.Column("level", sa.Text, primary_key=True),
        sa.Column("scope", sa.Text, primary_key=True),
        sa.Column("span", sa.Text, primary_key=True),
        sa.Column("starts_on", sa.Date, primary_key=True),
        sa.Column("used", sa.BigInteger, nullable=False),
        sa.CheckConstraint(
            "level IN ('household', 'activity', 'community')", name=op.f("ck_scope_usage_level")
        ),
        sa.CheckConstraint(_SPANS, name=op.f("ck_scope_usage_span")),
        sa.CheckConstraint("used >= 0", name=op.f("ck_scope_usage_used")),
        postgresql_with={"fillfactor": "50"},
    )
    op.execute("REVOKE DELETE ON scope_usage FROM points")


def _name_publishers() -> None:
    op.add_column(
        "rule_sets",
        sa.Column("made_by", sa.Text, nullable=False, server_default=sa.text("'installation'")),
    )
    op.alter_column("rule_sets", "made_by", server_default=None)
    op.add_column("rule_sets", sa.Column("checked_by", sa.Text))
    op.create_check_constraint(op.f("ck_rule_sets_four_eyes"), "rule_sets", "checked_by <> made_by")
    op.create_check_constraint(
        op.f("ck_rule_sets_checked"),
        "rule_sets",
        "made_by = 'installation' OR checked_by IS NOT NULL",
    )


def _create_drafts() -> None:
    op.create_table(
        "rule_drafts",
        sa.Column("draft_id", sa.Uuid, primary_key=True),
        sa.Column("body", postgresql.JSONB, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("made_by", sa.Text, nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("submitted_at", sa.DateTime(timezone=True)),
        sa.Column("checked_by", sa.Text),
        sa.Column("checked_at", sa.DateTime(timezone=True)),
        sa.Column("reason", sa.Text),
        sa.CheckConstraint(
            "state IN ('draft', 'submitted', 'published', 'rejected')",
            name=op.f("ck_rule_drafts_state"),
        ),
        sa.CheckConstraint("checked_by <> made_by", name=op.f("ck_rule_drafts_four_eyes")),
        sa.CheckConstraint(
            "(state IN ('published', 'rejected')) = (checked_by IS NOT NULL)"
            " AND (checked_by IS NULL) = (checked_at IS NULL)",
            name=op.f("ck_rule_drafts_checked"),
        ),
        sa.CheckConstraint(
            "(state = 'draft') = (submitted_at IS NULL)", name=op.f("ck_rule_drafts_submitted")
        ),
        sa.CheckConstraint(
            "(state = 'rejected') = (reason IS NOT NULL)", name=op.f("ck_rule_drafts_reason")
        ),
    )
    op.create_table(
        "rule_simulations",
        sa.Column("draft_id", sa.Uuid, sa.ForeignKey("rule_drafts.draft_id"), primary_key=True),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("result", postgresql.JSONB, nullable=False),
        sa.Column("made_by", sa.Text, nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
    )
    # Whose draft it is never changes, and none is taken away.
    op.execute("REVOKE UPDATE, DELETE ON rule_drafts FROM points")
    op.execute(f"GRANT UPDATE ({', '.join(_EDITABLE)}) ON rule_drafts TO points")
    op.execute("REVOKE DELETE ON rule_simulations FROM points")


def downgrade() -> None:
    """Back to caps of persons and one publisher; what only these tables know is lost."""
    op.drop_table("rule_simulations")
    op.drop_table("rule_drafts")
    op.drop_constraint(op.f("ck_rule_sets_checked"), "rule_sets", type_="check")
    op.drop_constraint(op.f("ck_rule_sets_four_eyes"), "rule_sets", type_="check")
    op.drop_column("rule_sets", "checked_by")
    op.drop_column("rule_sets", "made_by")
    op.drop_table("scope_usage")
    op.execute("DELETE FROM cap_usage WHERE span NOT IN ('day', 'month')")
    op.drop_constraint(op.f("ck_cap_usage_span"), "cap_usage", type_="check")
    op.create_check_constraint(op.f("ck_cap_usage_span"), "cap_usage", "span IN ('day', 'month')")
    op.drop_column("awards", "award_no")
