"""What points says: which account was credited, how much, and by which rule."""

from __future__ import annotations

from shared.schemas.fields import Choice, Day, EventData, Id, Moment, Part, Text, Whole, Words
from shared.schemas.wire import ACTIVITY_KINDS, MINUTES_MAX, WISH_COLOURS

POINTS_CREDITED = "linli.points.credited.v1"
PARTNER_CREDITED = "linli.partner.credited.v1"
POINTS_DISPUTED = "linli.points.disputed.v1"
DISPUTE_DECIDED = "linli.dispute.decided.v1"
POINTS_POSTED = "linli.points.posted.v1"
POINTS_EXPIRING = "linli.points.expiring.v1"

_AMOUNT_MAX = 10**12


class RuleVersion(EventData):
    about = "所用规则 / the rule that was applied"

    programme = Text("积分方案 / programme", 1, 64)
    version = Whole("版本 / version", 1, 2**31 - 1)


class PointsCredited(EventData):
    """Points may be 0 while minutes are not: backfilled evidence, or a cap already reached."""

    about = "居民积分已入账 / a resident's account was credited"

    award_id = Id("奖励编号 / award id")
    contribution_id = Id("贡献编号 / contribution id")
    resident_no = Text("居民编号 / resident number", 1, 32)
    points = Whole("入账积分 / points credited", 0, _AMOUNT_MAX)
    points_pending = Whole(
        "先公示、期满后入账的积分 / points credited when their public notice has ended",
        0,
        _AMOUNT_MAX,
        nullable=True,
    )
    service_minutes = Whole("入账服务分钟 / service minutes credited", 0, MINUTES_MAX)
    points_balance = Whole("积分余额 / balance of points", 0, _AMOUNT_MAX)
    minutes_balance = Whole("服务分钟余额 / balance of service minutes", 0, _AMOUNT_MAX)
    activity_code = Text("活动代码 / activity code", 1, 64)
    activity_kind = Choice("活动类别 / kind of activity", *ACTIVITY_KINDS)
    on_date = Day("计入日期 / the day it counts for (Asia/Shanghai)")
    caps_hit = Words("触及的上限 / caps that were hit", 64, 16)
    rule = Part("所用规则 / the rule that was applied", RuleVersion)
    accepted_at = Moment("受理时间 / accepted at")
    credited_at = Moment("入账时间 / credited at")


class PartnerCredited(EventData):
    about = "合伙人贡献值已入账 / a partner's contribution account was credited"

    award_id = Id("奖励编号 / award id")
    contribution_id = Id("贡献编号 / contribution id")
    partner = Text("合伙人代号 / partner slug", 1, 64)
    points = Whole("入账贡献值 / contribution points credited", 0, _AMOUNT_MAX)
    balance = Whole("贡献值余额 / balance of contribution points", 0, _AMOUNT_MAX)
    wish_code = Text("心愿代码 / wish code", 1, 64)
    colour = Choice("心愿颜色 / colour of the wish", *WISH_COLOURS)
    credited_at = Moment("入账时间 / credited at")


class PointsExpiring(EventData):
    about = "居民积分即将到期 / points of a resident end soon"

    resident_no = Text("居民编号 / resident number", 1, 32)
    points = Whole("将到期的积分 / points that end", 1, _AMOUNT_MAX)
    points_balance = Whole("积分余额 / balance of points", 0, _AMOUNT_MAX)
    ends_on = Day("有效的最后一天 / the last day they are good (Asia/Shanghai)")
    days_left = Whole("距最后一天还有几天 / days until then", 0, 30)
    announced_at = Moment("提醒时间 / announced at")


class _NoticeLine(EventData):
    award_id = Id("奖励编号 / award id")
    resident_no = Text("居民编号 / resident number", 1, 32)
    notice_no = Text("公示编号 / number of the public notice", 1, 64)
    line_no = Whole("公示中的序号 / number of the line in it", 1, 2**31 - 1)
    points = Whole("这一行的积分 / points of the line", 1, _AMOUNT_MAX)
    on_date = Day("计入日期 / the day it counts for (Asia/Shanghai)")


class PointsDisputed(_NoticeLine):
    about = "公示中的一行有异议，暂缓入账 / a line on public notice is disputed and waits"

    disputed_at = Moment("提出时间 / disputed at")


class DisputeDecided(_NoticeLine):
    about = "公示异议已裁决 / a disputed line was decided"

    outcome = Choice("结果 / outcome", "dismissed", "upheld")
    decided_at = Moment("裁决时间 / decided at")


class PointsPosted(EventData):
    """One for each resident and notice; lines that were disputed follow when they are decided."""

    about = "公示期满，积分已入账 / points were posted after their public notice"

    resident_no = Text("居民编号 / resident number", 1, 32)
    notice_no = Text("公示编号 / number of the public notice", 1, 64)
    line_count = Whole("入账行数 / lines posted", 1, 2**31 - 1)
    points = Whole("入账积分 / points posted", 1, _AMOUNT_MAX)
    points_balance = Whole("积分余额 / balance of points", 1, _AMOUNT_MAX)
    posted_at = Moment("入账时间 / posted at")


SCHEMAS: dict[str, EventData] = {
    POINTS_CREDITED: PointsCredited(),
    PARTNER_CREDITED: PartnerCredited(),
    POINTS_DISPUTED: PointsDisputed(),
    DISPUTE_DECIDED: DisputeDecided(),
    POINTS_POSTED: PointsPosted(),
    POINTS_EXPIRING: PointsExpiring(),
}
