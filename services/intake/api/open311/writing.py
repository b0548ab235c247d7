"""Answers in the standard's two formats; one tree of dicts and lists makes both."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson
from flask import Response, request

JSON: Final = "json"
XML: Final = "xml"
FORMATS: Final = (XML, JSON)
MEDIA_TYPES: Final = {XML: "text/xml", JSON: "application/json"}

# What a list's elements are called where the format needs a name for them.
_ITEMS: Final = {
    "services": "service",
    "attributes": "attribute",
    "values": "value",
    "service_requests": "request",
    "service_request_updates": "request_update",
    "request_updates": "request_update",
    "errors": "error",
    "endpoints": "endpoint",
    "formats": "format",
    "media_urls": "media_url",
}
# XML 1.0 has no way to write these, not even escaped; one of them breaks every reader.
_IMPOSSIBLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_SPECIAL = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;"})


def format_of(path: str) -> str:
    """What the path ends in; XML, which the standard requires, for anything else."""
    return JSON if path.endswith(".json") else XML


def answer(root: str, tree: Any, status: int = 200) -> Response:
    """`tree` below the element `root`; in JSON a root that is a list stands by itself."""
    form = format_of(request.path)
    body = as_json(tree) if form == JSON else as_xml(root, tree)
    return Response(body, status, content_type=f"{MEDIA_TYPES[form]}; charset=utf-8")


def as_json(tree: Any) -> bytes:
    """Identifiers are always texts; what is empty is null."""
    return orjson.dumps(tree)


def as_xml(root: str, tree: Any) -> bytes:
    """A document without namespaces, attributes or entities of its own."""
    parts = ['<?xml version="1.0" encoding="utf-8"?>\n']
    _write(parts, root, tree)
    return "".join(parts).encode("utf-8", "replace")


def _write(parts: list[str], name: str, value: Any) -> None:
    if value is None or value in ("", []):
        parts.append(f"<{name}/>")
        return
    parts.append(f"<{name}>")
    if isinstance(value, Mapping):
        for inner, one in value.items():
            _write(parts, inner, one)
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for one in value:
            _write(parts, _ITEMS[name], one)
    elif isinstance(value, bool):
        parts.append("true" if value else "false")
    else:
        parts.append(escaped(str(value)))
    parts.append(f"</{name}>")


def escaped(text: str) -> str:
    """As an XML text; a character that XML cannot hold becomes U+FFFD."""
    return _IMPOSSIBLE.sub("\ufffd", text).translate(_SPECIAL)
