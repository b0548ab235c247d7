"""Open311: clients' keys, what services ask, what came by this door, and the sandbox."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Identity,
    Index,
    LargeBinary,
    String,
    func,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from services.intake.models.base import Base
from services.intake.models.register import Building
from services.intake.models.requests import Request, one_of
from services.intake.rules.open311.attributes import AUTOMATED, DATATYPES
from services.intake.rules.open311.services import KINDS


class Open311Key(Base):
    """开放接口密钥: who may post. Only the SHA-256 of the key is here; a revoked one stays.

    `minute_count` are the posts since `minute_at`, held to `per_minute`.
    """

    __tablename__ = "open311_keys"
    __table_args__ = (CheckConstraint("per_minute > 0", name="per_minute"),)

    key_no: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    name: Mapped[str]
    key_hash: Mapped[str] = mapped_column(unique=True)
    per_minute: Mapped[int]
    minute_at: Mapped[datetime | None]
    minute_count: Mapped[int]
    posted_count: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[datetime]
    created_by: Mapped[str]
    revoked_at: Mapped[datetime | None]


class Open311Service(Base):
    """What the district set for a service; one without a row is listed and `realtime`."""

    __tablename__ = "open311_services"
    __table_args__ = (CheckConstraint(one_of("kind", KINDS), name="kind"),)

    service_code: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str]
    is_listed: Mapped[bool]
    changed_at: Mapped[datetime]


class Open311Attribute(Base):
    """A question of a service, or of all of them (`*`). `options` is a list of [key, name]."""

    __tablename__ = "open311_attributes"
    __table_args__ = (
        CheckConstraint(one_of("datatype", DATATYPES), name="datatype"),
        CheckConstraint(one_of("automated", AUTOMATED), name="automated"),
    )

    service_code: Mapped[str] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(primary_key=True)
    position: Mapped[int]
    datatype: Mapped[str]
    is_required: Mapped[bool]
    is_variable: Mapped[bool]
    automated: Mapped[str | None]
    description_zh: Mapped[str]
    description_en: Mapped[str]
    datatype_description: Mapped[str | None]
    options: Mapped[list[Any]] = mapped_column(JSONB)
    changed_at: Mapped[datetime]


class Open311Report(Base):
    """What came with a request by this door. Answers are what people wrote: they end with it."""

    __tablename__ = "open311_reports"
    __table_args__ = (Index("ix_open311_reports_key", "key_no", "request_id"),)

    request_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("requests.id"), primary_key=True)
    key_no: Mapped[int] = mapped_column(BigInteger, ForeignKey("open311_keys.key_no"))
    service_code: Mapped[str]
    media_urls: Mapped[list[str]] = mapped_column(ARRAY(String))
    answers: Mapped[dict[str, Any]] = mapped_column(JSONB)
    token: Mapped[str | None] = mapped_column(unique=True)


class Open311Update(Base):
    """An update that a client sent: its id again is the same update."""

    __tablename__ = "open311_updates"

    key_no: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("open311_keys.key_no"), primary_key=True
    )
    update_id: Mapped[str] = mapped_column(primary_key=True)
    public_code: Mapped[str]
    status: Mapped[str]
    received_at: Mapped[datetime]


class Open311Trial(Base):
    """沙箱: a request to the test endpoint. Nobody is sent, and it ends after 30 days.

    Contact data are checked and thrown away.
    """

    __tablename__ = "open311_trials"
    __table_args__ = (
        CheckConstraint("(lat IS NULL) = (lon IS NULL)", name="place"),
        CheckConstraint("status IN ('open', 'closed')", name="status"),
        Index("ix_open311_trials_opened", "opened_at", "public_code"),
    )

    public_code: Mapped[str] = mapped_column(primary_key=True)
    key_no: Mapped[int] = mapped_column(BigInteger, ForeignKey("open311_keys.key_no"))
    client_id: Mapped[str | None] = mapped_column(unique=True)
    body_hash: Mapped[bytes] = mapped_column(LargeBinary)
    service_code: Mapped[str]
    status: Mapped[str]
    extended_status: Mapped[str]
    description: Mapped[str]
    address: Mapped[str | None]
    grid_code: Mapped[str]
    lat: Mapped[float | None]  # WGS84, degrees
    lon: Mapped[float | None]
    media_urls: Mapped[list[str]] = mapped_column(ARRAY(String))
    token: Mapped[str | None] = mapped_column(unique=True)
    opened_at: Mapped[datetime]
    updated_at: Mapped[datetime]


# What anybody may read, newest first, and the building that is nearest to a place.
Index("ix_requests_public", Request.opened_at, Request.id, postgresql_where=Request.is_public)
Index(
    "ix_buildings_point",
    func.point(Building.lon, Building.lat),
    postgresql_using="gist",
    postgresql_where=Building.lat.is_not(None),
)
