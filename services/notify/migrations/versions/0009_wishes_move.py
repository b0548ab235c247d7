"""Residents are told when their wish is claimed, returned or delivered, and givers of thanks."""

from __future__ import annotations

from services.notify.migrations.kinds import Text, let_in, take_away

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_BEFORE = (
    "'request_receipt', 'wish', 'points_credited', 'points_expiring',"
    " 'points_disputed', 'dispute_decided', 'points_posted', 'points_shared', 'star_reached',"
    " 'redemption_held', 'redemption_posted', 'redemption_released', 'points_corrected',"
    " 'coins_departed', 'coins_returned', 'coins_arrived',"
    " 'request_declined', 'request_asked', 'request_resolved', 'request_closed',"
    " 'request_reopened', 'request_extended', 'request_merged', 'request_referred',"
    " 'request_shelved'"
)
_NEW = "'wish_moved'"

TEXTS: tuple[Text, ...] = (
    (
        "wish_moved",
        "in_app",
        "zh",
        None,
        "{name}，您好！微心愿 {wish_code}（{colour}）：{way}（{moved_at}）。",
    ),
    (
        "wish_moved",
        "in_app",
        "en",
        None,
        "Dear {name}, wish {wish_code} ({colour}): {way} ({moved_at}).",
    ),
)


def upgrade() -> None:
    """Let the new kind in and write version 1 of its texts."""
    let_in(_BEFORE, _NEW, TEXTS)


def downgrade() -> None:
    """Take the kind and its notices away; for development."""
    take_away(_BEFORE, _NEW)
