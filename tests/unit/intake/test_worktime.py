"""The working calendar and office hours as files, held against an independent calendar."""

from __future__ import annotations

from datetime import date, timedelta

import chinese_calendar
import pytest

from services.intake.rules.worktime import (
    WorkTime,
    read_days,
    read_hours,
    write_days,
    write_hours,
)
from shared.errors import Rejected
from tests.unit.intake.test_clocks import SEEDS, WORK

DAYS = (SEEDS / "calendar.csv").read_text(encoding="utf-8")
HOURS = (SEEDS / "office_hours.csv").read_text(encoding="utf-8")


def test_the_calendar_of_2025_and_2026_is_the_state_councils() -> None:
    day = date(2025, 1, 1)
    wrong = []
    while day <= date(2026, 12, 31):
        ours = WORK.day(day).kind
        is_holiday, name = chinese_calendar.get_holiday_detail(day)
        theirs = "workday" if not is_holiday else "holiday" if name else "rest"
        if ours != theirs:
            wrong.append((day, ours, theirs))
        day += timedelta(days=1)
    assert not wrong
    assert (WORK.first_day, WORK.last_day) == (date(2025, 1, 1), date(2026, 12, 31))


def test_files_read_back_as_they_were_written() -> None:
    assert write_days(read_days(DAYS)) == DAYS
    assert write_hours(read_hours(HOURS)) == HOURS
    assert read_days("\ufeff" + DAYS.replace("\n", "\r\n")) == read_days(DAYS)


def test_hours_change_on_their_day() -> None:
    summer = HOURS + "2026-06-01,08:00,12:00\n2026-06-01,14:30,18:00\n"
    work = WorkTime(read_days(DAYS), read_hours(summer))
    assert [f"{opens:%H:%M}" for opens, _ in work.spans(date(2026, 5, 29))] == ["09:00", "13:00"]
    assert [f"{opens:%H:%M}" for opens, _ in work.spans(date(2026, 6, 1))] == ["08:00", "14:30"]


HEADING = "day,kind,name_zh,name_en\n"


@pytest.mark.parametrize(
    ("written", "pointer"),
    [
        ("", "/0"),
        ("day,kind\n", "/0"),
        (HEADING, ""),
        (HEADING + "2026-01-32,rest,,\n", "/1/day"),
        (HEADING + "2026-01-01,feast,,\n", "/1/kind"),
        (HEADING + "2026-01-01,rest,,\n2026-01-01,rest,,\n", "/2/day"),
        (HEADING + "2026-01-01,rest,,\n2026-01-03,rest,,\n", ""),
        (HEADING + f"2026-01-01,rest,{'长' * 41},\n", "/1/name_zh"),
    ],
)
def test_a_faulty_calendar_is_named_by_its_place(written: str, pointer: str) -> None:
    with pytest.raises(Rejected) as caught:
        read_days(written)
    assert caught.value.pointer == pointer


@pytest.mark.parametrize(
    "rows",
    [
        "2026-01-01,09:00,09:00",
        "2026-01-01,9,17:00",
        "2026-01-01,09:00,12:00\n2026-01-01,11:00,17:00",
    ],
)
def test_faulty_hours_are_refused(rows: str) -> None:
    with pytest.raises(Rejected):
        read_hours(f"valid_from,opens,closes\n{rows}\n")


def test_nothing_can_be_reckoned_without_days_or_hours() -> None:
    with pytest.raises(Rejected):
        WorkTime([], read_hours(HOURS))
    with pytest.raises(Rejected):
        WorkTime(read_days(DAYS), [])
