"""The catalogue and what was redeemed from it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from services.points.rules.redemptions import redemption_no
from services.points.rules.rewards import Terms

PAGE = 50
SLOTS_MAX = 60

_TERMS = tuple(Terms.__dataclass_fields__)
_COLUMNS = (
    f"r.id, r.status, r.revision, {', '.join(f'r.{name}' for name in _TERMS)},"
    " s.stocked, s.held, s.collected FROM rewards r JOIN reward_stocks s ON s.reward_id = r.id"
)
_ONE = text(f"SELECT {_COLUMNS} WHERE r.id = :reward_id")
_OPEN = text(
    f"SELECT {_COLUMNS} WHERE r.status = 'open' AND r.active_from <= :today"
    " AND (r.active_to IS NULL OR r.active_to >= :today)"
    " AND (CAST(:kind AS text) IS NULL OR r.kind = :kind)"
    " AND (r.community_code IS NULL OR CAST(:community AS text) IS NULL"
    " OR r.community_code = :community)"
    " ORDER BY r.kind, r.price, r.id LIMIT :most"
)
_ALL = text(f"SELECT {_COLUMNS} ORDER BY r.status DESC, r.id DESC LIMIT :most")
_SINCE = text(
    "SELECT coalesce(sum(quantity), 0) FROM redemptions WHERE resident_no = :resident_no"
    " AND reward_id = :reward_id AND state <> 'released' AND held_on >= :since"
)
_SLOTS = text(
    "SELECT s.id, s.starts_at, s.ends_at, EXISTS (SELECT FROM redemptions r"
    " WHERE r.slot_id = s.id AND r.state <> 'released') AS is_taken"
    " FROM venue_slots s WHERE s.reward_id = :reward_id AND s.starts_at > :now"
    " ORDER BY s.starts_at LIMIT :most"
)
_MOVEMENTS = text(
    "SELECT kind, amount, note, by, at FROM stock_movements WHERE reward_id = :reward_id"
    " ORDER BY id DESC LIMIT :most"
)
_CHANGES = text(
    "SELECT verb, by, at FROM reward_changes WHERE reward_id = :reward_id"
    " ORDER BY id DESC LIMIT :most"
)
_REDEMPTION = (
    "SELECT r.redemption_id, r.id, r.resident_no, r.title, r.kind, r.place, r.partner, r.quantity,"
    " r.asset, r.price, r.code_hash, r.held_on, r.held_at, r.held_by, r.due_at, r.state,"
    " r.settled_at, r.settled_how, r.settled_by, r.reward_id,"
    " (SELECT coalesce(sum(h.amount), 0)::bigint FROM household_spends h"
    " WHERE h.document_id = r.redemption_id AND h.amount > 0) AS from_household,"
    " v.starts_at, v.ends_at FROM redemptions r LEFT JOIN venue_slots v ON v.id = r.slot_id"
)
_BY_NUMBER = text(f"{_REDEMPTION} WHERE r.id = :number")
_BY_HASH = text(f"{_REDEMPTION} WHERE r.code_hash = :code_hash")
_OF_RESIDENT = text(
    f"{_REDEMPTION} WHERE r.resident_no = :owner AND r.id < :before ORDER BY r.id DESC LIMIT :most"
)
_OF_PARTNER = text(
    f"{_REDEMPTION} WHERE r.partner = :owner AND r.id < :before ORDER BY r.id DESC LIMIT :most"
)
_NEWEST = text(f"{_REDEMPTION} WHERE r.id < :before ORDER BY r.id DESC LIMIT :most")
_ASKER = text(
    "SELECT (SELECT community_code FROM residents WHERE resident_no = :resident_no) AS community,"
    " (SELECT balance FROM accounts WHERE owner = :resident_no AND owner_kind = 'resident'"
    " AND asset = 'service_minutes') AS minutes"
)
_SPENDABLE = text(
    "SELECT a.asset, sum(l.remaining)::bigint AS there FROM accounts a"
    " JOIN lots l ON l.account_id = a.id WHERE a.owner = :resident_no"
    " AND a.owner_kind = 'resident' AND l.expires_on >= :today GROUP BY a.asset"
)
# What is stocked, held and collected of a reward is what its rows say; a row for each that is not.
STOCK_BREAKS = (
    "SELECT CAST(NULL AS bigint) AS id FROM reward_stocks s LEFT JOIN ("
    " SELECT reward_id, sum(amount) AS stocked FROM stock_movements GROUP BY 1) m"
    " USING (reward_id) LEFT JOIN ("
    " SELECT reward_id, coalesce(sum(quantity) FILTER (WHERE state = 'held'), 0) AS held,"
    " coalesce(sum(quantity) FILTER (WHERE state = 'collected'), 0) AS collected"
    " FROM redemptions GROUP BY 1) r USING (reward_id)"
    " WHERE coalesce(s.stocked, 0) <> coalesce(m.stocked, 0)"
    " OR s.held <> coalesce(r.held, 0) OR s.collected <> coalesce(r.collected, 0)"
)
# What is put aside of somebody's is the price of what that somebody may still collect, without what
# the household pays of it, and with what that somebody pays for the others.
HOLD_BREAKS = (
    "WITH shared AS (SELECT h.resident_no, h.spender, r.asset, h.amount FROM redemptions r"
    " JOIN household_spends h ON h.document_id = r.redemption_id WHERE r.state = 'held'),"
    " owed AS (SELECT resident_no AS owner, asset, price FROM redemptions WHERE state = 'held'"
    " UNION ALL SELECT resident_no, asset, amount FROM shared"
    " UNION ALL SELECT spender, asset, -amount FROM shared)"
    " SELECT a.id FROM (SELECT id, owner, asset, balance FROM accounts"
    " WHERE owner_kind = 'held') a FULL JOIN ("
    " SELECT owner, asset, sum(price) AS price FROM owed GROUP BY 1, 2) r USING (owner, asset)"
    " WHERE coalesce(a.balance, 0) <> coalesce(r.price, 0)"
)


@dataclass(frozen=True, slots=True)
class Offer:
    """A reward with its stock; `left` None where nothing runs out."""

    id: int
    status: str
    revision: int
    terms: Terms
    stocked: int | None
    held: int
    collected: int

    @property
    def left(self) -> int | None:
        """How many can still be redeemed."""
        return None if self.stocked is None else self.stocked - self.held - self.collected


@dataclass(frozen=True, slots=True)
class Slot:
    """A time of a venue."""

    id: int
    starts_at: datetime
    ends_at: datetime
    is_taken: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A redemption as pages and programs are told of it."""

    redemption_id: UUID
    id: int
    resident_no: str
    title: str
    kind: str
    place: str
    partner: str | None
    quantity: int
    asset: str
    price: int
    code_hash: bytes
    held_on: date
    held_at: datetime
    held_by: str
    due_at: datetime
    state: str
    settled_at: datetime | None
    settled_how: str | None
    settled_by: str | None
    reward_id: int
    from_household: int
    starts_at: datetime | None
    ends_at: datetime | None

    @property
    def redemption_no(self) -> str:
        """The number people use."""
        return redemption_no(self.held_on, self.id)


