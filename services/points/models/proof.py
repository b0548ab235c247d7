"""封存: entries sealed in a chain of blocks for each community, and the roots that are printed.

Rows of the first four tables are only ever added, also by the application's own role. What an
account has sealed is what its ranges say: they follow each other without a gap, as its numbers do.
"""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import BigInteger, CheckConstraint, Identity, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from services.points.models.base import Base


class SealedBlock(Base):
    """Entries of one community that were sealed together.

    `leaves` holds the hash of each entry (32 bytes each), so that a changed entry can be named.
    """

    __tablename__ = "sealed_blocks"
    __table_args__ = (
        UniqueConstraint("community", "height"),
        CheckConstraint("height > 0 AND entry_count > 0", name="numbers"),
        CheckConstraint(
            "length(leaves) = 32 * entry_count AND length(root) = 32 AND length(before) = 32"
            " AND length(hash) = 32",
            name="hashes",
        ),
        Index("ix_sealed_blocks_sealed_on", "sealed_on", "community", "height"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    community: Mapped[str]
    height: Mapped[int] = mapped_column(BigInteger)
    sealed_on: Mapped[date]
    sealed_at: Mapped[datetime]
    entry_count: Mapped[int]
    leaves: Mapped[bytes]
    root: Mapped[bytes]
    before: Mapped[bytes]
    hash: Mapped[bytes]


class SealedRange(Base):
    """Which entries of an account a block holds, and at which of its places the first one is."""

    __tablename__ = "sealed_ranges"
    __table_args__ = (
        UniqueConstraint("block_id", "place"),
        CheckConstraint("first_seq BETWEEN 1 AND last_seq AND place >= 0", name="numbers"),
    )

    account_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    last_seq: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    first_seq: Mapped[int] = mapped_column(BigInteger)
    block_id: Mapped[int] = mapped_column(BigInteger)
    place: Mapped[int]


class ProofDay(Base):
    """The root of a community's day: over the blocks sealed on it. This one is printed."""

    __tablename__ = "proof_days"
    __table_args__ = (
        CheckConstraint("first_height BETWEEN 1 AND last_height", name="heights"),
        CheckConstraint("length(blocks_root) = 32 AND length(root) = 32", name="hashes"),
        Index("ix_proof_days_on_date", "on_date"),
    )

    community: Mapped[str] = mapped_column(primary_key=True)
    on_date: Mapped[date] = mapped_column(primary_key=True)
    first_height: Mapped[int] = mapped_column(BigInteger)
    last_height: Mapped[int] = mapped_column(BigInteger)
    entry_count: Mapped[int] = mapped_column(BigInteger)
    blocks_root: Mapped[bytes]
    root: Mapped[bytes]


class ProofRoot(Base):
    """The district's root of a day: over the roots of its communities."""

    __tablename__ = "proof_roots"
    __table_args__ = (CheckConstraint("length(root) = 32", name="hash"),)

    on_date: Mapped[date] = mapped_column(primary_key=True)
    community_count: Mapped[int]
    root: Mapped[bytes]


class SealingState(Base):
    """Where the sealer looks next for entries: a hint, which may be lost without harm."""

    __tablename__ = "sealing_state"
    __table_args__ = (CheckConstraint("id = 1", name="one"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    page: Mapped[int] = mapped_column(BigInteger)
    swept_to: Mapped[int] = mapped_column(BigInteger)
    swept_at: Mapped[datetime | None]


class ProofPass(Base):
    """One verification of the whole chain, a part at a time."""

    __tablename__ = "proof_passes"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    started_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
    checked_to: Mapped[int] = mapped_column(BigInteger)
    days_to: Mapped[date | None]
    entry_count: Mapped[int] = mapped_column(BigInteger)


class ProofBreak(Base):
    """What a verification found: of one entry, of an account, or of a block."""

    __tablename__ = "proof_breaks"
    __table_args__ = (Index("ix_proof_breaks_pass_id", "pass_id"),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    pass_id: Mapped[int] = mapped_column(BigInteger)
    what: Mapped[str]
    community: Mapped[str | None]
    height: Mapped[int | None] = mapped_column(BigInteger)
    account_id: Mapped[int | None] = mapped_column(BigInteger)
    seq: Mapped[int | None] = mapped_column(BigInteger)
    found_at: Mapped[datetime]
