"""Certificates as pages and actions read them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from services.points.rules.certificates import Counted

_COLUMNS = (
    "certificate_id, resident_no, community_code, from_on, until_on, notes, state, code, replaces,"
    " asked_by, asked_at, made_by, made_at, minutes, contents, checked_by, checked_at,"
    " certificate_no, issued_on, valid_on, office, proof_on, proof_root, ended_by, ended_at,"
    " ended_reason"
)
_ONE = text(f"SELECT {_COLUMNS} FROM certificates WHERE certificate_id = :id")
_BY_CODE = text(f"SELECT {_COLUMNS} FROM certificates WHERE code = :code")
_OF_RESIDENT = text(
    f"SELECT {_COLUMNS} FROM certificates WHERE resident_no = :no ORDER BY asked_at DESC LIMIT 50"
)
_OPEN = text(
    f"SELECT {_COLUMNS} FROM certificates WHERE state IN ('asked', 'made')"
    " ORDER BY asked_at LIMIT :most"
)
_REGISTER = text(
    f"SELECT {_COLUMNS} FROM certificates WHERE certificate_no IS NOT NULL"
    " ORDER BY issued_on DESC, certificate_no DESC LIMIT :most"
)
_IN_NOTICE = text(
    f"SELECT {_COLUMNS} FROM certificates WHERE state = 'issued' AND valid_on > :today"
    " ORDER BY valid_on, certificate_no LIMIT :most"
)
# Found by the account's own index; what was reversed counts no more.
_COUNTED = text(
    "SELECT w.award_id, w.on_date, w.service_minutes, coalesce(w.explanation->>'kind', 'other')"
    " FROM transfers t JOIN awards w ON w.award_id = t.document_id"
    " WHERE t.credit_account_id = (SELECT id FROM accounts WHERE owner = :resident_no"
    " AND owner_kind = 'resident' AND asset = 'service_minutes') AND t.kind = 'award'"
    " AND w.on_date BETWEEN :from_on AND :until_on AND w.service_minutes > 0"
    " AND NOT EXISTS (SELECT FROM reversals r WHERE r.subject_id = w.award_id)"
    " ORDER BY w.on_date, w.award_id"
)
_REVERSED = text(
    "SELECT DISTINCT c.certificate_id FROM certificates c"
    " JOIN certificate_awards a ON a.certificate_id = c.certificate_id"
    " JOIN reversals r ON r.subject_id = a.award_id"
    " WHERE c.state IN ('made', 'issued') AND (CAST(:id AS uuid) IS NULL OR c.certificate_id = :id)"
)
_OFFICE = text(
    "SELECT community_code, issuer, responsible, handler, contact, notice_days"
    " FROM certificate_offices WHERE community_code = :community"
)
_COMMUNITY = text("SELECT community_code FROM residents WHERE resident_no = :resident_no")


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A certificate; what belongs to a later state is None before it."""

    certificate_id: UUID
    resident_no: str
    community_code: str
    from_on: date
    until_on: date
    notes: str
    state: str
    code: str
    replaces: UUID | None
    asked_by: str
    asked_at: datetime
    made_by: str | None
    made_at: datetime | None
    minutes: int | None
    contents: list[dict[str, Any]] | None
    checked_by: str | None
    checked_at: datetime | None
    certificate_no: str | None
    issued_on: date | None
    valid_on: date | None
    office: dict[str, Any] | None
    proof_on: date | None
    proof_root: bytes | None
    ended_by: str | None
    ended_at: datetime | None
    ended_reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Office:
    """Who issues a community's certificates."""

    community_code: str
    issuer: str
    responsible: str
    handler: str
    contact: str
    notice_days: int


def certificate(session: Session, certificate_id: UUID) -> Told | None:
    """By its id."""
    row = session.execute(_ONE, {"id": certificate_id}).mappings().one_or_none()
    return Told(**row) if row else None


def by_code(session: Session, code: str) -> Told | None:
    """By the code that its QR leads to."""
    row = session.execute(_BY_CODE, {"code": code}).mappings().one_or_none()
    return Told(**row) if row else None


def of_resident(session: Session, resident_no: str) -> list[Told]:
    """The newest 50 of a resident."""
    return [Told(**row) for row in session.execute(_OF_RESIDENT, {"no": resident_no}).mappings()]


def waiting(session: Session, most: int = 100) -> list[Told]:
    """Asked for or made, not yet issued; the oldest first."""
    return [Told(**row) for row in session.execute(_OPEN, {"most": most}).mappings()]


def register(session: Session, most: int = 100) -> list[Told]:
    """Those with a number, the newest first."""
    return [Told(**row) for row in session.execute(_REGISTER, {"most": most}).mappings()]


def in_notice(session: Session, today: date, most: int = 200) -> list[Told]:
    """Issued and not valid yet: what the public may object to."""
    asked = {"today": today, "most": most}
    return [Told(**row) for row in session.execute(_IN_NOTICE, asked).mappings()]


def counted(session: Session, resident_no: str, from_on: date, until_on: date) -> list[Counted]:
    """The resident's awards with service time between two days, without those reversed."""
    asked = {"resident_no": resident_no, "from_on": from_on, "until_on": until_on}
    return [Counted(*row) for row in session.execute(_COUNTED, asked)]


def with_reversed(session: Session, certificate_id: UUID | None = None) -> list[UUID]:
    """Certificates (or whether this one) that count an award which was reversed."""
    return list(session.execute(_REVERSED, {"id": certificate_id}).scalars())


def office(session: Session, community_code: str) -> Office | None:
    """None where nobody has entered it."""
    row = session.execute(_OFFICE, {"community": community_code}).mappings().one_or_none()
    return Office(**row) if row else None


def community_of(session: Session, resident_no: str) -> str | None:
    """Where a resident belongs."""
    asked = {"resident_no": resident_no}
    return session.execute(_COMMUNITY, asked).scalar_one_or_none()
