"""Units that handle requests, and who works in them."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from services.intake.models.base import Base


class Unit(Base):
    """承办单位: who may own a request. The one fallback of an area owns what nobody else does."""

    __tablename__ = "units"
    __table_args__ = (
        CheckConstraint("kind IN ('desk', 'department', 'village', 'team', 'outside')", "kind"),
        Index(
            "uq_units_fallback",
            "area_code",
            unique=True,
            postgresql_where=text("is_fallback AND is_active"),
        ),
    )

    unit_code: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str]
    name: Mapped[str]
    name_en: Mapped[str]
    area_code: Mapped[str] = mapped_column(ForeignKey("areas.code"))  # what it answers for
    parent_code: Mapped[str | None] = mapped_column(ForeignKey("units.unit_code"))
    is_fallback: Mapped[bool]
    is_active: Mapped[bool]


class Post(Base):
    """An account's duty in a unit: one account may have several."""

    __tablename__ = "posts"
    __table_args__ = (
        CheckConstraint(
            "duty IN ('clerk', 'dispatcher', 'handler', 'checker', 'head', 'secretary')",
            name="duty",
        ),
    )

    account_no: Mapped[str] = mapped_column(ForeignKey("accounts.account_no"), primary_key=True)
    unit_code: Mapped[str] = mapped_column(
        ForeignKey("units.unit_code"), primary_key=True, index=True
    )
    duty: Mapped[str] = mapped_column(primary_key=True)
    since: Mapped[datetime]
