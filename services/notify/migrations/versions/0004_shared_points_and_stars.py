"""Residents are told of points shared with them, and of stars they have reached."""

from __future__ import annotations

from services.notify.migrations.kinds import Text, let_in, take_away

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_BEFORE = (
    "'request_receipt', 'wish', 'points_credited', 'points_expiring',"
    " 'points_disputed', 'dispute_decided', 'points_posted'"
)
_NEW = "'points_shared', 'star_reached'"

TEXTS: tuple[Text, ...] = (
    (
        "points_shared",
        "in_app",
        "zh",
        None,
        "{name}，您好！{way} {points} 分（{on_date}），现有积分 {points_balance} 分。"
        "可在“家庭共用”页查看或撤回同意。",
    ),
    (
        "points_shared",
        "in_app",
        "en",
        None,
        "Dear {name}, {way} {points} points on {on_date}. You now have {points_balance}."
        " What you allow is on your household's page, where you may withdraw it.",
    ),
    (
        "star_reached",
        "in_app",
        "zh",
        None,
        "{name}，恭喜！您累计志愿服务 {service_minutes} 分钟，自 {on_date} 起为 {star} 星志愿者。"
        "感谢您的付出。",
    ),
    (
        "star_reached",
        "in_app",
        "en",
        None,
        "Dear {name}, congratulations: with {service_minutes} minutes of service you have {star}"
        " star(s) since {on_date}. Thank you.",
    ),
)


def upgrade() -> None:
    """Let the new kinds in and write version 1 of their texts."""
    let_in(_BEFORE, _NEW, TEXTS)


def downgrade() -> None:
    """Take the kinds and their notices away; for development."""
    take_away(_BEFORE, _NEW)
