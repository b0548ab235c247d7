"""The ledger. A transfer is double entry in one row: it debits one account and credits another.

So every asset sums to zero by construction. Rows of `transfers` and `documents` are only ever
added. An account's balance and number of transfers, and what is left of its lots, are kept by the
database itself (the trigger of migration 0001), which refuses a transfer that does not continue
its account: no writer can skip a number, forge a balance or touch one directly.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Identity,
    Index,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from services.points.models.base import Base


class Account(Base):
    """One asset of one owner. An issuer's balance is not kept here: it is the negated sum.

    Of a resident, `pending` is what a public notice still shows, and `held` what is put aside for
    redemptions that are not collected yet; neither can be spent.
    """

    __tablename__ = "accounts"
    __table_args__ = (
        UniqueConstraint("owner", "owner_kind", "asset"),
        CheckConstraint(
            "asset IN ('points', 'service_minutes', 'partner_contribution', 'honour_points',"
            " 'time_coins')",
            name="asset",
        ),
        CheckConstraint(
            "owner_kind IN ('resident', 'pending', 'held', 'partner', 'pool', 'escrow', 'issuer')",
            name="owner_kind",
        ),
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
    """流水. (account, its number) has no gaps; balances are those after the transfer.

    Either side is numbered, unless it is an issuer. Assets that are kept in lots name the lot,
    which is the same on both sides: points keep their expiry and their source wherever they go.
    """

    __tablename__ = "transfers"
    __table_args__ = (
        UniqueConstraint("credit_account_id", "credit_seq"),
        CheckConstraint("amount > 0", name="amount"),
        # Neither before nor after it: no account is below zero, not even within a batch.
        CheckConstraint("credit_balance >= amount AND debit_balance >= 0", name="balances"),
        CheckConstraint("credit_account_id <> debit_account_id", name="two_accounts"),
        CheckConstraint("(credit_seq IS NULL) = (credit_balance IS NULL)", name="credit"),
        CheckConstraint("(debit_seq IS NULL) = (debit_balance IS NULL)", name="debit"),
        CheckConstraint("coalesce(credit_seq, debit_seq) IS NOT NULL", name="one_numbered"),
        CheckConstraint(
            "(asset IN ('points', 'time_coins')) = (expires_on IS NOT NULL)"
            " AND (expires_on IS NULL) = (source_id IS NULL)",
            name="lot",
        ),
        CheckConstraint(
            "kind IN ('award', 'posting', 'hold', 'redemption', 'release', 'expiry', 'reversal',"
            " 'adjustment', 'import', 'conversion', 'gift', 'transfer_out', 'transfer_in')",
            name="kind",
        ),
        # Service and honours are counted, never spent; only a mistake is taken back.
        CheckConstraint(
            "asset NOT IN ('service_minutes', 'honour_points') OR debit_seq IS NULL"
            " OR kind IN ('reversal', 'adjustment')",
            name="never_spent",
        ),
        Index(
            "uq_transfers_debit",
            "debit_account_id",
            "debit_seq",
            unique=True,
            postgresql_where=text("debit_seq IS NOT NULL"),
        ),
        Index("ix_transfers_posted_at", "posted_at", postgresql_using="brin"),
        # Awards are the many; an award's transfers are found through its owner's accounts.
        Index(
            "ix_transfers_document_id",
            "document_id",
            postgresql_where=text("kind <> 'award'"),
        ),
    )
    # For the mapper alone: a side that is an issuer has no number.
    __mapper_args__ = {  # noqa: RUF012 - SQLAlchemy's name
        "primary_key": ["document_id", "credit_account_id", "debit_account_id", "source_id"]
    }

    credit_account_id: Mapped[int] = mapped_column(BigInteger)
    credit_seq: Mapped[int | None] = mapped_column(BigInteger)
    credit_balance: Mapped[int | None] = mapped_column(BigInteger)
    debit_account_id: Mapped[int] = mapped_column(BigInteger)
    debit_seq: Mapped[int | None] = mapped_column(BigInteger)
    debit_balance: Mapped[int | None] = mapped_column(BigInteger)
    asset: Mapped[str]
    amount: Mapped[int] = mapped_column(BigInteger)
    kind: Mapped[str]
    document_id: Mapped[UUID]
    expires_on: Mapped[date | None]
    source_id: Mapped[int | None]
    posted_at: Mapped[datetime]


class Lot(Base):
    """批次: what an account still has of one source that ends on one day, the last it is good."""

    __tablename__ = "lots"
    __table_args__ = (
        CheckConstraint("remaining >= 0", name="remaining"),
        # Not only of those with something left: then each change would touch the index.
        Index("ix_lots_expires_on", "expires_on"),
        {"postgresql_with": {"fillfactor": "50"}},
    )

    account_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    expires_on: Mapped[date] = mapped_column(primary_key=True)
    source_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    remaining: Mapped[int] = mapped_column(BigInteger)


class LotSource(Base):
    """Where points came from: the programme that awarded them, and the partner who reported."""

    __tablename__ = "lot_sources"
    __table_args__ = (UniqueConstraint("programme", "partner"),)

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    programme: Mapped[str]
    partner: Mapped[str]


class Document(Base):
    """凭证: why transfers that are no awards were made, and by whom.

    What moves points by somebody's decision alone has a second person's name.
    """

    __tablename__ = "documents"
    __table_args__ = (
        CheckConstraint("checked_by <> made_by", name="four_eyes"),
        CheckConstraint(
            "kind NOT IN ('adjustment', 'import', 'reversal') OR checked_by IS NOT NULL",
            name="checked",
        ),
    )

    document_id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str]
    on_date: Mapped[date]
    made_by: Mapped[str]
    checked_by: Mapped[str | None]
    facts: Mapped[dict[str, Any]] = mapped_column(JSONB)
    made_at: Mapped[datetime]


class IssuerBalance(Base):
    """The issuer's balance as last reconciled: minus the sum of what it has issued."""

    __tablename__ = "issuer_balances"

    asset: Mapped[str] = mapped_column(primary_key=True)
    balance: Mapped[int] = mapped_column(BigInteger)
    reconciled_at: Mapped[datetime]
