"""Which alert level is in force where.

An area is under the most severe of the levels that were last proclaimed for it and for the areas
around it: a street may be stricter than its district, never laxer.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from services.intake.rules.alerts import Level

SEVERITY = "array_position(ARRAY['normal','blue','yellow','orange','red'], {})"
"""SQL: how severe a level is, 1 to 5."""

LEVELS = (
    "newest AS (SELECT DISTINCT ON (area_code) area_code, level FROM alert_levels"
    " ORDER BY area_code, id DESC),"
    " levels AS (SELECT a.code, coalesce(n.level, 'normal') AS level FROM areas a"
    " LEFT JOIN newest n ON n.area_code = a.code WHERE a.parent_code IS NULL"
    " UNION ALL SELECT a.code, CASE WHEN "
    + SEVERITY.format("n.level")
    + " > "
    + SEVERITY.format("l.level")
    + " THEN n.level ELSE l.level END FROM levels l JOIN areas a ON a.parent_code = l.code"
    " LEFT JOIN newest n ON n.area_code = a.code)"
)
"""SQL, after WITH RECURSIVE: `levels` (code, level) of every area of the district."""

_CURRENT = text(
    "WITH RECURSIVE around AS (SELECT code, parent_code FROM areas"
    " WHERE CASE WHEN CAST(:area AS text) IS NULL THEN parent_code IS NULL ELSE code = :area END"
    " UNION ALL SELECT a.code, a.parent_code FROM around r JOIN areas a ON a.code = r.parent_code)"
    " SELECT l.level FROM around r JOIN LATERAL (SELECT level FROM alert_levels"
    " WHERE area_code = r.code ORDER BY id DESC LIMIT 1) l ON true"
    f" ORDER BY {SEVERITY.format('l.level')} DESC LIMIT 1"
)
_RAISED = text(
    "SELECT n.area_code, a.name, a.kind, n.level, n.since, n.basis, c.display_name AS who FROM"
    " (SELECT DISTINCT ON (area_code) * FROM alert_levels ORDER BY area_code, id DESC) n"
    " JOIN areas a ON a.code = n.area_code LEFT JOIN accounts c ON c.account_no = n.proclaimed_by"
    f" WHERE n.level <> 'normal' ORDER BY {SEVERITY.format('n.level')} DESC, n.area_code"
)
_HISTORY = text(
    "SELECT n.id, n.area_code, a.name, n.level, n.since, n.basis, c.display_name AS who"
    " FROM alert_levels n JOIN areas a ON a.code = n.area_code"
    " LEFT JOIN accounts c ON c.account_no = n.proclaimed_by ORDER BY n.id DESC LIMIT :limit"
)
_AREAS = text(
    "SELECT code, name, kind FROM areas WHERE kind = ANY(:kinds)"
    " ORDER BY array_position(ARRAY['district','street','community','grid'], kind), code"
)

_GRIDS = text(
    "WITH RECURSIVE inside AS (SELECT code, kind, name FROM areas WHERE code = :area"
    " UNION ALL SELECT a.code, a.kind, a.name FROM inside i JOIN areas a ON a.parent_code = i.code)"
    " SELECT code, name FROM inside WHERE kind = 'grid' ORDER BY code"
)
_LEADS = text(
    "SELECT 1 FROM posts WHERE account_no = :account AND duty IN ('head', 'secretary') LIMIT 1"
)


def current_level(session: Session, area: str | None = None) -> Level:
    """The level an area is under; without an area, that of the district as a whole."""
    found = session.execute(_CURRENT, {"area": area}).scalar()
    return Level(found) if found else Level.NORMAL


def raised(session: Session) -> list[dict[str, Any]]:
    """The areas whose own newest proclamation is above normal, the most severe first."""
    return [dict(row) for row in session.execute(_RAISED).mappings()]


def proclamations(session: Session, limit: int) -> list[dict[str, Any]]:
    """The newest ones first."""
    return [dict(row) for row in session.execute(_HISTORY, {"limit": limit}).mappings()]


def areas(session: Session, kinds: Iterable[str]) -> list[tuple[str, str]]:
    """(code, name) of the areas of these kinds, the largest first, for a choice."""
    rows = session.execute(_AREAS, {"kinds": list(kinds)})
    return [(row.code, row.name) for row in rows]


def grids_in(session: Session, area: str) -> list[tuple[str, str]]:
    """(code, name) of the grids within an area, for a choice."""
    return [(row.code, row.name) for row in session.execute(_GRIDS, {"area": area})]


def leads_somewhere(session: Session, account_no: str) -> bool:
    """Whether the account heads a unit or is a secretary: they may proclaim a level."""
    return session.execute(_LEADS, {"account": account_no}).scalar() is not None
