"""Proposals that a second person decides, declared rules, households, stars and ratings."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_MOMENT = sa.DateTime(timezone=True)
# Spelt out: what may be rated on this day must not move with the code.
_RATED = (
    "service_minutes",
    "service_days",
    "active_months",
    "self_checked_days",
    "honour_points",
    "donated_points",
)
_NEVER_SPENT = (
    "asset NOT IN ('service_minutes', 'honour_points') OR debit_seq IS NULL"
    " OR kind IN ('reversal', 'adjustment')"
)


def upgrade() -> None:
    """Create the tables; see models/ for what each is."""
    op.create_check_constraint(op.f("ck_transfers_never_spent"), "transfers", _NEVER_SPENT)
    _create_proposals()
    _create_households()
    _create_stars()
    _create_notes()
    _grant()


def _create_proposals() -> None:
    op.create_table(
        "proposals",
        sa.Column("proposal_id", sa.Uuid, primary_key=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("resident_no", sa.Text, index=True),
        sa.Column("body", postgresql.JSONB, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("made_by", sa.Text, nullable=False),
        sa.Column("made_at", _MOMENT, nullable=False),
        sa.UniqueConstraint("proposal_id", "made_by", name="uq_proposals_proposal_id_made_by"),
        sa.CheckConstraint(
            "kind IN ('declaration', 'honour', 'pool_grant', 'deduction', 'appeal')",
            name=op.f("ck_proposals_kind"),
        ),
        sa.CheckConstraint(
            "(kind = 'declaration') = (resident_no IS NULL)", name=op.f("ck_proposals_about")
        ),
    )
    op.create_table(
        "proposal_decisions",
        sa.Column("proposal_id", sa.Uuid, primary_key=True),
        sa.Column("made_by", sa.Text, nullable=False),
        sa.Column("decided_by", sa.Text, nullable=False),
        sa.Column("is_approved", sa.Boolean, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("decided_at", _MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["proposal_id", "made_by"],
            ["proposals.proposal_id", "proposals.made_by"],
            name="fk_proposal_decisions_proposal",
        ),
        sa.CheckConstraint("decided_by <> made_by", name=op.f("ck_proposal_decisions_four_eyes")),
    )
    named = " || ".join(f'@.attribute == "{name}"' for name in _RATED)
    op.create_table(
        "declared_rules",
        sa.Column("kind", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("valid_from", sa.Date, nullable=False),
        sa.Column("body", postgresql.JSONB, nullable=False),
        sa.Column("proposal_id", sa.Uuid, nullable=False),
        sa.Column("published_at", _MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["proposal_id"],
            ["proposal_decisions.proposal_id"],
            name="fk_declared_rules_proposal_id_proposal_decisions",
        ),
        sa.UniqueConstraint("proposal_id", name="uq_declared_rules_proposal_id"),
        sa.CheckConstraint(
            "kind IN ('star', 'rating', 'honour', 'conversion', 'household')",
            name=op.f("ck_declared_rules_kind"),
        ),
        sa.CheckConstraint("version > 0", name=op.f("ck_declared_rules_version")),
        sa.CheckConstraint(
            sa.text(
                f"kind <> 'rating' OR NOT jsonb_path_exists(body, '$.parts[*] ? (!({named}))')"
            ),
            name=op.f("ck_declared_rules_rated_only"),
        ),
    )


def _create_households() -> None:
    op.create_table(
        "sharing_consents",
        sa.Column("consent_id", sa.Uuid, primary_key=True),
        sa.Column("resident_no", sa.Text, nullable=False),
        sa.Column("household_no", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("month_max", sa.BigInteger),
        sa.Column("given_at", _MOMENT, nullable=False),
        sa.Column("given_by", sa.Text, nullable=False),
        sa.Column("given_reason", sa.Text),
        sa.Column("withdrawn_at", _MOMENT),
        sa.Column("withdrawn_by", sa.Text),
        sa.Column("withdrawn_reason", sa.Text),
        sa.CheckConstraint("kind IN ('spend', 'gift')", name=op.f("ck_sharing_consents_kind")),
        sa.CheckConstraint(
            "(kind = 'spend') = (month_max IS NOT NULL)",
            name=op.f("ck_sharing_consents_month_max_of"),
        ),
        sa.CheckConstraint("month_max > 0", name=op.f("ck_sharing_consents_month_max")),
        sa.CheckConstraint(
            "(withdrawn_at IS NULL) = (withdrawn_by IS NULL)",
            name=op.f("ck_sharing_consents_withdrawn"),
        ),
    )
    op.create_index(
        "uq_sharing_consents_standing",
        "sharing_consents",
        ["resident_no", "kind"],
        unique=True,
        postgresql_where=sa.text("withdrawn_at IS NULL"),
    )
    op.create_table(
        "household_spends",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("document_id", sa.Uuid, nullable=False, index=True),
        sa.Column("resident_no", sa.Text, nullable=False),
        sa.Column("spender", sa.Text, nullable=False),
        sa.Column("month", sa.Date, nullable=False),
        sa.Column("amount", sa.BigInteger, nullable=False),
        sa.Column("made_at", _MOMENT, nullable=False),
        sa.CheckConstraint("amount <> 0", name=op.f("ck_household_spends_amount")),
        sa.CheckConstraint("resident_no <> spender", name=op.f("ck_household_spends_two_members")),
        sa.CheckConstraint("extract(day FROM month) = 1", name=op.f("ck_household_spends_month")),
    )
    op.create_index(
        "ix_household_spends_resident_no_month", "household_spends", ["resident_no", "month"]
    )
    op.create_table(
        "conversion_counts",
        sa.Column("resident_no", sa.Text, primary_key=True),
        sa.Column("from_asset", sa.Text, primary_key=True),
        sa.Column("to_asset", sa.Text, primary_key=True),
        sa.Column("counted", sa.BigInteger, nullable=False),
        sa.CheckConstraint("counted >= 0", name=op.f("ck_conversion_counts_counted")),
    )


def _create_stars() -> None:
    op.create_table(
        "star_standings",
        sa.Column("resident_no", sa.Text, primary_key=True),
        sa.Column("ladder", sa.Text, primary_key=True),
        sa.Column("ladder_version", sa.Integer, nullable=False),
        sa.Column("minutes_seq", sa.BigInteger, nullable=False),
        sa.Column("points_seq", sa.BigInteger, nullable=False),
        sa.Column("minutes", sa.BigInteger, nullable=False),
        sa.Column("points", sa.BigInteger, nullable=False),
        sa.Column("star", sa.Integer, nullable=False),
        sa.Column("told", sa.Integer, nullable=False),
        sa.Column("on_date", sa.Date, nullable=False),
        postgresql_with={"fillfactor": "70"},
    )
    op.create_table(
        "star_changes",
        sa.Column("resident_no", sa.Text, primary_key=True),
        sa.Column("ladder", sa.Text, primary_key=True),
        sa.Column("on_date", sa.Date, primary_key=True),
        sa.Column("star", sa.Integer, nullable=False),
        sa.Column("minutes", sa.BigInteger, nullable=False),
        sa.Column("points", sa.BigInteger, nullable=False),
        sa.Column("ladder_version", sa.Integer, nullable=False),
        sa.CheckConstraint("star >= 0", name=op.f("ck_star_changes_star")),
    )


def _create_notes() -> None:
    op.create_table(
        "rating_notes",
        sa.Column("note_id", sa.Uuid, primary_key=True),
        sa.Column("resident_no", sa.Text, nullable=False, index=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("part", sa.Text, nullable=False),
        sa.Column("points", sa.Integer, nullable=False),
        sa.Column("voids", sa.Uuid),
        sa.Column("on_date", sa.Date, nullable=False),
        sa.Column("made_at", _MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["note_id"],
            ["proposal_decisions.proposal_id"],
            name="fk_rating_notes_note_id_proposal_decisions",
        ),
        sa.ForeignKeyConstraint(
            ["voids"], ["rating_notes.note_id"], name="fk_rating_notes_voids_rating_notes"
        ),
        sa.CheckConstraint(
            "kind IN ('repair', 'deduction', 'void')", name=op.f("ck_rating_notes_kind")
        ),
        sa.CheckConstraint(
            "(kind = 'void') = (voids IS NOT NULL)", name=op.f("ck_rating_notes_voids")
        ),
        sa.CheckConstraint("points >= 0", name=op.f("ck_rating_notes_points")),
    )
    op.create_index(
        "uq_rating_notes_voids",
        "rating_notes",
        ["voids"],
        unique=True,
        postgresql_where=sa.text("voids IS NOT NULL"),
    )


def _grant() -> None:
    # Facts are added and never changed; a consent may only be withdrawn.
    for table in (
        "proposals",
        "proposal_decisions",
        "declared_rules",
        "sharing_consents",
        "household_spends",
        "rating_notes",
    ):
        op.execute(f"REVOKE ALL ON {table} FROM points")
        op.execute(f"GRANT SELECT, INSERT ON {table} TO points")
    op.execute(
        "GRANT UPDATE (withdrawn_at, withdrawn_by, withdrawn_reason) ON sharing_consents TO points"
    )
    for table in ("conversion_counts", "star_standings"):
        op.execute(f"REVOKE DELETE ON {table} FROM points")


def downgrade() -> None:
    """Drop everything."""
    for table in (
        "rating_notes",
        "star_changes",
        "star_standings",
        "conversion_counts",
        "household_spends",
        "sharing_consents",
        "declared_rules",
        "proposal_decisions",
        "proposals",
    ):
        op.drop_table(table)
    op.drop_constraint(op.f("ck_transfers_never_spent"), "transfers")
