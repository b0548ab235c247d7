"""Rectifications with their rates, items with their pictures, and what is to be seen again."""

from __future__ import annotations

from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from services.intake.queries.paging import PAGE, Page
from shared import clock

REPORT_MAX = 500  # items of one printed report

# Rates are of counts that are shown beside them; an empty one has no rate.
_DRIVES = (
    "SELECT d.id, d.title, d.area_code, a.name AS area_name, d.unit_code, u.name AS unit_name,"
    " d.starts_on, d.ends_on, d.recheck_days, d.made_at, i.items, i.good, i.fixed, i.recurred,"
    " i.recurrences, r.due FROM rectifications d JOIN areas a ON a.code = d.area_code"
    " JOIN units u ON u.unit_code = d.unit_code LEFT JOIN LATERAL (SELECT count(*) AS items,"
    " count(*) FILTER (WHERE state = 'good') AS good,"
    " count(*) FILTER (WHERE state = 'fixed') AS fixed,"
    " count(*) FILTER (WHERE recurred_count > 0) AS recurred,"
    " coalesce(sum(recurred_count), 0) AS recurrences FROM rectification_items"
    " WHERE rectification_id = d.id) i ON true LEFT JOIN LATERAL (SELECT count(*) AS due"
    " FROM reinspections n JOIN rectification_items t ON t.id = n.item_id"
    " WHERE t.rectification_id = d.id AND n.done_at IS NULL AND n.due_on <= :today) r ON true"
)
_LIST = text(_DRIVES + " WHERE d.id < :before ORDER BY d.id DESC LIMIT :limit")
_ONE = text(_DRIVES + " WHERE d.id = :id")
_ITEMS = text(
    "SELECT i.id, i.what, i.place, g.name AS grid_name, i.state, i.found_at, i.fixed_at, i.good_at,"
    " i.fixed_by, i.recurred_count, n.due_on, (SELECT max(step_no) FROM rectification_pictures"
    " WHERE item_id = i.id AND kind = 'before') AS before_no, (SELECT max(step_no)"
    " FROM rectification_pictures WHERE item_id = i.id AND kind = 'after') AS after_no,"
    " f.display_name AS fixed_by_name, c.display_name AS checked_by_name"
    " FROM rectification_items i JOIN areas g ON g.code = i.grid_code"
    " LEFT JOIN accounts f ON f.account_no = i.fixed_by"
    " LEFT JOIN accounts c ON c.account_no = i.checked_by"
    " LEFT JOIN LATERAL (SELECT min(due_on) AS due_on FROM reinspections WHERE item_id = i.id"
    " AND done_at IS NULL) n ON true WHERE i.rectification_id = :drive AND i.id > :after"
    " ORDER BY i.id LIMIT :limit"
)
_ITEM = text(
    "SELECT i.id, i.rectification_id, d.title, i.what, i.place, g.name AS grid_name, i.state,"
    " i.found_at, i.fixed_by, i.recurred_count FROM rectification_items i"
    " JOIN rectifications d ON d.id = i.rectification_id JOIN areas g ON g.code = i.grid_code"
    " WHERE i.id = :id"
)
_STEPS = text(
    "SELECT s.step_no, s.at, s.action, s.to_state, s.note, a.display_name AS who, p.kind AS picture"
    " FROM rectification_steps s LEFT JOIN accounts a ON a.account_no = s.by"
    " LEFT JOIN rectification_pictures p ON p.item_id = s.item_id AND p.step_no = s.step_no"
    " WHERE s.item_id = :id ORDER BY s.step_no"
)
_RECHECKS = text(
    "SELECT n.due_on, n.done_at, n.outcome, a.display_name AS who FROM reinspections n"
    " LEFT JOIN accounts a ON a.account_no = n.done_by WHERE n.item_id = :id"
    " ORDER BY n.due_on, n.id"
)
_DUE = text(
    "SELECT n.due_on, i.id, i.what, i.place, d.title FROM reinspections n"
    " JOIN rectification_items i ON i.id = n.item_id"
    " JOIN rectifications d ON d.id = i.rectification_id"
    " WHERE n.done_at IS NULL AND n.due_on <= :today ORDER BY n.due_on, n.id LIMIT :limit"
)
_PICTURE = text(
    "SELECT picture FROM rectification_pictures WHERE item_id = :item AND step_no = :step"
)
_UNITS = text("SELECT unit_code, name FROM units WHERE is_active ORDER BY unit_code")


def drives(session: Session, *, before: int | None, limit: int = PAGE) -> Page:
    """Rectifications with their counts, the newest first."""
    values = {"before": before or 2**62, "today": clock.today(), "limit": limit + 1}
    rows = _rows(session, _LIST, **values)
    return Page(rows[:limit], str(rows[limit - 1]["id"]) if len(rows) > limit else None)


def drive(session: Session, number: int) -> dict[str, Any] | None:
    """One rectification with its counts."""
    return next(iter(_rows(session, _ONE, id=number, today=clock.today())), None)


def items(session: Session, number: int, *, after: int = 0, limit: int = PAGE) -> Page:
    """The items of a rectification in the order in which they were found."""
    rows = _rows(session, _ITEMS, drive=number, after=after, limit=limit + 1)
    return Page(rows[:limit], str(rows[limit - 1]["id"]) if len(rows) > limit else None)


def item(session: Session, number: int) -> dict[str, Any] | None:
    """One item."""
    return next(iter(_rows(session, _ITEM, id=number)), None)


def steps_of(session: Session, number: int) -> list[dict[str, Any]]:
    """The history of an item; `picture` is the kind of the step's picture."""
    return _rows(session, _STEPS, id=number)


def rechecks_of(session: Session, number: int) -> list[dict[str, Any]]:
    """The re-inspections of an item, done and to come."""
    return _rows(session, _RECHECKS, id=number)


def rechecks_due(session: Session, limit: int = PAGE) -> list[dict[str, Any]]:
    """Items that somebody must look at again by today, the longest waiting first."""
    return _rows(session, _DUE, today=clock.today(), limit=limit)


def picture_of(session: Session, number: int, step_no: int) -> bytes | None:
    """A picture as JPEG."""
    found = session.execute(_PICTURE, {"item": number, "step": step_no}).scalar()
    return None if found is None else bytes(found)


def units(session: Session) -> list[tuple[str, str]]:
    """(code, name) of the units that may answer for a rectification."""
    return [(row.unit_code, row.name) for row in session.execute(_UNITS)]


def _rows(session: Session, statement: Any, **values: Any) -> list[dict[str, Any]]:
    return [dict(row) for row in session.execute(statement, values).mappings()]
