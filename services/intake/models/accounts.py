"""Who may sign in, and the failures that lock an account or an address out for a while."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, Identity, Index
from sqlalchemy.orm import Mapped, mapped_column

from services.intake.models.base import Base


class Account(Base):
    """One account, one role; `subject` is the resident_no or the partner's slug it speaks for."""

    __tablename__ = "accounts"
    __table_args__ = (
        CheckConstraint(
            "role IN ('resident', 'staff', 'manager', 'partner', 'operator', 'auditor')",
            name="role",
        ),
        CheckConstraint(
            "(role IN ('resident', 'partner')) = (subject IS NOT NULL)", name="subject"
        ),
    )

    account_no: Mapped[str] = mapped_column(primary_key=True)
    login: Mapped[str] = mapped_column(unique=True)
    role: Mapped[str]
    subject: Mapped[str | None]
    display_name: Mapped[str]
    password_hash: Mapped[str]
    is_active: Mapped[bool]
    created_at: Mapped[datetime]
    last_signed_in_at: Mapped[datetime | None]


class SignInFailure(Base):
    """A failed sign-in; `key` is a keyed digest of the login or address, never one itself."""

    __tablename__ = "sign_in_failures"
    __table_args__ = (Index("ix_sign_in_failures_key_at", "key", "at"),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    key: Mapped[str]
    at: Mapped[datetime]
