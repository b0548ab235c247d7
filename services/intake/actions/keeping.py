"""Erases what is no request when its time is over: the hall's, sheets without a request, links."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import text

from services.intake.rules.keeping import ERASING, OVER
from shared import clock
from shared.clock import today
from shared.db.arrays import literal
from shared.messaging.transaction import Transaction

BATCH_MAX = 200

_DAYS = text(
    "SELECT DISTINCT ON (subject) subject, keep_days FROM keeping_rules WHERE starts_on <= :today"
    " ORDER BY subject, starts_on DESC"
)


def forget(tx: Transaction, *, most: int = BATCH_MAX) -> int:
    """Erase at most so many of each subject whose time is over; how many (0: none is left)."""
    count = 0
    for subject, days in tx.session.execute(_DAYS, {"today": today()}).all():
        given = {"before": clock.now() - timedelta(days=days), "most": most}
        keys = list(tx.session.execute(text(OVER[subject]), given).scalars())
        count += len(keys)
        for statement in ERASING[subject] if keys else ():
            tx.session.execute(text(statement), {"keys": literal(keys)})
    return count
