"""What members of a household allow each other, and what came of it; and conversions."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Identity, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from services.points.models.base import Base


class SharingConsent(Base):
    """同意: the others may spend from my points (`spend`), or may give me theirs (`gift`).

    It holds while the resident belongs to the household for which it was given. `month_max` is
    what all others together may spend from this resident's points in a month.
    """

    __tablename__ = "sharing_consents"
    __table_args__ = (
        CheckConstraint("kind IN ('spend', 'gift')", name="kind"),
        CheckConstraint("(kind = 'spend') = (month_max IS NOT NULL)", name="month_max_of"),
        CheckConstraint("month_max > 0", name="month_max"),
        CheckConstraint("(withdrawn_at IS NULL) = (withdrawn_by IS NULL)", name="withdrawn"),
        Index(
            "uq_sharing_consents_standing",
            "resident_no",
            "kind",
            unique=True,
            postgresql_where=text("withdrawn_at IS NULL"),
        ),
    )

    consent_id: Mapped[UUID] = mapped_column(primary_key=True)
    resident_no: Mapped[str]
    household_no: Mapped[str]
    kind: Mapped[str]
    month_max: Mapped[int | None] = mapped_column(BigInteger)
    given_at: Mapped[datetime]
    given_by: Mapped[str]
    given_reason: Mapped[str | None]
    withdrawn_at: Mapped[datetime | None]
    withdrawn_by: Mapped[str | None]
    withdrawn_reason: Mapped[str | None]


class HouseholdSpend(Base):
    """What another member spent from a resident's points; negative when it came back."""

    __tablename__ = "household_spends"
    __table_args__ = (
        CheckConstraint("amount <> 0", name="amount"),
        CheckConstraint("resident_no <> spender", name="two_members"),
        CheckConstraint("extract(day FROM month) = 1", name="month"),
        Index("ix_household_spends_resident_no_month", "resident_no", "month"),
        Index("ix_household_spends_document_id", "document_id"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    document_id: Mapped[UUID]
    resident_no: Mapped[str]
    spender: Mapped[str]
    month: Mapped[date]
    amount: Mapped[int] = mapped_column(BigInteger)
    made_at: Mapped[datetime]


class ConversionCount(Base):
    """How much of an asset that conversions only count was counted already: never twice."""

    __tablename__ = "conversion_counts"
    __table_args__ = (CheckConstraint("counted >= 0", name="counted"),)

    resident_no: Mapped[str] = mapped_column(primary_key=True)
    from_asset: Mapped[str] = mapped_column(primary_key=True)
    to_asset: Mapped[str] = mapped_column(primary_key=True)
    counted: Mapped[int] = mapped_column(BigInteger)
