"""What is due where, who was there, what was measured, what was missed, who is on duty."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from services.intake.queries.paging import PAGE, Page, page_of, place_of
from shared import clock

DUE_MAX = 300
POINTS_MAX = 60  # of a chart

IN_AREA = (
    "inside AS (SELECT code FROM areas WHERE code = :area"
    " UNION ALL SELECT a.code FROM inside i JOIN areas a ON a.parent_code = i.code)"
)
"""SQL, after WITH RECURSIVE: `inside` (code) is the area and all within it."""

_SPOT = (
    "SELECT s.spot_code, s.route_code, r.name AS route_name, s.position, s.name, s.kind,"
    " s.grid_code, g.name AS grid_name, s.address, s.lat, s.lon, s.checks, s.readings,"
    " s.category, s.is_active, d.level, d.minutes, d.last_visit_at, d.due_at FROM patrol_spots s"
    " JOIN patrol_routes r ON r.route_code = s.route_code JOIN areas g ON g.code = s.grid_code"
    " LEFT JOIN patrol_dues d ON d.spot_code = s.spot_code"
)
_DUE = text(
    _SPOT + " WHERE d.spot_code IS NOT NULL AND (CAST(:route AS text) IS NULL"
    " OR s.route_code = :route) ORDER BY d.due_at, s.spot_code LIMIT :limit"
)
_OF_ROUTE = text(_SPOT + " WHERE s.route_code = :route AND s.is_active ORDER BY s.position")
_ONE = text(_SPOT + " WHERE s.spot_code = :code")
_ROUTES = text(
    "SELECT r.route_code, r.name, r.area_code, a.name AS area_name, count(s.spot_code) AS spots,"
    " count(d.spot_code) FILTER (WHERE d.due_at <= :now) AS due FROM patrol_routes r"
    " JOIN areas a ON a.code = r.area_code"
    " LEFT JOIN patrol_spots s ON s.route_code = r.route_code AND s.is_active"
    " LEFT JOIN patrol_dues d ON d.spot_code = s.spot_code"
    " WHERE r.is_active GROUP BY r.route_code, a.name ORDER BY r.route_code"
)
_VISITS = (
    "SELECT v.id, v.visited_at, v.received_at, v.checks, v.readings, v.note, c.display_name AS who,"
    " q.request_no FROM patrol_visits v LEFT JOIN accounts c ON c.account_no = v.visited_by"
    " LEFT JOIN requests q ON q.id = v.request_id WHERE v.spot_code = :spot"
)
_VISITS_BEFORE = text(
    _VISITS + " AND (v.visited_at, v.id) < (CAST(:at AS timestamptz), :id)"
    " ORDER BY v.visited_at DESC, v.id DESC LIMIT :limit"
)
_SERIES = text(
    "SELECT visited_at, readings FROM patrol_visits WHERE spot_code = :spot"
    " AND readings <> '{}'::jsonb ORDER BY visited_at DESC, id DESC LIMIT :limit"
)
_ALARMS = (
    "SELECT a.id, a.spot_code, s.name, s.route_code, r.name AS route_name, a.due_at, a.level,"
    " a.cause, a.raised_at, a.acknowledged_at, c.display_name AS acknowledged_by, a.settled_at"
    " FROM patrol_alarms a JOIN patrol_spots s ON s.spot_code = a.spot_code"
    " JOIN patrol_routes r ON r.route_code = s.route_code"
    " LEFT JOIN accounts c ON c.account_no = a.acknowledged_by"
)
_OPEN_ALARMS = text(_ALARMS + " WHERE a.settled_at IS NULL ORDER BY a.due_at, a.id LIMIT :limit")
_ALARMS_BEFORE = text(
    _ALARMS + " WHERE (a.raised_at, a.id) < (CAST(:at AS timestamptz), :id)"
    " ORDER BY a.raised_at DESC, a.id DESC LIMIT :limit"
)
_SHIFTS = text(
    "SELECT h.id, h.area_code, a.name AS area_name, h.starts_at, h.ends_at, h.head,"
    " c.display_name AS head_name, h.begun_at, h.relieved_at,"
    " (SELECT array_agg(n.display_name ORDER BY n.account_no) FROM patrol_shift_members m"
    " JOIN accounts n ON n.account_no = m.account_no WHERE m.shift_id = h.id) AS members,"
    " EXISTS (SELECT 1 FROM patrol_shift_members m WHERE m.shift_id = h.id"
    " AND m.account_no = :me) AS is_mine FROM patrol_shifts h JOIN areas a ON a.code = h.area_code"
    " JOIN accounts c ON c.account_no = h.head"
    " WHERE h.relieved_at IS NULL ORDER BY h.starts_at, h.id LIMIT :limit"
)
_HANDOVERS = text(
    "SELECT o.id, o.from_shift, o.to_shift, o.notes, o.alarms, o.handed_at, o.handed_by,"
    " c.display_name AS handed_by_name, o.acknowledged_at, k.display_name AS acknowledged_by_name,"
    " h.area_code, a.name AS area_name, EXISTS (SELECT 1 FROM patrol_shift_members m"
    " WHERE m.shift_id = o.to_shift AND m.account_no = :me) AS is_mine FROM patrol_handovers o"
    " JOIN patrol_shifts h ON h.id = o.from_shift JOIN areas a ON a.code = h.area_code"
    " LEFT JOIN accounts c ON c.account_no = o.handed_by"
    " LEFT JOIN accounts k ON k.account_no = o.acknowledged_by ORDER BY o.id DESC LIMIT :limit"
)
_OF_HEAD = text(
    "WITH RECURSIVE inside AS (SELECT h.area_code AS code FROM patrol_shifts h"
    " WHERE h.head = :head AND h.begun_at IS NOT NULL AND h.relieved_at IS NULL"
    " UNION SELECT a.code FROM inside i JOIN areas a ON a.parent_code = i.code)"
    " SELECT count(*) FROM patrol_alarms a JOIN patrol_spots s ON s.spot_code = a.spot_code"
    " WHERE a.settled_at IS NULL AND s.grid_code IN (SELECT code FROM inside)"
)
_INTERVALS = text(
    "SELECT kind, level, valid_from, minutes, applied_at FROM patrol_intervals"
    " WHERE valid_from > :now OR (kind, level, valid_from) IN (SELECT kind, level, max(valid_from)"
    " FROM patrol_intervals WHERE valid_from <= :now GROUP BY kind, level)"
    " ORDER BY kind, level, valid_from"
)


def due_list(session: Session, route: str | None = None) -> list[dict[str, Any]]:
    """Active spots, what is due first of all; at most `DUE_MAX`."""
    return _rows(session, _DUE, route=route, limit=DUE_MAX)


def routes(session: Session) -> list[dict[str, Any]]:
    """Active routes, with how many spots they have and how many of those are due now."""
    return _rows(session, _ROUTES, now=clock.now())


def spots_of(session: Session, route: str) -> list[dict[str, Any]]:
    """The active spots of a route in their order."""
    return _rows(session, _OF_ROUTE, route=route)


def spot(session: Session, code: str) -> dict[str, Any] | None:
    """One spot with what is due there."""
    return next(iter(_rows(session, _ONE, code=code)), None)


def visits(session: Session, code: str, *, before: str | None, limit: int = PAGE) -> Page:
    """Visits of a spot, the newest first."""
    at, number = place_of(before, 2) if before else ("infinity", 0)
    rows = _rows(session, _VISITS_BEFORE, spot=code, at=at, id=number, limit=limit + 1)
    return page_of(rows, limit, lambda row: (row["visited_at"], row["id"]))


def series(session: Session, code: str) -> dict[str, list[tuple[datetime, int]]]:
    """The newest measurements of a spot by reading, oldest first."""
    found: dict[str, list[tuple[datetime, int]]] = {}
    for row in reversed(_rows(session, _SERIES, spot=code, limit=POINTS_MAX)):
        for name, value in row["readings"].items():
            found.setdefault(name, []).append((row["visited_at"], value))
    return found


def open_alarms(session: Session, limit: int = DUE_MAX) -> list[dict[str, Any]]:
    """Missed visits that nobody has made up for, the oldest first."""
    return _rows(session, _OPEN_ALARMS, limit=limit)


def alarms(session: Session, *, before: str | None, limit: int = PAGE) -> Page:
    """All alarms, the newest first."""
    at, number = place_of(before, 2) if before else ("infinity", 0)
    rows = _rows(session, _ALARMS_BEFORE, at=at, id=number, limit=limit + 1)
    return page_of(rows, limit, lambda row: (row["raised_at"], row["id"]))


def alarms_of_head(session: Session, account_no: str) -> int:
    """Open alarms in the areas whose shift on duty this account heads."""
    return int(session.execute(_OF_HEAD, {"head": account_no}).scalar_one())


def shifts(session: Session, me: str, limit: int = PAGE) -> list[dict[str, Any]]:
    """Shifts on duty and to come; `is_mine` tells whether `me` serves in it."""
    return _rows(session, _SHIFTS, me=me, limit=limit)


def handovers(session: Session, me: str, limit: int = 20) -> list[dict[str, Any]]:
    """The newest hand-overs first; `is_mine` tells whether `me` is to acknowledge."""
    return _rows(session, _HANDOVERS, me=me, limit=limit)


def intervals(session: Session) -> list[dict[str, Any]]:
    """The intervals in force and those to come."""
    return _rows(session, _INTERVALS, now=clock.now())


def _rows(session: Session, statement: Any, **values: Any) -> list[dict[str, Any]]:
    return [dict(row) for row in session.execute(statement, values).mappings()]
