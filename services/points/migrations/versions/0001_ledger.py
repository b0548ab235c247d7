"""The ledger, its guard, and what the application may touch."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from services.points.models import messaging

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# Runs once for each INSERT statement, over all its rows, as the owner of the tables. It checks
# that the new transfers continue their accounts without a gap and end in the balances they claim,
# and only then moves the accounts on. The application's role cannot do so by itself.
_GUARD = """
CREATE FUNCTION post_transfers() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  touched bigint;
  moved bigint;
BEGIN
  IF EXISTS (
    SELECT FROM fresh f LEFT JOIN accounts a ON a.id = f.debit_account_id
    WHERE f.debit_seq IS NULL
      AND (a.owner_kind IS DISTINCT FROM 'issuer' OR a.asset IS DISTINCT FROM f.asset)
  ) THEN
    RAISE EXCEPTION 'ledger: only the issuer of an asset may be debited without a number';
  END IF;
  WITH legs AS (
    SELECT credit_account_id AS account_id, asset, credit_seq AS seq,
           credit_balance AS balance, amount FROM fresh
    UNION ALL
    SELECT debit_account_id, asset, debit_seq, debit_balance, -amount FROM fresh
    WHERE debit_seq IS NOT NULL
  ), running AS (
    SELECT account_id, asset, seq, balance,
           balance - sum(amount) OVER (PARTITION BY account_id ORDER BY seq) AS opening
    FROM legs
  ), sums AS (
    SELECT account_id, asset, min(seq) AS first, max(seq) AS last, count(*) AS legs,
           count(DISTINCT seq) AS numbers,
           min(opening) AS opening, max(opening) AS opening_max,
           max(balance) FILTER (WHERE seq = last_seq) AS closing
    FROM (SELECT r.*, max(seq) OVER (PARTITION BY account_id) AS last_seq FROM running r) w
    GROUP BY account_id, asset
  ), done AS (
    UPDATE accounts a SET balance = s.closing, seq = s.last FROM sums s
    WHERE a.id = s.account_id AND a.asset = s.asset AND a.owner_kind <> 'issuer'
      AND a.frozen_reason IS NULL
      AND a.seq = s.first - 1 AND s.last - s.first + 1 = s.legs AND s.numbers = s.legs
      AND a.balance = s.opening AND s.opening = s.opening_max
    RETURNING 1
  )
  SELECT (SELECT count(*) FROM sums), (SELECT count(*) FROM done) INTO touched, moved;
  IF moved <> touched THEN
    RAISE EXCEPTION 'ledger: % of % accounts are not continued by these transfers',
      touched - moved, touched;
  END IF;
  RETURN NULL;
