"""Makes requests anonymous when their time is over; figures and histories of codes remain."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import text

from services.intake.rules.forgetting import ERASING, FORGOTTEN_TITLE, PLACE_DIGITS
from shared import clock
from shared.clock import today
from shared.db.arrays import literal
from shared.messaging.transaction import Transaction

BATCH_MAX = 200
EVERY_S = 60.0

# Per state the first by their end, over an index that holds only what is not yet anonymous.
_OVER = text(
    "SELECT e.id FROM (SELECT DISTINCT ON (state) state, keep_days FROM retention_rules"
    " WHERE starts_on <= :today ORDER BY state, starts_on DESC) k CROSS JOIN LATERAL"
    " (SELECT r.id, r.ended_at FROM requests r WHERE r.state = k.state AND r.ended_at IS NOT NULL"
    " AND r.anonymised_at IS NULL AND r.ended_at < :now - k.keep_days * interval '1 day'"
    " ORDER BY r.ended_at LIMIT :most FOR UPDATE SKIP LOCKED) e ORDER BY e.ended_at LIMIT :most"
)


def forget(tx: Transaction, *, most: int = BATCH_MAX) -> int:
    """Make at most so many anonymous whose time is over; how many it were (0: none is left)."""
    given = {"today": today(), "now": clock.now(), "most": most}
    ids = list(tx.session.execute(_OVER, given).scalars())
    if ids:
        erase(tx, ids)
    return len(ids)


def erase(tx: Transaction, ids: Sequence[int]) -> None:
    """Erase what is personal of these requests; a second time changes nothing."""
    given = {
        "ids": literal(ids),
        "title": FORGOTTEN_TITLE,
        "digits": PLACE_DIGITS,
        "now": clock.now(),
    }
    for statement in ERASING.values():
        tx.session.execute(text(statement), given)
