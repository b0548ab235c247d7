"""Residents are told of points that end soon."""

from __future__ import annotations

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

from shared.ids import uuid7

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

KIND = "points_expiring"
_BEFORE = "'request_receipt', 'wish', 'points_credited'"

TEXTS: tuple[tuple[str, str, str, str | None, str], ...] = (
    (
        KIND,
        "in_app",
        "zh",
        None,
        "{name}，您好！您有积分 {points} 分将于 {ends_on} 到期（当天仍可使用），"
        "现有积分 {points_balance} 分，请及时兑换。",
    ),
    (
        KIND,
        "in_app",
        "en",
        None,
        "Dear {name}, {points} of your {points_balance} points end on {ends_on}"
        " and can be used until the end of that day.",
    ),
)


def upgrade() -> None:
    """Let the new kind in and write version 1 of its texts."""
    _allow(f"{_BEFORE}, '{KIND}'")
    templates = sa.table(
        "templates",
        *(
            sa.column(name)
            for name in ("id", "kind", "channel", "language", "version", "provider_code", "body")
        ),
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
    """Take the kind and its notices away; for development."""
    for table in ("notices", "templates"):
        op.execute(f"DELETE FROM {table} WHERE kind = '{KIND}'")
    _allow(_BEFORE)


def _allow(kinds: str) -> None:
    for table in ("notices", "templates"):
        op.drop_constraint(op.f(f"ck_{table}_kind"), table)
        op.create_check_constraint(op.f(f"ck_{table}_kind"), table, f"kind IN ({kinds})")
