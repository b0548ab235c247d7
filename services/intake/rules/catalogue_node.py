"""An object of the catalogue's file, with its place: every look at it is checked. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final, NoReturn

from shared.errors import Rejected

NAME_CHARACTERS_MAX: Final = 80
_unwanted = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]").search


def refuse(pointer: str, zh: str, en: str) -> NoReturn:
    """Raises Rejected that names the place (an RFC 6901 pointer)."""
    shown = pointer or "/"
    raise Rejected("catalogue", f"目录 {shown}：{zh}", f"catalogue, {shown}: {en}", pointer=pointer)


class Node:
    """An object of the file and its place; every look is checked and every key is known."""

    def __init__(self, value: object, place: str) -> None:
        if not isinstance(value, dict):
            refuse(place, "须为 JSON 对象", "must be a JSON object")
        self._value: dict[str, Any] = value
        self.left = set(value)
        self.place = place

    def at(self, name: str) -> str:
        return f"{self.place}/{name}"

    def refuse(self, name: str, zh: str, en: str) -> NoReturn:
        refuse(self.at(name), zh, en)

    def take(self, name: str) -> Any:
        if name not in self._value:
            self.refuse(name, "缺少此项", "is missing")
        self.left.discard(name)
        return self._value[name]

    def text(self, name: str, most: int = NAME_CHARACTERS_MAX) -> str:
        value = self.take(name)
        if not isinstance(value, str) or not 1 <= len(value.strip()) <= most or _unwanted(value):
            self.refuse(
                name, f"须为 1 至 {most} 个字符的文字", f"must be text of 1 to {most} characters"
            )
        return value.strip()

    def flag(self, name: str) -> bool:
        value = self.take(name)
        if not isinstance(value, bool):
            self.refuse(name, "须为 true 或 false", "must be true or false")
        return value

    def whole(self, name: str, least: int, most: int) -> int:
        value = self.take(name)
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            self.refuse(
                name, f"须为 {least} 至 {most} 的整数", f"must be a whole number, {least} to {most}"
            )
        return value

    def one_of(self, name: str, known: tuple[str, ...]) -> str:
        value = self.take(name)
        if value not in known:
            listed = ", ".join(known)
            self.refuse(name, f"须为其中之一：{listed}", f"must be one of {listed}")
        return str(value)

    def code(self, name: str, is_right: Any, parent: str, zh: str, en: str) -> str:
        value = self.take(name)
        if not isinstance(value, str) or not is_right(value) or not value.startswith(parent):
            self.refuse(name, zh, en)
        return value

    def list_of(self, name: str) -> list[Any]:
        value = self.take(name)
        if not isinstance(value, list):
            self.refuse(name, "须为列表", "must be a list")
        return value

    def nodes(self, name: str, *, least: int = 1) -> Iterator[Node]:
        value = self.list_of(name)
        if len(value) < least:
            self.refuse(name, f"至少 {least} 项", f"must have at least {least}")
        for index, each in enumerate(value):
            yield Node(each, f"{self.at(name)}/{index}")

    def close(self) -> None:
        """Nothing may be left: a name that nobody reads is a slip of the pen."""
        if self.left:
            self.refuse(min(self.left), "没有这一项，请检查拼写", "is unknown: check its spelling")

    def words(self, name: str, most: int) -> tuple[str, ...]:
        words = self.list_of(name)
        for word in words:
            is_word = isinstance(word, str) and 1 <= len(word.strip()) <= NAME_CHARACTERS_MAX
            if not is_word or _unwanted(word) or len(words) > most:
                self.refuse(name, f"须为最多 {most} 个词的列表", f"must list at most {most} words")
        return tuple(words)

    def some(self, name: str, known: tuple[str, ...]) -> tuple[str, ...]:
        some = self.words(name, len(known))
        if not some or set(some) - set(known):
            listed = ", ".join(known)
            self.refuse(name, f"须选自：{listed}", f"must be some of {listed}")
        return some
