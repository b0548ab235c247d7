"""The file by which a district says what its services ask: JSON, checked as a whole. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from services.intake.rules.open311.attributes import (
    ALL_SERVICES,
    AUTOMATED,
    CODE,
    DATATYPES,
    LISTS,
    VALUES_MAX,
    Attribute,
)
from services.intake.rules.open311.services import KINDS, Settled
from shared.errors import Rejected

SERVICES_MAX: Final = 2000
ATTRIBUTES_MAX: Final = 50  # of one service
TEXT_CHARACTERS_MAX: Final = 500
_SERVICE_FIELDS: Final = frozenset({"service_code", "kind", "is_listed", "attributes"})
_ATTRIBUTE_FIELDS: Final = frozenset(
    {
        "code",
        "datatype",
        "required",
        "variable",
        "automated",
        "description_zh",
        "description_en",
        "datatype_description",
        "values",
    }
)


@dataclass(frozen=True, slots=True)
class Settings:
    """All that the district set, by service code; `*` asks for every service."""

    settled: Mapping[str, Settled]
    attributes: Mapping[str, tuple[Attribute, ...]]


def read_settings_file(document: Any) -> Settings:
    """`{"services": [...]}`; raises Rejected with a pointer to the first thing that is wrong."""
    if not isinstance(document, dict) or not isinstance(document.get("services"), list):
        raise _wrong("/services", "须为列表", "must be a list")
    listed = document["services"]
    if len(listed) > SERVICES_MAX:
        raise _wrong("/services", f"至多 {SERVICES_MAX} 项", f"at most {SERVICES_MAX}")
    settled: dict[str, Settled] = {}
    attributes: dict[str, tuple[Attribute, ...]] = {}
    for place, one in enumerate(listed):
        at = f"/services/{place}"
        _check_fields(one, _SERVICE_FIELDS, at)
        code = _text(one, "service_code", at)
        if code in attributes:
            raise _wrong(f"{at}/service_code", "重复", "is there twice")
        kind, is_listed = one.get("kind", "realtime"), one.get("is_listed", True)
        if kind not in KINDS:
            raise _wrong(f"{at}/kind", f"须为 {'、'.join(KINDS)}", f"must be of {KINDS}")
        if not isinstance(is_listed, bool):
            raise _wrong(f"{at}/is_listed", "须为 true 或 false", "must be true or false")
        if code != ALL_SERVICES:
            settled[code] = Settled(kind=kind, is_listed=is_listed)
        attributes[code] = _attributes(one.get("attributes", []), f"{at}/attributes")
    return Settings(settled, attributes)


def _attributes(listed: Any, at: str) -> tuple[Attribute, ...]:
    if not isinstance(listed, list) or len(listed) > ATTRIBUTES_MAX:
        raise _wrong(
            at, f"须为至多 {ATTRIBUTES_MAX} 项的列表", f"must be a list of at most {ATTRIBUTES_MAX}"
        )
    read = tuple(_attribute(one, place, f"{at}/{place}") for place, one in enumerate(listed))
    if len({one.code for one in read}) < len(read):
        raise _wrong(at, "有重复的 code", "has a code twice")
    return read


def _attribute(one: Any, place: int, at: str) -> Attribute:
    _check_fields(one, _ATTRIBUTE_FIELDS, at)
    code, datatype = _text(one, "code", at), one.get("datatype")
    if CODE.fullmatch(code) is None:
        raise _wrong(
            f"{at}/code", "只能用字母、数字、_ 和 -", "may have letters, digits, _ and - only"
        )
    if datatype not in DATATYPES:
        raise _wrong(f"{at}/datatype", f"须为 {'、'.join(DATATYPES)}", f"must be of {DATATYPES}")
    automated = one.get("automated")
    if automated is not None and automated not in AUTOMATED:
        raise _wrong(f"{at}/automated", f"须为 {'、'.join(AUTOMATED)}", f"must be of {AUTOMATED}")
    for name in ("required", "variable"):
        if not isinstance(one.get(name, True), bool):
            raise _wrong(f"{at}/{name}", "须为 true 或 false", "must be true or false")
    return Attribute(
        code=code,
        position=place + 1,
        datatype=datatype,
        is_required=one.get("required", False),
        is_variable=one.get("variable", True),
        automated=automated,
        description_zh=_text(one, "description_zh", at),
        description_en=_text(one, "description_en", at),
        datatype_description=_text(one, "datatype_description", at)
        if one.get("datatype_description") is not None
        else None,
        options=_options(one.get("values"), datatype, f"{at}/values"),
    )


def _options(listed: Any, datatype: str, at: str) -> tuple[tuple[str, str], ...]:
    if datatype not in LISTS:
        if listed:
            raise _wrong(at, "只有列表型才有 values", "only lists have values")
        return ()
    if not isinstance(listed, list) or not 1 <= len(listed) <= VALUES_MAX:
        raise _wrong(at, f"须为 1 至 {VALUES_MAX} 项", f"must have 1 to {VALUES_MAX}")
    read = []
    for place, one in enumerate(listed):
        _check_fields(one, frozenset({"key", "name"}), f"{at}/{place}")
        read.append((_text(one, "key", f"{at}/{place}"), _text(one, "name", f"{at}/{place}")))
    if len({key for key, _ in read}) < len(read):
        raise _wrong(at, "有重复的 key", "has a key twice")
    return tuple(read)


def _check_fields(one: Any, known: frozenset[str], at: str) -> None:
    if not isinstance(one, dict):
        raise _wrong(at, "须为对象", "must be an object")
    if odd := sorted(set(one) - known):
        raise _wrong(f"{at}/{odd[0]}", "没有这一项", "there is no such field")


def _text(one: Mapping[str, Any], name: str, at: str) -> str:
    value = one.get(name)
    if not isinstance(value, str) or not 1 <= len(value.strip()) <= TEXT_CHARACTERS_MAX:
        raise _wrong(
            f"{at}/{name}",
            f"须为 1 至 {TEXT_CHARACTERS_MAX} 个字符",
            f"must have 1 to {TEXT_CHARACTERS_MAX} characters",
        )
    if "\x00" in value:
        raise _wrong(f"{at}/{name}", "含有无法保存的字符", "holds characters nobody can keep")
    return value.strip()


def _wrong(pointer: str, zh: str, en: str) -> Rejected:
    return Rejected("open311", f"{pointer}：{zh}", f"{pointer}: {en}", pointer=pointer)
