"""The tables of notify. Only `address_book` holds personal data, and only encrypted."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    DateTime,
    ForeignKey,
    Index,
    LargeBinary,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from services.notify.rules import Channel, Kind, State
from shared.db.base import new_metadata
from shared.messaging import tables as messaging_tables

metadata = new_metadata()


class Base(DeclarativeBase):
    """Base of notify's tables."""

    metadata = metadata
    type_annotation_map: ClassVar = {
        str: Text,
        datetime: DateTime(timezone=True),
        dict[str, Any]: JSONB,
    }


messaging = messaging_tables.define(metadata)


def _one_of(column: str, words: type[Kind | Channel | State]) -> CheckConstraint:
    listed = ", ".join(f"'{word}'" for word in words)
    return CheckConstraint(f"{column} IN ({listed})", name=column)


class Address(Base):
    """How a resident is reached. `revision` is intake's: the greater is the newer."""

    __tablename__ = "address_book"
    __table_args__ = (
        CheckConstraint("(phone IS NULL) = (phone_index IS NULL)", name="phone_index"),
        CheckConstraint("language IN ('zh', 'en')", name="language"),
        Index("ix_address_book_phone_index", "phone_index"),
    )

    resident_no: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str | None]  # sealed by NOTIFY_FIELD_KEY for this resident_no
    phone: Mapped[str | None]  # likewise
    phone_index: Mapped[bytes | None] = mapped_column(LargeBinary)
    language: Mapped[str]
    revision: Mapped[int] = mapped_column(BigInteger)
    updated_at: Mapped[datetime]


class Template(Base):
    """One text of one version. A version is the whole set of languages and channels of a kind."""

    __tablename__ = "templates"
    __table_args__ = (
        UniqueConstraint("kind", "version", "channel", "language"),
        CheckConstraint("version > 0", name="version"),
        CheckConstraint("language IN ('zh', 'en')", name="language"),
        CheckConstraint("(channel = 'sms') = (provider_code IS NOT NULL)", name="provider_code"),
        _one_of("kind", Kind),
        _one_of("channel", Channel),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str]
    language: Mapped[str]
    channel: Mapped[str]
    version: Mapped[int]
    body: Mapped[str]
    # the vendor sends only texts that it approved, each under a code of its own
    provider_code: Mapped[str | None]
    active_from: Mapped[datetime]


class Notice(Base):
    """A row of a resident's inbox: what was said is the pinned template and these params."""

    __tablename__ = "notices"
    __table_args__ = (
        UniqueConstraint("event_id"),
        Index("ix_notices_resident_no_id", "resident_no", "id"),
        _one_of("kind", Kind),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    resident_no: Mapped[str]
    kind: Mapped[str]
    template_version: Mapped[int]
    params: Mapped[dict[str, Any]]
    event_id: Mapped[UUID]
    accepted_at: Mapped[datetime]
    created_at: Mapped[datetime]
    read_at: Mapped[datetime | None]


class Delivery(Base):
    """One notice on one outside channel, and how far it got."""

    __tablename__ = "deliveries"
    __table_args__ = (
        UniqueConstraint("notice_id", "channel"),
        _one_of("channel", Channel),
        _one_of("state", State),
        CheckConstraint(
            "(state IN ('pending', 'sending')) = (next_attempt_at IS NOT NULL)",
            name="next_attempt_at",
        ),
        CheckConstraint("state <> 'delivered' OR delivered_at IS NOT NULL", name="delivered_at"),
        Index(
            "ix_deliveries_due",
            "next_attempt_at",
            postgresql_where=text("state IN ('pending', 'sending')"),
        ),
        Index(
            "ix_deliveries_provider_ref",
            "provider_ref",
            postgresql_where=text("provider_ref IS NOT NULL"),
        ),
        Index("ix_deliveries_state_id", "state", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    notice_id: Mapped[UUID] = mapped_column(ForeignKey("notices.id"))
    channel: Mapped[str]
    state: Mapped[str]
    attempts: Mapped[int]  # calls of the vendor
    waits: Mapped[int]  # times the address was looked for in vain
    next_attempt_at: Mapped[datetime | None]  # while sending: when the lease runs out
    queued_until: Mapped[datetime | None]  # a task message is believed to be on its way
    provider_ref: Mapped[str | None]
    last_error: Mapped[str | None]
    created_at: Mapped[datetime]
    sent_at: Mapped[datetime | None]
    delivered_at: Mapped[datetime | None]
