"""What a client posts, read: an empty parameter is none, and every fault is found at once."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from services.intake.rules.open311.attributes import FIXMYSTREET_ID
from services.intake.rules.open311.faults import Fault, bad, missing
from services.intake.rules.requests import DESCRIPTION_CHARACTERS_MAX, TITLE_CHARACTERS_MAX

Form = Mapping[str, Sequence[str]]

ADDRESS_CHARACTERS_MAX: Final = 200
CODE_CHARACTERS_MAX: Final = 64
NAME_CHARACTERS_MAX: Final = 64
URL_CHARACTERS_MAX: Final = 2000
ID_CHARACTERS_MAX: Final = 255
MEDIA_MAX: Final = 10
_TITLE_CHARACTERS: Final = 40

_ATTRIBUTE = re.compile(r"attribute\[([^\[\]]{1,64})\](?:\[\])?")
_EMAIL = re.compile(r"[^\s@]{1,64}@[^\s@]{1,180}")
_PHONE = re.compile(r"\+?[0-9][0-9 ()\-]{4,30}")
_HAN = re.compile(r"[\u3400-\u9fff\U00020000-\U0003ffff]")
# The hundred commonest: enough to tell a family name from a given one in most cases.
_FAMILY_NAMES: Final = frozenset(
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何林高罗郑梁谢宋唐许韩邓冯曹彭曾肖田董潘袁蔡蒋余于杜叶程"
    "魏苏吕丁任卢姚沈钟姜崔谭陆范汪廖石金韦贾夏付方邹熊白孟秦邱侯江尹薛闫段雷龙黎史陶贺毛郝顾"
    "龚邵万覃武钱戴严莫孔向常汤"
) | {"欧阳", "司徒", "上官", "诸葛", "司马", "夏侯", "东方", "皇甫", "尉迟", "公孙", "慕容", "令狐"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Posted:
    """A request as a client sent it, sound as far as its form alone can tell.

    `same_as` is the client's own id of it (see `_identity`); `digest` is of all it said.
    """

    service_code: str
    digest: bytes
    jurisdiction: str | None = None
    lat: float | None = None  # WGS84, degrees
    lon: float | None = None
    address: str | None = None
    address_id: str | None = None
    description: str = ""
    contact: Mapping[str, str] = field(default_factory=dict)  # name, phone, email, device_id …
    account_id: str | None = None
    media_urls: tuple[str, ...] = ()
    answers: Mapping[str, Sequence[str]] = field(default_factory=dict)
    same_as: str | None = None
    is_same_whatever_it_says: bool = False


class _Reading:
    """One form: what is in it by name, and what was found wrong with it."""

    def __init__(self, form: Form) -> None:
        self.faults: list[Fault] = []
        self.form = {
            name: kept
            for name, values in form.items()
            if (kept := [value.strip() for value in values if value.strip()])
        }
        if any("\x00" in text for name in self.form for text in (name, *self.form[name])):
            self.faults.append(
                bad("form", "含有无法保存的字符", "holds characters nobody can keep")
            )

    def one(self, name: str, most: int) -> str | None:
        """The parameter, when it is given and no longer than that."""
        values = self.form.get(name)
        if not values:
            return None
        if len(values[0]) > most:
            self.faults.append(bad(name, f"不得超过 {most} 个字符", f"at most {most} characters"))
            return None
        return values[0]

    def matching(self, name: str, form: re.Pattern[str], zh: str, en: str) -> str | None:
        value = self.one(name, ID_CHARACTERS_MAX)
        if value is not None and form.fullmatch(value) is None:
            self.faults.append(bad(name, zh, en))
            return None
        return value


def read_posted(
    form: Form, idempotency_key: str | None = None, photos: Sequence[bytes] = ()
) -> tuple[Posted | None, list[Fault]]:
    """The request, and what is wrong; None where its service code cannot even be read.

    `idempotency_key` is the header of that name; photos tell one request from another, too.
    """
    reading = _Reading(form)
    code = reading.one("service_code", CODE_CHARACTERS_MAX)
    if "service_code" not in reading.form:
        reading.faults.append(missing("service_code"))
    lat, lon = _place(reading)
    digest = _digest(reading.form, photos)
    same_as, is_same = _identity(reading, idempotency_key, digest)
    posted = Posted(
        service_code=code or "",
        digest=digest,
        jurisdiction=reading.one("jurisdiction_id", CODE_CHARACTERS_MAX),
        lat=lat,
        lon=lon,
        address=reading.one("address_string", ADDRESS_CHARACTERS_MAX),
        address_id=reading.one("address_id", CODE_CHARACTERS_MAX),
        description=reading.one("description", DESCRIPTION_CHARACTERS_MAX) or "",
        contact=_contact(reading),
        account_id=reading.one("account_id", ID_CHARACTERS_MAX),
        media_urls=_media(reading),
        answers=_answers(reading.form),
        same_as=same_as,
        is_same_whatever_it_says=is_same,
    )
    return (posted if code else None), reading.faults


def title_of(posted: Posted, service_name: str) -> str:
    """The first line of what was described, or the service's name."""
    lines = posted.description.splitlines()
    first = lines[0].strip() if lines else ""
    if len(first) > _TITLE_CHARACTERS:
        first = first[: _TITLE_CHARACTERS - 1] + "…"
    return first or service_name[:TITLE_CHARACTERS_MAX]


