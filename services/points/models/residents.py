"""What points knows of residents: no name, only where they belong."""

from __future__ import annotations

from sqlalchemy import BigInteger, Index
from sqlalchemy.orm import Mapped, mapped_column

from services.points.models.base import Base


class Resident(Base):
    """Of the newest revision heard."""

    __tablename__ = "residents"
    __table_args__ = (
        Index("ix_residents_household_no", "household_no"),
        Index("ix_residents_community_code", "community_code"),
    )

    resident_no: Mapped[str] = mapped_column(primary_key=True)
    household_no: Mapped[str]
    grid_code: Mapped[str]
    community_code: Mapped[str]
    revision: Mapped[int] = mapped_column(BigInteger)
