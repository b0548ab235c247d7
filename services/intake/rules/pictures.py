"""Photos as they are kept: made anew from what was sent, with nothing of the camera left in them.

Pure. What the camera wrote of time and place is read before it is dropped, and kept apart.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Final

from PIL import Image, ImageOps, ImageStat, UnidentifiedImageError
from PIL.Image import DecompressionBombError, DecompressionBombWarning

from shared.clock import DISTRICT_TIMEZONE
from shared.errors import Rejected

UPLOAD_BYTES_MAX: Final = 10 * 1024 * 1024
PIXELS_MAX: Final = 50_000_000  # 50 megapixels: beyond any phone; a bomb would be more
EDGE_MAX_PX: Final = 1600
THUMB_EDGE_PX: Final = 320
_FORMATS: Final = ("JPEG", "PNG", "WEBP")
_QUALITY: Final = 82
_THUMB_QUALITY: Final = 72
_EXIF_IFD: Final = 0x8769
_GPS_IFD: Final = 0x8825
_TAKEN: Final = 0x9003  # DateTimeOriginal
_TAKEN_OFFSET: Final = 0x9011  # OffsetTimeOriginal
_BLANK_DEVIATION: Final = 4.0  # of 0 to 255; a lens cap, a wall of white

# Of 64 bits: a photo saved anew differs in a few, two photos of one street in a dozen and more.
SAME_WITHIN: Final = 6
BANDS: Final = 4
_BAND_BITS: Final = 16


@dataclass(frozen=True, slots=True)
class Picture:
    """A photo ready to be kept; `likeness` is its perceptual hash of 64 bits, unsigned."""

    jpeg: bytes
    thumb: bytes
    width: int
    height: int
    likeness: int
    is_blank: bool
    taken_at: datetime | None
    lat: float | None
    lon: float | None


def make(data: bytes) -> Picture:
    """The photo made anew: upright, at most 1600 px, JPEG, without metadata. Raises Rejected."""
    if not data:
        raise _refused("没有收到照片，请重新选择", "no photo came: choose it again")
    if len(data) > UPLOAD_BYTES_MAX:
        raise _refused("照片超过 10 MB，请缩小后再传", "is larger than 10 MB: make it smaller")
    try:
        with Image.open(io.BytesIO(data), formats=_FORMATS) as opened:
            if opened.width * opened.height > PIXELS_MAX:
                raise _too_many_pixels()
            taken_at, place = _camera_words(opened)
            opened.draft("RGB", (EDGE_MAX_PX * 2, EDGE_MAX_PX * 2))
            upright = _flat(ImageOps.exif_transpose(opened))
    except (DecompressionBombError, DecompressionBombWarning) as problem:
        raise _too_many_pixels() from problem
    # Pillow raises these, and whatever its decoders stumble over, for files that are broken
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, EOFError) as problem:
        raise _refused(
            "不是能读的照片，请用 JPEG、PNG 或 WebP", "is no readable photo: send JPEG, PNG or WebP"
        ) from problem
    full = _within(upright, EDGE_MAX_PX)
    return Picture(
        jpeg=_jpeg(full, _QUALITY),
        thumb=_jpeg(_within(upright, THUMB_EDGE_PX), _THUMB_QUALITY),
        width=full.width,
        height=full.height,
        likeness=difference_hash(upright),
        is_blank=ImageStat.Stat(upright.convert("L")).stddev[0] < _BLANK_DEVIATION,
        taken_at=taken_at,
        lat=place[0] if place else None,
        lon=place[1] if place else None,
    )


def difference_hash(image: Image.Image) -> int:
    """64 bits: in each row of 9 grey fields, whether a field is brighter than its neighbour."""
    fields = image.convert("L").resize((9, 8), Image.Resampling.LANCZOS).tobytes()
    bits = 0
    for row in range(8):
        for column in range(8):
            left, right = fields[row * 9 + column], fields[row * 9 + column + 1]
            bits = bits << 1 | (left > right)
    return bits


def distance(one: int, other: int) -> int:
    """In how many of 64 bits two hashes differ."""
    return (one ^ other).bit_count()


def bands(likeness: int) -> list[int]:
    """Four numbers of which two hashes share one at least when they differ in 3 bits or fewer.

    An index finds rows by a shared number; those that differ in a few bits more share one nearly
    always, and `distance` then decides.
    """
    mask = (1 << _BAND_BITS) - 1
    return [(place << _BAND_BITS) | (likeness >> place * _BAND_BITS & mask) for place in range(4)]


def signed(likeness: int) -> int:
    """The 64 bits as PostgreSQL's bigint holds them."""
    return likeness - (1 << 64) if likeness >> 63 else likeness


