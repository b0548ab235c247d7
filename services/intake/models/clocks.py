"""The working calendar, office hours, the clocks of requests, and their extensions."""

from __future__ import annotations

from datetime import date, datetime, time
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from services.intake.models.base import Base
from services.intake.models.requests import one_of
from services.intake.rules.catalogue import Clock, Unit

_RUNNING = "stopped_at IS NULL AND frozen_at IS NULL"


class CalendarDay(Base):
    """A day of the district's working calendar, with its name when it is a holiday."""

    __tablename__ = "calendar_days"
    __table_args__ = (CheckConstraint("kind IN ('workday', 'rest', 'holiday')", name="kind"),)

    day: Mapped[date] = mapped_column(primary_key=True)
    kind: Mapped[str]
    name_zh: Mapped[str]
    name_en: Mapped[str]


class OfficeHours(Base):
    """From `opens` to `closes` offices are open on a workday, from `valid_from` on.

    The rows of one `valid_from` replace all those of the one before.
    """

    __tablename__ = "office_hours"
    __table_args__ = (CheckConstraint("opens < closes", name="span"),)

    valid_from: Mapped[date] = mapped_column(primary_key=True)
    opens: Mapped[time] = mapped_column(primary_key=True)
    closes: Mapped[time]


class CalendarLoad(Base):
    """Who changed calendar or hours, and a digest of both as they were then."""

    __tablename__ = "calendar_loads"

    load_no: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    loaded_by: Mapped[str]
    loaded_at: Mapped[datetime]
    first_day: Mapped[date]
    last_day: Mapped[date]
    digest: Mapped[str]


class RequestClock(Base):
    """One run of one clock of a request; `due_at` is stored with its explanation.

    Times are counted in seconds of what the unit counts: `total_s` from start to due, `used_s`
    until `counts_from`, since when it runs. `met` is null while it runs and when it was called off.
    """

    __tablename__ = "request_clocks"
    __table_args__ = (
        CheckConstraint(one_of("kind", Clock), name="kind"),
        CheckConstraint(one_of("unit", Unit), name="unit"),
        CheckConstraint("amount > 0 AND total_s >= 0 AND used_s >= 0", name="amounts"),
        CheckConstraint("met IS NULL OR stopped_at IS NOT NULL", name="met"),
        Index(
            "uq_request_clocks_open",
            "request_id",
            "kind",
            unique=True,
            postgresql_where=text("stopped_at IS NULL"),
        ),
        Index("ix_request_clocks_step", "next_step_at", postgresql_where=text(_RUNNING)),
        Index("ix_request_clocks_due", "unit_code", "due_at", postgresql_where=text(_RUNNING)),
        Index("ix_request_clocks_late", "kind", "due_at", postgresql_where=text(_RUNNING)),
    )

    request_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("requests.id"), primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    run: Mapped[int] = mapped_column(primary_key=True)
    unit_code: Mapped[str | None]
    amount: Mapped[int]
    unit: Mapped[str]
    total_s: Mapped[int]
    used_s: Mapped[int]
    started_at: Mapped[datetime]
    counts_from: Mapped[datetime]
    due_at: Mapped[datetime]
    frozen_at: Mapped[datetime | None]
    stopped_at: Mapped[datetime | None]
    met: Mapped[bool | None]
    steps_done: Mapped[int]
    next_step_at: Mapped[datetime | None]
    explanation: Mapped[dict[str, Any]] = mapped_column(JSONB)
    rule_version: Mapped[str]


class Extension(Base):
    """延期: asked once for a clock, before it is due, and decided by somebody else."""

    __tablename__ = "extensions"
    __table_args__ = (
        CheckConstraint("decided_by <> asked_by", name="second_person"),
        CheckConstraint("(decided_by IS NULL) = (decided_at IS NULL)", name="decided"),
        CheckConstraint("(is_granted IS NULL) = (decided_at IS NULL)", name="granted"),
        CheckConstraint("amount > 0", name="amount"),
        Index(
            "uq_extensions_request",
            "request_id",
            unique=True,
            postgresql_where=text("is_granted IS NOT FALSE"),
        ),
        Index("ix_extensions_waiting", "extension_no", postgresql_where=text("is_granted IS NULL")),
    )

    extension_no: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    request_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("requests.id"), index=True)
    kind: Mapped[str]
    run: Mapped[int]
    amount: Mapped[int]  # of the clock's unit
    asked_by: Mapped[str]
    asked_at: Mapped[datetime]
    decided_by: Mapped[str | None]
    decided_at: Mapped[datetime | None]
    is_granted: Mapped[bool | None]
