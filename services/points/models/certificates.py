"""服务证明: certificates of service, the register they are numbered in, and who issues them."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Index,
    SmallInteger,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from services.points.models.base import Base

NOTICE_DAYS_MIN = 7


class CertificateOffice(Base):
    """出具单位: what stands on a community's certificates as issuer; office-holders, no residents."""

    __tablename__ = "certificate_offices"
    __table_args__ = (CheckConstraint("notice_days BETWEEN 7 AND 60", name="notice_days"),)

    community_code: Mapped[str] = mapped_column(primary_key=True)
    issuer: Mapped[str]
    responsible: Mapped[str]
    handler: Mapped[str]
    contact: Mapped[str]
    notice_days: Mapped[int] = mapped_column(SmallInteger)
    changed_by: Mapped[str]
    changed_at: Mapped[datetime]


class CertificateRegister(Base):
    """The last number of a community's year; written with the certificate that takes it."""

    __tablename__ = "certificate_registers"

    community_code: Mapped[str] = mapped_column(primary_key=True)
    year: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    last_serial: Mapped[int]


class Certificate(Base):
    """asked, made (what it counts is fixed), then issued by a second person, or refused.

    Issued, it is in notice until `valid_on` and valid from that day on, unless it is revoked.
    """

    __tablename__ = "certificates"
    __table_args__ = (
        UniqueConstraint("certificate_no"),
        UniqueConstraint("community_code", "year", "serial"),
        UniqueConstraint("code"),
        CheckConstraint("state IN ('asked', 'made', 'issued', 'refused', 'revoked')", name="state"),
        CheckConstraint("from_on <= until_on", name="period"),
        CheckConstraint("checked_by <> made_by", name="four_eyes"),
        CheckConstraint("valid_on - issued_on >= 7", name="notice"),
        CheckConstraint(
            "num_nulls(made_by, made_at, minutes, contents)"
            " = CASE WHEN state = 'asked' THEN 4 WHEN made_by IS NULL THEN 4 ELSE 0 END",
            name="made",
        ),
        CheckConstraint(
            "num_nulls(certificate_no, year, serial, issued_on, valid_on, checked_by, checked_at,"
            " office, made_by) = 0 OR state NOT IN ('issued', 'revoked')",
            name="issued",
        ),
        CheckConstraint(
            "(state IN ('issued', 'revoked')) = (certificate_no IS NOT NULL)", name="numbered"
        ),
        CheckConstraint(
            "(state IN ('refused', 'revoked')) = (ended_reason IS NOT NULL)"
            " AND num_nulls(ended_reason, ended_by, ended_at) IN (0, 3)",
            name="ended",
        ),
        Index("ix_certificates_resident_no", "resident_no"),
        Index("ix_certificates_valid_on", "valid_on", postgresql_where=text("state = 'issued'")),
        Index(
            "ix_certificates_open",
            "asked_at",
            postgresql_where=text("state IN ('asked', 'made')"),
        ),
    )

    certificate_id: Mapped[UUID] = mapped_column(primary_key=True)
    resident_no: Mapped[str]
    community_code: Mapped[str]
    from_on: Mapped[date]
    until_on: Mapped[date]
    notes: Mapped[str]
    state: Mapped[str]
    code: Mapped[str]
    replaces: Mapped[UUID | None] = mapped_column(ForeignKey("certificates.certificate_id"))
    asked_by: Mapped[str]
    asked_at: Mapped[datetime]
    made_by: Mapped[str | None]
    made_at: Mapped[datetime | None]
    minutes: Mapped[int | None] = mapped_column(BigInteger)
    contents: Mapped[list[dict[str, Any]] | None] = mapped_column(JSONB(none_as_null=True))
    checked_by: Mapped[str | None]
    checked_at: Mapped[datetime | None]
    certificate_no: Mapped[str | None]
    year: Mapped[int | None] = mapped_column(SmallInteger)
    serial: Mapped[int | None]
    issued_on: Mapped[date | None]
    valid_on: Mapped[date | None]
    office: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    proof_on: Mapped[date | None]
    proof_root: Mapped[bytes | None]
    ended_by: Mapped[str | None]
    ended_at: Mapped[datetime | None]
    ended_reason: Mapped[str | None]


class CertificateAward(Base):
    """An award that a certificate counts: reversed, it takes the certificate with it."""

    __tablename__ = "certificate_awards"
    __table_args__ = (
        Index("ix_certificate_awards_award_id", "award_id"),
        CheckConstraint("minutes > 0", name="minutes"),
    )

    certificate_id: Mapped[UUID] = mapped_column(
        ForeignKey("certificates.certificate_id"), primary_key=True
    )
    award_id: Mapped[UUID] = mapped_column(primary_key=True)
    minutes: Mapped[int]


class HonourCertificate(Base):
    """荣誉证书: of an honour that was redeemed and collected; written once, never changed."""

    __tablename__ = "honour_certificates"

    redemption_id: Mapped[UUID] = mapped_column(
        ForeignKey("redemptions.redemption_id"), primary_key=True
    )
    certificate_no: Mapped[str] = mapped_column(unique=True)
    code: Mapped[str] = mapped_column(unique=True)
    resident_no: Mapped[str]
    title: Mapped[str]
    issued_on: Mapped[date]
