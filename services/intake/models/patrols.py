"""巡查: routes, spots, how often each is seen, visits, missed ones, shifts and their hand-over."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Identity,
    Index,
    LargeBinary,
    desc,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from services.intake.models.base import Base
from services.intake.models.requests import one_of
from services.intake.rules.alerts import Level
from services.intake.rules.patrols import ALARM_CAUSES, KINDS


class PatrolInterval(Base):
    """How often spots of a kind are seen under a level, from an instant on; site configuration.

    `applied_at` is when the due list was made to follow it; None while it lies ahead.
    """

    __tablename__ = "patrol_intervals"
    __table_args__ = (
        CheckConstraint(one_of("level", Level), name="level"),
        CheckConstraint(one_of("kind", KINDS), name="kind"),
        CheckConstraint("minutes BETWEEN 5 AND 44640", name="minutes"),
        Index(
            "ix_patrol_intervals_ahead", "valid_from", postgresql_where=text("applied_at IS NULL")
        ),
    )

    kind: Mapped[str] = mapped_column(primary_key=True)
    level: Mapped[str] = mapped_column(primary_key=True)
    valid_from: Mapped[datetime] = mapped_column(primary_key=True)
    minutes: Mapped[int]
    set_by: Mapped[str]  # an account's number; "" for what the site began with
    applied_at: Mapped[datetime | None]


class PatrolRoute(Base):
    """A round of spots, walked in their order."""

    __tablename__ = "patrol_routes"

    route_code: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    area_code: Mapped[str] = mapped_column(ForeignKey("areas.code"))
    is_active: Mapped[bool]


class PatrolSpot(Base):
    """A place to be seen; `spot_code` is on its QR sign. Checks and readings: rules/patrols.py."""

    __tablename__ = "patrol_spots"
    __table_args__ = (
        CheckConstraint(one_of("kind", KINDS), name="kind"),
        CheckConstraint("(lat IS NULL) = (lon IS NULL)", name="place"),
    )

    spot_code: Mapped[str] = mapped_column(primary_key=True)
    route_code: Mapped[str] = mapped_column(ForeignKey("patrol_routes.route_code"), index=True)
    position: Mapped[int]
    name: Mapped[str]
    kind: Mapped[str]
    grid_code: Mapped[str] = mapped_column(ForeignKey("areas.code"))
    address: Mapped[str]
    lat: Mapped[float | None]  # WGS84, degrees
    lon: Mapped[float | None]
    checks: Mapped[list[Any]] = mapped_column(JSONB)
    readings: Mapped[list[Any]] = mapped_column(JSONB)
    category: Mapped[str]  # of the requests that its readings open
    is_active: Mapped[bool]


class PatrolDue(Base):
    """When an active spot must be seen next, and when its absence is told.

    `counted_from` is the newest visit, or when the spot came to be. `alarm_at` is `due_at`, and
    goes on by one interval with each alarm, so that each missed visit is told once.
    """

    __tablename__ = "patrol_dues"
    __table_args__ = (
        CheckConstraint(one_of("level", Level), name="level"),
        CheckConstraint(one_of("alarm_cause", ALARM_CAUSES), name="cause"),
        Index("ix_patrol_dues_due", "due_at"),
        Index("ix_patrol_dues_alarm", "alarm_at"),
    )

    spot_code: Mapped[str] = mapped_column(ForeignKey("patrol_spots.spot_code"), primary_key=True)
    level: Mapped[str]
    minutes: Mapped[int]
    counted_from: Mapped[datetime]
    last_visit_at: Mapped[datetime | None]
    due_at: Mapped[datetime]
    alarm_at: Mapped[datetime]
    alarm_cause: Mapped[str]


class PatrolVisit(Base):
    """A spot was seen. `visited_at` is the phone's time, `received_at` ours."""

    __tablename__ = "patrol_visits"
    __table_args__ = (Index("ix_patrol_visits_spot", "spot_code", desc("visited_at")),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    client_id: Mapped[str] = mapped_column(unique=True)
    body_hash: Mapped[bytes] = mapped_column(LargeBinary)
    spot_code: Mapped[str] = mapped_column(ForeignKey("patrol_spots.spot_code"))
    visited_at: Mapped[datetime]
    received_at: Mapped[datetime]
    visited_by: Mapped[str]  # an account's number
    checks: Mapped[dict[str, Any]] = mapped_column(JSONB)
    readings: Mapped[dict[str, Any]] = mapped_column(JSONB)
    note: Mapped[str]
    request_id: Mapped[int | None] = mapped_column(BigInteger, ForeignKey("requests.id"))


class PatrolAlarm(Base):
    """A visit was missed: one row for each that was due."""

    __tablename__ = "patrol_alarms"
    __table_args__ = (
        CheckConstraint(one_of("cause", ALARM_CAUSES), name="cause"),
        Index("uq_patrol_alarms_due", "spot_code", "due_at", unique=True),
        Index(
            "ix_patrol_alarms_open",
            "raised_at",
            postgresql_where=text("settled_at IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    spot_code: Mapped[str] = mapped_column(ForeignKey("patrol_spots.spot_code"))
    due_at: Mapped[datetime]
    level: Mapped[str]
    cause: Mapped[str]
    raised_at: Mapped[datetime]
    acknowledged_at: Mapped[datetime | None]
    acknowledged_by: Mapped[str | None]
    settled_at: Mapped[datetime | None]  # when the visit came that ended it


class PatrolShift(Base):
    """Who is on duty in an area. It ends when the next has taken over, not by the clock."""

    __tablename__ = "patrol_shifts"
    __table_args__ = (
        CheckConstraint("starts_at < ends_at", name="times"),
        CheckConstraint("relieved_at IS NULL OR begun_at IS NOT NULL", name="begun"),
        Index(
            "uq_patrol_shifts_on_duty",
            "area_code",
            unique=True,
            postgresql_where=text("begun_at IS NOT NULL AND relieved_at IS NULL"),
        ),
        Index("ix_patrol_shifts_starts", "starts_at"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    area_code: Mapped[str] = mapped_column(ForeignKey("areas.code"))
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    head: Mapped[str] = mapped_column(ForeignKey("accounts.account_no"))
    begun_at: Mapped[datetime | None]
    relieved_at: Mapped[datetime | None]


class PatrolShiftMember(Base):
    """An account that serves in a shift; the head is one of them."""

    __tablename__ = "patrol_shift_members"

    shift_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("patrol_shifts.id"), primary_key=True
    )
    account_no: Mapped[str] = mapped_column(ForeignKey("accounts.account_no"), primary_key=True)


class PatrolHandover(Base):
    """What one shift leaves to the next: its notes and the alarms that were open then."""

    __tablename__ = "patrol_handovers"
    __table_args__ = (
        CheckConstraint("from_shift <> to_shift", name="shifts"),
        Index(
            "uq_patrol_handovers_open",
            "from_shift",
            unique=True,
            postgresql_where=text("acknowledged_at IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    from_shift: Mapped[int] = mapped_column(BigInteger, ForeignKey("patrol_shifts.id"))
    to_shift: Mapped[int] = mapped_column(BigInteger, ForeignKey("patrol_shifts.id"))
    notes: Mapped[str]
    alarms: Mapped[list[Any]] = mapped_column(JSONB)  # numbers of those that were open
    handed_at: Mapped[datetime]
    handed_by: Mapped[str]
    acknowledged_at: Mapped[datetime | None]
    acknowledged_by: Mapped[str | None]
