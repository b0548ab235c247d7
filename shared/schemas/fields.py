"""The kinds of value an event may carry: each one parser, one message, one JSON Schema.

A message is two lines, Chinese then English, and does not name its field: who reports it does.
Every kind refuses what PostgreSQL text cannot hold (NUL, lone surrogates), so that no stored
event can fail later. Nothing is coerced: a number in quotes is not a number, True is not 1.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, TypeVar

from marshmallow import EXCLUDE, Schema, ValidationError, fields, validates_schema

from shared.ids import normal
from shared.schemas.moments import YEAR_MAX, YEAR_MIN, parse_moment

T = TypeVar("T")

unstorable = re.compile(r"[\x00\ud800-\udfff]").search
_day = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}").fullmatch

REQUIRED = "缺少，请补上\nis missing: send it"
NOT_NULL = "不能为 null，请填写\nmust not be null: give a value"
NOT_OBJECT = "必须是 JSON 对象\nmust be a JSON object"
TEXT_UNSTORABLE = (
    "含有空字符（NUL）或残缺的 Unicode 字符，请删去\n"
    "holds a NUL or a lone surrogate: remove that character"
)


class Checked(fields.Field[T]):
    """A field with one `parse`; marshmallow and the quick acceptors both stand on it.

    `nullable`: may be null or absent, and is None then. `about`: bilingual, goes to the contract.
    """

    default_error_messages = {"required": REQUIRED, "null": NOT_NULL}  # noqa: RUF012 - the base's

    def __init__(self, about: str, *, nullable: bool = False) -> None:
        metadata: dict[str, Any] = {"description": about}
        if nullable:
            super().__init__(allow_none=True, load_default=None, metadata=metadata)
        else:
            super().__init__(required=True, allow_none=False, metadata=metadata)

    def parse(self, value: object) -> T:
        """The checked value; raises ValueError with a two-line message."""
        raise NotImplementedError

    def json_schema(self) -> dict[str, Any]:
        """What the contract says of a value that is not null."""
        raise NotImplementedError

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> T:
        try:
            return self.parse(value)
        except ValueError as problem:
            raise ValidationError(str(problem)) from problem


class Text(Checked[str]):
    """Text of `low` to `high` characters (not bytes)."""

    def __init__(self, about: str, low: int, high: int, *, nullable: bool = False) -> None:
        super().__init__(about, nullable=nullable)
        self.low, self.high = low, high

    def parse(self, value: object) -> str:
        if not isinstance(value, str):
            raise ValueError("必须是文字（字符串）\nmust be text (a JSON string)")
        if not self.low <= len(value) <= self.high:
            raise ValueError(
                f"长度须为 {self.low} 至 {self.high} 个字符，现为 {len(value)}\n"
                f"must have {self.low} to {self.high} characters, has {len(value)}"
            )
        if unstorable(value):
            raise ValueError(TEXT_UNSTORABLE)
        return value

    def json_schema(self) -> dict[str, Any]:
        return {"type": "string", "minLength": self.low, "maxLength": self.high}


class Choice(Checked[str]):
    """One word of a closed list."""

    def __init__(self, about: str, *words: str, nullable: bool = False) -> None:
        super().__init__(about, nullable=nullable)
        self.words = words
        self.allowed = frozenset(words)

    def parse(self, value: object) -> str:
        if isinstance(value, str) and value in self.allowed:
            return value
        listed = ", ".join(self.words)
        raise ValueError(f"须为其中之一：{listed}\nmust be one of: {listed}")

    def json_schema(self) -> dict[str, Any]:
        return {"type": "string", "enum": list(self.words)}


class Whole(Checked[int]):
    """A whole number in `low` to `high`; no fraction, no text, no true/false."""

    def __init__(self, about: str, low: int, high: int, *, nullable: bool = False) -> None:
        super().__init__(about, nullable=nullable)
        self.low, self.high = low, high

    def parse(self, value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise ValueError("必须是整数（不加引号）\nmust be a whole number, without quotes")
        if not self.low <= value <= self.high:
            raise ValueError(
                f"须在 {self.low} 至 {self.high} 之间\nmust be from {self.low} to {self.high}"
            )
        return value

    def json_schema(self) -> dict[str, Any]:
        return {"type": "integer", "minimum": self.low, "maximum": self.high}


class Moment(Checked[datetime]):
    """An instant: ISO 8601 with an offset. Loaded as an aware datetime, its offset kept."""

    def parse(self, value: object) -> datetime:
        try:
            return parse_moment(value)  # type: ignore[arg-type]  # a TypeError is an answer too
        except (TypeError, ValueError):
            raise ValueError(
                "须为带时区的 ISO 8601 时间，例如 2026-10-01T09:30:00+08:00"
                f"（{YEAR_MIN} 至 {YEAR_MAX} 年）\n"
                "must be an ISO 8601 time with an offset, such as 2026-10-01T09:30:00+08:00"
                f" (years {YEAR_MIN} to {YEAR_MAX})"
            ) from None

    def json_schema(self) -> dict[str, Any]:
        return {"type": "string", "format": "date-time"}


class Day(Checked[date]):
    """A calendar day of the district (Asia/Shanghai), YYYY-MM-DD."""

    def parse(self, value: object) -> date:
        if isinstance(value, str) and _day(value):
            try:
                return date.fromisoformat(value)
            except ValueError:
                pass  # 2026-02-30: told below, like any other wrong day
        raise ValueError("须为日期，例如 2026-10-01\nmust be a calendar day, such as 2026-10-01")

    def json_schema(self) -> dict[str, Any]:
        return {"type": "string", "format": "date"}


class Id(Checked[str]):
    """An identifier made by Linli: a UUID in its 36-character form, loaded in lower case."""

    def parse(self, value: object) -> str:
        try:
            return normal(value)  # type: ignore[arg-type]  # a TypeError is an answer too
        except (TypeError, ValueError):
            raise ValueError("须为 36 位 UUID\nmust be a UUID of 36 characters") from None

    def json_schema(self) -> dict[str, Any]:
        return {"type": "string", "format": "uuid"}


class Words(Checked[list[str]]):
    """A list of at most `most` texts, each of 1 to `high` characters."""

    def __init__(self, about: str, high: int, most: int) -> None:
        super().__init__(about)
        self.item = Text(about, 1, high)
        self.most = most

    def parse(self, value: object) -> list[str]:
        if not isinstance(value, list) or len(value) > self.most:
            raise ValueError(
                f"须为列表，最多 {self.most} 项\nmust be a list of at most {self.most} items"
            )
        return [self.item.parse(one) for one in value]

    def json_schema(self) -> dict[str, Any]:
        return {"type": "array", "items": self.item.json_schema(), "maxItems": self.most}


class Depths(Checked[dict[str, int]]):
    """Whole numbers by name, at most `most` names (what each queue holds, for example)."""

    def __init__(self, about: str, most: int) -> None:
        super().__init__(about)
        self.name_kind = Text(about, 1, 128)
        self.item = Whole(about, 0, 10**12)
        self.most = most

    def parse(self, value: object) -> dict[str, int]:
        if not isinstance(value, dict) or len(value) > self.most:
            raise ValueError(
                f"须为对象，最多 {self.most} 项\nmust be an object of at most {self.most} items"
            )
        return {self.name_kind.parse(k): self.item.parse(v) for k, v in value.items()}

    def json_schema(self) -> dict[str, Any]:
        return {
            "type": "object",
            "propertyNames": self.name_kind.json_schema(),
            "additionalProperties": self.item.json_schema(),
            "maxProperties": self.most,
        }


class EventData(Schema):
    """Base of every event's data: unknown fields are ignored, so that a type can grow."""

    error_messages = {"type": NOT_OBJECT}  # noqa: RUF012 - the base's
    about: str = ""

    class Meta:
        unknown = EXCLUDE

    @staticmethod
    def across(values: dict[str, Any]) -> tuple[str, str] | None:
        """A rule over several fields: None, or (field, two-line message)."""
        return None

    @validates_schema
    def _check_across(self, data: dict[str, Any], **_: Any) -> None:
        problem = self.across(data)
        if problem is not None:
            raise ValidationError(problem[1], problem[0])


class Part(fields.Nested):
    """An object inside an event's data."""

    def __init__(self, about: str, shape: type[EventData]) -> None:
        super().__init__(
            shape,
            required=True,
            error_messages={"required": REQUIRED, "null": NOT_NULL},
            metadata={"description": about},
        )
