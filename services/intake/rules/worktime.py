"""When offices are open: the working calendar with its days off in lieu, and office hours. Pure.

Beyond the calendar's last day Saturdays and Sundays count as rest days; whoever reckons with such
days is told (`covers`).
"""

from __future__ import annotations

import csv
import io
import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Final, Literal, NoReturn

from shared.clock import DISTRICT_TIMEZONE
from shared.errors import Rejected

Kind = Literal["workday", "rest", "holiday"]
KINDS: Final[tuple[Kind, ...]] = ("workday", "rest", "holiday")
DAYS_MAX: Final = 366 * 20
NAME_CHARACTERS_MAX: Final = 40
SPANS_MAX: Final = 6  # of office hours in one day
_SATURDAY: Final = 5
_ONE_DAY: Final = timedelta(days=1)
_DAY_COLUMNS: Final = ("day", "kind", "name_zh", "name_en")
_HOUR_COLUMNS: Final = ("valid_from", "opens", "closes")
_unwanted = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]").search

Span = tuple[datetime, datetime]


@dataclass(frozen=True, slots=True)
class Day:
    """A day of the calendar; named when it is a holiday, or is worked in place of one."""

    day: date
    kind: Kind
    name_zh: str = ""
    name_en: str = ""


@dataclass(frozen=True, slots=True)
class Hours:
    """Office hours of a workday from `valid_from` on, earliest span first, none overlapping."""

    valid_from: date
    spans: tuple[tuple[time, time], ...]


class WorkTime:
    """Answers for each day whether and when offices are open; instants are in the district's zone.

    Needs at least one workday and one span of hours; raises Rejected without.
    """

    def __init__(self, days: Iterable[Day], hours: Iterable[Hours]) -> None:
        self._days = {each.day: each for each in days}
        self._hours = sorted(hours, key=lambda each: each.valid_from)
        self._begins = [each.valid_from for each in self._hours]
        self._spans: dict[date, tuple[Span, ...]] = {}
        if not self._days or not self._hours:
            _refuse("", "工作日历或办公时间为空", "the calendar or the office hours are empty")
        self.first_day = min(self._days)
        self.last_day = max(self._days)

    def covers(self, day: date) -> bool:
        """Whether the calendar says what this day is; otherwise weekends are taken as rest."""
        return day in self._days

    def day(self, day: date) -> Day:
        """What a day is, by the calendar or, outside of it, by its weekday."""
        known = self._days.get(day)
        return known or Day(day, "rest" if day.weekday() >= _SATURDAY else "workday")

    def hours(self, day: date) -> tuple[tuple[time, time], ...]:
        """The office hours in force on a day, be it a workday or not."""
        place = bisect_right(self._begins, day)
        return self._hours[max(place - 1, 0)].spans

    def spans(self, day: date) -> tuple[Span, ...]:
        """When offices are open on a day; none on a day of rest."""
        known = self._spans.get(day)
        if known is None:
            is_open = self.day(day).kind == "workday"
            known = tuple(
                (
                    datetime.combine(day, opens, DISTRICT_TIMEZONE),
                    datetime.combine(day, closes, DISTRICT_TIMEZONE),
                )
                for opens, closes in (self.hours(day) if is_open else ())
            )
            self._spans[day] = known
        return known

    def open_spans(self, start: datetime) -> Iterator[Span]:
        """The spans from an instant on, without end; the first is cut where it has begun."""
        start = start.astimezone(DISTRICT_TIMEZONE)
        day = start.date()
        while True:
            for opens, closes in self.spans(day):
                if closes > start:
                    yield max(opens, start), closes
            day += _ONE_DAY

    def days(self) -> list[Day]:
        """The calendar's days in their order."""
        return [self._days[day] for day in sorted(self._days)]

    def periods(self) -> list[Hours]:
        """The office hours, the oldest first."""
        return list(self._hours)


