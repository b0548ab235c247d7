"""What partner systems say: the types a partner may post."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from shared.schemas.fields import Choice, EventData, Moment, Text, Whole

ACTIVITY_ATTENDED = "linli.activity.attended.v1"
WISH_FULFILLED = "linli.wish.fulfilled.v1"
WISH_CLAIMED = "linli.wish.claimed.v1"
REQUEST_SUBMITTED = "linli.request.submitted.v1"
REDEMPTION_COLLECTED = "linli.redemption.collected.v1"

ACTIVITY_KINDS = (
    "elder_care",
    "child_care",
    "civilised_practice",
    "environment",
    "patrol",
    "policy_advice",
    "culture",
    "flood_duty",
)
EVIDENCE = ("self_check", "organiser", "backfill")
WISH_COLOURS = ("goods_blue", "convenience_yellow", "urgent_red")
URGENCIES = ("normal", "urgent", "critical")

MINUTES_MIN = 10
MINUTES_MAX = 720
COST_FEN_MAX = 10**8

_MINUTE = timedelta(minutes=1)


def whole_minutes(checked_in_at: datetime, checked_out_at: datetime) -> int:
    """Whole minutes from one instant to the other, rounded down; negative if reversed."""
    return (checked_out_at - checked_in_at) // _MINUTE


class ActivityAttended(EventData):
    about = "某居民参加了一次活动 / a resident took part in an activity"

    activity_code = Text("活动代码 / activity code", 1, 64)
    activity_kind = Choice("活动类别 / kind of activity", *ACTIVITY_KINDS)
    resident_no = Text("居民编号 / resident number", 1, 32)
    checked_in_at = Moment("签到时间 / checked in at")
    checked_out_at = Moment(
        "签退时间，晚于签到；整分钟数为 10 至 720 / checked out at, after check-in;"
        " 10 to 720 whole minutes between them"
    )
    evidence = Choice("凭据 / how it was recorded", *EVIDENCE)

    @staticmethod
    def across(values: dict[str, Any]) -> tuple[str, str] | None:
        inside, outside = values["checked_in_at"], values["checked_out_at"]
        if outside <= inside:
            return "checked_out_at", (
                "必须晚于 checked_in_at，请核对签到与签退时间\n"
                "must be after checked_in_at: check both times"
            )
        minutes = whole_minutes(inside, outside)
        if not MINUTES_MIN <= minutes <= MINUTES_MAX:
            return "checked_out_at", (
                f"与签到相隔须为 {MINUTES_MIN} 至 {MINUTES_MAX} 分钟，现为 {minutes} 分钟\n"
                f"must be {MINUTES_MIN} to {MINUTES_MAX} minutes after checked_in_at,"
                f" is {minutes}"
            )
        return None


class WishFulfilled(EventData):
    about = "一个微心愿已经实现 / a resident's wish was fulfilled"

    wish_code = Text("心愿代码 / wish code", 1, 64)
    resident_no = Text("受益居民编号 / resident number of the beneficiary", 1, 32)
    colour = Choice("心愿颜色 / colour of the wish", *WISH_COLOURS)
    cost_fen = Whole("花费，单位为分 / cost in fen (0.01 yuan)", 0, COST_FEN_MAX)


class WishClaimed(EventData):
    """The verdict says that the claim was received; who was first is on the partner's page."""

    about = "认领心愿墙上的一个微心愿 / a wish on the wall is claimed"

    wish_code = Text("心愿墙上的心愿代码 / wish code as shown on the wall", 1, 64)


class RequestSubmitted(EventData):
    about = "提交了一件诉求 / a request was submitted"

    title = Text("标题 / title", 1, 200)
    description = Text("内容 / description", 0, 4000)
    category = Text("类别代码 / category code", 1, 32)
    resident_no = Text(
        "居民编号，不指明居民时为 null / resident number, null if none is named",
        1,
        32,
        nullable=True,
    )
    grid_code = Text("网格编码 / grid code", 1, 32)
    urgency = Choice("紧急程度 / urgency", *URGENCIES)


class RedemptionCollected(EventData):
    """The verdict says that the claim was received; whether it was posted is told afterwards."""

    about = "居民凭领取码领走了奖品 / a resident collected a reward with its pickup code"

    code = Text("领取码，可含连字符和空格 / pickup code, hyphens and spaces allowed", 10, 32)
    collected_at = Moment("领取时间 / collected at")


SCHEMAS: dict[str, EventData] = {
    ACTIVITY_ATTENDED: ActivityAttended(),
    WISH_FULFILLED: WishFulfilled(),
    WISH_CLAIMED: WishClaimed(),
    REQUEST_SUBMITTED: RequestSubmitted(),
    REDEMPTION_COLLECTED: RedemptionCollected(),
}
