"""What is told of the proof: printed roots, heads of chains, what verifications found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, NamedTuple

from sqlalchemy import text
from sqlalchemy.orm import Session

_PRINTED = text(
    "SELECT community, on_date, first_height, last_height, entry_count, root FROM proof_days"
    " WHERE community = :community AND on_date = :on"
)
_LATEST = text(
    "SELECT community, on_date, first_height, last_height, entry_count, root FROM proof_days"
    " WHERE community = :community AND on_date <= :on ORDER BY on_date DESC LIMIT 1"
)
_ROOTS = text(
    "SELECT d.on_date, d.community, d.entry_count, d.first_height, d.last_height, d.root"
    " FROM proof_days d WHERE d.on_date BETWEEN :first AND :last"
    " AND (CAST(:community AS text) IS NULL OR d.community = :community)"
    " ORDER BY d.on_date DESC, d.community LIMIT :most"
)
_DISTRICT = text(
    "SELECT on_date, community_count, root FROM proof_roots WHERE on_date BETWEEN :first AND :last"
    " ORDER BY on_date DESC LIMIT :most"
)
_HEADS = text(
    "SELECT DISTINCT ON (community) community, height, encode(hash, 'hex') AS hash"
    " FROM sealed_blocks ORDER BY community, height DESC"
)
_PASS = text(
    "SELECT id, started_at, finished_at, checked_to, days_to, entry_count FROM proof_passes"
    " ORDER BY id DESC LIMIT 1"
)
_BREAKS = text(
    "SELECT b.what, b.community, b.height, a.asset, a.owner_kind, a.owner, b.account_id, b.seq,"
    " b.found_at FROM proof_breaks b LEFT JOIN accounts a ON a.id = b.account_id"
    " WHERE b.pass_id = :pass_id ORDER BY b.id LIMIT :most"
)


_OWNER = text("SELECT asset, owner_kind, owner FROM accounts WHERE id = :account_id")


class PrintedRoot(NamedTuple):
    """A community's day: the root stands on that day's public notice."""

    community: str
    on_date: date
    first_height: int
    last_height: int
    entry_count: int
    root: bytes


class DistrictRoot(NamedTuple):
    """The district's day, over its communities."""

    on_date: date
    community_count: int
    root: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Pass:
    """One verification; not finished while `finished_at` is None."""

    id: int
    started_at: datetime
    finished_at: datetime | None
    checked_to: int
    days_to: date | None
    entry_count: int


def printed_root(session: Session, community: str, on: date) -> PrintedRoot | None:
    """The root of a community's day; None where nothing was sealed on it, or it is not over."""
    row = session.execute(_PRINTED, {"community": community, "on": on}).one_or_none()
    return PrintedRoot(*row) if row else None


def latest_root(session: Session, community: str, on: date) -> PrintedRoot | None:
    """The newest root of a community up to a day."""
    row = session.execute(_LATEST, {"community": community, "on": on}).one_or_none()
    return PrintedRoot(*row) if row else None


def printed_roots(
    session: Session, first: date, last: date, community: str | None = None, most: int = 1000
) -> list[PrintedRoot]:
    """The roots of communities between two days, the newest first."""
    asked = {"first": first, "last": last, "community": community, "most": most}
    return [PrintedRoot(**row) for row in session.execute(_ROOTS, asked).mappings()]


def district_roots(
    session: Session, first: date, last: date, most: int = 400
) -> list[DistrictRoot]:
    """The district's roots between two days, the newest first."""
    asked = {"first": first, "last": last, "most": most}
    return [DistrictRoot(*row) for row in session.execute(_DISTRICT, asked)]


def heads(session: Session) -> list[tuple[str, int, str]]:
    """(community, height, hash) of the newest block of each chain, to be kept elsewhere."""
    return [(row.community, row.height, row.hash) for row in session.execute(_HEADS)]


def last_pass(session: Session) -> Pass | None:
    """The newest verification, finished or not."""
    row = session.execute(_PASS).mappings().one_or_none()
    return Pass(**row) if row else None


def breaks(session: Session, pass_id: int, most: int = 100) -> Sequence[dict[str, Any]]:
    """What a verification found, the first first."""
    asked = {"pass_id": pass_id, "most": most}
    return [dict(row) for row in session.execute(_BREAKS, asked).mappings()]


def owner_of(session: Session, account_id: int) -> tuple[str, str, str] | None:
    """(asset, owner kind, owner) of an account."""
    row = session.execute(_OWNER, {"account_id": account_id}).one_or_none()
    return (row.asset, row.owner_kind, row.owner) if row else None


def in_groups(value: bytes) -> str:
    """Hex digits in groups of eight, to be compared by eye and to break lines between."""
    digits = value.hex()
    return " ".join(digits[at : at + 8] for at in range(0, len(digits), 8))
