"""Refuses input no rule could want and no database can hold, before any route sees it.

NUL characters, lone surrogates, numbers beyond 64 bits, NaN and bottomless nesting would each
surface deep inside as an internal error. Doors with an API key read their bodies themselves.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from flask import Flask, request
from werkzeug.exceptions import BadRequest

from shared.errors import Rejected
from shared.web.access import current_access

NESTING_MAX = 64
_INTEGER_BITS = 63
_DIGITS_MAX = 20


def install(app: Flask) -> None:
    """Check each request; register after the size of the body was checked."""
    app.before_request(_check)


def _check() -> None:
    if "\0" in request.path or "%00" in request.query_string.decode("latin-1"):
        raise BadRequest
    access = current_access() if request.endpoint else None
    if access is None or access.kind == "bearer":
        return
    if request.is_json:
        check_json(request.get_data(cache=True))
    elif any("\0" in text for _, text in request.form.items(multi=True)):
        raise _unstorable()


def check_json(body: bytes) -> None:
    """Raise Rejected for JSON that parses but cannot be stored; broken JSON is left to others."""
    try:
        parsed = json.loads(body, parse_int=_bounded_integer, parse_constant=_no_constant)
    except (json.JSONDecodeError, UnicodeDecodeError):
        return
    except RecursionError:
        raise _too_deep() from None
    for text in _texts(parsed):
        if "\0" in text or any("\ud800" <= c <= "\udfff" for c in text):
            raise _unstorable()


def _bounded_integer(digits: str) -> int:
    if len(digits) > _DIGITS_MAX or (value := int(digits)).bit_length() > _INTEGER_BITS:
        raise Rejected("number_too_large", "数字超出范围。", "A number is out of range (64 bits).")
    return value


def _no_constant(name: str) -> float:
    raise Rejected("not_a_number", f"不接受 {name}。", f"{name} is not accepted.")


def _texts(node: Any) -> Iterator[str]:
    waiting: list[tuple[Any, int]] = [(node, 0)]
    while waiting:
        one, depth = waiting.pop()
        if depth > NESTING_MAX:
            raise _too_deep()
        if isinstance(one, str):
            yield one
        elif isinstance(one, dict):
            yield from one
            waiting += [(inner, depth + 1) for inner in one.values()]
        elif isinstance(one, list):
            waiting += [(inner, depth + 1) for inner in one]


def _too_deep() -> Rejected:
    return Rejected("too_deep", "JSON 嵌套过深。", "The JSON is nested too deeply.")


def _unstorable() -> Rejected:
    return Rejected(
        "unstorable_text",
        "内容含有无法保存的字符。",
        "The text holds characters that cannot be stored.",
    )
