"""What a passbook tells of points that a public notice still shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy.orm import Session

from services.points import queries
from services.points.pages.notice_words import STATES, TONES, said
from services.points.queries import Holding
from services.points.queries.public_notices import pending_lines
from services.points.rules.explaining import KINDS, words

LINES = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingRow:
    """An award whose points do not count yet; without a notice it waits for one."""

    on_date: date
    what: str
    points: int
    state: str
    tone: str
    notice_no: str | None
    line_no: int | None
    ends_at: datetime | None


@dataclass(frozen=True, slots=True)
class Pending:
    """All points that wait, and the newest of the awards they are for."""

    points: int
    rows: Sequence[PendingRow]


def pending_of(session: Session, resident_no: str) -> Pending:
    """Of one resident; nothing is asked further where nothing waits."""
    held = queries.holdings(session, "pending", resident_no).get("points", Holding())
    if not held.balance:
        return Pending(0, ())
    rows = [
        PendingRow(
            on_date=row.on_date,
            what=_what(row.kind),
            points=row.points,
            state=said(STATES[row.state]),
            tone=TONES[row.state],
            notice_no=row.notice_no,
            line_no=row.line_no,
            ends_at=row.ends_at,
        )
        for row in pending_lines(session, resident_no, LINES)
    ]
    return Pending(held.balance, rows)


def _what(kind: str | None) -> str:
    name = words(KINDS, kind)
    return said((name.zh, name.en[:1].upper() + name.en[1:]))