def joined_name(first: str, last: str) -> str:
    """王芳 from (芳, 王), (王芳, ) or (王, 芳); a blank stands only between names without Han."""
    if not first or not last:
        return first or last
    if not (_HAN.search(first) or _HAN.search(last)):
        return f"{first} {last}"
    # Forms made elsewhere ask for the given name first; a name cut at a blank has it last.
    if last in _FAMILY_NAMES and first not in _FAMILY_NAMES:
        return last + first
    return first + last


def _place(reading: _Reading) -> tuple[float | None, float | None]:
    lat, lon = _degrees(reading, "lat", 90), _degrees(reading, "long", 180)
    given = [name for name in ("lat", "long") if name in reading.form]
    if len(given) == 1:
        other = "long" if given == ["lat"] else "lat"
        reading.faults.append(bad(other, "lat 与 long 须同时给出", "give lat and long together"))
    if not given and not {"address_string", "address_id"} & reading.form.keys():
        reading.faults.append(
            Fault(
                400,
                "location",
                "须给出地点：lat 和 long，或 address_string，或 address_id",
                "say where: lat and long, or address_string, or address_id",
            )
        )
    return (lat, lon) if lat is not None and lon is not None else (None, None)


def _degrees(reading: _Reading, name: str, most: int) -> float | None:
    value = reading.one(name, CODE_CHARACTERS_MAX)
    if value is None:
        return None
    try:
        degrees = float(value)
    except ValueError:
        degrees = math.nan
    if not math.isfinite(degrees) or abs(degrees) > most:
        reading.faults.append(
            bad(name, f"须为 -{most} 至 {most} 的数字", f"must be a number from -{most} to {most}")
        )
        return None
    return degrees


def _contact(reading: _Reading) -> dict[str, str]:
    first = reading.one("first_name", NAME_CHARACTERS_MAX) or ""
    last = reading.one("last_name", NAME_CHARACTERS_MAX) or ""
    found = {
        "name": joined_name(first, last),
        "email": reading.matching("email", _EMAIL, "不是邮箱地址", "is no e-mail address"),
        "phone": reading.matching("phone", _PHONE, "不是电话号码", "is no phone number"),
        "device_id": reading.one("device_id", ID_CHARACTERS_MAX),
        "account_id": reading.one("account_id", ID_CHARACTERS_MAX),
    }
    return {name: value for name, value in found.items() if value}


def _media(reading: _Reading) -> tuple[str, ...]:
    values = reading.form.get("media_url", [])
    if len(values) > MEDIA_MAX:
        reading.faults.append(bad("media_url", f"至多 {MEDIA_MAX} 个", f"at most {MEDIA_MAX}"))
        return ()
    if not all(is_web_address(value) for value in values):
        reading.faults.append(
            bad("media_url", "须为 http 或 https 地址", "must be an http or https address")
        )
        return ()
    return tuple(values)


def is_web_address(text: str) -> bool:
    """Whether it looks like one; nobody ever fetches it."""
    if len(text) > URL_CHARACTERS_MAX or any(ord(each) < 0x21 for each in text):
        return False
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        return False


def _answers(form: Form) -> dict[str, list[str]]:
    answers: dict[str, list[str]] = {}
    for name, values in form.items():
        found = _ATTRIBUTE.fullmatch(name)
        if found is not None:
            answers.setdefault(found[1], []).extend(values)
    return answers


def _identity(
    reading: _Reading, idempotency_key: str | None, digest: bytes
) -> tuple[str | None, bool]:
    """By what a second try is known, and whether it is one even if it says something else.

    FixMyStreet's number stands for its report, also when that was edited between two tries. A
    device that says the very same again says it twice.
    """
    own = _answers(reading.form).get(FIXMYSTREET_ID)
    if own:
        return f"f:{_short(own[0])}", True
    if idempotency_key and idempotency_key.strip():
        return f"k:{_short(idempotency_key.strip())}", False
    device = reading.form.get("device_id")
    if device:
        return f"d:{_short(device[0])}:{digest.hex()[:32]}", False
    return None, False


def _short(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:32]


def _digest(form: Form, photos: Sequence[bytes]) -> bytes:
    said = sorted((name, list(values)) for name, values in form.items() if name != "api_key")
    whole = hashlib.sha256(json.dumps(said).encode())
    for photo in photos:
        whole.update(hashlib.sha256(photo).digest())
    return whole.digest()
