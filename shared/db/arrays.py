"""PostgreSQL array literals, made quickly: the hot path sends whole batches as arrays.

psycopg builds an array element by element in Python; for a batch of 500 events that was the
largest single cost of a hop. A JSON list is almost an array literal, and orjson writes it in C.
"""

from __future__ import annotations

from collections.abc import Iterable

import orjson


def literal(values: Iterable[object]) -> str:
    """`{...}` of text, numbers, booleans, UUIDs, dates, aware datetimes or None.

    For CAST(:name AS type[]). Text must not hold NUL (PostgreSQL cannot store it).
    """
    listed = list(values)
    written = orjson.dumps(listed).decode()
    if "\\" in written:  # JSON's escapes are not PostgreSQL's
        return "{" + ",".join(_element(value) for value in listed) + "}"
    return "{" + written[1:-1] + "}"


def _element(value: object) -> str:
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'
    return orjson.dumps(value).decode()


def hex_literal(values: Iterable[bytes]) -> str:
    """`{...}` for CAST(:name AS bytea[])."""
    return "{" + ",".join(f'"\\\\x{value.hex()}"' for value in values) + "}"
