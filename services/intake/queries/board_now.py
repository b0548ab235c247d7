"""What the street's day begins with: what is overdue, what is about to be, what came today."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from services.intake.queries.board import Asked
from services.intake.rules.board import SOON

FIRST_MAX = 5

# `waiting`: the clock stands still until the resident has answered.
_OPEN = "r.ended_at IS NULL AND r.state <> 'rating' AND r.state <> 'waiting'"
_SCOPE = {
    "street": (
        " AND r.grid_code IN (SELECT g.code FROM areas g JOIN areas c ON c.code = g.parent_code"
        " WHERE c.parent_code = :street)"
    ),
    "community": " AND r.grid_code IN (SELECT code FROM areas WHERE parent_code = :community)",
    "unit": " AND r.unit_code = :unit",
    "category": " AND coalesce(r.condition_code, r.category) = :category",
}
_COUNTS = (
    "SELECT count(*) FILTER (WHERE r.due_at < :now) AS overdue,"
    " count(*) FILTER (WHERE r.due_at >= :now) AS soon FROM requests r"
    f" WHERE {_OPEN} AND r.due_at < :soon%s"
)
_OPEN_NOW = "SELECT count(*) FROM requests r WHERE r.ended_at IS NULL AND r.state <> 'rating'%s"
_TODAY = (
    "SELECT count(*) FROM requests r WHERE r.opened_at >= date_trunc('day',"
    " CAST(:now AS timestamptz), 'Asia/Shanghai')%s"
)
_FIRST = (
    "SELECT r.request_no, r.title, r.state, r.urgency, r.due_at, u.name AS unit_name,"
    " u.name_en AS unit_name_en, c.name AS community_name FROM requests r"
    " LEFT JOIN units u ON u.unit_code = r.unit_code LEFT JOIN areas g ON g.code = r.grid_code"
    f" LEFT JOIN areas c ON c.code = g.parent_code WHERE {_OPEN} AND r.due_at < :soon%s"
    " ORDER BY r.due_at, r.id LIMIT :limit"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Now:
    """Counts as of this instant, whatever the period, and what has waited longest past its time."""

    overdue: int
    soon: int
    open: int
    today: int
    first: list[dict[str, Any]]


def board_now(session: Session, asked: Asked, now: datetime) -> Now:
    """The same part of the district that the board shows."""
    given = {
        name: value
        for name in ("street", "community", "unit", "category")
        if (value := getattr(asked, name))
    }
    scope = "".join(_SCOPE[name] for name in given)
    moments = {"now": now, "soon": now + SOON}
    counted = session.execute(text(_COUNTS % scope), {**given, **moments}).one()
    return Now(
        overdue=counted.overdue,
        soon=counted.soon,
        open=session.execute(text(_OPEN_NOW % scope), given).scalar_one(),
        today=session.execute(text(_TODAY % scope), {**given, "now": now}).scalar_one(),
        first=[
            dict(row)
            for row in session.execute(
                text(_FIRST % scope), {**given, **moments, "limit": FIRST_MAX}
            ).mappings()
        ],
    )
