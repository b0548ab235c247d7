"""What a listed unit must look like. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, NoReturn

from services.intake.rules.dispatch_form import UNIT_KINDS
from shared.errors import Rejected

UNITS_MAX: Final = 5000
NAME_CHARACTERS_MAX: Final = 64

_MEMBERS = ("unit_code", "kind", "name", "name_en", "area_code")
_code = re.compile(r"[A-Za-z0-9_.-]{1,64}").fullmatch
_unwanted = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]").search


@dataclass(frozen=True, slots=True)
class UnitRow:
    """A unit as listed; desks are made with the district, and are not listed."""

    unit_code: str
    kind: str
    name: str
    name_en: str
    area_code: str


def read_units(listed: object) -> list[UnitRow]:
    """The units in their order; raises Rejected at the first that is wrong."""
    if not isinstance(listed, list) or len(listed) > UNITS_MAX:
        _refuse("", f"须为列表，最多 {UNITS_MAX} 个", f"must be a list of at most {UNITS_MAX}")
    units = [_unit(each, f"/{place}") for place, each in enumerate(listed)]
    seen: set[str] = set()
    for place, unit in enumerate(units):
        if unit.unit_code in seen:
            _refuse(f"/{place}/unit_code", f"{unit.unit_code} 重复", f"{unit.unit_code} is twice")
        seen.add(unit.unit_code)
    return units


def _unit(value: object, place: str) -> UnitRow:
    if not isinstance(value, Mapping) or set(value) != set(_MEMBERS):
        listed = ", ".join(_MEMBERS)
        _refuse(place, f"须有且仅有这些项：{listed}", f"must have just these members: {listed}")
    for name in ("unit_code", "area_code"):
        if not isinstance(value[name], str) or not _code(value[name]):
            _refuse(
                f"{place}/{name}",
                "须为 1 至 64 个字母、数字或 - _ .",
                "must be 1 to 64 letters, digits or - _ .",
            )
    if value["kind"] not in UNIT_KINDS:
        listed = ", ".join(UNIT_KINDS)
        _refuse(f"{place}/kind", f"须为其中之一：{listed}", f"must be one of {listed}")
    return UnitRow(
        value["unit_code"],
        value["kind"],
        _name(value["name"], f"{place}/name"),
        _name(value["name_en"], f"{place}/name_en"),
        value["area_code"],
    )


def _name(value: Any, place: str) -> str:
    if (
        not isinstance(value, str)
        or not 1 <= len(value.strip()) <= NAME_CHARACTERS_MAX
        or _unwanted(value)
    ):
        _refuse(
            place,
            f"须为 1 至 {NAME_CHARACTERS_MAX} 个字符的文字",
            f"must be text of 1 to {NAME_CHARACTERS_MAX} characters",
        )
    return value.strip()


def _refuse(place: str, zh: str, en: str) -> NoReturn:
    raise Rejected(
        "units", f"/units{place}：{zh}", f"/units{place}: {en}", pointer=f"/units{place}"
    )
