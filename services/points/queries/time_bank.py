"""What is known of other districts, of coins on their way, and of coins that came."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from services.points.rules.time_bank import ASSET, PeerTerms, Receiver

PAGE = 50

_TERMS = tuple(PeerTerms.__dataclass_fields__)
_CHANGE = f"change_id, {', '.join(_TERMS)}, made_by, made_at, decision, checked_by, checked_at"
_IN_FORCE = (
    f"SELECT DISTINCT ON (code) {_CHANGE} FROM time_bank_peer_changes WHERE decision = 'approved'"
)
_NEWEST = " ORDER BY code, change_id DESC"
_PEER = text(f"{_IN_FORCE} AND code = :code{_NEWEST}")
_PEERS = text(f"{_IN_FORCE}{_NEWEST}")
_CHANGES = text(
    f"SELECT {_CHANGE} FROM time_bank_peer_changes"
    " ORDER BY decision IS NOT NULL, change_id DESC LIMIT :most"
)
_DEPARTURE = (
    "SELECT d.transfer_id, d.to_district, d.resident_no, d.to_resident, d.amount, d.state,"
    " d.reason, d.made_by, d.made_at, d.settled_at, d.cancel_asked_by, d.cancel_asked_at,"
    " d.attempts, d.next_attempt_at, d.last_error, p.name AS district FROM time_bank_departures d"
    " LEFT JOIN LATERAL (SELECT name FROM time_bank_peer_changes c WHERE c.code = d.to_district"
    " AND c.decision = 'approved' ORDER BY c.change_id DESC LIMIT 1) p ON true"
)
_ONE = text(f"{_DEPARTURE} WHERE d.transfer_id = :transfer_id")
_OF_RESIDENT = text(
    f"{_DEPARTURE} WHERE d.resident_no = :resident_no ORDER BY d.transfer_id DESC LIMIT :most"
)
_OPEN = text(f"{_DEPARTURE} WHERE d.state = 'proposed' ORDER BY d.transfer_id LIMIT :most")
_ARRIVED = text(
    "SELECT a.transfer_id, a.from_district, a.amount, a.outcome, a.reason, a.decided_at,"
    " p.name AS district FROM time_bank_arrivals a"
    " LEFT JOIN LATERAL (SELECT name FROM time_bank_peer_changes c"
    " WHERE c.code = a.from_district AND c.decision = 'approved'"
    " ORDER BY c.change_id DESC LIMIT 1) p ON true"
    " WHERE a.to_resident = :resident_no AND a.outcome = 'accepted'"
    " ORDER BY a.decided_at DESC LIMIT :most"
)
_SENT = text(
    "SELECT coalesce(sum(amount), 0)::bigint FROM time_bank_departures"
    " WHERE resident_no = :resident_no AND to_district = :district AND state <> 'refused'"
    " AND made_at >= :since"
)
_RECEIVER = text(
    "SELECT EXISTS (SELECT FROM residents WHERE resident_no = :resident_no) AS is_known,"
    " (SELECT coalesce(sum(balance), 0)::bigint FROM accounts WHERE owner = :resident_no"
    " AND owner_kind IN ('resident', 'pending', 'held') AND asset = :asset) AS balance,"
    " (SELECT coalesce(sum(amount), 0)::bigint FROM time_bank_arrivals"
    " WHERE to_resident = :resident_no AND from_district = :district AND outcome = 'accepted'"
    " AND decided_at >= :since) AS received_in_month"
)
_SPENDABLE = text(
    "SELECT coalesce(sum(l.remaining), 0)::bigint FROM accounts a"
    " JOIN lots l ON l.account_id = a.id WHERE a.owner = :resident_no"
    " AND a.owner_kind = 'resident' AND a.asset = :asset AND l.expires_on >= :today"
)
_STATISTICS = text(
    "SELECT district, direction, outcome, count(*) AS transfers,"
    " coalesce(sum(amount), 0)::bigint AS coins, max(at) AS newest FROM ("
    " SELECT to_district AS district, 'out' AS direction, state AS outcome, amount,"
    " coalesce(settled_at, made_at) AS at FROM time_bank_departures"
    " UNION ALL SELECT from_district, 'in', outcome, amount, decided_at FROM time_bank_arrivals"
    ") t GROUP BY 1, 2, 3 ORDER BY 1, 2 DESC, 3"
)
# What escrow holds for each district, and what the open transfers say it should.
_ESCROW = text(
    "SELECT district, coalesce(max(e.balance), 0)::bigint AS balance,"
    " coalesce(max(o.amount), 0)::bigint AS proposed, min(o.oldest) AS oldest FROM ("
    " SELECT owner AS district FROM accounts WHERE owner_kind = 'escrow' AND asset = :asset"
    " UNION SELECT to_district FROM time_bank_departures WHERE state = 'proposed') k"
    " LEFT JOIN (SELECT owner AS district, balance FROM accounts WHERE owner_kind = 'escrow'"
    " AND asset = :asset) e USING (district)"
    " LEFT JOIN (SELECT to_district AS district, sum(amount) AS amount, min(made_at) AS oldest"
    " FROM time_bank_departures WHERE state = 'proposed' GROUP BY 1) o USING (district)"
    " GROUP BY 1 ORDER BY 1"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A proposed change of a peer, and what was decided of it."""

    change_id: UUID
    code: str
    name: str
    url: str
    public_key: str
    is_active: bool
    transfer_max: int
    month_max: int
    balance_max: int
    made_by: str
    made_at: datetime
    decision: str | None
    checked_by: str | None
    checked_at: datetime | None

    @property
    def terms(self) -> PeerTerms:
        """What the peer is by this change."""
        return PeerTerms(**{name: getattr(self, name) for name in _TERMS})


