"""What residents' entries come to by day, and the stars that were written down."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import text
from sqlalchemy.orm import Session

from services.points.queries.declared import star_ladders
from services.points.rules.stars import LADDER, Ladder, Progress, Totals, ladder_on, progress
from shared.db.arrays import literal

# An entry's day is that of its posting, and never before the day of the entry before it: clocks
# of two workers may differ by a moment at midnight, the order of entries does not.
_ENTRIES = (
    "SELECT k.owner, l.seq, l.amount, l.document_id, l.source_id, l.kind,"
    " max((l.posted_at AT TIME ZONE 'Asia/Shanghai')::date)"
    " OVER (PARTITION BY k.owner ORDER BY l.seq) AS day"
    " FROM unnest(CAST(:owners AS text[]), CAST(:after AS bigint[]), CAST(:upto AS bigint[]))"
    " AS k (owner, after, upto) JOIN accounts a ON a.owner = k.owner"
    " AND a.owner_kind = 'resident' AND a.asset = :asset"
    " CROSS JOIN LATERAL (SELECT credit_seq AS seq, amount, document_id, source_id, kind,"
    " posted_at FROM transfers WHERE credit_account_id = a.id AND credit_seq > k.after"
    " AND credit_seq <= k.upto UNION ALL SELECT debit_seq, -amount, document_id, source_id, kind,"
    " posted_at FROM transfers WHERE debit_account_id = a.id AND debit_seq > k.after"
    " AND debit_seq <= k.upto) l"
)
_MINUTES = text(
    f"SELECT e.owner, e.day, sum(e.amount)::bigint AS amount FROM ({_ENTRIES}) e GROUP BY 1, 2"
)
# Of a programme counts what its awards brought, and what was taken back of them.
_MINUTES_OF = text(
    f"SELECT e.owner, e.day, sum(e.amount)::bigint AS amount FROM ({_ENTRIES}) e"
    " LEFT JOIN documents d ON d.document_id = e.document_id"
    " JOIN awards w ON w.award_id = coalesce((d.facts ->> 'award_id')::uuid, e.document_id)"
    " WHERE w.programme = :programme GROUP BY 1, 2"
)
# Points earned, whatever became of them since: spending, giving and ending take no star away.
_POINTS = text(
    f"SELECT e.owner, e.day, sum(e.amount)::bigint AS amount FROM ({_ENTRIES}) e"
    " LEFT JOIN lot_sources s ON s.id = e.source_id"
    " WHERE e.kind IN ('award', 'posting', 'import', 'adjustment', 'reversal')"
    " AND (CAST(:programme AS text) IS NULL OR s.programme = :programme) GROUP BY 1, 2"
)
_CHANGED = text(
    "SELECT m.owner AS resident_no, m.seq AS minutes_upto, coalesce(p.seq, 0) AS points_upto,"
    " coalesce(s.minutes_seq, 0) AS minutes_after, coalesce(s.points_seq, 0) AS points_after,"
    " coalesce(s.minutes, 0) AS minutes, coalesce(s.points, 0) AS points,"
    " coalesce(s.star, 0) AS star, coalesce(s.told, 0) AS told, s.on_date,"
    " coalesce(s.ladder_version, 0) AS version"
    " FROM accounts m LEFT JOIN accounts p ON p.owner = m.owner AND p.owner_kind = 'resident'"
    " AND p.asset = 'points'"
    " LEFT JOIN star_standings s ON s.resident_no = m.owner AND s.ladder = :ladder"
    " WHERE m.asset = 'service_minutes' AND m.owner_kind = 'resident' AND m.seq > 0"
    " AND (s.resident_no IS NULL OR s.minutes_seq < m.seq OR s.ladder_version <> :version"
    " OR (:counts_points AND s.points_seq < coalesce(p.seq, 0)))"
    " ORDER BY m.owner LIMIT :most"
)
_SEQS = text(
    "SELECT asset, seq FROM accounts WHERE owner = :owner AND owner_kind = 'resident'"
    " AND asset IN ('service_minutes', 'points')"
)
_STANDING = text(
    "SELECT minutes, points FROM star_standings"
    " WHERE resident_no = :resident_no AND ladder = :ladder"
)
_HISTORY = text(
    "SELECT on_date, star, minutes, points, ladder_version FROM star_changes"
    " WHERE resident_no = :resident_no AND ladder = :ladder ORDER BY on_date"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """A resident with entries that no star was reckoned from yet, and where he stood."""

    resident_no: str
    minutes_upto: int
    points_upto: int
    minutes_after: int
    points_after: int
    minutes: int
    points: int
    star: int
    told: int
    on_date: date | None
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """A change of star as it was written down."""

    on_date: date
    star: int
    minutes: int
    points: int
    ladder_version: int


def changed(session: Session, ladder: Ladder, most: int) -> list[Changed]:
    """At most `most` residents to reckon anew for a ladder (its version in force today)."""
    asked = {
        "ladder": ladder.name,
        "version": ladder.version,
        "counts_points": ladder.counts_points,
        "most": most,
    }
    return [Changed(**row) for row in session.execute(_CHANGED, asked).mappings()]


def days(
    session: Session, ladder: Ladder, ranges: Sequence[Changed], *, points: bool
) -> dict[str, dict[date, Totals]]:
    """What each day added for each resident, of the entries within their ranges."""
    found: dict[str, dict[date, Totals]] = defaultdict(dict)
    for row in session.execute(
        _MINUTES if ladder.programme is None else _MINUTES_OF,
        {
            "asset": "service_minutes",
            **({} if ladder.programme is None else {"programme": ladder.programme}),
            "owners": literal(one.resident_no for one in ranges),
            "after": literal(one.minutes_after for one in ranges),
            "upto": literal(one.minutes_upto for one in ranges),
        },
    ):
        found[row.owner][row.day] = Totals(row.amount, 0)
    if points:
        for row in session.execute(
            _POINTS,
            {
                "asset": "points",
                "programme": ladder.programme,
                "owners": literal(one.resident_no for one in ranges),
                "after": literal(one.points_after for one in ranges),
                "upto": literal(one.points_upto for one in ranges),
            },
        ):
            minutes = found[row.owner].get(row.day, Totals()).minutes
            found[row.owner][row.day] = Totals(minutes, row.amount)
    return found


def all_days(session: Session, resident_no: str, ladder: Ladder) -> dict[date, Totals]:
    """What each day added for one resident, from all entries there are."""
    seqs = {row.asset: row.seq for row in session.execute(_SEQS, {"owner": resident_no})}
    whole = Changed(
        resident_no=resident_no,
        minutes_upto=seqs.get("service_minutes", 0),
        points_upto=seqs.get("points", 0),
        minutes_after=0,
        points_after=0,
        minutes=0,
        points=0,
        star=0,
        told=0,
        on_date=None,
        version=0,
    )
    return days(session, ladder, [whole], points=True).get(resident_no, {})


def history(session: Session, resident_no: str, ladder: str) -> list[Recorded]:
    """The changes of star that were written down, oldest first."""
    asked = {"resident_no": resident_no, "ladder": ladder}
    return [Recorded(**row) for row in session.execute(_HISTORY, asked).mappings()]


def default_progress(session: Session, resident_no: str, minutes: int, on: date) -> Progress | None:
    """Where somebody with these minutes stands on the default ladder; None when none is in force.

    Quick enough for every passbook: what else the ladder asks for is as it was last reckoned.
    """
    ladder = ladder_on(star_ladders(session)[LADDER], on)
    if ladder is None:
        return None
    asked = {"resident_no": resident_no, "ladder": LADDER}
    row = session.execute(_STANDING, asked).one_or_none()
    known = Totals(row.minutes, row.points) if row else Totals()
    counted = minutes if ladder.programme is None else known.minutes
    return progress(ladder, Totals(counted, known.points))
