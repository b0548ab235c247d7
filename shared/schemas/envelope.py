"""CloudEvents 1.0: the frame's own envelope (fast) and the check of a partner's (strict)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

import orjson

from shared import clock, ids
from shared.errors import Rejected
from shared.schemas.moments import parse_time

ID_CHARACTERS_MAX = 256
SOURCE_CHARACTERS_MAX = 512
TYPE_CHARACTERS_MAX = 256
TEXT_BYTES_MAX = 1024  # UTF-8; an index over source and id has room for 2,704 bytes an entry

_DATA_NAMES = frozenset({"data", "data_base64"})
_TRACING = frozenset({"traceparent", "tracestate"})
_INTEGER_MAX = 2**31 - 1  # CloudEvents integers have 32 bits
_name = re.compile(r"[a-z0-9]+").fullmatch
# CloudEvents strings hold no control characters, no lone surrogates and no noncharacters
_forbidden = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]").search


class BadEnvelope(Rejected):
    """What came on the internal exchange is not one of our events."""

    def __init__(self, pointer: str, en: str) -> None:
        super().__init__("malformed", "事件信封不合规", en, pointer=pointer)


class Event(NamedTuple):
    """One event. `time` is aware; `data` is JSON-like (or values that orjson writes as JSON).

    A tuple, because events come by the thousand.
    """

    id: str
    source: str
    type: str
    time: datetime
    data: dict[str, Any]
    correlationid: str
    causationid: str | None = None
    traceparent: str | None = None
    subject: str | None = None


_NEEDED = tuple(Event._fields.index(name) for name in ("id", "source", "type", "correlationid"))
_OPTIONAL = tuple(Event._fields.index(name) for name in ("causationid", "traceparent", "subject"))


def make(
    type: str,  # noqa: A002 - the attribute's own name
    data: dict[str, Any],
    *,
    source: str,
    correlationid: str,
    causationid: str | None = None,
    traceparent: str | None = None,
    subject: str | None = None,
) -> Event:
    """A new event, now, with an id of its own. The data is not checked here: tests do that."""
    return Event(
        ids.uuid7_text(),
        source,
        type,
        clock.now(),
        data,
        correlationid,
        causationid,
        traceparent,
        subject,
    )


def encode(event: Event) -> bytes:
    """Structured JSON. UUIDs, dates and aware datetimes in the data become text.

    Raises orjson.JSONEncodeError (a TypeError) for a value JSON has no form for.
    """
    document: dict[str, Any] = {
        "specversion": "1.0",
        "id": event.id,
        "source": event.source,
        "type": event.type,
        "time": event.time,
        "datacontenttype": "application/json",
        "correlationid": event.correlationid,
    }
    if event.causationid is not None:
        document["causationid"] = event.causationid
    if event.traceparent is not None:
        document["traceparent"] = event.traceparent
    if event.subject is not None:
        document["subject"] = event.subject
    document["data"] = event.data
    return orjson.dumps(document)


def decode(obj: object) -> Event:
    """The event in a parsed JSON object; plain checks, for our own exchange only.

    An event without a correlationid starts a chain of its own: its id stands in. Attributes that
    Event does not have are dropped. Raises BadEnvelope.
    """
    if not isinstance(obj, dict) or obj.get("specversion") != "1.0":
        raise BadEnvelope("/specversion", "not a CloudEvents 1.0 object")
    get = obj.get
    data = get("data")
    if not isinstance(data, dict):
        raise BadEnvelope("/data", "data must be an object")
    try:
        time = parse_time(get("time"))  # type: ignore[arg-type]  # a TypeError is an answer too
    except (TypeError, ValueError) as problem:
        raise BadEnvelope("/time", "time must be RFC 3339 with an offset") from problem
    event = Event(
        get("id"),  # type: ignore[arg-type]  # checked just below, all at once
        get("source"),  # type: ignore[arg-type]
        get("type"),  # type: ignore[arg-type]
        time,
        data,
        get("correlationid") or get("id"),  # type: ignore[arg-type]
        get("causationid"),
        get("traceparent"),
        get("subject"),
    )
    for place in _NEEDED:
        value = event[place]
        if not isinstance(value, str) or not value:
            name = Event._fields[place]
            raise BadEnvelope(f"/{name}", f"{name} must be text")
    for place in _OPTIONAL:
        value = event[place]
        if value is not None and not isinstance(value, str):
            name = Event._fields[place]
            raise BadEnvelope(f"/{name}", f"{name} must be text")
    return event


@dataclass(frozen=True, slots=True)
class EnvelopeProblem:
    """Why something is not a CloudEvent 1.0: where (RFC 6901 pointer), in both languages."""

    pointer: str
    zh: str
    en: str


def check_envelope(obj: object) -> EnvelopeProblem | None:
    """None if `obj` (parsed JSON, or the attributes of a binary event plus `data`) is a strict
    CloudEvent 1.0 with an id, a source, a type and a time; otherwise the first thing wrong.

    The limits are Linli's own: id and type 256 characters, source 512 (and 1,024 bytes, so that
    an index over source and id always fits). What the data says is not looked at.
    """
    if not isinstance(obj, dict):
        return EnvelopeProblem("", "事件必须是 JSON 对象", "an event must be a JSON object")
    if obj.get("specversion") != "1.0":
        return EnvelopeProblem(
            "/specversion", 'specversion 必须是 "1.0"', 'specversion must be "1.0"'
        )
    return (
        _check_required(obj, "id", ID_CHARACTERS_MAX)
        or _check_required(obj, "source", SOURCE_CHARACTERS_MAX)
        or _check_required(obj, "type", TYPE_CHARACTERS_MAX)
        or _check_time(obj.get("time"))
        or _check_others(obj)
    )


def _check_required(obj: dict[Any, Any], name: str, most: int) -> EnvelopeProblem | None:
    value = obj.get(name)
    if not isinstance(value, str) or not value:
        return EnvelopeProblem(
            f"/{name}", f"缺少 {name}，须为非空文字", f"{name} must be non-empty text"
        )
    if len(value) > most or (
        not value.isascii() and len(value.encode("utf-8", "replace")) > TEXT_BYTES_MAX
    ):
        return EnvelopeProblem(
            f"/{name}",
            f"{name} 过长，最多 {most} 个字符",
            f"{name} is too long: at most {most} characters",
        )
    return _check_characters(f"/{name}", name, value)


def _check_characters(pointer: str, name: str, value: str) -> EnvelopeProblem | None:
    if (value.isascii() and value.isprintable()) or _forbidden(value) is None:
        return None
    return EnvelopeProblem(
        pointer,
        f"{name} 含有控制字符或残缺的 Unicode 字符，请删去",
        f"{name} holds a control character or broken Unicode: remove it",
    )


def _check_time(value: object) -> EnvelopeProblem | None:
    try:
        parse_time(value)  # type: ignore[arg-type]  # a TypeError is an answer too
    except (TypeError, ValueError):
        return EnvelopeProblem(
            "/time",
            "time 须为带时区的 RFC 3339 时间，例如 2026-10-01T09:30:00+08:00",
            "time must be RFC 3339 with an offset, such as 2026-10-01T09:30:00+08:00",
        )
    return None


_REQUIRED = frozenset({"specversion", "id", "source", "type", "time"})
_OPTIONAL_TEXT = frozenset({"subject", "dataschema", "datacontenttype"})


def _check_others(obj: dict[Any, Any]) -> EnvelopeProblem | None:
    for name, value in obj.items():
        if name in _REQUIRED or name == "data":
            continue
        problem = (
            _check_base64(obj, value) if name == "data_base64" else _check_attribute(name, value)
        )
        if problem is not None:
            return problem
    return None


def _check_attribute(name: object, value: object) -> EnvelopeProblem | None:
    if not isinstance(name, str) or _name(name) is None:
        shown = ascii(name)[:40]
        pointer = _escape(name) if isinstance(name, str) else ""
        return EnvelopeProblem(
            pointer,
            f"属性名 {shown} 只能用小写字母和数字",
            f"attribute name {shown} may hold only a-z and 0-9",
        )
    if value is None:  # the JSON format reads null as absent
        return None
    pointer, shown = _escape(name), name[:64]
    if isinstance(value, str):
        if not value and name in _OPTIONAL_TEXT:
            return EnvelopeProblem(
                pointer, f"{shown} 不能为空，可省略", f"{shown} must not be empty: leave it out"
            )
        return _check_characters(pointer, shown, value)
    is_number = isinstance(value, int) and -_INTEGER_MAX - 1 <= value <= _INTEGER_MAX
    if name in _OPTIONAL_TEXT or not is_number:
        return EnvelopeProblem(
            pointer,
            f"属性 {shown} 只能是文字、32 位整数或真假值",
            f"attribute {shown} must be text, a 32-bit integer or true/false",
        )
    return None


def _check_base64(obj: dict[Any, Any], value: object) -> EnvelopeProblem | None:
    if value is None:
        return None
    if obj.get("data") is not None:
        return EnvelopeProblem(
            "/data_base64",
            "data 与 data_base64 只能有一个",
            "send either data or data_base64, not both",
        )
    try:
        base64.b64decode(value, validate=True)  # type: ignore[arg-type]
    except (TypeError, ValueError, binascii.Error):
        return EnvelopeProblem(
            "/data_base64", "data_base64 须为 Base64 文字", "data_base64 must be Base64 text"
        )
    return None


def _escape(step: str) -> str:
    """One step of a JSON pointer, short and free of what a database cannot store."""
    plain = step[:64].encode("ascii", "backslashreplace").decode("ascii").replace("\0", "")
    return "/" + plain.replace("~", "~0").replace("/", "~1")


def content_hash(attributes: Mapping[str, Any], data: object) -> bytes:
    """SHA-256 of what an event says, the same whichever way it was sent.

    Binary mode has attributes as text, structured mode as JSON values: all are compared as text.
    Null is absent, `datacontenttype` application/json is absent, and tracing attributes do not
    count, because a second sending carries a new trace. `data` is the parsed JSON; keys
    `data` and `data_base64` of `attributes` are ignored.
    """
    plain: dict[str, str] = {}
    for name, value in attributes.items():
        if value is None or name in _TRACING or name in _DATA_NAMES:
            continue
        text = value if isinstance(value, str) else _as_text(value)
        if name == "datacontenttype" and _is_plain_json(text):
            continue
        plain[name] = text
    try:
        canonical = orjson.dumps([plain, data], option=orjson.OPT_SORT_KEYS)
    except TypeError:  # too deep, too big an integer, or a lone surrogate
        canonical = _canonical_slowly([plain, data])
    return hashlib.sha256(canonical).digest()


def _as_text(value: object) -> str:
    """An attribute's canonical text form (CloudEvents type system)."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _is_plain_json(content_type: str) -> bool:
    media, _, parameters = content_type.lower().replace(" ", "").partition(";")
    return media == "application/json" and parameters in ("", "charset=utf-8")


def _canonical_slowly(value: object) -> bytes:
    """Canonical text of anything a JSON parser returns, at any depth (no recursion)."""
    parts: list[str] = []
    waiting: list[tuple[bool, Any]] = [(False, value)]
    while waiting:
        is_mark, item = waiting.pop()
        if is_mark:
            parts.append(item)
        elif isinstance(item, dict):
            parts.append("{")
            waiting.append((True, "}"))
            for key in sorted(item, key=str, reverse=True):
                waiting += [(True, ","), (False, item[key]), (True, json.dumps(str(key)) + ":")]
        elif isinstance(item, list):
            parts.append("[")
            waiting.append((True, "]"))
            for one in reversed(item):
                waiting += [(True, ","), (False, one)]
        else:
            parts.append(json.dumps(item, default=str))
    return "".join(parts).encode("ascii")
