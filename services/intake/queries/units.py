"""Units and who works in them, for the page that manages them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

_UNITS = text(
    "SELECT u.*, a.name AS area_name, p.name AS parent_name, (SELECT count(*) FROM posts x"
    " WHERE x.unit_code = u.unit_code) AS posts FROM units u JOIN areas a ON a.code = u.area_code"
    " LEFT JOIN units p ON p.unit_code = u.parent_code ORDER BY NOT u.is_active, u.unit_code"
    " LIMIT 1000"
)
_UNIT = text("SELECT * FROM units WHERE unit_code = :unit_code")
_POSTS = text(
    "SELECT p.account_no, a.login, a.display_name, a.is_active, p.duty, p.since FROM posts p"
    " JOIN accounts a USING (account_no) WHERE p.unit_code = :unit_code ORDER BY a.login, p.duty"
)
_AREAS = text("SELECT code, kind, name FROM areas WHERE kind <> 'micro_grid' ORDER BY code")
_IMPORTS = text(
    "SELECT i.*, a.login FROM register_imports i LEFT JOIN accounts a ON a.account_no = i.made_by"
    " ORDER BY i.made_at DESC LIMIT 20"
)
_IMPORT = text("SELECT * FROM register_imports WHERE import_id = :import_id")


def units(session: Session) -> list[dict[str, Any]]:
    """All units, the active ones first (a district has tens)."""
    return [dict(row) for row in session.execute(_UNITS).mappings()]


def unit_of(session: Session, unit_code: str) -> dict[str, Any] | None:
    """One unit with its `held` posts."""
    found = session.execute(_UNIT, {"unit_code": unit_code}).mappings().one_or_none()
    if found is None:
        return None
    posts = session.execute(_POSTS, {"unit_code": unit_code}).mappings()
    return {**found, "held": [dict(row) for row in posts]}


def areas(session: Session) -> list[tuple[str, str, str]]:
    """(code, kind, name) of each area down to the grids."""
    return [(row.code, row.kind, row.name) for row in session.execute(_AREAS)]


def register_imports(session: Session) -> list[dict[str, Any]]:
    """The newest files that were checked."""
    return [dict(row) for row in session.execute(_IMPORTS).mappings()]


def register_import(session: Session, import_id: object) -> dict[str, Any] | None:
    """One of them."""
    found = session.execute(_IMPORT, {"import_id": import_id}).mappings().one_or_none()
    return dict(found) if found else None
