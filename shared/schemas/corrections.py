"""What points says when somebody's account was put right by hand."""

from __future__ import annotations

from shared.schemas.fields import Choice, Day, EventData, Id, Moment, Text, Whole

POINTS_CORRECTED = "linli.points.corrected.v1"
WAYS = ("reversal", "adjustment", "import", "repayment")

_AMOUNT_MAX = 10**12


class PointsCorrected(EventData):
    """What was added is positive, what was taken away negative; why is in the passbook."""

    about = "居民账户已更正 / a resident's account was corrected"

    document_id = Id("凭证编号 / document id")
    resident_no = Text("居民编号 / resident number", 1, 32)
    way = Choice("方式 / way", *WAYS)
    points = Whole("积分增减 / change of points", -_AMOUNT_MAX, _AMOUNT_MAX)
    points_pending = Whole(
        "公示中积分的增减 / change of points on public notice", -_AMOUNT_MAX, _AMOUNT_MAX
    )
    service_minutes = Whole("服务分钟增减 / change of minutes", -_AMOUNT_MAX, _AMOUNT_MAX)
    honour_points = Whole("荣誉积分增减 / change of honour points", -_AMOUNT_MAX, _AMOUNT_MAX)
    points_owed = Whole("尚欠积分 / points still owed", 0, _AMOUNT_MAX)
    points_balance = Whole("积分余额 / balance of points", 0, _AMOUNT_MAX)
    on_date = Day("日期 / the day (Asia/Shanghai)")
    corrected_at = Moment("更正时间 / corrected at")


SCHEMAS: dict[str, EventData] = {POINTS_CORRECTED: PointsCorrected()}
