"""All that is held of one resident, on paper: every table, every row, as many pages as it needs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from io import BytesIO
from typing import Any, Final

from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfgen.canvas import Canvas

from services.intake.pages.person_words import column_word, shown_value, table_word

FONT: Final = "STSong-Light"  # one that every reader of PDF has for Chinese, so no file is needed
_LEFT, _RIGHT, _TOP, _BOTTOM = 18 * mm, A4[0] - 18 * mm, A4[1] - 20 * mm, 18 * mm
_SIZE, _LINE = 9, 4.8 * mm


def pdf(resident_no: str, at: datetime, tables: Mapping[str, list[dict[str, Any]]]) -> bytes:
    """A4; lines are broken where they are too long, none is cut."""
    if FONT not in pdfmetrics.getRegisteredFontNames():
        pdfmetrics.registerFont(UnicodeCIDFont(FONT))
    made = BytesIO()
    canvas = Canvas(made, pagesize=A4, pageCompression=1, invariant=1)
    canvas.setTitle(f"个人信息 {resident_no}")
    y = _TOP
    for text, size in _lines(resident_no, at, tables):
        for part in _broken(text, size):
            if y < _BOTTOM:
                canvas.showPage()
                y = _TOP
            canvas.setFont(FONT, size)
            canvas.drawString(_LEFT, y, part)
            y -= _LINE if size == _SIZE else _LINE * 1.5
    canvas.showPage()
    canvas.save()
    return made.getvalue()


def _lines(
    resident_no: str, at: datetime, tables: Mapping[str, list[dict[str, Any]]]
) -> Iterator[tuple[str, int]]:
    yield f"个人信息清单 What is held of {resident_no}", 16
    yield f"生成于 Made {shown_value(at)}", _SIZE
    for name, rows in tables.items():
        yield f"{table_word(name)}（{len(rows)}）", 12
        for row in rows:
            told = (f"{column_word(key)} {shown_value(value)}" for key, value in row.items())
            yield "；".join(told), _SIZE


def _broken(text: str, size: int) -> Iterator[str]:
    room, part = _RIGHT - _LEFT, ""
    for char in text.replace("\n", " "):
        if pdfmetrics.stringWidth(part + char, FONT, size) > room:
            yield part
            part = ""
        part += char
    yield part
