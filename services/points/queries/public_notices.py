"""公示: what waits, what is shown, what is objected to, and how it ties to the ledger."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from services.points.rules.public_notices import LINES_MAX, Period

OBJECTIONS_MAX = 200
GROUPS_MAX = 500

_WAITING = text(
    "SELECT community_code, CAST(date_trunc('month', on_date) AS date) AS month,"
    " count(*) AS lines, sum(points) AS points, count(DISTINCT resident_no) AS residents"
    " FROM public_notice_lines WHERE state = 'waiting' GROUP BY 1, 2 ORDER BY 2, 1 LIMIT :most"
)
_PREVIEW = text(
    "SELECT count(*) AS lines, coalesce(sum(l.points), 0) AS points,"
    " count(DISTINCT l.resident_no) AS residents, count(DISTINCT w.household_no) AS households,"
    " coalesce(max(l.days), 0) AS days FROM (SELECT award_id, resident_no, points, days"
    " FROM public_notice_lines WHERE state = 'waiting' AND community_code = :community_code"
    " AND on_date BETWEEN :first AND :last ORDER BY on_date, award_id LIMIT :most) l"
    " JOIN awards w USING (award_id)"
)
_COLUMNS = (
    "n.notice_id, n.notice_no, n.community_code, n.first_day, n.last_day, n.days,"
    " n.published_at, n.ends_at, n.made_by, n.line_count, n.points, n.closed_at"
)
_CURRENT = text(
    f"SELECT {_COLUMNS} FROM public_notices n WHERE n.ends_at > :now"
    " ORDER BY n.ends_at, n.notice_id LIMIT :most"
)
_PAST = text(
    f"SELECT {_COLUMNS} FROM public_notices n WHERE n.ends_at <= :now"
    " AND n.notice_id < :before ORDER BY n.notice_id DESC LIMIT :most"
)
_NOTICE = text(f"SELECT {_COLUMNS} FROM public_notices n WHERE n.notice_no = :notice_no")
_STATES = text(
    "SELECT state, count(*) AS lines, sum(points) AS points FROM public_notice_lines"
    " WHERE notice_id = :notice_id GROUP BY 1"
)
_PEOPLE = text(
    "SELECT count(DISTINCT l.resident_no) AS residents, count(DISTINCT w.household_no) AS"
    " households FROM public_notice_lines l JOIN awards w USING (award_id)"
    " WHERE l.notice_id = :notice_id"
)
_LINES = text(
    "SELECT l.line_no, l.on_date, l.resident_no, w.household_no, l.points, l.state,"
    " w.explanation ->> 'kind' AS kind, w.explanation ->> 'activity_code' AS activity_code,"
    " CAST(w.explanation ->> 'minutes' AS int) AS minutes FROM public_notice_lines l"
    " JOIN awards w USING (award_id) WHERE l.notice_id = :notice_id AND l.line_no > :after"
    " ORDER BY l.line_no LIMIT :most"
)
_OPEN = text(
    "SELECT n.notice_no, l.line_no, l.on_date, l.points, l.ends_at, l.resident_no, n.made_by,"
    " count(*) AS objections, min(o.raised_at) AS raised_at,"
    " array_agg(DISTINCT o.reason) AS reasons"
    " FROM objections o JOIN public_notice_lines l USING (award_id)"
    " JOIN public_notices n ON n.notice_id = l.notice_id"
    " WHERE o.decided_at IS NULL AND l.state = 'disputed'"
    " GROUP BY n.notice_no, l.line_no, l.on_date, l.points, l.ends_at, l.resident_no, n.made_by"
    " ORDER BY min(o.raised_at), n.notice_no, l.line_no LIMIT :most"
)
_OF_LINE = text(
    "SELECT o.reason, o.text, o.raised_by, o.raised_role, o.raised_at, o.outcome, o.decision,"
    " o.decided_by, o.decided_at FROM objections o JOIN public_notice_lines l USING (award_id)"
    " JOIN public_notices n ON n.notice_id = l.notice_id"
    " WHERE n.notice_no = :notice_no AND l.line_no = :line_no"
    " ORDER BY o.raised_at, o.objection_id LIMIT :most"
)
_PENDING = text(
    "SELECT l.on_date, l.points, l.state, n.notice_no, l.line_no, l.ends_at,"
    " w.explanation ->> 'kind' AS kind, w.explanation ->> 'activity_code' AS activity_code"
    " FROM public_notice_lines l JOIN awards w USING (award_id)"
    " LEFT JOIN public_notices n ON n.notice_id = l.notice_id"
    " WHERE l.resident_no = :resident_no AND l.state IN ('waiting', 'shown', 'disputed')"
    " ORDER BY l.on_date DESC, l.award_id DESC LIMIT :most"
)
# The lines against the transfers of their awards: into pending, on to the resident, or back.
_TIE = text(
    "WITH mine AS (SELECT award_id, resident_no, points, state, document_id"
    " FROM public_notice_lines WHERE notice_id = :notice_id), pending AS ("
    " SELECT a.id FROM accounts a WHERE a.owner_kind = 'pending' AND a.asset = 'points'"
    " AND a.owner IN (SELECT resident_no FROM mine))"
    " SELECT (SELECT coalesce(sum(points), 0) FROM mine) AS lines,"
    " (SELECT coalesce(sum(t.amount), 0) FROM transfers t"
    "  JOIN mine ON mine.award_id = t.document_id WHERE t.kind = 'award'"
    "  AND t.credit_account_id IN (SELECT id FROM pending)) AS awarded,"
    " (SELECT coalesce(sum(t.amount), 0) FROM transfers t"
    "  JOIN mine ON mine.award_id = t.document_id WHERE t.kind = 'posting') AS posted,"
    " (SELECT coalesce(sum(t.amount), 0) FROM transfers t WHERE t.kind = 'reversal'"
    "  AND t.document_id IN (SELECT document_id FROM mine)"
    "  AND t.debit_account_id IN (SELECT id FROM pending)) AS reversed,"
    " (SELECT coalesce(sum(points), 0) FROM mine WHERE state IN ('shown', 'disputed'))"
    " AS undecided"
)


@dataclass(frozen=True, slots=True)
class Tie:
    """Sums of points of one notice, by its lines and by the ledger."""

    lines: int
    awarded: int
    posted: int
    reversed: int
    undecided: int

    @property
    def is_sound(self) -> bool:
        """What was awarded is what is shown, and all of it is somewhere."""
        return self.lines == self.awarded == self.posted + self.reversed + self.undecided


def waiting(session: Session) -> Sequence[Row[Any]]:
    """Awards that no notice shows yet, by community and month; the oldest month first."""
    return session.execute(_WAITING, {"most": GROUPS_MAX}).all()


def preview(session: Session, community_code: str, period: Period) -> Row[Any]:
    """What a notice of this community and period would hold: lines, points, residents,
    households, and the days that its rules ask for.
    """
    return session.execute(
        _PREVIEW,
        {
            "community_code": community_code,
            "first": period.first,
            "last": period.last,
            "most": LINES_MAX,
        },
    ).one()


def current_notices(session: Session, now: datetime, most: int) -> Sequence[Row[Any]]:
    """Notices that have not ended, the first to end first."""
    return session.execute(_CURRENT, {"now": now, "most": most}).all()


def past_notices(session: Session, now: datetime, before: UUID, most: int) -> Sequence[Row[Any]]:
    """Notices that have ended and were made before another one, the newest first."""
    return session.execute(_PAST, {"now": now, "before": before, "most": most}).all()


def notice_of(session: Session, notice_no: str) -> Row[Any] | None:
    """A notice by its number."""
    return session.execute(_NOTICE, {"notice_no": notice_no}).one_or_none()


def states_of(session: Session, notice_id: UUID) -> dict[str, tuple[int, int]]:
    """Lines and points of a notice, by state."""
    rows = session.execute(_STATES, {"notice_id": notice_id})
    return {row.state: (row.lines, row.points) for row in rows}


def people_of(session: Session, notice_id: UUID) -> tuple[int, int]:
    """How many residents and households a notice shows."""
    row = session.execute(_PEOPLE, {"notice_id": notice_id}).one()
    return row.residents, row.households


def lines_of(
    session: Session, notice_id: UUID, *, after: int = 0, most: int = LINES_MAX
) -> Sequence[Row[Any]]:
    """Lines of a notice numbered above `after`, in their order, unmasked."""
    asked = {"notice_id": notice_id, "after": after, "most": most}
    return session.execute(_LINES, asked).all()


def open_disputes(session: Session) -> Sequence[Row[Any]]:
    """Lines that wait for a decision, the oldest objection first."""
    return session.execute(_OPEN, {"most": OBJECTIONS_MAX}).all()


def objections_to(session: Session, notice_no: str, line_no: int) -> Sequence[Row[Any]]:
    """All that was objected to a line, and what was decided."""
    asked = {"notice_no": notice_no, "line_no": line_no, "most": OBJECTIONS_MAX}
    return session.execute(_OF_LINE, asked).all()


def pending_lines(session: Session, resident_no: str, most: int) -> Sequence[Row[Any]]:
    """A resident's undecided lines, the newest day first."""
    return session.execute(_PENDING, {"resident_no": resident_no, "most": most}).all()


def tie(session: Session, notice_id: UUID) -> Tie:
    """The sums of a notice by its lines and by the ledger, as of one moment."""
    return Tie(*(int(value) for value in session.execute(_TIE, {"notice_id": notice_id}).one()))
