"""Counts no minute of a resident twice, where the rules ask for it, and flags what overlapped.

Called within an award's batch, under the locks of the residents' accounts of service minutes; the
exclusion constraint of `service_spans` stands behind it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

from services.points.actions.flags import Raised, raise_flags
from services.points.rules.overlaps import Span, free_parts, whole_minutes
from shared.db.arrays import literal

OTHERS_MAX = 10  # named in a flag

# For each attendance by the index, so that it costs the same however many there have been.
_TAKEN = text(
    "SELECT DISTINCT s.account_id, lower(s.span), upper(s.span), s.award_id::text"
    " FROM unnest(CAST(:accounts AS bigint[]), CAST(:starts AS timestamptz[]),"
    " CAST(:ends AS timestamptz[])) AS k (account_id, starts, ends)"
    " CROSS JOIN LATERAL (SELECT * FROM service_spans s WHERE s.account_id = k.account_id"
    " AND s.span && tstzrange(k.starts, k.ends) AND s.reversed_by IS NULL OFFSET 0) s"
)
_KEEP = text(
    "INSERT INTO service_spans (award_id, part, account_id, span)"
    " SELECT k.award_id, k.part, k.account_id, tstzrange(k.starts, k.ends)"
    " FROM unnest(CAST(:award_ids AS uuid[]), CAST(:parts AS smallint[]),"
    " CAST(:accounts AS bigint[]), CAST(:starts AS timestamptz[]), CAST(:ends AS timestamptz[]))"
    " AS k (award_id, part, account_id, starts, ends)"
)


@dataclass(frozen=True, slots=True)
class Attendance:
    """When somebody served for an award; `account_id` is the account of service minutes."""

    award_id: str
    account_id: int
    resident_no: str
    on: date
    span: Span


def count_once(session: Session, attended: list[Attendance], now: datetime) -> dict[str, int]:
    """The minutes that may still count, of those awards for which it is not all of them.

    Keeps the spans that count. An attendance that ends when it begins counts as it is told.
    """
    timed = [one for one in attended if one.span[0] < one.span[1]]
    if not timed:
        return {}
    taken = _taken(session, timed)
    counting: dict[str, int] = {}
    kept: list[tuple[str, int, int, datetime, datetime]] = []
    flagged: list[Raised] = []
    for one in timed:
        own = taken[one.account_id]
        free = free_parts(one.span, own)
        if free != [one.span]:
            counting[one.award_id] = whole_minutes(free)
            lost = whole_minutes([one.span]) - counting[one.award_id]
            flagged.append(_flag(one, own, lost))
        for part, (start, end) in enumerate(free):
            own[start, end] = one.award_id
            kept.append((one.award_id, part, one.account_id, start, end))
    if kept:
        names = ("award_ids", "parts", "accounts", "starts", "ends")
        columns = (literal(column) for column in zip(*kept, strict=True))
        session.execute(_KEEP, dict(zip(names, columns, strict=True)))
    raise_flags(session, flagged, now)
    return counting


def _taken(session: Session, timed: list[Attendance]) -> defaultdict[int, dict[Span, str]]:
    found: defaultdict[int, dict[Span, str]] = defaultdict(dict)
    rows = session.execute(
        _TAKEN,
        {
            "accounts": literal(one.account_id for one in timed),
            "starts": literal(one.span[0] for one in timed),
            "ends": literal(one.span[1] for one in timed),
        },
    )
    for account_id, start, end, award_id in rows.all():
        found[account_id][start, end] = award_id
    return found


def _flag(one: Attendance, own: dict[Span, str], lost: int) -> Raised:
    return Raised(
        kind="overlap",
        subject=one.resident_no,
        evidence_key=one.award_id,
        evidence={
            "on_date": one.on.isoformat(),
            "minutes": lost,
            "awards": [one.award_id, *_others(one.span, own)],
        },
    )


def _others(span: Span, own: dict[Span, str]) -> Iterable[str]:
    met = {award for (start, end), award in own.items() if start < span[1] and end > span[0]}
    return sorted(met)[:OTHERS_MAX]
