"""What the search for likeness reads, and what people see of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import text
from sqlalchemy.orm import Session

from services.intake.rules.likeness import NEAR_M, WINDOW, Matter
from services.intake.rules.states import OPEN, State
from shared.db.arrays import literal

NEAR_EACH_MAX = 60  # compared with one request, the newest first
METRES_OF_DEGREE = 111_195
STANDING = sorted([*(str(state) for state in OPEN), str(State.RATING)])
"""States in which a request can still be merged."""

_WAITING = text(
    "SELECT request_id FROM request_prints WHERE NOT is_compared ORDER BY request_id LIMIT :limit"
    " FOR UPDATE SKIP LOCKED"
)
# One that was compared before this one was there never looked at it: so both orders are asked.
_OTHER = (
    "o.category = w.category AND o.request_id <> w.request_id"
    " AND (o.request_id < w.request_id OR o.is_compared)"
    " AND o.opened_at BETWEEN w.opened_at - CAST(:window AS interval)"
    " AND w.opened_at + CAST(:window AS interval)"
)
_NEWEST = f"ORDER BY o.opened_at DESC LIMIT {NEAR_EACH_MAX}"
_PAIRS = text(
    "SELECT DISTINCT w.request_id AS one, f.request_id AS other, w.category FROM request_prints w"
    " CROSS JOIN LATERAL ("
    f"(SELECT o.request_id FROM request_prints o WHERE {_OTHER}"
    " AND o.lat BETWEEN w.lat - CAST(:north AS float8) AND w.lat + CAST(:north AS float8)"
    " AND o.lon BETWEEN w.lon - CAST(:north AS float8) / greatest(0.2, cos(radians(w.lat)))"
    f" AND w.lon + CAST(:north AS float8) / greatest(0.2, cos(radians(w.lat))) {_NEWEST})"
    f" UNION (SELECT o.request_id FROM request_prints o WHERE {_OTHER}"
    " AND o.grid_code = w.grid_code AND (o.lat IS NULL OR w.lat IS NULL)"
    " AND (o.building_no = w.building_no OR o.building_no IS NULL OR w.building_no IS NULL)"
    f" {_NEWEST}) UNION (SELECT o.request_id FROM request_prints o WHERE {_OTHER}"
    f" AND o.resident_no = w.resident_no AND o.grid_code = w.grid_code {_NEWEST})"
    ") f WHERE w.request_id = ANY(CAST(:ids AS bigint[]))"
)
_MATTERS = text(
    "SELECT id, title, description, grid_code, building_no, lat, lon, resident_no, opened_at"
    " FROM requests WHERE id = ANY(CAST(:ids AS bigint[])) AND state = ANY(:standing)"
)
_SHOWN = (
    "SELECT l.id, l.score, l.parts, l.proposed_at,"
    " a.request_no, a.title, a.description, a.state, a.opened_at, ga.name AS grid_name,"
    " b.request_no AS other_no, b.title AS other_title, b.description AS other_description,"
    " b.state AS other_state, b.opened_at AS other_opened_at, gb.name AS other_grid_name"
    " FROM likenesses l JOIN requests a ON a.id = l.request_id"
    " JOIN requests b ON b.id = l.other_id LEFT JOIN areas ga ON ga.code = a.grid_code"
    " LEFT JOIN areas gb ON gb.code = b.grid_code WHERE l.state = 'proposed'"
    " AND a.state = ANY(:standing) AND b.state = ANY(:standing)"
)
_PROPOSED = text(f"{_SHOWN} AND l.id < :before ORDER BY l.id DESC LIMIT :limit")
_OF = text(
    f"{_SHOWN} AND (l.request_id = :id OR l.other_id = :id) ORDER BY l.score DESC, l.id LIMIT 20"
)
_CHILDREN = text(
    "SELECT id, request_no, title, state, opened_at FROM requests WHERE merged_into = :id"
    " ORDER BY id LIMIT 200"
)


class Pair(NamedTuple):
    """Two requests of one category that are near enough to be compared."""

    one: int
    other: int
    category: str


def waiting_prints(session: Session, limit: int) -> list[int]:
    """Requests that were compared with nothing yet, locked."""
    return list(session.execute(_WAITING, {"limit": limit}).scalars())


def pairs_near(session: Session, ids: Iterable[int], radii: Mapping[str, int]) -> list[Pair]:
    """What each is to be compared with."""
    north = max([NEAR_M, *radii.values()]) / METRES_OF_DEGREE
    values = {"ids": literal(ids), "north": north, "window": WINDOW}
    return [Pair(*row) for row in session.execute(_PAIRS, values)]


def matters(session: Session, ids: Iterable[int]) -> dict[int, Matter]:
    """What of requests is compared; of those that can still be merged."""
    rows = session.execute(_MATTERS, {"ids": literal(ids), "standing": STANDING})
    return {
        row.id: Matter(
            text=f"{row.title}\n{row.description}",
            grid_code=row.grid_code,
            building_no=row.building_no,
            lat=row.lat,
            lon=row.lon,
            resident_no=row.resident_no,
            opened_at=row.opened_at,
        )
        for row in rows
    }


def proposed(session: Session, *, before: int | None, limit: int) -> list[dict[str, Any]]:
    """Pairs that nobody has decided, the newest first."""
    values = {"before": before or 2**62, "limit": limit, "standing": STANDING}
    return [dict(row) for row in session.execute(_PROPOSED, values).mappings()]


def proposed_for(session: Session, request_id: int) -> list[dict[str, Any]]:
    """Undecided pairs of one request, the most alike first."""
    values = {"id": request_id, "standing": STANDING}
    return [dict(row) for row in session.execute(_OF, values).mappings()]


def merged_into(session: Session, request_id: int) -> list[dict[str, Any]]:
    """The requests that this one stands for."""
    return [dict(row) for row in session.execute(_CHILDREN, {"id": request_id}).mappings()]


def id_of(session: Session, request_no: str) -> int | None:
    """The request with this number."""
    found: int | None = session.execute(
        text("SELECT id FROM requests WHERE request_no = :no"), {"no": request_no}
    ).scalar_one_or_none()
    return found


def opened_before(at: datetime) -> datetime:
    """Prints from before this are compared with nothing any more."""
    return at - WINDOW
