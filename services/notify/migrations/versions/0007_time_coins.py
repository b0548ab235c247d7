"""Residents are told of time coins that moved between districts."""

from __future__ import annotations

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

from shared.ids import uuid7

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_BEFORE = (
    "'request_receipt', 'wish', 'points_credited', 'points_expiring',"
    " 'points_disputed', 'dispute_decided', 'points_posted', 'points_shared', 'star_reached',"
    " 'redemption_held', 'redemption_posted', 'redemption_released', 'points_corrected'"
)
_NEW = "'coins_departed', 'coins_returned', 'coins_arrived'"

TEXTS: tuple[tuple[str, str, str, str | None, str], ...] = (
    (
        "coins_departed",
        "in_app",
        "zh",
        None,
        "{name}，您好！{district}已收到您转出的 {coins} 枚时间币，现有 {coins_balance} 枚。",
    ),
    (
        "coins_departed",
        "in_app",
        "en",
        None,
        "Dear {name}, the {coins} time coins you sent have arrived in {district}."
        " You now have {coins_balance}.",
    ),
    (
        "coins_returned",
        "in_app",
        "zh",
        None,
        "{name}，您好！转往{district}的 {coins} 枚时间币已退回：{reason}。现有 {coins_balance} 枚，"
        "到期日不变。",
    ),
    (
        "coins_returned",
        "in_app",
        "en",
        None,
        "Dear {name}, the {coins} time coins you sent to {district} came back: {reason}. You now"
        " have {coins_balance}; each ends on the day it would have.",
    ),
    (
        "coins_arrived",
        "in_app",
        "zh",
        None,
        "{name}，您好！从{district}转入 {coins} 枚时间币，现有 {coins_balance} 枚。",
    ),
    (
        "coins_arrived",
        "in_app",
        "en",
        None,
        "Dear {name}, {coins} time coins came from {district}. You now have {coins_balance}.",
    ),
)


def upgrade() -> None:
    """Let the new kinds in and write version 1 of their texts."""
    _allow(f"{_BEFORE}, {_NEW}")
    columns = ("id", "kind", "channel", "language", "version", "provider_code", "body")
    templates = sa.table(
        "templates",
        *(sa.column(name) for name in columns),
        sa.column("active_from", sa.DateTime(timezone=True)),
    )
    op.bulk_insert(
        templates,
        [
            {
                "id": uuid7(),
                "kind": kind,
                "channel": channel,
                "language": language,
                "version": 1,
                "provider_code": code,
                "body": body,
                "active_from": datetime(2000, 1, 1, tzinfo=UTC),
            }
            for kind, channel, language, code, body in TEXTS
        ],
    )


def downgrade() -> None:
    """Take the kinds and their notices away; for development."""
    for table in ("notices", "templates"):
        op.execute(f"DELETE FROM {table} WHERE kind IN ({_NEW})")
    _allow(_BEFORE)


def _allow(kinds: str) -> None:
    for table in ("notices", "templates"):
        op.drop_constraint(op.f(f"ck_{table}_kind"), table)
        op.create_check_constraint(op.f(f"ck_{table}_kind"), table, f"kind IN ({kinds})")
