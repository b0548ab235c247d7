"""What corrections look at: awards and documents that may be reversed, proposals, debts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from services.points.rules.corrections import Due
from services.points.rules.lots import Lot
from shared.db.arrays import literal

LISTED_MAX = 100
AWARDS_MAX = 50

_AWARD = (
    "SELECT w.award_id, w.kind, w.owner, w.on_date, w.programme, w.rule_version, w.points,"
    " w.service_minutes, w.explanation->>'activity_code' AS activity_code,"
    " w.explanation->>'kind' AS activity_kind, w.explanation->>'partner' AS partner,"
    " s.body->>'reversal' AS declared, l.state AS line_state, r.document_id AS reversed_by"
    " FROM awards w LEFT JOIN rule_sets s ON (s.programme, s.version)"
    " = (w.programme, w.rule_version)"
    " LEFT JOIN public_notice_lines l USING (award_id)"
    " LEFT JOIN reversals r ON r.subject_id = w.award_id"
)
_ONE_AWARD = text(f"{_AWARD} WHERE w.award_id = :award_id")
# Through the entries of the owner's accounts: awards have no index by owner.
_AWARDS = text(
    f"{_AWARD} WHERE w.award_id IN (SELECT t.document_id FROM accounts a"
    " CROSS JOIN LATERAL (SELECT document_id FROM transfers"
    " WHERE credit_account_id = a.id AND kind = 'award' ORDER BY credit_seq DESC LIMIT :most) t"
    " WHERE a.owner = :owner AND a.owner_kind IN ('resident', 'pending')"
    " AND a.asset IN ('points', 'service_minutes'))"
    " ORDER BY w.on_date DESC, w.award_id DESC LIMIT :most"
)
_AWARD_LOT = text(
    "SELECT t.expires_on, t.source_id FROM accounts a JOIN transfers t"
    " ON t.credit_account_id = a.id AND t.kind = 'award' AND t.document_id = :award_id"
    " WHERE a.owner = :owner AND a.asset = 'points' AND a.owner_kind IN ('resident', 'pending')"
)
_DOCUMENT = text(
    "SELECT d.document_id, d.kind, d.on_date, d.facts, d.made_by, d.checked_by, d.made_at,"
    " r.document_id AS reversed_by FROM documents d"
    " LEFT JOIN reversals r ON r.subject_id = d.document_id WHERE d.document_id = :document_id"
)
# What a document did to each account: more than 0 is what it gave.
_MOVED = text(
    "SELECT a.asset, a.owner_kind, a.owner, m.expires_on, m.source_id, sum(m.amount)::bigint"
    " FROM (SELECT credit_account_id AS account_id, expires_on, source_id, amount FROM transfers"
    " WHERE document_id = :document_id AND kind <> 'award' AND credit_seq IS NOT NULL"
    " UNION ALL SELECT debit_account_id, expires_on, source_id, -amount FROM transfers"
    " WHERE document_id = :document_id AND kind <> 'award' AND debit_seq IS NOT NULL) m"
    " JOIN accounts a ON a.id = m.account_id GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5"
)
# What ended unspent in lots of accounts, less what earlier reversals have counted already.
_ENDED = text(
    "SELECT account_id, expires_on, source_id, sum(amount)::bigint FROM ("
    "SELECT t.debit_account_id AS account_id, t.expires_on, t.source_id, t.amount"
    " FROM transfers t WHERE t.debit_account_id = ANY(CAST(:accounts AS bigint[]))"
    " AND t.kind = 'expiry' AND t.debit_seq IS NOT NULL"
    " UNION ALL SELECT account_id, expires_on, source_id, -ended FROM reversal_parts"
    " WHERE account_id = ANY(CAST(:accounts AS bigint[])) AND ended > 0"
    ") e WHERE expires_on IS NOT NULL GROUP BY 1, 2, 3 HAVING sum(amount) > 0"
)
_CORRECTIONS = (
    "SELECT correction_id, kind, subject_id, policy, resident_no, body, reason_code, reason,"
    " CASE WHEN state = 'open' AND expires_at <= :now THEN 'lapsed' ELSE state END AS state,"
    " made_by, made_at, expires_at, checked_by, checked_at, decision, document_id"
    " FROM corrections"
)
_LISTED = text(
    f"SELECT * FROM ({_CORRECTIONS} WHERE CAST(:before AS timestamptz) IS NULL"
    " OR made_at < :before) c WHERE (CAST(:state AS text) IS NULL OR state = :state)"
    " ORDER BY made_at DESC, correction_id LIMIT :most"
)
_ONE = text(f"{_CORRECTIONS} WHERE correction_id = :correction_id")
_PARTS = text(
    "SELECT a.asset, a.owner_kind, a.owner, sum(p.due)::bigint AS due,"
    " sum(p.taken)::bigint AS taken, sum(p.ended)::bigint AS ended, sum(p.owed)::bigint AS owed,"
    " sum(p.unrecovered)::bigint AS unrecovered FROM reversal_parts p"
    " JOIN accounts a ON a.id = p.account_id WHERE p.document_id = :document_id"
    " GROUP BY 1, 2, 3 ORDER BY 1, 2, 3 LIMIT :most"
)
_OWED = text(
    "SELECT coalesce(sum(d.remaining), 0)::bigint FROM debts d JOIN accounts a"
    " ON a.id = d.account_id WHERE a.owner = :owner AND a.owner_kind = 'resident'"
    " AND d.remaining > 0"
)
_KNOWN = text(
    "SELECT resident_no FROM residents WHERE resident_no = ANY(CAST(:resident_nos AS text[]))"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Awarded:
    """An award as a correction sees it; `declared` is the policy of its rules."""

    award_id: UUID
    kind: str
    owner: str
    on_date: date
    programme: str | None
    rule_version: int | None
    points: int
    service_minutes: int
    activity_code: str | None
    activity_kind: str | None
    partner: str | None
    declared: str | None
    line_state: str | None
    reversed_by: UUID | None

    @property
    def is_pending(self) -> bool:
        """Its points are still on public notice, or wait for it."""
        return self.line_state in {"waiting", "shown", "disputed"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposed:
    """A correction as it stands now; one whose time is over is told as lapsed."""

    correction_id: UUID
    kind: str
    subject_id: UUID | None
    policy: str | None
    resident_no: str | None
    body: dict[str, Any]
    reason_code: str
    reason: str
    state: str
    made_by: str
    made_at: datetime
    expires_at: datetime
    checked_by: str | None
    checked_at: datetime | None
    decision: str | None
    document_id: UUID | None


Key = tuple[str, str, str]


def award(session: Session, award_id: UUID) -> Awarded | None:
    """One award; None when there is none."""
    row = session.execute(_ONE_AWARD, {"award_id": award_id}).mappings().one_or_none()
    return Awarded(**row) if row else None


def awards_of(session: Session, owner: str, most: int = AWARDS_MAX) -> list[Awarded]:
    """A resident's newest awards."""
    rows = session.execute(_AWARDS, {"owner": owner, "most": most}).mappings()
    return [Awarded(**row) for row in rows]


