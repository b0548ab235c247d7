"""Rewards, their stock and slots, and redemptions."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Create the tables; see models/rewards.py for what each is."""
    # For `=` beside a range in one exclusion; trusted, so the owner of the database may add it.
    op.execute("CREATE EXTENSION IF NOT EXISTS btree_gist")
    _create_rewards()
    _create_stock()
    _create_slots()
    _create_redemptions()
    _create_requests()
    _grant()


def _create_rewards() -> None:
    op.create_table(
        "rewards",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("about", sa.Text, nullable=False),
        sa.Column("place", sa.Text, nullable=False),
        sa.Column("community_code", sa.Text),
        sa.Column("partner", sa.Text),
        sa.Column("asset", sa.Text, nullable=False),
        sa.Column("price", sa.BigInteger, nullable=False),
        sa.Column("value_fen", sa.BigInteger),
        sa.Column("minutes", sa.Integer),
        sa.Column("venue_code", sa.Text),
        sa.Column("min_service_minutes", sa.Integer, nullable=False),
        sa.Column("limit_count", sa.Integer),
        sa.Column("limit_span", sa.Text),
        sa.Column("month_days", postgresql.ARRAY(sa.Integer), nullable=False),
        sa.Column("weekdays", postgresql.ARRAY(sa.Integer), nullable=False),
        sa.Column("exchange_from", sa.Date),
        sa.Column("exchange_to", sa.Date),
        sa.Column("active_from", sa.Date, nullable=False),
        sa.Column("active_to", sa.Date),
        sa.Column("pickup_hours", sa.Integer, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("created_at", _INSTANT, nullable=False),
        _check("rewards", "kind", "kind IN ('goods', 'honour', 'venue', 'service')"),
        _check("rewards", "title", "length(title) BETWEEN 1 AND 80"),
        _check("rewards", "price", "price > 0"),
        _check(
            "rewards",
            "asset",
            "asset = 'points' OR (asset = 'time_coins' AND kind = 'service')",
        ),
        _check("rewards", "minutes", "(kind = 'service') = (minutes IS NOT NULL)"),
        _check("rewards", "provider", "kind <> 'service' OR partner IS NOT NULL"),
        _check("rewards", "venue", "(kind = 'venue') = (venue_code IS NOT NULL)"),
        _check(
            "rewards",
            "limit",
            "(limit_count IS NULL) = (limit_span IS NULL) AND limit_count > 0"
            " AND limit_span IN ('month', 'quarter', 'year')",
        ),
        _check("rewards", "month_days", "1 <= ALL (month_days) AND 31 >= ALL (month_days)"),
        _check("rewards", "weekdays", "1 <= ALL (weekdays) AND 7 >= ALL (weekdays)"),
        _check("rewards", "windows", "exchange_from <= exchange_to AND active_from <= active_to"),
        _check("rewards", "pickup_hours", "pickup_hours > 0"),
        _check("rewards", "min_service_minutes", "min_service_minutes >= 0"),
        _check("rewards", "status", "status IN ('open', 'closed')"),
    )
    op.create_index(
        "ix_rewards_open",
        "rewards",
        ["kind", "price"],
        postgresql_where=sa.text("status = 'open'"),
    )
    op.create_table(
        "reward_changes",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        _reward_id(),
        sa.Column("verb", sa.Text, nullable=False),
        sa.Column("terms", postgresql.JSONB, nullable=False),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("at", _INSTANT, nullable=False),
    )
    op.create_index("ix_reward_changes_reward_id", "reward_changes", ["reward_id"])


def _create_stock() -> None:
    op.create_table(
        "reward_stocks",
        _reward_id(primary_key=True),
        sa.Column("stocked", sa.BigInteger),
        sa.Column("held", sa.BigInteger, nullable=False, server_default=sa.text("0")),
        sa.Column("collected", sa.BigInteger, nullable=False, server_default=sa.text("0")),
        _check("reward_stocks", "counts", "held >= 0 AND collected >= 0"),
        _check("reward_stocks", "left", "stocked - held - collected >= 0"),
        postgresql_with={"fillfactor": "50"},
    )
    op.create_table(
        "stock_movements",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        _reward_id(),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("amount", sa.BigInteger, nullable=False),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("at", _INSTANT, nullable=False),
        _check("stock_movements", "amount", "amount <> 0"),
        _check("stock_movements", "kind", "kind IN ('initial', 'restock', 'withdraw')"),
        _check("stock_movements", "direction", "(kind = 'withdraw') = (amount < 0)"),
    )
    op.create_index("ix_stock_movements_reward_id", "stock_movements", ["reward_id"])


def _create_slots() -> None:
    op.create_table(
        "venue_slots",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        _reward_id(),
        sa.Column("venue_code", sa.Text, nullable=False),
        sa.Column("starts_at", _INSTANT, nullable=False),
        sa.Column("ends_at", _INSTANT, nullable=False),
        _check("venue_slots", "times", "starts_at < ends_at"),
        postgresql.ExcludeConstraint(
            ("venue_code", "="),
            (sa.text("tstzrange(starts_at, ends_at)"), "&&"),
            name="ex_venue_slots_overlap",
            using="gist",
        ),
    )
    op.create_index("ix_venue_slots_reward_id", "venue_slots", ["reward_id", "starts_at"])


def _create_redemptions() -> None:
    op.create_table(
        "redemptions",
        sa.Column("redemption_id", sa.Uuid, primary_key=True),
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), nullable=False),
        sa.Column("resident_no", sa.Text, nullable=False),
        sa.Column("community_code", sa.Text),
        _reward_id(),
        sa.Column("reward_revision", sa.Integer, nullable=False),
        sa.Column("slot_id", sa.BigInteger, sa.ForeignKey("venue_slots.id")),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("place", sa.Text, nullable=False),
        sa.Column("partner", sa.Text),
        sa.Column("quantity", sa.Integer, nullable=False),
        sa.Column("asset", sa.Text, nullable=False),
        sa.Column("price", sa.BigInteger, nullable=False),
        sa.Column("value_fen", sa.BigInteger),
        sa.Column("code_hash", sa.LargeBinary, nullable=False),
        sa.Column("held_on", sa.Date, nullable=False),
        sa.Column("held_at", _INSTANT, nullable=False),
        sa.Column("held_by", sa.Text, nullable=False),
        sa.Column("due_at", _INSTANT, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("settled_at", _INSTANT),
        sa.Column("settled_how", sa.Text),
        sa.Column("settled_by", sa.Text),
        sa.Column("settle_document_id", sa.Uuid),
        sa.UniqueConstraint("id", name="uq_redemptions_id"),
        sa.UniqueConstraint("code_hash", name="uq_redemptions_code_hash"),
        _check("redemptions", "amounts", "quantity > 0 AND price > 0"),
        _check("redemptions", "state", "state IN ('held', 'collected', 'released')"),
        _check(
            "redemptions",
            "settled",
            "num_nulls(settled_at, settled_how, settled_by, settle_document_id)"
            " = CASE state WHEN 'held' THEN 4 ELSE 0 END",
        ),
        _check(
            "redemptions",
            "settled_how",
            "state = 'held' OR settled_how IN ('partner_event', 'counter') AND state = 'collected'"
            " OR settled_how IN ('timeout', 'cancelled', 'cancelled_by_staff')"
            " AND state = 'released'",
        ),
        postgresql_with={"fillfactor": "80"},
    )
    op.create_index(
        "uq_redemptions_slot",
        "redemptions",
        ["slot_id"],
        unique=True,
        postgresql_where=sa.text("state <> 'released' AND slot_id IS NOT NULL"),
    )
    op.create_index(
        "ix_redemptions_due",
        "redemptions",
        ["due_at"],
        postgresql_where=sa.text("state = 'held'"),
    )
    op.create_index("ix_redemptions_resident_no", "redemptions", ["resident_no", "id"])
    op.create_index("ix_redemptions_partner", "redemptions", ["partner", "id"])
    op.create_index("ix_redemptions_reward_id", "redemptions", ["reward_id", "state"])


