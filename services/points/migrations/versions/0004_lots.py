"""Announcements of expiry, closed days, budgets and rates; how spent lots are dropped."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

# The application's role cannot delete lots. This takes only what can be taken without a trace:
# nothing is left in it and it ended long ago. Points that come back to it open it again.
_DROP = """
CREATE FUNCTION drop_spent_lots(ended_before date, most int) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  dropped bigint;
BEGIN
  IF ended_before > current_date - 30 THEN
    RAISE EXCEPTION 'lots: only what ended more than 30 days ago is dropped';
  END IF;
  DELETE FROM lots l USING (
    SELECT account_id, expires_on, source_id FROM lots
    WHERE expires_on < ended_before AND remaining = 0 LIMIT most
  ) d WHERE (l.account_id, l.expires_on, l.source_id)
    = (d.account_id, d.expires_on, d.source_id) AND l.remaining = 0;
  GET DIAGNOSTICS dropped = ROW_COUNT;
  RETURN dropped;
END $$
"""
_DECIDED = """
CREATE FUNCTION decide_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'it was decided before';
END $$
"""


def upgrade() -> None:
    """Create the tables; see models/lots.py for what each is."""
    _create_announcements()
    _create_liability()
    _create_budgets()
    # Days are read by when transfers were posted. It costs a page now and then, not each row.
    op.create_index("ix_transfers_posted_at", "transfers", ["posted_at"], postgresql_using="brin")
    op.execute(_DROP)
    op.execute("REVOKE EXECUTE ON FUNCTION drop_spent_lots FROM PUBLIC")
    op.execute("GRANT EXECUTE ON FUNCTION drop_spent_lots TO points")
    op.execute(_DECIDED)
    for table in ("budgets", "point_rates"):
        op.execute(
            f"CREATE TRIGGER decide_once BEFORE UPDATE ON {table} FOR EACH ROW"
            " WHEN (OLD.decision IS NOT NULL) EXECUTE FUNCTION decide_once()"
        )
        op.execute(f"REVOKE ALL ON {table} FROM points")
        op.execute(f"GRANT SELECT, INSERT ON {table} TO points")
        op.execute(f"GRANT UPDATE (decision, checked_by, checked_at) ON {table} TO points")
    for table in ("liability_closings", "liability_days"):
        op.execute(f"REVOKE ALL ON {table} FROM points")
        op.execute(f"GRANT SELECT, INSERT ON {table} TO points")


def _create_announcements() -> None:
    op.create_table(
        "expiry_announcements",
        sa.Column("account_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("expires_on", sa.Date, primary_key=True),
        sa.Column("days_before", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("points", sa.BigInteger, nullable=False),
        sa.Column("announced_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("days_before > 0", name=op.f("ck_expiry_announcements_days_before")),
    )
    op.create_index("ix_expiry_announcements_expires_on", "expiry_announcements", ["expires_on"])


def _create_liability() -> None:
    op.create_table(
        "liability_closings",
        sa.Column("through", sa.Date, primary_key=True),
        sa.Column("cut_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_table(
        "liability_days",
        sa.Column("on_date", sa.Date, primary_key=True),
        sa.Column("asset", sa.Text, primary_key=True),
        sa.Column("community_code", sa.Text, primary_key=True),
        sa.Column("programme", sa.Text, primary_key=True),
        sa.Column("kind", sa.Text, primary_key=True),
        sa.Column("amount", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "liability_ages",
        sa.Column("asset", sa.Text, primary_key=True),
        sa.Column("community_code", sa.Text, primary_key=True),
        sa.Column("earned_month", sa.Date, primary_key=True),
        sa.Column("points", sa.BigInteger, nullable=False),
        sa.CheckConstraint("points > 0", name=op.f("ck_liability_ages_points")),
    )


def _create_budgets() -> None:
    op.create_table(
        "budgets",
        sa.Column("budget_id", sa.Uuid, primary_key=True),
        sa.Column("community_code", sa.Text, nullable=False),
        sa.Column("starts_on", sa.Date, nullable=False),
        sa.Column("ends_on", sa.Date, nullable=False),
        sa.Column("unit", sa.Text, nullable=False),
        sa.Column("amount", sa.BigInteger, nullable=False),
        sa.Column("stops", sa.Text, nullable=False, server_default=sa.text("'nothing'")),
        *_decision("budgets"),
        sa.CheckConstraint("starts_on <= ends_on", name=op.f("ck_budgets_period")),
        sa.CheckConstraint("unit IN ('points', 'fen')", name=op.f("ck_budgets_unit")),
        sa.CheckConstraint("amount >= 0", name=op.f("ck_budgets_amount")),
        sa.CheckConstraint(
            "stops IN ('nothing', 'redemptions', 'all')", name=op.f("ck_budgets_stops")
        ),
    )
    op.create_table(
        "point_rates",
        sa.Column("rate_id", sa.Uuid, primary_key=True),
        sa.Column("programme", sa.Text, nullable=False),
        sa.Column("valid_from", sa.Date, nullable=False),
        sa.Column("fen_per_hundred", sa.Integer, nullable=False),
        *_decision("point_rates"),
        sa.CheckConstraint("fen_per_hundred >= 0", name=op.f("ck_point_rates_fen_per_hundred")),
    )


def _decision(table: str) -> list[sa.schema.SchemaItem]:
    """Who proposed a row, who decided on it, and that these are two people."""
    return [
        sa.Column("made_by", sa.Text, nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decision", sa.Text),
        sa.Column("checked_by", sa.Text),
        sa.Column("checked_at", sa.DateTime(timezone=True)),
        sa.CheckConstraint(
            "decision IN ('approved', 'refused')", name=op.f(f"ck_{table}_decision")
        ),
        sa.CheckConstraint("checked_by <> made_by", name=op.f(f"ck_{table}_four_eyes")),
        sa.CheckConstraint(
            "(decision IS NULL) = (checked_by IS NULL)"
            " AND (decision IS NULL) = (checked_at IS NULL)",
            name=op.f(f"ck_{table}_decided"),
        ),
    ]


def downgrade() -> None:
    """Drop them."""
    for table in (
        "point_rates",
        "budgets",
        "liability_ages",
        "liability_days",
        "liability_closings",
        "expiry_announcements",
    ):
        op.drop_table(table)
    op.execute("DROP FUNCTION decide_once")
    op.execute("DROP FUNCTION drop_spent_lots")
    op.drop_index("ix_transfers_posted_at", "transfers")
