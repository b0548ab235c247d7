"""集中整治: a drive against something in an area, its items, their pictures and re-inspections."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import (
    ARRAY,
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Identity,
    Index,
    Integer,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from services.intake.models.base import Base
from services.intake.models.requests import one_of
from services.intake.rules.rectification import KINDS, Action, State


class Rectification(Base):
    """A drive: what, where, from when to when, who answers for it, when items are seen again."""

    __tablename__ = "rectifications"
    __table_args__ = (CheckConstraint("starts_on <= ends_on", name="days"),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    title: Mapped[str]
    area_code: Mapped[str] = mapped_column(ForeignKey("areas.code"))
    unit_code: Mapped[str] = mapped_column(ForeignKey("units.unit_code"))
    starts_on: Mapped[date]
    ends_on: Mapped[date]
    recheck_days: Mapped[list[int]] = mapped_column(ARRAY(Integer))
    made_by: Mapped[str]
    made_at: Mapped[datetime]


class RectificationItem(Base):
    """One thing to be put right at one place. `recurred_count`: how often it came back."""

    __tablename__ = "rectification_items"
    __table_args__ = (
        CheckConstraint(one_of("state", State), name="state"),
        Index("ix_rectification_items_of", "rectification_id", "id"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    rectification_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("rectifications.id"))
    what: Mapped[str]
    place: Mapped[str]
    grid_code: Mapped[str] = mapped_column(ForeignKey("areas.code"))
    state: Mapped[str]
    found_at: Mapped[datetime]
    fixed_by: Mapped[str | None]
    fixed_at: Mapped[datetime | None]
    checked_by: Mapped[str | None]
    good_at: Mapped[datetime | None]
    recurred_count: Mapped[int]
    step_count: Mapped[int]


class RectificationStep(Base):
    """One step of an item's history; never changed, never deleted."""

    __tablename__ = "rectification_steps"
    __table_args__ = (CheckConstraint(one_of("action", Action), name="action"),)

    item_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("rectification_items.id"), primary_key=True
    )
    step_no: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    action: Mapped[str]
    to_state: Mapped[str]
    by: Mapped[str]  # an account's number
    note: Mapped[str]


class RectificationPicture(Base):
    """What an item looked like: re-encoded, without what a camera adds."""

    __tablename__ = "rectification_pictures"
    __table_args__ = (CheckConstraint(one_of("kind", KINDS), name="kind"),)

    item_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    step_no: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str]
    picture: Mapped[bytes]


class Reinspection(Base):
    """Somebody is to look again on a day; each day of an item once per time it was good."""

    __tablename__ = "reinspections"
    __table_args__ = (
        CheckConstraint(
            "outcome IS NULL OR outcome IN ('good', 'recurred', 'dropped')", name="outcome"
        ),
        CheckConstraint("(outcome IS NULL) = (done_at IS NULL)", name="done"),
        Index(
            "uq_reinspections_open",
            "item_id",
            "due_on",
            unique=True,
            postgresql_where=text("done_at IS NULL"),
        ),
        Index("ix_reinspections_due", "due_on", postgresql_where=text("done_at IS NULL")),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    item_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("rectification_items.id"))
    due_on: Mapped[date]
    done_at: Mapped[datetime | None]
    done_by: Mapped[str | None]
    outcome: Mapped[str | None]
