"""Residents are told of what they redeem: held, collected, given back."""

from __future__ import annotations

from services.notify.migrations.kinds import Text, let_in, take_away

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_BEFORE = (
    "'request_receipt', 'wish', 'points_credited', 'points_expiring',"
    " 'points_disputed', 'dispute_decided', 'points_posted', 'points_shared', 'star_reached'"
)
_NEW = "'redemption_held', 'redemption_posted', 'redemption_released'"

TEXTS: tuple[Text, ...] = (
    (
        "redemption_held",
        "in_app",
        "zh",
        None,
        "{name}，您好！您已用 {price} {asset}兑换“{reward}”{quantity} 份（编号 {redemption_no}）。"
        "请于 {due_at} 前到{place}出示领取码领取，逾期自动退回。",
    ),
    (
        "redemption_held",
        "in_app",
        "en",
        None,
        "Dear {name}, you redeemed {quantity} of {reward} for {price} {asset} ({redemption_no})."
        " Please collect it at {place} by {due_at}; after that it is given back.",
    ),
    (
        "redemption_posted",
        "in_app",
        "zh",
        None,
        "{name}，您好！“{reward}”{quantity} 份已于 {collected_at} 领取，"
        "扣除 {price} {asset}（编号 {redemption_no}）。如非本人领取，请告诉社区。",
    ),
    (
        "redemption_posted",
        "in_app",
        "en",
        None,
        "Dear {name}, {quantity} of {reward} was collected on {collected_at} for {price} {asset}"
        " ({redemption_no}). If it was not you, please tell the community.",
    ),
    (
        "redemption_released",
        "in_app",
        "zh",
        None,
        "{name}，您好！“{reward}”{quantity} 份的兑换（编号 {redemption_no}）{reason}，"
        "{price} {asset}已按原到期日退回。",
    ),
    (
        "redemption_released",
        "in_app",
        "en",
        None,
        "Dear {name}, your redemption {redemption_no}, {quantity} of {reward}, {reason}."
        " {price} {asset} were given back with their own expiry.",
    ),
)


def upgrade() -> None:
    """Let the new kinds in and write version 1 of their texts."""
    let_in(_BEFORE, _NEW, TEXTS)


def downgrade() -> None:
    """Take the kinds and their notices away; for development."""
    take_away(_BEFORE, _NEW)
