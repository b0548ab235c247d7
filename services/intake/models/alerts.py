"""预警响应级别, as it was proclaimed: a history that only grows."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index, desc
from sqlalchemy.orm import Mapped, mapped_column

from services.intake.models.base import Base
from services.intake.models.requests import one_of
from services.intake.rules.alerts import Level


class AlertLevel(Base):
    """Somebody proclaimed a level for an area; the newest of an area is in force there."""

    __tablename__ = "alert_levels"
    __table_args__ = (
        CheckConstraint(one_of("level", Level), name="level"),
        Index("ix_alert_levels_area", "area_code", desc("id")),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    area_code: Mapped[str] = mapped_column(ForeignKey("areas.code"))
    level: Mapped[str]
    since: Mapped[datetime]
    proclaimed_by: Mapped[str]  # an account's number
    basis: Mapped[str]  # the order it rests on
