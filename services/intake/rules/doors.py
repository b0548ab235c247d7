"""Door numbers as people write them: 3-1-502, 3号楼1单元502室, 3栋502. Pure."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Final

LABEL_CHARACTERS_MAX: Final = 16

_BUILDING = r"(?P<label>[0-9A-Za-z一二三四五六七八九十甲乙丙丁]{1,16})"
_written = re.compile(
    _BUILDING + r"(?:号楼|号|楼|栋|幢|座)(?:(?P<unit>[0-9A-Za-z]{1,8})(?:单元|门))?"
    r"(?P<room>[0-9A-Za-z]{1,8})(?:室|户|号)?"
).fullmatch
_short = re.compile(
    r"(?P<label>[0-9A-Za-z]{1,16})-(?:(?P<unit>[0-9A-Za-z]{1,8})-)?(?P<room>[0-9A-Za-z]{1,8})"
).fullmatch
_plain = re.compile(r"[0-9A-Za-z]{1,16}").fullmatch


@dataclass(frozen=True, slots=True)
class Door:
    """A room by its building's label, its unit ("" where the building has none) and its number."""

    label: str
    unit: str
    room: str

    def __str__(self) -> str:
        return "-".join(part for part in (self.label, self.unit, self.room) if part)


def read_door(typed: str) -> Door | None:
    """What was meant; None when it is no door number. Widths, case and dashes do not matter."""
    plain = unicodedata.normalize("NFKC", typed).upper()
    plain = re.sub(r"[‐‑‒–—−－/#]", "-", re.sub(r"\s+", "", plain))
    found = _short(plain) or _written(plain)
    if found is None:
        return None
    return Door(found["label"], found["unit"] or "", found["room"])


def read_part(typed: str) -> str | None:
    """A label, unit or room number as stored (half width, upper case); None when it cannot be."""
    plain = unicodedata.normalize("NFKC", typed).strip().upper()
    return plain if plain == "" or _plain(plain) else None
