"""When a limit runs out: an instant and its explanation, from start, limit and calendar. Pure.

What is counted: minutes, emergency hours (紧急工作时), calendar hours and days go on by day and
night; work hours and work days only while offices are open. A limit of n work days ends when
offices close on the n-th workday after the day it began on. Time that is frozen counts for
nothing. Everything is in whole seconds.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, Final

from services.intake.rules.catalogue import Limit, Unit
from services.intake.rules.worktime import WorkTime
from shared.clock import DISTRICT_TIMEZONE

_SECONDS: Final = {
    Unit.MINUTES: 60,
    Unit.URGENT_HOURS: 3600,
    Unit.WORK_HOURS: 3600,
    Unit.HOURS: 3600,
    Unit.DAYS: 86400,
}
_IN_OFFICE: Final = frozenset({Unit.WORK_HOURS, Unit.WORK_DAYS})
_SHOWN_MAX: Final = 12  # holidays that an explanation names

Freeze = tuple[datetime, datetime]


@dataclass(frozen=True, slots=True)
class Due:
    """When a limit runs out, all that it counts in seconds, and why."""

    at: datetime
    total_s: int
    explanation: dict[str, Any]


def whole(at: datetime) -> datetime:
    """The second that an instant is in, in the district's zone."""
    return at.astimezone(DISTRICT_TIMEZONE).replace(microsecond=0)


def due_of(work: WorkTime, start: datetime, limit: Limit, freezes: Sequence[Freeze] = ()) -> Due:
    """When a limit that began at `start` runs out, not counting the freezes (in their order)."""
    start = whole(start)
    total_s = total_of(work, start, limit)
    since, left_s, counted = start, total_s, []
    for frozen, thawed in freezes:
        begun, ended = max(whole(frozen), since), whole(thawed)
        used_s = counted_s(work, limit.unit, since, begun)
        if used_s >= left_s or ended <= begun:
            continue
        left_s -= used_s
        since = ended
        counted.append((begun, ended))
    at = runs_out(work, limit.unit, since, left_s)
    return Due(at, total_s, explain(work, start, limit, at, counted))


def total_of(work: WorkTime, start: datetime, limit: Limit) -> int:
    """How many seconds of what its unit counts a limit has when it begins at `start`."""
    if limit.unit is not Unit.WORK_DAYS:
        return limit.amount * _SECONDS[limit.unit]
    day = whole(start).date()
    left = limit.amount
    while left:
        day += timedelta(days=1)
        left -= bool(work.spans(day))
    return counted_s(work, limit.unit, start, work.spans(day)[-1][1])


def counted_s(work: WorkTime, unit: Unit, start: datetime, end: datetime) -> int:
    """The seconds between two instants that a unit counts; none when `end` is not later."""
    start, end = whole(start), whole(end)
    if end <= start:
        return 0
    if unit not in _IN_OFFICE:
        return _seconds(end - start)
    total_s = 0
    for opens, closes in work.open_spans(start):
        if opens >= end:
            break
        total_s += _seconds(min(closes, end) - opens)
    return total_s


def runs_out(work: WorkTime, unit: Unit, since: datetime, left_s: int) -> datetime:
    """When `left_s` counted seconds have gone by since an instant."""
    since = whole(since)
    left_s = max(left_s, 0)
    if unit not in _IN_OFFICE:
        return since + timedelta(seconds=left_s)
    at = since
    for opens, closes in work.open_spans(since):
        at = opens + timedelta(seconds=left_s)
        if at <= closes:
            break
        left_s -= _seconds(closes - opens)
    # Work days end with the day, so that nobody is late at eleven in the morning.
    return work.spans(at.date())[-1][1] if unit is Unit.WORK_DAYS else at


def part_of(
    work: WorkTime, unit: Unit, since: datetime, used_s: int, total_s: int, percent: int
) -> datetime:
    """When a clock that had used so much at `since` will have counted `percent` of its total.

    More than 100 goes on counting past the end in the same way.
    """
    wanted_s = total_s * percent // 100
    measure = Unit.WORK_HOURS if unit is Unit.WORK_DAYS else unit
    return runs_out(work, measure, since, wanted_s - used_s)


def explain(
    work: WorkTime, start: datetime, limit: Limit, at: datetime, frozen: Iterable[Freeze] = ()
) -> dict[str, Any]:
    """Why a limit runs out when it does: codes and numbers, for `rules/clock_words.py`."""
    start, at = whole(start), whole(at)
    said: dict[str, Any] = {
        "amount": limit.amount,
        "unit": str(limit.unit),
        "start": start.isoformat(),
        "due": at.isoformat(),
    }
    if frozen := list(frozen):
        said["frozen"] = [[begun.isoformat(), ended.isoformat()] for begun, ended in frozen]
    if limit.unit in _IN_OFFICE:
        said |= _in_office(work, start, at)
    return said


class Reckoner:
    """Reckons with one calendar; what a batch asks again and again is reckoned once."""

    def __init__(self, work: WorkTime) -> None:
        self.work = work
        self._dues: dict[tuple[datetime, Limit], Due] = {}
        self._parts: dict[tuple[Unit, datetime, int, int, int], datetime] = {}

    def due(self, start: datetime, limit: Limit) -> Due:
        """`due_of` without freezes."""
        if (known := self._dues.get((start, limit))) is None:
            known = self._dues[start, limit] = due_of(self.work, start, limit)
        return known

    def part(
        self, unit: Unit, since: datetime, used_s: int, total_s: int, percent: int
    ) -> datetime:
        """`part_of`."""
        key = (unit, since, used_s, total_s, percent)
        if (known := self._parts.get(key)) is None:
            known = self._parts[key] = part_of(self.work, *key)
        return known


def _in_office(work: WorkTime, start: datetime, at: datetime) -> dict[str, Any]:
    first, last = start.date(), at.date()
    days = [work.day(first + timedelta(days=passed)) for passed in range((last - first).days + 1)]
    holidays: list[dict[str, Any]] = []
    for day in days:
        if day.kind != "holiday":
            continue
        newest = holidays[-1] if holidays else None
        is_next = newest is not None and newest["name_zh"] == day.name_zh
        if newest is not None and is_next and (day.day - newest["last"]).days == 1:
            newest["last"], newest["days"] = day.day, newest["days"] + 1
        else:
            holidays.append(
                {"name_zh": day.name_zh, "name_en": day.name_en, "first": day.day,
                 "last": day.day, "days": 1}
            )  # fmt: skip
    said: dict[str, Any] = {
        "hours": [f"{opens:%H:%M}–{closes:%H:%M}" for opens, closes in work.hours(first)],
        "holidays": [
            {**each, "first": str(each["first"]), "last": str(each["last"])}
            for each in islice(holidays, _SHOWN_MAX)
        ],
        "rest_days": sum(day.kind == "rest" for day in days),
        "worked": [str(day.day) for day in days if day.kind == "workday" and day.name_zh][
            :_SHOWN_MAX
        ],
    }
    if not (work.covers(first) and work.covers(last)):
        said["beyond"] = str(work.last_day)
    return said


def _seconds(length: timedelta) -> int:
    return length.days * 86400 + length.seconds
