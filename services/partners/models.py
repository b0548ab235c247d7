"""Organisations, agreements, keys, contribution. A row says what shall be, the broker follows."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from shared.db.base import new_metadata
from shared.messaging import tables

metadata = new_metadata()


class Base(DeclarativeBase):
    """All instants are stored with their zone."""

    metadata = metadata
    type_annotation_map = {str: Text, datetime: DateTime(timezone=True)}  # noqa: RUF012


messaging = tables.define(metadata)


class Organisation(Base):
    """合伙人. `status` is what the district was last told, by an event with `revision`.

    `activating`: somebody asked for it to be active, and the broker has yet to agree. Secrets are
    kept as hashes only. `broker_problem` is why the broker does not agree, in both languages.
    """

    __tablename__ = "organisations"
    __table_args__ = (
        CheckConstraint("slug ~ '^[a-z0-9-]{2,40}$'", name="slug"),
        CheckConstraint(
            "kind IN ('enterprise', 'volunteer_team', 'government', 'merchant', 'talent', 'other')",
            name="kind",
        ),
        CheckConstraint("status IN ('active', 'suspended', 'revoked')", name="status"),
        CheckConstraint("NOT activating OR status = 'suspended'", name="activating"),
        CheckConstraint("revision >= 0", name="revision"),
        CheckConstraint("per_minute >= 0 AND per_day >= 0", name="quota"),
    )

    slug: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    kind: Mapped[str]
    system: Mapped[str]
    status: Mapped[str]
    reason: Mapped[str | None]
    activating: Mapped[bool]
    revision: Mapped[int] = mapped_column(BigInteger)
    per_minute: Mapped[int]
    per_day: Mapped[int]
    amqp_password_hash: Mapped[str]
    # Somebody asked that connections opened with the old password be cut.
    cut_wanted: Mapped[bool]
    broker_problem: Mapped[str | None]
    broker_checked_at: Mapped[datetime | None]
    registered_at: Mapped[datetime]


class Agreement(Base):
    """合作意向书. The one without `superseded_at` is in force; the others are history."""

    __tablename__ = "agreements"
    __table_args__ = (
        CheckConstraint("valid_from <= valid_to", name="dates"),
        CheckConstraint("cardinality(event_types) <= 64", name="event_types"),
        Index(
            "uq_agreements_in_force",
            "slug",
            unique=True,
            postgresql_where=text("superseded_at IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    slug: Mapped[str] = mapped_column(ForeignKey("organisations.slug"), index=True)
    no: Mapped[str]
    valid_from: Mapped[date]
    valid_to: Mapped[date]
    event_types: Mapped[list[str]] = mapped_column(ARRAY(Text))
    agreed_at: Mapped[datetime]
    superseded_at: Mapped[datetime | None]


class ApiKey(Base):
    """SHA-256 of a key for the HTTP door. Two slots: so there are never more than two in use."""

    __tablename__ = "api_keys"
    __table_args__ = (
        CheckConstraint("slot IN (1, 2)", name="slot"),
        Index(
            "uq_api_keys_in_use",
            "slug",
            "slot",
            unique=True,
            postgresql_where=text("revoked_at IS NULL"),
        ),
        Index("ix_api_keys_expiring", "expires_at", postgresql_where=text("revoked_at IS NULL")),
    )

    key_hash: Mapped[str] = mapped_column(primary_key=True)
    slug: Mapped[str] = mapped_column(ForeignKey("organisations.slug"))
    slot: Mapped[int]
    # The last characters, by which people tell two keys apart.
    hint: Mapped[str]
    created_at: Mapped[datetime]
    # The end of the overlap after a rotation.
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class Change(Base):
    """Who did what to an organisation, and why; only ever added to."""

    __tablename__ = "changes"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    slug: Mapped[str] = mapped_column(ForeignKey("organisations.slug"), index=True)
    at: Mapped[datetime]
    by: Mapped[str]
    verb: Mapped[str]
    detail: Mapped[str | None]


class ContributionEntry(Base):
    """One credit to a partner's contribution account, as points said it; only ever added to."""

    __tablename__ = "contribution_entries"
    __table_args__ = (
        CheckConstraint("points >= 0", name="points"),
        Index("ix_contribution_entries_newest", "slug", "credited_at"),
    )

    award_id: Mapped[UUID] = mapped_column(primary_key=True)
    slug: Mapped[str] = mapped_column(ForeignKey("organisations.slug"))
    points: Mapped[int] = mapped_column(BigInteger)
    wish_code: Mapped[str]
    colour: Mapped[str]
    credited_at: Mapped[datetime]


class Contribution(Base):
    """贡献值: the sum of an organisation's entries, kept with them in one transaction."""

    __tablename__ = "contributions"
    __table_args__ = (CheckConstraint("points >= 0 AND entries >= 0", name="total"),)

    slug: Mapped[str] = mapped_column(ForeignKey("organisations.slug"), primary_key=True)
    points: Mapped[int] = mapped_column(BigInteger)
    entries: Mapped[int] = mapped_column(BigInteger)
    credited_at: Mapped[datetime]


class Redemption(Base):
    """兑换 that a partner hands out, as points says it; whose it is stays in points."""

    __tablename__ = "redemptions"
    __table_args__ = (
        CheckConstraint("state IN ('held', 'collected', 'released')", name="state"),
        CheckConstraint("quantity > 0", name="quantity"),
        Index("ix_redemptions_newest", "slug", "told_at"),
    )

    redemption_no: Mapped[str] = mapped_column(primary_key=True)
    slug: Mapped[str]
    reward: Mapped[str]
    quantity: Mapped[int]
    state: Mapped[str]
    # Known once the holding was heard of.
    due_at: Mapped[datetime | None]
    told_at: Mapped[datetime]


class RefusedClaim(Base):
    """A claim of a partner that points did not accept, and why; only ever added to."""

    __tablename__ = "refused_claims"
    __table_args__ = (Index("ix_refused_claims_newest", "slug", "refused_at"),)

    claim_id: Mapped[UUID] = mapped_column(primary_key=True)
    slug: Mapped[str]
    source_event_id: Mapped[str]
    reason: Mapped[str]
    redemption_no: Mapped[str | None]
    refused_at: Mapped[datetime]
