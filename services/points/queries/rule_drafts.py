"""Drafts of rules, what their simulations found, and the history that simulations read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from services.points.rules.simulating import Deed

LISTED_MAX = 100
CHUNK = 5_000

_COLUMNS = (
    "d.draft_id, d.body, d.revision, d.state, d.made_by, d.made_at, d.changed_at,"
    " d.submitted_at, d.checked_by, d.checked_at, d.reason,"
    " CASE WHEN s.revision = d.revision THEN s.result END AS simulated,"
    " s.made_at AS simulated_at"
)
_FROM = "FROM rule_drafts d LEFT JOIN rule_simulations s USING (draft_id)"
_LISTED = text(
    f"SELECT {_COLUMNS} {_FROM} ORDER BY (d.state IN ('draft', 'submitted')) DESC,"
    " d.changed_at DESC LIMIT :most"
)
_ONE = text(f"SELECT {_COLUMNS} {_FROM} WHERE d.draft_id = :draft_id")
_HISTORY = text(
    "SELECT owner AS resident_no, coalesce(household_no, '') AS household_no,"
    " coalesce(community_code, '') AS community_code, on_date AS on,"
    " coalesce(explanation ->> 'kind', '') AS kind,"
    " coalesce((explanation ->> 'minutes')::int, 0) AS minutes,"
    " coalesce(explanation ->> 'evidence', '') AS evidence,"
    " concat(explanation ->> 'partner', '/', explanation ->> 'activity_code') AS activity,"
    " programme, rule_version AS version, points"
    " FROM awards WHERE kind = 'activity' AND on_date BETWEEN :since AND :until ORDER BY award_no"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A draft; `simulated` only where it is of the draft's present revision."""

    draft_id: UUID
    body: dict[str, Any]
    revision: int
    state: str
    made_by: str
    made_at: datetime
    changed_at: datetime
    submitted_at: datetime | None
    checked_by: str | None
    checked_at: datetime | None
    reason: str | None
    simulated: dict[str, Any] | None
    simulated_at: datetime | None


def rule_drafts(session: Session) -> list[Draft]:
    """The open ones first, then those decided last; at most 100."""
    rows = session.execute(_LISTED, {"most": LISTED_MAX}).mappings()
    return [Draft(**row) for row in rows]


def rule_draft(session: Session, draft_id: UUID) -> Draft | None:
    """One draft, or None."""
    row = session.execute(_ONE, {"draft_id": draft_id}).mappings().one_or_none()
    return None if row is None else Draft(**row)


def deeds(session: Session, since: date, until: date) -> Iterator[Deed]:
    """Activities of these days in the order in which they were credited, as of one moment.

    Read in chunks through a cursor: years of history never stand in memory.
    """
    found = session.execute(
        _HISTORY, {"since": since, "until": until}, execution_options={"yield_per": CHUNK}
    )
    for row in found.mappings():
        yield Deed(**row)
