"""What points says of redemptions that partners hand out: kept without whose they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from shared.db.arrays import literal

HELD, COLLECTED, RELEASED = "held", "collected", "released"
_TOLD_AT = {HELD: "held_at", COLLECTED: "posted_at", RELEASED: "released_at"}

# Order of arrival is not promised: what was collected or released stays so, and a holding that
# is heard of late only adds until when it had been.
_KEEP = text(
    "INSERT INTO redemptions AS r (redemption_no, slug, reward, quantity, state, due_at, told_at)"
    " SELECT n.redemption_no, n.slug, n.reward, n.quantity, :state, n.due_at, n.told_at"
    " FROM unnest(CAST(:numbers AS text[]), CAST(:slugs AS text[]), CAST(:rewards AS text[]),"
    " CAST(:quantities AS int[]), CAST(:due AS timestamptz[]), CAST(:told AS timestamptz[]))"
    " AS n (redemption_no, slug, reward, quantity, due_at, told_at) ORDER BY 1"
    " ON CONFLICT (redemption_no) DO UPDATE SET"
    " state = CASE excluded.state WHEN 'held' THEN r.state ELSE excluded.state END,"
    " due_at = coalesce(excluded.due_at, r.due_at),"
    " told_at = greatest(excluded.told_at, r.told_at)"
)
_REFUSED = text(
    "INSERT INTO refused_claims (claim_id, slug, source_event_id, reason, redemption_no,"
    " refused_at) SELECT * FROM unnest(CAST(:claims AS uuid[]), CAST(:slugs AS text[]),"
    " CAST(:events AS text[]), CAST(:reasons AS text[]), CAST(:numbers AS text[]),"
    " CAST(:times AS timestamptz[])) ON CONFLICT (claim_id) DO NOTHING"
)


def keep(session: Session, state: str, told: Sequence[dict[str, Any]]) -> None:
    """What became of redemptions; those that no partner hands out are nobody's here."""
    of_partners = {each["redemption_no"]: each for each in told if each["partner"] is not None}
    if not of_partners:
        return
    its = list(of_partners.values())
    session.execute(
        _KEEP,
        {
            "state": state,
            "numbers": literal(each["redemption_no"] for each in its),
            "slugs": literal(each["partner"] for each in its),
            "rewards": literal(each["reward"] for each in its),
            "quantities": literal(each["quantity"] for each in its),
            "due": literal(each.get("due_at") for each in its),
            "told": literal(each[_TOLD_AT[state]] for each in its),
        },
    )


def keep_refused(session: Session, told: Sequence[dict[str, Any]]) -> None:
    """Claims that were not accepted, for their partners to see."""
    session.execute(
        _REFUSED,
        {
            "claims": literal(each["claim_id"] for each in told),
            "slugs": literal(each["partner"] for each in told),
            "events": literal(each["source_event_id"] for each in told),
            "reasons": literal(each["reason"] for each in told),
            "numbers": literal(each["redemption_no"] for each in told),
            "times": literal(each["refused_at"] for each in told),
        },
    )
