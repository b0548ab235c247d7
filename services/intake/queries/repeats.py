"""反复诉求: the same kind of matter at the same place, again and again; feeds 每月一题."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import text
from sqlalchemy.orm import Session

GROUP_MIN = 3
WITHIN = timedelta(days=30)
GROUPS_MAX = 200
LISTED_MAX = 50

# Three within 30 days at least once in the time asked for; merged ones were asked for, too. Heat
# counts people: askers and followers, each once.
_GROUPS = text(
    "WITH asked AS (SELECT r.id, r.request_no, r.grid_code, coalesce(r.building_no, '') AS"
    " building, coalesce(r.condition_code, r.category) AS kind, r.resident_no, r.opened_at"
    " FROM requests r WHERE r.opened_at >= :since AND r.opened_at < :until"
    " AND r.state NOT IN ('void', 'declined')),"
    " spaced AS (SELECT *, opened_at - lag(opened_at, :before) OVER (PARTITION BY grid_code,"
    " building, kind ORDER BY opened_at, id) AS apart FROM asked),"
    " grouped AS (SELECT grid_code, building, kind, count(*) AS requests, min(opened_at) AS first,"
    " max(opened_at) AS last, (array_agg(request_no ORDER BY opened_at DESC, id DESC))[1:50] AS"
    " numbers, array_agg(id) AS ids FROM spaced GROUP BY 1, 2, 3"
    " HAVING min(apart) <= CAST(:within AS interval))"
    " SELECT g.kind, g.grid_code, a.name AS grid_name, a.parent_code AS community_code,"
    " c.name AS community_name, g.building, g.requests, g.first, g.last, g.numbers,"
    " (SELECT count(DISTINCT who) FROM (SELECT r.resident_no AS who FROM requests r"
    " WHERE r.id = ANY(g.ids) UNION SELECT f.resident_no FROM followers f"
    " WHERE f.request_id = ANY(g.ids)) AS h) AS heat"
    " FROM grouped g LEFT JOIN areas a ON a.code = g.grid_code"
    " LEFT JOIN areas c ON c.code = a.parent_code"
    " WHERE CAST(:community AS text) IS NULL OR a.parent_code = :community"
    " ORDER BY heat DESC, g.requests DESC, g.kind, g.grid_code, g.building LIMIT :limit"
)


class Repeat(NamedTuple):
    """A group: what, where, how often, since when, and how many people (`heat`).

    `building` is empty where none is known; `numbers` are the newest 50 requests.
    """

    kind: str
    grid_code: str
    grid_name: str | None
    community_code: str | None
    community_name: str | None
    building: str
    requests: int
    first: datetime
    last: datetime
    numbers: Sequence[str]
    heat: int


def groups(
    session: Session,
    since: datetime,
    until: datetime,
    *,
    community: str | None = None,
    limit: int = GROUPS_MAX,
) -> list[Repeat]:
    """Three or more within 30 days, opened from `since` on and before `until`; hottest first.

    `kind` is the condition's code, or the category where nobody has classified it.
    """
    values = {
        "since": since,
        "until": until,
        "before": GROUP_MIN - 1,
        "within": WITHIN,
        "community": community,
        "limit": limit,
    }
    return [Repeat(*row) for row in session.execute(_GROUPS, values)]
