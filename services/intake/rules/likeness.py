"""Which requests look like one matter: near in place, alike in words, perhaps by one person. Pure.

It proposes; a person decides. The score is out of 100 and is told with its parts.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from math import asin, cos, radians, sin, sqrt
from typing import Final

from rapidfuzz import fuzz

WINDOW: Final = timedelta(days=30)
NEAR_M: Final = 250  # where the rules say nothing of the category
SCORE_MIN: Final = 60
TEXT_WEIGHT, PLACE_WEIGHT = 65, 35
PERSON_BONUS: Final = 10
ODDS: Final = 30  # taken off where the texts name different houses
TEXT_CHARACTERS_MAX: Final = 400

_EARTH_M: Final = 6_371_000
_SAME_SPOT_M: Final = 40
_DIGITS: Final = str.maketrans("一二三四五六七八九两〇零", "123456789200")
# Words that every request may have; they say nothing of what it is about.
_FILLERS = re.compile(
    "你好|您好|麻烦|谢谢|请问|请|希望|尽快|有关部门|相关部门|居民|反映|我们|我家|小区里|小区内|小区"
    "|社区|能不能|可不可以|处理一下|处理|解决一下|解决|帮忙|安排|一下|已经|现在|这里|那里|一直"
    "|好几天|好多天|几天|天了|了|的|吗|呢|吧|啊|很|都|也|就|在|是|有|又|还|着|们|把|被|让|来|去"
)
_LETTERS = re.compile(r"[^0-9a-z\u4e00-\u9fff]+")
_HOUSE = re.compile(r"([0-9]+)(?:号楼|栋|幢|座)")
_ENTRY = re.compile(r"([0-9]+)单元")


@dataclass(frozen=True)
class Matter:
    """What of a request is compared; `place` is (grid, building)."""

    text: str
    grid_code: str
    building_no: str | None
    lat: float | None
    lon: float | None
    resident_no: str | None
    opened_at: datetime

    @cached_property
    def words(self) -> str:
        """The text without marks, fillers and ways of writing numbers."""
        return _FILLERS.sub("", self.letters)

    @cached_property
    def letters(self) -> str:
        """The text's letters and digits, Chinese numbers as digits."""
        plain = unicodedata.normalize("NFKC", self.text[:TEXT_CHARACTERS_MAX]).lower()
        return _LETTERS.sub("", plain.translate(_DIGITS))

    @cached_property
    def pairs(self) -> frozenset[str]:
        """The words' 2-grams."""
        return frozenset(a + b for a, b in zip(self.words, self.words[1:], strict=False))


@dataclass(frozen=True, slots=True)
class Score:
    """`total` of 100, and its parts for whoever decides."""

    total: int
    text: int
    place: int
    distance_m: int | None
    same_person: bool
    other_house: bool

    def parts(self) -> dict[str, object]:
        """For the row: numbers and flags only."""
        return {
            "text": self.text,
            "place": self.place,
            "distance_m": self.distance_m,
            "same_person": self.same_person,
            "other_house": self.other_house,
        }


def near_m(radii: Mapping[str, int], category: str) -> int:
    """How far alike requests of a category may be apart; the longest beginning decides."""
    fitting = [begin for begin in radii if category.startswith(begin)]
    return radii[max(fitting, key=len)] if fitting else NEAR_M


def compare(one: Matter, other: Matter, radius_m: int) -> Score | None:
    """How alike two requests of one category are; None where place or time keep them apart."""
    if abs(one.opened_at - other.opened_at) > WINDOW:
        return None
    distance = distance_m(one, other)
    place = _place(one, other, distance, radius_m)
    same_person = one.resident_no is not None and one.resident_no == other.resident_no
    if place is None:
        if not same_person or one.grid_code != other.grid_code:
            return None
        place = 0  # one person, one grid: it may be the same fact told again
    text = _text(one, other)
    other_house = _is_elsewhere(one, other)
    total = (TEXT_WEIGHT * text + PLACE_WEIGHT * place) // 100
    total += PERSON_BONUS * same_person - ODDS * other_house
    bounded = max(0, min(100, total))
    return Score(
        bounded,
        text,
        place,
        None if distance is None else round(distance),
        same_person,
        other_house,
    )


def distance_m(one: Matter, other: Matter) -> float | None:
    """Metres along the ground; None where one has no coordinates."""
    if one.lat is None or one.lon is None or other.lat is None or other.lon is None:
        return None
    north = radians(other.lat - one.lat)
    east = radians(other.lon - one.lon)
    chord = (
        sin(north / 2) ** 2 + cos(radians(one.lat)) * cos(radians(other.lat)) * sin(east / 2) ** 2
    )
    return 2 * _EARTH_M * asin(sqrt(min(1.0, chord)))


def _place(one: Matter, other: Matter, distance: float | None, radius_m: int) -> int | None:
    """100 on the same spot, 50 at the radius; None further away or in another grid."""
    if distance is not None:
        if distance > radius_m:
            return None
        if distance <= _SAME_SPOT_M:
            return 100
        return 100 - round(50 * distance / radius_m)
    if one.grid_code != other.grid_code:
        return None
    if one.building_no is not None and other.building_no is not None:
        return 100 if one.building_no == other.building_no else None
    return 60  # one grid; what house is not known


def _text(one: Matter, other: Matter) -> int:
    """Of 100: common 2-grams, common letters of the shorter text, and its best fit in the other."""
    if not one.words or not other.words:
        return 0
    common = len(one.pairs & other.pairs)
    size = len(one.pairs) + len(other.pairs)
    pairs = 200 * common // size if size else 0
    letters, others = set(one.words), set(other.words)
    shared = 100 * len(letters & others) // min(len(letters), len(others))
    fit = fuzz.partial_ratio(one.words, other.words)
    return max(pairs, round(0.45 * shared + 0.35 * fit + 0.2 * pairs))


def _is_elsewhere(one: Matter, other: Matter) -> bool:
    """Whether both texts name houses, or entries, and none in common."""
    for named in (_HOUSE, _ENTRY):
        here, there = set(named.findall(one.letters)), set(named.findall(other.letters))
        if here and there and here.isdisjoint(there):
            return True
    return False
