"""Empty forms as PDF: A4, a code in the corner, lines to write on."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfgen.canvas import Canvas

from shared.web.codes import draw_qr

FONT = "STSong-Light"
_WIDTH, _HEIGHT = A4
_LEFT, _TOP = 18 * mm, _HEIGHT - 20 * mm
_QR = 30 * mm
_ROWS = 14  # of a tea stall's sheet

_TITLES = {
    "request": ("居民诉求登记表", "Request form"),
    "tea_stall": ("茶摊记录表", "Tea stall sheet"),
}
_FIELDS = (
    "姓名 Name",
    "电话 Phone",
    "住址 Address",
    "诉求发生地点 Where",
    "诉求类别 Kind",
)


@dataclass(frozen=True, slots=True)
class Sheet:
    """A form as it is in the database, and the address in its code."""

    form: dict[str, Any]
    address: str


def draw_sheets(sheets: Sequence[Sheet]) -> bytes:
    """A page for each."""
    pdfmetrics.registerFont(UnicodeCIDFont(FONT))
    out = io.BytesIO()
    canvas = Canvas(out, pagesize=A4, invariant=1)
    for sheet in sheets:
        _head(canvas, sheet)
        if sheet.form["kind"] == "tea_stall":
            _draw_table(canvas)
        else:
            _draw_fields(canvas)
        canvas.showPage()
    canvas.save()
    return out.getvalue()


def _head(canvas: Canvas, sheet: Sheet) -> None:
    form = sheet.form
    zh, en = _TITLES[form["kind"]]
    canvas.setFont(FONT, 20)
    canvas.drawString(_LEFT, _TOP - 8 * mm, zh)
    canvas.setFont(FONT, 12)
    canvas.drawString(_LEFT, _TOP - 15 * mm, en)
    parts = [form["place"], form["held_on"] and f"{form['held_on']}", form["grid_name"]]
    canvas.drawString(_LEFT, _TOP - 24 * mm, " · ".join(part for part in parts if part))
    draw_qr(canvas, sheet.address, _WIDTH - _LEFT - _QR, _TOP - _QR + 4 * mm, _QR)
    canvas.setFont(FONT, 8)
    canvas.drawRightString(_WIDTH - _LEFT, _TOP - _QR, form["form_no"])


def _draw_fields(canvas: Canvas) -> None:
    canvas.setFont(FONT, 12)
    y = _TOP - 45 * mm
    for name in _FIELDS:
        canvas.drawString(_LEFT, y, name)
        canvas.line(_LEFT + 48 * mm, y - 1 * mm, _WIDTH - _LEFT, y - 1 * mm)
        y -= 13 * mm
    canvas.drawString(_LEFT, y, "诉求内容 What is asked")
    canvas.rect(_LEFT, 62 * mm, _WIDTH - 2 * _LEFT, y - 66 * mm)
    canvas.drawString(
        _LEFT, 48 * mm, "签字 Signed ______________________    日期 Date ______________"
    )
    canvas.setFont(FONT, 9)
    canvas.drawString(_LEFT, 36 * mm, "交回后扫描右上角的码，即可登记并保留本表。")
    canvas.drawString(_LEFT, 31 * mm, "Scan the code when it comes back: the sheet is kept.")


def _draw_table(canvas: Canvas) -> None:
    top, height = _TOP - 42 * mm, 13.5 * mm
    edges = [_LEFT, _LEFT + 10 * mm, _LEFT + 106 * mm, _LEFT + 140 * mm, _WIDTH - _LEFT]
    canvas.setFont(FONT, 10)
    for name, left in zip(("#", "说了什么 What", "谁 Who", "电话 Phone"), edges, strict=False):
        canvas.drawString(left + 1.5 * mm, top + 2 * mm, name)
    for row in range(_ROWS + 1):
        canvas.line(_LEFT, top - row * height, _WIDTH - _LEFT, top - row * height)
        if row < _ROWS:
            canvas.drawString(_LEFT + 2 * mm, top - (row + 0.6) * height, f"{row + 1}")
    for edge in edges:
        canvas.line(edge, top, edge, top - _ROWS * height)
