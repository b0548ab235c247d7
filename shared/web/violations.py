"""Turns marshmallow's nested messages into a flat list with pointers, Chinese beside English."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

VIOLATIONS_MAX = 50
_TEXT_CHARS_MAX = 300
_KEY_CHARS_MAX = 80
_BODY_LOCATIONS = frozenset({"json", "json_or_form"})
_PARAMETER_LOCATIONS = {
    "query": "query",
    "querystring": "query",
    "form": "form",
    "headers": "header",
    "cookies": "cookie",
    "path": "path",
    "view_args": "path",
    "files": "file",
}

# marshmallow's own words; a schema's own message is best written in both languages there.
_CHINESE: tuple[tuple[str, str], ...] = (
    (r"Missing data for required field\.", "此项必填。"),
    (r"Field may not be null\.", "此项不能为空值。"),
    (r"Unknown field\.", "没有这一项。"),
    (r"Not a valid string\.", "应为文本。"),
    (r"Not a valid integer\.", "应为整数。"),
    (r"Not a valid number\.", "应为数字。"),
    (r"Not a valid boolean\.", "应为 true 或 false。"),
    (r"Not a valid list\.", "应为列表。"),
    (r"Not a valid mapping type\.", "应为对象。"),
    (r"Not a valid date\.", "日期格式不对。"),
    (r"Not a valid (?:aware |naive )?datetime\.", "时间格式不对，须为带时区的 ISO 8601。"),
    (r"Not a valid UUID\.", "应为 UUID。"),
    (r"Invalid input type\.", "输入类型不对。"),
    (r"Invalid (?:value|input)\.", "值无效。"),
    (r"Invalid JSON body\.", "请求体不是有效的 JSON。"),
    (r"Shorter than minimum length (\d+)\.", r"至少 \1 个字符。"),
    (r"Longer than maximum length (\d+)\.", r"最多 \1 个字符。"),
    (r"Length must be between (\d+) and (\d+)\.", r"长度须在 \1 与 \2 之间。"),
    (r"Length must be (\d+)\.", r"长度须为 \1。"),
    (r"Must be greater than or equal to (\S+)\.", r"不能小于 \1。"),
    (r"Must be less than or equal to (\S+)\.", r"不能大于 \1。"),
    (
        r"Must be greater than or equal to (\S+) and less than or equal to (\S+)\.",
        r"须在 \1 与 \2 之间。",
    ),
    (r"Must be one of: (.+)\.", r"只能是：\1。"),
    (r"String does not match expected pattern\.", "格式不对。"),
)
_PATTERNS = tuple((re.compile(english), chinese) for english, chinese in _CHINESE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """One broken field: `pointer` (RFC 6901) in a body, or `parameter` outside of it."""

    zh: str
    en: str
    pointer: str | None = None
    parameter: str | None = None
    location: str | None = None

    def as_dict(self) -> dict[str, str]:
        """The form it has in a problem document."""
        shown = {
            "pointer": self.pointer,
            "parameter": self.parameter,
            "in": self.location,
            "detail": self.zh,
            "detail_en": self.en,
        }
        return {name: value for name, value in shown.items() if value is not None}


def in_chinese(message: str) -> str:
    """marshmallow's English message in Chinese; one we do not know becomes a plain 此项无效."""
    for pattern, chinese in _PATTERNS:
        if found := pattern.fullmatch(message):
            return found.expand(chinese)
    return message if re.search(r"[\u4e00-\u9fff]", message) else "此项无效。"


def of_body(messages: object) -> list[Violation]:
    """Violations of a JSON body, from ValidationError.messages; at most 50."""
    return _bounded(
        Violation(zh=in_chinese(text), en=text, pointer=_pointer(path))
        for path, text in _walk(messages, ())
    )


def of_request(messages: object) -> list[Violation]:
    """Violations as webargs reports them: the outer key says where (json, query, headers …)."""
    if not isinstance(messages, Mapping) or not (
        set(messages) <= _BODY_LOCATIONS | set(_PARAMETER_LOCATIONS)
    ):
        return of_body(messages)
    found: list[Violation] = []
    for location, inner in messages.items():
        if location in _BODY_LOCATIONS:
            found += of_body(inner)
            continue
        found += [
            Violation(
                zh=in_chinese(text),
                en=text,
                parameter=".".join(path),
                location=_PARAMETER_LOCATIONS[location],
            )
            for path, text in _walk(inner, ())
        ]
    return found[:VIOLATIONS_MAX]


def _bounded(violations: Iterator[Violation]) -> list[Violation]:
    return [v for v, _ in zip(violations, range(VIOLATIONS_MAX), strict=False)]


def _walk(node: object, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    if isinstance(node, Mapping):
        for key, inner in node.items():
            # `_schema` is marshmallow's name for the object as a whole.
            deeper = path if key == "_schema" else (*path, _clean(key, _KEY_CHARS_MAX))
            yield from _walk(inner, deeper)
    elif isinstance(node, list | tuple):
        for inner in node:
            yield from _walk(inner, path)
    else:
        yield path, _clean(node, _TEXT_CHARS_MAX)


def _clean(node: object, limit: int) -> str:
    # Keys come from the sender: a lone surrogate in one could not be written anywhere.
    return str(node)[:limit].encode("utf-8", "replace").decode()


def _pointer(path: tuple[str, ...]) -> str:
    return "".join("/" + step.replace("~", "~0").replace("/", "~1") for step in path)
