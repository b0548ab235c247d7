"""One resident as staff may see him, and who looked behind the mask."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from services.intake.queries.homes import masked
from services.intake.queries.paging import PAGE, Page
from services.intake.rules.people import ROLES
from shared.crypto import FieldCipher

_RESIDENT = text(
    "SELECT r.resident_no, r.household_no, r.name_sealed, r.phone_sealed, r.birth_year,"
    " r.grid_code, g.name AS grid_name, m.name AS micro_grid_name, r.language, r.whereabouts,"
    " r.registered_at, b.building_no, b.address,"
    " nullif(concat_ws('-', b.label, nullif(h.unit, ''), h.room), '') AS door"
    " FROM residents r JOIN areas g ON g.code = r.grid_code"
    " JOIN households h ON h.household_no = r.household_no"
    " LEFT JOIN areas m ON m.code = r.micro_grid_code"
    " LEFT JOIN buildings b ON b.building_no = h.building_no WHERE r.resident_no = :resident_no"
)
_CONSENTS = text(
    "SELECT * FROM consents WHERE resident_no = :resident_no ORDER BY withdrawn_at IS NOT NULL, id"
)
_ROLES = text(
    "SELECT r.role, r.area_code, a.name AS area_name, r.since, r.until FROM resident_roles r"
    " JOIN areas a ON a.code = r.area_code WHERE r.resident_no = :resident_no"
)
_HAS_ROLE = text(
    "SELECT role FROM resident_roles WHERE resident_no = :resident_no AND since <= :day"
    " AND (until IS NULL OR until >= :day)"
)
_UNMASKINGS = (
    "SELECT u.id, u.at, u.account_no, a.login, a.display_name, u.resident_no, u.field, u.reason"
    " FROM unmaskings u LEFT JOIN accounts a ON a.account_no = u.account_no"
    " WHERE u.id < :before %s ORDER BY u.id DESC LIMIT :limit"
)
_UNMASKING_FILTERS = {
    "resident_no": "u.resident_no = :resident_no",
    "login": "u.account_no = (SELECT account_no FROM accounts WHERE login = :login)",
}
_NEWEST = 2**63 - 1


def resident_of(session: Session, cipher: FieldCipher, resident_no: str) -> dict[str, Any] | None:
    """One resident with home, consents and roles; `name` and `phone` masked."""
    values = {"resident_no": resident_no}
    found = session.execute(_RESIDENT, values).mappings().one_or_none()
    if found is None:
        return None
    one = masked(dict(found), cipher)
    one["consents"] = [dict(row) for row in session.execute(_CONSENTS, values).mappings()]
    held = [dict(row) for row in session.execute(_ROLES, values).mappings()]
    one["roles"] = sorted(held, key=lambda row: ROLES.index(row["role"]))
    return one


def roles_of(session: Session, resident_no: str, day: object) -> frozenset[str]:
    """What somebody is on a day: delegate, grid_worker, party_member, volunteer."""
    values = {"resident_no": resident_no, "day": day}
    return frozenset(session.execute(_HAS_ROLE, values).scalars())


def unmaskings(
    session: Session, *, filters: Mapping[str, str], before: int | None = None, limit: int = PAGE
) -> Page:
    """Who looked at what and why, the newest first. Filters: resident_no, login."""
    given = {name: value for name, value in filters.items() if value and name in _UNMASKING_FILTERS}
    where = "".join(f" AND {_UNMASKING_FILTERS[name]}" for name in given)
    values = {"before": before or _NEWEST, "limit": limit + 1, **given}
    found = session.execute(text(_UNMASKINGS % where), values)
    rows = [dict(row) for row in found.mappings()]
    return Page(rows[:limit], str(rows[limit - 1]["id"]) if len(rows) > limit else None)
