"""The sheets of the register's workbook: their columns, and what each cell must be. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

from services.intake.rules.doors import read_part
from services.intake.rules.people import (
    BUILDING_KINDS,
    ORIGINS,
    RESIDENCES,
    ROLES,
    ROOM_USAGES,
    WHEREABOUTS,
)
from services.intake.rules.registration import BIRTH_YEAR_MIN, LANGUAGES, NAME_CHARACTERS_MAX
from services.intake.rules.workbooks import Rows

FAULTS_MAX: Final = 200
UNIT_KINDS: Final = ("desk", "department", "village", "team", "outside")
DUTIES: Final = ("clerk", "dispatcher", "handler", "checker", "head", "secretary")
YES_NO: Final = ("1", "0")

_number = re.compile(r"[A-Za-z0-9_-]{1,32}").fullmatch
_place = re.compile(r"[A-Za-z0-9_-]{1,64}").fullmatch
_phone = re.compile(r"\+?[0-9]{5,20}").fullmatch
_masked_phone = re.compile(r"[0-9+]{0,3}\*+[0-9]{0,4}").fullmatch
_day = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}").fullmatch
_unwanted = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]").search


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with one cell, without repeating what it holds of a person."""

    sheet: str
    row: int
    field: str
    zh: str
    en: str

    def told(self) -> dict[str, object]:
        """As it is stored and shown."""
        return {
            "sheet": self.sheet,
            "row": self.row,
            "field": self.field,
            "zh": self.zh,
            "en": self.en,
        }


Read = Callable[[str], Any]


class Wrong(Exception):
    """A cell that cannot be: (Chinese, English)."""

    def __init__(self, zh: str, en: str) -> None:
        super().__init__(en)
        self.zh, self.en = zh, en


def _need(value: str) -> str:
    if not value:
        raise Wrong("必填", "must be given")
    return value


def _text(most: int) -> Read:
    def read(value: str) -> str:
        if len(_need(value)) > most or _unwanted(value):
            raise Wrong(
                f"须为不超过 {most} 个字符的文字", f"must be text of at most {most} characters"
            )
        return value

    return read


def _code(value: str) -> str:
    if not _place(_need(value)):
        raise Wrong("只能用字母、数字、- 和 _", "may hold only letters, digits, - and _")
    return value


def _resident_no(value: str) -> str:
    if not _number(_need(value)):
        raise Wrong("只能用字母、数字、- 和 _", "may hold only letters, digits, - and _")
    return value


def _digits(value: str) -> str:
    filled = _need(value).zfill(5)  # spreadsheets drop zeros in front
    if len(filled) != 5 or not (filled.isascii() and filled.isdigit()):
        raise Wrong("须为 5 位数字", "must be five digits")
    return filled


def _part(value: str) -> str:
    read = read_part(value)
    if read is None:
        raise Wrong("只能用数字和字母", "may hold digits and letters only")
    return read


def _door_part(value: str) -> str:
    return _part(_need(value))


def _one_of(*known: str) -> Read:
    def read(value: str) -> str:
        if value not in known:
            raise Wrong(f"须为其中之一：{'、'.join(known)}", f"must be one of {', '.join(known)}")
        return value

    return read


def _or(read: Read, nothing: Any = None) -> Read:
    return lambda value: read(value) if value else nothing


def _within(least: int, most: int) -> Read:
    def read(value: str) -> float:
        try:
            number = float(value)
        except ValueError:
            number = most + 1.0
        if not least <= number <= most:
            raise Wrong(f"须为 {least} 至 {most} 的数", f"must be a number from {least} to {most}")
        return number

    return read


def _year(value: str) -> int:
    most = date.max.year
    if not (value.isascii() and value.isdigit() and BIRTH_YEAR_MIN <= int(value) <= most):
        raise Wrong("须为四位年份", "must be a year")
    return int(value)


def _date(value: str) -> date:
    try:
        if _day(value):
            return date.fromisoformat(value)
    except ValueError:
        pass
    raise Wrong("须为日期，如 2026-05-01", "must be a day such as 2026-05-01")


def _any_phone(value: str) -> str:
    plain = re.sub(r"[ ()-]", "", value)
    if not _phone(plain) and not _masked_phone(plain):
        raise Wrong("须为 5 至 20 位数字", "must have 5 to 20 digits")
    return plain


@dataclass(frozen=True, slots=True)
class SheetKind:
    """A sheet: its columns in order, the Chinese word of each, and what makes a row the same."""

    zh: str
    columns: Mapping[str, tuple[str, Read]]
    key: tuple[str, ...]


