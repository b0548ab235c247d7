"""Opens what a partner sent: one body in structured, binary or batch mode -> its items.

An item that is no CloudEvent keeps its problem instead of being dropped: each gets a verdict.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import unquote

import orjson

from shared.schemas import EnvelopeProblem, check_envelope

ITEM_BYTES_MAX = 64 * 1024
BATCH_ITEMS_MAX = 1000

STRUCTURED = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"

_tokens = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|[][{},]').finditer

_PREFIXES = ("ce-", "cloudevents:", "cloudevents_")
_ROUTING_HEADERS = ("cc", "bcc")


class Item(NamedTuple):
    """One would-be event: its attributes and data, or what is wrong with it.

    `body` is what to keep if it is rejected: with `content_type` and `headers` it can be opened
    again. `is_too_large` comes before every other problem.
    """

    attributes: dict[str, Any]
    data: object
    body: bytes
    content_type: str
    headers: dict[str, str]
    problem: EnvelopeProblem | None = None
    is_too_large: bool = False


def open_body(
    content_type: str, headers: Mapping[str, Any], body: bytes, *, percent_encoded: bool = False
) -> list[Item]:
    """The items of one body, in order; an empty batch has none.

    The HTTP binding percent-encodes attributes in headers; AMQP headers come as text already.
    """
    media = content_type.partition(";")[0].strip().lower()
    if headers and any(str(name).lower() in _ROUTING_HEADERS for name in headers):
        problem = EnvelopeProblem(
            "", "不接受 CC/BCC 头，请去掉", "CC and BCC headers are refused: leave them out"
        )
        return [Item({}, None, body, media, {}, problem, len(body) > ITEM_BYTES_MAX)]
    if media == BATCH:
        return _open_batch(body)
    attributes = {} if media == STRUCTURED else _attributes(headers, percent_encoded)
    if attributes:
        return [_open_binary(media, attributes, body)]
    if len(body) > ITEM_BYTES_MAX:
        return [Item({}, None, body, STRUCTURED, {}, None, is_too_large=True)]
    return [_open_structured(body)]


def _open_structured(body: bytes) -> Item:
    try:
        parsed = orjson.loads(body)
    except orjson.JSONDecodeError:
        return Item({}, None, body, STRUCTURED, {}, _not_json())
    return _item(parsed, body)


def _item(parsed: object, body: bytes) -> Item:
    problem = check_envelope(parsed)
    attributes: dict[str, Any] = parsed if isinstance(parsed, dict) else {}
    return Item(attributes, attributes.get("data"), body, STRUCTURED, {}, problem)


def _open_binary(media: str, attributes: dict[str, Any], body: bytes) -> Item:
    kept = {f"ce-{name}": str(value) for name, value in attributes.items()}
    if media and "datacontenttype" not in attributes:
        attributes["datacontenttype"] = media
    if len(body) > ITEM_BYTES_MAX:
        return Item(attributes, None, body, media, kept, None, is_too_large=True)
    if (problem := check_envelope(attributes)) is not None:
        return Item(attributes, None, body, media, kept, problem)
    if not body:
        return Item(attributes, None, body, media, kept)
    try:
        data = orjson.loads(body)
    except orjson.JSONDecodeError:
        return Item(attributes, None, body, media, kept, _not_json())
    return Item(attributes, data, body, media, kept)


def _attributes(headers: Mapping[str, Any], percent_encoded: bool) -> dict[str, Any]:
    """Attributes of binary mode; the first prefix that is seen is the one that counts."""
    prefix = next(
        (p for p in _PREFIXES for name in headers if str(name).lower().startswith(p)), None
    )
    if prefix is None:
        return {}
    return {
        str(name).lower()[len(prefix) :]: _text(value, percent_encoded)
        for name, value in headers.items()
        if str(name).lower().startswith(prefix)
    }


def _text(value: object, percent_encoded: bool) -> object:
    if isinstance(value, str):
        return unquote(value) if percent_encoded and "%" in value else value
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return value if isinstance(value, (bool, int)) else str(value)


def _open_batch(body: bytes) -> list[Item]:
    try:
        parsed = orjson.loads(body)
    except orjson.JSONDecodeError:
        return [Item({}, None, body, BATCH, {}, _not_json(), len(body) > ITEM_BYTES_MAX)]
    if not isinstance(parsed, list) or len(parsed) > BATCH_ITEMS_MAX:
        problem = EnvelopeProblem(
            "",
            f"批量内容须为不超过 {BATCH_ITEMS_MAX} 个事件的 JSON 数组",
            f"a batch must be a JSON array of at most {BATCH_ITEMS_MAX} events",
        )
        return [Item({}, None, body, BATCH, {}, problem)]
    if len(body) <= ITEM_BYTES_MAX:
        try:
            return [_item(one, orjson.dumps(one)) for one in parsed]
        except orjson.JSONEncodeError:  # deeper than orjson writes, though not than it reads
            pass
    return [
        Item({}, None, raw, STRUCTURED, {}, None, is_too_large=True)
        if len(raw) > ITEM_BYTES_MAX
        else _item(one, raw)
        for one, raw in zip(parsed, _raw_items(body), strict=True)
    ]


def _raw_items(body: bytes) -> list[bytes]:
    """The bytes of each item of a JSON array as they were sent, to measure them.

    It knows that the body is sound JSON and looks at brackets only: any depth is cheap.
    """
    found: list[bytes] = []
    depth, begun = 0, 0
    for token in _tokens(body):
        sign = token[0]
        if sign in b"[{":
            depth += 1
            begun = token.end() if depth == 1 else begun
        elif sign in b"]}":
            depth -= 1
        if (depth == 1 and sign == b",") or depth == 0:
            if raw := body[begun : token.start()].strip():
                found.append(raw)
            begun = token.end()
    return found


def _not_json() -> EnvelopeProblem:
    return EnvelopeProblem("", "内容不是 UTF-8 JSON", "the body is not UTF-8 JSON")
