"""What a row of the register must look like; pure. Faults name the row and the field."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from shared.errors import Rejected

NAME_CHARACTERS_MAX = 64
NUMBER_CHARACTERS_MAX = 32
AREAS_MAX = 100_000
BIRTH_YEAR_MIN = 1880
LANGUAGES = ("zh", "en")

_LEVELS = ("district", "street", "community", "grid", "micro_grid")
_CHILDREN = ("streets", "communities", "grids", "micro_grids")
_unwanted = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]").search
_number = re.compile(r"[A-Za-z0-9_-]+").fullmatch
_phone = re.compile(r"\+?[0-9]{5,20}").fullmatch
_year = re.compile(r"[0-9]{4}").fullmatch


@dataclass(frozen=True, slots=True)
class AreaRow:
    """A district, street, community, grid or micro-grid."""

    code: str
    kind: str
    name: str
    parent_code: str | None


@dataclass(frozen=True, slots=True)
class ResidentRow:
    """A resident as listed; `phone` is digits, with a leading + where it was given."""

    resident_no: str
    household_no: str
    name: str
    phone: str | None
    birth_year: int | None
    grid_code: str
    language: str


def read_district(district: object) -> list[AreaRow]:
    """The tree as rows, parents before children; raises Rejected with a pointer into the tree."""
    rows: dict[str, AreaRow] = {}
    waiting: list[tuple[object, int, str | None, str]] = [(district, 0, None, "")]
    while waiting:
        node, level, parent, place = waiting.pop()
        if not isinstance(node, Mapping):
            raise _wrong_place(place, "须为 JSON 对象", "must be a JSON object")
        row = AreaRow(
            _area_text(node, "code", place), _LEVELS[level], _area_text(node, "name", place), parent
        )
        if row.code in rows:
            raise _wrong_place(f"{place}/code", f"编码 {row.code} 重复", f"{row.code} is twice")
        rows[row.code] = row
        if len(rows) > AREAS_MAX:
            raise _wrong_place("", f"超过 {AREAS_MAX} 个区域", f"more than {AREAS_MAX} areas")
        if level < len(_CHILDREN):
            name = _CHILDREN[level]
            children = node.get(name, [])
            if not isinstance(children, list):
                raise _wrong_place(f"{place}/{name}", "须为列表", "must be a list")
            waiting += [
                (child, level + 1, row.code, f"{place}/{name}/{index}")
                for index, child in enumerate(children)
            ][::-1]
    return list(rows.values())


def _area_text(node: Mapping[str, Any], name: str, place: str) -> str:
    value = node.get(name)
    most = NUMBER_CHARACTERS_MAX if name == "code" else NAME_CHARACTERS_MAX
    if not isinstance(value, str) or not value.strip() or len(value) > most or _unwanted(value):
        raise _wrong_place(
            f"{place}/{name}",
            f"须为 1 至 {most} 个字符的文字",
            f"must be text of 1 to {most} characters",
        )
    return value.strip()


def _wrong_place(place: str, zh: str, en: str) -> Rejected:
    shown = place or "/"
    return Rejected(
        "district", f"辖区文件 {shown}：{zh}", f"district, {shown}: {en}", pointer=place
    )


def read_resident(
    raw: Mapping[str, Any], row_number: int, grids: Collection[str], this_year: int
) -> ResidentRow:
    """A row of the list, checked; raises Rejected naming the row (from 1) and the field."""
    row = _Row(raw, row_number)
    grid_code = row.text("grid_code", NUMBER_CHARACTERS_MAX)
    if grid_code not in grids:
        raise row.wrong("grid_code", f"没有网格 {grid_code}", f"there is no grid {grid_code}")
    language = row.optional("language") or LANGUAGES[0]
    if language not in LANGUAGES:
        raise row.wrong("language", "只能是 zh 或 en", "must be zh or en")
    return ResidentRow(
        row.number("resident_no"),
        row.number("household_no"),
        row.text("name", NAME_CHARACTERS_MAX),
        row.phone(),
        row.birth_year(this_year),
        grid_code,
        language,
    )


class _Row:
    """One row; messages never repeat a name or a phone, because they are logged and shown."""

    def __init__(self, raw: Mapping[str, Any], row_number: int) -> None:
        self._raw = raw
        self._row_number = row_number

    def wrong(self, field: str, zh: str, en: str) -> Rejected:
        return Rejected(
            "row",
            f"第 {self._row_number} 行 {field}：{zh}",
            f"row {self._row_number}, {field}: {en}",
            pointer=f"/{self._row_number}/{field}",
        )

    def optional(self, field: str) -> str:
        value = self._raw.get(field)
        if value is None:
            return ""
        shown = str(value).strip() if isinstance(value, str | int) else ""
        if _unwanted(shown):
            raise self.wrong(field, "含有控制字符，请删去", "holds a control character: remove it")
        return shown

    def text(self, field: str, most: int) -> str:
        value = self.optional(field)
        if not 1 <= len(value) <= most:
            raise self.wrong(field, f"须有 1 至 {most} 个字符", f"must have 1 to {most} characters")
        return value

    def number(self, field: str) -> str:
        value = self.text(field, NUMBER_CHARACTERS_MAX)
        if _number(value) is None:
            raise self.wrong(
                field, "只能用字母、数字、- 和 _", "may hold only letters, digits, - and _"
            )
        return value

    def phone(self) -> str | None:
        value = re.sub(r"[ ()-]", "", self.optional("phone"))
        if value and _phone(value) is None:
            raise self.wrong("phone", "须为 5 至 20 位数字", "must have 5 to 20 digits")
        return value or None

    def birth_year(self, this_year: int) -> int | None:
        value = self.optional("birth_year")
        if not value:
            return None
        if _year(value) is None or not BIRTH_YEAR_MIN <= int(value) <= this_year:
            raise self.wrong(
                "birth_year",
                f"须为 {BIRTH_YEAR_MIN} 至 {this_year} 年",
                f"must be from {BIRTH_YEAR_MIN} to {this_year}",
            )
        return int(value)
