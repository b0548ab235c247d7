"""Residents who belong somewhere, and rules that two people declared."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from services.points.actions.proposals import decide, propose
from shared import clock
from shared.messaging.transaction import transaction
from shared.schemas import make
from shared.schemas.envelope import Event
from tests.integration.points.database import Ledger

MAKER, CHECKER = "manager-1", "manager-2"
COMMUNITY = "990101001001"


def registered(resident_no: str, household_no: str, revision: int = 1) -> Event:
    """A resident of a household, as intake tells of one."""
    return make(
        "linli.resident.registered.v1",
        {
            "resident_no": resident_no,
            "household_no": household_no,
            "grid_code": f"{COMMUNITY}001",
            "community_code": COMMUNITY,
            "language": "zh",
            "contact_sealed": None,
            "revision": revision,
            "registered_at": clock.now(),
        },
        source="/linli/intake",
        correlationid=str(uuid4()),
    )


def approved(
    ledger: Ledger,
    kind: str,
    body: Mapping[str, Any],
    resident_no: str | None = None,
    points: int | None = None,
    by: str = MAKER,
) -> UUID:
    """What one manager proposes and another approves at once."""
    with transaction(ledger.sessions) as tx:
        proposal_id = propose(tx, kind, body, reason="会议决定", by=by, resident_no=resident_no)
    with transaction(ledger.sessions) as tx:
        decide(tx, proposal_id, approve=True, reason="同意", by=CHECKER, points=points)
    return proposal_id


def declare(
    ledger: Ledger,
    kind: str,
    rules: Mapping[str, Any],
    name: str = "default",
    on: date | None = None,
) -> UUID:
    """Declared rules, valid from a day (today)."""
    body = {
        "kind": kind,
        "name": name,
        "valid_from": (on or clock.today()).isoformat(),
        "rules": rules,
    }
    return approved(ledger, "declaration", body)


@contextmanager
def moved_to(at: datetime) -> Iterator[None]:
    """The clock stands still at an instant, and runs again afterwards."""
    clock.freeze(at)
    try:
        yield
    finally:
        clock.freeze(None)


def days_later(days: int) -> None:
    """Move a clock that stands still."""
    clock.advance(timedelta(days=days))
