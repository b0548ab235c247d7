"""茶摊: a table, some chairs and a notebook; and the paper that goes out and comes back."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from services.intake.models.base import Base


class TeaStall(Base):
    """One sitting: where, when, and who hosts it (an account's number)."""

    __tablename__ = "tea_stalls"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    stall_no: Mapped[str] = mapped_column(unique=True)
    form_token: Mapped[str] = mapped_column(unique=True)  # the same form again is the same sitting
    place: Mapped[str]
    held_on: Mapped[date]
    grid_code: Mapped[str] = mapped_column(ForeignKey("areas.code"))
    host: Mapped[str]
    opened_at: Mapped[datetime]


class TeaStallRequest(Base):
    """A request that was said at a sitting, or the campaign that stands for alike ones."""

    __tablename__ = "tea_stall_requests"

    request_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("requests.id"), primary_key=True)
    stall_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("tea_stalls.id"), index=True)
    is_campaign: Mapped[bool]


class PaperForm(Base):
    """A form that was printed empty; its number is in its QR code and in the request it becomes."""

    __tablename__ = "paper_forms"
    __table_args__ = (CheckConstraint("kind IN ('request', 'tea_stall')", name="kind"),)

    form_no: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str]
    grid_code: Mapped[str | None] = mapped_column(ForeignKey("areas.code"))
    stall_id: Mapped[int | None] = mapped_column(BigInteger, ForeignKey("tea_stalls.id"))
    printed_by: Mapped[str]
    printed_at: Mapped[datetime]


class Scan(Base):
    """A sheet that came back, sealed: people write their names on it. `codes` is what its QR say.

    `scan_no` is the SHA-256 of the file, so that the same file again is the same scan.
    """

    __tablename__ = "scans"
    __table_args__ = (Index("ix_scans_scanned_at", "scanned_at"),)

    scan_no: Mapped[str] = mapped_column(primary_key=True)
    image_sealed: Mapped[str]  # JPEG, bound to scan_no
    codes: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    scanned_by: Mapped[str]
    scanned_at: Mapped[datetime]


class ScanRequest(Base):
    """A scan that belongs to a request."""

    __tablename__ = "scan_requests"

    scan_no: Mapped[str] = mapped_column(ForeignKey("scans.scan_no"), primary_key=True)
    request_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("requests.id"), primary_key=True, index=True
    )
