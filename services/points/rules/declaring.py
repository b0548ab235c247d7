"""Reading declared rules strictly: every field named, none unknown, whole numbers in bounds.

What is wrong is told by its JSON pointer, in Chinese and English, with what to do about it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from shared.errors import Rejected

KINDS = ("star", "rating", "honour", "conversion", "household")
NAME_CHARS_MAX = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """A published version: of its kind and name, the newest that is valid on a day is in force."""

    kind: str
    name: str
    version: int
    valid_from: date
    body: Mapping[str, Any]


def in_force(versions: Sequence[Declared], on: date) -> Declared | None:
    """Of versions of one kind and name, the one in force on a day; None before the first."""
    valid = [one for one in versions if one.valid_from <= on]
    return max(valid, key=lambda one: (one.valid_from, one.version), default=None)


def wrong(pointer: str, zh: str, en: str) -> Rejected:
    """What every reader raises."""
    return Rejected("bad_declaration", f"{pointer}：{zh}", f"{pointer}: {en}", pointer=pointer)


def table(
    value: object, pointer: str, *, required: Sequence[str], optional: Sequence[str] = ()
) -> Mapping[str, Any]:
    """An object with exactly these fields; raises Rejected."""
    if not isinstance(value, Mapping):
        raise wrong(pointer or "/", "必须是 JSON 对象", "must be a JSON object")
    for name in required:
        if name not in value:
            raise wrong(f"{pointer}/{name}", "缺少，请补上", "is missing: add it")
    for name in value:
        if name not in required and name not in optional:
            raise wrong(f"{pointer}/{name}", "没有这个字段，请删去", "no such field: remove it")
    return value


def listed(value: object, pointer: str, *, most: int, least: int = 1) -> Sequence[Any]:
    """A list of `least` to `most` items; raises Rejected."""
    if not isinstance(value, list) or not least <= len(value) <= most:
        raise wrong(
            pointer,
            f"须为 {least} 至 {most} 项的列表",
            f"must be a list of {least} to {most} items",
        )
    return value


def whole(value: object, pointer: str, low: int, high: int) -> int:
    """A whole number in bounds; raises Rejected. True is not 1."""
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise wrong(
            pointer, f"须为 {low} 至 {high} 的整数", f"must be a whole number from {low} to {high}"
        )
    return value


def word(value: object, pointer: str, chars_max: int = NAME_CHARS_MAX) -> str:
    """Text of 1 to `chars_max` characters; raises Rejected."""
    if not isinstance(value, str) or not 1 <= len(value.strip()) <= chars_max or "\0" in value:
        raise wrong(
            pointer, f"须为 1 至 {chars_max} 个字符", f"must be text of 1 to {chars_max} characters"
        )
    return value.strip()


def choice(value: object, pointer: str, allowed: Sequence[str]) -> str:
    """One of the words allowed; raises Rejected."""
    if not isinstance(value, str) or value not in allowed:
        said = ", ".join(allowed)
        raise wrong(pointer, f"须为其中之一：{said}", f"must be one of: {said}")
    return value


def flag(value: object, pointer: str) -> bool:
    """True or false; raises Rejected."""
    if not isinstance(value, bool):
        raise wrong(pointer, "须为 true 或 false", "must be true or false")
    return value
