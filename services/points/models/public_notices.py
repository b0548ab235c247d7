"""公示: notices, the awards they show, and what somebody objects to.

That no line is posted before its notice has ended, and that nobody decides alone, is held here:
a line repeats the times of its notice and an objection the notice's maker, tied by foreign keys,
so that plain checks can compare them. Triggers of migration 0003 hold the rest: which state may
follow which, and that a resident's pending points are exactly the lines nobody has decided.
"""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    SmallInteger,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from services.points.models.base import Base


class PublicNotice(Base):
    """A notice of one community's awards of a period. `closed_at`: every line is decided."""

    __tablename__ = "public_notices"
    __table_args__ = (
        UniqueConstraint("notice_no"),
        UniqueConstraint("notice_id", "published_at", "ends_at"),
        UniqueConstraint("notice_id", "made_by"),
        CheckConstraint("first_day <= last_day", name="period"),
        CheckConstraint(
            "days >= 1 AND ends_at - published_at >= days * interval '24 hours'", name="days"
        ),
        CheckConstraint("line_count > 0 AND points > 0", name="lines"),
        CheckConstraint("closed_at >= ends_at", name="closed"),
        Index("ix_public_notices_open", "ends_at", postgresql_where=text("closed_at IS NULL")),
        Index("ix_public_notices_published_at", "published_at"),
    )

    notice_id: Mapped[UUID] = mapped_column(primary_key=True)
    notice_no: Mapped[str]
    community_code: Mapped[str]
    first_day: Mapped[date]
    last_day: Mapped[date]
    days: Mapped[int] = mapped_column(SmallInteger)
    published_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    made_by: Mapped[str]
    line_count: Mapped[int]
    points: Mapped[int] = mapped_column(BigInteger)
    closed_at: Mapped[datetime | None]


class PublicNoticeLine(Base):
    """An award whose points are pending: from the credit until it is posted or reversed."""

    __tablename__ = "public_notice_lines"
    __table_args__ = (
        UniqueConstraint("award_id", "notice_id"),
        UniqueConstraint("notice_id", "line_no"),
        ForeignKeyConstraint(
            ["notice_id", "published_at", "ends_at"],
            ["public_notices.notice_id", "public_notices.published_at", "public_notices.ends_at"],
            name="fk_public_notice_lines_notice",
        ),
        CheckConstraint("points > 0 AND days >= 1", name="amounts"),
        CheckConstraint(
            "state IN ('waiting', 'shown', 'disputed', 'posted', 'reversed')", name="state"
        ),
        CheckConstraint(
            "num_nulls(notice_id, line_no, published_at, ends_at) IN (0, 4)"
            " AND (state <> 'waiting' OR notice_id IS NULL)"
            " AND (state IN ('waiting', 'reversed') OR notice_id IS NOT NULL)",
            name="notice",
        ),
        CheckConstraint("ends_at - published_at >= days * interval '24 hours'", name="days"),
        CheckConstraint(
            "(state = 'posted') = (posted_at IS NOT NULL)"
            " AND (posted_at IS NULL OR posted_at >= ends_at)",
            name="posted",
        ),
        CheckConstraint("(state = 'reversed') = (document_id IS NOT NULL)", name="reversed"),
        Index(
            "ix_public_notice_lines_waiting",
            "community_code",
            "on_date",
            postgresql_where=text("state = 'waiting'"),
        ),
        Index(
            "ix_public_notice_lines_undecided",
            "resident_no",
            postgresql_where=text("state IN ('waiting', 'shown', 'disputed')"),
        ),
        Index(
            "ix_public_notice_lines_due",
            "notice_id",
            "resident_no",
            postgresql_where=text("state IN ('shown', 'disputed')"),
        ),
    )

    award_id: Mapped[UUID] = mapped_column(primary_key=True)
    resident_no: Mapped[str]
    community_code: Mapped[str]
    on_date: Mapped[date]
    points: Mapped[int]
    expires_on: Mapped[date]
    source_id: Mapped[int]
    days: Mapped[int] = mapped_column(SmallInteger)
    state: Mapped[str]
    listed_at: Mapped[datetime]
    notice_id: Mapped[UUID | None]
    line_no: Mapped[int | None]
    published_at: Mapped[datetime | None]
    ends_at: Mapped[datetime | None]
    posted_at: Mapped[datetime | None]
    document_id: Mapped[UUID | None] = mapped_column(ForeignKey("documents.document_id"))


class Objection(Base):
    """异议: why somebody doubts a line; never shown to the public. Decided by a third person."""

    __tablename__ = "objections"
    __table_args__ = (
        ForeignKeyConstraint(
            ["award_id", "notice_id"],
            ["public_notice_lines.award_id", "public_notice_lines.notice_id"],
            name="fk_objections_line",
        ),
        ForeignKeyConstraint(
            ["notice_id", "made_by"],
            ["public_notices.notice_id", "public_notices.made_by"],
            name="fk_objections_notice",
        ),
        CheckConstraint(
            "reason IN ('not_done', 'wrong_amount', 'wrong_person', 'twice', 'other')",
            name="reason",
        ),
        CheckConstraint("outcome IN ('dismissed', 'upheld')", name="outcome"),
        CheckConstraint(
            "num_nulls(outcome, decision, decided_by, decided_at) IN (0, 4)", name="decided"
        ),
        CheckConstraint("decided_by <> raised_by AND decided_by <> made_by", name="four_eyes"),
        Index(
            "uq_objections_once",
            "award_id",
            "raised_by",
            unique=True,
            postgresql_where=text("raised_role <> 'staff' OR decided_at IS NULL"),
        ),
        Index("ix_objections_open", "raised_at", postgresql_where=text("decided_at IS NULL")),
    )

    objection_id: Mapped[UUID] = mapped_column(primary_key=True)
    award_id: Mapped[UUID]
    notice_id: Mapped[UUID]
    made_by: Mapped[str]
    reason: Mapped[str]
    text: Mapped[str]
    raised_by: Mapped[str]
    raised_role: Mapped[str]
    raised_at: Mapped[datetime]
    outcome: Mapped[str | None]
    decision: Mapped[str | None]
    decided_by: Mapped[str | None]
    decided_at: Mapped[datetime | None]
