"""一站式大厅: matters as they were published, times that can be booked, and applications."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from services.intake.models.base import Base
from services.intake.models.requests import one_of
from services.intake.rules.hall import CONSENTS, AppointmentState, HallState


class HallMatter(Base):
    """代办事项, as one version of the catalogue says; never changed, a new version is added.

    `documents` is the checklist, `facts` the codes of what the form asks (rules/hall.py).
    """

    __tablename__ = "hall_matters"
    __table_args__ = (
        CheckConstraint("promised_days BETWEEN 0 AND 250", name="promised_days"),
        CheckConstraint("fee_fen >= 0", name="fee"),
    )

    code: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    group_code: Mapped[str]
    name_zh: Mapped[str]
    name_en: Mapped[str]
    who_zh: Mapped[str]
    who_en: Mapped[str]
    place_zh: Mapped[str]
    place_en: Mapped[str]
    promised_days: Mapped[int]  # working days, from acceptance on
    fee_fen: Mapped[int]
    documents: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    facts: Mapped[list[str]] = mapped_column(JSONB)
    is_offered: Mapped[bool]
    published_at: Mapped[datetime]


class HallSlot(Base):
    """A time at a window. The constraint on `taken` is what no two bookings get past."""

    __tablename__ = "hall_slots"
    __table_args__ = (
        CheckConstraint("taken BETWEEN 0 AND capacity", name="taken"),
        CheckConstraint("ends_at > starts_at", name="span"),
        Index("uq_hall_slots_place_starts_at", "place", "starts_at", unique=True),
        Index("ix_hall_slots_starts_at", "starts_at"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    place: Mapped[str]
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    capacity: Mapped[int]
    taken: Mapped[int]


class HallAppointment(Base):
    """A place in a slot. `remind_at` is when the resident is reminded, once."""

    __tablename__ = "hall_appointments"
    __table_args__ = (
        CheckConstraint(one_of("state", AppointmentState), name="state"),
        Index(
            "uq_hall_appointments_booked",
            "slot_id",
            "resident_no",
            unique=True,
            postgresql_where=text("state = 'booked'"),
        ),
        Index(
            "ix_hall_appointments_remind_at",
            "remind_at",
            postgresql_where=text("state = 'booked' AND reminded_at IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    appointment_no: Mapped[str] = mapped_column(unique=True)
    form_token: Mapped[str] = mapped_column(unique=True)
    slot_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("hall_slots.id"), index=True)
    matter_code: Mapped[str]
    resident_no: Mapped[str] = mapped_column(index=True)
    state: Mapped[str]
    made_by: Mapped[str]
    made_at: Mapped[datetime]
    remind_at: Mapped[datetime]
    reminded_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]


class HallApplication(Base):
    """An application. What was entered is sealed, bound to the public code.

    `agent` is the account that acts for the resident, with how and when consent was given.
    """

    __tablename__ = "hall_applications"
    __table_args__ = (
        CheckConstraint(one_of("state", HallState), name="state"),
        CheckConstraint(one_of("consent_how", CONSENTS), name="consent_how"),
        CheckConstraint(
            "(agent IS NULL) = (consent_how IS NULL) AND (agent IS NULL) = (consent_at IS NULL)",
            name="agent",
        ),
        ForeignKeyConstraint(
            ["matter_code", "matter_version"], ["hall_matters.code", "hall_matters.version"]
        ),
        Index("ix_hall_applications_state", "state", "id"),
        Index(
            "ix_hall_applications_keeping",
            "updated_at",
            postgresql_where=text("state IN ('done', 'refused', 'withdrawn')"),
        ),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    application_no: Mapped[str] = mapped_column(unique=True)
    public_code: Mapped[str] = mapped_column(unique=True)
    form_token: Mapped[str] = mapped_column(unique=True)
    matter_code: Mapped[str]
    matter_version: Mapped[int]
    resident_no: Mapped[str] = mapped_column(index=True)
    state: Mapped[str]
    agent: Mapped[str | None]
    consent_how: Mapped[str | None]
    consent_at: Mapped[datetime | None]
    facts_sealed: Mapped[str]
    applied_at: Mapped[datetime]
    due_on: Mapped[date | None]
    updated_at: Mapped[datetime]
    step_count: Mapped[int]


class HallStep(Base):
    """One step of an application, numbered without gaps; never changed, gone only with it."""

    __tablename__ = "hall_steps"
    __table_args__ = (
        CheckConstraint(one_of("actor_kind", ("account", "resident", "system")), "actor_kind"),
    )

    application_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("hall_applications.id"), primary_key=True
    )
    step_no: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    action: Mapped[str]
    from_state: Mapped[str | None]
    to_state: Mapped[str]
    actor_kind: Mapped[str]
    actor: Mapped[str]


class HallNote(Base):
    """What a person wrote with a step: a reason, what is missing. It may end before the step."""

    __tablename__ = "hall_notes"

    application_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    step_no: Mapped[int] = mapped_column(primary_key=True)
    note: Mapped[str]


class HallDocument(Base):
    """A document that was seen: a tick and how many copies stay here, never its content."""

    __tablename__ = "hall_documents"
    __table_args__ = (CheckConstraint("copies BETWEEN 0 AND 99", name="copies"),)

    application_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("hall_applications.id"), primary_key=True
    )
    document_code: Mapped[str] = mapped_column(primary_key=True)
    copies: Mapped[int]
    seen_by: Mapped[str]
    seen_at: Mapped[datetime]
