"""Time coins on their way to another district, those that came from one, and which there are."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Index,
    LargeBinary,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from services.points.models.base import Base


class PeerChange(Base):
    """对接区: what another district is to be from now on. One proposes it, another decides.

    The newest approved change of a code is what is in force; one at a time is open. Limits are
    coins: what one transfer may carry, what a resident may send (and receive) with this district
    in a month, and what a resident may hold after receiving. `public_key` is base64 of 32 bytes
    (Ed25519).
    """

    __tablename__ = "time_bank_peer_changes"
    __table_args__ = (
        CheckConstraint("decision IN ('approved', 'refused')", name="decision"),
        CheckConstraint("checked_by <> made_by", name="four_eyes"),
        CheckConstraint(
            "(decision IS NULL) = (checked_by IS NULL)"
            " AND (decision IS NULL) = (checked_at IS NULL)",
            name="decided",
        ),
        CheckConstraint("transfer_max > 0 AND month_max > 0 AND balance_max > 0", name="limits"),
        Index("ix_time_bank_peer_changes_code", "code", "change_id"),
        Index(
            "uq_time_bank_peer_changes_open",
            "code",
            unique=True,
            postgresql_where=text("decision IS NULL"),
        ),
    )

    change_id: Mapped[UUID] = mapped_column(primary_key=True)
    code: Mapped[str]
    name: Mapped[str]
    url: Mapped[str]
    public_key: Mapped[str]
    is_active: Mapped[bool]
    transfer_max: Mapped[int] = mapped_column(BigInteger)
    month_max: Mapped[int] = mapped_column(BigInteger)
    balance_max: Mapped[int] = mapped_column(BigInteger)
    made_by: Mapped[str]
    made_at: Mapped[datetime]
    decision: Mapped[str | None]
    checked_by: Mapped[str | None]
    checked_at: Mapped[datetime | None]


class Departure(Base):
    """转出: coins in escrow until the other district has said, signed, what became of them.

    proposed -> done | refused, once; a trigger holds it. `body` is the proposal as it is signed:
    it never changes, so that the other district can tell a repetition from a forgery.
    """

    __tablename__ = "time_bank_departures"
    __table_args__ = (
        CheckConstraint("state IN ('proposed', 'done', 'refused')", name="state"),
        CheckConstraint("amount > 0", name="amount"),
        CheckConstraint(
            "(state = 'proposed') = (settled_at IS NULL)"
            " AND (state = 'proposed') = (receipt IS NULL)"
            " AND (state = 'proposed') = (settled_document_id IS NULL)"
            " AND (state = 'refused') = (reason IS NOT NULL)",
            name="settled",
        ),
        CheckConstraint("(cancel_asked_at IS NULL) = (cancel_asked_by IS NULL)", name="cancel"),
        Index(
            "ix_time_bank_departures_due",
            "next_attempt_at",
            postgresql_where=text("state = 'proposed'"),
        ),
        Index("ix_time_bank_departures_resident_no", "resident_no", "transfer_id"),
    )

    transfer_id: Mapped[UUID] = mapped_column(ForeignKey("documents.document_id"), primary_key=True)
    to_district: Mapped[str]
    resident_no: Mapped[str]
    to_resident: Mapped[str]
    amount: Mapped[int] = mapped_column(BigInteger)
    lots: Mapped[list[Any]] = mapped_column(JSONB)
    body: Mapped[dict[str, Any]] = mapped_column(JSONB)
    made_by: Mapped[str]
    made_at: Mapped[datetime]
    state: Mapped[str] = mapped_column(server_default=text("'proposed'"))
    reason: Mapped[str | None]
    receipt: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    settled_document_id: Mapped[UUID | None]
    settled_at: Mapped[datetime | None]
    cancel_asked_by: Mapped[str | None]
    cancel_asked_at: Mapped[datetime | None]
    attempts: Mapped[int] = mapped_column(server_default=text("0"))
    next_attempt_at: Mapped[datetime]
    queued_until: Mapped[datetime | None]
    last_error: Mapped[str | None]


class Arrival(Base):
    """转入: what was decided of another district's transfer, once and for ever.

    A refusal is kept as well as a credit: the same proposal, however late it comes again, gets
    the same answer. Without `digest` the transfer was cancelled before its proposal was seen.
    """

    __tablename__ = "time_bank_arrivals"
    __table_args__ = (
        UniqueConstraint("from_district", "nonce"),
        CheckConstraint("outcome IN ('accepted', 'refused')", name="outcome"),
        CheckConstraint("(outcome = 'refused') = (reason IS NOT NULL)", name="reason"),
        CheckConstraint(
            "(outcome = 'accepted') = (document_id IS NOT NULL)"
            " AND (outcome = 'refused' OR digest IS NOT NULL)"
            " AND (digest IS NULL) = (amount IS NULL)"
            " AND (digest IS NULL) = (to_resident IS NULL)",
            name="credited",
        ),
        CheckConstraint("octet_length(digest) = 32", name="digest"),
        Index("ix_time_bank_arrivals_to_resident", "to_resident", "decided_at"),
    )

    from_district: Mapped[str] = mapped_column(primary_key=True)
    transfer_id: Mapped[UUID] = mapped_column(primary_key=True)
    nonce: Mapped[str]
    to_resident: Mapped[str | None]
    amount: Mapped[int | None] = mapped_column(BigInteger)
    digest: Mapped[bytes | None] = mapped_column(LargeBinary)
    outcome: Mapped[str]
    reason: Mapped[str | None]
    document_id: Mapped[UUID | None] = mapped_column(ForeignKey("documents.document_id"))
    envelope: Mapped[dict[str, Any]] = mapped_column(JSONB)
    decided_at: Mapped[datetime]
