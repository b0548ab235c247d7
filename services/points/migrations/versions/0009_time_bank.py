"""Other districts, time coins on their way to them, and what came from them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_INSTANT = sa.DateTime(timezone=True)

# proposed -> done | refused, once. What was signed and settled is never written over.
_SETTLED = """
CREATE FUNCTION settle_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'time bank: this transfer was settled before';
END $$
"""


def upgrade() -> None:
    """Create the tables; see models/time_bank.py for what each is."""
    _create_peers()
    _create_departures()
    _create_arrivals()
    op.execute(
        "CREATE TRIGGER decide_once BEFORE UPDATE ON time_bank_peer_changes FOR EACH ROW"
        " WHEN (OLD.decision IS NOT NULL) EXECUTE FUNCTION decide_once()"
    )
    op.execute(_SETTLED)
    op.execute(
        "CREATE TRIGGER settle_once BEFORE UPDATE ON time_bank_departures FOR EACH ROW"
        " WHEN (OLD.state <> 'proposed') EXECUTE FUNCTION settle_once()"
    )
    for table in ("time_bank_peer_changes", "time_bank_departures", "time_bank_arrivals"):
        op.execute(f"REVOKE ALL ON {table} FROM points")
        op.execute(f"GRANT SELECT, INSERT ON {table} TO points")
    op.execute(
        "GRANT UPDATE (decision, checked_by, checked_at) ON time_bank_peer_changes TO points"
    )
    op.execute(
        "GRANT UPDATE (state, reason, receipt, settled_document_id, settled_at, cancel_asked_by,"
        " cancel_asked_at, attempts, next_attempt_at, queued_until, last_error)"
        " ON time_bank_departures TO points"
    )


def _create_peers() -> None:
    table = "time_bank_peer_changes"
    op.create_table(
        table,
        sa.Column("change_id", sa.Uuid, primary_key=True),
        sa.Column("code", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("url", sa.Text, nullable=False),
        sa.Column("public_key", sa.Text, nullable=False),
        sa.Column("is_active", sa.Boolean, nullable=False),
        sa.Column("transfer_max", sa.BigInteger, nullable=False),
        sa.Column("month_max", sa.BigInteger, nullable=False),
        sa.Column("balance_max", sa.BigInteger, nullable=False),
        sa.Column("made_by", sa.Text, nullable=False),
        sa.Column("made_at", _INSTANT, nullable=False),
        sa.Column("decision", sa.Text),
        sa.Column("checked_by", sa.Text),
        sa.Column("checked_at", _INSTANT),
        sa.CheckConstraint(
            "decision IN ('approved', 'refused')", name=op.f(f"ck_{table}_decision")
        ),
        sa.CheckConstraint("checked_by <> made_by", name=op.f(f"ck_{table}_four_eyes")),
        sa.CheckConstraint(
            "(decision IS NULL) = (checked_by IS NULL)"
            " AND (decision IS NULL) = (checked_at IS NULL)",
            name=op.f(f"ck_{table}_decided"),
        ),
        sa.CheckConstraint(
            "transfer_max > 0 AND month_max > 0 AND balance_max > 0",
            name=op.f(f"ck_{table}_limits"),
        ),
    )
    op.create_index(f"ix_{table}_code", table, ["code", "change_id"])
    op.create_index(
        f"uq_{table}_open",
        table,
        ["code"],
        unique=True,
        postgresql_where=sa.text("decision IS NULL"),
    )


def _create_departures() -> None:
    table = "time_bank_departures"
    op.create_table(
        table,
        sa.Column("transfer_id", sa.Uuid, sa.ForeignKey("documents.document_id"), primary_key=True),
        sa.Column("to_district", sa.Text, nullable=False),
        sa.Column("resident_no", sa.Text, nullable=False),
        sa.Column("to_resident", sa.Text, nullable=False),
        sa.Column("amount", sa.BigInteger, nullable=False),
        sa.Column("lots", postgresql.JSONB, nullable=False),
        sa.Column("body", postgresql.JSONB, nullable=False),
        sa.Column("made_by", sa.Text, nullable=False),
        sa.Column("made_at", _INSTANT, nullable=False),
        sa.Column("state", sa.Text, nullable=False, server_default=sa.text("'proposed'")),
        sa.Column("reason", sa.Text),
        sa.Column("receipt", postgresql.JSONB),
        sa.Column("settled_document_id", sa.Uuid),
        sa.Column("settled_at", _INSTANT),
        sa.Column("cancel_asked_by", sa.Text),
        sa.Column("cancel_asked_at", _INSTANT),
        sa.Column("attempts", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.Column("next_attempt_at", _INSTANT, nullable=False),
        sa.Column("queued_until", _INSTANT),
        sa.Column("last_error", sa.Text),
        sa.CheckConstraint(
            "state IN ('proposed', 'done', 'refused')", name=op.f(f"ck_{table}_state")
        ),
        sa.CheckConstraint("amount > 0", name=op.f(f"ck_{table}_amount")),
        sa.CheckConstraint(
            "(state = 'proposed') = (settled_at IS NULL)"
            " AND (state = 'proposed') = (receipt IS NULL)"
            " AND (state = 'proposed') = (settled_document_id IS NULL)"
            " AND (state = 'refused') = (reason IS NOT NULL)",
            name=op.f(f"ck_{table}_settled"),
        ),
        sa.CheckConstraint(
            "(cancel_asked_at IS NULL) = (cancel_asked_by IS NULL)",
            name=op.f(f"ck_{table}_cancel"),
        ),
    )
    op.create_index(
        f"ix_{table}_due",
        table,
        ["next_attempt_at"],
        postgresql_where=sa.text("state = 'proposed'"),
    )
    op.create_index(f"ix_{table}_resident_no", table, ["resident_no", "transfer_id"])


def _create_arrivals() -> None:
    table = "time_bank_arrivals"
    op.create_table(
        table,
        sa.Column("from_district", sa.Text, primary_key=True),
        sa.Column("transfer_id", sa.Uuid, primary_key=True),
        sa.Column("nonce", sa.Text, nullable=False),
        sa.Column("to_resident", sa.Text),
        sa.Column("amount", sa.BigInteger),
        sa.Column("digest", sa.LargeBinary),
        sa.Column("outcome", sa.Text, nullable=False),
        sa.Column("reason", sa.Text),
        sa.Column("document_id", sa.Uuid, sa.ForeignKey("documents.document_id")),
        sa.Column("envelope", postgresql.JSONB, nullable=False),
        sa.Column("decided_at", _INSTANT, nullable=False),
        sa.UniqueConstraint("from_district", "nonce", name=f"uq_{table}_from_district_nonce"),
        sa.CheckConstraint("outcome IN ('accepted', 'refused')", name=op.f(f"ck_{table}_outcome")),
        sa.CheckConstraint(
            "(outcome = 'refused') = (reason IS NOT NULL)", name=op.f(f"ck_{table}_reason")
        ),
        sa.CheckConstraint(
            "(outcome = 'accepted') = (document_id IS NOT NULL)"
            " AND (outcome = 'refused' OR digest IS NOT NULL)"
            " AND (digest IS NULL) = (amount IS NULL)"
            " AND (digest IS NULL) = (to_resident IS NULL)",
            name=op.f(f"ck_{table}_credited"),
        ),
        sa.CheckConstraint("octet_length(digest) = 32", name=op.f(f"ck_{table}_digest")),
    )
    op.create_index(f"ix_{table}_to_resident", table, ["to_resident", "decided_at"])


def downgrade() -> None:
    """Drop them."""
    for table in ("time_bank_arrivals", "time_bank_departures", "time_bank_peer_changes"):
        op.drop_table(table)
    op.execute("DROP FUNCTION settle_once")
