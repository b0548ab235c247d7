"""巡查: what a spot asks of a visit, when the next is due, and which reading is too high. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from services.intake.rules.alerts import Level
from shared.errors import Rejected

KINDS: Final = ("low_lying", "station", "school", "river", "slope", "site", "other")
ALARM_CAUSES: Final = ("missed", "raised")
"""Nobody came in time; or a higher level made the spot overdue at the moment it was proclaimed."""

# Site configuration to begin with: `patrol_intervals` holds what is in force, with its dates.
MINUTES: Final[Mapping[Level, int]] = {
    Level.NORMAL: 1440,
    Level.BLUE: 240,
    Level.YELLOW: 120,
    Level.ORANGE: 60,
    Level.RED: 30,
}
MINUTES_MIN, MINUTES_MAX = 5, 44_640  # a month
READING_MAX: Final = 1_000_000  # whole units
NOTE_CHARACTERS_MAX: Final = 1000
LATE_SYNC_MAX: Final = timedelta(days=7)
AHEAD_MAX: Final = timedelta(minutes=5)  # of a phone's clock

_code = re.compile(r"[a-z0-9_]{1,32}").fullmatch
_spot_code = re.compile(r"[A-Za-z0-9_-]{1,32}").fullmatch
_whole = re.compile(r"-?[0-9]{1,7}").fullmatch


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What is measured at a spot, in whole units; from `urgent_from` on it opens a request."""

    code: str
    zh: str
    en: str
    unit: str
    urgent_from: int | None = None
    critical_from: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One point of a spot's checklist."""

    code: str
    zh: str
    en: str


_DEPTH = Reading(code="water_depth", zh="积水深度", en="Water depth", unit="cm",
                 urgent_from=15, critical_from=30)  # fmt: skip
_LEVEL = Reading(code="water_level", zh="水位", en="Water level", unit="cm",
                 urgent_from=150, critical_from=200)  # fmt: skip
_CROWD = Reading(code="people", zh="滞留人数", en="People waiting", unit="人",
                 urgent_from=200, critical_from=500)  # fmt: skip

# What a new spot of a kind begins with; a spot may have its own.
DEFAULTS: Final[Mapping[str, tuple[tuple[Check, ...], tuple[Reading, ...]]]] = {
    "low_lying": (
        (Check(code="drain", zh="雨水口通畅", en="Drains are clear"),
         Check(code="sign", zh="警示牌完好", en="Warning signs stand"),
         Check(code="gear", zh="沙袋挡板到位", en="Sandbags and boards are there")),
        (_DEPTH,),
    ),
    "river": (
        (Check(code="bank", zh="堤岸无渗漏", en="Banks do not leak"),
         Check(code="rail", zh="护栏完好", en="Railings are sound")),
        (_LEVEL,),
    ),
    "station": (
        (Check(code="exit", zh="出口通畅", en="Exits are free"),
         Check(code="order", zh="秩序良好", en="Order is good")),
        (_CROWD,),
    ),
    "school": (
        (Check(code="gate", zh="校门口通畅", en="The gate is free"),
         Check(code="crossing", zh="过街安全", en="The crossing is safe")),
        (_DEPTH,),
    ),
    "slope": (
        (Check(code="cracks", zh="无新裂缝", en="No new cracks"),
         Check(code="stones", zh="无落石", en="No fallen stones")),
        (),
    ),
    "site": ((Check(code="fence", zh="围挡完好", en="The fence is sound"),), ()),
    "other": ((), ()),
}  # fmt: skip


# The catalogue's word for what a high reading of a kind of spot means.
CATEGORIES: Final[Mapping[str, str]] = {"low_lying": "0406", "school": "0406", "river": "0406"}
CATEGORY_ELSE: Final = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewVisit:
    """What a phone says of one visit; `client_id` is the phone's own id: safe to repeat."""

    client_id: str
    spot_code: str
    visited_at: datetime
    checks: Mapping[str, bool] = field(default_factory=dict)
    readings: Mapping[str, int] = field(default_factory=dict)
    note: str = ""
    needs_work: bool = False


@dataclass(frozen=True, slots=True)
class Exceeded:
    """A reading that reached its threshold."""

    reading: Reading
    value: int
    urgency: str


def due_after(visited_at: datetime, minutes: int, now: datetime) -> datetime:
    """When the next visit is due: never later than one interval from now."""
    return min(visited_at, now) + timedelta(minutes=minutes)


