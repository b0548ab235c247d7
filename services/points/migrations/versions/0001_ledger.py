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
# and only then moves the accounts and their lots on. The application's role cannot do so itself.
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
  ) OR EXISTS (
    SELECT FROM fresh f LEFT JOIN accounts a ON a.id = f.credit_account_id
    WHERE f.credit_seq IS NULL
      AND (a.owner_kind IS DISTINCT FROM 'issuer' OR a.asset IS DISTINCT FROM f.asset)
  ) THEN
    RAISE EXCEPTION 'ledger: only the issuer of an asset may stand without a number';
  END IF;
  WITH legs AS (
    SELECT credit_account_id AS account_id, asset, credit_seq AS seq,
           credit_balance AS balance, amount FROM fresh WHERE credit_seq IS NOT NULL
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
  WITH moves AS (
    SELECT account_id, expires_on, source_id, sum(amount)::bigint AS amount FROM (
      SELECT credit_account_id AS account_id, expires_on, source_id, amount FROM fresh
      WHERE expires_on IS NOT NULL AND credit_seq IS NOT NULL
      UNION ALL
      SELECT debit_account_id, expires_on, source_id, -amount FROM fresh
      WHERE expires_on IS NOT NULL AND debit_seq IS NOT NULL
    ) legs GROUP BY account_id, expires_on, source_id
  ), taken AS (
    UPDATE lots l SET remaining = l.remaining + m.amount FROM moves m
    WHERE m.amount < 0 AND (l.account_id, l.expires_on, l.source_id)
      = (m.account_id, m.expires_on, m.source_id)
    RETURNING 1
  ), given AS (
    INSERT INTO lots (account_id, expires_on, source_id, remaining)
    SELECT * FROM moves WHERE amount > 0
    ON CONFLICT (account_id, expires_on, source_id)
    DO UPDATE SET remaining = lots.remaining + excluded.remaining
  )
  SELECT (SELECT count(*) FROM moves WHERE amount < 0), (SELECT count(*) FROM taken)
  INTO touched, moved;
  IF moved <> touched THEN
    RAISE EXCEPTION 'ledger: % lots are not there to be taken from', touched - moved;
  END IF;
  RETURN NULL;
END $$
"""


def upgrade() -> None:
    """Create the tables; see models/ for what each is."""
    _create_accounts()
    _create_transfers()
    _create_documents()
    _create_lots()
    _create_rules()
    _create_residents()
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
            "asset IN ('points', 'service_minutes', 'partner_contribution', 'honour_points',"
            " 'time_coins')",
            name=op.f("ck_accounts_asset"),
        ),
        sa.CheckConstraint(
            "owner_kind IN ('resident', 'pending', 'held', 'partner', 'pool', 'escrow', 'issuer')",
            name=op.f("ck_accounts_owner_kind"),
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
        sa.Column("credit_account_id", sa.BigInteger, nullable=False),
        sa.Column("credit_seq", sa.BigInteger),
        sa.Column("credit_balance", sa.BigInteger),
        sa.Column("debit_account_id", sa.BigInteger, nullable=False),
        sa.Column("debit_seq", sa.BigInteger),
        sa.Column("debit_balance", sa.BigInteger),
        sa.Column("asset", sa.Text, nullable=False),
        sa.Column("amount", sa.BigInteger, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("document_id", sa.Uuid, nullable=False),
        sa.Column("expires_on", sa.Date),
        sa.Column("source_id", sa.Integer),
        sa.Column("posted_at", sa.DateTime(timezone=True), nullable=False),
        sa.UniqueConstraint(
            "credit_account_id", "credit_seq", name="uq_transfers_credit_account_id_credit_seq"
        ),
        sa.CheckConstraint("amount > 0", name=op.f("ck_transfers_amount")),
        sa.CheckConstraint(
            "credit_balance >= amount AND debit_balance >= 0", name=op.f("ck_transfers_balances")
        ),
        sa.CheckConstraint(
            "credit_account_id <> debit_account_id", name=op.f("ck_transfers_two_accounts")
        ),
        sa.CheckConstraint(
            "(credit_seq IS NULL) = (credit_balance IS NULL)", name=op.f("ck_transfers_credit")
        ),
        sa.CheckConstraint(
            "(debit_seq IS NULL) = (debit_balance IS NULL)", name=op.f("ck_transfers_debit")
        ),
        sa.CheckConstraint(
            "coalesce(credit_seq, debit_seq) IS NOT NULL", name=op.f("ck_transfers_one_numbered")
        ),
        sa.CheckConstraint(
            "(asset IN ('points', 'time_coins')) = (expires_on IS NOT NULL)"
            " AND (expires_on IS NULL) = (source_id IS NULL)",
            name=op.f("ck_transfers_lot"),
        ),
        sa.CheckConstraint(
            "kind IN ('award', 'posting', 'hold', 'redemption', 'release', 'expiry', 'reversal',"
            " 'adjustment', 'import', 'conversion', 'gift', 'transfer_out', 'transfer_in')",
            name=op.f("ck_transfers_kind"),
        ),
    )
    op.create_index(
        "uq_transfers_debit",
        "transfers",
        ["debit_account_id", "debit_seq"],
        unique=True,
        postgresql_where=sa.text("debit_seq IS NOT NULL"),
    )
    op.create_index(
        "ix_transfers_document_id",
        "transfers",
        ["document_id"],
        postgresql_where=sa.text("kind <> 'award'"),
    )


def _create_documents() -> None:
    op.create_table(
        "documents",
        sa.Column("document_id", sa.Uuid, primary_key=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("on_date", sa.Date, nullable=False),
        sa.Column("made_by", sa.Text, nullable=False),
        sa.Column("checked_by", sa.Text),
        sa.Column("facts", postgresql.JSONB, nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("checked_by <> made_by", name=op.f("ck_documents_four_eyes")),
        sa.CheckConstraint(
            "kind NOT IN ('adjustment', 'import', 'reversal') OR checked_by IS NOT NULL",
            name=op.f("ck_documents_checked"),
        ),
    )


def _create_lots() -> None:
    op.create_table(
        "lot_sources",
        sa.Column("id", sa.Integer, sa.Identity(always=True), primary_key=True),
        sa.Column("programme", sa.Text, nullable=False),
        sa.Column("partner", sa.Text, nullable=False),
        sa.UniqueConstraint("programme", "partner", name="uq_lot_sources_programme_partner"),
    )
    op.create_table(
        "lots",
        sa.Column("account_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("expires_on", sa.Date, primary_key=True),
        sa.Column("source_id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("remaining", sa.BigInteger, nullable=False),
        sa.CheckConstraint("remaining >= 0", name=op.f("ck_lots_remaining")),
        postgresql_with={"fillfactor": "50"},
    )
    op.create_index("ix_lots_expires_on", "lots", ["expires_on"])


def _create_residents() -> None:
    op.create_table(
        "residents",
        sa.Column("resident_no", sa.Text, primary_key=True),
        sa.Column("household_no", sa.Text, nullable=False),
        sa.Column("grid_code", sa.Text, nullable=False),
        sa.Column("community_code", sa.Text, nullable=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
    )
    op.create_index("ix_residents_household_no", "residents", ["household_no"])
    op.create_index("ix_residents_community_code", "residents", ["community_code"])


def _create_rules() -> None:
    op.create_table(
        "awards",
        sa.Column("award_id", sa.Uuid, primary_key=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("community_code", sa.Text),
        sa.Column("household_no", sa.Text),
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
        " ('partner_contribution', 'issuer', 'district'), ('honour_points', 'issuer', 'district'),"
        " ('time_coins', 'issuer', 'district')"
    )


def _grant() -> None:
    # What the application may do to the ledger: open accounts, add rows, freeze. Nothing else.
    for table in ("accounts", "transfers", "documents", "lots", "awards", "rule_sets"):
        op.execute(f"REVOKE ALL ON {table} FROM points")
        op.execute(f"GRANT SELECT ON {table} TO points")
    op.execute("GRANT INSERT (asset, owner_kind, owner) ON accounts TO points")
    op.execute("GRANT UPDATE (frozen_reason) ON accounts TO points")
    for table in ("transfers", "documents", "awards", "rule_sets"):
        op.execute(f"GRANT INSERT ON {table} TO points")
    # It moves accounts for whoever may hang it on a table of their own.
    op.execute("REVOKE EXECUTE ON FUNCTION post_transfers FROM PUBLIC, points")


def downgrade() -> None:
    """Drop everything."""
    op.execute("DROP TRIGGER post_transfers ON transfers")
    op.execute("DROP FUNCTION post_transfers")
    for table in (
        "residents",
        "rule_sets",
        "awards",
        "lots",
        "lot_sources",
        "documents",
        "transfers",
        "issuer_balances",
        "cap_usage",
        "accounts",
    ):
        op.drop_table(table)
    for messaging_table in reversed(messaging):
        messaging_table.drop(op.get_bind())
