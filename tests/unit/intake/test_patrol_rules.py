"""When a visit is due, which readings are too high, what a wish or a drive may say."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.intake.rules import rectification, wishes
from services.intake.rules.patrols import (
    DEFAULTS,
    KINDS,
    MINUTES,
    Reading,
    check_minutes,
    due_after,
    exceeded,
    read_checks,
    read_readings,
    read_whole,
)
from shared.errors import Conflict, Forbidden, Rejected

NOW = datetime(2026, 7, 20, 6, tzinfo=UTC)
DEPTH = Reading(code="d", zh="深", en="depth", unit="cm", urgent_from=15, critical_from=30)
MINUTES_OF = st.integers(5, 44_640)
PAST = st.integers(-300, 100_000).map(lambda s: NOW - timedelta(seconds=s))


@given(PAST, MINUTES_OF)
def test_a_visit_is_never_due_later_than_one_interval_from_now(
    visited_at: datetime, minutes: int
) -> None:
    due = due_after(visited_at, minutes, NOW)
    assert due <= NOW + timedelta(minutes=minutes)
    assert due == min(visited_at, NOW) + timedelta(minutes=minutes)


@given(PAST, MINUTES_OF, MINUTES_OF)
def test_a_shorter_interval_is_never_due_later(visited_at: datetime, one: int, other: int) -> None:
    less, more = sorted((one, other))
    assert due_after(visited_at, less, NOW) <= due_after(visited_at, more, NOW)


@given(st.integers(-100, 100))
def test_a_reading_counts_from_its_threshold_on(value: int) -> None:
    (found,) = exceeded([DEPTH], {"d": value}) or (None,)
    urgency = None if found is None else found.urgency
    assert urgency == ("critical" if value >= 30 else "urgent" if value >= 15 else None)


def test_the_most_urgent_reading_comes_first() -> None:
    other = Reading(code="o", zh="他", en="other", unit="cm", urgent_from=1)
    found = exceeded([other, DEPTH], {"o": 5, "d": 99})
    assert [one.urgency for one in found] == ["critical", "urgent"]
    assert exceeded([DEPTH], {}) == []


def test_a_severer_level_has_a_shorter_interval() -> None:
    assert list(MINUTES.values()) == sorted(MINUTES.values(), reverse=True)
    assert list(MINUTES.values())[1:] == [240, 120, 60, 30]


def test_every_kind_of_spot_begins_with_checks_and_readings_that_are_sound() -> None:
    assert set(DEFAULTS) == set(KINDS)


@pytest.mark.parametrize("typed", ["", " ", "15", "-3", "0"])
def test_whole_numbers_are_read(typed: str) -> None:
    assert read_whole("x", typed) == (int(typed) if typed.strip() else None)


@pytest.mark.parametrize("typed", ["1.5", "深", "12345678", "１５"])
def test_anything_else_is_refused(typed: str) -> None:
    with pytest.raises(Rejected):
        read_whole("x", typed)


@pytest.mark.parametrize(
    "stored",
    [
        [{"code": "a", "zh": "甲"}],
        [{"code": "A b", "zh": "甲", "en": "a", "unit": "cm"}],
        [{"code": "a", "zh": "甲", "en": "a", "unit": "cm"}] * 2,
        [{"code": "a", "zh": "甲", "en": "a", "unit": "cm", "urgent_from": 9, "critical_from": 3}],
    ],
)
def test_odd_readings_are_refused(stored: list[dict[str, object]]) -> None:
    with pytest.raises(Rejected):
        read_readings(stored)


def test_odd_checks_and_intervals_are_refused() -> None:
    with pytest.raises(Rejected):
        read_checks([{"code": "a"}])
    for minutes in (None, 4, 44_641):
        with pytest.raises(Rejected):
            check_minutes(minutes)
    assert check_minutes(30) == 30


def test_every_state_of_a_wish_is_reached_and_the_ends_are_ends() -> None:
    reached = {to for moves in wishes.TRANSITIONS.values() for to in moves.values()}
    assert reached | {wishes.State.REGISTERED} == set(wishes.State)
    for end in (wishes.State.CLOSED, wishes.State.DECLINED, wishes.State.WITHDRAWN):
        assert wishes.legal(end) == []
    with pytest.raises(Conflict):
        wishes.after(wishes.Action.CLAIM, wishes.State.CLAIMED)


@pytest.mark.parametrize(
    "words",
    [
        "13911112222",
        "139 1111 2222",
        "139-1111-2222",
        "11010519491231002X",
        "卡号 6222020000001234",
    ],
)
def test_numbers_of_people_are_not_for_the_wall(words: str) -> None:
    with pytest.raises(Rejected):
        wishes.check_text("wall_text", words)


@pytest.mark.parametrize("words", ["想要 2 只 5 升的电饭煲", "1985 年的老门锁坏了", "3 号楼 502"])
def test_other_numbers_are(words: str) -> None:
    wishes.check_text("wall_text", words)


def test_names_are_not_for_the_wall() -> None:
    with pytest.raises(Rejected):
        wishes.check_text("wall_text", "欧阳若兰想要电饭煲", ("欧阳若兰",))
    wishes.check_text("wall_text", "想要电饭煲", ("欧阳若兰", ""))


@pytest.mark.parametrize(
    ("typed", "days"), [("7, 30, 90", [7, 30, 90]), ("30，7", [7, 30]), ("7、7", [7])]
)
def test_days_of_re_inspection_are_read(typed: str, days: list[int]) -> None:
    assert rectification.read_days(typed) == days
    assert rectification.recheck_dates(date(2026, 1, 31), [1, 30]) == [
        date(2026, 2, 1),
        date(2026, 3, 2),
    ]


@pytest.mark.parametrize("typed", ["", "often", "0", "731", "1,2,3,4,5,6,7"])
def test_odd_days_are_refused(typed: str) -> None:
    with pytest.raises(Rejected):
        rectification.read_days(typed)


def test_the_fixer_is_not_the_checker() -> None:
    with pytest.raises(Forbidden):
        rectification.check_checker("A-1", "A-1")
    rectification.check_checker("A-1", "A-2")
