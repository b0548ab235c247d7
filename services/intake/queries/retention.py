"""保存期限 as people see it: rules by day, what is over, what was made anonymous."""

from __future__ import annotations

from datetime import date
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

_RULES = text("SELECT state, starts_on, keep_days FROM retention_rules ORDER BY state, starts_on")
_NEXT = text(
    "SELECT k.state, k.keep_days, (SELECT min(r.ended_at) FROM requests r WHERE r.state = k.state"
    " AND r.ended_at IS NOT NULL AND r.anonymised_at IS NULL) AS first_ended_at"
    " FROM (SELECT DISTINCT ON (state) state, keep_days FROM retention_rules"
    " WHERE starts_on <= :today ORDER BY state, starts_on DESC) k ORDER BY k.state"
)
_KEPT = text("SELECT subject, starts_on, keep_days FROM keeping_rules ORDER BY subject, starts_on")
_EXPORTS = text(
    "SELECT e.id, e.at, e.account_no, a.display_name, a.role, e.resident_no, e.form, e.reason"
    " FROM person_exports e LEFT JOIN accounts a USING (account_no)"
    " WHERE e.id < :before ORDER BY e.id DESC LIMIT :limit"
)


def retention_rules(session: Session) -> list[dict[str, Any]]:
    """Every rule, also those that are over and those to come."""
    return [dict(row) for row in session.execute(_RULES).mappings()]


def retention_now(session: Session, today: date) -> list[dict[str, Any]]:
    """By state: how long it is kept today, and the end of the oldest that is still whole."""
    return [dict(row) for row in session.execute(_NEXT, {"today": today}).mappings()]


def keeping_rules(session: Session) -> list[dict[str, Any]]:
    """The same of what is no request: all rules of each subject."""
    return [dict(row) for row in session.execute(_KEPT).mappings()]


def exports(session: Session, *, before: int | None, limit: int) -> list[dict[str, Any]]:
    """Who was given all that is held of whom, the newest first."""
    found = session.execute(_EXPORTS, {"before": before or 2**62, "limit": limit})
    return [dict(row) for row in found.mappings()]
