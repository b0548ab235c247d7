"""The register as people see it: areas, and residents with what is personal masked."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import text
from sqlalchemy.orm import Session

from services.intake.queries.paging import PAGE, Page, chosen, conditions
from shared.crypto import FieldCipher, mask_name, mask_phone

_COMMUNITIES = text("SELECT code, name FROM areas WHERE kind = 'community' ORDER BY code")
_GRIDS_OF = text(
    "SELECT g.code, g.name, c.name AS community FROM areas g JOIN areas c ON c.code = g.parent_code"
    " WHERE g.kind = 'grid' ORDER BY g.code"
)
_RESIDENTS = (
    "SELECT r.resident_no, r.household_no, r.name_sealed, r.phone_sealed, r.birth_year,"
    " r.grid_code, g.name AS grid_name, r.language, r.revision FROM residents r"
    " JOIN areas g ON g.code = r.grid_code WHERE r.resident_no > :after %s"
    " ORDER BY r.resident_no LIMIT :limit"
)
_RESIDENT_FILTERS = {
    "resident_no": "r.resident_no = :resident_no",
    "household_no": "r.household_no = :household_no",
    "grid": "r.grid_code = :grid",
    "community": "g.parent_code = :community",
    "phone": "r.phone_index = :phone",
}


def communities(session: Session) -> list[tuple[str, str]]:
    """(code, name) of each community."""
    return [(row.code, row.name) for row in session.execute(_COMMUNITIES)]


def grids(session: Session) -> list[tuple[str, str, str]]:
    """(code, name, its community's name) of each grid."""
    return [(row.code, row.name, row.community) for row in session.execute(_GRIDS_OF)]


def residents(
    session: Session,
    cipher: FieldCipher,
    *,
    filters: Mapping[str, object],
    after: str = "",
    limit: int = PAGE,
) -> Page:
    """The register by resident number, from one on, with `name` and `phone` masked.

    Filters: resident_no, household_no, grid, community, phone (its blind index).
    """
    given = chosen(_RESIDENT_FILTERS, filters)
    found = session.execute(
        text(_RESIDENTS % conditions(_RESIDENT_FILTERS, given)),
        {"after": after, "limit": limit + 1, **given},
    )
    rows = [dict(row) for row in found.mappings()]
    for row in rows[:limit]:
        name, phone, place = row.pop("name_sealed"), row.pop("phone_sealed"), row["resident_no"]
        row["name"] = mask_name(cipher.decrypt(name, bound_to=place))
        row["phone"] = mask_phone(cipher.decrypt(phone, bound_to=place)) if phone else None
    return Page(rows[:limit], rows[limit - 1]["resident_no"] if len(rows) > limit else None)
