"""What partners says: who may post, under which agreement and with which key."""

from __future__ import annotations

from shared.schemas.fields import Day, EventData, Part, Text, Whole, Words

PARTNER_ACTIVATED = "linli.partner.activated.v1"
PARTNER_SUSPENDED = "linli.partner.suspended.v1"

_QUOTA_MAX = 10**9
_REVISION_MAX = 2**53


class AgreementTerms(EventData):
    about = "合作意向书 / the agreement"

    no = Text("意向书编号 / agreement number", 1, 64)
    valid_from = Day("起始日，含当日 / first day, inclusive")
    valid_to = Day("截止日，含当日 / last day, inclusive")
    event_types = Words("可提交的事件类型 / event types the partner may post", 128, 64)


class Quota(EventData):
    about = "配额 / quota"

    per_minute = Whole("每分钟 / per minute", 0, _QUOTA_MAX)
    per_day = Whole("每日 / per day", 0, _QUOTA_MAX)


class PartnerActivated(EventData):
    about = "合伙人已启用或条款已变更 / a partner may post, or its terms changed"

    slug = Text("合伙人代号 / partner slug", 1, 64)
    name = Text("名称 / name", 1, 200)
    kind = Text("类别 / kind, such as enterprise or volunteer_team", 1, 32)
    system = Text("系统名 / name of the partner's system", 1, 64)
    revision = Whole("修订号，大者为新 / revision, the greater is the newer", 0, _REVISION_MAX)
    api_key_hashes = Words("API 密钥的散列 / hashes of the API keys", 256, 16)
    agreement = Part("合作意向书 / the agreement", AgreementTerms)
    quota = Part("配额 / quota", Quota)


class PartnerSuspended(EventData):
    about = "合伙人已暂停 / a partner may no longer post"

    slug = Text("合伙人代号 / partner slug", 1, 64)
    revision = Whole("修订号，大者为新 / revision, the greater is the newer", 0, _REVISION_MAX)
    reason = Text("原因，注销为 revoked / reason, `revoked` if for good", 1, 200)


SCHEMAS: dict[str, EventData] = {
    PARTNER_ACTIVATED: PartnerActivated(),
    PARTNER_SUSPENDED: PartnerSuspended(),
}
