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
from services.notify.rules.words import WORDS
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
    REQUEST_DECLINED = "request_declined"
    REQUEST_ASKED = "request_asked"
    REQUEST_RESOLVED = "request_resolved"
    REQUEST_CLOSED = "request_closed"
    REQUEST_REOPENED = "request_reopened"
    REQUEST_EXTENDED = "request_extended"
    REQUEST_MERGED = "request_merged"
    REQUEST_REFERRED = "request_referred"
    REQUEST_SHELVED = "request_shelved"
    WISH_MOVED = "wish_moved"
    HALL_MOVED = "hall_moved"


class Channel(StrEnum):
    """How a resident is told. The inbox row is its own delivery; an SMS has a delivery row."""

    IN_APP = "in_app"
    SMS = "sms"


# Credits come by the thousand and cost the district nothing in the inbox; an SMS costs money.
CHANNELS: Mapping[Kind, tuple[Channel, ...]] = {
    Kind.REQUEST_RECEIPT: (Channel.IN_APP, Channel.SMS),
    Kind.REQUEST_DECLINED: (Channel.IN_APP, Channel.SMS),
    Kind.REQUEST_ASKED: (Channel.IN_APP, Channel.SMS),
    Kind.REQUEST_RESOLVED: (Channel.IN_APP, Channel.SMS),
    Kind.REQUEST_CLOSED: (Channel.IN_APP,),
    Kind.REQUEST_REOPENED: (Channel.IN_APP,),
    Kind.REQUEST_EXTENDED: (Channel.IN_APP,),
    Kind.REQUEST_MERGED: (Channel.IN_APP,),
    Kind.REQUEST_REFERRED: (Channel.IN_APP,),
    Kind.REQUEST_SHELVED: (Channel.IN_APP,),
    Kind.WISH: (Channel.IN_APP, Channel.SMS),
    Kind.WISH_MOVED: (Channel.IN_APP,),
    Kind.HALL_MOVED: (Channel.IN_APP,),
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
    Kind.REQUEST_DECLINED: frozenset({"request_no", "reason"}),
    Kind.REQUEST_ASKED: frozenset({"request_no"}),
    Kind.REQUEST_RESOLVED: frozenset({"request_no", "reason", "answer_path"}),
    Kind.REQUEST_CLOSED: frozenset({"request_no"}),
    Kind.REQUEST_REOPENED: frozenset({"request_no", "due_at"}),
    Kind.REQUEST_EXTENDED: frozenset({"request_no", "due_at"}),
    Kind.REQUEST_MERGED: frozenset({"request_no"}),
    Kind.REQUEST_REFERRED: frozenset({"request_no", "reason"}),
    Kind.REQUEST_SHELVED: frozenset({"request_no", "reason"}),
    Kind.WISH: frozenset({"wish_code", "colour", "delivered_at"}),
    Kind.WISH_MOVED: frozenset({"wish_code", "colour", "way", "moved_at"}),
    Kind.HALL_MOVED: frozenset({"hall_no", "way", "on_date"}),
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
    Kind.POINTS_CREDITED: frozenset({"cap_note", "pending_note"}),
    Kind.REQUEST_DECLINED: frozenset({"reason_note"}),
    Kind.REQUEST_RESOLVED: frozenset({"reason_note", "verdict_note"}),
    Kind.REQUEST_REFERRED: frozenset({"reason_note"}),
    Kind.REQUEST_SHELVED: frozenset({"reason_note"}),
    Kind.REQUEST_REOPENED: frozenset({"due_note"}),
    Kind.REQUEST_EXTENDED: frozenset({"due_note"}),
}

_TITLES: Mapping[Kind, tuple[str, str]] = {
    Kind.REQUEST_RECEIPT: ("诉求已受理", "Request received"),
    Kind.REQUEST_DECLINED: ("诉求未予受理", "Request not admitted"),
    Kind.REQUEST_ASKED: ("请补充情况", "More is needed"),
    Kind.REQUEST_RESOLVED: ("诉求已办理", "Request handled"),
    Kind.REQUEST_CLOSED: ("诉求已结案", "Request closed"),
    Kind.REQUEST_REOPENED: ("诉求重新办理", "Request handled again"),
    Kind.REQUEST_EXTENDED: ("诉求延期办理", "Request needs more time"),
    Kind.REQUEST_MERGED: ("诉求合并办理", "Request joined with others"),
    Kind.REQUEST_REFERRED: ("诉求已转交", "Request passed on"),
    Kind.REQUEST_SHELVED: ("诉求暂缓办理", "Request put off"),
    Kind.WISH: ("微心愿已实现", "Wish fulfilled"),
    Kind.WISH_MOVED: ("微心愿有消息", "News of a wish"),
    Kind.HALL_MOVED: ("大厅事项有消息", "News from the hall"),
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
# What is added only where there is something to say: of which value, and how.
_NOTES: Mapping[str, tuple[str, tuple[str, str]]] = {
    "cap_note": ("caps_hit", ("（已达到积分上限）", " (a cap was reached)")),
    "pending_note": (
        "points_pending",
        ("（另有 {} 分公示期满后入账）", " ({} more wait for the end of their public notice)"),
    ),
    "verdict_note": (
        "answer_path",
        ("办好了没有？请点 {} 评单", " Is it done? Please say so at {}"),
    ),
    "reason_note": ("reason", ("：{}", ": {}")),
    "due_note": ("due_at", ("，期限 {}", ", to be done by {}")),
}
_CODED = frozenset({"activity_kind", "colour", "outcome", "way", "asset", "reason"})
_MOMENTS = frozenset({"moved_at", "accepted_at", "delivered_at", "due_at", "collected_at"})
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
        if not params.get(param):
            return ""
        return notes[0 if chinese else 1].format(_shown(param, str(params[param]), language))
    value = params.get(name)
    if value is None:
        raise MissingPlaceholder(name)
    return _shown(name, str(value), language)


def _shown(name: str, text: str, language: str) -> str:
    """A value as people read it: a code by its word, an instant by the district's clock."""
    chinese = language == "zh"
    if name in _CODED:
        return WORDS[text][0 if chinese else 1] if text in WORDS else text
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
