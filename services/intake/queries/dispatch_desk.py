"""What people see of dispatch: what waits at the desk, who has a request and why."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from services.intake.rules.dispatch import RuleList
from services.intake.rules.dispatch_form import BadDispatchRules, read_rules
from shared.db.arrays import literal

_WORDS = (
    " r.id, r.request_no, r.title, r.category, r.condition_code, r.urgency, r.state, r.opened_at,"
    " r.returned_count, r.grid_code, g.name AS grid_name, c.code AS community,"
    " c.name AS community_name, s.code AS street, s.parent_code AS district, b.facts AS returned,"
    " coalesce(n.note, '') AS note, u.name AS returned_by, u.name_en AS returned_by_en"
    " FROM waiting w JOIN requests r USING (id)"
    " LEFT JOIN areas g ON g.code = r.grid_code LEFT JOIN areas c ON c.code = g.parent_code"
    " LEFT JOIN areas s ON s.code = c.parent_code"
    " LEFT JOIN LATERAL (SELECT step_no, facts FROM request_steps t WHERE t.request_id = r.id"
    " AND t.action = 'return' ORDER BY step_no DESC LIMIT 1) b ON r.returned_count > 0"
    " LEFT JOIN step_notes n ON n.request_id = r.id AND n.step_no = b.step_no"
    " LEFT JOIN units u ON u.unit_code = b.facts ->> 'unit'"
)
_MINE = "(cardinality(CAST(:areas AS text[])) = 0 OR r.grid_code IN (SELECT code FROM below))"
# Both are partial indexes of what is in that state now; neither grows with what is done.
_WAITING = text(
    "WITH RECURSIVE below AS (SELECT unnest(CAST(:areas AS text[])) AS code"
    " UNION SELECT a.code FROM areas a JOIN below b ON a.parent_code = b.code),"
    " waiting AS ((SELECT id FROM requests r WHERE r.state = 'pending' AND r.id > :after"
    f" AND {_MINE} ORDER BY id LIMIT :limit) UNION ALL (SELECT r.id FROM requests r JOIN units d"
    " ON d.unit_code = r.unit_code AND d.is_fallback WHERE r.state = 'dispatched'"
    " AND r.condition_code IS NULL AND r.returned_count < 2 AND r.id > :after"
    f" AND {_MINE} ORDER BY r.id LIMIT :limit) ORDER BY id LIMIT :limit) SELECT"
    + _WORDS
    + " ORDER BY r.id"
)
_UNITS = text(
    "SELECT unit_code, name, name_en, kind FROM units WHERE is_active AND NOT is_fallback"
    " ORDER BY kind, name, unit_code"
)
_LISTED_UNITS = text(
    "SELECT unit_code, kind, name, name_en, area_code FROM units WHERE is_active"
    " AND NOT is_fallback ORDER BY area_code, unit_code"
)
_IN_FORCE = text(
    "SELECT body FROM dispatch_rules WHERE state = 'published' ORDER BY version DESC LIMIT 1"
)
_AREAS_OF = text(
    "SELECT DISTINCT u.area_code FROM posts p JOIN units u USING (unit_code)"
    " WHERE p.account_no = :account AND p.duty IN ('dispatcher', 'head', 'secretary')"
    " AND u.is_active"
)
_LAST = text(
    "SELECT s.at, s.facts, s.rule_version, u.name, u.name_en, u.is_fallback FROM requests r"
    " LEFT JOIN units u ON u.unit_code = r.unit_code LEFT JOIN LATERAL (SELECT at, facts,"
    " rule_version FROM request_steps t WHERE t.request_id = r.id AND t.facts ? 'unit'"
    " AND t.action IN ('dispatch', 'assign', 'return') ORDER BY step_no DESC LIMIT 1) s ON true"
    " WHERE r.id = :id"
)
_ASSISTS = text(
    "SELECT a.unit_code, u.name, u.name_en, a.since, EXISTS (SELECT 1 FROM posts p"
    " WHERE p.unit_code = a.unit_code AND p.account_no = :account) AS is_own"
    " FROM request_assists a JOIN units u USING (unit_code) WHERE a.request_id = :id"
    " ORDER BY a.since, a.unit_code"
)
_VERSION = text("SELECT body FROM dispatch_rules WHERE version = :version")
_ACCEPT_BY = text(
    "SELECT due_at FROM request_clocks WHERE request_id = :id AND kind = 'accept'"
    " ORDER BY run DESC LIMIT 1"
)
_LISTED = (
    "SELECT d.id, d.version, d.state, d.body, d.revision, d.made_by, d.changed_at, d.checked_by,"
    " d.checked_at, d.reason, coalesce(m.display_name, d.made_by) AS maker,"
    " coalesce(k.display_name, d.checked_by) AS checker FROM dispatch_rules d"
    " LEFT JOIN accounts m ON m.account_no = d.made_by"
    " LEFT JOIN accounts k ON k.account_no = d.checked_by"
)
_LISTS = text(
    f"{_LISTED} ORDER BY (d.state IN ('draft', 'submitted')) DESC, d.changed_at DESC LIMIT :limit"
)
_LIST = text(f"{_LISTED} WHERE d.id = :id")
_NAMED = text("SELECT unit_code, name, name_en FROM units WHERE unit_code = ANY(:codes)")


def waiting_at_desks(
    session: Session, areas: Iterable[str], *, after: int, limit: int
) -> list[dict[str, Any]]:
    """What dispatchers have to decide, the oldest first: given back, or not classified.

    In these areas and all below them; without areas, everywhere.
    """
    values = {"areas": literal(areas), "after": after, "limit": limit}
    rows = session.execute(_WAITING, values)
    return [dict(row) for row in rows.mappings()]


def units_to_choose(session: Session) -> list[dict[str, Any]]:
    """The units that a dispatcher may choose from; desks get nothing from people."""
    return [dict(row) for row in session.execute(_UNITS).mappings()]


def file_in_force(session: Session) -> dict[str, Any]:
    """Units and rules as a file that can be loaded again."""
    units = [dict(row) for row in session.execute(_LISTED_UNITS).mappings()]
    body = session.execute(_IN_FORCE).scalar_one_or_none() or {"rules": []}
    return {"units": units, **body}


def areas_dispatched_by(session: Session, account_no: str) -> frozenset[str]:
    """The areas for which somebody dispatches."""
    return frozenset(session.execute(_AREAS_OF, {"account": account_no}).scalars())


def owner_of(session: Session, request_id: int) -> dict[str, Any]:
    """The unit that has a request, and the step by which it got it."""
    return dict(session.execute(_LAST, {"id": request_id}).mappings().one())


def assists_of(session: Session, request_id: int, account_no: str) -> list[dict[str, Any]]:
    """The units that assist; `is_own` where the account works in one."""
    rows = session.execute(_ASSISTS, {"id": request_id, "account": account_no})
    return [dict(row) for row in rows.mappings()]


def accept_by(session: Session, request_id: int) -> datetime | None:
    """Until when the unit that has it may give it back."""
    found: datetime | None = session.execute(_ACCEPT_BY, {"id": request_id}).scalar_one_or_none()
    return found


def rules_of_version(session: Session, version: int) -> RuleList | None:
    """A published version as it is kept; None when there is none that can be read."""
    body = session.execute(_VERSION, {"version": version}).scalar_one_or_none()
    try:
        return None if body is None else read_rules(body, version)
    except BadDispatchRules:
        return None


def rule_lists(session: Session, limit: int = 50) -> list[dict[str, Any]]:
    """Drafts first, then the versions, the newest first."""
    return [dict(row) for row in session.execute(_LISTS, {"limit": limit}).mappings()]


def rule_list(session: Session, list_id: int) -> dict[str, Any] | None:
    """One draft or version."""
    row = session.execute(_LIST, {"id": list_id}).mappings().one_or_none()
    return None if row is None else dict(row)


def names_of(session: Session, codes: Iterable[str]) -> dict[str, tuple[str, str]]:
    """The Chinese and English name of each unit that there is."""
    rows = session.execute(_NAMED, {"codes": sorted(set(codes))})
    return {row.unit_code: (row.name, row.name_en) for row in rows}
