"""Where a post is: the nearest building's grid, the grid or building it named, or a fallback."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.orm import Session

from services.intake.rules.open311.posted import Posted
from shared.db.arrays import literal

AT_BUILDING_M: Final = 60.0  # so near, the request is that building's
OUTSIDE_M: Final = 30_000.0  # farther from every building, it is not in this district
_M_PER_DEGREE: Final = 111_195.0

# The index counts degrees, of which those of longitude are shorter: the nearest is among eight.
_FOUND = text(
    "SELECT a.place, j.code AS jurisdiction, g.code AS grid, b.building_no AS building,"
    " b.grid_code AS building_grid, n.building_no AS near_building, n.grid_code AS near_grid,"
    " n.metres FROM unnest(CAST(:places AS int[]), CAST(:lats AS float8[]),"
    " CAST(:lons AS float8[]), CAST(:ids AS text[]), CAST(:jurisdictions AS text[]))"
    " AS a (place, lat, lon, address_id, jurisdiction)"
    " LEFT JOIN areas j ON j.code = a.jurisdiction"
    " AND j.kind IN ('district', 'street', 'community')"
    " LEFT JOIN areas g ON g.code = a.address_id AND g.kind = 'grid'"
    " LEFT JOIN buildings b ON b.building_no = a.address_id"
    " LEFT JOIN LATERAL (SELECT building_no, grid_code, :m * sqrt((lat - a.lat) ^ 2"
    " + ((lon - a.lon) * cos(radians(a.lat))) ^ 2) AS metres FROM (SELECT building_no, grid_code,"
    " lat, lon FROM buildings WHERE lat IS NOT NULL AND a.lat IS NOT NULL"
    " ORDER BY point(lon, lat) <-> point(a.lon, a.lat) LIMIT 8) AS nearest"
    " ORDER BY metres LIMIT 1) AS n ON true"
)
# The first grid of the area whose desk owns what nobody else does, the district's before others.
_FALLBACK = text(
    "WITH RECURSIVE root AS (SELECT a.code FROM areas a LEFT JOIN units u ON u.area_code = a.code"
    " AND u.is_fallback AND u.is_active WHERE a.kind <> 'grid' AND a.kind <> 'micro_grid'"
    " AND (a.code = :jurisdiction OR (CAST(:jurisdiction AS text) IS NULL"
    " AND a.kind = 'district')) ORDER BY u.unit_code IS NULL, a.code LIMIT 1),"
    " below AS (SELECT a.code, a.kind FROM areas a JOIN root USING (code) UNION ALL"
    " SELECT a.code, a.kind FROM areas a JOIN below ON a.parent_code = below.code"
    " WHERE a.kind <> 'micro_grid')"
    " SELECT min(code) FROM below WHERE kind = 'grid'"
)
_JURISDICTION = text(
    "WITH RECURSIVE below AS (SELECT code, kind FROM areas WHERE code = :code"
    " AND kind IN ('district', 'street', 'community') UNION ALL SELECT a.code, a.kind FROM areas a"
    " JOIN below ON a.parent_code = below.code WHERE a.kind <> 'micro_grid')"
    " SELECT code, kind FROM below"
)


@dataclass(frozen=True, slots=True)
class Found:
    """What the register knows of a post's place; `how` goes into the request's first step."""

    is_jurisdiction_known: bool
    is_address_known: bool
    is_outside: bool
    grid_code: str | None
    building_no: str | None
    how: str


def found_places(session: Session, posts: Sequence[Posted]) -> list[Found]:
    """In the order of the posts; `grid_code` is None only where the district has no grid at all."""
    rows = session.execute(
        _FOUND,
        {
            "m": _M_PER_DEGREE,
            "places": literal(range(len(posts))),
            "lats": literal(post.lat for post in posts),
            "lons": literal(post.lon for post in posts),
            "ids": literal(post.address_id for post in posts),
            "jurisdictions": literal(post.jurisdiction for post in posts),
        },
    )
    by_place = {row.place: row for row in rows}
    fallbacks: dict[str | None, str | None] = {}
    return [_found(session, post, by_place[place], fallbacks) for place, post in enumerate(posts)]


def _found(
    session: Session, post: Posted, row: Any, fallbacks: dict[str | None, str | None]
) -> Found:
    jurisdiction, grid, building = row.jurisdiction, row.grid, row.building
    is_known = post.jurisdiction is None or jurisdiction is not None
    is_address_known = post.address_id is None or bool(grid or building)
    if building is not None:
        grid_code, how = row.building_grid, "address_id"
    elif grid is not None:
        grid_code, how = grid, "address_id"
    elif row.near_grid is not None:
        metres = float(row.metres)
        is_outside = not math.isfinite(metres) or metres > OUTSIDE_M
        grid_code, how = row.near_grid, "nearest"
        building = row.near_building if metres <= AT_BUILDING_M else None
        return Found(is_known, is_address_known, is_outside, grid_code, building, how)
    else:
        if jurisdiction not in fallbacks:
            fallbacks[jurisdiction] = session.execute(
                _FALLBACK, {"jurisdiction": jurisdiction}
            ).scalar_one_or_none()
        grid_code, how = fallbacks[jurisdiction], "fallback"
    return Found(
        is_known,
        is_address_known,
        is_outside=False,
        grid_code=grid_code,
        building_no=building,
        how=how,
    )


def grids_of(session: Session, jurisdiction: str) -> list[str] | None:
    """The grids of a district, street or community; None when there is no such one."""
    rows = session.execute(_JURISDICTION, {"code": jurisdiction}).all()
    return [row.code for row in rows if row.kind == "grid"] if rows else None
