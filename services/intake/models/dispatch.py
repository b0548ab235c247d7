"""派单: the rules by which requests find their unit, and the units that assist."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from services.intake.models.base import Base


class DispatchRules(Base):
    """One list of rules: a draft, or the version that somebody else published.

    The newest version is in force. Older ones stay: steps name the version they were taken by.
    """

    __tablename__ = "dispatch_rules"
    __table_args__ = (
        CheckConstraint("state IN ('draft', 'submitted', 'published', 'rejected')", name="state"),
        CheckConstraint("(state = 'published') = (version IS NOT NULL)", name="version"),
        CheckConstraint("checked_by <> made_by", name="four_eyes"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    version: Mapped[int | None] = mapped_column(unique=True)
    state: Mapped[str]
    body: Mapped[dict[str, Any]] = mapped_column(JSONB)
    revision: Mapped[int]
    made_by: Mapped[str]
    changed_at: Mapped[datetime]
    checked_by: Mapped[str | None]
    checked_at: Mapped[datetime | None]
    reason: Mapped[str | None]  # of a rejection


class RequestAssist(Base):
    """协办单位: sees a request and notes what it did; only the lead resolves it."""

    __tablename__ = "request_assists"

    request_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("requests.id"), primary_key=True)
    unit_code: Mapped[str] = mapped_column(
        ForeignKey("units.unit_code"), primary_key=True, index=True
    )
    asked_by: Mapped[str]  # an account's number, or the job's name
    since: Mapped[datetime]
