"""What was announced of lots that end, what the days closed with, and what may be spent."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from services.points.models.base import Base


class ExpiryAnnouncement(Base):
    """到期提醒: a resident is told once, so many days before, of points that end on a day."""

    __tablename__ = "expiry_announcements"
    __table_args__ = (
        CheckConstraint("days_before > 0", name="days_before"),
        Index("ix_expiry_announcements_expires_on", "expires_on"),
    )

    account_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    expires_on: Mapped[date] = mapped_column(primary_key=True)
    days_before: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    points: Mapped[int] = mapped_column(BigInteger)
    announced_at: Mapped[datetime]


class LiabilityClosing(Base):
    """日结: all days up to this one are closed; what they say never changes again."""

    __tablename__ = "liability_closings"

    through: Mapped[date] = mapped_column(primary_key=True)
    cut_at: Mapped[datetime]
    closed_at: Mapped[datetime]


class LiabilityDay(Base):
    """What a closed day added to (or took from) what a community's people hold, by kind.

    The kind is a transfer's, or `moved`: residents who moved took their points along. What was
    outstanding at the end of a day is the sum of all rows up to it. Rows are only ever added.
    """

    __tablename__ = "liability_days"

    on_date: Mapped[date] = mapped_column(primary_key=True)
    asset: Mapped[str] = mapped_column(primary_key=True)
    community_code: Mapped[str] = mapped_column(primary_key=True)
    programme: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    amount: Mapped[int] = mapped_column(BigInteger)


class LiabilityAge(Base):
    """Of what was outstanding at the last closing: the month it was earned in."""

    __tablename__ = "liability_ages"
    __table_args__ = (CheckConstraint("points > 0", name="points"),)

    asset: Mapped[str] = mapped_column(primary_key=True)
    community_code: Mapped[str] = mapped_column(primary_key=True)
    earned_month: Mapped[date] = mapped_column(primary_key=True)
    points: Mapped[int] = mapped_column(BigInteger)


class Budget(Base):
    """预算: what a community ('' is the district) may spend on points from a day to a day.

    One person proposes it, another decides; a decision is final.
    """

    __tablename__ = "budgets"
    __table_args__ = (
        CheckConstraint("starts_on <= ends_on", name="period"),
        CheckConstraint("unit IN ('points', 'fen')", name="unit"),
        CheckConstraint("amount >= 0", name="amount"),
        CheckConstraint("stops IN ('nothing', 'redemptions', 'all')", name="stops"),
        CheckConstraint("decision IN ('approved', 'refused')", name="decision"),
        CheckConstraint("checked_by <> made_by", name="four_eyes"),
        CheckConstraint(
            "(decision IS NULL) = (checked_by IS NULL)"
            " AND (decision IS NULL) = (checked_at IS NULL)",
            name="decided",
        ),
    )

    budget_id: Mapped[UUID] = mapped_column(primary_key=True)
    community_code: Mapped[str]
    starts_on: Mapped[date]
    ends_on: Mapped[date]
    unit: Mapped[str]
    amount: Mapped[int] = mapped_column(BigInteger)
    stops: Mapped[str] = mapped_column(server_default=text("'nothing'"))
    made_by: Mapped[str]
    made_at: Mapped[datetime]
    decision: Mapped[str | None]
    checked_by: Mapped[str | None]
    checked_at: Mapped[datetime | None]


class PointRate(Base):
    """折算: what a hundred points of a programme ('' is any other) cost the district, in fen."""

    __tablename__ = "point_rates"
    __table_args__ = (
        CheckConstraint("fen_per_hundred >= 0", name="fen_per_hundred"),
        CheckConstraint("decision IN ('approved', 'refused')", name="decision"),
        CheckConstraint("checked_by <> made_by", name="four_eyes"),
        CheckConstraint(
            "(decision IS NULL) = (checked_by IS NULL)"
            " AND (decision IS NULL) = (checked_at IS NULL)",
            name="decided",
        ),
    )

    rate_id: Mapped[UUID] = mapped_column(primary_key=True)
    programme: Mapped[str]
    valid_from: Mapped[date]
    fen_per_hundred: Mapped[int]
    made_by: Mapped[str]
    made_at: Mapped[datetime]
    decision: Mapped[str | None]
    checked_by: Mapped[str | None]
    checked_at: Mapped[datetime | None]
