"""What intake says: what it has accepted from partners, and who lives in the district."""

from __future__ import annotations

from shared.schemas.fields import Choice, EventData, Id, Moment, Text, Whole
from shared.schemas.wire import (
    ACTIVITY_KINDS,
    COST_FEN_MAX,
    EVIDENCE,
    MINUTES_MAX,
    MINUTES_MIN,
    URGENCIES,
    WISH_COLOURS,
)

CONTRIBUTION_RECORDED = "linli.contribution.recorded.v1"
WISH_DELIVERED = "linli.wish.delivered.v1"
REQUEST_OPENED = "linli.request.opened.v1"
REQUEST_MOVED = "linli.request.moved.v1"
REDEMPTION_CLAIMED = "linli.redemption.claimed.v1"
RESIDENT_REGISTERED = "linli.resident.registered.v1"

LANGUAGES = ("zh", "en")
HAPPENINGS = (
    "declined",
    "asked",
    "resolved",
    "closed",
    "reopened",
    "extended",
    "merged",
    "referred",
    "shelved",
)


class ContributionRecorded(EventData):
    about = "受理了一次活动参与 / an attended activity was accepted"

    contribution_id = Id("贡献编号 / contribution id")
    partner = Text("合伙人代号 / partner slug", 1, 64)
    source_event_id = Text("合伙人事件的 id / id of the partner's event", 1, 256)
    activity_code = Text("活动代码 / activity code", 1, 64)
    activity_kind = Choice("活动类别 / kind of activity", *ACTIVITY_KINDS)
    resident_no = Text("居民编号 / resident number", 1, 32)
    household_no = Text("受理时的户编号 / household number, when accepted", 1, 32)
    community_code = Text("受理时的社区编码 / community code, when accepted", 1, 32)
    checked_in_at = Moment("签到时间 / checked in at")
    checked_out_at = Moment("签退时间 / checked out at")
    minutes = Whole("整分钟数 / whole minutes", MINUTES_MIN, MINUTES_MAX)
    evidence = Choice("凭据 / how it was recorded", *EVIDENCE)
    accepted_at = Moment("受理时间 / accepted at")


class WishDelivered(EventData):
    about = "受理了一个已实现的心愿 / a fulfilled wish was accepted"

    contribution_id = Id("贡献编号 / contribution id")
    partner = Text("合伙人代号 / partner slug", 1, 64)
    source_event_id = Text("合伙人事件的 id / id of the partner's event", 1, 256)
    wish_code = Text("心愿代码 / wish code", 1, 64)
    resident_no = Text("受益居民编号 / resident number of the beneficiary", 1, 32)
    colour = Choice("心愿颜色 / colour of the wish", *WISH_COLOURS)
    cost_fen = Whole("花费，单位为分 / cost in fen (0.01 yuan)", 0, COST_FEN_MAX)
    delivered_at = Moment("实现时间 / delivered at (time of the partner's event)")
    accepted_at = Moment("受理时间 / accepted at")


class RequestOpened(EventData):
    """No title, no description: free text may hold personal data and stays in intake."""

    about = "立了一件诉求 / a request was opened"

    request_no = Text("诉求编号 / request number", 1, 64)
    partner = Text("来自哪个合伙人 / partner slug, null if not from one", 1, 64, nullable=True)
    resident_no = Text("居民编号 / resident number, null if none is named", 1, 32, nullable=True)
    category = Text("类别代码 / category code", 1, 32)
    grid_code = Text("网格编码 / grid code", 1, 32)
    urgency = Choice("紧急程度 / urgency", *URGENCIES)
    opened_at = Moment("提出时间 / opened at")
    accepted_at = Moment("受理时间 / accepted at")


class RequestMoved(EventData):
    """One event for each who hears: the resident who asked, and each who follows."""

    about = "诉求有了进展 / something happened to a request"

    request_no = Text("诉求编号 / request number", 1, 64)
    resident_no = Text("听者的居民编号 / resident number of who hears it", 1, 32)
    happened = Choice("发生了什么 / what happened", *HAPPENINGS)
    state = Text("现在的状态 / state that it led to", 1, 32)
    reason = Text("原因代码 / why, as a code", 1, 64, nullable=True)
    due_at = Moment("办结期限 / to be resolved by", nullable=True)
    answer_path = Text(
        "评单链接的路径，只给提出人 / path of the verdict link, for who asked only",
        1,
        200,
        nullable=True,
    )
    moved_at = Moment("发生时间 / when it happened")


class ResidentRegistered(EventData):
    about = "居民登记或变更 / a resident was registered or changed"

    resident_no = Text("居民编号 / resident number", 1, 32)
    household_no = Text("户编号 / household number", 1, 32)
    grid_code = Text("网格编码 / grid code", 1, 32)
    community_code = Text("社区编码 / community code", 1, 32)
    language = Choice("语言 / language", *LANGUAGES)
    contact_sealed = Text(
        "密封的联系方式，只有 notify 能解开 / sealed contact data that only notify can open",
        1,
        4096,
        nullable=True,
    )
    revision = Whole("修订号，大者为新 / revision, the greater is the newer", 0, 2**53)


class RedemptionClaimed(EventData):
    """Whose code it is, and whether it is good, only points knows."""

    about = "合伙人凭领取码兑付，待核销 / a partner claims a redemption by its pickup code"

    claim_id = Id("兑付编号 / claim id")
    partner = Text("合伙人代号 / partner slug", 1, 64)
    source_event_id = Text("合伙人事件的 id / id of the partner's event", 1, 256)
    code = Text("领取码 / pickup code", 1, 32)
    collected_at = Moment("领取时间 / collected at")
    accepted_at = Moment("受理时间 / accepted at")


SCHEMAS: dict[str, EventData] = {
    CONTRIBUTION_RECORDED: ContributionRecorded(),
    WISH_DELIVERED: WishDelivered(),
    REQUEST_OPENED: RequestOpened(),
    REQUEST_MOVED: RequestMoved(),
    REDEMPTION_CLAIMED: RedemptionClaimed(),
    RESIDENT_REGISTERED: ResidentRegistered(),
}