def read_days(written: str) -> list[Day]:
    """Days of a CSV (day,kind,name_zh,name_en); raises Rejected naming row and column.

    No day is there twice and none is left out between the first and the last.
    """
    days: dict[date, Day] = {}
    for number, row in _rows(written, _DAY_COLUMNS):
        day = _date(row["day"], number, "day")
        if row["kind"] not in KINDS:
            listed = ", ".join(KINDS)
            _refuse(f"/{number}/kind", f"须为 {listed}", f"must be {listed}")
        if day in days:
            _refuse(f"/{number}/day", f"{day} 重复", f"{day} is there twice")
        days[day] = Day(
            day,
            next(kind for kind in KINDS if kind == row["kind"]),
            _name(row["name_zh"], number, "name_zh"),
            _name(row["name_en"], number, "name_en"),
        )
    if not days or len(days) > DAYS_MAX:
        _refuse("", f"须有 1 至 {DAYS_MAX} 天", f"must have 1 to {DAYS_MAX} days")
    first, last = min(days), max(days)
    for passed in range((last - first).days):
        if (day := first + timedelta(days=passed)) not in days:
            _refuse("", f"缺少 {day}，日历须逐日列全", f"{day} is missing: list every day")
    return [days[day] for day in sorted(days)]


def read_hours(written: str) -> list[Hours]:
    """Office hours of a CSV (valid_from,opens,closes); raises Rejected naming row and column."""
    found: dict[date, list[tuple[time, time]]] = {}
    for number, row in _rows(written, _HOUR_COLUMNS):
        valid_from = _date(row["valid_from"], number, "valid_from")
        opens, closes = (_time(row[name], number, name) for name in ("opens", "closes"))
        spans = found.setdefault(valid_from, [])
        if opens >= closes or (spans and opens < spans[-1][1]) or len(spans) >= SPANS_MAX:
            _refuse(
                f"/{number}/opens",
                f"时段须从早到晚、互不重叠，每天最多 {SPANS_MAX} 段",
                f"spans go from early to late, do not overlap, and are at most {SPANS_MAX} a day",
            )
        spans.append((opens, closes))
    if not found:
        _refuse("", "办公时间为空", "there are no office hours")
    return [Hours(valid_from, tuple(found[valid_from])) for valid_from in sorted(found)]


def write_days(days: Iterable[Day]) -> str:
    """The CSV that reads back as these days."""
    return _written(
        _DAY_COLUMNS, [[str(each.day), each.kind, each.name_zh, each.name_en] for each in days]
    )


def write_hours(periods: Iterable[Hours]) -> str:
    """The CSV that reads back as these hours."""
    return _written(
        _HOUR_COLUMNS,
        [
            [str(each.valid_from), f"{opens:%H:%M}", f"{closes:%H:%M}"]
            for each in periods
            for opens, closes in each.spans
        ],
    )


def _written(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    target = io.StringIO()
    writer = csv.writer(target, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return target.getvalue()


def _rows(written: str, columns: tuple[str, ...]) -> Iterator[tuple[int, dict[str, str]]]:
    rows = csv.DictReader(io.StringIO(written.removeprefix("\ufeff"), newline=""), strict=True)
    if missing := [name for name in columns if name not in (rows.fieldnames or ())]:
        _refuse("/0", f"第一行缺少列 {missing[0]}", f"column {missing[0]} is missing")
    try:
        for number, row in enumerate(rows, start=1):
            yield number, {name: (row[name] or "").strip() for name in columns}
    except csv.Error:
        _refuse("", "不是合格的 CSV", "this is not sound CSV")


def _date(written: str, number: int, column: str) -> date:
    try:
        return date.fromisoformat(written)
    except ValueError:
        _refuse(f"/{number}/{column}", "须为 YYYY-MM-DD", "must be YYYY-MM-DD")


def _time(written: str, number: int, column: str) -> time:
    try:
        at = time.fromisoformat(written)
    except ValueError:
        at = None
    if at is None or at.tzinfo is not None or at.second or at.microsecond:
        _refuse(f"/{number}/{column}", "须为 HH:MM", "must be HH:MM")
    return at


def _name(written: str, number: int, column: str) -> str:
    if len(written) > NAME_CHARACTERS_MAX or _unwanted(written):
        _refuse(
            f"/{number}/{column}",
            f"最多 {NAME_CHARACTERS_MAX} 个字符",
            f"at most {NAME_CHARACTERS_MAX} characters",
        )
    return written


def _refuse(pointer: str, zh: str, en: str) -> NoReturn:
    shown = pointer or "/"
    raise Rejected("calendar", f"日历 {shown}：{zh}", f"calendar, {shown}: {en}", pointer=pointer)
