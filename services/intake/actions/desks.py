"""受理台: the desk of each community, street and district, which owns what nobody else does."""

from __future__ import annotations

from sqlalchemy import text

from shared.messaging.transaction import Transaction

# An area whose fallback somebody named keeps it; a desk refers to the desk of the area around.
_MAKE = text(
    "INSERT INTO units (unit_code, kind, name, name_en, area_code, parent_code, is_fallback,"
    " is_active) SELECT 'desk-' || a.code, 'desk', a.name || '受理台', 'Desk of ' || a.name,"
    " a.code, CASE WHEN a.parent_code IS NOT NULL THEN coalesce((SELECT p.unit_code FROM units p"
    " WHERE p.area_code = a.parent_code AND p.is_fallback AND p.is_active),"
    " 'desk-' || a.parent_code) END, true, true"
    " FROM areas a WHERE a.kind IN ('district', 'street', 'community') AND NOT EXISTS"
    " (SELECT 1 FROM units u WHERE u.area_code = a.code AND u.is_fallback AND u.is_active)"
    " ORDER BY a.code ON CONFLICT DO NOTHING"
)


def make_missing(tx: Transaction) -> None:
    """Give each area above grids a desk, where it has none. Safe to repeat."""
    tx.session.execute(_MAKE)
