"""QR codes on pages and on paper, and the addresses in them."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import segno
from flask import request
from markupsafe import Markup

if TYPE_CHECKING:
    from reportlab.pdfgen.canvas import Canvas


def address_of(path: str) -> str:
    """The whole address of a path of this site, as the reader's browser has it."""
    return request.url_root.rstrip("/") + path


def qr_svg(text: str, *, border: int = 4) -> Markup:
    """The code as an inline drawing that takes the size of what holds it.

    `border` is the white around it, in modules; readers ask for 4 where there is no other white.
    """
    drawn = io.BytesIO()
    segno.make(text, error="m", micro=False).save(
        drawn, kind="svg", xmldecl=False, svgns=False, nl=False, omitsize=True, border=border,
        svgclass="qr", lineclass=None,
    )  # fmt: skip
    return Markup(drawn.getvalue().decode())  # noqa: S704 - segno writes no text into its drawing


def draw_qr(
    canvas: Canvas, text: str, left: float, bottom: float, size: float, *, border: int = 4
) -> None:
    """The same code in a PDF, `size` points wide with its border inside."""
    matrix = list(segno.make(text, error="m", micro=False).matrix_iter(border=border))
    cell = size / len(matrix)
    for row, cells in enumerate(matrix, 1):
        for column, is_dark in enumerate(cells):
            if is_dark:
                x, y = left + column * cell, bottom + size - row * cell
                canvas.rect(x, y, cell, cell, stroke=0, fill=1)
