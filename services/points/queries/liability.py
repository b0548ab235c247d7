"""What is outstanding and how it came to be: closed days as they were written, the rest counted."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, date, datetime

from sqlalchemy import TextClause, text
from sqlalchemy.orm import Session

from services.points.rules.liability import MOVED, Change, Place, RollForward, moved

_EVER = datetime(1970, 1, 1, tzinfo=UTC)
_ONE_MOMENT = text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")

# An account belongs to the community its holder lives in; partners and escrow to the district.
_HOME = (
    " LEFT JOIN residents r ON a.owner_kind IN ('resident', 'pending', 'held')"
    " AND r.resident_no = a.owner"
)
_LAST = text("SELECT through, cut_at FROM liability_closings ORDER BY through DESC LIMIT 1")
# Every change of an account since a moment. Transfers are found by their pages' moments.
_FLOWS = text(
    "SELECT l.on_date, l.asset, coalesce(r.community_code, '') AS community_code, s.programme,"
    " l.kind, sum(l.amount)::bigint AS amount FROM ("
    " SELECT (posted_at AT TIME ZONE 'Asia/Shanghai')::date AS on_date, posted_at, asset, kind,"
    " source_id, credit_account_id AS account_id, amount FROM transfers"
    " WHERE posted_at >= :since AND expires_on IS NOT NULL AND credit_seq IS NOT NULL"
    " UNION ALL"
    " SELECT (posted_at AT TIME ZONE 'Asia/Shanghai')::date, posted_at, asset, kind,"
    " source_id, debit_account_id, -amount FROM transfers"
    " WHERE posted_at >= :since AND expires_on IS NOT NULL AND debit_seq IS NOT NULL"
    ") l JOIN accounts a ON a.id = l.account_id JOIN lot_sources s ON s.id = l.source_id"
    f"{_HOME} GROUP BY 1, 2, 3, 4, 5"
)
_OUTSTANDING = text(
    "SELECT a.asset, coalesce(r.community_code, '') AS community_code, s.programme,"
    " sum(l.remaining)::bigint AS amount FROM lots l JOIN accounts a ON a.id = l.account_id"
    f" JOIN lot_sources s ON s.id = l.source_id{_HOME} WHERE l.remaining > 0 GROUP BY 1, 2, 3"
)
_BOOKED = text(
    "SELECT asset, community_code, programme, sum(amount)::bigint AS amount FROM liability_days"
    " GROUP BY 1, 2, 3"
)
_MONTH = text(
    "SELECT asset, community_code, programme, kind, sum(amount)::bigint AS amount,"
    " on_date < :first AS is_before FROM liability_days WHERE on_date <= :last"
    " GROUP BY 1, 2, 3, 4, 6"
)
_BY_EXPIRY = text(
    "SELECT CASE WHEN l.expires_on < date '9999-01-01'"
    " THEN date_trunc('month', l.expires_on)::date END AS month,"
    " coalesce(r.community_code, '') AS community_code, s.programme,"
    " sum(l.remaining)::bigint AS points"
    f" FROM lots l JOIN accounts a ON a.id = l.account_id{_HOME}"
    " JOIN lot_sources s ON s.id = l.source_id"
    " WHERE l.remaining > 0 AND a.asset = 'points' GROUP BY 1, 2, 3"
)
_AGES = text(
    "SELECT community_code, earned_month, points FROM liability_ages WHERE asset = 'points'"
    " ORDER BY earned_month"
)


@dataclass(frozen=True, slots=True)
class Closing:
    """How far the days are closed: the last of them, and the moment at which the next begins."""

    through: date
    cut_at: datetime


@dataclass(frozen=True, slots=True)
class Tally:
    """What is outstanding now and what changed since the last closing, as of one moment."""

    outstanding: dict[Place, int]
    flows: list[Change]
    booked: dict[Place, int]


def one_moment(session: Session) -> None:
    """All that this transaction reads is of one moment; the first statement of it."""
    session.execute(_ONE_MOMENT)


def last_closing(session: Session) -> Closing | None:
    """None when no day was closed yet."""
    row = session.execute(_LAST).one_or_none()
    return None if row is None else Closing(row.through, row.cut_at)


def tally(session: Session, since: datetime | None) -> Tally:
    """Count from the lots, and from the transfers since the last closing."""
    flows = session.execute(_FLOWS, {"since": since or _EVER})
    return Tally(
        outstanding=_places(session, _OUTSTANDING),
        flows=[
            Change(f.on_date, Place(f.asset, f.community_code, f.programme), f.kind, f.amount)
            for f in flows
        ],
        booked=_places(session, _BOOKED),
    )


def _places(session: Session, statement: TextClause) -> dict[Place, int]:
    return {
        Place(row.asset, row.community_code, row.programme): row.amount
        for row in session.execute(statement)
    }


def roll_forward(
    session: Session, first: date, last: date, today: date
) -> dict[Place, RollForward]:
    """Every place from the day before `first` to the end of `last`; begins a moment of its own.

    Closed days are as they were closed; later ones are counted now, with the moves since then
    under `today`.
    """
    one_moment(session)
    closing = last_closing(session)
    found: defaultdict[Place, RollForward] = defaultdict(RollForward)

    def book(place: Place, heading: str, amount: int, *, is_before: bool) -> None:
        if is_before:
            found[place].opening += amount
        else:
            found[place].changes[heading] += amount

    for row in session.execute(_MONTH, {"first": first, "last": last}):
        place = Place(row.asset, row.community_code, row.programme)
        book(place, row.kind, row.amount, is_before=row.is_before)
    if closing is None or last > closing.through:
        counted = tally(session, closing.cut_at if closing else None)
        since = moved(counted.outstanding, counted.booked, counted.flows)
        late = [Change(today, place, MOVED, amount) for place, amount in since.items()]
        for change in (*counted.flows, *late):
            if change.on_date <= last:
                book(
                    change.place,
                    change.heading,
                    change.amount,
                    is_before=change.on_date < first,
                )
    return dict(sorted(found.items()))


@dataclass(frozen=True, slots=True)
class Outstanding:
    """Points of a programme that a community's residents hold, and the month they end in (None is
    never)."""

    month: date | None
    community_code: str
    programme: str
    points: int


def outstanding(session: Session) -> list[Outstanding]:
    """All points that are owed now, by the month they end in: what will expire if nobody comes."""
    return [
        Outstanding(row.month, row.community_code, row.programme, row.points)
        for row in session.execute(_BY_EXPIRY)
    ]


def ages(session: Session) -> list[tuple[str, date, int]]:
    """(community, month they were earned in, points), as of the last closing; oldest first."""
    return [(row.community_code, row.earned_month, row.points) for row in session.execute(_AGES)]
