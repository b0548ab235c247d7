"""保存期限 of what is no request, from a day on."""

from __future__ import annotations

from datetime import date

from sqlalchemy import CheckConstraint
from sqlalchemy.orm import Mapped, mapped_column

from services.intake.models.base import Base
from services.intake.models.requests import one_of
from services.intake.rules.keeping import SUBJECTS


class KeepingRule(Base):
    """How many days a subject is kept after its end; rows are only added, the newest holds."""

    __tablename__ = "keeping_rules"
    __table_args__ = (
        CheckConstraint(one_of("subject", SUBJECTS), name="subject"),
        CheckConstraint("keep_days BETWEEN 7 AND 36500", name="keep_days"),
    )

    subject: Mapped[str] = mapped_column(primary_key=True)
    starts_on: Mapped[date] = mapped_column(primary_key=True)
    keep_days: Mapped[int]
