"""看板与隐私: facts for the board, its terms and exclusions; what is kept how long, and given out."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    SmallInteger,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from services.intake.models.base import Base
from services.intake.models.requests import one_of
from services.intake.rules.exclusions import REASONS
from services.intake.rules.states import ENDED, State


class RequestFact(Base):
    """What a request's history says for the board: read off the history again after each step.

    Where it is and what it is about come from the request. `case_id` (the first request of its
    case) and `has_place` are noted once, when it is new: they outlive what is forgotten later.
    """

    __tablename__ = "request_facts"
    __table_args__ = (
        CheckConstraint(one_of("state", State), name="state"),
        Index("ix_request_facts_received", "received_on", "request_id"),
    )

    request_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("requests.id"), primary_key=True)
    step_count: Mapped[int]
    received_at: Mapped[datetime]
    received_on: Mapped[date]  # the district's day
    street_code: Mapped[str | None]
    community_code: Mapped[str | None]
    unit_code: Mapped[str | None]
    category: Mapped[str]  # the catalogue's code, or the door's word before there is one
    case_id: Mapped[int] = mapped_column(BigInteger)
    has_place: Mapped[bool]
    state: Mapped[str]
    dispatched_at: Mapped[datetime | None]
    accepted_at: Mapped[datetime | None]
    contacted_at: Mapped[datetime | None]
    resolved_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    accept_due_at: Mapped[datetime | None]
    contact_due_at: Mapped[datetime | None]
    due_at: Mapped[datetime | None]
    resolve_count: Mapped[int] = mapped_column(SmallInteger)
    returned_count: Mapped[int] = mapped_column(SmallInteger)
    rework_count: Mapped[int] = mapped_column(SmallInteger)
    solved: Mapped[str | None]
    satisfied: Mapped[str | None]
    is_excluded: Mapped[bool]


class FactDue(Base):
    """A request whose facts must be read anew: a trigger notes it with each step."""

    __tablename__ = "facts_due"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    request_id: Mapped[int] = mapped_column(BigInteger)


class BoardTerms(Base):
    """评价口径: the weights from a day on, in percent. Two people decide; rows are only added."""

    __tablename__ = "board_terms"
    __table_args__ = (
        CheckConstraint(
            "partly_percent BETWEEN 0 AND 100 AND basically_percent BETWEEN 0 AND 100"
            " AND response_weight BETWEEN 0 AND 100 AND resolution_weight BETWEEN 0 AND 100"
            " AND satisfaction_weight BETWEEN 0 AND 100"
            " AND response_weight + resolution_weight + satisfaction_weight = 100"
            " AND hidden_below BETWEEN 2 AND 100",
            name="percent",
        ),
        CheckConstraint("proposed_by <> approved_by", name="two_people"),
    )

    starts_on: Mapped[date] = mapped_column(primary_key=True)
    partly_percent: Mapped[int] = mapped_column(SmallInteger)
    basically_percent: Mapped[int] = mapped_column(SmallInteger)
    response_weight: Mapped[int] = mapped_column(SmallInteger)
    resolution_weight: Mapped[int] = mapped_column(SmallInteger)
    satisfaction_weight: Mapped[int] = mapped_column(SmallInteger)
    hidden_below: Mapped[int] = mapped_column(SmallInteger)
    proposed_by: Mapped[str]
    approved_by: Mapped[str | None]


class BoardGroup(Base):
    """Subjects that may be ranked with each other: communities, or units of one kind."""

    __tablename__ = "board_groups"
    __table_args__ = (CheckConstraint("subject IN ('community', 'unit')", name="subject"),)

    group_code: Mapped[str] = mapped_column(primary_key=True)
    subject: Mapped[str]
    unit_kind: Mapped[str | None] = mapped_column(unique=True)  # its members by default
    name: Mapped[str]
    name_en: Mapped[str]
    place: Mapped[int] = mapped_column(SmallInteger)  # the order on the board
    is_ranked: Mapped[bool]


class BoardMember(Base):
    """A subject that belongs to another group than its kind says, such as an old town's."""

    __tablename__ = "board_members"
    __table_args__ = (CheckConstraint("subject IN ('community', 'unit')", name="subject"),)

    subject: Mapped[str] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(primary_key=True)
    group_code: Mapped[str] = mapped_column(ForeignKey("board_groups.group_code"))


class BoardExclusion(Base):
    """剔除: a request that shall not count in rates, for a reason, by two people; always listed."""

    __tablename__ = "board_exclusions"
    __table_args__ = (
        CheckConstraint(one_of("reason", REASONS), name="reason"),
        CheckConstraint("state IN ('proposed', 'approved', 'refused')", name="state"),
        CheckConstraint("(state = 'proposed') = (decided_by IS NULL)", name="decided"),
        CheckConstraint("decided_by <> proposed_by", name="two_people"),
        Index(
            "uq_board_exclusions_request",
            "request_id",
            unique=True,
            postgresql_where=text("state <> 'refused'"),
        ),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    request_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("requests.id"), index=True)
    reason: Mapped[str]
    state: Mapped[str]
    proposed_by: Mapped[str]
    proposed_at: Mapped[datetime]
    decided_by: Mapped[str | None]
    decided_at: Mapped[datetime | None]


class ExclusionWords(Base):
    """Why, in words; they end with the request's retention, the reason's code does not."""

    __tablename__ = "exclusion_words"
    __table_args__ = (
        ForeignKeyConstraint(["exclusion_id"], ["board_exclusions.id"], ondelete="CASCADE"),
    )

    exclusion_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    words: Mapped[str]


class RetentionRule(Base):
    """How many days after its end a request keeps what is personal, by state, from a day on."""

    __tablename__ = "retention_rules"
    __table_args__ = (
        CheckConstraint(one_of("state", sorted(ENDED)), name="state"),
        CheckConstraint("keep_days BETWEEN 30 AND 36500", name="keep_days"),
    )

    state: Mapped[str] = mapped_column(primary_key=True)
    starts_on: Mapped[date] = mapped_column(primary_key=True)
    keep_days: Mapped[int]


class PersonExport(Base):
    """A copy of all that is held of one resident was given out: to whom, and why. Only added."""

    __tablename__ = "person_exports"
    __table_args__ = (
        CheckConstraint("form IN ('page', 'json', 'pdf')", name="form"),
        Index("ix_person_exports_at", "at", "id"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    at: Mapped[datetime]
    account_no: Mapped[str]
    resident_no: Mapped[str]
    form: Mapped[str]
    reason: Mapped[str | None]  # None when the resident asked
