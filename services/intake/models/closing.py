"""照片、附件和评单: what proves that something was done, and what the resident says of it."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from services.intake.models.base import Base
from services.intake.models.requests import one_of
from services.intake.rules.closing import PHOTO_KINDS, SATISFIED, SOLVED, VERDICT_WAYS


class Photo(Base):
    """A photo of a request, made anew when it came. Rows are added, and end with retention.

    `sha256` is of what was sent; `likeness` is the perceptual hash, `bands` four parts of it by
    which alike ones are found.
    """

    __tablename__ = "photos"
    __table_args__ = (
        CheckConstraint(one_of("kind", PHOTO_KINDS), name="kind"),
        UniqueConstraint("request_id", "kind", "sha256", name="uq_photos_sent"),
        Index("ix_photos_bands", "bands", postgresql_using="gin"),
        Index("ix_photos_sha256", "sha256"),
    )

    photo_id: Mapped[UUID] = mapped_column(primary_key=True)
    request_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("requests.id"))
    kind: Mapped[str]
    round: Mapped[int]  # how often the request had been reopened when it came
    sha256: Mapped[bytes] = mapped_column(LargeBinary)
    likeness: Mapped[int] = mapped_column(BigInteger)
    bands: Mapped[list[int]] = mapped_column(ARRAY(Integer))
    is_blank: Mapped[bool]
    width: Mapped[int]
    height: Mapped[int]
    uploaded_at: Mapped[datetime]
    uploaded_by_kind: Mapped[str]
    uploaded_by: Mapped[str]


class PhotoBytes(Base):
    """The pictures themselves, apart from what lists read.

    They are in the database on purpose: a photo and its row become true in one transaction, one
    backup holds both, and retention deletes both. At 1600 px a photo has some 300 kB.
    """

    __tablename__ = "photo_bytes"

    photo_id: Mapped[UUID] = mapped_column(ForeignKey("photos.photo_id"), primary_key=True)
    jpeg: Mapped[bytes] = mapped_column(LargeBinary)
    thumb: Mapped[bytes] = mapped_column(LargeBinary)


class PhotoOrigin(Base):
    """When and where the camera says it stood; never changed, kept apart from the photo."""

    __tablename__ = "photo_origins"
    __table_args__ = (CheckConstraint("(lat IS NULL) = (lon IS NULL)", name="place"),)

    photo_id: Mapped[UUID] = mapped_column(ForeignKey("photos.photo_id"), primary_key=True)
    taken_at: Mapped[datetime | None]
    lat: Mapped[float | None]  # WGS84, degrees
    lon: Mapped[float | None]
    said_by: Mapped[str]  # "camera" (EXIF) or "sender" (the page that sent it)


class Attachment(Base):
    """A document of a request; given out as a download only. Here for the reasons of photos."""

    __tablename__ = "attachments"
    __table_args__ = (UniqueConstraint("request_id", "sha256", name="uq_attachments_sent"),)

    attachment_id: Mapped[UUID] = mapped_column(primary_key=True)
    request_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("requests.id"))
    name: Mapped[str]
    sha256: Mapped[bytes] = mapped_column(LargeBinary)
    content: Mapped[bytes] = mapped_column(LargeBinary)
    uploaded_at: Mapped[datetime]
    uploaded_by_kind: Mapped[str]
    uploaded_by: Mapped[str]


class VerdictLink(Base):
    """A link asked of one resident for one round; only the digest of its token is kept.

    It is used once; `used_at` says when.
    """

    __tablename__ = "verdict_links"
    __table_args__ = (
        Index("ix_verdict_links_request", "request_id", "round"),
        Index("ix_verdict_links_over", text("LEAST(expires_at, used_at)")),
    )

    token_hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    request_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("requests.id"))
    round: Mapped[int]
    resident_no: Mapped[str]
    made_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class ResidentVerdict(Base):
    """评单: the resident's own word on one round of a request; added once, never changed.

    The handler's word is `requests.outcome`; neither ever touches the other.
    """

    __tablename__ = "resident_verdicts"
    __table_args__ = (
        CheckConstraint(one_of("solved", SOLVED), name="solved"),
        CheckConstraint(one_of("satisfied", SATISFIED), name="satisfied"),
        CheckConstraint(one_of("way", VERDICT_WAYS), name="way"),
        # Law: who calls back is named, and nobody else can have taken the answer
        CheckConstraint("(way = 'call_back') = (taken_by IS NOT NULL)", name="taken_by"),
        Index("ix_resident_verdicts_at", "at"),
    )

    request_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("requests.id"), primary_key=True)
    round: Mapped[int] = mapped_column(primary_key=True)
    solved: Mapped[str]
    satisfied: Mapped[str | None]
    way: Mapped[str]
    taken_by: Mapped[str | None]  # the account that called back
    at: Mapped[datetime]


class VerdictWords(Base):
    """What the resident added in words; it ends with the request's retention."""

    __tablename__ = "verdict_words"

    request_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    round: Mapped[int] = mapped_column(primary_key=True)
    words: Mapped[str]


class VerdictWait(Base):
    """A round that waits for the resident: a row with its due time, gone when it is over.

    `stage` is `asked` until the window ends, then `call_back` for those of the sample; a call-back
    that nobody reached by its own due time ends the wait too.
    """

    __tablename__ = "verdict_waits"
    __table_args__ = (
        CheckConstraint(one_of("stage", ("asked", "call_back")), name="stage"),
        CheckConstraint("(stage = 'call_back') = (why IS NOT NULL)", name="why"),
        Index("ix_verdict_waits_due", "stage", "due_at"),
    )

    request_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("requests.id"), primary_key=True)
    round: Mapped[int]
    stage: Mapped[str]
    due_at: Mapped[datetime]
    tries: Mapped[int]
    why: Mapped[str | None]  # why it is called back: sample, complaint


class ClosingTerms(Base):
    """How residents are asked and called back, as data; the newest `valid_from` that has begun."""

    __tablename__ = "closing_terms"
    __table_args__ = (
        CheckConstraint("sample_percent BETWEEN 0 AND 100", name="sample_percent"),
        CheckConstraint(
            "window_days > 0 AND link_days >= window_days AND call_back_days > 0", name="days"
        ),
    )

    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    valid_from: Mapped[datetime]
    link_days: Mapped[int]
    window_days: Mapped[int]
    sample_percent: Mapped[int]
    sample_natures: Mapped[list[str]] = mapped_column(ARRAY(Text))  # all of these are called back
    call_back_days: Mapped[int]


class StepTaken(Base):
    """A form's own id of the step it asked for: the same form twice is one step."""

    __tablename__ = "steps_taken"

    client_id: Mapped[str] = mapped_column(primary_key=True)
    request_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("requests.id"), index=True)
    body_hash: Mapped[bytes] = mapped_column(LargeBinary)
    step_no: Mapped[int]
    at: Mapped[datetime]