def award_lot(session: Session, award: Awarded) -> Lot | None:
    """The lot an award's points went to; None for one without points."""
    asked = {"award_id": award.award_id, "owner": award.owner}
    row = session.execute(_AWARD_LOT, asked).one_or_none()
    return Lot(row.expires_on, row.source_id) if row else None


def document(session: Session, document_id: UUID) -> Row[Any] | None:
    """One document, and by which it was reversed."""
    return session.execute(_DOCUMENT, {"document_id": document_id}).one_or_none()


def moved_by(session: Session, document_id: UUID) -> dict[Key, list[Due]]:
    """What a document gave to each account (or took: negative), by lot."""
    found: dict[Key, list[Due]] = {}
    for *key, expires_on, source_id, amount in session.execute(
        _MOVED, {"document_id": document_id}
    ).all():
        lot = None if expires_on is None else Lot(expires_on, source_id)
        asset, owner_kind, owner = key
        found.setdefault((asset, owner_kind, owner), []).append(Due(lot, amount))
    return found


def ended_unspent(session: Session, account_ids: Iterable[int]) -> dict[int, dict[Lot, int]]:
    """What ended in each lot of accounts and no reversal has counted yet."""
    found: dict[int, dict[Lot, int]] = {}
    rows = session.execute(_ENDED, {"accounts": literal(account_ids)}).all()
    for account_id, expires_on, source_id, amount in rows:
        found.setdefault(account_id, {})[Lot(expires_on, source_id)] = amount
    return found


def corrections(
    session: Session,
    now: datetime,
    *,
    state: str | None = None,
    before: datetime | None = None,
    most: int = LISTED_MAX,
) -> list[Proposed]:
    """The newest proposals, made before an instant."""
    asked = {"state": state, "before": before, "most": most, "now": now}
    return [Proposed(**row) for row in session.execute(_LISTED, asked).mappings()]


def correction(session: Session, correction_id: UUID, now: datetime) -> Proposed | None:
    """One proposal."""
    asked = {"correction_id": correction_id, "now": now}
    row = session.execute(_ONE, asked).mappings().one_or_none()
    return Proposed(**row) if row else None


def parts(session: Session, document_id: UUID, most: int = LISTED_MAX) -> list[Row[Any]]:
    """What became of what a reversal had to take, by account."""
    return list(session.execute(_PARTS, {"document_id": document_id, "most": most}))


def owed(session: Session, resident_no: str) -> int:
    """Points that a resident still has to repay."""
    return int(session.execute(_OWED, {"owner": resident_no}).scalar_one())


def known_residents(session: Session, resident_nos: Iterable[str]) -> set[str]:
    """Those of the numbers that points was told of."""
    asked = {"resident_nos": literal(resident_nos)}
    return set(session.execute(_KNOWN, asked).scalars())
