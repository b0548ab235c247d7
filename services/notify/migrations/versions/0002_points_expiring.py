"""Residents are told of points that end soon."""

from __future__ import annotations

from services.notify.migrations.kinds import Text, let_in, take_away

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_BEFORE = "'request_receipt', 'wish', 'points_credited'"
_NEW = "'points_expiring'"

TEXTS: tuple[Text, ...] = (
    (
        "points_expiring",
        "in_app",
        "zh",
        None,
        "{name}，您好！您有积分 {points} 分将于 {ends_on} 到期（当天仍可使用），"
        "现有积分 {points_balance} 分，请及时兑换。",
    ),
    (
        "points_expiring",
        "in_app",
        "en",
        None,
        "Dear {name}, {points} of your {points_balance} points end on {ends_on}"
        " and can be used until the end of that day.",
    ),
)


def upgrade() -> None:
    """Let the new kind in and write version 1 of its texts."""
    let_in(_BEFORE, _NEW, TEXTS)


def downgrade() -> None:
    """Take the kind and its notices away; for development."""
    take_away(_BEFORE, _NEW)
