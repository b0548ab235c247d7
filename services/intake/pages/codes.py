"""QR codes on pages and on paper, and the addresses in them."""

from __future__ import annotations

import io

import segno
from flask import request
from markupsafe import Markup


def address_of(path: str) -> str:
    """The whole address of a path of this site, as the reader's browser has it."""
    return request.url_root.rstrip("/") + path


def qr_svg(address: str) -> Markup:
    """The code as an inline drawing that takes the size of what holds it."""
    drawn = io.BytesIO()
    segno.make(address, error="m", micro=False).save(
        drawn, kind="svg", xmldecl=False, svgns=False, nl=False, omitsize=True, border=4,
        svgclass="qr", lineclass=None,
    )  # fmt: skip
    return Markup(drawn.getvalue().decode())  # noqa: S704 - segno drew it from our own address
