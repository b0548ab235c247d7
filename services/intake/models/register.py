"""The district's register. Names and phones are encrypted by field; look-up is by blind index."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, LargeBinary, SmallInteger
from sqlalchemy.orm import Mapped, mapped_column

from services.intake.models.base import Base


class Area(Base):
    """district, street, community or grid; codes are the district's own."""

    __tablename__ = "areas"
    __table_args__ = (
        CheckConstraint("kind IN ('district', 'street', 'community', 'grid')", name="kind"),
    )

    code: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str]
    name: Mapped[str]
    parent_code: Mapped[str | None] = mapped_column(ForeignKey("areas.code"), index=True)


class Household(Base):
    """户: the people of one home."""

    __tablename__ = "households"

    household_no: Mapped[str] = mapped_column(primary_key=True)
    grid_code: Mapped[str] = mapped_column(ForeignKey("areas.code"), index=True)


class Resident(Base):
    """居民. `revision` grows with each change, so that hearers can tell newer from older."""

    __tablename__ = "residents"
    __table_args__ = (CheckConstraint("language IN ('zh', 'en')", name="language"),)

    resident_no: Mapped[str] = mapped_column(primary_key=True)
    household_no: Mapped[str] = mapped_column(ForeignKey("households.household_no"), index=True)
    name_sealed: Mapped[str]
    phone_sealed: Mapped[str | None]
    phone_index: Mapped[bytes | None] = mapped_column(LargeBinary, index=True)
    birth_year: Mapped[int | None] = mapped_column(SmallInteger)
    grid_code: Mapped[str] = mapped_column(ForeignKey("areas.code"), index=True)
    language: Mapped[str]
    revision: Mapped[int]
    registered_at: Mapped[datetime]
