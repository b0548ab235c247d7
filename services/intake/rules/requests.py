"""What a request may say: its words and limits. Pure."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from shared.errors import Rejected

DOORS: Final = ("partner", "counter", "tea_stall", "patrol", "phone", "page", "open311")
NATURES: Final = (
    "consult",  # 咨询
    "help",  # 求助
    "complaint",  # 投诉
    "report",  # 举报
    "suggestion",  # 建议
    "thanks",  # 感谢
    "other",  # 其他
)
TRACKS: Final = ("community", "village")  # 双轨: who answers for it
URGENCIES: Final = ("normal", "urgent", "critical")
TITLE_CHARACTERS_MAX: Final = 120
DESCRIPTION_CHARACTERS_MAX: Final = 4000
CLIENT_ID_CHARACTERS_MAX: Final = 128

_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's base 32: no I, L, O, U
_CODE_CHARACTERS: Final = 11
_READ_AS: Final = str.maketrans("OIL", "011")


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRequest:
    """What a door asks to be opened; `client_id` is the door's own id: safe to repeat."""

    door: str
    title: str
    description: str
    category: str
    grid_code: str
    opened_at: datetime
    client_id: str | None = None
    nature: str = "help"
    urgency: str = "normal"
    resident_no: str | None = None
    contact: dict[str, str] | None = None  # name, phone, email of somebody not in the register
    building_no: str | None = None
    address: str | None = None
    lat: float | None = None
    lon: float | None = None
    track: str | None = None
    scene: str | None = None
    is_public: bool = False  # released as it is, where the door's category is public
    facts: dict[str, Any] = field(default_factory=dict)  # the door's own codes and numbers


def check(new: NewRequest) -> None:
    """Raises Rejected naming the field."""
    _listed("door", new.door, DOORS)
    _listed("nature", new.nature, NATURES)
    _listed("urgency", new.urgency, URGENCIES)
    if new.track is not None:
        _listed("track", new.track, TRACKS)
    _length("title", new.title, TITLE_CHARACTERS_MAX)
    _length("description", new.description, DESCRIPTION_CHARACTERS_MAX, least=0)
    if new.client_id is not None:
        _length("client_id", new.client_id, CLIENT_ID_CHARACTERS_MAX)
    if (new.lat is None) != (new.lon is None):
        raise _wrong("lat", "经纬度须同时给出", "give lat and lon together")
    if (
        new.lat is not None
        and new.lon is not None
        and not (-90 <= new.lat <= 90 and -180 <= new.lon <= 180)
    ):
        raise _wrong("lat", "经纬度超出范围", "lat or lon is out of range")


def _listed(name: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        listed = "、".join(known)
        raise _wrong(name, f"须为其中之一：{listed}", f"must be one of {', '.join(known)}")


def _length(name: str, value: str, most: int, *, least: int = 1) -> None:
    if not least <= len(value.strip()) or len(value) > most or "\x00" in value:
        raise _wrong(
            name, f"须为 {least} 至 {most} 个字符", f"must have {least} to {most} characters"
        )


def _wrong(name: str, zh: str, en: str) -> Rejected:
    return Rejected("request", f"{name}：{zh}", f"{name}: {en}", pointer=f"/{name}")


def new_public_code() -> str:
    """12 characters: 55 random bits and a check character (weights 1, 2, 3 … modulo 31)."""
    body = "".join(_ALPHABET[byte & 31] for byte in os.urandom(_CODE_CHARACTERS))
    return body + _check_character(body)


def read_public_code(typed: str) -> str | None:
    """The code as stored, whatever case or look-alike was typed; None when it cannot be one."""
    code = typed.strip().upper().replace("-", "").replace(" ", "").translate(_READ_AS)
    if len(code) != _CODE_CHARACTERS + 1 or any(each not in _ALPHABET for each in code):
        return None
    return code if code[-1] == _check_character(code[:-1]) else None


def _check_character(body: str) -> str:
    total = sum((place + 1) * _ALPHABET.index(each) for place, each in enumerate(body))
    return _ALPHABET[total % 31]
