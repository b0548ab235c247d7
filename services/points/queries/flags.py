"""What looks odd in the ledger, found set by set within limits; and flags as pages show them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from services.points.rules.flags import Limits
from shared.ids import uuid7_at

LISTED_MAX = 100

# Awards have the ids of their contributions, which sort by the time of acceptance.
_RECENT = "award_id >= CAST(:since_id AS uuid) AND w.kind = 'activity'"
_SELF = text(
    "SELECT w.owner, o.partner, to_char(w.on_date, 'YYYY-MM') AS month, count(*) AS awards_count,"
    " sum(w.points)::bigint AS points, (array_agg(w.award_id::text ORDER BY w.award_id))[1:10]"
    " AS awards FROM awards w JOIN organisers o ON o.resident_no = w.owner"
    " AND o.partner = w.explanation->>'partner'"
    " AND (o.ended_at IS NULL OR w.accepted_at < o.ended_at)"
    f" WHERE w.{_RECENT} GROUP BY 1, 2, 3 ORDER BY 3, 2, 1 LIMIT :most"
)
# Each step is later than the one before, within the days of the first, and passes on nearly as
# much as the first gift was: chains die out quickly, so that the walk stays small.
_RINGS = text(
    "WITH RECURSIVE gifts AS MATERIALIZED (SELECT g.document_id, d.owner AS giver,"
    " c.owner AS receiver, sum(g.amount)::bigint AS amount, min(g.posted_at) AS at"
    " FROM transfers g JOIN accounts d ON d.id = g.debit_account_id"
    " AND d.owner_kind = 'resident' JOIN accounts c ON c.id = g.credit_account_id"
    " AND c.owner_kind = 'resident' WHERE g.kind = 'gift' AND g.posted_at >= :since"
    " GROUP BY 1, 2, 3 ORDER BY 5 DESC LIMIT :edges), walk AS ("
    " SELECT giver AS first, receiver AS last, ARRAY[giver, receiver] AS members,"
    " ARRAY[document_id] AS documents, amount, at, at AS begun FROM gifts"
    " UNION ALL SELECT w.first, g.receiver, w.members || g.receiver,"
    " w.documents || g.document_id, w.amount, g.at, w.begun FROM walk w JOIN gifts g"
    " ON g.giver = w.last AND g.at > w.at AND g.at <= w.begun + :days * interval '1 day'"
    " AND g.amount * 100 >= w.amount * :share AND g.amount * :share <= w.amount * 100"
    " WHERE w.first <> w.last AND cardinality(w.members) <= :members"
    " AND (g.receiver = w.first OR g.receiver <> ALL (w.members)))"
    " SELECT first, members, documents, amount FROM walk WHERE first = last"
    " AND cardinality(members) > 3 ORDER BY at, documents LIMIT :most"
)
_PLACES = text(
    "SELECT w.explanation->>'partner' AS partner, w.explanation->>'activity_code' AS code,"
    " s.at, s.until, count(DISTINCT w.owner) AS residents,"
    " (array_agg(w.award_id::text ORDER BY w.award_id))[1:10] AS awards FROM ("
    " SELECT award_id, date_trunc('minute', min(lower(span))) AS at,"
    " date_trunc('minute', max(upper(span))) AS until FROM service_spans"
    " WHERE award_id >= CAST(:since_id AS uuid) AND reversed_by IS NULL GROUP BY 1) s"
    f" JOIN awards w USING (award_id) WHERE w.{_RECENT}"
    " AND w.explanation->>'evidence' = 'self_check' GROUP BY 1, 2, 3, 4"
    " HAVING count(DISTINCT w.owner) >= :residents ORDER BY 3, 1, 2 LIMIT :most"
)
_DENSE = text(
    "SELECT w.owner, w.on_date, count(*) AS awards_count,"
    " sum(w.service_minutes)::bigint AS minutes,"
    " (array_agg(w.award_id::text ORDER BY w.award_id))[1:10] AS awards FROM awards w"
    f" WHERE w.{_RECENT} GROUP BY 1, 2"
    " HAVING sum(w.service_minutes) > :minutes OR count(*) >= :awards"
    " ORDER BY 2, 1 LIMIT :most"
)
_FLAGS = (
    "SELECT flag_id, kind, subject, evidence, state, raised_at, checked_by, checked_at, decision"
    " FROM flags"
)
_LISTED = text(
    f"{_FLAGS} WHERE (CAST(:state AS text) IS NULL OR state = :state)"
    " AND (CAST(:kind AS text) IS NULL OR kind = :kind)"
    " ORDER BY raised_at DESC, flag_id LIMIT :most"
)
_ORGANISERS = text(
    "SELECT partner, resident_no, declared_by, declared_at FROM organisers"
    " WHERE ended_at IS NULL ORDER BY partner, resident_no LIMIT :most"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Odd:
    """Something odd that was found."""

    kind: str
    subject: str
    evidence_key: str
    evidence: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Flagged:
    """A flag as it is shown."""

    flag_id: UUID
    kind: str
    subject: str
    evidence: dict[str, Any]
    state: str
    raised_at: datetime
    checked_by: str | None
    checked_at: datetime | None
    decision: str | None


def self_awards(session: Session, limits: Limits, now: datetime) -> list[Odd]:
    """Awards to a partner's own organisers that the partner reported, by month."""
    return [
        Odd(
            kind="self_award",
            subject=row.owner,
            evidence_key=f"{row.partner}/{row.owner}/{row.month}",
            evidence={
                "partner": row.partner,
                "month": row.month,
                "awards_count": row.awards_count,
                "points": row.points,
                "awards": row.awards,
            },
        )
        for row in session.execute(_SELF, _asked(limits, now))
    ]


