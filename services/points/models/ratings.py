"""Where residents stand on the ladders of stars, since when, and what was noted of ratings."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from services.points.models.base import Base


class StarStanding(Base):
    """How far a resident's entries are counted for a ladder, and what they came to."""

    __tablename__ = "star_standings"
    __table_args__ = ({"postgresql_with": {"fillfactor": "70"}},)

    resident_no: Mapped[str] = mapped_column(primary_key=True)
    ladder: Mapped[str] = mapped_column(primary_key=True)
    ladder_version: Mapped[int]
    minutes_seq: Mapped[int] = mapped_column(BigInteger)
    points_seq: Mapped[int] = mapped_column(BigInteger)
    minutes: Mapped[int] = mapped_column(BigInteger)
    points: Mapped[int] = mapped_column(BigInteger)
    star: Mapped[int]
    told: Mapped[int]
    on_date: Mapped[date]


class StarChange(Base):
    """星级变动: the star at the end of a day, of days on which it changed."""

    __tablename__ = "star_changes"
    __table_args__ = (CheckConstraint("star >= 0", name="star"),)

    resident_no: Mapped[str] = mapped_column(primary_key=True)
    ladder: Mapped[str] = mapped_column(primary_key=True)
    on_date: Mapped[date] = mapped_column(primary_key=True)
    star: Mapped[int]
    minutes: Mapped[int] = mapped_column(BigInteger)
    points: Mapped[int] = mapped_column(BigInteger)
    ladder_version: Mapped[int]


class RatingNote(Base):
    """What was decided about somebody's rating: points back, points off, or a deduction void."""

    __tablename__ = "rating_notes"
    __table_args__ = (
        CheckConstraint("kind IN ('repair', 'deduction', 'void')", name="kind"),
        CheckConstraint("(kind = 'void') = (voids IS NOT NULL)", name="voids"),
        CheckConstraint("points >= 0", name="points"),
        Index("ix_rating_notes_resident_no", "resident_no"),
        Index(
            "uq_rating_notes_voids",
            "voids",
            unique=True,
            postgresql_where=text("voids IS NOT NULL"),
        ),
    )

    # That of the proposal by which it was decided.
    note_id: Mapped[UUID] = mapped_column(
        ForeignKey("proposal_decisions.proposal_id"), primary_key=True
    )
    resident_no: Mapped[str]
    kind: Mapped[str]
    part: Mapped[str]
    points: Mapped[int]
    voids: Mapped[UUID | None] = mapped_column(ForeignKey("rating_notes.note_id"))
    on_date: Mapped[date]
    made_at: Mapped[datetime]
