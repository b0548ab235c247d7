"""What goes over the wire: CloudEvents 1.0 in structured, binary or batched form, or as it is.

Attributes of a binary event are headers `ce-…` at both doors. The HTTP binding asks for
percent-encoding of what is not printable ASCII; AMQP carries text as it is.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import orjson

from deploy.month.read import Send

STRUCTURED = "application/cloudevents+json"
BATCHED = "application/cloudevents-batch+json"
JSON = "application/json"

ROUTING_KEY_BYTES_MAX = 255
RAW_ITEMS_MAX = 1000  # the gate takes no longer batch

# everything printable but space, double quote and percent, as the HTTP binding says
_SAFE = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) not in '"%')
_needs_quoting = re.compile(r"[^\x21\x23\x24\x26-\x7e]").search


@dataclass(frozen=True, slots=True)
class Parcel:
    """One AMQP message or one HTTP request.

    `lines` are the sends in it; `expects` is how many verdicts it will get; `attributes` are the
    headers of a binary event, names without their prefix.
    """

    lines: tuple[int, ...]
    partner: str
    via: str
    body: bytes
    content_type: str | None
    attributes: dict[str, str]
    routing_key: str
    expects: int


def pack(send: Send) -> Parcel:
    """The parcel of one send."""
    if send.raw is not None:
        return _pack_raw(send, send.raw)
    event = send.event or {}
    if send.mode == "binary":
        return _pack_binary(send, event)
    if send.mode == "batch":
        return pack_batch([(send, dumps(event))])
    return _parcel(send, dumps(event), STRUCTURED, routing_key=_routing_key(event))


def pack_batch(sends: list[tuple[Send, bytes]]) -> Parcel:
    """One parcel of several events of one partner for one door, each with its JSON."""
    first = sends[0][0]
    return Parcel(
        lines=tuple(send.line for send, _ in sends),
        partner=first.partner,
        via=first.via,
        body=b"[" + b",".join(text for _, text in sends) + b"]",
        content_type=BATCHED,
        attributes={},
        routing_key=_routing_key(first.event or {}),
        expects=len(sends),
    )


def dumps(value: object) -> bytes:
    """Compact JSON in UTF-8; what orjson will not write is written with escapes."""
    try:
        return orjson.dumps(value)
    except (orjson.JSONEncodeError, RecursionError):
        return json.dumps(value, separators=(",", ":")).encode()


def http_header(value: str) -> str:
    """An attribute's text as the CloudEvents HTTP binding writes it."""
    return quote(value, safe=_SAFE) if _needs_quoting(value) else value


def _pack_raw(send: Send, body: bytes) -> Parcel:
    if send.mode == "binary":
        return _parcel(send, body, JSON)
    if send.mode == "structured":
        return _parcel(send, body, STRUCTURED)
    return _parcel(send, body, BATCHED, expects=_items_in(body))


def _items_in(body: bytes) -> int:
    # What is no batch at all gets one verdict; an empty one holds nothing to judge.
    try:
        items = orjson.loads(body)
    except orjson.JSONDecodeError:
        return 1
    return len(items) if isinstance(items, list) and len(items) <= RAW_ITEMS_MAX else 1


def _pack_binary(send: Send, event: dict[str, Any]) -> Parcel:
    attributes = {
        name: _attribute(value)
        for name, value in event.items()
        if name not in {"data", "data_base64"} and value is not None
    }
    content_type = attributes.pop("datacontenttype", None)
    body = b""
    if "data" in event:
        content_type = content_type or JSON
        body = _data(event["data"], content_type)
    elif isinstance(event.get("data_base64"), str):
        body = _bytes_of(event["data_base64"])
    return _parcel(send, body, content_type, attributes, _routing_key(event))


def _attribute(value: object) -> str:
    return value if isinstance(value, str) else dumps(value).decode()


def _data(data: object, content_type: str) -> bytes:
    kind = content_type.partition(";")[0].strip().lower()
    if isinstance(data, str) and kind != JSON and not kind.endswith("+json"):
        return data.encode("utf-8", "surrogatepass")
    return dumps(data)


def _bytes_of(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return text.encode("utf-8", "surrogatepass")


def _routing_key(event: dict[str, Any]) -> str:
    # A convenience for whoever watches the broker: nobody trusts it.
    kind = event.get("type")
    if not isinstance(kind, str) or not kind.isascii() or len(kind) > ROUTING_KEY_BYTES_MAX:
        return ""
    return kind


def _parcel(
    send: Send,
    body: bytes,
    content_type: str | None,
    attributes: dict[str, str] | None = None,
    routing_key: str = "",
    expects: int = 1,
) -> Parcel:
    return Parcel(
        lines=(send.line,),
        partner=send.partner,
        via=send.via,
        body=body,
        content_type=content_type,
        attributes=attributes or {},
        routing_key=routing_key,
        expects=expects,
    )
