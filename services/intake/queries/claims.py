"""Claims as residents and staff see them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from services.intake.rules.claims import ROLES
from services.intake.rules.states import OPEN

LISTED_MAX = 100

_COUNTED = (
    "o.id, o.about, o.place, o.places, o.skills, o.starts_at, o.ends_at, o.state,"
    " (SELECT count(*) FROM claims c WHERE c.opening_id = o.id"
    " AND c.state IN ('holding', 'done')) AS taken,"
    " (SELECT count(*) FROM claims c WHERE c.opening_id = o.id AND c.state = 'waiting') AS waiting"
)
_OFFERED = text(
    f"SELECT {_COUNTED}, NOT EXISTS (SELECT 1 FROM unnest(o.skills) AS s WHERE s NOT IN"
    " (SELECT skill FROM resident_skills WHERE resident_no = :resident)) AS can"
    " FROM claim_openings o JOIN requests r ON r.id = o.request_id"
    " LEFT JOIN areas g ON g.code = r.grid_code LEFT JOIN areas c ON c.code = g.parent_code"
    " LEFT JOIN areas s ON s.code = c.parent_code"
    " WHERE o.state = 'open' AND o.ends_at > :now AND r.state = ANY(:open) AND EXISTS"
    " (SELECT 1 FROM resident_roles l WHERE l.resident_no = :resident AND l.role = ANY(:roles)"
    " AND l.area_code IN (g.code, c.code, s.code, s.parent_code) AND l.since <= :today"
    " AND (l.until IS NULL OR l.until >= :today))"
    " AND NOT EXISTS (SELECT 1 FROM claims m WHERE m.opening_id = o.id"
    " AND m.resident_no = :resident AND m.state <> 'withdrawn')"
    f" ORDER BY o.starts_at, o.id LIMIT {LISTED_MAX}"
)
_OWN = text(
    "SELECT c.id, c.state, c.minutes, o.about, o.place, o.starts_at, o.ends_at,"
    " (SELECT count(*) + 1 FROM claims b WHERE b.opening_id = c.opening_id"
    " AND b.state = 'waiting' AND b.queue_no < c.queue_no) AS place_in_queue"
    " FROM claims c JOIN claim_openings o ON o.id = c.opening_id WHERE c.resident_no = :resident"
    f" AND c.state <> 'withdrawn' ORDER BY c.id DESC LIMIT {LISTED_MAX}"
)
_OF_REQUEST = text(
    f"SELECT {_COUNTED} FROM claim_openings o WHERE o.request_id = :id ORDER BY o.starts_at, o.id"
)
_CLAIMS = text(
    "SELECT c.id, c.opening_id, c.resident_no, c.state, c.queue_no, c.minutes FROM claims c"
    " WHERE c.opening_id = ANY(:openings) AND c.state <> 'withdrawn'"
    " ORDER BY c.opening_id, c.queue_no"
)
_COMING = text(
    f"SELECT {_COUNTED}, r.request_no, r.title FROM claim_openings o"
    " JOIN requests r ON r.id = o.request_id WHERE o.state = 'open' AND o.ends_at > :now"
    f" ORDER BY o.starts_at, o.id LIMIT {LISTED_MAX}"
)
_SKILLS = text("SELECT skill, count(*) AS people FROM resident_skills GROUP BY skill ORDER BY 1")


def offered_to(
    session: Session, resident_no: str, now: datetime, today: date
) -> list[dict[str, Any]]:
    """What a resident may claim; `can` where the resident has the skills it needs."""
    values = {
        "resident": resident_no,
        "now": now,
        "today": today,
        "roles": list(ROLES),
        "open": [str(state) for state in OPEN],
    }
    return [dict(row) for row in session.execute(_OFFERED, values).mappings()]


def own_claims(session: Session, resident_no: str) -> list[dict[str, Any]]:
    """A resident's claims, the newest first, with the place in the queue of those that wait."""
    return [dict(row) for row in session.execute(_OWN, {"resident": resident_no}).mappings()]


def openings_of(session: Session, request_id: int) -> list[dict[str, Any]]:
    """A request's openings, each with its `claims`."""
    openings = [dict(row) for row in session.execute(_OF_REQUEST, {"id": request_id}).mappings()]
    claims = _claims(session, [each["id"] for each in openings])
    return [
        {**each, "claims": [one for one in claims if one["opening_id"] == each["id"]]}
        for each in openings
    ]


def _claims(session: Session, openings: Iterable[int]) -> list[dict[str, Any]]:
    rows = session.execute(_CLAIMS, {"openings": list(openings)})
    return [dict(row) for row in rows.mappings()]


def coming(session: Session, now: datetime) -> list[dict[str, Any]]:
    """Openings that are not over, the next first."""
    return [dict(row) for row in session.execute(_COMING, {"now": now}).mappings()]


def skills(session: Session) -> list[tuple[str, int]]:
    """Each skill that was noted, and how many residents have it."""
    return [(row.skill, row.people) for row in session.execute(_SKILLS)]
