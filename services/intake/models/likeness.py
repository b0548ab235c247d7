"""What of requests is compared, and which were found alike."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    ForeignKey,
    Identity,
    Index,
    SmallInteger,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from services.intake.models.base import Base


class RequestPrint(Base):
    """The place and kind of a recent request, kept as long as others are compared with it.

    A table of its own, so that `requests` carries no index for this on the way of the gate.
    """

    __tablename__ = "request_prints"
    __table_args__ = (
        Index("ix_request_prints_waiting", "request_id", postgresql_where=text("NOT is_compared")),
        Index("ix_request_prints_grid", "grid_code", "category", "opened_at"),
        Index(
            "ix_request_prints_place", "category", "lat", postgresql_where=text("lat IS NOT NULL")
        ),
        Index("ix_request_prints_resident", "resident_no", "opened_at"),
        Index("ix_request_prints_opened", "opened_at"),
    )

    request_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("requests.id"), primary_key=True)
    category: Mapped[str]
    grid_code: Mapped[str]
    building_no: Mapped[str | None]
    resident_no: Mapped[str | None]
    lat: Mapped[float | None]
    lon: Mapped[float | None]
    opened_at: Mapped[datetime]
    is_compared: Mapped[bool] = mapped_column(Boolean)


class Likeness(Base):
    """Two requests that look alike; a person decides. `other_id` is the earlier one."""

    __tablename__ = "likenesses"
    __table_args__ = (
        CheckConstraint("other_id < request_id", name="order"),
        CheckConstraint("score BETWEEN 0 AND 100", name="score"),
        CheckConstraint("state IN ('proposed', 'merged', 'apart')", name="state"),
        CheckConstraint("(state = 'proposed') = (decided_by IS NULL)", name="decided"),
        Index("uq_likenesses_pair", "request_id", "other_id", unique=True),
        Index("ix_likenesses_other", "other_id"),
        Index("ix_likenesses_proposed", "id", postgresql_where=text("state = 'proposed'")),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    request_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("requests.id"))
    other_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("requests.id"))
    score: Mapped[int] = mapped_column(SmallInteger)  # of 100
    parts: Mapped[dict[str, Any]] = mapped_column(JSONB)  # what the score is made of
    state: Mapped[str]
    proposed_at: Mapped[datetime]
    decided_by: Mapped[str | None]
    decided_at: Mapped[datetime | None]
