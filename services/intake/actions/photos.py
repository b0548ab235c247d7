"""Photos and documents of a request come in: made anew, hashed, kept with where they were taken."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select, text

from services.intake.models import Attachment, Photo, PhotoBytes, PhotoOrigin, Request
from services.intake.rules import pictures
from services.intake.rules.closing import PHOTO_KINDS
from services.intake.rules.states import Actor
from shared import clock
from shared.errors import Missing, Rejected
from shared.ids import uuid7
from shared.messaging.transaction import Transaction

PHOTOS_MAX = 30  # of one request
ATTACHMENTS_MAX = 10
ATTACHMENT_BYTES_MAX = 5 * 1024 * 1024
CLOCKS_DIFFER = timedelta(minutes=10)  # how far a telephone's clock may be ahead of ours

_COUNTS: Mapping[type[Photo | Attachment], int] = {Photo: PHOTOS_MAX, Attachment: ATTACHMENTS_MAX}
_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended('photos', :id))")


@dataclass(frozen=True, slots=True)
class Kept:
    """A file that is here now; `is_new` tells whether it was before."""

    id: UUID
    is_new: bool


def keep(
    tx: Transaction,
    request_id: int,
    kind: str,
    data: bytes,
    *,
    by: Actor,
    taken_at: datetime | None = None,
    lat: float | None = None,
    lon: float | None = None,
) -> Kept:
    """Keep a photo (before, after or evidence); the same file for the same thing is kept once.

    `taken_at`, `lat` and `lon` (WGS84) are what the sender's page says; what the camera wrote
    into the file counts before it. Raises Rejected naming the field, Missing for the request.
    """
    if kind not in PHOTO_KINDS:
        listed = "、".join(PHOTO_KINDS)
        raise Rejected(
            "photo",
            f"kind：须为其中之一：{listed}",
            f"kind: must be one of {', '.join(PHOTO_KINDS)}",
            pointer="/kind",
        )
    sha256 = hashlib.sha256(data).digest()
    request = _request(tx, request_id)
    known = tx.session.scalar(
        select(Photo.photo_id).where(
            Photo.request_id == request_id, Photo.kind == kind, Photo.sha256 == sha256
        )
    )
    if known is not None:
        return Kept(known, is_new=False)
    _check_room(tx, Photo, request_id)
    picture = pictures.make(data)
    photo_id = uuid7()
    tx.session.add(
        Photo(
            photo_id=photo_id,
            request_id=request_id,
            kind=kind,
            round=request.reopened_count,
            sha256=sha256,
            likeness=pictures.signed(picture.likeness),
            bands=pictures.bands(picture.likeness),
            is_blank=picture.is_blank,
            width=picture.width,
            height=picture.height,
            uploaded_at=clock.now(),
            uploaded_by_kind=by.kind,
            uploaded_by=by.no,
        )
    )
    tx.session.flush()
    tx.session.add(PhotoBytes(photo_id=photo_id, jpeg=picture.jpeg, thumb=picture.thumb))
    origin = _origin(picture, taken_at, lat, lon)
    tx.session.add(PhotoOrigin(photo_id=photo_id, **origin))
    tx.session.flush()
    return Kept(photo_id, is_new=True)


def keep_attachment(tx: Transaction, request_id: int, name: str, data: bytes, *, by: Actor) -> Kept:
    """Keep a PDF of at most 5 MB, as it came; it is only ever given out as a download."""
    if not data.startswith(b"%PDF-"):
        raise _bad_file("须为 PDF 文件", "must be a PDF file")
    if len(data) > ATTACHMENT_BYTES_MAX:
        raise _bad_file("超过 5 MB，请缩小后再传", "is larger than 5 MB: make it smaller")
    _request(tx, request_id)
    sha256 = hashlib.sha256(data).digest()
    known = tx.session.scalar(
        select(Attachment.attachment_id).where(
            Attachment.request_id == request_id, Attachment.sha256 == sha256
        )
    )
    if known is not None:
        return Kept(known, is_new=False)
    _check_room(tx, Attachment, request_id)
    attachment_id = uuid7()
    tx.session.add(
        Attachment(
            attachment_id=attachment_id,
            request_id=request_id,
            name=_plain_name(name),
            sha256=sha256,
            content=data,
            uploaded_at=clock.now(),
            uploaded_by_kind=by.kind,
            uploaded_by=by.no,
        )
    )
    tx.session.flush()
    return Kept(attachment_id, is_new=True)


def _request(tx: Transaction, request_id: int) -> Request:
    # One at a time for one request, so that two tries of one file are one row.
    tx.session.execute(_LOCK, {"id": request_id})
    request = tx.session.get(Request, request_id)
    if request is None:
        raise Missing("no_request", "没有这件诉求", "There is no such request")
    return request


def _check_room(tx: Transaction, table: type[Photo | Attachment], request_id: int) -> None:
    key = Photo.photo_id if table is Photo else Attachment.attachment_id
    most = _COUNTS[table]
    there = tx.session.scalars(select(key).where(table.request_id == request_id)).all()
    if len(there) >= most:
        raise Rejected(
            "photo",
            f"photo：一件诉求最多 {most} 个文件",
            f"photo: a request has at most {most} of them",
            pointer="/photo",
        )


def _origin(
    picture: pictures.Picture, taken_at: datetime | None, lat: float | None, lon: float | None
) -> dict[str, Any]:
    if picture.taken_at or picture.lat is not None:
        return {
            "taken_at": picture.taken_at,
            "lat": picture.lat,
            "lon": picture.lon,
            "said_by": "camera",
        }
    if taken_at is not None and taken_at > clock.now() + CLOCKS_DIFFER:
        raise Rejected(
            "photo",
            "taken_at：拍摄时间在未来，请校准手机时间",
            "taken_at: lies in the future: set the telephone's clock",
            pointer="/taken_at",
        )
    if (lat is None) != (lon is None) or (
        lat is not None and lon is not None and not (-90 <= lat <= 90 and -180 <= lon <= 180)
    ):
        raise Rejected(
            "photo",
            "lat：经纬度须同时给出且在范围内",
            "lat: give lat and lon together, within their range",
            pointer="/lat",
        )
    return {"taken_at": taken_at, "lat": lat, "lon": lon, "said_by": "sender"}


def _plain_name(name: str) -> str:
    """A name that is safe in a header and on a page: the last part, without odd characters."""
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    shown = "".join(each for each in last if each.isprintable() and each not in '"<>|:*?')
    return shown.strip(". ")[-100:] or "document.pdf"


def _bad_file(zh: str, en: str) -> Rejected:
    return Rejected("attachment", f"file：{zh}", f"file: {en}", pointer="/file")
