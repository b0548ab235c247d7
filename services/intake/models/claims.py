"""领单: residents with a duty take a place in what a request needs done.

That nobody is promised to two places at once is held here, by the exclusion of overlapping spans.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Identity,
    Index,
    String,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, TSTZRANGE, ExcludeConstraint, Range
from sqlalchemy.orm import Mapped, mapped_column

from services.intake.models.base import Base


class ResidentSkill(Base):
    """What a resident can do, as staff noted it; who may claim is said by `resident_roles`."""

    __tablename__ = "resident_skills"

    resident_no: Mapped[str] = mapped_column(ForeignKey("residents.resident_no"), primary_key=True)
    skill: Mapped[str] = mapped_column(primary_key=True)
    noted_by: Mapped[str]  # an account's number
    since: Mapped[datetime]


class ClaimOpening(Base):
    """A request's work that may be claimed: how many, what they must be able to do, and when.

    Its row is the lock of everything that is claimed of it.
    """

    __tablename__ = "claim_openings"
    __table_args__ = (
        CheckConstraint("places BETWEEN 1 AND 500", name="places"),
        CheckConstraint("starts_at < ends_at", name="times"),
        CheckConstraint("state IN ('open', 'closed')", name="state"),
        Index("ix_claim_openings_open", "starts_at", postgresql_where=text("state = 'open'")),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    request_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("requests.id"), index=True)
    about: Mapped[str]  # what claimants read; the request itself is not theirs to read
    place: Mapped[str]
    places: Mapped[int]
    skills: Mapped[list[str]] = mapped_column(ARRAY(String))
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    state: Mapped[str]
    opened_by: Mapped[str]
    opened_at: Mapped[datetime]


class Claim(Base):
    """One resident's claim: a place, or a number in the queue for one."""

    __tablename__ = "claims"
    __table_args__ = (
        CheckConstraint("state IN ('holding', 'waiting', 'withdrawn', 'done')", name="state"),
        CheckConstraint("(state = 'done') = (minutes IS NOT NULL)", name="minutes"),
        CheckConstraint("minutes BETWEEN 1 AND 1440", name="minutes_range"),
        ExcludeConstraint(
            ("resident_no", "="),
            ("span", "&&"),
            where=text("state IN ('holding', 'done')"),
            name="ex_claims_one_place_at_once",
            using="gist",
        ),
        Index(
            "uq_claims_live",
            "opening_id",
            "resident_no",
            unique=True,
            postgresql_where=text("state <> 'withdrawn'"),
        ),
        Index("uq_claims_queue", "opening_id", "queue_no", unique=True),
        Index("ix_claims_resident", "resident_no", "id"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    opening_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("claim_openings.id"))
    resident_no: Mapped[str] = mapped_column(ForeignKey("residents.resident_no"))
    state: Mapped[str]
    queue_no: Mapped[int]  # in the order in which they claimed
    span: Mapped[Range[datetime]] = mapped_column(TSTZRANGE)
    minutes: Mapped[int | None]
    claimed_at: Mapped[datetime]
    changed_at: Mapped[datetime]
    confirmed_by: Mapped[str | None]
