"""What limits are called, and why a deadline is when it is, in both languages. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Final, NamedTuple

from services.intake.rules.catalogue import Clock, Limit, Unit
from shared.clock import DISTRICT_TIMEZONE


class Words(NamedTuple):
    """The same in Chinese and in English."""

    zh: str
    en: str


CLOCKS: Final[Mapping[str, Words]] = {
    Clock.ACCEPT: Words("签收", "Accept"),
    Clock.CONTACT: Words("首次联系", "First contact"),
    Clock.RESOLVE: Words("办结", "Resolve"),
    Clock.CALL_BACK: Words("回访", "Call back"),
    Clock.RECTIFY: Words("差评整改", "Put right"),
}
WHOM: Final[Mapping[str, Words]] = {
    "handler": Words("承办人", "the handler"),
    "head": Words("单位负责人", "the unit's head"),
    "street": Words("街道督办", "the street's supervision"),
    "secretary": Words("书记榜", "the secretary's list"),
    "review": Words("挂账复核", "review"),
}
_UNITS: Final[Mapping[str, tuple[str, str]]] = {
    Unit.MINUTES: ("分钟", "minute"),
    Unit.URGENT_HOURS: ("紧急工作时", "emergency hour"),
    Unit.WORK_HOURS: ("工作时", "work hour"),
    Unit.WORK_DAYS: ("工作日", "work day"),
    Unit.HOURS: ("小时", "hour"),
    Unit.DAYS: ("天", "day"),
}
_WHY: Final[Mapping[str, Words]] = {
    "condition": Words("立案条件规定的时限", "the condition's own limit"),
    "tier": Words("等级规定的时限", "the tier's limit"),
    "urgency": Words("因紧急程度提前", "sooner, because it is urgent"),
    "resolve": Words("退回重办不得长于原时限", "no longer than it had at first"),
}


def limit_words(limit: Limit) -> Words:
    """4 个工作时 / 4 work hours."""
    zh, en = _UNITS[limit.unit]
    counter = "" if limit.unit in (Unit.MINUTES, Unit.DAYS) else "个"
    return Words(f"{limit.amount} {counter}{zh}", f"{limit.amount} {en}{_s(limit.amount)}")


def why_due(said: Mapping[str, Any]) -> list[Words]:
    """An explanation of `rules/clocks.py` as short sentences, in their order."""
    limit = limit_words(Limit(int(said["amount"]), Unit(said["unit"])))
    start, due = _minute(said["start"]), _minute(said["due"])
    told = [Words(f"自 {start} 起 {limit.zh}", f"From {start}, {limit.en}")]
    if (why := _WHY.get(str(said.get("why")))) is not None:
        told.append(why)
    if hours := said.get("hours"):
        told.append(Words(f"办公时间 {'、'.join(hours)}", f"Offices are open {', '.join(hours)}"))
    told += [_holiday(each) for each in said.get("holidays", [])]
    if rest := int(said.get("rest_days", 0)):
        told.append(
            Words(f"跳过休息日 {rest} 天", f"{rest} day{_s(rest)} of rest {_are(rest)} skipped")
        )
    if worked := said.get("worked"):
        days = [date.fromisoformat(each) for each in worked]
        zh = "、".join(f"{day.month}月{day.day}日" for day in days)
        told.append(Words(f"{zh}调休上班，计入", f"{', '.join(worked)} worked in lieu, counted"))
    if frozen := said.get("frozen"):
        told.append(_frozen(frozen))
    if extended := said.get("extended"):
        more = limit_words(Limit(int(extended), Unit(said["unit"])))
        told.append(Words(f"已延期 {more.zh}", f"Extended by {more.en}"))
    if beyond := said.get("beyond"):
        told.append(
            Words(
                f"工作日历只到 {beyond}，之后按周末休息推算",
                f"The calendar ends on {beyond}; after it weekends are taken as rest",
            )
        )
    told.append(Words(f"应于 {due} 前完成", f"Due by {due}"))
    return told


def _holiday(each: Mapping[str, Any]) -> Words:
    first, last = date.fromisoformat(each["first"]), date.fromisoformat(each["last"])
    days = int(each["days"])
    zh = f"{first.month}月{first.day}日"
    en = str(first)
    if last != first:
        zh += f"至{last.month}月{last.day}日"
        en += f" to {last}"
    return Words(
        f"跳过{each['name_zh']} {zh}（{days} 天）",
        f"{each['name_en'] or each['name_zh']}, {en}, skipped ({days} day{_s(days)})",
    )


def _frozen(frozen: list[list[str]]) -> Words:
    seconds = sum(
        int((datetime.fromisoformat(ended) - datetime.fromisoformat(begun)).total_seconds())
        for begun, ended in frozen
    )
    hours, minutes = divmod(seconds // 60, 60)
    return Words(
        f"暂停 {len(frozen)} 次，共 {hours} 小时 {minutes} 分，不计",
        f"Stood still {len(frozen)} time{_s(len(frozen))}, {hours} h {minutes} min, not counted",
    )


def _minute(written: str) -> str:
    at = datetime.fromisoformat(written).astimezone(DISTRICT_TIMEZONE)
    return f"{at:%Y-%m-%d %H:%M}"


def _s(count: int) -> str:
    return "" if count == 1 else "s"


def _are(count: int) -> str:
    return "is" if count == 1 else "are"
