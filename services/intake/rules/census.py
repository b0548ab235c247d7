"""What is entered of a household at its door, read and checked. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from services.intake.rules.doors import read_part
from services.intake.rules.people import (
    ORIGINS,
    RESIDENCES,
    ROOM_USAGES,
    WHEREABOUTS,
)
from services.intake.rules.registration import BIRTH_YEAR_MIN, NAME_CHARACTERS_MAX
from shared.errors import Rejected

ENTRIES_MAX: Final = 50  # sent at once
MEMBERS_MAX: Final = 30
SPARE_ROWS: Final = 3  # empty lines for people who are new
_COLUMNS: Final = ("resident_no", "name", "phone", "birth_year", "whereabouts")

_unwanted = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]").search
_phone = re.compile(r"\+?[0-9]{5,20}").fullmatch
_number = re.compile(r"[A-Za-z0-9_-]{1,32}").fullmatch


@dataclass(frozen=True, slots=True)
class Member:
    """One person; `name` and `phone` may be the masked text that was shown: then they stay."""

    line: int
    resident_no: str
    name: str
    phone: str
    birth_year: int | None
    whereabouts: str


@dataclass(frozen=True, slots=True)
class Visit:
    """A household as it was found. `revision` and `seen` say what the page had shown before."""

    building_no: str
    unit: str
    room: str
    usage: str
    household_no: str
    revision: int
    seen: frozenset[str]
    residence: str
    origin: str
    has_consent: bool
    members: tuple[Member, ...]


def read_visit(body: Mapping[str, Any], this_year: int) -> Visit:
    """The entry of a form; raises Rejected naming the field, and the line for a person."""
    form = _Form(body)
    room = form.part("room")
    if not room:
        raise _wrong("room", "请填写户室号", "give the number of the room")
    members = tuple(_members(form, this_year))
    household_no = form.text("household_no", 32)
    if not members and not household_no:
        raise _wrong("name", "请至少填写一位居民的姓名", "give the name of one resident at least")
    return Visit(
        form.text("building_no", 64),
        form.part("unit"),
        room,
        form.listed("usage", ROOM_USAGES, ROOM_USAGES[0]),
        household_no,
        form.whole("revision"),
        frozenset(form.text("seen", 1000).split()),
        form.listed("residence", RESIDENCES, RESIDENCES[0]),
        form.listed("origin", ORIGINS, ORIGINS[0]),
        form.text("consent", 8) == "1",
        members,
    )


def _members(form: _Form, this_year: int) -> list[Member]:
    columns = {name: form.many(f"member_{name}") for name in _COLUMNS}
    length = max(map(len, columns.values()))
    if length > MEMBERS_MAX:
        raise _wrong(
            "member_name",
            f"一户最多 {MEMBERS_MAX} 人",
            f"at most {MEMBERS_MAX} people in a household",
        )
    found = []
    for line in range(length):
        cell = {
            name: column[line] if line < len(column) else "" for name, column in columns.items()
        }
        if cell["resident_no"] or cell["name"] or cell["phone"]:
            found.append(_member(line + 1, cell, this_year))
    numbers = [one.resident_no for one in found if one.resident_no]
    if len(set(numbers)) != len(numbers):
        raise _wrong("member_resident_no", "同一居民出现两次", "a resident is there twice")
    return found


def _member(line: int, cell: Mapping[str, str], this_year: int) -> Member:
    name, year, number = cell["name"], cell["birth_year"], cell["resident_no"]
    whereabouts = cell["whereabouts"] or WHEREABOUTS[0]
    phone = cell["phone"] if "*" in cell["phone"] else re.sub(r"[ ()-]", "", cell["phone"])
    if number and not _number(number):
        raise _wrong_line(line, "resident_no", "编号无效", "is no resident number")
    if not 1 <= len(name) <= NAME_CHARACTERS_MAX:
        raise _wrong_line(
            line,
            "name",
            f"须有 1 至 {NAME_CHARACTERS_MAX} 个字符",
            f"must have 1 to {NAME_CHARACTERS_MAX} characters",
        )
    if phone and "*" not in phone and not _phone(phone):
        raise _wrong_line(line, "phone", "须为 5 至 20 位数字", "must have 5 to 20 digits")
    if not number and ("*" in name or "*" in phone):
        raise _wrong_line(
            line, "name", "新居民请填写完整姓名和电话", "a new resident needs the whole of it"
        )
    if year and not (year.isdecimal() and BIRTH_YEAR_MIN <= int(year) <= this_year):
        raise _wrong_line(
            line,
            "birth_year",
            f"须为 {BIRTH_YEAR_MIN} 至 {this_year} 年",
            f"must be from {BIRTH_YEAR_MIN} to {this_year}",
        )
    if whereabouts not in WHEREABOUTS:
        raise _wrong_line(line, "whereabouts", "取值无效", "is no such value")
    return Member(line, number, name, phone, int(year) if year else None, whereabouts)


class _Form:
    """The fields of one entry, each a text or a list of texts."""

    def __init__(self, body: Mapping[str, Any]) -> None:
        self._body = body

    def text(self, name: str, most: int) -> str:
        value = self._body.get(name, "")
        if isinstance(value, list):
            value = value[-1] if value else ""
        return self._clean(name, value, most)

    def many(self, name: str) -> list[str]:
        value = self._body.get(name, [])
        values = value if isinstance(value, list) else [value]
        return [self._clean(name, each, NAME_CHARACTERS_MAX) for each in values]

    def part(self, name: str) -> str:
        value = read_part(self.text(name, 16))
        if value is None:
            raise _wrong(name, "只能用数字和字母", "may hold digits and letters only")
        return value

    def whole(self, name: str) -> int:
        value = self.text(name, 9) or "0"
        if not value.isascii() or not value.isdigit():
            raise _wrong(name, "须为整数", "must be a whole number")
        return int(value)

    def listed(self, name: str, known: tuple[str, ...], default: str) -> str:
        value = self.text(name, 32) or default
        if value not in known:
            raise _wrong(
                name,
                f"须为其中之一：{'、'.join(known)}",
                f"must be one of {', '.join(known)}",
            )
        return value

    @staticmethod
    def _clean(name: str, value: object, most: int) -> str:
        shown = str(value).strip() if isinstance(value, str | int) else None
        if shown is None or len(shown) > most or _unwanted(shown):
            raise _wrong(
                name,
                f"须为不超过 {most} 个字符的一行文字",
                f"must be one line of at most {most} characters",
            )
        return shown


def _wrong(name: str, zh: str, en: str) -> Rejected:
    return Rejected("census", f"{name}：{zh}", f"{name}: {en}", pointer=f"/{name}")


def _wrong_line(line: int, name: str, zh: str, en: str) -> Rejected:
    return Rejected(
        "census",
        f"第 {line} 人 {name}：{zh}",
        f"person {line}, {name}: {en}",
        pointer=f"/member_{name}/{line - 1}",
    )
