"""The history of a request, and where it stands as residents read it."""

from __future__ import annotations

from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

# Of an account the unit is the owner's where it has a post there, else any other of its posts.
_STEPS = text(
    "SELECT s.step_no, s.at, s.action, s.from_state, s.to_state, s.actor_kind, s.actor, s.facts,"
    " s.rule_version, n.note, p.unit_name, p.unit_name_en, p.duty, a.display_name"
    " FROM request_steps s LEFT JOIN step_notes n USING (request_id, step_no)"
    " LEFT JOIN accounts a ON s.actor_kind = 'account' AND a.account_no = s.actor"
    " LEFT JOIN LATERAL (SELECT u.name AS unit_name, u.name_en AS unit_name_en, o.duty"
    " FROM posts o JOIN units u USING (unit_code) WHERE s.actor_kind = 'account'"
    " AND o.account_no = s.actor ORDER BY o.unit_code = CAST(:unit AS text) DESC, o.unit_code,"
    " o.duty LIMIT 1) p ON true WHERE s.request_id = :id ORDER BY s.step_no"
)
_PUBLIC = text(
    "SELECT r.request_no, r.state, r.opened_at, r.due_at, r.resolved_at, r.ended_at,"
    " u.name AS unit_name, u.name_en AS unit_name_en FROM requests r"
    " LEFT JOIN units u USING (unit_code) WHERE r.public_code = :code"
)


def history_of(session: Session, request_id: int, unit_code: str | None) -> list[dict[str, Any]]:
    """Every step, the oldest first, with what was written and the unit of who took it."""
    found = session.execute(_STEPS, {"id": request_id, "unit": unit_code}).mappings()
    return [dict(row) for row in found]


def tracked(session: Session, public_code: str) -> dict[str, Any] | None:
    """Where a request stands, for whoever holds its receipt: no text, no person."""
    row = session.execute(_PUBLIC, {"code": public_code}).mappings().one_or_none()
    return None if row is None else dict(row)
