"""The law of notices: kinds and texts; of deliveries see deliveries.py. No I/O, no clock."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime
from enum import StrEnum

from services.notify.rules.deliveries import (
    ATTEMPTS_MAX,
    LEASE,
    NOT_UNDERSTOOD,
    QUEUED_FOR,
    TIMED_OUT,
    TRANSITIONS,
    UNREACHABLE,
    WAITS_MAX,
    Disposition,
    IllegalTransition,
    Next,
    State,
    after_answer,
    after_receipt,
    after_waiting,
    back_off,
    back_off_limit,
    check_transition,
    disposition,
)
from shared.clock import DISTRICT_TIMEZONE
from shared.errors import Rejected

LANGUAGES = ("zh", "en")


class Kind(StrEnum):
    """Why a resident is told something."""

    REQUEST_RECEIPT = "request_receipt"
    WISH = "wish"
    POINTS_CREDITED = "points_credited"
    POINTS_EXPIRING = "points_expiring"
    POINTS_DISPUTED = "points_disputed"
    DISPUTE_DECIDED = "dispute_decided"
    POINTS_POSTED = "points_posted"
    POINTS_SHARED = "points_shared"
    STAR_REACHED = "star_reached"
    REDEMPTION_HELD = "redemption_held"
    REDEMPTION_POSTED = "redemption_posted"
    REDEMPTION_RELEASED = "redemption_released"
    POINTS_CORRECTED = "points_corrected"
    COINS_DEPARTED = "coins_departed"
    COINS_RETURNED = "coins_returned"
    COINS_ARRIVED = "coins_arrived"


class Channel(StrEnum):
    """How a resident is told. The inbox row is its own delivery; an SMS has a delivery row."""

    IN_APP = "in_app"
    SMS = "sms"


# Credits come by the thousand and cost the district nothing in the inbox; an SMS costs money.
CHANNELS: Mapping[Kind, tuple[Channel, ...]] = {
    Kind.REQUEST_RECEIPT: (Channel.IN_APP, Channel.SMS),
    Kind.WISH: (Channel.IN_APP, Channel.SMS),
    Kind.POINTS_CREDITED: (Channel.IN_APP,),
    Kind.POINTS_EXPIRING: (Channel.IN_APP,),
    Kind.POINTS_SHARED: (Channel.IN_APP,),
    Kind.STAR_REACHED: (Channel.IN_APP,),
    Kind.POINTS_DISPUTED: (Channel.IN_APP,),
    Kind.DISPUTE_DECIDED: (Channel.IN_APP,),
    Kind.POINTS_POSTED: (Channel.IN_APP,),
    Kind.REDEMPTION_HELD: (Channel.IN_APP,),
    Kind.REDEMPTION_POSTED: (Channel.IN_APP,),
    Kind.REDEMPTION_RELEASED: (Channel.IN_APP,),
    Kind.POINTS_CORRECTED: (Channel.IN_APP,),
    Kind.COINS_DEPARTED: (Channel.IN_APP,),
    Kind.COINS_RETURNED: (Channel.IN_APP,),
    Kind.COINS_ARRIVED: (Channel.IN_APP,),
}

_COINS = frozenset({"district", "coins", "coins_balance"})
_REDEMPTION = ("redemption_no", "reward", "quantity", "asset", "price")

# What a notice of each kind carries. Nothing here can name a person: the name is joined when the
# text is made.
PARAMS: Mapping[Kind, frozenset[str]] = {
    Kind.REQUEST_RECEIPT: frozenset({"request_no", "accepted_at"}),
    Kind.WISH: frozenset({"wish_code", "colour", "delivered_at"}),
    Kind.POINTS_CREDITED: frozenset(
        {
            "points",
            "points_pending",
            "service_minutes",
            "points_balance",
            "minutes_balance",
            "activity_code",
            "activity_kind",
            "on_date",
            "caps_hit",
        }
    ),
    Kind.POINTS_EXPIRING: frozenset({"points", "points_balance", "ends_on", "days_left"}),
    Kind.POINTS_SHARED: frozenset({"way", "points", "points_balance", "on_date"}),
    Kind.POINTS_CORRECTED: frozenset(
        {
            "way",
            "points",
            "points_pending",
            "service_minutes",
            "honour_points",
            "points_owed",
            "points_balance",
            "on_date",
        }
    ),
    Kind.STAR_REACHED: frozenset({"star", "service_minutes", "on_date"}),
    Kind.COINS_DEPARTED: _COINS,
    Kind.COINS_RETURNED: _COINS | {"reason"},
    Kind.COINS_ARRIVED: _COINS,
    Kind.POINTS_DISPUTED: frozenset({"notice_no", "line_no", "points", "on_date"}),
    Kind.DISPUTE_DECIDED: frozenset({"notice_no", "line_no", "points", "on_date", "outcome"}),
    Kind.POINTS_POSTED: frozenset({"notice_no", "line_count", "points", "points_balance"}),
    Kind.REDEMPTION_HELD: frozenset({*_REDEMPTION, "place", "due_at"}),
    Kind.REDEMPTION_POSTED: frozenset({*_REDEMPTION, "collected_at"}),
    Kind.REDEMPTION_RELEASED: frozenset({*_REDEMPTION, "reason"}),
}


# Deliveries.


_placeholder = re.compile(r"\{([a-z_]+)\}")
_NAME = "name"
_DERIVED: Mapping[Kind, frozenset[str]] = {
    Kind.POINTS_CREDITED: frozenset({"cap_note", "pending_note"})
}

_TITLES: Mapping[Kind, tuple[str, str]] = {
    Kind.REQUEST_RECEIPT: ("诉求已受理", "Request received"),
    Kind.WISH: ("微心愿已实现", "Wish fulfilled"),
    Kind.POINTS_CREDITED: ("积分入账", "Points credited"),
    Kind.POINTS_EXPIRING: ("积分即将到期", "Points end soon"),
    Kind.POINTS_SHARED: ("家庭与社区积分", "Points shared"),
    Kind.STAR_REACHED: ("服务星级晋级", "A star of service"),
    Kind.POINTS_DISPUTED: ("公示有异议", "A line on public notice is disputed"),
    Kind.DISPUTE_DECIDED: ("公示异议已裁决", "An objection was decided"),
    Kind.POINTS_POSTED: ("公示期满入账", "Points posted after public notice"),
    Kind.REDEMPTION_HELD: ("兑换成功，请按时领取", "Redeemed: please collect it"),
    Kind.REDEMPTION_POSTED: ("奖品已领取", "Reward collected"),
    Kind.REDEMPTION_RELEASED: ("兑换已退回", "Redemption given back"),
    Kind.POINTS_CORRECTED: ("账户更正", "Your account was corrected"),
    Kind.COINS_DEPARTED: ("时间币已转到外区", "Time coins arrived elsewhere"),
    Kind.COINS_RETURNED: ("时间币已退回", "Time coins came back"),
    Kind.COINS_ARRIVED: ("收到外区时间币", "Time coins from another district"),
}
_WORDS: Mapping[str, tuple[str, str]] = {
    "elder_care": ("助老服务", "elder care"),
    "child_care": ("儿童关爱", "child care"),
    "civilised_practice": ("文明实践", "civilised practice"),
    "environment": ("环境整治", "environment"),
    "patrol": ("巡逻", "patrol"),
    "policy_advice": ("政策宣讲", "policy advice"),
    "culture": ("文化", "culture"),
    "flood_duty": ("防汛值守", "flood duty"),
    "goods_blue": ("蓝色·物品类", "blue, goods"),
    "convenience_yellow": ("黄色·便民类", "yellow, convenience"),
    "urgent_red": ("红色·急难类", "red, urgent"),
    "spent": ("家人按您的同意使用了您的积分", "your household spent, as you agreed,"),
    "gift": ("家人赠与您积分", "your household gave you"),
    "reversal": ("冲正", "a record was reversed"),
    "adjustment": ("人工调整", "adjusted by hand"),
    "import": ("纸质存折转入", "brought forward from a paper book"),
    "repayment": ("抵扣欠分", "owed points were repaid"),
    "grant": ("社区积分池帮扶您积分", "the community's pool gave you"),
    "dismissed": ("异议不成立，公示期满即入账", "dismissed: the points count after the notice"),
    "points": ("积分", "points"),
    "time_coins": ("时间币", "time coins"),
    "timeout": ("逾期未领", "was not collected in time"),
    "cancelled": ("您已取消", "was cancelled by you"),
    "expired": ("对方收到时已过有效期", "it came too late"),
    "peer_inactive": ("对方已暂停往来", "exchange is suspended there"),
    "unknown_resident": ("对方没有这个居民编号", "that number is not known there"),
    "transfer_max": ("超过对方每笔上限", "it was more than one transfer may carry there"),
    "month_max": ("超过对方每月上限", "it was more than a month allows there"),
    "balance_max": ("超过对方持有上限", "it was more than may be held there"),
    "lot_ended": ("有时间币已到期", "some of the coins had ended"),
    "cancelled_by_staff": ("窗口已取消", "was cancelled at the counter"),
    "upheld": ("异议成立，这笔积分已撤销", "upheld: these points were taken back"),
}
# What is added only where there is something to say: of which value, and how.
_NOTES: Mapping[str, tuple[str, tuple[str, str]]] = {
    "cap_note": ("caps_hit", ("（已达到积分上限）", " (a cap was reached)")),
    "pending_note": (
        "points_pending",
        ("（另有 {} 分公示期满后入账）", " ({} more wait for the end of their public notice)"),
    ),
}
_CODED = frozenset({"activity_kind", "colour", "outcome", "way", "asset", "reason"})
_MOMENTS = frozenset({"accepted_at", "delivered_at", "due_at", "collected_at"})
_DAYS = frozenset({"on_date", "ends_on"})


class UnknownPlaceholder(Rejected):
    """A template asks for something that a notice of its kind does not carry."""

    def __init__(self, kind: Kind, names: frozenset[str]) -> None:
        listed = ", ".join(sorted(names))
        super().__init__(
            "unknown_placeholder",
            f"模板 {kind} 用了没有的占位符：{listed}",
            f"template {kind} uses placeholders that do not exist: {listed}",
            pointer="/body",
        )


class MissingPlaceholder(Rejected):
    """The notice lacks a value that its template needs."""

    def __init__(self, name: str) -> None:
        super().__init__(
            "missing_placeholder",
            f"通知缺少占位符 {name} 的值",
            f"the notice has no value for placeholder {name}",
        )


def title(kind: Kind, language: str) -> str:
    """The heading of a notice."""
    return _TITLES[kind][LANGUAGES.index(language)]


def placeholders(body: str) -> frozenset[str]:
    """The names in braces."""
    return frozenset(_placeholder.findall(body))


def check_body(kind: Kind, channel: Channel, body: str) -> None:
    """Raise UnknownPlaceholder unless every notice of this kind can fill the body.

    An SMS may not hold the name: the vendor needs the number only.
    """
    known = PARAMS[kind] | _DERIVED.get(kind, frozenset())
    if channel is Channel.IN_APP:
        known |= {_NAME}
    if unknown := placeholders(body) - known:
        raise UnknownPlaceholder(kind, unknown)


def words(body: str, params: Mapping[str, object], language: str) -> dict[str, str]:
    """The values that a body's placeholders stand for, ready to be read; the name is not known.

    Raises MissingPlaceholder.
    """
    return {
        name: _word(name, params, language) for name in sorted(placeholders(body)) if name != _NAME
    }


def render(body: str, params: Mapping[str, object], language: str, name: str | None) -> str:
    """The text of a notice. Raises MissingPlaceholder."""
    values = words(body, params, language)
    values[_NAME] = name or ("居民" if language == "zh" else "Resident")
    return _placeholder.sub(lambda found: values[found[1]], body)


def _word(name: str, params: Mapping[str, object], language: str) -> str:
    chinese = language == "zh"
    if name in _NOTES:
        param, notes = _NOTES[name]
        return notes[0 if chinese else 1].format(params[param]) if params.get(param) else ""
    value = params.get(name)
    if value is None:
        raise MissingPlaceholder(name)
    text = str(value)
    if name in _CODED:
        return _WORDS[text][0 if chinese else 1] if text in _WORDS else text
    if name in _MOMENTS:
        moment = datetime.fromisoformat(text).astimezone(DISTRICT_TIMEZONE)
        return f"{_day(moment.date(), chinese=chinese)} {moment:%H:%M}"
    if name in _DAYS:
        return _day(date.fromisoformat(text), chinese=chinese)
    return text


def _day(day: date, *, chinese: bool) -> str:
    if chinese:
        return f"{day.year}年{day.month}月{day.day}日"
    return f"{day.day} {day:%B %Y}"


__all__ = [
    "ATTEMPTS_MAX",
    "CHANNELS",
    "LANGUAGES",
    "LEASE",
    "NOT_UNDERSTOOD",
    "PARAMS",
    "QUEUED_FOR",
    "TIMED_OUT",
    "TRANSITIONS",
    "UNREACHABLE",
    "WAITS_MAX",
    "Channel",
    "Disposition",
    "IllegalTransition",
    "Kind",
    "MissingPlaceholder",
    "Next",
    "State",
    "UnknownPlaceholder",
    "after_answer",
    "after_receipt",
    "after_waiting",
    "back_off",
    "back_off_limit",
    "check_body",
    "check_transition",
    "disposition",
    "placeholders",
    "render",
    "title",
    "words",
]
