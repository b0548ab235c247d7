"""疑点: what a person shall look at, who organises for a partner, and when residents served."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Identity,
    Index,
    SmallInteger,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB, TSTZRANGE, ExcludeConstraint, Range
from sqlalchemy.orm import Mapped, mapped_column

from services.points.models.base import Base


class Flag(Base):
    """Something odd, told once by its evidence; it changes nothing until somebody judges it."""

    __tablename__ = "flags"
    __table_args__ = (
        UniqueConstraint("kind", "evidence_key"),
        CheckConstraint(
            "kind IN ('overlap', 'self_award', 'gift_ring', 'same_place', 'density')", name="kind"
        ),
        CheckConstraint("state IN ('open', 'dismissed', 'confirmed')", name="state"),
        CheckConstraint(
            "num_nulls(checked_by, checked_at, decision)"
            " = CASE state WHEN 'open' THEN 3 ELSE 0 END",
            name="decided",
        ),
        Index("ix_flags_open", "raised_at", postgresql_where=text("state = 'open'")),
    )

    flag_id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str]
    subject: Mapped[str]
    evidence_key: Mapped[str]
    evidence: Mapped[dict[str, Any]] = mapped_column(JSONB)
    state: Mapped[str]
    raised_at: Mapped[datetime]
    checked_by: Mapped[str | None]
    checked_at: Mapped[datetime | None]
    decision: Mapped[str | None]


class Organiser(Base):
    """组织者: a resident who organises for a partner, from when to when that was declared."""

    __tablename__ = "organisers"
    __table_args__ = (
        CheckConstraint("(ended_by IS NULL) = (ended_at IS NULL)", name="ended"),
        Index(
            "uq_organisers_standing",
            "partner",
            "resident_no",
            unique=True,
            postgresql_where=text("ended_at IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    partner: Mapped[str]
    resident_no: Mapped[str]
    declared_by: Mapped[str]
    declared_at: Mapped[datetime]
    ended_by: Mapped[str | None]
    ended_at: Mapped[datetime | None]


class ServiceSpan(Base):
    """时段: when a resident served for an award; no minute of anybody stands here twice.

    Written only under rules that count each minute once. `account_id` is the resident's account
    of service minutes, whose lock orders the writers. A reversed award no longer stands.
    """

    __tablename__ = "service_spans"
    __table_args__ = (
        CheckConstraint("NOT isempty(span)", name="span"),
        ExcludeConstraint(
            ("account_id", "="),
            ("span", "&&"),
            name="ex_service_spans_overlap",
            using="gist",
            where=text("reversed_by IS NULL"),
        ),
    )

    award_id: Mapped[UUID] = mapped_column(primary_key=True)
    part: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    account_id: Mapped[int] = mapped_column(BigInteger)
    span: Mapped[Range[datetime]] = mapped_column(TSTZRANGE)
    reversed_by: Mapped[UUID | None] = mapped_column(ForeignKey("documents.document_id"))