SHEETS: Final[Mapping[str, SheetKind]] = {
    "micro_grids": SheetKind(
        "微网格",
        {"code": ("编码", _resident_no), "name": ("名称", _text(NAME_CHARACTERS_MAX)),
         "grid_code": ("网格编码", _code)},
        ("code",),
    ),
    "buildings": SheetKind(
        "楼栋",
        {"grid_code": ("网格编码", _code), "number": ("五位楼栋号", _digits),
         "label": ("楼号", _door_part), "kind": ("类别", _one_of(*BUILDING_KINDS)),
         "address": ("地址", _text(200)), "lat": ("纬度", _or(_within(-90, 90))),
         "lon": ("经度", _or(_within(-180, 180))), "micro_grid_code": ("微网格", _or(_code))},
        ("grid_code", "number"),
    ),
    "rooms": SheetKind(
        "户室",
        {"building_no": ("楼栋码", _code), "unit": ("单元", _part), "room": ("户室", _door_part),
         "usage": ("用途", _one_of(*ROOM_USAGES))},
        ("building_no", "unit", "room"),
    ),
    "households": SheetKind(
        "户",
        {"household_no": ("户编号", _resident_no), "building_no": ("楼栋码", _code),
         "unit": ("单元", _part), "room": ("户室", _door_part),
         "residence": ("居住情况", _or(_one_of(*RESIDENCES))),
         "origin": ("人口类别", _or(_one_of(*ORIGINS)))},
        ("household_no",),
    ),
    "residents": SheetKind(
        "居民",
        {"resident_no": ("居民编号", _resident_no), "household_no": ("户编号", _resident_no),
         "name": ("姓名", _text(NAME_CHARACTERS_MAX)), "phone": ("电话", _or(_any_phone)),
         "birth_year": ("出生年", _or(_year)), "grid_code": ("网格编码", _code),
         "language": ("语言", _or(_one_of(*LANGUAGES), LANGUAGES[0])),
         "whereabouts": ("去向", _or(_one_of(*WHEREABOUTS), WHEREABOUTS[0])),
         "micro_grid_code": ("微网格", _or(_code))},
        ("resident_no",),
    ),
    "roles": SheetKind(
        "身份",
        {"resident_no": ("居民编号", _resident_no), "role": ("身份", _one_of(*ROLES)),
         "area_code": ("范围", _code), "since": ("自", _date), "until": ("至", _or(_date))},
        ("resident_no", "role"),
    ),
    "units": SheetKind(
        "承办单位",
        {"unit_code": ("代号", _resident_no), "kind": ("类别", _one_of(*UNIT_KINDS)),
         "name": ("名称", _text(NAME_CHARACTERS_MAX)),
         "name_en": ("英文名称", _text(NAME_CHARACTERS_MAX)), "area_code": ("范围", _code),
         "parent_code": ("上级", _or(_resident_no)), "is_fallback": ("兜底", _one_of(*YES_NO)),
         "is_active": ("启用", _one_of(*YES_NO))},
        ("unit_code",),
    ),
    "posts": SheetKind(
        "岗位",
        {"login": ("账号", _text(64)), "unit_code": ("单位", _resident_no),
         "duty": ("职责", _one_of(*DUTIES))},
        ("login", "unit_code", "duty"),
    ),
}  # fmt: skip


@dataclass(slots=True)
class Book:
    """Rows that were read, by sheet; each knows its row in the file."""

    rows: dict[str, list[tuple[int, dict[str, Any]]]] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)

    def of(self, sheet: str) -> list[dict[str, Any]]:
        """The rows of one sheet, without their numbers."""
        return [row for _, row in self.rows.get(sheet, [])]

    def values(self, sheet: str, column: str) -> set[Any]:
        """What a column of a sheet holds, but nothing."""
        return {row[column] for row in self.of(sheet) if row[column] is not None}

    def blame(self, sheet: str, row: int, name: str, zh: str, en: str) -> None:
        """Note a fault; beyond FAULTS_MAX nobody reads on."""
        if len(self.faults) < FAULTS_MAX:
            self.faults.append(Fault(sheet, row, name, zh, en))

    @property
    def row_count(self) -> int:
        return sum(map(len, self.rows.values()))


def columns_of(sheet: str) -> list[str]:
    """The fields of a sheet, in order."""
    return list(SHEETS[sheet].columns)


def heading_of(sheet: str) -> tuple[str, ...]:
    """The first row of a sheet: field and Chinese word."""
    return tuple(f"{name} {zh}" for name, (zh, _) in SHEETS[sheet].columns.items())


def read_book(sheets: Mapping[str, Rows | Iterable[tuple[int, Mapping[str, str]]]]) -> Book:
    """Every cell read, every fault noted by sheet, row and field."""
    book = Book()
    for name, kind in SHEETS.items():
        if name in sheets:
            book.rows[name] = list(_read_sheet(book, name, kind, sheets[name]))
    return book


def _read_sheet(
    book: Book, name: str, kind: SheetKind, rows: Iterable[tuple[int, Mapping[str, str]]]
) -> Iterable[tuple[int, dict[str, Any]]]:
    seen: set[tuple[Any, ...]] = set()
    for number, cells in rows:
        row: dict[str, Any] = {}
        for column, (_, read) in kind.columns.items():
            try:
                row[column] = read((cells.get(column) or "").strip())
            except Wrong as wrong:
                book.blame(name, number, column, wrong.zh, wrong.en)
        if len(row) < len(kind.columns):
            continue
        key = tuple(row[column] for column in kind.key)
        if key in seen:
            book.blame(name, number, kind.key[-1], "重复出现", "is there twice")
            continue
        seen.add(key)
        yield number, row
