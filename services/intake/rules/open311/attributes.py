"""What a service asks besides the place: attributes as data, and the check of the answers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from services.intake.rules.open311.faults import Fault, bad
from services.intake.rules.open311.moments import read_moment

DATATYPES: Final = (
    "string",
    "number",
    "datetime",
    "text",
    "singlevaluelist",
    "multivaluelist",
)
LISTS: Final = ("singlevaluelist", "multivaluelist")
AUTOMATED: Final = ("server_set", "hidden_field")
ALL_SERVICES: Final = "*"
FIXMYSTREET_ID: Final = "fixmystreet_id"

STRING_CHARACTERS_MAX: Final = 250
TEXT_CHARACTERS_MAX: Final = 4000
VALUES_MAX: Final = 100
CODE: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,63}", re.ASCII)
_NUMBER = re.compile(r"[+-]?\d{1,15}(?:\.\d{1,9})?", re.ASCII)

Answers = Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribute:
    """One question. `options` are (key, name) of the two list types.

    One that is not `is_variable` is for programs: people are not asked, and it is never required.
    """

    code: str
    position: int
    datatype: str
    is_required: bool
    is_variable: bool
    description_zh: str
    description_en: str
    datatype_description: str | None = None
    automated: str | None = None
    options: tuple[tuple[str, str], ...] = ()


def check_answers(asked: Iterable[Attribute], answers: Answers) -> list[Fault]:
    """What is missing or does not fit; answers that nobody asked for are no fault."""
    faults: list[Fault] = []
    for attribute in asked:
        given = answers.get(attribute.code, ())
        if not given:
            if attribute.is_required and attribute.is_variable:
                faults.append(
                    _wrong(
                        attribute,
                        f"必填（{attribute.description_zh}）",
                        f"is required ({attribute.description_en})",
                    )
                )
            continue
        faults += _check(attribute, given)
    return faults


def kept(asked: Iterable[Attribute], answers: Answers) -> dict[str, list[str]]:
    """The answers to what was asked, by code."""
    return {one.code: list(answers[one.code]) for one in asked if answers.get(one.code)}


def _check(attribute: Attribute, given: Sequence[str]) -> list[Fault]:
    if len(given) > 1 and attribute.datatype != "multivaluelist":
        return [_wrong(attribute, "只能填一个值", "takes one value only")]
    if attribute.datatype in LISTS:
        keys = {key for key, _ in attribute.options}
        if len(given) > VALUES_MAX or not keys.issuperset(given):
            listed = ", ".join(sorted(keys))
            return [_wrong(attribute, f"须为 {listed}", f"must be of {listed}")]
        return []
    return _check_plain(attribute, given[0])


def _check_plain(attribute: Attribute, value: str) -> list[Fault]:
    if attribute.datatype == "number":
        if not _is_number(value):
            return [_wrong(attribute, "须为数字", "must be a number")]
    elif attribute.datatype == "datetime":
        if read_moment(value) is None:
            example = "2026-11-22T09:30:00+08:00"
            return [_wrong(attribute, f"须为带时区的时间，如 {example}", f"must be like {example}")]
    else:
        most = STRING_CHARACTERS_MAX if attribute.datatype == "string" else TEXT_CHARACTERS_MAX
        if len(value) > most:
            return [_wrong(attribute, f"不得超过 {most} 个字符", f"at most {most} characters")]
    return []


def _is_number(value: str) -> bool:
    try:
        return _NUMBER.fullmatch(value.strip()) is not None and Decimal(value).is_finite()
    except InvalidOperation:
        return False


def _wrong(attribute: Attribute, zh: str, en: str) -> Fault:
    return bad(f"attribute[{attribute.code}]", zh, en)


def definition(service_code: str, attributes: Iterable[Attribute]) -> dict[str, Any]:
    """`service_definition` in the order given; `order` counts from 1 without gaps."""
    return {
        "service_code": service_code,
        "attributes": [_shown(one, place) for place, one in enumerate(attributes, 1)],
    }


def _shown(attribute: Attribute, place: int) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "variable": attribute.is_variable,
        "code": attribute.code,
        "datatype": attribute.datatype,
        "required": attribute.is_required and attribute.is_variable,
        "datatype_description": attribute.datatype_description,
        "order": place,
        "description": f"{attribute.description_zh} / {attribute.description_en}",
    }
    if attribute.automated:
        shown["automated"] = attribute.automated
    if attribute.datatype in LISTS:
        shown["values"] = [{"key": key, "name": name} for key, name in attribute.options]
    return shown
