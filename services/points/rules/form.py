"""Reads a JSON form and collects all that is wrong with it, each by its JSON pointer."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from difflib import get_close_matches
from fractions import Fraction
from typing import Any

_FRACTION = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9}|/[0-9]{1,9})?", re.ASCII).fullmatch
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII).fullmatch
_UNSTORABLE = re.compile(r"[\x00\ud800-\udfff]").search

PROBLEMS_MAX = 50


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong at one place, and what to do about it, in both languages."""

    pointer: str
    zh: str
    en: str


def below(pointer: str, name: object) -> str:
    """The pointer of a member (RFC 6901)."""
    return f"{pointer}/{str(name).replace('~', '~0').replace('/', '~1')}"


@dataclass(slots=True)
class Form:
    """Every reader gives a value to go on with and notes what was wrong with what it read."""

    problems: list[Problem] = field(default_factory=list)

    def wrong(self, pointer: str, zh: str, en: str) -> None:
        """Note a problem; after the first fifty no more are kept."""
        if len(self.problems) < PROBLEMS_MAX:
            self.problems.append(Problem(pointer, zh, en))

    def shape(
        self,
        value: object,
        pointer: str,
        required: Iterable[str] = (),
        optional: Iterable[str] = (),
    ) -> Mapping[str, Any]:
        """An object of these members and no others."""
        found = self.members(value, pointer)
        allowed = [*required, *optional]
        for name in found:
            if name not in allowed:
                # Of many, only what may have been meant.
                meant = get_close_matches(str(name), allowed, n=3) or allowed[:8]
                self.wrong(
                    below(pointer, name),
                    f"没有这一项，请删去或改为 {'、'.join(meant)}",
                    f"is not known: remove it, or use {', '.join(meant)}",
                )
        if isinstance(value, Mapping):
            for name in required:
                if name not in value:
                    self.wrong(below(pointer, name), "缺少，请补上", "is missing: add it")
        return found

    def members(self, value: object, pointer: str, most: int = 500) -> Mapping[str, Any]:
        """An object of any members, each named by 1 to 64 characters."""
        if not isinstance(value, Mapping):
            self.wrong(pointer, "须为 JSON 对象 {…}", "must be a JSON object {…}")
            return {}
        if len(value) > most:
            self.wrong(pointer, f"最多 {most} 项", f"must have at most {most} members")
            return {}
        bad = [n for n in value if not isinstance(n, str) or not _is_name(n)]
        for name in bad:
            self.wrong(
                below(pointer, name),
                "名称须为 1 至 64 个字符",
                "a name must have 1 to 64 characters",
            )
        return {name: one for name, one in value.items() if name not in bad}

    def items(self, value: object, pointer: str, low: int, most: int) -> list[tuple[str, Any]]:
        """A list, each item with its pointer."""
        if not isinstance(value, list) or not low <= len(value) <= most:
            self.wrong(
                pointer,
                f"须为 {low} 至 {most} 项的列表 […]",
                f"must be a list […] of {low} to {most} items",
            )
            return []
        return [(below(pointer, place), one) for place, one in enumerate(value)]

    def text(self, value: object, pointer: str, high: int = 64) -> str:
        """Text of 1 to `high` characters."""
        if isinstance(value, str) and 1 <= len(value) <= high and not _UNSTORABLE(value):
            return value
        self.wrong(
            pointer,
            f"须为 1 至 {high} 个字符的文字",
            f"must be text of 1 to {high} characters",
        )
        return ""

    def choice(self, value: object, pointer: str, *words: str) -> str:
        """One of these words."""
        if isinstance(value, str) and value in words:
            return value
        self.wrong(
            pointer, f"目前只可写：{'、'.join(words)}", f"must be one of: {', '.join(words)}"
        )
        return words[0]

    def flag(self, value: object, pointer: str) -> bool:
        """True or false."""
        if not isinstance(value, bool):
            self.wrong(pointer, "须为 true 或 false", "must be true or false")
        return value is True

    def whole(self, value: object, pointer: str, low: int, high: int) -> int:
        """A whole number in a range."""
        if isinstance(value, int) and not isinstance(value, bool) and low <= value <= high:
            return value
        self.wrong(
            pointer,
            f"须为 {low} 至 {high} 的整数，不加引号",
            f"must be a whole number from {low} to {high}, without quotes",
        )
        return low

    def fraction(self, value: object, pointer: str, high: int) -> Fraction:
        """An exact number from 0 to `high`: 3, 4.5, "4.5" or "1/3"."""
        if isinstance(value, int | float | str) and not isinstance(value, bool):
            found = _fraction(str(value))
            if found is not None and found <= high:
                return found
        self.wrong(
            pointer,
            f'须为 0 至 {high} 的数，例如 3、"4.5" 或 "1/3"',
            f'must be a number from 0 to {high}, such as 3, "4.5" or "1/3"',
        )
        return Fraction(0)

    def fractions(self, value: object, pointer: str, high: int) -> dict[str, Fraction]:
        """Exact numbers by name."""
        return {
            name: self.fraction(one, below(pointer, name), high)
            for name, one in self.members(value, pointer).items()
        }

    def day(self, value: object, pointer: str) -> date:
        """A calendar day of the district."""
        if isinstance(value, str) and _DAY(value):
            try:
                return date.fromisoformat(value)
            except ValueError:
                pass  # 2026-02-30: told below
        self.wrong(
            pointer, "须为日期，例如 2026-10-01", "must be a calendar day, such as 2026-10-01"
        )
        return date.min


def _is_name(name: str) -> bool:
    return 1 <= len(name) <= 64 and not _UNSTORABLE(name)


def _fraction(written: str) -> Fraction | None:
    if not _FRACTION(written):
        return None
    try:
        return Fraction(written)
    except ZeroDivisionError:
        return None
