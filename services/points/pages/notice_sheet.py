"""A public notice on paper and in a spreadsheet: the sheet as PDF and as CSV.

Both show what the page shows, and no more: numbers are masked before they come here.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from io import BytesIO, StringIO

from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfgen.canvas import Canvas

from shared.clock import DISTRICT_TIMEZONE

FONT = "STSong-Light"  # one that every reader of PDF has for Chinese, so no file is needed
# What a spreadsheet would take for a formula when a cell begins with it.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
_HEADINGS = (
    "序号 No.",
    "日期 Day",
    "户 Household",
    "居民 Resident",
    "项目 Activity",
    "分钟 Min.",
    "积分 Points",
    "状态 State",
)
_LEFT, _RIGHT, _TOP, _BOTTOM = 15 * mm, A4[0] - 15 * mm, A4[1] - 15 * mm, 18 * mm
# Where each column ends (those of numbers) or begins.
_STARTS = tuple(_LEFT + x * mm for x in (0, 14, 36, 60, 84, 142, 152, 155))
_ENDS = tuple(_LEFT + x * mm for x in (11, 35, 59, 83, 132, 141, 152, 180))
_NUMBERS = frozenset({0, 5, 6})
_ROW = 6.2 * mm
_HEAD_ROWS = 9 * mm
_TITLE, _TEXT, _SMALL = 18, 9.5, 8


@dataclass(frozen=True, slots=True)
class SheetLine:
    """One line, its numbers masked."""

    line_no: int
    on_date: date
    household: str
    resident: str
    activity: str
    minutes: int
    points: int
    state: str

    @property
    def cells(self) -> tuple[str, ...]:
        """As they are written."""
        return (
            str(self.line_no),
            self.on_date.isoformat(),
            self.household,
            self.resident,
            self.activity,
            str(self.minutes),
            str(self.points),
            self.state,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """A notice with its lines. `root`: the day's root of the proof, where there is one."""

    notice_no: str
    community_code: str
    first_day: date
    last_day: date
    published_at: datetime
    ends_at: datetime
    residents: int
    households: int
    points: int
    root: str | None
    printed_at: datetime
    address: str
    lines: Sequence[SheetLine]


def as_csv(sheet: Sheet) -> bytes:
    """UTF-8 with a mark for Excel; a cell that could be a formula begins with an apostrophe."""
    written = StringIO()
    out = csv.writer(written, lineterminator="\r\n")
    out.writerow(_HEADINGS)
    out.writerows([_harmless(cell) for cell in line.cells] for line in sheet.lines)
    out.writerow(["合计 Total", "", sheet.households, sheet.residents, "", "", sheet.points, ""])
    return b"\xef\xbb\xbf" + written.getvalue().encode()


def _harmless(cell: str) -> str:
    return f"'{cell}" if cell.lstrip(" ").startswith(_FORMULA) else cell


def as_pdf(sheet: Sheet) -> bytes:
    """A4, with room for a stamp and two names below the last line."""
    if FONT not in pdfmetrics.getRegisteredFontNames():
        pdfmetrics.registerFont(UnicodeCIDFont(FONT))
    pages = _pages(sheet.lines)
    made = BytesIO()
    canvas = Canvas(made, pagesize=A4, pageCompression=1, invariant=1)
    canvas.setTitle(f"积分公示 {sheet.notice_no}")
    canvas.setSubject("Public notice of points")
    for number, lines in enumerate(pages, 1):
        y = _cover(canvas, sheet) if number == 1 else _running(canvas, sheet)
        y = _table(canvas, lines, y)
        if number == len(pages):
            _ending(canvas, sheet, y)
        _foot(canvas, sheet, number, len(pages))
        canvas.showPage()
    canvas.save()
    return made.getvalue()


_COVER, _ENDING = 62 * mm, 40 * mm


def _pages(lines: Sequence[SheetLine]) -> list[Sequence[SheetLine]]:
    """The lines of each page; the last has room for the ending."""
    room = _TOP - _BOTTOM - _HEAD_ROWS
    pages: list[Sequence[SheetLine]] = []
    at = 0
    while at < len(lines) or not pages:
        left = room - (_COVER if not pages else 12 * mm)
        fits = int(left / _ROW)
        pages.append(lines[at : at + fits])
        at += fits
    last = (room - (_COVER if len(pages) == 1 else 12 * mm)) - len(pages[-1]) * _ROW
    if last < _ENDING:
        pages.append([])
    return pages