def unsigned(stored: int) -> int:
    """The 64 bits back."""
    return stored & (1 << 64) - 1


def _flat(image: Image.Image) -> Image.Image:
    """RGB; what was transparent is white."""
    if image.mode in {"RGBA", "LA", "PA"} or "transparency" in image.info:
        layer = image.convert("RGBA")
        ground = Image.new("RGBA", layer.size, "white")
        return Image.alpha_composite(ground, layer).convert("RGB")
    return image.convert("RGB")


def _within(image: Image.Image, edge_px: int) -> Image.Image:
    copy = image.copy()
    copy.thumbnail((edge_px, edge_px), Image.Resampling.LANCZOS)
    return copy


def _jpeg(image: Image.Image, quality: int) -> bytes:
    # A new image without `info`: nothing of what was sent but its pixels goes on.
    bare = Image.new("RGB", image.size)
    bare.paste(image)
    out = io.BytesIO()
    bare.save(out, "JPEG", quality=quality, optimize=True)
    return out.getvalue()


def _camera_words(image: Image.Image) -> tuple[datetime | None, tuple[float, float] | None]:
    """When and where, as the camera wrote it; None for what it did not write, or not rightly."""
    try:
        exif = image.getexif()
        detail, gps = exif.get_ifd(_EXIF_IFD), exif.get_ifd(_GPS_IFD)
    except (OSError, ValueError, SyntaxError, KeyError, TypeError):
        return None, None
    return _taken_at(detail.get(_TAKEN), detail.get(_TAKEN_OFFSET)), _place(gps)


def _taken_at(written: object, offset: object) -> datetime | None:
    try:
        local = datetime.strptime(str(written).strip("\0 "), "%Y:%m:%d %H:%M:%S")  # noqa: DTZ007
    except ValueError:
        return None
    zone = _zone(str(offset or "").strip("\0 "))
    try:
        return local.replace(tzinfo=zone or DISTRICT_TIMEZONE).astimezone(UTC)
    except OverflowError:
        return None


def _zone(offset: str) -> timezone | None:
    """`+08:00`; None when it is something else, and the district's own time is meant."""
    try:
        hours, minutes = offset[1:].split(":")
        away = timedelta(hours=int(hours), minutes=int(minutes))
        return timezone(-away if offset[0] == "-" else away)
    except (ValueError, IndexError):
        return None


def _place(gps: dict[int, object]) -> tuple[float, float] | None:
    lat, lon = _degrees(gps.get(2), gps.get(1), "S"), _degrees(gps.get(4), gps.get(3), "W")
    if lat is None or lon is None or not (-90 <= lat <= 90 and -180 <= lon <= 180):
        return None
    # Cameras without a fix write zeros, which is a place in the Atlantic.
    return None if lat == 0 and lon == 0 else (lat, lon)


def _degrees(parts: object, half: object, negative: str) -> float | None:
    try:
        degrees, minutes, seconds = (float(part) for part in parts)  # type: ignore[attr-defined]
        value = degrees + minutes / 60 + seconds / 3600
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    if value != value:  # noqa: PLR0124 - a fraction over zero reads as NaN
        return None
    return -value if str(half).strip("\0 ").upper() == negative else value


def _too_many_pixels() -> Rejected:
    return _refused(
        "照片像素过多（上限 5000 万），请缩小后再传",
        "has too many pixels (at most 50 million): make it smaller",
    )


def _refused(zh: str, en: str) -> Rejected:
    return Rejected("photo", f"photo：{zh}", f"photo: {en}", pointer="/photo")
