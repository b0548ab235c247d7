"""延期: what was asked for a request, and what waits for somebody in charge."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import text
from sqlalchemy.orm import Session

from shared.db.arrays import literal

WAITING_MAX = 100

_COLUMNS = (
    "SELECT e.extension_no, e.request_id, e.kind, e.amount, c.unit, e.asked_by, e.asked_at,"
    " e.decided_by, e.decided_at, e.is_granted, r.request_no, r.title, c.due_at, c.unit_code"
    " FROM extensions e JOIN request_clocks c USING (request_id, kind, run)"
    " JOIN requests r ON r.id = e.request_id"
)
_OF_ONE = text(f"{_COLUMNS} WHERE e.request_id = :id ORDER BY e.extension_no")
_WAITING = f"{_COLUMNS} WHERE e.is_granted IS NULL %s ORDER BY e.extension_no LIMIT {WAITING_MAX}"


class ExtensionRow(NamedTuple):
    """More time that was asked for, with the clock it is for; `unit` is the clock's."""

    extension_no: int
    request_id: int
    kind: str
    amount: int
    unit: str
    asked_by: str
    asked_at: datetime
    decided_by: str | None
    decided_at: datetime | None
    is_granted: bool | None
    request_no: str
    title: str
    due_at: datetime
    unit_code: str | None


def extensions_of(session: Session, request_id: int) -> list[ExtensionRow]:
    """Of one request, in the order in which they were asked for."""
    return [ExtensionRow(*row) for row in session.execute(_OF_ONE, {"id": request_id})]


def waiting_extensions(session: Session, units: Sequence[str] | None) -> list[ExtensionRow]:
    """At most 100 that nobody has decided, the oldest first; of these units, or of all."""
    if units is None:
        return [ExtensionRow(*row) for row in session.execute(text(_WAITING % ""))]
    mine = "AND c.unit_code = ANY(CAST(:units AS text[]))"
    found = session.execute(text(_WAITING % mine), {"units": literal(units)})
    return [ExtensionRow(*row) for row in found]


def extension(session: Session, extension_no: int) -> ExtensionRow | None:
    """One, by its number."""
    row = session.execute(
        text(f"{_COLUMNS} WHERE e.extension_no = :no"), {"no": extension_no}
    ).one_or_none()
    return None if row is None else ExtensionRow(*row)
