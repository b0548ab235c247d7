"""What points says of redemptions, to their residents and to who hands the rewards out."""

from __future__ import annotations

from shared.schemas.fields import Choice, EventData, Id, Moment, Text, Whole

REDEMPTION_HELD = "linli.redemption.held.v1"
REDEMPTION_POSTED = "linli.redemption.posted.v1"
REDEMPTION_RELEASED = "linli.redemption.released.v1"
REDEMPTION_REFUSED = "linli.redemption.refused.v1"

REWARD_KINDS = ("goods", "honour", "venue", "service")
REWARD_ASSETS = ("points", "time_coins")
RELEASE_REASONS = ("timeout", "cancelled", "cancelled_by_staff")
CLAIM_REFUSALS = (
    "unknown_code",
    "foreign_code",
    "already_collected",
    "released",
    "too_late",
    "too_early",
)

_QUANTITY_MAX = 99
_PRICE_MAX = 10**9


class RedemptionHeld(EventData):
    about = "积分已冻结，等待领取 / points are held until the reward is collected"

    redemption_no = Text("兑换编号 / redemption number", 1, 32)
    resident_no = Text("居民编号 / resident number", 1, 32)
    partner = Text("兑付的合伙人，社区自办为 null / who hands it out", 1, 64, nullable=True)
    reward = Text("奖品 / reward", 1, 80)
    kind = Choice("类别 / kind", *REWARD_KINDS)
    quantity = Whole("份数 / quantity", 1, _QUANTITY_MAX)
    asset = Choice("支付方式 / paid in", *REWARD_ASSETS)
    price = Whole("共付 / price in all", 1, _PRICE_MAX)
    place = Text("领取地点 / where to collect it", 1, 80)
    held_at = Moment("兑换时间 / redeemed at")
    due_at = Moment("领取期限 / to be collected by")


class RedemptionPosted(EventData):
    """`source_event_id` is null when it was confirmed at a counter."""

    about = "已领取，积分已扣除 / collected, the points are spent"

    redemption_no = Text("兑换编号 / redemption number", 1, 32)
    resident_no = Text("居民编号 / resident number", 1, 32)
    partner = Text("兑付的合伙人，社区自办为 null / who handed it out", 1, 64, nullable=True)
    source_event_id = Text("合伙人事件的 id / id of the partner's event", 1, 256, nullable=True)
    reward = Text("奖品 / reward", 1, 80)
    quantity = Whole("份数 / quantity", 1, _QUANTITY_MAX)
    asset = Choice("支付方式 / paid in", *REWARD_ASSETS)
    price = Whole("共付 / price in all", 1, _PRICE_MAX)
    collected_at = Moment("领取时间 / collected at")
    posted_at = Moment("入账时间 / posted at")


class RedemptionReleased(EventData):
    about = "兑换已取消或逾期，积分已退回 / given up or run out, the points are back"

    redemption_no = Text("兑换编号 / redemption number", 1, 32)
    resident_no = Text("居民编号 / resident number", 1, 32)
    partner = Text("本应兑付的合伙人 / who would have handed it out", 1, 64, nullable=True)
    reward = Text("奖品 / reward", 1, 80)
    quantity = Whole("份数 / quantity", 1, _QUANTITY_MAX)
    asset = Choice("支付方式 / paid in", *REWARD_ASSETS)
    price = Whole("退回 / given back in all", 1, _PRICE_MAX)
    reason = Choice("原因 / reason", *RELEASE_REASONS)
    released_at = Moment("退回时间 / released at")


class RedemptionRefused(EventData):
    """The answer to a claim that was received but could not be posted; nothing was spent."""

    about = "兑付未成功，积分未扣除 / a claim was refused, nothing was spent"

    claim_id = Id("兑付编号 / claim id")
    partner = Text("合伙人代号 / partner slug", 1, 64)
    source_event_id = Text("合伙人事件的 id / id of the partner's event", 1, 256)
    reason = Choice("原因 / reason", *CLAIM_REFUSALS)
    redemption_no = Text(
        "兑换编号，非本单位的为 null / redemption number, null if it is not the partner's own",
        1,
        32,
        nullable=True,
    )
    collected_at = Moment("所报领取时间 / collected at, as claimed")
    refused_at = Moment("答复时间 / refused at")


SCHEMAS: dict[str, EventData] = {
    REDEMPTION_HELD: RedemptionHeld(),
    REDEMPTION_POSTED: RedemptionPosted(),
    REDEMPTION_RELEASED: RedemptionReleased(),
    REDEMPTION_REFUSED: RedemptionRefused(),
}
