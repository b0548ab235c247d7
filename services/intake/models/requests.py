"""诉求: each request, its history that only grows, and who follows it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index, LargeBinary, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from services.intake.models.base import Base
from services.intake.rules.requests import DOORS, NATURES, TRACKS, URGENCIES
from services.intake.rules.states import State

_IS_OPEN = "ended_at IS NULL AND state <> 'rating'"


def one_of(column: str, values: Iterable[str]) -> str:
    """SQL: the column holds one of the values."""
    listed = ", ".join(f"'{value}'" for value in values)
    return f"{column} IN ({listed})"


class Request(Base):
    """诉求. `request_no` is on its receipt; `public_code`, that nobody guesses, is in addresses.

    `category` is what the door was told; `condition_code` is the catalogue's word for it, once
    somebody (or a rule) has found one. `due_at` is the instant by which it must be resolved.
    """

    __tablename__ = "requests"
    __table_args__ = (
        CheckConstraint(one_of("urgency", URGENCIES), name="urgency"),
        CheckConstraint(one_of("state", State), name="state"),
        CheckConstraint(one_of("door", DOORS), name="door"),
        CheckConstraint(one_of("nature", NATURES), name="nature"),
        CheckConstraint(one_of("track", TRACKS), name="track"),
        CheckConstraint("(lat IS NULL) = (lon IS NULL)", name="place"),
        CheckConstraint("(state = 'merged') = (merged_into IS NOT NULL)", name="merged"),
        Index("ix_requests_opened", "opened_at", "id"),
        Index("ix_requests_accepted", "accepted_at", "id"),
        Index("uq_requests_door_client", "door", "client_id", unique=True),
        Index("ix_requests_untriaged", "id", postgresql_where=text("state = 'submitted'")),
        Index("ix_requests_pending", "id", postgresql_where=text("state = 'pending'")),
        Index(
            "ix_requests_dispatched",
            "unit_code",
            "id",
            postgresql_where=text("state = 'dispatched'"),
        ),
        Index("ix_requests_unit_due", "unit_code", "due_at"),
        # Lists, the newest first, by what most people ask for
        Index("ix_requests_open", "opened_at", "id", postgresql_where=text(_IS_OPEN)),
        Index("ix_requests_open_due", "due_at", "id", postgresql_where=text(_IS_OPEN)),
        Index("ix_requests_unit_opened", "unit_code", "opened_at", "id"),
        Index("ix_requests_grid_opened", "grid_code", "opened_at", "id"),
        Index("ix_requests_category_opened", "category", "opened_at", "id"),
        Index("ix_requests_state_opened", "state", "opened_at", "id"),
        Index(
            "ix_requests_urgency_opened",
            "urgency",
            "opened_at",
            "id",
            postgresql_where=text("urgency <> 'normal'"),
        ),
        Index(
            "ix_requests_keeping",
            "state",
            "ended_at",
            postgresql_where=text("ended_at IS NOT NULL AND anonymised_at IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    request_no: Mapped[str] = mapped_column(unique=True)
    public_code: Mapped[str] = mapped_column(unique=True)
    state: Mapped[str]
    door: Mapped[str]
    # The door's own id of it: the same id again is the same request
    client_id: Mapped[str | None]
    body_hash: Mapped[bytes | None] = mapped_column(LargeBinary)
    partner: Mapped[str | None]
    source_event_id: Mapped[str | None]
    resident_no: Mapped[str | None] = mapped_column(index=True)
    title: Mapped[str]
    description: Mapped[str]
    category: Mapped[str]
    condition_code: Mapped[str | None]
    catalogue_version: Mapped[int | None]
    nature: Mapped[str]
    track: Mapped[str | None]
    scene: Mapped[str | None]
    grid_code: Mapped[str]
    building_no: Mapped[str | None]
    address: Mapped[str | None]
    lat: Mapped[float | None]  # WGS84, degrees
    lon: Mapped[float | None]
    urgency: Mapped[str]
    is_public: Mapped[bool]
    unit_code: Mapped[str | None] = mapped_column(ForeignKey("units.unit_code"))
    handler: Mapped[str | None]  # an account's number
    first_handler: Mapped[str | None]
    returned_count: Mapped[int]
    reopened_count: Mapped[int]
    outcome: Mapped[str | None]  # the handler's word; the resident's is apart
    merged_into: Mapped[int | None] = mapped_column(BigInteger, ForeignKey("requests.id"))
    due_at: Mapped[datetime | None]
    opened_at: Mapped[datetime]
    accepted_at: Mapped[datetime]
    resolved_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    anonymised_at: Mapped[datetime | None]  # when what was personal in it was forgotten
    updated_at: Mapped[datetime]
    step_count: Mapped[int]


class RequestStep(Base):
    """One step of a request's history, numbered without gaps; never changed, never deleted.

    `facts` holds codes and numbers only. What people wrote is in `step_notes`, which may end.
    """

    __tablename__ = "request_steps"
    __table_args__ = (
        CheckConstraint(
            one_of("actor_kind", ("account", "resident", "partner", "visitor", "system")),
            name="actor_kind",
        ),
        Index("ix_request_steps_at", "at", postgresql_using="brin"),
    )

    request_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("requests.id"), primary_key=True)
    step_no: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    action: Mapped[str]
    from_state: Mapped[str | None]
    to_state: Mapped[str]
    actor_kind: Mapped[str]
    actor: Mapped[str]
    facts: Mapped[dict[str, Any]] = mapped_column(JSONB)
    rule_version: Mapped[str | None]  # such as "catalogue 3"


class StepNote(Base):
    """What a person wrote with a step; it ends with the request's retention."""

    __tablename__ = "step_notes"

    request_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    step_no: Mapped[int] = mapped_column(primary_key=True)
    note: Mapped[str]


class RequestContact(Base):
    """Who asked, where the register does not know them: sealed, bound to the public code."""

    __tablename__ = "request_contacts"

    request_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("requests.id"), primary_key=True)
    sealed: Mapped[str]
    phone_index: Mapped[bytes | None] = mapped_column(LargeBinary, index=True)


class Follower(Base):
    """A resident who hears what becomes of a request, beside the one who asked."""

    __tablename__ = "followers"

    request_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("requests.id"), primary_key=True)
    resident_no: Mapped[str] = mapped_column(primary_key=True, index=True)
    # The request that brought the follower here, when one was merged or grouped into another
    because_of: Mapped[int | None] = mapped_column(BigInteger)
    since: Mapped[datetime]
