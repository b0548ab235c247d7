"""The ledger. A transfer is double entry in one row: it debits one account and credits another.

So every asset sums to zero by construction. Rows of `transfers` and `awards` are only ever added.
An account's balance and number of transfers are kept by the database itself (the trigger of
migration 0001), which refuses a transfer that does not continue its account: no writer can skip
a number, forge a balance or touch one directly.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    DateTime,
    Identity,
    Index,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from shared.db.base import new_metadata
from shared.messaging import tables

metadata = new_metadata()


class Base(DeclarativeBase):
    """All instants are stored with their zone; text has no length but what checks give it."""

    metadata = metadata
    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy's name
        datetime: DateTime(timezone=True),
        str: Text,
    }


messaging = tables.define(metadata)


class Account(Base):
    """One asset of one owner. An issuer's balance is not kept here: it is the negated sum."""

    __tablename__ = "accounts"
    __table_args__ = (
        UniqueConstraint("owner", "owner_kind", "asset"),
        CheckConstraint(
            "asset IN ('points', 'service_minutes', 'partner_contribution')", name="asset"
        ),
        CheckConstraint("owner_kind IN ('resident', 'partner', 'issuer')", name="owner_kind"),
        CheckConstraint("balance >= 0", name="balance"),
        CheckConstraint("owner_kind <> 'issuer' OR (balance = 0 AND seq = 0)", name="issuer"),
        Index(
            "uq_accounts_issuer",
            "asset",
            unique=True,
            postgresql_where=text("owner_kind = 'issuer'"),
        ),
        # Room in each page for the next version of a row: balances change far more than they come
        {"postgresql_with": {"fillfactor": "50"}},
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    asset: Mapped[str]
    owner_kind: Mapped[str]
    owner: Mapped[str]
    balance: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    seq: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    frozen_reason: Mapped[str | None]


class Transfer(Base):
    """流水. (credit_account_id, credit_seq) has no gaps; balances are those after the transfer.

    The debit side is numbered too, unless it is an issuer.
    """

    __tablename__ = "transfers"
    __table_args__ = (
        CheckConstraint("amount > 0", name="amount"),
        # Neither before nor after it: no account is below zero, not even within a batch.
        CheckConstraint("credit_balance >= amount AND debit_balance >= 0", name="balances"),
        CheckConstraint("credit_account_id <> debit_account_id", name="two_accounts"),
        CheckConstraint("(debit_seq IS NULL) = (debit_balance IS NULL)", name="debit"),
        CheckConstraint("kind IN ('award')", name="kind"),
        Index(
            "uq_transfers_debit",
            "debit_account_id",
            "debit_seq",
            unique=True,
            postgresql_where=text("debit_seq IS NOT NULL"),
        ),
    )

    credit_account_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    credit_seq: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    credit_balance: Mapped[int] = mapped_column(BigInteger)
    debit_account_id: Mapped[int] = mapped_column(BigInteger)
    debit_seq: Mapped[int | None] = mapped_column(BigInteger)
    debit_balance: Mapped[int | None] = mapped_column(BigInteger)
    asset: Mapped[str]
    amount: Mapped[int] = mapped_column(BigInteger)
    kind: Mapped[str]
    award_id: Mapped[UUID]
    posted_at: Mapped[datetime]


class Award(Base):
    """Why a contribution was credited as it was; it has the id of its contribution."""

    __tablename__ = "awards"
    __table_args__ = (CheckConstraint("kind IN ('activity', 'wish')", name="kind"),)

    award_id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str]
    owner: Mapped[str]
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


class IssuerBalance(Base):
    """The issuer's balance as last reconciled: minus the sum of what it has issued."""

    __tablename__ = "issuer_balances"

    asset: Mapped[str] = mapped_column(primary_key=True)
    balance: Mapped[int] = mapped_column(BigInteger)
    reconciled_at: Mapped[datetime]
