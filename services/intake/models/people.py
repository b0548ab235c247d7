"""What the register knows of people besides where they live: consents, roles, who looked."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index, LargeBinary, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from services.intake.models.base import Base

_HOWS = "('paper', 'spoken', 'online')"


class Consent(Base):
    """同意: for one purpose, from when to when; withdrawing ends the row, a new one begins anew."""

    __tablename__ = "consents"
    __table_args__ = (
        CheckConstraint("purpose IN ('register', 'contact', 'share', 'photo')", name="purpose"),
        CheckConstraint(f"how IN {_HOWS} AND withdrawn_how IN {_HOWS}", name="how"),
        CheckConstraint(
            "(withdrawn_at IS NULL) = (withdrawn_by IS NULL)"
            " AND (withdrawn_at IS NULL) = (withdrawn_how IS NULL)",
            name="withdrawn",
        ),
        Index(
            "uq_consents_open",
            "resident_no",
            "purpose",
            unique=True,
            postgresql_where=text("withdrawn_at IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    resident_no: Mapped[str] = mapped_column(ForeignKey("residents.resident_no"), index=True)
    purpose: Mapped[str]
    how: Mapped[str]
    given_at: Mapped[datetime]
    given_by: Mapped[str]  # the account that wrote it down, or the resident's own
    withdrawn_at: Mapped[datetime | None]
    withdrawn_by: Mapped[str | None]
    withdrawn_how: Mapped[str | None]


class ResidentRole(Base):
    """居民身份: what somebody is to the community besides living there."""

    __tablename__ = "resident_roles"
    __table_args__ = (
        CheckConstraint(
            "role IN ('delegate', 'grid_worker', 'party_member', 'volunteer')", name="role"
        ),
        CheckConstraint("until >= since", name="days"),
        Index("ix_resident_roles_role_area", "role", "area_code"),
    )

    resident_no: Mapped[str] = mapped_column(ForeignKey("residents.resident_no"), primary_key=True)
    role: Mapped[str] = mapped_column(primary_key=True)
    area_code: Mapped[str] = mapped_column(ForeignKey("areas.code"))  # where it counts
    since: Mapped[date]
    until: Mapped[date | None]  # the last day of it


class Unmasking(Base):
    """A look at a name or a phone: who, whose, which field, why. Rows are only ever added."""

    __tablename__ = "unmaskings"
    __table_args__ = (CheckConstraint("field IN ('name', 'phone')", name="field"),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    at: Mapped[datetime]
    account_no: Mapped[str] = mapped_column(index=True)
    resident_no: Mapped[str] = mapped_column(index=True)
    field: Mapped[str]
    reason: Mapped[str]


class CensusEntry(Base):
    """A household as entered at its door, once: the same id with other content is refused."""

    __tablename__ = "census_entries"

    client_id: Mapped[UUID] = mapped_column(primary_key=True)
    body_hash: Mapped[bytes] = mapped_column(LargeBinary)
    household_no: Mapped[str] = mapped_column(ForeignKey("households.household_no"), index=True)
    account_no: Mapped[str]
    at: Mapped[datetime]


class RegisterImport(Base):
    """A workbook that was checked; its sealed content goes when it is written, or after a day."""

    __tablename__ = "register_imports"

    import_id: Mapped[UUID] = mapped_column(primary_key=True)
    made_at: Mapped[datetime]
    made_by: Mapped[str]
    row_count: Mapped[int]
    counts: Mapped[dict[str, object]] = mapped_column(JSONB)
    faults: Mapped[list[object]] = mapped_column(JSONB)
    content_sealed: Mapped[str | None]
    written_at: Mapped[datetime | None]
    written_by: Mapped[str | None]