END $$
"""


def upgrade() -> None:
    """Create the tables; see models.py for what each is."""
    _create_accounts()
    _create_transfers()
    _create_rules()
    for table in messaging:
        table.create(op.get_bind())
    op.execute(_GUARD)
    op.execute(
        "CREATE TRIGGER post_transfers AFTER INSERT ON transfers"
        " REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION post_transfers()"
    )
    _issue()
    _grant()


def _create_accounts() -> None:
    op.create_table(
        "accounts",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("asset", sa.Text, nullable=False),
        sa.Column("owner_kind", sa.Text, nullable=False),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("balance", sa.BigInteger, nullable=False, server_default=sa.text("0")),
        sa.Column("seq", sa.BigInteger, nullable=False, server_default=sa.text("0")),
        sa.Column("frozen_reason", sa.Text),
        sa.UniqueConstraint(
            "owner", "owner_kind", "asset", name="uq_accounts_owner_owner_kind_asset"
        ),
        sa.CheckConstraint(
            "asset IN ('points', 'service_minutes', 'partner_contribution')",
            name=op.f("ck_accounts_asset"),
        ),
        sa.CheckConstraint(
            "owner_kind IN ('resident', 'partner', 'issuer')", name=op.f("ck_accounts_owner_kind")
        ),
        sa.CheckConstraint("balance >= 0", name=op.f("ck_accounts_balance")),
        sa.CheckConstraint(
            "owner_kind <> 'issuer' OR (balance = 0 AND seq = 0)", name=op.f("ck_accounts_issuer")
        ),
        postgresql_with={"fillfactor": "50"},
    )
    op.create_index(
        "uq_accounts_issuer",
        "accounts",
        ["asset"],
        unique=True,
        postgresql_where=sa.text("owner_kind = 'issuer'"),
    )
    op.create_table(
        "cap_usage",
        sa.Column("account_id", sa.BigInteger, primary_key=True),
        sa.Column("span", sa.Text, primary_key=True),
        sa.Column("starts_on", sa.Date, primary_key=True),
        sa.Column("used", sa.Integer, nullable=False),
        sa.CheckConstraint("span IN ('day', 'month')", name=op.f("ck_cap_usage_span")),
        sa.CheckConstraint("used >= 0", name=op.f("ck_cap_usage_used")),
        postgresql_with={"fillfactor": "70"},
    )
    op.create_table(
        "issuer_balances",
        sa.Column("asset", sa.Text, primary_key=True),
        sa.Column("balance", sa.BigInteger, nullable=False),
        sa.Column("reconciled_at", sa.DateTime(timezone=True), nullable=False),
    )


def _create_transfers() -> None:
    op.create_table(
        "transfers",
        sa.Column("credit_account_id", sa.BigInteger, primary_key=True),
        sa.Column("credit_seq", sa.BigInteger, primary_key=True),
        sa.Column("credit_balance", sa.BigInteger, nullable=False),
        sa.Column("debit_account_id", sa.BigInteger, nullable=False),
        sa.Column("debit_seq", sa.BigInteger),
        sa.Column("debit_balance", sa.BigInteger),
        sa.Column("asset", sa.Text, nullable=False),
        sa.Column("amount", sa.BigInteger, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("award_id", sa.Uuid, nullable=False),
        sa.Column("posted_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("amount > 0", name=op.f("ck_transfers_amount")),
        sa.CheckConstraint(
            "credit_balance >= amount AND debit_balance >= 0", name=op.f("ck_transfers_balances")
        ),
        sa.CheckConstraint(
            "credit_account_id <> debit_account_id", name=op.f("ck_transfers_two_accounts")
        ),
        sa.CheckConstraint(
            "(debit_seq IS NULL) = (debit_balance IS NULL)", name=op.f("ck_transfers_debit")
        ),
        sa.CheckConstraint("kind IN ('award')", name=op.f("ck_transfers_kind")),
    )
    op.create_index(
        "uq_transfers_debit",
        "transfers",
        ["debit_account_id", "debit_seq"],
        unique=True,
        postgresql_where=sa.text("debit_seq IS NOT NULL"),
    )


def _create_rules() -> None:
    op.create_table(
        "awards",
        sa.Column("award_id", sa.Uuid, primary_key=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("on_date", sa.Date, nullable=False),
        sa.Column("programme", sa.Text),
        sa.Column("rule_version", sa.Integer),
        sa.Column("points", sa.Integer, nullable=False),
        sa.Column("service_minutes", sa.Integer, nullable=False),
        sa.Column("explanation", postgresql.JSONB, nullable=False),
        sa.Column("accepted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("credited_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("kind IN ('activity', 'wish')", name=op.f("ck_awards_kind")),
    )
    op.create_table(
        "rule_sets",
        sa.Column("programme", sa.Text, primary_key=True),
        sa.Column("version", sa.Integer, primary_key=True),
        sa.Column("valid_from", sa.Date, nullable=False, index=True),
        sa.Column("body", postgresql.JSONB, nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=False),
    )


def _issue() -> None:
    op.execute(
        "INSERT INTO accounts (asset, owner_kind, owner) VALUES"
        " ('points', 'issuer', 'district'), ('service_minutes', 'issuer', 'district'),"
        " ('partner_contribution', 'issuer', 'district')"
    )


def _grant() -> None:
    # What the application may do to the ledger: open accounts, add rows, freeze. Nothing else.
    for table in ("accounts", "transfers", "awards", "rule_sets"):
        op.execute(f"REVOKE ALL ON {table} FROM points")
        op.execute(f"GRANT SELECT ON {table} TO points")
    op.execute("GRANT INSERT (asset, owner_kind, owner) ON accounts TO points")
    op.execute("GRANT UPDATE (frozen_reason) ON accounts TO points")
    for table in ("transfers", "awards", "rule_sets"):
        op.execute(f"GRANT INSERT ON {table} TO points")
    # It moves accounts for whoever may hang it on a table of their own.
    op.execute("REVOKE EXECUTE ON FUNCTION post_transfers FROM PUBLIC, points")


def downgrade() -> None:
    """Drop everything."""
    op.execute("DROP TRIGGER post_transfers ON transfers")
    op.execute("DROP FUNCTION post_transfers")
    for table in ("rule_sets", "awards", "transfers", "issuer_balances", "cap_usage", "accounts"):
        op.drop_table(table)
    for messaging_table in reversed(messaging):
        messaging_table.drop(op.get_bind())
