"""Photos for tests: made, not taken, with whatever a camera would write into them."""

from __future__ import annotations

import io
import random
from datetime import datetime

from PIL import Image
from PIL.ExifTags import IFD

from shared.clock import DISTRICT_TIMEZONE


def scene(seed: int, size: tuple[int, int] = (640, 480)) -> Image.Image:
    """A picture with large patches of its own; another seed is another scene."""
    chance = random.Random(seed)
    fields = Image.new("RGB", (12, 9))
    fields.putdata([tuple(chance.randrange(256) for _ in range(3)) for _ in range(108)])
    return fields.resize(size, Image.Resampling.BICUBIC)


def photo(
    seed: int = 1,
    *,
    size: tuple[int, int] = (640, 480),
    at: datetime | None = None,
    place: tuple[float, float] | None = None,
    orientation: int | None = None,
    image: Image.Image | None = None,
    form: str = "JPEG",
) -> bytes:
    """The file of a photo, with EXIF where something of it is given; `place` is (lat, lon)."""
    shown = image or scene(seed, size)
    exif = Image.Exif()
    if orientation:
        exif[0x0112] = orientation
    if at or place:
        exif[0x010F] = "Camera of a test"
    if at:
        detail = exif.get_ifd(IFD.Exif)
        detail[0x9003] = at.astimezone(DISTRICT_TIMEZONE).strftime("%Y:%m:%d %H:%M:%S")
        detail[0x9011] = "+08:00"
    if place:
        gps = exif.get_ifd(IFD.GPSInfo)
        gps[1], gps[2] = ("S" if place[0] < 0 else "N"), _parts(abs(place[0]))
        gps[3], gps[4] = ("W" if place[1] < 0 else "E"), _parts(abs(place[1]))
    out = io.BytesIO()
    shown.save(out, form, exif=exif, **({"quality": 92} if form == "JPEG" else {}))
    return out.getvalue()


def _parts(degrees: float) -> tuple[float, float, float]:
    whole = int(degrees)
    minutes = int((degrees - whole) * 60)
    return float(whole), float(minutes), round((degrees - whole - minutes / 60) * 3600, 4)
