"""How rows are printed for programs."""

from __future__ import annotations

import orjson


def json_line(row: object) -> str:
    """One JSON object; what JSON has no form for becomes text."""
    return orjson.dumps(row, default=str).decode()
