"""The register as places: areas with what is in them, a building's rooms, a household's people."""

from __future__ import annotations

from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from shared.crypto import FieldCipher, mask_name, mask_phone

ROOMS_MAX = 2000  # of one building; a page shows them all

_CHILDREN = text(
    "SELECT a.code, a.kind, a.name, count(c.code) AS areas FROM areas a"
    " LEFT JOIN areas c ON c.parent_code = a.code"
    " WHERE a.parent_code IS NOT DISTINCT FROM CAST(:parent AS text)"
    " GROUP BY a.code ORDER BY a.code"
)
_GRIDS_BELOW = (
    "WITH RECURSIVE below AS (SELECT code AS top, code, kind FROM areas"
    " WHERE code = ANY(:codes) UNION ALL SELECT b.top, a.code, a.kind FROM areas a"
    " JOIN below b ON a.parent_code = b.code)"
)
_COUNTS = text(
    _GRIDS_BELOW + " SELECT b.top, sum(n.buildings) AS buildings, sum(n.rooms) AS rooms,"
    " sum(n.households) AS households, sum(n.residents) AS residents FROM below b"
    " CROSS JOIN LATERAL (SELECT"
    " (SELECT count(*) FROM buildings x WHERE x.grid_code = b.code) AS buildings,"
    " (SELECT count(*) FROM rooms r JOIN buildings x USING (building_no)"
    " WHERE x.grid_code = b.code) AS rooms,"
    " (SELECT count(*) FROM households h WHERE h.grid_code = b.code) AS households,"
    " (SELECT count(*) FROM residents p WHERE p.grid_code = b.code) AS residents) AS n"
    " WHERE b.kind = 'grid' GROUP BY b.top"
)
_MICRO_COUNTS = text(
    "SELECT m.code AS top, (SELECT count(*) FROM buildings x WHERE x.micro_grid_code = m.code)"
    " AS buildings, (SELECT count(*) FROM rooms r JOIN buildings x USING (building_no)"
    " WHERE x.micro_grid_code = m.code) AS rooms, (SELECT count(*) FROM households h JOIN buildings"
    " x USING (building_no) WHERE x.micro_grid_code = m.code) AS households,"
    " (SELECT count(*) FROM residents p WHERE p.micro_grid_code = m.code) AS residents"
    " FROM unnest(CAST(:codes AS text[])) AS m (code)"
)
_AREA = text("SELECT code, kind, name, parent_code FROM areas WHERE code = :code")
_BUILDINGS = text(
    "SELECT b.*, (SELECT count(*) FROM rooms r WHERE r.building_no = b.building_no) AS rooms,"
    " (SELECT count(*) FROM households h WHERE h.building_no = b.building_no) AS households"
    " FROM buildings b WHERE (b.grid_code = :code OR b.micro_grid_code = :code)"
    " AND b.building_no > :after ORDER BY b.building_no LIMIT :limit"
)
_BUILDING = text(
    "SELECT b.*, g.name AS grid_name, m.name AS micro_grid_name FROM buildings b"
    " JOIN areas g ON g.code = b.grid_code LEFT JOIN areas m ON m.code = b.micro_grid_code"
    " WHERE b.building_no = :building_no"
)
_ROOMS = text(
    "SELECT r.unit, r.room, r.usage, h.household_no, h.residence, h.origin, h.visited_at,"
    " (SELECT count(*) FROM residents p WHERE p.household_no = h.household_no) AS people"
    " FROM rooms r LEFT JOIN households h USING (building_no, unit, room)"
    " WHERE r.building_no = :building_no"
    " ORDER BY length(r.unit), r.unit, length(r.room), r.room, h.household_no"
    f" LIMIT {ROOMS_MAX}"
)
_HOUSEHOLD = text(
    "SELECT h.*, g.name AS grid_name, b.label, b.address, b.micro_grid_code, r.usage,"
    " nullif(concat_ws('-', b.label, nullif(h.unit, ''), h.room), '') AS door FROM households h"
    " JOIN areas g ON g.code = h.grid_code LEFT JOIN buildings b USING (building_no)"
    " LEFT JOIN rooms r USING (building_no, unit, room) WHERE h.household_no = :household_no"
)
_PEOPLE = text(
    "SELECT resident_no, name_sealed, phone_sealed, birth_year, language, whereabouts"
    " FROM residents WHERE household_no = :household_no ORDER BY resident_no"
)


def tree_below(session: Session, parent: str | None) -> list[dict[str, Any]]:
    """The areas right below one (None: the districts), each with all that is in it, counted."""
    areas = [dict(row) for row in session.execute(_CHILDREN, {"parent": parent}).mappings()]
    small = [area["code"] for area in areas if area["kind"] == "micro_grid"]
    large = [area["code"] for area in areas if area["kind"] != "micro_grid"]
    counts: dict[str, Any] = {}
    for statement, codes in ((_COUNTS, large), (_MICRO_COUNTS, small)):
        if codes:
            found = session.execute(statement, {"codes": codes}).mappings()
            counts |= {row["top"]: row for row in found}
    names = ("buildings", "rooms", "households", "residents")
    for area in areas:
        row = counts.get(area["code"])
        area.update({name: int(row[name]) if row else 0 for name in names})
    return areas


def area_path(session: Session, code: str) -> list[dict[str, Any]]:
    """The area and all above it, the district first; empty when there is none."""
    path: list[dict[str, Any]] = []
    place: str | None = code
    while place is not None:
        found = session.execute(_AREA, {"code": place}).mappings().one_or_none()
        if found is None:
            return []
        path.insert(0, dict(found))
        place = found["parent_code"]
    return path


def buildings_of(
    session: Session, code: str, *, after: str = "", limit: int = 50
) -> list[dict[str, Any]]:
    """The buildings of a grid or micro-grid by number, with one more than `limit` as a sign."""
    values = {"code": code, "after": after, "limit": limit + 1}
    return [dict(row) for row in session.execute(_BUILDINGS, values).mappings()]


def building_of(session: Session, building_no: str) -> dict[str, Any] | None:
    """One building with the names of its areas."""
    found = session.execute(_BUILDING, {"building_no": building_no}).mappings().one_or_none()
    return dict(found) if found else None


def rooms_of(session: Session, building_no: str) -> list[dict[str, Any]]:
    """A row for each household of each room, and one for a room without any."""
    found = session.execute(_ROOMS, {"building_no": building_no})
    return [dict(row) for row in found.mappings()]


def household_of(session: Session, household_no: str) -> dict[str, Any] | None:
    """One household and its door, where it has one."""
    found = session.execute(_HOUSEHOLD, {"household_no": household_no}).mappings().one_or_none()
    return dict(found) if found else None


def people_of(session: Session, cipher: FieldCipher, household_no: str) -> list[dict[str, Any]]:
    """Its residents, names and phones masked."""
    rows = session.execute(_PEOPLE, {"household_no": household_no}).mappings()
    return [masked(dict(row), cipher) for row in rows]


def masked(row: dict[str, Any], cipher: FieldCipher) -> dict[str, Any]:
    """The row with `name` and `phone` in place of what is sealed."""
    name, phone, place = row.pop("name_sealed"), row.pop("phone_sealed"), row["resident_no"]
    row["name"] = mask_name(cipher.decrypt(name, bound_to=place))
    row["phone"] = mask_phone(cipher.decrypt(phone, bound_to=place)) if phone else None
    return row
