"""Paper that comes back: which of our codes a picture of a sheet shows. Pure."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import zxingcpp
from PIL import Image, ImageFilter, ImageOps, UnidentifiedImageError

from services.intake.rules.pictures import PIXELS_MAX, UPLOAD_BYTES_MAX
from services.intake.rules.requests import read_public_code
from shared.errors import Rejected

# The first part of the address says what it is of.
PLACES: Final = {"t": "request", "p": "form", "h": "application"}
FORM_KINDS: Final = ("request", "tea_stall")

_QR = zxingcpp.BarcodeFormats([zxingcpp.BarcodeFormat.QRCode])
_ADDRESS = re.compile(r"(?:https?://[^/\s]+)?/(?P<place>[tph])/(?P<code>[0-9A-Za-z-]{12,20})/?")
_FORMATS: Final = ("JPEG", "PNG", "WEBP")
_EDGE_MAX_PX: Final = 3000  # a sheet at 250 dpi; more only takes time
_SMALL_PX: Final = 1600


@dataclass(frozen=True, slots=True)
class Code:
    """A code of ours: what it is of, and which."""

    kind: str
    code: str


def read_address(said: str) -> Code | None:
    """The code in an address, wherever our site was when it was printed; None for others'."""
    found = _ADDRESS.fullmatch(said.strip())
    code = read_public_code(found["code"]) if found else None
    return Code(PLACES[found["place"]], code) if found and code else None


def read_sheet(data: bytes) -> list[Code]:
    """Our codes in a picture, from its top to its bottom, each once. Raises Rejected.

    The sheet may lie in any direction; what is pale, speckled or small is looked at again.
    """
    if len(data) > UPLOAD_BYTES_MAX:
        raise _refused("文件超过 10 MB，请缩小后再传", "is larger than 10 MB: make it smaller")
    try:
        with Image.open(io.BytesIO(data), formats=_FORMATS) as opened:
            if opened.width * opened.height > PIXELS_MAX:
                raise _refused("像素过多（上限 5000 万）", "has more than 50 million pixels")
            sheet = ImageOps.exif_transpose(opened).convert("L")
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, EOFError) as problem:
        raise _refused(
            "不是能读的图片，请用 JPEG、PNG 或 WebP",
            "is no readable picture: send JPEG, PNG or WebP",
        ) from problem
    sheet.thumbnail((_EDGE_MAX_PX, _EDGE_MAX_PX))
    found: dict[Code, tuple[int, int]] = {}
    for look in _looks(sheet):
        for code, place in _codes(look):
            found.setdefault(code, place)
    return sorted(found, key=found.__getitem__)


def _looks(sheet: Image.Image) -> Iterator[Image.Image]:
    yield sheet
    yield ImageOps.autocontrast(sheet.filter(ImageFilter.MedianFilter(3)), cutoff=2)
    yield sheet.filter(ImageFilter.GaussianBlur(2))
    if max(sheet.size) <= _SMALL_PX:
        yield sheet.resize((sheet.width * 2, sheet.height * 2))


def _codes(look: Image.Image) -> Iterator[tuple[Code, tuple[int, int]]]:
    for one in zxingcpp.read_barcodes(look, formats=_QR):
        if (code := read_address(one.text)) is not None:
            corner = one.position.top_left
            yield code, (corner.y, corner.x)


def _refused(zh: str, en: str) -> Rejected:
    return Rejected("sheet", f"sheet：{zh}", f"sheet: {en}", pointer="/sheet")
