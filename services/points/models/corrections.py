"""更正: what one person proposes and another approves, what was reversed, and what is owed for it.

A proposal is decided once (a trigger of migration 0008), in time, and by somebody else. Whatever
is reversed is the key of its reversal, so nothing can be reversed twice.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Identity,
    Index,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from services.points.models.base import Base


class Correction(Base):
    """A proposal; `subject_id` is the award, document or import it is about.

    open, then approved (and posted by `document_id`), refused, or lapsed without a decision.
    """

    __tablename__ = "corrections"
    __table_args__ = (
        CheckConstraint(
            "kind IN ('award_reversal', 'document_reversal', 'adjustment', 'import')", name="kind"
        ),
        CheckConstraint("policy IN ('only_pending', 'within_balance', 'debt')", name="policy"),
        CheckConstraint(
            "(policy IS NOT NULL) = (kind IN ('award_reversal', 'document_reversal'))",
            name="policy_of",
        ),
        CheckConstraint("(subject_id IS NULL) = (kind = 'adjustment')", name="subject"),
        CheckConstraint("length(reason) BETWEEN 4 AND 500", name="reason"),
        CheckConstraint("state IN ('open', 'approved', 'refused', 'lapsed')", name="state"),
        CheckConstraint("checked_by <> made_by", name="four_eyes"),
        CheckConstraint(
            "num_nulls(checked_by, checked_at, decision)"
            " = CASE WHEN state IN ('approved', 'refused') THEN 0 ELSE 3 END",
            name="decided",
        ),
        CheckConstraint("(state = 'approved') = (document_id IS NOT NULL)", name="posted"),
        CheckConstraint("made_at < expires_at AND checked_at < expires_at", name="in_time"),
        UniqueConstraint("document_id"),
        Index(
            "uq_corrections_open",
            "subject_id",
            unique=True,
            postgresql_where=text("state = 'open'"),
        ),
        Index("ix_corrections_made_at", "made_at"),
        Index("ix_corrections_resident_no", "resident_no"),
    )

    correction_id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str]
    subject_id: Mapped[UUID | None]
    policy: Mapped[str | None]
    resident_no: Mapped[str | None]
    body: Mapped[dict[str, Any]] = mapped_column(JSONB)
    reason_code: Mapped[str]
    reason: Mapped[str]
    state: Mapped[str]
    made_by: Mapped[str]
    made_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    checked_by: Mapped[str | None]
    checked_at: Mapped[datetime | None]
    decision: Mapped[str | None]
    document_id: Mapped[UUID | None] = mapped_column(ForeignKey("documents.document_id"))


class Reversal(Base):
    """冲正: an award or a document that was reversed, and by which document. Only ever added."""

    __tablename__ = "reversals"
    __table_args__ = (
        CheckConstraint("kind IN ('award', 'document')", name="kind"),
        CheckConstraint("subject_id <> document_id", name="two"),
        UniqueConstraint("document_id"),
    )

    subject_id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str]
    policy: Mapped[str]
    document_id: Mapped[UUID] = mapped_column(ForeignKey("documents.document_id"))
    made_at: Mapped[datetime]


class ReversalPart(Base):
    """What a reversal had to take from a lot of an account, and what became of it.

    `ended`: it had ended unspent; `unrecovered`: it was spent and is not asked for again.
    """

    __tablename__ = "reversal_parts"
    __table_args__ = (
        CheckConstraint(
            "least(due, taken, ended, owed, unrecovered) >= 0"
            " AND due = taken + ended + owed + unrecovered",
            name="amounts",
        ),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    document_id: Mapped[UUID] = mapped_column(ForeignKey("reversals.document_id"), index=True)
    account_id: Mapped[int] = mapped_column(BigInteger, index=True)
    expires_on: Mapped[date | None]
    source_id: Mapped[int | None]
    due: Mapped[int] = mapped_column(BigInteger)
    taken: Mapped[int] = mapped_column(BigInteger)
    ended: Mapped[int] = mapped_column(BigInteger)
    owed: Mapped[int] = mapped_column(BigInteger)
    unrecovered: Mapped[int] = mapped_column(BigInteger)


class Debt(Base):
    """欠分: spent points of a reversed award, repaid from what comes later."""

    __tablename__ = "debts"
    __table_args__ = (
        CheckConstraint("amount > 0", name="amount"),
        CheckConstraint("remaining BETWEEN 0 AND amount", name="remaining"),
        CheckConstraint("checked_by <> made_by", name="four_eyes"),
        Index("ix_debts_open", "account_id", postgresql_where=text("remaining > 0")),
    )

    debt_id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    document_id: Mapped[UUID] = mapped_column(ForeignKey("documents.document_id"))
    account_id: Mapped[int] = mapped_column(BigInteger)
    amount: Mapped[int] = mapped_column(BigInteger)
    remaining: Mapped[int] = mapped_column(BigInteger)
    made_by: Mapped[str]
    checked_by: Mapped[str]
    made_at: Mapped[datetime]


class DebtPayment(Base):
    """What a document repaid of a debt; the sum is what no longer remains. Only ever added."""

    __tablename__ = "debt_payments"
    __table_args__ = (CheckConstraint("amount > 0", name="amount"),)

    debt_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("debts.debt_id"), primary_key=True, autoincrement=False
    )
    document_id: Mapped[UUID] = mapped_column(ForeignKey("documents.document_id"), primary_key=True)
    amount: Mapped[int] = mapped_column(BigInteger)
