"""Residents are told what becomes of their matter at the hall, and reminded of an appointment."""

from __future__ import annotations

from services.notify.migrations.kinds import Text, let_in, take_away

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_BEFORE = (
    "'request_receipt', 'wish', 'points_credited', 'points_expiring',"
    " 'points_disputed', 'dispute_decided', 'points_posted', 'points_shared', 'star_reached',"
    " 'redemption_held', 'redemption_posted', 'redemption_released', 'points_corrected',"
    " 'coins_departed', 'coins_returned', 'coins_arrived',"
    " 'request_declined', 'request_asked', 'request_resolved', 'request_closed',"
    " 'request_reopened', 'request_extended', 'request_merged', 'request_referred',"
    " 'request_shelved', 'wish_moved'"
)
_NEW = "'hall_moved'"

TEXTS: tuple[Text, ...] = (
    (
        "hall_moved",
        "in_app",
        "zh",
        None,
        "{name}，您好！大厅事项 {hall_no}：{way}（{on_date}）。",
    ),
    (
        "hall_moved",
        "in_app",
        "en",
        None,
        "Dear {name}, matter {hall_no} at the hall: {way} ({on_date}).",
    ),
)


def upgrade() -> None:
    """Let the new kind in and write version 1 of its texts."""
    let_in(_BEFORE, _NEW, TEXTS)


def downgrade() -> None:
    """Take the kind and its notices away; for development."""
    take_away(_BEFORE, _NEW)
