"""Why a deadline is when it is, in words that a resident can check."""

from __future__ import annotations

from services.intake.rules.catalogue_file import read_limit
from services.intake.rules.clock_words import limit_words, why_due
from services.intake.rules.clocks import due_of
from tests.unit.intake.test_clocks import WORK, at


def test_what_was_skipped_is_told_in_both_languages() -> None:
    freezes = [(at("2026-02-13 16:30"), at("2026-02-14 10:00"))]
    due = due_of(WORK, at("2026-02-13 16:00"), read_limit("10 work_hours"), freezes)
    told = why_due({**due.explanation, "why": "condition", "extended": 2})
    assert [words.zh for words in told] == [
        "自 2026-02-13 16:00 起 10 个工作时",
        "立案条件规定的时限",
        "办公时间 09:00–12:00、13:00–17:00",
        "跳过春节 2月15日至2月23日（9 天）",
        "2月14日调休上班，计入",
        "暂停 1 次，共 17 小时 30 分，不计",
        "已延期 2 个工作时",
        "应于 2026-02-24 13:30 前完成",
    ]
    assert [words.en for words in told] == [
        "From 2026-02-13 16:00, 10 work hours",
        "the condition's own limit",
        "Offices are open 09:00–12:00, 13:00–17:00",
        "Spring Festival, 2026-02-15 to 2026-02-23, skipped (9 days)",
        "2026-02-14 worked in lieu, counted",
        "Stood still 1 time, 17 h 30 min, not counted",
        "Extended by 2 work hours",
        "Due by 2026-02-24 13:30",
    ]


def test_the_end_of_the_calendar_is_told() -> None:
    due = due_of(WORK, at("2026-12-31 16:00"), read_limit("2 work_days"))
    assert "工作日历只到 2026-12-31，之后按周末休息推算" in [
        words.zh for words in why_due(due.explanation)
    ]


def test_limits_are_counted_as_people_say() -> None:
    assert limit_words(read_limit("30 minutes")) == ("30 分钟", "30 minutes")
    assert limit_words(read_limit("1 work_days")) == ("1 个工作日", "1 work day")
    assert limit_words(read_limit("7 days")) == ("7 天", "7 days")
