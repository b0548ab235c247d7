"""微心愿: what a resident wishes, its history that only grows, and who undertook to fulfil it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from services.intake.models.base import Base
from services.intake.models.requests import one_of
from services.intake.rules.wishes import COLOURS, GIVERS, OUTCOMES, PROOFS, State


class WishLimit(Base):
    """What wishes of a colour may cost (whole fen) and how long a claim lasts, from a day on."""

    __tablename__ = "wish_limits"
    __table_args__ = (
        CheckConstraint(one_of("colour", COLOURS), name="colour"),
        CheckConstraint("cost_fen >= 0 AND days BETWEEN 1 AND 90", name="limits"),
    )

    colour: Mapped[str] = mapped_column(primary_key=True)
    valid_from: Mapped[datetime] = mapped_column(primary_key=True)
    cost_fen: Mapped[int]
    days: Mapped[int]
    set_by: Mapped[str]  # an account's number; "" for what the site began with


class Wish(Base):
    """One wish. `wish_code` is public; `wall_text` is all that the public reads of it."""

    __tablename__ = "wishes"
    __table_args__ = (
        CheckConstraint(one_of("colour", COLOURS), name="colour"),
        CheckConstraint(one_of("state", State), name="state"),
        CheckConstraint(f"proof IS NULL OR {one_of('proof', PROOFS)}", name="proof"),
        CheckConstraint("published_at IS NULL OR consented_at IS NOT NULL", name="consent"),
        CheckConstraint("(state = 'claimed') = (claim_ends_at IS NOT NULL)", name="claimed"),
        Index("ix_wishes_wall", "state", "published_at", "id"),
        Index(
            "ix_wishes_claim_ends",
            "claim_ends_at",
            postgresql_where=text("claim_ends_at IS NOT NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    wish_code: Mapped[str] = mapped_column(unique=True)
    state: Mapped[str]
    colour: Mapped[str]
    resident_no: Mapped[str] = mapped_column(ForeignKey("residents.resident_no"), index=True)
    wall_text: Mapped[str]
    detail: Mapped[str]  # for those who fulfil it; never on the wall
    cost_fen: Mapped[int]
    consented_at: Mapped[datetime]
    registered_at: Mapped[datetime]
    registered_by: Mapped[str]  # "resident" or an account's number
    verified_by: Mapped[str | None]
    published_at: Mapped[datetime | None]
    claim_ends_at: Mapped[datetime | None]
    delivered_at: Mapped[datetime | None]
    proof: Mapped[str | None]
    thanks: Mapped[str | None]
    thanks_shown_at: Mapped[datetime | None]
    step_count: Mapped[int]


class WishClaim(Base):
    """Somebody undertook to fulfil a wish. One claim of a wish is open, whoever races."""

    __tablename__ = "wish_claims"
    __table_args__ = (
        CheckConstraint(one_of("giver_kind", GIVERS), name="giver_kind"),
        CheckConstraint(f"outcome IS NULL OR {one_of('outcome', OUTCOMES)}", name="outcome"),
        CheckConstraint("(ended_at IS NULL) = (outcome IS NULL)", name="ended"),
        Index(
            "uq_wish_claims_open",
            "wish_id",
            unique=True,
            postgresql_where=text("ended_at IS NULL"),
        ),
        Index("ix_wish_claims_giver", "giver_kind", "giver", "claimed_at"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    wish_id: Mapped[int | None] = mapped_column(BigInteger, ForeignKey("wishes.id"), index=True)
    wish_code: Mapped[str]  # as it was given, also when there is no such wish
    giver_kind: Mapped[str]
    giver: Mapped[str]  # a resident's number, an account's, or a partner's slug
    claimed_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    outcome: Mapped[str | None]


class WishStep(Base):
    """One step of a wish's history, numbered without gaps; never changed, never deleted."""

    __tablename__ = "wish_steps"
    __table_args__ = (
        CheckConstraint(
            one_of("actor_kind", ("account", "resident", "partner", "visitor", "system")),
            name="actor_kind",
        ),
    )

    wish_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("wishes.id"), primary_key=True)
    step_no: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    action: Mapped[str]
    from_state: Mapped[str | None]
    to_state: Mapped[str]
    actor_kind: Mapped[str]
    actor: Mapped[str]
    facts: Mapped[dict[str, Any]] = mapped_column(JSONB)


class WishPicture(Base):
    """The proof of a delivery: re-encoded, without what a camera adds."""

    __tablename__ = "wish_pictures"

    wish_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("wishes.id"), primary_key=True)
    picture: Mapped[bytes]
    taken_by: Mapped[str]
    kept_at: Mapped[datetime]
