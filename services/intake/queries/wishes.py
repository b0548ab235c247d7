"""Wishes: the wall for everybody, the desk for the office, one's own, and what each may cost."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from services.intake.queries.paging import PAGE, Page
from services.intake.rules.wishes import Limit
from shared.crypto import FieldCipher, mask_name
from shared.errors import Rejected

_LIMITS = text(
    "SELECT DISTINCT ON (colour) colour, cost_fen, days FROM wish_limits"
    " WHERE valid_from <= :at ORDER BY colour, valid_from DESC"
)
# What the wall may say: no number of a resident, no detail.
_WALL_COLUMNS = (
    "w.id, w.wish_code, w.state, w.colour, w.wall_text, w.cost_fen, w.published_at,"
    " w.claim_ends_at, w.delivered_at, CASE WHEN w.thanks_shown_at IS NOT NULL THEN w.thanks END"
    " AS thanks, c.name AS community_name, k.giver_kind,"
    " CASE WHEN k.giver_kind = 'partner' THEN p.name END AS giver_name"
)
_JOINS = (
    " FROM wishes w JOIN residents r ON r.resident_no = w.resident_no"
    " JOIN areas g ON g.code = r.grid_code LEFT JOIN areas c ON c.code = g.parent_code"
    " LEFT JOIN LATERAL (SELECT giver_kind, giver FROM wish_claims WHERE wish_id = w.id"
    " AND (ended_at IS NULL OR outcome = 'delivered') ORDER BY id DESC LIMIT 1) k ON true"
    " LEFT JOIN partners p ON k.giver_kind = 'partner' AND p.slug = k.giver"
)
_RANK = "(CASE WHEN w.colour = 'urgent_red' THEN 0 ELSE 1 END)"
_WALL = text(
    f"SELECT {_WALL_COLUMNS}, {_RANK} AS rank {_JOINS} WHERE w.state = ANY(:states)"
    f" AND ({_RANK}, w.id) > (:rank, :id) AND (CAST(:colour AS text) IS NULL"
    f" OR w.colour = :colour) ORDER BY {_RANK}, w.id LIMIT :limit"
)
_ONE = text(
    f"SELECT {_WALL_COLUMNS}, w.detail, w.resident_no, r.name_sealed, g.name AS grid_name,"
    " w.registered_at, w.registered_by, w.verified_by, w.proof, w.thanks AS own_thanks,"
    f" k.giver {_JOINS} WHERE w.wish_code = :code"
)
_STEPS = text(
    "SELECT s.at, s.action, s.to_state, s.actor_kind, coalesce(a.display_name, s.actor) AS who,"
    " s.facts FROM wish_steps s LEFT JOIN accounts a ON s.actor_kind = 'account'"
    " AND a.account_no = s.actor WHERE s.wish_id = :id ORDER BY s.step_no"
)
_DESK = text(
    f"SELECT {_WALL_COLUMNS}, w.registered_at, g.name AS grid_name {_JOINS}"
    " WHERE w.state = :state AND w.id < :before ORDER BY w.id DESC LIMIT :limit"
)
_COUNTS = text("SELECT state, count(*) AS n FROM wishes GROUP BY state")
_OWN = text(
    f"SELECT {_WALL_COLUMNS}, w.registered_at {_JOINS} WHERE w.resident_no = :no"
    " ORDER BY w.id DESC LIMIT :limit"
)
_CLAIMS = text(
    "SELECT k.wish_code, k.claimed_at, k.ended_at, k.outcome, w.wall_text, w.colour, w.state,"
    " w.claim_ends_at, CASE WHEN w.thanks_shown_at IS NOT NULL AND k.outcome = 'delivered'"
    " THEN w.thanks END AS thanks FROM wish_claims k LEFT JOIN wishes w ON w.id = k.wish_id"
    " WHERE k.giver_kind = :kind AND k.giver = :no ORDER BY k.claimed_at DESC, k.id DESC"
    " LIMIT :limit"
)
_PICTURE = text(
    "SELECT p.picture FROM wish_pictures p JOIN wishes w ON w.id = p.wish_id"
    " WHERE w.wish_code = :code"
)


def limits(session: Session, at: datetime) -> dict[str, Limit]:
    """What wishes of each colour may cost, and how long a claim lasts, at an instant."""
    rows = session.execute(_LIMITS, {"at": at})
    return {row.colour: Limit(cost_fen=row.cost_fen, days=row.days) for row in rows}


def wall(
    session: Session,
    *,
    states: tuple[str, ...],
    colour: str | None = None,
    after: str | None = None,
    limit: int = PAGE,
) -> Page:
    """Wishes as everybody may see them: urgent ones first, then the oldest.

    Raises Rejected for an odd `after`.
    """
    rank, number = _place(after)
    values = {"states": list(states), "colour": colour, "rank": rank, "id": number}
    rows = _rows(session, _WALL, limit=limit + 1, **values)
    if len(rows) <= limit:
        return Page(rows, None)
    last = rows[limit - 1]
    return Page(rows[:limit], f"{last['rank']},{last['id']}")


def wish_of(session: Session, cipher: FieldCipher, code: str) -> dict[str, Any] | None:
    """One wish with everything, the name masked; what a reader may see the page decides."""
    found = next(iter(_rows(session, _ONE, code=code)), None)
    if found is not None:
        sealed = found.pop("name_sealed")
        name = cipher.decrypt(sealed, bound_to=found["resident_no"])
        found["resident_name"] = mask_name(name)
    return found


def steps_of(session: Session, wish_id: int) -> list[dict[str, Any]]:
    """The history of a wish, oldest first."""
    return _rows(session, _STEPS, id=wish_id)


def desk(session: Session, state: str, *, before: int | None, limit: int = PAGE) -> Page:
    """Wishes in one state for the office, the newest first."""
    rows = _rows(session, _DESK, state=state, before=before or 2**62, limit=limit + 1)
    return Page(rows[:limit], str(rows[limit - 1]["id"]) if len(rows) > limit else None)


def counts(session: Session) -> dict[str, int]:
    """How many wishes stand in each state."""
    return {row.state: row.n for row in session.execute(_COUNTS)}


def own_wishes(session: Session, resident_no: str) -> list[dict[str, Any]]:
    """What a resident wished, the newest first."""
    return _rows(session, _OWN, no=resident_no, limit=PAGE)


def claims_of(session: Session, kind: str, number: str) -> list[dict[str, Any]]:
    """What a giver claimed and what became of it, the newest first."""
    return _rows(session, _CLAIMS, kind=kind, no=number, limit=PAGE)


def picture_of(session: Session, code: str) -> bytes | None:
    """The proof of a delivery, as JPEG."""
    found = session.execute(_PICTURE, {"code": code}).scalar()
    return None if found is None else bytes(found)


def _place(after: str | None) -> tuple[int, int]:
    if not after:
        return -1, 0
    rank, _, number = after.partition(",")
    if rank not in ("0", "1") or not (number.isascii() and number.isdigit() and len(number) < 19):
        raise Rejected(
            "after", "翻页位置无效，请从第一页开始", "this place is not one of ours: start anew"
        )
    return int(rank), int(number)


def _rows(session: Session, statement: Any, **values: Any) -> list[dict[str, Any]]:
    return [dict(row) for row in session.execute(statement, values).mappings()]
