"""Residents are told when their account was put right by hand."""

from __future__ import annotations

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

from shared.ids import uuid7

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_BEFORE = (
    "'request_receipt', 'wish', 'points_credited', 'points_expiring',"
    " 'points_disputed', 'dispute_decided', 'points_posted', 'points_shared', 'star_reached',"
    " 'redemption_held', 'redemption_posted', 'redemption_released'"
)
_NEW = "'points_corrected'"

TEXTS: tuple[tuple[str, str, str, str | None, str], ...] = (
    (
        "points_corrected",
        "in_app",
        "zh",
        None,
        "{name}，您好！您的账户于 {on_date} 更正（{way}）：积分 {points}，公示中积分"
        " {points_pending}，服务 {service_minutes} 分钟，荣誉积分 {honour_points}。现有积分"
        " {points_balance} 分，尚欠 {points_owed} 分。缘由见存折，有疑问请到社区核对。",
    ),
    (
        "points_corrected",
        "in_app",
        "en",
        None,
        "Dear {name}, your account was corrected on {on_date} ({way}): points {points}, points on"
        " public notice {points_pending}, service {service_minutes} min, honour points"
        " {honour_points}. You now have {points_balance} points and owe {points_owed}. Your"
        " passbook tells why; if in doubt ask your community.",
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
