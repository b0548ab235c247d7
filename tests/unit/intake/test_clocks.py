"""When a limit runs out: a table of cases on the calendar of 2025 and 2026."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

import services.intake
from services.intake.rules.catalogue_file import read_limit
from services.intake.rules.clocks import due_of, part_of
from services.intake.rules.worktime import WorkTime, read_days, read_hours
from shared.clock import DISTRICT_TIMEZONE

SEEDS = Path(services.intake.__path__[0]) / "seeds"
WORK = WorkTime(
    read_days((SEEDS / "calendar.csv").read_text(encoding="utf-8")),
    read_hours((SEEDS / "office_hours.csv").read_text(encoding="utf-8")),
)


def at(written: str) -> datetime:
    return datetime.fromisoformat(written).replace(tzinfo=DISTRICT_TIMEZONE)


# Offices are open from 9:00 to 12:00 and from 13:00 to 17:00.
CASES = [
    # minutes, emergency hours, calendar hours and days: by day and night
    ("2026-10-21 10:00", "30 minutes", "2026-10-21 10:30"),
    ("2026-10-21 23:59", "30 minutes", "2026-10-22 00:29"),
    ("2026-12-31 23:59", "30 minutes", "2027-01-01 00:29"),
    ("2026-10-21 23:59", "2 urgent_hours", "2026-10-22 01:59"),
    ("2026-02-14 23:59", "24 urgent_hours", "2026-02-15 23:59"),
    ("2026-02-16 08:00", "2 urgent_hours", "2026-02-16 10:00"),
    ("2026-10-01 00:00", "24 urgent_hours", "2026-10-02 00:00"),
    ("2026-02-14 16:00", "24 hours", "2026-02-15 16:00"),
    ("2026-02-28 12:00", "48 hours", "2026-03-02 12:00"),
    ("2026-02-13 16:30", "7 days", "2026-02-20 16:30"),
    ("2026-12-25 09:00", "15 days", "2027-01-09 09:00"),
    ("2025-02-22 23:59", "7 days", "2025-03-01 23:59"),
    # work hours inside a day
    ("2026-10-21 09:00", "2 work_hours", "2026-10-21 11:00"),
    ("2026-10-21 11:00", "2 work_hours", "2026-10-21 14:00"),
    ("2026-10-21 09:00", "3 work_hours", "2026-10-21 12:00"),
    ("2026-10-21 12:00", "1 work_hours", "2026-10-21 14:00"),
    ("2026-10-21 12:30", "1 work_hours", "2026-10-21 14:00"),
    ("2026-10-21 10:00", "6 work_hours", "2026-10-21 17:00"),
    ("2026-10-21 00:00", "7 work_hours", "2026-10-21 17:00"),
    # over a night
    ("2026-10-21 16:00", "2 work_hours", "2026-10-22 10:00"),
    ("2026-10-21 17:00", "1 work_hours", "2026-10-22 10:00"),
    ("2026-10-21 23:59", "1 work_hours", "2026-10-22 10:00"),
    ("2026-10-21 16:59", "1 work_hours", "2026-10-22 09:59"),
    # over a weekend, and over one that is worked
    ("2026-10-23 16:00", "4 work_hours", "2026-10-26 12:00"),
    ("2026-10-24 10:00", "4 work_hours", "2026-10-26 14:00"),
    ("2026-10-25 23:59", "7 work_hours", "2026-10-26 17:00"),
    ("2026-05-08 16:00", "4 work_hours", "2026-05-09 12:00"),
    ("2026-05-09 16:00", "2 work_hours", "2026-05-11 10:00"),
    ("2026-01-03 10:00", "1 work_hours", "2026-01-04 10:00"),
    ("2026-10-10 09:00", "7 work_hours", "2026-10-10 17:00"),
    # Spring Festival 2026: the 15th to the 23rd of February; Saturdays 14th and 28th are worked
    ("2026-02-13 16:00", "8 work_hours", "2026-02-14 17:00"),
    ("2026-02-14 16:00", "2 work_hours", "2026-02-24 10:00"),
    ("2026-02-14 17:00", "7 work_hours", "2026-02-24 17:00"),
    ("2026-02-18 12:00", "4 work_hours", "2026-02-24 14:00"),
    ("2026-02-23 23:59", "1 work_hours", "2026-02-24 10:00"),
    ("2026-02-27 16:00", "4 work_hours", "2026-02-28 12:00"),
    ("2026-02-28 16:00", "4 work_hours", "2026-03-02 12:00"),
    # National Day and Mid-Autumn
    ("2026-09-30 16:00", "2 work_hours", "2026-10-08 10:00"),
    ("2026-09-20 16:00", "2 work_hours", "2026-09-21 10:00"),
    ("2025-09-30 16:30", "1 work_hours", "2025-10-09 09:30"),
    # work days: the day it began on does not count, and the last one counts whole
    ("2026-10-21 09:00", "1 work_days", "2026-10-22 17:00"),
    ("2026-10-21 23:59", "1 work_days", "2026-10-22 17:00"),
    ("2026-10-23 16:00", "1 work_days", "2026-10-26 17:00"),
    ("2026-10-24 16:00", "1 work_days", "2026-10-26 17:00"),
    ("2026-02-13 09:00", "1 work_days", "2026-02-14 17:00"),
    ("2026-02-14 09:00", "1 work_days", "2026-02-24 17:00"),
    ("2026-02-14 09:00", "5 work_days", "2026-02-28 17:00"),
    ("2026-02-18 09:00", "5 work_days", "2026-02-28 17:00"),
    ("2026-02-11 09:00", "15 work_days", "2026-03-10 17:00"),
    ("2026-04-30 09:00", "2 work_days", "2026-05-07 17:00"),
    ("2025-12-31 16:00", "1 work_days", "2026-01-04 17:00"),
    ("2025-01-24 23:59", "2 work_days", "2025-01-27 17:00"),
    # beyond the calendar: weekends are rest days
    ("2026-12-31 16:00", "2 work_hours", "2027-01-01 10:00"),
    ("2026-12-31 16:00", "2 work_days", "2027-01-04 17:00"),
]


@pytest.mark.parametrize(("start", "limit", "due"), CASES)
def test_a_limit_runs_out(start: str, limit: str, due: str) -> None:
    assert due_of(WORK, at(start), read_limit(limit)).at == at(due)


FROZEN = [
    # frozen for an hour inside office hours
    ("2026-10-21 09:00", "2 work_hours", [("10:00", "11:00")], "2026-10-21 12:00"),
    # frozen outside of office hours: nothing was lost
    ("2026-10-21 16:00", "2 work_hours", [("17:00", "23:00")], "2026-10-22 10:00"),
    ("2026-10-21 09:00", "4 work_hours", [("12:00", "13:00")], "2026-10-21 14:00"),
    # frozen twice
    (
        "2026-10-21 09:00",
        "3 work_hours",
        [("09:30", "10:00"), ("11:00", "11:30")],
        "2026-10-21 14:00",
    ),
    # frozen across a night, a weekend, Spring Festival
    ("2026-10-21 16:00", "2 work_hours", [("16:30", "2026-10-22 10:00")], "2026-10-22 11:30"),
    ("2026-10-23 15:00", "4 work_hours", [("16:00", "2026-10-26 09:00")], "2026-10-26 12:00"),
    (
        "2026-02-14 15:00",
        "4 work_hours",
        [("16:00", "2026-02-20 10:00")],
        "2026-02-24 12:00",
    ),
    (
        "2026-02-13 15:00",
        "4 work_hours",
        [("16:00", "2026-02-24 16:00")],
        "2026-02-25 11:00",
    ),
    ("2026-10-21 09:00", "24 urgent_hours", [("10:00", "12:00")], "2026-10-22 11:00"),
    (
        "2026-12-31 22:00",
        "4 urgent_hours",
        [("23:00", "2027-01-01 02:00")],
        "2027-01-01 05:00",
    ),
    ("2026-02-10 09:00", "7 days", [("10:00", "2026-02-11 10:00")], "2026-02-18 09:00"),
    # work days end with a day whatever was lost
    ("2026-10-21 09:00", "1 work_days", [("10:00", "11:00")], "2026-10-23 17:00"),
    ("2026-10-21 09:00", "1 work_days", [("18:00", "20:00")], "2026-10-22 17:00"),
    (
        "2026-02-13 09:00",
        "2 work_days",
        [("2026-02-14 09:00", "2026-02-25 09:00")],
        "2026-02-26 17:00",
    ),
    # frozen after it had run out: too late is too late
    ("2026-10-21 09:00", "1 work_hours", [("11:00", "15:00")], "2026-10-21 10:00"),
]


@pytest.mark.parametrize(("start", "limit", "freezes", "due"), FROZEN)
def test_what_is_frozen_does_not_count(
    start: str, limit: str, freezes: list[tuple[str, str]], due: str
) -> None:
    def moment(written: str) -> datetime:
        return at(written if len(written) > 5 else f"{start[:10]} {written}")

    spans = [(moment(begun), moment(ended)) for begun, ended in freezes]
    assert due_of(WORK, at(start), read_limit(limit), spans).at == at(due)


def test_the_explanation_names_what_was_skipped() -> None:
    said = due_of(WORK, at("2026-02-13 16:00"), read_limit("10 work_hours")).explanation
    assert said["due"] == "2026-02-24T11:00:00+08:00"
    assert said["hours"] == ["09:00–12:00", "13:00–17:00"]
    assert said["worked"] == ["2026-02-14"]
    assert said["holidays"] == [
        {
            "name_zh": "春节",
            "name_en": "Spring Festival",
            "first": "2026-02-15",
            "last": "2026-02-23",
            "days": 9,
        }
    ]
    assert "beyond" not in said


def test_the_explanation_says_that_the_calendar_ends() -> None:
    said = due_of(WORK, at("2026-12-31 16:00"), read_limit("2 work_days")).explanation
    assert said["beyond"] == "2026-12-31"
    assert said["rest_days"] == 2


@pytest.mark.parametrize(
    ("percent", "expected"),
    [(50, "2026-10-21 14:00"), (100, "2026-10-22 10:00"), (150, "2026-10-22 15:00")],
)
def test_parts_of_a_limit_are_counted_as_the_limit_is(percent: int, expected: str) -> None:
    start = at("2026-10-21 09:00")
    assert part_of(WORK, read_limit("8 work_hours").unit, start, 0, 8 * 3600, percent) == at(
        expected
    )