def _create_requests() -> None:
    op.create_table(
        "redeem_requests",
        sa.Column("resident_no", sa.Text, primary_key=True),
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("body", postgresql.JSONB, nullable=False),
        sa.Column("redemption_id", sa.Uuid, sa.ForeignKey("redemptions.redemption_id")),
        sa.Column("refusal", postgresql.JSONB),
        sa.Column("at", _INSTANT, nullable=False),
        _check("redeem_requests", "outcome", "num_nonnulls(redemption_id, refusal) <= 1"),
    )
    op.create_index("ix_redeem_requests_at", "redeem_requests", ["at"])
    op.create_table(
        "refused_claims",
        sa.Column("claim_id", sa.Uuid, primary_key=True),
        sa.Column("partner", sa.Text),
        sa.Column("redemption_id", sa.Uuid),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("refused_at", _INSTANT, nullable=False),
    )
    op.create_index("ix_refused_claims_by", "refused_claims", ["by", "refused_at"])


def _grant() -> None:
    for table in ("rewards", "reward_stocks", "redemptions"):
        op.execute(f"REVOKE DELETE, TRUNCATE ON {table} FROM points")
    # What was redeemed stays as it was; it is settled once.
    op.execute("REVOKE UPDATE ON redemptions FROM points")
    op.execute(
        "GRANT UPDATE (state, settled_at, settled_how, settled_by, settle_document_id)"
        " ON redemptions TO points"
    )
    for table in ("reward_changes", "stock_movements", "refused_claims"):
        op.execute(f"REVOKE UPDATE, DELETE, TRUNCATE ON {table} FROM points")
    op.execute("REVOKE UPDATE, TRUNCATE ON venue_slots FROM points")


def _reward_id(*, primary_key: bool = False) -> sa.Column[int]:
    return sa.Column(
        "reward_id",
        sa.BigInteger,
        sa.ForeignKey("rewards.id"),
        primary_key=primary_key,
        autoincrement=False,
        nullable=False,
    )


def _check(table: str, name: str, rule: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(rule, name=op.f(f"ck_{table}_{name}"))


def downgrade() -> None:
    """Drop everything of it."""
    for table in (
        "refused_claims",
        "redeem_requests",
        "redemptions",
        "venue_slots",
        "stock_movements",
        "reward_stocks",
        "reward_changes",
        "rewards",
    ):
        op.drop_table(table)
    op.execute("DROP EXTENSION IF EXISTS btree_gist")