@dataclass(frozen=True, slots=True, kw_only=True)
class DepartureLine:
    """A transfer to another district, as pages show it; `district` is its name if known."""

    transfer_id: UUID
    to_district: str
    district: str | None
    resident_no: str
    to_resident: str
    amount: int
    state: str
    reason: str | None
    made_by: str
    made_at: datetime
    settled_at: datetime | None
    cancel_asked_by: str | None
    cancel_asked_at: datetime | None
    attempts: int
    next_attempt_at: datetime
    last_error: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Escrow:
    """What is in escrow for a district; `proposed` must be the same as `balance`."""

    district: str
    balance: int
    proposed: int
    oldest: datetime | None


def peer(session: Session, code: str) -> PeerTerms | None:
    """The peer of this code as it is in force, active or not."""
    row = session.execute(_PEER, {"code": code}).mappings().one_or_none()
    return None if row is None else Change(**row).terms


def peers(session: Session) -> list[PeerTerms]:
    """All peers in force, by code."""
    return [Change(**row).terms for row in session.execute(_PEERS).mappings()]


def changes(session: Session, most: int = PAGE) -> list[Change]:
    """Changes of peers, the open ones first, then the newest."""
    return [Change(**row) for row in session.execute(_CHANGES, {"most": most}).mappings()]


def departure(session: Session, transfer_id: UUID) -> DepartureLine | None:
    """One transfer to another district."""
    row = session.execute(_ONE, {"transfer_id": transfer_id}).mappings().one_or_none()
    return None if row is None else DepartureLine(**row)


def departures_of(session: Session, resident_no: str, most: int = PAGE) -> list[DepartureLine]:
    """A resident's transfers to other districts, the newest first."""
    found = session.execute(_OF_RESIDENT, {"resident_no": resident_no, "most": most})
    return [DepartureLine(**row) for row in found.mappings()]


def open_departures(session: Session, most: int = PAGE) -> list[DepartureLine]:
    """Transfers that are not settled, the oldest first."""
    return [DepartureLine(**row) for row in session.execute(_OPEN, {"most": most}).mappings()]


def arrivals_of(session: Session, resident_no: str, most: int = PAGE) -> list[dict[str, Any]]:
    """What came for a resident from other districts, the newest first."""
    found = session.execute(_ARRIVED, {"resident_no": resident_no, "most": most})
    return [dict(row) for row in found.mappings()]


def sent_since(session: Session, resident_no: str, district: str, since: datetime) -> int:
    """Coins a resident sent to a district, on their way or arrived."""
    asked = {"resident_no": resident_no, "district": district, "since": since}
    return int(session.execute(_SENT, asked).scalar_one())


def receiver(session: Session, resident_no: str, district: str, since: datetime) -> Receiver:
    """What decides on coins for a resident; lock the resident's account first."""
    asked = {
        "resident_no": resident_no, "district": district, "since": since, "asset": ASSET,
    }  # fmt: skip
    return Receiver(**session.execute(_RECEIVER, asked).mappings().one())


def spendable(session: Session, resident_no: str, today: object) -> int:
    """Coins of a resident that have not ended."""
    asked = {"resident_no": resident_no, "asset": ASSET, "today": today}
    return int(session.execute(_SPENDABLE, asked).scalar_one())


def statistics(session: Session) -> list[dict[str, Any]]:
    """Transfers and coins by district, direction and outcome."""
    return [dict(row) for row in session.execute(_STATISTICS).mappings()]


def escrow(session: Session) -> list[Escrow]:
    """Escrow by district."""
    return [Escrow(**row) for row in session.execute(_ESCROW, {"asset": ASSET}).mappings()]
