"""Households: who belongs to one, what its members consented to, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from shared.db.arrays import literal

SPENDS_MAX = 50

_RESIDENT = text(
    "SELECT resident_no, household_no, community_code FROM residents"
    " WHERE resident_no = :resident_no"
)
# A consent given for another household than the one somebody belongs to now is none.
_MEMBERS = text(
    "SELECT r.resident_no, s.month_max AS spend_max, (g.consent_id IS NOT NULL) AS takes_gifts,"
    " coalesce((SELECT sum(u.amount) FROM household_spends u"
    " WHERE u.resident_no = r.resident_no AND u.month = :month), 0)::bigint AS spent,"
    " coalesce(a.balance, 0) AS points, EXISTS (SELECT FROM accounts f"
    " WHERE f.owner = r.resident_no AND f.asset = 'points'"
    " AND f.owner_kind IN ('resident', 'held') AND f.frozen_reason IS NOT NULL) AS is_frozen"
    " FROM residents r LEFT JOIN sharing_consents s ON s.resident_no = r.resident_no"
    " AND s.kind = 'spend' AND s.withdrawn_at IS NULL AND s.household_no = r.household_no"
    " LEFT JOIN sharing_consents g ON g.resident_no = r.resident_no"
    " AND g.kind = 'gift' AND g.withdrawn_at IS NULL AND g.household_no = r.household_no"
    " LEFT JOIN accounts a ON a.owner = r.resident_no AND a.owner_kind = 'resident'"
    " AND a.asset = 'points'"
    " WHERE r.household_no = :household_no ORDER BY r.resident_no"
)
_GIVEN = text(
    "SELECT coalesce(sum(t.amount), 0)::bigint AS month,"
    " coalesce(sum(t.amount) FILTER (WHERE d.on_date = :on), 0)::bigint AS day"
    " FROM accounts a JOIN transfers t ON t.debit_account_id = a.id AND t.kind = 'gift'"
    " JOIN documents d ON d.document_id = t.document_id AND d.kind = 'gift'"
    " WHERE a.owner = :resident_no AND a.owner_kind = 'resident' AND a.asset = 'points'"
    " AND d.on_date BETWEEN :month AND :on"
)
_CONSENTS = text(
    "SELECT consent_id, kind, household_no, month_max, given_at, given_by, given_reason,"
    " withdrawn_at, withdrawn_by FROM sharing_consents WHERE resident_no = :resident_no"
    " ORDER BY given_at DESC, kind LIMIT :most"
)
_SPENDS = text(
    "SELECT document_id, spender, amount, made_at FROM household_spends"
    " WHERE resident_no = :resident_no ORDER BY id DESC LIMIT :most"
)
_SPENDABLE = text(
    "SELECT a.owner, sum(l.remaining)::bigint AS there FROM accounts a"
    " JOIN lots l ON l.account_id = a.id WHERE a.owner = ANY(CAST(:owners AS text[]))"
    " AND a.owner_kind = 'resident' AND a.asset = 'points' AND l.expires_on >= :on"
    " GROUP BY a.owner"
)
_POOLS = text(
    "SELECT owner AS community_code, balance FROM accounts"
    " WHERE owner_kind = 'pool' AND asset = 'points' ORDER BY owner"
)
_WRITTEN = text("SELECT EXISTS (SELECT FROM documents WHERE document_id = :document_id)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Home:
    """Where a resident belongs."""

    resident_no: str
    household_no: str
    community_code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One of a household: `spend_max` is None without a consent that holds now."""

    resident_no: str
    spend_max: int | None
    takes_gifts: bool
    spent: int
    points: int
    is_frozen: bool

    @property
    def room(self) -> int:
        """What the others may still spend of this member's points this month."""
        return max((self.spend_max or 0) - self.spent, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """A consent as it was given, and perhaps withdrawn."""

    consent_id: UUID
    kind: str
    household_no: str
    month_max: int | None
    given_at: datetime
    given_by: str
    given_reason: str | None
    withdrawn_at: datetime | None
    withdrawn_by: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Spend:
    """What another member spent from a resident's points (negative: it came back)."""

    document_id: UUID
    spender: str
    amount: int
    made_at: datetime


def home(session: Session, resident_no: str) -> Home | None:
    """Where a resident belongs; None for a number nobody told points of."""
    row = session.execute(_RESIDENT, {"resident_no": resident_no}).mappings().one_or_none()
    return Home(**row) if row else None


def members(session: Session, household_no: str, on: date) -> list[Member]:
    """Everybody of a household, with what was spent of theirs in the month of a day."""
    asked = {"household_no": household_no, "month": on.replace(day=1)}
    return [Member(**row) for row in session.execute(_MEMBERS, asked).mappings()]


def shared_room(session: Session, resident_no: str, on: date) -> int:
    """How many points of the others of a household a resident may spend on a day."""
    where = home(session, resident_no)
    if where is None:
        return 0
    room = {
        one.resident_no: one.room
        for one in members(session, where.household_no, on)
        if one.resident_no != resident_no and one.room > 0 and not one.is_frozen
    }
    if not room:
        return 0
    rows = session.execute(_SPENDABLE, {"owners": literal(room), "on": on})
    return sum(min(row.there, room[row.owner]) for row in rows)


def given(session: Session, resident_no: str, on: date) -> tuple[int, int]:
    """Points that a resident gave away on a day, and in its month up to that day."""
    asked = {"resident_no": resident_no, "on": on, "month": on.replace(day=1)}
    row = session.execute(_GIVEN, asked).one()
    return int(row.day), int(row.month)


def consents(session: Session, resident_no: str, most: int = SPENDS_MAX) -> list[Consent]:
    """A resident's consents, the newest first."""
    asked = {"resident_no": resident_no, "most": most}
    return [Consent(**row) for row in session.execute(_CONSENTS, asked).mappings()]


def spends(session: Session, resident_no: str, most: int = SPENDS_MAX) -> list[Spend]:
    """What others spent of a resident's points, the newest first."""
    asked = {"resident_no": resident_no, "most": most}
    return [Spend(**row) for row in session.execute(_SPENDS, asked).mappings()]


def pools(session: Session) -> list[tuple[str, int]]:
    """The communities' pools of points: community code and balance."""
    return [(row.community_code, row.balance) for row in session.execute(_POOLS)]


def is_written(session: Session, document_id: UUID) -> bool:
    """Whether a document of this id was made already."""
    return bool(session.execute(_WRITTEN, {"document_id": document_id}).scalar_one())
