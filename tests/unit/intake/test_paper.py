"""A code that we print is read back equal: turned, pale, speckled, and several on one sheet."""

from __future__ import annotations

import io
import random

import pytest
import segno
from PIL import Image, ImageEnhance, ImageFilter

from services.intake.rules.paper import Code, read_address, read_sheet
from services.intake.rules.requests import new_public_code
from shared.errors import Rejected

A4_PX = (1240, 1754)  # at 150 dpi


def code_image(address: str, scale: int = 5) -> Image.Image:
    out = io.BytesIO()
    segno.make(address, error="m", micro=False).save(out, kind="png", scale=scale, border=4)
    return Image.open(out).convert("L")


def sheet_of(*addresses: str, scale: int = 5) -> Image.Image:
    sheet = Image.new("L", A4_PX, 255)
    for place, address in enumerate(addresses):
        sheet.paste(code_image(address, scale), (120 + place % 3 * 350, 150 + place // 3 * 420))
    return sheet


def jpeg(image: Image.Image, quality: int = 60) -> bytes:
    out = io.BytesIO()
    image.save(out, "JPEG", quality=quality)
    return out.getvalue()


def speckled(image: Image.Image, share: float, seed: int = 7) -> Image.Image:
    chance, noisy = random.Random(seed), image.copy()
    pixels = noisy.load()
    assert pixels is not None
    for _ in range(int(image.width * image.height * share)):
        pixels[chance.randrange(image.width), chance.randrange(image.height)] = chance.choice(
            (0, 255)
        )
    return noisy


@pytest.mark.parametrize("degrees", [0, 7, 45, 90, 173, 180, 270])
def test_a_sheet_is_read_whichever_way_it_lies(degrees: int) -> None:
    code = new_public_code()
    turned = sheet_of(f"http://linli.example/t/{code}").rotate(degrees, expand=True, fillcolor=255)
    assert read_sheet(jpeg(turned)) == [Code("request", code)]


def test_several_codes_are_read_from_the_top_to_the_bottom() -> None:
    codes = [new_public_code() for _ in range(6)]
    kinds = ["t", "p", "h", "t", "t", "p"]
    addresses = [
        f"https://x.example:8443/{kind}/{code}" for kind, code in zip(kinds, codes, strict=True)
    ]
    found = read_sheet(jpeg(sheet_of(*addresses)))
    assert {one.code for one in found} == set(codes)
    assert [one.kind for one in found if one.code in codes[:3]].count("request") == 1
    assert {one.code for one in found[:3]} == set(codes[:3])


@pytest.mark.parametrize(
    "spoil",
    [
        lambda sheet: speckled(sheet, 0.03),
        lambda sheet: sheet.filter(ImageFilter.GaussianBlur(1.6)),
        lambda sheet: ImageEnhance.Contrast(sheet).enhance(0.25),
        lambda sheet: speckled(sheet.rotate(11, expand=True, fillcolor=255), 0.02),
        lambda sheet: sheet.resize((sheet.width // 2, sheet.height // 2)),
    ],
    ids=["speckled", "blurred", "pale", "turned and speckled", "small"],
)
def test_a_bad_scan_is_read_all_the_same(spoil: object) -> None:
    assert callable(spoil)
    code = new_public_code()
    spoilt = spoil(sheet_of(f"http://linli.example/p/{code}"))
    assert read_sheet(jpeg(spoilt, quality=40)) == [Code("form", code)]


@pytest.mark.parametrize(
    "said",
    [
        "https://elsewhere.example/pay?amount=1",
        "http://linli.example/t/AAAAAAAAAAAA/../../x",
        "javascript:alert(1)",
        "/t/123456789012",
        "",
    ],
)
def test_codes_of_others_lead_nowhere(said: str) -> None:
    assert read_address(said) is None


def test_a_code_is_read_as_people_type_it() -> None:
    code = new_public_code()
    assert read_address(
        f"/h/{code[:4]}-{code[4:8]}-{code[8:]}".lower().replace("/H/", "/h/")
    ) == Code("application", code)


@pytest.mark.parametrize("data", [b"", b"%PDF-1.4 not a picture", b"\xff\xd8\xff\xe0broken"])
def test_what_is_no_picture_says_so(data: bytes) -> None:
    with pytest.raises(Rejected) as caught:
        read_sheet(data)
    assert caught.value.pointer == "/sheet"
