"""公示: the law of notices, what a rule set may ask for, and the sheet on paper."""

from __future__ import annotations

import base64
import csv
import io
import zlib
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from reportlab.pdfbase.cidfonts import UnicodeCIDFont

from services.points.pages.notice_sheet import FONT, Sheet, SheetLine, as_csv, as_pdf
from services.points.rules import public_notices as law
from services.points.rules.public_notices import Period, State
from shared.crypto import mask_number
from shared.errors import Conflict, LinliError, Rejected

NOW = datetime(2026, 11, 2, 1, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("declared", "days"),
    [(None, None), (False, None), (True, 7), ({"days": 1}, 1), ({"days": 90}, 90)],
)
def test_rules_say_for_how_long(declared: object, days: int | None) -> None:
    assert law.notice_days(declared) == days


@pytest.mark.parametrize(
    "declared",
    [7, "7", {}, {"days": 0}, {"days": 91}, {"days": True}, {"days": 7.0}, {"days": 7, "x": 1}, []],
)
def test_what_rules_may_not_say_is_named(declared: object) -> None:
    with pytest.raises(Rejected) as refusal:
        law.notice_days(declared)
    assert refusal.value.pointer == "/notice"


@given(st.dates(date(2000, 1, 1), date(2100, 1, 1)))
def test_months_meet_without_a_gap(on: date) -> None:
    month, before = law.month_of(on), law.month_before(on)
    assert month.first <= on <= month.last
    assert before.last + timedelta(days=1) == month.first
    assert law.check_period(month) is month


@given(st.integers(1, law.DAYS_MAX), st.one_of(st.none(), st.integers(-5, 200)))
def test_never_for_fewer_days_than_the_rules_ask(least: int, asked: int | None) -> None:
    try:
        days = law.check_days(asked, least)
    except LinliError:
        assert asked is not None
        assert not least <= asked <= law.DAYS_MAX
        return
    assert least <= days <= law.DAYS_MAX
    assert law.ends_at(NOW, days) - NOW == timedelta(days=days)


@pytest.mark.parametrize("state", list(State))
def test_only_a_line_that_is_shown_can_be_objected_to(state: State) -> None:
    ends = NOW + timedelta(days=1)
    if state in {State.SHOWN, State.DISPUTED}:
        law.check_may_object(state, ends, NOW)
        with pytest.raises(Conflict):
            law.check_may_object(state, NOW, NOW)
    else:
        with pytest.raises(Conflict):
            law.check_may_object(state, ends, NOW)


def test_final_states_are_final() -> None:
    assert {state for state in State if not law.TRANSITIONS[state]} == set(State) - law.UNDECIDED


@pytest.mark.parametrize(
    ("number", "shown"),
    [("R000127", "R00***7"), ("R01", "R**"), ("", "*"), ("R0001234567", "R00*******7")],
)
def test_numbers_are_masked_by_one_rule(number: str, shown: str) -> None:
    assert mask_number(number) == shown


@given(st.text(min_size=1, max_size=32))
def test_a_masked_number_tells_four_characters_at_most(number: str) -> None:
    shown = mask_number(number)
    assert len(shown) == max(len(number), 2)
    assert sum(a == b and a != "*" for a, b in zip(number, shown, strict=False)) <= 4


def sheet(count: int, activity: str = "扶老帮困 A1009", root: str | None = None) -> Sheet:
    lines = [
        SheetLine(number, date(2026, 10, 9), "H00***7", "R00***7", activity, 60, 6, "公示中")
        for number in range(1, count + 1)
    ]
    return Sheet(
        notice_no="990101001001-202610-1",
        community_code="990101001001",
        first_day=date(2026, 10, 1),
        last_day=date(2026, 10, 31),
        published_at=NOW,
        ends_at=NOW + timedelta(days=7),
        residents=1,
        households=1,
        points=6 * count,
        root=root,
        printed_at=NOW,
        address="/points/public-notices/990101001001-202610-1",
        lines=lines,
    )


@given(st.text(max_size=64))
def test_no_cell_of_the_spreadsheet_is_a_formula(activity: str) -> None:
    written = as_csv(sheet(1, activity)).decode("utf-8-sig")
    rows = list(csv.reader(io.StringIO(written, newline="")))
    assert not rows[1][4].lstrip().startswith(("=", "+", "-", "@"))
    assert rows[1][4].endswith(activity)
    assert len(rows) == 3


@pytest.mark.parametrize("count", [1, 24, 25, 26, 30, 31, 32, 36, 70, 500])
def test_every_line_is_on_paper_once_and_the_names_below_the_last(count: int) -> None:
    pages = pages_of(as_pdf(sheet(count)))
    drawn = sum(page.count(hexed("R00***7")) for page in pages)
    assert drawn == count
    assert [page for page in pages if hexed("复核 Checked by") in page] == [pages[-1]]


def test_the_root_of_the_day_is_printed() -> None:
    root = "2026-11-01 " + "ab" * 32
    assert hexed(root) in pages_of(as_pdf(sheet(1, root=root)))[0]


def test_the_same_sheet_is_the_same_file() -> None:
    assert as_pdf(sheet(40)) == as_pdf(sheet(40))


def test_a_period_is_at_most_a_year() -> None:
    for last in (date(2025, 12, 31), date(2027, 2, 1)):
        with pytest.raises(Rejected) as refusal:
            law.check_period(Period(date(2026, 1, 1), last))
        assert refusal.value.pointer == "/last"


def hexed(text: str) -> bytes:
    """As this font's text stands in a PDF."""
    written: str = UnicodeCIDFont(FONT).formatForPdf(text)
    return written.encode("latin-1")


def pages_of(pdf: bytes) -> list[bytes]:
    """What each page draws."""
    drawn = [part.split(b"~>")[0] for part in pdf.split(b"stream\n")[1::2]]
    return [zlib.decompress(base64.a85decode(part)) for part in drawn]