def gift_rings(session: Session, limits: Limits, now: datetime) -> list[Odd]:
    """Gifts that came back to their giver through others; each ring once, from its first gift."""
    asked = {
        "since": now - timedelta(days=limits.look_back_days),
        "edges": limits.ring_edges_max,
        "days": limits.ring_days,
        "share": limits.ring_share_min_percent,
        "members": limits.ring_members_max,
        "most": limits.found_max,
    }
    return [
        Odd(
            kind="gift_ring",
            subject=row.first,
            evidence_key="/".join(sorted(str(one) for one in row.documents)),
            evidence={
                "members": row.members,
                "points": row.amount,
                "documents": [str(one) for one in row.documents],
            },
        )
        for row in session.execute(_RINGS, asked)
    ]


def same_places(session: Session, limits: Limits, now: datetime) -> list[Odd]:
    """Many who checked themselves in and out of one activity in the same minutes.

    Known only where rules count time once: elsewhere the ledger keeps no times.
    """
    asked = _asked(limits, now) | {"residents": limits.same_place_residents}
    return [
        Odd(
            kind="same_place",
            subject=f"{row.partner}/{row.code}",
            evidence_key=f"{row.partner}/{row.code}/{row.at.isoformat()}/{row.until.isoformat()}",
            evidence={
                "residents": row.residents,
                "at": row.at.isoformat(),
                "until": row.until.isoformat(),
                "awards": row.awards,
            },
        )
        for row in session.execute(_PLACES, asked)
    ]


def dense_days(session: Session, limits: Limits, now: datetime) -> list[Odd]:
    """Days on which a resident served longer or more often than anybody does."""
    asked = _asked(limits, now) | {"minutes": limits.day_minutes, "awards": limits.day_awards}
    return [
        Odd(
            kind="density",
            subject=row.owner,
            evidence_key=f"{row.owner}/{row.on_date.isoformat()}",
            evidence={
                "on_date": row.on_date.isoformat(),
                "awards_count": row.awards_count,
                "minutes": row.minutes,
                "awards": row.awards,
            },
        )
        for row in session.execute(_DENSE, asked)
    ]


def flags(
    session: Session, *, state: str | None = None, kind: str | None = None, most: int = LISTED_MAX
) -> list[Flagged]:
    """The newest flags."""
    asked = {"state": state, "kind": kind, "most": most}
    return [Flagged(**row) for row in session.execute(_LISTED, asked).mappings()]


def organisers(session: Session, most: int = 1000) -> list[Row[Any]]:
    """Who organises for which partner, as declared."""
    return list(session.execute(_ORGANISERS, {"most": most}))


def _asked(limits: Limits, now: datetime) -> dict[str, Any]:
    since = now - timedelta(days=limits.look_back_days)
    return {"since_id": uuid7_at(since.timestamp()), "most": limits.found_max}
