"""What points says of people at home: points shared with them, and stars they have reached."""

from __future__ import annotations

from shared.schemas.fields import Choice, Day, EventData, Id, Moment, Text, Whole

POINTS_SHARED = "linli.points.shared.v1"
STAR_REACHED = "linli.star.reached.v1"

_AMOUNT_MAX = 10**12


class PointsShared(EventData):
    """Says to whose account it happened; who else took part is on the household's page only."""

    about = "共用、赠与或帮扶积分 / points were shared, given or granted"

    document_id = Id("凭证编号 / document id")
    resident_no = Text("居民编号 / resident number", 1, 32)
    way = Choice("方式 / way", "spent", "gift", "grant")
    points = Whole("积分 / points", 1, _AMOUNT_MAX)
    points_balance = Whole("积分余额 / balance of points", 0, _AMOUNT_MAX)
    on_date = Day("日期 / the day (Asia/Shanghai)")
    accepted_at = Moment("发生时间 / happened at")


class StarReached(EventData):
    """Said once for each star of a ladder, however often it is lost and reached again."""

    about = "服务星级晋级 / a resident reached a star of service"

    resident_no = Text("居民编号 / resident number", 1, 32)
    ladder = Text("星级方案 / ladder of stars", 1, 64)
    star = Whole("星级 / star", 1, 20)
    service_minutes = Whole("累计服务分钟 / minutes of service", 0, _AMOUNT_MAX)
    on_date = Day("达到日期 / the day (Asia/Shanghai)")
    accepted_at = Moment("确认时间 / recorded at")


SCHEMAS: dict[str, EventData] = {POINTS_SHARED: PointsShared(), STAR_REACHED: StarReached()}
