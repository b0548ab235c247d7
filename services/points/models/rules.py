"""What was awarded and by which rules. Rows of `awards` and `rule_sets` are only ever added."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from services.points.models.base import Base


class Award(Base):
    """Why a contribution was credited as it was; it has the id of its contribution."""

    __tablename__ = "awards"
    __table_args__ = (CheckConstraint("kind IN ('activity', 'wish')", name="kind"),)

    award_id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str]
    owner: Mapped[str]
    community_code: Mapped[str | None]
    household_no: Mapped[str | None]
    on_date: Mapped[date]
    programme: Mapped[str | None]
    rule_version: Mapped[int | None]
    points: Mapped[int]
    service_minutes: Mapped[int]
    explanation: Mapped[dict[str, Any]] = mapped_column(JSONB)
    accepted_at: Mapped[datetime]
    credited_at: Mapped[datetime]


class CapUsage(Base):
    """How much of a cap an account has used in a window; written under the account's lock."""

    __tablename__ = "cap_usage"
    __table_args__ = (
        CheckConstraint("span IN ('day', 'month')", name="span"),
        CheckConstraint("used >= 0", name="used"),
        {"postgresql_with": {"fillfactor": "70"}},
    )

    account_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    span: Mapped[str] = mapped_column(primary_key=True)
    starts_on: Mapped[date] = mapped_column(primary_key=True)
    used: Mapped[int]


class RuleSet(Base):
    """A published version of a programme's rules; never changed, only followed by another."""

    __tablename__ = "rule_sets"

    programme: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    valid_from: Mapped[date] = mapped_column(index=True)
    body: Mapped[dict[str, Any]] = mapped_column(JSONB)
    published_at: Mapped[datetime]