def offer(session: Session, reward_id: int) -> Offer | None:
    """One reward, whatever its status."""
    row = session.execute(_ONE, {"reward_id": reward_id}).mappings().one_or_none()
    return _offer(row) if row else None


def offers(
    session: Session, today: date, *, community: str | None, kind: str | None = None
) -> list[Offer]:
    """The catalogue of a day, by kind and price; `community` None sees every community's."""
    asked = {"today": today, "community": community, "kind": kind, "most": 4 * PAGE}
    return [_offer(row) for row in session.execute(_OPEN, asked).mappings()]


def all_offers(session: Session) -> list[Offer]:
    """Every reward, open ones first, the newest first."""
    return [_offer(row) for row in session.execute(_ALL, {"most": 4 * PAGE}).mappings()]


def redeemed_since(session: Session, resident_no: str, reward_id: int, since: date) -> int:
    """How many units a resident holds or has collected of a reward since a day."""
    asked = {"resident_no": resident_no, "reward_id": reward_id, "since": since}
    return int(session.execute(_SINCE, asked).scalar_one())


def slots(session: Session, reward_id: int, now: datetime) -> list[Slot]:
    """Times that have not begun, the first first."""
    asked = {"reward_id": reward_id, "now": now, "most": SLOTS_MAX}
    return [Slot(**row) for row in session.execute(_SLOTS, asked).mappings()]


def movements(session: Session, reward_id: int) -> list[dict[str, Any]]:
    """What was put in and taken out by hand, the newest first."""
    asked = {"reward_id": reward_id, "most": PAGE}
    return [dict(row) for row in session.execute(_MOVEMENTS, asked).mappings()]


def changes(session: Session, reward_id: int) -> list[dict[str, Any]]:
    """Who changed the reward, the newest first."""
    asked = {"reward_id": reward_id, "most": PAGE}
    return [dict(row) for row in session.execute(_CHANGES, asked).mappings()]


def redemption(session: Session, number: int) -> Found | None:
    """One redemption by the number within its number."""
    row = session.execute(_BY_NUMBER, {"number": number}).mappings().one_or_none()
    return Found(**row) if row else None


def redemption_by_hash(session: Session, code_hash: bytes) -> Found | None:
    """The redemption that a code belongs to."""
    row = session.execute(_BY_HASH, {"code_hash": code_hash}).mappings().one_or_none()
    return Found(**row) if row else None


def redemptions_of(
    session: Session, owner_kind: str, owner: str, *, before: int, most: int = PAGE
) -> list[Found]:
    """A resident's or a partner's, the newest first."""
    statement = _OF_RESIDENT if owner_kind == "resident" else _OF_PARTNER
    asked = {"owner": owner, "before": before, "most": most}
    return [Found(**row) for row in session.execute(statement, asked).mappings()]


def newest_redemptions(session: Session, *, before: int, most: int = PAGE) -> list[Found]:
    """Of the whole district, the newest first."""
    asked = {"before": before, "most": most}
    return [Found(**row) for row in session.execute(_NEWEST, asked).mappings()]


def asker(session: Session, resident_no: str) -> tuple[str | None, int]:
    """A resident's community (None when unknown) and minutes of service."""
    row = session.execute(_ASKER, {"resident_no": resident_no}).one()
    return row.community, row.minutes or 0


def spendable(session: Session, resident_no: str, today: date) -> dict[str, int]:
    """What a resident can spend today, by asset: what has ended is left out."""
    asked = {"resident_no": resident_no, "today": today}
    return {row.asset: row.there for row in session.execute(_SPENDABLE, asked)}


def _offer(row: Any) -> Offer:
    values = {name: row[name] for name in _TERMS}
    values |= {name: tuple(values[name]) for name in ("month_days", "weekdays")}
    return Offer(
        row["id"],
        row["status"],
        row["revision"],
        Terms(**values),
        row["stocked"],
        row["held"],
        row["collected"],
    )
