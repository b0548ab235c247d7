"""Residents are told of time coins that moved between districts."""

from __future__ import annotations

from services.notify.migrations.kinds import Text, let_in, take_away

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

TEXTS: tuple[Text, ...] = (
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
    let_in(_BEFORE, _NEW, TEXTS)


def downgrade() -> None:
    """Take the kinds and their notices away; for development."""
    take_away(_BEFORE, _NEW)
