"""Photos and documents of requests, and the photos that look like one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from services.intake.rules import pictures
from shared.db.arrays import literal

_COLUMNS = (
    "p.photo_id, p.request_id, p.kind, p.round, p.sha256, p.likeness, p.is_blank, p.width,"
    " p.height, p.uploaded_at, p.uploaded_by_kind, p.uploaded_by, o.taken_at, o.lat, o.lon"
    " FROM photos p JOIN photo_origins o USING (photo_id)"
)
_OF_REQUESTS = text(
    f"SELECT {_COLUMNS} WHERE p.request_id = ANY(CAST(:ids AS bigint[]))"
    " ORDER BY p.uploaded_at, p.photo_id"
)
# Photos of other requests that are the same file, or share a part of the hash; the rule decides.
_ALIKE = text(
    "SELECT p.photo_id, p.request_id, p.sha256, p.likeness, p.is_blank FROM photos p"
    " WHERE p.request_id <> :request_id AND (p.sha256 = ANY(CAST(:hashes AS bytea[]))"
    " OR p.bands && CAST(:bands AS int[]))"
)
_JPEG = text("SELECT jpeg FROM photo_bytes b JOIN photos p USING (photo_id)"
             " WHERE photo_id = :id AND request_id = :request_id")  # fmt: skip
_THUMB = text("SELECT thumb FROM photo_bytes b JOIN photos p USING (photo_id)"
              " WHERE photo_id = :id AND request_id = :request_id")  # fmt: skip
_ATTACHMENTS = text(
    "SELECT attachment_id, name, length(content) AS bytes, uploaded_at FROM attachments"
    " WHERE request_id = :id ORDER BY uploaded_at, attachment_id"
)
_ATTACHMENT = text(
    "SELECT name, content FROM attachments WHERE attachment_id = :id AND request_id = :request_id"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PhotoOf:
    """A photo as rules and pages see it; `lat` and `lon` are WGS84 and for the office only."""

    photo_id: UUID
    request_id: int
    kind: str
    round: int
    sha256: bytes
    likeness: int
    is_blank: bool
    width: int
    height: int
    uploaded_at: datetime
    uploaded_by_kind: str
    uploaded_by: str
    taken_at: datetime | None
    lat: float | None
    lon: float | None


def photos_of(session: Session, request_id: int) -> list[PhotoOf]:
    """The photos of a request, the oldest first; never their bytes."""
    return photos_of_requests(session, [request_id])


def photos_of_requests(session: Session, request_ids: Iterable[int]) -> list[PhotoOf]:
    """The photos of several requests in one round trip, the oldest first."""
    found = session.execute(_OF_REQUESTS, {"ids": literal(request_ids)}).mappings()
    return [_photo(dict(row)) for row in found]


def _photo(row: dict[str, Any]) -> PhotoOf:
    likeness = pictures.unsigned(row.pop("likeness"))
    return PhotoOf(**{**row, "sha256": bytes(row["sha256"])}, likeness=likeness)


def used_elsewhere(session: Session, photo: PhotoOf) -> bool:
    """Whether another request has this very photo, by its file or by its looks."""
    found = session.execute(
        _ALIKE,
        {
            "request_id": photo.request_id,
            "hashes": [photo.sha256],
            "bands": literal([] if photo.is_blank else pictures.bands(photo.likeness)),
        },
    )
    return any(
        bytes(row.sha256) == photo.sha256
        or (
            not row.is_blank
            and pictures.distance(pictures.unsigned(row.likeness), photo.likeness)
            <= pictures.SAME_WITHIN
        )
        for row in found
    )


def picture(session: Session, request_id: int, photo_id: UUID, *, is_thumb: bool) -> bytes | None:
    """The JPEG of a photo of this request; None when the request has no such photo."""
    found = session.execute(
        _THUMB if is_thumb else _JPEG, {"id": photo_id, "request_id": request_id}
    ).scalar_one_or_none()
    return None if found is None else bytes(found)


def attachments_of(session: Session, request_id: int) -> list[dict[str, Any]]:
    """The documents of a request, the oldest first; never their bytes."""
    return [dict(row) for row in session.execute(_ATTACHMENTS, {"id": request_id}).mappings()]


def attachment(session: Session, request_id: int, attachment_id: UUID) -> tuple[str, bytes] | None:
    """(name, content) of a document of this request."""
    row = session.execute(
        _ATTACHMENT, {"id": attachment_id, "request_id": request_id}
    ).one_or_none()
    return None if row is None else (row.name, bytes(row.content))
