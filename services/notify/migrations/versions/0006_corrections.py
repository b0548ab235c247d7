"""Residents are told when their account was put right by hand."""

from __future__ import annotations

from services.notify.migrations.kinds import Text, let_in, take_away

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

TEXTS: tuple[Text, ...] = (
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
    let_in(_BEFORE, _NEW, TEXTS)


def downgrade() -> None:
    """Take the kinds and their notices away; for development."""
    take_away(_BEFORE, _NEW)
