"""What the gate knows of partners, what came, and what each event was told."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Index,
    LargeBinary,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from services.intake.models.base import Base


class Partner(Base):
    """A partner's terms as partners last said them; `revision` tells which are newer."""

    __tablename__ = "partners"
    __table_args__ = (CheckConstraint("status IN ('active', 'suspended')", name="status"),)

    slug: Mapped[str] = mapped_column(primary_key=True)
    status: Mapped[str]
    revision: Mapped[int] = mapped_column(BigInteger)
    # The revision that the terms below are of; 0 while only a suspension was heard
    terms_revision: Mapped[int] = mapped_column(BigInteger)
    name: Mapped[str | None]
    system: Mapped[str | None]
    agreement_no: Mapped[str | None]
    valid_from: Mapped[date | None]
    valid_to: Mapped[date | None]
    event_types: Mapped[list[str]] = mapped_column(ARRAY(Text))
    per_minute: Mapped[int]
    per_day: Mapped[int]


class PartnerKey(Base):
    """SHA-256 of an API key that opens the HTTP door."""

    __tablename__ = "partner_keys"

    key_hash: Mapped[str] = mapped_column(primary_key=True)
    slug: Mapped[str] = mapped_column(ForeignKey("partners.slug"), index=True)


class PartnerCounter(Base):
    """How much a partner has sent: its gap-free number of verdicts, and its quota's windows."""

    __tablename__ = "partner_counters"

    slug: Mapped[str] = mapped_column(primary_key=True)
    seq: Mapped[int] = mapped_column(BigInteger)
    minute_at: Mapped[datetime]
    minute_count: Mapped[int]
    day_at: Mapped[datetime]
    day_count: Mapped[int]


class Verdict(Base):
    """One verdict. (partner, seq) has no gaps, so received = the sum of all verdicts, provably."""

    __tablename__ = "verdicts"
    __table_args__ = (
        CheckConstraint("door IN ('amqp', 'http', 'redrive')", name="door"),
        CheckConstraint("verdict IN ('accepted', 'duplicate', 'rejected')", name="verdict"),
        CheckConstraint("(verdict = 'rejected') = (reason IS NOT NULL)", name="reason"),
        # Law: the same id is accepted once; the gate reads before it writes, this catches the rest
        Index(
            "uq_verdicts_accepted",
            "source",
            "event_id",
            unique=True,
            postgresql_where=text("verdict = 'accepted'"),
        ),
        Index("ix_verdicts_partner_event_id", "partner", "event_id"),
        # Rows come in the order of time; without autosummarize the newest would be read one by one
        Index(
            "ix_verdicts_received_at",
            "received_at",
            postgresql_using="brin",
            postgresql_with={"autosummarize": "on"},
        ),
        Index(
            "ix_verdicts_rejected",
            "received_at",
            postgresql_where=text("verdict = 'rejected'"),
        ),
    )

    partner: Mapped[str] = mapped_column(primary_key=True)
    seq: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    received_at: Mapped[datetime]
    door: Mapped[str]
    source: Mapped[str]
    event_id: Mapped[str]
    type: Mapped[str]
    verdict: Mapped[str]
    reason: Mapped[str | None]
    detail: Mapped[str | None]
    pointer: Mapped[str | None]
    body_hash: Mapped[bytes] = mapped_column(LargeBinary)


class RejectedBody(Base):
    """What came with a rejected event, encrypted (it may hold anything), to be judged again."""

    __tablename__ = "rejected_bodies"

    partner: Mapped[str] = mapped_column(primary_key=True)
    seq: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    sealed: Mapped[str]
    redriven_at: Mapped[datetime | None]
    redriven_as: Mapped[int | None] = mapped_column(BigInteger)


class Contribution(Base):
    """An accepted activity or wish; points counts it, partners gets credit for it."""

    __tablename__ = "contributions"
    __table_args__ = (CheckConstraint("kind IN ('activity', 'wish')", name="kind"),)

    contribution_id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str]
    partner: Mapped[str]
    source_event_id: Mapped[str]
    code: Mapped[str]
    category: Mapped[str]  # the activity's kind or the wish's colour
    resident_no: Mapped[str]
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime]
    evidence: Mapped[str | None]
    cost_fen: Mapped[int | None]
    accepted_at: Mapped[datetime]


class ServiceReport(Base):
    """The newest report of each service's clock, for the operator's overview."""

    __tablename__ = "service_reports"

    service: Mapped[str] = mapped_column(primary_key=True)
    process: Mapped[str]
    outbox_pending: Mapped[int] = mapped_column(BigInteger)
    outbox_oldest_at: Mapped[datetime | None]
    dead_letters: Mapped[int] = mapped_column(BigInteger)
    queues: Mapped[dict[str, int]] = mapped_column(JSONB)
    reported_at: Mapped[datetime]
