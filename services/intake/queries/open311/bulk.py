"""The table of public requests, and where a table that was taken out differs from what is here."""

from __future__ import annotations

from datetime import datetime
from itertools import islice
from typing import Any

from sqlalchemy.orm import Session

from services.intake.queries.open311.services import Offered
from services.intake.queries.open311.shown import Reader, shown_requests
from services.intake.rules.open311.asking import Asked
from services.intake.rules.open311.bulk import (
    DIFFERENCES_MAX,
    LINES_MAX,
    Difference,
    Line,
    differences,
    line_of,
    read_table,
)
from shared import clock
from shared.errors import Rejected

_AT_ONCE = 500


def bulk_lines(session: Session, offered: Offered, start: datetime, end: datetime) -> list[Line]:
    """Public requests of a time, the newest first; raises Rejected where there are too many."""
    asked = Asked(start=start, end=end, page_size=LINES_MAX + 1)
    rows = shown_requests(session, asked, Reader(offered), None)
    if len(rows) > LINES_MAX:
        raise Rejected(
            "bulk",
            f"超过 {LINES_MAX:,} 行，请缩短起止时间",
            f"more than {LINES_MAX:,} lines: choose a shorter time",
            pointer="/end",
        )
    return [_line(row, offered) for row in rows]


def compared(session: Session, offered: Offered, content: bytes) -> tuple[int, list[Difference]]:
    """How many lines a table has, and where they differ from what is here (the first 200).

    Raises Rejected for what is no such table.
    """
    numbered = enumerate(read_table(content), 2)
    count, at = 0, clock.now()
    found: list[Difference] = []
    while batch := list(islice(numbered, _AT_ONCE)):
        count += len(batch)
        codes = tuple(line["service_request_id"] for _, line in batch)
        asked = Asked(codes=codes, start=at, end=at, page_size=_AT_ONCE)
        rows = shown_requests(session, asked, Reader(offered), None)
        here = {row["public_code"]: _line(row, offered) for row in rows}
        room = DIFFERENCES_MAX - len(found)
        found += islice(differences(batch, here), room)
    return count, found


def _line(row: dict[str, Any], offered: Offered) -> Line:
    category = row["condition_code"] or row["category"]
    service = offered.by_category.get(category)
    return line_of(row, service.name if service else row["category"], category)
