"""Histories as the board reads them: a few statements for however many requests."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date

from sqlalchemy import text
from sqlalchemy.orm import Session

from services.intake.rules.board import Due, Life, Past, Rated, life_of
from shared.db.arrays import literal

_STEPS = text(
    "SELECT request_id, at, action, to_state FROM request_steps"
    " WHERE request_id = ANY(CAST(:ids AS bigint[])) ORDER BY request_id, step_no"
)
_DUES = text(
    # The newest run of each clock, but for one that was called off; one that stands still while
    # the resident is asked runs out at no time.
    "SELECT DISTINCT ON (request_id, kind) request_id, kind,"
    " CASE WHEN frozen_at IS NULL OR stopped_at IS NOT NULL THEN due_at END AS due_at"
    " FROM request_clocks WHERE request_id = ANY(CAST(:ids AS bigint[]))"
    " AND kind IN ('accept', 'contact', 'resolve') AND (stopped_at IS NULL OR met IS NOT NULL)"
    " ORDER BY request_id, kind, run DESC"
)
_VERDICTS = text(
    "SELECT request_id, round, solved, satisfied FROM resident_verdicts"
    " WHERE request_id = ANY(CAST(:ids AS bigint[]))"
)
_EXCLUDED = text(
    "SELECT request_id FROM board_exclusions WHERE state = 'approved'"
    " AND request_id = ANY(CAST(:ids AS bigint[]))"
)
_PLACES = text(
    "SELECT r.id, c.parent_code AS street_code, c.code AS community_code, r.unit_code,"
    " coalesce(r.condition_code, r.category) AS category, f.case_id,"
    " coalesce(f.has_place, r.lat IS NOT NULL OR r.building_no IS NOT NULL"
    " OR coalesce(r.address, '') <> '') AS has_place,"
    " (s.at AT TIME ZONE 'Asia/Shanghai')::date AS received_on"
    " FROM requests r JOIN request_steps s ON s.request_id = r.id AND s.step_no = 1"
    " LEFT JOIN areas g ON g.code = r.grid_code LEFT JOIN areas c ON c.code = g.parent_code"
    " LEFT JOIN request_facts f ON f.request_id = r.id"
    " WHERE r.id = ANY(CAST(:ids AS bigint[]))"
)
# The first request that the same asker brought on the same day in the same grid about the same.
_CASES = text(
    "SELECT n.id, min(o.id) AS case_id FROM (SELECT r.id, r.grid_code, r.category, r.resident_no,"
    " s.actor_kind, s.actor, date_trunc('day', r.opened_at, 'Asia/Shanghai') AS day"
    " FROM requests r JOIN request_steps s ON s.request_id = r.id AND s.step_no = 1"
    " WHERE r.id = ANY(CAST(:ids AS bigint[]))) n"
    " JOIN requests o ON o.grid_code = n.grid_code AND o.category = n.category"
    " AND o.opened_at >= n.day AND o.opened_at < n.day + interval '1 day'"
    " AND o.resident_no IS NOT DISTINCT FROM n.resident_no"
    " JOIN request_steps t ON t.request_id = o.id AND t.step_no = 1"
    " AND (n.resident_no IS NOT NULL OR (t.actor_kind = n.actor_kind AND t.actor = n.actor))"
    " GROUP BY n.id"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a request is counted, and what of it was noted once."""

    street_code: str | None
    community_code: str | None
    unit_code: str | None
    category: str
    case_id: int
    has_place: bool
    received_on: date


def lives(session: Session, ids: Collection[int]) -> dict[int, Life]:
    """What the histories of these requests say, by request."""
    asked = {"ids": literal(ids)}
    steps: defaultdict[int, list[Past]] = defaultdict(list)
    for row in session.execute(_STEPS, asked):
        steps[row.request_id].append(Past(row.at, row.action, row.to_state))
    dues: defaultdict[int, list[Due]] = defaultdict(list)
    for row in session.execute(_DUES, asked):
        dues[row.request_id].append(Due(row.kind, row.due_at))
    verdicts: defaultdict[int, list[Rated]] = defaultdict(list)
    for row in session.execute(_VERDICTS, asked):
        verdicts[row.request_id].append(Rated(row.round, row.solved, row.satisfied))
    excluded = set(session.execute(_EXCLUDED, asked).scalars())
    return {
        request_id: life_of(
            past,
            dues.get(request_id, ()),
            verdicts.get(request_id, ()),
            is_excluded=request_id in excluded,
        )
        for request_id, past in steps.items()
    }


def places(session: Session, ids: Collection[int]) -> dict[int, Place]:
    """Where each is counted; the case of a new one is looked for, of an old one kept."""
    rows = session.execute(_PLACES, {"ids": literal(ids)}).all()
    new = [row.id for row in rows if row.case_id is None]
    cases = {}
    if new:
        found = session.execute(_CASES, {"ids": literal(new)})
        cases = {row.id: row.case_id for row in found}
    return {
        row.id: Place(
            street_code=row.street_code,
            community_code=row.community_code,
            unit_code=row.unit_code,
            category=row.category,
            case_id=row.case_id or cases.get(row.id, row.id),
            has_place=row.has_place,
            received_on=row.received_on,
        )
        for row in rows
    }
