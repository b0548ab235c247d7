"""The gate's checks in their order; the first that fails is the verdict.

too_large, malformed, source_mismatch, unsupported_type, in_future, agreement_inactive,
not_entitled, schema. What needs the register or earlier events (unknown_resident, id_conflict,
duplicate) follows in actions/gate.py, in the same order for all.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any

from services.intake.rules.items import ITEM_BYTES_MAX, Item
from shared.clock import local_date
from shared.schemas import PARTNER_TYPES, SchemaProblem, load, parse_time

FUTURE_MAX = timedelta(minutes=5)
SHOWN_MAX = 512  # characters of an id, source or type that are kept, whatever came


class Reason(StrEnum):
    """Why an event is rejected; the words partners read."""

    TOO_LARGE = "too_large"
    MALFORMED = "malformed"
    SOURCE_MISMATCH = "source_mismatch"
    UNSUPPORTED_TYPE = "unsupported_type"
    IN_FUTURE = "in_future"
    AGREEMENT_INACTIVE = "agreement_inactive"
    NOT_ENTITLED = "not_entitled"
    SCHEMA = "schema"
    UNKNOWN_RESIDENT = "unknown_resident"
    ID_CONFLICT = "id_conflict"
    QUOTA_EXCEEDED = "quota_exceeded"


@dataclass(frozen=True, slots=True)
class Terms:
    """What a partner may post, as of now; `system` None means that no terms are known yet."""

    slug: str
    is_active: bool
    system: str | None
    valid_from: date | None
    valid_to: date | None
    event_types: frozenset[str]
    per_minute: int = 0
    per_day: int = 0


@dataclass(frozen=True, slots=True)
class Refusal:
    """A rejection in words: detail is Chinese / English, pointer an RFC 6901 place."""

    reason: Reason
    detail: str
    pointer: str | None = None


@dataclass(frozen=True, slots=True)
class Home:
    """Where the resident belongs whom an event names."""

    household_no: str
    community_code: str


@dataclass(slots=True)
class Judged:
    """An item with what the checks found; actions/gate.py completes it."""

    item: Item
    partner: str
    event_id: str
    source: str
    type: str
    time: datetime | None = None
    data: dict[str, Any] = field(default_factory=dict)
    refusal: Refusal | None = None
    is_duplicate: bool = False
    home: Home | None = None


def judge(item: Item, terms: Terms, now: datetime) -> Judged:
    """Everything that can be said of an item without looking at the register."""
    attributes = item.attributes
    judged = Judged(
        item,
        terms.slug,
        _shown(attributes.get("id")),
        _shown(attributes.get("source")),
        _shown(attributes.get("type")),
    )
    if item.is_too_large:
        judged.refusal = _refuse(
            Reason.TOO_LARGE,
            f"事件超过 {ITEM_BYTES_MAX} 字节，请精简后重发",
            f"the event exceeds {ITEM_BYTES_MAX} bytes: send a smaller one",
        )
    elif item.problem is not None:
        judged.refusal = _refuse(
            Reason.MALFORMED, item.problem.zh, item.problem.en, item.problem.pointer
        )
    else:
        judged.time = parse_time(attributes["time"])
        judged.refusal = _against_terms(judged, terms, now) or _load(judged)
    return judged


def _against_terms(judged: Judged, terms: Terms, now: datetime) -> Refusal | None:
    wanted = f"/partners/{terms.slug}/{terms.system or ''}"
    if judged.source != wanted:
        return _refuse(
            Reason.SOURCE_MISMATCH, f"source 须为 {wanted}", f"source must be {wanted}", "/source"
        )
    if judged.type not in PARTNER_TYPES:
        return _refuse(
            Reason.UNSUPPORTED_TYPE,
            "不支持这种事件类型",
            "this event type is not supported",
            "/type",
        )
    assert judged.time is not None
    if judged.time > now + FUTURE_MAX:
        return _refuse(
            Reason.IN_FUTURE,
            "time 比现在晚 5 分钟以上，请校准时钟",
            "time is more than 5 minutes ahead: set your clock",
            "/time",
        )
    return _against_agreement(judged, terms)


def _against_agreement(judged: Judged, terms: Terms) -> Refusal | None:
    assert judged.time is not None
    on = local_date(judged.time)
    if (
        not terms.is_active
        or terms.valid_from is None
        or terms.valid_to is None
        or not terms.valid_from <= on <= terms.valid_to
    ):
        return _refuse(
            Reason.AGREEMENT_INACTIVE,
            f"合作意向书不覆盖 {on}，请联系社区续签",
            f"the agreement does not cover {on}: ask the district to renew it",
            "/time",
        )
    if judged.type not in terms.event_types:
        return _refuse(
            Reason.NOT_ENTITLED,
            "合作意向书未列入这种事件类型",
            "the agreement does not name this event type",
            "/type",
        )
    return None


def _load(judged: Judged) -> Refusal | None:
    try:
        judged.data = load(judged.type, judged.item.data)
    except SchemaProblem as problem:
        return _refuse(Reason.SCHEMA, problem.zh, problem.en, problem.pointer)
    return None


def _refuse(reason: Reason, zh: str, en: str, pointer: str | None = None) -> Refusal:
    return Refusal(reason, f"{zh} / {en}", pointer)


def unknown_resident() -> Refusal:
    """The register does not have this resident."""
    return _refuse(
        Reason.UNKNOWN_RESIDENT,
        "登记册中没有这位居民，请核对编号",
        "the register has no such resident: check the number",
        "/data/resident_no",
    )


def id_conflict() -> Refusal:
    """The id was accepted before with other content."""
    return _refuse(
        Reason.ID_CONFLICT,
        "同一 id 的事件内容不同，更正请用新的 id",
        "another event has this id: use a new id for a correction",
        "/id",
    )


def quota_exceeded() -> Refusal:
    """The partner has used up its minute or its day."""
    return _refuse(
        Reason.QUOTA_EXCEEDED, "超出配额，请稍后重发", "the quota is used up: send it again later"
    )


def _shown(value: object) -> str:
    """An attribute of whatever came, made safe to store; empty when there is none."""
    if not isinstance(value, str):
        return ""
    if len(value) <= SHOWN_MAX and value.isprintable():  # nearly always, and far quicker
        return value
    return "".join(c for c in value[:SHOWN_MAX] if c >= " " and not "\ud800" <= c <= "\udfff")
