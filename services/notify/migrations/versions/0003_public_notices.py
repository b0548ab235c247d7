"""Residents are told of public notices: of points that wait, are disputed, decided and posted."""

from __future__ import annotations

from alembic import op

from services.notify.migrations.kinds import Text, let_in, take_away

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_BEFORE = "'request_receipt', 'wish', 'points_credited', 'points_expiring'"
_NEW = "'points_disputed', 'dispute_decided', 'points_posted'"
_VERSIONS = {"points_credited": 2}  # there is a version 1 of its texts

TEXTS: tuple[Text, ...] = (
    (
        "points_credited",
        "in_app",
        "zh",
        None,
        "{name}，您好！您 {on_date} 参加{activity_kind}活动，记入积分 {points} 分、"
        "服务时长 {service_minutes} 分钟{cap_note}{pending_note}，现有积分 {points_balance} 分。",
    ),
    (
        "points_credited",
        "in_app",
        "en",
        None,
        "Dear {name}, for {activity_kind} on {on_date} you were credited {points} points and"
        " {service_minutes} minutes of service{cap_note}{pending_note}."
        " You now have {points_balance} points.",
    ),
    (
        "points_disputed",
        "in_app",
        "zh",
        None,
        "{name}，您好！公示 {notice_no} 第 {line_no} 行（{on_date}，{points} 分）有人提出异议，"
        "核实期间暂缓入账。如需说明情况，请联系社区。",
    ),
    (
        "points_disputed",
        "in_app",
        "en",
        None,
        "Dear {name}, line {line_no} of public notice {notice_no} ({on_date}, {points} points) is"
        " disputed and waits until it was looked into. If you want to be heard, please tell your"
        " community.",
    ),
    (
        "dispute_decided",
        "in_app",
        "zh",
        None,
        "{name}，您好！公示 {notice_no} 第 {line_no} 行（{on_date}，{points} 分）的异议已裁决："
        "{outcome}。",
    ),
    (
        "dispute_decided",
        "in_app",
        "en",
        None,
        "Dear {name}, the objection to line {line_no} of public notice {notice_no}"
        " ({on_date}, {points} points) was {outcome}.",
    ),
    (
        "points_posted",
        "in_app",
        "zh",
        None,
        "{name}，您好！公示 {notice_no} 期满，您的 {line_count} 笔共 {points} 分已入账，"
        "现有积分 {points_balance} 分。",
    ),
    (
        "points_posted",
        "in_app",
        "en",
        None,
        "Dear {name}, public notice {notice_no} has ended: {line_count} of your entries,"
        " {points} points in all, now count. You have {points_balance} points.",
    ),
)


def upgrade() -> None:
    """Let the new kinds in and write their texts."""
    let_in(_BEFORE, _NEW, TEXTS, versions=_VERSIONS)


def downgrade() -> None:
    """Take the kinds and their notices away; for development."""
    op.execute("DELETE FROM notices WHERE kind = 'points_credited' AND template_version = 2")
    op.execute("DELETE FROM templates WHERE kind = 'points_credited' AND version = 2")
    take_away(_BEFORE, _NEW)
