"""What a passbook says of lots: which points end first."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from sqlalchemy import text
from sqlalchemy.orm import Session

from services.points.rules.lots import NEVER

_NEXT = text(
    "SELECT l.expires_on, sum(l.remaining)::bigint AS points FROM lots l"
    " WHERE l.account_id = (SELECT id FROM accounts WHERE owner = :owner"
    " AND owner_kind = 'resident' AND asset = 'points') AND l.remaining > 0"
    " AND l.expires_on >= :today AND l.expires_on < :never"
    " GROUP BY l.expires_on ORDER BY l.expires_on LIMIT 1"
)


@dataclass(frozen=True, slots=True)
class Ending:
    """Points that are good to the end of a day."""

    ends_on: date
    points: int


def ending_first(session: Session, resident_no: str, today: date) -> Ending | None:
    """Of what a resident can spend, what ends first; None when nothing ever ends."""
    asked = {"owner": resident_no, "today": today, "never": NEVER}
    row = session.execute(_NEXT, asked).one_or_none()
    return None if row is None else Ending(row.expires_on, row.points)
