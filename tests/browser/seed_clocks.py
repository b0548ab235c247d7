"""A draft of the catalogue, and a request for which more time was asked."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import text

from services.intake.actions import catalogue, deadlines, escalating
from services.intake.queries.catalogue import catalogue_at
from services.intake.rules.catalogue_changes import with_limit
from shared import clock
from shared.messaging.transaction import Transaction

# One whose clock has still some way to go.
_LONGEST = text(
    "SELECT request_id FROM request_clocks WHERE kind = 'resolve' AND stopped_at IS NULL"
    " AND frozen_at IS NULL AND due_at > :now ORDER BY due_at DESC, request_id LIMIT 1"
)


def ticking(tx: Transaction) -> dict[str, str]:
    """The number of the draft; somebody of another name has made both."""
    now = catalogue_at(tx.session, clock.now())
    assert now is not None
    begins = clock.today() + timedelta(days=1)
    changed = with_limit(now, "0404-1", "resolve", "12 urgent_hours", begins)
    draft = catalogue.draft(tx, changed, by="command")
    found = tx.session.execute(_LONGEST, {"now": clock.now()}).scalar_one_or_none()
    if found is not None:
        deadlines.ask_extension(tx, found, amount=1, reason="须等配件到货", by="A-asker")
    escalating.escalate(tx)
    return {"catalogue_draft": str(draft)}
