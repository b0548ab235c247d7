"""A photo is made anew: upright, small, without what the camera wrote; its look is recognised."""

from __future__ import annotations

import io
import zlib
from datetime import UTC, datetime

import pytest
from PIL import Image, ImageEnhance

from services.intake.rules import pictures
from shared.errors import Rejected
from tests.unit.intake.camera import photo, scene

TAKEN = datetime(2026, 10, 21, 3, 15, 0, tzinfo=UTC)


def opened(jpeg: bytes) -> Image.Image:
    return Image.open(io.BytesIO(jpeg))


def test_time_and_place_are_read_and_then_gone() -> None:
    sent = photo(at=TAKEN, place=(31.2304, 121.4737))
    assert b"Camera of a test" in sent
    made = pictures.make(sent)
    assert made.taken_at == TAKEN
    assert (made.lat, made.lon) == pytest.approx((31.2304, 121.4737), abs=1e-6)
    for kept in (made.jpeg, made.thumb):
        assert b"Exif" not in kept
        assert b"Camera" not in kept
        assert dict(opened(kept).getexif()) == {}


def test_a_southern_and_western_place_is_negative() -> None:
    made = pictures.make(photo(place=(-33.5, -70.25)))
    assert (made.lat, made.lon) == pytest.approx((-33.5, -70.25), abs=1e-6)


def test_large_photos_get_small_and_small_ones_stay() -> None:
    large = pictures.make(photo(size=(3200, 2400)))
    assert (large.width, large.height) == (1600, 1200)
    assert opened(large.jpeg).size == (1600, 1200)
    assert max(opened(large.thumb).size) == 320
    assert opened(pictures.make(photo(size=(200, 100))).jpeg).size == (200, 100)


def test_a_photo_taken_sideways_stands_upright() -> None:
    half = Image.new("RGB", (400, 200), "black")
    half.paste("white", (0, 0, 200, 200))
    made = opened(pictures.make(photo(image=half, orientation=6)).jpeg)  # turn right by 90 degrees
    assert made.size == (200, 400)
    assert made.getpixel((100, 50))[0] > 200
    assert made.getpixel((100, 350))[0] < 50


@pytest.mark.parametrize("form", ["PNG", "WEBP"])
def test_other_forms_become_jpeg(form: str) -> None:
    assert opened(pictures.make(photo(form=form)).jpeg).format == "JPEG"


def test_what_was_transparent_is_white() -> None:
    clear = Image.new("RGBA", (64, 64), (0, 0, 0, 0))
    assert opened(pictures.make(photo(image=clear, form="PNG")).jpeg).getpixel((9, 9))[0] > 250


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"not an image",
        b"%PDF-1.7 " + b"x" * 100,
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"GIF89a" + b"\0" * 40,
        photo()[:300],
        b"x" * (pictures.UPLOAD_BYTES_MAX + 1),
    ],
    ids=["empty", "text", "pdf", "svg", "gif", "cut-off", "too-large"],
)
def test_what_is_no_photo_is_refused(data: bytes) -> None:
    with pytest.raises(Rejected) as caught:
        pictures.make(data)
    assert caught.value.pointer == "/photo"


def png_of(width: int, height: int) -> bytes:
    """A tiny file that says it is enormous."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            len(body).to_bytes(4, "big") + kind + body + zlib.crc32(kind + body).to_bytes(4, "big")
        )

    head = width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes([8, 2, 0, 0, 0])
    body = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


@pytest.mark.parametrize("edge", [7_100, 12_000, 60_000])
def test_a_bomb_is_refused_by_its_first_bytes(edge: int) -> None:
    with pytest.raises(Rejected) as caught:
        pictures.make(png_of(edge, edge))
    assert "像素" in caught.value.zh


def test_the_same_photo_is_known_again_after_it_was_changed_a_little() -> None:
    first = pictures.make(photo(1)).likeness
    smaller = scene(1).resize((500, 375))
    brighter = ImageEnhance.Brightness(scene(1)).enhance(1.1)
    for again in (smaller, brighter):
        likeness = pictures.make(photo(image=again)).likeness
        assert pictures.distance(first, likeness) <= pictures.SAME_WITHIN


def test_other_scenes_are_other_photos() -> None:
    hashes = [pictures.make(photo(seed)).likeness for seed in range(12)]
    least = min(
        pictures.distance(one, other) for n, one in enumerate(hashes) for other in hashes[:n]
    )
    assert least > pictures.SAME_WITHIN


def test_a_blank_photo_is_told() -> None:
    assert pictures.make(photo(image=Image.new("RGB", (300, 200), "black"))).is_blank
    assert not pictures.make(photo(3)).is_blank


def test_hashes_survive_the_database_and_share_a_band_when_they_are_near() -> None:
    for likeness in (0, 1, 1 << 63, (1 << 64) - 1, 0x0123456789ABCDEF):
        assert pictures.unsigned(pictures.signed(likeness)) == likeness
        for bits in (0b1, 1 << 63 | 1, 1 << 20 | 1 << 40 | 1):
            near = likeness ^ bits
            assert set(pictures.bands(likeness)) & set(pictures.bands(near))
