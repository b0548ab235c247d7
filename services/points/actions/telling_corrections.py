"""Tells residents, by one event each, what a correction changed in their accounts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from shared import clock
from shared.db.arrays import literal
from shared.schemas import make
from shared.schemas.corrections import POINTS_CORRECTED
from shared.schemas.envelope import Event

SOURCE = "/linli/points"

_STANDING = text(
    "SELECT a.owner, a.balance, coalesce((SELECT sum(d.remaining) FROM debts d"
    " WHERE d.account_id = a.id AND d.remaining > 0), 0)::bigint AS owed FROM accounts a"
    " WHERE a.owner = ANY(CAST(:owners AS text[])) AND a.owner_kind = 'resident'"
    " AND a.asset = 'points'"
)


@dataclass(slots=True)
class Change:
    """What was added to a resident's accounts (negative: taken away)."""

    points: int = 0
    pending: int = 0
    service_minutes: int = 0
    honour_points: int = 0

    def add(self, asset: str, amount: int) -> None:
        """An amount of `points`, `service_minutes` or `honour_points`."""
        setattr(self, asset, getattr(self, asset) + amount)


def corrected(
    session: Session, document_id: UUID, way: str, changes: Mapping[str, Change]
) -> list[Event]:
    """One event a resident, with the balance as it is now; call it after posting."""
    rows = session.execute(_STANDING, {"owners": literal(changes)}).all()
    standing = {owner: (balance, owed) for owner, balance, owed in rows}
    now = clock.now()
    events = []
    for resident_no, change in changes.items():
        balance, owed = standing.get(resident_no, (0, 0))
        events.append(
            make(
                POINTS_CORRECTED,
                {
                    "document_id": document_id,
                    "resident_no": resident_no,
                    "way": way,
                    "points": change.points,
                    "points_pending": change.pending,
                    "service_minutes": change.service_minutes,
                    "honour_points": change.honour_points,
                    "points_owed": owed,
                    "points_balance": balance,
                    "on_date": clock.local_date(now),
                    "corrected_at": now,
                },
                source=SOURCE,
                correlationid=str(document_id),
            )
        )
    return events