def exceeded(readings: Sequence[Reading], values: Mapping[str, int]) -> list[Exceeded]:
    """The readings that reached a threshold, the most urgent first."""
    found = []
    for each in readings:
        value = values.get(each.code)
        if value is None:
            continue
        if each.critical_from is not None and value >= each.critical_from:
            found.append(Exceeded(each, value, "critical"))
        elif each.urgent_from is not None and value >= each.urgent_from:
            found.append(Exceeded(each, value, "urgent"))
    return sorted(found, key=lambda one: one.urgency)  # "critical" < "urgent"


def check_visit(
    new: NewVisit, checks: Sequence[Check], readings: Sequence[Reading], now: datetime
) -> None:
    """Raises Rejected naming the field."""
    if not 1 <= len(new.client_id) <= 128:
        raise _wrong("client_id", "须为 1 至 128 个字符", "must have 1 to 128 characters")
    if new.visited_at > now + AHEAD_MAX:
        raise _wrong("visited_at", "在未来，请校准手机时间", "is ahead: set the phone's clock")
    if new.visited_at < now - LATE_SYNC_MAX:
        raise _wrong("visited_at", "早于 7 天前，请改用纸质补录", "is older than 7 days")
    if len(new.note) > NOTE_CHARACTERS_MAX or "\x00" in new.note:
        raise _wrong(
            "note",
            f"不得超过 {NOTE_CHARACTERS_MAX} 个字符",
            f"at most {NOTE_CHARACTERS_MAX} characters",
        )
    if new.needs_work and not new.note.strip():
        raise _wrong("note", "需要处置时请写明情况", "say what needs to be done")
    for code in new.checks.keys() - {each.code for each in checks}:
        raise _wrong(f"checks/{code}", "这个点位没有此项", "this spot has no such point")
    for code in new.readings.keys() - {each.code for each in readings}:
        raise _wrong(f"readings/{code}", "这个点位没有此读数", "this spot has no such reading")
    for code, value in new.readings.items():
        if not -READING_MAX <= value <= READING_MAX:
            raise _wrong(f"readings/{code}", "数值超出范围", "is out of range")


def read_whole(name: str, typed: str) -> int | None:
    """A whole number as typed; None for nothing. Raises Rejected naming the field."""
    given = typed.strip()
    if not given:
        return None
    if not _whole(given):
        raise _wrong(name, "须为整数，例如 15", "must be a whole number, such as 15")
    return int(given)


def read_checks(stored: Sequence[Mapping[str, Any]]) -> tuple[Check, ...]:
    """A spot's checklist as stored, or as a file brings it; raises Rejected."""
    try:
        made = tuple(Check(**one) for one in stored)
    except TypeError as problem:
        raise _wrong("checks", "每项须有 code、zh、en", "each needs code, zh, en") from problem
    _codes("checks", [one.code for one in made])
    return made


def read_readings(stored: Sequence[Mapping[str, Any]]) -> tuple[Reading, ...]:
    """A spot's readings as stored, or as a file brings them; raises Rejected."""
    try:
        made = tuple(Reading(**one) for one in stored)
    except TypeError as problem:
        raise _wrong(
            "readings", "每项须有 code、zh、en、unit", "each needs code, zh, en, unit"
        ) from problem
    _codes("readings", [one.code for one in made])
    for one in made:
        if (
            one.urgent_from is not None
            and one.critical_from is not None
            and one.critical_from < one.urgent_from
        ):
            raise _wrong(
                "readings", "特急阈值不得低于紧急阈值", "critical_from must reach urgent_from"
            )
    return made


def check_spot_code(code: str) -> str:
    """Letters, digits, - and _; raises Rejected."""
    if not _spot_code(code):
        raise _wrong("spot_code", "须为 1 至 32 个字母、数字、- 或 _", "letters, digits, - and _")
    return code


def check_minutes(minutes: int | None) -> int:
    """An interval in minutes; raises Rejected."""
    if minutes is None or not MINUTES_MIN <= minutes <= MINUTES_MAX:
        raise _wrong(
            "minutes",
            f"须为 {MINUTES_MIN} 至 {MINUTES_MAX} 分钟",
            f"must be {MINUTES_MIN} to {MINUTES_MAX} minutes",
        )
    return minutes


def _codes(name: str, codes: Sequence[str]) -> None:
    if len(set(codes)) < len(codes) or not all(
        isinstance(each, str) and _code(each) for each in codes
    ):
        raise _wrong(
            name, "代码须为小写字母、数字、下划线，且不重复", "codes: a-z, 0-9, _, each once"
        )


def _wrong(name: str, zh: str, en: str) -> Rejected:
    return Rejected("patrol", f"{name}：{zh}", f"{name}: {en}", pointer=f"/{name}")