def _cover(canvas: Canvas, sheet: Sheet) -> float:
    canvas.setFont(FONT, _TITLE)
    canvas.drawCentredString(A4[0] / 2, _TOP - 7 * mm, "积分公示")
    canvas.setFont(FONT, _TEXT)
    canvas.drawCentredString(A4[0] / 2, _TOP - 13 * mm, "Public notice of points")
    facts = (
        ("编号 Number", sheet.notice_no),
        ("社区 Community", sheet.community_code),
        ("计分期间 Awards of", f"{sheet.first_day.isoformat()} 至 {sheet.last_day.isoformat()}"),
        ("公示期 Shown", f"{_moment(sheet.published_at)} 至 {_moment(sheet.ends_at)}"),
        (
            "合计 Total",
            f"{len(sheet.lines):,} 行，{sheet.households:,} 户，{sheet.residents:,} 人，"
            f"{sheet.points:,} 分",
        ),
        ("存证根 Daily root", sheet.root or "________________________________"),
    )
    y = _TOP - 22 * mm
    for name, value in facts:
        canvas.drawString(_LEFT, y, name)
        canvas.drawString(_LEFT + 38 * mm, y, _fitting(value, _RIGHT - _LEFT - 38 * mm, _TEXT))
        y -= 5.6 * mm
    canvas.setFont(FONT, _SMALL)
    canvas.drawString(
        _LEFT,
        y,
        "编号按统一规则遮盖。对某一行有异议，请在公示期内到社区提出或登录提交："
        + _fitting(sheet.address, 80 * mm, _SMALL),
    )
    return _TOP - _COVER


def _running(canvas: Canvas, sheet: Sheet) -> float:
    canvas.setFont(FONT, _SMALL)
    canvas.drawString(_LEFT, _TOP - 4 * mm, f"积分公示 {sheet.notice_no}（续 continued）")
    return _TOP - 12 * mm


def _table(canvas: Canvas, lines: Sequence[SheetLine], y: float) -> float:
    if not lines:
        return y
    canvas.setLineWidth(0.8)
    canvas.line(_LEFT, y, _RIGHT, y)
    for column, heading in enumerate(_HEADINGS):
        zh, _, en = heading.partition(" ")
        canvas.setFont(FONT, _TEXT)
        _cell(canvas, column, zh, y - 4 * mm, _TEXT)
        canvas.setFont(FONT, _SMALL - 1)
        _cell(canvas, column, en, y - 7.6 * mm, _SMALL - 1)
    y -= _HEAD_ROWS
    canvas.line(_LEFT, y, _RIGHT, y)
    canvas.setLineWidth(0.25)
    canvas.setFont(FONT, _TEXT)
    for line in lines:
        for column, cell in enumerate(line.cells):
            _cell(canvas, column, cell, y - 4.3 * mm, _TEXT)
        y -= _ROW
        canvas.line(_LEFT, y, _RIGHT, y)
    return y


def _cell(canvas: Canvas, column: int, text: str, y: float, size: float) -> None:
    """In the font that is set, which is of this size."""
    if column in _NUMBERS:
        canvas.drawString(_ENDS[column] - _width(text, size), y, text)
    else:
        width = _ENDS[column] - _STARTS[column]
        canvas.drawString(_STARTS[column], y, _fitting(text, width, size))


# Days, activities and states are few, whatever the number of lines.
@lru_cache(4096)
def _width(text: str, size: float) -> float:
    return float(pdfmetrics.stringWidth(text, FONT, size))


@lru_cache(4096)
def _fitting(text: str, width: float, size: float) -> str:
    if _width(text, size) <= width:
        return text
    while text and _width(text + "…", size) > width:
        text = text[:-1]
    return text + "…"


def _ending(canvas: Canvas, sheet: Sheet, y: float) -> None:
    canvas.setFont(FONT, _TEXT)
    canvas.drawRightString(_ENDS[6], y - 5 * mm, f"合计 Total  {sheet.points:,}")
    canvas.drawString(_LEFT, y - 20 * mm, "公示单位（盖章） Office (seal)")
    canvas.drawString(_LEFT + 75 * mm, y - 20 * mm, "经办 Made by")
    canvas.drawString(_LEFT + 130 * mm, y - 20 * mm, "复核 Checked by")
    canvas.setLineWidth(0.5)
    for start, end in ((0, 65), (75, 120), (130, 175)):
        canvas.line(_LEFT + start * mm, y - 33 * mm, _LEFT + end * mm, y - 33 * mm)


def _foot(canvas: Canvas, sheet: Sheet, number: int, count: int) -> None:
    canvas.setFont(FONT, _SMALL)
    canvas.drawString(_LEFT, 10 * mm, f"打印于 Printed {_moment(sheet.printed_at)}")
    canvas.drawRightString(_RIGHT, 10 * mm, f"第 {number} 页，共 {count} 页")


def _moment(at: datetime) -> str:
    return at.astimezone(DISTRICT_TIMEZONE).strftime("%Y-%m-%d %H:%M")
